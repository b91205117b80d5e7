"""Compiled sweeps along bit lines, eight columns at once as they lie in memory (the algebra is in
`word_sweeps`)."""

from __future__ import annotations

from typing import Any

from spicesnn.engines.nodal.simd import load, splat, store, total
from spicesnn.jit import kernel

BLOCK = 64
"""Columns that are swept down and up again before the next ones: what the way down leaves in cache
the way up finds there."""


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
                if lines.bit_held[k] or k >= lines.cols:
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
                if lines.bit_held[k]:
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
) -> float:
    """Set ``p = z + beta·p`` and ``out = T_b⁻¹·(cells·p)`` in columns `first` to `last`; return
    their ``p·cells·out``.

    With y of the forward sweep the product is Σ y_k²/c_k, a sum of squares that needs no second
    look at p."""
    stride, rows, b = lines.stride, lines.rows, splat(beta)
    sum_of = splat(0.0)
    if lines.bit_merged:
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
                store(out, i * stride + j, volts)
        return total(sum_of)
    for block in range(first, last, BLOCK):
        stop = min(block + BLOCK, last)
        for j in range(block, stop, 8):
            step = load(z, j) + b * load(p, j)
            store(p, j, step)
            f = load(cells, j) * step
            y = f * load(factor, j)
            sum_of = sum_of + f * y
            store(out, j, y)
        for i in range(1, rows):
            for j in range(block, stop, 8):
                at = i * stride + j
                step = load(z, at) + b * load(p, at)
                store(p, at, step)
                s = load(lines.bit_segment, j)
                f = load(cells, at) * step + s * load(out, at - stride)
                y = f * load(factor, at)
                sum_of = sum_of + f * y
                store(out, at, y)
        _bits_back(lines, factor, out, block, stop)
    return total(sum_of)
