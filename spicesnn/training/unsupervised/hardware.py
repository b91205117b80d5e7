"""What the unsupervised network stands on: tables of its preset about wires and tiles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicesnn.crossbar.faults import StuckMap
from spicesnn.crossbar.tiles import Tiling
from spicesnn.crossbar.wires import Wires
from spicesnn.devices.variability import LogNormal
from spicesnn.errors import ConfigError
from spicesnn.training.options import Section, option
from spicesnn.training.unsupervised.defects import POOL, Defects
from spicesnn.training.unsupervised.wired import Pulses
from spicesnn.training.unsupervised.wiring import Wiring


@dataclass(frozen=True, kw_only=True)
class ArraySection(Section):
    """[array]: wires and tiles, and what of the training goes through them."""

    wires: str = option("ideal", "what goes through the wires", choices=("ideal", "reads", "reads-and-writes"))
    word_line_ohm: float = option(1.0, "resistance of a word-line segment", above=0.0)
    bit_line_ohm: float = option(1.0, "resistance of a bit-line segment", above=0.0)
    driver_ohm: float = option(0.0, "output resistance of the word-line drivers", lowest=0.0)
    sense_ohm: float = option(0.0, "input resistance of the sense nodes", lowest=0.0)
    tile_rows: int = option(128, "word lines of a tile; 0: not cut", lowest=0)
    tile_cols: int = option(128, "bit lines of a tile; 0: not cut", lowest=0)
    read_tolerance: float = option(0.02, "how wrong a neuron's current may be, of what its conductances add up to", above=0.0)

    def segments(self) -> Wires:
        """Return the wires of a tile."""
        return Wires(word_line_ohm=self.word_line_ohm, bit_line_ohm=self.bit_line_ohm, driver_ohm=self.driver_ohm, sense_ohm=self.sense_ohm)

    def wiring(self, g_one: float, pulses: Pulses | None) -> Wiring | None:
        """Return the wires, None where they are ideal."""
        if self.wires == "ideal":
            return None
        return Wiring(wires=self.segments(), tiling=Tiling(rows=self.tile_rows, cols=self.tile_cols), g_one=g_one, read_tolerance=self.read_tolerance,
                      pulses=pulses)  # fmt: skip


PLACES = ("anywhere", "centre", "border")


@dataclass(frozen=True, kw_only=True)
class ImperfectionSection(Section):
    """[imperfections]: what the cells are that the learning does not know of."""

    stuck_on: float = option(0.0, "share of cells stuck at weight 1", lowest=0.0)
    stuck_off: float = option(0.0, "share of cells stuck at weight 0", lowest=0.0)
    stuck_place: str = option("anywhere", "which inputs have stuck cells: all, the middle 14×14 pixels, or the frame around them", choices=PLACES)
    spread: float = option(0.0, "relative spread from cell to cell of what a pulse does (log-normal)", lowest=0.0)
    read_noise: float = option(0.0, "relative spread of each cell's conductance from read to read", lowest=0.0)

    @property
    def none(self) -> bool:
        """Whether everything is as it should be."""
        return not (self.stuck_on or self.stuck_off or self.spread or self.read_noise)

    def defects(self, inputs: int, neurons: int, rng: np.random.Generator) -> Defects | None:
        """Draw the cells; the same generator gives the same array."""
        if self.none:
            return None
        shape = (inputs, neurons)
        gain = LogNormal(self.spread).draw(shape, rng).astype(np.float32)
        stuck = StuckMap.drawn(shape, rng, on=self.stuck_on, off=self.stuck_off)
        place = _rows_at(self.stuck_place, inputs)[:, None]
        start = np.where(stuck.on & place, 1.0, np.where(stuck.off & place, 0.0, np.nan)).astype(np.float32)
        gain[~np.isnan(start)] = 0.0
        noise = (self.read_noise * rng.standard_normal(POOL + neurons if self.read_noise else 0)).astype(np.float32)
        return Defects(gain=gain, start=start, noise=noise)


def _rows_at(place: str, inputs: int) -> NDArray[np.bool_]:
    """Return which inputs, pixels of a square image, lie at a place."""
    side = round(inputs**0.5)
    if place == "anywhere":
        return np.ones(inputs, dtype=bool)
    if side * side != inputs:
        raise ConfigError(f"imperfections.stuck_place is {place!r}, but {inputs} inputs are no square image; use 'anywhere'")
    middle = np.zeros((side, side), dtype=bool)
    middle[side // 4 : side - side // 4, side // 4 : side - side // 4] = True
    return middle.ravel() if place == "centre" else ~middle.ravel()
