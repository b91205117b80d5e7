"""`stdp-simple`: the simpler unsupervised network as an experiment with a preset, a run directory
and a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.wires import Wires
from spicesnn.engines.base import Engine
from spicesnn.errors import ConfigError
from spicesnn.learning.votes import ClassVote, LikelihoodVote, while_learning
from spicesnn.options import Section, option
from spicesnn.training.pictures import PICTURES, histogram_data, spike_data
from spicesnn.training.streamed import (
    Arrays,
    ArrayToDraw,
    Images,
    LayerToConfirm,
    LearntData,
    StreamConfig,
    Tally,
    only_layer,
)
from spicesnn.training.unsupervised.network import LastSpikeSynapse
from spicesnn.training.unsupervised.simple import SimpleNetwork, SimpleState, show_simple

_SHOWN = 500
"""Test images whose spikes are counted for the figures."""


@dataclass(frozen=True, kw_only=True)
class NetworkSection(Section):
    """[network]"""

    side: int = option(
        14, "pixels along an edge of the image, each the mean of a block of it", lowest=1
    )
    neurons: int = option(50, "neurons that learn", lowest=1)
    steps: int = option(350, "time steps of a presentation", lowest=1)
    input_share: float = option(
        0.3, "probability of a spike in a step at grey level 255", above=0.0, highest=1.0
    )
    threshold: float = option(45.0, "firing threshold, in units of one weight", above=0.0)
    decay: float = option(
        0.95,
        "decay factor of the potential per step; 1: integrate and fire",
        above=0.0,
        highest=1.0,
    )
    inhibition: float = option(10.0, "decrease of all other potentials per spike", lowest=0.0)
    refractory: int = option(5, "refractory steps after a neuron's own spike", lowest=0)
    silence: int = option(6, "refractory steps after another neuron's spike", lowest=0)
    theta_step: float = option(
        0.02, "increase of the threshold factor per spike; 0: no adaptation", lowest=0.0
    )
    theta_highest: float = option(1.2, "largest threshold factor", lowest=1.0)
    theta_decay: float = option(
        0.9999, "decay of the threshold factor towards 1 per step", above=0.0, highest=1.0
    )
    rise: float = option(0.005, "Δw of an input that spikes with the neuron", lowest=0.0)
    fall: float = option(
        0.003, "decrease for inputs without a recent spike, at a neuron's spike", lowest=0.0
    )
    decay_steps: float = option(4.0, "lag at which the rise is 1/e of that", above=0.0)
    window_steps: int = option(10, "longest lag that raises a weight", lowest=0)
    vote: str = option(
        "likelihood", "how spike counts are turned into classes", choices=("likelihood", "class")
    )
    label_limit: int = option(0, "training images that label the neurons; 0 is all", lowest=0)

    def build(self, image: tuple[int, int] = (28, 28)) -> SimpleNetwork:
        """Return the network for images of so many rows and columns: reduced to `side` where they
        are square and larger."""
        rows, columns = image
        square = rows == columns
        if square and rows > self.side and rows % self.side:
            raise ConfigError(f"network.side = {self.side}; expected a divisor of {rows}")
        synapse = LastSpikeSynapse(
            rise=self.rise, fall=self.fall, decay=self.decay_steps, window=self.window_steps
        )
        same = (
            "neurons",
            "steps",
            "input_share",
            "threshold",
            "decay",
            "inhibition",
            "refractory",
            "silence",
            "theta_step",
            "theta_highest",
            "theta_decay",
        )
        size = {"side": min(self.side, rows)} if square else {"flat": rows * columns}
        return SimpleNetwork(
            synapse=synapse, **size, **{name: getattr(self, name) for name in same}
        )


@dataclass(frozen=True, kw_only=True)
class TrainingSection(Section):
    """[training]"""

    epochs: int = option(1, "passes over the training images", lowest=1)
    presentations: int = option(
        0, "minimum number of presentations: a small data set gets more passes", lowest=0
    )
    chunk: int = option(10000, "images between checkpoints", lowest=1)
    g_one: float = option(1e-4, "conductance of weight 1, siemens", above=0.0)
    read_volts: float = option(0.1, "amplitude of an input spike", above=0.0)


@dataclass(frozen=True, kw_only=True)
class SimpleConfig(StreamConfig):
    """The preset `stdp-simple` and its relatives."""

    kind: ClassVar[str] = "stdp-simple"

    data: LearntData = field(default_factory=LearntData)
    network: NetworkSection = field(default_factory=NetworkSection)
    training: TrainingSection = field(default_factory=TrainingSection)

    @property
    def chunks(self) -> tuple[int, int]:
        """Passes over the training images, and images in a chunk."""
        return (
            self.data.passes(self.training.epochs, self.training.presentations),
            self.training.chunk,
        )

    def _network(self) -> SimpleNetwork:
        return self.network.build(self.data.image)

    def fresh(self, rng: np.random.Generator) -> Arrays:
        """Return random weights."""
        return _arrays(SimpleState.fresh(self._network(), rng))

    def learn(
        self,
        arrays: Arrays,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        rng: np.random.Generator,
        epoch: int,
        engine: Engine,
        tally: Tally,
    ) -> Arrays:
        """Show a chunk of images with learning on; labels serve the learning curve alone."""
        network = self._network()
        shown = show_simple(network, _state(arrays), network.shrunk(images), rng, learn=True)
        tally.add(
            output_spikes=float(shown.responses.sum()),
            input_events=shown.input_events,
            learning_writes=shown.writes,
        )
        return {
            **_arrays(shown.state),
            **while_learning(shown.responses, labels, arrays, self.data.class_count),
        }

    def reader(
        self, arrays: Arrays, images: Images, rng: np.random.Generator, engine: Engine
    ) -> Callable[[NDArray[np.uint8]], NDArray[np.int64]]:
        """Label the neurons with training images, learning frozen, and return what answers."""
        return self._reader(_state(arrays), images, rng)

    def _reader(
        self, state: SimpleState, images: Images, rng: np.random.Generator
    ) -> Callable[[NDArray[np.uint8]], NDArray[np.int64]]:
        network, limit = self._network(), self.network.label_limit or len(images.train)
        labelled = show_simple(
            network, state, network.shrunk(images.train[:limit]), rng, learn=False
        ).responses
        kind = LikelihoodVote if self.network.vote == "likelihood" else ClassVote
        vote = kind.from_training(labelled, images.train_labels[:limit], len(images.names))
        seed = rng.integers(2**63)

        def answer(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
            """Return the classes of images, with the same input spikes at every call."""
            return vote.predict(
                show_simple(
                    network, state, network.shrunk(pixels), np.random.default_rng(seed), learn=False
                ).responses
            )

        return answer

    def confirmed_layer(
        self, arrays: Arrays, images: Images, count: int, layer: int
    ) -> LayerToConfirm:
        """Return the only layer; its neurons are labelled anew with what they read."""
        only_layer(layer, 1)
        network, chosen, options = self._network(), images.test[:count], self.training

        def answers(effective: Floats) -> NDArray[np.int64]:
            """Return the chosen images' classes with these effective conductances."""
            read = SimpleState(
                weight=(effective / options.g_one).astype(np.float32), theta=arrays["theta"]
            )
            return self._reader(read, images, np.random.default_rng(self.seed))(chosen)

        volts = (
            options.read_volts * network.input_share * network.shrunk(chosen).astype(float) / 255.0
        )
        return LayerToConfirm(
            siemens=options.g_one * arrays["weight"].astype(float), row_volts=volts, answers=answers
        )

    def circuit(self) -> str:
        """Return what stands on arrays."""
        network = self._network()
        return (
            f"{network.inputs} × {network.neurons} ideal synapses on wires without resistance. An"
            " output spike writes its whole bit line, by the lag of each input's last spike."
        )

    def drawn_array(self) -> ArrayToDraw:
        """Return the array."""
        network = self._network()
        return ArrayToDraw(
            shape=(network.inputs, network.neurons), wires=Wires.ideal(), cell="ideal synapses"
        )

    def figures_data(self, arrays: Arrays, images: Images, engine: Engine) -> Mapping[str, Any]:
        """Return weights, their spread and spike counts."""
        network, state = self._network(), _state(arrays)
        shown = show_simple(
            network, state, network.shrunk(images.test[:_SHOWN]), self.rng(PICTURES), learn=False
        ).responses
        before = self.untrained()
        return {
            "fields": state.weight,
            **histogram_data(
                {"inputs to neurons": before["weight"]}, {"inputs to neurons": state.weight}
            ),
            **spike_data({"neurons": shown.sum(axis=1)}),
        }


def _arrays(state: SimpleState) -> Arrays:
    return {"weight": state.weight, "theta": state.theta}


def _state(arrays: Arrays) -> SimpleState:
    return SimpleState(weight=arrays["weight"], theta=arrays["theta"])
