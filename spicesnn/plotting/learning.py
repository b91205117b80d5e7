"""The figures of how a run learnt: outputs against their targets, error, weights and conductances
over the updates, membranes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.learning.manhattan import Tanh
from spicesnn.plotting.bars import weights_3d
from spicesnn.plotting.run_data import Drawn, RunData
from spicesnn.plotting.style import label, new_figure, scaled, style
from spicesnn.plotting.traces import course, error_trace, membrane_traces, output_traces

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_PANELS = 12
_MOST_CELLS = 200
_MEMBRANES = 4
_MOST_LABELS = 24
_LEAST_POINTS = 3
_RECORDED = (
    " after each update whose states were recorded (training.record_updates), and after the last"
)


def _panels(
    count: int, draw: Callable[[Axes, int], object], *, across: int = 4, shared: bool = True
) -> Figure:
    """Return a figure of small panels that `draw` fills one by one."""
    columns = min(across, count)
    rows = math.ceil(count / columns)
    with style():
        figure = new_figure(max(4.8, 2.7 * columns), 0.5 + 2.3 * rows)
        panels = figure.subplots(rows, columns, squeeze=False, sharex=shared, sharey=shared).ravel()
        for k, axes in enumerate(panels):
            if k < count:
                draw(axes, k)
            else:
                axes.set_visible(False)
            # Panels that share their axes say once what they show.
            if shared and k % columns:
                axes.set_ylabel("")
            if shared and k + columns < count:
                axes.set_xlabel("")
    return figure


def _legend(figure: Figure, title: str = "") -> None:
    """Put what the first panel's lines are beside the panels, where it hides nothing."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if len(labels) <= _MOST_LABELS:
        legend = figure.legend(
            handles,
            labels,
            title=title or None,
            loc="outside right center",
            fontsize=8,
            title_fontsize=8,
        )
        for line in legend.get_lines():  # whichever line of the first panel is thick
            line.set_linewidth(1.6)


def error(data: RunData) -> Drawn | None:
    """Draw the error of each batch before its update."""
    squares, right = data.history.get("batch_error"), data.history.get("batch_right")
    if squares is None or right is None or not len(squares):
        return None
    with style():
        figure = new_figure()
        error_trace(figure.subplots(), data.history["batch_error_update"], squares, right)
    return Drawn(
        "error",
        "Mean squared error of the outputs, and error rate on the batch, before each update.",
        figure,
    )


def outputs(data: RunData) -> Drawn | None:
    """Draw what each neuron answers to each training sample from update to update."""
    values = data.history.get("outputs")
    if values is None or not data.is_crossbar or not 0 < values.shape[2] <= _MOST_PANELS:
        return None
    wanted, activation = (
        data.experiment.problem.train.answers[: values.shape[1]],
        data.experiment.activation,
    )
    tanh = isinstance(activation, Tanh)
    goals = (-activation.target, activation.target) if isinstance(activation, Tanh) else (0.0, 1.0)
    names, updates = data.output_names(values.shape[2]), data.history["outputs_update"]
    stop = activation.stop if isinstance(activation, Tanh) else None

    def draw(axes: Axes, k: int) -> None:
        output_traces(
            axes, updates, values[:, :, k], wanted[:, k], goals=goals, stop=stop, title=names[k]
        )

    figure = _panels(values.shape[2], draw, across=3)
    _legend(figure)
    text = "tanh(βI)" if tanh else "softmax(βI)"
    return Drawn(
        "outputs",
        f"Output {text} of each neuron for every training sample; dashed: its target; dotted: where"
        " it counts as right.",
        figure,
    )


def _recorded(data: RunData) -> tuple[Floats, Floats] | None:
    """Return updates and the first array's states at each, where there are enough of them for a
    course and few enough cells."""
    states = data.history.get("states")
    if (
        states is None
        or not data.is_crossbar
        or len(states) < _LEAST_POINTS
        or math.prod(data.experiment.shape) > _MOST_CELLS
    ):
        return None
    updates, first = np.unique(data.history["states_update"], return_index=True)
    return (updates, states[first]) if len(updates) >= _LEAST_POINTS else None


