"""No test label decides anything but the score, and no test image trains: for every network and
every rule.

The labels are turned by one class, on purpose not at random: neurons named by them would all be
named wrongly."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.datasets import mnist
from spicesnn.training import RunDirectory, infer, load, train
from spicesnn.training.composed import NetworkConfig
from spicesnn.training.experiment import Experiment
from spicesnn.training.exsitu import best_weights, learn_in_software
from spicesnn.training.images import Images
from spicesnn.training.problem import load as load_problem
from spicesnn.training.streams import Streams

LABELLED = (
    "test_accuracy",
    "uncompensated_accuracy",
    "software_accuracy",
    "mapped_accuracy",
    "confusion",
    "labels",
    "raster_label",
    "config",
)
"""What of a run's history is allowed to depend on test labels."""


def turned(labels, classes=10):
    return ((labels.astype(np.int64) + 1) % classes).astype(labels.dtype)


def same_but_for_labels(one, other):
    """Check that two histories agree wherever test labels have no say."""
    assert set(one) == set(other)
    for name, values in one.items():
        if name not in LABELLED:
            np.testing.assert_array_equal(values, other[name], err_msg=name)


STREAMS = {
    "stdp-mnist": {"population.neurons.neurons": 24, "training.chunk": 150},
    "stdp-mnist by classes": {
        "population.neurons.neurons": 24,
        "training.chunk": 150,
        "network.vote": "class",
    },
    "stdp-simple": {"population.neurons.neurons": 16, "training.chunk": 150},
    "stdp-simple by classes": {
        "population.neurons.neurons": 16,
        "training.chunk": 150,
        "network.vote": "class",
    },
    "bp-mnist": {"population.hidden.neurons": 24, "training.chunk": 150, "training.epochs": 2},
    "deep-mnist": {
        "population.first.neurons": 24,
        "population.second.neurons": 12,
        "training.epochs": 5,
        "rule.ex-situ.batch": 20,
        "projection.*.synapses": "ideal",
    },
    "deep-mnist on devices": {
        "population.first.neurons": 24,
        "population.second.neurons": 12,
        "training.epochs": 5,
        "rule.ex-situ.batch": 20,
        "training.tuning_epochs": 1,
    },
}


def stream_run(preset, out):
    settings = {"data.train_limit": 300, "data.test_limit": 80, **STREAMS[preset]}
    summary = train(
        load(preset.partition(" ")[0], settings), engine=sn.NodalEngine(), out=out, rng_seed=4
    )
    run = RunDirectory.existing(out)
    return (
        summary,
        run.history(),
        {k: v for k, v in run.checkpoint().items() if k not in ("total_wall_s", "config")},
    )


@pytest.mark.parametrize("preset", STREAMS)
def test_turned_test_labels_and_other_test_images_train_the_same_stream_network(
    preset, tmp_path, monkeypatch
):
    data = mnist.load()
    summary, history, state = stream_run(preset, tmp_path / "run")
    monkeypatch.setattr(mnist, "load", lambda: replace(data, y_test=turned(data.y_test)))
    relabelled, other, same = stream_run(preset, tmp_path / "relabelled")
    same_but_for_labels(history, other)
    for name, values in state.items():
        np.testing.assert_array_equal(values, same[name], err_msg=name)
    assert relabelled.train_accuracy == summary.train_accuracy
    assert relabelled.test_accuracy == pytest.approx(
        float(np.mean(history["predicted"] == (history["labels"] + 1) % 10))
    )
    assert summary.test_accuracy > relabelled.test_accuracy + 0.1
    again = infer(tmp_path / "relabelled")
    assert again.test_accuracy == relabelled.test_accuracy
    np.testing.assert_array_equal(
        np.load(tmp_path / "relabelled" / "inference-nodal.npz")["predicted"], history["predicted"]
    )
    monkeypatch.setattr(
        mnist, "load", lambda: replace(data, x_test=data.x_test[::-1], y_test=data.y_test[::-1])
    )
    others, _, trained = stream_run(preset, tmp_path / "others")
    for name, values in state.items():
        np.testing.assert_array_equal(values, trained[name], err_msg=name)
    assert others.train_accuracy == summary.train_accuracy


