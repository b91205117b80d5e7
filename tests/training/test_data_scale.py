"""What is done to a user's data before they drive word lines: scaled by training samples alone,
nothing clipped, and said."""

import gzip
import tomllib

import numpy as np
import pytest

from spicesnn import training
from spicesnn.datasets import idx
from spicesnn.datasets.scaling import Scale
from spicesnn.errors import ConfigError, DataError, RunError
from spicesnn.learning.weights import save_weights
from spicesnn.training.experiment import Experiment
from spicesnn.training.problem import load as load_problem
from spicesnn.training.streams import Streams

SHORT = {"training.updates": 2, "data.source": "file"}


@pytest.fixture
def table():
    rng = np.random.default_rng(3)
    return rng.uniform(-2, 7, (40, 3)), np.arange(40) % 2


def saved(path, features, labels):
    np.savetxt(
        path,
        np.c_[features, labels],
        fmt="%.17g",
        delimiter=",",
        header=",".join([*"abcdefgh"[: features.shape[1]], "label"]),
        comments="",
    )
    return str(path)


def problem(path, **changes):
    data = training.load(
        "letters-3x3",
        {
            "data.source": "file",
            "data.path": path,
            **{f"data.{key}": value for key, value in changes.items()},
        },
    ).data
    return load_problem(data, Streams(0))


def test_the_scale_is_that_of_the_training_samples_and_held_out_values_stay_beyond_it(
    tmp_path, table
):
    features, labels = table
    train, test = features[:30], features[30:]
    test[0] = [100.0, -50.0, 3.0]
    found = problem(
        saved(tmp_path / "a.csv", train, labels[:30]),
        test_path=saved(tmp_path / "b.csv", test, labels[30:]),
    )
    low, span = train.min(axis=0), np.ptp(train, axis=0)
    np.testing.assert_allclose(found.train.inputs, (train - low) / span, rtol=0, atol=1e-15)
    np.testing.assert_allclose(found.test.inputs, (test - low) / span, rtol=1e-14)
    assert found.test.inputs.max() > 10
    assert found.test.inputs.min() < -5
    assert found.outside == np.sum((found.test.inputs < 0) | (found.test.inputs > 1))
    assert f"{found.outside} held-out values lie outside and stay there" in found.scaled_how()


@pytest.mark.parametrize("row", range(0, 40, 3))
def test_an_outlier_changes_what_is_learnt_only_where_it_is_learnt_from(tmp_path, table, row):
    features, labels = table
    before = problem(saved(tmp_path / "a.csv", features, labels), test_fraction=0.4)
    other = features.copy()
    other[row, 1] = 1e6
    after = problem(saved(tmp_path / "a.csv", other, labels), test_fraction=0.4)
    held_out = after.test.inputs.max() > 1e4
    assert np.array_equal(before.train.inputs, after.train.inputs) == held_out
    assert np.array_equal(before.train.labels, after.train.labels)


def test_a_limit_on_training_samples_limits_what_the_scale_is_taken_from(tmp_path, table):
    features, labels = table
    features[20] = 1e6
    found = problem(
        saved(tmp_path / "a.csv", features, labels),
        test_path=saved(tmp_path / "b.csv", features, labels),
        train_limit=10,
    )
    np.testing.assert_allclose(found.scale.low, features[:10].min(axis=0))
    assert found.train.inputs.shape == (10, 3)


def test_samples_kept_for_validation_are_not_looked_at(tmp_path, table):
    features, labels = table
    features[30:] *= 10
    found = problem(
        saved(tmp_path / "a.csv", features, labels),
        test_path=saved(tmp_path / "b.csv", features[:5], labels[:5]),
        validation=10,
    )
    np.testing.assert_allclose(found.scale.low, features[:30].min(axis=0))
    np.testing.assert_allclose(
        found.test.inputs,
        (features[30:] - features[:30].min(axis=0)) / np.ptp(features[:30], axis=0),
    )


