"""The parent's side of one worker process: start it, ask it, watch it, kill it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Hashable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import IO

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.engines.ngspice import library
from spicesnn.engines.ngspice.circuit import Answer, Circuit, Job
from spicesnn.engines.ngspice.protocol import (
    MOST_ALTERS,
    Channel,
    ChannelClosed,
    ChannelSilent,
    Header,
    pack,
)
from spicesnn.engines.ngspice.surroundings import Surroundings
from spicesnn.errors import (
    InputError,
    MissingPackageError,
    NgspiceMissingError,
    NgspiceTimeoutError,
)
from spicesnn.netlist.init import Init, with_cards
from spicesnn.paths import PACKAGE
from spicesnn.platform import own_session

START_TIMEOUT_S = 60.0
_NONE = Init()
_LONG_WALK = 4_000_000
"""Nodes times voltage sources."""
_SPAWNING = threading.Lock()
_KEPT = (
    "PATH",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
    "PYTHONHOME",
    "SYSTEMROOT",
)
"""What a worker inherits of the environment: what Python and the loader need. ngspice's own
variables change its answers."""


class WorkerLostError(Exception):
    """The worker died, or gave no sign of life; the job itself may be sound."""


class WorkerKilledAtStartError(WorkerLostError):
    """A signal ended the worker before it could take a job."""


class JobHungError(Exception):
    """The worker lives, but the job did not end in time."""


class JobFailedError(Exception):
    """ngspice could not do the job.

    Attributes
    ----------
    log : str
    fatal : bool
        Whether ngspice ended itself over it.
    """

    def __init__(self, reason: str, log: str, *, fatal: bool = False) -> None:
        super().__init__(reason)
        self.log = log
        self.fatal = fatal


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long to wait.

    Attributes
    ----------
    job_s : float
        Longest time for one job.
    silence_s : float
        Longest time without a heartbeat before a worker is taken for dead (stopped, swapped out,
        stuck in the kernel).
    """

    job_s: float = 600.0
    silence_s: float = 10.0


