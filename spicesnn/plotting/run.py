"""The figures of a run directory: drawn from its files, and one more read of its array on the nodal
engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.errors import RunError, SpicesnnError
from spicesnn.plotting import stream
from spicesnn.plotting.iv import iv_figure
from spicesnn.plotting.learning import (
    cell_courses,
    error,
    landscape,
    membranes,
    outputs,
    weight_courses,
)
from spicesnn.plotting.maps import conductance_map, ir_drop_map, receptive_fields, weight_map
from spicesnn.plotting.results import (
    accuracy_by_epoch,
    conductance_histogram,
    confusion_matrix,
    energy_by_epoch,
    spike_raster,
)
from spicesnn.plotting.run_data import Drawn, RunData
from spicesnn.plotting.style import new_figure, short, style
from spicesnn.training.layers import split
from spicesnn.whole_file import NotPlainError, appearing, check_plain

_SAMPLES_TO_SHOW = 8
_LONG_NAME = 0.5
_MOST_FIELDS = 50
_LONGEST = 8.0
"""Inches that classes or neurons may take along an axis; more of them share it."""


def figures(data: RunData) -> list[Drawn]:
    """Return every figure that the run has the data for."""
    found = [_drawn(make, data) for make in (_FIGURES if data.is_crossbar else stream.FIGURES)]
    return [figure for figure in found if figure is not None]


def _drawn(make: Callable[[RunData], Drawn | None], data: RunData) -> Drawn | None:
    """Draw one figure. Arrays that pass every check by themselves may still not fit the run's own
    network."""
    try:
        figure = make(data)
        if figure is not None:
            _ = figure.picture
    except SpicesnnError:
        raise
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        MemoryError,
        TypeError,
        ValueError,
    ) as error:
        said = (str(error).strip().splitlines() or [""])[0]
        raise RunError(
            f"the figure {make.__name__.strip('_')} cannot be drawn from the files in"
            f" {data.run.path}, which do not fit its run.toml ({type(error).__name__}:"
            f" {said:.100}): they are damaged, or from elsewhere"
        ) from error
    return figure


def run_figures(run_dir: str | Path) -> list[Path]:
    """Draw the figures of a run into its ``figures`` folder, as PNG.

    Parameters
    ----------
    run_dir : str | Path

    Returns
    -------
    list of Path
    """
    data = RunData(run_dir)
    return saved(figures(data), data.run.path / "figures")


def saved(drawings: Sequence[Drawn], folder: Path) -> list[Path]:
    """Write figures into a folder as PNG and return their paths."""
    paths = []
    try:
        folder.mkdir(exist_ok=True)
        check_plain(folder)
        for drawn in drawings:
            paths.append(folder / f"{drawn.name}.png")
            with appearing(paths[-1]) as partial:
                drawn.picture.save(partial, format="png")
    except NotPlainError as error:
        raise RunError(str(error.strerror)) from None
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error.strerror or error}") from None
    return paths


def _accuracy(data: RunData) -> Drawn | None:
    series = {
        name: data.history[key]
        for name, key in (("test", "test_accuracy"), ("train", "train_accuracy"))
        if key in data.history
    }
    if not series:
        return None
    batches = data.history.get("batch_right", np.array([]))
    with style():
        figure = new_figure()
        axes = figure.subplots()
        if len(batches):
            axes.plot(
                data.history["batch_right_update"],
                100 * batches,
                color="#bbbbbb",
                linewidth=1.0,
                label="training batch, before its update",
            )
        for k, (name, values) in enumerate(series.items()):
            count = len(data.history.get("predicted", ())) if name == "test" else 0
            accuracy_by_epoch(
                axes,
                {name: values},
                epochs=data.history[f"{name}_accuracy_update"],
                step="update",
                first_colour=k,
                samples=count,
            )
    grey = "; grey: accuracy on each batch before its update" if len(batches) else ""
    return Drawn(
        "accuracy",
        f"Accuracy during training, that on test samples with its 95 % interval{grey}.",
        figure,
    )


def _confusion(data: RunData) -> Drawn | None:
    counts = data.history.get("confusion")
    if counts is None or "class_names" not in data.history or counts.shape[0] != len(data.names):
        return None
    with style():
        side = min(0.48 * len(data.names), _LONGEST)
        letters = 0.08 * max(len(short(name)) for name in data.names)
        figure = new_figure(
            max(3.8, 1.8 + side + letters), 1.4 + side + (letters if letters > _LONG_NAME else 0.0)
        )
        confusion_matrix(
            figure.subplots(),
            counts if counts[:, -1].any() else counts[:, :-1],
            data.names,
            title="Test samples",
        )
    return Drawn(
        "confusion",
        "True class against the neuron that spiked first; a tie or no spike counts as wrong.",
        figure,
    )


def _before_and_after(data: RunData) -> list[tuple[Floats, Floats]]:
    """Return the conductances of each array before and after training, (rows, cols) siemens; none
    where a run did not keep them."""
    states, history = data.history.get("states"), data.history
    if not data.is_crossbar or states is None:
        return []
    layers = data.experiment.layers
    after = [
        history.get(f"conductance_after_{k}" if k else "conductance_after")
        for k in range(len(layers))
    ]
    before = [
        layer.siemens(part) for layer, part in zip(layers, split(states[0], layers), strict=True)
    ]
    return [
        (first, np.asarray(second, dtype=float))
        for first, second in zip(before, after, strict=True)
        if second is not None
    ]


def _of_arrays(data: RunData) -> str:
    """Return which array a picture is of, where there are several."""
    count = len(data.experiment.layers)
    return "" if count == 1 else f" of the first of {count} arrays"


def _conductances(data: RunData) -> Drawn | None:
    found = _before_and_after(data)
    if not found:
        return None
    both = found[0]
    with style():
        figure = new_figure(2 * _wide(both[0].shape) - 1.2, 4.6)
        panels = figure.subplots(1, 2)
        for axes, siemens, title in zip(
            panels, both, ("Before training", "After training"), strict=True
        ):
            window = data.first_layer.window
            conductance_map(axes, siemens, title=title, window=(window.low, window.high))
    caption = (
        f"Conductance of every cell{_of_arrays(data)} before and after training, at the read"
        " voltage."
    )
    return Drawn("conductances", caption, figure, beside={"After training": _states(data)})


def _wide(shape: tuple[int, ...]) -> float:
    """Return the width of a figure, inches, in which a map of (rows, cols) square cells with its
    colour bar leaves no empty side."""
    rows, cols = shape
    return 6.0 if max(shape) > 2.5 * min(shape) else min(6.0, max(3.8, 2.2 + 3.9 * cols / rows))


def _states(data: RunData) -> list[tuple[str, str, Floats]]:
    """Return the states of the first array's cells as `state.npz` holds them, with their names and
    units."""
    states = np.asarray(data.first_states(data.run.load_state().devices), dtype=float)
    device = data.experiment.device
    grids = states[None] if states.ndim == 2 else states
    return [
        (f"state {name}", unit, grid)
        for name, unit, grid in zip(device.state_names, device.state_units, grids, strict=False)
    ]


def _histogram(data: RunData) -> Drawn | None:
    found = _before_and_after(data)
    if not found:
        return None
    with style():
        figure = new_figure() if len(found) == 1 else new_figure(4.2 * len(found) + 0.6, 3.8)
        for k, axes in enumerate(figure.subplots(1, len(found), squeeze=False)[0]):
            conductance_histogram(axes, *found[k])
            if len(found) > 1:
                axes.set_title(f"Array {k + 1}")
    each = "each array" if len(found) > 1 else "the array"
    return Drawn(
        "histogram", f"Histogram of the conductances of {each}, before and after training.", figure
    )


def _weights(data: RunData) -> Drawn | None:
    weights, shape = data.history.get("weights_after"), data.history.get("image_shape")
    if weights is None or shape is None or "class_names" not in data.history:
        return None
    caption = "Weights after training, in units of the device's whole conductance window"
    count, hidden = weights.shape[1], "weights_after_1" in data.history
    if min(shape) > 1 and count <= _MOST_FIELDS:
        names = [f"hidden {k + 1}" for k in range(count)] if hidden else data.output_names(count)
        fields = receptive_fields(weights, (int(shape[0]), int(shape[1])), names)
        return Drawn(
            "weights",
            f"{caption}, one image per {'hidden' if hidden else 'output'} neuron.",
            fields,
        )
    with style():
        figure = new_figure(5.0, 4.4)
        weight_map(figure.subplots(), weights)
    return Drawn("weights", f"{caption}{_of_arrays(data)}: from each input to each neuron.", figure)


def _raster(data: RunData) -> Drawn | None:
    times, labels = data.history.get("spike_times"), data.history.get("spike_labels")
    if not data.is_crossbar or times is None or labels is None or times.ndim != 2:
        return None
    chosen = data.shown(_SAMPLES_TO_SHOW)
    shown = times[chosen]
    window = data.config.neuron.window_s
    spiking = shown[np.isfinite(shown)]
    # Neurons at rest spike early in a long window: cut it where the last of these spikes is over.
    period = min(window, 1.25 * float(spiking.max())) if spiking.size else window
    trains = [shown[:, k] + period * np.arange(len(shown)) for k in range(shown.shape[1])]
    names = data.output_names(shown.shape[1])
    marks = [
        (period * k, _marked(data, sample, int(label)))
        for k, (sample, label) in enumerate(zip(chosen, labels[chosen], strict=True))
    ]
    winners = [
        (float(np.min(row)) + period * k, int(np.argmin(row)))
        for k, row in enumerate(shown)
        if np.isfinite(np.min(row)) and np.sum(row == np.min(row)) == 1
    ]
    with style():
        figure = new_figure(8.4, 1.6 + min(0.32 * len(names), _LONGEST))
        spike_raster(
            figure.subplots(),
            trains,
            names,
            marks=marks,
            title="First spikes of test samples",
            winners=winners if data.config.neuron.code == "first-spike" else (),
        )
    decides = "; the winner has a ring" if data.config.neuron.code == "first-spike" else ""
    text = (
        f"First spike of every output neuron for a few test samples, one by one{decides}. On top:"
        " the true class, ✓ if the answer is right."
    )
    return Drawn("raster", text, figure)


def _marked(data: RunData, sample: int, label: int) -> str:
    """Return the true class of a test sample, and whether it was answered rightly."""
    if label < 0:
        return ""
    predicted = data.history.get("predicted")
    sign = (
        ""
        if predicted is None or sample >= len(predicted)
        else " ✓"
        if predicted[sample] == label
        else " ✗"
    )
    return f"{short(data.names[label], 8)}{sign}"


def _energy(data: RunData) -> Drawn | None:
    """An update's reads come before its number is counted up, its pulses after."""
    spent = {
        "write": (data.history.get("write_joule"), 1),
        "read": (data.history.get("read_joule"), 0),
    }
    at = {
        name: data.history[f"{name}_joule_update"] - shift
        for name, (joule, shift) in spent.items()
        if joule is not None and len(joule)
    }
    if not at:
        return None
    places = np.unique(np.concatenate(list(at.values())))
    binned = {
        name: (
            np.bincount(
                np.searchsorted(places, at[name]),
                weights=data.history[f"{name}_joule"],
                minlength=places.size,
            )
            if name in at
            else np.zeros(places.size)
        )
        for name in spent
    }
    with style():
        figure = new_figure()
        energy_by_epoch(
            figure.subplots(),
            binned["write"],
            binned["read"] if "read" in at else None,
            step="update",
            ends=places + 1,
            test_joule=_tested(data, float(binned["read"].sum())),
        )
    text = (
        "Energy that the line drivers delivered so far: programming pulses, and the reads that"
        " decided on them."
    )
    return Drawn("energy", text, figure)


