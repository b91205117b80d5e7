"""The engines by name: what presets, the command line and studies choose from."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from spicesnn.engines.base import Engine
from spicesnn.errors import ConfigError
from spicesnn.guesses import nearest

ENGINES = {
    "ngspice": "spicesnn.engines.ngspice.engine:NgspiceEngine",
    "nodal": "spicesnn.engines.nodal.engine:NodalEngine",
}
"""Name → where its class is; loaded when it is chosen."""


def make_engine(name: str, init: Sequence[str] = (), failures: Path | None = None) -> Engine:
    """Start an engine by its name; close it, or use it in a ``with`` block.

    Parameters
    ----------
    name : str
    init : sequence of str
        What ngspice is told before any deck (`NgspiceEngine`); nothing to the other engine.
    failures : Path, optional
        Folder for the decks and logs of ngspice's failed jobs.

    Raises
    ------
    ConfigError
        No engine of this name.
    """
    if name not in ENGINES:
        raise ConfigError(
            f"engine is {name!r}; expected"
            f" {' or '.join(sorted(ENGINES, reverse=True))}{nearest(name, ENGINES)}"
        )
    module, _, kind = ENGINES[name].partition(":")
    options = {"init": tuple(init), "failures": failures} if name == "ngspice" else {}
    made: Engine = getattr(import_module(module), kind)(**options)
    return made
