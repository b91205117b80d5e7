"""Unsupervised MNIST at full scale, several seeds a case: a Markdown table of test accuracy with 95
% confidence intervals, and by class.

    python scripts/mnist_unsupervised.py [--cases ideal-100 ideal-400 …] [--seeds 3] [--out
    runs/stdp-mnist-study] [--set key=value …]

A run whose folder is complete is not computed again, so that a study can be stopped, gone on with
and printed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mnist_study import Row, all_runs, arguments, finished, mean_of, tables

DEVICE = ["projection.*.synapses=pulse-map"]
WIRES = ["array.word_line_ohm=1", "array.bit_line_ohm=1"]
CASES: dict[str, list[str]] = {
    "ideal-100": [],
    "ideal-400": ["population.neurons.neurons=400"],
    "ideal-1600": ["population.neurons.neurons=1600"],
    "ideal-6400": ["population.neurons.neurons=6400", "training.epochs=4"],
    "levels16-100": ["imperfections.states=16", "projection.*.largest=0.5"],
    "power-law-100": [*DEVICE, "device.model=power-law"],
    "power-law-400": ["population.neurons.neurons=400", *DEVICE, "device.model=power-law"],
    "power-law-uncompensated-400": [
        "population.neurons.neurons=400",
        *DEVICE,
        "device.model=power-law",
        "synapses.amplitude=uncompensated",
    ],
    "1t1r-400": [
        "population.neurons.neurons=400",
        *DEVICE,
        "device.model=1t1r-pai-yu-chen",
    ],
    "wires-in-reads-100": [*WIRES, *DEVICE, "device.model=power-law"],
    "wires-in-reads-and-writes-100": [
        *WIRES,
        "synapses.wired_writes=true",
        *DEVICE,
        "device.model=power-law",
    ],
    "pai-yu-chen-400": ["population.neurons.neurons=400", *DEVICE, "device.model=pai-yu-chen"],
}
COLUMNS = {
    "ms an image in training": mean_of("training_ms_an_image", ".3f"),
    "read and write energy, J": mean_of("energy_joule", ".3g"),
    "silent or tied": mean_of("silent_or_tied", ".0f"),
}


def main(
    cases: Sequence[str], seeds: int, first_seed: int, out: Path, settings: Sequence[str]
) -> list[Row]:
    """Run what is missing, print the tables, return one row a run."""
    rows = all_runs(
        lambda case, seed: finished("stdp-mnist", [*CASES[case], *settings], case, seed, out),
        cases,
        seeds,
        first_seed,
    )
    print("\n".join(tables(rows, COLUMNS)))
    return rows


if __name__ == "__main__":
    main(
        **arguments(
            __doc__,
            CASES,
            [case for case in CASES if case != "ideal-6400"],
            Path("runs/stdp-mnist-study"),
        )
    )
