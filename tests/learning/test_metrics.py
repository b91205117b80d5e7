import numpy as np
import pytest

from spicesnn.learning.metrics import accuracy, confusion, first_to_spike, most_spikes

INF = np.inf


def test_ties_and_silence_are_nobody():
    times = np.array([[1.0, 2.0, INF], [2.0, 2.0, 3.0], [INF, INF, INF], [3.0, 2.0, 2.0 + 1e-12]])
    assert first_to_spike(times).tolist() == [0, -1, -1, 1]
    assert first_to_spike(times, 1e-9).tolist() == [0, -1, -1, -1]
    assert most_spikes(np.array([[3, 1], [2, 2], [0, 0], [0, 1]])).tolist() == [0, -1, -1, 1]


def test_one_output_answers_by_spiking():
    assert first_to_spike(np.array([[1.0], [INF]])).tolist() == [0, -1]


def test_accuracy_counts_nobody_as_wrong():
    assert accuracy(np.array([0, -1, 1, -1]), np.array([0, 1, 1, -1])) == pytest.approx(0.5)


def test_confusion_has_a_column_for_ties_and_silence():
    assert confusion(np.array([0, -1, 0]), np.array([0, 0, 1]), 2).tolist() == [
        [1, 0, 1],
        [1, 0, 0],
    ]
