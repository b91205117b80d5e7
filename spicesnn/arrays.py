"""Arrays that come from outside: taken as numbers or refused, never half understood, and never the
caller's own memory."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.errors import InputError, WrongTypeError
from spicesnn.units import render

Floats = NDArray[np.float64]
Kind = TypeVar("Kind", bound=np.generic)
_FLOAT = np.dtype(np.float64)
_NO_NUMBERS = (complex, np.complexfloating, str, bytes, np.ma.core.MaskedConstant)


def numbers(values: ArrayLike, name: str, what: str = "numbers") -> Floats:
    """Return values as an array of doubles, not copied if they are one already.

    Raises
    ------
    InputError
        Masked arrays (what would the masked values be?), booleans (but for volts: 0 V and 1 V),
        complex numbers, text, and whatever else is no array of numbers.
    """
    if type(values) is np.ndarray and values.dtype is _FLOAT:
        return values
    if isinstance(values, np.ma.MaskedArray):
        raise InputError(
            f"{name} is a masked array: its masked values are unknown; expected plain {what}"
            " (values.filled(…) makes them)"
        )
    try:
        given = np.asarray(values)
        if given.dtype.kind in ("fiub" if what == "volts" else "fiu") or (
            given.dtype.kind == "O"
            and not any(isinstance(value, _NO_NUMBERS) for value in given.flat)
        ):
            return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        given = np.zeros(0)
    if given.dtype.kind == "b":
        raise InputError(f"{name} holds booleans, {brief(values)}; expected {what}")
    if np.iscomplexobj(given):
        raise InputError(
            f"{name} is complex, with {given.ravel()[:1].tolist()} first; expected real {what}"
        )
    raise InputError(f"{name} is not an array of {what}: {brief(values)}")


def brief(values: Any) -> str:
    """Return values as they go into a message: one short line."""
    if isinstance(values, np.ndarray):
        values = values.tolist()
    return " ".join(repr(values).split())[:80]


def owned(values: ArrayLike, name: str, what: str = "numbers") -> Floats:
    """Return a copy that no one can write to, whatever happens to the caller's array; see
    `numbers`."""
    return locked(np.array(numbers(values, name, what), order="C"))


def flags(values: Any, name: str, shape: tuple[int, ...] | None = None) -> NDArray[np.bool_]:
    """Return a copy of an array of booleans that no one can write to.

    Raises
    ------
    InputError
        Anything but booleans (or 0 and 1), a masked array, another shape.
    """
    if isinstance(values, np.ma.MaskedArray):
        raise InputError(f"{name} is a masked array; expected plain booleans")
    given = np.asarray(values)
    if given.dtype != np.bool_ and not (
        given.dtype.kind in "iuf" and bool(np.all((given == 0) | (given == 1)))
    ):
        raise InputError(
            f"{name} is {given.dtype} {given.ravel()[:4].tolist()!r:.60}; expected booleans"
        )
    if shape is not None and given.shape != shape:
        raise InputError(f"{name} has shape {given.shape}; expected {shape}")
    return locked(np.array(given, dtype=bool))


def locked(values: NDArray[Kind]) -> NDArray[Kind]:
    """Return an array of one's own, made read-only."""
    values.setflags(write=False)
    return values


def number(value: Any, name: str, expected: str = "a finite number") -> float:
    """Return one finite real number as a float; a truth value is none.

    Raises
    ------
    InputError
        Anything else, NaN and infinity among it.
    """
    if (
        isinstance(value, np.ndarray)
        and value.ndim == 0
        and not isinstance(value, np.ma.MaskedArray)
    ):
        value = value[()]
    if (
        not isinstance(value, int | float | np.integer | np.floating)
        or isinstance(value, bool)
        or not np.isfinite(value)
    ):
        raise InputError(f"{name} = {value!r:.60}; expected {expected}")
    return float(value)


def check_generator(rng: object, owner: str) -> None:
    """Raise `WrongTypeError` for what draws no numbers, such as a seed."""
    if not isinstance(rng, np.random.Generator):
        seed = rng if isinstance(rng, int) else 0
        raise WrongTypeError(
            f"{owner}: rng is {rng!r:.40}; expected a generator, numpy.random.default_rng({seed})"
        )


def span(values: ArrayLike, unit: str) -> str:
    """Write the lowest and the highest of some values, such as ``10 µS to 100 µS``.

    Examples
    --------
    >>> span([1e-5, 1e-4], "S"), span([2e-3], "A"), span([], "A")
    ('10 µS to 100 µS', '2 mA', 'none')
    """
    given = np.asarray(values, dtype=float)
    if not given.size:
        return "none"
    ends = dict.fromkeys(render(float(end), unit) for end in (given.min(), given.max()))
    return " to ".join(ends)
