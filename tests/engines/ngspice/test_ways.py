"""Nonlinear reads are never lost: one way after another, each bounded, all to the same answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.devices import registry
from spicesnn.engines.ngspice import reads
from spicesnn.engines.ngspice.reads import WAYS, Way
from spicesnn.errors import NgspiceError, NgspiceTimeoutError

WIRES = sn.Wires(word_line_ohm=5.0, bit_line_ohm=3.0)
NOTHING = Way("nothing", 1, "optran 0 0 0 0 0 0")


def jart_cells() -> tuple[sn.Crossbar, np.ndarray, np.ndarray]:
    """Return 12 x 4 cells on which ngspice's own gmin stepping spins for ten minutes."""
    rng = np.random.default_rng(5)
    for _ in range(6):
        rng.uniform(0.02, 0.98, (12, 8)), rng.uniform(-1, 1, 12), rng.uniform(-1, 1, 8)
    device = registry.fresh("jart-vcm")
    low, high = (np.asarray(b, dtype=float) for b in device.bounds())
    states = low + (high - low) * rng.uniform(0.02, 0.98, (12, 8))
    rows, columns = rng.uniform(-0.2, 0.2, 12), rng.uniform(-0.05, 0.05, 8)
    return sn.Crossbar(device=device, state=states[:, :4], wires=WIRES), rows, columns[:4]


def test_a_read_that_spun_is_answered_by_a_ramp() -> None:
    array, rows, columns = jart_cells()
    with sn.NgspiceEngine(timeout_s=60) as engine:
        read = engine.read(array, rows, column_volts=columns)
    ours = sn.NodalEngine().read(array, rows, column_volts=columns)
    assert (
        np.abs(read.column_amps - ours.column_amps).max() <= 1e-9 * np.abs(ours.column_amps).max()
    )
    assert read.stats["ways"] == {"ramp of 4": 1}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_every_way_leads_to_the_same_answer(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "WAYS", (way,))
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
    array, rows, columns = jart_cells()
    spinning = Way("gmin first", 1, "optran 0 1 0 0 0 0")
    monkeypatch.setattr(reads, "WAYS", (NOTHING, spinning, WAYS[1]))
    with sn.NgspiceEngine(timeout_s=10.0, failures=tmp_path) as engine:
        assert engine.read(array, rows, column_volts=columns).stats["ways"] == {"ramp of 4": 1}
    assert list(tmp_path.iterdir()) == []


def test_when_every_way_fails_ngspice_has_the_word(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    array, rows, columns = jart_cells()
    monkeypatch.setattr(reads, "WAYS", (Way("gmin first", 1, "optran 0 1 0 0 0 0"), NOTHING))
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
            share = (
                rng.uniform(0.02, 0.98, (12, 4))
                if low.ndim == 0
                else rng.uniform(0.02, 0.98, (len(low), 12, 4))
            )
            states = (low[..., None, None] if low.ndim else low) + (high - low)[
                (..., None, None) if low.ndim else ()
            ] * share
            array = sn.Crossbar(device=device, state=states, wires=WIRES)
            rows = rng.uniform(-0.2, 0.2, 12)
            read, ours = engine.read(array, rows), sn.NodalEngine().read(array, rows)
            assert (
                np.abs(read.column_amps - ours.column_amps).max()
                <= 1e-8 * np.abs(ours.column_amps).max()
            )
