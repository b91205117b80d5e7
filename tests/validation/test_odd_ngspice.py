"""An ngspice that is old, nameless, hangs or dies, and one that cannot be reached: what the engine
and `doctor` say of each."""

import ctypes.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from spicesnn.engines.ngspice import library, session
from spicesnn.validation import installation, probe

SOURCE = Path(__file__).with_name("odd_ngspice.c")


@pytest.fixture(scope="module")
def odd_library(tmp_path_factory):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler on this machine")
    made = tmp_path_factory.mktemp("odd") / "libngspice.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-w", "-o", str(made), str(SOURCE), "-ldl"], check=True
    )
    return made


@pytest.fixture
def odd(odd_library, monkeypatch):
    """Return a function that puts an odd ngspice in place of the real one."""
    monkeypatch.setenv("REAL_NGSPICE", ctypes.util.find_library("ngspice") or "libngspice.so.0")
    monkeypatch.setenv(library.VARIABLE, str(odd_library))
    # A worker's environment is its own: the shim's two variables are let through.
    monkeypatch.setattr(session, "_KEPT", (*session._KEPT, "REAL_NGSPICE", "ODD_NGSPICE"))
    return lambda how: monkeypatch.setenv("ODD_NGSPICE", how)


def test_an_ordinary_one_through_the_shim(odd):
    odd("")
    check, state = installation.ngspice()
    assert (check.ok, check.advice, state["untested"]) == (True, "", False)


@pytest.mark.parametrize(
    ("how", "found"), [("old", "26, solver"), ("nameless", "of unknown version, solver")]
)
def test_an_old_one_works_and_is_said_to_be_old(odd, how, found):
    odd(how)
    check, state = installation.ngspice()
    assert (check.ok, state["untested"]) == (True, True)
    assert check.found.startswith(found)
    assert "none of the versions that everything is tested with (39, 44, 46, 47)" in check.advice
    assert "spicesnn validate" in check.advice


@pytest.mark.parametrize(
    ("how", "found", "said"),
    [
        ("hangs at start", "does not work", r"did not start within 1 s"),
        (
            "dies at start",
            "does not work",
            r"was killed while it started \(killed by signal 11, SIGSEGV\)",
        ),
        ("hangs", "does not work", r"did not finish within 1 s"),
        ("dies", "does not work", r"died \(killed by signal 9, SIGKILL\)"),
    ],
)
def test_one_that_does_not_work_says_how(odd, monkeypatch, how, found, said):
    odd(how)
    monkeypatch.setattr(session, "START_TIMEOUT_S", 1.0 if how == "hangs at start" else 60.0)
    monkeypatch.setattr(probe, "_PATIENCE_S", 1.0)
    check, state = installation.ngspice()
    assert (check.ok, state["ok"], check.found) == (False, False, found)
    assert re.search(said, state["problem"])
    assert check.advice == state["problem"]


def test_without_pyspice_it_cannot_be_reached(monkeypatch):
    monkeypatch.setattr(session, "find_spec", lambda name: None)
    check, _ = installation.ngspice()
    assert check.found == "does not work"
    assert "through PySpice, which is not installed: pip install PySpice" in check.advice


PROGRAMS = {
    "echo '** ngspice-26 : Circuit level simulation program'": (
        True,
        "26, ",
        "none of the versions",
    ),
    "echo '** ngspice-45 : Circuit level simulation program'": (
        True,
        "45, ",
        "none of the versions",
    ),
    "sleep 60": (False, "gave no answer within 0.5 s", "install ngspice again"),
    "kill -9 $$": (False, "ends with exit code -9 and no version", "install ngspice again"),
    "exit 3": (False, "ends with exit code 3 and no version", "install ngspice again"),
}


@pytest.mark.parametrize("script", list(PROGRAMS))
def test_the_program_is_asked_its_version(script, tmp_path, monkeypatch):
    program = tmp_path / "ngspice"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(program))
    monkeypatch.setattr(installation, "_PROGRAM_S", 0.5)
    ok, found, advice = PROGRAMS[script]
    check = installation.ngspice_program()
    assert (check.ok, check.required) == (ok, False)
    assert found in check.found
    assert advice in check.advice
    assert bool(advice) == bool(check.advice)


def test_a_program_that_is_absent_or_no_program(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert installation.ngspice_program().found == "absent"
    (tmp_path / "ngspice").write_text("no program")
    (tmp_path / "ngspice").chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(tmp_path / "ngspice"))
    assert "Exec format error" in installation.ngspice_program().found
