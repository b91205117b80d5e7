"""A pulse table from a measured pulse curve: the device that reproduces it, and how well it
does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.devices.device_file import write_device
from spicesnn.devices.measured import MeasuredDevice
from spicesnn.devices.pulse_curve import PulseCurve, WritePulses
from spicesnn.shown import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class PulseTableFit:
    """A measured device made from a pulse curve.

    Attributes
    ----------
    device : MeasuredDevice
        Its table reproduces the curve, pulse by pulse.
    curve : PulseCurve
    parameters, stderr : Mapping[str, float]
        What describes the set pulses: ``g_first`` (S, as the curve has it), ``g_gain`` (S) and
        ``pulses`` of the exponential through them with one standard deviation of each, and
        ``scatter`` (S), the cycle-to-cycle scatter around a smooth curve with its own, σ/√(2(n −
        2)). The table does not use them.
    fitted : tuple of (pulses + 1,)
        Conductances that the table walks through from the first measured one: set, then reset
        pulses where there are any.
    rmse : float
        Of `fitted` against everything measured, siemens.
    """

    device: MeasuredDevice
    curve: PulseCurve
    parameters: Mapping[str, float]
    stderr: Mapping[str, float]
    fitted: tuple[Floats, ...]
    rmse: float

    @property
    def measured(self) -> tuple[Floats, ...]:
        """What was measured, as `fitted`."""
        return (
            (self.curve.raising,)
            if self.curve.lowering is None
            else (self.curve.raising, self.curve.lowering)
        )

    def write_toml(self, path: str | Path) -> Path:
        """Write a device file, and the table beside it."""
        values = ", ".join(
            f"{name} {value:.5g} ± {self.stderr[name]:.2g}"
            for name, value in self.parameters.items()
        )
        count = sum(part.size for part in self.measured)
        lines = [
            *self.curve.remarks,
            f"pulse table of {count} measured conductances, residual {self.rmse:.3g} S",
            f"set pulses: {values}",
        ]
        heading = "\n".join(lines)
        return write_device(path, self.device, heading=heading)

    def figure(self) -> Figure:
        """Return the figure of data and table."""
        made: Figure = shown(self, "figure")
        return made


def fit_pulse_table(curve: PulseCurve, pulses: WritePulses) -> PulseTableFit:
    """Return the device whose table reproduces a curve.

    Parameters
    ----------
    curve : PulseCurve
    pulses : WritePulses
        How it was measured, which a curve of conductances does not tell, unless its file did
        (`PulseCurve.pulses`).
    """
    table = curve.table(pulses.set_volts, pulses.reset_volts, pulses.width_s)
    start = float(np.clip(curve.raising[0], table.grid.x[0], table.grid.x[-1]))
    device = MeasuredDevice.of(table, g_init=start)
    fitted = []
    for part, volts in ((curve.raising, pulses.set_volts), (curve.lowering, pulses.reset_volts)):
        if part is None:
            continue
        walked = [float(np.clip(part[0], table.grid.x[0], table.grid.x[-1]))]
        for _ in range(part.size - 1):
            walked.append(float(table.after(walked[-1], volts)))
        fitted.append(np.array(walked))
    measured = (curve.raising,) if curve.lowering is None else (curve.raising, curve.lowering)
    residuals = np.concatenate([a - b for a, b in zip(fitted, measured, strict=True)])
    parameters, stderr = curve.described()
    return PulseTableFit(
        device=device,
        curve=curve,
        parameters=parameters,
        stderr=stderr,
        fitted=tuple(fitted),
        rmse=float(np.sqrt(np.mean(residuals**2))),
    )
