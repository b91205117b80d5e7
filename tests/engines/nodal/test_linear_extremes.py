"""Extreme arrays against star-mesh elimination in long double, which subtracts nothing and so has
no cancellation to speak of."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from spicesnn import Crossbar, NodalEngine, Wires
from spicesnn.engines.nodal import linear
from spicesnn.engines.nodal.direct import Graph
from spicesnn.engines.nodal.line_solver import LinePrepared
from spicesnn.engines.nodal.linear import prepare
from spicesnn.engines.nodal.network import Operator, Sources
from spicesnn.errors import ConvergenceError, SingularCircuitError


def star_mesh(
    operator: Operator, row_volts: np.ndarray, column_volts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return row and column currents. Eliminating node k joins its neighbours: g_ij +=
    g_ki·g_kj/Σg_k, until only terminals are left."""
    rows, cols = operator.shape
    cells = rows * cols
    graph = Graph.wires_of(operator)
    short = graph.ohm == 0
    joined = coo_matrix(
        (np.ones(short.sum()), (graph.tail[short], graph.head[short])),
        shape=(graph.nodes, graph.nodes),
    )
    count, merged = connected_components(joined, directed=False)
    mesh = np.zeros((count, count), dtype=np.longdouble)
    tail = merged[np.concatenate([graph.tail[~short], np.arange(cells)])]
    head = merged[np.concatenate([graph.head[~short], cells + np.arange(cells)])]
    siemens = np.concatenate(
        [
            1 / graph.ohm[~short].astype(np.longdouble),
            operator.cell_siemens.ravel().astype(np.longdouble),
        ]
    )
    apart = tail != head
    np.add.at(mesh, (tail[apart], head[apart]), siemens[apart])
    np.add.at(mesh, (head[apart], tail[apart]), siemens[apart])
    terminal = merged[2 * cells :]
    keep = np.ones(count, dtype=bool)
    for node in np.setdiff1d(np.arange(count), terminal):
        keep[node] = False
        near = np.flatnonzero(np.where(keep, mesh[node], 0))
        seen = mesh[node, near]
        mesh[np.ix_(near, near)] += np.outer(seen, seen / seen.sum()) if near.size else 0
        mesh[near, near] = 0
    volts = np.zeros(count, dtype=np.longdouble)
    volts[terminal] = np.concatenate([row_volts, column_volts])
    amps = np.array(
        [(mesh[t] * np.where(keep, volts[t] - volts, 0)).sum() for t in terminal], dtype=float
    )
    return amps[:rows], -amps[rows:]


SPREADS = {
    "six decades": (-8, -2),
    "twelve": (-12, 0),
    "twelve with shorts": (-9, 3),
    "eighteen": (-12, 6),
}
LINES = {
    "1 ohm": Wires(),
    "merged word lines": Wires(word_line_ohm=0.0),
    "merged bit lines": Wires(bit_line_ohm=0.0, sense_ohm=10.0),
    "all merged": Wires(word_line_ohm=0.0, bit_line_ohm=0.0, sense_ohm=10.0, driver_ohm=1.0),
    "double": Wires(double_sided=True, driver_ohm=30.0),
}


def operator_of(cells: np.ndarray, wires: Wires, floating: str = "") -> Operator:
    rows, cols = np.zeros(cells.shape[0], bool), np.zeros(cells.shape[1], bool)
    if "rows" in floating:
        rows[1:] = True
    if "columns" in floating:
        cols[1:] = True
    return Operator(wires=wires, cell_siemens=cells, floating_rows=rows, floating_columns=cols)


def assert_true(
    operator: Operator, row_volts: np.ndarray, column_volts: np.ndarray, tolerance: float = 1e-9
) -> None:
    """Assert that all currents are right to `tolerance` of the largest, and that the certificate
    bounds their errors."""
    true_rows, true_columns = star_mesh(operator, row_volts, column_volts)
    solution = LinePrepared(operator).solve(
        Sources(row_volts=row_volts[None], column_volts=column_volts[None])
    )
    assert solution.bound_amps is not None
    errors = np.concatenate(
        [solution.row_amps[0] - true_rows, solution.column_amps[0] - true_columns]
    )
    largest = max(np.abs(true_rows).max(), np.abs(true_columns).max())
    assert np.abs(errors).max() <= tolerance * largest
    assert np.abs(errors).max() <= solution.bound_amps[0] + 1e-15 * largest
    assert solution.bound_amps[0] <= 2 * operator.cell_siemens.size * solution.residual_amps[0]


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("lines", LINES)
def test_conductances_over_many_decades(spread: str, lines: str) -> None:
    rng = np.random.default_rng(11)
    cells = 10 ** rng.uniform(*SPREADS[spread], (9, 7))
    cells[rng.random((9, 7)) < 0.1] = 0.0
    assert_true(operator_of(cells, LINES[lines]), rng.uniform(0, 1, 9), rng.uniform(0, 0.3, 7))


