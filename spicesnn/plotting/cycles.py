"""The figure of fitted cycle statistics: measured distributions and correlations, and those of
drawn cycles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.devices.cycle_statistics import QUANTITIES, UNITS
from spicesnn.plotting.style import COLOURS, new_figure, scaled, style
from spicesnn.shown import shows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from spicesnn.fitting.cycles import CyclesFit

_NAMES = ("set voltage", "reset voltage", "LRS", "HRS")
_DRAWN = 20_000
_LAGS = 10
_DECADE = 10.0
"""Resistances over more than this ratio are drawn on a logarithmic scale."""


def distribution(axes: Axes, measured: Floats, drawn: Floats, name: str, unit: str) -> Axes:
    """Draw the cumulative distributions of measured (points,) and drawn (points,) values."""
    shown, unit_shown = scaled(np.concatenate([measured, drawn]), unit)
    measured, drawn = shown[: len(measured)], shown[len(measured) :]
    for values, colour, width, text in (
        (measured, COLOURS[0], 2.5, "measured"),
        (drawn, COLOURS[1], 1.0, "drawn"),
    ):
        ordered = np.sort(values)
        axes.plot(
            ordered, np.linspace(0, 100, len(ordered)), color=colour, linewidth=width, label=text
        )
    if unit == "Ω" and drawn.max() > _DECADE * drawn.min():
        axes.set_xscale("log")
    axes.set(xlabel=f"{name} ({unit_shown})", ylabel="cycles below (%)")
    return axes


def correlations(axes: Axes, fit: CyclesFit, drawn: Floats) -> Axes:
    """Draw the rank correlation of each quantity with itself so many cycles later, drawn as lines;
    drawn is (devices, cycles, quantities).
    """
    for k, name in enumerate(_NAMES):
        for parts, form in ((fit.cycles, "o"), (tuple(drawn), "-")):
            lags = range(min(_LAGS, min(len(part) for part in parts) - 2) + 1)
            along = [_correlation(parts, k, lag) for lag in lags]
            label = name if form == "o" else None
            axes.plot(lags, along, form, color=COLOURS[k], markersize=4, label=label)
    axes.set(xlabel="cycles later", ylabel="rank correlation", title="points measured, lines drawn")
    axes.legend(fontsize="small")
    return axes


def _correlation(parts: tuple[Floats, ...], k: int, lag: int) -> float:
    from scipy.stats import spearmanr

    now = np.concatenate([part[: len(part) - lag, k] for part in parts])
    later = np.concatenate([part[lag:, k] for part in parts])
    return float(spearmanr(now, later).statistic)


@shows("CyclesFit", "figure")
def cycles_figure(fit: CyclesFit) -> Figure:
    """Return the four distributions and the correlations from cycle to cycle."""
    length = int(np.median([len(part) for part in fit.cycles]))
    drawn = fit.draw(max(20, _DRAWN // length), length, np.random.default_rng(0))
    pooled = np.concatenate(fit.cycles)
    with style():
        figure = new_figure(9.6, 6.0)
        grid = figure.add_gridspec(2, 3)
        places = (grid[0, 0], grid[0, 1], grid[1, 0], grid[1, 1])
        for k, place in enumerate(places):
            axes = figure.add_subplot(place)
            unit = UNITS[QUANTITIES[k]]
            distribution(axes, pooled[:, k], drawn[..., k].ravel(), _NAMES[k], unit)
            if k == 0:
                axes.legend()
        correlations(figure.add_subplot(grid[:, 2]), fit, drawn)
    return figure
