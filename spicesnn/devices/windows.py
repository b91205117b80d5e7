"""Window functions that keep a state inside its bounds, the same in Python and in `models/`.

Hard clips (``x < 1 ? 1 : 0``) make ngspice reject hundreds of steps and end at the wrong state;
every bound here is therefore a ramp of a small stated width on which the rate falls to zero."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.devices.equations import pick, power

_MOST = 1.0 - 1e-9
"""In place of the 1 that a power is taken from: a window below 1e-9 is 0, in both twins. Where it
vanishes at a bound a device sticks, which a difference of rounding would otherwise undo: it grows
exponentially, and the two twins would leave the bound at different times."""
_TEAM_END = 6.0
"""Where the inner exponential of the TEAM window is cut, in both twins: f is below 1e-175 there,
and ngspice must not overflow."""


def bound_ramp(
    x: ArrayLike, low: ArrayLike, high: ArrayLike, rising: ArrayLike, width: ArrayLike
) -> Floats:
    """Return the factor that stops a state softly at its bounds.

    Inside it is 1; over the last `width` (a fraction of ``high - low``) before the bound the state
    moves towards it falls linearly to 0, and stays 0 beyond: ``clip((high - x)/(width (high -
    low)), 0, 1)`` for a rising state, mirrored for a falling one. A state can always leave its
    bound.

    Parameters
    ----------
    x, low, high : ArrayLike
        State and bounds, state units.
    rising : ArrayLike
        Boolean: whether the state moves towards `high`.
    width : ArrayLike
        Relative width of the ramp, above 0.
    """
    low, high = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    return np.asarray(
        ramp(np.asarray(x, dtype=float), low, high, np.asarray(rising, dtype=bool), width)
    )


def ramp(x: Any, low: Any, high: Any, rising: Any, width: Any) -> Any:
    """Return `bound_ramp` of numbers or of arrays, in a form that compiled code can use
    (`devices.equations`)."""
    room = rising * (high - x) + (1.0 - rising) * (x - low)
    return np.minimum(np.maximum(room / (width * (high - low)), 0.0), 1.0)


class DriftWindow(enum.Enum):
    """Windows f(x, i) of the linear drift model, x in [0, 1]; none is negative here, beyond the
    bounds they are 0.

    - NONE: f = 1
    - JOGLEKAR: f = 1 − (2x − 1)^2p (Joglekar and Wolf, Eur. J. Phys. 30, 661, 2009)
    - BIOLEK: f = 1 − (x − stp(−i))^2p with stp(u) = 1 for u ≥ 0 (Biolek, Biolek and Biolková, Radioengineering 18, 210, 2009)
    - PRODROMAKIS: f = j (1 − [(x − ½)² + ¾]^p) (Prodromakis et al., IEEE TED 58, 3099, 2011)
    """

    NONE = enum.auto()
    JOGLEKAR = enum.auto()
    BIOLEK = enum.auto()
    PRODROMAKIS = enum.auto()

    def factor(
        self, x: ArrayLike, rising: ArrayLike, order: ArrayLike, scale: ArrayLike = 1.0
    ) -> Floats:
        """Return f.

        Parameters
        ----------
        x : ArrayLike
            State, 0 to 1.
        rising : ArrayLike
            Boolean: whether the current is positive, so that x grows.
        order, scale : ArrayLike
            p, and the factor j of the Prodromakis window.
        """
        x = np.asarray(x, dtype=float)
        if self is DriftWindow.NONE:
            return np.ones(np.broadcast_shapes(x.shape, np.shape(rising)))
        function = {
            DriftWindow.JOGLEKAR: joglekar,
            DriftWindow.BIOLEK: biolek,
            DriftWindow.PRODROMAKIS: prodromakis,
        }[self]
        return np.asarray(function(x, np.asarray(rising, dtype=bool), order, scale))


def joglekar(x: Any, rising: Any, order: Any, scale: Any) -> Any:
    """Return 1 − (2x − 1)^2p, for numbers or arrays."""
    return np.maximum(_MOST - power(np.square(2.0 * x - 1.0), order), 0.0)


def biolek(x: Any, rising: Any, order: Any, scale: Any) -> Any:
    """Return 1 − (x − stp(−i))^2p, for numbers or arrays."""
    return np.maximum(_MOST - power(np.square(pick(rising, x, x - 1.0)), order), 0.0)


def prodromakis(x: Any, rising: Any, order: Any, scale: Any) -> Any:
    """Return j (1 − [(x − ½)² + ¾]^p), for numbers or arrays."""
    return scale * np.maximum(_MOST - power(np.square(x - 0.5) + 0.75, order), 0.0)


def bound_ramp_slope(
    x: ArrayLike, low: ArrayLike, high: ArrayLike, rising: ArrayLike, width: ArrayLike
) -> Floats:
    """Return the derivative of `bound_ramp` over `x`: −1/span on the ramp of a rising state,
    +1/span on that of a falling one, else 0."""
    span = np.asarray(width) * (np.asarray(high, dtype=float) - low)
    room = np.where(rising, np.asarray(high, dtype=float) - x, np.asarray(x, dtype=float) - low)
    return np.asarray(np.where((room > 0) & (room < span), np.where(rising, -1.0, 1.0) / span, 0.0))


class ThresholdWindow(enum.Enum):
    """Windows of VTEAM and TEAM; s = (w − w_on)/(w_off − w_on).

    - IDEAL: f = 1
    - JOGLEKAR: f = 1 − (2s − 1)^2p
    - BIOLEK: f = 1 − s^2p while w rises, 1 − (1 − s)^2p while it falls
    - TEAM: f = exp(−exp((w − a_off)/w_c)) while w rises, exp(−exp((a_on − w)/w_c)) while it falls
      (Kvatinsky et al., IEEE TCAS-I 60(1), 211, 2013)
    """

    IDEAL = enum.auto()
    JOGLEKAR = enum.auto()
    BIOLEK = enum.auto()
    TEAM = enum.auto()

    def factor(self, s: ArrayLike, rising: ArrayLike, order: ArrayLike) -> Floats:
        """Return f of the windows in s, 0 to 1; `order` is p."""
        same = {
            ThresholdWindow.IDEAL: DriftWindow.NONE,
            ThresholdWindow.JOGLEKAR: DriftWindow.JOGLEKAR,
            ThresholdWindow.BIOLEK: DriftWindow.BIOLEK,
        }
        return same[self].factor(s, rising, order)

    def team_factor(
        self, w: ArrayLike, rising: ArrayLike, a_on: ArrayLike, a_off: ArrayLike, w_c: ArrayLike
    ) -> Floats:
        """Return f of the TEAM window; everything in metres."""
        w = np.asarray(w, dtype=float)
        inside = np.where(rising, w - np.asarray(a_off), np.asarray(a_on) - w) / np.asarray(w_c)
        return np.asarray(np.exp(-np.exp(np.minimum(inside, _TEAM_END))))
