"""The IR-drop map: the voltage of every cell, relative to the drive, when all word lines are driven
at once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.options import Section, option
from spicesnn.plotting.studies import ir_drop_figure
from spicesnn.studies.cells import between, two_states
from spicesnn.studies.study import Findings, Row, Study, Watch, Workers
from spicesnn.training.sections import ArrayOptions, DeviceOptions

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _ends(array: ArrayOptions, both: bool) -> ArrayOptions:
    """Return the array with lines connected at both ends, or at one: its own where it has one."""
    drive, sense = (
        None if both or side == "both" else side for side in (array.drive_side, array.sense_side)
    )
    return replace(array, double_sided=both, drive_side=drive, sense_side=sense)


@dataclass(frozen=True, kw_only=True)
class MapOptions(Section):
    """[map]"""

    rows: int = option(64, "word lines", lowest=1)
    columns: int = option(64, "bit lines", lowest=1)
    cells: str = option(
        "on",
        "all cells on, all off, or conductances drawn uniformly between",
        choices=("on", "off", "random"),
    )
    read_volts: float = option(0.2, "voltage of every word line", above=0.0)


@dataclass(frozen=True, kw_only=True)
class IRDrop(Study):
    """The map of an array whose lines end at one side, and of the same array with both ends
    connected."""

    kind: ClassVar[str] = "ir-drop"
    facts_shown: ClassVar[dict[str, str]] = {
        f"{fact}_{ends}": f"{text}, driven at {ends.replace('_', ' ')}: {unit}"
        for ends in ("one_end", "both_ends")
        for fact, text, unit in (
            ("lowest_cell_voltage", "lowest cell voltage", "{:.1%} of drive"),
            ("mean_cell_voltage", "mean cell voltage", "{:.1%} of drive"),
            ("lowest_column_current", "lowest column current", "{:.1%} of ideal"),
            ("residual_amps", "largest violation of Kirchhoff's law", "{:.1e} A"),
        )
    }

    device: DeviceOptions = field(default_factory=DeviceOptions)
    array: ArrayOptions = field(default_factory=ArrayOptions)
    map: MapOptions = field(default_factory=MapOptions)

    def find(self, folder: Path, workers: Workers, watch: Watch) -> Findings:
        """Solve both arrays; one row of the table a cell."""
        options, device = self.map, self.device.build()
        low, high = two_states(device)
        shape = (options.rows, options.columns)
        fixed = {"on": 1.0, "off": 0.0}
        level = (
            np.random.default_rng(self.seed).random(shape)
            if options.cells == "random"
            else np.full(shape, fixed[options.cells])
        )
        state, volts = between(device, low, high, level), np.full(options.rows, options.read_volts)
        rows, facts = list[Row](), dict[str, float]()
        with self.solver(folder / "failures") as engine:
            for number, both_ends in enumerate((False, True)):
                watch(number, 2)
                array = Crossbar(
                    device=device,
                    state=state,
                    wires=_ends(self.array, both_ends).wires(),
                )
                read = engine.read(array, volts)
                ideal = np.asarray(device.current(options.read_volts, state)).sum(axis=0)
                relative = read.cell_volts / options.read_volts
                ends = "both_ends" if both_ends else "one_end"
                rows += [
                    {
                        "ends": ends,
                        "row": int(i),
                        "column": int(j),
                        "cell_voltage": float(relative[i, j]),
                    }
                    for i, j in np.ndindex(shape)
                ]
                facts |= {
                    f"lowest_cell_voltage_{ends}": float(relative.min()),
                    f"mean_cell_voltage_{ends}": float(relative.mean()),
                    f"lowest_column_current_{ends}": float((read.column_amps / ideal).min()),
                    f"residual_amps_{ends}": float(read.residual_amps),
                }
        watch(2, 2)
        return Findings(rows=rows, facts=facts)

    def figure(self, findings: Findings) -> Figure:
        """Draw both maps on one scale."""
        shape = (2, self.map.rows, self.map.columns)
        return ir_drop_figure(
            np.array([row["cell_voltage"] for row in findings.rows]).reshape(shape)
        )
