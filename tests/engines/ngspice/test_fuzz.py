"""Damaged decks and damaged results: a typed error in time, or the right answer; never a wrong
number, a hang, or a dead parent."""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.engines.ngspice.circuit import Answer, Circuit, Job
from spicesnn.engines.ngspice.pool import Pool
from spicesnn.engines.ngspice.session import Session
from spicesnn.errors import EngineError

JOB_S = 4.0
WIRES = sn.Wires(word_line_ohm=3.0, bit_line_ohm=2.0, driver_ohm=20.0, sense_ohm=10.0)
STATE = np.array([[0.6e-9, 1.4e-9, 2.2e-9], [1.0e-9, 2.0e-9, 1.7e-9]])
DEVICES = sn.Crossbar(device=sn.devices.VTEAM(), state=STATE, wires=WIRES)
LINEAR = sn.Crossbar(conductance=1e-13 / STATE, wires=WIRES)
VOLTS = np.array([[0.3, -0.2], [0.1, 0.4], [-0.5, 0.2]])
PULSE = sn.Pulse(row_volts=[1.0, 0.4], column_volts=[0.0, 0.4, 0.4], width_s=20e-9, rise_s=2e-9)
TOKENS = [
    "0",
    "1",
    "-1",
    "1e400",
    "nan",
    "inf",
    "1e-30",
    "1k",
    "vr0",
    "w0_0",
    "v(w0_0)",
    "{x}",
    ".ends",
    ".tran",
    ".control",
    *"()'\"*+=r",
]

Damage = Callable[[random.Random, str], str]


def line_gone(rng: random.Random, text: str) -> str:
    lines = text.split("\n")
    del lines[rng.randrange(len(lines))]
    return "\n".join(lines)


def line_twice(rng: random.Random, text: str) -> str:
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    return "\n".join([*lines[: at + 1], *lines[at:]])


def lines_swapped(rng: random.Random, text: str) -> str:
    lines = text.split("\n")
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return "\n".join(lines)


def cut_short(rng: random.Random, text: str) -> str:
    return text[: rng.randrange(len(text))]


def characters(rng: random.Random, text: str) -> str:
    letters = list(text)
    for _ in range(rng.choice([1, 1, 3, 20])):
        letters[rng.randrange(len(letters))] = chr(rng.choice([*range(32, 127), 10, 9]))
    return "".join(letters)


def digit(rng: random.Random, text: str) -> str:
    at = rng.choice([k for k, c in enumerate(text) if c.isdigit()])
    return text[:at] + rng.choice("0123456789") + text[at + 1 :]


def token(rng: random.Random, text: str) -> str:
    lines = text.split("\n")
    at = rng.choice([k for k, line in enumerate(lines) if line.split()])
    words = lines[at].split()
    words[rng.randrange(len(words))] = rng.choice(TOKENS)
    lines[at] = " ".join(words)
    return "\n".join(lines)


def tokens_swapped(rng: random.Random, text: str) -> str:
    lines = text.split("\n")
    at = rng.choice([k for k, line in enumerate(lines) if len(line.split()) > 1])
    words = lines[at].split()
    rng.shuffle(words)
    lines[at] = " ".join(words)
    return "\n".join(lines)


DAMAGES: list[Damage] = [
    line_gone,
    line_twice,
    lines_swapped,
    cut_short,
    characters,
    digit,
    digit,
    token,
    token,
    tokens_swapped,
]


@pytest.fixture(scope="module")
def truth() -> dict[str, np.ndarray]:
    with sn.NgspiceEngine() as engine:
        return {name: job(engine) for name, job in JOBS.items()}


@pytest.fixture
def engine() -> Iterator[sn.NgspiceEngine]:
    with sn.NgspiceEngine(timeout_s=JOB_S, repeats=0) as made:
        yield made


JOBS: dict[str, Callable[[sn.NgspiceEngine], np.ndarray]] = {
    "read": lambda engine: engine.read(LINEAR, VOLTS).column_amps,
    "pulse": lambda engine: engine.pulse(DEVICES, PULSE).state,
}
SCALE = {"read": 1e-4, "pulse": 3e-9}


