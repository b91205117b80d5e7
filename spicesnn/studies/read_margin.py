"""Read margin and sneak paths: how well one cell of a large array can still be read, by the way the
other lines are held.

The cell that is read is the one farthest from driver and sense node, and by default every other
cell is on: the worst case (A. Chen, "A comprehensive crossbar array model with solutions for line
resistance and nonlinear device characteristics", IEEE TED 60(4), 1318, 2013). Its word line is at
V, its bit line is sensed; the others are

- grounded: word and bit lines at 0 V;
- floating: left open;
- half: word and bit lines at V/2;
- third: word lines at V/3, bit lines at 2V/3.

Two margins. Current: the bit line ends in a virtual ground, margin = (I_on − I_off)/I_on. Voltage:
the bit line ends in a load R_L to 0 V, margin = (U_on − U_off)/V with U = I·R_L (Flocke and Noll,
ESSCIRC 2007, with R_L = R_on). Sneak ratio: what part of the currents between the sensed bit line
and its cells belongs to cells that are not read, Σ_{i≠sel} |I_i| / Σ_i |I_i|; where all flow into
the line, as they do on ideal wires, that is what part of the sensed current is not the cell's. On
ideal wires, n lines, cells of conductance G:

    grounded  I = V·G_sel             half  I = V·G_sel + (n−1)·V/2·G_on             third  I = V·G_sel + (n−1)·V/3·G_on
    floating  I = V·(G_sel + G_sneak),  1/G_sneak = 2/((n−1)·G_on) + 1/((n−1)²·G_on)
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.wires import Wires
from spicesnn.devices.base import Device
from spicesnn.engines.base import Engine
from spicesnn.options import Section, option
from spicesnn.plotting.studies import read_margin_figure
from spicesnn.studies.cells import SelectorOptions, two_states
from spicesnn.studies.study import Findings, Row, Study, Watch, Workers
from spicesnn.training.sections import ArrayOptions, DeviceOptions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMES = ("grounded", "floating", "half", "third")


@dataclass(frozen=True, kw_only=True)
class MarginOptions(Section):
    """[margin]"""

    sizes: tuple[int, ...] = option(
        (2, 4, 8, 16, 32, 64, 128, 256), "arrays of n × n cells", lowest=2
    )
    schemes: tuple[str, ...] = option(
        SCHEMES, "how the lines that are not selected are held", choices=SCHEMES
    )
    selectors: tuple[bool, ...] = option((False, True), "without a selector, and with one")
    read_volts: float = option(0.6, "V of the selected word line", above=0.0)
    load_ohm: float = option(1e4, "R_L of the voltage margin", above=0.0)
    others: str = option("on", "state of the cells that are not read", choices=("on", "off"))
    least: float = option(
        0.1, "the current margin that an array must have to count as readable", above=0.0
    )


@dataclass(frozen=True, kw_only=True)
class ReadMargin(Study):
    """Read margin and sneak ratio against the size of the array."""

    kind: ClassVar[str] = "read-margin"

    device: DeviceOptions = field(default_factory=DeviceOptions)
    selector: SelectorOptions = field(default_factory=SelectorOptions)
    array: ArrayOptions = field(default_factory=ArrayOptions)
    margin: MarginOptions = field(default_factory=MarginOptions)

    def find(self, folder: Path, workers: Workers, watch: Watch) -> Findings:
        """Read the worst cell on and off, for every scheme, size and kind of cell."""
        options, rows = self.margin, list[Row]()
        bare = self.device.build()
        total = len(options.selectors) * len(options.schemes) * len(options.sizes)
        with self.solver(folder / "failures") as engine:
            for selector in options.selectors:
                cell = self.selector.around(bare) if selector else bare
                for scheme in options.schemes:
                    for size in options.sizes:
                        watch(len(rows), total)
                        found = self.point(engine, cell, two_states(bare), scheme, size)
                        rows.append({"selector": selector, "scheme": scheme, "size": size, **found})
        watch(total, total)
        return Findings(rows=rows, facts=self._facts(rows))

    def point(
        self, engine: Engine, cell: Device, states: tuple[float, float], scheme: str, size: int
    ) -> dict[str, float]:
        """Return currents, margins, sneak ratio and power of one array."""
        volts, worst = self.margin.read_volts, (0, size - 1)
        amps, loaded, share, power = [], [], 0.0, 0.0
        for selected in states:
            state = np.full((size, size), states[1] if self.margin.others == "on" else states[0])
            state[worst] = selected
            array = Crossbar(device=cell, state=state, wires=self.array.wires())
            drive: dict[str, Any] = lines(scheme, size, volts)
            read = engine.read(array, **drive)
            amps.append(float(read.column_amps[worst[1]]))
            flows = np.abs(
                np.asarray(cell.current(read.cell_volts[:, worst[1]], state[:, worst[1]]))
            )
            share, power = (
                1.0 - float(flows[worst[0]] / flows.sum()),
                float(read.power_watt(drive["row_volts"], drive["column_volts"])),
            )
            loads = np.full(size, self.array.sense_ohm)
            loads[worst[1]] += self.margin.load_ohm
            wires: Wires = replace(array.wires, sense_ohm=loads)
            loaded.append(
                float(engine.read(array.with_wires(wires), **drive).column_amps[worst[1]])
                * self.margin.load_ohm
            )
        return {
            "off_amps": amps[0],
            "on_amps": amps[1],
            "current_margin": (amps[1] - amps[0]) / amps[1],
            "voltage_margin": (loaded[1] - loaded[0]) / volts,
            "sneak_ratio": share,
            "power_watt": power,
        }

    def _facts(self, rows: list[Row]) -> dict[str, Any]:
        readable: dict[str, int] = {}
        for row in rows:
            name = f"{row['scheme']}, {'1S1R' if row['selector'] else 'no selector'}"
            readable.setdefault(name, 0)
            if row["current_margin"] >= self.margin.least:
                readable[name] = max(readable[name], row["size"])
        return {"least_current_margin": self.margin.least, "largest_readable_size": readable}

    def figure(self, findings: Findings) -> Figure:
        """Draw both margins and the sneak ratio against the size."""
        return read_margin_figure(findings.rows)


def lines(scheme: str, size: int, volts: float) -> dict[str, Floats]:
    """Return the keywords of `Engine.read` that read the cell of word line 0 and the last bit
    line."""
    row_share, column_share = {
        "grounded": (0.0, 0.0),
        "floating": (0.0, 0.0),
        "half": (1 / 2, 1 / 2),
        "third": (1 / 3, 2 / 3),
    }[scheme]
    rows, columns = np.full(size, row_share * volts), np.full(size, column_share * volts)
    rows[0], columns[-1] = volts, 0.0
    keywords: dict[str, Floats] = {"row_volts": rows, "column_volts": columns}
    if scheme == "floating":
        others = np.arange(size)
        keywords |= {"floating_rows": others != 0, "floating_columns": others != size - 1}
    return keywords
