"""The figures of the studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.plotting.maps import ten_per_cent
from spicesnn.plotting.style import COLOURS, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, Any]]
_MARKERS = "osD^vP"
_SCHEMES = {"grounded": "grounded", "floating": "floating", "half": "V/2", "third": "V/3"}
_RATIOS = (
    ("current_margin", "current margin"),
    ("voltage_margin", "voltage margin"),
    ("sneak_ratio", "sneak ratio"),
)


def read_margin_figure(rows: Rows) -> Figure:
    """Return margins and sneak ratio against the array's size: a row of panels without selectors,
    one with."""
    kinds = list(dict.fromkeys(row["selector"] for row in rows))
    with style():
        figure = new_figure(11.0, 3.6 * len(kinds))
        for panels, selector in zip(
            figure.subplots(len(kinds), 3, sharex=True, squeeze=False), kinds, strict=True
        ):
            for axes, (quantity, text) in zip(panels, _RATIOS, strict=True):
                _against_size(axes, [row for row in rows if row["selector"] == selector], quantity)
                axes.set(
                    title=f"{text}, {'1S1R' if selector else 'no selector'}",
                    ylabel=f"{text} (%)",
                    ylim=(-4, 104),
                )
        figure.axes[0].legend()
    return figure


def _against_size(axes: Axes, rows: Rows, quantity: str) -> None:
    for k, scheme in enumerate(dict.fromkeys(row["scheme"] for row in rows)):
        chosen = [row for row in rows if row["scheme"] == scheme]
        sizes, percent = [row["size"] for row in chosen], [100 * row[quantity] for row in chosen]
        # Schemes lie on one another where all is well: thinner lines above thicker ones let each be
        # seen.
        axes.plot(
            sizes,
            percent,
            _MARKERS[k] + "-",
            color=COLOURS[k],
            markersize=7 - 1.3 * k,
            linewidth=2.8 - 0.5 * k,
            label=_SCHEMES[scheme],
        )
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.set_xlabel("word lines = bit lines")
    axes.minorticks_off()


def ir_drop_figure(cell_volts: ArrayLike) -> Figure:
    """Return two maps on one scale: cell voltage over drive with lines connected at one end, and at
    both.

    Parameters
    ----------
    cell_volts : (2, rows, cols)
    """
    maps = 100 * np.asarray(cell_volts, dtype=float)
    with style():
        figure = new_figure(10.0, 4.4)
        panels = figure.subplots(1, 2)
        for axes, values, ends in zip(panels, maps, ("one end", "both ends"), strict=True):
            image = axes.imshow(
                values, cmap="magma", vmin=float(maps.min()), vmax=100.0, interpolation="nearest"
            )
            axes.grid(visible=False)
            axes.set(
                title=f"lines connected at {ends}: lowest {values.min():.1f} %",
                xlabel=f"bit line (sensed at {('the bottom', 'both ends')[ends == 'both ends']})",
                ylabel=f"word line (driven at {('the left', 'both ends')[ends == 'both ends']})",
            )
            ten_per_cent(axes, values)
        figure.colorbar(image, ax=panels.tolist(), label="cell voltage / drive (%)")
    return figure


def array_size_figure(table: Rows, limit: int) -> Figure:
    """Return the largest size against the segment resistance, one line a tolerance, with 95 %
    intervals and the square-root law."""
    with style():
        figure = new_figure()
        axes = figure.subplots()
        for k, tolerance in enumerate(dict.fromkeys(row["tolerance"] for row in table)):
            chosen = [row for row in table if row["tolerance"] == tolerance]
            ohms, sizes = (
                np.array([row[name] for row in chosen], dtype=float)
                for name in ("segment_ohm", "mean")
            )
            half = np.nan_to_num([row["half_width"] for row in chosen])
            axes.errorbar(
                ohms,
                sizes,
                yerr=half,
                marker=_MARKERS[k % 6],
                capsize=3,
                color=COLOURS[k % 7],
                label=f"error ≤ {100 * tolerance:g} %",
            )
        first = [row for row in table if row["mean"] < limit]
        if first:
            at = first[0]
            span = np.array(
                [min(row["segment_ohm"] for row in table), max(row["segment_ohm"] for row in table)]
            )
            axes.plot(
                span,
                at["mean"] * np.sqrt(at["segment_ohm"] / span),
                ":",
                color="#777777",
                label="square-root law",
            )
        axes.set(
            xscale="log",
            yscale="log",
            xlabel="resistance of a segment (Ω)",
            ylabel="largest size, word lines = bit lines",
            title="Largest array within a read error",
        )
        axes.legend()
    return figure


def trained_figure(table: Rows, *, label: str, scale: str, measured: str = "") -> Figure:
    """Return accuracy against what was varied, or against what was measured, one line a way to do
    it.

    Parameters
    ----------
    table : rows with ``line``, ``x``, ``mean``, ``half_width``, ``seeds``, and `measured`
    label : str
        Of the horizontal axis.
    scale : str
        ``linear``, ``log`` or ``symlog``.
    measured : str
        Which measured quantity is the horizontal axis; ``x`` if empty.
    """
    with style():
        figure = new_figure(6.8, 4.6)
        axes = figure.subplots()
        for k, line in enumerate(dict.fromkeys(row["line"] for row in table)):
            chosen = [row for row in table if row["line"] == line]
            x = np.array([row[measured or "x"] for row in chosen], dtype=float)
            mean, half = (
                100 * np.array([row[name] for row in chosen], dtype=float)
                for name in ("mean", "half_width")
            )
            marks: dict[str, Any] = {
                "marker": _MARKERS[k % 6],
                "markersize": 5,
                "capsize": 3,
                "color": COLOURS[k % 7],
            }
            axes.errorbar(x, mean, yerr=np.nan_to_num(half), label=line or None, **marks)
        _scale(axes, scale, [row[measured or "x"] for row in table])
        low, high = axes.get_ylim()
        axes.set_ylim(
            max(low, -1.0), min(high, 101.0)
        )  # intervals of few seeds reach beyond what an accuracy can be
        seeds = min(int(row["seeds"]) for row in table)
        title = f"{seeds} seeds a point, 95 % intervals" if seeds > 1 else "one seed a point"
        axes.set(xlabel=label, ylabel="test accuracy (%)", title=title)
        if len({row["line"] for row in table}) > 1:
            axes.legend()
    return figure


def _scale(axes: Axes, scale: str, values: Sequence[float]) -> None:
    if scale == "symlog":
        axes.set_xscale(
            "symlog", linthresh=min((value for value in values if value > 0), default=1.0)
        )
    else:
        axes.set_xscale(scale)
    shown = sorted(set(values))
    if (
        scale != "linear"
        and len(shown) <= 12
        and all(float(value).is_integer() or value < 1 for value in shown)
    ):
        axes.set_xticks(shown, [f"{value:g}" for value in shown])
        axes.minorticks_off()