def _tested(data: RunData, decided: float) -> float:
    """Return the energy of reads beside those that decided on pulses, joule; 0 where it is little."""
    total = float(data.run.metrics().get("read_joule", 0.0))
    return total - decided if total - decided > 1e-3 * total else 0.0


def _ir_drop(data: RunData) -> Drawn | None:
    if not data.is_crossbar:
        return None
    cells = data.driven_cells
    assert cells is not None
    with style():
        figure = new_figure(_wide(cells.volts.shape), 4.8)
        ir_drop_map(
            figure.subplots(),
            cells.volts,
            cells.drive_volts,
            wires=cells.wires,
        )
    which = f", the cells{_of_arrays(data)}" if len(data.experiment.layers) > 1 else ""
    return Drawn(
        "ir-drop",
        "Cell voltage in percent of the drive, all word lines driven at once, after"
        f" training{which}.",
        figure,
    )


def _iv(data: RunData) -> Drawn | None:
    from spicesnn.engines.iv import iv

    if not hasattr(getattr(data.config, "device", None), "build"):
        return None
    device = data.config.device.build()
    amplitude, frequency = device.typical_drive()
    return Drawn(
        "iv",
        "The device of this array under a sine.",
        iv_figure([iv(device, None, amplitude, frequency, 2)], device),
    )


_FIGURES: tuple[Callable[[RunData], Drawn | None], ...] = (
    _accuracy,
    error,
    outputs,
    _confusion,
    _weights,
    landscape,
    weight_courses,
    _conductances,
    cell_courses,
    _histogram,
    _raster,
    membranes,
    _ir_drop,
    _energy,
    _iv,
)
