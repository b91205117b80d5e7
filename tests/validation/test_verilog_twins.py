"""Imported Verilog-A models on both engines: random pulses, and arrays read and pulsed."""

from pathlib import Path

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.devices.importers.veriloga.model import read_model
from spicesnn.netlist.veriloga import TAKEN, device_of_model
from spicesnn.validation.imported import spice_errors

MODELS = Path(__file__).parents[1] / "devices" / "importers" / "veriloga_models"
QUICK = ["vteam", "stanford_pku", "ftj"]
ALL = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
    for name in (*QUICK, "nbo2_switch", "jart_vcm_v1", "gap_by_hand")
]


@pytest.fixture(scope="module")
def ngspice():
    with sn.NgspiceEngine() as engine:
        yield engine


def imported(name):
    return device_of_model(read_model(MODELS / f"{name}.va", taken=TAKEN.__contains__))


@pytest.mark.parametrize("name", ALL)
def test_the_subcircuit_has_the_currents_of_the_equations(name, ngspice):
    found = spice_errors(imported(name), ngspice, np.random.default_rng(5))
    assert found.value < 1e-9
    assert found.jacobian < 1e-8
    assert found.state < 1e-3
    assert found.travel > 1e-3


@pytest.mark.parametrize("name", ALL)
def test_after_50_random_pulses_both_engines_hold_the_same_states(name, ngspice):
    device, rng = imported(name), np.random.default_rng(11)
    amplitude, frequency = device.typical_drive()
    count = len(device.state_names)
    low, high = (np.asarray(b, dtype=float).reshape(-1, 1) for b in device.bounds())
    states = low + (high - low) * rng.uniform(0.1, 0.9, (count, 10))
    volts = (
        rng.choice([-1.0, 1.0], (5, 10)) * amplitude * rng.uniform(0.3, 1.0, (5, 10))
    )  # ten cells, five pulses one after another
    given = states[:, :, None] if count > 1 else states[0][:, None]
    arrays = [sn.Crossbar(device=device, state=given, shape=(10, 1), wires=sn.Wires.ideal())] * 2
    for row in volts:
        pulse = sn.Pulse(row_volts=row, width_s=0.05 / frequency, rise_s=0.002 / frequency)
        arrays = [
            sn.Crossbar(
                device=device,
                state=engine.pulse(array, pulse).state,
                shape=(10, 1),
                wires=sn.Wires.ideal(),
            )
            for array, engine in zip(arrays, (ngspice, sn.NodalEngine()), strict=True)
        ]
    after = [np.asarray(array.state).reshape(count, -1) for array in arrays]
    assert np.max(np.abs(after[0] - after[1]) / (high - low)) < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vteam", "stanford_pku", "ftj", "nbo2_switch", "jart_vcm_v1"])
def test_an_array_of_64_by_64_is_read_and_pulsed_on_the_nodal_engine(name):
    device, rng = imported(name), np.random.default_rng(2)
    amplitude, frequency = device.typical_drive()
    low, high = (float(np.ravel(b)[0]) for b in device.bounds())
    state = rng.uniform(low + 0.1 * (high - low), high - 0.1 * (high - low), (64, 64))
    array = sn.Crossbar(device=device, state=state, wires=sn.Wires(1.0, 1.0))
    volts = rng.uniform(0.0, 0.2, 64)
    read = sn.NodalEngine().read(array, volts)
    rounding = (
        1e-15 * volts.max() / 1.0
    )  # of the currents in a segment of 1 ohm, where a cell has picoamperes
    assert read.residual_amps < 1e-9 * np.abs(read.column_amps).max() + rounding
    rows = np.zeros(64)
    rows[3] = amplitude
    after = sn.NodalEngine().pulse(
        array, sn.Pulse(row_volts=rows, width_s=0.02 / frequency, rise_s=0.001 / frequency)
    )
    moved = np.abs(after.state - state)
    assert moved[3].max() > 0
    assert np.all((after.state >= low) & (after.state <= high))
