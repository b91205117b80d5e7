"""A device as a caller names it: the object, its class, or a name or file as on the command
line."""

from __future__ import annotations

from os import PathLike
from typing import Any

from spicesnn.devices.base import Device
from spicesnn.errors import WrongTypeError
from spicesnn.shortcuts import shortcut


def device_given(given: Any, what: str = "device") -> Device:
    """Return a device from a device, a class of devices, or what the command line takes:
    ``"vteam"``, ``"my-device.toml"``.

    Raises
    ------
    UnknownNameError
        No device of that name; the message names the nearest one.
    WrongTypeError
        Something else.
    """
    if isinstance(given, Device):
        return given
    if isinstance(given, type) and issubclass(given, Device):
        return given()
    if isinstance(given, str | PathLike):
        made: Device = shortcut("device.named")(given)
        return made
    raise WrongTypeError(
        f"{what} is {given!r:.80}; expected a device such as spicesnn.devices.VTEAM(), or its name,"
        " such as 'vteam'"
    )
