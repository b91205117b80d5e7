import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from spicesnn.errors import InputError
from spicesnn.learning.manhattan import AllDevices, RandomSubset, Softmax, Tanh, direction
from spicesnn.learning.template import template_steps


def loss_of(activation, amps, answers):
    f = activation.values(amps)
    if isinstance(activation, Softmax):
        return -np.sum(answers * np.log(f))
    return 0.5 * np.sum((activation.target * (2 * answers - 1) - f) ** 2)


@pytest.mark.parametrize("activation", [Tanh(beta=0.7, target=1.0), Softmax(beta=1.0)])
def test_deltas_are_the_negative_gradient(activation):
    rng = np.random.default_rng(2)
    amps, answers, h = rng.normal(size=(1, 4)), np.array([[0.0, 1.0, 0.0, 0.0]]), 1e-6
    numeric = [
        -(loss_of(activation, amps + h * e, answers) - loss_of(activation, amps - h * e, answers))
        / (2 * h)
        for e in np.eye(4)
    ]
    assert activation.deltas(amps, answers)[0] == pytest.approx(numeric, rel=1e-6)


def test_direction_is_the_sign_of_the_batch_sum_and_exact_cancellation_is_zero():
    inputs = np.array([[0.1, -0.1, 0.1], [0.1, 0.1, 0.3]])
    deltas = np.array([[1.0, -1.0], [-1.0, -3.0]])
    assert direction(inputs, deltas).tolist() == [[0, -1], [-1, -1], [-1, -1]]
    with pytest.raises(InputError, match=r"expected \(batch, rows\) and \(batch, outputs\)"):
        direction(inputs, deltas[:1])


def test_right_needs_every_output_beyond_the_stop():
    activation = Tanh(beta=1.0, stop=0.8)
    amps = np.arctanh([[0.81, -0.81], [0.81, -0.79], [0.81, 0.81]])
    assert activation.right(amps, np.array([[1.0, 0.0]] * 3)).tolist() == [True, False, False]
    assert Softmax(beta=1.0).right(
        np.array([[1.0, 1.0], [1.0, 0.9]]), np.array([[1.0, 0.0]] * 2)
    ).tolist() == [False, True]


@settings(deadline=None, max_examples=30)
@given(st.sampled_from([0.03, 0.1, 0.3]), st.sampled_from([0.3, 0.5, 1.0]))
def test_random_subset_keeps_its_fraction(fraction, groups):
    changes = np.where(np.random.default_rng(0).random((100, 400)) < 0.5, 1, -1).astype(np.int8)
    kept = RandomSubset(fraction=fraction, groups=groups).keep(changes, np.random.default_rng(1))
    assert np.mean(kept != 0) == pytest.approx(fraction, rel=0.15)
    assert np.all((kept == 0) | (kept == changes))
    touched = np.mean([((kept == sign).any(axis=0)) for sign in (1, -1)])
    untouched_by_chance = (1 - 0.5 * fraction / groups) ** 100
    assert touched == pytest.approx(groups * (1 - untouched_by_chance), abs=0.05)


def test_all_devices_keeps_everything_and_bad_fractions_are_refused():
    changes = np.array([[1, -1]], dtype=np.int8)
    assert AllDevices().keep(changes, np.random.default_rng(0)) is changes
    with pytest.raises(InputError, match="0 < fraction ≤ groups ≤ 1"):
        RandomSubset(fraction=0.5, groups=0.1)


def test_template_steps_write_each_pattern_into_its_column():
    steps = template_steps([[1, 0, 1], [0, 1, 1]], np.array([1, 0]), 2)
    assert [s.rows.tolist() for s in steps] == [[True, False, True], [False, True, True]]
    assert [s.columns.tolist() for s in steps] == [[False, True], [True, False]]
    with pytest.raises(InputError, match="patterns of 0 and 1"):
        template_steps([[0.5, 0.0]], np.array([0]), 1)


def test_softmax_of_large_differences_is_still_a_number():
    """β·(I − max I) is never above 0, so nothing overflows: exp(−1000) is 0, exp(1000) would be
    infinite."""
    values = Softmax(beta=1e6).values(np.array([[0.0, 1e-3, -2e-3], [5e-3, 5e-3, 0.0]]))
    np.testing.assert_allclose(values, [[0.0, 1.0, 0.0], [0.5, 0.5, 0.0]], atol=1e-300)
    amps = np.array([[1e-6, 3e-6, -2e-6]])
    np.testing.assert_allclose(
        Softmax(beta=4e5).values(amps), softmax(4e5 * amps, axis=1), rtol=1e-12
    )
