from __future__ import annotations

import tomllib
from dataclasses import replace

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.devices import registry
from spicesnn.devices.device_file import device_toml, read_device
from spicesnn.devices.fitting import CUSTOMARY, fit, fit_data
from spicesnn.devices.measurements import PulseTrain, Sweep, read_measurement
from spicesnn.errors import DataError, InputError, RunError, UnknownNameError

NOISE = 0.02


def measured(device, rng, points):
    """Return one period of the device's typical sine with 2 % noise, solved by the nodal engine (not by the fit's own integrator)."""
    amplitude, frequency = device.typical_drive()
    curve = sn.NodalEngine().drive(device, sn.Sine(amplitude=amplitude, frequency=frequency, periods=1), points=points)
    return Sweep(time=curve.time, volts=curve.volts, amps=curve.amps * (1 + NOISE * rng.normal(size=curve.amps.size)))


def shifted(device, names, rng):
    """Return the device with the parameters to fit up to 15 % off."""
    return device.with_parameters(**{name: getattr(device, name) * np.exp(rng.uniform(-0.15, 0.15)) for name in names})


def check(result, device):
    assert result.relative_rmse == pytest.approx(NOISE, rel=0.4)
    assert result.step_error < 1e-2
    for name, value in result.parameters.items():
        truth, error = getattr(device, name), result.stderr[name]
        assert abs(value - truth) < 3.5 * error, f"{name}: {value:.5g} ± {error:.2g}, truth {truth:.5g}"
    known = [name for name in result.parameters if np.isfinite(result.stderr[name])]
    assert len(known) >= 2


def write_csv(path, header, *columns):
    np.savetxt(path, np.column_stack(columns), delimiter=",", header=header, comments="", fmt="%.9g")
    return path


def test_pershin_from_a_csv_file(tmp_path):
    rng = np.random.default_rng(3)
    device = registry.make("pershin-di-ventra")
    data = measured(device, rng, 120)
    path = write_csv(tmp_path / "sweep.csv", "Time,Voltage,Current", data.time, data.volts, data.amps)
    result = fit("pershin-di-ventra", path, rng=rng, starts=2, base=shifted(device, ("beta", "r_init", "v_t"), rng))
    check(result, device)
    assert 0.2 * NOISE < result.rmse / np.abs(data.amps).max() < NOISE
    assert len(result.costs) <= 2
    assert result.correlation.shape == (4, 4)
    np.testing.assert_allclose(np.diag(result.correlation), 1.0, rtol=1e-9)
    toml = result.write_toml(tmp_path / "device.toml")
    assert tomllib.loads(toml.read_text())["device"]["model"] == "pershin-di-ventra"
    again = read_device(toml)
    assert again.beta == result.device.beta
    assert "±" in toml.read_text()
    figure = result.figure()
    assert [axes.get_title().split(",")[0] for axes in figure.axes] == ["Fit", "Residuals"]


def test_pulse_train():
    rng = np.random.default_rng(5)
    device = registry.make("power-law").with_parameters(u_init=np.log(5e5))
    volts = np.concatenate([np.full(15, 1.45), np.full(15, -1.3), [1.5, 1.4, 1.5, 1.4, -1.25, -1.3, -1.2]])
    width = np.where(volts > 0, 20e-9, 2e-9)
    resistance, siemens = 5e5, []
    for v, w in zip(volts, width, strict=True):
        resistance += device.rate(v, np.log(resistance)) * resistance * w
        siemens.append(1 / resistance)
    noisy = np.array(siemens) * (1 + 0.002 * rng.normal(size=len(siemens)))
    data = PulseTrain(volts=volts, width_s=width, siemens=noisy)
    names = ("k_set", "k_reset", "u_init")
    result = fit_data("power-law", data, rng=rng, starts=2, parameters=names, base=shifted(device, names, rng))
    assert result.relative_rmse == pytest.approx(0.002, rel=0.5)
    for name in names:
        assert abs(result.parameters[name] - getattr(device, name)) < 3.5 * result.stderr[name]
        assert result.stderr[name] < 0.1 * getattr(device, name)


def test_what_the_data_do_not_determine_has_no_finite_uncertainty():
    rng = np.random.default_rng(4)
    device = registry.make("pershin-di-ventra")
    time = np.linspace(0, 1e-9, 40)
    data = Sweep(time=time, volts=np.linspace(0, 3.0, 40), amps=np.linspace(0, 3.0, 40) / 5e3 * (1 + 0.01 * rng.normal(size=40)))
    result = fit_data("pershin-di-ventra", data, rng=rng, starts=1, parameters=["r_init", "v_t", "beta"], base=device.with_parameters(r_init=4e3))
    assert result.parameters["r_init"] == pytest.approx(5e3, abs=3.5 * result.stderr["r_init"])
    assert result.stderr["v_t"] == np.inf == result.stderr["beta"]
    assert "± inf" in result.toml()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(CUSTOMARY))
def test_known_parameters_are_recovered(name):
    rng = np.random.default_rng(7)
    device = registry.make(name, **({"xi": 0.5} if name == "metal-oxide" else {}))
    points, starts = (100, 1) if name == "jart-vcm" else (300, 3)  # its current is the root of an equation: a hundred times slower
    result = fit_data(name, measured(device, rng, points), rng=rng, starts=starts, base=shifted(device, CUSTOMARY[name], rng))
    check(result, device)


