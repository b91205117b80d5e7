from __future__ import annotations

import importlib.util
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.devices import registry
from spicesnn.devices.device_file import device_toml, read_device
from spicesnn.devices.measurements import PulseTrain, Sweep, read_measurement
from spicesnn.errors import DataError, InputError, RunError, UnknownNameError
from spicesnn.fitting.fit import CUSTOMARY, _covariance, fit, fit_data
from spicesnn.fitting.problem import Noise
from spicesnn.fitting.trajectory import follow, sweep_course

NOISE = 0.02


def measured(device, rng, points):
    """Return one period of the device's typical sine with 2 % noise, solved by the nodal engine
    (not by the fit's own integrator)."""
    amplitude, frequency = device.typical_drive()
    curve = sn.NodalEngine().drive(
        device, sn.Sine(amplitude=amplitude, frequency=frequency, periods=1), points=points
    )
    return Sweep(
        time=curve.time,
        volts=curve.volts,
        amps=curve.amps * (1 + NOISE * rng.normal(size=curve.amps.size)),
    )


def shifted(device, names, rng):
    """Return the device with the parameters to fit up to 15 % off."""
    return device.with_parameters(
        **{name: getattr(device, name) * np.exp(rng.uniform(-0.15, 0.15)) for name in names}
    )


def check(result, device):
    assert result.relative_rmse == pytest.approx(NOISE, rel=0.4)
    assert result.step_error < 1e-2
    for name, value in result.parameters.items():
        truth, error = getattr(device, name), result.stderr[name]
        assert abs(value - truth) < 3.5 * error, (
            f"{name}: {value:.5g} ± {error:.2g}, truth {truth:.5g}"
        )
    known = [name for name in result.parameters if np.isfinite(result.stderr[name])]
    assert len(known) >= 2


def check_errors(result, values):
    """Root mean squares of what is left, plain and over |y| + 1 % of the largest."""
    left = result.fitted - values
    weight = np.abs(result.fitted) + 0.01 * np.abs(result.fitted).max()
    assert result.rmse == pytest.approx(np.sqrt(np.mean(left**2)), rel=1e-6, abs=0)
    assert result.relative_rmse == pytest.approx(np.sqrt(np.mean((left / weight) ** 2)), rel=1e-6)
    for name, (low, high) in result.intervals.items():
        value, error = result.parameters[name], result.stderr[name]
        if np.isfinite(error) and error < 0.02 * abs(value):
            assert high - value == pytest.approx(2 * error, rel=0.1)
            assert value - low == pytest.approx(2 * error, rel=0.1)


def write_csv(path, header, *columns):
    np.savetxt(
        path, np.column_stack(columns), delimiter=",", header=header, comments="", fmt="%.9g"
    )
    return path


def test_pershin_from_a_csv_file(tmp_path):
    rng = np.random.default_rng(3)
    device = registry.make("pershin-di-ventra")
    data = measured(device, rng, 120)
    path = write_csv(
        tmp_path / "sweep.csv", "Time,Voltage,Current", data.time, data.volts, data.amps
    )
    result = fit(
        "pershin-di-ventra",
        path,
        rng=rng,
        starts=2,
        base=shifted(device, ("beta", "r_init", "v_t"), rng),
    )
    check(result, device)
    check_errors(result, data.amps)
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
    volts = np.concatenate(
        [np.full(15, 1.45), np.full(15, -1.3), [1.5, 1.4, 1.5, 1.4, -1.25, -1.3, -1.2]]
    )
    width = np.where(volts > 0, 20e-9, 2e-9)
    resistance, siemens = 5e5, []
    for v, w in zip(volts, width, strict=True):
        resistance += device.rate(v, np.log(resistance)) * resistance * w
        siemens.append(1 / resistance)
    noisy = np.array(siemens) * (1 + 0.002 * rng.normal(size=len(siemens)))
    data = PulseTrain(volts=volts, width_s=width, siemens=noisy)
    names = ("k_set", "k_reset", "u_init")
    result = fit_data(
        "power-law", data, rng=rng, starts=2, parameters=names, base=shifted(device, names, rng)
    )
    assert result.relative_rmse == pytest.approx(0.002, rel=0.5)
    check_errors(result, noisy)
    for name in names:
        assert abs(result.parameters[name] - getattr(device, name)) < 3.5 * result.stderr[name]
        assert result.stderr[name] < 0.1 * getattr(device, name)


def test_what_the_data_do_not_determine_has_no_finite_uncertainty():
    rng = np.random.default_rng(4)
    device = registry.make("pershin-di-ventra")
    time = np.linspace(0, 1e-9, 40)
    data = Sweep(
        time=time,
        volts=np.linspace(0, 3.0, 40),
        amps=np.linspace(0, 3.0, 40) / 5e3 * (1 + 0.01 * rng.normal(size=40)),
    )
    result = fit_data(
        "pershin-di-ventra",
        data,
        rng=rng,
        starts=1,
        parameters=["r_init", "v_t", "beta"],
        base=device.with_parameters(r_init=4e3),
    )
    assert result.parameters["r_init"] == pytest.approx(5e3, abs=3.5 * result.stderr["r_init"])
    assert result.stderr["v_t"] == np.inf == result.stderr["beta"]
    assert "± inf" in result.toml()


