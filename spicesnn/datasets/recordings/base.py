"""What every reader of event recordings shares: the recording itself, and the ways in which a file
refuses to be one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spicesnn.errors import DataError
from spicesnn.file_kinds import unreadable

LARGEST_BYTES = 1 << 31
"""A file may claim or hold any size; more than this would not fit the memory of a small machine."""
MICROSECONDS = 1e6
_FARTHEST = 2**31 - 1


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Events:
    """One recording: events in the order of the file.

    Attributes
    ----------
    t : (events,) float
        Seconds, as the file counts them.
    x, y : (events,) int
        Column and row of the sensor's pixel; recordings without a second axis (ears, neurons) have
        y = 0.
    p : (events,) int
        Polarity: 1 (brighter, ON) or 0 (darker, OFF); 1 in recordings without polarity.
    shape : (rows, columns) or ()
        Of the sensor, where the file says it.
    origin_s : float or None
        The time at which a recording begins, where its format has one; None: at its earliest event.
    polarities : bool
        Whether the recording has polarities.
    remarks : tuple of str
        What was read, and what of the file is no event.
    """

    t: NDArray[np.float64]
    x: NDArray[np.int32]
    y: NDArray[np.int32]
    p: NDArray[np.uint8]
    shape: tuple[int, ...] = ()
    origin_s: float | None = 0.0
    polarities: bool = True
    remarks: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.t)

    @property
    def start_s(self) -> float:
        """When the recording begins, seconds."""
        if self.origin_s is not None:
            return self.origin_s
        return float(self.t.min()) if len(self.t) else 0.0

    def __repr__(self) -> str:
        span = f"{self.t.min():.6g} to {self.t.max():.6g} s" if len(self.t) else "no time"
        return f"Events({len(self.t):,} events, {span}; {'; '.join(self.remarks)})"


def content_of(path: Path, wanted: str) -> bytes:
    """Return the bytes of a file of bounded size."""
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= LARGEST_BYTES else b""
    except OSError as error:
        raise unreadable(path, error, wanted) from None
    if size > LARGEST_BYTES:
        raise DataError(
            f"{path} has {size / 2**30:.1f} GB; expected at most {LARGEST_BYTES >> 30} GB. "
            "Cut the recording into several files"
        )
    return content


def check_whole(path: Path, count: int, size: int, begin: int = 0) -> int:
    """Return how many events of `size` bytes `count` bytes from offset `begin` are.

    Raises
    ------
    DataError
        The last one is cut; its offset is named.
    """
    whole, rest = divmod(count, size)
    if rest:
        raise DataError(
            f"{path} ends at byte {begin + count:,}, inside the event that begins at byte "
            f"{begin + whole * size:,} "
            f"({rest} of {size} bytes): it is cut, or of another format. Get it again"
        )
    return whole


def order_remarks(t: NDArray[np.float64]) -> list[str]:
    """Return a line for times that go back: the file's order is kept."""
    back = np.flatnonzero(np.diff(t) < 0) if len(t) > 1 else np.zeros(0, dtype=int)
    if not len(back):
        return []
    return [
        f"times go back {len(back):,} time(s), first at event {int(back[0]) + 1:,}; the file's "
        "order is kept"
    ]


def whole_numbers(path: Path, name: str, values: NDArray[np.generic]) -> NDArray[np.int32]:
    """Return places (events,) as whole numbers from 0 on; a `DataError` names the event that is
    none.
    """
    numbers = np.asarray(values)
    if numbers.dtype.kind not in "biuf":
        raise DataError(
            f"{path}: {name} has type {numbers.dtype}; expected whole numbers, 0 or more"
        )
    with np.errstate(invalid="ignore"):
        wrong = ~((numbers >= 0) & (numbers <= _FARTHEST) & (numbers == np.floor(numbers)))
    if np.any(wrong):
        at = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"{path}: {name} of event {at:,} is {numbers[at]}; expected a whole number, 0 or more"
        )
    return numbers.astype(np.int32)


def polarity(path: Path, values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return polarities (events,) as 0 and 1 from booleans, 0 and 1, or −1 and 1."""
    numbers = np.asarray(values)
    if numbers.dtype.kind not in "biuf":
        raise DataError(f"{path}: p has type {numbers.dtype}; expected 0 and 1, or −1 and 1")
    kinds = set(np.unique(numbers).tolist()) if numbers.size else set()
    if not (kinds <= {0, 1} or kinds <= {-1, 1}):
        at = int(np.flatnonzero(~np.isin(numbers, (0, 1) if -1 not in kinds else (-1, 1)))[0])
        raise DataError(
            f"{path}: p of event {at:,} is {numbers[at]}; expected 0 and 1, or −1 and 1"
        )
    return (numbers > 0).astype(np.uint8)


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number with its noun."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def joined(remarks: Sequence[str]) -> tuple[str, ...]:
    """Return remarks without those that are empty."""
    return tuple(remark for remark in remarks if remark)
