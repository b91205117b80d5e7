import json

import numpy as np
import pytest

from spicesnn import NodalEngine
from spicesnn.errors import RunError
from spicesnn.plotting.run import RunData, figures, run_figures
from spicesnn.training import load, train


@pytest.fixture(scope="module")
def letters(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "letters"
    train(load("letters-3x3", ["training.epochs=3"]), engine=NodalEngine(), out=path, rng_seed=5)
    return path


def test_a_run_has_all_its_figures_each_with_a_caption(letters):
    drawn = {figure.name: figure for figure in figures(RunData(letters))}
    assert list(drawn) == ["accuracy", "confusion", "weights", "conductances", "histogram", "raster", "ir-drop", "energy", "iv"]
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


def test_they_are_written_as_png(letters):
    paths = run_figures(letters)
    assert len(paths) == 9
    assert all(path.read_bytes()[:4] == b"\x89PNG" and path.parent == letters / "figures" for path in paths)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunError, match="holds no run"):
        run_figures(tmp_path)
