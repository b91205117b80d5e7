"""Conductances after pulses, as files have them: trains with a voltage and a width each, and curves
over pulse numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.devices.instruments.blocks import Block
from spicesnn.devices.instruments.cells import number, with_unit
from spicesnn.devices.instruments.headers import Column, scale_of
from spicesnn.devices.instruments.pieces import Notes, Values, check_row_widths, varies
from spicesnn.devices.instruments.reading import left_out, of_cycles, said_of_cycles
from spicesnn.errors import DataError
from spicesnn.units import render

V_READ = 0.1
"""Read voltage of a curve of currents where neither the file nor the user says one; it is said
then."""
MOST_SIEMENS = 10.0
"""No memristor conducts more; a file that says so has its unit left out."""
_NEAR_ZERO = 0.05
"""Readings at or below 0 S count as noise where they are this fraction of the largest, and of all
readings, at most (one may always be)."""
_TURN = 0.2
"""A curve has turned where it comes back by this fraction of its range (and by six times its
scatter)."""
_CHANGES = re.compile(
    r"(?i)[Δδ∆]|(?<![a-z])(?:delta|d)[ _-]?g(?![a-z])|(?<![a-z])(?:change|increment)"
)
"""Names of a column of differences."""
_APPLIED, _COUNTS = (
    frozenset(["applied", "pulses", "repeats", "repetitions"]),
    frozenset(["num", "number", "n", "count", "no", "nr", "repeats", "repetitions"]),
)
"""Words of a column that counts the pulses of a row."""
_UP = {
    "set",
    "ltp",
    "pot",
    "potentiation",
    "p",
    "up",
    "+",
    "+1",
    "1",
    "positive",
    "s",
    "program",
    "write",
}
_DOWN = {"reset", "ltd", "dep", "depression", "d", "down", "-", "-1", "negative", "r", "erase"}


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Train:
    """Conductances after pulses of known voltage and width, (pulses,) each; `remarks` are two
    lines."""

    volts: Floats
    width_s: Floats
    siemens: Floats
    remarks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Curve:
    """Conductances over pulse numbers.

    Attributes
    ----------
    raising, lowering : (pulses + 1,) siemens, or None
    set_volts, reset_volts, width_s : float or None
        Of the pulses, where the file says them.
    remarks : tuple of two str
    """

    raising: Floats | None
    lowering: Floats | None
    set_volts: float | None = None
    reset_volts: float | None = None
    width_s: float | None = None
    remarks: tuple[str, ...] = ()


def holds_curve(block: Block) -> bool:
    """Return whether a table holds conductances over pulse numbers: no voltages, and one or two
    columns besides the numbers."""
    others = [
        column
        for column in block.columns
        if column.kind not in ("number", "cycle", "read", "kind", "other", "status", "width")
    ]
    kinds = {column.kind for column in others}
    if "volts" in kinds or "time" in kinds or not others:
        return False
    if kinds & {"siemens", "ohms"}:
        return True
    if kinds == {"amps"}:
        return block.index("number") is not None or len(others) == 1
    return len(others) in (1, 2) and kinds == {""} and (block.headed or len(others) == 1)


def read_train(path: Path, blocks: list[Block], notes: Notes, v_read: float | None) -> Train | None:
    """Return the train of a file with a voltage, a width and a conductance (resistance, read
    current) for each pulse, or None.

    Raises
    ------
    DataError
        Damaged rows; the message names the line.
    """
    block = blocks[0]
    volts, width = block.index("volts"), block.index("width")
    if volts is None or width is None or not _conductances(block):
        return None
    which = _conductances(block)
    _one_pulse_a_row(path, block)
    block = _with_read_column(path, block, volts)
    if len(which) > 1:
        notes.left.append(
            f"column{'s' if len(which) > 2 else ''} "
            + ", ".join(block.columns[k].header for k in which[1:])
            + " (further readings)"
        )
    if block.columns[which[0]].kind == "amps" and not block.columns[volts].words & {
        "pulse",
        "amplitude",
        "write",
        "set",
    }:
        raise DataError(
            f"{path}, line {block.line}: a width, a voltage ({block.columns[volts].header}) and a"
            " current; is it the pulse's voltage or the read's? Name it pulse voltage, and the"
            " other read voltage"
        )
    check_row_widths(path, block)
    widths = Values.of(block, width).si
    if block.columns[which[0]].kind == "ohms" and not np.any(widths[np.isfinite(widths)] != 0):
        return None  # a curve tracer's: resistances at voltages, no pulses
    siemens, rows = _siemens(path, block, which[0], notes, v_read)
    if siemens.size < 3:
        raise DataError(f"{path} has {siemens.size} measurement(s); expected at least 3")
    v, w = (_numbers(path, block, k)[rows] for k in (volts, width))
    if not (np.all(np.isfinite(v)) and np.all(np.isfinite(w))):
        row = block.rows[int(rows[int(np.argmax(~np.isfinite(v + w)))])]
        raise DataError(
            f"{path}, line {row.line}: a pulse without its voltage or its width; expected both"
        )
    lines = np.array([row.line for row in block.rows])[rows]
    bad = (w < 0) | ((w == 0) & (v != 0))
    if np.any(bad):
        raise DataError(
            f"{path}, line {lines[np.argmax(bad)]}: a pulse has a width of"
            f" {float(w[np.argmax(bad)]):g} s; expected more than 0 s for every pulse of a voltage"
        )
    notes.read.insert(
        0,
        f"read a train of {siemens.size} pulses"
        f" ({', '.join(block.columns[k].header for k in (volts, width, which[0]))}),"
        f" {render(float(v.min()), 'V')} to {render(float(v.max()), 'V')},"
        f" {render(float(siemens.min()), 'S')} to {render(float(siemens.max()), 'S')}",
    )
    return Train(
        volts=v, width_s=w, siemens=siemens, remarks=("; ".join(notes.read), left_out(notes))
    )


def _one_pulse_a_row(path: Path, block: Block) -> None:
    """Refuse rows that stand for several pulses each.

    Raises
    ------
    DataError
        A column that counts the applied pulses has another number than 1; the message names the
        line.
    """
    for k, column in enumerate(block.columns):
        if not column.words & _APPLIED or not column.words & _COUNTS or column.kind == "volts":
            continue
        counts = Values.of(block, k).si
        odd = np.isfinite(counts) & (counts != 1.0) & (counts != 0.0)
        counter = bool(np.all(np.diff(counts[np.isfinite(counts)]) > 0.0))
        if odd.any() and not counter:
            r = int(np.argmax(odd))
            raise DataError(
                f"{path}, line {block.rows[r].line}: {column.header} is {counts[r]:g}, and a train"
                " has one pulse a row. Where the device rests between the pulses of a row, write"
                " their widths together as one and leave the column out"
            )


def _with_read_column(path: Path, block: Block, volts: int) -> Block:
    """Return a table whose second voltage, a constant one that was measured beside pulses, is the
    read voltage.

    Raises
    ------
    DataError
        Several voltages, and no name that says which is the pulse's.
    """
    others = [k for k, c in enumerate(block.columns) if c.kind == "volts" and k != volts]
    if not others or block.index("read") is not None:
        return block
    pulsed = block.columns[volts].words & {"pulse", "amplitude", "write", "prog", "programmed"}
    level = Values.of(block, others[0]).si
    if len(others) > 1 or not pulsed or varies(level):
        raise DataError(
            f"{path}, line {block.line}: several voltages,"
            f" {', '.join(block.columns[k].header for k in [volts, *others])}; call them pulse"
            " voltage and read voltage"
        )
    columns = list(block.columns)
    columns[others[0]] = replace(columns[others[0]], kind="read")
    return replace(block, columns=tuple(columns))


def read_curve(path: Path, blocks: list[Block], notes: Notes, v_read: float | None) -> Curve:
    """Return the curve of a file: one column that rises, falls, or does both in turn, or one that
    rises and one that falls.

    Which pulses were set pulses follows from a column of voltages or of words (set, reset; LTP,
    LTD), and without one from the conductances themselves.

    Raises
    ------
    DataError
        Damaged rows, other columns, pulses that are not alike; the message names the line.
    """
    if not blocks[0].headed:
        check_row_widths(path, blocks[0])
        raise DataError(
            f"{path}, line {blocks[0].line}: no pulse curve: the first line must be a header, not"
            " numbers"
        )
    if of_cycles(blocks[0]):
        raise DataError(f"{path}, line {blocks[0].line}: {said_of_cycles(blocks[0])}")
    tables = [block for block in blocks if _conductances(block)]
    if not tables:
        names = [
            column.header for column in blocks[0].columns if column.kind not in ("number", "cycle")
        ]
        raise DataError(
            f"{path}, line {blocks[0].line}: no pulse curve: column {', '.join(names)} is not a"
            " conductance"
        )
    runs: list[list[Floats]] = []
    sign: list[list[Any]] = []
    pulses: dict[str, float | None] = {"set_volts": None, "reset_volts": None, "width_s": None}
    columns: list[str] = []
    for block in tables:
        check_row_widths(path, block)
        which = _conductances(block)
        if len(which) > 2:
            counts = ", ".join(block.columns[k].header for k in which)
            raise DataError(
                f"{path}, line {block.line}: {len(which)} columns ({counts}); expected one or two"
                " conductances, a curve of one device"
            )
        stray = [column.header for column in block.columns if column.kind == "time"]
        if stray:
            raise DataError(
                f"{path}, line {block.line}: no pulse curve: column {stray[0]} is not a conductance"
            )
        for k in which:
            siemens, rows = _siemens(path, block, k, notes, v_read)
            if siemens.size < 2:
                raise DataError(
                    f"{path}, line {block.line}: column {block.columns[k].header} has"
                    f" {siemens.size} value(s); expected 2 or more values"
                )
            cuts = _begins_anew(block, rows, siemens)
            signs = _directions(path, block, rows, pulses) if len(which) == 1 else None
            runs.append(np.split(siemens, cuts))
            sign.append([None] * len(runs[-1]) if signs is None else np.split(signs, cuts))
            columns.append(block.columns[k].header)
    raising, lowering = _assigned(path, tables[0].line, runs, sign, pulses, notes)
    count = sum(part.size for run in runs for part in run)
    first = f"read {count} conductances ({', '.join(columns)})"
    parts = [
        f"{name} {part.size - 1} pulses, {render(float(part[0]), 'S')} to"
        f" {render(float(part[-1]), 'S')}"
        for name, part in (("up", raising), ("down", lowering))
        if part is not None
    ]
    return Curve(
        raising=raising,
        lowering=lowering,
        remarks=("; ".join([f"{first}: {'; '.join(parts)}", *notes.read]), left_out(notes)),
        **pulses,
    )


def _begins_anew(block: Block, rows: Any, siemens: Floats) -> list[int]:
    """Return where a column of cycles steps on, or pulse numbers begin again, and a curve with them
    that goes the same way as the one before: the device was brought back in between, by no pulse of
    the file."""
    cuts: set[int] = set()
    for kind in ("cycle", "number"):
        k = block.index(kind)
        if k is None:
            continue
        steps = np.diff(Values.of(block, k).si[rows])
        cuts |= set((np.flatnonzero(steps != 0 if kind == "cycle" else steps < 0) + 1).tolist())
    ends = [0, *sorted(cuts), siemens.size]
    ways = []
    for begin, end in pairwise(ends):
        part = siemens[begin:end]
        way = float(part[-1] - part[0])
        ways.append(np.sign(way) if abs(way) > 0.5 * float(np.ptp(part)) > 0.0 else 0.0)
    return [at for at, a, b in zip(ends[1:-1], ways, ways[1:], strict=False) if a == b != 0.0]


def _conductances(block: Block) -> list[int]:
    """Return the columns of a table that hold conductances: by that name, or resistances, or read
    currents, or all that is not known."""
    for kind in ("siemens", "ohms", "amps"):
        found = [k for k, column in enumerate(block.columns) if column.kind == kind]
        if found:
            return found
    if block.index("volts") is not None:
        return []
    found = [k for k, c in enumerate(block.columns) if not c.kind and c.header and not c.unit]
    known = [k for k, c in enumerate(block.columns) if c.kind == "other" and c.header]
    if not known:
        return found
    return found + known if len(found + known) > 2 else []


def _numbers(path: Path, block: Block, k: int) -> Floats:
    """Return column k in SI units, every cell a number or empty.

    Raises
    ------
    DataError
        A cell that is none; the message names the line.
    """
    _understood(path, block.columns[k])
    values = Values.of(block, k)
    if values.wrong.any():
        row = block.rows[int(np.argmax(values.wrong))]
        raise DataError(
            f"{path}, line {row.line}: {row.cells[k]!r:.40} in column {block.columns[k].header} is"
            " not a number"
        )
    return values.si


def _finite(path: Path, block: Block, k: int, rows: Any) -> Floats:
    """Return some rows of column k, none of them lost or empty."""
    values: Floats = _numbers(path, block, k)[rows]
    if not np.all(np.isfinite(values)):
        row = block.rows[int(rows[int(np.argmax(~np.isfinite(values)))])]
        raise DataError(
            f"{path}, line {row.line}: no number in column {block.columns[k].header}, beside a"
            " conductance; expected one"
        )
    return values


def _understood(path: Path, column: Column) -> None:
    try:
        column.checked()
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _siemens(
    path: Path, block: Block, k: int, notes: Notes, v_read: float | None
) -> tuple[Floats, Any]:
    """Return the conductances of column k, and the rows they stand in; lost readings and noise
    around 0 S are left out and noted."""
    column, si = block.columns[k], _numbers(path, block, k)
    values, lines = Values.of(block, k), np.array([row.line for row in block.rows])
    if values.lost.any():
        notes.lost += lines[values.lost].tolist()
    inner = values.empty & (
        np.arange(si.size) < np.flatnonzero(~values.empty)[-1] if np.any(~values.empty) else False
    )
    if np.any(inner):
        notes.left.append(
            f"{np.count_nonzero(inner)} empty cells of column {column.header} (from line"
            f" {lines[np.argmax(inner)]})"
        )
    if column.kind == "ohms":
        if np.any(si == 0):
            raise DataError(
                f"{path}, line {lines[np.argmax(si == 0)]}: a resistance of 0 Ω; expected more"
            )
        si = 1.0 / si
        notes.read.append(f"conductances are one over {column.header}")
    elif column.kind == "amps":
        volts, said = _read_volts(path, block, v_read)
        si = si / volts
        notes.read.append(f"conductances are {column.header} over {said}")
    elif _CHANGES.search(column.header):
        raise DataError(
            f"{path}, line {block.line}: column {column.header} holds changes; expected conductances"
        )
    elif not column.unit and column.words & {"ratio", "normalized", "normalised", "norm", "arb"}:
        raise DataError(
            f"{path}, line {block.line}: column {column.header} holds ratios; expected"
            " conductances, such as siemens or G (µS)"
        )
    rows = np.flatnonzero(np.isfinite(si))
    found, at = si[rows], lines[rows]
    if found.size and np.all(found < 0):
        notes.read.append(
            f"all of {column.header} are negative: the read counts from the other terminal; their"
            " sign was turned"
        )
        found = -found
    low = found <= 0
    if low.any():
        top = float(np.max(np.abs(found)))
        if (
            np.count_nonzero(low) > max(1, _NEAR_ZERO * found.size)
            or np.max(np.abs(found[low])) > _NEAR_ZERO * top
        ):
            raise DataError(
                f"{path}, line {at[np.argmax(low)]}: {found[low][0]:.4g} S in column"
                f" {column.header}; expected finite conductances above 0 S"
                + (
                    ". The header says no quantity that is known: time, voltage, current,"
                    " resistance, conductance?"
                    if not column.kind
                    else ""
                )
            )
        notes.left.append(
            f"{np.count_nonzero(low)} reading{'s' if np.count_nonzero(low) > 1 else ''} at or below"
            f" 0 S, noise around it (line {', '.join(map(str, at[low]))})"
        )
        rows, found = rows[~low], found[~low]
    if found.size and float(found.max()) > MOST_SIEMENS:
        line = at[int(np.argmax(si[np.flatnonzero(np.isfinite(si))]))]
        raise DataError(
            f"{path}, line {line}: conductances up to {float(found.max()):.4g} S; say their unit in"
            " the header, such as G (µS)"
        )
    return found, rows


def _read_volts(path: Path, block: Block, given: float | None) -> tuple[Any, str]:
    """Return the read voltage (of every row, or one) and how to call it: a column, the user's, the
    preamble's, or 0.1 V."""
    k = block.index("read")
    if k is not None:
        volts = np.abs(_numbers(path, block, k))
        if np.any(volts == 0):
            raise DataError(
                f"{path}, line {block.rows[int(np.argmax(volts == 0))].line}: a read voltage of 0"
                " V; expected another"
            )
        return volts, block.columns[k].header
    if given is not None:
        return given, f"the given read voltage, {render(given, 'V')}"
    for row in block.preamble:
        line = " ".join(row.cells)
        found = re.search(
            r"(?i)(?:v[_ ]?read|read(?:ing)?["
            r" _]?(?:voltage|bias|at))[^0-9+-]*([+-]?[0-9.,]+(?:[eE][+-]?[0-9]+)?\s*[a-zA-Zµμ]*)",
            line,
        )
        united = with_unit(found[1].strip()) if found else None
        plain = number(found[1].strip()) if found else None
        scale = scale_of(united[1], "volts") if united else 1.0
        value = united[0] * (scale or 1.0) if united else plain
        if value:
            return abs(value), f"the file's read voltage, {render(abs(value), 'V')}"
    for column in block.columns:
        found = re.search(r"(?i)@\s*([0-9.]+)\s*(m?V)", column.header)
        if found:
            value = float(found[1]) * (1e-3 if found[2].lower() == "mv" else 1.0)
            return value, f"the header's read voltage, {render(value, 'V')}"
    return V_READ, f"an assumed read voltage of {render(V_READ, 'V')} (--read-volts says another)"


