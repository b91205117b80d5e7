"""The sweeps of one block: which columns belong together, which are another electrode's or stand
twice, what its rows say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.devices.instruments.blocks import Block
from spicesnn.devices.instruments.cells import (
    clock_seconds,
    flagged,
    is_numeric,
    number,
    status_word,
    with_unit,
)
from spicesnn.devices.instruments.compliance import BEYOND, FLAT
from spicesnn.devices.instruments.headers import Column, scale_of
from spicesnn.errors import DataError
from spicesnn.units import render

_UNIT = re.compile(r"[\[(]\s*([^\])]+?)\s*[\])]\s*$")
"""A unit in brackets at the end of a header."""
_UNNEEDED, _MOST_NAMES = ("", "other", "siemens", "ohms", "width", "read"), 4
_LEVELS = frozenset(
    ["compliance", "compl", "comp", "limit", "icc", "ilim", "ilimit", "icomp", "icompliance"]
)
"""Words of headers of columns that state a compliance."""

_PARTNERS = {
    "anode": "cathode",
    "top": "bottom",
    "te": "be",
    "drain": "source",
    "d": "s",
    "hi": "lo",
    "plus": "minus",
    "a": "k",
    "input": "output",
}
_SAME = 2e-4
"""Relative difference from which on two columns are not the same numbers printed twice."""
_FOLLOWS = 0.1
"""A measured voltage is that of a programmed one where half of it lies within this fraction of its
range."""
_LEAK = 0.05
"""Two electrodes' currents add up to less than this fraction of one of them."""
_MOST_VOLTS, _MOST_AMPS = 100.0, 10.0
"""What no device of an array is driven to, or carries."""
_DATES = ((2e4, 8e4), (7e5, 8e5))
"""Days since 1900 of a spreadsheet, and since the year 0 of MATLAB, from 1954 to 2119."""
_FAST_SECONDS, _SLOW_DAYS = 2e-5, 1e-3
"""Steps between dates: no clock in seconds resolves the first so late; the second are minutes."""
_LIMITED = {
    "c",
    "t",
    "true",
    "yes",
    "compliance",
    "comp",
    "compl",
    "limit",
    "limited",
    "in compliance",
    "i limit",
    "cmpl",
    "compl.",
}
_FREE = {
    "",
    "n",
    "f",
    "false",
    "no",
    "ok",
    "normal",
    "0",
    "none",
    "-",
    "no compliance",
    "pass",
    "0.0",
}


@dataclass(kw_only=True, slots=True)
class Notes:
    """What has been read and what has been left out so far, in words."""

    read: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    first_lost: str = ""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Piece:
    """One sweep: what stands in some columns of some rows.

    Attributes
    ----------
    time : (points,) or None
        As in the file, seconds.
    volts, amps : (points,)
        NaN where a value was lost.
    lines : (points,) of int
    limited : (points,) of bool
        Where the file flags a compliance.
    block : int
        Which block of the file it stands in.
    cycle : tuple
        What tells it from the other sweeps of the block.
    names : tuple of str
        Headers of its columns.
    """

    time: Floats | None
    volts: Floats
    amps: Floats
    lines: Any
    limited: Any
    block: int = 0
    cycle: tuple[Any, ...] = ()
    names: tuple[str, ...] = ()

    def part(self, which: Any) -> Piece:
        """Return some of its points."""
        time = None if self.time is None else self.time[which]
        return replace(
            self,
            time=time,
            volts=self.volts[which],
            amps=self.amps[which],
            lines=self.lines[which],
            limited=self.limited[which],
        )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Values:
    """A column as numbers.

    Attributes
    ----------
    si : (rows,)
        SI units; NaN where a cell is empty, lost or no number.
    empty, lost, wrong, limited : (rows,) of bool
        Why; and where a status word says compliance.
    """

    si: Floats
    empty: Any
    lost: Any
    wrong: Any
    limited: Any

    @classmethod
    def of(cls, block: Block, k: int) -> Values:
        """Return column k of a block."""
        column, count = block.columns[k], len(block.rows)
        si = np.full(count, np.nan)
        empty, lost, wrong, limited = (np.zeros(count, dtype=bool) for _ in range(4))
        for r, row in enumerate(block.rows):
            cell = row.cells[k] if k < len(row.cells) else ""
            if not cell:
                empty[r] = True
                continue
            value = number(cell)
            if value is not None:
                si[r], lost[r] = value * column.scale, value != value
                continue
            si[r], lost[r], wrong[r], limited[r] = _odd(cell, column)
        if (
            column.kind == "time"
            and np.any(np.diff(si) < -43200.0)
            and ":" in "".join(block.rows[0].cells)
        ):
            si = si + 86400.0 * np.concatenate([[0.0], np.cumsum(np.diff(si) < -43200.0)])
        return cls(si=si, empty=empty, lost=lost, wrong=wrong, limited=limited)

    @property
    def filled(self) -> int:
        """How many cells hold a number or the mark of a lost one."""
        return int(np.count_nonzero(~self.empty & ~self.wrong))


