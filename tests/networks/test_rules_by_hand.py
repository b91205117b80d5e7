"""What learning rules ask for, what a network counts while it learns, and whom it names: against
the equations written out."""

import math

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.networks.activations import Activation
from spicesnn.networks.decisions import FirstSpike, LargestOutput, MostSpikes, Votes
from spicesnn.networks.learner import LearningNetwork
from spicesnn.networks.members import Inputs, Neurons
from spicesnn.networks.populations import IF, LI
from spicesnn.networks.projections import AllToAll, Projection
from spicesnn.networks.rules import (
    LastSpikeSTDP,
    Manhattan,
    OverlapSTDP,
    SpikingBP,
    SurrogateGradient,
    Template,
    TraceSTDP,
)
from spicesnn.networks.rules.base import Activity
from spicesnn.networks.synapses import Ideal

SINGLE = Ideal(hardware=sn.Hardware(columns="single"))
PAIRS = Ideal(hardware=sn.Hardware(columns="differential"))


def chain(rule, matrices, kinds, *, largest=2.0, bias=False, synapses=PAIRS, **rest):
    """Dense layers with given weights, one after the other."""
    names = ["in", *(f"layer {k}" for k in range(1, len(matrices) + 1))]
    inputs = Inputs(shape=len(matrices[0]) - bias, code=rest.pop("code", "held"), probability=1.0)
    return LearningNetwork(
        inputs={"in": inputs},
        populations={
            name: Neurons(shape=matrix.shape[1], kind=kind)
            for name, matrix, kind in zip(names[1:], matrices, kinds, strict=True)
        },
        projections=tuple(
            Projection(
                source=names[k],
                target=names[k + 1],
                connection=AllToAll(bias=bias),
                synapses=synapses,
                rule=rule,
                initial=matrix,
                largest=largest,
            )
            for k, matrix in enumerate(matrices)
        ),
        **rest,
    ).fresh(np.random.default_rng(0))


