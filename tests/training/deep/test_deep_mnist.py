"""The deep preset as an experiment: real MNIST, few images, small layers."""

import json
from pathlib import Path

import numpy as np
import pytest

import spicesnn as sn
from spicesnn import training
from spicesnn.errors import ConfigError

SMALL = {
    "data.train_limit": 2000,
    "data.test_limit": 300,
    "network.hidden": [48, 24],
    "exsitu.epochs": 6,
    "exsitu.chunk": 1000,
    "exsitu.batch": 50,
    "exsitu.rate": 5e-3,
    "exsitu.turn_degrees": 0,
    "exsitu.scale": 0,
    "exsitu.shear": 0,
    "exsitu.shift_pixels": 0,
    "exsitu.bend_pixels": 0,
}
FLAWS = {"array.word_line_ohm": 1, "array.bit_line_ohm": 1, "imperfections.spread": 0.05}


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    path = tmp_path_factory.mktemp("deep") / "software"
    return training.train(
        training.load("deep-mnist", {**SMALL, "mapping.devices": False}),
        engine=sn.NodalEngine(),
        out=path,
        rng_seed=1,
    )


def mapped(learnt, out, **changes):
    settings = {
        **SMALL,
        "exsitu.weights": f"{learnt.run}/weights.npz",
        **FLAWS,
        **{key.replace("__", "."): value for key, value in changes.items()},
    }
    return training.train(
        training.load("deep-mnist", settings), engine=sn.NodalEngine(), out=out, rng_seed=1
    )


def test_a_small_network_learns_in_software(learnt):
    assert learnt.test_accuracy > 0.75
    assert learnt.extra["software_accuracy"] == learnt.test_accuracy


def test_weights_on_arrays_answer_as_in_software(learnt, tmp_path):
    found = mapped(learnt, tmp_path / "run")
    assert found.extra["software_accuracy"] == learnt.test_accuracy
    assert abs(found.test_accuracy - learnt.test_accuracy) <= 0.03
    assert found.extra["mapped_accuracy"] == found.test_accuracy
    assert abs(found.extra["uncompensated_accuracy"] - learnt.test_accuracy) <= 0.03
    assert found.extra["tiles"] == 7 + 1 + 1
    assert found.extra["mapping_error"] < 1e-3
    assert found.extra["read_joule_a_presentation"] > 0


def test_tuning_in_situ_and_inference_again(learnt, tmp_path):
    found = mapped(
        learnt,
        tmp_path / "run",
        imperfections__stuck_off=0.1,
        insitu__epochs=1,
        insitu__batch=100,
        insitu__rate=3e-3,
    )
    assert found.test_accuracy >= found.extra["mapped_accuracy"] - 0.01
    assert found.extra["pulses"] > 1000
    assert found.extra["stale_error"] < 0.02
    assert training.infer(tmp_path / "run").test_accuracy == found.test_accuracy


def test_layer_by_layer_each_has_its_epoch(learnt, tmp_path):
    found = mapped(
        learnt, tmp_path / "run", insitu__epochs=3, insitu__order="layerwise", insitu__batch=500
    )
    assert found.epochs == 3
    with pytest.raises(ConfigError, match="multiple of the 3 layers"):
        mapped(learnt, tmp_path / "odd", insitu__epochs=2, insitu__order="layerwise")


class _StopError(Exception):
    pass


@pytest.mark.parametrize("stop_at", [3, 13], ids=["in software", "in situ"])
def test_a_run_that_was_stopped_ends_with_the_same_bits(stop_at, tmp_path):
    settings = {
        **SMALL,
        **FLAWS,
        "network.hidden": [16, 8],
        "insitu.epochs": 1,
        "imperfections.read_noise": 0.02,
    }
    config = training.load("deep-mnist", settings)

    def stop(progress):
        if progress.done == stop_at:
            raise _StopError

    whole = training.train(config, engine=sn.NodalEngine(), out=tmp_path / "whole", rng_seed=5)
    with pytest.raises(_StopError):
        training.train(
            config, engine=sn.NodalEngine(), out=tmp_path / "stopped", rng_seed=5, progress=stop
        )
    resumed = training.train(config, engine=sn.NodalEngine(), out=tmp_path / "stopped", resume=True)
    assert resumed.test_accuracy == whole.test_accuracy
    with (
        np.load(tmp_path / "whole" / "state.npz") as a,
        np.load(tmp_path / "stopped" / "state.npz") as b,
    ):
        assert set(a.files) == set(b.files)
        for name in a.files:
            if name != "total_wall_s":
                np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_the_metrics_of_a_run_are_plain_json(learnt):
    content = json.loads((Path(learnt.run) / "metrics.json").read_text(encoding="utf-8"))
    assert content["test_accuracy"] == learnt.test_accuracy
    assert len(content["accuracy_by_class"]) == 10


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"device.model": "pai-yu-chen"}, "proportional to the voltage"),
        ({"exsitu.limits": [0.5, 0.5]}, "one number, or 3"),
    ],
)
def test_settings_that_cannot_run_are_refused(overrides, message, learnt, tmp_path):
    with pytest.raises(ConfigError, match=message):
        training.train(
            training.load(
                "deep-mnist", {**SMALL, **overrides, "data.train_limit": 100, "exsitu.epochs": 1}
            ),
            engine=sn.NodalEngine(),
            out=tmp_path / "run",
        )
