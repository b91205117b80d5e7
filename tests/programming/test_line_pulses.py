import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import InputError
from spicesnn.programming.line_pulses import line_pulses
from spicesnn.programming.pulse_map import PulseMap, PulseScheme

SCHEME = PulseScheme(
    set_s=10e-9,
    reset_s=1e-9,
    set_volts=(0.5, 1.8),
    reset_volts=(0.5, 1.8),
    g_one=1.49301e-4,
    read_volts=0.1,
)


@pytest.fixture(scope="module")
def maps():
    device = sn.devices.PowerLaw()
    engine = sn.NodalEngine()
    return (
        device,
        PulseMap.solved(device, engine, SCHEME, up=True),
        PulseMap.solved(device, engine, SCHEME, up=False),
    )


def test_a_power_law_pulse_changes_the_weight_by_its_closed_form(maps):
    """ΔR = -(k/G1)·V^n, so w' = 1/(1/w - k·V^n)."""
    device, set_map, _ = maps
    k, w = 80, 180
    weight = set_map.weights[w]
    expected = 1 / (1 / weight - device.k_set * set_map.volts[k] ** device.n_set) - weight
    assert set_map.change[k, w] == pytest.approx(expected, rel=1e-3, abs=1e-7)


def test_pulses_have_the_volts_that_make_the_wanted_change_where_the_drivers_reach(maps):
    _, set_map, reset_map = maps
    trace = np.exp(-np.arange(40) / 40.0)[:, None]
    up, down = 0.01 * trace * (1 - set_map.weights), -1e-4 * trace * set_map.weights
    made = line_pulses(SCHEME, set_map, reset_map, up, down)
    for lag, k in ((0, 60), (10, 150), (20, 200)):
        for solved, volts, wanted in (
            (set_map, made.volts_up, up),
            (reset_map, made.volts_down, down),
        ):
            change = np.interp(volts[lag, k], solved.volts, solved.change[:, k])
            assert change == pytest.approx(wanted[lag, k], rel=1e-3)
    assert made.volts_up.max() <= 1.8
    assert not made.volts_up[-1].any()  # the last lag stands for all longer ones
    assert (made.up_s, made.down_s) == pytest.approx((10e-9 * 1.49301e-4, 1e-9 * 1.49301e-4))


def test_a_map_begins_where_weight_zero_is(maps):
    """Weights above a lowest conductance: the same cells, counted otherwise."""
    device, set_map, _ = maps
    offset = PulseScheme(**{**_values(), "g_one": 1.4e-4, "g_zero": 5e-6})
    made = PulseMap.solved(device, sn.NodalEngine(), offset, up=True)
    siemens = 5e-6 + 1.4e-4 * made.weights[200]
    there = np.interp(siemens / SCHEME.g_one, set_map.weights, set_map.change[80])
    assert made.change[80, 200] * 1.4e-4 == pytest.approx(there * SCHEME.g_one, rel=1e-3)


def _values():
    return {name: getattr(SCHEME, name) for name in SCHEME.__slots__}


def test_a_device_that_learns_backwards_is_refused():
    class Backwards(sn.devices.PowerLaw):
        set_polarity = -1

    with pytest.raises(InputError, match="learn backwards"):
        PulseMap.solved(Backwards(), sn.NodalEngine(), SCHEME, up=True)
