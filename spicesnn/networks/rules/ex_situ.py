"""Trained in software, then mapped onto the cells; tuned on them if wanted.

The software's weights are its own, in single precision, and stand in what the rule remembers: cells
are not asked before the mapping."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from spicesnn.blas import one_blas_thread
from spicesnn.errors import InputError
from spicesnn.learning.gradients import Adam
from spicesnn.learning.weights import load_weights
from spicesnn.networks import backward, evaluate
from spicesnn.networks.leaky_layers import LeakyLayers, softmax_slope
from spicesnn.networks.nodes import Values, Weighted
from spicesnn.networks.rules.base import BatchRule, Labels, Memory, SeenNetwork
from spicesnn.networks.rules.batch import check_labels, learning, outputs_of, spread
from spicesnn.networks.synapses import Ideal, Programmed, SynapseKind
from spicesnn.networks.synapses.updates import Update

F = NDArray[np.float32]
Seen = TypeVar("Seen", bound=SeenNetwork)
_ADAM = Adam()
_PARTS = ("weights", "mean", "first", "second")
"""What software remembers of a projection: its weights, their running mean, Adam's moments."""
_BUILT_UP = 10
"""Batches after which the running mean begins to have its memory."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class ExSitu(BatchRule):
    """Trained in software by surrogate gradients and Adam, then mapped: the means of the weights
    are programmed into the cells.

    Attributes
    ----------
    rate : float
        Adam's step, as a fraction of a layer's limit, at the start of a half cosine that ends at 0.
    batch : int
        Samples an update of the software.
    gain : float
        β of the softmax over the outputs.
    sharpness : float
        Of the surrogate.
    limits : tuple of float
        Weights stay within ±, of the projections that learn, from the first on; the last one stands
        for all that follow. Empty: what the whole conductance window stands for. Below that, the
        rest of the window can make up for wires.
    dropout : float
        Probability that a hidden neuron is left out of a batch.
    weight_noise : float
        Relative noise on every weight, drawn for each batch: what the devices will do.
    average : float
        Decay of the running mean of the weights, which is what is mapped.
    epochs : int
        Passes over the samples that are learnt from at once.
    samples : int
        Samples shown in software before the mapping, over which the rate falls; 0: those that are
        learnt from at once, `epochs` times.
    weights : str
        npz or JSON file of weights, as fractions of the limits, to map in place of any training.
    tune : BatchRule, optional
        What learns on the cells afterwards; nothing if left out.
    """

    name: ClassVar[str] = "ex-situ"
    asks: ClassVar[tuple[type, ...]] = (Programmed,)
    rate: float = 0.01
    batch: int = 50
    gain: float = 1.0
    sharpness: float = 2.0
    limits: tuple[float, ...] = ()
    dropout: float = 0.0
    weight_noise: float = 0.0
    average: float = 0.999
    epochs: int = 20
    samples: int = 0
    weights: str = ""
    tune: BatchRule | None = None

    def __post_init__(self) -> None:
        if (
            self.batch < 1
            or self.epochs < 1
            or self.samples < 0
            or not all(value > 0 for value in (self.rate, self.gain, self.sharpness, *self.limits))
        ):
            raise InputError(
                f"the rule 'ex-situ': batch = {self.batch}, epochs = {self.epochs}, samples ="
                f" {self.samples}, rate = {self.rate}, gain = {self.gain}, sharpness ="
                f" {self.sharpness}, limits = {list(self.limits)}; expected 1 or more for batch and"
                " epochs, 0 or more samples, and numbers above 0"
            )
        if not 0 <= self.dropout < 1 or not 0 <= self.average < 1 or not self.weight_noise >= 0:
            raise InputError(
                f"the rule 'ex-situ': dropout = {self.dropout}, average = {self.average},"
                f" weight_noise = {self.weight_noise}; expected fractions from 0 to below 1, and 0"
                " or more"
            )

    def check(self, projection: str, kind: SynapseKind) -> None:
        """Say why this rule, or the one that tunes, has no meaning on synapses of a kind."""
        BatchRule.check(self, projection, kind)
        if self.tune is not None:
            self.tune.check(projection, kind)

    # -- what it remembers -----------------------------------------------------------------------

    def remembered(self, network: SeenNetwork) -> dict[str, NDArray[Any]]:
        """What it remembers of a network."""
        return dict(network.memory.get(self.name, {}))

    def mapped(self, network: SeenNetwork) -> bool:
        """Whether the weights stand on the cells."""
        return "mapped" in network.memory.get(self.name, {})

    def means(self, network: SeenNetwork) -> dict[str, F]:
        """The software's weights (rows, outputs) of each projection that learns: the running means,
        which are mapped."""
        memory = network.memory.get(self.name, {})
        return {name: memory[f"{name} mean"] for name in learning(network, self)}

    def limits_of(self, network: SeenNetwork) -> dict[str, float]:
        """Bound of the software's weights of each projection that learns."""
        names, limits = learning(network, self), self.limits
        if len(limits) > len(names):
            raise InputError(
                f"the rule 'ex-situ' has limits = {list(limits)} for {len(names)} projections that"
                " learn; expected one number, or at most one a projection"
            )
        largest = {name: network.synapses[name].largest for name in names}
        if not limits:
            return largest
        found = {name: limits[min(k, len(limits) - 1)] for k, name in enumerate(names)}
        for name, limit in found.items():
            if limit > largest[name] * (1 + 1e-9):
                raise InputError(
                    f"the rule 'ex-situ' has the limit {limit:g} for {name}, whose cells hold"
                    f" weights up to {largest[name]:g}; expected at most that"
                )
        return found

    def begun(self, network: SeenNetwork, fresh: Mapping[str, Values]) -> Memory:
        """What it remembers before any learning: fresh weights (rows, outputs), or those of the
        file."""
        limits = self.limits_of(network)
        if self.weights:
            shapes = [fresh[name].shape for name in limits]
            biased = {bool(getattr(network.topology.nodes[n], "biased", False)) for n in limits}
            if len(biased) > 1:
                raise InputError(
                    "the rule 'ex-situ' takes weights of a file where all projections have a bias,"
                    f" or none; expected the same of {', '.join(limits)}"
                )
            loaded = load_weights(self.weights, shapes, bias=biased == {True})
            return {
                f"{name} mean": (shares * limit).astype(np.float32)
                for (name, limit), shares in zip(limits.items(), loaded, strict=True)
            }
        memory: dict[str, NDArray[Any]] = {"batches": np.zeros(1), "shown": np.zeros(1)}
        for name, limit in limits.items():
            weights = np.clip(fresh[name].astype(np.float32), -limit, limit)
            parts = (weights, weights, np.zeros_like(weights), np.zeros_like(weights))
            memory |= {f"{name} {part}": v.copy() for part, v in zip(_PARTS, parts, strict=True)}
        return memory

    def in_software(self, network: Seen) -> Seen:
        """The network with the software's weights, on cells that are ideal."""
        made, blank = {}, np.random.default_rng(0)
        for name, weights in self.means(network).items():
            cells = network.synapses[name]
            hardware = replace(
                cells.hardware, wires=cells.hardware.wires.ideal(), imperfections=None
            )
            within = np.clip(weights.astype(float), -cells.largest, cells.largest)
            made[name] = Ideal(hardware=hardware).made(within, blank, largest=cells.largest)
        return network.with_synapses(made)

    # -- learning --------------------------------------------------------------------------------

    def size(self, network: SeenNetwork) -> int:
        """Samples that are learnt from at once: all of them in software, a batch of the rule that
        tunes afterwards."""
        return self.tune.size(network) if self.tune is not None and self.mapped(network) else 0

    def updates(
        self,
        network: SeenNetwork,
        x: Values,
        labels: Labels,
        rng: np.random.Generator,
        progress: float,
    ) -> tuple[dict[str, Update], Memory, float]:
        """Train, and map when that is over; or tune."""
        memory = self.remembered(network)
        if "mapped" in memory:
            return self._tuned(network, memory, x, labels, rng, progress)
        with one_blas_thread():
            memory = self.trained(network, memory, x, labels, rng)
        if self.samples and memory["shown"][0] < self.samples:
            return {}, memory, 0.0
        return *self.programming(network, memory), 0.0

    def programming(
        self,
        network: SeenNetwork,
        memory: Memory,
        *,
        wire_aware: bool | None = None,
    ) -> tuple[dict[str, Update], Memory]:
        """Updates that bring the means of the weights onto the cells, and what is remembered from
        then on; `wire_aware` as in `Synapses.asked`."""
        updates, kept, worst = dict[str, Update](), dict[str, NDArray[Any]](), 0.0
        for name in learning(network, self):
            kept[f"{name} mean"] = memory[f"{name} mean"]
            wanted = np.asarray(memory[f"{name} mean"], dtype=float)
            siemens, error = network.synapses[name].asked(wanted, wire_aware=wire_aware)
            updates[name], worst = Programmed(siemens=siemens), max(worst, error)
        if "loss" in memory:
            kept["loss"] = memory["loss"]
        return updates, {**kept, "mapped": np.ones(1), "error": np.array([worst])}

    def _tuned(
        self,
        network: SeenNetwork,
        memory: Memory,
        x: Values,
        labels: Labels,
        rng: np.random.Generator,
        progress: float,
    ) -> tuple[dict[str, Update], Memory, float]:
        if self.tune is None:
            return {}, memory, 0.0
        own = {k.removeprefix("tune "): v for k, v in memory.items() if k.startswith("tune ")}
        tuned = network.taught_by(self.tune, self).after(memory={self.tune.name: own})
        updates, after, joule = self.tune.updates(tuned, x, labels, rng, progress)
        return updates, {**memory, **{f"tune {k}": v for k, v in after.items()}}, joule

    def trained(
        self,
        network: SeenNetwork,
        memory: Memory,
        x: Values,
        labels: Labels,
        rng: np.random.Generator,
    ) -> dict[str, NDArray[Any]]:
        """What is remembered after `epochs` passes of the software over samples (n, …), as they are
        encoded."""
        limits = self.limits_of(network)
        state = {part: [np.array(memory[f"{name} {part}"]) for name in limits] for part in _PARTS}
        weights, mean = state["weights"], state["mean"]
        count, shown = (int(memory[key][0]) for key in ("batches", "shown"))
        total, losses = self.samples or self.epochs * len(x), list[float]()
        found = self._gradients(network, list(limits), x)
        for _ in range(self.epochs):
            order = slice(None) if self.epochs == 1 else rng.permutation(len(x))
            values, wanted = found.values[order], labels[order]
            for begin in range(0, len(x), self.batch):
                some = slice(begin, begin + self.batch)
                loss, slopes = found(weights, values[some], wanted[some], rng)
                losses.append(loss)
                count, shown = count + 1, shown + len(wanted[some])
                share = 0.5 * (1 + np.cos(np.pi * min(shown / total, 1.0)))
                pace = np.float32(1 - min(self.average, count / (count + _BUILT_UP)))
                for k, limit in enumerate(limits.values()):
                    rate = self.rate * limit * share
                    moments = state["first"][k], state["second"][k]
                    weights[k] -= _ADAM.step(slopes[k], *moments, count=count, rate=rate)
                    np.clip(weights[k], -limit, limit, out=weights[k])
                    mean[k] += pace * (weights[k] - mean[k])
        return {
            **{f"{n} {part}": state[part][k] for part in _PARTS for k, n in enumerate(limits)},
            "batches": np.array([count]),
            "shown": np.array([shown]),
            "loss": np.array([np.mean(losses)]),
        }

    def _gradients(self, network: SeenNetwork, names: list[str], x: Values) -> _OfLayers | _OfNodes:
        """What finds loss and gradients of a batch: whole layers of leaky neurons at once, any other
        network node by node."""
        leaky = network.leaky_layers()
        if leaky is not None and list(leaky.names) == names:
            return _OfLayers(rule=self, layers=leaky, values=leaky.taken(x))
        if self.dropout:
            raise InputError(
                f"the rule 'ex-situ' has dropout = {self.dropout}; expected 0 for networks that are"
                " not plain layers of LIF neurons behind held inputs"
            )
        return _OfNodes(rule=self, network=network, names=names, values=x)

    def noisy(self, weights: list[F], rng: np.random.Generator) -> list[F]:
        """Weights as a batch sees them."""
        if not self.weight_noise:
            return weights
        size = np.float32(self.weight_noise)
        return [w * (1 + size * rng.standard_normal(w.shape, dtype=np.float32)) for w in weights]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _OfLayers:
    """Loss and gradients of layers of leaky neurons."""

    rule: ExSitu
    layers: LeakyLayers
    values: NDArray[Any]

    def __call__(
        self, weights: list[F], x: NDArray[Any], labels: Labels, rng: np.random.Generator
    ) -> tuple[float, list[F]]:
        layers, rule = self.layers, self.rule
        check_labels(labels, weights[-1].shape[1])
        keep = self._kept(weights, len(x), rng)
        used = rule.noisy(weights, rng)
        trace = layers.forward(used, x, keep)
        loss, slope = softmax_slope(trace.outputs, labels, rule.gain)
        return loss, layers.gradients(used, trace, slope, rule.sharpness, keep)

    def _kept(self, weights: list[F], batch: int, rng: np.random.Generator) -> list[F] | None:
        if not self.rule.dropout:
            return None
        share = self.rule.dropout
        made = [
            rng.random((batch, 1, weight.shape[1]), dtype=np.float32) >= share
            for weight in weights[:-1]
        ]
        return [mask.astype(np.float32) / np.float32(1 - share) for mask in made]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _OfNodes:
    """Loss and gradients of any network that errors go back through."""

    rule: ExSitu
    network: SeenNetwork
    names: list[str]
    values: NDArray[Any]

    def __call__(
        self, weights: list[F], x: NDArray[Any], labels: Labels, rng: np.random.Generator
    ) -> tuple[float, list[F]]:
        network, rule, topology = self.network, self.rule, self.network.topology
        held = {name: cells.weights for name, cells in network.synapses.items()}
        used = zip(self.names, rule.noisy(weights, rng), strict=True)
        held |= {name: weight.astype(float) for name, weight in used}
        products = {name: _plain(topology.nodes[name], weight) for name, weight in held.items()}
        keep = frozenset([topology.source, *topology.nodes])
        values = evaluate.run(topology, x, products, keep=keep)
        last = values[network.output]
        found = outputs_of(network, last)
        check_labels(labels, found.shape[1])
        loss, slope = softmax_slope(found.astype(np.float32), labels, rule.gain)
        errors = spread(network, slope.astype(float), last)
        slopes = backward.slopes(topology, values, held, errors, sharpness=rule.sharpness)
        return loss, [slopes[name].gradient.astype(np.float32) for name in self.names]


def _plain(node: Any, weights: Values) -> Callable[[Values], Values]:
    assert isinstance(node, Weighted)

    def computed(x: Values) -> Values:
        parts = [rows @ weights for rows in node.rows_of(x)]
        return node.assembled(parts, len(x), x.shape[1:])

    return computed
