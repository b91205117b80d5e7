r"""Gradients of a whole batch of reads by 2·min(rows, cols) solves, whatever the batch.

The cell volts of input b are :math:`v_b = \sum_r V_{br} A_r`, with :math:`A_r` those of the r-th
word line at 1 V; those of the adjoint solve (`adjoint.py`) are :math:`\mu_b = \sum_c g_{bc} M_c`,
with :math:`M_c` those of the c-th sense node at 1 V. So, with :math:`S = V^T g` (rows, cols),

.. math:: \frac{\partial L}{\partial G} = -\sum_b v_b \circ \mu_b = -\sum_r A_r \circ \Big(\sum_c S_{rc} M_c\Big)
          = -\sum_c \Big(\sum_r S_{rc} A_r\Big) \circ M_c

A bracket is one solve with a row (or column) of S as its sources: a forward and an adjoint solve
for each line of the shorter side. The same solves give the effective conductance E, and with it
:math:`\partial L/\partial V_b = E\,g_b`."""

from __future__ import annotations

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.engines.nodal.linear import Checked
from spicesnn.engines.nodal.network import Prepared, Solution, Sources
from spicesnn.jit import kernel

_TOLERANCE = 1e-10
"""Of each solve: products of two of them are then right to some 1e-9."""
_DOUBLES_AT_ONCE = 2**23


def summed(prepared: Prepared, row_volts: Floats, slopes: Floats) -> tuple[Floats, Floats]:
    """dL/dG (rows, cols) summed over a batch, and dL/dV (batch, rows) of its drivers.

    Parameters
    ----------
    prepared : Prepared
        The array's operator; sense nodes at 0 V, no line floating.
    row_volts : (batch, rows)
    slopes : (batch, cols)
        Derivative of L in the column currents.
    """
    rows, cols = row_volts.shape[1], slopes.shape[1]
    together = row_volts.T @ slopes
    along_rows = rows <= cols
    count = min(rows, cols)
    total, effective = np.zeros((rows, cols)), np.empty((rows, cols))
    step = max(1, _DOUBLES_AT_ONCE // (4 * rows * cols))
    for first in range(0, count, step):
        lines = np.arange(first, min(first + step, count))
        unit = np.zeros((lines.size, count))
        unit[np.arange(lines.size), lines] = 1.0
        if along_rows:
            one, other = (
                _driven(prepared, rows=unit, cols=cols),
                _driven(prepared, columns=together[lines], rows_count=rows),
            )
            effective[lines] = one.column_amps
        else:
            one, other = (
                _driven(prepared, columns=unit, rows_count=rows),
                _driven(prepared, rows=together[:, lines].T, cols=cols),
            )
            effective[:, lines] = -one.row_amps.T
        _subtract_products(total, one.word_volts, one.bit_volts, other.word_volts, other.bit_volts)
    return total, slopes @ effective.T


@kernel
def _subtract_products(
    total: Floats, word: Floats, bit: Floats, other_word: Floats, other_bit: Floats
) -> None:
    """Subtract from each cell's sum the products of its volts in two solves, in one pass."""
    for k in range(word.shape[0]):
        for i in range(total.shape[0]):
            for j in range(total.shape[1]):
                total[i, j] -= (word[k, i, j] - bit[k, i, j]) * (
                    other_word[k, i, j] - other_bit[k, i, j]
                )


def _driven(
    prepared: Prepared,
    *,
    rows: Floats | None = None,
    columns: Floats | None = None,
    cols: int = 0,
    rows_count: int = 0,
) -> Solution:
    """Solve with either all word lines or all sense nodes driven, the others at 0 V."""
    if rows is not None:
        sources = Sources(
            row_volts=np.ascontiguousarray(rows), column_volts=np.zeros((len(rows), cols))
        )
    else:
        assert columns is not None
        sources = Sources(
            row_volts=np.zeros((len(columns), rows_count)),
            column_volts=np.ascontiguousarray(columns),
        )
    return (
        prepared.solve(sources, tolerance=_TOLERANCE)
        if isinstance(prepared, Checked)
        else prepared.solve(sources)
    )
