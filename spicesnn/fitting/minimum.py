"""The way from a measurement to the minimum of a fit: from the start that is given, from the whole
range, with more parameters."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.errors import ConvergenceError
from spicesnn.fitting.problem import DEAR, FLOOR, Problem, rough_weight
from spicesnn.fitting.search import Population

MISSES = 1.25
"""A fit whose residuals are so many times the scatter of the data from point to point has missed;
then the search goes on."""
_TOGETHER = 0.17
"""Residuals whose correlation from point to point is more than this, and than three of its standard
errors, are no scatter: a tenth of them is a curve that is not the data's."""
_AS_NOISE = 0.9
"""Residuals below this times the scatter of the data are not looked at further."""
_LEAST = 6
"""Fewer values of like size have no median worth the name."""
_NEAR = 0.35
"""Half of the random sets around a start are this close to it (in z), the others spread over half
of the search range."""
_AROUND = 100
"""Random sets that are simulated (all at once) for every further start around the first."""
_COARSE, _ROUGH = 0, 1
"""Stages of a `Problem`."""
_RECENTRED = 6
"""How often a minimum at an end that only the search has set is followed further."""
_ROUNDS = ((300, 30, 8), (900, 60, 25))
"""Searches of the whole range: candidates drawn, candidates kept, generations. The second where the
first leads to no curve near the data."""
_FAR = 0.2
"""Root mean squared soft residual below which a curve is near the data."""
_CLEAR = 2.5
"""Where the best candidates of one polarity are so many times better, the other is left."""
_LOST = 2.0
"""Root mean squared soft residual (a factor of e² at every point) from which on a start has led
nowhere."""
_WORTH = 0.9
"""Further parameters are kept where they bring the residual down to this fraction."""


def scatter(problem: Problem) -> float:
    """Return the scatter of the data from point to point, root mean square, in the measure of the
    problem's residuals: relative to the curve's magnitude with a floor.

    From second differences, by their median, so that jumps do not count, among values of like size
    each: small ones may scatter more than large ones, or less. Where nothing scatters, what is left
    of the curvature stands in."""
    y = problem.measured
    top = float(np.max(np.abs(y)))
    weight = np.hypot(y, FLOOR * top) if problem.soft else rough_weight(y)
    apart = np.abs((y[1:-1] - 0.5 * (y[:-2] + y[2:])) / weight[1:-1]) / np.sqrt(1.5)
    size, squares, count = np.abs(y[1:-1]) / top, 0.0, 0
    for low, high in pairwise((-1.0, 1e-3, 1e-2, 0.1, 0.4, 2.0)):
        part = apart[(size > low) & (size <= high)]
        if part.size:
            robust = (
                1.4826 * float(np.median(part))
                if part.size >= _LEAST
                else float(np.sqrt(np.mean(part**2)))
            )
            squares, count = squares + part.size * robust**2, count + part.size
    return float(np.sqrt(squares / max(count, 1)))


def minimum(
    problem: Problem, starts: int, rng: np.random.Generator, more: tuple[str, ...]
) -> tuple[Problem, Floats, tuple[float, ...]]:
    """Return the problem centred on the best minimum, that minimum (z), and the costs of all that
    were followed, best first.

    Parameters
    ----------
    problem : Problem
        Centred on the start.
    starts : int
        Minima to follow in each round; 1: from the start alone.
    rng : Generator
    more : tuple of str
        Parameters to fit besides, one after the other, where those of `problem` do not reach the
        data.

    Raises
    ------
    ConvergenceError
        Nothing led to a curve near the data.
    """
    noise = max(scatter(problem.softened()), 1e-3)
    costs: list[float] = []
    best = _best([_followed(place, costs) for place in _around(problem, starts, rng)])
    if starts > 1 and best.misses(noise) and not problem.effort.over:
        best = _best([best, _ranged(problem, starts, rng, costs, noise)])
        for count in range(1, len(more) + 1):
            if not best.misses(noise) or problem.effort.over:
                break
            names = (*problem.names, *more[:count])
            wider = [_followed(best.problem.with_names(names), costs)]
            if count in (1, len(more)) and wider[0].misses(noise):
                wider.append(
                    _ranged(
                        _based(problem, best.problem).with_names(names), starts, rng, costs, noise
                    )
                )
            found = _best(wider)
            if found.cost < _WORTH * best.cost:
                best = found
    if not best.cost < _LOST and problem.effort.ended:
        raise ConvergenceError(
            f"{problem.device.name}: no curve near the data was found with the steps that a fit may"
            " take; give a base device closer to it, fewer parameters, or another model"
        )
    if not best.cost < _LOST:
        raise ConvergenceError(
            f"{problem.device.name}: none of {len(costs)} starts led to a curve near the data; give"
            " a base device closer to it"
        )
    return (
        best.problem,
        np.zeros(len(best.problem.names)) + np.where(best.problem.start == 0, best.zero, 0.0),
        tuple(sorted(cost for cost in costs if cost < _LOST)),
    )


