"""A device in a TOML file: the ``[device]`` table that every command and configuration accepts."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spicesnn.devices import registry
from spicesnn.devices.base import Device
from spicesnn.errors import DataError, InputError, UnknownNameError


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
    kind = registry.device_class(table["model"])
    known = kind.settable()
    for key in table:
        if key != "model" and key not in known:
            raise UnknownNameError(f"{path}: {table['model']} has no parameter {key!r}{registry.nearest(key, known)}")
    return kind().with_text(**{key: str(value) for key, value in table.items() if key != "model"})
