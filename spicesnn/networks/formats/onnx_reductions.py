"""Operations of an ONNX graph that sum, average or normalise over axes of each sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from spicesnn.networks.activations import Activation, Normalise
from spicesnn.networks.arithmetic import Elementary, Extremum, Power
from spicesnn.networks.formats.onnx_elementary import multiplied, sample_constant
from spicesnn.networks.formats.onnx_graph import GraphReader, Value
from spicesnn.networks.nodes import Node, Pooling, Reduced, Repeated, Reshape, Scale
from spicesnn.networks.resampling import Mixed

What = Literal["sum", "average", "max", "min"]


def _axes(reader: GraphReader, op: Any, value: Value) -> list[int] | None:
    """Axes that an operation reduces, the batch being 0; None where it leaves its input as it is."""
    given = reader.constant(op, 1, "its axes")
    told = reader.attribute(op, "axes") if given is None else given.ravel().tolist()
    rank, stays = len(value.shape) + 1, reader.attribute(op, "noop_with_empty_axes", 0)
    if not told:
        if stays:
            return None
        raise reader.refuse("it is over all axes, the batch too; expected some axes of each sample")
    return sorted({reader.axis(op, int(a), rank) for a in told})


def reduction(
    what: What, before: Callable[[], Node] | None = None, after: Callable[[], Node] | None = None
) -> Callable[[GraphReader, Any], None]:
    """A sum, mean or extreme over some axes of each sample, of `before` of the values; `after` of
    it."""

    def taken(reader: GraphReader, op: Any) -> None:
        value = reader.value(op)
        axes = _axes(reader, op, value)
        keep = bool(reader.attribute(op, "keepdims", 1))
        if axes is not None and axes[0] == 0:
            raise reader.refuse(
                f"a {what} over axes {axes}; expected some axes of each sample, not the batch"
            )
        if before is not None:
            value = reader.add(op, before(), value, suffix=" of each")
        if axes is not None:
            value = _over(reader, op, what, value, axes)
            if not keep:
                left = tuple(s for k, s in enumerate(value.shape, start=1) if k not in axes)
                value = reader.add(op, Reshape(left), value, suffix=" squeezed")
        if after is not None:
            value = reader.add(op, after(), value, suffix=" of all")
        reader.known[op.output[0]] = value

    return taken


def _over(reader: GraphReader, op: Any, what: What, value: Value, axes: list[int]) -> Value:
    """The reduced value, its axes kept with the size 1."""
    image = list(range(2, len(value.shape) + 1))
    if what in ("average", "max") and image and axes == image:
        size = value.shape[1:]
        pooled = Pooling(what, size, size, tuple((0, 0) for _ in size))
        return reader.add(op, pooled, value, suffix=f" {what}")
    places = tuple(a - 1 for a in axes)
    node: Node
    match what:
        case "sum" | "average":
            node = Reduced(what, places)
        case "max" | "min":
            node = Extremum(what, places)
    return reader.add(op, node, value, suffix=f" {what}")


def _standardised(
    reader: GraphReader, op: Any, value: Value, axes: Sequence[int], epsilon: float, *, centre: bool
) -> Value:
    """Each sample less its mean over some of its axes (if `centre`), over its spread there."""
    places = tuple(axes)
    if centre:
        mean = reader.add(op, Reduced("average", places), value, suffix=" mean")
        wide = reader.add(op, Repeated(value.shape), mean, suffix=" mean spread")
        less = reader.add(op, Scale(-np.ones(())), wide, suffix=" mean negated")
        value = reader.add(op, Scale(np.ones(())), value, less, suffix=" centred")
    square = reader.add(op, Power(np.full((), 2.0)), value, suffix=" squared")
    variance = reader.add(op, Reduced("average", places), square, suffix=" variance")
    kept = reader.add(
        op, Scale(np.ones(()), np.full((), epsilon)), variance, suffix=" variance and epsilon"
    )
    over = reader.add(op, Power(np.full((), -0.5)), kept, suffix=" over spread")
    factor = reader.add(op, Repeated(value.shape), over, suffix=" over spread, each")
    return multiplied(reader, op, value, factor, " standardised")


def _no_statistics(reader: GraphReader, op: Any) -> None:
    if any(op.output[1:]):
        raise reader.refuse("its outputs beyond the first (mean and spread) are not taken")


def layer_norm(reader: GraphReader, op: Any, *, centre: bool = True) -> None:
    """LayerNormalization, and RMSNormalization (not centred)."""
    value = reader.value(op)
    _no_statistics(reader, op)
    first = reader.axis(op, int(reader.attribute(op, "axis", -1)), len(value.shape) + 1)
    if first == 0:
        raise reader.refuse("it would mix samples")
    if int(reader.attribute(op, "stash_type", 1)) not in (1, 11):
        raise reader.refuse("stash_type: expected 32-bit or 64-bit statistics")
    epsilon = float(reader.attribute(op, "epsilon", 1e-5))
    axes = range(first - 1, len(value.shape))
    done = _standardised(reader, op, value, axes, epsilon, centre=centre)
    scale = reader.constant(op, 1, "its scale")
    bias = reader.constant(op, 2, "its bias") if centre else None
    if scale is None:
        raise reader.refuse("it lacks its scale")
    _scaled(reader, op, done, scale, bias)


def _scaled(reader: GraphReader, op: Any, value: Value, scale: Any, bias: Any) -> None:
    offset = None if bias is None else sample_constant(reader, bias, value)
    reader.add(op, Scale(sample_constant(reader, scale, value), offset), value)


def group_norm(reader: GraphReader, op: Any, *, each: bool = False) -> None:
    """GroupNormalization, and InstanceNormalization (`each` channel is a group)."""
    value, shape = reader.value(op), reader.value(op).shape
    scale, bias = reader.constant(op, 1, "its scale"), reader.constant(op, 2, "its bias")
    groups = shape[0] if each else int(reader.attribute(op, "num_groups", 1))
    if int(reader.attribute(op, "stash_type", 1)) not in (1, 11):
        raise reader.refuse("stash_type: expected 32-bit or 64-bit statistics")
    if scale is None or bias is None or len(shape) < 2 or groups < 1 or shape[0] % groups:
        raise reader.refuse(f"{groups} groups of samples {shape}; expected channels and an image")
    epsilon = float(reader.attribute(op, "epsilon", 1e-5))
    apart = (groups, shape[0] // groups, *shape[1:])
    parted = reader.add(op, Reshape(apart), value, suffix=" in groups")
    axes = range(1, len(apart))
    done = _standardised(reader, op, parted, axes, epsilon, centre=True)
    together = reader.add(op, Reshape(shape), done, suffix=" together again")
    factors = [np.asarray(c, dtype=float).ravel() for c in (scale, bias)]
    if not each and reader.opset < 21:
        factors = [np.repeat(c, shape[0] // max(c.size, 1)) for c in factors]  # one a group
    if any(c.size != shape[0] for c in factors):
        raise reader.refuse(f"scales of shape {np.shape(scale)} for {shape[0]} channels")
    form = (-1, *[1] * (len(shape) - 1))
    reader.add(op, Scale(factors[0].reshape(form), factors[1].reshape(form)), together)


def local_norm(reader: GraphReader, op: Any) -> None:
    """LRN: each value over a power of the squares of its neighbours in other channels (Krizhevsky
    et al., NIPS 2012)."""
    value, size = reader.value(op), int(reader.attribute(op, "size", 0))
    alpha, beta = (
        float(reader.attribute(op, "alpha", 1e-4)),
        float(reader.attribute(op, "beta", 0.75)),
    )
    offset = float(reader.attribute(op, "bias", 1.0))
    if size < 1 or len(value.shape) < 2:
        raise reader.refuse(
            f"size is {size} for samples {value.shape}; expected channels, size ≥ 1"
        )
    place = np.arange(value.shape[0])
    apart = place[None] - place[:, None]
    near = (apart >= -((size - 1) // 2)) & (apart <= size // 2)
    square = reader.add(op, Power(np.full((), 2.0)), value, suffix=" squared")
    summed = reader.add(op, Mixed(0, near.astype(float)), square, suffix=" of neighbours")
    line = Scale(np.full((), alpha / size), np.full((), offset))
    grown = reader.add(op, line, summed, suffix=" and bias")
    factor = reader.add(op, Power(np.full((), -beta)), grown, suffix=" power")
    multiplied(reader, op, value, factor)


def norm(reader: GraphReader, op: Any) -> None:
    """LpNormalization along the last axis."""
    value = reader.value(op)
    power = int(reader.attribute(op, "p", 2))
    axis = reader.axis(op, int(reader.attribute(op, "axis", -1)), len(value.shape) + 1)
    if power not in (1, 2) or axis != len(value.shape):
        raise reader.refuse(
            f"the norm {power} along axis {axis} of samples {value.shape}; expected 1 or 2, along"
            " the last axis"
        )
    reader.add(op, Normalise(f"L{power}"), value)


def square() -> Node:
    """x²."""
    return Power(np.full((), 2.0))


def root() -> Node:
    """√x."""
    return Power(np.full((), 0.5))


def absolute() -> Node:
    """|x|."""
    return Activation("abs")


def logarithm() -> Node:
    """ln x."""
    return Elementary("log")
