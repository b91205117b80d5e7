"""Stored equations as compiled functions: what they answer is what the same equations answer in
NumPy, and arrays of imported devices move as single ones do."""

import re
from pathlib import Path

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.devices.importers import native
from spicesnn.devices.importers.veriloga.model import read_model
from spicesnn.devices.stimulus import PiecewiseLinear
from spicesnn.engines.nodal import cell_steps, drive
from spicesnn.errors import ConvergenceError, EngineError
from spicesnn.netlist.veriloga import TAKEN, device_of_model

MODELS = Path(__file__).parent / "veriloga_models"
QUICK = ["vteam", "nbo2_switch", "gap_by_hand"]
SLOW = [pytest.param(n, marks=pytest.mark.slow) for n in ("stanford_pku", "jart_vcm_v1", "ftj")]


def device(name, **options):
    return device_of_model(read_model(MODELS / f"{name}.va", taken=TAKEN.__contains__, **options))


def places(made, count, rng):
    """Voltages, and states inside their bounds, (states, count)."""
    low, high = (np.asarray(e, dtype=float).reshape(-1, 1) for e in made.bounds())
    share = rng.uniform(0.001, 0.999, (len(made.state_names), count))
    return rng.uniform(-1, 1, count) * made.drive[0], low + (high - low) * share


