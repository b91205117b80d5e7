"""Reads of linear arrays: the set-up is kept with the array, and every further input is only a
solve."""

from __future__ import annotations

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import Levels
from spicesnn.engines.nodal.deferred import DeferredRead
from spicesnn.engines.nodal.line_solver import TOLERANCE
from spicesnn.engines.nodal.linear import Checked, prepare
from spicesnn.engines.nodal.network import Operator, Prepared, Solution, Sources
from spicesnn.engines.nodal.transfer import known_transfer, transfer_for
from spicesnn.engines.results import Read

MANY_INPUTS = 16
"""Fewer inputs than this are solved one by one, whatever the shape: their voltages come with the
answer."""


def operator_of(array: Crossbar, levels: Levels, gate_volts: Floats | None = None) -> Operator:
    """Return the operator of a linear array with its cells at rest."""
    return Operator(
        wires=array.wires,
        cell_siemens=array.cell_conductance(gate_volts),
        floating_rows=levels.floating_rows,
        floating_columns=levels.floating_columns,
    )


def prepared_for(array: Crossbar, levels: Levels, gate_volts: Floats | None = None) -> Prepared:
    """Return the set-up of an array, from its cache where it is the last one used."""
    key = (
        levels.floating_rows.tobytes(),
        levels.floating_columns.tobytes(),
        None if gate_volts is None else gate_volts.tobytes(),
    )
    kept: tuple[object, Prepared] | None = array.cache.get("nodal.prepared")
    if kept is not None and kept[0] == key:
        return kept[1]
    prepared = prepare(operator_of(array, levels, gate_volts))
    array.cache["nodal.prepared"] = (key, prepared)
    return prepared


def read_linear(array: Crossbar, levels: Levels, *, voltages: bool = True) -> Read:
    """Solve a linear array for all inputs, through the effective conductance where that is less
    work.

    Without `voltages`, node voltages are not kept where the method allows."""
    gates = levels.gate_volts
    if gates is None or levels.batch == 1 or np.all(gates == gates[0]):
        gate = None if gates is None else gates[0]
        if _matrix_pays(array, levels, gate):
            return _read_by_matrix(array, levels, gate)
        if not voltages and isinstance(prepared := prepared_for(array, levels, gate), Checked):
            return _read_currents(array, levels, gate, prepared)
        return _read_by_solving(array, levels, gate)
    solutions = [
        prepared_for(array, levels, gates[k]).solve(
            Sources(
                row_volts=levels.row_volts[k : k + 1], column_volts=levels.column_volts[k : k + 1]
            )
        )
        for k in range(levels.batch)
    ]
    return as_read(_joined(solutions), levels.single)


def _matrix_pays(array: Crossbar, levels: Levels, gate: Floats | None) -> bool:
    """Return whether the effective conductance takes fewer solves than the batch has inputs, or is
    known already."""
    if (
        levels.batch < MANY_INPUTS
        or levels.floating_rows.any()
        or levels.floating_columns.any()
        or np.any(levels.column_volts)
    ):
        return False
    return known_transfer(array, gate) is not None or levels.batch > 1.5 * min(array.shape)


def _read_by_solving(array: Crossbar, levels: Levels, gate: Floats | None) -> Read:
    prepared = prepared_for(array, levels, gate)
    return as_read(
        prepared.solve(Sources(row_volts=levels.row_volts, column_volts=levels.column_volts)),
        levels.single,
    )


def _read_by_matrix(array: Crossbar, levels: Levels, gate: Floats | None) -> Read:
    column_amps, bound = transfer_for(array, gate, None).column_amps(levels.row_volts)
    return DeferredRead(
        column_amps=column_amps,
        residual_amps=bound,
        stats={"method": "effective-conductance", "iterations": 0, "error_bound_amps": bound},
        solve=lambda: _read_by_solving(array, levels, gate),
    )


def _read_currents(array: Crossbar, levels: Levels, gate: Floats | None, prepared: Checked) -> Read:
    found = prepared.currents(
        Sources(row_volts=levels.row_volts, column_volts=levels.column_volts), TOLERANCE
    )
    row_amps, column_amps, bound, residual = (
        values[0] if levels.single else values for values in found[:4]
    )
    return DeferredRead(
        row_amps=row_amps,
        column_amps=column_amps,
        residual_amps=np.asarray(residual),
        stats={
            "method": "line-cg" if found.iterations else "direct",
            "iterations": found.iterations,
            "error_bound_amps": float(bound) if levels.single else bound,
        },
        solve=lambda: _read_by_solving(array, levels, gate),
    )


def _joined(solutions: list[Solution]) -> Solution:
    def all_of(name: str) -> Floats:
        return np.concatenate([getattr(solution, name) for solution in solutions])

    return Solution(
        word_volts=all_of("word_volts"),
        bit_volts=all_of("bit_volts"),
        row_amps=all_of("row_amps"),
        column_amps=all_of("column_amps"),
        residual_amps=all_of("residual_amps"),
        iterations=max(solution.iterations for solution in solutions),
    )


def as_read(solution: Solution, single: bool) -> Read:
    """Return a solution as the engines' common result."""
    stats: dict[str, object] = {
        "method": "line-cg" if solution.iterations else "direct",
        "iterations": solution.iterations,
    }
    if solution.bound_amps is not None:
        stats["error_bound_amps"] = float(solution.bound_amps[0]) if single else solution.bound_amps
    if not single:
        return Read(
            column_amps=solution.column_amps,
            row_amps=solution.row_amps,
            word_line_volts=solution.word_volts,
            bit_line_volts=solution.bit_volts,
            residual_amps=solution.residual_amps,
            stats=stats,
        )
    return Read(
        column_amps=solution.column_amps[0],
        row_amps=solution.row_amps[0],
        word_line_volts=solution.word_volts[0],
        bit_line_volts=solution.bit_volts[0],
        residual_amps=np.asarray(solution.residual_amps[0]),
        stats=stats,
    )
