"""A network that learns: populations, projections whose weights stand on synapses, a rule for each
that is plastic, a decision.

`network()` gives it back with the weights as they are, for other hardware or for a file. Everything
is immutable: learning returns the network afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.errors import InputError
from spicesnn.guesses import hinted
from spicesnn.networks.decisions import Votes
from spicesnn.networks.evaluate import labelled
from spicesnn.networks.nodes import real
from spicesnn.networks.on_synapses import OnSynapses
from spicesnn.networks.presenting import learnt_in_batches, presented
from spicesnn.networks.rules.base import Labels, LocalRule


@hinted({}, {"layers": "populations={name: Neurons(…)} and projections=[…]"})
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LearningNetwork(OnSynapses):
    """Populations and projections that learn.

    Attributes
    ----------
    inputs : mapping of one name to Inputs
    populations : mapping of str to Neurons
    projections : tuple of Projection
    output : str
        The population that answers.
    decision : Decision
    dt_s, rest_s : float
        Time step, and rest between two samples in which adapted thresholds sink, seconds.
    steps : int
        Time steps of a sample.
    answer_steps : int
        Time steps of a sample that is answered, nothing learning; 0: as many.
    synapses : mapping of projection to Synapses
        Made by `fresh`.
    lasting : mapping of population to state
        What outlasts a sample, such as adapted thresholds.
    memory : mapping of str to arrays
        What rules remember, by the rule's name.
    classes : tuple, optional
        Labels of the classes, as `fit` found them.
    answered : (n, outputs) int16, optional
        Spikes of each output for each of the samples that local rules have just learnt from.
    counted : mapping of str to float
        What showing them took, by name: presentations, output spikes, input events.
    """

    def __repr__(self) -> str:
        sizes = [
            f"{name} ({'×'.join(map(str, np.atleast_1d(neurons.shape)))})"
            for name, neurons in self.populations.items()
        ]
        rules = dict.fromkeys(type(p.rule).__name__ for p in self.projections if p.rule is not None)
        kinds = dict.fromkeys(type(cells.kind).__name__ for cells in self.synapses.values())
        parts = [f"populations {', '.join(sizes)}"]
        parts += [
            f"{what} {', '.join(names)}"
            for what, names in (("rules", rules), ("synapses", kinds))
            if names
        ]
        return f"<{type(self).__name__}: {'; '.join(parts)}>"

    def predict(self, x: ArrayLike, rng: np.random.Generator | int = 0) -> NDArray[Any]:
        """The class of each sample, (n,); −1 (None among labels that are no numbers ≥ 0) for ties
        and silence.

        Parameters
        ----------
        x : (n, *inputs), or (n, steps, *inputs) for inputs with a time axis
        rng : Generator or int
            Of the input spikes and of read noise.
        """
        decided = self.decided(x, np.random.default_rng(rng))
        return labelled(decided, self.classes)

    def accuracy(self, x: ArrayLike, y: ArrayLike, rng: np.random.Generator | int = 0) -> float:
        """Fraction of samples answered as their labels y (n,) say; ties and silence are wrong."""
        wanted = _numbered(y, self.classes)
        return float(np.mean(self.decided(x, np.random.default_rng(rng)) == wanted))

    # -- learning --------------------------------------------------------------------------------

    def learn(
        self, x: ArrayLike, labels: ArrayLike, rng: np.random.Generator, *, progress: float = 0.0
    ) -> Self:
        """The network after it has learnt from samples, once each, in the order given.

        Parameters
        ----------
        x : (n, *inputs)
        labels : (n,) int
            Numbers of the classes; rules without a teacher do not look at them.
        rng : Generator
        progress : float
            How much of the training is over, 0 to 1: for schedules.
        """
        self._ready()
        values, numbers = self.numbers(x), np.asarray(labels, dtype=np.int64)
        if len(numbers) != len(values):
            raise InputError(
                f"{len(values)} samples and {len(numbers)} labels; expected one label a sample"
            )
        network = self
        if any(isinstance(p.rule, LocalRule) for p in self.plastic):
            network = presented(network, values, rng)
        if self.batch_rule is not None:
            network = learnt_in_batches(network, values, numbers, rng, progress)
        return network

    def labelled(
        self, x: ArrayLike, labels: ArrayLike, rng: np.random.Generator, classes: int
    ) -> Self:
        """The network whose output neurons stand for the classes that they answer among these
        training samples."""
        if not isinstance(self.decision, Votes):
            return self
        numbers = np.asarray(labels, dtype=np.int64)
        decision = self.decision.labelled(self.counts(x, rng)[:, None], numbers, classes)
        return self.after(decision=decision)

    def fit(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        epochs: int = 1,
        seed: int = 0,
        progress: Callable[[int, int], None] | None = None,
    ) -> Self:
        """Learn from labelled samples, from fresh synapses on.

        Parameters
        ----------
        x : (n, *inputs)
            Between 0 and 1 where inputs are spikes.
        y : (n,)
            Labels.
        epochs : int
        seed : int
            Of everything that is drawn.
        progress : callable, optional
            Called with (epochs done, epochs).
        """
        values = real(x, "x")
        classes = tuple(np.unique(np.asarray(y)).tolist())
        numbers = _numbered(y, classes)
        network = replace(self.fresh(np.random.default_rng([seed, 0])), classes=classes)
        for epoch in range(epochs):
            order = np.random.default_rng([seed, 1, epoch]).permutation(len(values))
            network = network.learn(
                values[order],
                numbers[order],
                np.random.default_rng([seed, 2, epoch]),
                progress=epoch / epochs,
            )
            if progress is not None:
                progress(epoch + 1, epochs)
        return network.labelled(values, numbers, np.random.default_rng([seed, 3]), len(classes))


def _numbered(y: ArrayLike, classes: tuple[Any, ...] | None) -> Labels:
    labels = np.asarray(y)
    if classes is None:
        return labels.astype(np.int64)
    place = {label: k for k, label in enumerate(classes)}
    return np.array([place.get(label, -2) for label in labels.tolist()], dtype=np.int64)
