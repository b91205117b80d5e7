"""Training: presets, the controller loop, the run directory."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spicesnn.engines.registry import make_engine
    from spicesnn.training.config import Config, load, preset_names
    from spicesnn.training.loop import infer, train
    from spicesnn.training.run import RunDirectory
    from spicesnn.training.starts import StartsSummary, kept_starts, replay, train_starts
    from spicesnn.training.state import Progress
    from spicesnn.training.summary import Summary

_HOMES = {
    "spicesnn.engines.registry": ("make_engine",),
    "spicesnn.training.config": ("Config", "load", "preset_names"),
    "spicesnn.training.loop": ("infer", "train"),
    "spicesnn.training.run": ("RunDirectory",),
    "spicesnn.training.starts": ("StartsSummary", "kept_starts", "replay", "train_starts"),
    "spicesnn.training.state": ("Progress",),
    "spicesnn.training.summary": ("Summary",),
}

__all__ = [
    "Config",
    "Progress",
    "RunDirectory",
    "StartsSummary",
    "Summary",
    "infer",
    "kept_starts",
    "load",
    "make_engine",
    "preset_names",
    "replay",
    "train",
    "train_starts",
]


def __getattr__(name: str) -> Any:
    """Load public names on first use: a sweep plans its points without the solvers that its workers
    load."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'spicesnn.training' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
