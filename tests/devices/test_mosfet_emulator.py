"""The emulator's twin against the literal circuit, solved by ngspice."""

from __future__ import annotations

import re
from decimal import Decimal

import numpy as np
import pytest
from device_checks import conductance_error

import spicesnn as sn
from spicesnn.devices import MosfetEmulator
from spicesnn.devices.meyer import MeyerGate
from spicesnn.errors import InputError
from spicesnn.netlist.batch import run_batch
from spicesnn.paths import netlists_dir

NETWORK_PULSE = sn.PiecewiseLinear([0, 1e-5, 2e-5, 5.02e-3, 5.03e-3, 6e-3], [0, 0, 1, 1, 0, 0])


def literal(stimulus, transconductance, step):
    """Run the circuit as its authors wired it: time, source current, gate voltage, drain
    current."""
    text = (netlists_dir() / "mosfet_emulator_original.cir").read_text()
    text = re.sub(r"vd d 0 .*", f"vd d 0 {stimulus.spice_source()}", text)
    text = text.replace("transconductance=2e-4", f"transconductance={transconductance:g}")
    text = text.replace("reltol=1e-5", "reltol=1e-6 chgtol=1e-18 trtol=1")
    text = re.sub(r"\.tran .*", f".tran {step:g} {stimulus.duration_s:g} 0 {step:g} uic", text)
    run = run_batch(text)
    return run.sweep, run["i(vs)"], run["v(x1.gate)"], run["i(vd)"]


@pytest.mark.parametrize(
    ("transconductance", "stimulus", "step"),
    [(2e-4, sn.Sine(amplitude=1.0, frequency=1e3, periods=2), 1e-6), (5e-9, NETWORK_PULSE, 2e-6)],
    ids=["iv-demonstration", "network-pulse"],
)
def test_the_twin_is_the_literal_circuit(transconductance, stimulus, step):
    time, amps, gate, _ = literal(stimulus, transconductance, step)
    device = MosfetEmulator(transconductance=transconductance)
    curve = sn.NodalEngine().drive(device, stimulus, points=4000)
    state = np.interp(time, curve.time, curve.state)
    volts = stimulus.volts(time)
    peak = np.abs(amps).max()
    assert np.abs(amps - device.current(volts, state)).max() <= 1e-3 * peak
    assert np.abs(gate - device.gate_volts_of(volts, state)).max() <= 1.2e-3 * np.abs(gate).max()
    assert peak == pytest.approx(1.5128 if transconductance == 2e-4 else 9.1224e-4, rel=1e-4)


def test_the_hidden_capacitance_is_what_ngspice_says():
    device = MosfetEmulator()
    assert float(device.gate_capacitance) == pytest.approx(3.45314e-12, rel=1e-5)
    assert device.rate(1.0, 5.0, 1.2) == pytest.approx(5e-5 / 3.55314e-12, rel=1e-5)


def test_the_body_diode_takes_hundreds_of_ampere():
    time, amps, _, drain = literal(sn.PiecewiseLinear([0, 1e-4, 2e-4], [0, -1, 0]), 2e-4, 1e-6)
    k = np.argmin(np.abs(time - 1e-4))
    device = MosfetEmulator(transconductance=2e-4)
    assert device.drain_current(np.interp(time[k], [0, 1e-4], [0, -1.0]), -1e4) == pytest.approx(
        -drain[k], rel=1e-3
    )
    assert -drain[k] == pytest.approx(-618, rel=2e-2)
    assert abs(amps[k]) < 1e-3


def test_phi_holds():
    device = MosfetEmulator()
    assert device.rate(1.0, 3.0, 0.0) == 0 < device.rate(1.0, 3.0, 0.51)
    with pytest.raises(InputError, match="phi"):
        device.rate(1.0, 3.0)


def test_slopes():
    device = MosfetEmulator()
    volts, states = np.meshgrid(np.linspace(-1.3, 1.3, 27) + 1e-3, np.linspace(-1, 7, 23))
    strong = device.gate_volts_of(volts, states) > 0.05
    assert conductance_error(device, volts[strong], states[strong]) < 1e-6


def test_gate_charge_and_its_inverse():
    gate = MeyerGate(fixed=np.array(1e-13), oxide=np.array(3.453e-12))
    volts, gates = np.meshgrid(np.linspace(-2, 2, 41), np.linspace(-1.5, 9, 211))
    states = gate.charge(gates, volts)
    assert np.all(np.diff(states, axis=0) > 0)
    assert gate.volts(states, volts) == pytest.approx(gates, abs=1e-12)
    for_gate, for_drain = gate.slopes(gates, volts)
    shift = 1e-6
    rough = np.abs(np.abs(volts) - np.maximum(gates + np.maximum(-volts, 0), 0.025)) < 1e-5
    kink = (
        rough
        | (np.abs(gates) < 1e-5)
        | (np.abs(volts) < 1e-5)
        | (np.abs(gates - np.minimum(volts, 0)) < 1e-5)
    )
    assert for_gate[~kink] == pytest.approx(
        ((gate.charge(gates + shift, volts) - gate.charge(gates - shift, volts)) / 2 / shift)[
            ~kink
        ],
        abs=2e-5,
    )
    assert for_drain[~kink] == pytest.approx(
        ((gate.charge(gates, volts + shift) - gate.charge(gates, volts - shift)) / 2 / shift)[
            ~kink
        ],
        abs=2e-5,
    )
    # half the drain's step couples into the gate of a transistor that is well on
    assert gate.coupling(np.array(1e3), np.array(0.01)) == pytest.approx(
        0.5 * 3.453 / 3.553, rel=1e-4
    )


