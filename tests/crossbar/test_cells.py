from __future__ import annotations

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.cells import OneSelectorOneResistor, OneTransistorOneResistor
from spicesnn.devices import VTEAM, LinearDrift, MosfetEmulator, PaiYuChen, registry
from spicesnn.errors import InputError, UnknownNameError
from spicesnn.netlist.batch import run_batch
from spicesnn.paths import model_file

CELLS = [
    OneTransistorOneResistor.around(LinearDrift()),
    OneSelectorOneResistor.around(LinearDrift()),
]
by_name = pytest.mark.parametrize("cell", CELLS, ids=lambda c: c.name)


@pytest.fixture(scope="module")
def ngspice():
    with sn.NgspiceEngine() as engine:
        yield engine


def test_golden_transistor():
    amps, slope = OneTransistorOneResistor().access(np.array([5.0, 0.1, -0.1]), 1.28)
    assert amps[0] == pytest.approx(100.92e-6, rel=1e-7)
    assert amps[1] == pytest.approx(31.8e-6, rel=1e-7)
    assert amps[2] == pytest.approx(-0.5 * 600e-6 * (0.68**2 - 0.58**2), rel=1e-6)
    assert slope[1] == pytest.approx(600e-6 * 0.48, rel=1e-6)
    other = OneTransistorOneResistor(
        transistor_width=3e-6, transistor_length=0.3e-6, transistor_vto=0.3, transistor_kp=120e-6
    )
    assert other.compliance(2.0) == pytest.approx(0.5 * 1.2e-3 * 1.7**2, rel=1e-12)


@by_name
def test_the_two_elements_carry_one_current(cell):
    volts, states = np.meshgrid(np.linspace(-2, 2, 21), np.linspace(0, 1, 9))
    for gate in (0.0, 1.0, 1.28, 3.0):
        u = cell.access_volts(volts, states, gate)
        inner = cell.memristor.current(volts - u, states)
        assert cell.access(u, gate)[0] == pytest.approx(
            inner, rel=1e-9, abs=1e-11 * np.abs(inner).max()
        )
        assert np.all(u * volts >= 0)
        assert np.all(np.abs(u) <= np.abs(volts))


@by_name
def test_slope(cell):
    volts, states = np.meshgrid(np.linspace(-2, 2, 20), np.linspace(0, 1, 9))
    difference = (
        cell.current(volts + 1e-6, states, 1.28) - cell.current(volts - 1e-6, states, 1.28)
    ) / 2e-6
    assert cell.conductance(volts, states, 1.28) == pytest.approx(
        difference, rel=1e-5, abs=1e-7 * np.abs(difference).max()
    )


def test_the_gate_is_the_compliance():
    cell = OneTransistorOneResistor.around(LinearDrift())
    amps = cell.current(3.0, 1.0, np.array([0.5, 1.0, 1.28]))
    assert amps == pytest.approx(cell.compliance(np.array([0.5, 1.0, 1.28])), rel=1e-6, abs=4e-12)
    assert amps[0] == pytest.approx(3e-12, rel=1e-3)
    assert cell.current(3.0, 1.0) == amps[2]


def test_a_selector_quiets_the_half_selected_cell():
    cell = OneSelectorOneResistor.around(LinearDrift())
    plain = cell.memristor.current(np.array([1.0, 0.5]), 0.5)
    amps = cell.current(np.array([1.0, 0.5]), 0.5)
    assert plain[0] / plain[1] == pytest.approx(2)
    assert amps[0] / amps[1] > 4
    assert cell.current(0.7, 1.0) / cell.current(0.35, 1.0) > 100


@by_name
def test_both_twins_over_pulses(cell, ngspice):
    rng = np.random.default_rng(3)
    states = rng.uniform(0, 1, (12, 1))
    states[:2], states[2:4] = 0, 1
    volts = rng.uniform(0.8, 2.2, 12) * rng.choice([-1, 1], 12)
    gates = rng.uniform(1.0, 2.0, 12) if cell.gated else None
    array = sn.Crossbar(device=cell, state=states, wires=sn.Wires.ideal())
    pulse = sn.Pulse(row_volts=volts, width_s=0.3, rise_s=0.03, gate_volts=gates)
    spice, nodal = ngspice.pulse(array, pulse), sn.NodalEngine().pulse(array, pulse)
    assert np.abs(spice.state - nodal.state).max() <= 1e-3
    assert np.abs(nodal.state - states).max() > 0.05


@by_name
@pytest.mark.parametrize("along", sn.GateAlong)
def test_reads_of_both_engines(cell, along, ngspice):
    states = np.random.default_rng(4).uniform(0, 1, (4, 3))
    array = sn.Crossbar(
        device=cell,
        state=states,
        wires=sn.Wires(word_line_ohm=5.0, bit_line_ohm=5.0),
        gate_along=along,
    )
    gates = np.linspace(0.9, 1.6, array.gate_lines) if cell.gated else None
    row_volts = np.array([0.3, -0.2, 0.8, 0.5])
    spice, nodal = (e.read(array, row_volts, gate_volts=gates) for e in (ngspice, sn.NodalEngine()))
    assert spice.column_amps == pytest.approx(
        nodal.column_amps, rel=1e-8, abs=1e-8 * np.abs(nodal.column_amps).max()
    )