def test_data_are_taken_as_they_are_or_standardised_where_that_is_asked_for(tmp_path, table):
    features, labels = table
    path = saved(tmp_path / "a.csv", features, labels)
    same = problem(path, scale="none", test_fraction=0)
    np.testing.assert_array_equal(same.train.inputs, features)
    standard = problem(path, scale="standard", test_fraction=0)
    np.testing.assert_allclose(
        standard.train.inputs,
        (features - features.mean(axis=0)) / features.std(axis=0),
        rtol=1e-12,
        atol=1e-15,
    )
    with pytest.raises(
        ConfigError, match=r"data\.scale is 'max'.*Expected one of: auto, none, minmax, standard"
    ):
        problem(path, scale="max")


def test_a_feature_that_does_not_vary_is_measured_in_its_own_unit(tmp_path, table):
    features, labels = table
    features[:, 2] = 5.0
    found = problem(saved(tmp_path / "a.csv", features, labels), test_fraction=0)
    assert np.all(found.train.inputs[:, 2] == 0)
    assert found.scale.span[2] == 1.0


def test_pixels_of_images_are_one_quantity(tmp_path):
    images, labels = np.random.default_rng(0).integers(3, 17, (20, 4, 5)), np.arange(20) % 2
    images[:, 0, 0] = 3
    images[0, 1, 1] = 23
    np.savez(tmp_path / "a.npz", x=images, y=labels)
    found = problem(str(tmp_path / "a.npz"), test_fraction=0)
    assert found.shape == (4, 5)
    np.testing.assert_array_equal(found.train.inputs, (images.reshape(20, -1) - 3) / 20)
    assert problem(str(tmp_path / "a.npz"), test_fraction=0, pixels=3).shape == (3, 3)
    assert problem(str(tmp_path / "a.npz"), test_fraction=0, pixels=10).shape == (4, 5)
    with pytest.raises(ConfigError, match=r"data\.shape is \[3, 5\], but .* has 20 features"):
        problem(str(tmp_path / "a.npz"), shape=[3, 5])


def test_a_csv_file_of_images_says_their_shape(tmp_path, table):
    features, labels = (
        np.tile(np.arange(6.0), (4, 1)) + np.arange(4)[:, None],
        np.array([0, 1, 0, 1]),
    )
    path = saved(tmp_path / "a.csv", features, labels)
    assert problem(path, shape=[2, 3], test_fraction=0).shape == (2, 3)
    np.testing.assert_array_equal(problem(path, shape=[2, 3], test_fraction=0).scale.span, [8.0])
    assert problem(path, test_fraction=0).shape == (1, 6)
    assert problem(path, test_fraction=0).scale.span.shape == (6,)
    with pytest.raises(ConfigError, match=r"data\.ones is for images"):
        problem(path, ones=2)


def test_the_four_files_of_a_set_like_mnist_are_read_as_they_come(tmp_path):
    rng = np.random.default_rng(0)
    parts = {"train": 12, "t10k": 5}
    made = {}
    for part, count in parts.items():
        images = rng.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        labels = (np.arange(count) % 3).astype(np.uint8)
        made[part] = images, labels
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx.render(images)))
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx.render(labels)))
    made["train"][0][0, 0, :2] = 0, 255
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(
        gzip.compress(idx.render(made["train"][0]))
    )
    found = problem(str(tmp_path))
    np.testing.assert_array_equal(found.train.inputs, made["train"][0].reshape(12, -1) / 255)
    np.testing.assert_array_equal(found.test.inputs, made["t10k"][0].reshape(5, -1) / 255)
    np.testing.assert_array_equal(found.test.labels, made["t10k"][1])
    single = problem(str(tmp_path / "train-images-idx3-ubyte.gz"), test_fraction=0)
    np.testing.assert_array_equal(single.train.inputs, found.train.inputs)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="has no t10k-labels-idx1-ubyte"):
        problem(str(tmp_path))


