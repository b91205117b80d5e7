"""Pulses: the device states that both engines end in, and what a pulse must not touch."""

from __future__ import annotations

import numpy as np
import pytest
from conformance_cases import device_array

import spicesnn as sn
from spicesnn.engines.base import Engine

WIRES = sn.Wires(word_line_ohm=1.0, bit_line_ohm=1.0, driver_ohm=5.0, sense_ohm=5.0)
PULSES = {
    # volts across the selected cell, seconds: each moves the state by a good part of its range
    "linear-drift": (1.0, 0.05),
    "vteam": (1.0, 30e-9),
    "yakopcic": (1.0, 1e-3),
    "pershin-di-ventra": (6.0, 0.3e-9),
    "power-law": (2.0, 1e-6),
    "nonlinear-drift": (1.0, 1e-3),
    "stanford": (1.6, 1e-6),
    "pai-yu-chen": (1.55, 1e-6),
}


def half_select(volts: float, n: int, width_s: float, edge: float = 0.1) -> sn.Pulse:
    """Return a V/2 pulse on cell (0, 0): the other lines stand at half the voltage."""
    rows, columns = np.full(n, volts / 2), np.full(n, volts / 2)
    rows[0], columns[0] = volts, 0.0
    return sn.Pulse(row_volts=rows, column_volts=columns, width_s=width_s, rise_s=edge * width_s)


def span(array: sn.Crossbar) -> np.ndarray:
    assert array.device is not None
    low, high = array.device.bounds()
    return np.asarray(high, dtype=float) - low


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("size", [1, 8])
@pytest.mark.parametrize("name", PULSES)
def test_states_after_a_pulse_agree(
    name: str, size: int, sign: int, ngspice: sn.NgspiceEngine
) -> None:
    volts, width = PULSES[name]
    # The dearest model in ngspice makes its point on fewer cells.
    size = min(size, 4) if name == "stanford" else size
    array = device_array(name, (size, size), np.random.default_rng(6), WIRES)
    if name == "vteam" and sign < 0:
        width /= 1000
    pulse = half_select(sign * volts, size, width)
    ours, reference = ngspice.pulse(array, pulse), sn.NodalEngine().pulse(array, pulse)
    assert np.abs(ours.state - reference.state).max() <= 1e-3 * np.max(span(array))


@pytest.mark.parametrize("name", ["linear-drift", "vteam", "yakopcic"])
def test_energies_agree(name: str, ngspice: sn.NgspiceEngine) -> None:
    volts, width = PULSES[name]
    array = device_array(name, (3, 3), np.random.default_rng(6), WIRES)
    pulse = half_select(volts, 3, width)
    assert ngspice.pulse(array, pulse).energy_joule == pytest.approx(
        sn.NodalEngine().pulse(array, pulse).energy_joule, rel=5e-3
    )


DEAR = {
    # as above, with the level of the third terminal; on 2 × 2 cells
    "mosfet-emulator": (0.5, 1e-5, 1.2),
    "1t1r": (1.8, 1e-7, 3.0),
    "1s1r": (2.0, 1e-7, None),
    "jart-vcm": (-1.2, 1e-6, None),
    "memdiode": (1.2, 1e-3, None),
    "pai-yu-chen-heated": (1.6, 1e-7, None),
}


@pytest.mark.parametrize("name", DEAR)
def test_cells_of_several_parts_agree(name: str, ngspice: sn.NgspiceEngine) -> None:
    volts, width, gate = DEAR[name]
    array = device_array(name, (2, 2), np.random.default_rng(6), WIRES)
    gates = None if gate is None else np.full(2, gate)
    pulse = sn.Pulse(
        row_volts=[volts, volts / 2],
        column_volts=[0.0, volts / 2],
        width_s=width,
        rise_s=0.1 * width,
        gate_volts=gates,
    )
    ours, reference = ngspice.pulse(array, pulse), sn.NodalEngine().pulse(array, pulse)
    apart, moved = np.abs(ours.state - reference.state), np.abs(ours.state - array.state)
    assert np.all(apart <= 1e-3 * span(array))
    assert apart.max() <= 0.02 * moved.max(), "they agree because nothing moves"


