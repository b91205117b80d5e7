"""The lowest versions that pyproject.toml allows, installed and used: the bounds are what works,
not what was hoped.

    python scripts/lowest_versions.py FOLDER [--extras cluster,views] [--package WHEEL_OR_CHECKOUT]

FOLDER gets an environment in which every direct dependency has its lowest version (what those need
in turn is the newest that fits), and the runs of the commands that are tried in it. Ends with exit
code 1 at the first command that fails."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SMALL = ("--set", "training.updates=2")
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("devices",),
    ("doctor",),
    ("train", "letters-3x3", *SMALL, "--out", "run"),
    ("train", "letters-3x3", *SMALL, "--engine", "ngspice", "--no-figures", "--out", "run-ngspice"),
    ("train", "exsitu-xor", "--set", "exsitu.restarts=1", "--no-figures", "--out", "run-xor"),
    ("infer", "run"),
    ("report", "run", "run-ngspice", "--out", "reports"),
    ("netlist", "run", "--out", "decks"),
    ("iv", "vteam", "--engine", "both", "--out", "iv"),
    ("stdp-window", "vteam", "--engine", "nodal", "--out", "window"),
    ("study", "read-margin", "--out", "study"),
)
MORE = {
    "cluster": (
        (
            "sweep",
            "letters-3x3",
            *SMALL,
            "--over",
            "array.word_line_ohm=0,1",
            "--workers",
            "2",
            "--out",
            "swept",
        ),
    ),
    "views": (
        (
            "sweep",
            "letters-3x3",
            *SMALL,
            "--over",
            "array.word_line_ohm=0,1",
            "--parquet",
            "--out",
            "viewed",
        ),
    ),
}


def lowest(extras: tuple[str, ...] = ()) -> list[str]:
    """Return the direct dependencies, pinned to the lower bounds of pyproject.toml.

    Raises
    ------
    SystemExit
        A dependency without a lower bound.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(entry for extra in extras for entry in project["optional-dependencies"][extra]),
    ]
    pins = []
    for entry in wanted:
        match = re.fullmatch(
            r"([\w.\[\]-]+)\s*>=\s*([\w.]+)(,.*)?", entry.partition(";")[0].strip()
        )
        if match is None:
            raise SystemExit(f"{entry!r} has no lower bound; expected name>=version")
        pins.append(f"{match[1]}=={match[2]}")
    return pins


def tried(folder: Path, extras: tuple[str, ...], package: Path = ROOT) -> dict[str, str]:
    """Install and use the lowest versions; return what was installed, name → version."""
    environment = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    python = environment / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, *lowest(extras)], check=True)
    subprocess.run([*install, "--no-deps", str(package)], check=True)
    subprocess.run([str(python), "-m", "pip", "check"], check=True)
    work = folder / "work"
    work.mkdir()
    variables = {**os.environ, "MPLBACKEND": "Agg", "SPICESNN_DATA": str(ROOT / "data")}
    for command in (*COMMANDS, *(entry for extra in extras for entry in MORE.get(extra, ()))):
        done = subprocess.run(
            [str(environment / "bin" / "spicesnn"), *command],
            cwd=work,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
        print("ok  " if done.returncode == 0 else "FAIL", *command, flush=True)
        if done.returncode:
            raise SystemExit(done.stderr or done.stdout)
    listed = subprocess.run(
        [str(python), "-m", "pip", "list", "--format", "json"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return {entry["name"]: entry["version"] for entry in json.loads(listed)}


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--extras", default="cluster,views")
    parser.add_argument("--package", type=Path, default=ROOT)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    found = tried(
        given.folder.resolve(), tuple(filter(None, given.extras.split(","))), given.package
    )
    print(", ".join(f"{name} {version}" for name, version in sorted(found.items())))


if __name__ == "__main__":
    main()
