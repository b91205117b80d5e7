"""Which method solves a linear array: chosen by the cost that its resistances and size predict.

With ξ = N²·r·mean(G) a line of N cells has its slowest mode damped by 1/(1 + π²/4ξ), so one sweep
over both kinds of lines leaves ρ = 1/((1 + π²/4ξ_word)·(1 + π²/4ξ_bit)) of it, and conjugate
gradients take about 7/√(1 − ρ) iterations."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.islands import islands
from spicesnn.crossbar.wires import Wires, largest
from spicesnn.engines.nodal.direct import DirectPrepared
from spicesnn.engines.nodal.elimination import MOST_SECONDS, Eliminated, elimination_seconds
from spicesnn.engines.nodal.network import Currents, Operator, Prepared, Solution, Sources
from spicesnn.errors import ConvergenceError, SingularCircuitError

if TYPE_CHECKING:
    from spicesnn.engines.nodal.line_solver import LinePrepared

_SECONDS_PER_CELL_SWEEP = 2e-9
_SHORT = 1e300
"""Conductance of a cell next to which every wire resists, siemens."""


def predicted_iterations(operator: Operator) -> float:
    """Return how many iterations of the line solver the operator is likely to take."""
    wires, cells = operator.wires, operator.cell_siemens
    mean = float(cells.sum()) / cells.size
    segment_ohm = wires.largest_segment_ohm
    if mean * segment_ohm > 1e-4:
        # a cell that conducts better than the wires ties their nodes together, and more of that
        # changes nothing
        mean = float(np.minimum(cells, 1 / segment_ohm).sum()) / cells.size
    return _iterations(wires, operator.shape, mean)


def _iterations(wires: Wires, shape: tuple[int, int], mean: float) -> float:
    """Return how many iterations cells of this mean conductance are likely to take, siemens."""
    rows, cols = shape
    word = cols * mean * (cols * largest(wires.word_line_ohm) + largest(wires.driver_ohm))
    bit = rows * mean * (rows * largest(wires.bit_line_ohm) + largest(wires.sense_ohm))
    quarter = math.pi**2 / 4
    damping = (1 + quarter / max(word, 1e-12)) * (1 + quarter / max(bit, 1e-12))
    return 1.0 + 7.0 / math.sqrt(max(1.0 - 1.0 / damping, 1e-12))


def check_paths(operator: Operator) -> None:
    """Raise `SingularCircuitError` where a floating line has no path to any driver, sense node or
    ground."""
    if not operator.floats:
        return
    floating_rows, floating_columns = operator.floating_rows, operator.floating_columns
    rows = operator.shape[0]
    row, col = np.nonzero(operator.cell_siemens > 0)
    count = sum(operator.shape)
    _, island = islands(row, rows + col, count)
    held = np.concatenate(
        [
            ~floating_rows | (operator.word_siemens > 0),
            ~floating_columns | (operator.bit_siemens > 0),
        ]
    )
    grounded = np.zeros(count, dtype=bool)
    grounded[island[held]] = True
    lost = np.flatnonzero(~grounded[island])
    if lost.size:
        line = int(lost[0])
        name, at = ("word", (line, 0)) if line < rows else ("bit", (0, line - rows))
        raise SingularCircuitError(
            f"the {name}-line node at cell {at} floats: no path leads from it to any driver or"
            " sense node, so its voltage is not defined. Drive the line, or give one of its cells"
            " a conductance above 0 S"
        )


UNRESOLVED = 1e8
"""Cell over wire conductance from which on sparse LU rounds the wires away and does not notice: it
is no second opinion."""
REFINE_SECONDS = 1.0
"""Elimination that takes less than this replaces an answer that rounding has spoilt, though its
certificate is honest."""
WANTED = 5e-10
"""Bound of the error over the largest line current from which on it does."""
MOST_TERMINALS = 2000
"""Elimination joins all terminals with one another; of longer single lines sparse LU makes less
work."""


class Checked:
    """The line solver with a direct method behind it, for the rare operator on which iterations
    stall or rounding spoils the answer."""

    def __init__(self, operator: Operator, lines: LinePrepared) -> None:
        self.operator = operator
        self.lines = lines
        self._direct: DirectPrepared | Eliminated | None = None

    def solve(
        self, sources: Sources, start: Solution | None = None, *, tolerance: float = 1e-11
    ) -> Solution:
        """Solve for every input of the batch; `tolerance` as in `LinePrepared.solve`."""
        if self._direct is None:
            try:
                solution = self.lines.solve(sources, start, tolerance=tolerance)
            except ConvergenceError:
                self._direct = self._second_method()
                if self._direct is None:
                    raise
            else:
                if not self._spoilt(solution.row_amps, solution.column_amps, solution.bound_amps):
                    return solution
                self._direct = Eliminated(self.operator)
        solution = self._direct.solve(sources)
        if isinstance(self._direct, DirectPrepared):
            from spicesnn.engines.nodal.line_cg import COARSEST
            from spicesnn.engines.nodal.line_solver import check_resolved

            scale = np.abs(solution.row_amps).sum(axis=1) + np.abs(solution.column_amps).sum(axis=1)
            check_resolved(
                self.operator,
                sources,
                solution.residual_amps * 2 * self.operator.cell_siemens.size,
                scale,
                COARSEST,
            )
        return solution

    def currents(self, sources: Sources, tolerance: float) -> Currents:
        """Return line currents and what is known of their errors; node voltages are not kept."""
        if self._direct is None:
            try:
                found = self.lines.solve_currents(sources, tolerance=tolerance)
            except ConvergenceError:
                pass
            else:
                if not self._spoilt(found.row_amps, found.column_amps, found.bound_amps):
                    return found
        return currents_of(self.solve(sources, tolerance=tolerance))

    def _second_method(self) -> DirectPrepared | Eliminated | None:
        if elimination_seconds(*self.operator.shape) <= MOST_SECONDS:
            return Eliminated(self.operator)
        resolved = (
            float(self.operator.cell_siemens.max()) * self.operator.wires.largest_segment_ohm
            <= UNRESOLVED
        )
        return DirectPrepared(self.operator) if resolved else None

    def _spoilt(self, row_amps: Floats, column_amps: Floats, bound_amps: Floats | None) -> bool:
        """Return whether rounding has left more than is wanted, and elimination would do better in
        little time."""
        if (
            not self.lines.rounded
            or bound_amps is None
            or elimination_seconds(*self.operator.shape) > REFINE_SECONDS
        ):
            return False
        largest = np.maximum(np.abs(row_amps).max(axis=1), np.abs(column_amps).max(axis=1))
        return bool(np.any(bound_amps > WANTED * largest))


def currents_of(solution: Solution) -> Currents:
    """Return the line currents of a solution, and what is known of their errors."""
    bound = (
        solution.residual_amps * 2 * solution.word_volts[0].size
        if solution.bound_amps is None
        else solution.bound_amps
    )
    return Currents(
        row_amps=solution.row_amps,
        column_amps=solution.column_amps,
        bound_amps=bound,
        residual_amps=solution.residual_amps,
        iterations=solution.iterations,
    )


def prepare(operator: Operator, reuse: Prepared | None = None, solves: int = 1) -> Prepared:
    """Set up the method that is likely to be the fastest for this operator.

    Parameters
    ----------
    operator : Operator
    reuse : Prepared, optional
        A set-up that is no longer needed: its memory is taken over where the shape is the same.

    solves : int
        How many inputs are expected: elimination answers any number of them in the same time.

    Raises
    ------
    SingularCircuitError
        A line floats without any path to a source.
    """
    check_paths(operator)
    if operator.wires.partly_ideal:
        return DirectPrepared(operator)
    if min(operator.shape) == 1:
        # along a single line currents may fall off by any factor; elimination keeps every one of
        # them to its own accuracy
        return (
            Eliminated(operator)
            if sum(operator.shape) <= MOST_TERMINALS
            else DirectPrepared(operator)
        )
    if not lines_always_pay(operator.wires, operator.shape, solves) and _costs(
        operator.shape, predicted_iterations(operator), solves
    ):
        return Eliminated(operator)
    from spicesnn.engines.nodal.line_solver import LinePrepared

    kept = (
        reuse.lines
        if isinstance(reuse, Checked) and reuse.operator.shape == operator.shape
        else None
    )
    return Checked(operator, LinePrepared(operator, kept))


def lines_always_pay(wires: Wires, shape: tuple[int, int], solves: int = 1) -> bool:
    """Return whether the line solver is likely to be the faster method, whatever the cells are."""
    if wires.partly_ideal:
        return False
    segment_ohm = wires.largest_segment_ohm
    return min(shape) > 1 and not _costs(
        shape, _iterations(wires, shape, 1 / segment_ohm if segment_ohm else _SHORT), solves
    )


def _costs(shape: tuple[int, int], iterations: float, solves: int) -> bool:
    """Return whether elimination is likely to be faster than so many iterations for each of some
    inputs."""
    rows, cols = shape
    return solves * (4 + iterations) * rows * cols * _SECONDS_PER_CELL_SWEEP > elimination_seconds(
        rows, cols
    )
