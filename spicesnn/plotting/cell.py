"""A characterised cell: its current, what one pulse changes, and a train of equal pulses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.characterization.characterize import Characterization
from spicesnn.plotting.style import COLOURS, label, new_figure, scaled, style
from spicesnn.units import render

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STATES, _AMPLITUDES, _PULSES = 5, 3, 50
_NEAR_ZERO = 0.02
"""Of the largest voltage: nearer to 0 V a logarithm of the current says nothing."""
_TRIED = 40
"""Amplitudes among which that of the train is chosen."""


def characterization_figure(made: Characterization) -> Figure:
    """Return the figure of a characterised cell, three panels: current over voltage for states from
    the lowest to the highest; change of conductance over conductance for several amplitudes; and
    the conductance under equal set pulses and then equal reset pulses, whose amplitudes cross the
    range in about as many as are drawn.

    Parameters
    ----------
    made : Characterization
        As `spicesnn.characterization.characterize.characterize` returns it.
    """
    with style():
        figure = new_figure(12.0, 3.8)
        current, change, train = figure.subplots(1, 3)
        _current(current, made)
        _change(change, made)
        _train(train, made)
    return figure


def _current(axes: Axes, made: Characterization) -> None:
    from matplotlib import colormaps

    tables = made.device.tables
    low, high = float(tables.states[0]), float(tables.states[-1])
    ends = (float(tables.volts[0]), float(tables.volts[-1]))
    volts = np.linspace(*ends, 201)
    away = np.where(np.abs(volts) > _NEAR_ZERO * max(map(abs, ends)), volts, np.nan)
    states = np.linspace(low, high, _STATES)
    amps, unit = scaled(np.abs([made.device.current(volts, x) for x in states]), "A")
    for k, course in enumerate(amps):
        colour, part = colormaps["viridis"](0.85 * k / (_STATES - 1)), 100 * k / (_STATES - 1)
        axes.semilogy(away, course, color=colour, label=f"{part:.0f} %")
    axes.set(xlabel="voltage (V)", ylabel=label("|current|", unit), title="Current")
    axes.legend(title="state, of range", fontsize=8)


def _range(made: Characterization) -> tuple[float, float]:
    low, high = made.increments.range_siemens
    return float(low), float(high)


def _change(axes: Axes, made: Characterization) -> None:
    low, high = _range(made)
    siemens = np.linspace(low, high, 200)
    at, unit = scaled(siemens, "S")
    factor = float(at[-1] / siemens[-1])
    for end in made.increments.volts:
        if end == 0:
            continue
        raises = float(made.increments(siemens, np.full(siemens.size, end)).sum()) > 0
        for k, volts in enumerate(np.linspace(0.5, 1.0, _AMPLITUDES) * end):
            moved = made.increments(siemens, np.full(siemens.size, volts))
            axes.plot(
                at,
                factor * moved,
                color=COLOURS[0 if raises else 1],
                linestyle=(":", "--", "-")[k],
                label=f"{'set' if raises else 'reset'}, {render(float(volts), 'V', 3)}",
            )
    axes.set(
        xlabel=label("conductance", unit),
        ylabel=label("change", unit),
        title=f"Change by one pulse of {render(float(made.increments.width_s), 's', 3)}",
    )
    axes.legend(fontsize=8)


def _train(axes: Axes, made: Characterization) -> None:
    low, high = _range(made)
    courses, names, siemens = [np.array([low])], [], low
    grid = np.linspace(low, high, _TRIED)
    moved = [
        (end, float(made.increments(grid, np.full(grid.size, end)).sum()))
        for end in made.increments.volts
    ]
    for sign, name in ((1, "set"), (-1, "reset")):
        ends = [(abs(by), end) for end, by in moved if sign * by > 0]
        if not ends:
            continue
        course, volts = _crossing(made, siemens, max(ends)[1], low, high)
        courses.append(course)
        names.append(f"{name} at {render(volts, 'V', 3)}")
        siemens = float(course[-1])
    found, unit = scaled([*np.concatenate(courses), low, high], "S")
    shown, margin = found[:-2], 0.04 * (found[-1] - found[-2])
    axes.plot(np.arange(shown.size), shown, ".-", color=COLOURS[0], markersize=4)
    axes.set_ylim(found[-2] - margin, found[-1] + margin)
    axes.set(
        xlabel=f"pulse ({', then '.join(names)})",
        ylabel=label("conductance", unit),
        title="Equal pulses",
    )


def _crossing(
    made: Characterization, start: float, end: float, low: float, high: float
) -> tuple[Floats, float]:
    """Return the conductances after each of a train of pulses, and its amplitude: the one that has
    gone nine tenths of the way nearest to two thirds of the train."""
    volts = np.linspace(0.1, 1.0, _TRIED) * end
    siemens = np.full(volts.size, start)
    courses = []
    for _ in range(_PULSES):
        siemens = np.clip(siemens + made.increments(siemens, volts), low, high)
        courses.append(siemens)
    course = np.array(courses)
    gone = np.abs(course - start) >= 0.9 * (high - low)
    took = np.where(gone.any(axis=0), gone.argmax(axis=0), _PULSES)
    moved = np.abs(course[-1] - start)
    best = np.lexsort((-moved, np.abs(took - 2 * _PULSES // 3)))[0]
    best = best if gone.any() else int(np.argmax(moved))
    return course[:, best], float(volts[best])