def test_state_for_conductance():
    device = MosfetEmulator()
    states = np.array([0.0, 0.02, 0.5, 7.0])
    wanted = device.conductance(0.0, np.maximum(states, device.x_init))
    assert device.conductance(0.0, device.state_for_conductance(wanted)) == pytest.approx(
        wanted, abs=1e-12
    )
    assert device.state_for_conductance(1.3e-4 * 7.0) == pytest.approx(7.0, rel=1e-12)
    with pytest.raises(InputError, match="it is 0 or more"):
        device.state_for_conductance(-1e-6)


def test_parameters_are_checked():
    with pytest.raises(InputError, match="must be above x_low"):
        MosfetEmulator(x_low=1.0, x_high=0.0)
    with pytest.raises(InputError, match="expected > 0"):
        MosfetEmulator(capacitance=0.0)


@pytest.mark.parametrize(("low", "ohm"), [(0.0, 1.0), (4.2e-10, 1.0), (0.0, 10.0)])
def test_cells_are_pulsed_a_second_time_through_wires(low, ohm):
    """A cell at its lowest state that is pushed further down, beside one that was written: no step
    may be crossed to and fro."""
    device = MosfetEmulator(transconductance=5e-9, x_low=0.0, x_high=20.0)
    wires = sn.Wires(word_line_ohm=ohm, bit_line_ohm=ohm)
    array = sn.Crossbar(
        device=device, state=[[6.957], [low]], gate_along=sn.GateAlong.BIT_LINES, wires=wires
    )
    pulse = sn.Pulse(row_volts=[1.0, 0.0], width_s=0.005, gate_volts=[1.2])
    with sn.NgspiceEngine(timeout_s=60) as engine:
        done = engine.pulse(array, pulse)
        again = engine.pulse(done.array, pulse)
    assert done.state[1, 0] == pytest.approx(0.0, abs=1e-9)
    assert done.state[0, 0] == pytest.approx(
        13.949 if ohm == 1.0 else sn.NodalEngine().pulse(array, pulse).state[0, 0], abs=6e-3
    )
    assert again.state[0, 0] > done.state[0, 0] + 6


@pytest.mark.parametrize(("volts", "gate"), [(-0.0198, 0.0), (-0.25, 1.2), (0.5, 0.0)])
def test_gates_below_zero_are_found(volts, gate):
    """The equation of the gate where saturation voltage and drain meet: a single expression, whose
    poles Newton's steps cannot reach."""
    states = np.array([[0.0, 15.0, 9.03], [0.0, 13.6, 4.2e-10]])
    device = MosfetEmulator(transconductance=1e-9)
    array = sn.Crossbar(
        device=device,
        state=states,
        gate_along=sn.GateAlong.WORD_LINES,
        wires=sn.Wires(word_line_ohm=10.0, bit_line_ohm=10.0),
    )
    pulse = sn.Pulse(row_volts=[-0.13, volts], width_s=1e-4, gate_volts=[0.0, gate])
    with sn.NgspiceEngine(timeout_s=60) as engine:
        done, ours = engine.pulse(array, pulse), sn.NodalEngine().pulse(array, pulse)
    assert done.state == pytest.approx(ours.state, abs=1e-4)


def test_a_channel_of_50_kilovolts_loses_no_digits_of_its_current():
    device = MosfetEmulator()
    for state in (5e4, 300.0, 0.4):
        for volts in (1e-7, -1e-7, 0.2, -0.2):
            gate = Decimal(float(device.gate_volts_of(volts, state)))
            source, drain = max(gate, Decimal(0)), max(gate - Decimal(volts), Decimal(0))
            exact = Decimal(device.kp) / 2 * (source**2 - drain**2)
            assert float(device.current(volts, state)) == pytest.approx(float(exact), rel=1e-12)


def test_cells_at_both_ends_of_the_range_are_read_together():
    state = np.where(np.indices((6, 5)).sum(axis=0) % 2, 5e4, -5e4)
    array = sn.Crossbar(
        device=MosfetEmulator(), state=state, wires=sn.Wires(1.3, 0.17, driver_ohm=0.04)
    )
    read = sn.NodalEngine().read(array, np.linspace(0.05, 0.4, 6), gate_volts=np.zeros(6))
    cells = array.device.current(read.word_line_volts - read.bit_line_volts, state)
    largest = np.abs(cells).max()
    np.testing.assert_allclose(read.column_amps, cells.sum(axis=0), atol=1e-9 * largest)
    np.testing.assert_allclose(read.row_amps, cells.sum(axis=1), atol=1e-9 * largest)
