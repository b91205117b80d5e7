"""Supervised MNIST at full scale, several seeds a case: a Markdown table of test accuracy with 95 %
confidence intervals, and by class.

    python scripts/mnist_supervised.py [--cases bp-400 deep-ideal …] [--seeds 3] [--out
    runs/supervised-study] [--set key=value …]

A run whose folder is complete is not computed again, so that a study can be stopped, gone on with
and printed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mnist_study import Row, all_runs, arguments, finished, mean_of, tables

SOFTWARE = "deep-software"
"""The case whose weights all other deep cases of the same seed map."""
SPREAD = ["imperfections.conductance_spread=0.05"]
WIRES = ["array.word_line_ohm=1", "array.bit_line_ohm=1"]
CASES: dict[str, tuple[str, list[str]]] = {
    "bp-1500": ("bp-mnist", ["population.hidden.neurons=1500"]),
    "bp-400": ("bp-mnist", []),
    "bp-400-noise": ("bp-mnist", ["imperfections.cycle_to_cycle=0.05"]),
    "bp-400-64-states": ("bp-mnist", ["imperfections.states=64", "projection.*.largest=0.5"]),
    "bp-400-16-states": ("bp-mnist", ["imperfections.states=16", "projection.*.largest=0.5"]),
    "bp-400-pai-yu-chen": ("bp-mnist", ["projection.*.synapses=pulse-map"]),
    "bp-400-pai-yu-chen-uncompensated": (
        "bp-mnist",
        ["projection.*.synapses=pulse-map", "synapses.amplitude=uncompensated"],
    ),
    SOFTWARE: ("deep-mnist", ["projection.*.synapses=ideal"]),
    "deep-devices": ("deep-mnist", []),
    "deep-spread": ("deep-mnist", SPREAD),
    "deep-wires": ("deep-mnist", WIRES),
    "deep-wires-spread": ("deep-mnist", [*WIRES, *SPREAD]),
    "deep-wires-spread-tuned": ("deep-mnist", [*WIRES, *SPREAD, "training.tuning_epochs=1"]),
    "deep-wires-spread-uncompensated-tuned": (
        "deep-mnist",
        [*WIRES, *SPREAD, "synapses.wire_aware=false", "training.tuning_epochs=1"],
    ),
    "deep-wires-spread-layerwise": (
        "deep-mnist",
        [*WIRES, *SPREAD, "training.tuning_epochs=3", "rule.tuning.order=layerwise"],
    ),
}


COLUMNS = {
    "mapped without regard to wires": mean_of("uncompensated_accuracy", ".2f", 100),
    "before tuning": mean_of("mapped_accuracy", ".2f", 100),
    "training, s": mean_of("wall_s", ".0f"),
    "silent or tied": mean_of("silent_or_tied", ".0f"),
}


def run(case: str, seed: int, out: Path, settings: Sequence[str]) -> Row:
    """Return the metrics of one run; cases that map software weights have those computed first."""
    preset, overrides = CASES[case]
    if preset == "deep-mnist" and case != SOFTWARE:
        run(SOFTWARE, seed, out, settings)
        overrides = [
            *overrides,
            f"rule.ex-situ.weights={out / f'{SOFTWARE}-{seed}' / 'weights.npz'}",
        ]
    return finished(preset, [*overrides, *settings], case, seed, out)


def main(
    cases: Sequence[str], seeds: int, first_seed: int, out: Path, settings: Sequence[str]
) -> list[Row]:
    """Run what is missing, print the tables, return one row a run."""
    rows = all_runs(lambda case, seed: run(case, seed, out, settings), cases, seeds, first_seed)
    print("\n".join(tables(rows, COLUMNS)))
    return rows


if __name__ == "__main__":
    main(**arguments(__doc__, CASES, list(CASES), Path("runs/supervised-study")))
