from __future__ import annotations

import numpy as np
import pytest
from device_checks import conductance_error, integrate, slope_error, spice_run

import spicesnn as sn
from spicesnn.devices.nonlinear_drift import NonlinearDrift
from spicesnn.errors import InputError


def test_golden_state_and_current():
    device = NonlinearDrift()
    state = integrate(device, lambda t: 1.0, [50e-6], 0.15)[0]
    assert state == pytest.approx(0.68252475, abs=5e-9)
    assert device.current(1.0, state) == pytest.approx(7.6194665e-8, rel=1e-8)


def test_closed_form_of_the_window():
    # dw/dt = a·(4·w·(1 − w) − 1e-9) at 1 V and p = 1 is a logistic equation between its zeros.
    found = integrate(NonlinearDrift(), lambda t: 1.0, [20e-6, 40e-6], 0.15)
    root = np.sqrt(1 - 1e-9)
    low, high = (1 - root) / 2, (1 + root) / 2
    odds = (0.15 - low) / (high - 0.15) * np.exp(4 * root * 12500 * np.array([20e-6, 40e-6]))
    np.testing.assert_allclose(found, (low + high * odds) / (1 + odds), rtol=1e-9)


def test_a_state_at_the_end_of_its_window_stays_in_both_twins():
    """f(1) = 0: a difference of rounding, which grows e^26 times here, undid it in ngspice."""
    device = NonlinearDrift(w_max=1.0, p=1.117, a=14139.0)
    array = sn.Crossbar(device=device, state=[[1.0]], wires=sn.Wires.ideal())
    pulse = sn.Pulse(row_volts=[-1.05], width_s=2e-4, rise_s=2e-5)
    np.testing.assert_array_equal(sn.NodalEngine().pulse(array, pulse).state, [[1.0]])
    with sn.NgspiceEngine() as ngspice:
        np.testing.assert_array_equal(ngspice.pulse(array, pulse).state, [[1.0]])


def test_signs_and_bounds():
    device = NonlinearDrift()
    assert device.rate(1.0, 0.5) == pytest.approx(12500.0)
    assert device.rate(-1.0, 0.5) == pytest.approx(-12500.0)
    assert device.rate(1.0, 0.95) == 0 == device.rate(-1.0, 0.05)
    assert device.rate(1.0, 0.05) > 0 > device.rate(-1.0, 0.95)
    assert np.all(np.isfinite(device.current([-1e3, 1e3], 0.5)))


@pytest.mark.parametrize("order", [1.0, 3.0])
def test_slopes_match_finite_differences(order):
    device = NonlinearDrift(p=order, bound_width=0.2)
    volts, states = np.linspace(-1.2, 1.2, 14)[:, None], np.linspace(0.06, 0.941, 23)
    assert conductance_error(device, volts, states, step=1e-5) < 1e-7
    assert slope_error(device, volts, states) < 1e-6


@pytest.mark.parametrize("v", [0.0, 0.5, -0.5])
def test_state_for_conductance(v):
    device = NonlinearDrift()
    state = device.state_for_conductance(1e-8, v=v)
    chord = device.conductance(0.0, state) if v == 0 else device.current(v, state) / v
    assert chord == pytest.approx(1e-8, rel=1e-9)
    with pytest.raises(InputError, match="not reachable"):
        device.state_for_conductance(1.0, v=v)


def test_bad_parameters():
    with pytest.raises(InputError, match="odd"):
        NonlinearDrift(q=2.0)
    with pytest.raises(InputError, match="w_max"):
        NonlinearDrift(w_max=0.01)


def test_twin(tmp_path):
    device = NonlinearDrift()
    time, volts, amps, states, (accepted, rejected) = spice_run(
        device, "sin(0 1.1 1k)", 2e-3, tmp_path, start=0.15
    )
    pick = slice(1, None, 10)
    breaks = np.arange(1, 4) * 5e-4
    expected = integrate(
        device,
        lambda t: 1.1 * np.sin(2e3 * np.pi * t),
        time[pick],
        0.15,
        breaks,
        method="Radau",
        rtol=1e-8,
        atol=1e-9,
    )
    assert np.ptp(states) > 0.89
    assert np.max(np.abs(states[0, pick] - expected)) < 1e-3 * 0.9
    assert np.max(np.abs(amps - device.current(volts, states[0]))) < 1e-4 * np.max(np.abs(amps))
    assert accepted / (accepted + rejected) > 0.9
