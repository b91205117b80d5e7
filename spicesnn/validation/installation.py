"""What is installed, what is missing and what to do about it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from spicesnn._version import __version__
from spicesnn.datasets import mnist
from spicesnn.engines.ngspice.library import TESTED
from spicesnn.errors import DataError, NgspiceMissingError, SpicesnnError
from spicesnn.jit import LEAST_FREE, kept_in
from spicesnn.paths import caches_dir, free_bytes, models_dir, netlists_dir, presets_dir, writable
from spicesnn.platform import cores

PACKAGES = (
    "numpy",
    "scipy",
    "numba",
    "matplotlib",
    "pillow",
    "PySpice",
    "typer",
    "rich",
    "jinja2",
    "threadpoolctl",
    "psutil",
)
OPTIONAL = (
    "distributed",
    "cryptography",
    "pandas",
    "pyarrow",
    "xarray",
    "h5py",
    "scikit-learn",
    "python-calamine",
)
_LEAST_FREE = 100 * 2**20
"""What the temporary folder should have left, bytes."""
_TESTED = ", ".join(map(str, TESTED))
_PROGRAM_S = 20.0
"""How long a program may take to say its version."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    name : str
    ok : bool
    found : str
        What is there.
    advice : str
        What to do about it; empty if nothing need be done.
    required : bool
        Whether spicesnn as a whole is held not to work without it.
    """

    name: str
    ok: bool
    found: str
    advice: str = ""
    required: bool = True


def python_and_packages() -> list[Check]:
    """Look at Python and the packages that spicesnn builds on."""
    here = platform.python_version()
    new_enough = sys.version_info >= (3, 11)
    checks = [
        Check(
            name="python",
            ok=new_enough,
            found=f"{here}, spicesnn {__version__}",
            advice="" if new_enough else "use 3.11 or newer",
        )
    ]
    for package in (*PACKAGES, *OPTIONAL):
        required = package in PACKAGES
        try:
            checks.append(
                Check(
                    name=package,
                    ok=True,
                    found=importlib.metadata.version(package),
                    required=required,
                )
            )
        except importlib.metadata.PackageNotFoundError:
            advice = (
                f"pip install {package}" if required else f"only for extras: pip install {package}"
            )
            checks.append(
                Check(name=package, ok=False, found="absent", advice=advice, required=required)
            )
    return checks


def threads() -> Check:
    """Look at the processors this process may use."""
    usable = cores()
    limit = os.environ.get("NUMBA_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS")
    return Check(
        name="threads",
        ok=True,
        found=f"{usable} processors"
        + (f", limited to {limit} by the environment" if limit else ""),
    )


def files() -> Check:
    """Look at the models, netlists and presets that travel with the package."""
    counts = {
        "models": len(list(models_dir().glob("*.lib"))),
        "netlists": len([p for p in netlists_dir().rglob("*") if p.is_file()]),
        "presets": len(list(presets_dir().glob("*.toml"))),
    }
    found = ", ".join(f"{count} {name}" for name, count in counts.items())
    ok = counts["models"] > 0 and counts["presets"] > 0
    advice = (
        "" if ok else f"the installation is incomplete ({models_dir()}): install spicesnn again"
    )
    return Check(name="package files", ok=ok, found=found, advice=advice)


def data(*, download: bool = False) -> tuple[Check, dict[str, Any]]:
    """Look for MNIST and check it; fetch it first if asked to and it is nowhere."""
    try:
        digits = mnist.load(download=download)
    except DataError as error:
        place = mnist.find()
        state = {"mnist": None if place is None else str(place), "ok": False, "problem": str(error)}
        return (
            Check(
                name="MNIST",
                ok=False,
                found="absent" if place is None else "damaged",
                advice=str(error),
                required=False,
            ),
            state,
        )
    return Check(name="MNIST", ok=True, found=f"{digits.source}, all four sums right"), {
        "mnist": str(digits.source),
        "ok": True,
    }


def ngspice() -> tuple[Check, dict[str, Any]]:
    """Find libngspice, and have it solve a circuit whose answer is known."""
    program = shutil.which("ngspice")
    try:
        from spicesnn.validation.probe import probe_ngspice

        state = probe_ngspice()
    except SpicesnnError as error:
        message, found = (
            str(error),
            "absent" if isinstance(error, NgspiceMissingError) else "does not work",
        )
        return Check(name="ngspice", ok=False, found=found, advice=message), {
            "ok": False,
            "program": program,
            "problem": message,
        }
    state |= {"program": program}
    found = (
        f"{state['version'] or 'of unknown version'}, solver {state['solver']}, {state['library']}"
    )
    old = (
        f"none of the versions that everything is tested with ({_TESTED}): compare it with the"
        " nodal engine by `spicesnn validate`"
    )
    return (
        Check(
            name="ngspice",
            ok=bool(state["ok"]),
            found=found,
            advice=str(state.get("problem", old if state["untested"] else "")),
        ),
        state,
    )


def ngspice_program() -> Check:
    """Look for the program, which runs decks that are one transient; reads and pulses need only the
    library."""
    program = shutil.which("ngspice")
    if program is None:
        advice = (
            "only whole decks need it (`spicesnn netlist`, spicesnn.training.one_transient): apt"
            " install ngspice, or brew install ngspice"
        )
        return Check(
            name="ngspice program", ok=False, found="absent", advice=advice, required=False
        )
    try:
        done = subprocess.run(
            [program, "--version"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_PROGRAM_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        why = (
            f"gave no answer within {_PROGRAM_S:g} s"
            if isinstance(error, subprocess.TimeoutExpired)
            else str(error.strerror)
        )
        return Check(
            name="ngspice program",
            ok=False,
            found=f"{program} {why}",
            advice="install ngspice again, or put a working one on PATH first",
            required=False,
        )
    version = re.search(rb"ngspice-(\d+)", done.stdout + done.stderr)
    if done.returncode != 0 or version is None:
        return Check(
            name="ngspice program",
            ok=False,
            found=f"{program} ends with exit code {done.returncode} and no version",
            advice="install ngspice again, or put a working one on PATH first",
            required=False,
        )
    number = int(version.group(1))
    advice = (
        ""
        if number in TESTED
        else f"none of the versions that everything is tested with ({_TESTED})"
    )
    return Check(
        name="ngspice program", ok=True, found=f"{number}, {program}", advice=advice, required=False
    )


def writable_folders() -> list[Check]:
    """Look whether results, downloads, compiled code, fonts and decks can be written."""
    return [
        _folder(
            "working folder", Path.cwd, "results go to ./runs there: give --out, or work elsewhere"
        ),
        _folder(
            "cache folder",
            mnist.cache_dir,
            "only downloads need it: set XDG_CACHE_HOME to a folder that can be written",
        ),
        _folder(
            "fonts",
            _matplotlib_folder,
            "every start of a figure searches for fonts again: set MPLCONFIGDIR to a folder that"
            " can be written",
        ),
        _compiled_code(),
        _temporary(),
    ]


def _folder(name: str, where: Callable[[], Path], advice: str) -> Check:
    """Look at a folder that spicesnn works without."""
    try:
        folder = where()
    except OSError as error:
        return Check(
            name=name,
            ok=False,
            found=f"none: {error.strerror or error}",
            advice=advice,
            required=False,
        )
    if not writable(folder):
        return Check(
            name=name, ok=False, found=f"{folder} cannot be written", advice=advice, required=False
        )
    free = free_bytes(folder)
    ok = free >= LEAST_FREE
    return Check(
        name=name,
        ok=ok,
        found=str(folder) if ok else f"{folder}, {free / 2**20:.1f} MiB free",
        advice="" if ok else advice,
        required=False,
    )


def _matplotlib_folder() -> Path:
    """Return where matplotlib keeps what it knows of fonts (asking it takes a second, and makes the
    folder)."""
    given = os.environ.get("MPLCONFIGDIR")
    if given or sys.platform == "darwin":
        return Path(given or Path(os.path.expanduser("~")) / ".matplotlib")  # noqa: PTH111 (Path.expanduser raises where there is no home)
    return caches_dir() / "matplotlib"


def _compiled_code() -> Check:
    """Look where numba keeps machine code."""
    kept = kept_in(presets_dir().parent)
    advice = (
        ""
        if kept
        else (
            "every start compiles again, some 20 s: set NUMBA_CACHE_DIR to a folder that can be"
            " written and has room"
        )
    )
    return Check(
        name="compiled code",
        ok=kept is not None,
        found=f"kept in {kept}" if kept else "nowhere to keep it",
        advice=advice,
        required=False,
    )


def _temporary() -> Check:
    """Look at the folder that decks and ngspice's output go through."""
    try:
        folder = Path(tempfile.gettempdir())
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check(
            name="temporary folder",
            ok=False,
            found="none",
            advice=f"{error.strerror or error}: set TMPDIR to a folder that can be written",
        )
    enough = free >= _LEAST_FREE
    advice = (
        ""
        if enough
        else (
            f"ngspice needs some {_LEAST_FREE // 2**20} MiB there: free some, or set TMPDIR to"
            " another folder"
        )
    )
    return Check(
        name="temporary folder",
        ok=enough,
        found=f"{folder}, {free / 2**30:.1f} GiB free",
        advice=advice,
    )


