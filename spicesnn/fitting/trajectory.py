"""Many variants of one device through the same voltage: what a fit needs, and nothing else.

The integrator is the nodal engine's, with its error control and each variant with its own steps, so
that what a fit compares with the data is the same curve that the engines give. Tolerances are far
below what an engine works with: differences over a parameter must not see the steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.devices.base import Device
from spicesnn.devices.cell_functions import address_of
from spicesnn.engines.nodal.cells import Ensemble
from spicesnn.engines.nodal.interval import NODES, Drive
from spicesnn.engines.nodal.rosenbrock import advance
from spicesnn.engines.nodal.sweep_kernel import follow_states, follow_sweep, no_current
from spicesnn.errors import ConvergenceError
from spicesnn.fitting.limited import BEFORE, limited_current, limited_rate, limited_table

_MOST_A_PART = 100
"""Steps of a variant after which it is given up, a part of the course: one that a sweep of a device
needs takes some ten at most."""
_OF_NUMPY = 2000
"""What a part of a course counts in steps where it is followed in NumPy."""


def sweep_course(time: Floats, volts: Floats, fresh: Sequence[int] = ()) -> Floats:
    """Return the course of a sweep, the current read at each sample; (points, 5), see `follow`.

    At the points `fresh` another sweep begins, of a device that is in its first state again.

    Between two samples the voltage is a parabola through both, with the smaller of the second
    differences at its two ends, and none where they differ in sign: a sine is followed to third
    order (a rate that goes with the fortieth power of the voltage sees the chords of a hundred
    samples a quarter), a triangle or a staircase is straight up to its corners."""
    steps, rise = np.diff(time), np.diff(volts)
    second = np.zeros(time.size)
    second[1:-1] = 2.0 * np.diff(rise / steps) / (steps[1:] + steps[:-1])
    one, other = second[:-1], second[1:]
    bend = (
        np.where(one * other > 0, np.sign(one) * np.minimum(np.abs(one), np.abs(other)), 0.0)
        * steps**2
    )
    if time.size > 3:  # beyond the ends nothing is known; the neighbour's bend is as good as any
        bend[0], bend[-1] = (bend[k] * (steps[j] / steps[k]) ** 2 for j, k in ((0, 1), (-1, -2)))
    first = [[volts[0], volts[0], 0.0, 0.0, volts[0]]]
    course = np.concatenate(
        [first, np.stack([volts[:-1], volts[1:], bend, steps, volts[1:]], axis=1)]
    )
    for k in fresh:
        course[k] = volts[k], volts[k], 0.0, -1.0, volts[k]
    return course


def pulse_course(volts: Floats, width_s: Floats, v_read: float) -> Floats:
    """Return the course of rectangular pulses, each followed by a read at `v_read`; (pulses, 5),
    see `follow`."""
    return np.stack(
        [
            volts,
            volts,
            np.zeros(volts.shape),
            np.where(volts == 0, 0.0, width_s),
            np.full(volts.shape, v_read),
        ],
        axis=1,
    )


def follow(
    device: Device,
    course: Floats,
    variants: int,
    tolerance: float,
    *,
    gate_volts: float | None = None,
    limit_amps: Floats | None = None,
) -> tuple[Floats, int]:
    """Return the current of every variant after every part of a course, from the initial state on.

    Parameters
    ----------
    device : Device
        Parameters that differ have shape (variants, 1).
    course : (parts, 5)
        Voltage at the beginning and at the end of a part; eight times how far it is below the chord
        in the middle; the part's length in seconds, which may be 0, or below 0 where the device is
        in its first state again; the voltage at which the device is read after it.
    variants : int
    tolerance : float
        Local error of an integration step, as a fraction of the state's range.
    gate_volts : float, optional
        Level of the third terminal.
    limit_amps : (parts,), optional
        The largest current that the source lets through in every part, ampere, infinite where there
        is no limit; for compiled devices of two terminals (`spicesnn.fitting.limited`).

    Returns
    -------
    amps : (parts, variants)
        Ampere; NaN from where a variant's state changes too fast to be followed.
    steps : int
        Steps of integration that it took, of all variants together.
    """
    cells = Ensemble.of(Crossbar(device=device, state=_start(device, variants)))
    state = np.clip(_start(device, variants).reshape(cells.count, variants), cells.low, cells.high)
    code = cells.device.compiled()
    gate = np.zeros(0) if gate_volts is None else np.array([gate_volts])
    if code is None:
        amps = _in_numpy(cells, state, course, gate, tolerance)
        return amps, _OF_NUMPY * len(course)
    amps = np.empty((len(course), variants))
    current, rate, parameters, levels = code.current, code.rate, code.matrix(variants), gate
    head = len(code.parameters)
    if limit_amps is not None and gate_volts is None:
        current, rate, levels = (
            limited_current,
            limited_rate,
            np.ascontiguousarray(limit_amps, dtype=float),
        )
        parameters, head = limited_table(code, variants), head + BEFORE
    functions = (address_of(function) for function in (current, rate, no_current))
    most = int(_MOST_A_PART * len(course))
    if code.states > 1:
        ranges = tuple(np.ascontiguousarray(a) for a in (cells.low, cells.high, cells.scale))
        steps = follow_states(
            *functions, head, parameters, ranges, state, course, levels, tolerance, most, amps
        )
        return amps, steps
    table = np.ascontiguousarray(
        np.stack([cells.low[0], cells.high[0], cells.scale[0], cells.moves], axis=1)
    )
    steps = follow_sweep(
        *functions, parameters, table, state[0], course, levels, tolerance, most, amps
    )
    return amps, steps


def _in_numpy(
    cells: Ensemble, state: Floats, course: Floats, gate: Floats, tolerance: float
) -> Floats:
    """Return what `follow` does, for devices whose equations are not compiled; one that cannot be
    followed takes the others with it."""
    variants = cells.moves.size
    amps, line, steps = (
        np.full((len(course), variants), np.nan),
        np.zeros((2, variants)),
        np.full(variants, np.inf),
    )
    level = np.full(variants, gate[0]) if gate.size else None
    first = state.copy()
    for k, (begin, end, bend, seconds, read) in enumerate(course):
        if seconds < 0:
            state, steps = first.copy(), np.full(variants, np.inf)
        if seconds > 0 and cells.device.memory:
            source = begin + NODES * (end - begin) - 0.5 * NODES * (1.0 - NODES) * bend
            drive = Drive(
                source=np.repeat(source[:, None], variants, axis=1),
                ohms=None,
                gate=None if level is None else np.stack([level, level]),
                line=line,
                seconds=seconds,
            )
            try:
                done = advance(cells, state, drive, tolerance, np.minimum(steps, seconds))
            except ConvergenceError:
                break
            state, steps = done.nodes[3], done.step
        amps[k] = cells.current(np.full(variants, read), state, level)
    return amps


def _start(device: Device, variants: int) -> Floats:
    """Return the initial state of every variant, (variants, 1) or (states, variants, 1)."""
    count = len(device.state_names)
    initial = np.asarray(device.initial_state(), dtype=float)
    if count > 1:
        initial = initial.reshape(count, -1, 1) if initial.ndim > 1 else initial[:, None, None]
        return np.array(np.broadcast_to(initial, (count, variants, 1)))
    return np.array(np.broadcast_to(initial, (variants, 1)))
