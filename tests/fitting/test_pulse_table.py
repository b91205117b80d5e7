from __future__ import annotations

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.devices import registry
from spicesnn.devices.device_file import read_device
from spicesnn.devices.measurements import PulseTrain, read_measurement
from spicesnn.devices.pulse_curve import PulseCurve, WritePulses
from spicesnn.errors import InputError
from spicesnn.fitting.fit import fit
from spicesnn.fitting.pulse_table import fit_pulse_table
from spicesnn.paths import checkout_data_dir

EXAMPLES = checkout_data_dir() / "devices"
PULSES = WritePulses(set_volts=1.3, reset_volts=-1.1, width_s=500e-6)


def walked(device, volts, width_s, count):
    """Return the conductances of a device after 0, 1, 2, … pulses in the nodal engine."""
    array = sn.Crossbar(
        device=device, state=np.array([[device.initial_state()]]), wires=sn.Wires.ideal()
    )
    found = [array.state[0, 0]]
    for _ in range(count):
        array = sn.NodalEngine().pulse(array, sn.Pulse(row_volts=[volts], width_s=width_s)).array
        found.append(array.state[0, 0])
    return np.array(found)


def test_the_pulse_table_of_one_column_reproduces_it_to_its_scatter_in_the_engine_too(tmp_path):
    made = fit_pulse_table(PulseCurve.from_csv(EXAMPLES / "pulse_curve.csv"), PULSES)
    data = np.loadtxt(EXAMPLES / "pulse_curve.csv", skiprows=1)
    assert made.rmse == pytest.approx(
        4.6e-9, rel=0.02
    )  # the scatter of the data is 5.3e-9 S from pulse 18 on
    assert made.rmse < made.curve.saturation()[2]
    device = read_device(made.write_toml(tmp_path / "mine.toml"))
    found = walked(device, 1.3, 500e-6, 50)
    assert np.sqrt(np.mean((found - data) ** 2)) < 5.3e-9
    assert np.abs(found - made.fitted[0]).max() < 1e-9
    assert "± " in (tmp_path / "mine.toml").read_text()
    stays = sn.Crossbar(device=device, state=np.array([[4.9e-7]]), wires=sn.Wires.ideal())
    assert (
        sn.NodalEngine().pulse(stays, sn.Pulse(row_volts=[-1.3], width_s=1e-3)).state[0, 0]
        == 4.9e-7
    )


def test_set_and_reset_pulses_are_reproduced():
    made = fit_pulse_table(PulseCurve.from_csv(EXAMPLES / "set_reset_curve.csv"), PULSES)
    data = np.loadtxt(EXAMPLES / "set_reset_curve.csv", delimiter=",", skiprows=1).T
    assert made.rmse == pytest.approx(np.sqrt(np.mean((np.stack(made.fitted) - data) ** 2)))
    assert made.rmse < 1.05 * made.parameters["scatter"]
    # the curve was made with 20 pulses and a gain of 90 µS/(1 − e^−3.2)
    for name, truth in (("pulses", 20.0), ("g_gain", 90e-6 / (1 - np.exp(-3.2)))):
        assert abs(made.parameters[name] - truth) < 3 * made.stderr[name]
    assert [axes.get_title() for axes in made.figure().axes] == ["Pulse table", "Residuals"]


def test_a_model_is_fitted_to_a_pulse_curve():
    rng = np.random.default_rng(0)
    result = fit(
        "saturating-pulse",
        EXAMPLES / "pulse_curve.csv",
        rng=rng,
        starts=2,
        pulses=PULSES,
        base=registry.make("saturating-pulse"),
    )
    for name, truth in (
        ("g_low", 4.5448e-7),
        ("g_gain", 6.55e-8),
        ("pulses", 3.0),
    ):  # the numbers behind the made-up curve
        assert abs(result.parameters[name] - truth) < 3 * result.stderr[name]
        assert result.stderr[name] < 0.15 * truth
    with pytest.raises(InputError, match="--pulse-volts"):
        fit("saturating-pulse", EXAMPLES / "pulse_curve.csv", rng=rng)


def test_curves_become_trains():
    train = read_measurement(EXAMPLES / "set_reset_curve.csv", pulses=PULSES)
    assert isinstance(train, PulseTrain)
    assert train.volts.tolist() == [0.0] + [1.3] * 64 + [-1.1] * 64
    assert train.points == 129
    for wrong in ({"reset_volts": 1.0}, {"width_s": 0.0}, {"set_volts": 0.0}):
        with pytest.raises(InputError, match="opposite sign"):
            WritePulses(**({"set_volts": 1.3, "reset_volts": -1.1, "width_s": 1e-6} | wrong))


def test_the_smooth_curve_passes_through_the_scatter_and_keeps_its_time():
    rng, n = np.random.default_rng(1), np.arange(200)
    truth = 1e-6 * (1 + 5 * (1 - np.exp(-n / 40)))
    curve = PulseCurve(raising=truth + 5e-8 * rng.standard_normal(200))
    pulse, level = curve.smooth()
    assert np.all(np.diff(level) > 0)
    assert np.sqrt(np.mean((np.interp(n, pulse, level) - truth) ** 2)) < 5e-8
    start = float(np.interp(20, pulse, level))
    assert float(curve.after(start, 60)) == pytest.approx(truth[80], abs=8e-8)
