"""The effective conductance of a linear array: one matrix that holds everything its wires do to a
read.

``column_amps = row_volts @ effective`` with all sense nodes at 0 V. The network is reciprocal, so
column j of the matrix is also what flows into the grounded drivers when sense node j alone is at 1
V: min(rows, cols) solves give all of it.

Few changed cells. Let cell c change by D_c, let u_c be the dipole of 1 A into its word-line node
and out of its bit-line node, and let a solve of the old array with u_c (all terminals at 0 V) give
the currents P[i, c] into driver i, Q[j, c] into sense node j, and the volts K[d, c] across the
changed cells. With driver i at 1 V the changed cells see v = (1 + K·D)⁻¹·P[i], and the change is a
dipole −D·v, so

    effective' = effective − P·(1 + K·D)⁻ᵀ·D·Qᵀ            (Woodbury's formula)

which costs one solve a changed cell. The error of each update is at most what its solves left over,
amplified by the condition of 1 + K·D; it is added up, and when the sum would pass `REFRESH` the
matrix is computed afresh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.engines.base import check_linear
from spicesnn.engines.nodal.elimination import Eliminated
from spicesnn.engines.nodal.linear import Checked, currents_of, prepare
from spicesnn.engines.nodal.network import Currents, Operator, Prepared, Sources

REFRESH = 1e-10
"""Accumulated relative error at which an updated matrix is computed afresh."""
_CHUNK_DOUBLES = 2**24
_SOLVE_ERROR = 1e-12


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Transfer:
    """An effective conductance and what is known about it.

    Attributes
    ----------
    siemens : (rows, cols)
    bound : float
        Upper bound of Σ|error| over the entries of any row (`by_rows`) or of any column, siemens.
    by_rows : bool
    error : float
        Accumulated relative error, an estimate.
    """

    siemens: Floats
    bound: float
    by_rows: bool
    error: float

    def column_amps(self, row_volts: Floats) -> tuple[Floats, Floats]:
        """Return (batch, cols) currents of (batch, rows) volts, and an upper bound of the error of
        each input's currents (batch,)."""
        size = np.abs(row_volts)
        return row_volts @ self.siemens, self.bound * (
            size.sum(axis=1) if self.by_rows else size.max(axis=1)
        )


def _currents(prepared: Prepared, sources: Sources) -> Currents:
    """Return line currents and bounds, without keeping node voltages where the method allows."""
    return (
        prepared.currents(sources, _SOLVE_ERROR)
        if isinstance(prepared, Checked)
        else currents_of(prepared.solve(sources))
    )


