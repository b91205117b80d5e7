from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.characterization import characterize as module
from spicesnn.characterization.cell_bench import Axis, CellBench
from spicesnn.characterization.characterize import Characterization, characterize
from spicesnn.characterization.increments import Increments
from spicesnn.characterization.rate_grid import Ruler
from spicesnn.devices import registry
from spicesnn.devices.cell_tables import CellTables, TableDevice
from spicesnn.devices.delta_table import DeltaTable
from spicesnn.devices.device_file import read_device
from spicesnn.errors import DataError, InputError, RunError
from spicesnn.netlist.foreign import load_foreign
from spicesnn.paths import netlists_dir, tables_dir


@pytest.fixture(scope="module")
def found():
    """Return Pai-Yu Chen's device as the nodal engine knows it, in tables."""
    device = registry.make("pai-yu-chen")
    return characterize(
        device,
        engine=sn.NodalEngine(),
        volts=np.linspace(-1.6, 1.6, 17),
        width_s=10e-9,
        rng=np.random.default_rng(0),
        states=11,
        v_read=0.7,
        tolerance=0.01,
        most=3000,
    )


def test_errors_are_small_and_measured(found):
    errors = found.errors
    assert 0 < errors.current < 5e-3
    assert 0 < errors.increment < 0.02
    assert 0 < errors.lookup < 0.02
    assert (
        errors.lookup < errors.table < 0.5
    )  # a bilinear table has no line along the run-away's cliff
    assert found.max_relative_error == max(errors.current, errors.increment, errors.lookup)
    assert errors.checks == 200


def test_the_table_runs_in_the_nodal_engine(found):
    device = registry.make("pai-yu-chen")
    rng = np.random.default_rng(1)
    state = rng.uniform(0.3e-9, 0.9e-9, (4, 5))
    wires = sn.Wires(word_line_ohm=2.0, bit_line_ohm=2.0)
    pulse = sn.Pulse(row_volts=[1.53, 0.7, 0.0, -1.53], width_s=10e-9, rise_s=1e-9)
    true = sn.NodalEngine().pulse(sn.Crossbar(device=device, state=state, wires=wires), pulse)
    table = sn.NodalEngine().pulse(
        sn.Crossbar(device=found.device, state=state, wires=wires), pulse
    )
    assert np.abs(true.state - state).max() > 0.01e-9
    assert np.abs(table.state - true.state).max() < 0.02 * np.abs(true.state - state).max()
    assert table.energy_joule == pytest.approx(true.energy_joule, rel=2e-3)


def test_increments_and_polarity(found):
    table = found.increments
    assert table.set_polarity == 1
    assert np.all(table(1e-5, [-1.5, 1.5]) * [-1, 1] > 0)
    assert table(1e-5, 0.0) == pytest.approx(0.0, abs=1e-12)
    device = registry.make("pai-yu-chen")
    volts = device.volts_for_rate(1e-5, 10.0)
    assert table(1e-5, volts) == pytest.approx(10.0 * 10e-9, rel=0.05)
    with pytest.raises(InputError, match="outside"):
        table(1e-5, 2.0)
    with pytest.raises(InputError, match="outside"):
        table(1.0, 1.0)


def test_files(found, tmp_path):
    file = found.write(tmp_path / "tables")
    assert file.name == "device.toml"
    assert read_device(file).rate(1.3, 0.5e-9) == pytest.approx(
        found.device.rate(1.3, 0.5e-9), rel=1e-5
    )
    again = Characterization.read(file.with_name("table.npz"))
    np.testing.assert_allclose(
        again.increments(1e-5, [-1.5, 1.3, 1.5]),
        found.increments(1e-5, [-1.5, 1.3, 1.5]),
        rtol=1e-4,
    )
    assert again.device.tables.source == "pai-yu-chen"
    assert again.moving is again.device
    assert again.errors == found.errors
    plain = DeltaTable.from_csv(tmp_path / "tables" / "increments.csv")
    np.testing.assert_allclose(
        plain.grid.values,
        found.increments(plain.grid.x[:, None], plain.grid.y[None, :]),
        rtol=1e-9,
        atol=1e-15,
    )
    assert plain.polarity == 1
    (tmp_path / "bad.npz").write_bytes(b"nonsense")
    with pytest.raises(DataError, match=r"is text; expected an \.npz"):
        Characterization.read(tmp_path / "bad.npz")
    with pytest.raises(RunError, match="cannot be written"):
        found.write(tmp_path / "bad.npz" / "inside")


