"""Equations that also run compiled: an optional addition to the contract of a device.

A device that states its equations as plain functions of numbers can offer them as `CellCode`. The
same functions serve its NumPy methods, where the arguments are arrays, and an engine's compiled
loops, where they are the numbers of one cell: no equation stands twice. They use arithmetic, NumPy
functions that act on one number (`np.maximum`, `np.exp`) and the functions here.

Where an equation needs a loop (a current behind a series resistance), its function is written for
numbers alone, and the NumPy methods call it through `devices.compiled.over_arrays`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spicesnn.arrays import Floats

Equation = Callable[..., Any]
"""``(v, x, gate, p) -> number``, at the top level of a module."""


def pick(condition: Any, yes: Any, no: Any) -> Any:
    """Return `yes` where the condition holds and `no` elsewhere; compiled code evaluates both and
    takes one."""
    return np.where(condition, yes, no)


def power(base: Any, exponent: Any) -> Any:
    """Return ``base ** exponent``, in compiled code by multiplications where the exponent is 1, 2,
    3 or 4."""
    return base**exponent


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class CellCode:
    """The equations of one cell, as functions at the top level of a module.

    Attributes
    ----------
    current : Equation
        ``current(v, x, gate, p) -> ampere`` with `x` the state and `p` the parameters, indexed by
        number.
    rate : Equation
        ``rate(v, x, gate, p) -> dx/dt``.
    conductance : Equation or None
        ``conductance(v, x, gate, p) -> dI/dV``; None for a device that is linear in v.
    parameters : tuple
        What `p` holds: numbers, or arrays of (rows, cols).
    states : int
        Number of state variables. Where there are several they stand in `p` behind the parameters,
        in the place of `x`; `rate` is asked for one after the other, with its number as `x`.
    """

    current: Equation
    rate: Equation
    conductance: Equation | None = None
    parameters: tuple[float | Floats, ...]
    states: int = 1

    def matrix(self, cells: int) -> Floats:
        """Return the parameters as rows of `p`, (1, count) where all cells share them and (cells,
        count) otherwise."""
        if all(np.ndim(value) == 0 for value in self.parameters):
            return np.array([self.parameters], dtype=float)
        columns = [
            np.broadcast_to(np.asarray(value, dtype=float).reshape(-1), (cells,))
            for value in self.parameters
        ]
        return np.ascontiguousarray(np.stack(columns, axis=1))
