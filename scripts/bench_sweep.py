"""A sweep of 40 points on one worker and on two: how much of the time the second one saves, and
whether both leave the same table.

Each is a whole command, from the start of Python to the figure; a point is one epoch of all 60,000
images of MNIST at 10×10 and its test on all 10,000 (``--images 15000`` for short points: some three
seconds of each command are start and end). Each worker has one thread: a single worker that is left
alone shares large reads between all processors. The yardstick is what the machine gives: two
commands of one worker at the same time, half of the points each, without a scheduler; and a loop of
additions, which knows no memory, on one processor and on two at once. All take turns; prints their
times and the ratios of the medians."""

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
GRID = [
    "sweep",
    "mnist-10x10",
    "--over",
    "array.word_line_ohm=0:4.5:0.5",
    "--engine",
    "nodal",
    "--set",
    "training.epochs=1",
]
SEEDS = 4
ONE_THREAD = dict.fromkeys(
    ["SPICESNN_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1"
)


def timed(*extra: list[str]) -> float:
    """Run one sweep for each list of options, all at the same time, and return the time until the
    last has ended, seconds."""
    began = time.perf_counter()
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "spicesnn", *GRID, *options],
            stdout=subprocess.DEVNULL,
            env={**os.environ, **ONE_THREAD},
        )
        for options in extra
    ]
    codes = [process.wait() for process in running]
    if any(codes):
        sys.exit("a sweep failed")
    return time.perf_counter() - began


def loops(count: int) -> float:
    """Return the time of a loop of additions in `count` processes at once, seconds."""
    loop = "x = 0\nfor i in range(40_000_000): x += i"
    began = time.perf_counter()
    for process in [subprocess.Popen([sys.executable, "-c", loop]) for _ in range(count)]:
        process.wait()
    return time.perf_counter() - began


def rows(out: Path) -> list[dict[str, str]]:
    """Return the table without its times."""
    with (out / "sweep.csv").open(newline="", encoding="utf-8") as file:
        return [
            {name: value for name, value in row.items() if name != "wall_s"}
            for row in csv.DictReader(file)
        ]


def main() -> None:
    """Measure, print, and fail if the tables differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--images", type=int, default=60000)
    chosen = parser.parse_args()
    images = ["--set", f"data.train_limit={chosen.images}"]
    seconds: dict[str, list[float]] = {
        "one worker": [],
        "two workers": [],
        "two commands at once": [],
        "one loop": [],
        "two loops": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        one, two, *halves = (Path(folder) / name for name in ("one", "two", "half-a", "half-b"))
        for k in range(chosen.repeats):
            for out, count in ((one, 1), (two, 2)):
                options = ["--seeds", str(SEEDS), "--workers", str(count), "--out", f"{out}-{k}"]
                seconds["one worker" if count == 1 else "two workers"].append(
                    timed([*images, *options])
                )
            half = SEEDS // 2
            seconds["two commands at once"].append(
                timed(
                    *(
                        [
                            *images,
                            "--seeds",
                            str(half),
                            "--seed",
                            str(half * i),
                            "--out",
                            f"{out}-{k}",
                        ]
                        for i, out in enumerate(halves)
                    )
                )
            )
            seconds["one loop"].append(loops(1))
            seconds["two loops"].append(loops(2))
            print(
                ", ".join(f"{name} {times[-1]:.1f} s" for name, times in seconds.items()),
                flush=True,
            )
            if not rows(Path(f"{one}-{k}")) == rows(Path(f"{two}-{k}")) == rows(Path(f"{one}-0")):
                sys.exit("the tables differ")
    alone, pair, bare, loop, both = (statistics.median(times) for times in seconds.values())
    verdict = "ok" if pair <= BAR * alone else "missed"
    print(
        f"same table every time. Two workers take {pair / alone:.2f} of the time of one (at most"
        f" {BAR}: {verdict});"
    )
    print(
        f"two commands at once, half of the points each, {bare / alone:.2f}; a loop on each"
        f" processor {both / loop:.2f} of the time of one alone"
    )


if __name__ == "__main__":
    main()