def transfer_of(operator: Operator, prepared: Prepared) -> Transfer:
    """Compute the effective conductance from min(rows, cols) solves, or by elimination where that
    was chosen."""
    if isinstance(prepared, Eliminated):
        matrix, error, along_rows = prepared.effective()
        return Transfer(siemens=matrix, bound=error, by_rows=along_rows, error=_SOLVE_ERROR)
    rows, cols = operator.shape
    count = min(rows, cols)
    by_rows = rows < cols
    siemens = np.empty((rows, cols))
    worst = 0.0
    chunk = count if isinstance(prepared, Checked) else max(1, _CHUNK_DOUBLES // (4 * rows * cols))
    for first in range(0, count, chunk):
        lines = np.arange(first, min(first + chunk, count))
        drive = np.zeros((lines.size, count))
        drive[np.arange(lines.size), lines] = 1.0
        still = np.zeros((lines.size, max(rows, cols)))
        sources = (
            Sources(row_volts=drive, column_volts=still)
            if by_rows
            else Sources(row_volts=still, column_volts=drive)
        )
        found = _currents(prepared, sources)
        if by_rows:
            siemens[lines] = found.column_amps
        else:
            siemens[:, lines] = -found.row_amps.T
        worst = max(worst, float(found.bound_amps.max()))
    return Transfer(siemens=siemens, bound=worst, by_rows=by_rows, error=_SOLVE_ERROR)


def updated(
    old: Transfer,
    operator: Operator,
    prepared: Prepared,
    changed: NDArray[np.int64],
    change: Floats,
) -> Transfer | None:
    """Return the effective conductance after `changed` cells (k, 2) of the old array moved by
    `change` (k,) siemens.

    Returns None where the accumulated error would pass `REFRESH`.
    """
    rows, cols = operator.shape
    k = len(changed)
    into_rows, into_columns, volts = np.empty((k, rows)), np.empty((k, cols)), np.empty((k, k))
    worst = 0.0
    chunk = max(1, _CHUNK_DOUBLES // (4 * rows * cols))
    for first in range(0, k, chunk):
        some = np.arange(first, min(first + chunk, k))
        dipole = np.zeros((some.size, rows, cols))
        dipole[np.arange(some.size), changed[some, 0], changed[some, 1]] = 1.0
        sources = Sources(
            row_volts=np.zeros((some.size, rows)),
            column_volts=np.zeros((some.size, cols)),
            word_amps=dipole,
            bit_amps=-dipole,
        )
        solution = (
            prepared.solve(sources, tolerance=_SOLVE_ERROR)
            if isinstance(prepared, Checked)
            else prepared.solve(sources)
        )
        into_rows[some], into_columns[some] = -solution.row_amps, solution.column_amps
        volts[some] = (solution.word_volts - solution.bit_volts)[:, changed[:, 0], changed[:, 1]]
        worst = max(worst, 0.0 if solution.bound_amps is None else float(solution.bound_amps.max()))
    small = np.eye(k) + volts.T * change
    error = old.error + _SOLVE_ERROR * float(np.linalg.cond(small, 1))
    if not error <= REFRESH:
        return None
    seen = np.linalg.solve(small, into_rows)
    siemens = old.siemens - seen.T @ (change[:, None] * into_columns)
    bound = old.bound + 2 * worst * float((np.abs(change) @ np.abs(seen)).max())
    return Transfer(siemens=siemens, bound=bound, by_rows=True, error=error)


def known_transfer(array: Crossbar, gate_volts: Floats | None) -> Transfer | None:
    """Return the effective conductance that the array's cache holds."""
    kept: tuple[object, Prepared, Operator, Transfer] | None = array.cache.get("nodal.transfer")
    return (
        kept[3]
        if kept is not None and kept[0] == (None if gate_volts is None else gate_volts.tobytes())
        else None
    )


def transfer_for(array: Crossbar, gate_volts: Floats | None, near: Crossbar | None) -> Transfer:
    """Return the effective conductance of an array, from its cache, from a nearby array's, or
    computed."""
    check_linear(array)
    known = known_transfer(array, gate_volts)
    if known is not None:
        return known
    key = None if gate_volts is None else gate_volts.tobytes()
    operator = Operator(
        wires=array.wires,
        cell_siemens=array.cell_conductance(gate_volts),
        floating_rows=np.zeros(array.rows, dtype=bool),
        floating_columns=np.zeros(array.cols, dtype=bool),
    )
    transfer = _from_near(operator, near, key)
    prepared = prepare(operator, solves=min(operator.shape))
    if transfer is None:
        transfer = transfer_of(operator, prepared)
    array.cache["nodal.transfer"] = (key, prepared, operator, transfer)
    return transfer


def _from_near(operator: Operator, near: Crossbar | None, key: object) -> Transfer | None:
    """Return the matrix as an update of a nearby array's, where there is one and it pays."""
    known: tuple[object, Prepared, Operator, Transfer] | None = (
        None if near is None else near.cache.get("nodal.transfer")
    )
    if known is None or known[0] != key:
        return None
    _, prepared, old, transfer = known
    if old.shape != operator.shape or old.wires.describe() != operator.wires.describe():
        return None
    change = operator.cell_siemens - old.cell_siemens
    changed = np.argwhere(change != 0)
    if len(changed) == 0:
        return transfer
    if 2 * len(changed) > min(operator.shape):
        return None
    return updated(transfer, old, prepared, changed, change[tuple(changed.T)])
