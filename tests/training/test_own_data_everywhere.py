"""[data] means the same in every experiment: a user's table or images through the networks that
were made for MNIST, with nothing else set."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn import training
from spicesnn.errors import ConfigError
from spicesnn.training.images import Images

datasets = pytest.importorskip("sklearn.datasets")

QUICK = {
    "stdp-mnist": {"training.epochs": 2},
    "stdp-simple": {"training.epochs": 2},
    "bp-mnist": {"training.epochs": 6, "population.hidden.neurons": 80},
    "deep-mnist": {
        "training.epochs": 30,
        "rule.ex-situ.batch": 32,
        "population.first.neurons": 60,
        "population.second.neurons": 30,
    },
}


def saved(folder, bunch, held_out, limit=None):
    """Write a table as train.csv and test.csv, the held-out samples drawn at random, and return the
    settings for it."""
    order = np.random.default_rng(0).permutation(len(bunch.target))[:limit]
    names = [f"f{k}" for k in range(bunch.data.shape[1])]
    for name, rows in (("test", order[:held_out]), ("train", order[held_out:])):
        table = np.c_[bunch.data[rows], bunch.target[rows]]
        np.savetxt(
            folder / f"{name}.csv",
            table,
            fmt="%.17g",
            delimiter=",",
            header=",".join([*names, "label"]),
            comments="",
        )
    return {
        "data.source": "file",
        "data.path": str(folder / "train.csv"),
        "data.test_path": str(folder / "test.csv"),
    }


def trained(preset, settings, out, seed=1):
    return training.train(
        training.load(preset, settings), engine=sn.NodalEngine(), out=out, rng_seed=seed
    )


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("digits"), datasets.load_digits(), 450)


@pytest.mark.parametrize(
    ("preset", "at_least"),
    [("stdp-mnist", 0.5), ("stdp-simple", 0.2), ("bp-mnist", 0.9), ("deep-mnist", 0.8)],
)
def test_digits_of_eight_by_eight_are_learnt_and_answered_again(preset, at_least, digits, tmp_path):
    done = trained(preset, digits | QUICK[preset], tmp_path / "run")
    assert done.test_accuracy >= at_least
    assert done.n_test == 450
    assert done.epochs == QUICK[preset]["training.epochs"]
    assert "1347 training samples" in done.extra["remarks"][0]
    kept = training.RunDirectory.existing(tmp_path / "run").config().data
    assert (kept.inputs, kept.classes, kept.samples) == (64, 10, 1347)
    assert training.infer(tmp_path / "run").test_accuracy == done.test_accuracy


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "at_least"),
    [("stdp-mnist", 0.80), ("bp-mnist", 0.93), ("deep-mnist", 0.95), ("mnist-10x10", 0.85)],
)
def test_presets_take_digits_with_nothing_else_set(preset, at_least, digits, tmp_path):
    assert trained(preset, digits, tmp_path / "run").test_accuracy >= at_least


@pytest.mark.parametrize(
    ("preset", "settings"),
    [
        ("bp-mnist", {"population.hidden.neurons": 100, "training.epochs": 400}),
        (
            "deep-mnist",
            {
                "population.first.neurons": 30,
                "population.second.neurons": 20,
                "training.epochs": 60,
                "rule.ex-situ.batch": 16,
            },
        ),
    ],
)
def test_a_table_that_is_no_image_is_learnt(preset, settings, tmp_path):
    done = trained(preset, saved(tmp_path, datasets.load_wine(), 45) | settings, tmp_path / "run")
    assert done.test_accuracy >= 0.85
    assert done.extra["accuracy_by_class"][0] > 0.5
    assert len(done.extra["accuracy_by_class"]) == 3
    with np.load(tmp_path / "run" / "history.npz") as history:
        assert history["confusion"].shape == (3, 4)
        assert history["class_names"].tolist() == ["0", "1", "2"]


def test_presets_show_as_many_samples_of_a_small_table_as_of_mnist(digits):
    for preset, passes in (("stdp-mnist", 45), ("bp-mnist", 134), ("deep-mnist", 112)):
        config = training.load(preset, digits)
        sized = type(config)(**{**vars(config), "data": config.data.of(Images.load(config.data))})
        assert sized.chunks[0] == passes
    assert training.load("bp-mnist", {"data.train_limit": 600}).chunks[0] == 3
    assert training.load("bp-mnist", digits | {"training.epochs": 2}).training.presentations == 0
    assert training.load("stdp-mnist").chunks == (1, 5000)


def test_a_stopped_run_on_a_small_table_ends_with_the_same_bits(digits, tmp_path):
    config = training.load(
        "bp-mnist",
        digits | {"population.hidden.neurons": 20, "training.chunk": 3000, "training.epochs": 7},
    )

    def stop(progress):
        if progress.done == 5:
            raise KeyboardInterrupt

    engine = sn.NodalEngine()
    training.train(config, engine=engine, out=tmp_path / "whole", rng_seed=5)
    with pytest.raises(KeyboardInterrupt):
        training.train(config, engine=engine, out=tmp_path / "stopped", rng_seed=5, progress=stop)
    training.train(config, engine=engine, out=tmp_path / "stopped", resume=True)
    with (
        np.load(tmp_path / "whole" / "state.npz") as whole,
        np.load(tmp_path / "stopped" / "state.npz") as stopped,
    ):
        for name in ("array_inputs>hidden state", "array_hidden>outputs state", "done"):
            np.testing.assert_array_equal(whole[name], stopped[name])


def test_rates_of_spikes_take_no_values_below_nothing(digits, tmp_path):
    with pytest.raises(
        ConfigError,
        match=r"the training samples lie from 0 to 16, but inputs are rates of spikes; expected 0 to 1",
    ):
        trained("bp-mnist", digits | {"data.scale": "none"}, tmp_path / "run")
    with pytest.raises(ConfigError, match="inputs are rates of spikes"):
        trained("stdp-mnist", digits | {"data.scale": "standard"}, tmp_path / "run")
    own = Images.load(
        training.load("deep-mnist", digits | {"data.scale": "standard"}).data, grey=False
    )
    assert own.train.dtype == np.float32
    assert abs(own.train.mean()) < 1e-3 * 255


def test_eight_bits_of_an_image_file_stay_what_they_are(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (30, 6, 9)).astype(np.uint8)
    images[0, 0, :2] = 0, 255
    np.savez(tmp_path / "a.npz", x=images, y=np.arange(30) % 3)
    settings = {
        "data.source": "file",
        "data.path": str(tmp_path / "a.npz"),
        "data.test_fraction": 0.0,
    }
    for grey in (True, False):
        found = Images.load(training.load("bp-mnist", settings).data, grey=grey)
        np.testing.assert_array_equal(found.train, images.reshape(30, -1))
        assert found.shape == (6, 9)
        assert not found.held_out
    done = trained("deep-mnist", settings | QUICK["deep-mnist"], tmp_path / "run")
    assert done.extra["held_out"] is False
    assert done.n_test == 30


def test_mnist_is_reduced_where_that_is_asked_for():
    small = Images.load(
        training.load(
            "bp-mnist", {"data.pixels": 14, "data.train_limit": 50, "data.test_limit": 10}
        ).data
    )
    whole = Images.load(
        training.load("bp-mnist", {"data.train_limit": 50, "data.test_limit": 10}).data
    )
    assert small.train.shape == (50, 196)
    blocks = whole.train.reshape(50, 14, 2, 14, 2).astype(float).mean(axis=(2, 4)).reshape(50, -1)
    np.testing.assert_allclose(small.train, blocks, atol=0.5 + 1e-9)


def test_pattern_sets_of_spicesnn_go_through_as_well(tmp_path):
    done = trained(
        "bp-mnist",
        {"data.source": "letters-3x3", "population.hidden.neurons": 60, "training.epochs": 600},
        tmp_path / "run",
    )
    assert done.train_accuracy >= 0.9
    assert done.extra["held_out"] is False
    with pytest.raises(ConfigError, match="whose words have several answers or none"):
        trained("bp-mnist", {"data.source": "words-4bit"}, tmp_path / "words")


def test_only_images_are_drawn_as_pictures():
    from spicesnn.plotting.stream import _image

    assert _image(54, np.array([6, 9])) == (6, 9)
    assert _image(16, np.array([1, 16])) is None
    assert _image(196, np.array([28, 28])) == (14, 14)
    assert _image(784, None) == (28, 28)
    assert _image(13, None) is None


def test_software_training_of_a_mapped_preset_learns_a_table_smaller_than_its_batch(tmp_path):
    """Steps are counted in samples shown; fewer than a batch of samples are a batch."""
    bunch = datasets.load_iris()
    settings = saved(tmp_path, bunch, 30, limit=110)
    run = trained("exsitu-mnist", settings, tmp_path / "run")
    assert run.train_accuracy >= 0.9  # 0.33 is chance
    assert run.test_accuracy >= 0.8
    few = trained("exsitu-mnist", settings | {"exsitu.epochs": 1}, tmp_path / "few")
    assert few.train_accuracy < 0.8  # passes that somebody asks for are passes


def test_how_recordings_are_read_is_refused_where_there_are_none(tmp_path):
    settings = saved(tmp_path, datasets.load_iris(), 30)
    for key, value in (("step_s", "1ms"), ("steps", 5), ("polarity", "merged")):
        with pytest.raises(ConfigError, match=f"data.{key} is .* holds no recordings of events"):
            trained("exsitu-mnist", settings | {f"data.{key}": value}, tmp_path / "run")
