"""The table [imperfections] of the networks that learn image by image: one meaning of each key in all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.faults import StuckMap
from spicesnn.devices.variability import LogNormal
from spicesnn.errors import ConfigError
from spicesnn.training.options import Section, option

PLACES = ("anywhere", "centre", "border")


@dataclass(frozen=True, kw_only=True)
class StreamImperfections(Section):
    """[imperfections]: what the cells do that the controller does not know of; 0 turns each off."""

    stuck_on: float = option(0.0, "fraction of cells stuck at the highest conductance", lowest=0.0, highest=1.0)
    stuck_off: float = option(0.0, "fraction of cells stuck at the lowest conductance", lowest=0.0, highest=1.0)
    stuck: float = option(0.0, "fraction of cells stuck at their initial conductance", lowest=0.0, highest=1.0)
    stuck_place: str = option("anywhere", "pixels on whose word lines cells are stuck: all, the centre 14×14, the border around it", choices=PLACES)
    spread: float = option(0.0, "device-to-device variation (log-normal) of the effect of a pulse", lowest=0.0)
    cycle_to_cycle: float = option(0.0, "cycle-to-cycle variation of the effect of a pulse, relative", lowest=0.0)
    states: int = option(0, "number of conductance states, evenly spaced over the window; 0: continuous", lowest=0)
    read_noise: float = option(0.0, "relative spread of a cell's conductance from read to read", lowest=0.0)

    @property
    def any_stuck(self) -> bool:
        """Whether some cells may be stuck."""
        return bool(self.stuck_on or self.stuck_off or self.stuck)

    def checked_states(self, *, table: bool) -> int:
        """Return the number of states (0 for any), which neither a scatter of steps nor a device's solved `table` goes with."""
        if self.states == 1:
            raise ConfigError("imperfections.states = 1; expected 0 for any conductance, or 2 or more")
        if self.states and self.cycle_to_cycle:
            raise ConfigError("imperfections.states and imperfections.cycle_to_cycle: give one, steps between states have no size that could scatter")
        if self.states and table:
            raise ConfigError("imperfections.states is for cells without a device model; a device has the states of its own pulses")
        return self.states

    def gains(self, shape: tuple[int, int], rng: np.random.Generator) -> Floats:
        """Return each cell's factor on what a pulse does."""
        return LogNormal(self.spread).draw(shape, rng)

    def stuck_map(self, shape: tuple[int, int], rng: np.random.Generator, *, pixels: int) -> StuckMap:
        """Return which cells of an array are stuck; its first `pixels` word lines are those of a square image (0: of no image)."""
        drawn = StuckMap.drawn(shape, rng, on=self.stuck_on, off=self.stuck_off, still=self.stuck)
        if self.stuck_place == "anywhere":
            return drawn
        place = np.zeros((shape[0], 1), dtype=bool)
        if pixels:
            place[:pixels, 0] = pixels_at(self.stuck_place, pixels)
        assert drawn.still is not None
        return StuckMap(on=drawn.on & place, off=drawn.off & place, still=drawn.still & place)


def pixels_at(place: str, pixels: int) -> NDArray[np.bool_]:
    """Return which pixels of a square image lie at a place."""
    side = round(pixels**0.5)
    if side * side != pixels:
        raise ConfigError(f"imperfections.stuck_place is {place!r}, but {pixels} inputs are no square image; use 'anywhere'")
    middle = np.zeros((side, side), dtype=bool)
    middle[side // 4 : side - side // 4, side // 4 : side - side // 4] = True
    return middle.ravel() if place == "centre" else ~middle.ravel()
