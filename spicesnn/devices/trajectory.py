"""Many variants of one device through the same voltage: what a fit needs, and nothing else.

The integrator is the nodal engine's, with its error control and each variant with its own steps, so that what a fit compares with the data is the
same curve that the engines give. Tolerances are far below what an engine works with: differences over a parameter must not see the steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spicesnn.devices.base import Device, Floats
from spicesnn.errors import ConvergenceError

if TYPE_CHECKING:
    from spicesnn.engines.nodal.cells import Ensemble


def sweep_course(time: Floats, volts: Floats) -> Floats:
    """Return the course of a sweep: straight from sample to sample, the current read at each; (points, 4), see `follow`."""
    before = np.concatenate([volts[:1], volts[:-1]])
    return np.stack([before, volts, np.diff(time, prepend=time[0]), volts], axis=1)


def pulse_course(volts: Floats, width_s: Floats, v_read: float) -> Floats:
    """Return the course of rectangular pulses, each followed by a read at `v_read`; (pulses, 4), see `follow`."""
    return np.stack([volts, volts, np.where(volts == 0, 0.0, width_s), np.full(volts.shape, v_read)], axis=1)


def follow(device: Device, course: Floats, variants: int, tolerance: float) -> Floats:
    """Return the current of every variant after every part of a course, from the initial state on.

    Parameters
    ----------
    device : Device
        Parameters that differ have shape (variants, 1).
    course : (parts, 4)
        Voltage at the beginning and at the end of a part, straight between; its length in seconds, which may be 0; the voltage at which the
        device is read after it.
    variants : int
    tolerance : float
        Local error of an integration step, as a fraction of the state's range.

    Returns
    -------
    (parts, variants) ampere; NaN from where a variant's state changes too fast to be followed.
    """
    from spicesnn.crossbar.crossbar import Crossbar
    from spicesnn.engines.nodal.cells import Ensemble

    cells = Ensemble.of(Crossbar(device=device, state=_start(device, variants)))
    state = np.clip(_start(device, variants).reshape(cells.count, variants), cells.low, cells.high)
    code = cells.device.compiled()
    if code is not None and cells.count == 1:
        from spicesnn.devices.cell_functions import address_of
        from spicesnn.engines.nodal.sweep_kernel import follow_sweep

        table = np.ascontiguousarray(np.stack([cells.low[0], cells.high[0], cells.scale[0], cells.moves], axis=1))
        amps = np.empty((len(course), variants))
        follow_sweep(address_of(code.current), address_of(code.rate), code.matrix(variants), table, state[0], course, tolerance, amps)
        return amps
    return _in_numpy(cells, state, course, tolerance)


def _in_numpy(cells: Ensemble, state: Floats, course: Floats, tolerance: float) -> Floats:
    """Return what `follow` does, for devices whose equations are not compiled; one that cannot be followed takes the others with it."""
    from spicesnn.engines.nodal.rosenbrock import NODES, Drive, advance

    variants = cells.moves.size
    amps, line, steps = np.full((len(course), variants), np.nan), np.zeros((2, variants)), np.full(variants, np.inf)
    for k, (begin, end, seconds, read) in enumerate(course):
        if seconds > 0 and cells.device.memory:
            source = np.repeat((begin + NODES * (end - begin))[:, None], variants, axis=1)
            drive = Drive(source=source, ohms=None, gate=None, line=line, seconds=seconds)
            try:
                done = advance(cells, state, drive, tolerance, np.minimum(steps, seconds))
            except ConvergenceError:
                break
            state, steps = done.nodes[3], done.step
        amps[k] = cells.current(np.full(variants, read), state, None)
    return amps


def _start(device: Device, variants: int) -> Floats:
    """Return the initial state of every variant, (variants, 1) or (states, variants, 1)."""
    count = len(device.state_names)
    initial = np.asarray(device.initial_state(), dtype=float)
    if count > 1:
        initial = initial.reshape(count, -1, 1) if initial.ndim > 1 else initial[:, None, None]
        return np.array(np.broadcast_to(initial, (count, variants, 1)))
    return np.array(np.broadcast_to(initial, (variants, 1)))
