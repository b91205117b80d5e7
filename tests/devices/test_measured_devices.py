from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import spicesnn as sn
from spicesnn.devices.delta_table import DeltaTable, Grid, Interpolation, OutOfRange
from spicesnn.devices.device_file import read_device
from spicesnn.devices.levels import TWENTY_STATES_OHM
from spicesnn.devices.measured import MeasuredDevice
from spicesnn.devices.pulse_curve import PulseCurve
from spicesnn.errors import DataError, InputError, UnknownNameError
from spicesnn.paths import checkout_data_dir

EXAMPLES = checkout_data_dir() / "devices"


def test_a_one_column_curve_is_reproduced_and_saturates():
    curve = PulseCurve.from_csv(EXAMPLES / "pulse_curve.csv")
    data = np.loadtxt(EXAMPLES / "pulse_curve.csv", skiprows=1)
    assert data.size == 51
    assert np.array_equal(curve.measured(np.arange(51)), data)
    assert np.all(curve.measured([51, 1000]) == data[-1])
    assert data[0] == pytest.approx(4.5448e-7)
    assert curve.scatter() == pytest.approx(5.3e-9, rel=0.4)  # only from pulse 18 on


def test_pulses_walk_along_the_monotone_curve():
    curve = PulseCurve(
        raising=np.array([1.0, 2.0, 4.0, 8.0, 7.0, 9.0]) * 1e-6,
        lowering=np.array([9.0, 5.0, 2.0, 1.0]) * 1e-6,
    )
    assert curve.after(1e-6, [0, 1, 2, 5, 50]) == pytest.approx(np.array([1, 2, 4, 9, 9]) * 1e-6)
    assert curve.after(3e-6, 1) == pytest.approx((4 + 1 / 3 * (7.5 - 4)) * 1e-6)
    assert curve.after(9e-6, [-1, -2, -9]) == pytest.approx(np.array([5, 2, 1]) * 1e-6)
    assert curve.after(20e-6, 1) == 20e-6
    assert curve.after(0.5e-6, -1) == 0.5e-6
    steps = np.array([[1, -1], [0, 2]])
    assert curve.after(np.full((2, 2), 4e-6), steps).shape == (2, 2)


def test_the_scatter_that_was_measured_comes_back():
    curve = PulseCurve.from_csv(EXAMPLES / "set_reset_curve.csv")
    assert curve.scatter() == pytest.approx(0.5e-6, rel=0.35)
    start = np.full(20000, 40e-6)
    found = curve.after(start, 3, np.random.default_rng(0))
    assert found.std() == pytest.approx(curve.scatter(), rel=2e-2)
    assert found.mean() == pytest.approx(float(curve.after(40e-6, 3)), rel=1e-3)
    assert np.array_equal(
        curve.after(start, 3, np.random.default_rng(1)),
        curve.after(start, 3, np.random.default_rng(1)),
    )


def test_a_curve_becomes_a_table():
    curve = PulseCurve.from_csv(EXAMPLES / "set_reset_curve.csv")
    table = curve.table(1.0, -1.0, 1e-6)
    assert table.polarity == 1
    assert table.after(40e-6, 1.0) == pytest.approx(float(curve.after(40e-6, 1)), abs=0.5e-6)
    assert table.after(40e-6, [0.5, -0.3, 0.0]) == pytest.approx(40e-6)
    with pytest.raises(InputError, match="opposite signs"):
        curve.table(1.0, 1.0, 1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1e-6\n2e-6\n3e-6\n", "must be a header"),
        ("g\n1e-6\nabc\n", "line 3: 'abc' in column g is not a number"),
        ("g\n1e-6\n", "2 or more values"),
        ("a,b,c\n1e-6,1e-6,1e-6\n2e-6,2e-6,2e-6\n", "3 columns"),
        ("", "is empty"),
        ("resistance_ohm\n11177\n0\n", "line 3: a resistance of 0 Ω"),
        ("G\n45\n46\n", "say their unit in the header"),
        ("volts\n1\n2\n", "column volts is not a conductance"),
    ],
)
def test_damaged_curves(text, message, tmp_path):
    path = tmp_path / "curve.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        PulseCurve.from_csv(path)
    with pytest.raises(DataError, match="there is no file"):
        PulseCurve.from_csv(tmp_path / "nowhere.csv")


