"""AEDAT 2.0 and 3.1, as jAER and cAER write them
(https://docs.inivation.com/software/software-advanced-usage/file-formats).

2.0: text lines that begin with ``#``; then, big-endian, int32 address and int32 time in
microseconds. What an address means depends on the chip, which the header line ``AEChip`` names:
DVS128 has x in bits 7–1, y in bits 14–8, ON in bit 0 and external events in bit 15; the DAVIS
family has samples of frames and of its inertial sensor where bit 31 is 1, else y in bits 30–22, x
in bits 21–12, ON in bit 11 and external events in bit 10. Its origin is the lower left corner.

3.1: text lines up to ``#!END-HEADER``; then, little-endian, packets of events of one type with a
header of 28 bytes. A polarity event has 8 bytes: valid mark (bit 0), ON (bit 1), y (bits 16–2), x
(bits 31–17), int32 time in microseconds, of which the packet's header holds the bits from 31 up.
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
    check_whole,
    content_of,
    counted,
    joined,
    order_remarks,
)
from spicesnn.errors import DataError, InputError

SENSORS = ("dvs128", "davis")
_LONGEST_HEADER = 1 << 22
_SIZES = {
    "dvs128": (128, 128),
    "davis128": (128, 128),
    "davis208": (192, 208),
    "davis240": (180, 240),
    "davis346": (260, 346),
    "davis640": (480, 640),
}
_PACKET = struct.Struct("<hhiiiiii")
_POLARITY = 1
_TYPES = (
    "special",
    "polarity",
    "frame",
    "IMU 6",
    "IMU 9",
    "sample",
    "ear",
    "configuration",
    "1-D point",
    "2-D point",
    "3-D point",
    "4-D point",
    "spike",
    "matrix",
)


def version_of(start: bytes) -> str:
    """Return the version that a file's first line states, "" where it is no AEDAT."""
    found = re.match(rb"#!AER-DAT(\d+\.\d+)\r?\n", start)
    return found[1].decode("ascii") if found else ""


def header_lines(path: Path, content: bytes, last: bytes = b"") -> tuple[list[str], int]:
    """Return the text lines at the beginning, and the offset of what follows.

    Parameters
    ----------
    path : Path
        For messages.
    content : bytes
    last : bytes
        The line that ends the header; without it, the header ends where a line is no text that
        begins with ``#``.
    """
    lines, begin = [], 0
    while content[begin : begin + 1] == b"#":
        end = content.find(b"\n", begin, begin + _LONGEST_HEADER)
        line = content[begin : end if end >= 0 else begin].rstrip(b"\r")
        if end < 0 or any(byte < 0x20 and byte != 0x09 for byte in line):
            break
        lines.append(line.decode("utf-8", "replace"))
        begin = end + 1
        if (last and line == last) or line.lower().replace(b" ", b"") == b"#endofasciiheader":
            return lines, begin
    if last:
        raise DataError(
            f"{path}: no line {last.decode()} up to byte {begin:,}; expected it at the end of the "
            "header"
        )
    return lines, begin


# -- 2.0 ---------------------------------------------------------------------------------------