def recovery():
    spec = importlib.util.spec_from_file_location(
        "script_fit_recovery", Path(__file__).parents[2] / "scripts" / "fit_recovery.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def coverage(name, draws, points=300):
    """Return the errors of all parameters in all draws over their stated deviations."""
    found, _ = recovery().deviations(name, draws, points, NOISE, seed=0)
    return np.concatenate([rows[:, 0] for rows in found.values()])


@pytest.mark.parametrize(
    "name", ["linear-drift", "pai-yu-chen", "saturating-pulse", "mosfet-emulator"]
)
def test_known_parameters_are_recovered_within_their_stated_uncertainties(name):
    off = coverage(name, 6)
    assert (
        np.mean(np.abs(off) < 2) > 0.8
    )  # 95 % on average; 12 to 24 correlated numbers, the slow test has more
    assert np.abs(off).max() < 4
    assert 0.4 < np.std(off) < 1.6  # the uncertainties are not stated far too wide either


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(CUSTOMARY))
def test_known_parameters_of_every_model_are_recovered(name):
    draws = {"pai-yu-chen-heated": 2, "jart-vcm": 4}.get(name, 20)
    off = coverage(name, draws)
    assert np.mean(np.abs(off) < 2) >= (0.9 if draws == 20 else 0.7)
    assert np.abs(off).max() < 4.5


def test_intervals_cover_the_truth_as_often_as_two_standard_deviations_do_on_either_side():
    """A fixed resistor, 60 draws: 95.4 % of the intervals hold it; the deviations are those of the
    estimates."""
    rng, time, low, high, errors, stated = (
        np.random.default_rng(11),
        np.linspace(0, 1, 40),
        0,
        0,
        [],
        [],
    )
    volts, truth = 0.2 + np.abs(np.sin(2 * np.pi * time)), 5e3
    for _ in range(60):
        data = Sweep(time=time, volts=volts, amps=volts / truth * (1 + 0.05 * rng.normal(size=40)))
        result = fit_data(
            "resistor", data, rng=rng, starts=1, base=registry.make("resistor", resistance=4.9e3)
        )
        begin, end = result.intervals["resistance"]
        low, high = low + (truth < begin), high + (truth > end)
        errors.append(result.parameters["resistance"] - truth)
        stated.append(result.stderr["resistance"])
        # Along the logarithm: as many deviations up as down.
        value, deviation = result.parameters["resistance"], result.stderr["resistance"]
        assert np.log(end / value) == pytest.approx(2 * deviation / value, rel=1e-6)
        assert np.log(value / begin) == pytest.approx(2 * deviation / value, rel=1e-6)
    assert 60 - low - high >= 54
    assert max(low, high) <= 5
    # Relative noise of 5 % on 40 points: the resistance is known to 5 % / √40 of itself.
    assert np.median(stated) == pytest.approx(5e3 * 0.05 / np.sqrt(40), rel=0.12)
    assert np.std(errors) == pytest.approx(5e3 * 0.05 / np.sqrt(40), rel=0.3)
    assert abs(np.mean(errors)) < 3 * np.std(errors) / np.sqrt(60)


def test_the_covariance_of_a_straight_line_is_that_of_least_squares():
    """(XᵀX)⁻¹·Σr²/(n − p), and for uneven noise the sandwich HC3, each in full, against their
    formulas."""
    rng = np.random.default_rng(2)
    design = np.column_stack([np.ones(60), np.linspace(-1, 2, 60)])
    for noise in (np.ones(60), np.linspace(0.1, 4, 60) ** 2):
        y = noise * rng.normal(size=60)
        residuals = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
        scale = 1e-3 / np.sqrt(np.mean(residuals**2))  # small against the search range
        covariance, free = _covariance(scale * residuals, design)
        inverse = np.linalg.inv(design.T @ design)
        plain = inverse * np.sum((scale * residuals) ** 2) / 58
        leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
        robust = inverse @ (design.T * (scale * residuals / (1 - leverage)) ** 2) @ design @ inverse
        assert np.diag(covariance) == pytest.approx(
            np.maximum(np.diag(plain), np.diag(robust)), rel=1e-9
        )
        ratio = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
        assert ratio == pytest.approx(plain[0, 1] / np.sqrt(plain[0, 0] * plain[1, 1]), rel=1e-9)
        assert not np.any(free)


