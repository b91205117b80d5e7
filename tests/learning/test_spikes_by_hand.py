"""Spikes and the STDP window from their equations: shapes at their corners, cells followed by
scipy, amplitudes from the device's rates."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import spicesnn as sn
from spicesnn.errors import EngineError, InputError
from spicesnn.learning.spikes import SpikePair, SpikeShape, design
from spicesnn.learning.stdp_window import _fit, stdp_window

SHAPE = SpikeShape(peak_volts=0.7, tail_volts=0.4, peak_s=2e-6, tau_s=10e-6, edge_s=1e-7)
DEVICE = sn.devices.VTEAM(
    r_on=10e3,
    r_off=100e3,
    v_on=-1.0,
    v_off=0.8,
    k_on=-2e-3,
    k_off=3e-3,
    alpha_on=1.0,
    alpha_off=1.0,
)


def test_a_spike_is_a_peak_and_a_tail():
    begin = 2 * 1e-7 + 2e-6
    at = np.array(
        [
            -1e-9,
            0.0,
            0.5e-7,
            1e-7,
            1e-6,
            2.1e-6,
            begin,
            begin + 10e-6,
            begin + 25e-6,
            begin + 50e-6,
            begin + 51e-6,
        ]
    )
    expected = [
        0.0,
        0.0,
        -0.35,
        -0.7,
        -0.7,
        -0.7,
        0.4,
        0.4 * np.exp(-1),
        0.4 * np.exp(-2.5),
        0.0,
        0.0,
    ]
    np.testing.assert_allclose(SHAPE.volts(at), expected, atol=1e-12)
    assert SHAPE.duration_s == pytest.approx(begin + 50e-6)
    between = np.linspace(begin, begin + 35e-6, 500)
    np.testing.assert_allclose(
        SHAPE.volts(between), 0.4 * np.exp(-(between - begin) / 10e-6), atol=0.015 * 0.4
    )


@pytest.mark.parametrize("polarity", [1, -1])
def test_the_lines_carry_the_spikes_at_their_times(polarity):
    post = SpikeShape(peak_volts=0.5, tail_volts=0.3, peak_s=2e-6, tau_s=10e-6, edge_s=1e-7)
    rows, columns = np.array([0.0, np.nan, 3e-6]), np.array([np.nan, -4e-6])
    waveform = SpikePair(pre=SHAPE, post=post, polarity=polarity).waveform(rows, columns)
    time = np.asarray(waveform.time_s)
    assert time[0] == 0
    assert time[-1] == pytest.approx(7e-6 + SHAPE.duration_s)  # the earliest spike begins at 0
    for begin, volts in ((4e-6, waveform.row_volts[:, 0]), (7e-6, waveform.row_volts[:, 2])):
        np.testing.assert_allclose(volts, polarity * SHAPE.volts(time - begin), atol=1e-12)
    np.testing.assert_allclose(waveform.column_volts[:, 1], polarity * post.volts(time), atol=1e-12)
    assert not np.any(waveform.row_volts[:, 1])
    assert not np.any(waveform.column_volts[:, 0])


def test_amplitudes_follow_from_the_rates_of_the_device():
    peak, step, quiet, middle = 1e-6, 0.03, 1e-4, 1.5e-9
    pair = design(DEVICE, peak_s=peak, tau_s=8e-6, step=step, quiet=quiet)
    span = 3e-9
    assert DEVICE.set_polarity == pair.polarity == -1
    # Raising is at −1 V and beyond: the post peak alone and the pre peak alone leave the cell where
    # it is, with a tail it moves by a step.
    for calm, tail, sign in (
        (pair.post.peak_volts, pair.pre.tail_volts, -1),
        (pair.pre.peak_volts, pair.post.tail_volts, 1),
    ):
        assert abs(float(DEVICE.rate(sign * calm, middle))) * peak == pytest.approx(
            quiet * span, rel=1e-6
        )
        assert abs(float(DEVICE.rate(sign * (calm + tail), middle))) * peak == pytest.approx(
            step * span, rel=1e-6
        )
    for shape in (pair.pre, pair.post):
        assert (shape.peak_s, shape.tau_s, shape.edge_s) == (1e-6, 8e-6, pytest.approx(5e-8))
    assert design(DEVICE, peak_s=peak).pre.tau_s == pytest.approx(10e-6)
    with pytest.raises(InputError, match="no threshold to learn by"):
        design(sn.devices.LinearDrift())


def test_the_window_is_the_change_of_conductance_over_the_range_followed_by_scipy():
    """A cell alone, no wires: its voltage is the difference of two spikes, its state follows dx/dt
    = rate(v, x)."""
    pair = design(DEVICE, peak_s=1e-6, step=0.05)
    reach = 1e-6 + 2 * 5e-8
    delays = np.array([-2.0, -1.2, 1.2, 3.0]) * reach
    found = stdp_window(
        DEVICE,
        sn.NodalEngine(state_tolerance=1e-6),
        spikes=pair,
        dt_s=delays,
        wires=sn.Wires.ideal(),
    )
    span = 1 / 10e3 - 1 / 100e3

    def siemens(x):
        return 1 / (10e3 + 90e3 * x / 3e-9)

    for dt, change in zip(delays, found.dw, strict=True):
        begin = min(0.0, dt)
        corners = np.unique(
            np.concatenate([-begin + pair.pre.corners_s, dt - begin + pair.post.corners_s])
        )
        x = 1.5e-9

        def volts(t, dt=dt, begin=begin):
            return -1 * (pair.pre.volts(t + begin) - pair.post.volts(t - dt + begin))

        for a, b in pairwise(corners):
            if b - a > 1e-15:
                done = solve_ivp(
                    lambda t, y: DEVICE.rate(volts(t), y[0]),
                    (a, b),
                    [x],
                    rtol=1e-8,
                    atol=1e-18,
                    max_step=(b - a) / 20,
                )
                x = float(done.y[0, -1])
        assert change == pytest.approx((siemens(x) - siemens(1.5e-9)) / span, rel=2e-3, abs=2e-6)
    assert found.dw[3] > 0 > found.dw[0]
    assert found.dw[2] > found.dw[3]
    assert found.neighbour_dw.max() < 1e-4  # one spike alone is quiet
    np.testing.assert_array_equal(found.dt_s, delays)


def test_the_largest_change_of_a_neighbour_is_reported():
    """Cells beside the measured one see one spike alone; peaks beyond the threshold move those of
    its row by what scipy says."""
    pre = SpikeShape(peak_volts=0.9, tail_volts=0.2, peak_s=1e-6, tau_s=5e-6, edge_s=5e-8)
    post = SpikeShape(peak_volts=0.2, tail_volts=0.2, peak_s=1e-6, tau_s=5e-6, edge_s=5e-8)
    pair, engine = SpikePair(pre=pre, post=post, polarity=-1), sn.NodalEngine(state_tolerance=1e-6)
    told, delays = [], [-3e-6, -2e-6, 2e-6, 3e-6]
    found = stdp_window(
        DEVICE,
        engine,
        spikes=pair,
        dt_s=delays,
        wires=sn.Wires.ideal(),
        progress=lambda *done: told.append(done),
    )
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    x, corners = 1.5e-9, pre.corners_s
    for a, b in pairwise(corners):
        x = float(
            solve_ivp(
                lambda t, y: DEVICE.rate(-pre.volts(t), y[0]),
                (a, b),
                [x],
                rtol=1e-8,
                atol=1e-18,
                max_step=(b - a) / 20,
            ).y[0, -1]
        )
    moved = abs(1 / (10e3 + 90e3 * x / 3e-9) - 1 / 55e3) / (1 / 10e3 - 1 / 100e3)
    assert moved > 0.01
    np.testing.assert_allclose(found.neighbour_dw, moved, rtol=2e-3)


def test_the_fit_of_a_window_is_its_exponential():
    delay = np.linspace(1e-6, 30e-6, 12)
    assert _fit(delay, 0.07 * np.exp(-delay / 8e-6), 5e-6, "x", "d") == pytest.approx(
        (0.07, 8e-6), rel=1e-6
    )
    assert _fit(delay, -0.02 * np.exp(-delay / 3e-6), 5e-6, "x", "d") == pytest.approx(
        (-0.02, 3e-6), rel=1e-6
    )
    for few, change in ((delay[:1], np.ones(1)), (delay, np.zeros(12))):
        with pytest.raises(EngineError, match="no cell moved with pre before post"):
            _fit(few, change, 5e-6, "pre before post", "d")


def test_a_fitted_window_has_its_lobes_on_their_sides():
    pair = design(DEVICE, peak_s=1e-6)
    found = stdp_window(DEVICE, sn.NodalEngine(), spikes=pair, wires=sn.Wires.ideal(), size=1)
    assert found.dt_s[[0, -1]] == pytest.approx([-1.1e-6 - 30e-6, 1.1e-6 + 30e-6])
    at = np.array([-5e-6, -1e-6, 1e-6, 5e-6])
    plus, minus = (
        found.a_plus * np.exp(-at / found.tau_plus_s),
        -found.a_minus * np.exp(at / found.tau_minus_s),
    )
    np.testing.assert_allclose(found.fitted(at), np.where(at > 0, plus, minus), rtol=1e-12)
    assert min(found.a_plus, found.a_minus) > 0
