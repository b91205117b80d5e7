"""The preset `stdp-mnist`: STDP without labels as a composition, on every kind of cells, few
images."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import ConfigError, UnknownNameError
from spicesnn.training import load, train
from spicesnn.training.config import from_tables
from spicesnn.training.learnt_arrays import arrays_of, with_arrays
from spicesnn.training.network_sections import MOVED
from spicesnn.training.streamed import Tally
from spicesnn.training.suited import suited_to, without_auto

SMALL = {
    "data.train_limit": 600,
    "data.test_limit": 200,
    "training.chunk": 200,
    "population.neurons.neurons": 30,
}
NAME = "inputs>neurons"
DEVICE = {"projection.*.synapses": "pulse-map"}
WIRES = {"array.word_line_ohm": 1.0, "array.bit_line_ohm": 1.0}


def trained(tmp_path, more, seed=3):
    config = load("stdp-mnist", SMALL | more)
    return train(config, engine=sn.NodalEngine(), out=tmp_path / "run", rng_seed=seed)


def chunk(config, images, seed=3):
    """Arrays and totals after one chunk from fresh weights."""
    tally, labels = Tally(), np.zeros(len(images), np.int64)
    arrays = config.learn(
        config.fresh(np.random.default_rng(seed)),
        images,
        labels,
        np.random.default_rng(seed + 1),
        0,
        sn.NodalEngine(),
        tally,
    )
    return arrays, tally.totals


@pytest.mark.parametrize(
    "more",
    [
        DEVICE,
        DEVICE | {"device.model": "pai-yu-chen"},
        DEVICE | {"device.model": "1t1r-pai-yu-chen"},
        DEVICE | {"synapses.amplitude": "uncompensated"},
        {"projection.*.rule": "stdp-last-spikes"},
        {"imperfections.states": 32, "projection.*.largest": 0.5},
        {"imperfections.read_noise": 0.1, "imperfections.cycle_to_cycle": 0.3},
    ],
)
def test_it_learns_on_every_kind_of_cells(more, tmp_path):
    summary = trained(tmp_path, more)
    assert summary.test_accuracy >= 0.35
    totals = summary.extra
    assert totals["presentations"] >= 600
    assert totals["cell_pulses"] > 1e5
    assert totals["normalisation_writes"] > 0
    assert (totals["write_joule"] > 0) == ("projection.*.synapses" in more)
    joule = totals["read_joule"] + totals["write_joule"]
    assert summary.energy_joule == pytest.approx(joule, rel=1e-9)
    assert joule > 0


@pytest.mark.parametrize("through", [False, True])
def test_it_learns_through_wires(through, tmp_path):
    more = {"data.train_limit": 120, "data.test_limit": 60, "training.chunk": 60}
    writes = {"synapses.wired_writes": True} if through else {}
    summary = trained(tmp_path, more | DEVICE | WIRES | writes)
    assert summary.test_accuracy >= 0.2
    assert summary.extra["solved_by"] == "nodal"
    assert summary.extra["columns_refreshed"] > 2 * 7 * 30
    assert (summary.extra["tiles_solved"] > 0) == through
    assert summary.extra["write_joule"] > 0


def test_stuck_cells_are_in_the_run(tmp_path):
    trained(tmp_path, {"imperfections.stuck_off": 0.3, "imperfections.stuck_place": "centre"})
    with np.load(tmp_path / "run" / "state.npz") as stored:
        stuck = stored[f"array_{NAME} stuck"].reshape(28, 28, 30)
        low = stored[f"array_{NAME} state"].min()
        assert np.all(stored[f"array_{NAME} state"].reshape(28, 28, 30)[stuck] == low)
    assert stuck[7:21, 7:21].mean() == pytest.approx(0.3, abs=0.02)
    stuck[7:21, 7:21] = False
    assert not stuck.any()


def test_settings_follow_the_number_of_neurons_and_of_inputs_unless_they_are_set():
    def found(**more):
        config = load("stdp-mnist", {key.replace("__", "."): value for key, value in more.items()})
        net = config.composed(sn.NodalEngine())
        rule, kind = net.projections[0].rule, net.populations["neurons"].kind
        inhibition, tau = float(kind.inhibition), float(kind.tau_theta)
        return rule.column_sum, inhibition, rule.rise, rule.fall, tau, net.inputs["inputs"].rate_hz

    assert found() == (40, 30, 0.005, pytest.approx(5e-5), 1e4, 63.75)
    large = (78, 17, 0.01, pytest.approx(1e-4), 1e4, 63.75)
    assert found(population__neurons__neurons=400) == large
    mixed = found(population__neurons__neurons=400, population__neurons__inhibition=5)
    assert mixed == (78, 5, 0.01, pytest.approx(1e-4), 1e4, 63.75)
    assert found(population__neurons__neurons=6400)[4] == 4e4
    few = suited_to(100, 49)
    assert few.column_sum == pytest.approx(40 / 4)
    assert few.rate_hz == pytest.approx(63.75 * 2)
    share = load("stdp-mnist", {"rule.stdp-traces.rise": 0.02}).composed(sn.NodalEngine())
    assert share.projections[0].rule.fall == pytest.approx(2e-4)


def test_auto_is_for_what_follows_from_the_neurons():
    with pytest.raises(ConfigError, match=r"rule\.stdp-traces\.tau_s is 'auto'"):
        load("stdp-mnist", {"rule.stdp-traces.tau_s": "auto"}).composed(sn.NodalEngine())
    with pytest.raises(ConfigError, match="column_sum is 0"):
        load("stdp-mnist", {"rule.stdp-traces.column_sum": 0}).composed(sn.NodalEngine())
    rows = without_auto([], [], [{"name": "unused", "column_sum": "auto"}], 10)
    assert rows == ([], [{"name": "unused"}])


@pytest.mark.parametrize(("key", "now"), list(MOVED.items()))
def test_keys_of_before_are_refused_with_the_name_they_have_now(key, now):
    with pytest.raises(UnknownNameError) as error:
        load("stdp-mnist", {key: 1})
    assert f"no option {key!r}" in str(error.value)
    assert str(error.value).endswith(f"it is {now}")


def test_runs_of_before_are_refused_with_the_version_that_reads_them():
    with pytest.raises(ConfigError, match=r"'unsupervised', which spicesnn 0\.1\.0 is the last"):
        from_tables({"kind": "unsupervised", "network": {"neurons": 100}})


def test_a_checkpoint_keeps_the_gains_of_outputs():
    config = load("stdp-mnist", SMALL | {"imperfections.states": 8, "projection.*.largest": 0.5})
    images = np.random.default_rng(0).integers(0, 255, (4, 784)).astype(np.uint8)
    arrays, _ = chunk(config, images)
    gain = arrays[f"{NAME} gain"]
    assert gain.shape == (30,)
    assert np.ptp(gain) > 0
    again = with_arrays(config.composed(sn.NodalEngine()), arrays)
    np.testing.assert_array_equal(again.synapses[NAME].gain, gain)
    np.testing.assert_array_equal(arrays_of(again)[f"{NAME} gain"], gain)


def test_the_charge_of_reads_is_that_of_the_input_spikes():
    """Weights that hardly move and are all alike: an input spike reads the cells of all neurons at
    once, for as long as a read lasts."""
    still = {
        "population.neurons.neurons": 5,
        "rule.stdp-traces.rise": 1e-12,
        "rule.stdp-traces.column_sum": 784 * 0.3,
        "projection.*.initial": [0.3, 0.3],
        "inputs.fewest_spikes": 0,
        "synapses.read_volts": 0.6,
        "synapses.read_s": 2e-3,
    }
    config = load("stdp-mnist", SMALL | still)
    window = config.hardware().used_window()
    images = np.zeros((65, 784), np.uint8)
    images[:, 300:316] = np.random.default_rng(0).integers(0, 255, 16)
    for count, close in ((1, 1e-5), (65, 0.1)):
        # Of 64 images the first stands for all, of what is left over its own number.
        _, totals = chunk(config, images[:count])
        assert totals["presentations"] == count
        assert totals["input_events"] > 100 * count
        siemens = 5 * (window.low + 0.3 * window.span)
        wanted = 0.6**2 * 2e-3 * siemens * totals["input_events"]
        assert totals["energy_joule"] == pytest.approx(wanted, rel=close)
        assert totals["write_joule"] == 0.0
