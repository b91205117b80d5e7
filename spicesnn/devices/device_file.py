"""A device in a TOML file: the ``[device]`` table that every command and configuration accepts."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn.devices import registry
from spicesnn.devices.base import Device
from spicesnn.errors import DataError, InputError, RunError, UnknownNameError
from spicesnn.file_kinds import check_is_file, unreadable
from spicesnn.units import parse
from spicesnn.whole_file import write_whole


def is_plain(device: Device) -> bool:
    """Return whether a device is a model of the registry, which its name and its parameters say all
    about."""
    return device.name in registry.names() and isinstance(
        device, registry.device_class(device.name)
    )


def device_table(device: Device) -> dict[str, str | float]:
    """Return ``model``, for a cell ``memristor``, and every parameter of a device, the plain values
    that `device_of` takes back.

    Raises
    ------
    InputError
        A parameter differs from cell to cell, or the device is more than its parameters: a table
        (`write_device`), a user's sub-circuit.
    """
    if not is_plain(device):
        raise InputError(
            f"{device.name} is more than its parameters, so a [device] table cannot hold it;"
            " write_device also writes what a table needs, and a sub-circuit has its own"
            " descriptor"
        )
    table: dict[str, str | float] = {"model": device.name}
    for part in (device, *_inside(device)):
        if part is not device:
            table |= {"memristor": device_table(part)["model"]}
        for entry in dataclasses.fields(part):
            value = getattr(part, entry.name)
            if "choices" in entry.metadata:
                table[entry.name] = value.name.lower()
            elif "unit" in entry.metadata:
                if np.ndim(value) != 0:
                    raise InputError(
                        f"{part.name}: {entry.name} is an array of shape {np.shape(value)}; a"
                        " device file contains single numbers"
                    )
                table[entry.name] = float(value)
    return table


def _inside(device: Device) -> tuple[Device, ...]:
    """Return the memristor inside a cell, if the device is one."""
    inner = getattr(device, "memristor", None)
    return (inner,) if isinstance(inner, Device) else ()


def device_toml(
    device: Device, *, remarks: Mapping[str, str] | None = None, heading: str = ""
) -> str:
    """Return the ``[device]`` table of a device, or of a cell with the memristor inside, whose
    parameters are single numbers.

    Parameters
    ----------
    device : Device
    remarks : Mapping, optional
        Comment of a parameter, such as its uncertainty.
    heading : str
        Comment above the table.
    """
    units = {
        e.name: e.metadata["unit"]
        for part in (device, *_inside(device))
        for e in dataclasses.fields(part)
        if "unit" in e.metadata
    }
    lines = [f"# {line}" for line in heading.splitlines()] + ["[device]"]
    for name, value in device_table(device).items():
        notes = [note for note in (units.get(name, ""), (remarks or {}).get(name, "")) if note]
        text = f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value!r}"
        lines.append(text + (f"  # {', '.join(notes)}" if notes else ""))
    return "\n".join(lines) + "\n"


def write_device(
    path: str | Path, device: Device, *, remarks: Mapping[str, str] | None = None, heading: str = ""
) -> Path:
    """Write a device file that `read_device` takes; a measured table goes into a CSV file of the
    same name beside it."""
    from spicesnn.devices.measured import MeasuredDevice

    path = Path(path)
    try:
        if isinstance(device, MeasuredDevice):
            device.table.to_csv(path.with_suffix(".csv"))
            lines = [
                *(f"# {line}" for line in heading.splitlines()),
                "[device]",
                'model = "measured"',
            ]
            text = "\n".join(
                [
                    *lines,
                    f'table = "{path.with_suffix(".csv").name}"',
                    f"g_init = {device.g_init!r}",
                    "",
                ]
            )
        else:
            text = device_toml(device, remarks=remarks, heading=heading)
        write_whole(path, text)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}") from None
    return path


def read_device(path: str | Path) -> Device:
    """Return the device of a TOML file's ``[device]`` table (`device_of`). Files that it names are
    looked for beside the TOML file.

    Raises
    ------
    DataError
        No such file, or not TOML.
    UnknownNameError
        A model or a parameter that does not exist; the message names the nearest one.
    """
    path = Path(path)
    check_is_file(path, "a device file (.toml)")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("device")
    except OSError as error:
        raise unreadable(path, error, "a device file (.toml)") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{path} cannot be read as TOML: {error}") from None
    if not isinstance(table, dict) or not isinstance(table.get("model"), str):
        raise DataError(f'{path} has no [device] table with model = "…"')
    return device_of(table, path)


def device_of(table: Mapping[str, Any], path: Path) -> Device:
    """Return the device of a ``[device]`` table: ``model = "…"`` and any of its parameters.

    A cell takes ``memristor`` (a model) and that model's parameters too. ``model = "measured"``
    takes ``table`` (a CSV file for `DeltaTable.from_csv`), or ``curve`` (one for
    `PulseCurve.from_csv`) with ``set_volts``, ``reset_volts`` and ``pulse_s``; and ``g_init``.
    ``model = "table"`` takes ``file``, the tables of a characterised cell. `path` is how messages
    call the source, and beside what files are."""
    model = table["model"]
    if model == "measured":
        return _measured(path, dict(table))
    if model == "table":
        return _characterised(path, table)
    fresh = registry.fresh(model, table.get("memristor"))
    known = fresh.settable()
    parameters = {
        key: str(value) for key, value in table.items() if key not in ("model", "memristor")
    }
    for key in parameters:
        if key not in known:
            raise UnknownNameError(
                f"{path}: {model} has no parameter {key!r}{registry.nearest(key, known)}"
            )
    return fresh.with_text(**parameters)


def _characterised(path: Path, table: Mapping[str, Any]) -> Device:
    """Return the device of a characterised cell's tables."""
    from spicesnn.devices.cell_tables import TableDevice

    for key in table:
        if key not in ("model", "file"):
            raise UnknownNameError(
                f"{path}: table has no key {key!r}{registry.nearest(key, ['file'])} It takes: file"
            )
    if "file" not in table:
        raise DataError(f"{path}: table needs file, the table.npz that spicesnn characterize wrote")
    return TableDevice.read(path.parent / str(table["file"]))


def _measured(path: Path, table: dict[str, Any]) -> Device:
    """Return the device of a table or a pulse curve that the file names."""
    from spicesnn.devices.delta_table import DeltaTable
    from spicesnn.devices.measured import MeasuredDevice
    from spicesnn.devices.pulse_curve import PulseCurve

    known = (
        ["model", "g_init", "table"]
        if "table" in table
        else ["model", "g_init", "curve", "set_volts", "reset_volts", "pulse_s"]
    )
    for key in table:
        if key not in known:
            raise UnknownNameError(
                f"{path}: measured has no key {key!r}{registry.nearest(key, known)} It takes:"
                f" {', '.join(known[1:])}"
            )
    lacking = [key for key in known[2:] if key not in table]
    if lacking:
        raise DataError(f"{path}: measured needs {' and '.join(lacking)} (or table=…)")
    g_init = None if "g_init" not in table else parse(str(table["g_init"]))
    if "table" in table:
        return MeasuredDevice.of(DeltaTable.from_csv(path.parent / table["table"]), g_init=g_init)
    set_volts, reset_volts, pulse_s = (
        parse(str(table[key])) for key in ("set_volts", "reset_volts", "pulse_s")
    )
    return MeasuredDevice.of(
        PulseCurve.from_csv(path.parent / table["curve"]).table(set_volts, reset_volts, pulse_s),
        g_init=g_init,
    )
