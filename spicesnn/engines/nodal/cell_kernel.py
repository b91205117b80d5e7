"""The integrator of the cells, compiled, one cell after the other: for devices that offer their
equations as `CellCode`.

The device's functions arrive as addresses, so the loop is compiled once for all devices; both are
kept on disk. Where a cell is stiff a step is the same as in `rosenbrock`, from the same
coefficients. Elsewhere it is one of Dormand and Prince's explicit pair of order 5(4) (J. Comput.
Appl. Math. 6, 19, 1980), which goes several times as far at the same number of evaluations; charge
and energy are integrated with its weights, as states of their own. Cells whose state stands still
are not stepped at all."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import float64, int64, types

from spicesnn.arrays import Floats
from spicesnn.devices.cell_functions import call, call_solver, pointer
from spicesnn.engines.nodal import rosenbrock
from spicesnn.engines.nodal.interval import (
    BEND,
    HASTY,
    HASTY_SHIFT,
    INTEGRAL,
    JUMP,
    POWERS,
    SAME,
    WAYSIDE,
)
from spicesnn.engines.nodal.rosenbrock import (
    ALPHA,
    DIFFERENCE,
    GAMMA,
    KINK,
    LEAST_FLOW,
    STIFF,
    A,
    B,
    C,
)
from spicesnn.jit import compiled

EXPLICIT = 2.0
"""Tolerance of a state in explicit steps, as a multiple of that of the others: their estimate is
that of an order less than they have."""
IMPLICIT = 0.05
"""Below this |h ∂f/∂x| a cell goes on with the slope of an earlier step: the order does not depend
on it, and stability is far away."""
_D = B - rosenbrock.B_LOW
AT_BOUND, ENERGY, LEAST_STEP, MOST_ROUNDS = (
    rosenbrock.AT_BOUND,
    rosenbrock.ENERGY,
    rosenbrock.LEAST_STEP,
    rosenbrock.MOST_ROUNDS,
)
_THIRD, _FIFTH = -1.0 / 3.0, -1.0 / 5.0
_P = np.array([35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84, 0.0])
_E = np.array([71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40])
"""What the explicit pair adds up: its fifth order, and that less its fourth."""
_Q = np.array(
    [
        -12715105075 / 11282082432,
        0.0,
        87487479700 / 32700410799,
        -10690763975 / 1880347072,
        701980252875 / 199316789632,
        -1453857185 / 822651844,
        69997945 / 29380423,
    ]
)
"""Its dense output of order 4 is the cubic through both ends plus θ²(1 − θ)²·h·Σ Q_i·k_i (Hairer,
Nørsett and Wanner, Solving ODEs I, II.6)."""
BOW, DEFECT = 0.05, 0.2
"""How that term, and what the dense output leaves over of the equation in the middle of a step,
count as errors.

The pair's own estimate vanishes for a kink or a jump of dx/dt at some places of the step. With
these two, the error of a step over a jump, or over |t − t₀|ⁿ with n up to 3, is at most 4.2 times
the estimate, wherever it lies. """


class Equations(NamedTuple):
    """Addresses of the equations of a cell's device, and a pointer to its parameters."""

    current: int
    rate: int
    p: Any


class Cells(NamedTuple):
    """Cells as compiled code takes them.

    Attributes
    ----------
    current, rate, conductance, solver : int
        Addresses of the equations, and of `cell_functions.behind`; the last two are 0 for a device
        that is linear in v, and are asked for only with source resistances.
    parameters : (m or 1, count)
    ranges : (m, 4)
        Lower and upper bound, scale, and 1 or 0 for a stuck cell.
    """

    current: int
    rate: int
    conductance: int
    solver: int
    parameters: Floats
    ranges: Floats


class CellDrive(NamedTuple):
    """An `interval.Drive` as compiled code takes it: `ohms` is (0,) and `gate` (2, 0) for None."""

    source: Floats
    ohms: Floats
    gate: Floats
    line: Floats
    seconds: float


