"""Effective conductance, its updates, and reads of large batches through it."""

from __future__ import annotations

import numpy as np
import pytest

from spicesnn import Crossbar, NodalEngine, Wires
from spicesnn.devices import Yakopcic
from spicesnn.engines.nodal.deferred import DeferredRead
from spicesnn.engines.nodal.elimination import Eliminated
from spicesnn.engines.nodal.transfer import REFRESH, Transfer
from spicesnn.errors import InputError

WIRES = [
    Wires(),
    Wires(word_line_ohm=0.0),
    Wires(bit_line_ohm=0.0, sense_ohm=20.0),
    Wires.ideal(),
    Wires(word_line_ohm=3.0, driver_ohm=40.0, sense_ohm=5.0, double_sided=True),
    Wires(word_line_ohm=100.0, bit_line_ohm=300.0),
]


def cells(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    values = 10 ** rng.uniform(-6, -4, shape)
    values[rng.random(shape) < 0.05] = 0.0
    return values


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (9, 24), (24, 9), (16, 16)])
@pytest.mark.parametrize("wires", WIRES)
def test_matrix_is_what_reads_of_single_rows_give(shape: tuple[int, int], wires: Wires) -> None:
    engine = NodalEngine()
    array = Crossbar(conductance=cells(np.random.default_rng(1), shape), wires=wires)
    matrix = engine.effective_conductance(array)
    rows = np.stack([engine.read(array, unit).column_amps for unit in np.eye(shape[0])])
    assert matrix.shape == shape
    np.testing.assert_allclose(matrix, rows, rtol=1e-9, atol=1e-10 * rows.max())


@pytest.mark.parametrize("shape", [(64, 48), (48, 64)])
def test_lines_far_more_resistive_than_the_cells_are_eliminated_in_one_go(
    shape: tuple[int, int],
) -> None:
    array = Crossbar(
        conductance=cells(np.random.default_rng(8), shape),
        wires=Wires(word_line_ohm=1e6, bit_line_ohm=1e6, driver_ohm=10.0),
    )
    engine = NodalEngine()
    matrix = engine.effective_conductance(array)
    assert isinstance(array.cache["nodal.transfer"][1], Eliminated)
    rows = np.stack([engine.read(array, unit).column_amps for unit in np.eye(shape[0])])
    np.testing.assert_allclose(matrix, rows, rtol=1e-9, atol=1e-10 * rows.max())


def test_ideal_wires_leave_the_conductances_as_they_are() -> None:
    conductance = cells(np.random.default_rng(2), (7, 5))
    np.testing.assert_allclose(
        NodalEngine().effective_conductance(Crossbar(conductance=conductance, wires=Wires.ideal())),
        conductance,
        rtol=1e-14,
    )


@pytest.mark.parametrize("shape", [(30, 20), (20, 30)])
def test_update_of_few_cells_is_what_a_fresh_matrix_is(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    engine = NodalEngine()
    array = Crossbar(conductance=cells(rng, shape), wires=Wires(word_line_ohm=5.0, driver_ohm=20.0))
    engine.effective_conductance(array)
    for _ in range(4):
        values = np.array(array.conductance)
        changed = rng.choice(values.size, 6, replace=False)
        values.ravel()[changed] *= rng.choice([0.0, 0.5, 30.0], 6)
        values[2, 3] = 1e-4
        after = array.with_conductance(values)
        updated = engine.effective_conductance(after, near=array)
        fresh = engine.effective_conductance(array.with_conductance(values))
        np.testing.assert_allclose(updated, fresh, rtol=1e-9, atol=1e-10 * fresh.max())
        transfer: Transfer = after.cache["nodal.transfer"][3]
        assert np.abs(updated - fresh).sum(axis=1).max() <= 2 * transfer.bound
        assert transfer.error > array.cache["nodal.transfer"][3].error
        array = after


def test_errors_add_up_until_the_matrix_is_refreshed() -> None:
    rng = np.random.default_rng(4)
    engine = NodalEngine()
    array = Crossbar(conductance=cells(rng, (12, 10)), wires=Wires())
    engine.effective_conductance(array)
    errors, refreshed = [], 0
    for k in range(120):
        values = np.array(array.conductance)
        values[k % 12, k % 10] = 1e-5 * (1 + k % 7)
        after = array.with_conductance(values)
        updated = engine.effective_conductance(after, near=array)
        kept: Transfer = after.cache["nodal.transfer"][3]
        fresh = engine.effective_conductance(array.with_conductance(values))
        assert np.abs(updated - fresh).max() <= kept.error * np.abs(fresh).max()
        assert np.abs(updated - fresh).sum(axis=1).max() <= 2 * kept.bound
        refreshed += bool(errors) and kept.error < errors[-1]
        errors.append(kept.error)
        array = after
    assert max(errors) <= REFRESH
    assert refreshed > 0


def test_many_changed_cells_are_computed_afresh() -> None:
    rng = np.random.default_rng(5)
    engine = NodalEngine()
    array = Crossbar(conductance=cells(rng, (12, 10)), wires=Wires())
    engine.effective_conductance(array)
    other = array.with_conductance(2 * np.array(array.conductance))
    engine.effective_conductance(other, near=array)
    assert other.cache["nodal.transfer"][3].error == array.cache["nodal.transfer"][3].error


def test_large_batches_go_through_the_matrix_and_keep_their_voltages_for_later() -> None:
    rng = np.random.default_rng(6)
    engine = NodalEngine()
    array = Crossbar(conductance=cells(rng, (24, 10)), wires=Wires(word_line_ohm=20.0))
    volts = rng.uniform(-1, 1, (200, 24))
    read = engine.read(array, volts)
    assert isinstance(read, DeferredRead)
    assert read.stats["method"] == "effective-conductance"
    single = [engine.read(array, v) for v in volts[:5]]
    np.testing.assert_allclose(read.column_amps[:5], [one.column_amps for one in single], rtol=1e-9)
    np.testing.assert_allclose(
        read.row_amps[:5], [one.row_amps for one in single], rtol=1e-9, atol=1e-14
    )
    np.testing.assert_allclose(
        read.word_line_volts[:5], [one.word_line_volts for one in single], rtol=1e-9
    )
    np.testing.assert_allclose(read.cell_volts[:5], [one.cell_volts for one in single], rtol=1e-8)
    errors = np.abs(read.column_amps[:5] - [one.column_amps for one in single]).max(axis=1)
    assert np.all(errors <= read.residual_amps[:5] + 1e-18)
    assert np.all(read.residual_amps <= 1e-9 * np.abs(read.column_amps).max(axis=1))


def test_column_volts_and_floating_lines_are_solved_one_by_one() -> None:
    rng = np.random.default_rng(7)
    array = Crossbar(conductance=cells(rng, (6, 4)), wires=Wires())
    volts = rng.uniform(-1, 1, (50, 6))
    read = NodalEngine().read(array, volts, column_volts=0.1)
    assert read.stats["method"] == "line-cg"
    assert np.all(np.abs(read.column_amps.sum(axis=1) - read.row_amps.sum(axis=1)) < 1e-15)


def test_only_linear_cells_have_an_effective_conductance() -> None:
    engine = NodalEngine()
    with pytest.raises(InputError, match="use read"):
        engine.effective_conductance(Crossbar(device=Yakopcic(), shape=(2, 2), wires=Wires()))
    with pytest.raises(InputError, match="no third terminal"):
        engine.effective_conductance(
            Crossbar(conductance=np.ones((2, 2)), wires=Wires()), gate_volts=[1.0, 1.0]
        )
