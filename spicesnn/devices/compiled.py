"""Equations for numbers over whole arrays, compiled; what a plug-in imports of `devices.equations`
is here, too."""

from __future__ import annotations

from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.devices.equations import CellCode, Equation, pick, power

__all__ = ["CellCode", "Equation", "over_arrays", "pick", "power"]


def over_arrays(
    function: Equation,
    v: ArrayLike,
    x: ArrayLike,
    gate: ArrayLike | None,
    parameters: tuple[float | Floats, ...],
) -> Floats:
    """Return an equation for numbers over arrays that broadcast against one another, compiled.

    Raises
    ------
    ConvergenceError
        A loop inside the equation did not come to an end: it answered with NaN for finite
        arguments.
    """
    from spicesnn.devices.cell_functions import evaluate

    return evaluate(function, v, x, gate, parameters)
