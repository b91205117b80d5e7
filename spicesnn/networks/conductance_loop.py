# mypy: disable-error-code="no-any-return,return-value,assignment,arg-type,type-var"
"""The compiled loop over whole samples of competing conductance-based neurons behind Poisson inputs:
events, membranes, spikes, and what they change.

The membrane is `neurons.conductance_lif.membrane_step`, the events are those of `encoding.events`;
all is in single precision, membranes in millivolt. A weight in the loop is a fraction of the largest
one, times a factor of its neuron.

An input's event is heard first, then lowers the weights to the neurons that have spiked; the spike
of a neuron raises those of the inputs that it has heard of, or, by last spikes, changes them all.
Before each sample the columns are brought to their sum."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.encoding.events import MOST_EVENTS, choose, count_events, lit
from spicesnn.engines.tiled.incremental import Wired, any_stale, keep_fresh, reset_row
from spicesnn.jit import compiled
from spicesnn.networks.conductance_plasticity import (
    IDEAL,
    LAST_SPIKE,
    F,
    Plasticity,
    Weights,
    lower,
    normalise,
    raised,
)
from spicesnn.neurons.conductance_lif import ConductanceStep, membrane_step
from spicesnn.nonidealities.compiled import NonidealCells, hear_noisily

Counted: TypeAlias = NDArray[np.int16]
PRESENTATIONS, SPIKES, EVENTS, WRITES, LEVELLED, MET = range(6)
"""What `show_samples` adds up: presentations, output spikes, input events, changes by learning, cells
rewritten to bring columns to their sum, and the weights that all events met, in fractions of the
largest."""
MOST_WAITING = 64
"""Time steps that a neuron can rest for after a spike."""
_SAMPLED = 64
"""Of so many samples the charge of the reads is taken from the first: adding up weights for each
would cost more than to show it."""
_membrane = compiled(inline=True, keep=False)(membrane_step)


class Light(NamedTuple):
    """How samples become events.

    Attributes
    ----------
    mean, boost : float
        Events in a step of an input of value 1, and what is added for each time that a sample is
        shown again.
    fewest : int
        Output spikes below which a sample is shown again.
    tries : int
        How often it is shown at most.
    steps : int
    """

    mean: float
    boost: float
    fewest: int
    tries: int
    steps: int


class Presented(NamedTuple):
    """What lasts for one presentation of a sample.

    Attributes
    ----------
    threshold : (neurons,)
        Millivolt, moved on when learning.
    counts, inputs_seen : (neurons,), (inputs,)
        Spikes, written.
    work : (3, neurons), stamps : (neurons + 2·inputs,)
        Scratch.
    """

    threshold: F
    counts: NDArray[np.int32]
    inputs_seen: NDArray[np.int32]
    work: F
    stamps: NDArray[np.int32]


class Sums(NamedTuple):
    """What is added up.

    Attributes
    ----------
    pulses : (neurons, inputs)
        Pulses of each cell, when learning.
    spent : (4,)
        Mean weights during changes at spikes of the neurons, added up (of a device), the number of
        these changes, and the same at spikes of the inputs.
    totals : (6,)
        See `PRESENTATIONS` and what follows.
    """

    pulses: NDArray[np.int32]
    spent: Floats
    totals: Floats


# -- membranes and spikes -------------------------------------------------------------------------


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
def _inhibit(v: F, inhibitory: F, winner: int, reset: np.float32, more: np.float32) -> None:
    """Reset the winner and inhibit all others."""
    v[winner] = reset
    spared = inhibitory[winner]
    for j in range(v.size):
        inhibitory[j] += more
    inhibitory[winner] = spared


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
        j = ring[k % MOST_WAITING]
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
    """Add the rows of all inputs that spike, three at a time: the sums are loaded and stored once
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


