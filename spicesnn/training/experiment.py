"""An experiment made concrete: the problem, the device, the lines' voltages, the neurons, the way
weights stand on columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar, GateAlong
from spicesnn.crossbar.faults import Wear
from spicesnn.crossbar.mapping import COLUMNS, Window
from spicesnn.datasets.scaling import Scale
from spicesnn.devices.base import Device
from spicesnn.engines.base import Engine
from spicesnn.engines.drift_compensation import drift_compensation
from spicesnn.errors import ConfigError
from spicesnn.learning import metrics
from spicesnn.learning.manhattan import Activation, AllDevices, RandomSubset, Softmax, Subset, Tanh
from spicesnn.learning.programming import Programmer
from spicesnn.learning.weights import check_layers, read_model, scales
from spicesnn.neurons.lif import LIF, first_spike_time, spike_count
from spicesnn.nonidealities.realised import Imperfections
from spicesnn.training.config import Config
from spicesnn.training.file_neurons import ReluCode, SteppedNeurons
from spicesnn.training.layers import Hidden, Layer, RateCode, SpikeCode, joined, split
from spicesnn.training.problem import Labels, Problem, Samples, load
from spicesnn.training.reading import Noise, read_many
from spicesnn.training.sections import LearningOptions, ProgrammingOptions
from spicesnn.training.state import RunState
from spicesnn.training.streams import Streams

_AT_ONCE = 20_000_000
"""So many numbers of a presentation stepped in time are held at once."""


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
    """What all layers did: word-line volts (n, rows) and differential currents (n, outputs) of
    each, joules, and the worst residual.

    `spikes` (n, steps, outputs) are those of output neurons that are stepped in time; volts and
    currents are then means over the steps."""

    row_volts: tuple[Floats, ...]
    amps: tuple[Floats, ...]
    energy_joule: float
    residual_amps: float
    spikes: NDArray[np.bool_] | None = None


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
    stepped: SteppedNeurons | None = None
    rests: bool = False
    """Whether the arrays have rested since they were programmed: their conductances have fallen."""

    @classmethod
    def of(
        cls, config: Config, problem: Problem | None = None, *, scale: Scale | None = None
    ) -> Experiment:
        """Build an experiment from its configuration and the configuration's seed.

        Parameters
        ----------
        config : Config
        problem : Problem, optional
            Stands in for the configuration's [data].
        scale : Scale, optional
            What the data are scaled by: that of a run which goes on or is tested. Taken from the
            training samples if left out.
        """
        config, streams = scaled(config), Streams(config.seed)
        device = config.device.build()
        if not device.memory:
            raise ConfigError(
                f"device.model is {device.name!r}, which has no memory; expected a device that can"
                " learn"
            )
        problem, neuron = (
            load(config.data, streams, scale) if problem is None else problem,
            config.neuron.lif(),
        )
        sizes = (problem.inputs, *config.network.hidden, problem.outputs)
        _check_file(config, sizes)
        window = Window.of(device, volts=_read_volts(config, device))
        flaws = config.imperfections.build(device, window, volts=_read_volts(config, device))
        layers = tuple(
            _layer(config, device, window, flaws, streams, number, *pair)
            for number, pair in enumerate(pairwise(sizes))
        )
        return cls(
            config=config,
            streams=streams,
            problem=problem,
            layers=layers,
            neuron=neuron,
            hidden=_hidden(config, window) if len(layers) > 1 else None,
            stepped=_stepped(config, len(layers)),
            programmer=_programmer(device, config.programming, flaws),
            activation=_activation(config.learning),
            subset=_subset(config.learning),
        )

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

    def cell_volts(self, devices: Floats, engine: Engine) -> Floats:
        """Solve the voltage (rows, cols) across every cell of the first array with all its word
        lines driven at once, as an input of 1 drives one."""
        array, encoding = self.array_of(devices), self.config.encoding
        gates = np.full(array.gate_lines, encoding.gate_volts) if array.gated else None
        return engine.read(
            array, np.full(array.rows, encoding.high_volts), gate_volts=gates
        ).cell_volts

    def array_of(self, devices: Floats) -> Crossbar:
        """Return the first array with all devices in given states."""
        return self.arrays(devices)[0]

    def fresh_devices(self) -> Floats:
        """Return the states of all devices before learning."""
        initial = self.config.network.initial
        return self.settled(
            joined(
                [
                    layer.fresh(initial, self.streams.draw("initial", *([k] if k else [])))
                    for k, layer in enumerate(self.layers)
                ]
            )
        )

    def arrays(self, devices: Floats, wear: Floats | None = None) -> list[Crossbar]:
        """Return the arrays with their cells in given states, and as worn as `wear` says."""
        states = split(devices, self.layers)
        made = [
            layer.array(state, worn)
            for layer, state, worn in zip(self.layers, states, self.worn(wear), strict=True)
        ]
        if not self.rests:
            return made
        flaws, seconds = self.imperfections, self.config.imperfections.rest_s
        return [
            flaws.rested(array, seconds, self.streams.draw("rest", k))
            for k, array in enumerate(made)
        ]

    @property
    def imperfections(self) -> Imperfections:
        """What the cells do besides their equations."""
        return self.programmer.imperfections

    def start(self, devices: Floats | None = None) -> RunState:
        """Return the state before the first update: fresh devices if none are given, none of them
        worn."""
        wear = (
            np.zeros(0)
            if self.imperfections.endurance is None
            else joined([np.zeros(layer.shape) for layer in self.layers])
        )
        return RunState(devices=self.fresh_devices() if devices is None else devices, wear=wear)

    def worn(self, wear: Floats | None) -> list[Wear | None]:
        """Return the wear of each layer, the lives of its cells as the seed decides; None where
        nothing wears out."""
        if wear is None or not wear.size:
            return [None] * len(self.layers)
        fresh = [
            self.imperfections.fresh_wear(layer.shape, self.streams.draw("wear", k))
            for k, layer in enumerate(self.layers)
        ]
        return [
            None if new is None else replace(new, cycles=cycles)
            for new, cycles in zip(fresh, split(wear, self.layers), strict=True)
        ]

    def settled(self, devices: Floats, purpose: int = 0) -> Floats:
        """Return the states that cells really take which are asked to take given ones: stuck cells
        do not, the others have finite states."""
        arrays = [
            self.imperfections.held(array, self.streams.draw("hold", purpose, k))
            for k, array in enumerate(self.arrays(devices))
        ]
        return joined(
            [
                layer.array(array.state_or_zeros()).state_or_zeros()
                for layer, array in zip(self.layers, arrays, strict=True)
            ]
        )

    def after_rest(self) -> Experiment:
        """Return the experiment as its arrays are after the rest between training and test."""
        drifts = (
            self.imperfections.retention is not None or self.imperfections.published is not None
        )
        older = replace(self.imperfections, rest_s=self.config.imperfections.rest_s)
        return replace(
            self,
            rests=drifts and self.config.imperfections.rest_s > 0,
            programmer=replace(self.programmer, imperfections=older),
        )

    def compensations(self, engine: Engine, devices: Floats, rested: list[Crossbar]) -> list[float]:
        """Return the factor on each array's currents that `imperfections.drift_compensation` asks
        for; 1 without it, or before the rest."""
        if not (self.rests and self.config.imperfections.drift_compensation):
            return [1.0] * len(rested)
        encoding, found = self.config.encoding, []
        for programmed, array in zip(
            replace(self, rests=False).arrays(devices), rested, strict=True
        ):
            gates = (
                {"gate_volts": np.full(array.gate_lines, encoding.gate_volts)}
                if array.gated
                else {}
            )
            found.append(
                drift_compensation(
                    engine, programmed, array, np.full(array.rows, encoding.high_volts), **gates
                )
            )
        return found

    def row_volts(self, values: Floats) -> Floats:
        """Return word-line voltages (n, rows) of values (n, inputs), 0 and 1 being the encoding's
        low and high; the bias line is last."""
        encoding = self.config.encoding
        volts = encoding.low_volts + (encoding.high_volts - encoding.low_volts) * values
        return (
            np.concatenate([volts, np.full((len(volts), 1), encoding.bias_volts)], axis=1)
            if self.config.network.bias
            else volts
        )

    def forward(
        self, engine: Engine, devices: Floats, inputs: Floats, update: int | None = None
    ) -> Forward:
        """Solve all layers for inputs (n, inputs), hidden neurons between them; noise is that of an
        `update`, or of the answers if left out."""
        arrays, watts, residual = self.arrays(devices), 0.0, 0.0
        factors = self.compensations(engine, devices, arrays)

        def read(number: int, volts: Floats, weight: float) -> Floats:
            nonlocal watts, residual
            array = arrays[number]
            gate = self.config.encoding.gate_volts if array.gated else None
            reads = read_many(engine, array, volts, gate, self._noise(number, update))
            watts += float(reads.power_watt.sum()) * weight
            residual = max(residual, reads.residual_amps)
            return factors[number] * self.layers[number].amps(reads.column_amps)

        volts, amps, spikes = self.passed(read, inputs)
        return Forward(
            row_volts=tuple(volts),
            amps=tuple(amps),
            energy_joule=watts * self.config.encoding.read_s,
            residual_amps=residual,
            spikes=spikes,
        )

    def passed(
        self, read: Callable[[int, Floats, float], Floats], inputs: Floats
    ) -> tuple[list[Floats], list[Floats], NDArray[np.bool_] | None]:
        """Return volts and currents of all layers for inputs (n, inputs), and the spikes of output
        neurons that are stepped in time.

        Parameters
        ----------
        read : callable
            From a layer's number, its word-line volts (m, rows) and the part of a presentation that
            one read stands for, to currents (m, outputs).
        inputs : (n, inputs)
        """
        if self.stepped is not None:
            return self._stepped_through(self.stepped, read, inputs)
        volts, amps, values = list[Floats](), list[Floats](), inputs
        for number in range(len(self.layers)):
            volts.append(self.row_volts(values))
            amps.append(read(number, volts[-1], 1.0))
            if self.hidden is not None and len(amps) < len(self.layers):
                values = self.hidden.values(amps[-1])
        return volts, amps, None

    def _stepped_through(
        self, neurons: SteppedNeurons, read: Callable[[int, Floats, float], Floats], inputs: Floats
    ) -> tuple[list[Floats], list[Floats], NDArray[np.bool_]]:
        """Do the same step by step: the first layer's currents stand still, the others' follow the
        spikes below them."""
        unit, steps = self.config.encoding.high_volts * self.layers[0].window.span, neurons.steps
        volts, amps = [self.row_volts(inputs)], list[Floats]()
        amps.append(read(0, volts[0], 1.0))
        widest = max((max(layer.shape) for layer in self.layers[1:]), default=1)
        size = max(1, _AT_ONCE // (steps * widest))
        later: list[list[tuple[Floats, Floats]]] = []
        found = []
        for begin in range(0, len(inputs), size):
            currents, means = (
                (amps[0][begin : begin + size] / unit)[:, None, :],
                list[tuple[Floats, Floats]](),
            )
            for number in range(1, len(self.layers)):
                spikes = neurons.spikes(number - 1, currents)
                lines = self.row_volts(spikes.reshape(-1, spikes.shape[2]).astype(float))
                driven = read(number, lines, 1.0 / steps)
                currents = driven.reshape(len(spikes), steps, -1) / unit
                means.append(
                    (
                        lines.reshape(len(spikes), steps, -1).mean(axis=1),
                        currents.mean(axis=1) * unit,
                    )
                )
            later.append(means)
            found.append(neurons.spikes(len(self.layers) - 1, currents))
        for number in range(len(self.layers) - 1):
            volts.append(np.concatenate([part[number][0] for part in later]))
            amps.append(np.concatenate([part[number][1] for part in later]))
        return volts, amps, np.concatenate(found)

    def _noise(self, layer: int, update: int | None) -> Noise | None:
        """Return what the reads of a layer are disturbed by."""
        if not self.imperfections.disturbs_reads:
            return None
        rng = (
            self.streams.draw("answer", layer)
            if update is None
            else self.streams.draw("read", update, layer)
        )
        return Noise(
            imperfections=self.imperfections, rng=rng, alike=self.config.imperfections.reads_alike
        )

    def answer(self, engine: Engine, devices: Floats, samples: Samples) -> Answers:
        """Read samples and let the neurons answer."""
        done = self.forward(engine, devices, samples.inputs)
        decided = self.decide(done.amps[-1], samples, done.spikes)
        return replace(decided, energy_joule=done.energy_joule, residual_amps=done.residual_amps)

    def decide(
        self, amps: Floats, samples: Samples, spikes: NDArray[np.bool_] | None = None
    ) -> Answers:
        """Let the output neurons answer to currents (n, outputs), whatever they come from, or to
        spikes (n, steps, outputs) of their own."""
        driven, one_a_class = (
            amps + self.config.neuron.offset_amps,
            bool(np.all(samples.labels >= 0)) and samples.answers.shape[1] > 1,
        )
        rectified = isinstance(self.hidden, ReluCode)
        times = first_spike_time(driven, self.neuron)
        times = np.where(times <= self.config.neuron.window_s, times, np.inf)
        if spikes is not None:
            times = np.where(
                spikes.any(axis=1),
                (1 + spikes.argmax(axis=1)) * self.config.neuron.window_s / spikes.shape[1],
                np.inf,
            )
        if one_a_class:
            if spikes is not None:
                predicted = metrics.most_spikes(spikes.sum(axis=1), amps)
            elif rectified:
                predicted = metrics.largest(amps)
            elif self.config.neuron.code == "first-spike":
                predicted = metrics.first_to_spike(times, self.config.neuron.resolution_s)
            else:
                predicted = metrics.most_spikes(
                    spike_count(driven, self.neuron, self.config.neuron.window_s)
                )
            right = (predicted == samples.labels) & (predicted != metrics.NOBODY)
        else:
            bits = amps > 0 if rectified else np.isfinite(times)
            # One neuron answers two classes: silence is the first, a spike the second.
            alone = (
                bits[:, 0]
                if bits.shape[1] == 1
                else np.where(bits.sum(axis=1) == 1, bits.argmax(axis=1), metrics.NOBODY)
            )
            predicted = alone.astype(np.int64)
            right = np.all(bits == (samples.answers > 0), axis=1)
        return Answers(
            amps=amps,
            spike_times=times,
            predicted=predicted,
            right=right,
            energy_joule=0.0,
            residual_amps=0.0,
        )


def scaled(config: Config) -> Config:
    """Return the configuration with what follows from weights of one's own written down:
    `exsitu.scale`, and that data are taken as they are."""
    options, given = config.exsitu, config.learning.rule == "exsitu" and bool(config.exsitu.weights)
    if config.data.source == "file" and config.data.scale == "auto":
        config = replace(config, data=replace(config.data, scale="none" if given else "minmax"))
    if not given or (options.scale and options.neurons != "auto"):
        return config
    model = read_model(options.weights)
    wanted = (
        options.neurons
        if options.neurons != "auto"
        else "file"
        if model.neurons
        else model.activation or "circuit"
    )
    if wanted == "file" and not options.thresholds:
        if not model.neurons:
            raise ConfigError(
                f'exsitu.neurons is "file", but {options.weights} does not bring all numbers of'
                ' neurons: threshold, and R, C and time_step, or beta; use "circuit" or "relu"'
            )
        if len({neuron.to_zero for neuron in model.neurons}) > 1:
            raise ConfigError(
                f"{options.weights} resets some layers to zero and others by subtraction; expected"
                " one way in all layers"
            )
        options = replace(
            options,
            thresholds=tuple(n.threshold for n in model.neurons),
            gains=tuple(n.gain for n in model.neurons),
            decays=tuple(n.decay for n in model.neurons),
            to_zero=model.neurons[0].to_zero,
        )
    scale = options.scale or scales(
        options.weights, bias=config.network.bias, limit=options.weight_limit
    )
    return replace(config, exsitu=replace(options, neurons=wanted, scale=scale))


def _check_file(config: Config, sizes: tuple[int, ...]) -> None:
    """Refuse a file of weights with other layers than the network; a run that has mapped it does
    not need it again."""
    path = config.exsitu.weights
    if config.learning.rule == "exsitu" and path and Path(path).is_file():
        check_layers(path, read_model(path), sizes)


def _stepped(config: Config, layers: int) -> SteppedNeurons | None:
    """Return the neurons that a file of weights brings, None where they are the circuit's."""
    options = config.exsitu
    if config.learning.rule != "exsitu" or not options.weights or options.neurons != "file":
        return None
    if not len(options.thresholds) == len(options.gains) == len(options.decays) == layers:
        counts = f"{len(options.thresholds)}, {len(options.gains)} and {len(options.decays)}"
        raise ConfigError(
            f"exsitu.thresholds, gains and decays have {counts} numbers; expected one for each of"
            f" the {layers} layers"
        )
    _check_units(config)
    if options.fine_tune:
        raise ConfigError(
            "exsitu.fine_tune is for the circuit's neurons, not for the file's: set it to 0, or"
            ' exsitu.neurons to "circuit"'
        )
    return SteppedNeurons(
        thresholds=options.thresholds,
        gains=options.gains,
        decays=options.decays,
        to_zero=options.to_zero,
        steps=options.steps,
    )


