"""Small images from large ones, and black and white from grey."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.errors import InputError

Floats = NDArray[np.float64]
METHODS = ("area", "bicubic")
_AT_ONCE = 256
"""So many images of 28×28 floats fit the cache."""


@cache
def _area_weights(source: int, target: int) -> Floats:
    """Return (target, source): the share of each source pixel in each target pixel, rows adding to
    1."""
    edges = np.linspace(0.0, source, target + 1)
    pixel = np.arange(source)
    overlap = np.minimum(edges[1:, None], pixel + 1.0) - np.maximum(edges[:-1, None], pixel)
    weights = np.maximum(overlap, 0.0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


@cache
def _bicubic_weights(source: int, target: int) -> Floats:
    """Return (target, source) of Keys' cubic kernel with a = −1/2, widened by the ratio when
    shrinking so that nothing aliases.

    w(t) = (a+2)|t|³ − (a+3)|t|² + 1 for |t| < 1; a|t|³ − 5a|t|² + 8a|t| − 4a for 1 ≤ |t| < 2; 0
    beyond (R. Keys, IEEE TASSP 29, 1153, 1981)."""
    a, ratio = -0.5, source / target
    width = max(ratio, 1.0)
    centre = (np.arange(target) + 0.5) * ratio
    t = np.abs((np.arange(source) + 0.5 - centre[:, None]) / width)
    near = (a + 2) * t**3 - (a + 3) * t**2 + 1
    far = a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a
    weights = np.where(t < 1, near, np.where(t < 2, far, 0.0))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def resize(images: ArrayLike, height: int, width: int, method: str = "area") -> Floats:
    """Return images of another size.

    Parameters
    ----------
    images : (..., rows, cols)
        Any numbers; the scale is kept.
    height, width : int
        Pixels of the result.
    method : str
        ``area``, the mean over the area each new pixel covers, or ``bicubic``, Keys' kernel
        (clipped to the range of the input).

    Returns
    -------
    (..., height, width) float
    """
    values = np.asarray(images)
    if values.ndim < 2 or 0 in values.shape:
        raise InputError(
            f"images have shape {values.shape}; expected (…, rows, cols), none of them 0"
        )
    if height < 1 or width < 1:
        raise InputError(f"height = {height}, width = {width}; expected 1 pixel or more")
    if method not in METHODS:
        raise InputError(f"no way to resize called {method!r}; there are: {', '.join(METHODS)}")
    make = _area_weights if method == "area" else _bicubic_weights
    down, across = make(values.shape[-2], height), make(values.shape[-1], width).T
    each = values.reshape(-1, *values.shape[-2:])
    small = np.empty((len(each), height, width))
    for first in range(
        0, len(each), _AT_ONCE
    ):  # as floats, all of MNIST would be half a gigabyte on its way through memory
        part = slice(first, first + _AT_ONCE)
        small[part] = down @ np.asarray(each[part], dtype=float) @ across
    if method == "bicubic":
        np.clip(small, values.min(), values.max(), out=small)
    return small.reshape(*values.shape[:-2], height, width)


def to_10x10(images: ArrayLike, method: str = "area") -> Floats:
    """Return MNIST images, (n, 28, 28) with ink at 255, as grey levels (n, 10, 10) from 0 to 1."""
    return resize(images, 10, 10, method) / 255.0


def binarise(images: ArrayLike, ones: int = 19) -> Floats:
    """Return 1 where a pixel is above the (`ones` + 1)-th largest of its image, else 0: at most
    `ones` ones, fewer where pixels tie.

    Parameters
    ----------
    images : (..., rows, cols)
    ones : int
        The seeds' MNIST 10×10 uses 19 (SEEDS S3: "above the 20th largest").
    """
    values = np.asarray(images, dtype=float)
    if values.ndim < 2:
        raise InputError(f"images have shape {values.shape}; expected (…, rows, cols)")
    flat = values.reshape(*values.shape[:-2], -1)
    if not 1 <= ones < flat.shape[-1]:
        raise InputError(
            f"ones = {ones}; expected 1 to {flat.shape[-1] - 1} for images of {flat.shape[-1]}"
            " pixels"
        )
    threshold = np.partition(flat, -(ones + 1), axis=-1)[..., -(ones + 1)]
    return np.asarray((flat > threshold[..., None]).astype(float).reshape(values.shape))
