"""From the outputs of a network to a class; ties and silence are no answer (−1), and count as
wrong."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spicesnn.errors import InputError
from spicesnn.learning.metrics import first_to_spike, largest, most_spikes
from spicesnn.learning.votes import ClassVote, LikelihoodVote
from spicesnn.networks.nodes import Values

Labels = NDArray[np.int64]
Outputs: TypeAlias = Values | NDArray[np.int16]
"""Values, or spike counts."""


class Decision(ABC):
    """How outputs are read."""

    name: ClassVar[str]
    labels_neurons: ClassVar[bool] = False
    """Whether training samples say what the output neurons stand for."""

    @abstractmethod
    def decided(self, outputs: Values) -> Labels:
        """Which class answers.

        Parameters
        ----------
        outputs : (n, steps, outputs)
            Spikes, or values, of every time step; one step for networks without time.
        """


@dataclass(frozen=True, slots=True)
class LargestOutput(Decision):
    """The largest value of the last step, or the most spikes of outputs that spike, without a way
    to break ties."""

    name: ClassVar[str] = "largest-output"

    def decided(self, outputs: Values) -> Labels:
        """The largest."""
        return largest(outputs[:, -1])


@dataclass(frozen=True, slots=True)
class FirstSpike(Decision):
    """The output that spikes first."""

    name: ClassVar[str] = "first-spike"

    def decided(self, outputs: Values) -> Labels:
        """The first."""
        fired = outputs > 0
        first = np.where(fired.any(axis=1), fired.argmax(axis=1).astype(float), np.inf)
        return first_to_spike(first)


@dataclass(frozen=True, slots=True)
class MostSpikes(Decision):
    """The output that spikes most; among equals, the one that got there first."""

    name: ClassVar[str] = "most-spikes"

    def decided(self, outputs: Values) -> Labels:
        """The most."""
        fired = outputs > 0
        last = fired.shape[1] - 1 - fired[:, ::-1].argmax(axis=1)
        return most_spikes(fired.sum(axis=1), among_equals=-last.astype(float))


@dataclass(frozen=True, slots=True, eq=False)
class Votes(Decision):
    """Output neurons vote for the classes that they were seen to answer; which, is counted on
    labelled training samples.

    Attributes
    ----------
    by : "likelihood" or "class"
        Poisson likelihood of all spike counts, or the mean count of each class's neurons (Diehl and
        Cook).
    vote : LikelihoodVote or ClassVote, optional
        Set by `labelled`.
    """

    name: ClassVar[str] = "votes"
    labels_neurons: ClassVar[bool] = True
    by: Literal["likelihood", "class"] = "likelihood"
    vote: LikelihoodVote | ClassVote | None = None

    def __post_init__(self) -> None:
        if self.by not in ("likelihood", "class"):
            raise InputError(f"votes by {self.by!r}; expected likelihood or class")

    def labelled(self, outputs: Outputs, labels: Labels, classes: int) -> Votes:
        """The votes of neurons (n, steps, outputs) that answered samples of known classes."""
        kind = LikelihoodVote if self.by == "likelihood" else ClassVote
        counts = outputs.sum(axis=1).astype(np.int16)
        return Votes(by=self.by, vote=kind.from_training(counts, labels, classes))

    def decided(self, outputs: Outputs) -> Labels:
        """What most of the votes say."""
        if self.vote is None:
            raise InputError(
                "nobody knows yet what these neurons stand for: fit the network, or label it with"
                " training samples"
            )
        return np.asarray(self.vote.predict(outputs.sum(axis=1).astype(np.int16)), dtype=np.int64)


DECISIONS: dict[str, type[Decision]] = {
    kind.name: kind for kind in (LargestOutput, FirstSpike, MostSpikes, Votes)
}
"""Decisions by the name they have in a preset."""
