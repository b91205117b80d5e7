"""Rules that learn from a batch of answers: Manhattan, template, surrogate gradients, approximate
back-propagation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from spicesnn.errors import InputError
from spicesnn.learning.gradients import Adam
from spicesnn.learning.manhattan import AllDevices, Softmax, Subset, direction
from spicesnn.networks import backward, evaluate
from spicesnn.networks.nodes import Values, Weighted
from spicesnn.networks.rules.base import BatchRule, Labels, Memory, SeenNetwork
from spicesnn.networks.synapses import Signs, Wanted
from spicesnn.networks.synapses.updates import Update

_ADAM = Adam(tiny=1e-300, of_largest=1e-3)


def learning(network: SeenNetwork, rule: BatchRule) -> list[str]:
    """Names of the projections that learn by a rule."""
    return [p.name for p in network.plastic if p.rule is rule]


def seen(
    network: SeenNetwork, x: Values, rng: np.random.Generator
) -> tuple[dict[str, Values], float]:
    """What every node puts out for encoded inputs, and the joules of the reads."""
    tally: list[float] = []
    names = frozenset([network.topology.source, *network.topology.nodes])
    values = evaluate.run(network.topology, x, network.products(rng, tally), keep=names)
    return values, float(sum(tally))


def outputs_of(network: SeenNetwork, values: Values) -> Values:
    """One number an output, (n, outputs): the value, the last step's membrane, or the mean spike
    count of a step."""
    if not network.topology.temporal:
        return values.reshape(len(values), -1)
    if network.topology.spiking:
        return np.asarray(values.mean(axis=1).reshape(len(values), -1))
    return values[:, -1].reshape(len(values), -1)


def check_labels(labels: Labels, outputs: int) -> None:
    """Refuse labels that no output stands for."""
    if labels.min(initial=0) < 0 or labels.max(initial=0) >= outputs:
        raise InputError(
            f"labels from {labels.min()} to {labels.max()} for {outputs} outputs; expected the"
            " numbers of the outputs"
        )


def spread(network: SeenNetwork, deltas: Values, values: Values) -> Values:
    """Errors of `outputs_of` as errors of all that the output put out."""
    shape = values.shape
    if not network.topology.temporal:
        return deltas.reshape(shape)
    out = np.zeros(shape)
    if network.topology.spiking:
        out[:] = (deltas / shape[1]).reshape(shape[0], 1, *shape[2:])
    else:
        out[:, -1] = deltas.reshape(shape[0], *shape[2:])
    return out


def slopes(
    network: SeenNetwork,
    x: Values,
    labels: Labels,
    rng: np.random.Generator,
    gain: float,
    sharpness: float,
) -> tuple[dict[str, backward.Slope], float]:
    """Errors of a softmax over the outputs, carried back to every projection's weights; and the
    joules of the reads."""
    values, joule = seen(network, x, rng)
    last = values[network.output]
    found = outputs_of(network, last)
    check_labels(labels, found.shape[1])
    deltas = Softmax(beta=gain).deltas(found, np.eye(found.shape[1])[labels])
    weights = {name: cells.weights for name, cells in network.synapses.items()}
    return (
        backward.slopes(
            network.topology, values, weights, spread(network, deltas, last), sharpness=sharpness
        ),
        joule,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Manhattan(BatchRule):
    """Every weight moves by one programming pulse in the direction that lowers the batch's error
    (Prezioso et al., Nature 521, 61, 2015).

    Attributes
    ----------
    batch : int
        Samples an update; 0: all.
    gain : float
        β of the softmax over the outputs, over their unit.
    subset : Subset
        Which of the wanted changes are made: all, or a random fraction.
    opposite : bool
        Whether both devices of a pair are pulsed.
    final_width : float
        Pulse width at the end of training over that at its beginning, reached geometrically.
    sharpness : float
        Of the surrogate, where hidden neurons spike.
    """

    name: ClassVar[str] = "manhattan"
    asks: ClassVar[tuple[type, ...]] = (Signs,)
    batch: int = 0
    gain: float = 1.0
    subset: Subset = field(default_factory=AllDevices)
    opposite: bool = True
    final_width: float = 1.0
    sharpness: float = 2.0

    def updates(
        self,
        network: SeenNetwork,
        x: Values,
        labels: Labels,
        rng: np.random.Generator,
        progress: float,
    ) -> tuple[dict[str, Update], Memory, float]:
        """Take the sign of the gradient."""
        found, joule = slopes(network, x, labels, rng, self.gain, self.sharpness)
        width = float(self.final_width**progress)
        if width != 1.0:
            width = float(
                2.0 ** (np.rint(np.log2(width) * 4) / 4)
            )  # few widths, so that each is solved once
        updates: dict[str, Update] = {}
        for name in learning(network, self):
            signs = direction(found[name].rows, found[name].deltas)
            updates[name] = Signs(
                signs=self.subset.keep(signs, rng), width=width, opposite=self.opposite
            )
        return updates, {}, joule


@dataclass(frozen=True, kw_only=True, slots=True)
class Template(BatchRule):
    """One shot: the synapses under a pattern are raised while only its class's output listens
    (Electronics 13, 4665, 2024).

    Attributes
    ----------
    threshold : float
        Inputs above it belong to the pattern.
    """

    name: ClassVar[str] = "template"
    asks: ClassVar[tuple[type, ...]] = (Signs,)
    batch: int = 1
    threshold: float = 0.5

    def updates(
        self,
        network: SeenNetwork,
        x: Values,
        labels: Labels,
        rng: np.random.Generator,
        progress: float,
    ) -> tuple[dict[str, Update], Memory, float]:
        """Raise the pattern's synapses."""
        updates: dict[str, Update] = {}
        for name in learning(network, self):
            projection, node = network.projection(name), network.topology.nodes[name]
            assert isinstance(node, Weighted)
            if projection.source != network.source:
                raise InputError(
                    f"{name}: the rule 'template' writes inputs into synapses; expected a"
                    f" projection from {network.source!r}"
                )
            still = x.mean(axis=1) if network.topology.temporal else x
            rows, cells = node.rows_of(still)[0] > self.threshold, network.synapses[name]
            signs = np.zeros((cells.rows, cells.outputs), dtype=np.int8)
            for pattern, label in zip(rows, labels, strict=True):
                signs[pattern, label] = 1
            updates[name] = Signs(signs=signs, opposite=False)
        return updates, {}, 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class SurrogateGradient(BatchRule):
    """Gradient descent on the synapses: reads through them forward, surrogate slopes backward,
    Adam's steps as wanted changes.

    Attributes
    ----------
    rate : float
        Step, as a fraction of the largest weight.
    batch : int
    gain : float
        β of the softmax over the outputs.
    sharpness : float
        Of the surrogate.
    final_rate : float
        Fraction of the rate at the end of training, reached linearly.
    """

    name: ClassVar[str] = "surrogate"
    asks: ClassVar[tuple[type, ...]] = (Wanted,)
    rate: float = 0.01
    batch: int = 50
    gain: float = 1.0
    sharpness: float = 2.0
    final_rate: float = 0.05

    def updates(
        self,
        network: SeenNetwork,
        x: Values,
        labels: Labels,
        rng: np.random.Generator,
        progress: float,
    ) -> tuple[dict[str, Update], Memory, float]:
        """Adam's next step."""
        found, joule = slopes(network, x, labels, rng, self.gain, self.sharpness)
        old = network.memory.get(self.name, {})
        memory, updates = dict(old), dict[str, Update]()
        count = int(old.get("count", np.zeros(1))[0]) + 1
        memory["count"] = np.array([count])
        rate = self.rate * (1 - (1 - self.final_rate) * progress)
        for name in learning(network, self):
            gradient = found[name].gradient / len(x)
            mean, square = (
                np.array(old.get(f"{name} {moment}", np.zeros_like(gradient)))
                for moment in ("mean", "square")
            )
            updates[name] = Wanted(
                steps=_ADAM.step(
                    gradient, mean, square, count=count, rate=rate * network.synapses[name].largest
                )
            )
            memory[f"{name} mean"], memory[f"{name} square"] = mean, square
        return updates, memory, joule


