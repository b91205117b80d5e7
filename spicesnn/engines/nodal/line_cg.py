"""Conjugate gradients on the word lines, preconditioned by exact solves along them.

With the bit lines eliminated the network is ``S·w = f``, ``S = T_w − G·T_b⁻¹·G``. Preconditioned by
T_w the operator is ``I − K``, ``K = T_w⁻¹·G·T_b⁻¹·G ≥ 0``, whose spectrum lies in (0, 1]: one sweep
along the bit lines and one along the word lines apply it. The iteration keeps z = T_w⁻¹·r instead
of the residual r:

    t = T_b⁻¹·G·p,  α = γ/(p·T_w·p − p·G·t),  w += α·p,  z −= α·(p − T_w⁻¹·G·t),  γ = z·T_w·z,  p =
    z + (γ/γ_old)·p,

with p·T_w·p = γ + 2β·z·T_w·p_old + β²·(p·T_w·p)_old. That is 14 array accesses a cell and iteration
where the usual form has 17 or more, and z comes from sweeps that subtract nothing, so it stays
accurate where conductances differ by many decades.

Stopping rule. Let r be what Kirchhoff's law leaves over at the nodes, in ampere. A unit current
injected at a node of a passive network leaves through the terminals in shares h_k ≥ 0 with Σ_k h_k
≤ 1. By superposition the error of the terminal currents is δI_k = Σ_nodes h_k(node)·r(node),
therefore

    |δI_k| ≤ Σ_k |δI_k| ≤ ‖r‖₁.

The iteration ends when ‖r‖₁ ≤ tolerance·Σ|I| over the terminals (and z below `tolerance` of the
largest voltage), and afterwards r is computed afresh from the voltages that are returned: its
1-norm is the certificate `bound_amps`, its largest entry `residual_amps`."""

from __future__ import annotations

from typing import Any

from spicesnn.engines.nodal.bit_sweeps import direction_bits, factor_bits, solve_bits
from spicesnn.engines.nodal.kirchhoff import EPS, check_columns, check_rows
from spicesnn.engines.nodal.lines import Drives, Lines, Outcome, Share, Work
from spicesnn.engines.nodal.simd import splat, store, to_cache_line
from spicesnn.engines.nodal.threads import wait_for_all
from spicesnn.engines.nodal.word_sweeps import factor_words, renew_words
from spicesnn.jit import kernel

ITERATIONS, RESIDUAL, BOUND, SCALE, CONVERGED, FLOOR, BEGIN = range(7)
"""Where `solve_many` reports what."""
COARSEST = 1e-8
"""Relative error of the currents from which on there is no answer but an error."""
REPORT_SIZE = 8
MEASURES = 5


