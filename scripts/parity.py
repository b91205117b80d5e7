"""The same training run on both engines: update signs, states, spikes and answers side by side, as
a Markdown table.

    python scripts/parity.py [xpue digits-3x5 letters-3x3 letters-stdp manhattan-4x4 exsitu-xor
    mnist-5x5 mnist-10x10 …] [--seed 0]
                             [--out runs/parity] [--updates N]

A sign is the direction of a weight in an update (up, down, left alone); of letters-stdp, which
neuron won. mnist-5x5 is a whole training run at 5×5 pixels: two epochs of 6000 images. mnist-10x10
is cut to --updates on 200 training images and 100 test images. A run that was stopped goes on when
the script is started again with the same --out; what is finished is not run again."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn.training import RunDirectory, load, make_engine, train

SMALL = ["xpue", "digits-3x5", "letters-3x3", "letters-stdp", "manhattan-4x4", "exsitu-xor"]


def overrides(preset: str, updates: int) -> list[str]:
    """Return what is cut from a preset."""
    if preset == "mnist-5x5":
        training = [
            "training.batch=500",
            "training.epochs=2",
            "learning.groups=0.25",
            "learning.fraction=0.25",
            "training.checkpoint_s=5",
        ]
        return ["data.pixels=5", "data.train_limit=6000", *training]
    if not preset.startswith("mnist"):
        return []
    cut = ["data.train_limit=200", "data.test_limit=100", "training.checkpoint_s=1"]
    return [f"training.epochs={updates}", f"training.record_updates={updates}", *cut]


def finished(preset: str, engine: str, seed: int, out: Path, updates: int) -> RunDirectory:
    """Return the run of a preset on an engine: finished already, or gone on with, or run now."""
    folder = out / f"{preset}-{engine}"
    if not (folder / "metrics.json").is_file():
        config = load(
            "mnist-10x10" if preset == "mnist-5x5" else preset, overrides(preset, updates)
        )
        with make_engine(engine) as solver:
            train(
                config,
                engine=solver,
                out=folder,
                rng_seed=seed,
                resume=(folder / "run.toml").is_file(),
            )
    return RunDirectory.existing(folder)


def decisions(history: dict[str, Any]) -> np.ndarray[Any, np.dtype[Any]]:
    """Return what was decided in all updates: the direction of every weight, or the neuron that
    won; nothing where nothing is decided."""
    return np.asarray(
        next((history[name] for name in ("directions", "winner") if name in history), [])
    )


def compare(preset: str, seed: int, out: Path, updates: int) -> dict[str, Any]:
    """Run a preset on both engines and return how far they are apart."""
    runs = [finished(preset, engine, seed, out, updates) for engine in ("nodal", "ngspice")]
    (nodal, spice), metrics = (run.history() for run in runs), [run.metrics() for run in runs]
    low, high = runs[0].config().device.build().bounds()
    fired = np.isfinite(nodal["spike_times"])
    alike = np.array_equal(fired, np.isfinite(spice["spike_times"]))
    late = (
        np.abs(spice["spike_times"][fired] / nodal["spike_times"][fired] - 1) if alike else [np.inf]
    )
    same = len(nodal["states"]) == len(spice["states"])
    first, second = decisions(nodal), decisions(spice)
    return {
        "preset": preset,
        "updates": tuple(m["updates"] for m in metrics),
        "signs": first.size,
        "signs_differ": (
            int(np.sum(first != second))
            if first.shape == second.shape
            else max(first.size, second.size)
        ),
        "answers_differ": int(np.sum(nodal["predicted"] != spice["predicted"])),
        "state_error": (
            float(np.abs(nodal["states"] - spice["states"]).max() / (np.mean(high) - np.mean(low)))
            if same
            else np.inf
        ),
        "spike_error": float(np.max(late, initial=0.0)),
        "accuracy": tuple(m["test_accuracy"] for m in metrics),
        "seconds": tuple(m["wall_s"] for m in metrics),
    }


def main(presets: list[str], seed: int, out: Path, updates: int) -> list[dict[str, Any]]:
    """Print the table and return its rows."""
    print(
        "| preset | updates | signs that differ | answers that differ | states, of range | spike"
        " times | accuracy nodal / ngspice | seconds |"
    )
    print("|---|---|---|---|---|---|---|---|")
    rows = []
    for preset in presets:
        row = compare(preset, seed, out, updates)
        rows.append(row)
        counts = (
            row["updates"][0]
            if len(set(row["updates"])) == 1
            else " / ".join(map(str, row["updates"]))
        )
        signs = f"{row['signs_differ']} of {row['signs']}" if row["signs"] else "–"
        print(
            f"| {preset} | {counts} | {signs} | {row['answers_differ']} | {row['state_error']:.1e}"
            f" | {row['spike_error']:.1e} | {row['accuracy'][0]:.4f} / {row['accuracy'][1]:.4f} |"
            f" {row['seconds'][0]:.1f} / {row['seconds'][1]:.1f} |",
            flush=True,
        )
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("presets", nargs="*", default=SMALL)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--updates", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("runs/parity"))
    main(**vars(parser.parse_args()))
