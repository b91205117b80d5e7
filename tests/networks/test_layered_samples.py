"""Layers of integrate-and-fire neurons compiled: every spike, update, pulse and joule as by hand and
as sample by sample on the same cells."""

import numpy as np
import pytest
from scipy.stats import norm

import spicesnn as sn
from spicesnn.crossbar.faults import Endurance
from spicesnn.crossbar.noise import CycleToCycle, TelegraphNoise
from spicesnn.errors import InputError
from spicesnn.networks.decisions import MostSpikes
from spicesnn.networks.learner import LearningNetwork
from spicesnn.networks.members import Inputs, Neurons
from spicesnn.networks.populations import IF
from spicesnn.networks.projections import AllToAll, Projection
from spicesnn.networks.rules import SpikingBP
from spicesnn.networks.synapses import Ideal, Levels, PulseMap, Solved
from spicesnn.programming.pulse_map import StrongestPulses

DEVICE = sn.devices.PaiYuChen()
PULSES = StrongestPulses(set_volts=2.2, reset_volts=2.5, set_s=1e-8, reset_s=1e-8)
OFFSET = sn.Hardware(columns="offset", device=DEVICE, read_volts=0.7, read_s=1e-8, tile=(8, 6))
RATES = (0.02, 0.01)


def network(*layers, kind=None, rule=None, thresholds=None, inputs=None, steps=7, **of):
    """A chain of populations with given weights (rows, outputs), or fresh ones of these shapes."""
    rule = rule or SpikingBP(rates=of.pop("rates", RATES))
    kinds = kind if isinstance(kind, tuple) else (kind or Ideal(hardware=OFFSET),) * len(layers)
    limits = of.pop("largest", (1.0,) * len(layers))
    names = ["in", *(f"layer{k}" for k in range(1, len(layers))), "out"]
    shapes = [np.shape(w) if np.ndim(w) == 2 else w for w in layers]
    projections = [
        Projection(
            source=names[k],
            target=names[k + 1],
            synapses=kinds[k],
            rule=rule,
            largest=limits[k],
            **({"initial": np.asarray(w, float)} if np.ndim(w) == 2 else {"spread": 0.2}),
        )
        for k, w in enumerate(layers)
    ]
    return LearningNetwork(
        inputs={"in": inputs or Inputs(shape=shapes[0][0], code="spikes", probability=1.0)},
        populations={
            name: Neurons(
                shape=shapes[k][1], kind=IF(v_threshold=(thresholds or (1.0,) * len(layers))[k])
            )
            for k, name in enumerate(names[1:])
        },
        projections=tuple(projections),
        decision=MostSpikes(),
        steps=steps,
        **of,
    ).fresh(np.random.default_rng(of.get("seed", 0)))


def weights_of(net):
    return [cells.weights for cells in net.synapses.values()]


def step_by_step(monkeypatch):
    """From here on no network is compiled."""
    monkeypatch.setattr(LearningNetwork, "layered_samples", lambda self, steps=0: None)


