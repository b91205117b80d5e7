"""A file that a run reads is the same file when the run goes on or is tested: data, weights,
devices, and what these name."""

import shutil
import warnings

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.cli import main
from spicesnn.errors import DataError
from spicesnn.plotting.run_data import RunData
from spicesnn.reporting.decks import write_decks
from spicesnn.training import RunDirectory, infer, input_files, load, replay, train, train_starts
from spicesnn.training.config import read_tables
from spicesnn.training.run import CheckpointWarning
from spicesnn.training.sweep import plan, sweep


def written(path, seed=0):
    rng = np.random.default_rng(seed)
    lines = [f"{a:.3f},{b:.3f},{'ab'[int(a > b)]}" for a, b in rng.random((12, 2))]
    path.write_text("\n".join(["x,y,label", *lines]) + "\n")
    return path


OWN = {"data.source": "file", "training.updates": 2, "network.columns": "differential"}


@pytest.fixture
def begun(tmp_path):
    data = written(tmp_path / "own.csv")
    train(
        load("letters-3x3", {**OWN, "data.path": str(data)}),
        engine=sn.NodalEngine(),
        out=tmp_path / "run",
    )
    return tmp_path / "run", data


def test_run_toml_says_what_stood_in_each_file(begun):
    run, data = begun
    assert read_tables(run / "run.toml")["files"] == {"data.path": input_files.digest(data)}


def test_a_run_without_files_says_nothing_of_them(tmp_path):
    train(
        load("letters-3x3", {"training.updates": 1}), engine=sn.NodalEngine(), out=tmp_path / "run"
    )
    assert "files" not in read_tables(tmp_path / "run" / "run.toml")


def test_a_run_does_not_go_on_with_changed_data(begun):
    run, data = begun
    before = data.read_bytes()
    written(data, seed=1)
    with pytest.raises(
        DataError,
        match=r"^data\.path \(.*own\.csv\) has changed since .*; bring back what stood there, or train again$",
    ):
        train(load("letters-3x3"), engine=sn.NodalEngine(), out=run, resume=True)
    data.write_bytes(before)
    data.touch()
    train(load("letters-3x3"), engine=sn.NodalEngine(), out=run, resume=True)


USES = [
    lambda run, other: infer(run, engine=sn.NodalEngine()),
    lambda run, other: write_decks(str(run), {}, folder=other),
    lambda run, other: RunData(run),
]


@pytest.mark.parametrize("use", USES)
def test_who_tests_or_draws_a_run_is_told_of_changed_data(begun, tmp_path, use):
    run, data = begun
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        use(run, tmp_path)
    written(data, seed=1)
    with pytest.warns(
        CheckpointWarning,
        match=r"^data\.path \(.*own\.csv\) has changed since .*: answers and figures are of what stands there now$",
    ):
        use(run, tmp_path)


