"""Star-mesh elimination: the direct method for arrays whose conductances lie so far apart that
rounding spoils every other.

Eliminating a node k joins its neighbours, ``g_ij += g_ki·g_kj/Σg_k``, and leaves the network
between the others as it was. Conductances are added, multiplied and divided, never subtracted, so
each keeps its relative accuracy whatever their spread: cells of 10 nΩ on wires of 1 Ω, wires of 1
mΩ beside wires of 100 kΩ. (In terms of matrices: the elimination of Grassmann, Taksar and Heyman
for M-matrices.)

With terminal k alone at 1 V the nodes take voltages h_k ≥ 0, again by additions alone, and terminal
t takes G_tk = g_t·h_k(its node). These are the conductances between the terminals, and

    I_t = Σ_k G_tk·(V_t − V_k),

where ground is a terminal at 0 V. Only voltages that were given are subtracted. Every step rounds
by a few ε of what it adds, so each G_tk is right to a small multiple of (nodes)·ε: that is the
bound the answer carries."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.engines.nodal.lines import Lines, lines_of_operator
from spicesnn.engines.nodal.mesh_kernels import Factors, RightSides, eliminate, substitute
from spicesnn.engines.nodal.network import Operator, Solution, Sources
from spicesnn.jit import compiling

LANES = 16
"""Right-hand sides that are solved together."""
MOST_SECONDS = 20.0
"""Predicted time from which on an array is not eliminated, though nothing else can solve it."""
MOST_BYTES = 2**30
_EPS = float(np.finfo(float).eps)
_SECONDS_PER_STEP = 4e-10


_ready: set[str] = set()
"""Kernels that have been called in this process."""


def _first_time() -> AbstractContextManager[None]:
    return nullcontext() if _ready else compiling("the elimination")


def elimination_seconds(rows: int, cols: int) -> float:
    """Predict what elimination takes, all terminals included; infinite where its factors take more
    than `MOST_BYTES`."""
    long, short = max(rows, cols), min(rows, cols)
    if 16 * long * short**2 > MOST_BYTES:
        return float("inf")
    steps = 1.4 * long * short**3 + 3.0 * (long + short) * long * short**2
    return 2e-4 + _SECONDS_PER_STEP * steps


def _turned(lines: Lines) -> Lines:
    """Return the lines of the transposed array: word lines are what bit lines were."""
    rows, cols = lines.cols, lines.rows
    return lines._replace(
        rows=rows,
        cols=cols,
        word_siemens=lines.bit_siemens,
        bit_siemens=lines.word_siemens,
        word_ground=lines.bit_ground,
        bit_ground=lines.word_ground,
        word_first=lines.bit_first,
        word_last=lines.bit_last,
        bit_first=lines.word_first,
        bit_last=lines.word_last,
        word_merged=lines.bit_merged,
        bit_merged=lines.word_merged,
        word_held=lines.bit_held,
        bit_held=lines.word_held,
        word_segment=lines.bit_segment,
        bit_segment=lines.word_segment,
    )


def _untied(lines: Lines) -> Lines:
    """Return the same lines with the terminal of a merged word line in `word_first`, of a merged
    bit line in `bit_last`."""
    word, bit = lines.word_first + lines.word_last, lines.bit_first + lines.bit_last
    none_word, none_bit = np.zeros_like(word), np.zeros_like(bit)
    if lines.word_merged:
        lines = lines._replace(word_first=word, word_last=none_word)
    return lines._replace(bit_first=none_bit, bit_last=bit) if lines.bit_merged else lines


class Eliminated:
    """An operator whose nodes have been eliminated; word and bit lines change places where there
    are fewer rows than columns."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator
        self.lines = lines_of_operator(operator)
        self._over = operator.shape[0] < operator.shape[1]
        self._way = _untied(_turned(self.lines) if self._over else self.lines)
        self._cells = np.array(
            operator.cell_siemens.T if self._over else operator.cell_siemens, order="C"
        )
        rows, cols = self._cells.shape
        self._held = self._way.bit_held[:cols].copy()
        wide, flat = (rows, cols, cols), (rows, cols)
        self._factors = Factors(np.zeros(wide), np.zeros(flat), np.zeros(wide), np.zeros(flat))
        with _first_time():
            eliminate(self._way, self._cells, self._held, self._factors, np.zeros((cols + 2, cols)))

    def solve(
        self, sources: Sources, start: Solution | None = None, *, tolerance: float = 0.0
    ) -> Solution:
        """Solve for every input of the batch; as accurate as it can be, wherever it starts."""
        operator, batch = self.operator, len(sources.row_volts)
        rows, cols = operator.shape
        volts = np.concatenate(
            [
                np.where(operator.floating_rows, 0.0, sources.row_volts),
                np.where(operator.floating_columns, 0.0, sources.column_volts),
                np.zeros((batch, 1)),
            ],
            axis=1,
        )
        between = np.zeros((rows + cols, rows + cols + 1))
        word, bit = np.zeros((batch, rows, cols)), np.zeros((batch, rows, cols))
        for first in range(0, rows + cols + 1, LANES):
            some = np.arange(first, min(first + LANES, rows + cols + 1))
            drive = np.zeros((rows + cols + 1, some.size))
            drive[some, np.arange(some.size)] = 1.0
            w, b = self._volts(drive, np.zeros((0, 0, 0)), np.zeros((0, 0, 0)))
            between[:, some] = self._taken(w, b)
            word += np.tensordot(volts[:, some], w, (1, 2))
            bit += np.tensordot(volts[:, some], b, (1, 2))
        held = np.concatenate([self.lines.word_held[:rows], self.lines.bit_held[:cols]])
        to_ground = np.concatenate(
            [
                np.full(rows, cols * operator.word_siemens),
                np.full(cols, rows * operator.bit_siemens),
            ]
        )
        between[held, -1] += to_ground[
            held
        ]  # nodes that are terminals have their ground conductance at the terminal
        amps, size = np.empty((batch, rows + cols)), np.empty((batch, rows + cols))
        for k in range(batch):
            apart = volts[k, :-1, None] - volts[k]
            amps[k] = np.einsum("tk,tk->t", between, apart)
            size[k] = np.einsum("tk,tk->t", between, np.abs(apart))
        if sources.word_amps is not None or sources.bit_amps is not None:
            none = np.zeros((batch, rows, cols))
            word_amps, bit_amps = (
                none if a is None else a for a in (sources.word_amps, sources.bit_amps)
            )
            for k in range(batch):
                w, b = self._volts(
                    np.zeros((rows + cols + 1, 1)),
                    word_amps[k, :, :, None],
                    bit_amps[k, :, :, None],
                )
                word[k] += w[..., 0]
                bit[k] += b[..., 0]
                amps[k] -= self._taken(w, b)[:, 0] + self._straight(word_amps[k], bit_amps[k])
                size[k] += np.abs(word_amps[k]).sum() + np.abs(bit_amps[k]).sum()
        residual = np.array(
            [
                _left_over(self.lines, operator, volts[k], sources, k, word[k], bit[k])
                for k in range(batch)
            ]
        )
        return Solution(
            word_volts=word,
            bit_volts=bit,
            row_amps=amps[:, :rows],
            column_amps=-amps[:, rows:],
            residual_amps=residual,
            bound_amps=self._accuracy * size.max(axis=1),
        )

    def effective(self) -> tuple[Floats, float, bool]:
        """Return the effective conductance (rows, cols), a bound of Σ|error| along any row or
        column, and whether it is a row."""
        rows, cols = self.operator.shape
        by_rows, none = rows < cols, np.zeros((0, 0, 0))
        siemens = np.empty((rows, cols))
        for first in range(0, min(rows, cols), LANES):
            lines = np.arange(first, min(first + LANES, min(rows, cols)))
            drive = np.zeros((rows + cols + 1, lines.size))
            drive[lines if by_rows else rows + lines, np.arange(lines.size)] = 1.0
            taken = self._taken(*self._volts(drive, none, none))
            if by_rows:
                siemens[lines] = taken[rows:].T
            else:
                siemens[:, lines] = taken[:rows]
        return siemens, self._accuracy * float(siemens.sum(axis=1 if by_rows else 0).max()), by_rows

    @property
    def _accuracy(self) -> float:
        """Relative accuracy of each conductance between terminals."""
        return 8 * _EPS * 2 * self.operator.cell_siemens.size

    def _volts(self, drive: Floats, word_amps: Floats, bit_amps: Floats) -> tuple[Floats, Floats]:
        """Return word- and bit-line volts (rows, cols, n) for terminal volts (rows + cols + 1, n)
        and injected currents (rows, cols, n)."""
        rows, cols = self.operator.shape
        row_volts, column_volts, ground = (
            np.array(part) for part in (drive[:rows], drive[rows : rows + cols], drive[rows + cols])
        )
        if self._over:
            row_volts, column_volts = column_volts, row_volts
            word_amps, bit_amps = bit_amps.transpose(1, 0, 2), word_amps.transpose(1, 0, 2)
        shape = (*self._cells.shape, drive.shape[1])
        word, bit, kept = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        front = np.zeros((shape[1] + 1, shape[2]))
        given = RightSides(
            row_volts,
            column_volts,
            ground,
            np.ascontiguousarray(word_amps),
            np.ascontiguousarray(bit_amps),
        )
        with _first_time():
            substitute(
                self._way,
                self._cells,
                self._held,
                self._factors,
                given,
                word,
                bit,
                kept,
                front,
            )
        _ready.add("substitute")
        return (bit.transpose(1, 0, 2), word.transpose(1, 0, 2)) if self._over else (word, bit)

    def _taken(self, word: Floats, bit: Floats) -> Floats:
        """Return what nodes at these volts send into each terminal at 0 V, (rows + cols, n)
        ampere."""
        lines, (rows, cols), cells = self.lines, self.operator.shape, self.operator.cell_siemens
        into_rows = (
            lines.word_first[:rows, None] * word[:, 0] + lines.word_last[:rows, None] * word[:, -1]
        )
        into_columns = lines.bit_first[:cols, None] * bit[0] + lines.bit_last[:cols, None] * bit[-1]
        row, column = np.flatnonzero(lines.word_held[:rows]), np.flatnonzero(lines.bit_held[:cols])
        into_rows[row] = np.einsum("ij,ijn->in", cells[row], bit[row])
        into_columns[column] = np.einsum("ij,ijn->jn", cells[:, column], word[:, column])
        return np.concatenate([into_rows, into_columns])

    def _straight(self, word_amps: Floats, bit_amps: Floats) -> Floats:
        """Return the injected currents that go straight into a terminal, because their node is one,
        (rows + cols,)."""
        rows, cols = self.operator.shape
        word_held, bit_held = self.lines.word_held[:rows], self.lines.bit_held[:cols]
        return np.concatenate(
            [
                np.where(word_held, word_amps.sum(axis=1), 0.0),
                np.where(bit_held, bit_amps.sum(axis=0), 0.0),
            ]
        )


