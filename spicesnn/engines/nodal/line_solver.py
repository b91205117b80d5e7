"""The line solver as the rest of the package calls it: set up once an operator, then solve for many sources."""

from __future__ import annotations

import numpy as np

from spicesnn.devices.base import Floats
from spicesnn.engines.nodal import line_cg
from spicesnn.engines.nodal.lines import Lines, Work, lines_of_operator, padded, padded_cells, work_for
from spicesnn.engines.nodal.network import Operator, Solution, Sources
from spicesnn.errors import ConvergenceError

TOLERANCE = 1e-11
"""‖residual‖₁ over the sum of all line currents at which a solve ends (see `line_cg`)."""
MOST_ITERATIONS = 20_000
_NONE = np.zeros(0)


class LinePrepared:
    """An operator set up for line-preconditioned conjugate gradients.

    Parameters
    ----------
    operator : Operator
    lines, work : Lines, Work, optional
        Those of an operator that differs in `cell_siemens` alone: the set-up of a changed array is then next to free.
    """

    def __init__(self, operator: Operator, *, lines: Lines | None = None, work: Work | None = None) -> None:
        rows, cols = operator.shape
        self.operator = operator
        self.lines = lines_of_operator(operator) if lines is None else lines
        self.work = work_for(rows, cols) if work is None else work
        self.cells = padded_cells(operator.cell_siemens)
        self._factored = False

    def with_cells(self, cell_siemens: Floats) -> LinePrepared:
        """Return the set-up for other cells on the same lines; it takes over this one's scratch, so use this one no more."""
        operator = Operator(
            wires=self.operator.wires, cell_siemens=cell_siemens, floating_rows=self.operator.floating_rows,
            floating_columns=self.operator.floating_columns, word_siemens=self.operator.word_siemens, bit_siemens=self.operator.bit_siemens,
        )  # fmt: skip
        return LinePrepared(operator, lines=self.lines, work=self.work)

    def solve(self, sources: Sources, start: Solution | None = None, *, tolerance: float = TOLERANCE) -> Solution:
        """Solve for every input of the batch.

        Parameters
        ----------
        sources : Sources
        start : Solution, optional
            Where to start from; of the same batch, or of one input.
        tolerance : float
            See `line_cg`; Newton steps may do with less.

        Raises
        ------
        ConvergenceError
            The tolerance was not reached.
        """
        rows, cols = self.operator.shape
        batch = sources.row_volts.shape[0]
        wide_rows, wide_cols = padded(rows), padded(cols)
        whole = (wide_rows, wide_cols) == (rows, cols)
        make = np.empty if whole else np.zeros
        word, bit = make((batch, wide_rows, wide_cols)), make((batch, wide_rows, wide_cols))
        word_volts, bit_volts = np.zeros((batch, wide_rows)), np.zeros((batch, wide_cols))
        word_volts[:, :rows] = np.where(self.operator.floating_rows, 0.0, sources.row_volts)
        bit_volts[:, :cols] = np.where(self.operator.floating_columns, 0.0, sources.column_volts)
        if start is not None:
            word[:, :rows, :cols] = start.word_volts
        row_amps, column_amps = np.empty((batch, rows)), np.empty((batch, cols))
        reports = np.zeros((batch, line_cg.REPORT_SIZE))
        for k in range(batch):
            line_cg.solve_lines(
                self.lines, self.cells, self.work, word_volts[k], bit_volts[k], _injected(sources.word_amps, k), _injected(sources.bit_amps, k),
                word[k].reshape(-1), bit[k].reshape(-1), row_amps[k], column_amps[k], self._factored, start is not None, tolerance,
                MOST_ITERATIONS, reports[k], 0, 1,
            )  # fmt: skip
            self._factored = True
        if not reports[:, line_cg.CONVERGED].all():
            worst = reports[np.argmin(reports[:, line_cg.CONVERGED])]
            raise ConvergenceError(
                f"the line solver left {worst[line_cg.BOUND]:.3g} A over after {int(worst[line_cg.ITERATIONS])} iterations, "
                f"of {worst[line_cg.SCALE]:.3g} A in all lines; wanted {tolerance:.3g} of that"
            )
        return Solution(
            word_volts=word if whole else word[:, :rows, :cols].copy(), bit_volts=bit if whole else bit[:, :rows, :cols].copy(),
            row_amps=row_amps, column_amps=column_amps, residual_amps=reports[:, line_cg.RESIDUAL].copy(),
            iterations=int(reports[:, line_cg.ITERATIONS].max()), bound_amps=reports[:, line_cg.BOUND].copy(),
        )  # fmt: skip


def _injected(amps: Floats | None, k: int) -> Floats:
    return _NONE if amps is None else padded_cells(amps[k])
