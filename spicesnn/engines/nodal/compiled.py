"""How kernels are compiled: once a machine, kept on disk, with a note while it takes time."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar, cast

from numba.core import event

from spicesnn.kept_code import njit

_Function = TypeVar("_Function", bound=Callable[..., object])

PATIENCE_S = 2.0
"""From this time on the user is told what is going on."""


def kernel(function: _Function) -> _Function:
    """Compile a function that allocates nothing and lets go of the interpreter's lock."""
    return cast(_Function, njit(cache=True, nogil=True, _nrt=False)(function))


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
