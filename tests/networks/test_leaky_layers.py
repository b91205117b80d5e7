"""Layers of leaky neurons computed whole, against the same networks step by step."""

from itertools import pairwise

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.noise import ReadNoise
from spicesnn.learning.metrics import NOBODY
from spicesnn.networks import backward, evaluate
from spicesnn.networks.activations import Activation
from spicesnn.networks.leaky_layers import LeakyLayers, Noise, softmax_slope
from spicesnn.networks.leaky_loop import backward_layer, run_layer
from spicesnn.networks.populations import LIF, Integrator
from spicesnn.networks.projections import AllToAll, Projection
from spicesnn.networks.rules.batch import outputs_of, spread
from spicesnn.networks.synapses import Ideal, Solved
from spicesnn.programming.pulse_map import StrongestPulses

STEPS, SIZES = 6, (16, 24, 12, 4)


def network(*, bias=True, gain=1 / STEPS, hardware=None, cells=None, **more):
    """16-24-12-4 neurons behind held inputs, every projection on ideal cells."""
    names = ["inputs", "first", "second", "outputs"]
    neurons = {
        "first": sn.Neurons(shape=24, kind=LIF(tau=2.5e-3)),
        "second": sn.Neurons(shape=12, kind=LIF(tau=2e-3)),
        "outputs": sn.Neurons(shape=4, kind=Integrator(r=gain)),
    }
    kind = cells or Ideal(hardware=hardware or sn.Hardware())
    return sn.LearningNetwork(
        inputs={"inputs": sn.Inputs(shape=16)},
        populations={**neurons, **more.pop("populations", {})},
        projections=tuple(
            Projection(
                source=source,
                target=target,
                connection=AllToAll(bias=bias),
                synapses=kind,
                active=0.1,
                largest=3.0,
                **more,
            )
            for source, target in pairwise(names)
        ),
        dt_s=1e-3,
        steps=STEPS,
    )


def fresh(seed=0, **more):
    made = network(**more).fresh(np.random.default_rng(seed))
    rng = np.random.default_rng(seed + 1)
    moved = {}
    for name, cells in made.synapses.items():  # biases begin at 0
        steps = np.zeros((cells.rows, cells.outputs))
        steps[-1] = 0.2 * rng.random(cells.outputs)
        moved[name] = cells.apply(sn.networks.synapses.Wanted(steps=steps), rng)
    return made.with_synapses(moved)


@pytest.mark.parametrize("constant", [True, False])
def test_a_layer_is_the_population_of_networks(constant):
    rng, steps, decay = np.random.default_rng(0), 9, 0.7
    drive = rng.normal(0.8, 1.0, (3, 1 if constant else steps, 5)).astype(np.float32)
    volts, spikes = np.empty((3, steps, 5), np.float32), np.empty((3, steps, 5), np.float32)
    run_layer(drive, np.float32(decay), volts, spikes)
    neuron = LIF(tau=1.0 / (1.0 - decay))
    state = neuron.initial(3, (5,))
    for t in range(steps):
        fired, state = neuron.step(drive[:, 0 if constant else t].astype(float), state, 1.0)
        np.testing.assert_array_equal(spikes[:, t], fired)
        np.testing.assert_allclose(np.where(fired > 0, 0.0, volts[:, t]), state[0], atol=1e-5)
    assert spikes.any()
    assert not spikes.all()


def test_a_membrane_at_its_threshold_does_not_spike_yet():
    """As in `LIF`: a spike where v exceeds the threshold; 2 → v = 1 in the first step."""
    drive = np.full((1, 1, 1), 2.0, np.float32)
    volts, spikes = np.empty((1, 2, 1), np.float32), np.empty((1, 2, 1), np.float32)
    run_layer(drive, np.float32(0.5), volts, spikes)
    assert volts[0, :, 0].tolist() == [1.0, 1.5]
    assert spikes[0, :, 0].tolist() == [0.0, 1.0]
    out, _ = LIF(tau=2.0).step(np.array([[2.0]]), (np.zeros((1, 1)),), 1.0)
    assert out[0, 0] == 0.0


