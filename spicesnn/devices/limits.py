"""Exponentials that cannot overflow, the same in Python and in `models/`.

A Newton step may try a hundred volts; ``exp`` of that is infinite and the iteration is lost. Beyond `LIMIT` the functions
here continue as straight lines with the slope they have there, so they stay finite, monotone and differentiable. No device
works near the limit (e⁴⁰ = 2.4e17), so it changes no answer. The SPICE forms are::

    exp:   exp(min(u, 40))*(1 + uramp(u - 40))
    sinh:  sinh(max(-40, min(40, u))) + 1.1769263341850998e17*(uramp(u - 40) - uramp(-40 - u))
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.errors import InputError

LIMIT = 40.0
_COSH_LIMIT = math.cosh(LIMIT)
BOLTZMANN_EV = 8.617333262e-5
"""Boltzmann's constant over the elementary charge, V/K (CODATA 2018)."""


def limited_exp(u: Any) -> Any:
    """Return exp(u), continued as a straight line above `LIMIT`; for numbers and arrays (as the
    next three, `compiled` says why)."""
    return np.exp(np.minimum(u, LIMIT)) * (1.0 + np.maximum(u - LIMIT, 0.0))


def limited_exp_slope(u: Any) -> Any:
    """Return the derivative of `limited_exp`."""
    return np.exp(np.minimum(u, LIMIT))


def limited_sinh(u: Any) -> Any:
    """Return sinh(u), continued as straight lines beyond ±`LIMIT`."""
    inside = np.minimum(np.maximum(u, -LIMIT), LIMIT)
    return np.sinh(inside) + _COSH_LIMIT * (u - inside)


def limited_sinh_slope(u: Any) -> Any:
    """Return the derivative of `limited_sinh`."""
    return np.cosh(np.minimum(np.maximum(u, -LIMIT), LIMIT))


def reachable(name: str, siemens: ArrayLike, least: ArrayLike, most: ArrayLike) -> Floats:
    """Return `siemens` as an array clipped to [least, most]; more than rounding outside it is an
    `InputError`."""
    wanted = np.asarray(siemens, dtype=float)
    low, high = np.asarray(least, dtype=float), np.asarray(most, dtype=float)
    slack = 1e-9 * high
    if (
        not np.all(np.isfinite(wanted))
        or np.any(wanted < low - slack)
        or np.any(wanted > high + slack)
    ):
        raise InputError(
            f"{name}: a conductance of {float(np.min(wanted)):.4g}…{float(np.max(wanted)):.4g} S is"
            f" not reachable; the device spans {float(np.min(low)):.4g}…{float(np.max(high)):.4g} S"
        )
    return np.asarray(np.clip(wanted, low, high))