def _odd(cell: str, column: Column) -> tuple[float, bool, bool, bool]:
    """Return number, lost, wrong and limited of a cell that is no plain number."""
    word = status_word(cell)
    if word is not None:
        return word[3] * column.scale, word[3] != word[3], False, word[0] == "C"
    held = flagged(cell)
    if held is not None:
        value, lost, wrong, _ = _odd(held[1], column)
        return value, lost, wrong, held[0] == "C"
    united = with_unit(cell)
    scale = None if united is None or not column.kind else scale_of(united[1], column.kind)
    if united is not None and scale is not None:
        return united[0] * scale, united[0] != united[0], False, False
    seconds = clock_seconds(cell) if column.kind == "time" else None
    return (seconds, False, False, False) if seconds is not None else (np.nan, False, True, False)


def check_row_widths(path: Path, block: Block) -> None:
    """Raise `DataError` for a row with more cells than headers, or with so few that it cannot be
    whole; empty trailing cells do not count."""
    width = len(block.columns)
    for row in block.rows:
        cells = list(row.cells)
        while len(cells) > 1 and not cells[-1]:
            cells.pop()
        if len(cells) > width:
            hint = (
                "; decimal commas in a file with commas between its columns?"
                if len(cells) == 2 * width
                else ""
            )
            raise DataError(
                f"{path}, line {row.line}: {len(cells)} cells; expected {width} ({block.names}){hint}"
            )


def pieces_of(path: Path, block: Block, number_: int, notes: Notes) -> list[Piece]:
    """Return the sweeps of a block, in the order in which they were measured; none where it holds
    no currents over voltages.

    Raises
    ------
    DataError
        Cells that are no numbers, columns between which only the user can choose; the message names
        the line or the columns.
    """
    check_row_widths(path, block)
    kept = {
        k: Values.of(block, k)
        for k, column in enumerate(block.columns)
        if column.kind in ("time", "volts", "amps", "ohms")
    }
    kept = {k: values for k, values in kept.items() if values.filled}
    kept |= {
        k: _of_dates(path, block, k, values, notes)
        for k, values in kept.items()
        if block.columns[k].kind == "time" and not block.columns[k].unit
    }
    counts = {k: int(np.count_nonzero(~values.empty)) for k, values in kept.items()}
    whole = max(counts.values(), default=0)
    scarce = [
        k
        for k, count in counts.items()
        if count < 0.5 * whole and (count < 3 or not block.columns[k].numbers)
    ]
    if scarce:
        notes.left.append(f"column{_s(scarce)} {_names(block, scarce)} (nearly empty)")
    kept = {k: values for k, values in kept.items() if k not in scarce}
    groups = _grouped(path, block, kept, notes)
    if groups:
        _tell_unneeded(block, {k for group in groups for k in group[:4] if k is not None}, notes)
    found = []
    for time, volts, minus, amps, ohms in groups:
        for k in (time, volts, amps):
            if k is not None:
                _check(path, block.columns[k])
        for k, most, unit in ((volts, _MOST_VOLTS, "V"), (amps, _MOST_AMPS, "A")):
            _possible(path, block, k, kept[k], most, unit)
        found += _rows_of(path, block, kept, (time, volts, minus, amps), ohms, number_, notes)
    return found


