"""Gradients through a read, by one more solve of the same array.

Let L depend on the column currents, with g = ∂L/∂I. The array is solved once more with the sense nodes at g volts and every other
source at 0 V: by reciprocity the voltage μ = λ_W − λ_B across a cell is then ∂L/∂(current injected from its bit-line node to its
word-line node). A cell that carries dI more does the opposite of that injection, and dI = v·dG for a cell at v volts:

    ∂L/∂I_cell = −μ,  ∂L/∂G = −μ·v,  ∂L/∂V_row = −(current out of the driver in the adjoint solve),
    ∂L/∂V_column = (current into the sense node in the adjoint solve).

Cells that are not linear are the same with dI/dV at their voltage in place of G in the adjoint solve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import Levels
from spicesnn.devices.base import Floats
from spicesnn.engines.nodal.linear import prepare
from spicesnn.engines.nodal.network import Operator, Sources
from spicesnn.engines.nodal.read import prepared_for
from spicesnn.engines.results import Read
from spicesnn.errors import InputError


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Gradient:
    """Derivatives of a loss L; the batch axis of `row_volts` and `column_volts` is there if the input had one.

    Attributes
    ----------
    conductance : (rows, cols)
        dL/dG of every cell, 1/siemens, summed over the batch. For cells that are not linear, G is a conductance put in parallel.
    cell_amps : (rows, cols) or (batch, rows, cols)
        dL/dI: what one more ampere through a cell does; times ∂I/∂parameter it is the gradient in any parameter of the cells.
    row_volts : (rows,) or (batch, rows)
        dL/dV of every driver.
    column_volts : (cols,) or (batch, cols)
        dL/dV of every sense node.
    """

    conductance: Floats
    cell_amps: Floats
    row_volts: Floats
    column_volts: Floats


def gradient_of(array: Crossbar, levels: Levels, read: Read, dl_dcolumn_amps: ArrayLike) -> Gradient:
    """Return the gradient of a loss whose derivative in the column currents of `read` is given, (cols,) or (batch, cols)."""
    slope = np.asarray(dl_dcolumn_amps, dtype=float)
    expected = np.shape(read.column_amps)
    if slope.shape != expected or not np.all(np.isfinite(slope)):
        raise InputError(f"dl_dcolumn_amps has shape {slope.shape}; expected finite values of shape {expected}, like column_amps")
    slope = slope.reshape(levels.batch, array.cols)
    volts = np.asarray(read.cell_volts).reshape(levels.batch, *array.shape)
    seen, row_slope, column_slope = np.empty(volts.shape), np.empty((levels.batch, array.rows)), np.empty((levels.batch, array.cols))
    for some in _alike(array, levels):
        gate = None if levels.gate_volts is None else levels.gate_volts[some.start]
        if array.linear:
            prepared = prepared_for(array, levels, gate)
        else:
            assert array.device is not None
            steepness = array.device.conductance(volts[some.start], array.state_or_zeros(), array.gate_of_cells(gate))
            prepared = prepare(Operator(
                wires=array.wires, cell_siemens=np.array(np.broadcast_to(steepness, array.shape)),
                floating_rows=levels.floating_rows, floating_columns=levels.floating_columns,
            ))  # fmt: skip
        count = some.stop - some.start
        adjoint = prepared.solve(Sources(row_volts=np.zeros((count, array.rows)), column_volts=slope[some]))
        seen[some], row_slope[some], column_slope[some] = adjoint.word_volts - adjoint.bit_volts, -adjoint.row_amps, adjoint.column_amps
    conductance = -np.einsum("bij,bij->ij", seen, volts)
    if levels.single:
        return Gradient(conductance=conductance, cell_amps=-seen[0], row_volts=row_slope[0], column_volts=column_slope[0])
    return Gradient(conductance=conductance, cell_amps=-seen, row_volts=row_slope, column_volts=column_slope)


def _alike(array: Crossbar, levels: Levels) -> list[slice]:
    """Return the inputs that share one operator."""
    gates = levels.gate_volts
    if array.linear and (gates is None or bool(np.all(gates == gates[0]))):
        return [slice(0, levels.batch)]
    return [slice(k, k + 1) for k in range(levels.batch)]
