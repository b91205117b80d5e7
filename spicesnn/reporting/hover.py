"""Values of maps for a page: where each map lies in its picture and what it shows, so that a
pointer over a cell is answered with its value."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.plotting.run_data import Drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_VALUES = 60_000
"""Values of all maps of a page: five bytes each."""


def hover_maps(drawn: Drawn) -> list[dict[str, Any]]:
    """Return the maps of a figure that has been drawn.

    Returns
    -------
    list of dict
        Each with ``box`` (left, top, width and height as fractions of the picture), ``shape``
        (rows, cols), ``layers`` (name, unit, and values as base64 of little-endian float32),
        ``across`` and ``down`` (what a column and a row are) and ``title``.
    """
    _ = drawn.picture  # only a figure that was drawn knows where its axes lie
    return [found for axes in drawn.figure.axes if (found := _map_of(axes, drawn)) is not None]


def _map_of(axes: Axes, drawn: Drawn) -> dict[str, Any] | None:
    images = [image for image in axes.get_images() if image.get_array() is not None]
    if len(images) != 1 or not axes.get_visible():
        return None
    values: Floats = np.asarray(
        np.ma.filled(np.ma.asarray(images[0].get_array(), dtype=float), np.nan)
    )
    if values.ndim != 2:
        return None
    bar = images[0].colorbar
    text = bar.ax.get_ylabel() if bar is not None else ""
    name, _, unit = text.partition(" (")
    title = axes.get_title().partition("\n")[0]
    layers = [{"name": name, "unit": unit.rstrip(")"), "values": _coded(values)}]
    for more, symbol, other in drawn.beside.get(title, ()):
        if np.shape(other) == values.shape:
            layers.append(
                {
                    "name": more,
                    "unit": "" if symbol == "1" else symbol,
                    "values": _coded(np.asarray(other, dtype=float)),
                }
            )
    left, right, bottom, top = images[0].get_extent()
    (x0, y0), (x1, y1) = axes.transData.transform([(left, top), (right, bottom)])
    width, height = drawn.figure.bbox.width, drawn.figure.bbox.height
    return {
        "box": [x0 / width, 1 - y0 / height, (x1 - x0) / width, (y0 - y1) / height],
        "shape": list(values.shape),
        "layers": layers,
        "across": axes.get_xlabel().partition(" (")[0] or "column",
        "down": axes.get_ylabel() or "row",
        "title": title,
    }


def _coded(values: Floats) -> str:
    return base64.b64encode(values.astype("<f4").tobytes()).decode()


def values_in(maps: list[dict[str, Any]]) -> int:
    """Return how many values maps hold."""
    return sum(found["shape"][0] * found["shape"][1] * len(found["layers"]) for found in maps)
