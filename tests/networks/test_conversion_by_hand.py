"""Networks of integrate-and-fire neurons whose spike counts are known: the activation over the
threshold, rounded; and what outputs decide."""

from __future__ import annotations

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import ConfigError
from spicesnn.networks.activations import Activation, Clip, SignOutputs, Softmax
from spicesnn.networks.nodes import Convolution, Dense, Flatten, Pooling
from spicesnn.networks.populations import IF

STEPS = 8


def weights(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def counted(activations, threshold):
    """Spikes of a neuron that keeps what is above its threshold, with half a threshold on top."""
    return np.clip(np.floor(STEPS * activations / threshold + 0.5), 0, STEPS)


@pytest.mark.parametrize("percentile", [100, 80])
def test_spike_counts_are_activations_over_the_threshold_rounded(percentile):
    w, b, out, c = weights(6, 5), weights(5, seed=1), weights(5, 3, seed=2), weights(3, seed=3)
    network = sn.Network.from_arrays([(w, b), (out, c)])
    x = weights(40, 6, seed=4)
    made = network.to_spiking(x, steps=STEPS, percentile=percentile)
    hidden = np.maximum(x @ w + b, 0)
    threshold = np.percentile(hidden[hidden > 0], percentile)
    counts = counted(x @ w + b, threshold)
    assert list(made.spike_counts(x).values()) == pytest.approx([counts.sum() / 40])
    np.testing.assert_allclose(
        made.outputs(x), counts / STEPS * threshold @ out + c, rtol=1e-9, atol=1e-9
    )
    assert counts.max() == STEPS


def test_a_clipped_activation_spikes_in_every_step_at_its_bound():
    w, out = weights(6, 5), weights(5, 3, seed=2)
    nodes = [("a", Dense(w)), ("k", Clip(0.0, 1.5)), ("o", Dense(out))]
    network = sn.Network.chain(nodes, (6,))
    x = 3 * weights(40, 6, seed=4)
    made = network.to_spiking(x, steps=STEPS)
    counts = counted(np.minimum(x @ w, 1.5), 1.5)
    np.testing.assert_allclose(made.outputs(x), counts / STEPS * 1.5 @ out, rtol=1e-9, atol=1e-9)
    assert set(np.unique(counts)) >= {0, STEPS}


def test_paths_of_different_thresholds_are_added_in_one_unit():
    one, other, out = weights(4, 5), 3 * weights(4, 5, seed=1), weights(5, 2, seed=2)
    nodes = {
        "a": Dense(one),
        "ra": Activation("relu"),
        "b": Dense(other),
        "rb": Activation("relu"),
        "o": Dense(out),
    }
    edges = (("input", "a"), ("a", "ra"), ("input", "b"), ("b", "rb"), ("ra", "o"), ("rb", "o"))
    network = sn.Network(nodes=nodes, edges=edges, input_shape=(4,), output="o")
    x = weights(30, 4, seed=5)
    made = network.to_spiking(x, steps=STEPS, percentile=100)
    total = 0.0
    for w in (one, other):
        threshold = np.maximum(x @ w, 0).max()
        total = total + counted(x @ w, threshold) / STEPS * threshold
    np.testing.assert_allclose(made.outputs(x), total @ out, rtol=1e-9, atol=1e-9)


def test_means_of_spikes_and_a_softmax_at_the_end_keep_what_they_stand_for():
    w, out = weights(1, 2, 2, 2), weights(8, 3, seed=2)
    nodes = [
        ("c", Convolution(w.reshape(2, 1, 2, 2))),
        ("r", Activation("relu")),
        ("p", Pooling("average", (2, 2), (2, 2), ((0, 0), (0, 0)))),
        ("f", Flatten()),
        ("o", Dense(out)),
        ("s", Softmax()),
    ]
    network = sn.Network.chain(nodes, (1, 5, 5))
    x = weights(20, 1, 5, 5, seed=3)
    made = network.to_spiking(x, steps=STEPS, percentile=100)
    plain = sn.Network.chain(nodes[:2], (1, 5, 5)).outputs(x).reshape(20, 2, 4, 4)
    threshold = plain.max()
    # The sums before the rectifier
    sums = sn.Network.chain(nodes[:1], (1, 5, 5)).outputs(x).reshape(20, 2, 4, 4)
    seen = counted(sums, threshold) / STEPS * threshold
    means = seen.reshape(20, 2, 2, 2, 2, 2).mean(axis=(3, 5)).reshape(20, -1)
    np.testing.assert_allclose(made.outputs(x), means @ out, rtol=1e-9, atol=1e-9)


def test_a_last_layer_of_neurons_counts_its_spikes():
    network = sn.Network.chain([("a", Dense(np.eye(2))), ("r", Activation("relu"))], (2,))
    x = np.array([[1.0, 0.26], [0.5, -1.0]])
    made = network.to_spiking(x, steps=STEPS, percentile=100)
    np.testing.assert_array_equal(made.outputs(x), [[8, 2], [4, 0]])


# -- decisions ------------------------------------------------------------------------------------


def plain(outputs, *more, **rest):
    return sn.Network.chain([("a", Dense(np.eye(outputs))), *more], (outputs,), **rest)


def test_the_largest_output_answers_and_equals_are_nobody():
    x = np.array([[1.0, 3.0, 2.0], [2.0, 1.0, 2.0], [-1.0, -2.0, -3.0], [0.0, 0.0, 0.0]])
    network = plain(3)
    assert network.decided(network.outputs(x)).tolist() == [1, -1, 0, -1]
    assert network.accuracy(x, [1, 0, 0, 0]) == 0.5
    assert network.predict(x).tolist() == [1, -1, 0, -1]


def test_outputs_that_spike_are_silent_where_none_does():
    network = plain(3, ("n", IF(v_threshold=1.0)), steps=4)
    x = np.array([[0.6, 0.9, 0.1], [0.1, 0.1, 0.2], [2.0, 2.0, 0.0]])
    np.testing.assert_array_equal(network.outputs(x), [[2, 2, 0], [0, 0, 0], [4, 4, 0]])
    assert network.decided(np.array([[1.0, 3, 2], [0, 0, 0], [2, 2, 1]])).tolist() == [1, -1, -1]
    still = network.spikes(x)
    assert still.shape == (3, 4, 3)
    np.testing.assert_array_equal(still.sum(axis=1), network.outputs(x))


def test_one_output_decides_between_two_classes():
    sigmoid = sn.Network.chain([("a", Dense([[1.0]])), ("s", Activation("sigmoid"))], (1,))
    x = np.array([[0.1], [-0.1], [0.0]])
    assert sigmoid.decided(sigmoid.outputs(x)).tolist() == [1, 0, 0]
    spiking = sn.Network.chain([("a", Dense([[1.0]])), ("n", IF(v_threshold=1.0))], (1,), steps=3)
    assert spiking.decided(spiking.outputs(np.array([[0.5], [0.3]]))).tolist() == [1, 0]
    with pytest.raises(ConfigError, match="decides on no class"):
        sn.Network.chain([("a", Dense([[1.0]]))], (1,)).predict(x)
    signs = sn.Network.chain([("a", Dense([[1.0]])), ("o", SignOutputs())], (1,))
    np.testing.assert_array_equal(signs.outputs(x), [[-0.1, 0.1], [0.1, -0.1], [0, 0]])
    assert signs.decided(signs.outputs(x)).tolist() == [1, 0, 0]
    chance = sn.Network.chain([("a", Dense([[1.0]])), ("o", SignOutputs(probability=True))], (1,))
    np.testing.assert_allclose(chance.outputs(np.array([[0.7]])), [[0.3, 0.7]])


def test_classes_have_their_own_labels():
    x = np.array([[1.0, 3.0], [5.0, 2.0], [1.0, 1.0]])
    numbers, words = plain(2, classes=(7, 4)), plain(2, classes=("cat", "dog"))
    assert numbers.predict(x).tolist() == [4, 7, -1]
    assert words.predict(x).tolist() == ["dog", "cat", None]
    assert words.predict(x[:2]).tolist() == ["dog", "cat"]
    assert numbers.accuracy(x, [4, 4, 7]) == pytest.approx(1 / 3)
    assert words.accuracy(x, ["dog", "cat", "bird"]) == pytest.approx(2 / 3)
