"""What is given to a constructor is copied and locked; what is no array of real numbers is refused
in one line."""

from __future__ import annotations

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.faults import Endurance, StuckMap, Wear
from spicesnn.crossbar.mapping import Window
from spicesnn.crossbar.noise import CycleToCycle, ReadNoise, RetentionDrift, TelegraphNoise
from spicesnn.crossbar.tiles import Tiling
from spicesnn.devices.delta_table import Grid
from spicesnn.devices.levels import ConductanceStates
from spicesnn.devices.pulse_curve import PulseCurve
from spicesnn.devices.stimulus import PiecewiseLinear, Sine
from spicesnn.devices.variability import LogNormal, Normal, Uniform
from spicesnn.errors import InputError
from spicesnn.nonidealities.realised import Imperfections

SQUARE, LINE = np.array([[1e-4, 2e-4], [3e-4, 4e-4]]), np.array([0.0, 1.0])
KEPT = {
    "Crossbar.conductance": (SQUARE, lambda a: sn.Crossbar(conductance=a).conductance),
    "Crossbar.state": (
        5e-6 * SQUARE,
        lambda a: sn.Crossbar(device=sn.devices.VTEAM(), state=a).state,
    ),
    "Crossbar.current_factor": (
        SQUARE,
        lambda a: (
            sn.Crossbar(device=sn.devices.VTEAM(), shape=(2, 2), current_factor=a).current_factor
        ),
    ),
    "Crossbar.with_state": (
        5e-6 * SQUARE,
        lambda a: sn.Crossbar(device=sn.devices.VTEAM(), shape=(2, 2)).with_state(a).state,
    ),
    "VTEAM.r_on": (1e5 * SQUARE, lambda a: sn.devices.VTEAM(r_on=a).r_on),
    "with_parameters": (1e5 * SQUARE, lambda a: sn.devices.VTEAM().with_parameters(r_on=a).r_on),
    "Resistor": (1e5 * SQUARE, lambda a: sn.devices.Resistor(resistance=a).resistance),
    "Wires.driver_ohm": (LINE, lambda a: sn.Wires(driver_ohm=a).driver_ohm),
    "Pulse.row_volts": (LINE, lambda a: sn.Pulse(row_volts=a).row_volts),
    "Pulse.column_volts": (LINE, lambda a: sn.Pulse(row_volts=1.0, column_volts=a).column_volts),
    "Pulse.gate_volts": (LINE, lambda a: sn.Pulse(row_volts=1.0, gate_volts=a).gate_volts),
    "Waveform.time_s": (
        LINE,
        lambda a: sn.Waveform(time_s=a, row_volts=SQUARE, column_volts=SQUARE).time_s,
    ),
    "Waveform.row_volts": (
        SQUARE,
        lambda a: sn.Waveform(time_s=LINE, row_volts=a, column_volts=SQUARE).row_volts,
    ),
    "ConductanceStates": (LINE + 1, lambda a: ConductanceStates(siemens=a).siemens),
    "Grid.values": (SQUARE, lambda a: Grid(x=LINE, y=LINE, values=a).values),
    "Grid.x": (LINE, lambda a: Grid(x=a, y=LINE, values=SQUARE).x),
    "PulseCurve": (LINE + 1, lambda a: PulseCurve(raising=a).raising),
    "PiecewiseLinear": (LINE, lambda a: PiecewiseLinear(a, LINE).time_s),
    "Wear": (SQUARE, lambda a: Wear(cycles=a, limit=1 + SQUARE, fails_on=SQUARE > 1).cycles),
}
"""Name → an array, and what makes an object of it and returns what the object holds."""


@pytest.mark.parametrize("name", KEPT)
def test_changing_the_array_afterwards_changes_nothing(name):
    values, make = KEPT[name]
    given = values.copy()
    held = make(given)
    given[...] = -7.0
    assert np.array_equal(held, values)
    with pytest.raises(ValueError, match="read-only"):
        held[...] = 0.0


def test_stuck_cells_and_floating_lines_are_copied_too():
    mask, line = np.eye(2, dtype=bool), np.array([True, False])
    array, map_ = (
        sn.Crossbar(device=sn.devices.VTEAM(), shape=(2, 2), stuck=mask),
        StuckMap(on=mask, off=~mask),
    )
    pulse = sn.Pulse(row_volts=1.0, floating_rows=line)
    mask[...] = True
    line[...] = True
    assert np.array_equal(array.stuck, np.eye(2, dtype=bool))
    assert np.array_equal(map_.on, np.eye(2, dtype=bool))
    assert pulse.floating_rows.tolist() == [True, False]


