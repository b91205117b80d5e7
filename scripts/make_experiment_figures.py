"""Train the small presets, and two epochs of MNIST at 10×10, with seed 1, and put the figures of the documentation into docs/images/experiments."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from spicesnn.engines.nodal.engine import NodalEngine
from spicesnn.plotting.run import RunData, figures
from spicesnn.training import load, train

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images" / "experiments"
SHOWN = {
    "xpue": ("conductances", "raster"), "digits-3x5": ("raster",), "letters-3x3": ("accuracy", "weights"), "letters-stdp": ("weights",),
    "manhattan-4x4": ("accuracy",), "exsitu-xor": ("raster",), "mnist-10x10": ("accuracy", "weights", "confusion"),
}  # fmt: skip
CHANGED = {"mnist-10x10": {"training.epochs": 2}}


def main(wanted: list[str]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in wanted or SHOWN:
        with tempfile.TemporaryDirectory() as folder, NodalEngine() as engine:
            summary = train(load(name, CHANGED.get(name, {})), engine=engine, out=Path(folder) / "run", rng_seed=1)
            print(name, summary.test_accuracy, summary.epochs, f"{summary.energy_joule:.3g} J")
            for drawn in figures(RunData(summary.run)):
                if drawn.name in SHOWN[name]:
                    drawn.figure.savefig(FOLDER / f"{name}-{drawn.name}.png", dpi=80)


if __name__ == "__main__":
    main(sys.argv[1:])
