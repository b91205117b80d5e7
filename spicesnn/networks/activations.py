"""Activations: what a non-spiking neuron makes of its input."""

from __future__ import annotations

import math
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


def _softplus(x: Values) -> Values:
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def _normal(x: Values) -> Values:
    """The standard normal distribution up to x."""
    from scipy.special import erfc  # a fifth of a second to load, which no other activation needs

    return np.asarray(0.5 * erfc(-x / math.sqrt(2.0)))


def _erf(x: Values) -> Values:
    from scipy.special import erf

    return np.asarray(erf(x))


_NEAR_NORMAL = math.sqrt(2.0 / math.pi)
"""Of the form of GELU by tanh (Hendrycks and Gimpel, arXiv 1606.08415)."""


def _bent(x: Values) -> Values:
    return np.asarray(np.tanh(_NEAR_NORMAL * (x + 0.044715 * x**3)))


FUNCTIONS: dict[str, Callable[[Values], Values]] = {
    "identity": lambda x: x,
    "relu": lambda x: np.maximum(x, 0.0),
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "step": _step,
    "abs": np.abs,
    "softplus": _softplus,
    "softsign": lambda x: x / (1.0 + np.abs(x)),
    "silu": lambda x: x * _sigmoid(x),
    "hardswish": lambda x: x * np.clip(x / 6.0 + 0.5, 0.0, 1.0),
    "mish": lambda x: x * np.tanh(_softplus(x)),
    "gelu": lambda x: x * _normal(x),
    "gelu-tanh": lambda x: 0.5 * x * (1.0 + _bent(x)),
    "erf": _erf,
}
"""Activations without parameters that act on each value by itself."""


def _silu_slope(x: Values) -> Values:
    y = _sigmoid(x)
    return np.asarray(y * (1.0 + x * (1.0 - y)))


def _mish_slope(x: Values) -> Values:
    y = np.tanh(_softplus(x))
    return np.asarray(y + x * (1.0 - y * y) * _sigmoid(x))


def _gelu_tanh_slope(x: Values) -> Values:
    y = _bent(x)
    inner = _NEAR_NORMAL * (1.0 + 3 * 0.044715 * x * x)
    return np.asarray(0.5 * (1.0 + y) + 0.5 * x * (1.0 - y * y) * inner)


SLOPES: dict[str, Callable[[Values], Values]] = {
    "identity": np.ones_like,
    "relu": lambda x: np.asarray(x > 0, dtype=float),
    "sigmoid": lambda x: _sigmoid(x) * _sigmoid(-x),
    "tanh": lambda x: np.asarray(1.0 - np.tanh(x) ** 2),
    "abs": np.sign,
    "softplus": _sigmoid,
    "softsign": lambda x: np.asarray((1.0 + np.abs(x)) ** -2.0),
    "silu": _silu_slope,
    "hardswish": lambda x: np.where(np.abs(x) < 3.0, x / 3.0 + 0.5, np.asarray(x > 0, dtype=float)),
    "mish": _mish_slope,
    "gelu": lambda x: _normal(x) + x * np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi),
    "gelu-tanh": _gelu_tanh_slope,
    "erf": lambda x: np.asarray(2.0 / math.sqrt(math.pi) * np.exp(-x * x)),
}
"""Their derivatives; a step has none."""


@dataclass(frozen=True, slots=True, eq=False)
class Activation(Node):
    """``y = f(x)``, f one of `FUNCTIONS`: relu, sigmoid, tanh, step (1 above 0), gelu, silu, …"""

    kind: ClassVar[str] = "activation"
    name: str

    def __post_init__(self) -> None:
        if self.name not in FUNCTIONS:
            raise UnknownNameError(
                f"no activation {self.name!r}; expected one of: {', '.join(FUNCTIONS)}, softmax, elu,"
                " selu, relu6"
            )

    def shape_out(self, shape: Shape) -> Shape:
        """The input's shape."""
        return shape

    def __call__(self, x: Values) -> Values:
        return np.asarray(FUNCTIONS[self.name](x))


@dataclass(frozen=True, slots=True, eq=False)
class LeakyReLU(Node):
    """``y = x`` above 0, ``slope · x`` below; one slope, or an array that broadcasts against one
    sample."""

    kind: ClassVar[str] = "activation"
    slope: Values | float = 0.01

    def __post_init__(self) -> None:
        object.__setattr__(self, "slope", real(self.slope, "slope"))

    def shape_out(self, shape: Shape) -> Shape:
        """The input's shape."""
        part = np.shape(self.slope)
        if not fits(part, shape):
            raise InputError(f"slopes of shape {part} do not fit inputs of shape {shape}")
        return shape

    def __call__(self, x: Values) -> Values:
        return np.where(x >= 0, x, self.slope * x)


@dataclass(frozen=True, slots=True, eq=False)
class ELU(Node):
    """``y = gain · x`` above 0, ``gain · alpha · (exp(x / width) − 1)`` below: ELU, SELU and CELU."""

    kind: ClassVar[str] = "activation"
    alpha: float = 1.0
    gain: float = 1.0
    width: float = 1.0

    def __post_init__(self) -> None:
        numbers = (self.alpha, self.gain, self.width)
        if not all(map(math.isfinite, numbers)) or self.width <= 0:
            raise InputError(
                f"an exponential unit with alpha {self.alpha}, gain {self.gain} and width"
                f" {self.width}; expected finite numbers, a width above 0"
            )

    def shape_out(self, shape: Shape) -> Shape:
        """The input's shape."""
        return shape

    def __call__(self, x: Values) -> Values:
        below = self.alpha * np.expm1(np.minimum(x, 0.0) / self.width)
        return np.asarray(self.gain * np.where(x > 0, x, below))

    def slope(self, x: Values) -> Values:
        """dy/dx."""
        below = self.alpha / self.width * np.exp(np.minimum(x, 0.0) / self.width)
        return np.asarray(self.gain * np.where(x > 0, 1.0, below))


@dataclass(frozen=True, slots=True, eq=False)
class Multiplied(Node):
    """The product of two values that stand one after the other along the first axis."""

    kind: ClassVar[str] = "product"

    def shape_out(self, shape: Shape) -> Shape:
        """The shape of one of them."""
        if len(shape) < 2 or shape[0] != 2:
            raise InputError(f"a product of two takes samples of shape (2, …); got {shape}")
        return shape[1:]

    def __call__(self, x: Values) -> Values:
        return np.asarray(x[:, 0] * x[:, 1])


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


SELU = ELU(alpha=1.6732632423543772, gain=1.0507009873554805)
"""Klambauer et al., arXiv 1706.02515."""


def by_name(name: str) -> Node | None:
    """The node of an activation's name, None for identity (and names as scikit-learn, Keras and
    PyTorch say them, where these mean one thing)."""
    name = name.lower()
    name = {
        "linear": "identity",
        "logistic": "sigmoid",
        "none": "identity",
        "swish": "silu",
        "hard_swish": "hardswish",
        "hard_silu": "hardswish",
    }.get(name, name)
    if name == "identity":
        return None
    nodes = {"softmax": Softmax(), "elu": ELU(), "selu": SELU, "relu6": Clip(0.0, 6.0)}
    return nodes.get(name) or Activation(name)