def test_iv_of_both_twins(ngspice):
    cell = OneTransistorOneResistor()
    amplitude, frequency = cell.typical_drive()
    spice, nodal = (
        e.drive(cell, sn.Sine(amplitude=amplitude, frequency=frequency, periods=1), points=1500)
        for e in (ngspice, sn.NodalEngine())
    )
    assert (
        np.abs(np.interp(nodal.time, spice.time, spice.amps) - nodal.amps).max()
        <= 1e-3 * np.abs(nodal.amps).max()
    )
    assert nodal.amps.max() > 1e-6


def test_parameters_reach_the_memristor():
    cell = OneTransistorOneResistor.around(LinearDrift()).with_parameters(
        r_on=200.0, transistor_vto=0.5
    )
    assert (cell.memristor.r_on, cell.transistor_vto) == (200.0, 0.5)
    text = cell.with_text(window="biolek", transistor_kp="80u")
    assert (text.memristor.window.name, text.transistor_kp, text.memristor.r_on) == (
        "BIOLEK",
        80e-6,
        200.0,
    )
    assert cell.spice_parameters()["r_on"] == 200.0
    with pytest.raises(UnknownNameError, match="has no parameter 'r_of'"):
        cell.with_parameters(r_of=1.0)
    assert isinstance(registry.make("1t1r").memristor, VTEAM)


def test_the_table_lists_what_can_be_set():
    assert OneTransistorOneResistor.settable()[:2] == ["transistor_width", "transistor_length"]
    assert set(VTEAM.settable()) < set(OneSelectorOneResistor.settable())
    assert {row["name"]: row["default"] for row in OneTransistorOneResistor.parameter_table()}[
        "r_off"
    ] == 300e3
    assert OneTransistorOneResistor.choices() == VTEAM.choices()


def test_what_cannot_be_a_cell_is_refused():
    with pytest.raises(InputError, match="two terminals"):
        OneTransistorOneResistor.around(MosfetEmulator())
    with pytest.raises(InputError, match="around"):
        OneTransistorOneResistor(memristor=PaiYuChen())
    with pytest.raises(InputError, match="expected > 0"):
        OneTransistorOneResistor(transistor_width=0.0)


def literal(cell, state, gate, volts, bit=0.0):
    """Solve the cell with a transistor that ngspice knows, its gate held against ground: current
    out of the word line, (volts,) ampere."""
    memristor = cell.memristor
    given = " ".join(
        f"{name}={float(value):.17g}" for name, value in memristor.spice_parameters().items()
    )
    deck = f"""literal
.include "{model_file(memristor.model)}"
v1 p 0 0
vb n 0 {bit}
vg g 0 {gate}
vx x 0 {state / memristor.state_scale[0]}
xm p m x {memristor.subckt} {given}
m1 m g n 0 access W={cell.transistor_width} L={cell.transistor_length}
rleak m n {1 / cell.transistor_leak}
.model access NMOS(LEVEL=1 VTO={cell.transistor_vto} KP={cell.transistor_kp} GAMMA=0 LAMBDA=0 IS=1e-40)
.options reltol=1e-9 vntol=1e-12 abstol=1e-16 gmin=1e-16
.dc v1 {volts[0]} {volts[-1]} {volts[1] - volts[0]}
.save i(v1)
.end
"""
    return -run_batch(deck)["i(v1)"]


@pytest.mark.parametrize("gate", [0.5, 1.28, 2.5])
@pytest.mark.parametrize("state", [0.1, 0.9])
def test_both_polarities_are_those_of_the_transistor_of_ngspice(gate, state):
    cell = OneTransistorOneResistor.around(LinearDrift())
    volts = np.linspace(-1.5, 1.5, 31)
    assert cell.current(volts, state, gate) == pytest.approx(
        literal(cell, state, gate, volts), rel=1e-6, abs=1e-13
    )


def test_a_gate_against_ground_is_one_lower_by_the_bit_line():
    """The cell's gate counts from the bit line; where a driver holds it against ground, subtract
    what the bit line is at."""
    cell = OneTransistorOneResistor.around(LinearDrift())
    volts = np.linspace(0.2, 2.2, 11)
    raised = literal(cell, 0.9, 1.28, volts, bit=0.2)
    assert raised == pytest.approx(cell.current(volts - 0.2, 0.9, 1.08), rel=1e-6, abs=1e-13)
    assert raised[-1] == pytest.approx(cell.compliance(1.08), rel=1e-3)


def test_gates_of_their_own_spread_over_voltage_and_state():
    """One voltage and one state under three gate voltages: three currents, each that of its gate
    alone."""
    cell = OneTransistorOneResistor()
    state = float(np.asarray(cell.initial_state()).ravel()[0])
    gates = np.array([0.9, 1.28, 2.0])
    together = cell.current(0.5, state, gates)
    assert together.shape == (3,)
    np.testing.assert_allclose(
        together, [float(cell.current(0.5, state, gate)) for gate in gates], rtol=1e-9
    )
    assert np.all(np.diff(together) > 0)
