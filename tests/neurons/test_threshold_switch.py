"""A neuron of a volatile switch and a capacitor: its step function against ngspice, its formulas,
small steps, and the LIF neuron.
"""

import numpy as np
import pytest

from spicesnn import paths
from spicesnn.errors import InputError
from spicesnn.netlist.batch import run_batch
from spicesnn.netlist.deck import number
from spicesnn.neurons import ThresholdSwitchNeuron, ThresholdSwitchState, lif, threshold_switch_step

NEURON = ThresholdSwitchNeuron()
LEAST, MOST = NEURON.window_amps


def in_ngspice(neuron, amps, duration, step):
    """Times at which switches turn on, and the membranes."""
    cards = ["* bench", f'.include "{paths.model_file("threshold_neuron.lib")}"']
    values = " ".join(f"{key}={number(value)}" for key, value in neuron.spice_parameters().items())
    for k, current in enumerate(amps):
        cards += [f"i{k} 0 m{k} dc {number(current)}", f"xn{k} m{k} o{k} threshold_neuron {values}"]
    saved = " ".join(f"v(m{k}) v(o{k})" for k in range(len(amps)))
    run = run_batch(
        "\n".join(
            [
                *cards,
                ".options reltol=1e-5",
                f".save {saved}",
                f".tran {step:g} {duration:g} 0 {step:g} uic",
                ".end",
            ]
        )
    )
    high = 0.5 * neuron.held_volts * neuron.load_ohm / (neuron.on_ohm + neuron.load_ohm)
    outs = [run[f"v(o{k})"] > high for k in range(len(amps))]
    return [run.sweep[1:][out[1:] & ~out[:-1]] for out in outs], run


def stepped(neuron, amps, duration, dt):
    """Times of the steps in which switches turn on, by the step function."""
    state, times = ThresholdSwitchState.at_rest(len(amps)), [[] for _ in amps]
    for n in range(round(duration / dt)):
        spikes, state = threshold_switch_step(amps, state, neuron, dt)
        for k in np.flatnonzero(spikes):
            times[k] += [n * dt] * spikes[k]
    return [np.array(one) for one in times], state


def test_the_circuit_fires_when_the_step_function_says():
    amps = [0.98 * LEAST, 1.3 * LEAST, 5 * LEAST, 20 * LEAST]
    duration, dt = 2.7e-4, 1e-7
    circuit, run = in_ngspice(
        NEURON, amps, duration, 1e-9
    )  # its switch acts at the step after it is due
    twin, state = stepped(NEURON, amps, duration, dt)
    assert [len(one) for one in circuit] == [len(one) for one in twin]
    assert [len(one) > 1 for one in circuit] == [False, True, True, True]
    for got, want in zip(circuit[1:], twin[1:], strict=True):
        np.testing.assert_allclose(got, want, atol=dt + 1e-3 * want[-1])
        assert np.diff(got).mean() == pytest.approx(np.diff(want).mean(), rel=1e-3)
    assert run["v(m0)"][-1] == pytest.approx(state.volts[0], rel=1e-4)


@pytest.mark.parametrize("factor", [1.01, 2.0, 30.0])
def test_rate_and_first_spike_are_the_formulas(factor):
    amps = [factor * LEAST]
    period = 1 / float(NEURON.rate_hz(amps[0]))
    times, _ = stepped(NEURON, amps, 8 * period, period / 997)
    assert times[0][0] == pytest.approx(float(NEURON.first_spike_s(amps[0])), abs=period / 990)
    assert np.diff(times[0]).mean() == pytest.approx(period, rel=2e-3)


def test_the_step_does_not_matter():
    rng = np.random.default_rng(0)
    inputs = rng.uniform(0, 12 * LEAST, (60, 7))
    one = ThresholdSwitchState.at_rest(7)
    many, few, fine = one, np.zeros(7, int), np.zeros(7, int)
    for amps in inputs:
        spikes, one = threshold_switch_step(amps, one, NEURON, 2e-5)
        few += spikes
        for _ in range(50):
            spikes, many = threshold_switch_step(amps, many, NEURON, 4e-7)
            fine += spikes
    np.testing.assert_array_equal(few, fine)
    np.testing.assert_allclose(one.volts, many.volts, rtol=1e-9)
    np.testing.assert_array_equal(one.on, many.on)
    assert few.min() > 3


