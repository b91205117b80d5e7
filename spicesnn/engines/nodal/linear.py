"""Which method solves a linear array: chosen by the cost that its resistances and size predict.

With ξ = N²·r·mean(G) a line of N cells has its slowest mode damped by 1/(1 + π²/4ξ), so one sweep over both kinds of lines
leaves ρ = 1/((1 + π²/4ξ_word)·(1 + π²/4ξ_bit)) of it, and conjugate gradients take about 7/√(1 − ρ) iterations.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from spicesnn.engines.nodal.direct import DirectPrepared
from spicesnn.engines.nodal.network import Operator, Prepared, Solution, Sources
from spicesnn.errors import ConvergenceError, SingularCircuitError

if TYPE_CHECKING:
    from spicesnn.engines.nodal.line_solver import LinePrepared

_SECONDS_PER_CELL_SWEEP = 2e-9
_SECONDS_DIRECT = 3e-8
"""Times nodes and lines of the shorter kind: sparse LU of a grid."""


def predicted_iterations(operator: Operator) -> float:
    """Return how many iterations of the line solver the operator is likely to take."""
    wires, cells = operator.wires, operator.cell_siemens
    mean = float(cells.sum()) / cells.size
    segment_ohm = max(wires.word_line_ohm, wires.bit_line_ohm)
    if mean * segment_ohm > 1e-4:
        # a cell that conducts better than the wires ties their nodes together, and more of that changes nothing
        mean = float(np.minimum(cells, 1 / segment_ohm).sum()) / cells.size
    return _iterations(operator, mean)


def _iterations(operator: Operator, mean: float) -> float:
    """Return how many iterations cells of this mean conductance are likely to take, siemens."""
    (rows, cols), wires = operator.shape, operator.wires
    driver, sense = (ohm if isinstance(ohm, float) else float(ohm.max()) for ohm in (wires.driver_ohm, wires.sense_ohm))
    word = cols * mean * (cols * wires.word_line_ohm + driver)
    bit = rows * mean * (rows * wires.bit_line_ohm + sense)
    quarter = math.pi**2 / 4
    damping = (1 + quarter / max(word, 1e-12)) * (1 + quarter / max(bit, 1e-12))
    return 1.0 + 7.0 / math.sqrt(max(1.0 - 1.0 / damping, 1e-12))


def check_paths(operator: Operator) -> None:
    """Raise `SingularCircuitError` where a floating line has no path to any driver, sense node or ground."""
    if not operator.floats:
        return
    floating_rows, floating_columns = operator.floating_rows, operator.floating_columns
    rows = operator.shape[0]
    row, col = np.nonzero(operator.cell_siemens > 0)
    count = sum(operator.shape)
    _, island = connected_components(sp.coo_matrix((np.ones(row.size), (row, rows + col)), shape=(count, count)), directed=False)
    held = np.concatenate([~floating_rows | (operator.word_siemens > 0), ~floating_columns | (operator.bit_siemens > 0)])
    grounded = np.zeros(count, dtype=bool)
    grounded[island[held]] = True
    lost = np.flatnonzero(~grounded[island])
    if lost.size:
        line = int(lost[0])
        name, at = ("word", (line, 0)) if line < rows else ("bit", (0, line - rows))
        raise SingularCircuitError(
            f"the {name}-line node at cell {at} floats: no path leads from it to any driver or sense node, "
            "so its voltage is not defined. Drive the line, or give one of its cells a conductance above 0 S"
        )


UNRESOLVED = 1e8
"""Cell over wire conductance from which on the direct method rounds the wires away and does not notice: it is no second opinion."""


class Checked:
    """The line solver with the direct method behind it, for the rare operator on which iterations stall."""

    def __init__(self, operator: Operator, lines: LinePrepared) -> None:
        self.operator = operator
        self.lines = lines
        self._direct: DirectPrepared | None = None

    def solve(self, sources: Sources, start: Solution | None = None, *, tolerance: float = 1e-11) -> Solution:
        """Solve for every input of the batch; `tolerance` as in `LinePrepared.solve`."""
        if self._direct is None:
            try:
                return self.lines.solve(sources, start, tolerance=tolerance)
            except ConvergenceError:
                if _unresolved(self.operator):
                    raise
                self._direct = DirectPrepared(self.operator)
        solution = self._direct.solve(sources)
        from spicesnn.engines.nodal.line_cg import COARSEST
        from spicesnn.engines.nodal.line_solver import check_resolved

        scale = np.abs(solution.row_amps).sum(axis=1) + np.abs(solution.column_amps).sum(axis=1)
        check_resolved(self.operator, sources, solution.residual_amps * 2 * self.operator.cell_siemens.size, scale, COARSEST)
        return solution


def prepare(operator: Operator, reuse: Prepared | None = None) -> Prepared:
    """Set up the method that is likely to be the fastest for this operator.

    Parameters
    ----------
    operator : Operator
    reuse : Prepared, optional
        A set-up that is no longer needed: its memory is taken over where the shape is the same.

    Raises
    ------
    SingularCircuitError
        A line floats without any path to a source.
    """
    check_paths(operator)
    stiffest, segment_ohm = float(operator.cell_siemens.max()), max(operator.wires.word_line_ohm, operator.wires.bit_line_ohm)
    if stiffest * segment_ohm <= UNRESOLVED:
        # along a single line currents may fall off by any factor; elimination keeps every one of them to its own accuracy
        if min(operator.shape) == 1:
            return DirectPrepared(operator)
        if _costs(operator, _iterations(operator, stiffest)) and _costs(operator, predicted_iterations(operator)):
            return DirectPrepared(operator)
    from spicesnn.engines.nodal.line_solver import LinePrepared

    kept = reuse.lines if isinstance(reuse, Checked) and reuse.operator.shape == operator.shape else None
    return Checked(operator, LinePrepared(operator, kept))


def _unresolved(operator: Operator) -> bool:
    return float(operator.cell_siemens.max()) * max(operator.wires.word_line_ohm, operator.wires.bit_line_ohm) > UNRESOLVED


def _costs(operator: Operator, iterations: float) -> bool:
    """Return whether the direct method is likely to be faster than so many iterations."""
    rows, cols = operator.shape
    nodes = 2 * rows * cols
    return (4 + iterations) * rows * cols * _SECONDS_PER_CELL_SWEEP > _SECONDS_DIRECT * nodes * 2 * min(rows, cols)