def test_beyond_the_table(found):
    low, high = found.device.bounds()
    assert np.all(np.diff(found.device.current(np.linspace(-3, 3, 41), 0.5e-9)) > 0)
    with pytest.raises(InputError, match="outside the characterised"):
        found.device.rate(2.5, 0.5e-9)
    assert (low, high) == (0.1e-9, 1.7e-9)


def test_conductance_is_the_slope_of_the_current(found):
    v, x = np.linspace(-1.5, 1.5, 44)[:, None], np.linspace(0.12e-9, 1.6e-9, 9)
    difference = (found.device.current(v + 1e-6, x) - found.device.current(v - 1e-6, x)) / 2e-6
    np.testing.assert_allclose(
        found.device.conductance(v, x), difference, rtol=1e-5, atol=1e-7 * difference.max()
    )


def test_through_ngspice():
    device = registry.make("pai-yu-chen")
    with sn.NgspiceEngine() as engine:
        found = characterize(
            device,
            engine=engine,
            volts=np.linspace(1.2, 1.5, 5),
            width_s=10e-9,
            rng=np.random.default_rng(0),
            v_read=0.7,
            states=np.linspace(0.3e-9, 1.1e-9, 7),
            checks=12,
            most=300,
        )
    assert found.errors.current < 0.02
    assert found.errors.increment < 0.05
    v, x = np.linspace(1.2, 1.5, 5)[:, None], np.linspace(0.3e-9, 1.1e-9, 7)[1:]
    np.testing.assert_allclose(found.device.rate(v, x), device.rate(v, x), rtol=2e-3)


@pytest.mark.slow
def test_one_transistor_cell_through_ngspice():
    with sn.NgspiceEngine() as engine:
        found = characterize(
            registry.make("1t1r"),
            engine=engine,
            volts=np.linspace(-2.4, 2.4, 9),
            width_s=1e-10,
            rng=np.random.default_rng(0),
            states=15,
            most=3000,
        )
    assert found.errors.checks == 200
    assert found.max_relative_error < 0.02
    assert found.errors.table < 0.02


CELLS = {
    "pai-yu-chen": {
        "volts": np.linspace(-2.5, 2.5, 21),
        "width_s": 10e-9,
        "v_read": 0.7,
        "gate_volts": 2.5,
        "most": 5000,
    },
    "yakopcic": {
        "volts": np.linspace(-0.6, 0.6, 21),
        "width_s": 20e-6,
        "gate_volts": 3.0,
        "most": 14_000,
    },
    "stanford": {
        "volts": np.linspace(-1.7, 1.7, 21),
        "width_s": 10e-6,
        "gate_volts": 2.0,
        "most": 1500,
    },
    "foreign": {"volts": np.linspace(-1.0, 1.0, 21), "width_s": 0.01, "most": 3000},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CELLS)
def test_every_cell_through_ngspice_is_within_two_percent(name):
    foreign = netlists_dir() / "foreign_memristor.toml"
    cell = load_foreign(foreign) if name == "foreign" else registry.fresh("1t1r", name)
    with sn.NgspiceEngine() as engine:
        found = characterize(
            cell, engine=engine, rng=np.random.default_rng(0), tolerance=0.003, **CELLS[name]
        )
    assert found.errors.checks == 200
    assert found.max_relative_error < 0.02


