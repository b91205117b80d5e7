"""Devices in the loop of approximate back-propagation."""

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

import spicesnn as sn
from spicesnn import training
from spicesnn.crossbar.mapping import Window
from spicesnn.errors import ConfigError, InputError
from spicesnn.programming.pulse_map import PulseScheme
from spicesnn.training.spiking_bp.device import MAGNITUDES, SHARES, device_table
from spicesnn.training.spiking_bp.network import Cells
from spicesnn.training.spiking_bp.stream import device_step

DEVICES = {"pai-yu-chen": (2.2, 2.5), "power-law": (2.2, 2.5)}


def table_of(name, *, compensated, volts=None):
    device = sn.devices.PaiYuChen() if name == "pai-yu-chen" else sn.devices.PowerLaw()
    top, bottom = volts or DEVICES[name]
    scheme = PulseScheme(
        set_s=10e-9,
        reset_s=10e-9,
        set_volts=(0.0, top),
        reset_volts=(0.0, bottom),
        g_one=Window.of(device, volts=0.7).high,
        read_volts=0.7,
    )
    return device_table(device, sn.NodalEngine(), scheme, compensated=compensated)


@pytest.mark.parametrize("name", list(DEVICES))
def test_changes_have_the_sign_that_is_asked_for(name):
    for compensated in (True, False):
        table = table_of(name, compensated=compensated)
        assert table.shape == (2, MAGNITUDES, SHARES)
        assert table[0].min() >= 0 >= table[1].max()
        assert table[0].max() > 0.1
        assert table[1].min() < -0.1


def test_compensated_changes_are_those_asked_for_inside_the_window():
    table = table_of("pai-yu-chen", compensated=True)
    for wanted in (3e-5, 2e-3, -4e-4, -0.05):
        assert device_step(table, np.float32(wanted), np.float32(0.5)) == pytest.approx(
            wanted, rel=5e-3
        )
    assert device_step(table, np.float32(0.5), np.float32(0.9)) == pytest.approx(0.1, rel=0.02)
    assert device_step(table, np.float32(1e-7), np.float32(0.5)) == 0.0


def test_uncompensated_changes_depend_on_the_state_and_are_right_in_the_middle():
    table = table_of("power-law", compensated=False)
    middle = device_step(table, np.float32(1e-3), np.float32(0.5))
    assert middle == pytest.approx(1e-3, rel=0.05)
    assert device_step(table, np.float32(1e-3), np.float32(0.9)) > 2.0 * middle


@pytest.mark.parametrize("mapping", ["compensated", "uncompensated"])
def test_a_small_run_on_devices_learns(mapping, tmp_path):
    settings = {
        "data.train_limit": 1500,
        "data.test_limit": 200,
        "training.chunk": 750,
        "network.hidden": 60,
        "training.epochs": 1,
        "cells.kind": "device",
        "cells.mapping": mapping,
        "imperfections.cycle_to_cycle": 0.05,
    }
    summary = training.train(
        training.load("bp-mnist", settings),
        engine=sn.NodalEngine(),
        out=tmp_path / "run",
        rng_seed=3,
    )
    assert summary.test_accuracy > 0.7
    assert summary.extra["read_joule_a_presentation"] > 0
    assert training.infer(tmp_path / "run").test_accuracy == summary.test_accuracy


def test_a_scheme_that_moves_nothing_is_refused():
    with pytest.raises(ConfigError, match="no set pulse"):
        table_of("power-law", compensated=True, volts=(1e-3, 1e-3))


def test_levels_and_a_table_are_too_much():
    with pytest.raises(InputError, match="one of the two"):
        Cells(levels=16, table=np.zeros((2, 2, 2), np.float32))


def test_a_step_of_a_device_is_interpolated_along_the_logarithm_of_the_change_and_the_conductance():
    """Magnitudes are even in their logarithm from 10⁻⁶ of the window to all of it; below the first
    nothing happens."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(2, 7, 5)).astype(np.float32)
    rising, falling = (
        RegularGridInterpolator((np.linspace(-6, 0, 7), np.linspace(0, 1, 5)), side)
        for side in table
    )
    for wanted, share in zip(10 ** rng.uniform(-6, 0, 60), rng.uniform(0, 1, 60), strict=True):
        at = (np.log10(np.float32(wanted)), share)
        assert device_step(table, np.float32(wanted), np.float32(share)) == pytest.approx(
            float(rising(at)), abs=2e-5
        )
        assert device_step(table, np.float32(-wanted), np.float32(share)) == pytest.approx(
            float(falling(at)), abs=2e-5
        )
    assert device_step(table, np.float32(0.9e-6), np.float32(0.5)) == 0
    assert device_step(table, np.float32(0.0), np.float32(0.5)) == 0
    for share, inside in ((-0.2, 0.0), (1.3, 1.0)):
        assert device_step(table, np.float32(0.01), np.float32(share)) == pytest.approx(
            float(rising((-2.0, inside))), abs=2e-5
        )
    assert device_step(table, np.float32(3.0), np.float32(0.25)) == pytest.approx(
        float(rising((0.0, 0.25))), abs=2e-5
    )
