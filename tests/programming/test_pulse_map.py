import numpy as np
import pytest

import spicesnn as sn
from spicesnn.devices import registry
from spicesnn.errors import InputError
from spicesnn.programming.pulse_map import StepLimits, StrongestPulses

PULSES = StrongestPulses(set_volts=2.2, reset_volts=2.5, set_s=10e-9, reset_s=10e-9)


def test_a_linear_drift_of_resistance_is_followed():
    """VTEAM with exponents of 1 and no window: ΔR = −rate·ΔR_range·t, so G after a pulse is 1/(R −
    ΔR)."""
    device = sn.devices.VTEAM(
        r_on=1e4,
        r_off=1e6,
        v_on=-1.0,
        v_off=1.0,
        k_on=-1e-4,
        k_off=1e-4,
        alpha_on=1.0,
        alpha_off=1.0,
    )
    limits = StepLimits.solved(
        device,
        sn.NodalEngine(),
        StrongestPulses(set_volts=2.0, reset_volts=2.0, set_s=1e-6, reset_s=1e-6),
    )
    moved = 1e-4 * 1e-6 / 3e-9 * (1e6 - 1e4)
    ohm = 1 / limits.at
    inside = ohm - moved > 1.1e4
    np.testing.assert_allclose(
        limits.up[inside], 1 / (ohm[inside] - moved) - limits.at[inside], rtol=1e-3
    )
    inside = ohm + moved < 0.95e6
    np.testing.assert_allclose(
        limits.down[inside], 1 / (ohm[inside] + moved) - limits.at[inside], rtol=1e-3
    )


def test_wanted_steps_are_cut_to_what_a_pulse_can_do():
    limits = StepLimits(
        at=np.array([0.0, 1.0]), up=np.array([0.4, 0.0]), down=np.array([0.0, -0.2])
    )
    found = limits.reached(np.array([0.5, 0.5, 0.5, 1.0]), np.array([0.1, 0.9, -0.9, 0.3]))
    np.testing.assert_allclose(found, [0.1, 0.2, -0.1, 0.0])


LONG = ("jart-vcm",)


def polar():
    found = [
        name
        for name in registry.names()
        if (d := registry.make(name)).memory
        and d.set_polarity
        and not d.gated
        and len(d.state_names) == 1
    ]
    return [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in found]


@pytest.mark.parametrize("name", polar())
def test_every_device_is_set_by_set_pulses_and_reset_by_reset_pulses(name):
    device = registry.make(name)
    amplitude, frequency = device.typical_drive()
    pulses = StrongestPulses(
        set_volts=amplitude, reset_volts=amplitude, set_s=0.1 / frequency, reset_s=0.1 / frequency
    )
    limits = StepLimits.solved(
        device, sn.NodalEngine(), pulses, read_volts=0.0 if device.linear else 0.1 * amplitude
    )
    assert limits.up.min() >= 0 >= limits.down.max()
    assert limits.up.max() > 0 > limits.down.min()


def test_a_device_that_learns_backwards_is_refused():
    class Backwards(sn.devices.VTEAM):
        set_polarity = 1

    with pytest.raises(InputError, match="learn backwards"):
        StepLimits.solved(Backwards(), sn.NodalEngine(), PULSES)


def test_a_device_without_polarity_is_refused():
    class Aimless(sn.devices.VTEAM):
        set_polarity = 0

    with pytest.raises(InputError, match="which polarity"):
        StepLimits.solved(Aimless(), sn.NodalEngine(), PULSES)
