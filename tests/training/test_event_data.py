"""Recordings of events as [data]: in time steps for networks that spike in time, as counts for the
others; and samples from Python."""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import spicesnn as sn
from spicesnn import training
from spicesnn.datasets.pairs import collected
from spicesnn.errors import ConfigError, InputError, RunError, WrongTypeError
from spicesnn.training.mapped import load_map
from spicesnn.training.problem import load as load_problem
from spicesnn.training.streams import Streams

sys.path.insert(0, str(Path(__file__).parent.parent / "datasets"))
import event_files as made


def halves(folder, each=30, seed=0):
    """Write recordings of 6 × 6 pixels: class 0 has its events on the left, class 1 on the right;
    later ones are of the other half."""
    rng = np.random.default_rng(seed)
    for side in (0, 1):
        (folder / str(side)).mkdir(parents=True)
        for k in range(each):
            count = rng.integers(60, 90)
            t = np.sort(rng.integers(0, 20_000, count))
            late = t >= 10_000
            x = rng.integers(0, 3, count) + 3 * np.where(late, 1 - side, side)
            (folder / str(side) / f"{k}.bin").write_bytes(
                made.nmnist(t, x, rng.integers(0, 6, count), rng.integers(0, 2, count))
            )


def trained(preset, settings, out, **more):
    return training.train(
        training.load(preset, settings), engine=sn.NodalEngine(), out=out, rng_seed=1, **more
    )


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("events")
    halves(folder / "train")
    halves(folder / "test", each=20, seed=1)
    return folder


@pytest.mark.parametrize(
    ("preset", "more"),
    [
        ("bp-mnist", {"population.hidden.neurons": 40, "training.epochs": 60}),
        (
            "deep-mnist",
            {
                "population.first.neurons": 20,
                "population.second.neurons": 10,
                "training.epochs": 150,
                "rule.ex-situ.batch": 16,
            },
        ),
        ("mnist-10x10", {"training.epochs": 40, "data.ones": 0}),
    ],
)
def test_presets_learn_from_numbers_of_events(preset, more, recordings, tmp_path):
    settings = {
        "data.source": "file",
        "data.path": str(recordings),
        "data.events": "counts",
        "data.step_s": 10e-3,
        "data.steps": 1,
    }
    done = trained(preset, settings | more, tmp_path / "run")
    assert done.n_test == 40
    assert done.test_accuracy >= 0.9
    told = " ".join(done.extra["remarks"])
    assert "of 60 recordings in 1 step of 10 ms, 6 × 6 pixels, polarities apart" in told
    assert "lie outside the 1 step and are left out" in told
    assert training.infer(tmp_path / "run").test_accuracy == done.test_accuracy


def test_counts_are_those_of_the_files_and_scaled_by_the_training_samples(recordings):
    options = training.load(
        "mnist-10x10",
        {
            "data.source": "file",
            "data.path": str(recordings),
            "data.events": "counts",
            "data.pixels": 0,
            "data.ones": 0,
            "data.polarity": "merged",
        },
    ).data
    problem = load_problem(options, Streams(0))
    assert problem.shape == (6, 6)
    raw = np.zeros((60, 36))
    for k, file in enumerate(
        [
            *sorted((recordings / "train" / "0").iterdir()),
            *sorted((recordings / "train" / "1").iterdir()),
        ]
    ):
        events = sn.read_events(file)
        np.add.at(raw[k], events.y * 6 + events.x, 1)
    np.testing.assert_allclose(problem.train.inputs, (raw - raw.min()) / (raw.max() - raw.min()))
    assert problem.held_out


def test_networks_without_time_ask_for_counts(recordings, tmp_path):
    with pytest.raises(ConfigError, match=r'takes no time steps; data.events = "counts" gives it'):
        trained("bp-mnist", {"data.source": "file", "data.path": str(recordings)}, tmp_path / "run")
    np.savez(tmp_path / "a.npz", x=np.eye(4), y=[0, 1, 0, 1])
    with pytest.raises(ConfigError, match=r"holds no recordings of events"):
        trained(
            "bp-mnist",
            {"data.source": "file", "data.path": str(tmp_path / "a.npz"), "data.events": "counts"},
            tmp_path / "run",
        )
    with pytest.raises(ConfigError, match=r"data.step_s = 0.01 and data.steps = 0; expected both"):
        trained(
            "bp-mnist",
            {
                "data.source": "file",
                "data.path": str(recordings),
                "data.events": "counts",
                "data.step_s": 0.01,
            },
            tmp_path / "run",
        )


