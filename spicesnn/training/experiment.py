"""An experiment made concrete: the problem, the device, the lines' voltages, the neurons, the way weights stand on columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicesnn.crossbar.crossbar import Crossbar, GateAlong
from spicesnn.crossbar.mapping import COLUMNS, Columns, Window
from spicesnn.devices.base import Device, Floats
from spicesnn.devices.registry import nearest
from spicesnn.engines.base import Engine
from spicesnn.errors import ConfigError, UnknownNameError
from spicesnn.learning.manhattan import Activation, AllDevices, RandomSubset, Softmax, Subset, Tanh
from spicesnn.learning.programming import Programmer
from spicesnn.learning.schemes import FloatingColumns, Gated, HalfVoltage, Scheme, ThirdVoltage
from spicesnn.neurons.lif import LIF, first_spike_time, spike_count
from spicesnn.training import metrics
from spicesnn.training.config import Config, LearningOptions, ProgrammingOptions, VariabilityOptions
from spicesnn.training.problem import Labels, Problem, Samples, load
from spicesnn.training.reading import Reads, read_many
from spicesnn.training.streams import Streams


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Answers:
    """What the neurons said to samples.

    Attributes
    ----------
    amps : (n, outputs)
        Current into each neuron (the difference of a pair), ampere, without the neurons' offset.
    spike_times : (n, outputs)
        First spike, second, ``inf`` for silence within the window.
    predicted : (n,) int
        The neuron that answered; −1 for ties and silence.
    right : (n,) bool
    energy_joule : float
        Delivered by the drivers during these reads.
    residual_amps : float
        Worst violation of Kirchhoff's current law in these reads.
    """

    amps: Floats
    spike_times: Floats
    predicted: Labels
    right: NDArray[np.bool_]
    energy_joule: float
    residual_amps: float

    @property
    def accuracy(self) -> float:
        """Share of the samples that were answered rightly."""
        return float(np.mean(self.right)) if len(self.right) else 0.0


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Experiment:
    """Everything that stands while the array changes."""

    config: Config
    streams: Streams
    problem: Problem
    device: Device
    stuck: NDArray[np.bool_] | None
    columns: Columns
    window: Window
    neuron: LIF
    programmer: Programmer
    activation: Activation
    subset: Subset

    @classmethod
    def of(cls, config: Config) -> Experiment:
        """Build an experiment from its configuration and the configuration's seed."""
        streams = Streams(config.seed)
        device = config.device.build()
        if not device.memory:
            raise ConfigError(f"device.model is {device.name!r}, which has no memory; expected a device that can learn")
        problem, columns = load(config.data, streams), COLUMNS[config.network.columns]
        shape = problem.inputs + int(config.network.bias), columns.count(problem.outputs)
        window = Window.of(device, volts=config.encoding.high_volts)
        lif = config.neuron
        neuron = LIF(tau_s=lif.tau_s, resistance_ohm=lif.resistance_ohm, threshold_volts=lif.threshold_volts, refractory_s=lif.refractory_s)
        return cls(
            config=config, streams=streams, problem=problem, device=_spread(device, config.variability, streams, shape),
            stuck=_stuck(config.variability, streams, shape), columns=columns, window=window, neuron=neuron,
            programmer=_programmer(device, config.programming), activation=_activation(config.learning), subset=_subset(config.learning),
        )  # fmt: skip

    @property
    def shape(self) -> tuple[int, int]:
        """Word lines and bit lines of the array."""
        return self.problem.inputs + int(self.config.network.bias), self.columns.count(self.problem.outputs)

    def fresh_array(self) -> Crossbar:
        """Return the array before learning: conductances uniform over `network.initial` shares of the window."""
        if not self.config.network.initial:
            return self.array_of(np.broadcast_to(np.asarray(self.device.initial_state(), dtype=float), self.shape))
        low, high = (self.config.network.initial * 2)[:2]
        if not low <= high <= 1:
            raise ConfigError(f"network.initial is {list(self.config.network.initial)}; expected [low, high] shares with 0 ≤ low ≤ high ≤ 1")
        siemens = self.window.at(self.streams.draw("initial").uniform(low, high, self.shape))
        return self.array_of(self.device.state_for_conductance(siemens, v=self.config.encoding.high_volts))

    def array_of(self, state: Floats) -> Crossbar:
        """Return the array with its cells in given states."""
        along = GateAlong(self.config.array.gate_along)
        return Crossbar(device=self.device, state=state, wires=self.config.array.wires(), gate_along=along, stuck=self.stuck)

    def row_volts(self, inputs: Floats) -> Floats:
        """Return word-line voltages (n, rows) of inputs (n, inputs) from 0 to 1, the bias line last."""
        encoding = self.config.encoding
        volts = encoding.low_volts + (encoding.high_volts - encoding.low_volts) * inputs
        return np.concatenate([volts, np.full((len(volts), 1), encoding.bias_volts)], axis=1) if self.config.network.bias else volts

    def read(self, engine: Engine, array: Crossbar, inputs: Floats) -> Reads:
        """Solve the array for inputs (n, inputs); the currents are per column."""
        return read_many(engine, array, self.row_volts(inputs), self.config.encoding.gate_volts if array.gated else None)

    def answer(self, engine: Engine, array: Crossbar, samples: Samples) -> Answers:
        """Read samples and let the neurons answer."""
        reads = self.read(engine, array, samples.inputs)
        amps = self.columns.outputs(reads.column_amps)
        driven = amps + self.config.neuron.offset_amps
        times = first_spike_time(driven, self.neuron)
        times = np.where(times <= self.config.neuron.window_s, times, np.inf)
        energy = float(reads.power_watt.sum()) * self.config.encoding.read_s
        if np.all(samples.labels >= 0) and samples.answers.shape[1] > 1:
            if self.config.neuron.code == "first-spike":
                predicted = metrics.first_to_spike(times, self.config.neuron.resolution_s)
            else:
                predicted = metrics.most_spikes(spike_count(driven, self.neuron, self.config.neuron.window_s))
            right = (predicted == samples.labels) & (predicted != metrics.NOBODY)
        else:
            bits = np.isfinite(times)
            predicted = np.where(bits.sum(axis=1) == 1, bits.argmax(axis=1), metrics.NOBODY).astype(np.int64)
            right = np.all(bits == (samples.answers > 0), axis=1)
        return Answers(amps=amps, spike_times=times, predicted=predicted, right=right, energy_joule=energy, residual_amps=reads.residual_amps)


