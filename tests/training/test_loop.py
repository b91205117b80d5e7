import json

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import ConfigError, RunError
from spicesnn.training import RunDirectory, infer, kept_starts, load, replay, train, train_starts
from spicesnn.training.experiment import Experiment
from spicesnn.training.problem import load as load_problem
from spicesnn.training.streams import Streams

KEYS = [
    "preset",
    "engine",
    "seed",
    "run",
    "test_accuracy",
    "n_test",
    "train_accuracy",
    "converged",
    "epochs",
    "wall_s",
    "energy_joule",
]
LETTERS = [
    "training.epochs=3",
    "training.stop_when_right=false",
    "network.initial=[0.1, 0.9]",
    "imperfections.cycle_to_cycle=0.05",
]


@pytest.fixture(scope="module")
def letters(tmp_path_factory):
    """A short training of the letters, and its directory."""
    out = tmp_path_factory.mktemp("letters") / "run"
    return train(
        load("letters-3x3", LETTERS), engine=sn.NodalEngine(), out=out, rng_seed=3
    ), RunDirectory.existing(out)


def test_run_directory_holds_what_the_design_says(letters):
    summary, run = letters
    assert {"run.toml", "metrics.json", "history.npz", "state.npz", "figures", "log.txt"} <= {
        p.name for p in run.path.iterdir()
    }
    table = json.loads((run.path / "metrics.json").read_text())
    assert set(KEYS) <= set(table)
    assert (table["preset"], table["engine"], table["seed"], table["n_test"]) == (
        "letters-3x3",
        "nodal",
        3,
        30,
    )
    assert run.config().seed == 3
    assert len(table.pop("config_digest")) == 64
    assert table == summary.table()


def test_letters_are_learnt_and_everything_is_counted(letters):
    summary, run = letters
    history = run.history()
    assert summary.test_accuracy >= 0.9
    assert summary.extra["updates"] == 3
    assert summary.extra["pulses"] == history["pulses"].sum() > 10
    assert summary.energy_joule == pytest.approx(
        summary.extra["write_joule"] + summary.extra["read_joule"]
    )
    assert history["write_joule"].sum() == pytest.approx(summary.extra["write_joule"])
    assert summary.extra["reads"] == 3 * 30 + 30
    assert summary.extra["residual_amps"] < 1e-12
    assert history["confusion"].sum() == 30
    assert history["conductance_after"].shape == (10, 6)
    assert history["directions"].shape == (3, 10, 3)


def test_same_seed_same_run_and_another_seed_another(letters, tmp_path):
    again = train(
        load("letters-3x3", LETTERS), engine=sn.NodalEngine(), out=tmp_path / "again", rng_seed=3
    )
    other = train(
        load("letters-3x3", LETTERS), engine=sn.NodalEngine(), out=tmp_path / "other", rng_seed=4
    )
    devices = [
        RunDirectory.existing(s.run).load_state().devices for s in (letters[0], again, other)
    ]
    assert np.array_equal(devices[0], devices[1])
    assert np.abs(devices[0] - devices[2]).max() > 1e-10


def test_resume_ends_where_an_uninterrupted_run_ends(letters, tmp_path):
    class StoppedError(Exception):
        pass

    def stop(progress):
        if progress.done == 2:
            raise StoppedError

    config = load("letters-3x3", [*LETTERS, "training.checkpoint_s=0"])
    with pytest.raises(StoppedError):
        train(config, engine=sn.NodalEngine(), out=tmp_path / "run", rng_seed=3, progress=stop)
    assert RunDirectory.existing(tmp_path / "run").load_state().updates == 2
    resumed = train(config, engine=sn.NodalEngine(), out=tmp_path / "run", resume=True)
    assert np.array_equal(
        RunDirectory.existing(tmp_path / "run").load_state().devices,
        letters[1].load_state().devices,
    )
    assert resumed.extra["pulses"] == letters[0].extra["pulses"]
    assert resumed.energy_joule == pytest.approx(letters[0].energy_joule)
    assert (
        RunDirectory.existing(tmp_path / "run").history()["pulses"].tolist()
        == letters[1].history()["pulses"].tolist()
    )


def test_infer_answers_as_the_training_ended(letters):
    summary = infer(letters[1].path)
    assert set(KEYS) <= set(summary.table())
    assert summary.test_accuracy == letters[0].test_accuracy
    assert (letters[1].path / "inference-nodal.json").is_file()
    assert infer(letters[1].path, test_limit=7).n_test == 7


def test_a_directory_in_use_and_no_run(letters, tmp_path):
    with pytest.raises(RunError, match="already contains a run"):
        train(load("letters-3x3"), engine=sn.NodalEngine(), out=letters[1].path)
    with pytest.raises(RunError, match="contains no run"):
        infer(tmp_path)
    with pytest.raises(ConfigError, match="resume needs the run directory"):
        train(load("letters-3x3"), engine=sn.NodalEngine(), resume=True)