def _directions(path: Path, block: Block, rows: Any, pulses: dict[str, float | None]) -> Any:
    """Return the sign of every pulse of a table, (rows,), 0 for a reading; None where no column
    says it. Widths and voltages go to `pulses`."""
    k, w = block.index("volts"), block.index("width")
    lines = np.array([row.line for row in block.rows])[rows]
    if w is not None:
        width = _finite(path, block, w, rows)
        used = width[width > 0]
        if used.size:
            if np.ptp(used) > 1e-6 * used[0]:
                odd = int(np.argmax(np.abs(width - used[0]) > 1e-6 * used[0]))
                raise DataError(
                    f"{path}, line {lines[odd]}: a pulse of {width[odd]:g} s among pulses of"
                    f" {used[0]:g} s; a pulse curve has equal pulses"
                )
            pulses["width_s"] = float(used[0])
    if k is not None:
        volts = _finite(path, block, k, rows)
        for sign in (1.0, -1.0):
            some = volts[sign * volts > 0]
            if some.size and np.ptp(some) > 1e-3 * abs(some[0]):
                odd = int(
                    np.argmax((sign * volts > 0) & (np.abs(volts - some[0]) > 1e-3 * abs(some[0])))
                )
                raise DataError(
                    f"{path}, line {lines[odd]}: a pulse of {volts[odd]:g} V among pulses of"
                    f" {some[0]:g} V; a pulse curve has equal pulses. Fit a model to pulses that"
                    " differ"
                )
        if np.any(volts > 0) and np.any(volts < 0):
            pulses["volts"] = 0.0  # both are there: which one raises is seen from the conductances
        pulses["+"], pulses["-"] = (
            float(volts[s * volts > 0][0]) if np.any(s * volts > 0) else None for s in (1.0, -1.0)
        )
        return np.sign(volts)
    k = block.index("kind")
    if k is None:
        return None
    words = [
        block.rows[r].cells[k].strip().lower() if k < len(block.rows[r].cells) else "" for r in rows
    ]
    if not set(words) & (_UP | _DOWN):
        return None
    return np.array([1.0 if word in _UP else -1.0 if word in _DOWN else 0.0 for word in words])


