"""The controller: build or resume, update until done, evaluate, leave a run directory behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn.datasets import pairs
from spicesnn.engines.base import Engine
from spicesnn.errors import ConfigError, RunError
from spicesnn.learning import metrics
from spicesnn.training.config import Config
from spicesnn.training.experiment import Answers, Experiment, scaled
from spicesnn.training.layers import split
from spicesnn.training.problem import check_limit
from spicesnn.training.rules import RULES, Rule, total_updates
from spicesnn.training.run import RunDirectory
from spicesnn.training.sections import DataOptions
from spicesnn.training.state import History, Progress, RunState
from spicesnn.training.stdp import assignment, relabelled
from spicesnn.training.streamed import StreamConfig
from spicesnn.training.summary import FIRST_SAMPLES, Summary, Watcher
from spicesnn.whole_file import writing

_RASTER_SAMPLES = 100
_CLEARLY = 0.03
"""Loaded weights that answer so much better with other neurons were trained with those."""


def train(
    config: Config | StreamConfig,
    *,
    engine: Engine,
    out: str | Path | None = None,
    rng_seed: int | None = None,
    progress: Watcher | None = None,
    resume: bool = False,
    data: Any = None,
    test_data: Any = None,
) -> Summary:
    """Train an experiment through an engine and leave a run directory.

    Parameters
    ----------
    config : Config | StreamConfig
        Of a crossbar experiment, or of a network that learns from a stream of images.
    engine : Engine
        Solves every read and every pulse.
    out : str | Path, optional
        The run directory; ``runs/<preset>-seed<seed>`` if left out.
    rng_seed : int, optional
        In place of the seed of the configuration.
    progress : callable, optional
        Called with a `Progress` after every update.
    resume : bool
        Go on from the checkpoint in `out`; the configuration stored there is the one that counts.
    data, test_data : iterable of (x, y), or tuple of arrays (X, Y), optional
        Samples in place of those of the configuration, and held-out ones; a generator is consumed
        once. They are kept in the run directory as ``data.npz``, which `out` has to name. Without
        `test_data`, ``data.test_fraction`` of the samples is held out.

    Returns
    -------
    Summary
    """
    if (resume and data is not None) or (data is None and test_data is not None):
        raise ConfigError(
            "a run that is resumed has its data already"
            if resume
            else "test_data without data; expected both, or none"
        )
    if resume:
        if out is None:
            raise ConfigError("resume needs the run directory: give --out")
        run = RunDirectory.existing(out)
        run.check_files()
        config = run.config()
    else:
        config = replace(
            config.on_engine(engine), seed=config.seed if rng_seed is None else rng_seed
        )
        if data is not None:
            config = _with_samples(config, data, test_data, out)
    if isinstance(config, StreamConfig):
        return config.train(engine=engine, out=out, progress=progress, resume=resume)
    config = scaled(config)
    experiment = Experiment.of(config, scale=run.scale() if resume else None)
    check_limit(experiment.problem, config.data)
    if not resume:
        own = config.data.source == "file"
        run = RunDirectory.create(
            out, config, engine.versions(), experiment.problem.scale if own else None
        )
    with run.being_made(engine):
        state, history = (
            _resumed(run, engine) if resume and run.resumable() else _begun(run, experiment, engine)
        )
        state = updated(experiment, engine, state, history, run=run, progress=progress)
        lengths = history.lengths()
        with _kept_if_stopped(run, history, lambda: (state, lengths)):
            return _evaluated(experiment, engine, run, state, history)


def _with_samples(
    config: Config | StreamConfig, data: Any, test_data: Any, out: str | Path | None
) -> Config | StreamConfig:
    """Return the configuration that reads samples from Python, which are written into the run
    directory."""
    if out is None:
        raise ConfigError(
            'samples from Python are kept in the run directory; expected its path: out="runs/mine"'
        )
    if not isinstance(config.data, DataOptions):
        raise ConfigError(
            f"{config.preset} learns from no samples; expected an experiment with data.source"
        )
    if (Path(out) / "run.toml").exists():
        raise RunError(f"{out} already contains a run; give another out")
    path = pairs.save(Path(out).resolve() / "data.npz", data, test_data)
    return replace(config, data=replace(config.data, source="file", path=str(path), test_path=""))


@contextmanager
def _kept_if_stopped(
    run: RunDirectory | None,
    history: History,
    whole: Callable[[], tuple[RunState, Mapping[str, int]]],
) -> Iterator[None]:
    """Save the last whole update when somebody stops the run: what came after it may be half
    there."""
    try:
        yield
    except KeyboardInterrupt:
        if run is not None:
            state, lengths = whole()
            run.save(state, history.cut(lengths))
        raise


def _resumed(run: RunDirectory, engine: Engine) -> tuple[RunState, History]:
    state = run.load_state()
    run.compare_versions(engine.versions())
    run.log(f"resumed after {state.updates} updates on {engine.name}")
    return state, run.load_history(state.updates)


def _begun(run: RunDirectory, experiment: Experiment, engine: Engine) -> tuple[RunState, History]:
    config, state, history = experiment.config, experiment.start(), History()
    history.add(0, states=state.devices)
    run.log(
        f"training {config.preset} on {engine.name}, seed {config.seed}, array"
        f" {experiment.shape[0]}x{experiment.shape[1]}"
    )
    if config.data.source == "file":
        run.log(experiment.problem.scaled_how())
    return state, history


def updated(
    experiment: Experiment,
    engine: Engine,
    state: RunState,
    history: History,
    *,
    run: RunDirectory | None = None,
    progress: Watcher | None = None,
) -> RunState:
    """Return the state after all updates the experiment asks for; with a `run`, checkpoints are
    left there as time passes."""
    rule = RULES[experiment.config.learning.rule]
    total, per_epoch = (
        total_updates(experiment.config, rule, experiment),
        rule.updates_per_epoch(experiment),
    )
    begun, saved, before = time.perf_counter(), time.perf_counter(), state.wall_s
    whole = (state, history.lengths())
    with _kept_if_stopped(run, history, lambda: whole):
        while not state.finished and state.updates < total:
            state = rule.update(experiment, engine, state, history)
            whole_epoch = state.updates % per_epoch == 0
            if whole_epoch and per_epoch > 1 and not state.finished and state.updates < total:
                state = _measured(experiment, engine, state, history)
            state = replace(state, wall_s=before + time.perf_counter() - begun)
            whole = (state, history.lengths())
            if (
                run is not None
                and time.perf_counter() - saved > experiment.config.training.checkpoint_s
            ):
                run.save(state, history)
                saved = time.perf_counter()
            if progress is not None:
                progress(
                    Progress(done=state.updates, total=total, text=_line(history, state, per_epoch))
                )
    return replace(state, finished=True)


def _line(history: History, state: RunState, per_epoch: int) -> str:
    parts = [
        f"epoch {state.updates / per_epoch:.1f}" if per_epoch > 1 else f"update {state.updates}"
    ]
    for name, text in (
        ("train_accuracy", "train"),
        ("test_accuracy", "test"),
        ("batch_right", "batch"),
    ):
        if history.series.get(name):
            parts.append(f"{text} {100 * history.series[name][-1]:.1f} %")
    return ", ".join([*parts, f"{state.pulses} pulses"])


def evaluated(experiment: Experiment, engine: Engine, state: RunState) -> tuple[Answers, Answers]:
    """Return the answers to training samples and to test samples; without labels, neurons are named
    after what they answer in training."""
    problem = experiment.problem
    samples = problem.train.limited(FIRST_SAMPLES)
    train = experiment.answer(engine, state.devices, samples)
    test = experiment.answer(engine, state.devices, problem.test) if problem.held_out else train
    if experiment.config.learning.rule == "stdp":
        classes = assignment(train, samples.labels, problem.outputs)
        return relabelled(train, classes, samples), relabelled(
            test, classes, problem.test if problem.held_out else samples
        )
    return train, test


def converged(experiment: Experiment, state: RunState, train: Answers) -> bool:
    """Return whether a run has reached its goal: its own stop where it has one, else every training
    sample answered rightly."""
    return state.converged if experiment.config.training.stop_when_right else train.accuracy == 1.0


def epochs_of(experiment: Experiment, state: RunState) -> int:
    """Return how many passes over the training samples have begun."""
    rule: Rule = RULES[experiment.config.learning.rule]
    return -(-state.updates // rule.updates_per_epoch(experiment))


def _measured(
    experiment: Experiment, engine: Engine, state: RunState, history: History
) -> RunState:
    train, test = evaluated(experiment, engine, state)
    history.add(state.updates, train_accuracy=train.accuracy, test_accuracy=test.accuracy)
    return state


def _evaluated(
    experiment: Experiment, engine: Engine, run: RunDirectory, state: RunState, history: History
) -> Summary:
    begun = time.perf_counter()
    train, test = evaluated(experiment.after_rest(), engine, state)
    history.put(
        state.updates,
        train_accuracy=train.accuracy,
        test_accuracy=test.accuracy,
        states=state.devices,
    )
    # The checkpoint holds what training counted: evaluated again after a crash, the run ends with
    # the same numbers.
    run.save(state, history, _figure_data(experiment, test, state))
    reads = len(train.right) + (len(test.right) if experiment.problem.held_out else 0)
    energy = train.energy_joule + (test.energy_joule if experiment.problem.held_out else 0.0)
    state = state.with_read(reads, energy, max(train.residual_amps, test.residual_amps))
    state = replace(
        state,
        wall_s=state.wall_s + time.perf_counter() - begun,
        converged=converged(experiment, state, train),
    )
    summary = _summary(experiment, engine, run, state, history, train, test)
    run.write_metrics("metrics.json", summary.table())
    which = "test" if experiment.problem.held_out else "training"
    run.log(
        f"done: {which} {100 * summary.test_accuracy:.2f} % of {summary.n_test}, {state.pulses}"
        f" pulses, {summary.energy_joule:.3g} J"
    )
    return summary


def _figure_data(experiment: Experiment, test: Answers, state: RunState) -> dict[str, Any]:
    problem, data = experiment.problem, dict[str, Any]()
    samples = problem.test if problem.held_out else problem.train.limited(FIRST_SAMPLES)
    for number, (layer, devices) in enumerate(
        zip(experiment.layers, split(state.devices, experiment.layers), strict=True)
    ):
        suffix = f"_{number}" if number else ""
        data |= {
            f"conductance_after{suffix}": layer.siemens(devices),
            f"weights_after{suffix}": layer.weights(devices),
        }
    data |= {
        "spike_times": test.spike_times[:_RASTER_SAMPLES],
        "spike_labels": samples.labels[:_RASTER_SAMPLES],
        "output_amps": test.amps[:_RASTER_SAMPLES],
        "predicted": test.predicted,
        "labels": samples.labels,
        "class_names": np.array(experiment.problem.names),
        "image_shape": np.array(experiment.problem.shape),
    }
    if np.all(samples.labels >= 0):
        data["confusion"] = metrics.confusion(
            test.predicted,
            samples.labels,
            max(len(experiment.problem.names), int(test.predicted.max()) + 1),
        )
    return data


def _remarks(experiment: Experiment, history: History) -> list[str]:
    """Return what was done to a user's data, and what about his weights may surprise him."""
    problem = experiment.problem
    own = experiment.config.data.source == "file"
    said = [problem.scaled_how()] if own else list(problem.remarks)
    return [*said, *([mismatch] if (mismatch := _mismatch(history)) else [])]


