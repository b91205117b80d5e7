"""The tables of a crossbar experiment's preset: every option typed, with its default, its meaning
and what it may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.temperature import TCR, checked, depends, device_at, wires_at
from spicesnn.crossbar.wires import DRIVE_SIDES, SENSE_SIDES, Wires
from spicesnn.datasets import registry
from spicesnn.datasets.recordings import reading
from spicesnn.datasets.recordings.aedat import SENSORS
from spicesnn.datasets.recordings.binning import POLARITIES, Grid
from spicesnn.datasets.scaling import METHODS
from spicesnn.devices.base import Device
from spicesnn.devices.device_file import device_table, is_plain
from spicesnn.devices.saturating_pulse import SaturatingPulse
from spicesnn.errors import ConfigError
from spicesnn.learning.schemes import FloatingColumns, Gated, HalfVoltage, Scheme, ThirdVoltage
from spicesnn.netlist.device_source import device_from, is_file
from spicesnn.neurons.lif import LIF
from spicesnn.options import Section, option, unknown_key
from spicesnn.units import parse

SOURCES = (*registry.sets(), "mnist", "file")


@dataclass(frozen=True, kw_only=True)
class EventData(Section):
    """[data] of recordings of events: how they become numbers of events in time steps."""

    step_s: float = option(
        0.0, "recordings of events: duration of a time step; 0: the network's own", lowest=0.0
    )
    steps: int = option(
        0, "recordings of events: time steps; 0: as many as the longest one takes", lowest=0
    )
    polarity: str = option(
        "auto",
        "recordings of events: an input a pixel and polarity, or both polarities together; auto:"
        " apart where the recordings have them",
        choices=POLARITIES,
    )
    sensor: str = option(
        "",
        "AEDAT 2.0 files that do not name their sensor: how its addresses are laid out",
        choices=("", *SENSORS),
    )

    def check_used(self, path: str) -> None:
        """Refuse what says how recordings are read where there are none."""
        for entry in fields(EventData):
            value = getattr(self, entry.name)
            if value != entry.default:
                raise ConfigError(
                    f"data.{entry.name} is {value!r}, but {path} holds no recordings of events;"
                    f" expected {reading.KINDS}, or that setting left out"
                )

    def grid(self, step_s: float, steps: int, shape: tuple[int, ...] = ()) -> Grid:
        """Return what events are binned into."""
        return Grid(step_s=step_s, steps=steps, shape=shape, polarity=self.polarity)


@dataclass(frozen=True, kw_only=True)
class DataOptions(EventData):
    """[data]"""

    source: str = option("xpue", "a pattern set, MNIST, or your own file", choices=SOURCES)
    path: str = option(
        "", "file of samples and classes, or a folder of files like MNIST's (source = file)"
    )
    label: str = option("label", "column of a csv file with the classes")
    test_path: str = option("", "file of held-out samples; empty: a fraction of `path` is held out")
    test_fraction: float = option(
        0.2, "fraction of the samples that is held out if test_path is empty", lowest=0.0, below=1.0
    )
    scale: str = option(
        "auto",
        "scaling of your own data, from the training samples alone: to 0…1 by minimum and maximum,"
        " or by mean and standard deviation; auto: minmax, or none with your own weights"
        " (exsitu.weights)",
        choices=("auto", *METHODS),
    )
    shape: tuple[int, ...] = option(
        (),
        "rows and columns of the images in a csv file (empty: its features are no image), or of the"
        " sensor of recordings",
        lowest=1,
    )
    pixels: int = option(
        0,
        "larger images are reduced to pixels × pixels; 0: they stay as they are, MNIST is reduced"
        " to 10 × 10",
        lowest=0,
    )
    method: str = option("area", "how images are reduced", choices=("area", "bicubic"))
    ones: int = option(
        0,
        "images: this many of the brightest pixels are 1, the rest 0; 0 keeps grey levels",
        lowest=0,
    )
    train_limit: int = option(0, "maximum number of training samples; 0: all", lowest=0)
    test_limit: int = option(0, "maximum number of test samples; 0: all", lowest=0)
    validation: int = option(
        0, "last training samples that replace the test samples, to choose settings on", lowest=0
    )
    events: str = option(
        "",
        "recordings of events: counts, an input's events summed over the sample (the first steps ×"
        " step_s of it, if both are set)",
        choices=("", "counts"),
    )


@dataclass(frozen=True, kw_only=True)
class NetworkOptions(Section):
    """[network]"""

    hidden: tuple[int, ...] = option((), "sizes of the hidden layers", lowest=1)
    hidden_code: str = option(
        "spike",
        "output of hidden neurons: one spike or no spike in the window, or their rate",
        choices=("spike", "rate"),
    )
    hidden_ohm: float = option(1e3, "membrane resistance of the hidden neurons", above=0.0)
    hidden_offset_amps: float = option(0.0, "constant current into every hidden neuron")
    columns: str = option(
        "differential",
        "how signed weights map to columns",
        choices=("differential", "single", "offset"),
    )
    bias: bool = option(True, "a word line that is always on")
    initial: tuple[float, ...] = option(
        (0.3, 0.7),
        "fresh conductances, uniform between these fractions of the range; empty: fresh devices",
        lowest=0.0,
        highest=1.0,
    )


def _one_a_line(ohm: float | tuple[float, ...]) -> float | Floats:
    return np.array(ohm) if isinstance(ohm, tuple) else ohm


@dataclass(frozen=True, kw_only=True)
class ArrayOptions(Section):
    """[array]"""

    word_line_ohm: float | tuple[float, ...] = option(
        1.0, "resistance of a word-line segment; several: one per word line", lowest=0.0
    )
    bit_line_ohm: float | tuple[float, ...] = option(
        1.0, "resistance of a bit-line segment; several: one per bit line", lowest=0.0
    )
    driver_ohm: float | tuple[float, ...] = option(
        0.0, "output resistance of the word-line drivers; several: one per word line", lowest=0.0
    )
    sense_ohm: float | tuple[float, ...] = option(
        0.0, "input resistance of the sense nodes; several: one per bit line", lowest=0.0
    )
    double_sided: bool = option(False, "lines are driven and sensed at both ends")
    drive_side: str | None = option(
        None,
        "end at which word lines are driven, column 0 being the left one; auto: as double_sided"
        " says",
        choices=DRIVE_SIDES,
    )
    sense_side: str | None = option(
        None,
        "end at which bit lines are sensed, row 0 being the top one; auto: as double_sided says",
        choices=SENSE_SIDES,
    )
    gate_along: str = option(
        "word", "which lines gates hang on, for cells that have one", choices=("word", "bit")
    )
    temperature: float = option(
        0.0,
        "kelvin, of devices (in place of their own), lines and transistors; 0: as each is given",
        lowest=0.0,
    )
    line_tcr: float = option(
        TCR["copper"],
        "temperature coefficient of the lines' resistance, 1/K, from 293.15 K; copper 3.93e-3,"
        " tungsten 4.5e-3",
    )

    def wires(self) -> Wires:
        """Return the wires."""
        lines = Wires(
            word_line_ohm=_one_a_line(self.word_line_ohm),
            bit_line_ohm=_one_a_line(self.bit_line_ohm),
            driver_ohm=_one_a_line(self.driver_ohm),
            sense_ohm=_one_a_line(self.sense_ohm),
            double_sided=self.double_sided,
            drive_side=self.drive_side,
            sense_side=self.sense_side,
        )
        return wires_at(lines, self.temperature, self.line_tcr) if self.temperature else lines


@dataclass(frozen=True, kw_only=True)
class EncodingOptions(Section):
    """[encoding]"""

    high_volts: float = option(0.2, "word-line voltage of an input of 1")
    low_volts: float = option(0.0, "word-line voltage of an input of 0")
    bias_volts: float = option(0.2, "word-line voltage of the bias line")
    gate_volts: float = option(0.0, "gate voltage during reads, for cells with a gate")
    read_s: float = option(1e-3, "duration of a read, for its energy", above=0.0)


@dataclass(frozen=True, kw_only=True)
class NeuronOptions(Section):
    """[neuron]"""

    tau_s: float = option(150e-6, "membrane time constant", above=0.0)
    resistance_ohm: float = option(1e3, "membrane volts at rest for one ampere", above=0.0)
    threshold_volts: float = option(4.0, "spike threshold", above=0.0)
    refractory_s: float = option(0.0, "time after a spike without another", lowest=0.0)
    offset_amps: float = option(0.0, "constant current into every output neuron", lowest=0.0)
    window_s: float = option(5e-3, "a neuron that has not spiked by then is silent", above=0.0)
    resolution_s: float = option(1e-9, "spikes closer than this are a tie", lowest=0.0)
    code: str = option(
        "first-spike", "which neuron answers", choices=("first-spike", "most-spikes")
    )

    def lif(self) -> LIF:
        """Return the output neuron."""
        return LIF(
            tau_s=self.tau_s,
            resistance_ohm=self.resistance_ohm,
            threshold_volts=self.threshold_volts,
            refractory_s=self.refractory_s,
        )


@dataclass(frozen=True, kw_only=True)
class ProgrammingOptions(Section):
    """[programming]"""

    scheme: str = option(
        "half",
        "voltages on the lines that are not selected",
        choices=("half", "third", "floating", "gated"),
    )
    set_volts: float = option(1.0, "magnitude of the pulse that raises the conductance", above=0.0)
    reset_volts: float = option(1.0, "magnitude of the pulse that lowers it", above=0.0)
    set_s: float = option(1e-6, "width of a set pulse", above=0.0)
    reset_s: float = option(1e-6, "width of a reset pulse", above=0.0)
    rise_s: float = option(0.0, "rise and fall time", lowest=0.0)
    gate_on_volts: float = option(1.2, "gate voltage of selected lines, for cells with a gate")
    gate_off_volts: float = option(0.0, "gate voltage of the others")
    verify_step: float = option(
        0.0,
        "above 0: write-verify with changes of this fraction of the window; 0: one pulse per"
        " change",
        lowest=0.0,
        highest=1.0,
    )
    verify_tolerance: float = option(
        0.25, "write-verify: tolerance, as a fraction of the change", above=0.0, highest=1.0
    )

    def line_scheme(self) -> Scheme:
        """Return the voltages on the lines that are not selected."""
        schemes: dict[str, Scheme] = {
            "half": HalfVoltage(),
            "third": ThirdVoltage(),
            "floating": FloatingColumns(),
            "gated": Gated(on_volts=self.gate_on_volts, off_volts=self.gate_off_volts),
        }
        return schemes[self.scheme]


@dataclass(frozen=True, kw_only=True)
class LearningOptions(Section):
    """[learning]"""

    rule: str = option(
        "manhattan", "how the array learns", choices=("manhattan", "template", "exsitu", "stdp")
    )
    activation: str = option(
        "softmax", "output on which the error is measured", choices=("softmax", "tanh")
    )
    gain: float = option(1e6, "output gain β, 1/A", above=0.0)
    target: float = option(1.0, "training target of tanh outputs, ±", above=0.0)
    right_when: str = option(
        "winner",
        "a sample counts as right when its neuron has the largest current, or when all outputs are"
        " beyond ± stop",
        choices=("winner", "outputs"),
    )
    stop: float = option(0.8, "tanh outputs beyond ± this count as right", lowest=0.0)
    opposite: bool = option(
        True, "set one device of a pair and reset the other; false: only ever set"
    )
    fraction: float = option(
        1.0, "fraction of the devices pulsed in an update, at random", above=0.0, highest=1.0
    )
    final_fraction: float = option(
        0.0,
        "the fraction shrinks to this geometrically over the run; 0: it stays",
        lowest=0.0,
        highest=1.0,
    )
    groups: float = option(
        1.0,
        "fraction of the (column, polarity) groups that an update touches: fewer pulses for the"
        " same `fraction`",
        above=0.0,
        highest=1.0,
    )
    final_width: float = option(
        1.0,
        "final pulse width relative to the first, reached geometrically over the run",
        above=0.0,
        highest=1.0,
    )


@dataclass(frozen=True, kw_only=True)
class ExsituOptions(Section):
    """[exsitu]"""

    weights: str = option(
        "", "npz or JSON file of weights to map, of any size; learnt in software if left empty"
    )
    epochs: int = option(10, "software training: passes over the data", lowest=1)
    presentations: int = option(
        0,
        "software training: minimum number of samples shown; a small data set gets more passes than"
        " the preset's epochs",
        lowest=0,
    )
    batch: int = option(0, "software training: samples a step; 0: all", lowest=0)
    rate: float = option(
        0.01, "software training: Adam's step, relative to the weight range", above=0.0
    )
    restarts: int = option(
        1, "software training: starts, of which the best on training data is mapped", lowest=1
    )
    weight_limit: float = option(
        0.8,
        "weights stay within ± this; the rest of the window is used to compensate the wires",
        above=0.0,
        highest=1.0,
    )
    scale: tuple[float, ...] = option(
        (),
        "loaded weights are divided by this, a number per layer; empty: so that they fill"
        " weight_limit",
        above=0.0,
    )
    wire_aware: bool = option(
        True, "choose conductances for which the array, wires included, implements the weights"
    )
    write_verify: bool = option(
        False, "program by pulses and reads, through the wires, instead of setting the states"
    )
    verify_tolerance: float = option(
        0.01, "write-verify: tolerance, as a fraction of the window", above=0.0, highest=1.0
    )
    fine_tune: int = option(0, "Manhattan updates in situ after the mapping", lowest=0)
    neurons: str = option(
        "auto",
        "neurons under loaded weights: the circuit's, those of the file stepped in time, or"
        " rectifying ones; auto: what the file says, the circuit's where it says nothing",
        choices=("auto", "circuit", "file", "relu"),
    )
    steps: int = option(100, "time steps that the file's neurons are shown a sample for", lowest=1)
    thresholds: tuple[float, ...] = option(
        (), "thresholds of the file's neurons, one per layer; read from it", above=0.0
    )
    gains: tuple[float, ...] = option(
        (), "what a step's current adds to their membranes, one per layer; read from it", above=0.0
    )
    decays: tuple[float, ...] = option(
        (),
        "what a step leaves of their membranes, one per layer; read from it",
        above=-1.0,
        highest=1.0,
    )
    to_zero: bool = option(
        False,
        "a spike sets their membranes to 0 instead of subtracting the threshold; read from it",
    )


@dataclass(frozen=True, kw_only=True)
class StdpOptions(Section):
    """[stdp]: overlapping spikes; their amplitudes follow from the device."""

    step: float = option(
        0.1,
        "change by one pair of simultaneous spikes, as a fraction of the device's range",
        above=0.0,
        highest=1.0,
    )
    theta_volts: float = option(0.3, "increase of a neuron's threshold per spike", lowest=0.0)
    theta_presentations: float = option(6.0, "presentations in which that decays to 1/e", above=0.0)


@dataclass(frozen=True, kw_only=True)
class TrainingOptions(Section):
    """[training]"""

    epochs: int = option(1, "passes over the training data, at most", lowest=0)
    presentations: int = option(
        0,
        "minimum number of presentations: a small data set gets more passes than the preset's"
        " epochs",
        lowest=0,
    )
    updates: int = option(0, "stop after this many updates; 0: when the epochs are done", lowest=0)
    batch: int = option(0, "samples an update; 0: all", lowest=0)
    stop_when_right: bool = option(False, "stop as soon as every training sample is right")
    checkpoint_s: float = option(60.0, "seconds between checkpoints", lowest=0.0)
    record_updates: int = option(
        16, "number of updates whose directions and states are recorded in history.npz", lowest=0
    )


_CURVE = ("curve", "curve_scale")
"""Keys of [device] for models that can be fitted to a measured pulse curve: the CSV file, and what
its conductances are multiplied by."""


@dataclass(frozen=True, kw_only=True)
class DeviceOptions:
    """[device]: `model`, and any parameter of that model."""

    model: str = "vteam"
    parameters: Mapping[str, str | float] = field(default_factory=dict)
    kelvin: float = 0.0
    """Of the array that the device is in (`array.temperature`); 0: as the parameters say. No key of
    its own."""

    @classmethod
    def from_table(cls, table: Mapping[str, Any], where: str) -> DeviceOptions:
        """Return the section from a TOML table; parameters are checked against the model.

        A model that is a device file of plain parameters is written out here, so that the run keeps
        them; any other file stays a file."""
        if not isinstance(table, Mapping):
            raise ConfigError(
                f'{where} is {table!r:.60}; expected a table with model = "vteam" and parameters of'
                " that model"
            )
        parameters = {key: value for key, value in table.items() if key != "model"}
        model, inside = str(table.get("model", "vteam")), parameters.get("memristor")
        fresh = device_from(model, memristor=None if inside is None else str(inside))
        if model.endswith(".toml"):
            model = str(Path(model).resolve())
        known = [
            *fresh.settable(),
            *(("memristor",) if hasattr(fresh, "around") else ()),
            *(_CURVE if isinstance(fresh, SaturatingPulse) else ()),
        ]
        for key in parameters:
            if key not in known:
                raise unknown_key(
                    f"{where}.{key}", ["device.model", *(f"{where}.{name}" for name in known)]
                )
        if is_file(model) and is_plain(fresh):
            kept = device_table(fresh)
            model, parameters = str(kept.pop("model")), {**kept, **parameters}
        section = cls(model=model, parameters=parameters)
        section.build()
        return section

    def at(self, kelvin: float) -> DeviceOptions:
        """Return the section for an array at a temperature."""
        if kelvin:
            checked(kelvin)
        return replace(self, kelvin=kelvin)

    def build(self) -> Device:
        """Return the device at its temperature; a measured pulse curve (`curve`, a file) decides on
        what the model fits to it."""
        device = self._built()
        return device_at(device, self.kelvin) if self.kelvin and depends(device) else device

    def _built(self) -> Device:
        text = {
            key: str(value)
            for key, value in self.parameters.items()
            if key not in ("memristor", *_CURVE)
        }
        inside = self.parameters.get("memristor")
        device = device_from(self.model, memristor=None if inside is None else str(inside))
        device = device.with_text(**text) if text else device
        if not self.parameters.get("curve"):
            return device
        fitted, _ = SaturatingPulse.from_curve(
            str(self.parameters["curve"]), scale=parse(self.parameters.get("curve_scale", 1.0))
        )
        return device.with_parameters(
            g_low=fitted.g_low, g_gain=fitted.g_gain, pulses=fitted.pulses
        )

    def to_table(self) -> dict[str, Any]:
        """Return the section as plain values."""
        return {"model": self.model, **self.parameters}
