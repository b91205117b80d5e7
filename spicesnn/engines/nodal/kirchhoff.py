"""Compiled certificate: what Kirchhoff's current law leaves over at every node, and the currents of
all lines."""

from __future__ import annotations

from typing import Any

from spicesnn.engines.nodal.simd import (
    after,
    before,
    fabs,
    larger,
    largest,
    left_of,
    load,
    right_of,
    splat,
    store,
    total,
    with_lane,
)
from spicesnn.jit import kernel

EPS = 2.220446049250313e-16


@kernel
def _ghosts(lines: Any, x: Any, row: int, word_volts: Any) -> tuple[float, float]:
    """Return volts beside the ends of a word line that stand for its terminals: s·(ghost − end) =
    terminal·(driver − end)."""
    if lines.word_merged:
        return 0.0, 0.0
    near, far, v = x[row * lines.stride], x[row * lines.stride + lines.cols - 1], word_volts[row]
    return (
        near + (v - near) * (lines.word_first[row] / lines.word_segment[row]),
        far + (v - far) * (lines.word_last[row] / lines.word_segment[row]),
    )


@kernel
def check_rows(
    lines: Any,
    cells: Any,
    x: Any,
    t: Any,
    drives: Any,
    row_amps: Any,
    column_sums: Any,
    first: int,
    last: int,
    measures: Any,
) -> None:
    """Take Σ|residual| and max|residual| of panels `first` to `last`, their row currents, and their
    share of the column currents.

    `column_sums` (2, padded cols): current into each bit line, and Σ cells·(|x| + |t|), the scale
    of its rounding."""
    zero, word_volts = splat(0.0), drives.word_volts
    for j in range(0, 2 * lines.stride, 8):
        store(column_sums, j, zero)
    absolute, peak = zero, zero
    injected = drives.word_amps.size or drives.bit_amps.size
    common = not (lines.word_merged or lines.bit_merged or injected)
    for row in range(8 * first, min(8 * last, lines.rows)):
        if common and 0 < row < lines.rows - 1:
            out_of_row, size_of_row, left, most = _check_inner_row(
                lines, cells, x, t, word_volts, row, column_sums
            )
        else:
            out_of_row, size_of_row, left, most = _check_any_row(
                lines, cells, x, t, drives, row, column_sums
            )
        absolute, peak = absolute + left, larger(most, peak)
        _row_current(
            lines, x, row, word_volts, total(out_of_row), total(size_of_row), row_amps, measures
        )
    measures[0] += total(absolute)
    measures[1] = max(measures[1], largest(peak))


@kernel
def _check_tile(
    lines: Any,
    cells: Any,
    t: Any,
    left: Any,
    w: Any,
    right: Any,
    word: Any,
    grounded: bool,
    j: int,
    at: int,
    column_sums: Any,
) -> Any:
    """Add eight cells of a row between others to `column_sums`; return their current out of the
    word line, the scale of its rounding, and |residual| at both kinds of nodes."""
    stride = lines.stride
    g, b, s = load(cells, at), load(t, at), load(lines.bit_segment, j)
    into = g * (w - b)
    out, size = into, g * (fabs(w) + fabs(b))
    if grounded:
        out = into + load(lines.word_shunt, j) * w
        into = into - splat(lines.bit_ground) * b
    store(column_sums, j, load(column_sums, j) + into)
    store(column_sums, stride + j, load(column_sums, stride + j) + size)
    over = fabs(word * ((left - w) + (right - w)) - out)
    under = fabs(into + s * ((load(t, at - stride) - b) + (load(t, at + stride) - b)))
    return out, size, over, under


@kernel
def _check_inner_row(
    lines: Any, cells: Any, x: Any, t: Any, word_volts: Any, row: int, column_sums: Any
) -> Any:
    """Do what `_check_any_row` does, without a question on the way: for a row between others, wires
    that resist, and no injected currents."""
    base, final = row * lines.stride, (lines.cols - 1) // 8 * 8
    grounded = lines.word_ground != 0.0 or lines.bit_ground != 0.0
    word = splat(lines.word_segment[row])
    out_of_row, size_of_row, absolute, peak = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
    left_ghost, right_ghost = _ghosts(lines, x, row, word_volts)
    here = load(x, base)
    left = before(splat(left_ghost), here)
    for j in range(0, final, 8):
        at = base + j
        following = load(x, at + 8)
        right = right_of(x, at, here, following)
        out, size, over, under = _check_tile(
            lines, cells, t, left, here, right, word, grounded, j, at, column_sums
        )
        out_of_row, size_of_row = out_of_row + out, size_of_row + size
        absolute = (absolute + over) + under
        peak = larger(under, larger(over, peak))
        left = left_of(x, at + 8, here, following)
        here = following
    right = with_lane(after(here, here), (lines.cols - 1) % 8, right_ghost)
    out, size, over, under = _check_tile(
        lines,
        cells,
        t,
        left,
        here,
        right,
        word * load(lines.real, final),
        grounded,
        final,
        base + final,
        column_sums,
    )
    return (
        out_of_row + out,
        size_of_row + size,
        (absolute + over) + under,
        larger(under, larger(over, peak)),
    )


