"""The first read of an installation compiles the kernels once, says so, and keeps them on disk; the
import loads none of that."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from numba import njit

from spicesnn import jit

READ = """
import numpy as np
import spicesnn as sn
print(sn.NodalEngine().read(sn.Crossbar(conductance=np.full((8, 8), 1e-4)), np.ones(8)).column_amps[0])
"""


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | environment,
    )


@pytest.mark.slow
def test_the_first_read_tells_that_it_compiles_and_the_second_has_nothing_to_compile(
    tmp_path: Path,
) -> None:
    first = run(READ, NUMBA_CACHE_DIR=str(tmp_path))
    assert first.stderr.startswith(
        "spicesnn: compiling the line solver; the result is kept for later runs (about 20 s)"
    )
    kept = sorted(path.name for path in tmp_path.rglob("*.nbc"))
    again = run(READ, NUMBA_CACHE_DIR=str(tmp_path))
    assert again.stderr == ""
    assert again.stdout == first.stdout
    assert sorted(path.name for path in tmp_path.rglob("*.nbc")) == kept
    assert any(name.startswith("line_cg.solve_many") for name in kept)


def test_the_import_loads_no_compiler_and_no_solver() -> None:
    heavy = "numba", "scipy", "matplotlib", "PySpice"
    done = run(f"import sys, spicesnn\nprint([name for name in {heavy!r} if name in sys.modules])")
    assert done.stdout.strip() == "[]"


def test_a_slow_start_that_compiles_nothing_does_not_speak_of_compiling(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jit, "PATIENCE_S", 0.01)
    with jit.compiling("nothing"):
        time.sleep(0.1)
    assert capfd.readouterr().err == ""


def test_what_compiles_for_longer_than_one_waits_is_said(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jit, "PATIENCE_S", 0.0)
    with jit.compiling("a sum"):
        assert njit(lambda x: x + 1.0)(1.0) == 2.0
        time.sleep(0.1)
    assert (
        capfd.readouterr().err
        == "spicesnn: compiling a sum; the result is kept for later runs (about 20 s) …\n"
    )
