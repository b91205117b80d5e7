"""Rows and numbers of a measurement file: separators, decimal marks, overflow marks, numbers with
units behind them."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from spicesnn.errors import DataError

OVERFLOW = 1e30
"""Numbers from here on are marks, not measurements: 9.91e37 (not a number), 9.9e37 (infinity),
3.4e38, 1.99999e101."""
_POINT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eEdD][+-]?[0-9]+)?$")
_COMMA = re.compile(r"[+-]?(?:[0-9]+,[0-9]*|,[0-9]+)(?:[eEdD][+-]?[0-9]+)?$")
_WITH_UNIT = re.compile(
    r"([+-]?(?:[0-9]+[.,]?[0-9]*|[.,][0-9]+)(?:[eEdD][+-]?[0-9]+)?)\s*([A-Za-zµμΩ°%]{1,8})$"
)
_LOST = {
    "nan",
    "+nan",
    "-nan",
    "inf",
    "+inf",
    "-inf",
    "infinity",
    "-infinity",
    "1.#inf",
    "-1.#inf",
    "1.#qnan",
    "-1.#qnan",
    "1.#ind",
    "-1.#ind",
    "1.#j",
    "ovfl",
    "ovf",
    "overflow",
    "overflw",
    "ovld",
    "ovrflow",
    "overload",
    "ovl",
    "o.l",
    "ol",
    "o.l.",
    "oflo",
    "-ovfl",
    "+ovfl",
    "-overflow",
    "#ref",
    "#ref!",
    "#n/a",
    "#na",
    "n/a",
    "n.a.",
    "#div/0!",
    "#value!",
    "#num!",
    "#name?",
    "#null!",
    "null",
    "none",
    "-",
    "--",
    "---",
    "----",
    "*",
    "**",
    "***",
    "****",
    "invalid",
    "error",
    "?",
}
_FLAGGED = re.compile(r"([NC])\s+([+-]?[0-9.].*)$")
"""A number with a unit and, in front, whether the compliance acts (C) or not (N)."""
_STATUS_WORD = re.compile(r"([NTCVXFGSDUWE])([A-H])([IVRT])([+-][0-9.]+(?:[eE][+-]?[0-9]+)?)$")
"""A number with the status in front, as parameter analysers send it: normal, compliance, …;
channel; current or voltage."""
_CLOCK = re.compile(
    r"(?:(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})[ T]+)?"
    r"(\d{1,2}):(\d{2})(?::(\d{2}(?:[.,]\d+)?))?\s*([AaPp][Mm])?(?:Z|[+-]\d{2}:?\d{2})?$"
)
_DELIMITERS = (";", "\t", "", ",")
"""In the order in which they win where several split a file equally well; nothing stands for white
space."""
_REMARK = ("#", "%", "!", "//")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A line of a file that is not empty.

    Attributes
    ----------
    line : int
        Its number in the file, from 1.
    cells : tuple of str
    remark : bool
        It began with #, %, ! or //.
    """

    line: int
    cells: tuple[str, ...]
    remark: bool = False


def number(text: str) -> float | None:
    """Return the number of a cell, NaN for a mark that no number was measured, or None; a decimal
    comma is a decimal point."""
    plain = text.replace("−", "-")
    if _POINT.match(plain) or _COMMA.match(plain):
        value = float(plain.replace(",", ".").replace("d", "e").replace("D", "e"))
        return math.nan if abs(value) >= OVERFLOW else value
    if (
        plain == "NA"
        or plain.lower() in _LOST
        or (plain.startswith("#") and len(plain) > 1 and plain[1:2].isalpha())
    ):
        return math.nan
    return None


def is_numeric(text: str) -> bool:
    """Return whether a cell is a number as it stands, marks of lost ones not counted."""
    plain = text.replace("−", "-")
    return bool(_POINT.match(plain) or _COMMA.match(plain))


def with_unit(text: str) -> tuple[float, str] | None:
    """Return the number and the unit of a cell such as ``10.9 µA``, or None."""
    found = _WITH_UNIT.match(text.replace("−", "-"))
    value = None if found is None else number(found[1])
    return None if found is None or value is None else (value, found[2])


def flagged(text: str) -> tuple[str, str] | None:
    """Return the flag of a cell such as ``C 5.0008 uA``, and the number with its unit, or None."""
    found = _FLAGGED.match(text)
    return None if found is None or with_unit(found[2]) is None else (found[1], found[2])


