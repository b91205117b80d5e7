"""The integrator of `rosenbrock`, compiled, one cell after the other: for devices that offer their equations as `CellCode`.

The device's functions arrive as addresses, so the loop is compiled once for all devices; both are kept on disk. A step is the
same as in `rosenbrock`, from the same coefficients. Cells whose state stands still are not stepped at all.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from llvmlite import ir
from numba import cfunc, float64, int64, njit, types
from numba.extending import intrinsic, register_jitable

from spicesnn.devices.compiled import CellCode
from spicesnn.engines.nodal.rosenbrock import ALPHA, AT_BOUND, B_LOW, DIFFERENCE, ENERGY, GAMMA, KINK, LEAST_STEP, MOST_ROUNDS, STIFF, A, B, C, Q

_POINTER = types.CPointer(float64)
_EQUATION = float64(float64, float64, float64, _POINTER)
_D = B - B_LOW
_DQ = B - Q
_THIRD = -1.0 / 3.0

@intrinsic
def _pointer(typing: Any, array: Any, index: Any) -> Any:
    """Return a pointer to an entry of a flat array."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.gep(context.make_array(signature.args[0])(context, builder, args[0]).data, [args[1]])

    return _POINTER(array, types.intp), code


@intrinsic
def _call(typing: Any, address: Any, v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Call the equation at an address."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        double = ir.DoubleType()
        kind = ir.FunctionType(double, [double, double, double, double.as_pointer()])
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])

    return float64(int64, float64, float64, float64, _POINTER), code


_compiled: dict[Callable[..., Any], Any] = {}


def _register_helpers(function: Any, seen: set[Any]) -> None:
    """Let compiled code call the plain functions that `function` calls."""
    for name in function.__code__.co_names:
        helper = function.__globals__.get(name)
        if isinstance(helper, FunctionType) and helper not in seen:
            seen.add(helper)
            _register_helpers(helper, seen)
            register_jitable(helper)


_helpers: set[Any] = set()


def compiled(code: CellCode) -> tuple[int, int]:
    """Return the addresses of the device's current and rate, compiling them at their first use on this machine."""
    for function in (code.current, code.rate):
        if function not in _compiled:
            _register_helpers(function, _helpers)
            _compiled[function] = cfunc(_EQUATION, cache=True)(function)
    return _compiled[code.current].address, _compiled[code.rate].address


@njit(cache=True, nogil=True)
def _look(current: Any, rate: Any, p: Any, cell: Any, drive: Any, x: float, s: float) -> Any:
    """Return dx/dt of the cell in state x (held inside its bounds) at s, its current, and its share of the drivers' power."""
    low, high, _, moving = cell
    x = min(max(x, low), high)
    v = drive[0] + s * (drive[1] + s * drive[2])
    gate = drive[3] + s * drive[4]
    if drive[7] > 0.0:
        siemens = _call(current, 1.0, x, gate, p)
        v = v / (1.0 + drive[7] * siemens)
        amps = v * siemens
    else:
        amps = _call(current, v, x, gate, p)
    return (moving * _call(rate, v, x, gate, p) if moving != 0.0 else 0.0), amps, amps * (drive[5] + s * drive[6])


@njit(cache=True, nogil=True)
def _stand(current: Any, rate: Any, p: Any, cell: Any, drive: Any, x: float, linear: bool) -> Any:
    """Return ∫ i ds and ∫ power ds of a cell whose state stands still over the whole interval, and whether it does.

    It does where dx/dt is 0 at both ends, in the middle and where the parabola turns. The integrals are Simpson's, exact for linear cells.
    """
    f0, i0, p0 = _look(current, rate, p, cell, drive, x, 0.0)
    if f0 != 0.0:
        return 0.0, 0.0, False
    f1, i1, p1 = _look(current, rate, p, cell, drive, x, 1.0)
    fm, im, pm = _look(current, rate, p, cell, drive, x, 0.5)
    if f1 != 0.0 or fm != 0.0:
        return 0.0, 0.0, False
    if drive[2] != 0.0 and cell[3] != 0.0:
        turn = -0.5 * drive[1] / drive[2]
        if 0.0 < turn < 1.0 and _look(current, rate, p, cell, drive, x, turn)[0] != 0.0:
            return 0.0, 0.0, False
    if linear or (p0 == pm and pm == p1):
        return (i0 + 4 * im + i1) / 6, (p0 + 4 * pm + p1) / 6, True
    return 0.0, 0.0, False


@njit(cache=True, nogil=True)
def _slope(current: Any, rate: Any, p: Any, cell: Any, drive: Any, x: float, s: float, here: float) -> float:
    """Return ∂f/∂x at a fixed source voltage by a one-sided difference towards the inside."""
    low, high, scale, _ = cell
    step = -DIFFERENCE * scale if low > -1e300 and x > 0.5 * (low + high) else DIFFERENCE * scale
    return (_look(current, rate, p, cell, drive, x + step, s)[0] - here) / step


