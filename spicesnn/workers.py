"""Tasks computed by Dask workers, on this machine or on a cluster, and what becomes of a task that
fails."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from typing import Any

from spicesnn._version import __version__
from spicesnn.errors import (
    ConfigError,
    NgspiceError,
    NgspiceMissingError,
    RunError,
    SpicesnnError,
    briefly,
)

_PATIENCE_S = 20.0
"""How long a scheduler may take to answer."""
_LINES = 2
"""So much is kept of the message of a point that failed: what is wrong, and what to do."""
_NAMED = 4
"""So many workers are named."""


class WorkersError(RunError):
    """Who computes is at fault, not what is computed: there is no use in going on with other
    points."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What became of a point that could not be computed: the kind of the error, and its first
    lines. Plain, since it travels between machines."""

    kind: str
    said: str
    ours: bool

    @classmethod
    def of(cls, error: Exception) -> Failure:
        """Return what is left of an error."""
        lines = (str(error).strip() or "no message").splitlines()[:_LINES]
        said = briefly(error) if isinstance(error, NgspiceError) else " ".join(lines)
        return cls(kind=type(error).__name__, said=said, ours=isinstance(error, SpicesnnError))

    def raise_if_general(self) -> None:
        """Raise what is the fault of who computes: the other points would end alike."""
        for kind in (NgspiceMissingError, WorkersError):
            if self.kind == kind.__name__:
                raise kind(self.said)

    def __str__(self) -> str:
        return self.said if self.ours else f"{self.kind}: {self.said}"


@dataclass(frozen=True, eq=False, slots=True)
class Crew:
    """Dask workers that are there until the ``with`` block of `crew` ends."""

    client: Any
    what: str

    @property
    def size(self) -> int:
        """How many workers there are now."""
        return len(self.client.nthreads())

    def results(
        self,
        task: Callable[..., Any],
        arguments: Mapping[str, tuple[Any, ...]],
        *,
        ahead: int | None = None,
    ) -> Iterator[tuple[str, Any]]:
        """Yield key and result of tasks as they are done. A worker that dies is a task that another
        repeats.

        Parameters
        ----------
        task : callable
            Computes one of them, and returns a `Failure` rather than to raise.
        arguments : Mapping
            Key of a task → what it is called with; the same key is the same task, however often it
            is asked for.
        ahead : int, optional
            Tasks for each worker that are sent before the first is done, in place of all: where
            they carry much, the others are sent while workers compute.

        Raises
        ------
        WorkersError
            The scheduler is gone.
        """
        from distributed import as_completed

        left, keys = iter(arguments.items()), {}

        def sent(most: int) -> list[Any]:
            some = []
            for key, given in islice(left, most):
                some.append(self.client.submit(task, *given, key=f"spicesnn-{key}"))
                keys[some[-1]] = key
            return some

        done = as_completed(sent(len(arguments) if ahead is None else ahead * max(1, self.size)))
        for future in done:
            done.update(sent(1))
            yield keys.pop(future), self._outcome(future)

    def _outcome(self, future: Any) -> Any:
        """Return what a task has come to; one that is lost with its scheduler is an error of its
        own."""
        try:
            return future.result()
        except CancelledError:
            raise WorkersError(
                f"the Dask scheduler is gone; {self.what} again with a scheduler that runs"
            ) from None
        except Exception as error:  # a worker that dies of this task every time
            return Failure.of(error)


def in_dask(
    task: Callable[..., Any],
    arguments: Mapping[str, tuple[Any, ...]],
    workers: int,
    scheduler: str | None,
) -> Iterator[tuple[str, Any]]:
    """Yield key and result of the tasks of a sweep as they are done; see `crew` and
    `Crew.results`."""
    with crew(workers, scheduler, "what was computed is kept: start the sweep") as together:
        yield from together.results(task, arguments)


@contextmanager
def crew(workers: int, scheduler: str | None, what: str) -> Iterator[Crew]:
    """Start workers, or find those of a scheduler.

    Parameters
    ----------
    workers : int
        Processes on this machine.
    scheduler : str | None
        In place of them, the address of a scheduler that has workers.
    what : str
        What a user does where the scheduler goes: "start the sweep".

    Raises
    ------
    ConfigError
        There is no Dask, or no scheduler.
    WorkersError
        The scheduler is gone, or there are workers without spicesnn.
    """
    try:
        from distributed import Client, Security
    except ImportError:
        raise ConfigError(
            "several workers or a cluster need Dask: pip install 'spicesnn[cluster]'; --workers 1"
            " needs none"
        ) from None
    for name in (
        "distributed",
        "distributed.client",
    ):  # for good: lost connections are told of after the end, too, and with a traceback
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with ExitStack() as held:
        security = (
            _own_keys() if scheduler is None else Security()
        )  # Dask's own settings name the keys of somebody's scheduler
        if scheduler is not None:
            _check_scheduler(scheduler, security)
        where = (
            held.enter_context(_local_cluster(workers, security))
            if scheduler is None
            else scheduler
        )
        client = held.enter_context(
            Client(
                where,
                timeout=_PATIENCE_S,
                security=security,
                # Results come from the workers themselves where these are ours, and can be reached.
                direct_to_workers=scheduler is None,
            )
        )
        _check_workers(client)
        yield Crew(client, what)


def _own_keys() -> Any:
    """Return keys made for this one cluster, which live in the memory of its processes: who does
    not have them is not heard."""
    from distributed import Security

    try:
        return Security.temporary()
    except ImportError:
        raise ConfigError(
            "several workers need cryptography, for keys that keep others out of them: pip install"
            " 'spicesnn[cluster]'; --workers 1 needs none"
        ) from None


def _check_scheduler(address: str, security: Any) -> None:
    """Ask who is there; Dask's own client waits for ever on a port where something else listens."""
    from distributed import rpc

    async def identity() -> Mapping[str, Any]:
        async with rpc(address, connection_args=security.get_connection_args("client")) as there:
            answer: Mapping[str, Any] = await there.identity()
            return answer

    try:
        answer = asyncio.run(asyncio.wait_for(identity(), _PATIENCE_S))
        reason = f"it is a Dask {str(answer.get('type')).lower()}"
    except Exception as error:  # what is no scheduler may answer anything
        answer, reason = {}, str(error) or f"nothing that Dask understands within {_PATIENCE_S:g} s"
    if answer.get("type") != "Scheduler":
        what = f"no Dask scheduler answers at {address}: {reason}"
        raise ConfigError(f"{what}; start one with `dask scheduler`, or leave --scheduler out")
    if not answer.get("workers"):
        warnings.warn(
            f"the Dask scheduler at {address} has no workers yet; start some with `dask worker"
            f" {address}`",
            stacklevel=2,
        )