_TABLE = float64[:, ::1]
_ROW = float64[::1]
# Plain tuples: named ones take longer to be looked at, each time, than a cell to be followed.
CELL_DRIVE = types.Tuple((_TABLE, _ROW, _TABLE, _TABLE, float64))
_CELLS = types.Tuple((int64, int64, int64, int64, _TABLE, _TABLE))
_FOLLOWED = types.Tuple((_TABLE, _TABLE, _ROW, _ROW))


@compiled(nogil=True, error_model="numpy")
def device_of(cells: Any, c: int) -> Any:
    """Return the `Equations` of a cell."""
    count = cells.parameters.shape
    return Equations(
        cells.current,
        cells.rate,
        pointer(cells.parameters, (c if count[0] > 1 else 0) * count[1]),
    )


@compiled(nogil=True, error_model="numpy")
def _look(device: Any, cell: Any, drive: Any, x: float, s: float) -> Any:
    """Return dx/dt of the cell in state x (held inside its bounds) at s, its current, and its share
    of the drivers' power."""
    low, high, _, moving = cell
    x = min(max(x, low), high)
    return _look_at(device, moving, drive, x, s, source_at(drive, s))


@compiled(nogil=True, error_model="numpy")
def source_at(drive: Any, s: float) -> float:
    """Return the source voltage at s."""
    return drive[0] + s * (drive[1] + s * (drive[2] + s * (drive[3] + s * drive[4])))


@compiled(nogil=True, error_model="numpy")
def _look_at(device: Any, moving: float, drive: Any, x: float, s: float, v: float) -> Any:
    """Return what `_look` does, for a state inside its bounds and under a given source voltage."""
    current, rate, p = device
    gate = drive[5] + s * drive[6]
    if drive[9] > 0.0 and drive[10] == 0:
        siemens = call(current, 1.0, x, gate, p)
        v = v / (1.0 + drive[9] * siemens)
        amps = v * siemens
    elif drive[9] > 0.0:
        u = v
        v = call_solver(drive[11], current, drive[10], u, drive[9], x, gate, p)
        # Where most of u drops on the resistance, the drop says the current more exactly than a
        # steep i(v) does
        amps = (u - v) / drive[9] if abs(v) < 0.5 * abs(u) else call(current, v, x, gate, p)
    else:
        amps = call(current, v, x, gate, p)
    return (
        (moving * call(rate, v, x, gate, p) if moving != 0.0 else 0.0),
        amps,
        amps * (drive[7] + s * drive[8]),
    )


@compiled(nogil=True, error_model="numpy")
def _stand(device: Any, cell: Any, drive: Any, x: float, begins: Any, linear: bool) -> Any:
    """Return ∫ i ds and ∫ power ds of a cell whose state stands still over the whole interval, and
    whether it does.

    It does where dx/dt is 0 at both ends and at the lowest and the highest of 17 source voltages on
    the way. The integrals are Boole's, exact for linear cells."""
    f0, i0, p0 = begins
    if f0 != 0.0:
        return 0.0, 0.0, False
    flat = (
        drive[1] == 0.0
        and drive[2] == 0.0
        and drive[3] == 0.0
        and drive[4] == 0.0
        and drive[6] == 0.0
    )
    if flat and drive[8] == 0.0:
        return i0, p0, True
    f1, i1, p1 = _look(device, cell, drive, x, 1.0)
    if f1 != 0.0:
        return 0.0, 0.0, False
    if not flat and cell[3] != 0.0:
        least, most, at_least, at_most = drive[0], drive[0], 0.0, 0.0
        for k in range(1, 17):
            u = source_at(drive, k / 16)
            if u < least:
                least, at_least = u, k / 16
            if u > most:
                most, at_most = u, k / 16
        if (
            _look(device, cell, drive, x, at_least)[0] != 0.0
            or _look(device, cell, drive, x, at_most)[0] != 0.0
        ):
            return 0.0, 0.0, False
    _, ia, pa = _look(device, cell, drive, x, 0.25)
    _, im, pm = _look(device, cell, drive, x, 0.5)
    _, ib, pb = _look(device, cell, drive, x, 0.75)
    if linear or (p0 == pa and p0 == pm and p0 == pb and p0 == p1):
        return (
            (7 * (i0 + i1) + 32 * (ia + ib) + 12 * im) / 90,
            (7 * (p0 + p1) + 32 * (pa + pb) + 12 * pm) / 90,
            True,
        )
    return 0.0, 0.0, False


