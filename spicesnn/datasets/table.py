"""A user's own data as a table: samples with features and classes, and the CSV files that hold
them."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.errors import DataError
from spicesnn.file_kinds import unreadable


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Table:
    """Samples with features and classes.

    Attributes
    ----------
    features : (n, inputs)
        float, or uint8 where the file has bytes.
    labels : (n,) int
        Index into `names`.
    names : tuple of str
        The classes, sorted: numerically if all are numbers.
    feature_names : tuple of str
        Of the columns; empty where nothing names them.
    shape : tuple of int
        Rows and columns (and channels) of a sample that is an image; empty where features are no
        image.
    """

    features: NDArray[Any]
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    feature_names: tuple[str, ...]
    shape: tuple[int, ...] = ()


_SEPARATORS = (",", ";", "\t")
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d*,\d+([eE][-+]?\d+)?\s*")


def read_csv(path: Path, label: str = "label") -> Table:
    """Return the samples of a CSV file: a header, one line a sample, one column of classes. Values
    are separated by commas; or by semicolons or tabs, with decimal points or commas."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            text = file.read()
        lines, separator = _lines(text, label)
    except OSError as error:
        raise unreadable(path, error, "a CSV file") from None
    except (UnicodeDecodeError, csv.Error):
        raise DataError(
            f"{path} cannot be read as a CSV file; expected text in UTF-8, values separated by"
            " commas, semicolons or tabs"
        ) from None
    if len(lines) < 2:
        raise DataError(
            f"{path} has {len(lines)} line(s); expected a header and at least one sample"
        )
    header = [name.strip() for name in lines[0]]
    if label not in header and all(_is_number(name) for name in header):
        raise DataError(
            f"{path} has {len(header)} number(s) in its first line; expected a header that names"
            f" the columns, the one of classes {label!r} (or as data.label says)"
        )
    if header.count(label) != 1:
        has = "no column" if label not in header else f"{header.count(label)} columns"
        raise DataError(
            f"{path} has {has} {label!r} among the {len(header)} of its header; name the column of"
            " classes with data.label"
        )
    at = header.index(label)
    if "" in header:
        raise DataError(
            f"{path}: column {header.index('') + 1} has no name in the header; expected one for each"
            " (pandas writes row numbers there: leave them out with index=False)"
        )
    features, words = [], []
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            raise DataError(
                f"{path}, row {number}: {len(line)} values; expected {len(header)}, as in the"
                " header"
            )
        words.append(line[at].strip())
        features.append(
            [
                _number(_pointed(cell, separator), path, number, k + 1, label)
                for k, cell in enumerate(line)
                if k != at
            ]
        )
    numbers = np.array(features, dtype=float).reshape(len(words), -1)
    return of_words(path, numbers, words, tuple(name for k, name in enumerate(header) if k != at))


def _lines(text: str, label: str) -> tuple[list[list[str]], str]:
    """The lines that are not empty, and their separator: one that leaves the label a column."""
    found: dict[str, list[list[str]]] = {}
    for separator in _SEPARATORS:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        found[separator] = [row for row in rows if row and any(cell.strip() for cell in row)]
        if found[separator] and label in [name.strip() for name in found[separator][0]]:
            return found[separator], separator
    widest = max(found, key=lambda each: len(found[each][0]) if found[each] else 0)
    return found[widest], widest


def _pointed(cell: str, separator: str) -> str:
    """A number with a decimal comma as one with a point, where commas separate nothing."""
    if separator != "," and _DECIMAL_COMMA.fullmatch(cell):
        return cell.replace(",", ".")
    return cell


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(cell: str, path: Path, row: int, column: int, label: str) -> float:
    try:
        return float(cell.replace("_", "?"))  # Python passes over underscores
    except ValueError:
        raise DataError(
            f"{path}, row {row}, column {column}: no number; expected numbers in every column but"
            f" {label!r}"
        ) from None


