"""The wires of an array: resistance of the segments, the drivers and the sense inputs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from spicesnn.arrays import Floats, brief, owned, span
from spicesnn.errors import InputError, WrongTypeError
from spicesnn.guesses import Hinting, hinted
from spicesnn.units import in_unit

_NUMBERS = (
    "word_line_ohm",
    "bit_line_ohm",
    "driver_ohm",
    "sense_ohm",
    "word_line_farad",
    "bit_line_farad",
)


_OHMS = ("word_line_ohm", "bit_line_ohm", "driver_ohm", "sense_ohm")
DRIVE_SIDES, SENSE_SIDES = ("left", "right", "both"), ("bottom", "top", "both")
_SIDES = {"drive_side": DRIVE_SIDES, "sense_side": SENSE_SIDES}


_LEAST_OHM = 1e-300
"""One over a smaller number overflows, and what is computed with infinities has no certificate."""


_WORDS = {
    "r": "word_line_ohm=… and bit_line_ohm=…",
    "R": "word_line_ohm=… and bit_line_ohm=…",
    "r_wire": "word_line_ohm=… and bit_line_ohm=…",
    "segment_ohm": "word_line_ohm=… and bit_line_ohm=…",
    "word": "word_line_ohm=…",
    "bit": "bit_line_ohm=…",
    "word_line": "word_line_ohm=…",
    "bit_line": "bit_line_ohm=…",
    "row": "word_line_ohm=…",
    "column": "bit_line_ohm=…",
    "r_i": "word_line_ohm=… and bit_line_ohm=…",
    "r_i_word_line": "word_line_ohm=…",
    "r_i_bit_line": "bit_line_ohm=…",
    "Rp_row": "word_line_ohm=…",
    "Rp_col": "bit_line_ohm=…",
    "Rp": "word_line_ohm=… and bit_line_ohm=…",
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
    "driven": "drive_side='left', 'right' or 'both'",
    "drive": "drive_side='left', 'right' or 'both'",
    "drive_end": "drive_side='left', 'right' or 'both'",
    "source_side": "drive_side='left', 'right' or 'both'",
    "sensed": "sense_side='bottom', 'top' or 'both'",
    "sense": "sense_side='bottom', 'top' or 'both'",
    "sense_end": "sense_side='bottom', 'top' or 'both'",
    "sides": "drive_side=… and sense_side=…, or double_sided=True",
    "ends": "drive_side=… and sense_side=…, or double_sided=True",
}


class _Known:
    """Room for the numbers of wires as a key, which is made once."""

    __slots__ = ("_numbers",)
    _numbers: tuple[object, ...]


_put = object.__setattr__


class _OneForBoth(Hinting):
    """The class of wires: one number by position is the resistance of all segments."""

    def __call__(self, *given: Any, **named: Any) -> Any:
        if len(given) == 1 and "bit_line_ohm" not in named:
            if np.ndim(given[0]) and np.asarray(given[0]).dtype.kind in "fiu":
                raise InputError(
                    f"Wires({brief(given[0])}) says the word lines alone, one by one; expected"
                    " bit_line_ohm=… too"
                )
            given = (given[0], given[0])
        return super().__call__(*given, **named)


@hinted(_WORDS, _WORDS)
@dataclass(frozen=True, eq=False, slots=True)
class Wires(_Known, metaclass=_OneForBoth):
    """Wire parasitics of a crossbar.

    Word line i is driven at column 0 through ``driver_ohm`` and one segment; bit line j is sensed
    at the last row through one segment and ``sense_ohm``; one segment lies between neighbouring
    cells; the other ends float. `drive_side` and `sense_side` choose other ends, or both. 0 Ω is
    exact: the nodes it joins are one node. Each resistance is one number or one per line. The four
    may be given by position: ``Wires(1.0, 1.0)``; one number alone, ``Wires(0.5)``, is both lines'.

    Attributes
    ----------
    word_line_ohm : float | (rows,) array
        Resistance of one segment of a word line, ohm, ≥ 0.
    bit_line_ohm : float | (cols,) array
        Resistance of one segment of a bit line, ohm, ≥ 0.
    driver_ohm : float | (rows,) array
        Output resistance of the word-line drivers, ohm, ≥ 0.
    sense_ohm : float | (cols,) array
        Input resistance of the bit-line sense nodes, ohm, ≥ 0.
    double_sided : bool
        Whether word lines are driven, and bit lines sensed, from both ends (through the same
        resistances on either side), where the sides do not say otherwise.
    drive_side : str, optional
        Where word lines are driven: ``"left"`` (column 0), ``"right"`` (the last column) or
        ``"both"``; left out, ``"both"`` if `double_sided`, else ``"left"``.
    sense_side : str, optional
        Where bit lines are sensed: ``"bottom"`` (the last row), ``"top"`` (row 0) or ``"both"``;
        left out, ``"both"`` if `double_sided`, else ``"bottom"``.
    word_line_farad, bit_line_farad : float
        Capacitance to ground of each node of a line, farad, ≥ 0; only transients use it.

    Examples
    --------
    >>> import numpy as np, spicesnn as sn
    >>> wires = sn.Wires(np.array([1.0, 1.0, 5.0]), 1.0, sense_side="top")  # one word line resists more
    >>> read = sn.Crossbar(np.full((3, 2), 1e-3), wires=wires).read([0.2, 0.2, 0.2])
    >>> [f"{amps * 1e3:.4f} mA" for amps in read.row_amps]
    ['0.3978 mA', '0.3970 mA', '0.3927 mA']
    """

    word_line_ohm: float | Floats = 1.0
    bit_line_ohm: float | Floats = 1.0
    driver_ohm: float | Floats = 0.0
    sense_ohm: float | Floats = 0.0
    double_sided: bool = field(default=False, kw_only=True)
    drive_side: str | None = field(default=None, kw_only=True)
    sense_side: str | None = field(default=None, kw_only=True)
    word_line_farad: float = field(default=0.0, kw_only=True)
    bit_line_farad: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        if self.double_sided is False and self.drive_side is None and self.sense_side is None:
            numbers = (
                self.word_line_ohm,
                self.bit_line_ohm,
                self.driver_ohm,
                self.sense_ohm,
                self.word_line_farad,
                self.bit_line_farad,
            )
            for given in numbers:
                if type(given) is not float or not (given == 0.0 or _LEAST_OHM <= given < math.inf):
                    break
            else:  # as most wires are: nothing is left to look at
                _put(self, "_numbers", (numbers, "left", "bottom"))
                return
        self._check()

    def _check(self) -> None:
        """Check whatever wires may be given as, and take it as floats and arrays of them."""
        if not isinstance(self.double_sided, bool | np.bool_):
            raise InputError(
                f"wires: double_sided = {self.double_sided!r:.60}; expected True or False"
            )
        for name, known in _SIDES.items():
            side = getattr(self, name)
            if side is not None and (not isinstance(side, str) or side not in known):
                raise InputError(
                    f"wires: {name} = {side!r:.60}; expected one of: {', '.join(known)}"
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
        per_line = name in _OHMS
        if value.ndim > (1 if per_line else 0):
            raise InputError(
                f"wires: {name} has shape {value.shape}; expected one"
                f" number{' or one per line' if per_line else ''}"
            )
        if not np.all(np.isfinite(value)) or np.any(value < 0):
            raise InputError(f"wires: {name} = {brief(given)}; expected a finite number, 0 or more")
        if name.endswith("_ohm") and np.any((value > 0) & (value < _LEAST_OHM)):
            raise InputError(
                f"wires: {name} = {brief(given)}; expected 0 (exact), or {_LEAST_OHM:g} Ω or more,"
                " whose conductance is a number"
            )
        object.__setattr__(self, name, value if value.ndim else float(value))

    @property
    def driven_ends(self) -> tuple[bool, bool]:
        """Whether word lines are driven at column 0, and at the last column."""
        side = self.drive_side or ("both" if self.double_sided else "left")
        return side != "right", side != "left"

    @property
    def sensed_ends(self) -> tuple[bool, bool]:
        """Whether bit lines are sensed at row 0, and at the last row."""
        side = self.sense_side or ("both" if self.double_sided else "bottom")
        return side != "bottom", side != "top"

    def word_ohms(self, rows: int) -> tuple[Floats, Floats]:
        """Return the resistance of a segment of each word line, and of what lies between its
        driver and the cell nearest to it, ohm, (rows,) each."""
        return _by_line(self.word_line_ohm, self.driver_ohm, rows)

    def bit_ohms(self, cols: int) -> tuple[Floats, Floats]:
        """Return the resistance of a segment of each bit line, and of what lies between its sense
        node and the cell nearest to it, ohm, (cols,) each."""
        return _by_line(self.bit_line_ohm, self.sense_ohm, cols)

    @property
    def largest_segment_ohm(self) -> float:
        """Resistance of the most resistive segment of any line, ohm."""
        return max(largest(self.word_line_ohm), largest(self.bit_line_ohm))

    @property
    def smallest_segment_ohm(self) -> float:
        """Resistance of the least resistive segment that resists at all, ohm; infinite where none
        does."""
        return min(_least_above_0(self.word_line_ohm), _least_above_0(self.bit_line_ohm))

    @property
    def smallest_ohm(self) -> float:
        """The same over all resistances, those of drivers and sense nodes among them."""
        ends = min(_least_above_0(self.driver_ohm), _least_above_0(self.sense_ohm))
        return min(self.smallest_segment_ohm, ends)

    @property
    def partly_ideal(self) -> bool:
        """Whether some lines of a kind have segments without resistance, and others have not."""
        return any(
            not isinstance(ohm, float) and 0.0 in ohm and bool(ohm.any())
            for ohm in (self.word_line_ohm, self.bit_line_ohm)
        )

    @property
    def without_resistance(self) -> bool:
        """Whether nothing resists."""
        return self.smallest_ohm == math.inf

    def _key(self) -> tuple[object, ...]:
        """Return the numbers: what engines set up for wires is kept by them, whichever object they
        come in."""
        try:
            return self._numbers
        except AttributeError:
            both = "both" if self.double_sided else None
            ohms = (self.word_line_ohm, self.bit_line_ohm, self.driver_ohm, self.sense_ohm)
            key = (
                (
                    *(ohm if type(ohm) is float else np.asarray(ohm).tobytes() for ohm in ohms),
                    self.word_line_farad,
                    self.bit_line_farad,
                ),
                self.drive_side or both or "left",
                self.sense_side or both or "bottom",
            )
            _put(self, "_numbers", key)
            return key

    def __repr__(self) -> str:
        shown = []
        for entry in fields(self):
            value = getattr(self, entry.name)
            segments = entry.name in ("word_line_ohm", "bit_line_ohm")
            if entry.init and (segments or np.ndim(value) or value != entry.default):
                text = (
                    f"[{value.size} lines, {span(value, 'Ω')}]" if np.ndim(value) else repr(value)
                )
                shown.append(f"{entry.name}={text}")
        return f"Wires({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        return self is other or (type(other) is Wires and self._key() == other._key())

    def __hash__(self) -> int:
        return hash(self._key())

    @classmethod
    def ideal(cls) -> Wires:
        """Return wires without resistance."""
        return cls(word_line_ohm=0.0, bit_line_ohm=0.0)

    def checked_for(self, rows: int, cols: int) -> Wires:
        """Return self after checking that per-line resistances fit an array of (rows, cols)."""
        if (
            type(self.word_line_ohm)
            is type(self.bit_line_ohm)
            is type(self.driver_ohm)
            is type(self.sense_ohm)
            is float
        ):
            return self
        for name in _OHMS:
            if type(getattr(self, name)) is float:
                continue
            count, lines = (
                (rows, "rows") if name in ("word_line_ohm", "driver_ohm") else (cols, "cols")
            )
            shape = np.shape(getattr(self, name))
            if shape != (count,):
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


def largest(ohm: float | Floats) -> float:
    """Return the largest of one resistance or one per line, ohm."""
    return ohm if isinstance(ohm, float) else float(ohm.max())


def in_words(ohm: float | Floats, unit: str = "ohm") -> str:
    """Return one resistance, or the range of one per line, with its unit."""
    if isinstance(ohm, float):
        return f"{ohm:g} {unit}"
    return f"{float(ohm.min()):g} to {float(ohm.max()):g} {unit} (by line)"


def _least_above_0(ohm: float | Floats) -> float:
    if isinstance(ohm, float):
        return ohm if ohm > 0 else math.inf
    return float(np.min(ohm, where=ohm > 0, initial=math.inf))


def _by_line(segment: float | Floats, end: float | Floats, count: int) -> tuple[Floats, Floats]:
    segments = np.broadcast_to(np.asarray(segment), count)
    return segments, segments + end
