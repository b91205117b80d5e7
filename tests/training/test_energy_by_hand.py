"""Joules of a run added up from outside: the array solved by a dense matrix, Σ V·I·t, and the
pulses of a run one by one."""

from dataclasses import replace

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.mapping import Window
from spicesnn.training import RunDirectory, infer, kept_starts, load, train, train_starts
from spicesnn.training.experiment import Experiment
from spicesnn.training.images import Images
from spicesnn.training.learnt_arrays import arrays_of
from spicesnn.training.pictures import PICTURES

LETTERS = ["training.epochs=3", "training.stop_when_right=false", "network.initial=[0.1, 0.9]"]


def row_amps(siemens, volts, word_ohm, bit_ohm):
    """Return driver currents (n, rows) of an array with one segment of wire before every cell, all
    nodes in one dense system."""
    rows, cols = siemens.shape
    count = rows * cols
    matrix, right = np.zeros((2 * count, 2 * count)), np.zeros((2 * count, len(volts)))

    def node(line, i, j):
        return line * count + i * cols + j

    def resistor(a, b, g):
        matrix[a, a] += g
        if b is not None:
            matrix[b, b] += g
            matrix[a, b] -= g
            matrix[b, a] -= g

    for i in range(rows):
        for j in range(cols):
            resistor(node(0, i, j), node(1, i, j), siemens[i, j])
            if j:
                resistor(node(0, i, j), node(0, i, j - 1), 1 / word_ohm)
            resistor(node(1, i, j), node(1, i + 1, j) if i + 1 < rows else None, 1 / bit_ohm)
        resistor(node(0, i, 0), None, 1 / word_ohm)
        right[node(0, i, 0)] = volts[:, i] / word_ohm
    solved = np.linalg.solve(matrix, right)
    return np.array([(volts[:, i] - solved[node(0, i, 0)]) / word_ohm for i in range(rows)]).T


def driven(config, inputs):
    encoding = config.encoding
    volts = encoding.low_volts + (encoding.high_volts - encoding.low_volts) * inputs
    return np.column_stack([volts, np.full(len(volts), encoding.bias_volts)])


@pytest.fixture(scope="module")
def letters(tmp_path_factory):
    out = tmp_path_factory.mktemp("energy") / "run"
    config = load("letters-3x3", [*LETTERS, "encoding.low_volts=-0.05", "encoding.bias_volts=0.15"])
    return (
        train(config, engine=sn.NodalEngine(), out=out, rng_seed=3),
        RunDirectory.existing(out),
        Experiment.of(config.with_seed(3)),
    )


def test_the_energy_of_reads_is_volts_times_amperes_times_the_time_of_a_read(letters):
    summary, run, experiment = letters
    config, history = experiment.config, run.history()
    volts = driven(config, experiment.problem.train.inputs)
    device, seconds = config.device.build(), config.encoding.read_s
    joules = []
    for state in history["states"]:
        amps = row_amps(
            np.asarray(device.conductance(0.0, state)),
            volts,
            config.array.word_line_ohm,
            config.array.bit_line_ohm,
        )
        joules.append(float(np.sum(volts * amps)) * seconds)
    assert history["states_update"].tolist() == [0, 1, 2, 3]
    assert history["read_joule_update"].tolist() == [0, 1, 2]
    np.testing.assert_allclose(history["read_joule"], joules[:3], rtol=1e-9)
    # The last read answers the training samples, which are the test samples too: it is counted
    # once.
    assert summary.extra["read_joule"] == pytest.approx(sum(joules[:4]), rel=1e-9)
    assert summary.extra["reads"] == 4 * 30
    assert infer(run.path).energy_joule == pytest.approx(joules[3], rel=1e-9)


class Counting(sn.NodalEngine):
    """The nodal engine, with a list of what its pulses delivered and how many inputs it read."""

    def __init__(self) -> None:
        super().__init__()
        self.joules, self.inputs = [], 0

    def pulse(self, array, pulse):
        done = super().pulse(array, pulse)
        self.joules.append(done.energy_joule)
        return done


