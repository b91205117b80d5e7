"""Compiled sweeps along word lines, and what all sweeps rest on.

Along a line the matrix is tridiagonal, ``T = tridiag(-s, e + 2s, -s)``, with s the conductance of a
segment and e_k = cell + ground (+ terminal at an end). It is factored in terms of what each node
sees towards its beginning, E_0 = e_0 and E_k = e_k + s·E_{k-1}/(s + E_{k-1}) (a series and a
parallel connection): nothing is subtracted, so the factors have full relative accuracy for any
spread of conductances. With c_k = 1/(s + E_k), and c = 1/E at the last node,

    T·w = f  ⇔  y_k = c_k·(f_k + s·y_{k-1}) forwards, then w_k = y_k + s·c_k·w_{k+1} backwards.

Word lines run along contiguous memory, so eight of them are solved at once and their tiles are
transposed in registers; bit lines are solved eight columns at once as they lie. A merged line (0 Ω)
has one unknown, f is summed over it."""

from __future__ import annotations

from typing import Any

from spicesnn.engines.nodal.simd import (
    add_tile,
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
    store_tile,
    store_turned,
    tile_at,
    total,
    with_lane,
)
from spicesnn.jit import kernel


@kernel
def factor_words(lines: Any, cells: Any, factor: Any, first: int, last: int) -> None:
    """Factor the word lines of panels `first` to `last` (eight rows each)."""
    if lines.word_merged:
        for panel in range(first, last):
            _factor_merged_words(lines, cells, factor, panel)
        return
    for group in range(first, last, 8):
        _factor_word_group(lines, cells, factor, group, min(group + 8, last))


@kernel
def _factor_merged_words(lines: Any, cells: Any, factor: Any, panel: int) -> None:
    for row in range(8 * panel, 8 * panel + 8):
        seen = splat(0.0)
        for j in range(0, lines.stride, 8):
            seen = seen + load(cells, row * lines.stride + j)
        pivot = total(seen) + lines.word_first[row] + lines.word_ground * lines.cols
        known = lines.word_held[row] > 0.0 or row >= lines.rows
        factor[8 * panel * lines.stride + row % 8] = 0.0 if known else 1.0 / pivot


@kernel
def _factor_word_group(lines: Any, cells: Any, factor: Any, first: int, last: int) -> None:
    """Factor some panels column by column together: the divisions of one wait for each other, those
    of several do not."""
    size, ground, one = 8 * lines.stride, splat(lines.word_ground), splat(1.0)
    for panel in range(first, last):
        for j in range(0, lines.cols, 8):
            store_tile(factor, panel * size + 8 * j, tile_at(cells, panel * size + j, lines.stride))
        store(factor, panel * size, load(factor, panel * size) + load(lines.word_first, 8 * panel))
    for j in range(lines.cols - 1):
        for panel in range(first, last):
            at = panel * size + 8 * j
            s = load(lines.word_segment, 8 * panel)
            seen = load(factor, at) + ground
            c = one / (s + seen)
            store(factor, at, c)
            store(factor, at + 8, load(factor, at + 8) + (s * seen) * c)
    for panel in range(first, last):
        at = panel * size + 8 * (lines.cols - 1)
        store(factor, at, one / ((load(factor, at) + ground) + load(lines.word_last, 8 * panel)))
        for j in range(lines.cols, lines.stride):
            store(factor, panel * size + 8 * j, splat(0.0))


@kernel
def _chain(factor: Any, at: int, s: Any, carried: Any, f: Any, y: Any, own: int) -> Any:
    """Take one node of eight word lines forwards: only the fused multiply-add with `carried` waits
    for the node before."""
    c = load(factor, at)
    carried = (s * c) * carried + c * f
    store(y, own, carried)
    return carried


@kernel
def _products(lines: Any, cells: Any, t: Any, y: Any, own: int, at: int) -> None:
    """Write cells·t of eight rows and eight columns to `y`, row after row."""
    for r in range(8):
        there = at + r * lines.stride
        store(y, own + 8 * r, load(t, there) * load(cells, there))


@kernel
def _words_forward(lines: Any, factor: Any, amps: Any, y: Any, base: int, panel: int) -> None:
    """Forward sweep of eight word lines: y (padded cols, 8), from y_k = c_k·amps_k +
    (s·c_k)·y_{k-1}."""
    s = load(lines.word_segment, 8 * panel)
    carried = splat(0.0)
    for j in range(0, lines.cols, 8):
        at, own = base + 8 * j, 8 * j
        f0, f1, f2, f3, f4, f5, f6, f7 = tile_at(amps, base + j, lines.stride)
        carried = _chain(factor, at, s, carried, f0, y, own)
        carried = _chain(factor, at + 8, s, carried, f1, y, own + 8)
        carried = _chain(factor, at + 16, s, carried, f2, y, own + 16)
        carried = _chain(factor, at + 24, s, carried, f3, y, own + 24)
        carried = _chain(factor, at + 32, s, carried, f4, y, own + 32)
        carried = _chain(factor, at + 40, s, carried, f5, y, own + 40)
        carried = _chain(factor, at + 48, s, carried, f6, y, own + 48)
        carried = _chain(factor, at + 56, s, carried, f7, y, own + 56)