def status_word(text: str) -> tuple[str, str, str, float] | None:
    """Return status, channel, quantity and number of a cell such as ``NAI+1.09E-05``, or None."""
    found = _STATUS_WORD.match(text)
    if found is None:
        return None
    value = float(found[4])
    return found[1], found[2], found[3], math.nan if abs(value) >= OVERFLOW else value


def clock_seconds(text: str) -> float | None:
    """Return the seconds of a time of day, with a date (any constant order of day and month will
    do: differences count) or without; or None."""
    found = _CLOCK.match(text)
    if found is None:
        return None
    hours, minutes = int(found[2]) % 12 if found[5] else int(found[2]), int(found[3])
    if found[5] and found[5].lower() == "pm":
        hours += 12
    days = 0.0
    if found[1]:
        parts = [int(part) for part in re.split(r"[-/.]", found[1])]
        year, month, day = parts if parts[0] > 31 else (parts[2], parts[1], parts[0])
        try:
            days = float(
                datetime(
                    year % 100 + 2000, *((month, day) if month <= 12 else (day, month))
                ).toordinal()
            )
        except ValueError:
            return None
    return (
        86400.0 * (days - 730000.0 if days else 0.0)
        + 3600.0 * hours
        + 60.0 * minutes
        + float((found[4] or "0").replace(",", "."))
    )


def rows_of(path: Path, text: str) -> tuple[list[Row], str]:
    """Return the rows of a text and the separator they are split at (empty for white space).

    Raises
    ------
    DataError
        Nothing in it, or quotes that do not end.
    """
    lines = [
        (at, line.replace("\u00a0", " ").replace("\u2009", " "))
        for at, line in enumerate(re.split(r"\r\n|\n|\r", text), start=1)
    ]
    lines = [(at, line) for at, line in lines if line.strip().strip(",;")]
    if not lines:
        raise DataError(f"{path} is empty; expected a header and measurements")
    said = re.fullmatch(r"\"?sep=(.)\"?", lines[0][1].strip(), re.IGNORECASE)
    delimiter = said[1] if said else _delimiter([line for _, line in lines])
    rows = []
    for at, line in lines[1:] if said else lines:
        stripped = line.strip(" ")
        remark = next((mark for mark in _REMARK if stripped.startswith(mark)), "")
        if remark and delimiter and stripped.split(delimiter)[0].strip() == remark:
            remark = ""  # a column that is called #
        body = stripped[len(remark) :].lstrip("#%!/ ") if remark else stripped
        cells = _split(path, at, body, delimiter)
        if any(cells):
            rows.append(Row(line=at, cells=cells, remark=bool(remark)))
    if not rows:
        raise DataError(f"{path} is empty; expected a header and measurements")
    return rows, delimiter


def _split(path: Path, at: int, line: str, delimiter: str) -> tuple[str, ...]:
    if not delimiter:
        words: list[str] = []
        for word in line.split():  # Voltage [V] is one header
            if words and re.fullmatch(r"[\[(][^\])]*[\])]", word):
                words[-1] += f" {word}"
            else:
                words.append(word)
        return tuple(words)
    try:
        # A quote counts behind a blank as well: 1, "2, V".
        split = csv.reader([line], delimiter=delimiter, strict=False, skipinitialspace=True)
        return tuple(cell.strip() for cell in next(split, []))
    except csv.Error as error:
        raise DataError(f"{path}, line {at}: cannot be read as a CSV file: {error}") from None


def _delimiter(lines: list[str]) -> str:
    """Return the separator that makes the most numbers of the lines; a line of one number does not
    count."""
    best, most = ",", 0
    sample = (
        lines if len(lines) <= 400 else lines[:200] + lines[len(lines) // 2 : len(lines) // 2 + 200]
    )
    for delimiter in _DELIMITERS:
        score = 0
        for line in sample:
            if delimiter and delimiter not in line:
                continue
            cells = line.replace('"', "").split(delimiter or None)
            count = sum(
                number(cell.strip()) is not None
                or with_unit(cell.strip()) is not None
                or flagged(cell.strip()) is not None
                for cell in cells
                if cell.strip()
            )
            score += count if count > 1 else 0
        if score > most:
            best, most = delimiter, score
    return best
