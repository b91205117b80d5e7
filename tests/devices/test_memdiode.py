from __future__ import annotations

import math

import numpy as np
import pytest
from device_checks import conductance_error, integrate, slope_error, spice_run

from spicesnn.devices.compiled import over_arrays
from spicesnn.devices.memdiode import Memdiode
from spicesnn.errors import ConvergenceError, InputError


def test_golden_currents():
    device = Memdiode(rs_min=1e-9, rs_max=1e-9, gamma=0.0)
    np.testing.assert_allclose(
        device.current(0.5, [0.0, 0.5, 1.0]),
        [8.97385392e-6, 3.96207890e-4, 6.83303312e-4],
        rtol=2e-9,
    )


def test_golden_reset():
    device = Memdiode(rs_min=1e-9, rs_max=1e-9, gamma=0.0)
    assert integrate(device, lambda t: -1.5, [0.5], 1.0)[0] == pytest.approx(0.32864719, abs=5e-9)


def test_series_resistance_is_solved_for():
    device = Memdiode(rs_min=2e3, rs_max=50.0)
    volts, state = np.linspace(-4, 4, 33)[:, None], np.linspace(0, 1, 9)
    amps = device.current(volts, state)
    series = 2e3 + (50.0 - 2e3) * state
    bare = Memdiode(rs_min=1e-12, rs_max=1e-12)
    np.testing.assert_allclose(
        bare.current(volts - amps * series, state), amps, rtol=1e-9, atol=1e-18
    )
    assert device.current(0.0, 0.5) == 0


def test_slopes_match_finite_differences():
    device = Memdiode(rs_min=300.0, rs_max=100.0)
    volts, states = np.linspace(-2.03, 2.0, 20)[:, None], np.linspace(0.02, 0.98, 15)
    assert conductance_error(device, volts, states) < 1e-6
    assert slope_error(device, volts, states, relative=1e-5) < 1e-4


def test_signs_bounds_and_rest():
    device = Memdiode()
    assert device.rate(0.9, 0.5) > 0 > device.rate(-1.4, 0.5)
    assert device.rate(0.9, 1.0) == 0 == device.rate(-1.4, 0.0)
    assert device.rate(0.0, 0.5) == 0
    assert np.all(np.isfinite(device.current([-1e3, 1e3], 0.5)))
    assert abs(device.rate(100.0, 0.5)) <= np.exp(25)


def test_snapback_lowers_the_set_voltage():
    calm, snapping = Memdiode(), Memdiode(i_sb=1e-4)
    assert snapping.current(0.7, 0.5) > 1.1e-4
    assert snapping.rate(0.7, 0.5) / calm.rate(0.7, 0.5) == pytest.approx(
        np.exp(15 * 0.7), rel=1e-9
    )


def test_state_for_conductance():
    device = Memdiode(rs_min=300.0, rs_max=100.0)
    state = device.state_for_conductance(2e-4, v=0.3)
    assert device.current(0.3, state) / 0.3 == pytest.approx(2e-4, rel=1e-9)


def test_array_parameters():
    series = np.array([[10.0, 1000.0]])
    amps = Memdiode(rs_min=series, rs_max=series).current(1.0, 0.5)
    assert amps.shape == (1, 2)
    assert amps[0, 1] == pytest.approx(
        Memdiode(rs_min=1e3, rs_max=1e3).current(1.0, 0.5), rel=1e-12
    )


def test_bad_input():
    with pytest.raises(InputError, match="i_max"):
        Memdiode(i_max=1e-7)
    with pytest.raises(ConvergenceError, match=r"no answer at 1 V in state 0.5"):
        over_arrays(_no_answer, 1.0, 0.5, None, (1.0,))


def _no_answer(v: float, x: float, gate: float, p: object) -> float:
    return math.nan


@pytest.mark.parametrize("series", [(1.0, 1.0), (500.0, 100.0)])
def test_twin(tmp_path, series):
    device = Memdiode(rs_min=series[0], rs_max=series[1])
    time, volts, amps, states, (accepted, rejected) = spice_run(
        device, "sin(0 1.5 1)", 1.0, tmp_path, start=0.0
    )
    pick = slice(1, None, 25)
    expected = integrate(
        device,
        lambda t: 1.5 * np.sin(2 * np.pi * t),
        time[pick],
        0.0,
        [0.5],
        method="LSODA",
        rtol=1e-7,
        atol=1e-9,
    )
    assert np.ptp(states) > 0.9
    assert np.max(np.abs(states[0, pick] - expected)) < 1e-3
    assert np.max(np.abs(amps - device.current(volts, states[0]))) < 1e-4 * np.max(np.abs(amps))
    assert accepted / (accepted + rejected) > 0.9