@compiled(part=True)
def _count_events(
    pulses: NDArray[np.int32], inputs_seen: NDArray[np.int32], times: np.int32
) -> None:
    """Add the events of all inputs to the pulses of a neuron's cells (inputs,), once, or −1 times
    where those up to now are not for them."""
    for i in range(pulses.size):
        pulses[i] += times * inputs_seen[i]


@compiled(part=True)
def _count_raised(pulses: NDArray[np.int32], inputs_seen: NDArray[np.int32]) -> None:
    """Add one pulse to each cell of a neuron (inputs,) whose input has spiked."""
    for i in range(pulses.size):
        pulses[i] += np.int32(inputs_seen[i] > 0)


@compiled(part=True)
def _count_all(pulses: NDArray[np.int32]) -> None:
    for i in range(pulses.size):
        pulses[i] += 1


@compiled(fastmath=True)
def present(
    words: NDArray[np.uint64],
    values: Floats,
    mean: float,
    steps: int,
    weights: Weights,
    by: ConductanceStep,
    rule: Plasticity,
    learn: bool,
    presented: Presented,
    sums: Sums,
    wired: Wired | None,
    nonideal: NonidealCells | None,
) -> tuple[int, int, int]:
    """Show one sample once.

    Its parts are compiled as `part`: as functions of their own they cost three times the work, in
    counted references and in scratch vectors that could overlap for all the compiler knows. What
    still stands in the loop makes arrays (wires) or was slower apart.

    Parameters
    ----------
    words : (4,) generator state, moved on
    values : (inputs,) from 0 to 1
    mean : float
        Events in a step of an input of value 1.
    steps : int
    weights : Weights
    by : ConductanceStep
    rule : Plasticity
    learn : bool
    presented : Presented
    sums : Sums
    wired : Wired or None
        The arrays, where their wires count; only with `learn`.
    nonideal : NonidealCells or None
        Non-idealities of the cells.

    Returns
    -------
    spikes, input_events, changes : int
    """
    weight, read_weight, scale, column_sum = weights
    threshold, counts, inputs_seen, work, stamps = presented
    pulses, spent = sums.pulses, sums.spent
    inputs, neurons = weight.shape
    excitation, inhibitory, v = work[0], work[1], work[2]
    last_out, last_in, seen = (
        stamps[:neurons],
        stamps[neurons : neurons + inputs],
        stamps[neurons + inputs :],
    )
    _rest(last_out, last_in, counts, inputs_seen, work, by.rest)
    active, cut, other = (
        np.empty(inputs, np.int32),
        np.empty(inputs, np.uint32),
        np.empty(inputs, np.int32),
    )
    ladder, rows = np.empty(MOST_EVENTS), np.empty(MOST_EVENTS, np.int32)
    n_active = lit(values, mean, active, cut, other, ladder)
    if n_active == 0:
        return 0, 0, 0
    fired, ring, ring_until = (
        np.empty(neurons, np.int32),
        np.empty(MOST_WAITING, np.int32),
        np.empty(MOST_WAITING, np.int64),
    )
    by_last = rule.kind == LAST_SPIKE
    n_seen = _all_seen(seen, last_in, rule.up.shape[0]) if learn and by_last else 0
    n_fired, oldest, newest, spikes, events, written = 0, 0, 0, 0, 0, 0
    for step in range(steps):
        if wired is not None and any_stale(wired):
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
                if not by_last:
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
                        lower(
                            rule,
                            words,
                            weights,
                            i,
                            step,
                            fired,
                            n_fired,
                            last_out,
                            spent,
                            wired,
                            nonideal,
                        )
                    written += n_fired
            last_in[i] = step
        above = _move(
            v,
            excitation,
            inhibitory,
            scale,
            threshold,
            by.share,
            by.rest,
            by.excitatory,
            by.inhibitory,
            by.decay_excitatory,
            by.decay_inhibitory,
        )
        while oldest < newest and ring_until[oldest % MOST_WAITING] <= step:
            oldest += 1
        if above - _silence(v, threshold, ring, oldest, newest, by.reset) <= 0:
            continue
        winner = _winner(v, threshold)
        if winner < 0:
            continue
        spikes += 1
        counts[winner] += 1
        _inhibit(v, inhibitory, winner, by.reset, by.inhibition)
        if by.refractory > 0:
            ring[newest % MOST_WAITING] = winner
            ring_until[newest % MOST_WAITING] = step + by.refractory
            newest += 1
        if learn:
            threshold[winner] += by.theta_step
            if last_out[winner] < 0:
                fired[n_fired] = winner
                n_fired += 1
                if not by_last:
                    _count_events(pulses[winner], inputs_seen, np.int32(-1))
            column_sum[winner] += raised(
                rule,
                words,
                weights,
                winner,
                step,
                seen,
                n_seen,
                last_in,
                spent,
                wired,
                nonideal,
            )
            if by_last:
                _count_all(pulses[winner])
            else:
                _count_raised(pulses[winner], inputs_seen)
            written += n_seen
        last_out[winner] = step
    if learn and not by_last:
        for m in range(n_fired):
            _count_events(pulses[fired[m]], inputs_seen, np.int32(1))
    return spikes, events, written


