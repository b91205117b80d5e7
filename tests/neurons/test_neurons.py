import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spicesnn.errors import InputError
from spicesnn.neurons.adaptive import AdaptiveLIF, AdaptiveState, adaptive_lif_step
from spicesnn.neurons.equations import relax
from spicesnn.neurons.integrate_fire import IF, IFState, if_step
from spicesnn.neurons.lif import LIF, LIFState, firing_rate, first_spike_time, lif_step, spike_count

NEURON = LIF(tau_s=150e-6, resistance_ohm=1e3, threshold_volts=4.0)


def run_lif(amps, neuron, dt_s, steps):
    state, times = LIFState.at_rest(np.shape(amps)), []
    for k in range(steps):
        spikes, state = lif_step(amps, state, neuron, dt_s)
        times += [(k + 1) * dt_s] * int(np.sum(spikes))
    return times, state


def test_membrane_follows_the_rc_charge_curve():
    _, state = run_lif(np.array([3e-3]), NEURON, 1e-5, 15)
    assert state.volts[0] == pytest.approx(3.0 * (1 - np.exp(-1.0)), rel=1e-12)


def test_first_spike_is_lapicques_time():
    """t = τ ln(V∞/(V∞ − ϑ)) with V∞ = 5 V, ϑ = 4 V: 150 µs · ln 5."""
    assert first_spike_time(5e-3, NEURON) == pytest.approx(150e-6 * np.log(5.0), rel=1e-14)
    assert np.isinf(first_spike_time([4e-3, 1e-3, -1e-3], NEURON)).all()


@settings(deadline=None, max_examples=30)
@given(st.floats(4.05e-3, 40e-3))
def test_steps_converge_to_the_closed_form(amps):
    exact, dt = float(first_spike_time(amps, NEURON)), 1e-6
    times, _ = run_lif(np.array([amps]), NEURON, dt, int(exact / dt) + 3)
    assert 0 <= times[0] - exact <= dt * (1 + 1e-6)


@settings(deadline=None, max_examples=30)
@given(
    amps=st.floats(5e-3, 30e-3),
    refractory=st.sampled_from([0.0, 40e-6]),
    reset=st.sampled_from([0.0, -1.5, 2.0]),
    spikes=st.integers(0, 12),
    share=st.floats(0.05, 0.95),
)
def test_the_spike_count_is_exact(amps, refractory, reset, spikes, share):
    """From 0 V the first spike comes after τ·ln(V/(V − ϑ)), each other t_ref + τ·ln((V −
    v_reset)/(V − ϑ)) later; the window ends between two."""
    neuron = LIF(
        tau_s=150e-6,
        resistance_ohm=1e3,
        threshold_volts=4.0,
        reset_volts=reset,
        refractory_s=refractory,
    )
    volts = 1e3 * amps
    first = 150e-6 * np.log(volts / (volts - 4.0))
    period = refractory + 150e-6 * np.log((volts - reset) / (volts - 4.0))
    window = share * first if spikes == 0 else first + (spikes - 1 + share) * period
    assert int(spike_count(amps, neuron, window)) == spikes
    if spikes and reset == 0 and refractory == 0:
        dt = share * period * 0.02 / (spikes + 1)  # a spike of `lif_step` is late by a step at most
        stepped = (
            len(
                run_lif(np.array([amps]), neuron, dt, int((window - (share - 0.5) * period) / dt))[
                    0
                ]
            )
            if spikes < 3
            else spikes
        )
        assert stepped == spikes
    assert float(firing_rate(amps, neuron)) == pytest.approx(1 / period, rel=1e-12)


def test_rates_and_counts_of_silent_neurons_are_0():
    neuron = LIF(refractory_s=1e-5)
    assert firing_rate([4e-3, 1e-3, -1.0, 0.0], neuron).tolist() == [0.0] * 4
    assert spike_count([4e-3, 1e-3, -1.0, 0.0], neuron, 1.0).tolist() == [0] * 4


def test_refractory_neuron_holds_its_reset():
    neuron = LIF(threshold_volts=1.0, refractory_s=3e-6)
    state = LIFState.at_rest(1)
    seen = []
    for _ in range(6):
        spikes, state = lif_step(np.array([1.0]), state, neuron, 1e-6)
        seen.append(bool(spikes[0]))
    assert seen == [True, False, False, False, True, False]


def test_integrate_and_fire_counts_charge():
    neuron, state, spikes = (
        IF(capacitance_farad=1e-9, threshold_volts=1.0),
        IFState.at_rest(2),
        np.zeros(2),
    )
    for _ in range(100):
        fired, state = if_step(np.array([1.1e-6, -1e-6]), state, neuron, 1e-4)
        spikes += fired
    assert spikes.tolist() == [10, 0]
    assert state.volts[1] == pytest.approx(-10.0)


def test_integrate_and_fire_floor():
    _, state = if_step(-1.0, IFState.at_rest(()), IF(floor_volts=-0.5), 1.0)
    assert state.volts == -0.5


def test_adaptive_threshold_rises_by_a_step_a_spike_and_decays():
    neuron = AdaptiveLIF(neuron=LIF(threshold_volts=1.0), theta_step_volts=0.5, theta_tau_s=1.0)
    spikes, state = adaptive_lif_step(np.array([1.0]), AdaptiveState.at_rest(1), neuron, 1e-3)
    assert spikes[0]
    assert state.theta_volts[0] == 0.5
    _, state = adaptive_lif_step(np.array([0.0]), state, neuron, 0.1)
    assert state.theta_volts[0] == pytest.approx(0.5 * np.exp(-0.1), rel=1e-12)
    _, frozen = adaptive_lif_step(np.array([1.0]), state, neuron, 0.1, learn=False)
    assert frozen.theta_volts[0] == state.theta_volts[0]


def test_numba_compiles_the_same_equation():
    compiled = numba.njit(relax)
    assert compiled(0.25, 2.0, 0.75) == relax(0.25, 2.0, 0.75) == pytest.approx(0.6875)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"tau_s": 0.0}, "tau_s = 0.0; expected a finite number above 0"),
        ({"threshold_volts": np.nan}, "threshold_volts = nan"),
        ({"reset_volts": 5.0}, "must be below threshold_volts"),
        ({"refractory_s": -1.0}, "refractory_s = -1.0; expected seconds"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(InputError, match=message):
        LIF(**parameters)