def _check_units(config: Config) -> None:
    """Refuse voltages at which an input of 1 and the bias are not the same: the file's sums would
    be others."""
    encoding = config.encoding
    if (
        encoding.low_volts != 0
        or encoding.high_volts <= 0
        or (config.network.bias and encoding.bias_volts != encoding.high_volts)
    ):
        raise ConfigError(
            f'exsitu.neurons is "{config.exsitu.neurons}", whose sums count in inputs of 1:'
            " expected encoding.low_volts = 0 and encoding.bias_volts = encoding.high_volts,"
            " above 0"
        )


def _gain(config: Config, number: int) -> float:
    """Return by what the currents of a layer are multiplied."""
    scale, layers = config.exsitu.scale, 1 + len(config.network.hidden)
    if config.learning.rule != "exsitu" or not scale:
        return 1.0
    if len(scale) != layers:
        raise ConfigError(
            f"exsitu.scale has {len(scale)} numbers, {list(scale)}; expected one for each of the"
            f" {layers} layers"
        )
    return scale[number]


def _read_volts(config: Config, device: Device) -> float:
    """Return where conductances count: dI/dV at 0 V for linear cells, else I/V at the voltage of an
    input of 1."""
    return 0.0 if device.linear else config.encoding.high_volts


def _check_gate(config: Config, device: Device) -> None:
    """Refuse reads at a gate voltage that passes another current than the one conductances count
    at."""
    if not device.gated:
        return
    volts, state, gate = (
        config.encoding.high_volts,
        device.initial_state(),
        config.encoding.gate_volts,
    )
    if not np.allclose(
        device.current(volts, state, gate),
        device.current(volts, state, device.gate_default),
        rtol=1e-9,
    ):
        raise ConfigError(
            f"encoding.gate_volts = {gate} V; {device.name} cells count at {device.gate_default} V"
            " on their gates: read them there"
        )


