"""`bp-mnist`: approximate back-propagation by spikes as an experiment with a preset, a run directory and a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spicesnn.engines.base import Engine
from spicesnn.errors import ConfigError
from spicesnn.training.options import Section, option
from spicesnn.training.pictures import PICTURES, histogram_data, raster_data, spike_data
from spicesnn.training.spiking_bp.network import Cells, SpikingBP, Weights, answers, epoch_share, fresh_weights, train_stream
from spicesnn.training.spiking_bp.replay import replay
from spicesnn.training.streamed import Arrays, Images, StreamConfig, Tally

_SHOWN = 100
"""Test images whose spikes are counted for the figures."""


@dataclass(frozen=True, kw_only=True)
class NetworkSection(Section):
    """[network]: pairs are (hidden layer, output layer)."""

    hidden: int = option(400, "hidden neurons", lowest=1)
    window: int = option(7, "time steps an image is shown for learning", lowest=1)
    answer_window: int = option(28, "time steps an image is shown for an answer", lowest=1)
    thresholds: tuple[float, ...] = option((1.0, 1.0), "firing thresholds", above=0.0)
    rates: tuple[float, ...] = option((1e-2, 1e-3), "update per input spike at full error, in the first epoch", above=0.0)
    limits: tuple[float, ...] = option((1.0, 1.0), "weights lie within ± this: the window that is mapped onto the device", above=0.0)
    spread: tuple[float, ...] = option((0.05, 0.05), "standard deviation of fresh weights", above=0.0)

    def build(self) -> SpikingBP:
        """Return the network."""

        def pair(name: str) -> tuple[float, float]:
            values = getattr(self, name)
            if len(values) != 2:
                raise ConfigError(f"network.{name} is {list(values)}; expected [hidden layer, output layer]")
            return values[0], values[1]

        return SpikingBP(
            hidden=self.hidden, window=self.window, answer_window=self.answer_window, thresholds=pair("thresholds"), rates=pair("rates"),
            limits=pair("limits"), spread=pair("spread"),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class CellSection(Section):
    """[cells]: how devices answer to an update."""

    cycle_to_cycle: float = option(0.0, "relative spread of what an update does", lowest=0.0)
    levels: int = option(0, "states of a device over the window of weights; 0 is a continuum", lowest=0)


@dataclass(frozen=True, kw_only=True)
class TrainingSection(Section):
    """[training]"""

    epochs: int = option(3, "passes over the training images", lowest=1)
    chunk: int = option(10000, "images between checkpoints", lowest=1)


@dataclass(frozen=True, kw_only=True)
class SpikingBPConfig(StreamConfig):
    """The preset `bp-mnist` and its relatives."""

    kind: ClassVar[str] = "spiking-bp"

    network: NetworkSection = field(default_factory=NetworkSection)
    cells: CellSection = field(default_factory=CellSection)
    training: TrainingSection = field(default_factory=TrainingSection)

    @property
    def chunks(self) -> tuple[int, int]:
        """Passes over the training images, and images in a chunk."""
        return self.training.epochs, self.training.chunk

    def _cells(self) -> Cells:
        return Cells(cycle_to_cycle=self.cells.cycle_to_cycle, levels=self.cells.levels)

    def fresh(self, rng: np.random.Generator) -> Arrays:
        """Return random weights."""
        weights = fresh_weights(self.network.build(), rng, self._cells())
        return {"first": weights.first, "second": weights.second}

    def learn(
        self, arrays: Arrays, images: NDArray[np.uint8], labels: NDArray[np.int64], rng: np.random.Generator, epoch: int, engine: Engine, tally: Tally
    ) -> Arrays:
        """Learn from a chunk of labelled images."""
        weights = Weights(first=arrays["first"], second=arrays["second"])
        share = epoch_share(epoch, self.training.epochs)
        done = train_stream(self.network.build(), weights, images, labels, rng, cells=self._cells(), share=share)
        first, second = done.rows_written
        tally.add(updates=done.updates, input_events=done.input_events, rows_written_first=first, rows_written_second=second)
        return {"first": done.weights.first, "second": done.weights.second}

    def reader(self, arrays: Arrays, images: Images, rng: np.random.Generator, engine: Engine) -> Callable[[NDArray[np.uint8]], NDArray[np.int64]]:
        """Return what answers images by their output spikes."""
        weights, network, seed = Weights(first=arrays["first"], second=arrays["second"]), self.network.build(), rng.integers(2**63)
        return lambda pixels: answers(network, weights, pixels, np.random.default_rng(seed))

    def figures_data(self, arrays: Arrays, images: Images, engine: Engine) -> Mapping[str, Any]:
        """Return what the hidden neurons look for, the spread of the weights, spike counts, and one presentation spike by spike."""
        network, before, few = self.network.build(), self.untrained(), images.test[:_SHOWN]
        fired = replay(network, Weights(first=arrays["first"], second=arrays["second"]), few, self.rng(PICTURES))
        layers = dict(zip(("inputs", "hidden", "outputs"), fired, strict=True))
        names = {"hidden": "first", "outputs": "second"}
        return {
            "fields": arrays["first"],
            **histogram_data(*({name: side[key] for name, key in names.items()} for side in (before, arrays))),
            **spike_data({name: spikes.sum(axis=(1, 2)) for name, spikes in layers.items()}),
            **raster_data({name: spikes[0] for name, spikes in layers.items()}, step_s=0.0, shown=int(images.test_labels[0])),
        }
