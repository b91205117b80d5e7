"""Presentations step by step, with every spike kept: the equations of `stream`, in NumPy, learning
frozen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spicesnn.neurons.equations import integrate
from spicesnn.training.spiking_bp.network import SpikingBP, Weights

Fired = NDArray[np.bool_]


def replay(
    network: SpikingBP, weights: Weights, images: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[Fired, Fired, Fired]:
    """Return which inputs, hidden neurons and outputs fire, (images, steps, neurons) each, over the
    answer window.

    An input of grey level g fires with probability g/256 in each step; a neuron beyond its
    threshold fires and starts again from 0."""
    pixels = images.reshape(len(images), -1)
    steps = network.answer_window
    inputs = np.zeros((len(pixels), steps, network.inputs), dtype=bool)
    hidden, outputs = (
        np.zeros((len(pixels), steps, network.hidden), dtype=bool),
        np.zeros((len(pixels), steps, network.outputs), dtype=bool),
    )
    first, second = (
        np.zeros((len(pixels), network.hidden)),
        np.zeros((len(pixels), network.outputs)),
    )
    for t in range(steps):
        inputs[:, t] = rng.integers(0, 256, pixels.shape) < pixels
        first = integrate(
            first, np.asarray(inputs[:, t].astype(np.float32) @ weights.first, dtype=float), 1.0
        )
        hidden[:, t] = first > network.thresholds[0]
        first = np.where(hidden[:, t], 0.0, first)
        second = integrate(
            second, np.asarray(hidden[:, t].astype(np.float32) @ weights.second, dtype=float), 1.0
        )
        outputs[:, t] = second > network.thresholds[1]
        second = np.where(outputs[:, t], 0.0, second)
    return inputs, hidden, outputs
