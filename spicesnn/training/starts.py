"""Many random starts of one experiment: how often it converges, how fast, and the starts themselves to replay."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn import npz
from spicesnn.engines.base import Engine
from spicesnn.errors import ConfigError, RunError
from spicesnn.training.config import Config
from spicesnn.training.experiment import Experiment
from spicesnn.training.loop import converged, evaluated, make_engine, train, updated
from spicesnn.training.run import RunDirectory
from spicesnn.training.state import History, Progress
from spicesnn.training.summary import Summary, Watcher

_KEPT = ("seed", "converged", "epochs", "test_accuracy", "energy_joule", "state_before", "state_after")
"""The columns of ``starts.npz``, one entry a start."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class StartsSummary:
    """What came out of many starts.

    Attributes
    ----------
    starts : int
    converged_fraction : float
    epochs_mean, epochs_std : float
        Over the starts that converged; NaN if none did.
    failed : tuple of int
        The starts that did not, by their number from 0 on.
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
    failed: tuple[int, ...]

    def table(self) -> dict[str, Any]:
        """Return all values in one flat table; what is not a number is None."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: None if isinstance(v, float) and np.isnan(v) else v for name, v in values.items()}


def train_starts(
    config: Config, *, engine: Engine, starts: int, out: str | Path | None = None, rng_seed: int | None = None, progress: Watcher | None = None
) -> StartsSummary:
    """Train from `starts` random starts, seeds `seed`, `seed` + 1, …; ``starts.npz`` in the run directory keeps every one of them.

    `replay` trains one of them again, in detail.

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
    run = RunDirectory.create(out, config, engine.versions())
    begun, rows = time.perf_counter(), []
    for index in range(starts):
        experiment = Experiment.of(config.with_seed(config.seed + index))
        before = experiment.fresh_devices()
        state = updated(experiment, engine, experiment.start(before), History())
        known, test = evaluated(experiment, engine, replace(state, devices=experiment.rested(state.devices)))
        success = converged(experiment, state, known)
        energy = state.write_joule + state.read_joule
        rows.append((experiment.config.seed, success, state.updates, test.accuracy, energy, before, state.devices))
        if progress is not None:
            done = sum(row[1] for row in rows)
            progress(Progress(done=index + 1, total=starts, text=f"{done} of {index + 1} starts converged"))
    columns = dict(zip(_KEPT, (np.asarray(column) for column in zip(*rows, strict=True)), strict=True))
    run.save_arrays("starts.npz", columns)
    successes = columns["converged"].astype(bool)
    epochs = columns["epochs"][successes]
    summary = StartsSummary(
        preset=config.preset, engine=engine.name, seed=config.seed, run=str(run.path), starts=starts, converged_fraction=float(successes.mean()),
        epochs_mean=float(epochs.mean()) if epochs.size else float("nan"), epochs_std=float(epochs.std()) if epochs.size else float("nan"),
        test_accuracy=float(columns["test_accuracy"].mean()), wall_s=time.perf_counter() - begun, energy_joule=float(columns["energy_joule"].sum()),
        failed=tuple(np.flatnonzero(~successes).tolist()),
    )  # fmt: skip
    run.write_metrics("metrics.json", summary.table())
    return summary


def kept_starts(run_dir: str | Path) -> dict[str, NDArray[Any]]:
    """Return what `train_starts` kept of every start: seed, converged, epochs, test_accuracy, energy_joule, state_before, state_after."""
    path = RunDirectory.existing(run_dir).path / "starts.npz"
    if not path.is_file():
        raise RunError(f"{run_dir} has no starts.npz: it holds one run, not many starts; `spicesnn train PRESET --starts N` makes such a folder")
    return npz.read(path, _KEPT)


def replay(
    run_dir: str | Path, start: int, *, engine: Engine | None = None, out: str | Path | None = None, progress: Watcher | None = None
) -> Summary:
    """Train one kept start again, as a run of its own with history and figures.

    Parameters
    ----------
    run_dir : str | Path
        What `train_starts` left behind.
    start : int
        From 0 on.
    engine : Engine, optional
        The engine of the starts if left out. The same engine has to end at the same bits; another one may differ by its tolerances.
    out, progress
        As in `train`.

    Raises
    ------
    RunError
        No such start, or the same engine ended elsewhere: another version, or other data.
    """
    columns, config = kept_starts(run_dir), RunDirectory.existing(run_dir).config()
    count = len(columns["seed"])
    if not 0 <= start < count:
        failed = np.flatnonzero(~columns["converged"].astype(bool)).tolist()
        raise RunError(f"{run_dir} has no start {start}; expected 0 to {count - 1}. Those that failed: {', '.join(map(str, failed)) or 'none'}")
    with nullcontext(engine) if engine is not None else make_engine(config.engine) as solver:
        summary = train(config, engine=solver, out=out, rng_seed=int(columns["seed"][start]), progress=progress)
    ended = RunDirectory.existing(summary.run).load_state().devices
    if summary.engine == config.engine and not np.array_equal(ended, columns["state_after"][start]):
        apart = float(np.abs(ended - columns["state_after"][start]).max())
        raise RunError(f"start {start} of {run_dir} ended {apart:.3g} (in the device's state) away from where it ended before, in {summary.run}: "
                       "the data or the version of spicesnn have changed since")  # fmt: skip
    return summary
