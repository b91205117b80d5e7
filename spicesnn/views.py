"""Results as xarray and pandas objects, for those who work with these; both are imported only when
asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spicesnn.errors import MissingPackageError, RunError
from spicesnn.shown import shows
from spicesnn.whole_file import appearing, write_rows

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from spicesnn.engines.results import IVCurve, PulseResult, Read, Waveforms

Entries = dict[str, tuple[tuple[str, ...], Any, dict[str, str]]]
_LINES, _CELLS = {"row": "word_line", "column": "bit_line"}, ("word_line", "bit_line")


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise MissingPackageError(
            f"this view needs {name}, which is not installed: pip install 'spicesnn[views]'"
        ) from None


def _dataset(
    entries: Entries, coordinates: Mapping[str, Any] | None = None, **attributes: Any
) -> xr.Dataset:
    made: xr.Dataset = _library("xarray").Dataset(
        entries, coords=dict(coordinates or {}), attrs=attributes
    )
    return made


@shows("Read", "xarray")
def read_dataset(read: Read) -> xr.Dataset:
    """Return a read: currents of the lines, voltages at the cells, with ``batch`` in front if there
    was one."""
    batch = ("batch",) if np.ndim(read.column_amps) == 2 else ()
    entries: Entries = {
        "column_amps": (
            (*batch, "bit_line"),
            read.column_amps,
            {"units": "A", "long_name": "current into the sense node"},
        ),
        "row_amps": (
            (*batch, "word_line"),
            read.row_amps,
            {"units": "A", "long_name": "current from the driver"},
        ),
        "word_line_volts": ((*batch, *_CELLS), read.word_line_volts, {"units": "V"}),
        "bit_line_volts": ((*batch, *_CELLS), read.bit_line_volts, {"units": "V"}),
        "cell_volts": (
            (*batch, *_CELLS),
            read.cell_volts,
            {"units": "V", "long_name": "voltage across the cell"},
        ),
        "residual_amps": (
            batch,
            read.residual_amps,
            {"units": "A", "long_name": "largest violation of Kirchhoff's current law"},
        ),
    }
    coordinates = _lines(*read.cell_volts.shape[-2:])
    if batch:
        coordinates["batch"] = (
            "batch",
            np.arange(len(read.column_amps)),
            {"long_name": "input vector"},
        )
    return _dataset(entries, coordinates)


def _lines(rows: int, cols: int) -> dict[str, Any]:
    """Return the numbers of the lines as coordinates: word line 0 is the one at which bit lines
    begin, bit line 0 the one next to the drivers."""
    counts = {"word_line": rows, "bit_line": cols}
    return {
        line: (line, np.arange(count), {"long_name": f"{line.replace('_', ' ')}, from 0"})
        for line, count in counts.items()
    }


@shows("Waveforms", "xarray")
def waveforms_dataset(waveforms: Waveforms) -> xr.Dataset:
    """Return voltages and currents of the lines over ``time``."""
    entries: Entries = {}
    for side, line in _LINES.items():
        for quantity, unit in (("volts", "V"), ("amps", "A")):
            entries[f"{side}_{quantity}"] = (
                ("time", line),
                getattr(waveforms, f"{side}_{quantity}"),
                {"units": unit},
            )
    lines = _lines(waveforms.row_volts.shape[1], waveforms.column_volts.shape[1])
    return _dataset(entries, {"time": ("time", waveforms.time, {"units": "s"}), **lines})


@shows("PulseResult", "xarray")
def pulse_dataset(result: PulseResult) -> xr.Dataset:
    """Return a pulse: states afterwards (the model's unit), and the waveforms of the lines."""
    device = result.array.device
    several = result.state.ndim == 3
    coordinates = {"variable": list(device.state_names)} if several and device is not None else {}
    units = ", ".join(device.state_units) if device is not None else ""
    entries: Entries = {
        "state": ((*(("variable",) if several else ()), *_CELLS), result.state, {"units": units})
    }
    after = _dataset(
        entries,
        coordinates,
        energy_joule=result.energy_joule,
        residual_amps=float(result.residual_amps),
    )
    return after.merge(waveforms_dataset(result.waveforms))


def curve_columns(curve: IVCurve) -> dict[str, Any]:
    """Return time, volts, amps and each state variable of a curve by name."""
    states = np.atleast_2d(curve.state)
    names = ["state"] if len(states) == 1 else [f"state_{k}" for k in range(len(states))]
    return {
        "time_s": curve.time,
        "volts": curve.volts,
        "amps": curve.amps,
        **dict(zip(names, states, strict=True)),
    }


def _state_attributes(curve: IVCurve) -> dict[str, dict[str, str]]:
    """Return the model's own names and units of the states, for devices that are known by name."""
    from spicesnn.devices import registry

    if curve.device not in registry.names():
        return {}
    model = registry.device_class(curve.device)
    columns = (
        ["state"]
        if len(model.state_names) == 1
        else [f"state_{k}" for k in range(len(model.state_names))]
    )
    pairs = zip(model.state_names, model.state_units, strict=True)
    return {
        column: {"units": unit, "long_name": name}
        for column, (name, unit) in zip(columns, pairs, strict=True)
    }


@shows("IVCurve", "xarray")
def curve_dataset(curve: IVCurve) -> xr.Dataset:
    """Return a curve over ``time``."""
    columns = curve_columns(curve)
    about = {"volts": {"units": "V"}, "amps": {"units": "A"}, **_state_attributes(curve)}
    entries: Entries = {
        name: (("time",), values, about.get(name, {}))
        for name, values in columns.items()
        if name != "time_s"
    }
    return _dataset(
        entries,
        {"time": ("time", columns["time_s"], {"units": "s"})},
        device=curve.device,
        engine=curve.engine,
    )


def write_parquet(table: pd.DataFrame, path: Path) -> Path:
    """Write a table as a Parquet file; columns of text that are numbers throughout become
    numbers."""
    numbers = _library("pandas").to_numeric
    need_parquet()
    for name in table.select_dtypes(exclude="number"):
        with suppress(ValueError, TypeError):
            table = table.assign(**{name: numbers(table[name])})
    try:
        with appearing(path) as partial:
            table.to_parquet(partial, engine="pyarrow", index=False)
    except OSError as error:
        raise RunError(
            f"{path} cannot be written: {error.strerror or error}; choose another folder with --out"
        ) from None
    return path


def need_parquet() -> None:
    """Raise `MissingPackageError` where a table could not be written as Parquet: better before
    hours of computing than after."""
    for name in ("pandas", "pyarrow"):
        _library(name)


def frame(rows: Iterable[Mapping[str, Any]] | Mapping[str, Any]) -> pd.DataFrame:
    """Return rows, or columns by name, as a table."""
    made: pd.DataFrame = _library("pandas").DataFrame(
        rows if isinstance(rows, Mapping) else list(rows)
    )
    return made


@shows("IVCurve", "pandas")
def curve_frame(curve: IVCurve) -> pd.DataFrame:
    """Return time, volts, amps and states of a curve as columns."""
    return frame(curve_columns(curve))


@shows("Read", "pandas")
def read_frame(read: Read) -> pd.DataFrame:
    """Return one row a cell, with ``batch`` in front if there was one."""
    shape = read.cell_volts.shape
    places = dict(
        zip(("batch", "word_line", "bit_line")[-len(shape) :], np.indices(shape), strict=True)
    )
    values = {
        "word_line_volts": read.word_line_volts,
        "bit_line_volts": read.bit_line_volts,
        "cell_volts": read.cell_volts,
    }
    if read.array is not None:
        values["cell_amps"] = read.cell_amps
    columns: dict[str, Any] = {**places, **values}
    return frame({name: np.broadcast_to(column, shape).ravel() for name, column in columns.items()})


def curve_csv(curve: IVCurve, path: str | Path) -> Path:
    """Write the columns of a curve as a CSV file; see `IVCurve.to_csv`."""
    columns, path = curve_columns(curve), Path(path)
    rows = (
        {name: float(values[k]) for name, values in columns.items()} for k in range(len(curve.time))
    )
    try:
        write_rows(path, rows, columns)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror or error}") from None
    return path


@shows("STDPWindow", "pandas")
def window_frame(window: Any) -> pd.DataFrame:
    """Return delays and changes of an STDP window as columns."""
    return frame({"dt_s": window.dt_s, "dw": window.dw, "neighbour_dw": window.neighbour_dw})


@shows("SweepResult", "pandas")
@shows("Findings", "pandas")
def rows_frame(result: Any) -> pd.DataFrame:
    """Return the rows of a sweep or of a study as a table."""
    return frame(result.rows)
