"""Operations of an ONNX graph that move values about: shapes, parts, order of axes, padding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spicesnn.networks.formats.onnx_constants import BATCH
from spicesnn.networks.formats.onnx_graph import GraphReader
from spicesnn.networks.nodes import Embed, Pad, Part, Reshape, Scale, Transpose


def flatten(reader: GraphReader, op: Any) -> None:
    """Each sample as one axis."""
    if reader.attribute(op, "axis", 1) not in (1, -len(reader.value(op).shape)):
        raise reader.refuse(
            f"axis is {reader.attribute(op, 'axis', 1)}; expected 1, which keeps samples apart"
        )
    value = reader.value(op)
    if len(value.shape) == 1:
        reader.known[op.output[0]] = value
        return
    reader.add(op, Reshape((math.prod(value.shape),)), value)


def reshape(reader: GraphReader, op: Any) -> None:
    """Another shape of each sample."""
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


def squeeze(reader: GraphReader, op: Any, *, more: bool = False) -> None:
    """Axes of size 1 taken away, or put in (`more`)."""
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


def transpose(reader: GraphReader, op: Any) -> None:
    """Another order of the axes of a sample."""
    value = reader.value(op)
    order = reader.attribute(op, "perm", list(range(len(value.shape), -1, -1)))
    if order[0] != 0:
        raise reader.refuse(f"perm is {order}; expected the batch axis to stay first")
    reader.add(op, Transpose(tuple(k - 1 for k in order[1:])), value)


def concat(reader: GraphReader, op: Any) -> None:
    """Values one after the other along an axis."""
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


def pad(reader: GraphReader, op: Any) -> None:
    """A constant around each sample."""
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


def part(reader: GraphReader, op: Any) -> None:
    """Part of each sample; opsets below 10 say it by attributes."""
    value = reader.value(op)
    if len(op.input) > 1:
        told = [reader.constant(op, k, "where it begins and ends") for k in range(1, len(op.input))]
    else:
        told = [
            None if given is None else np.asarray(given)
            for given in (reader.attribute(op, name) for name in ("starts", "ends", "axes"))
        ]
    begins, ends, axes, steps = [*told, None, None][:4]
    if begins is None or ends is None:
        raise reader.refuse("it does not say where its part begins and ends")
    count = np.size(begins)
    along = np.arange(count) if axes is None else np.ravel(axes)
    stride = np.ones(count, dtype=int) if steps is None else np.ravel(steps)
    cuts = list(zip(np.ravel(begins), np.ravel(ends), along, stride, strict=True))
    for number, (begin, end, axis, step) in enumerate(cuts):
        place = reader.axis(op, int(axis), len(value.shape) + 1)
        last = number == len(cuts) - 1
        if place == 0:
            raise reader.refuse("it would take some samples and leave others")
        kept = tuple(range(value.shape[place - 1])[int(begin) : int(end) : int(step)])
        value = reader.add(
            op, Part(place - 1, kept), value, suffix="" if last else f" part {number}"
        )


def gather(reader: GraphReader, op: Any) -> None:
    """Places of each sample along an axis."""
    value, places = reader.value(op), reader.constant(op, 1, "its places")
    axis = reader.axis(op, int(reader.attribute(op, "axis", 0)), len(value.shape) + 1)
    if places is None or places.ndim > 1 or axis == 0:
        raise reader.refuse("expected one place, or a list of places, of each sample")
    size = value.shape[axis - 1]
    kept = tuple(int(k) + size if k < 0 else int(k) for k in np.ravel(places))
    if places.ndim:
        reader.add(op, Part(axis - 1, kept), value)
        return
    one = reader.add(op, Part(axis - 1, kept), value, suffix=" place")
    reader.add(op, Reshape((*value.shape[: axis - 1], *value.shape[axis:])), one)


def features(reader: GraphReader, op: Any) -> None:
    """Places along the last axis, as scikit-learn's converter takes columns."""
    value, places = reader.value(op), reader.constant(op, 1, "its places")
    if places is None:
        raise reader.refuse("it lacks its places")
    reader.add(op, Part(len(value.shape) - 1, tuple(int(k) for k in places.ravel())), value)


def split(reader: GraphReader, op: Any) -> None:
    """Parts of each sample, one an output."""
    value, told = reader.value(op), reader.constant(op, 1, "its sizes")
    axis = reader.axis(op, int(reader.attribute(op, "axis", 0)), len(value.shape) + 1)
    if axis == 0:
        raise reader.refuse("it would part samples from each other")
    size, count = value.shape[axis - 1], len(op.output)
    given = reader.attribute(op, "split") if told is None else np.ravel(told).tolist()
    if given is None:
        if int(reader.attribute(op, "num_outputs", count)) != count:
            raise reader.refuse(f"num_outputs is not its number of outputs, {count}")
        each = -(-size // count)
        given = [min(each, max(size - k * each, 0)) for k in range(count)]
    if sum(given) != size or len(given) != count or min(given) < 1:
        raise reader.refuse(f"sizes {list(given)} of {count} outputs for {size} places")
    begin = 0
    for number, length in enumerate(map(int, given)):
        if op.output[number]:
            made = reader.add(
                op,
                Part(axis - 1, tuple(range(begin, begin + length))),
                value,
                suffix=f" part {number}",
            )
            reader.known[op.output[number]] = made
        begin += length
