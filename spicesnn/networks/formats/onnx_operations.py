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
    Normalise,
    Softmax,
    Threshold,
)
from spicesnn.networks.arithmetic import Elementary, Power
from spicesnn.networks.formats import onnx_elementary as elementary
from spicesnn.networks.formats import onnx_quantised as quantised
from spicesnn.networks.formats import onnx_reductions as reductions
from spicesnn.networks.formats import onnx_shapes as shapes
from spicesnn.networks.formats import onnx_windows as windows
from spicesnn.networks.formats.onnx_elementary import alike, plain, sample_constant
from spicesnn.networks.formats.onnx_graph import GraphReader, Label, Value
from spicesnn.networks.formats.onnx_resize import resize
from spicesnn.networks.formats.onnx_windows import along_last
from spicesnn.networks.nodes import (
    Dense,
    Reshape,
    Scale,
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
    if reader.opset < 7 and not reader.attribute(op, "is_test", 0):
        raise reader.refuse("is_test = 0 drops values; export the model for inference")
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
    if reader.opset < 7:
        reader.attribute(op, "broadcast")  # which it does in any case
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
    """A product with a matrix: each sample's last axis times one, or one times its last but one."""
    first, second = reader.operand(op, 0), reader.operand(op, 1)
    if isinstance(first, Value) and isinstance(second, np.ndarray) and second.ndim in (1, 2):
        columns = np.asarray(second, dtype=float).reshape(len(second), -1)
        if second.ndim == 2:
            along_last(reader, op, columns, first)
            return
        made = along_last(reader, op, columns, first, suffix=" of each")
        reader.add(op, Reshape(first.shape[:-1]), made)
        return
    if isinstance(second, Value) and isinstance(first, np.ndarray) and len(second.shape) > 1:
        rows = np.asarray(first, dtype=float)
        rows = rows[0] if rows.ndim == 3 and len(rows) == 1 else rows
        if rows.ndim == 2:
            axes = len(second.shape)
            swap = Transpose((*range(axes - 2), axes - 1, axes - 2))
            turned = reader.add(op, swap, second, suffix=" turned")
            made = along_last(reader, op, rows.T, turned, suffix=" of each")
            reader.add(op, swap, made)
            return
    shapes = [
        item.shape if isinstance(item, Value | np.ndarray) else None for item in (first, second)
    ]
    if isinstance(first, Value) and isinstance(second, Value):
        raise reader.refuse(
            "two values of the network multiplied as matrices; arrays hold constant ones"
        )
    raise reader.refuse(
        f"a product of {shapes[0]} with {shapes[1]}; expected samples and a matrix that is constant"
    )


def _batch_norm(reader: GraphReader, op: Any) -> None:
    value = reader.value(op)
    scale, bias, mean, variance = (reader.constant(op, k, "a statistic") for k in range(1, 5))
    if scale is None or bias is None or mean is None or variance is None:
        raise reader.refuse("it lacks one of scale, bias, mean and variance")
    if reader.opset < 7 and not reader.attribute(op, "is_test", 0):
        raise reader.refuse("is_test = 0 takes statistics from the batch; expected 1")
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
    if reader.opset < 7 and slope.size > 1:  # one a channel
        slope = np.reshape(slope, (-1, *[1] * (len(value.shape) - 1)))
    slopes = sample_constant(reader, slope, value)
    (value,) = (term for term in alike(reader, op, [value, slopes]) if isinstance(term, Value))
    reader.add(op, LeakyReLU(slopes), value)


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


def _zip_map(reader: GraphReader, op: Any) -> None:
    labels = _either(reader, op, "classlabels_int64s", "classlabels_strings")
    reader.classes = tuple(labels) if labels else reader.classes
    reader.known[op.output[0]] = reader.value(op)
    reader.remarks.append("the dictionary of probabilities is left out; its values are the outputs")


OF_WHOLE_NUMBERS = frozenset(
    (
        "Cast",
        "DepthToSpace",
        "DequantizeLinear",
        "Expand",
        "Flatten",
        "Gather",
        "Identity",
        "QLinearConv",
        "QLinearMatMul",
        "Reshape",
        "Slice",
        "SpaceToDepth",
        "Split",
        "Squeeze",
        "Tile",
        "Transpose",
        "Unsqueeze",
    )
)
"""Operations that leave whole numbers as they are, or take them as quantised ones."""

WITHOUT_EFFECT: dict[str, tuple[str | int, ...]] = {
    "ArgMax": ("keepdims", "select_last_index"),
    "BatchNormalization": ("momentum",),
    "Cast": ("saturate",),
    "Dropout": ("ratio", "seed", 1),
    "LinearClassifier": ("multi_class",),
    "MaxPool": ("storage_order",),
}
"""Attributes and inputs that change nothing of what is computed here; all others that are not
looked at are refused."""

OPERATIONS: dict[str, Callable[[GraphReader, Any], None]] = {
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Conv": windows.conv,
    "ConvTranspose": windows.conv_transpose,
    "QLinearConv": quantised.linear_conv,
    "QLinearMatMul": quantised.linear_matmul,
    "QuantizeLinear": quantised.quantise,
    "DequantizeLinear": quantised.dequantise,
    "MaxPool": windows.pool("max"),
    "AveragePool": windows.pool("average"),
    "GlobalAveragePool": windows.global_pool("average"),
    "GlobalMaxPool": windows.global_pool("max"),
    "ReduceMean": reductions.reduction("average"),
    "ReduceMax": reductions.reduction("max"),
    "ReduceMin": reductions.reduction("min"),
    "ReduceSum": reductions.reduction("sum"),
    "ReduceL1": reductions.reduction("sum", before=reductions.absolute),
    "ReduceL2": reductions.reduction("sum", before=reductions.square, after=reductions.root),
    "ReduceSumSquare": reductions.reduction("sum", before=reductions.square),
    "ReduceLogSum": reductions.reduction("sum", after=reductions.logarithm),
    "LayerNormalization": reductions.layer_norm,
    "RMSNormalization": lambda reader, op: reductions.layer_norm(reader, op, centre=False),
    "InstanceNormalization": lambda reader, op: reductions.group_norm(reader, op, each=True),
    "GroupNormalization": reductions.group_norm,
    "LRN": reductions.local_norm,
    "Resize": resize,
    "Upsample": resize,
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
    "Exp": plain(lambda: Elementary("exp")),
    "Log": plain(reductions.logarithm),
    "Sin": plain(lambda: Elementary("sin")),
    "Cos": plain(lambda: Elementary("cos")),
    "Sign": plain(lambda: Elementary("sign")),
    "Floor": plain(lambda: Elementary("floor")),
    "Ceil": plain(lambda: Elementary("ceil")),
    "Round": plain(lambda: Elementary("round")),
    "Sqrt": plain(reductions.root),
    "Reciprocal": plain(lambda: Power(np.full((), -1.0))),
    "Binarizer": lambda reader, op: void(
        reader.add(
            op,
            Threshold(np.full((), float(reader.attribute(op, "threshold", 0.0)))),
            reader.value(op),
        )
    ),
    "ThresholdedRelu": elementary.thresholded,
    "Swish": elementary.swish,
    "Where": elementary.where,
    "Max": elementary.extreme("max"),
    "Min": elementary.extreme("min"),
    "Clip": _clip,
    "Softmax": _softmax(False),
    "LogSoftmax": _softmax(True),
    "Flatten": shapes.flatten,
    "Reshape": shapes.reshape,
    "Transpose": shapes.transpose,
    "Squeeze": shapes.squeeze,
    "Unsqueeze": lambda reader, op: shapes.squeeze(reader, op, more=True),
    "BatchNormalization": _batch_norm,
    "Add": elementary.total,
    "Sum": elementary.total,
    "Mean": lambda reader, op: elementary.total(reader, op, mean=True),
    "Sub": elementary.difference,
    "Mul": elementary.product,
    "Div": elementary.quotient,
    "Pow": elementary.power,
    "Expand": shapes.expand,
    "Tile": shapes.tile,
    "DepthToSpace": shapes.depth_to_space,
    "SpaceToDepth": shapes.space_to_depth,
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
    "LpNormalization": reductions.norm,
    "ArrayFeatureExtractor": shapes.features,
    "ZipMap": _zip_map,
}
