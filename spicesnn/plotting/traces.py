"""What happens over time: membranes after a sample is switched on; outputs, error, weights and
conductances from update to update."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.errors import InputError
from spicesnn.neurons.lif import LIF, LIFState, lif_step
from spicesnn.plotting.style import COLOURS, label, scaled, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STEPS = 800
"""Time steps of a membrane trace; each is exact for a constant current, so that they only decide
how finely spikes are drawn."""


def membrane_traces(
    axes: Axes,
    amps: ArrayLike,
    neuron: LIF,
    names: Sequence[str],
    *,
    time_s: float,
    title: str = "Membranes",
    until_first: bool = False,
) -> Axes:
    """Draw the membrane voltages of neurons that start at 0 V under constant currents, and their
    threshold.

    Parameters
    ----------
    axes : Axes
    amps : (neurons,) ampere
        Into each neuron, its offset included.
    neuron : LIF
    names : one per neuron
    time_s : float
        How long is drawn, seconds.
    title : str
    until_first : bool
        Draw each membrane up to its first spike only, and the first of all, which decides, thick
        with a ring.
    """
    currents = np.asarray(amps, dtype=float)
    if currents.shape != (len(names),):
        raise InputError(
            f"currents have shape {currents.shape}; expected ({len(names)},), one per neuron"
        )
    times = np.linspace(0.0, time_s, _STEPS + 1)
    volts, state = np.zeros((times.size, currents.size)), LIFState.at_rest(currents.size)
    spiked = np.zeros((times.size, currents.size), dtype=bool)
    for k in range(1, times.size):
        spikes, state = lif_step(currents, state, neuron, time_s / _STEPS)
        # A neuron that spikes is drawn at its threshold once, so that the reset shows as a fall.
        volts[k], spiked[k] = np.where(spikes, neuron.threshold_volts, state.volts), spikes
    winner, fired = -1, np.full(currents.size, times.size)
    if until_first:
        fired = np.where(np.any(spiked, axis=0), np.argmax(spiked, axis=0), times.size)
        winner = (
            int(np.argmin(fired))
            if np.sum(fired == fired.min()) == 1 and fired.min() < times.size
            else -1
        )
        for k, last in enumerate(fired):
            volts[last + 1 :, k] = np.nan
    shown, unit = scaled(times, "s")
    # What pulls a membrane below rest may pull it far: the panel keeps the range in which neurons
    # spike.
    lowest = -0.25 * neuron.threshold_volts
    for k, name in enumerate(names):
        axes.plot(
            shown,
            np.maximum(volts[:, k], lowest),
            color=COLOURS[k % len(COLOURS)],
            linestyle="-" if k < len(COLOURS) else "--",
            linewidth=2.6 if k == winner else 1.2,
            zorder=3 if k == winner else 2,
            label=short(name, 14),
        )
    if winner >= 0:
        axes.plot(
            shown[fired[winner]],
            neuron.threshold_volts,
            "o",
            markersize=9,
            markerfacecolor="none",
            markeredgecolor="#333333",
            zorder=4,
        )
    axes.axhline(neuron.threshold_volts, color="#888888", linestyle="--", linewidth=0.9)
    axes.set(
        xlabel=label("time", unit),
        ylabel="membrane (V)",
        title=short(title, 14),
        xlim=(0, shown[-1]),
    )
    axes.set_ylim(1.2 * lowest, 1.15 * neuron.threshold_volts)
    return axes


def output_traces(
    axes: Axes,
    updates: ArrayLike,
    values: ArrayLike,
    wanted: ArrayLike,
    *,
    goals: tuple[float, float],
    stop: float | None = None,
    title: str = "",
) -> Axes:
    """Draw what a neuron answers to each training sample from update to update, with what it should
    answer.

    Parameters
    ----------
    axes : Axes
    updates : (points,)
    values : (points, samples)
        Outputs f(I).
    wanted : (samples,)
        0 or 1.
    goals : (low, high)
        Where samples of 0 and of 1 are trained to.
    stop : float, optional
        Beyond ± this an output counts as right.
    title : str
    """
    points, outputs, answers = (
        np.asarray(updates),
        np.asarray(values, dtype=float),
        np.asarray(wanted),
    )
    if outputs.shape != (points.size, answers.size):
        raise InputError(
            f"outputs have shape {outputs.shape}; expected ({points.size}, {answers.size}): a row"
            " an update, a column per sample"
        )
    for bit, colour in ((0, COLOURS[1]), (1, COLOURS[0])):
        for number, k in enumerate(np.flatnonzero(answers == bit)):
            axes.plot(
                points,
                outputs[:, k],
                color=colour,
                linewidth=1.0,
                alpha=0.8,
                marker="." if points.size < 40 else None,
                markersize=4,
                label=f"should be {'high' if bit else 'low'}" if number == 0 else None,
            )
        axes.axhline(goals[bit], color=colour, linestyle="--", linewidth=1.0)
    for level in () if stop is None else (-stop, stop):
        axes.axhline(level, color="#888888", linestyle=":", linewidth=0.9)
    axes.set(xlabel="update", ylabel="output", title=short(title))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return axes


def error_trace(axes: Axes, updates: ArrayLike, error: ArrayLike, right: ArrayLike) -> Axes:
    """Draw the mean squared error of the outputs before each update, and the share of the batch
    that was wrong; (points,) each."""
    points, squares, wrong = (
        np.asarray(updates),
        np.asarray(error, dtype=float),
        100 * (1 - np.asarray(right, dtype=float)),
    )
    if not points.shape == squares.shape == wrong.shape:
        raise InputError(
            f"updates, error and right have shapes {points.shape}, {squares.shape} and"
            f" {wrong.shape}; expected (points,) of all"
        )
    marker = "o" if points.size < 40 else None
    axes.plot(
        points, squares, color=COLOURS[0], marker=marker, markersize=3.5, label="mean squared error"
    )
    axes.set(xlabel="update", ylabel="mean squared error", title="Error")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    share = axes.twinx()
    share.plot(
        points, wrong, color=COLOURS[1], marker=marker, markersize=3.5, linewidth=1.0, label="wrong"
    )
    share.set(ylabel="wrong (%)", ylim=(0, max(5.0, 1.05 * float(wrong.max()))))
    share.grid(visible=False)
    share.spines["right"].set_visible(True)
    axes.set_title("Error", pad=24)
    handles = [*axes.get_legend_handles_labels()[0], *share.get_legend_handles_labels()[0]]
    share.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return axes


def course(
    axes: Axes, updates: ArrayLike, values: ArrayLike, *, title: str = "", ylabel: str = ""
) -> Axes:
    """Draw numbers (points, word lines) from update to update, one line a word line, the last one
    (a bias line, if any) in black."""
    points, numbers = np.asarray(updates), np.asarray(values, dtype=float)
    if numbers.ndim != 2 or len(numbers) != points.size:
        raise InputError(f"values have shape {numbers.shape}; expected ({points.size}, word lines)")
    points, numbers = _broken(points, numbers)
    marker = "." if np.isnan(numbers).any() else None
    for k in range(numbers.shape[1]):
        axes.plot(
            points,
            numbers[:, k],
            color=COLOURS[k % len(COLOURS)],
            linewidth=1.1,
            linestyle="-" if k < len(COLOURS) else "--",
            marker=marker,
            markersize=3,
            label=str(k),
        )
    axes.set(title=short(title), xlabel="update", ylabel=ylabel)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    return axes


def _broken(points: Floats, numbers: Floats) -> tuple[Floats, Floats]:
    """Return a course with a gap wherever updates were left out: no line is drawn across what was
    not recorded."""
    steps = np.diff(points)
    gaps = (
        np.flatnonzero(steps > 4 * np.median(steps)) + 1
        if steps.size > 1
        else np.array([], dtype=int)
    )
    return np.insert(points.astype(float), gaps, np.nan), np.insert(numbers, gaps, np.nan, axis=0)
