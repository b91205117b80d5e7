"""Which nodes and wires an array has: the same circuit that the nodal engine assembles, with names
that people can read.

Word-line node of cell (i, j) is ``w{i}_{j}``, its bit-line node ``b{i}_{j}``; terminals are
``r{i}`` (row drivers), ``c{j}`` (sense nodes) and ``g{k}`` (gate lines). A wire of 0 Ω is no
element: the nodes it joins get one name, the terminal's where one of them is a terminal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicesnn.crossbar.islands import islands
from spicesnn.crossbar.wires import Wires
from spicesnn.errors import SingularCircuitError
from spicesnn.netlist.deck import Names, number

Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Geometry:
    """Named nodes and the cards of all wires.

    Attributes
    ----------
    word, bit : (rows, cols) names
        Node of each cell's two terminals.
    cards : tuple of str
        Wire segments, driver and sense resistances, line capacitances.
    first : (cards,) int
        Place of the first of each card's cells in `dissected`.
    """

    word: Names
    bit: Names
    cards: tuple[str, ...]
    first: NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class _Wire:
    """A set of parallel edges of one kind: element names, the two ends as node numbers, ohms."""

    names: list[str]
    tail: NDArray[np.int64]
    head: NDArray[np.int64]
    ohm: NDArray[np.float64]


def _edges(wires: Wires, rows: int, cols: int, driven: Bools, sensed: Bools) -> list[_Wire]:
    """Return all edges; node numbers are W, B (row-major), rows, cols."""
    word = np.arange(rows * cols).reshape(rows, cols)
    bit = rows * cols + word
    row_terminal = 2 * rows * cols + np.arange(rows)
    col_terminal = 2 * rows * cols + rows + np.arange(cols)
    word_ohm, row_ohm = wires.word_ohms(rows)
    bit_ohm, col_ohm = wires.bit_ohms(cols)
    i, j = np.flatnonzero(driven), np.flatnonzero(sensed)

    def names(prefix: str, pairs: NDArray[np.int64]) -> list[str]:
        return [prefix + "_".join(map(str, pair)) for pair in pairs.tolist()]

    across = np.argwhere(np.ones((rows, cols - 1)))
    down = np.argwhere(np.ones((rows - 1, cols)))
    left, right = (
        [_Wire(names(name, i[:, None]), row_terminal[i], word[i, end], row_ohm[i])] if here else []
        for name, end, here in zip(("rd", "re"), (0, -1), wires.driven_ends, strict=True)
    )
    top, bottom = (
        [_Wire(names(name, j[:, None]), bit[end, j], col_terminal[j], col_ohm[j])] if here else []
        for name, end, here in zip(("rt", "rs"), (0, -1), wires.sensed_ends, strict=True)
    )
    segments = [
        _Wire(
            names("rw", across),
            word[:, :-1].ravel(),
            word[:, 1:].ravel(),
            np.repeat(word_ohm, cols - 1),
        ),
        _Wire(names("rb", down), bit[:-1].ravel(), bit[1:].ravel(), np.tile(bit_ohm, rows - 1)),
    ]
    return [*left, *segments, *bottom, *right, *top]


def _node_names(rows: int, cols: int) -> Names:
    cells = [f"{i}_{j}" for i in range(rows) for j in range(cols)]
    named = (
        [f"w{c}" for c in cells]
        + [f"b{c}" for c in cells]
        + [f"r{i}" for i in range(rows)]
        + [f"c{j}" for j in range(cols)]
    )
    return np.array(named, dtype=np.str_)


def lay_out(
    wires: Wires, shape: tuple[int, int], floating_rows: Bools, floating_columns: Bools, live: Bools
) -> Geometry:
    """Return names and wires of an array.

    Parameters
    ----------
    wires : Wires
    shape : (rows, cols)
    floating_rows, floating_columns : (rows,), (cols,) bool
        Lines without a connection to their driver or sense node.
    live : (rows, cols) bool
        Cells that conduct; with the others only the paths are different.

    Raises
    ------
    SingularCircuitError
        A node has no path to any terminal.
    """
    rows, cols = shape
    cells, total = rows * cols, 2 * rows * cols + rows + cols
    edges = _edges(wires, rows, cols, ~floating_rows, ~floating_columns)
    tail, head, ohm = (
        np.concatenate([getattr(e, part) for e in edges]) for part in ("tail", "head", "ohm")
    )
    short = ohm == 0
    count, merged = islands(tail[short], head[short], total)
    names = _node_names(rows, cols)
    chosen = np.empty(count, dtype=names.dtype)
    # Later numbers win, so write the cell nodes backwards (the first of a line names it) and the
    # terminals last.
    for group in (np.arange(2 * cells)[::-1], np.arange(2 * cells, total)):
        chosen[merged[group]] = names[group]
    node = chosen[merged]
    through = np.flatnonzero(live)
    _check_paths(
        merged,
        np.append(tail, through),
        np.append(head, cells + through),
        shape,
        floating_rows,
        floating_columns,
    )
    called = node.tolist()
    cards = [
        f"{name} {called[a]} {called[b]} {number(r)}"
        for edge in edges
        for name, a, b, r in zip(
            edge.names, edge.tail.tolist(), edge.head.tolist(), edge.ohm.tolist(), strict=True
        )
        if r > 0
    ]
    word, bit = node[:cells].reshape(shape), node[cells : 2 * cells].reshape(shape)
    place = np.append(np.tile(dissected(rows, cols).ravel(), 2), np.full(rows + cols, cells))
    return Geometry(
        word=word, bit=bit, cards=tuple(cards), first=np.minimum(place[tail], place[head])[~short]
    )


def dissected(rows: int, cols: int) -> NDArray[np.int64]:
    """Return the place (rows, cols) of each cell in the order of a nested dissection: halves of a
    block before the line that parts them.

    A. George, SIAM J. Numer. Anal. 10, 345 (1973). ngspice's own solver (Sparse 1.3) numbers nodes
    as they appear, and takes the first of those that are equally good to eliminate: in this order
    it fills in less."""
    place = np.empty((rows, cols), dtype=np.int64)
    blocks, left = [place], rows * cols
    # Separators are numbered from the end, the later half of a block before the earlier.
    while blocks:
        block = blocks.pop()
        high, wide = block.shape
        if min(high, wide) == 0 or (high <= _LEAF and wide <= _LEAF):
            line = block
        elif high >= wide:
            line = block[high // 2 : high // 2 + 1]
            blocks += [block[: high // 2], block[high // 2 + 1 :]]
        else:
            line = block[:, wide // 2 : wide // 2 + 1]
            blocks += [block[:, : wide // 2], block[:, wide // 2 + 1 :]]
        left -= line.size
        line[...] = left + np.arange(line.size).reshape(line.shape)
    return place


_LEAF = 2
"""Cells along a side that are not halved further."""


def line_capacitors(wires: Wires, geometry: Geometry) -> list[str]:
    """Return a capacitor to ground for each cell node of a line (only transients need them); nodes
    of one name share one."""
    cards = []
    for prefix, nodes, farad in (
        ("cw", geometry.word, wires.word_line_farad),
        ("cb", geometry.bit, wires.bit_line_farad),
    ):
        if farad > 0:
            unique, counts = np.unique(nodes, return_counts=True)
            cards += [
                f"{prefix}_{name} {name} 0 {number(farad * n)}"
                for name, n in zip(unique, counts, strict=True)
            ]
    return cards


def _check_paths(
    merged: NDArray[np.int32],
    tail: NDArray[np.int64],
    head: NDArray[np.int64],
    shape: tuple[int, int],
    floating_rows: Bools,
    floating_columns: Bools,
) -> None:
    """Raise where a cell node has no path to a source: ngspice would step gmin and print a wrong
    voltage without a failure."""
    rows, cols = shape
    cells, count = rows * cols, int(merged.max()) + 1
    _, island = islands(merged[tail], merged[head], count)
    held = np.concatenate([~floating_rows, ~floating_columns])
    grounded = np.zeros(island.max() + 1, dtype=bool)
    grounded[island[merged[2 * cells :][held]]] = True
    lost = np.flatnonzero(~grounded[island[merged[: 2 * cells]]])
    if lost.size:
        line, where = ("word", int(lost[0])) if lost[0] < cells else ("bit", int(lost[0]) - cells)
        raise SingularCircuitError(
            f"the {line}-line node at cell ({where // cols}, {where % cols}) floats: no path leads"
            " from it to any driver or sense node, so its voltage is not defined. Drive the line,"
            " or give one of its cells a conductance above 0 S"
        )