def test_a_run_keeps_its_scale_and_answers_new_data_by_it(tmp_path, table):
    features, labels = table
    settings = SHORT | {
        "data.path": saved(tmp_path / "a.csv", features, labels),
        "data.test_path": saved(tmp_path / "b.csv", features + 30, labels),
    }
    with training.make_engine("nodal") as engine:
        done = training.train(
            training.load("letters-3x3", settings), engine=engine, out=tmp_path / "run", rng_seed=1
        )
        kept = tomllib.loads((tmp_path / "run" / "run.toml").read_text())
        assert kept["data"]["scale"] == "minmax"
        assert kept["scale"] == {
            "method": "minmax",
            "low": features.min(axis=0).tolist(),
            "span": np.ptp(features, axis=0).tolist(),
        }
        assert "each feature scaled to 0…1" in done.extra["remarks"][0]
        assert "120 held-out values lie outside" in done.extra["remarks"][0]
        assert "120 held-out values lie outside" in (tmp_path / "run" / "log.txt").read_text()
        (tmp_path / "one").mkdir()
        (tmp_path / "two").mkdir()
        before = training.infer(tmp_path / "run", engine=engine, out=tmp_path / "one")
        saved(tmp_path / "a.csv", 50 * features, labels)
        after = training.infer(tmp_path / "run", engine=engine, out=tmp_path / "two")
    first, second = (
        np.load(tmp_path / name / "inference-nodal.npz")["output_amps"] for name in ("one", "two")
    )
    np.testing.assert_array_equal(first, second)
    assert before.test_accuracy == after.test_accuracy == done.test_accuracy
    again = training.load(tmp_path / "run" / "run.toml")
    np.testing.assert_allclose(
        Experiment.of(again).problem.scale.span, 50 * np.ptp(features, axis=0)
    )


def test_a_run_that_does_not_say_how_it_was_scaled_is_not_answered_otherwise(tmp_path, table):
    features, labels = table
    settings = SHORT | {"data.path": saved(tmp_path / "a.csv", features, labels)}
    with training.make_engine("nodal") as engine:
        training.train(
            training.load("letters-3x3", settings), engine=engine, out=tmp_path / "run", rng_seed=1
        )
        toml = tmp_path / "run" / "run.toml"
        text = toml.read_text()
        toml.write_text(text.partition("\n[scale]")[0])
        with pytest.raises(RunError, match="does not say how its data were scaled"):
            training.infer(tmp_path / "run", engine=engine, out=tmp_path / "x")
        toml.write_text(text.replace("span = [", "span = [0.0, "))
        with pytest.raises(RunError, match=r"its table \[scale\] has no method"):
            training.infer(tmp_path / "run", engine=engine, out=tmp_path / "x")


def test_weights_of_ones_own_take_data_as_they_are(tmp_path, table):
    features, labels = table
    weights = save_weights(tmp_path / "w.npz", [np.ones((3, 2)) * [[1, -1]]], [np.zeros(2)])
    settings = {
        "data.source": "file",
        "data.path": saved(tmp_path / "a.csv", features, labels),
        "exsitu.weights": str(weights),
        "learning.rule": "exsitu",
        "network.hidden": [],
        "network.columns": "differential",
    }
    experiment = Experiment.of(training.load("exsitu-mnist", settings))
    assert experiment.config.data.scale == "none"
    every = np.concatenate([experiment.problem.train.inputs, experiment.problem.test.inputs])
    np.testing.assert_array_equal(np.sort(every, axis=0), np.sort(features, axis=0))
    asked = Experiment.of(training.load("exsitu-mnist", settings | {"data.scale": "minmax"}))
    assert asked.problem.train.inputs.max() == 1.0
    assert "as they are" in experiment.problem.scaled_how()


def test_a_scale_without_a_number_is_refused():
    with pytest.raises(DataError, match="span more than a floating-point number holds"):
        Scale.of("minmax", [[-1.7e308], [1.7e308]])
