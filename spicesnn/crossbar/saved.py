"""An array as a file: cells, states and wires as plain arrays, without pickle."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn import npz
from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar, GateAlong
from spicesnn.crossbar.wires import Wires
from spicesnn.devices.base import Device
from spicesnn.devices.cycle_statistics import CycleState
from spicesnn.devices.device_file import device_of, device_table, is_plain
from spicesnn.errors import DataError, InputError
from spicesnn.whole_file import appearing, writing

_VERSIONS = (1, 2)
"""Version 2 has wires with a side of their own; a reader of version 1 alone would overlook it."""
_CELLS = ("conductance", "state", "stuck", "current_factor")


def save_array(array: Crossbar, path: str | Path) -> Path:
    """Write an array as an ``.npz`` file; see `Crossbar.save`."""
    path = Path(path)
    if path.suffix != ".npz":
        raise InputError(
            f"array.save: {path} is no name of an array's file; expected one that ends in .npz"
        )
    entries: dict[str, Any] = {
        name: value for name in _CELLS if (value := getattr(array, name)) is not None
    }
    wires = {
        entry.name: value
        for entry in fields(Wires)
        if (value := getattr(array.wires, entry.name)) is not None
    }
    version = _VERSIONS["drive_side" in wires or "sense_side" in wires]
    about: dict[str, Any] = {"version": version, "gate_along": array.gate_along.value}
    if array.device is not None:
        if not is_plain(array.device):
            raise InputError(
                f"array.save: {array.device.name} is more than its parameters (a sub-circuit or a"
                " table); keep its file and array.state"
            )
        entries |= {
            f"device.{name}": getattr(array.device, name) for name in _by_cell(array.device)
        }
        about["device"] = device_table(
            replace(
                array.device,
                **{
                    name: float(getattr(array.device, name).flat[0])
                    for name in _by_cell(array.device)
                },
            )
        )
    if array.cycles is not None:
        entries |= {"cycles.device": array.cycles.device, "cycles.past": array.cycles.past}
    entries |= {f"wires.{name}": np.asarray(value) for name, value in wires.items()}
    with writing(path, then=""), appearing(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, about=np.array(json.dumps(about)), **entries)
    return path


def _by_cell(device: Device) -> list[str]:
    """Return the parameters that differ from cell to cell."""
    return [
        entry.name
        for entry in fields(device)
        if "unit" in entry.metadata and np.ndim(getattr(device, entry.name))
    ]


def load_array(path: str | Path) -> Crossbar:
    """Return the array of a file that `save_array` has written; see `Crossbar.load`.

    Raises
    ------
    DataError
        No such file, a damaged one, or one of another kind.
    """
    entries, path = npz.read(path), Path(path)
    try:
        about = json.loads(str(entries["about"]))
        if about["version"] not in _VERSIONS:
            raise DataError(
                f"{path} has version {about['version']}; this spicesnn reads versions"
                f" {' and '.join(map(str, _VERSIONS))}"
            )
        parts: dict[str, Any] = {name: entries[name] for name in _CELLS if name in entries}
        if "device" in about:
            by_cell = {
                name.removeprefix("device."): value
                for name, value in entries.items()
                if name.startswith("device.")
            }
            parts["device"] = device_of(about["device"], path).with_parameters(**by_cell)
            if "state" not in parts:
                raise DataError(f"{path} is damaged: it has no array 'state'")
        if "cycles.device" in entries:
            parts["cycles"] = _cycles(
                path, entries["cycles.device"], entries["cycles.past"], parts["state"]
            )
        sides = ("drive_side", "sense_side")
        wires: dict[str, Any] = {
            entry.name: entries[f"wires.{entry.name}"]
            for entry in fields(Wires)
            if entry.name not in sides or f"wires.{entry.name}" in entries
        }
        given: dict[str, Any] = {
            name: str(value) if name in sides else value[()] if value.ndim == 0 else value
            for name, value in wires.items()
        }
        made = Wires(**given)
        return Crossbar(wires=made, gate_along=GateAlong(about["gate_along"]), **parts)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path} is no file of an array ({error}); expected one that array.save has written"
        ) from None


def _cycles(path: Path, device: Floats, past: Floats, state: Floats) -> CycleState:
    """Return where the cells of a file are in their measured cycles."""
    shape = device.shape[1:]
    whole = (
        device.ndim == 3
        and past.ndim == 4
        and past.shape[1:] == device.shape
        and shape == state.shape[-2:]
    )
    if not whole or not (np.all(np.isfinite(device)) and np.all(np.isfinite(past))):
        raise DataError(f"{path} is damaged: its cycles do not belong to its cells")
    return CycleState(device=device, past=past)