def test_curves_that_cannot_be():
    with pytest.raises(InputError, match="the wrong way"):
        PulseCurve(raising=np.array([2e-6, 1e-6]))
    with pytest.raises(InputError, match="above 0 S"):
        PulseCurve(raising=np.array([0.0, 1e-6]))
    with pytest.raises(InputError, match="no reset pulses"):
        PulseCurve(raising=np.array([1e-6, 2e-6])).after(1e-6, -1)
    with pytest.raises(InputError, match="whole numbers"):
        PulseCurve(raising=np.array([1e-6, 2e-6])).after(1e-6, 0.5)


@settings(max_examples=50, deadline=None)
@given(x=st.floats(0, 3), y=st.floats(-1, 2), kind=st.sampled_from(Interpolation))
def test_interpolation_is_exact_for_what_is_straight_and_stays_within_the_data(x, y, kind):
    axis_x, axis_y = np.array([0.0, 0.7, 1.0, 3.0]), np.array([-1.0, 0.0, 0.1, 2.0])
    plane = Grid(
        x=axis_x, y=axis_y, values=2 * axis_x[:, None] - 3 * axis_y + 1, interpolation=kind
    )
    assert plane(x, y) == pytest.approx(2 * x - 3 * y + 1, abs=1e-9)
    rough = Grid(
        x=axis_x,
        y=axis_y,
        values=np.random.default_rng(2).uniform(0, 1, (4, 4)),
        interpolation=kind,
    )
    assert rough.values.min() - 1e-12 <= rough(x, y) <= rough.values.max() + 1e-12


def test_monotone_data_stay_monotone():
    x = np.array([0.0, 1.0, 2.0, 3.0])
    values = np.outer(np.array([0.0, 0.1, 0.9, 1.0]), np.array([0.0, 1.0, 1.1, 5.0]))
    grid = Grid(x=x, y=x, values=values, interpolation=Interpolation.MONOTONE_CUBIC)
    at = np.linspace(0, 3, 61)
    assert np.all(np.diff(grid(at, 2.5)) >= 0)
    assert np.all(np.diff(grid(2.5, at)) >= 0)
    assert grid(x[:, None], x) == pytest.approx(values)


def test_out_of_range_is_an_error_or_the_edge():
    axis = np.array([0.0, 1.0])
    values = np.array([[0.0, 1.0], [2.0, 3.0]])
    with pytest.raises(InputError, match=r"from 1\.5 to 1\.5; the table from 0 to 1"):
        Grid(x=axis, y=axis, values=values)(1.5, 0.5)
    clamped = Grid(x=axis, y=axis, values=values, out_of_range=OutOfRange.CLAMP)
    assert clamped(1.5, -3.0) == 2.0
    assert clamped.slope_y(0.5, [0.5, 2.0]) == pytest.approx([1.0, 0.0])
    for wrong in (
        {"x": axis[::-1]},
        {"values": values[:1]},
        {"y": np.array([0.0, np.nan])},
        {"values": values * np.nan},
    ):
        with pytest.raises(InputError, match="expected"):
            Grid(**({"x": axis, "y": axis, "values": values} | wrong))


