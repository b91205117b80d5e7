"""Cells with several states, compiled: against scipy's Radau, which shares nothing, and against the
same method in NumPy."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import spicesnn as sn
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.engines.nodal.cell_steps import ArraySteps, CompiledStates, steps_for
from spicesnn.engines.nodal.cells import Ensemble
from spicesnn.engines.nodal.interval import NODES, Drive
from spicesnn.errors import ConvergenceError

VOLTS = np.array([0.6, 1.0, -1.5])


def cells_of(device, gaps, **more):
    state = np.stack([gaps, np.full(gaps.shape, device.temperature)])
    cells = Ensemble.of(Crossbar(device=device, state=state[..., None], **more))
    return cells, state


def ramp(volts, seconds, ohms=None):
    source = np.outer(0.2 + 0.8 * NODES, volts)
    resistance = None if ohms is None else np.full(volts.size, ohms)
    return Drive(source=source, ohms=resistance, gate=None, line=source[[0, -1]], seconds=seconds)


@pytest.mark.parametrize("seconds", [1e-8, 1e-6])
def test_gap_and_temperature_follow_the_ramp_of_a_pulse_as_another_solver_has_them(seconds):
    device = sn.devices.PaiYuChenHeated()
    cells, state = cells_of(device, np.array([1.2e-9, 0.9e-9, 0.2e-9]))
    steps = steps_for(cells, 1e-7, 1e-4)
    assert isinstance(steps, CompiledStates)
    drive = ramp(VOLTS, seconds)
    found = steps.interval(state, drive, np.full(3, seconds))
    scale = np.array([1e-9, 100.0])
    for k, v in enumerate(VOLTS):

        def slope(t, y, v=v):
            volts = v * (0.2 + 0.8 * t / seconds)
            x = np.clip(y[:2] * scale, [0.1e-9, 298.0], [1.7e-9, 3000.0])
            amps = device.current(volts, x)
            return np.append(device.rate(volts, x) / scale, amps)

        true = solve_ivp(
            slope,
            (0, seconds),
            np.append(state[:, k] / scale, 0.0),
            method="Radau",
            rtol=1e-8,
            atol=[1e-10, 1e-8, 1e-20],
        ).y[:, -1]
        np.testing.assert_allclose(found.full[:, k] / scale, true[:2], rtol=2e-5)
        assert found.charge[k] == pytest.approx(true[2], rel=1e-4)


@pytest.mark.parametrize("ohms", [None, 1e3])
def test_compiled_cells_take_the_steps_that_the_same_method_takes_in_numpy(ohms):
    device = sn.devices.PaiYuChenHeated()
    cells, state = cells_of(device, np.array([1.2e-9, 0.9e-9, 0.2e-9]))
    cells = (
        cells
        if ohms is None
        else Ensemble.of(
            Crossbar(
                device=device,
                state=state[..., None],
                stuck=np.array([[False], [True], [False]]),
            )
        )
    )
    drive, first = ramp(VOLTS, 1e-7, ohms), np.full(3, 1e-7)
    one = ArraySteps(cells, 5e-6).interval(state, drive, first)
    other = steps_for(cells, 5e-6, 1e-4).interval(state, drive, first)
    assert one.taken == other.taken
    np.testing.assert_allclose(other.nodes, one.nodes, rtol=1e-9)
    np.testing.assert_allclose(other.charge, one.charge, rtol=1e-9)
    np.testing.assert_allclose(other.energy, one.energy, rtol=1e-9)
    np.testing.assert_allclose(other.step, one.step, rtol=1e-6)


def test_a_temperature_that_follows_its_source_costs_few_steps():
    """Its time constant is 0.23 ns: 4e9 of them."""
    device = sn.devices.PaiYuChenHeated(velocity=0.0)
    cells, state = cells_of(device, np.array([1.0e-9, 0.6e-9, 0.3e-9]))
    drive = ramp(VOLTS, 1.0)
    found = steps_for(cells, 1e-6, 1e-4).interval(state, drive, np.full(3, 1.0))
    assert found.taken < 300
    heat = np.abs(VOLTS * device.current(VOLTS, state)) * device.tau_th / device.c_th
    np.testing.assert_allclose(found.full[1], 298.0 + heat, rtol=1e-6)


def test_a_cell_that_cannot_be_followed_is_named():
    device = sn.devices.PaiYuChenHeated()
    cells, state = cells_of(device, np.array([1.2e-9, 0.9e-9]))
    drive = ramp(np.array([0.1, np.nan]), 1e-7)
    with pytest.raises(ConvergenceError, match="state of cell 1 "):
        steps_for(cells, 1e-6, 1e-4).interval(state, drive, np.full(2, 1e-7))
