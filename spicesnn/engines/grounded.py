"""1T1R arrays whose gates are driven against ground, by either engine.

The engines count a cell's gate voltage from its bit-line terminal, so that a cell is a two-terminal
element under a level. A gate driver that stands on ground leaves a transistor V_g − b, with b the
voltage of its bit-line terminal: what the wires of a bit line lift it to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.crossbar.cells import OneTransistorOneResistor
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.engines.base import Engine
from spicesnn.engines.results import Read
from spicesnn.errors import ConvergenceError, InputError

_ROUNDS = 40


def with_gates_on_ground(array: Crossbar, bit_line_volts: Floats) -> Crossbar:
    """Return the array as it is for gates driven against ground, at given voltages of its bit-line
    terminals (rows, cols).

    Only V_g − V_TO acts in a level 1 transistor without body effect, from either end of its
    channel: a bit line at b is a threshold that is higher by b."""
    cell = array.device
    if not isinstance(cell, OneTransistorOneResistor):
        kind = "linear cells" if cell is None else cell.name
        raise InputError(
            f"gates on ground: the array has {kind}; expected 1t1r cells, such as"
            " OneTransistorOneResistor()"
        )
    shifted = np.asarray(cell.transistor_vto, dtype=float) + bit_line_volts
    return replace(array, device=cell.with_parameters(transistor_vto=shifted))


def read_with_gates_on_ground(
    engine: Engine,
    array: Crossbar,
    row_volts: ArrayLike,
    *,
    column_volts: ArrayLike = 0.0,
    gate_volts: ArrayLike,
    tolerance: float = 1e-9,
) -> Read:
    """Read an array of 1T1R cells whose gates stand on ground.

    The bit line's voltages follow from the currents, and those from the gate-source voltages: the
    engine is asked again with what it answered, until no bit-line terminal moves by more than
    `tolerance`. A round takes the error down by the transistors' share of the change, about the
    ratio of the drop along the bit line to the overdrive of the gate.

    Parameters
    ----------
    engine : Engine
    array : Crossbar
        Of `OneTransistorOneResistor` cells around any memristor.
    row_volts : (rows,)
    column_volts : float or (cols,)
    gate_volts : float or (gate lines,)
        Against ground.
    tolerance : float
        Volt.

    Raises
    ------
    ConvergenceError
        The bit lines do not settle.
    """
    if np.ndim(row_volts) != 1:
        raise InputError(
            f"gates on ground: row_volts has shape {np.shape(row_volts)}; expected ({array.rows},),"
            " one vector at a time"
        )
    bit_lines = np.broadcast_to(np.asarray(column_volts, dtype=float), array.cols) * np.ones(
        array.shape
    )
    gates = np.broadcast_to(np.asarray(gate_volts, dtype=float), array.gate_lines)
    change = np.inf
    for _ in range(_ROUNDS):
        found = engine.read(
            with_gates_on_ground(array, bit_lines),
            row_volts,
            column_volts=column_volts,
            gate_volts=gates,
        )
        change = float(np.max(np.abs(found.bit_line_volts - bit_lines)))
        if change <= tolerance:
            return found
        bit_lines = found.bit_line_volts
    raise ConvergenceError(
        f"gates on ground: the bit lines still move by {change:.3g} V after {_ROUNDS} rounds; are"
        " their drops larger than the gates' overdrive?"
    )