@pytest.mark.parametrize("xi", [1e2, 1e4, 1e6])
@pytest.mark.parametrize("shape", [(8, 8), (3, 14), (12, 2)])
def test_lines_that_are_far_more_resistive_than_the_cells(
    xi: float, shape: tuple[int, int]
) -> None:
    rng = np.random.default_rng(12)
    cells = 10 ** rng.uniform(-5, -4, shape)
    ohm = xi / (max(shape) ** 2 * cells.mean())
    assert_true(
        operator_of(cells, Wires(word_line_ohm=ohm, bit_line_ohm=ohm)),
        rng.uniform(0, 1, shape[0]),
        np.zeros(shape[1]),
    )


@pytest.mark.parametrize("floating", ["rows", "columns", "rows and columns"])
@pytest.mark.parametrize("lines", LINES)
def test_half_select_with_floating_lines(floating: str, lines: str) -> None:
    rng = np.random.default_rng(13)
    cells = 10 ** rng.uniform(-9, -3, (8, 9))
    volts = np.full(8, 0.5)
    volts[0] = 1.0
    assert_true(operator_of(cells, LINES[lines], floating), volts, np.zeros(9))


def test_shorted_and_open_cells() -> None:
    rng = np.random.default_rng(14)
    cells = 10 ** rng.uniform(-6, -4, (9, 9))
    cells[rng.random((9, 9)) < 0.1] = 1e6
    cells[rng.random((9, 9)) < 0.1] = 0.0
    cells[3] = 0.0
    cells[:, 5] = 0.0
    assert_true(operator_of(cells, Wires()), rng.uniform(0, 1, 9), np.zeros(9), tolerance=5e-9)


def test_along_a_single_line_every_current_keeps_its_own_accuracy() -> None:
    cells, wires = np.full((1, 60), 1e-4), Wires(word_line_ohm=1e4, bit_line_ohm=1e4)
    rows, columns = star_mesh(operator_of(cells, wires), np.ones(1), np.zeros(60))
    read = NodalEngine().read(Crossbar(conductance=cells, wires=wires), np.ones(1))
    np.testing.assert_allclose(read.column_amps, columns, rtol=1e-9)
    np.testing.assert_allclose(read.row_amps, rows, rtol=1e-9)
    assert columns.min() < 1e-15 * rows[0]


def test_a_single_bit_line() -> None:
    rng = np.random.default_rng(15)
    cells, wires = 10 ** rng.uniform(-6, -3, (60, 1)), Wires(word_line_ohm=1e3, bit_line_ohm=1e3)
    volts = rng.uniform(0, 1, 60)
    rows, columns = star_mesh(operator_of(cells, wires), volts, np.zeros(1))
    read = NodalEngine().read(Crossbar(conductance=cells, wires=wires), volts)
    np.testing.assert_allclose(read.column_amps, columns, rtol=1e-9)
    np.testing.assert_allclose(read.row_amps, rows, rtol=1e-9)


def test_cells_whose_two_ends_double_precision_cannot_tell_apart() -> None:
    cells = np.full((9, 9), 1e-5)
    cells[2, 3] = cells[5, 6] = 1e12
    volts = np.linspace(0, 1, 9)
    with pytest.raises(ConvergenceError, match=r"a cell has 1e\+12 S where a wire segment has 1 S"):
        LinePrepared(operator_of(cells, Wires())).solve(
            Sources(row_volts=volts[None], column_volts=np.zeros((1, 9)))
        )
    rows, columns = star_mesh(operator_of(cells, Wires()), volts, np.zeros(9))
    read = NodalEngine().read(Crossbar(conductance=cells, wires=Wires()), volts)
    np.testing.assert_allclose(read.row_amps, rows, rtol=0, atol=1e-13 * np.abs(rows).max())
    np.testing.assert_allclose(read.column_amps, columns, rtol=0, atol=1e-13 * np.abs(rows).max())
    still = NodalEngine().read(
        Crossbar(conductance=np.full((9, 9), 1e3), wires=Wires()), np.full(9, 0.7), column_volts=0.7
    )
    assert np.abs(still.column_amps).max() < 1e-12


def test_where_no_method_is_left_it_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "MOST_SECONDS", 0.0)
    cells = np.full((9, 9), 1e-5)
    cells[2, 3] = 1e12
    with pytest.raises(ConvergenceError, match=r"a cell has 1e\+12 S where a wire segment has 1 S"):
        NodalEngine().read(Crossbar(conductance=cells, wires=Wires()), np.linspace(0, 1, 9))


