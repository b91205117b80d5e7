"""What commands hand on and what they print and answer: every number against the one that it stands
for, behind results that are made up."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.characterization.characterize import Errors
from spicesnn.cli.import_ import _bounds
from spicesnn.devices.cycle_statistics import QUANTITIES, CycleStatistics
from spicesnn.devices.variability import LogNormal
from spicesnn.fitting.compare import Candidate
from spicesnn.paths import netlists_dir
from spicesnn.plotting.style import new_figure
from spicesnn.reporting.curves import Sweep
from spicesnn.training.sweep import SweepResult
from spicesnn.validation.imported import TwinErrors


def recorder(monkeypatch, place, answer):
    """Put a function in place of another that keeps what it is called with; return the calls."""
    calls = []

    def called(*arguments, **named):
        calls.append((arguments, named))
        return answer

    monkeypatch.setattr(place, called)
    return calls


def written(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    return path


def words(text):
    """Return the words of a table without its lines."""
    return re.sub(r"[│┃|─━┏┓┗┛┡┩└┘┬┴┼╇┳\s]+", " ", text)


def test_a_curve_is_driven_as_it_is_asked_for(run_json, run, monkeypatch):
    answer = Sweep(
        device="vteam",
        waveform="sine",
        amplitude=0.7,
        frequency=2e3,
        peak_amps=1.5e-3,
        max_relative_difference=3e-5,
        difference_beside_jumps=2e-7,
        frequencies=(2e3, 5e3),
        lobe_areas=(4e-4, 6e-5),
        csv="iv.csv",
        figure="iv.png",
    )
    calls = recorder(monkeypatch, "spicesnn.reporting.curves.sweep", answer)
    asked = ("--amplitude", "700m", "--frequency", "2k,5k", "--periods", "3", "--gate", "1.1")
    varied = ("--vary", "k_on,k_off", "--spread", "0.3", "--seed", "5")
    code, found, _ = run_json("iv", "vteam", *asked, *varied)
    assert code == 0
    ((model,), named) = calls[0]
    drive, variation = named["drive"], named["variation"]
    assert model.name == "vteam"
    assert (drive.amplitude, drive.frequencies, drive.periods) == (0.7, (2e3, 5e3), 3.0)
    assert named["gate_volts"] == 1.1
    assert variation.laws == {"k_on": LogNormal(0.3), "k_off": LogNormal(0.3)}
    assert variation.rng.random() == np.random.default_rng(5).random()
    assert {key: found[key] for key in ("peak_amps", "amplitude", "lobe_areas")} == {
        "peak_amps": 1.5e-3,
        "amplitude": 0.7,
        "lobe_areas": [4e-4, 6e-5],
    }
    said = run("iv", "vteam")[1]
    assert "peak 1.5 mA at 700 mV, 2 kHz, 5 kHz" in said
    assert "area of the loop: 0.0004 V·A, 6e-05 V·A" in said
    assert "agree to 3.0e-05 of the peak (2.0e-07 away from switching)" in said
    drive = calls[1][1]["drive"]
    assert (drive.amplitude, *drive.frequencies) == sn.devices.VTEAM().typical_drive()


OWN, KEPT = np.array([0.04, 0.09, 0.25, 0.36]), np.array([0.5, -0.2, 0.1, 0.0])
"""Parts of the variance that devices have for themselves, and of a cycle that the next one keeps."""


def test_a_fit_of_cycles_says_their_spreads_and_how_alike_neighbours_are(
    run_json, run, monkeypatch
):
    statistics = CycleStatistics(
        scores=np.array([-2.0, 2.0]),
        values=np.array([[0.4, 0.6], [0.5, 0.9], [1e3, 3e3], [1e5, 9e5]]),
        coefficients=np.diag(KEPT)[None],
        noise=np.diag((1 - OWN) * (1 - KEPT**2)),
        devices=np.diag(OWN),
    )
    cycles = [np.array([[1.0, 2.0, 3.0, 4.0], [3.0, 6.0, 9.0, 4.0]]), np.array([[5.0, 1, 3, 7]])]
    fit = SimpleNamespace(
        cycles=cycles,
        statistics=statistics,
        remarks=("read 3 cycles",),
        write_toml=written,
        figure=new_figure,
    )
    calls = recorder(monkeypatch, "spicesnn.fitting.cycles.fit_cycles", fit)
    code, found, _ = run_json("fit", "cycles", "some.csv", "--read-volts", "50m")
    assert code == 0
    assert calls[0] == ((Path("some.csv"),), {"read_volts": 0.05})
    rows = found["quantities"]
    assert [row["quantity"] for row in rows] == list(QUANTITIES)
    assert [row["mean"] for row in rows] == pytest.approx([3.0, 3.0, 5.0, 5.0])
    assert [row["spread"] for row in rows] == pytest.approx(
        np.sqrt([8 / 3, 14 / 3, 8.0, 2.0])  # of all cycles together
    )
    assert [row["device_to_device"] for row in rows] == pytest.approx([0.2, 0.3, 0.5, 0.6])
    assert [row["next_cycle"] for row in rows] == pytest.approx(
        [0.04 + 0.5 * 0.96, 0.09 - 0.2 * 0.91, 0.25 + 0.1 * 0.75, 0.36]
    )
    assert (found["order"], found["devices"], found["cycles"]) == (1, 2, 3)
    said = words(run("fit", "cycles", "some.csv")[1])
    assert "set_volts 3 V 1.633 V 4 % of the variance 0.52" in said
    assert "hrs_ohm 5 Ω 1.414 Ω 36 % of the variance 0.36" in said


def fitted(**more):
    """Return what a fit of two parameters looks like."""
    found = {
        "parameters": {"r_on": 123.456789, "r_off": 2e4},
        "stderr": {"r_on": 3.5, "r_off": 40.0},
        "correlation": np.array([[1.0, -0.25], [-0.25, 1.0]]),
        "intervals": {"r_on": (117.0, 130.0), "r_off": (19920.0, 20080.0)},
        "relative_rmse": 0.0123,
        "rmse": 4.5e-7,
        "noise": SimpleNamespace(relative=0.02, floor=1e-9),
        "remarks": (),
        "data": SimpleNamespace(amps=0, remarks=("read 9 points", "left out: nothing")),
        "polarity": 1,
        "write_toml": written,
        "figure": new_figure,
    }
    return SimpleNamespace(**(found | more))


def test_a_fit_says_parameters_with_their_own_deviations_and_correlations(
    run_json, run, monkeypatch
):
    calls = recorder(monkeypatch, "spicesnn.fitting.fit.fit", fitted())
    code, found, _ = run_json(
        "fit", "vteam", "some.csv", "--pulse-volts", "1200m", "--pulse-width", "2u", "--seed", "3"
    )
    assert code == 0
    (_, named) = calls[0]
    pulses = named["pulses"]
    assert (pulses.set_volts, pulses.reset_volts, pulses.width_s) == (1.2, -1.2, 2e-6)
    assert named["rng"].random() == np.random.default_rng(3).random()
    assert found["correlation"] == {
        "r_on": {"r_on": 1.0, "r_off": -0.25},
        "r_off": {"r_on": -0.25, "r_off": 1.0},
    }
    assert found["stderr"] == {"r_on": 3.5, "r_off": 40.0}
    assert (found["relative_rmse"], found["rmse"]) == (0.0123, 4.5e-7)
    assert found["noise"] == {"relative": 0.02, "floor": 1e-9}
    run_pulses = ("--pulse-volts", "1.2", "--reset-volts", "-0.9", "--pulse-width", "2u")
    said = words(run("fit", "vteam", "some.csv", *run_pulses)[1])
    assert calls[1][1]["pulses"].reset_volts == -0.9
    assert "r_on 123.457 3.5 r_off 20000 40" in said
    assert "residual 450 nA (root mean square), 1.2 % relative" in said


def test_models_are_compared_by_their_distance_from_the_best(run_json, run, monkeypatch, tmp_path):
    models = [
        Candidate(name="vteam", result=fitted(), aic=-52.5, residual=0.0123),
        Candidate(name="yakopcic", result=fitted(relative_rmse=0.3), aic=-12.25, residual=0.4),
        Candidate(name="stanford", result=None, aic=np.inf, reason="it has no voltage that low"),
    ]
    recorder(monkeypatch, "spicesnn.fitting.compare.compare", models)
    (tmp_path / "some.csv").write_text("time,volts,amps\n0,0,0\n1,1,1e-3\n2,0,0\n3,-1,-1e-3\n")
    code, found, _ = run_json("fit", "all", "some.csv")
    assert code == 0
    assert [(one["name"], one["aic"], one["relative_rmse"]) for one in found["models"]] == [
        ("vteam", -52.5, 0.0123),
        ("yakopcic", -12.25, 0.3),
        ("stanford", None, None),
    ]
    said = words(run("fit", "all", "some.csv")[1])
    assert "vteam 0.0 1.23 % 2 best" in said
    assert "yakopcic 40.2 40 % 2" in said


def test_a_cell_is_characterised_over_what_is_asked_for_or_what_it_usually_sees(
    run_json, run, monkeypatch
):
    tables = SimpleNamespace(states=np.zeros(11), volts=np.zeros(7))
    made = SimpleNamespace(
        errors=Errors(current=1e-3, increment=2e-3, lookup=3e-3, table=0.4, checks=200),
        max_relative_error=3e-3,
        moving=SimpleNamespace(tables=tables),
        write=lambda folder: written(folder / "device.toml"),
    )
    calls = recorder(monkeypatch, "spicesnn.characterization.characterize.characterize", made)
    monkeypatch.setattr("spicesnn.plotting.cell.characterization_figure", lambda made: new_figure())
    code, found, _ = run_json("characterize", "vteam", "--engine", "nodal")
    assert code == 0
    amplitude, frequency = sn.devices.VTEAM().typical_drive()
    (_, named) = calls[0]
    assert named["volts"] == pytest.approx(np.linspace(-amplitude, amplitude, 21))
    assert named["width_s"] == pytest.approx(0.01 / frequency, rel=1e-12)
    assert (named["v_read"], named["gate_volts"], named["cell_volts"]) == (0.1, None, 0.0)
    errors = ("current_error", "increment_error", "lookup_error", "table_error")
    assert [found[name] for name in errors] == [1e-3, 2e-3, 3e-3, 0.4]
    assert (found["max_relative_error"], found["states"], found["voltages"]) == (3e-3, 11, 7)
    said = run(
        *("characterize", "vteam", "--engine", "nodal", "--from", "-2", "--to", "1500m"),
        *("--width", "30n", "--read-volts", "200m", "--gate-volts", "1.5", "--cell-volts", "0.3"),
    )[1]
    (_, named) = calls[1]
    assert (named["volts"][0], named["volts"][-1], named["width_s"]) == (-2.0, 1.5, 30e-9)
    assert (named["v_read"], named["gate_volts"], named["cell_volts"]) == (0.2, 1.5, 0.3)
    assert "table of vteam: 11 states × 7 voltages" in said
    assert "at 200 random points: current 1.00e-03, conductance change 2.00e-03" in said


def test_a_sweep_begins_at_its_seed_and_is_printed_in_percent(run_json, run, monkeypatch):
    points = [SimpleNamespace(settings={"array.word_line_ohm": ohm}) for ohm in (1, 2)]
    rows = [
        {"array.word_line_ohm": ohm, "seed": seed, "test_accuracy": right, "energy_joule": 1.0}
        for ohm, seed, right in ((1, 4, 0.9), (1, 5, 0.8), (2, 4, 0.5))
    ]
    calls = recorder(monkeypatch, "spicesnn.training.sweep.plan", points)
    result = SweepResult(rows=rows, computed=2, table=Path("sweep.csv"))
    recorder(monkeypatch, "spicesnn.training.sweep.sweep", result)
    asked = ("sweep", "xpue", "--over", "array.word_line_ohm=1,2", "--seeds", "2", "--seed", "4")
    code, found, _ = run_json(*asked)
    assert code == 0
    assert {key: calls[0][1][key] for key in ("seeds", "first_seed")} == {
        "seeds": 2,
        "first_seed": 4,
    }
    assert [row["mean"] for row in found["summary"]] == pytest.approx([0.85, 0.5])
    said = words(run(*asked)[1])
    assert "1 2 85.00 % 63.53" in said  # 12.706·0.0707/√2
    assert "2 1 50.00 % –" in said


def test_an_imported_device_has_its_own_error_of_each_kind_and_ranges_as_said(
    run_json, monkeypatch
):
    assert _bounds(["X1.W=-1m,2", " y = 0 , 5n"]) == {"x1.w": (-1e-3, 2.0), "y": (0.0, 5e-9)}
    errors = TwinErrors(value=1e-5, jacobian=2e-5, state=3e-5, travel=0.4)
    recorder(monkeypatch, "spicesnn.validation.imported.twin_errors", errors)
    file = netlists_dir() / "foreign_memristor.lib"
    code, found, _ = run_json("import", file, "--dialect", "pspice")
    assert code == 0
    names = ("max_value_error", "max_jacobian_error", "max_state_error")
    assert [found[name] for name in names] == [1e-5, 2e-5, 3e-5]


def test_a_window_is_printed_in_percent_of_the_range(run, monkeypatch):
    window = SimpleNamespace(
        a_plus=0.031,
        a_minus=0.024,
        tau_plus_s=1.5e-6,
        tau_minus_s=2.5e-6,
        neighbour_dw=np.array([0.001, 0.002]),
    )
    other = SimpleNamespace(neighbour_dw=np.array([0.005, 0.0]))
    found = SimpleNamespace(
        window=window,
        windows=(window, other),
        difference=3e-4,
        csv=Path("a.csv"),
        figure=Path("a.png"),
        describe=dict,
    )
    recorder(monkeypatch, "spicesnn.reporting.windows.write_window", found)
    code, said, _ = run("stdp-window", "vteam")
    assert code == 0
    assert "A+ = +3.1 % of the range, τ+ = 1.5 µs" in said
    assert "A− = -2.4 % of the range, τ− = 2.5 µs" in said
    assert "neighbours      ≤ 0.5 % of" in said
    assert "engines differ  3.0e-04 of the largest change" in said
