"""Programming pulses: the array's circuit and the states of all its cells, advanced together with error control.

Within a step the array tells every cell its voltage waveform, and every cell tells the array its states:

1. guess the waveform of each cell's source voltage u over the step (extrapolated from the step before),
2. advance every cell under this waveform, each with its own inner steps (`rosenbrock`),
3. solve the array for the states at the middle and at the end of the step, which corrects the waveform; again from 2.

The waveform is a parabola through the beginning, the middle and the end, whose error cancels to the next order when it is
integrated (as in Simpson's rule): the method is of order 4 in the step. The first correction of the states is the error
estimate. u and v differ by the voltage that the cell's own current drops on the resistance it looks back into, so that a cell
that switches behind a large resistance sees its voltage change at once; any estimate of that resistance gives the same answer.

A cell that runs into a bound or switches in a thousandth of the step costs inner steps of its own, and no array solves.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.engines.nodal.cell_steps import Interval, steps_for
from spicesnn.engines.nodal.cells import Ensemble
from spicesnn.engines.nodal.charged import ChargedNetwork
from spicesnn.engines.nodal.quasi_static import Knot, Network
from spicesnn.engines.nodal.rosenbrock import Drive
from spicesnn.engines.nodal.segments import Record, Segment, segments_of
from spicesnn.engines.results import PulseResult
from spicesnn.engines.stimulus import CheckedWaveform
from spicesnn.errors import ConvergenceError

ORDER = 4
LEAST_STEP = 1e-9
"""The shortest step of the array, as a fraction of the waveform's length."""
MOST_SWEEPS = 4
FIRST_CORRECTION = 0.3
"""What the first correction of the states counts as error: it exceeds the error of the corrected step by far."""
NEGLIGIBLE = 0.1
"""A first correction below this share of the tolerance is not carried out."""
HOPELESS = 100.0
"""A first correction that counts as more error than this is not carried out either: the step is rejected."""
INNER_SHARE = 0.1
"""Tolerance of a cell's inner steps, as a share of the state tolerance."""


