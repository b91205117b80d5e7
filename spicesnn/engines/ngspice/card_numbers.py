"""What ngspice makes of a number on a card.

Its reader of cards adds the digits up and multiplies by a power of ten, all in double precision
(`INPevaluate` of its parser), so one number in four comes out a rounding away from the double that
was written. ``alter`` reads the very double. Of a circuit that is loaded for new cells only those
are altered that no card can bring in."""

from __future__ import annotations

import platform
from collections.abc import Sequence

import numpy as np

from spicesnn.arrays import Floats

_SUMS_AS_WRITTEN = ("x86_64", "amd64", "i686")
"""Processors whose compilers do not fuse a product and a sum into one rounding unless told to."""
_MOST_ZEROS = 3
_POWERS = range(-350, 350)
_TENS = np.array([10.0**k if abs(k) < 300 else np.nan for k in _POWERS])


def on_cards(values: Floats) -> tuple[list[str], Floats]:
    """Return numbers for cards, and the doubles that ngspice reads from them.

    Where the shortest number is read a rounding away from what is asked for, zeros behind it often
    help: they add up to another mantissa, for another power of ten.

    Parameters
    ----------
    values : (n,) above 0

    Returns
    -------
    texts : list of str
    read : (n,)
        NaN where it is not known.
    """
    texts = list(map(repr, values.tolist()))
    read = read_from_cards(texts)
    for zeros in range(1, _MOST_ZEROS + 1):
        off = np.flatnonzero(np.isfinite(read) & (read != values)).tolist()
        longer = [_with_zeros(texts[k], zeros) for k in off]
        for k, text, found in zip(off, longer, read_from_cards(longer).tolist(), strict=True):
            if found == values[k]:
                texts[k], read[k] = text, found
    return texts, read


def _with_zeros(text: str, zeros: int) -> str:
    mantissa, e, power = text.partition("e")
    point = "" if "." in mantissa else "."
    return f"{mantissa}{point}{'0' * zeros}{e}{power}"


def read_from_cards(texts: Sequence[str]) -> Floats:
    """Return the doubles that ngspice reads from numbers without a sign, such as `repr` writes,
    (n,); NaN where that is not known, as on processors that may fuse a product and a sum."""
    count = len(texts)
    if not count or platform.machine().lower() not in _SUMS_AS_WRITTEN:
        return np.full(count, np.nan)
    letters = np.array(texts, dtype="S")
    letters = letters.view(np.uint8).reshape(count, letters.dtype.itemsize)
    digits, power, exponent = np.zeros(count), np.zeros(count, np.int64), np.zeros(count, np.int64)
    behind_point, in_exponent, falling = (np.zeros(count, dtype=bool) for _ in range(3))
    for letter in np.ascontiguousarray(letters.T).astype(np.int64):
        digit = (letter >= ord("0")) & (letter <= ord("9"))
        mantissa = digit & ~in_exponent
        np.copyto(digits, 10.0 * digits + letter - float(ord("0")), where=mantissa)
        power -= mantissa & behind_point
        np.copyto(exponent, 10 * exponent + letter - ord("0"), where=digit & in_exponent)
        behind_point |= letter == ord(".")
        falling |= in_exponent & (letter == ord("-"))
        in_exponent |= letter == ord("e")
    power += np.where(falling, -exponent, exponent)
    read: Floats = digits * _TENS[np.clip(power - _POWERS[0], 0, len(_TENS) - 1)]
    return read
