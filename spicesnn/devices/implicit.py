"""Currents that are given only implicitly, as behind a series resistance: a bracketed root for every element of an array."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spicesnn.devices.base import Floats
from spicesnn.errors import ConvergenceError

_ITERATIONS = 200
_TOLERANCE = 4e-16


def bracketed_root(function: Callable[[Floats], Floats], low: Floats, high: Floats) -> Floats:
    """Return the roots of an elementwise function that changes its sign between `low` and `high`.

    Chandrupatla's method (Advances in Engineering Software 28, 145, 1997): inverse quadratic interpolation where it is safe,
    bisection where it is not. It needs no derivative and cannot leave the bracket.

    Parameters
    ----------
    function : callable
        Array in, array of the same shape out.
    low, high : arrays of one shape
        Either may be the larger; where the function is 0 at one of them, that one is the root.

    Raises
    ------
    ConvergenceError
        No sign change in a bracket, or values that are not finite.
    """
    a, b = np.array(low, dtype=float), np.array(high, dtype=float)
    fa, fb = function(a), function(b)
    if not (np.all(np.isfinite(fa)) and np.all(np.isfinite(fb))) or np.any(fa * fb > 0):
        raise ConvergenceError("implicit device current: no sign change between the ends of the bracket")
    c, fc, share = a.copy(), fa.copy(), np.full(a.shape, 0.5)
    for _ in range(_ITERATIONS):
        x = a + share * (b - a)
        fx = function(x)
        same = np.sign(fx) == np.sign(fa)
        c, fc = np.where(same, a, b), np.where(same, fa, fb)
        b, fb = np.where(same, b, a), np.where(same, fb, fa)
        a, fa = x, fx
        best = np.where(np.abs(fa) < np.abs(fb), a, b)
        room = 2.0 * _TOLERANCE * np.abs(best) + 1e-300
        reach = room / np.maximum(np.abs(b - a), 1e-300)
        if np.all((reach > 0.5) | (fa == 0) | (fb == 0)):
            return np.asarray(np.where(fa == 0, a, np.where(fb == 0, b, best)))
        share = np.clip(_next_share(a, b, c, fa, fb, fc), np.minimum(reach, 0.5), np.maximum(1.0 - reach, 0.5))
    raise ConvergenceError(f"implicit device current: no root within {_ITERATIONS} iterations")


def _next_share(a: Floats, b: Floats, c: Floats, fa: Floats, fb: Floats, fc: Floats) -> Floats:
    """Return where between `a` and `b` to look next: by inverse quadratic interpolation if that is monotone, else half way."""
    with np.errstate(divide="ignore", invalid="ignore"):
        along, ratio = (a - b) / (c - b), (fa - fb) / (fc - fb)
        safe = (1.0 - np.sqrt(1.0 - along) < ratio) & (ratio < np.sqrt(along))
        share = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
    return np.where(safe & np.isfinite(share), share, 0.5)
