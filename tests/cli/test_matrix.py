"""Every command against the same questions: what folders, paths, units, words and terminals do to
it."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.main import get_command

from spicesnn.cli import output
from spicesnn.cli.app import _COMMANDS, app
from spicesnn.cli.options import _RESULTS
from spicesnn.cli.words import COMMANDS, OPTIONS, literal

QUICK = {
    "iv": ["iv", "resistor"],
    "train": ["train", "xpue", "--engine", "nodal", "--set", "training.updates=1", "--no-figures"],
    "sweep": [
        "sweep",
        "letters-3x3",
        "--over",
        "array.word_line_ohm=0",
        "--set",
        "training.updates=1",
    ],
    "study": ["study", "read-margin", "--set", "margin.sizes=[2, 4]"],
    "netlist": ["netlist", "xpue"],
    "map": ["map", "net.npz", "--data", "data.npz", "--no-figures"],
}
"""Commands that fill a folder, in a second each."""
ABSENT = {
    "iv": ["iv", "nowhere/x.toml"],
    "train": ["train", "nowhere/x.toml"],
    "infer": ["infer", "nowhere"],
    "map": ["map", "nowhere.npz", "--data", "nowhere.csv"],
    "sweep": ["sweep", "nowhere/x.toml", "--over", "seed=1"],
    "study": ["study", "nowhere/x.toml"],
    "report": ["report", "nowhere"],
    "netlist": ["netlist", "nowhere/x.toml"],
    "stdp-window": ["stdp-window", "nowhere/x.toml"],
    "fit": ["fit", "vteam", "nowhere.csv"],
    "characterize": ["characterize", "nowhere/x.toml"],
    "import": ["import", "nowhere.lib"],
}


@pytest.fixture
def data(tmp_path):
    np.savez(tmp_path / "net.npz", w0=np.eye(3), b0=np.zeros(3))
    np.savez(tmp_path / "data.npz", x=np.eye(3), y=np.arange(3))


@pytest.mark.parametrize("name", sorted(ABSENT))
def test_a_path_that_is_not_there_is_wrong_usage_and_leaves_nothing(name, run, tmp_path):
    code, out, err = run(*ABSENT[name])
    assert (code, out) == (2, "")
    assert "nowhere" in err
    assert len(err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("name", sorted(QUICK))
def test_results_of_another_command_stay_and_a_command_says_where_it_wrote(name, run, tmp_path):
    code, out, err = run(*QUICK[name], "--out", "mine")
    assert code == 0, err
    assert "mine" in out
    assert any((tmp_path / "mine").iterdir())
    there = {path: path.read_bytes() for path in (tmp_path / "mine").rglob("*") if path.is_file()}
    for other, command in QUICK.items():
        if other == name or {other, name} == {"train", "map"}:
            continue
        code, out, err = run(*command, "--out", "mine")
        assert (code, out) == (1, ""), (name, other)
        assert re.search(r"mine already contains .*; give another --out", err), err
    assert {
        path: path.read_bytes() for path in (tmp_path / "mine").rglob("*") if path.is_file()
    } == there


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("name", sorted(QUICK))
def test_its_own_results_are_written_again_but_a_run_is_never_overwritten(name, run):
    assert run(*QUICK[name], "--out", "mine")[0] == 0
    code, _, err = run(*QUICK[name], "--out", "mine")
    if name in ("train", "map"):
        assert code == 1
        assert "mine already contains a run" in err
    else:
        assert code == 0


@pytest.mark.parametrize("name", sorted(QUICK))
def test_out_that_reads_like_a_file_is_wrong_usage(name, run, tmp_path):
    np.savez(tmp_path / "net.npz", w0=np.eye(3), b0=np.zeros(3))
    np.savez(tmp_path / "data.npz", x=np.eye(3), y=np.arange(3))
    code, _, err = run(*QUICK[name], "--out", "curve.csv")
    assert code == 2
    assert "--out curve.csv: expected a folder" in err
    assert not (tmp_path / "curve.csv").exists()


@pytest.mark.parametrize("name", sorted(_COMMANDS))
@pytest.mark.parametrize("width", [40, 80])
def test_help_fits_the_terminal_and_keeps_its_brackets(name, width, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERMINAL_WIDTH", str(width))
    code, out, _ = run(name, "--help")
    assert code == 0
    assert max(map(len, out.splitlines())) <= width
    words = re.findall(r"\[[a-z]+\]", _COMMANDS[name].__doc__ or "")
    flat = re.sub(r"[\s│]+", "", out)
    assert all(word in flat for word in words), words
    assert "\\[" not in out


def test_the_help_of_an_option_keeps_its_brackets_and_a_flag_takes_no_value(run, monkeypatch):
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 160)
    _, out, _ = run("iv", "--help")
    assert "drawn from the table [imperfections]." in out
    assert "<bool>" not in "".join(line for line in out.splitlines() if "--help" not in line)


def test_the_list_of_commands_has_a_sentence_each_without_its_line_breaks():
    import typer

    shown = typer.main.get_command(app).commands["train"].get_short_help_str(limit=200)
    assert shown == (
        "Train a network and write a run directory: configuration, metrics, history, states,"
        " figures, report.html."
    )


def test_brackets_that_rich_takes_for_styles_are_escaped_once():
    assert literal("table [imperfections] of [1, 2]") == r"table \[imperfections] of [1, 2]"
    assert literal(literal("table [imperfections]")) == r"table \[imperfections]"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_bar_count_and_remaining_time_stay_whatever_the_terminal_has_room_for(width, monkeypatch):
    drawn = io.StringIO()
    monkeypatch.setattr(
        output,
        "console_on",
        lambda channel: Console(file=drawn, width=width, force_terminal=True, color_system=None),
    )
    with output.progress() as bars:
        task = bars.add_task("training a network of a long name", total=1000, note="")
        for done in (100, 200, 300):
            bars.update(
                task, completed=done, note="epoch 3, training accuracy 88.10 %, 12.3 µJ delivered"
            )
            time.sleep(0.1)
        shown = io.StringIO()
        Console(file=shown, width=width, color_system=None).print(bars.get_renderable())
    line = shown.getvalue().rstrip("\n")
    assert "\n" not in line
    assert "━━" in line
    assert "300/1000" in line
    assert len(re.findall(r"\d:\d\d:\d\d", line)) == 2
    assert "epo" in line


@pytest.mark.parametrize("name", sorted(QUICK))
@pytest.mark.usefixtures("data")
def test_without_a_terminal_nothing_is_drawn_on_stderr(name, run):
    _, _, err = run(*QUICK[name], "--out", "mine")
    assert "━" not in err
    assert "\r" not in err
    assert "\x1b" not in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("iv", "vteam", "--set", "device.r_on=2mV"), "vteam: r_on = '2mV' is in V; expected Ω"),
        (("iv", "vteam", "--amplitude", "1kHz"), "--amplitude = '1kHz' is in Hz; expected V"),
        (("iv", "vteam", "--frequency", "1k,2 s"), "--frequency = '2 s' is in s; expected Hz"),
        (
            ("iv", "linear-drift", "--waveform", "sweep", "--stops", "0,1 ohm"),
            "is in Ω; expected V",
        ),
        (
            ("train", "xpue", "--set", "array.word_line_ohm=2mV"),
            "array.word_line_ohm = '2mV' is in V; expected Ω",
        ),
        (
            ("train", "xpue", "--set", "encoding.read_s=1mV"),
            "encoding.read_s = '1mV' is in V; expected s",
        ),
        (("train", "xpue", "--set", "data.test_fraction=0.1V"), "is in V; expected a plain number"),
        (("train", "xpue", "--set", "device.transconductance=1 Hz"), "is in Hz"),
        (
            ("fit", "vteam", "x.csv", "--pulse-width", "1 V"),
            "--pulse-width = '1 V' is in V; expected s",
        ),
        (("characterize", "1t1r", "--from", "1s"), "--from = '1s' is in s; expected V"),
        (("sweep", "letters-3x3", "--over", "array.word_line_ohm=1V"), "is in V; expected Ω"),
    ],
)
def test_a_unit_of_another_kind_is_wrong_usage(arguments, said, run, tmp_path):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert not any((tmp_path / "runs").rglob("*"))


@pytest.mark.parametrize("value", ["2", "2ohm", "2 Ω", "0.002k", "2000 mohm"])
def test_a_unit_of_the_right_kind_or_none_is_taken(value, run_json):
    code, answer, _ = run_json("iv", "resistor", "--set", f"device.resistance={value}")
    assert code == 0
    assert answer["peak_amps"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train", "xpue", "--set", "word_line_ohm=2"), "did you mean 'array.word_line_ohm'?"),
        (("train", "xpue", "--set", "epochs=2"), "or 'training.epochs'?"),
        (("train", "xpue", "--set", "r_on=2"), "did you mean 'device.r_on'?"),
        (("train", "xpue", "--set", "read_noise=2"), "did you mean 'imperfections.read_noise'?"),
        (("iv", "vteam", "--set", "r_on=2"), "did you mean 'device.r_on'?"),
        (("train", "xpue", "--set", "nonsense=2"), "The options there are"),
        (("iv", "VTEM"), "did you mean 'vteam'?"),
        (("train", "XPUE"), "did you mean 'xpue'?"),
    ],
)
def test_a_key_without_its_section_or_in_capitals_is_answered_with_the_right_one(
    arguments, said, run
):
    code, _, err = run(*arguments)
    assert code == 2
    assert said in err


def test_a_device_in_capitals_is_found(run):
    assert "vteam on nodal" in run("iv", "VTEAM")[1]
    assert run("devices", "VTEAM")[0] == 0
    assert "without a name lists all" in run("devices", "list")[2]


def test_a_measurement_before_its_model_is_told(run, tmp_path):
    (tmp_path / "sweep.csv").write_text("time,volts,amps\n0,0,0\n1,1,1\n2,0,0\n")
    code, _, err = run("fit", "sweep.csv", "vteam")
    assert code == 2
    assert "the model comes before the measurement: spicesnn fit vteam sweep.csv" in err


@pytest.mark.parametrize("word", sorted(COMMANDS))
def test_a_command_of_elsewhere_is_answered_with_ours(word, run):
    code, _, err = run(word)
    assert code == 2
    assert f"No such command '{word}'; use {COMMANDS[word]}. See: spicesnn --help" in err


@pytest.mark.parametrize("option", ["-o", "--epochs", "--preset", "--quiet", "--list", "--wires"])
def test_an_option_of_elsewhere_is_answered_with_ours(option, run):
    code, _, err = run("train", "xpue", option)
    assert code == 2
    assert f"No such option: {option}; use {OPTIONS[option]}. See: spicesnn train --help" in err


@pytest.mark.parametrize("name", sorted(_COMMANDS))
def test_no_hint_names_an_option_that_the_command_does_not_have(name, run):
    there = {o for known in get_command(app).commands[name].params for o in known.opts}
    for option in sorted(set(OPTIONS) - there):
        _, _, err = run(name, option)
        named = set(re.findall(r"--[a-z-]+", err.partition("; use ")[2])) - {"--help"}
        assert not named or named & there, err


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        (["fit", "sweep.csv"], "as in `spicesnn fit vteam sweep.csv"),
        (["sweep", "xpue"], "as in `spicesnn sweep letters-3x3 --over array.word_line_ohm=0,1,2"),
        (["iv"], "as in `spicesnn iv vteam"),
    ],
)
def test_what_is_missing_is_shown_in_an_example(typed, shown, run):
    code, _, err = run(*typed)
    assert code == 2
    assert shown in err
    assert len(err.strip().splitlines()) == 1


def test_data_in_the_place_of_a_preset_are_told_where_they_go(run, tmp_path):
    table = tmp_path / "iris.csv"
    table.write_text("a,label\n1,0\n")
    code, _, err = run("train", str(table))
    assert code == 2
    assert f"--set data.source=file --set data.path={table}" in err


@pytest.mark.parametrize(("name", "listed"), [("train", "manhattan-4x4"), ("study", "read-margin")])
def test_a_command_without_its_name_lists_the_names(name, listed, run):
    code, _, err = run(name)
    assert code == 2
    assert listed in err
    assert len(err.strip().splitlines()) == 2


def test_every_folder_of_results_is_known_by_one_file():
    assert len(set(_RESULTS.values())) == len(_RESULTS)


def test_a_curve_loads_no_library_that_it_does_not_use(tmp_path):
    # With NumPy there one process draws, too.
    script = (
        "import numpy, sys\nfrom spicesnn.cli import main\n"
        "main(['iv', 'resistor'])\nprint(' '.join(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "matplotlib.figure" in loaded
    unwanted = {
        "scipy.interpolate",
        "scipy.stats",
        "pandas",
        "matplotlib.pyplot",
        "PySpice",
        "jinja2",
        "distributed",
        "spicesnn.training.loop",
    }
    assert not unwanted & loaded


def test_a_folder_of_many_starts_is_no_run_that_was_stopped(run):
    """Before: *the run was stopped before it was written; --resume continues*."""
    assert run("train", "xpue", "--engine", "nodal", "--starts", "2", "--out", "starts")[0] == 0
    for command in ("report", "infer", "netlist"):
        _, _, err = run(command, "starts")
        assert "holds many starts and no run in full; repeat one of them first" in err
        assert "spicesnn train --replay starts:0 --out RUN" in err


def test_a_text_without_a_sub_circuit_is_told_so(run):
    Path("notes.sub").write_text("hello world\n")
    code, _, err = run("import", "notes.sub")
    assert code != 0
    assert "notes.sub has no sub-circuit; expected .subckt NAME PINS" in err


def test_a_spread_of_the_preset_s_own_device_is_told_from_one_s_own(run):
    _, _, err = run("train", "letters-3x3", "--set", "device.model=stanford")
    assert "leave them out with imperfections.parameters=[]" in " ".join(err.split())
