# mypy: disable-error-code="no-any-return,return-value,assignment,arg-type,type-var"
"""One image shown to the network: the compiled inner loop.

Per time step: input events add rows of the weight matrix to the excitatory conductances (and
depress the synapses of neurons that have fired in this presentation); all membranes move; at most
one neuron fires, the one furthest above its threshold, which inhibits the others and potentiates
its synapses from the inputs that have fired. Traces are functions of the lag since the last spike
(capped at 1), so they are a table. Weights are `scale[j] * weight[i, j]`: the normalisation of a
column is one number, exact, and folded into the weights when it has wandered."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.encoding.events import (
    MOST_EVENTS,
    alias_table,
    choose,
    count_events,
    poisson_ladder,
    uniform,
)
from spicesnn.engines.tiled.incremental import Wired, keep_fresh, note, reset_row, set_column
from spicesnn.jit import compiled
from spicesnn.neurons.conductance_lif import membrane_step
from spicesnn.nonidealities.compiled import NonidealCells, hear_noisily, moved

F = NDArray[np.float32]
IDEAL, TABLE, LEVELS, LAST_SPIKE = 0, 1, 2, 3
"""How a synapse answers: soft-bound ideal, increments from a device's table, stochastic steps
between discrete levels, or, at output spikes alone, by the lag of each input's last spike."""

_membrane = compiled(inline=True, keep=False)(membrane_step)
_RING = 64


@compiled(fastmath=True, part=True)
def _from_table(table: F, lag: int, weight: np.float32) -> np.float32:
    """Return the increment at a lag and a weight in [0, 1], linear between the weights of the
    table's grid (even over √w)."""
    last = table.shape[1] - 1
    left = min(max(np.int64(np.sqrt(weight) * np.float32(last)), 0), last - 1)
    share = (weight * np.float32(last * last) - np.float32(left * left)) / np.float32(2 * left + 1)
    row = min(lag, table.shape[0] - 1)
    return table[row, left] + share * (table[row, left + 1] - table[row, left])


@compiled(fastmath=True, inline=True)
def _stepped(change: np.float32, step: np.float32, words: NDArray[np.uint64]) -> np.float32:
    """Return 0 or one level step, with the mean of `change` (stochastic rounding)."""
    size = abs(change) / step
    whole = np.floor(size)
    if uniform(words) < size - whole:
        whole += 1.0
    return np.float32(whole * step) if change > 0 else np.float32(-whole * step)


@compiled(fastmath=True)
def _potentiate(
    kind: int,
    words: NDArray[np.uint64],
    weight: F,
    read_weight: F,
    scale: np.float32,
    neuron: int,
    step: int,
    fired_inputs: NDArray[np.int32],
    count: int,
    last_in: NDArray[np.int32],
    trace: F,
    rates: F,
    table: F,
    wired: Wired | None,
    nonideal: NonidealCells | None,
) -> float:
    """Potentiate the synapses of a neuron that just fired; return the change of its column sum."""
    if wired is not None and wired.writes:
        return set_column(wired, weight, read_weight, neuron, step, fired_inputs, count, last_in)
    total = 0.0
    rate, level, one = rates[0], rates[2], np.float32(1.0)
    for m in range(count):
        i = fired_inputs[m]
        lag = step - last_in[i]
        w = weight[i, neuron]
        if kind == TABLE:
            new = min(w + _from_table(table, lag, w), one)
        elif kind == LAST_SPIKE:
            new = min(max(w + table[min(lag, table.shape[0] - 1), 0], np.float32(0.0)), one)
        else:
            change = rate * trace[lag] * max(one - scale * w, np.float32(0.0)) / scale
            new = w + change if kind == IDEAL else min(w + _stepped(change, level, words), one)
        if nonideal is not None:
            new = min(
                max(moved(nonideal, words, i, neuron, w, new, kind == LEVELS), np.float32(0.0)), one
            )
        weight[i, neuron] = new
        total += new - w
        if wired is not None:
            note(wired, read_weight, i, neuron, new - w)
    return total


@compiled(fastmath=True)
def _winner(v: F, threshold: F) -> int:
    """Return the neuron that is furthest above its threshold, −1 if none is."""
    winner, best = -1, np.float32(0.0)
    for j in range(v.size):
        margin = v[j] - threshold[j]
        if margin > best:
            best = margin
            winner = j
    return winner


@compiled(fastmath=True)
def _inhibit(v: F, inhibitory: F, winner: int, physics: F) -> None:
    """Reset the winner and inhibit all others."""
    v[winner] = physics[6]
    spared, more = inhibitory[winner], physics[7]
    for j in range(v.size):
        inhibitory[j] += more
    inhibitory[winner] = spared


@compiled
def _light(
    image: NDArray[np.uint8],
    events_at_full: float,
    active: NDArray[np.int32],
    cut: NDArray[np.uint32],
    other: NDArray[np.int32],
    ladder: Any,
) -> int:
    """Prepare the draws of input events for an image; return how many inputs are not dark."""
    weights, count = np.empty(image.size), 0
    for i in range(image.size):
        if image[i] > 0:
            active[count] = i
            weights[count] = image[i]
            count += 1
    if count > 0:
        poisson_ladder(alias_table(weights, count, cut, other) / 255.0 * events_at_full, ladder)
    return count


