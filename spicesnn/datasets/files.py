"""A user's own data in a file or a folder: which reader reads it is decided by its content and its
name."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spicesnn import npz
from spicesnn.datasets import idx, mnist, table
from spicesnn.datasets.recordings import reading
from spicesnn.datasets.table import Table
from spicesnn.errors import AbsentError, DataError
from spicesnn.file_kinds import what_is

Pair = tuple[Table, Table | None]
"""Training samples, and held-out samples where the data bring their own."""

KINDS = (
    "a .csv file; an .npz file with features and labels, x and y, or x_train, y_train, x_test and"
    " y_test; IDX images; or a folder like MNIST's"
)
_NAMES = (("features", "labels"), ("x", "y"), ("X", "y"))
_FOUR = ("x_train", "y_train", "x_test", "y_test")


def read(path: str | Path, *, label: str = "label") -> Pair:
    """Return the samples of a file or a folder.

    Parameters
    ----------
    path : str | Path
        A CSV file (`table.read_csv`); an npz file with ``features`` and ``labels``, ``x`` and
        ``y``, or ``x_train``, ``y_train``, ``x_test`` and ``y_test``; IDX images, plain or gzip,
        whose labels lie beside them under MNIST's names (``train-images-idx3-ubyte`` and
        ``train-labels-idx1-ubyte``); a folder with the four IDX files, as MNIST and Fashion-MNIST
        come.
    label : str
        The column of a CSV file that holds the classes.

    Raises
    ------
    DataError
        Absent, damaged, or none of these. What stands in a file is not repeated: the path may come
        from somebody else's run directory.
    """
    path = Path(path)
    if path.is_dir():
        return _read_folder(path)
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is no file; expected {KINDS}")
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return table.read_csv(path, label), None
    if suffix == ".npz":
        return _read_npz(path)
    if path.is_file() and idx.looks_like(path):
        return _read_idx(path, _labels_of(path)), None
    if not path.exists():
        raise AbsentError(f"there is no file {path}; expected {KINDS}")
    raise DataError(f"{path} is {what_is(path) or 'of no kind that is read'}; expected {KINDS}")


def parts(path: str | Path) -> list[Path]:
    """Return the files that are read: the file, with the labels of IDX images, the four of a
    folder, or its recordings by class."""
    path = Path(path)
    if path.is_dir():
        found = [mnist.idx_file(path, name) for name, _ in mnist.FILES.values()]
        return [file for file in found if file is not None] or reading.files_of(path)
    if path.is_file() and path.suffix.lower() not in (".csv", ".npz") and idx.looks_like(path):
        with suppress(DataError):
            return [path, _labels_of(path)]
    return [path] if path.is_file() else []


def read_classes(path: str | Path, *, label: str = "label") -> Table:
    """Return the samples of a file of one's own: what `spicesnn.datasets.files.read` reads, its
    training samples.

    Parameters
    ----------
    path : str | Path
        ``.csv``, ``.npz`` or IDX.
    label : str
        Name of the CSV column that holds the classes (numbers or words).

    Raises
    ------
    DataError
        Absent, damaged, not finite, no or one class; the message names the line. It does not repeat
        what stands there: the path may come from somebody else's run directory, and lead to any
        file.
    """
    found = read(path, label=label)[0]
    table.check_classes(found, path)
    return found


def _read_folder(folder: Path) -> Pair:
    found = {key: mnist.idx_file(folder, name) for key, (name, _) in mnist.FILES.items()}
    absent = [mnist.FILES[key][0] for key, file in found.items() if file is None]
    if absent:
        raise DataError(
            f"{folder} has no {absent[0]} (plain or .gz); expected the four files of a data set"
            " like MNIST"
        )
    files = {key: file for key, file in found.items() if file is not None}
    train, test = (_read_idx(files[f"x_{part}"], files[f"y_{part}"]) for part in ("train", "test"))
    return train, table.renamed(test, train, folder)


def _labels_of(images: Path) -> Path:
    name = images.name.replace("images", "labels").replace("idx3", "idx1")
    if name == images.name or not images.with_name(name).is_file():
        raise DataError(
            f"{images} has no labels beside it; expected a file like"
            f" {name if name != images.name else 'train-labels-idx1-ubyte'}"
        )
    return images.with_name(name)


def _read_idx(images: Path, labels: Path) -> Table:
    return _samples(images, idx.read(images), idx.read(labels))


def _read_npz(path: Path) -> Pair:
    arrays = npz.read(path)
    if all(name in arrays for name in _FOUR):
        train = _samples(path, arrays["x_train"], arrays["y_train"])
        return train, table.renamed(_samples(path, arrays["x_test"], arrays["y_test"]), train, path)
    for features, labels in _NAMES:
        if features in arrays and labels in arrays:
            _check_spare(path, [name for name in arrays if name not in (features, labels)])
            return _samples(path, arrays[features], arrays[labels], features, labels), None
    pairs = "; ".join(f"{features} and {labels}" for features, labels in _NAMES)
    raise DataError(
        f"{path} has {len(arrays)} arrays, but none of these pairs: {pairs}; or all of"
        f" {', '.join(_FOUR)}"
    )


def _check_spare(path: Path, names: list[str]) -> None:
    """Refuse arrays that are samples as well, and would be left out."""
    parts = ("test", "train", "val", "held")
    more = [name for name in names if any(part in name.lower() for part in parts)]
    more += [name for name in names if name in ("x", "y", "X", "features", "labels")]
    if more:
        raise DataError(
            f"{path} also has {len(more)} array(s) of samples that would be left out; expected one"
            f" pair, or {', '.join(_FOUR)}"
        )


def _samples(
    path: Path,
    features: NDArray[np.generic],
    labels: NDArray[np.generic],
    name: str = "the samples",
    other: str = "the labels",
) -> Table:
    if features.ndim < 2 or features.dtype.kind not in "biuf":
        raise DataError(
            f"{path}: {name} have shape {features.shape} and type {features.dtype}; expected (n,"
            " inputs) real numbers"
        )
    if labels.shape != (len(features),):
        raise DataError(
            f"{path}: {other} have shape {labels.shape}; expected ({len(features)},), one per sample"
        )
    flat = features.reshape(len(features), -1)
    shape = tuple(features.shape[1:]) if features.ndim > 2 else ()
    words = [str(value) for value in labels.tolist()]
    kept = flat if flat.dtype == np.uint8 else flat.astype(float)
    return table.of_words(path, kept, words, (), shape)