def _tell_unneeded(block: Block, used: set[int], notes: Notes) -> None:
    """Note the columns of numbers that a sweep does not need, such as a temperature."""
    names = [
        column.header
        for k, column in enumerate(block.columns)
        if (column.kind in _UNNEEDED or column.problem)
        and k not in used
        and column.header
        and not column.words & _LEVELS
        and any(
            number(row.cells[k]) is not None or with_unit(row.cells[k]) is not None
            for row in block.rows
            if k < len(row.cells)
        )
    ]
    if names:
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        shown = ", ".join(names[:_MOST_NAMES]) + more
        notes.left.append(f"column{_s(names)} {shown} (not needed)")


def _check(path: Path, column: Column) -> None:
    try:
        column.checked()
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _possible(path: Path, block: Block, k: int, values: Values, most: float, unit: str) -> None:
    """Refuse numbers without a unit that no device has in volt or ampere: they are in another."""
    column, top = block.columns[k], float(np.nanmax(np.abs(values.si), initial=0.0))
    if top > most and not column.unit and column.kind == ("volts" if unit == "V" else "amps"):
        raise DataError(
            f"{path}, line {block.line}: column {column.header} goes up to {top:.4g}, which is no"
            f" number of {'volts' if unit == 'V' else 'amperes'}; say its unit in the header, such"
            f" as {column.header} (m{unit})"
        )


def _of_dates(path: Path, block: Block, k: int, values: Values, notes: Notes) -> Values:
    """Return times without a unit in seconds where they are dates of a spreadsheet or of MATLAB,
    which count days.

    Raises
    ------
    DataError
        They may be either: dates of a slow sweep, or the seconds of a clock in a fast one.
    """
    time = values.si[np.isfinite(values.si)]
    steps = np.diff(time)
    if time.size < 3 or not any(low < time[0] < high for low, high in _DATES):
        return values
    step, header = float(np.median(steps)), block.columns[k].header
    if step > _SLOW_DAYS:
        return values
    if step > _FAST_SECONDS:
        raise DataError(
            f"{path}, line {block.line}: column {header} begins at {time[0]:.10g}, with steps of"
            f" {step:.3g}: seconds of a clock, or days of a spreadsheet's dates? Say the unit in the"
            f" header, {header} (s), or format the dates as times of day"
        )
    notes.read.append(f"{header} holds dates, in days")
    return replace(values, si=86400.0 * (values.si - time[0]))


def _names(block: Block, columns: Sequence[int]) -> str:
    return ", ".join(block.columns[k].header for k in columns)


def _s(things: Sequence[Any]) -> str:
    return "s" if len(things) > 1 else ""


def varies(values: Floats) -> bool:
    """Return whether some finite values differ by more than rounding."""
    finite = values[np.isfinite(values)]
    return bool(
        finite.size > 1 and np.ptp(finite) > 1e-6 * max(float(np.max(np.abs(finite))), 1e-12)
    )


def _grouped(
    path: Path, block: Block, kept: dict[int, Values], notes: Notes
) -> list[tuple[int | None, int, int | None, int, bool]]:
    """Return (time, volts, volts of the other electrode, amps or ohms, whether those are ohms) of
    every sweep beside another."""
    columns = block.columns
    volts, minus = _voltages(path, block, kept, notes)
    if not volts:
        return []
    amps, ohms = _currents(path, block, kept, volts, notes), False
    if not amps:
        amps, ohms = [k for k in kept if columns[k].kind == "ohms"], True
        amps = _preferred(block, amps, notes, "resistances")
        if amps:
            notes.read.append(f"currents are voltage over {columns[amps[0]].header}")
    times = [k for k in kept if columns[k].kind == "time"]
    relative = [k for k in times if columns[k].words & {"relative", "rel", "elapsed"}]
    still = [k for k in times if len(set(kept[k].si[np.isfinite(kept[k].si)].tolist())) == 1]
    if times and len(still) == len(times) and len(block.rows) > 2:
        notes.left.append(f"column{_s(still)} {_names(block, still)} (no time: it does not vary)")
        times = []
    times = relative or [k for k in times if k not in still] or times
    if len({columns[k].place for k in times}) > 1 and len(volts) == 1:
        same = [k for k in times if columns[k].place == columns[volts[0]].place]
        times = same or times
    pairs = []
    for order, k in enumerate(amps):
        v = _partner(columns, volts, k, order, len(amps))
        pairs.append(
            (_partner(columns, times, k, order, len(amps)) if times else None, v, minus, k, ohms)
        )
    pairs = _distinct(path, block, kept, pairs, notes)
    if len(pairs) == 1 and len(volts) > 1:
        others = [
            k
            for k in volts
            if k != pairs[0][1]
            and varies(kept[k].si)
            and not _same(kept[k].si, kept[pairs[0][1]].si)
        ]
        if others:
            raise DataError(
                f"{path}, line {block.line}: several voltages,"
                f" {_names(block, [pairs[0][1], *others])}, and one current; keep the voltage"
                " across the device"
            )
    return pairs


