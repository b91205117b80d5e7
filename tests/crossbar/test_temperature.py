"""One temperature of the array: devices, lines and transistors take it, alike on both engines."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar import temperature
from spicesnn.devices import registry
from spicesnn.errors import ConfigError, InputError
from spicesnn.training import load

WIRES = sn.Wires(word_line_ohm=3.0, bit_line_ohm=2.0, driver_ohm=10.0)
CELLS = ["pai-yu-chen", "pai-yu-chen-heated", "stanford", "jart-vcm", "1t1r", "1t1r of stanford"]


def cells(name):
    if name == "1t1r of stanford":
        return registry.device_class("1t1r").around(sn.devices.Stanford())
    return registry.fresh(name)


def array_of(device, rows=4, cols=3):
    low, high = (np.asarray(bound, dtype=float).ravel() for bound in device.bounds())
    start = np.asarray(device.initial_state(), dtype=float).ravel()
    shares = np.random.default_rng(1).uniform(0.02, 0.4, (rows, cols))
    first = low[0] + shares * (high[0] - low[0])
    state = (
        first
        if len(device.state_names) == 1
        else np.stack([first, *(np.full((rows, cols), value) for value in start[1:])])
    )
    return sn.Crossbar(device=device, state=state, wires=WIRES)


@pytest.mark.parametrize("kelvin", [250.0, 400.0])
@pytest.mark.parametrize("name", CELLS)
def test_both_engines_read_the_same_at_any_temperature(name, kelvin):
    array = array_of(cells(name)).at_temperature(kelvin, wires="tungsten")
    volts = np.array([0.2, 0.05, 0.15, 0.1])
    gates = {"gate_volts": np.full(4, 1.3)} if array.gated else {}
    nodal = sn.NodalEngine().read(array, volts, **gates).column_amps
    with sn.NgspiceEngine() as engine:
        spice = engine.read(array, volts, **gates).column_amps
    np.testing.assert_allclose(spice, nodal, rtol=1e-9)
    room = sn.NodalEngine().read(array_of(cells(name)), volts, **gates).column_amps
    assert np.all(np.abs(nodal / room - 1) > 1e-6)


@pytest.mark.parametrize("kelvin", [250.0, 400.0])
@pytest.mark.parametrize("name", ["stanford", "pai-yu-chen"])
def test_both_engines_pulse_the_same_at_any_temperature(name, kelvin):
    array = array_of(cells(name), 2, 2).at_temperature(kelvin)
    amplitude, _ = array.device.typical_drive()
    pulse = sn.Pulse(row_volts=0.7 * amplitude, width_s=20e-9, rise_s=2e-9)
    nodal = sn.NodalEngine().pulse(array, pulse).state
    with sn.NgspiceEngine() as engine:
        spice = engine.pulse(array, pulse).state
    low, high = array.device.bounds()
    np.testing.assert_allclose(spice, nodal, atol=1e-3 * (high - low))


def test_lines_follow_their_coefficient_and_circuits_do_not():
    array = sn.Crossbar(np.full((4, 3), 1e-3), wires=WIRES).at_temperature(400.0)
    factor = 1 + 3.93e-3 * (400.0 - 293.15)
    assert array.wires.word_line_ohm == pytest.approx(3.0 * factor, rel=1e-15)
    assert array.wires.bit_line_ohm == pytest.approx(2.0 * factor, rel=1e-15)
    assert array.wires.driver_ohm == 10.0
    own = sn.Crossbar(np.full((4, 3), 1e-3), wires=WIRES).at_temperature(250.0, wires=2e-3)
    assert own.wires.word_line_ohm == pytest.approx(3.0 * (1 - 2e-3 * 43.15), rel=1e-15)
    same = sn.Crossbar(np.full((4, 3), 1e-3), wires=WIRES).at_temperature(293.15)
    assert same.wires == WIRES


@pytest.mark.parametrize(
    ("metal", "coefficient"),
    [("none", 0.0), ("copper", 3.93e-3), ("tungsten", 4.5e-3), ("aluminium", 4.29e-3)],
)
def test_bulk_metals_have_the_coefficients_of_the_handbook(metal, coefficient):
    assert temperature.coefficient(metal) == coefficient
    lines = temperature.wires_at(sn.Wires(1.0, 2.0, 3.0, 4.0), 393.15, coefficient)
    assert (lines.word_line_ohm, lines.bit_line_ohm) == pytest.approx(
        (1 + 100 * coefficient, 2 * (1 + 100 * coefficient))
    )
    assert (lines.driver_ohm, lines.sense_ohm) == (3.0, 4.0)


def test_a_transistor_gets_slower_and_opens_earlier():
    cell = temperature.device_at(registry.fresh("1t1r"), 400.0)
    assert cell.transistor_kp == pytest.approx(60e-6 * (400 / 300) ** -1.5)
    assert cell.transistor_vto == pytest.approx(0.7 - 0.1)
    assert temperature.device_at(registry.fresh("1t1r"), 300.0).transistor_kp == 60e-6
    assert temperature.depends(cell)
    assert not temperature.depends(sn.devices.VTEAM())


def test_a_hot_array_of_heated_cells_starts_at_its_ambient_temperature():
    array = array_of(registry.fresh("pai-yu-chen-heated")).at_temperature(400.0)
    assert np.all(array.state[1] == 400.0)
    assert array.device.t_init == array.device.temperature == 400.0


def test_temperatures_that_cannot_be_are_refused():
    with pytest.raises(InputError, match=r"metal-oxide cannot be at 250 K: .*celsius"):
        array_of(sn.devices.MetalOxide()).at_temperature(250.0)
    with pytest.raises(InputError, match="temperature = -3 K; expected more than 0"):
        array_of(sn.devices.Stanford()).at_temperature(-3)
    with pytest.raises(InputError, match="nothing in this array depends on temperature"):
        sn.Crossbar(np.ones((2, 2))).at_temperature(400.0)
    with pytest.raises(InputError, match="wires of 'gold'; expected one of: none, copper"):
        array_of(sn.devices.Stanford()).at_temperature(300.0, wires="gold")
    with pytest.raises(InputError, match="have no resistance left at 20 K"):
        array_of(sn.devices.Stanford()).at_temperature(20.0)


def test_one_key_of_a_preset_sets_devices_and_lines():
    settings = {"array.temperature": 350, "array.word_line_ohm": 2.0, "array.line_tcr": 4.5e-3}
    config = load("mnist-10x10", settings)
    assert config.array.wires().word_line_ohm == pytest.approx(2.0 * (1 + 4.5e-3 * (350 - 293.15)))
    assert config.device.kelvin == 350
    again = type(config).from_tables(config.to_tables())
    assert again.to_tables() == config.to_tables()
    assert again.device.kelvin == 350
    assert "kelvin" not in config.to_tables()["device"]
    assert load("mnist-10x10").device.kelvin == 0
    with pytest.raises((ConfigError, InputError), match="expected more than 0 and less than 2000"):
        load("mnist-10x10", {"array.temperature": 5000})
