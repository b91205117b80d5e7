import numpy as np
import pytest

import spicesnn as sn
from spicesnn import training
from spicesnn.crossbar.mapping import Window
from spicesnn.errors import ConfigError
from spicesnn.training.spiking_bp.network import Cells, SpikingBP, Weights, train_stream
from spicesnn.training.spiking_bp.wires import Pace, WireSection

WINDOW, LIMITS = Window(low=1e-5, high=1e-4), (1.0, 0.5)
SMALL = {
    "data.train_limit": 400,
    "data.test_limit": 100,
    "network.hidden": 20,
    "training.epochs": 1,
    "training.chunk": 400,
}


def weights(rng, *shapes):
    return [
        rng.uniform(-limit, limit, shape).astype(np.float32)
        for limit, shape in zip(LIMITS, shapes, strict=True)
    ]


def test_what_the_neurons_see_is_what_ngspice_reads():
    array = WireSection(
        wires="reads",
        word_line_ohm=30.0,
        bit_line_ohm=20.0,
        driver_ohm=50.0,
        tile_rows=4,
        tile_cols=4,
    )
    first, second = weights(np.random.default_rng(0), (6, 5), (5, 2))
    seen = array.mesh(first, second, LIMITS, WINDOW).reads(first, second)[0]
    middle, found = 0.5 * (WINDOW.low + WINDOW.high), np.empty_like(first)
    for rows in (slice(0, 4), slice(4, 6)):
        for cols in (slice(0, 3), slice(3, 5)):
            cells = WINDOW.at(0.5 + 0.5 * first[rows, cols])
            tile = np.concatenate([cells, np.full((len(cells), 1), middle)], axis=1)
            with sn.NgspiceEngine() as engine:
                amps = engine.read(
                    sn.Crossbar(conductance=tile, wires=array.segments()), np.eye(len(cells))
                ).column_amps
            found[rows, cols] = 2 / WINDOW.span * (amps[:, :-1] - amps[:, -1:])
    np.testing.assert_allclose(seen, found, atol=2e-6)
    assert np.max(np.abs(seen - first)) > 0.01


def test_ideal_wires_change_no_bit_of_a_weight_that_is_read():
    array = WireSection(wires="reads", word_line_ohm=0.0, bit_line_ohm=0.0)
    first, second = weights(np.random.default_rng(1), (9, 4), (4, 3))
    for seen, weight in zip(
        array.mesh(first, second, LIMITS, WINDOW).reads(first, second), (first, second), strict=True
    ):
        np.testing.assert_allclose(seen, weight, atol=1e-6)


def test_a_network_that_reads_through_ideal_wires_learns_the_same():
    rng, network = (
        np.random.default_rng(2),
        SpikingBP(inputs=16, hidden=8, outputs=4, thresholds=(0.5, 0.5), limits=LIMITS),
    )
    first, second = weights(rng, (16, 8), (8, 4))
    start = Weights(first=first, second=second)
    images, labels = rng.integers(0, 256, (50, 4, 4)).astype(np.uint8), rng.integers(0, 4, 50)
    array = WireSection(wires="reads", word_line_ohm=1e-6, bit_line_ohm=1e-6)
    plain, wired = (
        train_stream(
            network, start, images, labels, np.random.default_rng(3), cells=Cells(mesh=mesh)
        ).weights
        for mesh in (None, array.mesh(first, second, LIMITS, WINDOW))
    )
    np.testing.assert_allclose(wired.first, plain.first, atol=1e-3)
    assert np.max(np.abs(plain.first - start.first)) > 0.01


def test_the_pace_follows_what_was_measured():
    near, far = np.ones((2, 2), np.float32), np.full((2, 2), 1.02, np.float32)
    assert Pace(images=100).after((near, near), (near, near), 0.01).images == 200
    slower = Pace(images=100).after((far, near), (near, near), 0.01)
    assert slower.images == 50
    assert slower.worst == pytest.approx(0.02, rel=1e-4)
    assert Pace(images=100).after((far, near), (near, near), 0.03).images == 100


def test_a_small_run_through_wires_learns_and_says_how_stale_its_reads_were(tmp_path):
    config = training.load("bp-mnist", SMALL | {"array.wires": "reads", "array.word_line_ohm": 2.0})
    with training.make_engine("nodal") as engine:
        summary = training.train(config, engine=engine, out=tmp_path / "run", rng_seed=3)
        again = training.infer(tmp_path / "run", engine=engine)
    assert summary.test_accuracy > 0.35
    assert again.test_accuracy == summary.test_accuracy
    assert 0 < summary.extra["stale_error"] < 0.1
    assert summary.extra["solves"] >= 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cells.kind": "device"}, "cells are not linear"),
        ({"array.tile_cols": 1}, "no bit line beside the balance line"),
    ],
)
def test_what_cannot_be_is_refused(settings, message, tmp_path):
    config = training.load("bp-mnist", SMALL | {"array.wires": "reads"} | settings)
    with training.make_engine("nodal") as engine, pytest.raises(ConfigError, match=message):
        training.train(config, engine=engine, out=tmp_path / "run", rng_seed=3)
