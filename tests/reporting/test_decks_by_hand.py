"""What stands in the decks of an experiment: the states of the run, its first test samples, the
pulse that its rule gives next."""

from __future__ import annotations

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.reporting.decks import circuits, write_decks
from spicesnn.training import RunDirectory, load, train
from spicesnn.training.experiment import Experiment
from spicesnn.training.rules import RULES


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Samples of three classes, the held-out ones others than those that are learnt from."""
    folder = tmp_path_factory.mktemp("decks")
    rng = np.random.default_rng(0)
    for name, count in (("train", 24), ("test", 9)):
        labels = np.arange(count) % 3
        features = np.eye(3)[labels].repeat(3, axis=1) * 0.6 + 0.4 * rng.random((count, 9))
        np.savez(folder / f"{name}.npz", x=features, y=labels)
    return {
        "data.source": "file",
        "data.path": str(folder / "train.npz"),
        "data.test_path": str(folder / "test.npz"),
        "data.scale": "none",
        "training.epochs": 2,
        "training.stop_when_right": False,
        "network.initial": [0.2, 0.8],
    }


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    out = tmp_path_factory.mktemp("decks") / "run"
    with sn.NodalEngine() as engine:
        train(load("letters-3x3", table), engine=engine, out=out, rng_seed=2)
    return RunDirectory.existing(out)


class First(sn.NodalEngine):
    """Keeps the first pulse that it is asked for."""

    asked = None

    def pulse(self, array, pulse):
        if self.asked is None:
            self.asked = array, pulse
        return super().pulse(array, pulse)


def by_name(found):
    return {circuit.name: circuit for circuit in found.circuits}


def test_decks_of_a_run_read_its_first_test_samples_in_the_states_it_ended_in(run, table):
    found = by_name(circuits(str(run.path), {}, samples=3))
    assert set(found) == {"read", "pulse", "network"}
    read, state = found["read"], run.load_state()
    np.testing.assert_array_equal(read.array.state, state.devices)
    x = np.load(table["data.test_path"])["x"][:3]
    encoding = run.config().encoding
    volts = encoding.low_volts + (encoding.high_volts - encoding.low_volts) * x
    wanted = np.column_stack([volts, np.full(3, encoding.bias_volts)])
    np.testing.assert_allclose(read.applied.row_volts, wanted, rtol=1e-12)
    np.testing.assert_array_equal(found["network"].array.state, state.devices)
    times = run.history()["spike_times"][:3]
    np.testing.assert_allclose(found["network"].applied.spike_times, times, rtol=1e-9)


def test_the_pulse_of_a_deck_is_the_first_of_the_rules_next_update(run):
    pulse = by_name(circuits(str(run.path), {}))["pulse"]
    state = run.load_state()
    experiment = Experiment.of(run.config(), scale=run.scale())
    engine = First()
    history = run.load_history(state.updates)
    RULES["manhattan"].update(experiment, engine, state, history)
    array, asked = engine.asked
    np.testing.assert_array_equal(pulse.array.state, array.state)
    np.testing.assert_array_equal(array.state, state.devices)
    checked = asked.waveform().checked(array)
    for name in ("time_s", "row_volts", "column_volts"):
        np.testing.assert_array_equal(getattr(pulse.applied, name), getattr(checked, name))
    assert np.abs(checked.row_volts).max() > 0.5


def test_decks_of_a_preset_are_of_its_fresh_devices(table):
    settings = {key: value for key, value in table.items() if "data" in key}
    overrides = settings | {"network.initial": "[0.2, 0.8]"}
    settings["network.initial"] = [0.2, 0.8]
    found = by_name(circuits("letters-3x3", overrides, seed=5, samples=2))
    experiment = Experiment.of(load("letters-3x3", settings).with_seed(5))
    np.testing.assert_array_equal(found["read"].array.state, experiment.fresh_devices())
    assert len(found["read"].applied.row_volts) == 2
    other = by_name(circuits("letters-3x3", overrides, seed=6))
    assert np.any(other["read"].array.state != found["read"].array.state)


def test_every_array_has_a_read_of_what_reaches_it_and_a_pulse(table):
    settings = table | {
        "network.hidden": [4],
        "network.hidden_code": "rate",
        "network.hidden_ohm": 3e5,
        "neuron.refractory_s": 5e-5,
    }
    overrides = {key: str(value).lower() for key, value in settings.items() if "path" not in key}
    overrides |= {key: value for key, value in settings.items() if "path" in key}
    found = circuits("letters-3x3", overrides, seed=1, samples=2)
    named = by_name(found)
    assert list(named) == ["read-1", "read-2", "pulse-1", "pulse-2"]
    experiment = Experiment.of(load("letters-3x3", settings).with_seed(1))
    x = np.load(table["data.test_path"])["x"][:2]
    done = experiment.forward(sn.NodalEngine(), experiment.fresh_devices(), x)
    for k in (0, 1):
        read, pulse = named[f"read-{k + 1}"], named[f"pulse-{k + 1}"]
        np.testing.assert_allclose(read.applied.row_volts, done.row_volts[k], rtol=1e-9)
        assert read.array.shape == pulse.array.shape == experiment.layers[k].shape
        assert f"of array {k + 1} of 2" in read.what
    assert "digital" in found.left_out["network.cir"]


def test_what_is_written_is_counted(run, tmp_path):
    said = write_decks(str(run.path), {}, folder=tmp_path, samples=2)
    assert said["decks"][0]["what"] == "one read"
    for deck in said["decks"]:
        lines = (tmp_path / deck["path"].rpartition("/")[2]).read_text().splitlines()
        cards = [
            line for line in lines if line[:1].isalpha() or line[:1].isdigit() or line[:1] == "."
        ]
        assert deck["cards"] == len(cards) > 50
        assert (deck["rows"], deck["columns"]) == (10, 6)
    assert said["left_out"] == {}
