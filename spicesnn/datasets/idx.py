"""The IDX format of MNIST's original files, plain or gzip: read and written, nothing in the file
trusted.

Layout: two zero bytes, a type byte, the number of axes, one big-endian uint32 an axis, then the
values, big-endian, row-major."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.errors import DataError
from spicesnn.file_kinds import unreadable

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_LARGEST_BYTES = 1 << 30
"""An IDX file may claim any size; more than this is taken for damage, so that a bad header cannot
exhaust memory."""


def looks_like(path: str | Path) -> bool:
    """Return whether a file begins as IDX does, or as gzip."""
    try:
        with Path(path).open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise unreadable(path, error, "an IDX file") from None
    return start[:2] == b"\x1f\x8b" or (
        start[:2] == b"\x00\x00" and len(start) == 4 and start[2] in _TYPES
    )


def read(path: str | Path) -> NDArray[Any]:
    """Return the array of an IDX file, gzip-compressed or not.

    Parameters
    ----------
    path : str | Path
        Recognised by its content; the suffix does not matter.

    Returns
    -------
    ndarray
        In the machine's byte order, writable.

    Raises
    ------
    DataError
        The file is absent, is not IDX, or is damaged.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            start = file.read(2)
        if start == b"\x1f\x8b":
            with gzip.open(path, "rb") as packed:
                content = packed.read(_LARGEST_BYTES + 1)
        else:
            with path.open("rb") as file:
                content = file.read(_LARGEST_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is a damaged gzip file ({error}); fetch it again") from None
    except OSError as error:
        raise unreadable(path, error, "an IDX file") from None
    return parse(content, str(path))


def parse(content: bytes, name: str = "IDX data") -> NDArray[Any]:
    """Return the array in the bytes of an IDX file; `name` is what error messages call it."""
    if (
        len(content) < 4
        or content[:2] != b"\x00\x00"
        or content[2] not in _TYPES
        or content[3] == 0
    ):
        begins = content[:4].hex(" ") or "nothing"
        raise DataError(
            f"{name} is not an IDX file: it begins with {begins}; expected 00 00, a type from 08 to"
            " 0e, and 1 or more axes"
        )
    kind, axes = np.dtype(_TYPES[content[2]]), content[3]
    begin = 4 + 4 * axes
    if axes > 8 or len(content) < begin:
        raise DataError(f"{name} is damaged: it ends inside its header of {axes} axes")
    shape = tuple(int.from_bytes(content[4 + 4 * k : 8 + 4 * k], "big") for k in range(axes))
    wanted = kind.itemsize
    for length in shape:
        wanted *= length
    if wanted != len(content) - begin:
        raise DataError(
            f"{name} is damaged: its header promises {shape}, {wanted} bytes, and"
            f" {len(content) - begin} are there; fetch it again"
        )
    return (
        np.frombuffer(content, dtype=kind, offset=begin)
        .reshape(shape)
        .astype(kind.newbyteorder("="))
    )


def render(array: NDArray[Any]) -> bytes:
    """Return the bytes of the IDX file that holds `array`."""
    codes = {np.dtype(text).newbyteorder("="): code for code, text in _TYPES.items()}
    if array.dtype not in codes or array.ndim == 0:
        raise DataError(
            f"an array of {array.dtype} with {array.ndim} axes has no IDX form; expected uint8,"
            " int8, int16, int32, float32 or float64"
        )
    code = codes[array.dtype]
    header = bytes([0, 0, code, array.ndim]) + b"".join(
        int(n).to_bytes(4, "big") for n in array.shape
    )
    return header + np.ascontiguousarray(array, dtype=_TYPES[code]).tobytes()
