"""Whether an equation determines when a state leaves one of its bounds.

A window that is 0 at a bound, as 1 − (2x − 1)^2p, makes the bound a point of rest: the state comes
ever nearer to it, and leaves it as late as it is near. Once it is nearer than an integration
resolves, when it leaves is a matter of rounding, in any simulator."""

from __future__ import annotations

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.devices.foreign import Foreign
from spicesnn.errors import ConvergenceError

_AWAY, _ALIKE, _LOOKS = 1e-6, 1e-3, 6


def check_determined(device: Foreign, volts: Floats, state: Floats, resolution: float) -> None:
    """Refuse a curve whose only state has left a bound at which its equation lets it rest.

    Parameters
    ----------
    device : Foreign
        Its parameters are numbers.
    volts, state : (times,)
        In the order of time.
    resolution : float
        Of the state's range: how near to a bound the integration tells values apart.

    Raises
    ------
    ConvergenceError
        It has; says at which bound.
    """
    low, high = (float(np.asarray(end)) for end in device.bounds())
    span = high - low
    for bound, inward in ((low, 1.0), (high, -1.0)):
        far = inward * (state - bound) / span
        left = np.flatnonzero((far[:-1] < resolution) & (far[1:] >= resolution))
        for k in left:
            if not np.any(far[k + 1 :] > max(_AWAY, 10 * resolution)):
                continue
            v = volts[k + 1 : k + 1 + _LOOKS]
            inside = inward * device.rate(v, np.full(v.shape, bound + inward * resolution * span))
            most = int(np.argmax(inside))
            if inside[most] <= 0:
                continue
            at = inward * device.rate(v[most : most + 1], np.full(1, bound))
            if abs(float(at[0])) <= _ALIKE * float(inside[most]):
                raise ConvergenceError(
                    f"{device.name}: the state {device.state_names[0]} has come so near to {bound:g},"
                    " where its equation lets it rest, that rounding decides when it leaves again:"
                    " no simulator can tell. Drive it less far (a lower amplitude, a higher"
                    " frequency), or use a window that lets the state go, such as Biolek's"
                )
