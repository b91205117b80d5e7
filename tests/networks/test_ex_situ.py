"""Trained in software, mapped onto cells, tuned on them: each step against its equation."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.devices.levels import ConductanceStates, Rounding
from spicesnn.errors import DataError, InputError
from spicesnn.learning.weights import save_weights
from spicesnn.networks.leaky_layers import softmax_slope
from spicesnn.networks.populations import LIF, Integrator
from spicesnn.networks.projections import AllToAll, Projection
from spicesnn.networks.rules import ExSitu, SurrogateGradient, Tuning
from spicesnn.networks.synapses import Ideal, Levels, Programmed, PulseMap, Solved
from spicesnn.programming.pulse_map import StrongestPulses

DEVICE = sn.devices.VTEAM(
    r_on=1e4,
    r_off=1e6,
    v_on=-1.0,
    v_off=1.0,
    k_on=-5.86e-5,
    k_off=5.86e-5,
    alpha_on=1.0,
    alpha_off=1.0,
)
PULSES = StrongestPulses(set_volts=2.0, reset_volts=2.0, set_s=1e-6, reset_s=1e-6)
WIRES = sn.Wires(word_line_ohm=20.0, bit_line_ohm=20.0)
HARDWARE = sn.Hardware(device=DEVICE, tile=(8, 6))
NAMES = ("inputs>first", "first>second", "second>outputs")


def quadrants(count, rng):
    """4×4 images, bright in one quadrant, noisy elsewhere."""
    labels = rng.integers(0, 4, count)
    images = rng.integers(0, 60, (count, 4, 4)) / 255
    for image, label in zip(images, labels, strict=True):
        row, col = 2 * (label // 2), 2 * (label % 2)
        image[row : row + 2, col : col + 2] = 220 / 255
    return images.reshape(count, 16), labels


def network(rule, *, cells=None, **hardware):
    """16-20-10-4 neurons with biases."""
    kind = cells or PulseMap(hardware=HARDWARE.with_changes(**hardware), pulses=PULSES)
    names = ["inputs", "first", "second", "outputs"]
    return sn.LearningNetwork(
        inputs={"inputs": sn.Inputs(shape=16)},
        populations={
            "first": sn.Neurons(shape=20, kind=LIF(tau=2.5e-3)),
            "second": sn.Neurons(shape=10, kind=LIF(tau=2.5e-3)),
            "outputs": sn.Neurons(shape=4, kind=Integrator(r=1 / 6)),
        },
        projections=tuple(
            Projection(
                source=source,
                target=target,
                connection=AllToAll(bias=True),
                synapses=kind,
                rule=rule,
                active=0.12 if source == "inputs" else 0.3,
                largest=1.0 / 0.85,
            )
            for source, target in pairwise(names)
        ),
        dt_s=1e-3,
        steps=6,
    )


def software(**changes):
    given = {"rate": 1e-2, "batch": 40, "gain": 4.0, "limits": (1.0,), "epochs": 1, **changes}
    return ExSitu(**given)


def begun(rule, seed=0, **more):
    return network(rule, **more).fresh(np.random.default_rng(seed))


@pytest.fixture(scope="module")
def learnt():
    """Samples, and the network after software and mapping, on cells that do as they should."""
    x, labels = quadrants(1200, np.random.default_rng(5))
    rule = software(epochs=4, tune=Tuning(rate=2e-3, batch=50, share=0.3, gain=4.0))
    return begun(rule).learn(x, labels, np.random.default_rng(1)), x, labels


# -- software -------------------------------------------------------------------------------------


def test_fresh_weights_are_of_the_software_and_the_cells_hold_none():
    made = begun(software(limits=(0.3, 0.4)))
    memory = made.memory["ex-situ"]
    for name, limit in zip(NAMES, (0.3, 0.4, 0.4), strict=True):
        weights = memory[f"{name} weights"]
        assert weights.dtype == np.float32
        assert np.abs(weights).max() == np.float32(limit)
        assert not weights[-1].any()
        np.testing.assert_array_equal(memory[f"{name} mean"], weights)
        np.testing.assert_allclose(made.synapses[name].siemens, 1e-6)


def test_fresh_weights_do_not_depend_on_the_cells():
    flaws = sn.Imperfections(stuck_off=0.2)
    one, other = begun(software()), begun(software(), imperfections=flaws)
    for key, value in one.memory["ex-situ"].items():
        np.testing.assert_array_equal(value, other.memory["ex-situ"][key])


def test_a_batch_is_one_step_of_adam_along_the_gradient_and_of_the_running_mean():
    """After one step Adam's moments say sign(g): w − η·g/(|g| + ε), clipped; the mean takes 10/11
    of the way while it is built up."""
    x, labels = quadrants(40, np.random.default_rng(0))
    rule = software(samples=400)
    made = begun(rule)
    after = made.learn(x, labels, np.random.default_rng(1))
    layers, before = made.leaky_layers(), made.memory["ex-situ"]
    weights = [before[f"{name} weights"] for name in NAMES]
    trace = layers.forward(weights, x.astype(np.float32))
    slope = softmax_slope(trace.outputs, labels, 4.0)[1]
    rate = 1e-2 * 0.5 * (1 + np.cos(np.pi * 0.1))
    for name, weight, gradient in zip(
        NAMES, weights, layers.gradients(weights, trace, slope, 2.0), strict=True
    ):
        g = gradient.astype(float)
        wanted = np.clip(weight - rate * g / (np.abs(g) + 1e-8), -1, 1)
        found = after.memory["ex-situ"]
        np.testing.assert_allclose(found[f"{name} weights"], wanted, atol=1e-5)
        share = 1 - 1 / 11
        np.testing.assert_allclose(
            found[f"{name} mean"], weight + share * (wanted - weight), atol=1e-5
        )
    assert after.memory["ex-situ"]["shown"][0] == 40


def test_samples_in_pieces_teach_what_they_teach_at_once_and_are_mapped_at_the_end():
    x, labels = quadrants(160, np.random.default_rng(2))
    rule, rng = software(samples=160), np.random.default_rng(0)
    whole = begun(rule).learn(x, labels, rng)
    half = begun(rule).learn(x[:80], labels[:80], rng)
    assert not rule.mapped(half)
    assert half.pulses == 0
    np.testing.assert_allclose(half.synapses[NAMES[0]].siemens, 1e-6)
    pieces = half.learn(x[80:], labels[80:], rng)
    assert rule.mapped(pieces)
    assert rule.mapped(whole)
    for name in NAMES:
        np.testing.assert_array_equal(rule.means(pieces)[name], rule.means(whole)[name])
        np.testing.assert_allclose(
            pieces.synapses[name].weights, rule.means(whole)[name], atol=1e-6
        )


def test_quadrants_are_learnt_in_software_and_on_cells_with_the_same_bits_each_time(learnt):
    made, x, labels = learnt
    again = begun(made.batch_rule).learn(x, labels, np.random.default_rng(1))
    fresh, truth = quadrants(400, np.random.default_rng(3))
    assert made.accuracy(fresh, truth) > 0.97
    for name in NAMES:
        np.testing.assert_array_equal(
            made.synapses[name].siemens, again.synapses[name].siemens, err_msg=name
        )
        assert np.abs(made.batch_rule.means(made)[name]).max() <= 1.0
    soft = made.batch_rule.in_software(made)
    np.testing.assert_array_equal(soft.predict(fresh), made.predict(fresh))


def test_dropout_and_noise_on_the_weights_change_what_is_learnt():
    x, labels = quadrants(100, np.random.default_rng(5))
    found = []
    for change in ({}, {"dropout": 0.3}, {"weight_noise": 0.1}):
        rule = software(**change)
        found.append(rule.means(begun(rule).learn(x, labels, np.random.default_rng(6)))[NAMES[0]])
    for other in found[1:]:
        assert np.abs(other - found[0]).max() > 1e-4


def test_any_network_that_errors_go_back_through_learns_in_software(monkeypatch):
    """Node by node in place of whole layers: the same weights but for rounding."""
    x, labels = quadrants(80, np.random.default_rng(7))
    rule = software()
    fast = rule.means(begun(rule).learn(x, labels, np.random.default_rng(0)))
    monkeypatch.setattr(sn.LearningNetwork, "leaky_layers", lambda self, steps=0: None)
    slow = rule.means(begun(rule).learn(x, labels, np.random.default_rng(0)))
    for name in NAMES:
        np.testing.assert_allclose(fast[name], slow[name], atol=2e-3)
        assert np.abs(fast[name] - slow[name]).mean() < 1e-5
    dropping = begun(software(dropout=0.1))
    with pytest.raises(InputError, match=r"dropout = 0\.1"):
        dropping.learn(x, labels, np.random.default_rng(0))


# -- mapping --------------------------------------------------------------------------------------


def read_errors(made):
    rule = made.batch_rule
    return [
        float(np.abs(made.synapses[n].read_weights - w).max()) for n, w in rule.means(made).items()
    ]


def test_wires_cost_and_the_wire_aware_mapping_gives_it_back():
    x, labels = quadrants(40, np.random.default_rng(0))
    errors, left = [], []
    for aware in (False, True):
        made = begun(software(), wires=WIRES, wire_aware=aware).learn(
            x, labels, np.random.default_rng(1)
        )
        errors.append(max(read_errors(made)))
        left.append(float(made.memory["ex-situ"]["error"][0]))
    assert errors[0] > 5e-3
    assert errors[1] < 1e-4
    assert left[0] == 0.0
    assert 0 < left[1] < 1e-5


def test_reads_of_mapped_weights_are_what_reads_of_the_tiles_add_up_to():
    flaws = {"conductance_spread": 0.1}
    hardware = HARDWARE.with_changes(wires=WIRES)
    cells = PulseMap(hardware=hardware, pulses=PULSES, **flaws)
    x, labels = quadrants(40, np.random.default_rng(0))
    made = begun(software(), cells=cells).learn(x, labels, np.random.default_rng(1))
    layer = made.synapses[NAMES[1]]
    volts, amps = np.random.default_rng(2).random(21), np.zeros(20)
    for rows, cols in layer.tiling.parts((21, 20)):
        tile = sn.Crossbar(conductance=layer.siemens[rows, cols], wires=WIRES)
        amps[cols] += sn.NodalEngine().read(tile, volts[rows]).column_amps
    wanted = (amps[0::2] - amps[1::2]) / layer.unit
    np.testing.assert_allclose(volts @ layer.read_weights, wanted, rtol=1e-7)


@pytest.mark.parametrize("columns", ["differential", "offset"])
def test_the_spread_is_that_of_the_conductances_and_stuck_cells_stay(columns):
    flaws = sn.Imperfections(stuck_on=0.1, stuck_off=0.1)
    hardware = HARDWARE.with_changes(imperfections=flaws, columns=columns, tile=(300, 64))
    kind = Ideal(hardware=hardware, conductance_spread=0.05)
    rng = np.random.default_rng(3)
    cells = kind.made(np.zeros((200, 30)), rng, largest=1.0)
    stuck = cells.array.stuck
    weights = np.clip(rng.normal(size=(200, 30)) * 0.4, -1, 1)
    siemens, _ = cells.asked(weights)
    after = cells.apply(Programmed(siemens=siemens), rng)
    moved = ~stuck & (siemens > 2e-5)
    references = np.zeros(siemens.shape, bool)
    if columns == "offset":
        references[:, -1] = True
    free = moved & ~references
    found = after.siemens
    assert np.std(found[free] / siemens[free]) == pytest.approx(0.05, rel=0.1)
    np.testing.assert_allclose(found[references], siemens[references])
    np.testing.assert_allclose(found[stuck], cells.siemens[stuck])
    assert not stuck[references].any()
    assert found[stuck].max() > 0.8e-4
    assert found[stuck].min() < 1.3e-6
    assert after.wear.sum() == 0  # how many pulses programming takes is not known


@pytest.mark.parametrize("columns", ["differential", "offset"])
def test_conductances_are_rounded_to_the_nearest_state_and_references_to_none(columns):
    window = HARDWARE.used_window()
    states = ConductanceStates.even(5, window.low, window.high, Rounding.NEAREST)
    flaws = sn.Imperfections(states=states)
    hardware = HARDWARE.with_changes(imperfections=flaws, columns=columns, window=(2e-6, 9e-5))
    rng = np.random.default_rng(0)
    cells = Ideal(hardware=hardware).made(np.zeros((6, 4)), rng, largest=1.0)
    siemens, _ = cells.asked(rng.uniform(-1, 1, (6, 4)))
    found = cells.apply(Programmed(siemens=siemens), rng).siemens
    references = np.zeros(siemens.shape, bool)
    if columns == "offset":
        references[:, np.unique(cells.columns.references(4))] = True
    nearest = states.siemens[np.abs(siemens[..., None] - states.siemens).argmin(axis=-1)]
    np.testing.assert_allclose(
        found[~references], np.clip(nearest, 2e-6, 9e-5)[~references], rtol=1e-9
    )
    np.testing.assert_allclose(found[references], siemens[references], rtol=1e-9)


def test_every_kind_of_cell_can_be_programmed():
    rng, weights = np.random.default_rng(0), np.array([[0.5, -0.25], [-0.75, 0.1]])
    near = {"levels": 0.08, "solved": 0.05}
    for kind in (
        Ideal(hardware=HARDWARE),
        Levels(hardware=HARDWARE, levels=16),
        PulseMap(hardware=HARDWARE, pulses=PULSES),
        Solved(hardware=HARDWARE, pulses=PULSES, writing="verified", tolerance=0.02),
    ):
        cells = kind.made(np.zeros((2, 2)), rng, largest=1.0)
        after = cells.apply(Programmed(siemens=cells.asked(weights)[0]), rng)
        np.testing.assert_allclose(after.weights, weights, atol=near.get(kind.name, 1e-12))


def test_what_cannot_be_programmed_is_refused():
    cells = Ideal(hardware=HARDWARE).made(np.zeros((2, 2)), np.random.default_rng(0), largest=1.0)
    for siemens in (np.full((2, 2), 1e-5), np.full((2, 4), np.nan), np.full((2, 4), -1e-5)):
        with pytest.raises(InputError, match=r"expected \(2, 4\) of finite numbers"):
            cells.apply(Programmed(siemens=siemens), np.random.default_rng(0))


def test_weights_of_a_file_are_fractions_of_the_limits_and_mapped_at_once(tmp_path):
    rng = np.random.default_rng(0)
    shares = [rng.uniform(-1, 1, shape) for shape in ((17, 20), (21, 10), (11, 4))]
    path = save_weights(tmp_path / "w.npz", [w[:-1] for w in shares], [w[-1] for w in shares])
    rule = software(limits=(0.5, 0.8), weights=str(path))
    made = begun(rule)
    assert rule.mapped(made)
    for name, limit, w in zip(NAMES, (0.5, 0.8, 0.8), shares, strict=True):
        np.testing.assert_allclose(rule.means(made)[name], limit * w, atol=1e-6)
        np.testing.assert_allclose(made.synapses[name].weights, limit * w, atol=1e-6)
    save_weights(tmp_path / "w.npz", [2 * w[:-1] for w in shares])
    with pytest.raises(DataError, match="expected finite weights from −1 to 1"):
        begun(rule)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda: software(batch=0), "batch = 0"),
        (lambda: software(dropout=1.0), "dropout = 1.0"),
        (lambda: software(limits=(0.5, -0.5)), "numbers above 0"),
        (lambda: begun(software(limits=(0.5,) * 4)), "for 3 projections"),
        (lambda: begun(software(limits=(2.0,))), "whose cells hold weights up to 1.17"),
        (lambda: Tuning(share=1.5), r"share = 1\.5"),
        (lambda: Tuning(order="sideways"), "expected together or layerwise"),
    ],
)
def test_settings_that_cannot_be_are_refused(rule, message):
    with pytest.raises(InputError, match=message):
        rule()


# -- tuning ---------------------------------------------------------------------------------------


def loss(made, x, labels):
    layers = made.leaky_layers()
    trace = layers.forward(layers.read_weights(), x.astype(np.float32))
    return softmax_slope(trace.outputs, labels, 4.0)[0]


@pytest.fixture(scope="module")
def spoilt(learnt):
    """The learnt weights on cells with a spread of 30 % behind wires, mapped without regard to
    them."""
    made, x, labels = learnt
    kind = PulseMap(
        hardware=HARDWARE.with_changes(wires=WIRES, imperfections=sn.Imperfections(stuck_off=0.05)),
        pulses=PULSES,
        conductance_spread=0.3,
    )
    rule = made.batch_rule
    other = begun(rule, cells=kind).after(memory=made.memory)
    updates, _ = rule.programming(other, made.memory["ex-situ"])
    rng = np.random.default_rng(0)
    return (
        other.with_synapses({n: other.synapses[n].apply(u, rng) for n, u in updates.items()}),
        x,
        labels,
    )


def test_tuning_in_situ_makes_up_for_spread_and_wires_and_trains_in_software_no_more(spoilt):
    made, x, labels = spoilt
    tuned = made.learn(x, labels, np.random.default_rng(6))
    assert loss(tuned, x, labels) < 0.8 * loss(made, x, labels)
    means = made.batch_rule.means
    for name in NAMES:
        np.testing.assert_array_equal(means(tuned)[name], means(made)[name])
        stuck = made.synapses[name].array.stuck
        np.testing.assert_array_equal(
            tuned.synapses[name].siemens[stuck], made.synapses[name].siemens[stuck]
        )
    assert tuned.memory["ex-situ"]["tune shown"][0] == 1200
    weights = sum(cells.rows * cells.outputs for cells in made.synapses.values())
    assert 0 < tuned.pulses <= 24 * 2 * (0.3 * weights + 3)
    assert tuned.energy.write_joule > 0
    assert tuned.energy.read_joule > 0
    assert all(cells.seen.worst < 0.01 for cells in tuned.synapses.values())


def test_layers_take_turns(spoilt):
    made, x, labels = spoilt
    rule = made.batch_rule
    turns = replace(rule, tune=replace(rule.tune, order="layerwise", samples=1200))
    made = made.taught_by(turns, rule)
    for moved in range(3):
        after = made.learn(
            x[400 * moved : 400 * moved + 400],
            labels[400 * moved : 400 * moved + 400],
            np.random.default_rng(moved),
        )
        changed = [np.any(after.synapses[n].siemens != made.synapses[n].siemens) for n in NAMES]
        assert changed == [k == moved for k in range(3)]
        made = after


def test_steps_are_the_largest_of_the_gradient_and_their_rms_is_the_rate(learnt):
    """Of the whole layer: the rms of what would be wanted of all its weights is
    (1 − done)·rate·largest, whatever the gradient; the chosen ones are the largest tenth."""
    made, x, labels = learnt
    for done in (0, 300):
        full = Tuning(rate=2e-3, share=1.0, gain=4.0, samples=1200)
        tenth = replace(full, share=0.1)
        steps = []
        for rule in (full, tenth):
            taught = made.taught_by(rule, made.batch_rule)
            taught = taught.after(memory={"tuning": {"shown": np.array([done])}})
            updates, memory, _ = rule.updates(
                taught, taught.encoded(x[:50], None), labels[:50], np.random.default_rng(0), 0.0
            )
            steps.append(updates[NAMES[1]].steps)
            assert memory["shown"][0] == done + 50
        size = np.sqrt(np.mean(steps[0] ** 2))
        assert size == pytest.approx((1 - done / 1200) * 2e-3 / 0.85, rel=1e-5)
        chosen = steps[1] != 0
        assert chosen.sum() == round(0.1 * chosen.size)
        np.testing.assert_array_equal(steps[1][chosen], steps[0][chosen])
        assert np.abs(steps[0][~chosen]).max() <= np.abs(steps[0][chosen]).min()


def test_tuning_on_any_network_takes_the_gradient_node_by_node(learnt, monkeypatch):
    made, x, labels = learnt
    rule = Tuning(rate=2e-3, share=1.0, gain=4.0)
    found = []
    for fast in (True, False):
        if not fast:
            monkeypatch.setattr(sn.LearningNetwork, "leaky_layers", lambda self, steps=0: None)
        taught = made.taught_by(rule, made.batch_rule)
        x_in = taught.encoded(x[:50], None)
        found.append(rule.updates(taught, x_in, labels[:50], np.random.default_rng(0), 0.0))
    for name in NAMES:
        one, other = (updates[name].steps for updates, _, _ in found)
        np.testing.assert_allclose(one, other, atol=1e-3 * np.abs(other).max())
    assert found[0][2] == pytest.approx(found[1][2], rel=1e-5)


def test_another_rule_can_tune_and_its_memory_is_kept(learnt):
    made, x, labels = learnt
    rule = replace(made.batch_rule, tune=SurrogateGradient(rate=1e-3, gain=4.0, batch=100))
    made = made.taught_by(rule, made.batch_rule)
    after = made.learn(x[:200], labels[:200], np.random.default_rng(0))
    assert after.memory["ex-situ"]["tune count"][0] == 2
    assert rule.mapped(after)
    np.testing.assert_array_equal(rule.means(after)[NAMES[0]], rule.means(made)[NAMES[0]])
