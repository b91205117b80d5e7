# mypy: disable-error-code="no-any-return,return-value,assignment,arg-type,type-var"
"""Cells with non-idealities inside compiled presentations: stuck-at faults, device-to-device and
cycle-to-cycle variation, read noise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spicesnn.encoding.events import draw
from spicesnn.jit import compiled
from spicesnn.nonidealities.options import StreamImperfections

F = NDArray[np.float32]
POOL = 2**16
"""Normal numbers kept for read noise; every row that is read begins at a place drawn anew."""


class NonidealCells(NamedTuple):
    """The cells of one layer.

    Attributes
    ----------
    gain : (inputs, neurons)
        Factor on every change of a weight by learning; 0 where the cell is stuck.
    start : (inputs, neurons)
        Weight of cells stuck at an end of their window, NaN where they work or are stuck wherever
        they are.
    noise : (pool,) or (0,)
        Normal numbers times the relative spread of a read; empty without read noise.
    scatter : (pool,) or (0,)
        1 + normal numbers times the relative spread of a change; empty without it.
    """

    gain: F
    start: F
    noise: F
    scatter: F


def nonideal_cells(
    options: StreamImperfections, shape: tuple[int, int], rng: np.random.Generator
) -> NonidealCells | None:
    """Draw the cells of a layer with weights from 0 to 1, None where all are as they should be; the
    same generator gives the same array.

    Parameters
    ----------
    options : StreamImperfections
        Its states are a kind of synapse, and drawn nowhere.
    shape : (inputs, neurons)
        The inputs are the pixels of a square image where `options.stuck_place` asks for some of
        them.
    rng : Generator
    """
    if options.none:
        return None
    gain, stuck = (
        options.gains(shape, rng).astype(np.float32),
        options.stuck_map(shape, rng, pixels=shape[0]),
    )
    gain[stuck.any] = 0.0
    start = np.where(stuck.on, 1.0, np.where(stuck.off, 0.0, np.nan)).astype(np.float32)
    noise = _noise(options.read_noise, shape[1], rng)
    scatter = (
        1.0 + options.cycle_to_cycle * rng.standard_normal(POOL if options.cycle_to_cycle else 0)
    ).astype(np.float32)
    return NonidealCells(gain=gain, start=start, noise=noise, scatter=scatter)


def _noise(relative: float, columns: int, rng: np.random.Generator) -> F:
    return (relative * rng.standard_normal(POOL + columns if relative else 0)).astype(np.float32)


def stuck_in(weights: F, start: F) -> F:
    """Return the weights with stuck cells where they are stuck."""
    return np.where(np.isnan(start), weights, start).astype(np.float32)


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
    """Add the rows of all inputs that fired, every cell of every read with noise of its own."""
    one, places = np.float32(1.0), np.uint64(cells.noise.size - excitation.size)
    for n in range(count):
        row = read_weight[rows[n]]
        noise = cells.noise[np.int64(draw(words) % places) :]
        for j in range(excitation.size):
            excitation[j] += row[j] * (one + noise[j])


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
