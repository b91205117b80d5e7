"""The wires of an array: resistance of the segments, the drivers and the sense inputs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import brief, owned
from spicesnn.errors import InputError, WrongTypeError
from spicesnn.guesses import hinted
from spicesnn.units import in_unit

_NUMBERS = (
    "word_line_ohm",
    "bit_line_ohm",
    "driver_ohm",
    "sense_ohm",
    "word_line_farad",
    "bit_line_farad",
)


_LEAST_OHM = 1e-300
"""One over a smaller number overflows, and what is computed with infinities has no certificate."""


_WORDS = {
    "r_i": "word_line_ohm=… and bit_line_ohm=…",
    "resistance": "word_line_ohm=… and bit_line_ohm=…",
    "ohm": "word_line_ohm=… and bit_line_ohm=…",
    "row_ohm": "word_line_ohm=…",
    "column_ohm": "bit_line_ohm=…",
    "r_word_line": "word_line_ohm=…",
    "r_bit_line": "bit_line_ohm=…",
    "r_driver": "driver_ohm=…",
    "source_ohm": "driver_ohm=…",
    "r_sense": "sense_ohm=…",
    "load_ohm": "sense_ohm=…",
    "capacitance": "word_line_farad=… and bit_line_farad=…",
}


@hinted(_WORDS, _WORDS)
@dataclass(frozen=True, eq=False, slots=True)
class Wires:
    """Wire parasitics of a crossbar.

    Word line i is driven at column 0 through ``driver_ohm`` and one segment; bit line j is sensed
    at the last row through one segment and ``sense_ohm``; one segment lies between neighbouring
    cells; far ends float unless `double_sided`. 0 Ω is exact: the nodes it joins are one node. The
    four resistances may be given by position: ``Wires(1.0, 1.0)``.

    Attributes
    ----------
    word_line_ohm, bit_line_ohm : float
        Resistance of one segment, ohm, ≥ 0.
    driver_ohm : float | (rows,) array
        Output resistance of the word-line drivers, ohm, ≥ 0.
    sense_ohm : float | (cols,) array
        Input resistance of the bit-line sense nodes, ohm, ≥ 0.
    double_sided : bool
        Whether word lines are driven, and bit lines sensed, from both ends (through the same
        resistances on either side).
    word_line_farad, bit_line_farad : float
        Capacitance to ground of each node of a line, farad, ≥ 0; only transients use it.
    """

    word_line_ohm: float = 1.0
    bit_line_ohm: float = 1.0
    driver_ohm: float | NDArray[np.float64] = 0.0
    sense_ohm: float | NDArray[np.float64] = 0.0
    double_sided: bool = field(default=False, kw_only=True)
    word_line_farad: float = field(default=0.0, kw_only=True)
    bit_line_farad: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.double_sided, bool | np.bool_):
            raise InputError(
                f"wires: double_sided = {self.double_sided!r:.60}; expected True or False"
            )
        for name in _NUMBERS:
            given = getattr(self, name)
            if isinstance(given, str):
                given = in_unit(given, "Ω" if name.endswith("_ohm") else "F", f"wires: {name}")
                object.__setattr__(self, name, given)
            if type(given) is not float or not (_LEAST_OHM <= given < math.inf or given == 0.0):
                self._take(name, given)

    def _take(self, name: str, given: Any) -> None:
        """Check what is no plain float, and put a float or a copy in its place."""
        value = owned(given, f"wires: {name}", "numbers in SI units, 0 or more")
        per_line = name in ("driver_ohm", "sense_ohm")
        if value.ndim > (1 if per_line else 0):
            raise InputError(
                f"wires: {name} has shape {value.shape}; expected one"
                f" number{' or one a line' if per_line else ''}"
            )
        if not np.all(np.isfinite(value)) or np.any(value < 0):
            raise InputError(f"wires: {name} = {brief(given)}; expected a finite number, 0 or more")
        if name.endswith("_ohm") and np.any((value > 0) & (value < _LEAST_OHM)):
            raise InputError(
                f"wires: {name} = {brief(given)}; expected 0 (exact), or {_LEAST_OHM:g} Ω or more,"
                " whose conductance is a number"
            )
        object.__setattr__(self, name, value if value.ndim else float(value))

    def _key(self) -> tuple[object, ...]:
        """Return the numbers: what engines set up for wires is kept by them, whichever object they
        come in."""
        driver, sense = self.driver_ohm, self.sense_ohm
        return (
            self.word_line_ohm,
            self.bit_line_ohm,
            driver if type(driver) is float else np.asarray(driver).tobytes(),
            sense if type(sense) is float else np.asarray(sense).tobytes(),
            self.double_sided,
            self.word_line_farad,
            self.bit_line_farad,
        )

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Wires) and self._key() == other._key())

    def __hash__(self) -> int:
        return hash(self._key())

    @classmethod
    def ideal(cls) -> Wires:
        """Return wires without resistance."""
        return cls(word_line_ohm=0.0, bit_line_ohm=0.0)

    def checked_for(self, rows: int, cols: int) -> Wires:
        """Return self after checking that per-line resistances fit an array of (rows, cols)."""
        if isinstance(self.driver_ohm, float) and isinstance(self.sense_ohm, float):
            return self
        for name, count, lines in (("driver_ohm", rows, "rows"), ("sense_ohm", cols, "cols")):
            shape = np.shape(getattr(self, name))
            if shape not in ((), (count,)):
                raise InputError(
                    f"wires: {name} has shape {shape}, but the array has {count} {lines}; expected"
                    f" one number or shape ({count},)"
                )
        return self

    @classmethod
    def given(cls, wires: Any) -> Wires:
        """Return wires from `Wires`, from one number (ohm a segment of both lines) or from None
        (ideal ones).

        Raises
        ------
        WrongTypeError
            Something else.
        """
        if isinstance(wires, cls):
            return wires
        if wires is None:
            return cls.ideal()
        if isinstance(wires, int | float | np.integer | np.floating | str) and not isinstance(
            wires, bool
        ):
            return cls(wires, wires)  # type: ignore[arg-type]
        raise WrongTypeError(
            f"wires is {wires!r:.60}; expected spicesnn.Wires(word_line_ohm, bit_line_ohm, …), or"
            " one number of ohms a segment"
        )

    def describe(self) -> dict[str, Any]:
        """Return the parameters as plain numbers and lists, for run files and reports."""
        return {
            e.name: v.tolist() if isinstance(v := getattr(self, e.name), np.ndarray) else v
            for e in fields(self)
        }
