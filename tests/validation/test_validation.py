import json

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.devices import registry
from spicesnn.engines.results import IVCurve
from spicesnn.errors import ConvergenceError, NgspiceMissingError, RunError
from spicesnn.validation import analytic, curves, installation, pulses, reads
from spicesnn.validation.case import Case, Engines, attempted, compared
from spicesnn.validation.suite import Validation


@pytest.fixture(scope="module")
def engines():
    with sn.NgspiceEngine() as ngspice:
        yield Engines(ngspice=ngspice, nodal=sn.NodalEngine())


def test_compared_reports_the_worst_pair():
    case = compared("c", "q", ([1.0, 2.0, 3.0], [1.0, 2.2, 3.0]), 2.0, 0.05)
    assert (case.ngspice, case.nodal, case.ok) == (2.0, 2.2, False)
    assert case.error == pytest.approx(0.1)
    assert compared("c", "q", ([1.0, 2.0], [1.0, 2.0]), 1.0, 1e-9) == Case(
        case="c", quantity="q", ngspice=2.0, nodal=2.0, error=0.0, tolerance=1e-9, ok=True
    )


def test_a_known_answer_is_what_both_are_held_against():
    case = compared("c", "q", (1.0, 1.1), 1.0, 0.2, exact=1.3)
    assert case.error == pytest.approx(0.3)
    assert not case.ok


def test_what_is_not_a_number_never_holds():
    case = compared("c", "q", ([1.0, np.nan], [1.0, 1.0]), 1.0, 1e9)
    assert not case.ok


def test_an_engine_without_an_answer_is_a_line_that_does_not_hold():
    def fails():
        raise ConvergenceError("no root")

    case = attempted("c", "q", 1e-3, fails)
    assert (case.ok, case.error, case.note) == (False, None, "ConvergenceError: no root")

    def missing():
        raise NgspiceMissingError("none")

    with pytest.raises(NgspiceMissingError):
        attempted("c", "q", 1e-3, missing)


def test_the_ladder_formula_solves_its_own_node_equations():
    amps = analytic.ladder_amps(5, 2e-4, 5.0, 0.3)
    node = amps / 2e-4
    before = np.concatenate([[0.3], node[:-1]])
    into = (before - node) / 5.0
    np.testing.assert_allclose(into, np.cumsum(amps[::-1])[::-1], rtol=1e-12)


def test_formulas_and_reads_hold_on_both_engines(engines):
    cases = [*analytic.cases(engines), *reads.cases(engines, 3)]
    assert len(cases) >= 10
    assert [case.case for case in cases if not case.ok] == []
    assert max(case.error for case in cases) < 1e-9


def test_a_pulse_and_a_curve_hold_on_both_engines(engines, monkeypatch):
    monkeypatch.setattr(registry, "names", lambda: ["vteam"])
    cases = [*pulses.cases(engines, 0, shapes=((1, 1), (2, 2))), *curves.cases(engines)]
    assert [case.case for case in cases] == [
        "pulse 1×1 vteam +",
        "pulse 1×1 vteam −",
        "pulse 2×2 vteam +",
        "pulse 2×2 vteam −",
        "iv vteam",
        "iv vteam",
    ]
    assert all(case.ok for case in cases), cases
    moved = {case.case: case.nodal for case in cases}
    assert moved["pulse 1×1 vteam +"] > moved["pulse 1×1 vteam −"]


def test_every_case_moves_its_states_without_ending_at_a_bound():
    for name in ("vteam", "linear-drift", "yakopcic"):
        device = registry.make(name)
        start = reads.states(device, (1, 1), np.random.default_rng(1))
        volts = device.typical_drive()[0]
        array = sn.Crossbar(device=device, state=start, wires=sn.Wires.ideal())
        after = (
            sn.NodalEngine()
            .pulse(
                array, sn.Pulse(row_volts=volts, width_s=pulses.width_s(device, start, volts, None))
            )
            .state
        )
        low, high = device.bounds()
        share = (np.array([start, after]) - low) / (high - low)
        assert abs(share[1] - share[0]).max() > 0.01, name


def test_the_current_at_zero_volts_is_read_between_the_points():
    time = np.linspace(0, 1, 4)
    curve = IVCurve(
        time=time,
        volts=np.array([1.0, -1.0, -3.0, 1.0]),
        amps=np.array([3.0, 1.0, 0.0, 4.0]),
        state=time,
        device="d",
        engine="e",
    )
    assert curves.at_zero_volts(curve) == pytest.approx(3.0)


def test_curves_are_compared_where_they_switch_abruptly():
    def sampled(points):
        time = np.linspace(0.0, 1.0, points)
        return IVCurve(
            time=time,
            volts=time,
            amps=np.tanh((time - 0.5) / 1e-2),
            state=time,
            device="d",
            engine="e",
        )

    assert curves.relative_difference(sampled(2001), sampled(1733)) < 1e-4


def test_a_jump_is_compared_in_time_and_all_else_in_current():
    def switching(at, high=1.0):
        time = np.linspace(0.0, 2.0, 20001)
        return IVCurve(
            time=time,
            volts=time,
            amps=np.where(time > at, high, 0.1),
            state=time,
            device="d",
            engine="e",
        )

    smooth = IVCurve(
        time=np.linspace(0, 1, 50),
        volts=np.zeros(50),
        amps=np.linspace(0, 1, 50),
        state=np.zeros(50),
        device="d",
        engine="e",
    )
    assert not curves.abrupt(smooth)
    assert curves.abrupt(switching(0.7))
    assert curves.current_case("d", switching(0.7001), switching(0.7), 1.0).ok
    assert not curves.current_case("d", switching(0.701), switching(0.7), 1.0).ok
    assert curves.current_case(
        "d", switching(0.7, high=1.01), switching(0.7), 1.0
    ).error == pytest.approx(0.01)


def test_the_table_is_written_and_judged(tmp_path):
    good = compared("a", "q", (1.0, 1.0), 1.0, 1e-9)
    bad = compared("b, with a comma", "q", (1.0, 2.0), 1.0, 1e-9)
    assert Validation(cases=(good,), wall_s=1.0).ok
    assert not Validation(cases=(), wall_s=1.0).ok
    table = Validation(cases=(good, bad), wall_s=1.0)
    assert not table.ok
    csv, full = table.write(tmp_path)
    assert csv.read_text().splitlines()[2].startswith('"b, with a comma",q,1.0,2.0,1.0,1e-09,False')
    assert json.loads(full.read_text())["cases"][1]["case"] == "b, with a comma"
    with pytest.raises(RunError, match="--out"):
        table.write(tmp_path / "absent")


def test_the_installation_here_is_sound():
    found = installation.examine()
    assert found.ok
    assert found.exit_code == 0
    assert found.ngspice["solver"] in ("KLU", "Sparse 1.3")


def test_a_missing_package_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(installation, "PACKAGES", ("no-such-package",))
    monkeypatch.setattr(installation, "OPTIONAL", ())
    found = installation.examine(need_ngspice=False)
    check = {c.name: c for c in found.checks}["no-such-package"]
    assert (check.ok, check.advice, found.ok, found.exit_code) == (
        False,
        "pip install no-such-package",
        False,
        1,
    )


@pytest.mark.slow
def test_the_whole_validation_holds():
    from spicesnn.validation.suite import validate

    table = validate()
    assert [(case.case, case.error, case.note) for case in table.cases if not case.ok] == []
