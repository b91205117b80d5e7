"""Experiments of kind `network`: put together from tables, run by the one controller, stopped and
resumed with the same bits."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_wine

import spicesnn as sn
from spicesnn.errors import ConfigError, UnknownNameError
from spicesnn.training import infer, load, train
from spicesnn.training.config import from_tables
from spicesnn.training.learnt_arrays import arrays_of, with_arrays

SHORT = {
    "training.epochs": 1,
    "training.chunk": 60,
    "network.steps": 40,
    "population.cells.neurons": 30,
    "data.validation": 0,
}


def written(path, x, y):
    names = [*(f"f{k}" for k in range(x.shape[1])), "label"]
    rows = [
        ",".join(map(repr, map(float, row))) + f",{label}" for row, label in zip(x, y, strict=True)
    ]
    path.write_text("\n".join([",".join(names), *rows]) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder, data = tmp_path_factory.mktemp("digits"), load_digits()
    order = np.random.default_rng(0).permutation(len(data.data))
    return {
        "data.source": "file",
        "data.shape": [8, 8],
        "data.train_limit": 0,
        "data.path": written(
            folder / "train.csv", data.data[order[:360]], data.target[order[:360]]
        ),
        "data.test_path": written(
            folder / "test.csv", data.data[order[1347:]], data.target[order[1347:]]
        ),
    }


@pytest.fixture(scope="module")
def wine(tmp_path_factory):
    data = load_wine()
    return written(tmp_path_factory.mktemp("wine") / "wine.csv", data.data, data.target)


def run(config, tmp_path, name="run", **more):
    with sn.NodalEngine() as engine:
        return train(config, engine=engine, out=tmp_path / name, **more)


@pytest.mark.parametrize("synapses", ["ideal", "levels", "pulse-map"])
def test_digits_are_learnt_without_labels_on_any_synapses(digits, tmp_path, synapses):
    # The preset's own threshold and rate are for its 60,000 images of MNIST; these 360 have other
    # numbers of bright pixels.
    suited = {"inputs.probability": 0.6, "population.cells.v_threshold": 2.5}
    settings = {
        **digits,
        **SHORT,
        **suited,
        "projection.inputs>cells.synapses": synapses,
        "synapses.levels": 64,
    }
    summary = run(load("stdp-digits", settings), tmp_path)
    assert summary.n_test == 450
    assert summary.test_accuracy >= 0.65
    assert summary.extra["read_joule"] > 0
    assert (summary.extra["write_joule"] > 0) == (synapses == "pulse-map")
    assert summary.extra["cell_pulses"] > 1000


def test_wires_change_what_is_learnt_and_the_engine_is_named(digits, tmp_path):
    wires = {
        "array.word_line_ohm": 20.0,
        "array.bit_line_ohm": 20.0,
        "array.tile_rows": 32,
        "synapses.wire_tolerance": 0.1,
    }
    settings = {
        **digits,
        **SHORT,
        "data.train_limit": 40,
        "data.test_limit": 20,
        "population.cells.neurons": 12,
    }
    plain, wired = (
        run(load("stdp-digits", {**settings, **more}), tmp_path, name)
        for name, more in (("plain", {}), ("wired", wires))
    )
    assert plain.extra["solved_by"] == ""
    assert wired.extra["solved_by"] == "nodal"
    assert wired.extra["read_joule"] < plain.extra["read_joule"]


class StopError(Exception):
    """A run that is broken off."""


def test_a_run_that_is_stopped_ends_with_the_same_bits(digits, tmp_path):
    settings = {
        **digits,
        **SHORT,
        "data.train_limit": 100,
        "data.test_limit": 40,
        "training.chunk": 50,
        "population.cells.neurons": 20,
    }
    flaws = {"stuck_on": 0.05, "cycle_to_cycle": 0.1, "parameters": ["k_on"], "spread": [0.2]}
    settings |= {f"imperfections.{key}": value for key, value in flaws.items()}
    config = load("stdp-digits", {**settings, "projection.*.synapses": "pulse-map"})
    whole = run(config, tmp_path, "whole")

    def stop(progress):
        if progress.done == 1:
            raise StopError

    with pytest.raises(StopError):
        run(config, tmp_path, "stopped", progress=stop)
    resumed = run(config, tmp_path, "stopped", resume=True)
    assert resumed.test_accuracy == whole.test_accuracy
    ends = [dict(np.load(tmp_path / name / "state.npz")) for name in ("whole", "stopped")]
    same = [key for key in ends[0] if not key.startswith("total_wall")]
    assert len(same) > 8
    for key in same:
        assert np.array_equal(ends[0][key], ends[1][key]), key


def test_a_checkpoint_holds_all_that_learning_changes(digits):
    config = load(
        "stdp-digits",
        {
            **digits,
            **SHORT,
            "projection.*.synapses": "solved",
            "imperfections.parameters": ["k_on", "k_off"],
            "imperfections.spread": [0.1],
            "imperfections.stuck_off": 0.1,
            "imperfections.endurance": 100.0,
        },
    )
    engine = sn.NodalEngine()
    config = config.__class__.from_tables(
        {
            **config.to_tables(),
            "data": {**config.to_tables()["data"], "inputs": 64, "classes": 10, "rows": 8},
        }
    )
    network = config.composed(engine).fresh(np.random.default_rng(3))
    again = with_arrays(config.composed(engine), arrays_of(network))
    x = np.random.default_rng(0).random((3, 64))
    for one, other in zip(network.synapses.values(), again.synapses.values(), strict=True):
        assert np.array_equal(one.siemens, other.siemens)
        assert np.array_equal(one.drive(x), other.drive(x))
        assert np.array_equal(one.wear_left.limit, other.wear_left.limit)
        assert np.array_equal(one.array.stuck, other.array.stuck)


def tables(wine, **more):
    return {
        "kind": "network",
        "data": {"source": "file", "path": wine, "test_fraction": 0.3},
        "inputs": {"code": "held"},
        "population": [
            {"name": "hidden", "kind": "tanh", "neurons": 8},
            {"name": "out", "kind": "identity"},
        ],
        "projection": [
            {
                "source": "inputs",
                "target": "hidden",
                "bias": True,
                "synapses": "pulse-map",
                "rule": "manhattan",
                "initial": [-0.4, 0.4],
                "largest": 1.0,
            },
            {
                "source": "hidden",
                "target": "out",
                "bias": True,
                "synapses": "pulse-map",
                "rule": "manhattan",
                "initial": [-0.4, 0.4],
                "largest": 1.0,
            },
        ],
        "rule": [{"name": "manhattan", "batch": 40, "gain": 20.0, "final_width": 0.1}],
        "device": load("stdp-digits").device.to_table(),
        "programming": {"set_volts": 1.3, "reset_volts": 1.3, "set_s": 500e-6, "reset_s": 500e-6},
        "training": {"epochs": 30},
        **more,
    }


def test_two_layers_learn_a_table_by_manhattan_updates(wine, tmp_path):
    config = from_tables(tables(wine))
    summary = run(config, tmp_path)
    assert summary.test_accuracy >= 0.9
    assert set(np.load(tmp_path / "run" / "weights.npz")) == {
        "weights_0",
        "bias_0",
        "weights_1",
        "bias_1",
    }
    again = from_tables(load(tmp_path / "run" / "run.toml").to_tables())
    assert again.to_toml() == load(tmp_path / "run" / "run.toml").to_toml()


@pytest.mark.parametrize(
    ("rule", "populations"),
    [
        (
            {"name": "surrogate", "rate": 0.02, "gain": 3.0, "batch": 40},
            [
                {
                    "name": "hidden",
                    "kind": "LIF",
                    "neurons": 16,
                    "tau": 5e-3,
                    "v_threshold": 0.3,
                    "reset": "subtract",
                },
                {"name": "out", "kind": "LI", "tau": 10e-3},
            ],
        ),
        ({"name": "ex-situ", "rate": 0.03, "gain": 5.0, "tune": "surrogate", "batch": 50}, None),
    ],
)
def test_other_rules_take_their_tables(wine, tmp_path, rule, populations):
    made = tables(wine, network={"steps": 12}, training={"epochs": 12})
    made["rule"] = [
        rule,
        *([{"name": "surrogate", "rate": 0.005, "gain": 5.0}] if rule["name"] == "ex-situ" else []),
    ]
    for row in made["projection"]:
        row |= {"rule": rule["name"], "largest": 2.0, "synapses": "ideal"}
    if populations:
        made["population"] = populations
    assert run(from_tables(made), tmp_path).test_accuracy >= 0.9


def test_rows_of_a_sample_are_time_steps_and_delays_see_the_past(tmp_path):
    """Two classes that differ in the order of two events: neurons without a memory (tau is one
    step) tell them apart by delays alone."""
    rng, x, y = np.random.default_rng(0), [], []
    for k in range(160):
        sample = (rng.random((12, 2)) < 0.03).astype(float)
        t, label = rng.integers(1, 6), k % 2
        sample[t, label] = sample[t + 4, 1 - label] = 1.0
        x.append(sample.ravel())
        y.append(label)
    path = written(tmp_path / "order.csv", np.array(x), y)
    made = {
        "kind": "network",
        "data": {"source": "file", "path": path, "shape": [12, 2], "scale": "none"},
        "inputs": {"code": "events"},
        "network": {"decision": "most-spikes"},
        "population": [{"name": "out", "kind": "LIF", "tau": 1e-3, "v_threshold": 0.9}],
        "projection": [
            {
                "source": "inputs",
                "target": "out",
                "synapses": "ideal",
                "rule": "surrogate",
                "initial": [0.2, 0.4],
                "largest": 1.0,
                "delays_s": [0.0, 1e-3, 2e-3, 3e-3, 4e-3],
            }
        ],
        "rule": [{"name": "surrogate", "rate": 0.03, "gain": 20.0, "batch": 20}],
        "training": {"epochs": 25},
    }
    with_delays = run(from_tables(made), tmp_path, "delays").test_accuracy
    del made["projection"][0]["delays_s"]
    without = run(from_tables(made), tmp_path, "none").test_accuracy
    assert with_delays >= 0.85
    assert without <= 0.7


def test_values_of_rows_are_overridden_by_their_names():
    config = load(
        "stdp-digits",
        {"population.cells.neurons": 7, "rule.stdp-traces.rise": 0.1, "projection.*.largest": 0.5},
    )
    assert config.population.rows[0]["neurons"] == 7
    assert config.rule.rows[0]["rise"] == 0.1
    assert config.projection.rows[0]["largest"] == 0.5
    with pytest.raises(
        UnknownNameError,
        match=r"population\.cell\.neurons.*did you mean 'population\.cells\.neurons'",
    ):
        load("stdp-digits", {"population.cell.neurons": 7})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"population": []}, "a network without populations"),
        ({"population": [{"name": "out", "kind": "LIFF"}]}, "population.out.kind is 'LIFF'.*LIF"),
        (
            {"population": [{"name": "out", "kind": "LIF", "tauu": 1.0}]},
            "population.out.tauu.*did you mean 'population.out.tau'",
        ),
        (
            {"population": [{"name": "out", "kind": "LIF", "tau": -1.0}]},
            "tau is -1.0; expected seconds, above 0",
        ),
        (
            {"population": [{"name": "out", "kind": "LIF", "tau": float("nan")}]},
            "population.out.tau",
        ),
        ({"population": [{"name": "inputs"}]}, "called 'inputs'"),
        ({"rule": [{"name": "hope"}]}, "rule.hope.kind is 'hope'"),
        ({"rule": [{"name": "manhattan", "pace": 1.0}]}, "rule.manhattan.pace"),
        ({"rule": []}, "rule is 'manhattan'"),
        ({"projection": [{"source": "inputs"}]}, "has no target"),
        (
            {"projection": [{"source": "inputs", "target": "nowhere", "synapses": "ideal"}]},
            "no population 'nowhere'",
        ),
        (
            {"projection": [{"source": "inputs", "target": "out", "synapses": "wishful"}]},
            "'wishful' synapses",
        ),
        ({"projection": 3}, "expected tables, each under"),
        ({"inputs": {"code": "events"}}, "say how they are laid out with data.shape"),
        ({"rule": [{"name": "manhattan", "kind": "stdp-traces"}]}, "learns from spikes in time"),
        (
            {
                "rule": [{"name": "manhattan", "kind": "stdp-overlap"}],
                "synapses": {"columns": "single"},
            },
            "learns from spikes in time",
        ),
    ],
)
def test_what_has_no_meaning_is_refused(wine, change, message):
    made = tables(wine)
    made["data"] |= {"inputs": 13, "classes": 3, "rows": 1}

    def built():
        from_tables({**made, **change}).composed(sn.NodalEngine())

    with pytest.raises((ConfigError, UnknownNameError), match=message):
        built()


def test_a_kind_that_has_become_a_composition_names_the_version_that_reads_its_runs():
    with pytest.raises(
        ConfigError, match=r"'stdp-simple', which spicesnn 0\.1\.0 is the last"
    ) as it:
        from_tables({"kind": "stdp-simple", "network": {"neurons": 5}})
    assert "\n" not in str(it.value)


def test_last_spikes_learn_mnist_reduced_and_an_inference_is_the_same_again(tmp_path):
    settings = {"data.train_limit": 2000, "data.test_limit": 300, "training.chunk": 1000}
    summary = run(load("stdp-simple", settings), tmp_path, rng_seed=1)
    assert summary.test_accuracy > 0.6
    assert summary.energy_joule > 0
    assert infer(tmp_path / "run").test_accuracy == summary.test_accuracy