def _left_over(
    lines: Lines,
    operator: Operator,
    volts: Floats,
    sources: Sources,
    k: int,
    word: Floats,
    bit: Floats,
) -> float:
    """Return the largest violation of Kirchhoff's current law at any node, ampere."""
    rows, cols = operator.shape
    through = operator.cell_siemens * (word - bit)
    into_word = (
        -through
        - operator.word_siemens * word
        + (0.0 if sources.word_amps is None else sources.word_amps[k])
    )
    into_bit = (
        through
        - operator.bit_siemens * bit
        + (0.0 if sources.bit_amps is None else sources.bit_amps[k])
    )
    row_volts, column_volts = volts[:rows], volts[rows : rows + cols]
    into_word[:, 0] += lines.word_first[:rows] * (row_volts - word[:, 0])
    into_word[:, -1] += lines.word_last[:rows] * (row_volts - word[:, -1])
    into_bit[0] += lines.bit_first[:cols] * (column_volts - bit[0])
    into_bit[-1] += lines.bit_last[:cols] * (column_volts - bit[-1])
    for into, node, siemens in (
        (into_word.T, word.T, lines.word_segment[:rows]),
        (into_bit, bit, lines.bit_segment[:cols]),
    ):
        along = siemens * np.diff(node, axis=0)
        into[:-1] += along
        into[1:] -= along
    on_word = (
        np.abs(into_word.sum(axis=1))[~lines.word_held[:rows]]
        if lines.word_merged
        else np.abs(into_word)
    )
    on_bit = (
        np.abs(into_bit.sum(axis=0))[~lines.bit_held[:cols]]
        if lines.bit_merged
        else np.abs(into_bit)
    )
    return float(max(on_word.max(initial=0.0), on_bit.max(initial=0.0)))
