"""Weights as a landscape: one bar a weight in three dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from spicesnn.errors import InputError
from spicesnn.plotting.style import DIVERGING, new_figure, short, style

_MOST_LETTERS = 36
"""Of names along an axis; numbers stand there where they are longer."""
_MOST_BARS = 1500
"""More are drawn as a surface: bars would hide each other, and take minutes."""


def weights_3d(weights: ArrayLike, names: Sequence[str] = ()) -> Figure:
    """Return a figure of signed weights (inputs, outputs), height and colour on a scale that is
    symmetric about zero.

    Parameters
    ----------
    weights : (inputs, outputs)
    names : one per output, optional
    """
    values = np.asarray(weights, dtype=float)
    if values.ndim != 2 or 0 in values.shape or not np.all(np.isfinite(values)):
        raise InputError(
            f"weights have shape {values.shape}; expected (inputs, outputs), all finite"
        )
    limit = float(np.max(np.abs(values))) or 1.0
    colours = colormaps[DIVERGING](Normalize(-limit, limit)(values))
    rows, columns = (axis.astype(float) for axis in np.indices(values.shape))
    with style():
        figure = new_figure(7.6, 5.6)
        axes = figure.add_subplot(projection="3d")
        if values.size <= _MOST_BARS:
            width = 0.72
            bottom = np.minimum(values, 0.0)
            axes.bar3d(
                (columns - width / 2).ravel(),
                (rows - width / 2).ravel(),
                bottom.ravel(),
                width,
                width,
                np.abs(values).ravel(),
                color=colours.reshape(-1, 4),
                edgecolor="#555555",
                linewidth=0.2,
            )
        else:
            axes.plot_surface(
                columns, rows, values, facecolors=colours, rcount=160, ccount=160, linewidth=0
            )
        axes.set(
            xlabel="output",
            ylabel="input",
            zlabel="weight",
            zlim=(min(0.0, values.min()), max(0.0, values.max())),
        )
        if len(names) == values.shape[1] and sum(map(len, names)) <= _MOST_LETTERS:
            axes.set_xticks(range(len(names)), [short(name) for name in names])
        else:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        tall = values.shape[0] > 4 * values.shape[1]
        axes.set_box_aspect((1.0, 2.0 if tall else 1.0, 0.8), zoom=0.88)
        axes.view_init(elev=28, azim=-58)
    return figure
