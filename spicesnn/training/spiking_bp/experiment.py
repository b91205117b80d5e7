"""`bp-mnist`: approximate back-propagation by spikes as an experiment with a preset, a run
directory and a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.mapping import Window
from spicesnn.crossbar.tiles import Tiling
from spicesnn.crossbar.wires import Wires
from spicesnn.devices.base import Device
from spicesnn.engines.base import Engine
from spicesnn.engines.default import default_engine
from spicesnn.errors import ConfigError
from spicesnn.nonidealities.compiled import BalancedCells, balanced_cells
from spicesnn.nonidealities.options import StreamImperfections
from spicesnn.options import Section, option
from spicesnn.programming.pulse_map import PulseScheme
from spicesnn.training.pictures import PICTURES, histogram_data, raster_data, spike_data
from spicesnn.training.sections import DeviceOptions
from spicesnn.training.spiking_bp.device import device_table
from spicesnn.training.spiking_bp.network import (
    Cells,
    SpikingBP,
    Streamed,
    Weights,
    answers,
    epoch_share,
    fresh_weights,
    train_stream,
)
from spicesnn.training.spiking_bp.replay import replay
from spicesnn.training.spiking_bp.wires import Mesh, Pace, WireSection
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

_CELLS = 17
"""What the generator of the cells' non-idealities is for: the second word of its seed."""
_SHOWN = 100
"""Test images whose spikes are counted for the figures."""


@dataclass(frozen=True, kw_only=True)
class NetworkSection(Section):
    """[network]: pairs are (hidden layer, output layer)."""

    hidden: int = option(400, "hidden neurons", lowest=1)
    window: int = option(7, "time steps an image is shown for learning", lowest=1)
    answer_window: int = option(28, "time steps an image is shown for an answer", lowest=1)
    thresholds: tuple[float, ...] = option((1.0, 1.0), "firing thresholds", above=0.0)
    rates: tuple[float, ...] = option(
        (1e-2, 1e-3), "update per input spike at full error, in the first epoch", above=0.0
    )
    limits: tuple[float, ...] = option(
        (1.0, 1.0),
        "weights lie within ± this: the window that is mapped onto the device",
        above=0.0,
    )
    spread: tuple[float, ...] = option(
        (0.05, 0.05), "standard deviation of fresh weights", above=0.0
    )

    def build(self, inputs: int = 784, outputs: int = 10) -> SpikingBP:
        """Return the network for so many inputs and classes."""

        def pair(name: str) -> tuple[float, float]:
            values = getattr(self, name)
            if len(values) != 2:
                raise ConfigError(
                    f"network.{name} is {list(values)}; expected [hidden layer, output layer]"
                )
            return values[0], values[1]

        return SpikingBP(
            inputs=inputs,
            outputs=outputs,
            hidden=self.hidden,
            window=self.window,
            answer_window=self.answer_window,
            thresholds=pair("thresholds"),
            rates=pair("rates"),
            limits=pair("limits"),
            spread=pair("spread"),
        )


@dataclass(frozen=True, kw_only=True)
class CellSection(Section):
    """[cells]: how devices answer to an update."""

    kind: str = option(
        "ideal", "ideal updates, or updates by pulses of [device]", choices=("ideal", "device")
    )
    mapping: str = option(
        "compensated",
        "pulse voltage by change and state, or by the change alone",
        choices=("compensated", "uncompensated"),
    )
    set_s: float = option(10e-9, "width of a set pulse", above=0.0)
    reset_s: float = option(10e-9, "width of a reset pulse", above=0.0)
    set_volts: tuple[float, ...] = option((0.0, 2.2), "lowest and highest set voltage", lowest=0.0)
    reset_volts: tuple[float, ...] = option(
        (0.0, 2.5), "lowest and highest reset voltage", lowest=0.0
    )
    read_volts: float = option(
        0.7, "voltage of a spike: where conductance is taken as I/V", above=0.0
    )
    step_s: float = option(10e-9, "how long a time step's read lasts, for the energy", above=0.0)

    def scheme(self, device: Device) -> PulseScheme:
        """Return the pulse scheme; weight 1 of it is the top of the device's window."""
        for name in ("set_volts", "reset_volts"):
            span = getattr(self, name)
            if len(span) != 2 or span[0] >= span[1]:
                raise ConfigError(f"cells.{name} is {list(span)}; expected [lowest, highest]")
        return PulseScheme(
            set_s=self.set_s,
            reset_s=self.reset_s,
            set_volts=(self.set_volts[0], self.set_volts[1]),
            reset_volts=(self.reset_volts[0], self.reset_volts[1]),
            g_one=self.window(device).high,
            read_volts=self.read_volts,
        )

    def window(self, device: Device) -> Window:
        """Return the window of conductances that weights stand on."""
        return Window.of(device, volts=self.read_volts)


