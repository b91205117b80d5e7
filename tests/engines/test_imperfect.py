"""Imperfections act on arrays, so both engines give the same answer for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.faults import Endurance
from spicesnn.crossbar.noise import CycleToCycle, ReadNoise, RetentionDrift, TelegraphNoise
from spicesnn.devices.levels import ConductanceStates
from spicesnn.devices.variability import LogNormal
from spicesnn.engines.imperfect import Imperfections
from spicesnn.errors import InputError

EVERYTHING = Imperfections(
    spread={"r_on": LogNormal(0.05), "k_off": LogNormal(0.2)}, stuck_on=0.1, stuck_off=0.1, cycle_to_cycle=CycleToCycle(relative=0.05),
    states=ConductanceStates.even(16, 1.3e-3, 1e-2), endurance=Endurance(swings=3.0), read_noise=ReadNoise(relative=0.01),
    telegraph=TelegraphNoise(amplitude=0.05), retention=RetentionDrift(exponent=0.01, spread=0.3),
)  # fmt: skip


def life(engine, seed):
    rng = np.random.default_rng(seed)
    array = sn.Crossbar(device=sn.devices.VTEAM(), state=np.full((4, 3), 1e-9), wires=sn.Wires(word_line_ohm=2.0, bit_line_ohm=2.0))
    array = EVERYTHING.fabricated(array, rng)
    wear = EVERYTHING.fresh_wear(array.shape, rng)
    for volts in (0.4, -0.25, 0.4):
        done, wear = EVERYTHING.pulse(engine, array, sn.Pulse(row_volts=np.full(4, volts), width_s=5e-8, rise_s=5e-9), rng, wear)
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
    array = sn.Crossbar(device=sn.devices.VTEAM(), state=np.full((2, 2), 1e-9))
    rng = np.random.default_rng(0)
    perfect = Imperfections()
    assert perfect.fabricated(array, rng) is array
    assert perfect.before_read(array, rng) is array
    assert perfect.after_pulse(array, array, rng) == (array, None)
    assert perfect.rested(array, 1.0, rng) is array


def test_what_does_not_fit_is_refused():
    rng = np.random.default_rng(0)
    plain = sn.Crossbar(conductance=np.full((2, 2), 1e-5))
    with pytest.raises(InputError, match="device model"):
        EVERYTHING.fabricated(plain, rng)
    cells = sn.Crossbar(device=sn.devices.VTEAM(), state=np.full((2, 2), 1e-9))
    with pytest.raises(InputError, match="fresh_wear"):
        Imperfections(endurance=Endurance()).after_pulse(cells, cells, rng)
