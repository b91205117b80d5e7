"""Arrays of nonlinear cells: Newton's method with the linear solver inside.

Each step puts dI/dV in place of the cell conductance and injects what the tangent leaves out. The
wires are linear, so all that violates Kirchhoff's law after a step is, cell by cell, the difference
between the true current i(v) and the current the wires were solved for: that difference is the
residual, exactly, and no matrix is formed to measure it.

Where every dI/dV ≥ 0 the solution minimises a convex potential (Millar's co-content), whose slope
along a step is Σ Δv·(i(v) - i_solved): the line search looks for the step at which this slope has
all but vanished, which converges for any monotone cell however steep. Where that fails the drive is
raised from 0 V in stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.engines.nodal.line_solver import TOLERANCE
from spicesnn.engines.nodal.network import Solution, Sources
from spicesnn.engines.nodal.newton_kernels import arrival, mismatch_of, slopes_along, tangents
from spicesnn.engines.nodal.relinearised import Relinearised, drives
from spicesnn.errors import ConvergenceError

MOST_STEPS = 50
LOOSE = 1e-3
"""Tolerance of the first linear solves."""
STALLED = 1e-9
"""Mismatch, relative to the largest cell current, below which steps that do not halve it have met
rounding."""
NO_AMPS = 1e-22
"""A mismatch that is no current at all (less than an electron in a quarter of an hour): what
rounding leaves where nothing is driven."""
LEAST_STAGE = 1e-4
"""The smallest stage of source stepping, as a fraction of the drive."""

Cells = Callable[[Floats], tuple[Floats, Floats]]
"""From cell volts (rows, cols) to current and dI/dV, each (rows, cols)."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Point:
    """Node voltages (rows, cols), the cells' voltages, and the cell currents the wires were solved
    for at these voltages."""

    word: Floats
    bit: Floats
    volts: Floats
    solved_amps: Floats
    residual_amps: float
    solution: Solution
    tight: bool

    def towards(self, other: _Point, share: float) -> _Point:
        """Return the point at `share` of the way: the wires are linear, so they stay satisfied
        anywhere on it."""
        if share == 1.0:
            return other
        return _Point(
            word=self.word + share * (other.word - self.word),
            bit=self.bit + share * (other.bit - self.bit),
            volts=self.volts + share * (other.volts - self.volts),
            solved_amps=self.solved_amps + share * (other.solved_amps - self.solved_amps),
            residual_amps=abs(1 - share) * self.residual_amps + share * other.residual_amps,
            solution=other.solution,
            tight=False,
        )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Newton:
    """Newton's method for one input.

    Attributes
    ----------
    network : Relinearised
        The lines.
    cells : Cells
    tolerance : float
        Largest mismatch of a cell's current that is accepted, relative to the largest cell current.
    """

    network: Relinearised
    cells: Cells
    tolerance: float = 1e-11

    def solve(self, sources: Sources, start: Solution | None = None) -> Solution:
        """Return the solution for one input (a batch axis of length 1), from `start` where that
        helps.

        Raises
        ------
        ConvergenceError
            Not even source stepping reached the tolerance.
        """
        if not drives(sources):  # 0 V everywhere, unless a cell is a source of its own
            amps, slope = self.cells(np.zeros(self.network.shape))
            if not amps.any():
                return self.network.solve(slope, sources)
        try:
            return self._iterate(sources, start)
        except ConvergenceError:
            return self._raise_drive(sources)

    def _raise_drive(self, sources: Sources) -> Solution:
        """Source stepping: follow the solution from 0 V to the full drive in stages that adapt."""
        done, stage = 0.0, 0.25
        solution: Solution | None = None
        while done < 1.0:
            level = min(done + stage, 1.0)
            try:
                solution = self._iterate(_scaled(sources, level), solution)
            except ConvergenceError:
                stage *= 0.25
                if stage < LEAST_STAGE:
                    raise
                continue
            done, stage = level, 2 * stage
        assert solution is not None
        return solution

    def _iterate(self, sources: Sources, start: Solution | None) -> Solution:
        point, amps, slope = self._first(sources, start)
        count, best, stalled = 1, np.inf, 0
        while True:
            mismatch, largest = mismatch_of(amps.reshape(-1), point.solved_amps.reshape(-1))
            if (mismatch <= self.tolerance * largest + NO_AMPS or stalled >= 2) and point.tight:
                return _finished(self.network, sources, point, amps, count)
            if count >= MOST_STEPS or not np.isfinite(mismatch):
                raise ConvergenceError(
                    f"Newton's method: after {count} steps a cell's current still misses the"
                    f" network's by {mismatch:.3g} A (largest cell current {largest:.3g} A). Check"
                    " the device at these voltages, or add resistance to the lines"
                )
            share = mismatch / max(largest, 1e-300)
            target = self._step(
                sources, point.volts, amps, slope, point.solution, min(0.03 * share * share, LOOSE)
            )
            point, amps, slope = self._search(point, amps, target, mismatch)
            count += 1
            if mismatch < STALLED * largest:
                stalled = stalled + 1 if mismatch >= 0.5 * best else 0
                best = min(best, mismatch)

    def _first(self, sources: Sources, start: Solution | None) -> tuple[_Point, Floats, Floats]:
        """Return a first point at which the wires are satisfied and every cell current is finite,
        and its currents and dI/dV."""
        if start is not None:
            volts = start.word_volts[0] - start.bit_volts[0]
            amps, slope = self.cells(volts)
            point = self._step(sources, volts, amps, slope, start, LOOSE)
            with np.errstate(all="ignore"):
                there = self.cells(point.volts)
            if np.all(np.isfinite(there[0])):
                return point, *there
        zero = np.zeros(self.network.shape)
        amps, slope = self.cells(zero)
        best: tuple[_Point, Floats, Floats] | None = None
        least = np.inf
        for stiffer in (1.0, 1e2, 1e4, 1e6, 1e8, 1e10, 1e12):
            point = self._step(sources, zero, amps, slope * stiffer, None, LOOSE)
            with np.errstate(all="ignore"):
                there = self.cells(point.volts)
                excess = float(
                    np.abs(there[0] - point.solved_amps).max()
                    / max(float(np.abs(point.solved_amps).max()), 1e-300)
                )
            if excess < least:
                best, least = (point, *there), excess
            if excess <= 10.0 or stiffer * float(slope.max()) > 1e6 * self._most_siemens():
                break
        if best is None:
            raise ConvergenceError(
                "Newton's method: the cell currents overflow at any starting point; the voltages"
                " are far outside the device's"
            )
        return best

    def _most_siemens(self) -> float:
        """Return the conductance of the least resistive wire segment (0 Ω apart): cells far above
        it count as shorts."""
        wires = self.network.wires
        return 1.0 / (1e-3 if wires.without_resistance else wires.smallest_ohm)

    def _step(
        self,
        sources: Sources,
        volts: Floats,
        amps: Floats,
        slope: Floats,
        near: Solution | None,
        wanted: float,
    ) -> _Point:
        """Solve the network with each cell replaced by its tangent at `volts`, no more accurately
        than Newton's own error is worth."""
        finest = min(max(0.1 * self.tolerance, TOLERANCE), LOOSE)
        siemens, extra = np.empty((2, *self.network.shape))
        flat = [np.reshape(values, -1) for values in (volts, amps, slope)]
        tangents(*flat, 1e9 * self._most_siemens(), siemens.reshape(-1), extra.reshape(-1))
        extra = extra[None]
        solution = self.network.solve(
            siemens,
            Sources(
                row_volts=sources.row_volts,
                column_volts=sources.column_volts,
                word_amps=-extra if sources.word_amps is None else sources.word_amps - extra,
                bit_amps=extra if sources.bit_amps is None else sources.bit_amps + extra,
            ),
            near,
            max(wanted, finest),
        )
        word, bit = solution.word_volts[0], solution.bit_volts[0]
        across, solved = np.empty((2, *self.network.shape))
        arrival(word, bit, *flat[:2], siemens.reshape(-1), across.reshape(-1), solved.reshape(-1))
        return _Point(
            word=word,
            bit=bit,
            volts=across,
            solved_amps=solved,
            residual_amps=float(solution.residual_amps[0]),
            solution=solution,
            tight=wanted <= finest,
        )

    def _search(
        self, point: _Point, amps: Floats, target: _Point, mismatch: float
    ) -> tuple[_Point, Floats, Floats]:
        """Return `target` where it has halved the mismatch, else the point on the line to it where
        the slope of the co-content has all but vanished; and its currents and dI/dV.

        Close to the solution the slope is what rounding and the linear solves' own errors leave,
        and says nothing."""
        with np.errstate(all="ignore"):
            there = self.cells(target.volts)
            left, largest = mismatch_of(there[0].reshape(-1), target.solved_amps.reshape(-1))
        if left <= max(0.5 * mismatch, STALLED * largest):
            return target, *there
        pairs = (point.volts, target.volts, amps, point.solved_amps, there[0], target.solved_amps)
        first, last = slopes_along(*(values.reshape(-1) for values in pairs))
        if first >= 0 or abs(last) <= 0.5 * abs(first):
            return target, *there
        volts, step, change = (
            point.volts,
            target.volts - point.volts,
            target.solved_amps - point.solved_amps,
        )

        def slope(share: float) -> float:
            with np.errstate(all="ignore"):
                value = float(
                    np.sum(
                        step
                        * (self.cells(volts + share * step)[0] - point.solved_amps - share * change)
                    )
                )
            return value if np.isfinite(value) else np.inf

        low, f_low, high, f_high = 0.0, first, 1.0, last if np.isfinite(last) else np.inf
        while f_high < -0.5 * abs(first) and high < 1e4:
            low, f_low, high = high, f_high, 2 * high
            f_high = slope(high)
        found = point.towards(target, _near_root(slope, low, f_low, high, f_high, 0.1 * abs(first)))
        return found, *self.cells(found.volts)


