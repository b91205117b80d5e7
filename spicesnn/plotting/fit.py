"""The figure of a fit: what was measured, and what the fitted model says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spicesnn.devices.measurements import Sweep
from spicesnn.plotting.style import COLOURS, label, new_figure, scaled, style
from spicesnn.shown import shows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from spicesnn.fitting.fit import FitResult
    from spicesnn.fitting.pulse_table import PulseTableFit


def data_and_fit(axes: Axes, result: FitResult) -> Axes:
    """Draw measured points and fitted line: current against voltage of a sweep, conductance against
    pulse number of a train."""
    sweep = isinstance(result.data, Sweep)
    measured = result.data.amps if isinstance(result.data, Sweep) else result.data.siemens
    shown, unit = scaled(measured, "A" if sweep else "S")
    factor = float(np.max(np.abs(shown)) / np.max(np.abs(measured)))
    along = result.data.volts if sweep else np.arange(1, result.data.points + 1)
    axes.plot(along, shown, ".", markersize=3, color=COLOURS[0], label="measured")
    axes.plot(
        along,
        result.fitted * factor,
        "-",
        linewidth=1.2,
        color=COLOURS[1],
        label=f"{result.device.name}, fitted",
    )
    quantity = "current" if sweep else "conductance"
    axes.set(
        xlabel="voltage (V)" if sweep else "pulse",
        ylabel=label(quantity, unit),
        title=f"Fit, relative scatter {result.relative_rmse:.2g}",
    )
    axes.locator_params(axis="x", nbins=6)
    axes.legend()
    return axes


def residuals(axes: Axes, result: FitResult) -> Axes:
    """Draw fitted minus measured, as a fraction of the largest measured value, in the order of
    measurement."""
    measured = result.data.amps if isinstance(result.data, Sweep) else result.data.siemens
    axes.plot(
        (result.fitted - measured) / np.max(np.abs(measured)), ".", markersize=3, color=COLOURS[0]
    )
    axes.axhline(0.0, color="#888888", linewidth=0.7)
    axes.set(
        xlabel="sample" if isinstance(result.data, Sweep) else "pulse",
        ylabel="(fit − measured)/peak",
        title="Residuals",
    )
    return axes


@shows("FitResult", "figure")
def fit_figure(result: FitResult) -> Figure:
    """Return data and fit beside the residuals."""
    with style():
        figure = new_figure(9.0, 3.8)
        left, right = figure.subplots(1, 2)
        data_and_fit(left, result)
        residuals(right, result)
    return figure


@shows("PulseTableFit", "figure")
def pulse_table_figure(result: PulseTableFit) -> Figure:
    """Return measured conductances and the table's beside the residuals, set pulses and then reset
    pulses."""
    _, unit = scaled(result.curve.raising, "S")
    factor = float(scaled(result.curve.raising, "S")[0][-1] / result.curve.raising[-1])
    with style():
        figure = new_figure(9.0, 3.8)
        left, right = figure.subplots(1, 2)
        first = 0
        for k, (measured, fitted) in enumerate(zip(result.measured, result.fitted, strict=True)):
            pulses = first + np.arange(measured.size)
            left.plot(
                pulses,
                measured * factor,
                ".",
                markersize=4,
                color=COLOURS[0],
                label="measured" if k == 0 else None,
            )
            left.plot(
                pulses,
                fitted * factor,
                "-",
                linewidth=1.2,
                color=COLOURS[1],
                label="pulse table" if k == 0 else None,
            )
            right.plot(pulses, (fitted - measured) * factor, ".", markersize=4, color=COLOURS[0])
            first = int(pulses[-1])
        left.set(xlabel="pulse", ylabel=label("conductance", unit), title="Pulse table")
        left.legend()
        scatter = result.parameters["scatter"] * factor
        right.axhspan(-scatter, scatter, color=COLOURS[-1], alpha=0.2, label="± measured scatter")
        right.axhline(0.0, color="#888888", linewidth=0.7)
        right.set(xlabel="pulse", ylabel=label("table − measured", unit), title="Residuals")
        right.legend()
    return figure
