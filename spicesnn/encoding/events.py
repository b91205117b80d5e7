# mypy: disable-error-code="no-any-return,return-value,assignment,arg-type,type-var"
"""Compiled Poisson input events: which inputs spike in a time step, at a cost that grows with the
spikes and not with the inputs.

The superposition of independent Poisson processes is one Poisson process whose events fall on
process i with probability rate_i / Σ rate: per step one draw of the number of events, per event one
draw of the input (Walker's alias method, ACM TOMS 3(3), 253, 1977). The generator is xoshiro256++
(Blackman and Vigna, ACM TOMS 47(4), 36, 2021), its state handed in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spicesnn.jit import compiled

_U = np.uint64
MOST_EVENTS = 64
"""Events in one step at the most."""
HIGHEST_MEAN = 32.0
"""Events in one step that may be expected: more than `MOST_EVENTS` are then drawn once in 10⁷
steps."""
_GREY = 255.0
"""Images are whole numbers times this: their sums are exact, in any order."""


def seed_words(rng: np.random.Generator) -> NDArray[np.uint64]:
    """Return a fresh generator state of four 64-bit words drawn from `rng`."""
    return rng.integers(1, 2**63, size=4, dtype=np.int64).astype(np.uint64)


@compiled
def draw(words: NDArray[np.uint64]) -> np.uint64:
    """Return 64 random bits and move the state on (xoshiro256++)."""
    total = words[0] + words[3]
    result = ((total << _U(23)) | (total >> _U(41))) + words[0]
    shifted = words[1] << _U(17)
    words[2] ^= words[0]
    words[3] ^= words[1]
    words[1] ^= words[2]
    words[0] ^= words[3]
    words[2] ^= shifted
    words[3] = (words[3] << _U(45)) | (words[3] >> _U(19))
    return result


@compiled
def uniform(words: NDArray[np.uint64]) -> float:
    """Return a float in [0, 1) with 53 random bits."""
    return (draw(words) >> _U(11)) * (1.0 / 9007199254740992.0)


@compiled
def alias_table(
    weights: NDArray[np.float64],
    count: int,
    threshold: NDArray[np.uint32],
    other: NDArray[np.int32],
) -> float:
    """Fill Walker's table for the first `count` weights (all above 0) and return their sum."""
    total = 0.0
    for i in range(count):
        total += weights[i]
    share = np.empty(count)
    small, large = np.empty(count, np.int32), np.empty(count, np.int32)
    n_small, n_large = 0, 0
    for i in range(count):
        share[i] = weights[i] * count / total
        if share[i] < 1.0:
            small[n_small] = i
            n_small += 1
        else:
            large[n_large] = i
            n_large += 1
    while n_small > 0 and n_large > 0:
        n_small -= 1
        a, b = small[n_small], large[n_large - 1]
        threshold[a] = np.uint32(min(share[a] * 4294967296.0, 4294967295.0))
        other[a] = b
        share[b] -= 1.0 - share[a]
        if share[b] < 1.0:
            n_large -= 1
            small[n_small] = b
            n_small += 1
    for rest, left in ((large, n_large), (small, n_small)):
        for k in range(left):
            threshold[rest[k]] = np.uint32(4294967295)
            other[rest[k]] = rest[k]
    return total


@compiled
def choose(
    words: NDArray[np.uint64], count: int, threshold: NDArray[np.uint32], other: NDArray[np.int32]
) -> int:
    """Return one index below `count`, distributed as the table's weights."""
    bits = draw(words)
    index = np.int32(((bits >> _U(32)) * _U(count)) >> _U(32))
    return index if np.uint32(bits & _U(0xFFFFFFFF)) < threshold[index] else other[index]


@compiled
def poisson_ladder(mean: float, ladder: NDArray[np.float64]) -> None:
    """Fill the cumulative Poisson distribution of a mean; the last rung is 1."""
    p = np.exp(-mean)
    total = p
    for k in range(ladder.size):
        ladder[k] = total
        p *= mean / (k + 1)
        total += p
    ladder[-1] = 1.0


@compiled
def count_events(words: NDArray[np.uint64], ladder: NDArray[np.float64]) -> int:
    """Return the number of events in one step."""
    u = uniform(words)
    k = 0
    while u > ladder[k] and k < ladder.size - 1:
        k += 1
    return k


@compiled
def lit(
    values: NDArray[np.float64],
    mean: float,
    active: NDArray[np.int32],
    threshold: NDArray[np.uint32],
    other: NDArray[np.int32],
    ladder: NDArray[np.float64],
) -> int:
    """Prepare the draws of a sample's events.

    Parameters
    ----------
    values : (inputs,)
        From 0 to 1.
    mean : float
        Events in a step of an input of value 1.
    active, threshold, other : (inputs,), ladder : (`MOST_EVENTS`,)
        Written: the inputs above 0, Walker's table of them, and the distribution of the number of
        events in a step.

    Returns
    -------
    int
        How many inputs are above 0.
    """
    weights, count = np.empty(values.size), 0
    for i in range(values.size):
        if values[i] > 0.0:
            active[count] = i
            weights[count] = values[i] * _GREY
            count += 1
    if count > 0:
        total = alias_table(weights, count, threshold, other) / _GREY
        poisson_ladder(total * mean, ladder)
    return count


@compiled
def poisson_events(
    words: NDArray[np.uint64],
    values: NDArray[np.float64],
    mean: float,
    events: NDArray[np.float64],
) -> None:
    """Draw the events of whole samples.

    Parameters
    ----------
    words : (4,)
        State of the generator, moved on.
    values : (n, inputs)
        From 0 to 1.
    mean : float
        Events in a step of an input of value 1.
    events : (n, steps, inputs)
        Written: how many events of each input fall into each step.
    """
    inputs = values.shape[1]
    active, threshold = np.empty(inputs, np.int32), np.empty(inputs, np.uint32)
    other, ladder = np.empty(inputs, np.int32), np.empty(MOST_EVENTS)
    events[:] = 0.0
    for q in range(values.shape[0]):
        count = lit(values[q], mean, active, threshold, other, ladder)
        for step in range(events.shape[1] if count else 0):
            for _ in range(count_events(words, ladder)):
                events[q, step, active[choose(words, count, threshold, other)]] += 1.0
