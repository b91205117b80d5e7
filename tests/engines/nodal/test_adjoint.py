"""Gradients through a read against finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from spicesnn import Crossbar, NodalEngine, Wires
from spicesnn.crossbar.cells import OneTransistorOneResistor
from spicesnn.errors import InputError


def loss(currents: np.ndarray) -> float:
    return float(np.sum(np.sin(1e4 * currents)))


def slope(currents: np.ndarray) -> np.ndarray:
    return 1e4 * np.cos(1e4 * currents)


@pytest.mark.parametrize(
    "wires",
    [
        Wires(),
        Wires(word_line_ohm=0.0, driver_ohm=30.0),
        Wires(bit_line_ohm=0.0),
        Wires(word_line_ohm=50.0, double_sided=True, sense_ohm=9.0),
    ],
)
@pytest.mark.parametrize("batch", [None, 3])
def test_matches_finite_differences(wires: Wires, batch: int | None) -> None:
    rng = np.random.default_rng(0)
    engine = NodalEngine()
    conductance = 10 ** rng.uniform(-5, -4, (6, 5))
    rows = rng.uniform(-1, 1, 6 if batch is None else (batch, 6))
    columns = rng.uniform(-0.2, 0.2, 5 if batch is None else (batch, 5))
    floating = np.array([False, True, False, False, False, False])

    def total(g: np.ndarray, v: np.ndarray, c: np.ndarray) -> float:
        return loss(
            engine.read(
                Crossbar(conductance=g, wires=wires), v, column_volts=c, floating_rows=floating
            ).column_amps
        )

    def difference(which: int, at: tuple[int, ...], step: float) -> float:
        values = []
        for sign in (1, -1):
            inputs = [conductance.copy(), rows.copy(), columns.copy()]
            inputs[which][at] += sign * step
            values.append(total(*inputs))
        return (values[0] - values[1]) / (2 * step)

    array = Crossbar(conductance=conductance, wires=wires)
    currents = engine.read(array, rows, column_volts=columns, floating_rows=floating).column_amps
    gradient = engine.gradient(
        array, rows, slope(currents), column_volts=columns, floating_rows=floating
    )
    lead = () if batch is None else (1,)
    for at in ((0, 0), (1, 2), (5, 4)):
        np.testing.assert_allclose(
            gradient.conductance[at], difference(0, at, 1e-4 * conductance[at]), rtol=1e-5
        )
    for row in (0, 1, 4):
        np.testing.assert_allclose(
            gradient.row_volts[(*lead, row)],
            difference(1, (*lead, row), 1e-4),
            rtol=1e-5,
            atol=1e-9,
        )
    for col in (0, 3):
        np.testing.assert_allclose(
            gradient.column_volts[(*lead, col)], difference(2, (*lead, col), 1e-4), rtol=1e-5
        )
    assert gradient.row_volts[(*lead, 1)] == 0.0
    assert gradient.cell_amps.shape == ((6, 5) if batch is None else (batch, 6, 5))


def test_slope_must_fit_the_currents() -> None:
    array = Crossbar(conductance=np.full((2, 3), 1e-5), wires=Wires())
    with pytest.raises(
        InputError,
        match=r"dl_dcolumn_amps has shape \(2,\); expected finite values of shape \(3,\)",
    ):
        NodalEngine().gradient(array, [1.0, 0.0], [1.0, 1.0])


@pytest.mark.parametrize("shape", [(12, 9), (7, 15), (8, 8)])
@pytest.mark.parametrize(
    "wires",
    [
        Wires(word_line_ohm=3.0, bit_line_ohm=1.0, driver_ohm=20.0),
        Wires(word_line_ohm=0.0, bit_line_ohm=0.0),
        Wires(),
    ],
)
def test_a_large_batch_has_the_sum_of_the_gradients_of_its_inputs(
    shape: tuple[int, int], wires: Wires
) -> None:
    rng = np.random.default_rng(1)
    array = Crossbar(conductance=10 ** rng.uniform(-6, -4, shape), wires=wires)
    volts, slopes = rng.uniform(-1, 1, (40, shape[0])), rng.normal(size=(40, shape[1]))
    engine = NodalEngine()
    together = engine.gradient(array, volts, slopes)
    apart = [engine.gradient(array, v, s) for v, s in zip(volts, slopes, strict=True)]
    for name, axis in (
        ("conductance", 0),
        ("row_volts", None),
        ("column_volts", None),
        ("cell_amps", None),
    ):
        values = np.stack([getattr(one, name) for one in apart])
        wanted = values if axis is None else values.sum(axis=axis)
        np.testing.assert_allclose(
            getattr(together, name), wanted, rtol=1e-9, atol=1e-10 * np.abs(wanted).max()
        )


def test_a_large_batch_matches_finite_differences() -> None:
    rng = np.random.default_rng(2)
    siemens, volts = 10 ** rng.uniform(-6, -4, (12, 9)), rng.uniform(-1, 1, (50, 12))
    wires, engine = Wires(word_line_ohm=5.0, bit_line_ohm=2.0, sense_ohm=10.0), NodalEngine()

    def total(g: np.ndarray) -> float:
        return loss(engine.read(Crossbar(conductance=g, wires=wires), volts).column_amps)

    currents = engine.read(Crossbar(conductance=siemens, wires=wires), volts).column_amps
    gradient = engine.gradient(
        Crossbar(conductance=siemens, wires=wires), volts, slope(currents)
    ).conductance
    for at in ((0, 0), (3, 8), (11, 4)):
        step = np.zeros_like(siemens)
        step[at] = 1e-3 * siemens[at]
        difference = (
            total(siemens - 2 * step)
            - 8 * total(siemens - step)
            + 8 * total(siemens + step)
            - total(siemens + 2 * step)
        ) / (12 * step[at])
        assert gradient[at] == pytest.approx(difference, rel=1e-6)


def test_gated_cells_match_finite_differences_through_wires() -> None:
    rng = np.random.default_rng(3)
    cell, engine = OneTransistorOneResistor(), NodalEngine()
    low, high = (float(np.max(bound)) for bound in cell.bounds())
    wires = Wires(word_line_ohm=5.0, bit_line_ohm=2.0, driver_ohm=20.0)
    array = Crossbar(
        device=cell,
        state=rng.uniform(low + 0.2 * (high - low), low + 0.8 * (high - low), (12, 9)),
        wires=wires,
    )
    volts, gates, weights = (
        rng.uniform(0.05, 0.3, 12),
        rng.uniform(1.0, 1.8, array.gate_lines),
        rng.normal(size=9),
    )

    def total(rows: np.ndarray, state: np.ndarray) -> float:
        return float(
            weights @ engine.read(array.with_state(state), rows, gate_volts=gates).column_amps
        )

    gradient = engine.gradient(array, volts, weights, gate_volts=gates)
    read = engine.read(array, volts, gate_volts=gates)
    state, cells = array.state, np.asarray(read.cell_volts)
    step = 1e-4 * (high - low)
    gate = array.gate_of_cells(gates)
    by_state = (
        np.asarray(
            8 * (cell.current(cells, state + step, gate) - cell.current(cells, state - step, gate))
            - (
                cell.current(cells, state + 2 * step, gate)
                - cell.current(cells, state - 2 * step, gate)
            )
        )
        / (12 * step)
        * gradient.cell_amps
    )
    for at in ((0, 0), (4, 7), (11, 8)):
        nudge = np.zeros(array.shape)
        nudge[at] = 1e-3 * (high - low)
        found = (
            8 * (total(volts, state + nudge) - total(volts, state - nudge))
            - total(volts, state + 2 * nudge)
            + total(volts, state - 2 * nudge)
        )
        assert by_state[at] == pytest.approx(
            found / (12 * nudge[at]), rel=1e-6, abs=1e-7 * np.abs(by_state).max()
        )
    for row in (0, 5, 11):
        nudge = np.zeros(12)
        nudge[row] = 1e-3
        found = (
            8 * (total(volts + nudge, state) - total(volts - nudge, state))
            - total(volts + 2 * nudge, state)
            + total(volts - 2 * nudge, state)
        )
        assert gradient.row_volts[row] == pytest.approx(found / 12e-3, rel=1e-6)