@compiled
def _rest(
    last_out: NDArray[np.int32],
    last_in: NDArray[np.int32],
    counts: NDArray[np.int32],
    inputs_seen: NDArray[np.int32],
    work: F,
    rest: float,
) -> None:
    """Put everything that lasts for one presentation to its start."""
    last_out[:], last_in[:], counts[:], inputs_seen[:] = -1, -1, 0, 0
    work[0, :], work[1, :], work[2, :] = 0.0, 0.0, rest


@compiled(fastmath=True)
def _silence(
    v: F, threshold: F, ring: NDArray[np.int32], oldest: int, newest: int, reset: np.float32
) -> int:
    """Hold neurons in their refractory time at the reset voltage; return how many of them were
    above their thresholds."""
    held = 0
    for k in range(oldest, newest):
        j = ring[k % _RING]
        held += np.int32(v[j] > threshold[j])
        v[j] = reset
    return held


@compiled
def _all_seen(seen: NDArray[np.int32], last_in: NDArray[np.int32], lags: int) -> int:
    """Take every input for seen, long ago (an output spike concerns the silent ones too); return
    their number."""
    for i in range(seen.size):
        seen[i], last_in[i] = i, -lags
    return seen.size


@compiled(fastmath=True, part=True)
def _hear(excitation: F, read_weight: F, rows: NDArray[np.int32], heard: int) -> None:
    """Add the rows of all inputs that fired, three at a time: the sums are loaded and stored once
    for them."""
    n = 0
    while n < heard - 2:
        a, b, c = rows[n], rows[n + 1], rows[n + 2]
        for j in range(excitation.size):
            excitation[j] = (
                excitation[j] + read_weight[a, j] + read_weight[b, j] + read_weight[c, j]
            )
        n += 3
    if n == heard - 2:
        a, b = rows[n], rows[n + 1]
        for j in range(excitation.size):
            excitation[j] = excitation[j] + read_weight[a, j] + read_weight[b, j]
    elif n == heard - 1:
        a = rows[n]
        for j in range(excitation.size):
            excitation[j] += read_weight[a, j]


@compiled(fastmath=True, part=True)
def _depress(
    kind: int,
    words: NDArray[np.uint64],
    weight: F,
    read_weight: F,
    column_sum: NDArray[np.float64],
    i: int,
    step: int,
    fired: NDArray[np.int32],
    n_fired: int,
    last_out: NDArray[np.int32],
    trace: F,
    rates: F,
    table: F,
    wired: Wired | None,
    nonideal: NonidealCells | None,
) -> None:
    """Depress the synapses of an input that just fired, to the neurons that have fired."""
    rate, level, zero = rates[1], rates[2], np.float32(0.0)
    for m in range(n_fired):
        j = fired[m]
        w = weight[i, j]
        lag = step - last_out[j]
        if kind == TABLE:
            new = max(w + _from_table(table, lag, w), zero)
        elif kind == IDEAL:
            new = w - rate * trace[lag] * w
        else:
            new = max(w + _stepped(-rate * trace[lag] * w, level, words), zero)
        if nonideal is not None:
            new = min(
                max(moved(nonideal, words, i, j, w, new, kind == LEVELS), zero), np.float32(1.0)
            )
        weight[i, j] = new
        column_sum[j] += new - w
        if wired is not None:
            note(wired, read_weight, i, j, new - w)


@compiled(fastmath=True, part=True)
def _move(
    v: F,
    excitation: F,
    inhibitory: F,
    scale: F,
    threshold: F,
    share: np.float32,
    rest: np.float32,
    e_exc: np.float32,
    e_inh: np.float32,
    decay_e: np.float32,
    decay_i: np.float32,
) -> int:
    """Move all membranes by a step; return how many end above their thresholds."""
    above = 0
    for j in range(v.size):
        x = _membrane(v[j], scale[j] * excitation[j], inhibitory[j], share, rest, e_exc, e_inh)
        v[j] = x
        excitation[j] *= decay_e
        inhibitory[j] *= decay_i
        above += np.int32(x > threshold[j])
    return above


