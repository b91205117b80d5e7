"""The SKY130 ReRAM as a published set: its equations, and what one step of 1 ns makes of them."""

import numpy as np

import spicesnn as sn
from spicesnn.devices.limits import BOLTZMANN_EV
from spicesnn.devices.pai_yu_chen_heated import PaiYuChenHeated


def test_the_set_has_the_equations_of_the_published_cell_at_2000_points():
    device, rng = PaiYuChenHeated.from_publication("sky130"), np.random.default_rng(7)
    v = rng.uniform(-1.7, 1.7, 2000)
    filament, kelvin = rng.uniform(3.31e-9, 4.89e-9, 2000), rng.uniform(300, 1500, 2000)
    oxide, reference = 5e-9, 4.7249e-9
    gap, thermal = oxide - filament, BOLTZMANN_EV * kelvin
    amps = 6.14e-5 * np.exp(-gap / (oxide - reference)) * np.sinh(v / 0.43)
    gamma = 16.5 - 1.25 * (gap / 1e-9) ** 3
    pull = gamma * 0.25e-9 / oxide * v
    growth = 150 * (np.exp((pull - 1.501) / thermal) - np.exp((-pull - 1.5) / thermal))
    heat = np.abs(v * amps) / 3.1825e-16 - (kelvin - 300) / 0.23e-9
    x = np.stack([gap, kelvin])
    rates = device.rate(v, x)
    np.testing.assert_allclose(device.current(v, x), amps, rtol=1e-9)
    np.testing.assert_allclose(
        rates[0], -growth, rtol=1e-9, atol=1e-9 * np.abs(growth).max() * 1e-6
    )
    np.testing.assert_allclose(rates[1], heat, rtol=1e-9, atol=1e-9 * np.abs(heat).max() * 1e-3)


def test_a_set_of_one_nanosecond_runs_away_where_one_step_of_forward_euler_sees_nothing():
    device = PaiYuChenHeated.from_publication("sky130")
    start = np.array([1.2e-9, 300.0]).reshape(2, 1, 1)
    array = sn.Crossbar(device=device, state=start, wires=sn.Wires.ideal())
    after = (
        sn.NodalEngine().pulse(array, sn.Pulse(row_volts=[1.8], width_s=1e-9, rise_s=1e-12)).state
    )
    assert np.isclose(1e6 * float(np.ravel(device.current(1.8, after))[0]), 1403.3, atol=0.5)
    stepped = start + 1e-9 * device.rate(1.8, start)
    assert np.isclose(1e6 * float(np.ravel(device.current(1.8, stepped))[0]), 30.2, atol=0.1)
