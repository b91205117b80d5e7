"""A sweep of 40 points on one worker and on two: how much of the time the second one saves, and whether both leave the same table.

Each is a whole command, from its start to its table, its points 15,000 images of MNIST at 10×10 each, and each worker has one thread: a single worker
that is left alone shares large reads between all processors. Prints both times and their ratio.
"""

import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BAR = 0.6
GRID = ["sweep", "mnist-10x10", "--over", "array.word_line_ohm=0:4.5:0.5", "--seeds", "4", "--engine", "nodal", "--set", "training.epochs=1"]
GRID += ["--set", "data.train_limit=15000", "--set", "data.test_limit=1000"]


def timed(out: Path, workers: int) -> float:
    """Run the sweep and return its time, seconds."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "spicesnn", *GRID, "--workers", str(workers), "--out", str(out)]
    one = dict.fromkeys(["SPICESNN_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1")
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **one})
    return time.perf_counter() - began


def rows(out: Path) -> list[dict[str, str]]:
    """Return the table without its times."""
    with (out / "sweep.csv").open(newline="", encoding="utf-8") as file:
        return [{name: value for name, value in row.items() if name != "wall_s"} for row in csv.DictReader(file)]


def main() -> None:
    """Measure, print, and fail if the tables differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=1)
    repeats = parser.parse_args().repeats
    seconds: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        for k in range(repeats):
            for workers in seconds:
                out = Path(folder) / f"{workers}-{k}"
                seconds[workers].append(timed(out, workers))
                same = rows(out) == rows(Path(folder) / "1-0")
                print(f"{workers} worker{'s' * (workers > 1)}: {seconds[workers][-1]:.1f} s, {len(rows(out))} points, same table: {same}")
                if not same:
                    sys.exit("the tables differ")
    ratio = statistics.median(seconds[2]) / statistics.median(seconds[1])
    print(f"two workers take {ratio:.2f} of the time of one (at most {BAR}: {'ok' if ratio <= BAR else 'missed'})")


if __name__ == "__main__":
    main()