def softmax(values):
    raised = np.exp(values - values.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def descent(x, labels, weights, gain, bias):
    """Minus the slope of the mean cross-entropy by the weights, but for the factor `gain`."""
    rows = np.concatenate([x, np.ones((len(x), 1))], axis=1) if bias else x
    return rows.T @ (np.eye(weights.shape[1])[labels] - softmax(gain * (rows @ weights))) / len(x)


@pytest.fixture
def batch():
    rng = np.random.default_rng(3)
    return rng.random((6, 4)), np.array([0, 1, 2, 2, 1, 1]), rng.uniform(-1, 1, (5, 3))


def test_manhattan_asks_for_the_signs_of_the_descent(batch):
    x, labels, weights = batch
    rule = Manhattan(gain=3.0, opposite=False)
    net = chain(rule, [weights], [Activation("identity")], bias=True)
    updates, memory, joule = rule.updates(net, x, labels, np.random.default_rng(0), 0.7)
    asked = updates["in>layer 1"]
    wanted = np.sign(descent(x, labels, weights, 3.0, True))
    assert len(np.unique(wanted)) == 2
    assert np.array_equal(asked.signs, wanted)
    assert (asked.width, asked.opposite, memory) == (1.0, False, {})
    rows = np.concatenate([x, np.ones((6, 1))], axis=1)
    assert joule == pytest.approx(net.synapses["in>layer 1"].read_joule(rows))
    assert joule > 0


def test_widths_of_pulses_shrink_geometrically():
    rule = Manhattan(final_width=0.1)
    net = chain(rule, [np.zeros((1, 2))], [Activation("identity")])
    widths = np.array(
        [
            rule.updates(net, np.ones((1, 1)), np.zeros(1, int), np.random.default_rng(0), p)[0][
                "in>layer 1"
            ].width
            for p in np.linspace(0, 1, 41)
        ]
    )
    assert widths == pytest.approx(0.1 ** np.linspace(0, 1, 41), rel=0.1)
    assert np.log(widths / 0.1 ** np.linspace(0, 1, 41)).mean() == pytest.approx(0, abs=0.02)
    assert len(np.unique(widths)) < 20


def test_surrogate_gradients_ask_for_adams_steps(batch):
    """Two batches: Kingma and Ba's equations with what the rule remembers between them."""
    x, labels, weights = batch
    rule = SurrogateGradient(rate=0.01, gain=3.0, final_rate=0.2)
    net = chain(rule, [weights], [Activation("identity")], bias=True)
    mean = square = np.zeros_like(weights)
    halves = ((x[:2], labels[:2], 0.0), (x[2:], labels[2:], 0.5))
    for count, (some, mine, progress) in enumerate(halves, start=1):
        updates, memory, _ = rule.updates(net, some, mine, np.random.default_rng(0), progress)
        slope = descent(some, mine, weights, 3.0, True)
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        first, second = mean / (1 - 0.9**count), np.sqrt(square / (1 - 0.999**count))
        rate = 0.01 * 2.0 * (1.0 if count == 1 else 0.6)
        wanted = rate * first / (second + 1e-3 * second.max())
        assert updates["in>layer 1"].steps == pytest.approx(wanted, rel=1e-6)
        net = net.after(memory={rule.name: memory})


@pytest.mark.parametrize("spiking", [False, True])
def test_outputs_in_time_are_the_last_membrane_or_the_mean_of_the_spikes(spiking):
    """Membranes follow the inputs' sum; spikes come in every step that it exceeds the threshold."""
    rng = np.random.default_rng(4)
    x, labels, weights = rng.random((5, 4)), np.array([0, 1, 1, 0, 1]), rng.uniform(0, 1, (4, 2))
    rule, tau, dt = Manhattan(gain=2.0), 3e-3, 1e-3
    kind = IF(v_threshold=0.9) if spiking else LI(tau=tau)
    net = chain(rule, [weights], [kind], steps=7, dt_s=dt)
    drive, v, spikes = x @ weights, np.zeros((5, 2)), np.zeros((5, 2))
    for _ in range(7):
        v = v + drive if spiking else v + dt / tau * (drive - v)
        if spiking:
            spikes += v > 0.9
            v[v > 0.9] = 0
    values = spikes / 7 if spiking else v
    delta = np.eye(2)[labels] - softmax(2.0 * values)
    signs = rule.updates(
        net, net.encoded(x, np.random.default_rng(0)), labels, np.random.default_rng(0), 0.0
    )[0]["in>layer 1"].signs
    outputs = net.outputs(x, np.random.default_rng(0))
    assert outputs.shape == (5, 7, 2)
    assert (outputs.mean(axis=1) if spiking else outputs[:, -1]) == pytest.approx(values)
    if not spiking:
        assert np.array_equal(signs, np.sign(x.T @ delta))


def test_of_membranes_the_last_step_counts_and_not_the_mean():
    """One sample is sure at its end only, the other one half wrong all the time: their shared input
    follows the second."""
    rule, weights = Manhattan(gain=2.0), np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 0.55]])
    net = chain(rule, [weights], [LI(tau=2e-3)], code="events", dt_s=1e-3, largest=4.0)
    x = np.zeros((2, 20, 3))
    x[:, :, 0] = x[1, :, 2] = x[0, 17:, 1] = 1
    signs = rule.updates(net, x, np.array([0, 1]), np.random.default_rng(0), 0.0)[0]
    assert signs["in>layer 1"].signs[0].tolist() == [-1, 1]


def test_a_template_is_what_lies_above_the_threshold():
    rule = Template(threshold=0.3)
    net = chain(rule, [np.zeros((4, 3))], [Activation("identity")], synapses=SINGLE)
    x, labels = np.array([[0.2, 0.31, 0.3, 1.0], [0.9, 0.0, 0.0, 0.0]]), np.array([2, 0])
    asked = rule.updates(net, x, labels, np.random.default_rng(0), 0.0)[0]["in>layer 1"]
    wanted = np.zeros((4, 3))
    wanted[[1, 3], 2] = 1
    wanted[0, 0] = 1
    assert np.array_equal(asked.signs, wanted)
    assert not asked.opposite


def test_a_template_of_spikes_is_what_spikes_often_enough():
    rule = Template(threshold=0.4)
    net = chain(rule, [np.zeros((3, 2))], [LI()], synapses=SINGLE, code="events")
    x = np.zeros((2, 5, 3))
    x[0, :2, 0] = x[0, 2:, 1] = x[1, :, 2] = x[1, 4, 0] = 1
    asked = rule.updates(net, x, np.array([0, 1]), np.random.default_rng(0), 0.0)[0]
    assert asked["in>layer 1"].signs.tolist() == [[0, 0], [1, 0], [0, 1]]


