"""DAC and ADC as what they do to volts and amperes: finite levels over a range, offset, gain,
integral non-linearity, noise."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spicesnn.errors import InputError
from spicesnn.guesses import hinted
from spicesnn.networks.nodes import Values

RANGES = ("max", "percentile", "least-error")
"""How a converter's range follows from calibration samples."""


def _check_bits(owner: str, bits: object) -> None:
    if isinstance(bits, bool) or not isinstance(bits, int | np.integer) or not 1 <= bits <= 24:
        raise InputError(
            f"{owner}: bits is {bits!r}; expected a whole number from 1 to 24 (leave the converter"
            " out for an ideal one)"
        )


def _check_numbers(owner: str, part: object, names: tuple[str, ...]) -> None:
    for name in names:
        value = getattr(part, name)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float | np.number)
            or not np.isfinite(value)
            or value < 0
        ):
            raise InputError(f"{owner}: {name} is {value!r}; expected a finite number, 0 or more")


_WORDS = dict.fromkeys(("resolution", "nbits", "n_bits", "bit", "precision"), "bits=…")


@hinted({}, _WORDS)
@dataclass(frozen=True, slots=True)
class DAC:
    """Converter of inputs to word-line volts.

    Attributes
    ----------
    bits : int
        May be given by position, as in ``DAC(6)``. Levels over the range: 2**bits from 0 to full scale, or 2**bits − 1 from −full to +full
        where inputs have both signs.
    coding : "amplitude", "bit-serial" or "pulse-width"
        One level a read; one read at full volts a bit, added up with powers of two behind the ADC;
        or full volts for a time (linear cells).
    range : "max", "percentile" or "least-error"
        Full scale from the calibration samples: their largest value, the percentile of their
        magnitudes, or what makes the mean square error of the converted values least.
    percentile : float
    """

    bits: int = 8
    _: KW_ONLY
    coding: Literal["amplitude", "bit-serial", "pulse-width"] = "amplitude"
    range: str = "max"
    percentile: float = 99.9

    def __post_init__(self) -> None:
        _check_bits("DAC", self.bits)
        if self.coding not in ("amplitude", "bit-serial", "pulse-width"):
            raise InputError(
                f"DAC: coding is {self.coding!r}; expected amplitude, bit-serial or pulse-width"
            )
        _check_range("DAC", self.range, self.percentile)

    def levels(self, signed: bool) -> int:
        """Number of steps from 0 to full scale."""
        return (2 ** (self.bits - 1) - 1 or 1) if signed else 2**self.bits - 1

    def codes(self, inputs: Values, full: float, signed: bool) -> NDArray[np.float64]:
        """Nearest codes of inputs, whole numbers from −levels to levels; what lies beyond the range
        takes its end."""
        steps = self.levels(signed)
        return np.clip(np.rint(inputs / full * steps), -steps if signed else 0, steps)


@hinted({}, {**_WORDS, "noise": "noise_lsb=…", "offset": "offset_lsb=…", "inl": "inl_lsb=…"})
@dataclass(frozen=True, slots=True)
class ADC:
    """Converter of a bit line's current (or the difference of a pair) to a number.

    Attributes
    ----------
    bits : int
        May be given by position, as in ``ADC(8)``.
    range : "max", "percentile" or "least-error"
        From the calibration samples, as of `DAC`.
    percentile : float
    offset_lsb, gain_error : float
        Standard deviations of each converter's offset (in steps) and relative gain error, drawn
        once for a chip.
    inl_lsb : float
        Integral non-linearity: the largest deviation of each converter's transfer curve from a
        straight line, in steps; the curve's form (a third-order bow through both ends and the
        middle, of random sign and size up to this) is drawn once for a chip.
    noise_lsb : float
        Standard deviation of each conversion, in steps.
    """

    bits: int = 8
    _: KW_ONLY
    range: str = "least-error"
    percentile: float = 99.9
    offset_lsb: float = 0.0
    gain_error: float = 0.0
    inl_lsb: float = 0.0
    noise_lsb: float = 0.0

    def __post_init__(self) -> None:
        _check_bits("ADC", self.bits)
        _check_range("ADC", self.range, self.percentile)
        _check_numbers("ADC", self, ("offset_lsb", "gain_error", "inl_lsb", "noise_lsb"))

    def drawn(self, converters: int, rng: np.random.Generator) -> ADCErrors:
        """Errors of single converters."""
        return ADCErrors(
            offset=self.offset_lsb * rng.standard_normal(converters),
            gain=1.0 + self.gain_error * rng.standard_normal(converters),
            bow=self.inl_lsb * rng.uniform(-1.0, 1.0, converters),
        )

    def steps(self, signed: bool) -> int:
        """Number of steps from 0 to full scale."""
        return (2 ** (self.bits - 1) - 1 or 1) if signed else 2**self.bits - 1

    def converted(
        self,
        values: Values,
        full: float,
        signed: bool,
        errors: ADCErrors | None = None,
        rng: np.random.Generator | None = None,
    ) -> Values:
        """The numbers that currents become, in the unit of the currents.

        Parameters
        ----------
        values : (n, converters)
        full : float
            Full scale, in the unit of `values`.
        signed : bool
            Range from −full to full, or from 0.
        errors : ADCErrors, optional
        rng : Generator, optional
            Of the noise of conversions; none is added without.
        """
        steps = self.steps(signed)
        code = values * (steps / full)
        if errors is not None:
            share = np.clip(code / steps, -1.0, 1.0)
            # x − x³ bows between the ends and 0; its extreme 2/(3√3) at x = 1/√3 is scaled to 1.
            code = (
                code * errors.gain
                + errors.offset
                + errors.bow * (share - share**3) * (1.5 * np.sqrt(3.0))
            )
        if self.noise_lsb and rng is not None:
            code = code + self.noise_lsb * rng.standard_normal(code.shape)
        return np.asarray(np.clip(np.rint(code), -steps if signed else 0, steps) * (full / steps))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ADCErrors:
    """Offset (steps), gain (1) and bow (steps) of each converter, (converters,)."""

    offset: Values
    gain: Values
    bow: Values

    def __post_init__(self) -> None:
        for entry in fields(self):
            getattr(self, entry.name).setflags(write=False)


def _check_range(owner: str, told: object, percentile: float) -> None:
    if told not in RANGES:
        raise InputError(f"{owner}: range is {told!r}; expected one of: {', '.join(RANGES)}")
    if not (isinstance(percentile, int | float) and 50 < percentile <= 100):
        raise InputError(
            f"{owner}: percentile is {percentile!r}; expected a number above 50, at most 100"
        )


def full_scale(values: Values, converter: DAC | ADC, *, signed: bool) -> float:
    """The full scale that a converter takes for calibration values, above 0.

    Least error: of fifty fractions of the largest magnitude, the one with the smallest mean square
    error of the converted values."""
    sizes = np.abs(values).ravel()
    largest = float(sizes.max(initial=0.0))
    if largest == 0.0:
        return 1.0
    if converter.range == "max":
        return largest
    if converter.range == "percentile":
        return float(np.percentile(sizes, converter.percentile)) or largest
    steps = converter.levels(signed) if isinstance(converter, DAC) else converter.steps(signed)
    some = values.ravel()
    if some.size > 200_000:
        some = some[:: some.size // 200_000 + 1]
    best, least = largest, np.inf
    for fraction in np.linspace(0.02, 1.0, 50):
        full = fraction * largest
        step = full / steps
        error = float(
            np.mean(
                (np.clip(np.rint(some / step), -steps if signed else 0, steps) * step - some) ** 2
            )
        )
        if error < least:
            best, least = full, error
    return best
