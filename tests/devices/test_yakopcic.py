from __future__ import annotations

import numpy as np
import pytest
from device_checks import conductance_error, integrate, slope_error, spice_run

from spicesnn.devices.yakopcic import Yakopcic
from spicesnn.errors import InputError, UnknownNameError


def oblea_crossings(amplitude=0.45, frequency=100.0):
    up, down = (
        np.arcsin(0.16 / amplitude) / (2 * np.pi * frequency),
        np.arcsin(0.15 / amplitude) / (2 * np.pi * frequency),
    )
    return [up, 0.5 / frequency - up, 0.5 / frequency, 0.5 / frequency + down, 1 / frequency - down]


def sine(t):
    return 0.45 * np.sin(2 * np.pi * 100 * t)


def test_golden_oblea_states():
    found = integrate(Yakopcic(), sine, [2.5e-3, 5e-3, 10e-3], 0.11, oblea_crossings())
    np.testing.assert_allclose(found, [0.87087266, 0.96973705, 0.09292522], atol=1e-8)


@pytest.mark.parametrize(
    ("around", "amps", "when"),
    [(2.793691e-3, 3.42258827e-3, 2.793691e-3), (6.063085e-3, -1.89908674e-3, 6.063085e-3)],
)
def test_golden_oblea_current_peaks(around, amps, when):
    device = Yakopcic()
    times = around + np.linspace(-2e-6, 2e-6, 81)
    amp = device.current(sine(times), integrate(device, sine, times, 0.11, oblea_crossings()))
    peak = np.argmax(np.abs(amp))
    assert amp[peak] == pytest.approx(amps, rel=3e-9)
    assert times[peak] == pytest.approx(when, abs=6e-8)


@pytest.mark.parametrize("name", sorted(Yakopcic.published))
def test_slopes_match_finite_differences(name):
    device = Yakopcic.from_publication(name)
    volts = np.linspace(-2.03, 2.03, 40)[:, None]
    states = np.linspace(0.011, 0.989, 24)
    assert conductance_error(device, volts, states) < 1e-7
    assert slope_error(device, volts, states) < 1e-5


def test_signs_and_bounds():
    device = Yakopcic()
    assert device.rate(1.0, 0.5) > 0 > device.rate(-1.0, 0.5)
    assert device.rate(0.1, 0.5) == 0 == device.rate(-0.1, 0.5)
    assert device.rate(1.0, 1.0) == 0 == device.rate(-1.0, 0.0)
    assert device.rate(1.0, 0.0) > 0 > device.rate(-1.0, 1.0)
    turned = device.with_parameters(eta=-1.0)
    assert turned.rate(1.0, 0.5) == pytest.approx(
        -device.a_p * (np.exp(1.0) - np.exp(0.16)), rel=1e-12
    )
    assert turned.rate(-1.0, 1.0) == 0


def test_array_parameters_are_per_cell():
    a1 = np.array([[0.1, 0.2], [0.3, 0.4]])
    device = Yakopcic(a1=a1)
    np.testing.assert_allclose(
        device.current(0.3, 0.5),
        [[Yakopcic(a1=a).current(0.3, 0.5) for a in row] for row in a1],
        rtol=1e-15,
    )


def test_no_overflow():
    device = Yakopcic.from_publication("jo-2010")
    volts = np.array([-1e4, 1e4])
    assert np.all(np.isfinite(device.current(volts, 1.0)))
    assert np.all(np.isfinite(device.rate(volts, 0.5)))


@pytest.mark.parametrize("v", [0.0, 0.3, -0.3])
def test_state_for_conductance(v):
    device = Yakopcic(a2=0.1)
    state = device.state_for_conductance(1.234e-3, v=v)
    chord = device.conductance(0.0, state) if v == 0 else device.current(v, state) / v
    assert chord == pytest.approx(1.234e-3, rel=1e-12)
    with pytest.raises(InputError, match="not reachable"):
        device.state_for_conductance(1.0, v=v)


def test_bad_parameters():
    with pytest.raises(InputError, match=r"expected \+1 or −1"):
        Yakopcic(eta=0.5)
    with pytest.raises(InputError, match="a1"):
        Yakopcic(a1=-1.0)
    with pytest.raises(UnknownNameError, match="oblea-2010"):
        Yakopcic.from_publication("nobody")


@pytest.mark.parametrize("eta", [1.0, -1.0])
def test_twin_under_the_published_drive(tmp_path, eta):
    device = Yakopcic(eta=eta)
    time, volts, amps, states, (accepted, rejected) = spice_run(
        device, f"sin(0 {eta * 0.45} 100)", 0.01, tmp_path, start=0.11
    )
    expected = integrate(
        device, lambda t: eta * sine(t), time[1:], 0.11, oblea_crossings(), rtol=1e-8, atol=1e-10
    )
    assert np.max(np.abs(states[0, 1:] - expected)) < 1e-4
    assert np.max(np.abs(amps[1:] - device.current(volts[1:], expected))) < 1e-3 * np.max(
        np.abs(amps)
    )
    assert accepted / (accepted + rejected) > 0.9
