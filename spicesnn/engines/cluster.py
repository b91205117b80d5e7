"""The nodal engine with workers: many arrays at once, on this machine or on a Dask cluster."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cache
from itertools import pairwise
from typing import Any, Self

from spicesnn._version import __version__
from spicesnn.engines.base import Answer
from spicesnn.engines.nodal.engine import NodalEngine
from spicesnn.errors import EngineError, InputError
from spicesnn.workers import Crew, Failure, WorkersError, crew

_SMALLEST = 16
"""The smallest bundle is this part of a worker's share."""
_AHEAD = 2
"""Bundles for each worker that are on their way at a time."""


class ClusterEngine(NodalEngine):
    """A nodal engine that shares out the arrays of a network among worker processes.

    Tiles are independent circuits: their effective conductances, their reads (in batches of
    inputs) and their power are solved by whoever is free. Every array is solved as it would be
    here, by the same code, so the answers are the same bit for bit. Single arrays are solved here.

    Use it in a ``with`` block, which ends the processes that it has started; the keys of a
    scheduler of one's own are not asked for.

    Examples
    --------
    >>> import spicesnn as sn
    >>> with sn.ClusterEngine(workers=2) as engine:  # doctest: +SKIP
    ...     chip = network.on(hardware, calibrate=x, engine=engine)
    ...     print(chip.accuracy(x_test, y_test))
    """

    def __init__(
        self,
        *,
        workers: int = 1,
        scheduler: str | None = None,
        state_tolerance: float = 1e-4,
        drive_tolerance: float = 1e-10,
    ) -> None:
        """Take who computes; they are started, or asked, by the ``with`` block.

        Parameters
        ----------
        workers : int
            Processes on this machine.
        scheduler : str, optional
            In place of them, the address of a Dask scheduler that has workers.
        state_tolerance, drive_tolerance : float
            As of `NodalEngine`.
        """
        super().__init__(state_tolerance=state_tolerance, drive_tolerance=drive_tolerance)
        if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
            raise InputError(
                f"ClusterEngine: workers = {workers!r:.60}; expected a whole number, 1 or more"
            )
        if scheduler is not None and not (isinstance(scheduler, str) and scheduler):
            raise InputError(
                f"ClusterEngine: scheduler = {scheduler!r:.60}; expected an address such as"
                " 'tcp://10.0.0.1:8786'"
            )
        self.workers, self.scheduler = workers, scheduler
        self._held: ExitStack | None = None
        self._crew: Crew | None = None

    def each(
        self, task: Callable[..., Answer], arguments: Sequence[tuple[Any, ...]]
    ) -> list[Answer]:
        """Share tasks out, and return what comes of them in their order; see `Engine.each`.

        Raises
        ------
        EngineError
            A task that failed, with its message.
        WorkersError
            Workers that have another spicesnn or none, or whose scheduler is gone.
        """
        if len(arguments) < 2:
            return super().each(task, arguments)
        together, called = self._together(), uuid.uuid4().hex
        settings = (self.state_tolerance, self.drive_tolerance)
        given = {
            f"{called}-{k}": (__version__, settings, task, list(arguments[k:end]))
            for k, end in pairwise(_cuts(len(arguments), together.size))
        }
        found: dict[str, list[Answer]] = {}
        for key, outcome in together.results(_solved, given, ahead=_AHEAD):
            if isinstance(outcome, Failure):
                outcome.raise_if_general()
                raise EngineError(str(outcome))
            found[key] = outcome
        return [answer for key in given for answer in found[key]]

    def __enter__(self) -> Self:
        self._together()
        return self

    def _together(self) -> Crew:
        if self._crew is None:
            self._held = ExitStack()
            self._crew = self._held.enter_context(crew(self.workers, self.scheduler, "start"))
        return self._crew

    def close(self) -> None:
        """End the processes that were started, and leave the scheduler; they are started anew where
        they are needed again."""
        held, self._held, self._crew = self._held, None, None
        if held is not None:
            held.close()


def _cuts(count: int, workers: int) -> list[int]:
    """Where bundles begin and end: small ones first, so that all workers begin at once, then each
    half of what is left for one worker, down to small ones again, so that none waits for the
    last."""
    share = max(1, workers)
    least = max(1, count // (_SMALLEST * share))
    cuts = [0]
    while cuts[-1] < count:
        left = count - cuts[-1]
        size = least if len(cuts) <= share else max(least, left // (2 * share))
        cuts.append(cuts[-1] + min(left, size))
    return cuts


@cache
def _engine_of(state_tolerance: float, drive_tolerance: float) -> NodalEngine:
    return NodalEngine(state_tolerance=state_tolerance, drive_tolerance=drive_tolerance)


def _solved(
    version: str,
    settings: tuple[float, float],
    task: Callable[..., Any],
    given: list[tuple[Any, ...]],
) -> list[Any] | Failure:
    """Compute some tasks on a worker; what fails comes back as a `Failure`."""
    if version != __version__:
        return Failure.of(
            WorkersError(
                f"a Dask worker has spicesnn {__version__}, another version than this one"
                f" ({version}); install the same"
            )
        )
    try:
        return [task(_engine_of(*settings), *one) for one in given]
    except Exception as error:
        return Failure.of(error)
