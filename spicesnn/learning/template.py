"""One-shot template learning: the cells under a class's pattern are written while only that class's column listens.

The rule of the in-situ network of Electronics 2024, 13, 4665: each pattern is shown once, its pixels drive the word lines, and
the column of its class takes the pattern on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.errors import InputError
from spicesnn.learning.schemes import Step


def template_steps(inputs: ArrayLike, labels: NDArray[np.int64], columns: int) -> list[Step]:
    """Return one write step a pattern, in the order given.

    Parameters
    ----------
    inputs : (n, rows) of 0 and 1
    labels : (n,) int
        Column of each pattern.
    columns : int
    """
    bits = np.asarray(inputs, dtype=float)
    if bits.ndim != 2 or not np.all((bits == 0) | (bits == 1)):
        raise InputError("template learning takes patterns of 0 and 1, (n, rows); reduce grey levels with data.ones")
    steps = []
    for pattern, label in zip(bits > 0, labels, strict=True):
        chosen = np.zeros(columns, dtype=bool)
        chosen[label] = True
        steps.append(Step(rows=pattern, columns=chosen, raising=True))
    return steps


def class_templates(inputs: ArrayLike, labels: NDArray[np.int64], classes: int, ones: int) -> NDArray[np.float64]:
    """Return one binary template a class, (classes, rows): the `ones` brightest pixels of the class mean are 1."""
    values = np.asarray(inputs, dtype=float)
    templates = np.zeros((classes, values.shape[1]))
    for label in range(classes):
        members = values[labels == label]
        if len(members) == 0:
            raise InputError(f"class {label} has no training sample; a template needs at least one")
        templates[label, np.argsort(-members.mean(axis=0), kind="stable")[:ones]] = 1.0
    return templates
