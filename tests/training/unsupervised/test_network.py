from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spicesnn.encoding.events import (
    alias_table,
    choose,
    count_events,
    poisson_ladder,
    seed_words,
    uniform,
)
from spicesnn.errors import InputError
from spicesnn.networks.rules import LastSpikeSTDP
from spicesnn.neurons.conductance_lif import ConductanceLIF, membrane_step
from spicesnn.training.unsupervised.network import (
    IdealSynapse,
    LevelSynapse,
    TableSynapse,
    UnsupervisedNetwork,
    fresh_state,
    show,
)

SMALL = UnsupervisedNetwork(
    inputs=16, neurons=6, column_sum=8.0, full_rate_hz=200.0, inhibition=40.0
)


def bars(count, rng):
    """4×4 images with one bright row or column."""
    images = np.zeros((count, 4, 4), np.uint8)
    kind = rng.integers(0, 8, count)
    for image, k in zip(images, kind, strict=True):
        if k < 4:
            image[k] = 255
        else:
            image[:, k - 4] = 255
    return images, kind


def test_the_alias_table_chooses_by_weight():
    weights = np.array([1.0, 5.0, 2.0, 8.0])
    cut, other = np.empty(4, np.uint32), np.empty(4, np.int32)
    assert alias_table(weights, 4, cut, other) == 16.0
    words = seed_words(np.random.default_rng(0))
    drawn = np.bincount([choose(words, 4, cut, other) for _ in range(40_000)], minlength=4) / 40_000
    np.testing.assert_allclose(drawn, weights / 16, atol=0.01)


def test_event_counts_are_poisson():
    ladder = np.empty(64)
    poisson_ladder(3.2, ladder)
    words = seed_words(np.random.default_rng(1))
    counts = np.array([count_events(words, ladder) for _ in range(40_000)])
    assert counts.mean() == pytest.approx(3.2, abs=0.04)
    assert counts.var() == pytest.approx(3.2, abs=0.1)


def test_uniforms_fill_the_unit_interval():
    words = seed_words(np.random.default_rng(2))
    u = np.array([uniform(words) for _ in range(20_000)])
    assert 0 <= u.min() < 1e-3
    assert 1 - 1e-3 < u.max() < 1
    assert u.mean() == pytest.approx(0.5, abs=0.01)


def test_the_membrane_settles_where_the_currents_balance():
    v = -65.0
    for _ in range(4000):
        v = membrane_step(v, 0.5, 0.25, 5e-3, -65.0, 0.0, -100.0)
    assert v == pytest.approx((-65 - 25) / 1.75, rel=1e-9)


def test_the_same_seed_gives_the_same_run_and_leaves_its_input_alone():
    images, _ = bars(50, np.random.default_rng(3))
    state = fresh_state(SMALL, np.random.default_rng(4))
    before = state.weight.copy()
    runs = [show(SMALL, state, images, np.random.default_rng(5), learn=True) for _ in range(2)]
    np.testing.assert_array_equal(state.weight, before)
    np.testing.assert_array_equal(runs[0].responses, runs[1].responses)
    np.testing.assert_array_equal(runs[0].state.weight, runs[1].state.weight)
    assert not np.array_equal(
        show(SMALL, state, images, np.random.default_rng(6), learn=True).responses,
        runs[0].responses,
    )


def test_without_learning_nothing_moves():
    images, _ = bars(20, np.random.default_rng(7))
    state = fresh_state(SMALL, np.random.default_rng(8))
    shown = show(SMALL, state, images, np.random.default_rng(9), learn=False)
    assert shown.state is state
    assert shown.learning_writes == 0
    assert (
        shown.presentations > 20
    )  # an image that too few neurons answer is shown again, brighter; the last answer counts
    assert 0 < shown.responses.sum() < shown.output_spikes
    once = show(
        replace(SMALL, fewest_spikes=0), state, images, np.random.default_rng(9), learn=False
    )
    assert once.presentations == 20
    assert once.responses.sum() == once.output_spikes > 0


@pytest.mark.parametrize(
    "synapse", [IdealSynapse(), LevelSynapse(levels=32)], ids=["ideal", "levels"]
)
def test_neurons_become_detectors_of_the_bars(synapse):
    """After training each bar has its own winner: at least 6 of 8 patterns are told apart by 12
    neurons."""
    network = UnsupervisedNetwork(
        inputs=16,
        neurons=12,
        column_sum=6.0,
        full_rate_hz=200.0,
        inhibition=60.0,
        potentiation=0.05,
    )
    rng = np.random.default_rng(10)
    images, kind = bars(3000, rng)
    trained = show(
        network, fresh_state(network, rng, synapse), images, rng, learn=True, synapse=synapse
    ).state
    responses = show(network, trained, images[:400], rng, learn=False, synapse=synapse).responses
    winners = {
        int(np.bincount(responses[kind[:400] == k].argmax(axis=1)).argmax()) for k in range(8)
    }
    assert len(winners) >= 6


