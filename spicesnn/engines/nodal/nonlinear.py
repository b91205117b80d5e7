"""Reads of arrays whose cells are not linear: one Newton solve an input."""

from __future__ import annotations

from time import perf_counter

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import Levels
from spicesnn.engines.nodal.network import Solution, Sources
from spicesnn.engines.nodal.newton import Newton
from spicesnn.engines.nodal.relinearised import Relinearised
from spicesnn.engines.results import Read


def nonlinear_read(array: Crossbar, levels: Levels) -> Read:
    """Solve every input of the batch by Newton's method.

    Raises
    ------
    ConvergenceError
        Not even source stepping converges.
    SingularCircuitError
        Something floats.
    """
    begin = perf_counter()
    device, state = array.cell_device(), array.state_or_zeros()
    network = Relinearised(array.wires, levels.floating_rows, levels.floating_columns)
    gates = array.gate_of_cells(levels.gate_volts)
    solutions: list[Solution] = []
    for k in range(levels.batch):
        gate = None if gates is None else gates[k]

        def cells(volts: Floats, gate: Floats | None = gate) -> tuple[Floats, Floats]:
            amps, slope = device.current_and_conductance(volts, state, gate)
            return np.broadcast_to(array.with_factor(amps), volts.shape), np.broadcast_to(
                array.with_factor(slope), volts.shape
            )

        sources = Sources(
            row_volts=levels.row_volts[k : k + 1], column_volts=levels.column_volts[k : k + 1]
        )
        solutions.append(Newton(network=network, cells=cells).solve(sources))
    stats = {
        "method": "newton",
        "iterations": [s.iterations for s in solutions],
        "seconds": perf_counter() - begin,
    }
    joined = {
        name: np.concatenate([getattr(s, name) for s in solutions])
        for name in ("column_amps", "row_amps", "word_volts", "bit_volts", "residual_amps")
    }
    if levels.single:
        joined = {name: values[0] for name, values in joined.items()}
    return Read(
        column_amps=joined["column_amps"],
        row_amps=joined["row_amps"],
        word_line_volts=joined["word_volts"],
        bit_line_volts=joined["bit_volts"],
        residual_amps=np.asarray(joined["residual_amps"]),
        stats=stats,
    )
