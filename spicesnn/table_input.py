"""What users hand to the estimator, as arrays: features, names of columns, classes; errors in the
words that scikit-learn's tools expect."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.arrays import Floats
from spicesnn.errors import InputError, NotFittedError, WrongTypeError

_SHOWN = 5


def numbers(values: ArrayLike) -> Floats:
    """Return features as (n, features) floats, all finite.

    Raises
    ------
    InputError
        Another shape, nothing in it, NaN or infinity, complex or sparse values.
    WrongTypeError
        Something that is no number.
    """
    if hasattr(values, "toarray"):
        raise InputError("X is sparse, and every word line needs its voltage; pass X.toarray()")
    try:
        found = np.asarray(values)
        if np.iscomplexobj(found):
            raise InputError(
                "Complex data not supported: X has complex numbers; expected real ones"
            )
        features = found.astype(float)
    except TypeError as error:
        raise WrongTypeError(
            f"X has something that is no number: {error}; expected numbers of shape (n, features)"
        ) from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"X is {values!r:.60}; expected numbers of shape (n, features)") from None
    if features.ndim != 2:
        raise InputError(
            f"X has shape {features.shape}; expected (n, features). Reshape your data: X.reshape(1,"
            " -1) if it is one sample"
        )
    for axis, what in enumerate(("sample(s)", "feature(s)")):
        if features.shape[axis] == 0:
            raise InputError(
                f"X has 0 {what} (shape={features.shape}) while a minimum of 1 is required."
            )
    if not np.all(np.isfinite(features)):
        raise InputError("X has a value that is NaN or infinity; expected finite numbers")
    return features


def column_names(values: Any) -> NDArray[Any] | None:
    """Return the names of columns of a pandas object, None where it is another object or not all
    names are text."""
    names = getattr(values, "columns", None)
    if names is None or not all(isinstance(name, str) for name in names):
        return None
    return np.asarray(names, dtype=object)


def check_names(given: NDArray[Any] | None, learnt: NDArray[Any] | None) -> None:
    """Raise `InputError` unless columns are those of `fit`, in the same order; nothing is said
    where either has no names."""
    if given is None or learnt is None or np.array_equal(given, learnt):
        return
    lines = ["The feature names should match those that were passed during fit."]
    for heading, names in (
        ("unseen at fit time", set(given) - set(learnt)),
        ("seen at fit time, yet now missing", set(learnt) - set(given)),
    ):
        if names:
            lines += [
                f"Feature names {heading}:",
                *(f"- {name}" for name in sorted(names)[:_SHOWN]),
                *(["- ..."] if len(names) > _SHOWN else []),
            ]
    if len(lines) == 1:
        lines.append("Feature names must be in the same order as they were in fit.")
    raise InputError("\n".join(lines) + "\n")


def classes_of(values: Any, name: str) -> NDArray[Any]:
    """Return classes as (n,): text, whole numbers or truth values; `name` is the estimator's, for
    messages."""
    if values is None:
        raise InputError(f"{name} requires y to be passed, but the target y is None")
    labels = np.asarray(values)
    if labels.ndim == 2 and labels.shape[1] == 1:
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected; it is taken as y.ravel()",
            _conversion_warning(),
            stacklevel=3,
        )
        labels = labels.ravel()
    if labels.ndim != 1:
        raise InputError(
            f"y has shape {labels.shape}; y should be a 1d array, a class for each sample of X"
        )
    if labels.dtype.kind == "f" and not (
        np.all(np.isfinite(labels)) and np.all(labels == np.floor(labels))
    ):
        raise InputError(
            "Unknown label type: continuous. y has numbers that are not whole, NaN or infinity;"
            " expected classes"
        )
    if labels.dtype.kind == "c":
        raise InputError("Complex data not supported: y has complex numbers; expected classes")
    if labels.dtype.kind == "O" and len({type(label) for label in labels}) > 1:
        kinds = ", ".join(sorted({type(label).__name__ for label in labels}))
        raise InputError(f"Unknown label type: y mixes {kinds}; expected classes of one type")
    return labels


def _conversion_warning() -> type[Warning]:
    """Return scikit-learn's own warning where it is installed."""
    try:
        from sklearn.exceptions import DataConversionWarning
    except ImportError:
        return UserWarning
    found: type[Warning] = DataConversionWarning
    return found


def not_fitted(message: str) -> NotFittedError:
    """Return the error of an estimator that has not learnt; where scikit-learn is installed its
    tools know it as their own, too."""
    try:
        from sklearn.exceptions import NotFittedError as Theirs
    except ImportError:
        return NotFittedError(message)
    both: type[NotFittedError] = type(
        "NotFittedError", (NotFittedError, Theirs), {"__module__": NotFittedError.__module__}
    )
    return both(message)