def _voltages(
    path: Path, block: Block, kept: dict[int, Values], notes: Notes
) -> tuple[list[int], int | None]:
    """Return the voltages across the device, and the voltage of the other electrode where that is
    not 0."""
    columns = block.columns
    volts = [k for k in kept if columns[k].kind == "volts"]
    volts = _without_programmed(block, _once(block, volts, kept, notes), kept, notes)
    drains = {columns[k].place for k in kept} & {"drain", "d"}
    places = {
        k: "" if columns[k].place == "source" and not drains else columns[k].place for k in volts
    }
    minus = None
    if len(set(places.values())) > 1:
        moving = [k for k in volts if varies(kept[k].si)] or volts[:1]
        first = places[moving[0]]
        partner = _PARTNERS.get(first)
        for place in dict.fromkeys(places[k] for k in moving):
            if place not in (first, partner):
                raise DataError(
                    f"{path}, line {block.line}: several voltages that vary,"
                    f" {_names(block, moving)}; keep the one across the device"
                )
        for k in volts:
            level = float(np.nanmax(np.abs(kept[k].si)))
            if places[k] == first or level == 0.0:
                continue
            if places[k] != partner and "gate" not in places[k] and places[k] != "g":
                raise DataError(
                    f"{path}, line {block.line}: {columns[k].header} is at {level:.4g} V beside"
                    f" {columns[moving[0]].header}; keep the voltage across the device"
                )
            if places[k] == partner:
                minus = k
                notes.read.append(
                    f"the voltage is {columns[moving[0]].header} − {columns[k].header}"
                )
            else:
                notes.left.append(f"column {columns[k].header} ({level:.4g} V)")
        volts = [k for k in volts if places[k] == first]
    return _preferred(block, volts, notes, "voltages", kept), minus


def _once(block: Block, volts: list[int], kept: dict[int, Values], notes: Notes) -> list[int]:
    """Return the voltages without those of another electrode that are the same numbers again."""
    columns, gone = block.columns, []
    for n, k in enumerate(volts):
        if any(
            columns[j].place != columns[k].place
            and columns[j].numbers == columns[k].numbers
            and varies(kept[k].si)
            and _same(kept[j].si, kept[k].si)
            for j in volts[:n]
        ):
            gone.append(k)
    if gone:
        notes.left.append(f"column{_s(gone)} {_names(block, gone)} (the same voltages again)")
    return [k for k in volts if k not in gone]


def _without_programmed(
    block: Block, volts: list[int], kept: dict[int, Values], notes: Notes
) -> list[int]:
    """Return the voltages without a programmed one of no electrode that a measured one of an
    electrode follows."""
    columns, gone = block.columns, []
    for k in volts:
        if columns[k].measured >= 0 or columns[k].place:
            continue
        span = float(np.ptp(kept[k].si[np.isfinite(kept[k].si)]))
        followed = [
            j
            for j in volts
            if columns[j].place
            and columns[j].measured >= 0
            and float(np.nanmedian(np.abs(kept[j].si - kept[k].si))) < _FOLLOWS * span
        ]
        if len(followed) == 1:
            notes.left.append(
                f"column {columns[k].header} (programmed; {columns[followed[0]].header} is there)"
            )
            gone.append(k)
    return [k for k in volts if k not in gone]