def _assigned(
    path: Path,
    line: int,
    runs: list[list[Floats]],
    sign: list[list[Any]],
    pulses: dict[str, float | None],
    notes: Notes,
) -> tuple[Floats | None, Floats | None]:
    """Return what rises and what falls."""
    plus, minus = pulses.pop("+", None), pulses.pop("-", None)
    pulses.pop("volts", None)
    up: list[Floats] = []
    down: list[Floats] = []
    for run, directions in zip(runs, sign, strict=True):
        for piece, signs in zip(run, directions, strict=True):
            unsaid = signs is None or not np.any(signs)
            for part in _turned(piece) if unsaid else _signed_parts(piece, signs):
                (up if part[1:].mean() >= part[0] else down).append(part)
    if len(runs) == 2 and sign == [[None], [None]] and (len(up), len(down)) == (2, 0):
        raise DataError(
            f"{path}, line {line}: both columns rise; expected the conductances over set pulses,"
            " and over reset pulses"
        )
    if plus is not None or minus is not None:
        rises = _rising_sign(runs[0][0], sign[0][0])
        pulses["set_volts"], pulses["reset_volts"] = (plus, minus) if rises > 0 else (minus, plus)
    return _averaged(up, "rises", notes), _averaged(down, "falls", notes)


def _rising_sign(run: Floats, signs: Any) -> float:
    """Return the sign of the pulses that raise the conductance."""
    steps = np.diff(run)
    change = [
        float(np.sum(steps[signs[1:] == s])) if np.any(signs[1:] == s) else 0.0 for s in (1.0, -1.0)
    ]
    return 1.0 if change[0] >= change[1] else -1.0


