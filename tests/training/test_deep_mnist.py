"""The deep preset as an experiment: real MNIST, few images, small layers."""

import json
from pathlib import Path

import numpy as np
import pytest

import spicesnn as sn
from spicesnn import training
from spicesnn.errors import ConfigError, InputError
from spicesnn.training import RunDirectory

PLAIN = {f"deformation.{key}": 0 for key in ("turn_degrees", "scale", "shear")} | {
    "deformation.shift_pixels": 0,
    "deformation.bend_pixels": 0,
}
SMALL = {
    "data.train_limit": 2000,
    "data.test_limit": 300,
    "population.first.neurons": 48,
    "population.second.neurons": 24,
    "training.epochs": 6,
    "training.chunk": 1000,
    "rule.ex-situ.batch": 50,
    "rule.ex-situ.rate": 1e-2,
    **PLAIN,
}
SOFTWARE = {"projection.*.synapses": "ideal"}
FLAWS = {
    "array.word_line_ohm": 1,
    "array.bit_line_ohm": 1,
    "imperfections.conductance_spread": 0.05,
}


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    path = tmp_path_factory.mktemp("deep") / "software"
    return training.train(
        training.load("deep-mnist", {**SMALL, **SOFTWARE}),
        engine=sn.NodalEngine(),
        out=path,
        rng_seed=1,
    )


def mapped(learnt, out, changes):
    settings = {
        **SMALL,
        "rule.ex-situ.weights": f"{learnt.run}/weights.npz",
        **FLAWS,
        **changes,
    }
    return training.train(
        training.load("deep-mnist", settings), engine=sn.NodalEngine(), out=out, rng_seed=1
    )


def test_a_small_network_learns_in_software(learnt):
    assert learnt.test_accuracy > 0.75
    assert learnt.extra["software_accuracy"] == learnt.test_accuracy


def test_the_mapping_without_compensation_is_answered_as_by_a_run_without_it(learnt, tmp_path):
    wires = {"array.word_line_ohm": 20.0, "array.bit_line_ohm": 20.0}
    aware, plain = (
        mapped(learnt, tmp_path / str(told), {**wires, "synapses.wire_aware": told})
        for told in (True, False)
    )
    assert aware.extra["uncompensated_accuracy"] == plain.test_accuracy
    assert aware.test_accuracy > plain.test_accuracy + 0.1
    assert plain.extra["uncompensated_accuracy"] == plain.test_accuracy


def test_weights_on_arrays_answer_as_in_software(learnt, tmp_path):
    found = mapped(learnt, tmp_path / "run", {})
    assert found.extra["software_accuracy"] == learnt.test_accuracy
    assert abs(found.test_accuracy - learnt.test_accuracy) <= 0.03
    assert found.extra["mapped_accuracy"] == found.test_accuracy
    assert abs(found.extra["uncompensated_accuracy"] - learnt.test_accuracy) <= 0.03
    assert found.extra["cells"] == 2 * (785 * 48 + 49 * 24 + 25 * 10)
    assert found.extra["tiles"] == 7 + 1 + 1
    assert 0 < found.extra["mapping_error"] < 1e-3
    assert found.extra["read_joule_a_presentation"] > 0
    assert found.epochs == 0


def test_weights_that_a_run_has_left_are_those_it_was_begun_with(learnt, tmp_path):
    found = mapped(learnt, tmp_path / "run", {})
    with (
        np.load(tmp_path / "run" / "weights.npz") as left,
        np.load(f"{learnt.run}/weights.npz") as given,
    ):
        assert sorted(left.files) == sorted(
            f"{w}_{k}" for w in ("bias", "weights") for k in (0, 1, 2)
        )
        for name in left.files:
            np.testing.assert_array_equal(left[name], given[name])
    files = RunDirectory.existing(found.run).config().to_tables()["rule"]
    assert [row.get("weights", "") for row in files] == [f"{learnt.run}/weights.npz", ""]


def test_tuning_in_situ_and_inference_again(learnt, tmp_path):
    found = mapped(
        learnt,
        tmp_path / "run",
        {
            "imperfections.stuck_off": 0.1,
            "training.tuning_epochs": 1,
            "rule.tuning.batch": 100,
            "rule.tuning.rate": 2.5e-3,
        },
    )
    assert found.test_accuracy >= found.extra["mapped_accuracy"] - 0.01
    assert found.extra["cell_pulses"] > 1000
    assert found.extra["stale_error"] < 0.02
    assert found.extra["write_joule"] > 0
    assert training.infer(tmp_path / "run").test_accuracy == found.test_accuracy


