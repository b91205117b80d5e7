"""What the files of a run directory must be before anything believes them: of this run, of the
right kind, of a size that a run can have."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.errors import InputError, RunError

_LARGEST_TEXT = 16 << 20
"""No metrics.json of a run comes near so many bytes."""
_NOT_COMPUTED_WITH = ("versions", "preset", "description")
"""What of `run.toml` decides on no number."""
_FRACTIONS = (
    "test_accuracy",
    "train_accuracy",
    "software_accuracy",
    "uncompensated_accuracy",
    "mapped_accuracy",
    "ideal_accuracy",
    "converged_fraction",
)
_NEEDED = ("test_accuracy", "wall_s", "energy_joule")
_LISTS = ("accuracy_by_class", "weight_scale", "failed")
_TABLES = {
    "cost": {
        "layer": str,
        "component": str,
        "energy_joule": float,
        "area_m2": float,
        "solved": bool,
    },
    "layers": {
        "layer": str,
        "tiles": float,
        "weights_error": float,
        "full_scale": float,
        "largest_weight": float,
        "clipped_inputs": float,
        "clipped_outputs": float,
        "effective_bits": float,
    },
}
"""Lists of rows that a mapped network leaves: column → text, number (or nothing) or truth value."""
_MOST_ROWS = 10_000
_WORDS = ("preset", "engine", "run", "config_digest", "data", "solved_by")


def digest(tables: Mapping[str, Any]) -> str:
    """Return what the configuration of a `run.toml` amounts to; where its files lie does not
    count."""
    counted = {
        key: _without_folders(value)
        for key, value in tables.items()
        if key not in _NOT_COMPUTED_WITH
    }
    return hashlib.sha256(json.dumps(counted, sort_keys=True, default=str).encode()).hexdigest()


def _without_folders(value: Any) -> Any:
    """Return plain values with paths cut to their last part: a run that was moved, with its data,
    is the same run."""
    if isinstance(value, Mapping):
        return {key: _without_folders(entry) for key, entry in value.items()}
    return Path(value).name if isinstance(value, str) and "/" in value else value


def belongs(path: Path, stored: str, wanted: str) -> None:
    """Refuse a file that was saved with another configuration than that of the `run.toml` beside
    it."""
    if stored != wanted:
        raise RunError(
            f"{path} was saved with another configuration than that of run.toml; give each the one"
            " it belongs to"
        )


def sound_text(path: Path) -> str:
    """Return a text file of a size that can be."""
    with path.open("rb") as file:
        content = file.read(_LARGEST_TEXT + 1)
    if len(content) > _LARGEST_TEXT:
        raise RunError(
            f"{path} has more than {_LARGEST_TEXT >> 20} MB; no run leaves so much there. Train"
            " again into a new folder"
        )
    return content.decode("utf-8")


def plain_array(name: str, value: Any) -> NDArray[Any]:
    """Return what is to be written as an array; a mask or an imaginary part would be lost, and is
    refused."""
    if isinstance(value, np.ma.MaskedArray):
        raise InputError(
            f"{name} is a masked array, whose mask an .npz file loses; give an array without one,"
            f" such as {name}.filled(nan)"
        )
    array = np.asarray(value)
    if array.dtype.kind not in "biufUS":
        raise InputError(
            f"{name} is of type {array.dtype}; expected real numbers, truth values or text"
        )
    return array


def checked_metrics(path: Path, content: Any) -> dict[str, Any]:
    """Return the content of a `metrics.json` if its values are what a run can have left: numbers
    that are finite, fractions from 0 to 1.

    Raises
    ------
    RunError
        Names the first value that is not.
    """
    if not isinstance(content, dict):
        raise RunError(
            f"{path} is damaged: it contains a {type(content).__name__}; expected a table of"
            " values. Train again into a new folder"
        )
    for key, value in content.items():
        if expected := _wrong(key, value):
            raise RunError(
                f"{path} is damaged: {key} is {value!r:.60}; expected {expected}. Train again into"
                " a new folder"
            )
    if absent := [key for key in _NEEDED if key not in content]:
        raise RunError(f"{path} is damaged: it has no {absent[0]}. Train again into a new folder")
    return _Metrics(path, content)


class _Metrics(dict[str, Any]):
    """Values of a `metrics.json`; one that a reader needs and that is absent is named as damage."""

    def __init__(self, path: Path, content: Mapping[str, Any]) -> None:
        super().__init__(content)
        self._path = path

    def __missing__(self, key: str) -> Any:
        raise RunError(f"{self._path} is damaged: it has no {key}. Train again into a new folder")


def _wrong(key: str, value: Any) -> str:
    """Return what was expected in place of a value of `metrics.json`; nothing where it is right."""
    if key in _WORDS:
        return "" if isinstance(value, str) else "text"
    if key in _LISTS:
        return (
            ""
            if isinstance(value, list) and all(_is_number(entry) for entry in value)
            else "a list of numbers"
        )
    if key == "remarks":
        return (
            ""
            if isinstance(value, list) and all(isinstance(entry, str) for entry in value)
            else "a list of texts"
        )
    if key in _TABLES:
        return (
            ""
            if _is_table(value, _TABLES[key])
            else f"a list of rows with {', '.join(_TABLES[key])}"
        )
    if value is None and key in (
        "epochs_mean",
        "epochs_std",
    ):  # of many starts of which none converged
        return ""
    if isinstance(value, bool):
        return "" if key not in _FRACTIONS and key not in _NEEDED else "a number"
    if not _is_number(value):
        return "a finite number" if not isinstance(value, str) else "a number"
    if key in _FRACTIONS:
        return "" if 0 <= value <= 1 else "a fraction from 0 to 1"
    if key == "n_test":
        return "" if isinstance(value, int) and value > 0 else "a whole number above 0"
    if key in (
        "rows",
        "columns",
        "updates",
        "pulses",
        "reads",
        "epochs",
        "starts",
        "silent_or_tied",
        "seed",
    ):
        return (
            "" if float(value).is_integer() and value >= 0 else "a whole number, 0 or more"
        )  # streams add theirs up as floats
    return ""


def _is_table(value: Any, columns: Mapping[str, type]) -> bool:
    if not isinstance(value, list) or len(value) > _MOST_ROWS:
        return False
    rows_fit = all(isinstance(row, dict) and row.keys() == columns.keys() for row in value)
    return rows_fit and all(
        _fits(row[name], kind) for row in value for name, kind in columns.items()
    )


def _fits(value: Any, kind: type) -> bool:
    return value is None or _is_number(value) if kind is float else isinstance(value, kind)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