def table_files(folder, *, classes=3, inputs=9, count=60, noise=0.1, seed=0):
    """Write a training file, test files with right and with turned labels, and one with other
    samples; features lie in 0 to 1."""
    rng = np.random.default_rng(seed)
    centres = (rng.random((classes, inputs)) > 0.5).astype(float)
    sets = {}
    for name, number in (("train", count), ("test", 30), ("other", 30)):
        labels = rng.integers(0, classes, number)
        labels[:classes] = range(classes)
        sets[name] = (
            np.clip(np.abs(centres[labels] - noise * rng.random((number, inputs))), 0, 1),
            labels,
        )
    sets["train"][0][:2] = [[0.0] * inputs, [1.0] * inputs]  # the scale of every feature is 0 to 1
    sets["turned"] = sets["test"][0], (sets["test"][1] + 1) % classes
    for name, (features, labels) in sets.items():
        np.savez(folder / f"{name}.npz", features=features, labels=labels)
    return sets


RULES = {
    "manhattan": ("letters-3x3", {"training.epochs": 4}),
    "manhattan in batches": ("letters-3x3", {"training.epochs": 2, "training.batch": 20}),
    "template": ("xpue", {"training.epochs": 1}),
    "exsitu": (
        "letters-3x3",
        {
            "learning.rule": "exsitu",
            "exsitu.epochs": 5,
            "exsitu.restarts": 3,
            "exsitu.fine_tune": 2,
            "training.epochs": 1,
        },
    ),
    "stdp": ("letters-stdp", {"training.epochs": 1}),
}


@pytest.mark.parametrize("rule", RULES)
def test_turned_test_labels_and_other_test_samples_train_the_same_array(rule, tmp_path):
    preset, settings = RULES[rule]
    sets = table_files(tmp_path, count=30 if rule == "stdp" else 60)
    found = {}
    for name in ("test", "turned", "other"):
        config = load(
            preset,
            {
                "data.source": "file",
                "data.path": str(tmp_path / "train.npz"),
                "data.test_path": str(tmp_path / f"{name}.npz"),
                "training.stop_when_right": False,
                **settings,
            },
        )
        found[name] = train(config, engine=sn.NodalEngine(), out=tmp_path / name, rng_seed=2)
    runs = {name: RunDirectory.existing(tmp_path / name) for name in found}
    histories = {name: run.history() for name, run in runs.items()}
    same_but_for_labels(
        {k: v for k, v in histories["test"].items() if k not in ("spike_labels",)},
        {k: v for k, v in histories["turned"].items() if k not in ("spike_labels",)},
    )
    for name in ("turned", "other"):
        np.testing.assert_array_equal(
            runs[name].load_state().devices, runs["test"].load_state().devices
        )
        assert found[name].train_accuracy == found["test"].train_accuracy
    right = histories["test"]["predicted"] == sets["turned"][1]
    assert found["turned"].test_accuracy == pytest.approx(float(right.mean()))
    assert infer(tmp_path / "turned").test_accuracy == found["turned"].test_accuracy


def test_of_several_starts_the_best_on_training_data_is_mapped(tmp_path):
    """The test labels are what the start that is worst in training answers: chosen by them, it
    would be mapped."""
    table_files(tmp_path, noise=0.9, count=80, seed=3)
    config = load(
        "letters-3x3",
        {
            "data.source": "file",
            "data.path": str(tmp_path / "train.npz"),
            "data.test_path": str(tmp_path / "other.npz"),
            "learning.rule": "exsitu",
            "exsitu.epochs": 1,
            "exsitu.rate": 0.05,
            "exsitu.restarts": 5,
        },
    )
    experiment = Experiment.of(config)
    low, high = config.encoding.low_volts, config.encoding.high_volts

    def answered(weights, inputs):
        volts = np.column_stack(
            [low + (high - low) * inputs, np.full(len(inputs), config.encoding.bias_volts)]
        )
        return (volts @ weights[0]).argmax(axis=1)

    starts = [learn_in_software(experiment, experiment.streams.draw("start", k)) for k in range(5)]
    train_set, test_set = experiment.problem.train, experiment.problem.test
    scores = [float(np.mean(answered(w, train_set.inputs) == train_set.labels)) for w in starts]
    best, worst = int(np.argmax(scores)), int(np.argmin(scores))
    assert scores[best] > max(scores[:best], default=-1.0)
    assert scores[worst] < scores[best] < 1
    labels = answered(starts[worst], test_set.inputs)
    wrong = replace(
        experiment.problem, test=replace(test_set, labels=labels, answers=np.eye(3)[labels])
    )
    np.testing.assert_array_equal(
        best_weights(replace(experiment, problem=wrong))[0], starts[best][0]
    )


