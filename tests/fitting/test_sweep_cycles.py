"""Switching cycles in sweeps: synthetic recordings whose four numbers are known are read again, in
either polarity, and what holds no cycles is refused."""

import json

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.cli import main
from spicesnn.errors import DataError
from spicesnn.fitting.sweep_cycles import cycles_of

TRIANGLE = np.concatenate([np.arange(0, 101), np.arange(99, 0, -1)]) / 100.0
"""Out to 1 and back, 0.01 a sample."""


def numbers_of(count, rng):
    """Set voltage, reset voltage, low and high resistance of each cycle."""
    return np.column_stack(
        [
            rng.uniform(0.8, 1.1, count),
            -rng.uniform(0.7, 1.0, count),
            1e3 * rng.uniform(0.8, 1.3, count),
            5e4 * rng.uniform(0.5, 2.0, count),
        ]
    )


def recording(cycles, set_sign=1, noise=0.0, rng=None):
    """A device that jumps to its low resistance at the set voltage and back at the reset voltage,
    under triangles of 1.5 V and −1.5 V."""
    volts, amps = [], []
    for n, (v_set, v_reset, lrs, hrs) in enumerate(cycles):
        following = cycles[min(n + 1, len(cycles) - 1)][3]
        high, ohm = 1.5 * TRIANGLE, np.where(v_set > 1.5 * TRIANGLE, hrs, lrs)
        ohm[101:] = lrs
        low, back = -1.5 * TRIANGLE, np.where(-v_reset >= 1.5 * TRIANGLE, lrs, following)
        back[101:] = following
        volts += [high, low]
        amps += [high / ohm, low / back]
    v, i = set_sign * np.concatenate(volts), set_sign * np.concatenate(amps)
    return v, i if rng is None else i * (1.0 + noise * rng.standard_normal(i.size))


def written(path, volts, amps):
    rows = "\n".join(f"{v:.6g},{i:.8g}" for v, i in zip(volts, amps, strict=True))
    path.write_text(f"AV (V),AI (A)\n{rows}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("set_sign", [1, -1])
def test_the_numbers_of_every_cycle_are_those_that_the_recording_was_made_of(set_sign, tmp_path):
    rng = np.random.default_rng(4)
    cycles = numbers_of(25, rng)
    path = written(tmp_path / "s.csv", *recording(cycles, set_sign, 0.005, rng))
    found, remarks = cycles_of(path)
    assert found.shape == (25, 4)
    # Voltages to the spacing of the samples, 15 mV; resistances to the noise of 0.5 %
    np.testing.assert_allclose(set_sign * found[:, :2], cycles[:, :2], atol=0.016)
    np.testing.assert_allclose(found[:, 2:], cycles[:, 2:], rtol=0.02)
    assert any(f"the {'positive' if set_sign > 0 else 'negative'} one sets" in r for r in remarks)


def test_a_recording_that_begins_with_a_reset_and_ends_with_a_set_loses_these(tmp_path):
    cycles = numbers_of(6, np.random.default_rng(1))
    volts, amps = recording(cycles)
    half = TRIANGLE.size
    path = written(tmp_path / "s.csv", volts[half:-half], amps[half:-half])
    found, remarks = cycles_of(path)
    np.testing.assert_allclose(found[:, 3], cycles[1:-1, 3], rtol=1e-4)
    assert any("1 set without a reset after it left out" in r for r in remarks)


def test_what_holds_no_cycles_is_refused(tmp_path):
    v = np.concatenate([1.5 * TRIANGLE, -1.5 * TRIANGLE])
    with pytest.raises(DataError, match="nothing switches there"):
        cycles_of(written(tmp_path / "r.csv", v, v / 1e3))
    with pytest.raises(DataError, match="one polarity only"):
        cycles_of(written(tmp_path / "p.csv", np.abs(v), np.abs(v) / 1e3))
    cycles = numbers_of(3, np.random.default_rng(0))
    with pytest.raises(DataError, match=r"no way out through 1\.6 V"):
        cycles_of(written(tmp_path / "s.csv", *recording(cycles)), 1.6)


def test_fit_cycles_takes_an_instruments_file_of_sweeps(tmp_path, capfd):
    rng = np.random.default_rng(9)
    cycles = numbers_of(60, rng)
    path = written(tmp_path / "s.csv", *recording(cycles))
    out = tmp_path / "fit"
    assert main(["fit", "cycles", str(path), "--out", str(out), "--json"]) == 0
    said = json.loads(capfd.readouterr().out)
    assert (said["devices"], said["cycles"]) == (1, 60)
    assert said["parameters"]["lrs_ohm"] == pytest.approx(cycles[:, 2].mean(), rel=1e-3)
    assert sn.fit_cycles(path).draw(1, 5, rng).shape == (1, 5, 4)
