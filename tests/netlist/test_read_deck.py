import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import spicesnn as sn
from spicesnn.crossbar.stimulus import Levels
from spicesnn.engines.ngspice.circuit import alterable_of
from spicesnn.engines.nodal.direct import Graph
from spicesnn.engines.nodal.network import Operator
from spicesnn.errors import SingularCircuitError
from spicesnn.netlist.batch import run_batch
from spicesnn.netlist.geometry import lay_out
from spicesnn.netlist.read_deck import read_deck


def solve(array, volts, **extra):
    """Column amps, row amps and node volts of a read deck, by a bare ngspice -b."""
    levels = Levels.checked(array, volts, **extra)
    deck = read_deck(array, levels)
    run = run_batch(deck.text)

    def current(lines):
        zero = np.zeros(levels.batch)
        return np.array([run[f"i({s})"] if s else zero for s in lines.sources]).T

    def nodes(names):
        return np.moveaxis(np.array([[run[f"v({n})"] for n in row] for row in names]), 2, 0)

    return (
        current(deck.columns),
        -current(deck.rows),
        nodes(deck.word_vectors),
        nodes(deck.bit_vectors),
    )


WIRES = {
    "default": sn.Wires(),
    "ideal": sn.Wires.ideal(),
    "word only": sn.Wires(word_line_ohm=2.0, bit_line_ohm=0.0),
    "bit only": sn.Wires(word_line_ohm=0.0, bit_line_ohm=2.0, driver_ohm=7.0),
    "ends": sn.Wires(driver_ohm=np.array([0.0, 5.0, 3.0]), sense_ohm=np.array([1.0, 0.0])),
    "double": sn.Wires(double_sided=True, driver_ohm=3.0, sense_ohm=4.0),
    "double, ideal ends": sn.Wires(word_line_ohm=0.0, bit_line_ohm=1.0, double_sided=True),
}


