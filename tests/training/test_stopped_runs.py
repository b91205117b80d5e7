"""Ctrl-C and SIGTERM in the middle of training: what was done is kept, one line says how to go on,
and the end is the same."""

import json

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import ConfigError, RunError
from spicesnn.training import kept_starts, load, train, train_starts

LETTERS = ["training.updates=4", "training.stop_when_right=false", "training.batch=6"]
STREAM = [
    "data.train_limit=600",
    "data.test_limit=100",
    "training.chunk=200",
    "population.hidden.neurons=40",
    "training.epochs=1",
]


class Impatient(sn.NodalEngine):
    """Somebody presses Ctrl-C in the middle of its n-th solution."""

    def __init__(self, patience):
        super().__init__()
        self.patience = patience

    def _count(self):
        self.patience -= 1
        if self.patience == 0:
            raise KeyboardInterrupt

    def _read(self, *arguments, **options):
        self._count()
        return super()._read(*arguments, **options)

    def _pulse(self, *arguments, **options):
        self._count()
        return super()._pulse(*arguments, **options)


def arrays_of(run, *names):
    found = {}
    for name in names:
        with np.load(run / name) as stored:
            found |= {f"{name}/{key}": stored[key] for key in stored.files if "wall_s" not in key}
    return found


def assert_same(left, right):
    assert left.keys() == right.keys()
    for key, value in left.items():
        np.testing.assert_array_equal(value, right[key], err_msg=key)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    run = tmp_path_factory.mktemp("whole") / "run"
    counted = Impatient(10**9)
    train(load("letters-3x3", LETTERS), engine=counted, out=run, rng_seed=3)
    return run, 10**9 - counted.patience


def test_stopped_at_any_solution_a_run_ends_as_if_it_had_not_been(whole, tmp_path):
    reference, solutions = whole
    wanted = arrays_of(reference, "state.npz", "history.npz")
    for at in sorted({1, 2, solutions // 2, solutions}):
        run = tmp_path / f"after {at}"
        with pytest.raises(KeyboardInterrupt) as stop:
            train(load("letters-3x3", LETTERS), engine=Impatient(at), out=run, rng_seed=3)
        assert stop.value.__notes__ == [
            f"{run} is kept; continue with: spicesnn train --resume --out '{run}'"
        ]
        assert (run / "log.txt").read_text().endswith("stopped\n")
        assert not (run / "metrics.json").exists()
        resumed = train(load("xpue"), engine=sn.NodalEngine(), out=run, resume=True)
        assert_same(arrays_of(run, "state.npz", "history.npz"), wanted)
        assert (
            resumed.extra["pulses"]
            == json.loads((reference / "metrics.json").read_text())["pulses"]
        )


def test_nothing_is_learnt_twice(whole, tmp_path):
    """What is there after a stop is every update but the one that was going on, without any
    checkpoint in between."""
    _, solutions = whole
    with pytest.raises(KeyboardInterrupt):
        train(
            load("letters-3x3", LETTERS),
            engine=Impatient(solutions),
            out=tmp_path / "run",
            rng_seed=3,
        )
    with np.load(tmp_path / "run" / "state.npz") as stored:
        assert stored["updates"] == 4


def test_a_stream_says_how_to_go_on(tmp_path):
    def stop(progress):
        if progress.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stopped:
        train(
            load("bp-mnist", STREAM), engine=sn.NodalEngine(), out=tmp_path / "run", progress=stop
        )
    assert "--resume --out" in stopped.value.__notes__[0]
    assert (
        train(load("xpue"), engine=sn.NodalEngine(), out=tmp_path / "run", resume=True).n_test
        == 100
    )


def test_many_starts_are_stopped_and_gone_on_with(tmp_path):
    config = load("letters-3x3", ["training.epochs=1"])
    train_starts(config, engine=sn.NodalEngine(), starts=4, out=tmp_path / "whole", rng_seed=2)

    def stop(progress):
        if progress.done == 2:
            raise KeyboardInterrupt

    part = tmp_path / "part"
    with pytest.raises(KeyboardInterrupt) as stopped:
        train_starts(config, engine=sn.NodalEngine(), starts=4, out=part, rng_seed=2, progress=stop)
    assert "train --resume --starts 4 --out" in stopped.value.__notes__[0]
    assert len(kept_starts(part)["seed"]) == 2
    with pytest.raises(RunError, match="contains many starts"):
        train(config, engine=sn.NodalEngine(), out=part, resume=True)
    summary = train_starts(config, engine=sn.NodalEngine(), starts=4, out=part, resume=True)
    assert summary.starts == 4
    assert_same(arrays_of(part, "starts.npz"), arrays_of(tmp_path / "whole", "starts.npz"))
    with pytest.raises(ConfigError, match="holds 4 starts already"):
        train_starts(config, engine=sn.NodalEngine(), starts=3, out=part, resume=True)


def test_a_stop_before_the_first_start_has_ended_keeps_the_folder(tmp_path):
    config = load("letters-3x3", ["training.epochs=1"])
    with pytest.raises(KeyboardInterrupt):
        train_starts(config, engine=Impatient(1), starts=2, out=tmp_path / "run")
    assert (
        train_starts(
            config, engine=sn.NodalEngine(), starts=2, out=tmp_path / "run", resume=True
        ).starts
        == 2
    )


def test_one_run_is_not_gone_on_with_as_many_starts(whole):
    with pytest.raises(RunError, match="contains one run, not many starts"):
        train_starts(
            load("letters-3x3"), engine=sn.NodalEngine(), starts=2, out=whole[0], resume=True
        )
