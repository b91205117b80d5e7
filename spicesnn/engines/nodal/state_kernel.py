# mypy: disallow-untyped-decorators=False
"""The integrator of cells with several states, compiled, one cell after the other: for devices that
offer their equations as `CellCode` with `states` above 1.

The method, its error estimate and its steps are those of `rosenbrock`, which does the same in
NumPy for any device; here each cell takes its own steps without waiting for the others."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import float64, int64, types

from spicesnn.arrays import Floats
from spicesnn.devices.cell_functions import call, call_solver, pointer
from spicesnn.engines.nodal import rosenbrock
from spicesnn.engines.nodal.cell_kernel import CELL_DRIVE, CellDrive, drive_of, source_at
from spicesnn.engines.nodal.rosenbrock import (
    ALPHA,
    BESIDE,
    DIFFERENCE,
    GAMMA,
    INSTANT,
    KINK,
    LEAST_FLOW,
    STIFF,
    A,
    B,
    C,
)
from spicesnn.jit import compiled

_D = B - rosenbrock.B_LOW
AT_BOUND, ENERGY, LEAST_STEP, ORDER = (
    rosenbrock.AT_BOUND,
    rosenbrock.ENERGY,
    rosenbrock.LEAST_STEP,
    rosenbrock.ORDER,
)


class StateCells(NamedTuple):
    """Cells of several states as compiled code takes them.

    Attributes
    ----------
    current, rate, conductance, solver : int
        As in `cell_kernel.Cells`.
    head : int
        Where in `p` the states stand.
    parameters : (m or 1, count)
    ranges : three of (n, m)
        Lower and upper bounds, and scales.
    moves : (m,)
        1, or 0 for a stuck cell.
    """

    current: int
    rate: int
    conductance: int
    solver: int
    head: int
    parameters: Floats
    ranges: tuple[Floats, Floats, Floats]
    moves: Floats


class StateCode(NamedTuple):
    """Addresses of the equations of a cell's device, and where in `p` its states stand."""

    current: int
    rate: int
    head: int


_TABLE = float64[:, ::1]
_ROW = float64[::1]
_CELLS = types.Tuple((int64, int64, int64, int64, int64, _TABLE, types.UniTuple(_TABLE, 3), _ROW))
_FOLLOWED = types.Tuple((float64[:, :, ::1], _ROW, _ROW))


@compiled(nogil=True, error_model="numpy")
def _look(code: Any, row: Any, cell: Any, drive: Any, x: Any, s: float, out: Any) -> Any:
    """Write the rates of a cell in states x, held inside their bounds, at s; return its current and
    its share of the drivers' power."""
    current, rate, head = code
    low, high, _, moving = cell
    p = pointer(row, 0)
    for k in range(x.size):
        row[head + k] = min(max(x[k], low[k]), high[k])
    gate, v = drive[5] + s * drive[6], source_at(drive, s)
    if drive[9] > 0.0 and drive[10] == 0:
        v = v / (1.0 + drive[9] * call(current, 1.0, 0.0, gate, p))
    elif drive[9] > 0.0:
        v = call_solver(drive[11], current, drive[10], v, drive[9], 0.0, gate, p)
    for k in range(x.size):
        out[k] = moving * call(rate, v, float(k), gate, p) if moving != 0.0 else 0.0
    amps = call(current, v, 0.0, gate, p)
    return amps, amps * (drive[7] + s * drive[8])


@compiled(nogil=True, error_model="numpy")
def _slopes(
    code: Any,
    row: Any,
    cell: Any,
    drive: Any,
    x: Any,
    s: float,
    here: Any,
    out: Any,
    jacobian: Any,
    later: Any,
) -> float:
    """Write ∂f/∂x at a fixed source voltage by one-sided differences towards the inside, and ∂f/∂s;
    return the largest |∂f_i/∂x_i|."""
    low, high, scale, _ = cell
    most, step = 0.0, INSTANT if s < 0.5 else -INSTANT
    _look(code, row, cell, drive, x, s + step, out)
    for i in range(x.size):
        later[i] = (out[i] - here[i]) / step
    for j in range(x.size):
        kept = x[j]
        outer = low[j] > -1e300 and kept > 0.5 * (low[j] + high[j])
        step = -DIFFERENCE * scale[j] if outer or low[j] <= -1e300 else DIFFERENCE * scale[j]
        x[j] = kept + step
        _look(code, row, cell, drive, x, s, out)
        x[j] = kept
        for i in range(x.size):
            jacobian[i, j] = (out[i] - here[i]) / step
        most = max(most, abs(jacobian[j, j]))
    return most


