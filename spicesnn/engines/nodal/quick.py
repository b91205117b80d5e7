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

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import Levels
from spicesnn.crossbar.wires import Wires
from spicesnn.engines.nodal.deferred import DeferredRead
from spicesnn.engines.nodal.line_cg import (
    BEGIN,
    BOUND,
    ITERATIONS,
    REPORT_SIZE,
    RESIDUAL,
    solve_many,
)
from spicesnn.engines.nodal.line_solver import ALONE, SHARED_CELLS, TOLERANCE, compile_solver
from spicesnn.engines.nodal.linear import lines_always_pay
from spicesnn.engines.nodal.lines import LANES, packed_lines, padded, stride_of
from spicesnn.engines.nodal.memory import Memory
from spicesnn.engines.nodal.network import operator_of_wires
from spicesnn.engines.nodal.read import read_linear
from spicesnn.engines.results import Read

MOST_ITERATIONS = 500
_FLOAT = np.dtype(np.float64)
_KEPT = "nodal.quick"
"""Under this the cache of an array has a `Memory` with its factors, or False: it is a case for the
general way."""
_new, _put = object.__new__, object.__setattr__
_NO_AMPS = np.zeros((1, 2, 0))
_spare: list[Floats] = []
"""Vectors of node voltages that a read without them has used, for the next one."""


class _Plan(NamedTuple):
    """What reads of all arrays on these wires and of this shape have in common: most arguments of
    the solver, and how its answer lies."""

    lines: Floats
    ground: Floats
    volts: tuple[int, int]
    results: tuple[int, int]
    nodes: tuple[int, int, int]
    strides: tuple[int, int, int]


def quick_read(array: Crossbar, row_volts: object, voltages: bool = True) -> Read | None:
    """Return the read of an array whose columns are at 0 V, or None where it is a case for the
    general way.

    Without `voltages`, the solver's own vectors of node voltages are used again by the next read.
    """
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
    volts = np.empty(plan.volts) if voltages else _scratch(plan.volts)
    results = np.empty(plan.results)
    driven = row_volts.copy()
    good = solve_many(
        plan.lines,
        memory.parts,
        driven[None],
        plan.ground,
        _NO_AMPS,
        volts,
        results,
        factored,
        False,
        TOLERANCE,
        MOST_ITERATIONS,
        ALONE,
    )
    if good:
        cache[_KEPT] = memory
        if voltages:
            return _as_read(array, plan, volts, results[0], driven)
        _spare.append(volts)
        return _currents_alone(array, results[0], driven)
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


def _scratch(shape: tuple[int, int]) -> Floats:
    """Return vectors of node voltages that nobody keeps: those of the read before, or new ones."""
    try:
        volts = _spare.pop()  # one call into the list: no two threads get the same
    except IndexError:
        return np.empty(shape)
    return volts if volts.shape == shape else np.empty(shape)


def _stats(report: list[float]) -> dict[str, object]:
    iterations = int(report[ITERATIONS])
    return {
        "method": "line-cg" if iterations else "direct",
        "iterations": iterations,
        "error_bound_amps": report[BOUND],
    }


def _currents_alone(array: Crossbar, result: Floats, row_volts: Floats) -> Read:
    rows, report = array.rows, result[sum(array.shape) :]

    def solve() -> Read:
        again = quick_read(array, row_volts)
        return read_linear(array, Levels.checked(array, row_volts)) if again is None else again

    read = DeferredRead(
        row_amps=result[:rows],
        column_amps=result[rows : rows + array.cols],
        residual_amps=report[RESIDUAL, ...],
        stats=_stats(report.tolist()),
        solve=solve,
    )
    _put(read, "array", array)
    _put(read, "row_volts", row_volts)
    return read


def _as_read(
    array: Crossbar, plan: _Plan, volts: Floats, result: Floats, row_volts: Floats
) -> Read:
    rows = array.rows
    end = plan.results[1] - REPORT_SIZE
    report = result[end:].tolist()
    word, bit = np.ndarray(plan.nodes, _FLOAT, volts, 8 * int(report[BEGIN]), plan.strides)
    read = _new(Read)  # a fifth of the time of its constructor, which has to look at its arguments
    _put(read, "column_amps", result[rows:end])
    _put(read, "row_amps", result[:rows])
    _put(read, "word_line_volts", word)
    _put(read, "bit_line_volts", bit)
    _put(read, "residual_amps", result[end + RESIDUAL, ...])
    _put(read, "stats", _stats(report))
    _put(read, "array", array)
    _put(read, "row_volts", row_volts)
    _put(read, "column_volts", None)
    _put(read, "gate_volts", None)
    return read


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
        nodes=(2, rows, cols),
        strides=(8 * size, 8 * stride, 8),
    )
