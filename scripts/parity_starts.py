"""The same random starts on both engines: do they end the same way, at the same update?

python scripts/parity_starts.py [xpue digits-3x5 manhattan-4x4 letters-3x3 …] [--starts 20] [--seed
0] [--out runs/parity-starts]"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn import npz
from spicesnn.training import load, make_engine, train_starts

PRESETS = ["xpue", "digits-3x5", "manhattan-4x4"]


def compare(preset: str, starts: int, seed: int, out: Path) -> dict[str, Any]:
    """Train a preset from the same starts on both engines and return how far they are apart."""
    config, found = load(preset), {}
    for name in ("nodal", "ngspice"):
        with make_engine(name) as solver:
            summary = train_starts(
                config, engine=solver, starts=starts, out=out / f"{preset}-{name}", rng_seed=seed
            )
        found[name] = npz.read(Path(summary.run) / "starts.npz")
    nodal, spice = found["nodal"], found["ngspice"]
    low, high = (float(np.mean(bound)) for bound in config.device.build().bounds())
    return {
        "preset": preset,
        "converged": tuple(int(found[name]["converged"].sum()) for name in ("nodal", "ngspice")),
        "right": tuple(
            int((found[name]["test_accuracy"] == 1).sum()) for name in ("nodal", "ngspice")
        ),
        "outcomes_differ": int(np.sum(nodal["converged"] != spice["converged"])),
        "epochs_differ": int(np.sum(nodal["epochs"] != spice["epochs"])),
        "state_error": (
            float(np.abs(nodal["state_after"] - spice["state_after"]).max()) / (high - low)
        ),
    }


def main(presets: list[str], starts: int, seed: int, out: Path) -> list[dict[str, Any]]:
    """Print the table and return its rows."""
    print(
        "| preset | starts | converged nodal / ngspice | all right | outcomes that differ | epochs"
        " that differ | states, of range |"
    )
    print("|---|---|---|---|---|---|---|")
    rows = []
    for preset in presets:
        row = compare(preset, starts, seed, out)
        rows.append(row)
        converged, right = (
            " / ".join(str(count) for count in row[key]) for key in ("converged", "right")
        )
        apart = f"{row['outcomes_differ']} | {row['epochs_differ']} | {row['state_error']:.1e}"
        print(f"| {preset} | {starts} | {converged} | {right} | {apart} |", flush=True)
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("presets", nargs="*", default=PRESETS)
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/parity-starts"))
    main(**vars(parser.parse_args()))
