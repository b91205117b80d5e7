"""The memory of a set-up, handed on from an array that is dropped to the next one of the same shape.

Who programs an array and reads it makes a new array each time. Fresh memory for its factors costs more than they do: every page is
cleared by the system and faults once. So a few blocks wait here for the next set-up that they fit.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spicesnn.devices.base import Floats
from spicesnn.engines.nodal.lines import aligned_zeros, padded, stride_of, work_doubles

SPARE_BYTES = 48 * 2**20
"""Most that waits."""


class _Block(NamedTuple):
    shape: tuple[int, int, int]
    doubles: Floats
    gate: NDArray[np.int64]
    cells: Floats


_spare: list[_Block] = []
_lock = threading.Lock()


class Memory:
    """Cells, factors and vectors for an array of (rows, cols); who drops it leaves it to the next.

    Attributes
    ----------
    doubles : (padded cells + what `lines.Work` lays out,) flat
        First the conductances, 0 S in padded places.
    gate : (8,) int64
        The barrier of the threads of one solve.
    """

    __slots__ = ("_block", "doubles", "gate")

    def __init__(self, rows: int, cols: int, threads: int) -> None:
        self._block = _taken((rows, cols, threads)) or _made(rows, cols, threads)
        self.doubles, self.gate = self._block.doubles, self._block.gate

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

    def __del__(self, spare: list[_Block] = _spare, lock: threading.Lock = _lock, most: int = SPARE_BYTES) -> None:
        # bound above: when the interpreter ends, the module's names may be gone before the last array is.
        # A collection may run while this very thread holds the lock, or a fork has left it locked: then the block is simply freed
        if self._block.doubles.nbytes > most or not lock.acquire(blocking=False):
            return
        try:
            spare.append(self._block)
            while sum(block.doubles.nbytes for block in spare) > most:
                del spare[0]
        finally:
            lock.release()


def _taken(shape: tuple[int, int, int]) -> _Block | None:
    if not _lock.acquire(blocking=False):
        return None
    try:
        for k in range(len(_spare) - 1, -1, -1):
            if _spare[k].shape == shape:
                return _spare.pop(k)
        return None
    finally:
        _lock.release()


def _made(rows: int, cols: int, threads: int) -> _Block:
    shape = padded(rows), stride_of(cols)
    size = shape[0] * shape[1]
    doubles = aligned_zeros(size + work_doubles(*shape, threads))
    return _Block((rows, cols, threads), doubles, np.zeros(8, dtype=np.int64), doubles[:size].reshape(shape)[:rows, :cols])
