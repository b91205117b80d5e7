"""Linear nodes that change how finely a sample is resolved along its axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from spicesnn.errors import InputError
from spicesnn.networks.nodes import Node, Shape, Values, real


@dataclass(frozen=True, slots=True, eq=False)
class Mixed(Node):
    """Each value along one axis is a weighted sum of those along it: interpolation, neighbours'
    sums.

    Attributes
    ----------
    axis : int
        Of a sample.
    matrix : (places out, places in)
    """

    kind: ClassVar[str] = "interpolation"
    axis: int
    matrix: Values

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", real(self.matrix, "matrix", 2))
        if not self.matrix.size:
            raise InputError(f"an interpolation by a matrix of shape {self.matrix.shape}")

    def shape_out(self, shape: Shape) -> Shape:
        """The shape with the matrix's places along the axis."""
        if not 0 <= self.axis < len(shape) or shape[self.axis] != self.matrix.shape[1]:
            raise InputError(
                f"a matrix {self.matrix.shape} (places out, places in) along axis {self.axis} of a"
                f" sample of shape {shape}"
            )
        return (*shape[: self.axis], len(self.matrix), *shape[self.axis + 1 :])

    def __call__(self, x: Values) -> Values:
        return np.moveaxis(np.moveaxis(x, self.axis + 1, -1) @ self.matrix.T, -1, self.axis + 1)


@dataclass(frozen=True, slots=True, eq=False)
class Stretched(Node):
    """Zeros between the values of the last axes: value k stands at ``k · stride``.

    A convolution behind it is what frameworks call a transposed (fractionally strided) one."""

    kind: ClassVar[str] = "stretching"
    stride: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.stride or any(s < 1 for s in self.stride):
            raise InputError(f"a stride of {self.stride}; expected whole numbers, 1 or more")

    def shape_out(self, shape: Shape) -> Shape:
        """The longer shape."""
        kept = len(shape) - len(self.stride)
        if kept < 0:
            raise InputError(f"strides {self.stride} for a sample of shape {shape}")
        longer = ((size - 1) * s + 1 for size, s in zip(shape[kept:], self.stride, strict=True))
        return (*shape[:kept], *longer)

    def __call__(self, x: Values) -> Values:
        out = np.zeros((len(x), *self.shape_out(x.shape[1:])))
        places = tuple(slice(None, None, s) for s in self.stride)
        out[(slice(None),) * (out.ndim - len(places)) + places] = x
        return out