def spiking(path, inputs, rng, shape):
    nir = pytest.importorskip("nir")
    left = (np.arange(inputs) % 6 < 3).astype(float)
    weights = np.stack([left, 1 - left]) * rng.uniform(0.8, 1.2, (2, inputs))
    nodes = {
        "input": nir.Input(np.array(shape)),
        "flat": nir.Flatten({"input": np.array(shape)}, 0, -1),
        "dense": nir.Linear(weights),
        "neurons": nir.IF(r=np.ones(2), v_threshold=np.full(2, 8.0)),
        "output": nir.Output(np.array([2])),
    }
    order = list(nodes)
    nir.write(path, nir.NIRGraph(nodes, list(pairwise(order))))
    return weights


def by_hand(file, weights, steps, step_us, inputs):
    """Integrate-and-fire, reset to zero, on the events of one file; the time of the first half
    decides."""
    events = sn.read_events(file)
    x = np.zeros((steps, inputs))
    channel = (events.p * 36 if inputs == 72 else 0) + events.y * 6 + events.x
    ticks = np.rint(events.t * 1e6).astype(int) // step_us
    np.add.at(x, (ticks[ticks < steps], channel[ticks < steps]), 1)
    v, spikes = np.zeros(2), np.zeros(2)
    for row in x:
        v = v + weights @ row
        fired = v > 8.0
        spikes += fired
        v = np.where(fired, 0.0, v)
    return spikes


@pytest.mark.parametrize("shape", [(2, 6, 6), (72,), (1, 6, 6)])
def test_a_spiking_network_is_mapped_and_tested_on_recordings(shape, recordings, tmp_path):
    inputs = int(np.prod(shape))
    weights = spiking(tmp_path / "net.nir", inputs, np.random.default_rng(2), shape)
    settings = {
        "data.step_s": "1m",
        "data.steps": "10",
        "array.word_line_ohm": "0",
        "array.bit_line_ohm": "0",
    }
    config = load_map(tmp_path / "net.nir", recordings, settings, 0, None)
    x, y, _ = config.samples()
    assert x.shape == (40, 10, inputs)
    network = config.built_network()
    counts = network.outputs(x)
    files = [file for side in "01" for file in sorted((recordings / "test" / side).iterdir())]
    np.testing.assert_array_equal(
        counts, [by_hand(file, weights, 10, 1000, inputs) for file in files]
    )
    done = training.train(config, engine=sn.NodalEngine(), out=tmp_path / "run")
    assert done.test_accuracy == done.extra["ideal_accuracy"] == network.accuracy(x, y) >= 0.9
    told = done.extra["remarks"]
    assert told[0].startswith("the test recordings of events")
    assert any("lie outside the 10 steps and are left out" in remark for remark in told)
    assert training.infer(tmp_path / "run").test_accuracy == done.test_accuracy


def test_recordings_that_do_not_fit_a_network_are_refused(recordings, tmp_path):
    spiking(tmp_path / "net.nir", 50, np.random.default_rng(2), (50,))
    with pytest.raises(
        ConfigError,
        match=r"the recordings have 2 × 6 × 6 = 72 inputs, the network 50; say what they are",
    ):
        load_map(tmp_path / "net.nir", recordings, {}, 0, None).samples()
    np.savez(tmp_path / "plain.npz", w0=np.ones((72, 2)))
    with pytest.raises(ConfigError, match="no neuron of the network lives in time"):
        load_map(tmp_path / "plain.npz", recordings, {}, 0, None).samples()