@pytest.mark.parametrize("along", sn.GateAlong)
def test_a_gate_line_opens_its_cells_alone_and_limits_their_current(
    along: sn.GateAlong, ngspice: sn.NgspiceEngine
) -> None:
    cell = sn.devices.OneTransistorOneResistor()
    state = np.full((3, 2), 0.95 * 3e-9)
    array = sn.Crossbar(device=cell, state=state, wires=WIRES, gate_along=along)
    gates = np.full(
        array.gate_lines, -2.4
    )  # 0 V would not do below -0.7 V: the word line is the source then
    gates[-1] = 1.28
    on_cells = np.broadcast_to(array.gate_of_cells(gates) > 0, (3, 2))
    for volts in (-2.4, 1.0):
        pulse = sn.Pulse(row_volts=np.full(3, volts), width_s=3e-9, rise_s=3e-10, gate_volts=gates)
        ours, reference = ngspice.pulse(array, pulse), sn.NodalEngine().pulse(array, pulse)
        assert np.all(np.abs(ours.state - reference.state) <= 1e-3 * 3e-9)
        for done in (ours, reference):
            moved = np.abs(done.state - state)
            assert np.all(moved[~on_cells] < 1e-4 * 3e-9)
            assert volts > 0 or np.all(moved[on_cells] > 0.01 * 3e-9)
    half_open = ngspice.pulse(
        array,
        sn.Pulse(
            row_volts=np.full(3, -2.4),
            width_s=3e-9,
            rise_s=3e-10,
            gate_volts=np.maximum(gates, 0.0),
        ),
    )
    assert np.all(np.abs(half_open.state - state)[~on_cells] > 1e-4 * 3e-9)
    array = array.with_state(np.zeros((3, 2)))
    on = [
        e.read(array, np.full(3, 3.0), gate_volts=gates).column_amps
        for e in (ngspice, sn.NodalEngine())
    ]
    # ngspice puts its gmin, 1e-15 S, across each of the three closed transistors of a column at 3 V.
    assert on[0] == pytest.approx(on[1], rel=1e-8, abs=1.01 * 3 * 3.0 * 1e-15)
    assert on[0].sum() == pytest.approx(on_cells.sum() * cell.compliance(1.28), rel=1e-3)


@pytest.mark.parametrize("name", PULSES)
def test_pulses_move_what_they_should(name: str, ngspice: sn.NgspiceEngine) -> None:
    """The comparison above says something only if states move."""
    volts, width = PULSES[name]
    array = device_array(name, (1, 1), np.random.default_rng(6), WIRES)
    moved = [
        np.abs(ngspice.pulse(array, half_select(s * volts, 1, width)).state - array.state).max()
        for s in (1, -1)
    ]
    assert max(moved) > 0.01 * np.max(span(array))


def test_stuck_cells_stay(engine: Engine) -> None:
    array = device_array("vteam", (3, 3), np.random.default_rng(1), WIRES)
    stuck = np.zeros((3, 3), dtype=bool)
    stuck[0, 0] = stuck[1, 2] = True
    held = sn.Crossbar(device=array.device, state=array.state, wires=WIRES, stuck=stuck)
    after = engine.pulse(held, sn.Pulse(row_volts=np.ones(3), width_s=30e-9, rise_s=1e-9))
    assert np.array_equal(after.state[stuck], array.state[stuck])
    assert np.all(after.state[~stuck] > array.state[~stuck])


def test_states_below_threshold_stay(engine: Engine) -> None:
    array = device_array("vteam", (4, 4), np.random.default_rng(1), WIRES)
    after = engine.pulse(array, sn.Pulse(row_volts=np.full(4, 0.01), width_s=1e-6))
    assert np.abs(after.state - array.state).max() <= 1e-9 * 3e-9


def test_energy_of_a_plain_resistor(engine: Engine) -> None:
    array = sn.Crossbar(conductance=[[1e-3]], wires=sn.Wires.ideal())
    done = engine.pulse(array, sn.Pulse(row_volts=[2.0], width_s=8e-6, rise_s=1e-6))
    assert done.energy_joule == pytest.approx(4e-3 * (8e-6 + 2e-6 / 3), rel=2e-3)
    assert np.array_equal(done.array.conductance, array.conductance)