@dataclass(frozen=True, kw_only=True)
class Examination:
    """Everything that was looked at.

    Attributes
    ----------
    checks : tuple of Check
    ngspice, data : dict
        What was found of each, as plain values.
    ok : bool
        Whether all that is required is there.
    """

    checks: tuple[Check, ...]
    ngspice: dict[str, Any]
    data: dict[str, Any]
    ok: bool

    @property
    def exit_code(self) -> int:
        """0 if all is well, 3 if ngspice is what is missing, 1 otherwise."""
        if self.ok:
            return 0
        return (
            3
            if not self.ngspice.get("ok")
            and all(c.ok for c in self.checks if c.required and c.name != "ngspice")
            else 1
        )

    def describe(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "ok": self.ok,
            "ngspice": self.ngspice,
            "data": self.data,
            "checks": [asdict(check) for check in self.checks],
        }


def examine(*, need_ngspice: bool = True, download: bool = False) -> Examination:
    """Look at everything; `need_ngspice` says whether its absence is a fault."""
    ngspice_check, ngspice_state = ngspice()
    data_check, data_state = data(download=download)
    ngspice_check = replace(ngspice_check, required=need_ngspice)
    checks = (
        *python_and_packages(),
        threads(),
        files(),
        ngspice_check,
        ngspice_program(),
        data_check,
        *writable_folders(),
    )
    damaged = data_state.get("mnist") is not None and not data_check.ok
    ok = all(check.ok for check in checks if check.required) and not damaged
    return Examination(checks=checks, ngspice=ngspice_state, data=data_state, ok=ok)
