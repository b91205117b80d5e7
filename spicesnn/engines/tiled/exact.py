"""A layer cut into tiles, each tile solved by an engine: the one loop over tiles that all of
training and validation share."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.tiles import Tiling
from spicesnn.crossbar.wires import Wires
from spicesnn.engines.base import Engine

Place = tuple[slice, slice]
"""Word lines and bit lines of a tile within its layer."""


def tiles(siemens: Floats, wires: Wires, tiling: Tiling) -> Iterator[tuple[Place, Crossbar]]:
    """Cut a layer of linear cells into arrays.

    Parameters
    ----------
    siemens : (rows, cols)
        Conductance of every cell.
    wires : Wires
        Of every tile; driver and sense resistances one number each.
    tiling : Tiling

    Yields
    ------
    place, array
        Left to right and down.
    """
    for place in tiling.parts((siemens.shape[0], siemens.shape[1])):
        yield place, Crossbar(conductance=siemens[place], wires=wires)


def effective_conductance(engine: Engine, siemens: Floats, wires: Wires, tiling: Tiling) -> Floats:
    """Effective conductance (rows, cols) of each cell within its tile, siemens: a tile's
    ``column_amps = row_volts @ effective``."""
    found = np.empty(siemens.shape)
    for place, tile in tiles(siemens, wires, tiling):
        found[place] = engine.effective_conductance(tile)
    return found
