"""The tables inside a measurement file: where each begins, what stands above it, what its columns
are.

A block is a row of headers, perhaps a row of units, and rows of numbers. Above the first come lines
of text (a preamble); a file may hold several blocks, below each other."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from spicesnn.devices.instruments.cells import (
    Row,
    clock_seconds,
    flagged,
    number,
    status_word,
    with_unit,
)
from spicesnn.devices.instruments.headers import Column, is_unit, scale_of, with_unit_row
from spicesnn.errors import DataError

_USEFUL = {"time", "volts", "amps", "siemens", "ohms", "width", "read"}
_SEPARATOR = re.compile(
    r"(?i)^[\W_]*(cycle|loop|run|sweep|repeat|step|segment|block|trace|measurement|scan|zyklus|iteration|part|iv|i-v)?"
    r"[\W_]*\d*[\W_]*$"
)
_KEY_VALUE = re.compile(r"^[^:=]{1,60}[:=].*$")
_STEPS = "step information"
"""What stands above each step in the text that a circuit simulator exports."""
_EASY = "dataname", "datavalue"
_SOURCE_METER = ("volts", "amps", "ohms", "time", "status")
_SHOWN = 8
"""Headers in a message."""
_BARE = {2: ("volts", "amps"), 3: ("time", "volts", "amps")}


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """One table of a file.

    Attributes
    ----------
    columns : tuple of Column
        Made up where it has no headers.
    rows : tuple of Row
        As long as the headers, or shorter where trailing cells are missing.
    preamble : tuple of Row
        The lines of text above it.
    headed : bool
        Whether it has headers.
    line : int
        Where its headers stand, or its first row.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    preamble: tuple[Row, ...]
    headed: bool
    line: int

    @property
    def names(self) -> str:
        """The headers, the first of them where they are many."""
        shown = [column.header or "(no header)" for column in self.columns[:_SHOWN]]
        more = len(self.columns) - len(shown)
        return ", ".join(shown) + (f" and {more} more" if more else "")

    @property
    def kinds(self) -> set[str]:
        """What its columns hold."""
        return {column.kind for column in self.columns}

    def index(self, kind: str) -> int | None:
        """Return the number of the first column of a kind, or None."""
        return next((k for k, column in enumerate(self.columns) if column.kind == kind), None)


def is_value(text: str) -> bool:
    """Return whether a cell is a number, or the mark of a lost one."""
    return number(text) is not None


def _value_like(text: str) -> bool:
    return (
        is_value(text)
        or status_word(text) is not None
        or with_unit(text) is not None
        or flagged(text) is not None
        or clock_seconds(text) is not None
    )


def _is_data(row: Row, texts: list[Row], easy: bool) -> bool:
    """Return whether a row holds numbers, and not the text of a preamble: half of its cells, or one
    that stands alone.

    A row that begins with a word does so only below headers whose first is no quantity. `easy`: the
    file marks its rows itself."""
    cells = [cell for cell in row.cells if cell]
    if row.remark or easy:
        return cells[0].lower() == _EASY[1] and not row.remark
    values = sum(_value_like(cell) for cell in cells)
    if values < max(1, len(cells) // 2) or not (
        values == len(cells) or values >= 2 or len(cells) == 1
    ):
        return _beneath(row, texts)
    if row.cells[0] and not _value_like(row.cells[0]):
        head = _heading(texts)[0]
        return head is not None and head[0][0].kind not in _USEFUL
    return True


def _beneath(row: Row, texts: list[Row]) -> bool:
    """Return whether a row of more words than numbers stands below headers of its width, with
    numbers in all columns of a quantity: a buffer of a source meter, with its settings in each
    row."""
    columns = _header(texts[-1]) if texts else None
    if columns is None or len(columns) != len(row.cells) or _header(row) is not None:
        return False
    useful = [k for k, c in enumerate(_by_unit_columns(columns, row)) if c.kind in _USEFUL]
    return len(useful) >= 2 and all(_value_like(row.cells[k]) for k in useful)


def _header(row: Row, easy: bool = False) -> list[Column] | None:
    """Return the columns of a row of headers, or None where it is none: at least one quantity, no
    numbers."""
    cells = list(row.cells)
    if easy or cells[0].lower() == _EASY[0]:
        named = cells[0].lower() == _EASY[0] and len(cells) > 1
        return (
            [Column(header=cells[0], kind="other"), *(Column.of(cell) for cell in cells[1:])]
            if named
            else None
        )
    while cells and not cells[-1]:
        cells.pop()
    if (
        any(is_value(cell) for cell in cells if cell)
        and sum(is_value(cell) for cell in cells if cell) > len(cells) // 4
    ):
        return None
    columns = [Column.of(cell) if cell else Column(header="") for cell in cells]
    return columns if any(column.kind in _USEFUL for column in columns) else None


