# mypy: disable-error-code="no-any-return,return-value,assignment,arg-type,type-var"
"""Cells that are not what they should be, inside a compiled presentation: stuck, of unlike strength, noisy to read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spicesnn.encoding.events import draw
from spicesnn.jit import compiled

F = NDArray[np.float32]
POOL = 2**16
"""Normal numbers kept for read noise; every row that is read begins at a place drawn anew."""


class Defects(NamedTuple):
    """What is wrong with the cells.

    Attributes
    ----------
    gain : (inputs, neurons)
        Factor on every change of a weight by learning; 0 where the cell is stuck.
    start : (inputs, neurons)
        Weight of stuck cells, NaN where the cell works.
    noise : (pool,) or (0,)
        Normal numbers times the relative spread of a read; empty without read noise.
    scatter : (pool,) or (0,)
        1 + normal numbers times the relative spread of a change; empty without it.
    """

    gain: F
    start: F
    noise: F
    scatter: F


@compiled(fastmath=True)
def moved(defects: Defects, words: NDArray[np.uint64], i: int, j: int, before: np.float32, after: np.float32, whole: bool) -> np.float32:
    """Return where a cell really goes in place of `after`; cells of discrete levels (`whole`) go there or not at all."""
    gain = defects.gain[i, j]
    if defects.scatter.size > 0:
        gain *= defects.scatter[np.int64(draw(words) % np.uint64(defects.scatter.size))]
    if whole:
        return after if gain > 0 else before
    return before + gain * (after - before)


@compiled(fastmath=True)
def hear_noisily(defects: Defects, words: NDArray[np.uint64], excitation: F, read_weight: F, rows: NDArray[np.int32], count: int) -> None:
    """Add the rows of all inputs that fired, every cell of every read with noise of its own."""
    one, places = np.float32(1.0), np.uint64(defects.noise.size - excitation.size)
    for n in range(count):
        row = read_weight[rows[n]]
        noise = defects.noise[np.int64(draw(words) % places) :]
        for j in range(excitation.size):
            excitation[j] += row[j] * (one + noise[j])


@compiled(fastmath=True)
def free_factor(defects: Defects, weight: F, j: int, target: float) -> float:
    """Return the factor on the cells that work which brings a column to `target`; 0 where the stuck cells alone have more."""
    stuck, free = 0.0, 0.0
    for i in range(weight.shape[0]):
        if defects.gain[i, j] == 0:
            stuck += weight[i, j]
        else:
            free += weight[i, j]
    return max(target - stuck, 0.0) / free if free > 0 else 1.0
