"""Reading many inputs from one array, on any engine, with the energy of the reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.engines.base import Engine
from spicesnn.nonidealities.realised import Imperfections

_CELLS_AT_ONCE = 4_000_000
"""Batches are read in chunks of about this many cell voltages, so that memory stays bounded."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Reads:
    """Column currents (n, cols), ampere, the power drawn for each input (n,), watt, and the worst
    residual, ampere."""

    column_amps: Floats
    power_watt: Floats
    residual_amps: float


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Noise:
    """What reads are disturbed by: `imperfections`, drawn from `rng`, anew after every `alike`
    inputs."""

    imperfections: Imperfections
    rng: np.random.Generator
    alike: int = 1


def read_many(
    engine: Engine,
    array: Crossbar,
    row_volts: Floats,
    gate_volts: float | None = None,
    noise: Noise | None = None,
) -> Reads:
    """Solve an array for many inputs.

    A linear array with more inputs than word lines is solved once a word line, at 1 V, and
    superposed: exact, and on every engine the cheaper way. Otherwise each input is solved by
    itself.

    Parameters
    ----------
    row_volts : (n, rows)
    gate_volts : float, optional
        Level of all gates, for cells that have one.
    noise : Noise, optional
        Every few inputs then see cells of their own.
    """
    if noise is not None:
        return _noisy(engine, array, row_volts, gate_volts, noise)
    gates = (
        np.full(array.gate_lines, 0.0 if gate_volts is None else gate_volts)
        if array.gated
        else None
    )
    if array.linear and len(row_volts) > array.rows:
        unit = _solved(engine, array, np.eye(array.rows), gates)
        columns, rows = row_volts @ unit[0], row_volts @ unit[1]
        worst = unit[2] * float(np.abs(row_volts).sum(axis=1).max())
        return Reads(
            column_amps=columns,
            power_watt=np.einsum("nr,nr->n", rows, row_volts),
            residual_amps=worst,
        )
    columns, rows, residual = _solved(engine, array, row_volts, gates)
    return Reads(
        column_amps=columns,
        power_watt=np.einsum("nr,nr->n", rows, row_volts),
        residual_amps=residual,
    )


def _noisy(
    engine: Engine, array: Crossbar, row_volts: Floats, gate_volts: float | None, noise: Noise
) -> Reads:
    parts = [
        read_many(
            engine,
            noise.imperfections.before_read(array, noise.rng),
            row_volts[begin : begin + noise.alike],
            gate_volts,
        )
        for begin in range(0, len(row_volts), noise.alike)
    ]
    return Reads(
        column_amps=np.concatenate([part.column_amps for part in parts]),
        power_watt=np.concatenate([part.power_watt for part in parts]),
        residual_amps=max(part.residual_amps for part in parts),
    )


def _solved(
    engine: Engine, array: Crossbar, row_volts: Floats, gates: Floats | None
) -> tuple[Floats, Floats, float]:
    step = max(1, _CELLS_AT_ONCE // (array.rows * array.cols))
    columns, rows, residual = [], [], 0.0
    for begin in range(0, len(row_volts), step):
        read = engine.read(array, row_volts[begin : begin + step], gate_volts=gates)
        columns.append(read.column_amps)
        rows.append(read.row_amps)
        residual = max(residual, float(np.max(read.residual_amps)))
    return np.concatenate(columns), np.concatenate(rows), residual
