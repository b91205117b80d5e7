"""An experiment made concrete: the problem, the device, the lines' voltages, the neurons, the way weights stand on columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from spicesnn.crossbar.crossbar import Crossbar, GateAlong
from spicesnn.crossbar.mapping import COLUMNS, Window
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
from spicesnn.training.layers import Hidden, Layer, RateCode, SpikeCode, joined, split
from spicesnn.training.problem import Labels, Problem, Samples, load
from spicesnn.training.reading import read_many
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
class Forward:
    """What all layers did: word-line volts (n, rows) and differential currents (n, outputs) of each, joules, and the worst residual."""

    row_volts: tuple[Floats, ...]
    amps: tuple[Floats, ...]
    energy_joule: float
    residual_amps: float


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Experiment:
    """Everything that stands while the array changes."""

    config: Config
    streams: Streams
    problem: Problem
    layers: tuple[Layer, ...]
    hidden: Hidden | None
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
        problem, neuron = load(config.data, streams), config.neuron.lif()
        sizes = (problem.inputs, *config.network.hidden, problem.outputs)
        layers = tuple(_layer(config, device, streams, number, *pair) for number, pair in enumerate(pairwise(sizes)))
        return cls(
            config=config, streams=streams, problem=problem, layers=layers, hidden=_hidden(config) if len(layers) > 1 else None, neuron=neuron,
            programmer=_programmer(device, config.programming), activation=_activation(config.learning), subset=_subset(config.learning),
        )  # fmt: skip

    @property
    def shape(self) -> tuple[int, int]:
        """Word lines and bit lines of the first array."""
        return self.layers[0].shape

    @property
    def device(self) -> Device:
        """The device model of the first array, with its parameters a cell."""
        return self.layers[0].device

    def fresh_array(self) -> Crossbar:
        """Return the first array before learning."""
        return self.array_of(self.fresh_devices())

    def array_of(self, devices: Floats) -> Crossbar:
        """Return the first array with all devices in given states."""
        return self.arrays(devices)[0]

    def fresh_devices(self) -> Floats:
        """Return the states of all devices before learning."""
        initial = self.config.network.initial
        return joined([layer.fresh(initial, self.streams.draw("initial", *([k] if k else []))) for k, layer in enumerate(self.layers)])

    def arrays(self, devices: Floats) -> list[Crossbar]:
        """Return the arrays with their cells in given states."""
        return [layer.array(state) for layer, state in zip(self.layers, split(devices, self.layers), strict=True)]

    def row_volts(self, values: Floats) -> Floats:
        """Return word-line voltages (n, rows) of values (n, inputs) from 0 to 1, the bias line last."""
        encoding = self.config.encoding
        volts = encoding.low_volts + (encoding.high_volts - encoding.low_volts) * values
        return np.concatenate([volts, np.full((len(volts), 1), encoding.bias_volts)], axis=1) if self.config.network.bias else volts

    def forward(self, engine: Engine, devices: Floats, inputs: Floats) -> Forward:
        """Solve all layers for inputs (n, inputs), hidden neurons between them."""
        volts, amps, watts, residual = [], [], 0.0, 0.0
        values = inputs
        for layer, array in zip(self.layers, self.arrays(devices), strict=True):
            volts.append(self.row_volts(values))
            reads = read_many(engine, array, volts[-1], self.config.encoding.gate_volts if array.gated else None)
            amps.append(layer.columns.outputs(reads.column_amps))
            watts += float(reads.power_watt.sum())
            residual = max(residual, reads.residual_amps)
            if self.hidden is not None and len(amps) < len(self.layers):
                values = self.hidden.values(amps[-1])
        return Forward(row_volts=tuple(volts), amps=tuple(amps), energy_joule=watts * self.config.encoding.read_s, residual_amps=residual)

    def answer(self, engine: Engine, devices: Floats, samples: Samples) -> Answers:
        """Read samples and let the neurons answer."""
        done = self.forward(engine, devices, samples.inputs)
        decided = self.decide(done.amps[-1], samples)
        return replace(decided, energy_joule=done.energy_joule, residual_amps=done.residual_amps)

    def decide(self, amps: Floats, samples: Samples) -> Answers:
        """Let the output neurons answer to currents (n, outputs), whatever they come from."""
        driven = amps + self.config.neuron.offset_amps
        times = first_spike_time(driven, self.neuron)
        times = np.where(times <= self.config.neuron.window_s, times, np.inf)
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
        return Answers(amps=amps, spike_times=times, predicted=predicted, right=right, energy_joule=0.0, residual_amps=0.0)


def _layer(config: Config, device: Device, streams: Streams, number: int, inputs: int, outputs: int) -> Layer:
    columns = COLUMNS[config.network.columns]
    shape = (inputs + int(config.network.bias), columns.count(outputs))
    index = (number,) if number else ()
    return Layer(
        shape=shape, outputs=outputs, device=_spread(device, config.variability, streams.draw("device", *index), shape),
        stuck=_stuck(config.variability, streams.draw("stuck", *index), shape), columns=columns,
        window=Window.of(device, volts=0.0 if device.linear else config.encoding.high_volts), wires=config.array.wires(),
        gate_along=GateAlong(config.array.gate_along), read_volts=config.encoding.high_volts,
    )  # fmt: skip


def _hidden(config: Config) -> Hidden:
    network = config.network
    neuron = replace(config.neuron.lif(), resistance_ohm=network.hidden_ohm)
    if network.hidden_code == "spike":
        return SpikeCode(neuron=neuron, offset_amps=network.hidden_offset_amps, window_s=config.neuron.window_s)
    if neuron.refractory_s == 0:
        raise ConfigError("network.hidden_code is \"rate\", which counts in highest rates: neuron.refractory_s must be above 0")
    return RateCode(neuron=neuron, offset_amps=network.hidden_offset_amps)


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


def _spread(device: Device, options: VariabilityOptions, rng: np.random.Generator, shape: tuple[int, int]) -> Device:
    """Return the device with parameters that differ from cell to cell: p·exp(σ·N(0, 1))."""
    if not options.spread or not options.parameters:
        return device
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


def _stuck(options: VariabilityOptions, rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.bool_] | None:
    return rng.random(shape) < options.stuck if options.stuck else None


def _activation(options: LearningOptions) -> Activation:
    if options.activation == "softmax":
        return Softmax(beta=options.gain)
    return Tanh(beta=options.gain, target=options.target, stop=options.stop if options.right_when == "outputs" else None)


def _subset(options: LearningOptions) -> Subset:
    if options.fraction >= 1 and options.groups >= 1:
        return AllDevices()
    return RandomSubset(fraction=options.fraction, groups=options.groups)
