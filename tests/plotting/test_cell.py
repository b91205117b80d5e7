"""The figure of a characterised cell, of a device whose pulses are known by hand."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.characterization.characterize import characterize
from spicesnn.plotting.cell import characterization_figure


@pytest.fixture(scope="module")
def panels():
    device = sn.devices.VTEAM(
        r_on=10e3, r_off=100e3, v_on=-0.8, v_off=0.8, k_on=-2.4e-7, k_off=2.4e-7,
        alpha_on=1.0, alpha_off=1.0,
    )  # fmt: skip
    with sn.NodalEngine() as engine:
        made = characterize(
            device,
            engine=engine,
            volts=np.linspace(-1.3, 1.3, 7),
            width_s=500e-6,
            rng=np.random.default_rng(0),
            states=7,
            v_read=0.1,
        )
    return characterization_figure(made).axes


def test_the_currents_are_those_of_resistances_between_both_states(panels):
    lines = panels[0].get_lines()
    assert [line.get_label() for line in lines] == ["0 %", "25 %", "50 %", "75 %", "100 %"]
    ohms = [1.3 / (1e-6 * line.get_ydata()[-1]) for line in lines]  # the axis is in µA
    np.testing.assert_allclose(ohms, [10e3, 32.5e3, 55e3, 77.5e3, 100e3], rtol=5e-3)
    assert np.isnan(lines[0].get_ydata(orig=True)[100]) or np.isnan(lines[0].get_xdata()[100])


def test_a_set_pulse_raises_and_a_reset_pulse_lowers_the_conductance(panels):
    said = {line.get_label(): line.get_ydata() for line in panels[1].get_lines()}
    assert np.all(said["set, -1.3 V"] >= 0)
    assert np.all(said["reset, 1.3 V"] <= 0)
    # below the threshold nothing moves
    np.testing.assert_allclose(said["set, -650 mV"], 0.0, atol=1e-3)
    # |k|·(1.3/0.8 − 1)·500 µs = 3 nm/40: from 100 kΩ to 97.75 kΩ
    assert said["set, -1.3 V"][0] == pytest.approx(1e6 * (1 / 97.75e3 - 1 / 100e3), rel=0.02)


def test_the_train_goes_up_the_range_and_down_again(panels):
    siemens = panels[2].get_lines()[0].get_ydata()
    assert siemens.size == 101
    assert siemens[0] == pytest.approx(10.0, rel=1e-3)
    assert siemens[50] > 90.0
    assert siemens[100] < 19.0
    assert np.all(np.diff(siemens[:51]) >= 0)
    assert np.all(np.diff(siemens[50:]) <= 0)
    assert panels[2].get_xlabel().startswith("pulse (set at -")
