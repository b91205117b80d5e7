"""Nonlinear reads and pulses are never lost: one way after another, each bounded, all to the same
answer."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.devices import registry
from spicesnn.devices.base import Device
from spicesnn.devices.jart_vcm import JartVCM
from spicesnn.engines.ngspice import pulses, reads
from spicesnn.engines.ngspice.ways import PULSES, READS, Way
from spicesnn.errors import NgspiceError, NgspiceTimeoutError
from spicesnn.netlist.accuracy import TransientAccuracy

WIRES = sn.Wires(word_line_ohm=5.0, bit_line_ohm=3.0)
NOTHING = Way("nothing", 0.2, 1, "optran 0 0 0 0 0 0")


class Stubborn(JartVCM):
    """The cell of `jart-vcm` in a form that Newton's method does not solve from 0 V."""

    model: ClassVar[str] = str(Path(__file__).with_name("barrier_as_current.lib"))


def cells(device: Device) -> tuple[sn.Crossbar, np.ndarray, np.ndarray]:
    """Return 12 x 4 cells; ngspice's own gmin stepping spins for ten minutes on stubborn ones."""
    rng = np.random.default_rng(5)
    for _ in range(6):
        rng.uniform(0.02, 0.98, (12, 8)), rng.uniform(-1, 1, 12), rng.uniform(-1, 1, 8)
    low, high = (np.asarray(b, dtype=float) for b in device.bounds())
    states = low + (high - low) * rng.uniform(0.02, 0.98, (12, 8))
    rows, columns = rng.uniform(-0.2, 0.2, 12), rng.uniform(-0.05, 0.05, 8)
    return sn.Crossbar(device=device, state=states[:, :4], wires=WIRES), rows, columns[:4]


@pytest.mark.parametrize(("device", "way"), [(Stubborn(), "ramp of 4"), (JartVCM(), "direct")])
def test_a_read_that_spun_is_answered_by_a_ramp_and_needs_none(device: Device, way: str) -> None:
    array, rows, columns = cells(device)
    with sn.NgspiceEngine(timeout_s=60) as engine:
        read = engine.read(array, rows, column_volts=columns)
    ours = sn.NodalEngine().read(array, rows, column_volts=columns)
    assert (
        np.abs(read.column_amps - ours.column_amps).max() <= 1e-9 * np.abs(ours.column_amps).max()
    )
    assert read.stats["ways"] == {way: 1}


@pytest.mark.parametrize("volts", [-1.1247, 0.2339, 0.7858])
def test_pulses_of_jart_cells_begin_at_the_current_that_a_rising_voltage_leads_to(
    volts: float,
) -> None:
    """A pulse below 0 V was lost in the first step of Newton's method; above, ngspice came to
    another of the currents that satisfy the equations."""
    states = 1e26 * np.array([[4.806, 13.75], [0.4, 2.5], [8.35, 0.9]])
    array = sn.Crossbar(device=JartVCM(), state=states, wires=WIRES)
    pulse = sn.Pulse(row_volts=[volts, 0.0, volts], width_s=1e-8)
    with sn.NgspiceEngine(timeout_s=60) as engine:
        done = engine.pulse(array, pulse)
    ours = sn.NodalEngine().pulse(array, pulse)
    assert done.stats["ways"] == {"from 0 V": 1}
    assert np.abs(done.state - ours.state).max() <= 1e-3 * 20e26
    assert done.energy_joule == pytest.approx(ours.energy_joule, rel=5e-3)


@pytest.mark.parametrize("way", READS, ids=lambda way: way.name)
def test_every_way_leads_to_the_same_answer(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "READS", (way,))
    device = sn.devices.Yakopcic()
    array = sn.Crossbar(
        device=device, state=np.random.default_rng(1).uniform(0.1, 0.9, (3, 2)), wires=WIRES
    )
    volts = np.array([[0.3, -0.2, 0.1], [0.1, 0.4, -0.4]])
    with sn.NgspiceEngine(timeout_s=60) as engine:
        read = engine.read(array, volts)
    assert read.column_amps == pytest.approx(
        sn.NodalEngine().read(array, volts).column_amps, rel=1e-9
    )
    assert read.stats["ways"] == {way.name: 1}


