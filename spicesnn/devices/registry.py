"""Which device models exist, by the name they have on the command line."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from spicesnn.devices.base import Device
from spicesnn.errors import InputError, UnknownNameError
from spicesnn.guesses import nearest as nearest

_LIBRARY = {
    "1s1r": "spicesnn.crossbar.cells:OneSelectorOneResistor",
    "1t1r": "spicesnn.crossbar.cells:OneTransistorOneResistor",
    "linear-drift": "spicesnn.devices.linear_drift:LinearDrift",
    "resistor": "spicesnn.devices.resistor:Resistor",
    "saturating-pulse": "spicesnn.devices.saturating_pulse:SaturatingPulse",
    "vteam": "spicesnn.devices.vteam:VTEAM",
    "mosfet-emulator": "spicesnn.devices.mosfet_emulator:MosfetEmulator",
    "pai-yu-chen": "spicesnn.devices.pai_yu_chen:PaiYuChen",
    "pai-yu-chen-heated": "spicesnn.devices.pai_yu_chen_heated:PaiYuChenHeated",
    "jart-vcm": "spicesnn.devices.jart_vcm:JartVCM",
    "memdiode": "spicesnn.devices.memdiode:Memdiode",
    "metal-oxide": "spicesnn.devices.metal_oxide:MetalOxide",
    "nonlinear-drift": "spicesnn.devices.nonlinear_drift:NonlinearDrift",
    "power-law": "spicesnn.devices.power_law:PowerLaw",
    "pershin-di-ventra": "spicesnn.devices.pershin_di_ventra:PershinDiVentra",
    "stanford": "spicesnn.devices.stanford:Stanford",
    "yakopcic": "spicesnn.devices.yakopcic:Yakopcic",
}
"""CLI name → module:class. A new model of the library is one line here; a plug-in uses the
entry-point group."""


@cache
def _targets() -> dict[str, str]:
    plugged = {entry.name: entry.value for entry in entry_points(group="spicesnn.devices")}
    return plugged | _LIBRARY


def names() -> list[str]:
    """Return the names of all models, the plug-ins' included."""
    return sorted(_targets())


def device_class(name: str) -> type[Device]:
    """Return the class of a model by its command-line name."""
    target = _targets().get(name)
    if target is None:
        raise UnknownNameError(
            f"no device {name!r}{nearest(name, _targets())} The devices are: {', '.join(names())}"
        )
    module, _, attribute = target.partition(":")
    found: type[Device] = getattr(import_module(module), attribute)
    return found


def make(name: str, **parameters: object) -> Device:
    """Return a device by name, with some parameters changed from their published values."""
    return device_class(name)().with_parameters(**parameters)


def fresh(name: str, memristor: str | None = None) -> Device:
    """Return a device by name with its published values; of a cell, around the memristor of that
    name.

    Raises
    ------
    InputError
        A memristor for a device that is no cell.
    """
    kind: Any = device_class(name)
    made: Device
    if memristor is None:
        made = kind()
    elif not hasattr(kind, "around"):
        raise InputError(f"{name} is not a cell around a memristor, but memristor = {memristor!r}")
    else:
        made = kind.around(device_class(memristor)())
    return made


def describe_all() -> list[dict[str, Any]]:
    """Return name, parameters, choices, published sets and reference of every model that can be
    loaded, by name."""
    return [
        {
            "name": name,
            "parameters": (kind := device_class(name)).parameter_table(),
            "choices": kind.choices(),
            "published": sorted(kind.published),
            "reference": kind.reference,
            "state": [
                {"name": n, "unit": u}
                for n, u in zip(kind.state_names, kind.state_units, strict=True)
            ],
            "gated": kind.gated,
        }
        for name in names()
    ]
