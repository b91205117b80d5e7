"""Who answered, and was it right. A tie is wrong, and so is silence."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats

NOBODY = -1
"""The answer when no neuron, or more than one, is first."""


def first_to_spike(times: Floats, resolution_s: float = 0.0) -> NDArray[np.int64]:
    """Return which neuron spikes first, `NOBODY` where all are silent or the first two are not
    `resolution_s` apart.

    Parameters
    ----------
    times : (n, outputs)
        First spike of each neuron, second, ``inf`` for silence.

    Returns
    -------
    (n,) int
    """
    return _single_best(-times, resolution_s)


def most_spikes(counts: NDArray[np.int64], among_equals: Floats | None = None) -> NDArray[np.int64]:
    """Return which neuron spikes most, `NOBODY` where none spikes or several share the largest
    count.

    Parameters
    ----------
    counts : (n, outputs)
    among_equals : (n, outputs), optional
        Of neurons that share the largest count, the one where this is largest.
    """
    scores = np.where(counts > 0, counts, -np.inf)
    if among_equals is None:
        return _single_best(scores, 0.0)
    best = scores.max(axis=1, keepdims=True)
    return _single_best(np.where((scores == best) & np.isfinite(best), among_equals, -np.inf), 0.0)


def largest(values: Floats) -> NDArray[np.int64]:
    """Return which output is largest, `NOBODY` where two are; values are (n, outputs)."""
    return _single_best(values, 0.0)


def _single_best(scores: Floats, resolution: float) -> NDArray[np.int64]:
    """Return the index of the largest score where it is finite and more than `resolution` above the
    next."""
    best = scores.argmax(axis=1)
    if scores.shape[1] == 1:
        return np.where(np.isfinite(scores[:, 0]), 0, NOBODY).astype(np.int64)
    first, second = -np.partition(-scores, 1, axis=1)[:, :2].T
    with np.errstate(invalid="ignore"):
        clear = np.isfinite(first) & (first - second > resolution)
    return np.where(clear, best, NOBODY).astype(np.int64)


def accuracy(predicted: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    """Return the share of samples whose one answer is the label."""
    return float(np.mean((predicted == labels) & (predicted != NOBODY))) if len(labels) else 0.0


def confusion(
    predicted: NDArray[np.int64], labels: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """Return counts (classes, classes + 1): row is the label, column the answer, the last column
    ties and silence."""
    table = np.zeros((classes, classes + 1), dtype=np.int64)
    np.add.at(table, (labels, np.where(predicted == NOBODY, classes, predicted)), 1)
    return table


def interval(share: float, count: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a share measured on `count` samples (Wilson, J. Am.
    Stat. Assoc. 22, 209, 1927)."""
    if count < 1:
        return 0.0, 1.0
    z = 1.959963984540054
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = (
        z
        / (1 + z * z / count)
        * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    )
    return max(0.0, min(share, centre - half)), min(
        1.0, max(share, centre + half)
    )  # rounding must not leave the share outside