def test_the_energy_of_writes_is_that_of_the_pulses_and_both_make_the_energy_of_the_run(tmp_path):
    engine = Counting()
    summary = train(load("letters-3x3", LETTERS), engine=engine, out=tmp_path / "run", rng_seed=3)
    history = RunDirectory.existing(summary.run).history()
    assert len(engine.joules) == summary.extra["pulses"] == history["pulses"].sum()
    assert summary.extra["write_joule"] == pytest.approx(sum(engine.joules), rel=1e-12)
    ends = np.cumsum(history["pulses"])
    each = [
        sum(engine.joules[end - count : end])
        for count, end in zip(history["pulses"], ends, strict=True)
    ]
    np.testing.assert_allclose(history["write_joule"], each, rtol=1e-12)
    assert summary.energy_joule == pytest.approx(
        summary.extra["write_joule"] + summary.extra["read_joule"], rel=1e-12
    )
    state = RunDirectory.existing(summary.run).load_state()
    assert (state.updates, state.pulses) == (3, len(engine.joules))


def test_many_starts_have_the_energy_of_their_runs(tmp_path):
    config = load("letters-3x3", LETTERS)
    summary = train_starts(
        config, engine=sn.NodalEngine(), starts=3, out=tmp_path / "starts", rng_seed=7
    )
    columns = kept_starts(tmp_path / "starts")
    for k in range(3):
        one = train(config, engine=sn.NodalEngine(), out=tmp_path / f"run-{k}", rng_seed=7 + k)
        assert columns["seed"][k] == 7 + k
        assert columns["test_accuracy"][k] == one.test_accuracy
        assert bool(columns["converged"][k]) == (one.train_accuracy == 1.0)
        assert columns["epochs"][k] == one.epochs == 3
        # A start's energy is that of learning; a run adds the read that answers at its end.
        last = infer(tmp_path / f"run-{k}").energy_joule
        assert columns["energy_joule"][k] == pytest.approx(one.energy_joule - last, rel=1e-9)
        np.testing.assert_array_equal(
            columns["state_after"][k], RunDirectory.existing(one.run).load_state().devices
        )
    right = columns["converged"].astype(bool)
    assert summary.converged_fraction == pytest.approx(right.mean())
    assert summary.test_accuracy == pytest.approx(columns["test_accuracy"].mean())
    assert summary.energy_joule == pytest.approx(columns["energy_joule"].sum())
    assert summary.failed == tuple(np.flatnonzero(~right))


@pytest.mark.parametrize(
    ("preset", "settings", "epochs"),
    [
        ("letters-3x3", [*LETTERS, "training.batch=4"], 3),  # 30 samples: eight updates an epoch
        ("letters-stdp", ["training.epochs=2"], 2),  # an update a sample
        ("letters-3x3", [*LETTERS, "training.batch=4", "training.updates=9"], 2),
    ],
)
def test_many_starts_count_epochs_and_not_updates(tmp_path, preset, settings, epochs):
    config = load(preset, settings)
    summary = train_starts(config, engine=sn.NodalEngine(), starts=1, out=tmp_path / "starts")
    one = train(config, engine=sn.NodalEngine(), out=tmp_path / "run")
    assert kept_starts(tmp_path / "starts")["epochs"].tolist() == [one.epochs] == [epochs]
    assert summary.epochs_mean == epochs or summary.converged_fraction == 0.0


def test_epochs_are_counted_up_to_whole_ones(tmp_path):
    for updates, epochs in ((1, 1), (3, 1), (4, 2), (6, 2)):
        config = load(
            "letters-3x3",
            [*LETTERS, "training.batch=10", "training.epochs=2", f"training.updates={updates}"],
        )
        summary = train(config, engine=sn.NodalEngine(), out=tmp_path / str(updates), rng_seed=1)
        assert (summary.extra["updates"], summary.epochs) == (updates, epochs)
        assert (
            summary.extra["reads"] == 10 * updates + 30
        )  # learning curves in between are not counted


