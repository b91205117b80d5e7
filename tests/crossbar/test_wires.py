"""Wires: what resistances may be."""

import math

import pytest

from spicesnn import Wires
from spicesnn.errors import InputError


@pytest.mark.parametrize("name", ["word_line_ohm", "bit_line_ohm", "driver_ohm", "sense_ohm"])
def test_a_resistance_whose_conductance_is_no_number_is_refused(name):
    with pytest.raises(InputError, match=r"expected 0 \(exact\)"):
        Wires(**{name: 1e-309})
    assert getattr(Wires(**{name: 1e-300}), name) == 1e-300


def test_wires_take_units_and_refuse_those_of_another_kind():
    wires = Wires("2 Ω", "50mohm", driver_ohm="1k", word_line_farad="0.3fF")
    assert (wires.word_line_ohm, wires.bit_line_ohm, wires.driver_ohm) == (2.0, 0.05, 1e3)
    assert wires.word_line_farad == pytest.approx(3e-16, rel=1e-12)
    with pytest.raises(InputError, match="word_line_farad"):
        Wires(word_line_farad="2 Ω")
    with pytest.raises(InputError, match="sense_ohm"):
        Wires(sense_ohm="1fF")


def test_the_extremes_of_resistances_are_over_all_lines():
    wires = Wires(
        word_line_ohm=[0.0, 3.0, 2.0], bit_line_ohm=[7.0, 5.0], driver_ohm=11.0, sense_ohm=0.5
    )
    assert (wires.largest_segment_ohm, wires.smallest_segment_ohm) == (7.0, 2.0)
    assert (wires.smallest_ohm, wires.partly_ideal, wires.without_resistance) == (0.5, True, False)
    turned = Wires(word_line_ohm=[7.0, 5.0], bit_line_ohm=[4.0, 9.0], driver_ohm=0.25)
    assert (turned.largest_segment_ohm, turned.smallest_segment_ohm) == (9.0, 4.0)
    assert (turned.smallest_ohm, turned.partly_ideal, turned.without_resistance) == (
        0.25,
        False,
        False,
    )
    alone = Wires(word_line_ohm=0.0, bit_line_ohm=0.0, sense_ohm=3.0)
    assert (alone.largest_segment_ohm, alone.smallest_segment_ohm) == (0.0, math.inf)
    assert (alone.smallest_ohm, alone.partly_ideal, alone.without_resistance) == (3.0, False, False)
    ideal = Wires.ideal()
    assert (ideal.smallest_ohm, ideal.partly_ideal, ideal.without_resistance) == (
        math.inf,
        False,
        True,
    )