def test_the_backward_pass_is_the_recursion_it_says():
    rng = np.random.default_rng(1)
    volts, slope = (
        rng.normal(0.7, 0.5, (2, 5, 3)).astype(np.float32),
        rng.normal(size=(2, 5, 3)).astype(np.float32),
    )
    found, total = np.empty((2, 5, 3), np.float32), np.empty((2, 1, 3), np.float32)
    backward_layer(slope, volts, np.float32(0.6), np.float32(3.0), False, found)
    backward_layer(slope, volts, np.float32(0.6), np.float32(3.0), True, total)
    delta = np.zeros((2, 3))
    for t in reversed(range(5)):
        delta = (
            slope[:, t] / (1 + 3 * np.abs(volts[:, t] - 1)) ** 2 + 0.6 * (volts[:, t] <= 1) * delta
        )
        np.testing.assert_allclose(found[:, t], 0.4 * delta, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(total[:, 0], found.sum(axis=1), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("gain", [1 / STEPS, 1.0])
def test_outputs_and_gradients_are_those_of_the_network_node_by_node(bias, gain):
    """Forward against `evaluate.run`, back against `backward.slopes`, both in double precision."""
    made = (
        fresh(bias=bias, gain=gain)
        if bias
        else network(bias=False, gain=gain).fresh(np.random.default_rng(0))
    )
    layers = made.leaky_layers()
    rng = np.random.default_rng(2)
    x, labels = rng.random((8, 16)), rng.integers(0, 4, 8)
    weights = layers.read_weights()
    trace = layers.forward(weights, x.astype(np.float32))
    topology = made.topology
    keep = frozenset([topology.source, *topology.nodes])
    values = evaluate.run(topology, made.encoded(x, rng), made.products(rng), keep=keep)
    last = values["outputs"]
    np.testing.assert_allclose(trace.outputs, last[:, -1], rtol=1e-5, atol=1e-6)
    hidden = layers.hidden(trace)
    for spikes, name in zip(hidden, ("first", "second"), strict=True):
        np.testing.assert_array_equal(spikes, values[name])
        assert 0.05 < spikes.mean() < 0.95
    beta = 0.5 / gain
    loss, slope = softmax_slope(trace.outputs, labels, beta)
    raised = np.exp(beta * last[:, -1])
    share = raised / raised.sum(axis=1, keepdims=True)
    assert loss == pytest.approx(-np.log(share[range(8), labels]).mean(), rel=1e-5)
    deltas = beta / 8 * (share - np.eye(4)[labels])
    held = {name: cells.weights for name, cells in made.synapses.items()}
    exact = backward.slopes(topology, values, held, spread(made, deltas, last), sharpness=2.0)
    found = layers.gradients(weights, trace, slope, 2.0)
    for name, gradient in zip(layers.names, found, strict=True):
        wanted = exact[name].gradient
        np.testing.assert_allclose(gradient, wanted, atol=2e-5 * np.abs(wanted).max())
    assert outputs_of(made, last).shape == (8, 4)


def test_decisions_and_activity_are_those_of_the_network_node_by_node(monkeypatch):
    made, x = fresh(), np.random.default_rng(3).random((20, 16))
    decided = made.decided(x, np.random.default_rng(0))
    values, joule = made.activity(x, np.random.default_rng(0))
    monkeypatch.setattr(sn.LearningNetwork, "leaky_layers", lambda self, steps=0: None)
    np.testing.assert_array_equal(made.decided(x, np.random.default_rng(0)), decided)
    slow, exact = made.activity(x, np.random.default_rng(0))
    assert set(values) == set(slow) == {"inputs", "first", "second", "outputs"}
    for name in values:
        np.testing.assert_allclose(values[name], slow[name], atol=1e-5)
    assert joule == pytest.approx(exact, rel=1e-5)
    assert len(set(decided.tolist())) > 1


@pytest.mark.parametrize("fast", [True, False])
def test_who_hears_no_spike_does_not_answer(fast, monkeypatch):
    """Nothing spikes in the last hidden layer for the first sample, and the biases of the outputs
    alone say nothing about it."""
    made = fresh()
    silent = {}
    for name in ("inputs>first", "first>second"):
        cells = made.synapses[name]
        steps = -cells.weights
        if name == "inputs>first":
            steps[:8] += 1.0  # spikes where the first half of the inputs is on
        else:
            steps[:-1] += 0.5
        silent[name] = cells.apply(
            sn.networks.synapses.Wanted(steps=steps), np.random.default_rng(0)
        )
    made = made.with_synapses(silent)
    x = np.zeros((2, 16))
    x[1, :8] = 1.0
    if not fast:
        monkeypatch.setattr(sn.LearningNetwork, "leaky_layers", lambda self, steps=0: None)
    decided = made.decided(x, np.random.default_rng(0))
    assert decided[0] == NOBODY
    assert decided[1] != NOBODY


def test_read_noise_has_the_spread_it_should():
    """With spikes of every input in every step the noise of an output is √(Σ variance / steps)."""
    layers = LeakyLayers(
        names=("a", "b"), cells=(), biased=(True, True), decays=(0.0,), gain=1.0, steps=5
    )
    weights = [np.full((4, 4), 2.0, np.float32), np.zeros((5, 2), np.float32)]
    noise = Noise(
        variances=[np.zeros((4, 4), np.float32), np.full((5, 2), 0.04, np.float32)],
        rng=np.random.default_rng(7),
    )
    outputs = layers.forward(weights, np.ones((20000, 3), np.float32), noise=noise).outputs
    assert outputs.std() == pytest.approx(np.sqrt(5 * 0.04 / 5), rel=0.02)
    assert outputs.mean() == pytest.approx(0.0, abs=0.005)


def test_variances_of_weights_are_those_of_their_pairs_of_cells():
    flaws = sn.Imperfections(read_noise=ReadNoise(relative=0.1))
    made = fresh(hardware=sn.Hardware(imperfections=flaws))
    layers = made.leaky_layers()
    variances = layers.noise(np.random.default_rng(0)).variances[1]
    cells = made.synapses["first>second"]
    draws = np.random.default_rng(4).standard_normal((4000, *cells.siemens.shape))
    noisy = np.stack([cells.weights_of(cells.siemens * (1 + 0.1 * d)) for d in draws])
    np.testing.assert_allclose(noisy.var(axis=0), variances, rtol=0.2)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"populations": {"first": sn.Neurons(shape=24, kind=LIF(v_threshold=0.5))}}, "threshold"),
        ({"populations": {"first": sn.Neurons(shape=24, kind=LIF(reset="subtract"))}}, "reset"),
        ({"populations": {"first": sn.Neurons(shape=24, kind=Activation("tanh"))}}, "activation"),
        ({"populations": {"outputs": sn.Neurons(shape=4, kind=LIF())}}, "outputs that spike"),
        ({"delays_s": (1e-3,)}, "delays"),
    ],
)
def test_other_networks_are_not_taken_for_such_layers(change, why):
    made = network(**change).fresh(np.random.default_rng(0))
    assert made.leaky_layers() is None, why
    assert network().fresh(np.random.default_rng(0)).leaky_layers() is not None


def test_cells_that_are_solved_read_by_read_are_not_read_by_a_matrix():
    pulses = StrongestPulses(set_volts=1.0, reset_volts=1.0, set_s=1e-6, reset_s=1e-6)
    made = network(cells=Solved(pulses=pulses)).fresh(np.random.default_rng(0))
    assert not made.leaky_layers().readable
    assert fresh().leaky_layers().readable