def _currents(
    path: Path, block: Block, kept: dict[int, Values], volts: list[int], notes: Notes
) -> list[int]:
    """Return the currents of the electrode whose voltage is swept."""
    columns = block.columns
    amps = [k for k in kept if columns[k].kind == "amps"]
    reads, at = [k for k in amps if "read" in columns[k].words], block.index("read")
    if reads and at is not None:
        amps = [k for k in amps if k not in reads]
        where = f"{_names(block, reads)} read at {columns[at].header}"
        if not amps:
            raise DataError(
                f"{path}, line {block.line}: {where}, not at {columns[volts[0]].header}; a sweep needs"
                " currents at its voltage, a train of pulses their widths"
            )
        notes.left.append(f"column{_s(reads)} {where}")
    signed = [k for k in amps if not columns[k].absolute]
    if signed and len(signed) < len(amps):
        gone = [k for k in amps if k not in signed]
        notes.left.append(
            f"column{_s(gone)} {_names(block, gone)} (magnitudes of a current that is there)"
        )
    amps = signed or amps
    place = columns[volts[0]].place
    here = [k for k in amps if columns[k].place == place]
    if here and len(here) < len(amps):
        gone = [k for k in amps if k not in here]
        notes.left.append(f"column{_s(gone)} {_names(block, gone)} (another electrode)")
        amps = here
    elif not here and len({columns[k].place for k in amps}) > 1:
        raise DataError(
            f"{path}, line {block.line}: several currents, {_names(block, amps)}, none of them at"
            f" {place or 'the voltage'}; keep one"
        )
    return _preferred(block, amps, notes, "currents")


def _key(column: Column) -> tuple[int, ...]:
    return column.numbers


def _preferred(
    block: Block, found: list[int], notes: Notes, what: str, kept: dict[int, Values] | None = None
) -> list[int]:
    """Return columns without those that a better one of the same number makes needless: measured
    before programmed, known words before strange."""
    columns, chosen = block.columns, []
    for key in dict.fromkeys(_key(columns[k]) for k in found):
        same = [k for k in found if _key(columns[k]) == key]
        if len({columns[k].header for k in same}) < len(
            same
        ):  # names that repeat are cycles beside each other
            chosen += same
            continue
        best = max((columns[k].measured, -columns[k].strange) for k in same)
        better = [k for k in same if (columns[k].measured, -columns[k].strange) == best]
        gone = [k for k in same if k not in better]
        if gone:
            notes.left.append(
                f"column{_s(gone)} {_names(block, gone)} ({columns[better[0]].header} is there)"
            )
        if kept is not None and len(better) > 1:
            equal = [k for k in better[1:] if _same(kept[k].si, kept[better[0]].si)]
            if equal:
                notes.left.append(
                    f"column{_s(equal)} {_names(block, equal)} (the same {what} again)"
                )
                better = [k for k in better if k not in equal]
        chosen += better
    return sorted(chosen)


def _partner(columns: tuple[Column, ...], found: list[int], k: int, order: int, count: int) -> int:
    """Return which of some columns goes with current k: of the same number, of the same order, the
    only one, the nearest to the left."""
    same = [j for j in found if _key(columns[j]) == _key(columns[k])]
    if len(same) == 1:
        return same[0]
    if len(found) == count:
        return found[order]
    left = [j for j in found if j < k]
    return left[-1] if left and len(found) > 1 else found[0]


def _same(a: Floats, b: Floats) -> bool:
    both = np.isfinite(a) & np.isfinite(b)
    most = max(int(np.isfinite(a).sum()), int(np.isfinite(b).sum()), 1)
    if int(both.sum()) < 0.9 * most:
        return False
    top = float(np.max(np.abs(a[both])))
    return bool(np.all(np.abs(a[both] - b[both]) <= _SAME * np.abs(a[both]) + 1e-9 * top))


