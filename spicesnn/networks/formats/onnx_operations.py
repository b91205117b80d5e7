"""What each operation of an ONNX graph becomes: a node of the network, a constant, or a label that
is left out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from spicesnn.networks.activations import Activation, Clip, LeakyReLU, Normalise, Softmax
from spicesnn.networks.formats.onnx_constants import BATCH
from spicesnn.networks.formats.onnx_graph import Constant, GraphReader, Label, Norm, Value
from spicesnn.networks.nodes import (
    Convolution,
    Dense,
    Embed,
    Pad,
    Pooling,
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
    if weights is None or weights.ndim != 2 or len(value.shape) != 1:
        raise reader.refuse(
            f"a product of samples {value.shape} with {None if weights is None else weights.shape};"
            " expected vectors and a matrix"
        )
    reader.add(op, Dense(np.asarray(weights, dtype=float)), value)


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
    reader: GraphReader,
    what: str,
    length: int,
    kernel: int,
    stride: int,
    dilation: int,
    pads: tuple[int, int],
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
    if what != "max":
        raise reader.refuse(
            "ceil_mode = 1 with a window that hangs over the edge, whose mean is of fewer values;"
            " expected windows that fit"
        )
    return before, (count - 1) * stride + span - length - before


def _pool(what: str) -> Callable[[GraphReader, Any], None]:
    def taken(reader: GraphReader, op: Any) -> None:
        value = reader.value(op)
        size = tuple(reader.attribute(op, "kernel_shape", []))
        if len(value.shape) != len(size) + 1:
            raise reader.refuse(f"a window {size} for an input of shape {value.shape}")
        stride = tuple(reader.attribute(op, "strides", [1] * len(size)))
        dilation = tuple(reader.attribute(op, "dilations", [1] * len(size)))
        padding = pads(reader, op, value.shape[1:], size, stride, dilation)
        if reader.attribute(op, "ceil_mode", 0):
            padding = tuple(
                _overhanging(reader, what, length, k, s, d, pair)
                for length, k, s, d, pair in zip(
                    value.shape[1:], size, stride, dilation, padding, strict=True
                )
            )
        if len(op.output) > 1 and op.output[1]:
            raise reader.refuse("its second output (where the largest value stood) is not taken")
        counts = bool(reader.attribute(op, "count_include_pad", 0))
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
        raise reader.refuse(
            "expected the sum of absolute scores of each sample, by which scores are divided"
        )
    source = next(a for a, b in reader.edges if b == value.node)
    reader.known[op.output[0]] = Norm(Value(source, value.shape))


def _reduce_mean(reader: GraphReader, op: Any) -> None:
    value = reader.value(op)
    axes = reader.attribute(op, "axes")
    given = reader.constant(op, 1, "its axes")
    axes = axes if given is None else given.tolist()
    rank = len(value.shape) + 1
    if axes is None or sorted(reader.axis(op, a, rank) for a in axes) != list(range(2, rank)):
        raise reader.refuse(
            f"a mean over axes {axes}; expected all axes of the image, batch and channels kept"
        )
    size = value.shape[1:]
    pooled = reader.add(op, Pooling("average", size, size, tuple((0, 0) for _ in size)), value)
    if not reader.attribute(op, "keepdims", 1):
        reader.add(op, Reshape((value.shape[0],)), pooled)


def _flatten(reader: GraphReader, op: Any) -> None:
    if reader.attribute(op, "axis", 1) not in (1, -len(reader.value(op).shape)):
        raise reader.refuse(
            f"axis is {reader.attribute(op, 'axis', 1)}; expected 1, which keeps samples apart"
        )
    value = reader.value(op)
    if len(value.shape) == 1:
        _same(reader, op)
        return
    reader.add(op, Reshape((math.prod(value.shape),)), value)


def _reshape(reader: GraphReader, op: Any) -> None:
    value, told = reader.value(op), reader.constant(op, 1, "its shape")
    target = [int(k) for k in (reader.attribute(op, "shape", []) if told is None else told.ravel())]
    if not reader.attribute(op, "allowzero", 0):
        full = [BATCH, *value.shape]
        target = [full[k] if size == 0 and k < len(full) else size for k, size in enumerate(target)]
    size, rest = math.prod(value.shape), target[1:]
    known = math.prod(k for k in rest if k != -1)
    rest = [size // max(known, 1) if k == -1 else k for k in rest]
    if (
        len(target) < 2
        or math.prod(rest) != size
        or target[0] not in (-1, BATCH, reader.batch or 1)
        or sum(k == -1 for k in target[1:]) > 1
    ):
        raise reader.refuse(
            f"samples of shape {value.shape} become {target}; expected the batch axis to stay, each"
            f" sample with its {size} values"
        )
    reader.add(op, Reshape(tuple(rest)), value)


def _squeeze(reader: GraphReader, op: Any, *, more: bool = False) -> None:
    value = reader.value(op)
    given = reader.constant(op, 1, "its axes")
    axes = reader.attribute(op, "axes") if given is None else given.ravel().tolist()
    rank = len(value.shape) + 1 + (len(axes or ()) if more else 0)
    if axes is None:
        if more:
            raise reader.refuse("it does not say its axes")
        axes = [k + 1 for k, size in enumerate(value.shape) if size == 1]
    places = sorted(reader.axis(op, int(a), rank) for a in axes)
    if 0 in places:
        raise reader.refuse("it would change the batch axis")
    shape = list(value.shape)
    for k in places if more else reversed(places):
        if more:
            shape.insert(k - 1, 1)
        elif shape[k - 1] != 1:
            raise reader.refuse(f"axis {k} of {value.shape} is not 1")
        else:
            del shape[k - 1]
    reader.add(op, Reshape(tuple(shape)), value)


def _transpose(reader: GraphReader, op: Any) -> None:
    value = reader.value(op)
    order = reader.attribute(op, "perm", list(range(len(value.shape), -1, -1)))
    if order[0] != 0:
        raise reader.refuse(f"perm is {order}; expected the batch axis to stay first")
    reader.add(op, Transpose(tuple(k - 1 for k in order[1:])), value)


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
    if len({value.shape for value in values}) > 1:
        raise reader.refuse(
            f"it adds samples of shapes {', '.join(str(v.shape) for v in values)}; expected equal"
            " ones"
        )
    if len({value.node for value in values}) < len(values):
        raise reader.refuse("it adds a value to itself")
    reader.add(
        op,
        Scale(np.ones(()), sum(constants[1:], start=constants[0]) if constants else None),
        *values,
    )


def _sub(reader: GraphReader, op: Any) -> None:
    first, second = reader.operand(op, 0), reader.operand(op, 1)
    if isinstance(first, Value) and isinstance(second, Value):
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
    if not isinstance(first, Value) or not isinstance(second, np.ndarray):
        raise reader.refuse(
            "expected a value of the network " + ("over" if divide else "times") + " a constant"
        )
    by = _sample_constant(reader, second, first)
    if divide and np.any(by == 0):
        raise reader.refuse("it divides by 0")
    reader.add(op, Scale(1.0 / by if divide else by), first)


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
        if axis == 0 or (reader.opset < 13 and axis != len(value.shape)):
            raise reader.refuse(f"over axis {axis} of samples {value.shape} (opset {reader.opset})")
        reader.add(op, Softmax(axis - 1, log=log), value)

    return taken


def _concat(reader: GraphReader, op: Any) -> None:
    values = [reader.value(op, k) for k in range(len(op.input))]
    axis = reader.axis(op, int(reader.attribute(op, "axis", 1)), len(values[0].shape) + 1)
    if axis == 0:
        raise reader.refuse("it would join samples of different inputs")
    total, begin, pieces = sum(v.shape[axis - 1] for v in values), 0, []
    for number, value in enumerate(values):
        pieces.append(
            reader.add(op, Embed(axis - 1, begin, total), value, suffix=f" part {number}")
        )
        begin += value.shape[axis - 1]
    reader.add(op, Scale(np.ones(())), *pieces)


def _pad(reader: GraphReader, op: Any) -> None:
    value = reader.value(op)
    if reader.attribute(op, "mode", "constant") != "constant":
        raise reader.refuse(f"mode is {reader.attribute(op, 'mode')!r}; expected constant")
    given = reader.constant(op, 1, "its padding")
    told = [int(k) for k in (reader.attribute(op, "pads", []) if given is None else given.ravel())]
    level = reader.constant(op, 2, "its value")
    axes = len(value.shape) + 1
    if (
        reader.operand(op, 3) is not None
        or len(told) != 2 * axes
        or told[0]
        or told[axes]
        or min(told) < 0
    ):
        raise reader.refuse(
            f"padding {told} of samples {value.shape}; expected two numbers an axis, 0 or more,"
            " none for the batch"
        )
    number = (
        float(reader.attribute(op, "value", 0.0))
        if level is None
        else float(np.asarray(level).reshape(()))
    )
    reader.add(op, Pad(tuple((told[k], told[k + axes]) for k in range(1, axes)), number), value)


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


def _zip_map(reader: GraphReader, op: Any) -> None:
    labels = _either(reader, op, "classlabels_int64s", "classlabels_strings")
    reader.classes = tuple(labels) if labels else reader.classes
    reader.known[op.output[0]] = reader.value(op)
    reader.remarks.append("the dictionary of probabilities is left out; its values are the outputs")


OF_WHOLE_NUMBERS = frozenset(
    ("Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
)
"""Operations that leave whole numbers as they are."""

WITHOUT_EFFECT: dict[str, tuple[str | int, ...]] = {
    "ArgMax": ("keepdims", "select_last_index"),
    "BatchNormalization": ("momentum",),
    "Cast": ("saturate",),
    "Dropout": ("ratio", "seed", 1),
    "LinearClassifier": ("multi_class",),
    "MaxPool": ("storage_order",),
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
    "ReduceSum": _reduce_sum,
    "Abs": _named_activation("abs"),
    "Relu": _named_activation("relu"),
    "Sigmoid": _named_activation("sigmoid"),
    "Tanh": _named_activation("tanh"),
    "LeakyRelu": lambda reader, op: void(
        reader.add(op, LeakyReLU(float(reader.attribute(op, "alpha", 0.01))), reader.value(op))
    ),
    "Clip": _clip,
    "Softmax": _softmax(False),
    "LogSoftmax": _softmax(True),
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": lambda reader, op: _squeeze(reader, op, more=True),
    "BatchNormalization": _batch_norm,
    "Add": _sum,
    "Sum": _sum,
    "Sub": _sub,
    "Mul": _times,
    "Div": lambda reader, op: _times(reader, op, divide=True),
    "Concat": _concat,
    "Pad": _pad,
    "Identity": _same,
    "Dropout": _dropout,
    "Cast": _cast,
    "ArgMax": _arg_max,
    "Scaler": _scaler,
    "Normalizer": lambda reader, op: void(
        reader.add(op, Normalise(reader.attribute(op, "norm", "MAX")), reader.value(op))
    ),
    "LinearClassifier": _linear_classifier,
    "ZipMap": _zip_map,
}
