"""Workers that are killed, stopped or lie: the job is repeated on another one, and the outcome is
the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ngspice_jobs import GOOD, pool, run

import spicesnn as sn
from spicesnn.engines.ngspice import library
from spicesnn.engines.ngspice.protocol import (
    LENGTHS,
    MESSAGE,
    Channel,
    ChannelClosed,
    ChannelSilent,
    Header,
    pack,
)
from spicesnn.engines.ngspice.session import Session
from spicesnn.errors import InputError, NgspiceError, NgspiceMissingError

SLOW_DECK = "rc\nv1 in 0 sin(0 1 1k)\nr1 in out 1k\nc1 out 0 1u\n.end\n"
SLOW_RUN = "tran 1u 0.1 0 1u"


def struck(on: object, strike: int, after_s: float = 0.15) -> threading.Thread:
    """Send a signal to the worker that is busy, a moment from now."""

    def later() -> None:
        while not on.busy:  # type: ignore[attr-defined]
            time.sleep(0.005)
        time.sleep(after_s)
        for session in list(on.busy):  # type: ignore[attr-defined]
            os.kill(session.pid, strike)

    thread = threading.Thread(target=later)
    thread.start()
    return thread


@pytest.fixture(scope="module")
def undisturbed() -> np.ndarray:
    on = pool()
    vectors = run(on, SLOW_DECK, ("time", "out"), SLOW_RUN).vectors
    on.close()
    return vectors


@pytest.mark.parametrize(
    "strike", [signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP], ids=lambda s: s.name
)
def test_a_worker_lost_in_the_middle_changes_nothing(
    strike: signal.Signals, undisturbed: np.ndarray
) -> None:
    on = pool(silence_s=1.0)
    run(on, GOOD)
    thread = struck(on, strike)
    vectors = run(on, SLOW_DECK, ("time", "out"), SLOW_RUN).vectors
    thread.join()
    on.close()
    assert on.replaced == 1
    assert np.array_equal(vectors, undisturbed)


def test_a_worker_killed_between_jobs_is_replaced() -> None:
    with sn.NgspiceEngine() as engine:
        array = sn.Crossbar(
            device=sn.devices.VTEAM(),
            state=np.linspace(0.5e-9, 2.5e-9, 6).reshape(2, 3),
            wires=sn.Wires(),
        )
        pulse = sn.Pulse(row_volts=[1.0, 0.5], width_s=1e-8, rise_s=1e-9)
        first = engine.pulse(array, pulse)
        for session in engine.pool.sessions:
            os.kill(session.pid, signal.SIGKILL)
            session._reap()
        again = engine.pulse(array, pulse)
        assert np.array_equal(first.state, again.state)
        assert np.array_equal(
            engine.read(again.array, [1.0, 0.0]).column_amps,
            engine.read(first.array, [1.0, 0.0]).column_amps,
        )


def test_a_loaded_circuit_gives_what_a_fresh_one_gives() -> None:
    """Altered in place through a history of other states, or parsed for this job alone: the same
    bits."""
    rng = np.random.default_rng(4)
    device = sn.devices.VTEAM()
    arrays = [
        sn.Crossbar(device=device, state=rng.uniform(0.2e-9, 2.8e-9, (3, 3)), wires=sn.Wires())
        for _ in range(4)
    ]
    pulse = sn.Pulse(
        row_volts=[1.0, 0.5, 0.5], column_volts=[0.0, 0.5, 0.5], width_s=1e-8, rise_s=1e-9
    )
    with sn.NgspiceEngine() as engine:
        kept = [
            (engine.pulse(a, pulse).state, engine.read(a, np.ones(3)).column_amps) for a in arrays
        ][-1]
        assert [s.jobs for s in engine.pool.sessions] == [4, 4]
    with sn.NgspiceEngine() as engine:
        fresh = (
            engine.pulse(arrays[-1], pulse).state,
            engine.read(arrays[-1], np.ones(3)).column_amps,
        )
    assert np.array_equal(kept[0], fresh[0])
    assert np.array_equal(kept[1], fresh[1])


def test_workers_do_not_outlive_close_or_leave_zombies() -> None:
    engine = sn.NgspiceEngine()
    engine.read(sn.Crossbar(conductance=[[1e-3]], wires=sn.Wires()), [1.0])
    pids = [s.pid for s in engine.pool.sessions]
    engine.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert engine.read(
        sn.Crossbar(conductance=[[1e-3]], wires=sn.Wires.ideal()), [1.0]
    ).column_amps == pytest.approx([1e-3])
    engine.close()


def test_recycled_workers_do_not_show() -> None:
    array = sn.Crossbar(conductance=np.full((2, 2), 1e-3), wires=sn.Wires())
    with sn.NgspiceEngine(recycle_after=2) as engine:
        amps = [engine.read(array, [1.0, k]).column_amps for k in range(5)]
        pids = {s.pid for s in engine.pool.sessions}
        expected = [sn.NodalEngine().read(array, [1.0, k]).column_amps for k in range(5)]
        np.testing.assert_allclose(amps, expected, rtol=1e-11)
        assert len(pids) == 1


def test_threads_share_an_engine() -> None:
    rng = np.random.default_rng(1)
    arrays = [
        sn.Crossbar(conductance=rng.uniform(1e-4, 1e-3, (3, 3)), wires=sn.Wires()) for _ in range(8)
    ]
    answers: dict[int, np.ndarray] = {}
    with sn.NgspiceEngine(workers=2) as engine:
        threads = [
            threading.Thread(
                target=lambda k=k: answers.update(
                    {k: engine.read(arrays[k], np.ones(3)).column_amps}
                )
            )
            for k in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for k, array in enumerate(arrays):
        np.testing.assert_allclose(
            answers[k], sn.NodalEngine().read(array, np.ones(3)).column_amps, rtol=1e-11
        )


def test_a_large_batch_is_split_over_workers() -> None:
    rng = np.random.default_rng(2)
    array = sn.Crossbar(conductance=rng.uniform(1e-5, 1e-3, (16, 16)), wires=sn.Wires())
    volts = rng.uniform(-1, 1, (101, 16))
    with sn.NgspiceEngine(workers=2) as engine:
        read = engine.read(array, volts)
        assert read.stats["runs"] == 2
    with sn.NgspiceEngine() as engine:
        np.testing.assert_allclose(
            read.column_amps, engine.read(array, volts).column_amps, rtol=1e-12
        )


SCRIPT = """
import spicesnn as sn
engine = sn.NgspiceEngine()
print(float(engine.read(sn.Crossbar(conductance=[[1e-3]], wires=sn.Wires.ideal()), [0.25]).column_amps[0]))
"""


@pytest.mark.parametrize("how", ["stdin", "script", "another folder"])
def test_scripts_need_no_main_guard(how: str, tmp_path: Path) -> None:
    (tmp_path / "signal.py").write_text("raise RuntimeError('a file of the user in the way')\n")
    script = tmp_path / "plain.py"
    script.write_text("import sys\nsys.path.pop(0)\n" + SCRIPT)
    command = [sys.executable, "-"] if how == "stdin" else [sys.executable, str(script)]
    given = "import sys\nsys.path.pop(0)\n" + SCRIPT if how == "stdin" else None
    folder = tmp_path if how == "another folder" else None
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, timeout=60, cwd=folder, check=False
    )
    assert done.stdout.strip() == "0.00025", done.stderr


def test_workers_die_with_a_parent_that_is_killed() -> None:
    code = (
        SCRIPT
        + "\nimport os, signal\nprint(engine.pool.sessions[0].pid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    pid = int(done.stdout.split()[-1])
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("the worker outlived its parent")


def test_a_fork_uses_workers_of_its_own() -> None:
    with sn.NgspiceEngine() as engine:
        array = sn.Crossbar(conductance=[[1e-3]], wires=sn.Wires.ideal())
        engine.read(array, [1.0])
        mine = [s.pid for s in engine.pool.sessions]
        child = os.fork()
        if child == 0:
            fine = (
                engine.read(array, [2.0]).column_amps[0] == pytest.approx(2e-3)
                and [s.pid for s in engine.pool.sessions] != mine
            )
            engine.close()
            os._exit(0 if fine else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert engine.read(array, [3.0]).column_amps[0] == pytest.approx(3e-3)
        assert [s.pid for s in engine.pool.sessions] == mine


@pytest.mark.parametrize(
    ("name", "value"), [("workers", 0), ("circuits", 0), ("repeats", -1), ("recycle_after", 1.5)]
)
def test_settings_that_make_no_sense(name: str, value: float) -> None:
    with pytest.raises(InputError, match=name):
        sn.NgspiceEngine(**{name: value})


def test_a_library_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(library.VARIABLE, str(tmp_path / "libngspice.so"))
    with pytest.raises(NgspiceMissingError, match="no such file"):
        sn.NgspiceEngine().read(sn.Crossbar(conductance=[[1.0]], wires=sn.Wires()), [1.0])
    (tmp_path / "libngspice.so").write_text("not a library")
    with pytest.raises(NgspiceMissingError, match="could not be opened"):
        sn.NgspiceEngine().read(sn.Crossbar(conductance=[[1.0]], wires=sn.Wires()), [1.0])


def test_no_library_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(library.VARIABLE, raising=False)
    monkeypatch.setattr(library.ctypes.util, "find_library", lambda _: None)
    monkeypatch.setattr(library, "ngspice_places", lambda: ())
    with pytest.raises(NgspiceMissingError, match="apt install libngspice0"):
        library.find()


# -- the pipe -------------------------------------------------------------------------------------


@pytest.fixture
def pipe() -> Iterator[tuple[Channel, int]]:
    answer_read, answer_write = os.pipe()
    ask_read, ask_write = os.pipe()
    yield Channel(answer_read, ask_write), answer_write
    for fd in (answer_read, answer_write, ask_read, ask_write):
        try:
            os.close(fd)
        except OSError:
            continue


def test_a_frame_arrives_whole(pipe: tuple[Channel, int]) -> None:
    channel, write = pipe
    os.write(write, LENGTHS.pack(b"H", 0, 0) + pack({"ok": True}, b"12345678"))
    assert channel.receive(1.0, 1.0) == ({"ok": True}, b"12345678")


@pytest.mark.parametrize("cut", [1, 5, 13, 20, -1])
def test_truncated_answers_are_a_lost_worker(cut: int, pipe: tuple[Channel, int]) -> None:
    channel, write = pipe
    os.write(write, pack({"ok": True}, b"12345678")[:cut])
    os.close(write)
    with pytest.raises(ChannelClosed):
        channel.receive(1.0, 1.0)


@pytest.mark.parametrize(
    "junk",
    [
        b"x" * 40,
        LENGTHS.pack(MESSAGE, 4, 0) + b"null",
        LENGTHS.pack(MESSAGE, 3, 0) + b"{{{",
        LENGTHS.pack(MESSAGE, 1 << 30, 0),
    ],
)
def test_what_is_no_frame_is_refused(junk: bytes, pipe: tuple[Channel, int]) -> None:
    channel, write = pipe
    os.write(write, junk)
    with pytest.raises(ChannelClosed):
        channel.receive(1.0, 1.0)


def test_silence_and_endless_heartbeats(pipe: tuple[Channel, int]) -> None:
    channel, write = pipe
    with pytest.raises(ChannelSilent) as silent:
        channel.receive(5.0, 0.1)
    assert not silent.value.beating
    os.write(write, LENGTHS.pack(b"H", 0, 0))
    with pytest.raises(ChannelSilent) as endless:
        channel.receive(0.1, 5.0)
    assert endless.value.beating


def test_answers_of_the_wrong_length_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    on = pool(repeats=0)
    asked = Session._ask

    def shortened(
        self: Session, header: Header, payload: bytes = b"", seconds: float | None = None
    ) -> tuple[Header, bytearray]:
        answer, data = asked(self, header, payload, seconds)
        return answer, data[:-8] if header["do"] == "run" else data

    monkeypatch.setattr(Session, "_ask", shortened)
    with pytest.raises(NgspiceError, match="expected 1 vectors of one length"):
        run(on, GOOD)
    on.close()


def test_circuits_have_workers_of_their_own_but_single_runs_do_not() -> None:
    array = sn.Crossbar(device=sn.devices.VTEAM(), shape=(2, 2), wires=sn.Wires())
    pulse = sn.Pulse(row_volts=[0.3, 0.0], width_s=1e-10)
    with sn.NgspiceEngine() as engine:
        for amplitude in (0.1, 0.2, 0.3):
            engine.drive(sn.devices.VTEAM(), sn.Sine(amplitude=amplitude), points=50)
        assert len(engine.pool.sessions) == 1
        engine.read(array, [0.1, 0.0])
        engine.pulse(array, pulse)
        assert len(engine.pool.sessions) == 3
        jobs = {s.pid: s.jobs for s in engine.pool.sessions}
        engine.read(array, [0.2, 0.0])
        engine.pulse(array, pulse)
        assert sorted(s.jobs - jobs[s.pid] for s in engine.pool.sessions) == [0, 1, 1]
