"""NumPy archives from elsewhere, read without pickle and without trusting what their headers
claim."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.errors import DataError
from spicesnn.file_kinds import check_is_file, unreadable, what_is

_LARGEST_BYTES = 1 << 31
"""More than this in one archive is taken for damage or malice: it would not fit the memory of a
small machine."""


_END = struct.Struct("<4s4H2LH")
"""The end of a zip file's directory: signature, two disk numbers, entries on this disk, entries,
size, offset, length of a comment."""


def read(path: str | Path, names: Iterable[str] | None = None) -> dict[str, NDArray[Any]]:
    """Return arrays of an ``.npz`` file by name.

    Parameters
    ----------
    path : str | Path
    names : iterable of str, optional
        The arrays that must be there; all that are there if left out.

    Raises
    ------
    DataError
        The file is absent, damaged, lacks a name, or holds Python objects.
    """
    path = Path(path)
    check_is_file(path, "an .npz file")
    try:
        with zipfile.ZipFile(path) as archive:
            _check_size(path, sum(entry.file_size for entry in archive.infolist()))
            _check_count(path, len(archive.infolist()))
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in _check_names(path, stored.files, names)}
    except DataError:
        raise
    except OSError as error:
        raise unreadable(path, error, "an .npz file") from None
    except Exception as error:  # a damaged header makes NumPy's reader raise nearly anything: SyntaxError, TokenError, struct.error, …
        if kind := what_is(path):
            raise DataError(
                f"{path} is {kind}; expected an .npz file of plain arrays, as numpy.savez writes"
            ) from None
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{path} is not a sound .npz file of plain arrays ({reason}); fetch or make it again"
        ) from None
    if other := [name for name, value in arrays.items() if not isinstance(value, np.ndarray)]:
        found = what_is(path) or f"an archive with {other[0]!r} in it"
        raise DataError(
            f"{path} is {found}; expected an .npz file of plain arrays, as numpy.savez writes"
        )
    return arrays


def _check_size(path: Path, claimed: int) -> None:
    if claimed > _LARGEST_BYTES:
        raise DataError(
            f"{path} unpacks to {claimed / 2**30:.1f} GB; spicesnn reads up to"
            f" {_LARGEST_BYTES >> 30} GB from one file"
        )


def _check_count(path: Path, found: int) -> None:
    """Compare the entries of the directory with how many its end says there are: a damaged length
    in one of them hides all after it."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _END.size - 0xFFFF))
        end = file.read()
    at = end.rfind(b"PK\x05\x06")
    claimed = _END.unpack_from(end, at)[4] if 0 <= at <= len(end) - _END.size else found
    if claimed not in (found, 0xFFFF):
        raise DataError(
            f"{path} is not a sound .npz file: of its {claimed} arrays {found} can be found; fetch"
            " or make it again"
        )


def _check_names(path: Path, there: list[str], names: Iterable[str] | None) -> list[str]:
    wanted = there if names is None else list(names)
    absent = [name for name in wanted if name not in there]
    if absent:
        raise DataError(
            f"{path} has no array {absent[0]!r}; it has: {', '.join(there) or 'none'}. Expected:"
            f" {', '.join(wanted)}"
        )
    return wanted