def test_a_generator_of_pairs_is_learnt_and_kept_in_the_run(tmp_path):
    def samples(count, seed):
        rng = np.random.default_rng(seed)
        for k in range(count):
            image = rng.uniform(0, 0.3, (3, 5))
            image[k % 3] += 0.7
            yield image, ("top", "middle", "low")[k % 3]

    settings = {"population.hidden.neurons": 40, "training.epochs": 60}
    done = trained(
        "bp-mnist", settings, tmp_path / "run", data=samples(90, 0), test_data=samples(30, 1)
    )
    assert done.n_test == 30
    assert done.test_accuracy >= 0.95
    kept = training.RunDirectory.existing(tmp_path / "run").config().data
    assert (kept.source, kept.inputs, kept.rows, kept.classes) == ("file", 15, 3, 3)
    with np.load(tmp_path / "run" / "data.npz") as arrays:
        np.testing.assert_array_equal(arrays["x_test"], [x for x, _ in samples(30, 1)])
        assert arrays["y_train"][:3].tolist() == ["top", "middle", "low"]
    assert training.infer(tmp_path / "run").test_accuracy == done.test_accuracy
    with pytest.raises(RunError, match="already contains a run"):
        trained("bp-mnist", settings, tmp_path / "run", data=samples(9, 0))


def test_arrays_from_python_give_the_run_that_their_file_gives(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.uniform(size=(40, 6)), np.arange(40) % 2
    x[:, 0] += y
    np.savez(tmp_path / "a.npz", x=x, y=y)
    settings = {"training.epochs": 5, "data.ones": 0}
    first = trained(
        "letters-3x3",
        settings | {"data.source": "file", "data.path": str(tmp_path / "a.npz")},
        tmp_path / "file",
    )
    second = trained("letters-3x3", settings, tmp_path / "arrays", data=(x, y))
    third = trained("letters-3x3", settings, tmp_path / "pairs", data=zip(x, y, strict=True))
    assert first.test_accuracy == second.test_accuracy == third.test_accuracy
    one_call = sn.train(
        "letters-3x3", seed=1, settings=settings, out=tmp_path / "call", data=(x, y)
    )
    assert one_call.test_accuracy == first.test_accuracy
    names = ("file", "arrays", "pairs", "call")
    states = [np.load(tmp_path / name / "state.npz") for name in names]
    for name in states[0].files:
        if states[0][name].dtype.kind in "biuf" and "wall" not in name:
            for other in states[1:]:
                np.testing.assert_array_equal(states[0][name], other[name])


@pytest.mark.parametrize(
    ("data", "words", "error"),
    [
        ([], "data has no samples", InputError),
        (
            [(np.ones(3), 0), (np.ones(4), 1)],
            r"sample 1 has shape \(4,\), the first one \(3,\)",
            InputError,
        ),
        ([(np.ones(3), 0), np.ones(3)], "sample 1 is no pair", InputError),
        ([(np.ones(3), [0, 1])], r"the label of sample 0 has shape \(2,\)", InputError),
        (
            [(np.ones(3), "a"), (np.ones(3), 1)],
            "labels that are text and labels that are numbers",
            InputError,
        ),
        (
            [(np.array([1, np.nan]), 0), (np.ones(2), 1)],
            "inputs that are no finite numbers",
            InputError,
        ),
        ([(np.ones(2), 0.5), (np.ones(2), 1)], "labels of type float64", InputError),
        ((np.ones((3, 2)), np.zeros(4)), r"inputs of shape \(3, 2\) and 4 labels", InputError),
        (7, "data is int; expected an iterable", WrongTypeError),
        ("a.npz", r"data is str; expected an iterable.*'data\.path'", WrongTypeError),
    ],
)
def test_samples_from_python_that_are_none_are_refused(data, words, error, tmp_path):
    with pytest.raises(error, match=words):
        trained("bp-mnist", {}, tmp_path / "run", data=data)
    with pytest.raises(ConfigError, match="kept in the run directory; expected its path"):
        trained("bp-mnist", {}, None, data=[])


def test_two_pairs_in_a_tuple_are_two_samples():
    first, second = (np.array([1.0, 2.0]), 0), (np.array([3.0, 4.0]), 1)
    inputs, labels = collected((first, second))
    assert inputs.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert labels.tolist() == [0, 1]
