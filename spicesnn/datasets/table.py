"""A user's own data: a CSV or an npz file with features and labels."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spicesnn import npz
from spicesnn.errors import DataError

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Table:
    """Samples with features and classes.

    Attributes
    ----------
    features : (n, inputs) float
    labels : (n,) int
        Index into `names`.
    names : tuple of str
        The classes, sorted: numerically if all are numbers.
    feature_names : tuple of str
    """

    features: Floats
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    feature_names: tuple[str, ...]


def read(path: str | Path, *, label: str = "label") -> Table:
    """Return the samples of a CSV file (one line a sample, a header, one column of labels) or of an npz file (`features`, `labels`).

    Parameters
    ----------
    path : str | Path
        ``.csv`` or ``.npz``.
    label : str
        Name of the CSV column that holds the classes (numbers or words).

    Raises
    ------
    DataError
        Absent, damaged, not finite, no or one class; the message names the line. It does not repeat what stands there: the path may come from
        somebody else's run directory, and lead to any file.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is no file; expected a .csv or an .npz file")
    if path.suffix.lower() == ".npz":
        arrays = npz.read(path, ("features", "labels"))
        features, labels = np.asarray(arrays["features"]), np.asarray(arrays["labels"])
        if features.ndim < 2 or not (np.issubdtype(features.dtype, np.number) or features.dtype == bool) or np.iscomplexobj(features):
            raise DataError(f"{path}: features have shape {features.shape} and type {features.dtype}; expected (n, inputs) real numbers")
        if labels.shape != (len(features),):
            raise DataError(f"{path}: labels have shape {labels.shape}; expected ({len(features)},), one a sample")
        flat = features.reshape(len(features), -1).astype(float)
        words = [str(value) for value in labels.tolist()]
        return _table(path, flat, words, tuple(f"x{k}" for k in range(flat.shape[1])))
    if path.suffix.lower() == ".csv":
        return _read_csv(path, label)
    raise DataError(f"{path}: expected a .csv or an .npz file")


def _read_csv(path: Path, label: str) -> Table:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [line for line in csv.reader(file) if line and any(cell.strip() for cell in line)]
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"{path} cannot be read as a CSV file; expected text in UTF-8, values separated by commas") from None
    if len(lines) < 2:
        raise DataError(f"{path} has {len(lines)} line(s); expected a header and at least one sample")
    header = [name.strip() for name in lines[0]]
    if header.count(label) != 1:
        has = "no column" if label not in header else f"{header.count(label)} columns"
        raise DataError(f"{path} has {has} {label!r} among the {len(header)} of its header; name the column of classes with data.label")
    at = header.index(label)
    features, words = [], []
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            raise DataError(f"{path}, row {number}: {len(line)} values; expected {len(header)}, as in the header")
        words.append(line[at].strip())
        features.append([_number(cell, path, number, k + 1, label) for k, cell in enumerate(line) if k != at])
    return _table(path, np.array(features, dtype=float).reshape(len(words), -1), words, tuple(name for k, name in enumerate(header) if k != at))


def _number(cell: str, path: Path, row: int, column: int, label: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise DataError(f"{path}, row {row}, column {column}: no number; expected numbers in every column but {label!r}") from None


def _table(path: Path, features: Floats, words: list[str], feature_names: tuple[str, ...]) -> Table:
    if features.shape[1] == 0:
        raise DataError(f"{path} has no features; expected at least one column of numbers")
    if not np.all(np.isfinite(features)):
        row = int(np.argwhere(~np.isfinite(features))[0, 0])
        raise DataError(f"{path}, sample {row + 1} (of {len(features)}): a feature is not finite; fill in or leave out what is missing")
    if any(not word for word in words):
        raise DataError(f"{path}, sample {words.index('') + 1}: the label is empty")
    names = sorted(set(words), key=_sort_key)
    if len(names) < 2:
        raise DataError(f"{path} has only one class; expected two or more")
    index = {name: k for k, name in enumerate(names)}
    return Table(features=features, labels=np.array([index[word] for word in words]), names=tuple(names), feature_names=feature_names)


def _sort_key(word: str) -> tuple[float, str]:
    try:
        value = float(word)
    except ValueError:
        value = math.inf
    return (value if math.isfinite(value) else math.inf, word)
