# mypy: disallow-untyped-decorators=False
"""Devices' equations as machine code: compiled once a machine, called by address from any compiled
loop, or over arrays."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
from llvmlite import ir
from numba import float64, int64, types
from numba.extending import intrinsic, overload, register_jitable
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.devices.equations import Equation, pick, power
from spicesnn.errors import ConvergenceError
from spicesnn.jit import callback, compiled

_POINTER = types.CPointer(float64)
_EQUATION = float64(float64, float64, float64, _POINTER)
_TABLE = float64[:, ::1]
_ROW = float64[::1]


@overload(pick)
def _pick(condition: Any, yes: Any, no: Any) -> Any:
    def code(condition: Any, yes: Any, no: Any) -> Any:
        return yes if condition else no

    return code


@overload(power)
def _power(base: Any, exponent: Any) -> Any:
    def code(base: Any, exponent: Any) -> Any:
        if exponent == 1.0:
            return base
        if exponent == 2.0:
            return base * base
        if exponent == 3.0:
            return base * base * base
        if exponent == 4.0:
            return (base * base) * (base * base)
        return base**exponent

    return code


@intrinsic
def pointer(typing: Any, array: Any, index: Any) -> Any:
    """Return a pointer to an entry of a flat array."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.gep(
            context.make_array(signature.args[0])(context, builder, args[0]).data, [args[1]]
        )

    return _POINTER(array, types.intp), code


@intrinsic
def call(typing: Any, address: Any, v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Call the equation at an address."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        double = ir.DoubleType()
        kind = ir.FunctionType(double, [double, double, double, double.as_pointer()])
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])

    return float64(int64, float64, float64, float64, _POINTER), code


@intrinsic
def call_solver(
    typing: Any,
    address: Any,
    current: Any,
    conductance: Any,
    u: Any,
    ohm: Any,
    x: Any,
    gate: Any,
    p: Any,
) -> Any:
    """Call `behind` at its address: a call that is not folded into each place where it stands,
    which would slow down all that never need it."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        double, whole = ir.DoubleType(), ir.IntType(64)
        kind = ir.FunctionType(
            double, [whole, whole, double, double, double, double, double.as_pointer()]
        )
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])

    return float64(int64, int64, int64, float64, float64, float64, float64, _POINTER), code


MOST_NEWTON = 200
"""Steps of Newton's method, or halvings, for the voltage of a nonlinear cell behind a
resistance."""


@callback(float64(int64, int64, float64, float64, float64, float64, _POINTER), using=__file__)
def behind(
    current: Any, conductance: Any, u: float, ohm: float, x: float, gate: float, p: Any
) -> float:
    """Return v with v + ohm·i(v, x) = u of a cell that is nonlinear in v, by Newton's method inside
    a bracket.

    A passive cell has a voltage between 0 and u.
    """
    low, high, v = min(u, 0.0), max(u, 0.0), u
    for _ in range(MOST_NEWTON):
        left = v + ohm * call(current, v, x, gate, p) - u
        if left < 0.0:
            low = v
        else:
            high = v
        slope = call(conductance, v, x, gate, p)
        new = v - left / (1.0 + ohm * slope) if slope > 0.0 else v - left
        if not low <= new <= high:
            new = 0.5 * (low + high)
        step = abs(new - v)
        v = new
        if step <= 4e-16 * abs(u):
            break
    return v


_addresses: dict[Callable[..., Any], Any] = {}
_helpers: set[Any] = {pick, power}


def _register_helpers(function: Any) -> None:
    """Let compiled code call the plain functions that `function` calls."""
    for name in function.__code__.co_names:
        helper = function.__globals__.get(name)
        if isinstance(helper, FunctionType) and helper not in _helpers:
            _helpers.add(helper)
            _register_helpers(helper)
            register_jitable(helper)


def address_of(function: Equation) -> int:
    """Return the address of an equation, compiling it at its first use on this machine."""
    if function not in _addresses:
        _register_helpers(function)
        _addresses[function] = callback(_EQUATION, using=__file__)(function)
    return int(_addresses[function].address)


@compiled(signature=types.void(int64, _ROW, _ROW, _ROW, _TABLE, _ROW), nogil=True)
def evaluate_cells(address: int, v: Any, x: Any, gate: Any, parameters: Any, answer: Any) -> None:
    """Evaluate an equation for every cell; `parameters` (m or 1, count), `gate` (m,) or (0,)."""
    for c in range(v.size):
        p = pointer(parameters, (c if parameters.shape[0] > 1 else 0) * parameters.shape[1])
        answer[c] = call(address, v[c], x[c], gate[c] if gate.size else 0.0, p)


@compiled(signature=types.void(int64, float64, _ROW, _ROW, _ROW), nogil=True)
def evaluate_rates(address: int, v: float, x: Any, row: Any, rates: Any) -> None:
    """Evaluate dx/dt of one cell; several states are written behind the parameters in `row`."""
    p, head = pointer(row, 0), row.size - x.size
    if x.size == 1:
        rates[0] = call(address, v, x[0], 0.0, p)
    else:
        for k in range(x.size):
            row[head + k] = x[k]
        for k in range(x.size):
            rates[k] = call(address, v, float(k), 0.0, p)


def evaluate(
    function: Equation,
    v: ArrayLike,
    x: ArrayLike,
    gate: ArrayLike | None,
    parameters: tuple[float | Floats, ...],
) -> Floats:
    """Return an equation over arrays; see `compiled.over_arrays`."""
    given = [
        np.asarray(value, dtype=float)
        for value in (v, x, 0.0 if gate is None else gate, *(p for p in parameters if np.ndim(p)))
    ]
    shape = np.broadcast_shapes(*(array.shape for array in given))
    inputs = [array if array.shape == shape else np.broadcast_to(array, shape) for array in given]
    # States of a crossbar are read-only, which the compiled signature does not take: those are
    # copied.
    volts, state, gates = (
        np.require(array, requirements=("C", "W")).reshape(-1) for array in inputs[:3]
    )
    spread = iter(inputs[3:])
    columns = [
        next(spread).reshape(-1) if np.ndim(value) else np.full(volts.size, float(value))
        for value in parameters
    ]
    if any(np.ndim(value) for value in parameters):
        table = np.ascontiguousarray(np.stack(columns, axis=1))
    else:
        table = np.array([[float(value) for value in parameters]])
    answer = np.empty(volts.size)
    evaluate_cells(address_of(function), volts, state, gates, table, answer)
    lost = np.isnan(answer) & np.isfinite(volts) & np.isfinite(state)
    if lost.any():
        k = int(np.flatnonzero(lost)[0])
        raise ConvergenceError(
            f"implicit device equation {function.__name__}: no answer at {volts[k]:.6g} V in state"
            f" {state[k]:.6g}"
        )
    return answer.reshape(shape)
