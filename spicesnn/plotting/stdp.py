"""The STDP window: how a weight changes with the time between two spikes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.plotting.style import COLOURS, label, scaled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def stdp_window(
    axes: Axes,
    delay_s: ArrayLike,
    change: ArrayLike,
    *,
    fit: tuple[float, float, float, float] | None = None,
    unit: str = "",
    what: str = "change of weight",
    name: str = "measured",
    colour: str = COLOURS[0],
    marker: str = "o",
) -> Axes:
    """Draw the change against the delay t_post − t_pre, and the two exponentials fitted to it.

    Parameters
    ----------
    axes : Axes
    delay_s : (points,) seconds
    change : (points,)
    fit : (a_plus, a_minus, tau_plus_s, tau_minus_s), optional
        Δ = a_plus·exp(−Δt/τ+) for Δt > 0 and a_minus·exp(Δt/τ−) for Δt < 0.
    unit : str
        Of the change.
    what : str
        What changes.
    name, colour, marker : str
        Of the points.
    """
    delays = np.asarray(delay_s, dtype=float)
    shown, unit_x = scaled(delays, "s")
    factor = float(np.max(np.abs(shown)) / np.max(np.abs(delays)))
    changes, unit_y = scaled(change, unit) if unit else (np.asarray(change, dtype=float), "")
    stretch = (
        float(np.max(np.abs(changes)) / (np.max(np.abs(np.asarray(change, dtype=float))) or 1.0))
        if np.any(changes)
        else 1.0
    )
    axes.axhline(0.0, color="#888888", linewidth=0.7)
    axes.axvline(0.0, color="#888888", linewidth=0.7)
    axes.plot(
        shown, changes, marker, markersize=4 if marker == "o" else 6, color=colour, label=name
    )
    if fit is not None:
        a_plus, a_minus, tau_plus, tau_minus = fit
        right, left = np.linspace(0.0, delays.max(), 200), np.linspace(delays.min(), 0.0, 200)
        axes.plot(
            right * factor,
            stretch * a_plus * np.exp(-right / tau_plus),
            color=COLOURS[1],
            label="fit",
        )
        axes.plot(left * factor, stretch * a_minus * np.exp(left / tau_minus), color=COLOURS[1])
    if fit is not None or name != "measured":
        axes.legend()
    axes.set(
        xlabel=label("t_post − t_pre", unit_x), ylabel=label(what, unit_y), title="STDP window"
    )
    return axes


def neighbours(
    axes: Axes,
    delay_s: ArrayLike,
    change: ArrayLike,
    *,
    name: str,
    colour: str = COLOURS[0],
    marker: str = "o",
) -> Axes:
    """Draw by how much the pair of spikes moves any other cell of the array, (points,) percent of
    the range, against the delay (points,)."""
    shown, unit = scaled(delay_s, "s")
    axes.plot(
        shown,
        np.asarray(change, dtype=float),
        marker,
        markersize=3 if marker == "o" else 5,
        color=colour,
        label=name,
    )
    axes.set(xlabel=label("t_post − t_pre", unit), ylabel="neighbours (%)")
    axes.set_ylim(bottom=0)
    return axes
