"""The compiled integrator's explicit steps: their order, the states along a step, and kinks
wherever they lie."""

from __future__ import annotations

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.engines.nodal.cell_kernel import _E, _P, _Q
from spicesnn.engines.nodal.cell_steps import CompiledSteps, Interval
from spicesnn.engines.nodal.cells import Ensemble
from spicesnn.engines.nodal.interval import NODES, Drive, parabola

PLACES = np.array([0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0])


def interval(
    device: sn.devices.base.Device,
    state: np.ndarray,
    source: np.ndarray,
    seconds: float,
    tolerance: float,
) -> Interval:
    cells = Ensemble.of(sn.Crossbar(device=device, state=state, wires=sn.Wires()))
    code = cells.device.compiled()
    assert code is not None
    drive = Drive(source=source, ohms=None, gate=None, line=source[[0, 4]], seconds=seconds)
    return CompiledSteps(cells, code, tolerance).interval(
        state.reshape(1, -1), drive, np.full(state.size, seconds)
    )


def ramps(cells: int) -> np.ndarray:
    return np.repeat(NODES[:, None], cells, axis=1)


def test_weights_integrate_polynomials_as_far_as_they_should() -> None:
    for power in range(5):
        assert _P @ PLACES**power == pytest.approx(1 / (power + 1), abs=1e-15)
        assert (_E @ PLACES**power == pytest.approx(0.0, abs=1e-16)) == (power < 4)
        # The dense output's term of fourth order: x = s^(n+1)/(n+1) has s⁴/4 at n = 3, and the
        # cubic through its ends is exact below
        if power < 4:
            assert _Q @ PLACES**power == pytest.approx(1 / 4 if power == 3 else 0.0, abs=1e-14)


def test_a_threshold_is_met_wherever_in_the_interval_it_is_crossed() -> None:
    """The source rises from 0 to 1 V through thresholds from 0.02 to 0.98 V; at some places the
    pair's own estimate sees nothing."""
    thresholds = np.linspace(0.02, 0.98, 481)
    device = sn.devices.VTEAM(
        v_off=thresholds.reshape(13, 37), k_off=1e-3 * thresholds.reshape(13, 37)
    )
    state = np.full((13, 37), 1e-9)
    exact = 1e-9 + 1e-3 * 1e-6 * np.square(1 - thresholds) / 2
    for tolerance in (1e-5, 1e-7):
        done = interval(device, state, ramps(481), 1e-6, tolerance)
        assert np.abs(done.full[0] - exact).max() < 10 * tolerance * 3e-9


def test_states_along_a_step_are_as_accurate_as_at_its_end() -> None:
    """dw/dt is a cubic of time here, so the quartic through a step has it all."""
    device = sn.devices.VTEAM(v_on=-1e-3, k_on=-1e-11, alpha_on=3.0)
    source = np.repeat(-(0.1 + 0.05 * NODES)[:, None], 4, axis=1)
    done = interval(device, np.full((2, 2), 1.5e-9), source, 1e-6, 1e-4)
    assert done.taken == 4
    grow = lambda s: ((99 + 50 * s) ** 4 - 99**4) / 200  # noqa: E731
    np.testing.assert_allclose(
        done.nodes[:, 0, 0] - 1.5e-9, -1e-11 * 1e-6 * grow(NODES[1:]), rtol=1e-6
    )


def test_ten_times_the_accuracy_takes_a_step_and_a_half_where_there_was_one() -> None:
    """Steps of order 5 grow with the fifth root of the tolerance; those of the Rosenbrock pair with
    the third."""
    device = sn.devices.VTEAM(r_on=50.0, v_on=-0.2, k_on=-0.02, alpha_on=3.0)
    source = -0.4 - 0.3 * np.sin(3 * NODES)[:, None] * np.ones((5, 6))
    state = np.linspace(1.5e-9, 2.5e-9, 6).reshape(2, 3)
    taken = [interval(device, state, source, 1e-8, tolerance).taken for tolerance in (1e-9, 1e-12)]
    assert taken[1] / taken[0] < 1000 ** (1 / 5) * 1.6
    tight, loose = (interval(device, state, source, 1e-8, tolerance) for tolerance in (1e-13, 1e-7))
    np.testing.assert_allclose(loose.nodes, tight.nodes, atol=3e-9 * 1e-6)
    np.testing.assert_allclose(loose.energy, tight.energy, rtol=1e-5)


def test_energy_of_a_cell_that_meets_its_bound_is_right() -> None:
    device = sn.devices.VTEAM()
    state = 3e-9 * np.linspace(0.05, 0.95, 20).reshape(4, 5)
    source = parabola(*np.full((3, 20), -0.5))
    tight = interval(device, state, source, 1e-7, 1e-11)
    done = interval(device, state, source, 1e-7, 1e-6)
    assert np.all(tight.full < 1e-15)
    np.testing.assert_allclose(done.energy, tight.energy, rtol=2e-5)
    np.testing.assert_allclose(done.charge, tight.charge, rtol=2e-5)
