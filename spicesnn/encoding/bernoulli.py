# mypy: disable-error-code="no-any-return,return-value,assignment,arg-type,type-var"
"""Compiled Bernoulli input spikes: in every time step each input spikes with a probability that is
proportional to its value.

One draw an input above 0 and step, in the order sample, step, input; the same seed gives the same
spikes to whatever shows them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.encoding.events import draw
from spicesnn.jit import compiled

_U = np.uint64


@compiled
def chances(
    values: Floats, probability: float, active: NDArray[np.int32], chance: NDArray[np.uint64]
) -> int:
    """Prepare the draws of one sample.

    Parameters
    ----------
    values : (inputs,)
        From 0 to 1.
    probability : float
        Of a spike in a step at value 1, taken in single precision.
    active, chance : (inputs,)
        Written: the inputs above 0, and for each the number of 2³² draws that are spikes.

    Returns
    -------
    int
        How many inputs are above 0.
    """
    count, single = 0, np.float64(np.float32(probability))
    for i in range(values.size):
        if values[i] > 0.0:
            active[count] = i
            chance[count] = _U(single * values[i] * 4294967296.0)
            count += 1
    return count


@compiled(part=True)
def spikes_of_step(
    words: NDArray[np.uint64],
    count: int,
    active: NDArray[np.int32],
    chance: NDArray[np.uint64],
    spiking: NDArray[np.int32],
) -> int:
    """Draw one step: write the inputs that spike to `spiking`, return how many they are."""
    heard = 0
    for m in range(count):
        spiking[heard] = active[m]
        heard += np.int64((draw(words) >> _U(32)) < chance[m])
    return heard


@compiled
def bernoulli(
    words: NDArray[np.uint64], values: Floats, probability: float, spikes: Floats
) -> None:
    """Draw the spikes of whole samples.

    Parameters
    ----------
    words : (4,)
        State of the generator, moved on (`spicesnn.encoding.events.seed_words`).
    values : (n, inputs)
        From 0 to 1.
    probability : float
        Of a spike in a step at value 1.
    spikes : (n, steps, inputs)
        Written, 0 and 1.
    """
    inputs = values.shape[1]
    active, spiking = np.empty(inputs, np.int32), np.empty(inputs + 1, np.int32)
    chance = np.empty(inputs, np.uint64)
    spikes[:] = 0.0
    for q in range(values.shape[0]):
        count = chances(values[q], probability, active, chance)
        for step in range(spikes.shape[1]):
            heard = spikes_of_step(words, count, active, chance, spiking)
            for n in range(heard):
                spikes[q, step, spiking[n]] = 1.0
