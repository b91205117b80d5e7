"""What the tables [array] of the networks that learn image by image have in common: the wires of a
tile, and how large a tile is."""

from __future__ import annotations

from dataclasses import dataclass

from spicesnn.crossbar.temperature import TCR, wires_at
from spicesnn.crossbar.wires import DRIVE_SIDES, SENSE_SIDES, Wires
from spicesnn.options import Section, option


@dataclass(frozen=True, kw_only=True)
class TileWires(Section):
    """Resistances of a tile's wires, and its size."""

    word_line_ohm: float = option(1.0, "resistance of a word-line segment", lowest=0.0)
    bit_line_ohm: float = option(1.0, "resistance of a bit-line segment", lowest=0.0)
    driver_ohm: float = option(0.0, "output resistance of the word-line drivers", lowest=0.0)
    sense_ohm: float = option(0.0, "input resistance of the sense nodes", lowest=0.0)
    drive_side: str = option(
        "left",
        "end at which word lines are driven, column 0 being the left one",
        choices=DRIVE_SIDES,
    )
    sense_side: str = option(
        "bottom",
        "end at which bit lines are sensed, row 0 being the top one",
        choices=SENSE_SIDES,
    )
    temperature: float = option(
        0.0,
        "kelvin, of devices (in place of their own), lines and transistors; 0: as each is given",
        lowest=0.0,
    )
    line_tcr: float = option(
        TCR["copper"],
        "temperature coefficient of the lines' resistance, 1/K, from 293.15 K; copper 3.93e-3,"
        " tungsten 4.5e-3",
    )
    tile_rows: int = option(128, "word lines of a tile; 0: no tiling", lowest=0)
    tile_cols: int = option(128, "bit lines of a tile; 0: no tiling", lowest=0)

    def segments(self) -> Wires:
        """Return the wires of a tile."""
        lines = Wires(
            word_line_ohm=self.word_line_ohm,
            bit_line_ohm=self.bit_line_ohm,
            driver_ohm=self.driver_ohm,
            sense_ohm=self.sense_ohm,
            drive_side=self.drive_side,
            sense_side=self.sense_side,
        )
        return wires_at(lines, self.temperature, self.line_tcr) if self.temperature else lines