@compiled(nogil=True, error_model="numpy")
def _factored(jacobian: Any, h: float, matrix: Any, order: Any) -> None:
    """Write the factors of 1 − hγJ, rows in the order of their pivots."""
    n = order.size
    for i in range(n):
        order[i] = i
        for j in range(n):
            matrix[i, j] = (1.0 if i == j else 0.0) - GAMMA * h * jacobian[i, j]
    for k in range(n):
        best = k
        for i in range(k + 1, n):
            if abs(matrix[i, k]) > abs(matrix[best, k]):
                best = i
        if best != k:
            order[k], order[best] = order[best], order[k]
            for j in range(n):
                matrix[k, j], matrix[best, j] = matrix[best, j], matrix[k, j]
        for i in range(k + 1, n):
            matrix[i, k] /= matrix[k, k]
            for j in range(k + 1, n):
                matrix[i, j] -= matrix[i, k] * matrix[k, j]


@compiled(nogil=True, error_model="numpy")
def _solve(matrix: Any, order: Any, right: Any, answer: Any) -> None:
    """Write the solution of the factored system."""
    n = order.size
    for i in range(n):
        answer[i] = right[order[i]]
        for j in range(i):
            answer[i] -= matrix[i, j] * answer[j]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, n):
            answer[i] -= matrix[i, j] * answer[j]
        answer[i] /= matrix[i, i]


