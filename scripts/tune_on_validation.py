"""What the settings of the MNIST presets give on images kept from training: the preset's value of
each setting against its neighbours.

    python scripts/tune_on_validation.py [mnist-10x10 exsitu-mnist bp-mnist stdp-mnist deep-mnist]
    [--seeds 1] [--out runs/tuning]

The last 10,000 training images are kept from training (`data.validation=10000`) and answered in the
place of the test images, which are never loaded. One setting is varied at a time around the preset.
Differences below the preset's spread from seed to seed, some tenths of a point, choose nothing."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from spicesnn.training import load, make_engine, train

FIXED = {
    "mnist-10x10": [],
    "exsitu-mnist": [],
    "bp-mnist": [],
    "stdp-mnist": ["data.train_limit=30000"],
    "deep-mnist": ["projection.*.synapses=ideal", "training.epochs=3"],
}
"""What is cut from a preset to make the comparison cheap."""
VARIED: dict[str, dict[str, list[str]]] = {
    "mnist-10x10": {
        "learning.gain": ["6e5", "2.4e6"],
        "learning.fraction": ["0.05", "0.2"],
        "learning.groups": ["0.25", "1.0"],
    },
    "exsitu-mnist": {
        "exsitu.rate": ["0.002", "0.008", "0.016"],
        "exsitu.weight_limit": ["0.4", "0.8"],
        "learning.gain": ["1e6", "4e6"],
    },
    "bp-mnist": {
        "rule.spiking-bp.rates": ["[5e-3, 5e-4]", "[2e-2, 2e-3]"],
        "projection.*.largest": ["0.5", "2.0"],
    },
    "stdp-mnist": {
        "rule.stdp-traces.fall": ["2.5e-5", "1e-4"],
        "inputs.rate_hz": ["45", "90"],
    },
    "deep-mnist": {
        "rule.ex-situ.rate": ["2e-3", "8e-3"],
        "rule.ex-situ.gain": ["2.0", "8.0"],
        "rule.ex-situ.sharpness": ["1.0", "4.0"],
    },
}


def main(presets: list[str], seeds: int, out: Path) -> dict[tuple[str, str], list[float]]:
    """Print and return the accuracies on the images kept from training."""
    found: dict[tuple[str, str], list[float]] = {}
    for preset in presets:
        cases = {"the preset": []} | {
            f"{key}={value}": [f"{key}={value}"]
            for key, values in VARIED[preset].items()
            for value in values
        }
        for number, (name, changed) in enumerate(cases.items()):
            accuracies = []
            for seed in range(1, seeds + 1):
                config = load(preset, ["data.validation=10000", *FIXED[preset], *changed])
                with make_engine("nodal") as engine:
                    summary = train(
                        config, engine=engine, out=out / f"{preset}-{number}-{seed}", rng_seed=seed
                    )
                accuracies.append(summary.test_accuracy)
            found[preset, name] = accuracies
            each = ", ".join(f"{100 * value:.2f}" for value in accuracies)
            print(
                f"{preset}: {name}: {100 * np.mean(accuracies):.2f} % of 10000 kept from training"
                f" ({each})",
                flush=True,
            )
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("presets", nargs="*", default=list(VARIED), metavar="PRESET")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/tuning"))
    main(**vars(parser.parse_args()))