def _mismatch(history: History) -> str:
    """Return a warning where loaded weights ask for other hidden neurons than the circuit has,
    nothing otherwise."""
    own, rectified = (
        history.series.get(name, [0.0])[-1] for name in ("software_accuracy", "rectified_accuracy")
    )
    if rectified < own + _CLEARLY:
        return ""
    return (
        "the circuit's hidden neurons are not those that the weights were trained with:"
        f" {100 * own:.1f} % on ideal arrays, "
        f'{100 * rectified:.1f} % with rectifying neurons; try exsitu.neurons = "relu"'
    )


def _summary(
    experiment: Experiment,
    engine: Engine,
    run: RunDirectory,
    state: RunState,
    history: History,
    train: Answers,
    test: Answers,
) -> Summary:
    config = experiment.config
    return Summary(
        preset=config.preset,
        engine=engine.name,
        seed=config.seed,
        run=str(run.path),
        test_accuracy=test.accuracy,
        n_test=len(test.right),
        train_accuracy=train.accuracy,
        converged=state.converged,
        epochs=epochs_of(experiment, state),
        wall_s=state.wall_s,
        energy_joule=state.write_joule + state.read_joule,
        extra={
            "updates": state.updates,
            "pulses": state.pulses,
            "reads": state.reads,
            "write_joule": state.write_joule,
            "read_joule": state.read_joule,
            "silent_or_tied": int(np.sum(test.predicted == metrics.NOBODY)),
            "held_out": experiment.problem.held_out,
            **{
                name: values[-1]
                for name, values in history.series.items()
                if name in ("software_accuracy", "uncompensated_accuracy", "rectified_accuracy")
            },
            "rows": experiment.shape[0],
            "columns": experiment.shape[1],
            "residual_amps": state.residual_amps,
            **(
                {"weight_scale": list(experiment.config.exsitu.scale)}
                if experiment.config.exsitu.scale
                else {}
            ),
            **({"remarks": remarks} if (remarks := _remarks(experiment, history)) else {}),
        },
    )


