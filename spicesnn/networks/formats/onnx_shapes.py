"""Operations of an ONNX graph that move values about: shapes, parts, order of axes, padding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spicesnn.networks.formats.onnx_constants import BATCH
from spicesnn.networks.formats.onnx_elementary import sample_constant
from spicesnn.networks.formats.onnx_graph import GraphReader, Value
from spicesnn.networks.nodes import Embed, Pad, Part, Repeated, Reshape, Scale, Transpose

_TO_THE_END = (1 << 31) - 1
"""An end of a slice from here on is that of the axis, however long."""


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
    """Values, and constants, one after the other along an axis."""
    given = [reader.operand(op, k) for k in range(len(op.input))]
    operands = [item for item in given if isinstance(item, Value | np.ndarray)]
    first = next((item for item in operands if isinstance(item, Value)), None)
    if first is None or len(operands) != len(given):
        raise reader.refuse("expected values of the network and constants")
    axis = reader.axis(op, int(reader.attribute(op, "axis", 1)), len(first.shape) + 1)
    if axis == 0:
        raise reader.refuse("it would join samples of different inputs")
    terms = [
        sample_constant(reader, item, first) if isinstance(item, np.ndarray) else item
        for item in operands
    ]
    shapes = [term.shape for term in terms]
    if len({(*s[: axis - 1], *s[axis:]) for s in shapes}) > 1 or len({*map(len, shapes)}) > 1:
        raise reader.refuse(f"pieces of shapes {', '.join(map(str, shapes))} along axis {axis}")
    total, begin, pieces = sum(shape[axis - 1] for shape in shapes), 0, []
    offset = np.zeros((*first.shape[: axis - 1], total, *first.shape[axis:]))
    fixed = False
    for number, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        end = begin + shape[axis - 1]
        if isinstance(term, Value):
            place = Embed(axis - 1, begin, total)
            pieces.append(reader.add(op, place, term, suffix=f" part {number}"))
        else:
            offset[(*[slice(None)] * (axis - 1), slice(begin, end))] = term
            fixed = True
        begin = end
    reader.add(op, Scale(np.ones(()), offset if fixed else None), *pieces)


def pad(reader: GraphReader, op: Any) -> None:
    """A constant, the edge, a reflection or the other end around each sample; numbers below 0 cut
    off."""
    value = reader.value(op)
    mode = reader.attribute(op, "mode", "constant")
    if mode not in ("constant", "edge", "reflect", "wrap"):
        raise reader.refuse(f"mode is {mode!r}; expected constant, edge, reflect or wrap")
    given = reader.constant(op, 1, "its padding")
    told = [int(k) for k in (reader.attribute(op, "pads", []) if given is None else given.ravel())]
    level, along = reader.constant(op, 2, "its value"), reader.constant(op, 3, "its axes")
    rank = len(value.shape) + 1
    axes = list(range(rank)) if along is None else [reader.axis(op, int(a), rank) for a in along]
    if len(told) != 2 * len(axes) or len(set(axes)) != len(axes):
        raise reader.refuse(f"padding {told} of axes {axes}; expected two numbers an axis")
    pairs = {
        axis: (told[k], told[k + len(axes)])
        for k, axis in enumerate(axes)
        if told[k] or told[k + len(axes)]
    }
    if 0 in pairs:
        raise reader.refuse(f"padding {told} of samples {value.shape}; expected none for the batch")
    number = (
        float(reader.attribute(op, "value", 0.0))
        if level is None
        else float(np.asarray(level).reshape(()))
    )
    for axis, (before, after) in pairs.items():
        size, more = value.shape[axis - 1], (max(before, 0), max(after, 0))
        places = np.arange(size)[max(-before, 0) : size - max(-after, 0)]
        if mode != "constant" and any(more):
            if not places.size or (mode == "reflect" and max(more) >= places.size):
                raise reader.refuse(
                    f"{mode} by {(before, after)} of {size} places; expected less than there are"
                )
            places = np.pad(places, more, mode=mode)
        if len(places) != size or mode != "constant":
            value = reader.add(
                op, Part(axis - 1, tuple(places.tolist())), value, suffix=f" axis {axis}"
            )
    around = [(0, 0)] * (rank - 1)
    if mode == "constant":
        for axis, (before, after) in pairs.items():
            around[axis - 1] = (max(before, 0), max(after, 0))
    reader.add(op, Pad(tuple(around), number), value)


def expand(reader: GraphReader, op: Any) -> None:
    """Each sample repeated along its axes of size 1."""
    value, told = reader.value(op), reader.constant(op, 1, "its shape")
    if told is None:
        raise reader.refuse("it lacks its shape")
    target, rank = [int(k) for k in told.ravel()], len(value.shape) + 1
    target = [1] * (rank - len(target)) + target
    if len(target) != rank or target[0] not in (1, BATCH, reader.batch or 1):
        raise reader.refuse(
            f"samples of shape {value.shape} become {target}; expected the batch axis to stay"
        )
    shape = tuple(max(a, b) for a, b in zip(value.shape, target[1:], strict=True))
    if any(size not in (a, 1) for size, a in zip(target[1:], shape, strict=True)):
        raise reader.refuse(f"samples of shape {value.shape} cannot become {target}")
    reader.add(op, Repeated(shape), value)


def tile(reader: GraphReader, op: Any) -> None:
    """Each sample repeated as a whole along its axes."""
    value, told = reader.value(op), reader.constant(op, 1, "its repeats")
    times = [] if told is None else [int(k) for k in told.ravel()]
    if len(times) != len(value.shape) + 1 or times[0] != 1 or min(times) < 1:
        raise reader.refuse(f"repeats {times} of samples {value.shape}; expected 1 for the batch")
    for axis, count in enumerate(times[1:]):
        if count > 1:
            places = tuple(range(value.shape[axis])) * count
            value = reader.add(op, Part(axis, places), value, suffix=f" axis {axis + 1}")
    reader.add(op, Reshape(value.shape), value)


def depth_to_space(reader: GraphReader, op: Any) -> None:
    """Channels become blocks of an image."""
    value, block = reader.value(op), int(reader.attribute(op, "blocksize", 0))
    mode = reader.attribute(op, "mode", "DCR")
    if (
        len(value.shape) != 3
        or block < 1
        or value.shape[0] % (block * block)
        or mode not in ("DCR", "CRD")
    ):
        raise reader.refuse(f"blocks of {block} ({mode!r}) of samples {value.shape}")
    channels, height, width = value.shape
    left = channels // (block * block)
    apart = (block, block, left) if mode == "DCR" else (left, block, block)
    order = (2, 3, 0, 4, 1) if mode == "DCR" else (0, 3, 1, 4, 2)
    one = reader.add(op, Reshape((*apart, height, width)), value, suffix=" in blocks")
    two = reader.add(op, Transpose(order), one, suffix=" in place")
    reader.add(op, Reshape((left, height * block, width * block)), two)


def space_to_depth(reader: GraphReader, op: Any) -> None:
    """Blocks of an image become channels."""
    value, block = reader.value(op), int(reader.attribute(op, "blocksize", 0))
    if len(value.shape) != 3 or block < 1 or any(size % block for size in value.shape[1:]):
        raise reader.refuse(f"blocks of {block} of samples {value.shape}")
    mode = reader.attribute(op, "mode", "DCR")
    if mode not in ("DCR", "CRD"):
        raise reader.refuse(f"mode is {mode!r}; expected DCR or CRD")
    channels, height, width = value.shape
    apart = (channels, height // block, block, width // block, block)
    order = (2, 4, 0, 1, 3) if mode == "DCR" else (0, 2, 4, 1, 3)
    one = reader.add(op, Reshape(apart), value, suffix=" in blocks")
    two = reader.add(op, Transpose(order), one, suffix=" in place")
    reader.add(op, Reshape((channels * block * block, height // block, width // block)), two)


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
    for begin, end, axis, step in zip(np.ravel(begins), np.ravel(ends), along, stride, strict=True):
        place = reader.axis(op, int(axis), len(value.shape) + 1)
        whole = int(begin) == 0 and int(end) >= _TO_THE_END and int(step) == 1
        if place == 0 and not whole:
            raise reader.refuse("it would take some samples and leave others")
        if whole:
            continue
        kept = tuple(range(value.shape[place - 1])[int(begin) : int(end) : int(step)])
        value = reader.add(op, Part(place - 1, kept), value, suffix=f" axis {place}")
    reader.known[op.output[0]] = value


def gather(reader: GraphReader, op: Any) -> None:
    """Places of each sample along an axis."""
    value, places = reader.value(op), reader.constant(op, 1, "its places")
    axis = reader.axis(op, int(reader.attribute(op, "axis", 0)), len(value.shape) + 1)
    if places is None or axis == 0:
        raise reader.refuse("expected places of each sample that are constant")
    size = value.shape[axis - 1]
    kept = tuple(int(k) + size if k < 0 else int(k) for k in np.ravel(places))
    if places.ndim == 1:
        reader.add(op, Part(axis - 1, kept), value)
        return
    one = reader.add(op, Part(axis - 1, kept), value, suffix=" places")
    shape = (*value.shape[: axis - 1], *places.shape, *value.shape[axis:])
    reader.add(op, Reshape(shape), one)


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
