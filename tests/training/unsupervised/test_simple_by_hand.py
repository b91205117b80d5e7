"""The simpler network step by step in plain Python, with the same random words: every count, weight
and threshold of the compiled one."""

import numpy as np
import pytest

from spicesnn.encoding.events import draw, seed_words
from spicesnn.training.unsupervised.network import LastSpikeSynapse
from spicesnn.training.unsupervised.simple import SimpleNetwork, SimpleState, show_simple

SYNAPSE = LastSpikeSynapse(rise=0.02, fall=0.004, decay=3.0, window=6)


def by_hand(network, weight, theta, images, words, learn):
    """Return responses, weights, factors on the threshold, input events and cells written, from the
    equations at the head of the module."""
    one, f = np.float32(1.0), np.float32
    decay, theta_decay = f(network.decay), f(network.theta_decay)
    inhibition, threshold = f(network.inhibition), f(network.threshold)
    responses, events, written = np.zeros((len(images), network.neurons), int), 0, 0
    for q, image in enumerate(images):
        u, free_at = np.zeros(network.neurons, np.float32), np.zeros(network.neurons, int)
        last = np.full(network.inputs, -(SYNAPSE.window + 2))
        chance = [int(float(f(network.input_share)) * int(g) / 255.0 * 4294967296.0) for g in image]
        for step in range(network.steps):
            for i in range(network.inputs):
                if image[i] > 0 and (int(draw(words)) >> 32) < chance[i]:
                    last[i] = step
                    events += 1
                    u[free_at <= step] += weight[i, free_at <= step]
            u = (u * decay).astype(np.float32)
            if learn:
                theta = (one + (theta - one) * theta_decay).astype(np.float32)
            winner, best, equals = -1, f(0), 0
            for j in range(network.neurons):
                margin = u[j] - threshold * theta[j]
                if free_at[j] > step or margin <= 0:
                    continue
                if margin > best:
                    winner, best, equals = j, margin, 1
                elif margin == best:
                    equals += 1
                    if int(draw(words)) % equals == 0:
                        winner = j
            if winner < 0:
                continue
            responses[q, winner] += 1
            u = np.maximum(u - inhibition, f(0))
            free_at = np.maximum(free_at, step + 1 + network.silence)
            u[winner], free_at[winner] = f(0), step + 1 + network.refractory
            if learn:
                theta[winner] = min(theta[winner] + f(network.theta_step), f(network.theta_highest))
                for i in range(network.inputs):
                    lag = step - last[i]
                    change = (
                        SYNAPSE.rise * np.exp(-lag / SYNAPSE.decay)
                        if lag <= SYNAPSE.window
                        else -SYNAPSE.fall
                    )
                    weight[i, winner] = min(max(weight[i, winner] + f(change), f(0)), one)
                    written += 1
    return responses, weight, theta, events, written


@pytest.mark.parametrize("learn", [True, False])
def test_the_compiled_network_is_the_one_by_hand(learn):
    network = SimpleNetwork(
        side=3,
        neurons=4,
        steps=40,
        input_share=0.6,
        threshold=3.0,
        decay=0.9,
        inhibition=1.5,
        refractory=2,
        silence=3,
        theta_step=0.05,
        theta_highest=1.18,
        theta_decay=0.99,
        synapse=SYNAPSE,
    )
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 9)).astype(np.uint8)
    images[:, 4] = 0
    state = SimpleState.fresh(network, rng)
    state = SimpleState(weight=state.weight, theta=np.array([1.0, 1.05, 1.0, 1.1], np.float32))
    shown = show_simple(network, state, images, np.random.default_rng(7), learn=learn)
    words = seed_words(np.random.default_rng(7))
    responses, weight, theta, events, written = by_hand(
        network, state.weight.copy(), state.theta.copy(), images, words, learn
    )
    np.testing.assert_array_equal(shown.responses, responses)
    assert responses.sum() > 20
    assert (shown.input_events, shown.writes) == (events, written)
    np.testing.assert_allclose(shown.state.weight, weight, atol=2e-6)
    np.testing.assert_allclose(shown.state.theta, theta, atol=2e-6)
    assert written == (9 * responses.sum() if learn else 0)


def test_equals_are_drawn_with_equal_chances():
    """All neurons alike: each is the first winner of about a quarter of the presentations."""
    network = SimpleNetwork(
        side=2,
        neurons=4,
        steps=3,
        input_share=1.0,
        threshold=1.0,
        decay=1.0,
        inhibition=0.0,
        refractory=50,
        silence=50,
        synapse=SYNAPSE,
    )
    state = SimpleState(weight=np.full((4, 4), 0.3, np.float32), theta=np.ones(4, np.float32))
    images = np.full((2000, 4), 255, np.uint8)
    responses = show_simple(network, state, images, np.random.default_rng(3), learn=False).responses
    assert np.all(responses.sum(axis=1) == 1)
    np.testing.assert_allclose(responses.mean(axis=0), 0.25, atol=0.04)