def test_a_run_that_was_moved_with_its_data_is_the_same_run(begun, tmp_path):
    run, data = begun
    (tmp_path / "there").mkdir()
    moved, text = data.rename(tmp_path / "there" / "own.csv"), (run / "run.toml").read_text()
    (run / "run.toml").write_text(text.replace(str(data), str(moved)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (
            infer(run, engine=sn.NodalEngine()).n_test
            == RunDirectory.existing(run).metrics()["n_test"]
        )


def test_the_command_line_says_it_in_one_line(begun, capsys):
    run, data = begun
    written(data, seed=1)
    assert main(["infer", str(run)]) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if "data.path" in line]
    assert len(said) == 1
    assert main(["train", "--resume", "--out", str(run)]) == 1
    assert capsys.readouterr().err.startswith("error: data.path")


def test_held_out_samples_of_their_own_count_too(tmp_path):
    data, test = written(tmp_path / "own.csv"), written(tmp_path / "test.csv", seed=2)
    config = load("letters-3x3", {**OWN, "data.path": str(data), "data.test_path": str(test)})
    train(config, engine=sn.NodalEngine(), out=tmp_path / "run")
    written(test, seed=3)
    with pytest.warns(CheckpointWarning, match=r"data\.test_path"):
        infer(tmp_path / "run", engine=sn.NodalEngine())


def test_many_starts_go_on_with_the_same_data_only(tmp_path):
    data = written(tmp_path / "own.csv")
    config = load("letters-3x3", {**OWN, "data.path": str(data)})
    train_starts(config, engine=sn.NodalEngine(), starts=1, out=tmp_path / "run")
    written(data, seed=1)
    with pytest.raises(DataError, match=r"data\.path"):
        train_starts(config, engine=sn.NodalEngine(), starts=2, out=tmp_path / "run", resume=True)
    with pytest.raises(DataError, match=r"data\.path"):
        replay(tmp_path / "run", 0, out=tmp_path / "again")


def test_a_sweep_computes_a_point_again_when_its_data_have_changed(tmp_path):
    data = written(tmp_path / "own.csv")
    overrides = [f"{key}={value}" for key, value in {**OWN, "data.path": data}.items()]
    points = plan("letters-3x3", ["array.word_line_ohm=1,2"], seeds=1, overrides=overrides)
    assert sweep(points, tmp_path / "sweep").computed == 2
    again = plan("letters-3x3", ["array.word_line_ohm=1,2"], seeds=1, overrides=overrides)
    assert sweep(again, tmp_path / "sweep").computed == 0
    written(data, seed=1)
    assert (
        sweep(
            plan("letters-3x3", ["array.word_line_ohm=1,2"], seeds=1, overrides=overrides),
            tmp_path / "sweep",
        ).computed
        == 2
    )


def test_a_sweep_whose_data_change_meanwhile_says_so(tmp_path):
    data = written(tmp_path / "own.csv")
    points = plan(
        "letters-3x3",
        ["array.word_line_ohm=1"],
        seeds=1,
        overrides=[f"{k}={v}" for k, v in {**OWN, "data.path": data}.items()],
    )
    written(data, seed=1)
    with pytest.raises(Exception, match=r"data\.path .* changed while the sweep ran"):
        sweep(points, tmp_path / "sweep")


def test_a_device_file_counts_with_the_netlist_it_names_and_what_that_includes(tmp_path):
    from spicesnn import paths

    for name in ("foreign_memristor.toml", "foreign_memristor.lib"):
        shutil.copy(paths.netlists_dir() / name, tmp_path / name)
    first = input_files.digest(tmp_path / "foreign_memristor.toml")
    library = tmp_path / "foreign_memristor.lib"
    library.write_text(library.read_text() + "* a comment\n")
    second = input_files.digest(tmp_path / "foreign_memristor.toml")
    (tmp_path / "more.inc").write_text(".param unused=1\n")
    library.write_text(library.read_text() + '.include "more.inc"\n')
    third = input_files.digest(tmp_path / "foreign_memristor.toml")
    (tmp_path / "more.inc").write_text(".param unused=2\n")
    fourth = input_files.digest(tmp_path / "foreign_memristor.toml")
    assert len({first, second, third, fourth}) == 4


def test_a_measured_device_counts_with_its_table(tmp_path):
    (tmp_path / "device.toml").write_text('[device]\nmodel = "measured"\ntable = "t.csv"\n')
    (tmp_path / "t.csv").write_text("1")
    before = input_files.digest(tmp_path / "device.toml")
    (tmp_path / "t.csv").write_text("2")
    assert input_files.digest(tmp_path / "device.toml") != before


def test_a_folder_counts_by_the_files_that_are_read(tmp_path):
    for name in (
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ):
        (tmp_path / name).write_bytes(name.encode())
    before = input_files.digest(tmp_path)
    (tmp_path / "notes.txt").write_text("anything")
    assert input_files.digest(tmp_path) == before
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(b"other")
    assert input_files.digest(tmp_path) != before


def test_images_count_with_their_labels(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(bytes([0, 0, 8, 3]) + bytes(12))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(b"1")
    before = input_files.digest(tmp_path / "train-images-idx3-ubyte")
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(b"2")
    assert input_files.digest(tmp_path / "train-images-idx3-ubyte") != before


def test_an_absent_file_has_no_digest_and_is_left_to_who_opens_it(tmp_path):
    assert input_files.digest(tmp_path / "absent.csv") == ""
    assert (
        input_files.changed({"data": {"path": str(tmp_path / "absent.csv")}}, {"data.path": "0"})
        == []
    )
