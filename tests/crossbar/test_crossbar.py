import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import InputError


def test_an_array_is_frozen_and_copies_what_it_is_given():
    given = np.full((2, 3), 1e-4)
    array = sn.Crossbar(conductance=given, wires=sn.Wires())
    given[0, 0] = 1.0
    assert array.conductance[0, 0] == 1e-4
    with pytest.raises(ValueError, match="read-only"):
        array.conductance[0, 0] = 2.0


def test_fresh_devices_start_in_their_published_state():
    array = sn.Crossbar(device=sn.devices.VTEAM(), shape=(3, 2), wires=sn.Wires())
    assert array.state.shape == (3, 2)
    assert np.all(array.state == 1e-9)
    assert array.cell_conductance()[0, 0] == pytest.approx(1 / (50 + 950 / 3), rel=1e-12)


def test_changing_an_array_leaves_the_old_one_and_its_cache_alone():
    array = sn.Crossbar(device=sn.devices.VTEAM(), shape=(1, 1), wires=sn.Wires())
    array.cache["setup"] = 1
    other = array.with_state([[2e-9]])
    assert array.state[0, 0] == 1e-9
    assert other.state[0, 0] == 2e-9
    assert other.cache == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either conductance"),
        ({"conductance": [[1.0]], "device": "vteam"}, "exactly one"),
        ({"conductance": [1.0, 2.0]}, r"shape \(2,\); expected \(rows, cols\)"),
        ({"conductance": [[]]}, "at least"),
        ({"conductance": [[1e-3, -1e-6]]}, r"conductance\[0, 1\] = -1e-06 S"),
        ({"conductance": [[np.nan]]}, r"conductance\[0, 0\] = nan"),
        ({"conductance": [["a"]]}, "not an array of numbers"),
        ({"conductance": [[1.0]], "state": [[1.0]]}, "has no state"),
        ({"conductance": [[1.0]], "stuck": [True]}, r"stuck has shape \(1,\)"),
        ({"device": 3, "state": [[0.0]]}, "expected a device"),
        ({"device": sn.devices.VTEAM()}, "needs state"),
        ({"device": sn.devices.VTEAM(), "state": [[4e-9]]}, "expected finite values in"),
        ({"device": sn.devices.VTEAM(), "state": [[np.inf]]}, "expected finite values in"),
        (
            {"device": sn.devices.VTEAM(r_on=np.ones(3)), "state": [[1e-9]]},
            r"r_on has shape \(3,\)",
        ),
        (
            {"conductance": [[1.0]], "wires": sn.Wires(driver_ohm=np.ones(2))},
            r"driver_ohm has shape \(2,\), but the array has 1 rows",
        ),
    ],
)
def test_bad_arrays_are_refused_with_what_was_got_and_expected(arguments, message):
    with pytest.raises(InputError, match=message):
        sn.Crossbar(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"word_line_ohm": -1.0}, "word_line_ohm = -1.0"),
        ({"bit_line_ohm": np.nan}, "finite"),
        ({"driver_ohm": [[1.0]]}, "one per line"),
        ({"word_line_farad": [1e-15, 2e-15]}, "expected one number"),
        ({"sense_ohm": "thick"}, "'thick'"),
    ],
)
def test_bad_wires_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        sn.Wires(**arguments)


def test_gates_spread_along_their_lines():
    device_less = sn.Crossbar(
        conductance=np.ones((2, 3)), gate_along=sn.GateAlong.BIT_LINES, wires=sn.Wires()
    )
    assert device_less.gate_lines == 3
    assert device_less.gate_of_cells(np.arange(3.0)).shape == (1, 3)
    assert sn.Crossbar(conductance=np.ones((2, 3)), wires=sn.Wires()).gate_of_cells(
        np.arange(2.0)
    ).shape == (2, 1)
