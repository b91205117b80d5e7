import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from spicesnn.cli import main
from spicesnn.errors import ConfigError, RunError, UnknownNameError
from spicesnn.plotting.sweeps import sweep_figure
from spicesnn.training import sweep as sweeping

SHORT = ["training.epochs=2"]


def plan(*over, seeds=1, **more):
    return sweeping.plan("letters-3x3", over, seeds=seeds, overrides=SHORT, **more)


def test_values_and_ranges():
    assert sweeping.parse_over("a.b=0,1, 2.5") == ("a.b", ["0", "1", "2.5"])
    assert sweeping.parse_over("a.b=0:1:0.25") == ("a.b", ["0", "0.25", "0.5", "0.75", "1"])
    assert sweeping.parse_over("a.b=3:1:-1") == ("a.b", ["3", "2", "1"])


@pytest.mark.parametrize("text", ["a.b", "a.b=", "=1", "a.b=0:1:0", "a.b=0:1:-1", "a.b=x:y:z", "a.b=0:1:1e-9"])
def test_what_is_no_sweep_says_so(text):
    with pytest.raises(ConfigError, match="--over"):
        sweeping.parse_over(text)


def test_a_grid_is_every_combination_and_every_seed_each_with_its_own_key():
    points = plan("array.word_line_ohm=0,1", "array.bit_line_ohm=0,1,2", seeds=2, first_seed=5)
    assert len(points) == len({point.key for point in points}) == 12
    assert {point.seed for point in points} == {5, 6}
    assert points[0].settings == {"array.word_line_ohm": "0", "array.bit_line_ohm": "0"}


def test_the_key_is_of_the_whole_configuration():
    base = plan("array.word_line_ohm=1")[0].key
    assert plan("array.word_line_ohm=1.0")[0].key == base
    assert plan("array.word_line_ohm=1", engine="ngspice")[0].key != base
    other = sweeping.plan("letters-3x3", ["array.word_line_ohm=1"], seeds=1, overrides=["training.epochs=3"])
    assert other[0].key != base


def test_mistakes_are_found_before_anything_is_computed():
    with pytest.raises(UnknownNameError, match=r"array\.word_line_ohm"):
        plan("array.word_line_oh=1")
    with pytest.raises(ConfigError):
        plan("array.word_line_ohm=0,-1")