@compiled(nogil=True, error_model="numpy")
def _slope(device: Any, cell: Any, drive: Any, x: float, s: float, here: float) -> float:
    """Return ∂f/∂x at a fixed source voltage by a one-sided difference towards the inside."""
    low, high, scale, _ = cell
    step = -DIFFERENCE * scale if low > -1e300 and x > 0.5 * (low + high) else DIFFERENCE * scale
    return (_look(device, cell, drive, x + step, s)[0] - here) / step


@compiled(nogil=True, error_model="numpy")
def _try_step(
    device: Any,
    cell: Any,
    drive: Any,
    x: float,
    s: float,
    ds: float,
    h: float,
    begins: Any,
    tolerance: float,
    coulomb: float,
    joules: float,
) -> Any:
    """Take one step of h seconds (ds of the interval); return its error in units of what is
    allowed, state, charge, energy, and the end's `_look`."""
    low, high, scale, _ = cell
    f1, i1, p1, slope = begins
    hj = h * slope
    below = 1.0 / (1.0 - GAMMA * hj)
    k1 = below * h * f1
    f2, i2, p2 = _look(device, cell, drive, x + A[1, 0] * k1, s + ALPHA[1] * ds)
    k2 = below * (h * f2 + hj * (C[1, 0] * k1))
    f3, i3, p3 = _look(device, cell, drive, x + A[2, 0] * k1 + A[2, 1] * k2, s + ALPHA[2] * ds)
    k3 = below * (h * f3 + hj * (C[2, 0] * k1 + C[2, 1] * k2))
    f4, i4, p4 = _look(device, cell, drive, x + k3, s + ds)
    k4 = below * (h * f4 + hj * (C[3, 0] * k1 + C[3, 1] * k2 + C[3, 2] * k3))
    error = abs(_D[0] * k1 + _D[1] * k2 + _D[2] * k3 + _D[3] * k4) / (scale * tolerance)
    worst = error
    end = min(max(x + B[0] * k1 + B[1] * k2 + B[2] * k3 + B[3] * k4, low), high)
    f5, i5, p5, charge, energy = f4, i4, p4, 0.0, 0.0
    if worst <= 1.0:
        f5, i5, p5 = _look(device, cell, drive, end, s + ds)
        worst = max(worst, KINK * h * abs(f5 - f4) / ((1.0 + GAMMA * abs(hj)) * scale * tolerance))
        middle = 0.5 * (x + end) + 0.125 * h * (f1 - f5)
        _, im, pm = _look(device, (low, high, scale, 0.0), drive, middle, s + 0.5 * ds)
        charge, energy = h * (i1 + 4.0 * im + i5) / 6.0, h * (p1 + 4.0 * pm + p5) / 6.0
        off = abs(charge - h * (B[0] * i1 + B[1] * i2 + B[2] * i3 + B[3] * i4))
        joule = abs(energy - h * (B[0] * p1 + B[1] * p2 + B[2] * p3 + B[3] * p4))
        coulomb += max(abs(i1), abs(i2), abs(i3), abs(i4), abs(im), abs(i5)) * h
        joules += max(abs(p1), abs(p2), abs(p3), abs(p4), abs(pm), abs(p5)) * h
        worst = max(
            worst,
            off / (ENERGY * tolerance * coulomb + 1e-300),
            joule / (ENERGY * tolerance * joules + 1e-300),
        )
    if not worst < 1e30:
        worst = 1e30
    return worst, end, charge, energy, f5, i5, p5