@kernel
def _check_any_row(
    lines: Any,
    cells: Any,
    x: Any,
    t: Any,
    drives: Any,
    row: int,
    column_sums: Any,
) -> Any:
    """Add a row's currents to `column_sums`; return, eight lanes each, its current, the scale of
    its rounding, Σ|residual| and max|residual|."""
    stride, rows, wide, base = (
        lines.stride,
        lines.rows,
        (lines.cols + 7) // 8 * 8,
        row * lines.stride,
    )
    word_volts, bit_volts, word_amps, bit_amps = drives
    bit_ground, word = splat(lines.bit_ground), splat(lines.word_segment[row])
    absolute, peak, out_of_row, size_of_row = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
    left_ghost, right_ghost = _ghosts(lines, x, row, word_volts)
    last_tile = splat(left_ghost)
    for j in range(0, wide, 8):
        at = base + j
        g, w, b = load(cells, at), load(x, at), load(t, at)
        through = g * (w - b)
        size = g * (fabs(w) + fabs(b))
        out, into = through + load(lines.word_shunt, j) * w, through - bit_ground * b
        if word_amps.size:
            out = out - load(word_amps, at)
        if bit_amps.size:
            into = into + load(bit_amps, at)
        out_of_row, size_of_row = out_of_row + out, size_of_row + size
        store(column_sums, j, load(column_sums, j) + into)
        store(column_sums, stride + j, load(column_sums, stride + j) + size)
        if not lines.word_merged:
            right = (
                after(w, load(x, at + 8))
                if j + 8 < wide
                else with_lane(after(w, w), (lines.cols - 1) % 8, right_ghost)
            )
            bend = (before(last_tile, w) - w) + (right - w)
            last_tile = w
            left = fabs((word * load(lines.real, j)) * bend - out)
            absolute, peak = absolute + left, larger(left, peak)
        if not lines.bit_merged:
            s = load(lines.bit_segment, j)
            if row > 0:
                into = into + s * (load(t, at - stride) - b)
            else:
                into = into + load(lines.bit_first, j) * (load(bit_volts, j) - b)
            if row < rows - 1:
                into = into + s * (load(t, at + stride) - b)
            else:
                into = into + load(lines.bit_last, j) * (load(bit_volts, j) - b)
            left = fabs(into)
            absolute, peak = absolute + left, larger(left, peak)
    return out_of_row, size_of_row, absolute, peak


@kernel
def _row_current(
    lines: Any,
    x: Any,
    row: int,
    word_volts: Any,
    cells_amps: float,
    cells_size: float,
    row_amps: Any,
    measures: Any,
) -> None:
    """Settle the current of one word line: through its terminal, or as the sum over its cells,
    whichever rounds less."""
    v, first, last = word_volts[row], lines.word_first[row], lines.word_last[row]
    near, far = x[row * lines.stride], x[row * lines.stride + lines.cols - 1]
    terminal = first * (v - near) + last * (v - far)
    if lines.word_merged and not lines.word_held[row]:
        left = abs(terminal - cells_amps)
        measures[0] += left
        measures[1] = max(measures[1], left)
    size = (first + last) * max(abs(v), max(abs(near), abs(far)))
    if first + last == 0.0 and not lines.word_held[row]:
        row_amps[row] = 0.0
    elif first + last == 0.0 or cells_size < size:
        row_amps[row] = cells_amps
    else:
        row_amps[row] = terminal
    measures[2] += abs(row_amps[row])
    measures[3] += cells_size


@kernel
def check_columns(
    lines: Any,
    t: Any,
    bit_volts: Any,
    column_sums: Any,
    threads: int,
    column_amps: Any,
    measures: Any,
) -> None:
    """Settle the column currents from the shares of all threads; merged bit lines add their
    residual to `measures`."""
    stride = lines.stride
    for j in range(lines.cols):
        cells_amps, cells_size = 0.0, 0.0
        for k in range(threads):
            cells_amps += column_sums[2 * stride * k + j]
            cells_size += column_sums[2 * stride * k + stride + j]
        v, first, last = bit_volts[j], lines.bit_first[j], lines.bit_last[j]
        near, far = t[(lines.rows - 1) * stride + j], t[j]
        terminal = last * (near - v) + first * (far - v)
        if lines.bit_merged and not lines.bit_held[j]:
            left = abs(terminal - cells_amps)
            measures[0] += left
            measures[1] = max(measures[1], left)
        size = (first + last) * max(abs(v), max(abs(near), abs(far)))
        if first + last == 0.0 and not lines.bit_held[j]:
            column_amps[j] = 0.0
        elif first + last == 0.0 or cells_size < size:
            column_amps[j] = cells_amps
        else:
            column_amps[j] = terminal
        measures[2] += abs(column_amps[j])
