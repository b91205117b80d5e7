from __future__ import annotations

import numpy as np
import pytest
from device_checks import conductance_error, integrate, slope_error, spice_run

from spicesnn.devices.pershin_di_ventra import PershinDiVentra
from spicesnn.errors import InputError

OMEGA = 2 * np.pi * 50e6
THRESHOLD = np.arcsin(4.6 / 5) / OMEGA
CROSSINGS = [
    half * 1e-8 + offset for half in range(4) for offset in (THRESHOLD, 1e-8 - THRESHOLD, 1e-8)
]


def sine(t):
    return 5 * np.sin(OMEGA * t)


def test_golden_threshold_time():
    assert pytest.approx(3.7181157e-9, rel=2e-8) == THRESHOLD
    device = PershinDiVentra()
    assert (
        device.rate(sine(THRESHOLD * (1 - 1e-9)), 5e3)
        == 0
        < device.rate(sine(THRESHOLD * (1 + 1e-6)), 5e3)
    )


def test_golden_resistance_at_5_ns():
    assert integrate(PershinDiVentra(), sine, [5e-9], 5e3, CROSSINGS)[0] == pytest.approx(
        8.4090646e3, rel=1e-8
    )


def test_golden_arrival_at_r_off():
    hard = PershinDiVentra(bound_width=1e-9)
    around = 5.4121134e-9 + np.array([-3e-16, 3e-16])
    before, after = integrate(hard, sine, around, 5e3, CROSSINGS)
    assert before < 10e3 - 1e-4
    assert after == pytest.approx(10e3, abs=1e-4)


def test_golden_first_current_peak():
    times = np.linspace(THRESHOLD, 4.2e-9, 4001)
    amps = PershinDiVentra().current(
        sine(times),
        integrate(PershinDiVentra(), sine, times[::20], 5e3, CROSSINGS).repeat(20)[: times.size],
    )
    coarse = times[::20][np.argmax(amps[::20])]
    fine = np.linspace(coarse - 2e-12, coarse + 2e-12, 201)
    peak = np.max(
        PershinDiVentra().current(
            sine(fine), integrate(PershinDiVentra(), sine, fine, 5e3, CROSSINGS)
        )
    )
    assert peak == pytest.approx(0.92630213e-3, rel=1e-8)


def test_golden_steady_low_resistance():
    hard = PershinDiVentra(bound_width=1e-9)
    found = integrate(
        hard,
        sine,
        np.linspace(1.5e-8, 4e-8, 26),
        5e3,
        [5.4121134e-9, *CROSSINGS],
        method="Radau",
        rtol=1e-10,
        atol=1e-12,
    )
    assert found.min() == pytest.approx(3181.8708, rel=1e-8)


def test_the_ramp_moves_the_steady_state_by_less_than_its_width():
    found = integrate(
        PershinDiVentra(),
        sine,
        np.linspace(1.5e-8, 4e-8, 26),
        5e3,
        CROSSINGS,
        method="Radau",
        rtol=1e-9,
        atol=1e-11,
    )
    assert 0.1e-2 * 9e3 < abs(found.min() - 3181.8708) < 1e-2 * 9e3


def test_signs_bounds_and_alpha():
    device = PershinDiVentra(alpha=1e12)
    assert device.rate(2.0, 5e3) == pytest.approx(2e12, rel=1e-12)
    assert device.rate(-2.0, 5e3) == pytest.approx(-2e12, rel=1e-12)
    assert device.rate(6.0, 5e3) == pytest.approx(4.6e12 + 1.4e13, rel=1e-12)
    assert device.rate(6.0, 10e3) == 0 == device.rate(-6.0, 1e3)
    assert device.rate(6.0, 1e3) > 0 > device.rate(-6.0, 10e3)


def test_slopes_match_finite_differences():
    device = PershinDiVentra(bound_width=0.3, alpha=1e12)
    states = np.linspace(1.05e3, 9.93e3, 24)
    volts = np.linspace(-7.03, 7.03, 14)[:, None]
    assert conductance_error(device, volts, states) < 1e-8
    assert slope_error(device, volts, states) < 1e-6


def test_state_for_conductance():
    assert PershinDiVentra().state_for_conductance(2e-4) == pytest.approx(5e3, rel=1e-12)
    with pytest.raises(InputError, match="not reachable"):
        PershinDiVentra().state_for_conductance(2e-3)


def test_bad_parameters():
    with pytest.raises(InputError, match="r_off"):
        PershinDiVentra(r_off=500.0)


@pytest.mark.parametrize("name", sorted(PershinDiVentra.published))
def test_twin(tmp_path, name):
    device = PershinDiVentra.from_publication(name)
    amplitude = 5.0 if name == "biolek-2013" else 3.0
    start = device.r_init
    time, _, amps, states, (accepted, rejected) = spice_run(
        device, f"sin(0 {amplitude} 50meg)", 40e-9, tmp_path, start=start
    )
    cross = np.arcsin(device.v_t / amplitude) / OMEGA
    breaks = [half * 1e-8 + offset for half in range(4) for offset in (cross, 1e-8 - cross, 1e-8)]
    pick = slice(1, None, 10)
    expected = integrate(
        device,
        lambda t: amplitude * np.sin(OMEGA * t),
        time[pick],
        start,
        breaks,
        method="Radau",
        rtol=1e-8,
        atol=1e-9,
    )
    assert np.max(np.abs(states[0, pick] - expected)) < 1e-3 * 9e3
    assert np.max(
        np.abs(amps[pick] - amplitude * np.sin(OMEGA * time[pick]) / expected)
    ) < 1e-3 * np.max(np.abs(amps))
    assert accepted / (accepted + rejected) > 0.9
