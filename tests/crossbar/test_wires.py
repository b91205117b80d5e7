"""Wires: what resistances may be."""

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
