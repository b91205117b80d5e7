"""Figures of the studies against closed forms and against arrays that are solved outside: power,
errors, facts."""

from __future__ import annotations

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.studies import study as studies
from spicesnn.studies.cells import two_states

ON, OFF, VOLTS = 1e-4, 1e-6, 0.6
IDEAL = {"array.word_line_ohm": 0.0, "array.bit_line_ohm": 0.0}


def quiet(done, total):
    pass


def point(scheme, size, **settings):
    keys = {f"margin.{key}": value for key, value in settings.items()}
    study = studies.load("read-margin", IDEAL | keys)
    device = study.device.build()
    return study.point(sn.NodalEngine(), device, two_states(device), scheme, size)


@pytest.mark.parametrize("n", [2, 5, 17])
def test_the_power_of_a_read_is_the_sum_of_volts_squared_times_conductance(n):
    """The selected cell sees V; the half scheme puts V/2 on the cells of its lines, the third scheme
    V/3 on all others; grounded lines leave V to the cells of the word line alone."""
    m = n - 1
    sums = {
        "grounded": n,
        "half": 1 + m / 2,
        "third": 1 + 2 * m / 9 + m * m / 9,
        "floating": 1 + 1 / (2 / m + 1 / m**2),
    }
    for scheme, cells in sums.items():
        found = point(scheme, n)["power_watt"]
        assert found == pytest.approx(VOLTS**2 * ON * cells, rel=1e-6), scheme


def test_cells_that_are_off_leak_less():
    for scheme, leaks in (("half", 1 / 2), ("third", 1 / 3)):
        found = point(scheme, 9, others="off", read_volts=0.3)
        assert found["on_amps"] == pytest.approx(0.3 * (ON + 8 * leaks * OFF), rel=1e-9)
        assert found["off_amps"] == pytest.approx(0.3 * (OFF + 8 * leaks * OFF), rel=1e-9)
        share = 8 * leaks * OFF / (ON + 8 * leaks * OFF)
        assert found["sneak_ratio"] == pytest.approx(share, rel=1e-6)


def test_what_is_readable_is_the_largest_size_with_the_least_margin():
    study = studies.load("read-margin", {"margin.least": 0.2})
    rows = [
        {"scheme": "half", "selector": selector, "size": size, "current_margin": margin}
        for selector, margins in ((False, (0.9, 0.2, 0.19)), (True, (0.1, 0.1, 0.1)))
        for size, margin in zip((2, 8, 32), margins, strict=True)
    ]
    assert study._facts(rows) == {
        "least_current_margin": 0.2,
        "largest_readable_size": {"half, no selector": 8, "half, 1S1R": 0},
    }


@pytest.mark.parametrize("cells", ["on", "off"])
def test_the_facts_of_an_ir_drop_map_are_those_of_the_solved_arrays(cells, tmp_path):
    wires = {"array.word_line_ohm": 30, "array.bit_line_ohm": 10, "array.driver_ohm": 50}
    sizes = {"map.rows": 5, "map.columns": 7, "map.cells": cells, "map.read_volts": 0.3}
    found = studies.load("ir-drop", wires | sizes).find(tmp_path, studies.Workers(), quiet)
    siemens = ON if cells == "on" else OFF
    shares = np.array([row["cell_voltage"] for row in found.rows]).reshape(2, 5, 7)
    places = [(row["ends"], row["row"], row["column"]) for row in found.rows]
    assert places == [(e, i, j) for e in ("one_end", "both_ends") for i, j in np.ndindex(5, 7)]
    for ends, both, own in zip(("one_end", "both_ends"), (False, True), shares, strict=True):
        array = sn.Crossbar(
            np.full((5, 7), siemens), wires=sn.Wires(30.0, 10.0, 50.0, double_sided=both)
        )
        read = sn.NodalEngine().read(array, np.full(5, 0.3))
        np.testing.assert_allclose(own, read.cell_volts / 0.3, rtol=1e-6)
        facts = found.facts
        assert facts[f"lowest_cell_voltage_{ends}"] == own.min()
        assert facts[f"mean_cell_voltage_{ends}"] == pytest.approx(own.mean(), rel=1e-12)
        worst = (read.column_amps / (5 * 0.3 * siemens)).min()
        assert facts[f"lowest_column_current_{ends}"] == pytest.approx(worst, rel=1e-6)
        assert facts[f"residual_amps_{ends}"] < 1e-12


def test_random_cells_lie_evenly_between_the_two_states(tmp_path):
    settings = {"map.rows": 50, "map.columns": 60, "map.cells": "random"}
    study = studies.load("ir-drop", IDEAL | settings)
    seen = []

    solved = sn.NodalEngine.read

    def watched(engine, array, row_volts, **lines):
        seen.append(array.cell_conductance())
        return solved(engine, array, row_volts, **lines)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sn.NodalEngine, "read", watched)
        for seed in (1, 2):
            studies.seeded(study, seed, None).find(tmp_path, studies.Workers(), quiet)
    one, same, other, _ = seen
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    shares = (one - OFF) / (ON - OFF)
    assert np.quantile(shares, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.03)
    assert 0 <= shares.min() < 0.01 < 0.99 < shares.max() <= 1


