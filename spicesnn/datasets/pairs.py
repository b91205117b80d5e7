"""Samples from Python: an iterable of (x, y), or the arrays of all x and all y."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.errors import DataError, InputError, WrongTypeError
from spicesnn.whole_file import appearing, writing

Arrays = tuple[NDArray[Any], NDArray[Any]]
_WANTED = "an iterable of (x, y), or the arrays (x of all samples, y of all samples)"


def collected(samples: Any, name: str = "data") -> Arrays:
    """Return all inputs (n, …) and labels (n,).

    Parameters
    ----------
    samples : iterable of (x, y), or tuple of arrays (X, Y)
        x: an array of numbers, of any shape that is the same for all; y: a whole number or a text.
        A generator is consumed once.
    name : str
        What messages call it.

    Raises
    ------
    InputError
        No samples, no pairs, other shapes, values that are no finite numbers, labels of another
        kind.
    """
    if isinstance(samples, tuple) and len(samples) == 2 and _is_row(samples[1]):
        inputs, labels = np.asarray(samples[0]), np.asarray(samples[1])
        if inputs.ndim < 2 or len(inputs) != len(labels):
            raise InputError(
                f"{name} has inputs of shape {inputs.shape} and {len(labels)} labels; expected "
                "(n, …) and (n,)"
            )
    else:
        inputs, labels = _of_pairs(samples, name)
    if not inputs.size:
        raise InputError(f"{name} has no samples; expected {_WANTED}")
    if inputs.dtype.kind not in "biuf" or not np.all(np.isfinite(inputs)):
        raise InputError(f"{name} has inputs that are no finite numbers (type {inputs.dtype})")
    whole = labels.dtype.kind == "f" and np.all(labels == np.rint(labels))
    if labels.dtype.kind not in "biuU" and not whole:
        raise InputError(
            f"{name} has labels of type {labels.dtype}; expected whole numbers or text, one a "
            "sample"
        )
    return inputs, labels.astype(np.int64) if whole else labels


def _is_row(labels: Any) -> bool:
    """Whether something has one axis; a pair (x, y) of an array and its label has none."""
    try:
        return np.ndim(labels) == 1
    except ValueError:
        return False


def _of_pairs(samples: Any, name: str) -> Arrays:
    if not isinstance(samples, Iterable) or isinstance(samples, str | bytes | Path):
        hint = (
            ""
            if not isinstance(samples, str | Path)
            else "; a file is given as settings={'data.source': 'file', 'data.path': …}"
        )
        raise WrongTypeError(f"{name} is {type(samples).__name__}; expected {_WANTED}{hint}")
    inputs: list[NDArray[Any]] = []
    labels: list[Any] = []
    for number, sample in enumerate(samples):
        if not isinstance(sample, tuple | list) or len(sample) != 2:
            raise InputError(f"{name}: sample {number} is no pair; expected {_WANTED}")
        x = np.atleast_1d(np.asarray(sample[0]))
        if inputs and x.shape != inputs[0].shape:
            raise InputError(
                f"{name}: sample {number} has shape {x.shape}, the first one {inputs[0].shape}; "
                "expected the same for all"
            )
        if np.ndim(sample[1]):
            raise InputError(
                f"{name}: the label of sample {number} has shape {np.shape(sample[1])}; expected "
                "one whole number or text"
            )
        inputs.append(x)
        labels.append(sample[1].item() if hasattr(sample[1], "item") else sample[1])
    if len({isinstance(label, str) for label in labels}) > 1:
        raise InputError(
            f"{name} has labels that are text and labels that are numbers; expected one kind"
        )
    return np.array(inputs), np.array(labels)


def save(path: Path, samples: Any, held_out: Any = None) -> Path:
    """Write samples as an npz file that ``data.path`` can name, and return its path.

    Parameters
    ----------
    path : Path
    samples, held_out : as in `collected`
        Held-out samples are optional.
    """
    train = collected(samples)
    if held_out is None:
        arrays = {"x": train[0], "y": train[1]}
    else:
        test = collected(held_out, "test_data")
        if test[0].shape[1:] != train[0].shape[1:]:
            raise InputError(
                f"test_data has samples of shape {test[0].shape[1:]}, data {train[0].shape[1:]}; "
                "expected the same"
            )
        arrays = {"x_train": train[0], "y_train": train[1], "x_test": test[0], "y_test": test[1]}
    with writing(path, then="", kind=DataError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with appearing(path) as partial, partial.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
    return path
