"""Bars of what an inference costs: sums and units by hand."""

from spicesnn.plotting.costs import cost_bars


def rows(joule, area):
    return [
        {"layer": layer, "component": part, "energy_joule": joule, "area_m2": area}
        for layer in ("first", "second")
        for part in ("ADC", "DAC")
    ]


def test_sums_stand_in_the_titles_and_bars_in_units_that_suit_them():
    energy, area = cost_bars(rows(1.5e-10, 2e-9)).axes
    assert energy.get_title() == "Energy, 600 pJ per inference"
    assert energy.get_xlabel() == "energy (pJ per inference)"
    assert [round(bar.get_width(), 6) for bar in energy.patches] == [150.0] * 4
    assert area.get_title() == "Area, 8,000 µm²"
    assert [round(bar.get_width(), 6) for bar in area.patches] == [2000.0] * 4
    assert [round(bar.get_x(), 6) for bar in area.patches[2:]] == [2000.0, 2000.0]


def test_the_bars_of_every_layer_begin_where_those_before_end():
    joule = {("a", "ADC"): 1e-9, ("a", "DAC"): 2e-9, ("b", "ADC"): 4e-9, ("c", "DAC"): 8e-9}
    energy, _ = cost_bars(
        [
            {"layer": layer, "component": part, "energy_joule": value, "area_m2": 1e-9}
            for (layer, part), value in joule.items()
        ]
    ).axes
    bars = [(round(bar.get_x(), 6), round(bar.get_width(), 6)) for bar in energy.patches]
    assert bars == [(0, 1), (0, 2), (1, 4), (2, 0), (5, 0), (2, 8)]
    assert energy.get_title() == "Energy, 15 nJ per inference"


def test_large_areas_are_in_square_millimetres_and_nothing_costs_nothing():
    energy, area = cost_bars(rows(0.0, 2e-7)).axes
    assert energy.get_title() == "Energy, 0 J per inference"
    assert area.get_title() == "Area, 0.8 mm²"
    assert [round(bar.get_width(), 9) for bar in area.patches] == [0.2] * 4
