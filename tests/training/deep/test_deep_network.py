import numpy as np
import pytest

from spicesnn.errors import InputError
from spicesnn.learning.metrics import NOBODY
from spicesnn.neurons.lif import LIF, LIFState, lif_step
from spicesnn.training.deep.deform import Deformation
from spicesnn.training.deep.network import (
    DeepNetwork,
    ReadNoise,
    decided,
    forward,
    gradients,
    outputs_of,
    softmax_slope,
)
from spicesnn.training.deep.neurons import backward_layer, run_layer
from spicesnn.training.deep.software import Learnt, Software, learnt_more

NETWORK = DeepNetwork(sizes=(16, 24, 12, 4), steps=6, decay=0.6, sharpness=2.0)


def quadrants(count, rng):
    """4×4 images, bright in one quadrant, noisy elsewhere."""
    labels = rng.integers(0, 4, count)
    images = rng.integers(0, 60, (count, 4, 4)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, col = 2 * (label // 2), 2 * (label % 2)
        image[row : row + 2, col : col + 2] = 220
    return images.reshape(count, 16), labels


@pytest.mark.parametrize("constant", [True, False])
def test_a_layer_is_the_lif_neuron_of_the_library(constant):
    """run_layer against lif_step with R = 1 Ω, a threshold of 1 V and Δt/τ = −ln(decay)."""
    rng = np.random.default_rng(0)
    steps, decay = 9, 0.7
    drive = rng.normal(0.8, 1.0, (3, 1 if constant else steps, 5)).astype(np.float32)
    volts, spikes = np.empty((3, steps, 5), np.float32), np.empty((3, steps, 5), np.float32)
    run_layer(drive, np.float32(decay), volts, spikes)
    neuron, state = (
        LIF(tau_s=1.0, resistance_ohm=1.0, threshold_volts=1.0),
        LIFState.at_rest((3, 5)),
    )
    for t in range(steps):
        fired, state = lif_step(
            drive[:, 0 if constant else t], state, neuron, float(-np.log(decay))
        )
        np.testing.assert_array_equal(spikes[:, t] > 0, fired)
        np.testing.assert_allclose(np.where(fired, 0.0, volts[:, t]), state.volts, atol=1e-5)
    assert spikes.any()
    assert not spikes.all()


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
            slope[:, t] / (1 + 3 * np.abs(volts[:, t] - 1)) ** 2 + 0.6 * (volts[:, t] < 1) * delta
        )
        np.testing.assert_allclose(found[:, t], 0.4 * delta, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(total[:, 0], found.sum(axis=1), rtol=1e-4, atol=1e-6)


def test_gradients_of_the_output_layer_are_those_of_finite_differences():
    """Nothing spikes behind the output weights, so there the surrogate gradient is the true one."""
    rng = np.random.default_rng(2)
    weights = NETWORK.fresh(rng)
    inputs, labels = rng.random((8, 16), dtype=np.float32), rng.integers(0, 4, 8)

    def loss(last):
        return softmax_slope(
            forward(NETWORK, [*weights[:-1], last.astype(np.float32)], inputs).outputs.astype(
                float
            ),
            labels,
            3.0,
        )[0]

    trace = forward(NETWORK, weights, inputs)
    found = gradients(NETWORK, weights, trace, softmax_slope(trace.outputs, labels, 3.0)[1])[-1]
    for place in ((0, 0), (5, 2), (12, 3)):
        moved = np.zeros(weights[-1].shape)
        moved[place] = 1e-2
        slope = (loss(weights[-1] + moved) - loss(weights[-1] - moved)) / 2e-2
        assert found[place] == pytest.approx(slope, rel=2e-2, abs=1e-4)


def test_quadrants_are_learnt_and_the_same_seed_gives_the_same_bits():
    rng = np.random.default_rng(3)
    images, labels = quadrants(1500, rng)
    software = Software(batch=50, rate=1e-2, gain=4.0, image=(4, 4), limits=(1.0, 1.0, 1.0))
    runs = []
    for _ in range(2):
        draws = np.random.default_rng(4)
        state = Learnt.fresh(NETWORK, software, draws)
        for _ in range(2):
            state, loss = learnt_more(NETWORK, software, state, images, labels, draws, total=60)
        runs.append(state)
    np.testing.assert_array_equal(runs[0].mean[0], runs[1].mean[0])
    assert runs[0].batches == 60
    assert loss < 0.3
    fresh, truth = quadrants(400, rng)
    assert np.mean(decided(*outputs_of(NETWORK, runs[0].mean, fresh)) == truth) > 0.97
    assert max(np.abs(w).max() for w in runs[0].weights) <= 1.0


def test_dropout_noise_and_deformed_images_change_what_is_learnt():
    rng = np.random.default_rng(5)
    images, labels = quadrants(100, rng)
    found = []
    for change in (
        {},
        {"dropout": 0.3},
        {"weight_noise": 0.1},
        {"deformation": Deformation(turn_degrees=10.0)},
    ):
        software = Software(batch=50, image=(4, 4), **change)
        draws = np.random.default_rng(6)
        found.append(
            learnt_more(
                NETWORK,
                software,
                Learnt.fresh(NETWORK, software, draws),
                images,
                labels,
                draws,
                total=2,
            )[0].weights[0]
        )
    for other in found[1:]:
        assert np.abs(other - found[0]).max() > 1e-4


def test_read_noise_has_the_spread_it_should():
    """With spikes of every input in every step the noise of an output is √(Σ variance / steps)."""
    network = DeepNetwork(sizes=(3, 4, 2), steps=5, decay=0.0)
    weights = [np.full((4, 4), 2.0, np.float32), np.zeros((5, 2), np.float32)]
    noise = ReadNoise(
        variances=[np.zeros((4, 4), np.float32), np.full((5, 2), 0.04, np.float32)],
        rng=np.random.default_rng(7),
    )
    outputs = forward(network, weights, np.ones((20000, 3), np.float32), noise=noise).outputs
    assert outputs.std() == pytest.approx(np.sqrt(5 * 0.04 / 5), rel=0.02)
    assert outputs.mean() == pytest.approx(0.0, abs=0.005)


def test_ties_and_silence_are_no_answer():
    outputs = np.array([[1.0, 1.0], [2.0, 1.0], [2.0, 1.0]])
    spikes = np.array([[0.5], [0.5], [0.0]])
    np.testing.assert_array_equal(decided(outputs, spikes), [NOBODY, 0, NOBODY])


def test_a_shift_moves_pixels_and_nothing_else():
    image = np.zeros((1, 64), np.uint8)
    image[0, 27] = 255
    moved = (
        Deformation(shift_pixels=1.5)
        .applied(np.repeat(image, 200, axis=0), (8, 8), np.random.default_rng(8))
        .reshape(-1, 8, 8)
    )
    np.testing.assert_allclose(moved.sum(axis=(1, 2)), 1.0, rtol=1e-4)
    rows, cols = np.indices((8, 8))
    centre = np.stack(
        [(moved * rows).sum(axis=(1, 2)), (moved * cols).sum(axis=(1, 2))], axis=1
    ) - [3, 3]
    assert np.abs(centre).max() <= 1.5 + 1e-4
    assert np.abs(centre).max() > 1.3


def test_a_turn_keeps_the_centre_and_moves_the_rim():
    image = np.zeros((5, 81), np.uint8)
    image[:, 40], image[:, 44] = 255, 255
    turned = (
        Deformation(turn_degrees=60.0)
        .applied(image, (9, 9), np.random.default_rng(9))
        .reshape(5, 9, 9)
    )
    np.testing.assert_allclose(turned[:, 4, 4], 1.0, atol=1e-4)
    assert turned[:, 4, 8].min() < 0.5


def test_without_deformation_images_stay_as_they_are():
    images = np.random.default_rng(10).integers(0, 256, (3, 16)).astype(np.uint8)
    np.testing.assert_allclose(
        Deformation().applied(images, (4, 4), np.random.default_rng(0)) * 255, images, rtol=1e-6
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DeepNetwork(sizes=(4, 2)), "at least one hidden layer"),
        (lambda: DeepNetwork(decay=1.0), "decay = 1.0"),
        (lambda: Software(batch=0), "batch = 0"),
        (lambda: Software(dropout=1.0), "dropout = 1.0"),
        (lambda: Deformation(turn_degrees=120.0), "turn_degrees = 120.0"),
        (
            lambda: Learnt.fresh(NETWORK, Software(limits=(1.0,)), np.random.default_rng(0)),
            "1 limits for 3 layers",
        ),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