def read_2(path: Path, sensor: str | None = None) -> Events:
    """Return the polarity events of an AEDAT 2.0 file; `sensor` is asked for where the header does
    not name it.
    """
    content = content_of(path, "an AEDAT file")
    lines, begin = header_lines(path, content)
    count = check_whole(path, len(content) - begin, 8, begin)
    pairs = np.frombuffer(content, dtype=">u4", count=2 * count, offset=begin).reshape(count, 2)
    address = pairs[:, 0].astype(np.int64)
    family, name = _sensor(path, lines, address, sensor)
    ticks, wraps = _unwrapped(pairs[:, 1].astype(np.uint32).view(np.int32).astype(np.int64))
    if family == "dvs128":
        if np.any(address > 0xFFFF):
            at = int(np.flatnonzero(address > 0xFFFF)[0])
            raise DataError(
                f"{path}, byte {begin + 8 * at:,}: the address 0x{address[at]:08x} has more than "
                "the 16 bits of a DVS128; "
                'is it of another sensor (sensor = "davis")?'
            )
        pixel = (address & 0x8000) == 0
        x, y, on = (address >> 1) & 0x7F, (address >> 8) & 0x7F, address & 1
        others = [_left_out(int(np.sum(~pixel)), "external event")]
    else:
        sample, external = address >> 31 == 1, (address >> 10) & 1 == 1
        pixel = ~sample & ~external
        x, y, on = (address >> 12) & 0x3FF, (address >> 22) & 0x1FF, (address >> 11) & 1
        others = [
            _left_out(
                int(np.sum(sample)),
                "sample of frames or of the inertial sensor",
                "samples of frames or of the inertial sensor",
            ),
            _left_out(int(np.sum(external & ~sample)), "external event"),
        ]
    t = ticks[pixel] / MICROSECONDS
    shape = next((size for key, size in _SIZES.items() if name.lower().startswith(key)), ())
    said = (
        f"AEDAT 2.0 of a {name}, times in µs, origin at the lower left:"
        f" {counted(int(pixel.sum()), 'event')}"
    )
    if wraps:
        others.append(f"the 32-bit clock overflowed {counted(wraps, 'time')} and is carried on")
    return Events(
        t=t,
        x=x[pixel].astype(np.int32),
        y=y[pixel].astype(np.int32),
        p=on[pixel].astype(np.uint8),
        shape=shape,
        origin_s=None,
        remarks=joined([said, *others, *order_remarks(t)]),
    )


def _sensor(
    path: Path, lines: list[str], address: NDArray[np.int64], given: str | None
) -> tuple[str, str]:
    """Return the family whose addresses they are, and the sensor's name."""
    if given is not None:
        if given.lower() not in SENSORS:
            raise InputError(f"sensor is {given!r:.40}; expected one of: {', '.join(SENSORS)}")
        return given.lower(), {"dvs128": "DVS128", "davis": "DAVIS"}[given.lower()]
    named = next(
        (
            line.partition(":")[2].strip()
            for line in lines
            if line.lstrip("# ").startswith("AEChip:")
        ),
        "",
    )
    short = named.rpartition(".")[2]
    if "dvs128" in short.lower() and "davis" not in short.lower():
        return "dvs128", "DVS128"
    if "davis" in short.lower():
        return "davis", short
    if named:
        raise DataError(
            f"{path}: its addresses are those of {named!r:.80}, which is not known; expected a "
            "DVS128 or one of the DAVIS family. "
            'Say sensor = "dvs128" or "davis" if they are laid out so'
        )
    if np.any(address > 0xFFFF):
        raise DataError(
            f"{path} names no sensor (no header line AEChip), and its addresses have more than the "
            "16 bits of a DVS128; "
            'say sensor = "davis" if it is one of that family'
        )
    return "dvs128", "DVS128 (assumed: no header line AEChip, addresses of 16 bits)"


