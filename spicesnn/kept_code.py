"""numba's compiler, of which a kept file that cannot be read or written is no failure: what it held is compiled anew.

A disk that is full or over its quota, a file that a power cut has left empty, one that belongs to another user: numba raises what the system
says, and every command that needs the function would end there, until somebody deletes the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from numba import cfunc, njit
from numba.core.caching import Cache

__all__ = ["cfunc", "njit"]


@contextmanager
def _forgiving(cache: Any) -> Iterator[None]:
    with suppress(Exception):
        yield


# Its own hook for this: around every load, which then finds nothing, and every save.
Cache._guard_against_spurious_io_errors = _forgiving
