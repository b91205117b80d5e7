"""Trains of equal pulses: what one pulse does changes slowly from pulse to pulse, so few of a
thousand need to be solved.

Without rise time nothing but the levels acts on cells and wires, so count pulses one after the
other are one pulse of count times the width. With a rise time the states after k pulses follow the
difference equation x(k+1) = x(k) + D(x(k)), where D is what a solved pulse does. Over a stretch of
H pulses D is a polynomial in k, and x the sum of it (the multirevolution idea: Petzold, SIAM J.
Numer. Anal. 18, 455, 1981), as in the methods of Adams: the polynomial through the pulses solved so
far predicts the end of the stretch, one pulse is solved there, and the polynomial through that one
too gives the answer. The difference to the polynomial without the oldest pulse is the error
estimate, by which H grows and shrinks; where cells switch or run into a bound, H is 1."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import CheckedWaveform, Pulse
from spicesnn.engines.nodal.cells import Ensemble
from spicesnn.engines.nodal.transient import Transient
from spicesnn.engines.results import PulseResult

TOLERANCE = 1e-6
"""Of the states after a train without rise times, as a fraction of each state's range, or the
engine's if that is finer.

With rise times each pulse is solved as it would be alone: its error is then that of single pulses,
too. """
STRETCH_ERROR = 3e-7
"""Of one stretch, as a fraction of the range: what the last degree of the polynomial changes."""
JOULE_ERROR = 3e-4
"""What the last degree changes in its energy, as a fraction of it: a state that moves evenly bends
no polynomial, and may change the current of its cell in any way. What is left is some hundred times
less."""
NODES = 4
"""Solved pulses before a stretch that its polynomial goes through, at most."""
KEPT = 16
"""How many solved pulses are remembered to choose these from."""
LEAP = 1e-3
"""A change of D from one pulse to the next, as a fraction of the range, at which a new course
begins."""
MOST_GROWTH, MOST = 3.0, 1_000_000
"""By how much a stretch may be longer than the one before, and its greatest length."""


def train(array: Crossbar, pulse: Pulse, tolerance: float) -> PulseResult:
    """Apply `pulse.count` equal pulses; the waveforms are those of the last one that was solved."""
    if pulse.rise_s == 0:
        return Transient(array, pulse.waveform().checked(array), min(tolerance, TOLERANCE)).run()
    return _Train(
        array, replace(pulse, count=1).waveform().checked(array), pulse.count, tolerance
    ).run()


@dataclass(frozen=True, eq=False, slots=True)
class _Solved:
    """What pulse number `at` changes in the states, and its energy, joule."""

    at: int
    change: Floats
    joules: Floats


class _Train:
    """The run of a train with rise times."""

    def __init__(
        self, array: Crossbar, waveform: CheckedWaveform, count: int, tolerance: float
    ) -> None:
        self._array, self._waveform, self._count, self._tolerance = (
            array,
            waveform,
            count,
            tolerance,
        )
        cells = Ensemble.of(array)
        shape = array.state_or_zeros().shape
        self._low, self._high, self._scale = (
            values.reshape(shape) for values in (cells.low, cells.high, cells.scale)
        )
        self._solved = 0
        self._last: PulseResult | None = None

    def run(self) -> PulseResult:
        """Return the array after the train."""
        state, joules = np.array(self._array.state_or_zeros()), np.zeros(())
        here = self._pulse(0, state)
        known, stretch = [here], 1
        while here.at < self._count:
            stretch = min(stretch, self._count - here.at)
            if stretch == 1:
                state, joules = self._inside(state + here.change), joules + here.joules
                if here.at + 1 == self._count:
                    break
                there = self._pulse(here.at + 1, state)
                # Over H pulses a change of D by this a pulse moves the sum by H²/2 times as much
                bent = self._apart(there.change, here.change)
                stretch = int(np.clip(np.sqrt(2 * STRETCH_ERROR / max(bent, 1e-30)), 1, MOST))
                known, here = [*(known[-KEPT:] if bent < LEAP else []), there], there
                if len(known) >= NODES:
                    stretch = max(stretch, 2)
                continue
            nodes = _spread(known, stretch / 4)
            rough = self._inside(state + _sum(nodes, here.at, stretch, "change"))
            there = self._pulse(here.at + stretch, rough)
            fine, coarse = (
                self._inside(state + _sum([*some, there], here.at, stretch, "change"))
                for some in (nodes, nodes[1:])
            )
            # Energies have less rounding than small changes of states: all of the last pulses count
            recent = known[1 - NODES :]
            joule, coarse_joule = (
                _sum([*some, there], here.at, stretch, "joules") for some in (recent, recent[1:])
            )
            error = max(
                self._apart(fine, coarse) / STRETCH_ERROR,
                float(np.abs(joule - coarse_joule)) / (JOULE_ERROR * float(np.abs(joule)) or 1.0),
            )
            factor = 0.9 * max(error, 1e-9) ** (-1 / (len(nodes) + 1))
            if error <= 1.0:
                joules = joules + joule
                if there.at < self._count:
                    there = self._carried(there, here, state, rough, fine)
                state, known, here = fine, [*known[-KEPT:], there], there
            stretch = max(int(stretch * min(max(factor, 0.1), MOST_GROWTH)), 1)
            if error > 1.0 and stretch == 1:  # what was before has been another course
                known = [here]
        assert self._last is not None
        after = self._array if self._array.state is None else self._array.with_state(state)
        return replace(
            self._last,
            array=after,
            energy_joule=float(joules),
            stats={**self._last.stats, "pulses": self._count, "pulses_solved": self._solved},
        )

    def _pulse(self, at: int, state: Floats) -> _Solved:
        """Return what pulse number `at` changes from this state, and its energy."""
        array = self._array if self._array.state is None else self._array.with_state(state)
        self._last = Transient(array, self._waveform, self._tolerance).run()
        self._solved += 1
        return _Solved(at, self._last.state - state, np.asarray(self._last.energy_joule))

    def _carried(
        self, there: _Solved, here: _Solved, state: Floats, rough: Floats, fine: Floats
    ) -> _Solved:
        """Return what the pulse after a stretch changes, which was solved at `rough`, for `fine`:
        along the secant of each state over the stretch, or solved again where that is far."""
        way, shift = rough - state, fine - rough
        if not np.all(np.abs(shift) <= np.maximum(0.1 * np.abs(way), 1e-9 * self._scale)):
            return self._pulse(there.at, fine)
        slope = np.divide(
            there.change - here.change, way, out=np.zeros_like(way), where=np.abs(way) > 0
        )
        return replace(
            there, change=there.change + np.clip(slope * shift, -np.abs(shift), np.abs(shift))
        )

    def _apart(self, one: Floats, other: Floats) -> float:
        """Return the largest difference as a fraction of the range."""
        return float((np.abs(one - other) / self._scale).max(initial=0.0))

    def _inside(self, state: Floats) -> Floats:
        return np.clip(state, self._low, self._high)


def _spread(known: list[_Solved], least: float) -> list[_Solved]:
    """Return up to `NODES` of the last pulses solved, in order, that lie `least` or more apart:
    rounding of closer ones would be magnified."""
    found = [known[-1]]
    for each in reversed(known[:-1]):
        if len(found) < NODES and found[-1].at - each.at >= least:
            found.append(each)
    return found[::-1]


def _sum(nodes: list[_Solved], first: int, count: int, what: str) -> Floats:
    """Return Σ over `count` pulses from `first` on of the polynomial through the values at
    `nodes`."""
    places = (np.array([each.at for each in nodes]) - first) / count
    powers = np.arange(len(nodes))[:, None]
    sums = ((np.arange(count) / count)[None, :] ** powers).sum(axis=1)
    weights = np.linalg.solve(places[None, :] ** powers, sums)
    return np.asarray(
        sum(weight * getattr(each, what) for weight, each in zip(weights, nodes, strict=True))
    )