def test_layer_by_layer_each_has_its_epoch(learnt, tmp_path):
    layerwise = {"rule.tuning.order": "layerwise", "training.tuning_epochs": 3}
    found = mapped(learnt, tmp_path / "run", layerwise)
    assert found.epochs == 3
    with pytest.raises(ConfigError, match="multiple of the 3 layers"):
        mapped(learnt, tmp_path / "odd", layerwise | {"training.tuning_epochs": 2})


def test_a_spread_of_the_conductances_costs_what_it_costs(learnt, tmp_path):
    """Twice the weights' own size: hardly anything is left."""
    found = mapped(learnt, tmp_path / "run", {"imperfections.conductance_spread": 2.0})
    assert found.extra["software_accuracy"] == learnt.test_accuracy
    assert found.test_accuracy < learnt.test_accuracy - 0.2


class _StopError(Exception):
    pass


@pytest.mark.parametrize("stop_at", [3, 13], ids=["in software", "in situ"])
def test_a_run_that_was_stopped_ends_with_the_same_bits(stop_at, tmp_path):
    settings = {
        **SMALL,
        **FLAWS,
        "population.first.neurons": 16,
        "population.second.neurons": 8,
        "training.tuning_epochs": 1,
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
        ({"device.model": "pai-yu-chen"}, "a device with a linear current"),
        ({"rule.ex-situ.limits": [0.5, 0.5, 0.5, 0.5]}, "for 3 projections that learn"),
        ({"rule.ex-situ.limits": [0.9]}, "cells hold weights up to 0.588"),
        ({"rule.ex-situ.tune": "hope"}, "rule.ex-situ.tune is 'hope'"),
        ({"rule.ex-situ.tune": "", "training.tuning_epochs": 1}, "names no rule that tunes"),
        ({"rule.ex-situ.dropout": 1.5}, "dropout = 1.5"),
        ({"imperfections.stuck": 0.1}, "stuck before the mapping"),
        ({"inputs.code": "events", "deformation.shear": 0.1}, "takes the rows of a sample"),
    ],
)
def test_settings_that_cannot_run_are_refused(overrides, message, tmp_path):
    with pytest.raises((ConfigError, InputError), match=message):
        training.train(
            training.load(
                "deep-mnist", {**SMALL, "data.train_limit": 100, "training.epochs": 1, **overrides}
            ),
            engine=sn.NodalEngine(),
            out=tmp_path / "run",
        )


def test_runs_of_the_former_kind_are_refused_by_the_version_that_reads_them(tmp_path):
    (tmp_path / "run.toml").write_text('kind = "deep"\npreset = "deep-mnist"\n')
    with pytest.raises(ConfigError, match=r"spicesnn 0\.1\.0 is the last .* preset deep-mnist"):
        training.load(tmp_path / "run.toml")


def test_images_are_deformed_anew_in_every_pass_and_held_out_ones_never():
    config = training.load("deep-mnist", {"data.train_limit": 40, "data.test_limit": 40})
    images, net = config.images(), config.composed(sn.NodalEngine()).fresh(np.random.default_rng(0))
    rng = np.random.default_rng(1)
    one, other = (config._deformed(images.train, net, rng).reshape(40, -1) for _ in range(2))
    plain = config._samples(images.train, net).reshape(40, -1)
    np.testing.assert_array_equal(plain, (images.train / 255).astype(np.float32))
    for left, right in ((one, plain), (other, plain), (one, other)):
        assert np.abs(left - right).mean() > 0.01
    assert one.sum() == pytest.approx(plain.sum(), rel=0.05)
    still = training.load("deep-mnist", PLAIN)
    np.testing.assert_array_equal(still._deformed(images.train, net, rng).reshape(40, -1), plain)


def test_smaller_images_are_shifted_less_and_tables_are_not_deformed():
    options = training.load("deep-mnist").deformation
    assert options.build((28, 28)).shift_pixels == 1.0
    assert options.build((14, 14)).shift_pixels == 0.5
    assert options.build((14, 14)).bend_pixels == 0.25
    assert options.build((14, 14)).turn_degrees == 8.0
    assert options.build((56, 56)).shift_pixels == 1.0
    assert options.build((1, 64)).none


def test_fresh_weights_follow_the_fraction_of_rows_that_is_on():
    config = training.load("deep-mnist").with_seed(3)
    net = config.composed(sn.NodalEngine()).fresh(np.random.default_rng(3))
    rng = np.random.default_rng(3)
    for name, rows, outputs, active in (
        ("inputs>first", 785, 400, 0.12),
        ("first>second", 401, 200, 0.3),
        ("second>outputs", 201, 10, 0.3),
    ):
        wanted = rng.normal(size=(rows, outputs)) / np.sqrt(rows * active)
        wanted[-1] = 0
        found = net.memory["ex-situ"][f"{name} weights"]
        np.testing.assert_allclose(found, np.clip(wanted, -0.5, 0.5), rtol=1e-6, atol=1e-9)
