"""A measurement file from its bytes to sweeps in order: `Reading`, and what is said about it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.devices.instruments import compliance
from spicesnn.devices.instruments.array_files import tables_of
from spicesnn.devices.instruments.blocks import Block, split_blocks
from spicesnn.devices.instruments.cells import Row, rows_of
from spicesnn.devices.instruments.pieces import Notes, Piece, pieces_of
from spicesnn.devices.instruments.text import read_text
from spicesnn.errors import DataError, InputError
from spicesnn.units import render

_QUANTITIES = frozenset(["time", "volts", "amps", "ohms", "siemens", "number"])
_OF_ONE_DEVICE = re.compile(r"(?i)(data|append|run|cycle|sweep|loop)[\s_#-]*\d*")
"""Names of sheets that an analyser gives the runs of one device."""
_RESTART = 0.25
"""A time at most this fraction of the first step after a sweep's first time begins the next
sweep."""
_WRONG_WAY = 0.9
"""From this fraction of the points (of those that carry a hundredth of the largest power) on the
current counts from the other terminal."""
_SIGNIFICANT = 1e-2
_COUNTED, _TURNS_BY = 5, 0.25
"""Rows from which on a column without a header is looked at; by which fraction of its range a
column goes back where it turns."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Reading:
    """Sweeps of one device, laid after each other.

    Attributes
    ----------
    time, volts, amps : (points,)
        Seconds, increasing from 0; volt; ampere.
    starts : (sweeps,) of int
        First point of each sweep.
    limit_amps : (points,)
        The largest current that the instrument allows at a point, ampere; infinite where there is
        no limit.
    remarks : tuple of two str
        What was read, and what was left out or changed.
    """

    time: Floats
    volts: Floats
    amps: Floats
    starts: Any
    limit_amps: Floats
    remarks: tuple[str, ...]


def read_blocks(path: Path) -> tuple[list[Block], Notes]:
    """Return the tables of a file; see `split_blocks`.

    Raises
    ------
    DataError
        No text, or no table; the message names the line.
    """
    notes = Notes()
    tables = tables_of(path)
    if tables is None:
        rows, _ = rows_of(path, read_text(path))
        blocks, after = split_blocks(path, rows)
    else:
        blocks, after = _of_sheets(path, tables, notes), []
    if after:
        notes.left.append(
            f"{len(after)} line{'s' if len(after) > 1 else ''} of text after the measurements (from"
            f" line {after[0].line})"
        )
        odd = [
            row for row in after if not row.remark and len(row.cells) >= len(blocks[-1].columns) > 1
        ]
        if odd:
            raise DataError(
                f"{path}, line {odd[0].line}: {' '.join(odd[0].cells)!r:.60} after measurements is"
                " no row of numbers"
            )
    return blocks, notes


def _of_sheets(path: Path, tables: dict[str, list[Row]], notes: Notes) -> list[Block]:
    """Return the tables of measurements among the sheets of a workbook, or groups of arrays.

    Raises
    ------
    DataError
        None of them holds any; the message is that of the first.
    """
    blocks: list[Block] = []
    used: list[str] = []
    problem: DataError | None = None
    for name, rows in tables.items():
        try:
            found = [
                block
                for block in split_blocks(path, rows)[0]
                if len(block.rows) > 1 and len(block.kinds & _QUANTITIES) > 1
            ]
        except DataError as error:
            problem, found = problem or error, []
        blocks += found
        used += [name] if found else []
        if not found and len(tables) > 1:
            notes.left.append(f"{name} (no measurements)")
    if len(used) > 1:
        if not all(_OF_ONE_DEVICE.fullmatch(name) for name in used):
            raise DataError(
                f"{path} has measurements in {len(used)} tables, {', '.join(used[:6])}: of one"
                " device? Keep one of them, or call them Data, Append1, …"
            )
        notes.read.append(f"from {', '.join(used)}")
    if not blocks:
        names = ", ".join(row.cells[0] for row in next(iter(tables.values()))[:1])
        raise problem or DataError(
            f"{path}: no table of measurements in it (it begins with {names:.60}); expected columns"
            " such as time,volts,amps or volts,amps"
        )
    return blocks


