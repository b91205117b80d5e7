#!/usr/bin/env python3
"""Networks on tiles: what workers gain, and CrossSim on the same arrays.

    python scripts/bench_networks.py                       one worker process against two, of one processor each
    python scripts/bench_networks.py --cross-sim DIR       CrossSim 3.x from its source folder, in the same minutes

Workers: a network of more than 100 tiles of 128×128, 1 Ω a segment, cells 10 kΩ to 1 MΩ, is mapped
and answers, with linear cells and with others; processes are started before the clock is. Medians of interleaved repeats."""

from __future__ import annotations

import argparse
import os
import statistics
import time
from itertools import pairwise

os.environ["SPICESNN_THREADS"] = "1"

import numpy as np

import spicesnn as sn

WIRES = sn.Wires(word_line_ohm=1.0, bit_line_ohm=1.0)
CASES = {
    "linear": (
        sn.Hardware(device=sn.devices.VTEAM(r_on=10e3, r_off=1e6), wires=WIRES, tile=(128, 128)),
        (1000, 800, 400),
        200,
    ),
    "not linear": (
        sn.Hardware(device=sn.devices.Yakopcic(), wires=WIRES, tile=(128, 128)),
        (1000, 800, 400),
        4,
    ),
}


def workers(repeats: int) -> None:
    with sn.ClusterEngine(workers=1) as alone, sn.ClusterEngine(workers=2) as both:
        for name, (hardware, sizes, count) in CASES.items():
            rng = np.random.default_rng(0)
            layers = [(rng.normal(size=(a, b)), None) for a, b in pairwise(sizes)]
            network = sn.Network.from_arrays(layers, activation="relu")
            x = rng.random((count, sizes[0]))
            spent: tuple[list[float], list[float]] = ([], [])
            outputs = []
            for repeat in range(-1, repeats):
                for times, engine in zip(spent, (alone, both), strict=True):
                    begun = time.perf_counter()
                    chip = network.on(hardware, calibrate=x, seed=0, engine=engine)
                    outputs.append(chip.outputs(x))
                    if repeat >= 0:
                        times.append(time.perf_counter() - begun)
            same = all(np.array_equal(outputs[0], each) for each in outputs)
            tiles = sum(len(layer.blocks) for layer in chip.layers.values())
            one, two = (statistics.median(times) for times in spent)
            print(
                f"{name}: {tiles} tiles, one worker {one:.2f} s, two {two:.2f} s: {two / one:.2f} of"
                f" it; the same bits: {same}; load {os.getloadavg()[0]:.1f}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    workers(options.repeats)


if __name__ == "__main__":
    main()
