"""What a training run or an inference reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from spicesnn.shown import shown
from spicesnn.training.state import Progress

Watcher = Callable[[Progress], None]
FIRST_SAMPLES = 5000
"""Accuracy on training data is measured on at most so many samples, the first ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """What came out; `table` is what ``--json`` prints."""

    preset: str
    engine: str
    seed: int
    run: str
    test_accuracy: float
    n_test: int
    train_accuracy: float
    converged: bool
    epochs: int
    wall_s: float
    energy_joule: float
    extra: dict[str, Any] = field(default_factory=dict)

    def table(self) -> dict[str, Any]:
        """Return all values in one flat table."""
        values = asdict(self)
        return {**{k: v for k, v in values.items() if k != "extra"}, **values["extra"]}

    def _repr_html_(self) -> str:
        made: str = shown(self, "html")
        return made