@njit(cache=True, nogil=True)
def _try_step(
    current: Any, rate: Any, p: Any, cell: Any, drive: Any, x: float, s: float, ds: float, h: float, begins: Any, tolerance: float, joules: float
) -> Any:  # fmt: skip
    """Take one step of h seconds (ds of the interval); return its error in units of what is allowed, state, charge, energy, and the end's `_look`."""
    low, high, scale, _ = cell
    f1, i1, p1, slope = begins
    hj = h * slope
    below = 1.0 / (1.0 - GAMMA * hj)
    k1 = below * h * f1
    f2, i2, p2 = _look(current, rate, p, cell, drive, x + A[1, 0] * k1, s + ALPHA[1] * ds)
    k2 = below * (h * f2 + hj * (C[1, 0] * k1))
    f3, i3, p3 = _look(current, rate, p, cell, drive, x + A[2, 0] * k1 + A[2, 1] * k2, s + ALPHA[2] * ds)
    k3 = below * (h * f3 + hj * (C[2, 0] * k1 + C[2, 1] * k2))
    f4, i4, p4 = _look(current, rate, p, cell, drive, x + k3, s + ds)
    k4 = below * (h * f4 + hj * (C[3, 0] * k1 + C[3, 1] * k2 + C[3, 2] * k3))
    error = abs(_D[0] * k1 + _D[1] * k2 + _D[2] * k3 + _D[3] * k4) / (scale * tolerance)
    joule = h * abs(_DQ[0] * p1 + _DQ[1] * p2 + _DQ[2] * p3 + _DQ[3] * p4)
    worst = max(error, joule / (ENERGY * tolerance * joules + 1e-300))
    end = min(max(x + B[0] * k1 + B[1] * k2 + B[2] * k3 + B[3] * k4, low), high)
    f5, i5, p5 = f4, i4, p4
    if worst <= 1.0:
        f5, i5, p5 = _look(current, rate, p, cell, drive, end, s + ds)
        worst = max(worst, KINK * h * abs(f5 - f4) / ((1.0 + GAMMA * abs(hj)) * scale * tolerance))
    if not worst < 1e30:
        worst = 1e30
    charge = h * (B[0] * i1 + B[1] * i2 + B[2] * i3 + B[3] * i4)
    energy = h * (B[0] * p1 + B[1] * p2 + B[2] * p3 + B[3] * p4)
    return worst, end, charge, energy, f5, i5, p5


@njit(cache=True, nogil=True)
def _follow(
    current: Any, rate: Any, p: Any, cell: Any, drive: Any, x: float, begins: Any, seconds: float, tolerance: float, part: float, watts: float
) -> Any:
    """Integrate a cell over one interval; return the states at its middle and end, charge, energy, step, steps taken (−1: it cannot be followed).

    A cell that one step takes all the way has its middle from the cubic through the states and rates at both ends.
    """
    low, high, scale, _ = cell
    s, charge, energy, taken, rejected, half = 0.0, 0.0, 0.0, 0, False, x
    f1, i1, p1, slope = begins
    for _ in range(MOST_ROUNDS):
        if abs(slope) * part <= STIFF and f1 != 0.0:
            distance = high - x if f1 > 0 else x - low
            if distance > AT_BOUND * scale and distance < part * abs(f1):
                part = 0.97 * distance / abs(f1)
        whole = s == 0.0 and part >= 0.999 * seconds and abs(slope) * seconds <= STIFF
        left = seconds if whole else ((0.5 if s < 0.5 else 1.0) - s) * seconds
        last = part >= 0.999 * left
        h = left if last else part
        worst, end, dq, de, f5, i5, p5 = _try_step(
            current, rate, p, cell, drive, x, s, h / seconds, h, (f1, i1, p1, slope), tolerance, watts * seconds
        )  # fmt: skip
        factor = min(max(0.85 * max(worst, 1e-10) ** _THIRD, 0.2), 20.0)
        if worst > 1.0:
            rejected, part = True, h * factor
            if part < LEAST_STEP * seconds:
                break
            continue
        charge, energy, taken = charge + dq, energy + de, taken + 1
        watts = max(watts, abs(p5))
        part = max(part, h * factor) if last and not rejected else h * (min(factor, 1.0) if rejected else factor)
        rejected = False
        if whole:
            return 0.5 * (x + end) + 0.125 * h * (f1 - f5), end, charge, energy, part, taken
        before = s
        s = (0.5 if s < 0.5 else 1.0) if last else s + h / seconds
        x, f1, i1, p1 = end, f5, i5, p5
        if s >= 1.0:
            return half, x, charge, energy, part, taken
        if last and before < 0.5:
            half = x
        slope = _slope(current, rate, p, cell, drive, x, s, f1)
    return half, x, charge, energy, part, -1


