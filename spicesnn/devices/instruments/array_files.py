"""Measurements in files that are no text: sheets of a workbook, named arrays of NumPy, MATLAB, HDF5
and Parquet, as rows of cells like those of a text."""

from __future__ import annotations

import datetime as dt
import importlib
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn import hdf5, npz
from spicesnn.devices.instruments.cells import Row
from spicesnn.errors import DataError, MissingPackageError
from spicesnn.file_kinds import what_is

Table = list[Row]
_MOST_CELLS, _BYTES_A_CELL = 20_000_000, 50
_PLACE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{0,7})(\d{1,10})["']""")
_EPOCH = dt.datetime(1899, 12, 30)
"""Day 0 of the dates of a spreadsheet."""


def tables_of(path: Path) -> dict[str, Table] | None:
    """Return the tables of a file that is no text by their names, or None where it may be a text.

    Raises
    ------
    DataError
        Damaged, nothing of numbers in it, or a kind of file that is not read.
    MissingPackageError
        The package that reads it is not installed.
    """
    start = b""
    if path.is_file():
        with path.open("rb") as file:
            start = file.read(128)
    kind = what_is(path) if start else ""
    for begins, reader in _READERS:
        if not begins(start, kind):
            continue
        try:
            found = reader(path)
        except (DataError, MissingPackageError):
            raise
        except Exception as error:  # readers of damaged files raise nearly anything
            reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
            raise DataError(f"{path} is {kind}, and damaged: {reason}") from None
        if not found:
            raise DataError(f"{path} is {kind} without a column of numbers")
        return found
    return None


def _workbook(path: Path) -> dict[str, Table]:
    """Return the sheets of a workbook."""
    try:
        from python_calamine import CalamineWorkbook
    except ImportError:
        raise MissingPackageError(
            f"{path} is an Excel workbook, which needs python-calamine: pip install"
            " 'spicesnn[excel]', or export the sheet as CSV"
        ) from None
    if zipfile.is_zipfile(path):
        _check_sheets(path)
    book, found = CalamineWorkbook.from_path(str(path)), {}
    for name in book.sheet_names:
        rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
        table = [
            Row(line=k, cells=cells)
            for k, row in enumerate(rows, start=1)
            if any(cells := tuple(_text(cell) for cell in row))
        ]
        if table:
            found[name] = table
    return found


