import json

import numpy as np
import pytest

from spicesnn import NodalEngine
from spicesnn.errors import RunError
from spicesnn.plotting.run import figures, run_figures
from spicesnn.plotting.run_data import RunData
from spicesnn.training import load, train


@pytest.fixture(scope="module")
def letters(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "letters"
    train(load("letters-3x3", ["training.epochs=3"]), engine=NodalEngine(), out=path, rng_seed=5)
    return path


def test_a_run_has_all_its_figures_each_with_a_caption(letters):
    drawn = {figure.name: figure for figure in figures(RunData(letters))}
    assert list(drawn) == [
        "accuracy",
        "error",
        "outputs",
        "confusion",
        "weights",
        "weights-3d",
        "weight-courses",
        "conductances",
        "conductance-courses",
        "histogram",
        "raster",
        "membranes",
        "ir-drop",
        "energy",
        "iv",
    ]
    assert all(figure.caption.endswith(".") for figure in drawn.values())


def test_figures_show_the_runs_own_numbers(letters):
    data = RunData(letters)
    drawn = {figure.name: figure.figure for figure in figures(data)}
    right = round(json.loads((letters / "metrics.json").read_text())["test_accuracy"] * 30)
    assert drawn["confusion"].axes[0].get_title() == f"Test samples: {right} of 30 right"
    shown = drawn["conductances"].axes[1].images[0].get_array()
    np.testing.assert_allclose(shown, data.history["conductance_after"] * 1e6, rtol=1e-9)
    share = drawn["ir-drop"].axes[0].images[0].get_array()
    assert 90 < share.min() < share.max() < 100


def test_figures_of_the_learning_show_the_runs_own_numbers(letters):
    data = RunData(letters)
    drawn = {figure.name: figure.figure for figure in figures(data)}
    history = data.history
    z = drawn["outputs"].axes[0]
    assert z.get_title() == "z"
    ends = sorted(
        line.get_ydata()[-1]
        for line in z.get_lines()
        if len(line.get_xdata()) == 3 and line.get_linestyle() == "-"
    )
    assert ends == pytest.approx(sorted(history["outputs"][-1, :, 0]))
    assert drawn["error"].axes[0].get_lines()[0].get_ydata() == pytest.approx(
        history["batch_error"]
    )
    lines = drawn["weight-courses"].axes[2].get_lines()
    assert [line.get_ydata()[-1] for line in lines] == pytest.approx(history["weights_after"][:, 2])
    assert list(lines[0].get_xdata()) == [0, 1, 2]  # converged after two of three epochs
    bit_line = drawn["conductance-courses"].axes[5].get_lines()
    assert [line.get_ydata()[-1] for line in bit_line] == pytest.approx(
        1e6 * history["conductance_after"][:, 5]
    )
    assert len(drawn["weights-3d"].axes[0].collections[0].get_facecolor()) == 6 * 30
    total = history["write_joule"].sum() + history["read_joule"].sum()
    top = max(
        path.vertices[:, 1].max()
        for area in drawn["energy"].axes[0].collections
        for path in area.get_paths()
    )
    assert top * 1e-6 == pytest.approx(total)


def test_a_membrane_crosses_its_threshold_when_the_raster_says(letters):
    data = RunData(letters)
    membranes = next(figure.figure for figure in figures(data) if figure.name == "membranes")
    chosen = data.shown(4)
    assert list(data.history["spike_labels"][chosen]) == [
        0,
        0,
        1,
        2,
    ]  # every class, in the order of the samples
    for panel, sample in enumerate(chosen):
        for neuron in range(3):
            line = membranes.axes[panel].get_lines()[neuron]
            first = (
                line.get_xdata()[
                    np.argmax(np.asarray(line.get_ydata()) >= data.config.neuron.threshold_volts)
                ]
                * 1e-6
            )
            expected = data.history["spike_times"][sample, neuron]
            if expected < line.get_xdata()[-1] * 1e-6:
                assert first == pytest.approx(expected, abs=1.01e-6 * line.get_xdata()[1])


def test_neurons_that_learn_without_labels_are_not_called_after_classes(tmp_path):
    train(load("letters-stdp", ["training.epochs=1"]), engine=NodalEngine(), out=tmp_path / "run")
    drawn = {figure.name: figure.figure for figure in figures(RunData(tmp_path / "run"))}
    assert [panel.get_title() for panel in drawn["weight-courses"].axes] == [
        "neuron 1",
        "neuron 2",
        "neuron 3",
    ]
    assert drawn["raster"].axes[0].get_yticklabels()[0].get_text() == "neuron 1"


def test_they_are_written_as_png(letters):
    paths = run_figures(letters)
    assert len(paths) == 15
    assert all(
        path.read_bytes()[:4] == b"\x89PNG" and path.parent == letters / "figures" for path in paths
    )


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunError, match="contains no run"):
        run_figures(tmp_path)
