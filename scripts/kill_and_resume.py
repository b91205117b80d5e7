"""Kill -9 training runs and a sweep at random moments, go on with each, and compare what they end
with to an unbroken run, bit for bit.

    python scripts/kill_and_resume.py [--preset letters-3x3 …] [--kills 25] [--seed 1] [--set
    training.updates=10 …]

The real command is started in a process group of its own; the whole group is killed at a moment
drawn from the length of an unbroken run (every other time the kill then waits for a file that is
being saved), and the command is given again, with --resume. What comes to its end before its kill
is compared and begun anew. In the end all of them must agree with the unbroken run: every array of
state.npz, history.npz (which holds the figures' data) and weights.npz, and metrics.json; of a sweep
its table; times excepted. No process may outlive a kill. Prints one line a preset, and exits with 1
if one differs. Reads /proc, so it needs Linux. All of them at 25 kills take some fifteen minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

CASES: dict[str, list[str]] = {
    "letters-3x3": [
        "train",
        "letters-3x3",
        "--engine",
        "ngspice",
        "training.updates=30",
        "training.epochs=30",
        "training.stop_when_right=false",
        "training.checkpoint_s=0",
    ],
    "mnist-10x10": [
        "train",
        "mnist-10x10",
        "--engine",
        "nodal",
        "data.train_limit=2000",
        "data.test_limit=500",
        "training.batch=200",
        "training.epochs=3",
        "training.checkpoint_s=0",
    ],
    "stdp-mnist": [
        "train",
        "stdp-mnist",
        "data.train_limit=6000",
        "data.test_limit=300",
        "training.chunk=200",
        "population.neurons.neurons=60",
        "imperfections.stuck_off=0.01",
        "imperfections.read_noise=0.05",
    ],
    "bp-mnist": [
        "train",
        "bp-mnist",
        "data.train_limit=6000",
        "data.test_limit=300",
        "training.chunk=200",
        "population.hidden.neurons=100",
        "training.epochs=1",
        "imperfections.cycle_to_cycle=0.05",
    ],
    "deep-mnist": [
        "train",
        "deep-mnist",
        "data.train_limit=3000",
        "data.test_limit=300",
        "training.epochs=2",
        "training.chunk=500",
        "population.first.neurons=60",
        "population.second.neurons=30",
        "training.tuning_epochs=2",
        "array.word_line_ohm=1",
        "array.bit_line_ohm=1",
        "imperfections.conductance_spread=0.1",
    ],
    "sweep": [
        "sweep",
        "letters-3x3",
        "--over",
        "array.word_line_ohm=0:5:0.5",
        "--seeds",
        "4",
        "--engine",
        "nodal",
        "--workers",
        "2",
    ],
}
"""Name → command; what has a "=" and no option before it is a --set."""
TIMES = {"wall_s", "total_wall_s", "run", "training_ms_an_image"}
"""What two equal runs may differ in."""
PATIENCE_S = 600.0
POLL_S = 0.0005


def command(case: str, settings: list[str], seed: int) -> list[str]:
    """Return the command of a case, without its folder."""
    given, words = CASES[case], list[str]()
    for before, word in zip(["", *given], given, strict=False):
        words += ["--set", word] if "=" in word and not before.startswith("--") else [word]
    words += ["--no-figures"] if given[0] == "train" else []
    return [*words, *(part for text in settings for part in ("--set", text)), "--seed", str(seed)]


def started(words: list[str], out: Path) -> subprocess.Popen[str]:
    """Start the command as a process group of its own; where there is a run already, it goes on."""
    resumed = ["--resume"] if words[0] == "train" and (out / "run.toml").exists() else []
    call = [sys.executable, "-m", "spicesnn", *words, "--out", str(out), *resumed]
    return subprocess.Popen(
        call, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True, text=True
    )


def finished(process: subprocess.Popen[str]) -> None:
    """Wait for a command; leave with what it says if it fails."""
    _, said = process.communicate(timeout=PATIENCE_S)
    if process.returncode:
        sys.exit(f"exit code {process.returncode}: {said}")


# -- what a run ends with -------------------------------------------------------------------------


def end_of(out: Path) -> dict[str, Any]:
    """Return everything a finished run or sweep has left, but times: name → (dtype, shape, bytes)
    of an array, or a plain value."""
    if (out / "sweep.csv").exists():
        with (out / "sweep.csv").open(newline="", encoding="utf-8") as file:
            return {
                f"row {k}": {name: text for name, text in row.items() if name not in TIMES}
                for k, row in enumerate(csv.DictReader(file))
            }
    found = {
        f"metrics.json {name}": value
        for name, value in json.loads((out / "metrics.json").read_text()).items()
        if name not in TIMES
    }
    for file in sorted(path for path in out.glob("*.npz") if "-before" not in path.name):
        with np.load(file) as stored:
            arrays = {
                f"{file.name} {name}": stored[name] for name in stored.files if name not in TIMES
            }
        found |= {
            name: (array.dtype.str, array.shape, array.tobytes()) for name, array in arrays.items()
        }
    return found


def differences(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """Return the names of what is not the same, bit for bit."""
    return sorted(
        name
        for name in first.keys() | second.keys()
        if name not in first or name not in second or first[name] != second[name]
    )


# -- kills ----------------------------------------------------------------------------------------


def _stat(pid: int) -> tuple[str, int]:
    """Return state and parent of a process; ("", 0) where there is none."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", 0
    return words[0], int(words[1])