def split_blocks(path: Path, rows: list[Row]) -> tuple[list[Block], list[Row]]:
    """Return the blocks of a file, and the lines of text after the last.

    Raises
    ------
    DataError
        Text in the middle of numbers, or no numbers at all; the message names the line.
    """
    easy = any(row.cells[0].lower() == _EASY[0] for row in rows)
    stepped = next((row for row in rows if row.cells[0].lower().startswith(_STEPS)), None)
    if stepped is not None:
        raise DataError(
            f"{path}, line {stepped.line}: {' '.join(stepped.cells)!r:.60}: a simulation in steps,"
            " of a circuit each; export one step"
        )
    blocks: list[Block] = []
    texts: list[Row] = []
    k = 0
    while k < len(rows):
        if not _is_data(rows[k], texts, easy):
            texts.append(rows[k])
            k += 1
            continue
        head, above = _heading(texts, easy)
        if head is None and not blocks:
            head = _unknown(texts, rows[k])
            above = texts[:-1] if head is not None else texts
        if head is None and blocks:
            _continue(path, blocks, texts, rows[k])
            columns, line, headed, above = (
                list(blocks[-1].columns),
                rows[k].line,
                blocks[-1].headed,
                texts,
            )
        elif head is None:
            columns, line, headed = _bare(rows[k]), rows[k].line, False
        else:
            columns, line, headed = head[0], head[1], True
        columns = _with_stated_units(_by_unit_columns(columns, rows[k]), above)
        first, heads = (
            k,
            [Row(line=line, cells=tuple(column.header for column in columns))] if headed else [],
        )
        while k < len(rows) and (
            _is_data(rows[k], heads, easy) or _belongs(rows, k, len(columns), first, easy)
        ):
            k += 1
        blocks.append(
            Block(
                columns=tuple(columns),
                rows=tuple(rows[first:k]),
                preamble=tuple(above),
                headed=headed,
                line=line,
            )
        )
        texts = []
    if not blocks:
        raise DataError(
            f"{path}, line {rows[0].line}: no row of numbers; expected a header and measurements"
        )
    return [_with_fractions(_without_numbers(_without_labels(block))) for block in blocks], texts


def _belongs(rows: list[Row], k: int, width: int, first: int, easy: bool) -> bool:
    """Return whether a row that is no row of numbers is a damaged one of this block: as wide, some
    number in it, or text among numbers."""
    row = rows[k]
    if row.remark or k == first or easy:
        return False
    filled = [cell for cell in row.cells if cell]
    if _header(row) is not None:
        return False
    if any(_value_like(cell) for cell in filled) and len(row.cells) >= width > 1:
        return True
    if width == 1 and len(filled) == 1 and not _SEPARATOR.match(filled[0]):
        return True
    following = (
        k + 1 < len(rows) and sum(_value_like(cell) for cell in rows[k + 1].cells) >= width > 1
    )
    return following and len(filled) >= width and not _SEPARATOR.match(" ".join(filled))


def _heading(
    texts: list[Row], easy: bool = False
) -> tuple[tuple[list[Column], int] | None, list[Row]]:
    """Return the columns and line of the last row of headers in some lines of text, and the other
    lines; units from the row below."""
    for k in range(len(texts) - 1, max(len(texts) - 5, -1), -1):
        columns = _header(texts[k], easy)
        below = texts[k + 1 :]
        if columns is None:
            continue
        units_only = all(is_unit(cell) for cell in texts[k].cells if cell) and all(
            column.unit or column.kind for column in columns
        )
        if (
            units_only
            and k > 0
            and (above := _header(texts[k - 1])) is not None
            and len(above) >= len(columns)
        ):
            return (
                [
                    with_unit_row(column, cell)
                    for column, cell in zip(
                        above, [*texts[k].cells, *[""] * len(above)], strict=False
                    )
                ],
                texts[k - 1].line,
            ), texts[: k - 1] + below
        for row in below:
            if all(is_unit(cell) for cell in row.cells if cell):
                columns = [
                    with_unit_row(column, cell)
                    for column, cell in zip(
                        columns, [*row.cells, *[""] * len(columns)], strict=False
                    )
                ]
                break
        return (columns, texts[k].line), texts[:k] + below
    return None, texts


def _unknown(texts: list[Row], row: Row) -> tuple[list[Column], int] | None:
    """Return the columns of a row of words, none of them known, right above numbers and as wide as
    they are; or None."""
    if not texts or texts[-1].remark:
        return None
    cells = list(texts[-1].cells)
    fits = len(cells) == len(row.cells) and all(cell and not _value_like(cell) for cell in cells)
    return ([Column.of(cell) for cell in cells], texts[-1].line) if fits else None


def _continue(path: Path, blocks: list[Block], texts: list[Row], row: Row) -> None:
    """Check that lines of text between numbers only part them: blank, a remark, *cycle 2*, key and
    value."""
    for text in texts:
        line = " ".join(cell for cell in text.cells if cell)
        if not (
            text.remark or _SEPARATOR.match(line) or (_KEY_VALUE.match(line) and len(row.cells) > 1)
        ):
            raise DataError(
                f"{path}, line {text.line}: {line!r:.60} among measurements is no row of numbers;"
                f" expected {blocks[-1].names}"
            )


