"""The written STDP window: one table of both engines, their difference, and how far along it is."""

import numpy as np
import pytest

from spicesnn.learning.spikes import SpikePair, SpikeShape
from spicesnn.learning.stdp_window import STDPWindow
from spicesnn.reporting import windows

SHAPE = SpikeShape(peak_volts=0.7, tail_volts=0.4, peak_s=2e-6, tau_s=10e-6, edge_s=1e-7)
DT = np.array([-2e-6, -1e-6, 1e-6, 2e-6])


class Named:
    def __init__(self, name):
        self.name = name


class Device:
    name = "thing"


def measured(device, engine, *, progress):
    for k in range(4):
        progress(k + 1, 4)
    factor = 1.0 if engine.name == "nodal" else 1.02
    dw = factor * np.array([-0.02, -0.04, 0.08, 0.05])
    return STDPWindow(
        dt_s=DT,
        dw=dw,
        neighbour_dw=np.array([1e-4, 2e-4, 3e-4, 4e-4]) * factor,
        a_plus=0.1,
        a_minus=0.05,
        tau_plus_s=1e-6,
        tau_minus_s=2e-6,
        spikes=SpikePair(pre=SHAPE, post=SHAPE, polarity=1),
        device=device.name,
        engine=engine.name,
    )


@pytest.mark.parametrize("names", [("nodal",), ("nodal", "ngspice")])
def test_the_table_the_difference_and_the_progress(monkeypatch, tmp_path, names):
    monkeypatch.setattr(windows, "stdp_window", measured)
    told = []
    done = windows.write_window(
        Device(),
        [Named(name) for name in names],
        tmp_path,
        progress=lambda *where: told.append(where),
    )
    total = 4 * len(names)
    assert told == [(k + 1, total) for k in range(total)]
    table = np.genfromtxt(done.csv, delimiter=",", names=True)
    tails = [""] if len(names) == 1 else [f"_{name}" for name in names]
    np.testing.assert_allclose(table["dt_s"], DT)
    for tail, name in zip(tails, names, strict=True):
        window = measured(Device(), Named(name), progress=lambda *where: None)
        np.testing.assert_allclose(table[f"dw{tail}"], window.dw, rtol=1e-8)
        np.testing.assert_allclose(table[f"neighbour_dw{tail}"], window.neighbour_dw, rtol=1e-8)
    described = done.describe()
    assert described["engine"] == ("nodal" if len(names) == 1 else "both")
    assert described["max_relative_difference"] == (
        None if len(names) == 1 else pytest.approx(0.02)
    )
    assert described["largest_neighbour_change"] == pytest.approx(
        4e-4 if len(names) == 1 else 4.08e-4
    )
    assert (
        described["a_plus"],
        described["a_minus"],
        described["tau_plus_s"],
        described["tau_minus_s"],
    ) == (0.1, 0.05, 1e-6, 2e-6)
    assert done.figure.stat().st_size > 5000
