"""`deep-mnist`: learn in software, map onto arrays of devices, tune in situ; with a preset, a run
directory and a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.blas import one_blas_thread
from spicesnn.crossbar.mapping import Window
from spicesnn.crossbar.tiles import Tiling
from spicesnn.crossbar.wires import Wires
from spicesnn.engines.base import Engine
from spicesnn.engines.default import default_engine
from spicesnn.errors import ConfigError
from spicesnn.learning import metrics
from spicesnn.learning.weights import load_weights
from spicesnn.nonidealities.options import MappedImperfections
from spicesnn.programming.pulse_map import StepLimits
from spicesnn.training.deep.arrays import LayerArrays, check_device, spread_together
from spicesnn.training.deep.insitu import tuned
from spicesnn.training.deep.network import DeepNetwork, F, ReadNoise, decided, forward, outputs_of
from spicesnn.training.deep.options import (
    ExsituSection,
    InSituSection,
    MappingSection,
    NetworkSection,
    WireSection,
)
from spicesnn.training.deep.software import Learnt, learnt_more
from spicesnn.training.pictures import histogram_data, raster_data, spike_data
from spicesnn.training.sections import DeviceOptions
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

_DEVICES, _NOISE = 100, 101
"""Purposes of generators, beside those of the controller."""

_SHOWN = 100
"""Test images whose spikes are counted for the figures."""


@dataclass(frozen=True, kw_only=True)
class DeepConfig(StreamConfig):
    """The preset `deep-mnist` and its relatives."""

    kind: ClassVar[str] = "deep"
    grey: ClassVar[bool] = False

    data: LearntData = field(default_factory=LearntData)
    network: NetworkSection = field(default_factory=NetworkSection)
    exsitu: ExsituSection = field(default_factory=ExsituSection)
    device: DeviceOptions = field(default_factory=DeviceOptions)
    array: WireSection = field(default_factory=WireSection)
    mapping: MappingSection = field(default_factory=MappingSection)
    imperfections: MappedImperfections = field(default_factory=MappedImperfections)
    insitu: InSituSection = field(default_factory=InSituSection)

    @property
    def chunks(self) -> tuple[int, int]:
        """Passes over the training images (in software, then in situ), and images in a chunk."""
        return (
            self._software_epochs + (self.insitu.epochs if self.mapping.devices else 0),
            self.exsitu.chunk,
        )

    @property
    def _software_epochs(self) -> int:
        return (
            0
            if self.exsitu.weights
            else self.data.passes(self.exsitu.epochs, self.exsitu.presentations)
        )

    def _network(self) -> DeepNetwork:
        return self.network.build(self.data.input_count, self.data.class_count)

    # -- learning ---------------------------------------------------------------------------------

    def fresh(self, rng: np.random.Generator) -> Arrays:
        """Return random weights, or those of the file `exsitu.weights`."""
        network = self._network()
        software = self.exsitu.build(len(network.shapes), self.data.image)
        if not self.exsitu.weights:
            return _software_arrays(Learnt.fresh(network, software, rng))
        loaded = load_weights(self.exsitu.weights, network.shapes, bias=True)
        return {
            f"mean_{k}": (w * limit).astype(np.float32)
            for k, (w, limit) in enumerate(zip(loaded, software.limits, strict=True))
        }

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
        """Learn from a chunk: in software while its epochs last, in situ afterwards."""
        if epoch >= self._software_epochs:
            return self._tuned(
                self._mapped(arrays, engine, tally), images, labels, rng, epoch, engine, tally
            )
        network = self._network()
        software = self.exsitu.build(len(network.shapes), self.data.image)
        total = self._software_epochs * -(-self._train_images // software.batch)
        with one_blas_thread():
            state, loss = learnt_more(
                network, software, _learnt(arrays), images, labels, rng, total=total
            )
        tally.add(software_loss=loss * len(images) / max(self._train_images, 1))
        return _software_arrays(state)

    @property
    def _train_images(self) -> int:
        return self.data.train_count

    def completed(self, arrays: Arrays, engine: Engine, tally: Tally) -> Arrays:
        """Map onto devices what has not been mapped yet."""
        return self._mapped(arrays, engine, tally) if self.mapping.devices else arrays

    def _mapped(self, arrays: Arrays, engine: Engine, tally: Tally) -> Arrays:
        if "state_0" in arrays:
            return arrays
        kept: Arrays = {name: value for name, value in arrays.items() if name.startswith("mean_")}
        states, worst = self._program(_means(arrays), wire_aware=self.mapping.wire_aware)
        tally.add(
            mapping_error=worst,
            cells=float(sum(s.size for s in states)),
            tiles=float(self._tiles()),
        )
        return {**kept, **{f"state_{k}": state for k, state in enumerate(states)}}

    def _program(self, weights: list[F], *, wire_aware: bool) -> tuple[list[Floats], float]:
        states = self.imperfections.checked_states(table=False)
        done = [
            layer.mapped(w, wire_aware=wire_aware, states=states)
            for layer, w in zip(self.layers(), weights, strict=True)
        ]
        return [state for state, _ in done], max(error for _, error in done)

    def _tuned(
        self,
        arrays: Arrays,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        rng: np.random.Generator,
        epoch: int,
        engine: Engine,
        tally: Tally,
    ) -> Arrays:
        network, layers = self._network(), self.layers()
        past, before = epoch - self._software_epochs, int(arrays.get("tuned_images", 0))
        after, whole = before + len(images), self.insitu.epochs * self._train_images
        if "limits" in arrays:
            limits = StepLimits(
                at=arrays["limits"][0], up=arrays["limits"][1], down=arrays["limits"][2]
            )
        else:
            limits = StepLimits.solved(self.device.build(), engine, self.insitu.pulses())
        how = self.insitu.build(self.exsitu, self.imperfections.cycle_to_cycle, self.data.image)
        done = tuned(
            network,
            layers,
            _states(arrays),
            limits,
            how,
            images,
            labels,
            rng,
            train=self.insitu.trained(past, len(layers)),
            schedule=(1.0 - before / whole, 1.0 - after / whole),
        )
        tally.add(pulses=done.pulses, tile_solves=done.solves)
        tally.totals["stale_error"] = max(tally.totals.get("stale_error", 0.0), done.stale_error)
        kept = {
            "limits": np.stack([limits.at, limits.up, limits.down]),
            "tuned_images": np.asarray(after),
        }
        return {**arrays, **kept, **{f"state_{k}": state for k, state in enumerate(done.states)}}

    # -- the arrays -------------------------------------------------------------------------------

    def layers(self) -> list[LayerArrays]:
        """Return the arrays of all layers as they left the factory; the seed decides on spread and
        stuck cells."""
        device = self.device.build()
        check_device(device)
        if self.imperfections.stuck:
            raise ConfigError(
                "imperfections.stuck: a cell that is stuck before the mapping has no defined"
                " conductance; give imperfections.stuck_on and imperfections.stuck_off"
            )
        window, made = Window.of(device), list[LayerArrays]()
        limits = self.exsitu.build(len(self._network().shapes)).limits
        flaws, array = self.imperfections, self.array
        for k, (shape, limit) in enumerate(zip(self._network().shapes, limits, strict=True)):
            rng, cells = np.random.default_rng([self.seed, _DEVICES, k]), (shape[0], 2 * shape[1])
            own = spread_together(device, cells, flaws.parameters, flaws.spread, rng)
            stuck = (
                flaws.stuck_map(cells, rng, pixels=shape[0] - 1 if k == 0 else 0)
                if flaws.any_stuck
                else None
            )
            made.append(
                LayerArrays(
                    shape=shape,
                    limit=limit,
                    fill=self.mapping.fill,
                    nominal=device,
                    device=own,
                    stuck=stuck,
                    window=window,
                    wires=array.segments(),
                    tiling=Tiling(rows=array.tile_rows, cols=array.tile_cols),
                )
            )
        return made

    def _tiles(self) -> int:
        return sum(layer.tiling.count(layer.cells) for layer in self.layers())

    def _effective(self, states: list[Floats]) -> list[Floats]:
        return [
            layer.effective(layer.siemens(state))
            for layer, state in zip(self.layers(), states, strict=True)
        ]

    # -- answers ----------------------------------------------------------------------------------

    def _classes(
        self, weights: list[F], variances: list[F], images: NDArray[np.uint8]
    ) -> NDArray[np.int64]:
        noise = (
            ReadNoise(variances=variances, rng=np.random.default_rng([self.seed, _NOISE]))
            if variances
            else None
        )
        return decided(*outputs_of(self._network(), weights, images, noise))

    def _weights_of(self, states: list[Floats]) -> tuple[list[F], list[F]]:
        """Return the weights that the arrays amount to, and their variances for the read noise
        (none without)."""
        layers, effective = self.layers(), self._effective(states)
        weights = [layer.weights(e) for layer, e in zip(layers, effective, strict=True)]
        noise = self.imperfections.read_noise
        return weights, (
            [layer.variances(e, noise) for layer, e in zip(layers, effective, strict=True)]
            if noise
            else []
        )

    def reader(
        self, arrays: Arrays, images: Images, rng: np.random.Generator, engine: Engine
    ) -> Callable[[NDArray[np.uint8]], NDArray[np.int64]]:
        """Return what answers images: the arrays once there are any, the software's weights
        before."""
        weights, variances = (
            self._weights_of(_states(arrays)) if "state_0" in arrays else (_means(arrays), [])
        )
        return partial(self._classes, weights, variances)

    def more_metrics(self, arrays: Arrays, images: Images, engine: Engine) -> dict[str, Any]:
        """Return the accuracy of the software's weights, of the same mapped without regard to
        wires, and as mapped before any tuning; energy."""
        found: dict[str, Any] = {}

        def accuracy(weights: list[F], variances: list[F]) -> float:
            return metrics.accuracy(
                self._classes(weights, variances, images.test), images.test_labels
            )

        found["software_accuracy"] = accuracy(_means(arrays), [])
        if "state_0" not in arrays:
            return found
        found["uncompensated_accuracy"] = accuracy(
            *self._weights_of(self._program(_means(arrays), wire_aware=False)[0])
        )
        mapped = (
            self._program(_means(arrays), wire_aware=self.mapping.wire_aware)[0]
            if "tuned_images" in arrays
            else _states(arrays)
        )
        found["mapped_accuracy"] = accuracy(*self._weights_of(mapped))
        return {**found, **self._read_energy(arrays, images)}

    def _read_energy(self, arrays: Arrays, images: Images) -> dict[str, float]:
        """Return the energy of the reads of one presentation, Σ V²·G·Δt over cells and steps, and
        spikes a neuron and step, a layer.

        The mean of the first test images; what the wires take from the cells' volts is left out (it
        would lower the result by a few per cent)."""
        layers, network, few = (
            self.layers(),
            self._network(),
            images.test[:200].astype(np.float32) / np.float32(255.0),
        )
        siemens = [
            layer.siemens(state) for layer, state in zip(layers, _states(arrays), strict=True)
        ]
        trace = forward(
            network, [layer.weights(g) for layer, g in zip(layers, siemens, strict=True)], few
        )
        volt_seconds = self.array.read_volts**2 * self.array.step_s * network.steps
        joule = [
            (
                volt_seconds
                * float(np.mean(np.mean(v.astype(float) ** 2, axis=(0, 1)) @ g.sum(axis=1)))
                if k == 0
                else volt_seconds * float(v.astype(float).mean(axis=(0, 1)) @ g.sum(axis=1))
            )
            for k, (v, g) in enumerate(zip(trace.values, siemens, strict=True))
        ]
        rates = {
            f"spike_rate_{k}": float(v[:, :, :-1].mean()) for k, v in enumerate(trace.values) if k
        }
        return {"read_joule_a_presentation": float(sum(joule)), **rates}

    def figures_data(self, arrays: Arrays, images: Images, engine: Engine) -> Mapping[str, Any]:
        """Return what the first layer looks for, the spread of weights or conductances, spike
        counts, and one presentation spike by spike."""
        mapped = "state_0" in arrays
        weights = self._weights_of(_states(arrays))[0] if mapped else _means(arrays)
        names = [*(f"hidden {k + 1}" for k in range(len(weights) - 1)), "outputs"]
        trace = forward(
            self._network(), weights, images.test[:_SHOWN].astype(np.float32) / np.float32(255.0)
        )
        fired = dict(zip(names, [volts >= 1.0 for volts in trace.potentials], strict=False))
        if mapped:
            layers = self.layers()
            pairs = [
                (layer.wanted(w), layer.siemens(s))
                for layer, w, s in zip(layers, _means(arrays), _states(arrays), strict=True)
            ]
            spread_of = histogram_data(
                *(dict(zip(names, side, strict=True)) for side in zip(*pairs, strict=True)),
                unit="S",
                sides=("required by the weights", "as the cells are"),
            )
        else:
            before = _means(self.untrained())
            spread_of = histogram_data(
                dict(zip(names, before, strict=True)), dict(zip(names, weights, strict=True))
            )
        return {
            "fields": weights[0][:-1],
            **spread_of,
            **spike_data({name: spikes.sum(axis=(1, 2)) for name, spikes in fired.items()}),
            **raster_data(
                {name: spikes[0] for name, spikes in fired.items()},
                step_s=self.array.step_s if mapped else 0.0,
                shown=int(images.test_labels[0]),
            ),
        }

    def confirmed_layer(
        self, arrays: Arrays, images: Images, count: int, layer: int
    ) -> LayerToConfirm:
        """Return the cells of one layer as they are; all layers answer through their wires, this
        one with what it is given."""
        if "state_0" not in arrays:
            raise ConfigError(
                "mapping.devices is false, so the weights stand on no devices: train with --set"
                " mapping.devices=true"
            )
        layers, network = self.layers(), self._network()
        only_layer(layer, len(layers))
        weights = self._weights_of(_states(arrays))[0]
        chosen = images.test[:count].astype(np.float32) / np.float32(255.0)
        values = forward(network, weights, chosen).values[layer].mean(axis=1)

        def answers(effective: Floats) -> NDArray[np.int64]:
            return self._classes(
                [
                    layers[layer].weights(effective) if k == layer else w
                    for k, w in enumerate(weights)
                ],
                [],
                images.test[:count],
            )

        siemens = layers[layer].siemens(_states(arrays)[layer])
        return LayerToConfirm(
            siemens=siemens, row_volts=self.array.read_volts * values.astype(float), answers=answers
        )

    @property
    def cell_layers(self) -> int:
        """Every layer of the network."""
        return len(self._network().shapes)

    def tiled(self) -> tuple[Wires, Tiling]:
        """Return the wires of a tile, and the tiles."""
        return self.array.segments(), Tiling(rows=self.array.tile_rows, cols=self.array.tile_cols)

    def circuit(self) -> str:
        """Return what stands on arrays."""
        layers = " and ".join(f"{rows}×{neurons}" for rows, neurons in self._network().shapes)
        if not self.mapping.devices:
            return f"Layers of {layers} weights (a bias line each), in software."
        array = self.array
        tile = f"tiles of {array.tile_rows or 'all'}×{array.tile_cols or 'all'} lines"
        return (
            f"Layers of {layers} weights (a bias line each), every weight a pair of"
            f" {self.device.model} cells on two bit lines, in {tile} with {array.word_line_ohm:g} Ω"
            f" and {array.bit_line_ohm:g} Ω a segment. Reads go through the tiles' effective"
            " conductances, which the nodal solver gives exactly; the largest steps of tuning"
            " pulses are solved on the device."
        )

    def solved_by(self, engine: str) -> tuple[str, ...]:
        """Return the engine for the steps of tuning pulses, and nodal for the tiles that weights
        are mapped onto."""
        if not self.mapping.devices:
            return ()
        return tuple(
            dict.fromkeys([*([engine] if self.insitu.epochs else []), default_engine().name])
        )

    def drawn_array(self) -> ArrayToDraw | None:
        """Return the first tile of the first layer."""
        if not self.mapping.devices:
            return None
        (rows, neurons), array = self._network().shapes[0], self.array
        return ArrayToDraw.tile(
            (rows, 2 * neurons),
            (array.tile_rows, array.tile_cols),
            array.segments(),
            self.device.model,
            differential=True,
        )

    def exported(self, arrays: Arrays) -> Mapping[str, Any]:
        """Return the software's weights as `exsitu.weights` takes them: shares of each layer's
        limit, the bias apart."""
        limits = self.exsitu.build(len(self._network().shapes)).limits
        shares = [
            (w / np.float32(limit)).astype(np.float32)
            for w, limit in zip(_means(arrays), limits, strict=True)
        ]
        return {f"weights_{k}": w[:-1] for k, w in enumerate(shares)} | {
            f"bias_{k}": w[-1] for k, w in enumerate(shares)
        }


def _software_arrays(state: Learnt) -> Arrays:
    parts = {
        "weight": state.weights,
        "mean": state.mean,
        "first": state.first,
        "second": state.second,
    }
    found: Arrays = {
        f"{name}_{k}": value for name, values in parts.items() for k, value in enumerate(values)
    }
    return {**found, "batches": np.asarray(state.batches)}


def _learnt(arrays: Arrays) -> Learnt:
    return Learnt(
        weights=_series(arrays, "weight"),
        mean=_series(arrays, "mean"),
        first=_series(arrays, "first"),
        second=_series(arrays, "second"),
        batches=int(arrays["batches"]),
    )


def _series(arrays: Arrays, name: str) -> list[Any]:
    return [arrays[f"{name}_{k}"] for k in range(sum(key.startswith(f"{name}_") for key in arrays))]


def _means(arrays: Arrays) -> list[F]:
    return _series(arrays, "mean")


def _states(arrays: Arrays) -> list[Floats]:
    if "state_0" not in arrays:
        raise ConfigError(
            "this network has not been mapped onto devices: set mapping.devices to true and train"
            " again"
        )
    return _series(arrays, "state")
