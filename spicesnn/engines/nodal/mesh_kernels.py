"""Compiled star-mesh elimination of an array, row by row (the algebra is in `elimination`).

The front holds one bit-line node a column: `mesh` (cols, cols) is what joins them, `excess` (cols,)
what leads from them to terminals and ground. A row's word-line nodes are eliminated into the front
one after another; then each bit-line node hands its place on to the node below it. Nothing here
subtracts."""

from __future__ import annotations

from typing import Any, NamedTuple

from spicesnn.arrays import Floats
from spicesnn.jit import kernel


class Factors(NamedTuple):
    """What is left of the nodes that were eliminated.

    Attributes
    ----------
    bit_seen, bit_inverse : (rows, cols, cols), (rows, cols)
        What each bit-line node had to the front when it was eliminated, and 1/(everything it had).
    word_seen, word_inverse : (rows, cols, cols), (rows, cols)
        The same for word-line nodes.
    """

    bit_seen: Floats
    bit_inverse: Floats
    word_seen: Floats
    word_inverse: Floats


class RightSides(NamedTuple):
    """What drives an array, n times.

    Attributes
    ----------
    drivers, columns, ground : (rows, n), (cols, n), (n,)
        Volts of drivers, sense nodes and ground.
    word_amps, bit_amps : (rows, cols, n) or of size 0
        Currents into the nodes.
    """

    drivers: Floats
    columns: Floats
    ground: Floats
    word_amps: Floats
    bit_amps: Floats


@kernel
def _merge(mesh: Any, excess: Any, seen: Any, count: int, own: float, inverse: float) -> None:
    """Join the first `count` nodes of the front by what a node that is eliminated has to them,
    `seen`, and to terminals, `own`."""
    for q in range(count):
        if seen[q] == 0.0:
            continue
        share = seen[q] * inverse
        for r in range(count):
            mesh[q, r] += share * seen[r]
        mesh[q, q] = 0.0
        excess[q] += share * own


@kernel
def _pass_on(
    mesh: Any, excess: Any, held: Any, links: Any, tied: bool, seen: Any, inverse: Any
) -> None:
    """Eliminate the front; the next node takes each place, tied to the one it replaces by its
    entry of `links` (not `tied`: there is none)."""
    count = excess.size
    for j in range(count):
        link = links[j] if tied else 0.0
        total = link + excess[j]
        for q in range(count):
            seen[j, q] = mesh[j, q]
            total += mesh[j, q]
        inverse[j] = 0.0 if held[j] or total == 0.0 else 1.0 / total
        own, share = excess[j], link * inverse[j]
        _merge(mesh, excess, seen[j], count, own, inverse[j])
        for q in range(count):
            mesh[j, q] = seen[j, q] * share
            mesh[q, j] = mesh[j, q]
        excess[j] = own * share


@kernel
def _join_word_line(
    lines: Any,
    cells: Any,
    row: int,
    held: Any,
    mesh: Any,
    excess: Any,
    seen: Any,
    inverse: Any,
    now: Any,
) -> None:
    """Eliminate the word-line nodes of a row into the front."""
    cols = lines.cols
    if lines.word_held[row]:
        for j in range(cols):
            excess[j] += cells[row, j]
        return
    now[:] = 0.0
    own = 0.0
    for j in range(cols):
        own += lines.word_ground
        if held[j]:
            own += cells[row, j]
        else:
            now[j] += cells[row, j]
        if j == 0:
            own += lines.word_first[row]
        if j == cols - 1 and not lines.word_merged:
            own += lines.word_last[row]
        if lines.word_merged and j < cols - 1:
            continue
        link = lines.word_segment[row] if j < cols - 1 else 0.0
        total = link + own
        for q in range(j + 1):
            seen[j, q] = now[q]
            total += now[q]
        inverse[j] = 0.0 if total == 0.0 else 1.0 / total
        _merge(mesh, excess, now, j + 1, own, inverse[j])
        share = link * inverse[j]
        for q in range(j + 1):
            now[q] *= share
        own *= share


@kernel
def eliminate(lines: Any, cells: Any, held: Any, factors: Any, front: Any) -> None:
    """Eliminate all nodes of an array.

    Parameters
    ----------
    lines : Lines
    cells : (rows, cols)
    held : (cols,) bool
        Bit lines whose voltage is known.
    factors : Factors
        Out.
    front : (cols + 2, cols)
        Scratch, 0.
    """
    bit_seen, bit_inverse, word_seen, word_inverse = factors
    rows, cols = cells.shape
    mesh, excess, now = front[:cols], front[cols], front[cols + 1]
    for i in range(rows):
        if i > 0 and not lines.bit_merged:
            _pass_on(
                mesh, excess, held, lines.bit_segment, True, bit_seen[i - 1], bit_inverse[i - 1]
            )
        for j in range(cols):
            if lines.bit_merged:
                excess[j] += lines.bit_ground + (lines.bit_last[j] if i == 0 else 0.0)
            else:
                excess[j] += (
                    lines.bit_ground
                    + (lines.bit_first[j] if i == 0 else 0.0)
                    + (lines.bit_last[j] if i == rows - 1 else 0.0)
                )
        _join_word_line(lines, cells, i, held, mesh, excess, word_seen[i], word_inverse[i], now)
    last = rows - 1
    _pass_on(mesh, excess, held, lines.bit_segment, False, bit_seen[last], bit_inverse[last])


@kernel
def _add(to: Any, factor: float, what: Any) -> None:
    for k in range(to.size):
        to[k] += factor * what[k]


