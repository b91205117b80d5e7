"""How often the 4×4 Manhattan perceptron converges, with the training target at the stop (as its
predecessor had it) and apart from it.

python scripts/manhattan_4x4.py [--starts 200] [--engine nodal|ngspice] [--out
runs/manhattan-4x4-study]"""

from __future__ import annotations

import argparse
from pathlib import Path

from spicesnn.training import load, make_engine, train_starts

SETTINGS = {
    "target 1.0, gain 8e7 (the preset)": [],
    "target 1.0, gain 6e6": ["learning.gain=6e6"],
    "target 0.8 = stop, gain 6e6 (the predecessor)": ["learning.target=0.8", "learning.gain=6e6"],
}


def main(starts: int, engine: str, out: Path) -> dict[str, float]:
    """Return the converged fraction of each setting."""
    found = {}
    with make_engine(engine) as solver:
        for number, (name, overrides) in enumerate(SETTINGS.items()):
            summary = train_starts(
                load("manhattan-4x4", overrides),
                engine=solver,
                starts=starts,
                out=out / str(number),
            )
            found[name] = summary.converged_fraction
            epochs = f"{summary.epochs_mean:.1f} ± {summary.epochs_std:.1f} epochs"
            print(
                f"{name:48} {100 * summary.converged_fraction:6.1f} % of {starts} starts, {epochs}"
            )
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=200)
    parser.add_argument("--engine", default="nodal")
    parser.add_argument("--out", type=Path, default=Path("runs/manhattan-4x4-study"))
    main(**vars(parser.parse_args()))