def _signed_parts(run: Floats, signs: Any) -> list[Floats]:
    """Return the runs of pulses of one sign, each with the reading before it; readings without a
    pulse count as no pulse."""
    parts: list[list[float]] = []
    last = 0.0
    for k, sign in enumerate(signs.tolist()):
        if sign == 0.0:
            if parts and last != 0.0:
                continue
            parts, last = [[float(run[k])]], 0.0
        elif sign != last:
            if parts and last == 0.0:
                parts[-1].append(float(run[k]))
            else:
                parts.append([float(run[k - 1])] if k else [])
                parts[-1].append(float(run[k]))
            last = sign
        else:
            parts[-1].append(float(run[k]))
    return [np.array(part) for part in parts if len(part) > 1]


def _turned(run: Floats) -> list[Floats]:
    """Return a curve cut where it turns, each part from one turning point to the next."""
    scatter = (
        float(1.4826 * np.median(np.abs(np.diff(run, 2))) / np.sqrt(6.0)) if run.size > 2 else 0.0
    )
    enough = max(_TURN * float(np.ptp(run)), 6.0 * scatter)
    turns, k, high, low, going = [0], 0, 0, 0, 0
    for k in range(1, run.size):
        high, low = (k if run[k] >= run[high] else high), (k if run[k] <= run[low] else low)
        if going >= 0 and run[high] - run[k] > enough and high > turns[-1]:
            turns.append(high)
            going, low = -1, k
        elif going <= 0 and run[k] - run[low] > enough and low > turns[-1]:
            turns.append(low)
            going, high = 1, k
        elif going == 0 and abs(run[k] - run[0]) > enough:
            going = 1 if run[k] > run[0] else -1
            high = low = k
    turns.append(run.size - 1)
    for j in range(1, len(turns) - 1):
        turns[j] = _refined(run, turns[j - 1], turns[j], turns[j + 1], scatter)
    parts = [run[a : b + 1] for a, b in pairwise(turns) if b > a]
    for j in range(len(parts) - 1):  # the last conductance read once more before the pulses turn
        if parts[j].size > 2 and parts[j][-1] == parts[j][-2]:
            parts[j] = parts[j][:-1]
    return parts


