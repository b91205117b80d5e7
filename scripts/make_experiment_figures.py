"""Put the figures of the documentation into docs/images/experiments: of the small presets, trained
with seed 1, and of finished runs of full MNIST.

    python scripts/make_experiment_figures.py [NAME | NAME=RUN …]

Without arguments all small presets are trained (MNIST at 10×10 for two epochs). NAME=RUN draws a
finished run in its folder instead, which is how the networks of full MNIST come here:
bp-mnist=runs/supervised-study/bp-400-1."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from spicesnn.engines.nodal.engine import NodalEngine
from spicesnn.plotting.run import RunData, figures
from spicesnn.plotting.style import raster
from spicesnn.training import load, train

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images" / "experiments"
SHOWN = {
    "xpue": ("conductances", "raster"),
    "digits-3x5": ("raster",),
    "letters-3x3": ("accuracy", "weights"),
    "letters-stdp": ("weights",),
    "manhattan-4x4": ("accuracy",),
    "exsitu-xor": ("raster",),
    "mnist-10x10": ("accuracy", "weights", "confusion"),
}
FULL = dict.fromkeys(("stdp-mnist", "stdp-simple", "bp-mnist"), ("accuracy", "fields", "confusion"))
FULL["stdp-digits"] = ("accuracy", "fields", "confusion")
FULL |= {
    "deep-mnist": ("fields", "confusion"),
    "deep-software": ("accuracy",),
    "exsitu-mnist": ("ir-drop", "weights", "confusion"),
}
CHANGED = {"mnist-10x10": {"training.epochs": 2}}


def draw(name: str, run: str | Path) -> None:
    """Write the figures of a run that its page shows."""
    for drawn in figures(RunData(run)):
        if drawn.name in (SHOWN | FULL)[name]:
            drawn.figure.set_dpi(80)
            few_colours = raster(drawn.figure).quantize(
                256
            )  # a picture of the documentation stays below 150 kB
            few_colours.save(FOLDER / f"{name}-{drawn.name}.png", optimize=True)


def main(wanted: list[str]) -> None:
    """Draw what is wanted, all small presets by default."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for text in wanted or SHOWN:
        name, _, finished = text.partition("=")
        if finished:
            draw(name, finished)
            continue
        with tempfile.TemporaryDirectory() as folder, NodalEngine() as engine:
            summary = train(
                load(name, CHANGED.get(name, {})),
                engine=engine,
                out=Path(folder) / "run",
                rng_seed=1,
            )
            print(name, summary.test_accuracy, summary.epochs, f"{summary.energy_joule:.3g} J")
            draw(name, summary.run)


if __name__ == "__main__":
    main(sys.argv[1:])
