import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicesnn import units
from spicesnn.errors import InputError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10k", 1e4),
        ("1meg", 1e6),
        ("1MEG", 1e6),
        ("1m", 1e-3),
        ("100n", 1e-7),
        ("100ns", 1e-7),
        ("2.5e-3", 2.5e-3),
        ("-3.3 V", -3.3),
        (7, 7.0),
        ("20 Ω", 20.0),
        ("1e3k", 1e6),
        (".5u", 5e-7),
    ],
)
def test_parse_reads_what_people_type(text, value):
    assert units.parse(text) == value


@pytest.mark.parametrize("text", ["", "k", "1 kilo", "ten", "1e", "nan", "1,5"])
def test_parse_refuses_the_rest_by_name(text):
    with pytest.raises(InputError, match="is not a"):
        units.parse(text)


@pytest.mark.parametrize("text", ["1A", "2 A", "1.5F", "1 F"])
@pytest.mark.parametrize("unit", ["V", "A", "F", "s"])
def test_capitals_of_units_are_no_attos_and_femtos(text, unit):
    """Before: an amplitude of ``1A`` was 1 aV, an offset of ``1A`` 1e-18 A."""
    with pytest.raises(InputError, match=r"= '.*': in (ampere|farad), or times 1e-1[58] as SPICE"):
        units.quantity(text, unit, "amplitude")


@pytest.mark.parametrize("text", ["10MHz", "10M", "1e3M", "2 MHz"])
def test_a_capital_m_is_mega_for_people_and_milli_for_spice(text):
    """Before: a frequency of ``10MHz`` was 10 mHz."""
    with pytest.raises(InputError, match=r"mega, or milli as SPICE reads M\? Write .*meg.* or .*m"):
        units.quantity(text, "Hz", "frequency")
    assert units.quantity("10 MEGHz", "Hz", "frequency") == 1e7
    assert units.quantity("10mHz", "Hz", "frequency") == 0.01


def test_small_letters_and_units_with_a_scale_are_as_in_spice():
    assert units.quantity("100f", "F", "c") == pytest.approx(1e-13, rel=1e-12)
    assert units.quantity("100fF", "F", "c") == pytest.approx(1e-13, rel=1e-12)
    assert units.quantity("10 mA", "A", "i") == 0.01
    assert units.parse("1F") == 1e-15  # of a SPICE text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2500.0, "2.5 kΩ"),
        (0.0, "0 Ω"),
        (1e-7, "100 nΩ"),
        (-1e6, "-1 MΩ"),
        (999.96, "1 kΩ"),
        (999.94, "999.9 Ω"),
    ],
)
def test_render(value, text):
    assert units.render(value, "Ω") == text


@given(st.floats(1e-17, 1e13))
def test_what_is_rendered_is_read_back(value):
    number, _, prefix = units.render(value, "", digits=17).partition(" ")
    spice = {"M": "meg"}.get(prefix, prefix)
    assert units.parse(number + spice) == pytest.approx(value, rel=1e-12)
