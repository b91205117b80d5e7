import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
import warnings

import numpy as np
import pandas as pd
import pytest

from spicesnn.cli import main
from spicesnn.errors import ConfigError, NgspiceMissingError, RunError, UnknownNameError
from spicesnn.plotting.sweeps import sweep_figure
from spicesnn.training import sweep as sweeping

SHORT = ["training.epochs=2"]


def plan(*over, seeds=1, **more):
    return sweeping.plan("letters-3x3", over, seeds=seeds, overrides=SHORT, **more)


def test_values_and_ranges():
    assert sweeping.parse_over("a.b=0,1, 2.5") == ("a.b", ["0", "1", "2.5"])
    assert sweeping.parse_over("a.b=0:1:0.25") == ("a.b", ["0", "0.25", "0.5", "0.75", "1"])
    assert sweeping.parse_over("a.b=3:1:-1") == ("a.b", ["3", "2", "1"])


@pytest.mark.parametrize(
    "text", ["a.b", "a.b=", "=1", "a.b=0:1:0", "a.b=0:1:-1", "a.b=x:y:z", "a.b=0:1:1e-9"]
)
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
    other = sweeping.plan(
        "letters-3x3", ["array.word_line_ohm=1"], seeds=1, overrides=["training.epochs=3"]
    )
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
    second = sweeping.sweep(
        points, tmp_path, progress=lambda done, total: told.append((done, total))
    )
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
    rows = [{"x": "1", "test_accuracy": value} for value in (0.8, 0.9, 1.0)] + [
        {"x": "2", "test_accuracy": 0.5}
    ]
    first, second = sweeping.summarised(rows, ["x"])
    assert first["mean"] == pytest.approx(0.9)
    assert first["half_width"] == pytest.approx(4.30265 * 0.1 / np.sqrt(3), rel=1e-5)
    assert (second["seeds"], np.isnan(second["half_width"])) == (1, True)


def test_the_figure_shows_the_means_in_percent_with_their_intervals():
    table = [
        {"x": "1k", "k": "a", "seeds": 3, "mean": 0.8, "half_width": 0.1},
        {"x": "500", "k": "a", "seeds": 3, "mean": 0.9, "half_width": 0.05},
    ]
    axes = sweep_figure(table, ["x", "k"]).axes[0]
    line = axes.containers[0].lines[0]
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([500.0, 1000.0], [90.0, 80.0])
    assert axes.get_xlabel() == "x"
    named = sweep_figure([{**row, "x": f"n{row['x']}"} for row in table], ["x"]).axes[0]
    assert [label.get_text() for label in named.get_xticklabels()] == ["n1k", "n500"]


def test_the_command_writes_table_and_figure(tmp_path, capfd):
    arguments = [
        "sweep",
        "letters-3x3",
        "--over",
        "array.word_line_ohm=0,1",
        "--set",
        "training.epochs=1",
        "--out",
        str(tmp_path),
        "--json",
    ]
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
            seen.append(
                (len(result.rows), [row["array.word_line_ohm"] for row in csv.DictReader(file)])
            )

    whole = sweeping.sweep(plan("array.word_line_ohm=0,1,2", engine="nodal"), tmp_path, watch=watch)
    assert seen == [(1, ["0"]), (2, ["0", "1"]), (3, ["0", "1", "2"])]
    assert len(whole.rows) == 3


def test_a_table_in_parquet_has_numbers_for_what_was_swept(tmp_path, capfd):
    arguments = [
        "sweep",
        "letters-3x3",
        "--over",
        "wires.word_line_ohm=0,1.5",
        "--set",
        "training.epochs=1",
        "--engine",
        "nodal",
    ]
    assert main([*arguments, "--out", str(tmp_path), "--parquet", "--json"]) == 0
    table = pd.read_parquet(json.loads(capfd.readouterr().out)["parquet"])
    assert table["wires.word_line_ohm"].tolist() == [0.0, 1.5]
    assert table["seed"].tolist() == [0, 0]
    assert table["test_accuracy"].between(0, 1).all()


def test_parquet_without_its_package_is_refused_before_anything_is_computed(
    tmp_path, monkeypatch, capfd
):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert (
        main(
            [
                "sweep",
                "letters-3x3",
                "--over",
                "array.word_line_ohm=0",
                "--parquet",
                "--out",
                str(tmp_path / "out"),
            ]
        )
        == 1
    )
    assert "pip install 'spicesnn[views]'" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_scheduler_that_is_not_there_is_one_message(tmp_path):
    pytest.importorskip("distributed")
    with pytest.raises(ConfigError, match="no Dask scheduler answers at nonsense"):
        sweeping.sweep(plan("array.word_line_ohm=0"), tmp_path, scheduler="nonsense://nowhere:1")


