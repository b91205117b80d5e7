"""Learning in software: Adam on the surrogate gradients, deformed images, dropout, weight noise,
and an average of the weights."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spicesnn.errors import InputError
from spicesnn.learning.gradients import Adam
from spicesnn.training.deep.deform import Deformation
from spicesnn.training.deep.network import DeepNetwork, F, forward, gradients, softmax_slope

_ADAM = Adam()


@dataclass(frozen=True, kw_only=True, slots=True)
class Software:
    """How weights are learnt.

    Attributes
    ----------
    batch : int
    rate : float
        Adam's step, at the start of a half cosine that ends at 0.
    gain : float
        Softmax works on the outputs times this.
    limits : one per layer
        Weights stay within ±: what is mapped onto the device's window.
    dropout : float
        Share of the hidden neurons that are left out.
    weight_noise : float
        Relative spread of every weight, drawn anew for each batch: what the devices will do.
    average : float
        The mapped weights are a running mean: mean ← average·mean + (1 − average)·weights.
    image : (rows, columns)
        Of an image.
    deformation : Deformation
    """

    batch: int = 128
    rate: float = 2e-3
    gain: float = 10.0
    limits: tuple[float, ...] = (1.0, 1.0, 1.0)
    dropout: float = 0.0
    weight_noise: float = 0.0
    average: float = 0.999
    image: tuple[int, int] = (28, 28)
    deformation: Deformation = field(default_factory=Deformation)

    def __post_init__(self) -> None:
        if (
            self.batch < 1
            or not self.rate > 0
            or not self.gain > 0
            or not all(limit > 0 for limit in self.limits)
        ):
            raise InputError(
                f"software learning: batch = {self.batch}, rate = {self.rate}, gain = {self.gain},"
                f" limits = {self.limits}; expected 1 or more, and numbers above 0"
            )
        if not 0 <= self.dropout < 1 or not 0 <= self.average < 1 or self.weight_noise < 0:
            raise InputError(
                f"software learning: dropout = {self.dropout}, average = {self.average},"
                f" weight_noise = {self.weight_noise}; expected fractions from 0 to below 1, and 0"
                " or more"
            )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Learnt:
    """Weights, their running mean, Adam's moments, and the number of batches so far."""

    weights: list[F]
    mean: list[F]
    first: list[F]
    second: list[F]
    batches: int

    @classmethod
    def fresh(cls, network: DeepNetwork, software: Software, rng: np.random.Generator) -> Learnt:
        """Return random weights."""
        if len(software.limits) != len(network.shapes):
            raise InputError(
                f"software learning: {len(software.limits)} limits for {len(network.shapes)}"
                " layers; expected one each"
            )
        weights = [
            np.clip(w, -limit, limit)
            for w, limit in zip(network.fresh(rng), software.limits, strict=True)
        ]
        zeros = [np.zeros_like(w) for w in weights]
        return cls(
            weights=weights,
            mean=[w.copy() for w in weights],
            first=zeros,
            second=[z.copy() for z in zeros],
            batches=0,
        )


def learnt_more(
    network: DeepNetwork,
    software: Software,
    state: Learnt,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    rng: np.random.Generator,
    *,
    total: int,
) -> tuple[Learnt, float]:
    """Return the state after one pass over images, and the mean loss; `total` is the number of
    batches of the whole run (for the schedule)."""
    weights, mean, first, second = (
        [a.copy() for a in part] for part in (state.weights, state.mean, state.first, state.second)
    )
    count, losses = state.batches, list[float]()
    for begin in range(0, len(images), software.batch):
        some = slice(begin, begin + software.batch)
        inputs = software.deformation.applied(images[some], software.image, rng)
        keep = _kept(network, software.dropout, len(inputs), rng)
        used = weights
        if software.weight_noise:
            used = [
                w
                * (
                    1
                    + np.float32(software.weight_noise)
                    * rng.standard_normal(w.shape, dtype=np.float32)
                )
                for w in weights
            ]
        trace = forward(network, used, inputs, keep)
        loss, slope = softmax_slope(trace.outputs, labels[some], software.gain)
        losses.append(loss)
        count += 1
        rate = software.rate * 0.5 * (1 + np.cos(np.pi * min(count / total, 1.0)))
        pace = np.float32(1 - min(software.average, count / (count + 10)))
        for k, found in enumerate(gradients(network, used, trace, slope, keep)):
            weights[k] -= _ADAM.step(found, first[k], second[k], count=count, rate=rate)
            np.clip(weights[k], -software.limits[k], software.limits[k], out=weights[k])
            mean[k] += pace * (weights[k] - mean[k])
    return Learnt(weights=weights, mean=mean, first=first, second=second, batches=count), float(
        np.mean(losses)
    )


def _kept(
    network: DeepNetwork, dropout: float, batch: int, rng: np.random.Generator
) -> list[F] | None:
    if not dropout:
        return None
    made = [
        rng.random((batch, 1, neurons), dtype=np.float32) >= dropout
        for neurons in network.sizes[1:-1]
    ]
    return [mask.astype(np.float32) / np.float32(1 - dropout) for mask in made]
