"""Hours of learning in small: kills and stops of workers while an array learns, and memory over
many jobs."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.engines.base import Engine

PATTERNS = np.array(
    [
        [1, 0, 1, 0, 1, 0, 1, 0, 1],
        [0, 1, 0, 1, 1, 1, 0, 1, 0],
        [1, 0, 1, 1, 0, 1, 1, 1, 1],
        [1, 1, 1, 0, 0, 0, 1, 1, 1],
    ],
    dtype=float,
)


@dataclass(frozen=True)
class Learnt:
    """What a small training left: its decisions, its outputs and the states."""

    decisions: list[int]
    outputs: np.ndarray
    state: np.ndarray


def learn(engine: Engine, steps: int) -> Learnt:
    """Let a 9 × 4 array learn the letters X, +, U and = under a V/2 scheme, by about a quarter of
    the states' range in all."""
    array = sn.Crossbar(
        device=sn.devices.VTEAM(),
        state=np.random.default_rng(0).uniform(1e-9, 2e-9, (9, 4)),
        wires=sn.Wires(),
    )
    decisions, outputs = [], []
    for k in range(steps):
        target = k % 4
        read = engine.read(array, 0.015 * PATTERNS[target])
        decisions.append(int(np.argmax(read.column_amps)))
        outputs.append(read.column_amps)
        rows = np.where(PATTERNS[target] > 0, -0.15, 0.0)
        columns = np.where(np.arange(4) == target, 0.15, 0.0)
        array = engine.pulse(
            array,
            sn.Pulse(
                row_volts=rows, column_volts=columns, width_s=4e-9 / steps, rise_s=4e-10 / steps
            ),
        ).array
    return Learnt(decisions, np.array(outputs), array.state_or_zeros())


class Chaos(threading.Thread):
    """Kills or stops a random worker every now and then, `strikes` times."""

    def __init__(self, engine: sn.NgspiceEngine, strikes: int, every_s: float) -> None:
        super().__init__(daemon=True)
        self._engine, self._left, self._every_s = engine, strikes, every_s
        self._rng = random.Random(1)
        self.landed = 0
        self.over = threading.Event()

    def run(self) -> None:
        while self._left > self.landed and not self.over.is_set():
            time.sleep(self._rng.uniform(0, 2 * self._every_s))
            workers = [*self._engine.pool.busy, *self._engine.pool.sessions]
            if not workers:
                continue
            try:
                # Most die; some are stopped, which only their silence tells.
                os.kill(
                    self._rng.choice(workers).pid,
                    signal.SIGKILL if self._rng.random() < 0.8 else signal.SIGSTOP,
                )
            except ProcessLookupError:
                continue
            self.landed += 1


def under_fire(strikes: int, steps: int, every_s: float) -> tuple[Learnt, Learnt, int]:
    with sn.NgspiceEngine() as engine:
        calm = learn(engine, steps)
    with sn.NgspiceEngine(silence_s=1.0, repeats=20) as engine:
        chaos = Chaos(engine, strikes, every_s)
        chaos.start()
        disturbed = learn(engine, steps)
        chaos.over.set()
        chaos.join()
    return calm, disturbed, chaos.landed


def assert_equal(calm: Learnt, disturbed: Learnt) -> None:
    assert disturbed.decisions == calm.decisions
    np.testing.assert_allclose(disturbed.state, calm.state, rtol=1e-12)
    np.testing.assert_allclose(disturbed.outputs, calm.outputs, rtol=1e-11)


def test_a_few_kills_while_learning_change_nothing() -> None:
    calm, disturbed, landed = under_fire(4, 16, 0.15)
    assert landed >= 2
    assert_equal(calm, disturbed)


@pytest.mark.slow
def test_fifty_kills_and_stops_while_learning_change_nothing() -> None:
    calm, disturbed, landed = under_fire(50, 1200, 0.3)
    assert landed == 50
    assert_equal(calm, disturbed)


def test_training_moves_states_enough_to_matter() -> None:
    with sn.NgspiceEngine() as engine:
        learnt = learn(engine, 12)
    start = np.random.default_rng(0).uniform(1e-9, 2e-9, (9, 4))
    assert np.abs(learnt.state - start).max() > 0.05 * 3e-9


def mixed_jobs(engine: sn.NgspiceEngine, count: int, rng: np.random.Generator) -> None:
    device = sn.devices.VTEAM()
    state = rng.uniform(0.5e-9, 2.5e-9, (4, 4))
    for k in range(count):
        array = sn.Crossbar(device=device, state=state, wires=sn.Wires())
        if k % 2:
            state = engine.pulse(
                array, sn.Pulse(row_volts=rng.uniform(-0.3, 0.6, 4), width_s=1e-11, rise_s=1e-12)
            ).state
        else:
            engine.read(array, rng.uniform(-0.2, 0.2, (5, 4)))


def growth(count: int, warm_up: int) -> float:
    """Return by how many megabytes the largest worker grows over `count` jobs."""
    rng = np.random.default_rng(0)
    with sn.NgspiceEngine() as engine:
        mixed_jobs(engine, warm_up, rng)
        before = {s.pid: s.resident_bytes() for s in engine.pool.sessions}
        mixed_jobs(engine, count, rng)
        return max(s.resident_bytes() - before[s.pid] for s in engine.pool.sessions) / 1e6


def test_memory_does_not_grow() -> None:
    assert growth(200, 100) < 1.0


@pytest.mark.slow
def test_memory_over_ten_thousand_jobs() -> None:
    assert growth(10_000, 200) < 5.0


def test_reloading_circuits_does_not_leak() -> None:
    """One worker, two arrays in turn: every job parses a deck."""
    rng = np.random.default_rng(0)
    arrays = [
        sn.Crossbar(conductance=rng.uniform(1e-5, 1e-3, shape), wires=sn.Wires())
        for shape in ((6, 6), (5, 7))
    ]
    with sn.NgspiceEngine(circuits=1) as engine:
        sizes = []
        for k in range(60):
            engine.read(arrays[k % 2], np.ones(arrays[k % 2].rows))
            sizes.append(engine.pool.sessions[0].resident_bytes())
    assert sizes[-1] - sizes[20] < 1.5e6
