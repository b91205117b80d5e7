"""The current limit of a source-measure unit in a sweep: said by the file, flagged point by point,
or visible as a level."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.devices.instruments.cells import Row, number, with_unit
from spicesnn.devices.instruments.headers import scale_of

_WORDS = re.compile(r"(?i)compl|curr[a-z]*[ _.]*lim|i[ _]?lim|\bicc\b|\bi_?cc\b|\bi_?comp")
FLAT, BEYOND = 2e-3, 0.02
"""A limit holds the current within this fraction of it; scatter of the data is added. A current
that is more than the second fraction above it is not held."""
_SCATTER = 3.0
_LEAST_POINTS = 4
_LEAST_RANGE = 0.1
"""A level counts where the voltage moves by this fraction of the largest, while the current
stays."""
_RANGE_FOR_SCATTER = 15.0
"""... and by so many times the scatter (relative) more."""
_STEEP = 0.2
"""... and the current would have gone with the voltage at least so many times as far as it does."""

_GRAIN = 2e-4
"""What is smaller than this fraction of a level is the instrument's resolution."""
_SURE = 6.0
"""Difference of the information criterion from which on a level is believed (Kass and Raftery, J.
Am. Stat. Assoc. 90, 773, 1995)."""


def stated_amps(texts: Iterable[Row]) -> float | None:
    """Return the compliance that lines of text state, ampere; None where there is none, or 0."""
    for row in texts:
        line = " ".join(row.cells)
        if not _WORDS.search(line):
            continue
        after = line[_WORDS.search(line).end() :]  # type: ignore[union-attr]
        unit = re.search(r"[\[(]\s*([fpnumµμ]?A)\s*[\])]", after)
        for text in re.findall(r"[+-]?[0-9.,]+(?:[eE][+-]?[0-9]+)?(?:\s*[a-zA-Zµμ]+)?", after):
            united = with_unit(text.strip())
            scale = scale_of(united[1], "amps") if united else None
            if united and scale is not None:
                value = united[0] * scale
            else:
                plain = number(text.split()[0].strip(",") if text.split() else "")
                if plain is None:
                    continue
                value = plain * ((scale_of(unit[1], "amps") or 1.0) if unit else 1.0)
            if 0 < abs(value) < 10.0:
                return abs(value)
    return None


def visible(volts: Floats, amps: Floats) -> tuple[float, Any] | None:
    """Return the level at which a current of one polarity stays while the voltage moves, and where
    it does; or None.

    Parameters
    ----------
    volts, amps : (points,)
        Of one sweep, magnitudes; 0 where the voltage has the other sign.
    """
    top = float(np.max(amps, initial=0.0))
    if top <= 0.0:
        return None
    # The highest of the level's points is above it by its scatter: the level is the median of what
    # is near the top.
    near = amps > 0.93 * top
    if np.count_nonzero(near) < _LEAST_POINTS:
        return None
    runs = _runs(near)
    for begin, end in sorted(runs, key=lambda run: run[0] - run[1]):
        if end - begin < _LEAST_POINTS:
            continue
        level = float(np.median(amps[begin:end]))
        inside = np.abs(amps[begin:end] / level - 1.0)
        scatter = (
            float(1.4826 * np.median(np.abs(np.diff(amps[begin:end], 2))) / np.sqrt(6.0)) / level
        )
        flat = inside < FLAT + _SCATTER * scatter
        if scatter > 0.05 or np.count_nonzero(flat) < _LEAST_POINTS:
            continue
        first, last = begin + int(np.argmax(flat)), end - int(np.argmax(flat[::-1]))
        if np.mean(flat[first - begin : last - begin]) < 0.8:
            continue
        part_v, part_i = volts[first:last], amps[first:last]
        moved = float(np.ptp(part_v)) / float(np.max(volts))
        if moved < _LEAST_RANGE or np.any(amps > level * (1.0 + 2 * FLAT + 2 * _SCATTER * scatter)):
            continue
        if moved < _LEAST_RANGE + _RANGE_FOR_SCATTER * scatter:
            continue
        allowance = min(_STEEP + 0.5 * scatter / max(moved, 1e-9), 0.5)
        turn = int(np.argmax(part_v))
        branches = [
            (part_v[: turn + 1], part_i[: turn + 1]),
            (part_v[turn:], part_i[turn:]),
            (part_v, part_i),
        ]
        steep = [
            abs(float(np.polyfit(v / np.mean(v), i / level, 1)[0]))
            for v, i in branches
            if v.size > 2 and np.ptp(v) > 0
        ]
        if max(steep, default=np.inf) < allowance and _corner(amps, level, first, last):
            return level, slice(first, last)
    return None


def _corner(amps: Floats, level: float, first: int, last: int) -> bool:
    """Return whether what is around a level is a level with corners rather than a smooth curve of
    as many freedoms.

    The points from half the level on, before and after it, are described by two straight sides and
    the level between them, and by a polynomial of fourth order; the Bayesian information criterion
    decides (Schwarz, Ann. Statist. 6, 461, 1978). A device that saturates, or whose state falls
    while the voltage rises, is smooth."""
    begin, end = first, last
    while begin > 0 and 0.5 * level < amps[begin - 1] and first - begin < 3 * (last - first):
        begin -= 1
    while end < amps.size and 0.5 * level < amps[end] and end - last < 3 * (last - first):
        end += 1
    part = amps[begin:end] / level
    n = np.arange(part.size, dtype=float)
    least = part.size * _GRAIN**2
    sides = [
        [None] if begin == first else list(range(1, first - begin + 2)),
        [None] if end == last else list(range(last - begin - 2, part.size - 1)),
    ]
    cornered = np.inf
    for left in sides[0]:
        for right in sides[1]:
            if left is not None and right is not None and right <= left:
                continue
            columns = [np.ones(part.size)]
            columns += [] if left is None else [np.maximum(left - n, 0.0)]
            columns += [] if right is None else [np.maximum(n - right, 0.0)]
            matrix = np.stack(columns, axis=1)
            rest = part - matrix @ np.linalg.lstsq(matrix, part, rcond=None)[0]
            cornered = min(cornered, float(np.sum(rest**2)) + least)
    freedoms = 1 + 2 * sum(side != [None] for side in sides)
    smooth = (
        float(np.sum((part - np.polynomial.Polynomial.fit(n, part, min(4, part.size - 1))(n)) ** 2))
        + least
    )
    gain = part.size * np.log(smooth / cornered) + (5 - freedoms) * np.log(part.size)
    return bool(gain > _SURE)


def _runs(flags: Any) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
