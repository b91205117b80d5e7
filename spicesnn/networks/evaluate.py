"""Evaluation of a network: all samples at once, all time steps at once where nothing loops back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.errors import ConfigError, InputError, WrongTypeError
from spicesnn.networks.activations import Activation, SignOutputs
from spicesnn.networks.arithmetic import NoValueError
from spicesnn.networks.nodes import Node, Values, Weighted, real
from spicesnn.networks.populations import Population, State
from spicesnn.networks.structure import Structure

Product = Callable[[Values], Values]
"""What computes a weighted node in place of NumPy: inputs (n, *shape_in) → (n, *shape_out)."""

_VALUES_AT_ONCE = 20_000_000
"""Samples are taken in chunks so that the largest layer holds about this many values."""


def chunk_of(network: Structure, steps: int) -> int:
    """Number of samples whose values in the widest layer stay within bounded memory."""
    widest = max(
        math.prod(network.shapes[name]) * _window(network, name) for name in network.shapes
    )
    return max(1, _VALUES_AT_ONCE // max(1, widest * steps))


def _window(network: Structure, name: str) -> int:
    node = network.nodes.get(name)
    kernel = getattr(node, "kernel", None)
    return 1 if kernel is None else math.prod(kernel.shape[1:])


def run(
    network: Structure,
    x: Values,
    products: Mapping[str, Product] | None = None,
    *,
    keep: frozenset[str] = frozenset(),
) -> dict[str, Values]:
    """Compute a network's nodes for inputs, and return what its output and the nodes in `keep` put
    out.

    Parameters
    ----------
    network : Structure
    x : (n, *input) without time, (n, steps, *input) for networks that live in time
    products : mapping of node name to function, optional
        Weighted nodes that something else computes, such as arrays.
    keep : frozenset of str
        Nodes whose values are returned, too ("input" among them, if asked for).
    """
    products = products or {}
    left = {
        name: sum(source == name for source, _ in network.edges)
        for name in [network.source, *network.nodes]
    }
    values: dict[str, Values] = {network.source: x}
    wanted = keep | {network.output}

    def released(names: tuple[str, ...]) -> None:
        for name in names:
            for source in network.inputs_of(name):
                left[source] -= 1
                if left[source] == 0 and source not in wanted:
                    values.pop(source, None)

    for stage in network.stages:
        if stage.recurrent:
            values |= _loop(network, stage.nodes, stage.delayed, values, products)
        else:
            name = stage.nodes[0]
            if name == network.source:
                continue
            values[name] = _whole(
                network,
                name,
                _summed([values[source] for source in network.inputs_of(name)]),
                products,
            )
        released(stage.nodes)
    return {name: values[name] for name in wanted}


def _summed(parts: list[Values]) -> Values:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _whole(network: Structure, name: str, x: Values, products: Mapping[str, Product]) -> Values:
    node = network.nodes[name]
    if isinstance(node, Population):
        return node.run(x, network.dt_s)
    function: Node | Product = products.get(name, node)
    if not network.temporal:
        return _named(name, function, x)
    n, steps = x.shape[:2]
    if (
        steps > 1 and x.strides[1] == 0 and not getattr(function, "draws", name in products)
    ):  # the same in every step: once is enough
        still = _named(name, function, x[:, 0])
        return np.broadcast_to(still[:, None], (n, steps, *still.shape[1:]))
    flat = _named(name, function, x.reshape(n * steps, *x.shape[2:]))
    return flat.reshape(n, steps, *flat.shape[1:])


def _named(name: str, function: Node | Product, x: Values) -> Values:
    """A node's values; where it has none, the error names the node."""
    try:
        return function(x)
    except NoValueError as error:
        raise InputError(f"node {name!r}: {error}") from None


def at_rest(
    network: Structure, names: Iterable[str], n: int, products: Mapping[str, Product]
) -> dict[str, Values]:
    """What nodes put out before the first step, (n, *shape) each: inputs at 0, no spikes, membranes
    where they begin. A bias is there from the start."""
    found: dict[str, Values] = {}

    def value(name: str) -> Values:
        if name in found:
            return found[name]
        shape = network.shapes[name]
        found[name] = np.zeros((n, *shape))  # of a circle within a circle
        node = network.nodes.get(name)
        if isinstance(node, Population):
            found[name] = node.silent(n, shape)
        elif node is not None:
            x = _summed([value(source) for source in network.inputs_of(name)])
            biased = getattr(node, "biased", False) or getattr(node, "bias", None) is not None
            if biased or x.any() or not isinstance(node, Weighted):  # no array is read for nothing
                found[name] = _named(name, products.get(name, node), x)
        return found[name]

    return {name: value(name) for name in names}


