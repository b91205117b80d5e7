"""A trained layer solved by two engines tile by tile: the same currents, or somebody is wrong.

A layer is a matrix of conductances cut into tiles with wires. Each engine reads every tile at the
inputs' voltages and, in the same batch, at 1 V on one word line after the other: that gives the
layer's currents, and its effective conductance by definition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.crossbar.tiles import Tiling
from spicesnn.crossbar.wires import Wires
from spicesnn.engines.base import Engine
from spicesnn.engines.tiled.exact import tiles
from spicesnn.errors import InputError


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class SolvedLayer:
    """What one engine says of a layer.

    Attributes
    ----------
    column_amps : (inputs, cols)
        Currents of the tiles below one another added up, ampere.
    siemens : (rows, cols)
        Effective conductance of each row within its tile.
    residual_amps : float
        Largest violation of Kirchhoff's current law in any tile.
    """

    column_amps: Floats
    siemens: Floats
    residual_amps: float


def solve_layer(
    engine: Engine,
    siemens: ArrayLike,
    wires: Wires,
    row_volts: ArrayLike,
    tiling: Tiling,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> SolvedLayer:
    """Read a layer through its tiles on one engine.

    Parameters
    ----------
    engine : Engine
    siemens : (rows, cols)
        Conductances of the cells.
    wires : Wires
        Of every tile; driver and sense resistances one number each.
    row_volts : (inputs, rows)
    tiling : Tiling
    progress : callable
        Called with (tiles done, tiles).
    """
    cells, volts = np.asarray(siemens, dtype=float), np.asarray(row_volts, dtype=float)
    if cells.ndim != 2 or volts.ndim != 2 or volts.shape[1] != cells.shape[0]:
        raise InputError(
            f"a layer of {cells.shape} cells at voltages of shape {volts.shape}; expected (rows,"
            " cols) and (inputs, rows)"
        )
    amps, effective, residual = np.zeros((len(volts), cells.shape[1])), np.empty_like(cells), 0.0
    total = tiling.count((cells.shape[0], cells.shape[1]))
    for done, ((rows, cols), tile) in enumerate(tiles(cells, wires, tiling), start=1):
        read = engine.read(tile, np.concatenate([volts[:, rows], np.eye(tile.rows)]))
        amps[:, cols] += read.column_amps[: len(volts)]
        effective[rows, cols] = read.column_amps[len(volts) :]
        residual = max(residual, float(np.max(read.residual_amps)))
        progress(done, total)
    return SolvedLayer(column_amps=amps, siemens=effective, residual_amps=residual)


def largest_difference(one: Floats, other: Floats) -> float:
    """Return the largest difference of two sets of currents (or conductances), relative to the
    largest of its row."""
    scale = np.maximum(
        np.abs(one).max(axis=-1, keepdims=True), np.abs(other).max(axis=-1, keepdims=True)
    )
    return float(np.max(np.abs(one - other) / np.where(scale > 0, scale, 1.0)))
