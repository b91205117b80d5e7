"""The same training run on both engines: update signs, states, spikes and answers side by side.

    python scripts/parity.py [xpue digits-3x5 letters-3x3 manhattan-4x4 exsitu-xor mnist-10x10 …] [--seed 0] [--out runs/parity] [--updates N]

mnist-5x5 is a whole training run at 5×5 pixels: two epochs of 6000 images. mnist-10x10 is cut to 3 updates on 200 training images and
100 test images (about ten minutes in ngspice); --updates 10 makes it longer.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn.training import RunDirectory, load, make_engine, train

SMALL = ["xpue", "digits-3x5", "letters-3x3", "manhattan-4x4", "exsitu-xor"]


def overrides(preset: str, updates: int) -> list[str]:
    """Return what is cut from a preset."""
    if preset == "mnist-5x5":
        training = ["training.batch=500", "training.epochs=2", "learning.groups=0.25", "learning.fraction=0.25", "training.checkpoint_s=5"]
        return ["data.pixels=5", "data.train_limit=6000", *training]
    if not preset.startswith("mnist"):
        return []
    cut = ["data.train_limit=200", "data.test_limit=100", "training.checkpoint_s=1"]
    return [f"training.updates={updates}", f"training.record_updates={updates}", *cut]


def compare(preset: str, seed: int, out: Path, updates: int) -> dict[str, Any]:
    """Run a preset on both engines and return how far they are apart."""
    histories, summaries, ranges = [], [], 1.0
    for name in ("nodal", "ngspice"):
        with make_engine(name) as solver:
            config = load("mnist-10x10" if preset == "mnist-5x5" else preset, overrides(preset, updates))
            low, high = config.device.build().bounds()
            ranges = float(np.mean(high) - np.mean(low))
            summaries.append(train(config, engine=solver, out=out / f"{preset}-{name}", rng_seed=seed))
        histories.append(RunDirectory.existing(summaries[-1].run).history())
    nodal, spice = histories
    fired = np.isfinite(nodal["spike_times"])
    alike = np.array_equal(fired, np.isfinite(spice["spike_times"]))
    late = np.abs(spice["spike_times"][fired] / nodal["spike_times"][fired] - 1) if alike else [np.inf]
    return {
        "preset": preset,
        "signs_differ": int(np.sum(nodal["directions"] != spice["directions"])) if "directions" in nodal else 0,
        "answers_differ": int(np.sum(nodal["predicted"] != spice["predicted"])),
        "state_error": float(np.abs(nodal["states"][-1] - spice["states"][-1]).max()) / ranges,
        "spike_error": float(np.max(late, initial=0.0)),
        "accuracy": (summaries[0].test_accuracy, summaries[1].test_accuracy),
        "seconds": (summaries[0].wall_s, summaries[1].wall_s),
    }


def main(presets: list[str], seed: int, out: Path, updates: int) -> list[dict[str, Any]]:
    """Print the table and return its rows."""
    print("| preset | update signs that differ | answers that differ | states, of range | spike times | accuracy nodal / ngspice | seconds |")
    print("|---|---|---|---|---|---|---|")
    rows = []
    for preset in presets:
        row = compare(preset, seed, out, updates)
        rows.append(row)
        print(f"| {preset} | {row['signs_differ']} | {row['answers_differ']} | {row['state_error']:.1e} | {row['spike_error']:.1e} | "
              f"{row['accuracy'][0]:.3f} / {row['accuracy'][1]:.3f} | {row['seconds'][0]:.1f} / {row['seconds'][1]:.1f} |", flush=True)  # fmt: skip
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("presets", nargs="*", default=SMALL)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--updates", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/parity"))
    main(**vars(parser.parse_args()))