def test_a_start_fifteen_times_off_is_led_to_the_data():
    rng = np.random.default_rng(2)
    device = registry.make(
        "vteam", r_on=200.0, r_off=5e3, v_on=-0.5, v_off=0.3, k_on=-2.0, k_off=1e-3
    )
    curve = sn.NodalEngine().drive(device, sn.PiecewiseLinear.triangle(1.0, -1.0, 5e4), points=400)
    data = Sweep(
        time=curve.time,
        volts=curve.volts,
        amps=curve.amps * (1 + NOISE * rng.normal(size=curve.amps.size)),
    )
    result = fit_data(
        "vteam", data, rng=rng, starts=4
    )  # the search begins at v_off = 0.02 V and r_on = 50 Ω
    check(result, device)
    assert any("v_on and k_on go together" in remark for remark in result.remarks)


def test_a_model_that_misses_the_data_says_so():
    rng = np.random.default_rng(2)
    time = np.linspace(0.0, 1.0, 80)
    volts = np.sin(2 * np.pi * time)
    data = Sweep(time=time, volts=volts, amps=1e-3 * volts**3 * (1 + 0.01 * rng.normal(size=80)))
    result = fit_data("resistor", data, rng=rng, starts=2)
    assert any("the model misses these data" in remark for remark in result.remarks)
    assert "misses" in result.toml()


def test_a_curve_that_takes_too_many_steps_is_kept_as_closely_as_it_was_followed(monkeypatch):
    """A thermal switch needs more steps at the last tolerance than a fit may take: the curve ended
    in NaN where it ran out of them, and the fit said nothing."""
    device, rng = registry.make("vteam"), np.random.default_rng(5)
    data = measured(device, rng, 60)
    course = sweep_course(data.time, data.volts)
    steps = [follow(device, course, 1, tolerance)[1] for tolerance in (1e-6, 1e-8)]
    assert steps[1] > 1.3 * steps[0]
    monkeypatch.setattr("spicesnn.fitting.trajectory._MOST_A_PART", 1.1 * steps[0] / len(course))
    assert not np.all(np.isfinite(follow(device, course, 1, 1e-8)[0]))
    found = fit_data("vteam", data, rng=rng, starts=1, base=device, parameters=["r_on", "r_off"])
    assert np.all(np.isfinite(found.fitted))
    assert found.relative_rmse < 0.05
    assert found.parameters["r_on"] == pytest.approx(device.r_on, rel=0.05)
    assert 0 < found.step_error < 1e-3


def test_noise_is_told_apart():
    rng = np.random.default_rng(0)
    values = np.geomspace(1e-7, 1e-3, 4000)
    found = Noise.of(values * 0.02 * rng.normal(size=4000) + 1e-6 * rng.normal(size=4000), values)
    assert found.relative == pytest.approx(0.02, rel=0.1)
    assert found.floor == pytest.approx(1e-6, rel=0.1)


def test_between_samples_a_sine_is_a_sine_and_a_triangle_is_straight():
    fine, coarse = (np.linspace(0.0, 1.0, n) for n in (40001, 101))
    device = registry.make("power-law")
    amplitude = device.typical_drive()[0]
    course = sweep_course(1e-5 * coarse, amplitude * np.sin(2 * np.pi * coarse))
    straight = course * np.array([1.0, 1.0, 0.0, 1.0, 1.0])
    truth = follow(
        device, sweep_course(1e-5 * fine, amplitude * np.sin(2 * np.pi * fine)), 1, 1e-8
    )[0][::400]
    bent, chords = (
        float(np.max(np.abs(follow(device, way, 1, 1e-8)[0] - truth)) / np.max(np.abs(truth)))
        for way in (course, straight)
    )
    assert bent < 0.2 * chords
    time = np.linspace(0.0, 1.0, 41)
    assert np.all(
        sweep_course(time, np.interp(time, [0, 0.25, 0.75, 1], [0, 1, -1, 0]))[:, 2]
        == pytest.approx(0.0, abs=1e-12)
    )


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
    with pytest.raises(InputError, match="all voltages are 0"):
        fit_data("vteam", Sweep(time=np.arange(9.0), volts=np.zeros(9), amps=np.ones(9)), rng=rng)
    path = tmp_path / "data.csv"
    path.write_text("1,2,3e-3\n2,3,4e-3\n3,4,5e-3\n")
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
    path.write_text("5,0,0\n6,1,2e-3\n8,2,4e-3\n")
    np.testing.assert_array_equal(read_measurement(path).time, [0.0, 1.0, 3.0])
    path.write_text("pulse,G,width,V\n1,1e-6,0,0\n2,2e-6,1e-6,1.5\n3,3e-6,1e-6,-1.5\n")
    train = read_measurement(path)
    assert isinstance(train, PulseTrain)
    np.testing.assert_array_equal(train.volts, [0.0, 1.5, -1.5])
    with pytest.raises(DataError, match="there is no file"):
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
    data = Sweep(
        time=np.arange(9.0), volts=np.linspace(0.1, 1, 9), amps=np.linspace(0.1, 1, 9) / 9e3
    )
    result = fit_data("resistor", data, rng=rng, starts=1)
    assert result.parameters["resistance"] == pytest.approx(9e3, rel=1e-6)
    with pytest.raises(RunError, match="cannot be written"):
        result.write_toml(tmp_path / "absent" / "device.toml")
