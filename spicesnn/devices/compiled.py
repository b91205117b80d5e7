"""Equations that also run compiled: an optional addition to the contract of a device.

A device that states its equations as plain functions of numbers can offer them as `CellCode`. The same functions serve its NumPy
methods, where the arguments are arrays, and an engine's compiled loops, where they are the numbers of one cell: no equation
stands twice. They use arithmetic and NumPy functions that act on one number (`np.maximum`, `np.exp`), and no `np.where`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spicesnn.devices.base import Floats


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class CellCode:
    """The equations of one cell with one state variable, as functions at the top level of a module.

    Attributes
    ----------
    current : Callable
        ``current(v, x, gate, p) -> ampere`` with `x` the state and `p` the parameters, indexed by number.
    rate : Callable
        ``rate(v, x, gate, p) -> dx/dt``.
    parameters : tuple
        What `p` holds: numbers, or arrays of (rows, cols).
    """

    current: Callable[..., Any]
    rate: Callable[..., Any]
    parameters: tuple[float | Floats, ...]

    def matrix(self, cells: int) -> Floats:
        """Return the parameters as rows of `p`, (1, count) where all cells share them and (cells, count) otherwise."""
        if all(np.ndim(value) == 0 for value in self.parameters):
            return np.array([self.parameters], dtype=float)
        columns = [np.broadcast_to(np.asarray(value, dtype=float).reshape(-1), (cells,)) for value in self.parameters]
        return np.ascontiguousarray(np.stack(columns, axis=1))
