"""Pulses whose amplitude is chosen for the wanted change alone."""

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

import spicesnn as sn
from spicesnn.crossbar.mapping import Window
from spicesnn.errors import ConfigError
from spicesnn.networks.synapses import PulseMap
from spicesnn.programming.pulse_map import StrongestPulses, solved_changes
from spicesnn.programming.uncompensated import (
    MAGNITUDES,
    SHARES,
    UncompensatedPulses,
    step_of,
)

DEVICES = {"pai-yu-chen": sn.devices.PaiYuChen(), "power-law": sn.devices.PowerLaw()}


def pulses_of(set_volts=2.2, reset_volts=2.5):
    return StrongestPulses(set_volts=set_volts, reset_volts=reset_volts, set_s=1e-8, reset_s=1e-8)


def solved(name, **volts):
    device = DEVICES[name]
    window = Window.of(device, volts=0.7)
    return UncompensatedPulses.solved(
        device, sn.NodalEngine(), pulses_of(**volts), window, read_volts=0.7
    )


@pytest.mark.parametrize("name", list(DEVICES))
def test_changes_have_the_sign_that_is_asked_for(name):
    table = solved(name).table
    assert table.shape == (2, MAGNITUDES, SHARES)
    assert table[0].min() >= 0 >= table[1].max()
    assert table[0].max() > 0.1
    assert table[1].min() < -0.1


def test_changes_depend_on_the_state_and_are_right_in_the_middle():
    table = solved("power-law").table
    middle = step_of(table, np.float32(1e-3), np.float32(0.5))
    assert middle == pytest.approx(1e-3, rel=0.05)
    assert step_of(table, np.float32(1e-3), np.float32(0.9)) > 2.0 * middle


def test_a_change_off_the_middle_is_that_of_the_pulse_for_the_middle():
    """The amplitude that makes the change in the middle, found by solving pulses of many
    amplitudes; the same pulse on cells elsewhere."""
    found, device = solved("power-law"), DEVICES["power-law"]
    window, engine, volts = found.window, sn.NodalEngine(), np.linspace(0.0, 2.2, 4001)
    siemens = window.at([0.5, 0.2, 0.8])
    change = solved_changes(device, engine, siemens, volts, 1e-8, up=True, read_volts=0.7)
    for wanted in (1e-3 * window.span, 2e-2 * window.span):
        chosen = np.interp(wanted, change[:, 0], volts)
        expected = [np.interp(chosen, volts, change[:, k]) for k in range(3)]
        steps = found.steps(siemens, np.full(3, wanted))
        np.testing.assert_allclose(steps, expected, rtol=0.03)


def test_pulses_that_move_nothing_are_refused():
    with pytest.raises(ConfigError, match="no set pulse"):
        solved("power-law", set_volts=1e-3, reset_volts=1e-3)
    hardware = sn.Hardware(device=DEVICES["power-law"], columns="offset", read_volts=0.7)
    kind = PulseMap(hardware=hardware, pulses=pulses_of(1e-3, 1e-3))
    with pytest.raises(ConfigError, match="no set pulse of this scheme moves the device"):
        kind.maps()


def test_a_step_is_interpolated_along_the_logarithm_of_the_change_and_the_conductance():
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
        assert step_of(table, np.float32(wanted), np.float32(share)) == pytest.approx(
            float(rising(at)), abs=2e-5
        )
        assert step_of(table, np.float32(-wanted), np.float32(share)) == pytest.approx(
            float(falling(at)), abs=2e-5
        )
    assert step_of(table, np.float32(0.9e-6), np.float32(0.5)) == 0
    assert step_of(table, np.float32(0.0), np.float32(0.5)) == 0
    for share, inside in ((-0.2, 0.0), (1.3, 1.0)):
        assert step_of(table, np.float32(0.01), np.float32(share)) == pytest.approx(
            float(rising((-2.0, inside))), abs=2e-5
        )
    assert step_of(table, np.float32(3.0), np.float32(0.25)) == pytest.approx(
        float(rising((0.0, 0.25))), abs=2e-5
    )
