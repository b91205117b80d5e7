"""A row of a sweep is the run that its settings and seed give."""

import csv

import pytest

import spicesnn as sn
from spicesnn import training
from spicesnn.training import sweep as sweeping

SHORT = ["training.epochs=2", "training.stop_when_right=false"]


def test_rows_are_the_runs_of_their_settings_and_seeds(tmp_path):
    points = sweeping.plan(
        "letters-3x3",
        ["array.word_line_ohm=0,300"],
        seeds=2,
        first_seed=3,
        overrides=SHORT,
        engine="nodal",
    )
    found = sweeping.sweep(points, tmp_path)
    assert [(row["array.word_line_ohm"], row["seed"]) for row in found.rows] == [
        ("0", 3),
        ("0", 4),
        ("300", 3),
        ("300", 4),
    ]
    for k, row in enumerate(found.rows):
        config = training.load(
            "letters-3x3", [*SHORT, f"array.word_line_ohm={row['array.word_line_ohm']}"]
        )
        run = training.train(
            config, engine=sn.NodalEngine(), out=tmp_path / f"run{k}", rng_seed=row["seed"]
        )
        for name in ("test_accuracy", "train_accuracy", "n_test", "converged", "epochs"):
            assert row[name] == getattr(run, name), name
        assert row["energy_joule"] == pytest.approx(run.energy_joule, rel=1e-9)
        assert row["held_out"] is False
    assert len({row["energy_joule"] for row in found.rows}) == 4
    with found.table.open(newline="", encoding="utf-8") as file:
        kept = list(csv.DictReader(file))
    assert [float(row["energy_joule"]) for row in kept] == [
        row["energy_joule"] for row in found.rows
    ]


def test_ranges_reach_their_end_whatever_the_rounding():
    for text, values in (
        ("0:0.3:0.1", ["0", "0.1", "0.2", "0.3"]),
        ("0:0.29:0.1", ["0", "0.1", "0.2"]),
        ("1:1:5", ["1"]),
        ("2:-1:-1.5", ["2", "0.5", "-1"]),
        ("1e3:3e3:1e3", ["1000", "2000", "3000"]),
    ):
        assert sweeping.parse_over(f"a.b={text}") == ("a.b", values)


def test_an_accuracy_is_of_training_samples_only_where_nothing_was_held_out():
    held, not_held = {"held_out": True}, {"held_out": False}
    assert sweeping.accuracy_name([not_held, not_held]) == "training accuracy"
    for rows in ([held, held], [not_held, held], [held, not_held], [{}], []):
        assert sweeping.accuracy_name(rows) == "test accuracy"


def test_a_point_of_other_data_is_another_point(tmp_path):
    path = tmp_path / "own.csv"
    settings = [*SHORT, "data.source=file", f"data.path={path}"]

    def key():
        return sweeping.plan("letters-3x3", [], seeds=1, overrides=settings)[0].key

    path.write_text("a,b,label\n0,1,x\n1,0,y\n0.2,0.9,x\n0.8,0.1,y\n")
    before = key()
    assert key() == before
    path.write_text("a,b,label\n0,1,x\n1,0,y\n0.2,0.9,x\n0.8,0.2,y\n")
    assert key() != before
