"""One look for all figures: colours that survive colour blindness and grey print, units with SI
prefixes."""

from __future__ import annotations

import contextlib
import functools
import io
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.whole_file import appearing

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure
    from PIL.Image import Image

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#4d4d4d")
"""Okabe and Ito's palette, blue first."""
SEQUENTIAL, DIVERGING = "viridis", "RdBu_r"

_STYLE: dict[str, Any] = {
    "figure.dpi": 110,
    "savefig.dpi": 160,
    "figure.facecolor": "white",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "image.cmap": SEQUENTIAL,
}
_PREFIXES = {
    -18: "a",
    -15: "f",
    -12: "p",
    -9: "n",
    -6: "µ",
    -3: "m",
    0: "",
    3: "k",
    6: "M",
    9: "G",
    12: "T",
}


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Apply the look while the block runs; the caller's own settings come back afterwards."""
    import matplotlib as mpl
    from cycler import cycler

    look: Any = _STYLE | {"axes.prop_cycle": cycler(color=COLOURS)}
    with mpl.rc_context(look):
        yield


def new_figure(width: float = 6.4, height: float = 4.4) -> Figure:
    """Return an empty figure, inches, that needs no display and no pyplot."""
    return _shown_in_notebooks()(figsize=(width, height), layout="constrained")


@functools.cache
def _shown_in_notebooks() -> type[Figure]:
    """Return matplotlib's figure with a picture for notebooks, which know those of pyplot only, and
    only once pyplot is there."""
    from matplotlib.figure import Figure

    def png(figure: Figure) -> bytes:
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        return buffer.getvalue()

    return type("Figure", (Figure,), {"_repr_png_": png, "__module__": Figure.__module__})


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as a file of the kind that its name says; it appears whole, and a link of that
    name is replaced, not followed."""
    with appearing(path) as partial:
        if path.suffix != ".png":
            figure.savefig(partial, format=path.suffix[1:])
            return
        figure.set_dpi(_STYLE["savefig.dpi"])
        raster(figure).save(partial, format="png", dpi=(figure.dpi, figure.dpi))


def raster(figure: Figure) -> Image:
    """Draw a figure at its own resolution. `Figure.savefig` goes through it twice and lays it out
    twice; most of its time is layout."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.frombuffer(
        "RGBA", canvas.get_width_height(), canvas.buffer_rgba(), "raw", "RGBA", 0, 1
    ).convert("RGB")


def scaled(values: ArrayLike, unit: str) -> tuple[NDArray[np.float64], str]:
    """Return values in a unit with the SI prefix that keeps the largest between 1 and 1000, and
    that unit's name.

    Examples
    --------
    >>> scaled([0.0, 2e-6], "A")
    (array([0., 2.]), 'µA')
    """
    numbers = np.asarray(values, dtype=float)
    finite = np.abs(numbers[np.isfinite(numbers)])
    largest = float(finite.max()) if finite.size else 0.0
    if largest == 0.0 or unit in ("", "1"):
        return numbers, "" if unit == "1" else unit
    # A sampled sine of 1 mA peaks at 0.9999 mA: what is within a thousandth of the next prefix
    # takes it.
    power = min(12, max(-18, 3 * math.floor(math.log10(largest / 0.999) / 3)))
    return numbers / 10.0**power, f"{_PREFIXES[power]}{unit}"


def short(name: str, most: int = 24) -> str:
    """Return a name that somebody else gave, as text for a figure: no longer than `most`
    characters, and nothing taken for a formula."""
    text = " ".join(name.split())
    return (text if len(text) <= most else f"{text[: most - 1]}…").replace("$", r"\$")


def label(quantity: str, unit: str) -> str:
    """Return an axis label such as ``current (µA)``; without a unit just the quantity."""
    return f"{quantity} ({unit})" if unit else quantity
