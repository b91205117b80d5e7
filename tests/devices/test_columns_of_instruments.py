"""Which columns of a file are the device's: of several electrodes, devices and readings, and of
tables that are no sweep at all."""

import time

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.devices.instruments.headers import Column
from spicesnn.devices.pulse_curve import PulseCurve
from spicesnn.errors import DataError
from tests.devices.instrument_forms import lines_of, loop, text


def read(tmp_path, content, duration_s=None, name="file.csv"):
    path = tmp_path / name
    path.write_bytes(content)
    return sn.read_measurement(path, duration_s)


TWO_CELLS = [
    "Dimension1, 21, 21, 21, 21, 21, 21",
    "DataName, Vrow, Vcol, Irow, Vgate, R1, R2",
    *(
        f"DataValue, {v:.6g}, 0, {v / 900:.6g}, {v / 3:.6g}, {300 + 9 * v:.6g}, {600 - 9 * v:.6g}"
        for v in np.linspace(0.0, 2.0, 21)
    ),
]
STEADY = [f"{k},{1e4 + k}" for k in range(9)]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (TWO_CELLS, "line 2: several voltages that vary, Vrow, Vgate; keep the one across"),
        (
            ["set_voltage_mean,on_resistance_cv", "0.9,0.5", "1.0,0.6", "1.1,0.55"],
            "line 1: columns are set_voltage_mean, on_resistance_cv; no current among them",
        ),
        (
            [
                "device_id,cycle_id,voltage,current",
                *(f"{d},{c},{v},{1e-3 * v}" for d in (0, 1) for c in (0, 1) for v in (0, 0.5, 1)),
            ],
            "line 8: device_id is 1, and 0 in line 2; the file holds several devices",
        ),
        (
            [f"{k + 1},{1e-5 * (k + 1)}" for k in range(31)],
            "line 1: the first column counts 1, 2, 3, …: numbers of rows, or measured",
        ),
        (
            [f"{k},{np.sin(k):.6g},{1e-3 * np.sin(k):.6g}" for k in range(31)],
            "line 1: the first column counts 0, 1, 2, …: .* or time, volts, amps",
        ),
        (
            [f"{0.083 * k:.6g},{np.sin(0.1 * k):.6g}" for k in range(100)],
            "line 1: without headers two columns are volts, amps; here the first only rises",
        ),
        (
            [f"{0.083 * k:.6g},{abs(np.sin(0.1 * k)):.6g}" for k in range(100)],
            "line 1: without headers two columns are volts, amps; here the first only rises",
        ),
        (
            [
                "Time (s),V_device (V),V_shunt (V),I (A)",
                *(f"{k},{0.1 * k},{0.01 * k * k},{1e-4 * k * k}" for k in range(5)),
            ],
            "line 1: several voltages that vary, V_device .V., V_shunt .V.; keep the one across",
        ),
        (
            ["Cycle,HRS,LRS", *(f"{k},1e5,1e4" for k in range(9))],
            "line 1: columns are Cycle, HRS, LRS; levels of cycles, .*spicesnn fit cycles FILE",
        ),
        (
            ["time\tV(te)\tI(V1)", "Step Information: R=1  (Step: 1/2)", *["0\t0\t0"] * 3],
            "line 2: 'Step Information: R=1.*a simulation in steps, of a circuit each; export one",
        ),
        (
            ["x-axis,1,2", "second,Volt,Volt", *(f"{k},{0.1 * k},{k / 90:.4g}" for k in range(4))],
            "line 2: columns are second, Volt, Volt; no current among them. Add the device's",
        ),
        (
            ["time (s),resistance (ohms)", *STEADY],
            "line 1: columns are time .s., resistance .ohms.; no voltage among them",
        ),
        (
            [",".join(str(1.5 * k) for k in range(600))] * 3,
            "line 1: 600 columns without headers; write what they are in a line above them, such",
        ),
        (
            [",".join(f"x{k}" for k in range(600)), *[",".join(["1.5"] * 600)] * 3],
            "line 1: columns are x0, .*, x7 and 592 more; expected time,volts,amps",
        ),
        (
            [
                "# pulse_v,pulse_width,num_applied,meas_v,i_0",
                *(f"4.2,5e-7,1000,-0.1,-{k}e-9" for k in (3, 4, 5)),
            ],
            "line 2: num_applied is 1000, and a train has one pulse a row. Where the device rests",
        ),
        (
            [
                "pulse_v,pulse_width,gate_v,meas_v,resistance",
                *(f"4.2,5e-7,{k},0.1,{k}e6" for k in (5, 4, 3)),
            ],
            "line 1: several voltages, pulse_v, gate_v, meas_v; call them pulse voltage and read",
        ),
    ],
)
def test_what_is_no_sweep_of_one_device_is_refused(lines, message, tmp_path):
    with pytest.raises(DataError, match=message):
        read(tmp_path, text(lines), 1.0)


