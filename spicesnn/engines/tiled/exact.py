"""A layer of linear cells cut into tiles."""

from __future__ import annotations

from collections.abc import Iterator

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.tiles import Tiling
from spicesnn.crossbar.wires import Wires

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
