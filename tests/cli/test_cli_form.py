"""What holds for every command: help, options, JSON, exit codes, and how fast help is."""

import itertools
import json
import re
import subprocess
import sys
from typing import get_args, get_type_hints

import numpy as np
import pytest

from spicesnn.cli import output
from spicesnn.cli.app import _COMMANDS, app

SPICESNN = [sys.executable, "-c", "import sys; from spicesnn.cli import main; sys.exit(main())"]


@pytest.mark.parametrize("name", sorted(_COMMANDS))
def test_every_command_has_help_with_an_example_and_the_common_options(name, run):
    code, out, _ = run(name, "--help")
    assert code == 0
    assert f"spicesnn {name}" in out
    assert "Example" in out
    for option in ("--json", "--out", "--seed", "--engine"):
        assert option in out, option
    assert "bool" not in out.lower()  # a flag takes no value


@pytest.mark.parametrize("name", sorted(_COMMANDS))
def test_help_is_as_wide_as_the_terminal_and_not_as_its_source(name, run, monkeypatch):
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 80)
    _, out, _ = run(name, "--help")
    above = [line.strip() for line in re.split("\n╭", out)[0].splitlines()]
    for line, after in itertools.pairwise(above):
        if line and after:
            assert len(f"{line} {after.split()[0]}") > 78, line


def test_every_example_in_a_help_text_names_options_that_exist():
    for name, function in _COMMANDS.items():
        example = re.search(r"Example:\s+spicesnn (.*)", function.__doc__ or "")
        assert example, name
        words = example.group(1).split()
        assert words[0] == name
        known = {o for p in _click(name).params for o in (*p.opts, *p.secondary_opts)}
        assert {word for word in words if word.startswith("--")} <= known


def _click(name):
    import typer

    return typer.main.get_command(app).commands[name]


def test_no_command_shows_the_list_and_is_wrong_usage(run):
    code, out, err = run()
    assert code == 2
    assert "doctor" in out + err


def test_the_version_is_printed(run):
    import spicesnn

    assert run("--version")[:2] == (0, f"spicesnn {spicesnn.__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tran",), "No such command 'tran'"),
        (("iv",), "Missing argument"),
        (("iv", "vteam", "--engine", "spectre"), "spectre"),
        (("iv", "vteam", "--sed", "1"), "No such option: --sed"),
        (("iv", "vteam", "--seed", "-1"), "Invalid value for '--seed'"),
        (("iv", "vtem"), "no device 'vtem'; did you mean 'vteam'?"),
        (
            ("iv", "vteam", "--set", "device.r_onn=1"),
            "no key 'device.r_onn'; did you mean 'device.r_on'?",
        ),
        (("iv", "vteam", "--set", "r_on"), "expected a key and a value"),
        (("iv", "vteam", "--set", "device.r_on=lots"), "'lots' is not a number"),
        (("iv", "vteam", "--set", "device.r_on=-5"), "outside its range"),
        (("iv", "vteam", "--amplitude", "high"), "'high' is not a number"),
        (("train", "xpu"), "no preset 'xpu'; did you mean 'xpue'?"),
        (("train", "xpue", "--set", "array.word_line_oh=1"), "did you mean 'array.word_line_ohm'?"),
        (("train", "absent.toml"), "there is no file absent.toml"),
        (("netlist", "xpu"), "no preset 'xpu'"),
        (("iv", "vteam", "--set", "engine.init=shell ls"), "init has 'shell ls'"),
        (("iv", "vteam", "--set", "engine.int=set a=1"), "did you mean 'engine.init'?"),
        (("train", "xpue", "--set", "engine.init=set foo=1"), "'foo' is no setting that passes"),
        (("characterize", "vteam", "--set", "engine.init=osdi a.osdi"), "which loads code"),
        (("stdp-window", "vteam", "--set", "engine.init=sett a=1"), "did you mean 'set'?"),
        (("study", "ir-drop", "--set", "engine.init=echo a"), "init has 'echo a'"),
        (
            ("sweep", "xpue", "--over", "training.epochs=1", "--set", "engine.init=echo a"),
            "has 'echo a'",
        ),
    ],
)
def test_wrong_usage_is_exit_code_2_and_one_or_two_lines(run, run_json, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) <= 2
    code, answer, _ = run_json(*arguments)
    assert code == answer["exit_code"] == 2
    assert message in answer["error"]


@pytest.mark.parametrize(
    "arguments",
    [("iv", "resistor"), ("train", "xpue", "--engine", "nodal"), ("netlist", "xpue"), ("devices",)],
)
def test_an_output_folder_that_cannot_be_made_is_one_message(run, tmp_path, arguments):
    (tmp_path / "file").write_text("in the way")
    code, out, err = run(*arguments, "--out", tmp_path / "file" / "out")
    assert (code, out) == (1, "")
    assert "cannot be made" in err
    assert "--out" in err
    assert len(err.strip().splitlines()) == 1


def test_what_is_no_run_directory_says_so(run, tmp_path):
    code, _, err = run("infer", tmp_path)
    assert code == 1
    assert "contains no run" in err


def test_without_ngspice_the_exit_code_is_3_and_the_message_says_what_to_do(
    run, run_json, monkeypatch
):
    monkeypatch.setenv("SPICESNN_LIBNGSPICE", "/nonexistent/libngspice.so")
    for command in (
        "iv vteam --engine ngspice",
        "iv vteam --engine both",
        "validate",
        "train xpue --engine ngspice",
    ):
        arguments = command.split()
        code, out, err = run(*arguments, "--out", "made")
        assert (code, out) == (3, ""), arguments
        assert "/nonexistent/libngspice.so" in err
        assert len(err.strip().splitlines()) <= 2
    code, answer, _ = run_json("doctor")
    assert code == 3
    assert answer["ok"] is False
    assert answer["ngspice"]["ok"] is False
    assert "SPICESNN_LIBNGSPICE" in answer["ngspice"]["problem"]
    assert run_json("doctor", "--engine", "nodal")[0] == 0


