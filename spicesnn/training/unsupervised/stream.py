# mypy: disable-error-code="no-any-return,return-value,assignment,arg-type,type-var"
"""Many images one after another: normalisation before each, more light for images that leave the network too quiet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spicesnn.compiled import compiled
from spicesnn.training.unsupervised.presentation import IDEAL, LEVELS, F, present


@compiled
def normalise(kind: int, target: float, weight: F, scale: F, column_sum: NDArray[np.float64]) -> int:
    """Bring every column to Σ_i scale·weight = `target`; return the number of cells written.

    Ideal synapses and discrete levels take the factor into `scale` (for levels it is the gain of the neuron's input stage);
    ideal ones fold it into the weights once it has left [1/4, 4]. Devices are rewritten, clipped to their range.
    """
    inputs, neurons = weight.shape
    written = 0
    for j in range(neurons):
        factor = target / column_sum[j]
        if kind in (IDEAL, LEVELS):
            scale[j] = factor
            if kind == IDEAL and (factor < 0.25 or factor > 4.0):
                total = 0.0
                for i in range(inputs):
                    weight[i, j] *= np.float32(factor)
                    total += weight[i, j]
                column_sum[j] = total
                scale[j] = target / total
        elif abs(factor - 1.0) > 1e-6:
            total = 0.0
            for i in range(inputs):
                w = weight[i, j] * np.float32(factor)
                weight[i, j] = min(w, np.float32(1.0))
                total += weight[i, j]
            column_sum[j] = total
            written += inputs
    return written


@compiled
def show_many(
    words: NDArray[np.uint64], images: NDArray[np.uint8], order: NDArray[np.int64], weight: F, read_weight: F, scale: F,
    column_sum: NDArray[np.float64], theta: F, theta_decay: float, threshold_mv: float, target: float, rate: float, boost: float, dt_s: float,
    steps: int, fewest: int, most_tries: int, physics: F, trace: F, rates: F, up: F, down: F, kind: int, learn: bool,
    responses: NDArray[np.int16], totals: NDArray[np.float64],
) -> None:  # fmt: skip
    """Show `images[order]`; write the spike counts to `responses` (images, neurons).

    `totals` takes up, summed over all of them: presentations, output spikes, input events, cells written by learning, cells
    written by normalisation, Σ of read weights over all input events (the charge that reads cost).
    """
    inputs, neurons = weight.shape
    counts, seen = np.zeros(neurons, np.int32), np.zeros(inputs, np.int32)
    work, stamps = np.zeros((3, neurons), np.float32), np.zeros(neurons + 2 * inputs, np.int32)
    threshold = np.empty(neurons, np.float32)
    for q in range(order.size):
        shown = rate
        for _ in range(most_tries):
            if learn:
                totals[4] += normalise(kind, target, weight, scale, column_sum)
            for j in range(neurons):
                threshold[j] = np.float32(threshold_mv) + theta[j]
            spikes, events, written = present(
                words, images[order[q]], shown * dt_s, steps, weight, read_weight, scale, column_sum, threshold, counts, seen,
                physics, trace, rates, up, down, kind, learn, work, stamps,
            )  # fmt: skip
            if learn:
                for j in range(neurons):
                    theta[j] = (threshold[j] - np.float32(threshold_mv)) * np.float32(theta_decay)
            totals[0] += 1
            totals[1] += spikes
            totals[2] += events
            totals[3] += written
            if q % 64 == 0:
                for i in range(inputs):
                    if seen[i] > 0:
                        row = 0.0
                        for j in range(neurons):
                            row += scale[j] * read_weight[i, j]
                        totals[5] += 64.0 * seen[i] * row
            if spikes >= fewest:
                break
            shown += boost
        for j in range(neurons):
            responses[q, j] = counts[j]