def _unwrapped(ticks: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Return times carried on where the 32-bit counter overflowed, and how often it did."""
    falls = np.zeros(len(ticks), dtype=np.int64)
    falls[1:] = np.diff(ticks) < -(2**31)
    return ticks + (falls.cumsum() << 32), int(falls.sum())


def _left_out(number: int, singular: str, plural: str | None = None) -> str:
    return f"{counted(number, singular, plural)} left out: no change of a pixel" if number else ""


# -- 3.1 ---------------------------------------------------------------------------------------


def read_3(path: Path) -> Events:
    """Return the polarity events of an AEDAT 3.1 file."""
    content = content_of(path, "an AEDAT file")
    lines, begin = header_lines(path, content, b"#!END-HEADER")
    kept = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("#Format:")), "RAW"
    )
    if kept.upper() != "RAW":
        raise DataError(
            f"{path}: packets in the format {kept!r:.40}; expected RAW. Convert the recording with "
            "the program that made it"
        )
    packets, others, sources = [], dict.fromkeys(_TYPES, 0), set()
    while begin < len(content):
        kind, source, words, begin = _packet(path, content, begin)
        if kind == _POLARITY:
            packets.append(words)
            sources.add(source)
        else:
            others[_TYPES[kind]] += len(words)
    if len(sources) > 1:
        raise DataError(
            f"{path} has polarity events of {len(sources)} sensors; expected those of one. Export "
            "them one by one"
        )
    return _of_packets(lines, packets, others, sources)


def _packet(path: Path, content: bytes, begin: int) -> tuple[int, int, NDArray[Any], int]:
    """Return type, source and events of the packet at an offset (for other types, zeros: one an
    event), and where the next one begins.
    """
    if len(content) - begin < _PACKET.size:
        raise DataError(
            f"{path} ends at byte {len(content):,}, inside the packet header that begins at byte "
            f"{begin:,}: it is cut. Get it again"
        )
    kind, source, size, place, overflow, capacity, number, _ = _PACKET.unpack_from(content, begin)
    where = f"{path}, packet at byte {begin:,}"
    if not 0 <= kind < len(_TYPES):
        raise DataError(
            f"{where}: event type {kind}; expected 0 to {len(_TYPES) - 1}. The file is damaged, or "
            "of another format"
        )
    if size < 1 or number < 0 or capacity < number or overflow < 0:
        raise DataError(
            f"{where}: {number} of {capacity} events of {size} bytes, overflow {overflow}; "
            "expected sizes of 1 byte or more. "
            "The file is damaged"
        )
    first, claimed = begin + _PACKET.size, capacity * size
    if claimed > len(content) - first:
        whole = (len(content) - first) // size
        raise DataError(
            f"{where} claims {claimed:,} bytes of events, and {len(content) - first:,} are there: "
            "the file is cut after event "
            f"{whole:,}, at byte {first + whole * size:,}. Get it again"
        )
    if kind != _POLARITY:
        return kind, source, np.zeros(number, dtype=np.uint8), first + claimed
    if size != 8 or place != 4:
        raise DataError(
            f"{where}: polarity events of {size} bytes with their time at {place}; expected 8 and 4"
        )
    words = (
        np.frombuffer(content, dtype="<u4", count=2 * number, offset=first)
        .reshape(number, 2)
        .astype(np.int64)
    )
    words[:, 1] = (words[:, 1] & 0x7FFFFFFF) | (overflow << 31)
    return kind, source, words, first + claimed


def _of_packets(
    lines: list[str], packets: list[NDArray[Any]], others: dict[str, int], sources: set[int]
) -> Events:
    words = np.concatenate(packets) if packets else np.zeros((0, 2), dtype=np.int64)
    valid = words[:, 0] & 1 == 1
    said = [_left_out(number, f"{name} event") for name, number in others.items()]
    if not np.all(valid):
        said.append(f"{counted(int(np.sum(~valid)), 'event')} marked as not valid left out")
    data, ticks = words[valid, 0], words[valid, 1]
    t = ticks / MICROSECONDS
    named = {
        int(found[1]): found[2].strip()
        for line in lines
        if (found := re.match(r"#Source (\d{1,5}):(.*)", line))
    }
    name = named.get(next(iter(sources), 0), "")
    shape = next((size for key, size in _SIZES.items() if name.lower().startswith(key)), ())
    first = (
        f"AEDAT 3.1{f' of a {name:.40}' if name else ''}, times in µs: {counted(len(t), 'event')}"
    )
    return Events(
        t=t,
        x=((data >> 17) & 0x7FFF).astype(np.int32),
        y=((data >> 2) & 0x7FFF).astype(np.int32),
        p=((data >> 1) & 1).astype(np.uint8),
        shape=shape,
        origin_s=None,
        remarks=joined([first, *said, *order_remarks(t)]),
    )
