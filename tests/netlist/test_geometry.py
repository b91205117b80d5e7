"""The wires of a deck line by line, and the order in which cells are written into it."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.netlist.geometry import dissected, lay_out, line_capacitors


def parted(place):
    """Return whether the cells that come last are a line through the block, with the rest parted
    likewise on either side."""
    rows, cols = place.shape
    if max(rows, cols) <= 2 or min(rows, cols) == 0:
        return True
    axis = 0 if rows >= cols else 1
    middle = place.shape[axis] // 2
    before, line, after = np.split(place, [middle, middle + 1], axis=axis)
    return (
        line.min() > max(before.max(initial=-1), after.max(initial=-1))
        and parted(before)
        and parted(after)
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (5, 5), (16, 16), (7, 20), (33, 12)])
def test_every_cell_has_a_place_of_its_own_and_lines_come_after_the_halves_they_part(shape):
    place = dissected(*shape)
    np.testing.assert_array_equal(np.sort(place, axis=None), np.arange(place.size))
    assert parted(place)


def laid_out(wires, rows=2, cols=3):
    live = np.ones((rows, cols), dtype=bool)
    return lay_out(wires, (rows, cols), ~live[:, 0], ~live[0], live)


def test_every_line_has_its_own_segments_ends_and_capacitances():
    """Word lines of 3 and 5 Ω behind drivers of 10 and 20 Ω at the right, bit lines of 1, 2 and 4 Ω
    before sense nodes of 100, 200 and 300 Ω at the top."""
    wires = sn.Wires(
        np.array([3.0, 5.0]),
        np.array([1.0, 2.0, 4.0]),
        driver_ohm=np.array([10.0, 20.0]),
        sense_ohm=np.array([100.0, 200.0, 300.0]),
        drive_side="right",
        sense_side="top",
        word_line_farad=1e-15,
        bit_line_farad=2e-15,
    )
    geometry = laid_out(wires)
    edges = {
        frozenset(nodes): float(ohm) for _, *nodes, ohm in (card.split() for card in geometry.cards)
    }
    assert edges == {
        frozenset(nodes.split()): ohm
        for nodes, ohm in {
            "w0_0 w0_1": 3.0,
            "w0_1 w0_2": 3.0,
            "w0_2 r0": 13.0,
            "w1_0 w1_1": 5.0,
            "w1_1 w1_2": 5.0,
            "w1_2 r1": 25.0,
            "b0_0 b1_0": 1.0,
            "b0_1 b1_1": 2.0,
            "b0_2 b1_2": 4.0,
            "b0_0 c0": 101.0,
            "b0_1 c1": 202.0,
            "b0_2 c2": 304.0,
        }.items()
    }
    farads = {node: float(f) for _, node, _, f in map(str.split, line_capacitors(wires, geometry))}
    assert farads == dict.fromkeys(geometry.word.ravel(), 1e-15) | dict.fromkeys(
        geometry.bit.ravel(), 2e-15
    )


def test_nodes_of_one_name_share_the_capacitance_of_them_all_and_small_resistances_are_none():
    wires = sn.Wires(0.0, 1e-6, word_line_farad=1e-15)
    geometry = laid_out(wires)
    assert {tuple(line) for line in geometry.word.tolist()} == {("r0",) * 3, ("r1",) * 3}
    assert len(geometry.cards) == 6  # a segment and an end of each bit line, however small
    assert len(set(geometry.bit.ravel().tolist())) == 6
    farads = [card.split()[1::2] for card in line_capacitors(wires, geometry)]
    assert {node: float(f) for node, f in farads} == pytest.approx({"r0": 3e-15, "r1": 3e-15})
