"""Designed write pulses: what they leave by another engine's account, their slopes against finite
differences, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.devices.vteam import ResistanceLaw
from spicesnn.errors import InputError
from spicesnn.programming.pulse_design import _Search
from spicesnn.programming.targets import Targets

DEVICE = sn.devices.VTEAM(
    r_on=1e4,
    r_off=1e5,
    v_on=-1.0,
    v_off=1.0,
    k_on=-4e-3,
    k_off=4e-3,
    alpha_on=1.0,
    alpha_off=1.0,
    resistance=ResistanceLaw.EXPONENTIAL,
)
SPAN = 9e-5
WIRES = sn.Wires(word_line_ohm=30.0, bit_line_ohm=30.0, driver_ohm=300.0)
DRIVE = {"set_volts": 1.8, "reset_volts": 1.8, "width_s": 1e-6}


def drawn(shape: tuple[int, int], seed: int = 0) -> tuple[sn.Crossbar, np.ndarray]:
    begin, target = np.random.default_rng(seed).uniform(1.1e-5, 9e-5, (2, *shape))
    state = DEVICE.state_for_conductance(begin)
    return sn.Crossbar(device=DEVICE, state=state, wires=WIRES), target


def test_designed_pulses_bring_all_cells_to_their_targets_as_ngspice_sees_it() -> None:
    array, target = drawn((3, 2))
    design = sn.design_pulses(array, target, **DRIVE)
    assert design.reached
    assert design.largest_error <= 0.01 * SPAN < design.first_error
    assert 0 < design.evaluations <= 50
    with sn.NgspiceEngine() as engine:
        cells, joule = array, 0.0
        for pulse in design.pulses:
            done = engine.pulse(cells, pulse)
            cells, joule = done.array, joule + done.energy_joule
    np.testing.assert_allclose(cells.cell_conductance() - target, design.error, atol=1e-3 * SPAN)
    assert np.abs(cells.cell_conductance() - target).max() <= 0.011 * SPAN
    assert joule == pytest.approx(design.energy_joule, rel=1e-3)
    # At most one pulse for each column and direction, where a cell by itself takes one.
    assert len(design.pulses) <= 4


def test_slopes_through_several_pulses_match_finite_differences() -> None:
    array, target = drawn((3, 2))
    problem = Targets.checked(array, target, 0.01, 0.1, None)
    search = _Search(problem=problem, array=array, limit=2.0, left=10)
    pulses = [
        sn.Pulse(row_volts=[-0.8, 0.7, 0.75], column_volts=[0.6, -0.65], width_s=4e-7),
        sn.Pulse(row_volts=[0.6, -0.7, 0.8], column_volts=[-0.7, 0.6], width_s=3e-7),
    ]
    rng = np.random.default_rng(1)
    ways = [rng.normal(size=3), rng.normal(size=3)]

    def loss(step: float) -> float:
        moved = [
            replace(p, row_volts=np.asarray(p.row_volts) + step * way)
            for p, way in zip(pulses, ways, strict=True)
        ]
        end = array
        for pulse in moved:
            end = sn.NodalEngine(state_tolerance=1e-8).pulse(end, pulse).array
        amps = np.asarray(DEVICE.current(0.1, end.state))
        return float(np.sum(((amps / 0.1 - target) / (0.01 * SPAN)) ** 2))

    found, slopes, _ = search._followed(pulses)
    assert found == pytest.approx(loss(0.0), rel=1e-4)
    by_hand = sum(float(slope[:3] @ way) for slope, way in zip(slopes, ways, strict=True))
    assert by_hand == pytest.approx((loss(1e-4) - loss(-1e-4)) / 2e-4, rel=2e-3)


@pytest.mark.slow
def test_pulses_of_ones_own_keep_widths_and_gates_and_open_one_row_of_1t1r_cells() -> None:
    device = sn.devices["1t1r"](memristor=DEVICE)
    array = sn.Crossbar(device=device, state=np.full((2, 2), 1e-9), wires=2.0)
    start = sn.Pulse(row_volts=1.8, gate_volts=[3.0, 0.0], width_s=3e-7)
    before = np.asarray(device.chord_conductance(array.state, 2.0))
    change = np.asarray(device.chord_conductance(array.pulse(start).state, 2.0)) - before
    assert np.all(change[0] < -1e-5)
    target = before + 0.7 * change
    design = sn.design_pulses(array, target, start=[start], gate_volts=2.0, tolerance=0.002)
    assert design.reached
    assert design.first_error > 5 * design.largest_error
    (pulse,) = design.pulses
    assert pulse.width_s == 3e-7
    np.testing.assert_array_equal(pulse.gate_volts, [3.0, 0.0])
    left = np.asarray(device.chord_conductance(design.array.state, 2.0))
    np.testing.assert_allclose(left - target, design.error, atol=1e-15)


def test_what_pulses_cannot_reach_is_said_and_the_best_is_kept() -> None:
    device = sn.devices.LinearDrift()
    array = sn.Crossbar(device=device, state=np.full((2, 2), 0.5), wires=1.0)
    high = float(device.chord_conductance(0.55))
    start = [sn.Pulse(row_volts=[0.5, 0.5], column_volts=[-0.5, 0.0], width_s=1e-3)]
    target = np.where(np.eye(2), high, float(device.chord_conductance(0.5)))
    design = sn.design_pulses(array, target, start=start, tolerance=1e-4, most_evaluations=15)
    # One pulse gives a linear cell (row + column): a diagonal is not of that form.
    assert not design.reached
    assert design.evaluations <= 15
    missed = np.asarray(device.chord_conductance(design.array.state)) - target
    np.testing.assert_allclose(design.error, missed)


def test_nothing_to_do_takes_no_pulse() -> None:
    array, _ = drawn((2, 2))
    design = sn.design_pulses(array, array.cell_conductance(), **DRIVE)
    assert design.pulses == ()
    assert (design.reached, design.evaluations, design.energy_joule) == (True, 0, 0.0)


def test_stuck_cells_are_left_where_they_are() -> None:
    array, target = drawn((2, 2))
    stuck = replace(array, stuck=np.array([[True, False], [False, False]]))
    with pytest.raises(InputError, match=r"cell \[0, 0\] is stuck at .* S, and its target is"):
        sn.design_pulses(stuck, target, **DRIVE)
    target[0, 0] = array.cell_conductance()[0, 0]
    design = sn.design_pulses(stuck, target, **DRIVE)
    assert design.reached
    assert design.array.state[0, 0] == array.state[0, 0]


BAD = {
    "no state": (
        {"array": sn.Crossbar(np.full((2, 2), 1e-5))},
        "these cells have no state that a pulse could change",
    ),
    "shape": ({"target": np.full((2, 3), 2e-5)}, r"target has shape \(2, 3\); expected finite"),
    "NaN": ({"target": np.full((2, 2), np.nan)}, "expected finite siemens"),
    "out of reach": (
        {"target": np.array([[2e-5, 2e-4], [2e-5, 2e-5]])},
        r"target\[0, 1\] = 0.0002 S; this vteam cell reaches 1e-05 to 0.0001 S",
    ),
    "tolerance": ({"tolerance": 0.0}, "tolerance = 0.0; expected a fraction of the conductance"),
    "volts": ({"set_volts": -1.0}, "set_volts = -1.0; expected volts, above 0"),
    "no volts": ({"reset_volts": None}, "reset_volts = None; expected volts, above 0"),
    "width": ({"width_s": "1 µs"}, "width_s = '1 µs'; expected seconds, above 0"),
    "line": ({"line_volts": 0.0}, "line_volts = 0.0; expected volts, above 0"),
    "rounds": ({"rounds": 0}, "rounds = 0, most_evaluations = 300; expected whole numbers"),
    "two starts": ({"start": [sn.Pulse(row_volts=1.0)]}, "start=… has its own amplitudes"),
    "gate": ({"gate_volts": 1.0}, "gate_volts was given, but these cells have no third terminal"),
    "gated": (
        {"array": sn.Crossbar(device="1t1r", shape=(2, 2))},
        "1t1r cells have a third terminal: give gate_volts=…",
    ),
    "gated start": (
        {"array": sn.Crossbar(device="1t1r", shape=(2, 2)), "gate_volts": 1.5},
        "these cells have gates; give start=…",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name: str) -> None:
    changes, message = BAD[name]
    array = changes.pop("array") if "array" in changes else drawn((2, 2))[0]
    target = np.full((2, 2), 2e-5)
    if name == "gated start":
        target = np.asarray(array.device.chord_conductance(array.state, 1.5))
    with pytest.raises(InputError, match=message):
        sn.design_pulses(array, **({"target": target} | DRIVE | changes))


def test_start_is_one_pulse_or_more_within_the_lines() -> None:
    array, target = drawn((2, 2))
    with pytest.raises(InputError, match="expected one Pulse or more"):
        sn.design_pulses(array, target, start=[])
    with pytest.raises(InputError, match=r"line_volts = 0\.5, but start drives a line to 0.9 V"):
        sn.design_pulses(array, target, start=[sn.Pulse(row_volts=0.9)], line_volts=0.5)
