import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import spicesnn as sn
from spicesnn.crossbar.mapping import COLUMNS, Offset, Window
from spicesnn.errors import InputError

WINDOW = Window(low=1e-6, high=9e-6)


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(["differential", "offset"]), arrays(float, (3, 4), elements=st.floats(-1, 1))
)
def test_weights_survive_the_way_to_conductances_and_back(kind, weights):
    siemens = COLUMNS[kind].conductances(weights, WINDOW)
    assert siemens.shape == (3, COLUMNS[kind].count(4))
    assert siemens.min() >= WINDOW.low
    assert siemens.max() <= WINDOW.high * (1 + 1e-12)
    assert COLUMNS[kind].weights(siemens, WINDOW) == pytest.approx(weights, abs=1e-12)


def test_weights_beyond_the_window_are_clipped():
    columns = COLUMNS["differential"]
    assert columns.weights(columns.conductances([[3.0, -2.0]], WINDOW), WINDOW) == pytest.approx(
        np.array([[1.0, -1.0]])
    )


def test_single_columns_and_quantisation():
    assert COLUMNS["single"].conductances([[0.0, 0.5, 1.0]], WINDOW) == pytest.approx(
        np.array([[1e-6, 5e-6, 9e-6]])
    )
    assert WINDOW.quantised([1.9e-6, 2.1e-6, 8.9e-6], 5) == pytest.approx([1e-6, 3e-6, 9e-6])
    with pytest.raises(InputError, match="states = 1"):
        WINDOW.quantised([1e-6], 1)


@pytest.mark.parametrize("states", [5, 16, 64])
def test_an_offset_column_on_a_state_leaves_no_mean_error(states):
    """With the reference between two states every rounded weight would be off by half a state, all
    to the same side."""
    window, weights = Window(low=1e-6, high=1e-4), np.linspace(-0.9, 0.9, 2001)[:, None]
    columns = Offset().with_states(states)
    rounded = columns.weights(
        window.quantised(columns.conductances(weights, window), states), window
    )
    inside = np.abs(weights) < 1 - 2 / (states - 1)
    assert abs(np.mean((rounded - weights)[inside])) < 0.05 / (states - 1)
    assert np.abs(rounded - weights)[inside].max() <= 1.0001 / (states - 1)
    plain = Offset().weights(
        window.quantised(Offset().conductances(weights, window), states), window
    )
    if states % 2 == 0:
        assert abs(np.mean((plain - weights)[inside])) > 0.5 / (states - 1)
    with pytest.raises(InputError, match="expected 2 or more"):
        Offset().with_states(1)


@pytest.mark.parametrize(("states", "reference"), [(2, 0.0), (4, 1 / 3), (5, 0.5), (16, 7 / 15)])
def test_the_reference_of_an_offset_is_the_middle_state_or_the_one_below_it(states, reference):
    columns = Offset().with_states(states)
    assert columns.reference == pytest.approx(reference, rel=1e-12)
    window = Window(low=2e-6, high=1e-5)
    (siemens,) = columns.conductances([[0.0]], window)
    assert siemens == pytest.approx(np.full(2, 2e-6 + reference * 8e-6), rel=1e-12)


def test_window_of_a_device():
    window = Window.of(sn.devices.VTEAM(r_on=40e3, r_off=120e3))
    assert (window.low, window.high) == pytest.approx((1 / 120e3, 1 / 40e3))
    with pytest.raises(InputError, match="expected 0 ≤ low < high"):
        Window(low=2.0, high=1.0)


def test_a_window_may_begin_at_no_conductance_at_all():
    window = Window(low=0.0, high=2e-6)
    assert window.span == 2e-6
    assert window.at([0.0, 0.25, 1.0]) == pytest.approx([0.0, 5e-7, 2e-6])
    for low, high in ((-1e-9, 1e-6), (1e-6, 1e-6), (0.0, np.inf), (np.nan, 1.0)):
        with pytest.raises(InputError, match=r"conductance window: .*expected"):
            Window(low=low, high=high)


@pytest.mark.parametrize("every", [0, 1, 2, 3, 7])
@pytest.mark.parametrize("outputs", [1, 2, 3, 5, 7])
def test_a_reference_column_follows_every_few_neurons(every, outputs):
    """Columns written out one by one: a neuron each, and the reference after every `every` of them
    and after the last."""
    columns, window = Offset(every=every), Window(low=1e-5, high=1e-4)
    weights = np.random.default_rng(outputs).uniform(-1, 1, (4, outputs))
    expected, reference_of, waiting = [], [], []
    for k in range(outputs):
        expected.append(window.at(0.5 + 0.5 * weights[:, k]))
        waiting.append(k)
        if len(waiting) == (every or outputs) or k == outputs - 1:
            reference_of += [len(expected)] * len(waiting)
            expected.append(np.full(4, 5.5e-5))
            waiting = []
    found = columns.conductances(weights, window)
    np.testing.assert_allclose(found, np.transpose(expected), rtol=1e-12)
    assert columns.count(outputs) == len(expected)
    assert columns.outputs_of(len(expected)) == outputs
    assert columns.references(outputs).tolist() == reference_of
    np.testing.assert_allclose(columns.weights(found, window), weights, atol=1e-12)
    amps = np.arange(float(len(expected)))
    wanted = [
        2 * (amps[place] - amps[ref])
        for place, ref in zip(columns.places(outputs), reference_of, strict=True)
    ]
    assert columns.outputs(amps).tolist() == wanted
    signs = columns.changes(np.ones((4, outputs), np.int8), opposite=True)
    assert signs.dtype == np.int8
    assert signs.sum() == 4 * outputs
    assert not signs[:, reference_of].any()