def test_two_short_pulses_are_one_long_pulse(engine: Engine) -> None:
    array = device_array("vteam", (2, 2), np.random.default_rng(2), WIRES)
    halves = sn.Pulse(row_volts=[1.0, 0.0], column_volts=[0.0, 0.5], width_s=10e-9)
    whole = sn.Pulse(row_volts=[1.0, 0.0], column_volts=[0.0, 0.5], width_s=20e-9)
    twice = engine.pulse(engine.pulse(array, halves).array, halves)
    assert np.abs(twice.state - engine.pulse(array, whole).state).max() <= 3e-4 * 3e-9


def test_a_floating_line_takes_no_current(engine: Engine) -> None:
    array = device_array("vteam", (3, 3), np.random.default_rng(2), WIRES)
    pulse = sn.Pulse(
        row_volts=np.ones(3),
        width_s=1e-8,
        rise_s=1e-9,
        floating_rows=np.array([False, True, False]),
    )
    lines = engine.pulse(array, pulse).waveforms
    assert np.abs(lines.row_amps[:, 1]).max() == 0
    assert np.abs(lines.row_amps[1:, 0]).max() > 1e-4


def test_waveforms_follow_the_drivers(engine: Engine) -> None:
    array = device_array("vteam", (2, 2), np.random.default_rng(2), WIRES)
    time = np.array([0.0, 1e-8, 2e-8, 5e-8])
    wave = sn.Waveform(
        time_s=time,
        row_volts=np.array([[0.0], [0.3], [-0.1], [0.1]]),
        column_volts=np.zeros((4, 1)),
    )
    lines = engine.pulse(array, wave).waveforms
    assert lines.time[0] == 0
    assert lines.time[-1] == pytest.approx(5e-8, rel=1e-9)
    for k in range(2):
        np.testing.assert_allclose(
            lines.row_volts[:, k], np.interp(lines.time, time, [0.0, 0.3, -0.1, 0.1]), atol=1e-7
        )


def test_a_waveform_of_many_points(engine: Engine) -> None:
    """Longer than one ngspice command takes: the same as its pulses one after the other."""
    array = device_array("vteam", (2, 2), np.random.default_rng(2), WIRES)
    edges = np.cumsum(np.tile([1e-9, 3e-9, 1e-9, 1e-9], 10))
    time = np.concatenate([[0.0], edges])
    level = np.concatenate([[0.0], np.tile([1.0, 1.0, 0.0, 0.0], 10)])[:, None]
    train = engine.pulse(array, sn.Waveform(time_s=time, row_volts=level, column_volts=0 * level))
    one = sn.Pulse(row_volts=np.ones(2), width_s=3e-9, rise_s=1e-9)
    for _ in range(10):
        array = engine.pulse(array, one).array
    assert np.abs(train.state - array.state).max() <= 5e-4 * 3e-9


@pytest.mark.parametrize("ohms", [(10.0, 10.0), (0.0, 5.0), (0.0, 0.0)])
def test_line_capacitances(ohms: tuple[float, float], ngspice: sn.NgspiceEngine) -> None:
    """Lines that have to be charged, by edges that are slow against their RC; Kirchhoff's law with
    the capacitors' currents in it."""
    wires = sn.Wires(
        word_line_ohm=ohms[0],
        bit_line_ohm=ohms[1],
        driver_ohm=50.0 if ohms[0] else 0.0,
        word_line_farad=1e-13,
        bit_line_farad=5e-14,
    )
    array = device_array("vteam", (4, 4), np.random.default_rng(1), wires)
    pulse = half_select(1.0, 4, 20e-9)
    ours, reference = ngspice.pulse(array, pulse), sn.NodalEngine().pulse(array, pulse)
    assert np.abs(ours.state - reference.state).max() <= 1e-3 * 3e-9
    assert ours.residual_amps <= 1e-4 * np.abs(ours.waveforms.row_amps).max()


