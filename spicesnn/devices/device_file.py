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
from spicesnn.errors import DataError, InputError, UnknownNameError
from spicesnn.units import parse


def device_toml(device: Device, *, remarks: Mapping[str, str] | None = None, heading: str = "") -> str:
    """Return the ``[device]`` table of a device whose parameters are single numbers.

    Parameters
    ----------
    device : Device
    remarks : Mapping, optional
        Comment of a parameter, such as its uncertainty.
    heading : str
        Comment above the table.
    """
    lines = [f"# {line}" for line in heading.splitlines()]
    lines += ["[device]", f'model = "{device.name}"']
    for entry in dataclasses.fields(device):
        value = getattr(device, entry.name)
        if "choices" in entry.metadata:
            lines.append(f'{entry.name} = "{value.name.lower()}"')
        elif "unit" in entry.metadata:
            if np.ndim(value) != 0:
                raise InputError(f"{device.name}: {entry.name} is an array of shape {np.shape(value)}; a device file holds single numbers")
            remark = (remarks or {}).get(entry.name, "")
            unit = entry.metadata["unit"]
            lines.append(f"{entry.name} = {float(value)!r}  # {unit}{', ' if remark else ''}{remark}")
    return "\n".join(lines) + "\n"


def read_device(path: str | Path) -> Device:
    """Return the device of a TOML file's ``[device]`` table (``model = "…"`` and any of its parameters).

    ``model = "measured"`` takes ``table`` (a CSV file for `DeltaTable.from_csv`), or ``curve`` (one for `PulseCurve.from_csv`) with
    ``set_volts``, ``reset_volts`` and ``pulse_s``; and ``g_init``. Files are looked for beside the TOML file.

    Raises
    ------
    DataError
        No such file, or not TOML.
    UnknownNameError
        A model or a parameter that does not exist; the message names the nearest one.
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("device")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{path} cannot be read as TOML: {error}") from None
    if not isinstance(table, dict) or not isinstance(table.get("model"), str):
        raise DataError(f'{path} has no [device] table with model = "…"')
    if table["model"] == "measured":
        return _measured(path, table)
    kind = registry.device_class(table["model"])
    known = kind.settable()
    for key in table:
        if key != "model" and key not in known:
            raise UnknownNameError(f"{path}: {table['model']} has no parameter {key!r}{registry.nearest(key, known)}")
    return kind().with_text(**{key: str(value) for key, value in table.items() if key != "model"})


def _measured(path: Path, table: dict[str, Any]) -> Device:
    """Return the device of a table or a pulse curve that the file names."""
    from spicesnn.devices.delta_table import DeltaTable
    from spicesnn.devices.measured import MeasuredDevice
    from spicesnn.devices.pulse_curve import PulseCurve

    known = ["model", "g_init", "table"] if "table" in table else ["model", "g_init", "curve", "set_volts", "reset_volts", "pulse_s"]
    for key in table:
        if key not in known:
            raise UnknownNameError(f"{path}: measured has no key {key!r}{registry.nearest(key, known)} It takes: {', '.join(known[1:])}")
    lacking = [key for key in known[2:] if key not in table]
    if lacking:
        raise DataError(f"{path}: measured needs {' and '.join(lacking)} (or table=…)")
    g_init = None if "g_init" not in table else parse(str(table["g_init"]))
    if "table" in table:
        return MeasuredDevice.of(DeltaTable.from_csv(path.parent / table["table"]), g_init=g_init)
    set_volts, reset_volts, pulse_s = (parse(str(table[key])) for key in ("set_volts", "reset_volts", "pulse_s"))
    return MeasuredDevice.of(PulseCurve.from_csv(path.parent / table["curve"]).table(set_volts, reset_volts, pulse_s), g_init=g_init)