def _bare(row: Row) -> list[Column]:
    """Return the columns of numbers without headers: status words say what they are, three are
    time, volts, amps and two volts, amps."""
    words = [status_word(cell) for cell in row.cells]
    if any(word is not None for word in words):
        kinds = {"V": "volts", "I": "amps", "T": "time", "R": "ohms"}
        return [
            (
                Column(
                    header=f"channel {word[1]} {word[2]}",
                    kind=kinds[word[2]],
                    place=word[1].lower(),
                )
                if word
                else Column(header="")
            )
            for word in words
        ]
    cells = list(row.cells)
    while len(cells) > 1 and not cells[-1]:
        cells.pop()
    kinds_ = _BARE.get(len(cells), ("",) * len(cells))
    if len(cells) == len(_SOURCE_METER) and _is_source_meter(cells):
        kinds_ = _SOURCE_METER
    return [Column(header=kind or f"column {k + 1}", kind=kind) for k, kind in enumerate(kinds_)]


def _is_source_meter(cells: list[str]) -> bool:
    """Return whether five bare numbers are a source meter's: volts, amps, ohms (or the mark that
    they were not measured), seconds, status."""
    values = [number(cell) for cell in cells]
    if any(value is None for value in values):
        return False
    volts, amps, ohms, _, status = (float(value) for value in values if value is not None)
    ratio = ohms != ohms or (amps != 0 and abs(ohms - volts / amps) < 1e-3 * abs(ohms))
    return ratio and status == round(status)


def _by_unit_columns(columns: list[Column], row: Row) -> list[Column]:
    """Return columns in which a reading, or a source value, that has its unit in the column behind
    it is of that unit's quantity."""
    found = list(columns)
    for k, column in enumerate(columns):
        behind = next(
            (
                j
                for j in range(k + 1, min(k + 4, len(columns)))
                if columns[j].header.lower() == "unit"
            ),
            None,
        )
        if (
            column.header.lower() not in ("reading", "value", "source value", "measurement")
            or behind is None
        ):
            continue
        unit = row.cells[behind] if behind < len(row.cells) else ""
        if is_unit(unit) and unit:
            found[k] = replace(Column.of(f"x ({unit})"), header=f"{column.header} ({unit})")
    return found


def _with_stated_units(columns: list[Column], texts: list[Row]) -> list[Column]:
    """Return columns with the units that lines of text above them state: *Current unit: nA*, or
    *Units: V, nA* in the order of the columns."""
    found = list(columns)
    for row in texts:
        said = re.fullmatch(
            r"(?i)\W*(.*?)\bunits?\b(?:\s+of\s+(.*?))?\s*[:=,;\t ]\s*(.+?)\W*",
            ", ".join(cell for cell in row.cells if cell),
        )
        if said is None:
            continue
        units = [unit for unit in re.split(r"[,;\s]+", said[3]) if unit]
        kind = Column.of(said[1] or said[2] or "").kind
        if kind and len(units) == 1:
            found = [
                with_unit_row(column, units[0])
                if column.kind == kind and scale_of(units[0], kind) is not None
                else column
                for column in found
            ]
        elif len(units) == len(found) and all(is_unit(unit) for unit in units):
            found = [with_unit_row(c, unit) for c, unit in zip(found, units, strict=True)]
    return found


def _without_labels(block: Block) -> Block:
    """Return a block without the leading cells that only say what kind of line it is (DataName,
    DataValue)."""
    if block.columns and block.columns[0].header.lower() == _EASY[0]:
        rows = tuple(Row(line=row.line, cells=row.cells[1:]) for row in block.rows)
        return replace(block, columns=block.columns[1:], rows=rows)
    return block


def _without_numbers(block: Block) -> Block:
    """Return a block without the numbers of its rows, which some programs write in front of them
    and give no header."""
    width = len(block.columns)
    if not block.headed or any(
        len(row.cells) != width + 1 or not row.cells[-1] for row in block.rows
    ):
        return block
    numbers = [number(row.cells[0]) for row in block.rows]
    if len(numbers) < 2 or numbers != [k + (numbers[0] or 0.0) for k in range(len(numbers))]:
        return block
    return replace(block, rows=tuple(replace(row, cells=row.cells[1:]) for row in block.rows))


def _with_fractions(block: Block) -> Block:
    """Return a block whose clock times have the fractions of a second that stand in a column of
    their own."""
    names = [column.header.lower() for column in block.columns]
    if "time" not in names or "fractional seconds" not in names:
        return block
    clock, fraction = names.index("time"), names.index("fractional seconds")

    def whole(row: Row) -> Row:
        cells = list(row.cells)
        if fraction >= len(cells):
            return row
        part = number(cells[fraction])
        if part is None or not 0.0 <= part < 1.0 or clock_seconds(cells[clock]) is None:
            return row
        cells[clock] += f"{part:.9f}"[1:]
        return replace(row, cells=tuple(cells))

    columns = [
        replace(c, kind="other") if k == fraction else c for k, c in enumerate(block.columns)
    ]
    return replace(block, columns=tuple(columns), rows=tuple(whole(row) for row in block.rows))