def _distinct(
    path: Path, block: Block, kept: dict[int, Values], pairs: list[Any], notes: Notes
) -> list[Any]:
    """Return the pairs that are sweeps of their own, not another electrode of the same sweep, nor
    the same numbers again."""
    columns, chosen, gone = block.columns, pairs[:1], []
    for pair in pairs[1:]:
        _, v, _, k, ohms = pair
        amps, why = kept[k].si, ""
        for _, first_v, _, first, _ in chosen:
            ours = kept[first].si
            if v != first_v and not varies(kept[v].si) and varies(kept[first_v].si):
                why = "another electrode"
            elif (
                _same(ours, amps)
                and (v == first_v or _same(kept[first_v].si, kept[v].si))
                and not ohms
            ):
                why = "the same again"
            elif (
                (v == first_v or _same(kept[first_v].si, kept[v].si))
                and _same(np.abs(ours), np.abs(amps))
                and not ohms
            ):
                why = "its magnitude again" if np.nanmin(amps) >= 0 else "another electrode"
            elif ours.size == amps.size and bool(
                np.nanmean(np.abs(ours + amps)) < _LEAK * np.nanmean(np.abs(ours))
            ):
                why = "another electrode"
                if v != first_v:
                    raise DataError(
                        f"{path}, line {block.line}: {columns[first].header} and"
                        f" {columns[k].header} cancel: two ends of one device (call them V_TE, I_TE,"
                        " V_BE, I_BE), or two sweeps (put them below each other)?"
                    )
            if why:
                gone.append(f"{columns[k].header} ({why})")
                break
        if not why:
            chosen.append(pair)
    if gone:
        notes.left.append(f"column{_s(gone)} {', '.join(gone)}")
    shared = len({pair[1] for pair in chosen}) < len(chosen)
    if shared:
        bases = {
            re.sub(r"[\s\d._\[\]()#-]+", "", columns[pair[3]].header.lower()) for pair in chosen
        }
        if len(bases) > 1:
            raise DataError(
                f"{path}, line {block.line}: {len(chosen)} different currents over one voltage,"
                f" {_names(block, [pair[3] for pair in chosen])}; keep the device's, or number them"
                " as cycles"
            )
    return chosen


def _rows_of(
    path: Path,
    block: Block,
    kept: dict[int, Values],
    which: tuple[int | None, int, int | None, int],
    ohms: bool,
    number_: int,
    notes: Notes,
) -> list[Piece]:
    """Return the sweeps of one set of columns: one, or one for every value of a column of
    cycles."""
    time, volts, minus, amps = which
    needed = [k for k in which if k is not None]
    nothing = np.all([kept[k].empty for k in needed], axis=0)
    for r in np.flatnonzero(~nothing).tolist():
        for k in needed:
            if kept[k].wrong[r] or kept[k].empty[r]:
                row = block.rows[r]
                cell = row.cells[k] if k < len(row.cells) else ""
                if k >= len(row.cells):
                    raise DataError(
                        f"{path}, line {row.line}: {len(row.cells)} cells; expected"
                        f" {len(block.columns)} ({block.names})"
                    )
                raise DataError(
                    f"{path}, line {row.line}: {cell!r:.40} in column {block.columns[k].header} is"
                    " not a number"
                )
    _check_marks(path, block, needed)
    lines = np.array([row.line for row in block.rows])
    lost = np.any([kept[k].lost for k in needed], axis=0) & ~nothing
    if lost.any():
        notes.lost += lines[lost].tolist()
        if not notes.first_lost:
            r = int(np.flatnonzero(lost)[0])
            k = next(k for k in needed if kept[k].lost[r])
            notes.first_lost = (
                f"line {lines[r]}: {block.rows[r].cells[k]} in column {block.columns[k].header};"
                " expected finite numbers"
            )
    v = kept[volts].si - (kept[minus].si if minus is not None else 0.0)
    i = kept[amps].si
    if ohms:
        with np.errstate(divide="ignore", invalid="ignore"):
            i = np.where(v == 0, 0.0, v / i)
        bad = np.isinf(i)
        if bad.any():
            raise DataError(
                f"{path}, line {lines[np.argmax(bad)]}: a resistance of 0 Ω at"
                f" {v[np.argmax(bad)]:g} V; expected more than 0 Ω"
            )
        i = np.where(kept[amps].lost, np.nan, i)
    v, i = np.where(lost, np.nan, v), np.where(lost, np.nan, i)
    piece = Piece(
        time=None if time is None else kept[time].si,
        volts=v,
        amps=i,
        lines=lines,
        limited=_flags(block) | _at_level(block, v, i, notes) | kept[amps].limited,
        block=number_,
        cycle=(amps,),
        names=tuple(block.columns[k].header for k in needed),
    )
    _check_cells(path, block)
    cycles = block.index("cycle")
    named = np.array(
        [
            row.cells[cycles] if cycles is not None and cycles < len(row.cells) else ""
            for row in block.rows
        ]
    )
    values = dict.fromkeys(named[~nothing].tolist())
    return [
        replace(piece.part((named == value) & ~nothing), cycle=(amps, value)) for value in values
    ]


