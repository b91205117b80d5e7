"""Figures drawn by a second process, which loads matplotlib while the first one solves: the half of
a short command is loading."""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from typing import Any

MATPLOTLIB = ("matplotlib.figure", "matplotlib.backends.backend_agg", "matplotlib.layout_engine")
"""What every figure needs of it."""
Draw = Callable[..., None]
"""``draw(function, *arguments)`` draws and saves a figure."""


def here(function: Callable[..., None], *arguments: Any) -> None:
    """Draw in this process."""
    function(*arguments)


@contextlib.contextmanager
def drawing(*modules: str) -> Iterator[Draw]:
    """Yield what draws figures, in a second process where there can be one.

    There is one on Linux, and only if NumPy is not there yet: what has no threads can be forked. Where
    it cannot draw, or what it is given cannot be sent, this process draws: the figure and the errors
    are the same.

    Parameters
    ----------
    *modules : str
        What it loads at once.
    """
    if sys.platform != "linux" or "numpy" in sys.modules:
        yield here
        return
    to_child, to_parent = os.pipe(), os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(to_child[1])
        os.close(to_parent[0])
        _serve(to_child[0], to_parent[1], modules)
    os.close(to_child[0])
    os.close(to_parent[1])
    with os.fdopen(to_child[1], "wb") as ask, os.fdopen(to_parent[0], "rb") as answer:

        def draw(function: Callable[..., None], *arguments: Any) -> None:
            try:
                pickle.dump((function, arguments), ask)
                ask.flush()
                done = answer.read(1)
            except Exception:  # not sent: whatever it is, it shows when it is drawn here
                done = b""
            if done != _DONE:
                here(function, *arguments)

        try:
            yield draw
        finally:
            with contextlib.suppress(OSError):
                ask.close()
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)


_DONE = b"1"


def _serve(asked: int, answer: int, modules: tuple[str, ...]) -> None:
    """Load and draw until nothing is asked any more; never returns."""
    try:
        for name in modules:
            importlib.import_module(name)
        with os.fdopen(asked, "rb") as requests:
            while True:
                function, arguments = pickle.load(requests)  # noqa: S301 (from the first process)
                function(*arguments)
                os.write(answer, _DONE)
    except BaseException:  # the first process draws, and says what is wrong
        os._exit(0)