class Session:
    """One worker process with at most one loaded circuit.

    It runs alone in a folder of its own, which is empty and taken away as soon as it stands in it,
    with a home and an environment in which nothing is said about ngspice. It ends with its session,
    however that ends: closed, forgotten, or with the program.

    Parameters
    ----------
    patience : Patience
    surroundings : Surroundings
    own : Init
        Of the device that it is for.
    """

    def __init__(
        self, patience: Patience, surroundings: Surroundings | None = None, own: Init = _NONE
    ) -> None:
        self.patience, self.own = patience, own
        around = (surroundings or Surroundings()).and_of(own)
        told = Init(around.init)
        self._options = told.cards
        self.loaded: Hashable = None
        self.jobs = 0
        self.cpu_seconds = 0.0
        self._values: dict[str, Floats] = {}
        self._commands: dict[str, str] = {}
        self._vectors: tuple[str, ...] | None = None
        path = library.find()
        if find_spec("PySpice") is None:
            raise MissingPackageError(
                "the ngspice engine speaks to ngspice through PySpice, which is not installed: pip"
                " install PySpice"
            )
        folder = tempfile.mkdtemp(prefix="spicesnn-worker-")
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the worker)
        command = [
            sys.executable,
            "-P",
            "-m",
            "spicesnn.engines.ngspice.worker",
            path,
            *around.arguments(),
        ]
        try:
            with _SPAWNING:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._stderr,
                    env=_environment(folder),
                    cwd=folder,
                    **own_session(),
                )
        except BaseException:
            self._stderr.close()
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._end = weakref.finalize(self, _end, self._process, self._stderr, folder, os.getpid())
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._channel = Channel(self._process.stdout.fileno(), self._process.stdin.fileno())
        try:
            hello, _ = self._channel.receive(START_TIMEOUT_S, START_TIMEOUT_S)
            self.library = library.Library(
                path=path,
                version=str(hello.get("version", "")),
                klu=bool(hello.get("klu")),
                locks=tuple(map(str, hello.get("locks", ()))),
            )
            if told.commands:
                self._begin(told.commands)
        except ChannelSilent:
            self.kill()
            raise NgspiceTimeoutError(
                f"the ngspice worker did not start within {START_TIMEOUT_S:g} s"
            ) from None
        except ChannelClosed:
            code, said = self._reap(), self.printed().strip().splitlines()
            self.kill()
            if code is not None and code < 0:
                raise WorkerKilledAtStartError(
                    f"the ngspice worker was killed while it started ({_ending(code)})"
                    + (f"; it said: {said[-1][:600]}" if said else "")
                ) from None
            raise NgspiceMissingError(
                f"libngspice at {path!r} could not be opened by a worker process ({_ending(code)});"
                f" point {library.VARIABLE} at a working one"
                + (f". The worker said: {said[-1][:600]}" if said else "")
            ) from None
        except (
            BaseException
        ):  # an interrupt while it starts: nobody will have this session to end it
            self.kill()
            raise

    def _begin(self, commands: tuple[str, ...]) -> None:
        """Give ngspice the commands of the user's own init."""
        try:
            answer, _ = self._ask({"do": "init"}, "\n".join(commands).encode())
        except (JobFailedError, JobHungError, WorkerLostError) as failed:
            raise InputError(f"ngspice did not take the init {list(commands)}: {failed}") from None
        said = [
            line
            for line in answer.get("log", ())
            if "error" in line.lower() or "can't" in line.lower() or "no such" in line.lower()
        ]
        if said:
            raise InputError(f"ngspice did not take the init {list(commands)}: {said[0]}")

    @property
    def pid(self) -> int:
        """Process id of the worker."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def printed(self) -> str:
        """Return what the worker printed to its stderr (tracebacks, ngspice's last words)."""
        try:
            self._stderr.seek(0)
            return self._stderr.read().decode("utf8", "replace")
        except (OSError, ValueError):
            return ""

    def holds(self, circuit: Circuit, job: Job) -> bool:
        """Whether the worker has a circuit loaded, and not sooner loads it anew for a job.

        Before a second analysis ngspice removes the current of every voltage source by a walk over
        all nodes: 1.1 s at 128 x 128 cells, which are parsed in half of that. A job that goes on
        in an open sweep has none of it."""
        if self.loaded != circuit.key:
            return False
        cells, held = job.values.get("cells"), self._values.get("cells")
        if cells is None or held is None or not job.continued:
            return True
        walks = len(circuit.alterable["columns"].prefixes) + len(circuit.externals)
        many = np.count_nonzero(cells != held) > MOST_ALTERS
        return not many or walks * len(circuit.vectors) < _LONG_WALK

    def load(self, circuit: Circuit, cells: Floats | None) -> str:
        """Parse a circuit, its cells' resistances (n,) put in, into the worker and return what
        ngspice said."""
        self.loaded = None
        self._values, self._commands = {}, {}
        known, self._vectors = self._vectors, None
        text, held = circuit.holding(cells)
        answer, _ = self._ask(
            {
                "do": "load",
                "vectors": None if circuit.vectors is known else circuit.vectors,
                "externals": circuit.externals,
            },
            self._with_options(text).encode(),
        )
        self.loaded, self._values, self._vectors = circuit.key, held, circuit.vectors
        return "\n".join(answer.get("log", ()))

    def _with_options(self, text: str) -> str:
        if self.library.klu:
            title, _, rest = text.partition("\n")
            text = f"{title}\n.options klu\n{rest}"
        return with_cards(text, self._options)

    def run(self, circuit: Circuit, job: Job) -> Answer:
        """Alter what differs, run the analysis and return its vectors."""
        assert self.loaded == circuit.key
        alters = [
            c
            for name, values in job.values.items()
            for c in circuit.alterable[name].commands(values, self._values.get(name))
        ]
        alters += [
            command for slot, command in job.commands.items() if self._commands.get(slot) != command
        ]
        commands = "\n".join(alters).encode()
        table = (
            b""
            if job.table is None
            else np.ascontiguousarray(job.table, dtype=np.float64).tobytes()
        )
        header = {
            "do": "run",
            "analysis": job.analysis,
            "alters": len(commands),
            "external_points": 0 if job.table is None else len(job.table),
            "continued": job.continued,
        }
        if job.controller is not None:
            header["controller"] = job.controller
        # Until the answer is there, nobody knows how much of it has been altered.
        values, held = self._values, self._commands
        self._values, self._commands = {}, {}
        answer, payload = self._ask(header, commands + table, job.seconds)
        self._values = values | {name: np.array(v) for name, v in job.values.items()}
        self._commands = held | job.commands
        self.jobs += 1
        self.cpu_seconds = float(answer["worker_cpu_seconds"])
        log = "\n".join(answer["log"])
        count, lengths = answer["vectors"], answer["lengths"]
        if (
            count != len(circuit.vectors)
            or len(lengths) != 1
            or lengths[0] < 1
            or 8 * count * lengths[0] != len(payload)
        ):
            raise JobFailedError(
                f"ngspice's vectors have lengths {lengths}; expected"
                f" {len(circuit.vectors)} vectors of one length",
                log,
            )
        vectors = np.frombuffer(payload, dtype=np.float64).reshape(count, lengths[0])
        return Answer(
            vectors=vectors,
            log=log,
            plot=str(answer["plot"]),
            report=answer.get("report"),
            begun=bool(answer["begun"]),
            seconds=float(answer["seconds"]),
            cpu_seconds=float(answer["cpu_seconds"]),
        )

    def resident_bytes(self) -> int:
        """Return the worker's resident memory."""
        answer, _ = self._ask({"do": "memory"})
        return int(answer["resident_bytes"])

    def _ask(
        self, header: Header, payload: bytes = b"", seconds: float | None = None
    ) -> tuple[Header, bytearray]:
        longest = self.patience.job_s if seconds is None else min(seconds, self.patience.job_s)
        try:
            self._channel.send(pack(header, payload), longest)
            answer, data = self._channel.receive(longest, self.patience.silence_s)
        except ChannelClosed:
            code = self._reap()
            raise WorkerLostError(f"the ngspice worker died ({_ending(code)})") from None
        except ChannelSilent as silent:
            kind = JobHungError if silent.beating else WorkerLostError
            raise kind(
                "the ngspice worker"
                f" {'did not finish' if silent.beating else 'gave no sign of life'} within"
                f" {silent.seconds:g} s"
            ) from None
        if not answer.get("ok"):
            raise JobFailedError(
                str(answer.get("reason", "ngspice failed")),
                "\n".join(answer.get("log", ())),
                fatal=bool(answer.get("fatal")),
            )
        return answer, data

    def _reap(self) -> int | None:
        try:
            return self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """End the worker at once, whatever it does, and leave no zombie."""
        self.loaded = None
        self._end()


def _end(process: subprocess.Popen[bytes], stderr: IO[bytes], folder: str, owner: int) -> None:
    """End a worker and let go of its pipes. A fork of its owner only lets go."""
    if os.getpid() == owner:
        with contextlib.suppress(OSError):
            process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
        shutil.rmtree(folder, ignore_errors=True)
    for stream in (process.stdin, process.stdout, stderr):
        with contextlib.suppress(OSError, ValueError):
            if stream is not None:
                stream.close()


def _ending(code: int | None) -> str:
    if code is None:
        return "it closed its pipe"
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by signal {-code}, {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _environment(folder: str) -> dict[str, str]:
    home = str(PACKAGE.parent)
    path = os.pathsep.join(
        p
        for p in (
            home,
            *map(os.path.abspath, filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))),
        )
        if p
    )
    kept = {name: value for name in _KEPT if (value := os.environ.get(name)) is not None}
    own = {
        "HOME": folder,
        "USERPROFILE": folder,
        "LANG": "C.UTF-8",
        "PYTHONPATH": path,
        "OMP_NUM_THREADS": "1",
    }
    return {**kept, **own, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONSAFEPATH": "1"}
