"""Memristor models: each a frozen dataclass here and a SPICE twin in `models/`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from os import PathLike
from types import ModuleType
from typing import Any

from spicesnn.devices import registry
from spicesnn.devices.base import Device, parameter
from spicesnn.guesses import UnknownAttributeError
from spicesnn.shortcuts import shortcut

__all__ = ["Device", "load", "names", "parameter", "registry"]
_WORDS = {
    "from_file": 'sn.devices.load("my-device.toml")',
    "from_toml": 'sn.devices.load("my-device.toml")',
    "from_spice": "`spicesnn import FILE` for a descriptor, then sn.devices.load(path)",
    "from_subckt": "`spicesnn import FILE` for a descriptor, then sn.devices.load(path)",
    "get": 'sn.devices["vteam"]',
    "list": "sn.devices.names()",
    "all": "sn.devices.names()",
}


def __getattr__(name: str) -> Any:
    """Load a model class on first use: `spicesnn.devices.VTEAM`."""
    for target in registry._LIBRARY.values():
        if target.partition(":")[2] == name:
            return registry.device_class({v: k for k, v in registry._LIBRARY.items()}[target])
    if name.startswith("__"):
        raise AttributeError(name)
    classes = [target.partition(":")[2] for target in registry._LIBRARY.values()]
    raise UnknownAttributeError("spicesnn.devices", name, _WORDS, [*classes, *__all__])


def names() -> list[str]:
    """Return the names of all models as on the command line, the plug-ins' included."""
    return registry.names()


def load(name: str | PathLike[str]) -> Device:
    """Return a device by its name or file, as the command line takes it.

    Parameters
    ----------
    name : str or path
        ``"vteam"``; the path of a ``[device]`` table (``.toml``), or of the descriptor of a
        sub-circuit of your own.
    """
    made: Device = shortcut("device.named")(name)
    return made


class _Devices(ModuleType):
    """The module as a table too: ``sn.devices["vteam"]`` is the class of a model by its name."""

    def __getitem__(self, name: str) -> type[Device]:
        return registry.device_class(name)

    def __iter__(self) -> Iterator[str]:
        return iter(registry.names())

    def __len__(self) -> int:
        return len(registry.names())

    def __contains__(self, name: object) -> bool:
        return name in registry.names()


sys.modules[__name__].__class__ = _Devices


def __dir__() -> list[str]:
    return sorted([*__all__, *(target.partition(":")[2] for target in registry._LIBRARY.values())])
