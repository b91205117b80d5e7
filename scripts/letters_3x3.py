"""Epochs to perfection of the 3×3 letters against the size of a pulse and the spread of the fresh
conductances.

python scripts/letters_3x3.py [--starts 200] [--engine nodal|ngspice] [--out runs/letters-3x3-study]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from spicesnn.training import load, make_engine, train_starts

PULSES = {"1/20 of the range": 2.0, "1/40": 1.0, "1/80": 0.5}
INITIAL = {"10–50 %": "[0.1, 0.5]", "10–90 %": "[0.1, 0.9]"}


def main(starts: int, engine: str, out: Path) -> dict[tuple[str, str], tuple[float, float]]:
    """Return converged fraction and mean epochs for each pulse and initial range."""
    found = {}
    with make_engine(engine) as solver:
        for pulse, factor in PULSES.items():
            for initial, shares in INITIAL.items():
                overrides = [
                    f"network.initial={shares}",
                    f"programming.set_s={factor * 500e-6}",
                    f"programming.reset_s={factor * 500e-6}",
                ]
                folder = out / f"pulse-{factor}-{shares.strip('[]').replace(', ', '-')}"
                summary = train_starts(
                    load("letters-3x3", overrides), engine=solver, starts=starts, out=folder
                )
                found[pulse, initial] = (summary.converged_fraction, summary.epochs_mean)
                print(
                    f"pulse {pulse:18} fresh {initial:8} {100 * summary.converged_fraction:5.1f} %"
                    f" perfect, after {summary.epochs_mean:.1f} ± {summary.epochs_std:.1f} epochs"
                )
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=200)
    parser.add_argument("--engine", default="nodal")
    parser.add_argument("--out", type=Path, default=Path("runs/letters-3x3-study"))
    main(**vars(parser.parse_args()))
