"""What a user has to know about a fit besides its numbers, in sentences."""

from __future__ import annotations

import numpy as np

from spicesnn.devices.base import Floats
from spicesnn.fitting.problem import Problem

_TOGETHER = 0.98
"""Correlation from which two parameters are said to go together."""
_VAGUE = 0.7
"""Standard deviation in z from which a parameter is said to be known to a factor only (of two)."""


def remarks(problem: Problem, z: Floats, deviation: Floats, correlation: Floats, rmse: float, acceptable: float) -> tuple[str, ...]:
    """Return the sentences of a fit.

    Parameters
    ----------
    problem : Problem
    z, deviation : (parameters,)
        The minimum, and one standard deviation; infinite where the data do not determine it.
    correlation : (parameters, parameters)
    rmse, acceptable : float
        Relative residual, and the one from which on a model misses the data.
    """
    names = np.array(problem.names)
    free, said = ~np.isfinite(deviation), []
    if free.any():
        low, high = problem.data.volts.min(), problem.data.volts.max()
        said.append(
            f"not determined by these data: {', '.join(names[free])}. Hold what you know (--set device.NAME=VALUE and leave it out of --parameters), "
            f"or measure where the device moves: further than {low:.3g} … {high:.3g} V, or more slowly"
        )
    values = problem.values(z)
    vague = np.flatnonzero(~free & (deviation > _VAGUE))
    said += [f"{names[k]} is known only to a factor of {np.exp(deviation[k]):.2g} (one standard deviation)" for k in vague]
    said += [f"{names[k]} is at an end of what the search allows, {values[k]:.4g}" for k in np.flatnonzero(problem.at_ends(z) & ~free)]
    for i, j in zip(*np.triu_indices(names.size, 1), strict=True):
        if not free[i] and not free[j] and abs(correlation[i, j]) > _TOGETHER:
            alone = np.sqrt(1.0 - correlation[i, j] ** 2)
            said.append(
                f"{names[i]} and {names[j]} go together (correlation {correlation[i, j]:.4f}): with one of them held the other is known "
                f"{1.0 / max(float(alone), 1e-6):.2g} times as well"
            )
    if rmse > acceptable:
        said.append(
            f"the model misses these data: its residuals are {rmse:.2g} of the values, while the data scatter by {acceptable / 3.0:.2g} from point "
            "to point. The uncertainties say nothing then; try more --starts, other --parameters or another model"
        )
    return tuple(said)
