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
