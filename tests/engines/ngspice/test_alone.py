"""Workers stand alone: nothing around them changes an answer, they reach nothing around them, and
they end with their engine."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
from ngspice_jobs import GOOD, circuit, job, pool, run

import spicesnn as sn
from spicesnn.engines.ngspice import library, session
from spicesnn.engines.ngspice.failures import Keeper
from spicesnn.engines.ngspice.pool import Pool, PoolSettings
from spicesnn.engines.ngspice.session import Session
from spicesnn.engines.ngspice.surroundings import Surroundings
from spicesnn.errors import InputError, NgspiceError

DIVIDER = sn.Crossbar(conductance=np.full((2, 2), 1e-5), wires=sn.Wires())
WORDS = ("method=gear", "reltol=0.1", "gmin=1e-3", "temp=100", "abstol=1e-3")
PRINTED = """
import sys
import numpy as np, spicesnn as sn
array = sn.Crossbar(device=sn.devices.VTEAM(), shape=(2, 2), wires=sn.Wires(word_line_ohm=1.0, bit_line_ohm=1.0))
with sn.NgspiceEngine() as engine:
    done = engine.pulse(array, sn.Pulse(row_volts=[1.0, 0.3], width_s=1e-8))
    print(done.state.tobytes().hex(), engine.read(done.array, [0.1, 0.2]).column_amps.tobytes().hex())
