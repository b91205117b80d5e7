"""Deliberately broken decks on the real ngspice: each a typed error in time, and the next good job
is right."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ngspice_jobs import GOOD, pool, run

import spicesnn as sn
from spicesnn.engines.ngspice.checks import AnswerRejectedError
from spicesnn.engines.ngspice.circuit import Answer, Job, build
from spicesnn.engines.ngspice.pool import Pool
from spicesnn.errors import NgspiceError, NgspiceTimeoutError, SingularCircuitError
from spicesnn.netlist.complaints import complaint
from spicesnn.netlist.pulse_deck import pulse_deck

# What is said is ours where it can be: ngspice's own words change from version to version, and
# alternatives stand side by side.
BROKEN = {
    "undefined parameter": (
        "t\nv1 in 0 1\nr1 in out {nope}\nr2 out 0 1k\n.end\n",
        "Undefined parameter",
    ),
    "required parameter": (
        "t\n.subckt a p n params: r=required\nr1 p n {r}\n.ends\nv1 in 0 1\nr1 in out 1\nx1 out 0 a\n.end\n",
        "required",
    ),
    "floating node": ("t\nv1 in 0 1\nr1 in 0 1k\nr2 out q 1k\n.end\n", "singular"),
    "node behind a capacitor": ("t\nv1 in 0 1\nr1 in 0 1k\nc2 in out 1n\n.end\n", "singular"),
    "loop of sources": ("t\nv1 in 0 1\nv2 in 0 2\nr1 in out 1\nr2 out 0 1\n.end\n", "singular"),
    "division by zero": ("t\nv1 in 0 1\nb1 out 0 v=1/(v(in)-1)\n.end\n", "not finite or absurd"),
    "overflow": ("t\nv1 in 0 1\nb1 out 0 v=exp(1000*v(in))\n.end\n", "not finite or absurd"),
    "logarithm of a negative": ("t\nv1 in 0 1\nb1 out 0 v=ln(-v(in))\n.end\n", "no vector out"),
    "no operating point": ("t\nb1 out 0 v = v(out) > 0.5 ? 0 : 1\n.end\n", "no vector out"),
    "missing sub-circuit": ("t\nv1 in 0 1\nx1 in out nosuch\nr2 out 0 1\n.end\n", "unknown subckt"),
    "missing include": (
        "t\n.include /nope/nope.lib\nv1 in 0 1\nr2 in out 1\nr3 out 0 1\n.end\n",
        "Could not find include file",
    ),
    "endless sub-circuit": (
        "t\n.subckt a p n\nx1 p n a\n.ends\nv1 in 0 1\nx1 in out a\nr out 0 1\n.end\n",
        "unknown subckt",
    ),
    "not a netlist": (
        "t\nqwerty !!! ###\nv1 in\n.end\n",
        "did not take the deck|ngspice gave up|itself is to blame",
    ),
    "no end": ("t\nv1 in 0 1\nr1 in out 1k\nr2 out 0 1k\n", r"\.end|no circuits|any circuits"),
    "not a number": ("t\nv1 in 0 1\nr1 in out nan\nr2 out 0 1k\n.end\n", "did not take the deck"),
    "a deck that quits": (
        "t\nv1 in 0 1\nr1 in out 1\nr2 out 0 1k\n.control\nquit\n.endc\n.end\n",
        "gave up",
    ),
    "nothing at all": ("t\n.end\n", "itself is to blame"),
}


@pytest.fixture(scope="module")
def shared() -> Iterator[Pool]:
    made = pool(repeats=1)
    yield made
    made.close()


def assert_healthy(on: Pool) -> None:
    assert run(on, GOOD).vectors[0] == pytest.approx([0.5], rel=1e-12)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_decks_raise_and_the_next_job_is_right(name: str, shared: Pool) -> None:
    text, said = BROKEN[name]
    with pytest.raises(NgspiceError, match=said) as caught:
        run(shared, text)
    assert caught.value.deck_path is not None
    assert caught.value.deck_path.read_text() == text
    reason = complaint(caught.value.log)
    if reason:
        assert str(caught.value).splitlines()[0] == reason
    if said == "singular":
        assert isinstance(caught.value, SingularCircuitError)
    assert_healthy(shared)


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        ({"a": "alter r77 = 3"}, "no such device"),
        ({"a": "alter r1 = abc"}, "no such vector"),
        ({"a": "alter r1 = " + "1" * 2000}, "ngspice takes 1022"),
    ],
)
def test_alters_that_fail_are_errors(commands: dict[str, str], said: str, shared: Pool) -> None:
    with pytest.raises(NgspiceError, match=said):
        run(shared, GOOD, **commands)
    assert_healthy(shared)


@pytest.mark.parametrize(
    ("analysis", "said"),
    [("foo 1 2", "no new plot"), ("dc vnone 0 1 1", "no new plot"), ("tran 1n 0", "no new plot")],
)
def test_analyses_that_fail_are_errors(analysis: str, said: str, shared: Pool) -> None:
    with pytest.raises(NgspiceError, match=said):
        run(shared, GOOD, analysis=analysis)
    assert_healthy(shared)


def test_deck_and_log_stay_until_they_are_removed(tmp_path: Path) -> None:
    text = BROKEN["floating node"][0]
    for expected in ("failed-1", "failed-2"):
        on = pool(tmp_path)
        with pytest.raises(NgspiceError) as caught:
            run(on, text)
        on.close()
        deck = caught.value.deck_path
        assert deck is not None
        assert deck == tmp_path / f"{expected}.cir"
        assert deck.read_text() == text
        said = deck.with_suffix(".log").read_text()
        assert re.search(
            r"^ngspice \d+.*libngspice.*\ninit none\nanalysis op\nvectors out$", said, re.MULTILINE
        )
        assert "singular" in said
        # The first line of the message is ngspice's own reason, whole.
        assert "singular matrix" in str(caught.value).splitlines()[0]


def test_a_missing_vector_is_named(shared: Pool) -> None:
    with pytest.raises(NgspiceError, match="no vector nowhere"):
        run(shared, GOOD, vectors=("out", "nowhere"))


def test_the_message_names_cells(shared: Pool) -> None:
    text = "t\nv1 in 0 1\nr1 in 0 1k\nr2 w3_7 b3_7 1k\n.end\n"
    with pytest.raises(NgspiceError, match=r"concerns cell \(3, 7\)"):
        run(shared, text, vectors=("w3_7",))


def test_hanging_jobs_are_stopped_in_time(tmp_path: Path) -> None:
    on = pool(tmp_path, job_s=1.5)
    endless = "t\nv1 in 0 1\nr1 in out 1\nr2 out 0 1\n.control\nlet a=1\nwhile 1\nlet a=a+1\nend\n.endc\n.end\n"
    tiny = "t\nv1 in 0 sin(0 1 1)\nr1 in out 1\nc2 out 0 1\n.end\n"
    for text, analysis in ((endless, "op"), (tiny, "tran 1e-30 1 0 1e-30")):
        with pytest.raises(NgspiceTimeoutError, match=r"did not finish within 1\.5 s") as caught:
            run(on, text, analysis=analysis)
        assert caught.value.deck_path is not None
        assert caught.value.deck_path.parent == tmp_path
    assert_healthy(on)
    on.close()


def test_values_survive_the_pipe_exactly(shared: Pool) -> None:
    ohms = np.random.default_rng(0).uniform(1, 1e6, 50)
    text = (
        "t\n"
        + "\n".join(f"i{k} 0 n{k} 1\nr{k} n{k} 0 {r:.17g}" for k, r in enumerate(ohms))
        + "\n.end\n"
    )
    answer = run(shared, text, vectors=tuple(f"n{k}" for k in range(50)))
    np.testing.assert_allclose(answer.vectors[:, 0], ohms, rtol=1e-15)


def test_what_fails_in_a_run_stays_in_its_directory(tmp_path: Path) -> None:
    """Deck, log, version and the requested vectors; a folder that was given is used all the same,
    and afterwards failures go where they went before."""
    array = sn.Crossbar(np.full((2, 2), 1e-3), wires=sn.Wires())
    pulse = sn.Pulse(row_volts=1.0, width_s=1e-6, rise_s=1e-7)

    def fails(engine: sn.NgspiceEngine) -> Path:
        def broken(answer: Answer) -> None:
            raise AnswerRejectedError("not to be believed", answer.log)

        deck = pulse_deck(array, pulse.waveform().checked(array))
        circuit = build(("broken", str(tmp_path)), deck, device=array.device)
        with pytest.raises(NgspiceError, match="not to be believed") as caught:
            engine.pool.run(
                circuit, Job(analysis=deck.analysis, standalone=lambda: deck.text), broken
            )
        assert caught.value.deck_path is not None
        return caught.value.deck_path

    with sn.NgspiceEngine() as engine:
        with engine.keeping_failures(tmp_path / "run" / "failures"):
            assert not (tmp_path / "run").exists()
            kept = fails(engine)
        assert kept == tmp_path / "run" / "failures" / "failed-1.cir"
        about = kept.with_suffix(".log").read_text(encoding="utf-8")
        assert f"ngspice {engine.library().version}" in about
        assert "analysis tran" in about
        assert "vectors time" in about
        elsewhere = fails(engine)
        assert tmp_path not in elsewhere.parents
        shutil.rmtree(elsewhere.parent)
    with (
        sn.NgspiceEngine(failures=tmp_path / "own") as engine,
        engine.keeping_failures(tmp_path / "run"),
    ):
        assert fails(engine).parent == tmp_path / "own"
