"""Layers of leaky integrate-and-fire neurons behind inputs that are held, and a membrane that adds up
behind the last of them: whole batches in single precision, a matrix product a layer, forward and
backward.

It computes what `evaluate.run` and `backward.slopes` compute, step by step and in double precision,
for any network. Outputs are taken at the end of a sample, where they are the mean spikes of the last
hidden layer through the output's weights. Read noise is drawn for each column in each step: normal,
with the variance of all its cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.mapping import Differential
from spicesnn.learning.gradients import softmax
from spicesnn.networks.leaky_loop import backward_layer, run_layer
from spicesnn.networks.nodes import Values
from spicesnn.networks.synapses import Synapses

F = NDArray[np.float32]
_BATCH = 500


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Trace:
    """What a batch did: word-line values of each layer (batch, 1 or steps, rows), potentials of the
    hidden layers, outputs (batch, outputs)."""

    values: list[F]
    potentials: list[F]
    outputs: F


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Noise:
    """Noise of every cell in every read: the variance of each weight (rows, outputs) a layer, and
    where the draws come from."""

    variances: list[F]
    rng: np.random.Generator


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class LeakyLayers:
    """Populations behind one dense projection each from the one before.

    Attributes
    ----------
    names : tuple of str
        Of the projections.
    cells : tuple of Synapses
        Of the projections.
    biased : tuple of bool
        Whether the last row of a projection is a bias that is always on.
    decays : tuple of float
        1 − Δt/τ of the hidden populations.
    gain : float
        What the outputs hold at the end, over the mean of what they are given in a step.
    steps : int
        Time steps of a sample.
    """

    names: tuple[str, ...]
    cells: tuple[Synapses, ...]
    biased: tuple[bool, ...]
    decays: tuple[float, ...]
    gain: float
    steps: int

    @property
    def readable(self) -> bool:
        """Whether a matrix a layer says what reads give, and its variances what they scatter by."""
        return all(
            cells.read_by_matrix(noisy=isinstance(cells.columns, Differential))
            for cells in self.cells
        )

    @staticmethod
    def taken(x: Values) -> F:
        """Inputs that are held (n, steps, …) as rows (n, inputs)."""
        still = x[:, 0]
        return still.reshape(len(still), -1).astype(np.float32, copy=False)

    # -- what the cells say ----------------------------------------------------------------------

    def read_weights(self) -> list[F]:
        """The weights of all layers as reads see them, wires included."""
        return [cells.read_weights.astype(np.float32) for cells in self.cells]

    def noise(self, rng: np.random.Generator) -> Noise | None:
        """The noise of reads, None where there is none."""
        relative = [cells.read_noise for cells in self.cells]
        if not any(relative):
            return None
        variances = []
        for cells, size in zip(self.cells, relative, strict=True):
            effective = cells.effective
            assert effective is not None
            squares = (size / cells.unit * effective) ** 2
            variances.append(np.asarray(squares[:, 0::2] + squares[:, 1::2], dtype=np.float32))
        return Noise(variances=variances, rng=rng)

    def joule(self, trace: Trace) -> float:
        """Joules of all reads of a batch, Σ V²·G·Δt over samples, steps and cells."""
        total, last = 0.0, len(self.cells) - 1
        for k, (cells, values) in enumerate(zip(self.cells, trace.values, strict=True)):
            effective = cells.effective
            assert effective is not None
            # Spikes are 0 or 1, so that the mean of a step is that of their squares.
            squares = values if k == last else values * values
            times = self.steps if values.shape[1] == 1 else 1
            lines = times * squares.sum(axis=(0, 1), dtype=float)
            hardware = cells.hardware
            total += hardware.read_volts**2 * hardware.read_s * float(lines @ effective.sum(axis=1))
        return total

    # -- answers ---------------------------------------------------------------------------------

    def outputs(
        self, inputs: Floats | F, rng: np.random.Generator
    ) -> Iterator[tuple[F, NDArray[np.bool_]]]:
        """What the outputs hold at the end (n, outputs), and for which samples they have heard no
        spike (n,): for some of the samples (n, inputs) after the others."""
        weights, noise = self.read_weights(), self.noise(rng)
        for begin in range(0, max(len(inputs), 1), _BATCH):
            some = np.asarray(inputs[begin : begin + _BATCH], dtype=np.float32)
            trace = self.forward(weights, some, noise=noise)
            heard = trace.values[-1][:, 0, : self.cells[-1].rows - self.biased[-1]]
            yield trace.outputs, heard.max(axis=1) == 0

    def forward(
        self,
        weights: Sequence[F],
        inputs: F,
        keep: Sequence[F] | None = None,
        noise: Noise | None = None,
    ) -> Trace:
        """Run a batch.

        Parameters
        ----------
        weights : one (rows, outputs) a layer
        inputs : (batch, inputs)
        keep : one (batch, 1, neurons) a hidden layer, optional
            Dropout factors.
        noise : Noise, optional
        """
        values, potentials = [self._lines(inputs)[:, None, :]], list[F]()
        for k, weight in enumerate(weights[:-1]):
            drive = _product(values[-1], weight)
            if noise is not None:
                drive = self._noisy(drive, values[-1], noise, k)
            neurons = weight.shape[1]
            volts = np.empty((len(inputs), self.steps, neurons), np.float32)
            lines = np.empty((len(inputs), self.steps, neurons + self.biased[k + 1]), np.float32)
            lines[:, :, neurons:] = np.float32(1.0)
            run_layer(drive, np.float32(self.decays[k]), volts, lines)
            if keep is not None:
                lines[:, :, :neurons] *= keep[k]
            potentials.append(volts)
            values.append(lines)
        values[-1] = values[-1].mean(axis=1, keepdims=True, dtype=np.float32)
        outputs = _product(values[-1], weights[-1])
        if noise is not None:
            # Of each step's read, and spikes are 0 or 1: the variance of the mean is that of one
            # read over the steps.
            size = np.sqrt(_product(values[-1], noise.variances[-1]) / np.float32(self.steps))
            outputs = np.asarray(
                outputs + size * noise.rng.standard_normal(outputs.shape, dtype=np.float32),
                dtype=np.float32,
            )
        if self.gain != 1.0:
            outputs = outputs * np.float32(self.gain)
        return Trace(values=values, potentials=potentials, outputs=outputs[:, 0])

    def _lines(self, inputs: F) -> F:
        """Inputs (batch, n) with the 1 of a bias as the last, where the first layer has one."""
        if not self.biased[0]:
            return inputs
        return np.concatenate([inputs, np.ones((len(inputs), 1), np.float32)], axis=1)

    def _noisy(self, drive: F, values: F, noise: Noise, layer: int) -> F:
        """Drives (batch, steps, neurons) with the noise of their cells: independent in every step,
        so the first layer's is constant no more."""
        size = np.sqrt(_product(values * values, noise.variances[layer]))
        shape = (len(drive), self.steps, drive.shape[2])
        normal = noise.rng.standard_normal(shape, dtype=np.float32)
        return np.asarray(drive + size * normal, dtype=np.float32)

    # -- errors that go back ---------------------------------------------------------------------

    def gradients(
        self,
        weights: Sequence[F],
        trace: Trace,
        slope: F,
        sharpness: float,
        keep: Sequence[F] | None = None,
    ) -> list[F]:
        """dLoss/d(weights) of each layer from dLoss/d(outputs) (batch, outputs), by the surrogate
        through all layers and steps."""
        found, last = list[F](), len(weights) - 1
        below = (slope if self.gain == 1.0 else slope * np.float32(self.gain))[:, None, :]
        for k in reversed(range(len(weights))):
            values = trace.values[k]
            rows = values.reshape(-1, values.shape[2])
            gradient = np.asarray(rows.T @ below.reshape(-1, below.shape[2]), dtype=np.float32)
            found.insert(0, gradient)
            if k == 0:
                break
            spikes = _product(below, (weights[k][:-1] if self.biased[k] else weights[k]).T)
            if k == last:
                spikes /= np.float32(self.steps)
            if keep is not None:
                spikes *= keep[k - 1]
            # What the first layer is given is the same in all steps.
            constant = k == 1
            shape = (len(spikes), 1 if constant else self.steps, spikes.shape[2])
            below = np.empty(shape, np.float32)
            decay = np.float32(self.decays[k - 1])
            backward_layer(
                spikes, trace.potentials[k - 1], decay, np.float32(sharpness), constant, below
            )
        return found

    def hidden(self, trace: Trace) -> list[F]:
        """Spikes (batch, steps, neurons) of the hidden populations, without any dropout."""
        return [(volts > np.float32(1.0)).astype(np.float32) for volts in trace.potentials]


def _product(values: F, weight: F) -> F:
    """values (batch, steps, rows) @ weight (rows, outputs), as one matrix product: NumPy's own loop
    over the batch is thirty times slower."""
    return (values.reshape(-1, values.shape[2]) @ weight).reshape(
        *values.shape[:2], weight.shape[1]
    )


def softmax_slope(outputs: F, labels: NDArray[np.int64], gain: float) -> tuple[float, F]:
    """The mean cross-entropy of softmax(gain·outputs), and its derivative in the outputs."""
    share = softmax(np.float32(gain) * outputs)
    rows = np.arange(len(labels))
    loss = float(-np.log(np.maximum(share[rows, labels], 1e-12)).mean())
    share[rows, labels] -= np.float32(1.0)
    return loss, share * np.float32(gain / len(labels))
