"""Arithmetic of values between layers: powers, exponentials, quotients, extremes, rounding. Each node
says how an error goes back through it."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from spicesnn.errors import InputError
from spicesnn.networks.nodes import Node, Shape, Values, fits, real, shape_without


class NoValueError(InputError):
    """A function has no finite value there."""


class Differentiable(Node):
    """A nonlinear node that knows its own adjoint."""

    @abstractmethod
    def back(self, x: Values, errors: Values) -> Values:
        """dLoss/dx (n, *shape_in) of inputs and errors (n, *shape_out)."""


def _finite(y: Values, x: Values, what: str) -> Values:
    """Refuse results that are no numbers, and name an input that led to one."""
    if np.all(np.isfinite(y)):
        return y
    raise NoValueError(
        f"{what} {float(np.broadcast_to(x, y.shape)[~np.isfinite(y)][0]):.6g} is no finite number"
    )


@dataclass(frozen=True, slots=True, eq=False)
class Power(Differentiable):
    """``y = x ** exponent``, the exponent a number or an array that broadcasts against one sample."""

    kind: ClassVar[str] = "power"
    exponent: Values

    def __post_init__(self) -> None:
        object.__setattr__(self, "exponent", real(self.exponent, "exponent"))

    def shape_out(self, shape: Shape) -> Shape:
        """The input's shape."""
        if not fits(self.exponent.shape, shape):
            raise InputError(
                f"exponents of shape {self.exponent.shape} do not fit inputs of shape {shape}"
            )
        return shape

    def __call__(self, x: Values) -> Values:
        with np.errstate(all="ignore"):
            y = np.asarray(np.power(x, self.exponent))
        return _finite(y, x, "a power of")

    def back(self, x: Values, errors: Values) -> Values:
        """Errors times ``exponent · x ** (exponent − 1)``."""
        p = np.broadcast_to(self.exponent, x.shape)
        with np.errstate(all="ignore"):
            slope = np.where(p == 0.0, 0.0, p * np.power(x, p - 1.0))
        return np.asarray(errors * _finite(slope, x, "the slope of a power of"))


_ELEMENTARY: dict[str, tuple[Callable[[Values], Values], Callable[[Values], Values]]] = {
    "exp": (np.exp, np.exp),
    "log": (np.log, lambda x: 1.0 / x),
    "sin": (np.sin, np.cos),
    "cos": (np.cos, lambda x: -np.sin(x)),
    "sign": (np.sign, np.zeros_like),
    "floor": (np.floor, np.zeros_like),
    "ceil": (np.ceil, np.zeros_like),
    "round": (np.rint, np.zeros_like),
}
"""Functions and their derivatives; halves are rounded to even numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class Elementary(Differentiable):
    """``y = f(x)``: exp, log, sin, cos, sign, floor, ceil or round."""

    kind: ClassVar[str] = "function"
    name: str

    def __post_init__(self) -> None:
        if self.name not in _ELEMENTARY:
            raise InputError(
                f"no function {self.name!r}; expected one of: {', '.join(_ELEMENTARY)}"
            )

    def shape_out(self, shape: Shape) -> Shape:
        """The input's shape."""
        return shape

    def __call__(self, x: Values) -> Values:
        with np.errstate(all="ignore"):
            y = np.asarray(_ELEMENTARY[self.name][0](x))
        return _finite(y, x, f"{self.name} of")

    def back(self, x: Values, errors: Values) -> Values:
        """Errors times the derivative (0 for steps)."""
        return np.asarray(errors * _ELEMENTARY[self.name][1](x))


@dataclass(frozen=True, slots=True, eq=False)
class Quotient(Differentiable):
    """The first over the second of two values that stand one after the other along the first
    axis."""

    kind: ClassVar[str] = "quotient"

    def shape_out(self, shape: Shape) -> Shape:
        """The shape of one of them."""
        if len(shape) < 2 or shape[0] != 2:
            raise InputError(f"a quotient of two takes samples of shape (2, …); got {shape}")
        return shape[1:]

    def __call__(self, x: Values) -> Values:
        with np.errstate(all="ignore"):
            y = np.asarray(x[:, 0] / x[:, 1])
        return _finite(y, x[:, 1], "a quotient by")

    def back(self, x: Values, errors: Values) -> Values:
        """Errors of (numerator, denominator)."""
        above, below = x[:, 0], x[:, 1]
        return np.stack([errors / below, -errors * above / (below * below)], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Extremum(Differentiable):
    """The largest or smallest value over some axes of a sample, which stay with the size 1."""

    kind: ClassVar[str] = "extremum"
    what: Literal["max", "min"]
    axes: tuple[int, ...]

    def shape_out(self, shape: Shape) -> Shape:
        """The shape with 1 for these axes."""
        return shape_without(self.axes, shape, self.what)

    def __call__(self, x: Values) -> Values:
        axes = tuple(axis + 1 for axis in self.axes)
        found = x.max if self.what == "max" else x.min
        return np.asarray(found(axis=axes, keepdims=True))

    def back(self, x: Values, errors: Values) -> Values:
        """Errors go to the extreme value, shared by equals."""
        equal = (x == self(x)).astype(float)
        axes = tuple(axis + 1 for axis in self.axes)
        return np.asarray(errors * equal / equal.sum(axis=axes, keepdims=True))


@dataclass(frozen=True, slots=True, eq=False)
class Quantised(Differentiable):
    """``y = min(max(round(x / step) + zero, lowest), highest)``: whole numbers, halves rounded to
    even ones; the division is of single precision, as runtimes of quantised networks do it.

    Attributes
    ----------
    step, zero : numbers, or arrays that broadcast against one sample
    lowest, highest : float
        Ends of the whole numbers' range.
    """

    kind: ClassVar[str] = "quantisation"
    step: Values
    zero: Values
    lowest: float
    highest: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "step", real(self.step, "step"))
        object.__setattr__(self, "zero", real(self.zero, "zero point"))
        if np.any(self.step <= 0) or not self.lowest < self.highest:
            raise InputError(
                f"a quantisation by steps of {float(self.step.min()):g} from {self.lowest:g} to"
                f" {self.highest:g}; expected steps above 0 and a range"
            )

    def shape_out(self, shape: Shape) -> Shape:
        """The input's shape."""
        for part in (self.step, self.zero):
            if not fits(part.shape, shape):
                raise InputError(f"steps of shape {part.shape} do not fit inputs of shape {shape}")
        return shape

    def __call__(self, x: Values) -> Values:
        codes = np.rint(x.astype(np.float32) / self.step.astype(np.float32)).astype(float)
        return np.clip(codes + self.zero, self.lowest, self.highest)

    def back(self, x: Values, errors: Values) -> Values:
        """Errors over the step within the range, 0 beyond it (straight through the rounding)."""
        codes = x / self.step + self.zero
        inside = (codes >= self.lowest) & (codes <= self.highest)
        return np.asarray(errors * inside / self.step)


def whole_power(exponent: Values) -> int | None:
    """The exponent as a small whole number above 0, which products can stand for; None for
    others."""
    if exponent.size != 1:
        return None
    p = float(exponent.reshape(()))
    return int(p) if p == math.floor(p) and 1 <= p <= 8 else None
