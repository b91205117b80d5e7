#!/usr/bin/env python3
"""Write pulses by gradient against write-verify: the same array, the same targets, the same drivers.

    python scripts/design_pulses.py                        8×8 and 16×16, some minutes
    python scripts/design_pulses.py --sizes 8 --ohm 2      one size, one wire

Cells (VTEAM, 10 to 100 kΩ, thresholds at ±1 V) begin at random conductances and are to come to
others, within 1 % of the window, through wires and half-selected cells. Errors are of the cells'
conductances, as fractions of the window; joules are all drivers' while writing. Write-verify reads
each cell through the wires, row by row, after every round; it is asked for what the target array
reads. The first guess treats the cells as if they were alone, but for what the wires take at the
beginning of a pulse. In the last lines every cell has its own k_on, which the design does not
know."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np

import spicesnn as sn
from spicesnn.devices.vteam import ResistanceLaw
from spicesnn.learning.programming import Programmer
from spicesnn.learning.schemes import HalfVoltage
from spicesnn.learning.write_verify import write_verify

TOLERANCE, WIDTH_S, VOLTS, READ_VOLTS = 0.01, 1e-6, 1.8, 0.1
DEVICE = sn.devices.VTEAM(
    r_on=1e4,
    r_off=1e5,
    v_on=-1.0,
    v_off=1.0,
    k_on=-4e-3,
    k_off=4e-3,
    alpha_on=1.0,
    alpha_off=1.0,
    resistance=ResistanceLaw.EXPONENTIAL,
)
SPAN = 9e-5


def line(
    name: str, error: np.ndarray, pulses: int, reads: int, joule: float, seconds: float
) -> None:
    size = np.abs(error) / SPAN
    print(
        f"{name}: {100 * size.max():.2f} % at most, {100 * np.sqrt((size**2).mean()):.2f} % rms,"
        f" {pulses} pulses, {reads} reads, {1e9 * joule:.2f} nJ, {seconds:.1f} s",
        flush=True,
    )


def compared(size: int, ohm: float, seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    begin, target = rng.uniform(1.1e-5, 9e-5, (2, size, size))
    wires = sn.Wires(word_line_ohm=ohm, bit_line_ohm=ohm, driver_ohm=10 * ohm)
    array = sn.Crossbar(device=DEVICE, state=DEVICE.state_for_conductance(begin), wires=wires)
    print(f"{size}×{size}, {ohm:g} Ω a segment:")
    begun = time.perf_counter()
    strongest = {"set_volts": VOLTS, "reset_volts": VOLTS, "width_s": WIDTH_S}
    design = sn.design_pulses(array, target, tolerance=TOLERANCE, **strongest)
    seconds = time.perf_counter() - begun
    print(f"first guess: {100 * design.first_error / SPAN:.2f} % at most")
    line("designed", design.error, len(design.pulses), 0, design.energy_joule, seconds)
    print(f"evaluations: {design.evaluations}, within the tolerance: {design.reached}")

    wanted = sn.Crossbar(
        device=DEVICE, state=DEVICE.state_for_conductance(target), wires=wires
    ).effective_conductance()
    programmer = Programmer.for_device(
        DEVICE,
        HalfVoltage(),
        set_volts=VOLTS,
        reset_volts=VOLTS,
        set_s=WIDTH_S / 100,
        reset_s=WIDTH_S / 100,
    )

    def verified(cells: sn.Crossbar, name: str) -> None:
        begun = time.perf_counter()
        done = write_verify(
            sn.NodalEngine(),
            programmer,
            cells,
            wanted,
            np.random.default_rng(seed),
            tolerance=TOLERANCE * SPAN,
            read_volts=READ_VOLTS,
        )
        seconds = time.perf_counter() - begun
        error = done.array.cell_conductance() - target
        line(name, error, done.pulses, done.reads, done.write_joule, seconds)

    verified(array, "write-verify")
    own = DEVICE.k_on * np.exp(spread * rng.standard_normal((size, size)))
    different = replace(array, device=replace(DEVICE, k_on=own))
    cells, joule = different, 0.0
    for pulse in design.pulses:
        done = cells.pulse(pulse)
        cells, joule = done.array, joule + done.energy_joule
    error = cells.cell_conductance() - target
    line(f"k_on spread {spread:g}, designed", error, len(design.pulses), 0, joule, 0.0)
    verified(different, f"k_on spread {spread:g}, write-verify")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[8, 16])
    parser.add_argument("--ohm", type=float, default=5.0)
    parser.add_argument("--spread", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for size in options.sizes:
        compared(size, options.ohm, options.seed, options.spread)


if __name__ == "__main__":
    main()
