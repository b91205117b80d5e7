"""`spicesnn iv`: the current-voltage curve of one device."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spicesnn.cli import options
from spicesnn.cli.output import Answer
from spicesnn.plotting.beside import MATPLOTLIB, drawing

if TYPE_CHECKING:
    from rich.console import Console

    from spicesnn.devices.measurements import Sweep
    from spicesnn.reporting.flawed import Flaws


class ShapeName(enum.StrEnum):
    """Shape of the voltage."""

    SINE = "sine"
    TRIANGLE = "triangle"
    SWEEP = "sweep"


@dataclass(frozen=True, kw_only=True, slots=True)
class VoltageOptions:
    """The voltage that drives the device."""

    waveform: Annotated[ShapeName, typer.Option("--waveform", help="Shape of the voltage.")] = (
        ShapeName.SINE
    )
    amplitude: Annotated[
        str | None,
        typer.Option(
            "--amplitude",
            metavar="VOLT",
            help="Amplitude of sine or triangle; the device's typical one if left out.",
        ),
    ] = None
    frequency: Annotated[
        str | None,
        typer.Option(
            "--frequency",
            metavar="HERTZ,…",
            help="One or several frequencies; the typical one if left out.",
        ),
    ] = None
    periods: Annotated[
        float,
        typer.Option(
            "--periods", callback=options.finite, help="Length of the sweep: how many cycles."
        ),
    ] = 2.0
    stops: Annotated[
        str | None,
        typer.Option(
            "--stops",
            metavar="V,V,…",
            help="Voltages that --waveform sweep goes through in a period.",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True, slots=True)
class VariationOptions:
    """How cycles and devices differ."""

    vary: Annotated[
        str | None,
        typer.Option("--vary", metavar="A,B,…", help="Parameters drawn again for each cycle."),
    ] = None
    spread: Annotated[
        float,
        typer.Option(
            "--spread",
            callback=options.finite,
            min=0.0,
            help="Relative standard deviation, log-normal.",
        ),
    ] = 0.1
    samples: Annotated[
        int,
        typer.Option(
            "--samples", min=1, help="Number of devices drawn from the table [imperfections]."
        ),
    ] = 1


def iv(
    device: Annotated[
        str,
        typer.Argument(
            metavar="DEVICE", autocompletion=options.device_names, help=options.DEVICE_HELP
        ),
    ],
    *,
    engine: Annotated[
        options.EngineNames, typer.Option("--engine", help="The engine, or both of them, compared.")
    ] = options.EngineNames.NODAL,
    voltage: VoltageOptions,
    variation: VariationOptions,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="CSV", help="A measured sweep (volts, amps) to overlay."),
    ] = None,
    gate: Annotated[
        float | None,
        typer.Option(
            "--gate", callback=options.finite, metavar="VOLT", help="Level of the third terminal."
        ),
    ] = None,
    published: Annotated[
        str | None,
        typer.Option("--published", metavar="SET", help="A published parameter set of the model."),
    ] = None,
    trust: options.Trust = False,
    set_: options.Settings = None,
    out: options.Out = None,
    seed: options.Seed = None,
    as_json: options.Json = False,
) -> Answer:
    """Drive a device with a sine, a triangle or a sweep; write its curve (CSV) and its figure.

    Several frequencies show the loop shrinking; --vary shows cycles that differ; --data overlays
    measurements. The table [imperfections] of a device file, or --set imperfections.KEY=VALUE,
    adds device-to-device variation, stuck-at faults, noise and endurance, alike on both engines.

    Example:  spicesnn iv vteam --engine both --set device.r_off=2k --out runs/iv

    Example:  spicesnn iv vteam --set imperfections.parameters=k_on,k_off --set imperfections.spread=0.3 --samples 10 --periods 3

    Example:  spicesnn iv linear-drift --waveform sweep --stops 0,1,0,-1,0 --frequency 0.5,1,5 --out runs/loops
    """
    with drawing("spicesnn.plotting.iv", *MATPLOTLIB) as draw:
        import numpy as np

        from spicesnn.devices.variability import LogNormal
        from spicesnn.reporting.curves import Drive, Shape, Variation, sweep
        from spicesnn.units import quantity, render

        init, given = options.own_init(options.settings(set_))
        flawed = {key: value for key, value in given.items() if key.startswith("imperfections.")}
        model = options.device(
            device, {key: value for key, value in given.items() if key not in flawed}, published
        )
        typical = model.typical_drive()
        drive = Drive(
            shape=Shape(voltage.waveform.value),
            amplitude=(
                typical[0]
                if voltage.amplitude is None
                else quantity(voltage.amplitude, "V", "--amplitude")
            ),
            periods=voltage.periods,
            frequencies=(
                (typical[1],)
                if voltage.frequency is None
                else tuple(
                    quantity(text, "Hz", "--frequency") for text in voltage.frequency.split(",")
                )
            ),
            stops=(
                ()
                if voltage.stops is None
                else tuple(quantity(text, "V", "--stops") for text in voltage.stops.split(","))
            ),
        )
        laws = (
            {}
            if variation.vary is None
            else {
                name.strip(): LogNormal(variation.spread)
                for name in variation.vary.split(",")
                if name.strip()
            }
        )
        folder = options.folder(out, f"runs/iv-{model.name}", holds="iv.csv")
        result = sweep(
            model,
            engines=[
                options.engine(name, init=init, failures=folder / "failures")
                for name in (("nodal", "ngspice") if engine == "both" else (engine.value,))
            ],
            drive=drive,
            folder=folder,
            gate_volts=gate,
            flaws=_flaws(device, flawed, variation.samples, seed or 0),
            variation=Variation(laws=laws, rng=np.random.default_rng(seed or 0)),
            measured=None if data is None else _measured(data),
            draw=draw,
        )

    def show(console: Console) -> None:
        rates = ", ".join(render(value, "Hz") for value in result.frequencies)
        console.print(
            f"{model.name} on {engine.value}: peak {render(result.peak_amps, 'A')} at"
            f" {render(result.amplitude, 'V')}, {rates}"
        )
        if len(result.frequencies) > 1:
            console.print(
                f"area of the loop: {', '.join(f'{area:.3g} V·A' for area in result.lobe_areas)}"
            )
        if result.max_relative_difference is not None:
            beside = f" ({result.difference_beside_jumps:.1e} away from switching)"
            console.print(
                f"engines agree to {result.max_relative_difference:.1e} of the peak{beside}"
            )
        console.print(f"curve   {result.csv}\nfigure  {result.figure}")

    return Answer(data=result.describe() | {"engine": engine.value}, show=show)


def _flaws(name: str, settings: dict[str, str], samples: int, seed: int) -> Flaws | None:
    """Return what is imperfect about the device, by its file and by the settings; None where
    nothing is."""
    from spicesnn.errors import InputError
    from spicesnn.nonidealities.options import ImperfectionOptions
    from spicesnn.reporting.flawed import Flaws, read_options

    found = read_options(Path(name) if name.endswith(".toml") else None, settings)
    if found == ImperfectionOptions():
        if samples > 1:
            raise InputError(
                f"--samples {samples}: the devices are all alike; say in [imperfections] or with"
                " --set imperfections.… how they differ"
            )
        return None
    return Flaws(options=found, samples=samples, seed=seed)


def _measured(path: Path) -> Sweep:
    """Return a measured sweep; when it was taken does not matter here."""
    from spicesnn.devices.measurements import Sweep, read_measurement
    from spicesnn.errors import InputError

    found = read_measurement(path, duration_s=1.0)
    if not isinstance(found, Sweep):
        raise InputError(
            f"--data {path} contains a pulse train; expected a sweep with columns volts, amps"
        )
    return found
