"""What a run of a composed network says of itself, from its weights, its cells and its samples."""

from dataclasses import replace

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.networks.learner import LearningNetwork
from spicesnn.training import RunDirectory, infer, streamed, train
from spicesnn.training.config import from_tables

VOLTS, SECONDS, LARGEST = 0.3, 4e-7, 1.5


@pytest.fixture
def made(tmp_path):
    """Three classes of six inputs; a hidden layer between; two epochs of two chunks."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 40)
    x = np.clip(np.eye(3)[y].repeat(2, axis=1) * 0.7 + 0.3 * rng.random((40, 6)), 0, 1)
    np.savez(tmp_path / "d.npz", x_train=x[:30], y_train=y[:30], x_test=x[30:], y_test=y[30:])
    row = {"bias": True, "synapses": "ideal", "rule": "manhattan", "initial": [-0.4, 0.4]}
    config = from_tables(
        {
            "kind": "network",
            "data": {
                "source": "file",
                "path": str(tmp_path / "d.npz"),
                "train_limit": 0,
                "test_limit": 0,
                "scale": "none",
            },
            "inputs": {"code": "held"},
            "population": [
                {"name": "hidden", "kind": "tanh", "neurons": 5},
                {"name": "out", "kind": "identity"},
            ],
            "projection": [
                {"source": "inputs", "target": "hidden", "largest": LARGEST, **row},
                {"source": "hidden", "target": "out", "largest": LARGEST, **row},
            ],
            "rule": [{"name": "manhattan", "batch": 10, "gain": 10.0}],
            "synapses": {"pulse": 0.02, "read_volts": VOLTS, "read_s": SECONDS},
            "training": {"epochs": 4},
        }
    )
    done = train(config, engine=sn.NodalEngine(), out=tmp_path / "run", rng_seed=3)
    return done, RunDirectory.existing(tmp_path / "run"), x, y


def test_rules_hear_how_many_of_the_passes_are_done(made, tmp_path, monkeypatch):
    plain, heard = LearningNetwork.learn, []

    def watched(self, x, labels, rng, *, progress):
        heard.append((len(x), progress))
        return plain(self, x, labels, rng, progress=progress)

    monkeypatch.setattr(LearningNetwork, "learn", watched)
    config = made[1].config()
    config = replace(config, training=replace(config.training, chunk=20))
    train(config, engine=sn.NodalEngine(), out=tmp_path / "heard", rng_seed=3)
    assert heard == [(n, k / 4) for k in range(4) for n in (20, 10)]


def hidden_and_out(weights, x):
    rows = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    one = np.vstack([weights["weights_0"], weights["bias_0"]])
    two = np.vstack([weights["weights_1"], weights["bias_1"]])
    hidden = np.concatenate([np.tanh(rows @ one), np.ones((len(x), 1))], axis=1)
    return rows, hidden, hidden @ two


def test_accuracies_are_those_of_the_exported_weights(made):
    done, run, x, y = made
    weights = np.load(run.path / "weights.npz")
    levels = np.rint(255 * x) / 255  # inputs of a stream have 8 bits
    out = hidden_and_out(weights, levels)[2]
    right = out.argmax(axis=1) == y
    assert done.test_accuracy == right[30:].mean()
    assert done.train_accuracy == right[:30].mean()
    assert (done.n_test, done.epochs, done.seed) == (10, 4, 3)
    again = infer(run.path, engine=sn.NodalEngine())
    assert again.test_accuracy == done.test_accuracy
    assert again.energy_joule == 0


def test_pulses_move_weights_by_their_share_and_are_all_counted(made):
    done, run, _, _ = made
    checkpoint = run.checkpoint()
    wear = [v for k, v in checkpoint.items() if k.endswith(" wear")]
    assert [w.shape for w in wear] == [(7, 10), (6, 6)]
    assert done.extra["cell_pulses"] == sum(w.sum() for w in wear) > 0
    assert done.extra["most_pulses_of_a_cell"] == max(w.max() for w in wear)
    arrays, rng = streamed._load(run)[0], np.random.default_rng(1)
    for name in [key for key in arrays if key.endswith(" wear")]:
        arrays[name] = arrays[name] + rng.integers(0, 90, arrays[name].shape)
    again = [v for k, v in arrays.items() if k.endswith(" wear")]
    config = run.config()
    counted = config.more_metrics(arrays, config.images(run.scale()), sn.NodalEngine())
    assert counted["cell_pulses"] == sum(w.sum() for w in again)
    assert counted["most_pulses_of_a_cell"] == max(w.max() for w in again) > 90
    assert max(w.max() for w in wear) <= 4 * 3  # batches of ten of thirty samples
    assert done.extra["presentations"] == 4 * 30
    assert (done.extra["write_joule"], done.extra["solved_by"]) == (0, "")
    assert done.energy_joule == pytest.approx(done.extra["read_joule"], rel=1e-12)


def test_joules_of_reads_lie_between_those_of_the_first_and_of_the_strongest_cells(made):
    """V²·G·t of the lines that are driven: the cells of both layers conduct what their weights
    say, and no pair less than twice the least conductance nor more than the least and the most."""
    done, run, x, _ = made
    weights = np.load(run.path / "weights.npz")
    window = run.config().composed(sn.NodalEngine()).projections[0].synapses.hardware.used_window()
    rows, hidden, _ = hidden_and_out(weights, np.rint(255 * x[:30]) / 255)
    joule = 0.0
    for values, count in ((rows, 5), (hidden, 3)):
        joule += VOLTS**2 * SECONDS * np.sum(values**2) * count * 2 * window.low
    span = done.extra["read_joule"] / 4 - joule
    most = 0.0
    for values, name in ((rows, "0"), (hidden, "1")):
        stands = np.abs(np.vstack([weights[f"weights_{name}"], weights[f"bias_{name}"]])).sum(
            axis=1
        )
        most += VOLTS**2 * SECONDS * np.sum(values**2 @ stands) / LARGEST * window.span
    assert 0.3 * most < span < 1.5 * most