@compiled(
    signature=int64(
        int64,
        int64,
        _CELLS,
        _TABLE,
        CELL_DRIVE,
        float64,
        int64,
        _ROW,
        _FOLLOWED,
        _ROW,
        int64[::1],
    ),
    nogil=True,
    error_model="numpy",
)
def advance_states(
    first: int,
    last: int,
    cells: Any,
    states: Any,
    under: Any,
    tolerance: float,
    most: int,
    steps: Any,
    followed: Any,
    next_steps: Any,
    taken: Any,
) -> int:
    """Integrate cells `first` to `last` over one interval; return −1, or the number of a cell that
    cannot be followed.

    Parameters
    ----------
    cells : tuple
        Of what a `StateCells` has.
    states : (n, m)
        At the beginning.
    under, tolerance, steps
        As in `cell_kernel.advance_cells`.
    most : int
        Steps of a cell, rejected ones included, after which it is given up.
    followed : (nodes, charge, energy), written
        States at the nodes after 0, (4, n, m); the others as in `cell_kernel.advance_cells`.
    next_steps : (m,), written
    taken : (2,), written
        Steps of all cells, and all steps that were tried.
    """
    cells, under = StateCells(*cells), CellDrive(*under)
    nodes, charge, energy = followed
    parameters, ranges, head, seconds = cells.parameters, cells.ranges, cells.head, under.seconds
    code = StateCode(cells.current, cells.rate, head)
    n = states.shape[0]
    row = np.zeros(max(parameters.shape[1], head + n))
    x, end, middle, right = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    f0, f1, out, stage = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    later = np.empty(n)
    jacobian, matrix, order = np.empty((n, n)), np.empty((n, n)), np.empty(n, dtype=np.int64)
    k = np.empty((4, n))
    amps, watts = np.empty(4), np.empty(4)
    low, high, scale = np.empty(n), np.empty(n), np.empty(n)
    taken[0] = taken[1] = 0
    for c in range(first, last):
        chosen = c if parameters.shape[0] > 1 else 0
        for i in range(parameters.shape[1]):
            row[i] = parameters[chosen, i]
        for i in range(n):
            low[i], high[i], scale[i] = ranges[0][i, c], ranges[1][i, c], ranges[2][i, c]
            x[i] = states[i, c]
        cell = (low, high, scale, cells.moves[c])
        drive = drive_of(under, cells.conductance, cells.solver, c)
        coulomb = joules = 0.0
        for place in (1.0, 0.5, 0.0):
            i0, p0 = _look(code, row, cell, drive, x, place, f0)
            coulomb, joules = max(coulomb, abs(i0)), max(joules, abs(p0))
        # A cell that does not conduct yet counts with what the error of its states conducts.
        for i in range(n):
            off = tolerance * scale[i]
            middle[i] = (
                x[i] - off if low[i] > -1e300 and x[i] > 0.5 * (low[i] + high[i]) else x[i] + off
            )
        flow, power = _look(code, row, cell, drive, middle, 1.0, f1)
        coulomb, joules = max(coulomb, abs(flow)), max(joules, abs(power))
        coulomb, joules = LEAST_FLOW * seconds * coulomb, LEAST_FLOW * seconds * joules
        steep = _slopes(code, row, cell, drive, x, 0.0, f0, out, jacobian, later)
        s, part, rejected, ahead, done, rounds = 0.0, steps[c], False, 0, False, 0
        charge[c] = energy[c] = 0.0
        while not done:
            rounds += 1
            if rounds > most or not part >= LEAST_STEP * seconds:
                return c
            if not steep * part > STIFF:
                for i in range(n):
                    distance = high[i] - x[i] if f0[i] > 0.0 else x[i] - low[i]
                    if distance > AT_BOUND * scale[i] and distance < 1e300 and f0[i] != 0.0:
                        part = min(part, 0.97 * distance / abs(f0[i]))
            goal = 0.25 * (ahead + 1) if steep * part > STIFF else 1.0
            left = (goal - s) * seconds
            arrives = part >= 0.999 * left
            h = left if arrives else part
            ds = h / seconds
            _factored(jacobian, h, matrix, order)
            amps[0], watts[0] = i0, p0
            for i in range(n):
                right[i] = h * (f0[i] + GAMMA * ds * later[i])
            _solve(matrix, order, right, stage)
            k[0, :] = stage
            for j in range(1, 4):
                for i in range(n):
                    middle[i], right[i] = x[i], 0.0
                    for q in range(j):
                        middle[i] += A[j, q] * k[q, i]
                        right[i] += C[j, q] * k[q, i]
                amps[j], watts[j] = _look(code, row, cell, drive, middle, s + ALPHA[j] * ds, out)
                for i in range(n):
                    stage[i] = h * (out[i] + BESIDE[j] * ds * later[i])
                    for q in range(n):
                        stage[i] += h * jacobian[i, q] * right[q]
                _solve(matrix, order, stage, f1)
                k[j, :] = f1
            worst = 0.0
            for i in range(n):
                moved = B[0] * k[0, i] + B[1] * k[1, i] + B[2] * k[2, i] + B[3] * k[3, i]
                off = _D[0] * k[0, i] + _D[1] * k[1, i] + _D[2] * k[2, i] + _D[3] * k[3, i]
                end[i] = min(max(x[i] + moved, low[i]), high[i])
                off = abs(off) / (scale[i] * tolerance)
                worst = off if not off <= worst else worst
            i5, p5 = _look(code, row, cell, drive, end, s + ds, f1)
            for i in range(n):
                kink = KINK * h * abs(f1[i] - out[i]) / (1.0 + GAMMA * h * abs(jacobian[i, i]))
                kink /= scale[i] * tolerance
                worst = kink if not kink <= worst else worst
                middle[i] = 0.5 * (x[i] + end[i]) + 0.125 * h * (f0[i] - f1[i])
            im, pm = _look(code, row, cell, drive, middle, s + 0.5 * ds, out)
            dq, de = h * (i0 + 4.0 * im + i5) / 6.0, h * (p0 + 4.0 * pm + p5) / 6.0
            flow, power = max(abs(im), abs(i5)), max(abs(pm), abs(p5))
            off_q, off_e = dq, de
            for j in range(4):
                flow, power = max(flow, abs(amps[j])), max(power, abs(watts[j]))
                off_q, off_e = off_q - h * B[j] * amps[j], off_e - h * B[j] * watts[j]
            off_q = abs(off_q) / (ENERGY * tolerance * (coulomb + flow * h) + 1e-300)
            off_e = abs(off_e) / (ENERGY * tolerance * (joules + power * h) + 1e-300)
            worst = off_q if not off_q <= worst else worst
            worst = off_e if not off_e <= worst else worst
            if not worst < 1e30:  # NaN too
                worst = 1e30
            factor = min(max(0.85 * max(worst, 1e-10) ** (-1.0 / ORDER), 0.2), 20.0)
            if worst > 1.0:
                part, rejected = h * factor, True
                continue
            factor = min(factor, 1.0) if rejected else factor
            part = max(part, h * factor) if arrives and not rejected else h * factor
            rejected = False
            taken[0] += 1
            charge[c], energy[c] = charge[c] + dq, energy[c] + de
            coulomb, joules = coulomb + abs(dq), joules + abs(de)
            arrived = goal if arrives else s + ds
            while ahead < 4 and 0.25 * (ahead + 1) <= arrived:
                t = (0.25 * (ahead + 1) - s) / (arrived - s)
                for i in range(n):
                    bow = (1.0 - 2.0 * t) * (end[i] - x[i]) + h * ((t - 1.0) * f0[i] + t * f1[i])
                    between = (1.0 - t) * x[i] + t * end[i] + t * (t - 1.0) * bow
                    nodes[ahead, i, c] = min(max(between, low[i]), high[i])
                ahead += 1
            s, i0, p0 = arrived, i5, p5
            for i in range(n):
                x[i], f0[i] = end[i], f1[i]
            done = s >= 1.0
            if not done:
                steep = _slopes(code, row, cell, drive, x, s, f0, out, jacobian, later)
        next_steps[c] = part
        taken[1] += rounds
    return -1
