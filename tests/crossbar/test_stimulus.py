import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.stimulus import Levels
from spicesnn.devices import registry
from spicesnn.errors import InputError

ARRAY = sn.Crossbar(conductance=np.full((2, 3), 1e-4), wires=sn.Wires())


def test_levels_spread_over_one_batch_axis():
    levels = Levels.checked(ARRAY, np.ones((4, 2)), column_volts=[0.0, 0.1, 0.2])
    assert (levels.row_volts.shape, levels.column_volts.shape, levels.single) == (
        (4, 2),
        (4, 3),
        False,
    )
    assert Levels.checked(ARRAY, [1.0, 2.0]).single


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"row_volts": [1.0]}, r"row_volts has shape \(1,\); expected \(2,\)"),
        ({"row_volts": np.ones((1, 1, 2))}, "row_volts has shape"),
        ({"row_volts": [np.nan, 0.0]}, "not finite"),
        ({"row_volts": "high"}, "not an array of volts"),
        (
            {"row_volts": np.ones((2, 2)), "column_volts": np.ones((3, 3))},
            "batches of different lengths",
        ),
        ({"row_volts": [1.0, 1.0], "gate_volts": [1.0, 1.0]}, "no third terminal"),
        ({"row_volts": [1.0, 1.0], "floating_rows": [1, 0]}, "2 booleans"),
        ({"row_volts": [1.0, 1.0], "floating_columns": [True]}, "3 booleans"),
    ],
)
def test_bad_levels_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        Levels.checked(ARRAY, **arguments)


def test_cells_with_a_gate_are_named_where_its_volts_are_left_out():
    cell = registry.make("1t1r")
    array = sn.Crossbar(device=cell, shape=(2, 3))
    with pytest.raises(InputError, match=r"1t1r cells have a third terminal: .* with 2 values"):
        Levels.checked(array, [1.0, 1.0])


def test_a_pulse_is_a_trapezoid_whose_width_is_its_flat_top():
    wave = sn.Pulse(row_volts=[1.0, -1.0], width_s=1e-6, rise_s=1e-7).waveform().checked(ARRAY)
    np.testing.assert_allclose(wave.time_s, [0, 1e-7, 1.1e-6, 1.2e-6])
    np.testing.assert_array_equal(wave.row_volts, [[0, 0], [1, -1], [1, -1], [0, 0]])
    assert wave.column_volts.shape == (4, 3)
    assert sn.Pulse(row_volts=1.0, width_s=2e-6).waveform().checked(ARRAY).duration_s == 2e-6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width_s": 0.0}, "width_s = 0.0"),
        ({"width_s": np.nan}, "width_s"),
        ({"rise_s": -1.0}, "rise_s = -1.0"),
        ({"width_s": "long"}, "'long'"),
    ],
)
def test_bad_pulses_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        sn.Pulse(row_volts=1.0, **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"time_s": [0.0, 0.0]}, "increasing times"),
        ({"time_s": [1.0, 2.0]}, "the first 0"),
        ({"row_volts": [[0.0, 1.0, 2.0]] * 2}, "one voltage a word line: 2"),
        ({"row_volts": [[np.inf]] * 2}, "not finite"),
        ({"gate_volts": [[1.0]] * 2}, "no third terminal"),
    ],
)
def test_bad_waveforms_are_refused(arguments, message):
    good = {"time_s": [0.0, 1.0], "row_volts": [[0.0]] * 2, "column_volts": [[0.0]] * 2}
    with pytest.raises(InputError, match=message):
        sn.Waveform(**(good | arguments)).checked(ARRAY)


def test_several_pulses_with_edges_follow_one_another_at_once():
    pulse = sn.Pulse(row_volts=[0.5, 0.0], width_s=2.0, rise_s=1.0, count=3)
    waveform = pulse.waveform()
    np.testing.assert_array_equal(waveform.time_s, [0, 1, 3, 4, 5, 7, 8, 9, 11, 12])
    np.testing.assert_array_equal(
        waveform.row_volts[:, 0], [0, 0.5, 0.5, 0, 0.5, 0.5, 0, 0.5, 0.5, 0]
    )


def test_a_waveform_of_one_course_is_that_of_all_lines():
    """Before: `column_volts` had to be said, and one voltage a point had no meaning."""
    time, course = [0.0, 1e-9, 2e-9], [0.0, 1.0, 0.0]
    array = sn.Crossbar(device="vteam", shape=(3, 2))
    one = sn.Waveform(time_s=time, row_volts=course).checked(array)
    assert one.row_volts.tolist() == [[0.0] * 3, [1.0] * 3, [0.0] * 3]
    assert one.column_volts.tolist() == [[0.0, 0.0]] * 3
    held = sn.Waveform(time_s=time, row_volts=course, column_volts=0.25).checked(array)
    assert held.column_volts.tolist() == [[0.25, 0.25]] * 3
    with pytest.raises(InputError, match="expected one voltage a word line: 3"):
        sn.Waveform(time_s=time, row_volts=[0.0, 1.0]).checked(array)
    with pytest.raises(TypeError, match=r"use Waveform\(time_s=…, row_volts=…, column_volts=…\)"):
        sn.Waveform(time, course)