def test_customary_parameters_exist():
    for name, names in CUSTOMARY.items():
        assert set(names) <= {row["name"] for row in registry.device_class(name).parameter_table()}


def test_bad_requests(tmp_path):
    rng = np.random.default_rng(0)
    data = Sweep(time=np.arange(5.0), volts=np.ones(5), amps=np.ones(5))
    with pytest.raises(UnknownNameError, match="did you mean 'v_on'"):
        fit_data("vteam", data, rng=rng, parameters=["v_onn"])
    with pytest.raises(InputError, match="cannot determine 6 parameters"):
        fit_data("vteam", data, rng=rng)
    with pytest.raises(InputError, match="each once"):
        fit_data("vteam", data, rng=rng, parameters=["r_on", "r_on"])
    with pytest.raises(InputError, match="base is a"):
        fit_data("vteam", data, rng=rng, base=registry.make("yakopcic"))
    with pytest.raises(InputError, match="Fit the device inside it"):
        fit_data("1t1r", data, rng=rng)
    with pytest.raises(InputError, match="body diode"):
        fit_data("mosfet-emulator", replace(data, volts=-data.volts), rng=rng)
    with pytest.raises(InputError, match="starts = 0"):
        fit_data("vteam", data, rng=rng, starts=0)
    with pytest.raises(InputError, match="all measured values are 0"):
        fit_data("vteam", Sweep(time=np.arange(9.0), volts=np.ones(9), amps=np.zeros(9)), rng=rng)
    path = tmp_path / "data.csv"
    path.write_text("1,2,3\n2,3,4\n3,4,5\n")
    with pytest.raises(UnknownNameError, match="did you mean 'vteam'"):
        fit("vtem", path, rng=rng)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("time,volts,amps\n0,1,2\n", "at least 3"),
        ("time,volts,amps\n0,1,2\n1,x,2\n2,3,4\n", "line 3"),
        ("time,volts,amps\n0,1,2\n1,2\n2,3,4\n", "line 3"),
        ("time,volts,amps\n0,1,2\n1,inf,2\n2,3,4\n", "line 3"),
        ("time,volts,amps\n0,1,2\n2,1,2\n1,3,4\n", "time does not increase from sample 2"),
        ("a,b,c,d\n1,2,3,4\n1,2,3,4\n1,2,3,4\n", "columns are a, b, c, d"),
        ("volts,width_s,siemens\n1,0,1e-6\n1,1e-6,1e-6\n1,1e-6,1e-6\n", "width"),
    ],
)
def test_damaged_files(tmp_path, text, message):
    path = tmp_path / "data.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_measurement(path)


def test_forms_of_files(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("# a remark\n\nV,I\n0,0\n1,2\n2,4\n")
    with pytest.raises(InputError, match="how long the sweep took"):
        read_measurement(path)
    found = read_measurement(path, duration_s=4.0)
    np.testing.assert_array_equal(found.time, [0.0, 2.0, 4.0])
    np.testing.assert_array_equal(found.amps, [0.0, 2.0, 4.0])
    path.write_text("5,0,0\n6,1,2\n8,2,4\n")
    np.testing.assert_array_equal(read_measurement(path).time, [0.0, 1.0, 3.0])
    path.write_text("pulse,G,width,V\n1,1e-6,0,0\n2,2e-6,1e-6,1.5\n3,3e-6,1e-6,-1.5\n")
    train = read_measurement(path)
    assert isinstance(train, PulseTrain)
    np.testing.assert_array_equal(train.volts, [0.0, 1.5, -1.5])
    with pytest.raises(DataError, match="cannot be read"):
        read_measurement(tmp_path / "absent.csv")


def test_device_files(tmp_path):
    device = registry.make("vteam", r_on=123.0)
    path = tmp_path / "device.toml"
    path.write_text(device_toml(device))
    assert read_device(path).spice_parameters() == device.spice_parameters()
    path.write_text('[device]\nmodel = "vteam"\nr_onn = 5\n')
    with pytest.raises(UnknownNameError, match="did you mean 'r_on'"):
        read_device(path)
    path.write_text("r_on = 5\n")
    with pytest.raises(DataError, match="no \\[device\\] table"):
        read_device(path)
    path.write_text("= 5\n")
    with pytest.raises(DataError, match="cannot be read as TOML"):
        read_device(path)
    with pytest.raises(InputError, match="single numbers"):
        device_toml(registry.make("vteam", r_on=np.ones((2, 2))))


def test_an_unwritable_file_is_named(tmp_path):
    rng = np.random.default_rng(0)
    data = Sweep(time=np.arange(9.0), volts=np.linspace(0.1, 1, 9), amps=np.linspace(0.1, 1, 9) / 9e3)
    result = fit_data("resistor", data, rng=rng, starts=1)
    assert result.parameters["resistance"] == pytest.approx(9e3, rel=1e-6)
    with pytest.raises(RunError, match="cannot be written"):
        result.write_toml(tmp_path / "absent" / "device.toml")