def test_the_example_table():
    table = DeltaTable.from_csv(EXAMPLES / "delta_table.csv")
    assert (table.polarity, table.pulse_s) == (1, 1e-6)
    assert table.after(50e-6, 1.0) == pytest.approx(50e-6 + 50e-6 * (1 - np.exp(-1 / 20)), rel=1e-9)
    assert table.after(50e-6, -1.0) == pytest.approx(
        50e-6 - 40e-6 * (1 - np.exp(-1 / 14)), rel=1e-9
    )
    spread = (
        table.after(np.full(20000, 50e-6), 1.0, np.random.default_rng(0), relative=0.05) - 50e-6
    )
    assert spread.std() / spread.mean() == pytest.approx(0.05, rel=3e-2)
    with pytest.raises(InputError, match="Measure a wider table"):
        table.after(50e-6, 2.0)


def test_the_rate_makes_the_step_of_the_table():
    table = DeltaTable.from_csv(EXAMPLES / "delta_table.csv")
    rate = table.rate()
    for start, volts in ((20e-6, 1.2), (80e-6, -1.1), (50e-6, 0.75)):
        end = solve_ivp(
            lambda t, g, v=volts: rate(np.clip(g, 10e-6, 100e-6), v) * 1.0,
            (0, 1e-6),
            [start],
            rtol=1e-9,
            atol=1e-16,
        ).y[0, -1]
        assert end - start == pytest.approx(float(table.after(start, volts)) - start, rel=2e-3)


def test_a_table_runs_in_both_engines():
    device = MeasuredDevice.of(DeltaTable.from_csv(EXAMPLES / "delta_table.csv"), g_init=30e-6)
    amplitude, frequency = device.typical_drive()
    stimulus = sn.Sine(amplitude=amplitude, frequency=frequency, periods=2)
    array = sn.Crossbar(
        device=device,
        state=np.array([[20e-6, 50e-6], [80e-6, 100e-6], [10e-6, 60e-6]]),
        wires=sn.Wires(),
    )
    pulse = sn.Pulse(row_volts=[1.0, -1.1, 0.5], width_s=1e-6)
    with sn.NgspiceEngine() as ngspice:
        spice, nodal = (
            ngspice.drive(device, stimulus, points=1500),
            sn.NodalEngine().drive(device, stimulus, points=1500),
        )
        by_spice, by_nodal = (
            ngspice.pulse(array, pulse).state,
            sn.NodalEngine().pulse(array, pulse).state,
        )
    assert (
        np.abs(np.interp(nodal.time, spice.time, spice.amps) - nodal.amps).max()
        <= 1e-3 * np.abs(nodal.amps).max()
    )
    assert by_spice == pytest.approx(by_nodal, abs=1e-3 * 90e-6)
    # a pulse does what the table says; what is missing is the drop on the wires
    assert by_nodal[:2] == pytest.approx(
        device.table.after(array.state[:2], np.array([[1.0], [-1.1]])), abs=2e-8
    )
    assert np.array_equal(by_nodal[2], array.state[2])


def test_a_user_s_curves_run_in_a_circuit():
    device = MeasuredDevice.of(
        PulseCurve.from_csv(EXAMPLES / "set_reset_curve.csv").table(1.0, -1.0, 1e-6)
    )
    array = sn.Crossbar(device=device, state=np.full((2, 1), 40e-6), wires=sn.Wires.ideal())
    after = sn.NodalEngine().pulse(array, sn.Pulse(row_volts=[1.0, -1.0], width_s=1e-6)).state
    assert after[:, 0] == pytest.approx(device.table.after([40e-6, 40e-6], [1.0, -1.0]), abs=0.3e-6)
    assert after[0, 0] > 42e-6 > 39e-6 > after[1, 0]
    assert device.set_polarity == 1
    assert device.state_for_conductance(5e-5) == 5e-5
    with pytest.raises(InputError, match="not reachable"):
        device.state_for_conductance(1e-3)
    with pytest.raises(InputError, match="outside the table"):
        device.with_parameters(g_init=1e-3)
    axis = np.array([1e-6, 2e-6])
    without = DeltaTable(
        grid=Grid(x=axis, y=np.array([-1.0, 1.0]), values=np.array([[-1e-8, 1e-8]] * 2)),
        pulse_s=1e-6,
    )
    with pytest.raises(InputError, match="needs a line at 0 V"):
        MeasuredDevice.of(without)