def test_reads_of_write_and_verify_count_their_energy(tmp_path):
    engine = sn.NodalEngine()
    settings = [
        "programming.verify_step=0.1",
        "training.epochs=1",
        "training.stop_when_right=false",
    ]
    summary = train(load("letters-3x3", settings), engine=engine, out=tmp_path / "run", rng_seed=3)
    history = RunDirectory.existing(summary.run).history()
    last = infer(tmp_path / "run").energy_joule
    assert summary.extra["read_joule"] == pytest.approx(
        history["read_joule"].sum() + history["verify_joule"].sum() + last, rel=1e-9
    )


def test_a_crossbar_with_noise_reads_every_input_once(tmp_path):
    """Noise changes cells from read to read, never the number of reads: without spread of the draws
    the energy is that of quiet cells."""
    quiet = train(
        load("letters-3x3", LETTERS), engine=sn.NodalEngine(), out=tmp_path / "quiet", rng_seed=3
    )
    noisy = train(
        load("letters-3x3", [*LETTERS, "imperfections.read_noise=1e-12"]),
        engine=sn.NodalEngine(),
        out=tmp_path / "noisy",
        rng_seed=3,
    )
    assert noisy.extra["reads"] == quiet.extra["reads"]
    assert noisy.energy_joule == pytest.approx(quiet.energy_joule, rel=1e-6)


def test_the_energy_of_a_presentation_in_bp_mnist_is_that_of_every_spike_on_its_line():
    """A spike of an input, or of a hidden neuron, drives a line of devices and its cell of the
    balance line of each tile for a step."""
    settings = {
        "population.hidden.neurons": 12,
        "projection.*.synapses": "pulse-map",
        "synapses.read_volts": 0.5,
        "synapses.read_s": 2e-8,
        "array.tile_cols": 8,
        "device.model": "power-law",
    }
    config = load("bp-mnist", settings)
    rng, engine = np.random.default_rng(2), sn.NodalEngine()
    weights = [rng.uniform(-0.3, 0.9, (784, 12)), rng.uniform(-0.9, 0.9, (12, 10))]
    network = config.composed(engine)
    network = replace(
        network,
        projections=tuple(
            replace(entry, initial=weight, spread=0.0)
            for entry, weight in zip(network.projections, weights, strict=True)
        ),
    ).fresh(rng)
    test = rng.integers(0, 255, (7, 784)).astype(np.uint8)
    test[:, 100:] = 0
    images = Images(
        train=test, train_labels=np.zeros(7, np.int64), test=test, test_labels=np.zeros(7, np.int64)
    )
    arrays = arrays_of(network)
    found = config.more_metrics(arrays, images, engine)["read_joule_a_presentation"]
    fired, _ = network.activity(test / 255.0, config.rng(PICTURES))
    assert fired["inputs"].shape == (7, 28, 784)
    window = Window.of(config.device.build(), volts=0.0)
    joule = 0.0
    for source, weight, lines in (("inputs", weights[0], 2), ("hidden", weights[1], 2)):
        siemens = window.low + window.span * (1 + weight) / 2
        line = siemens.sum(axis=1) + lines * (window.low + window.high) / 2
        joule += (
            sum(float(fired[source][k, t] @ line) for k in range(7) for t in range(28))
            / 7
            * 0.5**2
            * 2e-8
        )
    assert fired["hidden"].sum() > 10
    assert found == pytest.approx(joule, rel=1e-9)
    cells = network.synapses["hidden>outputs"].siemens
    neurons = [*range(7), *range(8, 11)]  # the eighth column of a tile is its balance line
    np.testing.assert_allclose(
        cells[:, neurons], window.low + window.span * (0.5 + 0.5 * weights[1]), rtol=1e-9
    )
    assert cells[:, [7, 11]] == pytest.approx((window.low + window.high) / 2)


