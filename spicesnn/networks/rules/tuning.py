"""Tuning of cells in situ: the arrays answer, the error goes back through what they answer with, and
the weights with the largest gradients are pulsed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.errors import InputError
from spicesnn.networks.leaky_layers import softmax_slope
from spicesnn.networks.nodes import Values
from spicesnn.networks.rules.base import BatchRule, Labels, Memory, SeenNetwork
from spicesnn.networks.rules.batch import check_labels, learning, slopes
from spicesnn.networks.synapses import Wanted
from spicesnn.networks.synapses.updates import Update


@dataclass(frozen=True, kw_only=True, slots=True)
class Tuning(BatchRule):
    """Steps along the gradient for the weights whose gradients are the largest: a layer's rms
    gradient stands for the rate, whatever its size.

    Attributes
    ----------
    rate : float
        Change of a weight at its layer's rms gradient, as a fraction of the largest weight, at the
        beginning; it falls to 0 linearly.
    batch : int
        Samples an update.
    share : float
        Fraction of the weights that are changed in an update.
    order : "together" or "layerwise"
        All projections at once, or one after the other, each for the same number of samples.
    gain : float
        β of the softmax over the outputs.
    sharpness : float
        Of the surrogate.
    samples : int
        Samples shown in all, over which the rate falls and the layers take turns; 0: as far as the
        training is.
    """

    name: ClassVar[str] = "tuning"
    asks: ClassVar[tuple[type, ...]] = (Wanted,)
    rate: float = 5e-4
    batch: int = 500
    share: float = 0.1
    order: Literal["together", "layerwise"] = "together"
    gain: float = 1.0
    sharpness: float = 2.0
    samples: int = 0

    def __post_init__(self) -> None:
        if (
            self.batch < 1
            or self.samples < 0
            or not 0 < self.share <= 1
            or not all(value > 0 for value in (self.rate, self.gain, self.sharpness))
        ):
            raise InputError(
                f"the rule 'tuning': batch = {self.batch}, samples = {self.samples}, share ="
                f" {self.share}, rate = {self.rate}, gain = {self.gain}, sharpness ="
                f" {self.sharpness}; expected 1 or more, 0 or more, above 0 to 1, and numbers above"
                " 0"
            )
        if self.order not in ("together", "layerwise"):
            raise InputError(
                f"the rule 'tuning': order is {self.order!r}; expected together or layerwise"
            )

    def updates(
        self,
        network: SeenNetwork,
        x: Values,
        labels: Labels,
        rng: np.random.Generator,
        progress: float,
    ) -> tuple[dict[str, Update], Memory, float]:
        """Steps of the chosen weights."""
        shown = int(network.memory.get(self.name, {}).get("shown", np.zeros(1))[0])
        done = min(shown / self.samples, 1.0) if self.samples else progress
        names = learning(network, self)
        found, joule = self._gradients(network, x, labels, rng)
        if self.order == "layerwise":
            names = names[int(done * len(names)) :][:1]
        updates: dict[str, Update] = {}
        for name in names:
            gradient = found[name]
            size = float(np.sqrt(np.mean(gradient**2)))
            if size > 0:
                by = (1.0 - done) * self.rate * network.synapses[name].largest / size
                updates[name] = Wanted(steps=self._largest(-by * gradient))
        return updates, {"shown": np.array([shown + len(labels)])}, joule

    def _largest(self, steps: Floats) -> Floats:
        """The largest of the steps, and 0 for all others."""
        count = max(1, round(self.share * steps.size))
        if count == steps.size:
            return steps
        size = np.abs(steps).ravel()
        chosen = np.argpartition(size, size.size - count)[size.size - count :]
        found = np.zeros(steps.shape)
        found.flat[chosen] = steps.flat[chosen]
        return found

    def _gradients(
        self, network: SeenNetwork, x: Values, labels: Labels, rng: np.random.Generator
    ) -> tuple[dict[str, Floats], float]:
        """Gradients (rows, outputs) by the answers of the cells, and the joules of the reads."""
        layers = network.leaky_layers()
        if layers is None or not layers.readable:
            carried, joule = slopes(network, x, labels, rng, self.gain, self.sharpness)
            # What is carried back there is the error that a step along it makes smaller.
            return {name: -slope.gradient for name, slope in carried.items()}, joule
        weights = layers.read_weights()
        check_labels(labels, weights[-1].shape[1])
        trace = layers.forward(weights, layers.taken(x), noise=layers.noise(rng))
        _, slope = softmax_slope(trace.outputs, labels, self.gain)
        found = layers.gradients(weights, trace, slope, self.sharpness)
        by_name = {n: g.astype(float) for n, g in zip(layers.names, found, strict=True)}
        return by_name, layers.joule(trace)
