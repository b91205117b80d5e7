"""`spicesnn fit`: a model's parameters from measurements."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spicesnn.cli import options
from spicesnn.cli.output import Answer, mark, table

if TYPE_CHECKING:
    import numpy as np
    from rich.console import Console

    from spicesnn.arrays import Floats
    from spicesnn.devices.cycle_statistics import CycleStatistics
    from spicesnn.devices.measurements import PulseTrain, Sweep
    from spicesnn.fitting.fit import FitResult
    from spicesnn.fitting.pulse_table import PulseTableFit

_TABLE = "pulse-table"
_ALL = "all"
_CYCLES = "cycles"


@dataclass(frozen=True, kw_only=True, slots=True)
class CurveOptions:
    """Pulses and reads of a pulse curve, where its file does not say."""

    pulse_volts: Annotated[
        str | None,
        typer.Option("--pulse-volts", metavar="VOLT", help="Set pulses of a pulse curve."),
    ] = None
    reset_volts: Annotated[
        str | None,
        typer.Option(
            "--reset-volts", metavar="VOLT", help="Reset pulses; default: minus the set pulses."
        ),
    ] = None
    pulse_width: Annotated[
        str | None, typer.Option("--pulse-width", metavar="SECONDS", help="Width of its pulses.")
    ] = None
    read_volts: Annotated[
        str | None,
        typer.Option(
            "--read-volts",
            metavar="VOLT",
            help="Read voltage of a pulse curve of currents, or of cycles in sweeps; the file's own,"
            " or 0.1 V.",
        ),
    ] = None


def fit(
    device: Annotated[
        str,
        typer.Argument(
            metavar="DEVICE",
            autocompletion=options.device_names,
            help="The model to fit: a name from `spicesnn devices`, a TOML file of a device "
            "(an earlier fit: the search begins there), pulse-table, cycles, or all.",
        ),
    ],
    csv: Annotated[
        Path,
        typer.Argument(
            metavar="CSV",
            help=(
                "A sweep (time, volts, amps), a pulse train (volts, width, siemens), or a pulse"
                " curve "
                "(siemens after each set pulse; a second column: after each reset pulse); "
                "for cycles a line per cycle, or many sweeps."
            ),
        ),
    ],
    *,
    parameters: Annotated[
        str | None,
        typer.Option(
            "--parameters", metavar="A,B,…", help="Parameters to fit; default: the usual ones."
        ),
    ] = None,
    starts: Annotated[int, typer.Option("--starts", min=1, help="Number of starting points.")] = 6,
    duration: Annotated[
        str | None,
        typer.Option("--duration", metavar="SECONDS", help="Length of a sweep without times."),
    ] = None,
    curve: CurveOptions,
    set_: options.Settings = None,
    out: options.Out = None,
    seed: options.Seed = None,
    engine: options.OneEngine = None,
    as_json: options.Json = False,
) -> Answer:
    """Fit a device model to measured sweeps or pulses: parameters with uncertainties, a TOML file
    that every command accepts, a figure.

    pulse-table makes a device that reproduces a pulse curve without a model; without --pulse-volts
    and --pulse-width its pulses are 1 V and 1 us. cycles fits the statistics of switching cycles
    (columns v_set, v_reset, lrs, hrs, and device; or an instrument's file of many sweeps of one
    device): a file for imperfections.cycles. all fits every
    model and says which of them the data prefer (Akaike's criterion). --set device.name=value holds
    a parameter, or says where the search begins. --engine has no effect here.

    Example:  spicesnn fit vteam sweep.csv --parameters r_on,r_off,k_on,k_off --out runs/fit
    """
    import numpy as np

    from spicesnn.devices.measurements import read_measurement
    from spicesnn.devices.pulse_curve import PulseCurve, WritePulses
    from spicesnn.errors import InputError
    from spicesnn.fitting.fit import fit as solve
    from spicesnn.fitting.pulse_table import fit_pulse_table
    from spicesnn.units import quantity

    if not csv.exists() and Path(device).is_file() and Path(device).suffix != ".toml":
        raise InputError(f"the model comes before the measurement: spicesnn fit {csv} {device}")
    folder = options.folder(out, f"runs/fit-{Path(device).stem}", holds="fit.png")
    given = {
        name: None if text is None else quantity(text, unit, option)
        for name, text, unit, option in (
            ("set_volts", curve.pulse_volts, "V", "--pulse-volts"),
            ("reset_volts", curve.reset_volts, "V", "--reset-volts"),
            ("width_s", curve.pulse_width, "s", "--pulse-width"),
        )
    }
    v_read = None if curve.read_volts is None else quantity(curve.read_volts, "V", "--read-volts")
    if device == _CYCLES:
        if parameters is not None or set_:
            raise InputError(
                "fit cycles takes no --parameters and no --set: it fits no device model"
            )
        return _of_cycles(csv, folder, v_read)
    if device == _TABLE:
        measured = PulseCurve.from_csv(csv, v_read=v_read)
        made = fit_pulse_table(
            measured,
            measured.pulses(
                **given, assumed=WritePulses(set_volts=1.0, reset_volts=-1.0, width_s=1e-6)
            ),
        )
        return _answer(
            device,
            made,
            folder,
            "S",
            {"scatter": made.parameters["scatter"], "read": list(measured.remarks)},
        )
    pulses = None
    if given["set_volts"] is not None and given["width_s"] is not None:
        down = given["reset_volts"]
        pulses = WritePulses(
            set_volts=given["set_volts"],
            reset_volts=-given["set_volts"] if down is None else down,
            width_s=given["width_s"],
        )
    length = None if duration is None else quantity(duration, "s", "--duration")
    rng = np.random.default_rng(seed or 0)
    if device == _ALL:
        if parameters is not None or set_:
            raise InputError(
                "fit all takes no --parameters and no --set: they belong to one model; fit that one"
            )
        return _comparison(
            read_measurement(csv, length, pulses=pulses, v_read=v_read), folder, rng, starts, v_read
        )
    base = options.device(device, options.settings(set_))
    chosen = (
        None
        if parameters is None
        else [name.strip() for name in parameters.split(",") if name.strip()]
    )
    result = solve(
        base.name,
        csv,
        rng=rng,
        starts=starts,
        parameters=chosen,
        base=base,
        duration_s=length,
        pulses=pulses,
        v_read=v_read,
    )
    return _of_model(base.name, result, folder)


def _of_cycles(csv: Path, folder: Path, v_read: float | None) -> Answer:
    """Return the answer of fitted statistics of cycles: measured and drawn numbers side by side, a
    file, a figure."""
    import numpy as np

    from spicesnn.devices.cycle_statistics import QUANTITIES, UNITS
    from spicesnn.fitting.cycles import fit_cycles
    from spicesnn.fitting.sweep_cycles import READ_VOLTS
    from spicesnn.plotting.style import save_figure
    from spicesnn.units import render

    found = fit_cycles(csv, read_volts=READ_VOLTS if v_read is None else v_read)
    toml, figure = found.write_toml(folder / "cycles.toml"), folder / "fit.png"
    save_figure(found.figure(), figure)
    pooled, statistics = np.concatenate(found.cycles), found.statistics
    rows: list[dict[str, Any]] = [
        {
            "quantity": name,
            "mean": float(pooled[:, k].mean()),
            "spread": float(pooled[:, k].std()),
            "device_to_device": float(np.sqrt(statistics.devices[k, k])),
            "next_cycle": float(_next(statistics)[k]),
        }
        for k, name in enumerate(QUANTITIES)
    ]

    def show(console: Console) -> None:
        for line in found.remarks:
            console.print(line, style="dim")
        shown = table("quantity", "mean", "standard deviation", "device to device", "next cycle")
        for row in rows:
            unit = UNITS[row["quantity"]]
            share = f"{100 * row['device_to_device'] ** 2:.0f} % of the variance"
            shown.add_row(
                row["quantity"],
                render(row["mean"], unit),
                render(row["spread"], unit),
                share,
                f"{row['next_cycle']:.2f}",
            )
        console.print(shown)
        console.print(
            f"cycles  {toml}\nfigure  {figure}\nin use  --set imperfections.cycles={toml}"
        )

    data = {
        "device": _CYCLES,
        "parameters": {row["quantity"]: row["mean"] for row in rows},
        "stderr": {},
        "rmse": None,
        "toml": str(toml),
        "figure": str(figure),
        "remarks": list(found.remarks),
        "quantities": rows,
        "order": statistics.order,
        "devices": len(found.cycles),
        "cycles": len(pooled),
    }
    return Answer(data=data, show=show)


def _next(statistics: CycleStatistics) -> Floats:
    """Return the correlation of each normal score with itself a cycle later, the device's constant
    included."""
    import numpy as np

    m = len(statistics.noise)
    present = statistics.stationary[:m, :m]
    before = [statistics.stationary[:m, i * m : (i + 1) * m] for i in range(statistics.order)]
    later = sum(
        (a @ lag.T for a, lag in zip(statistics.coefficients, before, strict=True)),
        start=np.zeros((m, m)),
    )
    return np.asarray(
        (np.diag(later) + np.diag(statistics.devices))
        / (np.diag(present) + np.diag(statistics.devices))
    )


def _of_model(
    name: str, result: FitResult, folder: Path, more_of: dict[str, Any] | None = None
) -> Answer:
    """Return the answer of one fitted model."""
    unit = "A" if hasattr(result.data, "amps") else "S"
    names = list(result.parameters)
    together = {
        a: {b: float(result.correlation[i, j]) for j, b in enumerate(names)}
        for i, a in enumerate(names)
    }
    more = {
        "relative_rmse": result.relative_rmse,
        "intervals": result.intervals,
        "correlation": together,
        "remarks": list(result.remarks),
        "read": list(result.data.remarks),
        "noise": {"relative": result.noise.relative, "floor": result.noise.floor},
    }
    return _answer(
        name, result, folder, unit, more | {"polarity": result.polarity} | (more_of or {})
    )


def _comparison(
    data: Sweep | PulseTrain,
    folder: Path,
    rng: np.random.Generator,
    starts: int,
    v_read: float | None,
) -> Answer:
    """Return the answer of all models: a table, a device file each, and what a fit of the best
    says."""
    from spicesnn.devices.instruments.pulses import V_READ
    from spicesnn.errors import ConvergenceError
    from spicesnn.fitting.compare import compare

    found = compare(data, rng=rng, starts=starts, v_read=V_READ if v_read is None else v_read)
    best = found[0]
    if best.result is None:
        raise ConvergenceError(f"no model could be fitted; {best.name}: {best.reason}")
    for candidate in found:
        if candidate.result is not None:
            candidate.result.write_toml(folder / f"{candidate.name}.toml")
    models = [
        {
            "name": c.name,
            "aic": c.aic if c.result else None,
            "relative_rmse": c.result.relative_rmse if c.result else None,
            "residual": c.residual if c.result else None,
            "parameters": c.result.parameters if c.result else {},
            "verdict": c.verdict(best),
        }
        for c in found
    ]
    answer = _of_model(best.name, best.result, folder, {"models": models})

    def show(console: Console) -> None:
        shown = table("model", "AIC − best", "residual", "parameters", "verdict")
        for candidate in found:
            result = candidate.result
            cells = (
                ("", "", "")
                if result is None
                else (
                    f"{candidate.aic - best.aic:.1f}",
                    f"{100 * candidate.residual:.3g} %",
                    str(len(result.parameters)),
                )
            )
            shown.add_row(candidate.name, *cells, candidate.verdict(best))
        console.print(shown)
        answer.show(console)

    return Answer(data=answer.data, show=show)


def _answer(
    device: str, result: FitResult | PulseTableFit, folder: Path, unit: str, more: dict[str, Any]
) -> Answer:
    """Write the device file and the figure of a fit and return what the command says."""
    from spicesnn.plotting.style import save_figure
    from spicesnn.units import render

    remarks: list[str] = more.pop("remarks", [])
    read: list[str] = more.get("read", [])
    toml = result.write_toml(folder / f"{device}.toml")
    figure = folder / "fit.png"
    save_figure(result.figure(), figure)

    def show(console: Console) -> None:
        for line in read:
            console.print(line, style="dim")
        shown = table("parameter", "value", "± one standard deviation")
        for name, value in result.parameters.items():
            shown.add_row(name, f"{value:.6g}", f"{result.stderr[name]:.2g}")
        console.print(shown)
        relative = (
            f", {100 * more['relative_rmse']:.2g} % relative" if "relative_rmse" in more else ""
        )
        for remark in remarks:
            console.print(mark("note    ", "yellow"), remark, sep="")
        console.print(f"residual {render(result.rmse, unit)} (root mean square){relative}")
        console.print(f"device  {toml}\nfigure  {figure}")

    data = {
        "device": device,
        "parameters": result.parameters,
        "stderr": result.stderr,
        "rmse": result.rmse,
        "toml": str(toml),
        "figure": str(figure),
        "remarks": remarks,
    }
    return Answer(data=data | more, show=show)
