from __future__ import annotations

import numpy as np
import pytest
from device_checks import conductance_error, integrate, slope_error

from spicesnn.devices import LinearDrift
from spicesnn.devices.windows import DriftWindow
from spicesnn.errors import InputError, UnknownNameError


def sine(t):
    return np.sin(2 * np.pi * t)


def extreme(device, volts, begin, end, sign, start):
    """Return current and time of the extreme current between two times: a coarse search, then a
    fine one."""
    for points in (101, 101, 201):
        times = np.linspace(begin, end, points)
        amps = sign * device.current(volts(times), integrate(device, volts, times, start, [0.5]))
        k = int(np.clip(np.argmax(amps), 1, points - 2))
        begin, end = times[k - 1], times[k + 1]
    return sign * amps[k], times[k]


GOLDEN = {  # x(.25), x(.5), x(1), Imax, time of Imax, Imin under 1 V, 1 Hz
    DriftWindow.NONE: (0.47862899, 0.72659213, 0.31446541, 1.29473427e-4, 0.319724, -1.29473427e-4),
    DriftWindow.JOGLEKAR: (
        0.46739923,
        0.69340866,
        0.31446541,
        1.25635328e-4,
        0.314794,
        -1.25635328e-4,
    ),
    DriftWindow.BIOLEK: (
        0.45138068,
        0.60206327,
        0.34164911,
        1.17446576e-4,
        0.292729,
        -1.14909872e-4,
    ),
    DriftWindow.PRODROMAKIS: (
        0.34724815,
        0.38342924,
        0.31446541,
        9.55623417e-5,
        0.258361,
        -9.55623417e-5,
    ),
}


@pytest.mark.parametrize("window", DriftWindow, ids=lambda w: w.name.lower())
def test_golden_sine(window):
    device = LinearDrift(window=window)
    quarter, half, whole, high, when, low = GOLDEN[window]
    assert device.initial_state() == pytest.approx(0.314465409, abs=5e-10)
    assert integrate(device, sine, [0.25, 0.5, 1.0], device.x_init, [0.5]) == pytest.approx(
        [quarter, half, whole], abs=6e-9
    )
    amps, time = extreme(device, sine, 0.01, 0.49, 1, device.x_init)
    assert amps == pytest.approx(high, rel=5e-9)
    assert time == pytest.approx(when, abs=1e-6)
    assert extreme(device, sine, 0.51, 0.99, -1, device.x_init)[0] == pytest.approx(low, rel=5e-9)


def test_joglekar_p1_follows_its_closed_form_in_charge():
    device = LinearDrift(window=DriftWindow.JOGLEKAR)
    times = np.linspace(0, 0.5, 1001)
    states = integrate(device, sine, times, device.x_init)
    resistance = device.r_on * states + device.r_off * (1 - states)
    charge = np.concatenate(
        [
            [0.0],
            np.cumsum(
                0.5
                * np.diff(times)
                * (sine(times[1:]) / resistance[1:] + sine(times[:-1]) / resistance[:-1])
            ),
        ]
    )
    a = (resistance[0] - device.r_on) / (device.r_off - resistance[0])
    closed = device.r_off + (device.r_on - device.r_off) / (1 + a * np.exp(-4 * 1e4 * charge))
    assert resistance.min() < 6e3
    assert resistance == pytest.approx(closed, rel=1e-5)


@pytest.mark.parametrize("window", DriftWindow, ids=lambda w: w.name.lower())
def test_slopes(window):
    device = LinearDrift(window=window, window_order=2.0)
    volts, states = np.meshgrid([-1.0, -0.2, 0.3, 1.0], np.linspace(0.01, 0.99, 9))
    assert conductance_error(device, volts, states) < 1e-6
    assert slope_error(device, volts, states) < 1e-4


@pytest.mark.parametrize(
    ("window", "low", "high"),
    [(DriftWindow.NONE, 1, 1), (DriftWindow.JOGLEKAR, 0, 0), (DriftWindow.PRODROMAKIS, 0, 0)],
)
def test_symmetric_windows_at_their_bounds(window, low, high):
    for rising in (True, False):
        assert window.factor(np.array([0.0, 1.0]), rising, 1.0) == pytest.approx(
            [low, high], abs=1e-15
        )


def test_biolek_window_lets_a_state_leave_its_bound():
    assert DriftWindow.BIOLEK.factor(np.array([0.0, 1.0]), True, 2.0) == pytest.approx([1, 0])
    assert DriftWindow.BIOLEK.factor(np.array([0.0, 1.0]), False, 2.0) == pytest.approx([0, 1])


@pytest.mark.parametrize("window", DriftWindow, ids=lambda w: w.name.lower())
def test_no_state_passes_a_bound_and_terminal_states_are_terminal(window):
    device = LinearDrift(window=window)
    assert np.all(device.rate(1.0, np.array([1.0, 1.0 + 1e-6])) == 0)
    assert np.all(device.rate(-1.0, np.array([0.0, -1e-6])) == 0)
    stuck = window in (DriftWindow.JOGLEKAR, DriftWindow.PRODROMAKIS)
    assert (device.rate(-1.0, 1.0) == 0) == stuck
    assert (device.rate(1.0, 0.0) == 0) == stuck


def test_published_sets_and_text():
    device = LinearDrift.from_publication("joglekar-p7")
    assert (device.window, device.r_off, device.window_order) == (DriftWindow.JOGLEKAR, 10e3, 7.0)
    assert LinearDrift().with_text(window="biolek", r_on="120").window is DriftWindow.BIOLEK
    with pytest.raises(
        UnknownNameError, match="expected one of none, joglekar, biolek, prodromakis"
    ):
        LinearDrift().with_text(window="strukov")
    with pytest.raises(InputError, match=r"expected one of DriftWindow\.NONE"):
        LinearDrift(window="none")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"r_off": 50.0}, "must be above r_on"),
        ({"x_init": 1.5}, "outside its range"),
        ({"mobility": 0.0}, "expected > 0"),
        ({"length": np.nan}, "finite"),
    ],
)
def test_parameters_are_checked(wrong, message):
    with pytest.raises(InputError, match=message):
        LinearDrift(**wrong)


def test_state_for_conductance():
    device = LinearDrift()
    states = np.linspace(0, 1, 11)
    assert device.state_for_conductance(device.conductance(0.0, states)) == pytest.approx(
        states, abs=1e-12
    )
    for wrong in (0.0, 1.0, np.nan):
        with pytest.raises(InputError, match="not reachable"):
            device.state_for_conductance(wrong)
