"""Imperfections put together: an array is fabricated, read and pulsed as a real one, by whichever engine.

Everything random comes from the generator that is handed in, and none of it from the engine: with the same seed both engines are given
the same arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.faults import Endurance, StuckMap, Wear
from spicesnn.crossbar.noise import CycleToCycle, ReadNoise, RetentionDrift, TelegraphNoise
from spicesnn.devices.levels import ConductanceStates
from spicesnn.devices.variability import Distribution, spread
from spicesnn.engines.base import Engine
from spicesnn.engines.results import PulseResult, Read
from spicesnn.engines.stimulus import Pulse, Waveform
from spicesnn.errors import InputError


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Imperfections:
    """What is imperfect about an array; every part may be left out.

    Attributes
    ----------
    spread : Mapping of str to Distribution
        Device-to-device spread: parameter name → distribution of the factor on it.
    stuck_on, stuck_off : float
        Probability that a cell is stuck at its highest, or lowest, conductance.
    cycle_to_cycle : CycleToCycle
    states : ConductanceStates
        The conductances that a cell can hold; after every pulse the cells that moved are rounded to them.
    endurance : Endurance
    read_noise : ReadNoise
    telegraph : TelegraphNoise
    retention : RetentionDrift
    """

    spread: Mapping[str, Distribution] = field(default_factory=dict)
    stuck_on: float = 0.0
    stuck_off: float = 0.0
    cycle_to_cycle: CycleToCycle | None = None
    states: ConductanceStates | None = None
    endurance: Endurance | None = None
    read_noise: ReadNoise | None = None
    telegraph: TelegraphNoise | None = None
    retention: RetentionDrift | None = None

    def fabricated(self, array: Crossbar, rng: np.random.Generator) -> Crossbar:
        """Return the array as it left the factory: parameters spread, cells stuck."""
        if self.spread:
            if array.device is None:
                raise InputError("a spread of parameters needs cells with a device model; an array of plain conductances has none")
            array = replace(array, device=spread(array.device, array.shape, self.spread, rng))
        if self.stuck_on or self.stuck_off:
            array = StuckMap.drawn(array.shape, rng, on=self.stuck_on, off=self.stuck_off).applied(array)
        return array

    def fresh_wear(self, array: Crossbar, rng: np.random.Generator) -> Wear | None:
        """Return the wear of unused cells, or None where nothing wears out."""
        return None if self.endurance is None else self.endurance.fresh(array.shape, rng)

    def before_read(self, array: Crossbar, rng: np.random.Generator) -> Crossbar:
        """Return the array as one read sees it."""
        for part in (self.telegraph, self.read_noise):
            if part is not None:
                array = part.before_read(array, rng)
        return array

    def after_pulse(self, before: Crossbar, after: Crossbar, rng: np.random.Generator, wear: Wear | None = None) -> tuple[Crossbar, Wear | None]:
        """Return the array and its wear as a pulse really left them, from the array that the equations give."""
        if self.cycle_to_cycle is not None:
            after = self.cycle_to_cycle.after_pulse(before, after, rng)
        if self.states is not None and after.device is not None and after.device.memory:
            old, new = before.state_or_zeros(), after.state_or_zeros()
            after = after.with_state(np.where(new == old, old, self.states.held(after.device, new, rng)))
        if self.endurance is not None:
            if wear is None:
                raise InputError("endurance counts from pulse to pulse; give wear=…, at first from fresh_wear(array, rng)")
            after, wear = self.endurance.aged(wear, before, after)
        return after, wear

    def read(self, engine: Engine, array: Crossbar, row_volts: ArrayLike, rng: np.random.Generator, **lines: Any) -> Read:
        """Read once; every input of a batch sees the same disturbed cells. `lines` are the other arguments of `Engine.read`."""
        return engine.read(self.before_read(array, rng), row_volts, **lines)

    def pulse(
        self, engine: Engine, array: Crossbar, pulse: Pulse | Waveform, rng: np.random.Generator, wear: Wear | None = None
    ) -> tuple[PulseResult, Wear | None]:
        """Apply a pulse and return its result with the array as it was really left, and the wear."""
        done = engine.pulse(array, pulse)
        after, worn = self.after_pulse(array, done.array, rng, wear)
        return replace(done, array=after), worn

    def rested(self, array: Crossbar, seconds: float, rng: np.random.Generator) -> Crossbar:
        """Return the array after a rest; exponents are drawn anew (keep them with `RetentionDrift.exponents` where the same cells rest again)."""
        if self.retention is None:
            return array
        return self.retention.rested(array, seconds, self.retention.exponents(array.shape, rng))
