"""Where compiled code is kept: numba refuses to compile at all where it finds no place, so one is made for the process if need be."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

_VARIABLE = "NUMBA_CACHE_DIR"
_PREFIX = "spicesnn-code-"


LEAST_FREE = 20 * 2**20
"""What a folder must have left, bytes, for machine code to be kept there: all of it takes some 10 MB."""


def _nearest(folder: Path) -> Path:
    """Return a folder, or the lowest one above it that is there."""
    return next((p for p in (folder, *folder.absolute().parents) if p.exists()), Path("/"))


def writable(folder: Path) -> bool:
    """Return whether a folder can be written, or made where it is not there yet."""
    there = _nearest(folder)
    return there.is_dir() and os.access(there, os.W_OK)


def free_bytes(folder: Path) -> int:
    """Return how much a folder, or where it would be made, has left; 0 where the system does not say."""
    try:
        return shutil.disk_usage(_nearest(folder)).free
    except OSError:
        return 0


def caches_dir() -> Path:
    """Return the user's folder of caches: ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME", "").strip()
    return Path(base) if base else Path(os.path.expanduser("~")) / ".cache"  # noqa: PTH111 (Path.expanduser raises where there is no home)


def kept_in(package: Path) -> Path | None:
    """Return where numba keeps machine code: where it is told to, else beside the package, else in the user's caches; None if there is no room.

    A folder that `ensure` has made does not count: it goes with the process.
    """
    told = os.environ.get(_VARIABLE, "")
    places = [*([Path(told)] if told and not Path(told).name.startswith(_PREFIX) else []), package, caches_dir() / "numba"]
    return next((place for place in places if writable(place) and free_bytes(place) >= LEAST_FREE), None)


def ensure() -> None:
    """Give numba a folder of this process alone where it could keep machine code nowhere (a shared folder could hold another user's code)."""
    if os.environ.get(_VARIABLE, "").rpartition("/")[2].startswith(_PREFIX) or kept_in(Path(__file__).resolve().parent) is not None:
        return
    try:
        folder = tempfile.mkdtemp(prefix=_PREFIX)
    except OSError:  # a machine on which nothing at all can be written: `spicesnn doctor` has to start and say so
        return
    os.environ[_VARIABLE] = folder
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
