"""The line solver as the rest of the package calls it: set up once an operator, then solve for many sources."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np

from spicesnn.devices.base import Floats
from spicesnn.engines.nodal import line_cg
from spicesnn.engines.nodal.compiled import compiling
from spicesnn.engines.nodal.lines import Lines, Work, aligned_zeros, lines_of_operator, padded, padded_cells, stride_of, work_for
from spicesnn.engines.nodal.network import Operator, Solution, Sources
from spicesnn.engines.nodal.threads import team
from spicesnn.errors import ConvergenceError

TOLERANCE = 1e-11
"""‖residual‖₁ over the sum of all line currents at which a solve ends (see `line_cg`)."""
MOST_ITERATIONS = 20_000
COARSEST = 1e-8
"""Relative error of the currents from which on there is no answer but an error."""
SHARED_CELLS = 250_000
"""From this size on one input is solved by several threads; below, the helper would wake up too late."""
SHARED_BATCH = 50_000
"""From so many cells times inputs on the inputs of a batch are shared out between threads."""


_ready: set[str] = set()
"""Kernels that have been called in this process."""


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
        self.work = work_for(rows, cols, team.size) if work is None else work
        self.cells = padded_cells(operator.cell_siemens)
        self._factored = False

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
        shape = (batch, padded(rows), stride_of(cols))
        word, bit = aligned_zeros(*shape), aligned_zeros(*shape)
        if start is not None:
            word[:, :rows, :cols] = start.word_volts
            # Lines tied to their driver by 0 Ω are not solved for: their volts are the new drive, not the old solution's.
            wires = self.operator.wires
            held = (np.broadcast_to(wires.driver_ohm, rows) == 0) & (wires.word_line_ohm == 0) & ~self.operator.floating_rows
            word[:, :rows, :cols][:, held] = sources.row_volts[:, held, None]
        row_amps, column_amps, reports = self._run(
            sources, word.reshape(batch, -1), bit.reshape(batch, -1), warm=start is not None, tolerance=tolerance
        )  # fmt: skip
        return Solution(
            word_volts=word[:, :rows, :cols], bit_volts=bit[:, :rows, :cols], row_amps=row_amps, column_amps=column_amps,
            residual_amps=reports[:, line_cg.RESIDUAL], iterations=int(reports[:, line_cg.ITERATIONS].max()), bound_amps=reports[:, line_cg.BOUND],
        )  # fmt: skip

    def solve_currents(self, sources: Sources, *, tolerance: float = TOLERANCE) -> tuple[Floats, Floats, Floats]:
        """Solve for every input of the batch and keep line currents alone.

        Returns
        -------
        row_amps, column_amps, bound_amps : (batch, rows), (batch, cols), (batch,)
        """
        row_amps, column_amps, reports = self._run(sources, None, None, warm=False, tolerance=tolerance)
        return row_amps, column_amps, reports[:, line_cg.BOUND]

    def _run(self, sources: Sources, word: Floats | None, bit: Floats | None, *, warm: bool, tolerance: float) -> tuple[Floats, Floats, Floats]:
        rows, cols = self.operator.shape
        batch = sources.row_volts.shape[0]
        word_volts, bit_volts = np.zeros((batch, padded(rows))), np.zeros((batch, self.lines.stride))
        word_volts[:, :rows] = sources.row_volts
        bit_volts[:, :cols] = sources.column_volts
        if self.operator.floating_rows.any():
            word_volts[:, :rows][:, self.operator.floating_rows] = 0.0
        if self.operator.floating_columns.any():
            bit_volts[:, :cols][:, self.operator.floating_columns] = 0.0
        word_amps, bit_amps = _injected(sources.word_amps, batch), _injected(sources.bit_amps, batch)
        row_amps, column_amps = np.empty((batch, rows)), np.empty((batch, cols))
        reports = np.zeros((batch, line_cg.REPORT_SIZE))

        kept = (word, bit) if word is not None and bit is not None else None

        def some(first: int, last: int, work: Work, factored: bool, scratch: tuple[Floats, Floats], thread: int, threads: int) -> None:
            line_cg.solve_many(
                self.lines, self.cells, work, word_volts, bit_volts, word_amps, bit_amps, *scratch, row_amps, column_amps,
                factored, warm, tolerance, MOST_ITERATIONS, reports, first, last, thread, threads,
            )  # fmt: skip

        def share_of_batch(number: int, threads: int) -> None:
            work = self.work if number == 0 else self.work.beside()
            own = (aligned_zeros(1, self.cells.size), aligned_zeros(1, self.cells.size)) if kept is None else kept
            some(1 + (batch - 1) * number // threads, 1 + (batch - 1) * (number + 1) // threads, work, True, own, 0, 1)

        alone = (aligned_zeros(1, self.cells.size), aligned_zeros(1, self.cells.size)) if kept is None else kept
        with nullcontext() if _ready else compiling("the line solver"):
            wanted = 2 if self.cells.size >= SHARED_CELLS else 1
            team.run(lambda number, threads: some(0, 1, self.work, self._factored, alone, number, threads), wanted)
        self._factored = True
        _ready.add("solve_many")
        if batch > 1:
            team.run(share_of_batch, min(batch - 1, team.size) if self.cells.size * batch >= SHARED_BATCH else 1)
        if not reports[:, line_cg.CONVERGED].all():
            self.work.direction.fill(0.0)  # what diverged must not be carried into the next solve
            _raise_for(reports, tolerance)
        check_resolved(self.operator, sources, reports[:, line_cg.BOUND], reports[:, line_cg.SCALE], max(COARSEST, 10 * tolerance))
        return row_amps, column_amps, reports


def check_resolved(operator: Operator, sources: Sources, bound: Floats, scale: Floats, coarsest: float) -> None:
    """Raise `ConvergenceError` where rounding alone has made the currents worthless: cells far more conductive than the wires.

    Parameters
    ----------
    bound, scale : (batch,)
        Bound of the error of any line current, and Σ|line current|.
    coarsest : float
        Error that is accepted, relative to `scale`. Arrays that carry next to no current at all are left alone.
    """
    ohm = [value for value in (operator.wires.word_line_ohm, operator.wires.bit_line_ohm) if value > 0]
    if not ohm or bool(np.all(bound <= coarsest * scale)):
        return
    reach = np.maximum(np.abs(sources.row_volts).max(axis=1), np.abs(sources.column_volts).max(axis=1))
    lost = np.flatnonzero((bound > coarsest * scale) & (bound > 1e-9 * reach / min(ohm)))
    if lost.size:
        k = int(lost[0])
        raise ConvergenceError(
            f"the line currents are only known to {bound[k]:.2g} A of {scale[k]:.2g} A: a cell has {operator.cell_siemens.max():.3g} S where a wire "
            f"segment has {1 / min(ohm):.3g} S, and double precision cannot tell its two ends apart. Give shorted cells less conductance"
        )


def _raise_for(reports: Floats, tolerance: float) -> None:
    worst = reports[np.argmin(reports[:, line_cg.CONVERGED])]
    raise ConvergenceError(
        f"the line solver left {worst[line_cg.BOUND]:.3g} A over after {int(worst[line_cg.ITERATIONS])} iterations, "
        f"of {worst[line_cg.SCALE]:.3g} A in all lines; wanted {tolerance:.3g} of that"
    )


def _injected(amps: Floats | None, batch: int) -> Floats:
    """Return injected currents as (batch, padded cells), or (batch, 0) where there are none."""
    if amps is None:
        return np.zeros((batch, 0))
    rows, cols = amps.shape[1:]
    wide = aligned_zeros(batch, padded(rows), stride_of(cols))
    wide[:, :rows, :cols] = amps
    return wide.reshape(batch, -1)