def test_a_sweep_goes_on_where_it_was_and_computes_nothing_twice(tmp_path, monkeypatch):
    points = plan("array.word_line_ohm=0,2", seeds=2)
    first = sweeping.sweep(points[:3], tmp_path)
    assert (first.computed, len(first.rows)) == (3, 3)
    told = []
    second = sweeping.sweep(points, tmp_path, progress=lambda done, total: told.append((done, total)))
    assert second.computed == 1
    assert told == [(3, 4), (4, 4)]
    assert second.rows[:3] == first.rows
    monkeypatch.setattr(sweeping, "compute", lambda *args: pytest.fail("computed again"))
    assert sweeping.sweep(points, tmp_path).computed == 0
    with (tmp_path / "sweep.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["array.word_line_ohm"] for row in rows] == ["0", "0", "2", "2"]
    assert float(rows[0]["test_accuracy"]) == second.rows[0]["test_accuracy"]


def test_a_damaged_point_says_which_and_what_to_do(tmp_path):
    points = plan("array.word_line_ohm=0")
    sweeping.sweep(points, tmp_path)
    (tmp_path / "points" / f"{points[0].key}.json").write_text("{")
    with pytest.raises(RunError, match="delete it and start the sweep again"):
        sweeping.sweep(points, tmp_path)


def test_means_and_intervals_are_students():
    rows = [{"x": "1", "test_accuracy": value} for value in (0.8, 0.9, 1.0)] + [{"x": "2", "test_accuracy": 0.5}]
    first, second = sweeping.summarised(rows, ["x"])
    assert first["mean"] == pytest.approx(0.9)
    assert first["half_width"] == pytest.approx(4.30265 * 0.1 / np.sqrt(3), rel=1e-5)
    assert (second["seeds"], np.isnan(second["half_width"])) == (1, True)


def test_the_figure_shows_the_means_in_percent_with_their_intervals():
    table = [{"x": "1k", "k": "a", "seeds": 3, "mean": 0.8, "half_width": 0.1}, {"x": "500", "k": "a", "seeds": 3, "mean": 0.9, "half_width": 0.05}]
    axes = sweep_figure(table, ["x", "k"]).axes[0]
    line = axes.containers[0].lines[0]
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([500.0, 1000.0], [90.0, 80.0])
    assert axes.get_xlabel() == "x"
    named = sweep_figure([{**row, "x": f"n{row['x']}"} for row in table], ["x"]).axes[0]
    assert [label.get_text() for label in named.get_xticklabels()] == ["n1k", "n500"]


def test_the_command_writes_table_and_figure(tmp_path, capfd):
    arguments = ["sweep", "letters-3x3", "--over", "array.word_line_ohm=0,1", "--set", "training.epochs=1", "--out", str(tmp_path), "--json"]
    assert main(arguments) == 0
    answer = json.loads(capfd.readouterr().out)
    assert (len(answer["points"]), answer["computed"]) == (2, 2)
    assert (tmp_path / "sweep.png").read_bytes()[:4] == b"\x89PNG"
    assert main([*arguments[:3], "array.word_lines=1", "--out", str(tmp_path)]) == 2
    assert "array.word_lines" in capfd.readouterr().err


def test_table_and_figure_grow_with_the_points(tmp_path, monkeypatch):
    monkeypatch.setattr(sweeping, "REFRESH_S", 0.0)
    seen = []

    def watch(result):
        with result.table.open(newline="", encoding="utf-8") as file:
            seen.append((len(result.rows), [row["array.word_line_ohm"] for row in csv.DictReader(file)]))

    whole = sweeping.sweep(plan("array.word_line_ohm=0,1,2", engine="nodal"), tmp_path, watch=watch)
    assert seen == [(1, ["0"]), (2, ["0", "1"]), (3, ["0", "1", "2"])]
    assert len(whole.rows) == 3


def test_a_table_in_parquet_has_numbers_for_what_was_swept(tmp_path, capfd):
    arguments = ["sweep", "letters-3x3", "--over", "wires.word_line_ohm=0,1.5", "--set", "training.epochs=1", "--engine", "nodal"]
    assert main([*arguments, "--out", str(tmp_path), "--parquet", "--json"]) == 0
    table = pd.read_parquet(json.loads(capfd.readouterr().out)["parquet"])
    assert table["wires.word_line_ohm"].tolist() == [0.0, 1.5]
    assert table["seed"].tolist() == [0, 0]
    assert table["test_accuracy"].between(0, 1).all()


def test_parquet_without_its_package_is_refused_before_anything_is_computed(tmp_path, monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(["sweep", "letters-3x3", "--over", "array.word_line_ohm=0", "--parquet", "--out", str(tmp_path / "out")]) == 1
    assert "pip install 'spicesnn[views]'" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_scheduler_that_is_not_there_is_one_message(tmp_path):
    pytest.importorskip("distributed")
    with pytest.raises(ConfigError, match="no Dask scheduler answers at nonsense"):
        sweeping.sweep(plan("array.word_line_ohm=0"), tmp_path, scheduler="nonsense://nowhere:1")


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(tmp_path):
    """A real scheduler, two worker processes, one of them killed in the middle: the same table as on one process."""
    points = sweeping.plan("letters-3x3", ["array.word_line_ohm=0:4:1"], seeds=2, overrides=["training.epochs=20"])
    alone = sweeping.sweep(points, tmp_path / "alone")
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    start = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "18786", "--no-dashboard"]
    scheduler = subprocess.Popen(start, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    workers = [_worker(environment) for _ in range(2)]
    killed = []

    def progress(done, total):
        if done >= 2 and not killed:
            killed.append(done)
            os.kill(workers[0].pid, signal.SIGKILL)

    try:
        time.sleep(5)
        together = sweeping.sweep(points, tmp_path / "together", scheduler="tcp://127.0.0.1:18786", progress=progress)
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()
    assert killed
    for left, right in zip(alone.rows, together.rows, strict=True):
        assert {k: v for k, v in left.items() if k != "wall_s"} == {k: v for k, v in right.items() if k != "wall_s"}


def _worker(environment):
    command = [sys.executable, "-m", "distributed.cli.dask_worker", "tcp://127.0.0.1:18786", "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
