import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import InputError
from spicesnn.programming.pulse_map import PulseMap, PulseScheme
from spicesnn.training.unsupervised.device_synapse import compensated, literal
from spicesnn.training.unsupervised.network import UnsupervisedNetwork

SCHEME = PulseScheme(
    set_s=10e-9,
    reset_s=1e-9,
    set_volts=(0.5, 1.8),
    reset_volts=(0.5, 1.8),
    g_one=1.49301e-4,
    read_volts=0.1,
)
NETWORK = UnsupervisedNetwork()


@pytest.fixture(scope="module")
def maps():
    device = sn.devices.PowerLaw()
    engine = sn.NodalEngine()
    return (
        device,
        PulseMap.solved(device, engine, SCHEME, up=True),
        PulseMap.solved(device, engine, SCHEME, up=False),
    )


def test_a_power_law_pulse_changes_the_weight_by_its_closed_form(maps):
    """ΔR = -(k/G1)·V^n, so w' = 1/(1/w - k·V^n)."""
    device, set_map, _ = maps
    k, w = 80, 180
    weight = set_map.weights[w]
    expected = 1 / (1 / weight - device.k_set * set_map.volts[k] ** device.n_set) - weight
    assert set_map.change[k, w] == pytest.approx(expected, rel=1e-3, abs=1e-7)


def test_compensated_pulses_give_the_rule_wherever_the_drivers_reach(maps):
    _, set_map, reset_map = maps
    table = compensated(set_map, reset_map, NETWORK)
    weights = set_map.weights[16:200]
    np.testing.assert_allclose(table.up[0, 16:200], NETWORK.potentiation * (1 - weights), rtol=1e-5)
    np.testing.assert_allclose(
        table.down[10, 16:200], -NETWORK.potentiation * 0.01 * np.exp(-0.25) * weights, rtol=1e-5
    )


def test_the_literal_mapping_makes_the_rich_richer(maps):
    """Without compensation the change grows with the square of the weight."""
    device, set_map, reset_map = maps
    table = literal(set_map, reset_map, NETWORK, device.te2v, device.to2v)
    ratio = table.up[0, 180] / table.up[0, 90]
    assert ratio == pytest.approx(16.0, rel=0.1)


def test_a_device_that_learns_backwards_is_refused():
    class Backwards(sn.devices.PowerLaw):
        set_polarity = -1

    with pytest.raises(InputError, match="learn backwards"):
        PulseMap.solved(Backwards(), sn.NodalEngine(), SCHEME, up=True)
