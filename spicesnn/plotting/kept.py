"""What a `history.npz` may hold before anything is drawn from it: kinds, shapes and ranges of its
arrays, as a run leaves them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.errors import RunError

_MOST_ELEMENTS = 20_000_000
"""Of one array: what a picture is drawn from has a hundredth of it."""
_MOST_UPDATES = 10**9
_MOST_CLASSES = 5000
_MOST_LAYERS = 20

_REAL, _WHOLE, _TEXT = "fiub", "iub", "U"
_KINDS = {_REAL: "numbers", _WHOLE: "whole numbers", _TEXT: "text"}
_FORMS: tuple[tuple[str, str, tuple[str | int, ...]], ...] = (
    (r"saved_at|raster_steps|raster_label", _WHOLE, ()),
    (r"raster_step_s", _REAL, ()),
    (r"histogram_unit", _TEXT, ()),
    (r"config", _TEXT, ()),
    (r"class_names", _TEXT, ("classes",)),
    (r"predicted|labels", _WHOLE, ("test samples",)),
    (r"confusion", _WHOLE, ("true classes", "answers")),
    (r"spike_labels", _WHOLE, ("samples shown",)),
    (r"spike_times|output_amps", _REAL, ("samples shown", "output neurons")),
    (r"image_shape", _WHOLE, (2,)),
    (r"(conductance|weights)_after(_\d+)?", _REAL, ("", "")),
    (r"states", _REAL, ("", "", "*")),
    (r"outputs", _REAL, ("", "", "")),
    (r"directions", _WHOLE, ("", "", "")),
    (r"fields", _REAL, ("", "")),
    (r"theta_mv", _REAL, ("",)),
    (r"histogram_sides", _TEXT, (2,)),
    (r"histogram_names", _TEXT, ("layers",)),
    (r"spike_names", _TEXT, ("layers with spikes",)),
    (r"raster_names", _TEXT, ("layers of the raster",)),
    (r"raster_sizes", _WHOLE, ("layers of the raster",)),
    (r"histogram_\d+_(edges|before|after)", _REAL, ("",)),
    (r"spikes_\d+", _WHOLE, ("",)),
    (r"raster_\d+", _WHOLE, ("", 2)),
    (r"\w+_update", _WHOLE, ("",)),
    (r"(batch|verify)_error|batch_right|\w+_accuracy|(read|write|verify)_joule", _REAL, ("",)),
)
"""Name → kind, and length along each axis: a number, a word for lengths that agree wherever it
stands, nothing for any, * for any more axes."""
_FRACTIONS = re.compile(r"(\w+_)?accuracy|batch_right")
_NEVER_NEGATIVE = re.compile(
    r"(read|write|verify)_joule|pulses|conductance_after(_\d+)?|confusion|spikes_\d+|histogram_\d+_(before|after)|raster_\w+"
)
_MAY_BE_ENDLESS = ("spike_times",)


def checked_history(path: Path, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a `history.npz` if they are such as a run leaves.

    Raises
    ------
    RunError
        Names the first array that is not, and what was expected.
    """
    lengths: dict[str, tuple[int, str]] = {}
    for name, values in arrays.items():
        if (
            wrong := _form(name, values, lengths)
            or _values(name, values)
            or _partners(name, values, arrays)
        ):
            raise RunError(f"{path} is damaged: {name} {wrong}. Train again into a new folder")
    return dict(arrays)


def _form(name: str, values: NDArray[Any], lengths: dict[str, tuple[int, str]]) -> str:
    """Return what is wrong with the kind or the shape of an array; nothing if nothing is."""
    kind, shape = next(
        ((kind, shape) for pattern, kind, shape in _FORMS if re.fullmatch(pattern, name)),
        ("fiubUS", ("*",)),
    )
    if values.dtype.kind not in kind:
        return f"is of type {values.dtype}; expected {_KINDS.get(kind, 'numbers or text')}"
    if values.size > _MOST_ELEMENTS:
        return f"has {values.size:,} values; expected at most {_MOST_ELEMENTS:,}"
    least = len(shape) - ("*" in shape)
    if values.ndim < least or (values.ndim > least and "*" not in shape):
        return (
            f"has shape {values.shape}; expected {least}"
            f" {'axis' if least == 1 else 'axes'}{' or more' if '*' in shape else ''}"
        )
    for length, wanted in zip(values.shape, shape, strict=False):
        if isinstance(wanted, int):
            if length != wanted:
                return f"has shape {values.shape}; expected {wanted} values along its last axis"
        elif wanted not in ("", "*"):
            first, where = lengths.setdefault(wanted, (length, name))
            if first != length:
                return f"has {length} {wanted}, but {where} has {first}"
    return _too_many(lengths)


