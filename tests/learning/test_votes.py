import numpy as np
import pytest

from spicesnn.errors import InputError
from spicesnn.learning.metrics import NOBODY
from spicesnn.learning.votes import ClassVote, LikelihoodVote

RESPONSES = np.array([[5, 0, 0], [4, 1, 0], [0, 6, 1], [0, 5, 0]], np.int16)
LABELS = np.array([0, 0, 1, 1])


@pytest.mark.parametrize("vote", [ClassVote, LikelihoodVote])
def test_votes_answer_what_they_were_shown(vote):
    np.testing.assert_array_equal(
        vote.from_training(RESPONSES, LABELS, 2).predict(RESPONSES), LABELS
    )


@pytest.mark.parametrize("vote", [ClassVote, LikelihoodVote])
def test_silence_is_no_answer(vote):
    assert vote.from_training(RESPONSES, LABELS, 2).predict(np.zeros((1, 3), np.int16))[0] == NOBODY


def test_a_tie_is_no_answer():
    assert (
        ClassVote.from_training(RESPONSES, LABELS, 2).predict(np.array([[6, 6, 6]], np.int16))[0]
        == NOBODY
    )


def test_a_class_without_a_neuron_never_wins():
    vote = ClassVote.from_training(RESPONSES, LABELS, 10)
    assert set(vote.assignment) == {0, 1}
    assert vote.predict(np.array([[1, 0, 0]], np.int16))[0] == 0


def test_lengths_must_agree():
    with pytest.raises(InputError, match="4 responses and 3 labels"):
        ClassVote.from_training(RESPONSES, LABELS[:3], 2)
