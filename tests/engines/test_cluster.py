"""Arrays of a mapped network solved by workers: the same bits, and what goes wrong said in a
line."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.devices.variability import LogNormal
from spicesnn.engines.cluster import _cuts, _solved
from spicesnn.errors import ConfigError, EngineError, InputError, RunError
from spicesnn.workers import Failure

WIRES = sn.Wires(word_line_ohm=2.0, bit_line_ohm=2.0)
VTEAM = sn.devices.VTEAM(r_on=10e3, r_off=1e6)


class Elsewhere:
    """A crew whose two workers are here, but see only what travels; the last bundle is done
    first."""

    size = 2

    def __init__(self) -> None:
        self.bundles = 0

    def results(
        self, task: Any, arguments: Mapping[str, tuple[Any, ...]], *, ahead: int
    ) -> Iterator[Any]:
        for key, given in reversed(arguments.items()):
            self.bundles += 1
            there, what = pickle.loads(pickle.dumps((task, given)))
            yield key, pickle.loads(pickle.dumps(there(*what)))


def engine_elsewhere() -> sn.ClusterEngine:
    engine = sn.ClusterEngine(workers=2)
    engine._crew = Elsewhere()  # type: ignore[assignment]
    return engine


def network() -> tuple[sn.Network, np.ndarray]:
    rng = np.random.default_rng(0)
    layers = [(rng.normal(size=(20, 14)), rng.normal(size=14)), (rng.normal(size=(14, 3)), None)]
    return sn.Network.from_arrays(layers, activation="relu"), rng.random((9, 20))


CASES = {
    "linear, with converters": sn.Hardware(
        device=VTEAM, wires=WIRES, tile=(8, 8), dac=sn.DAC(bits=6), adc=sn.ADC(bits=8)
    ),
    "wire-aware": sn.Hardware(device=VTEAM, wires=WIRES, tile=(8, 8), wire_aware=True, fill=0.8),
    "not linear": sn.Hardware(device=sn.devices.Yakopcic(), wires=WIRES, tile=(8, 8)),
    "noise": sn.Hardware(
        device=VTEAM,
        wires=WIRES,
        tile=(8, 8),
        reads_alike=4,
        imperfections=sn.Imperfections(read_noise=0.05, spread={"r_on": LogNormal(0.1)}),
    ),
}


def assert_same_bits(hardware: sn.Hardware, engine: sn.ClusterEngine) -> None:
    net, x = network()
    here, there = (
        net.on(hardware, calibrate=x, seed=3, engine=e) for e in (sn.NodalEngine(), engine)
    )
    np.testing.assert_array_equal(here.outputs(x), there.outputs(x))
    assert here.cost(x).energy_joule == there.cost(x).energy_joule


@pytest.mark.parametrize("name", CASES)
def test_a_network_solved_by_workers_answers_with_the_same_bits(name: str) -> None:
    engine = engine_elsewhere()
    assert_same_bits(CASES[name], engine)
    assert engine._crew.bundles > 8  # type: ignore[union-attr]


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_same_on_real_workers(name: str) -> None:
    with sn.ClusterEngine(workers=2) as engine:
        assert_same_bits(CASES[name], engine)


def failing(engine: sn.NodalEngine, number: int) -> int:
    if number == 3:
        raise InputError("array 3 is no array; give another")
    return number


def test_what_fails_on_a_worker_is_its_own_message() -> None:
    engine = engine_elsewhere()
    assert engine.each(failing, [(number,) for number in range(3)]) == [0, 1, 2]
    with pytest.raises(EngineError, match="array 3 is no array; give another"):
        engine.each(failing, [(number,) for number in range(9)])


def test_workers_with_another_version_are_refused() -> None:
    outcome = _solved("0.0.1", (1e-4, 1e-10), failing, [(1,)])
    assert isinstance(outcome, Failure)
    with pytest.raises(RunError, match=r"another version than this one \(0\.0\.1\); install"):
        outcome.raise_if_general()


def test_who_computes_is_checked() -> None:
    with pytest.raises(InputError, match="workers = 0; expected a whole number, 1 or more"):
        sn.ClusterEngine(workers=0)
    with pytest.raises(InputError, match="scheduler = ''; expected an address such as"):
        sn.ClusterEngine(scheduler="")
    with (
        pytest.raises(ConfigError, match="no Dask scheduler answers at nonsense"),
        sn.ClusterEngine(scheduler="nonsense://nowhere:1"),
    ):
        pass


@pytest.mark.parametrize(("count", "workers"), [(2, 1), (3, 4), (49, 2), (104, 2), (1000, 7)])
def test_bundles_begin_and_end_small_and_take_everything_once(count: int, workers: int) -> None:
    cuts = _cuts(count, workers)
    sizes = np.diff(cuts)
    assert (cuts[0], cuts[-1]) == (0, count)
    assert np.all(sizes >= 1)
    least = max(1, count // (16 * workers))
    assert np.all(sizes[:workers] <= least)  # all workers begin at once
    assert sizes[-1] <= least  # and none waits long for another
    assert sizes.max() <= max(least, count / (2 * workers))