@kernel
def _put(to: Any, what: Any) -> None:
    for k in range(to.size):
        to[k] = what[k]


@kernel
def _forward_word_line(
    lines: Any,
    cells: Any,
    row: int,
    held: Any,
    factors: Any,
    given: Any,
    front: Any,
    word: Any,
    now: Any,
) -> None:
    """Carry the sources of a word line into the front; `word` keeps what each of its nodes had."""
    cols, seen, inverse = lines.cols, factors.word_seen[row], factors.word_inverse[row]
    drive, columns, ground, amps = given.drivers[row], given.columns, given.ground, given.word_amps
    if lines.word_held[row]:
        for j in range(cols):
            if not held[j]:
                _add(front[j], cells[row, j], drive)
        return
    now[:] = 0.0
    for j in range(cols):
        _add(now, lines.word_ground, ground)
        if held[j]:
            _add(now, cells[row, j], columns[j])
        if amps.size:
            _add(now, 1.0, amps[row, j])
        if j == 0:
            _add(now, lines.word_first[row], drive)
        if j == cols - 1 and not lines.word_merged:
            _add(now, lines.word_last[row], drive)
        if lines.word_merged and j < cols - 1:
            continue
        _put(word[j], now)
        for q in range(j + 1):
            if seen[j, q] > 0.0:
                _add(front[q], seen[j, q] * inverse[j], now)
        share = (lines.word_segment[row] if j < cols - 1 else 0.0) * inverse[j]
        for k in range(now.size):
            now[k] *= share


@kernel
def _back_word_line(
    lines: Any, row: int, seen: Any, inverse: Any, drive: Any, front: Any, word: Any
) -> None:
    """Turn what `_forward_word_line` kept into voltages; the front holds those of the bit lines."""
    cols = lines.cols
    if lines.word_held[row]:
        for j in range(cols):
            _put(word[j], drive)
        return
    for j in range(cols - 1, -1, -1):
        if lines.word_merged and j < cols - 1:
            _put(word[j], word[cols - 1])
            continue
        if j < cols - 1:
            _add(word[j], lines.word_segment[row], word[j + 1])
        for q in range(j + 1):
            if seen[j, q] > 0.0:
                _add(word[j], seen[j, q], front[q])
        for k in range(word.shape[1]):
            word[j, k] *= inverse[j]


@kernel
def _back_front(
    held: Any, links: Any, tied: bool, seen: Any, inverse: Any, columns: Any, kept: Any, front: Any
) -> None:
    """Take the front back by one row: `front` holds the voltages below, and then those of the nodes
    that `_pass_on` eliminated."""
    for j in range(len(front) - 1, -1, -1):
        link = links[j] if tied else 0.0
        if held[j]:
            _put(front[j], columns[j])
            continue
        _add(kept[j], link, front[j])
        for q in range(len(front)):
            if seen[j, q] > 0.0:
                _add(kept[j], seen[j, q], front[q])
        for k in range(kept.shape[1]):
            front[j, k] = kept[j, k] * inverse[j]


@kernel
def substitute(
    lines: Any,
    cells: Any,
    held: Any,
    factors: Any,
    given: Any,
    word: Any,
    bit: Any,
    kept: Any,
    front: Any,
) -> None:
    """Solve for several right-hand sides.

    Parameters
    ----------
    lines, cells, held, factors
        As in `eliminate`.
    given : RightSides
    word, bit : (rows, cols, n)
        Out: volts.
    kept, front : (rows, cols, n), (cols + 1, n)
        Scratch.
    """
    bit_seen, bit_inverse, word_seen, word_inverse = factors
    drivers, columns, ground, _, bit_amps = given
    rows, cols = cells.shape
    now, front = front[cols], front[:cols]
    front[:] = 0.0
    for i in range(rows):
        for j in range(cols):
            if i > 0 and not lines.bit_merged:
                _put(kept[i - 1, j], front[j])
                for q in range(cols):
                    if bit_seen[i - 1, j, q] > 0.0:
                        _add(
                            front[q], bit_seen[i - 1, j, q] * bit_inverse[i - 1, j], kept[i - 1, j]
                        )
                share = lines.bit_segment[j] * bit_inverse[i - 1, j]
                for k in range(now.size):
                    front[j, k] = kept[i - 1, j, k] * share
        for j in range(cols):
            first = lines.bit_first[j] if i == 0 and not lines.bit_merged else 0.0
            last = lines.bit_last[j] if i == (0 if lines.bit_merged else rows - 1) else 0.0
            _add(front[j], first + last, columns[j])
            _add(front[j], lines.bit_ground, ground)
            if bit_amps.size:
                _add(front[j], 1.0, bit_amps[i, j])
        _forward_word_line(lines, cells, i, held, factors, given, front, word[i], now)
    for j in range(cols):
        _put(kept[rows - 1, j], front[j])
        for q in range(cols):
            if bit_seen[rows - 1, j, q] > 0.0:
                _add(
                    front[q], bit_seen[rows - 1, j, q] * bit_inverse[rows - 1, j], kept[rows - 1, j]
                )
    front[:] = 0.0
    for i in range(rows - 1, -1, -1):
        if i == rows - 1 or not lines.bit_merged:
            _back_front(
                held,
                lines.bit_segment,
                i < rows - 1,
                bit_seen[i],
                bit_inverse[i],
                columns,
                kept[i],
                front,
            )
        for j in range(cols):
            _put(bit[i, j], front[j])
        _back_word_line(lines, i, word_seen[i], word_inverse[i], drivers[i], front, word[i])