def test_a_way_that_fails_or_takes_too_long_leads_to_the_next(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    array, rows, columns = cells(Stubborn())
    spinning = Way("gmin first", 0.2, 1, "optran 0 1 0 0 0 0")
    monkeypatch.setattr(reads, "READS", (NOTHING, spinning, READS[1]))
    with sn.NgspiceEngine(timeout_s=10.0, failures=tmp_path) as engine:
        assert engine.read(array, rows, column_volts=columns).stats["ways"] == {"ramp of 4": 1}
    assert list(tmp_path.iterdir()) == []


def test_when_every_way_fails_ngspice_has_the_word(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    array, rows, columns = cells(Stubborn())
    monkeypatch.setattr(reads, "READS", (Way("gmin first", 0.2, 1, "optran 0 1 0 0 0 0"), NOTHING))
    with (
        sn.NgspiceEngine(timeout_s=5.0, failures=tmp_path) as engine,
        pytest.raises(NgspiceError) as caught,
    ):
        engine.read(array, rows, column_volts=columns)
    assert not isinstance(caught.value, NgspiceTimeoutError)
    first, second, *_ = str(caught.value).splitlines()
    assert (
        first.startswith("Warning: singular matrix") or "too small" in first or "ngspice" in first
    )
    assert second == "ways tried: gmin first, nothing"
    assert [path.suffix for path in sorted(tmp_path.iterdir())] == [".cir", ".log"]
    assert caught.value.deck_path == tmp_path / "failed-1.cir"


def test_linear_arrays_need_no_way() -> None:
    with sn.NgspiceEngine() as engine:
        assert (
            engine.read(sn.Crossbar(conductance=[[1e-4]], wires=WIRES), [0.1]).stats["ways"] == {}
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        name
        for name in registry.names()
        if registry.device_class(name).memory and not registry.device_class(name).gated
    ],
)
def test_two_hundred_random_reads_of_every_device_are_answered(name: str) -> None:
    rng = np.random.default_rng(7)
    device = registry.fresh(name)
    low, high = (np.asarray(b, dtype=float) for b in device.bounds())
    with sn.NgspiceEngine(timeout_s=60) as engine:
        for _ in range(200):
            share = rng.uniform(0.02, 0.98, (12, 4) if low.ndim == 0 else (len(low), 12, 4))
            least, most = (b if b.ndim == 0 else b.reshape(-1, 1, 1) for b in (low, high))
            states = least + (most - least) * share
            array = sn.Crossbar(device=device, state=states, wires=WIRES)
            rows = rng.uniform(-0.2, 0.2, 12)
            read, ours = engine.read(array, rows), sn.NodalEngine().read(array, rows)
            assert (
                np.abs(read.column_amps - ours.column_amps).max()
                <= 1e-8 * np.abs(ours.column_amps).max()
            )


def random_1t1r(rng: np.random.Generator) -> sn.Crossbar:
    device = registry.fresh("1t1r")
    low, high = device.bounds()
    states = low + (high - low) * rng.uniform(0.02, 0.98, (12, 4))
    return sn.Crossbar(device=device, state=states, wires=WIRES)


def test_pulses_of_transistors_and_memristors_in_series_find_their_first_point():
    """ngspice 39 does not get over the first step from 0 V in any time step: every other pulse of
    this kind was lost."""
    rng = np.random.default_rng(1)
    gates = np.full(12, 1.28)
    with sn.NgspiceEngine(timeout_s=60) as engine:
        for _ in range(4):
            array = random_1t1r(rng)
            rows = np.where(rng.random(12) < 0.3, rng.uniform(-2.0, 2.0), 0.0)
            pulse = sn.Pulse(row_volts=rows, width_s=4e-11, gate_volts=gates)
            done, ours = engine.pulse(array, pulse), sn.NodalEngine().pulse(array, pulse)
            assert set(done.stats["ways"]) < {way.name for way in PULSES}
            low, high = array.device.bounds()
            assert np.abs(done.array.state - ours.array.state).max() <= 1e-3 * (high - low)


def test_a_pulse_by_any_way_is_the_pulse_from_zero(monkeypatch, tmp_path):
    rng = np.random.default_rng(2)
    array = sn.Crossbar(
        device=sn.devices.VTEAM(), state=rng.uniform(5e-10, 2.5e-9, (3, 4)), wires=WIRES
    )
    pulse = sn.Pulse(row_volts=[2.2, 0.0, -1.9], width_s=2e-9)
    first = pulses._applied

    def lost(*arguments, last):
        if arguments[-1] in lost_ways:
            raise NgspiceError("Timestep too small")
        return first(*arguments, last=last)

    lost_ways = list(PULSES[:1])
    too_short = TransientAccuracy.analysis

    def failing(accuracy, duration_s, *, settled=False):
        """Fail where the steps are not short: ngspice knows no such analysis."""
        text = too_short(accuracy, duration_s, settled=settled)
        return text if accuracy.points > 100 else "tran no no"

    with sn.NgspiceEngine() as engine:
        plain = engine.pulse(array, pulse)
        monkeypatch.setattr(pulses, "_applied", lost)
        settled = engine.pulse(array, pulse)
        lost_ways.append(PULSES[1])
        short = engine.pulse(array, pulse)
        charged = array.with_wires(sn.Wires(5.0, 3.0, word_line_farad=1e-15))
        assert engine.pulse(charged, pulse).stats["ways"] == {"in short steps": 1}
        lost_ways.append(PULSES[2])
        with pytest.raises(NgspiceError, match="Timestep too small") as caught:
            engine.pulse(charged, pulse)
    assert "ways tried: from 0 V, in short steps" in str(caught.value)
    monkeypatch.setattr(pulses, "_applied", first)
    monkeypatch.setattr(TransientAccuracy, "analysis", failing)
    with sn.NgspiceEngine(failures=tmp_path) as engine:  # nothing is left of the way that failed
        assert engine.pulse(charged, pulse).stats["ways"] == {"in short steps": 1}
    assert list(tmp_path.iterdir()) == []
    assert short.stats["ways"] == {"in short steps": 1}
    assert short.stats["points"] > 2 * plain.stats["points"]
    assert short.array.state == pytest.approx(plain.array.state, rel=0, abs=3e-13)
    assert plain.stats["ways"] == {"from 0 V": 1}
    assert settled.stats["ways"] == {"from the operating point": 1}
    assert np.ptp(plain.array.state - array.state) > 1e-10
    assert settled.array.state == pytest.approx(plain.array.state, rel=0, abs=3e-13)
    assert settled.energy_joule == pytest.approx(plain.energy_joule, rel=1e-3)


def test_a_pulse_that_takes_too_long_goes_the_next_way(monkeypatch, tmp_path):
    """Either way may take half of the time while the other is left; the last one all of it."""
    array = sn.Crossbar(device=sn.devices.VTEAM(), state=[[1e-9, 2e-9]], wires=WIRES)
    charged = array.with_wires(sn.Wires(5.0, 3.0, word_line_farad=1e-15))
    pulse = sn.Pulse(row_volts=[1.2], width_s=2e-9)
    right = TransientAccuracy.analysis

    def endless(accuracy, duration_s, *, settled=False):
        return right(accuracy, duration_s, settled=True) if settled else "tran 1e-30 1 0 1e-30 uic"

    with sn.NgspiceEngine() as engine:
        plain = engine.pulse(array, pulse)
    monkeypatch.setattr(TransientAccuracy, "analysis", endless)
    with sn.NgspiceEngine(timeout_s=2.0, failures=tmp_path) as engine:
        settled = engine.pulse(array, pulse)
        assert list(tmp_path.iterdir()) == []
        with pytest.raises(NgspiceTimeoutError, match=r"did not finish within 2 s"):
            engine.pulse(charged, pulse)
    assert settled.stats["ways"] == {"from the operating point": 1}
    assert settled.state == pytest.approx(plain.state, rel=0, abs=3e-13)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["failed-1.cir", "failed-1.log"]


def test_a_pulse_that_takes_too_long_in_every_way_says_so(monkeypatch, tmp_path):
    array = sn.Crossbar(device=sn.devices.VTEAM(), state=[[1e-9, 2e-9]], wires=WIRES)
    monkeypatch.setattr(
        TransientAccuracy, "analysis", lambda *_, settled=False: "tran 1e-30 1 0 1e-30 uic"
    )
    with (
        sn.NgspiceEngine(timeout_s=1.0, failures=tmp_path) as engine,
        pytest.raises(NgspiceTimeoutError) as caught,
    ):
        engine.pulse(array, sn.Pulse(row_volts=[1.2], width_s=2e-9))
    first, second, *_ = str(caught.value).splitlines()
    assert first == "the ngspice worker did not finish within 1 s"
    assert second == "ways tried: from 0 V, from the operating point"
    assert caught.value.deck_path == tmp_path / "failed-1.cir"
