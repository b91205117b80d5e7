"""Many variants of one device through the same voltage, in step: what a fit needs, and nothing else.

The engines solve circuits with error control. A least-squares fit needs the opposite: the same steps for every parameter
set, so that the residuals are smooth in the parameters, and all variants at once, so that a Jacobian costs one pass.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spicesnn.devices.base import Device, Floats

Counts = NDArray[np.int64]

_GAMMA = 1.0 - 1.0 / np.sqrt(2.0)


def start_state(device: Device, variants: int) -> Floats:
    """Return the initial state of every variant, (variants, 1) or (states, variants, 1)."""
    count = len(device.state_names)
    initial = np.asarray(device.initial_state(), dtype=float)
    if count > 1:
        initial = initial.reshape(count, -1, 1) if initial.ndim > 1 else initial[:, None, None]
        return np.array(np.broadcast_to(initial, (count, variants, 1)))
    return np.array(np.broadcast_to(initial, (variants, 1)))


def advance(device: Device, state: Floats, begin: float, end: float, seconds: float, steps: int) -> Floats:
    """Return the states after `seconds` of a voltage that runs straight from `begin` to `end` volts.

    The two-stage Rosenbrock-W method ROS2 (Verwer et al., SIAM J. Sci. Comput. 20, 1456, 1999), L-stable and of second order
    with any approximation of the Jacobian; here its diagonal, `Device.rate_slope`. The state is held inside its bounds.

    Parameters
    ----------
    device : Device
        Parameters that differ have shape (variants, 1).
    state : (variants, 1) or (states, variants, 1)
    """
    low, high = (np.asarray(b, dtype=float) for b in device.bounds())
    h = seconds / steps
    with np.errstate(all="ignore"):
        for k in range(steps):
            here, there = (begin + (end - begin) * (k + j) / steps for j in (0, 1))
            damping = 1.0 - _GAMMA * h * np.minimum(np.nan_to_num(device.rate_slope(here, state)), 0.0)
            first = device.rate(here, state) / damping
            second = (device.rate(there, np.clip(state + h * first, low, high)) - 2.0 * first) / damping
            moved = state + h * (1.5 * first + 0.5 * second)
            state = np.clip(np.where(np.isfinite(moved), moved, state), low, high)
    return state


def sweep_amps(device: Device, time: Floats, volts: Floats, variants: int, steps: Counts) -> tuple[Floats, Floats]:
    """Return current and way of the state of every variant at the times of a sweep, from the initial state on.

    Parameters
    ----------
    steps : (points,) int
        Integration steps from the point before to this one; the first entry is not used.

    Returns
    -------
    amps : (points, variants)
    moved : (points, variants)
        How far the state went since the point before, as a fraction of its range (of the state that went farthest).
    """
    state = start_state(device, variants)
    span = _span(device)
    amps, moved = np.empty((time.size, variants)), np.zeros((time.size, variants))
    for k in range(time.size):
        if k and device.memory:
            before = state
            state = advance(device, state, volts[k - 1], volts[k], time[k] - time[k - 1], int(steps[k]))
            moved[k] = _largest(np.abs(state - before) / span)
        amps[k] = np.broadcast_to(device.current(volts[k], state), (variants, 1))[:, 0]
    return amps, moved


def pulse_siemens(device: Device, volts: Floats, width_s: Floats, v_read: float, variants: int, steps: Counts) -> tuple[Floats, Floats]:
    """Return the chord conductance at `v_read` of every variant after each pulse, and the way of the state; as `sweep_amps`."""
    state = start_state(device, variants)
    span = _span(device)
    siemens, moved = np.empty((volts.size, variants)), np.zeros((volts.size, variants))
    for k in range(volts.size):
        if volts[k] != 0:
            before = state
            state = advance(device, state, volts[k], volts[k], width_s[k], int(steps[k]))
            moved[k] = _largest(np.abs(state - before) / span)
        siemens[k] = np.broadcast_to(device.current(v_read, state) / v_read, (variants, 1))[:, 0]
    return siemens, moved


def _span(device: Device) -> Floats:
    low, high = (np.asarray(b, dtype=float) for b in device.bounds())
    scale = np.asarray(device.state_scale or (1.0,), dtype=float).reshape((-1, 1, 1) if len(device.state_names) > 1 else ())
    return np.where(np.isfinite(high - low), high - low, scale)


def _largest(way: Floats) -> Floats:
    """Return (variants,) of (variants, 1) or (states, variants, 1)."""
    return way[:, 0] if way.ndim == 2 else way.max(axis=0)[:, 0]
