from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.devices import registry
from spicesnn.devices.measurements import Sweep as Measured
from spicesnn.devices.variability import LogNormal
from spicesnn.engines.iv import iv
from spicesnn.errors import InputError
from spicesnn.reporting.curves import Drive, Shape, Variation, lobe_area, sweep


def test_the_loop_shrinks_with_the_frequency(tmp_path):
    done = sweep(
        registry.make("linear-drift"),
        engines=[sn.NodalEngine()],
        folder=tmp_path,
        drive=Drive(frequencies=(2.0, 20.0, 200.0), periods=2),
    )
    assert done.frequencies == (2.0, 20.0, 200.0)
    # far above the device's own pace the state moves by 1/f, and the loop with it
    assert done.lobe_areas[0] / done.lobe_areas[1] > 10
    assert done.lobe_areas[1] / done.lobe_areas[2] == pytest.approx(10, rel=0.05)
    table = np.loadtxt(done.csv, delimiter=",", skiprows=1)
    assert set(table[:, 0]) == {2.0, 20.0, 200.0}
    assert Path(done.csv).read_text(encoding="utf-8").startswith("frequency_hz,time_s,volts,amps")


def test_the_area_of_a_known_loop():
    curve = iv(registry.make("resistor"), amplitude=1.0, frequency=1.0, periods=1)
    phase = 2 * np.pi * curve.time
    object.__setattr__(
        curve, "amps", np.sin(2 * phase)
    )  # v = sin, i = sin 2φ: two lobes of 4/3 each
    assert lobe_area(curve, 1.0) == pytest.approx(8 / 3, rel=1e-5)


def test_triangles_and_sweeps_with_stops():
    triangle = Drive(shape=Shape.TRIANGLE, amplitude=2.0, periods=2).stimulus(10.0)
    assert triangle.volts(np.array([0.025, 0.075, 0.1, 0.125])) == pytest.approx(
        [2.0, -2.0, 0.0, 2.0]
    )
    drive = Drive(shape=Shape.SWEEP, stops=(0.0, 1.0, 0.5, -2.0, 0.0), periods=2)
    stimulus = drive.stimulus(2.0)  # 6 V of way in half a second: 12 V/s
    assert stimulus.duration_s == 1.0
    assert stimulus.volts(np.array([1 / 12, 1.5 / 12, 4 / 12, 0.5, 0.5 + 1 / 12])) == pytest.approx(
        [1.0, 0.5, -2.0, 0.0, 1.0]
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": Shape.SWEEP}, "at least two voltages"),
        ({"shape": Shape.SWEEP, "stops": (0.0, 1.0, 1.0)}, "each other than the one before"),
        ({"shape": Shape.SWEEP, "stops": (0.0, 1.0), "periods": 2}, "end where they begin"),
        ({"stops": (0.0, 1.0)}, "stops are for a sweep"),
        ({"shape": Shape.TRIANGLE, "periods": 1.5}, "whole number of a triangle's"),
        ({"frequencies": (1.0, 1.0)}, "each once"),
        ({"frequencies": (-1.0,)}, "above 0 Hz"),
    ],
)
def test_drives_that_cannot_be(options, message):
    with pytest.raises(InputError, match=message):
        Drive(**options)


def test_cycles_vary_alike_on_both_engines_and_carry_the_state(tmp_path):
    device, drive = (
        registry.make("yakopcic"),
        Drive(amplitude=0.45, frequencies=(100.0,), periods=3),
    )

    def run(spread, folder, engines, seed=3):
        (tmp_path / folder).mkdir()
        variation = Variation(
            laws={"a_p": LogNormal(spread), "a1": LogNormal(spread)},
            rng=np.random.default_rng(seed),
        )
        return sweep(
            device, engines=engines, drive=drive, folder=tmp_path / folder, variation=variation
        )

    done = run(0.2, "varied", [sn.NodalEngine(), sn.NgspiceEngine()])
    assert done.max_relative_difference < 1e-3
    table = np.genfromtxt(done.csv, delimiter=",", names=True)
    peaks = [
        table["amps_nodal"][(table["time_s"] >= k / 100) & (table["time_s"] <= (k + 1) / 100)].max()
        for k in range(3)
    ]
    assert np.std(peaks) > 0.05 * np.mean(peaks)
    assert np.all(np.abs(np.diff(table["x_nodal"])) < 0.02)  # no jump from cycle to cycle
    assert run(0.2, "again", [sn.NodalEngine()]).peak_amps == pytest.approx(
        done.peak_amps, rel=1e-4
    )
    plain = sn.NodalEngine().drive(device, drive.stimulus(100.0))
    assert run(0.0, "none", [sn.NodalEngine()]).peak_amps == pytest.approx(
        plain.amps.max(), rel=1e-4
    )


def test_measured_points_are_drawn_over_the_curve(tmp_path):
    from spicesnn.plotting.iv import frequency_figure, iv_figure

    device = registry.make("resistor", resistance=1e3)
    curve = iv(device, amplitude=1.0, frequency=1.0, periods=1)
    measured = Measured(
        time=np.arange(3.0), volts=np.array([-1.0, 0.0, 1.0]), amps=np.array([-2e-3, 0.0, 2e-3])
    )
    for figure in (
        iv_figure([curve], device, measured),
        frequency_figure({1.0: [curve]}, device, [1.0], measured),
    ):
        line = next(line for line in figure.axes[0].lines if line.get_label() == "measured")
        assert line.get_ydata() == pytest.approx([-2.0, 0.0, 2.0])  # milliampere, as the curve
        assert "measured" in [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_the_instant_of_a_jump_is_no_difference_of_two_engines():
    from dataclasses import replace

    from spicesnn.validation.curves import difference_beside_jumps, relative_difference

    time = np.linspace(0.0, 1.0, 20001)
    curve = iv(registry.make("resistor"), amplitude=1.0, frequency=1.0, periods=1)
    first = replace(curve, time=time, volts=time, amps=np.where(time < 0.5, 0.1, 1.0), state=time)
    second = replace(first, amps=np.where(time < 0.5001, 0.1, 1.0) * (1 + 1e-4))
    assert relative_difference(first, second) > 0.8
    assert difference_beside_jumps(first, second, 1.0) == pytest.approx(1e-4, rel=1e-3)
    late = replace(first, amps=np.where(time < 0.51, 0.1, 1.0))
    assert difference_beside_jumps(first, late, 1.0) > 0.8


def test_both_engines_at_several_frequencies_show_their_difference():
    from spicesnn.plotting.iv import frequency_figure

    device = registry.make("linear-drift")
    found = {
        f: [
            sn.NodalEngine().drive(
                device, sn.Sine(amplitude=1.0, frequency=f, periods=1), points=300
            )
        ]
        * 2
        for f in (5.0, 50.0)
    }
    titles = [axes.get_title() for axes in frequency_figure(found, device, [1.0, 1.0]).axes]
    assert titles == ["IV loops", "Logarithmic view", "Fingerprint", "nodal against nodal"]