def test_a_read_after_the_array_of_parameters_changed_is_the_read_before_on_both_engines():
    ohms = np.full((2, 2), 1e3)
    device = sn.devices.VTEAM(r_on=ohms, r_off=1e5)
    array = sn.Crossbar(device=device, state=np.zeros((2, 2)))
    with sn.NgspiceEngine() as ngspice:
        before = [
            engine.read(array, [0.1, 0.1]).column_amps for engine in (sn.NodalEngine(), ngspice)
        ]
        ohms[...] = 50.0
        after = [
            engine.read(array.with_state(np.zeros((2, 2))), [0.1, 0.1]).column_amps
            for engine in (sn.NodalEngine(), ngspice)
        ]
    assert np.array_equal(before, after)


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("kind", ["masked", "complex", "text", "nan", "inf"])
def test_what_is_no_array_of_finite_real_numbers_is_refused_in_one_line(name, kind):
    values, make = KEPT[name]
    bad = {
        "masked": lambda: np.ma.masked_array(values, mask=values > values.min()),
        "complex": lambda: values + 1j,
        "text": lambda: values.astype(str),
        "nan": lambda: np.where(values == values.max(), np.nan, values),
        "inf": lambda: np.where(values == values.max(), np.inf, values),
    }[kind]()
    with pytest.raises(InputError) as caught:
        make(bad)
    assert "\n" not in str(caught.value)
    if kind in ("masked", "complex"):
        assert kind in str(caught.value)


@pytest.mark.parametrize(
    "bad",
    [
        np.ma.masked_array([0.1, 0.2], mask=[True, False]),
        np.array([0.1, 0.2j]),
        [0.1, 1j],
        [np.nan, 0.1],
        ["0.1", "0.2"],
    ],
)
@pytest.mark.parametrize("engine", [sn.NodalEngine(), sn.NgspiceEngine()], ids=["nodal", "ngspice"])
def test_reads_take_no_such_volts(bad, engine):
    array = sn.Crossbar(conductance=SQUARE)
    for arguments in ({"row_volts": bad}, {"row_volts": [0.1, 0.1], "column_volts": bad}):
        with pytest.raises(InputError):
            engine.read(array, **arguments)
    with pytest.raises(InputError):
        sn.NodalEngine().gradient(array, [0.1, 0.1], bad)


NUMBERS = {
    "Pulse.width_s": lambda x: sn.Pulse(row_volts=1.0, width_s=x),
    "Pulse.rise_s": lambda x: sn.Pulse(row_volts=1.0, rise_s=x),
    "Pulse.row_volts": lambda x: sn.Pulse(row_volts=x),
    "VTEAM.r_on": lambda x: sn.devices.VTEAM(r_on=x),
    "Wires.word_line_ohm": lambda x: sn.Wires(word_line_ohm=x),
    "Wires.word_line_farad": lambda x: sn.Wires(word_line_farad=x),
    "Wires.double_sided": lambda x: sn.Wires(double_sided=x),
    "Window": lambda x: Window(low=0.0, high=x),
    "Tiling": lambda x: Tiling(rows=x),
    "CycleToCycle": lambda x: CycleToCycle(relative=x),
    "ReadNoise": lambda x: ReadNoise(relative=x),
    "TelegraphNoise": lambda x: TelegraphNoise(amplitude=0.1, capture_s=x),
    "RetentionDrift": lambda x: RetentionDrift(t0_s=x),
    "Endurance": lambda x: Endurance(swings=x),
    "LogNormal": LogNormal,
    "Normal.cut": lambda x: Normal(0.1, x),
    "Uniform": Uniform,
    "Sine": lambda x: Sine(amplitude=x),
    "Imperfections.stuck_on": lambda x: Imperfections(stuck_on=x),
    "Imperfections.states_volts": lambda x: Imperfections(states_volts=x),
    "NodalEngine": lambda x: sn.NodalEngine(state_tolerance=x),
}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1j, "1", None], ids=str)
@pytest.mark.parametrize("name", NUMBERS)
def test_no_constructor_takes_a_number_that_is_none(name, value):
    with pytest.raises(InputError) as caught:
        NUMBERS[name](value)
    assert "\n" not in str(caught.value)
