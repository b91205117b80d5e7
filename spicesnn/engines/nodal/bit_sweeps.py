"""Compiled sweeps along bit lines, eight columns at once as they lie in memory (the algebra is in
`word_sweeps`)."""

from __future__ import annotations

from typing import Any

from spicesnn.engines.nodal.simd import load, splat, store, total
from spicesnn.jit import kernel

BLOCK = 64
"""Columns that are swept down and up again before the next ones: what the way down leaves in cache
the way up finds there."""
IN_CACHE = 100_000
"""Up to so many cells narrow strips of columns, with what goes from node to node in registers, are
quicker; beyond, rows lie on different pages and are fetched from far (with 256² cells strips take
0.85 of the time, with 512² 1.4)."""


@kernel
def factor_bits(lines: Any, cells: Any, factor: Any, first: int, last: int) -> None:
    """Factor the bit lines of columns `first` to `last` (multiples of eight)."""
    stride, rows = lines.stride, lines.rows
    ground, one = splat(lines.bit_ground), splat(1.0)
    if lines.bit_merged:
        for j in range(first, last, 8):
            seen = load(lines.bit_last, j) + splat(lines.bit_ground * rows)
            for i in range(rows):
                seen = seen + load(cells, i * stride + j)
            store(factor, j, one / seen)
            for k in range(j, j + 8):
                if lines.bit_held[k] > 0.0 or k >= lines.cols:
                    factor[k] = 0.0
        return
    for block in range(first, last, BLOCK):
        stop = min(block + BLOCK, last)
        for i in range(rows):
            for j in range(block, stop, 8):
                at = i * stride + j
                seen = load(cells, at) + ground
                if i == 0:
                    seen = seen + load(lines.bit_first, j)
                else:
                    seen = seen + load(factor, at)
                if i < rows - 1:
                    s = load(lines.bit_segment, j)
                    c = one / (s + seen)
                    # what the node below sees through this one waits in that node's own place
                    store(factor, at + stride, s * (seen * c))
                else:
                    c = one / (seen + load(lines.bit_last, j))
                store(factor, at, c)


@kernel
def solve_bits(
    lines: Any,
    cells: Any,
    factor: Any,
    x: Any,
    bit_volts: Any,
    bit_amps: Any,
    out: Any,
    first: int,
    last: int,
) -> None:
    """Set ``out = T_b⁻¹·(cells·x + sources)`` in columns `first` to `last`."""
    stride, rows = lines.stride, lines.rows
    if lines.bit_merged:
        for j in range(first, last, 8):
            f = load(lines.bit_last, j) * load(bit_volts, j)
            for i in range(rows):
                f = f + load(cells, i * stride + j) * load(x, i * stride + j)
                if bit_amps.size:
                    f = f + load(bit_amps, i * stride + j)
            store(out, j, f * load(factor, j))
            for k in range(j, j + 8):
                if lines.bit_held[k] > 0.0:
                    out[k] = bit_volts[k]
            volts = load(out, j)
            for i in range(1, rows):
                store(out, i * stride + j, volts)
        return
    for block in range(first, last, BLOCK):
        stop = min(block + BLOCK, last)
        for i in range(rows):
            for j in range(block, stop, 8):
                at = i * stride + j
                f = load(cells, at) * load(x, at)
                if bit_amps.size:
                    f = f + load(bit_amps, at)
                if i == 0:
                    f = f + load(lines.bit_first, j) * load(bit_volts, j)
                else:
                    f = f + load(lines.bit_segment, j) * load(out, at - stride)
                if i == rows - 1:
                    f = f + load(lines.bit_last, j) * load(bit_volts, j)
                store(out, at, f * load(factor, at))
        _bits_back(lines, factor, out, block, stop)


@kernel
def _bits_back(lines: Any, factor: Any, out: Any, first: int, last: int) -> None:
    stride = lines.stride
    for i in range(lines.rows - 2, -1, -1):
        for j in range(first, last, 8):
            at = i * stride + j
            s = load(lines.bit_segment, j)
            store(out, at, load(out, at) + (s * load(factor, at)) * load(out, at + stride))


