"""What the studies of MNIST at full scale share: a run that is computed once, the loop over cases
and seeds, a table by class, the arguments."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn.training import load, make_engine, train
from spicesnn.training.sweep import summarised

Row = dict[str, Any]


def finished(preset: str, overrides: Sequence[str], case: str, seed: int, out: Path) -> Row:
    """Return the metrics of one run, computed unless they are there."""
    folder = out / f"{case}-{seed}"
    if not (folder / "metrics.json").is_file():
        config = load(preset, overrides)
        with make_engine("nodal") as engine:
            train(
                config,
                engine=engine,
                out=folder,
                rng_seed=seed,
                resume=(folder / "state.npz").is_file(),
            )
    return {
        "case": case,
        "seed": seed,
        **json.loads((folder / "metrics.json").read_text(encoding="utf-8")),
    }


def tables(rows: Sequence[Row], columns: Mapping[str, Callable[[list[Row]], str]]) -> Iterable[str]:
    """Yield the lines of two tables: all cases, with `columns` (head → entry of a case's rows)
    beside the accuracy; then each class."""
    yield f"| case | seeds | test % (mean ± 95 % CI) | each | {' | '.join(columns)} |"
    yield "|---" * (4 + len(columns)) + "|"
    for line in summarised(rows, ["case"]):
        mine = [row for row in rows if row["case"] == line["case"]]
        each = ", ".join(f"{100 * row['test_accuracy']:.2f}" for row in mine)
        spread = "" if len(mine) < 2 else f" ± {100 * line['half_width']:.2f}"
        entries = " | ".join(entry(mine) for entry in columns.values())
        yield (
            f"| {line['case']} | {line['seeds']} | {100 * line['mean']:.2f}{spread} | {each} |"
            f" {entries} |"
        )
    yield ""
    yield "| case | " + " | ".join(str(digit) for digit in range(10)) + " |"
    yield "|---" * 11 + "|"
    for case in dict.fromkeys(row["case"] for row in rows):
        by_class = 100 * np.mean(
            [row["accuracy_by_class"] for row in rows if row["case"] == case], axis=0
        )
        yield f"| {case} | " + " | ".join(f"{value:.1f}" for value in by_class) + " |"


def mean_of(name: str, form: str, factor: float = 1.0) -> Callable[[list[Row]], str]:
    """Return the entry of a column: `factor` times the mean of a metric over a case's rows; a dash
    where they do not have it."""
    return lambda rows: (
        format(factor * float(np.mean([row[name] for row in rows])), form)
        if name in rows[0]
        else "–"
    )


def all_runs(
    run: Callable[[str, int], Row], cases: Sequence[str], seeds: int, first_seed: int
) -> list[Row]:
    """Run every case with every seed, say each result as it comes, return one row a run."""
    rows = []
    for case in cases:
        for seed in range(first_seed, first_seed + seeds):
            rows.append(run(case, seed))
            print(
                f"{case} seed {seed}: {100 * rows[-1]['test_accuracy']:.2f} % of"
                f" {rows[-1]['n_test']}",
                flush=True,
            )
    return rows


def arguments(
    text: str | None, known: Iterable[str], cases: Sequence[str], out: Path
) -> dict[str, Any]:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", default=list(cases), choices=list(known))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=out)
    parser.add_argument("--set", dest="settings", nargs="*", default=[])
    return vars(parser.parse_args())
