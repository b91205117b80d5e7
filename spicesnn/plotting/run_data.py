"""A run directory opened for drawing, and what a drawing is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.wires import Wires
from spicesnn.engines.default import default_engine
from spicesnn.errors import ConfigError
from spicesnn.plotting.kept import checked_history
from spicesnn.plotting.style import raster
from spicesnn.training.config import Config
from spicesnn.training.experiment import Experiment
from spicesnn.training.layers import Layer, split
from spicesnn.training.run import RunDirectory
from spicesnn.training.streamed import LayerToConfirm, StreamConfig

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

_FEW_SAMPLES = 100


@dataclass(frozen=True)
class Drawn:
    """One figure of a run.

    Attributes
    ----------
    name : str
        Of the file, without its ending.
    caption : str
        What it shows, one sentence.
    figure : Figure
    beside : mapping of str to sequence of (name, unit, values)
        Further values of the cells of a map, by its title, for who points at it in a page.
    """

    name: str
    caption: str
    figure: Figure
    beside: Mapping[str, Sequence[tuple[str, str, NDArray[Any]]]] = field(default_factory=dict)

    @cached_property
    def picture(self) -> Image:
        """The figure as it goes into files and reports: drawn once."""
        return raster(self.figure)


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class DrivenCells:
    """Voltages across the cells (rows, cols) of an array, and of the drivers of its word lines
    (rows,)."""

    volts: Floats
    drive_volts: Floats
    wires: Wires


class RunData:
    """A run directory opened for drawing."""

    def __init__(self, path: str | Path) -> None:
        self.run = RunDirectory.existing(path)
        self.config: Any = self.run.config()
        self.run.compare_files(kept=("network.path",) if self.config.kind == "map" else ())
        self.history: dict[str, NDArray[Any]] = checked_history(
            self.run.path / "history.npz", self.run.history()
        )

    @property
    def is_crossbar(self) -> bool:
        """Whether the run is of an array that learns as a circuit: only then there are states to
        look at."""
        return isinstance(self.config, Config)

    @cached_property
    def names(self) -> list[str]:
        """The classes."""
        return [str(name) for name in self.history.get("class_names", ())]

    @cached_property
    def experiment(self) -> Experiment:
        """The experiment with a few samples only: enough for pictures."""
        few = replace(self.config.data, train_limit=_FEW_SAMPLES, test_limit=_FEW_SAMPLES)
        return Experiment.of(replace(self.config, data=few), scale=self.run.scale())

    def first_cells(self, images: int) -> LayerToConfirm:
        """Return the cells of the first layer of a network that learns from a stream, and the volts
        of the first so many test images on its lines.

        Raises
        ------
        ConfigError
            The network stands on no cells.
        """
        config: StreamConfig = self.config
        arrays = {
            name.removeprefix("array_"): value
            for name, value in self.run.checkpoint().items()
            if name.startswith("array_")
        }
        return config.confirmed_layer(arrays, config.images(self.run.scale()), images, 0)

    @cached_property
    def driven_cells(self) -> DrivenCells | None:
        """The first array, or tile, after training with all its word lines driven at once; None
        where its wires have no resistance."""
        if self.is_crossbar:
            solved = self.experiment.cell_volts(self.run.load_state().devices, default_engine())
            return DrivenCells(
                volts=solved,
                drive_volts=np.full(len(solved), float(self.config.encoding.high_volts)),
                wires=self.first_layer.wires,
            )
        drawn = self.config.drawn_array()
        if drawn is None or drawn.wires.largest_segment_ohm == 0:
            return None
        try:
            cells = self.first_cells(1)
        except ConfigError:  # weights that stand on no cells
            return None
        return DrivenCells(
            volts=(volts := cells.driven(drawn.shape, drawn.wires, default_engine())),
            drive_volts=np.ones(len(volts)),
            wires=drawn.wires,
        )

    @property
    def first_layer(self) -> Layer:
        """The first array."""
        return self.experiment.layers[0]

    def first_states(self, states: Floats) -> Floats:
        """Return the states of the first array's devices, of those of all devices."""
        return split(states, self.experiment.layers)[0]

    def conductances(self, states: Floats) -> Floats:
        """Return what `states` of all devices conduct at the voltage of an input of 1, in the first
        array, (rows, cols) siemens."""
        return self.first_layer.siemens(self.first_states(states))

    def shown(self, count: int) -> NDArray[np.int64]:
        """Return which of the recorded test samples stand for all in a figure: the first of each
        class, then the second of each, in their order."""
        labels = self.history["spike_labels"]
        turn = np.zeros(len(labels), dtype=np.int64)
        for label in np.unique(labels):
            turn[labels == label] = np.arange(np.sum(labels == label))
        return np.sort(np.argsort(turn, kind="stable")[:count])

    def output_names(self, count: int) -> list[str]:
        """Return what the neurons of the last layer are called: after their classes, where each was
        taught one."""
        taught = self.is_crossbar and self.config.learning.rule != "stdp"
        return (
            self.names
            if taught and len(self.names) == count
            else [f"neuron {k + 1}" for k in range(count)]
        )