def test_a_port_where_something_else_listens_is_one_message(tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("spicesnn.workers._PATIENCE_S", 0.3)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(
            ConfigError,
            match=f"no Dask scheduler answers at {address}: nothing that Dask understands within 0.3 s; start one",
        ):
            sweeping.sweep(plan("array.word_line_ohm=0"), tmp_path, scheduler=address)


def test_a_point_that_fails_is_named_and_costs_no_other(tmp_path):
    points = plan("device.k_on=-2.4e-7,-1e300,-2e-7")
    said = r"1 of 3 points failed: device.k_on=-1e300, seed 0: vteam: the state of cell .* too fast to follow.*\nThe others are kept, and in .*csv"
    with pytest.raises(RunError, match=said):
        sweeping.sweep(points, tmp_path)
    with (tmp_path / "sweep.csv").open(newline="") as file:
        assert [row["device.k_on"] for row in csv.DictReader(file)] == ["-2.4e-7", "-2e-7"]
    assert sweeping.sweep([points[0], points[2]], tmp_path).computed == 0


def test_many_points_that_fail_are_one_message(tmp_path, monkeypatch):
    def broken(*arguments, **more):
        raise IndexError("no such line\nand more")

    monkeypatch.setattr(sweeping, "compute", broken)
    said = r"6 of 6 points failed: array.word_line_ohm=0, seed 0: IndexError: no such line and more \(also at .*=2, seed 0; .* …\)"
    with pytest.raises(RunError, match=said) as told:
        sweeping.sweep(plan("array.word_line_ohm=0:10:2"), tmp_path)
    assert len(str(told.value).splitlines()) == 2


@pytest.mark.parametrize(
    "error", [NgspiceMissingError("no ngspice here"), sweeping.WorkersError("another version")]
)
def test_what_would_stop_every_point_stops_the_sweep(error, tmp_path, monkeypatch):
    asked = []

    def broken(*arguments, **more):
        asked.append(arguments)
        raise error

    monkeypatch.setattr(sweeping, "compute", broken)
    with pytest.raises(type(error), match=str(error)):
        sweeping.sweep(plan("array.word_line_ohm=0,1"), tmp_path)
    assert len(asked) == 1


def test_a_worker_of_another_version_computes_nothing(tmp_path, monkeypatch):
    (point,) = plan("array.word_line_ohm=0")
    key = point.key
    monkeypatch.setattr(sweeping, "__version__", "0.0.1")
    with pytest.raises(
        sweeping.WorkersError,
        match=r"has spicesnn 0\.0\.1, another version than this one; install the same everywhere",
    ):
        sweeping.compute(point.tables, key, str(tmp_path))


def test_a_worker_that_does_not_see_the_folder_leaves_the_file_to_whoever_asked(
    tmp_path, monkeypatch
):
    (point,) = plan("array.word_line_ohm=0")
    alone = sweeping.sweep([point], tmp_path / "alone")
    real = sweeping.compute
    monkeypatch.setattr(
        sweeping,
        "compute",
        lambda tables, key, folder, **more: real(tables, key, str(tmp_path / "not here"), **more),
    )
    apart = sweeping.sweep([point], tmp_path / "apart")
    assert (tmp_path / "apart" / "points" / f"{point.key}.json").is_file()
    assert not (tmp_path / "not here").exists()
    assert without_times(apart.rows) == without_times(alone.rows)


def without_times(rows):
    return [{name: value for name, value in row.items() if name != "wall_s"} for row in rows]


class Cluster:
    """A real scheduler and worker processes."""

    def __init__(self, port):
        self.address, self.processes = f"tcp://127.0.0.1:{port}", []
        self.scheduler = self.start("distributed.cli.dask_scheduler", "--port", str(port))

    def start(self, module, *arguments, before="pass"):
        code = f"{before}; import runpy; runpy.run_module({module!r}, run_name='__main__')"
        call = [sys.executable, "-c", code, *arguments, "--no-dashboard"]
        process = subprocess.Popen(
            call,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.processes.append(process)
        return process

    def worker(self, before="pass"):
        return self.start(
            "distributed.cli.dask_worker",
            self.address,
            "--nthreads",
            "1",
            "--no-nanny",
            before=before,
        )


@pytest.fixture
def cluster():
    pytest.importorskip("distributed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Cluster(port)
    time.sleep(4)
    yield made
    for process in made.processes:
        process.kill()
        process.wait()


def after(count, process):
    """Return a watcher that kills a process once so many points are done."""

    def progress(done, total):
        if done >= count and process.poll() is None:
            process.kill()

    return progress


def long_points():
    return sweeping.plan(
        "letters-3x3", ["array.word_line_ohm=0:4:1"], seeds=2, overrides=["training.epochs=20"]
    )


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(tmp_path, cluster):
    """A real scheduler, two worker processes, one of them killed in the middle: the same table as
    on one process."""
    alone = sweeping.sweep(long_points(), tmp_path / "alone")
    workers = [cluster.worker() for _ in range(2)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there are no workers yet
        together = sweeping.sweep(
            long_points(),
            tmp_path / "together",
            scheduler=cluster.address,
            progress=after(2, workers[0]),
        )
    assert workers[0].poll() == -signal.SIGKILL
    assert without_times(alone.rows) == without_times(together.rows)


@pytest.mark.slow
def test_a_killed_scheduler_is_one_message_and_what_was_computed_is_kept(tmp_path, cluster):
    cluster.worker()
    with (
        pytest.warns(UserWarning, match=r"has no workers yet; start some with `dask worker tcp"),
        pytest.raises(
            RunError,
            match="the Dask scheduler is gone; what was computed is kept: start the sweep again",
        ),
    ):
        sweeping.sweep(
            long_points(), tmp_path, scheduler=cluster.address, progress=after(2, cluster.scheduler)
        )
    kept = len(list((tmp_path / "points").glob("*.json")))
    assert 2 <= kept < 10
    assert sweeping.sweep(long_points(), tmp_path).computed == 10 - kept


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "said"),
    [
        (
            "import spicesnn._version as v; v.__version__ = '0.0.1'",
            r"has spicesnn 0\.0\.1, another version than this one",
        ),
        (
            "import sys; sys.meta_path.insert(0, type('No', (), {'find_spec': "
            "staticmethod(lambda name, *_: 1 / 0 if name == 'spicesnn' else None)}))",
            "Dask workers without spicesnn: tcp://",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:the Dask scheduler")
def test_workers_with_another_spicesnn_or_none_are_one_message(before, said, tmp_path, cluster):
    cluster.worker(before)
    time.sleep(6)
    with pytest.raises(RunError, match=said):
        sweeping.sweep(long_points(), tmp_path, scheduler=cluster.address)
