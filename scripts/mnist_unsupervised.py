"""Unsupervised MNIST at full scale, several seeds a case: a Markdown table of test accuracy with 95 % confidence intervals, and by class.

    python scripts/mnist_unsupervised.py [--cases ideal-100 ideal-400 …] [--seeds 3] [--out runs/stdp-mnist-study] [--set key=value …]

A run whose folder is complete is not computed again, so that a study can be stopped, gone on with and printed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn.training import load, make_engine, train
from spicesnn.training.sweep import summarised

LARGE = ["network.column_sum=78", "network.inhibition=17", "network.potentiation=0.01"]
"""Settings from 400 neurons on, chosen on validation images taken from the training set."""
DEVICE = ["synapse.kind=device"]
CASES: dict[str, list[str]] = {
    "ideal-100": [],
    "ideal-400": ["network.neurons=400", *LARGE],
    "ideal-1600": ["network.neurons=1600", *LARGE],
    "ideal-6400": ["network.neurons=6400", *LARGE],
    "levels16-100": ["synapse.kind=levels", "synapse.levels=16"],
    "power-law-400": ["network.neurons=400", *LARGE, *DEVICE, "device.model=power-law"],
    "power-law-literal-400": ["network.neurons=400", *LARGE, *DEVICE, "device.model=power-law", "synapse.mapping=literal"],
    "1t1r-400": ["network.neurons=400", *LARGE, *DEVICE, "device.model=1t1r-pai-yu-chen", "synapse.map_read_volts=0.7"],
    "wires-in-reads-100": ["array.wires=reads", *DEVICE, "device.model=power-law"],
    "wires-in-reads-and-writes-100": ["array.wires=reads-and-writes", *DEVICE, "device.model=power-law"],
    "pai-yu-chen-400": ["network.neurons=400", *LARGE, *DEVICE, "device.model=pai-yu-chen"],
}
MEASURED = ("test_accuracy", "training_ms_an_image", "energy_joule")


def run(case: str, seed: int, out: Path, settings: Sequence[str]) -> dict[str, Any]:
    """Return the metrics of one run, computed unless they are there."""
    folder = out / f"{case}-{seed}"
    if not (folder / "metrics.json").is_file():
        config = load("stdp-mnist", [*CASES[case], *settings])
        with make_engine("nodal") as engine:
            train(config, engine=engine, out=folder, rng_seed=seed, resume=(folder / "state.npz").is_file())
    return {"case": case, "seed": seed, **json.loads((folder / "metrics.json").read_text(encoding="utf-8"))}


def table(rows: Sequence[dict[str, Any]]) -> Iterable[str]:
    """Yield the lines of the tables: all cases, then each class."""
    yield "| case | seeds | test % (mean ± 95 % CI) | each | ms an image in training | read and write energy, J | silent or tied |"
    yield "|---|---|---|---|---|---|---|"
    for line in summarised(rows, ["case"]):
        mine = [row for row in rows if row["case"] == line["case"]]
        each = ", ".join(f"{100 * row['test_accuracy']:.2f}" for row in mine)
        ms, joule, lost = (float(np.mean([row[name] for row in mine])) for name in ("training_ms_an_image", "energy_joule", "silent_or_tied"))
        spread = "" if len(mine) < 2 else f" ± {100 * line['half_width']:.2f}"
        yield f"| {line['case']} | {line['seeds']} | {100 * line['mean']:.2f}{spread} | {each} | {ms:.3f} | {joule:.3g} | {lost:.0f} |"
    yield ""
    yield "| case | " + " | ".join(str(digit) for digit in range(10)) + " |"
    yield "|---" * 11 + "|"
    for case in dict.fromkeys(row["case"] for row in rows):
        by_class = 100 * np.mean([row["accuracy_by_class"] for row in rows if row["case"] == case], axis=0)
        yield f"| {case} | " + " | ".join(f"{value:.1f}" for value in by_class) + " |"


def main(cases: Sequence[str], seeds: int, first_seed: int, out: Path, settings: Sequence[str]) -> list[dict[str, Any]]:
    """Run what is missing, print the tables, return one row a run."""
    rows = []
    for case in cases:
        for seed in range(first_seed, first_seed + seeds):
            rows.append(run(case, seed, out, settings))
            print(f"{case} seed {seed}: {100 * rows[-1]['test_accuracy']:.2f} % of {rows[-1]['n_test']}", flush=True)
    print("\n".join(table(rows)))
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", default=[case for case in CASES if case != "ideal-6400"], choices=list(CASES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/stdp-mnist-study"))
    parser.add_argument("--set", dest="settings", nargs="*", default=[])
    main(**vars(parser.parse_args()))
