"""What a sweep says of its curves: peaks, areas and differences, of every frequency and engine."""

from dataclasses import replace

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.devices import registry
from spicesnn.devices.variability import LogNormal
from spicesnn.engines.iv import iv
from spicesnn.reporting.curves import Drive, Shape, Variation, lobe_area, sweep


class Off(sn.NodalEngine):
    """Adds a share to all currents, another one at each frequency."""

    name = "off"

    def drive(self, device, stimulus, **rest):
        curve = super().drive(device, stimulus, **{**rest, "points": 777})
        share = {1.0: 0.01, 0.5: 0.03, 0.25: 0.02}[round(float(curve.time[-1]), 6)]
        return replace(curve, amps=curve.amps * (1 + share), engine="off")


@pytest.fixture(autouse=True)
def _nothing_drawn(monkeypatch):
    monkeypatch.setattr("spicesnn.reporting.curves._save_figure", lambda *_: None)
    monkeypatch.setattr("spicesnn.reporting.curves.POINTS", 1000)


def test_the_area_is_that_of_the_last_period():
    curve = iv(registry.make("resistor"), amplitude=1.0, frequency=1.0, periods=3)
    phase, last = 2 * np.pi * curve.time, curve.time >= 2.0
    object.__setattr__(curve, "amps", np.sin(2 * phase) * np.where(last, 0.5, 3.0))
    assert lobe_area(curve, 1.0) == pytest.approx(4 / 3, rel=1e-3)
    object.__setattr__(curve, "amps", np.where(np.sin(phase) > 0, np.sin(2 * phase), 0.0))
    assert lobe_area(curve, 1.0) == pytest.approx(4 / 3, rel=1e-3)


def test_peaks_and_differences_are_the_largest_of_all(tmp_path):
    """Of −2 V and 1 V at 1, 2 and 4 Hz; the second engine is off by 1, 3 and 2 %."""
    drive = Drive(
        shape=Shape.SWEEP, stops=(0.0, 1.0, -2.0, 0.0), frequencies=(1.0, 2.0, 4.0), periods=1
    )
    device = registry.make("resistor", resistance=500.0)
    done = sweep(device, engines=[sn.NodalEngine(), Off()], folder=tmp_path, drive=drive)
    assert (done.amplitude, done.frequency) == (2.0, 1.0)
    assert done.peak_amps == pytest.approx(1.03 * 2 / 500, rel=1e-9)
    assert done.max_relative_difference == pytest.approx(0.03, rel=0.04)
    assert done.difference_beside_jumps == pytest.approx(0.03, rel=0.04)
    assert done.lobe_areas == pytest.approx([0.0] * 3, abs=1e-9)
    table = np.genfromtxt(done.csv, delimiter=",", names=True)
    for frequency, share in ((1.0, 0.01), (2.0, 0.03), (4.0, 0.02)):
        mine = table[table["frequency_hz"] == frequency]
        assert mine["time_s"][-1] == pytest.approx(1 / frequency)
        assert mine["amps_nodal"] == pytest.approx(mine["volts"] / 500, abs=1e-9)
        # Straight between the second engine's own, fewer points
        assert mine["amps_off"] == pytest.approx(mine["volts"] / 500 * (1 + share), abs=2e-5)
    alone = sweep(device, engines=[sn.NodalEngine()], folder=tmp_path, drive=drive)
    assert alone.max_relative_difference is alone.difference_beside_jumps is None


def test_cycles_follow_on_one_another_without_a_double_point(tmp_path):
    variation = Variation(laws={"resistance": LogNormal(0.3)}, rng=np.random.default_rng(0))
    drive = Drive(amplitude=2.0, frequencies=(10.0,), periods=3)
    device = registry.make("resistor", resistance=1e3)
    done = sweep(
        device, engines=[sn.NodalEngine()], folder=tmp_path, drive=drive, variation=variation
    )
    table = np.genfromtxt(done.csv, delimiter=",", names=True)
    assert np.all(np.diff(table["time_s"]) > 0)
    assert (table["time_s"][0], table["time_s"][-1]) == pytest.approx((0.0, 0.3))
    ohms = [
        np.unique(np.round(part["volts"][5:-5] / part["amps"][5:-5], 3))
        for part in (
            table[(table["time_s"] > k / 10) & (table["time_s"] < (k + 0.49) / 10)]
            for k in range(3)
        )
    ]
    assert [one.size for one in ohms] == [1, 1, 1]
    again = Variation(laws=variation.laws, rng=np.random.default_rng(0)).devices(device, 3)
    assert [float(one[0]) for one in ohms] == pytest.approx(
        [one.resistance for one in again], rel=1e-6
    )
    assert done.peak_amps == pytest.approx(2.0 / min(float(one[0]) for one in ohms), rel=1e-4)
