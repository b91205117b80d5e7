"""numba's compiler, with two safeguards for the machine code that it keeps on disk.

A kept file that cannot be read or written is no failure: what it held is compiled anew. A disk that is full or over its quota, a file that
a power cut has left empty, one that belongs to another user: numba raises what the system says, and every command that needs the
function would end there, until somebody deletes the file.

Kept code is used as long as its sources have the same content. numba looks at the time of the one file in which a function stands; what it
calls stands in others, and files of an installed package may all have the same time. So the stamp of a function here is a digest of
its folder and of those that compiled functions call into.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core import caching

__all__ = ["cfunc", "njit"]

_CALLED = ("devices", "encoding", "neurons", "engines/nodal")
"""Folders whose functions others call."""


@contextmanager
def _forgiving(cache: Any) -> Iterator[None]:
    with suppress(Exception):
        yield


# Its own hook for this: around every load, which then finds nothing, and every save.
caching.Cache._guard_against_spurious_io_errors = _forgiving


@cache
def _digest(folder: Path) -> str:
    """Digest of the sources in a folder, as they are when it is first asked for."""
    found = hashlib.blake2b(digest_size=16)
    for path in sorted(folder.glob("*.py")):
        found.update(path.name.encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def stamp(source: Path) -> tuple[str, ...]:
    """What kept code of a function in `source` depends on."""
    here = Path(__file__).parent
    return tuple(_digest(folder) for folder in (source.parent, *(here / name for name in _CALLED)))


@contextmanager
def _stamped() -> Iterator[None]:
    """Within the block, numba asks `stamp` when it sets up the cache of a function."""
    mixin = caching._SourceFileBackedLocatorMixin
    usual = mixin.get_source_stamp
    mixin.get_source_stamp = lambda self: stamp(Path(self._py_file))
    try:
        yield
    finally:
        mixin.get_source_stamp = usual


def _with_stamp(compiler: Callable[..., Any]) -> Callable[..., Any]:
    def decorator(*signature: Any, **options: Any) -> Callable[[Any], Any]:
        def made(function: Any) -> Any:
            with _stamped():
                return compiler(*signature, **options)(function)

        return made

    return decorator


njit, cfunc = _with_stamp(numba.njit), _with_stamp(numba.cfunc)
"""`numba.njit` and `numba.cfunc`, always with parentheses."""
