"""`spicesnn train --resume`: no preset, the run's own engine, and no change in the middle."""

import json

BEGIN = (
    "train",
    "xpue",
    "--engine",
    "nodal",
    "--seed",
    "1",
    "--no-figures",
    "--set",
    "training.updates=1",
)


def test_a_run_goes_on_as_it_was_begun(run, run_json, tmp_path):
    assert run(*BEGIN, "--out", "run")[0] == 0
    before = json.loads((tmp_path / "run" / "metrics.json").read_text())
    code, answer, _ = run_json("train", "--resume", "--out", "run", "--no-figures")
    assert (code, answer["engine"], answer["seed"]) == (
        0,
        "nodal",
        1,
    )  # xpue itself says ngspice, and seed 0
    assert {name: answer[name] for name in ("test_accuracy", "updates", "pulses")} == {
        name: before[name] for name in ("test_accuracy", "updates", "pulses")
    }
    assert run(*BEGIN, "--resume", "--out", "run")[0] == 0
    code, _, err = run(
        "train",
        "letters-3x3",
        "--resume",
        "--out",
        "run",
        "--seed",
        "2",
        "--set",
        "training.updates=9",
    )
    assert code == 2
    assert (
        "run (xpue, seed 1) was not begun with --set training.updates=9 and --seed 2 and the preset letters-3x3"
        in err
    )
    code, _, err = run("train", "--resume")
    assert code == 2
    assert "--resume continues the run in --out; give it" in err


def test_a_stopped_command_says_how_to_go_on(run, monkeypatch):
    import spicesnn as sn

    def stopped(self, *arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sn.NodalEngine, "_read", stopped)
        code, out, err = run(*BEGIN, "--out", "a run")
    assert (code, out) == (130, "")
    assert (
        err
        == "error: interrupted; a run is kept; continue with: spicesnn train --resume --out 'a run'\n"
    )
    assert run("train", "--resume", "--out", "a run", "--no-figures")[0] == 0
