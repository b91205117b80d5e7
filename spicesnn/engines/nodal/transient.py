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

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.wires import Wires
from spicesnn.devices.base import Floats
from spicesnn.engines.nodal.cells import Ensemble
from spicesnn.engines.nodal.direct import DirectPrepared
from spicesnn.engines.nodal.network import Operator, Solution, Sources
from spicesnn.engines.nodal.newton import Newton
from spicesnn.engines.nodal.rosenbrock import Advanced, Drive, advance
from spicesnn.engines.results import PulseResult, Waveforms
from spicesnn.engines.stimulus import CheckedWaveform
from spicesnn.errors import ConvergenceError

ORDER = 4
LEAST_STEP = 1e-9
"""The shortest step of the array, as a fraction of the waveform's length."""
MOST_SWEEPS = 4
FIRST_CORRECTION = 0.3
"""What the first correction of the states counts as error: it exceeds the error of the corrected step by far."""
INNER_SHARE = 0.02
"""Tolerance of a cell's inner steps, as a share of the state tolerance."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Segment:
    """A stretch of the waveform between two breakpoints: all volts are straight lines in time."""

    begin: float
    end: float
    rows: Floats
    columns: Floats
    gates: Floats | None

    @staticmethod
    def _at(pair: Floats, share: float) -> Floats:
        return np.asarray(pair[0] + share * (pair[1] - pair[0]))

    def levels(self, time: float) -> tuple[Floats, Floats, Floats | None]:
        """Return row, column and gate volts at a time."""
        share = (time - self.begin) / (self.end - self.begin)
        return self._at(self.rows, share), self._at(self.columns, share), None if self.gates is None else self._at(self.gates, share)


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Knot:
    """The array at one time."""

    time: float
    state: Floats
    source: Floats
    solution: Solution


class _Network:
    """The array as a function of time and states."""

    def __init__(self, array: Crossbar, waveform: CheckedWaveform, cells: Ensemble) -> None:
        self._array, self._cells = array, cells
        self._floating = (waveform.floating_rows, waveform.floating_columns)
        self.solves = 0

    def gate_of_cells(self, gates: Floats | None) -> Floats | None:
        """Return gate volts of all cells, (m,)."""
        spread = self._array.gate_of_cells(gates)
        return None if spread is None else np.broadcast_to(spread, self._array.shape).ravel()

    def solve(self, segment: _Segment, time: float, state: Floats, near: Solution | None) -> Solution:
        """Solve the array at a time, for given states (n, m)."""
        rows, columns, gates = segment.levels(time)
        gate = self.gate_of_cells(gates)
        sources = Sources(row_volts=rows[None], column_volts=columns[None])
        self.solves += 1
        if self._cells.device.linear:
            siemens = self._cells.conductance(np.zeros(state.shape[1]), state, gate).reshape(self._array.shape)
            return DirectPrepared(self._operator(siemens)).solve(sources, near)

        def cells(volts: Floats) -> tuple[Floats, Floats]:
            amps, slope = self._cells.current_and_conductance(volts.ravel(), state, gate)
            return amps.reshape(volts.shape), slope.reshape(volts.shape)

        return Newton(wiring=self._operator(np.zeros(self._array.shape)), cells=cells).solve(sources, near)

    def _operator(self, siemens: Floats) -> Operator:
        return Operator(wires=self._array.wires, cell_siemens=siemens, floating_rows=self._floating[0], floating_columns=self._floating[1])

    def line_volts(self, segment: _Segment, time: float) -> Floats:
        """Return driver minus sense volts of every cell, (m,); lines that float deliver nothing."""
        rows, columns, _ = segment.levels(time)
        return (np.where(self._floating[0], 0.0, rows)[:, None] - np.where(self._floating[1], 0.0, columns)[None, :]).ravel()


def source_ohms(wires: Wires, siemens: Floats, floating_rows: Floats, floating_columns: Floats) -> Floats:
    """Estimate the resistance every cell looks back into, (rows, cols) ohm: its own two lines, with the far ends of their cells held.

    Each line is a ladder: the conductance seen to the left is ``g ← 1/(r + 1/(g + G))`` from node to node, and likewise to the right.
    """

    def ladder(siemens: Floats, ohm: float, end_ohm: Floats, near_live: Floats, far_live: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            left, right = np.empty_like(siemens), np.empty_like(siemens)
            left[:, 0] = np.where(near_live, 1.0 / (end_ohm + ohm), 0.0)
            right[:, -1] = np.where(far_live, 1.0 / (end_ohm + ohm), 0.0)
            for j in range(1, siemens.shape[1]):
                left[:, j] = 1.0 / (ohm + 1.0 / (left[:, j - 1] + siemens[:, j - 1]))
                right[:, -1 - j] = 1.0 / (ohm + 1.0 / (right[:, -j] + siemens[:, -j]))
            return 1.0 / (left + right)

    rows, cols = siemens.shape
    both = np.full(max(rows, cols), wires.double_sided)
    word = ladder(siemens, wires.word_line_ohm, np.broadcast_to(wires.driver_ohm, rows), ~floating_rows, ~floating_rows & both[:rows])
    bit = ladder(siemens.T, wires.bit_line_ohm, np.broadcast_to(wires.sense_ohm, cols), ~floating_columns & both[:cols], ~floating_columns)
    total = word + bit.T
    return np.where(np.isfinite(total), total, 0.0)


@dataclass(kw_only=True, eq=False, slots=True)
class _Record:
    """What is kept along the way."""

    time: list[float] = field(default_factory=list)
    levels: list[tuple[Floats, Floats]] = field(default_factory=list)
    amps: list[tuple[Floats, Floats]] = field(default_factory=list)
    residual: float = 0.0
    charge: Floats | float = 0.0
    energy: float = 0.0
    taken: int = 0
    rejected: int = 0
    inner: int = 0

    def knot(self, segment: _Segment, knot: _Knot) -> None:
        rows, columns, _ = segment.levels(knot.time)
        self.time.append(knot.time)
        self.levels.append((rows, columns))
        self.amps.append((knot.solution.row_amps[0], knot.solution.column_amps[0]))
        self.residual = max(self.residual, float(knot.solution.residual_amps[0]))

    def waveforms(self) -> Waveforms:
        return Waveforms(
            time=np.array(self.time), row_volts=np.array([r for r, _ in self.levels]), column_volts=np.array([c for _, c in self.levels]),
            row_amps=np.array([r for r, _ in self.amps]), column_amps=np.array([c for _, c in self.amps]),
        )  # fmt: skip


class Transient:
    """The run of one waveform through one array."""

    def __init__(self, array: Crossbar, waveform: CheckedWaveform, tolerance: float) -> None:
        self._array, self._waveform, self._tolerance = array, waveform, tolerance
        self._cells = Ensemble.of(array)
        self._network = _Network(array, waveform, self._cells)
        self._record = _Record()
        self._inner_step = np.full(self._cells.moves.size, waveform.duration_s)
        self._ohms: Floats | None = None

    def run(self) -> PulseResult:
        """Return the array after the waveform."""
        state = self._array.state_or_zeros().reshape(self._cells.low.shape).astype(float)
        near: Solution | None = None
        for segment in self._segments():
            knot = self._start(segment, state, near)
            self._record.knot(segment, knot)
            knot = self._through(segment, knot)
            state, near = knot.state, knot.solution
        record = self._record
        charge = np.asarray(record.charge).reshape(self._array.shape)
        after = self._array if self._array.state is None else self._array.with_state(state.reshape(self._array.state.shape))
        return PulseResult(
            array=after, energy_joule=record.energy, waveforms=record.waveforms(), residual_amps=record.residual,
            stats={
                "method": "waveform relaxation, order 4, with Rosenbrock-W cells", "steps": record.taken, "rejected": record.rejected,
                "inner_steps": record.inner, "solves": self._network.solves, "row_coulomb": charge.sum(axis=1), "column_coulomb": charge.sum(axis=0),
            },
        )  # fmt: skip

    def _segments(self) -> list[_Segment]:
        w = self._waveform
        return [
            _Segment(begin=float(w.time_s[a]), end=float(w.time_s[b]), rows=w.row_volts[[a, b]], columns=w.column_volts[[a, b]],
                     gates=None if w.gate_volts is None else w.gate_volts[[a, b]])
            for a, b in pairwise(range(w.time_s.size))
        ]  # fmt: skip

    def _start(self, segment: _Segment, state: Floats, near: Solution | None) -> _Knot:
        solution = self._network.solve(segment, segment.begin, state, near)
        if self._cells.device.linear:
            gate = self._network.gate_of_cells(segment.levels(segment.begin)[2])
            siemens = self._cells.conductance(np.zeros(state.shape[1]), state, gate).reshape(self._array.shape)
            w = self._waveform
            self._ohms = source_ohms(self._array.wires, siemens, w.floating_rows, w.floating_columns).ravel()
        return self._knot(segment, segment.begin, state, solution)

    def _knot(self, segment: _Segment, time: float, state: Floats, solution: Solution) -> _Knot:
        volts = (solution.word_volts - solution.bit_volts).ravel()
        source = volts
        if self._ohms is not None:
            source = volts + self._ohms * self._cells.current(volts, state, self._network.gate_of_cells(segment.levels(time)[2]))
        return _Knot(time=time, state=state, source=source, solution=solution)

    def _through(self, segment: _Segment, knot: _Knot) -> _Knot:
        """Step through one segment."""
        step, before = segment.end - segment.begin, None
        least = LEAST_STEP * self._waveform.duration_s
        while knot.time < segment.end:
            step = min(step, segment.end - knot.time)
            if segment.end - knot.time - step < 0.01 * step:
                step = segment.end - knot.time
            guess = self._extrapolated(segment, knot, before, step)
            middle, end, error, parts = self._try(segment, knot, step, guess)
            factor = min(max(0.9 * max(error, 1e-10) ** -0.25, 0.1), 5.0)
            if error <= 1.0:
                before, knot = (knot, middle), end
                self._keep(segment, middle, end, parts)
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

    def _keep(self, segment: _Segment, middle: _Knot, end: _Knot, parts: tuple[Advanced, Advanced]) -> None:
        record = self._record
        record.knot(segment, middle)
        record.knot(segment, end)
        record.taken += 1
        for part in parts:
            record.charge = record.charge + part.charge
            record.energy += float(part.energy.sum())
            record.inner += part.taken
        self._inner_step = parts[1].step

    def _extrapolated(self, segment: _Segment, knot: _Knot, before: tuple[_Knot, _Knot] | None, step: float) -> tuple[Floats, Floats]:
        """Guess the source voltages at the middle and the end of a step."""
        times = (knot.time + 0.5 * step, knot.time + step)
        if before is not None:
            points = np.array([before[0].time, before[1].time, knot.time])
            values = (before[0].source, before[1].source, knot.source)
            guesses = []
            for time in times:
                weights = [np.prod([(time - points[k]) / (points[j] - points[k]) for k in range(3) if k != j]) for j in range(3)]
                guesses.append(sum(w * v for w, v in zip(weights, values, strict=True)))
            return guesses[0], guesses[1]
        if np.array_equal(*segment.rows) and np.array_equal(*segment.columns) and (segment.gates is None or np.array_equal(*segment.gates)):
            return knot.source, knot.source
        knots = [self._knot(segment, t, knot.state, self._network.solve(segment, t, knot.state, knot.solution)) for t in times]
        return knots[0].source, knots[1].source

    def _try(self, segment: _Segment, knot: _Knot, step: float, guess: tuple[Floats, Floats]) -> tuple[_Knot, _Knot, float, tuple[Advanced, Advanced]]:
        """Take one step: sweeps between cells and array until the states stand still."""
        at_half, at_end = guess
        first: Floats | None = None
        previous: Floats | None = None
        near = (knot.solution, knot.solution)
        for sweep in range(MOST_SWEEPS):
            drive = self._drive(segment, knot, step, at_half, at_end)
            inner = INNER_SHARE * self._tolerance
            half = advance(self._cells, knot.state, drive, 0.0, 0.5, step, inner, self._inner_step)
            full = advance(self._cells, half.state, drive, 0.5, 1.0, step, inner, half.step)
            if first is None:
                first = full.state
            if previous is not None:
                error = FIRST_CORRECTION * self._distance(full.state, first)
                change = self._distance(full.state, previous)
                if error > 1.0 or change <= 1.0 or sweep == MOST_SWEEPS - 1:
                    error = max(error, FIRST_CORRECTION * change)
                    middle = self._solved(segment, knot.time + 0.5 * step, half.state, near[0])
                    end_time = segment.end if knot.time + step >= segment.end * (1 - 1e-14) else knot.time + step
                    return middle, self._solved(segment, end_time, full.state, near[1]), error, (half, full)
            previous = full.state
            middle = self._solved(segment, knot.time + 0.5 * step, half.state, near[0])
            end = self._solved(segment, knot.time + step, full.state, near[1])
            at_half, at_end, near = middle.source, end.source, (middle.solution, end.solution)
        raise AssertionError

    def _distance(self, a: Floats, b: Floats) -> float:
        return float((np.abs(a - b) / self._cells.scale).max(initial=0.0)) / self._tolerance

    def _solved(self, segment: _Segment, time: float, state: Floats, near: Solution | None) -> _Knot:
        return self._knot(segment, time, state, self._network.solve(segment, time, state, near))

    def _drive(self, segment: _Segment, knot: _Knot, step: float, at_half: Floats, at_end: Floats) -> Drive:
        """Return the parabola through the source voltages at 0, ½ and 1."""
        volts = np.stack([knot.source, -3 * knot.source + 4 * at_half - at_end, 2 * knot.source - 4 * at_half + 2 * at_end])
        times = (knot.time, knot.time + step)
        line = [self._network.line_volts(segment, t) for t in times]
        gates = [self._network.gate_of_cells(segment.levels(t)[2]) for t in times]
        gate = None if gates[0] is None or gates[1] is None else np.stack([gates[0], gates[1] - gates[0]])
        return Drive(volts=volts, ohms=self._ohms, gate=gate, line_volts=np.stack([line[0], line[1] - line[0]]))
