from __future__ import annotations

import numpy as np
import pytest
from device_checks import conductance_error, integrate, slope_error

from spicesnn.devices import VTEAM
from spicesnn.devices.vteam import ResistanceLaw
from spicesnn.devices.windows import ThresholdWindow
from spicesnn.errors import InputError, UnknownNameError

OMEGA = 2 * np.pi * 50e6
ONSET = np.arcsin(0.02) / OMEGA


def sine(t):
    return np.sin(OMEGA * t)


@pytest.mark.parametrize(
    ("window", "half", "whole"),
    [
        (ThresholdWindow.IDEAL, 1.0770934e-9, 1.1541868e-9),
        (ThresholdWindow.BIOLEK, 1.0679306e-9, 1.1346299e-9),
        (ThresholdWindow.JOGLEKAR, 1.0696595e-9, 1.1414022e-9),
    ],
    ids=["ideal", "biolek", "joglekar"],
)
def test_golden_sine(window, half, whole):
    found = integrate(VTEAM(window=window), sine, [5e-9, 1e-8], 1e-9, [ONSET, 1e-8 - ONSET])
    assert found == pytest.approx([half, whole], rel=5e-8)


@pytest.mark.parametrize(
    ("law", "amps"), [(ResistanceLaw.LINEAR, 2.557024e-3), (ResistanceLaw.EXPONENTIAL, 6.822126e-3)]
)
def test_golden_current(law, amps):
    state = integrate(VTEAM(), sine, [5e-9], 1e-9, [ONSET])[0]
    assert VTEAM(resistance=law).current(1.0, state) == pytest.approx(amps, rel=2e-7)


def test_golden_set_rate():
    assert VTEAM().rate(-0.5, 1e-9) == pytest.approx(-33.75, rel=1e-12)


def test_team_window_is_written_as_published():
    device = VTEAM(window=ThresholdWindow.TEAM)
    states = np.array([0.5e-9, 1.2e-9, 1.4e-9])
    ideal = VTEAM()
    assert device.rate(1.0, states) / ideal.rate(1.0, states) == pytest.approx(
        np.exp(-np.exp((states - 1.2e-9) / 107e-12)), rel=1e-12
    )
    assert device.rate(-1.0, states) / ideal.rate(-1.0, states) == pytest.approx(
        np.exp(-np.exp((2e-9 - states) / 107e-12)), rel=1e-12, abs=1e-170
    )
    assert device.rate(1.0, 3e-9) == 0
    assert np.isfinite(device.rate(-1.0, 0.0))


@pytest.mark.parametrize("window", ThresholdWindow, ids=lambda w: w.name.lower())
@pytest.mark.parametrize("law", ResistanceLaw, ids=lambda r: r.name.lower())
def test_slopes(window, law):
    device = VTEAM(window=window, resistance=law)
    volts, states = np.meshgrid([-0.6, -0.1, 0.3, 1.0], np.linspace(0.05e-9, 2.95e-9, 9))
    assert conductance_error(device, volts, states) < 1e-6
    assert slope_error(device, volts, states) < 1e-3


def test_nothing_moves_between_the_thresholds_nor_past_a_bound():
    device = VTEAM()
    states = np.linspace(0, 3e-9, 7)
    assert np.all(device.rate(np.array([-0.2, -0.1, 0.0, 0.01, 0.02])[:, None], states) == 0)
    assert device.rate(1.0, 3e-9) == 0 == device.rate(-1.0, 0.0)
    assert device.rate(1.0, 0.0) > 0 > device.rate(-1.0, 3e-9)


@pytest.mark.parametrize("name", sorted(VTEAM.published))
def test_published_sets(name):
    device = VTEAM.from_publication(name)
    assert (
        device.rate(device.typical_drive()[0], device.w_init)
        > 0
        > device.rate(-device.typical_drive()[0], device.w_init)
    )
    low, high = device.conductance(0.0, np.array([device.w_off, device.w_on]))
    assert (1 / low, 1 / high) == pytest.approx((device.r_off, device.r_on), rel=1e-12)


def test_ferroelectric_numbers_are_those_of_the_table():
    device = VTEAM.from_publication("ferroelectric")
    assert (device.r_on, device.r_off, device.v_on, device.v_off, device.k_on, device.k_off) == (
        150e3,
        50e6,
        -5.7,
        1.4,
        -30.0,
        1e-4,
    )
    with pytest.raises(UnknownNameError, match="technion"):
        VTEAM.from_publication("nobody")


@pytest.mark.parametrize("law", ResistanceLaw, ids=lambda r: r.name.lower())
def test_state_for_conductance(law):
    device = VTEAM(resistance=law)
    states = np.linspace(0, 3e-9, 13)
    assert device.state_for_conductance(device.conductance(0.0, states)) == pytest.approx(
        states, abs=1e-20
    )
    with pytest.raises(InputError, match="not reachable"):
        device.state_for_conductance(0.1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"w_off": 0.0}, "must be above w_on"),
        ({"v_on": 0.0}, "must be below 0 V"),
        ({"v_off": -0.1}, "outside its range"),
        ({"r_on": 2e3}, "must be above r_on"),
        ({"k_on": 1.0}, "outside its range"),
    ],
)
def test_parameters_are_checked(wrong, message):
    with pytest.raises(InputError, match=message):
        VTEAM(**wrong)
