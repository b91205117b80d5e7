"""Programming: steps become pulses on a solved array; every pulse and every joule is counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.faults import Wear
from spicesnn.devices.base import Device
from spicesnn.engines.base import Engine
from spicesnn.learning.schemes import Scheme, Step, Write
from spicesnn.nonidealities.realised import Imperfections
from spicesnn.programming.pulse_map import set_polarity


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Programmed:
    """An array after programming, with what it took, and how worn it is where it wears."""

    array: Crossbar
    pulses: int
    energy_joule: float
    wear: Wear | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Programmer:
    """How conductances are raised and lowered.

    Attributes
    ----------
    scheme : Scheme
    set_pulse, reset_pulse : Write
        The pulse that raises and the one that lowers the conductance, signed for the device.
    imperfections : Imperfections
        What a pulse does besides the solved change of state: its spread, finite states, wear.
    """

    scheme: Scheme
    set_pulse: Write
    reset_pulse: Write
    imperfections: Imperfections = field(default_factory=Imperfections)

    @classmethod
    def for_device(
        cls,
        device: Device,
        scheme: Scheme,
        *,
        set_volts: float,
        reset_volts: float,
        set_s: float,
        reset_s: float,
        rise_s: float = 0.0,
        imperfections: Imperfections | None = None,
    ) -> Programmer:
        """Return a programmer from magnitudes (volt), with the signs by which `device` is set and
        reset."""
        sign = float(set_polarity(device))
        return cls(
            scheme=scheme,
            set_pulse=Write(volts=sign * set_volts, width_s=set_s, rise_s=rise_s),
            reset_pulse=Write(volts=-sign * reset_volts, width_s=reset_s, rise_s=rise_s),
            imperfections=imperfections or Imperfections(),
        )

    def with_width(self, share: float) -> Programmer:
        """Return the same with pulses of `share` times the width."""
        return replace(
            self,
            set_pulse=replace(self.set_pulse, width_s=share * self.set_pulse.width_s),
            reset_pulse=replace(self.reset_pulse, width_s=share * self.reset_pulse.width_s),
        )

    def apply(
        self,
        engine: Engine,
        array: Crossbar,
        steps: Iterable[Step],
        rng: np.random.Generator,
        wear: Wear | None = None,
    ) -> Programmed:
        """Apply steps one after the other, each a pulse solved by `engine` on the whole array."""
        pulses, energy = 0, 0.0
        for step in steps:
            pulse = self.scheme.pulse(
                array, step, self.set_pulse if step.raising else self.reset_pulse
            )
            done, wear = self.imperfections.pulse(engine, array, pulse, rng, wear)
            array = done.array
            pulses += 1
            energy += done.energy_joule
        return Programmed(array=array, pulses=pulses, energy_joule=energy, wear=wear)
