"""The small pieces of a run, each against its definition: what neurons decide, thresholds, names,
random streams, counters, histories."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.special import log_softmax, softmax

import spicesnn as sn
from spicesnn.learning.manhattan import RandomSubset
from spicesnn.learning.votes import ClassVote, LikelihoodVote, while_learning
from spicesnn.training import RunDirectory, load, train
from spicesnn.training.experiment import Experiment
from spicesnn.training.exsitu import _gradients, forward, learn_in_software
from spicesnn.training.problem import Samples
from spicesnn.training.rules import RULES, _share
from spicesnn.training.state import History, RunState
from spicesnn.training.stdp import assignment, relabelled, thresholds
from spicesnn.training.streams import Streams
from spicesnn.training.sweep import summarised


def experiment_of(preset="letters-3x3", **settings):
    return Experiment.of(load(preset, settings))


def samples(labels, classes=3):
    labels = np.asarray(labels)
    return Samples(
        inputs=np.zeros((len(labels), 9)),
        answers=np.eye(classes)[np.maximum(labels, 0)],
        labels=labels,
    )


NEURON = {
    "neuron.resistance_ohm": 1e3,
    "neuron.threshold_volts": 1.0,
    "neuron.tau_s": 1e-4,
    "neuron.window_s": 3e-4,
    "neuron.offset_amps": 2e-4,
    "neuron.resolution_s": 1e-7,
}


def test_the_first_spike_decides_within_the_window_with_the_offset():
    """t = τ·ln(V/(V − 1)), V = 1 kΩ·(I + 0.2 mA); silent above 0.3 ms, which is V = 1.0524 V."""
    experiment = experiment_of(**NEURON)
    amps = (
        np.array(
            [
                [1.0, 1.2, 0.9],
                [0.85, 0.84, 0.1],
                [1.5, 1.5, 0.2],
                [0.8, 0.1, 0.2],
                [1.5, 1.50001, 0.3],
                [0.5, 0.853, 0.2],
            ]
        )
        * 1e-3
    )
    answers = experiment.decide(amps, samples([1, 0, 0, 0, 1, 2]))
    volts = 1e3 * (amps + 2e-4)
    with np.errstate(invalid="ignore", divide="ignore"):
        times = np.where(volts > 1, 1e-4 * np.log(volts / (volts - 1)), np.inf)
    times[times > 3e-4] = np.inf
    np.testing.assert_allclose(answers.spike_times, times, rtol=1e-12)
    assert answers.predicted.tolist() == [
        1,
        -1,
        -1,
        -1,
        -1,
        1,
    ]  # too slow, a tie, silence, closer than 0.1 µs
    assert answers.right.tolist() == [True, False, False, False, False, False]
    assert answers.accuracy == pytest.approx(1 / 6)


def test_the_most_spikes_decide_if_asked_and_a_tie_is_nobody():
    experiment = experiment_of(
        **NEURON, **{"neuron.code": "most-spikes", "neuron.refractory_s": 2e-5}
    )
    amps = np.array([[1.0, 1.9, 0.9], [1.9, 1.91, 0.1], [0.1, 0.2, 0.3]]) * 1e-3
    volts = 1e3 * (amps + 2e-4)
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = 1e-4 * np.log(volts / (volts - 1))
    counts = np.where(volts > 1, np.floor((3e-4 - gap) / (gap + 2e-5)) + 1, 0)
    assert counts[0].argmax() == 1
    assert counts[1, 0] == counts[1, 1] > 0
    assert experiment.decide(amps, samples([1, 0, 0])).predicted.tolist() == [1, -1, -1]


def test_one_output_answers_by_a_spike_or_silence_and_several_bits_by_all_of_them():
    one = experiment_of(
        "exsitu-xor", **{k: v for k, v in NEURON.items() if k != "neuron.offset_amps"}
    )
    bits = Samples(
        inputs=np.zeros((3, 2)), answers=np.array([[1.0], [0.0], [1.0]]), labels=np.array([1, 0, 1])
    )
    answered = one.decide(np.array([[2e-3], [2e-3], [1e-4]]), bits)
    assert answered.predicted.tolist() == [1, 1, 0]
    assert answered.right.tolist() == [True, False, False]
    two = experiment_of(
        "manhattan-4x4", **{k: v for k, v in NEURON.items() if k != "neuron.offset_amps"}
    )
    words = Samples(
        inputs=np.zeros((4, 4)),
        answers=np.array([[1.0, 0], [0, 0], [1, 1], [0, 1]]),
        labels=np.array([0, -1, -1, 1]),
    )
    answered = two.decide(np.array([[2e-3, 0], [1e-4, 1e-4], [2e-3, 2e-3], [2e-3, 0]]), words)
    assert answered.predicted.tolist() == [0, -1, -1, 0]
    assert answered.right.tolist() == [True, True, True, False]


def test_thresholds_rise_with_spikes_and_decay_with_presentations():
    experiment, history = (
        experiment_of("letters-stdp", **{"stdp.theta_volts": 0.3, "stdp.theta_presentations": 4.0}),
        History(),
    )
    for winner in (0, -1, 2, 0):
        history.add(0, winner=winner)
    decay = np.exp(-1 / 4)
    np.testing.assert_allclose(
        thresholds(experiment, history),
        [0.3 * (1 + decay**3), 0.0, 0.3 * decay][: experiment.problem.outputs],
        rtol=1e-12,
    )


def test_neurons_are_named_after_what_they_answer_most_often():
    answers = experiment_of(**NEURON).decide(np.zeros((7, 3)), samples([0] * 7))
    answers = replace(answers, predicted=np.array([0, 0, 0, 2, 2, -1, 2]))
    named = assignment(answers, np.array([1, 2, 1, 0, 0, 0, 1]), 4)
    assert named.tolist() == [1, -1, 0, -1]
    tested = relabelled(answers, named, samples([1, 0, 1, 0, 1, 1, 0]))
    assert tested.predicted.tolist() == [1, 1, 1, 0, 0, -1, 0]
    assert tested.right.tolist() == [True, False, True, True, False, False, True]
    unnamed = relabelled(
        replace(answers, predicted=np.array([1, 1, 1, 1, 1, 1, 1])),
        named,
        samples([-1, 0, 1, 0, 1, 1, 0]),
    )
    assert not unnamed.right.any()


def test_streams_are_the_seed_purpose_and_index():
    """Pinned: another number of a purpose would make every run another one."""
    purposes = (
        "split",
        "initial",
        "order",
        "subset",
        "cycle",
        "device",
        "stuck",
        "encoding",
        "start",
        "read",
        "answer",
        "hold",
        "wear",
        "rest",
    )
    for number, purpose in enumerate(purposes):
        expected = np.random.Generator(
            np.random.PCG64(np.random.SeedSequence(7, spawn_key=(number, 3, 1)))
        ).random(3)
        np.testing.assert_array_equal(Streams(7).draw(purpose, 3, 1).random(3), expected)


def test_counters_add_up_and_keep_the_worst():
    state = RunState(devices=np.zeros((2, 2))).with_read(5, 1e-6, 3e-9).with_read(7, 2e-6, 1e-9)
    assert (state.reads, state.read_joule, state.residual_amps) == (12, pytest.approx(3e-6), 3e-9)
    after = state.with_write(np.ones((2, 2)), 3, 4e-6).with_write(
        np.ones((2, 2)), 2, 1e-6, np.full((2, 2), 0.5)
    )
    assert (after.updates, after.pulses, after.write_joule) == (2, 5, pytest.approx(5e-6))
    assert (after.reads, after.read_joule) == (12, pytest.approx(3e-6))
    assert after.wear.tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert after.with_write(after.devices, 1, 0.0).wear is after.wear


def test_a_history_is_put_cut_and_read_again():
    history = History()
    for update in range(4):
        history.add(update, a=10 * update)
        if update > 1:
            history.add(update, b=update)
    lengths = history.lengths()
    assert lengths == {"a": 4, "b": 2}
    history.put(3, a=31, c=1)
    assert history.series == {"a": [0, 10, 20, 31], "b": [2, 3], "c": [1]}
    assert history.taken_at == {"a": [0, 1, 2, 3], "b": [2, 3], "c": [3]}
    assert history.cut({"a": 2, "b": 1}).series == {"a": [0, 10], "b": [2]}
    again = History.from_arrays(history.arrays(), 2)
    assert {name: [int(v) for v in values] for name, values in again.series.items()} == {
        "a": [0, 10, 20],
        "b": [2],
        "c": [],
    }
    assert {name: [int(v) for v in values] for name, values in again.taken_at.items()} == {
        "a": [0, 1, 2],
        "b": [2],
        "c": [],
    }


def test_means_over_seeds_have_students_interval():
    rows = [{"ohm": "1", "line": "a", "test_accuracy": v} for v in (0.8, 0.85, 0.95)]
    others = (("2", "a", 0.5), ("1", "b", 0.2), ("1", "b", 0.3))
    rows += [{"ohm": ohm, "line": line, "test_accuracy": value} for ohm, line, value in others]
    table = summarised(rows, ["ohm", "line"])
    assert [(row["ohm"], row["line"], row["seeds"]) for row in table] == [
        ("1", "a", 3),
        ("2", "a", 1),
        ("1", "b", 2),
    ]
    for row, values in ((table[0], [0.8, 0.85, 0.95]), (table[2], [0.2, 0.3])):
        low, high = stats.t.interval(
            0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values)
        )
        assert row["mean"] == pytest.approx(np.mean(values))
        assert (row["mean"] - row["half_width"], row["mean"] + row["half_width"]) == pytest.approx(
            (low, high), rel=1e-9
        )
    assert table[1]["mean"] == 0.5
    assert np.isnan(table[1]["half_width"])


# -- weights learnt in software -------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"learning.activation": "softmax", "learning.gain": 2e4},
        {"learning.activation": "tanh", "learning.gain": 2e4, "learning.target": 0.9},
        {"learning.activation": "softmax", "learning.gain": 2e4, "network.bias": False},
        {
            "learning.activation": "softmax",
            "learning.gain": 2e4,
            "network.hidden": [6],
            "network.hidden_code": "rate",
            "network.hidden_ohm": 3e5,
            "neuron.refractory_s": 5e-5,
            "network.hidden_offset_amps": 3e-5,
        },
    ],
)
def test_the_gradient_of_software_training_is_that_of_finite_differences(settings):
    experiment = experiment_of(**settings)
    rng = np.random.default_rng(0)
    weights = [
        rng.uniform(-0.6, 0.6, (layer.shape[0], layer.outputs)) for layer in experiment.layers
    ]
    shown = experiment.problem.train.picked(np.arange(0, 30, 4))

    def error(values):
        amps = forward(experiment, values, shown.inputs)[1][-1]
        if settings["learning.activation"] == "tanh":
            goal = 0.9 * (2 * shown.answers - 1)
            return 0.5 * np.sum((goal - np.tanh(2e4 * amps)) ** 2)
        return -np.sum(shown.answers * log_softmax(2e4 * amps, axis=1))

    for number, found in enumerate(_gradients(experiment, weights, shown)):
        wanted = np.empty_like(found)
        for at in np.ndindex(found.shape):
            values = []
            for sign in (1, -1):
                moved = [w.copy() for w in weights]
                moved[number][at] += sign * 1e-5
                values.append(error(moved))
            wanted[at] = -(values[0] - values[1])
        # Up to one positive factor a layer; saturated hidden neurons have a small slope of their
        # own.
        scale = float(np.sum(found * wanted) / np.sum(wanted * wanted))
        assert scale > 0
        close = np.abs(found - scale * wanted) <= 2e-4 * np.abs(found).max()
        assert (
            close.all()
            if len(weights) == 1
            else np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.98
        )


def test_on_ideal_wires_the_software_forward_is_the_solved_one():
    experiment = experiment_of(
        **{
            "array.word_line_ohm": 0.0,
            "array.bit_line_ohm": 0.0,
            "network.hidden": [4],
            "network.hidden_code": "rate",
            "network.hidden_ohm": 3e5,
            "neuron.refractory_s": 5e-5,
        }
    )
    devices = experiment.fresh_devices()
    parts = [devices[: 40 * 2].reshape(10, 8), devices[80:].reshape(5, 6)]
    weights = [layer.weights(part) for layer, part in zip(experiment.layers, parts, strict=True)]
    shown = experiment.problem.train.inputs[:7]
    volts, amps = forward(experiment, weights, shown)
    solved = experiment.forward(sn.NodalEngine(), devices, shown)
    for k in range(2):
        np.testing.assert_allclose(solved.row_volts[k], volts[k], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(solved.amps[k], amps[k], rtol=1e-9, atol=1e-15)
    siemens = 1 / (
        experiment.device.r_on
        + (experiment.device.r_off - experiment.device.r_on) * parts[0] / 3e-9
    )
    np.testing.assert_allclose(amps[0], volts[0] @ (siemens[:, 0::2] - siemens[:, 1::2]), rtol=1e-9)


def test_software_training_is_adam():
    """Kingma and Ba's algorithm 1 written again, with the rate falling to a twentieth, over the
    same draws."""
    experiment = experiment_of(
        **{
            "learning.rule": "exsitu",
            "exsitu.epochs": 3,
            "exsitu.batch": 8,
            "exsitu.rate": 0.02,
            "exsitu.weight_limit": 0.7,
            "learning.activation": "softmax",
            "learning.gain": 2e4,
        }
    )
    found = learn_in_software(experiment, np.random.default_rng(5))[0]
    rng, train = np.random.default_rng(5), experiment.problem.train
    w = rng.uniform(-1, 1, (10, 3)) * 0.7 * min(1.0, 3 / np.sqrt(10))
    m, v, step, total = np.zeros_like(w), np.zeros_like(w), 0, 3 * (30 // 8)
    for _ in range(3):
        order = rng.permutation(30)
        for begin in range(0, 30 - 8 + 1, 8):
            step += 1
            slope = _gradients(experiment, [w], train.picked(order[begin : begin + 8]))[0]
            m, v = 0.9 * m + 0.1 * slope, 0.999 * v + 0.001 * slope**2
            root = np.sqrt(v / (1 - 0.999**step))
            w = np.clip(
                w
                + 0.02
                * (1 - 0.95 * step / total)
                * m
                / (1 - 0.9**step)
                / (root + 1e-9 * root.max() + 1e-300),
                -0.7,
                0.7,
            )
    np.testing.assert_allclose(found, w, rtol=1e-12, atol=1e-15)


# -- votes ----------------------------------------------------------------------------------------


def test_the_likelihood_vote_is_that_of_poisson_counts():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 4, 200)
    means = rng.uniform(0.2, 6.0, (4, 5))
    shown = rng.poisson(means[labels]).astype(np.int16)
    tested = rng.poisson(means[rng.integers(0, 4, 60)]).astype(np.int16)
    tested[0] = 0
    rate = np.array([shown[labels == k].mean(axis=0) for k in range(4)]) + 0.02
    scores = stats.poisson.logpmf(tested[:, None, :], rate[None]).sum(axis=2)
    expected = np.where(tested.sum(axis=1) == 0, -1, scores.argmax(axis=1))
    np.testing.assert_array_equal(
        LikelihoodVote.from_training(shown, labels, 4).predict(tested), expected
    )


def test_the_class_vote_is_the_mean_over_the_neurons_of_a_class():
    shown = np.array([[4, 0, 1, 0], [2, 0, 3, 0], [0, 5, 0, 0], [1, 3, 5, 0]], np.int16)
    vote = ClassVote.from_training(shown, np.array([0, 0, 1, 1]), 3)
    assert vote.assignment.tolist() == [0, 1, 1, -1]  # the last neuron never fired
    # Class 0: neuron 0; class 1: the mean of neurons 1 and 2; class 2 has none.
    assert vote.predict(
        np.array([[3, 4, 1, 9], [3, 4, 4, 0], [2, 1, 3, 0], [0, 0, 0, 9]], np.int16)
    ).tolist() == [0, 1, -1, -1]


def test_the_learning_curve_names_neurons_by_the_chunk_before():
    first = while_learning(np.array([[5, 0], [0, 5]], np.int16), np.array([3, 8]), {})
    assert "chunk_accuracy" not in first
    second = while_learning(
        np.array([[4, 0], [0, 4], [3, 1], [0, 0]], np.int16), np.array([3, 8, 8, 3]), first
    )
    assert float(second["chunk_accuracy"]) == 0.5
    np.testing.assert_allclose(second["chunk_mean"][[3, 8]], [[2.0, 0.0], [1.5, 2.5]])


# -- schedules ------------------------------------------------------------------------------------


class Widths(sn.NodalEngine):
    """The nodal engine, with the width of every pulse it was given."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def pulse(self, array, pulse):
        self.seen.append(pulse.width_s)
        return super().pulse(array, pulse)


