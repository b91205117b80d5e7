import numpy as np
import pytest

from spicesnn import training
from spicesnn.learning.votes import while_learning
from spicesnn.training import RunDirectory


def test_a_chunk_is_answered_with_the_labels_of_the_chunk_before():
    labels = np.array([0, 1, 0, 1])
    spikes = np.array([[3, 0], [0, 3], [2, 0], [0, 2]], np.int16)
    first = while_learning(spikes, labels, {})
    assert set(first) == {"chunk_mean"}
    assert first["chunk_mean"][:2].tolist() == [[2.5, 0.0], [0.0, 2.5]]
    assert while_learning(spikes, labels, first)["chunk_accuracy"] == 1.0
    assert while_learning(spikes, 1 - labels, first)["chunk_accuracy"] == 0.0
    silent = while_learning(np.zeros_like(spikes), labels, first)
    assert silent["chunk_accuracy"] == 0.0


@pytest.mark.parametrize("preset", ["stdp-mnist", "stdp-simple"])
def test_the_curve_is_in_the_history_and_in_the_checkpoint(preset, tmp_path):
    config = training.load(
        preset,
        {
            "data.train_limit": 600,
            "data.test_limit": 50,
            "training.chunk": 200,
            "population.neurons.neurons": 20,
        },
    )
    with training.make_engine("nodal") as engine:
        training.train(config, engine=engine, out=tmp_path / "run", rng_seed=0)
    run = RunDirectory.existing(tmp_path / "run")
    history = run.history()
    assert history["chunk_accuracy_update"].tolist() == [2, 3]
    assert history["chunk_accuracy"][-1] == run.checkpoint()["array_chunk_accuracy"] > 0.2