def test_columns_are_normalised_before_each_presentation():
    images, _ = bars(30, np.random.default_rng(11))
    state = show(
        SMALL,
        fresh_state(SMALL, np.random.default_rng(12)),
        images,
        np.random.default_rng(13),
        learn=True,
    ).state
    np.testing.assert_allclose(state.column_sum, state.weight.sum(axis=0), rtol=1e-4)
    fixed = UnsupervisedNetwork(
        inputs=16, neurons=6, column_sum=8.0, full_rate_hz=200.0, fewest_spikes=0
    )
    dark = show(fixed, state, np.zeros((1, 16), np.uint8), np.random.default_rng(0), learn=True)
    np.testing.assert_allclose(dark.state.effective_weight.sum(axis=0), 8.0, rtol=1e-4)
    assert dark.output_spikes == 0


def test_a_table_of_the_ideal_rule_learns_as_the_ideal_rule():
    """The soft-bound rule put into a table is the same synapse, but for the writes of the
    normalisation."""
    grid, lags = np.linspace(0, 1, 257) ** 2, np.arange(SMALL.steps + 1)
    trace = np.exp(-lags * SMALL.step_s / SMALL.trace_tau_s)[:, None]
    table = TableSynapse(
        up=SMALL.potentiation * trace * (1 - grid),
        down=-SMALL.potentiation * SMALL.depression_share * trace * grid,
    )
    images, _ = bars(40, np.random.default_rng(14))
    network = replace(SMALL, column_sum=2.0, full_rate_hz=600.0)
    start = fresh_state(network, np.random.default_rng(15))
    ideal = show(network, start, images, np.random.default_rng(16), learn=True)
    device = show(network, start, images, np.random.default_rng(16), learn=True, synapse=table)
    assert ideal.output_spikes > 40
    assert device.normalisation_writes > 0
    assert ideal.normalisation_writes == 0
    np.testing.assert_allclose(
        device.state.effective_weight, ideal.state.effective_weight, atol=1e-4
    )


@given(levels=st.integers(2, 64), seed=st.integers(0, 2**31))
@settings(max_examples=15, deadline=None)
def test_level_synapses_stay_on_their_levels(levels, seed):
    synapse = LevelSynapse(levels=levels)
    images, _ = bars(10, np.random.default_rng(seed))
    start = fresh_state(SMALL, np.random.default_rng(seed), synapse)
    state = show(
        SMALL, start, images, np.random.default_rng(seed), learn=True, synapse=synapse
    ).state
    steps = state.weight * (levels - 1)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
    assert state.weight.min() >= 0
    assert state.weight.max() <= 1 + 1e-6


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: UnsupervisedNetwork(neurons=0), "neurons = 0"),
        (lambda: UnsupervisedNetwork(show_s=0.0), "show_s"),
        (lambda: UnsupervisedNetwork(step_s=1e-5), "refractory"),
        (lambda: ConductanceLIF(tau_s=0.0), "tau_s"),
        (lambda: LevelSynapse(levels=1), "levels = 1"),
        (lambda: LevelSynapse(window=1.5), "window = 1.5"),
        (lambda: TableSynapse(up=-np.ones((2, 4)), down=-np.ones((2, 4))), "wrong sign"),
        (lambda: TableSynapse(up=np.ones((2, 1)), down=-np.ones((2, 4))), "grid of 2"),
        (
            lambda: show(
                SMALL,
                fresh_state(SMALL, np.random.default_rng(0)),
                np.zeros((2, 5), np.uint8),
                np.random.default_rng(0),
                learn=True,
            ),
            "16",
        ),
        (
            lambda: show(
                SMALL,
                fresh_state(SMALL, np.random.default_rng(0)),
                np.zeros((2, 16)),
                np.random.default_rng(0),
                learn=True,
            ),
            "uint8",
        ),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_the_last_spike_rule_takes_from_silent_inputs_and_gives_to_those_that_just_spiked():
    network = replace(SMALL, neurons=1, full_rate_hz=400.0)
    image = np.zeros((1, 4, 4), np.uint8)
    image[0, 0] = 255
    rule = LastSpikeSTDP(rise=0.004, fall=0.003, tau_s=2e-3, window_s=5e-3)
    before = fresh_state(network, np.random.default_rng(0))
    shown = show(network, before, image, np.random.default_rng(1), learn=True, synapse=rule)
    assert shown.output_spikes >= 5
    start = before.weight * (
        network.column_sum / before.weight.sum()
    )  # normalised before the image
    change = shown.state.weight[:, 0] - start[:, 0]
    silent = np.maximum(start[4:, 0] - 0.003 * shown.output_spikes, 0.0) - start[4:, 0]
    np.testing.assert_allclose(change[4:], silent, atol=2e-6)
    assert np.all(change[:4] > 0)
    assert np.all(change[:4] <= 0.004 * shown.output_spikes + 1e-6)
    assert shown.learning_writes == 16 * shown.output_spikes


def test_the_last_spike_rule_by_lag():
    change = LastSpikeSTDP(tau_s=2e-3, window_s=5e-3).table(0.5e-3)
    assert len(change) == 12
    np.testing.assert_allclose(
        change[[0, 4, 10, 11]], [0.005, 0.005 / np.e, 0.005 * np.exp(-2.5), -0.003], rtol=1e-6
    )
    with pytest.raises(InputError, match="window_s=-1"):
        LastSpikeSTDP(window_s=-1)
