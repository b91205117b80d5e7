"""Softmax, surrogate and Adam against their formulas by hand."""

import numpy as np
import pytest

from spicesnn.errors import InputError
from spicesnn.jit import compiled
from spicesnn.learning.gradients import Adam, softmax, spike_slope


def test_softmax_is_the_ratio_of_exponentials_and_does_not_overflow():
    found = softmax(np.log(np.array([[1.0, 2.0, 5.0]])))
    np.testing.assert_allclose(found, [[1 / 8, 2 / 8, 5 / 8]], rtol=1e-15)
    assert softmax(np.array([1e4, 1e4, -1e4])).tolist() == [0.5, 0.5, 0.0]
    np.testing.assert_allclose(softmax(np.array([[0.0, 1.0], [0.0, 1.0]]), axis=0), 0.5)
    assert softmax(np.zeros(3, np.float32)).dtype == np.float32


def test_the_surrogate_is_one_at_the_threshold_and_a_quarter_at_a_distance_of_one():
    assert spike_slope(0.0) == 1.0
    np.testing.assert_allclose(spike_slope(np.array([-1.0, 1.0, 3.0])), [0.25, 0.25, 1 / 16])
    inside = compiled(keep=False)(spike_slope)
    one = inside(np.float32(1.0), np.float32(1.0))
    assert one == 0.25


def test_adams_first_step_is_the_rate_whatever_the_gradient_and_its_second_is_by_hand():
    adam, mean, square = Adam(), np.zeros(2), np.zeros(2)
    step = adam.step(np.array([3.0, -0.01]), mean, square, count=1, rate=0.5)
    np.testing.assert_allclose(step, [0.5, -0.5], rtol=1e-5)
    step = adam.step(np.array([1.0, 0.0]), mean, square, count=2, rate=0.5)
    m, v = 0.9 * 0.3 + 0.1 * 1.0, 0.999 * 0.001 * 9 + 0.001
    assert step[0] == pytest.approx(
        0.5 * m / (1 - 0.81) / (np.sqrt(v / (1 - 0.999**2)) + 1e-8), rel=1e-12
    )
    np.testing.assert_allclose([mean[0], square[0]], [m, v])


def test_a_relative_epsilon_makes_steps_the_same_in_any_unit():
    def run(unit):
        adam, mean, square = Adam(tiny=1e-300, of_largest=1e-9), np.zeros(3), np.zeros(3)
        return [
            adam.step(unit * np.array([1.0, -2.0, 0.0]), mean, square, count=k, rate=1.0)
            for k in (1, 2)
        ]

    np.testing.assert_allclose(run(1e-12), run(1.0), rtol=1e-12)


def test_settings_that_cannot_be_are_refused():
    for wrong in ({"first": 1.0}, {"second": -0.1}, {"tiny": 0.0}, {"of_largest": -1.0}):
        with pytest.raises(InputError, match="expected decays from 0 to below 1"):
            Adam(**wrong)
