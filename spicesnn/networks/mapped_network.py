"""A network on crossbar arrays: its weights mapped, its converters calibrated, and what it
answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.engines.base import Engine
from spicesnn.engines.nodal.engine import NodalEngine
from spicesnn.errors import InputError
from spicesnn.networks import evaluate
from spicesnn.networks.calibration import Readout, calibrated, seen_by
from spicesnn.networks.converters import full_scale
from spicesnn.networks.hardware import Hardware
from spicesnn.networks.mapping import Block, MappedLayer, effectives, map_layer, solved
from spicesnn.networks.nodes import Values, Weighted
from spicesnn.nonidealities.realised import Imperfections


@dataclass(eq=False)
class MappedNetwork(evaluate.NoMatrix):
    """Arrays and converters of a network; the attributes are those of
    `spicesnn.networks.chip.Chip`."""

    network: evaluate.Evaluated
    hardware: Hardware
    layers: Mapping[str, MappedLayer]
    readouts: Mapping[str, Readout]
    engine: Engine
    seed: int
    remarks: tuple[str, ...] = ()
    _rng: np.random.Generator = field(init=False, repr=False)
    _weights: dict[Block, tuple[Values, Values]] = field(
        default_factory=dict, init=False, repr=False
    )

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng([self.seed, 3])

    @classmethod
    def made(
        cls,
        network: evaluate.Evaluated,
        hardware: Hardware,
        *,
        calibrate: ArrayLike | None,
        seed: int,
        engine: Engine | str | None = None,
    ) -> Self:
        """Map all weights, then find the converters' ranges on calibration samples; see
        `Network.on`."""
        if not isinstance(hardware, Hardware):
            raise InputError(f"hardware is {hardware!r:.80}; expected a spicesnn.Hardware")
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
            raise InputError(f"seed is {seed!r}; expected a whole number, 0 or more")
        if not network.weighted:
            raise InputError("the network has no weights; there is nothing to put onto arrays")
        needed = [name for name in ("dac", "adc") if getattr(hardware, name) is not None]
        if calibrate is None and (needed or not hardware.device.linear):
            names = " and ".join(name.upper() for name in needed)
            why = (
                f"ranges of the {names}"
                if needed
                else f"scale of the inputs ({hardware.device.name} is not linear)"
            )
            raise InputError(
                f"the {why} have to come from samples: give calibrate=x (training samples, never"
                " those of the test)"
            )
        if engine is None or engine == "nodal":
            engine = NodalEngine()
        if not isinstance(engine, Engine):
            raise InputError(
                f"engine is {engine!r:.60}; expected an engine such as spicesnn.NgspiceEngine(),"
                " which runs as long as the chip answers"
            )
        seen, remarks = seen_by(network, calibrate)
        layers, clipping = {}, {}
        for number, name in enumerate(network.weighted):
            node = network.nodes[name]
            assert isinstance(node, Weighted)
            rng = np.random.default_rng([seed, 1, number])
            inputs = seen.get(name)
            if inputs is not None and needed and not np.any(inputs):
                remarks.append(
                    f"node {name!r} hears nothing but 0 in the calibration samples, from which no"
                    " range of its converters follows"
                )
            signed = inputs is None or bool(np.any(inputs < 0))
            full, clipped = 1.0, 0.0
            if inputs is not None:
                full = float(np.abs(inputs).max()) or 1.0
                if hardware.dac is not None:
                    full = full_scale(inputs, hardware.dac, signed=signed)
                    clipped = float(np.mean(np.abs(inputs) > full * (1 + 1e-12)))
            clipping[name] = clipped
            layers[name] = map_layer(
                name,
                node,
                network.shapes[network.inputs_of(name)[0]],
                hardware,
                full=full,
                signed=signed,
                rng=rng,
                engine=engine,
            )
        layers = solved(layers, hardware, engine)
        readouts = {
            name: calibrated(
                layer,
                seen.get(name),
                engine,
                np.random.default_rng([seed, 2, number]),
                clipping[name],
            )
            for number, (name, layer) in enumerate(layers.items())
        }
        return cls(
            network=network,
            hardware=hardware,
            layers=layers,
            readouts=readouts,
            engine=engine,
            seed=int(seed),
            remarks=tuple(remarks),
        )

    # -- answers -------------------------------------------------------------------------------

    def outputs(self, x: ArrayLike) -> Values:
        """The network's outputs through arrays and converters, (n, outputs); see
        `Network.outputs`."""
        return self.network.outputs(x, products=self.products())

    def spikes(self, x: ArrayLike) -> Values:
        """What the outputs do step by step, (n, steps, outputs); see `Network.spikes`."""
        return self.network.spikes(x, products=self.products())

    def predict(self, x: ArrayLike) -> NDArray[Any]:
        """The class of each sample, (n,); −1 for ties and silence."""
        return self.network.labelled(self.network.decided(self.outputs(x)))

    def accuracy(self, x: ArrayLike, y: ArrayLike) -> float:
        """Fraction of samples answered rightly; ties and silence are wrong."""
        return self.network.scored(self.network.decided(self.outputs(x)), y)

    def products(self) -> dict[str, evaluate.Product]:
        """What computes each weighted node on this chip."""
        return {name: self._product(layer) for name, layer in self.layers.items()}

    def _product(self, layer: MappedLayer) -> LayerProduct:
        return LayerProduct(self, layer)

    def group(self, layer: MappedLayer, group: int, rows: Values) -> Values:
        """Products (n, outputs) of one group of channels."""
        out = np.zeros((len(rows), layer.outputs))
        flaws = self.hardware.imperfections
        if layer.blocks[0].effective is not None and not (flaws and flaws.disturbs_reads):
            for weight, values, full in layer.shown(rows):
                for part in range(layer.parts):
                    for block in layer.blocks_of(group, part):
                        found = self._multiplied(layer, block, values, full)
                        unit = weight * layer.unit(block.part)
                        out[:, block.outputs] += unit * self._converted(layer, block, found)
            return out
        for weight, u in layer.applied(rows):
            pairs = [
                (block, u[:, block.rows])
                for part in range(layer.parts)
                for block in layer.blocks_of(group, part)
            ]
            for (block, _), found in zip(pairs, self._reads(layer, pairs), strict=True):
                out[:, block.outputs] += (
                    weight * layer.unit(block.part) * self._converted(layer, block, found)
                )
        return out

    def _multiplied(self, layer: MappedLayer, block: Block, values: Values, full: float) -> Values:
        """Normalised products (n, outputs) of a block of linear cells, which one matrix says."""
        if block not in self._weights:
            self._weights[block] = layer.weights_of(block)
        matrix, shift = self._weights[block]
        begin = block.rows.start
        found = values[:, begin : begin + len(matrix)] @ (matrix / full)
        return np.asarray(found + shift if layer.bias_rows else found)

    def _reads(self, layer: MappedLayer, pairs: list[tuple[Block, Values]]) -> Iterator[Values]:
        """Normalised products of blocks for their rows' inputs, one after the other."""
        flaws = self.hardware.imperfections
        if flaws is not None and flaws.disturbs_reads:
            yield from (self._disturbed(layer, block, u, flaws) for block, u in pairs)
        elif layer.solved_each_time:
            found = layer.all_column_amps(pairs, self.engine)
            for (block, u), amps in zip(pairs, found, strict=True):
                yield layer.product(block, amps, u)
        else:
            for block, u in pairs:
                yield layer.product(block, layer.column_amps(block, u, self.engine), u)

    def _disturbed(
        self, layer: MappedLayer, block: Block, u: Values, flaws: Imperfections
    ) -> Values:
        relative = flaws.alone_read_noise
        if block.effective is not None and self.hardware.ideal_wires and relative:
            # Each cell's current has an independent normal factor, so a column's is normal with the
            # sum of their variances.
            volts = layer.volts(u)
            spread = relative * np.sqrt((volts**2) @ (block.effective**2))
            amps = volts @ block.effective + spread * self._rng.standard_normal(spread.shape)
            return layer.product(block, amps, u)
        alike = self.hardware.reads_alike
        parts = [u[begin : begin + alike] for begin in range(0, len(u), alike)]
        arrays = [flaws.before_read(block.array, self._rng) for _ in parts]
        solved = effectives(arrays, self.hardware, self.engine)
        now = [
            replace(block, array=array, effective=matrix)
            for array, matrix in zip(arrays, solved, strict=True)
        ]
        found = layer.all_column_amps(list(zip(now, parts, strict=True)), self.engine)
        return np.concatenate(
            [
                layer.product(block, amps, some)
                for block, amps, some in zip(now, found, parts, strict=True)
            ]
        )

    def _converted(self, layer: MappedLayer, block: Block, products: Values) -> Values:
        adc, readout = self.hardware.adc, self.readouts[layer.name]
        if adc is None:
            return products
        errors = readout.errors.get(layer.blocks.index(block))
        return adc.converted(
            products, readout.ranges[block.part], layer.two_signs, errors, self._rng
        )

    # -- what it is made of --------------------------------------------------------------------

    def __repr__(self) -> str:
        count = sum(len(blocks) for blocks in self.arrays().values())
        rows, cols = self.hardware.tile_lines()
        return (
            f"<{type(self).__name__}: {len(self.layers)} layers on {count} arrays of at most"
            f" {rows}×{cols} {self.hardware.device.name} cells, {self.hardware.columns} columns;"
            f" {self.network!r}>"
        )

    def arrays(self) -> dict[str, list[Any]]:
        """The arrays of each layer, as they were made."""
        return {
            name: [block.array for block in layer.blocks] for name, layer in self.layers.items()
        }

    def first_array(self, names: tuple[str, ...]) -> Crossbar:
        """The first array of these nodes' layers, or of the chip."""
        first = next((name for name in names if name in self.layers), next(iter(self.layers)))
        return self.layers[first].blocks[0].array


@dataclass(frozen=True, slots=True)
class LayerProduct:
    """What computes a weighted node on a chip."""

    chip: MappedNetwork
    layer: MappedLayer

    @property
    def draws(self) -> bool:
        """Whether the same input may answer differently the next time."""
        hardware = self.chip.hardware
        noisy = hardware.imperfections is not None and hardware.imperfections.disturbs_reads
        return noisy or (hardware.adc is not None and hardware.adc.noise_lsb > 0)

    def __call__(self, x: Values) -> Values:
        node = self.layer.node
        parts = [self.chip.group(self.layer, g, rows) for g, rows in enumerate(node.rows_of(x))]
        return node.assembled(parts, len(x), x.shape[1:])
