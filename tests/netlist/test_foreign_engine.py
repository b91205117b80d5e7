"""A user's own sub-circuit in the ngspice engine, as it is."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn import paths
from spicesnn.netlist.foreign import load_foreign


@pytest.fixture(scope="module")
def engine():
    with sn.NgspiceEngine() as running:
        yield running


@pytest.fixture(scope="module")
def device():
    return load_foreign(paths.netlists_dir() / "foreign_memristor.toml")


def test_reads_are_those_of_the_same_resistors(engine, device):
    state = np.array([[0.2, 0.9], [0.5, 0.4]])
    got = engine.read(sn.Crossbar(device=device, state=state, wires=sn.Wires()), [0.5, 0.2])
    want = sn.NodalEngine().read(
        sn.Crossbar(conductance=1 / (100 * state + 16e3 * (1 - state)), wires=sn.Wires()),
        [0.5, 0.2],
    )
    np.testing.assert_allclose(got.column_amps, want.column_amps, rtol=1e-7)
    assert got.residual_amps < 1e-9 * np.abs(want.row_amps).max()


def test_a_linear_sub_circuit_stands_in_the_deck_of_a_read_as_it_is(device):
    assert device.linear
    array = sn.Crossbar(device=device, state=[[0.2, 0.9]], wires=sn.Wires())
    deck = array.to_deck([0.5]).lower()
    assert "xm0_0 " in deck
    assert "\nrm0_0" not in deck
    assert device.circuit.subckt in array.to_subcircuit().lower()


def test_cells_of_negative_resistance_are_read_alike_by_both_engines(engine, tmp_path):
    (tmp_path / "d.lib").write_text(
        ".subckt d p n\ng1 p n value={V(p,n)*(V(x)-0.5)*1m}\ncx x 0 1\n"
        "g2 0 x value={V(p,n)*(1-V(x))}\n.ends\n"
    )
    (tmp_path / "d.toml").write_text(
        'name = "d"\nfile = "d.lib"\nsubckt = "d"\n[pins]\np = "p"\nn = "n"\n'
        '[states.x]\nnode = "x"\ncapacitor = "cx"\nlow = 0.0\nhigh = 1.0\n'
    )
    device = load_foreign(tmp_path / "d.toml")
    assert device.linear
    state = np.random.default_rng(0).uniform(0, 1, (6, 4))
    array = sn.Crossbar(device=device, state=state, wires=sn.Wires(1.0, 1.0))
    reads = [one.read(array, np.linspace(-0.2, 0.3, 6)) for one in (engine, sn.NodalEngine())]
    assert reads[1].word_line_volts.min() < -0.2  # beyond what the sources span
    np.testing.assert_allclose(reads[0].column_amps, reads[1].column_amps, rtol=1e-8)


def test_pulses_carry_states_on_and_stuck_cells_stay(engine, device):
    array = sn.Crossbar(
        device=device, state=[[0.2, 0.5]], wires=sn.Wires.ideal(), stuck=[[False, True]]
    )
    half = sn.Pulse(row_volts=[1.0], width_s=0.05)
    once = engine.pulse(engine.pulse(array, half).array, half).state
    whole = engine.pulse(array, sn.Pulse(row_volts=[1.0], width_s=0.1)).state
    assert once == pytest.approx(whole, abs=1e-4)
    assert whole[0, 0] > 0.22
    assert whole[0, 1] == 0.5


def test_the_iv_curve_is_the_published_one(engine, device):
    curve = engine.drive(device, sn.Sine(amplitude=1.0, frequency=1.0, periods=1))
    assert np.interp([0.25, 0.5], curve.time, curve.state) == pytest.approx(
        [0.46739923, 0.69340866], abs=3e-5
    )
    assert curve.amps.max() == pytest.approx(1.25635328e-4, rel=1e-4)
