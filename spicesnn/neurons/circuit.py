"""The Python twins of the circuit neurons in `models/`: transimpedance.lib, summing_stage.lib,
lapicque.lib, winner_take_all.lib.

A column's current is turned into a voltage, inverted, and drives a leaky membrane; a comparator
with hysteresis makes the spike, which resets the membrane for the refractory time and, through a
common line, silences the other neurons."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class Amplifier:
    """The op amp of transimpedance.lib and summing_stage.lib.

    One pole and rails: ``du/dt = 2π·pole_hz·(gain·(v₊ − v₋) − u)``, ``v_out = middle +
    swing·tanh((u − middle)/swing)``. Feedback takes the tanh out again, to 1 in `gain`, up to the
    rails.

    Attributes
    ----------
    gain : float
        Open loop, 1.
    pole_hz : float
        Open loop, hertz; ``gain·pole_hz`` is the gain-bandwidth product.
    v_low, v_high : float
        Rails, volt.
    """

    gain: float = 1e5
    pole_hz: float = 10.0
    v_low: float = -20.0
    v_high: float = 20.0

    def __post_init__(self) -> None:
        if not (self.gain > 0 and self.pole_hz > 0 and self.v_low < self.v_high):
            raise InputError(
                f"amplifier: {self}; expected gain > 0, pole_hz > 0 and v_low < v_high"
            )

    def transimpedance_volts(self, amps: ArrayLike, feedback_ohm: float) -> Floats:
        """Return the settled output for a current into the virtual ground: ``out = sat(−gain·(out +
        feedback_ohm·amps))``, by bisection."""
        drop = feedback_ohm * np.asarray(amps, dtype=float)
        middle, swing = (self.v_high + self.v_low) / 2, (self.v_high - self.v_low) / 2
        low, high = np.full(drop.shape, self.v_low), np.full(drop.shape, self.v_high)
        for _ in range(80):
            out = 0.5 * (low + high)
            above = out > middle + swing * np.tanh((-self.gain * (out + drop) - middle) / swing)
            low, high = np.where(above, low, out), np.where(above, out, high)
        return np.asarray(0.5 * (low + high))

    def spice_parameters(self) -> dict[str, float]:
        """Return what travels on the X line."""
        return {
            "gain": self.gain,
            "pole_hz": self.pole_hz,
            "v_low": self.v_low,
            "v_high": self.v_high,
        }


OUTPUT_FALL_S = 1e-6
"""Time constant with which the comparator's output falls in lapicque.lib, seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Inhibition:
    """Lateral inhibition through a common line (winner_take_all.lib).

    Attributes
    ----------
    inhibition_s : float
        How long a spike silences the neurons that have not fired themselves, seconds.
    inhibit_ohm : float
        Resistance that holds their membranes at reset, ohm.
    """

    inhibition_s: float = 1e-3
    inhibit_ohm: float = 1e-3

    def __post_init__(self) -> None:
        if not (self.inhibition_s > 0 and self.inhibit_ohm > 0):
            raise InputError(f"inhibition: {self}; expected a time and a resistance above 0")