@compiled(nogil=True, error_model="numpy")
def _try_explicit(
    device: Any,
    cell: Any,
    drive: Any,
    x: float,
    s: float,
    ds: float,
    h: float,
    begins: Any,
    tolerance: float,
    coulomb: float,
    joules: float,
) -> Any:
    """Take one step of the explicit pair; return what `_try_step` does, and the fourth-order term
    of its dense output."""
    low, high, scale, _ = cell
    f1, i1, p1, _ = begins
    f2, i2, p2 = _look(device, cell, drive, x + h * (1 / 5) * f1, s + (1 / 5) * ds)
    f3, i3, p3 = _look(
        device, cell, drive, x + h * ((3 / 40) * f1 + (9 / 40) * f2), s + (3 / 10) * ds
    )
    f4, i4, p4 = _look(
        device,
        cell,
        drive,
        x + h * ((44 / 45) * f1 - (56 / 15) * f2 + (32 / 9) * f3),
        s + (4 / 5) * ds,
    )
    x5 = x + h * (
        (19372 / 6561) * f1 - (25360 / 2187) * f2 + (64448 / 6561) * f3 - (212 / 729) * f4
    )
    f5, i5, p5 = _look(device, cell, drive, x5, s + (8 / 9) * ds)
    x6 = x + h * (
        (9017 / 3168) * f1
        - (355 / 33) * f2
        + (46732 / 5247) * f3
        + (49 / 176) * f4
        - (5103 / 18656) * f5
    )
    f6, i6, p6 = _look(device, cell, drive, x6, s + ds)
    end = min(
        max(x + h * (_P[0] * f1 + _P[2] * f3 + _P[3] * f4 + _P[4] * f5 + _P[5] * f6), low), high
    )
    f7, i7, p7 = _look(device, cell, drive, end, s + ds)
    error = h * (_E[0] * f1 + _E[2] * f3 + _E[3] * f4 + _E[4] * f5 + _E[5] * f6 + _E[6] * f7)
    quartic = h * (_Q[0] * f1 + _Q[2] * f3 + _Q[3] * f4 + _Q[4] * f5 + _Q[5] * f6 + _Q[6] * f7)
    worst = max(abs(error), KINK * h * abs(f7 - f6), BOW * abs(quartic)) / (
        EXPLICIT * scale * tolerance
    )
    charge = h * (_P[0] * i1 + _P[2] * i3 + _P[3] * i4 + _P[4] * i5 + _P[5] * i6)
    energy = h * (_P[0] * p1 + _P[2] * p3 + _P[3] * p4 + _P[4] * p5 + _P[5] * p6)
    if worst <= 1.0:
        middle = 0.5 * (x + end) + 0.125 * h * (f1 - f7) + 0.0625 * quartic
        fm, im, pm = _look(device, cell, drive, middle, s + 0.5 * ds)
        worst = max(
            worst,
            DEFECT
            * abs(1.5 * (end - x) - h * (0.25 * (f1 + f7) + fm))
            / (EXPLICIT * scale * tolerance),
        )
        joule = h * (_E[0] * p1 + _E[2] * p3 + _E[3] * p4 + _E[4] * p5 + _E[5] * p6 + _E[6] * p7)
        joule = max(abs(joule), DEFECT * abs(energy - h * (p1 + 4.0 * pm + p7) / 6.0))
        off = h * (_E[0] * i1 + _E[2] * i3 + _E[3] * i4 + _E[4] * i5 + _E[5] * i6 + _E[6] * i7)
        off = max(abs(off), DEFECT * abs(charge - h * (i1 + 4.0 * im + i7) / 6.0))
        coulomb += max(abs(i1), abs(i2), abs(i3), abs(i4), abs(im), abs(i7)) * h
        joules += max(abs(p1), abs(p2), abs(p3), abs(p4), abs(pm), abs(p7)) * h
        worst = max(
            worst,
            off / (ENERGY * tolerance * coulomb + 1e-300),
            joule / (ENERGY * tolerance * joules + 1e-300),
        )
    if not worst < 1e30:
        worst = 1e30
    return (worst, end, charge, energy, f7, i7, p7), quartic


