"""Sizes, scales and labels of what is learnt from, counted on files; and what a run says of itself,
added up from its answers."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.datasets import mnist
from spicesnn.datasets.registry import Brought
from spicesnn.training import RunDirectory, infer, load, train
from spicesnn.training import loop as training_loop
from spicesnn.training import problem as training_problem
from spicesnn.training.experiment import Experiment
from spicesnn.training.problem import load as load_problem
from spicesnn.training.streams import Streams

sys.path.insert(0, str(Path(__file__).parent.parent / "datasets"))
import event_files as made

FILE = {"data.source": "file"}
SHORT = FILE | {"training.updates": 1, "network.initial": [0.1, 0.9]}


def problem(path, **changes):
    settings = FILE | {"data.path": str(path), **{f"data.{k}": v for k, v in changes.items()}}
    return load_problem(load("letters-3x3", settings).data, Streams(0))


@pytest.fixture
def images(tmp_path):
    """24 images of 4 × 5 pixels, the last ones brighter than all others."""
    rng = np.random.default_rng(0)
    values, labels = rng.integers(20, 60, (24, 4, 5)), np.arange(24) % 3
    values[:, 0, 0], values[-1, 3, 4] = 10, 210
    np.savez(tmp_path / "images.npz", x=values, y=labels)
    return tmp_path / "images.npz", values, labels


def test_reduced_images_are_scaled_by_the_pixels_they_were_made_of(images):
    path, values, _ = images
    found = problem(path, test_fraction=0, pixels=2)
    assert found.shape == (2, 2)
    assert (found.scale.low.tolist(), found.scale.span.tolist()) == ([10.0], [200.0])
    quarter = values.astype(float).reshape(24, 2, 2, 5, 1)[:, :, :, :, 0]
    assert found.train.inputs.max() < 0.9  # a mean of some is below the largest
    assert found.train.inputs[:, 3].mean() * 200 + 10 == pytest.approx(
        quarter[:, 1, :, 2:].mean(), abs=6
    )
    assert problem(path, test_fraction=0, pixels=4).shape == (4, 5)
    assert problem(path, test_fraction=0, pixels=3).shape == (3, 3)
    ones = problem(path, test_fraction=0, ones=6)
    assert set(np.unique(ones.train.inputs)) == {0.0, 1.0}
    assert (ones.scale.low.tolist(), ones.scale.span.tolist()) == ([0.0], [1.0])


def test_what_is_available_is_counted_before_limits_and_validation(images):
    path, values, labels = images
    found = problem(path, test_fraction=0.25, validation=4, train_limit=6, test_limit=3)
    assert (len(found.train), len(found.test), found.available) == (6, 3, 18)
    whole = problem(path, test_fraction=0, validation=5)
    assert (len(whole.train), len(whole.test), whole.held_out, whole.available) == (19, 5, True, 24)
    np.testing.assert_array_equal(whole.train.labels, labels[:19])
    np.testing.assert_array_equal(whole.test.labels, labels[19:])
    low, span = values[:19].min(), np.ptp(values[:19])
    np.testing.assert_allclose(whole.test.inputs, (values[19:].reshape(5, -1) - low) / span)
    assert whole.outside == 1  # the bright pixel of the last image
    same = problem(path, test_fraction=0)
    assert (same.held_out, same.outside, same.available) == (False, 0, 24)


def test_of_mnist_all_training_images_are_available(monkeypatch):
    rng = np.random.default_rng(1)
    digits = mnist.Mnist(
        x_train=rng.integers(0, 256, (12, 28, 28)).astype(np.uint8),
        y_train=(np.arange(12) % 10).astype(np.uint8),
        x_test=rng.integers(0, 256, (5, 28, 28)).astype(np.uint8),
        y_test=(np.arange(5) % 10).astype(np.uint8),
        source=Path("made up"),
    )
    monkeypatch.setattr(training_problem.mnist, "load", lambda: digits)
    settings = {"data.source": "mnist", "data.validation": 4, "data.train_limit": 6}
    found = load_problem(
        load("letters-3x3", settings | {"data.pixels": 28, "data.ones": 0}).data, Streams(0)
    )
    assert (len(found.train), len(found.test), found.available) == (6, 4, 12)
    np.testing.assert_allclose(found.train.inputs, digits.x_train[:6].reshape(6, -1) / 255)
    np.testing.assert_allclose(found.test.inputs, digits.x_train[8:].reshape(4, -1) / 255)
    np.testing.assert_array_equal(found.test.answers, np.eye(10)[digits.y_train[8:]])


def test_of_a_set_that_comes_along_the_last_samples_validate():
    whole = load_problem(load("letters-3x3").data, Streams(0))
    found = load_problem(load("letters-3x3", {"data.validation": 7}).data, Streams(0))
    assert (len(found.train), len(found.test), found.held_out) == (23, 7, True)
    np.testing.assert_array_equal(found.train.inputs, whole.train.inputs[:23])
    np.testing.assert_array_equal(found.test.inputs, whole.train.inputs[23:])
    np.testing.assert_array_equal(found.test.labels, whole.train.labels[23:])


def test_a_label_is_the_one_output_that_is_on_or_the_bit_of_one_that_is_alone(monkeypatch):
    inputs = np.eye(4)
    several = np.array([[0, 1, 0], [1, 1, 0], [0, 0, 0], [0, 0, 1]])
    one = np.array([[1.0], [0.0], [1.0], [0.0]])
    for answers, labels in ((several, [1, -1, -1, 2]), (one, [1, 0, 1, 0])):
        held = Brought(
            inputs=inputs,
            answers=answers.astype(float),
            names=tuple("abc"[: answers.shape[1]]),
            shape=(1, 4),
            test_inputs=inputs[::-1],
            test_answers=answers[::-1].astype(float),
        )
        monkeypatch.setattr(training_problem.registry, "brought", lambda name, held=held: held)
        found = load_problem(load("letters-3x3").data, Streams(0))
        assert found.train.labels.tolist() == labels
        assert found.test.labels.tolist() == labels[::-1]
        assert found.held_out


def test_events_are_counted_as_long_as_the_steps_last(tmp_path):
    """An event every millisecond for 40 ms."""
    t = np.arange(40) * 1000
    for name in ("0", "1"):
        (tmp_path / name).mkdir()
        ones = np.ones(40, dtype=int)
        (tmp_path / name / "a.bin").write_bytes(made.nmnist(t, ones, ones, 0 * ones))
    for steps, total in ((1, 5), (4, 20), (0, 40)):
        more = {"step_s": 5e-3, "steps": steps} if steps else {}
        found = problem(tmp_path, events="counts", test_fraction=0, scale="none", **more)
        assert found.train.inputs.sum(axis=1).tolist() == [total, total]


@pytest.fixture
def table(tmp_path):
    """Held-out values far beyond the others: reads of them are solved worst."""
    rng = np.random.default_rng(2)
    x, y = rng.uniform(0, 1, (30, 5)), np.arange(30) % 3
    np.savez(tmp_path / "train.npz", x=x, y=y)
    np.savez(tmp_path / "test.npz", x=3 * x[:8], y=y[:8])
    return tmp_path


def test_what_a_run_reads_is_what_it_trained_on_and_what_it_was_tested_with(table):
    settings = SHORT | {"array.word_line_ohm": 20.0, "data.path": str(table / "train.npz")}
    for name in ("", "test.npz"):
        own = {"data.test_path": str(table / name)} if name else {"data.test_fraction": 0}
        config, out = load("letters-3x3", settings | own), table / f"run{name}"
        engine = sn.NodalEngine()
        done = train(config, engine=engine, out=out, rng_seed=0)
        assert done.seed == 0
        run = RunDirectory.existing(out)
        state, experiment = run.load_state(), Experiment.of(run.config())
        answers = [experiment.answer(engine, state.devices, experiment.problem.train)]
        if name:
            answers.append(experiment.answer(engine, state.devices, experiment.problem.test))
        extra = done.extra
        assert extra["held_out"] == bool(name)
        assert extra["reads"] == state.reads + 30 + (8 if name else 0)
        joule = state.read_joule + sum(part.energy_joule for part in answers)
        assert extra["read_joule"] == pytest.approx(joule, rel=1e-9, abs=0)
        assert extra["write_joule"] == pytest.approx(state.write_joule, rel=1e-12, abs=0)
        assert done.energy_joule == pytest.approx(joule + state.write_joule, rel=1e-9, abs=0)
        worst = max([state.residual_amps, *(part.residual_amps for part in answers)])
        assert extra["residual_amps"] == pytest.approx(worst, rel=1e-6, abs=0)
        assert (done.n_test, done.train_accuracy) == (8 if name else 30, answers[0].accuracy)
        assert done.test_accuracy == answers[-1].accuracy
        again = infer(out, engine=engine)
        assert again.extra["residual_amps"] == pytest.approx(
            answers[-1].residual_amps, rel=1e-6, abs=0
        )
        assert again.energy_joule == pytest.approx(answers[-1].energy_joule, rel=1e-9, abs=0)


def test_samples_from_python_replace_the_file_and_its_test_file(table):
    rng = np.random.default_rng(3)
    config = load(
        "letters-3x3",
        SHORT
        | {"data.path": str(table / "train.npz"), "data.test_path": str(table / "test.npz")}
        | {"data.test_fraction": 0.25},
    )
    done = train(
        config,
        engine=sn.NodalEngine(),
        out=table / "own",
        rng_seed=1,
        data=(rng.random((12, 4)), np.arange(12) % 3),
    )
    assert (done.n_test, done.extra["rows"]) == (3, 5)


def test_a_run_has_reached_its_goal_by_its_own_stop_or_by_answering_everything():
    def reached(own, stops, accuracy):
        experiment = SimpleNamespace(
            config=SimpleNamespace(training=SimpleNamespace(stop_when_right=stops))
        )
        return training_loop.converged(
            experiment, SimpleNamespace(converged=own), SimpleNamespace(accuracy=accuracy)
        )

    assert [reached(own, True, a) for own, a in ((True, 0.5), (False, 1.0))] == [True, False]
    assert [reached(own, False, a) for own, a in ((True, 0.99), (False, 1.0))] == [False, True]


@pytest.mark.parametrize(
    ("rectified", "warns"), [(0.55, True), (0.54, True), (0.52, False), (0.48, False)]
)
def test_other_neurons_are_recommended_where_they_answer_clearly_better(rectified, warns):
    history = SimpleNamespace(
        series={"software_accuracy": [0.9, 0.5], "rectified_accuracy": [0.1, rectified]}
    )
    said = training_loop._mismatch(history)
    assert bool(said) == warns
    assert not warns or f"50.0 % on ideal arrays, {100 * rectified:.1f} %" in said
    assert training_loop._mismatch(SimpleNamespace(series={})) == ""


def test_accuracy_on_training_data_is_that_of_the_first_samples(monkeypatch):
    monkeypatch.setattr(training_loop, "FIRST_SAMPLES", 5)
    experiment = Experiment.of(load("letters-3x3", {"network.initial": [0.1, 0.9]}))
    state = experiment.start()
    train_answers, test_answers = training_loop.evaluated(experiment, sn.NodalEngine(), state)
    assert len(train_answers.right) == 5
    assert test_answers is train_answers
    every = experiment.answer(sn.NodalEngine(), state.devices, experiment.problem.train)
    np.testing.assert_array_equal(train_answers.predicted, every.predicted[:5])
    apart = replace(experiment, problem=replace(experiment.problem, held_out=True))
    assert len(training_loop.evaluated(apart, sn.NodalEngine(), state)[1].right) == 30


def test_metrics_of_a_run_are_kept_as_they_are_said(table):
    config = load("letters-3x3", {"training.updates": 2, "training.stop_when_right": False})
    done = train(config, engine=sn.NodalEngine(), out=table / "kept", rng_seed=4)
    kept = json.loads((table / "kept" / "metrics.json").read_text())
    for name in ("test_accuracy", "train_accuracy", "n_test", "energy_joule", "epochs", "seed"):
        assert kept[name] == getattr(done, name)
    assert kept["reads"] == done.extra["reads"] == 30 * 3
    assert (kept["updates"], kept["epochs"]) == (2, 2)
