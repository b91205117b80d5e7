"""Advancing all cells over one interval of the array: compiled where the device offers its
equations, in NumPy otherwise."""

from __future__ import annotations

import copy
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.devices.equations import CellCode
from spicesnn.engines.nodal.cells import Ensemble, Index
from spicesnn.engines.nodal.interval import (
    BEND,
    HASTY,
    HASTY_SHIFT,
    INTEGRAL,
    NODES,
    SAME,
    WAYSIDE,
    Drive,
    early_source,
    parabola,
)
from spicesnn.engines.nodal.rosenbrock import (
    MOST_ROUNDS,
    ORDER,
    advance,
    cannot_follow,
    cell_volts,
    slopes_of,
    too_many_steps,
)
from spicesnn.engines.nodal.threads import team
from spicesnn.errors import ConvergenceError

SHARED_CELLS = 2048
"""From this size on the cells are shared out between threads."""
MOST_STEPS = 5000
"""Steps within a segment of the waveform, repetitions included: of the slowest cell in NumPy, some
ten seconds of two-state cells; of the mean cell where several states are compiled."""
USUAL_TOLERANCE = 5e-6
"""With less than this tolerance of a step more of them are allowed, as many as the order of the
method asks for."""
FREE_ROUNDS = 20
"""So many of an interval are not counted: the intervals themselves are."""
_NO_ROW, _NO_TABLE = np.zeros(0), np.zeros((2, 0))


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Interval:
    """What the cells did over one interval.

    Attributes
    ----------
    nodes : (4, n, m)
        States at the `NODES` after 0.
    siemens : (4, m) or None
        Conductances of linear cells there, where they fell out on the way.
    charge, energy : (m,)
        ∫ i dt in coulomb and ∫ (V_row − V_column)·i dt in joule.
    step : (m,)
        The cells' steps at the end, seconds.
    taken : int
        Steps of all cells together.
    """

    nodes: Floats
    siemens: Floats | None
    charge: Floats
    energy: Floats
    step: Floats
    taken: int

    @property
    def full(self) -> Floats:
        """Return the states at the end, (n, m)."""
        return np.asarray(self.nodes[3])


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Correction:
    """What another drive does to an interval, to first order.

    Attributes
    ----------
    interval : Interval
        Corrected.
    state : float
        The largest change of a state, as a share of its range.
    joules : float
        Sum of the sizes of the changes of the cells' energies.
    bend, bend_joules, bend_coulomb : float
        What the parabola through beginning, middle and end would change against the new drive's
        quartic, in states, energy and charge: the size of the first term that the quartic has and
        the parabola has not.
    hasty : (m,)
        Bit 4 + k is set for a cell that went on its way and stopped within quarter k while its
        source voltage may have jumped, bit k where it might then have stopped elsewhere. All the
        numbers above look at the nodes only, where such a cell stands still whatever drove it
        there.
    hasty_joules : float
        About what the energy of such cells may be wrong by: the part that the nodes do not show,
        times the relative change of dx/dt.
    """

    interval: Interval
    state: float
    joules: float
    bend: float
    bend_joules: float
    bend_coulomb: float
    hasty: Index
    hasty_joules: float


class CellSteps(Protocol):
    """A way to advance the cells."""

    def renew(self) -> None:
        """Begin a segment of the waveform: what is allowed to be tried is counted anew."""
        ...

    def interval(self, state: Floats, drive: Drive, step: Floats) -> Interval:
        """Advance all cells from `state` (n, m) under `drive`, first trying steps of `step` (m,)
        seconds."""
        ...

    def corrected(self, state: Floats, interval: Interval, old: Drive, new: Drive) -> Correction:
        """Carry an interval that began at `state` over from one drive to another that is close to
        it, to first order in their difference."""
        ...

    def some(self, index: Index) -> CellSteps:
        """Return the way to advance some of the cells."""
        ...