@compiled(nogil=True, error_model="numpy")
def _follow(
    device: Any,
    cell: Any,
    drive: Any,
    x: float,
    begins: Any,
    seconds: float,
    tolerance: float,
    part: float,
    coulomb: float,
    joules: float,
    nodes: Any,
    c: int,
) -> Any:
    """Integrate cell c over one interval; return charge, energy, step, steps taken (−1: it cannot
    be followed). Its states go to `nodes` (4, m).

    The states at the nodes are on the cubic through the states and rates at both ends of a step; a
    stiff cell stops at every node."""
    low, high, scale, _ = cell
    s, charge, energy, taken, rejected, ahead, fresh = 0.0, 0.0, 0.0, 0, False, 0, True
    f1, i1, p1, slope = begins
    for _ in range(MOST_ROUNDS):
        stiff, stopped = abs(slope) * part > STIFF, False
        if not stiff and f1 != 0.0:
            distance = high - x if f1 > 0 else x - low
            if distance > max(AT_BOUND, 0.1 * tolerance) * scale and distance < part * abs(f1):
                part, stopped = 0.97 * distance / abs(f1), True
        goal = 0.25 * (ahead + 1) if stiff else 1.0
        left = (goal - s) * seconds
        last = part >= 0.999 * left
        h = left if last else part
        begins, quartic, power = (f1, i1, p1, slope), 0.0, _THIRD
        if stiff:
            tried = _try_step(
                device,
                cell,
                drive,
                x,
                s,
                h / seconds,
                h,
                begins,
                tolerance,
                coulomb,
                joules,
            )
        else:
            tried, quartic = _try_explicit(
                device,
                cell,
                drive,
                x,
                s,
                h / seconds,
                h,
                begins,
                tolerance,
                coulomb,
                joules,
            )
            power = _FIFTH
        worst, end, dq, de, f5, i5, p5 = tried
        factor = min(max(0.85 * max(worst, 1e-10) ** power, 0.2), 100.0)
        if worst > 1.0:
            part, rejected = (
                h * (0.5 * factor if rejected else factor),
                True,
            )  # twice: a kink, where errors fall slowly with the step
            if part < LEAST_STEP * seconds:
                return charge, energy, part, -1
            if not fresh:
                slope, fresh = _slope(device, cell, drive, x, s, f1), True
            continue
        charge, energy, taken = charge + dq, energy + de, taken + 1
        coulomb, joules = coulomb + abs(dq), joules + abs(de)
        part = (
            max(part, h * factor)
            if last and not rejected
            else h * (min(factor, 1.0) if rejected else factor)
        )
        # A step that failed, or that ends close to a bound, has met something of which the old
        # slope knows nothing
        wary, rejected = stopped or rejected, False
        arrived = goal if last else s + h / seconds
        while ahead < 4 and 0.25 * (ahead + 1) <= arrived:
            t = (0.25 * (ahead + 1) - s) / (arrived - s)
            bow = (1.0 - 2.0 * t) * (end - x) + h * ((t - 1.0) * f1 + t * f5)
            bow -= t * (1.0 - t) * quartic
            nodes[ahead, c] = min(max((1.0 - t) * x + t * end + t * (t - 1.0) * bow, low), high)
            ahead += 1
        s, x, f1, i1, p1 = arrived, end, f5, i5, p5
        if s >= 1.0:
            return charge, energy, part, taken
        fresh = wary or abs(slope) * part > IMPLICIT
        if fresh:
            slope = _slope(device, cell, drive, x, s, f1)
    return charge, energy, part, -1