@kernel
def _words_forward_sources(
    lines: Any,
    cells: Any,
    factor: Any,
    t: Any,
    drives: Any,
    y: Any,
    base: int,
    panel: int,
) -> None:
    """Forward sweep of eight word lines with terminals and injected currents; the tiles wait in `y`
    for their turn."""
    stride, s = lines.stride, load(lines.word_segment, 8 * panel)
    for j in range(0, lines.cols, 8):
        _products(lines, cells, t, y, 8 * j, base + j)
        store_tile(y, 8 * j, tile_at(y, 8 * j, 8))
    if drives.word_amps.size:
        for j in range(0, lines.cols, 8):
            add_tile(y, 8 * j, tile_at(drives.word_amps, base + j, stride))
    volts = load(drives.word_volts, 8 * panel)
    end = 8 * (lines.cols - 1)
    store(y, 0, load(y, 0) + load(lines.word_first, 8 * panel) * volts)
    store(y, end, load(y, end) + load(lines.word_last, 8 * panel) * volts)
    carried = splat(0.0)
    for j in range((lines.cols + 7) // 8 * 8):
        carried = _chain(factor, base + 8 * j, s, carried, load(y, 8 * j), y, 8 * j)


@kernel
def _words_back(lines: Any, factor: Any, y: Any, base: int, panel: int) -> None:
    """Backward sweep of eight word lines; y becomes the solution, eight rows by tiles: y[j + r]
    holds row r, columns j to j + 7."""
    s = load(lines.word_segment, 8 * panel)
    w = splat(0.0)
    for j in range((lines.cols - 1) // 8 * 8, -1, -8):
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
        store_turned(y, own, (w0, w1, w2, w3, w4, w5, w6, w7))


@kernel
def _merged_words(
    lines: Any,
    cells: Any,
    factor: Any,
    t: Any,
    drives: Any,
    with_sources: bool,
    y: Any,
    base: int,
    panel: int,
) -> None:
    """Solve eight merged word lines; y as `_words_back` leaves it."""
    stride, word_volts, word_amps = lines.stride, drives.word_volts, drives.word_amps
    for r in range(8):
        row = 8 * panel + r
        f = splat(0.0)
        for j in range(0, stride, 8):
            at = base + r * stride + j
            if with_sources:
                f = f + load(cells, at) * load(t, at)
                if word_amps.size:
                    f = f + load(word_amps, at)
            else:
                f = f + load(t, at)
        amps = total(f)
        if with_sources:
            amps += lines.word_first[row] * word_volts[row]
        volts = amps * factor[base + r]
        if with_sources and lines.word_held[row] > 0.0:
            volts = word_volts[row]
        for j in range(0, stride, 8):
            store(y, 8 * j + 8 * r, splat(volts))


@kernel
def _renewed(first: bool, y: Any, own: int, at: int, a: Any, p: Any, x: Any, z: Any) -> None:
    """Store one vector of the new correction: w − x at first, then z − alpha·(p − w) with x moved
    along."""
    w = load(y, own)
    if first:
        store(z, at, w - load(x, at))
    else:
        step = load(p, at)
        store(x, at, load(x, at) + a * step)
        store(z, at, load(z, at) - a * (step - w))


@kernel
def _renewed_row(
    lines: Any, first: bool, y: Any, own: int, base: int, a: Any, p: Any, x: Any, z: Any
) -> None:
    for j in range(0, lines.cols, 8):
        _renewed(first, y, own + 8 * j, base + j, a, p, x, z)


@kernel
def _measured_row(lines: Any, cells: Any, row: int, p: Any, z: Any) -> Any:
    """Return z·T_w·z, Σ|T_w·z|, max|z| and z·T_w·p of a word line, eight lanes each.

    The terminals become ghost nodes beside the ends: s·(z_0 − ghost) = terminal·z_0.
    """
    base, ground = row * lines.stride, splat(lines.word_ground)
    ohm, s = 1.0 / lines.word_segment[row], splat(lines.word_segment[row])
    final, end = (lines.cols - 1) // 8 * 8, lines.cols - 1
    product, absolute, peak, cross = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
    here = load(z, base)
    left = before(splat(z[base] * (1.0 - lines.word_first[row] * ohm)), here)
    for at in range(base, base + final, 8):
        following = load(z, at + 8)
        right = right_of(z, at, here, following)
        amps = (load(cells, at) + ground) * here + s * ((here - left) + (here - right))
        product = product + amps * here
        cross = cross + amps * load(p, at)
        absolute = absolute + fabs(amps)
        peak = larger(fabs(here), peak)
        left = left_of(z, at + 8, here, following)
        here = following
    at = base + final
    ghost = z[base + end] * (1.0 - lines.word_last[row] * ohm)
    right = with_lane(after(here, here), end % 8, ghost)
    bend = (s * load(lines.real, final)) * ((here - left) + (here - right))
    amps = (load(cells, at) + load(lines.word_shunt, final)) * here + bend
    return (
        product + amps * here,
        absolute + fabs(amps),
        larger(fabs(here), peak),
        cross + amps * load(p, at),
    )


@kernel
def _measured_rows(
    lines: Any,
    cells: Any,
    first: bool,
    y: Any,
    panel: int,
    alpha: float,
    p: Any,
    x: Any,
    z: Any,
    sums: Any,
    at_sums: int,
) -> None:
    """Renew z along the word lines of a panel, and add its measures to `sums`, eight lanes each: a
    row is measured after the next one is renewed, when what was written can be read again without a
    wait."""
    a, base = splat(alpha), 8 * panel * lines.stride
    product, absolute = load(sums, at_sums), load(sums, at_sums + 8)
    peak, cross = load(sums, at_sums + 16), load(sums, at_sums + 24)
    count = min(8, lines.rows - 8 * panel)
    _renewed_row(lines, first, y, 0, base, a, p, x, z)
    for r in range(count):
        if r + 1 < count:
            _renewed_row(lines, first, y, 8 * r + 8, base + (r + 1) * lines.stride, a, p, x, z)
        more, left, most, across = _measured_row(lines, cells, 8 * panel + r, p, z)
        product, absolute, cross = product + more, absolute + left, cross + across
        peak = larger(most, peak)
    store(sums, at_sums, product)
    store(sums, at_sums + 8, absolute)
    store(sums, at_sums + 16, peak)
    store(sums, at_sums + 24, cross)


@kernel
def _measured_merged_row(
    lines: Any,
    cells: Any,
    first: bool,
    y: Any,
    own: int,
    row: int,
    alpha: float,
    p: Any,
    x: Any,
    z: Any,
    measures: Any,
) -> None:
    """Do what `_measured_row` does on a merged word line: z is the same all along it."""
    base, a = row * lines.stride, splat(alpha)
    seen = splat(0.0)
    for j in range(0, (lines.cols + 7) // 8 * 8, 8):
        _renewed(first, y, own + 8 * j, base + j, a, p, x, z)
        seen = seen + load(cells, base + j)
    change = z[base]
    amps = (
        0.0
        if lines.word_held[row] > 0.0
        else (lines.word_first[row] + lines.word_ground * lines.cols + total(seen)) * change
    )
    measures[0] += amps * change
    measures[1] += abs(amps)
    measures[2] = max(measures[2], abs(change))
    measures[3] += amps * p[base]


@kernel
def renew_words(
    lines: Any,
    cells: Any,
    work: Any,
    t: Any,
    first: bool,
    drives: Any,
    alpha: float,
    x: Any,
    y: Any,
    begin: int,
    end: int,
    measures: Any,
) -> None:
    """Sweep the word lines of panels `begin` to `end`, renew z and take its measures: z·T_w·z,
    Σ|T_w·z|, max|z|, z·T_w·p.

    At `first`, ``z = T_w⁻¹·(cells·t + sources) − x``; later `t` is cells·t already, ``x += alpha·p``
    and ``z −= alpha·(p − T_w⁻¹·t)``. `y` is scratch of 8 × padded cols + 32. Held lines have no unknown, their z
    is 0."""
    factor, p, z = work.word_factor, work.direction, work.correction
    at_sums = 8 * lines.stride
    for k in range(0, 32, 8):
        store(y, at_sums + k, splat(0.0))
    for panel in range(begin, end):
        base = 8 * panel * lines.stride
        if lines.word_merged:
            _merged_words(lines, cells, factor, t, drives, first, y, base, panel)
            for r in range(min(8, lines.rows - 8 * panel)):
                _measured_merged_row(
                    lines, cells, first, y, 8 * r, 8 * panel + r, alpha, p, x, z, measures
                )
            continue
        if first:
            _words_forward_sources(lines, cells, factor, t, drives, y, base, panel)
        else:
            _words_forward(lines, factor, t, y, base, panel)
        _words_back(lines, factor, y, base, panel)
        _measured_rows(lines, cells, first, y, panel, alpha, p, x, z, y, at_sums)
    measures[0] += total(load(y, at_sums))
    measures[1] += total(load(y, at_sums + 8))
    measures[2] = max(measures[2], largest(load(y, at_sums + 16)))
    measures[3] += total(load(y, at_sums + 24))
