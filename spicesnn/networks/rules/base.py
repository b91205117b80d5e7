"""What a learning rule is: it sees populations' activity and synapses, never what the synapses are
made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from spicesnn.errors import InputError
from spicesnn.networks.evaluate import Product
from spicesnn.networks.leaky_layers import LeakyLayers
from spicesnn.networks.network import Network
from spicesnn.networks.nodes import Shape, Values
from spicesnn.networks.synapses import SynapseKind, Synapses
from spicesnn.networks.synapses.updates import Update

Labels = NDArray[np.int64]
Memory = Mapping[str, NDArray[Any]]
"""What a rule remembers from sample to sample, by name: arrays, so that a checkpoint can keep
it."""


class Rule(ABC):
    """A way to learn."""

    name: ClassVar[str]
    asks: ClassVar[tuple[type, ...]]
    """The updates it asks for."""
    labelled: ClassVar[bool] = False
    """Whether it learns from labels."""

    def check(self, projection: str, kind: SynapseKind) -> None:
        """Say why this rule has no meaning on synapses of a kind.

        Raises
        ------
        InputError
            The synapses take none of the updates that the rule asks for.
        """
        for update in self.asks:
            if why := kind.refuses(update):
                raise InputError(
                    f"{projection}: the rule {self.name!r} asks for {update.__name__.lower()}, and"
                    f" {why}"
                )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Activity:
    """What either side of a projection has done since a sample began, the present step last.

    Attributes
    ----------
    pre : (steps, rows)
        What stood on the word lines: spikes 0 or 1.
    post : (steps, outputs)
        Spikes of the target.
    dt_s : float
    """

    pre: Values
    post: Values
    dt_s: float

    @property
    def fired(self) -> NDArray[np.int64]:
        """Outputs that spike in the present step."""
        return np.flatnonzero(self.post[-1] > 0)

    def lag_s(self) -> Values:
        """Seconds since the last spike of each row, (rows,); infinite where there was none."""
        back = (self.pre > 0)[::-1]
        return np.where(back.any(axis=0), back.argmax(axis=0) * self.dt_s, np.inf)


class LocalRule(Rule):
    """A rule that learns while a sample is shown, from what either side of a synapse does.

    It is asked after every step in which an output spikes, and once more when the sample is over;
    one that heeds inputs is also asked, before that, in every step in which an input spikes.
    """

    @property
    def heeds_inputs(self) -> bool:
        """Whether spikes of inputs alone change something."""
        return False

    def before(self, synapses: Synapses) -> Update | None:
        """What it asks for before a sample is shown, such as a normalisation."""
        return None

    def heard(self, seen: Activity, synapses: Synapses) -> Update | None:
        """What it asks for because of the spikes of inputs in the present step."""
        return None

    @abstractmethod
    def update(self, seen: Activity, synapses: Synapses) -> Update | None:
        """What it asks for now."""

    def next_pulse(self, seen: Activity, synapses: Synapses) -> Update | None:
        """What it would apply next: how decks of a pulse are drawn."""
        return self.update(seen, synapses)


class SeenConnection(Protocol):
    """What a rule sees of a projection's pattern."""

    @property
    def name(self) -> str: ...


class SeenProjection(Protocol):
    """What a rule sees of a projection."""

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def rule(self) -> Rule | None: ...
    @property
    def connection(self) -> SeenConnection: ...
    @property
    def delays_s(self) -> Sequence[float]: ...


class SeenNetwork(Protocol):
    """What a rule that learns from batches sees of a network: its topology, its synapses, what it
    remembers; never what the synapses are made of."""

    @property
    def topology(self) -> Network: ...
    @property
    def source(self) -> str: ...
    @property
    def output(self) -> str: ...
    @property
    def populations(self) -> Mapping[str, Any]: ...
    @property
    def projections(self) -> Sequence[SeenProjection]: ...
    @property
    def plastic(self) -> Sequence[SeenProjection]: ...
    @property
    def synapses(self) -> Mapping[str, Synapses]: ...
    @property
    def memory(self) -> Mapping[str, Memory]: ...
    def projection(self, name: str) -> SeenProjection: ...
    def shape_of(self, name: str) -> Shape: ...
    def products(
        self, rng: np.random.Generator, tally: list[float] | None = None
    ) -> dict[str, Product]: ...
    def leaky_layers(self, steps: int = 0) -> LeakyLayers | None: ...
    def with_synapses(self, changed: Mapping[str, Synapses]) -> Self: ...
    def after(self, **changed: Any) -> Self: ...
    def taught_by(
        self, new: Rule, old: Rule, kinds: Mapping[str, SynapseKind] | None = None
    ) -> Self: ...


class BatchRule(Rule):
    """A rule that learns from the answers to a batch of samples, by what went wrong in the whole
    network."""

    labelled: ClassVar[bool] = True
    batch: int

    def begun(self, network: SeenNetwork, fresh: Mapping[str, Values]) -> Memory:
        """What it remembers of a fresh network, whose fresh weights (rows, outputs) these are."""
        return {}

    def size(self, network: SeenNetwork) -> int:
        """Samples that it learns from at once; 0: all there are."""
        return self.batch

    @abstractmethod
    def updates(
        self,
        network: SeenNetwork,
        x: Values,
        labels: Labels,
        rng: np.random.Generator,
        progress: float,
    ) -> tuple[dict[str, Update], Memory, float]:
        """Ask for updates.

        Parameters
        ----------
        network : SeenNetwork
        x : (n, …)
            Inputs, with a time axis where the network lives in time.
        labels : (n,) int
            Numbers of the outputs that should answer.
        rng : Generator
        progress : float
            How much of the training is over, 0 to 1: for schedules.

        Returns
        -------
        updates : dict of projection to Update
        memory : mapping of str to array
            What the rule remembers for the next batch.
        joule : float
            Energy of the reads it took.
        """

    def next_pulse(
        self, network: SeenNetwork, x: Values, labels: Labels, rng: np.random.Generator
    ) -> dict[str, Update]:
        """What it would apply next, a projection: how decks of a pulse are drawn."""
        return self.updates(network, x, labels, rng, 0.0)[0]
