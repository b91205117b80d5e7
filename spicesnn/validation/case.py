"""One line of the validation table, and how two answers are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.engines.base import Engine
from spicesnn.errors import EngineError, NgspiceMissingError, briefly


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """Two answers to one question.

    Attributes
    ----------
    case, quantity : str
        What was solved, and what of it was compared.
    ngspice, nodal : float or None
        The value each engine gives where they differ most (or where the value is largest); None if
        it gave none.
    error : float or None
        The difference, in the measure that the quantity says.
    tolerance : float
    ok : bool
    note : str
        Why an engine gave no answer.
    """

    case: str
    quantity: str
    ngspice: float | None
    nodal: float | None
    error: float | None
    tolerance: float
    ok: bool
    note: str = ""

    def describe(self) -> dict[str, Any]:
        """Return the line as plain values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Engines:
    """The two engines that are compared."""

    ngspice: Engine
    nodal: Engine

    def both(self, ask: Callable[[Engine], Floats]) -> tuple[Floats, Floats]:
        """Return what each engine answers, ngspice first."""
        return ask(self.ngspice), ask(self.nodal)


def compared(
    case: str,
    quantity: str,
    answers: tuple[ArrayLike, ArrayLike],
    scale: ArrayLike,
    tolerance: float,
    *,
    exact: ArrayLike | None = None,
) -> Case:
    """Return the line for two answers, arrays of one shape.

    Parameters
    ----------
    case, quantity : str
    answers : two arrays
        Of ngspice and of the nodal engine.
    scale : array or float
        What a difference is divided by, at least 1e-300.
    tolerance : float
    exact : array, optional
        A known answer: the error is then the larger of the two engines' distances from it.
    """
    first, second = np.broadcast_arrays(*(np.asarray(answer, dtype=float) for answer in answers))
    size = np.maximum(np.abs(np.broadcast_to(np.asarray(scale, dtype=float), first.shape)), 1e-300)
    if exact is None:
        errors = np.abs(first - second) / size
    else:
        truth = np.asarray(exact, dtype=float)
        errors = np.maximum(np.abs(first - truth), np.abs(second - truth)) / size
    at = np.unravel_index(
        int(np.argmax(np.where(np.isfinite(errors), errors, np.inf))), errors.shape
    )
    if np.all(np.isfinite(errors)) and float(errors[at]) == 0.0:
        at = np.unravel_index(int(np.argmax(np.abs(second))), errors.shape)
    worst = float(errors[at])
    return Case(
        case=case,
        quantity=quantity,
        ngspice=float(first[at]),
        nodal=float(second[at]),
        error=worst,
        tolerance=tolerance,
        ok=bool(worst <= tolerance),
    )


def attempted(case: str, quantity: str, tolerance: float, make: Callable[[], Case]) -> Case:
    """Return what `make` gives, or a line that does not hold and says why if an engine has no
    answer."""
    try:
        return make()
    except NgspiceMissingError:
        raise
    except EngineError as error:
        reason = f"{type(error).__name__}: {briefly(error)}"
        return Case(
            case=case,
            quantity=quantity,
            ngspice=None,
            nodal=None,
            error=None,
            tolerance=tolerance,
            ok=False,
            note=reason,
        )
