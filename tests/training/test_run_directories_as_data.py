"""A run directory from somebody else: links in it are not followed, files of another run are
refused, tables hold text and no formulas."""

import json
import os
import shutil

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.cli import main
from spicesnn.errors import InputError, RunError
from spicesnn.reporting.decks import write_decks
from spicesnn.reporting.report import write_report
from spicesnn.training import RunDirectory, infer, kept_starts, load, train, train_starts
from spicesnn.training.run_files import plain_array
from spicesnn.whole_file import appearing, as_text, write_rows


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    train(load("letters-3x3", {"training.updates": 2}), engine=sn.NodalEngine(), out=path)
    return path


@pytest.fixture
def run(trained, tmp_path):
    """Return a copy of a finished run, and a file outside that nothing may touch or read."""
    shutil.copytree(trained, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def victim(tmp_path):
    file = tmp_path / "victim"
    file.write_text("precious\n")
    return file


FILES = (
    ".lock",
    "log.txt",
    "run.toml",
    "metrics.json",
    "history.npz",
    "state.npz",
    "state-before.npz",
    "figures",
    "figures/confusion.png",
)
USES = {
    "resume": lambda run: train(load("letters-3x3"), engine=sn.NodalEngine(), out=run, resume=True),
    "infer": lambda run: infer(run, engine=sn.NodalEngine()),
    "report": lambda run: write_report([run], check=False),
    "netlist": lambda run: write_decks(str(run), {}, folder=run.parent),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("name", FILES)
def test_no_command_follows_a_link_in_a_run(run, victim, name, use):
    place = run / name
    target = victim
    if name == "figures":
        shutil.rmtree(place)
        target = victim.parent / "elsewhere"
        target.mkdir()
    else:
        if place.exists() and name not in (".lock", "log.txt"):
            victim.write_bytes(place.read_bytes())
        place.unlink(missing_ok=True)
    place.symlink_to(target)
    before = victim.read_bytes()
    with pytest.raises(RunError, match=r"a link to .*not followed"):
        USES[use](run)
    assert victim.read_bytes() == before
    assert name != "figures" or not list(target.iterdir())


@pytest.mark.parametrize("name", [".lock", "log.txt"])
def test_a_second_name_of_another_file_is_not_written(run, victim, name):
    (run / name).unlink()
    (run / name).hardlink_to(victim)
    with pytest.raises(RunError, match="second name"):
        USES["resume"](run)
    assert victim.read_text() == "precious\n"


@pytest.mark.parametrize("name", [".lock", "log.txt", "metrics.json", "history.npz"])
def test_a_pipe_in_a_run_does_not_make_a_command_wait(run, name):
    (run / name).unlink()
    os.mkfifo(run / name)
    for use in USES.values():
        with pytest.raises(RunError, match="pipe"):
            use(run)


def test_a_new_run_writes_through_no_link_either(tmp_path, victim):
    out = tmp_path / "new"
    out.mkdir()
    (out / "log.txt").symlink_to(victim)
    with pytest.raises(RunError, match="a link"):
        train(load("letters-3x3", {"training.updates": 1}), engine=sn.NodalEngine(), out=out)
    (other := tmp_path / "other").mkdir()
    (other / "figures").symlink_to(tmp_path)
    with pytest.raises(RunError, match="a link"):
        train(load("letters-3x3", {"training.updates": 1}), engine=sn.NodalEngine(), out=other)
    assert victim.read_text() == "precious\n"


def test_what_appears_replaces_a_link_and_leaves_its_target(tmp_path, victim):
    (tmp_path / "table.csv").symlink_to(victim)
    (tmp_path / f".table.csv.{os.uname().nodename}.{os.getpid()}.part").symlink_to(victim)
    write_rows(tmp_path / "table.csv", [{"a": 1}], ["a"])
    assert victim.read_text() == "precious\n"
    assert (tmp_path / "table.csv").read_text() == "a\n1\n"
    assert not (tmp_path / "table.csv").is_symlink()
    with pytest.raises(KeyError), appearing(tmp_path / "never"):
        raise KeyError
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table.csv", "victim"]


OF_ANOTHER = [
    ("report", "history.npz"),
    ("report", "metrics.json"),
    ("report", "state.npz"),
    ("infer", "metrics.json"),
    ("infer", "state.npz"),
]


@pytest.mark.parametrize(("use", "name"), OF_ANOTHER)
def test_files_of_another_run_are_refused(run, tmp_path, name, use):
    other = tmp_path / "other"
    train(
        load("letters-3x3", {"training.updates": 2}), engine=sn.NodalEngine(), out=other, rng_seed=7
    )
    shutil.copy(other / name, run / name)
    with pytest.raises(RunError, match="another configuration"):
        USES[use](run)


def test_a_run_that_is_moved_with_its_data_is_the_same_run(run, tmp_path):
    shutil.move(run, tmp_path / "moved")
    assert infer(tmp_path / "moved", engine=sn.NodalEngine()).n_test == 30


def test_starts_of_another_run_are_refused(tmp_path):
    config = load("letters-3x3", {"training.updates": 1})
    for seed in (1, 2):
        train_starts(
            config, engine=sn.NodalEngine(), starts=2, out=tmp_path / f"{seed}", rng_seed=seed
        )
    assert list(kept_starts(tmp_path / "1")["seed"]) == [1, 2]
    shutil.copy(tmp_path / "2" / "starts.npz", tmp_path / "1" / "starts.npz")
    with pytest.raises(RunError, match="another configuration"):
        kept_starts(tmp_path / "1")


WRONG = {
    "test_accuracy": [1.5, "much", None, [], True, -0.1],
    "n_test": [0, 1.5, "x", None],
    "wall_s": ["<b>", None, {}],
    "energy_joule": ["x", []],
    "rows": [-1, "9", 0.5],
    "accuracy_by_class": [3, ["a"]],
    "preset": [1, None],
}


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in WRONG.items() for value in values]
)
def test_metrics_that_no_run_leaves_are_named(run, key, value):
    content = json.loads((run / "metrics.json").read_text())
    (run / "metrics.json").write_text(json.dumps(content | {key: value}))
    with pytest.raises(RunError, match=f"damaged: {key} is"):
        RunDirectory.existing(run).metrics()


