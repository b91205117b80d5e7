"""What a run reached: accuracy and energy by epoch, the confusion matrix, the spikes, the
conductances before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.errors import InputError
from spicesnn.learning.metrics import interval
from spicesnn.plotting.style import COLOURS, label, scaled, short
from spicesnn.units import render

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_NAMES = 50
"""Up to so many classes or neurons are all named on an axis; every second, third, … of more."""
_LETTERS_AN_INCH = 12.0
_FAR_APART = 20.0
"""Energies whose ratio is beyond this have a logarithmic scale: stacked, the smaller would be a
line at the bottom."""
_FEW_POINTS = 40


def accuracy_by_epoch(
    axes: Axes,
    curves: Mapping[str, ArrayLike],
    *,
    epochs: ArrayLike | None = None,
    step: str = "epoch",
    first_colour: int = 0,
    samples: int = 0,
) -> Axes:
    """Draw one line a data set, in percent.

    Parameters
    ----------
    axes : Axes
    curves : Mapping
        Name → (epochs,) accuracy from 0 to 1; NaN where it was not measured.
    epochs : (epochs,), optional
        1, 2, 3, … if left out.
    step : str
        What one point is.
    first_colour : int
        Of the first line, for axes that have lines already.
    samples : int
        How many samples each accuracy was measured on; above 0, its 95 % interval (Wilson) is
        drawn.
    """
    for k, (name, values) in enumerate(curves.items(), start=first_colour):
        colour = COLOURS[k % len(COLOURS)]
        accuracy = 100.0 * np.asarray(values, dtype=float)
        x = np.arange(1, len(accuracy) + 1) if epochs is None else np.asarray(epochs)
        known = np.isfinite(accuracy)
        text = (
            f"{name} (final {accuracy[known][-1]:.1f} %)"
            if known.any()
            else f"{name}, not measured"
        )
        few = known.sum() <= 40
        if samples and known.any():
            limits = 100.0 * np.array(
                [interval(share / 100.0, samples) for share in accuracy[known]]
            )
            if few:
                axes.errorbar(
                    x[known],
                    accuracy[known],
                    yerr=np.abs(limits.T - accuracy[known]),
                    fmt="none",
                    ecolor=colour,
                    alpha=0.6,
                    capsize=2.5,
                    elinewidth=1.0,
                )
            else:
                axes.fill_between(
                    x[known], limits[:, 0], limits[:, 1], color=colour, alpha=0.18, linewidth=0
                )
        axes.plot(
            x[known],
            accuracy[known],
            # A curve over another of the same values leaves its marks to be seen.
            marker="os^"[k % 3],
            markersize=(4, 7, 8)[k % 3] if few else 0,
            markerfacecolor=colour if k == 0 else "none",
            color=colour,
            label=text,
        )
    axes.set(xlabel=step, ylabel="accuracy (%)", title="Accuracy", ylim=(0, 105))
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="best")
    return axes


def energy_by_epoch(
    axes: Axes,
    write_joule: ArrayLike,
    read_joule: ArrayLike | None = None,
    *,
    step: str = "epoch",
    ends: ArrayLike | None = None,
    test_joule: float = 0.0,
) -> Axes:
    """Draw the energy so far: programming pulses, and reads on top of them where they are given;
    (epochs,) joule each.

    `ends` (epochs,) are the numbers that the epochs end with, if not 1, 2, 3, …; `test_joule` is
    what reads that only test have taken beside, which the legend says.
    """
    if test_joule > 0:
        axes.plot([], [], " ", label=f"reads that only test: {render(test_joule, 'J', 3)} more")
    write = np.cumsum(np.asarray(write_joule, dtype=float))
    read = (
        np.zeros_like(write)
        if read_joule is None
        else np.cumsum(np.asarray(read_joule, dtype=float))
    )
    if read.shape != write.shape or read.ndim != 1:
        raise InputError(
            f"energies have shapes {write.shape} and {read.shape}; expected (epochs,) both"
        )
    if (
        write.size
        and min(write[-1], read[-1]) > 0
        and max(write[-1], read[-1]) > _FAR_APART * min(write[-1], read[-1])
    ):
        return _energies_apart(axes, write, read, step, ends)
    total, unit = scaled(np.stack([np.zeros_like(write), write, read + write]), "J")
    x = np.append(0, np.arange(1, len(write) + 1) if ends is None else np.asarray(ends))
    for k, (name, colour) in enumerate(
        (("programming", COLOURS[1]), ("reading", COLOURS[5]))[: 1 if read_joule is None else 2]
    ):
        axes.fill_between(
            x,
            np.append(0.0, total[k]) if k else 0.0,
            np.append(0.0, total[k + 1]),
            color=colour,
            alpha=0.8,
            label=name,
        )
    axes.set(xlabel=step, ylabel=label("energy so far", unit), title="Energy")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="upper left")
    return axes


def _energies_apart(
    axes: Axes, write: Floats, read: Floats, step: str, ends: ArrayLike | None
) -> Axes:
    """Draw two energies of which one is a small part of the other as lines on a logarithmic
    scale."""
    x = np.arange(1, len(write) + 1) if ends is None else np.asarray(ends)
    for name, joule, colour in (("programming", write, COLOURS[1]), ("reading", read, COLOURS[5])):
        text = f"{name}, {render(float(joule[-1]), 'J', 3)} at the end"
        axes.semilogy(
            x,
            np.where(joule > 0, joule, np.nan),
            color=colour,
            marker="o" if len(x) <= _FEW_POINTS else None,
            markersize=4,
            label=text,
        )
    axes.set(xlabel=step, ylabel="energy so far (J)", title="Energy")
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="best")
    return axes


def confusion_matrix(
    axes: Axes, counts: ArrayLike, names: Sequence[str], *, title: str = "Confusion"
) -> Axes:
    """Draw how often each class was taken for each other.

    Parameters
    ----------
    axes : Axes
    counts : (classes, classes) or (classes, classes + 1)
        Row: the true class; column: the answer. One more column than classes means "no answer" (no
        spike, or a tie).
    names : one per class
    """
    table = np.asarray(counts, dtype=float)
    classes = len(names)
    if table.ndim != 2 or table.shape[0] != classes or table.shape[1] not in (classes, classes + 1):
        raise InputError(
            f"counts have shape {table.shape}; expected ({classes}, {classes}) for {classes}"
            " classes, or one column more for no answer"
        )
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1.0)
    axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0, interpolation="nearest")
    for (row, column), count in np.ndenumerate(table):
        if count and classes <= 12:
            axes.text(
                column,
                row,
                f"{count:.0f}",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if share[row, column] > 0.55 else "black",
            )
    answers = [*names, *(["–"] if table.shape[1] > classes else [])]
    stride = -(-classes // _MOST_NAMES)
    room = (
        axes.figure.get_figure(root=True).get_size_inches()[0]
        * axes.get_position().width
        * _LETTERS_AN_INCH
    )
    crowded = max(1 + len(short(name)) for name in answers) * len(answers) / stride > room
    axes.set_xticks(
        range(0, len(answers), stride),
        [short(name) for name in answers[::stride]],
        rotation=90 if crowded else 0,
    )
    axes.set_yticks(range(0, classes, stride), [short(name) for name in names[::stride]])
    axes.grid(visible=False)
    total = table.sum()
    right = np.trace(table[:, :classes])
    heading = f"{title}: {right:.0f} of {total:.0f} right" if total else title
    axes.set(
        xlabel="prediction (–: no answer)" if table.shape[1] > classes else "answer",
        ylabel="true class",
        title=heading,
    )
    return axes


def spike_raster(
    axes: Axes,
    spike_times: Sequence[ArrayLike],
    names: Sequence[str],
    *,
    marks: Sequence[tuple[float, str]] = (),
    title: str = "Spikes",
    winners: Sequence[tuple[float, int]] = (),
) -> Axes:
    """Draw one line a neuron, one tick a spike.

    Parameters
    ----------
    axes : Axes
    spike_times : one array of seconds a neuron
    names : one per neuron
    marks : (seconds, text), optional
        Where a sample begins, and what it is.
    title : str
    winners : (seconds, neuron), optional
        Spikes that decided, which get a ring.
    """
    if len(spike_times) != len(names):
        raise InputError(f"{len(spike_times)} trains of spikes for {len(names)} names")
    trains = [
        np.asarray(times, dtype=float)[np.isfinite(np.asarray(times, dtype=float))]
        for times in spike_times
    ]
    ends = [float(train.max()) for train in trains if train.size] + [at for at, _ in marks]
    end = max(ends, default=1.0)
    top, unit = scaled(end, "s")
    factor = float(top) / end if end else 1.0
    colours = [COLOURS[k % len(COLOURS)] for k in range(len(trains))]
    axes.eventplot(
        [train * factor for train in trains], colors=colours, linelengths=0.7, linewidths=1.8
    )
    if winners:
        axes.plot(
            [at * factor for at, _ in winners],
            [neuron for _, neuron in winners],
            "o",
            markersize=11,
            markerfacecolor="none",
            markeredgecolor="#333333",
            markeredgewidth=1.1,
            label="winner",
            clip_on=False,
        )
    for at, text in marks:
        axes.axvline(at * factor, color="#999999", linewidth=0.8, linestyle=":")
        axes.annotate(
            short(text, 10),
            (at * factor, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(3, -9),
            textcoords="offset points",
            fontsize=8,
        )
    stride = -(-len(names) // _MOST_NAMES)
    axes.set_yticks(range(0, len(names), stride), [short(name) for name in names[::stride]])
    axes.set(
        xlabel=label("time", unit),
        ylabel="neuron",
        title=title,
        ylim=(-0.6, len(names) - (0.4 if not marks else 0.1)),
    )
    axes.grid(visible=False, axis="y")
    return axes


def conductance_histogram(
    axes: Axes, before: ArrayLike, after: ArrayLike, *, bins: int = 40
) -> Axes:
    """Draw how the conductances were spread before and after training."""
    first, second = (np.asarray(values, dtype=float).ravel() for values in (before, after))
    both, unit = scaled(np.concatenate([first, second]), "S")
    edges = np.histogram_bin_edges(both, bins=bins)
    axes.hist(both[first.size :], bins=edges.tolist(), color=COLOURS[0], alpha=0.75, label="after")
    axes.hist(
        both[: first.size],
        bins=edges.tolist(),
        histtype="step",
        color=COLOURS[1],
        linewidth=1.8,
        label="before",
    )
    axes.set(
        xlabel=label("conductance", unit), ylabel="cells", title="Conductances before and after"
    )
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    return axes
