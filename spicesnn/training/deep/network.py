"""A deep network: constant currents in, hidden LIF layers, an output layer that integrates and is
read at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicesnn.errors import InputError
from spicesnn.learning.gradients import softmax
from spicesnn.learning.metrics import NOBODY
from spicesnn.training.deep.neurons import backward_layer, run_layer

F = NDArray[np.float32]
_BATCH = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class DeepNetwork:
    """Sizes and neurons.

    Attributes
    ----------
    sizes : (inputs, hidden, …, outputs)
        At least one hidden layer. Each layer's weights are (inputs + 1, outputs): the last row is a
        bias line that is always on.
    steps : int
        Time steps of a presentation.
    decay : float
        exp(−Δt/τ) of the hidden neurons.
    sharpness : float
        Of the surrogate gradient.
    """

    sizes: tuple[int, ...] = (784, 512, 256, 10)
    steps: int = 8
    decay: float = 0.8
    sharpness: float = 4.0

    def __post_init__(self) -> None:
        if len(self.sizes) < 3 or min(self.sizes) < 1:
            raise InputError(
                f"deep network: sizes = {self.sizes}; expected (inputs, hidden, …, outputs), at"
                " least one hidden layer, all 1 or more"
            )
        if self.steps < 1 or not 0 <= self.decay < 1 or not self.sharpness > 0:
            raise InputError(
                f"deep network: steps = {self.steps}, decay = {self.decay}, sharpness ="
                f" {self.sharpness}; expected 1 or more, 0 ≤ decay < 1, and above 0"
            )

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Word lines (inputs and the bias line) and neurons of each layer."""
        return [
            (below + 1, above) for below, above in zip(self.sizes[:-1], self.sizes[1:], strict=True)
        ]

    def fresh(self, rng: np.random.Generator) -> list[F]:
        """Return normally distributed weights; in the first layer for inputs of which about a tenth
        is on."""
        made = []
        for k, (rows, neurons) in enumerate(self.shapes):
            weight = rng.normal(size=(rows, neurons)) / np.sqrt(rows * (0.12 if k == 0 else 0.3))
            weight[-1] = 0.0
            made.append(weight.astype(np.float32))
        return made


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Trace:
    """What a batch did: word-line values of each layer (batch, 1 or steps, rows), potentials of the
    hidden layers, outputs (batch, outputs)."""

    values: list[F]
    potentials: list[F]
    outputs: F


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class ReadNoise:
    """Noise of every cell in every read: the variance of each weight (rows, neurons) a layer, and
    where the draws come from."""

    variances: list[F]
    rng: np.random.Generator


def with_bias(values: F) -> F:
    """Return values (…, n) with the bias line's 1 as the last, (…, n + 1)."""
    return np.concatenate([values, np.ones((*values.shape[:-1], 1), np.float32)], axis=-1)


def _product(values: F, weight: F) -> F:
    """Return values (batch, steps, rows) @ weight (rows, neurons), as one matrix product: NumPy's
    own loop over the batch is thirty times slower."""
    return (values.reshape(-1, values.shape[2]) @ weight).reshape(
        *values.shape[:2], weight.shape[1]
    )


def _noisy(drive: F, values: F, steps: int, noise: ReadNoise, layer: int) -> F:
    """Return drives (batch, steps, neurons) with the noise of their cells: independent in every
    step, so the first layer's is constant no more."""
    size = np.sqrt(_product(values * values, noise.variances[layer]))
    return np.asarray(
        drive
        + size * noise.rng.standard_normal((len(drive), steps, drive.shape[2]), dtype=np.float32),
        dtype=np.float32,
    )


