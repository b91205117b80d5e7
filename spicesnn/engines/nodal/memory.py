"""The memory of a set-up, handed on from an array that is dropped to the next one of the same
shape.

Who programs an array and reads it makes a new array each time. Fresh memory for its factors costs
more than they do: every page is cleared by the system and faults once. So a few blocks wait here
for the next set-up that they fit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.engines.nodal.lines import aligned_zeros, padded, stride_of, work_doubles

SPARE_BYTES = 48 * 2**20
"""Most that waits."""


class _Block(NamedTuple):
    shape: tuple[int, int, int]
    nbytes: int
    doubles: Floats
    gate: NDArray[np.int64]
    cells: Floats


_spare: list[_Block] = []
"""Blocks that wait, the last used at the end. Each look and change is one call into the list, so
threads and forks need no lock."""


class Memory:
    """Cells, factors and vectors for an array of (rows, cols); who drops it leaves it to the next.

    Attributes
    ----------
    doubles : (padded cells + what `lines.Work` lays out,) flat
        First the conductances, 0 S in padded places.
    parts : (doubles, gate)
        As compiled code takes them; the gate, (8,) int64, is the barrier of the threads of one
        solve.
    """

    __slots__ = ("_block", "doubles", "parts")

    def __init__(self, rows: int, cols: int, threads: int) -> None:
        self._block = block = _taken((rows, cols, threads)) or _made(rows, cols, threads)
        self.doubles, self.parts = block.doubles, (block.doubles, block.gate)

    def fill(self, siemens: Floats) -> None:
        """Take the conductances of cells, (rows, cols)."""
        self._block.cells[:] = siemens

    def again(self) -> Memory:
        """Return as much memory for another thread, with the same cells."""
        other = Memory(*self._block.shape)
        other.fill(self._block.cells)
        return other

    def clean(self) -> None:
        """Forget what a failed solve has left; the cells stay."""
        rows, cols, _ = self._block.shape
        self.doubles[padded(rows) * stride_of(cols) :] = 0.0

    def __del__(self, spare: list[_Block] = _spare, most: int = SPARE_BYTES) -> None:
        # bound above: when the interpreter ends, the module's names may be gone before the last
        # array is
        spare.append(self._block)
        waiting = 0
        for block in spare:
            waiting += block.nbytes
        while waiting > most:
            try:
                waiting -= spare.pop(0).nbytes
            except IndexError:
                return


def _taken(shape: tuple[int, int, int]) -> _Block | None:
    """Return the block of this shape that was used last."""
    try:
        block = _spare.pop()
    except IndexError:
        return None
    if block.shape == shape:
        return block
    _spare.append(block)
    for k in range(len(_spare) - 1, -1, -1):
        try:
            if _spare[k].shape == shape:
                block = _spare.pop(k)
                if block.shape == shape:
                    return block
                _spare.append(block)  # another thread has been at the list in between
        except IndexError:
            continue
    return None


def _made(rows: int, cols: int, threads: int) -> _Block:
    shape = padded(rows), stride_of(cols)
    size = shape[0] * shape[1]
    doubles = aligned_zeros(size + work_doubles(*shape, threads))
    return _Block(
        (rows, cols, threads),
        doubles.nbytes,
        doubles,
        np.zeros(8, dtype=np.int64),
        doubles[:size].reshape(shape)[:rows, :cols],
    )