def of_words(
    path: Path,
    features: NDArray[Any],
    words: Sequence[str],
    feature_names: tuple[str, ...],
    shape: tuple[int, ...] = (),
) -> Table:
    """Return checked samples.

    Parameters
    ----------
    path : Path
        For messages.
    features : (n, inputs)
    words : (n,) text
        The class of each sample.
    feature_names : (inputs,) text
        Empty where nothing names them.
    shape : tuple of int
        Of one sample, where it is an image.

    Raises
    ------
    DataError
        No features, not finite, no label.
    """
    if features.size == 0:
        raise DataError(
            f"{path} has no features; expected at least one column of numbers, and one sample"
        )
    if not np.all(np.isfinite(features)):
        row = int(np.argwhere(~np.isfinite(features))[0, 0])
        raise DataError(
            f"{path}, sample {row + 1} (of {len(features)}): a feature is not finite; fill in or"
            " leave out what is missing"
        )
    if any(not word for word in words):
        raise DataError(f"{path}, sample {list(words).index('') + 1}: the label is empty")
    words = _without_points(words)
    names = sorted_classes(words)
    index = {name: k for k, name in enumerate(names)}
    return Table(
        features=features,
        labels=np.array([index[word] for word in words]),
        names=names,
        feature_names=feature_names,
        shape=shape,
    )


def sorted_classes(words: Sequence[str]) -> tuple[str, ...]:
    """The classes among words, sorted: numerically where they are numbers."""
    return tuple(sorted(set(words), key=_sort_key))


def _without_points(words: Sequence[str]) -> Sequence[str]:
    """Return classes that are whole numbers without the point and the exponent that a program has
    written: 1.0 and 1e0 are class 1."""
    short: dict[str, str] = {}
    for word in set(words):
        try:
            value = float(word)
        except ValueError:
            return words
        if not value.is_integer() or abs(value) > _EXACT:
            return words
        short[word] = str(int(value))
    return [short[word] for word in words] if len(set(short.values())) == len(short) else words


_EXACT = 2**53


def check_classes(found: Table, path: str | Path) -> None:
    """Raise `DataError` for samples that are all of one class: there is nothing to learn."""
    if len(found.names) < 2:
        raise DataError(f"{path} has only one class; expected two or more")


def renamed(test: Table, train: Table, path: Path) -> Table:
    """Return held-out samples whose labels count the classes of the training samples, and whose
    columns stand in the order of theirs, by their names.

    Raises
    ------
    DataError
        Another number of features, columns of other names, or a class that no training sample has.
    """
    if test.features.shape[1] != train.features.shape[1] or (
        test.shape and train.shape and test.shape != train.shape
    ):
        sizes = (
            f"{test.features.shape[1]} features a sample; the training samples have"
            f" {train.features.shape[1]}"
        )
        raise DataError(f"{path}: the held-out samples have {sizes}")
    if not set(test.names) <= set(train.names):
        raise DataError(
            f"{path}: the held-out samples have classes that no training sample has; expected only"
            " those learnt"
        )
    labels = np.array([train.names.index(test.names[k]) for k in test.labels])
    return in_order(replace(test, labels=labels, names=train.names), train, path)


def in_order(found: Table, like: Table, path: Path) -> Table:
    """Return samples with their columns in the order of other samples, by name where both have
    names.

    Raises
    ------
    DataError
        Columns of other names.
    """
    if not moved(found, like):
        return found
    of = found.feature_names
    if sorted(of) != sorted(like.feature_names) or len(set(of)) != len(of):
        raise DataError(
            f"{path}: its columns have other names than those of the samples before; expected the"
            " same, in any order"
        )
    order = [of.index(name) for name in like.feature_names]
    return replace(found, features=found.features[:, order], feature_names=like.feature_names)


def moved(found: Table, like: Table) -> bool:
    """Whether both name their columns, and differ in it."""
    of = found.feature_names
    return bool(of and like.feature_names) and of != like.feature_names


def _sort_key(word: str) -> tuple[float, str]:
    try:
        value = float(word)
    except ValueError:
        value = math.inf
    return (value if math.isfinite(value) else math.inf, word)