@compiled
def show_samples(
    words: NDArray[np.uint64],
    samples: Floats,
    light: Light,
    weights: Weights,
    theta: F,
    by: ConductanceStep,
    rule: Plasticity,
    learn: bool,
    wired: Wired | None,
    nonideal: NonidealCells | None,
    responses: Counted,
    sums: Sums,
) -> None:
    """Show samples one after another, those that too few spikes answer again and brighter; write the
    spike counts of their last presentations.

    Parameters
    ----------
    words : (4,) generator state, moved on
    samples : (n, inputs) from 0 to 1
    light : Light
    weights : Weights
        As fractions of the largest weight; the stored ones are moved on when learning. With
        `wired`, what is read lags behind what is written by no more than it allows.
    theta : (neurons,)
        What thresholds have gained, millivolt.
    by : ConductanceStep
    rule : Plasticity
    learn : bool
    wired : Wired or None
    nonideal : NonidealCells or None
    responses : (n, neurons)
        Written.
    sums : Sums
    """
    read_weight, scale, totals = weights.read, weights.scale, sums.totals
    inputs, neurons = read_weight.shape
    counts, seen = np.zeros(neurons, np.int32), np.zeros(inputs, np.int32)
    work, stamps = np.zeros((3, neurons), np.float32), np.zeros(neurons + 2 * inputs, np.int32)
    threshold, cells_alone = np.empty(neurons, np.float32), rule.kind != IDEAL
    presented = Presented(threshold, counts, seen, work, stamps)
    for q in range(samples.shape[0]):
        mean = light.mean
        for _ in range(light.tries):
            if learn and rule.target > 0:
                totals[LEVELLED] += normalise(rule, weights, words, wired, nonideal)
            for j in range(neurons):
                threshold[j] = by.threshold + theta[j]
            spikes, events, written = present(
                words,
                samples[q],
                mean,
                light.steps,
                weights,
                by,
                rule,
                learn,
                presented,
                sums,
                wired,
                nonideal,
            )
            if learn:
                for j in range(neurons):
                    theta[j] = (threshold[j] - by.threshold) * np.float32(by.theta_decay)
            totals[PRESENTATIONS] += 1
            totals[SPIKES] += spikes
            totals[EVENTS] += events
            totals[WRITES] += written
            if q % _SAMPLED == 0:
                for i in range(inputs):
                    if seen[i] > 0:
                        row = 0.0
                        for j in range(neurons):
                            held = rule.largest if cells_alone else np.float64(scale[j])
                            row += held * read_weight[i, j]
                        totals[MET] += min(_SAMPLED, samples.shape[0] - q) * seen[i] * row
            if spikes >= light.fewest:
                break
            mean += light.boost
        for j in range(neurons):
            responses[q, j] = counts[j]
