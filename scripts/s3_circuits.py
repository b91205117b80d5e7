"""Train and infer the experiments of "In-situ memristive learning" (Electronics 13, 4665, 2024) as
whole circuits in ngspice.

Each is trained in one transient and inferred from the states it left; first spikes are scored by
time, a tie is wrong. Prints one line an experiment and, with --json, one object: correct, total,
seconds, peak memory of ngspice, and the distance to the Python twins."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from spicesnn.training.one_transient import Inferred, Task, Trained, infer, task, train

SEED_SECONDS, SEED_MEGABYTES = 170.0, 1024.0
"""What the original took to train MNIST 10x10 (SEEDS S3)."""


MEASURE = """
import os, sys
folder = sys.argv[1]
log = os.open(folder + "/log", os.O_WRONLY | os.O_CREAT)
quiet = [(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
child = os.posix_spawnp("ngspice", ["ngspice", "-n", "-b", "-r", folder + "/deck.raw", folder + "/deck.cir"], os.environ, file_actions=quiet)
_, status, usage = os.wait4(child, 0)
print(status, usage.ru_maxrss, usage.ru_utime + usage.ru_stime)
"""
"""A child's peak memory starts at its parent's: a bare interpreter of 10 MB starts ngspice, not
this process with its images."""


def alone(deck_text: str) -> tuple[float, float]:
    """Run a deck once more and return the peak memory of ngspice alone, megabytes, and its
    processor seconds."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "deck.cir").write_text(deck_text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", MEASURE, folder],
            capture_output=True,
            text=True,
            check=True,
        )
    status, peak, seconds = done.stdout.split()
    if status != "0":
        sys.exit(f"ngspice ended with status {status}")
    return float(peak) / (1024.0 * 1024.0 if sys.platform == "darwin" else 1024.0), float(seconds)


def summary(job: Task, trained: Trained, answered: Inferred) -> dict[str, object]:
    """Return the figures of one experiment."""
    spiked = np.isfinite(answered.first_spike_s)
    same = bool(np.array_equal(spiked, np.isfinite(answered.twin_first_spike_s)))
    gap = float(
        np.max(np.abs(answered.first_spike_s[spiked] - answered.twin_first_spike_s[spiked]))
    )
    return {
        "task": job.name,
        "correct": int(np.sum(answered.predicted == np.arange(len(job.inputs)))),
        "total": len(job.inputs),
        "train_s": round(trained.wall_s, 2),
        "train_points": trained.points,
        "infer_s": round(answered.wall_s, 2),
        "infer_points": answered.points,
        "state_error_volts": round(trained.largest_error_volts, 4),
        "same_neurons_as_twin": same,
        "spike_time_error_s": gap,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", default=["xpue", "digits-3x5", "mnist-10x10"])
    parser.add_argument(
        "--memory",
        action="store_true",
        help="run the training deck once more to measure ngspice's peak memory",
    )
    parser.add_argument("--decks", type=Path, help="write the decks here")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = []
    for name in given.tasks:
        job = task(name)
        trained = train(job)
        answered = infer(job, trained)
        line = summary(job, trained, answered)
        if given.memory:
            peak, seconds = alone(trained.deck.text)
            line |= {"train_peak_megabytes": round(peak, 1), "train_cpu_s": round(seconds, 2)}
        if given.decks is not None:
            given.decks.mkdir(parents=True, exist_ok=True)
            (given.decks / f"{name}-train.cir").write_text(trained.deck.text, encoding="utf-8")
            (given.decks / f"{name}-infer.cir").write_text(answered.deck.text, encoding="utf-8")
        found.append(line)
        if not given.json:
            print("  ".join(f"{key} {value}" for key, value in line.items()), flush=True)
    if given.json:
        print(
            json.dumps(
                {
                    "experiments": found,
                    "seed_mnist_train_s": SEED_SECONDS,
                    "seed_mnist_megabytes": SEED_MEGABYTES,
                }
            )
        )
    sys.exit(0 if all(line["correct"] == line["total"] for line in found) else 1)


if __name__ == "__main__":
    main()
