"""The tables of a deep network's preset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spicesnn.errors import ConfigError
from spicesnn.options import Section, option
from spicesnn.programming.pulse_map import StrongestPulses
from spicesnn.training.deep.deform import Deformation
from spicesnn.training.deep.insitu import InSitu
from spicesnn.training.deep.network import DeepNetwork
from spicesnn.training.deep.software import Software
from spicesnn.training.tile_wires import TileWires


@dataclass(frozen=True, kw_only=True)
class NetworkSection(Section):
    """[network]"""

    hidden: tuple[int, ...] = option((512, 256), "sizes of the hidden layers", lowest=1)
    steps: int = option(8, "time steps of a presentation", lowest=1)
    tau_steps: float = option(4.5, "membrane time constant, in time steps", above=0.0)
    sharpness: float = option(4.0, "of the surrogate gradient", above=0.0)

    def build(self, inputs: int = 784, outputs: int = 10) -> DeepNetwork:
        """Return the network for so many inputs and classes."""
        decay = float(np.exp(-1.0 / self.tau_steps))
        return DeepNetwork(
            sizes=(inputs, *self.hidden, outputs),
            steps=self.steps,
            decay=decay,
            sharpness=self.sharpness,
        )


@dataclass(frozen=True, kw_only=True)
class ExsituSection(Section):
    """[exsitu]: learning in software."""

    weights: str = option(
        "",
        "npz or JSON file of weights (relative to the limits) to map; empty: trained in software",
    )
    epochs: int = option(20, "passes over the training images", lowest=0)
    presentations: int = option(
        0, "minimum number of presentations: a small data set gets more passes", lowest=0
    )
    chunk: int = option(10000, "images between checkpoints", lowest=1)
    batch: int = option(128, "images an update", lowest=1)
    rate: float = option(2e-3, "Adam's step at the start", above=0.0)
    gain: float = option(10.0, "softmax works on the output potentials times this", above=0.0)
    limits: tuple[float, ...] = option(
        (1.0,), "weights stay within ±, a number for all layers or one each", above=0.0
    )
    dropout: float = option(
        0.0, "dropout probability of hidden neurons in training", lowest=0.0, below=1.0
    )
    weight_noise: float = option(
        0.0, "relative noise on every weight in training, drawn for each batch", lowest=0.0
    )
    average: float = option(
        0.999, "decay of the running mean whose weights are mapped", lowest=0.0, below=1.0
    )
    turn_degrees: float = option(
        10.0, "training images are rotated by up to ± this", lowest=0.0, below=90.0
    )
    scale: float = option(0.1, "and scaled by up to ± this fraction", lowest=0.0, below=1.0)
    shear: float = option(0.1, "and sheared by up to ± this", lowest=0.0, below=90.0)
    shift_pixels: float = option(
        1.5, "and shifted by up to ± this along each axis", lowest=0.0, below=90.0
    )
    bend_pixels: float = option(
        0.6, "and bent by a smooth random field of this standard deviation", lowest=0.0, below=90.0
    )

    def build(self, layers: int, image: tuple[int, int] = (28, 28)) -> Software:
        """Return how to learn, for so many layers and images of so many rows and columns; (1,
        inputs) are no images."""
        limits = self.limits * layers if len(self.limits) == 1 else self.limits
        if len(limits) != layers:
            raise ConfigError(
                f"exsitu.limits is {list(self.limits)}; expected one number, or {layers}: one a"
                " layer"
            )
        return Software(
            batch=self.batch,
            rate=self.rate,
            gain=self.gain,
            limits=limits,
            dropout=self.dropout,
            weight_noise=self.weight_noise,
            average=self.average,
            image=image,
            deformation=self.deformation(image),
        )

    def deformation(self, image: tuple[int, int] = (28, 28)) -> Deformation:
        """Return how training images are deformed: shifts and bends are for 28×28, smaller images
        take less; samples that are no image take none."""
        if min(image) < 2:
            return Deformation()
        size = min(1.0, min(image) / 28)
        return Deformation(
            turn_degrees=self.turn_degrees,
            scale=self.scale,
            shear=self.shear,
            shift_pixels=size * self.shift_pixels,
            bend_pixels=size * self.bend_pixels,
        )


@dataclass(frozen=True, kw_only=True)
class WireSection(TileWires):
    """[array]: wires, tiles, and the volts and time of a read."""

    word_line_ohm: float = option(0.0, "resistance of a word-line segment", lowest=0.0)
    bit_line_ohm: float = option(0.0, "resistance of a bit-line segment", lowest=0.0)
    read_volts: float = option(
        0.2, "word-line voltage of an input of 1, of a spike and of the bias", above=0.0
    )
    step_s: float = option(100e-9, "duration of the read in a time step", above=0.0)


@dataclass(frozen=True, kw_only=True)
class MappingSection(Section):
    """[mapping]"""

    devices: bool = option(True, "map the weights onto arrays of devices; false: software only")
    fill: float = option(
        0.85,
        "fraction of the window used by the weights; the rest compensates the wires",
        above=0.0,
        highest=1.0,
    )
    wire_aware: bool = option(
        True, "choose conductances for which the tiles, wires included, implement the weights"
    )


@dataclass(frozen=True, kw_only=True)
class InSituSection(Section):
    """[insitu]: tuning of the arrays after the mapping."""

    epochs: int = option(0, "passes over the training images", lowest=0)
    order: str = option(
        "together",
        "all layers at once, or layer by layer, the first one first, each for the same number of"
        " epochs",
        choices=("together", "layerwise"),
    )
    batch: int = option(500, "images an update", lowest=1)
    rate: float = option(
        5e-4,
        "initial change of a weight at the layer's rms gradient, relative to the limit",
        above=0.0,
    )
    share: float = option(
        0.1,
        "fraction of the pairs pulsed in an update: those with the largest gradients",
        above=0.0,
        highest=1.0,
    )
    stale: float = option(
        0.01, "tiles are solved again when conductances have changed by this fraction", above=0.0
    )
    set_s: float = option(1e-6, "width of a set pulse", above=0.0)
    reset_s: float = option(1e-6, "width of a reset pulse", above=0.0)
    set_volts: float = option(2.0, "the largest set voltage that the drivers give", above=0.0)
    reset_volts: float = option(2.0, "the largest reset voltage", above=0.0)

    def build(
        self, exsitu: ExsituSection, cycle_to_cycle: float, image: tuple[int, int] = (28, 28)
    ) -> InSitu:
        """Return how to tune on images of so many rows and columns."""
        return InSitu(
            batch=self.batch,
            rate=self.rate,
            share=self.share,
            cycle_to_cycle=cycle_to_cycle,
            stale=self.stale,
            gain=exsitu.gain,
            image=image,
            deformation=exsitu.deformation(image),
        )

    def pulses(self) -> StrongestPulses:
        """Return the strongest pulses."""
        return StrongestPulses(
            set_volts=self.set_volts,
            reset_volts=self.reset_volts,
            set_s=self.set_s,
            reset_s=self.reset_s,
        )

    def trained(self, epoch: int, layers: int) -> list[int]:
        """Return the layers that learn in an epoch."""
        if self.order == "together":
            return list(range(layers))
        if self.epochs % layers:
            raise ConfigError(
                f"insitu.epochs = {self.epochs} with insitu.order = 'layerwise'; expected a"
                f" multiple of the {layers} layers"
            )
        return [epoch * layers // self.epochs]