@pytest.mark.parametrize("bias", [False, True])
def test_counted_spikes_are_sent_back_as_written(bias):
    rng = np.random.default_rng(5)
    rule = SpikingBP(rates=(0.02, 0.03), batch=4)
    one, two = rng.uniform(-0.4, 0.9, (5 + bias, 6)), rng.uniform(-0.5, 0.9, (6 + bias, 3))
    net = chain(
        rule, [one, two], [IF(), IF()], code="events", bias=bias, decision=MostSpikes(), steps=12
    )
    x, labels = (rng.random((4, 12, 5)) < 0.4).astype(float), np.array([2, 0, 1, 2])

    def spikes(into, weights):
        rows = np.concatenate([into, np.ones((*into.shape[:2], 1))], axis=2) if bias else into
        v, out = np.zeros((4, weights.shape[1])), []
        for t in range(12):
            v = v + rows[:, t] @ weights
            out.append(v > 1)
            v = np.where(v > 1, 0.0, v)
        return np.stack(out, axis=1).astype(float)

    hidden = spikes(x, one)
    output = spikes(hidden, two)
    error = np.eye(3)[labels] - output.sum(axis=1) / 12
    heard = [s.sum(axis=1) for s in (x, hidden)]
    back = np.where(heard[1] > 0, error @ two[:6].T, 0.0)
    pre = [np.concatenate([h, np.full((4, 1), 12.0)], axis=1) if bias else h for h in heard]
    assert (heard[1] == 0).any()
    updates, memory, joule = rule.updates(net, x, labels, rng, 0.36)
    share = 0.64**1.5
    assert updates["layer 1>layer 2"].steps == pytest.approx(
        0.03 * share * pre[1].T @ error, abs=1e-9
    )
    assert updates["in>layer 1"].steps == pytest.approx(0.02 * share * pre[0].T @ back, abs=1e-9)
    assert memory == {}
    assert joule > 0
    assert net.outputs(x, rng) == pytest.approx(output)


def activity(pre, post, dt_s=1e-3):
    return Activity(pre=np.asarray(pre), post=np.asarray(post), dt_s=dt_s)


def test_lags_are_seconds_since_the_last_spike():
    seen = activity([[1, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]], np.zeros((3, 1)), dt_s=2e-3)
    assert seen.lag_s().tolist() == [2e-3, np.inf, 2e-3, 0.0]


def test_last_spikes_raise_within_the_window_and_lower_beyond_it():
    rule = LastSpikeSTDP(rise=0.1, fall=0.03, tau_s=2e-3, window_s=3e-3)
    pre, post = np.zeros((5, 4)), np.zeros((5, 3))
    pre[4, 0], pre[1, 1], pre[0, 2] = 1, 1, 1
    post[4, 2] = post[4, 0] = 1
    cells = SINGLE.made(np.full((4, 3), 0.5), np.random.default_rng(0), largest=1.0)
    asked = rule.update(activity(pre, post), cells)
    change = [0.1, 0.1 * math.exp(-1.5), -0.03, -0.03]
    assert asked.outputs.tolist() == [0, 2]
    assert asked.steps == pytest.approx(np.tile(np.array(change)[:, None], (1, 2)))
    assert rule.update(activity(pre, np.zeros((5, 3))), cells) is None
    table = rule.table(1e-3)
    assert table == pytest.approx([0.1 * math.exp(-k / 2) for k in range(4)] + [-0.03])


@pytest.mark.parametrize("highest", [None, 3.0])
def test_traces_move_weights_as_pairs_of_spikes_say(highest):
    """Every pair by itself and at once: an input's spike lowers by the trace of the output's last
    spike before it, then an output's spike raises by the trace of each input's last spike."""
    rng = np.random.default_rng(6)
    rise, fall, tau, dt, most = 0.05, 0.02, 4e-3, 1e-3, 2.0
    rule = TraceSTDP(rise=rise, fall=fall, tau_s=tau, highest=highest)
    assert rule.heeds_inputs
    assert not TraceSTDP(fall=0.0).heeds_inputs
    pre, post = (rng.random((30, 5)) < 0.2).astype(float), (rng.random((30, 2)) < 0.15) * 1.0
    pre[11, 2] = 2.0  # two events in one step
    weights = rng.uniform(0.2, 1.8, (5, 2))
    cells = SINGLE.made(weights, rng, largest=most)
    bound = highest or most
    for t in range(30):
        seen = activity(pre[: t + 1], post[: t + 1])
        for asked in (rule.heard, rule.update):
            update = asked(seen, cells)
            cells = cells.apply(update, rng) if update is not None else cells
        for i, j in np.ndindex(5, 2):
            before = np.flatnonzero(post[:t, j])
            for _ in range(int(pre[t, i]) if before.size else 0):
                weights[i, j] -= fall * math.exp(-(t - before[-1]) * dt / tau) * weights[i, j]
        for i, j in np.ndindex(5, 2):
            spikes = np.flatnonzero(pre[: t + 1, i])
            if post[t, j] and spikes.size:
                trace = math.exp(-(t - spikes[-1]) * dt / tau)
                weights[i, j] = min(weights[i, j] + rise * trace * (bound - weights[i, j]), most)
        assert cells.weights == pytest.approx(weights, abs=1e-9)
    assert TraceSTDP().before(cells) is None
    level = cells.apply(TraceSTDP(column_sum=2.5).before(cells), rng)
    assert level.weights == pytest.approx(2.5 * cells.weights / cells.weights.sum(axis=0))
    again = level.apply(TraceSTDP(column_sum=2.5).before(level), rng)
    np.testing.assert_array_equal(again.siemens, level.siemens)


