"""Compiled sweeps along word lines and bit lines.

Along a line the matrix is tridiagonal, ``T = tridiag(-s, e + 2s, -s)``, with s the conductance of a segment and
e_k = cell + ground (+ terminal at an end). It is factored in terms of what each node sees towards its beginning,
E_0 = e_0 and E_k = e_k + s·E_{k-1}/(s + E_{k-1}) (a series and a parallel connection): nothing is subtracted, so the
factors have full relative accuracy for any spread of conductances. With c_k = 1/(s + E_k), and c = 1/E at the last node,

    T·w = f  ⇔  y_k = c_k·(f_k + s·y_{k-1}) forwards, then w_k = y_k + s·c_k·w_{k+1} backwards.

Word lines run along contiguous memory, so eight of them are solved at once and their tiles are transposed in registers;
bit lines are solved eight columns at once as they lie. A merged line (0 Ω) has one unknown, f is summed over it.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from spicesnn.engines.nodal.simd import fabs, lane, larger, load, splat, store, transpose


@njit(cache=True, nogil=True)
def total(v: Any) -> float:
    """Return the sum of eight."""
    return ((lane(v, 0) + lane(v, 4)) + (lane(v, 1) + lane(v, 5))) + ((lane(v, 2) + lane(v, 6)) + (lane(v, 3) + lane(v, 7)))


@njit(cache=True, nogil=True)
def largest(v: Any) -> float:
    """Return the largest of eight (NaN if there is one)."""
    best = lane(v, 0)
    for k in range(1, 8):
        value = lane(v, k)
        if not value <= best:
            best = value
    return best


@njit(cache=True, nogil=True)
def _tile(a: Any, at: int, stride: int) -> Any:
    return transpose((
        load(a, at), load(a, at + stride), load(a, at + 2 * stride), load(a, at + 3 * stride),
        load(a, at + 4 * stride), load(a, at + 5 * stride), load(a, at + 6 * stride), load(a, at + 7 * stride),
    ))  # fmt: skip


@njit(cache=True, nogil=True)
def _product_tile(a: Any, b: Any, at: int, stride: int) -> Any:
    s2, s3, s4, s5, s6, s7 = 2 * stride, 3 * stride, 4 * stride, 5 * stride, 6 * stride, 7 * stride
    return transpose((
        load(a, at) * load(b, at), load(a, at + stride) * load(b, at + stride),
        load(a, at + s2) * load(b, at + s2), load(a, at + s3) * load(b, at + s3),
        load(a, at + s4) * load(b, at + s4), load(a, at + s5) * load(b, at + s5),
        load(a, at + s6) * load(b, at + s6), load(a, at + s7) * load(b, at + s7),
    ))  # fmt: skip


@njit(cache=True, nogil=True)
def factor_words(lines: Any, cells: Any, factor: Any, first: int, last: int) -> None:
    """Factor the word lines of panels `first` to `last` (eight rows each)."""
    stride, s = lines.stride, splat(lines.word_siemens)
    for panel in range(first, last):
        base, out = 8 * panel * stride, 8 * panel * stride
        if lines.word_merged:
            for lane_of in range(8):
                row = 8 * panel + lane_of
                seen = splat(0.0)
                for j in range(0, stride, 8):
                    seen = seen + load(cells, base + lane_of * stride + j)
                pivot = total(seen) + lines.word_first[row] + lines.word_ground * lines.cols
                factor[out + lane_of] = 0.0 if lines.word_held[row] or row >= lines.rows else 1.0 / pivot
            continue
        ground = splat(lines.word_ground)
        carried = load(lines.word_first, 8 * panel)
        end = load(lines.word_last, 8 * panel)
        for j in range(0, stride, 8):
            tile = _tile(cells, base + j, stride)
            for k in range(8):
                seen = (tile[k] + ground) + carried
                if j + k < lines.cols - 1:
                    c = splat(1.0) / (s + seen)
                    carried = (s * seen) * c
                elif j + k == lines.cols - 1:
                    c = splat(1.0) / (seen + end)
                else:
                    c = splat(0.0)
                store(factor, out + (j + k) * 8, c)


@njit(cache=True, nogil=True)
def factor_bits(lines: Any, cells: Any, factor: Any, first: int, last: int) -> None:
    """Factor the bit lines of columns `first` to `last` (multiples of eight)."""
    stride, rows, s = lines.stride, lines.rows, splat(lines.bit_siemens)
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
    for block in range(first, last, 64):
        stop = min(block + 64, last)
        for i in range(rows):
            for j in range(block, stop, 8):
                at = i * stride + j
                seen = load(cells, at) + ground
                if i == 0:
                    seen = seen + load(lines.bit_first, j)
                else:
                    seen = seen + load(factor, at)
                if i < rows - 1:
                    c = one / (s + seen)
                    # what the node below sees through this one waits in that node's own place
                    store(factor, at + stride, s * (seen * c))
                else:
                    c = one / (seen + load(lines.bit_last, j))
                store(factor, at, c)


@njit(cache=True, nogil=True)
def solve_bits(lines: Any, cells: Any, factor: Any, x: Any, bit_volts: Any, bit_amps: Any, out: Any, first: int, last: int) -> None:
    """Set ``out = T_b⁻¹·(cells·x + sources)`` in columns `first` to `last`."""
    stride, rows, s = lines.stride, lines.rows, splat(lines.bit_siemens)
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
    for block in range(first, last, 64):
        stop = min(block + 64, last)
        for i in range(rows):
            for j in range(block, stop, 8):
                at = i * stride + j
                f = load(cells, at) * load(x, at)
                if bit_amps.size:
                    f = f + load(bit_amps, at)
                if i == 0:
                    f = f + load(lines.bit_first, j) * load(bit_volts, j)
                else:
                    f = f + s * load(out, at - stride)
                if i == rows - 1:
                    f = f + load(lines.bit_last, j) * load(bit_volts, j)
                store(out, at, f * load(factor, at))
        _bits_back(lines, factor, out, block, stop)


@njit(cache=True, nogil=True)
def _bits_back(lines: Any, factor: Any, out: Any, first: int, last: int) -> None:
    stride, s = lines.stride, splat(lines.bit_siemens)
    for i in range(lines.rows - 2, -1, -1):
        for j in range(first, last, 8):
            at = i * stride + j
            store(out, at, load(out, at) + (s * load(factor, at)) * load(out, at + stride))


@njit(cache=True, nogil=True)
def direction_bits(lines: Any, cells: Any, factor: Any, z: Any, p: Any, beta: float, out: Any, first: int, last: int) -> float:
    """Set ``p = z + beta·p`` and ``out = T_b⁻¹·(cells·p)`` in columns `first` to `last`; return their ``p·cells·out``.

    With y of the forward sweep the product is Σ y_k²/c_k, a sum of squares that needs no second look at p.
    """
    stride, rows, s, b = lines.stride, lines.rows, splat(lines.bit_siemens), splat(beta)
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
    for block in range(first, last, 64):
        stop = min(block + 64, last)
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
                f = load(cells, at) * step + s * load(out, at - stride)
                y = f * load(factor, at)
                sum_of = sum_of + f * y
                store(out, at, y)
        _bits_back(lines, factor, out, block, stop)
    return total(sum_of)


@njit(cache=True, nogil=True)
def _words_forward(lines: Any, cells: Any, factor: Any, t: Any, y: Any, base: int) -> None:
    """Forward sweep of eight word lines without sources: y (padded cols, 8), from y_k = c_k·cells·t + (s·c_k)·y_{k-1}."""
    stride, s = lines.stride, splat(lines.word_siemens)
    carried = splat(0.0)
    for j in range(0, stride, 8):
        tile = _product_tile(t, cells, base + j, stride)
        for k in range(8):
            c = load(factor, base + (j + k) * 8)
            carried = (s * c) * carried + c * tile[k]
            store(y, (j + k) * 8, carried)


@njit(cache=True, nogil=True)
def _words_forward_sources(
    lines: Any, cells: Any, factor: Any, t: Any, word_volts: Any, word_amps: Any, y: Any, base: int, panel: int
) -> None:
    """Forward sweep of eight word lines with terminals and injected currents."""
    stride, s = lines.stride, splat(lines.word_siemens)
    carried = splat(0.0)
    volts = load(word_volts, 8 * panel)
    for j in range(0, stride, 8):
        tile = _product_tile(t, cells, base + j, stride)
        amps = _tile(word_amps, base + j, stride) if word_amps.size else tile
        for k in range(8):
            f = tile[k]
            if word_amps.size:
                f = f + amps[k]
            if j + k == 0:
                f = f + load(lines.word_first, 8 * panel) * volts
            if j + k == lines.cols - 1:
                f = f + load(lines.word_last, 8 * panel) * volts
            c = load(factor, base + (j + k) * 8)
            carried = (s * c) * carried + c * f
            store(y, (j + k) * 8, carried)


@njit(cache=True, nogil=True)
def _words_back(lines: Any, factor: Any, y: Any, base: int) -> None:
    """Backward sweep of eight word lines; y becomes the solution, eight rows by tiles: y[j + r] holds row r, columns j to j + 7."""
    stride, s = lines.stride, splat(lines.word_siemens)
    w = splat(0.0)
    for j in range(stride - 8, -1, -8):
        at, own = base + 8 * j, 8 * j
        w7 = (s * load(factor, at + 56)) * w + load(y, own + 56)
        w6 = (s * load(factor, at + 48)) * w7 + load(y, own + 48)
        w5 = (s * load(factor, at + 40)) * w6 + load(y, own + 40)
        w4 = (s * load(factor, at + 32)) * w5 + load(y, own + 32)
        w3 = (s * load(factor, at + 24)) * w4 + load(y, own + 24)
        w2 = (s * load(factor, at + 16)) * w3 + load(y, own + 16)
        w1 = (s * load(factor, at + 8)) * w2 + load(y, own + 8)
        w0 = (s * load(factor, at)) * w1 + load(y, own)
        w = w0
        tile = transpose((w0, w1, w2, w3, w4, w5, w6, w7))
        for k in range(8):
            store(y, own + 8 * k, tile[k])


@njit(cache=True, nogil=True)
def _merged_words(
    lines: Any, cells: Any, factor: Any, t: Any, word_volts: Any, word_amps: Any, with_sources: bool, y: Any, base: int, panel: int
) -> None:
    """Solve eight merged word lines; y as `_words_back` leaves it."""
    stride = lines.stride
    for r in range(8):
        row = 8 * panel + r
        f = splat(0.0)
        for j in range(0, stride, 8):
            at = base + r * stride + j
            f = f + load(cells, at) * load(t, at)
            if with_sources and word_amps.size:
                f = f + load(word_amps, at)
        amps = total(f)
        if with_sources:
            amps += lines.word_first[row] * word_volts[row]
        volts = amps * factor[base + r]
        if with_sources and lines.word_held[row]:
            volts = word_volts[row]
        for j in range(0, stride, 8):
            store(y, 8 * j + 8 * r, splat(volts))


@njit(cache=True, nogil=True)
def _row_measures(lines: Any, cells: Any, p: Any, row: int, line: Any, ghost: int, measures: Any) -> None:
    """Add z·T_w·z, Σ|T_w·z|, max|z| and z·T_w·p of one word line to `measures`; z stands in `line` from `ghost` on.

    The terminals become ghost nodes beside the ends: s·(z_0 − ghost) = terminal·z_0.
    """
    stride, s = lines.stride, lines.word_siemens
    if lines.word_merged:
        conductance = lines.word_first[row] + lines.word_ground * lines.cols
        seen = splat(0.0)
        for j in range(0, stride, 8):
            seen = seen + load(cells, row * stride + j)
        z = line[ghost]
        amps = 0.0 if lines.word_held[row] else (conductance + total(seen)) * z
        measures[0] += amps * z
        measures[1] += abs(amps)
        measures[2] = max(measures[2], abs(z))
        measures[3] += amps * p[row * stride]
        return
    end = ghost + lines.cols
    line[ghost - 1] = line[ghost] * (1.0 - lines.word_first[row] / s)
    line[end] = line[end - 1] * (1.0 - lines.word_last[row] / s)
    ground = splat(lines.word_ground)
    product, cross, absolute, peak = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
    for j in range(0, stride, 8):
        z = load(line, ghost + j)
        bend = (z - load(line, ghost + j - 1)) + (z - load(line, ghost + j + 1))
        if j + 8 >= lines.cols:
            z = z * (load(lines.word_segment, j) / splat(s))
        amps = (load(cells, row * stride + j) + ground) * z + load(lines.word_segment, j) * bend
        product = product + amps * z
        cross = cross + amps * load(p, row * stride + j)
        absolute = absolute + fabs(amps)
        peak = larger(fabs(z), peak)
    line[end] = 0.0
    measures[0] += total(product)
    measures[1] += total(absolute)
    measures[2] = max(measures[2], largest(peak))
    measures[3] += total(cross)


@njit(cache=True, nogil=True)
def correction_words(
    lines: Any, cells: Any, factor: Any, t: Any, x: Any, word_volts: Any, word_amps: Any, z: Any, panel_of: Any, at_panel: int,
    first: int, last: int, measures: Any,
) -> None:  # fmt: skip
    """Set ``z = T_w⁻¹·(cells·t + sources) − x`` in panels `first` to `last`, and take its measures."""
    stride = lines.stride
    y, line, ghost = panel_of[at_panel:], panel_of[at_panel + 8 * stride :], 8
    for panel in range(first, last):
        base = 8 * panel * stride
        if lines.word_merged:
            _merged_words(lines, cells, factor, t, word_volts, word_amps, True, y, base, panel)
        else:
            _words_forward_sources(lines, cells, factor, t, word_volts, word_amps, y, base, panel)
            _words_back(lines, factor, y, base)
        for r in range(8):
            if 8 * panel + r >= lines.rows:
                break
            for j in range(0, stride, 8):
                at = base + r * stride + j
                change = load(y, 8 * j + 8 * r) - load(x, at)
                store(z, at, change)
                store(line, ghost + j, change)
            _row_measures(lines, cells, x, 8 * panel + r, line, ghost, measures)


@njit(cache=True, nogil=True)
def step_words(
    lines: Any, cells: Any, factor: Any, t: Any, p: Any, alpha: float, x: Any, z: Any, panel_of: Any, at_panel: int,
    first: int, last: int, measures: Any,
) -> None:  # fmt: skip
    """Set ``x += alpha·p`` and ``z −= alpha·(p − T_w⁻¹·(cells·t))`` in panels `first` to `last`, and take the measures of z."""
    stride, a = lines.stride, splat(alpha)
    y, line, ghost = panel_of[at_panel:], panel_of[at_panel + 8 * stride :], 8
    for panel in range(first, last):
        base = 8 * panel * stride
        if lines.word_merged:
            _merged_words(lines, cells, factor, t, p, p, False, y, base, panel)
        else:
            _words_forward(lines, cells, factor, t, y, base)
            _words_back(lines, factor, y, base)
        for r in range(8):
            if 8 * panel + r >= lines.rows:
                break
            for j in range(0, stride, 8):
                at = base + r * stride + j
                step = load(p, at)
                store(x, at, load(x, at) + a * step)
                change = load(z, at) - a * (step - load(y, 8 * j + 8 * r))
                store(z, at, change)
                store(line, ghost + j, change)
            _row_measures(lines, cells, p, 8 * panel + r, line, ghost, measures)
