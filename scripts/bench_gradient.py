#!/usr/bin/env python3
"""The gradient of a whole batch against the effective conductance of the same array: processor
time, interleaved, medians.

    python scripts/bench_gradient.py [--sizes 64 128 256] [--batch 1000] [--repeats 15]

Square arrays, 1 Ω a segment, cells 10 kΩ to 1 MΩ, new arrays in every call. The error printed is
that of one conductance's derivative against a central difference of fourth order."""

from __future__ import annotations

import argparse
import time

import numpy as np

import spicesnn as sn


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128, 256])
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    engine, wires = sn.NodalEngine(), sn.Wires(word_line_ohm=1.0, bit_line_ohm=1.0)
    for size in options.sizes:
        rng = np.random.default_rng(size)
        siemens = 10 ** rng.uniform(-6, -4, (size, size))
        volts, slopes = (
            rng.uniform(0, 0.2, (options.batch, size)),
            rng.normal(size=(options.batch, size)),
        )

        def array(g: np.ndarray = siemens) -> sn.Crossbar:
            return sn.Crossbar(conductance=g, wires=wires)

        gradient = engine.gradient(array(), volts, slopes).conductance
        engine.effective_conductance(array())
        spent: tuple[list[float], list[float]] = ([], [])
        for _ in range(options.repeats):
            begun = time.process_time()
            engine.gradient(array(), volts, slopes)
            middle = time.process_time()
            engine.effective_conductance(array())
            spent[0].append(middle - begun)
            spent[1].append(time.process_time() - middle)
        step = np.zeros_like(siemens)
        at = (size // 2, size // 3)
        step[at] = 1e-3 * siemens[at]
        ends = [
            float(np.sum(slopes * engine.read(array(siemens + k * step), volts).column_amps))
            for k in (-2, -1, 1, 2)
        ]
        difference = (ends[0] - 8 * ends[1] + 8 * ends[2] - ends[3]) / (12 * step[at])
        one, other = (float(np.median(times)) for times in spent)
        print(
            f"{size}×{size}, batch {options.batch}: gradient {1e3 * one:.2f} ms, effective"
            f" conductance {1e3 * other:.2f} ms, ratio {one / other:.2f}; error of a derivative"
            f" {abs(gradient[at] / difference - 1):.1e}"
        )


if __name__ == "__main__":
    main()
