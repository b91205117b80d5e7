# mypy: disable-error-code="no-any-return,return-value,assignment,arg-type,type-var"
"""What spikes of inputs and of competing neurons change in compiled loops, by the kind of the cells
and behind wires; and how the weights of every neuron are brought to one sum.

A weight in the loop is a fraction of the largest one, times a factor of its neuron."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.encoding.events import uniform
from spicesnn.engines.tiled.incremental import Wired, note, set_column
from spicesnn.jit import compiled
from spicesnn.nonidealities.compiled import NonidealCells, free_factor, moved

F: TypeAlias = NDArray[np.float32]
IDEAL, TABLE, LEVELS, LAST_SPIKE = range(4)
"""How a cell answers: by the rule's change; by a device's, from a table; by steps between levels,
drawn so that their mean is right; or, at spikes of its neuron alone, by the lag of its input's last
spike."""


class Plasticity(NamedTuple):
    """What a rule asks for, and how cells answer.

    Attributes
    ----------
    kind : int
        IDEAL, TABLE, LEVELS or LAST_SPIKE.
    target : float
        Sum of the weights of each neuron before each sample; 0: as they are.
    largest : float
        Weight of a full cell.
    slack : float
        Factor by which the sum of a column of levels may be off before it is rewritten.
    bound : float
        Weight towards which the rule raises.
    rise, fall : float
        Of the rule, per spike at full trace.
    level : float
        Distance of two levels.
    trace : (steps + 1,)
        exp(−lag Δt/τ).
    up, down : (lags, grid)
        Changes of a cell of a device, by lag and by its weight, even over √w; LAST_SPIKE takes
        up[lag, 0], the last row for all longer lags.
    """

    kind: int
    target: float
    largest: float
    slack: float
    bound: np.float32
    rise: np.float32
    fall: np.float32
    level: np.float32
    trace: F
    up: F
    down: F


class Weights(NamedTuple):
    """The weights of a layer, moved on in place.

    Attributes
    ----------
    stored, read : (inputs, neurons)
        What is written, and what is read: the same array unless wires stand between.
    scale : (neurons,)
        Factors on the weights.
    column_sum : (neurons,)
        Σ_i stored.
    """

    stored: F
    read: F
    scale: F
    column_sum: Floats


# -- what spikes change ---------------------------------------------------------------------------


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
    """Return 0 or whole steps between levels, with the mean of `change` (stochastic rounding)."""
    size = abs(change) / step
    whole = np.floor(size)
    if uniform(words) < size - whole:
        whole += 1.0
    return np.float32(whole * step) if change > 0 else np.float32(-whole * step)


@compiled(fastmath=True)
def raised(
    rule: Plasticity,
    words: NDArray[np.uint64],
    weights: Weights,
    neuron: int,
    step: int,
    heard_of: NDArray[np.int32],
    count: int,
    last_in: NDArray[np.int32],
    spent: Floats,
    wired: Wired | None,
    nonideal: NonidealCells | None,
) -> float:
    """Change the synapses of a neuron that just spiked; return the change of its column's sum."""
    weight, read_weight, scale = weights.stored, weights.read, weights.scale[neuron]
    if wired is not None and wired.writes:
        return set_column(wired, weight, read_weight, neuron, step, heard_of, count, last_in)
    total, met, kind = 0.0, 0.0, rule.kind
    rate, level, one, zero = rule.rise, rule.level, np.float32(1.0), np.float32(0.0)
    for m in range(count):
        i = heard_of[m]
        lag = step - last_in[i]
        w = weight[i, neuron]
        if kind == TABLE:
            new = min(w + _from_table(rule.up, lag, w), one)
            met += new + w
        elif kind == LAST_SPIKE:
            new = min(max(w + rule.up[min(lag, rule.up.shape[0] - 1), 0], zero), one)
        else:
            change = rate * rule.trace[lag] * max(rule.bound - scale * w, zero) / scale
            new = w + change if kind == IDEAL else min(w + _stepped(change, level, words), one)
        if wired is not None:
            new = min(new, one)
        if nonideal is not None:
            new = min(max(moved(nonideal, words, i, neuron, w, new, kind == LEVELS), zero), one)
        weight[i, neuron] = new
        total += new - w
        if wired is not None:
            note(wired, read_weight, i, neuron, new - w)
    spent[0] += 0.5 * met
    spent[1] += count
    return total


@compiled(fastmath=True, part=True)
def lower(
    rule: Plasticity,
    words: NDArray[np.uint64],
    weights: Weights,
    i: int,
    step: int,
    fired: NDArray[np.int32],
    n_fired: int,
    last_out: NDArray[np.int32],
    spent: Floats,
    wired: Wired | None,
    nonideal: NonidealCells | None,
) -> None:
    """Lower the synapses of an input that just spiked, to the neurons that have spiked."""
    weight, read_weight, column_sum = weights.stored, weights.read, weights.column_sum
    rate, level, zero, kind = rule.fall, rule.level, np.float32(0.0), rule.kind
    met = 0.0
    for m in range(n_fired):
        j = fired[m]
        w = weight[i, j]
        lag = step - last_out[j]
        if kind == TABLE:
            new = max(w + _from_table(rule.down, lag, w), zero)
            met += new + w
        elif kind == IDEAL:
            new = w - rate * rule.trace[lag] * w
        else:
            new = max(w + _stepped(-rate * rule.trace[lag] * w, level, words), zero)
        if nonideal is not None:
            new = min(
                max(moved(nonideal, words, i, j, w, new, kind == LEVELS), zero), np.float32(1.0)
            )
        weight[i, j] = new
        column_sum[j] += new - w
        if wired is not None:
            note(wired, read_weight, i, j, new - w)
    spent[2] += 0.5 * met
    spent[3] += n_fired


# -- between presentations ------------------------------------------------------------------------


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
    rule: Plasticity,
    weights: Weights,
    words: NDArray[np.uint64],
    wired: Wired | None,
    nonideal: NonidealCells | None,
) -> int:
    """Bring the weights of every neuron to the sum `rule.target`; return how many cells were
    written.

    Ideal cells take the factor into their scale and fold it into the weights once it has left [1/4, 4].
    Devices are rewritten, clipped to their range. Cells of levels are rewritten, with stochastic
    rounding, once the column is off by `rule.slack`; what is left is the gain of the neuron's input
    stage, their scale. Cells behind wires are always rewritten, each until it conducts what it
    should, so that the wires make no difference to what is written; and so are arrays with
    non-idealities, whose stuck cells stay and whose other cells make up for them."""
    weight, read_weight, scale, column_sum = weights
    inputs, neurons = weight.shape
    written, target, kind = 0, rule.target, rule.kind
    for j in range(neurons):
        factor = target / max(column_sum[j], 1e-6)  # levels can all be at 0
        if kind == LEVELS:
            wanted = factor / rule.largest
            if wanted * rule.slack < 1.0 or wanted > rule.slack:
                total, changed = _relevelled(words, wanted, rule.level, weight, j, nonideal)
                column_sum[j] = max(total, np.float64(rule.level))
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
        else:
            factor /= rule.largest
            if abs(factor - 1.0) > 1e-6:
                total = 0.0
                if nonideal is not None:
                    factor = free_factor(nonideal, weight, j, target / rule.largest)
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
