"""Activations become integrate-and-fire neurons whose counts stand for them."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.noise import ReadNoise
from spicesnn.errors import InputError
from spicesnn.networks.activations import Activation, Clip, Softmax
from spicesnn.networks.nodes import Convolution, Dense, Flatten, Pooling
from spicesnn.networks.populations import IF

RNG = np.random.default_rng(4)


def convolutional(pooling="average"):
    rng = np.random.default_rng(1)
    return sn.Network.chain(
        [
            ("c", Convolution(rng.normal(0, 0.4, (3, 1, 3, 3)), rng.normal(0, 0.1, 3))),
            ("r", Clip(0.0, 1.0)),
            ("p", Pooling(pooling, (2, 2), (2, 2), ((0, 0), (0, 0)))),
            ("f", Flatten()),
            ("w", Dense(rng.normal(0, 0.6, (12, 6)))),
            ("k", Activation("relu")),
            ("o", Dense(rng.normal(0, 0.6, (6, 4)), rng.normal(0, 0.1, 4))),
            ("s", Softmax()),
        ],
        (1, 6, 6),
    )


def before_softmax(network, x):
    return sn.Network.chain(
        [(name, node) for name, node in network.nodes.items() if name != "s"], (1, 6, 6)
    ).outputs(x)


def test_more_time_steps_come_closer_to_the_activations():
    network, x = convolutional(), RNG.random((60, 1, 6, 6))
    wanted = before_softmax(network, x)
    errors = [
        np.abs(network.to_spiking(x, steps=steps, percentile=100).outputs(x) - wanted).mean()
        for steps in (8, 64, 512)
    ]
    assert errors[1] < errors[0] / 3
    assert errors[2] < errors[1] / 3
    assert errors[2] < 0.01 * np.ptp(wanted)


def test_thresholds_come_from_the_calibration_samples_and_clips_keep_their_bound():
    network, x = convolutional(), RNG.random((60, 1, 6, 6))
    spiking = network.to_spiking(x, steps=16, percentile=99)
    assert isinstance(spiking.nodes["r"], IF)
    assert float(spiking.nodes["r"].v_threshold) == 1.0
    hidden = sn.Network.chain(
        [(name, network.nodes[name]) for name in "crpfwk"], (1, 6, 6)
    ).outputs(x)
    assert float(spiking.nodes["k"].v_threshold) == pytest.approx(
        np.percentile(hidden[hidden > 0], 99)
    )
    assert "left out" in " ".join(spiking.remarks)
    counts = spiking.spike_counts(x)
    assert set(counts) == {"r", "k"}
    assert 0 < counts["k"] <= 16 * 6


def test_the_spiking_network_goes_through_nir_and_onto_arrays(tmp_path):
    network, x = convolutional(), RNG.random((30, 1, 6, 6))
    spiking = network.to_spiking(x, steps=12)
    read = sn.Network.from_nir(spiking.to_nir(tmp_path / "net.nir"))
    assert read.steps == 12
    np.testing.assert_array_equal(read.outputs(x), spiking.outputs(x))
    chip = read.on(sn.Hardware(device=sn.devices.VTEAM(r_on=10e3, r_off=1e6)), calibrate=x, seed=0)
    np.testing.assert_allclose(chip.outputs(x), spiking.outputs(x), rtol=0, atol=1e-6)
    assert chip.cost().energy_joule > 0


def test_an_input_that_is_held_is_computed_once_and_noise_is_drawn_in_every_step():
    network, x = convolutional(), RNG.random((4, 1, 6, 6))
    spiking = network.to_spiking(x, steps=9)
    held = spiking.taken(x)
    np.testing.assert_array_equal(spiking.outputs(x), spiking.outputs(np.array(held)))
    noisy = sn.Hardware(
        device=sn.devices.VTEAM(r_on=10e3, r_off=1e6),
        imperfections=sn.Imperfections(read_noise=ReadNoise(relative=0.1)),
    )
    chip = sn.Network.chain(
        [("c", network.nodes["c"]), ("n", IF(v_threshold=100.0))], (1, 6, 6), steps=3
    ).on(noisy, calibrate=x)
    product = chip.products()["c"]
    assert product.draws
    assert not np.array_equal(product(x), product(x))


@pytest.mark.parametrize(
    ("network", "what"),
    [
        (convolutional("max"), "the largest of spikes"),
        (
            sn.Network.chain(
                [("w", Dense(np.eye(3))), ("t", Activation("tanh")), ("v", Dense(np.eye(3)))], (3,)
            ),
            "'t'",
        ),
    ],
)
def test_what_spike_counts_cannot_stand_for_is_named(network, what):
    with pytest.raises(InputError, match=what):
        network.to_spiking(RNG.random((5, *network.input_shape)))
