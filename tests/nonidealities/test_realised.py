"""Imperfections act on arrays, so both engines give the same answer for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.faults import Endurance
from spicesnn.crossbar.noise import CycleToCycle, ReadNoise, RetentionDrift, TelegraphNoise
from spicesnn.devices.levels import ConductanceStates
from spicesnn.devices.variability import LogNormal
from spicesnn.errors import InputError
from spicesnn.nonidealities.realised import Imperfections

EVERYTHING = Imperfections(
    spread={"r_on": LogNormal(0.05), "k_off": LogNormal(0.2)},
    stuck_on=0.1,
    stuck_off=0.1,
    cycle_to_cycle=CycleToCycle(relative=0.05),
    states=ConductanceStates.even(16, 1.3e-3, 1e-2),
    endurance=Endurance(swings=3.0),
    read_noise=ReadNoise(relative=0.01),
    telegraph=TelegraphNoise(amplitude=0.05),
    retention=RetentionDrift(exponent=0.01, spread=0.3),
)


def life(engine, seed):
    rng = np.random.default_rng(seed)
    array = sn.Crossbar(
        device=sn.devices.VTEAM(),
        state=np.full((4, 3), 1e-9),
        wires=sn.Wires(word_line_ohm=2.0, bit_line_ohm=2.0),
    )
    array = EVERYTHING.fabricated(array, rng)
    wear = EVERYTHING.fresh_wear(array.shape, rng)
    for volts in (0.4, -0.25, 0.4):
        done, wear = EVERYTHING.pulse(
            engine,
            array,
            sn.Pulse(row_volts=np.full(4, volts), width_s=5e-8, rise_s=5e-9),
            rng,
            wear,
        )
        array = EVERYTHING.rested(done.array, 100.0, rng)
    return array, EVERYTHING.read(engine, array, np.full((2, 4), 0.01), rng)


def test_both_engines_live_through_the_same_life():
    with sn.NgspiceEngine() as ngspice:
        array, read = life(ngspice, 5)
    other, again = life(sn.NodalEngine(), 5)
    assert np.array_equal(array.stuck, other.stuck)
    assert array.state == pytest.approx(other.state, abs=1e-3 * 3e-9)
    assert read.column_amps == pytest.approx(again.column_amps, rel=2e-3)
    assert read.column_amps.shape == (2, 3)
    assert np.array_equal(read.column_amps[0], read.column_amps[1])


def test_the_seed_decides():
    first, second, other = (life(sn.NodalEngine(), seed)[0].state for seed in (5, 5, 6))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_nothing_imperfect_changes_nothing():
    array = sn.Crossbar(device=sn.devices.VTEAM(), state=np.full((2, 2), 1e-9), wires=sn.Wires())
    rng = np.random.default_rng(0)
    perfect = Imperfections()
    assert perfect.fabricated(array, rng) is array
    assert perfect.before_read(array, rng) is array
    assert perfect.after_pulse(array, array, rng) == (array, None)
    assert perfect.rested(array, 1.0, rng) is array


def test_what_does_not_fit_is_refused():
    rng = np.random.default_rng(0)
    plain = sn.Crossbar(conductance=np.full((2, 2), 1e-5), wires=sn.Wires())
    with pytest.raises(InputError, match="device model"):
        EVERYTHING.fabricated(plain, rng)
    cells = sn.Crossbar(device=sn.devices.VTEAM(), state=np.full((2, 2), 1e-9), wires=sn.Wires())
    with pytest.raises(InputError, match="fresh_wear"):
        Imperfections(endurance=Endurance()).after_pulse(cells, cells, rng)


def test_what_drift_left_beyond_the_range_goes_with_the_pulse_that_moves_the_cell():
    rng = np.random.default_rng(0)
    array = sn.Crossbar(device=sn.devices.VTEAM(), state=np.full((2, 1), 3e-9), wires=sn.Wires())
    flaws = Imperfections(retention=RetentionDrift(exponent=0.5))
    rested = flaws.rested(array, 99.0, rng)
    assert rested.cell_conductance() == pytest.approx(1e-4)
    done, _ = flaws.pulse(
        sn.NodalEngine(), rested, sn.Pulse(row_volts=[-1.0, 0.0], width_s=1e-8), rng
    )
    assert done.array.current_factor == pytest.approx(np.array([[1.0], [0.1]]))
    assert done.array.cell_conductance()[1] == pytest.approx(1e-4)


def test_spread_bounds_keep_cells_at_their_ends():
    device = sn.devices.PershinDiVentra()
    array = sn.Crossbar(
        device=device,
        state=np.array([[device.r_on], [device.r_off]]).repeat(500, axis=1),
        wires=sn.Wires(),
    )
    made = Imperfections(spread={"r_on": LogNormal(0.1), "r_off": LogNormal(0.1)}).fabricated(
        array, np.random.default_rng(3)
    )
    ratio = np.log(made.cell_conductance() / array.cell_conductance())
    assert ratio.std(axis=1) == pytest.approx(np.sqrt(np.log(1.01)), rel=0.1)
    assert ratio.mean(axis=1) == pytest.approx(0.0, abs=0.015)


@pytest.mark.parametrize(
    "name", ["vteam", "jart-vcm", "mosfet-emulator", "1s1r", "pai-yu-chen-heated"]
)
def test_both_engines_read_and_pulse_currents_with_factors_alike(name):
    device = sn.devices.registry.fresh(name)
    factors = np.array([[0.4, 1.0], [1.7, 1.2]])
    array = sn.Crossbar(
        device=device,
        shape=(2, 2),
        wires=sn.Wires(word_line_ohm=20.0, bit_line_ohm=10.0),
        current_factor=factors,
    )
    gate = None if device.gate_default is None else np.full(2, device.gate_default)
    volts = 0.3 * device.typical_drive()[0] * np.array([1.0, 0.6])
    pulse = sn.Pulse(
        row_volts=3 * volts,
        width_s=0.1 / device.typical_drive()[1],
        rise_s=0.02 / device.typical_drive()[1],
        gate_volts=gate,
    )
    nodal = sn.NodalEngine()
    with sn.NgspiceEngine() as ngspice:
        reads = [
            engine.read(array, volts, gate_volts=gate).column_amps for engine in (nodal, ngspice)
        ]
        done = [engine.pulse(array, pulse) for engine in (nodal, ngspice)]
    assert reads[0] == pytest.approx(reads[1], rel=1e-6)
    plain = nodal.read(
        sn.Crossbar(device=device, shape=(2, 2), wires=array.wires), volts, gate_volts=gate
    ).column_amps
    assert abs(reads[0] / plain - 1).max() > 0.05
    assert done[0].energy_joule == pytest.approx(done[1].energy_joule, rel=5e-3)
    low, high = (np.asarray(b, dtype=float) for b in device.bounds())
    assert (abs(done[0].state - done[1].state) / (high - low).reshape(-1, 1, 1)).max() < 2e-3


@pytest.mark.parametrize("name", ["scaled_to", "stuck_siemens"])
def test_a_range_is_two_numbers_of_which_the_second_is_larger(name):
    given = getattr(Imperfections(**{name: (1e-6, 2e-6)}), name)
    assert tuple(given) == (1e-6, 2e-6)
    for wrong in ((2e-6, 1e-6), (1e-6, 1e-6), (1e-6,), (1e-6, 2e-6, 3e-6)):
        with pytest.raises(InputError, match=rf"{name} = .*; expected \(lowest, highest\)"):
            Imperfections(**{name: wrong})
