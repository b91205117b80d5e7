"""Gradients through a read, by one more solve of the same array.

Let L depend on the column currents, with g = ∂L/∂I. The array is solved once more with the sense
nodes at g volts and every other source at 0 V: by reciprocity the voltage μ = λ_W − λ_B across a
cell is then ∂L/∂(current injected from its bit-line node to its word-line node). A cell that
carries dI more does the opposite of that injection, and dI = v·dG for a cell at v volts:

    ∂L/∂I_cell = −μ,  ∂L/∂G = −μ·v,  ∂L/∂V_row = −(current out of the driver in the adjoint solve),
    ∂L/∂V_column = (current into the sense node in the adjoint solve).

Cells that are not linear are the same with dI/dV at their voltage in place of G in the adjoint
solve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats, numbers
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import Levels
from spicesnn.engines.nodal.batch_gradient import summed
from spicesnn.engines.nodal.linear import prepare
from spicesnn.engines.nodal.network import Operator, Sources
from spicesnn.engines.nodal.read import prepared_for
from spicesnn.engines.results import Read
from spicesnn.errors import InputError


@dataclass(frozen=True, kw_only=True, eq=False)
class Gradient:
    """Derivatives of a loss L; the batch axis of `row_volts` and `column_volts` is there if the
    input had one.

    Attributes
    ----------
    conductance : (rows, cols)
        dL/dG of every cell, 1/siemens, summed over the batch. For cells that are not linear, G is a
        conductance put in parallel.
    row_volts : (rows,) or (batch, rows)
        dL/dV of every driver.
    each : callable
        Solves every input of the batch by itself, for `cell_amps` and `column_volts`.
    """

    conductance: Floats
    row_volts: Floats
    each: Callable[[], tuple[Floats, Floats]] = field(repr=False)

    @cached_property
    def _by_input(self) -> tuple[Floats, Floats]:
        return self.each()

    @property
    def cell_amps(self) -> Floats:
        """dL/dI, (rows, cols) or (batch, rows, cols): what one more ampere through a cell does;
        times ∂I/∂p the gradient in any parameter p."""
        return self._by_input[0]

    @property
    def column_volts(self) -> Floats:
        """dL/dV of every sense node, (cols,) or (batch, cols)."""
        return self._by_input[1]


def gradient_of(
    array: Crossbar, levels: Levels, read: Callable[[], Read], dl_dcolumn_amps: ArrayLike
) -> Gradient:
    """Return the gradient of a loss whose derivative in the column currents of a read is given,
    (cols,) or (batch, cols).

    A large batch on linear cells takes 2·min(rows, cols) solves (`batch_gradient.py`); otherwise
    every input is read and solved once more."""
    slope = numbers(dl_dcolumn_amps, "dl_dcolumn_amps")
    expected = (array.cols,) if levels.single else (levels.batch, array.cols)
    if slope.shape != expected or not np.all(np.isfinite(slope)):
        raise InputError(
            f"dl_dcolumn_amps has shape {slope.shape}; expected finite values of shape {expected},"
            " like column_amps"
        )
    slope = slope.reshape(levels.batch, array.cols)
    if _summable(array, levels):
        gate = None if levels.gate_volts is None else levels.gate_volts[0]
        conductance, rows = summed(prepared_for(array, levels, gate), levels.row_volts, slope)
        return Gradient(
            conductance=conductance,
            row_volts=rows,
            each=lambda: _each(array, levels, read(), slope)[1:],
        )
    conductance, cells, columns, rows = _each_with_rows(array, levels, read(), slope)
    return Gradient(conductance=conductance, row_volts=rows, each=lambda: (cells, columns))


def _summable(array: Crossbar, levels: Levels) -> bool:
    """Whether the batch is worth the solves of one side, and its reads differ in the volts of the
    drivers only."""
    return (
        levels.batch > min(array.shape)
        and len(_alike(array, levels)) == 1
        and array.linear
        and not (
            levels.floating_rows.any()
            or levels.floating_columns.any()
            or np.any(levels.column_volts)
        )
    )


def _each(
    array: Crossbar, levels: Levels, read: Read, slope: Floats
) -> tuple[Floats, Floats, Floats]:
    return _each_with_rows(array, levels, read, slope)[:3]


def _each_with_rows(
    array: Crossbar, levels: Levels, read: Read, slope: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """dL/dG, dL/dI of the cells, dL/dV of the sense nodes and of the drivers, every input by
    itself."""
    volts = np.asarray(read.cell_volts).reshape(levels.batch, *array.shape)
    seen, row_slope, column_slope = (
        np.empty(volts.shape),
        np.empty((levels.batch, array.rows)),
        np.empty((levels.batch, array.cols)),
    )
    for some in _alike(array, levels):
        gate = None if levels.gate_volts is None else levels.gate_volts[some.start]
        if array.linear:
            prepared = prepared_for(array, levels, gate)
        else:
            assert array.device is not None
            steepness = array.with_factor(
                array.device.conductance(
                    volts[some.start], array.state_or_zeros(), array.gate_of_cells(gate)
                )
            )
            prepared = prepare(
                Operator(
                    wires=array.wires,
                    cell_siemens=np.array(np.broadcast_to(steepness, array.shape)),
                    floating_rows=levels.floating_rows,
                    floating_columns=levels.floating_columns,
                )
            )
        count = some.stop - some.start
        adjoint = prepared.solve(
            Sources(row_volts=np.zeros((count, array.rows)), column_volts=slope[some])
        )
        seen[some], row_slope[some], column_slope[some] = (
            adjoint.word_volts - adjoint.bit_volts,
            -adjoint.row_amps,
            adjoint.column_amps,
        )
    conductance = -np.einsum("bij,bij->ij", seen, volts)
    if levels.single:
        return conductance, -seen[0], column_slope[0], row_slope[0]
    return conductance, -seen, column_slope, row_slope


def _alike(array: Crossbar, levels: Levels) -> list[slice]:
    """Return the inputs that share one operator."""
    gates = levels.gate_volts
    if array.linear and (gates is None or bool(np.all(gates == gates[0]))):
        return [slice(0, levels.batch)]
    return [slice(k, k + 1) for k in range(levels.batch)]
