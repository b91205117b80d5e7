"""Star-mesh elimination against sparse LU where that is accurate: voltages, injected currents,
ground conductances, batches."""

from __future__ import annotations

import numpy as np
import pytest

from spicesnn import Crossbar, NodalEngine, Wires
from spicesnn.engines.nodal import linear
from spicesnn.engines.nodal.direct import DirectPrepared
from spicesnn.engines.nodal.elimination import MOST_BYTES, Eliminated, elimination_seconds
from spicesnn.engines.nodal.network import Operator, Sources

WIRES = {
    "plain": Wires(),
    "merged word lines": Wires(word_line_ohm=0.0, driver_ohm=7.0),
    "held word lines": Wires(word_line_ohm=0.0),
    "merged bit lines": Wires(bit_line_ohm=0.0, sense_ohm=7.0),
    "held bit lines": Wires(bit_line_ohm=0.0),
    "ideal": Wires.ideal(),
    "double": Wires(word_line_ohm=3.0, driver_ohm=20.0, double_sided=True),
    "double, merged": Wires(bit_line_ohm=0.0, sense_ohm=9.0, double_sided=True),
    "some held": Wires(
        word_line_ohm=0.0,
        bit_line_ohm=0.0,
        driver_ohm=np.array([0.0, 5.0] * 3),
        sense_ohm=np.array([0.0, 0.0, 5.0, 5.0, 0.0, 1.0]),
    ),
}


@pytest.mark.parametrize("wires", WIRES)
@pytest.mark.parametrize("shape", [(6, 6), (6, 3), (4, 6), (1, 6), (6, 1)])
@pytest.mark.parametrize("ground", [0.0, 1e-4])
def test_agrees_with_sparse_lu(wires: str, shape: tuple[int, int], ground: float) -> None:
    rng = np.random.default_rng(1)
    rows, cols = shape
    given = WIRES[wires]
    if wires == "some held":
        given = Wires(
            word_line_ohm=0.0,
            bit_line_ohm=0.0,
            driver_ohm=given.driver_ohm[:rows],
            sense_ohm=given.sense_ohm[:cols],
        )  # type: ignore[index]
    floating = np.arange(rows) == 1, np.arange(cols) == 2
    operator = Operator(
        wires=given,
        cell_siemens=10 ** rng.uniform(-5, -3, shape),
        floating_rows=floating[0],
        floating_columns=floating[1],
        word_siemens=ground,
        bit_siemens=2 * ground,
    )
    amps = 1e-4 * rng.normal(size=(2, 3, *shape))
    sources = Sources(
        row_volts=rng.normal(size=(3, rows)),
        column_volts=rng.normal(size=(3, cols)),
        word_amps=amps[0],
        bit_amps=amps[1],
    )
    want, got = DirectPrepared(operator).solve(sources), Eliminated(operator).solve(sources)
    for name in ("word_volts", "bit_volts", "row_amps", "column_amps"):
        a, b = getattr(want, name), getattr(got, name)
        np.testing.assert_allclose(b, a, rtol=0, atol=1e-9 * np.abs(a).max())
    assert got.residual_amps.max() <= 1e-14  # rounding of volts at wires of 1 S


def test_more_terminals_than_lanes() -> None:
    rng = np.random.default_rng(2)
    array = Crossbar(
        conductance=10 ** rng.uniform(-6, -4, (40, 30)), wires=Wires(word_line_ohm=5.0)
    )
    volts = rng.uniform(-1, 1, (2, 40))
    none = np.zeros(40, dtype=bool), np.zeros(30, dtype=bool)
    operator = Operator(
        wires=array.wires,
        cell_siemens=array.cell_conductance(),
        floating_rows=none[0],
        floating_columns=none[1],
    )
    got = Eliminated(operator).solve(Sources(row_volts=volts, column_volts=np.zeros((2, 30))))
    want = NodalEngine().read(array, volts)
    np.testing.assert_allclose(got.column_amps, want.column_amps, rtol=1e-9)
    np.testing.assert_allclose(got.word_volts, want.word_line_volts, rtol=1e-9)
    assert np.all(got.bound_amps <= 1e-10 * np.abs(want.column_amps).max())  # type: ignore[operator]


def test_single_lines_go_through_it_up_to_some_length(monkeypatch: pytest.MonkeyPatch) -> None:
    array = Crossbar(conductance=np.full((1, 30), 1e-4), wires=Wires())
    read = NodalEngine().read(array, [1.0])
    monkeypatch.setattr(linear, "MOST_TERMINALS", 10)
    other = NodalEngine().read(Crossbar(conductance=np.full((1, 30), 1e-4), wires=Wires()), [1.0])
    assert "error_bound_amps" in read.stats
    assert "error_bound_amps" not in other.stats
    np.testing.assert_allclose(read.column_amps, other.column_amps, rtol=1e-10)


def test_its_time_is_predicted_from_the_shape_and_its_memory_is_limited() -> None:
    assert elimination_seconds(64, 32) == elimination_seconds(32, 64) < elimination_seconds(64, 64)
    assert elimination_seconds(2000, 2000) == float("inf")
    assert MOST_BYTES < 16 * 2000**3
