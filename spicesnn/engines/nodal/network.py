"""The linear network of one array, as every nodal solver sees it: operator, sources, solution.

Nodes are the word-line voltages W and the bit-line voltages B, each (rows, cols). The operator is
``[[T_w, -G], [-G, T_b]]`` with one tridiagonal per row in T_w and one per column in T_b. A solver
prepares an `Operator` once and then solves it for many `Sources`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.wires import Wires


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Operator:
    """Everything the matrix depends on.

    Attributes
    ----------
    wires : Wires
    cell_siemens : (rows, cols)
        Cell conductance; inside Newton the differential one.
    floating_rows, floating_columns : (rows,), (cols,) bool
        Lines without a connection to their driver or sense node.
    word_siemens, bit_siemens : float
        Conductance from every node of a line to ground (C/Δt of an implicit transient step).
    """

    wires: Wires
    cell_siemens: Floats
    floating_rows: NDArray[np.bool_]
    floating_columns: NDArray[np.bool_]
    word_siemens: float = 0.0
    bit_siemens: float = 0.0

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, cols)."""
        rows, cols = self.cell_siemens.shape
        return rows, cols

    @property
    def floats(self) -> bool:
        """Whether any line floats."""
        return b"\x01" in self.floating_rows.tobytes() or b"\x01" in self.floating_columns.tobytes()


def operator_of_wires(wires: Wires, shape: tuple[int, int]) -> Operator:
    """Return the operator of wires whose cells are all open and whose lines are all driven."""
    return Operator(
        wires=wires,
        cell_siemens=np.zeros(shape),
        floating_rows=np.zeros(shape[0], dtype=bool),
        floating_columns=np.zeros(shape[1], dtype=bool),
    )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Sources:
    """Everything the right-hand side depends on, always with a batch axis.

    Attributes
    ----------
    row_volts, column_volts : (batch, rows), (batch, cols)
    word_amps, bit_amps : (batch, rows, cols) or None
        Currents injected into the nodes (Newton companions, capacitor history).
    """

    row_volts: Floats
    column_volts: Floats
    word_amps: Floats | None = None
    bit_amps: Floats | None = None


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Solution:
    """Node voltages and line currents, always with a batch axis.

    Attributes
    ----------
    word_volts, bit_volts : (batch, rows, cols)
    row_amps, column_amps : (batch, rows), (batch, cols)
        Out of the drivers, and into the sense nodes.
    residual_amps : (batch,)
        Largest violation of Kirchhoff's current law at any node.
    iterations : int
        0 for a direct method; otherwise the most that any input of the batch took.
    bound_amps : (batch,) or None
        Upper bound of the error of any line current (Σ|residual| over all nodes), where the method
        gives one.
    """

    word_volts: Floats
    bit_volts: Floats
    row_amps: Floats
    column_amps: Floats
    residual_amps: Floats
    iterations: int = 0
    bound_amps: Floats | None = None


class Currents(NamedTuple):
    """What `Solution` holds besides node voltages, with a bound where that may lack one."""

    row_amps: Floats
    column_amps: Floats
    bound_amps: Floats
    residual_amps: Floats
    iterations: int


class Prepared(Protocol):
    """An operator that has been set up (factored, scaled, …)."""

    def solve(self, sources: Sources, start: Solution | None = None) -> Solution:
        """Solve for every input of the batch, from `start` where that helps."""
        ...