def test_unwritable_output(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be made"):
        train(load("letters-3x3"), engine=sn.NodalEngine(), out=tmp_path / "file" / "run")


def test_many_starts_keep_every_start_and_can_be_replayed(tmp_path):
    config = load("letters-3x3")
    summary = train_starts(
        config, engine=sn.NodalEngine(), starts=3, out=tmp_path / "starts", rng_seed=10
    )
    assert summary.converged_fraction == 1.0
    with np.load(tmp_path / "starts" / "starts.npz") as arrays:
        assert arrays["seed"].tolist() == [10, 11, 12]
        assert summary.epochs_mean == pytest.approx(arrays["epochs"].mean())
        assert np.ptp(arrays["state_before"], axis=0).min() > 0
    again = replay(tmp_path / "starts", 1, out=tmp_path / "replay")
    assert (again.seed, again.epochs) == (11, kept_starts(tmp_path / "starts")["epochs"][1])
    assert np.array_equal(
        RunDirectory.existing(again.run).load_state().devices,
        kept_starts(tmp_path / "starts")["state_after"][1],
    )
    with pytest.raises(RunError, match=r"has no start 3; expected 0 to 2. Those that failed: none"):
        replay(tmp_path / "starts", 3)
    with pytest.raises(RunError, match=r"has no starts\.npz: it contains one run"):
        replay(tmp_path / "replay", 0)
    with pytest.raises(ConfigError, match="starts = 0"):
        train_starts(config, engine=sn.NodalEngine(), starts=0)


def test_a_failed_start_is_kept_and_named_and_a_replay_that_ends_elsewhere_is_refused(tmp_path):
    config = load(
        "manhattan-4x4", ["learning.target=0.8", "learning.gain=6e6", "training.epochs=3"]
    )
    summary = train_starts(config, engine=sn.NodalEngine(), starts=2, out=tmp_path / "starts")
    assert summary.failed == (0, 1)
    run = RunDirectory.existing(tmp_path / "starts")
    columns = kept_starts(run.path)
    assert replay(run.path, 1, out=tmp_path / "again").converged is False
    run.save_arrays("starts.npz", columns | {"state_after": columns["state_after"] + 1e-9})
    with pytest.raises(
        RunError, match=r"start 1 of .* ended 1e-09 .* away from where it ended before"
    ):
        replay(run.path, 1, out=tmp_path / "elsewhere")


def test_device_spread_and_stuck_cells():
    experiment = Experiment.of(
        load("letters-3x3", ["imperfections.stuck=0.2", "imperfections.spread=0.1"])
    )
    assert experiment.layers[0].device.k_on.std() / abs(
        experiment.layers[0].device.k_on.mean()
    ) == pytest.approx(0.1, rel=0.35)
    assert 0.05 < experiment.layers[0].stuck.any.mean() < 0.4
    with pytest.raises(LookupError, match="did you mean 'k_on'"):
        Experiment.of(load("letters-3x3", ["imperfections.parameters=['k_onn']"]))


def test_a_scheme_that_does_not_fit_the_cells():
    with pytest.raises(ConfigError, match="vteam cells have no gate"):
        Experiment.of(load("letters-3x3", ["programming.scheme=gated"]))
    with pytest.raises(ConfigError, match="which has no memory"):
        Experiment.of(load("letters-3x3", ["device.model=resistor"]))


def test_own_data_from_a_csv_file(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200)
    features = np.eye(3)[labels] @ rng.normal(size=(3, 8)) * 3 + rng.normal(size=(200, 8))
    header = ",".join([*(f"f{k}" for k in range(8)), "label"])
    lines = [
        ",".join([*(f"{v:.6f}" for v in row), f"class-{label}"])
        for row, label in zip(features, labels, strict=True)
    ]
    (tmp_path / "own.csv").write_text("\n".join([header, *lines]))
    config = load(
        "letters-3x3",
        {
            "data.source": "file",
            "data.path": str(tmp_path / "own.csv"),
            "training.epochs": 12,
            "learning.gain": 1e5,
        },
    )
    problem = load_problem(config.data, Streams(0))
    assert (len(problem.train), len(problem.test), problem.outputs) == (160, 40, 3)
    assert problem.train.inputs.min() == 0.0
    summary = train(config, engine=sn.NodalEngine(), out=tmp_path / "run")
    assert summary.n_test == 40
    assert summary.test_accuracy >= 0.85


def test_xpue_through_ngspice(tmp_path):
    """The seeds' network: all four right, each by the first spike, in the real SPICE."""
    with sn.NgspiceEngine() as engine:
        summary = train(load("xpue"), engine=engine, out=tmp_path / "run")
    assert (summary.engine, summary.test_accuracy, summary.n_test) == ("ngspice", 1.0, 4)
    times = RunDirectory.existing(tmp_path / "run").history()["spike_times"]
    # 5 pixels of X on 0.89 mA each: V∞ = 4.44 V crosses 4 V after 150 µs · ln(4.44/0.44).
    assert times[0, 0] == pytest.approx(346e-6, rel=0.02)
    assert np.isinf(times[0, 1:]).all()
