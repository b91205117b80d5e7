r"""A neuron of one volatile threshold switch and one capacitor, as a circuit and as a step
function.

The switch (a Mott or an Ovonic device) leaks until the voltage across it reaches its threshold; it
then conducts, discharges the membrane, and is off again when its voltage has fallen to the holding
voltage. Between these events the circuit is linear,

.. math:: C \frac{dv}{dt} = i - \frac{v}{R}, \qquad R = R_{off} + R_{load} \text{ or } R_{on} +
R_{load},

so its events are known exactly. A current above :math:`v_t/R_{off}'` makes it fire again and again
(an oscillator whose rate codes the current); one above :math:`v_h/R_{on}'` keeps the switch on. M.
D. Pickett, G. Medeiros-Ribeiro and R. S. Williams, Nature Materials 12, 114, 2013, built neurons of
such switches; the numbers here are an example, not a fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.arrays import Floats
from spicesnn.errors import InputError
from spicesnn.neurons.lif import LIF, check_positive

_MOST_EVENTS = 1_000_000
"""Events of a neuron in one step; more mean a step that is far too long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ThresholdSwitchNeuron:
    """A volatile switch in series with a load, and a capacitor beside both.

    Attributes
    ----------
    capacitance : float
        Of the membrane, farad.
    off_ohm, on_ohm : float
        Of the switch, ohm.
    load_ohm : float
        Across which spikes are seen, ohm.
    threshold_volts, hold_volts : float
        Across the switch alone, where it turns on and off, volt.
    """

    capacitance: float = 100e-12
    off_ohm: float = 1e6
    on_ohm: float = 2e3
    load_ohm: float = 500.0
    threshold_volts: float = 1.0
    hold_volts: float = 0.3

    def __post_init__(self) -> None:
        names = ("capacitance", "off_ohm", "on_ohm", "load_ohm", "threshold_volts", "hold_volts")
        check_positive("threshold switch neuron", **{name: getattr(self, name) for name in names})
        if not (self.on_ohm < self.off_ohm and self.held_volts < self.fired_volts):
            raise InputError(
                f"threshold switch neuron: {self}; expected on_ohm < off_ohm, and a load so small "
                "that the "
                "switch keeps more than hold_volts when it turns on"
            )

    @property
    def fired_volts(self) -> float:
        """Membrane at which the switch turns on, volt."""
        return self.threshold_volts * (self.off_ohm + self.load_ohm) / self.off_ohm

    @property
    def held_volts(self) -> float:
        """Membrane at which the switch turns off, volt."""
        return self.hold_volts * (self.on_ohm + self.load_ohm) / self.on_ohm

    @property
    def window_amps(self) -> tuple[float, float]:
        """Least current that fires, and the current from which the switch stays on, ampere."""
        return (
            self.fired_volts / (self.off_ohm + self.load_ohm),
            self.held_volts / (self.on_ohm + self.load_ohm),
        )

    @property
    def spike_joule(self) -> float:
        """What a spike takes from the membrane, joule."""
        return 0.5 * self.capacitance * (self.fired_volts**2 - self.held_volts**2)

    @property
    def spike_s(self) -> float:
        """How long a spike lasts without an input current, second."""
        ohm = self.on_ohm + self.load_ohm
        return float(ohm * self.capacitance * np.log(self.fired_volts / self.held_volts))

    def as_lif(self) -> LIF:
        """Return the LIF neuron with the same leak, threshold and reset; a spike's duration at no
        input is its refractory time.

        What is left between the two: the spike of the switch lasts longer under a current, which
        flows on while it discharges.
        """
        ohm = self.off_ohm + self.load_ohm
        return LIF(
            tau_s=ohm * self.capacitance,
            resistance_ohm=ohm,
            threshold_volts=self.fired_volts,
            reset_volts=self.held_volts,
            refractory_s=self.spike_s,
        )

    def spice_parameters(self, start_volts: float = 0.0) -> dict[str, float]:
        """Return what travels on the X line of threshold_neuron.lib."""
        return {
            "capacitance": self.capacitance,
            "off_ohm": self.off_ohm,
            "on_ohm": self.on_ohm,
            "load_ohm": self.load_ohm,
            "threshold_volts": self.threshold_volts,
            "hold_volts": self.hold_volts,
            "start_volts": start_volts,
        }

    def first_spike_s(self, amps: ArrayLike) -> Floats:
        """Return when neurons at 0 V first fire under constant currents (…), second; ``inf`` where
        they never do.
        """
        return self._charged(np.asarray(amps, dtype=float), 0.0)

    def rate_hz(self, amps: ArrayLike) -> Floats:
        """Return spikes a second under constant currents (…); 0 below the window, and above it,
        where the switch stays on.
        """
        amps = np.asarray(amps, dtype=float)
        up = self._charged(amps, self.held_volts)
        ohm = self.on_ohm + self.load_ohm
        falls = amps * ohm < self.held_volts
        goal = np.where(falls, amps * ohm, 0.0)
        down = ohm * self.capacitance * np.log((self.fired_volts - goal) / (self.held_volts - goal))
        return np.where(
            np.isfinite(up) & falls, 1.0 / (np.where(np.isfinite(up), up, 1.0) + down), 0.0
        )

    def _charged(self, amps: Floats, start: float) -> Floats:
        ohm = self.off_ohm + self.load_ohm
        goal = amps * ohm
        above = goal > self.fired_volts
        safe = np.where(above, goal, 2 * self.fired_volts)
        wait = ohm * self.capacitance * np.log((safe - start) / (safe - self.fired_volts))
        return np.where(above, wait, np.inf)


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class ThresholdSwitchState:
    """Membrane voltages, and which switches are on; any shape."""

    volts: Floats
    on: NDArray[np.bool_]

    @classmethod
    def at_rest(cls, shape: int | tuple[int, ...]) -> ThresholdSwitchState:
        """Return neurons at 0 V with their switches off."""
        return cls(volts=np.zeros(shape), on=np.zeros(shape, dtype=bool))