@dataclass(frozen=True, kw_only=True, slots=True)
class SpikingBP(BatchRule):
    r"""Approximate back-propagation of spiking networks, sample by sample.

    The error of an output is the wanted rate minus its own, :math:`e = [label] - n/T`; it goes back
    through the weights as they are read, wires included, to the neurons that spiked; each weight moves by rate · (spikes of its
    input) · (error of its output). No slopes, no membranes: what a chip can count.

    Attributes
    ----------
    rates : tuple of float
        Of the plastic projections, from the inputs on; the last one stands for all that follow.
    batch : int
        Samples whose changes are written together.
    """

    name: ClassVar[str] = "spiking-bp"
    asks: ClassVar[tuple[type, ...]] = (Wanted,)
    rates: tuple[float, ...] = (3e-3, 5e-4)
    batch: int = 1

    def updates(
        self,
        network: SeenNetwork,
        x: Values,
        labels: Labels,
        rng: np.random.Generator,
        progress: float,
    ) -> tuple[dict[str, Update], Memory, float]:
        """Count spikes, send the error back."""
        topology, names = network.topology, learning(network, self)
        if not (topology.temporal and topology.spiking):
            raise InputError("the rule 'spiking-bp' counts spikes; expected outputs that spike")
        chain = self._chain(network, names)
        values, joule = seen(network, x, rng)
        counts = {
            name: values[name].sum(axis=1).reshape(len(x), -1)
            for name in [topology.source, *network.populations]
        }
        steps = x.shape[1]
        check_labels(labels, counts[network.output].shape[1])
        error = np.eye(counts[network.output].shape[1])[labels] - counts[network.output] / steps
        rates = self.rates_at(len(chain), progress)
        updates: dict[str, Update] = {}
        for number in reversed(range(len(chain))):
            name = chain[number]
            projection, cells = network.projection(name), network.synapses[name]
            node = topology.nodes[name]
            assert isinstance(node, Weighted)
            pre = node.rows_of(
                counts[projection.source].reshape(len(x), *network.shape_of(projection.source))
            )[0]
            if getattr(node, "biased", False):
                pre[:, -1] = steps
            updates[name] = Wanted(steps=rates[number] * (pre.T @ error))
            below = (error @ cells.read_weights.T)[:, : counts[projection.source].shape[1]]
            error = np.where(counts[projection.source] > 0, below, 0.0)
        return updates, {}, joule

    def rates_at(self, layers: int, progress: float) -> list[float]:
        """Rates of so many layers, from the inputs on, when `progress` of the training, 0 to 1, is
        over: they fall as (1 − progress)^1.5."""
        share = (1.0 - progress) ** 1.5
        return [share * self.rates[min(k, len(self.rates) - 1)] for k in range(layers)]

    def _chain(self, network: SeenNetwork, names: list[str]) -> list[str]:
        """The plastic projections from the inputs to the output, one after the other."""
        chain, at = list[str](), network.output
        while at != network.source:
            into = [p for p in network.projections if p.target == at]
            if (
                len(into) != 1
                or into[0].name not in names
                or into[0].connection.name != "dense"
                or into[0].delays_s
            ):
                raise InputError(
                    f"the rule 'spiking-bp' learns dense layers one after the other; into {at!r}"
                    f" lead {len(into)} projections that are not all of that kind"
                )
            chain.insert(0, into[0].name)
            at = into[0].source
        return chain
