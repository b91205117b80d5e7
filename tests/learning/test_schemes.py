import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.mapping import Differential
from spicesnn.crossbar.noise import CycleToCycle
from spicesnn.errors import InputError
from spicesnn.learning.programming import Programmer
from spicesnn.learning.schemes import (
    FloatingColumns,
    Gated,
    HalfVoltage,
    Step,
    ThirdVoltage,
    Write,
    plan,
)
from spicesnn.nonidealities.realised import Imperfections

RATE = 5.859375e-5  # times (1.8/1 − 1)·1 µs: a 64th of 3 nm
DEVICE = sn.devices.VTEAM(
    r_on=40e3,
    r_off=120e3,
    v_on=-1.0,
    v_off=1.0,
    k_on=-RATE,
    k_off=RATE,
    alpha_on=1.0,
    alpha_off=1.0,
)
STEP = Step(
    rows=np.array([True, False, True, False]), columns=np.array([False, True, False]), raising=True
)


def array_of(wires=None, rows=4, cols=3):
    return sn.Crossbar(
        device=DEVICE, state=np.full((rows, cols), 1.5e-9), wires=wires or sn.Wires.ideal()
    )


def cell_volts(scheme, volts):
    pulse = scheme.pulse(array_of(), STEP, Write(volts=volts, width_s=1e-6))
    return np.asarray(pulse.row_volts)[:, None] - np.asarray(pulse.column_volts)[None, :]


def test_half_voltage_gives_v_half_and_zero():
    seen = cell_volts(HalfVoltage(), -1.8)
    selected = np.outer(STEP.rows, STEP.columns)
    half = STEP.rows[:, None] ^ STEP.columns[None, :]
    assert np.allclose(seen[selected], -1.8)
    assert np.allclose(seen[half], -0.9)
    assert np.allclose(seen[~selected & ~half], 0.0)


def test_third_voltage_gives_a_third_to_all_others():
    seen = cell_volts(ThirdVoltage(), 1.8)
    selected = np.outer(STEP.rows, STEP.columns)
    assert np.allclose(seen[selected], 1.8)
    assert np.allclose(np.abs(seen[~selected]), 0.6)


def test_floating_columns_are_open():
    pulse = FloatingColumns().pulse(array_of(), STEP, Write(volts=1.8, width_s=1e-6))
    assert pulse.floating_columns.tolist() == [True, False, True]
    assert np.allclose(pulse.row_volts, [1.8, 0.0, 1.8, 0.0])


def test_schemes_and_gates_must_fit():
    with pytest.raises(InputError, match="needs cells with a gate"):
        Gated(on_volts=1.2).pulse(array_of(), STEP, Write(volts=1.0, width_s=1e-6))


def test_plan_makes_every_change_once_and_merges_equal_columns():
    rng = np.random.default_rng(3)
    changes = rng.integers(-1, 2, (30, 5)).astype(np.int8)
    changes[:, 3] = changes[:, 1]
    made = np.zeros((30, 5), dtype=int)
    steps = plan(changes)
    for step in steps:
        made += np.outer(step.rows, step.columns) * (1 if step.raising else -1)
    assert np.array_equal(made, changes)
    assert len(steps) == 8
    assert plan(np.zeros((3, 3), dtype=np.int8)) == []


def test_half_selected_cells_keep_their_state_and_selected_ones_move_a_64th():
    programmer = Programmer.for_device(
        DEVICE, HalfVoltage(), set_volts=1.8, reset_volts=1.8, set_s=1e-6, reset_s=1e-6
    )
    before = array_of()
    done = programmer.apply(sn.NodalEngine(), before, [STEP], np.random.default_rng(0))
    moved = (done.array.state - before.state) / 3e-9 * 64
    selected = np.outer(STEP.rows, STEP.columns)
    assert np.allclose(moved[selected], -1.0, rtol=1e-6)
    assert np.all(moved[~selected] == 0.0)
    assert done.pulses == 1
    # Ideal wires: 2 selected cells at 1.8 V, 2 half-selected in the column and 4 in the rows at 0.9
    # V, all near 80 kΩ, for 1 µs.
    assert done.energy_joule == pytest.approx((2 * 1.8**2 + 6 * 0.9**2) / 80e3 * 1e-6, rel=0.01)


def test_wires_weaken_the_far_cell():
    programmer = Programmer.for_device(
        DEVICE, HalfVoltage(), set_volts=1.8, reset_volts=1.8, set_s=1e-6, reset_s=1e-6
    )
    rows = np.ones(16, dtype=bool)
    step = Step(rows=rows, columns=np.eye(3, dtype=bool)[0], raising=False)
    before = array_of(sn.Wires(word_line_ohm=10.0, bit_line_ohm=10.0), rows=16)
    after = programmer.apply(sn.NodalEngine(), before, [step], np.random.default_rng(0)).array
    moved = (after.state - before.state)[:, 0]
    assert np.all(np.diff(moved) > 0), (
        "bit line 0 is held at its last row: the far cells, row 0 first, see less"
    )
    assert moved[0] < 0.99 * moved[-1]


def test_cycle_to_cycle_spread_scales_the_change_alone():
    noisy = Imperfections(cycle_to_cycle=CycleToCycle(relative=0.05))
    programmer = Programmer.for_device(
        DEVICE,
        HalfVoltage(),
        set_volts=1.8,
        reset_volts=1.8,
        set_s=1e-6,
        reset_s=1e-6,
        imperfections=noisy,
    )
    before = array_of(rows=200)
    step = Step(rows=np.ones(200, dtype=bool), columns=np.array([True, False, False]), raising=True)
    moved = (
        (
            programmer.apply(sn.NodalEngine(), before, [step], np.random.default_rng(5)).array.state
            - before.state
        )
        / 3e-9
        * 64
    )
    assert np.all(moved[:, 1:] == 0)
    assert moved[:, 0].mean() == pytest.approx(-1.0, abs=0.015)
    assert moved[:, 0].std() == pytest.approx(0.05, rel=0.2)


def test_a_device_without_polarity_cannot_be_programmed():
    with pytest.raises(InputError, match="does not say which polarity sets it"):
        Programmer.for_device(
            sn.devices.Resistor(), HalfVoltage(), set_volts=1, reset_volts=1, set_s=1, reset_s=1
        )


def test_changes_of_a_pair():
    wanted = np.array([[1, -1, 0]], dtype=np.int8)
    assert Differential().changes(wanted, opposite=True).tolist() == [[1, -1, -1, 1, 0, 0]]
    assert Differential().changes(wanted, opposite=False).tolist() == [[1, 0, 0, 1, 0, 0]]