def _loop(
    network: Structure,
    names: tuple[str, ...],
    delayed: frozenset[tuple[str, str]],
    outer: Mapping[str, Values],
    products: Mapping[str, Product],
) -> dict[str, Values]:
    """Nodes that listen to one another: step by step, delayed connections from the step before (at
    first from a network at rest)."""
    inside = set(names)
    some = next(
        outer[source]
        for name in names
        for source in network.inputs_of(name)
        if source not in inside
    )
    n, steps = some.shape[:2]
    out = {name: np.zeros((n, steps, *network.shapes[name])) for name in names}
    states: dict[str, State] = {}
    for name in names:
        node = network.nodes[name]
        if isinstance(node, Population):
            states[name] = node.initial(n, network.shapes[name])
    begun = at_rest(network, {source for source, _ in delayed}, n, products)
    for t in range(steps):
        for name in names:
            parts = []
            for source in network.inputs_of(name):
                if source not in inside:
                    parts.append(outer[source][:, t])
                elif (source, name) not in delayed:
                    parts.append(out[source][:, t])
                else:
                    parts.append(out[source][:, t - 1] if t > 0 else begun[source])
            node = network.nodes[name]
            x = _summed(parts)
            if isinstance(node, Population):
                out[name][:, t], states[name] = node.step(x, states[name], network.dt_s)
            else:
                out[name][:, t] = _named(name, products.get(name, node), x)
    return out


def labelled(decided: NDArray[np.int64], classes: tuple[Any, ...] | None) -> NDArray[Any]:
    """Turn numbers of outputs into the classes' labels, where there are any; an answer that is none
    stays −1 (None among labels that are no numbers ≥ 0)."""
    if classes is None:
        return decided
    if all(isinstance(label, int | np.integer) and label >= 0 for label in classes):
        return np.where(decided < 0, -1, np.asarray(classes, dtype=np.int64)[decided])
    labels = np.array([*classes, None], dtype=object)
    return np.asarray(labels[decided]) if np.any(decided < 0) else np.asarray(classes)[decided]


