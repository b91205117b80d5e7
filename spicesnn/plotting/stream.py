"""The figures of networks that learn from a stream of images: drawn from what their runs leave in
`history.npz` and `metrics.json`.

Each kind of network gives what it has (`StreamConfig.figures_data`); a figure whose data is not
there is left out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.learning.metrics import interval
from spicesnn.plotting.costs import cost_bars
from spicesnn.plotting.maps import ir_drop_map
from spicesnn.plotting.results import accuracy_by_epoch, confusion_matrix
from spicesnn.plotting.run_data import Drawn, RunData
from spicesnn.plotting.style import (
    COLOURS,
    DIVERGING,
    SEQUENTIAL,
    label,
    new_figure,
    scaled,
    short,
    style,
)

_MOST_FIELDS = 100
_ACCURACIES = (
    ("test", "test_accuracy"),
    ("train", "train_accuracy"),
    ("each chunk before it is learnt", "chunk_accuracy"),
)
_TICKS = 60
"""Up to so many neurons of a layer, spikes are ticks; dots of more."""


def accuracy(data: RunData) -> Drawn | None:
    """Draw test accuracy by chunk, that of each chunk before it was learnt, and the training
    accuracy at the end."""
    history = data.history
    if "test_accuracy" not in history:
        return None
    with style():
        figure = new_figure()
        axes = figure.subplots()
        for k, (name, key) in enumerate(_ACCURACIES):
            if key in history:
                accuracy_by_epoch(
                    axes,
                    {name: history[key]},
                    epochs=history[f"{key}_update"],
                    step="chunk of images",
                    first_colour=k,
                    samples=len(history.get("predicted", ())) if name == "test" else 0,
                )
        least = min(float(np.min(history[key])) for _, key in _ACCURACIES if key in history)
        axes.set_ylim(max(0.0, 100 - 1.6 * (100 - 100 * least)), 101 if least < 0.9 else 100.2)
    return Drawn(
        "accuracy",
        "Accuracy on test and training images during training, the former with its 95 % interval.",
        figure,
    )


def confusion(data: RunData) -> Drawn | None:
    """Draw the confusion matrix of the test images."""
    counts = _counts(data)
    if counts is None:
        return None
    with style():
        figure = new_figure(7.0, 6.2)
        confusion_matrix(
            figure.subplots(),
            counts if counts[:, -1].any() else counts[:, :-1],
            data.names,
            title="Test images",
        )
    return Drawn(
        "confusion",
        "True class against the answer; a tie or silence is no answer, and wrong.",
        figure,
    )


def _counts(data: RunData) -> NDArray[Any] | None:
    """The confusion of the test images, where there is one of the classes that have names."""
    counts = data.history.get("confusion")
    return counts if counts is not None and counts.shape[0] == len(data.names) else None


def by_class(data: RunData) -> Drawn | None:
    """Draw the accuracy of each class with its 95 % interval."""
    counts = _counts(data)
    if counts is None:
        return None
    total = counts.sum(axis=1)
    share = np.diag(counts) / np.maximum(total, 1)
    limits = np.array([interval(float(s), int(n)) for s, n in zip(share, total, strict=True)])
    with style():
        figure = new_figure(6.4, 3.8)
        axes = figure.subplots()
        errors = 100 * np.abs(limits.T - share)
        axes.errorbar(
            range(len(share)),
            100 * share,
            yerr=errors,
            fmt="o",
            color=COLOURS[0],
            ecolor=COLOURS[5],
            elinewidth=2.2,
            capsize=3,
        )
        mean = 100 * float(np.trace(counts[:, : len(share)]) / max(counts.sum(), 1))
        axes.axhline(
            mean, color=COLOURS[1], linewidth=1.2, linestyle="--", label=f"all: {mean:.2f} %"
        )
        axes.set_xticks(range(len(share)), data.names)
        axes.set(xlabel="class", ylabel="accuracy (%)", title="Accuracy by class")
        axes.legend(loc="lower left")
    return Drawn("classes", "Accuracy by class, with 95 % intervals (Wilson).", figure)


def _image(inputs: int, shape: NDArray[Any] | None) -> tuple[int, int] | None:
    """Return rows and columns of the picture that so many inputs are; None for a table. Reduced
    images, and runs that do not say it, are square."""
    if shape is not None and int(np.prod(shape)) == inputs:
        return (int(shape[0]), int(shape[1])) if min(shape) > 1 else None
    side = math.isqrt(inputs)
    return (side, side) if side * side == inputs else None


def fields(data: RunData) -> Drawn | None:
    """Draw the weights that first-layer neurons have from each pixel, as pictures."""
    weights = data.history.get("fields")
    drawn = None if weights is None else _image(weights.shape[0], data.history.get("image_shape"))
    if weights is None or drawn is None:
        return None
    (high, wide), count = drawn, min(weights.shape[1], _MOST_FIELDS)
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    sheet = np.full((rows * (high + 1) - 1, columns * (wide + 1) - 1), np.nan)
    for k in range(count):
        top, left = k // columns * (high + 1), k % columns * (wide + 1)
        sheet[top : top + high, left : left + wide] = weights[:, k].reshape(high, wide)
    signed = bool(weights.min() < 0)
    limit = float(np.quantile(np.abs(weights), 0.999)) or 1.0
    with style():
        figure = new_figure(7.4, 6.2 * rows / columns + 0.4)
        axes = figure.subplots()
        image = axes.imshow(
            sheet,
            cmap=DIVERGING if signed else SEQUENTIAL,
            vmin=-limit if signed else 0.0,
            vmax=limit,
            interpolation="nearest",
        )
        axes.set(
            xticks=[], yticks=[], title=f"Receptive fields of {count} of {weights.shape[1]} neurons"
        )
        axes.grid(visible=False)
        for spine in axes.spines.values():
            spine.set_visible(False)
        figure.colorbar(image, ax=axes, label="weight", shrink=0.8)
    return Drawn(
        "fields",
        "What neurons of the first layer look for: their weights from each pixel after training.",
        figure,
    )


def histograms(data: RunData) -> Drawn | None:
    """Draw how weights (or conductances) were spread before and after training, a panel per layer."""
    history = data.history
    names = [str(name) for name in history.get("histogram_names", [])]
    if not names:
        return None
    unit, sides = str(history["histogram_unit"]), [str(side) for side in history["histogram_sides"]]
    with style():
        figure = new_figure(4.2 * len(names) + 0.6, 3.8)
        for k, (name, axes) in enumerate(
            zip(names, figure.subplots(1, len(names), squeeze=False)[0], strict=True)
        ):
            edges, symbol = scaled(history[f"histogram_{k}_edges"], unit)
            for when, side, colour, filled in (
                ("after", sides[1], COLOURS[0], True),
                ("before", sides[0], COLOURS[1], False),
            ):
                counts, alpha = history[f"histogram_{k}_{when}"], 0.75 if filled else 1.0
                axes.stairs(
                    counts, edges, color=colour, fill=filled, alpha=alpha, linewidth=1.6, label=side
                )
            axes.set(
                xlabel=label("conductance" if unit == "S" else "weight", symbol),
                ylabel="synapses",
                yscale="log",
                title=_layer(name),
            )
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
    what = "conductances" if unit == "S" else "weights"
    return Drawn(
        "histogram",
        f"Histogram of the {what} of each layer, {sides[0]} and {sides[1]}; the count is"
        " logarithmic.",
        figure,
    )


def _layer(name: str) -> str:
    """Return what a layer, a population or a projection is called in a title."""
    return short(name.replace(">", " → "))


def spikes(data: RunData) -> Drawn | None:
    """Draw how many spikes each layer gives in a presentation of a test image."""
    history = data.history
    names = [str(name) for name in history.get("spike_names", [])]
    if not names:
        return None
    with style():
        figure = new_figure(4.2 * len(names) + 0.6, 3.6)
        for k, (name, axes) in enumerate(
            zip(names, figure.subplots(1, len(names), squeeze=False)[0], strict=True)
        ):
            counts = history[f"spikes_{k}"]
            whole = np.ptp(counts) < 60
            bins = (np.arange(counts.min(), counts.max() + 2) - 0.5).tolist() if whole else 40
            axes.hist(counts, bins=bins, color=COLOURS[k % len(COLOURS)])
            axes.axvline(
                float(np.mean(counts)),
                color="black",
                linewidth=1.0,
                linestyle="--",
                label=f"mean {np.mean(counts):.1f}",
            )
            axes.set(
                xlabel="spikes per presentation",
                ylabel="images" if k == 0 else "",
                title=_layer(name),
            )
            axes.legend()
    return Drawn(
        "spikes",
        f"Spikes of each layer in one presentation, over {len(history['spikes_0'])} test images.",
        figure,
    )


def raster(data: RunData) -> Drawn | None:
    """Draw all spikes of one presentation, a panel per layer."""
    history = data.history
    names = [str(name) for name in history.get("raster_names", [])]
    if not names:
        return None
    sizes, step_s, steps = (
        history["raster_sizes"],
        float(history["raster_step_s"]),
        int(history["raster_steps"]),
    )
    spans = np.array([0.0, steps * step_s]) if step_s else np.array([0.0, float(steps)])
    shown, unit = scaled(spans, "s") if step_s else (spans, "")
    factor = shown[1] / steps
    heights = [max(1.0, math.log10(float(size))) for size in sizes]
    with style():
        figure = new_figure(8.0, 1.1 + 1.15 * sum(heights))
        panels = figure.subplots(
            len(names), 1, squeeze=False, sharex=True, height_ratios=heights[::-1]
        )[:, 0]
        for k, (name, size) in enumerate(zip(names, sizes, strict=True)):
            axes = panels[len(names) - 1 - k]
            at, neuron = history[f"raster_{k}"].T
            ticks = size <= _TICKS
            axes.scatter(
                (at + 0.5) * factor,
                neuron,
                s=max(4.0, min(30.0, 900.0 / size)),
                color=COLOURS[k % len(COLOURS)],
                marker="|" if ticks else "o",
                linewidths=1.2 if ticks else 0.0,
            )
            axes.set(
                ylabel=f"{name}\n({len(at)} spikes)", ylim=(-0.7, size - 0.3), xlim=(0, shown[1])
            )
            axes.grid(visible=False, axis="y")
        panels[-1].set_xlabel(label("time", unit) if step_s else "time step")
        panels[0].set_title(f"One presentation of a test image, a {int(history['raster_label'])}")
    return Drawn(
        "raster", "Every spike of one presentation, the first layer at the bottom.", figure
    )


def ir_drop(data: RunData) -> Drawn | None:
    """Draw what the wires leave of the drive at each cell of the first tile; nothing where they
    have no resistance."""
    cells = data.driven_cells
    if cells is None:
        return None
    with style():
        figure = new_figure(6.0, 4.8)
        ir_drop_map(figure.subplots(), cells.volts, cells.drive_volts, wires=cells.wires)
    return Drawn(
        "ir-drop",
        "Cell voltage in percent of the drive in the first tile, all its word lines driven at"
        " once.",
        figure,
    )


def energy(data: RunData) -> Drawn | None:
    """Draw the energy of one presentation: reads, writes, normalisation, as far as the run counted
    them."""
    known = (("reads", "read"), ("learning writes", "write"), ("normalisation", "normalisation"))
    metrics = data.run.metrics()
    found = {
        name: float(metrics[f"{key}_joule_a_presentation"])
        for name, key in known
        if metrics.get(f"{key}_joule_a_presentation")
    }
    if not found:
        return None
    values, unit = scaled(np.array(list(found.values())), "J")
    with style():
        figure = new_figure(5.2, 1.4 + 0.5 * len(found))
        axes = figure.subplots()
        bars = axes.barh(range(len(found)), values, color=[COLOURS[k] for k in range(len(found))])
        axes.bar_label(bars, [f"{value:.3g}" for value in values], padding=4)
        axes.set_yticks(range(len(found)), list(found))
        axes.set(
            xlabel=label("energy per presentation", unit),
            title="Energy",
            xlim=(0, 1.15 * float(values.max())),
        )
        axes.grid(visible=False, axis="y")
    return Drawn("energy", "What one presentation costs in the array.", figure)


def cost(data: RunData) -> Drawn | None:
    """Draw what an inference of a mapped network costs, by component and layer."""
    rows = data.run.metrics().get("cost")
    if not isinstance(rows, list) or not rows:
        return None
    caption = (
        "Energy of an inference and area by component and layer: the arrays' energy is solved, the"
        " periphery's tabulated."
    )
    return Drawn("cost", caption, cost_bars(rows))


FIGURES: tuple[Callable[[RunData], Drawn | None], ...] = (
    accuracy,
    confusion,
    by_class,
    fields,
    histograms,
    spikes,
    raster,
    ir_drop,
    energy,
    cost,
)
"""In the order of the report."""
