"""The worker processes of one engine: which job goes to which, and what happens when one is lost.

A job goes to a worker that already holds its circuit; else to a new one while there are fewer than
allowed; else to the one that has not been used for longest. A worker that dies or falls silent is
replaced, its circuit loaded anew with every value the job needs, and the job repeated: jobs carry
all they need, so the outcome is the same as without the fault."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from spicesnn.engines.ngspice import checks
from spicesnn.engines.ngspice.circuit import Answer, Circuit, Job
from spicesnn.engines.ngspice.failures import Keeper
from spicesnn.engines.ngspice.library import Library
from spicesnn.engines.ngspice.session import (
    JobFailedError,
    JobHungError,
    Patience,
    Session,
    WorkerKilledAtStartError,
    WorkerLostError,
)
from spicesnn.engines.ngspice.surroundings import Surroundings
from spicesnn.errors import InputError, NgspiceError, NgspiceTimeoutError
from spicesnn.netlist.complaints import complaint
from spicesnn.netlist.init import Init, with_cards

Result = TypeVar("Result")
Check = Callable[[Answer], Result]


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolSettings:
    """How many workers, and how patient.

    Attributes
    ----------
    workers : int
        Jobs that run at the same time.
    circuits : int
        Workers, each with its circuit, that are kept (at least `workers`).
    repeats : int
        How often a job is tried again after its worker was lost.
    recycle_after : int
        Jobs after which a worker is replaced by a fresh one; 0 for never (its memory does not
        grow).
    patience : Patience
    surroundings : Surroundings
    """

    workers: int = 1
    circuits: int = 4
    repeats: int = 3
    recycle_after: int = 0
    patience: Patience = field(default_factory=Patience)
    surroundings: Surroundings = field(default_factory=Surroundings)

    def __post_init__(self) -> None:
        for name, lowest in (("workers", 1), ("circuits", 1), ("repeats", 0), ("recycle_after", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < lowest:
                raise InputError(
                    f"ngspice engine: {name} = {value!r}; expected a whole number, {lowest} or more"
                )


class Pool:
    """Runs jobs on circuits; safe to use from several threads.

    Parameters
    ----------
    settings : PoolSettings
    keeper : Keeper
        Where decks of failed jobs are kept.
    """

    def __init__(self, settings: PoolSettings, keeper: Keeper) -> None:
        self.settings = settings
        self.keeper = keeper
        self._condition = threading.Condition()
        self._idle: list[Session] = []
        self._busy = 0
        self.busy: set[Session] = set()
        self._owner = os.getpid()
        self._threads: ThreadPoolExecutor | None = None
        self.library: Library | None = None
        self.replaced = 0

    # -- jobs -------------------------------------------------------------------------------------

    def run(self, circuit: Circuit, job: Job, check: Check[Result]) -> Result:
        """Run a job and return what `check` makes of its answer.

        Raises
        ------
        NgspiceError
            The job failed, or its answer did not pass the checks.
        NgspiceTimeoutError
            The job did not end in time.
        """
        lost: WorkerLostError | None = None
        for _ in range(1 + self.settings.repeats):
            try:
                session = self._take(circuit)
            except WorkerKilledAtStartError as reason:
                lost = reason
                self.replaced += 1
                continue
            keep = False
            try:
                result = check(self._once(session, circuit, job))
                keep = True
            except WorkerLostError as reason:
                lost = reason
                self.replaced += 1
                continue
            except JobHungError as hung:
                raise NgspiceTimeoutError(
                    str(hung),
                    deck_path=self._keep(circuit, job, session.printed(), late=True),
                    log=session.printed(),
                ) from None
            except JobFailedError as failed:
                keep = not failed.fatal
                said = complaint(failed.log)
                raise checks.kind_of(f"{said} {failed}")(
                    str(failed),
                    reason=said,
                    deck_path=self._keep(circuit, job, failed.log),
                    log=failed.log,
                ) from None
            except checks.AnswerRejectedError as rejected:
                # A wrong answer may have left its cause in the circuit: parse it anew next time.
                session.loaded = None
                keep = True
                raise rejected.kind(
                    rejected.text,
                    reason=rejected.reason,
                    deck_path=self._keep(circuit, job, rejected.log),
                    log=rejected.log,
                ) from None
            finally:
                self._give(session, keep=keep)
            return result
        blame = (
            ""
            if isinstance(lost, WorkerKilledAtStartError)
            else " on the same job, so the job itself is to blame"
        )
        raise NgspiceError(
            f"{lost}, {1 + self.settings.repeats} times in a row{blame}",
            deck_path=self._keep(circuit, job, ""),
        )

    def _keep(self, circuit: Circuit, job: Job, log: str, *, late: bool = False) -> Path | None:
        """Keep what a failed job was: its deck, what ngspice said, what it was asked for."""
        if not (job.kept or (late and job.kept_late)):
            return None
        found = self.library
        library = (
            ""
            if found is None
            else (
                f"{found.version or 'of unknown version'}{', KLU' if found.klu else ''},"
                f" {found.path}"
            )
        )
        told = Init(self.settings.surroundings.and_of(circuit.init).init)
        return self.keeper.keep(
            lambda: with_cards(job.standalone(), told.cards),
            log=log,
            analysis=job.analysis,
            vectors=circuit.vectors,
            library=library,
            init=told.lines,
        )

    def _once(self, session: Session, circuit: Circuit, job: Job) -> Answer:
        if not session.holds(circuit, job):
            printed = session.load(circuit, job.values.get("cells"))
            said = complaint(printed)
            if said:
                session.loaded = None
                raise checks.AnswerRejectedError("ngspice did not take the deck", printed, said)
        return session.run(circuit, job)

    def map(self, function: Callable[[int], Result], count: int) -> list[Result]:
        """Return ``[function(0), …]``, as many at a time as there are workers."""
        if count <= 1 or self.settings.workers == 1:
            return [function(k) for k in range(count)]
        if self._threads is None:
            self._threads = ThreadPoolExecutor(
                self.settings.workers, thread_name_prefix="spicesnn-ngspice"
            )
        return list(self._threads.map(function, range(count)))

    # -- workers ----------------------------------------------------------------------------------

    def _take(self, circuit: Circuit) -> Session:
        with self._condition:
            self._disown_after_fork()
            while self._busy >= self.settings.workers:
                self._condition.wait()
            self._busy += 1
            session = self._pick(circuit)
        if session is not None:
            self.busy.add(session)
            return session
        try:
            session = Session(self.settings.patience, self.settings.surroundings, circuit.init)
        except BaseException:
            with self._condition:
                self._busy -= 1
                self._condition.notify()
            raise
        self.library = session.library
        self.busy.add(session)
        return session

    def _pick(self, circuit: Circuit) -> Session | None:
        """Return an idle worker, best one that holds the circuit or none at all; None if a new one
        should be started."""
        for session in [s for s in self._idle if not s.alive]:
            self._idle.remove(session)
            session.kill()
        alike = [s for s in self._idle if s.own == circuit.init]
        holding = [s for s in alike if s.loaded == circuit.key] or [
            s for s in alike if s.loaded is None
        ]
        if holding:
            chosen = holding[-1]
        elif not self._idle or (
            len(self._idle) + self._busy <= max(self.settings.circuits, self.settings.workers)
            and not circuit.once
        ):
            return None
        else:
            chosen = self._idle[0]
        self._idle.remove(chosen)
        if chosen.own != circuit.init:  # ngspice does not forget what it was told: start another
            chosen.kill()
            return None
        return chosen

    def _give(self, session: Session, *, keep: bool) -> None:
        worn = 0 < self.settings.recycle_after <= session.jobs
        if not keep or worn:
            session.kill()
        with self._condition:
            self._busy -= 1
            self.busy.discard(session)
            if keep and not worn:
                self._idle.append(session)
            self._condition.notify()

    def _disown_after_fork(self) -> None:
        """Leave the parent's workers to the parent if this process is a fork of the one that
        started them."""
        if self._owner != os.getpid():
            self._idle, self._busy, self.busy, self._threads, self._owner = (
                [],
                0,
                set(),
                None,
                os.getpid(),
            )

    @property
    def sessions(self) -> list[Session]:
        """The idle workers, the least recently used first."""
        return list(self._idle)

    def probe(self) -> Library:
        """Return what the workers' libngspice is, starting one if none runs."""
        lost: WorkerKilledAtStartError | None = None
        for _ in range(1 + self.settings.repeats):
            if self.library is not None:
                return self.library
            try:
                session = Session(self.settings.patience, self.settings.surroundings)
            except WorkerKilledAtStartError as reason:
                lost = reason
                continue
            self.library = session.library
            with self._condition:
                self._idle.append(session)
        if self.library is None:
            raise NgspiceError(f"{lost}, {1 + self.settings.repeats} times in a row")
        return self.library

    def close(self) -> None:
        """End all idle workers."""
        with self._condition:
            sessions, self._idle = self._idle, []
        if self._owner == os.getpid():
            for session in sessions:
                session.kill()
        if self._threads is not None:
            self._threads.shutdown(wait=False)
            self._threads = None
