"""Runs and sweeps that are killed at random moments end as if nobody had touched them: the script
that shows it, in small and in full."""

import pytest

LETTERS = [
    "train",
    "letters-3x3",
    "--engine",
    "nodal",
    "training.updates=60",
    "training.epochs=60",
    "training.stop_when_right=false",
    "training.checkpoint_s=0",
]


def test_a_run_killed_twice_ends_with_the_same_bits(script, monkeypatch, capsys):
    module = script("kill_and_resume")
    monkeypatch.setitem(module.CASES, "letters-3x3", LETTERS)
    (outcome,) = module.main(["letters-3x3"], 2, 3, [])
    assert outcome.ok
    assert (outcome.moments.total(), outcome.survivors) == (2, 0)
    assert outcome.ends >= 1
    assert outcome.things > 60
    assert "2 kills" in (said := capsys.readouterr().out)
    assert "bit-identical to the unbroken run" in said


def test_what_differs_is_named(script):
    module = script("kill_and_resume")
    first = {
        "state.npz devices": ("<f8", (1,), b"12345678"),
        "metrics.json reads": 3,
        "metrics.json pulses": 5,
    }
    assert module.differences(first, dict(first)) == []
    assert module.differences(
        first, {**first, "state.npz devices": ("<f8", (1,), b"12345679"), "other": 1}
    ) == ["other", "state.npz devices"]
    outcome = module.Outcome(case="x", wrong=["state.npz devices"])
    assert not outcome.ok
    assert "DIFFERENT in state.npz devices" in outcome.line()
    assert not module.Outcome(case="x", survivors=1).ok


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", ["letters-3x3", "mnist-10x10", "stdp-mnist", "bp-mnist", "deep-mnist", "sweep"]
)
def test_what_is_killed_25_times_ends_with_the_same_bits(case, script):
    (outcome,) = script("kill_and_resume").main([case], 25, 1, [])
    assert outcome.ok, outcome.line()
    assert outcome.moments.total() == 25
