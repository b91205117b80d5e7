"""Networks of several arrays: each layer has draws of its own, and what a pass through all of them
costs is the sum of what each costs."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.faults import Wear
from spicesnn.crossbar.mapping import Differential, Window
from spicesnn.neurons.lif import LIF
from spicesnn.training import RunDirectory, load, train
from spicesnn.training.experiment import Experiment
from spicesnn.training.layers import RateCode, SpikeCode, split
from spicesnn.training.rules import ManhattanUpdates
from spicesnn.training.starts import train_starts

HIDDEN = {
    "network.hidden": [4, 5],
    "network.hidden_code": "rate",
    "network.hidden_ohm": 3e5,
    "neuron.refractory_s": 5e-5,
}


def experiment_of(preset="letters-3x3", **settings):
    keys = {key.replace("__", "."): value for key, value in settings.items()}
    return Experiment.of(load(preset, HIDDEN | keys))


def differ(parts, count=30):
    """Check that the first numbers of each layer are not those of another one."""
    firsts = [np.asarray(part, dtype=float).ravel()[:count] for part in parts]
    assert len(firsts) == 3
    return all(np.any(one != other) for one, other in combinations(firsts, 2))


def test_every_layer_is_drawn_by_itself():
    e = experiment_of(
        imperfections__parameters=["k_on"],
        imperfections__spread=0.2,
        imperfections__stuck_on=0.2,
        imperfections__endurance=10.0,
        imperfections__read_noise=0.1,
        imperfections__retention=0.05,
        imperfections__retention_spread=0.5,
        imperfections__rest_s=100.0,
        network__initial=[0.2, 0.8],
    )
    assert [layer.shape for layer in e.layers] == [(10, 8), (5, 10), (6, 6)]
    assert differ([layer.device.k_on for layer in e.layers])
    assert differ([layer.stuck.on for layer in e.layers])
    assert differ([worn.limit for worn in e.worn(e.start().wear)])
    states = split(e.fresh_devices(), e.layers)
    assert differ([layer.siemens(x) for layer, x in zip(e.layers, states, strict=True)])
    for update in (None, 3):
        draws = [e._noise(k, update).rng.random(40) for k in range(3)]
        assert differ(draws)
        again = [e._noise(k, update).rng.random(40) for k in range(3)]
        np.testing.assert_array_equal(draws, again)
    assert np.any(e._noise(0, 3).rng.random(9) != e._noise(0, 4).rng.random(9))
    assert np.any(e._noise(0, None).rng.random(9) != e._noise(0, 0).rng.random(9))
    middle = np.full(e.fresh_devices().shape, 1.5e-9)
    quiet, rested = (x.arrays(middle) for x in (e, e.after_rest()))
    fallen = []
    for before, after in zip(quiet, rested, strict=True):
        left = np.where(before.stuck, np.nan, after.cell_conductance() / before.cell_conductance())
        fallen.append(left[np.isfinite(left)])
    assert differ(fallen, 20)
    assert not e.rests
    assert e.after_rest().rests


class Told(sn.NodalEngine):
    """Notes the power of every read, and says how badly each was solved."""

    def __init__(self, residuals):
        super().__init__()
        self.residuals, self.watts = list(residuals), []

    def read(self, array, row_volts, **lines):
        read = super().read(array, row_volts, **lines)
        volts = np.atleast_2d(row_volts)
        self.watts.append(float(np.sum(np.atleast_2d(read.row_amps) * volts)))
        worst = np.full(np.shape(read.residual_amps), self.residuals.pop(0))
        return replace(read, residual_amps=worst)


@pytest.mark.parametrize("residuals", [(3e-9, 1e-9, 2e-9), (1e-9, 2e-9, 3e-9), (1e-9, 3e-9, 1e-9)])
def test_a_pass_costs_what_its_layers_cost_and_is_as_badly_solved_as_the_worst(residuals):
    e, engine = experiment_of(encoding__read_s=2e-6), Told(residuals)
    shown = e.problem.train.inputs[:4]
    done = e.forward(engine, e.fresh_devices(), shown)
    assert len(engine.watts) == 3
    assert done.energy_joule == pytest.approx(sum(engine.watts) * 2e-6, rel=1e-12)
    assert done.residual_amps == 3e-9
    values = shown
    for k, amps in enumerate(done.amps):
        np.testing.assert_allclose(done.row_volts[k], e.row_volts(values), rtol=1e-12)
        if k < 2:
            drive = amps / e.hidden.neuron.threshold_volts * 3e5
            with np.errstate(divide="ignore", invalid="ignore"):
                gap = e.hidden.neuron.tau_s * np.log(drive / (drive - 1))
            values = np.where(drive > 1, 5e-5 / (gap + 5e-5), 0.0)


def test_worn_cells_are_stuck_beside_those_that_were_stuck_before():
    e = experiment_of(imperfections__stuck=0.3)
    layer, state = e.layers[0], split(e.fresh_devices(), e.layers)[0]
    before = layer.array(state).stuck
    dead = np.zeros(layer.shape, dtype=bool)
    dead[:, 0] = True
    cycles = np.where(dead, 2.0, 0.5)
    wear = Wear(cycles=cycles, limit=np.ones(layer.shape), fails_on=dead)
    np.testing.assert_array_equal(layer.array(state, wear).stuck, before | dead)
    assert 0 < before[:, 1:].mean() < 1
    rested = replace(wear, cycles=np.full(layer.shape, 0.5))
    np.testing.assert_array_equal(layer.array(state, rested).stuck, before)
    sound = experiment_of().layers[0]
    np.testing.assert_array_equal(sound.array(state, wear).stuck, dead)
    assert sound.array(state, rested).stuck is None


def test_fresh_conductances_lie_evenly_between_two_shares_of_the_window():
    layer = experiment_of().layers[0]
    rng = np.random.default_rng(0)
    siemens = np.array([layer.siemens(layer.fresh((0.2, 0.6), rng)) for _ in range(60)])
    shares = (siemens - layer.window.low) / layer.window.span
    assert np.quantile(shares, [0, 0.25, 0.5, 0.75, 1]) == pytest.approx(
        [0.2, 0.3, 0.4, 0.5, 0.6], abs=0.02
    )
    alike = layer.siemens(layer.fresh((0.3,), rng))
    np.testing.assert_allclose((alike - layer.window.low) / layer.window.span, 0.3, rtol=1e-9)


NEURON = LIF(tau_s=1e-4, resistance_ohm=1e3, threshold_volts=2.0, refractory_s=4e-5)


def test_a_spike_code_is_a_spike_within_the_window_and_its_surrogate_falls_from_the_threshold():
    """t = τ·ln(V/(V − 2)), V = 1 kΩ·(I + 0.5 mA): within 0.2 ms from V = 2.313 V on."""
    code = SpikeCode(neuron=NEURON, offset_amps=5e-4, window_s=2e-4)
    edge = 2 / (1 - np.exp(-2)) * 1e-3 - 5e-4
    np.testing.assert_array_equal(code.values(np.array([edge - 1e-7, edge + 1e-7, 9.0])), [0, 1, 1])
    amps = np.array([1.5e-3, 3.5e-3, -0.5e-3])  # V = 2, 4, 0: over the threshold by 0, 1, −1
    np.testing.assert_allclose(code.slopes(amps), [1.0, 0.25, 0.25], rtol=1e-12)


def test_a_rate_code_is_the_rate_times_the_refractory_time_and_so_is_its_slope():
    code = RateCode(neuron=NEURON, offset_amps=5e-4)
    amps = np.array([2e-3, 4e-3, 9e-3, 0.0])
    volts = 1e3 * (amps + 5e-4)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = 1e-4 * np.log(volts / (volts - 2))
    rates = np.where(volts > 2, 4e-5 / (gap + 4e-5), 0.0)
    np.testing.assert_allclose(code.values(amps), rates, rtol=1e-9, atol=1e-12)
    # d rate/d(V/2): dgap/dV = −2τ/(V(V − 2))
    slope = 4e-5 / (gap + 4e-5) ** 2 * 1e-4 * 2 / (volts * (volts - 2)) * 2
    least = 0.1 / (1 + np.abs(volts / 2 - 1)) ** 2
    wanted = np.where(volts > 2, np.maximum(slope, least), least)
    np.testing.assert_allclose(code.slopes(amps), wanted, rtol=1e-4)


def test_the_error_of_a_batch_is_the_mean_square_of_its_outputs(tmp_path):
    for activation, aim in (("tanh", lambda a: 2 * a - 1), ("softmax", lambda a: a)):
        settings = {
            "learning.activation": activation,
            "learning.gain": 2e4,
            "training.epochs": 2,
            "training.stop_when_right": False,
        }
        config = load("letters-3x3", settings)
        out = tmp_path / activation
        with sn.NodalEngine() as engine:
            train(config, engine=engine, out=out, rng_seed=1)
        history, e = RunDirectory.existing(out).history(), Experiment.of(config.with_seed(1))
        samples = e.problem.train
        for k in range(2):
            amps = e.forward(sn.NodalEngine(), history["states"][k], samples.inputs, k).amps[-1]
            if activation == "tanh":
                values = np.tanh(2e4 * amps)
                right = np.all(values * aim(samples.answers) > config.learning.stop, axis=1)
            else:
                values = np.exp(2e4 * (amps - amps.max(axis=1, keepdims=True)))
                values /= values.sum(axis=1, keepdims=True)
                right = values.argmax(axis=1) == samples.labels
            error = np.mean((values - aim(samples.answers)) ** 2)
            assert history["batch_error"][k] == pytest.approx(error, rel=1e-9)
            if config.learning.right_when == "outputs" or activation == "softmax":
                assert history["batch_right"][k] == pytest.approx(right.mean())


def test_means_of_many_starts_are_over_those_that_converged(tmp_path, monkeypatch):
    """Four starts told by hand: two converge, after 3 and 7 updates."""
    from spicesnn.training import starts

    told = [
        (True, 3, 1.0, 1e-6),
        (False, 20, 0.5, 4e-6),
        (True, 7, 1.0, 2e-6),
        (False, 20, 0.25, 5e-6),
    ]

    def one(config, engine):
        converged, epochs, accuracy, joule = told[config.seed - 9]
        nothing = np.zeros((2, 2))
        return config.seed, converged, epochs, accuracy, joule, nothing, nothing

    monkeypatch.setattr(starts, "_one_start", one)
    found = train_starts(
        load("letters-3x3"), engine=sn.NodalEngine(), starts=4, out=tmp_path / "s", rng_seed=9
    )
    assert found.converged_fraction == 0.5
    assert (found.epochs_mean, found.epochs_std) == (5.0, 2.0)
    assert found.test_accuracy == pytest.approx(0.6875)
    assert found.energy_joule == pytest.approx(12e-6)
    assert found.failed == (1, 3)
    told[:] = [(False, 20, 0.5, 1e-6)] * 4
    none = train_starts(
        load("letters-3x3"), engine=sn.NodalEngine(), starts=2, out=tmp_path / "n", rng_seed=9
    )
    assert np.isnan(none.epochs_mean)
    assert none.table()["epochs_mean"] is None
    assert (none.converged_fraction, none.failed) == (0.0, (0, 1))


def test_errors_go_back_through_the_weights_of_the_layer_above_without_its_bias():
    """Directions of a hidden layer: the sign of volts times (δ Wᵀ)·slope, W without the bias line."""
    e = experiment_of(network__hidden=[4], network__initial=[0.1, 0.9])
    state, samples = e.start(), e.problem.train.picked(np.arange(6))
    done = e.forward(sn.NodalEngine(), state.devices, samples.inputs, 0)
    first, second = ManhattanUpdates._directions(e, state, done, samples)
    deltas = e.activation.deltas(done.amps[1], samples.answers)
    siemens = e.layers[1].siemens(split(state.devices, e.layers)[1])
    weights = (siemens[:, 0::2] - siemens[:, 1::2])[:-1]
    back = (deltas @ weights.T) * e.hidden.slopes(done.amps[0])
    np.testing.assert_array_equal(second, np.sign(done.row_volts[1].T @ deltas))
    np.testing.assert_array_equal(first, np.sign(done.row_volts[0].T @ back))
    assert Differential().weights(siemens, Window(low=0.0, high=1.0)).shape == (5, 3)