def of_cycles(block: Block) -> bool:
    """Return whether a table holds the high and the low level of cycles, as in a measurement of
    endurance."""
    words = {word for column in block.columns for word in column.words}
    return bool(words & {"hrs", "roff", "goff"}) and bool(words & {"lrs", "ron", "gon"})


def said_of_cycles(block: Block) -> str:
    """Return what to say of it."""
    return (
        f"columns are {block.names}; levels of cycles, which no model is fitted to. With set and"
        " reset voltages they are statistics: spicesnn fit cycles FILE (columns v_set, v_reset, lrs,"
        " hrs)"
    )


def _no_sweep(path: Path, block: Block) -> str:
    """Return what to say of a table without a current over a voltage."""
    kinds = block.kinds
    if not block.headed:
        return (
            f"{path}, line {block.line}: {len(block.columns)} columns without headers; write what"
            " they are in a line above them, such as time,volts,amps"
        )
    begin = f"{path}, line {block.line}: columns are {block.names}; "
    if of_cycles(block):
        return f"{path}, line {block.line}: {said_of_cycles(block)}"
    if "volts" in kinds and not kinds & {"amps", "ohms", "siemens"}:
        return begin + (
            "no current among them. Add the device's, such as amps or I (µA): the voltage of a shunt"
            " resistor over its ohms"
        )
    if "time" in kinds and kinds & {"amps", "ohms", "siemens"} and "volts" not in kinds:
        return begin + (
            "no voltage among them, as in a measurement of retention. A sweep needs a column volts"
            " (that of the read, where it is constant)"
        )
    return begin + ("expected time,volts,amps or volts,amps or volts,width_s,siemens or siemens")


def _bare_makes_sense(path: Path, block: Block, pieces: list[Piece]) -> None:
    """Refuse bare numbers that are not what columns without headers stand for: currents before
    voltages (a device of less than an ohm), numbers of rows, times and voltages."""
    if block.headed:
        return
    first = pieces[0].volts if pieces[0].time is None else pieces[0].time
    if first.size >= _COUNTED and np.array_equal(first, first[0] + np.arange(first.size)):
        raise DataError(
            f"{path}, line {block.line}: the first column counts {first[0]:g}, {first[1]:g},"
            f" {first[2]:g}, …: numbers of rows, or measured? Write headers, such as"
            f" number,volts,amps or {', '.join(c.header for c in block.columns)}"
        )
    for piece in pieces:
        if piece.time is None and _over_time(piece.volts, piece.amps):
            raise DataError(
                f"{path}, line {block.line}: without headers two columns are volts, amps; here the"
                " first only rises while the second goes up and down, as times and voltages do."
                " Write headers, such as time,volts or volts,amps"
            )
        volts, amps = (
            float(np.median(np.abs(one[np.isfinite(one)]))) if np.isfinite(one).any() else 0.0
            for one in (piece.volts, piece.amps)
        )
        if amps > volts > 0.0:
            raise DataError(
                f"{path}, line {block.line}: without headers voltages stand before currents, and"
                f" these would be of {volts / amps:.2g} ohm; write headers, such as amps,volts"
            )


def _over_time(first: Floats, second: Floats) -> bool:
    """Return whether the first column only rises, from 0 or more, while the second changes its sign
    or turns more than once, as no current does in a sweep in one direction."""
    known = np.isfinite(first) & np.isfinite(second)
    first, second = first[known], second[known]
    if first.size < _COUNTED or first[0] < 0.0 or not np.all(np.diff(first) > 0.0):
        return False
    enough = _TURNS_BY * float(np.ptp(second))
    if second.min() < -enough and second.max() > enough:
        return True
    turns, way, last = 0, 0.0, float(second[0])
    for value in second.tolist():
        if way * (value - last) >= 0.0 and (way or abs(value - last) > enough):
            way, last = way or float(np.sign(value - last)), value
        elif way and abs(value - last) > enough:
            turns, way, last = turns + 1, -way, value
    return turns > 1


