"""The controller of networks that learn from a stream: real MNIST, few images."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn import training
from spicesnn.errors import ConfigError, RunError
from spicesnn.training.images import Images

SMALL = {
    "stdp-mnist": {
        "data.train_limit": 600,
        "data.test_limit": 200,
        "training.chunk": 200,
        "population.neurons.neurons": 30,
    },
    "bp-mnist": {
        "data.train_limit": 600,
        "data.test_limit": 200,
        "training.chunk": 200,
        "population.hidden.neurons": 60,
        "training.epochs": 2,
    },
}


@pytest.mark.parametrize(("preset", "at_least"), [("stdp-mnist", 0.35), ("bp-mnist", 0.6)])
def test_a_small_run_learns_and_infers_the_same_again(preset, at_least, tmp_path):
    config = training.load(preset, SMALL[preset])
    seen = []
    summary = training.train(
        config, engine=sn.NodalEngine(), out=tmp_path / "run", rng_seed=3, progress=seen.append
    )
    assert summary.test_accuracy >= at_least
    assert summary.n_test == 200
    assert seen[-1].done == seen[-1].total
    again = training.infer(tmp_path / "run")
    assert again.test_accuracy == summary.test_accuracy
    assert (tmp_path / "run" / "metrics.json").is_file()


class _StopError(Exception):
    pass


@pytest.mark.parametrize("preset", list(SMALL))
def test_a_run_that_was_stopped_ends_with_the_same_bits(preset, tmp_path):
    config = training.load(preset, SMALL[preset])

    def stop(progress):
        if progress.done == 2:
            raise _StopError

    whole = training.train(config, engine=sn.NodalEngine(), out=tmp_path / "whole", rng_seed=5)
    with pytest.raises(_StopError):
        training.train(
            config, engine=sn.NodalEngine(), out=tmp_path / "stopped", rng_seed=5, progress=stop
        )
    resumed = training.train(config, engine=sn.NodalEngine(), out=tmp_path / "stopped", resume=True)
    assert resumed.test_accuracy == whole.test_accuracy
    with (
        np.load(tmp_path / "whole" / "state.npz") as a,
        np.load(tmp_path / "stopped" / "state.npz") as b,
    ):
        for name in a.files:
            if name != "total_wall_s":
                np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_a_checkpoint_of_another_kind_is_refused(tmp_path):
    config = training.load("xpue", {"training.epochs": 0})
    training.train(config, engine=sn.NodalEngine(), out=tmp_path / "run")
    stored = {name: (tmp_path / "run" / name).read_bytes() for name in ("state.npz", "history.npz")}
    training.train(
        training.load("bp-mnist", SMALL["bp-mnist"]),
        engine=sn.NodalEngine(),
        out=tmp_path / "other",
    )
    other = tmp_path / "other"
    for name, content in stored.items():
        (other / name).write_bytes(content)
        (other / name.replace(".npz", "-before.npz")).unlink()
    with pytest.raises(RunError, match=r"saved with another configuration than that of run\.toml"):
        training.train(config, engine=sn.NodalEngine(), out=other, resume=True)
    for name in stored:
        with np.load(other / name) as arrays:
            np.savez(
                other / name, **{key: value for key, value in arrays.items() if key != "config"}
            )
    with pytest.raises(RunError, match="not a checkpoint of this kind"):
        training.train(config, engine=sn.NodalEngine(), out=other, resume=True)


def test_an_unknown_kind_is_refused(tmp_path):
    (tmp_path / "mine.toml").write_text('kind = "networks"\n')
    with pytest.raises(ConfigError, match="did you mean 'network'"):
        training.load(tmp_path / "mine.toml")


def test_settings_of_validation_see_no_test_image(tmp_path):
    limits = training.load("stdp-mnist", {"data.validation": 50, "data.test_limit": 40}).data
    validated, whole = Images.load(limits), Images.load(training.load("stdp-mnist", {}).data)
    np.testing.assert_array_equal(validated.test, whole.train[-50:-10])
    np.testing.assert_array_equal(validated.train, whole.train[:-50])
    with pytest.raises(
        ConfigError, match=r"data\.validation = 60000 leaves none of the 60000 training images"
    ):
        Images.load(training.load("stdp-mnist", {"data.validation": 60000}).data)