def cell_courses(data: RunData) -> Drawn | None:
    """Draw the conductance of every cell over the updates, a panel per bit line."""
    recorded = _recorded(data)
    if recorded is None:
        return None
    updates, states = recorded
    siemens, unit = scaled(np.stack([data.conductances(state) for state in states]), "S")
    if siemens.shape[2] > _MOST_PANELS:
        return None
    what = label("conductance", unit)
    figure = _panels(
        siemens.shape[2],
        lambda axes, k: course(axes, updates, siemens[:, :, k], title=f"bit line {k}", ylabel=what),
    )
    _legend(figure, "word line")
    return Drawn(
        "conductance-courses",
        f"Conductance of every cell{_RECORDED}, one panel per bit line, one line per word line.",
        figure,
    )


def weight_courses(data: RunData) -> Drawn | None:
    """Draw every weight over the updates, a panel per output neuron."""
    recorded = _recorded(data)
    if recorded is None:
        return None
    updates, states = recorded
    weights = np.stack([data.first_layer.weights(data.first_states(state)) for state in states])
    count = weights.shape[2]
    if count > _MOST_PANELS:
        return None
    names = (
        data.output_names(count)
        if len(data.experiment.layers) == 1
        else [f"hidden neuron {k + 1}" for k in range(count)]
    )
    figure = _panels(
        count,
        lambda axes, k: course(axes, updates, weights[:, :, k], title=names[k], ylabel="weight"),
    )
    _legend(figure, "input")
    return Drawn(
        "weight-courses",
        f"Every weight{_RECORDED}, in units of the device's conductance window, one panel per"
        " neuron.",
        figure,
    )


def landscape(data: RunData) -> Drawn | None:
    """Draw the weights after training in three dimensions."""
    weights = data.history.get("weights_after")
    if weights is None or weights.ndim != 2:
        return None
    names = (
        data.output_names(weights.shape[1])
        if "weights_after_1" not in data.history and "class_names" in data.history
        else []
    )
    return Drawn(
        "weights-3d",
        "Weights after training, one bar per weight (a surface for large layers).",
        weights_3d(weights, names),
    )


def membranes(data: RunData) -> Drawn | None:
    """Draw the output neurons' membranes for the first test samples."""
    amps, labels = data.history.get("output_amps"), data.history.get("spike_labels")
    if not data.is_crossbar or amps is None or labels is None or not len(amps):
        return None
    chosen, options = data.shown(_MEMBRANES), data.config.neuron
    shown, labels = np.asarray(amps[chosen], dtype=float), labels[chosen]
    names = data.output_names(shown.shape[1])
    times = data.history["spike_times"][chosen]
    spikes = times[np.isfinite(times)]
    # Neurons that only have to be first have answered early in a long window.
    early = options.code == "first-spike" and spikes.size
    length = min(options.window_s, 2.0 * float(spikes.max())) if early else options.window_s

    def draw(axes: Axes, k: int) -> None:
        title = f"sample {chosen[k] + 1}" + (f": {data.names[labels[k]]}" if labels[k] >= 0 else "")
        membrane_traces(
            axes,
            shown[k] + options.offset_amps,
            options.lif(),
            names,
            time_s=length,
            title=title,
            until_first=options.code == "first-spike",
        )

    figure = _panels(len(shown), draw, across=2)
    if len(names) <= _MOST_PANELS:
        _legend(figure)
    first = " up to its first spike; the winner's is thick" if options.code == "first-spike" else ""
    return Drawn(
        "membranes",
        f"Membrane voltage of every output neuron for a few test samples{first}; dashed: the"
        " threshold.",
        figure,
    )