def outcome(engine: sn.NgspiceEngine, name: str, truth: dict[str, np.ndarray], what: str) -> bool:
    """Run a job; return whether it ended in an error, and fail on a wrong number or a late
    answer."""
    began = time.monotonic()
    failed = False
    try:
        got = JOBS[name](engine)
    except EngineError:
        failed = True
    else:
        allowed = 1e-6 * SCALE[name] if name == "read" else 1e-3 * SCALE[name]
        assert np.abs(got - truth[name]).max() <= allowed, f"a wrong number after: {what}"
    # A worker that has just been lost has to be started again first: that is not the job's time.
    assert time.monotonic() - began < JOB_S + 25, f"late after: {what}"
    return failed


def fuzz_decks(
    monkeypatch: pytest.MonkeyPatch,
    engine: sn.NgspiceEngine,
    truth: dict[str, np.ndarray],
    seeds: range,
) -> int:
    original = Pool.run
    what = {"text": "", "seed": 0}

    def damaged_run(
        self: Pool, circuit: Circuit, job: Job, check: Callable[[Answer], object]
    ) -> object:
        rng = random.Random(what["seed"])
        damage = rng.choice(DAMAGES)
        text = damage(rng, circuit.text)
        what["text"] = f"seed {what['seed']}, {damage.__name__}"
        return original(self, dataclasses.replace(circuit, text=text, key=object()), job, check)

    monkeypatch.setattr(Pool, "run", damaged_run)
    failures = 0
    for seed in seeds:
        what["seed"] = seed
        failures += outcome(
            engine, "read" if seed % 2 else "pulse", truth, f"seed {seed}: {what['text']}"
        )
    monkeypatch.undo()
    for name in JOBS:
        assert not outcome(engine, name, truth, "all the damage")
    return failures


def fuzz_results(
    monkeypatch: pytest.MonkeyPatch,
    engine: sn.NgspiceEngine,
    truth: dict[str, np.ndarray],
    seeds: range,
) -> int:
    original = Session.run
    seed_of = {"seed": 0}

    def damaged_run(self: Session, circuit: Circuit, job: Job) -> Answer:
        answer = original(self, circuit, job)
        rng = np.random.default_rng(seed_of["seed"])
        vectors = np.array(answer.vectors)
        row, column = rng.integers(vectors.shape[0]), rng.integers(vectors.shape[1])
        kind = rng.integers(7)
        if kind == 0:
            vectors[row, column] = rng.choice([np.nan, np.inf, -1e35, 0.0])
        elif kind == 1:
            vectors[row, column] *= 1 + rng.choice([1e-3, -0.5, 2.0])
        elif kind == 2:
            vectors = vectors[:, : rng.integers(1, vectors.shape[1])]
        elif kind == 3:
            vectors[[row, rng.integers(vectors.shape[0])]] = vectors[
                [rng.integers(vectors.shape[0]), row]
            ]
        elif kind == 4:
            vectors[row] = 0.0
        elif kind == 5:
            vectors = vectors[:, ::-1]
        else:
            vectors[row] = vectors[row] + 1e-2
        return dataclasses.replace(answer, vectors=vectors)

    monkeypatch.setattr(Session, "run", damaged_run)
    failures = 0
    for seed in seeds:
        seed_of["seed"] = seed
        failures += outcome(
            engine, "read" if seed % 2 else "pulse", truth, f"result damaged with seed {seed}"
        )
    monkeypatch.undo()
    return failures


def test_a_sample_of_damaged_decks(
    monkeypatch: pytest.MonkeyPatch, engine: sn.NgspiceEngine, truth: dict[str, np.ndarray]
) -> None:
    assert fuzz_decks(monkeypatch, engine, truth, range(24)) >= 8


def test_a_sample_of_damaged_results(
    monkeypatch: pytest.MonkeyPatch, engine: sn.NgspiceEngine, truth: dict[str, np.ndarray]
) -> None:
    assert fuzz_results(monkeypatch, engine, truth, range(120)) >= 60


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_many_damaged_decks(
    part: int,
    monkeypatch: pytest.MonkeyPatch,
    engine: sn.NgspiceEngine,
    truth: dict[str, np.ndarray],
) -> None:
    assert (
        fuzz_decks(monkeypatch, engine, truth, range(1000 + 300 * part, 1300 + 300 * part)) >= 100
    )


@pytest.mark.slow
def test_many_damaged_results(
    monkeypatch: pytest.MonkeyPatch, engine: sn.NgspiceEngine, truth: dict[str, np.ndarray]
) -> None:
    assert fuzz_results(monkeypatch, engine, truth, range(1000, 3000)) >= 1000
