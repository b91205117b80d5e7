"""Two or more threads inside one compiled solve: a barrier of atomics, and the helper threads that
run beside the caller.

numba's own thread layers are not used: they abort a process that forks or that solves from two
Python threads at once. Here each helper is an ordinary Python thread that releases the
interpreter's lock, and each solve has a barrier of its own."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from numba import types
from numba.extending import intrinsic

from spicesnn.jit import kernel
from spicesnn.platform import cores

_Answer = TypeVar("_Answer")


def _slot(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [index])


@intrinsic
def _fetch_add(_: Any, array: Any, index: Any, value: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw(
            "add", _slot(context, builder, signature.args[0], args[0], args[1]), args[2], "seq_cst"
        )

    return types.int64(array, types.intp, types.int64), code


@intrinsic
def _read(_: Any, array: Any, index: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(_slot(context, builder, signature.args[0], *args), "seq_cst", 8)

    return types.int64(array, types.intp), code


_sched_yield = types.ExternalFunction("sched_yield", types.int32())


@kernel
def wait_for_all(gate: Any, threads: int) -> None:
    """Return when all `threads` have come here; `gate` holds a count and a generation."""
    if threads == 1:
        return
    generation = _read(gate, 1)
    if _fetch_add(gate, 0, 1) == threads - 1:
        _fetch_add(gate, 0, -threads)
        _fetch_add(gate, 1, 1)
        return
    spins = 0
    while _read(gate, 1) == generation:
        spins += 1
        if spins > 2000:
            _sched_yield()


def _processors() -> int:
    """Return how many threads to use: what SPICESNN_THREADS says, else the processors this process
    may run on."""
    wanted = os.environ.get("SPICESNN_THREADS", "")
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    return cores()


class Team:
    """The helper threads of this process; a child made by fork gets its own."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0
        self._busy = threading.Lock()
        self.size = _processors()

    def run(self, task: Callable[[int, int], _Answer], threads: int) -> list[_Answer]:
        """Call ``task(number, threads)`` on several threads at once, on one alone if the team is at
        work elsewhere; return all answers."""
        threads = min(threads, self.size)
        if threads <= 1 or not self._busy.acquire(blocking=False):
            return [task(0, 1)]
        try:
            if self._pool is None or self._process != os.getpid():
                self._pool, self._process = (
                    ThreadPoolExecutor(self.size - 1, thread_name_prefix="spicesnn"),
                    os.getpid(),
                )
            others = [self._pool.submit(task, number, threads) for number in range(1, threads)]
            return [task(0, threads), *(other.result() for other in others)]
        finally:
            self._busy.release()


team = Team()
