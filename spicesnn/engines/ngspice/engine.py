"""The ngspice engine: arrays solved by ngspice itself, each answer checked before anyone sees
it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import CheckedWaveform, Levels, Pulse, Waveform
from spicesnn.devices.base import Device
from spicesnn.devices.stimulus import Stimulus
from spicesnn.engines.base import Engine
from spicesnn.engines.ngspice import drives, pulses, reads
from spicesnn.engines.ngspice.circuit import Circuits
from spicesnn.engines.ngspice.failures import Keeper
from spicesnn.engines.ngspice.library import Library
from spicesnn.engines.ngspice.pool import Pool, PoolSettings
from spicesnn.engines.ngspice.session import Patience
from spicesnn.engines.ngspice.surroundings import Surroundings
from spicesnn.engines.ngspice.trial import tried
from spicesnn.engines.results import IVCurve, PulseResult, Read
from spicesnn.errors import InputError
from spicesnn.guesses import hinted
from spicesnn.netlist.accuracy import ReadAccuracy, TransientAccuracy
from spicesnn.netlist.init import checked_init
from spicesnn.netlist.pulse_accuracy import finer, for_transient
from spicesnn.netlist.safety import trusted

_CALLS = {
    **dict.fromkeys(
        ("solve", "run", "simulate", "compute"), "read(array, row_volts) or pulse(array, pulse)"
    ),
    "iv": "spicesnn.iv(device, engine)",
    "write": "pulse(array, pulse)",
}
_ARGUMENTS = {
    **dict.fromkeys(
        ("path", "executable", "library", "libngspice"),
        "the environment variable SPICESNN_LIBNGSPICE",
    ),
    **dict.fromkeys(
        ("tol", "tolerance", "reltol", "abstol", "accuracy"),
        "read_accuracy=ReadAccuracy(…) or transient_accuracy=TransientAccuracy(…)",
    ),
    **dict.fromkeys(("klu", "solver"), "nothing: KLU is used where ngspice has it and it pays"),
    **dict.fromkeys(("threads", "n_jobs", "processes"), "workers=…"),
    "timeout": "timeout_s=…",
}


@hinted(_CALLS, _ARGUMENTS)
class NgspiceEngine(Engine):
    """Solves arrays with ngspice, in worker processes that it starts, watches and replaces.

    Parameters
    ----------
    workers : int
        Jobs that run at the same time. A large batch of reads is split over them.
    timeout_s : float
        Longest time for one job, seconds; then its worker is killed, and where there is no other
        way to the answer (`ways`) `NgspiceTimeoutError` raised.
    silence_s : float
        Longest time without a sign of life from a worker, seconds; then it is replaced and the job
        repeated.
    repeats : int
        How often a job is repeated after its worker was lost.
    circuits : int
        Workers kept with their loaded circuit (a read and a pulse of one array are two circuits).
    recycle_after : int
        Jobs after which a worker is replaced; 0 for never.
    read_accuracy, transient_accuracy : ReadAccuracy, TransientAccuracy
        Tolerances and steps; for transients, by default, what `for_transient` chooses for
        the device, and finer ones where the errors of the steps grow (``stats["state_error"]`` of a
        pulse is what they come to, of the states' range; with yours it is only said).
    failures : Path, optional
        Folder for the decks and logs of failed jobs. Left out, it is ``failures`` in the directory
        of the run that is being made, and outside a run a new one in the system's temporary folder.
        Nobody removes it but you.
    init : sequence of str
        What ngspice is told before any deck: ``set ngbehavior=lta``, ``codemodel FILE``, ``osdi
        FILE``; ``option NAME=VALUE`` goes into every deck, behind the engine's own options. The
        ``init`` of a device's descriptor comes after these. No ``.spiceinit``, ``spice.rc`` or
        environment variable of ngspice is read.
    confined : bool, optional
        Whether workers give up, where the system can take it (Linux), to start programs, to open
        sockets and to touch files. They do, unless netlists are trusted (``--trust``) where the
        engine is made.

    Notes
    -----
    Starting is lazy: the first job looks for libngspice (`NgspiceMissingError` says what to do without one) and starts a
    worker. Fork, threads, notebooks, scripts without a ``__main__`` guard and code from stdin are all fine.
    """

    name: ClassVar[str] = "ngspice"

    def __init__(
        self,
        *,
        workers: int = 1,
        timeout_s: float = 600.0,
        silence_s: float = 10.0,
        repeats: int = 3,
        circuits: int = 4,
        recycle_after: int = 0,
        read_accuracy: ReadAccuracy | None = None,
        transient_accuracy: TransientAccuracy | None = None,
        failures: Path | None = None,
        init: Sequence[str] = (),
        confined: bool | None = None,
    ) -> None:
        for option, seconds in (("timeout_s", timeout_s), ("silence_s", silence_s)):
            if not seconds > 0:
                raise InputError(
                    f"ngspice engine: {option} = {seconds!r}; expected seconds above 0"
                )
        patience = Patience(job_s=timeout_s, silence_s=silence_s)
        around = Surroundings(
            init=checked_init(init, "ngspice engine", trust=True),
            confined=not trusted() if confined is None else confined,
        )
        self.init = around.init
        settings = PoolSettings(
            workers=workers,
            circuits=circuits,
            repeats=repeats,
            recycle_after=recycle_after,
            patience=patience,
            surroundings=around,
        )
        self.read_accuracy = read_accuracy or ReadAccuracy()
        self.transient_accuracy = transient_accuracy
        self.pool = Pool(settings, Keeper(failures))
        self._given = failures is not None
        self._circuits = Circuits()
        self.tried = False

    def library(self) -> Library:
        """Return which libngspice the workers use, its version and whether it has KLU."""
        return self.pool.probe()

    def versions(self) -> dict[str, str]:
        """Return the version of ngspice, and whether it solves with KLU."""
        found, init = self.library(), self.init
        own = f", init: {'; '.join(init)}" if init else ""
        return {"ngspice": f"{found.version or 'unknown'}{', KLU' if found.klu else ''}{own}"}

    @contextmanager
    def keeping_failures(self, folder: Path) -> Iterator[None]:
        """Keep decks and logs of jobs that fail meanwhile in a folder, unless the engine has been
        given one."""
        if self._given:
            yield
            return
        before, self.pool.keeper = self.pool.keeper, Keeper(folder)
        try:
            yield
        finally:
            self.pool.keeper = before

    def close(self) -> None:
        """End the workers; the next job starts new ones."""
        self.pool.close()

    def pulse_each(
        self, arrays: Sequence[Crossbar], pulses: Sequence[Pulse | Waveform]
    ) -> list[PulseResult]:
        """Apply to each array its own pulse, as many at a time as there are workers.

        Parameters
        ----------
        arrays : sequence of Crossbar
        pulses : sequence of Pulse | Waveform
            As many as arrays.
        """
        if len(arrays) != len(pulses):
            raise InputError(
                f"pulse_each: {len(arrays)} arrays and {len(pulses)} pulses; expected as many of"
                " one as of the other"
            )
        return self.pool.map(lambda k: self.pulse(arrays[k], pulses[k]), len(arrays))

    def _read(self, array: Crossbar, levels: Levels) -> Read:
        self._ready()
        return reads.read(self.pool, self._circuits, array, levels, self.read_accuracy)

    def _ready(self) -> None:
        """Try out an ngspice that is not known before its first job."""
        if not self.tried:
            found = self.pool.probe()
            if found.untested:
                tried(found, _believing)
            self.tried = True

    def _pulse(self, array: Crossbar, waveform: CheckedWaveform) -> PulseResult:
        self._ready()
        tolerances = self.transient_accuracy or for_transient(
            array.device, array.wires, duration_s=waveform.duration_s
        )
        again = finer if self.transient_accuracy is None else None
        return pulses.pulse(self.pool, self._circuits, array, waveform, tolerances, again)

    def _drive(
        self,
        device: Device,
        stimulus: Stimulus,
        state: Floats,
        gate_volts: float | None,
        points: int,
    ) -> IVCurve:
        self._ready()
        tolerances = self.transient_accuracy or for_transient(
            device, duration_s=stimulus.duration_s
        )
        again = finer if self.transient_accuracy is None else None
        return drives.drive(
            self.pool, device, stimulus, np.asarray(state), gate_volts, points, tolerances, again
        )


def _believing(patience_s: float) -> NgspiceEngine:
    """Start an engine for the trial itself: it takes its ngspice as it is."""
    engine = NgspiceEngine(timeout_s=patience_s, repeats=0)
    engine.tried = True
    return engine
