"""What gradient descent needs, once: softmax, the surrogate for the slope of a spike, and Adam.

All functions keep the floating-point type of what they are given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from spicesnn.errors import InputError

_Real = TypeVar("_Real", bound=np.floating[Any])


def softmax(values: NDArray[_Real], axis: int = -1) -> NDArray[_Real]:
    """exp(x)/Σexp(x) along one axis of `values` (any shape), without overflow."""
    raised: NDArray[_Real] = np.exp(values - values.max(axis=axis, keepdims=True))
    raised /= raised.sum(axis=axis, keepdims=True)
    return raised


def spike_slope(beyond: Any, one: Any = 1.0) -> Any:
    """Surrogate of d(spike)/d(potential): 1/(1 + |u|)², u the potential's distance from the
    threshold times a sharpness.

    Zenke and Ganguli, "SuperSpike: Supervised Learning in Multilayer Spiking Neural Networks",
    Neural Computation 30, 2018. Written for numbers and arrays alike, so that compiled loops call
    it as well; `one` is a 1 of the type that is wanted there."""
    root = one / (one + abs(beyond))
    return root * root


@dataclass(frozen=True, kw_only=True, slots=True)
class Adam:
    """Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015: w ← w − η·m̂/(√v̂ + ε).

    Attributes
    ----------
    first, second : float
        Decay of the moments, β₁ and β₂.
    tiny, of_largest : float
        ε = `tiny` + `of_largest` times the largest √v̂ of the array.
    """

    first: float = 0.9
    second: float = 0.999
    tiny: float = 1e-8
    of_largest: float = 0.0

    def __post_init__(self) -> None:
        if not (
            0 <= self.first < 1 and 0 <= self.second < 1 and self.tiny > 0 and self.of_largest >= 0
        ):
            raise InputError(
                f"Adam: first = {self.first}, second = {self.second}, tiny = {self.tiny},"
                f" of_largest = {self.of_largest}; expected decays from 0 to below 1, tiny above 0,"
                " of_largest 0 or more"
            )

    def step(
        self,
        gradient: NDArray[_Real],
        mean: NDArray[_Real],
        square: NDArray[_Real],
        *,
        count: int,
        rate: float,
    ) -> NDArray[_Real]:
        """Return η·m̂/(√v̂ + ε), what descent takes off the weights.

        Parameters
        ----------
        gradient : array
            Of one batch, of any shape.
        mean, square : array of the same shape
            The running moments of the gradient and of its square; brought up to date in place.
        count : int
            Steps so far with this one, from 1.
        rate : float
            The step size η, in the unit of the weights.
        """
        real = gradient.dtype.type
        mean += real(1 - self.first) * (gradient - mean)
        square += real(1 - self.second) * (gradient * gradient - square)
        scale = np.sqrt(square / real(1 - self.second**count))
        epsilon = (
            real(self.tiny) + real(self.of_largest) * scale.max()
            if self.of_largest
            else real(self.tiny)
        )
        moved: NDArray[_Real] = real(rate / (1 - self.first**count)) * mean / (scale + epsilon)
        return moved
