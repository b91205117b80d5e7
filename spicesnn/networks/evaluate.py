"""Evaluation of a network: all samples at once, all time steps at once where nothing loops back."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from spicesnn.networks.nodes import Node, Values
from spicesnn.networks.populations import Population, State

if TYPE_CHECKING:
    from spicesnn.networks.network import Network

Product = Callable[[Values], Values]
"""What computes a weighted node in place of NumPy: inputs (n, *shape_in) → (n, *shape_out)."""

_VALUES_AT_ONCE = 20_000_000
"""Samples are taken in chunks so that the largest layer holds about this many values."""


def chunk_of(network: Network, steps: int) -> int:
    """Number of samples whose values in the widest layer stay within bounded memory."""
    widest = max(
        math.prod(network.shapes[name]) * _window(network, name) for name in network.shapes
    )
    return max(1, _VALUES_AT_ONCE // max(1, widest * steps))


def _window(network: Network, name: str) -> int:
    node = network.nodes.get(name)
    kernel = getattr(node, "kernel", None)
    return 1 if kernel is None else math.prod(kernel.shape[1:])


def run(
    network: Network,
    x: Values,
    products: Mapping[str, Product] | None = None,
    *,
    keep: frozenset[str] = frozenset(),
) -> dict[str, Values]:
    """Compute a network's nodes for inputs, and return what its output and the nodes in `keep` put
    out.

    Parameters
    ----------
    network : Network
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


def _whole(network: Network, name: str, x: Values, products: Mapping[str, Product]) -> Values:
    node = network.nodes[name]
    if isinstance(node, Population):
        return node.run(x, network.dt_s)
    function: Node | Product = products.get(name, node)
    if not network.temporal:
        return function(x)
    n, steps = x.shape[:2]
    if (
        steps > 1 and x.strides[1] == 0 and not getattr(function, "draws", name in products)
    ):  # the same in every step: once is enough
        still = function(x[:, 0])
        return np.broadcast_to(still[:, None], (n, steps, *still.shape[1:]))
    flat = function(x.reshape(n * steps, *x.shape[2:]))
    return flat.reshape(n, steps, *flat.shape[1:])


def _loop(
    network: Network,
    names: tuple[str, ...],
    delayed: frozenset[tuple[str, str]],
    outer: Mapping[str, Values],
    products: Mapping[str, Product],
) -> dict[str, Values]:
    """Nodes that listen to one another: step by step, delayed connections from the step before (0
    at first)."""
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
    for t in range(steps):
        for name in names:
            parts = []
            for source in network.inputs_of(name):
                if source not in inside:
                    parts.append(outer[source][:, t])
                elif (source, name) not in delayed:
                    parts.append(out[source][:, t])
                elif t > 0:
                    parts.append(out[source][:, t - 1])
            node = network.nodes[name]
            if not parts:  # all it hears comes from the step before, and there was none
                if not isinstance(node, Population):
                    continue
                parts = [np.zeros((n, *network.shapes[name]))]
            x = _summed(parts)
            if isinstance(node, Population):
                out[name][:, t], states[name] = node.step(x, states[name], network.dt_s)
            else:
                out[name][:, t] = products.get(name, node)(x)
    return out
