"""Resize and Upsample of ONNX: nearest places, linear and cubic interpolation, axis by axis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.networks.formats.onnx_graph import GraphReader, Value
from spicesnn.networks.nodes import Part, Reshape
from spicesnn.networks.resampling import Mixed

_PLACES = (
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_half_pixel_for_nn",
)
_NEAREST = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


def resize(reader: GraphReader, op: Any) -> None:
    """Another number of places along axes of each sample."""
    value = reader.value(op)
    old = op.op_type == "Upsample" or reader.opset < 11
    mode = reader.attribute(op, "mode", "nearest")
    way = (
        "asymmetric"
        if old
        else reader.attribute(op, "coordinate_transformation_mode", "half_pixel")
    )
    nearest = "floor" if old else reader.attribute(op, "nearest_mode", "round_prefer_floor")
    if mode not in ("nearest", "linear", "bilinear", "trilinear", "cubic") or way not in _PLACES:
        raise reader.refuse(
            f"mode {mode!r} with {way!r}; expected nearest, linear or cubic and one of"
            f" {', '.join(_PLACES)}"
        )
    if nearest not in _NEAREST:
        raise reader.refuse(f"nearest_mode is {nearest!r}; expected one of {', '.join(_NEAREST)}")
    if reader.attribute(op, "antialias", 0):
        raise reader.refuse("antialias = 1 is not taken; expected 0")
    reader.attribute(op, "extrapolation_value")  # of tf_crop_and_resize alone
    if op.op_type == "Resize" and reader.opset >= 11:
        reader.operand(op, 1)  # the region, of tf_crop_and_resize alone
    shape, rank = value.shape, len(value.shape) + 1
    scales, sizes = _wanted(reader, op, value)
    changed = [k for k in range(1, rank) if sizes[k] != shape[k - 1] or scales[k] != 1.0]
    if old and mode == "nearest" and any(scales[k] < 1 for k in changed):
        raise reader.refuse("fewer places, which runtimes of this opset pick differently")
    if way == "align_corners" and any(shape[k - 1] * scales[k] != sizes[k] for k in changed):
        raise reader.refuse(
            f"align_corners with scales {scales}, which make no whole sizes: runtimes place them"
            " differently; expected sizes"
        )
    cubic_a = float(reader.attribute(op, "cubic_coeff_a", -0.75))
    outside = bool(reader.attribute(op, "exclude_outside", 0))
    for k in changed:
        size = shape[k - 1]
        at = _coordinates(way, size, sizes[k], scales[k])
        if mode == "nearest":
            places = tuple(_nearest(nearest, at, size).tolist())
            value = reader.add(op, Part(k - 1, places), value, suffix=f" axis {k}")
            continue
        matrix = _cubic(at, size, cubic_a, outside) if mode == "cubic" else _linear(at, size)
        value = reader.add(op, Mixed(k - 1, matrix), value, suffix=f" axis {k}")
    reader.add(op, Reshape(value.shape), value)


def _wanted(reader: GraphReader, op: Any, value: Value) -> tuple[list[float], list[int]]:
    """Scale and size of each axis, the batch's included (1, and its own)."""
    scales: Any
    sizes: Any = None
    if op.op_type == "Upsample" and reader.opset < 9:
        scales = np.asarray(reader.attribute(op, "scales", []))
    elif op.op_type == "Upsample" or reader.opset < 11:
        scales = reader.constant(op, 1, "its scales")
    else:
        scales, sizes = reader.constant(op, 2, "its scales"), reader.constant(op, 3, "its sizes")
    rank = len(value.shape) + 1
    told = reader.attribute(op, "axes")
    axes = list(range(rank)) if told is None else [reader.axis(op, int(a), rank) for a in told]
    given = scales if scales is not None and np.size(scales) else sizes
    if given is None or np.size(given) != len(axes):
        raise reader.refuse(f"{np.size(given)} scales or sizes for {len(axes)} axes")
    full: list[float] = [1.0, *map(float, value.shape)]
    ratio, counts = [1.0] * rank, [1, *value.shape]
    numbers = [float(number) for number in np.ravel(np.asarray(given))]
    if given is sizes:
        policy = reader.attribute(op, "keep_aspect_ratio_policy", "stretch")
        if policy != "stretch":
            raise reader.refuse(f"keep_aspect_ratio_policy is {policy!r}; expected stretch")
        for axis, number in zip(axes, numbers, strict=True):
            if axis == 0:
                if number not in (1.0, float(reader.batch or 1)) and number >= 0:
                    raise reader.refuse("it would change the number of samples")
                continue
            ratio[axis], counts[axis] = number / full[axis], int(number)
    else:
        reader.attribute(op, "keep_aspect_ratio_policy")  # of sizes alone
        for axis, number in zip(axes, numbers, strict=True):
            # Runtimes multiply in single precision.
            ratio[axis] = number
            counts[axis] = math.floor(np.float32(full[axis]) * np.float32(number))
        if ratio[0] != 1.0:
            raise reader.refuse("it would change the number of samples")
    if any(not math.isfinite(r) or r <= 0 for r in ratio) or min(counts) < 1:
        raise reader.refuse(f"scales {ratio} make {counts}; expected one place or more an axis")
    return ratio, counts


