"""Many random starts of one experiment: how often it converges, how fast, and the starts themselves to replay."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn.engines.base import Engine
from spicesnn.errors import ConfigError
from spicesnn.training.config import Config
from spicesnn.training.experiment import Experiment
from spicesnn.training.loop import evaluated, updated
from spicesnn.training.run import RunDirectory
from spicesnn.training.state import History, Progress, RunState
from spicesnn.training.summary import Watcher


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class StartsSummary:
    """What came out of many starts.

    Attributes
    ----------
    starts : int
    converged_fraction : float
    epochs_mean, epochs_std : float
        Over the starts that converged; NaN if none did.
    """

    preset: str
    engine: str
    seed: int
    run: str
    starts: int
    converged_fraction: float
    epochs_mean: float
    epochs_std: float
    test_accuracy: float
    wall_s: float
    energy_joule: float

    def table(self) -> dict[str, Any]:
        """Return all values in one flat table; what is not a number is None."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: None if isinstance(v, float) and np.isnan(v) else v for name, v in values.items()}


def train_starts(
    config: Config, *, engine: Engine, starts: int, out: str | Path | None = None, rng_seed: int | None = None, progress: Watcher | None = None
) -> StartsSummary:
    """Train from `starts` random starts, seeds `seed`, `seed` + 1, …; ``starts.npz`` in the run directory keeps every one of them.

    A start is replayed, with all figures, by training with its seed.

    Parameters
    ----------
    config : Config
    engine : Engine
    starts : int
        1 or more.
    out, rng_seed, progress
        As in `train`.

    Returns
    -------
    StartsSummary
    """
    if starts < 1:
        raise ConfigError(f"starts = {starts}; expected 1 or more")
    config = replace(config, engine=engine.name, seed=config.seed if rng_seed is None else rng_seed)
    run = RunDirectory.create(out, config)
    begun, rows = time.perf_counter(), []
    for index in range(starts):
        experiment = Experiment.of(config.with_seed(config.seed + index))
        before = experiment.fresh_devices()
        state = updated(experiment, engine, RunState(devices=before), History())
        test = evaluated(experiment, engine, state)[1]
        success = state.converged or (not config.training.stop_when_right and test.accuracy == 1.0)
        energy = state.write_joule + state.read_joule
        rows.append((experiment.config.seed, success, state.updates, test.accuracy, energy, before, state.devices))
        if progress is not None:
            done = sum(row[1] for row in rows)
            progress(Progress(done=index + 1, total=starts, text=f"{done} of {index + 1} starts converged"))
    names = ("seed", "converged", "epochs", "test_accuracy", "energy_joule", "state_before", "state_after")
    columns = dict(zip(names, (np.asarray(column) for column in zip(*rows, strict=True)), strict=True))
    run.save_arrays("starts.npz", columns)
    converged = columns["converged"].astype(bool)
    epochs = columns["epochs"][converged]
    summary = StartsSummary(
        preset=config.preset, engine=engine.name, seed=config.seed, run=str(run.path), starts=starts, converged_fraction=float(converged.mean()),
        epochs_mean=float(epochs.mean()) if epochs.size else float("nan"), epochs_std=float(epochs.std()) if epochs.size else float("nan"),
        test_accuracy=float(columns["test_accuracy"].mean()), wall_s=time.perf_counter() - begun, energy_joule=float(columns["energy_joule"].sum()),
    )  # fmt: skip
    run.write_metrics("metrics.json", summary.table())
    return summary
