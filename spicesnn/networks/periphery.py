"""What everything around the arrays costs: tabulated figures of published designs, each with its
source.

These numbers are not solved: they are read off papers, for one node of technology, and a designer
replaces them by his own. The arrays' own energy comes from the solved currents."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from spicesnn.errors import InputError
from spicesnn.guesses import hinted

ISAAC = "Shafiee et al., ISAAC, ISCA 2016, table I (32 nm)"


@hinted({}, {})
@dataclass(frozen=True, kw_only=True, slots=True)
class Periphery:
    """Energies, times and areas of the periphery.

    The defaults are worked out from the component table of ISAAC (Shafiee et al., ISCA 2016; 32 nm,
    reads of 100 ns, 12 units of 8 arrays of 128 × 128 a tile):

    - 8-bit ADC, 1.2 GS/s: 2 mW, 0.0012 mm² each (8 of them: 16 mW, 0.0096 mm²);
    - 1-bit DAC: 4 mW, 0.00017 mm² for 1024 rows;
    - sample-and-hold: 10 µW, 0.00004 mm² for 1024 columns;
    - shift-and-add: 0.2 mW, 0.00024 mm² for the 4 units of 8 ADCs;
    - sigmoid unit at 1.2 GHz: 0.26 mW, 0.0003 mm², shared by the 128 columns of an array;
    - eDRAM buffer of 64 kB: 20.7 mW, 0.083 mm², 2 kB a read of 100 ns;
    - bus of a tile: 7 mW, 0.09 mm²; a quarter of a router that four tiles share: 10.5 mW, 0.038 mm²; both at the buffer's bandwidth.

    The same table worked out by others (the ISAAC components of the Accelergy library) gives 1.67
    pJ a conversion and 0.021 pJ a shift-and-add, as here, and 0.64 pJ a byte for one access of the
    buffer and 1.1 pJ for bus and router, where this table has 1.0 pJ for a write and a read and
    0.85 pJ: within a factor of 2. Published converters differ by more: 1.67 pJ are 6.5 fJ a step of
    8 bits, measured SAR converters need from 5.4 fJ a step (12 bits, 250 MS/s, 28 nm) to 34 fJ (10
    bits, 6.7 MS/s, 130 nm). Take a figure of the node, the resolution and the rate that is meant.

    A DAC's energy and area are taken to grow with its bits, an ADC's to double with each bit beyond
    8 and to halve below.

    Attributes
    ----------
    dac_joule : float
        One row converted once, a bit of resolution.
    dac_area_m2 : float
        A row, a bit.
    adc_joule : float
        One conversion of 8 bits.
    adc_area_m2, adc_s : float
        One converter of 8 bits, and how long it takes for a conversion.
    columns_per_adc : int
        Columns (or pairs) that share a converter one after the other.
    hold_joule, hold_area_m2 : float
        Sample-and-hold (or sense amplifier) of a column, a read.
    add_joule, add_area_m2 : float
        Shift-and-add of one conversion's result; area a converter.
    neuron_joule, neuron_area_m2 : float
        One update of a neuron (activation or membrane); area a neuron.
    buffer_joule, buffer_area_m2 : float
        A byte written and read once (places of a kernel share what was read); area a byte.
    route_joule, route_area_m2 : float
        A byte that leaves an array (a result each output, input bits added up), for where arrays
        are added or for the next layer; area an array.
    cell_area_m2 : float
        A cell of the array: 4F² at 32 nm.
    node_nm : float
        Technology that the figures are for.
    source : str
    """

    dac_joule: float = 0.39e-12
    dac_area_m2: float = 0.166e-12
    adc_joule: float = 1.67e-12
    adc_area_m2: float = 1200e-12
    adc_s: float = 0.83e-9
    columns_per_adc: int = 128
    hold_joule: float = 0.98e-15
    hold_area_m2: float = 0.039e-12
    add_joule: float = 0.02e-12
    add_area_m2: float = 30e-12
    neuron_joule: float = 0.2e-12
    neuron_area_m2: float = 2.3e-12
    buffer_joule: float = 1.0e-12
    buffer_area_m2: float = 1.3e-12
    route_joule: float = 0.85e-12
    route_area_m2: float = 1330e-12
    cell_area_m2: float = 4 * (32e-9) ** 2
    node_nm: float = 32.0
    source: str = ISAAC

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if entry.name == "source":
                continue
            if (
                isinstance(value, bool)
                or not isinstance(value, int | float | np.number)
                or not np.isfinite(value)
                or value < 0
            ):
                raise InputError(
                    f"Periphery: {entry.name} is {value!r}; expected a finite number in SI units, 0"
                    " or more"
                )
        if self.columns_per_adc < 1 or int(self.columns_per_adc) != self.columns_per_adc:
            raise InputError(
                f"Periphery: columns_per_adc is {self.columns_per_adc!r}; expected a whole number,"
                " 1 or more"
            )
