"""A run's network as a circuit: the exported deck, run by a bare ngspice, spikes as the run's own
neurons do."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.learning import metrics
from spicesnn.netlist.network import Dialect
from spicesnn.training import load
from spicesnn.training.experiment import Experiment
from spicesnn.training.export import exported


def same_spikes(preset, states, count):
    config = load(preset, [])
    experiment = Experiment.of(config)
    devices = states(experiment)
    network = exported(
        experiment, devices, experiment.problem.test.inputs[:count], sn.NodalEngine()
    )
    got, want = network.simulate(timeout_s=120), network.spike_times
    spiked = np.isfinite(want)
    assert spiked.any()
    np.testing.assert_array_equal(np.isfinite(got), spiked)
    assert got[spiked] == pytest.approx(want[spiked], abs=2e-3 * config.neuron.tau_s)
    np.testing.assert_array_equal(
        metrics.first_to_spike(got, config.neuron.resolution_s),
        metrics.first_to_spike(want, config.neuron.resolution_s),
    )
    return network


def test_a_differential_network_exports_and_spikes_as_its_run():
    def states(experiment):
        low, high = experiment.device.bounds()
        return np.random.default_rng(5).uniform(low, high, experiment.shape)

    network = same_spikes("letters-3x3", states, 4)
    assert "column 2k minus column 2k+1" in network.deck.text
    assert ".include" not in network.deck.text


@pytest.mark.slow
def test_the_emulator_network_exports_and_spikes_as_its_run():
    network = same_spikes(
        "xpue", lambda experiment: np.where(experiment.problem.test.inputs.T > 0, 7.0, 0.0081), 4
    )
    assert network.spike_times.shape == (4, 4)
    assert np.array_equal(
        np.argmin(network.spike_times, axis=1), np.arange(4)
    )  # each pattern has its own column


def test_an_export_for_ltspice_has_its_syntax():
    experiment = Experiment.of(load("letters-3x3", []))
    deck = exported(
        experiment,
        experiment.fresh_devices(),
        experiment.problem.test.inputs[:1],
        sn.NodalEngine(),
        dialect=Dialect.LTSPICE,
    ).deck
    assert ".print" not in deck.text
    assert "required" not in deck.text.replace("* ", "")
