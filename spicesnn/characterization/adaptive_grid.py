"""A function of two variables on a grid of lines that are drawn where the function asks for
them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats

_NARROWEST = 1e-4
"""Intervals below this share of the range are not cut further."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Sampled:
    """Values on a grid.

    Attributes
    ----------
    x, y : (m,), (n,)
        Increasing.
    values : (m, n)
    left : float
        The largest surprise among intervals that were to be cut further; 0 if none was left,
        infinite if one was not even looked into.
    """

    x: Floats
    y: Floats
    values: Floats
    left: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What is put on a grid.

    Attributes
    ----------
    measure : callable
        (x, y, guess or None), each (k,) → values, (k,).
    foresee : callable
        (the grid so far, x, y), x (a, 1) and y (1, b) → values (a, b): what the grid's users would
        take between its lines.
    surprise : callable
        (x (a, 1), foreseen, found) → how much a difference matters, (a, b), to be compared with a
        tolerance.
    """

    measure: Callable[[Floats, Floats, Floats | None], Floats]
    foresee: Callable[[Sampled, Floats, Floats], Floats]
    surprise: Callable[[Floats, Floats, Floats], Floats]


def sampled(subject: Subject, x: Floats, y: Floats, *, tolerance: float, most: int) -> Sampled:
    """Measure on a grid, then half-way between its lines, and again wherever the grid did not
    foresee what was measured.

    All lines run through: an interval is cut for all values of the other axis when one of them asks
    for it.

    Parameters
    ----------
    subject : Subject
    x, y : (m,), (n,)
        The grid to begin with.
    tolerance : float
        Surprise that is taken for good.
    most : int
        Points at most: towards the end only the intervals with the largest surprise are cut.
    """
    at_x, at_y = (axis.ravel() for axis in np.meshgrid(x, y, indexing="ij"))
    grid = Sampled(x=x, y=y, values=subject.measure(at_x, at_y, None).reshape(x.size, y.size))
    open_x, open_y = np.full(x.size - 1, np.inf), np.full(y.size - 1, np.inf)
    while True:
        cut_x, cut_y = _affordable(grid, open_x, open_y, most)
        if not (np.any(cut_x) or np.any(cut_y)):
            return replace(grid, left=float(max(open_x.max(), open_y.max())))
        grid, open_y = _cut(subject, grid, open_y, cut_y, tolerance, along=1)
        grid, open_x = _cut(subject, grid, open_x, cut_x, tolerance, along=0)


def _affordable(
    grid: Sampled, open_x: Floats, open_y: Floats, most: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which open intervals can still be cut: the largest surprises first, of equal ones in
    turns from either axis."""
    if (grid.x.size + np.sum(open_x > 0)) * (grid.y.size + np.sum(open_y > 0)) <= most:
        return open_x > 0, open_y > 0
    every = np.concatenate([open_x, open_y])
    turn = np.concatenate([np.arange(side.size) / side.size for side in (open_x, open_y)])
    kept = np.zeros(every.size, dtype=bool)
    for k in np.lexsort((turn, -every)):
        kept[k] = every[k] > 0
        if (grid.x.size + np.sum(kept[: open_x.size])) * (
            grid.y.size + np.sum(kept[open_x.size :])
        ) > most:
            kept[k] = False
            break
    return kept[: open_x.size], kept[open_x.size :]


def _cut(
    subject: Subject,
    grid: Sampled,
    surprises: Floats,
    chosen: NDArray[np.bool_],
    tolerance: float,
    *,
    along: int,
) -> tuple[Sampled, Floats]:
    """Cut the chosen intervals of one axis; return the grid and the surprise of its intervals, 0
    where that is for good."""
    axis = (grid.x, grid.y)[along]
    where = np.flatnonzero(chosen)
    if not where.size:
        return grid, surprises
    middle = 0.5 * (axis[where] + axis[where + 1])
    x, y = (middle, grid.y) if along == 0 else (grid.x, middle)
    foreseen = subject.foresee(grid, x[:, None], y[None, :])
    at_x, at_y = (a.ravel() for a in np.meshgrid(x, y, indexing="ij"))
    found = subject.measure(at_x, at_y, foreseen.ravel()).reshape(foreseen.shape)
    surprise = subject.surprise(x[:, None], foreseen, found).max(axis=1 - along)
    again = (surprise > tolerance) & (
        0.5 * (axis[where + 1] - axis[where]) > _NARROWEST * (axis[-1] - axis[0])
    )
    order = np.argsort(np.concatenate([axis, middle]), kind="stable")
    merged, values = (
        np.concatenate([axis, middle])[order],
        np.take(np.concatenate([grid.values, found], axis=along), order, axis=along),
    )
    left = surprises.copy()
    left[where] = np.where(again, surprise, 0.0)
    left = np.repeat(left, np.where(chosen, 2, 1))
    return (
        replace(grid, values=values, x=merged)
        if along == 0
        else replace(grid, values=values, y=merged)
    ), left