def test_it_is_what_euler_steps_of_the_circuit_come_to():
    amps, dt, v, on, count = 7 * LEAST, 2e-10, 0.0, False, 0
    for _ in range(400_000):
        ohm = (NEURON.on_ohm if on else NEURON.off_ohm) + NEURON.load_ohm
        v += dt / NEURON.capacitance * (amps - v / ohm)
        across = v * (ohm - NEURON.load_ohm) / ohm
        if not on and across >= NEURON.threshold_volts:
            on, count = True, count + 1
        elif on and across <= NEURON.hold_volts:
            on = False
    spikes, state = threshold_switch_step(amps, ThresholdSwitchState.at_rest(1), NEURON, 8e-5)
    assert spikes[0] == count > 3
    assert state.volts[0] == pytest.approx(v, rel=2e-3)


def test_a_spike_takes_what_its_discharge_burns():
    """∫ v²/R dt by small steps, from the membrane that fires to the one that it leaves, no current
    flowing in."""
    neuron = ThresholdSwitchNeuron(capacitance=3e-10, load_ohm=700.0)
    ohm = neuron.on_ohm + neuron.load_ohm
    time = np.linspace(0.0, neuron.spike_s, 20_001)
    volts = neuron.fired_volts * np.exp(-time / (ohm * neuron.capacitance))
    assert volts[-1] == pytest.approx(neuron.held_volts, rel=1e-9)
    assert np.trapezoid(volts**2 / ohm, time) == pytest.approx(neuron.spike_joule, rel=1e-6)


def test_above_the_window_the_switch_stays_on():
    assert float(NEURON.rate_hz(1.01 * MOST)) == 0.0
    spikes, state = threshold_switch_step(
        1.01 * MOST, ThresholdSwitchState.at_rest(1), NEURON, 1e-2
    )
    assert spikes[0] == 1
    assert state.on[0]
    assert float(NEURON.rate_hz(0.9 * MOST)) > float(NEURON.rate_hz(0.1 * MOST)) > 0


def test_a_lif_neuron_has_its_rate_up_to_the_length_of_a_spike():
    twin = NEURON.as_lif()
    amps = np.array([1.01, 1.5, 4.0, 20.0]) * LEAST
    rate, other = NEURON.rate_hz(amps), lif.firing_rate(amps, twin)
    np.testing.assert_allclose(
        NEURON.first_spike_s(amps), lif.first_spike_time(amps, twin), rtol=1e-12
    )
    ohm = NEURON.on_ohm + NEURON.load_ohm
    longer = (
        ohm
        * NEURON.capacitance
        * np.log((NEURON.fired_volts - amps * ohm) / (NEURON.held_volts - amps * ohm))
        - NEURON.spike_s
    )
    np.testing.assert_allclose(1 / rate - 1 / other, longer, rtol=1e-6)
    np.testing.assert_allclose(rate, other, rtol=0.01)
    assert np.all(rate < other)
    at = 0.5 * MOST
    assert float(NEURON.rate_hz(at)) < 0.9 * float(lif.firing_rate(at, twin))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"capacitance": 0.0}, "capacitance = 0.0"),
        ({"on_ohm": 2e6}, "expected on_ohm < off_ohm"),
        ({"load_ohm": 1e5}, "keeps more than hold_volts"),
        ({"hold_volts": 1.2}, "keeps more than hold_volts"),
    ],
)
def test_neurons_that_cannot_oscillate_are_refused(change, words):
    with pytest.raises(InputError, match=words):
        ThresholdSwitchNeuron(**change)
    with pytest.raises(InputError, match="dt_s = 0"):
        threshold_switch_step(1e-6, ThresholdSwitchState.at_rest(1), NEURON, 0)
