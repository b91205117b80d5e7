"""Reads of both layers through the wires of solved tiles, while the network learns.

Every tile has its balance line as the last bit line. With E(G) the effective conductance of a tile,
a device reads as the weight w' = 2·limit·(E_ij − E_i,balance)/span. Between solves w' follows its
own device alone, w' = share·w + offset with share = E_ij/G_ij as it was solved; how far that is off
is measured at the next solve, and decides how many images the one after it may wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spicesnn.crossbar.mapping import Window
from spicesnn.crossbar.tiles import Tiling
from spicesnn.engines.default import default_engine
from spicesnn.engines.tiled.exact import with_balance_lines
from spicesnn.errors import ConfigError
from spicesnn.options import option
from spicesnn.training.tile_wires import TileWires

F = NDArray[np.float32]
_FIRST, _MOST = 125, 4000
"""Images before the second solve, and the most between two."""


class Mesh(NamedTuple):
    """What the wires of both layers make of a weight: w' = share·w + offset, each (rows,
    columns)."""

    share_first: F
    share_second: F
    offset_first: F
    offset_second: F

    def reads(self, first: F, second: F) -> tuple[F, F]:
        """Return what the neurons see of both layers' weights."""
        return (
            self.share_first * first + self.offset_first,
            self.share_second * second + self.offset_second,
        )


@dataclass(frozen=True, kw_only=True)
class WireSection(TileWires):
    """[array]: wires and tiles. Pulses are taken to arrive whole."""

    wires: str = option("ideal", "operations that include IR drop", choices=("ideal", "reads"))
    tile_cols: int = option(
        128, "bit lines of a tile, including its balance line; 0: no tiling", lowest=0
    )
    read_tolerance: float = option(
        0.01,
        "tiles are solved so often that weights are not further off (rms, relative) when they are",
        above=0.0,
    )

    def mesh(self, first: F, second: F, limits: tuple[float, float], window: Window) -> Mesh:
        """Solve all tiles of both layers."""
        solved = [
            self._solved(w, limit, window) for w, limit in zip((first, second), limits, strict=True)
        ]
        return Mesh(
            share_first=solved[0][0],
            share_second=solved[1][0],
            offset_first=solved[0][1],
            offset_second=solved[1][1],
        )

    def _solved(self, weights: F, limit: float, window: Window) -> tuple[F, F]:
        if self.tile_cols == 1:
            raise ConfigError(
                "array.tile_cols = 1 leaves no bit line beside the balance line; expected 0, or 2"
                " or more"
            )
        siemens = window.at(0.5 + 0.5 * weights.astype(float) / limit)
        tiling, middle = (
            Tiling(rows=self.tile_rows, cols=max(self.tile_cols - 1, 0)),
            0.5 * (window.low + window.high),
        )
        cells, balance = with_balance_lines(
            default_engine(), siemens, middle, self.segments(), tiling
        )
        share = cells / siemens
        offset = 2 * limit / window.span * (cells - balance) - share * weights
        return share.astype(np.float32), offset.astype(np.float32)


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Pace:
    """How many images to learn from before tiles are solved again, and the largest error that was
    found so far."""

    images: int = _FIRST
    worst: float = 0.0

    def after(self, seen: tuple[F, F], exact: tuple[F, F], tolerance: float) -> Pace:
        """Return the pace after a solve: twice as many images while the error is below half the
        tolerance, half as many above it."""
        error = max(
            float(np.sqrt(np.mean((s - e) ** 2) / np.mean(e**2)))
            for s, e in zip(seen, exact, strict=True)
        )
        images = (
            min(2 * self.images, _MOST)
            if error < 0.5 * tolerance
            else self.images
            if error <= tolerance
            else max(self.images // 2, 1)
        )
        return Pace(images=images, worst=max(self.worst, error))
