"""Ex situ: weights learnt in software with the very neurons of the circuit, then mapped onto
devices, wires compensated if asked."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.blas import one_blas_thread
from spicesnn.errors import ConfigError
from spicesnn.learning.compensation import compensate
from spicesnn.learning.gradients import Adam
from spicesnn.learning.weights import load_weights
from spicesnn.training.experiment import Experiment
from spicesnn.training.layers import Layer, joined
from spicesnn.training.problem import Samples

_ADAM = Adam(tiny=1e-300, of_largest=1e-9)
"""Gradients of currents may be of any size."""


def forward(
    experiment: Experiment, weights: list[Floats], inputs: Floats
) -> tuple[list[Floats], list[Floats]]:
    """Return word-line volts and differential currents of every layer on ideal wires: amps = volts
    @ (w·span)."""
    volts, amps, _ = experiment.passed(_ideal(experiment, weights), inputs)
    return volts, amps


def _ideal(experiment: Experiment, weights: list[Floats]) -> Callable[[int, Floats, float], Floats]:
    """Return what reads of arrays without wires and flaws give."""

    def read(number: int, volts: Floats, weight: float) -> Floats:
        layer = experiment.layers[number]
        return np.asarray(volts @ weights[number] * (layer.window.span * layer.gain))

    return read


def _gradients(experiment: Experiment, weights: list[Floats], samples: Samples) -> list[Floats]:
    """Return the descent direction of every weight (−gradient, up to a positive factor a layer)."""
    volts, amps = forward(experiment, weights, samples.inputs)
    deltas = experiment.activation.deltas(amps[-1], samples.answers)
    found: list[Floats] = []
    for number in reversed(range(len(weights))):
        found.insert(0, volts[number].T @ deltas)
        if number and experiment.hidden is not None:
            below = weights[number][:-1] if experiment.config.network.bias else weights[number]
            deltas = (deltas @ below.T) * experiment.hidden.slopes(amps[number - 1])
    return found


def learn_in_software(experiment: Experiment, rng: np.random.Generator) -> list[Floats]:
    """Return weights (rows, outputs) a layer, within ± `exsitu.weight_limit`, learnt by Adam on the
    network with ideal wires."""
    options, train = experiment.config.exsitu, experiment.problem.train
    lowest = 0.0 if experiment.config.network.columns == "single" else -options.weight_limit
    limit, size = options.weight_limit, min(options.batch or len(train), len(train))
    passes = max(
        options.epochs,
        math.ceil(options.presentations / (experiment.problem.available or len(train))),
    )
    weights = [
        rng.uniform(-1, 1, (layer.shape[0], layer.outputs))
        * limit
        * min(1.0, 3 / np.sqrt(layer.shape[0]))
        for layer in experiment.layers
    ]
    weights = [np.maximum(w, lowest) for w in weights]
    first, second, step = (
        [np.zeros_like(w) for w in weights],
        [np.zeros_like(w) for w in weights],
        0,
    )
    total = passes * (len(train) // size)
    for _ in range(passes):
        order = rng.permutation(len(train))
        for begin in range(0, len(train) - size + 1, size):
            step += 1
            rate = options.rate * (1 - 0.95 * step / total)
            for k, slope in enumerate(
                _gradients(experiment, weights, train.picked(order[begin : begin + size]))
            ):
                weights[k] = np.clip(
                    weights[k] + _ADAM.step(slope, first[k], second[k], count=step, rate=rate),
                    lowest,
                    limit,
                )
    return weights


def software_right(experiment: Experiment, weights: list[Floats], samples: Samples) -> float:
    """Return the share of samples that the output neurons answer rightly on ideal wires."""
    _, amps, spikes = experiment.passed(_ideal(experiment, weights), samples.inputs)
    return float(np.mean(experiment.decide(amps[-1], samples, spikes).right))


def rectified_right(experiment: Experiment, weights: list[Floats], samples: Samples) -> float:
    """Return the fraction of samples that the same weights answer rightly with rectifying neurons
    between the layers, in plain arithmetic."""
    values = samples.inputs
    for number, (layer, matrix) in enumerate(zip(experiment.layers, weights, strict=True)):
        inputs = np.c_[values, np.ones(len(values))] if experiment.config.network.bias else values
        values = inputs @ matrix * layer.gain
        if number < len(weights) - 1:
            values = np.maximum(values, 0.0)
    return float(np.mean(values.argmax(axis=1) == samples.labels))


def best_weights(experiment: Experiment) -> list[Floats]:
    """Return the weights to map: from the file `exsitu.weights`, or learnt, the best on training
    data of `exsitu.restarts` starts."""
    options = experiment.config.exsitu
    if options.weights:
        shapes = [(layer.shape[0], layer.outputs) for layer in experiment.layers]
        loaded = load_weights(
            options.weights, shapes, bias=experiment.config.network.bias, largest=np.inf
        )
        if experiment.config.network.columns == "single" and any(
            np.any(matrix < 0) for matrix in loaded
        ):
            raise ConfigError(
                f"{options.weights} has negative weights, which a single column per neuron cannot"
                ' hold; set network.columns to "differential" or "offset"'
            )
        return [
            matrix / layer.gain for matrix, layer in zip(loaded, experiment.layers, strict=True)
        ]
    best, best_score = None, -1.0
    for start in range(options.restarts):
        with one_blas_thread():
            weights = learn_in_software(experiment, experiment.streams.draw("start", start))
        score = software_right(experiment, weights, experiment.problem.train)
        if score > best_score:
            best, best_score = weights, score
        if best_score == 1.0:
            break
    assert best is not None
    return best


def mapped(
    experiment: Experiment, weights: list[Floats], *, wire_aware: bool
) -> tuple[Floats, float]:
    """Return the states of all devices for given weights, and the rms error of the effective
    conductances, as a share of the window."""
    states, worst = list[Floats](), 0.0
    for layer, matrix in zip(experiment.layers, weights, strict=True):
        siemens = layer.columns.conductances(matrix, layer.window)
        if wire_aware:
            siemens, error = _compensated(layer, siemens)
            worst = max(worst, error)
        states.append(layer.states_of(siemens))
    return joined(states), worst


def _compensated(layer: Layer, siemens: Floats) -> tuple[Floats, float]:
    if not layer.device.linear or layer.device.gated:
        raise ConfigError(
            f"exsitu.wire_aware needs cells that are linear and have no gate; {layer.device.name}"
            " cells are not: set it to false"
        )
    done = compensate(siemens, layer.window, layer.wires)
    return done.siemens, done.error_after