def read_sweeps(path: Path, blocks: list[Block], notes: Notes, duration_s: float | None) -> Reading:
    """Return the sweeps of all blocks that hold currents over voltages.

    Raises
    ------
    DataError
        No such block, damaged rows, times that do not increase; the message names the line.
    InputError
        No times in the file and no `duration_s`.
    """
    pieces: list[Piece] = []
    used: list[Block] = []
    for k, block in enumerate(blocks):
        found = pieces_of(path, block, k, notes)
        if found:
            _bare_makes_sense(path, block, found)
            pieces += found
            used.append(block)
        elif len(blocks) > 1:
            notes.left.append(f"the table of {block.names} in line {block.line}")
    if not pieces:
        problem = next(
            (column.problem for block in blocks for column in block.columns if column.problem), ""
        )
        if problem:
            raise DataError(f"{path}: {problem}")
        raise DataError(_no_sweep(path, blocks[0]))
    pieces = [
        part for piece in pieces for part in _restarts(path, _in_steps(piece, blocks[piece.block]))
    ]
    pieces = _signed(pieces, notes)
    return _laid(path, used, pieces, notes, duration_s)


def _in_steps(piece: Piece, block: Block) -> list[Piece]:
    """Return the sweeps that an analyser's Dimension1 (points) and Dimension2 (sweeps) cut a list
    of rows into."""
    sizes = {
        row.cells[0].lower(): row.cells[1]
        for row in block.preamble
        if len(row.cells) > 1 and row.cells[0].lower().startswith("dimension")
    }
    try:
        points, sweeps = (
            int(float(sizes.get("dimension1", "0"))),
            int(float(sizes.get("dimension2", "1"))),
        )
    except ValueError:
        return [piece]
    if sweeps < 2 or points * sweeps != piece.volts.size:
        return [piece]
    return [
        replace(piece.part(slice(k * points, (k + 1) * points)), cycle=(*piece.cycle, k))
        for k in range(sweeps)
    ]


def _restarts(path: Path, pieces: list[Piece]) -> list[Piece]:
    """Return pieces cut where their times begin anew.

    Raises
    ------
    DataError
        A time does not increase, and is no new beginning.
    """
    found = []
    for piece in pieces:
        if piece.time is None:
            found.append(piece)
            continue
        known = np.flatnonzero(np.isfinite(piece.time))
        time, begin, first = piece.time, 0, int(known[0]) if known.size else 0
        last = first
        for number, k in enumerate(known[1:].tolist(), start=1):
            if time[k] > time[last]:
                last = k
                continue
            step = (
                time[known[min(int(np.searchsorted(known, first)) + 1, known.size - 1)]]
                - time[first]
            )
            if (
                k - begin >= 3
                and time[k] < time[first] + _RESTART * step
                and (known.size - number) >= 3
            ):
                found.append(replace(piece.part(slice(begin, k)), cycle=(*piece.cycle, begin)))
                begin = first = last = k
                continue
            raise DataError(
                f"{path}, line {piece.lines[k]}: time does not increase from sample"
                f" {last - begin + 1} ({time[last]:g} s) to {k - begin + 1} ({time[k]:g} s);"
                " average samples of the same time, and put them in order"
            )
        found.append(replace(piece.part(slice(begin, None)), cycle=(*piece.cycle, begin)))
    return found


