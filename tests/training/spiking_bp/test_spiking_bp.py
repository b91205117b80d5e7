import numpy as np
import pytest

from spicesnn.errors import InputError
from spicesnn.learning.metrics import NOBODY
from spicesnn.training.spiking_bp.network import (
    Cells,
    SpikingBP,
    Weights,
    answers,
    epoch_share,
    fresh_weights,
    train_stream,
)

SMALL = SpikingBP(inputs=16, hidden=24, outputs=4, spread=(0.2, 0.2), rates=(0.02, 0.01))


def quadrants(count, rng):
    """4×4 images, bright in one quadrant, noisy elsewhere."""
    labels = rng.integers(0, 4, count)
    images = rng.integers(0, 60, (count, 4, 4)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, col = 2 * (label // 2), 2 * (label % 2)
        image[row : row + 2, col : col + 2] = 220
    return images, labels


@pytest.mark.parametrize(
    "cells",
    [Cells(), Cells(cycle_to_cycle=0.1), Cells(levels=64)],
    ids=["ideal", "noisy", "levels"],
)
def test_quadrants_are_learnt(cells):
    rng = np.random.default_rng(0)
    images, labels = quadrants(4000, rng)
    trained = train_stream(
        SMALL, fresh_weights(SMALL, rng, cells), images, labels, rng, cells=cells
    ).weights
    fresh, truth = quadrants(300, rng)
    assert np.mean(answers(SMALL, trained, fresh, rng) == truth) > 0.97


def test_the_same_seed_gives_the_same_weights_and_the_input_is_left_alone():
    images, labels = quadrants(100, np.random.default_rng(1))
    start = fresh_weights(SMALL, np.random.default_rng(2))
    before = start.first.copy()
    runs = [train_stream(SMALL, start, images, labels, np.random.default_rng(3)) for _ in range(2)]
    np.testing.assert_array_equal(runs[0].weights.first, runs[1].weights.first)
    np.testing.assert_array_equal(start.first, before)
    assert runs[0].updates > 0
    assert runs[0].rows_written[0] > 0


def test_an_update_lowers_the_error_of_its_own_image():
    """The sign of both updates: after many updates on one image its output fires in nearly every
    step, the others hardly."""
    images, labels = quadrants(1, np.random.default_rng(4))
    rng = np.random.default_rng(5)
    weights = fresh_weights(SMALL, rng)
    for _ in range(200):
        streamed = train_stream(SMALL, weights, images, labels, rng)
        weights = streamed.weights
    counts = streamed.counts[0]
    assert counts[labels[0]] >= 5
    assert np.delete(counts, labels[0]).max() <= 2


def test_levels_stay_on_their_grid_and_inside_the_window():
    cells, rng = Cells(levels=9), np.random.default_rng(6)
    images, labels = quadrants(200, rng)
    weights = train_stream(
        SMALL, fresh_weights(SMALL, rng, cells), images, labels, rng, cells=cells
    ).weights
    for weight, limit in zip((weights.first, weights.second), SMALL.limits, strict=True):
        steps = (weight + limit) / (2 * limit / 8)
        np.testing.assert_allclose(steps, np.round(steps), atol=1e-4)
        assert np.abs(weight).max() <= limit + 1e-6


def test_a_dark_image_has_no_answer():
    rng = np.random.default_rng(7)
    assert answers(SMALL, fresh_weights(SMALL, rng), np.zeros((1, 16), np.uint8), rng)[0] == NOBODY


def test_the_schedule_falls_from_one():
    assert [epoch_share(e, 4) for e in range(4)] == pytest.approx(
        [1.0, 0.75**1.5, 0.5**1.5, 0.25**1.5]
    )


def learn_one(image, label):
    rng = np.random.default_rng(0)
    return train_stream(SMALL, fresh_weights(SMALL, rng), image, label, rng)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SpikingBP(hidden=0), "hidden = 0"),
        (lambda: SpikingBP(rates=(0.0, 1.0)), "rates"),
        (lambda: Cells(levels=1), "1 level"),
        (lambda: Cells(levels=16, cycle_to_cycle=0.1), "one of the two"),
        (lambda: learn_one(np.zeros((1, 9), np.uint8), [0]), "16"),
        (lambda: learn_one(np.zeros((1, 16), np.uint8), [7]), "to 3"),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def by_hand(network, first, second, image, label):
    """Return counts, last steps and weights after one image whose lit inputs spike in every step,
    from the equations as they are written."""
    lit = np.flatnonzero(image)
    (v1, c1), (v2, c2, last) = np.zeros((2, network.hidden)), np.zeros((3, network.outputs))
    for step in range(network.window):
        v1 += first[lit].sum(axis=0)
        fired = v1 > network.thresholds[0]
        v1[fired] = 0
        c1 += fired
        v2 += second[fired].sum(axis=0)
        out = v2 > network.thresholds[1]
        v2[out] = 0
        c2 += out
        last[out] = step
    error = (np.arange(network.outputs) == label) - c2 / network.window
    delta = np.where(c1 > 0, second @ error, 0.0)  # nothing for a hidden neuron that was silent
    after_second = np.clip(
        second + network.rates[1] * np.outer(c1, error), -network.limits[1], network.limits[1]
    )
    after_first = first.copy()
    after_first[lit] = np.clip(
        first[lit] + network.rates[0] * network.window * delta,
        -network.limits[0],
        network.limits[0],
    )
    return c1, c2, last, after_first, after_second


@pytest.mark.parametrize("label", [0, 1])
def test_one_update_is_the_one_by_hand_and_reaches_no_silent_hidden_neuron(label):
    network = SpikingBP(
        inputs=4,
        hidden=4,
        outputs=2,
        window=4,
        answer_window=4,
        thresholds=(1.0, 0.9),
        rates=(0.05, 0.02),
        limits=(0.7, 0.8),
    )
    first = np.array(
        [
            [0.30, -0.2, 0.62, 0.1],
            [0.31, -0.1, 0.61, 0.1],
            [0.5, 0.5, 0.5, 0.5],
            [0.7, 0.7, 0.7, 0.7],
        ]
    )
    second = np.array([[0.5, -0.4], [0.3, 0.8], [0.35, 0.45], [-0.6, 0.7]])
    image = np.array([[255, 255, 0, 0]], np.uint8)
    hidden, outputs, last, after_first, after_second = by_hand(
        network, first, second, image[0], label
    )
    assert hidden.tolist() == [2, 0, 4, 0]  # the second and the fourth are silent
    assert outputs.tolist() == [2, 1]
    weights = Weights(first=first.astype(np.float32), second=second.astype(np.float32))
    done = train_stream(network, weights, image, [label], np.random.default_rng(0))
    assert done.input_events == 8  # of grey 255 a step in 256 is dark; not here
    assert done.counts.tolist() == [outputs.tolist()]
    assert done.latest.tolist() == [last.tolist()]
    np.testing.assert_allclose(done.weights.first, after_first, atol=1e-6)
    np.testing.assert_allclose(done.weights.second, after_second, atol=1e-6)
    np.testing.assert_array_equal(
        done.weights.first[:, [1, 3]], first[:, [1, 3]].astype(np.float32)
    )
    np.testing.assert_array_equal(done.weights.second[[1, 3]], second[[1, 3]].astype(np.float32))
    assert (done.updates, done.rows_written) == (1, (2, 2))
    half = train_stream(network, weights, image, [label], np.random.default_rng(0), share=0.5)
    np.testing.assert_allclose(half.weights.first - first, 0.5 * (after_first - first), atol=1e-6)


def test_most_spikes_answer_and_among_equals_who_got_there_first():
    """Two inputs, two hidden neurons, two outputs, all of them one to one: output k fires when
    hidden neuron k does."""
    network = SpikingBP(inputs=2, hidden=2, outputs=2, window=4, answer_window=4)
    image, rng = np.array([[255, 255]], np.uint8), np.random.default_rng(0)

    def answered(gains):
        first, second = np.diag(np.asarray(gains, np.float32)), np.diag(np.full(2, 1.5, np.float32))
        return int(answers(network, Weights(first=first, second=second), image, rng)[0])

    assert answered([1.1, 0.6]) == 0  # 4 spikes to 2
    assert answered([0.6, 1.1]) == 1
    assert answered([0.45, 0.3]) == 0  # one spike each, in the third step and in the fourth
    assert answered([0.3, 0.45]) == 1
    assert answered([1.1, 1.1]) == NOBODY
    assert answered([0.1, 0.1]) == NOBODY
