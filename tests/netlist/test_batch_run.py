import numpy as np
import pytest

from spicesnn.errors import (
    InputError,
    NgspiceError,
    NgspiceMissingError,
    NgspiceTimeoutError,
    UnknownNameError,
)
from spicesnn.netlist.batch import read_raw, run_batch
from spicesnn.netlist.deck import number

RC = "* rc\nv1 a 0 pwl(0 0 1n 1)\nr1 a b 1k\nc1 b 0 1n ic=0\n.tran 10n 5u 0 10n uic\n.save v(b)\n.end\n"


def test_a_transient_comes_back_with_its_vectors():
    run = run_batch(RC)
    assert run["V(b)"][-1] == pytest.approx(1 - np.exp(-5), abs=1e-3)
    assert run.sweep[-1] == pytest.approx(5e-6)
    with pytest.raises(UnknownNameError, match=r"no vector 'v\(x\)'"):
        run["v(x)"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("* s\nv1 a 0 1\nv2 a 0 2\n.op\n.save all\n.end\n", "singular matrix"),
        ("* u\nv1 a 0 1\nr1 a 0 {nothing}\n.op\n.save all\n.end\n", "(?s)failed.*nothing"),
        ("* d\nv1 a 0 0\nb1 b 0 v=1/v(a)\nr1 b 0 1\n.op\n.save all\n.end\n", "not finite|failed"),
        ("* n\nr1 a 0 1\n.end\n", "failed"),
        ("* m\nxq a b nosuch\nv1 a 0 1\n.op\n.end\n", "(?s)failed.*nosuch"),
    ],
)
def test_what_ngspice_cannot_solve_is_an_error_with_deck_and_log(text, message):
    with pytest.raises(NgspiceError, match=message) as caught:
        run_batch(text)
    assert caught.value.deck_path.read_text() == text


def test_a_hang_is_stopped():
    with pytest.raises(NgspiceTimeoutError, match=r"within 0.5 s"):
        run_batch(
            "* h\nv1 a 0 1\nr1 a 0 1\n.control\nwhile 1\nop\nend\n.endc\n.end\n", timeout_s=0.5
        )


def test_a_transient_that_stops_early_is_an_error():
    early = RC.replace(
        ".end", ".control\nstop when time > 1u\nrun\nwrite deck.raw\nquit 0\n.endc\n.end"
    )
    with pytest.raises(
        NgspiceError, match=r"run simulation interrupted|ended at 1.*expected 5e-06 s"
    ):
        run_batch(early)


def test_damaged_raw_files_are_named(tmp_path):
    run_batch(RC, keep=tmp_path)
    whole = (tmp_path / "deck.raw").read_bytes()
    for damaged in (
        whole[:-8],
        b"",
        b"nonsense",
        whole.replace(b"real", b"complex"),
        whole.replace(b"No. Points: ", b"No. Points: x"),
    ):
        (tmp_path / "cut.raw").write_bytes(damaged)
        with pytest.raises(InputError, match=r"cut\.raw"):
            read_raw(tmp_path / "cut.raw")


def test_no_ngspice_is_said_with_what_to_do(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(NgspiceMissingError, match="apt install ngspice"):
        run_batch(RC)


def test_numbers_survive_and_infinities_do_not():
    assert [number(v) for v in (0.3, 1.0, -0.0, 1e-9, 1 / 3)] == [
        "0.3",
        "1",
        "0",
        "1e-09",
        "0.3333333333333333",
    ]
    with pytest.raises(InputError, match="cannot hold the value inf"):
        number(float("inf"))
