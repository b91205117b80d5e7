"""What a user has to know about a fit besides its numbers, in sentences."""

from __future__ import annotations

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.devices.measurements import Sweep
from spicesnn.fitting.minimum import hang_together, misses
from spicesnn.fitting.problem import Problem, fresh_sweeps, rough_weight
from spicesnn.units import render

_TOGETHER = 0.98
"""Correlation from which two parameters are said to go together."""
_VAGUE = 0.7
"""Standard deviation in z from which a parameter is said to be known to a factor only (of two)."""


def remarks(
    problem: Problem,
    z: Floats,
    deviation: Floats,
    correlation: Floats,
    rmse: float,
    noise: float,
    fitted: Floats,
) -> tuple[str, ...]:
    """Return the sentences of a fit.

    Parameters
    ----------
    problem : Problem
    z, deviation : (parameters,)
        The minimum, and one standard deviation; infinite where the data do not determine it.
    correlation : (parameters, parameters)
    rmse, noise : float
        Relative residual, and the scatter of the data from point to point.
    fitted : (points,)
    """
    names = np.array(problem.names)
    free, said = ~np.isfinite(deviation), _circumstances(problem)
    if free.any():
        low, high = problem.data.volts.min(), problem.data.volts.max()
        said.append(
            f"not determined by these data: {', '.join(names[free])}. Hold what you know (--set"
            " device.NAME=VALUE and leave it out of --parameters), or measure where the device"
            f" moves: further than {low:.3g} … {high:.3g} V, or more slowly"
        )
    values = problem.values(z)
    for k in np.flatnonzero(free & np.isin(names, ("r_on", "r_off"))):
        end = "lowest" if names[k] == "r_on" else "highest"
        said.append(
            f"{names[k]} = {values[k]:.4g} Ω stands for any that is beyond the {end} resistance"
            " that was measured"
        )
    vague = np.flatnonzero(~free & (deviation > _VAGUE))
    said += [
        f"{names[k]} is known only to a factor of {np.exp(deviation[k]):.2g} (one standard"
        " deviation)"
        for k in vague
    ]
    said += [
        f"{names[k]} is at an end of what the search allows, {values[k]:.4g}"
        for k in np.flatnonzero(problem.at_ends(z) & ~free)
    ]
    for i, j in zip(*np.triu_indices(names.size, 1), strict=True):
        if not free[i] and not free[j] and abs(correlation[i, j]) > _TOGETHER:
            alone = np.sqrt(1.0 - correlation[i, j] ** 2)
            said.append(
                f"{names[i]} and {names[j]} go together (correlation {correlation[i, j]:.4f}): with"
                f" one of them held the other is known {1.0 / max(float(alone), 1e-6):.2g} times as"
                " well"
            )
    residuals = (fitted - problem.measured) / rough_weight(problem.measured)
    missed = misses(rmse, residuals, noise)
    if problem.effort.ended and missed:
        said.append(
            "the search was ended after the steps that a fit may take; what follows is the best that"
            " was found until then. A start closer to the data (--set) or fewer --parameters take it"
            " further"
        )
    if missed:
        said.append(_verdict(problem, rmse, noise, residuals))
    return tuple(said)


def _circumstances(problem: Problem) -> list[str]:
    """Return what the fit has found about the measurement: which polarity sets, what limits the
    current."""
    said = []
    sets = problem.device.set_polarity * problem.polarity
    if sets:
        exchanged = (
            "; the model's terminals are exchanged: its positive one is the measurement's lower one"
            if problem.polarity < 0
            else ""
        )
        said.append(f"set by {'positive' if sets > 0 else 'negative'} voltages{exchanged}")
    data = problem.data
    if isinstance(data, Sweep) and data.sweeps > 1:
        said.append(
            "every sweep begins in the state of the first"
            if fresh_sweeps(data)
            else "every sweep goes on in the state in which the last has ended"
        )
    if isinstance(data, Sweep) and data.limit_amps is not None and data.limited:
        limits = data.limit_amps[np.isfinite(data.limit_amps)]
        level = render(float(np.median(limits)), "A")
        said.append(
            f"the compliance of {level} is part of the circuit of this fit"
            if problem.limit is not None
            else (
                f"the compliance of {level} is no part of the circuit: {problem.device.name} cannot"
                " be followed behind one. Leave the limited points out"
            )
        )
    return said


def _verdict(problem: Problem, rmse: float, noise: float, residuals: Floats) -> str:
    """Return how far the model misses the data, and in which part of the curve."""
    where = ""
    if isinstance(problem.data, Sweep):
        volts = problem.polarity * problem.data.volts
        away = np.gradient(np.abs(volts)) >= 0
        wrong = residuals**2
        parts = {
            f"{'rising' if out else 'falling'} {'positive' if sign > 0 else 'negative'} voltages": (
                (sign * volts > 0) & (away == out)
            )
            for sign in (1, -1)
            for out in (True, False)
        }
        sums = {name: float(np.sum(wrong[which])) for name, which in parts.items() if which.any()}
        worst = max(sums, key=lambda name: sums[name]) if sums else ""
        where = (
            f", most at {worst} ({100 * sums[worst] / max(sum(sums.values()), 1e-300):.0f} % of the"
            " squares)"
            if worst
            else ""
        )
    alike = ", and hang together from point to point" if hang_together(residuals) else ""
    return (
        f"the model misses these data: its residuals are {rmse:.2g} of the values,"
        f" {rmse / noise:.2g} times the scatter of the data from point to point ({noise:.2g})"
        f"{alike}{where}. The uncertainties say nothing then; try other --parameters, or"
        " another model (spicesnn fit all)"
    )
