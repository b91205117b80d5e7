"""What pulses do to a conductance, from maps written down by hand and from cells with a closed
form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.programming.column_pulses import by_columns
from spicesnn.programming.pulse_map import PulseMap, PulseScheme, StepLimits, StrongestPulses
from spicesnn.programming.targets import Targets

UP = PulseMap(
    volts=np.array([1.0, 2.0, 4.0]),
    weights=np.array([0.0, 1.0]),
    change=np.array([[0.0, 0.1], [0.2, 0.1], [0.6, 0.5]]),
)
DOWN = replace(UP, change=-UP.change)


def test_a_map_is_linear_between_its_voltages_nothing_below_and_its_last_above():
    found = UP.at(np.array([0.9, 1.0, 1.5, 3.0, 4.0, 9.0]))
    np.testing.assert_allclose(
        found, [[0, 0], [0, 0.1], [0.1, 0.1], [0.4, 0.3], [0.6, 0.5], [0.6, 0.5]]
    )


@pytest.mark.parametrize(("made", "sign"), [(UP, 1), (DOWN, -1)], ids=["set", "reset"])
def test_wanted_changes_end_at_the_strongest_pulse_of_each_state(made, sign):
    wanted = sign * np.array([[0.1, 0.7], [0.9, 0.2], [0.0, 0.5]])
    np.testing.assert_allclose(
        made.reach(wanted), sign * np.array([[0.1, 0.5], [0.6, 0.2], [0, 0.5]])
    )


@pytest.mark.parametrize(("made", "sign"), [(UP, 1), (DOWN, -1)], ids=["set", "reset"])
def test_voltages_for_a_change_are_the_inverse_of_the_map(made, sign):
    """The second state changes by 0.1 at 1 V and at 2 V: the change above begins at the first."""
    wanted = sign * np.array([[0.1, 0.1], [0.4, 0.3], [0.9, 0.9], [0.0, 0.2], [0.3, 0.3]])
    volts = made.volts_for(wanted)
    np.testing.assert_allclose(
        volts, [[1.5, 1.0], [3.0, 2.5], [4.0, 4.0], [0.0, 1.75], [0.0, 0.0]], rtol=1e-12
    )
    for row, given in zip(volts[:2], wanted[:2], strict=True):
        np.testing.assert_allclose(np.diag(made.at(row))[0], given[0])


LINEAR = sn.devices.VTEAM(
    r_on=1e4, r_off=1e6, v_on=-1.0, v_off=1.0, k_on=-1e-4, k_off=1e-4, alpha_on=1.0, alpha_off=1.0
)
OHM_PER_METRE = (1e6 - 1e4) / 3e-9


def test_set_and_reset_pulses_have_volts_and_widths_of_their_own():
    """dR/dt goes with the volts beyond the threshold: 2.5 V for 1 µs sets, 1.6 V for 3 µs resets."""
    pulses = StrongestPulses(set_volts=2.5, reset_volts=1.6, set_s=1e-6, reset_s=3e-6)
    limits = StepLimits.solved(LINEAR, sn.NodalEngine(), pulses)
    up, down = 1e-4 * 1.5 * 1e-6 * OHM_PER_METRE, 1e-4 * 0.6 * 3e-6 * OHM_PER_METRE
    ohm = 1 / limits.at
    inside = (ohm - up > 1.1e4) & (ohm + down < 0.95e6)
    assert inside.sum() > 20
    np.testing.assert_allclose(limits.up[inside], (1 / (ohm - up) - limits.at)[inside], rtol=1e-3)
    np.testing.assert_allclose(
        limits.down[inside], (1 / (ohm + down) - limits.at)[inside], rtol=1e-3
    )


def test_a_map_of_set_pulses_and_one_of_reset_pulses_have_volts_and_widths_of_their_own():
    scheme = PulseScheme(
        set_s=1e-6, reset_s=3e-6, set_volts=(1.0, 3.0), reset_volts=(1.1, 2.0), g_one=2e-5
    )
    for up, (low, high), width_s in ((True, (1.0, 3.0), 1e-6), (False, (1.1, 2.0), 3e-6)):
        made = PulseMap.solved(LINEAR, sn.NodalEngine(), scheme, up=up)
        assert (made.volts[0], made.volts[-1]) == (low, high)
        assert (made.weights[0], made.weights[-1]) == (0.0, 1.0)
        ohm = 1 / (made.weights[1:] * 2e-5)
        for k in (40, 120):
            moved = 1e-4 * (made.volts[k] - 1.0) * width_s * OHM_PER_METRE
            after = ohm - moved if up else ohm + moved
            inside = (ohm < 0.95e6) & (after > 1.1e4) & (after < 0.95e6)
            change = (1 / after - 1 / ohm) / 2e-5
            np.testing.assert_allclose(made.change[k, 1:][inside], change[inside], rtol=2e-3)


def test_pulses_column_by_column_are_those_of_the_v_half_scheme():
    """States drift with the volts beyond 1 V: Δx = 4e-3·(|V| − 1)·t says the volts of each cell."""
    device = sn.devices.VTEAM(
        r_on=1e4, r_off=1e5, v_on=-1.0, v_off=1.0, k_on=-4e-3, k_off=4e-3, alpha_on=1, alpha_off=1
    )
    begin = np.array([[1.5, 1.0, 2.0], [2.0, 1.5, 1.2], [1.0, 2.2, 1.5]]) * 1e-9
    ends = begin + np.array([[-0.8, 0.0, 0.6], [0.4, 0.0, -0.2], [-0.3, 1e-4, 0.5]]) * 1e-9
    array = sn.Crossbar(device=device, state=begin)
    target = np.asarray(device.conductance(0.0, ends))
    problem = Targets.checked(array, target, 0.01, 0.0, None)
    strongest = StrongestPulses(set_volts=1.9, reset_volts=1.9, set_s=5e-7, reset_s=4e-7)
    pulses = by_columns(problem, array, strongest, rise_s=0.0, limit=2.0)
    # Two columns are to be set and reset; the middle one is within the tolerance.
    assert [pulse.width_s for pulse in pulses] == [5e-7, 5e-7, 4e-7, 4e-7]
    for pulse, column, sets in zip(pulses, (0, 2, 0, 2), (True, True, False, False), strict=True):
        move = ends[:, column] - begin[:, column]
        chosen = (move < 0) == sets
        volts = 1 + np.abs(move) / (4e-3 * pulse.width_s)
        volts *= np.where(chosen, -1 if sets else 1, 0)
        half = 0.5 * volts[np.argmax(np.abs(volts))]
        columns = np.zeros(3)
        columns[column] = -half
        np.testing.assert_allclose(pulse.column_volts, columns, rtol=1e-4)
        np.testing.assert_allclose(
            pulse.row_volts, np.where(chosen, volts - half, 0.0), rtol=1e-4, atol=1e-5
        )
        array = array.pulse(pulse).array
    np.testing.assert_allclose(array.state, ends, atol=2e-13)


def test_no_selected_cell_gets_more_than_the_strongest_and_no_line_more_than_the_limit():
    array = sn.Crossbar(device=LINEAR, state=np.array([[2.9e-9], [2.0e-9]]), wires=200.0)
    target = np.asarray(LINEAR.conductance(0.0, np.full((2, 1), 1e-10)))
    problem = Targets.checked(array, target, 0.01, 0.0, None)
    strongest = StrongestPulses(set_volts=2.4, reset_volts=2.4, set_s=1e-6, reset_s=1e-6)
    (pulse,) = by_columns(problem, array, strongest, rise_s=1e-8, limit=5.0)
    seen = array.read(pulse.row_volts, column_volts=pulse.column_volts).cell_volts[:, 0]
    np.testing.assert_allclose(seen, -2.4, rtol=1e-4)
    assert np.abs(pulse.row_volts).max() > 1.2
    (held,) = by_columns(problem, array, strongest, rise_s=1e-8, limit=1.15)
    assert np.abs(held.row_volts).max() <= 1.15