def _near_root(
    function: Callable[[float], float],
    low: float,
    f_low: float,
    high: float,
    f_high: float,
    enough: float,
) -> float:
    """Return a place between `low` (value below 0) and `high` (above 0, or infinite) where
    |function| ≤ `enough`, by the Illinois rule."""
    if f_high <= 0:
        return high
    share = high
    for _ in range(60):
        share = (
            (low * f_high - high * f_low) / (f_high - f_low)
            if np.isfinite(f_high)
            else 0.5 * (low + high)
        )
        if not low + 1e-3 * (high - low) <= share <= high - 1e-3 * (high - low):
            share = (
                0.5 * (low + high)
                if f_high > 1e3 * abs(f_low)
                else min(max(share, low + 1e-3 * (high - low)), high - 1e-3 * (high - low))
            )
        value = function(share)
        if abs(value) <= enough:
            return share
        if value < 0:
            low, f_low, f_high = share, value, 0.5 * f_high
        else:
            high, f_high, f_low = share, value, 0.5 * f_low
    return low if low > 0 else share


def _scaled(sources: Sources, level: float) -> Sources:
    return Sources(
        row_volts=level * sources.row_volts,
        column_volts=level * sources.column_volts,
        word_amps=None if sources.word_amps is None else level * sources.word_amps,
        bit_amps=None if sources.bit_amps is None else level * sources.bit_amps,
    )