def test_overlapping_spikes_meet_before_or_after_the_outputs():
    from spicesnn.learning.spikes import design

    pair = design(sn.devices.VTEAM(v_on=-0.8, v_off=0.8))
    rule = OverlapSTDP(pair=pair, window_s=2e-3, most=1)
    pre, post = np.zeros((6, 3)), np.zeros((6, 2))
    pre[5, 0], pre[3, 1], pre[2, 2] = 1, 1, 1
    post[5, 1] = 1
    asked = rule.update(activity(pre, post), None)
    meet = float(asked.output_s[1])
    assert np.isnan(asked.output_s[0])
    assert meet >= pair.pre.peak_s
    assert asked.row_s.tolist() == [0.0, 0.0, 2 * meet]
    again = post.copy()
    again[1, 0] = 1
    assert rule.update(activity(pre, again), None) is None
    assert OverlapSTDP(pair=pair, most=2).update(activity(pre, again), None) is not None
    assert OverlapSTDP(pair=pair, most=0).update(activity(pre, again), None) is not None


def test_reads_of_a_batch_are_counted_once_and_pulses_of_all_layers_are_summed():
    rng = np.random.default_rng(7)
    rule = Manhattan(gain=2.0, batch=4)
    net = chain(
        rule,
        [rng.uniform(-1, 1, (3, 4)), rng.uniform(-1, 1, (4, 2))],
        [Activation("tanh"), Activation("identity")],
    )
    x, labels = rng.random((8, 3)), np.array([0, 1] * 4)
    joule, middle = 0.0, net
    for begin in (0, 4):
        some = x[begin : begin + 4]
        cells = [middle.synapses[name] for name in ("in>layer 1", "layer 1>layer 2")]
        hidden = np.tanh(some @ cells[0].weights)
        joule += cells[0].read_joule(some) + cells[1].read_joule(hidden)
        middle = middle.learn(some, labels[begin : begin + 4], np.random.default_rng(0))
    after = net.learn(x, labels, np.random.default_rng(0))
    assert after.energy.read_joule == pytest.approx(joule, rel=1e-9)
    assert after.energy.write_joule == 0
    for name, cells in after.synapses.items():
        assert np.array_equal(cells.siemens, middle.synapses[name].siemens)
    assert after.pulses == sum(int(cells.wear.sum()) for cells in after.synapses.values())
    assert after.pulses > after.synapses["in>layer 1"].wear.sum() > 0


def test_samples_beyond_a_chunk_are_answered_alike():
    rng = np.random.default_rng(8)
    weights, x = rng.uniform(-1, 1, (3, 2)), rng.random((530, 3))
    net = chain(None, [weights], [Activation("identity")])
    assert net.outputs(x, rng) == pytest.approx((x @ weights)[:, None], abs=1e-9)
    right = (x @ weights).argmax(axis=1)
    assert np.array_equal(net.predict(x), right)
    assert net.accuracy(x, right) == 1.0
    wrong = right.copy()
    wrong[:53] = 1 - wrong[:53]
    assert net.accuracy(x, wrong) == pytest.approx(0.9)
    counted = chain(None, [np.eye(3)], [IF(v_threshold=0.999)], steps=4)
    assert counted.counts(np.tile([1.0, 0.5, 0.2], (300, 1)), rng).tolist() == [[4, 2, 0]] * 300


