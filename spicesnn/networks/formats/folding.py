"""Fewer nodes, the same function: scales and offsets that follow on weights become part of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spicesnn.networks.graph import Edge
from spicesnn.networks.nodes import Convolution, Dense, Node, Scale, Values
from spicesnn.networks.populations import Population


def folded(
    nodes: Mapping[str, Node | Population],
    edges: list[Edge],
    output: str,
    shapes: Mapping[str, tuple[int, ...]],
) -> tuple[dict[str, Node | Population], list[Edge], str]:
    """Fold every `Scale` that alone listens to a weighted node into its weights and bias; drop
    scales by 1."""
    made, left = dict(nodes), list(edges)
    for name, node in nodes.items():
        if not isinstance(node, Scale):
            continue
        sources = [a for a, b in left if b == name]
        if len(sources) != 1:
            continue
        source = sources[0]
        before = made.get(source)
        alone = sum(a == source for a, _ in left) == 1 and source != output
        if node.plain and source in made and not (name == output and not alone):
            new = None
        elif alone and isinstance(before, Dense | Convolution):
            new = _scaled(before, node, shapes[source])
            if new is None:
                continue
        else:
            continue
        if new is not None:
            made[source] = new
        del made[name]
        left = [(source if a == name else a, b) for a, b in left if b != name]
        output = source if output == name else output
    return made, left, output


def _scaled(
    node: Dense | Convolution, scale: Scale, shape: tuple[int, ...]
) -> Dense | Convolution | None:
    """The node with its outputs scaled, or None where the factors differ within an output
    channel."""
    factors, offsets = (
        _by_channel(scale.factors, shape),
        _by_channel(np.zeros(()) if scale.offsets is None else scale.offsets, shape),
    )
    if factors is None or offsets is None:
        return None
    bias = offsets if node.offsets is None else node.offsets * factors + offsets
    kept = bias if node.offsets is not None or scale.offsets is not None else None
    if isinstance(node, Dense):
        return Dense(node.weights * factors, kept)
    by = factors.reshape(-1, *[1] * (node.kernel.ndim - 1))
    return Convolution(
        node.kernel * by,
        kept,
        stride=node.stride,
        padding=node.padding,
        dilation=node.dilation,
        groups=node.groups,
    )


def _by_channel(values: Values, shape: tuple[int, ...]) -> Values | None:
    full = np.broadcast_to(values, shape).reshape(shape[0], -1)
    return None if np.any(full != full[:, :1]) else np.ascontiguousarray(full[:, 0])
