"""What an inference costs: the arrays' energy from their solved currents, everything around them
from a table of published figures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.engines.base import Engine
from spicesnn.errors import InputError
from spicesnn.guesses import PICTURE, SAVED, Hinting, hinted, told
from spicesnn.networks.calibration import seen_by
from spicesnn.networks.mapped_network import MappedNetwork
from spicesnn.networks.mapping import Block, MappedLayer, at_once
from spicesnn.networks.nodes import Values
from spicesnn.networks.populations import Population
from spicesnn.shortcuts import shortcut
from spicesnn.units import render

COMPONENTS = (
    "arrays",
    "DAC",
    "sample and hold",
    "ADC",
    "shift and add",
    "neurons",
    "buffers",
    "routing",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CostRow:
    """One component of one layer, an inference.

    Attributes
    ----------
    layer, component : str
    energy_joule, area_m2 : float
    solved : bool
        Whether the energy comes from solved circuits (else from the table).
    """

    layer: str
    component: str
    energy_joule: float
    area_m2: float
    solved: bool = False


_WORDS = {
    "energy": "energy_joule",
    "latency": "latency_s",
    "area": "area_m2",
    "area_mm2": "area_m2 * 1e6",
    "power": "energy_joule / latency_s",
    "tops_w": "tops_per_watt",
    "components": "by_component()",
    "breakdown": "by_component(), or table() for each layer",
    "layers": "rows, or table()",
    "to_pandas": "pandas.DataFrame(cost.table())",
    "to_dataframe": "pandas.DataFrame(cost.table())",
    "total": "energy_joule, latency_s or area_m2",
}


@hinted(_WORDS)
@dataclass(frozen=True, kw_only=True, slots=True)
class Cost(metaclass=Hinting):
    """Energy, latency and area of one inference.

    Attributes
    ----------
    rows : tuple of CostRow
        The sums below are sums of these.
    latency_s : float
        One inference from its first read to its last conversion, layers one after the other; the
        positions of a convolution and the time steps follow on one another, arrays of a layer work
        side by side.
    layer_latency_s : mapping of str to float
        Its parts.
    operations : int
        Multiplications and additions of the weights, two a weight and use.
    source : str
        Where the table comes from.
    """

    rows: tuple[CostRow, ...]
    latency_s: float
    layer_latency_s: dict[str, float]
    operations: int
    source: str

    @property
    def energy_joule(self) -> float:
        """Of one inference, joule."""
        return math.fsum(row.energy_joule for row in self.rows)

    @property
    def area_m2(self) -> float:
        """Of the whole chip, square metre."""
        return math.fsum(row.area_m2 for row in self.rows)

    @property
    def tops_per_watt(self) -> float:
        """Tera-operations a second and watt: 1e-12 · operations / energy."""
        return self.operations / self.energy_joule * 1e-12 if self.energy_joule else math.inf

    def __repr__(self) -> str:
        return (
            f"<Cost of an inference: {render(self.energy_joule, 'J')},"
            f" {render(self.latency_s, 's')}, {self.area_m2 * 1e6:.4g} mm²,"
            f" {self.tops_per_watt:.4g} TOPS/W>"
        )

    def by_component(self) -> dict[str, dict[str, float]]:
        """Energy and area of each component over all layers."""
        return {
            name: {
                "energy_joule": math.fsum(
                    row.energy_joule for row in self.rows if row.component == name
                ),
                "area_m2": math.fsum(row.area_m2 for row in self.rows if row.component == name),
            }
            for name in COMPONENTS
        }

    def table(self) -> list[dict[str, Any]]:
        """One plain row a layer and component."""
        return [
            {
                "layer": r.layer,
                "component": r.component,
                "energy_joule": r.energy_joule,
                "area_m2": r.area_m2,
                "solved": r.solved,
            }
            for r in self.rows
        ]

    @told({**PICTURE, "ax": "the axes of the figure: plot().axes"}, by_place=SAVED)
    def plot(self) -> Any:
        """Bar charts of energy and area by component and layer, a matplotlib Figure."""
        return shortcut("cost.plot")(self)


def cost_of(chip: MappedNetwork, x: ArrayLike | None) -> Cost:
    """See `Chip.cost`.

    Raises
    ------
    InputError
        No samples: neither x nor those of a calibration.
    """
    samples = _samples(chip, x)
    rows: list[CostRow] = []
    latency: dict[str, float] = {}
    operations = 0
    steps = _steps(chip, x)
    for name, layer in chip.layers.items():
        positions = _positions(chip, layer) * steps
        reads = positions * _reads(layer)
        rows += list(_layer_rows(chip, layer, samples[name], positions, reads))
        slots = math.ceil(
            min(chip.hardware.outputs_per_tile(), layer.outputs) / _columns_a_converter(chip)
        )
        in_turn = math.ceil(min(chip.hardware.outputs_per_tile(), layer.outputs) / max(1, slots))
        conversion = (
            in_turn * chip.hardware.periphery.adc_s if chip.hardware.adc is not None else 0.0
        )
        latency[name] = reads * (chip.hardware.read_s + conversion)
        operations += (
            2 * _places(chip, layer) * steps * sum(m.size for m in layer.original.matrices)
        )
    return Cost(
        rows=tuple(rows),
        latency_s=math.fsum(latency.values()),
        layer_latency_s=latency,
        operations=operations,
        source=chip.hardware.periphery.source,
    )


def _samples(chip: MappedNetwork, x: ArrayLike | None) -> dict[str, tuple[Values, ...]]:
    if x is None:
        found = {name: readout.samples for name, readout in chip.readouts.items()}
        if not all(found.values()):
            raise InputError(
                "energies depend on the inputs: give cost(x), or make the chip with calibrate=x"
            )
        return found
    seen, _ = seen_by(chip.network, x)
    return {name: tuple(layer.node.rows_of(seen[name])) for name, layer in chip.layers.items()}


def _steps(chip: MappedNetwork, x: ArrayLike | None) -> int:
    if not chip.network.temporal:
        return 1
    return int(chip.network.taken(x).shape[1]) if x is not None else chip.network.steps


def _positions(chip: MappedNetwork, layer: MappedLayer) -> int:
    """Inputs that a layer's arrays see one after the other in one inference (one time step of
    it)."""
    return 1 if layer.node is not layer.original else _places(chip, layer)


def _places(chip: MappedNetwork, layer: MappedLayer) -> int:
    """Places at which a layer's weights are used: those of a convolution's kernel, one for a dense
    layer."""
    return math.prod(chip.network.shapes[layer.name][1:])


def _reads(layer: MappedLayer) -> int:
    """Reads an input: one, or one per bit."""
    dac = layer.hardware.dac
    return (
        int(dac.levels(layer.signed)).bit_length()
        if dac is not None and dac.coding == "bit-serial"
        else 1
    )


def _columns_a_converter(chip: MappedNetwork) -> int:
    return int(chip.hardware.periphery.columns_per_adc)


def array_power_watt(
    layer: MappedLayer, inputs: Sequence[tuple[Block, Values]], engine: Engine
) -> list[Values]:
    """What the drivers of blocks deliver for inputs (n, rows), fractions of full scale: Σ V·I of
    the circuits that `engine` solves, watt, (n,) each."""
    if layer.hardware.ideal_wires and layer.hardware.device.linear:
        return [
            np.asarray((layer.volts(u) ** 2) @ block.effective.sum(axis=1))
            for block, u in inputs
            if block.effective is not None
        ]
    reads: list[tuple[Crossbar, Values, Values | None]] = []
    for block, u in inputs:
        volts = layer.volts(u) if block.effective is None else np.eye(block.array.rows)
        reads.append((block.array, volts, layer.hardware.gates(block.array)))
    solved = engine.each(_row_amps, reads)
    return [
        np.sum(amps * layer.volts(u), axis=1)
        if block.effective is None
        else np.einsum("nr,nr->n", layer.volts(u) @ amps, layer.volts(u))
        for (block, u), amps in zip(inputs, solved, strict=True)
    ]


def _row_amps(engine: Engine, array: Crossbar, volts: Values, gates: Values | None) -> Values:
    return np.concatenate(
        [engine.read(array, part, gate_volts=gates).row_amps for part in at_once(array, volts)]
    )


def _layer_rows(
    chip: MappedNetwork, layer: MappedLayer, samples: tuple[Values, ...], positions: int, reads: int
) -> Iterator[CostRow]:
    hardware, table = chip.hardware, chip.hardware.periphery
    dac_bits = (
        0
        if hardware.dac is None
        else (1 if hardware.dac.coding == "bit-serial" else hardware.dac.bits)
    )
    adc_factor = 0.0 if hardware.adc is None else 2.0 ** (hardware.adc.bits - 8)
    arrays_joule, rows, columns, converters, conversions, cells = 0.0, 0, 0, 0, 0, 0
    seen = [
        (block, u[:, block.rows])
        for block in layer.blocks
        for _, u in layer.applied(samples[block.group])
    ]
    for power in array_power_watt(layer, seen, chip.engine):
        arrays_joule += float(np.mean(power)) * hardware.read_s * positions
    for block in layer.blocks:
        rows += block.array.rows
        columns += block.array.cols
        cells += block.array.rows * block.array.cols
        outputs = block.outputs.stop - block.outputs.start
        conversions += outputs
        converters += math.ceil(outputs / _columns_a_converter(chip))
    size_in = math.prod(chip.network.shapes[chip.network.inputs_of(layer.name)[0]])
    steps = positions // max(1, _positions(chip, layer))
    byte = math.ceil((hardware.dac.bits if hardware.dac is not None else 8) / 8)
    neurons = sum(math.prod(chip.network.shapes[target]) for target in _listeners(chip, layer.name))

    def row(component: str, energy: float, area: float, *, solved: bool = False) -> CostRow:
        return CostRow(
            layer=layer.name, component=component, energy_joule=energy, area_m2=area, solved=solved
        )

    yield row("arrays", arrays_joule, cells * table.cell_area_m2, solved=True)
    yield row("DAC", rows * reads * dac_bits * table.dac_joule, rows * dac_bits * table.dac_area_m2)
    yield row("sample and hold", columns * reads * table.hold_joule, columns * table.hold_area_m2)
    yield row(
        "ADC",
        conversions * reads * adc_factor * table.adc_joule,
        converters * adc_factor * table.adc_area_m2,
    )
    adds = conversions * reads if hardware.adc is not None else 0
    yield row(
        "shift and add",
        adds * table.add_joule,
        (converters if hardware.adc is not None else 0) * table.add_area_m2,
    )
    yield row("neurons", neurons * steps * table.neuron_joule, neurons * table.neuron_area_m2)
    yield row(
        "buffers",
        size_in * byte * steps * table.buffer_joule,
        size_in * byte * table.buffer_area_m2,
    )
    yield row(
        "routing",
        conversions * positions * byte * table.route_joule,  # each array's results travel
        len(layer.blocks) * table.route_area_m2,
    )


def _listeners(chip: MappedNetwork, name: str) -> list[str]:
    """Nodes right behind a layer that cost a neuron's work: populations and activations."""
    network = chip.network
    return [
        target
        for target in network.nodes
        if name in network.inputs_of(target)
        and (
            isinstance(network.nodes[target], Population)
            or network.nodes[target].kind == "activation"
        )
    ]
