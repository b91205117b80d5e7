"""One-shot template learning: the cells under a class's pattern are written while only that class's
column listens.

The rule of the in-situ network of Electronics 2024, 13, 4665: each pattern is shown once, its
pixels drive the word lines, and the column of its class takes the pattern on."""

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
        raise InputError(
            "template learning takes patterns of 0 and 1, (n, rows); reduce grey levels with"
            " data.ones"
        )
    steps = []
    for pattern, label in zip(bits > 0, labels, strict=True):
        chosen = np.zeros(columns, dtype=bool)
        chosen[label] = True
        steps.append(Step(rows=pattern, columns=chosen, raising=True))
    return steps
