"""What a figure has to say at a glance is in it: the worst cell, who decided, what was right, both
energies."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import spicesnn as sn
from spicesnn.neurons.lif import LIF
from spicesnn.plotting import maps, results, traces
from spicesnn.plotting.run import _conductances, _raster
from spicesnn.plotting.run_data import RunData
from spicesnn.training import load, train


@pytest.fixture
def axes():
    return Figure().subplots()


def test_an_ir_drop_map_says_lowest_and_mean_and_where_a_tenth_is_lost(axes):
    maps.ir_drop_map(axes, np.array([[0.1, 0.095], [0.08, 0.07]]), np.array([0.1, 0.1]))
    assert "lowest 70.0 %, mean 86.2 %" in axes.get_title()
    contours = [artist for artist in axes.get_children() if hasattr(artist, "levels")]
    assert [list(contour.levels) for contour in contours] == [[90.0]]
    assert axes.get_ylabel() == "word line (driven at the left)"
    assert axes.get_xlabel() == "bit line (sensed at the bottom)"


def test_an_array_without_a_tenth_of_drop_has_no_such_line(axes):
    maps.ir_drop_map(
        axes,
        np.array([[0.1, 0.099], [0.098, 0.097]]),
        np.array([0.1, 0.1]),
        wires=sn.Wires(double_sided=True),
    )
    assert not [artist for artist in axes.get_children() if hasattr(artist, "levels")]


@pytest.mark.parametrize(
    ("wires", "driven", "sensed"),
    [
        (sn.Wires(), "the left", "the bottom"),
        (sn.Wires(drive_side="right"), "the right", "the bottom"),
        (sn.Wires(drive_side="both", sense_side="top"), "both ends", "the top"),
        (sn.Wires(double_sided=True), "both ends", "both ends"),
    ],
)
def test_an_ir_drop_map_says_where_lines_are_driven_and_sensed(axes, wires, driven, sensed):
    maps.ir_drop_map(axes, np.full((2, 2), 0.1), np.full(2, 0.1), wires=wires)
    assert axes.get_ylabel() == f"word line (driven at {driven})"
    assert axes.get_xlabel() == f"bit line (sensed at {sensed})"


def test_accuracies_that_are_alike_leave_both_marks_to_be_seen(axes):
    results.accuracy_by_epoch(axes, {"test": [1.0], "train": [1.0]})
    test, train = axes.get_lines()
    assert test.get_markersize() < train.get_markersize()
    assert train.get_markerfacecolor() == "none"


def test_the_energy_of_reads_that_only_test_stands_in_the_legend(axes):
    results.energy_by_epoch(axes, [1e-6, 1e-6], step="update", test_joule=2.7e-4)
    shown = [text.get_text() for text in axes.get_legend().get_texts()]
    assert shown == ["reads that only test: 270 µJ more", "programming"]


def test_conductances_are_coloured_over_the_window_and_what_is_beyond_is_marked(axes):
    maps.conductance_map(axes, np.array([[1e-5, 2e-4], [5e-5, 9e-5]]), window=(1e-5, 1e-4))
    image = axes.get_images()[0]
    assert image.get_clim() == pytest.approx((10.0, 100.0))
    assert image.colorbar.extend == "max"


def test_energies_far_apart_are_lines_of_their_own_on_a_logarithmic_scale(axes):
    results.energy_by_epoch(axes, [1e-6, 1e-6], [1e-9, 1e-9], step="update")
    assert axes.get_yscale() == "log"
    assert [line.get_label() for line in axes.get_lines()] == [
        "programming, 2 µJ at the end",
        "reading, 2 nJ at the end",
    ]
    np.testing.assert_allclose([line.get_ydata()[-1] for line in axes.get_lines()], [2e-6, 2e-9])


def test_energies_of_one_size_stay_stacked(axes):
    results.energy_by_epoch(axes, [1e-6, 1e-6], [5e-7, 5e-7])
    assert axes.get_yscale() == "linear"
    assert len(axes.collections) == 2


def test_membranes_end_at_their_first_spike_and_the_first_of_all_is_thick(axes):
    neuron = LIF(tau_s=1e-3, resistance_ohm=1e3, threshold_volts=1.0)
    traces.membrane_traces(
        axes, [1.2e-3, 4e-3, 0.5e-3], neuron, ["a", "b", "c"], time_s=4e-3, until_first=True
    )
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert [lines[name].get_linewidth() > 2 for name in "abc"] == [False, True, False]
    ends = [lines[name].get_xdata()[np.isfinite(lines[name].get_ydata())][-1] for name in "abc"]
    assert ends == pytest.approx(
        [-np.log(1 - 1 / 1.2), -np.log(1 - 1 / 4), 4.0], abs=0.01
    )  # t = −τ·ln(1 − V/(R·I)), in ms


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("glance") / "run"
    train(
        load("letters-3x3", {"training.updates": 30}), engine=sn.NodalEngine(), out=path, rng_seed=1
    )
    return RunData(path)


def test_a_raster_marks_who_decided_and_what_was_right(trained):
    axes = _raster(trained).figure.axes[0]
    chosen = trained.shown(8)
    right = trained.history["predicted"][chosen] == trained.history["labels"][chosen]
    texts = [text.get_text() for text in axes.texts]
    assert texts == [
        f"{trained.names[label]} {'✓' if ok else '✗'}"
        for label, ok in zip(trained.history["labels"][chosen], right, strict=True)
    ]
    rings = next(line for line in axes.get_lines() if line.get_label() == "winner")
    np.testing.assert_array_equal(
        rings.get_ydata(), np.argmin(trained.history["spike_times"][chosen], axis=1)
    )


def test_a_run_has_its_maps_on_the_window_of_its_device(trained):
    limits = {
        image.get_clim()
        for axes in _conductances(trained).figure.axes
        for image in axes.get_images()
    }
    assert len(limits) == 1
    assert limits.pop() == pytest.approx((10.0, 100.0))
