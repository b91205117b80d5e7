"""A trained network from elsewhere, mapped onto arrays and tested: the experiment behind `spicesnn
map`."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spicesnn.crossbar.tiles import Tiling
from spicesnn.crossbar.wires import Wires
from spicesnn.datasets import samples
from spicesnn.datasets.recordings import binning, reading
from spicesnn.datasets.scaling import Scale
from spicesnn.engines.base import Engine
from spicesnn.errors import ConfigError, DataError, RunError
from spicesnn.learning import metrics
from spicesnn.nonidealities.options import ImperfectionOptions
from spicesnn.options import Section, option, parse_override
from spicesnn.training.config import BaseConfig
from spicesnn.training.images import Images, StreamData
from spicesnn.training.run import RunDirectory
from spicesnn.training.sections import DeviceOptions, EventData
from spicesnn.training.state import Progress
from spicesnn.training.streamed import Arrays, ArrayToDraw, LayerToConfirm, StreamConfig, Tally
from spicesnn.training.summary import Summary, Watcher
from spicesnn.training.tile_wires import TileWires

if TYPE_CHECKING:
    from spicesnn.crossbar.crossbar import Crossbar
    from spicesnn.networks.chip import Chip
    from spicesnn.networks.circuit import ChipDeck
    from spicesnn.networks.hardware import Hardware
    from spicesnn.networks.network import Network
    from spicesnn.networks.structure import Structure

ENDINGS = (".nir", ".onnx", ".npz")
_CALIBRATION_FRACTION = 0.2
_SUSPICIOUS = 0.5
"""A network that gets less of the way from chance to certainty than this is asked after its
data."""


@dataclass(frozen=True, kw_only=True)
class MapData(EventData, StreamData):
    """[data]: samples as they are; nothing is scaled."""

    path: str = option(
        "",
        "npz file with x and y, csv file with a column of labels, or recordings of events by class:"
        " the test samples",
    )
    shape: tuple[int, ...] = option(
        (),
        "recordings of events: rows and columns of the sensor; empty: what the network or the"
        " files say",
        lowest=1,
    )
    label: str = option("label", "the column of a csv file that holds the classes")
    calibrate: str = option(
        "",
        "file of training samples from which the converters' ranges are found; a fifth of `path` is"
        " set aside if empty",
    )
    scale: str = option("none", "a trained network takes data as they are", choices=("none",))

    def check_used(self, path: str) -> None:
        """Refuse what says how recordings are read where there are none."""
        super().check_used(path)
        if self.shape:
            raise ConfigError(
                f"data.shape is {list(self.shape)}, but {path} holds no recordings of events, whose"
                " sensor it describes; expected that setting left out"
            )


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork(Section):
    """[network]: the file, and what it does not say."""

    path: str = option("", "a .nir, .onnx or .npz file of a trained network")
    activation: str = option(
        "relu", "between the layers of an npz file", choices=("relu", "sigmoid", "tanh", "identity")
    )
    steps: int = option(
        0,
        "time steps for which inputs without a time axis are held; 0: what the file says, or 100",
        lowest=0,
    )
    dt_s: float = option(0.0, "time step of a NIR file; 0: what the file says, or 1 ms", lowest=0.0)
    reset: str = option(
        "",
        "what a spike does to a membrane in a NIR file that does not say it",
        choices=("", "value", "subtract"),
    )


@dataclass(frozen=True, kw_only=True)
class HardwareOptions(Section):
    """[hardware]: how weights and values become conductances and volts."""

    columns: str = option(
        "differential",
        "how signed weights map to columns",
        choices=("differential", "offset", "single"),
    )
    bits_per_cell: int = option(0, "a cell holds 2**this conductances; 0: any", lowest=0)
    slices: int = option(1, "arrays among which the bits of a weight are divided", lowest=1)
    dac_bits: int = option(0, "resolution of the inputs; 0: ideal", lowest=0)
    dac_coding: str = option(
        "amplitude",
        "how inputs reach the word lines",
        choices=("amplitude", "bit-serial", "pulse-width"),
    )
    dac_range: str = option(
        "max",
        "full scale of the inputs, from calibration samples",
        choices=("max", "percentile", "least-error"),
    )
    adc_bits: int = option(0, "resolution of the column currents; 0: ideal", lowest=0)
    adc_range: str = option(
        "least-error",
        "full scale of the currents, from calibration samples",
        choices=("max", "percentile", "least-error"),
    )
    adc_offset_lsb: float = option(
        0.0, "standard deviation of the converters' offsets, in steps", lowest=0.0
    )
    adc_gain_error: float = option(
        0.0, "standard deviation of the converters' relative gain", lowest=0.0
    )
    adc_inl_lsb: float = option(
        0.0, "largest integral non-linearity of the converters, in steps", lowest=0.0
    )
    adc_noise_lsb: float = option(0.0, "noise of each conversion, in steps", lowest=0.0)
    read_volts: float = option(0.2, "word-line voltage of full scale", above=0.0)
    read_s: float = option(100e-9, "duration of a read", above=0.0)
    convolution: str = option(
        "sliding",
        "kernels as small arrays under sliding inputs, or all positions unrolled",
        choices=("sliding", "unrolled"),
    )
    wire_aware: bool = option(
        False, "choose conductances whose tiles, IR drop included, do what the weights ask for"
    )
    fill: float = option(
        1.0,
        "fraction of the conductance window that the largest weight takes",
        above=0.0,
        highest=1.0,
    )
    reads_alike: int = option(
        100, "inputs that see the same read noise where each draw is solved again", lowest=1
    )


@dataclass(frozen=True, kw_only=True)
class MapConfig(StreamConfig):
    """What `spicesnn map` does, as an experiment like any other."""

    kind: ClassVar[str] = "map"

    data: MapData = field(default_factory=MapData)
    network: TrainedNetwork = field(default_factory=TrainedNetwork)
    hardware: HardwareOptions = field(default_factory=HardwareOptions)
    array: TileWires = field(default_factory=TileWires)
    device: DeviceOptions = field(
        default_factory=lambda: DeviceOptions(
            model="vteam", parameters={"r_on": "10k", "r_off": "1meg"}
        )
    )
    imperfections: ImperfectionOptions = field(default_factory=ImperfectionOptions)

    # -- what it is made of --------------------------------------------------------------------

    def built_network(self, path: str | Path | None = None) -> Network:
        """The trained network, from its file or from the copy that a run keeps."""
        from spicesnn.networks.network import Network

        given = Path(path or self.network.path)
        if not str(path or self.network.path):
            raise ConfigError(
                "network.path is empty; expected a file of a trained network"
                f" ({', '.join(ENDINGS)})"
            )
        ending = given.suffix.lower()
        if ending == ".nir":
            made = Network.from_nir(
                given,
                dt_s=self.network.dt_s or None,
                reset=self.network.reset or None,
                steps=self.network.steps or None,
            )
        elif ending == ".onnx":
            made = Network.from_onnx(given)
        elif ending == ".npz":
            made = Network.from_arrays(given, activation=self.network.activation)
        else:
            raise ConfigError(
                f"{given}: expected a file of a trained network that ends in {', '.join(ENDINGS)}"
            )
        return made.with_steps(self.network.steps) if self.network.steps else made

    def built_hardware(self) -> Hardware:
        """The hardware that the tables describe."""
        from spicesnn.networks.converters import ADC, DAC
        from spicesnn.networks.hardware import Hardware

        told, device = self.hardware, self.device.build()
        dac = (
            DAC(bits=told.dac_bits, coding=told.dac_coding, range=told.dac_range)  # type: ignore[arg-type]
            if told.dac_bits
            else None
        )
        adc = None
        if told.adc_bits:
            adc = ADC(
                bits=told.adc_bits,
                range=told.adc_range,
                offset_lsb=told.adc_offset_lsb,
                gain_error=told.adc_gain_error,
                inl_lsb=told.adc_inl_lsb,
                noise_lsb=told.adc_noise_lsb,
            )
        plain = Hardware(
            device=device,
            wires=self.array.segments(),
            tile=(self.array.tile_rows or 10**9, self.array.tile_cols or 10**9),
            columns=told.columns,  # type: ignore[arg-type]
            bits_per_cell=told.bits_per_cell or None,
            slices=told.slices,
            dac=dac,
            adc=adc,
            read_volts=told.read_volts,
            read_s=told.read_s,
            wire_aware=told.wire_aware,
            fill=told.fill,
            reads_alike=told.reads_alike,
            convolution=told.convolution,  # type: ignore[arg-type]
        )
        if self.imperfections == ImperfectionOptions():
            return plain
        if self.imperfections.drift_compensation:
            raise ConfigError(
                "imperfections.drift_compensation is for arrays that learn; those of spicesnn map"
                " are read as they are after their rest"
            )
        flaws = replace(
            self.imperfections.build(device, plain.used_window(), volts=plain.chord_volts),
            rest_s=self.imperfections.rest_s,
        )
        return plain.with_changes(imperfections=flaws)

    def samples(self) -> tuple[NDArray[np.float64], NDArray[Any], NDArray[np.float64] | None]:
        """Test inputs and labels, and calibration inputs where something has to be calibrated.

        Without a file of its own the calibration has a fifth of the samples, drawn by the seed;
        they are not tested."""
        x, y, calibration, _ = self._loaded()
        return x, y, calibration

    def _loaded(
        self,
    ) -> tuple[NDArray[np.float64], NDArray[Any], NDArray[np.float64] | None, tuple[str, ...]]:
        """What `samples` returns, and how recordings of events were read."""
        if not self.data.path:
            raise ConfigError(
                "data.path is empty; expected an .npz file with x and y, or a .csv file with labels"
            )
        x, y, remarks = self._read(self.data.path)
        if self.data.calibrate:
            calibration = self._read(self.data.calibrate, x.shape[1])[0]
        elif self.hardware.dac_bits or self.hardware.adc_bits or not self.device.build().linear:
            order = np.random.default_rng([self.seed, 77]).permutation(len(x))
            count = max(1, round(_CALIBRATION_FRACTION * len(x)))
            if count >= len(x):
                raise DataError(
                    f"{self.data.path} has {len(x)} sample(s), and the converters have to be"
                    " calibrated on others than are tested; give data.calibrate"
                )
            calibration, kept = x[np.sort(order[:count])], np.sort(order[count:])
            x, y = x[kept], y[kept]
        else:
            calibration = None
        limit = self.data.test_limit or len(x)
        return x[:limit], y[:limit], calibration, remarks

    def _read(
        self, path: str, steps: int = 0
    ) -> tuple[NDArray[np.float64], NDArray[Any], tuple[str, ...]]:
        """Inputs and labels of a file; of recordings the events of each input in each time step,
        and how they were read."""
        if not reading.is_events(Path(path)):
            self.data.check_used(path)
            like = self.data.path if path != self.data.path else ""
            return *samples.read(path, label=self.data.label, like=like), ()
        network = self.built_network()
        if not network.temporal:
            raise ConfigError(
                f"{path} holds recordings of events, and no neuron of the network lives in time;"
                " give it the numbers of events as an npz file"
            )
        rows = network.input_shape[-2:] if len(network.input_shape) > 1 else ()
        grid = self.data.grid(
            self.data.step_s or network.dt_s, self.data.steps or steps, self.data.shape or rows
        )
        learnt, held = reading.read_set(path, sensor=self.data.sensor or None)
        chosen = binning.limited(held or learnt, self.data.test_limit)
        found = binning.sequences(chosen, grid, inputs=int(np.prod(network.input_shape)))
        said = "the test recordings of " if held else ""
        return (
            found.inputs.astype(float),
            samples.numbered([found.names[k] for k in found.labels]),
            (f"{said}{Path(path).name}: {found.remarks[0]}", *found.remarks[1:]),
        )

    def chip(
        self, network: Network, calibration: NDArray[np.float64] | None, engine: Engine
    ) -> Chip:
        """The network on its hardware."""
        from spicesnn.networks.chip import Chip

        return Chip.made(
            network, self.built_hardware(), calibrate=calibration, seed=self.seed, engine=engine
        )

    # -- the run -------------------------------------------------------------------------------

    def train(
        self, *, engine: Engine, out: str | Path | None, progress: Watcher | None, resume: bool
    ) -> Summary:
        """Map the network, test it, and leave a run directory (nothing is learnt)."""
        begun = time.perf_counter()
        network = self.built_network()
        x, y, calibration, said = self._loaded()
        network.taken(x[:1])
        run = (
            RunDirectory.existing(out or "")
            if resume
            else RunDirectory.create(out, self, engine.versions())
        )
        with run.being_made(engine):
            source = Path(self.network.path)
            content = source.read_bytes()
            run.save_bytes(f"network{source.suffix.lower()}", content)
            run.log(
                f"mapping {source.name} ({hashlib.sha256(content).hexdigest()[:16]}), seed"
                f" {self.seed}"
            )
            for remark in (*network.remarks, *said):
                run.log(remark)
            _tell(progress, 0, "mapping the weights")
            chip = self.chip(network, calibration, engine)
            _tell(progress, 1, f"answering {len(x)} samples")
            return self._tested(run, chip, x, y, engine, begun, progress, said)

    def _tested(
        self,
        run: RunDirectory,
        chip: Chip,
        x: NDArray[np.float64],
        y: NDArray[Any],
        engine: Engine,
        begun: float,
        progress: Watcher | None,
        said: tuple[str, ...] = (),
    ) -> Summary:
        network = chip.network
        ideal = network.accuracy(x, y)
        decided = network.decided(chip.outputs(x))
        accuracy = network.scored(decided, y)
        _tell(progress, 2, "energy of the arrays")
        cost = chip.cost(x[:64])
        labels = _numbers(network, y)
        classes = max(2, network.outputs_count)
        counts = metrics.confusion(decided, labels, classes)
        names = [str(label) for label in network.classes or range(classes)]
        cells = sum(
            block.array.rows * block.array.cols
            for layer in chip.layers.values()
            for block in layer.blocks
        )
        remarks = [
            *said,
            *self._unused(network),
            *network.remarks,
            *chip.remarks,
            *_asked(ideal, classes),
        ]
        extra: dict[str, Any] = {
            "ideal_accuracy": ideal,
            "latency_s": cost.latency_s,
            "area_m2": cost.area_m2,
            "operations": cost.operations,
            "tops_per_watt": cost.tops_per_watt,
            "cells": cells,
            "tiles": sum(len(layer.blocks) for layer in chip.layers.values()),
            "silent_or_tied": int(np.sum(decided == metrics.NOBODY)),
            "held_out": True,
            "remarks": remarks,
            "cost": cost.table(),
            "accuracy_by_class": [
                float(row[k] / max(row.sum(), 1)) for k, row in enumerate(counts)
            ],
            "layers": [
                {
                    "layer": name,
                    "tiles": len(layer.blocks),
                    "weights_error": layer.weights_error,
                    "full_scale": layer.full,
                    "largest_weight": layer.largest,
                    "clipped_inputs": chip.readouts[name].clipped_inputs,
                    "clipped_outputs": chip.readouts[name].clipped_outputs,
                    "effective_bits": _finite(chip.readouts[name].effective_bits),
                }
                for name, layer in chip.layers.items()
            ],
        }
        summary = Summary(
            preset=self.preset,
            engine=engine.name,
            seed=self.seed,
            run=str(run.path),
            test_accuracy=accuracy,
            n_test=len(x),
            train_accuracy=ideal,
            converged=True,
            epochs=0,
            wall_s=time.perf_counter() - begun,
            energy_joule=cost.energy_joule,
            extra=extra,
        )
        shown = {
            "predicted": decided,
            "labels": labels,
            "confusion": counts,
            "class_names": np.array(names),
        }
        states = {
            f"array_{number}_{k}": block.array.state_or_zeros()
            for number, layer in enumerate(chip.layers.values())
            for k, block in enumerate(layer.blocks)
        }
        states["array_full_scales"] = np.array([layer.full for layer in chip.layers.values()])
        run.save_checkpoint(0, states, shown)
        run.write_metrics("metrics.json", summary.table())
        run.log(
            f"done: test {100 * accuracy:.2f} % of {len(x)}, on ideal arrays {100 * ideal:.2f} %"
        )
        return summary

    def _unused(self, network: Structure) -> list[str]:
        """Settings that mean nothing for this network, these data and this hardware."""
        ending = Path(self.network.path).suffix.lower()
        alone = {
            "network": {
                "activation": ("" if ending == ".npz" else f"a {ending} file says its own"),
                "steps": "" if network.temporal else "no neuron lives in time",
                "dt_s": "" if ending == ".nir" else "no NIR file",
                "reset": "" if ending == ".nir" else "no NIR file",
            },
            "hardware": {
                entry.name: f"hardware.{part}_bits is 0"
                for part in ("dac", "adc")
                for entry in fields(self.hardware)
                if entry.name.startswith(f"{part}_") and not getattr(self.hardware, f"{part}_bits")
            },
        }
        plain = MapConfig()
        return [
            f"{section}.{name} has no effect: {why}"
            for section, reasons in alone.items()
            for name, why in reasons.items()
            if why
            and getattr(getattr(self, section), name) != getattr(getattr(plain, section), name)
        ]

    def kept_network(self, run: RunDirectory) -> Network:
        """The network as the run keeps it."""
        copy = run.path / f"network{Path(self.network.path).suffix.lower()}"
        if not copy.is_file():
            raise RunError(
                f"{run.path} has no {copy.name}: the network that was mapped; map it again"
            )
        return self.built_network(copy)

    def infer(
        self, run: RunDirectory, *, engine: Engine, test_limit: int | None, kept: RunDirectory
    ) -> Summary:
        """Answer the test samples again, every array solved by `engine`."""
        config = (
            self
            if test_limit is None
            else replace(self, data=replace(self.data, test_limit=test_limit))
        )
        before, begun = run.metrics(), time.perf_counter()
        network = self.kept_network(run)
        x, y, calibration = config.samples()
        chip = config.chip(network, calibration, engine)
        decided = network.decided(chip.outputs(x))
        summary = Summary(
            preset=self.preset,
            engine=engine.name,
            seed=self.seed,
            run=str(run.path),
            test_accuracy=network.scored(decided, y),
            n_test=len(x),
            train_accuracy=float(before["train_accuracy"]),
            converged=True,
            epochs=0,
            wall_s=time.perf_counter() - begun,
            energy_joule=chip.cost(x[:64]).energy_joule,
            extra={"silent_or_tied": int(np.sum(decided == metrics.NOBODY))},
        )
        kept.save_arrays(
            f"inference-{engine.name}.npz", {"predicted": decided, "labels": _numbers(network, y)}
        )
        kept.write_metrics(f"inference-{engine.name}.json", summary.table())
        return summary

    # -- what reports and decks ask for --------------------------------------------------------

    def decks(
        self, run: RunDirectory | None, count: int, *, title: str
    ) -> list[tuple[Crossbar, ChipDeck]]:
        """The first test samples shown to the whole network as decks (`Chip.decks`), each with the
        first of its arrays."""
        from spicesnn.engines.nodal.engine import NodalEngine

        network = self.built_network() if run is None else self.kept_network(run)
        x, _, calibration = self.samples()
        chip = self.chip(network, calibration, NodalEngine())
        return [(chip.first_array(deck.nodes), deck) for deck in chip.decks(x[:count], title=title)]

    def circuit(self) -> str:
        """What of it are arrays, in a sentence."""
        told = self.hardware
        cells = (
            "any conductance"
            if not told.bits_per_cell
            else f"{2**told.bits_per_cell} conductances a cell"
        )
        return (
            f"Every layer of {Path(self.network.path).name} is mapped onto tiles of up to"
            f" {self.array.tile_rows} × {self.array.tile_cols} cells ({told.columns} columns,"
            f" {told.slices} slice(s), {cells}), whose currents follow from the tiles' solved"
            " circuits. Energy, latency and area of everything around the arrays are tabulated"
            " figures of published designs; the arrays' energy is solved."
        )

    def drawn_array(self) -> ArrayToDraw | None:
        """One tile."""
        shape = (min(self.array.tile_rows or 16, 16), min(self.array.tile_cols or 16, 16))
        return ArrayToDraw(
            shape=shape,
            wires=self.array.segments(),
            cell=f"{self.device.model} (part of one tile)",
            differential=self.hardware.columns == "differential",
        )

    def images(self, scale: Scale | None = None) -> Images:
        """The test samples; training samples it has none."""
        x, y, _ = self.samples()
        flat = x.reshape(len(x), -1)
        nothing = np.zeros(0, dtype=np.int64)
        return Images(
            train=flat[:0], train_labels=nothing, test=flat, test_labels=np.asarray(_counted(y))
        )

    def confirmed_layer(
        self, arrays: Arrays, images: Images, count: int, layer: int
    ) -> LayerToConfirm:
        """The first tile of a layer as it was programmed, and what the first test samples put onto
        its lines."""
        from spicesnn.networks import evaluate
        from spicesnn.networks.nodes import Weighted

        device = self.device.build()
        if not device.linear:
            raise ConfigError(
                f"cells of {device.name} are not linear, and this check takes conductances"
            )
        if f"{layer}_0" not in arrays:
            raise ConfigError(
                "a network is mapped by `spicesnn map`; its decks are those of the run"
            )
        siemens = np.array(device.conductance(0.0, arrays[f"{layer}_0"]))
        network = self.built_network()
        name = network.weighted[layer]
        node, sources = network.nodes[name], network.inputs_of(name)
        assert isinstance(node, Weighted)
        x = network.taken(self.samples()[0][:count])
        values = evaluate.run(network, x, keep=frozenset(sources))
        seen = sum((values[source] for source in sources[1:]), start=values[sources[0]])
        rows = node.rows_of(seen.reshape(-1, *seen.shape[2:]) if network.temporal else seen)[0][
            :count
        ]
        u = np.ones((len(rows), max(rows.shape[1], len(siemens))))
        u[:, : rows.shape[1]] = rows / (
            float(arrays["full_scales"][layer]) if "full_scales" in arrays else 1.0
        )
        return LayerToConfirm(
            siemens=siemens,
            row_volts=self.hardware.read_volts * u[:, : len(siemens)],
            answers=_unanswered,
        )

    def tiled(self) -> tuple[Wires, Tiling]:
        """The wires of a tile, and how large it is."""
        return self.array.segments(), Tiling(rows=self.array.tile_rows, cols=self.array.tile_cols)

    @property
    def cell_layers(self) -> int:
        """Layers that stand on cells."""
        return len(self.built_network().weighted)

    # -- nothing is learnt ---------------------------------------------------------------------

    @property
    def chunks(self) -> tuple[int, int]:
        """Nothing to pass over."""
        return 0, 1

    def fresh(self, rng: np.random.Generator) -> Arrays:
        """Nothing is untrained."""
        return {}

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
        """Nothing is learnt."""
        return arrays

    def reader(
        self, arrays: Arrays, images: Images, rng: np.random.Generator, engine: Engine
    ) -> Callable[[NDArray[np.uint8]], NDArray[np.int64]]:
        """Mapped networks answer through `infer`."""
        raise ConfigError("a mapped network answers through `spicesnn infer`")


def _unanswered(siemens: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.zeros(0, dtype=np.int64)


def _tell(progress: Watcher | None, done: int, text: str) -> None:
    if progress is not None:
        progress(Progress(done=done, total=3, text=text))


def _counted(y: NDArray[Any]) -> list[int]:
    order = sorted(set(y.tolist()), key=str)
    return [order.index(label) for label in y.tolist()]


def _numbers(network: Structure, y: NDArray[Any]) -> NDArray[np.int64]:
    """Labels as numbers of outputs; −2 for one that the network has not."""
    if network.classes is None:
        return np.asarray(y, dtype=np.int64)
    place = {label: k for k, label in enumerate(network.classes)}
    return np.array([place.get(label, -2) for label in y.tolist()], dtype=np.int64)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _asked(ideal: float, classes: int) -> list[str]:
    """A line for a network that does far worse on ideal arrays than the labels allow."""
    if (ideal - 1 / classes) / (1 - 1 / classes) >= _SUSPICIOUS:
        return []
    return [
        f"on ideal arrays the network answers {100 * ideal:.1f} % rightly ({100 / classes:.1f} % is"
        " chance): are the data scaled, and the classes numbered, as in its training?"
    ]


def load_map(
    network: str | Path,
    data: str | Path,
    overrides: Mapping[str, str],
    seed: int | None,
    engine: str | None,
) -> MapConfig:
    """The configuration of `spicesnn map NETWORK --data FILE --set …`."""
    from spicesnn.training.config import from_here, from_tables, overridden

    for what, path in (("network", Path(network)), ("data", Path(data))):
        if not path.is_file() and not (what == "data" and path.is_dir()):
            raise ConfigError(f"there is no {what} file {path}")
    tables = MapConfig().to_tables()
    tables |= {
        "preset": _named(Path(network).stem),
        "description": f"{Path(network).name} mapped onto crossbar arrays",
    }
    tables["network"]["path"], tables["data"]["path"] = (
        str(Path(network).resolve()),
        str(Path(data).resolve()),
    )
    if seed is not None:
        tables["seed"] = seed
    if engine is not None:
        tables = overridden(tables, {"engine": engine})
    pairs = dict(parse_override(f"{key}={value}") for key, value in overrides.items())
    made = from_tables(
        overridden(tables, {key: from_here(key, value) for key, value in pairs.items()})
    )
    assert isinstance(made, BaseConfig)
    assert isinstance(made, MapConfig)
    return made


def _named(stem: str) -> str:
    kept = "".join(
        character if character.isalnum() or character in "-_." else "-" for character in stem
    ).strip(".-")
    return f"map-{kept[:80] or 'network'}"
