"""`spicesnn characterize`: tables that stand for a cell, made by driving it through an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from spicesnn.cli import options
from spicesnn.cli.output import Answer

if TYPE_CHECKING:
    from rich.console import Console


def characterize(
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="A name from `spicesnn devices`, or a TOML file of your own device.")],
    lowest: Annotated[str, typer.Option("--from", metavar="VOLT", help="Lowest pulse amplitude; minus the typical drive if left out.")] = "",
    highest: Annotated[str, typer.Option("--to", metavar="VOLT", help="Highest pulse amplitude; the typical drive if left out.")] = "",
    count: Annotated[int, typer.Option("--voltages", min=2, help="How many amplitudes.")] = 41,
    states: Annotated[int, typer.Option("--states", min=2, help="How many states between the bounds.")] = 41,
    width: Annotated[str, typer.Option("--width", metavar="SECONDS", help="Pulse width; a hundredth of the typical period if left out.")] = "",
    gate: Annotated[bool, typer.Option("--gate", help="Pulse the gate instead of the cell.")] = False,
    cell_volts: Annotated[str, typer.Option("--cell-volts", metavar="VOLT", help="With --gate: the voltage across the cell.")] = "0",
    set_: options.Settings = None,
    out: options.Out = None,
    seed: options.Seed = None,
    engine: options.OneEngine = None,
    as_json: options.Json = False,
) -> Answer:
    """Drive a cell with reads and pulses; write tables of current and of conductance change, with their error against the engine.

    Example:  spicesnn characterize vteam --engine ngspice --voltages 21 --states 21 --out runs/table
    """
    import numpy as np

    from spicesnn.devices.characterize import Axis
    from spicesnn.devices.characterize import characterize as measure
    from spicesnn.units import parse

    cell = options.device(device, options.settings(set_))
    amplitude, frequency = cell.typical_drive()
    volts = np.linspace(parse(lowest) if lowest else -amplitude, parse(highest) if highest else amplitude, count)
    folder = options.folder(out, f"runs/table-{cell.name}")
    with options.engine(engine.value if engine else "ngspice") as solver:
        made = measure(
            cell, engine=solver, volts=volts, width_s=parse(width) if width else 0.01 / frequency, rng=np.random.default_rng(seed or 0),
            axis=Axis.GATE if gate else Axis.CELL, states=states, cell_volts=parse(cell_volts),
        )  # fmt: skip
    table = made.write(folder)

    def show(console: Console) -> None:
        console.print(f"table of {cell.name}, {count} voltages × {states} states: {table}")
        console.print(f"largest error at random points: current {made.current_error:.2e}, conductance change {made.increment_error:.2e} (relative)")

    data = {"device": cell.name, "table": str(table), "max_relative_error": made.max_relative_error,
            "current_error": made.current_error, "increment_error": made.increment_error}  # fmt: skip
    return Answer(data=data, show=show)
