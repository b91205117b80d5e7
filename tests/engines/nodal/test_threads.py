"""Several threads give the answer of one, side by side and in children made by fork."""

from __future__ import annotations

import multiprocessing
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from spicesnn import Crossbar, NodalEngine, Wires
from spicesnn.engines.nodal import line_solver
from spicesnn.engines.nodal.threads import Team, team


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_solver, "SHARED_CELLS", 0)
    monkeypatch.setattr(line_solver, "SHARED_BATCH", 0)
    monkeypatch.setattr(team, "size", 2)


def array(seed: int, wires: Wires | None = None) -> Crossbar:
    return Crossbar(
        conductance=10 ** np.random.default_rng(seed).uniform(-6, -4, (50, 70)),
        wires=wires or Wires(),
    )


def alone(crossbar: Crossbar, volts: np.ndarray) -> np.ndarray:
    size, team.size = team.size, 1
    try:
        return NodalEngine().read(crossbar, volts, column_volts=0.01).column_amps
    finally:
        team.size = size


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize(
    "wires",
    [Wires(), Wires(word_line_ohm=0.0, driver_ohm=5.0), Wires(bit_line_ohm=0.0, sense_ohm=5.0)],
)
def test_two_threads_give_the_answer_of_one(wires: Wires) -> None:
    volts = np.random.default_rng(1).uniform(0, 1, (5, 50))
    for some in (volts[0], volts):
        want = alone(array(0, wires), some)
        got = NodalEngine().read(array(0, wires), some, column_volts=0.01).column_amps
        np.testing.assert_allclose(got, want, rtol=1e-10)


@pytest.mark.usefixtures("shared")
def test_solves_from_several_python_threads_do_not_disturb_each_other() -> None:
    volts = np.random.default_rng(2).uniform(0, 1, 50)
    want = [alone(array(k), volts) for k in range(4)]
    got: list[np.ndarray] = [np.zeros(0)] * 4

    def work(k: int) -> None:
        for _ in range(5):
            got[k] = NodalEngine().read(array(k), volts, column_volts=0.01).column_amps

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_allclose(got, want, rtol=1e-10)


def test_one_array_can_be_read_from_several_python_threads_at_once() -> None:
    shared, volts = array(0), np.random.default_rng(3).uniform(0, 1, (8, 50))
    want = [NodalEngine().read(array(0), v).column_amps for v in volts]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            got = list(pool.map(lambda v: NodalEngine().read(shared, v).column_amps, volts))
            np.testing.assert_allclose(got, want, rtol=1e-10)


def child(queue: multiprocessing.queues.Queue) -> None:  # type: ignore[type-arg]
    queue.put(NodalEngine().read(array(0), np.ones(50)).column_amps)


@pytest.mark.usefixtures("shared")
def test_a_child_made_by_fork_solves_too() -> None:
    want = NodalEngine().read(array(0), np.ones(50)).column_amps
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        process = context.Process(target=child, args=(queue,))
        process.start()
    got = queue.get(timeout=60)
    process.join(timeout=60)
    np.testing.assert_allclose(got, want, rtol=1e-10)


def test_a_busy_team_leaves_the_work_to_the_caller() -> None:
    busy, seen = Team(), []
    busy.size = 2
    busy.run(
        lambda number, threads: (
            busy.run(lambda n, t: seen.append((n, t)), 2) if number == 0 else None
        ),
        2,
    )
    assert seen == [(0, 1)]