def _of_nodes(mismatch: Floats, segment_ohm: float | Floats) -> float:
    """Return the largest mismatch at any node of the lines along axis 0; a line without resistance
    is one node."""
    at_nodes = np.abs(mismatch).max(axis=1)
    of_lines = np.abs(mismatch.sum(axis=1))
    return float(np.where(np.equal(segment_ohm, 0.0), of_lines, at_nodes).max())


def _finished(
    network: Relinearised, sources: Sources, point: _Point, amps: Floats, count: int
) -> Solution:
    """Return the solution with the line currents, and the mismatch of all cells on a node as its
    residual."""
    through = point.solved_amps
    mismatch = amps - through
    word_ohm, bit_ohm = network.wires.word_line_ohm, network.wires.bit_line_ohm
    residual = max(_of_nodes(mismatch, word_ohm), _of_nodes(mismatch.T, bit_ohm))
    residual += point.residual_amps
    out_of_word = (
        through
        + network.word_siemens * point.word
        - (0.0 if sources.word_amps is None else sources.word_amps[0])
    )
    into_bit = (
        through
        - network.bit_siemens * point.bit
        + (0.0 if sources.bit_amps is None else sources.bit_amps[0])
    )
    rows = np.where(network.floating_rows, 0.0, out_of_word.sum(axis=1))
    columns = np.where(network.floating_columns, 0.0, into_bit.sum(axis=0))
    return Solution(
        word_volts=point.word[None],
        bit_volts=point.bit[None],
        row_amps=rows[None],
        column_amps=columns[None],
        residual_amps=np.array([residual]),
        iterations=count,
    )