@kernel
def lines_in(numbers: Any) -> Any:
    """Return the `Lines` that `packed_lines` has packed."""
    rows, cols = int(numbers[6]), int(numbers[7])
    high = -(-rows // 8) * 8
    wide = (numbers.size - 8 - 4 * high) // 6
    bits = 8 + 2 * high
    held = bits + 2 * wide
    segments = held + high + wide
    rest = segments + high + wide
    return Lines(
        rows,
        cols,
        wide,
        numbers[0],
        numbers[1],
        numbers[2],
        numbers[3],
        numbers[8 : 8 + high],
        numbers[8 + high : bits],
        numbers[bits : bits + wide],
        numbers[bits + wide : held],
        numbers[4] > 0.0,
        numbers[5] > 0.0,
        numbers[held : held + high],
        numbers[held + high : segments],
        numbers[segments : segments + high],
        numbers[segments + high : rest],
        numbers[rest : rest + wide],
        numbers[rest + wide :],
    )


@kernel
def work_in(doubles: Any, gate: Any, rows: int, stride: int, threads: int) -> Any:
    """Return the `Work` in memory that begins with the cells of so many padded rows."""
    size, panel, sums = rows * stride, threads * (16 * stride + 256), threads * 2 * stride
    end = 5 * size
    drives = end + panel + sums + 32 * threads
    return Work(
        doubles[size : 2 * size],
        doubles[2 * size : 3 * size],
        doubles[3 * size : 4 * size],
        doubles[4 * size : end],
        doubles[end : end + panel],
        doubles[end + panel : end + panel + sums],
        doubles[end + panel + sums : drives],
        doubles[drives:],
        gate,
    )


@kernel
def _row_scale(lines: Any, x: Any, word_volts: Any, first: int, last: int) -> float:
    """Return Σ|terminal current| of the word lines of panels `first` to `last`, as the iterate has
    it."""
    amps = 0.0
    for row in range(8 * first, min(8 * last, lines.rows)):
        at = row * lines.stride
        amps += abs(lines.word_first[row] * (word_volts[row] - x[at])) + abs(
            lines.word_last[row] * (word_volts[row] - x[at + lines.cols - 1])
        )
    return amps


@kernel
def _combine(work: Any, share: Any, slot: int, measures: Any, peak: int) -> None:
    """Combine the measures over all threads: sums, but the maximum of the one at `peak`."""
    thread, threads = share
    if threads == 1:
        return
    for k in range(MEASURES):
        work.sums[32 * thread + slot + k] = measures[k]
    wait_for_all(work.gate, threads)
    for k in range(MEASURES):
        value = work.sums[slot + k]
        for other in range(1, threads):
            more = work.sums[32 * other + slot + k]
            value = max(value, more) if k == peak else value + more
        measures[k] = value


@kernel
def _largest_of(values: Any) -> float:
    best = 0.0
    for k in range(values.size):
        best = max(best, abs(values[k]))
    return best


@kernel
def start_flat(lines: Any, word_volts: Any, x: Any, first: int, last: int) -> None:
    """Set every word line to its driver's voltage, and padded places to 0."""
    wide = lines.cols // 8 * 8
    for row in range(8 * first, 8 * last):
        base = row * lines.stride
        driven = row < lines.rows and (
            lines.word_held[row] > 0.0 or lines.word_first[row] > 0 or lines.word_last[row] > 0
        )
        volts = word_volts[row] if driven else 0.0
        for j in range(0, wide, 8):
            store(x, base + j, splat(volts))
        for j in range(wide, lines.stride):
            x[base + j] = volts if j < lines.cols else 0.0


@kernel
def certify(
    lines: Any, cells: Any, work: Any, drives: Any, x: Any, t: Any, outcome: Any, share: Any
) -> None:
    """Compute line currents and what is left over at the nodes, from the voltages alone, into
    `outcome`."""
    thread, threads = share
    panels = -(-lines.rows // 8)
    measures = work.sums[32 * thread + 16 :]
    measures[:MEASURES] = 0.0
    own = work.column_sums[2 * lines.stride * thread :]
    check_rows(
        lines,
        cells,
        x,
        t,
        drives,
        outcome.row_amps,
        own,
        panels * thread // threads,
        panels * (thread + 1) // threads,
        measures,
    )
    _combine(work, share, 8, measures, 1)
    if thread == 0:
        report = outcome.report
        check_columns(
            lines, t, drives.bit_volts, work.column_sums, threads, outcome.column_amps, measures
        )
        reach = 0.0
        for row in range(lines.rows):
            reach = max(reach, abs(x[row * lines.stride]))
        for j in range(lines.cols):
            reach = max(reach, abs(t[(lines.rows - 1) * lines.stride + j]))
        nodes = 4.0 * lines.rows * lines.cols
        report[RESIDUAL], report[BOUND], report[SCALE] = measures[1], measures[0], measures[2]
        report[FLOOR] = EPS * (
            measures[3] + nodes * (lines.word_siemens + lines.bit_siemens) * reach
        )
    wait_for_all(work.gate, threads)


@kernel
def iterate(
    lines: Any,
    cells: Any,
    work: Any,
    drives: Any,
    x: Any,
    t: Any,
    tolerance: float,
    reach: float,
    most: int,
    measures: Any,
    share: Any,
) -> int:
    """Run conjugate gradients from the correction z in `work`; return the number of iterations."""
    thread, threads = share
    panels, blocks = -(-lines.rows // 8), lines.stride // 8
    p0, p1 = panels * thread // threads, panels * (thread + 1) // threads
    c0, c1 = 8 * (blocks * thread // threads), 8 * (blocks * (thread + 1) // threads)
    scratch = work.panel[thread * (16 * lines.stride + 256) :]
    gamma, first_amps = measures[0], measures[1]
    energy, beta, cross = 0.0, 0.0, 0.0
    for count in range(most):
        scale = max(measures[4], 1e-6 * first_amps)
        if (measures[1] <= tolerance * scale and measures[2] <= tolerance * reach) or gamma <= 0.0:
            return count
        spent = work.sums[32 * thread + 16 :]
        spent[:MEASURES] = 0.0
        spent[0] = direction_bits(
            lines,
            cells,
            work.bit_factor,
            work.correction,
            work.direction,
            beta,
            t,
            c0,
            c1,
            scratch,
        )
        _combine(work, share, 8, spent, MEASURES)
        energy = gamma + beta * (2.0 * cross + beta * energy)
        curvature = energy - spent[0]
        if not curvature > 0.0:
            return count
        measures[:MEASURES] = 0.0
        renew_words(
            lines,
            cells,
            work,
            t,
            False,
            drives,
            gamma / curvature,
            x,
            scratch,
            p0,
            p1,
            measures,
        )
        measures[4] = _row_scale(lines, x, drives.word_volts, p0, p1)
        _combine(work, share, 0, measures, 2)
        beta = measures[0] / gamma
        gamma, cross = measures[0], measures[3]
    return most


@kernel
def solve_lines(
    lines: Any,
    cells: Any,
    work: Any,
    drives: Any,
    x: Any,
    t: Any,
    outcome: Any,
    factored: bool,
    warm: bool,
    tolerance: float,
    most: int,
    share: Any,
) -> None:
    """Solve one input; several threads call this with the same arrays, each with its own `share`.

    Parameters
    ----------
    lines, work, drives : Lines, Work, Drives
    cells, x, t : (padded rows · padded cols,) flat
        Cell conductance; word-line volts (in: the start if `warm`; out: the solution); bit-line
        volts (out).
    outcome : Outcome
        Out.
    factored : bool
        Whether `work` already holds the factors of these `lines` and `cells`.
    tolerance : float
        See the module.
    most : int
        Iterations allowed.
    share : Share
    """
    thread, threads = share
    word_volts, bit_volts, report = drives.word_volts, drives.bit_volts, outcome.report
    panels, blocks = -(-lines.rows // 8), lines.stride // 8
    p0, p1 = panels * thread // threads, panels * (thread + 1) // threads
    c0, c1 = 8 * (blocks * thread // threads), 8 * (blocks * (thread + 1) // threads)
    if not factored:
        factor_words(lines, cells, work.word_factor, p0, p1)
        factor_bits(lines, cells, work.bit_factor, c0, c1)
    if not warm:
        start_flat(lines, word_volts, x, p0, p1)
    if thread == 0:
        t[lines.rows * lines.stride :] = 0.0
    reach = max(_largest_of(word_volts), _largest_of(bit_volts))
    scratch = work.panel[thread * (16 * lines.stride + 256) :]
    measures = scratch[16 * lines.stride :]
    done, before = 0, 1e300
    for attempt in range(6):
        wait_for_all(work.gate, threads)
        solve_bits(lines, cells, work.bit_factor, x, bit_volts, drives.bit_amps, t, c0, c1)
        wait_for_all(work.gate, threads)
        if attempt > 0 or warm:
            certify(lines, cells, work, drives, x, t, outcome, share)
            left = report[BOUND]
            good = left <= 4.0 * tolerance * report[SCALE] or left <= report[FLOOR]
            if (
                (attempt > 0 and good)
                or left <= tolerance * report[SCALE]
                or done >= most
                or not left < 0.5 * before
            ):
                break
            before = left
        measures[:MEASURES] = 0.0
        renew_words(
            lines,
            cells,
            work,
            t,
            True,
            drives,
            0.0,
            x,
            scratch,
            p0,
            p1,
            measures,
        )
        measures[4] = _row_scale(lines, x, drives.word_volts, p0, p1)
        _combine(work, share, 0, measures, 2)
        left = most - done
        done += iterate(lines, cells, work, drives, x, t, tolerance, reach, left, measures, share)
    if thread == 0:
        report[ITERATIONS] = done
        report[CONVERGED] = (
            1.0 if report[BOUND] <= max(8.0 * tolerance * report[SCALE], report[FLOOR]) else 0.0
        )


@kernel
def _padded_volts(given: Any, first: Any, last: Any, held: Any, padded: Any) -> None:
    """Copy line volts into whole vectors; lines that float are driven to nothing."""
    for k in range(padded.size):
        padded[k] = (
            given[k]
            if k < given.size and (first[k] > 0.0 or last[k] > 0.0 or held[k] > 0.0)
            else 0.0
        )


@kernel
def solve_many(
    packed: Any,
    memory: Any,
    row_volts: Any,
    column_volts: Any,
    amps: Any,
    volts: Any,
    results: Any,
    factored: bool,
    warm: bool,
    tolerance: float,
    most: int,
    share: Any,
) -> bool:
    """Solve the inputs of a batch one after another; several threads call this with the same
    arrays, each with its own `share`.

    What is called from Python takes plain tuples: a small array is solved in less time than three
    of another kind take to be looked at.

    Parameters
    ----------
    packed : flat
        See `packed_lines`.
    memory : (doubles, gate)
        Of a `Memory`.
    row_volts, column_volts : (batch, rows), (batch, cols)
    amps : (batch, 2, padded rows · padded cols) or (1, 2, 0)
        Currents injected into word-line and bit-line nodes.
    volts : (batch, 2 · padded rows · padded cols + 8)
        Word-line volts (in: the start if `warm`; out: the solution), then bit-line volts (out),
        from the first whole cache line on: where that is is reported as BEGIN. Of length 1 along
        the first axis no voltages are kept.
    results : (batch, rows + cols + 8)
        Out: row currents, column currents and the report of an `Outcome`.
    factored : bool
        Whether the memory already holds the factors of these lines and cells.
    tolerance, most
        See the module; iterations allowed.
    share : (thread, threads)
        Of a `Share`.

    Returns
    -------
    bool
        Whether every input reached the tolerance (rounding may keep it from that: the caller looks
        closer).
    """
    lines, own_share = lines_in(packed), Share(share[0], share[1])
    doubles, gate = memory
    rows, cols, thread = lines.rows, lines.cols, own_share.thread
    high, wide = lines.word_first.size, lines.stride
    size = high * wide
    cells, work = doubles[:size], work_in(doubles, gate, high, wide, own_share.threads)
    padded_volts = work.volts[thread * (high + wide) : (thread + 1) * (high + wide)]
    begin = to_cache_line(volts)
    good = True
    for k in range(row_volts.shape[0]):
        own, report = volts[k if volts.shape[0] > 1 else 0], results[k, rows + cols :]
        injected = amps[k if amps.shape[0] > 1 else 0]
        drives = Drives(padded_volts[:high], padded_volts[high:], injected[0], injected[1])
        _padded_volts(
            row_volts[k], lines.word_first, lines.word_last, lines.word_held, drives.word_volts
        )
        _padded_volts(
            column_volts[k], lines.bit_first, lines.bit_last, lines.bit_held, drives.bit_volts
        )
        solve_lines(
            lines,
            cells,
            work,
            drives,
            own[begin : begin + size],
            own[begin + size : begin + 2 * size],
            Outcome(results[k, :rows], results[k, rows : rows + cols], report),
            factored or k > 0,
            warm,
            tolerance,
            most,
            own_share,
        )
        if thread == 0:
            report[BEGIN] = begin
        good = good and report[BOUND] <= 8.0 * tolerance * report[SCALE]
    return good
