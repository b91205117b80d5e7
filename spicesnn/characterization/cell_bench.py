"""A test bench for one cell: many copies side by side under reads and short pulses, solved by an
engine, and the rates that follow."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import Pulse
from spicesnn.crossbar.wires import Wires
from spicesnn.devices.base import Device
from spicesnn.engines.base import Engine

_CELLS = 32
"""Cells that are solved in one run."""
_STEP, _EDGE_STEP = 0.002, 0.0002
"""How far a pulse should move the state to show its rate, as a share of the grain: elsewhere, and
from a bound inwards."""
_SEEN = 0.02
"""A move of this share of the grain times `_STEP` is seen well enough to choose the next pulse."""
_SHORTEST, _LONGER = 1e-6, 100.0
"""The first pulse, as a share of the longest; what it is made longer by as long as nothing is
seen."""
_ASIDE = 0.05
"""The middle of the last pulse's way may lie this share of a good step beside the point, and a way
this short may begin at it."""
_ROUNDS = 8


class Axis(enum.Enum):
    """What the amplitude of the programming pulses is applied to."""

    CELL = "cell"
    """The word line; the gate, if there is one, stands at `gate_volts`."""
    GATE = "gate"
    """The gate; the word line gets `cell_volts`."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class CellBench:
    """Many copies of a cell with one state variable, one per word line, on one bit line at 0 V
    without wires.

    Attributes
    ----------
    device : Device
    engine : Engine
    axis : Axis
    v_read : float
        Voltage at which the conductance I/V is read.
    gate_volts : float or None
        Gate level of reads, and of pulses along `Axis.CELL`.
    cell_volts : float
        Cell voltage of pulses along `Axis.GATE`.
    """

    device: Device
    engine: Engine
    axis: Axis
    v_read: float
    gate_volts: float | None
    cell_volts: float

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest state."""
        low, high = (float(np.asarray(bound)) for bound in self.device.bounds())
        return low, high

    def currents(self, states: Floats, volts: Floats) -> Floats:
        """Return the current of every state at every voltage, (states, voltages)."""
        parts = []
        for some in np.array_split(states, -(-states.size // _CELLS)):
            array = Crossbar(device=self.device, state=some[:, None], wires=Wires.ideal())
            gates = None if self.gate_volts is None else np.full(some.size, self.gate_volts)
            parts.append(
                self.engine.read(
                    array, np.repeat(volts[:, None], some.size, axis=1), gate_volts=gates
                ).row_amps.T
            )
        return np.concatenate(parts)

    def conductances(self, states: Floats) -> Floats:
        """Return I/V at the read voltage, (states,)."""
        return self.currents(states, np.array([self.v_read]))[:, 0] / self.v_read

    def _pulsed(self, states: Floats, amplitudes: Floats, width_s: float) -> Floats:
        """Return the states of at most `_CELLS` cells after one pulse each, (n,)."""
        array = Crossbar(device=self.device, state=states[:, None], wires=Wires.ideal())
        rows, gates = (
            amplitudes,
            None if self.gate_volts is None else np.full(states.size, self.gate_volts),
        )
        if self.axis is Axis.GATE:
            rows, gates = np.full(states.size, self.cell_volts), amplitudes
        after = self.engine.pulse(
            array, Pulse(row_volts=rows, width_s=width_s, gate_volts=gates)
        ).state[:, 0]
        return np.clip(after, *self.bounds)

    def moved(self, states: Floats, amplitudes: Floats, width_s: float) -> Floats:
        """Return the states after one pulse of the same width each, elementwise, (n,)."""
        after = np.empty(states.size)
        # Cells of similar amplitude together: one fast cell makes all cells of its run take short
        # steps.
        for some in np.array_split(
            np.argsort(np.abs(amplitudes), kind="stable"), -(-states.size // _CELLS)
        ):
            after[some] = self._pulsed(states[some], amplitudes[some], width_s)
        return after

    def rates(
        self,
        states: Floats,
        amplitudes: Floats,
        longest_s: float,
        grain: Floats,
        guess: Floats | None = None,
    ) -> Floats:
        """Return dx/dt, elementwise, (n,): Δx of a short pulse over its width, the state at the
        grid point half-way.

        Pulses begin as long as a guess of the rate asks for, or very short, and are made longer
        until the state moves by a good step; the way towards a bound, where rates fall to zero, is
        shorter. The last pulse starts half its way before the point.

        Parameters
        ----------
        states, amplitudes : (n,)
        longest_s : float
            The longest pulse: what does not move the state in it has no rate to speak of.
        grain : (n,)
            The way over which the cell changes much, state units: the range of a device whose
            conductance is straight in the state.
        guess : (n,), optional
            Rates that are about right.
        """
        low, high = self.bounds
        rate, width, known = (
            np.zeros(states.size),
            np.full(states.size, _SHORTEST * longest_s),
            np.zeros(states.size, dtype=bool),
        )
        aside = np.zeros(states.size)
        if guess is not None:
            rate, known = (
                np.array(guess, dtype=float),
                np.abs(guess) * longest_s > _SEEN * _STEP * grain,
            )
            width = self._width(states, rate, longest_s, grain)
        pending = np.arange(states.size)
        for _ in range(_ROUNDS):
            for some in _alike(width[pending]):
                k = pending[some]
                one = float(width[k].min())
                start = np.clip(states[k] - np.where(known[k], 0.5 * rate[k] * one, 0.0), low, high)
                step = self._pulsed(start, amplitudes[k], one) - start
                aside[k] = np.where(
                    (start > low) & (start < high), np.abs(start + 0.5 * step - states[k]), 0.0
                )
                rate[k], width[k] = step / one, one
            at = states[pending], rate[pending], longest_s, grain[pending]
            step, good, used = (
                np.abs(at[1]) * width[pending],
                self._good(at[0], at[1], at[3]),
                width[pending],
            )
            in_reach = (step <= 1.6 * good) & ((step >= 0.2 * good) | (used >= 0.999 * longest_s))
            enough = in_reach & (
                (known[pending] & (aside[pending] <= _ASIDE * good)) | (step <= _ASIDE * good)
            )
            seen = step > _SEEN * good
            known[pending] = seen
            width[pending] = np.where(seen, self._width(*at), np.minimum(used * _LONGER, longest_s))
            pending = pending[~enough]
            if not pending.size:
                break
        return rate

    def _good(self, states: Floats, rate: Floats, grain: Floats) -> Floats:
        """Return how far a pulse should move the states, (n,)."""
        low, high = self.bounds
        ahead, behind = (
            np.where(rate > 0, high - states, states - low),
            np.where(rate > 0, states - low, high - states),
        )
        inwards = np.where(behind < _STEP * grain, _EDGE_STEP, _STEP) * grain
        return np.asarray(np.clip(0.1 * ahead, np.minimum(2e-6 * (high - low), inwards), inwards))

    def _width(self, states: Floats, rate: Floats, longest_s: float, grain: Floats) -> Floats:
        """Return the pulse width that moves the states by a good step at their rates, (n,)."""
        with np.errstate(divide="ignore"):
            return np.asarray(
                np.clip(
                    self._good(states, rate, grain) / np.abs(rate),
                    1e-3 * _SHORTEST * longest_s,
                    longest_s,
                )
            )


def _alike(width: Floats) -> list[NDArray[np.intp]]:
    """Return the places of similar widths together, at most `_CELLS` a group, the widths of a group
    within a factor of two."""
    order = np.argsort(width, kind="stable")
    groups, first = [], 0
    for k in range(1, order.size + 1):
        if k == order.size or k - first == _CELLS or width[order[k]] > 2.0 * width[order[first]]:
            groups.append(order[first:k])
            first = k
    return groups
