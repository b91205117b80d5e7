# mypy: disallow-untyped-decorators=False
"""Compiled: what a Newton step does cell by cell, each in one pass over the array, which is flat
here."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, types

from spicesnn.jit import compiled

_IN = types.Array(types.float64, 1, "C", readonly=True)
_NODES = types.Array(types.float64, 2, "A", readonly=True)
_OUT = float64[::1]


@compiled(signature=types.void(_IN, _IN, _IN, float64, _OUT, _OUT), nogil=True, error_model="numpy")
def tangents(volts: Any, amps: Any, slope: Any, most: float, siemens: Any, extra: Any) -> None:
    """Replace each cell by its tangent: conductance `siemens`, at most `most`, and a current source
    `extra` beside it.

    Where dI/dV is not above 0 (negative differential resistance) a small positive chord stands for
    it."""
    for k in range(volts.size):
        g = slope[k]
        if not 0.0 <= g < np.inf:
            g = 0.1 * abs(amps[k] / volts[k])
            if not g < np.inf:
                g = 0.0
        g = min(g, most)
        siemens[k] = g
        extra[k] = amps[k] - g * volts[k]


@compiled(signature=types.void(_NODES, _NODES, _IN, _IN, _IN, _OUT, _OUT), nogil=True)
def arrival(
    word: Any, bit: Any, volts: Any, amps: Any, siemens: Any, across: Any, solved: Any
) -> None:
    """Write the cells' voltages after a step, and the currents that the wires were solved for:
    those on the tangents."""
    rows, cols = word.shape
    for i in range(rows):
        for j in range(cols):
            k, v = i * cols + j, word[i, j] - bit[i, j]
            across[k] = v
            solved[k] = amps[k] + siemens[k] * (v - volts[k])


@compiled(signature=types.UniTuple(float64, 2)(_IN, _IN), nogil=True)
def mismatch_of(amps: Any, solved: Any) -> tuple[float, float]:
    """Return max|amps − solved| (NaN if one is) and max|solved|."""
    mismatch, largest, total = 0.0, 0.0, 0.0
    for k in range(amps.size):
        over = abs(amps[k] - solved[k])
        total += over
        mismatch, largest = max(mismatch, over), max(largest, abs(solved[k]))
    return (mismatch if total < np.inf else total), largest


@compiled(signature=types.UniTuple(float64, 2)(_IN, _IN, _IN, _IN, _IN, _IN), nogil=True)
def slopes_along(
    here: Any, there: Any, amps: Any, solved: Any, amps_there: Any, solved_there: Any
) -> tuple[float, float]:
    """Return the co-content's slope along a step at its beginning and its end, Σ Δv·(amps −
    solved)."""
    first, last = 0.0, 0.0
    for k in range(here.size):
        step = there[k] - here[k]
        first += step * (amps[k] - solved[k])
        last += step * (amps_there[k] - solved_there[k])
    return first, last