def _check_marks(path: Path, block: Block, needed: list[int]) -> None:
    """Raise `DataError` where a column has decimal points in one line and decimal commas in
    another."""
    first: dict[str, int] = {}
    for row in block.rows:
        for k in needed:
            cell = row.cells[k] if k < len(row.cells) else ""
            mark = "," if "," in cell else "." if "." in cell else ""
            if mark and is_numeric(cell):
                first.setdefault(mark, row.line)
        if len(first) == 2:
            raise DataError(
                f"{path}, line {row.line}: decimal commas and decimal points in one table (the"
                f" other since line {min(first.values())}); write all numbers alike, without marks"
                " between thousands"
            )


def _flags(block: Block) -> Any:
    """Return where a column of the status says that a compliance acts, (rows,) of bool."""
    flags = np.zeros(len(block.rows), dtype=bool)
    for k, column in enumerate(block.columns):
        if column.kind != "status":
            continue
        cells = [(row.cells[k] if k < len(row.cells) else "").lower() for row in block.rows]
        said = set(cells)
        if said <= _LIMITED | _FREE and said & _LIMITED:
            flags |= np.array([cell in _LIMITED for cell in cells])
        elif said <= {"0", "1", "", "0.0", "1.0"} and column.words & {
            "compliance",
            "compl",
            "comp",
            "incompliance",
            "limit",
            "flag",
        }:
            flags |= np.array([cell in ("1", "1.0") for cell in cells])
    return flags


def _at_level(block: Block, volts: Floats, amps: Floats, notes: Notes) -> Any:
    """Return where the current is at the compliance that a column of amperes states, (rows,) of
    bool; nowhere in a polarity in which it goes beyond."""
    at = np.zeros(len(block.rows), dtype=bool)
    for k, column in enumerate(block.columns):
        if column.kind not in ("status", "other") or not column.words & _LEVELS:
            continue
        texts = [row.cells[k] if k < len(row.cells) else "" for row in block.rows]
        values = [number(text) for text in texts]
        unit = _UNIT.search(column.header)
        scale = 1.0 if unit is None else scale_of(unit.group(1), "amps")
        level = np.abs([np.nan if value is None else value for value in values])
        if scale is None or not np.any(level > 0.0) or (unit is None and set(level) <= {0.0, 1.0}):
            continue
        level = np.where(level > 0.0, level * scale, np.nan)
        held = np.zeros(len(level), dtype=bool)
        for sign in (1.0, -1.0):
            share = np.where(sign * volts > 0.0, np.abs(amps) / level, np.nan)
            if np.nanmax(share, initial=0.0) <= 1.0 + BEYOND:
                held |= share >= 1.0 - FLAT
        spread = sorted({render(value, "A") for value in level[np.isfinite(level)].tolist()})
        if not held.any():
            notes.read.append(f"no current is held at {column.header} ({', '.join(spread[:3])})")
        at |= held
    return at


def _check_cells(path: Path, block: Block) -> None:
    """Raise `DataError` where the rows are of several cells of an array."""
    for k, column in enumerate(block.columns):
        if column.kind != "cell":
            continue
        first = next((row for row in block.rows if k < len(row.cells) and row.cells[k]), None)
        if first is None:
            continue
        for row in block.rows:
            if k < len(row.cells) and row.cells[k] and row.cells[k] != first.cells[k]:
                raise DataError(
                    f"{path}, line {row.line}: {column.header} is {row.cells[k]}, and"
                    f" {first.cells[k]} in line {first.line}; the file holds several devices. Keep"
                    " the lines of one"
                )