def _layer(
    config: Config,
    device: Device,
    window: Window,
    flaws: Imperfections,
    streams: Streams,
    number: int,
    inputs: int,
    outputs: int,
) -> Layer:
    columns = COLUMNS[config.network.columns]
    if config.imperfections.states:
        columns = columns.with_states(config.imperfections.states)
    _check_gate(config, device)
    shape = (inputs + int(config.network.bias), columns.count(outputs))
    index = (number,) if number else ()
    return Layer(
        shape=shape,
        outputs=outputs,
        device=flaws.devices(device, shape, streams.draw("device", *index)),
        stuck=flaws.stuck_cells(shape, streams.draw("stuck", *index)),
        columns=columns,
        window=window,
        wires=config.array.wires(),
        gate_along=GateAlong(config.array.gate_along),
        read_volts=config.encoding.high_volts,
        gain=_gain(config, number),
    )


def _hidden(config: Config, window: Window) -> Hidden:
    network = config.network
    if (
        config.learning.rule == "exsitu"
        and config.exsitu.weights
        and config.exsitu.neurons == "relu"
    ):
        _check_units(config)
        return ReluCode(unit_amps=config.encoding.high_volts * window.span)
    neuron = replace(config.neuron.lif(), resistance_ohm=network.hidden_ohm)
    if network.hidden_code == "spike":
        return SpikeCode(
            neuron=neuron, offset_amps=network.hidden_offset_amps, window_s=config.neuron.window_s
        )
    if neuron.refractory_s == 0:
        raise ConfigError(
            'network.hidden_code is "rate", which counts in highest rates: neuron.refractory_s must'
            " be above 0"
        )
    return RateCode(neuron=neuron, offset_amps=network.hidden_offset_amps)


def _programmer(device: Device, options: ProgrammingOptions, flaws: Imperfections) -> Programmer:
    if device.gated != (options.scheme == "gated"):
        has, wanted = (
            ("a gate", "gated") if device.gated else ("no gate", "half, third or floating")
        )
        raise ConfigError(
            f"programming.scheme is {options.scheme!r}, but {device.name} cells have {has};"
            f" expected {wanted}"
        )
    return Programmer.for_device(
        device,
        options.line_scheme(),
        set_volts=options.set_volts,
        reset_volts=options.reset_volts,
        set_s=options.set_s,
        reset_s=options.reset_s,
        rise_s=options.rise_s,
        imperfections=flaws,
    )


def _activation(options: LearningOptions) -> Activation:
    if options.activation == "softmax":
        return Softmax(beta=options.gain)
    return Tanh(
        beta=options.gain,
        target=options.target,
        stop=options.stop if options.right_when == "outputs" else None,
    )


def _subset(options: LearningOptions) -> Subset:
    if options.fraction >= 1 and options.groups >= 1:
        return AllDevices()
    return RandomSubset(fraction=options.fraction, groups=options.groups)
