"""Programming: steps become pulses on a solved array; every pulse and every joule is counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.devices.base import Device
from spicesnn.engines.base import Engine
from spicesnn.errors import InputError
from spicesnn.learning.schemes import Scheme, Step, Write


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Programmed:
    """An array after programming, with what it took."""

    array: Crossbar
    pulses: int
    energy_joule: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Programmer:
    """How conductances are raised and lowered.

    Attributes
    ----------
    scheme : Scheme
    set_pulse, reset_pulse : Write
        The pulse that raises and the one that lowers the conductance, signed for the device.
    cycle_to_cycle : float
        Relative standard deviation of what a pulse does to a cell: the solved change of state is multiplied by 1 + σ·N(0, 1), drawn anew
        for every cell and pulse.
    """

    scheme: Scheme
    set_pulse: Write
    reset_pulse: Write
    cycle_to_cycle: float = 0.0

    @classmethod
    def for_device(
        cls, device: Device, scheme: Scheme, *, set_volts: float, reset_volts: float, set_s: float, reset_s: float, rise_s: float = 0.0,
        cycle_to_cycle: float = 0.0,
    ) -> Programmer:  # fmt: skip
        """Return a programmer from magnitudes (volt), with the signs by which `device` is set and reset."""
        if device.set_polarity == 0:
            raise InputError(f"{device.name} has no polarity that raises its conductance; it cannot be programmed by set and reset pulses")
        sign = float(device.set_polarity)
        return cls(scheme=scheme, set_pulse=Write(volts=sign * set_volts, width_s=set_s, rise_s=rise_s),
                   reset_pulse=Write(volts=-sign * reset_volts, width_s=reset_s, rise_s=rise_s), cycle_to_cycle=cycle_to_cycle)  # fmt: skip

    def with_width(self, share: float) -> Programmer:
        """Return the same with pulses of `share` times the width."""
        return replace(self, set_pulse=replace(self.set_pulse, width_s=share * self.set_pulse.width_s),
                       reset_pulse=replace(self.reset_pulse, width_s=share * self.reset_pulse.width_s))  # fmt: skip

    def apply(self, engine: Engine, array: Crossbar, steps: Iterable[Step], rng: np.random.Generator) -> Programmed:
        """Apply steps one after the other, each a pulse solved by `engine` on the whole array."""
        pulses, energy = 0, 0.0
        for step in steps:
            done = engine.pulse(array, self.scheme.pulse(array, step, self.set_pulse if step.raising else self.reset_pulse))
            array = self._with_spread(array, done.array, rng) if self.cycle_to_cycle else done.array
            pulses += 1
            energy += done.energy_joule
        return Programmed(array=array, pulses=pulses, energy_joule=energy)

    def _with_spread(self, before: Crossbar, after: Crossbar, rng: np.random.Generator) -> Crossbar:
        assert after.device is not None
        old, new = before.state_or_zeros(), after.state_or_zeros()
        low, high = after.device.bounds()
        spread = 1.0 + self.cycle_to_cycle * rng.standard_normal(after.shape)
        return after.with_state(np.clip(old + (new - old) * spread, low, high))
