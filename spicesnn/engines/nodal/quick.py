"""One input of a small linear array, the short way.

A 64×64 array is solved in 20 µs, which is less than it takes to describe it to a general solver. So
what does not depend on the cells is planned once for wires and shape, and a read is one call of the
compiled solver that `LinePrepared` calls too, with the same tolerance and the same certificate.
Whatever is out of the ordinary (floating lines, column voltages, a batch, values that are not
finite, an answer that rounding has touched) is left to the general way, which says what is wrong if
something is."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.wires import Wires
from spicesnn.engines.nodal.line_cg import (
    BEGIN,
    BOUND,
    ITERATIONS,
    REPORT_SIZE,
    RESIDUAL,
    solve_many,
)
from spicesnn.engines.nodal.line_solver import SHARED_CELLS, TOLERANCE, compile_solver
from spicesnn.engines.nodal.linear import lines_always_pay
from spicesnn.engines.nodal.lines import LANES, packed_lines, padded, stride_of
from spicesnn.engines.nodal.memory import Memory
from spicesnn.engines.nodal.network import operator_of_wires
from spicesnn.engines.results import Read

MOST_ITERATIONS = 500
_FLOAT = np.dtype(np.float64)
_KEPT = "nodal.quick"
"""Under this the cache of an array has a `Memory` with its factors, or False: it is a case for the
general way."""
_NO_AMPS = np.zeros((1, 2, 0))


class _Plan(NamedTuple):
    """What reads of all arrays on these wires and of this shape have in common: most arguments of
    the solver, and how its answer lies."""

    lines: tuple[Floats, NDArray[np.bool_], int, int]
    ground: Floats
    volts: tuple[int, int]
    results: tuple[int, int]
    strides: tuple[int, int]
    bit_bytes: int


def quick_read(array: Crossbar, row_volts: object) -> Read | None:
    """Return the read of an array whose columns are at 0 V, or None where it is a case for the
    general way."""
    shape, cache = array.shape, array.cache
    if (
        type(row_volts) is not np.ndarray
        or row_volts.dtype is not _FLOAT
        or row_volts.shape != shape[:1]
        or cache.get(_KEPT) is False
    ):
        return None
    plan = _plan(array.wires, shape)
    if plan is None:
        return None
    memory = cache.pop(
        _KEPT, None
    )  # what another thread has taken is not there: this one sets up its own
    factored = memory is not None
    if not factored:
        memory = _filled(array)
        if memory is None:
            cache[_KEPT] = False
            return None
    volts, results = np.empty(plan.volts), np.empty(plan.results)
    driven = row_volts.reshape(1, -1).copy()
    good = solve_many(
        *plan.lines,
        memory.doubles,
        memory.gate,
        driven,
        plan.ground,
        _NO_AMPS,
        volts,
        results,
        factored,
        False,
        TOLERANCE,
        MOST_ITERATIONS,
        0,
        1,
        0,
        1,
    )
    if good:
        cache[_KEPT] = memory
        return _as_read(array, plan, volts, results[0], driven[0])
    memory.clean()
    if np.isfinite(row_volts).all():
        cache[_KEPT] = False
    return None


def _filled(array: Crossbar) -> Memory | None:
    """Return memory with the cells' conductances; None where the cells are not simply
    conductances."""
    siemens, device = array.conductance, array.device
    if siemens is None:
        if device is None or not device.linear or device.gated or device.lowest_volts != -np.inf:
            return None
        siemens = array.cell_conductance()
    memory = Memory(*array.shape, 1)
    memory.fill(siemens)
    return memory


def _as_read(
    array: Crossbar, plan: _Plan, volts: Floats, result: Floats, row_volts: Floats
) -> Read:
    rows, cols = shape = array.shape
    report = rows + cols
    begin, iterations = 8 * int(result[report + BEGIN]), int(result[report + ITERATIONS])
    return Read(
        column_amps=result[rows:report],
        row_amps=result[:rows],
        word_line_volts=np.ndarray(shape, _FLOAT, volts, begin, plan.strides),
        bit_line_volts=np.ndarray(shape, _FLOAT, volts, begin + plan.bit_bytes, plan.strides),
        residual_amps=result[report + RESIDUAL, ...],
        stats={
            "method": "line-cg" if iterations else "direct",
            "iterations": iterations,
            "error_bound_amps": float(result[report + BOUND]),
        },
        array=array,
        row_volts=row_volts,
    )


@lru_cache(maxsize=64)
def _plan(wires: Wires, shape: tuple[int, int]) -> _Plan | None:
    """Return the plan, or None where another method may be faster, or more than one thread."""
    rows, cols = shape
    stride = stride_of(cols)
    size = padded(rows) * stride
    if size >= SHARED_CELLS or not lines_always_pay(wires, shape):
        return None
    compile_solver()
    lines = packed_lines(operator_of_wires(wires, shape))
    return _Plan(
        lines=lines,
        ground=np.zeros((1, cols)),
        volts=(1, 2 * size + LANES),
        results=(1, rows + cols + REPORT_SIZE),
        strides=(8 * stride, 8),
        bit_bytes=8 * size,
    )
