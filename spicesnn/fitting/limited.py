# mypy: disallow-untyped-decorators=False
"""A device behind a source-measure unit that limits the current: its compliance, as part of the
circuit.

Below the limit L the device has the programmed voltage v. Where its current would be larger, the
unit lowers the voltage to the v′ between 0 and v at which |i(v′, x)| = L, and the state moves with
dx/dt = f(v′, x). The device's own equations are called by their addresses, so the pair of functions
here serves every compiled device; the limit travels as the level of the third terminal, which such
a device has not."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import float64, int64, types
from numba.extending import intrinsic

from spicesnn.arrays import Floats
from spicesnn.devices.cell_functions import address_of, call
from spicesnn.devices.equations import CellCode
from spicesnn.jit import compiled

_POINTER = types.CPointer(float64)
BEFORE = 2
"""Numbers in front of the device's own parameters: the addresses of its current and of its rate.
Addresses fit into a float's 53 bits."""
_ROUNDS = 60
_CLOSE = 1e-10


@intrinsic
def _behind(typing: Any, pointer: Any, count: Any) -> Any:
    """Return a pointer so many numbers further."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.gep(args[0], [builder.trunc(args[1], ir.IntType(32))])

    return _POINTER(_POINTER, int64), code


@compiled(
    signature=float64(int64, float64, float64, float64, _POINTER), nogil=True, error_model="numpy"
)
def _voltage(address: int, v: float, x: float, limit: float, p: Any) -> Any:
    """Return the voltage of the device: v, or less where its current would be beyond the limit."""
    amps = abs(call(address, v, x, 0.0, p))
    if not amps > limit:
        return v
    low, high, below, above = 0.0, v, -limit, amps - limit
    at = v * limit / amps  # right at once for a linear device
    side = 0
    for _ in range(_ROUNDS):
        rest = abs(call(address, at, x, 0.0, p)) - limit
        if abs(rest) <= _CLOSE * limit:
            break
        if rest > 0.0:  # the Illinois method: a false position whose kept end is halved in weight
            high, above = at, rest
            if side == 1:
                below *= 0.5
            side = 1
        else:
            low, below = at, rest
            if side == -1:
                above *= 0.5
            side = -1
        at = (low * above - high * below) / (above - below)
    return at


def limited_current(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return the device's current, or the limit with its sign."""
    amps = call(int64(p[0]), v, x, 0.0, _behind(p, BEFORE))
    return amps if abs(amps) <= gate else np.copysign(gate, amps)


def limited_rate(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return dx/dt at the voltage that the limit leaves to the device."""
    own = _behind(p, BEFORE)
    return call(int64(p[1]), _voltage(int64(p[0]), v, x, gate, own), x, 0.0, own)


def limited_table(code: CellCode, cells: int) -> Floats:
    """Return what `p` holds for `limited_current` and `limited_rate`, a row per cell (or one for
    all)."""
    own = code.matrix(cells)
    addresses = np.array([[float(address_of(code.current)), float(address_of(code.rate))]])
    return np.ascontiguousarray(
        np.concatenate([np.repeat(addresses, len(own), axis=0), own], axis=1)
    )
