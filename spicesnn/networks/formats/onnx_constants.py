"""Operations of an ONNX graph that compute constants: shapes for reshapes, weights folded by an
exporter."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from spicesnn.networks.formats.onnx_graph import Constant, GraphReader, Operand, Value

BATCH = -(1 << 30)
"""What stands for the batch's size in a shape; no size of a file is so far below 0."""
_LARGEST = 1 << 28


def computed(
    reader: GraphReader, operation: Any, operands: list[Operand | None]
) -> Constant | None:
    """The constant that an operation makes of constants (of a value's shape, for Shape); None where
    it is none of these operations."""
    name = operation.op_type
    if name == "Shape":
        if isinstance(operands[0], Value):
            sizes = [BATCH, *operands[0].shape]
        elif isinstance(operands[0], np.ndarray):
            sizes = list(operands[0].shape)
        else:
            return None
        begin, end = reader.attribute(operation, "start", 0), reader.attribute(operation, "end")
        return np.array(sizes[begin:end], dtype=np.int64)
    if name == "Constant":
        return _constant(reader, operation)
    arrays = [item for item in operands if isinstance(item, np.ndarray)]
    if not arrays:
        return None
    first = arrays[0]
    if name in ("Identity", "Dropout"):
        return first
    if name == "Cast":
        return _cast(reader, operation, first)
    if name == "ConstantOfShape":
        if np.any(first < 0) or math.prod(int(k) for k in first) > _LARGEST:
            raise reader.refuse(f"a constant of the shape {first.tolist()}")
        level = reader.attribute(operation, "value")
        return np.full(first.astype(int), 0.0 if level is None else reader.array(level).ravel()[0])
    if name == "Gather":
        return np.take(
            first, arrays[1].astype(int), axis=int(reader.attribute(operation, "axis", 0))
        )
    if name == "Concat":
        return np.concatenate(
            [np.atleast_1d(a) for a in arrays], axis=int(reader.attribute(operation, "axis", 0))
        )
    if name in ("Unsqueeze", "Squeeze"):
        axes = (
            reader.attribute(operation, "axes") if len(arrays) < 2 else arrays[1].ravel().tolist()
        )
        if name == "Unsqueeze":
            return np.expand_dims(first, tuple(axes))
        return np.squeeze(first, None if axes is None else tuple(axes))
    if name == "Transpose":
        return np.transpose(first, reader.attribute(operation, "perm"))
    if name == "Reshape":
        given = reader.attribute(operation, "shape", []) if len(arrays) < 2 else arrays[1].ravel()
        told = [int(k) for k in given]
        if BATCH in told:
            raise reader.refuse("a constant takes a shape with the batch's size, which is not said")
        if not reader.attribute(operation, "allowzero", 0):
            told = [first.shape[k] if size == 0 else size for k, size in enumerate(told)]
        return first.reshape(told)
    if name == "Slice":
        return _slice(reader, operation, first, operands)
    if name in ("Expand", "Tile"):
        return _repeated(reader, name, first, arrays[1])
    if name == "Range":
        return _range(reader, arrays)
    if name in ("Add", "Sub", "Mul", "Div") and len(arrays) == 2:
        return _arithmetic(reader, name, first, arrays[1])
    if name in _FUNCTIONS and len(arrays) == len(operands):
        if _knows_no_size(*arrays) and name not in ("Equal", "Where"):
            raise reader.refuse("it computes with the batch's size; expected samples kept apart")
        return _function(reader, name, arrays)
    if name == "DequantizeLinear":
        from spicesnn.networks.formats.onnx_quantised import dequantised

        return dequantised(reader, operation, first)
    return None


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Abs": np.abs,
    "Ceil": np.ceil,
    "Equal": np.equal,
    "Exp": np.exp,
    "Floor": np.floor,
    "Greater": np.greater,
    "Less": np.less,
    "Log": np.log,
    "Max": np.maximum,
    "Min": np.minimum,
    "Neg": np.negative,
    "Not": np.logical_not,
    "Pow": lambda a, b: np.asarray(a) ** np.asarray(b).astype(np.asarray(a).dtype),
    "Reciprocal": lambda a: 1.0 / a,
    "Sqrt": np.sqrt,
    "Where": np.where,
}