@pytest.mark.parametrize("name", [*QUICK, *SLOW])
def test_the_compiled_twin_answers_what_the_stored_equations_answer(name):
    made = device(name)
    v, x = places(made, 500, np.random.default_rng(5))
    amps, siemens, rates, _, _ = made.stored.everything(v, list(x), made._values())
    state = x[0] if len(x) == 1 else x
    np.testing.assert_allclose(made.current(v, state), amps, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(made.conductance(v, state), siemens, rtol=1e-12, atol=1e-300)
    found = made.rate(v, state).reshape(len(x), -1)
    for one, other in zip(found, rates, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12 * np.max(np.abs(other)))


def test_every_cell_may_have_its_own_parameters():
    made = device("vteam")
    rng = np.random.default_rng(1)
    r_on = rng.uniform(80, 120, (20, 20))
    v, x = rng.uniform(-1, 1, (20, 20)), rng.uniform(0, 1, (20, 20))
    found = made.with_parameters(r_on=r_on).current(v, x)
    one_by_one = [
        float(made.with_parameters(r_on=float(r)).current(a, b))
        for r, a, b in zip(r_on.ravel(), v.ravel(), x.ravel(), strict=True)
    ]
    np.testing.assert_allclose(found.ravel(), one_by_one, rtol=1e-12)


def test_nothing_of_a_descriptor_is_in_the_text_that_is_run():
    made = device("nbo2_switch")
    text = native._Writer(made.stored).text
    assert "def _sides(v, x0, p, w):" in text
    own = set(re.findall(r"[A-Za-z_]\w*", text))
    given = {*made.settable(), *made.state_names, made.name}
    assert len(given) > 5
    assert not own & given


@pytest.mark.parametrize("name", ["vteam", pytest.param("jart_vcm_v1", marks=pytest.mark.slow)])
def test_an_array_of_an_imported_device_is_pulsed_as_each_cell_by_itself(name):
    """Ideal wires: every cell sees its own voltage; the reference is the integrator in NumPy."""
    from spicesnn.crossbar.crossbar import Crossbar
    from spicesnn.engines.nodal.cell_steps import ArraySteps, CompiledSteps, steps_for
    from spicesnn.engines.nodal.cells import Ensemble
    from spicesnn.engines.nodal.interval import NODES, Drive

    made = device(name)
    amplitude, hertz = made.typical_drive()
    _, x = places(made, 4, np.random.default_rng(2))
    cells = Ensemble.of(Crossbar(device=made, state=x[0][:, None]))
    source = np.outer(NODES, np.array([1.0, 0.8, -0.9, -0.3]) * amplitude)
    seconds = 0.02 / hertz
    drive = Drive(source=source, ohms=None, gate=None, line=source[[0, -1]], seconds=seconds)
    steps = steps_for(cells, 1e-6, 1e-4)
    assert isinstance(steps, CompiledSteps)
    found = steps.interval(x, drive, np.full(4, seconds))
    known = ArraySteps(cells, 1e-6).interval(x, drive, np.full(4, seconds))
    span = cells.high - cells.low
    assert np.max(np.abs(found.full - x) / span) > 1e-4
    np.testing.assert_allclose(found.full / span, known.full / span, atol=2e-5)
    np.testing.assert_allclose(found.energy, known.energy, rtol=2e-4)


def test_a_state_that_leaves_the_range_it_was_given_is_an_error_of_that_name_in_an_array_too(
    tmp_path,
):
    path = tmp_path / "m.va"
    path.write_text(
        '`include "constants.vams"\n`include "disciplines.vams"\nmodule cell_x(p, n);\ninout p, n;'
        " electrical p, n, x;\nanalog begin\nI(p, n) <+ 1e-4 * (1.0 + V(x)) * V(p, n);\n"
        "I(x) <+ ddt(V(x)) - 1e3 * V(p, n);\nend\nendmodule\n",
        encoding="utf-8",
    )
    made = device_of_model(read_model(path, taken=TAKEN.__contains__, bounds={"x": (0.0, 1.0)}))
    array = sn.Crossbar(device=made, state=np.full((3, 3), 0.9))
    pulse = sn.Pulse(row_volts=np.full(3, 1.0), width_s=1e-3, rise_s=1e-5)
    with sn.NodalEngine() as engine, pytest.raises(EngineError, match="the state x goes on beyond"):
        engine.pulse(array, pulse)


@pytest.mark.parametrize("name", ["vteam", pytest.param("nbo2_switch", marks=pytest.mark.slow)])
def test_a_curve_by_compiled_rates_is_that_of_the_equations_in_numpy(name, monkeypatch):
    made = device(name)
    options = {"frequency": 10.0 * made.typical_drive()[1], "periods": 0.5, "points": 200}
    found = sn.iv(made, **options)
    calls = []
    monkeypatch.setattr(drive, "_compiled_rates", lambda device, count: None)
    whole = type(made).rate
    monkeypatch.setattr(type(made), "rate", lambda *given: calls.append(1) or whole(*given))
    known = sn.iv(made, **options)
    assert len(calls) > 100  # so `known` was not compiled
    low, high = (np.asarray(e, dtype=float).reshape(-1, 1) for e in made.bounds())
    assert np.ptp(known.state) > 0
    np.testing.assert_allclose(
        np.atleast_2d(found.state) / (high - low),
        np.atleast_2d(known.state) / (high - low),
        atol=1e-7,
    )


def test_a_curve_that_asks_for_too_many_steps_ends_in_one_line(monkeypatch):
    monkeypatch.setattr(drive, "MOST_EVALUATIONS", 300)
    with pytest.raises(ConvergenceError, match=r"given up at .* after 300 evaluations"):
        sn.iv(device("vteam"), points=100)


def test_a_temperature_that_rests_at_its_bound_beside_a_slow_gap_takes_few_steps():
    """Its differences towards the outside are 0, which is no slope of a stiff state."""
    curve = sn.iv(device("gap_by_hand"), periods=1, points=200)
    assert curve.stats["evaluations"] < 3000
    heat = 61.4e-6 * np.exp(-1.7e-9 / 0.2751e-9) * np.sinh(curve.volts / 0.43) * curve.volts
    kelvin = 300.0 + heat * 2.3e-10 / 3.1825e-16
    np.testing.assert_allclose(curve.state[1], kelvin, rtol=1e-6)


def test_a_pulse_whose_cells_ask_for_too_many_steps_ends_in_one_line(monkeypatch):
    made = device("gap_by_hand")
    array = sn.Crossbar(device=made, state=np.array([1e-9, 320.0]).reshape(2, 1, 1))
    pulse = sn.Pulse(row_volts=[1.5], width_s=1e-6, rise_s=1e-8)
    after = sn.NodalEngine().pulse(array, pulse).state  # as it is, it is followed
    assert after[0, 0, 0] < 0.999999e-9
    monkeypatch.setattr(cell_steps, "MOST_STEPS", 20)
    monkeypatch.setattr(cell_steps, "FREE_ROUNDS", 0)
    with pytest.raises(ConvergenceError, match="the cells need too many steps"):
        sn.NodalEngine().pulse(array, pulse)


def test_a_state_may_reach_its_bound_before_the_first_time_that_is_asked_for(tmp_path):
    path = tmp_path / "m.va"
    path.write_text(
        '`include "constants.vams"\n`include "disciplines.vams"\nmodule cell_x(p, n);\ninout p, n;'
        " electrical p, n, x;\nanalog begin\nI(p, n) <+ 1e-4 * (1.0 + V(x)) * V(p, n);\n"
        "I(x) <+ ddt(V(x)) - (V(x) < 1.0 ? 1e3 * V(p, n) : 0.0);\nend\nendmodule\n",
        encoding="utf-8",
    )
    made = device_of_model(read_model(path, taken=TAKEN.__contains__, bounds={"x": (0.0, 1.0)}))
    ramp = PiecewiseLinear([0.0, 1e-3, 1.0], [1.0, 1.0, 1.0])
    curve = sn.NodalEngine().drive(made, ramp, state=0.5, points=2)
    assert curve.state == pytest.approx([0.5, 1.0, 1.0])


def text_of(folder, body, nodes="x"):
    path = folder / "m.va"
    path.write_text(
        '`include "constants.vams"\n`include "disciplines.vams"\nmodule cell_x(p, n);\ninout p, n;'
        f" electrical p, n, {nodes};\nanalog begin\n{body}\nend\nendmodule\n",
        encoding="utf-8",
    )
    return device_of_model(
        read_model(
            path,
            taken=TAKEN.__contains__,
            bounds={name: (0.0, 1.0) for name in nodes.split(", ") if name in ("x", "y")},
        )
    )


SEVERAL = (
    "I(p, m) <+ 1e-3 * (1 + V(x)) * V(p, m);\nI(m, n) <+ V(m, n) / (100 + 2000 * V(y));\n"
    "I(x) <+ ddt(V(x)) - 1e3 * V(p, m) * V(x) * (1 - V(x));\n"
    "I(y) <+ ddt(V(y)) - 2e3 * pow(V(m, n), 3) * V(y) * (1 - V(y));"
)


@pytest.mark.parametrize("name", ["vteam", "several"])
def test_arrays_of_linear_imported_cells_are_solved_as_such_with_the_same_answers(
    name, tmp_path, monkeypatch
):
    made = device("vteam") if name == "vteam" else text_of(tmp_path, SEVERAL, "m, x, y")
    assert made.linear
    rng = np.random.default_rng(3)
    states, (amplitude, hertz) = len(made.state_names), made.typical_drive()
    shape = (states, 6, 4) if states > 1 else (6, 4)
    array = sn.Crossbar(
        device=made, state=places(made, 24, rng)[1].reshape(shape), wires=sn.Wires(2.0, 1.0)
    )
    volts = amplitude * rng.uniform(-1, 1, 6)
    pulse = sn.Pulse(row_volts=volts, width_s=0.02 / hertz, rise_s=0.002 / hertz)
    engine = sn.NodalEngine(state_tolerance=5e-10)
    read, after = engine.read(array, 0.2 * volts), engine.pulse(array, pulse)
    gain = array.effective_conductance()
    monkeypatch.setattr(type(made), "linear", False)
    array = array.with_state(array.state)
    same, known = engine.read(array, 0.2 * volts), engine.pulse(array, pulse)
    np.testing.assert_allclose(read.column_amps, same.column_amps, rtol=1e-9)
    np.testing.assert_allclose(0.2 * volts @ gain, same.column_amps, rtol=1e-9)
    assert np.max(np.abs(known.state - array.state)) > 0.01
    np.testing.assert_allclose(after.state, known.state, atol=1e-9)
    assert after.energy_joule == pytest.approx(known.energy_joule, rel=1e-9)