@dataclass(frozen=True, kw_only=True, slots=True)
class CircuitNeuron:
    """An analog neuron behind a bit line.

    .. math:: v_{drive} = R_f I, \\qquad C \\frac{dv_m}{dt} = g_m v_{drive} - v_m / R

    The defaults are the circuit of "In-situ memristive learning" (Electronics 13, 4665, 2024),
    which has no reset and no refractory time: its first crossing of the threshold is its spike, ``t
    = τ·ln(V∞/(V∞ − v_threshold))``. It has no hysteresis either; here there is 10 mV, since a
    comparator without any flips with the solver's rounding where a membrane lingers at the
    threshold.

    Attributes
    ----------
    feedback_ohm : float
        Current to voltage, ohm.
    amplifier : Amplifier
    transconductance : float
        Of the membrane's drive, siemens.
    leak_ohm, capacitance : float
        Membrane, ohm and farad.
    v_threshold, hysteresis, v_reset : float
        Volt.
    reset_ohm : float or None
        Resistance that holds the membrane at reset, ohm; None for no reset.
    refractory_s : float
        How long it is held after a spike, seconds.
    spike_low, spike_high : float
        Rails of the comparator, volt.
    """

    feedback_ohm: float = 1e3
    amplifier: Amplifier = Amplifier()
    transconductance: float = 1.0
    leak_ohm: float = 1.0
    capacitance: float = 150e-6
    v_threshold: float = 4.0
    hysteresis: float = 0.01
    v_reset: float = 0.0
    reset_ohm: float | None = None
    refractory_s: float = 1e-6
    spike_low: float = -0.07
    spike_high: float = 1.07

    def __post_init__(self) -> None:
        positive = ("feedback_ohm", "transconductance", "leak_ohm", "capacitance", "refractory_s")
        wrong = [
            name
            for name in positive
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0)
        ]
        if wrong:
            raise InputError(
                f"circuit neuron: {wrong[0]} = {getattr(self, wrong[0])!r}; expected a finite"
                " number above 0"
            )
        least = 1e-3 * abs(self.v_threshold)
        if not (
            self.v_reset < self.v_threshold - self.hysteresis
            and self.hysteresis >= least
            and self.spike_low < self.spike_high
        ):
            raise InputError(
                "circuit neuron: expected v_reset < v_threshold − hysteresis, hysteresis ≥"
                f" {least:g} V and spike_low < spike_high; got v_reset = {self.v_reset},"
                f" v_threshold = {self.v_threshold}, hysteresis = {self.hysteresis}, spikes from"
                f" {self.spike_low} to {self.spike_high} V"
            )
        if self.reset_ohm is not None and not 0 < self.reset_ohm < 1e-2 * self.leak_ohm:
            raise InputError(
                f"circuit neuron: reset_ohm = {self.reset_ohm}; expected None, or above 0 and below"
                " a hundredth of leak_ohm"
            )

    @property
    def tau_s(self) -> float:
        """Membrane time constant, seconds."""
        return self.leak_ohm * self.capacitance

    @property
    def dead_s(self) -> float:
        """How long the membrane is held after a spike: the comparator's output falls to 45 % of its
        swing, then `refractory_s`, seconds."""
        return OUTPUT_FALL_S * math.log(1 / 0.45) + self.refractory_s

    @property
    def threshold_amps(self) -> float:
        """Least current that ever fires, ampere."""
        return self.v_threshold / (self.transconductance * self.leak_ohm * self.feedback_ohm)

    def membrane_goal_volts(self, amps: ArrayLike) -> Floats:
        """Return V∞ for each current, volt, the amplifiers' rails included."""
        first = self.amplifier.transimpedance_volts(amps, self.feedback_ohm)
        # The inverter is the same circuit with the current first/feedback_ohm.
        second = self.amplifier.transimpedance_volts(first / self.feedback_ohm, self.feedback_ohm)
        return np.asarray(self.transconductance * self.leak_ohm * second)

    def first_spike_s(self, amps: ArrayLike) -> Floats:
        """Return the time of the first spike after the current is switched on, seconds (inf where
        it never fires)."""
        goal = self.membrane_goal_volts(amps)
        with np.errstate(divide="ignore", invalid="ignore"):
            time = self.tau_s * np.log((goal - self.v_reset) / (goal - self.v_threshold))
        return np.where(goal > self.v_threshold, time, np.inf)

    def rate_hz(self, amps: ArrayLike) -> Floats:
        """Return the firing rate at each current: the f–I curve ``1/(dead + τ·ln((V∞ − V_hold)/(V∞
        − V_th)))``, hertz.

        0 below threshold, and for a neuron without reset (its output stays on).
        """
        goal = self.membrane_goal_volts(amps)
        if self.reset_ohm is None:
            return np.zeros(goal.shape)
        held = self._held(goal, self.reset_ohm)
        with np.errstate(divide="ignore", invalid="ignore"):
            period = self.dead_s + self.tau_s * np.log((goal - held) / (goal - self.v_threshold))
        return np.where(goal > self.v_threshold, 1.0 / period, 0.0)

    def _held(self, goal: Floats, ohm: float) -> Floats:
        """Return the voltage at which a resistor to v_reset holds a driven membrane."""
        share = self.leak_ohm / (self.leak_ohm + ohm)
        return np.asarray(self.v_reset * share + goal * (1 - share))

    def spike_times(
        self, amps: ArrayLike, duration_s: float, inhibition: Inhibition | None = None
    ) -> list[Floats]:
        """Return the spike times of neurons at constant currents, from event to event.

        Parameters
        ----------
        amps : (neurons,)
        duration_s : float
        inhibition : Inhibition, optional
            A spike holds the membranes of all neurons that have not fired lately.

        Returns
        -------
        list of (spikes,) arrays, seconds
        """
        goal = self.membrane_goal_volts(np.atleast_1d(np.asarray(amps, dtype=float)))
        count = goal.size
        spikes: list[list[float]] = [[] for _ in range(count)]
        start, since = np.full(count, self.v_reset), np.zeros(count)
        last_own = np.full(count, -np.inf)
        fires = goal > self.v_threshold
        while True:
            with np.errstate(divide="ignore", invalid="ignore"):
                wait = self.tau_s * np.log((goal - start) / (goal - self.v_threshold))
            due = np.where(fires, since + wait, np.inf)
            now = float(due.min(initial=np.inf))
            if not now <= duration_s:
                return [np.array(times) for times in spikes]
            firing = due == now
            for k in np.flatnonzero(firing):
                spikes[k].append(now)
            last_own[firing] = now
            if self.reset_ohm is None:
                fires = fires & ~firing
            else:
                start = np.where(firing, self._held(goal, self.reset_ohm), start)
                since = np.where(firing, now + self.dead_s, since)
            if inhibition is not None:
                # bus − own copy = (1 − own)·2^(−t/T) stays above one half for T·log2(2(1 − own)).
                own = np.exp2(-(now - last_own) / inhibition.inhibition_s)
                silent = ~firing & (own < 0.5)
                held_for = inhibition.inhibition_s * np.log2(2 * (1 - np.where(silent, own, 0.0)))
                start = np.where(silent, self._held(goal, inhibition.inhibit_ohm), start)
                since = np.where(silent, np.maximum(since, now + held_for), since)

    def spice_parameters(self) -> dict[str, float]:
        """Return what travels on the X line of lapicque.lib."""
        return {
            "transconductance": self.transconductance,
            "leak_ohm": self.leak_ohm,
            "capacitance": self.capacitance,
            "v_threshold": self.v_threshold,
            "hysteresis": self.hysteresis,
            "v_reset": self.v_reset,
            "reset_ohm": 1e12 if self.reset_ohm is None else self.reset_ohm,
            "refractory_s": self.refractory_s,
            "v_low": self.spike_low,
            "v_high": self.spike_high,
        }
