"""`spicesnn fit`: a model's parameters from measurements."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spicesnn.cli import options
from spicesnn.cli.output import Answer

if TYPE_CHECKING:
    from rich.console import Console


def fit(
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="The model to fit: a name from `spicesnn devices`.")],
    csv: Annotated[Path, typer.Argument(metavar="CSV", help="A measured sweep (time, volts, amps) or pulse train (volts, width, siemens).")],
    parameters: Annotated[str | None, typer.Option("--parameters", metavar="A,B,…", help="What to fit; the customary ones if left out.")] = None,
    starts: Annotated[int, typer.Option("--starts", min=1, help="How many minima are sought.")] = 6,
    duration: Annotated[str | None, typer.Option("--duration", metavar="SECONDS", help="Length of a sweep without times.")] = None,
    set_: options.Settings = None,
    out: options.Out = None,
    seed: options.Seed = None,
    engine: options.OneEngine = None,
    as_json: options.Json = False,
) -> Answer:
    """Fit a device model to measured sweeps or pulses: parameters with uncertainties, a TOML file that every command takes, a figure.

    --set device.name=value holds a parameter, or says where the search begins. --engine changes nothing here.

    Example:  spicesnn fit vteam sweep.csv --parameters r_on,r_off,k_on,k_off --out runs/fit
    """
    import numpy as np

    from spicesnn.devices.fitting import fit as solve
    from spicesnn.units import parse, render

    base = options.device(device, options.settings(set_))
    folder = options.folder(out, f"runs/fit-{device}")
    chosen = None if parameters is None else [name.strip() for name in parameters.split(",") if name.strip()]
    length = None if duration is None else parse(duration)
    result = solve(device, csv, rng=np.random.default_rng(seed or 0), starts=starts, parameters=chosen, base=base, duration_s=length)
    toml = result.write_toml(folder / f"{device}.toml")
    figure = folder / "fit.png"
    result.figure().savefig(figure)
    unit = "A" if hasattr(result.data, "amps") else "S"

    def show(console: Console) -> None:
        from rich.table import Table

        table = Table("parameter", "value", "± one standard deviation")
        for name, value in result.parameters.items():
            table.add_row(name, f"{value:.6g}", f"{result.stderr[name]:.2g}")
        console.print(table)
        console.print(f"residual {render(result.rmse, unit)} (root mean square), {100 * result.relative_rmse:.2g} % relative")
        console.print(f"device  {toml}\nfigure  {figure}")

    data = {"device": device, "parameters": result.parameters, "stderr": result.stderr, "rmse": result.rmse,
            "relative_rmse": result.relative_rmse, "toml": str(toml), "figure": str(figure)}  # fmt: skip
    return Answer(data=data, show=show)
