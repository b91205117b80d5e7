"""Studies: each shipped one loads, small ones are made whole, and what is wrong says so."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.cli import main
from spicesnn.errors import ConfigError, RunError, UnknownNameError
from spicesnn.studies import study as studies
from spicesnn.studies.array_size import largest_within
from spicesnn.studies.cells import between, two_states
from spicesnn.studies.trained import Trained
from spicesnn.training.config import from_tables
from spicesnn.training.experiment import Experiment

QUIET = studies.Workers()


def watch(done, total):
    assert 0 <= done <= total


def test_the_questions_that_are_shipped():
    small = [
        "accuracy-size",
        "accuracy-spread",
        "accuracy-states",
        "accuracy-stuck",
        "accuracy-wires",
        "array-size",
        "energy-accuracy",
        "ir-drop",
        "read-margin",
    ]
    full = {
        "bp": ["noise", "stuck-off", "stuck-on"],
        "deep": ["noise", "spread", "states", "stuck-off", "stuck-on", "wires"],
        "stdp": ["noise", "spread", "states", "stuck-off", "stuck-on", "wires"],
    }
    assert studies.study_names() == sorted(
        [*small, *(f"{net}-{what}" for net, names in full.items() for what in names)]
    )


@pytest.mark.parametrize("name", studies.study_names())
def test_every_shipped_study_is_whole_and_survives_its_own_toml(name, tmp_path):
    study = studies.load(name)
    assert len(study.description) > 40
    (tmp_path / "again.toml").write_text(study.to_toml(), encoding="utf-8")
    assert studies.load(tmp_path / "again.toml").to_tables() == study.to_tables()
    if isinstance(study, Trained):
        points = study.points()
        assert (
            len(points)
            == len({point.key for point in points})
            == len(study.lines.settings) * len(study.axis.values) * study.base.seeds
        )


@pytest.mark.parametrize(
    "name", ["accuracy-spread", "energy-accuracy"]
)  # the two that change devices
def test_the_arrays_at_the_far_end_of_a_shipped_study_can_be_made(name):
    study = studies.load(name, {"base.seeds": 1})
    for point in study.points():
        if point.settings["x"] == (study.axis.shown or study.axis.values)[-1]:
            config = from_tables(point.tables)
            experiment = Experiment.of(
                replace(config, data=replace(config.data, train_limit=40, test_limit=10))
            )
            assert np.all(np.isfinite(experiment.layers[0].siemens(experiment.fresh_devices())))


def test_the_map_is_the_solved_array_and_both_ends_halve_the_loss(tmp_path):
    study = studies.load(
        "ir-drop",
        {"map.rows": 6, "map.columns": 4, "array.word_line_ohm": 20, "array.bit_line_ohm": 20},
    )
    found = study.find(tmp_path, QUIET, watch)
    array = sn.Crossbar(
        conductance=np.full((6, 4), 1e-4), wires=sn.Wires(word_line_ohm=20.0, bit_line_ohm=20.0)
    )
    with sn.NgspiceEngine() as engine:
        read = engine.read(array, np.full(6, 0.2))
    shares = np.array([row["cell_voltage"] for row in found.rows]).reshape(2, 6, 4)
    assert shares[0] == pytest.approx(read.cell_volts / 0.2, rel=1e-9)
    assert found.facts["lowest_cell_voltage_one_end"] == pytest.approx(shares[0, 0, 3])
    assert found.facts["lowest_column_current_one_end"] == pytest.approx(
        (read.column_amps / (6 * 1e-4 * 0.2)).min(), rel=1e-9
    )
    assert 1 - found.facts["mean_cell_voltage_both_ends"] < 0.5 * (
        1 - found.facts["mean_cell_voltage_one_end"]
    )


def test_the_largest_array_is_within_the_tolerance_and_the_next_is_not(tmp_path):
    study = studies.load(
        "array-size", {"size.segment_ohm": [0.1, 0.4], "size.tolerances": [0.05], "size.draws": 2}
    )
    rows = study.find(tmp_path, QUIET, watch).rows
    device, engine = study.device.build(), sn.NodalEngine()
    for row in rows:
        assert (
            row["error"]
            <= 0.05
            < study.error(engine, device, row["largest"] + 1, row["segment_ohm"], row["draw"])
        )
    sizes = [
        np.mean([row["largest"] for row in rows if row["segment_ohm"] == ohm]) for ohm in (0.1, 0.4)
    ]
    assert sizes[0] / sizes[1] == pytest.approx(2.0, rel=0.1)  # the square-root law


def test_the_search_for_the_largest():
    assert largest_within(lambda n: n / 1000, 0.0375, 512) == 37
    assert largest_within(lambda n: n / 1000, 10.0, 512) == 512
    assert largest_within(lambda n: n / 1000, 0.3, 300) == 300
    assert largest_within(lambda n: 1.0, 0.1, 512) == 1


def test_states_between_are_even_in_conductance():
    device = sn.devices.VTEAM()
    low, high = two_states(device)
    states = between(device, low, high, np.array([0.0, 0.25, 1.0]))
    siemens = device.conductance(0.0, states)
    assert (siemens[1] - siemens[0]) / (siemens[2] - siemens[0]) == pytest.approx(0.25, rel=1e-9)


TRAINED = """
kind = "trained"
description = "wires of a small array"
[base]
preset = "letters-3x3"
seeds = 2
[set]
"training.epochs" = 2
[axis]
keys = ["array.word_line_ohm", "array.bit_line_ohm"]
values = [0.0, 50.0]
shown = [1, 2]
[lines]
all = []
half = ["learning.fraction=0.5"]
[fact]
reference = "all"
within = 1.0
"""


def test_a_study_that_trains_goes_on_where_it_was(tmp_path, capfd):
    (tmp_path / "mine.toml").write_text(TRAINED, encoding="utf-8")
    command = [
        "study",
        str(tmp_path / "mine.toml"),
        "--json",
        "--seed",
        "3",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(command) == 0
    first = json.loads(capfd.readouterr().out)
    assert first["facts"]["computed"] == 8
    assert first["facts"]["largest_within"] == {"all": 2, "half": 2}
    assert {(row["line"], row["x"], row["seed"]) for row in first["points"]} == {
        (a, b, c) for a in ("all", "half") for b in (1, 2) for c in (3, 4)
    }
    assert main(command) == 0
    again = json.loads(capfd.readouterr().out)
    assert again["facts"]["computed"] == 0
    assert again["points"] == first["points"]
    with (tmp_path / "out" / "study.csv").open() as file:
        assert [float(row["test_accuracy"]) for row in csv.DictReader(file)] == [
            row["test_accuracy"] for row in first["points"]
        ]
    assert (tmp_path / "out" / "study.png").stat().st_size > 10_000


def test_linked_keys_change_together(tmp_path):
    (tmp_path / "mine.toml").write_text(TRAINED, encoding="utf-8")
    points = studies.load(tmp_path / "mine.toml").points()
    arrays = [(p.settings["x"], p.tables["array"]) for p in points]
    assert {(x, array["word_line_ohm"], array["bit_line_ohm"]) for x, array in arrays} == {
        (1.0, 0.0, 0.0),
        (2.0, 50.0, 50.0),
    }


def test_a_table_for_people(tmp_path, capfd):
    command = [
        "study",
        "ir-drop",
        "--set",
        "map.rows=4",
        "--set",
        "map.columns=4",
        "--out",
        str(tmp_path),
    ]
    assert main(command) == 0
    out = capfd.readouterr().out
    assert "lowest cell voltage, driven at one end: " in out
    assert str(tmp_path / "study.png") in out
    assert {path.name for path in tmp_path.iterdir()} == {
        "study.csv",
        "study.png",
        "facts.json",
        "study.toml",
    }


@pytest.mark.parametrize(
    ("name", "changes", "error", "message"),
    [
        ("read-margn", {}, UnknownNameError, "did you mean 'read-margin'"),
        ("absent.toml", {}, ConfigError, "there is no file absent.toml"),
        ("ir-drop", {"map.row": 3}, UnknownNameError, r"did you mean 'map\.rows'"),
        ("ir-drop", {"map.rows": 0}, ConfigError, "expected 1 or more"),
        ("ir-drop", {"kind": "ir-drops"}, ConfigError, "did you mean 'ir-drop'"),
        ("read-margin", {"margin.schemes": ["halves"]}, ConfigError, "did you mean 'half'"),
        ("accuracy-wires", {"lines": []}, ConfigError, "expected names and lists"),
        ("accuracy-wires", {"set": 3}, ConfigError, "expected keys of an experiment"),
    ],
)
def test_what_is_wrong_says_so(name, changes, error, message):
    with pytest.raises(error, match=message):
        studies.load(name, changes)


def test_wrong_settings_of_the_experiment_are_found_before_anything_is_trained(tmp_path):
    with pytest.raises(UnknownNameError, match=r"imperfections\.spread"):
        studies.load("accuracy-spread", {"axis.keys": ["imperfections.sprea"]}).points()
    with pytest.raises(ConfigError, match=r"5 values, 1 shown"):
        studies.load("accuracy-spread", {"axis.shown": [1]}).points()
    study = studies.load("accuracy-size", {"fact.reference": "none"})
    rows = [{"line": "a", "x": 1.0, "seed": 0, "test_accuracy": 0.5, "energy_joule": 1.0}]
    with pytest.raises(ConfigError, match="the lines are: ideal wires"):
        study._facts(rows)


def test_cells_that_no_array_study_takes_say_so():
    with pytest.raises(ConfigError, match="two terminals and one state"):
        two_states(sn.devices.MosfetEmulator(transconductance=5e-9))


def test_a_folder_that_cannot_be_written_is_one_message(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="--out"):
        studies.answer(
            studies.load("ir-drop", {"map.rows": 2, "map.columns": 2}), tmp_path / "file" / "x"
        )
