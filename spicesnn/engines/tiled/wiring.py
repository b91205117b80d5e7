"""Builds what a compiled presentation needs to work through wires."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicesnn.crossbar.tiles import Tiling
from spicesnn.crossbar.wires import Wires
from spicesnn.engines.tiled.incremental import Pulses, Wired
from spicesnn.engines.tiled.sweeps import Segments
from spicesnn.errors import InputError


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Wiring:
    """Wires between the neurons and their synapses.

    Attributes
    ----------
    wires : Wires
        Of every tile; segments above 0 Ω, driven and sensed at one end.
    tiling : Tiling
    g_one : float
        What a weight of 1 conducts more than one of 0, siemens.
    base : float
        What a weight of 0 conducts, over `g_one`.
    read_tolerance : float
        What a column's current may be wrong by at any inputs, relative to the conductances that the
        column's weights add up to.
    solve_tolerance : float
        Of each solve, relative to the currents of the tile.
    pulses : Pulses, optional
        Writes go through the wires as well.
    """

    wires: Wires
    tiling: Tiling
    g_one: float
    base: float = 0.0
    read_tolerance: float = 0.01
    solve_tolerance: float = 1e-4
    pulses: Pulses | None = None

    def __post_init__(self) -> None:
        wires = self.wires
        ohms = (wires.word_line_ohm, wires.bit_line_ohm, wires.driver_ohm, wires.sense_ohm)
        if any(np.ndim(ohm) for ohm in ohms):
            raise InputError(
                "wires in the training loop have one resistance of each kind for all lines, not one"
                " a line"
            )
        at_one_end = wires.driven_ends == (True, False) and wires.sensed_ends == (False, True)
        if wires.word_line_ohm == 0 or wires.bit_line_ohm == 0 or not at_one_end:
            raise InputError(
                f"wires of {wires.word_line_ohm:g} and {wires.bit_line_ohm:g} Ω a segment, driven"
                f" at column 0 and the last: {wires.driven_ends}, sensed at row 0 and the last:"
                f" {wires.sensed_ends}; in the training loop both are above 0 Ω, driven at column 0"
                " and sensed at the last row (wires without resistance are the ideal network)"
            )
        for name in ("g_one", "read_tolerance", "solve_tolerance"):
            if not getattr(self, name) > 0:
                raise InputError(
                    f"wiring: {name} = {getattr(self, name)!r}; expected a number above 0"
                )

    def segments(self) -> Segments:
        """Return the wires' conductances in units of that of weight 1."""
        wires = self.wires
        ohm = (
            wires.word_line_ohm,
            wires.driver_ohm + wires.word_line_ohm,
            wires.bit_line_ohm,
            wires.sense_ohm + wires.bit_line_ohm,
        )
        return Segments(*(np.float32(1.0 / (value * self.g_one)) for value in ohm))

    def fresh(self, weight: NDArray[np.float32], column_sum: float) -> Wired:
        """Return the arrays for weights (inputs, neurons); every column of every tile is due to be
        solved."""
        inputs, neurons = weight.shape
        row_cuts, tile_row = _cuts(inputs, self.tiling.rows)
        col_cuts, tile_col = _cuts(neurons, self.tiling.cols)
        tile_rows = row_cuts.size - 1
        cells = weight + np.float32(self.base)
        like = [np.zeros((inputs, neurons), np.float32) for _ in range(6)]
        segments = self.segments()
        last_row = row_cuts[tile_row + 1] - 1
        along_word = (
            1.0 / segments.driver + (np.arange(neurons) - col_cuts[tile_col]) / segments.word
        )
        along_bit = 1.0 / segments.sense + (last_row - np.arange(inputs)) / segments.bit
        return Wired(
            cells=cells,
            turned=np.ascontiguousarray(cells.T),
            base=np.float32(self.base),
            word_factor=np.zeros((neurons, inputs), np.float32),
            bit_factor=like[0],
            ohm=like[1],
            open_share=like[2],
            share=like[3],
            own=like[4],
            reach=like[5],
            stale=np.full((tile_rows, neurons), np.inf),
            moved=np.zeros((tile_rows, neurons)),
            row_moved=np.zeros((col_cuts.size - 1, inputs), np.float32),
            row_then=np.zeros((inputs, neurons), np.float32),
            word_path=along_word.astype(np.float32),
            bit_path=along_bit.astype(np.float32),
            limit=self.read_tolerance * column_sum / tile_rows,
            tolerance=self.solve_tolerance,
            wires=segments,
            row_cuts=row_cuts,
            col_cuts=col_cuts,
            tile_row=tile_row,
            tile_col=tile_col,
            dirty=np.ones((tile_rows, col_cuts.size - 1), np.bool_),
            writes=self.pulses is not None,
            pulses=self.pulses or _no_pulses(),
            tally=np.zeros(5),
        )


def _cuts(length: int, most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first line of each tile with the end, and the tile of each line."""
    size = most or length
    starts = np.arange(0, length, size)
    return np.append(starts, length), np.arange(length) // size


def _no_pulses() -> Pulses:
    blank, span = np.zeros((2, 2), np.float32), (np.float32(0.0), np.float32(1.0))
    return Pulses(
        volts_up=blank,
        volts_down=blank,
        up=blank,
        down=blank,
        up_span=span,
        down_span=span,
        up_s=0.0,
        down_s=0.0,
    )
