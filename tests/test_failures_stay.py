"""What ngspice fails at stays beside what was asked for: deck, log, version and vectors, and the
message names it, ngspice's own reason first."""

import re

import pytest

import spicesnn as sn
from spicesnn.cli import main
from spicesnn.engines.ngspice import checks
from spicesnn.errors import NgspiceError, RunError
from spicesnn.plotting.run_data import RunData
from spicesnn.reporting import second_engine
from spicesnn.studies import study as studies
from spicesnn.training import sweep as sweeping

REASON = "doAnalyses: TRAN:  Timestep too small"


def refused(*_):
    raise checks.AnswerRejectedError("ngspice failed", "No. of Data Rows : 3", REASON)


@pytest.fixture
def failing(monkeypatch):
    """Let every answer of ngspice say that it failed."""
    monkeypatch.setattr(checks, "common", refused)


def is_kept(deck):
    said = deck.with_suffix(".log").read_text()
    assert ".end" in deck.read_text()
    assert re.search(r"^ngspice \d+.*\ninit none\nanalysis .+\nvectors .+$", said, re.MULTILINE)
    assert "No. of Data Rows : 3" in said


def test_a_sweep_keeps_what_fails_at_each_of_its_points(failing, tmp_path):
    points = sweeping.plan("xpue", ["training.epochs=1,2"], seeds=1, engine="ngspice")
    with pytest.raises(RunError, match=rf"training.epochs=1, seed 0: {REASON} \(deck and log: "):
        sweeping.sweep(points, tmp_path / "sweep")
    decks = sorted((tmp_path / "sweep" / "failures").rglob("*.cir"))
    assert {deck.parent.name for deck in decks} == {point.key[:12] for point in points}
    for deck in decks:
        is_kept(deck)


def test_a_study_keeps_what_fails(failing, tmp_path):
    made = studies.load("ir-drop", ["map.rows=2", "map.columns=2"])
    made = studies.seeded(made, None, "ngspice")
    with pytest.raises(NgspiceError, match=rf"^{REASON}\n") as failed:
        studies.answer(made, tmp_path / "study", workers=studies.Workers())
    assert failed.value.deck_path.parent == tmp_path / "study" / "failures"
    is_kept(failed.value.deck_path)


def test_the_check_on_the_other_engine_keeps_what_fails_in_the_run(monkeypatch, tmp_path):
    settings = {"training.epochs": 1}
    run = sn.train("xpue", engine="nodal", out=tmp_path / "run", settings=settings)
    monkeypatch.setattr(checks, "common", refused)
    found = second_engine.check(RunData(run.path))
    deck = tmp_path / "run" / "failures" / "failed-1.cir"
    assert found == {
        "text": f"The check failed: {REASON} (deck and log: {deck})",
        "rows": [],
    }
    is_kept(deck)


def test_a_command_names_the_deck_in_two_lines(failing, capfd, tmp_path):
    out = tmp_path / "iv"
    assert main(["iv", "resistor", "--engine", "ngspice", "--out", str(out)]) == 1
    first, second = capfd.readouterr().err.strip().splitlines()
    assert first == f"error: {REASON}"
    assert second == f"ngspice failed; deck and log are kept: {out / 'failures' / 'failed-1.cir'}"
    is_kept(out / "failures" / "failed-1.cir")
