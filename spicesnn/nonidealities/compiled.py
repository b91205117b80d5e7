# mypy: disable-error-code="no-any-return,return-value,assignment,arg-type,type-var"
"""Cells with non-idealities inside compiled presentations: stuck-at faults, device-to-device and
cycle-to-cycle variation, read noise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spicesnn.encoding.events import draw
from spicesnn.jit import compiled

F = NDArray[np.float32]
POOL = 2**16
"""Normal numbers kept for read noise; every row that is read begins at a place drawn anew."""


class NonidealCells(NamedTuple):
    """The cells of one layer.

    Attributes
    ----------
    gain : (inputs, neurons)
        Factor on every change of a weight by learning; 0 where the cell is stuck.
    noise : (pool,) or (0,)
        Normal numbers times the relative spread of a read; empty without read noise.
    scatter : (pool,) or (0,)
        1 + normal numbers times the relative spread of a change; empty without it.
    base : float
        What a cell of weight 0 conducts, in units of the window.
    """

    gain: F
    noise: F
    scatter: F
    base: np.float32


@compiled(fastmath=True)
def moved(
    cells: NonidealCells,
    words: NDArray[np.uint64],
    i: int,
    j: int,
    before: np.float32,
    after: np.float32,
    whole: bool,
) -> np.float32:
    """Return where a cell really goes in place of `after`; cells of discrete levels (`whole`) go
    there or not at all."""
    gain = cells.gain[i, j]
    if cells.scatter.size > 0:
        gain *= cells.scatter[np.int64(draw(words) % np.uint64(cells.scatter.size))]
    if whole:
        return after if gain > 0 else before
    return before + gain * (after - before)


@compiled(fastmath=True)
def hear_noisily(
    cells: NonidealCells,
    words: NDArray[np.uint64],
    excitation: F,
    read_weight: F,
    rows: NDArray[np.int32],
    count: int,
) -> None:
    """Add the rows of all inputs that fired, every cell of every read with noise of its own: on all
    that it conducts, of which a reference takes off what weight 0 is."""
    base, places = cells.base, np.uint64(cells.noise.size - excitation.size)
    for n in range(count):
        row = read_weight[rows[n]]
        noise = cells.noise[np.int64(draw(words) % places) :]
        for j in range(excitation.size):
            excitation[j] += row[j] + (row[j] + base) * noise[j]


@compiled(fastmath=True)
def free_factor(cells: NonidealCells, weight: F, j: int, target: float) -> float:
    """Return the factor on the cells that work which brings a column to `target`; 0 where the stuck
    cells alone have more."""
    stuck, free = 0.0, 0.0
    for i in range(weight.shape[0]):
        if cells.gain[i, j] == 0:
            stuck += weight[i, j]
        else:
            free += weight[i, j]
    return max(target - stuck, 0.0) / free if free > 0 else 1.0
