# mypy: disable-error-code="no-any-return,return-value,assignment,arg-type,type-var"
"""One image shown to the network: the compiled inner loop.

Per time step: input events add rows of the weight matrix to the excitatory conductances (and depress the synapses of
neurons that have fired in this presentation); all membranes move; at most one neuron fires, the one furthest above its
threshold, which inhibits the others and potentiates its synapses from the inputs that have fired. Traces are functions of
the lag since the last spike (capped at 1), so they are a table. Weights are `scale[j] * weight[i, j]`: the normalisation of
a column is one number, exact, and folded into the weights when it has wandered.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spicesnn.compiled import compiled
from spicesnn.encoding.events import MOST_EVENTS, alias_table, choose, count_events, poisson_ladder, uniform
from spicesnn.neurons.conductance_lif import membrane_step

F = NDArray[np.float32]
IDEAL, TABLE, LEVELS = 0, 1, 2
"""How a synapse answers: soft-bound ideal, increments from a device's table, stochastic steps between discrete levels."""

_membrane = compiled(inline=True, keep=False)(membrane_step)
_RING = 64


@compiled(fastmath=True)
def _from_table(table: F, lag: int, weight: np.float32) -> np.float32:
    """Return the increment at a lag and a weight in [0, 1], linear between the weights of the table's grid."""
    last = table.shape[1] - 1
    place = weight * np.float32(last)
    left = min(max(np.int64(place), 0), last - 1)
    share = place - np.float32(left)
    row = min(lag, table.shape[0] - 1)
    return table[row, left] + share * (table[row, left + 1] - table[row, left])


@compiled(fastmath=True)
def _stepped(change: np.float32, step: np.float32, words: NDArray[np.uint64]) -> np.float32:
    """Return 0 or one level step, with the mean of `change` (stochastic rounding)."""
    size = abs(change) / step
    whole = np.floor(size)
    if uniform(words) < size - whole:
        whole += 1.0
    return np.float32(whole * step) if change > 0 else np.float32(-whole * step)


@compiled(fastmath=True)
def _potentiate(
    kind: int, words: NDArray[np.uint64], weight: F, scale: np.float32, neuron: int, step: int, fired_inputs: NDArray[np.int32], count: int,
    last_in: NDArray[np.int32], trace: F, rate: np.float32, table: F, level: np.float32,
) -> float:  # fmt: skip
    """Potentiate the synapses of a neuron that just fired; return the change of its column sum."""
    total = 0.0
    one = np.float32(1.0)
    for m in range(count):
        i = fired_inputs[m]
        lag = step - last_in[i]
        w = weight[i, neuron]
        if kind == TABLE:
            new = min(w + _from_table(table, lag, w), one)
        else:
            change = rate * trace[lag] * max(one - scale * w, np.float32(0.0)) / scale
            new = w + change if kind == IDEAL else min(w + _stepped(change, level, words), one)
        weight[i, neuron] = new
        total += new - w
    return total


