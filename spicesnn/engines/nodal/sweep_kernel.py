# mypy: disallow-untyped-decorators=False
"""Devices one by one along a voltage known at samples, compiled: what a fit asks for some thousand
times."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, int64, types

from spicesnn.devices.cell_functions import call, pointer
from spicesnn.engines.nodal.cell_kernel import advance_cells
from spicesnn.engines.nodal.state_kernel import advance_states
from spicesnn.jit import compiled

_TABLE = float64[:, ::1]
_ROW = float64[::1]


def no_current(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return 0: while a state is followed its current is not asked for, and it may be dear."""
    return 0.0


@compiled(
    signature=int64(
        int64, int64, int64, _TABLE, _TABLE, _ROW, _TABLE, _ROW, float64, int64, _TABLE
    ),
    nogil=True,
    error_model="numpy",
)
def follow_sweep(
    current: int,
    rate: int,
    idle: int,
    parameters: Any,
    cells: Any,
    state: Any,
    course: Any,
    gate: Any,
    tolerance: float,
    most: int,
    amps: Any,
) -> int:
    """Write the current of every cell at the end of every part of a course; NaN from where a cell
    cannot be followed. Return the steps of all.

    Parameters
    ----------
    current, rate, idle : int
        Addresses of the equations, and of `no_current`.
    parameters : (m or 1, count)
    cells : (m, 4)
        Lower and upper bound, scale, 1.
    state : (m,)
        At the beginning.
    course : (parts, 5)
        As in `spicesnn.fitting.trajectory.follow`.
    gate : (parts,), (1,) or (0,)
        Voltage of the third terminal, where there is one, in each part or in all.
    tolerance : float
        Local error of a step, as a fraction of the state's range.
    most : int
        Steps of a cell after which it is given up.
    amps : (parts, m), written
    """
    parts, count = amps.shape
    source, line, ohms = np.empty((5, count)), np.zeros((2, count)), np.zeros(0)
    gates, level = (
        np.full((2, count if gate.size else 0), gate[0] if gate.size else 0.0),
        gate[0] if gate.size else 0.0,
    )
    varies = gate.size > 1
    nodes, siemens, totals = np.empty((4, count)), np.empty((4, count)), np.empty((2, count))
    steps, taken = np.empty(count), np.zeros(1, dtype=np.int64)
    followers = (idle, rate, 0, 0, parameters, cells)
    followed = (nodes, siemens, totals[0], totals[1])
    x, total = state.copy(), 0
    for c in range(count):
        spent = 0
        p = pointer(parameters, (c if parameters.shape[0] > 1 else 0) * parameters.shape[1])
        steps[c] = 0.0
        lost = False
        for k in range(parts):
            seconds = course[k, 3]
            if seconds < 0.0:  # the next sweep, of a device in its first state again
                x[c], steps[c] = state[c], 0.0
            if varies:
                level = gate[k]
                gates[0, c] = gates[1, c] = level
            if seconds > 0.0 and not lost:
                for j in range(5):
                    s = 0.25 * j
                    source[j, c] = (
                        course[k, 0]
                        + s * (course[k, 1] - course[k, 0])
                        - 0.5 * s * (1.0 - s) * course[k, 2]
                    )
                steps[c] = seconds if steps[c] <= 0.0 else min(steps[c], seconds)
                lost = (
                    advance_cells(
                        c,
                        c + 1,
                        followers,
                        x,
                        (source, ohms, gates, line, seconds),
                        tolerance,
                        steps,
                        followed,
                        steps,
                        taken,
                    )
                    >= 0
                )
                x[c] = nodes[3, c]
                spent += taken[0]
                lost = lost or spent > most
            amps[k, c] = np.nan if lost else call(current, course[k, 4], x[c], level, p)
        total += spent
    return total


@compiled(
    signature=int64(
        int64,
        int64,
        int64,
        int64,
        _TABLE,
        types.UniTuple(_TABLE, 3),
        _TABLE,
        _TABLE,
        _ROW,
        float64,
        int64,
        _TABLE,
    ),
    nogil=True,
    error_model="numpy",
)
def follow_states(
    current: int,
    rate: int,
    idle: int,
    head: int,
    parameters: Any,
    ranges: Any,
    state: Any,
    course: Any,
    gate: Any,
    tolerance: float,
    most: int,
    amps: Any,
) -> int:
    """Do what `follow_sweep` does with cells of several states.

    Parameters
    ----------
    head : int
        Where in `p` the states stand.
    ranges : three of (n, m)
        As in `state_kernel.StateCells`.
    state : (n, m)
    """
    n, (parts, count) = state.shape[0], amps.shape
    source, line, ohms = np.empty((5, count)), np.zeros((2, count)), np.zeros(0)
    gates = np.zeros((2, count if gate.size else 0))
    nodes, totals, steps = np.empty((4, n, count)), np.empty((2, count)), np.empty(count)
    x, taken, total = state.copy(), np.zeros(2, dtype=np.int64), 0
    followers = (idle, rate, 0, 0, head, parameters, ranges, np.ones(count))
    followed = (nodes, totals[0], totals[1])
    row = np.zeros(max(parameters.shape[1], head + n))
    for c in range(count):
        row[: parameters.shape[1]] = parameters[c if parameters.shape[0] > 1 else 0]
        steps[c], lost, spent = 0.0, False, 0
        for k in range(parts):
            seconds = course[k, 3]
            if seconds < 0.0:
                x[:, c], steps[c] = state[:, c], 0.0
            level = gate[k if gate.size > 1 else 0] if gate.size else 0.0
            if gate.size:
                gates[:, c] = level
            if seconds > 0.0 and not lost:
                for j in range(5):
                    s = 0.25 * j
                    bend = 0.5 * s * (1.0 - s) * course[k, 2]
                    source[j, c] = course[k, 0] + s * (course[k, 1] - course[k, 0]) - bend
                steps[c] = seconds if steps[c] <= 0.0 else min(steps[c], seconds)
                stopped = advance_states(
                    c,
                    c + 1,
                    followers,
                    x,
                    (source, ohms, gates, line, seconds),
                    tolerance,
                    most - spent,
                    steps,
                    followed,
                    steps,
                    taken,
                )
                lost = stopped >= 0
                spent += most - spent if lost else taken[1]
                x[:, c] = nodes[3, :, c]
            row[head : head + n] = x[:, c]
            amps[k, c] = (
                np.nan if lost else call(current, course[k, 4], 0.0, level, pointer(row, 0))
            )
        total += spent
    return total
