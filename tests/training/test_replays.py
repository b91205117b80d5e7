"""What figures replay step by step is what the compiled loops do."""

import numpy as np
import pytest

from spicesnn.datasets import mnist
from spicesnn.training.unsupervised.network import UnsupervisedNetwork, fresh_state, show
from spicesnn.training.unsupervised.replay import replay as replay_stdp


def test_unsupervised_replay_fires_as_often_as_the_loop():
    """Input spikes are drawn apart, so the mean over presentations is compared; the same neurons
    win."""
    data = mnist.load()
    images = data.x_train[:16].reshape(16, -1)
    network = UnsupervisedNetwork(
        neurons=25, column_sum=40.0, inhibition=30.0, fewest_spikes=0, most_tries=1
    )
    seen = data.x_train[:400].reshape(400, -1)
    state = show(
        network,
        fresh_state(network, np.random.default_rng(0)),
        seen,
        np.random.default_rng(1),
        learn=True,
    ).state
    fast = show(network, state, images, np.random.default_rng(2), learn=False).responses.astype(
        float
    )
    rng = np.random.default_rng(3)
    slow = np.stack([replay_stdp(network, state, image, rng)[1].sum(axis=0) for image in images])
    assert slow.sum() == pytest.approx(fast.sum(), rel=0.15)
    assert np.corrcoef(slow.ravel(), fast.ravel())[0, 1] > 0.85


def test_replayed_inputs_come_at_their_rate():
    network = UnsupervisedNetwork(neurons=4)
    image = np.full(784, 255, np.uint8)
    inputs, _ = replay_stdp(
        network, fresh_state(network, np.random.default_rng(0)), image, np.random.default_rng(1)
    )
    assert inputs.mean() == pytest.approx(63.75 * 0.5e-3, rel=0.05)
