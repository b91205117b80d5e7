from __future__ import annotations

import numpy as np
import pytest
from device_checks import conductance_error, integrate, slope_error, spice_run

from spicesnn.devices.metal_oxide import MetalOxide
from spicesnn.errors import InputError

MIDDLES = 10 ** (0.625 + 0.25 * np.arange(8)) * 1e-6


@pytest.mark.parametrize("g", [10.1e-6, 13e-6, 17.7e-6])
def test_golden_set_increment(g):
    assert MetalOxide.pulse_increment(1.0, g, 0.5e-3) == pytest.approx(2.75060576e-6, rel=2e-9)


def test_bins_and_signs_of_the_published_increments():
    assert MetalOxide.pulse_increment(1.0, 9.9e-6, 0.5e-3) != pytest.approx(2.75060576e-6, rel=1e-2)
    assert np.all(MetalOxide.pulse_increment(1.0, MIDDLES, 0.5e-3) > 1e-6)
    assert np.all(MetalOxide.pulse_increment(-1.2, MIDDLES, 0.5e-3) < 0)
    # By hand for the bin of 31.6 to 56.2 µS, where no digit is lost in 1 − tanh.
    by_hand = (
        -0.89e-4 * (-1 - np.tanh(0.23 * (np.log(1e-3) - 2.91))) * (np.tanh(6.2 * -1.2 + 7.42) - 1)
    )
    assert MetalOxide.pulse_increment(-1.2, 40e-6, 1e-3) == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("volts", [0.9, 1.1, -0.9, -1.4])
@pytest.mark.parametrize("width", [0.5e-3, 1e-5])
def test_the_rate_makes_the_published_step_in_the_middle_of_a_bin(volts, width):
    device = MetalOxide(pulse_s=width)
    np.testing.assert_allclose(
        device.rate(volts, MIDDLES) * width,
        MetalOxide.pulse_increment(volts, MIDDLES, width),
        rtol=1e-9,
    )


def test_half_select_disturb_is_well_under_a_percent():
    device = MetalOxide()
    assert np.all(device.rate(0.5, MIDDLES) / device.rate(1.0, MIDDLES) < 0.01)


def test_celsius_not_kelvin():
    # A 100 µS device read near 0 V: the formula gives 98 µS at 25 and 130 µS at 298.
    assert MetalOxide().conductance(0.0, 100e-6) == pytest.approx(98e-6, rel=1e-2)
    assert MetalOxide(celsius=298.0).conductance(0.0, 100e-6) == pytest.approx(130e-6, rel=1e-2)


def test_spread_of_the_current():
    v, g, t = 0.3, 50e-6, 25.0
    sigma_1 = -1.07e-6 + 0.25 * g + 2.2e-8 * t - 1300 * g**2
    sigma_3 = 1.17e-5 + 1.3 * g - 1e-7 * t - 6500 * g**2 - 2.5e-3 * g * t
    nominal = MetalOxide().current(v, g)
    cells = MetalOxide(xi=np.array([-1.0, 0.0, 2.0])).current(v, g)
    np.testing.assert_allclose(
        cells - nominal,
        np.array([-1.0, 0.0, 2.0]) * (sigma_1 * v + sigma_3 * v**3),
        rtol=1e-9,
        atol=1e-18,
    )


def test_signs_bounds_and_rest():
    device = MetalOxide()
    low, high = device.bounds()
    assert device.rate(1.0, high) == 0 == device.rate(-1.3, low)
    assert device.rate(1.0, low) > 0 > device.rate(-1.3, high)
    assert device.rate(0.0, 5e-5) == 0


def test_slopes_match_finite_differences():
    device = MetalOxide(xi=1.0)
    volts, states = np.linspace(-1.3, 1.3, 14)[:, None], np.geomspace(4e-6, 3e-4, 23)
    assert conductance_error(device, volts, states) < 1e-7
    assert slope_error(device, volts, states, relative=1e-5) < 1e-3


@pytest.mark.parametrize("v", [0.0, 0.2])
def test_state_for_conductance(v):
    device = MetalOxide()
    state = device.state_for_conductance(60e-6, v=v)
    chord = device.conductance(0.0, state) if v == 0 else device.current(v, state) / v
    assert chord == pytest.approx(60e-6, rel=1e-9)


def test_bad_parameters():
    with pytest.raises(InputError, match="celsius"):
        MetalOxide(celsius=-10.0)
    with pytest.raises(InputError, match="g_max"):
        MetalOxide(g_max=1e-6)


@pytest.mark.parametrize("parameters", [{}, {"xi": 1.5, "celsius": 60.0, "pulse_s": 1e-3}])
def test_twin(tmp_path, parameters):
    device = MetalOxide(**parameters)
    time, volts, amps, states, (accepted, rejected) = spice_run(
        device, "sin(0 1.3 20)", 0.05, tmp_path, start=10e-6
    )
    pick = slice(1, None, 20)
    expected = integrate(
        device,
        lambda t: 1.3 * np.sin(40 * np.pi * t),
        time[pick],
        10e-6,
        [0.025],
        method="Radau",
        rtol=1e-8,
        atol=1e-9,
    )
    assert np.ptp(states) > 100e-6
    assert np.max(np.abs(states[0, pick] - expected)) < 1e-3 * 313e-6
    assert np.max(np.abs(amps - device.current(volts, states[0]))) < 1e-4 * np.max(np.abs(amps))
    assert accepted / (accepted + rejected) > 0.9
