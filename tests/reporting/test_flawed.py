"""IV curves of devices that are not perfect: the same on both engines, and as the table
[imperfections] says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import spicesnn as sn
from spicesnn.cli.app import app
from spicesnn.devices import registry
from spicesnn.errors import InputError, UnknownNameError
from spicesnn.reporting.curves import Drive, Shape, sweep
from spicesnn.reporting.flawed import Flaws, halves, read_options


def flaws(samples=1, seed=0, **settings):
    options = read_options(None, {f"imperfections.{key}": value for key, value in settings.items()})
    return Flaws(options=options, samples=samples, seed=seed)


def drawn(device, drive, seed=0, samples=1, engine=None, points=800, **settings):
    frequency = drive.frequencies[0]
    parts = halves(drive.stimulus(frequency, 1), frequency, drive.periods)
    return flaws(samples, seed, **settings).curves(
        device, engine or sn.NodalEngine(), parts, gate_volts=None, points=points
    )


VTEAM = sn.devices.VTEAM()
CYCLES = Drive(amplitude=0.25, frequencies=(6e5,), periods=3)


def test_both_engines_see_the_same_devices_cycles_and_noise(tmp_path):
    made = flaws(
        2,
        4,
        parameters="k_on,r_off",
        spread="0.3",
        read_noise="0.03",
        cycle_to_cycle="0.1",
        telegraph="0.05",
        states="16",
    )
    engines = [sn.NodalEngine(), sn.NgspiceEngine()]
    drive = Drive(amplitude=0.25, frequencies=(6e5,), periods=2)
    done = sweep(VTEAM, engines=engines, drive=drive, folder=tmp_path, flaws=made)
    assert done.max_relative_difference < 2e-3
    table = np.genfromtxt(done.csv, delimiter=",", names=True)
    assert np.max(np.abs(table["w_nodal"] - table["w_ngspice"])) < 2e-3 * 3e-9
    jagged = np.diff(table["amps_nodal"], 2)
    assert np.corrcoef(jagged, np.diff(table["amps_ngspice"], 2))[0, 1] > 0.99
    samples = np.genfromtxt(
        tmp_path / "samples.csv", delimiter=",", names=True, dtype=None, encoding="utf-8"
    )
    assert set(samples["engine"]) == {"nodal", "ngspice"}
    assert Path(done.figure).is_file()


def test_without_flaws_it_is_the_plain_curve():
    plain = sn.NodalEngine().drive(VTEAM, CYCLES.stimulus(6e5), points=8000)
    curve = drawn(VTEAM, CYCLES)[0]
    off = (
        np.abs(np.interp(curve.time, plain.time, plain.amps) - curve.amps)
        / np.abs(plain.amps).max()
    )
    assert np.quantile(off, 0.98) < 1e-5  # all but the samples in a set that is over within ten
    np.testing.assert_allclose(curve.volts, CYCLES.stimulus(6e5).volts(curve.time), atol=1e-12)


def test_read_noise_is_that_of_every_sample():
    device = registry.make("linear-drift")
    drive = Drive(amplitude=0.1, frequencies=(1e4,), periods=1)
    plain, noisy = (
        drawn(device, drive, points=4000)[0],
        drawn(device, drive, points=4000, read_noise="0.02")[0],
    )
    seen = np.abs(plain.volts) > 0.01
    ratio = noisy.amps[seen] / plain.amps[seen]
    assert np.std(ratio) == pytest.approx(0.02, rel=0.05)
    assert abs(np.corrcoef(ratio[1:], ratio[:-1])[0, 1]) < 0.06
    np.testing.assert_array_equal(noisy.state, plain.state)


def test_telegraph_noise_has_two_levels_and_its_times():
    device = registry.make("linear-drift")
    drive = Drive(amplitude=0.1, frequencies=(1.0,), periods=1)
    times = {"telegraph_capture_s": "10m", "telegraph_emission_s": "30m"}
    plain, noisy = (
        drawn(device, drive, points=4000)[0],
        drawn(device, drive, points=4000, telegraph="0.1", **times)[0],
    )
    seen = np.abs(plain.volts) > 1e-3
    ratio = noisy.amps[seen] / plain.amps[seen]
    full = np.abs(ratio - 0.9) < 1e-6
    assert np.all(full | (np.abs(ratio - 1.0) < 1e-6))
    assert np.mean(full) == pytest.approx(0.75, abs=0.12)
    assert np.sum(np.diff(full.astype(int)) == 1) == pytest.approx(
        25, abs=12
    )  # one capture and one emission in 40 ms


def test_cycles_and_devices_differ_as_they_are_told_to():
    curves = drawn(VTEAM, CYCLES, samples=15, parameters="r_off", spread="0.2")
    lowest = np.log([np.abs(c.amps[c.volts > 0.2]).min() for c in curves])
    assert np.std(lowest) == pytest.approx(np.sqrt(np.log1p(0.2**2)), rel=0.55)
    again = drawn(VTEAM, CYCLES, samples=2, parameters="r_off", spread="0.2")
    np.testing.assert_array_equal(again[1].amps, curves[1].amps)
    ends = drawn(VTEAM, CYCLES, cycle_to_cycle="0.2")[0]
    starts = [ends.state[np.searchsorted(ends.time, (k + 0.001) / 6e5)] for k in (1, 2)]
    assert starts[0] != starts[1]


def test_a_stuck_device_is_a_straight_line():
    for settings, siemens in (({"stuck_on": "1"}, 1 / 50.0), ({"stuck_off": "1"}, 1e-3)):
        curve = drawn(VTEAM, CYCLES, **settings)[0]
        np.testing.assert_allclose(curve.amps, siemens * curve.volts, rtol=1e-9, atol=1e-15)
        assert np.ptp(curve.state) == 0.0


def test_a_worn_device_sticks_and_a_resting_one_drifts():
    worn = drawn(
        VTEAM,
        Drive(amplitude=0.25, frequencies=(6e5,), periods=4),
        endurance="2.2",
        endurance_spread="0",
    )[0]
    assert np.ptp(worn.state[worn.time > 2 / 6e5]) == 0.0
    assert np.ptp(worn.state[worn.time < 1 / 6e5]) > 2e-9
    rested = drawn(VTEAM, CYCLES, retention="0.1", rest_s="99")[0]
    begin = [np.searchsorted(rested.time, k / 6e5 * (1 + 1e-9), side="right") - 1 for k in (1, 2)]
    low = rested.amps[begin[0] + 2] / rested.volts[begin[0] + 2]
    assert low == pytest.approx(1 / 50.0 * 100**-0.1, rel=1e-2)


def test_finite_states_hold_between_halves():
    curve = drawn(VTEAM, CYCLES, states_siemens="1e-3,5e-3,2e-2")[0]
    starts = [curve.state[np.searchsorted(curve.time, (k + 0.002) / 6e5)] for k in (1, 2)]
    allowed = VTEAM.state_for_conductance([1e-3, 5e-3, 2e-2])
    assert all(np.min(np.abs(allowed - start)) < 2e-2 * 3e-9 for start in starts)


def test_sweeps_are_cut_at_their_zeros():
    drive = Drive(shape=Shape.SWEEP, stops=(0.0, 1.0, -1.0, 0.0), periods=2)
    parts = halves(drive.stimulus(1.0, 1), 1.0, 2)
    assert [len(cycle) for cycle in parts] == [2, 2]
    assert sum(part.duration_s for cycle in parts for part in cycle) == pytest.approx(2.0)
    with pytest.raises(InputError, match="whole number of cycles"):
        halves(drive.stimulus(1.0, 1), 1.0, 1.5)


def test_the_table_of_a_device_file_and_settings_over_it(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        '[device]\nmodel = "vteam"\n[imperfections]\nread_noise = 0.02\nstuck_map = "map.csv"\n'
    )
    (tmp_path / "map.csv").write_text("1\n")
    found = read_options(path, {"imperfections.read_noise": "0.05"})
    assert (found.read_noise, found.stuck_map) == (0.05, str(tmp_path / "map.csv"))
    with pytest.raises(UnknownNameError, match=r"did you mean 'imperfections.read_noise'"):
        read_options(None, {"imperfections.read_nois": "0.05"})
    run = CliRunner().invoke(
        app, ["iv", str(path), "--periods", "1", "--out", str(tmp_path / "out"), "--json"]
    )
    assert run.exit_code == 0, run.output
    data = np.loadtxt(tmp_path / "out" / "iv.csv", delimiter=",", skiprows=1)
    assert np.ptp(data[:, 3]) == 0.0  # stuck by the map, and noisy
    siemens = data[:, 2] / np.where(data[:, 1] == 0, 1, data[:, 1])
    assert np.std(siemens[np.abs(data[:, 1]) > 0.1]) > 1e-5
    run = CliRunner().invoke(app, ["iv", "vteam", "--samples", "3", "--out", str(tmp_path / "out")])
    assert run.exit_code != 0
