"""Whole samples compiled: every spike, weight and threshold as by hand and as step by step, with the
same random words."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.encoding.bernoulli import bernoulli
from spicesnn.encoding.events import draw, seed_words
from spicesnn.networks.competition import CompetingLIF
from spicesnn.networks.decisions import Votes
from spicesnn.networks.learner import LearningNetwork
from spicesnn.networks.members import Inputs, Neurons
from spicesnn.networks.presenting import _Show
from spicesnn.networks.projections import Projection
from spicesnn.networks.rules import LastSpikeSTDP, TraceSTDP
from spicesnn.networks.synapses import Ideal, Levels, PulseMap

SINGLE = sn.Hardware(columns="single", window=(1e-3, 1e-2), read_volts=0.1, read_s=1e-6)
RULE = LastSpikeSTDP(rise=0.02, fall=0.004, tau_s=3e-3, window_s=6e-3)
FOREVER_S = 1e9


def network(inputs, weight, *, kind=None, rule=RULE, probability=1.0, steps=100, factor=None, **of):
    """A network of one layer with given weights (inputs, neurons) of at most 1."""
    weight = np.asarray(weight, float)
    standing = {"tau": FOREVER_S, "inhibition": 0.0, "theta_step": 0.0, "tau_theta": FOREVER_S}
    made = LearningNetwork(
        inputs={"in": Inputs(shape=inputs, code="spikes", probability=probability)},
        populations={"cells": Neurons(shape=weight.shape[1], kind=CompetingLIF(**standing | of))},
        projections=(
            Projection(
                source="in",
                target="cells",
                synapses=kind or Ideal(hardware=SINGLE),
                rule=rule,
                initial=weight,
                largest=1.0,
            ),
        ),
        decision=Votes(),
        steps=steps,
    ).fresh(np.random.default_rng(0))
    if factor is None:
        return made
    return made.after(lasting={"cells": (np.array([factor]),)})


def counts_of_one(weight, **options):
    """Spikes in 100 steps of neurons whose one input spikes in every step."""
    net = network(1, [weight], **options)
    return net.counts(np.ones((1, 1)), np.random.default_rng(0))[0].tolist()


def by_hand(values, weight, factor, words, *, probability, steps, decay, learn):
    """Counts, weights, factors and joules, from the equations of `CompetingLIF` and
    `LastSpikeSTDP`, in single precision."""
    f, siemens_span = np.float32, 9e-3
    weight, factor = weight.astype(f), factor.astype(f)
    counts, watt_steps = np.zeros((len(values), weight.shape[1]), int), 0.0
    for q, value in enumerate(values):
        v, free_at, last = np.zeros(weight.shape[1], f), np.zeros(weight.shape[1], int), {}
        for step in range(steps):
            for i, level in enumerate(value):
                if level > 0 and (int(draw(words)) >> 32) < int(
                    float(f(probability)) * level * 2**32
                ):
                    last[i] = step
                    v[free_at <= step] += weight[i, free_at <= step]
                    watt_steps += 0.1**2 * np.sum(1e-3 + siemens_span * weight[i].astype(float))
            v = (v * f(decay)).astype(f)
            if learn:
                factor = (f(1) + (factor - f(1)) * f(0.99)).astype(f)
            over = np.where(free_at <= step, v - f(3.0) * factor, f(-1))
            winner = int(over.argmax())
            if over[winner] <= 0:
                continue
            counts[q, winner] += 1
            v = np.maximum(v - f(1.5), f(0))
            free_at = np.maximum(free_at, step + 1 + 3)
            v[winner], free_at[winner] = 0, step + 1 + 2
            if learn:
                factor[winner] = min(factor[winner] + f(0.05), f(1.18))
                for i in range(len(value)):
                    lag = step - last.get(i, -99)
                    change = 0.02 * np.exp(-lag / 3) if lag <= 6 else -0.004
                    weight[i, winner] = min(max(weight[i, winner] + f(change), f(0)), f(1))
    return counts, weight, factor, watt_steps * 1e-6


@pytest.mark.parametrize("learn", [True, False])
def test_the_loop_is_the_one_by_hand(learn):
    rng = np.random.default_rng(0)
    values, weight = rng.integers(0, 256, (6, 9)) / 255.0, rng.random((9, 4))
    values[:, 4] = 0.0
    factor = np.array([1.0, 1.05, 1.0, 1.1])
    net = network(
        9,
        weight,
        probability=0.6,
        steps=40,
        factor=factor,
        v_threshold=3.0,
        tau=-1e-3 / np.log(0.9),
        inhibition=1.5,
        refractory=2e-3,
        silence=3e-3,
        theta_step=0.05,
        theta_highest=1.18,
        tau_theta=-1e-3 / np.log(0.99),
    )
    words = seed_words(np.random.default_rng(7))
    counts, weight, factor, joule = by_hand(
        values, weight, factor, words, probability=0.6, steps=40, decay=0.9, learn=learn
    )
    assert counts.sum() > 20
    assert net.whole_samples().teachable
    if not learn:
        np.testing.assert_array_equal(net.counts(values, np.random.default_rng(7)), counts)
        return
    learnt = net.learn(values, np.zeros(6), np.random.default_rng(7))
    cells = learnt.synapses["in>cells"]
    np.testing.assert_array_equal(learnt.answered, counts)
    np.testing.assert_allclose(cells.weights, weight, atol=2e-6)
    np.testing.assert_allclose(learnt.lasting["cells"][0], [factor], atol=2e-6)
    np.testing.assert_array_equal(cells.wear, np.tile(counts.sum(axis=0), (9, 1)))
    assert cells.energy.read_joule == pytest.approx(joule, rel=1e-6)
    assert cells.energy.write_joule == 0


def shown_step_by_step(net, values, rng):
    words = seed_words(rng)
    show = _Show(network=net, rng=rng, synapses=dict(net.synapses), lasting=dict(net.lasting))
    for sample in values:
        show.spikes = net.encoded(sample[None], rng, words)[0]
        show.begin()
        show.run()
        show.end()
    return show


@pytest.mark.parametrize(
    "rule",
    [
        RULE,
        LastSpikeSTDP(column_sum=5.0),
        TraceSTDP(rise=0.1, fall=0.02, tau_s=5e-3, column_sum=5.0),
        TraceSTDP(rise=0.1, fall=0.02, tau_s=5e-3, highest=1.3),
    ],
    ids=["last", "last, one sum", "traces, one sum", "traces beyond the largest"],
)
def test_the_loop_answers_and_learns_as_step_by_step(rule):
    rng = np.random.default_rng(1)
    values, weight = rng.random((8, 12)) * (rng.random((8, 12)) < 0.6), rng.random((12, 7))
    net = network(
        12, weight, rule=rule, probability=0.4, steps=80, v_threshold=4.0, tau=0.02, r=1.7, inhibition=1.0,
        theta_step=0.03, theta_highest=1.5, tau_theta=1.0,
    )  # fmt: skip
    show = shown_step_by_step(net, values, np.random.default_rng(2))
    learnt = net.learn(values, np.zeros(8), np.random.default_rng(2))
    assert learnt.answered.sum() > 30
    np.testing.assert_array_equal(learnt.answered, show.answered)
    one, other = learnt.synapses["in>cells"], show.synapses["in>cells"]
    np.testing.assert_allclose(one.weights, other.weights, atol=1e-5)
    # By traces, a full cell may be asked for a change of the size of rounding errors.
    assert np.abs(one.wear - other.wear).max() <= (isinstance(rule, TraceSTDP))
    assert one.energy.read_joule == pytest.approx(other.energy.read_joule, rel=1e-6)
    np.testing.assert_allclose(learnt.lasting["cells"], show.lasting["cells"], atol=1e-5)
    read = learnt.counts(values, np.random.default_rng(3))
    np.testing.assert_array_equal(
        read, learnt.outputs(values, np.random.default_rng(3)).sum(axis=1)
    )
    assert not np.array_equal(read, learnt.answered)


@pytest.mark.parametrize(
    ("kind", "rule", "teachable"),
    [
        (Ideal(hardware=SINGLE), TraceSTDP(), True),
        (Levels(hardware=SINGLE), RULE, False),
        (Ideal(hardware=sn.Hardware(wires=sn.Wires(5.0, 5.0), columns="single")), RULE, False),
        (Ideal(hardware=sn.Hardware(columns="differential")), RULE, False),
        (PulseMap(hardware=sn.Hardware(columns="single")), RULE, False),
        (Ideal(hardware=SINGLE, pulse=0.1), RULE, True),
    ],
)
def test_other_cells_and_rules_are_read_alike_but_learn_step_by_step(kind, rule, teachable):
    rng = np.random.default_rng(4)
    net = network(6, rng.random((6, 5)), kind=kind, rule=rule, probability=0.5, v_threshold=2.0)
    whole, values = net.whole_samples(), rng.random((5, 6))
    assert (whole.readable, whole.teachable) == (True, teachable)
    counts = net.counts(values, np.random.default_rng(5))
    assert counts.sum() > 20
    np.testing.assert_array_equal(counts, net.outputs(values, np.random.default_rng(5)).sum(axis=1))


@pytest.mark.parametrize(
    "imperfect", [sn.Imperfections(stuck_on=0.1), sn.Imperfections(read_noise=0.1)]
)
def test_imperfect_cells_do_not_learn_in_the_loop(imperfect):
    net = network(
        3, np.full((3, 2), 0.5), kind=Ideal(hardware=SINGLE.with_changes(imperfections=imperfect))
    )
    assert not net.whole_samples().teachable
    assert net.whole_samples().readable == (imperfect.read_noise is None)


def test_integrate_and_fire_counts_are_exact():
    # three steps of 0.4 pass a threshold of 1, then five of rest: a spike every eight steps
    assert counts_of_one([0.4]) == [13]
    assert counts_of_one([0.4], refractory=0.0) == [33]


def test_a_leak_bounds_the_potential():
    # v ← (v + 0.4)·0.8 tends to 1.6
    leaky = {"tau": -1e-3 / np.log(0.8)}
    assert counts_of_one([0.4], v_threshold=1.61, **leaky) == [0]
    assert counts_of_one([0.4], v_threshold=1.59, **leaky)[0] > 0


def test_the_winner_holds_the_others_back_and_the_first_of_equals_wins():
    assert counts_of_one([0.4, 0.3], inhibition=5.0)[1] == 0
    # The first rests for five steps, the second for three: they take turns from then on.
    first, second = counts_of_one([0.4, 0.4], inhibition=5.0, silence=3e-3)
    assert first >= second > 0.8 * first


def bars(count, rng):
    images = np.zeros((count, 4, 4))
    images[np.arange(count), rng.integers(0, 4, count)] = 1.0
    return images.reshape(count, 16)


def test_neurons_learn_bars_and_thresholds_rise_to_their_bound():
    rng = np.random.default_rng(3)
    net = network(
        16, rng.random((16, 6)), rule=LastSpikeSTDP(), probability=0.5, steps=200, v_threshold=4.0,
        tau=0.0195, inhibition=10.0, theta_step=0.02, theta_highest=1.2, tau_theta=10.0,
    )  # fmt: skip
    learnt = net.learn(bars(2000, rng), np.zeros(2000), rng)
    rows = learnt.synapses["in>cells"].weights.reshape(4, 4, 6).mean(axis=1)
    assert np.sum(rows.max(axis=0) > 0.8) >= 4
    assert set(rows.argmax(axis=0)[rows.max(axis=0) > 0.8]) == {0, 1, 2, 3}
    assert 1.0 < learnt.lasting["cells"][0].max() <= np.float32(1.2)


def test_bernoulli_spikes_come_at_their_rate_and_only_where_there_is_light():
    spikes = np.empty((2, 20_000, 3))
    values = np.array([[1.0, 0.5, 0.0], [0.0, 0.25, 1.0]])
    bernoulli(seed_words(np.random.default_rng(0)), values, 0.4, spikes)
    # five standard deviations of a mean of 20,000 draws
    assert spikes.mean(axis=1) == pytest.approx(0.4 * values, abs=5 * 0.5 / np.sqrt(20_000))
    assert spikes[0, :, 2].max() == spikes[1, :, 0].max() == 0
    bernoulli(seed_words(np.random.default_rng(0)), np.ones((1, 3)), 1.0, spikes[:1])
    assert spikes[0].min() == 1
