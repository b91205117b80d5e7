"""Events in an npz file: arrays ``t``, ``x``, ``y`` and ``p``, an entry an event, or one array with
fields of these names.

Times that are whole numbers are microseconds, as cameras count them; times with a fraction are
seconds. Many samples stand in one file where ``sample`` (events,) says which sample an event is of,
and ``labels`` (samples,) its class.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn import npz
from spicesnn.datasets.recordings.base import (
    MICROSECONDS,
    Events,
    counted,
    joined,
    order_remarks,
    polarity,
    whole_numbers,
)
from spicesnn.errors import DataError

_TIMES = ("t", "ts", "time", "times", "timestamp", "timestamps")
_POLARITIES = ("p", "pol", "polarity")
_PLAIN = ("x", "y", "sample", "labels", "label")
_UNITS = {"s": 1.0, "ms": 1e3, "us": MICROSECONDS}


def arrays_of(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file under the names ``t x y p sample labels``; an empty table where
    they are no events.
    """
    found = npz.read(path)
    if len(found) == 1:
        only = next(iter(found.values()))
        if only.dtype.names:
            found = {name: only[name] for name in only.dtype.names}
    spelled = {}
    for name, values in found.items():
        key = (
            "t"
            if name in _TIMES
            else "p"
            if name in _POLARITIES
            else "labels"
            if name == "label"
            else name
        )
        if key in spelled:
            raise DataError(
                f"{path} has {name} and another array of the same meaning; expected one {key}"
            )
        spelled[key] = values
    if "t" not in spelled or "x" not in spelled:
        return {}
    spare = [name for name in found if name not in (*_TIMES, *_POLARITIES, *_PLAIN)]
    if spare:
        raise DataError(
            f"{path} also has {', '.join(spare[:4])}, which stand for nothing here; expected t, x, "
            "y, p, and sample with labels"
        )
    return spelled


def checked(path: Path, arrays: dict[str, NDArray[Any]], time_unit: str | None = None) -> Events:
    """Return all events of a file."""
    count = len(arrays["t"]) if arrays["t"].ndim == 1 else -1
    for name in ("t", "x", "y", "p", "sample"):
        if name in arrays and arrays[name].shape != (count,):
            raise DataError(
                f"{path}: {name} has shape {arrays[name].shape}; expected one number an event, as "
                f"t with shape {arrays['t'].shape}"
            )
    times = arrays["t"]
    if times.dtype.kind not in "iuf":
        raise DataError(
            f"{path}: t has type {times.dtype}; expected seconds, or whole numbers of microseconds"
        )
    unit = time_unit or ("s" if times.dtype.kind == "f" else "us")
    if unit not in _UNITS:
        raise DataError(f"time_unit is {unit!r:.20}; expected one of: {', '.join(_UNITS)}")
    t = times.astype(np.float64) / _UNITS[unit]
    if not np.all(np.isfinite(t)):
        raise DataError(
            f"{path}: t of event {int(np.flatnonzero(~np.isfinite(t))[0]):,} is not finite"
        )
    x = whole_numbers(path, "x", arrays["x"])
    y = whole_numbers(path, "y", arrays["y"]) if "y" in arrays else np.zeros_like(x)
    p = polarity(path, arrays["p"]) if "p" in arrays else np.ones(count, dtype=np.uint8)
    kind = (
        "" if time_unit else f" ({'numbers with a fraction' if unit == 's' else 'whole numbers'})"
    )
    said = f"npz arrays, times in {unit.replace('us', 'µs')}{kind}: {counted(count, 'event')}"
    remarks = [said] if "sample" in arrays else [said, *order_remarks(t)]
    return Events(t=t, x=x, y=y, p=p, polarities="p" in arrays, remarks=joined(remarks))


def samples_of(
    path: Path, arrays: dict[str, NDArray[Any]], events: Events
) -> tuple[list[Events], list[str]]:
    """Return the samples of a file, and the class of each.

    Raises
    ------
    DataError
        No labels, or events of a sample that has none.
    """
    if "sample" not in arrays or "labels" not in arrays:
        raise DataError(
            f"{path} is one recording without a class; expected sample (events,) and labels "
            "(samples,) in it, a folder of such files "
            "by class, or an HDF5 file of spike trains"
        )
    index, labels = whole_numbers(path, "sample", arrays["sample"]), arrays["labels"]
    if labels.ndim != 1 or labels.dtype.kind not in "iuU" or not len(labels):
        raise DataError(
            f"{path}: labels have shape {labels.shape} and type {labels.dtype}; expected one class "
            "a sample, (samples,)"
        )
    if len(index) and index.max() >= len(labels):
        at = int(np.flatnonzero(index >= len(labels))[0])
        raise DataError(
            f"{path}: event {at:,} is of sample {index[at]}, and there are labels for {len(labels)}"
        )
    order = np.argsort(index, kind="stable")
    edges = np.searchsorted(index[order], np.arange(len(labels) + 1))
    parts = []
    for k in range(len(labels)):
        rows = order[edges[k] : edges[k + 1]]
        parts.append(
            Events(
                t=events.t[rows],
                x=events.x[rows],
                y=events.y[rows],
                p=events.p[rows],
                polarities=events.polarities,
                remarks=events.remarks,
            )
        )
    return parts, [str(label) for label in labels.tolist()]
