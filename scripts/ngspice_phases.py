"""Where the time of a linear read in ngspice goes, from an array to its voltages, and what a second
analysis of a loaded circuit takes.

    python scripts/ngspice_phases.py [64 128]

Random cells of 10 to 1000 µS, wires of 1 Ω, in this process, with KLU where the library has it
(SPICESNN_LIBNGSPICE points at another). One line a size; seconds of the processor."""

from __future__ import annotations

import sys
import time
from array import array as numbers
from collections.abc import Callable
from typing import TypeVar

import numpy as np

import spicesnn as sn
from spicesnn.crossbar.stimulus import Levels
from spicesnn.engines.ngspice import library, reads
from spicesnn.engines.ngspice.binding import Binding
from spicesnn.netlist.accuracy import ReadAccuracy

Result = TypeVar("Result")


def phases(spice: Binding, size: int, *, klu: bool) -> dict[str, float]:
    """Return the processor seconds of each phase of reads of one size."""
    rng = np.random.default_rng(0)
    cells = rng.uniform(1e-5, 1e-3, (size, size))
    array = sn.Crossbar(conductance=cells, wires=sn.Wires(1.0, 1.0))
    levels = Levels.checked(array, rng.uniform(-1, 1, size))
    spent: dict[str, float] = {}

    def timed(phase: str, function: Callable[[], Result]) -> Result:
        began = time.process_time()
        found = function()
        spent[phase] = time.process_time() - began
        return found

    circuit = timed(
        "deck written", lambda: reads._circuit(size, array, levels, ReadAccuracy(), steady=True)
    )
    title, _, rest = circuit.text.partition("\n")
    text = f"{title}\n.options klu\n{rest}" if klu else circuit.text
    group, ohms = circuit.alterable["cells"], reads.altered_values(array, circuit)["cells"]
    table = numbers("d", reads._table(circuit, levels, steady=True).ravel())

    def run(command: bytes) -> None:
        spice.table_index = {name.encode(): k for k, name in enumerate(circuit.externals)}
        spice.table_at, spice.table = 0, table
        spice.command(command)
        spice.table = None

    def alter() -> None:
        for command in group.commands(ohms, None):
            spice.command(command.encode())

    timed("parsed", lambda: spice.load(text))
    timed("cells altered", alter)
    timed("first analysis", lambda: run(b"dc vidx 0 0 1"))
    timed("vectors fetched", lambda: [bytes(spice.vector(v.encode())) for v in circuit.vectors])
    spice.command(b"destroy all")
    spice.command(b"stop after 1")
    timed("second analysis", lambda: run(b"dc vidx 0 1000000 1"))
    spice.command(b"delete all")
    spice.command(b"stop after 2")
    timed("its next point", lambda: run(b"resume"))
    spice.command(b"delete all")
    spice.command(b"destroy all")
    timed("removed", lambda: spice.command(b"remcirc"))
    return spent


def main(sizes: list[int]) -> None:
    """Print a line for each size."""
    with sn.NgspiceEngine() as engine:
        found = engine.library()
    spice = Binding(library.find(), lambda status: sys.exit(status))
    for size in sizes:
        spent = phases(spice, size, klu=found.klu)
        told = ", ".join(f"{phase} {seconds:.3f} s" for phase, seconds in spent.items())
        solver = "KLU" if found.klu else "Sparse 1.3"
        print(f"ngspice {found.version}, {solver}, {size} x {size}: {told}", flush=True)


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [64])