@compiled(nogil=True, error_model="numpy")
def drive_of(drive: Any, conductance: int, solver: int, c: int) -> Any:
    """Return the polynomial coefficients of a cell's source voltage, gate and line voltage, its
    source resistance, and what solves behind it."""
    source, ohms, gate, line, _ = drive
    y0, y1, y2, y3, y4 = source[0, c], source[1, c], source[2, c], source[3, c], source[4, c]
    g0, g1 = (gate[0, c], gate[1, c]) if gate.shape[1] else (0.0, 0.0)
    ohm = ohms[c] if ohms.size else 0.0
    if y0 == y1 and y0 == y2 and y0 == y3 and y0 == y4:
        return (
            y0,
            0.0,
            0.0,
            0.0,
            0.0,
            g0,
            g1 - g0,
            line[0, c],
            line[1, c] - line[0, c],
            ohm,
            conductance,
            solver,
        )
    return (
        y0,
        _power(1, y0, y1, y2, y3, y4),
        _power(2, y0, y1, y2, y3, y4),
        _power(3, y0, y1, y2, y3, y4),
        _power(4, y0, y1, y2, y3, y4),
        g0,
        g1 - g0,
        line[0, c],
        line[1, c] - line[0, c],
        ohm,
        conductance,
        solver,
    )


@compiled(nogil=True, error_model="numpy")
def _power(k: int, y0: float, y1: float, y2: float, y3: float, y4: float) -> float:
    return (
        POWERS[k, 0] * y0
        + POWERS[k, 1] * y1
        + POWERS[k, 2] * y2
        + POWERS[k, 3] * y3
        + POWERS[k, 4] * y4
    )


@compiled(nogil=True, error_model="numpy")
def _early(source: Any, k: int, c: int) -> float:
    """Return `interval.early_source` of one cell at node k."""
    y0, y1, y2, y3, y4 = source[0, c], source[1, c], source[2, c], source[3, c], source[4, c]
    jump = JUMP * max(
        abs(0.125 * (3.0 * y0 + 6.0 * y2 - y4) - y1), abs(0.125 * (3.0 * y4 + 6.0 * y2 - y0) - y3)
    )
    return source[k, c] + min(max(source[k + 1, c] - source[k, c], -jump), jump)


@compiled(nogil=True, error_model="numpy")
def _shift(
    device: Any,
    moving: float,
    drive: Any,
    begin: float,
    end: float,
    s: float,
    here: float,
    early: float,
) -> float:
    """Return how differently dx/dt runs, relatively, on the way from `begin` to `end` under a
    source voltage that comes early."""
    worst = 0.0
    for part in WAYSIDE:
        x = begin + part * (end - begin)
        one, other = (
            _look_at(device, moving, drive, x, s, here)[0],
            _look_at(device, moving, drive, x, s, early)[0],
        )
        if one != other:
            worst = max(worst, abs(one - other) / max(min(abs(one), abs(other)), 1e-300))
    return worst