@compiled(fastmath=True)
def present(
    words: NDArray[np.uint64], image: NDArray[np.uint8], events_at_full: float, steps: int, weight: F, read_weight: F, scale: F,
    column_sum: NDArray[np.float64], threshold: F, counts: NDArray[np.int32], inputs_seen: NDArray[np.int32], physics: F, trace: F, rates: F,
    up: F, down: F, kind: int, learn: bool, work: F, stamps: NDArray[np.int32],
) -> tuple[int, int, int]:  # fmt: skip
    """Show one image.

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
    up, down : (lags, grid) increments of a device; used by kind TABLE
    kind : IDEAL, TABLE or LEVELS
    learn : bool
    work : (3, neurons), stamps : (neurons + 2·inputs,) scratch

    Returns
    -------
    spikes, input_events, cells_written : int
    """
    inputs, neurons = weight.shape
    share, rest, e_exc, e_inh, decay_e, decay_i, reset, inhibition, theta_step = (
        physics[0], physics[1], physics[2], physics[3], physics[4], physics[5], physics[6], physics[7], physics[8],
    )  # fmt: skip
    refractory = np.int64(physics[9])
    potentiation, depression, level = rates[0], rates[1], rates[2]
    excitation, inhibitory, v = work[0], work[1], work[2]
    last_out, last_in, seen = stamps[:neurons], stamps[neurons : neurons + inputs], stamps[neurons + inputs :]

    active, weights = np.empty(inputs, np.int32), np.empty(inputs)
    n_active = 0
    for i in range(inputs):
        last_in[i] = -1
        inputs_seen[i] = 0
        if image[i] > 0:
            active[n_active] = i
            weights[n_active] = image[i]
            n_active += 1
    for j in range(neurons):
        last_out[j] = -1
        counts[j] = 0
        v[j] = rest
        excitation[j] = np.float32(0.0)
        inhibitory[j] = np.float32(0.0)
    if n_active == 0:
        return 0, 0, 0
    cut, other = np.empty(n_active, np.uint32), np.empty(n_active, np.int32)
    mean = alias_table(weights, n_active, cut, other) / 255.0 * events_at_full
    ladder = np.empty(MOST_EVENTS)
    poisson_ladder(mean, ladder)

    fired = np.empty(neurons, np.int32)
    ring, ring_until = np.empty(_RING, np.int32), np.empty(_RING, np.int64)
    n_seen, n_fired, oldest, newest, spikes, events, written = 0, 0, 0, 0, 0, 0, 0
    for step in range(steps):
        for _ in range(count_events(words, ladder)):
            i = active[choose(words, n_active, cut, other)]
            events += 1
            inputs_seen[i] += 1
            for j in range(neurons):
                excitation[j] += read_weight[i, j]
            if learn:
                if last_in[i] < 0:
                    seen[n_seen] = i
                    n_seen += 1
                for m in range(n_fired):
                    j = fired[m]
                    w = weight[i, j]
                    lag = step - last_out[j]
                    if kind == TABLE:
                        new = max(w + _from_table(down, lag, w), np.float32(0.0))
                    elif kind == IDEAL:
                        new = w - depression * trace[lag] * w
                    else:
                        new = max(w + _stepped(-depression * trace[lag] * w, level, words), np.float32(0.0))
                    weight[i, j] = new
                    column_sum[j] += new - w
                written += n_fired
            last_in[i] = step

        above = 0
        for j in range(neurons):
            x = _membrane(v[j], scale[j] * excitation[j], inhibitory[j], share, rest, e_exc, e_inh)
            v[j] = x
            excitation[j] *= decay_e
            inhibitory[j] *= decay_i
            above += np.int32(x > threshold[j])
        while oldest < newest and ring_until[oldest % _RING] <= step:
            oldest += 1
        for k in range(oldest, newest):
            j = ring[k % _RING]
            above -= np.int32(v[j] > threshold[j])
            v[j] = reset
        if above <= 0:
            continue

        winner, best = -1, np.float32(0.0)
        for j in range(neurons):
            margin = v[j] - threshold[j]
            if margin > best:
                best = margin
                winner = j
        if winner < 0:
            continue
        counts[winner] += 1
        spikes += 1
        v[winner] = reset
        if refractory > 0:
            ring[newest % _RING] = winner
            ring_until[newest % _RING] = step + refractory
            newest += 1
        spared = inhibitory[winner]
        for j in range(neurons):
            inhibitory[j] += inhibition
        inhibitory[winner] = spared
        if learn:
            threshold[winner] += theta_step
            if last_out[winner] < 0:
                fired[n_fired] = winner
                n_fired += 1
            column_sum[winner] += _potentiate(
                kind, words, weight, scale[winner], winner, step, seen, n_seen, last_in, trace, potentiation, up, level
            )
            written += n_seen
        last_out[winner] = step
    return spikes, events, written