def _check_workers(client: Any) -> None:
    """Ask the workers that are there for spicesnn: one that lacks it would die of a task, and the
    task wait for ever."""
    found = client.run(find_spec, "spicesnn", on_error="return")
    lacking = [
        address for address, there in found.items() if there is None or isinstance(there, Exception)
    ]
    if lacking:
        raise WorkersError(
            f"Dask workers without spicesnn: {', '.join(lacking[:_NAMED])}; install spicesnn"
            f" {__version__} where the workers run"
        )


@contextmanager
def _local_cluster(workers: int, security: Any) -> Iterator[Any]:
    """Start a cluster of processes on this machine, which talk to each other by TLS with keys of
    their own and serve no web pages.

    In the end its workers hold nothing more, and are killed: asked to leave they take seconds.
    """
    import dask
    from distributed import LocalCluster, Nanny

    class Impatient(Nanny):  # type: ignore[misc]
        async def kill(self, timeout: float = 5, reason: str = "nanny-kill") -> None:
            if self.process is not None and self.process.process is not None:
                await self.process.process.kill()
            await super().kill(timeout=timeout, reason=reason)

    options = {
        "threads_per_worker": 1,
        "worker_class": Impatient,
        "silence_logs": logging.CRITICAL,
        "security": security,
        "protocol": "tls",
    }
    options["scheduler_kwargs"] = {"dashboard": False}
    options[
        "dashboard_address"
        # it cannot be left out; at any free port it is in nobody's way, and nobody else's business
    ] = "127.0.0.1:0"
    with (
        tempfile.TemporaryDirectory(prefix="spicesnn-dask-", ignore_cleanup_errors=True) as scratch,
        dask.config.set(_dask_settings(workers, scratch)),
        # What a killed worker leaves behind goes with the folder.
        LocalCluster(
            n_workers=workers, local_directory=scratch, env={"TMPDIR": scratch}, **options
        ) as cluster,
    ):
        yield cluster


def _dask_settings(workers: int, scratch: str) -> dict[str, Any]:
    """Return what a worker of this machine does otherwise than Dask's defaults.

    Those have a worker give memory back to the system at every array it frees, and look at its
    stack 100 times a second: together they made a point take twice the time. One arena, since a
    task runs beside the main thread, where glibc unmaps what it frees whatever the thresholds say.
    The solver's threads in all workers are no more than there are processors."""
    share = str(max(1, (os.cpu_count() or 1) // workers))
    environment = {
        **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
        "SPICESNN_THREADS": os.environ.get("SPICESNN_THREADS", share),
        "MALLOC_ARENA_MAX": "1",
        **dict.fromkeys(("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"), str(1 << 28)),
    }
    pages: dict[str, Any] = {
        key: [] for key in ("distributed.scheduler.http.routes", "distributed.worker.http.routes")
    }
    return {
        **pages,
        "distributed.nanny.pre-spawn-environ": environment,
        "distributed.worker.profile.enabled": False,
        "temporary-directory": scratch,
    }