def test_pulse_widths_shrink_geometrically_over_the_run(tmp_path):
    """From the whole width in the first update to a quarter in the last of five."""
    engine = Widths()
    settings = {
        "training.epochs": 5,
        "training.stop_when_right": False,
        "learning.final_width": 0.25,
        "programming.set_s": 4e-4,
        "programming.reset_s": 4e-4,
    }
    summary = train(load("letters-3x3", settings), engine=engine, out=tmp_path / "run", rng_seed=1)
    pulses = RunDirectory.existing(summary.run).history()["pulses"]
    expected = np.repeat(4e-4 * 0.25 ** (np.arange(5) / 4), pulses)
    np.testing.assert_allclose(engine.seen, expected, rtol=1e-12)


def test_the_fraction_of_pulsed_devices_shrinks_to_its_final_one():
    experiment = experiment_of(
        **{
            "training.epochs": 9,
            "learning.fraction": 0.8,
            "learning.final_fraction": 0.2,
            "training.stop_when_right": False,
        }
    )
    assert [
        _share(0.25, experiment, RunState(devices=np.zeros(1), updates=k)) for k in (0, 4, 8)
    ] == pytest.approx([1.0, 0.5, 0.25])
    shares = []

    class Asked(RandomSubset):
        def keep(self, changes, rng, share=1.0):
            shares.append(share)
            return np.zeros_like(changes)

    asked = replace(experiment, subset=Asked(fraction=0.8))
    state, history = asked.start(), History()
    for _ in range(9):
        state = RULES["manhattan"].update(asked, sn.NodalEngine(), state, history)
    assert shares == pytest.approx(
        [(0.2 / 0.8) ** (k / 8) for k in range(9)]
    )  # of the fraction: from 0.8 down to 0.2
    kept = RandomSubset(fraction=0.8).keep(
        np.ones((400, 50), np.int8), np.random.default_rng(0), 0.25
    )
    assert kept.mean() == pytest.approx(0.2, abs=0.01)


