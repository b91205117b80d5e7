import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.tiles import Tiling
from spicesnn.errors import InputError
from spicesnn.validation.layers import largest_difference, solve_layer

CELLS = np.random.default_rng(0).random((11, 7)) * 1e-4
VOLTS = np.random.default_rng(1).random((5, 11))


def test_both_engines_solve_a_layer_alike():
    tiling = Tiling(rows=6, cols=4)
    nodal = solve_layer(sn.NodalEngine(), CELLS, sn.Wires(), VOLTS, tiling)
    with sn.NgspiceEngine() as engine:
        spice = solve_layer(engine, CELLS, sn.Wires(), VOLTS, tiling)
    assert largest_difference(nodal.column_amps, spice.column_amps) < 1e-9
    assert largest_difference(nodal.siemens, spice.siemens) < 1e-9
    np.testing.assert_allclose(VOLTS @ spice.siemens, spice.column_amps, rtol=1e-9)
    assert largest_difference(VOLTS @ CELLS, spice.column_amps) > 1e-4  # the wires are there


def test_without_wires_a_layer_is_its_matrix():
    seen = []
    tiling = Tiling(rows=4, cols=0)
    solved = solve_layer(
        sn.NodalEngine(),
        CELLS,
        sn.Wires.ideal(),
        VOLTS,
        tiling,
        progress=lambda *done: seen.append(done),
    )
    np.testing.assert_allclose(solved.column_amps, VOLTS @ CELLS, rtol=1e-12)
    np.testing.assert_allclose(solved.siemens, CELLS, rtol=1e-12)
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_voltages_must_fit():
    with pytest.raises(InputError, match=r"\(5, 11\); expected"):
        solve_layer(sn.NodalEngine(), CELLS[:5], sn.Wires(), VOLTS, Tiling())