@pytest.mark.slow
def test_the_table_of_the_package_is_within_two_percent_of_ngspice_at_200_random_points():
    made = Characterization.read(tables_dir() / "1t1r-pai-yu-chen.npz")
    with sn.NgspiceEngine() as engine:
        bench = CellBench(
            device=registry.fresh("1t1r", "pai-yu-chen"),
            engine=engine,
            axis=Axis.CELL,
            v_read=0.7,
            gate_volts=2.5,
            cell_volts=0.0,
        )
        errors = module._errors(bench, made, np.random.default_rng(12345), 200)
    assert errors.current < 2e-3
    assert errors.increment < 0.02
    assert errors.lookup < 0.02


def test_bad_requests():
    engine, rng = sn.NodalEngine(), np.random.default_rng(0)

    def ask(name="vteam", volts=(0.0, 1.0), width_s=1e-9, **options):
        return characterize(
            registry.make(name), engine=engine, volts=volts, width_s=width_s, rng=rng, **options
        )

    for message, options in {
        r"resistor has 0 state variables \(none\)": {"name": "resistor"},
        r"has 2 state variables \(g, t\).*own equations in the nodal engine": {
            "name": "pai-yu-chen-heated"
        },
        "no third terminal to pulse": {"axis": Axis.GATE},
        "no third terminal, but gate_volts": {"gate_volts": 1.0},
        "increasing voltages": {"volts": (1.0, 0.0)},
        "width_s": {"width_s": 0.0},
        "states = ": {"states": np.array([0.0, 5e-9, 1.0])},
    }.items():
        with pytest.raises(InputError, match=message):
            ask(**options)


def test_bad_tables():
    grid = np.array([0.0, 1.0])
    still = CellTables(
        volts=grid - 0.5,
        states=grid,
        amps=np.zeros((2, 2)),
        rates=np.zeros((2, 2)),
        initial=0.0,
        least=1.0,
    )
    for siemens, width_s, message in (
        ([2.0, 1.0, 3.0], 1.0, "one for each state"),
        ([0.0, 1.0], 1.0, "above 0 S"),
        ([1.0, 2.0], 0.0, "width_s"),
        ([1.0, np.inf], 1.0, "monotone and above 0 S"),
    ):
        with pytest.raises(InputError, match=message):
            Increments(tables=still, siemens=np.array(siemens), width_s=width_s)
    with pytest.raises(InputError, match="all changes are 0"):
        Increments(tables=still, siemens=grid + 1, width_s=1.0).table()
    one_way = replace(still, rates=np.ones((2, 2)))
    with pytest.raises(InputError, match="the same way"):
        _ = Increments(tables=one_way, siemens=grid + 1, width_s=1.0).set_polarity
    with pytest.raises(InputError, match=r"expected \(2, 2\)"):
        CellTables(
            volts=grid,
            states=grid,
            amps=np.zeros((3, 2)),
            rates=np.zeros((2, 2)),
            initial=0.0,
            least=1.0,
        )
    with pytest.raises(InputError, match="initial"):
        CellTables(
            volts=grid,
            states=grid,
            amps=np.zeros((2, 2)),
            rates=np.zeros((2, 2)),
            initial=2.0,
            least=1.0,
        )
    assert TableDevice().bounds() == (0.0, 1.0)


def test_a_cell_that_is_open_at_a_bound():
    cell = registry.fresh("1t1r", "yakopcic")  # its current is proportional to its state, from 0 on
    found = characterize(
        cell,
        engine=sn.NodalEngine(),
        volts=np.linspace(-0.6, 0.6, 9),
        width_s=20e-6,
        rng=np.random.default_rng(0),
        states=9,
        gate_volts=3.0,
        most=1200,
        checks=50,
    )
    assert found.errors.current < 0.05
    assert found.errors.increment < 0.05
    assert found.siemens.min() > 0


def test_places_on_the_ruler_are_half_by_the_state_and_half_by_the_logarithm():
    ruler = Ruler(states=np.array([2.0, 3.0, 6.0]), log_siemens=np.array([-8.0, -11.0, -12.0]))
    np.testing.assert_allclose(
        ruler.places, [0.0, 0.5 * 1 / 4 + 0.5 * 3 / 4, 1.0], rtol=1e-15, atol=0
    )
