"""Wires: what resistances may be."""

import pytest

from spicesnn import Wires
from spicesnn.errors import InputError


@pytest.mark.parametrize("name", ["word_line_ohm", "bit_line_ohm", "driver_ohm", "sense_ohm"])
def test_a_resistance_whose_conductance_is_no_number_is_refused(name):
    with pytest.raises(InputError, match=r"expected 0 \(exact\)"):
        Wires(**{name: 1e-309})
    assert getattr(Wires(**{name: 1e-300}), name) == 1e-300
