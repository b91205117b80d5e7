"""What ngspice prints when something failed, by lines that it does print."""

import shutil

import pytest

from spicesnn.errors import NgspiceError
from spicesnn.netlist.batch import run_batch
from spicesnn.netlist.complaints import complaint


@pytest.mark.parametrize(
    "line",
    [
        "Error: unknown subckt: x1 a b nothing",
        "Warning: singular matrix:  check node v(a)",
        "doAnalyses: TRAN:  Timestep too small; time = 1e-6",
        "run simulation(s) aborted",
        "could not find a valid modelname: no such device",
        "unknown parameter (foo)",
        "undefined parameter [vth]",
        "can't find file nothing.lib",
        "Note: No circuit loaded!",
        "Fatal error: instance b1",
    ],
)
def test_a_failure_is_found_in_a_long_log(line):
    log = f"Circuit: * deck\n\nDoing analysis at TEMP = 27.000000\n{line}\nNo. of Data Rows : 12\n"
    assert complaint(log) == line.strip()


def test_what_ngspice_says_of_its_own_start_is_no_failure():
    assert (
        complaint(
            "Warning: can't find the initialization file spinit.\nNote: .spiceinit not used\nNo. of Data Rows : 12"
        )
        == ""
    )
    assert complaint("") == ""


def test_a_singular_trial_step_of_a_transient_is_cut_and_no_failure():
    log = "Warning: singular matrix:  check node v(a)\n"
    assert complaint(log, transient=True) == ""
    assert complaint(log) != ""


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (
            "Note: x\nError on line:\n  bi p n i={nosuch}\nundefined parameter [nosuch]\n\nmore\n",
            "Error on line: bi p n i={nosuch}",
        ),
        (
            "Error: unknown subckt: x1 a b nothing\n    Simulation interrupted due to error!\n",
            "Error: unknown subckt: x1 a b nothing",
        ),
        (
            "Error: a, which goes\n   on here\nNo. of Data Rows : 12\n",
            "Error: a, which goes on here",
        ),
    ],
)
def test_a_reason_of_several_lines_is_told_whole(log, reason):
    assert complaint(log) == reason


def test_cells_that_a_line_names_are_said():
    assert complaint("Error: b0_2 and s_w_1_3").endswith("[concerns cell (0, 2), (1, 3)]")


@pytest.mark.skipif(shutil.which("ngspice") is None, reason="needs ngspice")
def test_a_deck_with_a_missing_library_fails_by_its_words():
    with pytest.raises(NgspiceError, match=r"^.*nowhere\.lib.*\nngspice failed on the deck"):
        run_batch("* deck\n.include nowhere.lib\nv1 a 0 1\nr1 a 0 1k\n.op\n.save v(a)\n.end\n")
