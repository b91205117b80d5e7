"""What an inference costs, as bars: energy and area by component, a colour per layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from spicesnn.arrays import Floats
from spicesnn.networks.cost import Cost
from spicesnn.plotting.style import COLOURS, new_figure, scaled, style
from spicesnn.units import render

_MOST_NAMED = 8
"""Further layers are drawn, but have no place in the legend."""
_SMALL_M2 = 1e-7
"""Areas below a tenth of a square millimetre are in square micrometres."""


def cost_figure(cost: Cost) -> Figure:
    """A figure of a `Cost`."""
    return cost_bars(cost.table())


def cost_bars(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """A figure of rows with ``layer component energy_joule area_m2``."""
    layers = list(dict.fromkeys(str(row["layer"]) for row in rows))
    components = list(dict.fromkeys(str(row["component"]) for row in rows))
    with style():
        figure = new_figure(9.5, 0.34 * len(components) + 1.8)
        for axes, (key, name) in zip(
            figure.subplots(1, 2), (("energy_joule", "energy"), ("area_m2", "area")), strict=True
        ):
            each = np.array(
                [
                    [
                        sum(
                            float(row[key])
                            for row in rows
                            if (row["layer"], row["component"]) == (layer, component)
                        )
                        for component in components
                    ]
                    for layer in layers
                ]
            )
            shown, unit, total = _in_unit(each, name)
            left = np.zeros(len(components))
            for k, (layer, bars) in enumerate(zip(layers, shown, strict=True)):
                axes.barh(
                    components,
                    bars,
                    left=left,
                    color=COLOURS[k % len(COLOURS)],
                    label=layer if k < _MOST_NAMED else None,
                )
                left += bars
            axes.invert_yaxis()
            axes.set(xlabel=f"{name} ({unit})", title=total)
        figure.axes[1].set_yticklabels([])
        figure.legend(
            *figure.axes[1].get_legend_handles_labels(), loc="outside right upper", frameon=False
        )
    return figure


def _in_unit(each: Floats, name: str) -> tuple[Floats, str, str]:
    """Return energies or areas in a unit that suits the longest bar, the unit, and their sum as a
    title."""
    if name == "energy":
        longest, unit = scaled(each.sum(axis=0), "J")
        factor = float(longest.max() / each.sum(axis=0).max()) if each.sum() > 0 else 1.0
        total = render(float(each.sum()), "J", 3)
        return factor * each, f"{unit} per inference", f"Energy, {total} per inference"
    small = each.sum(axis=0).max() < _SMALL_M2
    factor, unit = (1e12, "µm²") if small else (1e6, "mm²")
    whole = factor * float(each.sum())
    shown = f"{whole:,.0f}" if small else f"{whole:.3g}"
    return factor * each, unit, f"Area, {shown} {unit}"