def hang_together(residuals: Floats) -> bool:
    """Return whether residuals are alike from point to point, which noise is not."""
    if residuals.size < 2 or not np.any(residuals):
        return False
    together = float(np.sum(residuals[1:] * residuals[:-1]) / np.sum(residuals**2))
    return bool(together > max(_TOGETHER, 3.0 / np.sqrt(residuals.size)))


def misses(rmse: float, residuals: Floats, noise: float) -> bool:
    """Return whether a curve misses the data: its residuals are `MISSES` times their scatter or
    more, or hang together."""
    return rmse > MISSES * noise or (rmse > _AS_NOISE * noise and hang_together(residuals))


class Found(NamedTuple):
    """A minimum: the problem centred on it, the root mean squared residual there, z of what starts
    at 0, the residuals."""

    problem: Problem
    cost: float
    zero: Any
    residuals: Floats

    def misses(self, noise: float) -> bool:
        """Return whether its curve misses the data."""
        return misses(self.cost, self.residuals, noise)


def _based(problem: Problem, other: Problem) -> Problem:
    """Return the problem that was given, in the polarity of another."""
    return problem if problem.polarity == other.polarity else problem.turned()


def _best(found: list[Found]) -> Found:
    return min(found, key=lambda one: one.cost)


def _followed(problem: Problem, costs: list[float]) -> Found:
    """Return the minimum that the start of a problem leads to."""
    place = problem.softened().at(_ROUGH)
    z = np.clip(np.zeros(len(place.names)), *place.bounds)
    z = np.where(place.start == 0, getattr(problem, "zero", z), z)
    cost = np.inf
    for _ in range(_RECENTRED):
        answer = place.solved(z, tolerance=1e-5, evaluations=40)
        before, cost = cost, float(np.sqrt(2.0 * answer.cost / answer.fun.size))
        ends = place.at_ends(answer.x)
        z = np.where(place.start == 0, answer.x, 0.0)
        place = place.centred(answer.x)
        z = np.where(place.start == 0, z, 0.0)
        if (
            place.effort.over
            or not ends.any()
            or cost > 0.999 * before
            or np.array_equal(place.at_ends(z), ends)
        ):
            break
    costs.append(cost)
    return Found(place, cost, z, answer.fun)


def _around(problem: Problem, starts: int, rng: np.random.Generator) -> list[Problem]:
    """Return the problem, and for each further start the best that are left of many random sets
    near it and further away."""
    places = [problem]
    if starts == 1:
        return places
    low, high = problem.bounds
    centre = np.clip(np.zeros_like(low), low, high)
    count = _AROUND * (starts - 1) // (2 * DEAR.get(problem.device.name, 1)) + 1
    near = (np.maximum(low, centre - _NEAR), np.minimum(high, centre + _NEAR))
    far = (0.5 * (low + centre), 0.5 * (high + centre))
    wild = np.concatenate(
        [rng.uniform(*near, size=(count, low.size)), rng.uniform(*far, size=(count, low.size))]
    )
    cost = np.mean(np.minimum(np.abs(problem.softened().at(_COARSE).residuals(wild)), 10.0), axis=0)
    return [*places, *(problem.centred(wild[k]) for k in np.argsort(cost)[: min(starts - 1, 2)])]


def _ranged(
    problem: Problem, starts: int, rng: np.random.Generator, costs: list[float], noise: float
) -> Found:
    """Return the best minimum of a search of the whole range in both polarities; a longer search
    where the first does not reach the data."""
    best: Found | None = None
    share = DEAR.get(problem.device.name, 1)
    for candidates, kept, generations in _ROUNDS:
        populations = [Population(place, rng) for place in _polarities(problem)]
        for population in populations:
            population.grow(max(candidates // share, 40))
        leading = [float(np.min(population.costs, initial=np.inf)) for population in populations]
        for population, cost in zip(populations, leading, strict=True):
            if cost > _CLEAR * min(leading):
                continue
            population.keep(max(kept // min(share, 3), 12))
            population.breed(max(generations // min(share, 3), 3))
        ranked = sorted(
            (float(np.min(p.costs, initial=np.inf)), k) for k, p in enumerate(populations)
        )
        for cost, k in ranked:
            if cost > _CLEAR * ranked[0][0]:
                continue
            for place in populations[k].problems(starts):
                found = _followed(place, costs)
                best = found if best is None else _best([best, found])
                if not best.misses(noise) or problem.effort.over:
                    return best
        if best is not None and best.cost < max(_FAR, 4.0 * MISSES * noise):
            break
    if best is None:
        raise ConvergenceError(
            f"{problem.device.name}: no set of parameters in its whole range gives a curve that can"
            " be followed"
        )
    return best


def _polarities(problem: Problem) -> list[Problem]:
    """Return the problem as it stands and with the model's terminals exchanged, where the model
    allows both."""
    turned = (
        []
        if problem.device.lowest_volts > -float(np.max(np.abs(problem.data.volts)))
        else [problem.turned()]
    )
    return [problem, *turned]
