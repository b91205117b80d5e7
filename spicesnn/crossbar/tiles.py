"""A large matrix of cells cut into arrays of a stated size, each with wires, drivers and sense
nodes of its own.

Tiles beside one another are driven with the same volts, and the sense nodes of tiles below one
another add their currents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spicesnn.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class Tiling:
    """The largest tile: word lines and bit lines; 0 leaves that direction whole."""

    rows: int = 128
    cols: int = 128

    def __post_init__(self) -> None:
        whole = all(
            isinstance(count, int | np.integer) and not isinstance(count, bool)
            for count in (self.rows, self.cols)
        )
        if not whole or self.rows < 0 or self.cols < 0:
            raise InputError(
                f"tiles of {self.rows} × {self.cols}; expected 0 (whole) or more lines each way"
            )

    def parts(self, shape: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
        """Yield the place of each tile in a matrix of `shape`, left to right and down; the last of
        a row or column may be smaller."""
        for rows in _cuts(shape[0], self.rows):
            for columns in _cuts(shape[1], self.cols):
                yield rows, columns

    def count(self, shape: tuple[int, int]) -> int:
        """Return how many tiles a matrix of `shape` takes."""
        return len(_cuts(shape[0], self.rows)) * len(_cuts(shape[1], self.cols))


def _cuts(length: int, most: int) -> list[slice]:
    size = most or length
    return [slice(first, min(first + size, length)) for first in range(0, length, size)]