@pytest.mark.parametrize(
    "text", ["[]", "3", "null", "{}", '{"a": NaN}', "[" * 100_000, '{"a":' * 100_000, "\xff", ""]
)
def test_metrics_that_are_no_table_are_one_line(run, text):
    (run / "metrics.json").write_text(text, encoding="latin-1")
    with pytest.raises(RunError) as told:
        RunDirectory.existing(run).metrics()
    assert len(str(told.value).splitlines()) == 1


def test_names_do_not_become_formulas_in_tables(tmp_path):
    hostile = [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "@SUM(A1)",
        "-2+3",
        "\t=1",
        "\r=1",
        " =1",
        '=HYPERLINK("http://x")',
    ]
    assert [as_text(name) for name in hostile] == [f"'{name}" for name in hostile]
    for number in ("-1", "+1e-3", "-inf", "-0.5", -3, 2.5, None, "vteam", "a=b", "0,1"):
        assert as_text(number) == number
    write_rows(tmp_path / "t.csv", [{"=key": name} for name in hostile], ["=key"])
    import csv

    with (tmp_path / "t.csv").open(newline="") as file:
        cells = [row[0] for row in csv.reader(file)]
    assert cells == ["'=key", *(f"'{name}" for name in hostile)]


def test_a_name_that_is_swept_is_text_in_the_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "=1+1.csv").write_text(
        "a,b,label\n" + "".join(f"{k % 3},{k % 2},{'xy'[k % 2]}\n" for k in range(12))
    )
    settings = [
        "--set",
        "data.source=file",
        "--set",
        "training.updates=1",
        "--set",
        "network.columns=differential",
    ]
    assert (
        main(["sweep", "letters-3x3", *settings, "--over", "data.path==1+1.csv", "--out", "swept"])
        == 0
    )
    assert "\n'=1+1.csv," in (tmp_path / "swept" / "sweep.csv").read_text()


def test_masks_and_imaginary_parts_are_not_lost_in_silence(run):
    directory = RunDirectory.existing(run)
    with pytest.raises(InputError, match="masked"):
        directory.save_arrays("x.npz", {"a": np.ma.masked_greater(np.arange(3.0), 1)})
    with pytest.raises(InputError, match="complex128"):
        directory.save_arrays("x.npz", {"a": np.array([1 + 1j])})
    with pytest.raises(InputError, match="object"):
        directory.save_arrays("x.npz", {"a": np.array([None])})
    assert plain_array("a", [1, 2]).tolist() == [1, 2]
    assert not (run / "x.npz").exists()
