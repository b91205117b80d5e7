# mypy: disable-error-code="no-any-return,untyped-decorator,assignment"
"""The LZ4 frame format, unpacked (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md and
lz4_Block_format.md).

A frame is a magic number, a descriptor, blocks with their sizes (the highest bit set: not
compressed) and a size of 0. A block is sequences: a token (4 bits number of literals, 4 bits length
of a match minus 4; 15 means more bytes follow), literals, and the distance (16 bits, little-endian)
at which the match begins before the place where it is written. Checksums are not looked at.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from spicesnn.errors import DataError
from spicesnn.jit import compiled

_MAGIC = 0x184D2204
_LARGEST_BLOCK = {4: 1 << 16, 5: 1 << 18, 6: 1 << 20, 7: 1 << 22}
_CUT = "a compressed packet ends inside its {}"
_MOST_BYTES = 1 << 30


@compiled
def _unpack_block(source: NDArray[np.uint8], target: NDArray[np.uint8], begin: int) -> int:
    """Write what a block unpacks to from `begin` on; return where it ends, −1 for a damaged block,
    −2 for one that is too long.
    """
    at, put = 0, begin
    while at < source.size:
        token = source[at]
        at += 1
        length = np.int64(token >> 4)
        if length == 15:
            more = np.int64(255)
            while more == 255:
                if at >= source.size:
                    return -1
                more = np.int64(source[at])
                at += 1
                length += more
        if at + length > source.size:
            return -1
        if put + length > target.size:
            return -2
        for k in range(length):
            target[put + k] = source[at + k]
        at += length
        put += length
        if at == source.size:
            return put
        if at + 2 > source.size:
            return -1
        back = np.int64(source[at]) | (np.int64(source[at + 1]) << 8)
        at += 2
        if back == 0 or back > put:
            return -1
        length = np.int64(token & 15)
        if length == 15:
            more = np.int64(255)
            while more == 255:
                if at >= source.size:
                    return -1
                more = np.int64(source[at])
                at += 1
                length += more
        length += 4
        if put + length > target.size:
            return -2
        for k in range(length):
            target[put + k] = target[put + k - back]
        put += length
    return -1


def unpack_frame(content: bytes) -> bytes:
    """Return what an LZ4 frame holds.

    Raises
    ------
    DataError
        It is none, it is damaged, or it is cut.
    """
    if len(content) < 7 or struct.unpack_from("<I", content)[0] != _MAGIC:
        raise DataError("a packet is no LZ4 frame, though the file says so")
    flags, descriptor = content[4], content[5]
    block = _LARGEST_BLOCK.get(descriptor >> 4 & 7)
    if flags >> 6 != 1 or block is None or flags & 1:
        raise DataError(
            "a packet is an LZ4 frame of another version, or needs a dictionary (flags "
            f"0x{flags:02x}, 0x{descriptor:02x})"
        )
    at = 6 + (8 if flags & 0x08 else 0) + 1
    checked = bool(flags & 0x10)
    out = np.zeros(0, dtype=np.uint8)
    filled = 0
    while True:
        if at + 4 > len(content):
            raise DataError(_CUT.format("sizes"))
        word = struct.unpack_from("<I", content, at)[0]
        at += 4
        if word == 0:
            return out[:filled].tobytes()
        size = word & 0x7FFFFFFF
        if at + size > len(content):
            raise DataError(_CUT.format("blocks"))
        part = np.frombuffer(content, dtype=np.uint8, count=size, offset=at)
        room = min(block, 255 * size + 64)
        if filled + room > len(out):
            if filled + room > _MOST_BYTES:
                raise DataError(f"a compressed packet unpacks to more than {_MOST_BYTES >> 30} GB")
            out = np.concatenate([out, np.zeros(max(room, len(out)), dtype=np.uint8)])
        if word >> 31:
            if size > room:
                raise DataError(
                    "a compressed packet is damaged: a block is longer than its frame allows"
                )
            out[filled : filled + size] = part
            filled += size
        else:
            end = _unpack_block(part, out[: filled + room], filled)
            if end < 0:
                raise DataError("a compressed packet is damaged: its LZ4 block cannot be unpacked")
            filled = end
        at += size + (4 if checked else 0)