def _too_many(lengths: Mapping[str, tuple[int, str]]) -> str:
    for what, (length, _) in lengths.items():
        most = (
            _MOST_LAYERS
            if "layers" in what
            else _MOST_CLASSES
            if what in ("classes", "true classes", "answers")
            else None
        )
        if most is not None and length > most:
            return f"has {length:,} {what}; expected at most {most:,}"
    return ""


def _values(name: str, values: NDArray[Any]) -> str:
    """Return what is wrong with the values of an array; nothing if nothing is."""
    if values.dtype.kind not in _REAL or not values.size:
        return ""
    if _FRACTIONS.fullmatch(name):
        known = values[~np.isnan(values)]
        return (
            "" if np.all((known >= 0) & (known <= 1)) else "has fractions that are not from 0 to 1"
        )
    if name in _MAY_BE_ENDLESS:
        return "" if np.all(values >= 0) else "has times before 0"
    if not np.all(np.isfinite(values)):
        return "has values that are not finite"
    if float(np.max(np.abs(values.astype(float)))) > 1e30:
        return "has values beyond 1e30"
    if _NEVER_NEGATIVE.fullmatch(name) and np.any(values < 0):
        return "has values below 0"
    if name.endswith("_update") and (
        np.any(values < 0)
        or np.any(values > _MOST_UPDATES)
        or np.any(np.diff(values.astype(np.int64)) < 0)
    ):
        return f"is no rising count of updates up to {_MOST_UPDATES:,}"
    return ""


def _partners(name: str, values: NDArray[Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return what is wrong with an array beside the others; nothing if nothing is."""
    when = arrays.get(f"{name}_update")
    if when is not None and when.shape[:1] != values.shape[:1]:
        return f"has {values.shape[0]} values taken at {when.size} updates"
    if name.endswith("_update") and name.removesuffix("_update") not in arrays:
        return "has no values that were taken then"
    if (
        name in ("spike_labels", "labels")
        and "class_names" in arrays
        and np.any((values < -1) | (values >= arrays["class_names"].size))
    ):
        return f"has classes that are not among the {arrays['class_names'].size} of class_names"
    if name == "confusion" and values.shape[1] not in (values.shape[0], values.shape[0] + 1):
        return f"has shape {values.shape}; expected (classes, classes) or one column more"
    if name == "image_shape" and np.any(values < 1):
        return f"is {values.tolist()}; expected rows and columns above 0"
    return _lacking(name, values, arrays)


_COMPANIONS = {
    "histogram_names": (
        ("histogram_unit", "histogram_sides"),
        ("histogram_{}_edges", "histogram_{}_before", "histogram_{}_after"),
    ),
    "spike_names": ((), ("spikes_{}",)),
    "raster_names": (
        ("raster_sizes", "raster_step_s", "raster_steps", "raster_label"),
        ("raster_{}",),
    ),
    "spike_times": (("spike_labels", "class_names"), ()),
    "output_amps": (("spike_labels", "spike_times", "class_names"), ()),
    "batch_error": (("batch_right",), ()),
}
"""Array → what has to be there with it, once and for each of its entries."""


def _lacking(name: str, values: NDArray[Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    once, each = _COMPANIONS.get(name, ((), ()))
    wanted = [
        *once,
        *(other.format(k) for k in range(values.size if each else 0) for other in each),
    ]
    absent = [other for other in wanted if other not in arrays]
    if absent:
        return f"is there without {absent[0]}"
    if re.fullmatch(r"histogram_\d+_edges", name) and np.any(np.diff(values) <= 0):
        return "has edges that do not rise"
    if match := re.fullmatch(r"(histogram_\d+)_(before|after)", name):
        edges = arrays.get(f"{match[1]}_edges")
        if edges is None or edges.size != values.size + 1:
            return f"has {values.size} counts; expected one less than {match[1]}_edges"
    if re.fullmatch(r"spikes_\d+", name) and not values.size:
        return "is empty"
    if name == "raster_steps" and int(values) < 1:
        return f"is {int(values)}; expected 1 or more"
    if name == "raster_sizes" and np.any(values < 1):
        return f"is {values.tolist()}; expected 1 neuron or more of each layer"
    series = re.fullmatch(
        r"(test|train|chunk)_accuracy|batch_right|batch_error|states|outputs|(read|write)_joule",
        name,
    )
    return f"is there without {name}_update" if series and f"{name}_update" not in arrays else ""
