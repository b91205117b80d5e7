"""Figures and reports of networks that learn from a stream of images."""

import json

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.plotting.run import figures
from spicesnn.plotting.run_data import RunData
from spicesnn.reporting.report import finish_run, write_report
from spicesnn.training import load, train
from spicesnn.training.pictures import histogram_data, raster_data

SMALL = {
    "stdp-mnist": {
        "data.train_limit": 300,
        "data.test_limit": 100,
        "training.chunk": 150,
        "population.neurons.neurons": 20,
    },
    "bp-mnist": {
        "data.train_limit": 300,
        "data.test_limit": 100,
        "training.chunk": 150,
        "population.hidden.neurons": 30,
        "training.epochs": 2,
    },
    "deep-mnist": {
        "data.train_limit": 500,
        "data.test_limit": 100,
        "population.first.neurons": 24,
        "population.second.neurons": 12,
        "training.epochs": 2,
        "training.chunk": 500,
    },
}
COMMON = ["accuracy", "confusion", "classes", "fields", "histogram", "spikes", "raster"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("streams")
    for preset, settings in SMALL.items():
        train(load(preset, settings), engine=sn.NodalEngine(), out=folder / preset, rng_seed=2)
    return folder


@pytest.mark.parametrize("preset", list(SMALL))
def test_every_kind_has_its_figures_each_with_a_caption(preset, runs):
    drawn = {figure.name: figure for figure in figures(RunData(runs / preset))}
    assert [name for name in drawn if name != "energy"] == COMMON
    assert all(figure.caption.endswith(".") for figure in drawn.values())
    accuracy = json.loads((runs / preset / "metrics.json").read_text())["test_accuracy"]
    assert (
        drawn["confusion"].figure.axes[0].get_title()
        == f"Test images: {round(100 * accuracy)} of 100 right"
    )


def test_histograms_count_every_synapse(runs):
    history = RunData(runs / "bp-mnist").history
    assert [str(name) for name in history["histogram_names"]] == [
        "inputs>hidden",
        "hidden>outputs",
    ]
    assert history["histogram_0_after"].sum() == history["histogram_0_before"].sum() == 784 * 30
    cells = RunData(runs / "deep-mnist").history
    assert str(cells["histogram_unit"]) == "S"
    assert cells["histogram_2_after"].sum() == 13 * 20
    assert [str(side) for side in cells["histogram_sides"]] == [
        "required by the weights",
        "as the cells are",
    ]


def test_the_raster_holds_the_spikes_that_are_counted(runs):
    history = RunData(runs / "bp-mnist").history
    names = [str(name) for name in history["raster_names"]]
    assert names == ["inputs", "hidden", "outputs"]
    for k in range(len(names)):
        assert len(history[f"raster_{k}"]) == history[f"spikes_{k}"][0]


def test_what_the_figures_show_is_drawn_again_alike(tmp_path, runs):
    again = train(
        load("stdp-mnist", SMALL["stdp-mnist"]),
        engine=sn.NodalEngine(),
        out=tmp_path / "again",
        rng_seed=2,
    )
    first, second = RunData(runs / "stdp-mnist").history, RunData(again.run).history
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def test_reports_of_one_run_and_of_two(runs, tmp_path):
    paths = finish_run(runs / "deep-mnist")
    assert [path.stem for path in paths] == [*COMMON, "energy", "report"]
    text = paths[-1].read_text(encoding="utf-8")
    parts = (
        "785×24",
        "pairs of vteam cells",
        "mapped without compensation of the wires",
        "energy of reads per presentation",
        "was read by ngspice",
    )
    for part in parts:
        assert part in text
    pair = ("stdp-mnist", "bp-mnist")
    side_by_side = write_report(
        [runs / preset for preset in pair], tmp_path / "two.html"
    ).read_text(encoding="utf-8")
    assert "2 runs side by side" in side_by_side
    assert all(preset in side_by_side for preset in pair)


def test_histograms_of_both_sides_share_their_edges():
    found = histogram_data({"a": [0.0, 0.1]}, {"a": [0.1, 0.9, 1.0]})
    assert found["histogram_0_edges"][[0, -1]] == pytest.approx([0.0, 1.0])
    assert (found["histogram_0_before"].sum(), found["histogram_0_after"].sum()) == (2, 3)


def test_a_raster_keeps_step_and_neuron():
    fired = np.zeros((4, 3), dtype=bool)
    fired[2, 1] = fired[3, 0] = True
    found = raster_data({"layer": fired}, step_s=1e-3, shown=7)
    np.testing.assert_array_equal(found["raster_0"], [[2, 1], [3, 0]])
    assert (int(found["raster_steps"]), int(found["raster_label"])) == (4, 7)