def test_classes_are_named_by_their_labels():
    """The template of each class is its own input; labels come in any order and kind."""
    patterns = np.eye(3)
    for labels, nobody, other in (
        (["pear", "apple", "fig"], None, "zebra"),
        ([7, 3, 5], -1, 99),
        ([-4, 2, 9], None, 99),
    ):
        net = chain(Template(), [np.zeros((3, 3))], [Activation("identity")], synapses=SINGLE)
        net = net.fit(patterns, labels)
        assert net.classes == tuple(sorted(labels))
        assert net.predict(patterns).tolist() == labels
        assert net.predict(np.zeros((1, 3))).tolist() == [nobody]
        assert (
            net.accuracy(np.concatenate([patterns, np.zeros((1, 3))]), [*labels, labels[0]]) == 0.75
        )
        assert net.accuracy(patterns, [other, *labels[1:]]) == pytest.approx(2 / 3)


def test_every_epoch_goes_through_all_samples_in_an_order_of_its_own():
    from dataclasses import dataclass
    from typing import ClassVar

    from spicesnn.networks.rules.base import BatchRule

    @dataclass(frozen=True, kw_only=True, eq=False)
    class Watching(BatchRule):
        name: ClassVar[str] = "watching"
        asks: ClassVar[tuple[type, ...]] = ()
        batch: int = 4
        seen: list = None

        def updates(self, network, x, labels, rng, progress):
            self.seen.append((x[:, 0].tolist(), labels.tolist(), progress, rng.random()))
            return {}, {}, 0.0

    x, labels = np.arange(1.0, 11.0)[:, None], np.arange(10) % 3

    def shown(seed):
        rule, told = Watching(seen=[]), []
        net = chain(rule, [np.zeros((1, 3))], [Activation("identity")])
        net.fit(x, labels, epochs=4, seed=seed, progress=lambda *a: told.append(a))
        assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
        return rule.seen

    seen = shown(1)
    assert [len(s[0]) for s in seen] == [4, 4, 2] * 4
    assert [s[2] for s in seen] == [0.0] * 3 + [0.25] * 3 + [0.5] * 3 + [0.75] * 3
    orders = [[v for s in seen[3 * k : 3 * k + 3] for v in s[0]] for k in range(4)]
    assert all(sorted(order) == x[:, 0].tolist() for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    for values, numbers, _, _ in seen:
        assert numbers == [int(value - 1) % 3 for value in values]
    assert len({s[3] for s in seen}) == 12
    assert shown(1) == seen
    other = shown(2)
    assert {s[3] for s in other}.isdisjoint({s[3] for s in seen})
    assert [s[0] for s in other] != [s[0] for s in seen]


def test_who_answers_is_read_off_the_right_step():
    """The last step's value and not the sum; among equally many spikes, who had them first."""
    values = np.array([[[5.0, 0.0, 1.0], [1.0, 2.0, 0.0]], [[0.0, 9.0, 0.0], [3.0, 0.0, 2.0]]])
    assert LargestOutput().decided(values).tolist() == [1, 0]
    assert LargestOutput().decided(-values).tolist() == [2, 1]
    spikes = np.zeros((3, 6, 2))
    spikes[0, [0, 4], 0] = spikes[0, [1, 2], 1] = 1  # 0 begins, 1 is through first
    spikes[1, [1, 2, 3], 0] = spikes[1, [0, 1], 1] = 1
    spikes[2, 5, 1] = 1
    assert MostSpikes().decided(spikes).tolist() == [1, 0, 1]
    assert FirstSpike().decided(spikes).tolist() == [0, 1, 1]


@pytest.mark.parametrize("by", ["likelihood", "class"])
def test_votes_are_those_of_the_classes_that_neurons_answered(by):
    """Neuron 0 answers class 2, neurons 1 and 2 class 0, nobody class 1; 2 is the quieter one."""
    counts = np.array([[9, 0, 0], [8, 1, 0], [0, 9, 3], [1, 8, 2], [1, 1, 1]])
    outputs = np.zeros((5, 10, 3))
    for sample, row in enumerate(counts):
        for neuron, count in enumerate(row):
            outputs[sample, :count, neuron] = 1
    votes = Votes(by=by).labelled(outputs, np.array([2, 2, 0, 0, 1]), 3)
    assert votes.decided(outputs[[2, 0, 3, 1]]).tolist() == [0, 2, 0, 2]
    some = np.zeros((2, 10, 3))
    some[0, :5, 1] = some[0, :2, 2] = some[1, :6, 0] = 1
    assert votes.decided(some).tolist() == [0, 2]