def test_the_estimator_sees_nothing_of_what_it_predicts(tmp_path):
    sets = table_files(tmp_path)
    model = sn.CrossbarClassifier("letters-3x3", epochs=3).fit(*sets["train"])
    states, predicted = model.state_.devices.copy(), model.predict(sets["test"][0])
    turned_score = model.score(*sets["turned"])
    assert turned_score == pytest.approx(float(np.mean(predicted == sets["turned"][1])))
    np.testing.assert_array_equal(model.state_.devices, states)
    fresh = sn.CrossbarClassifier("letters-3x3", epochs=3).fit(*sets["train"])
    np.testing.assert_array_equal(model.predict(sets["other"][0]), fresh.predict(sets["other"][0]))
    one_by_one = [model.predict(row[None])[0] for row in sets["test"][0]]
    np.testing.assert_array_equal(predicted, one_by_one)


# -- splits ---------------------------------------------------------------------------------------


@pytest.fixture
def numbered(monkeypatch):
    """MNIST of 50 training and 20 test images, each with its own number in its first pixels and in
    its label."""

    def images(first, count):
        x = np.zeros((count, 28, 28), np.uint8)
        x[:, 0, 0] = x[:, 27, 27] = np.arange(first, first + count)
        return x, (np.arange(first, first + count) % 10).astype(np.uint8)

    (x, y), (x_test, y_test) = images(1, 50), images(101, 20)
    data = mnist.Mnist(x_train=x, y_train=y, x_test=x_test, y_test=y_test, source=Path("numbered"))
    monkeypatch.setattr(mnist, "load", lambda **options: data)
    return data


CUTS = [(0, 0, 0), (0, 7, 5), (12, 0, 0), (12, 30, 8), (12, 100, 100), (49, 0, 0)]


@pytest.mark.parametrize(("validation", "train_limit", "test_limit"), CUTS)
def test_images_are_split_without_one_in_both(numbered, validation, train_limit, test_limit):
    learnt = list(range(1, 51 - validation))
    held = list(range(51 - validation, 51)) if validation else list(range(101, 121))
    options = {
        "data.validation": validation,
        "data.train_limit": train_limit,
        "data.test_limit": test_limit,
    }
    stream = Images.load(load("stdp-mnist", options).data)
    problem = load_problem(
        load("mnist-10x10", {**options, "data.pixels": 28, "data.ones": 0}).data, Streams(0)
    )
    train_numbers = [
        stream.train[:, 0].tolist(),
        np.rint(255 * problem.train.inputs[:, 0]).astype(int).tolist(),
    ]
    test_numbers = [
        stream.test[:, 0].tolist(),
        np.rint(255 * problem.test.inputs[:, 0]).astype(int).tolist(),
    ]
    for numbers, labels in zip(
        train_numbers, (stream.train_labels, problem.train.labels), strict=True
    ):
        assert numbers == learnt[: train_limit or None]
        assert labels.tolist() == [n % 10 for n in numbers]
    for numbers in test_numbers:
        assert numbers == held[: test_limit or None]
        assert not set(numbers) & set(train_numbers[0])
    assert (problem.test.labels % 10).tolist() == [n % 10 for n in test_numbers[1]]
    assert problem.held_out
    np.testing.assert_array_equal(problem.train.answers.argmax(axis=1), problem.train.labels)
    assert np.all(problem.train.answers.sum(axis=1) == 1)


