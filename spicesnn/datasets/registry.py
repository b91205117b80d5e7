"""The data sets that spicesnn brings: each file in `spicesnn.datasets.sets` registers its own."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.errors import DataError, UnknownNameError


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Brought:
    """Samples of a set, their values from 0 to 1.

    Attributes
    ----------
    inputs : (n, inputs)
    answers : (n, outputs)
        1 for each output that is on, else 0.
    names : tuple of str
        The classes, or what the outputs are called.
    shape : (rows, columns)
        Of a sample as an image; (1, inputs) where it is none.
    test_inputs, test_answers : (n, …) or None
        Held-out samples, where the set has them.
    """

    inputs: Floats
    answers: Floats
    names: tuple[str, ...]
    shape: tuple[int, int]
    test_inputs: Floats | None = None
    test_answers: Floats | None = None

    def __post_init__(self) -> None:
        for name, inputs, answers in (
            ("samples", self.inputs, self.answers),
            ("held-out samples", self.test_inputs, self.test_answers),
        ):
            if inputs is None and answers is None and name != "samples":
                continue
            if inputs is None or answers is None or inputs.ndim != 2 or answers.ndim != 2:
                raise DataError(f"the {name} need inputs (n, inputs) and answers (n, outputs)")
            if len(inputs) != len(answers) or not len(inputs):
                raise DataError(
                    f"{len(inputs)} {name} and {len(answers)} answers; expected as many, one or "
                    "more"
                )
            if not np.all((inputs >= 0) & (inputs <= 1)):
                raise DataError(
                    f"the {name} have values outside 0 to 1; scale them in the set's file"
                )
        if self.shape[0] * self.shape[1] != self.inputs.shape[1]:
            raise DataError(f"{self.inputs.shape[1]} inputs do not make {self.shape} pixels")

    @classmethod
    def of_classes(
        cls,
        inputs: ArrayLike,
        labels: ArrayLike,
        names: tuple[str, ...],
        shape: tuple[int, int] | None = None,
        test: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> Brought:
        """Return a set of samples with one class each.

        Parameters
        ----------
        inputs : (n, inputs)
            From 0 to 1.
        labels : (n,) int
            Index into `names`.
        names : tuple of str
        shape : (rows, columns), optional
            Of a sample that is an image.
        test : (inputs, labels), optional
            Held-out samples.
        """
        values, one_each = np.asarray(inputs, dtype=float), np.eye(len(names))
        found = cls(
            inputs=values,
            answers=one_each[np.asarray(labels)],
            names=names,
            shape=shape or (1, values.shape[1]),
        )
        if test is None:
            return found
        held, answers = np.asarray(test[0], dtype=float), one_each[np.asarray(test[1])]
        return replace(found, test_inputs=held, test_answers=answers)


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSet:
    """A set by name: `load` makes its samples, `meaning` is one line about it."""

    name: str
    meaning: str
    load: Callable[[], Brought]


_SETS: dict[str, DataSet] = {}


def data_set(name: str) -> Callable[[Callable[[], Brought]], Callable[[], Brought]]:
    """Register the function below as a data set that ``data.source`` can name.

    The first line of its docstring says what the set is and where it is from.
    """

    def registered(load: Callable[[], Brought]) -> Callable[[], Brought]:
        if name in _SETS and _SETS[name].load.__module__ != load.__module__:
            taken = _SETS[name].load.__module__
            raise DataError(
                f"the data set {name!r} is registered by {taken} already; choose another name"
            )
        meaning = (load.__doc__ or "").strip().partition("\n")[0]
        _SETS[name] = DataSet(name=name, meaning=meaning, load=load)
        return load

    return registered


@cache
def _found() -> None:
    """Import every file of `spicesnn.datasets.sets` once, in the order of their names."""
    folder = import_module("spicesnn.datasets.sets")
    for entry in sorted(pkgutil.iter_modules(folder.__path__), key=lambda entry: entry.name):
        import_module(f"{folder.__name__}.{entry.name}")


def sets() -> dict[str, DataSet]:
    """Return the sets that spicesnn brings by name."""
    _found()
    return dict(_SETS)


def brought(name: str) -> Brought:
    """Return the samples of a set."""
    found = sets()
    if name not in found:
        raise UnknownNameError(f"no data set {name!r}; there are: {', '.join(found)}")
    return found[name].load()