def test_the_error_of_an_array_is_its_largest_loss_over_its_largest_current():
    study = studies.load("array-size", {"size.read_volts": 0.3, "array.driver_ohm": 40})
    seen = []

    class Watched(sn.NodalEngine):
        def read(self, array, row_volts, **lines):
            seen.append((array, np.array(row_volts)))
            return super().read(array, row_volts, **lines)

    device = study.device.build()
    errors = [
        study.error(Watched(), device, 12, ohm, draw) for ohm, draw in ((2, 0), (2, 1), (5, 0))
    ]
    for (array, volts), ohm, error in zip(seen, (2, 2, 5), errors, strict=True):
        assert (array.shape, array.wires.driver_ohm) == ((12, 12), 40)
        assert (array.wires.word_line_ohm, array.wires.bit_line_ohm) == (ohm, ohm)
        np.testing.assert_array_equal(volts, 0.3)
        siemens = array.cell_conductance()
        plain = sn.Crossbar(siemens, wires=array.wires)
        lost = volts @ siemens - volts @ sn.NodalEngine().effective_conductance(plain)
        assert error == pytest.approx(np.abs(lost).max() / (volts @ siemens).max(), rel=1e-6)
    assert not np.array_equal(seen[0][0].state, seen[1][0].state)
    np.testing.assert_array_equal(seen[0][0].state, seen[2][0].state)


def test_a_table_of_sizes_says_the_error_of_each_and_where_the_search_ended(tmp_path):
    settings = {
        "size.segment_ohm": [0.05, 50.0],
        "size.tolerances": [0.02, 0.1],
        "size.draws": 2,
        "size.limit": 20,
    }
    study = studies.load("array-size", settings)
    found = study.find(tmp_path, studies.Workers(), quiet)
    device, rows = study.device.build(), found.rows
    assert len(rows) == 8
    for row in rows:
        own = study.error(sn.NodalEngine(), device, row["largest"], row["segment_ohm"], row["draw"])
        assert row["error"] == pytest.approx(own, rel=1e-12)
        assert row["at_limit"] == (row["largest"] == 20) == (row["segment_ohm"] == 0.05)
    for tolerance in (0.02, 0.1):
        for ohm in (0.05, 50.0):
            sizes = [
                row["largest"]
                for row in rows
                if (row["tolerance"], row["segment_ohm"]) == (tolerance, ohm)
            ]
            name = f"{tolerance:g} error, {ohm:g} Ω"
            assert found.facts["largest_size"][name] == pytest.approx(np.mean(sizes))


TRAINED = """
kind = "trained"
description = "lines by hand"
seed = 6
[base]
preset = "letters-3x3"
seeds = 3
[set]
"training.epochs" = 2
[axis]
keys = ["array.word_line_ohm"]
values = [1.0, 2.0, 3.0]
[lines]
best = ["learning.fraction=0.25"]
near = ["learning.fraction=0.5"]
far = []
[fact]
reference = "best"
within = 0.01
"""


def test_facts_of_trained_networks_are_means_within_a_distance_of_the_reference(tmp_path):
    (tmp_path / "mine.toml").write_text(TRAINED, encoding="utf-8")
    study = studies.load(tmp_path / "mine.toml")
    means = {"best": (0.9, 0.8, 0.7), "near": (0.893, 0.791, 0.6), "far": (0.5, 0.78, 0.4)}
    rows = [
        {
            "line": line,
            "x": x,
            "seed": seed,
            "test_accuracy": mean + off,
            "energy_joule": 10 * x + seed,
        }
        for line, values in means.items()
        for x, mean in zip((1.0, 2.0, 3.0), values, strict=True)
        for seed, off in ((6, -0.003), (7, 0.0), (8, 0.003))
    ]
    facts = study._facts(rows)
    assert facts["largest_within"] == {"best": 3.0, "near": 2.0, "far": None}
    wanted = {
        f"{line}, {x:g}": mean
        for line, values in means.items()
        for x, mean in zip((1.0, 2.0, 3.0), values, strict=True)
    }
    assert facts["accuracy"] == pytest.approx(wanted)
    table = study.summary(rows)
    assert [(row["line"], row["x"]) for row in table] == [
        (line, x) for line in means for x in (1.0, 2.0, 3.0)
    ]
    assert [row["energy_joule"] for row in table] == pytest.approx([17.0, 27.0, 37.0] * 3)
    # Student's t of two degrees of freedom, 4.303, on a standard deviation of 0.003
    assert table[0]["half_width"] == pytest.approx(4.302653 * 0.003 / np.sqrt(3), rel=1e-6)
    points = study.points()
    assert len(points) == 27
    first = points[0].tables
    assert (first["seed"], points[2].seed, points[3].settings) == (6, 8, {"line": "best", "x": 2.0})
    assert (first["training"]["epochs"], first["learning"]["fraction"]) == (2, 0.25)
    assert [p.tables["learning"]["fraction"] for p in points[::9]][:2] == [0.25, 0.5]


def test_the_search_for_a_size_ends_on_the_last_one_that_is_good_enough():
    from spicesnn.studies.array_size import largest_within

    for tolerance, limit, wanted in (
        (0.50, 64, 50),
        (0.64, 64, 64),
        (0.70, 64, 64),
        (0.639, 64, 63),
        (0.05, 64, 5),
        (0.02, 64, 2),
        (0.001, 64, 1),
        (0.90, 100, 90),
    ):
        asked = []

        def error(size, asked=asked):
            asked.append(size)
            return size / 100

        assert largest_within(error, tolerance, limit) == wanted
        assert max(asked) <= limit
        assert len(asked) < 16
