"""What the unsupervised network stands on: tables of its preset about wires and tiles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spicesnn.crossbar.tiles import Tiling
from spicesnn.engines.tiled.incremental import Pulses
from spicesnn.engines.tiled.wiring import Wiring
from spicesnn.training.options import option
from spicesnn.training.stream_imperfections import StreamImperfections
from spicesnn.training.tile_wires import TileWires
from spicesnn.training.unsupervised.defects import POOL, Defects


@dataclass(frozen=True, kw_only=True)
class ArraySection(TileWires):
    """[array]: wires and tiles, and what of the training goes through them."""

    wires: str = option("ideal", "operations that include IR drop", choices=("ideal", "reads", "reads-and-writes"))
    word_line_ohm: float = option(1.0, "resistance of a word-line segment", above=0.0)
    bit_line_ohm: float = option(1.0, "resistance of a bit-line segment", above=0.0)
    read_tolerance: float = option(0.02, "tolerated error of a neuron's current, relative to the sum of its conductances", above=0.0)

    def wiring(self, g_one: float, pulses: Pulses | None) -> Wiring | None:
        """Return the wires, None where they are ideal."""
        if self.wires == "ideal":
            return None
        return Wiring(wires=self.segments(), tiling=Tiling(rows=self.tile_rows, cols=self.tile_cols), g_one=g_one, read_tolerance=self.read_tolerance,
                      pulses=pulses)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ImperfectionSection(StreamImperfections):
    """[imperfections]: what the cells are that the learning does not know of."""

    @property
    def none(self) -> bool:
        """Whether all cells are as they should be; their states are a kind of synapse, and no defect."""
        return not (self.any_stuck or self.spread or self.cycle_to_cycle or self.read_noise)

    def defects(self, inputs: int, neurons: int, rng: np.random.Generator) -> Defects | None:
        """Draw the cells; the same generator gives the same array."""
        if self.none:
            return None
        shape = (inputs, neurons)
        gain = self.gains(shape, rng).astype(np.float32)
        stuck = self.stuck_map(shape, rng, pixels=inputs)
        gain[stuck.any] = 0.0
        start = np.where(stuck.on, 1.0, np.where(stuck.off, 0.0, np.nan)).astype(np.float32)
        noise = (self.read_noise * rng.standard_normal(POOL + neurons if self.read_noise else 0)).astype(np.float32)
        scatter = (1.0 + self.cycle_to_cycle * rng.standard_normal(POOL if self.cycle_to_cycle else 0)).astype(np.float32)
        return Defects(gain=gain, start=start, noise=noise, scatter=scatter)
