"""The IV curve of a device on one engine or both: swept, compared, written as CSV and drawn."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn.devices.base import Device
from spicesnn.engines.base import Engine
from spicesnn.engines.iv import iv
from spicesnn.engines.results import IVCurve
from spicesnn.errors import RunError
from spicesnn.validation.curves import POINTS, relative_difference


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A finished sweep.

    Attributes
    ----------
    device : str
    amplitude, frequency : float
        Of the sine, volt and hertz.
    peak_amps : float
        Largest current, ampere.
    max_relative_difference : float or None
        Largest difference of the two engines' currents over the peak current; None with one engine.
    csv, figure : str
        What was written.
    """

    device: str
    amplitude: float
    frequency: float
    peak_amps: float
    max_relative_difference: float | None
    csv: str
    figure: str

    def describe(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return asdict(self)


def sweep(
    device: Device, *, engines: Sequence[Engine], amplitude: float, frequency: float, periods: float, folder: Path, gate_volts: float | None = None
) -> Sweep:
    """Drive `device` with a sine on each engine; write ``iv.csv`` and ``iv.png`` into `folder`."""
    from spicesnn.plotting.iv import iv_figure

    curves = []
    points = POINTS if len(engines) > 1 else 2000
    for engine in engines:
        with engine:
            curves.append(iv(device, engine, amplitude, frequency, periods, gate_volts=gate_volts, points=points))
    csv, figure = folder / "iv.csv", folder / "iv.png"
    try:
        write_csv(csv, curves, device)
        iv_figure(curves, device).savefig(figure)
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error.strerror or error}; choose another folder with --out") from None
    return Sweep(
        device=device.name,
        amplitude=amplitude,
        frequency=frequency,
        peak_amps=max(float(np.max(np.abs(curve.amps))) for curve in curves),
        max_relative_difference=relative_difference(*curves) if len(curves) == 2 else None,
        csv=os.fspath(csv),
        figure=os.fspath(figure),
    )


def write_csv(path: Path, curves: Sequence[IVCurve], device: Device) -> None:
    """Write time, volts, amps and the states of each curve; of two engines the second at the times of the first."""
    base = curves[0]
    names, columns = ["time_s", "volts"], [base.time, base.volts]
    for curve in curves:
        tail = f"_{curve.engine}" if len(curves) > 1 else ""
        states = np.atleast_2d(curve.state) if device.state_names else np.empty((0, len(curve.time)))
        labels = [f"amps{tail}", *(f"{name}{tail}" for name in device.state_names)]
        for label, values in zip(labels, (curve.amps, *states), strict=True):
            names.append(label)
            columns.append(values if curve is base else np.interp(base.time, curve.time, values))
    np.savetxt(path, np.column_stack(columns), delimiter=",", header=",".join(names), comments="", fmt="%.9g")
