"""Characterise the 1T1R cell through ngspice into the tables that travel with the package
(spicesnn/devices/tables/).

The cell is a filament-gap device (Chen and Yu, IEEE TED 62(12), 4022, 2015) under a transistor with
2.5 V at its gate. Two tables are made:

`1t1r-pai-yu-chen`
    Pulses on the word line, -2.5 to 2.5 V, 10 ns: a device, loaded by its name wherever a device is asked for::

        spicesnn iv 1t1r-pai-yu-chen spicesnn train stdp-mnist --set "projection.*.synapses=pulse-map" --set
        device.model=1t1r-pai-yu-chen

        from spicesnn.netlist.device_source import device_from
        device = device_from("1t1r-pai-yu-chen")        # two terminals: the gate stays at 2.5 V; G = I/V at 0.7 V, 4.4e-7 to 1.3e-4 S

`1t1r-pai-yu-chen-gate`
    Pulses on the gate, 0 to 2.5 V, 10 ns, with 2 V across the cell: a set whose current the gate
    limits.

The increments of either, ΔG(G, V), from the rates in closed form, of another width from the same::

    from spicesnn.characterization.characterize import Characterization
    from spicesnn.paths import tables_dir
    made = Characterization.read(tables_dir() / "1t1r-pai-yu-chen-gate.npz")
    made.increments(1e-5, 2.0)            # siemens, for a 10 ns gate pulse of 2 V
    made.increments_of(1e-9)(1e-5, 2.0)   # for 1 ns

It takes a few minutes: python scripts/characterize_1t1r.py
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import spicesnn as sn
from spicesnn.characterization.cell_bench import Axis
from spicesnn.characterization.characterize import Characterization, characterize
from spicesnn.devices import registry
from spicesnn.engines.base import Engine
from spicesnn.paths import tables_dir

GATE_VOLTS, READ_VOLTS, CELL_VOLTS, WIDTH_S = 2.5, 0.7, 2.0, 10e-9


def along_the_cell(engine: Engine, tolerance: float, most: int) -> Characterization:
    """Return the tables of pulses on the word line."""
    cell = registry.fresh("1t1r", "pai-yu-chen")
    return characterize(
        cell,
        engine=engine,
        volts=np.linspace(-2.5, 2.5, 21),
        width_s=WIDTH_S,
        rng=np.random.default_rng(0),
        v_read=READ_VOLTS,
        gate_volts=GATE_VOLTS,
        tolerance=tolerance,
        most=most,
    )


def along_the_gate(engine: Engine, tolerance: float, most: int) -> Characterization:
    """Return the tables of pulses on the gate."""
    cell = registry.fresh("1t1r", "pai-yu-chen")
    return characterize(
        cell,
        engine=engine,
        volts=np.linspace(0.0, 2.5, 11),
        width_s=WIDTH_S,
        rng=np.random.default_rng(1),
        v_read=READ_VOLTS,
        gate_volts=GATE_VOLTS,
        axis=Axis.GATE,
        cell_volts=CELL_VOLTS,
        tolerance=tolerance,
        most=most,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", choices=("ngspice", "nodal"), default="ngspice")
    parser.add_argument("--tolerance", type=float, default=0.003)
    parser.add_argument("--most", type=int, default=10000, help="rates that are measured at most")
    parser.add_argument("--only", choices=("cell", "gate"))
    parser.add_argument("--out", type=Path, default=tables_dir())
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with sn.NgspiceEngine() if options.engine == "ngspice" else sn.NodalEngine() as engine:
        for axis, name, make in (
            ("cell", "1t1r-pai-yu-chen", along_the_cell),
            ("gate", "1t1r-pai-yu-chen-gate", along_the_gate),
        ):
            if options.only not in (None, axis):
                continue
            began = time.perf_counter()
            made = make(engine, options.tolerance, options.most)
            made.write_arrays(options.out / f"{name}.npz")
            if axis == "cell":
                (options.out / f"{name}.toml").write_text(
                    made.toml(f"{name}.npz"), encoding="utf-8"
                )
            tables = made.moving.tables
            print(
                f"{name}: {tables.states.size} states x {tables.volts.size} voltages in"
                f" {time.perf_counter() - began:.0f} s; errors: current {made.errors.current:.2e},"
                f" change of conductance {made.errors.increment:.2e} integrated,"
                f" {made.errors.lookup:.2e} in closed form, {made.errors.table:.2e} in a bilinear"
                " table"
            )


if __name__ == "__main__":
    main()
