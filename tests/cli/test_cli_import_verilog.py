"""`spicesnn import cell.va`."""

from pathlib import Path

import pytest

from spicesnn.netlist.foreign import load_foreign
from spicesnn.validation.compiled_original import missing

MODELS = Path(__file__).parents[1] / "devices" / "importers" / "veriloga_models"
pytestmark = pytest.mark.skipif(
    bool(missing()),
    reason="openvaf-py has wheels for Python 3.11 and 3.12 on Linux x86-64 and 3.11 on macOS arm64 only",
)


def test_a_verilog_a_file_becomes_a_device_whose_twins_are_both_compared_with_it(
    run_json, tmp_path
):
    code, answer, err = run_json("import", MODELS / "vteam.va", "--out", tmp_path)
    assert (code, err, answer["refused"]) == (0, "", [])
    assert answer["name"] == "vteam_cell"
    assert answer["max_value_error"] < 1e-9
    assert answer["max_jacobian_error"] < 1e-8
    assert answer["max_state_error"] < 1e-3
    assert (answer["pins"], answer["states"]["w"]["kind"]) == ({"p": "te", "n": "be"}, "ddt")
    device = load_foreign(answer["device"])
    assert device.with_text(r_on="200").current(1.0, 0.0) == pytest.approx(5e-3)
    assert (
        ".subckt va_vteam_cell p n params: r_on=100.0" in (tmp_path / "vteam_cell.lib").read_text()
    )


def test_an_imported_device_is_set_by_name_and_runs_on_both_engines(run_json, tmp_path):
    _, answer, _ = run_json("import", MODELS / "vteam.va", "--engine", "nodal", "--out", tmp_path)
    assert (answer["ngspice"], answer["max_value_error"] < 1e-9) == (None, True)
    code, curve, err = run_json(
        "iv",
        answer["device"],
        "--set",
        "device.r_on=150",
        "--engine",
        "both",
        "--out",
        tmp_path / "iv",
    )
    assert code == 0, err
    assert curve["max_relative_difference"] < 1e-3


def test_a_hand_integrated_state_is_recognised_and_said(run, tmp_path):
    code, out, _ = run("import", MODELS / "gap_by_hand.va", "--engine", "nodal", "--out", tmp_path)
    assert code == 0
    assert "advanced by the model itself" in out
    assert "forward" in out
    assert "Euler" in out


def test_a_step_that_is_a_parameter_is_said(run, tmp_path):
    path = tmp_path / "by_dt.va"
    path.write_text(
        '`include "constants.vams"\n`include "disciplines.vams"\nmodule by_dt(p, n);\n'
        "inout p, n; electrical p, n;\nparameter real dt = 0;\nreal w;\nanalog begin\n"
        "@(initial_step) w = 0.3;\nw = w + dt*1k*V(p,n)*w*(1 - w);\nif (w > 1) w = 1;\n"
        "if (w < 0) w = 0;\nI(p,n) <+ 1m*w*V(p,n);\nend\nendmodule\n",
        encoding="utf-8",
    )
    options = ["import", path, "--engine", "nodal", "--out", tmp_path / "out"]
    code, _, err = run(*options)
    assert (code, "say --step dt" in err) == (1, True), err
    code, out, _ = run(*options, "--step", "dt")
    assert code == 0
    assert "w in the text take one step of dt at every evaluation" in out
    device = load_foreign(tmp_path / "out" / "by_dt.toml")
    assert device.rate(0.5, 0.4) == pytest.approx(1e3 * 0.5 * 0.4 * 0.6, rel=1e-12)
    code, _, err = run("import", tmp_path / "x.lib", "--step", "dt")
    assert (code, "for Verilog-A, and x.lib is SPICE text" in err) == (2, True), err


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("analog I(p,n) <+ transition(V(p,n), 0);", "m.va, line 4: transition"),
        ("analog begin I(p,n) <+ V(p,n)*V(p,n) end", "m.va, line 4"),
        ('`include "/etc/hostname"', "outside the folder"),
    ],
)
def test_what_is_refused_is_named_with_its_line_and_nothing_is_written(
    body, message, run_json, tmp_path
):
    path = tmp_path / "m.va"
    path.write_text(
        f'`include "disciplines.vams"\nmodule m(p, n);\ninout p, n; electrical p, n;\n{body}\nendmodule\n'
    )
    code, answer, _ = run_json("import", path, "--out", tmp_path / "out")
    assert code == 1
    assert message in answer["refused"][0]
    assert answer["device"] is None
    assert not list((tmp_path / "out").glob("*.toml"))


def test_a_compiled_file_that_cannot_be_compared_is_said(run_json, tmp_path):
    for file, message in [
        (MODELS / "vteam.va", "no such file; expected the model compiled by OpenVAF"),
        (tmp_path / "m.lib", "compiled Verilog-A, and m.lib is SPICE text; leave it out"),
    ]:
        code, _, err = run_json("import", file, "--osdi", tmp_path / "x.osdi", "--out", tmp_path)
        assert code == 2
        assert message in err
