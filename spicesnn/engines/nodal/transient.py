"""Programming pulses: the array's circuit and the states of all its cells, advanced together with
error control.

Within a step the array tells every cell its voltage waveform, and every cell tells the array its
states:

1. guess the waveform of each cell's source voltage u over the step (extrapolated from the step before),
2. advance every cell under this waveform, each with its own inner steps (`rosenbrock`, `cell_kernel`),
3. solve the array for the states at four nodes along the step, which corrects the waveform; again from 2.

What a new waveform changes in the states is first estimated from dx/dt alone; a small change is
carried out on the spot, without advancing the cells again. The waveform is the quartic through the
beginning and the four nodes: the method is of order 6 in the step. What the quartic changes against
the parabola through three of its points is the error estimate, which exceeds the error by far where
voltages are smooth and measures it where they have kinks. u and v differ by the voltage that the
cell's own current drops on the resistance it looks back into, so that a cell that switches behind a
large resistance sees its voltage change at once; any estimate of that resistance gives the same
answer.

A cell that runs into a bound or switches in a thousandth of the step costs inner steps of its own,
and no array solves."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import CheckedWaveform
from spicesnn.engines.nodal.cell_steps import Correction, Interval, steps_for
from spicesnn.engines.nodal.cells import Ensemble
from spicesnn.engines.nodal.charged import ChargedNetwork
from spicesnn.engines.nodal.interval import NODES, Drive, early_source, parabola
from spicesnn.engines.nodal.quasi_static import Along, Flow, Knot, Near, Network
from spicesnn.engines.nodal.segments import Record, Segment, segments_of
from spicesnn.engines.results import PulseResult
from spicesnn.errors import ConvergenceError

ORDER = 6
LEAST_STEP = 1e-9
"""The shortest step of the array, as a fraction of the waveform's length."""
MOST_SWEEPS = 6
BEND_SHARE = 0.5
"""What the difference between quartic and parabola counts as error."""
SMALL = 1.0
"""A change of the states below this share of the tolerance is carried out to first order, and the
step is done."""
HOPELESS = 0.3
"""A first change of more than this share of a state's range says that the guess was worthless, and
the step is rejected."""
CLEARLY = 1.2
"""An error above this rejects the step after its first sweep; those that follow change the estimate
by less than that."""
CONTRACTION = 0.6
"""Sweeps that leave more than this of the change before are not worth going on with."""
CARRIED = 1e-2
"""A change of the energy below this share is carried out to first order; its square is what that
leaves out."""
BEYOND = 10.0
"""By how much a step's energy may lie outside what the power at its nodes allows, as a multiple of
the tolerance."""
DOUBT = 20.0
"""Estimated error of the whole pulse's energy up to which it is accepted, relative to ∫|ΣV·I| dt,
as a multiple of the tolerance."""
HASTE_FACTOR = 0.2
"""By how much a step shrinks in which cells go and stop unseen."""
MOST_TRIES = 20_000
"""Steps tried in a waveform, together, before it is given up."""
INNER_SHARE = 0.05
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

    def __init__(
        self,
        array: Crossbar,
        waveform: CheckedWaveform,
        tolerance: float,
        *,
        longest_step: float = np.inf,
    ) -> None:
        self._array, self._waveform, self._tolerance, self._longest = (
            array,
            waveform,
            tolerance,
            longest_step,
        )
        self._cells = Ensemble.of(array)
        charged = array.wires.word_line_farad > 0 or array.wires.bit_line_farad > 0
        self._network = (ChargedNetwork if charged else Network)(
            array, waveform, self._cells, tolerance
        )
        self._steps = steps_for(self._cells, INNER_SHARE * tolerance, tolerance)
        self._record = Record()
        self._expected: float | None = None
        self._inner_step = np.full(self._cells.moves.size, waveform.duration_s)

    def run(self) -> PulseResult:
        """Return the array after the waveform.

        A step's error of energy is measured against what the pulse is going to deliver, and that is
        a guess while the pulse runs: a cell that switches off at once delivers far less than it
        seems to at first. Where the sum of the errors turns out too large for the energy that came
        of it, the pulse is run again, measured against that."""
        for _ in range(3):
            result = self._run()
            spent, doubt = self._record.joules, self._record.doubt
            if not doubt > DOUBT * self._tolerance * spent:
                return result
            self._expected, self._record = spent, Record(tried=self._record.tried)
            self._inner_step = np.full(self._cells.moves.size, self._waveform.duration_s)
        raise ConvergenceError(
            f"the pulse's energy is known to {doubt:.2g} J only, of {spent:.3g} J: the array"
            " changes too fast to follow. Check the pulse amplitude, or tighten state_tolerance"
        )

    def _run(self) -> PulseResult:
        state = self._array.state_or_zeros().reshape(self._cells.low.shape).astype(float)
        segments = segments_of(self._waveform)
        knot = self._network.begin(segments[0], state)
        self._record.point(knot.time, segments[0].sources(knot.time), knot.solution)
        start = self._network.starting_joules(segments[0], knot)
        self._record.energy += start
        self._record.joules += abs(start)
        for segment in segments:
            knot = self._through(segment, knot)
        record = self._record
        charge = np.asarray(record.charge).reshape(self._array.shape)
        after = (
            self._array
            if self._array.state is None
            else self._array.with_state(knot.state.reshape(self._array.state.shape))
        )
        return PulseResult(
            array=after,
            energy_joule=record.energy,
            waveforms=record.waveforms(),
            residual_amps=record.residual_amps,
            stats={
                "method": "waveform relaxation, order 6, each cell with its own steps",
                "steps": record.taken,
                "rejected": record.rejected,
                "inner_steps": record.inner,
                "solves": self._network.lines.solves,
                "row_coulomb": charge.sum(axis=1),
                "column_coulomb": charge.sum(axis=0),
                "energy_error_joule": record.doubt + record.timing,
            },
        )

    def _through(self, segment: Segment, knot: Knot) -> Knot:
        """Step through one segment."""
        step, before = segment.end - segment.begin, None
        least = LEAST_STEP * self._waveform.duration_s
        self._steps.renew()
        while knot.time < segment.end:
            step = min(step, self._longest)
            left = segment.end - knot.time
            ends = step > 0.99 * left
            step = left if ends else step
            end_time = segment.end if ends else knot.time + step
            knot, before = self._network.facing(segment, knot, before)
            self._count(knot)
            attempt = self._try(
                segment, knot, end_time, self._guess(segment, knot, before, end_time)
            )
            factor = attempt.factor
            if attempt.along is not None and attempt.interval is not None:
                along = attempt.along
                charging = self._network.charging_joules(segment, knot, along.middle, along.end)
                flow = attempt.flow
                assert flow is not None
                self._record.energy += charging
                # Where cells switch off between two nodes, the nodes show power that has long ended
                self._record.joules += min(
                    flow.watts * flow.seconds,
                    float(np.abs(attempt.interval.energy).sum()) + abs(charging),
                )
                self._record.coulomb += flow.amps * flow.seconds
                self._record.doubt += attempt.doubt
                self._record.timing += attempt.timing
                self._keep(segment, along, attempt.interval)
                before, knot = (knot, along.middle), along.end
            else:
                self._record.rejected += 1
                factor = min(factor, 0.7)
                if step * factor < least:
                    raise ConvergenceError(
                        f"the pulse needs steps below {least:.3g} s at {knot.time:.6g} s: the array"
                        " changes too fast to follow. Check the pulse amplitude, or loosen"
                        " state_tolerance"
                    )
            step *= factor
        return knot

    def _count(self, knot: Knot) -> None:
        """Count a try, and give up when there were too many."""
        self._record.tried += 1
        if self._record.tried > MOST_TRIES:
            raise ConvergenceError(
                f"the pulse was given up after {MOST_TRIES} steps, at {knot.time:.6g} s of"
                f" {self._waveform.duration_s:.3g} s: the array changes too often to follow. Check"
                " the pulse amplitude, or split the pulse"
            )

    def _keep(self, segment: Segment, along: Along, interval: Interval) -> None:
        record = self._record
        for knot in along.knots:
            record.point(knot.time, segment.sources(knot.time), knot.solution)
        record.taken += 1
        record.inner += interval.taken
        record.charge = record.charge + interval.charge
        record.energy += float(interval.energy.sum())
        self._inner_step = interval.step

    def _guess(
        self, segment: Segment, knot: Knot, before: tuple[Knot, Knot] | None, end_time: float
    ) -> Drive:
        """Guess the drive of the cells over a step: extrapolated, or with the states standing
        still."""
        times = knot.time + NODES * (end_time - knot.time)
        if before is not None:
            points = (before[0].time, before[1].time, knot.time)
            values = (before[0].source, before[1].source, knot.source)
            sources = [knot.source]
            for time in times[1:]:
                weights = [
                    np.prod(
                        [(time - points[k]) / (points[j] - points[k]) for k in range(3) if k != j]
                    )
                    for j in range(3)
                ]
                sources.append(
                    weights[0] * values[0] + weights[1] * values[1] + weights[2] * values[2]
                )
            source = np.stack(sources)
        elif segment.flat:
            source = np.stack([knot.source] * 5)
        else:
            there = [
                self._network.knot(segment, t, knot.state, knot.solution).source
                for t in (times[2], end_time)
            ]
            source = parabola(knot.source, *there)
        if segment.flat:
            line, gate = (
                self._network.line(segment, knot.time),
                self._network.gate(segment, knot.time),
            )
            lines, gates = [line, line], [gate, gate]
        else:
            lines = [self._network.line(segment, t) for t in (knot.time, end_time)]
            gates = [self._network.gate(segment, t) for t in (knot.time, end_time)]
        return Drive(
            source=source,
            ohms=self._network.ohms,
            gate=None if gates[0] is None or gates[1] is None else np.stack([gates[0], gates[1]]),
            line=np.stack(lines),
            seconds=end_time - knot.time,
        )

    def _try(self, segment: Segment, knot: Knot, end_time: float, drive: Drive) -> _Attempt:
        """Take one step: sweeps between cells and array until the states stand still."""
        near: Near | None = None
        before = np.inf
        for sweep in range(MOST_SWEEPS):
            interval = self._steps.interval(knot.state, drive, self._inner_step)
            along = self._network.along(segment, knot, end_time, interval, near)
            flow = along.flow(segment, knot)
            joules, coulomb = self._whole(flow, end_time)
            new = replace(drive, source=along.source)
            change = self._steps.corrected(knot.state, interval, drive, new)
            moved = max(change.state / self._tolerance, change.joules / (CARRIED * joules))
            bend = max(change.bend, change.bend_joules / joules, change.bend_coulomb / coulomb)
            doubt = BEND_SHARE * change.bend_joules
            error = BEND_SHARE * bend / self._tolerance
            timing = 0.0
            if along.rough is not None:
                moved_by_time, timing = self._timing(segment, knot, along, interval, drive)
                error = max(error, max(moved_by_time, timing / joules) / self._tolerance)
            else:
                beyond = flow.beyond(float(change.interval.energy.sum()))
                doubt += beyond
                error = max(error, beyond / (BEYOND * joules * self._tolerance))
            if error > (CLEARLY if sweep == 0 and moved > SMALL else 1.0):
                return _Attempt(factor=_factor(error))
            if moved <= SMALL:
                haste, joules_apart = self._haste(knot, new, change, joules)
                if haste > 1.0:
                    return _Attempt(factor=HASTE_FACTOR)
                doubt += joules_apart
                if moved > 0.0:
                    along = self._network.last(segment, knot, along, end_time, change.interval)
                return _Attempt(
                    factor=_factor(error),
                    along=along,
                    interval=change.interval,
                    flow=flow,
                    doubt=doubt,
                    timing=timing,
                )
            if sweep == 0 and change.state > HOPELESS:
                return _Attempt(factor=max(0.1 / change.state, 0.02))
            if sweep > 0 and moved > CONTRACTION * before:
                return _Attempt(factor=0.3)
            drive, near, before = new, along.near, moved
        return _Attempt(factor=0.4)

    def _haste(
        self, knot: Knot, drive: Drive, change: Correction, joules: float
    ) -> tuple[float, float]:
        """Return by how much hasty cells would end elsewhere if the array had followed them at
        once, in tolerances, and how their energy differs.

        While a cell goes its way and stops within a quarter of the step, the array's answer to that
        comes with it and not by the quartic, which takes the whole quarter. All other errors are
        measured at the nodes, where such a cell stands still: at a bound, whatever drove it there.
        So it is advanced again, with what may have been a jump of its voltage at the quarter's
        beginning. The truth lies between."""
        allowed = BEYOND * self._tolerance * joules
        hasty = change.hasty >> 4 if change.hasty_joules > allowed else change.hasty & 15
        index = np.flatnonzero(hasty)
        if not index.size:
            return 0.0, change.hasty_joules
        hasty, part = hasty[index], drive.take(index)
        source = part.source.copy()
        for k in range(4):
            some = (hasty >> k & 1).astype(bool)
            source[k, some] = early_source(part.source, k)[some]
        early = self._steps.some(index).interval(
            knot.state.take(index, axis=1), replace(part, source=source), self._inner_step[index]
        )
        apart = (
            np.abs(early.nodes - change.interval.nodes[:, :, index]) / self._cells.scale[:, index]
        )
        stopped = NODES[1:, None] > 0.25 * np.log2(
            hasty & -hasty
        )  # before it stopped, the changed quartic has no meaning
        energy = float(np.abs(early.energy - change.interval.energy[index]).sum())
        return (
            max(float((apart.max(axis=1) * stopped).max()) / self._tolerance, energy / allowed),
            energy,
        )

    def _timing(
        self,
        segment: Segment,
        knot: Knot,
        along: Along,
        interval: Interval,
        drive: Drive,
    ) -> tuple[float, float]:
        """Return the error of discrete time: of the states as a fraction of their range, and of the
        energy, joule.

        It is what the extrapolation of the line voltages changes, and the parabola against straight
        lines between beginning, middle and end: lines that are charged in no time at the beginning
        of the step look steady at the other two."""
        assert along.rough is not None
        fine = replace(drive, source=along.source)
        begin, middle, end = knot.source, along.middle.source, along.rough.source
        coarse = replace(
            drive,
            source=np.stack([begin, 0.5 * (begin + middle), middle, 0.5 * (middle + end), end]),
        )
        change = self._steps.corrected(knot.state, interval, coarse, fine)
        charging = [
            self._network.charging_joules(segment, knot, along.middle, end)
            for end in (along.end, along.rough)
        ]
        return change.state, change.joules + abs(charging[0] - charging[1])

    def _whole(self, flow: Flow, end_time: float) -> tuple[float, float]:
        """Return what errors of energy and charge are measured against: what has flowed so far and
        what the present flow would add up to the end.

        The cells' own account of the step has no part in it.
        """
        seconds = flow.seconds + self._waveform.duration_s - end_time
        joules = self._record.joules + flow.watts * seconds
        return (
            joules if self._expected is None else self._expected
        ) + 1e-300, self._record.coulomb + flow.amps * seconds + 1e-300


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Attempt:
    """A step that was tried: by how much to change the next one, and what came of it and how well
    its energy is known if it succeeded: by the cells' own accounts, and in time."""

    factor: float
    along: Along | None = None
    interval: Interval | None = None
    flow: Flow | None = None
    doubt: float = 0.0
    timing: float = 0.0


def _factor(error: float) -> float:
    """Return the factor for the next step: the error estimate is of order 4."""
    return float(min(max(0.9 * max(error, 1e-10) ** -0.25, 0.1), 5.0))
