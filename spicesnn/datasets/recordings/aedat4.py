"""AEDAT 4.0, as DV writes it
(https://docs.inivation.com/software/software-advanced-usage/file-formats/aedat-4.0.html).

A line ``#!AER-DAT4.0``; a size-prefixed FlatBuffer with the compression, the place of a table of
packets and an XML text about the streams; packets of stream number (int32), size (int32) and that
many bytes, each a size-prefixed FlatBuffer or a compressed frame of one. A packet whose identifier
is EVTS holds a vector of events of 16 bytes: int64 time in microseconds of Unix time, int16 x,
int16 y, one byte ON. FlatBuffers are read here by offset, every one of them checked against the
buffer's end.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.datasets.recordings.base import (
    MICROSECONDS,
    Events,
    content_of,
    counted,
    joined,
    order_remarks,
)
from spicesnn.datasets.recordings.lz4 import unpack_frame
from spicesnn.errors import DataError, MissingPackageError

_FIRST_LINE = re.compile(rb"#!AER-DAT4\.\d+\r?\n")
_LARGEST_PACKET = 1 << 30
_EVENT = np.dtype(
    {
        "names": ["t", "x", "y", "on"],
        "formats": ["<i8", "<i2", "<i2", "u1"],
        "offsets": [0, 8, 10, 12],
        "itemsize": 16,
    }
)
_OTHERS = {b"FRME": "frames", b"IMUS": "inertial samples", b"TRIG": "triggers"}


class _Table:
    """The root table of a FlatBuffer without its size prefix: fields by number, every offset
    checked.
    """

    def __init__(self, buffer: bytes) -> None:
        self.buffer = buffer
        self.at = self._number("<I", 0)
        self.fields = self.at - self._number("<i", self.at)
        self.count = (self._number("<H", self.fields) - 4) // 2

    def _number(self, form: str, at: int) -> int:
        if at < 0 or at + struct.calcsize(form) > len(self.buffer):
            raise DataError("an offset of a FlatBuffer leads out of it")
        return int(struct.unpack_from(form, self.buffer, at)[0])

    def _place(self, number: int) -> int:
        offset = self._number("<H", self.fields + 4 + 2 * number) if number < self.count else 0
        return self.at + offset if offset else 0

    def value(self, number: int, form: str, default: int) -> int:
        """Return a number."""
        place = self._place(number)
        return self._number(form, place) if place else default

    def vector(self, number: int, size: int) -> memoryview:
        """Return the bytes of a vector whose elements have `size` bytes."""
        place = self._place(number)
        if not place:
            return memoryview(b"")
        start = place + self._number("<I", place)
        length = self._number("<I", start) * size
        if start + 4 + length > len(self.buffer):
            raise DataError("a vector of a FlatBuffer is longer than the buffer")
        return memoryview(self.buffer)[start + 4 : start + 4 + length]


def read(path: Path) -> Events:
    """Return the events of an AEDAT 4.0 file, times counted from the first one."""
    content = content_of(path, "an AEDAT file")
    line = _FIRST_LINE.match(content)
    begin = line.end() if line else 0
    compression, table_at, shape, begin = _header(path, content, begin)
    end = table_at if begin <= table_at <= len(content) else len(content)
    parts, streams, others = [], set(), dict.fromkeys(_OTHERS.values(), 0)
    while begin < end:
        stream, kind, events, begin = _packet(path, content, begin, end, compression)
        if kind == b"EVTS":
            parts.append(events)
            streams.add(stream)
        elif kind in _OTHERS:
            others[_OTHERS[kind]] += 1
        else:
            raise DataError(
                f"{path}: a packet of type {kind!r} ends at byte {begin:,}; expected EVTS, FRME, "
                "IMUS or TRIG"
            )
    if len(streams) > 1:
        raise DataError(
            f"{path} has {len(streams)} streams of events; expected one. Export them one by one"
        )
    return _events(np.concatenate(parts) if parts else np.zeros(0, dtype=_EVENT), shape, others)


def _events(raw: NDArray[Any], shape: tuple[int, ...], others: dict[str, int]) -> Events:
    first = int(raw["t"].min()) if len(raw) else 0
    t = (raw["t"] - first) / MICROSECONDS
    said = [
        (
            f"AEDAT 4.0, times in µs from the first event (Unix time {first / MICROSECONDS:.6f} s):"
            f" {counted(len(raw), 'event')}"
        ),
        *(
            f"{counted(number, 'packet')} of {name} left out"
            for name, number in others.items()
            if number
        ),
    ]
    return Events(
        t=t,
        x=raw["x"].astype(np.int32),
        y=raw["y"].astype(np.int32),
        p=(raw["on"] != 0).astype(np.uint8),
        shape=shape,
        remarks=joined([*said, *order_remarks(t)]),
    )


def _header(path: Path, content: bytes, begin: int) -> tuple[int, int, tuple[int, ...], int]:
    """Return compression, place of the table of packets (−1: none), shape of the sensor, and where
    packets begin.
    """
    size = struct.unpack_from("<i", content, begin)[0] if begin + 4 <= len(content) else -1
    if size < 8 or begin + 4 + size > len(content):
        raise DataError(
            f"{path} ends at byte {len(content):,}, inside the header that begins at byte "
            f"{begin:,}: it is cut. Get it again"
        )
    try:
        table = _Table(content[begin + 4 : begin + 4 + size])
        compression, place, about = (
            table.value(0, "<i", 0),
            table.value(1, "<q", -1),
            bytes(table.vector(2, 1)).decode("utf-8", "replace"),
        )
    except DataError as error:
        raise DataError(f"{path}: the header at byte {begin:,} is damaged: {error}") from None
    if not 0 <= compression <= 4:
        raise DataError(
            f"{path}: compression {compression}; expected 0 (none), 1 or 2 (LZ4), 3 or 4 (ZSTD)"
        )
    return compression, place, _shape(about), begin + 4 + size


def _shape(about: str) -> tuple[int, ...]:
    """Return rows and columns of the sensor from the XML text about streams, where exactly one
    stream of events has them.
    """
    found = []
    for part in re.split(r'(?=<attr[^>]*key="typeIdentifier")', about):
        if re.match(r'<attr[^>]*key="typeIdentifier"[^>]*>EVTS<', part):
            size = [re.search(rf'key="size{axis}"[^>]*>(\d{{1,5}})<', part) for axis in "YX"]
            found.append(tuple(int(one[1]) for one in size if one))
    return found[0] if len(found) == 1 and len(found[0]) == 2 and all(found[0]) else ()


def _packet(
    path: Path, content: bytes, begin: int, end: int, compression: int
) -> tuple[int, bytes, NDArray[Any], int]:
    """Return stream, identifier and events of the packet at an offset, and where the next one
    begins.
    """
    if begin + 8 > end:
        raise DataError(
            f"{path} ends at byte {end:,}, inside the packet header that begins at byte {begin:,}: "
            "it is cut. Get it again"
        )
    stream, size = struct.unpack_from("<ii", content, begin)
    if size < 0 or begin + 8 + size > end:
        raise DataError(
            f"{path}: the packet at byte {begin:,} claims {size:,} bytes, and {end - begin - 8:,} "
            "are there: it is cut or damaged. "
            "Get it again"
        )
    try:
        kind, events = _elements(_unpacked(content[begin + 8 : begin + 8 + size], compression))
    except DataError as error:
        raise DataError(f"{path}: the packet at byte {begin:,} is damaged: {error}") from None
    return stream, kind, events, begin + 8 + size


def _elements(buffer: bytes) -> tuple[bytes, NDArray[Any]]:
    """Return the identifier and the events of a size-prefixed FlatBuffer."""
    length = struct.unpack_from("<i", buffer)[0] if len(buffer) >= 12 else -1
    if length < 8 or 4 + length > len(buffer):
        raise DataError(f"{len(buffer)} bytes that are no size-prefixed FlatBuffer")
    kind = buffer[8:12]
    raw = (
        _Table(buffer[4 : 4 + length]).vector(0, _EVENT.itemsize)
        if kind == b"EVTS"
        else memoryview(b"")
    )
    events = np.frombuffer(raw, dtype=_EVENT)
    if np.any(events["x"] < 0) or np.any(events["y"] < 0):
        raise DataError("an event at a negative place")
    return kind, events


def _unpacked(content: bytes, compression: int) -> bytes:
    if compression == 0:
        return content
    if compression in (1, 2):
        return unpack_frame(content)
    try:
        import zstandard
    except ImportError:
        raise MissingPackageError(
            "this recording is compressed by ZSTD, which needs a package: pip install zstandard"
        ) from None
    try:
        with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(content) as reader:
            unpacked: bytes = reader.read(_LARGEST_PACKET + 1)
    except zstandard.ZstdError as error:
        raise DataError(f"its ZSTD frame cannot be unpacked ({error})") from None
    if len(unpacked) > _LARGEST_PACKET:
        raise DataError(f"it unpacks to more than {_LARGEST_PACKET >> 30} GB")
    return unpacked
