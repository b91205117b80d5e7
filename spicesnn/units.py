"""Engineering notation, "10k", "1u", "1meg", to and from SI floats, as SPICE users type it."""

from __future__ import annotations

import math
import re
import sys
from typing import Any

from spicesnn.errors import InputError

_SCALE = {
    "t": 1e12,
    "g": 1e9,
    "meg": 1e6,
    "k": 1e3,
    "": 1.0,
    "m": 1e-3,
    "u": 1e-6,
    "µ": 1e-6,
    "n": 1e-9,
    "p": 1e-12,
    "f": 1e-15,
    "a": 1e-18,
}
_PATTERN = re.compile(
    r"^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(meg|[tgkmuµnpfa])?\s*(ohm|Ω|v|a|s|f|hz|h|w|j)?\s*$",
    re.IGNORECASE,
)


_LONE_UNIT = re.compile(r"^\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*([AF])\s*$")
"""A capital that people write for ampere and farad, and SPICE reads as atto and femto."""


_CAPITAL_M = re.compile(r"^\s*([+-]?[\d.]+(?:[eE][+-]?\d+)?)\s*M(?![eE][gG])(\s*[A-Za-zΩ]*)\s*$")
"""What people write for mega, and SPICE reads as milli."""


def parse(text: str | float) -> float:
    """Turn what people type into an SI float.

    Parameters
    ----------
    text : str | float
        A number, with a SPICE scale suffix if wanted (``m`` is milli, ``meg`` is mega) and a unit
        if wanted.

    Returns
    -------
    float
        The value in SI units.

    Raises
    ------
    InputError
        Something that is no number, or is not finite.

    Examples
    --------
    >>> parse("10k"), parse("1meg"), parse("100ns"), parse(2)
    (10000.0, 1000000.0, 1e-07, 2.0)
    """
    if isinstance(text, int | float):
        if (
            not -sys.float_info.max <= text <= sys.float_info.max
        ):  # written so that NaN is refused too
            raise InputError(
                f"{text if isinstance(text, float) else 'so large a number'} is not a finite number"
            )
        return float(text)
    match = _PATTERN.match(text)
    if match is None:
        raise InputError(f"{text!r} is not a number; expected one like 10k, 1u, 1meg, 2.5e-3")
    number, scale, _unit = match.groups()
    value = float(number) * _SCALE[(scale or "").lower()]
    if not math.isfinite(value):
        raise InputError(f"{text!r} is not a finite number")
    # 100 * 1e-9 is 1.0000000000000001e-07: read the decimal text once instead, so that
    # parse("100n") == 1e-7.
    exponent = round(math.log10(_SCALE[(scale or "").lower()]))
    mantissa, _, power = number.lower().partition("e")
    return float(f"{mantissa}e{int(power or 0) + exponent}")


_UNITS = {
    "v": "V",
    "a": "A",
    "s": "s",
    "f": "F",
    "hz": "Hz",
    "h": "H",
    "w": "W",
    "j": "J",
    "ohm": "Ω",
    "ω": "Ω",
}


def in_unit(value: Any, unit: str, what: str) -> Any:
    """Return a text with a unit such as ``"500mV"`` as an SI float, and anything else as it is.

    Parameters
    ----------
    value : float, str or array
    unit : str
        What the quantity is measured in: a text names it, or a scale as in ``"10k"``, but no other.
    what : str
        How a message calls it.

    Raises
    ------
    InputError
        No number, or one with another unit.

    Examples
    --------
    >>> in_unit("500mV", "V", "amplitude"), in_unit(2.0, "V", "amplitude")
    (0.5, 2.0)
    """
    if not isinstance(value, str):
        return value
    number = quantity(value, unit, what)
    if not unit_of(value) and value.strip()[-1:].isdigit():
        raise InputError(
            f"{what} = {value!r}; expected a number, or a text with its unit, such as"
            f" '{value.strip()} {unit}'"
        )
    return number


def quantity(text: str | float, unit: str, what: str) -> float:
    """Return an SI float from a number or a text, whose unit, if it names one, has to be that of
    the quantity.

    Examples
    --------
    >>> quantity("2k", "Ω", "r_on"), quantity("2 kΩ", "Ω", "r_on"), quantity(3, "Ω", "r_on")
    (2000.0, 2000.0, 3.0)
    """
    if isinstance(text, str) and (lone := _LONE_UNIT.match(text)):
        number_, letter = lone.groups()
        least = {"A": "1e-18", "F": "1e-15"}[letter]
        raise InputError(
            f"{what} = {text!r}: in {'ampere' if letter == 'A' else 'farad'}, or times {least} as SPICE"
            f" reads it? Write {number_} or {number_}e{least[2:]}, in {unit or 'plain numbers'}"
        )
    if isinstance(text, str) and (capital := _CAPITAL_M.match(text)) and _PATTERN.match(text):
        number_, rest = capital.groups()
        raise InputError(
            f"{what} = {text!r}: mega, or milli as SPICE reads M? Write {number_}meg{rest} or"
            f" {number_}m{rest}"
        )
    try:
        number = parse(text)
    except InputError as error:
        raise InputError(f"{what}: {error}") from None
    given = unit_of(text) if isinstance(text, str) else ""
    if given and not same_unit(given, unit):
        raise InputError(
            f"{what} = {text!r} is in {given}; expected"
            f" {unit if unit not in ('', '1') else 'a plain number'}"
        )
    return number


_SUFFIXES = {
    "ohm": "Ω",
    "volts": "V",
    "amps": "A",
    "s": "s",
    "farad": "F",
    "hz": "Hz",
    "joule": "J",
    "siemens": "S",
    "watt": "W",
    "m2": "m²",
}


def unit_of_name(name: str) -> str:
    """Return the unit that the name of a quantity ends in (``word_line_ohm`` → Ω), or nothing."""
    return _SUFFIXES.get(name.rpartition("_")[2], "")


def unit_of(text: str) -> str:
    """Return the unit that a text names, as its sign (``V``, ``Ω``), or nothing."""
    match = _PATTERN.match(text)
    named = match.group(3) if match is not None else None
    if not named:
        return ""
    return _UNITS[named.lower()]


def same_unit(given: str, unit: str) -> bool:
    """Return whether a unit that `unit_of` found is that of a quantity; ``s`` may be seconds or
    siemens."""
    return given == unit or (given == "s" and unit == "S")


def render(value: float, unit: str = "", digits: int = 4) -> str:
    """Write a float in engineering notation, such as ``2.5 kΩ``.

    Examples
    --------
    >>> render(2500.0, "Ω"), render(1e-7, "s"), render(0.99999, "V")
    ('2.5 kΩ', '100 ns', '1 V')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}".rstrip()
    exponent = int(f"{abs(value):.{digits - 1}e}".partition("e")[2])  # of what is written
    power = max(-18, min(12, 3 * (exponent // 3)))
    prefix = {
        12: "T",
        9: "G",
        6: "M",
        3: "k",
        0: "",
        -3: "m",
        -6: "µ",
        -9: "n",
        -12: "p",
        -15: "f",
        -18: "a",
    }[power]
    return f"{value / 10**power:.{digits}g} {prefix}{unit}".rstrip()
