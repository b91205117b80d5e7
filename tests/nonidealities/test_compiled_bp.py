import numpy as np
import pytest

from spicesnn import training
from spicesnn.crossbar.mapping import Window
from spicesnn.errors import ConfigError
from spicesnn.nonidealities.compiled import balanced_cells, read_noisily
from spicesnn.nonidealities.options import StreamImperfections
from spicesnn.training.spiking_bp.network import (
    Cells,
    SpikingBP,
    Weights,
    answers,
    fresh_weights,
    train_stream,
)

NETWORK = SpikingBP(
    inputs=16, hidden=12, outputs=4, thresholds=(0.5, 0.5), spread=(0.4, 0.4), rates=(0.03, 0.01)
)
WINDOW = Window(low=1e-5, high=1e-4)


def made(seed=0, **options):
    return balanced_cells(
        StreamImperfections(**options),
        ((16, 12), (12, 4)),
        NETWORK.limits,
        WINDOW,
        np.random.default_rng(seed),
    )


def bars(count, rng):
    labels = rng.integers(0, 4, count)
    images = np.zeros((count, 4, 4), np.uint8)
    images[np.arange(count), labels] = 255
    return images, labels


def trained(cells, count=400):
    rng = np.random.default_rng(1)
    images, labels = bars(count, rng)
    start = fresh_weights(NETWORK, rng, cells)
    return start, train_stream(
        NETWORK, start, images, labels, np.random.default_rng(2), cells=cells
    ).weights


@pytest.mark.parametrize(
    "options", [{}, {"levels": 8}, {"cycle_to_cycle": 0.1}], ids=["ideal", "levels", "scatter"]
)
def test_stuck_cells_stay_and_the_others_learn(options):
    flaws = made(stuck_on=0.1, stuck_off=0.2, stuck=0.1)
    start, after = trained(Cells(nonideal=flaws, **options))
    for layer, cells, limit in zip(("first", "second"), flaws[:2], NETWORK.limits, strict=True):
        gain, stuck_at = cells.gain, cells.start
        weight, ends = getattr(after, layer), ~np.isnan(stuck_at)
        assert set(np.unique(stuck_at[ends])) == {-limit, limit}
        np.testing.assert_array_equal(weight[ends], stuck_at[ends])
        np.testing.assert_array_equal(weight[gain == 0], getattr(start, layer)[gain == 0])
        assert np.sum((gain == 0) & ~ends) > 0
        assert np.mean(weight[gain > 0] != getattr(start, layer)[gain > 0]) > 0.1


def test_the_spread_scales_what_an_update_does():
    flaws = made(pulse_spread=0.5)
    start, plain = trained(Cells(), count=1)
    _, spread = trained(Cells(nonideal=flaws), count=1)
    for layer, gain in (("first", flaws.first.gain), ("second", flaws.second.gain)):
        moved = getattr(plain, layer) - getattr(start, layer)
        np.testing.assert_allclose(
            getattr(spread, layer) - getattr(start, layer), gain * moved, atol=1e-6
        )
    assert np.median(flaws.first.gain) == pytest.approx(1.0, abs=0.1)


def test_read_noise_is_that_of_a_device_and_of_its_balance_line():
    flaws, rng = made(read_noise=0.1), np.random.default_rng(3)
    assert flaws.middle[0] == pytest.approx(1.1e-4 / 0.9e-4)
    row, words, many = (
        np.array([0.5, -0.5, 1.0], np.float32),
        rng.integers(1, 2**63, 4).astype(np.uint64),
        20000,
    )
    v = np.zeros((many, 3), np.float32)
    for k in range(many):
        read_noisily(flaws.first.noise, words, row, flaws.middle[0], v[k])
    expected = 0.1 * np.sqrt((row + flaws.middle[0]) ** 2 + flaws.middle[0] ** 2)
    np.testing.assert_allclose(v.mean(axis=0), row, atol=0.01)
    np.testing.assert_allclose(v.std(axis=0), expected, rtol=0.02)
    assert np.corrcoef(v[:, 0], v[:, 2])[0, 1] > 0.2


def test_answers_see_the_noise_and_repeat_with_a_seed():
    images, labels = bars(300, np.random.default_rng(4))
    weights = trained(Cells(), count=2000)[1]
    strong = made(read_noise=0.5)
    found = [
        answers(NETWORK, weights, images, np.random.default_rng(5), nonideal=f)
        for f in (None, strong, strong)
    ]
    np.testing.assert_array_equal(found[1], found[2])
    right = [np.mean(f == labels) for f in found]
    assert right[0] > 0.95
    assert right[1] < right[0]


def test_nothing_wrong_draws_nothing():
    assert made(cycle_to_cycle=0.1) is None
    assert isinstance(trained(Cells())[1], Weights)


def test_a_small_run_with_everything_wrong(tmp_path):
    settings = {
        "data.train_limit": 600,
        "data.test_limit": 100,
        "network.hidden": 20,
        "training.epochs": 1,
        "training.chunk": 300,
    }
    flaws = {
        "imperfections.stuck_off": 0.002,
        "imperfections.spread": 0.3,
        "imperfections.read_noise": 0.005,
        "imperfections.cycle_to_cycle": 0.1,
    }
    config = training.load("bp-mnist", settings | flaws)
    with training.make_engine("nodal") as engine:
        summary = training.train(config, engine=engine, out=tmp_path / "run", rng_seed=3)
        again = training.infer(tmp_path / "run", engine=engine)
    assert summary.test_accuracy > 0.4
    assert again.test_accuracy == summary.test_accuracy
    with (
        training.make_engine("nodal") as engine,
        pytest.raises(ConfigError, match="the states of its own pulses"),
    ):
        training.train(
            training.load(
                "bp-mnist", settings | {"imperfections.states": 8, "cells.kind": "device"}
            ),
            engine=engine,
            out=tmp_path / "b",
        )
