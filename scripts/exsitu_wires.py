"""What wires cost weights that were learnt in software, and what wire-aware mapping gives back,
against the resistance of a segment.

python scripts/exsitu_wires.py [--ohm 0.5 1 2] [--out runs/exsitu-wires] [--set key=value …]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from spicesnn.training import load, make_engine, train


def main(
    ohm: list[float], out: Path, settings: list[str]
) -> list[tuple[float, float, float, float]]:
    """Return (ohm, software, uncompensated, compensated accuracy) for each resistance."""
    found = []
    with make_engine("nodal") as solver:
        for value in ohm:
            config = load(
                "exsitu-mnist",
                [f"array.word_line_ohm={value}", f"array.bit_line_ohm={value}", *settings],
            )
            summary = train(config, engine=solver, out=out / f"{value:g}-ohm")
            row = (
                value,
                summary.extra["software_accuracy"],
                summary.extra["uncompensated_accuracy"],
                summary.test_accuracy,
            )
            found.append(row)
            software, mapped, aware = (100 * share for share in row[1:])
            print(
                f"{value:g} Ω: software {software:.2f} %, mapped {mapped:.2f} %, wire-aware"
                f" {aware:.2f} % of {summary.n_test}",
                flush=True,
            )
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ohm", type=float, nargs="+", default=[0.5, 1.0, 2.0])
    parser.add_argument("--out", type=Path, default=Path("runs/exsitu-wires"))
    parser.add_argument("--set", dest="settings", nargs="*", default=[])
    main(**vars(parser.parse_args()))
