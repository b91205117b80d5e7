"""The line solver as the rest of the package calls it: set up once an operator, then solve for many
sources."""

from __future__ import annotations

import threading
from functools import cache

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.wires import Wires
from spicesnn.engines.nodal import line_cg
from spicesnn.engines.nodal.line_cg import COARSEST
from spicesnn.engines.nodal.lines import (
    aligned_rows,
    aligned_zeros,
    packed_lines,
    padded,
    stride_of,
)
from spicesnn.engines.nodal.memory import Memory
from spicesnn.engines.nodal.network import Currents, Operator, Solution, Sources, operator_of_wires
from spicesnn.engines.nodal.threads import team
from spicesnn.errors import ConvergenceError
from spicesnn.jit import compiling

TOLERANCE = 1e-11
"""‖residual‖₁ over the sum of all line currents at which a solve ends (see `line_cg`)."""
MOST_ITERATIONS = 20_000
SHARED_CELLS = 400_000
"""From this size on one input is solved by several threads. Below, the threads wait for one another
more than they gain where two processors share a core: there 256² cells took 1.1 ms on one thread and
1.2 to 3.7 on two, 512² took 8 and 8 to 17, 724² took 29 and 14 (`bench_solver.py --part
threads`)."""
SHARED_BATCH = 50_000
"""From so many cells times inputs on the inputs of a batch are shared out between threads."""


_NO_AMPS = np.zeros((1, 2, 0))
ALONE = 0, 1
"""The `Share` of one thread alone."""


@cache
def compile_solver() -> None:
    """Have the solver compiled, or loaded from disk, with a note where that takes time."""
    memory, nothing = Memory(1, 1, 1), np.zeros((1, 1))
    with compiling("the line solver"):
        line_cg.solve_many(
            packed_lines(operator_of_wires(Wires(), (1, 1))),
            memory.parts,
            nothing[:0],
            nothing[:0],
            _NO_AMPS,
            nothing,
            nothing,
            False,
            False,
            TOLERANCE,
            0,
            ALONE,
        )