def _refined(run: Floats, before: int, at: int, after: int, scatter: float) -> int:
    """Return the last place of a turning point that the data allow as well as the best: a level
    that scatters belongs to what led to it."""
    from scipy.optimize import isotonic_regression

    rising = bool(run[at] >= run[before])
    best, sums = at, {}
    for k in range(max(before + 1, at - 40), min(after, at + 41)):
        up = isotonic_regression(run[before : k + 1], increasing=rising).x
        down = isotonic_regression(run[k : after + 1], increasing=not rising).x
        sums[k] = float(
            np.sum((up - run[before : k + 1]) ** 2) + np.sum((down - run[k : after + 1]) ** 2)
        )
    if sums:
        window = np.diff(run[max(before, at - 12) : min(after + 1, at + 13)], 2)
        if window.size > 4:  # scatter goes with the conductance: that of the place counts
            scatter = max(scatter, float(1.4826 * np.median(np.abs(window)) / np.sqrt(6.0)))
        least = min(sums.values()) + 8.0 * scatter**2
        near = [k for k, value in sums.items() if value <= least]
        run_of = [k for k in near if abs(k - at) <= 40]
        best = max(run_of) if scatter > 0 and run_of else at
    return best


def _averaged(parts: list[Floats], what: str, notes: Notes) -> Floats | None:
    """Return the mean of several cycles, as far as all of them go."""
    if not parts:
        return None
    if len(parts) == 1:
        return parts[0]
    shortest = min(part.size for part in parts)
    notes.read.append(f"what {what} is the mean of {len(parts)} cycles")
    if any(part.size > shortest for part in parts):
        notes.left.append(f"pulses beyond the shortest cycle that {what} ({shortest - 1} pulses)")
    return np.asarray(np.mean([part[:shortest] for part in parts], axis=0))
