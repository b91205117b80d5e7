from __future__ import annotations

import numpy as np
import pytest
from device_checks import conductance_error, integrate, slope_error, spice_run

from spicesnn.devices.power_law import PowerLaw
from spicesnn.errors import InputError


@pytest.mark.parametrize("g_1", [1.49301e-4, 1e-5])
@pytest.mark.parametrize("change", [1e-3, 0.02])
def test_one_pulse_makes_the_published_step(g_1, change):
    device = PowerLaw(g_1=g_1)
    volts = device.te2v(change)
    assert 5.28e-8 * volts**41.95 == pytest.approx(change, rel=1e-12)
    after = np.exp(integrate(device, lambda t: volts, [10e-9], np.log(1e6), method="RK45")[0])
    assert after - 1e6 == pytest.approx(-change / g_1, rel=1e-5)
    volts = device.to2v(change)
    assert volts < 0
    after = np.exp(integrate(device, lambda t: volts, [1e-9], np.log(1e6), method="RK45")[0])
    assert after - 1e6 == pytest.approx(9.545e-7 / g_1 * abs(volts) ** 39.65, rel=1e-5)


def test_s2_voltages():
    assert PowerLaw().te2v(0.01) == pytest.approx((0.01 / 5.28e-8) ** (1 / 41.95), rel=1e-14)
    assert PowerLaw().te2v(0.01) == pytest.approx(1.336, abs=1e-3)
    assert PowerLaw().to2v(1e-4) == pytest.approx(-1.1246, abs=1e-3)
    assert PowerLaw().te2v(0.0) == 0 == PowerLaw().to2v(0.0)
    with pytest.raises(InputError, match="0 or more"):
        PowerLaw().te2v([-0.1, 0.2])


def test_conductance_range():
    low, high = PowerLaw().bounds()
    assert PowerLaw().conductance(0.0, low) == pytest.approx(1.49301e-4, rel=1e-5)
    assert PowerLaw().conductance(0.0, high) == pytest.approx(4.4434e-7, rel=1e-5)


def test_signs_bounds_and_limit():
    device = PowerLaw()
    low, high = device.bounds()
    assert device.rate(1.4, 11.5) < 0 < device.rate(-1.4, 11.5)
    assert device.rate(1.4, low) == 0 == device.rate(-1.4, high)
    assert device.rate(1.4, high) < 0 < device.rate(-1.4, low)
    assert device.rate(50.0, 11.5) == device.rate(2.0, 11.5)


def test_slopes_match_finite_differences():
    device = PowerLaw(bound_width=0.3)
    volts, states = np.linspace(-1.7, 1.7, 14)[:, None], np.linspace(8.9, 14.5, 24)
    assert conductance_error(device, volts, states) < 1e-7
    assert slope_error(device, volts, states) < 1e-6


def test_state_for_conductance():
    assert PowerLaw().state_for_conductance(1e-5) == pytest.approx(np.log(1e5), rel=1e-12)
    with pytest.raises(InputError, match="not reachable"):
        PowerLaw().state_for_conductance(2e-3)


def test_bad_parameters():
    with pytest.raises(InputError, match="r_max"):
        PowerLaw(r_max=500.0)


def test_twin(tmp_path):
    device = PowerLaw()
    time, volts, amps, states, (accepted, rejected) = spice_run(
        device, "sin(0 1.5 100k)", 20e-6, tmp_path, start=np.log(1e6)
    )
    pick = slice(1, None, 10)
    breaks = np.arange(1, 4) * 5e-6
    expected = integrate(
        device,
        lambda t: 1.5 * np.sin(2e5 * np.pi * t),
        time[pick],
        np.log(1e6),
        breaks,
        method="Radau",
        rtol=1e-8,
        atol=1e-9,
    )
    assert np.ptp(states) > 0.5
    assert np.max(np.abs(states[0, pick] - expected)) < 1e-3 * 5.8
    assert np.max(np.abs(amps - device.current(volts, states[0]))) < 1e-4 * np.max(np.abs(amps))
    assert accepted / (accepted + rejected) > 0.9
