"""What differs by operating system stands in one module; its branches for Windows are run here with
the names of Linux hidden."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

import spicesnn as sn
from spicesnn import platform
from spicesnn.errors import InputError, NgspiceMissingError
from spicesnn.platform import (
    Pipes,
    available_bytes,
    cores,
    resident_bytes,
    stopping_signals,
    try_lock,
)

PACKAGE = Path(sn.__file__).resolve().parent
ONLY_THERE = {"fcntl", "resource", "select", "msvcrt", "termios", "pwd", "grp", "psutil"}
OPTIONAL = {
    "engines/ngspice/confinement.py",
    "validation/openvaf_worker.py",
}  # limits of a worker: both do without where there are none
HIDDEN = """
import importlib.abc, os, select, signal, sys
class Hidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in ("fcntl", "resource", "pwd", "grp", "termios"):
            raise ImportError(name)
sys.meta_path.insert(0, Hidden())
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules.pop(name, None)
absent = ((select, ("poll", "epoll")), (os, ("readv", "sched_getaffinity", "getuid", "O_NOFOLLOW")), (signal, ("SIGHUP", "pthread_kill")))
for module, names in absent:
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
"""


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (entry.name.partition(".")[0] for entry in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]


def test_only_one_module_imports_what_not_every_system_has():
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if ONLY_THERE & set(imported(path))
    }
    assert found <= {"platform.py", *OPTIONAL}


def without_posix(script, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", HIDDEN + script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_package_reads_and_curves_without_the_names_of_posix(tmp_path):
    place = tmp_path / "a folder with spaces"
    place.mkdir()
    script = """
import spicesnn as sn
from spicesnn.cli import main
print(sn.Crossbar([[1e-4]]).read([0.5]).column_amps[0])
sys.exit(main(["iv", "resistor", "--out", "my curves/é"]))
"""
    assert "5e-05" in without_posix(script, place)
    assert (place / "my curves" / "é" / "iv.csv").is_file()


def test_ngspice_answers_through_pipes_without_poll(tmp_path):
    script = """
import spicesnn as sn
with sn.NgspiceEngine() as engine:
    print(engine.read(sn.Crossbar([[1e-4, 2e-4]], 1.0), [0.5]).column_amps.tolist())
"""
    said = ast.literal_eval(without_posix(script, tmp_path))
    assert said == pytest.approx(
        sn.Crossbar([[1e-4, 2e-4]], 1.0).read([0.5]).column_amps.tolist(), rel=1e-9
    )


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize("poll", [False, True])
def test_pipes_wait_for_what_comes_later_and_no_longer_than_told(windows, poll, monkeypatch):
    monkeypatch.setattr(platform, "WINDOWS", windows)
    if not poll:
        monkeypatch.delattr(platform.select, "poll")
        monkeypatch.delattr(platform.os, "readv")
    read_fd, write_fd = os.pipe()
    pipes, room = Pipes(read_fd, write_fd), bytearray(4)
    with pytest.raises(BlockingIOError):
        pipes.read_into(memoryview(room))
    pipes.wait_to_read(1)
    pipes.wait_to_write(1000)
    os.write(write_fd, b"abcdef")
    pipes.wait_to_read(1000)
    assert (pipes.read_into(memoryview(room)), bytes(room)) == (4, b"abcd")
    assert (pipes.read_into(memoryview(room)), bytes(room[:2])) == (2, b"ef")
    os.close(write_fd)
    assert pipes.read_into(memoryview(room)) == 0
    os.close(read_fd)


class Locks(types.ModuleType):
    """What `msvcrt.locking` does, for one machine: a byte has one owner."""

    LK_NBLCK = 2

    def __init__(self):
        super().__init__("msvcrt")
        self.held = {}

    def locking(self, number, mode, count):
        at = (os.fstat(number).st_ino, os.lseek(number, 0, os.SEEK_CUR))
        if self.held.setdefault(at, number) != number:
            raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize("windows", [False, True])
def test_a_file_has_one_owner_and_can_be_read_by_the_others(windows, tmp_path, monkeypatch):
    if windows:
        monkeypatch.setitem(sys.modules, "fcntl", None)
        monkeypatch.setitem(sys.modules, "msvcrt", Locks())
    path = tmp_path / "lock"
    with path.open("a+b", buffering=0) as mine, path.open("a+b", buffering=0) as other:
        assert try_lock(mine)
        mine.write(b"process 1")
        assert not try_lock(other)
        other.seek(0)
        assert other.read() == b"process 1"
    with path.open("a+b", buffering=0) as later:
        assert windows or try_lock(later)


def test_a_run_that_is_being_trained_is_named_on_windows_too(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", Locks())
    run = sn.train("xpue", engine="nodal", settings={"training.updates": 1}, out=tmp_path / "run")
    from spicesnn.errors import RunError
    from spicesnn.training.run import RunDirectory

    with (
        RunDirectory(run.path).held(),
        pytest.raises(RunError, match="is being trained by process"),
        RunDirectory(run.path).held(),
    ):
        pass


def test_signals_processors_and_memory_are_found_or_said_to_be_unknown(monkeypatch):
    assert 1 <= cores() <= os.cpu_count()
    assert len(stopping_signals()) == 2
    assert resident_bytes() > 1 << 24
    assert available_bytes() > 1 << 24
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert available_bytes() > 1 << 24
    monkeypatch.delattr(os, "sched_getaffinity")
    assert cores() == os.cpu_count()


def test_ngspice_is_looked_for_where_windows_has_it(tmp_path, monkeypatch):
    from spicesnn.engines.ngspice import library

    monkeypatch.setattr(platform, "WINDOWS", True)
    monkeypatch.setenv("ProgramFiles", str(tmp_path / "Program Files"))
    monkeypatch.delenv("SPICESNN_LIBNGSPICE", raising=False)
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    with pytest.raises(NgspiceMissingError, match=r"Windows: ngspice\.dll"):
        library.find()
    place = tmp_path / "Program Files" / "Spice64_dll" / "dll-vs" / "ngspice.dll"
    place.parent.mkdir(parents=True)
    place.touch()
    assert library.find() == str(place)


def test_an_array_beyond_the_memory_is_refused_before_it_is_made(monkeypatch):
    with pytest.raises(
        InputError, match=r"1000000 × 1000000 cells takes 7\.45e\+03 GB .* GB are free"
    ):
        sn.Crossbar(device="vteam", shape=(10**6, 10**6))
    monkeypatch.setattr("spicesnn.crossbar.crossbar.available_bytes", lambda: None)
    monkeypatch.setattr("spicesnn.crossbar.crossbar._SMALL", 3)
    assert sn.Crossbar(device="vteam", shape=(2, 2)).shape == (2, 2)
    monkeypatch.setattr("spicesnn.crossbar.crossbar.available_bytes", lambda: 31)
    with pytest.raises(InputError, match="2 × 2 cells"):
        sn.Crossbar(device="vteam", shape=(2, 2))