class ArraySteps:
    """All cells side by side, in NumPy: for any device."""

    def __init__(self, cells: Ensemble, tolerance: float, visible: float = 1e-4) -> None:
        self._cells, self._tolerance, self._visible = cells, tolerance, visible
        self._most = int(MOST_STEPS * max(1.0, USUAL_TOLERANCE / tolerance) ** (1.0 / ORDER))
        self._left: float = self._most

    def renew(self) -> None:
        """Begin a segment; see `CellSteps`."""
        self._left = self._most

    def interval(self, state: Floats, drive: Drive, step: Floats) -> Interval:
        """Advance all cells; see `CellSteps`."""
        done = advance(
            self._cells, state, drive, self._tolerance, step, most_rounds=int(self._left)
        )
        self._left -= max(done.rounds - FREE_ROUNDS, 0)
        return Interval(
            nodes=done.nodes,
            siemens=None,
            charge=done.charge,
            energy=done.energy,
            step=done.step,
            taken=done.taken,
        )

    def some(self, index: Index) -> ArraySteps:
        """Return the way to advance some of the cells; see `CellSteps`."""
        return ArraySteps(self._cells.take(index), self._tolerance, self._visible)

    def corrected(self, state: Floats, interval: Interval, old: Drive, new: Drive) -> Correction:
        """Return the interval under another drive; see `CellSteps`."""
        cells, nodes = self._cells, interval.nodes
        at = [self._at(interval, old, k, None) for k in range(1, 5)]
        there = [self._at(interval, new, k, None) for k in range(1, 5)]
        rates, amps, watts = (
            np.stack([b[i] - a[i] for a, b in zip(at, there, strict=True)]) for i in range(3)
        )
        moves = old.seconds * np.stack(
            [sum(INTEGRAL[k, j + 1] * rates[j] for j in range(4)) for k in range(1, 5)]
        )
        moves = moves / (1.0 + np.maximum(-self._slope(interval, new), 0.0) * old.seconds)
        weights = old.seconds * INTEGRAL[4, 1:]
        flat = parabola(new.source[0], new.source[2], new.source[4])
        flatter = [self._at(interval, new, k, flat[k]) for k in (1, 3)]
        bends = [
            abs(BEND * old.seconds * (a[0] - b[0]))
            for a, b in zip(flatter, (there[0], there[2]), strict=True)
        ]
        powers = [
            abs(BEND * old.seconds * (a[2] - b[2]))
            for a, b in zip(flatter, (there[0], there[2]), strict=True)
        ]
        flows = [
            abs(BEND * old.seconds * (a[1] - b[1]))
            for a, b in zip(flatter, (there[0], there[2]), strict=True)
        ]
        energy = interval.energy + weights @ watts
        hasty, shift = self._hasty(state, nodes, new, [each[0] for each in there])
        return Correction(
            interval=replace(
                interval,
                nodes=np.clip(nodes + moves, cells.low, cells.high),
                charge=interval.charge + weights @ amps,
                energy=energy,
            ),
            state=float((np.abs(moves) / cells.scale).max(initial=0.0)),
            joules=float(np.abs(weights @ watts).sum()),
            bend=float(((bends[0] + bends[1]) / cells.scale).max(initial=0.0)),
            bend_joules=float((powers[0] + powers[1]).sum()),
            bend_coulomb=float((flows[0] + flows[1]).sum()),
            hasty=hasty,
            hasty_joules=self._unseen(state, new, there, energy, shift),
        )

    def _hasty(
        self, state: Floats, nodes: Floats, drive: Drive, rates: list[Floats]
    ) -> tuple[Index, Floats]:
        """Return in which quarters which cells have gone and stopped, and by how much dx/dt might
        differ there, (m,) each; see `Correction`."""
        found, worst = np.zeros(state.shape[1], dtype=np.int64), np.zeros(state.shape[1])
        for k in range(4):
            begin = nodes[k - 1] if k else state
            way, rest = np.abs(nodes[k] - begin), np.abs(rates[k]) * 0.25 * drive.seconds
            stopped = ((way > self._visible * self._cells.scale) & (rest < HASTY * way)).any(axis=0)
            early = early_source(drive.source, k)
            index = np.flatnonzero(
                stopped & (np.abs(early - drive.source[k]) > SAME * np.abs(drive.source[k]))
            )
            if index.size:
                shift = self._shift(
                    begin.take(index, axis=1),
                    nodes[k].take(index, axis=1),
                    drive.take(index),
                    k,
                    early[index],
                    index,
                )
                rest = (rest.take(index, axis=1) / self._cells.scale.take(index, axis=1)).max(
                    axis=0
                )
                found[index] |= (
                    np.where((shift > HASTY_SHIFT) | (shift * rest > 0.5 * self._visible), 17, 16)
                    << k
                )
                worst[index] = np.maximum(worst[index], np.minimum(shift, 1.0))
        return found, worst

    def _unseen(
        self,
        state: Floats,
        drive: Drive,
        there: list[tuple[Floats, Floats, Floats]],
        energy: Floats,
        shift: Floats,
    ) -> float:
        """Return `Correction.hasty_joules`."""
        if not shift.any():
            return 0.0
        first = self._power(state, drive)
        seen = drive.seconds * (
            INTEGRAL[4, 0] * first + sum(INTEGRAL[4, k + 1] * there[k][2] for k in range(4))
        )
        return float((shift * np.minimum(np.abs(energy - seen), np.abs(energy))).sum())

    def _power(self, x: Floats, drive: Drive) -> Floats:
        """Return the cells' share of the drivers' power at the beginning, in states x."""
        _, gate, line = drive.at(np.zeros(x.shape[1]))
        return line * self._cells.current(
            cell_volts(self._cells, drive.source[0], drive.ohms, x, gate), x, gate
        )

    def _shift(
        self, begin: Floats, end: Floats, drive: Drive, k: int, early: Floats, index: Index
    ) -> Floats:
        """Return how differently dx/dt of some cells runs, relatively, on the way through quarter k
        under source voltages that come early."""
        cells = self._cells.take(index)
        gate = drive.at(np.full(index.size, NODES[k]))[1]
        worst = np.zeros(index.size)
        for part in WAYSIDE:
            x = begin + part * (end - begin)
            one, other = (
                cells.rate(cell_volts(cells, u, drive.ohms, x, gate), x, gate)
                for u in (drive.source[k], early)
            )
            apart, least = np.abs(one - other), np.minimum(np.abs(one), np.abs(other))
            worst = np.maximum(worst, (apart / np.maximum(least, 1e-300)).max(axis=0))
        return worst

    def _at(
        self, interval: Interval, drive: Drive, k: int, source: Floats | None
    ) -> tuple[Floats, Floats, Floats]:
        """Return dx/dt, current and share of the drivers' power at node k, under the drive's source
        voltage or another one."""
        x, cells = interval.nodes[k - 1], self._cells
        _, gate, line = drive.at(np.full(x.shape[1], NODES[k]))
        v = cell_volts(cells, drive.source[k] if source is None else source, drive.ohms, x, gate)
        amps = cells.current(v, x, gate)
        return cells.rate(v, x, gate), amps, line * amps

    def _slope(self, interval: Interval, drive: Drive) -> Floats:
        """Return ∂f_i/∂x_i at the end, (n, m)."""
        x, cells = interval.full, self._cells
        _, gate, _ = drive.at(np.ones(x.shape[1]))
        rate = cells.rate(cell_volts(cells, drive.source[4], drive.ohms, x, gate), x, gate)
        return np.einsum("iim->im", slopes_of(cells, x, drive.source[4], drive.ohms, gate, rate))


