"""What the columns of a measurement file are: their quantity and unit, from the headers that people and instruments write."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spicesnn.devices.base import Floats
from spicesnn.errors import DataError

_NAMES = {
    "time": "time t timestamp elapsed seconds sec",
    "volts": "volts volt v voltage bias drive pulse_volts pulse_voltage amplitude vin v_in v_d vd",
    "amps": "amps amp ampere amperes i current id i_d",
    "width": "width w pulse_width pulse_s duration",
    "siemens": "siemens g conductance conductances",
    "number": "pulse pulses n number index no # count cycle sample point",
}
_KINDS = {name: kind for kind, names in _NAMES.items() for name in names.split()}
_UNITS = {"time": ("s", "sec", "seconds"), "volts": ("v", "volt", "volts"), "amps": ("a", "amp", "amps", "ampere"),
          "width": ("s", "sec", "seconds"), "siemens": ("s", "siemens", "mho")}  # fmt: skip
_PREFIXES = {"": 1.0, "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6}
"""Both micro signs of Unicode; m is milli and M is mega."""
_SPLIT = re.compile(r"^(?P<name>.*?)\s*(?:[\[(]\s*(?P<bracketed>[^\])]*?)\s*[\])]|/\s*(?P<slashed>\S+)|,\s*(?P<comma>\S+))?\s*$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """What one column holds.

    Attributes
    ----------
    header : str
        As it stands in the file.
    kind : str
        ``time``, ``volts``, ``amps``, ``width``, ``siemens``, ``number``, or nothing where the header says nothing we know.
    scale : float
        What its numbers have to be multiplied by to be in SI units.
    """

    header: str
    kind: str = ""
    scale: float = 1.0

    @classmethod
    def of(cls, header: str) -> Column:
        """Return the column of a header such as ``time``, ``I (mA)``, ``Voltage [V]``, ``current_uA``, ``G/µS`` or ``µS``.

        Raises
        ------
        DataError
            A quantity that is known with a unit that is not.
        """
        parts = _SPLIT.match(header.strip())
        name, unit = (header.strip(), None) if parts is None else (parts["name"], parts["bracketed"] or parts["slashed"] or parts["comma"])
        kind = _KINDS.get(_plain(name), "")
        if not kind and unit is None and "_" in name.rstrip("_"):
            before, _, after = name.rpartition("_")
            if _plain(before) in _KINDS:
                kind, unit = _KINDS[_plain(before)], after
        if not kind:
            kind, unit = _by_unit(name.rpartition("_")[2] if unit is None else unit)
        if not kind or kind == "number" or not unit:
            return cls(header=header.strip(), kind=kind)
        scale = _scale(unit, kind)
        if scale is None:
            known = _UNITS[kind][0].upper()
            raise DataError(f"header {header.strip()!r}: the unit {unit!r} is not known; expected {known} with f p n u m k or M before it")
        return cls(header=header.strip(), kind=kind, scale=scale)


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-]+", "_", name.strip().lower()).strip("_")


def _scale(unit: str, kind: str) -> float | None:
    """Return the factor of a unit of a quantity, or None where it has no such unit."""
    for word in sorted(_UNITS[kind], key=len, reverse=True):
        if unit.lower().endswith(word) and unit[: len(unit) - len(word)] in _PREFIXES:
            return _PREFIXES[unit[: len(unit) - len(word)]]
    return None


def _by_unit(unit: str) -> tuple[str, str | None]:
    """Return the quantity that a unit such as µS or mA stands for, and the unit: S is siemens here and s a second."""
    for kind, symbol in (("siemens", "S"), ("siemens", "siemens"), ("amps", "A"), ("volts", "V"), ("time", "s")):
        if unit.endswith(symbol) and unit.removesuffix(symbol) in _PREFIXES:
            return kind, unit
    return "", None


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Table:
    """The numbers of a CSV file in SI units, and what its columns are.

    Attributes
    ----------
    columns : tuple of Column
        Made up where the file has no header.
    values : (rows, columns)
        NaN where a cell is empty.
    lines : tuple of int
        Line of each row in the file.
    headed : bool
        Whether the file has a header.
    """

    columns: tuple[Column, ...]
    values: Floats
    lines: tuple[int, ...]
    headed: bool

    def of(self, kind: str) -> Floats | None:
        """Return the first column of a kind, (rows,), or None."""
        for k, column in enumerate(self.columns):
            if column.kind == kind:
                return np.asarray(self.values[:, k])
        return None

    @property
    def kinds(self) -> set[str]:
        """What is there."""
        return {column.kind for column in self.columns}


def read_table(path: Path, *, gaps: bool = False) -> Table:
    """Return the table of a CSV file: commas, semicolons (then with decimal points or commas) or tabs; lines with # in front are remarks.

    Raises
    ------
    DataError
        Absent, empty, not numbers, not finite, or (without `gaps`) empty cells; the message names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as a CSV file: {error}") from None
    if "\x00" in text:
        raise DataError(f"{path} cannot be read as a CSV file: it holds zero bytes")
    numbered = [(at, line) for at, line in enumerate(text.splitlines(), start=1) if line.strip() and not line.lstrip().startswith("#")]
    if not numbered:
        raise DataError(f"{path} is empty; expected a header and measurements")
    mark = next((c for c in ";\t" if c in numbered[0][1]), ",")
    try:
        rows = [(at, [cell.strip() for cell in next(csv.reader([line], delimiter=mark))]) for at, line in numbered]
    except csv.Error as error:
        raise DataError(f"{path} cannot be read as a CSV file: {error}") from None
    rows = [(at, row) for at, row in rows if any(row)]
    if not rows:
        raise DataError(f"{path} is empty; expected a header and measurements")
    headed = any(cell and _number(cell, mark) is None for cell in rows[0][1])
    columns = _columns(path, rows[0][1] if headed else None, len(rows[0][1]))
    values = [_row(path, at, row, columns, mark, gaps) for at, row in (rows[1:] if headed else rows)]
    scaled = np.array(values, dtype=float).reshape(len(values), len(columns)) * np.array([column.scale for column in columns])
    return Table(columns=columns, values=scaled, lines=tuple(at for at, _ in (rows[1:] if headed else rows)), headed=headed)


def _columns(path: Path, header: list[str] | None, count: int) -> tuple[Column, ...]:
    if header is None:
        kinds = {3: ("time", "volts", "amps"), 2: ("volts", "amps")}.get(count, ("",) * count)
        return tuple(Column(header=kind or f"column {k + 1}", kind=kind) for k, kind in enumerate(kinds))
    try:
        return tuple(Column.of(cell) for cell in header)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _number(text: str, mark: str) -> float | None:
    try:
        return float(text.replace(",", ".") if mark == ";" else text)
    except ValueError:
        return None


def _row(path: Path, at: int, row: list[str], columns: tuple[Column, ...], mark: str, gaps: bool) -> list[float]:
    if len(row) != len(columns) and not (gaps and len(row) < len(columns)):
        raise DataError(f"{path}, line {at}: {len(row)} cells; expected {len(columns)} ({', '.join(c.header for c in columns)})")
    found = []
    for column, cell in zip(columns, row + [""] * (len(columns) - len(row)), strict=True):
        value = np.nan if gaps and not cell else _number(cell, mark)
        if value is None:
            raise DataError(f"{path}, line {at}: {cell!r:.40} in column {column.header} is not a number")
        if not np.isfinite(value) and cell:
            raise DataError(f"{path}, line {at}: {cell} in column {column.header}; expected finite numbers (leave out samples that failed)")
        found.append(float(value))
    return found
