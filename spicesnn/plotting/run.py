"""The figures of a run directory: drawn from its files, and one more read of its array on the nodal engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from spicesnn.devices.base import Floats
from spicesnn.errors import RunError
from spicesnn.plotting import stream
from spicesnn.plotting.iv import iv_figure
from spicesnn.plotting.learning import cell_courses, error, landscape, membranes, outputs, weight_courses
from spicesnn.plotting.maps import conductance_map, ir_drop_map, receptive_fields, weight_map
from spicesnn.plotting.results import accuracy_by_epoch, conductance_histogram, confusion_matrix, energy_by_epoch, spike_raster
from spicesnn.plotting.run_data import Drawn, RunData
from spicesnn.plotting.style import new_figure, style

_SAMPLES_TO_SHOW = 8


def figures(data: RunData) -> list[Drawn]:
    """Return every figure that the run has the data for."""
    found = [make(data) for make in (_FIGURES if data.is_crossbar else stream.FIGURES)]
    return [figure for figure in found if figure is not None]


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
        for drawn in drawings:
            paths.append(folder / f"{drawn.name}.png")
            drawn.picture.save(paths[-1])
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error.strerror or error}") from None
    return paths


def _accuracy(data: RunData) -> Drawn | None:
    series = {name: data.history[key] for name, key in (("test", "test_accuracy"), ("train", "train_accuracy")) if key in data.history}
    if not series:
        return None
    batches = data.history.get("batch_right", np.array([]))
    with style():
        figure = new_figure()
        axes = figure.subplots()
        if len(batches):
            axes.plot(data.history["batch_right_update"], 100 * batches, color="#bbbbbb", linewidth=1.0, label="training batch, before its update")
        for k, (name, values) in enumerate(series.items()):
            accuracy_by_epoch(axes, {name: values}, epochs=data.history[f"{name}_accuracy_update"], step="update", first_colour=k)
    return Drawn("accuracy", "Accuracy as the array learns; the grey line is the share of each batch that was right before its update.", figure)


def _confusion(data: RunData) -> Drawn | None:
    counts = data.history.get("confusion")
    if counts is None or "class_names" not in data.history or counts.shape[0] != len(data.names):
        return None
    with style():
        figure = new_figure(1.8 + 0.48 * len(data.names), 1.4 + 0.48 * len(data.names))
        confusion_matrix(figure.subplots(), counts if counts[:, -1].any() else counts[:, :-1], data.names, title="Test samples")
    return Drawn("confusion", "True class against the neuron that answered first; a tie or silence is no answer, and wrong.", figure)


def _before_and_after(data: RunData) -> tuple[Floats, Floats] | None:
    states, after = data.history.get("states"), data.history.get("conductance_after")
    return None if not data.is_crossbar or states is None or after is None else (data.conductances(states[0]), np.asarray(after, dtype=float))


def _conductances(data: RunData) -> Drawn | None:
    both = _before_and_after(data)
    if both is None:
        return None
    with style():
        figure = new_figure(10.0, 4.6)
        panels = figure.subplots(1, 2)
        for axes, siemens, title in zip(panels, both, ("Before training", "After training"), strict=True):
            conductance_map(axes, siemens, title=title, full_scale=float(max(np.max(values) for values in both)))
    return Drawn("conductances", "Conductance of every cell before and after training, at the read voltage.", figure)


def _histogram(data: RunData) -> Drawn | None:
    both = _before_and_after(data)
    if both is None:
        return None
    with style():
        figure = new_figure()
        conductance_histogram(figure.subplots(), *both)
    return Drawn("histogram", "How the conductances are spread before and after training.", figure)


def _weights(data: RunData) -> Drawn | None:
    weights, shape = data.history.get("weights_after"), data.history.get("image_shape")
    if weights is None or shape is None or "class_names" not in data.history:
        return None
    caption = "Weights after training, in units of the device's whole conductance window"
    if min(shape) > 1 and weights.shape[1] == len(data.names) and "weights_after_1" not in data.history:
        fields = receptive_fields(weights, (int(shape[0]), int(shape[1])), data.output_names(weights.shape[1]))
        return Drawn("weights", f"{caption}, as the picture each output neuron sees.", fields)
    with style():
        figure = new_figure(5.0, 4.4)
        weight_map(figure.subplots(), weights)
    return Drawn("weights", f"{caption}.", figure)


def _raster(data: RunData) -> Drawn | None:
    times, labels = data.history.get("spike_times"), data.history.get("spike_labels")
    if not data.is_crossbar or times is None or labels is None or times.ndim != 2:
        return None
    shown = times[:_SAMPLES_TO_SHOW]
    window = data.config.neuron.window_s
    spiking = shown[np.isfinite(shown)]
    # Neurons at rest spike early in a long window: cut it where the last of these spikes is over.
    period = min(window, 1.25 * float(spiking.max())) if spiking.size else window
    trains = [shown[:, k] + period * np.arange(len(shown)) for k in range(shown.shape[1])]
    names = data.output_names(shown.shape[1])
    marks = [(period * k, data.names[label] if label >= 0 else "") for k, label in enumerate(labels[:_SAMPLES_TO_SHOW])]
    with style():
        figure = new_figure(8.4, 1.6 + 0.32 * len(names))
        spike_raster(figure.subplots(), trains, names, marks=marks, title="First spikes of the first test samples")
    return Drawn("raster", "First spike of every output neuron for the first test samples, one after another; the true class stands on top.", figure)


def _energy(data: RunData) -> Drawn | None:
    """An update's reads come before its number is counted up, its pulses after."""
    spent = {"write": (data.history.get("write_joule"), 1), "read": (data.history.get("read_joule"), 0)}
    at = {name: data.history[f"{name}_joule_update"] - shift for name, (joule, shift) in spent.items() if joule is not None and len(joule)}
    if not at:
        return None
    updates = 1 + max(int(places.max()) for places in at.values())
    binned = {name: np.bincount(at[name], weights=data.history[f"{name}_joule"], minlength=updates) if name in at else np.zeros(updates)
              for name in spent}  # fmt: skip
    with style():
        figure = new_figure()
        energy_by_epoch(figure.subplots(), binned["write"], binned["read"] if "read" in at else None, step="update")
    return Drawn("energy", "Energy that the line drivers delivered so far: programming pulses, and the reads that decided on them.", figure)


