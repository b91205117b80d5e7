# mypy: disable-error-code="no-any-return,assignment,arg-type"
"""Training images seen anew each time: turned, scaled, sheared, shifted, and bent by a smooth
random field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.errors import InputError
from spicesnn.jit import compiled

_KNOTS = 6
F = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Deformation:
    """How far images are deformed; 0 everywhere leaves them as they are.

    Attributes
    ----------
    turn_degrees, scale, shear : float
        Uniform within ±: rotation, relative size, shear.
    shift_pixels : float
        Uniform within ±, along each axis.
    bend_pixels : float
        Standard deviation of the displacement at each knot of a 6×6 grid, linear between knots (the
        elastic distortion of Simard, Steinkraus and Platt, ICDAR 2003, with a coarse grid in place
        of a smoothed fine one).
    """

    turn_degrees: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    shift_pixels: float = 0.0
    bend_pixels: float = 0.0

    def __post_init__(self) -> None:
        for name in ("turn_degrees", "scale", "shear", "shift_pixels", "bend_pixels"):
            if not 0 <= getattr(self, name) < 90:
                raise InputError(
                    f"deformation: {name} = {getattr(self, name)!r}; expected 0 or more, below 90"
                )

    @property
    def none(self) -> bool:
        """Whether images stay as they are."""
        return not (
            self.turn_degrees or self.scale or self.shear or self.shift_pixels or self.bend_pixels
        )

    def applied(self, images: NDArray[Any], image: tuple[int, int], rng: np.random.Generator) -> F:
        """Return deformed images (n, rows·columns), of which 255 is full, as grey levels from 0 to
        1."""
        if self.none:
            return images.astype(np.float32) / np.float32(255.0)
        n = len(images)
        turn = np.deg2rad(rng.uniform(-self.turn_degrees, self.turn_degrees, n))
        size, shear = (
            (1.0 / (1.0 + rng.uniform(-self.scale, self.scale, (2, n)))),
            rng.uniform(-self.shear, self.shear, n),
        )
        cos, sin = np.cos(turn), np.sin(turn)
        maps = np.empty((n, 6), np.float32)
        maps[:, 0], maps[:, 1] = size[0] * cos, size[0] * (shear * cos - sin)
        maps[:, 2], maps[:, 3] = size[1] * sin, size[1] * (shear * sin + cos)
        maps[:, 4:] = rng.uniform(-self.shift_pixels, self.shift_pixels, (n, 2))
        bends = (
            self.bend_pixels * rng.standard_normal((n, 2, _KNOTS, _KNOTS), dtype=np.float32)
        ).astype(np.float32)
        result = np.empty((n, image[0] * image[1]), np.float32)
        _resample(np.ascontiguousarray(images), image[0], image[1], maps, bends, result)
        return result


@compiled(fastmath=True)
def _resample(images: NDArray[Any], rows: int, columns: int, maps: F, bends: F, result: F) -> None:
    """Write images (n, rows·columns) seen through their affine `maps` (n, 6) about the centre plus
    `bends` (n, 2, knots, knots); 0 outside."""
    middle, centre = np.float32((rows - 1) / 2), np.float32((columns - 1) / 2)
    knots = bends.shape[2]
    per_row, per_pixel = (
        np.float32((knots - 1) / (rows - 1)),
        np.float32((knots - 1) / (columns - 1)),
    )
    one, grey = np.float32(1.0), np.float32(1.0 / 255.0)
    for q in range(images.shape[0]):
        a, b, c, d, e, f = maps[q, 0], maps[q, 1], maps[q, 2], maps[q, 3], maps[q, 4], maps[q, 5]
        for row in range(rows):
            y = np.float32(row) - middle
            ky = min(int(row * per_row), knots - 2)
            fy = np.float32(row) * per_row - np.float32(ky)
            for column in range(columns):
                x = np.float32(column) - centre
                kx = min(int(column * per_pixel), knots - 2)
                fx = np.float32(column) * per_pixel - np.float32(kx)
                w00, w01, w10, w11 = (
                    (one - fy) * (one - fx),
                    (one - fy) * fx,
                    fy * (one - fx),
                    fy * fx,
                )
                dy = (
                    w00 * bends[q, 0, ky, kx]
                    + w01 * bends[q, 0, ky, kx + 1]
                    + w10 * bends[q, 0, ky + 1, kx]
                    + w11 * bends[q, 0, ky + 1, kx + 1]
                )
                dx = (
                    w00 * bends[q, 1, ky, kx]
                    + w01 * bends[q, 1, ky, kx + 1]
                    + w10 * bends[q, 1, ky + 1, kx]
                    + w11 * bends[q, 1, ky + 1, kx + 1]
                )
                sx = a * x + b * y + e + dx + centre
                sy = c * x + d * y + f + dy + middle
                value = np.float32(0.0)
                if sx > -one and sy > -one and sx < columns and sy < rows:
                    x0, y0 = int(np.floor(sx)), int(np.floor(sy))
                    gx, gy = sx - np.float32(x0), sy - np.float32(y0)
                    for py in range(2):
                        for px in range(2):
                            i, j = y0 + py, x0 + px
                            if 0 <= i < rows and 0 <= j < columns:
                                weight = (gy if py else one - gy) * (gx if px else one - gx)
                                value += weight * np.float32(images[q, i * columns + j])
                result[q, row * columns + column] = value * grey
