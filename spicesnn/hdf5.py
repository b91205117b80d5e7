"""HDF5 files from elsewhere, looked over before anything in them is read: nothing outside the file,
nothing absurdly large."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spicesnn.errors import DataError, MissingPackageError

_LARGEST_BYTES = 1 << 31
_LARGEST_RATIO = 1100
"""The highest ratio that deflate can reach is 1032; what claims more was never written."""
_MOST_ITEMS = 200_000
_FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32", 4: "szip", 6: "scale-offset", 32000: "lzf"}


def h5py_module() -> Any:
    """The package h5py, or an error that says how to get it."""
    try:
        import h5py
    except ImportError:
        raise MissingPackageError("this file is HDF5, which needs h5py: pip install h5py") from None
    return h5py


def check(path: Path) -> None:
    """Refuse an HDF5 file that points outside itself, claims more than it holds, or is none.

    Raises
    ------
    DataError
        External or soft links, data sets kept in other files, virtual data sets, filters that need
        plug-ins, sizes that no file of this length can hold.
    """
    h5py = h5py_module()
    if not path.is_file():
        raise DataError(f"{path} is no file; expected an HDF5 file")
    try:
        with h5py.File(path, "r") as file:
            _walk(h5py, path, file)
    except DataError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not a sound HDF5 file ({_first_line(error)})") from None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]


def _walk(h5py: Any, path: Path, file: Any) -> None:
    todo, items, total, seen = [file], 0, 0, set()
    while todo:
        group = todo.pop()
        for name in group:
            items += 1
            if items > _MOST_ITEMS:
                raise DataError(f"{path} has more than {_MOST_ITEMS} entries; expected fewer")
            link = group.get(name, getlink=True)
            where = f"{path}: {group.name.rstrip('/')}/{name}"
            if not isinstance(link, h5py.HardLink):
                raise DataError(
                    f"{where} is a link to something else; expected the data themselves"
                )
            item = group[name]
            if isinstance(item, h5py.Group):
                mark = h5py.h5o.get_info(item.id).addr
                if mark in seen:
                    raise DataError(f"{where} stands in the file twice, or in itself")
                seen.add(mark)
                todo.append(item)
            elif isinstance(item, h5py.Dataset):
                total += _checked_size(where, item)
                if total > _LARGEST_BYTES:
                    raise DataError(f"{path} unpacks to more than {_LARGEST_BYTES >> 30} GB")
            else:
                raise DataError(f"{where} is neither a group nor a data set")


def _checked_size(where: str, item: Any) -> int:
    if item.is_virtual or item.external:
        raise DataError(f"{where} keeps its data in another file; expected them in this one")
    plan = item.id.get_create_plist()
    for k in range(plan.get_nfilters()):
        code = plan.get_filter(k)[0]
        if code not in _FILTERS:
            raise DataError(
                f"{where} is packed by filter {code}, which needs a plug-in; expected"
                f" {', '.join(_FILTERS.values())} or none"
            )
    size, stored = int(item.nbytes), int(item.id.get_storage_size())
    if size > _LARGEST_RATIO * stored + 4096:
        raise DataError(f"{where} claims {size} bytes, but the file holds {stored} for it")
    return size
