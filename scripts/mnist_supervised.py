"""Supervised MNIST at full scale, several seeds a case: a Markdown table of test accuracy with 95 % confidence intervals, and by class.

    python scripts/mnist_supervised.py [--cases bp-400 deep-ideal …] [--seeds 3] [--out runs/supervised-study] [--set key=value …]

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

SOFTWARE = "deep-software"
"""The case whose weights all other deep cases of the same seed map."""
SPREAD = ["imperfections.spread=0.05"]
WIRES = ["array.word_line_ohm=1", "array.bit_line_ohm=1"]
CASES: dict[str, tuple[str, list[str]]] = {
    "bp-1500": ("bp-mnist", ["network.hidden=1500"]),
    "bp-400": ("bp-mnist", []),
    "bp-400-noise": ("bp-mnist", ["cells.cycle_to_cycle=0.05"]),
    "bp-400-64-states": ("bp-mnist", ["cells.levels=64", "network.limits=[0.5,0.5]"]),
    "bp-400-16-states": ("bp-mnist", ["cells.levels=16", "network.limits=[0.5,0.5]"]),
    "bp-400-pai-yu-chen": ("bp-mnist", ["cells.kind=device"]),
    "bp-400-pai-yu-chen-uncompensated": ("bp-mnist", ["cells.kind=device", "cells.mapping=uncompensated"]),
    SOFTWARE: ("deep-mnist", ["mapping.devices=false"]),
    "deep-devices": ("deep-mnist", []),
    "deep-spread": ("deep-mnist", SPREAD),
    "deep-wires": ("deep-mnist", WIRES),
    "deep-wires-spread": ("deep-mnist", [*WIRES, *SPREAD]),
    "deep-wires-spread-tuned": ("deep-mnist", [*WIRES, *SPREAD, "insitu.epochs=1"]),
    "deep-wires-spread-uncompensated-tuned": ("deep-mnist", [*WIRES, *SPREAD, "mapping.wire_aware=false", "insitu.epochs=1"]),
    "deep-wires-spread-layerwise": ("deep-mnist", [*WIRES, *SPREAD, "insitu.epochs=3", "insitu.order=layerwise"]),
}


def run(case: str, seed: int, out: Path, settings: Sequence[str]) -> dict[str, Any]:
    """Return the metrics of one run, computed unless they are there."""
    folder = out / f"{case}-{seed}"
    if not (folder / "metrics.json").is_file():
        preset, overrides = CASES[case]
        if preset == "deep-mnist" and case != SOFTWARE:
            run(SOFTWARE, seed, out, settings)
            overrides = [*overrides, f"exsitu.weights={out / f'{SOFTWARE}-{seed}' / 'weights.npz'}"]
        config = load(preset, [*overrides, *settings])
        with make_engine("nodal") as engine:
            train(config, engine=engine, out=folder, rng_seed=seed, resume=(folder / "state.npz").is_file())
    return {"case": case, "seed": seed, **json.loads((folder / "metrics.json").read_text(encoding="utf-8"))}


def table(rows: Sequence[dict[str, Any]]) -> Iterable[str]:
    """Yield the lines of the tables: all cases, then each class."""
    yield "| case | seeds | test % (mean ± 95 % CI) | each | mapped without regard to wires | before tuning | training, s | silent or tied |"
    yield "|---|---|---|---|---|---|---|---|"
    for line in summarised(rows, ["case"]):
        mine = [row for row in rows if row["case"] == line["case"]]
        each = ", ".join(f"{100 * row['test_accuracy']:.2f}" for row in mine)
        seconds, lost = (float(np.mean([row[name] for row in mine])) for name in ("wall_s", "silent_or_tied"))
        spread = "" if len(mine) < 2 else f" ± {100 * line['half_width']:.2f}"
        keys = ("uncompensated_accuracy", "mapped_accuracy")
        before = [f"{100 * np.mean([row[key] for row in mine]):.2f}" if key in mine[0] else "–" for key in keys]
        yield f"| {line['case']} | {line['seeds']} | {100 * line['mean']:.2f}{spread} | {each} | {' | '.join(before)} | {seconds:.0f} | {lost:.0f} |"
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
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/supervised-study"))
    parser.add_argument("--set", dest="settings", nargs="*", default=[])
    main(**vars(parser.parse_args()))