def _signed(pieces: list[Piece], notes: Notes) -> list[Piece]:
    """Return pieces whose currents flow with the voltage: counted from the other terminal, or as
    magnitudes, they are turned, and that is said."""
    volts, amps = (
        np.concatenate([getattr(piece, name) for piece in pieces]) for name in ("volts", "amps")
    )
    power = volts * amps
    known = np.isfinite(power)
    if not known.any() or not np.any(power[known]):
        return pieces
    strong = known & (np.abs(power) > _SIGNIFICANT * float(np.max(np.abs(power[known]))))
    against = float(np.mean(power[strong] < 0))
    both = bool(np.any(volts[strong] > 0) and np.any(volts[strong] < 0))
    one_sign = bool(np.all(amps[strong] > 0) or np.all(amps[strong] < 0))
    if both and one_sign and against > 0.0:
        notes.read.append("currents are magnitudes: they were given the sign of the voltage")
        return [
            replace(piece, amps=np.where(piece.volts < 0, -1.0, 1.0) * np.abs(piece.amps))
            for piece in pieces
        ]
    if against > _WRONG_WAY:
        notes.read.append("currents count from the other terminal: their sign was turned")
        return [replace(piece, amps=-piece.amps) for piece in pieces]
    if against > 0.02:
        notes.read.append(
            f"{100 * against:.0f} % of the points have a current against their voltage, which no"
            " memristor alone has"
        )
    return pieces


def _laid(
    path: Path, blocks: list[Block], pieces: list[Piece], notes: Notes, duration_s: float | None
) -> Reading:
    """Return pieces one after the other."""
    timed = all(piece.time is not None for piece in pieces)
    if not timed:
        if any(piece.time is not None for piece in pieces):
            raise DataError(
                f"{path}: some of its tables have times and others have none; keep one kind"
            )
        if duration_s is None or not np.isfinite(duration_s) or duration_s <= 0:
            raise InputError(
                f"{path} has no times, and a memristor's curve depends on them: say how long the"
                " sweep took, in seconds (--duration, duration_s)"
            )
        pieces = [
            replace(piece, time=np.linspace(0.0, duration_s, piece.volts.size)) for piece in pieces
        ]
    elif duration_s is not None:
        notes.left.append("the duration that was given (the file has times)")
    times: list[Floats] = []
    starts: list[int] = []
    kept: list[Piece] = []
    end, own, shift = 0.0, False, 0.0
    for piece in pieces:
        whole = (
            np.isfinite(piece.volts) & np.isfinite(piece.amps) & np.isfinite(np.asarray(piece.time))
        )
        good = piece.part(whole)
        if good.volts.size < 3:
            total = sum(
                int(np.count_nonzero(np.isfinite(part.volts) & np.isfinite(part.amps)))
                for part in pieces
            )
            where = f", line {piece.lines[0]}: a sweep of" if len(pieces) > 1 else " has"
            count = good.volts.size if len(pieces) > 1 else total
            lost = f" (left out: {notes.first_lost})" if notes.first_lost else ""
            raise DataError(f"{path}{where} {count} measurement(s); expected at least 3{lost}")
        time = np.asarray(good.time)
        if not starts:
            shift = time[0]
        elif time[0] - shift <= end:  # begins anew: a sample's step after the last
            shift, own = time[0] - end - float(np.median(np.diff(time))), True
        starts.append(sum(part.volts.size for part in kept))
        times.append(time - shift)
        end = float(times[-1][-1])
        kept.append(good)
    volts, amps = (
        np.concatenate([getattr(piece, name) for piece in kept]) for name in ("volts", "amps")
    )
    stated = next(
        (
            found
            for block in blocks
            if (found := compliance.stated_amps(block.preamble)) is not None
        ),
        None,
    )
    limit = _limits(kept, stated, notes)
    remarks = _said(blocks, kept, notes, volts, amps, own, timed, duration_s)
    return Reading(
        time=np.concatenate(times),
        volts=volts,
        amps=amps,
        starts=np.array(starts),
        limit_amps=limit,
        remarks=remarks,
    )


