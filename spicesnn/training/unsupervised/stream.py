# mypy: disable-error-code="no-any-return,return-value,assignment,arg-type,type-var"
"""Many images one after another: normalisation before each, more light for images that leave the
network too quiet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spicesnn.encoding.events import uniform
from spicesnn.engines.tiled.incremental import Wired, note
from spicesnn.jit import compiled
from spicesnn.nonidealities.compiled import NonidealCells, free_factor
from spicesnn.training.unsupervised.presentation import IDEAL, LEVELS, F, present

_SAMPLED = 64
"""Of so many images the charge of the reads is taken from the first: adding up weights for each
would cost more than to show it."""
LEVEL_SLACK = 1.1
"""A column of discrete levels is rewritten when its sum has moved by this factor."""


@compiled
def _relevelled(
    words: NDArray[np.uint64],
    factor: float,
    level: float,
    weight: F,
    neuron: int,
    nonideal: NonidealCells | None,
) -> tuple[float, int]:
    """Multiply a column by `factor`, rounding stochastically to levels; return its new sum and how
    many cells changed. Stuck ones stay."""
    total, changed = 0.0, 0
    top = np.float32(1.0)
    for i in range(weight.shape[0]):
        old = weight[i, neuron]
        steps = old * factor / level
        whole = np.floor(steps)
        if uniform(words) < steps - whole:
            whole += 1.0
        new = min(np.float32(whole * level), top)
        if nonideal is not None and nonideal.gain[i, neuron] == 0:
            new = old
        if abs(new - old) > 0.5 * level:
            weight[i, neuron] = new
            changed += 1
        total += weight[i, neuron]
    return total, changed


@compiled
def normalise(
    kind: int,
    target: float,
    weight: F,
    read_weight: F,
    scale: F,
    column_sum: NDArray[np.float64],
    words: NDArray[np.uint64],
    level: float,
    window: float,
    wired: Wired | None,
    nonideal: NonidealCells | None,
) -> int:
    """Bring every column to Σ_i scale·weight = `target`; return the number of cells written.

    Ideal synapses take the factor into `scale` and fold it into the weights once it has left [1/4,
    4]. Devices are rewritten, clipped to their range. Discrete levels are rewritten, with
    stochastic rounding, once the column has left `LEVEL_SLACK`, so that the top level stands for a
    weight of `window`; what is left is the gain of the neuron's input stage, `scale`. Cells behind
    wires are always rewritten, each until it conducts what it should, so that the wires make no
    difference to what is written; and so are arrays with non-idealities, whose stuck cells stay and
    whose other cells make up for them."""
    inputs, neurons = weight.shape
    written = 0
    for j in range(neurons):
        factor = target / max(column_sum[j], 1e-6)  # discrete levels can all be at 0
        if kind == LEVELS:
            wanted = factor / window
            if wanted * LEVEL_SLACK < 1.0 or wanted > LEVEL_SLACK:
                total, changed = _relevelled(words, wanted, level, weight, j, nonideal)
                column_sum[j] = max(total, level)
                written += changed
            scale[j] = target / column_sum[j]
        elif kind == IDEAL and wired is None and nonideal is None:
            scale[j] = factor
            if factor < 0.25 or factor > 4.0:
                total = 0.0
                for i in range(inputs):
                    weight[i, j] *= np.float32(factor)
                    total += weight[i, j]
                column_sum[j] = total
                scale[j] = target / total
        elif abs(factor - 1.0) > 1e-6:
            total = 0.0
            if nonideal is not None:
                factor = free_factor(nonideal, weight, j, target)
            for i in range(inputs):
                old = weight[i, j]
                new = min(old * np.float32(factor), np.float32(1.0))
                if nonideal is not None and nonideal.gain[i, j] == 0:
                    new = old
                weight[i, j] = new
                total += new
                if wired is not None:
                    note(wired, read_weight, i, j, new - old)
            column_sum[j] = total
            written += inputs
    return written


@compiled
def show_many(
    words: NDArray[np.uint64],
    images: NDArray[np.uint8],
    order: NDArray[np.int64],
    weight: F,
    read_weight: F,
    scale: F,
    column_sum: NDArray[np.float64],
    theta: F,
    theta_decay: float,
    threshold_mv: float,
    target: float,
    rate: float,
    boost: float,
    dt_s: float,
    steps: int,
    fewest: int,
    most_tries: int,
    physics: F,
    trace: F,
    rates: F,
    up: F,
    down: F,
    kind: int,
    window: float,
    learn: bool,
    wired: Wired | None,
    nonideal: NonidealCells | None,
    responses: NDArray[np.int16],
    totals: NDArray[np.float64],
) -> None:
    """Show `images[order]`; write the spike counts to `responses` (images, neurons).

    With `wired`, what is read lags behind what is written by no more than it allows. `totals` takes
    up, summed over all of them: presentations, output spikes, input events, cells written by
    learning, cells written by normalisation, Σ of read weights over all input events (the charge
    that reads cost, from every 64th image)."""
    inputs, neurons = weight.shape
    counts, seen = np.zeros(neurons, np.int32), np.zeros(inputs, np.int32)
    work, stamps = np.zeros((3, neurons), np.float32), np.zeros(neurons + 2 * inputs, np.int32)
    threshold = np.empty(neurons, np.float32)
    for q in range(order.size):
        shown = rate
        for _ in range(most_tries):
            if learn:
                totals[4] += normalise(
                    kind,
                    target,
                    weight,
                    read_weight,
                    scale,
                    column_sum,
                    words,
                    rates[2],
                    window,
                    wired,
                    nonideal,
                )
            for j in range(neurons):
                threshold[j] = np.float32(threshold_mv) + theta[j]
            spikes, events, written = present(
                words,
                images[order[q]],
                shown * dt_s,
                steps,
                weight,
                read_weight,
                scale,
                column_sum,
                threshold,
                counts,
                seen,
                physics,
                trace,
                rates,
                up,
                down,
                kind,
                learn,
                work,
                stamps,
                wired,
                nonideal,
            )
            if learn:
                for j in range(neurons):
                    theta[j] = (threshold[j] - np.float32(threshold_mv)) * np.float32(theta_decay)
            totals[0] += 1
            totals[1] += spikes
            totals[2] += events
            totals[3] += written
            if q % _SAMPLED == 0:
                for i in range(inputs):
                    if seen[i] > 0:
                        row = 0.0
                        for j in range(neurons):
                            row += scale[j] * read_weight[i, j]
                        totals[5] += min(_SAMPLED, order.size - q) * seen[i] * row
            if spikes >= fewest:
                break
            shown += boost
        for j in range(neurons):
            responses[q, j] = counts[j]
