"""Trains of equal pulses: what one pulse does changes slowly from pulse to pulse, so few of a
thousand need to be solved.

Without rise time nothing but the levels acts on cells and wires, so count pulses one after the
other are one pulse of count times the width. With a rise time the states after k pulses follow the
difference equation x(k+1) = x(k) + D(x(k)), where D is what a solved pulse does. Over a stretch of
H pulses D is the parabola through its values at the beginning, the middle and the end, and x the
sum of it, which is exact for a parabola (the multirevolution idea: Petzold, SIAM J. Numer. Anal.
18, 455, 1981). The difference to the straight line through beginning and middle is the error
estimate, by which H grows and shrinks; where cells switch or run into a bound, H is 1."""

from __future__ import annotations

from dataclasses import replace

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
"""Of one stretch, as a fraction of the range: what the parabola changes against the straight
line."""
SHORTEST = 4
"""Stretches below this are solved pulse by pulse."""


def train(array: Crossbar, pulse: Pulse, tolerance: float) -> PulseResult:
    """Apply `pulse.count` equal pulses; the waveforms are those of the last one that was solved."""
    if pulse.rise_s == 0:
        return Transient(array, pulse.waveform().checked(array), min(tolerance, TOLERANCE)).run()
    return _Train(
        array, replace(pulse, count=1).waveform().checked(array), pulse.count, tolerance
    ).run()


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
        state = np.array(self._array.state_or_zeros())
        done, stretch, joules = 0, 1, 0.0
        change, joule = self._pulse(state)
        while done < self._count:
            left = self._count - done
            stretch = min(stretch, left)
            if stretch < SHORTEST:
                state, joules, done = self._inside(state + change), joules + joule, done + 1
                if done == self._count:
                    break
                following, joule = self._pulse(state)
                bent = float((np.abs(following - change) / self._scale).max(initial=0.0))
                # Over H pulses a change of D by this a pulse bends the sum by H²/2 times as much
                stretch = (
                    int(min(np.sqrt(2e2 * STRETCH_ERROR / max(bent, 1e-30)), 1e6))
                    if bent > 0
                    else left
                )
                change = following
                continue
            middle = stretch // 2
            half, half_joule = self._pulse(
                self._inside(state + _sum_of_line(change, change, 1, middle))
            )
            rough = self._inside(state + _sum_of_line(change, half, middle, stretch))
            end, end_joule = self._pulse(rough)
            fine = self._inside(state + _sum_of_parabola(change, half, end, middle, stretch))
            error = float((np.abs(fine - rough) / self._scale).max(initial=0.0)) / STRETCH_ERROR
            if error <= 1.0:
                first, at_half, at_end = (
                    np.array([joule]),
                    np.array([half_joule]),
                    np.array([end_joule]),
                )
                joules += float(_sum_of_parabola(first, at_half, at_end, middle, stretch)[0])
                state, done = fine, done + stretch
                if done < self._count:
                    change, joule = (end, end_joule) if error < 0.1 else self._pulse(state)
            stretch = max(int(stretch * min(max(0.9 * max(error, 1e-9) ** (-1 / 3), 0.1), 8.0)), 1)
        assert self._last is not None
        after = self._array if self._array.state is None else self._array.with_state(state)
        return replace(
            self._last,
            array=after,
            energy_joule=joules,
            stats={**self._last.stats, "pulses": self._count, "pulses_solved": self._solved},
        )

    def _pulse(self, state: Floats) -> tuple[Floats, float]:
        """Return what one pulse changes, and its energy."""
        array = self._array if self._array.state is None else self._array.with_state(state)
        self._last = Transient(array, self._waveform, self._tolerance).run()
        self._solved += 1
        return self._last.state - state, self._last.energy_joule

    def _inside(self, state: Floats) -> Floats:
        return np.clip(state, self._low, self._high)


def _sum_of_line(first: Floats, other: Floats, at: int, count: int) -> Floats:
    """Return Σ over k = 0 … count − 1 of the straight line through `first` at 0 and `other` at
    `at`."""
    return np.asarray(count * first + (other - first) / at * (count * (count - 1) / 2))


def _sum_of_parabola(first: Floats, middle: Floats, last: Floats, at: int, count: int) -> Floats:
    """Return Σ over k = 0 … count − 1 of the parabola through the values at 0, `at` and `count`."""
    one = (middle - first) / at
    two = ((last - first) / count - one) / (count - at)
    ones, twos = count * (count - 1) / 2, (count - 1) * count * (2 * count - 1) / 6
    return np.asarray(count * first + one * ones + two * (twos - at * ones))