def _programmer(device: Device, options: ProgrammingOptions) -> Programmer:
    schemes: dict[str, Scheme] = {
        "half": HalfVoltage(), "third": ThirdVoltage(), "floating": FloatingColumns(),
        "gated": Gated(on_volts=options.gate_on_volts, off_volts=options.gate_off_volts),
    }  # fmt: skip
    if device.gated != (options.scheme == "gated"):
        has, wanted = ("a gate", "gated") if device.gated else ("no gate", "half, third or floating")
        raise ConfigError(f"programming.scheme is {options.scheme!r}, but {device.name} cells have {has}; expected {wanted}")
    return Programmer.for_device(
        device, schemes[options.scheme], set_volts=options.set_volts, reset_volts=options.reset_volts, set_s=options.set_s,
        reset_s=options.reset_s, rise_s=options.rise_s, cycle_to_cycle=options.cycle_to_cycle,
    )  # fmt: skip


def _spread(device: Device, options: VariabilityOptions, streams: Streams, shape: tuple[int, int]) -> Device:
    """Return the device with parameters that differ from cell to cell: p·exp(σ·N(0, 1))."""
    if not options.spread or not options.parameters:
        return device
    rng = streams.draw("device")
    sigma = float(np.sqrt(np.log1p(options.spread**2)))
    known = device.spice_parameters()
    for name in options.parameters:
        if name not in known:
            there = ", ".join(sorted(known))
            raise UnknownNameError(f"variability.parameters names {name!r}{nearest(name, known)} The parameters of {device.name} are: {there}")
    factors = {name: np.exp(sigma * rng.standard_normal(shape)) for name in options.parameters}
    if not options.scaled_to:
        return device.with_parameters(**{name: known[name] * factor for name, factor in factors.items()})
    if len(options.scaled_to) != 2 or not options.scaled_to[0] < options.scaled_to[1]:
        raise ConfigError(f"variability.scaled_to is {list(options.scaled_to)}; expected [lowest, highest]")
    low, high = options.scaled_to
    return device.with_parameters(**{name: low + (high - low) * (f - f.min()) / np.ptp(f) for name, f in factors.items()})


def _stuck(options: VariabilityOptions, streams: Streams, shape: tuple[int, int]) -> NDArray[np.bool_] | None:
    return streams.draw("stuck").random(shape) < options.stuck if options.stuck else None


def _activation(options: LearningOptions) -> Activation:
    if options.activation == "softmax":
        return Softmax(beta=options.gain)
    return Tanh(beta=options.gain, target=options.target, stop=options.stop if options.right_when == "outputs" else None)


def _subset(options: LearningOptions) -> Subset:
    if options.fraction >= 1 and options.groups >= 1:
        return AllDevices()
    return RandomSubset(fraction=options.fraction, groups=options.groups)
