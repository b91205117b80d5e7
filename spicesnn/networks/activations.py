"""Activations: what a non-spiking neuron makes of its input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from spicesnn.errors import InputError, UnknownNameError
from spicesnn.learning.gradients import softmax
from spicesnn.networks.nodes import Node, Shape, Values, fits, real


def _sigmoid(x: Values) -> Values:
    # Both halves by exp of a negative number, which cannot overflow.
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1.0 / (1.0 + small), small / (1.0 + small)))


def _step(x: Values) -> Values:
    return np.asarray(x > 0, dtype=float)


FUNCTIONS: dict[str, Callable[[Values], Values]] = {
    "identity": lambda x: x,
    "relu": lambda x: np.maximum(x, 0.0),
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "step": _step,
    "abs": np.abs,
}
"""Activations without parameters that act on each value by itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Activation(Node):
    """``y = f(x)``, f one of relu, sigmoid, tanh, abs, step (1 above 0), identity."""

    kind: ClassVar[str] = "activation"
    name: str

    def __post_init__(self) -> None:
        if self.name not in FUNCTIONS:
            raise UnknownNameError(
                f"no activation {self.name!r}; expected one of: {', '.join(FUNCTIONS)}, softmax"
            )

    def shape_out(self, shape: Shape) -> Shape:
        """The input's shape."""
        return shape

    def __call__(self, x: Values) -> Values:
        return np.asarray(FUNCTIONS[self.name](x))


@dataclass(frozen=True, slots=True, eq=False)
class LeakyReLU(Node):
    """``y = x`` above 0, ``slope · x`` below."""

    kind: ClassVar[str] = "activation"
    slope: float = 0.01

    def shape_out(self, shape: Shape) -> Shape:
        """The input's shape."""
        return shape

    def __call__(self, x: Values) -> Values:
        return np.where(x >= 0, x, self.slope * x)


@dataclass(frozen=True, slots=True, eq=False)
class Clip(Node):
    """``y`` is x held between two bounds, either of which may be infinite."""

    kind: ClassVar[str] = "activation"
    lowest: float = -np.inf
    highest: float = np.inf

    def __post_init__(self) -> None:
        if not self.lowest <= self.highest:
            raise InputError(
                f"clip between {self.lowest} and {self.highest}; expected lowest ≤ highest"
            )

    def shape_out(self, shape: Shape) -> Shape:
        """The input's shape."""
        return shape

    def __call__(self, x: Values) -> Values:
        return np.asarray(np.clip(x, self.lowest, self.highest))


@dataclass(frozen=True, slots=True, eq=False)
class Softmax(Node):
    """``y = exp(x) / Σ exp(x)`` along one axis of a sample, or the logarithm of that."""

    kind: ClassVar[str] = "activation"
    axis: int = -1
    log: bool = False

    def shape_out(self, shape: Shape) -> Shape:
        """The input's shape."""
        if not -len(shape) <= self.axis < len(shape):
            raise InputError(f"softmax over axis {self.axis} of a sample of shape {shape}")
        return shape

    def __call__(self, x: Values) -> Values:
        axis = self.axis if self.axis < 0 else self.axis + 1
        if self.log:
            less = x - x.max(axis=axis, keepdims=True)
            return np.asarray(less - np.log(np.exp(less).sum(axis=axis, keepdims=True)))
        return softmax(x, axis)


@dataclass(frozen=True, slots=True, eq=False)
class Normalise(Node):
    """Each sample divided by its norm along the last axis: L1, L2 or MAX (of absolute values); a
    sample of zeros stays."""

    kind: ClassVar[str] = "activation"
    norm: str = "L1"

    def __post_init__(self) -> None:
        if self.norm not in ("L1", "L2", "MAX"):
            raise InputError(f"a normalisation by {self.norm!r}; expected L1, L2 or MAX")

    def shape_out(self, shape: Shape) -> Shape:
        """The input's shape."""
        return shape

    def __call__(self, x: Values) -> Values:
        size = np.abs(x)
        if self.norm == "MAX":
            norm = size.max(axis=-1, keepdims=True)
        else:
            norm = (
                size.sum(axis=-1, keepdims=True)
                if self.norm == "L1"
                else np.sqrt((x * x).sum(axis=-1, keepdims=True))
            )
        return np.asarray(x / np.where(norm > 0, norm, 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class Threshold(Node):
    """``y = 1`` where x exceeds a threshold (a number, or an array that broadcasts against one
    sample), else 0."""

    kind: ClassVar[str] = "threshold"
    spiking: ClassVar[bool] = True
    threshold: Values

    def __post_init__(self) -> None:
        object.__setattr__(self, "threshold", real(self.threshold, "threshold"))

    def shape_out(self, shape: Shape) -> Shape:
        """The input's shape."""
        if not fits(self.threshold.shape, shape):
            raise InputError(
                f"thresholds of shape {self.threshold.shape} do not fit inputs of shape {shape}"
            )
        return shape

    def __call__(self, x: Values) -> Values:
        return np.asarray(x > self.threshold, dtype=float)


@dataclass(frozen=True, slots=True, eq=False)
class SignOutputs(Node):
    """The two outputs of a two-class model that computes one value: (−v, v), so that the larger one
    is the answer.

    With `probability`, v is the probability of the second class and the outputs are (1 − v, v).
    """

    kind: ClassVar[str] = "activation"
    probability: bool = False

    def shape_out(self, shape: Shape) -> Shape:
        """(2,)."""
        if shape != (1,):
            raise InputError(
                f"a two-class output is made of one value; got a sample of shape {shape}"
            )
        return (2,)

    def __call__(self, x: Values) -> Values:
        return np.concatenate([1.0 - x if self.probability else -x, x], axis=1)


def by_name(name: str) -> Node | None:
    """The node of an activation's name, None for identity (and "linear", "logistic" as scikit-learn
    and Keras say)."""
    name = name.lower()
    name = {"linear": "identity", "logistic": "sigmoid", "none": "identity"}.get(name, name)
    if name == "identity":
        return None
    if name == "softmax":
        return Softmax()
    return Activation(name)
