"""One set of lines, many sets of cells: the linear solver for Newton steps and for arrays whose
states move."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.wires import Wires
from spicesnn.engines.nodal.direct import DirectPrepared
from spicesnn.engines.nodal.line_solver import TOLERANCE, LinePrepared
from spicesnn.engines.nodal.linear import Checked, check_paths, predicted_iterations, prepare
from spicesnn.engines.nodal.network import Operator, Solution, Sources
from spicesnn.errors import ConvergenceError

_QUICK_UPDATES = 5e5
"""Iterations times cells below which the line solver takes less time than a sparse factorisation
needs to begin."""


class Relinearised:
    """The linear network of one array for changing cell conductances.

    Parameters
    ----------
    wires : Wires
    floating_rows, floating_columns : (rows,), (cols,) bool
    word_siemens, bit_siemens : float
        Conductance from every node of a line to ground.
    """

    def __init__(
        self,
        wires: Wires,
        floating_rows: NDArray[np.bool_],
        floating_columns: NDArray[np.bool_],
        word_siemens: float = 0.0,
        bit_siemens: float = 0.0,
    ) -> None:
        self.wires = wires
        self.floating_rows, self.floating_columns = floating_rows, floating_columns
        self.word_siemens, self.bit_siemens = word_siemens, bit_siemens
        self.solves = 0
        self._lines: LinePrepared | None = None
        self._direct = wires.partly_ideal
        self._any_floating = bool(floating_rows.any() or floating_columns.any())

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, cols)."""
        return self.floating_rows.size, self.floating_columns.size

    def solve(
        self,
        siemens: Floats,
        sources: Sources,
        start: Solution | None = None,
        tolerance: float = TOLERANCE,
    ) -> Solution:
        """Solve with these cells, (rows, cols) siemens.

        Parameters
        ----------
        tolerance : float
            ‖residual‖₁ over the sum of all line currents (see `line_cg`); the direct method ignores
            it.
        """
        self.solves += 1
        operator = Operator(
            wires=self.wires,
            cell_siemens=siemens,
            floating_rows=self.floating_rows,
            floating_columns=self.floating_columns,
            word_siemens=self.word_siemens,
            bit_siemens=self.bit_siemens,
        )
        if self._any_floating:
            check_paths(operator)
        if not drives(sources):
            return _nothing(*siemens.shape)
        if self._lines is None and not self._direct:
            cells = siemens.size
            quick = predicted_iterations(operator) * cells < _QUICK_UPDATES
            self._direct = not quick and not isinstance(prepare(operator), Checked)
        if self._direct:
            return DirectPrepared(operator).solve(sources)
        self._lines = LinePrepared(operator, self._lines)
        try:
            return self._lines.solve(sources, start, tolerance=tolerance)
        except ConvergenceError:
            return DirectPrepared(operator).solve(sources)


def drives(sources: Sources) -> bool:
    """Return whether any source drives the array: where none does, no relative tolerance can be met
    from a warm start."""
    return any(
        amps is not None and bool(amps.any())
        for amps in (sources.row_volts, sources.column_volts, sources.word_amps, sources.bit_amps)
    )


def _nothing(rows: int, cols: int) -> Solution:
    """Return the solution of an array that nothing drives."""
    volts = np.zeros((1, rows, cols))
    return Solution(
        word_volts=volts,
        bit_volts=volts.copy(),
        row_amps=np.zeros((1, rows)),
        column_amps=np.zeros((1, cols)),
        residual_amps=np.zeros(1),
        bound_amps=np.zeros(1),
    )
