"""The read margins against formulas on ideal wires, against ngspice with wires, and against what
the literature says of the schemes."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.cli import main
from spicesnn.studies import study as studies
from spicesnn.studies.cells import two_states
from spicesnn.studies.read_margin import SCHEMES, lines

ON, OFF, VOLTS = 1e-4, 1e-6, 0.6


def margins(scheme, size, *, ohm, selector=False, engine=None):
    study = studies.load("read-margin", {"array.word_line_ohm": ohm, "array.bit_line_ohm": ohm})
    bare = study.device.build()
    cell = study.selector.around(bare) if selector else bare
    return study.point(engine or sn.NodalEngine(), cell, two_states(bare), scheme, size)


def ideal_amps(scheme, size, siemens):
    """The formulas of the module's docstring."""
    n = size - 1
    sneak = {
        "grounded": 0.0,
        "half": n / 2 * ON,
        "third": n / 3 * ON,
        "floating": 1 / (2 / (n * ON) + 1 / (n * n * ON)),
    }[scheme]
    return VOLTS * (siemens + sneak)


@pytest.mark.parametrize("size", [2, 3, 16, 64])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_on_ideal_wires_the_margins_are_the_formulas(scheme, size):
    found = margins(scheme, size, ohm=0.0)
    on, off = ideal_amps(scheme, size, ON), ideal_amps(scheme, size, OFF)
    assert found["on_amps"] == pytest.approx(on, rel=1e-9)
    assert found["off_amps"] == pytest.approx(off, rel=1e-9)
    assert found["current_margin"] == pytest.approx((on - off) / on, rel=1e-9)
    assert found["sneak_ratio"] == pytest.approx(1 - VOLTS * ON / on, abs=1e-9)


def test_a_load_divides_the_voltage_of_floating_lines():
    load, size = 1e4, 5
    totals = [ideal_amps("floating", size, siemens) / VOLTS for siemens in (OFF, ON)]
    off, on = (load / (load + 1 / total) for total in totals)
    assert margins("floating", size, ohm=0.0)["voltage_margin"] == pytest.approx(on - off, rel=1e-9)


@pytest.mark.parametrize("selector", [False, True])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_with_wires_ngspice_says_the_same(scheme, selector):
    with sn.NgspiceEngine() as ngspice:
        first, second = (
            margins(scheme, 6, ohm=5.0, selector=selector, engine=ngspice),
            margins(scheme, 6, ohm=5.0, selector=selector),
        )
    for name in (
        "on_amps",
        "off_amps",
        "current_margin",
        "voltage_margin",
        "sneak_ratio",
        "power_watt",
    ):
        # Off currents through selectors are nanoamperes: the floor is 1e-9 of the on current.
        assert first[name] == pytest.approx(
            second[name], rel=1e-6, abs=1e-9 * second["on_amps"] if name.endswith("amps") else 1e-8
        ), name


def test_selectors_bring_the_margin_back_and_thirds_beat_halves():
    bare = {scheme: margins(scheme, 32, ohm=1.0)["current_margin"] for scheme in SCHEMES}
    with_selector = {
        scheme: margins(scheme, 32, ohm=1.0, selector=True)["current_margin"] for scheme in SCHEMES
    }
    for scheme in ("floating", "half", "third"):
        assert with_selector[scheme] > 5 * bare[scheme]
    for margin in (bare, with_selector):
        assert margin["grounded"] > margin["third"] > margin["half"]


def test_only_the_line_that_is_read_is_driven():
    drive = lines("third", 4, 0.9)
    assert drive["row_volts"] == pytest.approx([0.9, 0.3, 0.3, 0.3])
    assert drive["column_volts"] == pytest.approx([0.6, 0.6, 0.6, 0.0])
    floating = lines("floating", 3, 1.0)
    assert floating["floating_rows"].tolist() == [False, True, True]
    assert floating["floating_columns"].tolist() == [True, True, False]


def test_the_facts_name_the_largest_size_that_can_be_read(tmp_path):
    study = studies.load(
        "read-margin",
        {
            "margin.sizes": [2, 8, 32],
            "margin.selectors": [False],
            "array.word_line_ohm": 0,
            "array.bit_line_ohm": 0,
        },
    )
    found = study.find(tmp_path, studies.Workers(), lambda done, total: None)
    assert found.facts["largest_readable_size"] == {
        "grounded, no selector": 32,
        "floating, no selector": 8,
        "half, no selector": 8,
        "third, no selector": 8,
    }
    assert len(found.rows) == 12
    assert all(np.isfinite(row["power_watt"]) and row["power_watt"] > 0 for row in found.rows)


def test_the_command_prints_each_fact_with_what_it_is_for(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert main(["study", "read-margin", "--set", "margin.sizes=[2, 3]", "--out", "s"]) == 0
    said = capfd.readouterr().out
    assert "least current margin\n    0.1\nlargest readable size\n" in said
    assert "\n    floating, no selector: 3\n" in said
