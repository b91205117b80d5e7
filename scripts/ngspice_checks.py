"""What holds with the ngspice that is found: `validate`, the IV curve of every device, every preset
trained short, the conformance suite.

    python scripts/ngspice_checks.py
    scripts/other_debian.sh sid 'source scripts/setup.sh; "$PYTHON" scripts/ngspice_checks.py'

A line each, and what failed by name below it; the exit code is 1 if anything did. Presets whose
arrays are solved while they learn are trained by ngspice, at the settings below; the others have it
read a tile where they say so."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

import spicesnn as sn
from spicesnn.devices import registry
from spicesnn.errors import SpicesnnError
from spicesnn.training import load, preset_names, train
from spicesnn.validation.suite import validate

ROOT = Path(__file__).resolve().parents[1]
SHORT: dict[str, dict[str, Any]] = tomllib.loads(
    (ROOT / "tests" / "matrix" / "short_presets.toml").read_text(encoding="utf-8")
)
"""Preset → what makes it short."""


def said(
    what: str, done: int, total: int, began: float, more: str = "", failed: list[str] | None = None
) -> bool:
    """Print a line, and what failed; return whether nothing did."""
    print(f"{what}: {done} of {total}{more}, {time.perf_counter() - began:.0f} s", flush=True)
    for line in failed or ():
        print(f"  NOT: {line}", flush=True)
    return done == total


def validation() -> bool:
    """Run `validate` and say how many of its cases hold, and of those the IV curves of devices."""
    began = time.perf_counter()
    table = validate()
    bad = [
        f"{case.case}, {case.quantity}: {case.error} (allowed {case.tolerance:g}) {case.note}"
        for case in table.cases
        if not case.ok
    ]
    names = registry.names()
    curves = {name: [case for case in table.cases if case.case == f"iv {name}"] for name in names}
    held = {
        name: max(case.error or 0.0 for case in cases)
        for name, cases in curves.items()
        if cases and all(case.ok for case in cases)
    }
    worst = max(held, key=lambda name: held[name], default="")
    first = said("validate", len(table.cases) - len(bad), len(table.cases), began, " cases", bad)
    more = (
        f" devices, engines at most {held[worst]:.1e} of the peak apart ({worst})" if held else ""
    )
    return said("iv", len(held), len(names), began, more, sorted(set(names) - set(held))) and first


def presets() -> bool:
    """Train every preset for a moment on ngspice."""
    began, failed = time.perf_counter(), []
    for name in preset_names():
        with tempfile.TemporaryDirectory() as folder, sn.NgspiceEngine() as engine:
            try:
                train(load(name, SHORT[name]), engine=engine, out=Path(folder) / "run", rng_seed=3)
            except SpicesnnError as error:
                failed.append(f"{name}: {str(error).splitlines()[0][:200]}")
    return said(
        "presets trained short",
        len(preset_names()) - len(failed),
        len(preset_names()),
        began,
        "",
        failed,
    )


def conformance() -> bool:
    """Run the tests of the engine contract on both engines."""
    began = time.perf_counter()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-o",
            "addopts=",
            "-m",
            "not slow",
            "-p",
            "no:cacheprovider",
            "tests/engines/conformance",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    counts = {
        word: int(number)
        for number, word in re.findall(r"(\d+) (passed|failed|errors?)", done.stdout[-500:])
    }
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return said(
        "conformance suite",
        counts.get("passed", 0),
        sum(counts.values()) or 1,
        began,
        " tests",
        failed,
    )


def main() -> int:
    """Print every line."""
    with sn.NgspiceEngine() as engine:
        engine.read(sn.Crossbar(conductance=[[1e-4]]), [0.1])
        library = engine.library()
    release = platform.freedesktop_os_release() if Path("/etc/os-release").exists() else {}
    where = f"{release.get('ID', platform.system())} {release.get('VERSION_CODENAME', '')}".strip()
    solver = "KLU" if library.klu else "Sparse 1.3"
    print(
        f"ngspice {library.version}, {solver}; {where}, Python {platform.python_version()}, NumPy"
        f" {np.__version__}",
        flush=True,
    )
    return 0 if all([validation(), presets(), conformance()]) else 1


if __name__ == "__main__":
    sys.exit(main())
