"""What things look like elsewhere: as pictures in notebooks, as tables and data sets. Who draws
registers itself here, by the type's name.

Devices, arrays and results stand below everything that draws them. They ask here by name; the
modules at the edge of the package, loaded when first asked for, have said what they can show."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

_EDGE = (
    "spicesnn.reporting.notebook",
    "spicesnn.views",
    "spicesnn.plotting.fit",
    "spicesnn.plotting.cycles",
)
"""Modules that register what they show."""
_MAKERS: dict[tuple[str, str], Callable[[Any], Any]] = {}
Maker = TypeVar("Maker", bound=Callable[..., Any])


def shows(kind: str, form: str) -> Callable[[Maker], Maker]:
    """Register a function as what makes a form (``html``, ``png``, ``xarray``, …) of things of a
    kind, the name of their type."""

    def register(maker: Maker) -> Maker:
        _MAKERS[kind, form] = maker
        return maker

    return register


def shown(thing: Any, form: str) -> Any:
    """Return a form of a thing, made by who registered for its type or the nearest of its bases."""
    for _ in range(2):
        for kind in type(thing).__mro__:
            if maker := _MAKERS.get((kind.__name__, form)):
                return maker(thing)
        for module in _EDGE:
            import_module(module)
    raise NotImplementedError(f"nobody has registered for {form} of {type(thing).__name__}")
