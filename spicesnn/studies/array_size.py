"""The largest array: how many cells a side may have before the wires spoil its column currents by
more than is allowed.

The error of an array is max_j |I_j − I_j*| / max_j I_j*, I* being the currents on ideal wires, with
all word lines driven. It grows with the size, so the largest size within a tolerance is found by
doubling and bisection. Along a line of n cells the drop adds up as the square of n: the largest
size goes as the square root of tolerance over segment resistance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.devices.base import Device
from spicesnn.engines.base import Engine
from spicesnn.options import Section, option
from spicesnn.plotting.studies import array_size_figure
from spicesnn.studies.cells import between, two_states
from spicesnn.studies.study import Findings, Row, Study, Watch, Workers
from spicesnn.training.sections import ArrayOptions, DeviceOptions
from spicesnn.training.sweep import summarised

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class SizeOptions(Section):
    """[size]"""

    segment_ohm: tuple[float, ...] = option(
        (0.1, 0.3, 1.0, 3.0, 10.0), "resistance of the segments of both lines", above=0.0
    )
    tolerances: tuple[float, ...] = option((0.01, 0.05, 0.2), "errors that are allowed", above=0.0)
    read_volts: float = option(0.2, "voltage of every word line", above=0.0)
    draws: int = option(5, "number of random arrays per point", lowest=1)
    limit: int = option(512, "larger arrays are not tried", lowest=2)


@dataclass(frozen=True, kw_only=True)
class ArraySize(Study):
    """Largest square array within a tolerance, against the resistance of a segment."""

    kind: ClassVar[str] = "array-size"

    device: DeviceOptions = field(default_factory=DeviceOptions)
    array: ArrayOptions = field(default_factory=ArrayOptions)
    size: SizeOptions = field(default_factory=SizeOptions)

    def find(self, folder: Path, workers: Workers, watch: Watch) -> Findings:
        """Bisect for every segment resistance, tolerance and draw."""
        options, device, rows = self.size, self.device.build(), list[Row]()
        total = len(options.segment_ohm) * options.draws
        with self.solver(folder / "failures") as engine:
            for draw in range(options.draws):
                for ohm in options.segment_ohm:
                    watch(len(rows) // len(options.tolerances), total)
                    # Tolerances share the sizes that were solved on the way.
                    error = cache(
                        lambda size, ohm=ohm, draw=draw: self.error(engine, device, size, ohm, draw)
                    )
                    for tolerance in options.tolerances:
                        largest = largest_within(error, tolerance, options.limit)
                        rows.append(
                            {
                                "segment_ohm": ohm,
                                "tolerance": tolerance,
                                "draw": draw,
                                "largest": largest,
                                "error": error(largest),
                                "at_limit": largest == options.limit,
                            }
                        )
        watch(total, total)
        return Findings(rows=rows, facts=self._facts(rows))

    def error(
        self, engine: Engine, device: Device, size: int, segment_ohm: float, draw: int
    ) -> float:
        """Return the error of one array of size × size random conductances."""
        low, high = two_states(device)
        share = np.random.default_rng([self.seed, draw]).random((size, size))
        state = between(device, low, high, share)
        wires = replace(self.array, word_line_ohm=segment_ohm, bit_line_ohm=segment_ohm).wires()
        read = engine.read(
            Crossbar(device=device, state=state, wires=wires), np.full(size, self.size.read_volts)
        )
        ideal = np.asarray(device.current(self.size.read_volts, state)).sum(axis=0)
        return float(np.max(np.abs(read.column_amps - ideal)) / np.max(ideal))

    def _facts(self, rows: list[Row]) -> dict[str, Any]:
        table = summarised(rows, ["tolerance", "segment_ohm"], "largest")
        return {
            "largest_size": {
                f"{row['tolerance']:g} error, {row['segment_ohm']:g} Ω": row["mean"]
                for row in table
            }
        }

    def figure(self, findings: Findings) -> Figure:
        """Draw the largest size against the segment resistance, one line a tolerance."""
        return array_size_figure(
            summarised(findings.rows, ["tolerance", "segment_ohm"], "largest"), self.size.limit
        )


def largest_within(error: Callable[[int], float], tolerance: float, limit: int) -> int:
    """Return the largest size from 1 to `limit` whose error is within `tolerance`, the error
    growing with the size; 1 if none is."""
    low, high = 1, 2
    while high < limit and error(high) <= tolerance:
        low, high = high, 2 * high
    high = min(high, limit)
    if error(high) <= tolerance:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if error(middle) <= tolerance else (low, middle)
    return low
