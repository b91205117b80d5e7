"""The line solver against the direct method: every combination of wires, terminals, masks and
sources."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from spicesnn import Crossbar, NodalEngine, Wires
from spicesnn.engines.nodal.direct import DirectPrepared
from spicesnn.engines.nodal.line_solver import LinePrepared
from spicesnn.engines.nodal.linear import Checked, predicted_iterations, prepare
from spicesnn.engines.nodal.network import Operator, Sources
from spicesnn.errors import ConvergenceError, SingularCircuitError

SHAPES = [(1, 1), (1, 9), (7, 1), (3, 5), (8, 8), (16, 24), (13, 10)]
WIRES = [(1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.0, 0.0), (10.0, 0.1)]


def operator_for(
    rng: np.random.Generator,
    shape: tuple[int, int],
    wires: Wires,
    *,
    floating: str = "none",
    ground: float = 0.0,
) -> Operator:
    rows, cols = shape
    cells = 10 ** rng.uniform(-6, -3, shape)
    cells[rng.random(shape) < 0.1] = 0.0
    floating_rows, floating_columns = np.zeros(rows, bool), np.zeros(cols, bool)
    if floating != "none":
        floating_rows[1:] = rng.random(rows - 1) < 0.5
    if floating == "both":
        floating_columns[1:] = True
    return Operator(
        wires=wires,
        cell_siemens=cells,
        floating_rows=floating_rows,
        floating_columns=floating_columns,
        word_siemens=ground,
        bit_siemens=ground / 3,
    )


def sources_for(rng: np.random.Generator, shape: tuple[int, int], injected: bool) -> Sources:
    rows, cols = shape
    amps = rng.normal(size=(2, 2, rows, cols)) * 1e-5 if injected else (None, None)
    return Sources(
        row_volts=rng.uniform(-1, 1, (2, rows)),
        column_volts=rng.uniform(-1, 1, (2, cols)),
        word_amps=amps[0],
        bit_amps=amps[1],
    )


def assert_same(operator: Operator, sources: Sources) -> bool:
    try:
        want = DirectPrepared(operator).solve(sources)
    except SingularCircuitError as lost:
        with pytest.raises(
            SingularCircuitError, match=str(lost)[:40].replace("(", r"\(").replace(")", r"\)")
        ):
            prepare(operator)
        return False
    got = LinePrepared(operator).solve(sources)
    reach = max(np.abs(want.word_volts).max(), np.abs(want.bit_volts).max())
    amps = np.abs(want.column_amps).sum() + np.abs(want.row_amps).sum()
    rounding = 1e-14 * reach * (operator.cell_siemens.sum() + 1.0)
    assert np.abs(got.word_volts - want.word_volts).max() <= 1e-9 * reach
    assert np.abs(got.bit_volts - want.bit_volts).max() <= 1e-9 * reach
    assert np.abs(got.column_amps - want.column_amps).max() <= 1e-10 * amps + rounding
    assert np.abs(got.row_amps - want.row_amps).max() <= 1e-10 * amps + rounding
    assert got.residual_amps.max() <= 1e-10 * amps + rounding
    return True


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("double_sided", [False, True])
def test_agrees_with_the_direct_method(shape: tuple[int, int], double_sided: bool) -> None:
    rng = np.random.default_rng(7)
    checked = 0
    for (word, bit), ends, floating, injected in itertools.product(
        WIRES, [(0.0, 0.0), (5.0, 0.0), (0.0, 50.0), None], ["none", "rows", "both"], [False, True]
    ):
        driver, sense = (
            ends
            if ends is not None
            else (rng.choice([0, 3.0, 1e3], shape[0]), rng.choice([0, 3.0, 1e3], shape[1]))
        )
        wires = Wires(
            word_line_ohm=word,
            bit_line_ohm=bit,
            driver_ohm=driver,
            sense_ohm=sense,
            double_sided=double_sided,
        )
        ground = 1e-3 * (checked % 2)
        checked += assert_same(
            operator_for(rng, shape, wires, floating=floating, ground=ground),
            sources_for(rng, shape, injected),
        )
    assert checked > 50


def test_a_warm_start_of_the_solution_needs_no_iteration() -> None:
    rng = np.random.default_rng(0)
    operator = operator_for(rng, (40, 30), Wires())
    sources = sources_for(rng, (40, 30), injected=False)
    prepared = LinePrepared(operator)
    first = prepared.solve(sources)
    again = prepared.solve(sources, first)
    assert first.iterations > 0
    assert again.iterations == 0
    np.testing.assert_allclose(again.column_amps, first.column_amps, rtol=1e-9)


def test_reuse_gives_the_same_answer_as_a_fresh_set_up() -> None:
    rng = np.random.default_rng(0)
    wires = Wires(driver_ohm=10.0)
    first = operator_for(rng, (20, 12), wires)
    other = Operator(
        wires=wires,
        cell_siemens=2 * first.cell_siemens,
        floating_rows=first.floating_rows,
        floating_columns=first.floating_columns,
    )
    sources = sources_for(rng, (20, 12), injected=True)
    kept = prepare(first)
    kept.solve(sources)
    reused = prepare(other, kept)
    assert isinstance(kept, Checked)
    assert isinstance(reused, Checked)
    assert reused.lines.memory is kept.lines.memory
    np.testing.assert_array_equal(
        reused.solve(sources).column_amps, prepare(other).solve(sources).column_amps
    )


def test_prediction_of_iterations_holds_within_a_factor_of_two() -> None:
    rng = np.random.default_rng(3)
    for size, word, low, high in (
        (64, 1.0, 1e4, 1e6),
        (64, 10.0, 1e3, 1e5),
        (128, 10.0, 1e3, 1e5),
        (32, 100.0, 1e2, 1e3),
    ):
        cells = 1 / np.exp(rng.uniform(np.log(low), np.log(high), (size, size)))
        free = np.zeros(size, bool)
        operator = Operator(
            wires=Wires(word_line_ohm=word, bit_line_ohm=word),
            cell_siemens=cells,
            floating_rows=free,
            floating_columns=free,
        )
        took = (
            LinePrepared(operator)
            .solve(
                Sources(row_volts=rng.uniform(0, 1, (1, size)), column_volts=np.zeros((1, size)))
            )
            .iterations
        )
        assert (
            0.4 * predicted_iterations(operator) - 2 <= took <= 2 * predicted_iterations(operator)
        )


def test_stalled_iterations_are_an_error() -> None:
    rng = np.random.default_rng(0)
    operator = operator_for(rng, (8, 8), Wires())
    broken = np.full((8, 8), np.nan)
    bad = Operator(
        wires=operator.wires,
        cell_siemens=broken,
        floating_rows=operator.floating_rows,
        floating_columns=operator.floating_columns,
    )
    with pytest.raises(ConvergenceError, match="left nan A over"):
        LinePrepared(bad).solve(sources_for(rng, (8, 8), injected=False))


def test_read_keeps_its_set_up_on_the_array() -> None:
    rng = np.random.default_rng(0)
    array = Crossbar(conductance=10 ** rng.uniform(-6, -4, (10, 6)), wires=Wires())
    engine = NodalEngine()
    first = engine.read(array, rng.uniform(0, 1, 10), floating_rows=np.arange(10) == 3)
    kept = array.cache["nodal.prepared"]
    engine.read(array, rng.uniform(0, 1, (3, 10)), floating_rows=np.arange(10) == 3)
    assert array.cache["nodal.prepared"] is kept
    assert first.stats["error_bound_amps"] <= 1e-10 * np.abs(first.column_amps).sum()