def _ir_drop(data: RunData) -> Drawn | None:
    from spicesnn.engines.nodal.engine import NodalEngine

    if not data.is_crossbar:
        return None
    experiment = data.experiment
    array = experiment.array_of(data.run.load_state().devices)
    volts = np.full(array.rows, data.config.encoding.high_volts)
    gates = np.full(array.gate_lines, data.config.encoding.gate_volts) if array.gated else None
    read = NodalEngine().read(array, volts, gate_volts=gates)
    with style():
        figure = new_figure(6.0, 4.8)
        ir_drop_map(figure.subplots(), read.cell_volts, volts)
    return Drawn("ir-drop", "What the wires leave of the drive at each cell when all word lines are driven at once, after training.", figure)


def _iv(data: RunData) -> Drawn | None:
    from spicesnn.engines.iv import iv

    if not hasattr(getattr(data.config, "device", None), "build"):
        return None
    device = data.config.device.build()
    amplitude, frequency = device.typical_drive()
    return Drawn("iv", "The device of this array under a sine.", iv_figure([iv(device, None, amplitude, frequency, 2)], device))


_FIGURES: tuple[Callable[[RunData], Drawn | None], ...] = (
    _accuracy, error, outputs, _confusion, _weights, landscape, weight_courses, _conductances, cell_courses, _histogram, _raster, membranes,
    _ir_drop, _energy, _iv,
)  # fmt: skip
