"""The figures of a run directory: drawn from its files, and one more read of its array on the nodal engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.devices.base import Floats
from spicesnn.errors import RunError
from spicesnn.plotting.iv import iv_figure
from spicesnn.plotting.maps import conductance_map, ir_drop_map, receptive_fields, weight_map
from spicesnn.plotting.results import accuracy_by_epoch, conductance_histogram, confusion_matrix, energy_by_epoch, spike_raster
from spicesnn.plotting.style import new_figure, style
from spicesnn.training.config import Config
from spicesnn.training.experiment import Experiment
from spicesnn.training.layers import split
from spicesnn.training.run import RunDirectory

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SAMPLES_TO_SHOW = 8
_FEW_SAMPLES = 100


@dataclass(frozen=True)
class Drawn:
    """One figure of a run.

    Attributes
    ----------
    name : str
        Of the file, without its ending.
    caption : str
        What it shows, one sentence.
    figure : Figure
    """

    name: str
    caption: str
    figure: Figure


class RunData:
    """A run directory opened for drawing."""

    def __init__(self, path: str | Path) -> None:
        self.run = RunDirectory.existing(path)
        self.config: Any = self.run.config()
        self.history: dict[str, NDArray[Any]] = self.run.history()

    @property
    def is_crossbar(self) -> bool:
        """Whether the run is of an array that learns as a circuit: only then there are states to look at."""
        return isinstance(self.config, Config)

    @cached_property
    def names(self) -> list[str]:
        """The classes."""
        return [str(name) for name in self.history["class_names"]]

    @cached_property
    def experiment(self) -> Experiment:
        """The experiment with a few samples only: enough for pictures."""
        few = replace(self.config.data, train_limit=_FEW_SAMPLES, test_limit=_FEW_SAMPLES)
        return Experiment.of(replace(self.config, data=few))

    def conductances(self, states: Floats) -> Floats:
        """Return what `states` of all devices conduct at the voltage of an input of 1, in the first array, (rows, cols) siemens."""
        layers = self.experiment.layers
        return layers[0].siemens(split(states, layers)[0])


def figures(data: RunData) -> list[Drawn]:
    """Return every figure that the run has the data for."""
    found = [make(data) for make in _FIGURES]
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
            drawn.figure.savefig(paths[-1])
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
        fields = receptive_fields(weights, (int(shape[0]), int(shape[1])), data.names)
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
    names = data.names if len(data.names) == shown.shape[1] else [f"neuron {k + 1}" for k in range(shown.shape[1])]
    marks = [(period * k, data.names[label] if label >= 0 else "") for k, label in enumerate(labels[:_SAMPLES_TO_SHOW])]
    with style():
        figure = new_figure(8.4, 1.6 + 0.32 * len(names))
        spike_raster(figure.subplots(), trains, names, marks=marks, title="First spikes of the first test samples")
    return Drawn("raster", "First spike of every output neuron for the first test samples, one after another; the true class stands on top.", figure)


def _energy(data: RunData) -> Drawn | None:
    write = data.history.get("write_joule")
    if write is None or not len(write):
        return None
    with style():
        figure = new_figure()
        energy_by_epoch(figure.subplots(), write, step="update")
    return Drawn("energy", "Energy that the line drivers delivered in programming pulses so far.", figure)


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
    _accuracy, _confusion, _weights, _conductances, _histogram, _raster, _ir_drop, _energy, _iv,
)  # fmt: skip