def forward(
    network: DeepNetwork,
    weights: Sequence[F],
    inputs: F,
    keep: Sequence[F] | None = None,
    noise: ReadNoise | None = None,
) -> Trace:
    """Run a batch of inputs (batch, inputs) from 0 to 1; `keep` (batch, 1, neurons) are dropout
    factors of the hidden layers.

    The output neurons integrate without leak or threshold, so that what they hold at the end is the
    mean spike train through their weights."""
    values, potentials = [with_bias(inputs)[:, None, :]], list[F]()
    for k, weight in enumerate(weights[:-1]):
        drive = _product(values[-1], weight)
        if noise is not None:
            drive = _noisy(drive, values[-1], network.steps, noise, k)
        shape = (len(inputs), network.steps, weight.shape[1])
        volts, spikes = np.empty(shape, np.float32), np.empty(shape, np.float32)
        run_layer(drive, np.float32(network.decay), volts, spikes)
        if keep is not None:
            spikes *= keep[k]
        potentials.append(volts)
        values.append(with_bias(spikes))
    values[-1] = values[-1].mean(axis=1, keepdims=True, dtype=np.float32)
    outputs = _product(values[-1], weights[-1])
    if (
        noise is not None
        # of each step's read, and spikes are 0 or 1: the variance of the mean is that of one read over
        # the steps
    ):
        size = np.sqrt(_product(values[-1], noise.variances[-1]) / np.float32(network.steps))
        outputs = np.asarray(
            outputs + size * noise.rng.standard_normal(outputs.shape, dtype=np.float32),
            dtype=np.float32,
        )
    return Trace(values=values, potentials=potentials, outputs=outputs[:, 0])


def gradients(
    network: DeepNetwork,
    weights: Sequence[F],
    trace: Trace,
    slope: F,
    keep: Sequence[F] | None = None,
) -> list[F]:
    """Return dLoss/d(weights) of each layer from dLoss/d(outputs) (batch, outputs), by the
    surrogate through all layers and steps."""
    found = list[F]()
    below = slope[:, None, :]
    for k in reversed(range(len(weights))):
        values = trace.values[k]
        found.insert(0, values.reshape(-1, values.shape[2]).T @ below.reshape(-1, below.shape[2]))
        if k == 0:
            break
        spikes = _product(below, weights[k][:-1].T)
        if k == len(weights) - 1:
            spikes /= np.float32(network.steps)
        if keep is not None:
            spikes *= keep[k - 1]
        constant = k == 1
        below = np.empty(
            (len(spikes), 1 if constant else network.steps, spikes.shape[2]), np.float32
        )
        backward_layer(
            spikes,
            trace.potentials[k - 1],
            np.float32(network.decay),
            np.float32(network.sharpness),
            constant,
            below,
        )
    return found


def softmax_slope(outputs: F, labels: NDArray[np.int64], gain: float) -> tuple[float, F]:
    """Return the mean cross-entropy of softmax(gain·outputs), and its derivative in the outputs."""
    share = softmax(np.float32(gain) * outputs)
    rows = np.arange(len(labels))
    loss = float(-np.log(np.maximum(share[rows, labels], 1e-12)).mean())
    share[rows, labels] -= np.float32(1.0)
    return loss, share * np.float32(gain / len(labels))


def outputs_of(
    network: DeepNetwork,
    weights: Sequence[F],
    images: NDArray[np.uint8],
    noise: ReadNoise | None = None,
) -> tuple[F, F]:
    """Return what the output neurons hold (images, outputs), and the mean spikes of each last
    hidden neuron (images, neurons)."""
    outputs, spikes = list[F](), list[F]()
    for first in range(0, len(images), _BATCH):
        trace = forward(
            network,
            weights,
            images[first : first + _BATCH].astype(np.float32) / np.float32(255.0),
            noise=noise,
        )
        outputs.append(trace.outputs)
        spikes.append(trace.values[-1][:, 0, :-1])
    return np.concatenate(outputs), np.concatenate(spikes)


def decided(outputs: F, spikes: F) -> NDArray[np.int64]:
    """Return the class of each row of outputs; `NOBODY` where two are equal at the top, or where no
    neuron below has spiked."""
    best = outputs.max(axis=1, keepdims=True)
    unclear = ((outputs == best).sum(axis=1) > 1) | (spikes.max(axis=1) == 0)
    return np.where(unclear, NOBODY, outputs.argmax(axis=1)).astype(np.int64)