@dataclass(frozen=True, kw_only=True)
class TrainingSection(Section):
    """[training]"""

    epochs: int = option(3, "passes over the training images", lowest=1)
    presentations: int = option(
        0, "minimum number of presentations: a small data set gets more passes", lowest=0
    )
    chunk: int = option(10000, "images between checkpoints", lowest=1)


@dataclass(frozen=True, kw_only=True)
class SpikingBPConfig(StreamConfig):
    """The preset `bp-mnist` and its relatives."""

    kind: ClassVar[str] = "spiking-bp"

    data: LearntData = field(default_factory=LearntData)
    network: NetworkSection = field(default_factory=NetworkSection)
    cells: CellSection = field(default_factory=CellSection)
    device: DeviceOptions = field(default_factory=lambda: DeviceOptions(model="pai-yu-chen"))
    array: WireSection = field(default_factory=WireSection)
    imperfections: StreamImperfections = field(default_factory=StreamImperfections)
    training: TrainingSection = field(default_factory=TrainingSection)

    @property
    def chunks(self) -> tuple[int, int]:
        """Passes over the training images, and images in a chunk."""
        return (
            self.data.passes(self.training.epochs, self.training.presentations),
            self.training.chunk,
        )

    def _network(self) -> SpikingBP:
        return self.network.build(self.data.input_count, self.data.class_count)

    def _cells(self, table: NDArray[np.float32] | None = None) -> Cells:
        asked = self.imperfections
        levels = asked.checked_states(table=table is not None)
        return Cells(
            cycle_to_cycle=asked.cycle_to_cycle,
            levels=levels,
            table=table,
            nonideal=self._nonideal(),
        )

    def _nonideal(self) -> BalancedCells | None:
        """Draw the cells of both layers: the same for a run, whichever chunk."""
        hidden, limits = self.network.hidden, self._network().limits
        window = self.cells.window(self.device.build())
        shapes = (self.data.input_count, hidden), (hidden, self.data.class_count)
        return balanced_cells(self.imperfections, shapes, limits, window, self.rng(_CELLS))

    def _table(self, arrays: Arrays, engine: Engine) -> NDArray[np.float32] | None:
        """Return what the device does: solved once, kept in the checkpoint."""
        if self.cells.kind == "ideal":
            return None
        if "device_table" in arrays:
            return arrays["device_table"]
        device = self.device.build()
        return device_table(
            device,
            engine,
            self.cells.scheme(device),
            compensated=self.cells.mapping == "compensated",
        )

    def fresh(self, rng: np.random.Generator) -> Arrays:
        """Return random weights."""
        weights = fresh_weights(self._network(), rng, self._cells())
        return {"first": weights.first, "second": weights.second}

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
        """Learn from a chunk of labelled images."""
        weights = Weights(first=arrays["first"], second=arrays["second"])
        share, table = epoch_share(epoch, self.chunks[0]), self._table(arrays, engine)
        if self.array.wires == "ideal":
            done = train_stream(
                self._network(), weights, images, labels, rng, cells=self._cells(table), share=share
            )
            _count(tally, done)
        else:
            done = self._through_wires(
                weights, images, labels, rng, self._cells(table), share, tally
            )
        kept: Arrays = {} if table is None else {"device_table": table}
        return {"first": done.weights.first, "second": done.weights.second, **kept}

    def _through_wires(
        self,
        weights: Weights,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        rng: np.random.Generator,
        cells: Cells,
        share: float,
        tally: Tally,
    ) -> Streamed:
        """Learn from a chunk piece by piece, the tiles solved before each."""
        network, pace, begin = self._network(), Pace(), 0
        mesh = self._mesh(weights)
        while begin < len(images):
            some = slice(begin, begin + pace.images)
            done = train_stream(
                network,
                weights,
                images[some],
                labels[some],
                rng,
                cells=replace(cells, mesh=mesh),
                share=share,
            )
            _count(tally, done)
            weights, before, mesh = done.weights, mesh, self._mesh(done.weights)
            pace = pace.after(
                before.reads(weights.first, weights.second),
                mesh.reads(weights.first, weights.second),
                self.array.read_tolerance,
            )
            begin = some.stop
            tally.add(solves=1.0)
        tally.totals["stale_error"] = max(tally.totals.get("stale_error", 0.0), pace.worst)
        return done

    def _mesh(self, weights: Weights) -> Mesh:
        device = self.device.build()
        if self.cells.kind == "device" and not device.linear:
            raise ConfigError(
                f"array.wires is {self.array.wires!r}, but {device.name} cells are not linear, and"
                " reads are added up row by row; use a device whose current is proportional to the"
                " voltage, such as power-law"
            )
        return self.array.mesh(
            weights.first, weights.second, self._network().limits, self.cells.window(device)
        )

    def _seen(self, arrays: Arrays) -> Weights:
        """Return what the neurons see of the weights."""
        weights = Weights(first=arrays["first"], second=arrays["second"])
        if self.array.wires == "ideal":
            return weights
        first, second = self._mesh(weights).reads(weights.first, weights.second)
        return Weights(first=first, second=second)

    def siemens(self, arrays: Arrays) -> list[Floats]:
        """Return what the devices of both layers conduct, (inputs, neurons) each; the balance lines
        conduct the middle of the window."""
        window = self.cells.window(self.device.build())
        pairs = zip(("first", "second"), self._network().limits, strict=True)
        return [window.at(0.5 + 0.5 * arrays[name].astype(float) / limit) for name, limit in pairs]

    def more_metrics(self, arrays: Arrays, images: Images, engine: Engine) -> Mapping[str, Any]:
        """Return the energy of the reads of one presentation, V²·Σ G·Δt over the spikes, balance
        lines included: the mean of a few test images."""
        if self.cells.kind == "ideal":
            return {}
        weights = Weights(first=arrays["first"], second=arrays["second"])
        inputs, hidden, _ = replay(
            self._network(), weights, images.test[:_SHOWN], self.rng(PICTURES)
        )
        window, joule = self.cells.window(self.device.build()), 0.0
        for spikes, siemens in zip((inputs, hidden), self.siemens(arrays), strict=True):
            line = siemens.sum(axis=1) + 0.5 * (window.low + window.high)
            joule += (
                float(spikes.sum(axis=1).mean(axis=0) @ line)
                * self.cells.read_volts**2
                * self.cells.step_s
            )
        return {"read_joule_a_presentation": joule}

    def reader(
        self, arrays: Arrays, images: Images, rng: np.random.Generator, engine: Engine
    ) -> Callable[[NDArray[np.uint8]], NDArray[np.int64]]:
        """Return what answers images by their output spikes."""
        weights, network, seed = self._seen(arrays), self._network(), rng.integers(2**63)
        nonideal = self._nonideal()
        return lambda pixels: answers(
            network, weights, pixels, np.random.default_rng(seed), nonideal=nonideal
        )

    def confirmed_layer(
        self, arrays: Arrays, images: Images, count: int, layer: int
    ) -> LayerToConfirm:
        """Return the devices of one layer and, as the last column, its balance line: a column less
        the balance is a weight."""
        only_layer(layer, 2)
        if self.cells.kind == "ideal":
            raise ConfigError(
                "cells.kind is 'ideal', so the weights are not on devices: train with --set"
                " cells.kind=device"
            )
        network, window = self._network(), self.cells.window(self.device.build())
        siemens = self.siemens(arrays)[layer]
        balance = np.full((len(siemens), 1), 0.5 * (window.low + window.high))
        weights = [arrays["first"], arrays["second"]]
        fired = replay(
            network,
            Weights(first=weights[0], second=weights[1]),
            images.test[:count],
            self.rng(PICTURES),
        )[layer]

        def answer(effective: Floats) -> NDArray[np.int64]:
            share = (effective[:, :-1] - effective[:, -1:]) / window.span
            used = [
                (2 * network.limits[k] * share).astype(np.float32) if k == layer else w
                for k, w in enumerate(weights)
            ]
            return answers(
                network,
                Weights(first=used[0], second=used[1]),
                images.test[:count],
                self.rng(PICTURES, 1),
            )

        volts = self.cells.read_volts * fired.mean(axis=1)
        return LayerToConfirm(
            siemens=np.concatenate([siemens, balance], axis=1), row_volts=volts, answers=answer
        )

    @property
    def cell_layers(self) -> int:
        """Both layers."""
        return 2

    def tiled(self) -> tuple[Wires, Tiling]:
        """Return the wires of a tile, and the tiles as they cut the devices: each tile has a
        balance line of its own besides."""
        if self.array.wires == "ideal":
            return super().tiled()
        return self.array.segments(), Tiling(
            rows=self.array.tile_rows, cols=max(self.array.tile_cols - 1, 0)
        )

    def first_tile(self, siemens: Floats) -> tuple[Crossbar, int]:
        """Return the first tile with its balance line, the last column of a layer as of a tile."""
        wires, tiling = self.tiled()
        shape = (siemens.shape[0], siemens.shape[1] - 1)
        rows, columns = next(tiling.parts(shape))
        tile = np.concatenate([siemens[rows, :-1][:, columns], siemens[rows, -1:]], axis=1)
        return Crossbar(conductance=tile, wires=wires), tiling.count(shape)

    def circuit(self) -> str:
        """Return what stands on arrays."""
        wires = (
            "wires have no resistance"
            if self.array.wires == "ideal"
            else "reads go through the wires of solved tiles"
        )
        layers = (
            f"{self.data.input_count}×{self.network.hidden} and"
            f" {self.network.hidden}×{self.data.class_count} weights"
        )
        if self.cells.kind == "ideal":
            return (
                f"Layers of {layers}, each a device minus a balance line, with ideal updates except"
                f" for their variation and levels; {wires}."
            )
        return (
            f"Layers of {layers}, each a {self.device.model} device less a balance line in the"
            " middle of its window. What pulses do to a device was solved for every voltage and"
            f" state; {wires}."
        )

    def solved_by(self, engine: str) -> tuple[str, ...]:
        """Return the engine for what pulses do to a device, and nodal for tiles with wires."""
        device, wires = self.cells.kind == "device", self.array.wires != "ideal"
        return tuple(
            dict.fromkeys(
                [*([engine] if device else []), *([default_engine().name] if wires else [])]
            )
        )

    def drawn_array(self) -> ArrayToDraw:
        """Return the first layer, its balance line the last column."""
        cell = "ideal devices" if self.cells.kind == "ideal" else self.device.model
        shape, name = (
            (self.data.input_count, self.network.hidden + 1),
            f"{cell}, a balance line last",
        )
        if self.array.wires == "ideal":
            return ArrayToDraw(shape=shape, wires=Wires.ideal(), cell=name)
        return ArrayToDraw.tile(
            shape, (self.array.tile_rows, self.array.tile_cols), self.array.segments(), name
        )

    def figures_data(self, arrays: Arrays, images: Images, engine: Engine) -> Mapping[str, Any]:
        """Return what the hidden neurons look for, the spread of the weights, spike counts, and one
        presentation spike by spike."""
        network, before, few = self._network(), self.untrained(), images.test[:_SHOWN]
        fired = replay(
            network,
            Weights(first=arrays["first"], second=arrays["second"]),
            few,
            self.rng(PICTURES),
        )
        layers = dict(zip(("inputs", "hidden", "outputs"), fired, strict=True))
        names = {"hidden": "first", "outputs": "second"}
        return {
            "fields": arrays["first"],
            **histogram_data(
                *({name: side[key] for name, key in names.items()} for side in (before, arrays))
            ),
            **spike_data({name: spikes.sum(axis=(1, 2)) for name, spikes in layers.items()}),
            **raster_data(
                {name: spikes[0] for name, spikes in layers.items()},
                step_s=0.0,
                shown=int(images.test_labels[0]),
            ),
        }


def _count(tally: Tally, done: Streamed) -> None:
    first, second = done.rows_written
    tally.add(
        updates=done.updates,
        input_events=done.input_events,
        rows_written_first=first,
        rows_written_second=second,
    )
