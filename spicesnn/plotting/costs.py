"""What an inference costs, as bars: energy and area by component, a colour a layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from spicesnn.networks.cost import Cost
from spicesnn.plotting.style import COLOURS, new_figure, style

_MOST_NAMED = 8
"""Further layers are drawn, but have no place in the legend."""


def cost_figure(cost: Cost) -> Figure:
    """A figure of a `Cost`."""
    return cost_bars(cost.table())


def cost_bars(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """A figure of rows with ``layer component energy_joule area_m2``."""
    layers = list(dict.fromkeys(str(row["layer"]) for row in rows))
    components = list(dict.fromkeys(str(row["component"]) for row in rows))
    with style():
        figure = new_figure(9.0, 0.34 * len(components) + 1.6)
        scales = (("energy_joule", 1e9, "energy (nJ an inference)"), ("area_m2", 1e6, "area (mm²)"))
        for axes, (key, factor, title) in zip(figure.subplots(1, 2), scales, strict=True):
            left = np.zeros(len(components))
            for k, layer in enumerate(layers):
                mine = [row for row in rows if row["layer"] == layer]
                each = factor * np.array(
                    [
                        sum(float(row[key]) for row in mine if row["component"] == name)
                        for name in components
                    ]
                )
                axes.barh(
                    components,
                    each,
                    left=left,
                    color=COLOURS[k % len(COLOURS)],
                    label=layer if k < _MOST_NAMED else None,
                )
                left += each
            axes.invert_yaxis()
            axes.set(xlabel=title)
        figure.axes[1].set_yticklabels([])
        figure.axes[1].legend(loc="lower right")
    return figure
