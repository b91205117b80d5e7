"""What objects of lower floors may do by functions of higher ones: ``array.read(…)`` by an engine,
``read.plot()`` by the figures.

An array knows no engine and a result no picture, so that neither loads the other. They ask here by
name; the package says at its edge (`spicesnn/__init__.py`) where the function lives, and it is
imported when it is first called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

_homes: dict[str, str] = {}


def register(homes: Mapping[str, str]) -> None:
    """Say where functions live: name → ``module:function``."""
    _homes.update(homes)


def shortcut(name: str) -> Callable[..., Any]:
    """Return a registered function.

    Raises
    ------
    LookupError
        Nobody has registered it.
    """
    if name not in _homes:
        raise LookupError(
            f"no function is registered for {name!r}; import spicesnn registers its own"
        )
    module, _, function = _homes[name].partition(":")
    found: Callable[..., Any] = getattr(import_module(module), function)
    return found
