"""The preset `bp-mnist`, short: devices in the loop, reads through wires, imperfect cells."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn import training
from spicesnn.errors import ConfigError
from spicesnn.networks.learner import LearningNetwork

SMALL = {
    "data.train_limit": 400,
    "data.test_limit": 100,
    "population.hidden.neurons": 20,
    "training.epochs": 1,
    "training.chunk": 400,
}


def trained(settings, out, seed=3):
    config = training.load("bp-mnist", SMALL | settings)
    return training.train(config, engine=sn.NodalEngine(), out=out, rng_seed=seed)


@pytest.mark.parametrize("amplitude", ["compensated", "uncompensated"])
def test_a_small_run_on_devices_learns(amplitude, tmp_path):
    settings = {
        "data.train_limit": 1500,
        "data.test_limit": 200,
        "training.chunk": 750,
        "population.hidden.neurons": 60,
        "projection.*.synapses": "pulse-map",
        "synapses.amplitude": amplitude,
        "imperfections.cycle_to_cycle": 0.05,
    }
    summary = trained(settings, tmp_path / "run")
    assert summary.test_accuracy > 0.7
    assert summary.extra["read_joule_a_presentation"] > 0
    read, write = summary.extra["read_joule"], summary.extra["write_joule"]
    assert min(read, write) > 0
    assert summary.energy_joule == pytest.approx(read + write, rel=1e-12)
    assert training.infer(tmp_path / "run").test_accuracy == summary.test_accuracy


def test_a_small_run_through_wires_learns_and_says_how_stale_its_reads_were(tmp_path, monkeypatch):
    settings = {"array.word_line_ohm": 2.0, "array.bit_line_ohm": 1.0, "training.chunk": 100}
    plain, seen = LearningNetwork.learn, []

    def watched(self, x, labels, rng, *, progress):
        after = plain(self, x, labels, rng, progress=progress)
        seen.append([cells.seen for cells in after.synapses.values() if cells.seen is not None])
        return after

    monkeypatch.setattr(LearningNetwork, "learn", watched)
    summary = trained(settings, tmp_path / "run")
    again = training.infer(tmp_path / "run")
    assert summary.test_accuracy > 0.35
    assert again.test_accuracy == summary.test_accuracy
    assert 0 < summary.extra["stale_error"] < 0.1
    worst = [max(one.worst for one in chunk) for chunk in seen]
    assert summary.extra["stale_error"] == max(worst)
    assert summary.extra["solves"] == sum(one.solves for chunk in seen for one in chunk) >= 2


def test_a_small_run_with_everything_wrong(tmp_path):
    settings = {
        "data.train_limit": 600,
        "training.chunk": 300,
        "imperfections.stuck_off": 0.002,
        "imperfections.pulse_spread": 0.3,
        "imperfections.read_noise": 0.005,
        "imperfections.cycle_to_cycle": 0.1,
    }
    summary = trained(settings, tmp_path / "run")
    assert summary.test_accuracy > 0.4
    assert training.infer(tmp_path / "run").test_accuracy == summary.test_accuracy


def test_stuck_cells_lie_where_they_are_asked_for():
    for place in ("centre", "border"):
        settings = SMALL | {"imperfections.stuck_on": 0.3, "imperfections.stuck_place": place}
        config = training.load("bp-mnist", settings)
        network = config.composed(sn.NodalEngine()).fresh(np.random.default_rng(1))
        first, second = (cells.array.stuck for cells in network.synapses.values())
        image = first.mean(axis=1).reshape(28, 28) > 0
        middle = np.zeros((28, 28), dtype=bool)
        middle[7:21, 7:21] = True
        inside = middle if place == "centre" else ~middle
        assert image[inside].mean() > 0.99
        assert not image[~inside].any()
        assert not second.any()  # of no image


def test_states_that_are_one_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="1 of them; expected 2 or more"):
        trained({"imperfections.states": 1}, tmp_path / "run")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"array.tile_cols": 1}, "tile is .128, 1.; expected at least"),
        (
            {"imperfections.pulse_spread": 0.1, "projection.*.synapses": "solved"},
            "let its parameters differ, with imperfections.parameters",
        ),
        ({"imperfections.spread": 0.3}, "or give imperfections.pulse_spread"),
        (
            {"imperfections.stuck_on": 0.1, "imperfections.stuck_place": "centre"}
            | {"projection.inputs>hidden.delays_s": [0.0, 1e-8]},
            "are not the pixels of an image",
        ),
    ],
)
def test_what_cannot_be_is_refused(settings, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        trained(settings, tmp_path / "run")


def test_runs_of_the_former_kind_name_the_version_that_reads_them():
    from spicesnn.training.config import from_tables

    with pytest.raises(ConfigError, match=r"'spiking-bp', which spicesnn 0\.1\.0 is the last"):
        from_tables({"kind": "spiking-bp", "network": {"hidden": 20}})
