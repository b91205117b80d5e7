"""What the ngspice that is found (SPICESNN_LIBNGSPICE points at another) needs for a linear read,
and how far it is from the nodal engine.

    python scripts/ngspice_versions.py [32 64 128]

One line a size: random cells of 1 to 100 µS on wires of 1 Ω; the second read of a loaded array,
processor time of the analysis alone. ngspice 39 has no KLU, and 128 x 128 takes it two minutes."""

from __future__ import annotations

import sys

import numpy as np

import spicesnn as sn


def main(sizes: list[int]) -> None:
    """Print a line for each size."""
    for size in sizes:
        rng = np.random.default_rng(0)
        array = sn.Crossbar(
            conductance=rng.uniform(1e-6, 1e-4, (size, size)),
            wires=sn.Wires(word_line_ohm=1.0, bit_line_ohm=1.0),
        )
        volts = rng.uniform(-1, 1, size)
        with sn.NgspiceEngine() as engine:
            engine.read(array, -volts)
            read = engine.read(array, volts)
            library = engine.library()
        apart = (
            np.abs(read.column_amps - sn.NodalEngine().read(array, volts).column_amps).max()
            / np.abs(read.column_amps).max()
        )
        solver = "KLU" if library.klu else "Sparse 1.3"
        print(
            f"ngspice {library.version}, {solver}: {size} x {size} in"
            f" {read.stats['ngspice_cpu_seconds']:.3f} s, apart by {apart:.1e}",
            flush=True,
        )


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [32, 64])