class CompiledSteps:
    """Cell after cell, compiled: for devices with one state that offer `CellCode`."""

    def __init__(
        self, cells: Ensemble, code: CellCode, tolerance: float, visible: float = 1e-4
    ) -> None:
        from spicesnn.devices.cell_functions import address_of, behind
        from spicesnn.engines.nodal import cell_kernel

        self._kernel = cell_kernel
        self._linear = cells.device.linear
        assert self._linear or code.conductance is not None
        nonlinear = (
            (0, 0)
            if self._linear or code.conductance is None
            else (address_of(code.conductance), int(behind.address))
        )
        self._cells, self._tolerance, self._visible = cells, tolerance, visible
        self._code = cell_kernel.Cells(
            address_of(code.current),
            address_of(code.rate),
            *nonlinear,
            parameters=code.matrix(cells.moves.size),
            ranges=np.ascontiguousarray(
                np.stack([cells.low[0], cells.high[0], cells.scale[0], cells.moves], axis=1)
            ),
        )

    def interval(self, state: Floats, drive: Drive, step: Floats) -> Interval:
        """Advance all cells; see `CellSteps`."""
        nodes, siemens = np.empty((2, 4, step.size))
        charge, energy, steps = np.empty((3, step.size))
        threads = team.size if step.size >= SHARED_CELLS else 1
        taken, bad = np.zeros((threads, 1), dtype=np.int64), np.full(threads, -1)
        under, followed = _given(drive, drive.source), (nodes, siemens, charge, energy)

        def share(number: int, threads: int) -> None:
            bad[number] = self._kernel.advance_cells(
                step.size * number // threads,
                step.size * (number + 1) // threads,
                tuple(self._code),
                state[0],
                under,
                self._tolerance,
                step,
                followed,
                steps,
                taken[number],
            )

        team.run(share, threads)
        if bad.max() >= 0:
            raise _lost(self._cells, int(bad.max()), state, drive, step, self._tolerance)
        known = siemens if drive.ohms is not None and self._linear else None
        return Interval(
            nodes=nodes[:, None],
            siemens=known,
            charge=charge,
            energy=energy,
            step=steps,
            taken=int(taken.sum()),
        )

    def some(self, index: Index) -> CompiledSteps:
        """Return the way to advance some of the cells; see `CellSteps`."""
        part = copy.copy(self)
        part._cells = self._cells.take(index)
        parameters = self._code.parameters
        part._code = self._code._replace(
            ranges=np.ascontiguousarray(self._code.ranges[index]),
            parameters=(
                parameters if len(parameters) == 1 else np.ascontiguousarray(parameters[index])
            ),
        )
        return part

    def corrected(self, state: Floats, interval: Interval, old: Drive, new: Drive) -> Correction:
        """Return the interval under another drive; see `CellSteps`."""
        nodes, siemens = interval.nodes[:, 0].copy(), np.empty((4, interval.step.size))
        hasty = np.empty(interval.step.size, dtype=np.int64)
        charge, energy = interval.charge.copy(), interval.energy.copy()
        threads = team.size if charge.size >= SHARED_CELLS else 1
        measures = np.zeros((threads, 6))
        under, followed = _given(old, new.source), (nodes, siemens, charge, energy)

        def share(number: int, threads: int) -> None:
            measures[number] = self._kernel.correct_cells(
                charge.size * number // threads,
                charge.size * (number + 1) // threads,
                tuple(self._code),
                state[0],
                old.source,
                under,
                self._visible,
                followed,
                hasty,
            )

        team.run(share, threads)
        moved, bend = measures[:, 0].max(), measures[:, 2].max()
        joules, bend_joules, bend_coulomb = (measures[:, k].sum() for k in (1, 3, 4))
        return Correction(
            interval=replace(
                interval,
                nodes=nodes[:, None],
                siemens=siemens if old.ohms is not None and self._linear else None,
                charge=charge,
                energy=energy,
            ),
            state=float(moved),
            joules=float(joules),
            bend=float(bend),
            bend_joules=float(bend_joules),
            bend_coulomb=float(bend_coulomb),
            hasty=hasty,
            hasty_joules=float(measures[:, 5].sum()),
        )

    def renew(self) -> None:
        """Do nothing: compiled steps are bounded within each interval, and the intervals are
        counted."""


