"""Reads of linear arrays go on in the sweep of the read before, and nothing of them shows in an
answer."""

from __future__ import annotations

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.engines.ngspice import reads, session
from spicesnn.engines.ngspice.checks import AnswerRejectedError
from spicesnn.engines.ngspice.circuit import Answer
from spicesnn.errors import NgspiceError

WIRES = sn.Wires(word_line_ohm=1.0, bit_line_ohm=2.0)
KEPT = ("column_amps", "row_amps", "word_line_volts", "bit_line_volts")


def cells(rng: np.random.Generator, rows: int, cols: int) -> sn.Crossbar:
    return sn.Crossbar(conductance=rng.uniform(1e-5, 1e-3, (rows, cols)), wires=WIRES)


@pytest.fixture
def watched(monkeypatch):
    """An engine, and of each of its answers whether ngspice began an analysis for it."""
    begun: list[bool] = []
    with sn.NgspiceEngine() as engine:
        run = engine.pool.run

        def noting(circuit, job, check):
            def seen(answer: Answer):
                begun.append(answer.begun)
                return check(answer)

            return run(circuit, job, seen)

        monkeypatch.setattr(engine.pool, "run", noting)
        yield engine, begun


def same(engine: sn.NgspiceEngine, array: sn.Crossbar, volts, columns=0.0) -> None:
    """Read in the engine, and in one that has read nothing before."""
    got = engine.read(array, volts, column_volts=columns)
    with sn.NgspiceEngine() as fresh:
        right = fresh.read(array, volts, column_volts=columns)
    for name in KEPT:
        np.testing.assert_array_equal(getattr(got, name), getattr(right, name))


def test_reads_go_on_in_one_sweep_and_are_the_same_to_the_last_bit(watched) -> None:
    engine, begun = watched
    rng = np.random.default_rng(3)
    array = cells(rng, 6, 5)
    siemens = array.conductance.copy()
    siemens[2, 3], siemens[5, 0] = 1e-9, 1e-1
    changed = sn.Crossbar(conductance=siemens, wires=WIRES)
    for of, volts, columns in (
        (array, rng.uniform(-1, 1, 6), 0.0),
        (array, rng.uniform(-1, 1, 6), 0.0),
        (changed, rng.uniform(-1, 1, 6), 0.0),
        (changed, rng.uniform(-1, 1, (4, 6)), 0.0),
        (array, rng.uniform(-1, 1, (3, 6)), rng.uniform(-0.1, 0.1, 5)),
        (cells(rng, 6, 5), rng.uniform(-1, 1, 6), 0.0),
        (array, np.zeros(6), 0.0),
    ):
        same(engine, of, volts, columns)
    assert begun == [True] + 6 * [False]


def test_a_sweep_ends_before_it_takes_much_memory(watched) -> None:
    """6 x 5 cells have 71 vectors: 2 MiB of them are 3692 points."""
    engine, begun = watched
    rng = np.random.default_rng(4)
    array, volts = cells(rng, 6, 5), rng.uniform(-1, 1, (1_500, 6))
    first = engine.read(array, volts)
    for _ in range(2):
        np.testing.assert_array_equal(engine.read(array, volts).column_amps, first.column_amps)
    same(engine, array, volts[0])
    assert begun == [True, False, True, False]


def test_many_new_cells_are_altered_before_a_new_sweep(watched) -> None:
    engine, begun = watched
    rng = np.random.default_rng(5)
    for _ in range(2):
        same(engine, cells(rng, 26, 20), rng.uniform(-1, 1, 26))
    assert begun == [True, True]


@pytest.mark.parametrize(("walk", "loads"), [(1_000_000, 1), (1, 2)])
def test_a_circuit_is_parsed_anew_where_that_is_sooner_done(monkeypatch, walk, loads) -> None:
    monkeypatch.setattr(session, "_LONG_WALK", walk)
    rng = np.random.default_rng(8)
    first, second = cells(rng, 26, 20), cells(rng, 26, 20)
    siemens = second.conductance.copy()
    siemens[3, 4] = 2e-3
    with sn.NgspiceEngine() as engine:
        engine.read(first, rng.uniform(-1, 1, 26))
        (worker,) = engine.pool.sessions
        load, loaded = worker.load, [first]
        monkeypatch.setattr(worker, "load", lambda *given: loaded.append(given) or load(*given))
        same(engine, second, rng.uniform(-1, 1, 26))
        same(engine, second, rng.uniform(-1, 1, 26))
        same(engine, sn.Crossbar(conductance=siemens, wires=WIRES), rng.uniform(-1, 1, 26))
        same(engine, second, rng.uniform(-1, 1, 26), rng.uniform(-0.1, 0.1, 20))
        assert engine.pool.sessions == [worker]
        assert len(loaded) == loads


def test_another_circuit_and_a_rejected_answer_close_the_sweep(tmp_path, monkeypatch) -> None:
    rng = np.random.default_rng(6)
    arrays = [cells(rng, 4, 3), cells(rng, 3, 4)]

    def rejected(solved, levels, answer):
        raise AnswerRejectedError("a node is outside", answer.log)

    with sn.NgspiceEngine(circuits=1, failures=tmp_path) as engine:
        for _ in range(2):
            for array in arrays:
                same(engine, array, rng.uniform(-1, 1, array.rows))
        with monkeypatch.context() as patched:
            patched.setattr(reads, "_check_bounds", rejected)
            with pytest.raises(NgspiceError, match="a node is outside"):
                engine.read(arrays[1], rng.uniform(-1, 1, 3))
        same(engine, arrays[1], rng.uniform(-1, 1, 3))
        device = sn.devices.VTEAM()
        pulse = sn.Pulse(row_volts=[1.2, 0.0], width_s=2e-9)
        moved = engine.pulse(sn.Crossbar(device=device, shape=(2, 2), wires=WIRES), pulse)
        assert moved.stats["points"] > 30
        same(engine, arrays[0], rng.uniform(-1, 1, 4))


def test_a_sweep_that_gives_no_new_point_is_no_answer(watched, monkeypatch) -> None:
    """The points of the read before are still there; they must not be taken for those of this."""
    engine, _ = watched
    rng = np.random.default_rng(7)
    array = cells(rng, 4, 3)
    same(engine, array, rng.uniform(-1, 1, 4))
    (worker,) = engine.pool.sessions
    ask = worker._ask

    def broken(header, payload=b"", seconds=None):
        # Without its circuit ngspice has nothing to go on with.
        lost = b"remcirc"
        return ask(header | {"alters": len(lost)}, lost + payload[header["alters"] :], seconds)

    monkeypatch.setattr(worker, "_ask", broken)
    with pytest.raises(NgspiceError, match="ended after 1 points"):
        engine.read(array, rng.uniform(-1, 1, 4))
