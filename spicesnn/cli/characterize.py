"""`spicesnn characterize`: tables that stand for a cell, made by driving it through an engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from spicesnn.cli import options
from spicesnn.cli.output import Answer

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, kw_only=True, slots=True)
class GridOptions:
    """Where the cell is measured."""

    lowest: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="VOLT",
            help="Lowest pulse amplitude; minus the typical drive if left out.",
        ),
    ] = ""
    highest: Annotated[
        str,
        typer.Option(
            "--to", metavar="VOLT", help="Highest pulse amplitude; the typical drive if left out."
        ),
    ] = ""
    count: Annotated[
        int, typer.Option("--voltages", min=2, help="Initial number of amplitudes.")
    ] = 21
    states: Annotated[int, typer.Option("--states", min=3, help="Initial number of states.")] = 21
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance",
            min=1e-4,
            callback=options.finite,
            help="Refine to pulse errors below this.",
        ),
    ] = 5e-3
    most: Annotated[int, typer.Option("--most", min=100, help="Maximum number of grid points.")] = (
        30_000
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchOptions:
    """How the cell is pulsed and read."""

    width: Annotated[
        str,
        typer.Option(
            "--width",
            metavar="SECONDS",
            help="Pulse width; a hundredth of the typical period if left out.",
        ),
    ] = ""
    read_volts: Annotated[
        str,
        typer.Option(
            "--read-volts", metavar="VOLT", help="Read voltage at which conductance is I/V."
        ),
    ] = "0.1"
    gate: Annotated[bool, typer.Option("--gate", help="Pulse the gate instead of the cell.")] = (
        False
    )
    gate_volts: Annotated[
        str,
        typer.Option(
            "--gate-volts",
            metavar="VOLT",
            help="Gate voltage without --gate; default: typical for the cell.",
        ),
    ] = ""
    cell_volts: Annotated[
        str,
        typer.Option(
            "--cell-volts", metavar="VOLT", help="With --gate: the voltage across the cell."
        ),
    ] = "0"


def characterize(
    device: Annotated[
        str,
        typer.Argument(
            metavar="DEVICE", autocompletion=options.device_names, help=options.DEVICE_HELP
        ),
    ],
    *,
    grid: GridOptions,
    bench: BenchOptions,
    trust: options.Trust = False,
    set_: options.Settings = None,
    out: options.Out = None,
    seed: options.Seed = None,
    engine: options.OneEngine = None,
    as_json: options.Json = False,
) -> Answer:
    """Drive a cell with reads and pulses; write tables of current and of conductance change, with
    their error against the engine.

    The folder's device.toml is a device for every command: the nodal engine runs it instead of the
    cell.

    Example:  spicesnn characterize 1t1r --set device.memristor=pai-yu-chen --gate-volts 2.5 --from -2.5 --to 2.5 --width 10n --out runs/table
    """
    import time

    import numpy as np

    from spicesnn.characterization.cell_bench import Axis
    from spicesnn.characterization.characterize import characterize as measure
    from spicesnn.errors import RunError
    from spicesnn.plotting.cell import characterization_figure
    from spicesnn.plotting.style import save_figure
    from spicesnn.units import quantity

    init, changes = options.own_init(options.settings(set_))
    cell = options.device(device, changes)
    amplitude, frequency = cell.typical_drive()
    volts = np.linspace(
        quantity(grid.lowest, "V", "--from") if grid.lowest else -amplitude,
        quantity(grid.highest, "V", "--to") if grid.highest else amplitude,
        grid.count,
    )
    folder = options.folder(out, f"runs/table-{cell.name}", holds="table.npz")
    began = time.perf_counter()
    with options.engine(
        engine.value if engine else "ngspice", init=init, failures=folder / "failures"
    ) as solver:
        made = measure(
            cell,
            engine=solver,
            volts=volts,
            width_s=quantity(bench.width, "s", "--width") if bench.width else 0.01 / frequency,
            rng=np.random.default_rng(seed or 0),
            axis=Axis.GATE if bench.gate else Axis.CELL,
            states=grid.states,
            v_read=quantity(bench.read_volts, "V", "--read-volts"),
            gate_volts=(
                quantity(bench.gate_volts, "V", "--gate-volts") if bench.gate_volts else None
            ),
            cell_volts=quantity(bench.cell_volts, "V", "--cell-volts"),
            tolerance=grid.tolerance,
            most=grid.most,
        )
    seconds, errors = time.perf_counter() - began, made.errors
    file, tables = made.write(folder), made.moving.tables
    figure = folder / "table.png"
    try:
        save_figure(characterization_figure(made), figure)
    except OSError as error:
        raise RunError(f"{figure} cannot be written: {error.strerror or error}") from None

    def show(console: Console) -> None:
        console.print(
            f"table of {cell.name}: {tables.states.size} states × {tables.volts.size} voltages"
        )
        changes = (
            f"{errors.increment:.2e} integrated, {errors.lookup:.2e} in closed form,"
            f" {errors.table:.2e} in the bilinear table"
        )
        console.print(
            f"largest relative error at {errors.checks} random points: current"
            f" {errors.current:.2e}, conductance change {changes}"
        )
        console.print(f"made in {seconds:.0f} s")
        console.print(f"tables  {folder / 'table.npz'}\nfigure  {figure}\ndevice  {file}")

    data = {
        "source": cell.name,
        "table": str(folder / "table.npz"),
        "figure": str(figure),
        "device": str(file),
        "max_relative_error": made.max_relative_error,
        "current_error": errors.current,
        "increment_error": errors.increment,
        "lookup_error": errors.lookup,
        "table_error": errors.table,
        "states": tables.states.size,
        "voltages": tables.volts.size,
        "wall_s": seconds,
    }
    return Answer(data=data, show=show)
