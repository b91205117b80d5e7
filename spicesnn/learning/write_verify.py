"""Write and verify: pulses until every cell reads what it should, through the wires it sits on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spicesnn.arrays import Floats, check_generator
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.faults import Wear
from spicesnn.engines.base import Engine
from spicesnn.errors import InputError
from spicesnn.learning.programming import Programmer
from spicesnn.learning.schemes import plan

WIDTHS = tuple(2.0**power for power in range(5, -11, -1))
"""Pulse widths, in widths of the programmer's pulses: down to a thousandth, for devices whose
conductance jumps at the steep end."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Verified:
    """What write and verify left: the array and its wear, pulses, reads and joules it took, and the
    largest error that is left, siemens."""

    array: Crossbar
    pulses: int
    reads: int
    write_joule: float
    read_joule: float
    largest_error: float
    wear: Wear | None = None


def write_verify(
    engine: Engine,
    programmer: Programmer,
    array: Crossbar,
    wanted: Floats,
    rng: np.random.Generator,
    *,
    tolerance: float,
    read_volts: float,
    read_s: float = 1e-6,
    gate_volts: float | None = None,
    widths: tuple[float, ...] = WIDTHS,
    repeats: int = 8,
    wear: Wear | None = None,
) -> Verified:
    """Pulse every cell towards its conductance, coarse pulses first, reading all cells row by row
    after each round.

    A cell is read with its word line at `read_volts` and the others at 0 V, so that its reading has
    the wires in it: the array that comes out does what `wanted` asks for as it is wired.

    Parameters
    ----------
    wanted : (rows, cols) siemens
    tolerance : float
        Cells within this of what they should read are left alone, siemens.
    widths : tuple of float
        Pulse widths, in widths of the programmer's pulses, one after the other; `repeats` rounds at
        most with each.
    """
    check_generator(rng, "write_verify")
    if wanted.shape != array.shape or not tolerance > 0:
        raise InputError(
            f"wanted has shape {wanted.shape}, tolerance = {tolerance}; expected {array.shape} and"
            " siemens above 0"
        )
    gates = (
        np.full(array.gate_lines, 0.0 if gate_volts is None else gate_volts)
        if array.gated
        else None
    )
    pulses, reads, write_joule, read_joule = 0, 0, 0.0, 0.0

    def errors(state: Crossbar) -> tuple[Floats, float]:
        drive = read_volts * np.eye(state.rows)
        read = programmer.imperfections.read(engine, state, drive, rng, gate_volts=gates)
        return (
            wanted - read.column_amps / read_volts,
            float(np.sum(read.power_watt(drive))) * read_s,
        )

    missing, joule = errors(array)
    reads, read_joule = array.rows, joule
    for width in widths:
        before = np.inf
        for _ in range(repeats):
            changes = np.where(np.abs(missing) > tolerance, np.sign(missing), 0).astype(np.int8)
            left = float(np.abs(missing).sum())
            if not changes.any() or left >= before:
                break
            before = left
            done = programmer.with_width(width).apply(engine, array, plan(changes), rng, wear)
            wear = done.wear
            array, pulses, write_joule = (
                done.array,
                pulses + done.pulses,
                write_joule + done.energy_joule,
            )
            missing, joule = errors(array)
            reads, read_joule = reads + array.rows, read_joule + joule
    worst = float(np.abs(missing).max())
    return Verified(
        array=array,
        pulses=pulses,
        reads=reads,
        write_joule=write_joule,
        read_joule=read_joule,
        largest_error=worst,
        wear=wear,
    )