@kernel
def direction_bits(
    lines: Any,
    cells: Any,
    factor: Any,
    z: Any,
    p: Any,
    beta: float,
    out: Any,
    first: int,
    last: int,
    carried: Any,
) -> float:
    """Set ``p = z + beta·p`` and ``out = cells·T_b⁻¹·(cells·p)`` in columns `first` to `last`;
    return their ``p·out``.

    With y of the forward sweep the product is Σ y_k²/c_k, a sum of squares that needs no second
    look at p. `carried` is scratch of `BLOCK`."""
    rows, sum_of = lines.rows, splat(0.0)
    if lines.bit_merged:
        stride, b = lines.stride, splat(beta)
        for j in range(first, last, 8):
            f = splat(0.0)
            for i in range(rows):
                at = i * stride + j
                step = load(z, at) + b * load(p, at)
                store(p, at, step)
                f = f + load(cells, at) * step
            volts = f * load(factor, j)
            sum_of = sum_of + f * volts
            for i in range(rows):
                store(out, i * stride + j, load(cells, i * stride + j) * volts)
        return total(sum_of)
    if rows * lines.stride > IN_CACHE:
        for j in range(first, last, BLOCK):
            stop = min(j + BLOCK, last)
            more = _direction_block(lines, cells, factor, z, p, beta, out, j, stop, carried)
            sum_of = sum_of + more
        return total(sum_of)
    pairs = first + (last - first) // 16 * 16
    for j in range(first, pairs, 16):
        sum_of = sum_of + _direction_pair(lines, cells, factor, z, p, beta, out, j)
    if pairs < last:
        sum_of = sum_of + _direction_strip(lines, cells, factor, z, p, beta, out, pairs)
    return total(sum_of)


@kernel
def _direction_down(
    cells: Any, factor: Any, z: Any, p: Any, b: Any, out: Any, at: int, s: Any, y: Any, sum_of: Any
) -> Any:
    """Take one node of eight bit lines forwards, and its direction."""
    step = load(z, at) + b * load(p, at)
    store(p, at, step)
    f = load(cells, at) * step + s * y
    y = f * load(factor, at)
    store(out, at, y)
    return y, sum_of + f * y


@kernel
def _direction_up(cells: Any, factor: Any, out: Any, at: int, s: Any, t: Any) -> Any:
    """Take one node of eight bit lines back."""
    t = load(out, at) + (s * load(factor, at)) * t
    store(out, at, load(cells, at) * t)
    return t


@kernel
def _direction_strip(
    lines: Any, cells: Any, factor: Any, z: Any, p: Any, beta: float, out: Any, j: int
) -> Any:
    """Do what `direction_bits` does in eight columns: down and up again, with what goes from node
    to node in registers."""
    b, s, y, sum_of = splat(beta), load(lines.bit_segment, j), splat(0.0), splat(0.0)
    end = (lines.rows - 1) * lines.stride + j
    for at in range(j, end + 1, lines.stride):
        y, sum_of = _direction_down(cells, factor, z, p, b, out, at, s, y, sum_of)
    store(out, end, load(cells, end) * y)
    for at in range(end - lines.stride, -1, -lines.stride):
        y = _direction_up(cells, factor, out, at, s, y)
    return sum_of


@kernel
def _direction_pair(
    lines: Any, cells: Any, factor: Any, z: Any, p: Any, beta: float, out: Any, j: int
) -> Any:
    """Do the same in sixteen columns, of which one half works while the other waits for its last
    result."""
    b, s, y, sum_of = splat(beta), load(lines.bit_segment, j), splat(0.0), splat(0.0)
    s2, y2, sum_2 = load(lines.bit_segment, j + 8), splat(0.0), splat(0.0)
    end = (lines.rows - 1) * lines.stride + j
    for at in range(j, end + 1, lines.stride):
        y, sum_of = _direction_down(cells, factor, z, p, b, out, at, s, y, sum_of)
        y2, sum_2 = _direction_down(cells, factor, z, p, b, out, at + 8, s2, y2, sum_2)
    store(out, end, load(cells, end) * y)
    store(out, end + 8, load(cells, end + 8) * y2)
    for at in range(end - lines.stride, -1, -lines.stride):
        y = _direction_up(cells, factor, out, at, s, y)
        y2 = _direction_up(cells, factor, out, at + 8, s2, y2)
    return sum_of + sum_2


@kernel
def _direction_block(
    lines: Any,
    cells: Any,
    factor: Any,
    z: Any,
    p: Any,
    beta: float,
    out: Any,
    first: int,
    last: int,
    carried: Any,
) -> Any:
    """Do the same in up to `BLOCK` columns, row after row: what goes from node to node waits in
    cache, and memory is fetched in longer pieces."""
    b, sum_of, stride = splat(beta), splat(0.0), lines.stride
    end = (lines.rows - 1) * stride
    for k in range(0, last - first, 8):
        store(carried, k, splat(0.0))
    for row in range(0, end + 1, stride):
        for j in range(first, last, 8):
            s, y = load(lines.bit_segment, j), load(carried, j - first)
            y, sum_of = _direction_down(cells, factor, z, p, b, out, row + j, s, y, sum_of)
            store(carried, j - first, y)
    for j in range(first, last, 8):
        store(out, end + j, load(cells, end + j) * load(carried, j - first))
    for row in range(end - stride, -1, -stride):
        for j in range(first, last, 8):
            s, t = load(lines.bit_segment, j), load(carried, j - first)
            store(carried, j - first, _direction_up(cells, factor, out, row + j, s, t))
    return sum_of