def ends(rng: np.random.Generator, lines: int) -> float | np.ndarray:
    """Return terminal resistances: none, one for all, or one per line with zeros among them."""
    kinds: tuple[float | np.ndarray, ...] = (
        0.0,
        50.0,
        rng.choice([0.0, 3.0, 1e3, 1e6], lines),
        10 ** rng.uniform(-3, 6, lines),
    )
    return kinds[rng.integers(4)]


def extreme_array(rng: np.random.Generator) -> Crossbar:
    """Return a small array of anything that `Wires` allows, with conductances over up to eighteen
    decades, opens and shorts."""
    shape = [(1, 1), (1, 7), (7, 1), (2, 9), (9, 2), (6, 5), (8, 8)][rng.integers(7)]
    word, bit = rng.choice([0.0, 1e-3, 1.0, 1e3, 1e5], 2)
    cells = 10 ** rng.uniform(
        *[(-6, -4), (-12, 0), (-9, 3), (-12, 6), (-3, -1)][rng.integers(5)], shape
    )
    if rng.integers(2):
        cells[rng.random(shape) < 0.2] = 0.0
    if rng.integers(3) == 0:
        cells[rng.random(shape) < 0.1] = 10.0 ** rng.integers(0, 9)
    wires = Wires(
        word_line_ohm=word,
        bit_line_ohm=bit,
        driver_ohm=ends(rng, shape[0]),
        sense_ohm=ends(rng, shape[1]),
        double_sided=bool(rng.integers(2)),
    )
    return Crossbar(conductance=cells, wires=wires)


def scheme(rng: np.random.Generator, name: str, rows: int, cols: int) -> dict[str, np.ndarray]:
    """Return what `read` takes for one way of selecting cells."""
    volts, columns = rng.uniform(-1, 1, rows), np.zeros(cols)
    floating = {
        "floating_rows": np.zeros(rows, dtype=bool),
        "floating_columns": np.zeros(cols, dtype=bool),
    }
    if name in ("V/2", "V/3"):
        low, high = (0.5, 0.5) if name == "V/2" else (1 / 3, 2 / 3)
        volts, columns = np.full(rows, low), np.full(cols, high)
        volts[0], columns[0] = 1.0, 0.0
    elif name == "columns held":
        columns = rng.uniform(-1, 1, cols)
    elif name == "floating":
        floating["floating_rows"][1:], floating["floating_columns"][1:] = (
            rng.random(rows - 1) < 0.7,
            rng.random(cols - 1) < 0.7,
        )
    return {"row_volts": volts, "column_volts": columns, **floating}


@pytest.mark.parametrize("select", ["all", "V/2", "V/3", "columns held", "floating"])
def test_every_extreme_is_right_to_a_billionth_of_the_largest_current(select: str) -> None:
    rng = np.random.default_rng([16, len(select)])
    checked = 0
    for _ in range(70):
        array = extreme_array(rng)
        given = scheme(rng, select, *array.shape)
        rows, cols = given["floating_rows"], given["floating_columns"]
        try:
            read = NodalEngine().read(array, **given)
        except SingularCircuitError:
            continue
        operator = Operator(
            wires=array.wires,
            cell_siemens=array.cell_conductance(),
            floating_rows=rows,
            floating_columns=cols,
        )
        true_rows, true_columns = star_mesh(
            operator,
            np.where(rows, 0, given["row_volts"]),
            np.where(cols, 0, given["column_volts"]),
        )
        errors = np.concatenate(
            [
                np.where(rows, 0, read.row_amps - true_rows),
                np.where(cols, 0, read.column_amps - true_columns),
            ]
        )
        largest = max(np.abs(true_rows).max(), np.abs(true_columns).max())
        assert np.abs(errors).max() <= 1e-9 * largest
        assert np.abs(errors).max() <= float(read.stats["error_bound_amps"]) + 1e-15 * largest  # type: ignore[arg-type]
        assert np.all(read.row_amps[rows] == 0)
        assert np.all(read.column_amps[cols] == 0)
        checked += 1
    assert checked > 55


def test_a_floating_line_without_cells_has_no_voltage() -> None:
    cells = np.full((4, 5), 1e-5)
    cells[2] = 0.0
    operator = operator_of(cells, Wires(), "rows")
    with pytest.raises(SingularCircuitError, match=r"word-line node at cell \(2, 0\) floats"):
        prepare(operator)
    with pytest.raises(SingularCircuitError, match=r"word-line node at cell \(2, 0\) floats"):
        NodalEngine().read(
            Crossbar(conductance=cells, wires=Wires()),
            np.ones(4),
            floating_rows=operator.floating_rows,
        )