def descendants(pid: int) -> list[int]:
    """Return the processes below one, however deep."""
    parents = {
        int(entry.name): _stat(int(entry.name))[1]
        for entry in Path("/proc").iterdir()
        if entry.name.isdecimal()
    }
    found, below = list[int](), {pid}
    while below:
        below = {child for child, parent in parents.items() if parent in below}
        found += below
    return found


def saving(out: Path) -> Iterator[Path]:
    """Yield the files that are being written."""
    for folder in (out, out / "points"):
        if folder.is_dir():
            yield from folder.glob(".*.part")


def where(process: subprocess.Popen[str], out: Path, below: list[int]) -> str:
    """Return what a process is at: saving a file, waiting for workers that compute, or something
    else."""
    if any(saving(out)):
        return "in a save"
    if any(_stat(pid)[0] == "R" for pid in below):
        return "while a worker computed"
    return (
        "elsewhere"
        if (out / "log.txt").exists() or (out / "points").exists()
        else "before the first file"
    )


def killed(process: subprocess.Popen[str], out: Path) -> tuple[str, int]:
    """Kill a process and its group; return what it was at, and how many of its workers are still
    there ten seconds later."""
    below = descendants(process.pid)
    moment = where(process, out, below)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    until = time.monotonic() + 10.0
    while (
        alive := [pid for pid in below if _stat(pid)[0] not in ("", "Z")]
    ) and time.monotonic() < until:
        time.sleep(0.02)
    return moment, len(alive)


def reached(process: subprocess.Popen[str], out: Path, seconds: float, *, in_save: bool) -> bool:
    """Wait so long, and then, if wanted, for a file that is being saved; return whether the process
    still runs."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=seconds)
    while in_save and process.poll() is None and not any(saving(out)):
        time.sleep(POLL_S)
    return process.poll() is None


# -- the experiment -------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Outcome:
    """What came of one case."""

    case: str
    moments: Counter[str] = field(default_factory=Counter)
    ends: int = 0
    things: int = 0
    survivors: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every end was the unbroken run's, and nothing outlived a kill."""
        return not self.wrong and not self.survivors

    def line(self) -> str:
        """Return the outcome in one line."""
        where = ", ".join(f"{count} {moment}" for moment, count in sorted(self.moments.items()))
        said = (
            f"{self.case:12s} {sum(self.moments.values())} kills ({where}); {self.ends} ends, each"
            f" of {self.things} arrays and numbers: "
        )
        if self.survivors:
            return f"{said}{self.survivors} PROCESSES OUTLIVED THE KILLS"
        return said + (
            f"DIFFERENT in {', '.join(self.wrong[:6])}"
            if self.wrong
            else "bit-identical to the unbroken run"
        )


def examined(case: str, kills: int, seed: int, settings: list[str], folder: Path) -> Outcome:
    """Run a case unbroken, then with so many kills, and compare every end."""
    words, whole, out = command(case, settings, seed), folder / "whole", folder / "killed"
    began = time.monotonic()
    finished(started(words, whole))
    seconds, expected = time.monotonic() - began, end_of(whole)
    outcome, rng = Outcome(case=case, things=len(expected)), random.Random(f"{case} {seed}")

    def compare() -> None:
        outcome.ends += 1
        outcome.wrong += [
            name for name in differences(expected, end_of(out)) if name not in outcome.wrong
        ]

    while (count := outcome.moments.total()) < kills:
        began, fresh = time.monotonic(), not out.exists()
        process = started(words, out)
        if reached(process, out, rng.uniform(0.0, seconds), in_save=count % 2 == 1):
            moment, survivors = killed(process, out)
            outcome.moments[moment] += 1
            outcome.survivors += survivors
        else:
            finished(process)
            compare()
            shutil.rmtree(out)
            seconds = (
                min(seconds, time.monotonic() - began) if fresh else seconds
            )  # the first one may have compiled what the others load
    finished(started(words, out))
    compare()
    return outcome


def main(cases: list[str], kills: int, seed: int, settings: list[str]) -> list[Outcome]:
    """Examine the cases and print a line for each."""
    outcomes = []
    for case in cases:
        with tempfile.TemporaryDirectory(prefix="kill-and-resume-") as folder:
            outcomes.append(examined(case, kills, seed, settings, Path(folder)))
        print(outcomes[-1].line(), flush=True)
    return outcomes


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--preset", action="append", choices=list(CASES), help="which case; all of them if left out"
    )
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1, help="of the runs and of the moments")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="A.B=VALUE",
        help="change a setting of the cases",
    )
    chosen = parser.parse_args()
    sys.exit(
        0
        if all(
            one.ok
            for one in main(chosen.preset or list(CASES), chosen.kills, chosen.seed, chosen.set)
        )
        else 1
    )