def _coordinates(way: str, size: int, count: int, scale: float) -> NDArray[np.float64]:
    """Where each place of the output lies among those of the input."""
    k = np.arange(count, dtype=np.float64)
    if way == "asymmetric":
        return k / scale
    if way == "align_corners":
        return k * (size - 1) / (count - 1) if count > 1 else np.zeros(1)
    if way == "pytorch_half_pixel" and count == 1:
        return np.zeros(1)
    if way == "tf_half_pixel_for_nn":
        return (k + 0.5) / scale
    middle = 0.0
    if way == "half_pixel_symmetric":
        middle = size / 2 * (1.0 - count / (scale * size))
    return np.asarray(middle + (k + 0.5) / scale - 0.5)


def _nearest(mode: str, at: NDArray[np.float64], size: int) -> NDArray[np.int64]:
    """The nearest place of the input; coordinates are those of single precision."""
    at = np.asarray(at.astype(np.float32), dtype=float)
    found = {
        "floor": np.floor(at),
        "ceil": np.ceil(at),
        "round_prefer_floor": np.ceil(at - 0.5),
        "round_prefer_ceil": np.floor(at + 0.5),
    }[mode]
    return np.clip(found, 0, size - 1).astype(np.int64)


def _linear(at: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Weights of the two neighbours; beyond the ends the last place."""
    at = np.clip(at, 0.0, size - 1.0)
    low = np.minimum(np.floor(at).astype(np.int64), max(size - 2, 0))
    share = at - low
    matrix, rows = np.zeros((len(at), size)), np.arange(len(at))
    matrix[rows, low] += 1.0 - share
    matrix[rows, np.minimum(low + 1, size - 1)] += share
    return matrix


def _cubic(at: NDArray[np.float64], size: int, a: float, outside: bool) -> NDArray[np.float64]:
    """Weights of four neighbours (Keys, IEEE Trans. ASSP 29, 1153, 1981); beyond the ends the last
    place, or nothing (`outside`) and the others weighted up."""
    low = np.floor(at).astype(np.int64)
    matrix, rows = np.zeros((len(at), size)), np.arange(len(at))
    for step in range(-1, 3):
        d = np.abs(at - (low + step))
        near = ((a + 2) * d - (a + 3)) * d * d + 1
        far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
        weight = np.where(d <= 1, near, np.where(d < 2, far, 0.0))
        place = low + step
        if outside:
            weight = np.where((place >= 0) & (place < size), weight, 0.0)
        np.add.at(matrix, (rows, np.clip(place, 0, size - 1)), weight)
    return matrix / matrix.sum(axis=1, keepdims=True) if outside else matrix