@pytest.mark.parametrize(
    "head", ["Cycle,HRS (uS),LRS (uS)", "Cycle,R_HRS (Ohm),R_LRS (Ohm)", "Cycle,Goff,Gon"]
)
def test_levels_of_cycles_are_no_pulse_curve(head, tmp_path):
    """Before: microsiemens of levels were siemens of set and reset pulses."""
    path = tmp_path / "file.csv"
    path.write_bytes(text([head, *(f"{k},{1 + 0.01 * k},{9 - 0.01 * k}" for k in range(20))]))
    for call in (lambda: sn.read_measurement(path), lambda: PulseCurve.from_csv(path)):
        with pytest.raises(DataError, match=r"line 1: columns are Cycle, .*; levels of cycles"):
            call()


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("pulse,power (mW)", "column power .mW. is not a conductance"),
        ("pulse,weight (a.u.)", "column weight .a.u.. is not a conductance"),
        ("pulse,a,temperature", "is not a conductance"),
    ],
)
def test_what_is_no_conductance_is_no_pulse_curve(head, message, tmp_path):
    path = tmp_path / "file.csv"
    more = ",300" if head.count(",") > 1 else ""
    path.write_bytes(text([head, *(f"{k},{1 + 0.1 * k:.3g}{more}" for k in range(20))]))
    with pytest.raises(DataError, match=message):
        PulseCurve.from_csv(path)


def test_sweeps_in_one_direction_without_headers_are_sweeps(tmp_path):
    volts = np.linspace(0.0, 2.0, 41)
    for amps in (
        1e-3 * volts * (1.0 + 9.0 * (volts > 1.2)),  # a set
        1e-3 * volts * (1.0 - 0.9 * (volts > 0.8)),  # a reset
        1e-12 * np.random.default_rng(1).standard_normal(41) + 1e-6 * volts**3,
    ):
        found = read(tmp_path, text(lines_of(volts, amps)), 1.0)
        np.testing.assert_allclose(found.amps, amps, rtol=1e-4, atol=1e-15)


def test_flags_in_front_of_currents_with_units_are_the_compliance(tmp_path):
    """The printout of a parameter analyser: tabs, units behind the numbers, C where it limits."""
    volts = np.linspace(0.0, 2.0, 21)
    amps = np.minimum(4e-6 * volts, 5e-6)
    lines = ["Index\tVtop\tItop\tResistance"] + [
        f"{k + 1}\t {1e3 * v:.5g} mV\t{'C ' if i == 5e-6 else ''}{1e6 * i:.5f} uA\t{v / max(i, 1e-9):.5g} ohm"
        for k, (v, i) in enumerate(zip(volts, amps, strict=True))
    ]
    found = read(tmp_path, text(lines, "\r\n"), 1.0)
    np.testing.assert_allclose(found.volts, volts, rtol=1e-4)
    np.testing.assert_allclose(found.amps, amps, rtol=1e-4)
    np.testing.assert_allclose(found.limit_amps[1:], 5e-6)
    assert "compliance 5 µA (8 points held there)" in found.remarks[0]
    assert found.remarks[1] == "left out: column Resistance (not needed)"


