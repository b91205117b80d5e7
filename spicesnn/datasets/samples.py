"""Samples and labels as they stand in a file, for networks that were trained elsewhere: nothing is
scaled or renamed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn import npz
from spicesnn.datasets import files, table
from spicesnn.errors import DataError

_SPELLINGS = (("x", "y"), ("features", "labels"), ("X", "y"))


def read(
    path: str | Path, *, label: str = "label", like: str | Path = ""
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Inputs (n, …) and labels (n,) of an npz file with ``x y`` (or ``features labels``), or of a
    CSV file with a column of labels; its columns stand in the order of another CSV file, `like`,
    where one is given.

    Raises
    ------
    DataError
        A file that is absent or damaged, inputs that are no finite real numbers, no or another
        number of labels, columns of other names than those of `like`.
    """
    path = Path(path)
    if path.suffix.lower() == ".npz":
        return _from_npz(path)
    if path.suffix.lower() == ".csv":
        found = files.read(path, label=label)[0]
        if Path(like).suffix.lower() == ".csv":
            found = table.in_order(found, files.read(like, label=label)[0], path)
        names = numbered(found.names)
        return found.features, names[found.labels]
    raise DataError(
        f"{path}: expected an .npz file with x and y, or a .csv file with a column {label!r}"
    )


def numbered(names: Sequence[str]) -> NDArray[Any]:
    """Classes as numbers where they all are whole numbers, else as they are."""
    return np.asarray([_number(name) for name in names])


def _number(name: str) -> int | str:
    try:
        return int(name) if float(name) == int(float(name)) else name
    except (ValueError, OverflowError):
        return name


def _from_npz(path: Path) -> tuple[NDArray[np.float64], NDArray[Any]]:
    arrays = npz.read(path)
    spelling = next((pair for pair in _SPELLINGS if pair[0] in arrays), None)
    if spelling is None:
        raise DataError(
            f"{path} has no array x; it has: {', '.join(list(arrays)[:8]) or 'none'}. Expected x"
            " (n, …) and y (n,)"
        )
    first, second = spelling
    if second not in arrays:
        raise DataError(f"{path} has {first}, but no labels {second}; expected one per sample")
    spare = [name for name in arrays if name not in (first, second)]
    if spare:
        raise DataError(
            f"{path} also has {', '.join(spare[:4])}, which stand for nothing here; expected only"
            f" {first} and {second}"
        )
    x, y = arrays[first], arrays[second]
    if x.dtype.kind not in "biuf" or x.ndim < 2 or not len(x):
        raise DataError(
            f"{path}: {first} has shape {x.shape} and type {x.dtype}; expected (n, …) real numbers"
        )
    if not np.all(np.isfinite(x)):
        raise DataError(
            f"{path}: {first}[{int(np.argwhere(~np.isfinite(x))[0][0])}] has a value that is not"
            " finite"
        )
    if y.shape != (len(x),) or y.dtype.kind not in "biuUf":
        raise DataError(
            f"{path}: {second} has shape {y.shape} and type {y.dtype}; expected ({len(x)},), one"
            " label a sample"
        )
    if y.dtype.kind in "bf":
        if not np.all(np.isfinite(y)) or np.any(y != np.rint(y)):
            raise DataError(
                f"{path}: {second} has labels that are no whole numbers; expected classes"
            )
        y = y.astype(np.int64)
    return x.astype(float), y
