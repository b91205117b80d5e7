"""Pictures of an array: conductances, weights as receptive fields, and what the wires take from
each cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from spicesnn.crossbar.wires import Wires
from spicesnn.errors import InputError
from spicesnn.plotting.style import (
    DIVERGING,
    SEQUENTIAL,
    label,
    new_figure,
    scaled,
    short,
    style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_LARGEST_WITH_NUMBERS = 80


def conductance_map(
    axes: Axes,
    siemens: ArrayLike,
    *,
    title: str = "Conductances",
    full_scale: float | None = None,
    window: tuple[float, float] | None = None,
) -> Axes:
    """Draw (rows, cols) conductances as a map; small arrays with their numbers.

    Parameters
    ----------
    axes : Axes
    siemens : (rows, cols)
    title : str
    full_scale : float, optional
        Colours run from 0 to this, siemens: it makes two maps comparable.
    window : (low, high), optional
        Colours run over the device's conductance window, siemens; what lies outside is marked at
        the ends of the colour bar.
    """
    values = np.asarray(siemens, dtype=float)
    _matrix(values, "conductances")
    least, most = (
        (float(np.min(values)), float(np.max(values))) if full_scale is None else (0.0, full_scale)
    )
    if window is not None and window[0] < window[1]:
        least, most = window
    top, unit = scaled(most, "S")
    factor = float(top) / most if most else 1.0
    shown = values * factor
    aspect: Literal["auto", "equal"] = "auto" if _narrow(shown.shape) else "equal"
    image = axes.imshow(
        shown,
        cmap=SEQUENTIAL,
        vmin=least * factor,
        vmax=most * factor,
        aspect=aspect,
        interpolation="nearest",
    )
    if shown.size <= _LARGEST_WITH_NUMBERS:
        _numbers(
            axes, image, shown, decimals=max(0, 2 - math.floor(math.log10(max(float(top), 1e-30))))
        )
    _lines(axes, title)
    beyond = (bool(np.min(values) < least * (1 - 1e-9)), bool(np.max(values) > most * (1 + 1e-9)))
    _colour_bar(axes, image, label("conductance", unit), beyond)
    return axes


def weight_map(axes: Axes, weights: ArrayLike, *, title: str = "Weights", unit: str = "") -> Axes:
    """Draw signed (rows, cols) weights on a scale that is symmetric about zero."""
    shown, unit = scaled(weights, unit) if unit else (np.asarray(weights, dtype=float), "")
    _matrix(shown, "weights")
    limit = float(np.max(np.abs(shown))) or 1.0
    image = axes.imshow(
        shown,
        cmap=DIVERGING,
        vmin=-limit,
        vmax=limit,
        aspect="auto" if _narrow(shown.shape) else "equal",
        interpolation="nearest",
    )
    _lines(axes, title, across="output", down="input")
    _colour_bar(axes, image, label("weight", unit))
    return axes


def ir_drop_map(
    axes: Axes,
    cell_volts: ArrayLike,
    row_volts: ArrayLike,
    *,
    title: str = "Cell voltage, % of drive",
    wires: Wires | None = None,
) -> Axes:
    """Draw the voltage across each cell as a percentage of what its word line is driven with.

    Parameters
    ----------
    axes : Axes
    cell_volts : (rows, cols), volt
    row_volts : (rows,), volt
    title : str
        The lowest and the mean value are added to it.
    wires : Wires, optional
        Whose driven and sensed ends stand at the axes: word lines driven at the left and bit lines sensed
        at the bottom if left out.
    """
    cells, driven = np.asarray(cell_volts, dtype=float), np.asarray(row_volts, dtype=float)
    _matrix(cells, "cell_volts")
    if driven.shape != (cells.shape[0],):
        raise InputError(
            f"row_volts has shape {driven.shape}; expected ({cells.shape[0]},), one per word line"
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(driven[:, None] != 0, 100.0 * cells / driven[:, None], np.nan)
    image = axes.imshow(
        share,
        cmap="magma",
        aspect="auto" if _narrow(share.shape) else "equal",
        interpolation="nearest",
    )
    known = share[np.isfinite(share)]
    found = f"\nlowest {known.min():.1f} %, mean {known.mean():.1f} %" if known.size else ""
    _lines(axes, f"{title}{found}")
    ten_per_cent(axes, share)
    _name_ends(axes, Wires() if wires is None else wires)
    _colour_bar(axes, image, "cell voltage / drive (%)")
    return axes


def ten_per_cent(axes: Axes, share: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
    """Draw the line beyond which cells lack a tenth of the drive, where it runs through the
    array."""
    level = 90.0
    if min(share.shape) < 2 or not np.nanmin(share) < level < np.nanmax(share):
        return
    lines = axes.contour(share, levels=[level], colors="white", linewidths=1.2)
    axes.clabel(lines, fmt={level: "10 % drop"}, fontsize=8)


def _name_ends(axes: Axes, wires: Wires) -> None:
    """Say at the axes where word lines are driven and where bit lines are sensed."""
    ends = {(False, True): 1, (True, False): 0, (True, True): 2}
    driven, sensed = ends[wires.driven_ends], ends[wires.sensed_ends]
    axes.set_ylabel(f"word line (driven at {('the left', 'the right', 'both ends')[driven]})")
    axes.set_xlabel(f"bit line (sensed at {('the top', 'the bottom', 'both ends')[sensed]})")


def receptive_fields(
    weights: ArrayLike, shape: tuple[int, int], names: Sequence[str], *, unit: str = ""
) -> Figure:
    """Return a figure with one small picture a class: the weights from each pixel.

    Parameters
    ----------
    weights : (pixels, classes)
        Further rows (a bias) are left out.
    shape : (rows, cols) of an image
    names : one per class
    """
    values = np.asarray(weights, dtype=float)
    _matrix(values, "weights")
    pixels = shape[0] * shape[1]
    if values.shape[0] < pixels or values.shape[1] != len(names):
        raise InputError(
            f"weights have shape {values.shape}; expected ({pixels} or more, {len(names)})"
        )
    shown, unit = scaled(values[:pixels], unit) if unit else (values[:pixels], "")
    limit = float(np.max(np.abs(shown))) or 1.0
    columns = min(5, len(names))
    lines = math.ceil(len(names) / columns)
    with style():
        figure = new_figure(1.55 * columns + 1.0, 1.75 * lines + 0.4)
        panels = figure.subplots(lines, columns, squeeze=False).ravel()
        for panel in panels[len(names) :]:
            panel.set_visible(False)
        for k, name in enumerate(names):
            image = panels[k].imshow(
                shown[:, k].reshape(shape),
                cmap=DIVERGING,
                vmin=-limit,
                vmax=limit,
                interpolation="nearest",
            )
            panels[k].set(title=short(name, 14), xticks=[], yticks=[])
            panels[k].grid(visible=False)
        figure.colorbar(image, ax=panels.tolist(), label=label("weight", unit), shrink=0.9)
    return figure


def _matrix(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], name: str) -> None:
    if values.ndim != 2 or 0 in values.shape:
        raise InputError(f"{name} have shape {values.shape}; expected (rows, cols)")


def _narrow(shape: tuple[int, ...]) -> bool:
    return max(shape) > 2.5 * min(shape)


def _lines(axes: Axes, title: str, *, across: str = "bit line", down: str = "word line") -> None:
    axes.set(xlabel=across, ylabel=down, title=title)
    axes.grid(visible=False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, nbins=11, min_n_ticks=1))


def _colour_bar(
    axes: Axes, image: AxesImage, text: str, beyond: tuple[bool, bool] = (False, False)
) -> None:
    figure = axes.figure
    ends: Any = {
        (False, False): "neither",
        (True, False): "min",
        (False, True): "max",
        (True, True): "both",
    }[beyond]
    bar = figure.colorbar(image, ax=axes, label=text, extend=ends)
    # Ticks that differ in the fifth digit stand there whole, not as differences to a number in a
    # corner.
    bar.formatter.set_useOffset(False)  # type: ignore[attr-defined]


def _numbers(
    axes: Axes,
    image: AxesImage,
    values: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    *,
    decimals: int,
) -> None:
    colours = image.to_rgba(values)
    for (row, column), value in np.ndenumerate(values):
        dark = float(np.sum(colours[row, column, :3])) < 1.5
        axes.text(
            column,
            row,
            f"{value:.{decimals}f}",
            ha="center",
            va="center",
            fontsize=8,
            color="white" if dark else "black",
        )
