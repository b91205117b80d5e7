#!/usr/bin/env python3
"""What a mapped network costs, component by component, against published breakdowns.

    python scripts/cost_check.py                 all settings, under a minute
    python scripts/cost_check.py isaac neurram   some of them

Each published setting is built as a `Hardware` and a layer (or the layers) of weights; `cost()` is
printed beside the published figure. Everything around the arrays is at the defaults of
`Periphery`, which come from ISAAC: its own converters, drivers, holds and adders check counts only
(marked "same source"); NeuroSim and NeuRRAM are independent. Arrays are solved: the published
conductances, volts and durations.

Sources:

- ISAAC: Shafiee et al., ISCA 2016, table I (32 nm; also in hwcomponents-library of the Accelergy
  project and in the PUMA simulator, Aayush-Ankit/puma-simulator): powers of a tile of 12 units of 8
  arrays, reads of 100 ns, inputs of 16 bits. It has the power of an array but no conductances; those taken
  here are of the ISAAC cell of CiMLoop (mit-emze/cimloop, rram_isaac_isca_2016: 1333 Ω to 20 kΩ,
  0.2 V, 1 ns).
- NeuroSim: user manual of DNN+NeuroSim V1.4 (neurosim/DNN_NeuroSim_V1.4), figure 27: VGG-8 on one
  CIFAR-10 image, 8 bits, cells of 2 bits and 100 kΩ to 10 MΩ, 128×128, 22 nm. ADC of 32 levels, 8
  columns each, 0.5 V: its Param.cpp of V1.3. Manual of V1.0 (32 nm), figure 20: the same network.
- NeuRRAM: Wan et al., Nature 608, 504, 2022, extended data figure 12b and e (130 nm, measured), as
  numbers in CiMLoop (wan_nature_2022). They stand there as fJ a MAC; that 2/sum is half of the
  TOPS/W of figure 12e says that they are fJ an operation, two a MAC. Cells: up to 40 µS by extended
  data figure 3d, 250 kΩ to 1 MΩ in CiMLoop, both tried; 0.5 V, pulses of 10 ns by CiMLoop. Its
  inputs have two lines each (pairs of rows), ours two columns. Weights and inputs are not published.
- Converters: hwcomponents-library of the Accelergy project (isaac, forms, newton, timely)."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

import spicesnn as sn
from spicesnn.networks.activations import Activation
from spicesnn.networks.cost import Cost
from spicesnn.networks.nodes import Convolution, Dense

Floats = np.ndarray


def digits(value: float) -> str:
    """Three digits, no power of ten."""
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


@dataclass(frozen=True)
class Line:
    """One comparison: ours and published in the same unit; `other` is a second published figure."""

    setting: str
    component: str
    ours: float
    published: float
    unit: str = "nJ"
    other: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float:
        return self.ours / self.published

    @property
    def within(self) -> bool:
        """Whether ours is within a factor of 2 of the published figure."""
        return 0.5 <= self.ratio <= 2.0

    @property
    def disputed(self) -> bool:
        """Whether two published figures differ by more than a factor of 2."""
        if self.other is None:
            return False
        return not 0.5 <= self.other / self.published <= 2.0

    def text(self) -> str:
        """The line as it is printed."""
        verdict = "within 2" if self.within else "outside"
        said = f"{self.setting}, {self.component}: ours {digits(self.ours)} {self.unit},"
        said += f" published {digits(self.published)} {self.unit},"
        said += f" ratio {digits(self.ratio)}, {verdict}"
        if self.other is not None:
            said += f"; another publication {digits(self.other)} {self.unit}"
            said += ", the two disagree" if self.disputed else ""
        return said + (f" ({self.note})" if self.note else "")


def energies_nj(cost: Cost) -> dict[str, float]:
    """Energy of each component, nJ."""
    return {name: part["energy_joule"] * 1e9 for name, part in cost.by_component().items()}


def biased(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Signed weights as numbers from 0 to 1 around a half, as ISAAC and NeuroSim store them: one
    column each, the bias taken off in digits."""
    weights = np.clip(rng.normal(0.5, 0.15, shape), 0.0, 1.0)
    weights.flat[0] = 1.0
    return weights


