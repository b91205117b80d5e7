"""Operations of an ONNX graph that slide windows over images: convolutions, transposed ones,
pooling, and the same matrix at each place."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from spicesnn.networks.formats.onnx_graph import GraphReader, Value
from spicesnn.networks.nodes import (
    Convolution,
    Dense,
    Pad,
    Part,
    Pooling,
    Reshape,
    Shape,
    Transpose,
    Values,
)
from spicesnn.networks.resampling import Stretched


def pads(
    reader: GraphReader, op: Any, size: Shape, kernel: Shape, stride: Shape, dilation: Shape
) -> tuple[tuple[int, int], ...]:
    """Padding of a sliding window, (before, after) an axis, from `pads` or `auto_pad`."""
    auto = reader.attribute(op, "auto_pad", "NOTSET")
    axes = len(kernel)
    if auto in ("NOTSET", "", "VALID"):
        told = (
            reader.attribute(op, "pads", [0] * (2 * axes)) if auto != "VALID" else [0] * (2 * axes)
        )
        return tuple((int(told[k]), int(told[k + axes])) for k in range(axes))
    if auto not in ("SAME_UPPER", "SAME_LOWER"):
        raise reader.refuse(f"auto_pad is {auto!r}")
    found = []
    for length, k, s, d in zip(size, kernel, stride, dilation, strict=True):
        total = max((math.ceil(length / s) - 1) * s + d * (k - 1) + 1 - length, 0)
        less, more = total // 2, total - total // 2
        found.append((less, more) if auto == "SAME_UPPER" else (more, less))
    return tuple(found)


def conv(reader: GraphReader, op: Any) -> None:
    """A convolution."""
    kernel, bias = reader.constant(op, 1, "its kernel"), reader.constant(op, 2, "its bias")
    if kernel is None:
        raise reader.refuse("it lacks its kernel")
    offsets = None if bias is None else np.asarray(bias, dtype=float)
    convolved(reader, op, np.asarray(kernel, dtype=float), offsets, reader.value(op))


def convolved(
    reader: GraphReader,
    op: Any,
    kernel: Values,
    offsets: Values | None,
    value: Value,
    *,
    suffix: str = "",
) -> Value:
    """A value behind a convolution, whose attributes are the operation's."""
    if kernel.ndim not in (3, 4, 5):
        raise reader.refuse(
            f"a kernel of shape {kernel.shape}; expected one over one to three axes"
        )
    axes = kernel.ndim - 2
    if len(value.shape) != axes + 1:
        raise reader.refuse(f"an input of shape {value.shape} for a kernel of shape {kernel.shape}")
    told = tuple(reader.attribute(op, "kernel_shape", kernel.shape[2:]))
    if told != kernel.shape[2:]:
        raise reader.refuse(f"kernel_shape is {told}, its kernel has the shape {kernel.shape}")
    stride = tuple(reader.attribute(op, "strides", [1] * axes))
    dilation = tuple(reader.attribute(op, "dilations", [1] * axes))
    padding = pads(reader, op, value.shape[1:], kernel.shape[2:], stride, dilation)
    node = Convolution(
        kernel,
        offsets,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=int(reader.attribute(op, "group", 1)),
    )
    return reader.add(op, node, value, suffix=suffix)


def conv_transpose(reader: GraphReader, op: Any) -> None:
    """A transposed convolution: zeros between the inputs, then a convolution with the kernel turned
    around; an array holds that kernel."""
    kernel, value = reader.constant(op, 1, "its kernel"), reader.value(op)
    if kernel is None or kernel.ndim not in (3, 4, 5):
        raise reader.refuse(
            f"a kernel of shape {None if kernel is None else kernel.shape}; expected one over one"
            " to three axes"
        )
    axes, groups = kernel.ndim - 2, int(reader.attribute(op, "group", 1))
    if len(value.shape) != axes + 1 or len(kernel) % groups or groups < 1:
        raise reader.refuse(
            f"an input of shape {value.shape} in {groups} group(s) for a kernel of shape"
            f" {kernel.shape}"
        )
    told = tuple(reader.attribute(op, "kernel_shape", kernel.shape[2:]))
    if told != kernel.shape[2:]:
        raise reader.refuse(f"kernel_shape is {told}, its kernel has the shape {kernel.shape}")
    stride = tuple(reader.attribute(op, "strides", [1] * axes))
    dilation = tuple(reader.attribute(op, "dilations", [1] * axes))
    more = tuple(reader.attribute(op, "output_padding", [0] * axes))
    # (inputs, outputs per group, *size) → (outputs, inputs per group, *size), turned around.
    parts = np.split(np.asarray(kernel, dtype=float), groups)
    turned = np.concatenate([np.swapaxes(part, 0, 1) for part in parts])
    turned = np.flip(turned, axis=tuple(range(2, 2 + axes)))
    spans = [d * (k - 1) for k, d in zip(kernel.shape[2:], dilation, strict=True)]
    full = [
        s * (size - 1) + e + span + 1
        for size, s, e, span in zip(value.shape[1:], stride, more, spans, strict=True)
    ]
    cut = _cuts(reader, op, value.shape[1:], stride, full)
    padding = [
        (span - before, span - after + e)
        for span, (before, after), e in zip(spans, cut, more, strict=True)
    ]
    if any(s > 1 for s in stride):
        value = reader.add(op, Stretched(stride), value, suffix=" stretched")
    for axis, (before, after) in enumerate(padding, start=1):
        if min(before, after) < 0:
            size = value.shape[axis]
            kept = tuple(range(max(-before, 0), size - max(-after, 0)))
            value = reader.add(op, Part(axis, kept), value, suffix=f" cut {axis}")
    bias = reader.constant(op, 2, "its bias")
    reader.add(
        op,
        Convolution(
            turned,
            None if bias is None else np.asarray(bias, dtype=float),
            stride=(1,) * axes,
            padding=tuple((max(before, 0), max(after, 0)) for before, after in padding),
            dilation=dilation,
            groups=groups,
        ),
        value,
    )


