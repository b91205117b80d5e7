"""Quantised operations of an ONNX graph: whole numbers with a step and a zero point, and what
multiplies them."""

from __future__ import annotations

from typing import Any

import numpy as np

from spicesnn.networks.arithmetic import Quantised
from spicesnn.networks.formats.onnx_graph import Constant, GraphReader, Value
from spicesnn.networks.formats.onnx_windows import along_last, convolved
from spicesnn.networks.nodes import Scale, Shape, Values

_TAKEN = ("uint8", "int8", "uint16", "int16")


def _placed(reader: GraphReader, op: Any, values: Constant, shape: Shape, place: int) -> Values:
    """A number, or one number a place of an axis of a sample, so that it broadcasts."""
    flat = np.asarray(values, dtype=float)
    if flat.size == 1:
        return flat.reshape(())
    if flat.ndim != 1 or place == 0 or flat.size != shape[place - 1]:
        raise reader.refuse(
            f"steps of shape {flat.shape} along axis {place} of samples {shape}; expected one, or"
            " one a place of one axis of a sample"
        )
    form = [1] * len(shape)
    form[place - 1] = flat.size
    return flat.reshape(form)


def _terms(
    reader: GraphReader, op: Any, number: int, shape: Shape
) -> tuple[Values, Values, np.dtype[Any]]:
    """Step and zero point (operands `number` and the next), and the type of the whole numbers."""
    step, zero = (
        reader.constant(op, number, "its step"),
        reader.constant(op, number + 1, "its zero"),
    )
    rank = len(shape) + 1
    if reader.attribute(op, "block_size", 0):
        raise reader.refuse("block_size: expected one step, or one a place of one axis")
    axis = int(reader.attribute(op, "axis", 1))
    place = reader.axis(op, axis, rank) if step is not None and np.size(step) > 1 else 1
    if step is None:
        raise reader.refuse("it lacks its step")
    told = int(reader.attribute(op, "output_dtype", 0))
    kind = np.dtype(np.uint8) if zero is None else zero.dtype
    kind = reader.numpy_type(told) if told and zero is None else kind
    if kind.name not in (*_TAKEN, "int32"):
        raise reader.refuse(f"whole numbers of type {kind.name}; expected {', '.join(_TAKEN)}")
    zeros = np.zeros(()) if zero is None else _placed(reader, op, zero, shape, place)
    return _placed(reader, op, step, shape, place), zeros, kind


def _range(kind: np.dtype[Any]) -> tuple[float, float]:
    found = np.iinfo(kind)
    return float(found.min), float(found.max)


def quantise(reader: GraphReader, op: Any) -> None:
    """QuantizeLinear of a value."""
    value = reader.value(op)
    step, zero, kind = _terms(reader, op, 1, value.shape)
    _single(reader, op)
    made = reader.add(op, Quantised(step, zero, *_range(kind)), value)
    reader.known[op.output[0]] = Value(made.node, made.shape, whole=True)


def _single(reader: GraphReader, op: Any) -> None:
    """Refuse a division of another precision than single."""
    if int(reader.attribute(op, "precision", 0)) not in (0, 1):
        raise reader.refuse("precision: expected 32-bit numbers")
    reader.attribute(op, "saturate")  # of 8-bit floating point alone


def dequantise(reader: GraphReader, op: Any) -> None:
    """DequantizeLinear of a value."""
    value = reader.value(op)
    step, zero, _ = _terms(reader, op, 1, value.shape)
    made = reader.add(op, Scale(step, -zero * step), value)
    reader.known[op.output[0]] = Value(made.node, made.shape)


def dequantised(reader: GraphReader, op: Any, values: Constant) -> Constant:
    """DequantizeLinear of a constant, whose first axis is no batch."""
    step, zero = reader.constant(op, 1, "its step"), reader.constant(op, 2, "its zero point")
    if step is None or reader.attribute(op, "block_size", 0):
        raise reader.refuse("it lacks its step, or has one a block; expected one, or one a place")
    axis = (
        reader.axis(op, int(reader.attribute(op, "axis", 1)), values.ndim) if step.size > 1 else 0
    )
    form = [1] * values.ndim
    if step.size > 1:
        form[axis] = -1
    over = np.zeros(()) if zero is None else np.asarray(zero, dtype=float)
    if over.size > 1:
        over = over.reshape(form)
    steps = np.asarray(step, dtype=float).reshape(form if step.size > 1 else ())
    return np.asarray((np.asarray(values, dtype=float) - over.reshape(over.shape or ())) * steps)


def linear_conv(reader: GraphReader, op: Any) -> None:
    """QLinearConv: a convolution of whole numbers less their zero points, quantised again."""
    _product(reader, op, convolution=True)


def linear_matmul(reader: GraphReader, op: Any) -> None:
    """QLinearMatMul: a product of whole numbers less their zero points, quantised again."""
    _product(reader, op, convolution=False)


def _product(reader: GraphReader, op: Any, *, convolution: bool) -> None:
    value = reader.value(op)
    names = ("x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero")
    given = {name: reader.constant(op, k, name) for k, name in enumerate(names, start=1)}
    lost = [name for name, item in given.items() if item is None]
    if lost:
        raise reader.refuse(f"it lacks {', '.join(lost)}")
    of = {name: np.asarray(item, dtype=float) for name, item in given.items()}
    single = ("x_scale", "x_zero", "y_scale", "y_zero")
    if any(of[name].size != 1 for name in single):
        raise reader.refuse("steps of inputs and outputs: expected one number each")
    kernel = of["w"]
    channels = len(kernel) if convolution else kernel.shape[-1]
    if kernel.ndim < 2 or any(of[name].size not in (1, channels) for name in ("w_scale", "w_zero")):
        raise reader.refuse(f"weights of shape {kernel.shape}: expected one step, or one an output")
    form = (-1, *[1] * (kernel.ndim - 1)) if convolution else (-1,)
    zero = of["w_zero"].reshape(form if of["w_zero"].size > 1 else ())
    step = float(of["x_scale"].reshape(())) * of["w_scale"].reshape(-1)
    weights = (kernel - zero) * step.reshape(form if step.size > 1 else ())
    shifted = reader.add(
        op,
        Scale(np.ones(()), np.full((), -float(of["x_zero"].reshape(())))),
        value,
        suffix=" less its zero point",
    )
    if convolution:
        bias = reader.constant(op, 8, "its bias")
        offsets = None if bias is None else np.asarray(bias, dtype=float) * step
        done = convolved(reader, op, weights, offsets, shifted, suffix=" sums")
    elif kernel.ndim == 2:
        done = along_last(reader, op, weights, shifted, suffix=" sums")
    else:
        raise reader.refuse(f"a product of samples {value.shape} with {kernel.shape}")
    kind = given["y_zero"].dtype  # type: ignore[union-attr]
    if kind.name not in _TAKEN:
        raise reader.refuse(f"whole numbers of type {kind.name}; expected {', '.join(_TAKEN)}")
    codes = Quantised(of["y_scale"].reshape(()), of["y_zero"].reshape(()), *_range(kind))
    made = reader.add(op, codes, done)
    reader.known[op.output[0]] = Value(made.node, made.shape, whole=True)
