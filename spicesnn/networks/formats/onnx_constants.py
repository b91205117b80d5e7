"""Operations of an ONNX graph that compute constants: shapes for reshapes, weights folded by an
exporter."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spicesnn.networks.formats.onnx_graph import Constant, GraphReader, Operand, Value

BATCH = -1
"""What stands for the batch's size in a shape."""
_LARGEST = 1 << 28


def computed(
    reader: GraphReader, operation: Any, operands: list[Operand | None]
) -> Constant | None:
    """The constant that an operation makes of constants (of a value's shape, for Shape); None where
    it is none of these operations."""
    name = operation.op_type
    if name == "Shape":
        if isinstance(operands[0], Value):
            return np.array([BATCH, *operands[0].shape])
        return np.array(np.shape(operands[0])) if isinstance(operands[0], np.ndarray) else None
    if name == "Constant":
        return _constant(reader, operation)
    arrays = [item for item in operands if isinstance(item, np.ndarray)]
    if not arrays:
        return None
    first = arrays[0]
    if name == "ConstantOfShape":
        if np.any(first < 0) or math.prod(int(k) for k in first) > _LARGEST:
            raise reader.refuse(f"a constant of the shape {first.tolist()}")
        level = reader.attribute(operation, "value")
        return np.full(first.astype(int), 0.0 if level is None else reader.array(level).ravel()[0])
    if name in ("Identity", "Cast", "Dropout"):
        return first
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
        return first.reshape([int(k) for k in arrays[1].ravel()])
    if name == "Slice" and len(arrays) >= 3:
        axes = arrays[3].ravel() if len(arrays) > 3 else range(len(arrays[1].ravel()))
        steps = arrays[4].ravel() if len(arrays) > 4 else np.ones(len(arrays[1].ravel()), dtype=int)
        cut = [slice(None)] * first.ndim
        for axis, begin, end, step in zip(
            axes, arrays[1].ravel(), arrays[2].ravel(), steps, strict=True
        ):
            cut[int(axis)] = slice(int(begin), int(end), int(step))
        return first[tuple(cut)]
    if name in ("Add", "Sub", "Mul", "Div") and len(arrays) == 2:
        if BATCH in first and name != "Add" and first.dtype.kind in "iu":
            return None  # arithmetic with the batch's size
        return {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}[name](
            first, arrays[1]
        )
    return None


def _constant(reader: GraphReader, operation: Any) -> Constant:
    for item in operation.attribute:
        if item.name == "value":
            return reader.array(item.t)
        if item.name in ("value_float", "value_int", "value_floats", "value_ints"):
            return np.asarray(reader.onnx.helper.get_attribute_value(item))
    raise reader.refuse("a constant of a kind that is not taken")