@pytest.mark.parametrize("wires", WIRES.values(), ids=WIRES.keys())
@pytest.mark.parametrize("batch", [1, 4])
def test_every_geometry_is_the_nodal_engines(wires, batch):
    rng = np.random.default_rng(3)
    conductance = 10 ** rng.uniform(-6, -3, (3, 2))
    conductance[2, 1] = 0.0
    array = sn.Crossbar(conductance=conductance, wires=wires)
    volts = rng.normal(size=(batch, 3))
    columns, rows, word, bit = solve(array, volts, column_volts=np.array([0.1, -0.2]))
    want = sn.NodalEngine().read(array, volts, column_volts=np.array([0.1, -0.2]))
    scale = np.abs(want.row_amps).max()
    np.testing.assert_allclose(columns, want.column_amps, rtol=1e-10, atol=1e-12 * scale)
    np.testing.assert_allclose(rows, want.row_amps, rtol=1e-10, atol=1e-12 * scale)
    np.testing.assert_allclose(word, want.word_line_volts, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(bit, want.bit_line_volts, rtol=1e-11, atol=1e-13)


def test_wires_are_the_edges_of_the_nodal_graph():
    wires = sn.Wires(
        word_line_ohm=1.5,
        bit_line_ohm=2.5,
        driver_ohm=4.0,
        sense_ohm=np.array([1.0, 2.0, 3.0]),
        double_sided=True,
    )
    floating_rows, floating_columns = np.array([False, True]), np.array([True, False, False])
    laid = lay_out(wires, (2, 3), floating_rows, floating_columns, np.ones((2, 3), dtype=bool))
    operator = Operator(
        wires=wires,
        cell_siemens=np.ones((2, 3)),
        floating_rows=floating_rows,
        floating_columns=floating_columns,
    )
    graph = Graph.wires_of(operator)
    names = (
        [f"w{i}_{j}" for i in range(2) for j in range(3)]
        + [f"b{i}_{j}" for i in range(2) for j in range(3)]
        + ["r0", "r1", "c0", "c1", "c2"]
    )
    expected = sorted(
        (*sorted((names[a], names[b])), ohm)
        for a, b, ohm in zip(graph.tail, graph.head, graph.ohm, strict=True)
    )
    got = sorted((*sorted(card.split()[1:3]), float(card.split()[3])) for card in laid.cards)
    assert got == expected


def test_one_cell_is_a_divider():
    wires = sn.Wires(word_line_ohm=10.0, bit_line_ohm=20.0, driver_ohm=30.0, sense_ohm=40.0)
    columns, rows, word, bit = solve(sn.Crossbar(conductance=[[1e-3]], wires=wires), [1.1])
    assert columns[0, 0] == pytest.approx(1e-3, rel=1e-13)
    assert rows[0, 0] == pytest.approx(1e-3, rel=1e-13)
    assert word[0, 0, 0] == pytest.approx(1.06, rel=1e-13)
    assert bit[0, 0, 0] == pytest.approx(0.06, rel=1e-13)


def test_floating_lines_have_no_source_and_take_their_voltage_from_the_cells():
    array = sn.Crossbar(conductance=[[1e-3, 1e-3], [1e-3, 1e-3]], wires=sn.Wires.ideal())
    levels = Levels.checked(array, [1.0, 9.0], floating_rows=np.array([False, True]))
    deck = read_deck(array, levels)
    assert list(deck.rows.sources) == ["vr0", ""]
    assert "r1 " not in deck.text.split(".save")[0].replace("rm1", "")
    columns, rows, word, _ = solve(
        array, [1.0, 9.0], floating_rows=np.array([False, True]), column_volts=np.array([0.0, 0.5])
    )
    assert word[0, 1, 0] == pytest.approx(0.25, rel=1e-12)
    assert columns[0] == pytest.approx([1.25e-3, 0.25e-3], rel=1e-12)
    assert rows[0] == pytest.approx([1.5e-3, 0.0], rel=1e-12)


def test_a_line_without_a_path_is_an_error_and_not_a_number():
    array = sn.Crossbar(conductance=[[1e-3, 0.0], [1e-3, 0.0]], wires=sn.Wires())
    with pytest.raises(SingularCircuitError, match=r"bit-line node at cell \(0, 1\) floats"):
        read_deck(
            array, Levels.checked(array, [1.0, 1.0], floating_columns=np.array([False, True]))
        )


def test_a_batch_with_other_volts_is_another_deck_and_single_reads_share_one():
    array = sn.Crossbar(conductance=np.full((2, 2), 1e-4), wires=sn.Wires())
    single = [
        read_deck(array.with_conductance(np.full((2, 2), g)), Levels.checked(array, v))
        for g, v in ((1e-4, [1, 2]), (2e-4, [3, 4]))
    ]
    batched = [
        read_deck(array, Levels.checked(array, np.full((2, 2), [[v, 1.0]]) * [[1], [2]]))
        for v in (1.0, 2.0)
    ]
    assert single[0].topology == single[1].topology
    assert batched[0].topology != batched[1].topology
    assert (
        single[0].topology
        != read_deck(
            array.with_wires(sn.Wires(word_line_ohm=2.0)), Levels.checked(array, [1, 2])
        ).topology
    )
    groups = alterable_of(single[0])
    assert groups["columns"].commands(np.array([3.0, 4.0]), None) == [
        "alter vc0 dc = 3",
        "alter vc1 dc = 4",
    ]
    assert groups["cells"].commands(np.full(4, 5e3), np.array([1e4, 5e3, 5e3, 1e4])) == [
        "alter rm0_0 = 5000",
        "alter rm1_1 = 5000",
    ]


def test_the_deck_tells_its_reader_geometry_and_units():
    array = sn.Crossbar(conductance=np.full((2, 3), 1e-4), wires=sn.Wires(word_line_ohm=1.25))
    text = read_deck(array, Levels.checked(array, [1.0, 0.5])).text
    assert "2 word lines x 3 bit lines" in text
    assert "1.25 ohm a word-line segment" in text
    assert "ohm, S, F, s" in text
    assert max(map(len, text.splitlines())) <= 150


@settings(max_examples=8, deadline=None)
@given(
    rows=st.integers(1, 4), cols=st.integers(1, 4), seed=st.integers(0, 2**31), zero=st.booleans()
)
def test_currents_balance_whatever_the_array(rows, cols, seed, zero):
    rng = np.random.default_rng(seed)
    array = sn.Crossbar(
        conductance=10 ** rng.uniform(-8, -2, (rows, cols)),
        wires=sn.Wires(word_line_ohm=0.0 if zero else rng.uniform(0, 10)),
    )
    volts = rng.normal(size=(2, rows))
    columns, rows_amps, _, _ = solve(array, volts)
    # A node's voltage is rounded to 2⁻⁵³ of itself, and a wire of few ohms makes a current of that:
    # it counts where cells hardly conduct.
    rounding = (
        0.0
        if zero
        else rows * cols * np.finfo(float).eps * np.abs(volts).max() / array.wires.word_line_ohm
    )
    assert columns.sum(axis=1) == pytest.approx(
        rows_amps.sum(axis=1), rel=1e-9, abs=1e-12 * np.abs(rows_amps).max() + rounding
    )
