"""Whole samples of competing conductance neurons, compiled: what they learn on every kind of cells,
and that they are shown as they are step by step."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import spicesnn as sn
from spicesnn.crossbar.noise import CycleToCycle, ReadNoise
from spicesnn.errors import ConvergenceError, InputError
from spicesnn.networks.competition import CompetingConductanceLIF
from spicesnn.networks.conductance_samples import ConductanceSamples
from spicesnn.networks.decisions import Votes
from spicesnn.networks.learner import LearningNetwork
from spicesnn.networks.members import Inputs, Neurons
from spicesnn.networks.projections import Projection
from spicesnn.networks.rules import LastSpikeSTDP, TraceSTDP
from spicesnn.networks.synapses import Ideal, Levels, PulseMap
from spicesnn.neurons.conductance_lif import membrane_step
from spicesnn.nonidealities.realised import Imperfections
from spicesnn.programming.pulse_map import StrongestPulses

POWER_LAW = sn.devices.PowerLaw()
HARDWARE = sn.Hardware(columns="single", device=POWER_LAW, read_volts=0.7, read_s=0.5e-3)
PULSES = StrongestPulses(set_volts=2.2, reset_volts=2.5, set_s=10e-9, reset_s=1e-9)
IDEAL = Ideal(hardware=HARDWARE)
DEVICE = PulseMap(hardware=HARDWARE, pulses=PULSES)
RULE = TraceSTDP(rise=0.01, fall=1e-4, column_sum=8.0, highest=1.0)
NAME = "in>out"


def network(kind=IDEAL, rule=RULE, *, neurons=6, inputs=16, inhibition=40.0, largest=1.0, **light):
    """A network that has not been shown anything."""
    light = {"rate_hz": 200.0, "fewest_spikes": 5, "most_tries": 6, **light}
    projection = Projection(
        source="in",
        target="out",
        synapses=kind,
        rule=rule,
        initial=(0.003, 0.303 * largest),
        largest=largest,
    )
    return LearningNetwork(
        inputs={"in": Inputs(shape=inputs, code="poisson", **light)},
        populations={
            "out": Neurons(shape=neurons, kind=CompetingConductanceLIF(inhibition=inhibition))
        },
        projections=(projection,),
        decision=Votes(),
        steps=700,
        dt_s=0.5e-3,
        rest_s=0.5,
    )


def fresh(*args, seed=4, **rest):
    return network(*args, **rest).fresh(np.random.default_rng(seed))


def learnt(net, x, seed=5):
    return net.learn(x, np.zeros(len(x), np.int64), np.random.default_rng(seed))


def weights(net):
    return net.synapses[NAME].weights


def flawed(kind=IDEAL, **flaws):
    """The same kind of cells with non-idealities."""
    return replace(kind, hardware=kind.hardware.with_changes(imperfections=Imperfections(**flaws)))


def wired(kind, ohm=1.0, **rest):
    wires = sn.Wires(word_line_ohm=ohm, bit_line_ohm=ohm, driver_ohm=5.0, sense_ohm=3.0)
    return replace(kind, hardware=kind.hardware.with_changes(wires=wires, tile=(20, 12)), **rest)


def bars(count, rng, edge=4):
    """Square images with one bright row or column."""
    images = np.zeros((count, edge, edge))
    kind = rng.integers(0, 2 * edge, count)
    for image, k in zip(images, kind, strict=True):
        if k < edge:
            image[k] = 1.0
        else:
            image[:, k - edge] = 1.0
    return images.reshape(count, -1), kind


def test_the_membrane_settles_where_the_currents_balance():
    v = -65.0
    for _ in range(4000):
        v = membrane_step(v, 0.5, 0.25, 5e-3, -65.0, 0.0, -100.0)
    assert v == pytest.approx((-65 - 25) / 1.75, rel=1e-9)


# -- the loop and the steps -----------------------------------------------------------------------


@pytest.fixture
def step_by_step(monkeypatch):
    """Turn the compiled loop off."""

    def off():
        monkeypatch.setattr(LearningNetwork, "whole_samples", lambda *_: None)

    return off


def test_samples_are_learnt_and_answered_as_step_by_step(step_by_step):
    x = bars(6, np.random.default_rng(3))[0] * np.array([[1.0], [0.2], [1.0], [0.5], [1.0], [0.0]])
    rule = replace(RULE, rise=0.05, fall=0.01, column_sum=4.0)
    start = fresh(rule=rule, rate_hz=400.0)
    assert start.whole_samples().teachable
    loop = learnt(start, x)
    once = replace(loop, inputs={"in": replace(loop.inputs["in"], most_tries=1)})
    answers = once.counts(x, np.random.default_rng(6))
    # A step with two events of an input is a read of twice the volts step by step, which is rare
    # where events are.
    dim = fresh(rate_hz=40.0, most_tries=1)
    first = learnt(dim, x[:1])
    step_by_step()
    joules = [net.energy.read_joule for net in (first, learnt(dim, x[:1]))]
    assert joules[0] == pytest.approx(joules[1], rel=0.04)
    steps = learnt(start, x)
    np.testing.assert_array_equal(loop.answered, steps.answered)
    assert loop.answered.sum() > 20
    for name in ("presentations", "input_events", "output_spikes"):
        assert loop.counted[name] == steps.counted[name]
    assert loop.counted["presentations"] > 6  # some are too dark to be answered at once
    assert weights(loop) == pytest.approx(weights(steps), abs=1e-6)
    assert np.abs(weights(loop) - weights(start)).max() > 0.1
    assert loop.lasting["out"][0] == pytest.approx(steps.lasting["out"][0], rel=1e-5)
    np.testing.assert_array_equal(answers, once.counts(x, np.random.default_rng(6)))
    again = loop.counts(x, np.random.default_rng(6))
    assert again[[1, 3]].sum() > answers[[1, 3]].sum()
    assert answers.sum() > 20


def test_a_device_learns_as_step_by_step(step_by_step):
    x = bars(4, np.random.default_rng(3))[0]
    weak = replace(DEVICE, pulses=replace(PULSES, set_volts=1.36, reset_volts=1.4))
    start = fresh(weak, replace(RULE, rise=0.05, fall=0.02))
    loop = learnt(start, x)
    step_by_step()
    steps = learnt(start, x)
    np.testing.assert_array_equal(loop.answered, steps.answered)
    assert weights(loop) == pytest.approx(weights(steps), abs=2e-4)
    moved = np.abs(weights(loop) - weights(start)).max()
    assert moved > 0.05
    cells = [net.synapses[NAME] for net in (loop, steps)]
    one, other = (c.energy for c in cells)
    assert one.write_joule == pytest.approx(other.write_joule, rel=0.05)
    assert 0.1 * other.read_joule < one.read_joule < 10 * other.read_joule  # of the first sample
    # Of two events in a step, each is a pulse in the loop.
    assert cells[0].wear.sum() == pytest.approx(cells[1].wear.sum(), rel=0.07)


def test_wires_are_read_as_step_by_step(step_by_step):
    x = bars(3, np.random.default_rng(3))[0]
    kind = wired(IDEAL, 20.0, wire_tolerance=1e-3)
    start = fresh(kind, replace(RULE, rise=0.05))
    loop = learnt(start, x)
    assert loop.counted["columns_refreshed"] > 6
    step_by_step()
    steps = learnt(start, x)
    assert loop.answered.sum() == pytest.approx(steps.answered.sum(), rel=0.1)
    assert np.corrcoef(weights(loop).ravel(), weights(steps).ravel())[0, 1] > 0.99


# -- what it learns -------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_run_and_leaves_its_input_alone():
    x, _ = bars(50, np.random.default_rng(3))
    start = fresh()
    before = weights(start).copy()
    runs = [learnt(start, x) for _ in range(2)]
    np.testing.assert_array_equal(weights(start), before)
    np.testing.assert_array_equal(runs[0].answered, runs[1].answered)
    np.testing.assert_array_equal(weights(runs[0]), weights(runs[1]))
    assert not np.array_equal(learnt(start, x, seed=6).answered, runs[0].answered)


def test_an_image_that_few_neurons_answer_is_shown_again_and_the_last_answer_counts():
    x, _ = bars(20, np.random.default_rng(7))
    start = fresh(fewest_spikes=30, most_tries=4, boost_hz=100.0)
    again = start.counts(x, np.random.default_rng(9))
    once = fresh(fewest_spikes=0).counts(x, np.random.default_rng(9))
    assert 0 < once.sum() < again.sum()


@pytest.mark.parametrize(
    ("kind", "largest"),
    [(IDEAL, 1.0), (Levels(hardware=HARDWARE, levels=32), 0.5)],
    ids=["ideal", "levels"],
)
def test_neurons_become_detectors_of_the_bars(kind, largest):
    """After training each bar has its own winner: at least 6 of 8 patterns are told apart by 12
    neurons."""
    rule = TraceSTDP(rise=0.05, fall=5e-4, column_sum=6.0, highest=1.0)
    rng = np.random.default_rng(10)
    x, bar = bars(3000, rng)
    net = learnt(fresh(kind, rule, neurons=12, inhibition=60.0, largest=largest), x)
    responses = net.counts(x[:400], rng)
    winners = {
        int(np.bincount(responses[bar[:400] == k].argmax(axis=1)).argmax()) for k in range(8)
    }
    assert len(winners) >= 6


def test_columns_are_normalised_before_each_presentation():
    x, _ = bars(30, np.random.default_rng(11))
    net = learnt(fresh(fewest_spikes=0), x)
    assert not np.allclose(weights(net).sum(axis=0), 8.0, rtol=1e-4)
    dark = learnt(net, np.zeros((1, 16)))
    np.testing.assert_allclose(weights(dark).sum(axis=0), 8.0, rtol=1e-4)
    assert dark.counted["output_spikes"] == 0
    free = learnt(fresh(rule=replace(RULE, column_sum=None)), np.zeros((1, 16)))
    assert weights(free) == pytest.approx(weights(fresh()), abs=1e-7)


def test_a_device_whose_pulses_reach_far_learns_as_ideal_cells():
    """But for the writes of the normalisation."""
    x, _ = bars(40, np.random.default_rng(14))
    rule = replace(RULE, column_sum=2.0)
    ideal, device = (learnt(fresh(kind, rule, rate_hz=600.0), x) for kind in (IDEAL, DEVICE))
    assert ideal.counted["output_spikes"] > 40
    assert device.counted["normalisation_writes"] > 0
    assert ideal.counted["normalisation_writes"] == 0
    np.testing.assert_allclose(weights(device), weights(ideal), atol=1e-4)
    energy = device.synapses[NAME].energy
    assert energy.write_joule > 0
    assert ideal.synapses[NAME].energy.write_joule == 0


def test_pulses_chosen_without_regard_to_the_state_make_the_rich_richer():
    """In the middle of the window a step is what is wanted, above it more: on the power-law device
    it grows with the square of the weight."""
    kind = replace(DEVICE, amplitude="uncompensated")
    net = fresh(kind, TraceSTDP(rise=0.01, fall=1e-4, highest=1.0))
    up, down = net.whole_samples()._changes()
    shares = np.linspace(0, 1, up.shape[1]) ** 2
    wanted = 0.01 * (1 - shares)
    middle = np.argmin(np.abs(shares - 0.5))
    assert up[0, middle] == pytest.approx(wanted[middle], rel=0.02)
    ratio = up[0, 1:-1] / wanted[1:-1]
    high = np.argmin(np.abs(shares - 0.8))
    assert ratio[high - 1] == pytest.approx((0.8 / 0.5) ** 2, rel=0.05)
    assert np.all(down <= 0)


@given(levels=st.integers(2, 64), seed=st.integers(0, 2**31))
@settings(max_examples=15, deadline=None)
def test_cells_of_levels_stay_on_their_levels(levels, seed):
    x, _ = bars(10, np.random.default_rng(seed))
    kind = Levels(hardware=HARDWARE, levels=levels)
    net = learnt(fresh(kind, seed=seed, largest=0.5), x, seed=seed)
    cells = net.synapses[NAME]
    window = HARDWARE.used_window()
    steps = (cells.siemens - window.low) / window.span * (levels - 1)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-6)
    assert cells.siemens.min() >= window.low * (1 - 1e-12)
    assert cells.siemens.max() <= window.high * (1 + 1e-12)
    bare = 0.5 * steps / (levels - 1)
    np.testing.assert_allclose(cells.weights, cells.gain * bare, rtol=1e-6, atol=1e-9)


def test_the_gain_of_an_output_is_what_cells_of_levels_leave_of_a_sum(step_by_step):
    """And both ways of learning set it alike."""
    kind, dark = Levels(hardware=HARDWARE, levels=16), np.zeros((1, 16))
    rule = replace(RULE, column_sum=3.0)
    start = fresh(kind, rule, largest=0.5, fewest_spikes=0)
    loop = learnt(start, dark)
    step_by_step()
    steps = learnt(start, dark)
    for net in (loop, steps):
        cells = net.synapses[NAME]
        np.testing.assert_allclose(cells.weights.sum(axis=0), 3.0, rtol=1e-6)
        assert np.all((cells.gain > 1 / 1.3) & (cells.gain < 1.3))
        row = np.ones((1, 16))
        assert cells.product(row)[0] == pytest.approx(row @ cells.weights)


def test_the_last_spike_rule_takes_from_silent_inputs_and_gives_to_those_that_just_spiked():
    x = np.zeros((1, 16))
    x[0, :4] = 1.0
    rule = LastSpikeSTDP(rise=0.004, fall=0.003, tau_s=2e-3, window_s=5e-3, column_sum=8.0)
    start = fresh(rule=rule, neurons=1, rate_hz=400.0)
    net = learnt(start, x)
    spikes = net.counted["output_spikes"]
    assert spikes >= 5
    assert net.counted["presentations"] == 1
    begun = weights(start)[:, 0] * (8.0 / weights(start).sum())  # normalised before the image
    change = weights(net)[:, 0] - begun
    silent = np.maximum(begun[4:] - 0.003 * spikes, 0.0) - begun[4:]
    np.testing.assert_allclose(change[4:], silent, atol=2e-6)
    assert np.all(change[:4] > 0)
    assert np.all(change[:4] <= 0.004 * spikes + 1e-6)
    assert net.counted["learning_writes"] == 16 * spikes
    assert net.synapses[NAME].wear.sum() == 16 * spikes


def test_the_last_spike_rule_by_lag():
    change = LastSpikeSTDP(tau_s=2e-3, window_s=5e-3).table(0.5e-3)
    assert len(change) == 12
    np.testing.assert_allclose(
        change[[0, 4, 10, 11]], [0.005, 0.005 / np.e, 0.005 * np.exp(-2.5), -0.003], rtol=1e-6
    )
    with pytest.raises(InputError, match="window_s=-1"):
        LastSpikeSTDP(window_s=-1)
    with pytest.raises(InputError, match="column_sum is 0"):
        LastSpikeSTDP(column_sum=0.0)


# -- cells that are not as they should be ---------------------------------------------------------


def test_stuck_cells_stay_and_the_others_make_up_for_them():
    rule = replace(RULE, rise=0.05, column_sum=6.0)
    start = fresh(flawed(stuck_on=0.1, stuck_off=0.2), rule)
    x, _ = bars(40, np.random.default_rng(0))
    net = learnt(start, x)
    stuck, before = start.synapses[NAME].array.stuck, weights(start)
    assert {0.0, 1.0} == set(np.round(before[stuck], 6))
    np.testing.assert_allclose(weights(net)[stuck], before[stuck], atol=1e-7)
    assert not net.synapses[NAME].wear[stuck].any()
    assert np.abs(weights(net) - before)[~stuck].max() > 0.1
    dark = learnt(net, np.zeros((1, 16)))
    np.testing.assert_allclose(weights(dark).sum(axis=0), 6.0, rtol=1e-3)


def test_read_noise_keeps_the_mean_and_changes_the_spikes():
    x, _ = bars(200, np.random.default_rng(3))
    quiet, noisy = fresh(), fresh(flawed(read_noise=ReadNoise(relative=0.3)))
    counts = [net.counts(x, np.random.default_rng(4)) for net in (quiet, noisy)]
    assert not np.array_equal(*counts)
    assert counts[1].sum() == pytest.approx(counts[0].sum(), rel=0.1)
    assert not np.array_equal(learnt(quiet, x).answered, learnt(noisy, x).answered)


def test_variation_of_pulses_changes_what_is_learnt_by_as_much():
    x, _ = bars(1, np.random.default_rng(3))
    rule, cycles = replace(RULE, column_sum=None), CycleToCycle(relative=0.4)
    plain, varied, scattered = (
        fresh(kind, rule, neurons=1, inhibition=0.0)
        for kind in (IDEAL, replace(IDEAL, pulse_spread=0.5), flawed(cycle_to_cycle=cycles))
    )
    same = replace(varied.synapses[NAME], kind=plain.synapses[NAME].kind)
    assert same.weights == pytest.approx(weights(plain))
    ends = [weights(learnt(net, x)) - weights(plain) for net in (plain, varied, scattered)]
    moved = np.abs(ends[0]) > 1e-3
    assert moved.sum() >= 4
    gains = varied.synapses[NAME].array.device.gain
    assert (ends[1] / ends[0])[moved] == pytest.approx(gains[moved], rel=0.2)
    assert 0.01 < np.std((ends[2] / ends[0])[moved]) < 0.4


# -- wires ----------------------------------------------------------------------------------------


def lines(count, rng):
    images = np.zeros((count, 6, 8))
    for image, k in zip(images, rng.integers(0, 6, count), strict=True):
        image[k] = 1.0
    return images.reshape(count, -1)


WIDE = {"neurons": 20, "inputs": 48, "rate_hz": 150.0, "fewest_spikes": 0}
WIDE_RULE = TraceSTDP(rise=0.02, fall=2e-4, column_sum=12.0, highest=1.0)


def test_without_resistance_wires_change_nothing():
    """1 mΩ: the spikes (but for the rounding of sums) and, to the resolution of the tables, the
    weights are those on ideal wires, read or written."""
    x = lines(15, np.random.default_rng(2))
    start = fresh(DEVICE, WIDE_RULE, **WIDE)
    ideal = learnt(start, x)
    assert ideal.counted["output_spikes"] > 20
    for through in (False, True):
        hardware = HARDWARE.with_changes(wires=sn.Wires(1e-3, 1e-3), tile=(20, 12))
        kind = replace(DEVICE, hardware=hardware, wired_writes=through)
        near = learnt(fresh(kind, WIDE_RULE, **WIDE), x)
        assert np.mean(near.answered == ideal.answered) > 0.9
        assert near.counted["output_spikes"] == pytest.approx(
            ideal.counted["output_spikes"], rel=0.02
        )
        assert (
            np.abs(weights(near) - weights(ideal)).mean()
            < 0.02 * np.abs(weights(ideal) - weights(start)).mean()
        )


def test_wires_take_their_share_of_learning():
    """One image from the same start: with 5 Ω a segment the pulses add less to the weights than
    with 0.1 Ω."""
    x, gained = lines(1, np.random.default_rng(4)), []
    for ohm in (0.1, 5.0):
        net = learnt(fresh(wired(DEVICE, ohm, wired_writes=True), WIDE_RULE, **WIDE), x)
        more = weights(net).sum() - 20 * WIDE_RULE.column_sum
        gained.append(more / net.counted["output_spikes"])
        assert net.counted["tiles_solved"] > 0
        assert net.synapses[NAME].energy.write_joule > 0
    assert 0 < gained[1] < 0.7 * gained[0]


def test_wires_that_short_circuit_their_drivers_are_an_error():
    with pytest.raises(ConvergenceError, match="did not converge"):
        learnt(fresh(wired(IDEAL, 1e7), WIDE_RULE, **WIDE), lines(1, np.random.default_rng(1)))


# -- what is not for the loop ---------------------------------------------------------------------


def teachable(kind=IDEAL, rule=RULE, **rest):
    whole = fresh(kind, rule, **rest).whole_samples()
    assert isinstance(whole, ConductanceSamples)
    return whole.teachable


def test_the_loop_takes_what_it_knows_and_leaves_the_rest_to_the_steps():
    noise = ReadNoise(relative=0.1)
    last = LastSpikeSTDP(column_sum=8.0)
    assert teachable()
    assert teachable(DEVICE)
    assert teachable(rule=last)
    assert teachable(flawed(read_noise=noise, stuck_on=0.1))
    assert teachable(wired(DEVICE, wired_writes=True))
    assert not teachable(replace(DEVICE, amplitude="fixed"))
    assert not teachable(DEVICE, last)
    assert not teachable(wired(IDEAL), last)
    assert not teachable(wired(IDEAL, wire_tolerance=0.0))
    assert not teachable(replace(IDEAL, conductance_spread=0.1))
    assert not teachable(wired(Levels(hardware=HARDWARE, levels=8)))
    pairs = replace(IDEAL, hardware=HARDWARE.with_changes(columns="differential"))
    assert not teachable(pairs)
    assert network(pairs).fresh(np.random.default_rng(0)).whole_samples().readable


@pytest.mark.parametrize(
    "kind",
    [
        replace(DEVICE, wired_writes=True),
        wired(replace(DEVICE, pulse_spread=0.1), wired_writes=True),
        wired(replace(DEVICE, amplitude="uncompensated"), wired_writes=True),
    ],
)
def test_pulses_through_wires_are_for_the_loop_alone(kind):
    x, _ = bars(1, np.random.default_rng(0))
    with pytest.raises(InputError, match=r"wired_writes is for whole samples .* use Solved"):
        learnt(fresh(kind), x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Inputs(shape=4, code="poison"), "poisson"),
        (lambda: Inputs(shape=4, code="poisson", rate_hz=0.0), "rate_hz is 0"),
        (lambda: Inputs(shape=4, code="poisson", most_tries=0), "most_tries is 0"),
        (
            lambda: Inputs(shape=4, code="spikes", fewest_spikes=5, most_tries=6),
            "only with code = poisson; expected 0 with code = spikes",
        ),
        (lambda: learnt(fresh(), np.zeros((2, 5))), "16"),
        (lambda: learnt(fresh(), np.full((2, 16), 1.5)), "spikes are drawn for values from 0 to 1"),
        (lambda: learnt(fresh(rate_hz=5e3), np.ones((1, 16))), "40 input events are expected"),
        (lambda: TraceSTDP(column_sum=-1.0), "column_sum is -1"),
        (lambda: TraceSTDP(highest=0.0), "highest is 0"),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
