"""How kernels are compiled: once a machine, kept on disk, with a note while it takes time."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar, cast

from numba.core import event

from spicesnn.kept_code import njit

_Function = TypeVar("_Function", bound=Callable[..., object])

PATIENCE_S = 2.0
"""From this time on the user is told what is going on."""


_KERNELS = ("compiled", "simd", "threads", "lines", "bit_sweeps", "word_sweeps", "kirchhoff", "line_cg", "mesh_kernels")


def _sources_stamp() -> tuple[float, int]:
    """Return newest time and total size of all sources that kernels are inlined from."""
    states = [Path(__file__).with_name(f"{name}.py").stat() for name in _KERNELS]
    return max(state.st_mtime for state in states), sum(state.st_size for state in states)


_STAMP = _sources_stamp()


def kernel(function: _Function) -> _Function:
    """Compile a function that allocates nothing and lets go of the interpreter's lock.

    numba keeps compiled code as long as the file of the function itself is unchanged; but kernels are inlined into one another across
    files, so here a change in any file of kernels makes all of them compile afresh.
    """
    compiled = njit(cache=True, nogil=True, _nrt=False)(function)
    with suppress(AttributeError):  # numba's internals: without them only the safeguard is lost
        compiled._cache._cache_file._source_stamp = _STAMP
    return cast(_Function, compiled)


class _Note(event.Listener):
    """Starts a timer when numba compiles a function: one that is loaded from disk, however slowly, is not compiled."""

    def __init__(self, timer: threading.Timer) -> None:
        self.timer = timer

    def on_start(self, event: event.Event) -> None:
        if self.timer.ident is None:
            self.timer.start()

    def on_end(self, event: event.Event) -> None:
        """Go on: a kernel is compiled in several parts."""


@contextmanager
def compiling(what: str) -> Iterator[None]:
    """Say on stderr what is being compiled if numba compiles for longer than `PATIENCE_S` in the block."""
    note = threading.Timer(
        PATIENCE_S, lambda: print(f"spicesnn: compiling {what}; the result is kept for later runs (about 20 s) …", file=sys.stderr, flush=True)  # noqa: T201
    )
    note.daemon = True
    try:
        with event.install_listener("numba:compile", _Note(note)):
            yield
    finally:
        note.cancel()
