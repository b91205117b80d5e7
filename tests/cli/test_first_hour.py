"""What a newcomer types first: completion, one device in detail, numbers called what they are."""

import subprocess
import sys

import pytest

from spicesnn.plotting.sweeps import sweep_figure
from spicesnn.training.sweep import accuracy_name


def test_one_device_is_shown_in_detail(run, run_json):
    code, out, _ = run("devices", "vteam")
    assert code == 0
    assert "│ r_on         │ 50       │ Ω    │ > 0" in out
    assert "state variables: w (m)" in out
    assert "spicesnn iv vteam --set device.r_on=" in out
    assert "yakopcic" not in out
    code, data, _ = run_json("devices", "vteam")
    assert [entry["name"] for entry in data["devices"]] == ["vteam"]
    code, _, err = run("devices", "vtem")
    assert code == 2
    assert "no device 'vtem'; did you mean 'vteam'?" in err


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("spicesnn tra", "train"), ("spicesnn sw", "sweep"), ("spicesnn train --res", "--resume")],
)
def test_the_shell_completes_commands_and_options(typed, offered):
    environment = {
        "_SPICESNN_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(typed.count(" ")),
        "PATH": "/usr/bin:/bin",
    }
    script = "import sys; from spicesnn.cli import main; sys.exit(main([]))"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == [offered]


def test_accuracy_is_called_training_accuracy_where_nothing_is_held_out(run):
    assert accuracy_name([{"held_out": False}, {"held_out": False}]) == "training accuracy"
    assert accuracy_name([{"held_out": False}, {"held_out": True}]) == "test accuracy"
    assert accuracy_name([{}]) == accuracy_name([]) == "test accuracy"
    code, out, _ = run(
        "sweep",
        "letters-3x3",
        "--over",
        "array.word_line_ohm=0",
        "--set",
        "training.updates=1",
        "--out",
        "s",
    )
    assert code == 0
    assert "training accuracy" in out
    assert "test accuracy" not in out
    code, out, _ = run(
        "sweep",
        "manhattan-4x4",
        "--over",
        "array.word_line_ohm=0",
        "--set",
        "training.updates=1",
        "--out",
        "m",
    )
    assert code == 0
    assert "test accuracy" in out


def test_sweeps_have_labels_in_words():
    found = {"mean": 0.9, "half_width": 0.01, "seeds": 2}
    rows = [
        {"array.word_line_ohm": value, "network.neurons": n, **found}
        for value in ("0", "1")
        for n in ("8", "9")
    ]
    axes = sweep_figure(rows, ["array.word_line_ohm", "network.neurons"], "training accuracy").axes[
        0
    ]
    assert axes.get_xlabel() == "word-line resistance (Ω per segment)"
    assert axes.get_ylabel() == "training accuracy (%)"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "network neurons: 8",
        "network neurons: 9",
    ]


def test_commands_say_where_they_wrote(run):
    for name in ("devices", "doctor"):
        _, out, _ = run(name, "--out", "there")
        assert f"written to there/{name}.json" in out
    assert (
        run("train", "letters-3x3", "--set", "training.updates=1", "--no-figures", "--out", "r")[0]
        == 0
    )
    assert "answers r/inference-nodal.npz" in run("infer", "r", "--engine", "nodal")[1]
    assert (
        "answers elsewhere/inference-nodal.npz"
        in run("infer", "r", "--engine", "nodal", "--out", "elsewhere")[1]
    )