def _limits(pieces: list[Piece], stated: float | None, notes: Notes) -> Floats:
    """Return the limit of every point: where a level shows or flags say so, in its polarity of its
    sweep; else what the file states."""
    largest = max(float(np.max(np.abs(piece.amps))) for piece in pieces)
    found, levels, held = [], [], 0
    for piece in pieces:
        limit = np.full(piece.volts.size, np.inf)
        for sign in (1.0, -1.0):
            here = sign * piece.volts > 0
            if not here.any():
                continue
            flagged = piece.limited & here
            level = None
            size = np.abs(piece.amps)
            if np.count_nonzero(flagged) < 2 and stated is not None:
                flagged = (
                    here & (size >= (1.0 - compliance.FLAT) * stated)
                    if float(np.max(size[here])) <= (1.0 + compliance.BEYOND) * stated
                    else flagged
                )
            if np.count_nonzero(flagged) >= 2:
                level, count = float(np.median(size[flagged])), int(np.count_nonzero(flagged))
            else:
                seen = compliance.visible(
                    np.where(here, np.abs(piece.volts), 0.0),
                    np.where(here, np.abs(piece.amps), 0.0),
                )
                if seen is not None:
                    level, count = seen[0], seen[1].stop - seen[1].start
            if level is not None:
                limit[here] = level
                levels.append(level)
                held += count
        found.append(limit)
    if levels:
        spread = f"{render(min(levels), 'A')} to {render(max(levels), 'A')}"
        text = (
            render(float(np.median(levels)), "A") if np.ptp(levels) < 0.02 * max(levels) else spread
        )
        notes.read.append(f"compliance {text} ({held} points held there)")
    if stated is not None and not levels:
        if largest <= (1.0 + compliance.BEYOND) * stated:
            notes.read.append(f"compliance {render(stated, 'A')} (stated; not reached)")
            found = [np.full(limit.size, stated) for limit in found]
        else:
            notes.read.append(
                f"the stated compliance of {render(stated, 'A')} is not kept: the current goes to"
                f" {render(largest, 'A')}"
            )
    return np.concatenate(found)


def _said(
    blocks: list[Block],
    pieces: list[Piece],
    notes: Notes,
    volts: Floats,
    amps: Floats,
    own: bool,
    timed: bool,
    duration_s: float | None,
) -> tuple[str, ...]:
    """Return the two lines: what was read, and what was left out."""
    names = list(dict.fromkeys(name for piece in pieces for name in piece.names))
    points = volts.size
    sweeps = f"{len(pieces)} sweeps, " if len(pieces) > 1 else ""
    tables = f" in {len(blocks)} tables" if len(blocks) > 1 else ""
    low, high, least, most = (
        float(value) for value in (volts.min(), volts.max(), amps.min(), amps.max())
    )
    first = (
        f"read {sweeps}{points} points{tables}"
        f" ({', '.join(names[:6])}{', …' if len(names) > 6 else ''}): {render(low, 'V')} to"
        f" {render(high, 'V')}, {render(least, 'A')} to {render(most, 'A')}"
    )
    if not timed and duration_s is not None:
        notes.read.append(
            f"no times: {'each sweep' if len(pieces) > 1 else 'the sweep'} takes the given"
            f" {render(duration_s, 's')}"
        )
    if own and timed:
        notes.read.append("sweeps whose times begin anew are laid one step after the last")
    first = "; ".join([first, *dict.fromkeys(notes.read)])
    return first, left_out(notes)


def left_out(notes: Notes) -> str:
    """Return the line that says what was left out."""
    gone = []
    if notes.lost:
        many = "s" if len(notes.lost) > 1 else ""
        shown = ", ".join(str(line) for line in notes.lost[:5]) + (
            ", …" if len(notes.lost) > 5 else ""
        )
        gone.append(
            f"{len(notes.lost)} point{many} that overflowed or {'are' if many else 'is'} no number"
            f" (line{many} {shown})"
        )
    gone += dict.fromkeys(notes.left)
    return "left out: " + ("; ".join(gone) if gone else "nothing")
