from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from device_checks import integrate, slope_error, spice_run
from scipy.optimize import brentq

from spicesnn.devices.jart_vcm import JartVCM, _mismatch
from spicesnn.errors import InputError

FEW, MANY = 0.008e26, 20e26


def test_golden_resistances():
    disc, plug = JartVCM().resistances(MANY)
    assert disc == pytest.approx(24.5275808, rel=5e-9)
    assert plug == pytest.approx(159.429274, rel=1e-8)


@pytest.mark.parametrize(
    ("volts", "density", "amps"),
    [(-0.2, MANY, -1.25834909e-4), (0.2, MANY, 1.23546205e-4), (-0.2, FEW, -1.90971222e-6)],
)
def test_golden_currents(volts, density, amps):
    assert JartVCM().current(volts, density) == pytest.approx(amps, rel=5e-9)


def test_golden_temperature():
    assert JartVCM().temperature(-0.2, MANY) == pytest.approx(347.0736, abs=5e-5)


def test_the_current_satisfies_its_equations():
    device = JartVCM()
    volts, density = np.linspace(-1.3, 1.3, 27)[:, None], np.geomspace(FEW, MANY, 9)
    amps = device.current(volts, density)
    mismatch = np.vectorize(lambda v, nd, i: _mismatch(v, nd, i, device.compiled().parameters))(
        volts, density, amps
    )
    assert np.max(np.abs(mismatch) / np.maximum(np.abs(amps), 1e-12)) < 1e-7
    assert np.all(np.diff(amps, axis=0) > 0)


def test_the_forward_branch_is_the_one_reached_from_zero():
    # With few vacancies missing the barrier, three currents satisfy the equations at +0.2 V; the
    # small one (4.95e-5 A) is not reached.
    device = JartVCM()
    volts = np.linspace(0.005, 0.2, 40)
    steps = np.diff(device.current(volts, MANY))
    assert np.all(steps > 0)
    assert steps.max() < 3 * steps.min()


@pytest.mark.parametrize("seed", [29, 115, 119, 407, 475, 544, 733, 778, 996, *range(5)])
def test_the_current_is_the_largest_that_satisfies_the_equations(seed):
    """At scattered parameters the cell heats the barrier away from where emission has its peak at
    the ambient temperature; the reference comes down from the largest current in small steps."""
    rng = np.random.default_rng(seed)
    published = JartVCM()
    names = [f.name for f in fields(published) if "unit" in f.metadata and f.name != "nd_init"]
    device = JartVCM(
        **{name: getattr(published, name) * np.exp(rng.uniform(-0.5, 0.5)) for name in names},
    )
    volts, density = rng.uniform(0, 1.5), 10 ** rng.uniform(24, 27)
    p = device.compiled().parameters
    disc, plug = device.resistances(density)
    top = volts / (float(disc + plug) + device.r_tiox + device.r_line)
    grid = np.linspace(top, 0.0, 5001)
    below = next(k for k in range(1, 5001) if _mismatch(volts, density, grid[k], p) > 0)
    amps = brentq(
        lambda i: _mismatch(volts, density, i, p), grid[below], grid[below - 1], xtol=1e-20
    )
    assert device.current(volts, density) == pytest.approx(amps, rel=1e-9)


def test_conductance_matches_finite_differences():
    device = JartVCM()
    volts, density = np.linspace(-1.31, 1.3, 28)[:, None], np.geomspace(FEW, MANY, 9)
    difference = (
        device.current(volts + 1e-5, density) - device.current(volts - 1e-5, density)
    ) / 2e-5
    np.testing.assert_allclose(device.conductance(volts, density), difference, rtol=1e-5)


def test_rate_slope_is_consistent_at_two_steps():
    assert (
        slope_error(
            JartVCM(),
            np.array([[-0.6], [0.8]]),
            np.geomspace(2 * FEW, 0.9 * MANY, 7),
            relative=1e-5,
        )
        < 5e-3
    )


def test_signs_and_bounds():
    device = JartVCM()
    assert device.rate(-1.0, 1e26) > 0 > device.rate(1.0, 1e26)
    assert device.rate(-1.0, MANY) == 0 == device.rate(1.0, FEW)
    assert device.rate(0.0, 1e26) == 0
    assert device.current(-0.2, MANY) < device.current(-0.2, FEW) < 0
    assert np.all(np.isfinite(device.current([-100.0, 100.0], 1e26)))


def test_heat_is_what_makes_the_set_fast():
    cool = JartVCM(r_th=1e3)
    assert JartVCM().rate(-0.9, 1e26) / cool.rate(-0.9, 1e26) > 1e6


def test_state_for_conductance():
    device = JartVCM()
    state = device.state_for_conductance(2e-4, v=-0.2)
    assert device.current(-0.2, state) / -0.2 == pytest.approx(2e-4, rel=1e-9)


def test_bad_parameters():
    with pytest.raises(InputError, match="nd_max"):
        JartVCM(nd_max=1e20)
    with pytest.raises(InputError, match="l_cell"):
        JartVCM(l_cell=0.3e-9)


def test_twin_currents(tmp_path):
    for density in (FEW, 1e26, MANY):
        device = JartVCM(attempt=0.0)
        _, volts, amps, _, _ = spice_run(device, "sin(0 1.2 1meg)", 1e-6, tmp_path, start=density)
        assert np.max(np.abs(amps - device.current(volts, density))) < 1e-5 * np.max(np.abs(amps))


def test_twin_reset(tmp_path):
    time, volts, amps, states, (accepted, rejected) = spice_run(
        JartVCM(), "sin(0 1.3 100k)", 5e-6, tmp_path, start=MANY
    )
    pick = slice(1, None, 40)
    expected = integrate(
        JartVCM(),
        lambda t: 1.3 * np.sin(2e5 * np.pi * t),
        time[pick],
        MANY,
        method="LSODA",
        rtol=1e-6,
        atol=1e-8,
    )
    assert np.ptp(states) > 1e25
    assert np.max(np.abs(states[0, pick] - expected)) < 1e-3 * MANY
    assert np.max(np.abs(amps - JartVCM().current(volts, states[0]))) < 1e-4 * np.max(np.abs(amps))
    assert accepted / (accepted + rejected) > 0.9