def test_the_error_of_a_batch_is_the_mean_square_to_its_targets():
    tanh = experiment_of(
        **{"learning.activation": "tanh", "learning.gain": 2e4, "learning.target": 0.85}
    )
    amps = np.array([[1e-5, -2e-5, 0.0], [3e-5, 1e-5, -1e-5]])
    answers = samples([0, 1])
    goal = 2 * answers.answers - 1
    assert RULES["manhattan"]._error(tanh, amps, answers) == pytest.approx(
        np.mean((np.tanh(2e4 * amps) - goal) ** 2)
    )
    soft = experiment_of(**{"learning.activation": "softmax", "learning.gain": 2e4})
    assert RULES["manhattan"]._error(soft, amps, answers) == pytest.approx(
        np.mean((softmax(2e4 * amps, axis=1) - answers.answers) ** 2)
    )


def test_the_wanted_direction_of_every_layer_is_the_descent_of_the_error_at_the_weights_as_they_stand():
    """The sign of −dE/dw by finite differences of the solved network, wherever it is not lost in
    the surrogate of silent neurons."""
    experiment = experiment_of(
        **{
            "network.hidden": [6],
            "network.hidden_code": "rate",
            "network.hidden_ohm": 3e5,
            "neuron.refractory_s": 5e-5,
            "network.hidden_offset_amps": 4e-5,
            "learning.activation": "softmax",
            "learning.gain": 2e4,
            "array.word_line_ohm": 0.0,
            "array.bit_line_ohm": 0.0,
        }
    )
    state, engine = experiment.start(), sn.NodalEngine()
    shown = experiment.problem.train
    done = experiment.forward(engine, state.devices, shown.inputs, 0)
    wanted = RULES["manhattan"]._directions(experiment, state, done, shown)
    parts = [state.devices[: 10 * 12].reshape(10, 12), state.devices[120:].reshape(7, 6)]
    weights = [layer.weights(part) for layer, part in zip(experiment.layers, parts, strict=True)]

    def error(values):
        return -np.sum(
            shown.answers
            * log_softmax(2e4 * forward(experiment, values, shown.inputs)[1][-1], axis=1)
        )

    for number in (0, 1):
        slopes = np.empty_like(weights[number])
        for at in np.ndindex(slopes.shape):
            ends = []
            for sign in (1, -1):
                moved = [w.copy() for w in weights]
                moved[number][at] += sign * 1e-5
                ends.append(error(moved))
            slopes[at] = ends[1] - ends[0]
        clear = np.abs(slopes) > 0.02 * np.abs(slopes).max()
        assert clear.mean() > 0.6
        assert np.mean(np.sign(slopes)[clear] == wanted[number][clear]) > 0.97
