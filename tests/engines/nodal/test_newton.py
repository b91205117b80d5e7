"""Newton's method on arrays of nonlinear cells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nonlinear_cells import Exponential, Sinh, Tunnel
from scipy.optimize import brentq

import spicesnn as sn
from spicesnn.engines.nodal.network import Sources
from spicesnn.engines.nodal.newton import Cells, Newton
from spicesnn.engines.nodal.relinearised import Relinearised
from spicesnn.errors import ConvergenceError

ENGINE = sn.NodalEngine()


def kirchhoff(array: sn.Crossbar, read: object, row_volts: np.ndarray) -> float:
    """Largest current left over at any node, assembled here from scratch (wires above 0 Ω,
    single-sided)."""
    wires, w, b = array.wires, read.word_line_volts, read.bit_line_volts
    cell = array.device.current(w - b, array.state_or_zeros())
    g_w, g_b = 1 / wires.word_line_ohm, 1 / wires.bit_line_ohm
    word = -cell.copy()
    word[:, 0] += (row_volts - w[:, 0]) / (wires.driver_ohm + wires.word_line_ohm)
    word[:, 1:] += g_w * (w[:, :-1] - w[:, 1:])
    word[:, :-1] += g_w * (w[:, 1:] - w[:, :-1])
    bit = cell.copy()
    bit[-1] -= b[-1] / (wires.sense_ohm + wires.bit_line_ohm)
    bit[1:] += g_b * (b[:-1] - b[1:])
    bit[:-1] += g_b * (b[1:] - b[:-1])
    return max(np.abs(word).max(), np.abs(bit).max())


@pytest.mark.parametrize("device", [Sinh(), Exponential(), Exponential(slope_volts=0.02)])
@pytest.mark.parametrize("volts", [0.3, 1.0, -1.0, 4.0, 20.0])
def test_kirchhoffs_law_holds_for_steep_cells_at_any_drive(
    device: sn.devices.base.Device, volts: float
) -> None:
    array = sn.Crossbar(
        device=device,
        shape=(9, 6),
        wires=sn.Wires(word_line_ohm=10.0, bit_line_ohm=4.0, driver_ohm=50.0, sense_ohm=5.0),
    )
    row_volts = volts * np.linspace(0.3, 1.0, 9)
    read = ENGINE.read(array, row_volts)
    largest = np.abs(read.column_amps).max()
    rounding = 1e-15 * abs(volts) / 4.0
    assert kirchhoff(array, read, row_volts) <= 1e-10 * largest + rounding
    assert np.sum(read.row_amps) == pytest.approx(np.sum(read.column_amps), rel=1e-9)


def test_one_diode_behind_a_resistance_is_the_root_of_its_equation() -> None:
    device = Exponential(saturation=1e-14, slope_volts=0.026)
    array = sn.Crossbar(
        device=device,
        shape=(1, 1),
        wires=sn.Wires(word_line_ohm=100.0, bit_line_ohm=0.0, driver_ohm=900.0),
    )
    read = ENGINE.read(array, [2.0])
    amps = brentq(
        lambda i: 1e-14 * np.expm1((2.0 - 1e3 * i) / 0.026) - i, 0, 2e-3, xtol=1e-18, rtol=1e-14
    )
    assert read.column_amps[0] == pytest.approx(amps, rel=1e-10)


def test_a_batch_is_its_inputs_one_by_one() -> None:
    rng = np.random.default_rng(3)
    array = sn.Crossbar(
        device=Sinh(), shape=(5, 7), wires=sn.Wires(word_line_ohm=20.0, bit_line_ohm=20.0)
    )
    batch = rng.uniform(-1, 1, (4, 5))
    together = ENGINE.read(array, batch)
    for k in range(4):
        alone = ENGINE.read(array, batch[k])
        np.testing.assert_allclose(
            together.column_amps[k], alone.column_amps, rtol=1e-10, atol=1e-18
        )
        np.testing.assert_allclose(
            together.word_line_volts[k], alone.word_line_volts, rtol=1e-10, atol=1e-15
        )
    assert together.residual_amps.shape == (4,)


def test_a_sinh_cell_at_small_volts_is_a_resistor() -> None:
    wires = sn.Wires(word_line_ohm=30.0, bit_line_ohm=10.0)
    array = sn.Crossbar(device=Sinh(siemens=1e-4), shape=(6, 6), wires=wires)
    linear = sn.Crossbar(conductance=np.full((6, 6), 1e-4), wires=wires)
    small = 1e-5 * np.arange(1, 7)
    np.testing.assert_allclose(
        ENGINE.read(array, small).column_amps, ENGINE.read(linear, small).column_amps, rtol=1e-8
    )


def test_ideal_wires_leave_the_device_alone() -> None:
    array = sn.Crossbar(device=Sinh(siemens=1e-4), shape=(3, 2), wires=sn.Wires.ideal())
    read = ENGINE.read(array, [0.5, -0.2, 1.0], column_volts=[0.0, 0.1])
    volts = np.array([0.5, -0.2, 1.0])[:, None] - np.array([0.0, 0.1])
    np.testing.assert_allclose(
        read.column_amps, (1e-4 * np.sinh(5 * volts) / 5).sum(axis=0), rtol=1e-12
    )


def test_negative_differential_resistance_with_one_solution_is_found() -> None:
    """A cell whose dI/dV is negative between 0.35 and 0.9 V, behind so little resistance that the
    load line meets it once."""
    device = Tunnel()
    array = sn.Crossbar(
        device=device, shape=(3, 3), wires=sn.Wires(word_line_ohm=5.0, bit_line_ohm=5.0)
    )
    for volts in (0.2, 0.5, 0.7, 1.2):
        row_volts = np.full(3, volts)
        read = ENGINE.read(array, row_volts)
        assert kirchhoff(array, read, row_volts) <= 1e-12


def test_currents_that_overflow_are_an_error_and_not_an_answer() -> None:
    def cells(volts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.full(volts.shape, np.inf), np.full(volts.shape, np.inf)

    off = np.zeros(2, dtype=bool)
    newton = Newton(network=Relinearised(sn.Wires(), off, off), cells=cells)
    with pytest.raises(ConvergenceError, match="Newton's method"):
        newton.solve(Sources(row_volts=np.ones((1, 2)), column_volts=np.zeros((1, 2))))


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(1, 6),
    cols=st.integers(1, 6),
    seed=st.integers(0, 10**6),
    ohm=st.sampled_from([0.1, 5.0, 300.0]),
    slope_volts=st.sampled_from([0.03, 0.1, 1.0]),
)
def test_passive_cells_dissipate_and_the_residual_is_honest(
    rows: int, cols: int, seed: int, ohm: float, slope_volts: float
) -> None:
    rng = np.random.default_rng(seed)
    device = Exponential(
        saturation=10.0 ** rng.uniform(-9, -5, (rows, cols)), slope_volts=slope_volts
    )
    array = sn.Crossbar(
        device=device, shape=(rows, cols), wires=sn.Wires(word_line_ohm=ohm, bit_line_ohm=ohm)
    )
    row_volts = rng.uniform(-2, 2, rows)
    read = ENGINE.read(array, row_volts)
    assert float(read.power_watt(row_volts)) >= -1e-15
    left_over = kirchhoff(array, read, row_volts)
    assert left_over <= 2 * float(read.residual_amps) + 4e-15 / ohm


def test_a_warm_start_takes_fewer_steps() -> None:
    siemens = 10 ** np.random.default_rng(0).uniform(-5, -3, (12, 12))

    def cells(volts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return siemens * np.sinh(5 * volts) / 5, siemens * np.cosh(5 * volts)

    off = np.zeros(12, dtype=bool)
    newton = Newton(
        network=Relinearised(sn.Wires(word_line_ohm=10.0, bit_line_ohm=10.0), off, off), cells=cells
    )
    sources = Sources(row_volts=np.ones((1, 12)), column_volts=np.zeros((1, 12)))
    cold = newton.solve(sources)
    near = newton.solve(
        Sources(row_volts=1.001 * np.ones((1, 12)), column_volts=np.zeros((1, 12))), cold
    )
    again = newton.solve(
        Sources(row_volts=1.001 * np.ones((1, 12)), column_volts=np.zeros((1, 12)))
    )
    assert near.iterations < again.iterations
    np.testing.assert_allclose(near.column_amps, again.column_amps, rtol=1e-11)


def _sinh_cells(size: int, count: list[int]) -> Cells:
    siemens = 10 ** np.random.default_rng(0).uniform(-5, -3, (size, size))

    def cells(volts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        count[0] += 1
        return siemens * np.sinh(5 * volts) / 5, siemens * np.cosh(5 * volts)

    return cells


def test_without_drive_the_answer_is_zero_volts_wherever_the_search_begins() -> None:
    count, off = [0], np.zeros(12, dtype=bool)
    network = Relinearised(sn.Wires(word_line_ohm=10.0, bit_line_ohm=10.0), off, off)
    newton = Newton(network=network, cells=_sinh_cells(12, count))
    driven = newton.solve(Sources(row_volts=np.ones((1, 12)), column_volts=np.zeros((1, 12))))
    count[0], solves = 0, network.solves
    dark = newton.solve(
        Sources(row_volts=np.zeros((1, 12)), column_volts=np.zeros((1, 12))), driven
    )
    assert not dark.word_volts.any()
    assert not dark.column_amps.any()
    assert (count[0], network.solves - solves) == (1, 1)


@pytest.mark.parametrize("device", [Exponential(), Exponential(slope_volts=0.02)])
def test_a_searched_step_ends_where_the_co_content_hardly_falls_any_more(
    device: sn.devices.base.Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its slope along the step, Σ Δv·(current of the cell − current of the wires), is a tenth of
    what it was, at most."""
    plain, left = Newton._search, []

    def watched(self, point, amps, target, mismatch):  # type: ignore[no-untyped-def]
        found, *there = plain(self, point, amps, target, mismatch)
        if found is not target:
            step = target.volts - point.volts
            before = np.sum(step * (amps - point.solved_amps))
            now = self.cells(found.volts)[0]
            np.testing.assert_array_equal(there[0], now)
            left.append(abs(np.sum(step * (now - found.solved_amps))) / abs(before))
        return found, *there

    monkeypatch.setattr(Newton, "_search", watched)
    wires = sn.Wires(word_line_ohm=10.0, bit_line_ohm=4.0, driver_ohm=50.0, sense_ohm=5.0)
    array = sn.Crossbar(device=device, shape=(9, 6), wires=wires)
    for volts in (1.0, 4.0):
        sn.NodalEngine().read(array, volts * np.linspace(0.3, 1.0, 9))
    assert len(left) > 1
    assert max(left) <= 0.1 + 1e-9


def test_close_to_the_solution_no_step_is_searched() -> None:
    """There the co-content's slope along a step is rounding: a search in it asked cells 60 times a
    step and found nothing."""
    count, off = [0], np.zeros(12, dtype=bool)
    newton = Newton(
        network=Relinearised(sn.Wires(word_line_ohm=10.0, bit_line_ohm=10.0), off, off),
        cells=_sinh_cells(12, count),
    )
    drive = np.linspace(0.4, 1.0, 12)[None]
    start = newton.solve(Sources(row_volts=drive, column_volts=np.zeros((1, 12))))
    for change in (0.0, 1e-12, 1e-9, 1e-6, 1e-3):
        count[0] = 0
        found = newton.solve(
            Sources(row_volts=drive * (1 + change), column_volts=np.zeros((1, 12))), start
        )
        assert count[0] <= found.iterations + 1
