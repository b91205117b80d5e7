"""From spike counts to classes: labels come from training data only; silence and ties are no
answer, and count as wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.errors import InputError
from spicesnn.learning.metrics import NOBODY


def _mean_response(
    responses: NDArray[np.int16], labels: NDArray[np.integer], classes: int
) -> Floats:
    """Return the mean spike count of each neuron for each class, (classes, neurons)."""
    if len(responses) != len(labels) or len(labels) == 0:
        raise InputError(
            f"{len(responses)} responses and {len(labels)} labels; expected as many, at least one"
        )
    return np.array(
        [
            (
                responses[labels == c].mean(axis=0)
                if np.any(labels == c)
                else np.zeros(responses.shape[1])
            )
            for c in range(classes)
        ]
    )


def _decide(score: Floats, silent: NDArray[np.bool_]) -> NDArray[np.int64]:
    best = score.max(axis=1, keepdims=True)
    tied = (score == best).sum(axis=1) > 1
    return np.where(tied | silent, NOBODY, score.argmax(axis=1))


def while_learning(
    responses: NDArray[np.int16],
    labels: NDArray[np.integer],
    arrays: Mapping[str, NDArray[Any]],
    classes: int = 10,
) -> dict[str, NDArray[Any]]:
    """Return how many images of a chunk were answered rightly before they were learnt from, by
    neurons that the chunk before has labelled.

    The spikes are those of learning itself, so this costs nothing; `arrays` holds what this
    function returned for the chunk before, if there was one."""
    found = {"chunk_mean": _mean_response(responses, labels, classes)}
    if "chunk_mean" in arrays:
        answers = LikelihoodVote(mean=arrays["chunk_mean"]).predict(responses)
        found["chunk_accuracy"] = np.asarray(np.mean(answers == labels))
    return found


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class ClassVote:
    """Each neuron stands for the class it answers most to; a class's score is the mean count of its
    neurons (Diehl and Cook).

    A class without a neuron never wins.
    """

    assignment: NDArray[np.int64]
    classes: int

    @classmethod
    def from_training(
        cls, responses: NDArray[np.int16], labels: NDArray[np.integer], classes: int = 10
    ) -> ClassVote:
        """Assign every neuron; neurons that never fired stand for no class."""
        mean = _mean_response(responses, labels, classes)
        return cls(
            assignment=np.where(mean.max(axis=0) > 0, mean.argmax(axis=0), NOBODY), classes=classes
        )

    def predict(self, responses: NDArray[np.int16]) -> NDArray[np.int64]:
        """Return a class for each row of spike counts, or `NOBODY`."""
        score = np.full((len(responses), self.classes), -1.0)
        for c in range(self.classes):
            mine = self.assignment == c
            if mine.any():
                score[:, c] = responses[:, mine].mean(axis=1)
        return _decide(score, responses[:, self.assignment >= 0].sum(axis=1) == 0)


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class LikelihoodVote:
    """Poisson log-likelihood of the spike counts: score_c = Σ_j n_j ln λ_cj − λ_cj, λ the mean
    count of the training data.

    `floor` is added to every mean so that a neuron that was silent for a class does not forbid it.
    """

    mean: Floats
    floor: float = 0.02

    @classmethod
    def from_training(
        cls, responses: NDArray[np.int16], labels: NDArray[np.integer], classes: int = 10
    ) -> LikelihoodVote:
        """Estimate the mean counts."""
        return cls(mean=_mean_response(responses, labels, classes))

    def predict(self, responses: NDArray[np.int16]) -> NDArray[np.int64]:
        """Return a class for each row of spike counts, or `NOBODY`."""
        rate = self.mean + self.floor
        return _decide(responses @ np.log(rate).T - rate.sum(axis=1), responses.sum(axis=1) == 0)
