"""Window functions that keep a state inside its bounds, the same in Python and in `models/`.

Hard clips (``x < 1 ? 1 : 0``) make ngspice reject hundreds of steps and end at the wrong state; every bound here is
therefore a ramp of a small stated width on which the rate falls to zero.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.devices.base import Floats


def bound_ramp(x: ArrayLike, low: ArrayLike, high: ArrayLike, rising: ArrayLike, width: ArrayLike) -> Floats:
    """Return the factor that stops a state softly at its bounds.

    Inside it is 1; over the last `width` (a fraction of ``high - low``) before the bound the state moves towards it falls
    linearly to 0, and stays 0 beyond: ``clip((high - x)/(width (high - low)), 0, 1)`` for a rising state, mirrored for a
    falling one. A state can always leave its bound.

    Parameters
    ----------
    x, low, high : ArrayLike
        State and bounds, state units.
    rising : ArrayLike
        Boolean: whether the state moves towards `high`.
    width : ArrayLike
        Relative width of the ramp, above 0.
    """
    span = np.asarray(width) * (np.asarray(high, dtype=float) - low)
    room = np.where(rising, np.asarray(high, dtype=float) - x, np.asarray(x, dtype=float) - low)
    return np.asarray(np.clip(room / span, 0.0, 1.0))
