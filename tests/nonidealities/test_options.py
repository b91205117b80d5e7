"""The table [imperfections]: what it builds, what it does to a training run, the same on both
engines."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import ConfigError, InputError, UnknownNameError
from spicesnn.nonidealities.options import ImperfectionOptions
from spicesnn.training import RunDirectory, infer, load, train
from spicesnn.training.experiment import Experiment
from spicesnn.training.loop import updated
from spicesnn.training.state import History

SHORT = ["training.epochs=3", "training.stop_when_right=false", "training.record_updates=3"]
ALL = [
    "imperfections.spread=[0.1, 0.2]",
    "imperfections.stuck_on=0.05",
    "imperfections.stuck_off=0.05",
    "imperfections.stuck=0.05",
    "imperfections.cycle_to_cycle=0.1",
    "imperfections.cycle_of_range=0.002",
    "imperfections.states=32",
    "imperfections.endurance=0.06",
    "imperfections.telegraph=0.02",
    "imperfections.read_noise=0.01",
    "imperfections.reads_alike=10",
    "imperfections.retention=0.01",
    "imperfections.retention_spread=0.3",
    "imperfections.rest_s=1000",
]


def experiment_of(*settings):
    return Experiment.of(load("letters-3x3", [*SHORT, *settings]))


def test_spread_and_stuck_cells_of_an_experiment():
    stuck = [f"imperfections.{name}=0.2" for name in ("stuck_on", "stuck_off", "stuck")]
    experiment = experiment_of("imperfections.spread=[0.1, 0.5]", *stuck)
    layer = experiment.layers[0]
    ratio = [
        np.log(getattr(layer.device, name) / getattr(experiment.config.device.build(), name)).std()
        for name in ("k_on", "k_off")
    ]
    assert ratio == pytest.approx([0.1, np.sqrt(np.log(1.25))], rel=0.35)
    assert all(mask.any() for mask in (layer.stuck.on, layer.stuck.off, layer.stuck.still))
    array = experiment.fresh_array()
    assert np.array_equal(array.stuck, layer.stuck.any)
    assert np.all(array.state[layer.stuck.on] == 0.0)
    assert np.all(array.state[layer.stuck.off] == layer.device.w_off)
    assert np.array_equal(experiment.fresh_devices(), array.state)


def test_cells_that_cannot_conduct_what_they_are_asked_to_go_to_their_own_end():
    spread = [
        'imperfections.parameters=["r_on"]',
        "imperfections.spread=0.8",
        "network.initial=[0.9, 1.0]",
    ]
    experiment = experiment_of(*spread)
    layer = experiment.layers[0]
    found, most = layer.siemens(experiment.fresh_devices()), 1 / layer.device.r_on
    short = most < layer.window.at(0.9)
    assert 0.2 < short.mean() < 0.8
    assert found[short] == pytest.approx(most[short])
    assert np.all(found[~short] >= layer.window.at(0.9) * (1 - 1e-9))


def test_a_stuck_map_from_a_file(tmp_path):
    codes = np.zeros((10, 6), dtype=int)
    codes[2, 3], codes[4, 1] = 1, -1
    np.savetxt(tmp_path / "map.csv", codes, fmt="%d", delimiter=",")
    experiment = experiment_of(f"imperfections.stuck_map={tmp_path / 'map.csv'}")
    assert np.argwhere(experiment.layers[0].stuck.any).tolist() == [[2, 3], [4, 1]]
    np.savetxt(tmp_path / "map.csv", codes[1:], fmt="%d", delimiter=",")
    with pytest.raises(InputError, match=r"shape \(9, 6\); the array has \(10, 6\)"):
        experiment_of(f"imperfections.stuck_map={tmp_path / 'map.csv'}")


def test_finite_states_are_kept_through_training(tmp_path):
    config = load("letters-3x3", [*SHORT, "imperfections.spread=0", "imperfections.states=12"])
    run = RunDirectory.existing(train(config, engine=sn.NodalEngine(), out=tmp_path / "run").run)
    states = Experiment.of(config).imperfections.states
    siemens = config.device.build().conductance(0.0, run.history()["states"])
    assert states.count == 12
    assert siemens == pytest.approx(states.siemens[states.index(siemens)], rel=1e-9)
    assert np.unique(states.index(siemens)).size > 4
    few = experiment_of(
        "imperfections.states_siemens=[2e-5, 4e-5, 8e-5]",
        "imperfections.rounding=nearest",
        "imperfections.spread=0",
    )
    found = few.device.conductance(0.0, few.fresh_devices())
    assert set(np.round(found.ravel() * 1e5, 9)) <= {2.0, 4.0, 8.0}


def test_reads_are_noisy_and_a_seed_decides_on_the_noise():
    experiment = experiment_of("imperfections.read_noise=0.05", "imperfections.spread=0")
    devices, engine = experiment.fresh_devices(), sn.NodalEngine()
    inputs = np.tile(experiment.problem.train.inputs[:1], (400, 1))
    quiet = experiment_of("imperfections.spread=0").forward(engine, devices, inputs[:1]).amps[0]
    noisy = experiment.forward(engine, devices, inputs).amps[0]
    assert np.array_equal(noisy, experiment.forward(engine, devices, inputs).amps[0])
    assert not np.array_equal(noisy, experiment.forward(engine, devices, inputs, 3).amps[0])
    siemens = experiment.layers[0].siemens(devices)
    volts = experiment.row_volts(inputs[:1])[0]
    variance = (0.05 * volts[:, None] * siemens) ** 2
    assert noisy.std(axis=0) == pytest.approx(
        np.sqrt((variance[:, 0::2] + variance[:, 1::2]).sum(axis=0)), rel=0.15
    )
    assert noisy.mean(axis=0) == pytest.approx(quiet[0], abs=3 * noisy.std() / 20)
    alike = experiment_of(
        "imperfections.read_noise=0.05", "imperfections.spread=0", "imperfections.reads_alike=100"
    ).forward(engine, devices, inputs)
    assert len(np.unique(alike.amps[0][:, 0])) == 4


def test_cells_wear_out_and_stay_where_they_fail(tmp_path):
    config = load(
        "letters-3x3",
        [*SHORT, "training.epochs=6", "training.record_updates=6", "imperfections.endurance=0.06"],
    )
    run = RunDirectory.existing(train(config, engine=sn.NodalEngine(), out=tmp_path / "run").run)
    state, experiment = run.load_state(), Experiment.of(config)
    worn = experiment.worn(state.wear)[0]
    assert 0 < worn.dead.sum() < worn.dead.size
    ends = np.where(worn.fails_on, 0.0, 3e-9)
    assert state.devices[worn.dead] == pytest.approx(ends[worn.dead])
    path = np.abs(np.diff(run.history()["states"], axis=0)).sum(axis=0) / 3e-9
    assert path[~worn.dead] == pytest.approx(state.wear[~worn.dead], rel=1e-9)


def test_drift_between_training_and_test(tmp_path):
    rested = load(
        "letters-3x3", [*SHORT, "imperfections.retention=0.05", "imperfections.rest_s=1e6"]
    )
    experiment = Experiment.of(rested)
    devices = experiment.fresh_devices()
    for programmed in (
        devices,
        np.full(devices.shape, 3e-9),
    ):  # also at r_off, below which there is no state
        before, after = (
            each.arrays(programmed)[0].cell_conductance()
            for each in (experiment, experiment.after_rest())
        )
        assert after / before == pytest.approx(1e6**-0.05, rel=1e-6)
    summary = train(rested, engine=sn.NodalEngine(), out=tmp_path / "run")
    assert infer(summary.run).test_accuracy == summary.test_accuracy


def test_both_engines_train_alike_with_everything_imperfect(tmp_path):
    config, runs = load("letters-3x3", [*SHORT, *ALL]), []
    for engine in (sn.NodalEngine(), sn.NgspiceEngine()):
        with engine:
            summary = train(config, engine=engine, out=tmp_path / engine.name)
        runs.append((RunDirectory.existing(summary.run), summary))
    (nodal, first), (spice, second) = runs
    one, two = nodal.history(), spice.history()
    assert np.array_equal(one["directions"], two["directions"])
    assert np.array_equal(one["predicted"], two["predicted"])
    assert one["states"] == pytest.approx(two["states"], abs=1e-3 * 3e-9)
    assert nodal.load_state().wear == pytest.approx(spice.load_state().wear, abs=1e-3)
    assert first.test_accuracy == second.test_accuracy
    assert np.ptp(one["states"], axis=0).max() > 0.05e-9


def test_a_run_goes_on_as_if_never_stopped(tmp_path):
    config = load("letters-3x3", [*SHORT, *ALL])
    whole = train(config, engine=sn.NodalEngine(), out=tmp_path / "whole")
    part = RunDirectory.create(tmp_path / "part", config, {})
    experiment = Experiment.of(config)
    history = History()
    short = Experiment.of(load("letters-3x3", [*SHORT, *ALL, "training.updates=2"]))
    state = updated(short, sn.NodalEngine(), experiment.start(), history)
    part.save(replace(state, finished=False), history)
    train(config, engine=sn.NodalEngine(), out=tmp_path / "part", resume=True)
    ends = [RunDirectory.existing(tmp_path / name).load_state() for name in ("whole", "part")]
    assert np.array_equal(ends[0].devices, ends[1].devices)
    assert np.array_equal(ends[0].wear, ends[1].wear)
    assert (
        whole.test_accuracy == RunDirectory.existing(tmp_path / "part").metrics()["test_accuracy"]
    )


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (
            ["imperfections.read_noize=0.1"],
            UnknownNameError,
            r"imperfections\.read_noize'; did you mean 'imperfections\.read_noise'",
        ),
        (
            ["imperfections.parameters=['k_onn']", "imperfections.spread=0.1"],
            UnknownNameError,
            "names 'k_onn'; did you mean 'k_on'",
        ),
        (
            ["imperfections.parameters=[]", "imperfections.spread=0.1"],
            ConfigError,
            "but of nothing",
        ),
        (["imperfections.spread=[0.1, 0.1, 0.1]"], ConfigError, "one for each of the 2"),
        (["imperfections.scaled_to=[2.0, 1.0]"], ConfigError, r"expected \[lowest, highest\]"),
        (["imperfections.law=gauss"], ConfigError, "Expected one of: log-normal, normal, uniform"),
        (
            ["imperfections.states=4", "imperfections.states_siemens=[1e-5, 2e-5]"],
            ConfigError,
            "give one of the two",
        ),
        (["imperfections.states=1"], InputError, "2 or more"),
        (
            ["imperfections.stuck_on=0.7", "imperfections.stuck_off=0.7"],
            InputError,
            "sum of at most 1",
        ),
        (
            ["imperfections.telegraph=2"],
            ConfigError,
            "imperfections.telegraph = 2.0; expected 0 or more, at most 1",
        ),
        (["imperfections.read_noise=-0.1"], ConfigError, "0 or more"),
    ],
)
def test_what_does_not_fit_is_refused(settings, error, message):
    with pytest.raises(error, match=message):
        experiment_of(*settings)


def test_every_key_is_documented():
    page = (
        (Path(__file__).parents[2] / "docs" / "imperfections.md")
        .read_text(encoding="utf-8")
        .replace("\\_", "_")
    )
    for entry in fields(ImperfectionOptions):
        assert re.search(rf"[`{{]{entry.name}[`}} =]", page), (
            f"docs/imperfections.md says nothing of {entry.name}"
        )
    shown = tomllib.loads(page.partition("```toml\n")[2].partition("```")[0])["imperfections"]
    assert ImperfectionOptions.from_table(shown, "imperfections").states == 64