def rectified(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Inputs of a layer behind a rectifier, from 0 to 1."""
    x = np.maximum(rng.normal(size=shape), 0.0)
    return x / x.max()


ISAAC_TILE_MW = {
    "arrays": 12 * 2.4,
    "DAC": 12 * 4.0,
    "sample and hold": 12 * 0.01,
    "ADC": 12 * 16.0,
    "shift and add": 12 * 0.2,
    "neurons": 0.52,
    "buffers": 20.7,
    "routing": 7.0 + 42.0 / 4,
}
"""Powers of a tile: those of 12 units, the sigmoid, the eDRAM, the bus and a quarter of a router."""


def isaac(units: int = 12) -> Iterator[Line]:
    """A layer that fills `units` of 8 arrays: 128 rows a unit, 128 outputs, 8 slices of 2 bits."""
    rng = np.random.default_rng(0)
    reads, read_s = 16, 100e-9
    layers = [("w", Dense(biased(rng, (128 * units, 128)))), ("f", Activation("sigmoid"))]
    network = sn.Network.chain(layers, (128 * units,))
    x = rectified(rng, (4, 128 * units))

    def cost(array_read_s: float) -> Cost:
        hardware = sn.Hardware(
            device=sn.devices.VTEAM(r_on=1333.0, r_off=20e3),
            tile=(128, 128),
            columns="single",
            bits_per_cell=2,
            slices=8,
            dac=sn.DAC(bits=reads, coding="bit-serial"),
            adc=sn.ADC(bits=8, range="max"),
            read_volts=0.2,
            read_s=array_read_s,
        )
        return network.on(hardware, calibrate=x).cost()

    whole = cost(read_s)
    ours = energies_nj(whole)
    brief = energies_nj(cost(1e-9))["arrays"]
    published = {
        name: power * 1e-3 * reads * read_s * 1e9 * units / 12
        for name, power in ISAAC_TILE_MW.items()
    }
    same = ("ADC", "DAC", "sample and hold", "shift and add")
    peak = {
        "neurons": "its power is at 2.4 G a second; 128 here",
        "buffers": f"its power is at 2 kB a read; {128 * units * 2 / reads:.0f} B here",
    }
    for name in same:
        yield Line("ISAAC", name, ours[name], published[name], note="same source: counts only")
    yield Line("ISAAC", "arrays, current for 1 ns", brief, published["arrays"])
    yield Line("ISAAC", "arrays, current for 100 ns", ours["arrays"], published["arrays"])
    for name in ("routing", "buffers", "neurons"):
        yield Line("ISAAC", name, ours[name], published[name], note=peak.get(name, ""))
    yield Line(
        "ISAAC",
        "time of a product",
        whole.latency_s * 1e6,
        reads * read_s * 1e6,
        "µs",
        note="it converts a read while the next one goes on",
    )


VGG8 = (
    (32, 3, 3, 128, 16),
    (32, 128, 3, 128, 4),
    (16, 128, 3, 256, 4),
    (16, 256, 3, 256, 2),
    (8, 256, 3, 512, 2),
    (8, 512, 3, 512, 1),
    (1, 8192, 1, 1024, 1),
    (1, 1024, 1, 10, 8),
)
"""Side of the image, channels, side of the kernel, outputs, and how many copies work side by side.
NeuroSim reads no place that the kernel leaves (30 × 30 of 32 × 32)."""
CLOCK_S = 2.05141e-9
BITS, SHARED = 8, 8
SUBARRAYS = 64 * (1 + 32 + 1) + 144 * (1 + 2 + 2 + 4 + 4)
"""Tiles of figure 27: 1024×1024 cells for three layers, 9×512×512 for five."""
V14_UJ = {
    "ADC": 18.274,
    "accumulation": 5.16853,
    "other": 14.3092,
    "buffers": 0.412969,
    "routing": 8.94262,
}
V10_UJ = {"buffers": 6.75296, "routing": 2.98604, "total": 33.7863}
V14_ADC_S = 63462.3e-9
V14_UM2 = {"arrays": 1.5408e6, "ADC": 1.46062e7, "accumulation": 3.13322e6, "routing": 6.17954e6}


def places(side: int, kernel: int) -> int:
    """Places of a kernel that lie inside the image."""
    return (side - kernel + 1) ** 2


def adc_cycles() -> int:
    """Cycles in which NeuroSim's converters work for an image: a cycle a place, a bit and a column
    that shares the converter, divided among copies."""
    return sum(
        places(side, kernel) * BITS * SHARED // copies for side, _, kernel, _, copies in VGG8
    )


def conversions() -> int:
    """Conversions of an image: four columns of 2 bits a weight, 128 rows a time."""
    return sum(
        places(side, kernel) * BITS * 4 * outputs * -(-channels * kernel**2 // 128)
        for side, channels, kernel, outputs, _ in VGG8
    )


def neurosim() -> Iterator[Line]:
    """VGG-8, layer by layer. A layer's outputs beyond 128 are further columns of arrays like the
    first: one such column is built and all but the buffers multiplied."""
    rng = np.random.default_rng(0)
    ours: dict[str, float] = {}
    area: dict[str, float] = {}
    seconds, arrays = 0.0, 0
    for side, channels, kernel, outputs, copies in VGG8:
        alike = max(1, outputs // 128)
        weights = biased(rng, (outputs // alike, channels, kernel, kernel))
        x = rectified(rng, (1, channels, side, side))
        node: Dense | Convolution
        if side == 1:
            node, shape = Dense(weights[:, :, 0, 0].T), (channels,)
        else:
            node, shape = Convolution(weights), (channels, side, side)
        hardware = sn.Hardware(
            device=sn.devices.VTEAM(r_on=100e3, r_off=10e6),
            tile=(128, 128),
            columns="single",
            bits_per_cell=2,
            slices=4,
            dac=sn.DAC(bits=BITS, coding="bit-serial"),
            adc=sn.ADC(bits=5, range="max"),
            read_volts=0.5,
            read_s=CLOCK_S,
            periphery=sn.Periphery(columns_per_adc=SHARED),
        )
        network = sn.Network.chain([("w", node)], shape)
        chip = network.on(hardware, calibrate=x.reshape(1, *shape))
        cost = chip.cost()
        for name, value in energies_nj(cost).items():
            ours[name] = ours.get(name, 0.0) + value * (1 if name == "buffers" else alike) * 1e-3
        seconds += cost.latency_s / copies
        if outputs // alike == 128:
            arrays += len(chip.layers["w"].blocks)
            for name, part in cost.by_component().items():
                area[name] = area.get(name, 0.0) + part["area_m2"] * 1e12
    rest = V14_UJ["other"] - V14_UJ["buffers"] - V14_UJ["routing"]
    lines = ours["DAC"] + ours["sample and hold"]
    yield Line(
        "NeuroSim",
        "ADC and arrays",
        ours["ADC"] + ours["arrays"],
        V14_UJ["ADC"],
        "µJ",
        note=f"ours {ours['ADC']:.3g} and {ours['arrays']:.3g}; NeuroSim counts cells to the ADC",
    )
    yield Line("NeuroSim", "shift and add", ours["shift and add"], V14_UJ["accumulation"], "µJ")
    for name in ("routing", "buffers"):
        yield Line("NeuroSim", name, ours[name], V14_UJ[name], "µJ", V10_UJ[name])
    yield Line("NeuroSim", "DAC and rest", lines, rest, "µJ", note="switches, multiplexers, pools")
    total = sum(V14_UJ[name] for name in ("ADC", "accumulation", "other"))
    yield Line("NeuroSim", "total", sum(ours.values()), total, "µJ", V10_UJ["total"])
    yield Line("NeuroSim", "latency of reads", seconds * 1e6, V14_ADC_S * 1e6, "µs")
    for name, theirs in (("ADC", "ADC"), ("shift and add", "accumulation"), ("routing", "routing")):
        each = V14_UM2[theirs] / SUBARRAYS
        yield Line("NeuroSim", f"area of {name}", area[name] / arrays, each, "µm² an array")
    yield Line(
        "NeuroSim",
        "area of cells",
        area["arrays"] / arrays,
        V14_UM2["arrays"] / SUBARRAYS,
        "µm² an array",
        note="1T1R of 48 F² at 22 nm; ours 4 F² at 32 nm",
    )


NEURRAM_FJ = {
    (4, 6): (21.75617998, 29.1084171, 11.50740478),
    (8, 10): (50.52466791, 75.85721686, 27.50986693),
}
"""(input bits, output bits): word-line switching, neurons with their control, input pulses; fJ an
operation."""
NEURRAM_TOPS_W = {(4, 6): 15.95409517, (8, 10): 6.437388185}
TO_130_NM = 130 / 32 * 1.8**2
"""From 32 nm and 1 V to 130 nm and 1.8 V, as node · V²."""


def neurram() -> Iterator[Line]:
    """A core of 256×256 cells: 128 inputs, 256 outputs, 65536 operations."""
    rng = np.random.default_rng(0)
    network = sn.Network.from_arrays([(rng.normal(0, 0.25, (128, 256)).clip(-1, 1), None)])
    x = np.clip(rng.normal(0, 0.4, (20, 128)), -1, 1)
    for (bits, output_bits), figures in NEURRAM_FJ.items():
        # Pulses of 10 ns: 2ⁿ − 1 for n bits of magnitude, in two phases beyond 3 bits
        phases = [bits - 1] if bits <= 4 else [bits // 2, (bits - 1) // 2]
        pulses_s = sum(2**n - 1 for n in phases) * 10e-9
        name = f"NeuRRAM, {bits} bits in and {output_bits} out"
        switching, neurons, pulses = (value * 2 * 128 * 256 * 1e-6 for value in figures)
        for cells, r_on in (("25 kΩ", 25e3), ("250 kΩ", 250e3)):
            hardware = sn.Hardware(
                device=sn.devices.VTEAM(r_on=r_on, r_off=1e6),
                tile=(128, 512),
                wires=1.0,
                dac=sn.DAC(bits=bits, coding="pulse-width"),
                adc=sn.ADC(bits=output_bits, range="max"),
                read_volts=0.5,
                read_s=pulses_s,
            )
            ours = energies_nj(network.on(hardware, calibrate=x).cost())
            yield Line(name, f"arrays of {cells} to 1 MΩ", ours["arrays"], pulses)
        neuron = sum(ours[part] for part in ("ADC", "sample and hold", "shift and add"))
        yield Line(name, "ADC and hold", neuron, neurons, note="32 nm against 130 nm")
        yield Line(name, "ADC and hold scaled to 130 nm", neuron * TO_130_NM, neurons)
        yield Line(name, "DAC", ours["DAC"], switching, note="32 nm against 130 nm")
        yield Line(name, "DAC scaled to 130 nm", ours["DAC"] * TO_130_NM, switching)


CONVERTERS = (
    (4, "FORMS, 32 nm, 2.1 GS/s", 15.2 / (2.1 * 32)),
    (4, "ISAAC's scaled by Accelergy", 0.79),
    (5, "NeuroSim V1.4, 22 nm, cells included", V14_UJ["ADC"] * 1e6 / conversions()),
    (5, "ISAAC's scaled by Accelergy", 0.99),
    (8, "Kull et al., ISSCC 2013, 32 nm, measured", 3.1 / 1.2),
    (8, "TIMELY, 65 nm, of pulse widths", 0.145),
    (9, "Newton, 32 nm", 3.1 / 1.2),
    (10, "ISAAC's scaled by Accelergy", 2.379),
)
"""Bits, design, pJ a conversion."""


def converters() -> Iterator[Line]:
    """Single conversions, and a row driven once by one bit."""
    table = sn.Periphery()
    for bits, design, published in CONVERTERS:
        ours = table.adc_joule * 2.0 ** (bits - 8) * 1e12
        yield Line("Conversion", f"{bits} bits, {design}", ours, published, "pJ")
    rest = V14_UJ["other"] - V14_UJ["buffers"] - V14_UJ["routing"]
    ours = table.dac_joule * 1e12
    yield Line("Row", "1 bit, NeuroSim V1.4 at most, 22 nm", ours, rest * 1e6 / conversions(), "pJ")
    yield Line("Row", "8 bits, TIMELY, 65 nm, pulse widths", 8 * ours, 0.0375, "pJ")


SETTINGS = {"isaac": isaac, "neurosim": neurosim, "neurram": neurram, "converters": converters}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("settings", nargs="*", metavar="SETTING", help=", ".join(SETTINGS))
    asked = parser.parse_args().settings or list(SETTINGS)
    unknown = [name for name in asked if name not in SETTINGS]
    if unknown:
        parser.error(f"{', '.join(unknown)}: expected {', '.join(SETTINGS)}")
    for name in asked:
        for line in SETTINGS[name]():
            print(line.text(), flush=True)


if __name__ == "__main__":
    main()