@compiled(
    signature=int64(
        int64,
        int64,
        _CELLS,
        _ROW,
        CELL_DRIVE,
        float64,
        _ROW,
        _FOLLOWED,
        _ROW,
        int64[::1],
    ),
    nogil=True,
    error_model="numpy",
)
def advance_cells(
    first: int,
    last: int,
    cells: Any,
    x: Any,
    under: Any,
    tolerance: float,
    steps: Any,
    followed: Any,
    next_steps: Any,
    taken: Any,
) -> int:
    """Integrate cells `first` to `last` over one interval; return −1, or the number of a cell that
    cannot be followed.

    Parameters
    ----------
    cells, under : tuple
        Of what `Cells` and `CellDrive` have.
    x : (m,)
        States at the beginning.
    tolerance : float
    steps : (m,)
        First step of each cell to try, seconds.
    followed : (nodes, siemens, charge, energy), written
        States at the nodes after 0, (4, m); the current at 1 V there, (4, m): the conductance of a
        linear device (left alone without `ohms`, and for other devices); ∫ i dt and
        ∫ (V_row − V_column)·i dt, (m,).
    next_steps : (m,), written
    taken : (1,), written
    """
    cells, under = Cells(*cells), CellDrive(*under)
    nodes, siemens, charge, energy = followed
    current, conductance, solver = cells.current, cells.conductance, cells.solver
    ranges, seconds, ohms = cells.ranges, under.seconds, under.ohms
    taken[0] = 0
    for c in range(first, last):
        device = device_of(cells, c)
        cell = (ranges[c, 0], ranges[c, 1], ranges[c, 2], ranges[c, 3])
        drive = drive_of(under, conductance, solver, c)
        next_steps[c] = steps[c]
        f1, i1, p1 = _look(device, cell, drive, x[c], 0.0)
        charge[c], energy[c], done = _stand(
            device, cell, drive, x[c], (f1, i1, p1), ohms.size > 0 and conductance == 0
        )
        charge[c] *= seconds
        energy[c] *= seconds
        if done:
            nodes[0, c] = nodes[1, c] = nodes[2, c] = nodes[3, c] = x[c]
        else:
            slope = _slope(device, cell, drive, x[c], 0.0, f1)
            _, i2, p2 = _look(device, cell, drive, x[c], 1.0)
            # A state whose cell does not conduct yet counts with what its own error conducts.
            off = tolerance * cell[2]
            if cell[0] > -1e300 and x[c] > 0.5 * (cell[0] + cell[1]):
                off = -off
            _, i3, p3 = _look(device, cell, drive, x[c] + off, 1.0)
            i2, p2 = max(abs(i2), abs(i3)), max(abs(p2), abs(p3))
            least = LEAST_FLOW * seconds
            charge[c], energy[c], next_steps[c], count = _follow(
                device,
                cell,
                drive,
                x[c],
                (f1, i1, p1, slope),
                seconds,
                tolerance,
                steps[c],
                least * max(abs(i1), i2),
                least * max(abs(p1), p2),
                nodes,
                c,
            )
            if count < 0:
                return c
            taken[0] += count
        for k in range(4 if ohms.size and conductance == 0 else 0):
            same = k > 0 and nodes[k, c] == nodes[k - 1, c] and drive[6] == 0.0
            siemens[k, c] = (
                siemens[k - 1, c]
                if same
                else call(current, 1.0, nodes[k, c], drive[5] + 0.25 * (k + 1) * drive[6], device.p)
            )
    return -1


