"""The direct method: sparse LU of the whole network. The yardstick for the fast solvers, and the
choice for small arrays.

Wires of 0 Ω are exact: the nodes they join become one node before anything is assembled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.islands import islands
from spicesnn.engines.nodal.network import Operator, Solution, Sources
from spicesnn.errors import SingularCircuitError

if TYPE_CHECKING:
    from scipy.sparse.linalg import SuperLU

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Graph:
    """Edges between cell nodes (W then B, row-major) and terminals (rows, then cols)."""

    tail: Ints
    head: Ints
    ohm: Floats
    nodes: int

    @classmethod
    def wires_of(cls, operator: Operator) -> Graph:
        """Return all wire segments, drivers and sense resistances; cells are not wires."""
        rows, cols = operator.shape
        wires = operator.wires
        word = np.arange(rows * cols).reshape(rows, cols)
        bit = rows * cols + word
        row_terminal = 2 * rows * cols + np.arange(rows)
        col_terminal = 2 * rows * cols + rows + np.arange(cols)
        driven, sensed = ~operator.floating_rows, ~operator.floating_columns
        word_ohm, row_ohm = wires.word_ohms(rows)
        bit_ohm, col_ohm = wires.bit_ohms(cols)
        edges = [
            (word[:, :-1].ravel(), word[:, 1:].ravel(), np.repeat(word_ohm, cols - 1)),
            (bit[:-1].ravel(), bit[1:].ravel(), np.tile(bit_ohm, rows - 1)),
        ]
        for here, end in zip(wires.driven_ends, (0, -1), strict=True):
            if here:
                edges.append((row_terminal[driven], word[driven, end], row_ohm[driven]))
        for here, end in zip(wires.sensed_ends, (0, -1), strict=True):
            if here:
                edges.append((bit[end, sensed], col_terminal[sensed], col_ohm[sensed]))
        tail, head, ohm = (np.concatenate(parts) for parts in zip(*edges, strict=True))
        return cls(tail, head, ohm, 2 * rows * cols + rows + cols)


class DirectPrepared:
    """A factored network."""

    def __init__(self, operator: Operator) -> None:
        from scipy.sparse import coo_matrix, diags_array
        from scipy.sparse.linalg import splu

        self._operator = operator
        rows, cols = operator.shape
        cells = rows * cols
        graph = Graph.wires_of(operator)
        short = graph.ohm == 0
        count, self._merged = islands(graph.tail[short], graph.head[short], graph.nodes)

        tail = np.concatenate([graph.tail[~short], np.arange(cells)])
        head = np.concatenate([graph.head[~short], cells + np.arange(cells)])
        siemens = np.concatenate([1.0 / graph.ohm[~short], operator.cell_siemens.ravel()])
        live = siemens > 0
        a, b, g = self._merged[tail[live]], self._merged[head[live]], siemens[live]
        ground = np.zeros(count)
        np.add.at(ground, self._merged[:cells], operator.word_siemens)
        np.add.at(ground, self._merged[cells : 2 * cells], operator.bit_siemens)
        diagonal = ground.copy()
        np.add.at(diagonal, a, g)
        np.add.at(diagonal, b, g)
        self._matrix = (
            coo_matrix(
                (np.concatenate([-g, -g]), (np.concatenate([a, b]), np.concatenate([b, a]))),
                shape=(count, count),
            ).tocsr()
            + diags_array(diagonal)
        ).tocsr()
        self._terminal = np.concatenate(
            [self._merged[2 * cells : 2 * cells + rows], self._merged[2 * cells + rows :]]
        )
        fixed = np.zeros(count, dtype=bool)
        fixed[self._terminal] = True
        self._free = np.flatnonzero(~fixed)
        self._fixed = np.flatnonzero(fixed)
        self._check_paths(a, b, fixed | (ground > 0), count)
        free = self._matrix[self._free]
        self._coupling = free[:, self._fixed]
        self._factor: SuperLU | None = (
            splu(free[:, self._free].tocsc(), permc_spec="COLAMD", diag_pivot_thresh=0.0)
            if self._free.size
            else None
        )

    def _check_paths(self, a: Ints, b: Ints, held: NDArray[np.bool_], count: int) -> None:
        """Raise where a node has no path to any terminal: its voltage is not defined."""
        _, island = islands(a, b, count)
        grounded = np.zeros(island.max() + 1, dtype=bool)
        grounded[island[held]] = True
        rows, cols = self._operator.shape
        lost = np.flatnonzero(~grounded[island[self._merged[: 2 * rows * cols]]])
        if lost.size:
            node = int(lost[0])
            line, where = ("word", node) if node < rows * cols else ("bit", node - rows * cols)
            raise SingularCircuitError(
                f"the {line}-line node at cell ({where // cols}, {where % cols}) floats: no path"
                " leads from it to any driver or sense node, so its voltage is not defined. Drive"
                " the line, or give one of its cells a conductance above 0 S"
            )

    def solve(self, sources: Sources, start: Solution | None = None) -> Solution:
        """Solve by back-substitution, with one step of iterative refinement."""
        operator = self._operator
        rows, cols = operator.shape
        cells, batch = rows * cols, sources.row_volts.shape[0]
        count = self._matrix.shape[0]
        injected = np.zeros((count, batch))
        for amps, offset in ((sources.word_amps, 0), (sources.bit_amps, cells)):
            if amps is not None:
                np.add.at(
                    injected, self._merged[offset : offset + cells], amps.reshape(batch, cells).T
                )
        volts = np.zeros((count, batch))
        volts[self._terminal] = np.concatenate([sources.row_volts, sources.column_volts], axis=1).T
        if self._factor is not None:
            rhs = injected[self._free] - self._coupling @ volts[self._fixed]
            volts[self._free] = self._factor.solve(rhs)
            volts[self._free] -= self._factor.solve(
                np.asarray((self._matrix @ volts - injected)[self._free])
            )
        residual = np.abs((self._matrix @ volts - injected)[self._free]).max(axis=0, initial=0.0)
        node = volts[self._merged[: 2 * cells]].T
        word, bit = (
            node[:, :cells].reshape(batch, rows, cols),
            node[:, cells:].reshape(batch, rows, cols),
        )
        row_amps, column_amps = line_currents(operator, sources, word, bit)
        return Solution(
            word_volts=word,
            bit_volts=bit,
            row_amps=row_amps,
            column_amps=column_amps,
            residual_amps=residual,
        )


def line_currents(
    operator: Operator, sources: Sources, word: Floats, bit: Floats
) -> tuple[Floats, Floats]:
    """Return driver and sense currents as the sum over each line of what its cells carry (exact
    also on wires of 0 Ω).

    Parameters
    ----------
    word, bit : (batch, rows, cols) volts

    Returns
    -------
    row_amps, column_amps : (batch, rows), (batch, cols) ampere
    """
    through = operator.cell_siemens * (word - bit)
    out_of_word = through + operator.word_siemens * word
    into_bit = through - operator.bit_siemens * bit
    if sources.word_amps is not None:
        out_of_word = out_of_word - sources.word_amps
    if sources.bit_amps is not None:
        into_bit = into_bit + sources.bit_amps
    row_amps = np.where(operator.floating_rows, 0.0, out_of_word.sum(axis=2))
    column_amps = np.where(operator.floating_columns, 0.0, into_bit.sum(axis=1))
    return row_amps, column_amps