def threshold_switch_step(
    amps: ArrayLike, state: ThresholdSwitchState, neuron: ThresholdSwitchNeuron, dt_s: float
) -> tuple[NDArray[np.int64], ThresholdSwitchState]:
    """Move neurons by one time step, exactly for an input that is constant over it, however many
    spikes it holds.

    Parameters
    ----------
    amps : (…)
        Input current over the step, ampere.
    state : ThresholdSwitchState
    neuron : ThresholdSwitchNeuron
    dt_s : float
        Time step, second.

    Returns
    -------
    spikes : (…) int
        How often each switch turned on.
    state : ThresholdSwitchState
    """
    check_positive("threshold switch neuron", dt_s=dt_s)
    current = np.asarray(amps, dtype=float)
    shape = np.broadcast_shapes(current.shape, state.volts.shape)
    current = np.broadcast_to(current, shape)
    volts, on = (
        np.array(np.broadcast_to(state.volts, shape)),
        np.array(np.broadcast_to(state.on, shape)),
    )
    left, spikes = np.full(shape, float(dt_s)), np.zeros(shape, dtype=np.int64)
    for _ in range(_MOST_EVENTS):
        ohm = np.where(on, neuron.on_ohm, neuron.off_ohm) + neuron.load_ohm
        level = np.where(on, neuron.held_volts, neuron.fired_volts)
        tau, goal = ohm * neuron.capacitance, current * ohm
        wait = _wait(volts, goal, level, tau, on)
        event = wait <= left
        moved = goal + (volts - goal) * np.exp(-np.minimum(wait, left) / tau)
        volts = np.where(event, level, moved)
        spikes += event & ~on
        on = on ^ event
        left = np.where(event, left - wait, 0.0)
        if not np.any(event):
            return spikes, ThresholdSwitchState(volts=volts, on=on)
    raise InputError(
        f"more than {_MOST_EVENTS} events in a step of {dt_s:g} s; expected shorter steps"
    )


def _wait(volts: Floats, goal: Floats, level: Floats, tau: Floats, on: NDArray[np.bool_]) -> Floats:
    """Return how long until a membrane on its way to `goal` meets `level`, rising with the switch
    off and falling with it on.
    """
    comes = np.where(on, goal < level, goal > level)
    there = np.where(on, volts <= level, volts >= level)
    ratio = np.divide(volts - goal, level - goal, out=np.ones_like(goal), where=comes & ~there)
    return np.where(there, 0.0, np.where(comes, tau * np.log(ratio), np.inf))