class NoMatrix:
    """What computes products, and is no array of numbers itself."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """Refuse: a product is asked for by its name."""
        raise WrongTypeError(
            f"a {type(self).__name__} is no array of numbers; use outputs(x) for products, x (n,"
            " inputs)"
        )


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Evaluated(NoMatrix, Structure):
    """A structure that answers: outputs, spikes, decisions and how many of them are right."""

    def __call__(self, *given: Any, **named: Any) -> Any:
        """Refuse: outputs, spikes and decisions are different answers; one has to be named."""
        kind = type(self).__name__
        raise WrongTypeError(
            f"a {kind} is not called; use outputs(x), predict(x), spikes(x) or accuracy(x, y)"
        )

    def taken(self, x: ArrayLike) -> Values:
        """Check inputs and give them the axes that the network computes with.

        Parameters
        ----------
        x : (n, *input) or (n, inputs); for networks in time also (n, steps, *input)
            An input without time axis is held for `steps` steps.

        Returns
        -------
        (n, *input), or (n, steps, *input) for networks in time
        """
        values = real(x, "x")
        shape, size = self.shapes[self.source], int(np.prod(self.shapes[self.source]))
        wanted = f"(n, {', '.join(map(str, shape))})" + (
            f", or (n, steps, {', '.join(map(str, shape))})" if self.temporal else ""
        )
        if values.ndim < 2 or not len(values):
            one = (
                "; one sample is x[None]"
                if values.ndim and values.shape in (shape, (size,))
                else ""
            )
            raise InputError(
                f"x has shape {values.shape}; expected one or more samples {wanted}{one}"
            )
        if values.shape[1:] == shape or (values.ndim == 2 and values.shape[1] == size):
            still = values.reshape(len(values), *shape)
            if not self.temporal:
                return still
            return np.broadcast_to(still[:, None], (len(values), self.steps, *shape))
        if (
            self.temporal
            and (values.shape[2:] == shape or (values.ndim == 3 and values.shape[2] == size))
            and values.shape[1]
        ):
            return values.reshape(len(values), values.shape[1], *shape)
        raise InputError(f"x has shape {values.shape}; the network takes {wanted}")

    def outputs(self, x: ArrayLike, *, products: Mapping[str, Product] | None = None) -> Values:
        """The network's outputs on ideal arrays: the file's own numbers.

        Parameters
        ----------
        x : (n, *input), or (n, steps, *input) for networks in time
        products : mapping of node name to function, optional
            Weighted nodes that something else computes.

        Returns
        -------
        (n, outputs)
            Spike counts where the outputs spike; the last step's values for other outputs in time.
        """
        taken = self.taken(x)
        size = chunk_of(self, taken.shape[1] if self.temporal else 1)
        found = []
        for begin in range(0, len(taken), size):
            values = run(self, taken[begin : begin + size], products)[self.output]
            if self.temporal:
                values = values.sum(axis=1) if self.spiking else values[:, -1]
            found.append(values.reshape(len(values), -1))
        return np.concatenate(found)

    def spikes(self, x: ArrayLike, *, products: Mapping[str, Product] | None = None) -> Values:
        """What the outputs do step by step, (n, steps, outputs): spikes 0 or 1, or membranes of
        outputs that do not spike."""
        if not self.temporal:
            raise InputError(
                "the network has no neurons that spike in time; its values are `outputs(x)`"
            )
        values = run(self, self.taken(x), products)[self.output]
        return values.reshape(*values.shape[:2], -1)

    def decided(self, outputs: Values) -> NDArray[np.int64]:
        """Which output answers, (n,): the largest; −1 for a tie, and for silence of outputs that
        spike.

        One output alone decides between classes 0 and 1: by whether it spikes, or exceeds ½ after a
        sigmoid."""
        if not self.decides:
            raise ConfigError("the network is a regressor: it decides on no class; use outputs(x)")
        last = self.nodes[self._decider]
        if outputs.shape[1] == 1:
            if self.spiking:
                return (outputs[:, 0] > 0).astype(np.int64)
            if isinstance(last, Activation) and last.name == "sigmoid":
                return (outputs[:, 0] > 0.5).astype(np.int64)
            raise ConfigError(
                "the network has one output, which is no spike and no probability: it decides on no"
                " class; use outputs(x)"
            )
        if isinstance(last, SignOutputs):
            return (outputs[:, 1] > outputs[:, 0]).astype(np.int64)
        best = outputs.max(axis=1)
        tie = np.sum(outputs == best[:, None], axis=1) > 1
        silent = (best <= 0) if self.spiking else np.zeros(len(outputs), dtype=bool)
        return np.where(tie | silent, -1, outputs.argmax(axis=1)).astype(np.int64)

    def labelled(self, decided: NDArray[np.int64]) -> NDArray[Any]:
        """Turn numbers of outputs into the classes' labels; see `labelled`."""
        return labelled(decided, self.classes)

    def predict(self, x: ArrayLike) -> NDArray[Any]:
        """The class of each sample, (n,), on ideal arrays."""
        return self.labelled(self.decided(self.outputs(x)))

    def accuracy(self, x: ArrayLike, y: ArrayLike) -> float:
        """Fraction of samples answered rightly on ideal arrays; ties and silence are wrong.

        Parameters
        ----------
        x : inputs as in `outputs`
        y : (n,)
            Labels.
        """
        return self.scored(self.decided(self.outputs(x)), y)

    def scored(self, decided: NDArray[np.int64], y: ArrayLike) -> float:
        """Fraction of decisions (n,) that are the labels y (n,)."""
        labels = np.asarray(y)
        if labels.shape != decided.shape:
            raise InputError(
                f"y has shape {labels.shape}; expected one label a sample, ({len(decided)},)"
            )
        if self.classes is None:
            if labels.dtype.kind not in "biu" and not (
                labels.dtype.kind == "f" and np.all(labels == np.rint(labels))
            ):
                raise InputError(
                    f"y has type {labels.dtype}; expected the numbers of the outputs, 0 to"
                    f" {max(2, self.outputs_count) - 1}"
                )
            wrong = (labels < 0) | (labels >= max(2, self.outputs_count))
            if np.any(wrong):
                raise InputError(
                    f"y has the label {labels[wrong][0]}; expected 0 to"
                    f" {max(2, self.outputs_count) - 1}, the numbers of the outputs"
                )
            return float(np.mean(decided == labels))
        place = {label: k for k, label in enumerate(self.classes)}
        if not any(label in place for label in labels.tolist()):
            raise InputError(
                f"y has the label {labels.tolist()[0]!r}, and none of its labels is a class of the"
                f" network: {', '.join(map(repr, self.classes[:6]))}"
                f"{', …' if len(self.classes) > 6 else ''}"
            )
        return float(
            np.mean(
                [
                    place.get(label, -2) == k
                    for label, k in zip(labels.tolist(), decided.tolist(), strict=True)
                ]
            )
        )

    def spike_counts(
        self, x: ArrayLike, *, products: Mapping[str, Product] | None = None
    ) -> dict[str, float]:
        """Mean number of spikes a sample of every population that spikes."""
        names = frozenset(
            name
            for name, node in self.nodes.items()
            if isinstance(node, Population) and node.spiking
        )
        taken = self.taken(x)
        size = chunk_of(self, taken.shape[1] if self.temporal else 1)
        total = dict.fromkeys(sorted(names), 0.0)
        for begin in range(0, len(taken), size):
            values = run(self, taken[begin : begin + size], products, keep=names)
            for name in total:
                total[name] += float(values[name].sum())
        return {name: count / len(taken) for name, count in total.items()}