def test_a_defect_is_a_message_with_a_log_file_not_a_traceback(run, run_json, monkeypatch):
    def broken():
        raise ZeroDivisionError("of a kind nobody foresaw")

    monkeypatch.setattr("spicesnn.devices.registry.describe_all", broken)
    code, out, err = run("devices")
    assert (code, out) == (1, "")
    assert "ZeroDivisionError: of a kind nobody foresaw" in err
    log = re.search(r"file (\S+\.log)", err).group(1)
    with open(log, encoding="utf-8") as file:  # noqa: PTH123
        content = file.read()
    assert "Traceback" in content
    assert "spicesnn devices" in content
    assert run_json("devices")[1]["kind"] == "ZeroDivisionError"


def test_an_interrupt_is_not_a_failure_of_the_program(run, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("spicesnn.devices.registry.describe_all", interrupted)
    code, _, err = run("devices")
    assert (code, err) == (130, "error: interrupted\n")


def test_long_errors_are_cut_to_two_lines_and_kept_in_a_file(run, monkeypatch):
    from spicesnn.errors import NgspiceError

    def failing():
        raise NgspiceError("ngspice failed", log="\n".join(f"line {k}" for k in range(30)))

    monkeypatch.setattr("spicesnn.devices.registry.describe_all", failing)
    code, _, err = run("devices")
    lines = err.strip().splitlines()
    assert (code, len(lines), lines[0]) == (1, 2, "error: ngspice failed")
    with open(lines[1].split()[-1], encoding="utf-8") as file:  # noqa: PTH123
        assert "line 29" in file.read()


def test_json_stdout_is_one_object_whatever_libraries_print():
    script = (
        "import os, sys\n"
        "from spicesnn.cli import main\n"
        "import spicesnn.devices.registry as r\n"
        "real = r.describe_all\n"
        "def noisy():\n    print('from Python'); os.write(1, b'from C\\n'); return real()\n"
        "r.describe_all = noisy\n"
        "sys.exit(main(['devices', '--json']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["devices"]) > 5
    assert "from Python" in done.stderr
    assert "from C" in done.stderr


def test_plain_values_are_what_json_can_hold():
    from pathlib import Path

    from spicesnn.cli.options import EngineName

    made = output.plain(
        {
            "a": np.arange(2),
            "b": float("nan"),
            "c": Path("x"),
            "d": EngineName.NODAL,
            "e": np.float64(1.5),
            "f": (1, {2}),
        }
    )
    assert made == {"a": [0, 1], "b": None, "c": "x", "d": "nodal", "e": 1.5, "f": [1, [2]]}


def test_there_are_no_progress_bars_without_a_terminal(capfd):
    with output.watched("stage") as watcher:
        from spicesnn.training import Progress

        watcher(Progress(done=1, total=2, text="half"))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "start",
    ["import spicesnn", "from spicesnn.cli.app import run; run(['--help'])"],
)
def test_help_and_import_load_nothing_heavy(start):
    """What takes long to load is loaded where it is first needed."""
    heavy = ("numpy", "numba", "matplotlib", "scipy", "pandas", "PIL")
    script = f"import sys\n{start}\nprint([m for m in {heavy} if m in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.splitlines()[-1] == "[]"


def _number_options():
    """Return (command, option) wherever a command takes a float."""
    hints = [
        (name, hint)
        for name, function in _COMMANDS.items()
        for hint in get_type_hints(function, include_extras=True).values()
    ]
    plain = [
        (name, hint)
        for name, hint in hints
        if get_args(hint) and float in (get_args(hint)[0], *get_args(get_args(hint)[0]))
    ]
    return [(name, hint.__metadata__[0].default) for name, hint in plain]


def test_the_options_that_take_a_number_are_found():
    assert ("iv", "--gate") in _number_options()
    assert ("characterize", "--tolerance") in _number_options()


@pytest.mark.parametrize(("name", "option"), _number_options())
@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_no_number_of_the_command_line_may_be_infinite_or_none(name, option, value, run):
    code, _, err = run(name, *["x"] * _arguments(name), option, value)
    assert code == 2
    assert option in err
    assert "finite" in err or "should be greater" in err


def _arguments(name):
    return sum(p.param_type_name == "argument" and p.required for p in _click(name).params)


@pytest.mark.parametrize("option", ["--amplitude", "--frequency", "--stops"])
@pytest.mark.parametrize("value", ["nan", "inf", "1e400"])
def test_no_voltage_or_frequency_may_be_infinite_or_none(option, value, run, tmp_path):
    extra = ["--waveform", "sweep"] if option == "--stops" else []
    code, _, err = run("iv", "vteam", option, value, *extra, "--out", str(tmp_path))
    assert code == 2
    assert "is not a" in err
    assert "number" in err


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("iv vt", {"vteam"}),
        ("train letters", {"letters-3x3", "letters-stdp"}),
        ("study accuracy-st", {"accuracy-states", "accuracy-stuck"}),
        ("netlist xp", {"xpue"}),
    ],
)
def test_a_shell_completes_the_names_of_what_is_there(typed, offered):
    from typer.testing import CliRunner

    words = f"spicesnn {typed}"
    asked = {"_SPICESNN_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "2"}
    done = CliRunner().invoke(app, [], env=asked, prog_name="spicesnn")
    assert set(done.stdout.split()) == offered
