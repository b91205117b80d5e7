"""Populations that compete: compiled steps are the steps, one spikes at a time, thresholds adapt
and last."""

import numpy as np
import pytest

from spicesnn.networks.competition import CompetingConductanceLIF, CompetingLIF
from spicesnn.networks.populations import AdaptiveLIF, Population
from spicesnn.neurons.conductance_lif import membrane_step

NEURONS = CompetingLIF(
    v_threshold=2.0, inhibition=0.7, theta_step=0.05, theta_highest=1.3, tau_theta=0.5
)


def test_compiled_steps_are_the_steps():
    rng = np.random.default_rng(0)
    x = rng.random((400, 30)) * 0.3
    state, plain, t = NEURONS.begun(1, (30,)), NEURONS.begun(1, (30,)), 0
    spikes = 0
    while t < len(x):
        taken, out, state = NEURONS.advance(x[t:], state, 1e-3)
        taken_plain, out_plain, plain = Population.advance(NEURONS, x[t:], plain, 1e-3)
        assert taken == taken_plain
        assert np.array_equal(out, out_plain)
        for one, other in zip(state, plain, strict=True):
            assert one == pytest.approx(other, abs=1e-12)
        t, spikes = t + taken, spikes + int(out.sum())
    assert spikes > 20


def test_one_neuron_spikes_at_a_time_and_holds_the_others_back():
    v, factor, wait = NEURONS.begun(1, (3,))
    z, (v, factor, wait) = NEURONS.step(np.array([[3.0, 4.0, 1.0]]), (v, factor, wait), 1e-3)
    assert z.tolist() == [[0.0, 1.0, 0.0]]
    decay = np.exp(-1e-3 / 0.02)
    assert v[0] == pytest.approx([3 * decay - 0.7, 0.0, 1 * decay - 0.7])
    assert wait[0].tolist() == [6.0, 5.0, 6.0]
    assert factor[0] == pytest.approx([1.0, 1.05, 1.0])
    for _ in range(5):
        z, (v, factor, wait) = NEURONS.step(np.full((1, 3), 50.0), (v, factor, wait), 1e-3)
        assert not z.any()
    z, _ = NEURONS.step(np.full((1, 3), 50.0), (v, factor, wait), 1e-3)
    assert z.tolist() == [[0.0, 1.0, 0.0]]


def test_thresholds_do_not_exceed_their_bound_and_stand_still_after_learning():
    state = NEURONS.begun(1, (1,), (np.full((1, 1), 1.29),))
    _, after = NEURONS.step(np.array([[9.0]]), state, 1e-3)
    assert after[1][0, 0] == pytest.approx(1.3)
    still = NEURONS.still()
    _, after = still.step(np.array([[9.0]]), still.begun(2, (1,), (np.full((1, 1), 1.2),)), 1e-3)
    assert after[1] == pytest.approx(np.full((2, 1), 1.2))


@pytest.mark.parametrize("population", [NEURONS, AdaptiveLIF(), CompetingConductanceLIF()])
def test_what_lasts_is_carried_and_sinks_in_a_rest(population):
    lasting = tuple(np.full((1, 2), 1.15) for _ in population.lasting)
    state = population.begun(3, (2,), lasting)
    for place in population.lasting:
        assert np.all(state[place] == 1.15)
        assert state[place].shape == (3, 2)
    rest = NEURONS.rested((np.array([1.5]),), 0.5)
    assert rest[0] == pytest.approx([1 + 0.5 * np.exp(-1)])
    assert AdaptiveLIF(tau_theta=2.0).rested((np.array([1.5]),), 2.0)[0] == pytest.approx(
        [1.5 * np.exp(-1)]
    )


def test_conductance_neurons_take_the_step_of_diehl_and_cook():
    kind = CompetingConductanceLIF()
    state = kind.begun(1, (2,))
    x = np.array([[1.5, 0.5]])
    z, after = kind.step(x, state, 0.5e-3)
    v = membrane_step(
        np.array([-65.0]),
        np.array([1.5]),
        np.array([0.0]),
        0.5e-3 / 0.1,
        -65.0,
        0.0,
        -100.0,
    )
    assert not z.any()
    assert 1e3 * after[0][0, 0] == pytest.approx(v[0])
    assert after[1][0] == pytest.approx([1.5 * np.exp(-0.5), 0.5 * np.exp(-0.5)])
    spikes = 0
    for _ in range(400):
        z, state = kind.step(x, state, 0.5e-3)
        if z.any() and not spikes:
            assert z.tolist() == [[1.0, 0.0]]
            assert state[2][0].tolist()[1] == pytest.approx(17.0)
            assert state[3][0] == pytest.approx([20.05e-3, 20e-3])
        spikes += int(z.sum())
    assert spikes > 1


def test_a_conductance_neuron_can_spike_again_after_its_refractory_time():
    """Driven far beyond its threshold it spikes every time that it may."""
    kind = CompetingConductanceLIF(refractory=2e-3, tau=1e-3, theta_start=0.0)
    state, spikes = kind.begun(1, (1,)), []
    for step in range(30):
        z, state = kind.step(np.array([[50.0]]), state, 0.5e-3)
        spikes += [step] if z.any() else []
    assert np.diff(spikes).tolist() == [4] * (len(spikes) - 1)
    assert len(spikes) > 5
