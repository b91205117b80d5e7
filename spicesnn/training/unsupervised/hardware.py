"""What the unsupervised network stands on: tables of its preset about wires and tiles."""

from __future__ import annotations

from dataclasses import dataclass

from spicesnn.crossbar.tiles import Tiling
from spicesnn.engines.tiled.incremental import Pulses
from spicesnn.engines.tiled.wiring import Wiring
from spicesnn.options import option
from spicesnn.training.tile_wires import TileWires


@dataclass(frozen=True, kw_only=True)
class ArraySection(TileWires):
    """[array]: wires and tiles, and what of the training goes through them."""

    wires: str = option(
        "ideal", "operations that include IR drop", choices=("ideal", "reads", "reads-and-writes")
    )
    word_line_ohm: float = option(1.0, "resistance of a word-line segment", above=0.0)
    bit_line_ohm: float = option(1.0, "resistance of a bit-line segment", above=0.0)
    read_tolerance: float = option(
        0.02,
        "tolerated error of a neuron's current, relative to the sum of its conductances",
        above=0.0,
    )

    def wiring(self, g_one: float, pulses: Pulses | None) -> Wiring | None:
        """Return the wires, None where they are ideal."""
        if self.wires == "ideal":
            return None
        return Wiring(
            wires=self.segments(),
            tiling=Tiling(rows=self.tile_rows, cols=self.tile_cols),
            g_one=g_one,
            read_tolerance=self.read_tolerance,
            pulses=pulses,
        )
