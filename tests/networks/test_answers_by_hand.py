"""Networks of plain arrays: their numbers, who answers, and what counts as right."""

from itertools import pairwise

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import ConfigError, DataError, InputError
from spicesnn.networks.activations import Activation
from spicesnn.networks.nodes import Dense
from spicesnn.networks.populations import IF, LI

FUNCTIONS = {
    "relu": lambda v: np.maximum(v, 0),
    "tanh": np.tanh,
    "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
    "step": lambda v: (v > 0) * 1.0,
    "abs": np.abs,
    "identity": lambda v: v,
}


@pytest.fixture
def three():
    rng = np.random.default_rng(0)
    sizes = (5, 6, 4, 3)
    return [(rng.normal(size=(a, b)), rng.normal(size=b)) for a, b in pairwise(sizes)], rng.normal(
        size=(20, 5)
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_layers_follow_on_one_another_the_last_without_an_activation(name, three, tmp_path):
    layers, x = three
    values = x
    for k, (w, b) in enumerate(layers):
        values = values @ w + b
        values = FUNCTIONS[name](values) if k < 2 else values
    network = sn.Network.from_arrays(layers, activation=name)
    np.testing.assert_allclose(network.outputs(x), values, rtol=1e-12)
    assert np.array_equal(network.predict(x), values.argmax(axis=1))
    assert network.weights_count() == sum(w.size + b.size for w, b in layers)
    for first, second in (("w", "b"), ("weights_", "bias_"), ("W", "B"), ("weight_", "bias_")):
        path = tmp_path / f"{first}.npz"
        np.savez(
            path,
            **{f"{first}{k}": w for k, (w, _) in enumerate(layers)},
            **{f"{second}{k}": b for k, (_, b) in enumerate(layers) if k != 1},
        )
        half = sn.Network.from_arrays(path, activation=name)
        plain = [(w, b if k != 1 else None) for k, (w, b) in enumerate(layers)]
        np.testing.assert_array_equal(
            half.outputs(x), sn.Network.from_arrays(plain, activation=name).outputs(x)
        )
    with pytest.raises(InputError, match="takes 4 inputs, but layer 0 has 6 outputs"):
        sn.Network.from_arrays([layers[0], layers[2]])
    np.savez(tmp_path / "gap.npz", w0=layers[0][0], w2=layers[2][0])
    with pytest.raises(DataError, match="w2, which stand for nothing here"):
        sn.Network.from_arrays(tmp_path / "gap.npz")


def test_weights_and_biases_are_taken_as_people_keep_them(tmp_path):
    rng = np.random.default_rng(3)
    w0, b0, w1, b1 = (rng.normal(size=s) for s in ((4, 3), (3,), (3, 2), (2,)))
    x = rng.normal(size=(5, 4))
    wanted = sn.Network.from_arrays([(w0, b0), (w1, b1)]).outputs(x)
    names = {"W0": w0, "b0": b0, "W1": w1, "b1": b1}
    np.savez(tmp_path / "named.npz", **names)
    np.savez(tmp_path / "in_order.npz", w0, b0, w1, b1)
    for given in (
        [w0, b0, w1, b1],  # as Keras gives them
        names,
        {"weights_0": w0, "bias_0": b0, "weights_1": w1, "bias_1": b1},
        zip((w0, w1), (b0, b1), strict=True),
        tmp_path / "named.npz",
        tmp_path / "in_order.npz",
    ):
        np.testing.assert_array_equal(sn.Network.from_arrays(given).outputs(x), wanted)
    np.testing.assert_array_equal(
        sn.Network.from_arrays((w0, b0)).outputs(x), np.asarray(x @ w0 + b0)
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "layers is None; expected a list"),
        ([(np.ones((4, 3)), np.ones((1, 3)))], r"bias has shape \(1, 3\)"),
        ([(np.ones((4, 3)), 0.5)], r"bias has shape \(\)"),
        ([(np.ones((4, 3)), np.ones(3), "relu")], "layer 0 has 3 parts"),
        ({"fc.weight": np.ones((4, 3))}, "no array w0 or weights_0; it has: fc.weight"),
        ({"w0": np.ones((4, 3)), "B0": np.ones(3)}, "B0, which stand for nothing"),
    ],
)
def test_weights_in_no_known_form_are_refused_by_what_they_are(given, message):
    with pytest.raises((InputError, DataError), match=message):
        sn.Network.from_arrays(given)
    with pytest.raises(InputError, match="activation is a list; expected one name for all"):
        sn.Network.from_arrays([np.ones((4, 3))], activation=["relu", "tanh"])


def test_ties_are_nobody_and_wrong():
    network = sn.Network.from_arrays([(np.eye(3), None)])
    x = np.array([[1.0, 2.0, 0.0], [2.0, 2.0, 0.0], [-1.0, -2.0, -3.0], [0.0, 0.0, 0.0]])
    assert network.predict(x).tolist() == [1, -1, 0, -1]
    assert network.accuracy(x, [1, 0, 0, 0]) == 0.5
    for wrong in ([1, 0, 0, 3], [-1, 0, 0, 0]):
        with pytest.raises(InputError, match="expected 0 to 2"):
            network.accuracy(x, wrong)
    with pytest.raises(InputError, match="one label a sample"):
        network.accuracy(x, [1, 0])


def test_one_output_says_one_of_two():
    rows = np.array([[0.2], [-0.2], [0.0]])
    with pytest.raises(ConfigError, match="decides on no class"):
        sn.Network.from_arrays([(np.eye(1), None)]).predict(rows)
    chain = [("w", Dense(np.eye(1))), ("s", Activation("sigmoid"))]
    assert sn.Network.chain(chain, (1,)).predict(rows).tolist() == [1, 0, 0]
    spikes = sn.Network.chain([("w", Dense(np.eye(1))), ("n", IF(v_threshold=0.5))], (1,), steps=3)
    assert spikes.predict(rows).tolist() == [1, 0, 0]
    assert spikes.accuracy(rows, [1, 0, 1]) == pytest.approx(2 / 3)


def test_in_time_spikes_are_counted_and_membranes_are_the_last():
    x = np.array([[[1.0, 0.0], [1.0, 0.4], [0.0, 0.4], [0.3, 0.4]]])
    spiking = sn.Network.chain([("w", Dense(np.eye(2))), ("n", IF(v_threshold=0.75))], (2,))
    assert spiking.spikes(x)[0].tolist() == [[1, 0], [1, 0], [0, 1], [0, 0]]
    assert spiking.outputs(x).tolist() == [[2, 1]]
    assert spiking.predict(x).tolist() == [0]
    assert spiking.predict(0 * x).tolist() == [-1]
    assert spiking.spike_counts(np.concatenate([x, 0 * x])) == {"n": 1.5}
    still = sn.Network.chain(
        [("w", Dense(np.eye(2))), ("n", LI(tau=2e-3))], (2,), dt_s=1e-3, steps=3
    )
    v = np.zeros(2)
    for step in x[0]:
        v = v + 0.5 * (step - v)
    assert still.outputs(x) == pytest.approx(v[None])
    held = still.outputs(np.array([[1.0, 0.5]]))  # for three steps
    assert held == pytest.approx(np.array([[0.875, 0.4375]]))
