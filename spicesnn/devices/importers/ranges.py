"""Where a state moves: its bounds as the text gives them, where it starts, and a sine that shows
the device at work."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from spicesnn.devices.importers.graph import Graph, Program

_VOLTS = ((0.1, 0.5, 1.0, 2.0), (5.0, 10.0, 20.0))
"""Voltages to look at: the second lot where nothing moves at the first."""
_STILL = 1e-9


def candidates(
    graph: Graph, places: Sequence[int], symbol: int, defaults: Mapping[str, float]
) -> list[tuple[float, int]]:
    """Return values at which something may happen to a state, with their expressions: what it is
    compared with, 0, 1, and parameters.

    Parameters
    ----------
    graph : Graph
    places : sequence of int
        The equations: current, rates, residuals.
    symbol : int
        The state.
    defaults : Mapping
        Parameter → its value.
    """
    found: dict[float, int] = {}

    def add(place: int) -> None:
        if all(name.startswith("par:") for name in graph.symbols(place)):
            value = float(
                Program(graph, [place]).run({f"par:{k}": v for k, v in defaults.items()})[0]
            )
            if math.isfinite(value):
                found.setdefault(value, place)

    for place in graph.order(places):
        if graph.ops[place] in ("<", "<=", "min", "max"):
            a, b = graph.args[place]
            if symbol in graph.held(place):
                # Where both sides are equal, if their difference is linear in the state.
                gap = graph.make("-", a, b)
                by = graph.slope(gap, symbol)
                rest = graph.put([gap], {symbol: graph.zero})[0]
                if by in (graph.one, graph.number(-1.0)):
                    add(rest if by != graph.one else graph.make("neg", rest))
    for place in (graph.zero, graph.one, *(graph.symbol(f"par:{name}") for name in defaults)):
        add(place)
    return sorted(found.items())


Rates = Callable[[np.ndarray, np.ndarray], np.ndarray | None]
"""(volts, values of one state) → its rates; None where they have no value."""


def held_between(
    values: Sequence[tuple[float, int]], start: float, rates: Rates
) -> tuple[int | None, int | None]:
    """Return the bounds at which the rate of a state comes to rest, as far as there are such values
    around its start.

    A bound is a value at which the rate outward is gone, at it or just beyond it, whatever the
    voltage, while it is not gone everywhere.

    Parameters
    ----------
    values : sequence of (value, expression)
        `candidates`.
    start : float
    rates : callable
    """
    ends: list[int | None] = [None, None]
    for end, sign in ((0, -1.0), (1, 1.0)):
        for value, place in sorted(values, key=lambda pair: abs(pair[0] - start)):
            if sign * (value - start) >= 0 and _rests(rates, value, sign):
                ends[end] = place
                break
    low, high = ends
    return (None, None) if low is not None and low == high else (low, high)


def _rests(rates: Rates, value: float, sign: float) -> bool:
    """Return whether a state does not go on outward from a value, at any voltage, but moves before
    it."""
    scale = max(abs(value), 1e-15)
    for lot, shift in ((lot, shift) for lot in _VOLTS for shift in (0.0, 1e-6 * scale)):
        volts = np.array([s * v for v in lot for s in (-1.0, 1.0)])
        there = rates(volts, np.full(volts.shape, value + sign * shift))
        back = rates(volts, np.full(volts.shape, value - sign * 0.02 * scale))
        if there is None or back is None:
            continue
        usual = np.max(sign * back, initial=0.0)
        if usual > 0 and np.all(sign * there <= _STILL * np.maximum(np.abs(back), 1e-6 * usual)):
            return True
    return False


def resting(
    graph: Graph,
    symbol: int,
    rate: int,
    unknowns: Sequence[tuple[int, int]],
    known: Mapping[str, float],
    guess: float,
) -> float | None:
    """Return where a state comes to rest at no voltage, by Newton's method from a guess; None where
    it rests anywhere or nowhere."""
    symbols = [symbol, *(s for s, _ in unknowns)]
    rows = [rate, *(r for _, r in unknowns)]
    program = Program(graph, [*rows, *(graph.slope(r, s) for r in rows for s in symbols)])
    n = len(symbols)
    at = np.array([guess] + [0.0] * (n - 1))
    names = [graph.names[s] for s in symbols]
    for _ in range(100):
        try:
            with np.errstate(all="ignore"):
                found = np.array(
                    [
                        float(f)
                        for f in program.run(
                            {**known, **dict(zip(names, at.tolist(), strict=True))}
                        )
                    ]
                )
        except KeyError:
            return None
        matrix = found[n:].reshape(n, n)
        if not np.all(np.isfinite(found)) or np.any(np.max(np.abs(matrix), axis=1) == 0):
            return None
        matrix = matrix / np.max(np.abs(matrix), axis=1)[:, None]
        if abs(np.linalg.det(matrix)) < 1e-14 or matrix[0, 0] >= 0:
            return None
        step = np.linalg.solve(matrix, -found[:n] / np.max(np.abs(found[n:].reshape(n, n)), axis=1))
        at = at + step
        if np.all(np.abs(step) <= 1e-12 * np.maximum(np.abs(at), 1e-12)):
            return float(at[0])
    return None


def drive(rates: list[tuple[float, np.ndarray]], span: float) -> tuple[float, float]:
    """Return amplitude and frequency of a sine that moves a state over some of its range, at the
    slower of its two directions.

    Parameters
    ----------
    rates : list of (volt, rates at this voltage and its opposite)
    span : float
        Range of the state.
    """
    for volts, found in rates:
        if not np.all(np.isfinite(found)):
            continue
        speeds = [float(np.max(side, initial=0.0)) / span for side in (found, -found)]
        moving = [speed for speed in speeds if speed > 0]
        if len(moving) == 2 or (moving and volts == rates[-1][0]):
            return volts, float(f"{min(max(0.5 * min(moving), 1e-3), 1e10):.1g}")
    return 1.0, 1e3
