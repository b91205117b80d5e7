"""Memristor models: each a frozen dataclass here and a SPICE twin in `models/`."""

from __future__ import annotations

from typing import Any

from spicesnn.devices import registry
from spicesnn.devices.base import Device, parameter

__all__ = ["Device", "parameter", "registry"]


def __getattr__(name: str) -> Any:
    """Load a model class on first use: `spicesnn.devices.VTEAM`."""
    for target in registry._LIBRARY.values():
        if target.partition(":")[2] == name:
            return registry.device_class({v: k for k, v in registry._LIBRARY.items()}[target])
    raise AttributeError(f"module 'spicesnn.devices' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *(target.partition(":")[2] for target in registry._LIBRARY.values())])
