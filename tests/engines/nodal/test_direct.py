"""The direct method is the yardstick of the fast solvers, so it is checked against circuits solved
by hand."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.engines.nodal.direct import DirectPrepared
from spicesnn.engines.nodal.network import Operator, Sources
from spicesnn.errors import SingularCircuitError


def solve(conductance, wires, rows, columns=None, **extra):
    conductance = np.asarray(conductance, dtype=float)
    floating = {
        "floating_rows": np.zeros(conductance.shape[0], bool),
        "floating_columns": np.zeros(conductance.shape[1], bool),
    }
    injected = {key: extra.pop(key) for key in ("word_amps", "bit_amps") if key in extra}
    operator = Operator(wires=wires, cell_siemens=conductance, **(floating | extra))
    rows = np.atleast_2d(rows).astype(float)
    columns = (
        np.zeros((rows.shape[0], conductance.shape[1]))
        if columns is None
        else np.atleast_2d(columns)
    )
    return DirectPrepared(operator).solve(Sources(row_volts=rows, column_volts=columns, **injected))


def test_one_cell_is_a_divider():
    wires = sn.Wires(word_line_ohm=1.0, bit_line_ohm=2.0, driver_ohm=3.0, sense_ohm=4.0)
    solution = solve([[1e-3]], wires, [1.0])
    assert solution.column_amps[0, 0] == pytest.approx(1 / 1010, rel=1e-14)
    assert solution.word_volts[0, 0, 0] == pytest.approx(1 - 4 / 1010, rel=1e-14)
    assert solution.bit_volts[0, 0, 0] == pytest.approx(6 / 1010, rel=1e-13)


def test_one_row_is_a_ladder():
    """A word line of n cells without bit-line resistance, by the continued fraction of the
    ladder."""
    ohm, cells = 10.0, np.array([1e-3, 2e-3, 5e-4, 1e-3])
    looking_in = 0.0
    for g in cells[::-1]:
        looking_in = 1 / (ohm + 1 / (g + looking_in))
    solution = solve(cells[None, :], sn.Wires(word_line_ohm=ohm, bit_line_ohm=0.0), [2.0])
    assert solution.row_amps[0, 0] == pytest.approx(2 * looking_in, rel=1e-13)
    assert solution.column_amps.sum() == pytest.approx(2 * looking_in, rel=1e-13)


def test_double_sided_drive_halves_the_way():
    solution = solve(
        [[1e-3]], sn.Wires(word_line_ohm=4.0, bit_line_ohm=2.0, double_sided=True), [1.0]
    )
    assert solution.column_amps[0, 0] == pytest.approx(1 / (2 + 1000 + 1), rel=1e-14)


def test_ideal_wires_give_the_matrix_product():
    conductance = 10 ** np.random.default_rng(0).uniform(-6, -3, (5, 4))
    volts = np.random.default_rng(1).uniform(-1, 1, (3, 5))
    solution = solve(conductance, sn.Wires.ideal(), volts)
    np.testing.assert_allclose(solution.column_amps, volts @ conductance, rtol=1e-12, atol=1e-18)


def test_a_floating_row_settles_at_the_mean_its_cells_pull_it_to():
    solution = solve(
        [[1e-3, 1e-3], [1e-3, 3e-3]],
        sn.Wires.ideal(),
        [1.0, 9.0],
        columns=[0.2, 0.6],
        floating_rows=np.array([False, True]),
    )
    np.testing.assert_allclose(solution.word_volts[0, 1], (0.2 + 3 * 0.6) / 4, rtol=1e-14)
    assert solution.row_amps[0, 1] == 0


def test_injected_currents_and_ground_conductances():
    """A node held by nothing but its ground conductance takes the voltage I/g."""
    solution = solve(
        [[0.0]],
        sn.Wires(),
        [0.0],
        word_siemens=2e-3,
        bit_siemens=1.0,
        word_amps=np.array([[[4e-3]]]),
        floating_rows=np.array([True]),
        floating_columns=np.array([True]),
    )
    assert solution.word_volts[0, 0, 0] == pytest.approx(2.0, rel=1e-14)


def test_a_node_without_a_path_is_an_error_that_names_it():
    with pytest.raises(SingularCircuitError, match=r"word-line node at cell \(1, 0\) floats"):
        solve(
            [[1e-3, 1e-3], [0.0, 0.0]],
            sn.Wires(),
            [1.0, 0.0],
            floating_rows=np.array([False, True]),
        )