def _cuts(
    reader: GraphReader, op: Any, sizes: Shape, stride: Shape, full: list[int]
) -> list[tuple[int, int]]:
    """What is cut off the full output of a transposed convolution, (before, after) an axis."""
    auto, axes = reader.attribute(op, "auto_pad", "NOTSET"), len(sizes)
    wanted = reader.attribute(op, "output_shape")
    given = reader.attribute(op, "pads", [0] * (2 * axes))
    if auto not in ("NOTSET", "", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise reader.refuse(f"auto_pad is {auto!r}")
    if wanted is None and not auto.startswith("SAME"):
        if auto == "VALID":
            given = [0] * (2 * axes)
        return [(int(given[k]), int(given[k + axes])) for k in range(axes)]
    if wanted is None:
        wanted = [size * s for size, s in zip(sizes, stride, strict=True)]
    wanted = list(wanted)[-axes:]
    found = []
    for length, size in zip(full, wanted, strict=True):
        total = length - int(size)
        if total < 0:
            raise reader.refuse(
                f"an output of {list(wanted)} from {list(full)}; expected one that is not larger"
            )
        less, rest = total // 2, total - total // 2
        found.append((less, rest) if auto == "SAME_UPPER" else (rest, less))
    return found


def _overhanging(
    length: int, kernel: int, stride: int, dilation: int, pads: tuple[int, int]
) -> tuple[int, int]:
    """Padding (before, after) with which the last window of `ceil_mode`, which hangs over the edge,
    is one of those that fit; a window never begins beyond the input."""
    before, after = pads
    span = dilation * (kernel - 1) + 1
    room = length + before + after - span
    if room < 0 or room % stride == 0:
        return pads
    count = room // stride + 2
    if (count - 1) * stride >= length + before:
        return pads
    return before, (count - 1) * stride + span - length - before


def pool(what: str) -> Callable[[GraphReader, Any], None]:
    """The mean or the largest value under a sliding window."""

    def taken(reader: GraphReader, op: Any) -> None:
        value = reader.value(op)
        size = tuple(reader.attribute(op, "kernel_shape", []))
        if len(value.shape) != len(size) + 1:
            raise reader.refuse(f"a window {size} for an input of shape {value.shape}")
        stride = tuple(reader.attribute(op, "strides", [1] * len(size)))
        dilation = tuple(reader.attribute(op, "dilations", [1] * len(size)))
        auto = str(reader.attribute(op, "auto_pad", "NOTSET"))
        if auto.startswith("SAME") and any(d != 1 for d in dilation):
            raise reader.refuse(
                f"auto_pad {auto} with dilations {list(dilation)}, which runtimes pad differently;"
                " expected pads that are said"
            )
        padding = pads(reader, op, value.shape[1:], size, stride, dilation)
        if len(op.output) > 1 and op.output[1]:
            raise reader.refuse("its second output (where the largest value stood) is not taken")
        counts = bool(reader.attribute(op, "count_include_pad", 0))
        if reader.attribute(op, "ceil_mode", 0):
            longer = tuple(
                _overhanging(length, k, s, d, pair)
                for length, k, s, d, pair in zip(
                    value.shape[1:], size, stride, dilation, padding, strict=True
                )
            )
            if counts and longer != padding:
                # What hangs over counts for nothing, the padding that the file asks for does.
                value = reader.add(op, Pad(((0, 0), *padding)), value, suffix=" padded")
                longer = tuple(
                    (a - c, b - d) for (a, b), (c, d) in zip(longer, padding, strict=True)
                )
                counts = False
            padding = longer
        reader.add(
            op,
            Pooling(what, size, stride, padding, counts_padding=counts, dilation=dilation),  # type: ignore[arg-type]
            value,
        )

    return taken


def global_pool(what: str) -> Callable[[GraphReader, Any], None]:
    """The mean or the largest value of each channel."""

    def taken(reader: GraphReader, op: Any) -> None:
        value = reader.value(op)
        size = value.shape[1:]
        reader.add(op, Pooling(what, size, size, tuple((0, 0) for _ in size)), value)  # type: ignore[arg-type]

    return taken


def along_last(
    reader: GraphReader, op: Any, matrix: Values, value: Value, *, suffix: str = ""
) -> Value:
    """The same matrix (inputs, outputs) at each place of a sample, along its last axis."""
    if len(value.shape) == 1:
        return reader.add(op, Dense(matrix), value, suffix=suffix)
    # A convolution with a window of one place, channels first.
    axes = len(value.shape) - 1
    places, features = value.shape[:-1], value.shape[-1]
    if axes > 1:
        value = reader.add(
            op, Reshape((math.prod(places), features)), value, suffix=f"{suffix} in one row"
        )
    first = reader.add(op, Transpose((1, 0)), value, suffix=f"{suffix} channels first")
    window = Convolution(matrix.T[..., None], stride=(1,), padding=((0, 0),), dilation=(1,))
    made = reader.add(op, window, first, suffix=f"{suffix} at each place")
    if axes == 1:
        return reader.add(op, Transpose((1, 0)), made, suffix=suffix)
    last = reader.add(op, Transpose((1, 0)), made, suffix=f"{suffix} channels last")
    return reader.add(op, Reshape((*places, matrix.shape[1])), last, suffix=suffix)
