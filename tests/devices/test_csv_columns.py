from __future__ import annotations

import numpy as np
import pytest

from spicesnn.devices.csv_columns import Column, read_table
from spicesnn.devices.measurements import read_measurement
from spicesnn.devices.pulse_curve import PulseCurve
from spicesnn.errors import DataError


@pytest.mark.parametrize(
    ("header", "kind", "scale"),
    [
        ("time", "time", 1.0), ("Time (s)", "time", 1.0), ("time_ms", "time", 1e-3), ("Time [µs]", "time", 1e-6), ("V", "volts", 1.0),
        ("Voltage (V)", "volts", 1.0), ("V_mV", "volts", 1e-3), ("I (mA)", "amps", 1e-3), ("current_uA", "amps", 1e-6), ("I/A", "amps", 1.0),
        ("Current, nA", "amps", 1e-9), ("µS", "siemens", 1e-6), ("G (μS)", "siemens", 1e-6), ("G/uS", "siemens", 1e-6), ("set_uS", "siemens", 1e-6),
        ("Conductance [nS]", "siemens", 1e-9), ("I_DUT (mA)", "amps", 1e-3), ("Pulse Width (ns)", "width", 1e-9), ("pulse", "number", 1.0),
        ("resistance_ohm", "", 1.0), ("ms", "time", 1e-3), ("mS", "siemens", 1e-3),
    ],
)  # fmt: skip
def test_headers(header, kind, scale):
    assert Column.of(header) == Column(header=header, kind=kind, scale=scale)


def test_an_unknown_unit_is_refused():
    with pytest.raises(DataError, match=r"the unit 'mA/cm2' is not known; expected A"):
        Column.of("I (mA/cm2)")


def test_semicolons_tabs_and_decimal_commas(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Zeit;U (V);I (mA)\n0;0;0\n1;0,5;1,25\n", encoding="utf-8")
    np.testing.assert_allclose(read_table(path).of("amps"), [0.0, 1.25e-3])
    path.write_text("time (ms)\tV\tI (µA)\n-1\t0\t0\n0\t1\t2\n1\t0.5\t1\n", encoding="utf-8")
    found = read_measurement(path)
    np.testing.assert_allclose(found.time, [0.0, 1e-3, 2e-3])
    np.testing.assert_allclose(found.amps, [0.0, 2e-6, 1e-6])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time,V,I\n0,0,0\n1,1,nan\n2,1,1\n", "line 3: nan in column I; expected finite numbers"),
        ("time,V,I\n0,0,0\n1,1,1\n1,1,1\n", "line 4: time does not increase"),
        ("time,V,I\n0,0,0\n1,1,\n2,1,1\n", "line 3: '' in column I is not a number"),
        ("time,V,I\n0,0,0\n1,1\n2,1,1\n", "line 3: 2 cells; expected 3"),
        ("time,V\x00,I\n0,0,0\n", "zero bytes"),
    ],
)
def test_damaged_sweeps_name_the_line(text, message, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_measurement(path)


def test_a_pulse_curve_in_microsiemens_with_pulse_numbers(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("pulse,G (µS)\n0,10\n1,20\n2,25\n", encoding="utf-8")
    np.testing.assert_allclose(PulseCurve.from_csv(path).raising, [10e-6, 20e-6, 25e-6])
    path.write_text("set_uS,reset_uS\n10,25\n20,15\n25,\n", encoding="utf-8")
    curve = PulseCurve.from_csv(path)
    assert curve.raising.size == 3
    np.testing.assert_allclose(curve.lowering, [25e-6, 15e-6])