def test_the_energy_of_a_presentation_in_deep_mnist_is_volts_squared_times_conductance_of_every_cell_and_step():
    config = load(
        "deep-mnist",
        {
            "population.first.neurons": 9,
            "population.second.neurons": 7,
            "network.steps": 4,
            "synapses.read_volts": 0.15,
            "synapses.read_s": 3e-8,
        },
    )
    network = config.composed(sn.NodalEngine()).fresh(np.random.default_rng(1))
    rule, rng = network.batch_rule, np.random.default_rng(1)
    sizes = ((785, 9), (10, 7), (8, 10))
    means = [rng.normal(0, 0.2, size).clip(-0.5, 0.5) for size in sizes]
    memory = {
        f"{name} mean": w.astype(np.float32)
        for name, w in zip(network.synapses, means, strict=True)
    }
    updates, memory = rule.programming(network, memory)
    cells = {n: network.synapses[n].apply(u, rng) for n, u in updates.items()}
    network = network.with_synapses(cells).after(memory={rule.name: memory})
    test = rng.integers(0, 255, (6, 784)).astype(np.uint8)
    test[:, 60:] = 0  # neurons near their thresholds: some fire in some of the steps
    images = Images(
        train=test, train_labels=np.zeros(6, np.int64), test=test, test_labels=np.zeros(6, np.int64)
    )
    found = config.more_metrics(arrays_of(network), images, sn.NodalEngine())
    weights = [cells[n].weights for n in cells]
    x, fired = test / 255.0, []
    for weight in weights[:2]:  # v += (x − v)/2, a spike above 1
        v, spikes = np.zeros((6, weight.shape[1])), np.zeros((6, 4, weight.shape[1]))
        for step in range(4):
            lines = x if x.ndim == 2 else x[:, step]
            v = v + 0.5 * (lines @ weight[:-1] + weight[-1] - v)
            spikes[:, step] = v > 1.0
            v[v > 1.0] = 0.0
        fired.append(spikes)
        x = spikes
    assert set(fired[0].sum(axis=1).ravel().tolist()) > {0, 4}
    joule = 0.0
    for image in range(6):
        for step in range(4):
            lines = [
                np.append(test[image] / 255.0, 1.0),
                np.append(fired[0][image, step], 1.0),
                np.append(fired[1][image, step], 1.0),
            ]  # the bias line is on in every step
            joule += (
                sum(
                    float(np.sum((0.15 * line)[:, None] ** 2 * cells[name].siemens))
                    for line, name in zip(lines, cells, strict=True)
                )
                * 3e-8
                / 6
            )
    assert found["read_joule_a_presentation"] == pytest.approx(joule, rel=1e-5)
    for name, spikes in zip(("first", "second"), fired, strict=True):
        assert found[f"spike_rate_{name}"] == pytest.approx(float(spikes.mean()), rel=1e-6)
    assert 0 < found["spike_rate_first"] < 1


def test_an_inference_of_a_few_samples_is_of_the_first_ones(letters, tmp_path):
    _, run, experiment = letters
    whole = run.history()["predicted"]
    few = infer(run.path, test_limit=7, out=tmp_path)
    samples = experiment.problem.test
    volts = driven(experiment.config, samples.inputs[:7])
    state = run.load_state().devices
    amps = row_amps(
        np.asarray(experiment.config.device.build().conductance(0.0, state)), volts, 1.0, 1.0
    )
    assert few.n_test == 7
    assert few.test_accuracy == pytest.approx(float(np.mean(whole[:7] == samples.labels[:7])))
    assert few.energy_joule == pytest.approx(
        float(np.sum(volts * amps)) * experiment.config.encoding.read_s, rel=1e-9
    )
    np.testing.assert_array_equal(np.load(tmp_path / "inference-nodal.npz")["predicted"], whole[:7])
    settings = {"data.train_limit": 120, "data.test_limit": 30, "population.neurons.neurons": 8}
    stream = train(
        load("stdp-simple", settings), engine=sn.NodalEngine(), out=tmp_path / "stream", rng_seed=1
    )
    history = RunDirectory.existing(stream.run).history()
    some = infer(stream.run, test_limit=11)
    assert (some.n_test, stream.n_test) == (11, 30)
    assert some.test_accuracy == pytest.approx(
        float(np.mean(history["predicted"][:11] == history["labels"][:11]))
    )
    assert stream.extra["silent_or_tied"] == int(np.sum(history["predicted"] == -1))
    table = history["confusion"]
    assert stream.extra["accuracy_by_class"] == [
        pytest.approx(table[k, k] / max(table[k].sum(), 1)) for k in range(10)
    ]
