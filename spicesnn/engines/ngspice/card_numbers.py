"""What ngspice makes of a number on a card.

Its reader of cards adds the digits up and multiplies by a power of ten, all in double precision
(`INPevaluate` of its parser), so one number in four comes out a rounding away from the double that
was written. ``alter`` reads the very double. Knowing which cards are read exactly, a circuit that
is loaded for new cells has to alter the others only."""

from __future__ import annotations

import platform
from collections.abc import Sequence

import numpy as np

from spicesnn.arrays import Floats

_SUMS_AS_WRITTEN = ("x86_64", "amd64", "i686")
"""Processors whose compilers do not fuse a product and a sum into one rounding unless told to."""
_LARGEST_POWER = 330


def read_from_cards(texts: Sequence[str]) -> Floats:
    """Return the doubles that ngspice reads from numbers on cards, (n,), as `number` writes them;
    NaN where that is not known, on processors that may fuse a product and a sum."""
    if platform.machine().lower() not in _SUMS_AS_WRITTEN:
        return np.full(len(texts), np.nan)
    letters = np.array(texts, dtype="S")
    letters = letters.view(np.uint8).reshape(len(texts), letters.dtype.itemsize).astype(np.int64)
    digits, power = np.zeros(len(texts)), np.zeros(len(texts), dtype=np.int64)
    exponent = np.zeros(len(texts), dtype=np.int64)
    behind_point, in_exponent, falling = (np.zeros(len(texts), dtype=bool) for _ in range(3))
    for letter in letters.T:
        digit = (letter >= ord("0")) & (letter <= ord("9"))
        mantissa = digit & ~in_exponent
        digits = np.where(mantissa, 10.0 * digits + letter - float(ord("0")), digits)
        power -= mantissa & behind_point
        exponent = np.where(digit & in_exponent, 10 * exponent + letter - ord("0"), exponent)
        behind_point |= letter == ord(".")
        falling |= in_exponent & (letter == ord("-"))
        in_exponent |= letter == ord("e")
    power += np.where(falling, -exponent, exponent)
    known = np.abs(power) <= _LARGEST_POWER
    tens = {k: 10.0**k if abs(k) < 300 else np.nan for k in np.unique(power[known]).tolist()}
    scale = np.array([tens.get(k, np.nan) for k in power.tolist()])
    read: Floats = np.where(np.char.startswith(texts, "-"), -digits, digits) * scale
    return read