class LinePrepared:
    """An operator set up for line-preconditioned conjugate gradients.

    Parameters
    ----------
    operator : Operator
    reuse : LinePrepared, optional
        A set-up for the same shape that is no longer needed: its memory is taken over.
    """

    def __init__(self, operator: Operator, reuse: LinePrepared | None = None) -> None:
        self.operator = operator
        self.lines = packed_lines(operator)
        self.memory: Memory = Memory(*operator.shape, team.size) if reuse is None else reuse.memory
        self.memory.fill(operator.cell_siemens)
        self.rounded = False
        """Whether rounding kept the last solve from its tolerance."""
        self._stride = stride_of(operator.shape[1])
        self._factored = False
        self._busy = threading.Lock()

    def solve(
        self, sources: Sources, start: Solution | None = None, *, tolerance: float = TOLERANCE
    ) -> Solution:
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
        batch, high = sources.row_volts.shape[0], padded(rows)
        volts, begin = aligned_rows(batch, 2 * high * self._stride)
        nodes = volts[:, begin : begin + 2 * high * self._stride].reshape(
            batch, 2, high, self._stride
        )
        word, bit = nodes[:, 0, :rows, :cols], nodes[:, 1, :rows, :cols]
        if start is not None:
            nodes[:, 0] = 0.0
            word[:] = start.word_volts
            # Lines tied to their driver by 0 Ω are not solved for: their volts are the new drive,
            # not the old solution's.
            wires = self.operator.wires
            held = (wires.word_ohms(rows)[1] == 0) & ~self.operator.floating_rows
            word[:, held] = sources.row_volts[:, held, None]
        results = self._run(sources, volts, warm=start is not None, tolerance=tolerance)
        reports = results[:, rows + cols :]
        iterations = reports[:, line_cg.ITERATIONS]
        return Solution(
            word_volts=word,
            bit_volts=bit,
            row_amps=results[:, :rows],
            column_amps=results[:, rows : rows + cols],
            residual_amps=reports[:, line_cg.RESIDUAL],
            iterations=int(iterations[0] if batch == 1 else iterations.max()),
            bound_amps=reports[:, line_cg.BOUND],
        )

    def solve_currents(self, sources: Sources, *, tolerance: float = TOLERANCE) -> Currents:
        """Solve for every input of the batch and keep line currents and certificates alone."""
        rows, cols = self.operator.shape
        results = self._run(sources, None, warm=False, tolerance=tolerance)
        reports = results[:, rows + cols :]
        return Currents(
            row_amps=results[:, :rows],
            column_amps=results[:, rows : rows + cols],
            bound_amps=reports[:, line_cg.BOUND],
            residual_amps=reports[:, line_cg.RESIDUAL],
            iterations=int(reports[:, line_cg.ITERATIONS].max()),
        )

    def _run(
        self, sources: Sources, volts: Floats | None, *, warm: bool, tolerance: float
    ) -> Floats:
        """Solve into `volts`, or into scratch, and return `results` (see `line_cg.solve_many`)."""
        rows, cols = self.operator.shape
        batch, size = sources.row_volts.shape[0], padded(rows) * self._stride
        row_volts, column_volts = (
            np.ascontiguousarray(sources.row_volts),
            np.ascontiguousarray(sources.column_volts),
        )
        amps = _injected(sources, batch)
        results = np.empty((batch, rows + cols + line_cg.REPORT_SIZE))
        kept = volts if volts is not None else aligned_rows(1, 2 * size)[0]

        def some(
            inputs: slice,
            memory: Memory,
            factored: bool,
            scratch: Floats,
            share: tuple[int, int] = ALONE,
        ) -> bool:
            rows, columns, injected, nodes, answers = (
                each if len(each) == 1 else each[inputs]
                for each in (row_volts, column_volts, amps, scratch, results)
            )
            return line_cg.solve_many(
                self.lines,
                memory.parts,
                rows,
                columns,
                injected,
                nodes,
                answers,
                factored,
                warm,
                tolerance,
                MOST_ITERATIONS,
                share,
            )

        def share_of_batch(number: int, threads: int) -> bool:
            memory = self.memory if number == 0 else self.memory.again()
            own = kept if volts is not None or number == 0 else aligned_rows(1, 2 * size)[0]
            first, last = (1 + (batch - 1) * k // threads for k in (number, number + 1))
            return some(slice(first, last), memory, number == 0, own)

        compile_solver()
        with self._busy:
            first = slice(batch if size * batch < SHARED_BATCH else 1)
            if size < SHARED_CELLS:
                good = some(first, self.memory, self._factored, kept)
            else:
                good = all(
                    team.run(
                        lambda *share: some(first, self.memory, self._factored, kept, share), 2
                    )
                )
            self._factored = True
            if first.stop < batch:
                good &= all(team.run(share_of_batch, min(batch - 1, team.size)))
            if not good:  # what diverged must not be carried into the next solve
                self.memory.clean()
                self._factored = False
        self.rounded = not good
        if not good:
            reports = results[:, rows + cols :]
            if not reports[:, line_cg.CONVERGED].all():
                _raise_for(reports, tolerance)
            check_resolved(
                self.operator,
                sources,
                reports[:, line_cg.BOUND],
                reports[:, line_cg.SCALE],
                max(COARSEST, 10 * tolerance),
            )
        return results


def check_resolved(
    operator: Operator, sources: Sources, bound: Floats, scale: Floats, coarsest: float
) -> None:
    """Raise `ConvergenceError` where rounding alone has made the currents worthless: cells far more
    conductive than the wires.

    Parameters
    ----------
    bound, scale : (batch,)
        Bound of the error of any line current, and Σ|line current|.
    coarsest : float
        Error that is accepted, relative to `scale`. Arrays that carry next to no current at all are
        left alone.
    """
    ohm = operator.wires.smallest_segment_ohm
    if ohm == np.inf or bool(np.all(bound <= coarsest * scale)):
        return
    reach = np.maximum(
        np.abs(sources.row_volts).max(axis=1), np.abs(sources.column_volts).max(axis=1)
    )
    lost = np.flatnonzero((bound > coarsest * scale) & (bound > 1e-9 * reach / ohm))
    if lost.size:
        k = int(lost[0])
        raise ConvergenceError(
            f"the line currents are only known to {bound[k]:.2g} A of {scale[k]:.2g} A: a cell has"
            f" {operator.cell_siemens.max():.3g} S where a wire segment has {1 / ohm:.3g} S,"
            " and double precision cannot tell its two ends apart. Give shorted cells less"
            " conductance"
        )


def _raise_for(reports: Floats, tolerance: float) -> None:
    worst = reports[np.argmin(reports[:, line_cg.CONVERGED])]
    raise ConvergenceError(
        f"the line solver left {worst[line_cg.BOUND]:.3g} A over after"
        f" {int(worst[line_cg.ITERATIONS])} iterations, of {worst[line_cg.SCALE]:.3g} A in all"
        f" lines; wanted {tolerance:.3g} of that"
    )


def _injected(sources: Sources, batch: int) -> Floats:
    """Return injected currents as (batch, 2, padded cells), or (1, 2, 0) where there are none."""
    given = sources.word_amps, sources.bit_amps
    shape = next((amps.shape for amps in given if amps is not None), None)
    if shape is None:
        return _NO_AMPS
    _, rows, cols = shape
    wide = aligned_zeros(batch, 2, padded(rows), stride_of(cols))
    for k, amps in enumerate(given):
        if amps is not None:
            wide[:, k, :rows, :cols] = amps
    return wide.reshape(batch, 2, -1)