def test_signs_are_tested_on_every_table():
    axis, volts = np.array([1e-6, 2e-6]), np.array([-1.0, 1.0])

    def made(values):
        return DeltaTable(grid=Grid(x=axis, y=volts, values=np.array(values)), pulse_s=1e-6)

    assert made([[1e-7, -1e-7], [1e-7, -1e-7]]).polarity == -1
    with pytest.raises(InputError, match="the same way; is a sign lost"):
        made([[1e-7, 1e-7], [1e-7, 1e-7]])
    with pytest.raises(InputError, match="both raise conductances"):
        made([[-1e-7, -1e-7], [-1e-7, 1e-7]])
    with pytest.raises(InputError, match="all changes are 0"):
        made([[0, 0], [0, 0]])
    with pytest.raises(InputError, match="takes larger conductances below smaller"):
        made([[-1e-7, 2e-6], [-1e-7, 0.0]]).rate()


def test_tables_travel(tmp_path):
    table = DeltaTable.from_csv(
        EXAMPLES / "delta_table.csv",
        interpolation=Interpolation.MONOTONE_CUBIC,
        out_of_range=OutOfRange.CLAMP,
    )
    table.to_csv(tmp_path / "again.csv")
    again = DeltaTable.from_csv(tmp_path / "again.csv")
    assert np.array_equal(again.grid.values, table.grid.values)
    (tmp_path / "torn.csv").write_text(
        "\n".join((tmp_path / "again.csv").read_text().splitlines()[:-3])
    )
    with pytest.raises(DataError, match="each pair once"):
        DeltaTable.from_csv(tmp_path / "torn.csv")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="expected a CSV file with the columns"):
        DeltaTable.from_csv(tmp_path / "other.csv")


def fields_of(line):
    """Return a line's words and its numbers, whose last digits differ between processors."""
    numbers = [word for word in line.split(",") if word[-1:].isdigit()]
    return [w for w in line.split(",") if w not in numbers], np.array(numbers, dtype=float)


def test_the_examples_are_what_the_script_writes(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts"))
    import make_device_examples

    monkeypatch.setattr(make_device_examples, "FOLDER", tmp_path)
    make_device_examples.main()
    sys.modules.pop("make_device_examples")
    for path in sorted(EXAMPLES.glob("*.csv")):
        for made, kept in zip(
            (tmp_path / path.name).read_text().splitlines(),
            path.read_text().splitlines(),
            strict=True,
        ):
            (words, values), (own_words, own_values) = fields_of(made), fields_of(kept)
            assert words == own_words, path.name
            np.testing.assert_allclose(values, own_values, rtol=1e-9, atol=0, err_msg=path.name)
    assert np.loadtxt(EXAMPLES / "twenty_states.csv", skiprows=1) == pytest.approx(
        TWENTY_STATES_OHM
    )


def test_device_files():
    device = read_device(EXAMPLES / "measured.toml")
    assert (device.g_init, device.table.pulse_s) == (20e-6, 1e-6)
    assert read_device(EXAMPLES / "measured_curve.toml").table.polarity == 1


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ('curve = "c.csv"', DataError, "needs set_volts and reset_volts and pulse_s"),
        (
            'table = "nowhere.csv"',
            DataError,
            "there is no file .*nowhere.csv; expected the path of a ΔG table",
        ),
        ('table = "t.csv"\nset_volt = 1', UnknownNameError, "no key 'set_volt'"),
    ],
)
def test_device_files_that_do_not_fit(text, error, message, tmp_path):
    path = tmp_path / "device.toml"
    path.write_text(f'[device]\nmodel = "measured"\n{text}\n')
    with pytest.raises(error, match=message):
        read_device(path)