@pytest.mark.parametrize("ohms", [(10.0, 50.0), (10.0, 0.0), (0.0, 50.0), (0.0, 0.0)])
@pytest.mark.parametrize("farad", [1e-13, 1e-11])
def test_a_pulse_without_rise_starts_on_discharged_lines(
    ohms: tuple[float, float], farad: float, ngspice: sn.NgspiceEngine
) -> None:
    """Lines far faster than the pulse and as slow as it; energy with what a jump on a line without
    any resistance delivers. At its usual tolerance the nodal engine says itself how well it knows
    the energy."""
    wires = sn.Wires(
        word_line_ohm=ohms[0],
        bit_line_ohm=ohms[0],
        driver_ohm=ohms[1],
        word_line_farad=farad,
        bit_line_farad=farad,
    )
    array = device_array("vteam", (3, 3), np.random.default_rng(1), wires)
    pulse = sn.Pulse(row_volts=[1.0, 0.8, 0.5], width_s=2e-8)
    spice, nodal = ngspice.pulse(array, pulse), sn.NodalEngine().pulse(array, pulse)
    assert np.abs(nodal.state - array.state).max() > 0.05 * 3e-9
    assert np.abs(spice.state - nodal.state).max() <= 2e-4 * 3e-9
    apart = abs(nodal.energy_joule - spice.energy_joule)
    assert apart < 1.5 * nodal.stats["energy_error_joule"] + 1e-4 * spice.energy_joule
    close = sn.NodalEngine(state_tolerance=1e-5).pulse(array, pulse)
    assert close.energy_joule == pytest.approx(spice.energy_joule, rel=5e-4)
    if ohms == (0.0, 0.0):
        plain = sn.NodalEngine().pulse(array.with_wires(sn.Wires.ideal()), pulse)
        assert nodal.energy_joule - plain.energy_joule == pytest.approx(
            3 * farad * (1.0 + 0.64 + 0.25), rel=2e-2
        )


@pytest.mark.parametrize("rise_s", [0.0, 3e-7])
@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        ((0.6, 0.2, -0.3), (0.0, 0.0)),
        ((0.0, 0.0, 0.0), (0.5, -0.4)),
        ((0.6, 0.2, -0.3), (0.5, -0.4)),
    ],
)
def test_the_energy_of_a_pulse_with_driven_columns_is_the_power_of_a_read_times_its_time(
    engine: Engine, rows: tuple[float, ...], columns: tuple[float, ...], rise_s: float
) -> None:
    """Fixed resistors: the power on an edge goes with the square of the time. Both kinds of drivers
    count, each with its sign."""
    siemens = np.array([[1e-4, 3e-4], [2e-4, 5e-5], [4e-4, 1e-4]])
    array = sn.Crossbar(conductance=siemens, wires=sn.Wires.ideal())
    watts = float(np.sum(siemens * (np.array(rows)[:, None] - np.array(columns)) ** 2))
    after = engine.pulse(
        array, sn.Pulse(row_volts=rows, column_volts=columns, width_s=2e-6, rise_s=rise_s)
    )
    assert after.energy_joule == pytest.approx(watts * (2e-6 + 2 * rise_s / 3), rel=1e-6)
    read = engine.read(array, np.array(rows), column_volts=np.array(columns))
    assert float(read.power_watt(np.array(rows), np.array(columns))) == pytest.approx(
        watts, rel=1e-9
    )


def test_the_energy_of_a_pulse_with_driven_columns_through_wires(engine: Engine) -> None:
    """Wires and cells heat up by what the drivers of both kinds put in: Σ ΔV²/R over every
    resistance of the array."""
    siemens = np.array([[1e-3, 3e-3], [2e-3, 5e-4], [4e-3, 1e-3]])
    array = sn.Crossbar(
        conductance=siemens,
        wires=sn.Wires(word_line_ohm=20.0, bit_line_ohm=30.0, driver_ohm=50.0, sense_ohm=40.0),
    )
    rows, columns = np.array([0.6, 0.2, -0.3]), np.array([0.5, -0.4])
    read = engine.read(array, rows, column_volts=columns)
    w, b = read.word_line_volts, read.bit_line_volts
    heat = (
        np.sum(siemens * (w - b) ** 2)
        + np.sum((rows - w[:, 0]) ** 2) / 70
        + np.sum(np.diff(w, axis=1) ** 2) / 20
    )
    heat += np.sum((b[-1] - columns) ** 2) / 70 + np.sum(np.diff(b, axis=0) ** 2) / 30
    after = engine.pulse(array, sn.Pulse(row_volts=rows, column_volts=columns, width_s=1e-6))
    assert after.energy_joule == pytest.approx(heat * 1e-6, rel=1e-6)