def test_a_potentiostat_s_scans_at_the_measured_potential(tmp_path):
    t, v, i = loop()
    head = "Potential applied (V);Time (s);WE(1).Current (A);WE(1).Potential (V);Scan;Index;Q+"
    rows = [
        f"{b:.6g};{a + 9 * scan:.6g};{c:.6g};{b + 1e-3:.6g};{scan};{k};0".replace(".", ",")
        for scan in (1, 2)
        for k, (a, b, c) in enumerate(zip(t, v, i, strict=True))
    ]
    found = read(tmp_path, text([head, *rows]))
    np.testing.assert_allclose(found.volts, np.tile(v, 2) + 1e-3, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(found.amps, np.tile(i, 2), rtol=1e-4, atol=1e-15)
    assert found.sweeps == 2
    assert "Potential applied (V) (programmed; WE(1).Potential (V) is there)" in found.remarks[1]


@pytest.mark.parametrize(
    ("head", "row", "timed"),
    [
        ("Repeat,VAR2,Point,Voltage,Current,Time", "1,1,1,{v:.6g},{i:.6g},1", False),
        ("Time(T),Voltage (U),Current (I)", "{t:.6g},{v:.6g},{i:.6g}", True),
        ("timestamp,voltage,current", "2024-03-01T10:00:{t:06.3f}Z,{v:.6g},{i:.6g}", True),
        ("time,V_te (V),Voltage (V),Current", "{t:.6g},{v:.6g},{v:.6g},{i:.6g}", True),
    ],
)
def test_times_that_stand_still_symbols_for_units_and_voltages_that_stand_twice(
    head, row, timed, tmp_path
):
    """Before: the same voltage of two electrodes was subtracted from itself."""
    t, v, i = loop()
    rows = [row.format(t=a, v=b, i=c) for a, b, c in zip(t, v, i, strict=True)]
    found = read(tmp_path, text([head, *rows]), None if timed else t[-1])
    np.testing.assert_allclose(found.time, t, atol=1e-5)
    np.testing.assert_allclose(found.volts, v, rtol=1e-4, atol=1e-12)
    np.testing.assert_allclose(found.amps, i, rtol=1e-4, atol=1e-15)


def test_pulses_with_their_read_voltage_in_a_column(tmp_path):
    """Before: a read voltage of 0.1 V was assumed beside a column that says 0.25 V."""
    siemens = np.array([1e-6, 2e-6, 3e-6, 2.5e-6])
    lines = ["# pulse_v,pulse_width,num_applied,meas_v,i_0,i_1"] + [
        f"{v:.6g},5e-7,1,-0.25,{-0.25 * g:.6g},{-0.2 * g:.6g}"
        for v, g in zip((4.2, 4.2, 4.4, -1.0), siemens, strict=True)
    ]
    found = read(tmp_path, text(lines))
    np.testing.assert_allclose(found.siemens, siemens, rtol=1e-5)
    np.testing.assert_allclose(found.volts, [4.2, 4.2, 4.4, -1.0])
    assert "conductances are i_0 over meas_v" in found.remarks[0]
    assert found.remarks[1] == "left out: column i_1 (further readings)"


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("device_id", "cell"),
        ("cycle_id", "cycle"),
        ("Pulse ID", "number"),
        ("Id", "amps"),
        ("Drain Id (A)", "amps"),
        ("Vrow", "volts"),
        ("I_col (µA)", "amps"),
        ("V_BL", "volts"),
        ("row", "number"),
        ("WE(1).Current (A)", "amps"),
        ("on_resistance_cv", "other"),
    ],
)
def test_names_of_electrodes_and_of_things(header, kind):
    assert Column.of(header).kind == kind


def test_long_texts_without_a_table_are_refused_at_once(tmp_path):
    lines = [f"\t+ cycle < {k} ? {0.001 * k:.16f} :" for k in range(3000)]
    begin = time.perf_counter()
    with pytest.raises(DataError, match="no row of numbers"):
        read(tmp_path, text(lines), name="variability.txt")
    assert time.perf_counter() - begin < 5.0  # was minutes: every line looked at all before it
