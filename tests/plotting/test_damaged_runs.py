"""Histories and metrics that are damaged or made to harm: a report names what is wrong in one line,
soon, and asks for no memory."""

import json
import random
import shutil
import tracemalloc
from contextlib import suppress

import numpy as np
import pytest
from test_hostile_files import harmed, harmed_npz

import spicesnn as sn
from spicesnn import npz
from spicesnn.errors import ConfigError, RunError, SpicesnnError
from spicesnn.plotting.kept import checked_history
from spicesnn.plotting.run import _energy, figures
from spicesnn.plotting.run_data import RunData
from spicesnn.reporting.report import write_report
from spicesnn.training import RunDirectory, load, train

STREAM = {
    "data.train_limit": 60,
    "data.test_limit": 20,
    "training.chunk": 60,
    "population.neurons.neurons": 6,
}
KINDS = {
    "letters-3x3": {"training.updates": 2},
    "letters-stdp": {"training.updates": 3},
    "exsitu-xor": {"exsitu.restarts": 1, "exsitu.epochs": 5},
    "stdp-mnist": STREAM,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for preset, settings in KINDS.items():
        train(load(preset, settings), engine=sn.NodalEngine(), out=folder / preset)
    return folder


@pytest.fixture
def copied(runs, tmp_path):
    def copy(preset="letters-3x3"):
        return shutil.copytree(runs / preset, tmp_path / preset, dirs_exist_ok=True)

    return copy


def changed(run, **arrays):
    """Put other arrays into the history of a run; None takes one away."""
    kept = {**npz.read(run / "history.npz"), **arrays}
    np.savez_compressed(
        run / "history.npz", **{name: value for name, value in kept.items() if value is not None}
    )
    return run


DAMAGES = {
    "kind": (
        {"test_accuracy": np.array(["much"])},
        "test_accuracy is of type <U4; expected numbers",
    ),
    "fraction": (
        {"train_accuracy": np.array([7.0])},
        "train_accuracy has fractions that are not from 0 to 1",
    ),
    "axes": ({"confusion": np.zeros(9, dtype=int)}, "confusion has shape (9,); expected 2 axes"),
    "square": (
        {"confusion": np.zeros((3, 9), dtype=int)},
        "confusion has shape (3, 9); expected (classes, classes) or one column more",
    ),
    "classes": (
        {"spike_labels": np.full(30, 99)},
        "spike_labels has classes that are not among the 3 of class_names",
    ),
    "names gone": ({"class_names": None}, "is there without class_names"),
    "lengths": ({"output_amps": np.zeros((7, 3))}, "7 samples shown, but spike_times has 30"),
    "not finite": (
        {"weights_after": np.full((10, 3), np.nan)},
        "weights_after has values that are not finite",
    ),
    "huge": ({"weights_after": np.full((10, 3), 1e300)}, "weights_after has values beyond 1e30"),
    "updates": (
        {"batch_right_update": np.array([1, 10**18])},
        "batch_right_update is no rising count of updates",
    ),
    "backwards": (
        {"batch_right_update": np.array([2, 1])},
        "batch_right_update is no rising count of updates",
    ),
    "beside": ({"write_joule_update": np.arange(9)}, "write_joule has 2 values taken at 9 updates"),
    "updates gone": (
        {"write_joule_update": None},
        "write_joule is there without write_joule_update",
    ),
    "negative": ({"write_joule": np.array([-1.0, 1.0])}, "write_joule has values below 0"),
    "image": (
        {"image_shape": np.array([0, 9])},
        "image_shape is [0, 9]; expected rows and columns above 0",
    ),
    "many classes": (
        {"class_names": np.arange(20_000).astype(str)},
        "class_names has 20,000 classes; expected at most 5,000",
    ),
    "large": (
        {"weights_after": np.zeros((7000, 7000), dtype=np.int8)},
        "weights_after has 49,000,000 values; expected at most 20,000,000",
    ),
    "layers": (
        {"spike_names": np.array(["x"] * 1000)},
        "spike_names has 1,000 layers with spikes; expected at most 20",
    ),
    "layer gone": ({"spike_names": np.array(["inputs"])}, "spike_names is there without spikes_0"),
    "edges": (
        {"histogram_0_edges": np.array([1.0, 1.0])},
        "histogram_0_edges has edges that do not rise",
    ),
    "steps": ({"raster_steps": np.array(0)}, "raster_steps is 0; expected 1 or more"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_wrong_with_a_history_is_named(runs, damage):
    arrays, message = DAMAGES[damage]
    kept = {**npz.read(runs / "letters-3x3" / "history.npz"), **arrays}
    with pytest.raises(RunError) as told:
        checked_history(
            runs / "history.npz", {name: value for name, value in kept.items() if value is not None}
        )
    assert message in str(told.value)
    assert len(str(told.value).splitlines()) == 1


@pytest.mark.parametrize("preset", KINDS)
def test_a_sound_history_passes_unchanged(runs, preset):
    kept = npz.read(runs / preset / "history.npz")
    assert checked_history(runs / "history.npz", kept) == kept


def test_an_array_that_fits_no_part_of_the_network_is_one_line(copied):
    run = changed(copied(), states=np.zeros((3, 4, 4)))
    with pytest.raises(
        RunError, match=r"cannot be drawn from the files in .*which do not fit its run\.toml"
    ):
        write_report([run], check=False)


def test_a_late_update_asks_for_no_memory(copied):
    late = np.array([0, 900_000_000])
    data = RunData(changed(copied(), write_joule_update=late, read_joule_update=late))
    tracemalloc.start()
    drawn = _energy(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50e6
    ends = drawn.figure.axes[0].collections[0].get_paths()[0].vertices[:, 0]
    assert ends.max() == 900_000_001


def test_a_table_whose_labels_are_measured_values_asks_for_no_memory(tmp_path):
    rows = "\n".join(f"{k % 7},{k % 5},{k}" for k in range(20_000))
    (tmp_path / "own.csv").write_text(f"a,b,label\n{rows}\n")
    config = load("letters-3x3", {"data.source": "file", "data.path": str(tmp_path / "own.csv")})
    tracemalloc.start()
    with pytest.raises(ConfigError, match=r"samples of 20,000 classes.*Does the label column"):
        train(config, engine=sn.NodalEngine(), out=tmp_path / "run")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100e6


def attacked(runs, folder, cases, seed, draw):
    told = []
    for case in range(cases):
        rng = random.Random(f"{seed} {case}")
        run = folder / "run"
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(runs / rng.choice(list(KINDS)), run)
        name = rng.choice(
            ["history.npz", "history.npz", "history.npz", "metrics.json", "state.npz", "run.toml"]
        )
        content = (run / name).read_bytes()
        (run / name).write_bytes(
            harmed_npz(rng, content) if name.endswith("npz") else harmed(rng, content)
        )
        try:
            draw(run)
        except SpicesnnError as error:
            told.append(str(error))
    assert all(1 <= len(message.splitlines()) <= 2 for message in told), told
    return len(told)


def looked_at(run):
    RunData(run).run.metrics()
    RunDirectory.existing(run).checkpoint()


@pytest.mark.filterwarnings("ignore")
def test_damaged_runs_are_typed_errors(runs, tmp_path):
    assert attacked(runs, tmp_path, 80, 1, looked_at) > 20


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_reports_of_damaged_runs_are_typed_errors(runs, tmp_path):
    assert attacked(runs, tmp_path, 300, 2, lambda run: write_report([run], check=False)) > 75


@pytest.mark.slow
@pytest.mark.parametrize("preset", KINDS)
def test_every_figure_without_one_of_its_arrays_is_drawn_or_refused(runs, tmp_path, preset):
    for name in npz.read(runs / preset / "history.npz"):
        run = changed(shutil.copytree(runs / preset, tmp_path / name), **{name: None})
        with suppress(RunError):
            assert figures(RunData(run))


def test_a_value_that_metrics_lack_is_named(copied):
    run = copied()
    path = run / "metrics.json"
    content = json.loads(path.read_text())
    assert 0 <= content.pop("train_accuracy") <= 1
    path.write_text(json.dumps(content))
    with pytest.raises(RunError, match=r"metrics.json is damaged: it has no train_accuracy"):
        write_report([run], check=False)


def test_a_confusion_without_names_of_its_classes_is_not_drawn(copied):
    run = copied("stdp-mnist")
    drawn = {figure.name for figure in figures(RunData(run))}
    assert {"confusion", "classes"} <= drawn
    left = {figure.name for figure in figures(RunData(changed(run, class_names=None)))}
    assert left == drawn - {"confusion", "classes"}