def _function(reader: GraphReader, name: str, arrays: list[Constant]) -> Constant:
    """A function of constants, value by value."""
    with np.errstate(all="ignore"):
        if name in ("Max", "Min"):
            made = arrays[0]
            for other in arrays[1:]:
                made = _FUNCTIONS[name](made, other)
        else:
            made = _FUNCTIONS[name](*arrays)
    return np.asarray(made)


def _repeated(reader: GraphReader, name: str, first: Constant, told: Constant) -> Constant:
    """A constant spread to a shape (Expand), or repeated along each axis (Tile)."""
    sizes = [int(k) for k in told.ravel()]
    if BATCH in sizes:
        if name == "Tile" or (first.ndim >= len(sizes) and first.shape[0] != 1):
            raise reader.refuse("a constant for each sample of a batch; expected one for all")
        sizes = [1 if k == BATCH else k for k in sizes]  # the same for all samples
    shape = (
        np.broadcast_shapes(first.shape, tuple(sizes))
        if name == "Expand"
        else tuple(a * b for a, b in zip(first.shape, sizes, strict=True))
    )
    if min(sizes, default=0) < 0 or math.prod(shape) > _LARGEST:
        raise reader.refuse(f"a constant of the shape {list(shape)}")
    return np.array(np.broadcast_to(first, shape)) if name == "Expand" else np.tile(first, sizes)


def _range(reader: GraphReader, arrays: list[Constant]) -> Constant:
    """Numbers from a first one by steps, up to a limit that is left out."""
    if _knows_no_size(*arrays):
        raise reader.refuse("numbers up to the batch's size; expected samples kept apart")
    first, limit, step = (item.reshape(()).item() for item in arrays)
    if step == 0 or abs((limit - first) / step) > _LARGEST:
        raise reader.refuse(f"numbers from {first} to {limit} by {step}")
    return np.asarray(np.arange(first, limit, step, dtype=arrays[0].dtype))


def _cast(reader: GraphReader, operation: Any, first: Constant) -> Constant:
    """Another type, as ONNX rounds: towards 0 from real to whole numbers."""
    kind = reader.element_type(operation)
    if _knows_no_size(first) and kind.kind not in "iu":
        raise reader.refuse("a number made of the batch's size; expected samples kept apart")
    return first.astype(kind)


def _slice(
    reader: GraphReader, operation: Any, first: Constant, operands: list[Operand | None]
) -> Constant:
    """Part of a constant; opsets below 10 say it by attributes."""
    told = [None if item is None else np.ravel(item).astype(int) for item in operands[1:]]  # type: ignore[arg-type]
    if not told:
        told = [
            None if given is None else np.asarray(given, dtype=int)
            for given in (reader.attribute(operation, name) for name in ("starts", "ends", "axes"))
        ]
    begins, ends, axes, steps = [*told, None, None, None, None][:4]
    if begins is None or ends is None:
        raise reader.refuse("it does not say where its part begins and ends")
    cut = [slice(None)] * first.ndim
    for k, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        axis = k if axes is None else int(axes[k])
        cut[axis] = slice(int(begin), int(end), 1 if steps is None else int(steps[k]))
    return first[tuple(cut)]


def _knows_no_size(*arrays: Constant) -> bool:
    """Whether one of them holds the batch's size, which a file does not know."""
    return any(array.dtype.kind in "iu" and bool(np.any(array == BATCH)) for array in arrays)


def _arithmetic(reader: GraphReader, name: str, first: Constant, second: Constant) -> Constant:
    """Constants added, subtracted, multiplied or divided; whole numbers divide towards 0."""
    if _knows_no_size(first, second):
        raise reader.refuse("it computes with the batch's size; expected samples kept apart")
    if name == "Div":
        if np.any(second == 0):
            raise reader.refuse("it divides by 0")
        if first.dtype.kind in "iu" and second.dtype.kind in "iu":
            return np.asarray(np.sign(first) * np.sign(second) * (abs(first) // abs(second)))
        return np.asarray(first / second)
    done = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply}[name](first, second)
    return np.asarray(done)


def _constant(reader: GraphReader, operation: Any) -> Constant:
    for item in operation.attribute:
        reader.asked.add(item.name)
        if item.name == "value":
            return reader.array(item.t)
        if item.name in ("value_float", "value_int", "value_floats", "value_ints"):
            return np.asarray(reader.onnx.helper.get_attribute_value(item))
    raise reader.refuse("a constant of a kind that is not taken")
