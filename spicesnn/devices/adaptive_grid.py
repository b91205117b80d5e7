"""A function of two variables on a grid of lines that are drawn where the function asks for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from spicesnn.devices.base import Floats

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
        The largest surprise among intervals that were to be cut further; 0 if none was left.
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
        (the grid so far, x, y), x (a, 1) and y (1, b) → values (a, b): what the grid's users would take between its lines.
    surprise : callable
        (x (a, 1), foreseen, found) → how much a difference matters, (a, b), to be compared with a tolerance.
    """

    measure: Callable[[Floats, Floats, Floats | None], Floats]
    foresee: Callable[[Sampled, Floats, Floats], Floats]
    surprise: Callable[[Floats, Floats, Floats], Floats]


def sampled(subject: Subject, x: Floats, y: Floats, *, tolerance: float, most: int) -> Sampled:
    """Measure on a grid, then half-way between its lines, and again wherever the grid did not foresee what was measured.

    All lines run through: an interval is cut for all values of the other axis when one of them asks for it.

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
    while np.any(open_x) or np.any(open_y):
        if (grid.x.size + np.sum(open_x > 0)) * (grid.y.size + np.sum(open_y > 0)) > most:
            open_x, open_y = _affordable(grid, open_x, open_y, most)
            if not (np.any(open_x) or np.any(open_y)):
                break
        grid, open_y = _cut(subject, grid, open_y, tolerance, along=1)
        grid, open_x = _cut(subject, grid, open_x, tolerance, along=0)
        grid = replace(grid, left=float(max(open_x.max(), open_y.max())))
    return grid


def _affordable(grid: Sampled, open_x: Floats, open_y: Floats, most: int) -> tuple[Floats, Floats]:
    """Return the surprises of the intervals that can still be cut, the largest first; 0 for the others."""
    every = np.concatenate([open_x, open_y])
    kept = np.zeros(every.size, dtype=bool)
    for k in np.argsort(-every, kind="stable"):
        kept[k] = every[k] > 0
        if (grid.x.size + np.sum(kept[: open_x.size])) * (grid.y.size + np.sum(kept[open_x.size :])) > most:
            kept[k] = False
            break
    chosen = np.where(kept, every, 0.0)
    return chosen[: open_x.size], chosen[open_x.size :]


def _cut(subject: Subject, grid: Sampled, wanted: Floats, tolerance: float, *, along: int) -> tuple[Sampled, Floats]:
    """Cut the intervals of one axis whose surprise is above 0; return the grid and the surprise of its intervals, 0 where that is for good."""
    axis = (grid.x, grid.y)[along]
    where = np.flatnonzero(wanted)
    if not where.size:
        return grid, np.zeros(axis.size - 1)
    middle = 0.5 * (axis[where] + axis[where + 1])
    x, y = (middle, grid.y) if along == 0 else (grid.x, middle)
    foreseen = subject.foresee(grid, x[:, None], y[None, :])
    at_x, at_y = (a.ravel() for a in np.meshgrid(x, y, indexing="ij"))
    found = subject.measure(at_x, at_y, foreseen.ravel()).reshape(foreseen.shape)
    surprise = subject.surprise(x[:, None], foreseen, found).max(axis=1 - along)
    again = (surprise > tolerance) & (0.5 * (axis[where + 1] - axis[where]) > _NARROWEST * (axis[-1] - axis[0]))
    both = np.concatenate([axis, middle])
    order = np.argsort(both, kind="stable")
    merged, values = both[order], np.take(np.concatenate([grid.values, found], axis=along), order, axis=along)
    left = np.zeros(merged.size - 1)
    for place, size in zip(np.searchsorted(merged, middle[again]), surprise[again], strict=True):
        left[place - 1 : place + 1] = size
    grown = replace(grid, values=values, x=merged) if along == 0 else replace(grid, values=values, y=merged)
    return grown, left