def quadrants(count, rng):
    """4×4 images, bright in one quadrant, noisy elsewhere."""
    labels = rng.integers(0, 4, count)
    images = rng.integers(0, 60, (count, 4, 4))
    for image, label in zip(images, labels, strict=True):
        row, col = 2 * (label // 2), 2 * (label % 2)
        image[row : row + 2, col : col + 2] = 220
    return images.reshape(count, 16) / 255.0, labels


# -- by hand --------------------------------------------------------------------------------------


def by_hand(first, second, lit, label, *, steps, thresholds, rates, limits):
    """Counts, last steps and weights after one image whose lit inputs spike in every step, from the
    equations as they are written."""
    hidden, outputs = second.shape
    (v1, c1), (v2, c2, last) = np.zeros((2, hidden)), np.zeros((3, outputs))
    for step in range(steps):
        v1 += first[lit].sum(axis=0)
        fired = v1 > thresholds[0]
        v1[fired] = 0
        c1 += fired
        v2 += second[fired].sum(axis=0)
        out = v2 > thresholds[1]
        v2[out] = 0
        c2 += out
        last[out] = step
    error = (np.arange(outputs) == label) - c2 / steps
    delta = np.where(c1 > 0, second @ error, 0.0)  # nothing for a hidden neuron that was silent
    after_second = np.clip(second + rates[1] * np.outer(c1, error), -limits[1], limits[1])
    after_first = first.copy()
    after_first[lit] = np.clip(first[lit] + rates[0] * steps * delta, -limits[0], limits[0])
    return c1, c2, last, after_first, after_second


@pytest.mark.parametrize("label", [0, 1])
def test_one_update_is_the_one_by_hand_and_reaches_no_silent_hidden_neuron(label):
    first = np.array(
        [
            [0.30, -0.2, 0.62, 0.1],
            [0.31, -0.1, 0.61, 0.1],
            [0.5, 0.5, 0.5, 0.5],
            [0.7, 0.7, 0.7, 0.7],
        ]
    )
    second = np.array([[0.5, -0.4], [0.3, 0.8], [0.35, 0.45], [-0.6, 0.7]])
    given = {"steps": 4, "thresholds": (1.0, 0.9), "rates": (0.05, 0.02)}
    hidden, outputs, last, after_first, after_second = by_hand(
        first, second, [0, 1], label, limits=(0.7, 0.8), **given
    )
    assert hidden.tolist() == [2, 0, 4, 0]  # the second and the fourth are silent
    assert outputs.tolist() == [2, 1]
    net, image = network(first, second, largest=(0.7, 0.8), **given), np.array([[1.0, 1, 0, 0]])
    assert net.layered_samples().teachable
    shown = net.outputs(image, np.random.default_rng(0))[0]
    assert shown.sum(axis=0).tolist() == outputs.tolist()
    assert [int(np.flatnonzero(train)[-1]) for train in shown.T] == last.tolist()
    done = net.learn(image, [label], np.random.default_rng(0))
    found = weights_of(done)
    np.testing.assert_allclose(found[0], after_first, atol=1e-6)
    np.testing.assert_allclose(found[1], after_second, atol=1e-6)
    np.testing.assert_allclose(found[0][:, [1, 3]], first[:, [1, 3]], atol=1e-7)
    np.testing.assert_allclose(found[1][[1, 3]], second[[1, 3]], atol=1e-7)
    wear = [cells.wear for cells in done.synapses.values()]
    np.testing.assert_array_equal(
        wear[0], np.outer([1, 1, 0, 0], [1, 0, 1, 0, 0])
    )  # the last column is the reference
    np.testing.assert_array_equal(wear[1], np.outer([1, 0, 1, 0], [1, 1, 0]))
    half = net.learn(image, [label], np.random.default_rng(0), progress=1 - 0.5 ** (2 / 3))
    np.testing.assert_allclose(weights_of(half)[0] - first, 0.5 * (after_first - first), atol=1e-6)


def test_the_energy_of_reads_and_writes_is_that_of_every_spike_and_pulse_by_hand():
    """One input, one hidden neuron, one output, each with its reference in the middle: two reads of
    the first layer, and one of the second."""
    kind = PulseMap(hardware=OFFSET, pulses=PULSES)
    net = network([[0.6]], [[0.4]], kind=kind, steps=2, rates=(0.0, 0.1))
    window = OFFSET.used_window()
    middle, half = 0.5 * (window.low + window.high), 0.5 * window.span
    done = net.learn(np.ones((1, 1)), [0], np.random.default_rng(0))
    joule = 0.7**2 * 1e-8 * (2 * (2 * middle + 0.6 * half) + 2 * middle + 0.4 * half)
    assert done.energy.read_joule == pytest.approx(joule, rel=1e-6)
    moved = done.synapses["layer1>out"].weights[0, 0] - 0.4
    assert moved == pytest.approx(0.1, rel=1e-5)  # one spike at full error
    siemens = middle + half * (0.4 + 0.5 * moved)
    assert done.energy.write_joule == pytest.approx(siemens * 2.2**2 * 1e-8, rel=1e-6)


# -- as sample by sample --------------------------------------------------------------------------

FLAWS = sn.Imperfections(stuck_on=0.05, stuck_off=0.1, stuck=0.05)
WIRED = OFFSET.with_changes(wires=sn.Wires(20.0, 10.0, 5.0, 5.0))
ALIKE = {
    "ideal": Ideal(hardware=OFFSET),
    "stuck and uneven": Ideal(hardware=OFFSET.with_changes(imperfections=FLAWS), pulse_spread=0.4),
    "compensated": PulseMap(hardware=OFFSET, pulses=PULSES),
    "uncompensated": PulseMap(hardware=OFFSET, pulses=PULSES, amplitude="uncompensated"),
    "device, stuck and uneven": PulseMap(
        hardware=OFFSET.with_changes(imperfections=FLAWS), pulses=PULSES, pulse_spread=0.4
    ),
    "wires": Ideal(hardware=WIRED, wire_tolerance=100.0),
}


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("name", list(ALIKE))
def test_the_loop_learns_as_sample_by_sample(name, layers, monkeypatch):
    rng = np.random.default_rng(3)
    shapes = {1: [(9, 4)], 2: [(9, 7), (7, 4)], 3: [(9, 7), (7, 6), (6, 4)]}[layers]
    net = network(*shapes, kind=ALIKE[name], thresholds=(0.5,) * layers, rates=(0.05, 0.04, 0.03))
    x, labels = rng.integers(0, 2, (30, 9)).astype(float), rng.integers(0, 4, 30)
    assert net.layered_samples().teachable
    fast = net.learn(x, labels, np.random.default_rng(4), progress=0.2)
    step_by_step(monkeypatch)
    slow = net.learn(x, labels, np.random.default_rng(4), progress=0.2)
    before = net.synapses
    for key, cells in slow.synapses.items():
        assert np.abs(cells.weights - before[key].weights).max() > 0.01
        # pulses of one magnitude more or less end on either side of where the table begins
        atol = 2e-5 if "uncompensated" in name else 3e-6
        np.testing.assert_allclose(fast.synapses[key].weights, cells.weights, atol=atol)
        np.testing.assert_array_equal(fast.synapses[key].wear, cells.wear)
        found, wanted = fast.synapses[key].energy, cells.energy
        assert found.write_joule == pytest.approx(wanted.write_joule, rel=1e-5)
    assert fast.energy.read_joule == pytest.approx(slow.energy.read_joule, rel=1e-6)


@pytest.mark.parametrize("kind", ["ideal", "wires"])
def test_answers_see_the_spikes_that_are_drawn_step_by_step(kind, monkeypatch):
    inputs = Inputs(shape=9, code="spikes", probability=0.7)
    net = network((9, 7), (7, 4), kind=ALIKE[kind], inputs=inputs, answer_steps=20)
    x = np.random.default_rng(5).random((300, 9))
    fast = net.outputs(x, np.random.default_rng(6))
    step_by_step(monkeypatch)
    slow = net.outputs(x, np.random.default_rng(6))
    assert fast.shape == (300, 20, 4)
    assert fast.sum() > 300
    np.testing.assert_array_equal(fast, slow)


def test_columns_of_every_kind_are_read(monkeypatch):
    x = np.random.default_rng(5).random((40, 9))
    for columns in ("differential", "offset"):
        kind = Ideal(hardware=OFFSET.with_changes(columns=columns))
        net = network((9, 7), (7, 4), kind=kind)
        assert net.layered_samples().readable
        assert net.layered_samples().teachable == (columns == "offset")
        with monkeypatch.context() as patched:
            fast = net.outputs(x, np.random.default_rng(6))
            step_by_step(patched)
            np.testing.assert_array_equal(fast, net.outputs(x, np.random.default_rng(6)))


def test_followed_activity_is_what_answers():
    """The same spikes are drawn, so each output spikes as often as in the loop."""
    inputs = Inputs(shape=9, code="spikes", probability=0.7)
    net = network((9, 7), (7, 4), inputs=inputs, answer_steps=20)
    x = np.random.default_rng(5).random((50, 9))
    values, joule = net.activity(x, np.random.default_rng(6))
    assert {name: spikes.shape for name, spikes in values.items()} == {
        "in": (50, 20, 9),
        "layer1": (50, 20, 7),
        "out": (50, 20, 4),
    }
    np.testing.assert_array_equal(values["out"], net.outputs(x, np.random.default_rng(6)))
    watt = sum(
        (values[source].sum(axis=(0, 1)) @ cells.siemens.sum(axis=1)) * 0.7**2
        for source, cells in zip(("in", "layer1"), net.synapses.values(), strict=True)
    )
    assert joule == pytest.approx(watt * 1e-8, rel=1e-9)


def test_wires_are_solved_anew_as_weights_move_and_say_how_stale_they_were():
    rng = np.random.default_rng(3)
    x, labels = rng.integers(0, 2, (150, 9)).astype(float), rng.integers(0, 4, 150)
    solves, stale = [], []
    for tolerance in (100.0, 0.1, 0.0):
        kind = Ideal(hardware=WIRED, wire_tolerance=tolerance)
        net = network((9, 7), (7, 4), kind=kind, thresholds=(0.5, 0.5), rates=(0.02, 0.02))
        done = net.learn(x, labels, np.random.default_rng(4))
        seen = [cells.seen for cells in done.synapses.values()]
        solves.append(max(each.solves for each in seen))
        stale.append(max(each.worst for each in seen))
    assert solves[0] == 1
    assert 1 < solves[1] <= solves[2] == 150 // 25 + 1
    assert stale[0] == 0 < stale[2] <= stale[1] < 0.2


# -- random cells ---------------------------------------------------------------------------------


def test_levels_are_kept_and_the_mean_change_is_the_wanted_one():
    """One image, many cells alike: each moves by no step or by one, and their mean by the wanted
    change."""
    outputs, kind = 4000, Levels(levels=9, hardware=OFFSET.with_changes(tile=(128, 5000)))
    net = network(np.zeros((1, outputs)), kind=kind, steps=1, rates=(0.1,))
    done = weights_of(net.learn(np.ones((1, 1)), [7], np.random.default_rng(1)))[0][0]
    assert round(done[7], 9) in (0.0, 0.25)
    assert np.all(np.delete(done, 7) == 0)  # silent outputs that should be silent
    spoken = network(np.full((1, outputs), 0.75), kind=kind, steps=1, thresholds=(0.5,))
    rates = SpikingBP(rates=(0.1,))
    moved = network(
        np.full((1, outputs), 0.75), kind=kind, steps=1, thresholds=(0.5,), rule=rates
    ).learn(np.ones((1, 1)), [7], np.random.default_rng(1))
    change = weights_of(moved)[0][0] - weights_of(spoken)[0][0]
    assert set(np.round(np.delete(change, 7), 9)) == {-0.25, 0.0}
    assert np.delete(change, 7).mean() == pytest.approx(-0.1, abs=4 * 0.125 / np.sqrt(outputs))
    assert change[7] == 0


def test_cycle_to_cycle_variation_scales_changes():
    """An update of many cells alike: its mean and its relative standard deviation."""
    flaws = sn.Imperfections(cycle_to_cycle=CycleToCycle(relative=0.2))
    hardware = OFFSET.with_changes(imperfections=flaws, tile=(128, 5000))
    net = network(
        np.full((1, 4000), 0.75),
        kind=Ideal(hardware=hardware),
        steps=1,
        thresholds=(0.5,),
        rates=(0.1,),
    )
    done = net.learn(np.ones((1, 1)), [7], np.random.default_rng(1))
    change = np.delete(weights_of(done)[0][0], 7) - 0.75
    assert change.mean() == pytest.approx(-0.1, abs=4 * 0.02 / np.sqrt(4000))
    assert change.std() == pytest.approx(0.02, rel=0.05)


def test_read_noise_is_that_of_cells_and_of_their_references(monkeypatch):
    """Membranes after one read, in the loop and from `Synapses.read`: how often they lie above a
    threshold."""
    flaws = sn.Imperfections(read_noise=0.2)
    kind = Ideal(hardware=OFFSET.with_changes(imperfections=flaws, tile=(128, 4)))
    row = np.array([[0.5, -0.5, 0.9, 0.2, 0.5, 0.1]])
    net = network(row, kind=kind, steps=1, thresholds=(0.6,))
    x, window = np.ones((20_000, 1)), OFFSET.used_window()
    middle = (window.high + window.low) / window.span
    fast = net.outputs(x, np.random.default_rng(1))[:, 0]
    step_by_step(monkeypatch)
    slow = net.outputs(x, np.random.default_rng(2))[:, 0]
    spread = 0.2 * np.sqrt((row[0] + middle) ** 2 + middle**2)
    above = norm.sf((0.6 - row[0]) / spread)
    np.testing.assert_allclose(fast.mean(axis=0), above, atol=0.015)
    np.testing.assert_allclose(slow.mean(axis=0), above, atol=0.015)
    together = np.corrcoef(fast[:, 0], fast[:, 2])[0, 1]
    assert together > 0.1  # on one reference line
    assert abs(np.corrcoef(fast[:, 0], fast[:, 4])[0, 1]) < 0.03  # on two


def test_answers_see_the_noise_and_repeat_with_a_seed():
    rng = np.random.default_rng(4)
    x, labels = quadrants(2300, rng)
    given = {"inputs": Inputs(shape=16, code="spikes", probability=1.0), "answer_steps": 28}
    plain = network((16, 24), (24, 4), **given).learn(x[:2000], labels[:2000], rng)
    noisy = Ideal(hardware=OFFSET.with_changes(imperfections=sn.Imperfections(read_noise=2.0)))
    other = network(*weights_of(plain), kind=noisy, **given)
    found = [net.decided(x[2000:], np.random.default_rng(5)) for net in (plain, other, other)]
    np.testing.assert_array_equal(found[1], found[2])
    right = [np.mean(decided == labels[2000:]) for decided in found]
    assert right[0] > 0.95
    assert right[1] < right[0]


@pytest.mark.parametrize(
    "kind",
    [
        Ideal(hardware=OFFSET),
        Ideal(
            hardware=OFFSET.with_changes(
                imperfections=sn.Imperfections(cycle_to_cycle=CycleToCycle(relative=0.1))
            )
        ),
        Levels(levels=64, hardware=OFFSET),
    ],
    ids=["ideal", "noisy", "levels"],
)
def test_quadrants_are_learnt(kind):
    rng = np.random.default_rng(0)
    x, labels = quadrants(4300, rng)
    net = network((16, 24), (24, 4), kind=kind, answer_steps=28)
    learnt = net.learn(x[:4000], labels[:4000], rng)
    assert np.mean(learnt.decided(x[4000:], rng) == labels[4000:]) > 0.97


# -- behaviour ------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_weights_and_the_input_is_left_alone():
    x, labels = quadrants(100, np.random.default_rng(1))
    net = network((16, 24), (24, 4))
    before = weights_of(net)[0].copy()
    runs = [net.learn(x, labels, np.random.default_rng(3)) for _ in range(2)]
    np.testing.assert_array_equal(weights_of(runs[0])[0], weights_of(runs[1])[0])
    np.testing.assert_array_equal(weights_of(net)[0], before)
    assert runs[0].pulses > 0


def test_an_update_lowers_the_error_of_its_own_image():
    """The sign of both updates: after many updates on one image its output fires in nearly every
    step, the others hardly."""
    x, labels = quadrants(1, np.random.default_rng(4))
    rng, net = np.random.default_rng(5), network((16, 24), (24, 4))
    net = net.learn(np.repeat(x, 200, axis=0), np.repeat(labels, 200), rng)
    counts = net.counts(x, rng)[0]
    assert counts[labels[0]] >= 5
    assert np.delete(counts, labels[0]).max() <= 2


def test_stuck_cells_stay_and_the_others_learn():
    x, labels = quadrants(400, np.random.default_rng(1))
    flaws = sn.Imperfections(stuck_on=0.1, stuck_off=0.2, stuck=0.1)
    net = network((16, 12), (12, 4), kind=Ideal(hardware=OFFSET.with_changes(imperfections=flaws)))
    done = net.learn(x, labels, np.random.default_rng(2))
    for key, cells in net.synapses.items():
        stuck, after = cells.array.stuck, done.synapses[key].siemens
        np.testing.assert_array_equal(after[stuck], cells.siemens[stuck])
        places = cells.columns.places(cells.outputs)
        free = ~stuck[:, places]
        assert np.mean((after != cells.siemens)[:, places][free]) > 0.1
        assert 0.2 < stuck[:, places].mean() < 0.6
        references = np.setdiff1d(np.arange(cells.array.cols), places)
        assert not stuck[:, references].any()
        window = OFFSET.used_window()
        assert after[:, references] == pytest.approx(0.5 * (window.low + window.high))


def test_a_dark_image_has_no_answer():
    net = network((16, 24), (24, 4), answer_steps=28)
    assert net.decided(np.zeros((1, 16)), np.random.default_rng(7))[0] == -1


def test_most_spikes_answer_and_among_equals_who_got_there_first():
    """Two inputs, two hidden neurons, two outputs, all of them one to one: output k fires when
    hidden neuron k does."""

    def answered(gains):
        second = np.diag(np.full(2, 1.5))
        net = network(np.diag(gains), second, largest=(2.0, 2.0), steps=4)
        return int(net.decided(np.ones((1, 2)), np.random.default_rng(0))[0])

    assert answered([1.1, 0.6]) == 0  # 4 spikes to 2
    assert answered([0.6, 1.1]) == 1
    assert answered([0.45, 0.3]) == 0  # one spike each, in the third step and in the fourth
    assert answered([0.3, 0.45]) == 1
    assert answered([1.1, 1.1]) == -1
    assert answered([0.1, 0.1]) == -1


def test_the_rates_fall_from_the_first_epoch_on():
    rule = SpikingBP(rates=(0.01, 0.001))
    found = [rule.rates_at(3, epoch / 4) for epoch in range(4)]
    assert [rates[0] for rates in found] == pytest.approx(
        [0.01 * share for share in (1.0, 0.75**1.5, 0.5**1.5, 0.25**1.5)]
    )
    assert found[1] == pytest.approx([found[1][0], 0.1 * found[1][0], 0.1 * found[1][0]])


def test_labels_that_no_output_stands_for_are_refused():
    with pytest.raises(InputError, match="labels from 7 to 7 for 4 outputs"):
        network((16, 24), (24, 4)).learn(np.zeros((1, 16)), [7], np.random.default_rng(0))


@pytest.mark.parametrize(
    ("change", "readable"),
    [
        ({"kind": Solved(hardware=OFFSET, pulses=PULSES)}, False),
        ({"imperfections": sn.Imperfections(endurance=Endurance(swings=1e6))}, True),
        ({"imperfections": sn.Imperfections(cycle_to_cycle=CycleToCycle(of_range=0.1))}, True),
        (
            {
                "imperfections": sn.Imperfections(
                    telegraph=TelegraphNoise(amplitude=0.1, capture_s=1.0, emission_s=1.0)
                )
            },
            False,
        ),
        ({"rule": SpikingBP(rates=RATES, batch=2)}, True),
    ],
    ids=["solved", "endurance", "of range", "telegraph", "batch"],
)
def test_what_the_loop_does_not_know_is_taken_sample_by_sample(change, readable):
    if flaws := change.pop("imperfections", None):
        change["kind"] = Ideal(hardware=OFFSET.with_changes(imperfections=flaws))
    samples = network((5, 3), (3, 2), **change).layered_samples()
    assert samples.readable == readable
    assert not samples.teachable


def test_other_networks_are_not_taken_for_layers_of_plain_neurons():
    def one(kind=None, connection=None, code="spikes", **of):
        return LearningNetwork(
            inputs={"in": Inputs(shape=4, code=code, probability=0.5)},
            populations={"out": Neurons(shape=3, kind=kind or IF())},
            projections=(
                Projection(
                    source="in",
                    target="out",
                    connection=connection or AllToAll(),
                    synapses=Ideal(hardware=OFFSET),
                    **of,
                ),
            ),
        ).fresh(np.random.default_rng(0))

    assert one().layered
    for other in (
        one(kind=IF(r=2.0)),
        one(kind=IF(reset="subtract")),
        one(kind=IF(v_threshold=np.array([1.0, 2.0, 3.0]))),
        one(connection=AllToAll(bias=True)),
        one(code="held"),
        one(delays_s=(1e-3,)),
    ):
        assert not other.layered


def test_wires_of_no_resistance_change_nothing_that_is_learnt():
    rng = np.random.default_rng(3)
    x, labels = rng.random((50, 9)), rng.integers(0, 4, 50)
    found = []
    for ohm in (0.0, 1e-6):
        kind = Ideal(hardware=OFFSET.with_changes(wires=sn.Wires(ohm, ohm)))
        net = network((9, 7), (7, 4), kind=kind, thresholds=(0.5, 0.5))
        start = weights_of(net)
        found.append(weights_of(net.learn(x, labels, np.random.default_rng(4))))
    for plain, wired, begun in zip(*found, start, strict=True):
        np.testing.assert_allclose(wired, plain, atol=1e-3)
        assert np.abs(plain - begun).max() > 0.01