def infer(
    run_dir: str | Path,
    *,
    engine: Engine | None = None,
    test_limit: int | None = None,
    out: str | Path | None = None,
) -> Summary:
    """Classify the test samples with a trained array, solved again.

    Parameters
    ----------
    run_dir : str | Path
        A run directory.
    engine : Engine, optional
        The engine the run was trained on if left out.
    test_limit : int, optional
        Only so many test samples.
    out : str | Path, optional
        The folder for the answers, made if absent; the run directory, which has to be writable
        then, if left out.

    Returns
    -------
    Summary
        Of this inference: its energy is that of its reads.
    """
    run = RunDirectory.existing(run_dir)
    config, kept = run.config(), run if out is None else RunDirectory(Path(out))
    with writing(kept.path):
        kept.path.mkdir(parents=True, exist_ok=True)
    run.compare_files(kept=("network.path",) if config.kind == "map" else ())
    if isinstance(config, StreamConfig):
        with (
            nullcontext(engine) if engine is not None else config.solver() as solver,
            solver.keeping_failures(kept.failures),
        ):
            return config.infer(run, engine=solver, test_limit=test_limit, kept=kept)
    if test_limit is not None:
        config = replace(config, data=replace(config.data, test_limit=test_limit))
    experiment = Experiment.of(config, scale=run.scale()).after_rest()
    devices = run.load_state().devices
    before = run.metrics()
    solver = engine if engine is not None else config.solver()
    begun = time.perf_counter()
    with solver.keeping_failures(kept.failures):
        test = experiment.answer(solver, devices, experiment.problem.test)
        if config.learning.rule == "stdp":
            known = experiment.problem.train.limited(FIRST_SAMPLES)
            classes = assignment(
                experiment.answer(solver, devices, known), known.labels, experiment.problem.outputs
            )
            test = relabelled(test, classes, experiment.problem.test)
    wall = time.perf_counter() - begun
    summary = Summary(
        preset=config.preset,
        engine=solver.name,
        seed=config.seed,
        run=str(run.path),
        test_accuracy=test.accuracy,
        n_test=len(test.right),
        train_accuracy=float(before["train_accuracy"]),
        converged=bool(before["converged"]),
        epochs=int(before["epochs"]),
        wall_s=wall,
        energy_joule=test.energy_joule,
        extra={
            "silent_or_tied": int(np.sum(test.predicted == metrics.NOBODY)),
            "residual_amps": test.residual_amps,
            "held_out": experiment.problem.held_out,
        },
    )
    answers = {
        "predicted": test.predicted,
        "labels": experiment.problem.test.labels,
        "spike_times": test.spike_times,
        "output_amps": test.amps,
    }
    kept.save_arrays(f"inference-{solver.name}.npz", answers)
    kept.write_metrics(f"inference-{solver.name}.json", summary.table())
    if engine is None:
        solver.close()
    return summary
