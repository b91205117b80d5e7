"""`spicesnn iv`: the current-voltage curve of one device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from spicesnn.cli import options
from spicesnn.cli.output import Answer

if TYPE_CHECKING:
    from rich.console import Console


def iv(
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="A name from `spicesnn devices`, or a TOML file of your own device.")],
    engine: Annotated[options.EngineNames, typer.Option("--engine", help="Who solves it; both compares.")] = options.EngineNames.NODAL,
    amplitude: Annotated[str | None, typer.Option("--amplitude", metavar="VOLT", help="Of the sine; the device's typical one if left out.")] = None,
    frequency: Annotated[str | None, typer.Option("--frequency", metavar="HERTZ", help="Of the sine; the device's typical one if left out.")] = None,
    periods: Annotated[float, typer.Option("--periods", help="Length of the sweep.")] = 2.0,
    gate: Annotated[float | None, typer.Option("--gate", metavar="VOLT", help="Level of the third terminal, where there is one.")] = None,
    published: Annotated[str | None, typer.Option("--published", metavar="SET", help="A published parameter set of the model.")] = None,
    set_: options.Settings = None,
    out: options.Out = None,
    seed: options.Seed = None,
    as_json: options.Json = False,
) -> Answer:
    """Sweep a device with a sine; write its curve (CSV) and its figure.

    Example:  spicesnn iv vteam --engine both --set device.r_off=2k --out runs/iv
    """
    from spicesnn.reporting.curves import sweep
    from spicesnn.units import parse, render

    model = options.device(device, options.settings(set_), published)
    typical = model.typical_drive()
    result = sweep(
        model,
        engines=[options.engine(name) for name in (("nodal", "ngspice") if engine == "both" else (engine.value,))],
        amplitude=typical[0] if amplitude is None else parse(amplitude),
        frequency=typical[1] if frequency is None else parse(frequency),
        periods=periods,
        gate_volts=gate,
        folder=options.folder(out, f"runs/iv-{model.name}"),
    )

    def show(console: Console) -> None:
        drive = f"{render(result.amplitude, 'V')}, {render(result.frequency, 'Hz')}"
        console.print(f"{model.name} on {engine.value}: peak {render(result.peak_amps, 'A')} at {drive}")
        if result.max_relative_difference is not None:
            console.print(f"the twins differ by at most {result.max_relative_difference:.2e} of the peak current")
        console.print(f"curve   {result.csv}\nfigure  {result.figure}")

    return Answer(data=result.describe() | {"engine": engine.value}, show=show)