@njit(cache=True, nogil=True)
def _drive(source: Any, ohms: Any, gate: Any, line: Any, c: int) -> Any:
    """Return the polynomial coefficients of a cell's source voltage, gate and line voltage, and its source resistance."""
    begin, middle, end = source[0, c], source[1, c], source[2, c]
    g0, g1 = (gate[0, c], gate[1, c]) if gate.shape[1] else (0.0, 0.0)
    return (
        begin, 4 * middle - 3 * begin - end, 2 * (begin + end) - 4 * middle, g0, g1 - g0, line[0, c], line[1, c] - line[0, c],
        ohms[c] if ohms.size else 0.0,
    )  # fmt: skip


_TABLE = float64[:, ::1]
_ROW = float64[::1]


@njit(
    int64(
        int64, int64, int64, int64, _TABLE, _TABLE, _ROW, _TABLE, _ROW, _TABLE, _TABLE, float64, float64, _ROW,
        _ROW, _ROW, _ROW, _ROW, _ROW, _ROW, _ROW, int64[::1],
    ), cache=True, nogil=True,
)  # fmt: skip
def advance_cells(
    first: int, last: int, current: int, rate: int, parameters: Any, cells: Any, x: Any, source: Any, ohms: Any, gate: Any, line: Any,
    seconds: float, tolerance: float, steps: Any, half: Any, full: Any, half_siemens: Any, full_siemens: Any, charge: Any, energy: Any,
    next_steps: Any, taken: Any,
) -> int:  # fmt: skip
    """Integrate cells `first` to `last` over one interval; return −1, or the number of a cell that cannot be followed.

    Parameters
    ----------
    current, rate : int
        Addresses of the equations.
    parameters : (m or 1, count)
    cells : (m, 4)
        Lower and upper bound, scale, and 1 or 0 for a stuck cell.
    x : (m,)
    source, ohms, gate, line
        As in `rosenbrock.Drive`; (0,) and (2, 0) for None.
    seconds, tolerance : float
    steps : (m,)
        First step of each cell to try, seconds.
    half, full : (m,), written
        States at the middle and the end.
    half_siemens, full_siemens : (m,), written
        Current at 1 V there: the conductance of a linear device.
    charge, energy : (m,), written
        ∫ i dt and ∫ (V_row − V_column)·i dt.
    next_steps : (m,), written
    taken : (1,), written
    """
    taken[0] = 0
    for c in range(first, last):
        p = _pointer(parameters, (c if parameters.shape[0] > 1 else 0) * parameters.shape[1])
        cell = (cells[c, 0], cells[c, 1], cells[c, 2], cells[c, 3])
        drive = _drive(source, ohms, gate, line, c)
        half[c] = full[c] = x[c]
        next_steps[c] = steps[c]
        charge[c], energy[c], done = _stand(current, rate, p, cell, drive, x[c], ohms.size > 0)
        charge[c] *= seconds
        energy[c] *= seconds
        if not done:
            f1, i1, p1 = _look(current, rate, p, cell, drive, x[c], 0.0)
            slope = _slope(current, rate, p, cell, drive, x[c], 0.0, f1)
            watts = max(abs(p1), abs(_look(current, rate, p, cell, drive, x[c], 1.0)[2]))
            half[c], full[c], charge[c], energy[c], next_steps[c], count = _follow(
                current, rate, p, cell, drive, x[c], (f1, i1, p1, slope), seconds, tolerance, steps[c], watts
            )  # fmt: skip
            if count < 0:
                return c
            taken[0] += count
        half_siemens[c] = _call(current, 1.0, half[c], drive[3] + 0.5 * drive[4], p)
        full_siemens[c] = half_siemens[c] if full[c] == half[c] and drive[4] == 0.0 else _call(current, 1.0, full[c], drive[3] + drive[4], p)
    return -1


@njit(
    types.UniTuple(float64, 2)(int64, int64, _TABLE, _TABLE, _ROW, _ROW, _TABLE, _TABLE, _ROW, _TABLE, _TABLE, float64), cache=True, nogil=True
)  # fmt: skip
def shifts(
    current: int, rate: int, parameters: Any, cells: Any, half: Any, full: Any, old: Any, new: Any, ohms: Any, gate: Any, line: Any, seconds: float
) -> Any:
    """Return what a change of the source voltages brings: the largest |Δ(dx/dt)|·seconds/scale at the middle and the end, and Σ|Δ energy|."""
    worst, joules = 0.0, 0.0
    for c in range(half.size):
        p = _pointer(parameters, (c if parameters.shape[0] > 1 else 0) * parameters.shape[1])
        cell = (cells[c, 0], cells[c, 1], cells[c, 2], cells[c, 3])
        before, after = _drive(old, ohms, gate, line, c), _drive(new, ohms, gate, line, c)
        for stop in range(1, 3):
            if old[stop, c] != new[stop, c]:
                x = half[c] if stop == 1 else full[c]
                f_old, _, p_old = _look(current, rate, p, cell, before, x, 0.5 * stop)
                f_new, _, p_new = _look(current, rate, p, cell, after, x, 0.5 * stop)
                worst = max(worst, abs(f_new - f_old) / cell[2])
                joules += abs(p_new - p_old) * (4.0 if stop == 1 else 1.0) / 6.0
    return worst * seconds, joules * seconds