class Transient:
    """The run of one waveform through one array.

    Parameters
    ----------
    array : Crossbar
    waveform : CheckedWaveform
    tolerance : float
        Accuracy of the states afterwards, as a fraction of each state's range.
    longest_step : float
        The longest step allowed, seconds.
    """

    def __init__(self, array: Crossbar, waveform: CheckedWaveform, tolerance: float, *, longest_step: float = np.inf) -> None:
        self._array, self._waveform, self._tolerance, self._longest = array, waveform, tolerance, longest_step
        self._cells = Ensemble.of(array)
        charged = array.wires.word_line_farad > 0 or array.wires.bit_line_farad > 0
        self._network = (ChargedNetwork if charged else Network)(array, waveform, self._cells, tolerance)
        self._steps = steps_for(self._cells, INNER_SHARE * tolerance)
        self._record = Record()
        self._inner_step = np.full(self._cells.moves.size, waveform.duration_s)

    def run(self) -> PulseResult:
        """Return the array after the waveform."""
        state = self._array.state_or_zeros().reshape(self._cells.low.shape).astype(float)
        segments = segments_of(self._waveform)
        knot = self._network.begin(segments[0], state)
        self._record.point(knot.time, segments[0].sources(knot.time), knot.solution)
        for segment in segments:
            knot = self._through(segment, knot)
        record = self._record
        charge = np.asarray(record.charge).reshape(self._array.shape)
        after = self._array if self._array.state is None else self._array.with_state(knot.state.reshape(self._array.state.shape))
        return PulseResult(
            array=after, energy_joule=record.energy, waveforms=record.waveforms(), residual_amps=record.residual_amps,
            stats={
                "method": "waveform relaxation, order 4, with Rosenbrock-W cells", "steps": record.taken, "rejected": record.rejected,
                "inner_steps": record.inner, "solves": self._network.lines.solves,
                "row_coulomb": charge.sum(axis=1), "column_coulomb": charge.sum(axis=0),
            },
        )  # fmt: skip

    def _through(self, segment: Segment, knot: Knot) -> Knot:
        """Step through one segment."""
        step, before = segment.end - segment.begin, None
        least = LEAST_STEP * self._waveform.duration_s
        while knot.time < segment.end:
            step = min(step, self._longest)
            left = segment.end - knot.time
            ends = step > 0.99 * left
            step = left if ends else step
            end_time = segment.end if ends else knot.time + step
            error, middle, end, interval = self._try(segment, knot, end_time, self._guess(segment, knot, before, end_time))
            factor = min(max(0.9 * max(error, 1e-10) ** (-1 / ORDER if before is not None else -1 / 2), 0.02), 5.0)
            if error <= 1.0 and middle is not None and end is not None:
                self._record.energy += self._network.charging_joules(segment, knot, middle, end)
                self._keep(segment, end, interval)
                before, knot = (knot, middle), end
            else:
                self._record.rejected += 1
                factor = min(factor, 0.7)
                if step * factor < least:
                    raise ConvergenceError(
                        f"the pulse needs steps below {least:.3g} s at {knot.time:.6g} s: the array changes too fast to follow. "
                        "Check the pulse amplitude, or loosen state_tolerance"
                    )
            step *= factor
        return knot

    def _keep(self, segment: Segment, end: Knot, interval: Interval) -> None:
        record = self._record
        record.point(end.time, segment.sources(end.time), end.solution)
        record.taken += 1
        record.inner += interval.taken
        record.charge = record.charge + interval.charge
        record.energy += float(interval.energy.sum())
        self._inner_step = interval.step

    def _guess(self, segment: Segment, knot: Knot, before: tuple[Knot, Knot] | None, end_time: float) -> Drive:
        """Guess the drive of the cells over a step: extrapolated, or with the states standing still."""
        times = (0.5 * (knot.time + end_time), end_time)
        if before is not None:
            points = (before[0].time, before[1].time, knot.time)
            values = (before[0].source, before[1].source, knot.source)
            sources = [knot.source]
            for time in times:
                weights = [np.prod([(time - points[k]) / (points[j] - points[k]) for k in range(3) if k != j]) for j in range(3)]
                sources.append(weights[0] * values[0] + weights[1] * values[1] + weights[2] * values[2])
        elif segment.flat:
            sources = [knot.source] * 3
        else:
            sources = [knot.source, *(self._network.knot(segment, t, knot.state, knot.solution).source for t in times)]
        if segment.flat:
            line, gate = self._network.line(segment, knot.time), self._network.gate(segment, knot.time)
            lines, gates = [line, line], [gate, gate]
        else:
            lines = [self._network.line(segment, t) for t in (knot.time, end_time)]
            gates = [self._network.gate(segment, t) for t in (knot.time, end_time)]
        return Drive(
            source=np.stack(sources), ohms=self._network.ohms, gate=None if gates[0] is None or gates[1] is None else np.stack([gates[0], gates[1]]),
            line=np.stack(lines), seconds=end_time - knot.time,
        )  # fmt: skip

    def _try(self, segment: Segment, knot: Knot, end_time: float, drive: Drive) -> tuple[float, Knot | None, Knot | None, Interval]:
        """Take one step: sweeps between cells and array until the states stand still. A step whose error is above 1 has no knots."""
        first: Interval | None = None
        previous: Interval | None = None
        near = (knot.solution, knot.solution)
        middle: Knot | None = None
        timing = 0.0
        for sweep in range(MOST_SWEEPS):
            interval = self._steps.interval(knot.state, drive, self._inner_step)
            joules = self._joules(segment, knot, end_time, interval)
            if first is None or previous is None:
                first = interval
            else:
                change = self._distance(interval, previous, joules)
                error = FIRST_CORRECTION * max(self._distance(interval, first, joules), change)
                if error > 1.0:
                    return error, None, None, interval
                if change <= 1.0 or sweep == MOST_SWEEPS - 1:
                    assert middle is not None
                    middle, end = self._network.last(segment, knot, middle, end_time, interval, near)
                    return max(error, timing), middle, end, interval
            previous = interval
            middle, end, rough = self._network.pair(segment, knot, end_time, interval, near)
            new = replace(drive, source=np.stack([knot.source, middle.source, end.source]))
            if rough is not None:
                state, energy = self._steps.shift(interval, replace(drive, source=np.stack([knot.source, middle.source, rough.source])), new)
                energy += abs(self._network.charging_joules(segment, knot, middle, end) - self._network.charging_joules(segment, knot, middle, rough))
                timing = max(state, energy / joules) / self._tolerance
                if timing > 1.0:
                    return timing, None, None, interval
            if sweep == 0:
                state, energy = self._steps.shift(interval, drive, new)
                shift = max(state, energy / joules) / self._tolerance
                if shift <= NEGLIGIBLE:
                    return max(FIRST_CORRECTION * shift, timing), middle, end, interval
                if FIRST_CORRECTION * shift > HOPELESS:
                    return FIRST_CORRECTION * shift, None, None, interval
            drive, near = new, (middle.solution, end.solution)
        raise AssertionError

    def _joules(self, segment: Segment, knot: Knot, end_time: float, interval: Interval) -> float:
        """Return what energies are measured against: what was delivered so far, and what the present power would deliver up to the end."""
        sources, solution = segment.sources(knot.time), knot.solution
        watts = abs(float(np.sum(sources.row_volts * solution.row_amps) - np.sum(sources.column_volts * solution.column_amps)))
        energy = abs(float(interval.energy.sum()))
        rest = self._waveform.duration_s - end_time
        return abs(self._record.energy) + energy + max(watts, energy / (end_time - knot.time)) * rest + 1e-300

    def _distance(self, a: Interval, b: Interval, joules: float) -> float:
        """Return the largest change of a state, or that of the energy, in units of the tolerance."""
        state = float((np.abs(a.full - b.full) / self._cells.scale).max(initial=0.0))
        return max(state, abs(float(a.energy.sum() - b.energy.sum())) / joules) / self._tolerance
