"""Letters learnt without labels, by overlapping spikes: on how many seeds every letter gets a
neuron of its own.

python scripts/letters_stdp.py [--starts 20] [--engine nodal|ngspice] [--out
runs/letters-stdp-study] [--set key=value …]"""

from __future__ import annotations

import argparse
from pathlib import Path

from spicesnn.training import kept_starts, load, make_engine, train_starts


def main(starts: int, engine: str, out: Path, settings: list[str]) -> tuple[int, int]:
    """Return on how many seeds every letter is answered by its own neuron, of how many."""
    with make_engine(engine) as solver:
        summary = train_starts(
            load("letters-stdp", settings), engine=solver, starts=starts, out=out
        )
    right = int((kept_starts(summary.run)["test_accuracy"] == 1).sum())
    print(
        f"{right} of {starts} seeds: every letter its own neuron; accuracy"
        f" {100 * summary.test_accuracy:.1f} %, {engine}"
    )
    return right, starts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--engine", default="nodal")
    parser.add_argument("--out", type=Path, default=Path("runs/letters-stdp-study"))
    parser.add_argument("--set", dest="settings", nargs="*", default=[])
    main(**vars(parser.parse_args()))
