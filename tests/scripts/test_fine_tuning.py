"""Slopes of the script that trains through wires, against finite differences of its own loss and of
the mapped network."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.learning.gradients import softmax


def test_slopes_through_wires_are_those_of_the_mapped_network(script):
    fine_tuning, rng = script("fine_tuning"), np.random.default_rng(2)
    weights = [rng.normal(size=(12, 5)), rng.normal(size=(5, 3))]
    for w in weights:
        w[0, 0] = 4.0  # the largest, which the others are fractions of
    x, y = rng.random((6, 12)), rng.integers(3, size=6)
    hardware = sn.Hardware(
        device=sn.devices.VTEAM(r_on=10e3, r_off=1e6), wires=sn.Wires(50.0, 50.0), tile=(8, 8)
    )

    def loss(weights):
        network = sn.Network.from_arrays([(w, None) for w in weights], activation="relu")
        found = softmax(network.on(hardware).outputs(x))
        return -float(np.mean(np.log(found[np.arange(6), y])))

    exact = fine_tuning.slopes_of(weights, x, y, hardware, exact=True)
    ideal = fine_tuning.slopes_of(weights, x, y, hardware, exact=False)
    differs = 0.0
    for layer, at in ((0, (3, 2)), (0, (7, 4)), (1, (1, 1)), (1, (4, 0))):
        ends = []
        for step in (1e-4, -1e-4):
            moved = [w.copy() for w in weights]
            moved[layer][at] += step
            ends.append(loss(moved))
        true = (ends[0] - ends[1]) / 2e-4
        assert exact[layer][at] == pytest.approx(true, rel=1e-5, abs=1e-8)
        differs = max(differs, abs(ideal[layer][at] - true) / abs(true))
    assert differs > 1e-2
