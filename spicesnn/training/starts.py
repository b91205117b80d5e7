"""Many random starts of one experiment: how often it converges, how fast, and the starts themselves
to replay."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.engines.base import Engine
from spicesnn.errors import ConfigError, RunError
from spicesnn.training.config import Config
from spicesnn.training.experiment import Experiment, scaled
from spicesnn.training.loop import converged, epochs_of, evaluated, train, updated
from spicesnn.training.problem import check_limit
from spicesnn.training.run import RunDirectory
from spicesnn.training.state import History, Progress
from spicesnn.training.summary import Summary, Watcher

_KEPT = (
    "seed",
    "converged",
    "epochs",
    "test_accuracy",
    "energy_joule",
    "state_before",
    "state_after",
)
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
        return {
            name: None if isinstance(v, float) and np.isnan(v) else v for name, v in values.items()
        }


def train_starts(
    config: Config,
    *,
    engine: Engine,
    starts: int,
    out: str | Path | None = None,
    rng_seed: int | None = None,
    progress: Watcher | None = None,
    resume: bool = False,
) -> StartsSummary:
    """Train from `starts` random starts, seeds `seed`, `seed` + 1, …; ``starts.npz`` in the run
    directory keeps every one of them.

    `replay` trains one of them again, in detail. Stopped, it keeps the starts that had ended, and
    saves them now and then meanwhile.

    Parameters
    ----------
    config : Config
    engine : Engine
    starts : int
        1 or more.
    out, rng_seed, progress, resume
        As in `train`.

    Returns
    -------
    StartsSummary
    """
    if starts < 1:
        raise ConfigError(f"starts = {starts}; expected 1 or more")
    if resume:
        run = RunDirectory.existing(out or "")
        run.check_files()
        config = run.config()
    if not isinstance(config, Config):
        raise ConfigError(
            f"--starts is for arrays that learn as circuits; {config.preset} is of kind"
            f" {config.kind!r}, which learns from a stream: several seeds of it, as in `spicesnn"
            f" sweep {config.preset} --over training.epochs=1 --seeds 3`"
        )
    if not resume:
        config = replace(
            config.on_engine(engine), seed=config.seed if rng_seed is None else rng_seed
        )
        run = RunDirectory.create(out, scaled(config), engine.versions())
    with run.held(), run.stopped_with_a_note(f"--starts {starts}"):
        return _all_starts(config, engine, run, starts, progress)


def _all_starts(
    config: Config, engine: Engine, run: RunDirectory, starts: int, progress: Watcher | None
) -> StartsSummary:
    rows, spent = _ended(run)
    if len(rows) > starts:
        raise ConfigError(
            f"{run.path} holds {len(rows)} starts already; expected --starts {len(rows)} or more"
        )
    begun = saved = time.perf_counter()
    try:
        for index in range(len(rows), starts):
            rows.append(_one_start(config.with_seed(config.seed + index), engine))
            if time.perf_counter() - saved > config.training.checkpoint_s:
                _save(run, rows, spent + time.perf_counter() - begun)
                saved = time.perf_counter()
            if progress is not None:
                done = sum(row[1] for row in rows)
                progress(
                    Progress(
                        done=index + 1, total=starts, text=f"{done} of {index + 1} starts converged"
                    )
                )
    except KeyboardInterrupt:
        if rows:
            _save(run, rows, spent + time.perf_counter() - begun)
        raise
    columns = _save(run, rows, spent + time.perf_counter() - begun)
    successes = columns["converged"].astype(bool)
    epochs = columns["epochs"][successes]
    summary = StartsSummary(
        preset=config.preset,
        engine=engine.name,
        seed=config.seed,
        run=str(run.path),
        starts=starts,
        converged_fraction=float(successes.mean()),
        epochs_mean=float(epochs.mean()) if epochs.size else float("nan"),
        epochs_std=float(epochs.std()) if epochs.size else float("nan"),
        test_accuracy=float(columns["test_accuracy"].mean()),
        wall_s=float(columns["wall_s"]),
        energy_joule=float(columns["energy_joule"].sum()),
        failed=tuple(np.flatnonzero(~successes).tolist()),
    )
    run.write_metrics("metrics.json", summary.table())
    return summary


def _one_start(config: Config, engine: Engine) -> tuple[Any, ...]:
    """Return a row of ``starts.npz``."""
    experiment = Experiment.of(config)
    check_limit(experiment.problem, config.data)
    before = experiment.fresh_devices()
    state = updated(experiment, engine, experiment.start(before), History())
    known, test = evaluated(experiment.after_rest(), engine, state)
    energy = state.write_joule + state.read_joule
    return (
        experiment.config.seed,
        converged(experiment, state, known),
        epochs_of(experiment, state),
        test.accuracy,
        energy,
        before,
        state.devices,
    )


def _ended(run: RunDirectory) -> tuple[list[tuple[Any, ...]], float]:
    """Return the rows of the starts that have ended already, and the time they took."""
    if (run.path / "state.npz").is_file():
        raise RunError(
            f"{run.path} contains one run, not many starts: --resume continues it without --starts"
        )
    if not (run.path / "starts.npz").is_file():
        return [], 0.0
    kept = run.starts((*_KEPT, "wall_s"))
    return list(zip(*(kept[name] for name in _KEPT), strict=True)), float(kept["wall_s"])


def _save(run: RunDirectory, rows: list[tuple[Any, ...]], wall_s: float) -> dict[str, NDArray[Any]]:
    """Write ``starts.npz`` and return its columns."""
    columns = dict(
        zip(_KEPT, (np.asarray(column) for column in zip(*rows, strict=True)), strict=True)
    ) | {"wall_s": np.asarray(wall_s)}
    run.save_starts(columns)
    return columns


def kept_starts(run_dir: str | Path) -> dict[str, NDArray[Any]]:
    """Return what `train_starts` kept of every start: seed, converged, epochs, test_accuracy,
    energy_joule, state_before, state_after."""
    run = RunDirectory.existing(run_dir)
    if not (run.path / "starts.npz").is_file():
        raise RunError(
            f"{run_dir} has no starts.npz: it contains one run, not many starts; `spicesnn train"
            " PRESET --starts N` makes such a folder"
        )
    return run.starts(_KEPT)


def replay(
    run_dir: str | Path,
    start: int,
    *,
    engine: Engine | None = None,
    out: str | Path | None = None,
    progress: Watcher | None = None,
) -> Summary:
    """Train one kept start again, as a run of its own with history and figures.

    Parameters
    ----------
    run_dir : str | Path
        What `train_starts` left behind.
    start : int
        From 0 on.
    engine : Engine, optional
        The engine of the starts if left out. The same engine has to end at the same bits; another
        one may differ by its tolerances.
    out, progress
        As in `train`.

    Raises
    ------
    RunError
        No such start, or the same engine ended elsewhere: another version, or other data.
    """
    columns, config = kept_starts(run_dir), RunDirectory.existing(run_dir).config()
    RunDirectory.existing(run_dir).check_files()
    count = len(columns["seed"])
    if not 0 <= start < count:
        failed = np.flatnonzero(~columns["converged"].astype(bool)).tolist()
        raise RunError(
            f"{run_dir} has no start {start}; expected 0 to {count - 1}. Those that failed:"
            f" {', '.join(map(str, failed)) or 'none'}"
        )
    with nullcontext(engine) if engine is not None else config.solver() as solver:
        summary = train(
            config, engine=solver, out=out, rng_seed=int(columns["seed"][start]), progress=progress
        )
    ended = RunDirectory.existing(summary.run).load_state().devices
    if summary.engine == config.engine and not np.array_equal(ended, columns["state_after"][start]):
        apart = float(np.abs(ended - columns["state_after"][start]).max())
        raise RunError(
            f"start {start} of {run_dir} ended {apart:.3g} (in the device's state) away from where"
            f" it ended before, in {summary.run}: the data or the version of spicesnn have changed"
            " since"
        )
    return summary
