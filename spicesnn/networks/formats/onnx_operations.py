"""What each operation of an ONNX graph becomes: a node of the network, a constant, or a label that
is left out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from spicesnn.networks.activations import (
    ELU,
    SELU,
    Activation,
    Clip,
    LeakyReLU,
    Multiplied,
    Normalise,
    Softmax,
)
from spicesnn.networks.formats import onnx_shapes as shapes
from spicesnn.networks.formats.onnx_graph import Constant, GraphReader, Label, Norm, Value
from spicesnn.networks.nodes import (
    Convolution,
    Dense,
    Embed,
    Pad,
    Pooling,
    Reduced,
    Repeated,
    Reshape,
    Scale,
    Shape,
    Transpose,
    fits,
)


def _named_activation(name: str) -> Callable[[GraphReader, Any], None]:
    return lambda reader, op: void(reader.add(op, Activation(name), reader.value(op)))


def void(_: Any) -> None:
    """Forget a result."""


def _same(reader: GraphReader, op: Any) -> None:
    reader.known[op.output[0]] = reader.value(op)


_HALF = (
    "the file computes with 16-bit numbers, spicesnn with 64-bit ones: outputs differ by some 1e-3"
)


def inexact(reader: GraphReader, kind: int) -> None:
    """Remark that a file computes with fewer digits."""
    if reader.onnx.TensorProto.DataType.Name(kind) in ("FLOAT16", "BFLOAT16"):
        reader.remarks += [] if _HALF in reader.remarks else [_HALF]


def _cast(reader: GraphReader, op: Any) -> None:
    value = reader.value(op)
    kind = reader.element_type(op)
    if kind.kind in "biu" and not value.whole:
        raise reader.refuse(
            f"to {kind}, which drops what is behind the point; expected values left as they are"
        )
    if value.whole and kind.kind in "iu":
        raise reader.refuse(f"from whole numbers to {kind}; expected a Cast to floating point")
    inexact(reader, int(reader.attribute(op, "to", 0)))
    reader.known[op.output[0]] = Value(value.node, value.shape, kind.kind in "biu")


def _dropout(reader: GraphReader, op: Any) -> None:
    training = reader.constant(op, 2, "training_mode")
    if training is not None and np.any(training):
        raise reader.refuse("training_mode is true; export the model for inference")
    _same(reader, op)


def _gemm(reader: GraphReader, op: Any) -> None:
    if reader.attribute(op, "transA", 0):
        raise reader.refuse("transA = 1 would mix samples")
    weights = reader.constant(op, 1, "its matrix")
    if weights is None or weights.ndim != 2:
        raise reader.refuse("expected a matrix")
    matrix = np.asarray(weights, dtype=float) * float(reader.attribute(op, "alpha", 1.0))
    matrix = matrix.T if reader.attribute(op, "transB", 0) else matrix
    bias = reader.constant(op, 2, "its bias")
    offsets, beta = None, float(reader.attribute(op, "beta", 1.0))
    if bias is not None:
        scaled = np.asarray(bias, dtype=float) * beta
        if not fits(scaled.shape, (1, matrix.shape[1])):
            raise reader.refuse(
                f"a bias of shape {scaled.shape} for {matrix.shape[1]} outputs; expected one number"
                " an output"
            )
        offsets = np.array(np.broadcast_to(scaled, (1, matrix.shape[1]))).reshape(-1)
    reader.add(op, Dense(matrix, offsets), reader.value(op))


def _matmul(reader: GraphReader, op: Any) -> None:
    weights = reader.constant(op, 1, "its matrix")
    value = reader.value(op)
    axes = len(value.shape) - 1
    if weights is None or weights.ndim != 2 or axes > 2:
        raise reader.refuse(
            f"a product of samples {value.shape} with {None if weights is None else weights.shape};"
            " expected samples of up to three axes and a matrix"
        )
    matrix = np.asarray(weights, dtype=float)
    if axes == 0:
        reader.add(op, Dense(matrix), value)
        return
    # The same matrix at each place: a convolution with a window of one place, channels first.
    first = reader.add(op, Transpose((axes, *range(axes))), value, suffix=" channels first")
    one = (1,) * axes
    made = reader.add(
        op,
        Convolution(
            matrix.T.reshape(*matrix.T.shape, *one),
            stride=one,
            padding=((0, 0),) * axes,
            dilation=one,
        ),
        first,
        suffix=" at each place",
    )
    reader.add(op, Transpose((*range(1, axes + 1), 0)), made)


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


def _conv(reader: GraphReader, op: Any) -> None:
    kernel, value = reader.constant(op, 1, "its kernel"), reader.value(op)
    if kernel is None or kernel.ndim not in (3, 4):
        raise reader.refuse(
            f"a kernel of shape {None if kernel is None else kernel.shape}; expected one over one"
            " or two axes"
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
    bias = reader.constant(op, 2, "its bias")
    reader.add(
        op,
        Convolution(
            np.asarray(kernel, dtype=float),
            None if bias is None else np.asarray(bias, dtype=float),
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=int(reader.attribute(op, "group", 1)),
        ),
        value,
    )


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


def _pool(what: str) -> Callable[[GraphReader, Any], None]:
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


def _global_pool(what: str) -> Callable[[GraphReader, Any], None]:
    def taken(reader: GraphReader, op: Any) -> None:
        value = reader.value(op)
        size = value.shape[1:]
        reader.add(op, Pooling(what, size, size, tuple((0, 0) for _ in size)), value)  # type: ignore[arg-type]

    return taken


def _reduce_sum(reader: GraphReader, op: Any) -> None:
    value = reader.value(op)
    given = reader.constant(op, 1, "its axes")
    axes = reader.attribute(op, "axes") if given is None else given.ravel().tolist()
    node = reader.nodes.get(value.node)
    if (
        not (isinstance(node, Activation) and node.name == "abs")
        or len(value.shape) != 1
        or list(axes or []) not in ([1], [-1])
        or not reader.attribute(op, "keepdims", 1)
    ):
        _reduced(reader, op, "sum", value, axes)
        return
    source = next(a for a, b in reader.edges if b == value.node)
    reader.known[op.output[0]] = Norm(Value(source, value.shape))


def _reduced(reader: GraphReader, op: Any, what: Any, value: Value, given: Any) -> None:
    """A sum or mean over some axes of each sample."""
    rank = len(value.shape) + 1
    axes = sorted({reader.axis(op, int(a), rank) for a in given or ()})
    kept = bool(reader.attribute(op, "keepdims", 1))
    if not axes or axes[0] == 0 or (not kept and len(axes) == rank - 1):
        raise reader.refuse(
            f"a {what} over axes {given}; expected some axes of each sample, not the batch, and one"
            " left"
        )
    made = reader.add(
        op, Reduced(what, tuple(a - 1 for a in axes)), value, suffix="" if kept else " kept"
    )
    if not kept:
        left = tuple(size for k, size in enumerate(value.shape, start=1) if k not in axes)
        reader.add(op, Reshape(left), made)


def _reduce_mean(reader: GraphReader, op: Any, what: Any = "average") -> None:
    value = reader.value(op)
    axes = reader.attribute(op, "axes")
    given = reader.constant(op, 1, "its axes")
    axes = axes if given is None else given.tolist()
    rank = len(value.shape) + 1
    image = list(range(2, rank))
    if axes is None or not image or sorted(reader.axis(op, a, rank) for a in axes) != image:
        if what == "max":
            raise reader.refuse(
                f"the largest over axes {axes}; expected all axes of the image, batch and channels"
                " kept"
            )
        _reduced(reader, op, what, value, axes)
        return
    size = value.shape[1:]
    pooled = reader.add(op, Pooling(what, size, size, tuple((0, 0) for _ in size)), value)
    if not reader.attribute(op, "keepdims", 1):
        reader.add(op, Reshape((value.shape[0],)), pooled)


def _batch_norm(reader: GraphReader, op: Any) -> None:
    value = reader.value(op)
    scale, bias, mean, variance = (reader.constant(op, k, "a statistic") for k in range(1, 5))
    if scale is None or bias is None or mean is None or variance is None:
        raise reader.refuse("it lacks one of scale, bias, mean and variance")
    if reader.attribute(op, "training_mode", 0):
        raise reader.refuse(
            "training_mode = 1 takes statistics from the batch; export the model for inference"
        )
    if not reader.attribute(op, "spatial", 1):
        raise reader.refuse("spatial = 0 has statistics for each place; expected one a channel")
    if np.any(np.asarray(variance) < 0):
        raise reader.refuse("its variance is below 0")
    spread = np.asarray(variance, dtype=float) + float(reader.attribute(op, "epsilon", 1e-5))
    if np.any(spread == 0):
        raise reader.refuse("a variance of 0 with an epsilon of 0 would divide by 0")
    factors = np.asarray(scale, dtype=float) / np.sqrt(spread)
    offsets = np.asarray(bias, dtype=float) - np.asarray(mean, dtype=float) * factors
    form = (-1, *[1] * (len(value.shape) - 1))
    reader.add(op, Scale(factors.reshape(form), offsets.reshape(form)), value)


def _sample_constant(reader: GraphReader, constant: Constant, value: Value) -> Constant:
    """A constant without its batch axis, which has to be 1."""
    array = np.asarray(constant, dtype=float)
    if array.ndim == len(value.shape) + 1:
        if array.shape[0] != 1:
            raise reader.refuse(f"a constant of shape {array.shape} has a batch axis of its own")
        array = array[0]
    if array.ndim > len(value.shape):
        raise reader.refuse(
            f"a constant of shape {constant.shape} for samples of shape {value.shape}"
        )
    return array


def _sum(reader: GraphReader, op: Any) -> None:
    operands = [reader.operand(op, k) for k in range(len(op.input))]
    values = [item for item in operands if isinstance(item, Value)]
    constants = [
        _sample_constant(reader, item, values[0])
        for item in operands
        if isinstance(item, np.ndarray)
    ]
    total = sum(constants[1:], start=constants[0]) if constants else None
    values = _alike(reader, op, values)
    nodes = [value.node for value in values]
    if len(set(nodes)) == 1 and values:  # a value added to itself
        reader.add(op, Scale(np.full((), float(len(values))), total), values[0])
        return
    for number, value in enumerate(values):
        if value.node in nodes[:number]:
            values[number] = reader.add(op, Reshape(value.shape), value, suffix=" again")
    reader.add(op, Scale(np.ones(()), total), *values)


def _alike(reader: GraphReader, op: Any, values: list[Value]) -> list[Value]:
    """Values spread to one shape, axes of size 1 to those of the others."""
    shapes = [value.shape for value in values]
    try:
        shape = np.broadcast_shapes(*shapes) if len({*map(len, shapes)}) < 2 else None
    except ValueError:
        shape = None
    if shape is None:
        raise reader.refuse(
            f"samples of shapes {', '.join(map(str, shapes))}; expected equal ones, or axes of size 1"
        )
    return [
        value
        if value.shape == shape
        else reader.add(op, Repeated(shape), value, suffix=f" spread {number}")
        for number, value in enumerate(values)
    ]


def _sub(reader: GraphReader, op: Any) -> None:
    first, second = reader.operand(op, 0), reader.operand(op, 1)
    if isinstance(first, Value) and isinstance(second, Value):
        first, second = _alike(reader, op, [first, second])
        less = reader.add(op, Scale(-np.ones(())), second, suffix=" negated")
        reader.add(op, Scale(np.ones(())), first, less)
    elif isinstance(first, Value) and isinstance(second, np.ndarray):
        reader.add(op, Scale(np.ones(()), -_sample_constant(reader, second, first)), first)
    elif isinstance(second, Value) and isinstance(first, np.ndarray):
        reader.add(op, Scale(-np.ones(()), _sample_constant(reader, first, second)), second)


def _times(reader: GraphReader, op: Any, *, divide: bool = False) -> None:
    first, second = reader.operand(op, 0), reader.operand(op, 1)
    if isinstance(first, np.ndarray) and not divide:
        first, second = second, first
    if divide and isinstance(first, Value) and isinstance(second, Norm) and second.of == first:
        reader.add(op, Normalise("L1"), first)
        return
    if isinstance(first, Value) and isinstance(second, Value) and not divide:
        _product(reader, op, [first, second])
        return
    if not isinstance(first, Value) or not isinstance(second, np.ndarray):
        raise reader.refuse(
            "expected a value of the network " + ("over" if divide else "times") + " a constant"
        )
    by = _sample_constant(reader, second, first)
    if divide and np.any(by == 0):
        raise reader.refuse("it divides by 0")
    reader.add(op, Scale(1.0 / by if divide else by), first)


def _product(reader: GraphReader, op: Any, values: list[Value]) -> None:
    """Two values multiplied: stacked one after the other, then their product."""
    halves = []
    for number, value in enumerate(_alike(reader, op, values)):
        one = reader.add(op, Reshape((1, *value.shape)), value, suffix=f" factor {number}")
        halves.append(reader.add(op, Embed(0, number, 2), one, suffix=f" half {number}"))
    both = reader.add(op, Scale(np.ones(())), *halves, suffix=" both")
    reader.add(op, Multiplied(), both)


def _hard_sigmoid(reader: GraphReader, op: Any) -> None:
    slope = float(reader.attribute(op, "alpha", 0.2))
    middle = float(reader.attribute(op, "beta", 0.5))
    line = reader.add(
        op, Scale(np.full((), slope), np.full((), middle)), reader.value(op), suffix=" line"
    )
    reader.add(op, Clip(0.0, 1.0), line)


def _exponential(form: str) -> Callable[[GraphReader, Any], None]:
    def taken(reader: GraphReader, op: Any) -> None:
        if form == "selu":
            alpha = float(reader.attribute(op, "alpha", SELU.alpha))
            node = ELU(alpha, float(reader.attribute(op, "gamma", SELU.gain)))
        else:
            alpha = float(reader.attribute(op, "alpha", 1.0))
            node = ELU(alpha, width=alpha if form == "celu" else 1.0)
        reader.add(op, node, reader.value(op))

    return taken


def _gelu(reader: GraphReader, op: Any) -> None:
    form = reader.attribute(op, "approximate", "none")
    if form not in ("none", "tanh"):
        raise reader.refuse(f"approximate is {form!r}; expected none or tanh")
    reader.add(op, Activation("gelu" if form == "none" else "gelu-tanh"), reader.value(op))


def _parametric(reader: GraphReader, op: Any) -> None:
    slope, value = reader.constant(op, 1, "its slope"), reader.value(op)
    if slope is None:
        raise reader.refuse("it lacks its slope")
    reader.add(op, LeakyReLU(_sample_constant(reader, slope, value)), value)


def _bounded(lowest: bool) -> Callable[[GraphReader, Any], None]:
    """Max (a lowest value) or Min (a highest one) of a value and one number."""

    def taken(reader: GraphReader, op: Any) -> None:
        operands = [reader.operand(op, k) for k in range(len(op.input))]
        values = [item for item in operands if isinstance(item, Value)]
        bounds = [item for item in operands if isinstance(item, np.ndarray)]
        if len(values) != 1 or len(operands) != 2 or bounds[0].size != 1:
            raise reader.refuse("expected one value of the network and one number")
        bound = float(np.reshape(_sample_constant(reader, bounds[0], values[0]), ()))
        reader.add(op, Clip(lowest=bound) if lowest else Clip(highest=bound), values[0])

    return taken


def _clip(reader: GraphReader, op: Any) -> None:
    ends = []
    for number, (name, default) in enumerate((("min", -np.inf), ("max", np.inf)), start=1):
        given = reader.constant(op, number, f"its {name}")
        ends.append(
            float(reader.attribute(op, name, default))
            if given is None
            else float(np.asarray(given).reshape(()))
        )
    reader.add(op, Clip(*ends), reader.value(op))


def _softmax(log: bool) -> Callable[[GraphReader, Any], None]:
    def taken(reader: GraphReader, op: Any) -> None:
        value = reader.value(op)
        axis = int(reader.attribute(op, "axis", -1 if reader.opset >= 13 else 1))
        axis = reader.axis(op, axis, len(value.shape) + 1)
        if axis == 0:
            raise reader.refuse("it would mix samples")
        if reader.opset < 13 and axis != len(value.shape):
            # Over all that follows the axis, too.
            flat = (*value.shape[: axis - 1], math.prod(value.shape[axis - 1 :]))
            rows = reader.add(op, Reshape(flat), value, suffix=" rows")
            done = reader.add(op, Softmax(log=log), rows, suffix=" of rows")
            reader.add(op, Reshape(value.shape), done)
            return
        reader.add(op, Softmax(axis - 1, log=log), value)

    return taken


def _arg_max(reader: GraphReader, op: Any) -> None:
    value = reader.value(op)
    if len(value.shape) != 1 or int(reader.attribute(op, "axis", 0)) not in (1, -1):
        raise reader.refuse(
            f"of samples {value.shape} along axis {reader.attribute(op, 'axis', 0)}; expected one"
            " score a class"
        )
    reader.known[op.output[0]] = Label(value.node)


def _scaler(reader: GraphReader, op: Any) -> None:
    scale = np.asarray(reader.attribute(op, "scale", [1.0]), dtype=float)
    offset = np.asarray(reader.attribute(op, "offset", [0.0]), dtype=float)
    value = reader.value(op)
    factors = scale if scale.size > 1 else scale.reshape(())
    shift = -offset * scale
    reader.add(op, Scale(factors, shift if shift.size > 1 else shift.reshape(())), value)


def _either(reader: GraphReader, op: Any, first: str, second: str) -> Any:
    """The one of two attributes that holds something."""
    one, other = reader.attribute(op, first), reader.attribute(op, second)
    return one or other


def _linear_classifier(reader: GraphReader, op: Any) -> None:
    value = reader.value(op)
    labels = _either(reader, op, "classlabels_ints", "classlabels_strings")
    bias = np.asarray(reader.attribute(op, "intercepts", []), dtype=float)
    flat = np.asarray(reader.attribute(op, "coefficients", []), dtype=float)
    if not labels or len(value.shape) != 1 or flat.size != len(labels) * value.shape[0]:
        raise reader.refuse(
            f"{flat.size} coefficients for {len(labels or [])} classes and samples {value.shape};"
            " expected one per class and feature"
        )
    after = reader.attribute(op, "post_transform", "NONE")
    if after not in ("NONE", "SOFTMAX", "LOGISTIC"):
        raise reader.refuse(f"post_transform is {after!r}; expected NONE, SOFTMAX or LOGISTIC")
    scores = reader.add(
        op, Dense(flat.reshape(len(labels), -1).T, bias if bias.size else None), value, output=1
    )
    if after != "NONE":
        scores = reader.add(
            op, Softmax() if after == "SOFTMAX" else Activation("sigmoid"), scores, output=1
        )
    reader.classes = tuple(labels)
    reader.known[op.output[0]] = Label(scores.node)


def _linear_regressor(reader: GraphReader, op: Any) -> None:
    value = reader.value(op)
    bias = np.asarray(reader.attribute(op, "intercepts", []), dtype=float)
    flat = np.asarray(reader.attribute(op, "coefficients", []), dtype=float)
    targets = int(reader.attribute(op, "targets", 1))
    if len(value.shape) != 1 or targets < 1 or flat.size != targets * value.shape[0]:
        raise reader.refuse(
            f"{flat.size} coefficients for {targets} targets and samples {value.shape}; expected one"
            " per target and feature"
        )
    after = reader.attribute(op, "post_transform", "NONE")
    if after != "NONE":
        raise reader.refuse(f"post_transform is {after!r}; expected NONE")
    weights = flat.reshape(targets, -1).T
    reader.add(op, Dense(weights, bias if bias.size else None), value)
    reader.decides = False


def _norm(reader: GraphReader, op: Any) -> None:
    value = reader.value(op)
    power = int(reader.attribute(op, "p", 2))
    axis = reader.axis(op, int(reader.attribute(op, "axis", -1)), len(value.shape) + 1)
    if power not in (1, 2) or axis != len(value.shape):
        raise reader.refuse(
            f"the norm {power} along axis {axis} of samples {value.shape}; expected 1 or 2, along"
            " the last axis"
        )
    reader.add(op, Normalise(f"L{power}"), value)


def _zip_map(reader: GraphReader, op: Any) -> None:
    labels = _either(reader, op, "classlabels_int64s", "classlabels_strings")
    reader.classes = tuple(labels) if labels else reader.classes
    reader.known[op.output[0]] = reader.value(op)
    reader.remarks.append("the dictionary of probabilities is left out; its values are the outputs")


OF_WHOLE_NUMBERS = frozenset(
    (
        "Cast",
        "Flatten",
        "Gather",
        "Identity",
        "Reshape",
        "Slice",
        "Split",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
    )
)
"""Operations that leave whole numbers as they are."""

WITHOUT_EFFECT: dict[str, tuple[str | int, ...]] = {
    "ArgMax": ("keepdims", "select_last_index"),
    "BatchNormalization": ("momentum",),
    "Cast": ("saturate",),
    "Dropout": ("ratio", "seed", 1),
    "LinearClassifier": ("multi_class",),
    "MaxPool": ("storage_order",),
    "ReduceMax": ("noop_with_empty_axes",),
    "ReduceMean": ("noop_with_empty_axes",),
    "ReduceSum": ("noop_with_empty_axes",),
}
"""Attributes and inputs that change nothing of what is computed here; all others that are not
looked at are refused."""

OPERATIONS: dict[str, Callable[[GraphReader, Any], None]] = {
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Conv": _conv,
    "MaxPool": _pool("max"),
    "AveragePool": _pool("average"),
    "GlobalAveragePool": _global_pool("average"),
    "GlobalMaxPool": _global_pool("max"),
    "ReduceMean": _reduce_mean,
    "ReduceMax": lambda reader, op: _reduce_mean(reader, op, "max"),
    "ReduceSum": _reduce_sum,
    "Abs": _named_activation("abs"),
    "Relu": _named_activation("relu"),
    "Sigmoid": _named_activation("sigmoid"),
    "Tanh": _named_activation("tanh"),
    "LeakyRelu": lambda reader, op: void(
        reader.add(op, LeakyReLU(float(reader.attribute(op, "alpha", 0.01))), reader.value(op))
    ),
    "PRelu": _parametric,
    "Elu": _exponential("elu"),
    "Selu": _exponential("selu"),
    "Celu": _exponential("celu"),
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _named_activation("hardswish"),
    "Mish": _named_activation("mish"),
    "Softplus": _named_activation("softplus"),
    "Softsign": _named_activation("softsign"),
    "Erf": _named_activation("erf"),
    "Neg": lambda reader, op: void(reader.add(op, Scale(-np.ones(())), reader.value(op))),
    "Max": _bounded(True),
    "Min": _bounded(False),
    "Clip": _clip,
    "Softmax": _softmax(False),
    "LogSoftmax": _softmax(True),
    "Flatten": shapes.flatten,
    "Reshape": shapes.reshape,
    "Transpose": shapes.transpose,
    "Squeeze": shapes.squeeze,
    "Unsqueeze": lambda reader, op: shapes.squeeze(reader, op, more=True),
    "BatchNormalization": _batch_norm,
    "Add": _sum,
    "Sum": _sum,
    "Sub": _sub,
    "Mul": _times,
    "Div": lambda reader, op: _times(reader, op, divide=True),
    "Concat": shapes.concat,
    "Slice": shapes.part,
    "Gather": shapes.gather,
    "Split": shapes.split,
    "Pad": shapes.pad,
    "Identity": _same,
    "Dropout": _dropout,
    "Cast": _cast,
    "ArgMax": _arg_max,
    "Scaler": _scaler,
    "Normalizer": lambda reader, op: void(
        reader.add(op, Normalise(reader.attribute(op, "norm", "MAX")), reader.value(op))
    ),
    "LinearClassifier": _linear_classifier,
    "LinearRegressor": _linear_regressor,
    "LpNormalization": _norm,
    "ArrayFeatureExtractor": shapes.features,
    "ZipMap": _zip_map,
}