class CompiledStates(ArraySteps):
    """Cell after cell, compiled: for devices with several states that offer `CellCode`."""

    def __init__(
        self, cells: Ensemble, code: CellCode, tolerance: float, visible: float = 1e-4
    ) -> None:
        super().__init__(cells, tolerance, visible)
        self._code = code

    def interval(self, state: Floats, drive: Drive, step: Floats) -> Interval:
        """Advance all cells; see `CellSteps`."""
        from spicesnn.devices.cell_functions import address_of, behind
        from spicesnn.engines.nodal.state_kernel import StateCells, advance_states

        cells, code, m = self._cells, self._code, step.size
        slope = None if cells.device.linear else code.conductance
        nodes = np.empty((4, cells.count, m))
        charge, energy, steps = np.empty((3, m))
        threads = team.size if m >= SHARED_CELLS // 4 else 1
        taken, bad = np.zeros((threads, 2), dtype=np.int64), np.full(threads, -1)
        low, high, scale = (np.ascontiguousarray(x) for x in (cells.low, cells.high, cells.scale))
        followers = StateCells(
            address_of(code.current),
            address_of(code.rate),
            *((0, 0) if slope is None else (address_of(slope), int(behind.address))),
            head=len(code.parameters),
            parameters=code.matrix(m),
            ranges=(low, high, scale),
            moves=cells.moves,
        )
        states, under = np.ascontiguousarray(state), _given(drive, drive.source)
        followed = nodes, charge, energy

        def share(number: int, threads: int) -> None:
            bad[number] = advance_states(
                m * number // threads,
                m * (number + 1) // threads,
                tuple(followers),
                states,
                under,
                self._tolerance,
                MOST_ROUNDS,
                step,
                followed,
                steps,
                taken[number],
            )

        team.run(share, threads)
        if bad.max() >= 0:
            raise _lost(cells, int(bad.max()), state, drive, step, self._tolerance)
        self._left -= max(taken[:, 1].sum() / m - FREE_ROUNDS, 0.0)
        if self._left < 0:
            raise too_many_steps(cells.device.name, drive.seconds, "the cells need", "they were")
        return Interval(
            nodes=nodes,
            siemens=None,
            charge=charge,
            energy=energy,
            step=steps,
            taken=int(taken[:, 0].sum()),
        )

    def some(self, index: Index) -> CompiledStates:
        """Return the way to advance some of the cells; see `CellSteps`."""
        cells = self._cells.take(index)
        code = cells.device.compiled()
        assert code is not None
        return CompiledStates(cells, code, self._tolerance, self._visible)