@compiled(
    signature=types.UniTuple(float64, 6)(
        int64, int64, _CELLS, _ROW, _TABLE, CELL_DRIVE, float64, _FOLLOWED, int64[::1]
    ),
    nogil=True,
    error_model="numpy",
)
def correct_cells(
    first: int,
    last_cell: int,
    cells: Any,
    start: Any,
    old: Any,
    under: Any,
    tolerance: float,
    followed: Any,
    hasty: Any,
) -> Any:
    """Carry cells `first` to `last_cell` over from the source voltages `old` (5, m) to another
    drive, to first order; returns a `Correction`'s six numbers.

    `cells`, `under` and `followed` are as in `advance_cells`; the last is moved along. `hasty` (m,)
    is written: bits for the quarters in which the cell, which began at `start` (m,), went and
    stopped; see `Correction`."""
    cells, under = Cells(*cells), CellDrive(*under)
    nodes, siemens, charge, energy = followed
    current, conductance, solver = cells.current, cells.conductance, cells.solver
    ranges, new, seconds, ohms = cells.ranges, under.source, under.seconds, under.ohms
    worst, joules, bend, bend_joules, bend_coulomb, hasty_joules = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for c in range(first, last_cell):
        device = device_of(cells, c)
        cell = (ranges[c, 0], ranges[c, 1], ranges[c, 2], ranges[c, 3])
        drive = drive_of(under, conductance, solver, c)
        df0, df1, df2, df3, amps, watts, bow, bow_watts, bow_amps, last = (
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
        )
        before, hasty[c], shifted = start[c], 0, 0.0
        for k in range(4):
            s, x = 0.25 * (k + 1), nodes[k, c]
            begins, way, before = before, abs(x - before), x
            goes = way > tolerance * cell[2]
            if old[k + 1, c] != new[k + 1, c] or k % 2 == 0 or goes:
                f_new, i_new, p_new = _look_at(device, cell[3], drive, x, s, new[k + 1, c])
            if goes and abs(f_new) * 0.25 * seconds < HASTY * way:
                early = _early(new, k, c)
                if abs(early - new[k, c]) > SAME * abs(new[k, c]):
                    shift = _shift(device, cell[3], drive, begins, x, 0.25 * k, new[k, c], early)
                    elsewhere = (
                        shift > HASTY_SHIFT
                        or shift * abs(f_new) * 0.25 * seconds > 0.5 * tolerance * cell[2]
                    )
                    hasty[c] |= (17 if elsewhere else 16) << k
                    shifted = max(shifted, min(shift, 1.0))
            if old[k + 1, c] != new[k + 1, c]:
                f_old, i_old, p_old = _look_at(device, cell[3], drive, x, s, old[k + 1, c])
                amps += INTEGRAL[4, k + 1] * (i_new - i_old)
                watts += INTEGRAL[4, k + 1] * (p_new - p_old)
                df = f_new - f_old
                last = f_new
                if k == 0:
                    df0 = df
                elif k == 1:
                    df1 = df
                elif k == 2:
                    df2 = df
                else:
                    df3 = df
            if k % 2 == 0:
                near, far = (new[0, c], new[4, c]) if k == 0 else (new[4, c], new[0, c])
                flat = 0.125 * (3.0 * near + 6.0 * new[2, c] - far)
                if abs(flat - new[k + 1, c]) > 1e-12 * abs(flat):
                    f_flat, i_flat, p_flat = _look_at(device, cell[3], drive, x, s, flat)
                    bow += BEND * abs(f_flat - f_new)
                    bow_watts += BEND * abs(p_flat - p_new)
                    bow_amps += BEND * abs(i_flat - i_new)
        bend = max(bend, bow * seconds / cell[2])
        bend_joules += bow_watts * seconds
        bend_coulomb += bow_amps * seconds
        charge[c] += amps * seconds
        energy[c] += watts * seconds
        if shifted > 0.0:
            seen = INTEGRAL[4, 0] * _look_at(device, cell[3], drive, start[c], 0.0, new[0, c])[2]
            for k in range(4):
                seen += (
                    INTEGRAL[4, k + 1]
                    * _look_at(device, cell[3], drive, nodes[k, c], 0.25 * (k + 1), new[k + 1, c])[
                        2
                    ]
                )
            hasty_joules += shifted * min(abs(energy[c] - seen * seconds), abs(energy[c]))
        joules += abs(watts) * seconds
        if df0 != 0.0 or df1 != 0.0 or df2 != 0.0 or df3 != 0.0:
            here = last if df3 != 0.0 else _look(device, cell, drive, nodes[3, c], 1.0)[0]
            slope = _slope(device, cell, drive, nodes[3, c], 1.0, here)
            share = seconds / (1.0 + max(-slope, 0.0) * seconds)
            for k in range(4):
                move = share * (
                    INTEGRAL[k + 1, 1] * df0
                    + INTEGRAL[k + 1, 2] * df1
                    + INTEGRAL[k + 1, 3] * df2
                    + INTEGRAL[k + 1, 4] * df3
                )
                worst = max(worst, abs(move) / cell[2])
                nodes[k, c] = min(max(nodes[k, c] + move, cell[0]), cell[1])
        for k in range(4 if ohms.size and conductance == 0 else 0):
            same = k > 0 and nodes[k, c] == nodes[k - 1, c] and drive[6] == 0.0
            siemens[k, c] = (
                siemens[k - 1, c]
                if same
                else call(current, 1.0, nodes[k, c], drive[5] + 0.25 * (k + 1) * drive[6], device.p)
            )
    return worst, joules, bend, bend_joules, bend_coulomb, hasty_joules