@compiled(fastmath=True)
def present(
    words: NDArray[np.uint64],
    image: NDArray[np.uint8],
    events_at_full: float,
    steps: int,
    weight: F,
    read_weight: F,
    scale: F,
    column_sum: NDArray[np.float64],
    threshold: F,
    counts: NDArray[np.int32],
    inputs_seen: NDArray[np.int32],
    physics: F,
    trace: F,
    rates: F,
    up: F,
    down: F,
    kind: int,
    learn: bool,
    work: F,
    stamps: NDArray[np.int32],
    wired: Wired | None,
    nonideal: NonidealCells | None,
) -> tuple[int, int, int]:
    """Show one image.

    Its parts are compiled as `part`: as functions of their own they cost three times the work, in
    counted references and in scratch vectors that could overlap for all the compiler knows. What
    still stands in the loop makes arrays (wires) or was slower apart.

    Parameters
    ----------
    words : (4,) generator state, moved on
    image : (inputs,) grey levels
    events_at_full : float
        Mean events a step of an input at grey level 255.
    weight, read_weight : (inputs, neurons)
        What is written, and what is read: the same array unless wires stand between.
    scale, column_sum, threshold : (neurons,)
        Column factors, Σ_i weight, and firing thresholds in millivolt (moved on when learning).
    counts : (neurons,), inputs_seen : (inputs,)
        Spikes of this presentation, written.
    physics : (share, rest, E_e, E_i, decay_e, decay_i, reset, inhibition, theta step, refractory steps)
    trace : (steps + 1,) exp(-lag Δt/τ)
    rates : (potentiation, depression, level step)
    up, down : (lags, grid) increments of a device, used by kind TABLE; LAST_SPIKE takes up[lag, 0], the last row for all longer lags
    kind : IDEAL, TABLE, LEVELS or LAST_SPIKE
    learn : bool
    work : (3, neurons), stamps : (neurons + 2·inputs,) scratch
    wired : Wired or None
        The arrays, where their wires count; only with `learn`.
    nonideal : NonidealCells or None
        What is wrong with the cells.

    Returns
    -------
    spikes, input_events, cells_written : int
    """
    inputs, neurons = weight.shape
    excitation, inhibitory, v = work[0], work[1], work[2]
    share, rest, e_exc, e_inh, decay_e, decay_i = (
        physics[0],
        physics[1],
        physics[2],
        physics[3],
        physics[4],
        physics[5],
    )
    last_out, last_in, seen = (
        stamps[:neurons],
        stamps[neurons : neurons + inputs],
        stamps[neurons + inputs :],
    )
    _rest(last_out, last_in, counts, inputs_seen, work, physics[1])
    active, cut, other = (
        np.empty(inputs, np.int32),
        np.empty(inputs, np.uint32),
        np.empty(inputs, np.int32),
    )
    ladder, rows = np.empty(MOST_EVENTS), np.empty(MOST_EVENTS, np.int32)
    n_active = _light(image, events_at_full, active, cut, other, ladder)
    if n_active == 0:
        return 0, 0, 0
    fired, ring, ring_until = (
        np.empty(neurons, np.int32),
        np.empty(_RING, np.int32),
        np.empty(_RING, np.int64),
    )
    reset, theta_step, refractory = physics[6], physics[8], np.int64(physics[9])
    n_seen = _all_seen(seen, last_in, up.shape[0]) if learn and kind == LAST_SPIKE else 0
    n_fired, oldest, newest, spikes, events, written = 0, 0, 0, 0, 0, 0
    for step in range(steps):
        if wired is not None:
            keep_fresh(wired, read_weight)
        heard = count_events(words, ladder)
        events += heard
        for n in range(heard):
            rows[n] = active[choose(words, n_active, cut, other)]
        if nonideal is not None and nonideal.noise.size > 0:
            hear_noisily(nonideal, words, excitation, read_weight, rows, heard)
        else:
            _hear(excitation, read_weight, rows, heard)
        for n in range(heard):
            i = rows[n]
            inputs_seen[i] += 1
            if learn:
                if last_in[i] < 0 and n_seen < inputs:
                    seen[n_seen] = i
                    n_seen += 1
                if kind != LAST_SPIKE:
                    if wired is not None and wired.writes:
                        reset_row(
                            wired,
                            weight,
                            read_weight,
                            column_sum,
                            i,
                            step,
                            fired,
                            n_fired,
                            last_out,
                        )
                    else:
                        _depress(
                            kind,
                            words,
                            weight,
                            read_weight,
                            column_sum,
                            i,
                            step,
                            fired,
                            n_fired,
                            last_out,
                            trace,
                            rates,
                            down,
                            wired,
                            nonideal,
                        )
                    written += n_fired
            last_in[i] = step
        above = _move(
            v, excitation, inhibitory, scale, threshold, share, rest, e_exc, e_inh, decay_e, decay_i
        )
        while oldest < newest and ring_until[oldest % _RING] <= step:
            oldest += 1
        if above - _silence(v, threshold, ring, oldest, newest, reset) <= 0:
            continue
        winner = _winner(v, threshold)
        if winner < 0:
            continue
        spikes += 1
        counts[winner] += 1
        _inhibit(v, inhibitory, winner, physics)
        if refractory > 0:
            ring[newest % _RING], ring_until[newest % _RING] = winner, step + refractory
            newest += 1
        if learn:
            threshold[winner] += theta_step
            if last_out[winner] < 0:
                fired[n_fired] = winner
                n_fired += 1
            column_sum[winner] += _potentiate(
                kind,
                words,
                weight,
                read_weight,
                scale[winner],
                winner,
                step,
                seen,
                n_seen,
                last_in,
                trace,
                rates,
                up,
                wired,
                nonideal,
            )
            written += n_seen
        last_out[winner] = step
    return spikes, events, written