def _given(drive: Drive, source: Floats) -> tuple[Floats, Floats, Floats, Floats, float]:
    """Return what a `CellDrive` has, of a drive with such source voltages."""
    return (
        source,
        _NO_ROW if drive.ohms is None else drive.ohms,
        _NO_TABLE if drive.gate is None else drive.gate,
        drive.line,
        float(drive.seconds),
    )


def _lost(
    cells: Ensemble, cell: int, state: Floats, drive: Drive, step: Floats, tolerance: float
) -> ConvergenceError:
    """Return the error for a cell that compiled steps have given up; a device that knows better
    why (its state leaves its range) raises its own."""
    one = np.array([cell])
    with suppress(ConvergenceError):
        advance(cells.take(one), state[:, one], drive.take(one), tolerance, step[one])
    return cannot_follow(cells.device.name, cell, state[:, cell], drive.seconds)


def steps_for(cells: Ensemble, tolerance: float, visible: float) -> CellSteps:
    """Return the fastest way to advance these cells.

    Parameters
    ----------
    cells : Ensemble
    tolerance : float
        Local error of a cell's step, as a fraction of each state's range.
    visible : float
        Changes of a state below this fraction of its range do not count.
    """
    code = cells.device.compiled()
    if code is not None and cells.factor is None:
        kind = CompiledSteps if code.states == 1 else CompiledStates
        return kind(cells, code, tolerance, visible)
    return ArraySteps(cells, tolerance, visible)