"""


def children() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if "spicesnn.engines.ngspice.worker" in " ".join(child.cmdline())
    ]


def spiceinit(k: int) -> str:
    return "\n".join(
        [
            "* an init of somebody",
            f"option {WORDS[k % len(WORDS)]}",
            "set ngbehavior=lt",
            f"echo init {k}",
            "shell touch CANARY",
            "",
        ]
    )


def answer(folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PRINTED],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def around(tmp_path: Path, k: int) -> tuple[Path, dict[str, str]]:
    """Make a folder and a home with inits that change everything, and an environment that says so
    too."""
    folder, home = tmp_path / f"folder-{k}", tmp_path / f"home-{k}"
    for where in (folder, home):
        where.mkdir()
        for name in (".spiceinit", "spice.rc"):
            (where / name).write_text(spiceinit(k))
    variables = (
        "SPICE_LIB_DIR",
        "SPICE_EXEC_DIR",
        "SPICE_SCRIPTS",
        "SPICE_USERINIT_DIR",
        "NGSPICE_INPUT_DIR",
        "NGSPICE_LIBRARY_PATH",
    )
    chosen = {name: str(home) for j, name in enumerate(variables) if (k >> j) & 1 or k % 2 == 0}
    return folder, {"HOME": str(home), "SPICE_ASCIIRAWFILE": "1", "TMPDIR": str(tmp_path), **chosen}


def test_inits_environment_and_folder_change_no_bit(tmp_path: Path) -> None:
    plain = answer(tmp_path, {})
    assert answer(*around(tmp_path, 3)) == plain
    assert not list(tmp_path.rglob("CANARY"))


@pytest.mark.slow
def test_a_hundred_differing_surroundings_change_no_bit(tmp_path: Path) -> None:
    plain = answer(tmp_path, {})
    assert {answer(*around(tmp_path, k)) for k in range(100)} == {plain}
    assert not list(tmp_path.rglob("CANARY"))


def test_a_workers_folder_goes_at_once_and_its_environment_says_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = []
    started = subprocess.Popen.__init__

    def watched(self: object, *args: object, **given: object) -> None:
        if "cwd" in given:
            seen.append((given["cwd"], given["env"]))
        started(self, *args, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(session.subprocess.Popen, "__init__", watched)
    monkeypatch.setenv("SPICE_SCRIPTS", str(tmp_path))
    monkeypatch.setattr(session.tempfile, "tempdir", str(tmp_path))
    with sn.NgspiceEngine() as engine:
        engine.read(DIVIDER, [0.1, 0.1])
        (folder, environment), *_ = seen
        assert set(environment) <= {
            *session._KEPT,
            "HOME",
            "USERPROFILE",
            "LANG",
            "PYTHONPATH",
            "OMP_NUM_THREADS",
            "PYTHONDONTWRITEBYTECODE",
            "PYTHONSAFEPATH",
        }
        assert not Path(folder).exists()
        assert environment["HOME"] == folder
    assert list(tmp_path.iterdir()) == []


# -- confinement ----------------------------------------------------------------------------------

LINUX = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the locks are those of Linux"
)


def controlled(commands: str) -> str:
    return f"t\nv1 in 0 1\nr1 in out 1k\nr2 out 0 1k\n.control\n{commands}\n.endc\n.end\n"


@LINUX
@pytest.mark.parametrize(
    "command",
    [
        "shell touch {at}",
        "!touch {at}",
        "echo hello > {at}",
        "write {at} all",
        "cd {folder}\nshell id > {at}",
    ],
)
def test_a_deck_that_would_write_or_run_something_does_not(command: str, tmp_path: Path) -> None:
    on = pool(repeats=0)
    if "seccomp" not in on.probe().locks or not any(
        lock.startswith("landlock") for lock in on.probe().locks
    ):
        pytest.skip(f"this kernel has only {on.probe().locks}")
    text = controlled("op\n" + command.format(at=tmp_path / "CANARY", folder=tmp_path))
    with contextlib.suppress(NgspiceError):
        run(on, text)
    on.close()
    assert list(tmp_path.iterdir()) == []


@LINUX
def test_a_deck_reads_nothing_outside(tmp_path: Path) -> None:
    secret = tmp_path / "secret.lib"
    secret.write_text("r9 out 0 1k\n")
    on = pool(repeats=0)
    if not any(lock.startswith("landlock") for lock in on.probe().locks):
        pytest.skip(f"this kernel has only {on.probe().locks}")
    deck = f't\nv1 in 0 1\nr1 in out 1k\nr2 out 0 1k\n.include "{secret}"\n.end\n'
    with pytest.raises(NgspiceError, match=r"include"):
        run(on, deck)
    assert run(on, GOOD).vectors[0] == pytest.approx([0.5])
    on.close()
    free = Pool(PoolSettings(surroundings=Surroundings(confined=False)), Keeper())
    assert free.run(circuit(deck), job(deck), lambda found: found.vectors[0]) == pytest.approx(
        [1 / 3]
    )
    assert free.probe().locks == ()
    free.close()


def test_without_any_lock_the_engine_works(monkeypatch: pytest.MonkeyPatch) -> None:
    with sn.NgspiceEngine(confined=False) as engine:
        assert engine.library().locks == ()
        assert engine.read(DIVIDER, [0.1, 0.1]).column_amps == pytest.approx([2e-6, 2e-6], rel=1e-3)


# -- an init of one's own -------------------------------------------------------------------------


def test_an_init_of_ones_own_is_obeyed_and_recorded() -> None:
    # 1k with ngspice's own suffixes is 1000; `set ngbehavior=ps` changes how a deck is read, which
    # an unknown option tells.
    with sn.NgspiceEngine(init=["set ngbehavior=ltpsa", "set numdgt=12"]) as engine:
        assert engine.versions()["ngspice"].endswith("init: set ngbehavior=ltpsa; set numdgt=12")
        assert engine.read(DIVIDER, [0.1, 0.1]).column_amps == pytest.approx([2e-6, 2e-6], rel=1e-3)
    with sn.NgspiceEngine() as engine:
        assert "init" not in engine.versions()["ngspice"]


@pytest.mark.parametrize(
    "line", ["shell ls", "set", "", "set a=1\nshell ls", "codemodel /nowhere/x.cm", "source x", 3]
)
def test_an_init_is_a_list_of_known_commands(line: object) -> None:
    with pytest.raises(InputError, match="ngspice engine: init has"):
        sn.NgspiceEngine(init=[line])  # type: ignore[list-item]


def test_an_init_that_ngspice_refuses_says_so(tmp_path: Path) -> None:
    (tmp_path / "no.cm").write_text("not a library")
    with pytest.raises(InputError, match="did not take the init"):
        sn.NgspiceEngine(init=[f"codemodel {tmp_path / 'no.cm'}"]).read(DIVIDER, [0.1, 0.1])


# -- processes ------------------------------------------------------------------------------------


def test_forgotten_engines_leave_no_process_and_no_descriptor() -> None:
    before, fds = {child.pid for child in children()}, psutil.Process().num_fds()
    for _ in range(2):
        sn.NgspiceEngine().read(DIVIDER, [0.1, 0.1])
    gc.collect()
    assert {child.pid for child in children()} <= before
    assert psutil.Process().num_fds() <= fds


@contextmanager
def strike(how: signal.Signals, times: int) -> Iterator[None]:
    """Send a signal to the next new workers, each as soon as it can be seen; no other child, and
    none after the block."""
    old, stop = {child.pid for child in children()}, threading.Event()

    def is_worker(child: psutil.Process) -> bool:
        try:
            return any("ngspice" in word and "worker" in word for word in child.cmdline())
        except psutil.Error:
            return False

    def later() -> None:
        struck = 0
        while struck < times and not stop.is_set():
            for child in psutil.Process().children():
                if child.pid not in old and is_worker(child):
                    old.add(child.pid)
                    struck += 1
                    child.send_signal(how)
            time.sleep(0.002)

    thread = threading.Thread(target=later)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_a_worker_killed_while_it_starts_is_replaced() -> None:
    with strike(signal.SIGKILL, 1), sn.NgspiceEngine() as engine:
        assert engine.read(DIVIDER, [0.1, 0.1]).column_amps == pytest.approx([2e-6, 2e-6], rel=1e-3)
        assert engine.pool.replaced >= 0


def test_workers_that_are_always_killed_while_they_start_are_no_missing_library() -> None:
    message = r"was killed while it started \(killed by signal 9, SIGKILL\), 2 times in a row"
    with strike(signal.SIGKILL, 99), pytest.raises(NgspiceError, match=message):
        sn.NgspiceEngine(repeats=1).read(DIVIDER, [0.1, 0.1])


def test_a_worker_that_does_not_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "START_TIMEOUT_S", 0.5)
    with (
        strike(signal.SIGSTOP, 1),
        pytest.raises(NgspiceError, match=r"did not start within 0\.5 s"),
    ):
        sn.NgspiceEngine().read(DIVIDER, [0.1, 0.1])
    assert not [child for child in children() if child.status() == psutil.STATUS_STOPPED]


# -- versions -------------------------------------------------------------------------------------


def test_a_version_that_is_not_known_is_tried_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from spicesnn.engines.ngspice import trial

    monkeypatch.setattr(library, "TESTED", (1,))
    monkeypatch.setattr(trial, "_VERDICTS", {})
    monkeypatch.setattr(trial, "_PULSES", {"vteam": (1.0, 1e-8)})
    with sn.NgspiceEngine() as engine:
        assert engine.library().untested
        assert engine.read(DIVIDER, [0.1, 0.1]).column_amps == pytest.approx([2e-6, 2e-6], rel=1e-3)
    assert list(trial._VERDICTS.values()) == [""]


def test_a_version_that_fails_its_trial_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from spicesnn.engines.ngspice import trial

    monkeypatch.setattr(library, "TESTED", (1,))
    monkeypatch.setattr(trial, "_VERDICTS", {})
    monkeypatch.setattr(trial, "_PULSES", {"vteam": (1e30, 1e-8)})
    engine = sn.NgspiceEngine()
    for _ in range(2):
        with pytest.raises(
            NgspiceError, match=r"fails a trial case: vteam: .*nodal engine"
        ) as caught:
            engine.read(DIVIDER, [0.1, 0.1])
        assert len(str(caught.value).splitlines()) == 1
    engine.close()


def test_a_session_ends_with_its_last_reference() -> None:
    made = Session(pool().settings.patience)
    pid = made.pid
    del made
    gc.collect()
    assert not psutil.pid_exists(pid)
