"""What networks that learn from streams of samples see, count and say, worked out from their
files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.datasets import mnist
from spicesnn.datasets.images import resize
from spicesnn.errors import ConfigError
from spicesnn.training import RunDirectory, load, streamed, train
from spicesnn.training.images import Images, LearntData
from spicesnn.training.streamed import ArrayToDraw, LayerToConfirm, Tally

FILE = {"data.source": "file"}


def digits(monkeypatch):
    rng = np.random.default_rng(1)
    made = mnist.Mnist(
        x_train=rng.integers(0, 256, (12, 28, 28)).astype(np.uint8),
        y_train=(np.arange(12) % 10).astype(np.uint8),
        x_test=rng.integers(0, 256, (5, 28, 28)).astype(np.uint8),
        y_test=(9 - np.arange(5)).astype(np.uint8),
        source=Path("made up"),
    )
    monkeypatch.setattr(mnist, "load", lambda: made)
    return made


def data_of(**changes):
    return load("bp-mnist", {f"data.{k}": v for k, v in changes.items()}).data


def test_of_mnist_the_first_are_learnt_and_the_last_of_them_validate(monkeypatch):
    made = digits(monkeypatch)
    plain = Images.load(data_of(train_limit=0, test_limit=0))
    np.testing.assert_array_equal(plain.train, made.x_train.reshape(12, 784))
    np.testing.assert_array_equal(plain.test, made.x_test.reshape(5, 784))
    np.testing.assert_array_equal(plain.test_labels, made.y_test)
    assert (plain.held_out, plain.available, plain.shape) == (True, 12, (28, 28))
    some = Images.load(data_of(train_limit=7, test_limit=2, validation=3))
    np.testing.assert_array_equal(some.train_labels, made.y_train[:7])
    np.testing.assert_array_equal(some.test, made.x_train[9:11].reshape(2, 784))
    np.testing.assert_array_equal(some.test_labels, made.y_train[9:11])
    assert some.available == 12
    few = Images.load(data_of(train_limit=11, test_limit=0, validation=3))
    assert (len(few.train), len(few.test)) == (9, 3)
    small = Images.load(data_of(train_limit=0, test_limit=0, pixels=7))
    np.testing.assert_array_equal(
        small.train, np.rint(resize(made.x_train, 7, 7)).reshape(12, 49).astype(np.uint8)
    )
    assert small.shape == (7, 7)
    with pytest.raises(ConfigError, match="leaves none of the 12"):
        Images.load(data_of(validation=12))


def test_passes_show_as_many_samples_as_are_asked_for():
    own = LearntData(samples=40, available=100)
    assert [own.passes(2, n) for n in (0, 200, 201, 300, 301)] == [2, 2, 3, 3, 4]
    assert LearntData().passes(1, 120_001) == 3
    assert LearntData(validation=10_000).train_count == 50_000
    assert LearntData(validation=10_000, train_limit=55_000).train_count == 50_000
    assert LearntData(train_limit=300).train_count == 300
    assert own.train_count == 40
    assert (LearntData().class_count, LearntData(classes=3).class_count) == (10, 3)
    assert LearntData(inputs=12, rows=3).image == (3, 4)
    assert LearntData(inputs=12, rows=1).image == (1, 12)
    assert LearntData(pixels=9).input_count == 81


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(2)
    x, y = rng.uniform(-3, 5, (20, 4)), np.arange(20) % 2
    np.savez(tmp_path / "four.npz", x_train=x, y_train=y, x_test=2 * x[:6], y_test=y[:6])
    return tmp_path / "four.npz", x


def test_own_values_become_grey_levels_and_end_where_rates_end(table):
    path, x = table
    data = data_of(source="file", path=str(path), train_limit=0, test_limit=0)
    low, span = x.min(axis=0), np.ptp(x, axis=0)
    grey = Images.load(data)
    share, held = (x - low) / span, (2 * x[:6] - low) / span
    assert grey.train.dtype == np.uint8
    np.testing.assert_array_equal(grey.train, np.rint(255 * share))
    np.testing.assert_array_equal(grey.test, np.rint(255 * np.clip(held, 0, 1)))
    outside = int(np.sum((held < 0) | (held > 1)))
    assert grey.outside == outside > 3
    assert (
        f"{outside} held-out value(s) lie outside and count as 0 or 1" in grey.remarks(grey=True)[0]
    )
    whole = Images.load(data, grey=False)
    assert whole.train.dtype == np.float32
    np.testing.assert_allclose(whole.test, 255 * held, rtol=1e-6)
    assert "outside and stay there" in whole.remarks(grey=False)[0]
    described = data.of(grey)
    assert (described.inputs, described.classes, described.rows) == (4, 2, 1)
    assert (described.samples, described.available) == (20, 20)
    with pytest.raises(ConfigError, match="the training samples lie from -2"):
        Images.load(data_of(source="file", path=str(path), scale="none", train_limit=0))


def test_bytes_that_span_the_whole_range_stay_what_they_are(tmp_path):
    rng = np.random.default_rng(3)
    for most in (255, 100):
        x = rng.integers(0, most, (10, 3, 3)).astype(np.uint8)
        x[0, 0, :2] = 0, most
        np.savez(tmp_path / f"{most}.npz", x=x, y=np.arange(10) % 2)
        found = Images.load(
            data_of(
                source="file",
                path=str(tmp_path / f"{most}.npz"),
                test_fraction=0,
                train_limit=0,
                test_limit=0,
            )
        )
        np.testing.assert_array_equal(found.train, np.rint(x.reshape(10, 9) * 255.0 / most))
        assert found.shape == (3, 3)
        assert not found.held_out


def test_a_layer_is_driven_as_far_as_its_first_tile_reaches():
    rng = np.random.default_rng(4)
    siemens, wires = rng.uniform(1e-5, 1e-4, (6, 5)), sn.Wires(3.0, 2.0)
    layer = LayerToConfirm(siemens=siemens, row_volts=np.zeros((1, 6)), answers=None)
    tile = sn.Crossbar(conductance=siemens[:4, :3], wires=wires)
    np.testing.assert_allclose(
        layer.driven((4, 3), wires, sn.NodalEngine()),
        sn.NodalEngine().read(tile, np.ones(4)).cell_volts,
    )
    drawn = ArrayToDraw.tile((20, 9), (8, 0), wires, "1R")
    assert (drawn.shape, drawn.cell) == ((8, 9), "1R (one tile of an array of 20 × 9)")
    assert ArrayToDraw.tile((20, 9), (30, 9), wires, "1R").cell == "1R"
    tally = Tally()
    tally.add(reads=2, joule=1e-9)
    tally.add(reads=3)
    assert tally.totals == {"reads": 5, "joule": 1e-9}


def test_the_numbers_of_a_stream_run_follow_from_its_answers(tmp_path, monkeypatch):
    monkeypatch.setattr(streamed, "FIRST_SAMPLES", 16)
    rng = np.random.default_rng(5)
    y = rng.integers(0, 3, 60)
    x = np.clip(0.5 * np.eye(3)[y].repeat(3, axis=1) + 0.5 * rng.random((60, 9)), 0, 1)
    np.savez(tmp_path / "d.npz", x_train=x[:40], y_train=y[:40], x_test=x[40:], y_test=y[40:])
    config = load(
        "bp-mnist",
        FILE
        | {
            "data.path": str(tmp_path / "d.npz"),
            "population.hidden.neurons": 20,
            "training.epochs": 25,
            "training.chunk": 25,  # a pass is of 25 and 15 samples
            "data.train_limit": 0,
            "data.test_limit": 0,
        },
    )
    engine = sn.NodalEngine()
    done = train(config, engine=engine, out=tmp_path / "run", rng_seed=2)
    run = RunDirectory.existing(tmp_path / "run")
    again = training_infer(run, engine)
    arrays = np.load(tmp_path / "run" / f"inference-{engine.name}.npz")
    predicted, labels = arrays["predicted"], arrays["labels"]
    np.testing.assert_array_equal(labels, y[40:])
    assert done.test_accuracy == again.test_accuracy == np.mean(predicted == labels)
    assert (done.n_test, done.seed, done.extra["held_out"]) == (20, 2, True)
    by_class = [float(np.mean(predicted[labels == k] == k)) for k in range(3)]
    assert done.extra["accuracy_by_class"] == pytest.approx(by_class)
    assert done.extra["silent_or_tied"] > 0
    assert 0 < done.test_accuracy < done.train_accuracy < 1
    assert done.extra["silent_or_tied"] == again.extra["silent_or_tied"] == np.sum(predicted == -1)
    own, images = run.config(), run.config().images(run.scale())
    read = own.reader(streamed._load(run)[0], images, own.rng(streamed._ANSWER), engine)
    known = read(images.train)
    assert done.train_accuracy == np.mean(known[:16] == y[:16]) != np.mean(known == y[:40])
    seconds = float(run.checkpoint()["total_wall_s"])
    assert done.extra["training_ms_an_image"] == pytest.approx(1e3 * seconds / (25 * 40))
    assert done.wall_s > seconds
    assert [streamed._shown(k, 25, 40) for k in range(5)] == [0, 25, 40, 65, 80]
    kept = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert (kept["test_accuracy"], kept["epochs"]) == (done.test_accuracy, done.epochs)
    few = training_infer(run, engine, test_limit=7)
    assert (few.n_test, few.test_accuracy) == (7, np.mean(predicted[:7] == labels[:7]))
    assert few.train_accuracy == done.train_accuracy


def training_infer(run, engine, **more):
    from spicesnn.training import infer

    return infer(run.path, engine=engine, **more)