def _check_sheets(path: Path) -> None:
    """Refuse a workbook that unpacks to too much; one cell far away makes a sheet as large."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        _check_size(path, sum(entry.file_size for entry in entries) // _BYTES_A_CELL)
        sheets = [e for e in entries if re.fullmatch(r"xl/worksheets/[^/]+\.xml", e.filename)]
        if not sheets:
            raise DataError(f"{path} has no sheets as .xlsx has them; save it as .xlsx or CSV")
        for entry in sheets:
            rows = columns = 1
            for letters, row in _PLACE.findall(archive.read(entry)):
                number = 0
                for letter in letters.upper():
                    number = 26 * number + letter - ord("A") + 1
                rows, columns = max(rows, int(row)), max(columns, number)
            _check_size(path, rows * columns)


def _text(cell: Any) -> str:
    """Return what a cell of a workbook holds as an instrument would write it: dates as days."""
    if isinstance(cell, bool | str):
        return str(cell).strip()
    if isinstance(cell, dt.datetime):
        return repr((cell - _EPOCH) / dt.timedelta(days=1))
    if isinstance(cell, dt.date | dt.time):
        return cell.isoformat()
    if isinstance(cell, dt.timedelta):
        return repr(cell.total_seconds())
    return repr(cell)


def _numpy_archive(path: Path) -> dict[str, Table]:
    if not zipfile.is_zipfile(path):
        raise DataError(
            f"{path} begins as an Excel workbook or another zip archive does, and is damaged; fetch"
            " or make it again"
        )
    return _beside(path, npz.read(path))


def _numpy_array(path: Path) -> dict[str, Table]:
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read is not None and read(file)[2].hasobject:
            raise DataError(
                f"{path} holds Python objects, a pickle, which can run programs when it is loaded"
                " and is not read; expected an array of numbers"
            )
    array = np.load(path, allow_pickle=False, mmap_mode="r")
    if array.dtype.names:
        return _beside(path, {name: array[name] for name in array.dtype.names})
    if array.ndim != 2 or not 1 < array.shape[1] <= array.shape[0]:
        raise DataError(
            f"{path} is one NumPy array of shape {array.shape}; expected columns beside each other,"
            " (points, 2) of volts, amps or (points, 3) of time, volts, amps"
        )
    return {"": _rows(path, {}, list(np.asarray(array, dtype=float).T))}


def _matlab(path: Path) -> dict[str, Table]:
    from scipy.io import loadmat, whosmat

    if path.read_bytes()[:20].startswith(b"MATLAB 7.3"):
        return _hdf5(path)
    names = [
        name
        for name, shape, kind in whosmat(path)
        if kind in ("double", "single") and 1 < np.prod(shape) <= _MOST_CELLS
    ]
    return _beside(path, loadmat(path, variable_names=names) if names else {})


def _hdf5(path: Path) -> dict[str, Table]:
    """Return the one group of data sets of numbers of a file."""
    hdf5.check(path)
    h5py, groups = hdf5.h5py_module(), {}
    with h5py.File(path, "r") as file:
        todo = [file]
        while todo:
            group = todo.pop()
            if "pandas_type" in group.attrs:
                raise DataError(
                    f"{path} is a store of pandas; write the table with to_csv or to_parquet"
                )
            todo += [item for item in group.values() if isinstance(item, h5py.Group)]
            arrays = {
                name: np.asarray(item)
                for name, item in group.items()
                if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu" and item.size > 1
            }
            if arrays:
                groups[group.name] = arrays
    if len(groups) > 1:
        shown = ", ".join(sorted(groups)[:5]) + (", …" if len(groups) > 5 else "")
        raise DataError(
            f"{path} has {len(groups)} groups of data sets, {shown}: of how many devices? Keep one"
            " in a file of its own"
        )
    return _beside(path, next(iter(groups.values()), {}))


def _parquet(path: Path) -> dict[str, Table]:
    try:
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise MissingPackageError(
            f"{path} is a Parquet table, which needs pyarrow: pip install 'spicesnn[views]'"
        ) from None
    claimed = parquet.ParquetFile(path).metadata
    _check_size(path, claimed.num_rows * claimed.num_columns)
    table: Any = parquet.read_table(path)
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    cells = [tuple(columns), *zip(*columns.values(), strict=True)]
    return {
        "": [
            Row(line=k, cells=tuple("" if cell is None else _text(cell) for cell in row))
            for k, row in enumerate(cells, start=1)
        ]
    }


def _beside(path: Path, arrays: dict[str, Any]) -> dict[str, Table]:
    """Return named arrays as tables, those of as many points in one; the columns of a matrix are
    numbered."""
    tables: dict[str, dict[str, Any]] = {}
    for name, value in arrays.items():
        array = np.asarray(value) if not name.startswith("__") else np.zeros(0)
        if array.dtype.kind not in "fiu" or array.size < 2:
            continue
        flat = array.squeeze()
        if flat.ndim == 1:
            tables.setdefault(str(flat.size), {})[name] = flat
            continue
        if flat.ndim > 2 or flat.shape[1] > flat.shape[0]:
            raise DataError(
                f"{path}: {name} has shape {array.shape}; expected points down the columns, a sweep"
                " in each"
            )
        if len(arrays) == 1 and flat.shape[1] in (2, 3):
            return {"": _rows(path, {}, list(flat.T))}
        for k in range(flat.shape[1]):
            tables.setdefault(str(flat.shape[0]), {})[f"{name} ({k + 1})"] = flat[:, k]
    return {f"{size} points": _rows(path, columns, []) for size, columns in tables.items()}


def _check_size(path: Path, cells: int) -> None:
    if cells > _MOST_CELLS:
        raise DataError(f"{path} holds more than {_MOST_CELLS} numbers; keep those of one device")


def _rows(path: Path, named: dict[str, Any], bare: list[Any]) -> Table:
    columns = [*named.values(), *bare]
    _check_size(path, sum(column.size for column in columns))
    head = [Row(line=1, cells=tuple(named))] if named else []
    return head + [
        Row(line=k, cells=tuple(repr(float(cell)) for cell in row))
        for k, row in enumerate(zip(*columns, strict=True), start=1 + len(head))
    ]


_READERS: tuple[tuple[Callable[[bytes, str], bool], Callable[[Path], dict[str, Table]]], ...] = (
    (lambda start, kind: kind == "an Excel workbook", _workbook),
    (lambda start, kind: start[:2] == b"PK" and not kind, _numpy_archive),
    (lambda start, kind: start.startswith(b"\x93NUMPY"), _numpy_array),
    (lambda start, kind: start.startswith((b"MATLAB 5.0", b"MATLAB 7.3")), _matlab),
    (lambda start, kind: start.startswith(b"\x89HDF"), _hdf5),
    (lambda start, kind: start.startswith(b"PAR1"), _parquet),
)