@pytest.mark.parametrize(
    ("fraction", "held"), [(0.0, 0), (0.2, 8), (0.31, 12), (0.5, 20), (0.97, 39)]
)
def test_a_file_is_split_without_a_row_in_both_and_none_lost(fraction, held, tmp_path):
    features = np.linspace(0, 1, 40)[:, None]
    np.savez(tmp_path / "own.npz", features=features, labels=np.arange(40) % 4)
    data = {
        "data.source": "file",
        "data.path": str(tmp_path / "own.npz"),
        "data.test_fraction": fraction,
        "data.scale": "none",
    }
    splits = []
    for seed in (0, 1):
        problem = load_problem(load("letters-3x3", data).data, Streams(seed))
        train_rows, test_rows = (
            np.rint(39 * s.inputs[:, 0]).astype(int) for s in (problem.train, problem.test)
        )
        assert len(test_rows) == (held or 40)
        assert problem.held_out == (held > 0)
        assert len(train_rows) == 40 - held
        if held:
            assert sorted([*train_rows, *test_rows]) == list(range(40))
        for rows, samples in ((train_rows, problem.train), (test_rows, problem.test)):
            np.testing.assert_array_equal(samples.labels, rows % 4)
            np.testing.assert_array_equal(samples.answers.argmax(axis=1), samples.labels)
        splits.append(test_rows.tolist())
    assert held in (0, 39) or splits[0] != splits[1]


def test_a_test_file_is_all_that_is_tested_and_none_of_it_trains(tmp_path):
    sets = table_files(tmp_path)
    data = {
        "data.source": "file",
        "data.path": str(tmp_path / "train.npz"),
        "data.test_path": str(tmp_path / "test.npz"),
    }
    problem = load_problem(load("letters-3x3", data).data, Streams(0))
    np.testing.assert_allclose(problem.train.inputs, sets["train"][0], atol=1e-12)
    np.testing.assert_allclose(problem.test.inputs, sets["test"][0], atol=1e-12)
    np.testing.assert_array_equal(problem.test.labels, sets["test"][1])
    limited = load_problem(
        load("letters-3x3", {**data, "data.train_limit": 11, "data.test_limit": 7}).data, Streams(0)
    )
    np.testing.assert_array_equal(limited.train.inputs, problem.train.inputs[:11])
    np.testing.assert_array_equal(limited.test.inputs, problem.test.inputs[:7])


@pytest.mark.parametrize(
    ("source", "train_count", "test_count", "held_out"),
    [
        ("xpue", 4, 4, False),
        ("digits-3x5", 6, 6, False),
        ("letters-3x3", 30, 30, False),
        ("letters-clean", 3, 3, False),
        ("xor", 4, 4, False),
        ("words-4bit", 6, 10, True),
    ],
)
def test_pattern_sets_have_their_sizes_and_say_whether_anything_is_held_out(
    source, train_count, test_count, held_out
):
    problem = load_problem(load("letters-3x3", {"data.source": source}).data, Streams(0))
    assert (len(problem.train), len(problem.test), problem.held_out) == (
        train_count,
        test_count,
        held_out,
    )
    shared = {tuple(row) for row in problem.train.inputs} & {
        tuple(row) for row in problem.test.inputs
    }
    assert len(shared) == (0 if held_out else train_count)


def test_chunks_show_every_training_image_once_an_epoch(numbered, monkeypatch, tmp_path):
    seen = []

    def learn(self, arrays, images, labels, rng, epoch, engine, tally):
        seen.append((epoch, images[:, 0].tolist(), labels.tolist()))
        return arrays

    monkeypatch.setattr(NetworkConfig, "learn", learn)
    monkeypatch.setattr(
        NetworkConfig,
        "reader",
        lambda self, arrays, images, rng, engine: lambda pixels: np.zeros(len(pixels), np.int64),
    )
    config = load(
        "stdp-simple",
        {"training.epochs": 3, "training.chunk": 16, "data.pixels": 0, "data.validation": 10},
    )
    summary = train(config, engine=sn.NodalEngine(), out=tmp_path / "run")
    assert [len(chunk[1]) for chunk in seen] == [16, 16, 8] * 3
    orders = []
    for epoch in range(3):
        numbers = [n for e, images, _ in seen if e == epoch for n in images]
        assert sorted(numbers) == list(range(1, 41))
        orders.append(numbers)
    assert len({tuple(order) for order in orders}) == 3
    assert all(
        label == number % 10
        for _, images, labels in seen
        for number, label in zip(images, labels, strict=True)
    )
    assert (summary.epochs, summary.n_test) == (3, 10)
