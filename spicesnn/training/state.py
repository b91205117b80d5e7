"""How far a run has come: what a checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Progress:
    """What is told to whoever watches: `done` of `total` steps, and a line of text."""

    done: int
    total: int
    text: str


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class RunState:
    """Devices and counters after `updates` updates.

    Attributes
    ----------
    devices : (rows, cols) or (states, rows, cols)
        States of the array's devices, in the model's unit.
    updates, pulses, reads : int
    write_joule, read_joule : float
    wall_s : float
        Time spent so far, over all sittings.
    finished, converged : bool
    residual_amps : float
        Worst violation of Kirchhoff's current law in all reads so far.
    wear : array
        What every cell has been through, as `devices`, in full swings; empty where nothing wears
        out.
    """

    devices: Floats
    updates: int = 0
    pulses: int = 0
    reads: int = 0
    write_joule: float = 0.0
    read_joule: float = 0.0
    wall_s: float = 0.0
    finished: bool = False
    converged: bool = False
    residual_amps: float = 0.0
    wear: Floats = field(default_factory=lambda: np.zeros(0))

    def with_read(self, count: int, energy_joule: float, residual_amps: float) -> RunState:
        """Return the state after `count` more reads."""
        worst = max(self.residual_amps, residual_amps)
        return replace(
            self,
            reads=self.reads + count,
            read_joule=self.read_joule + energy_joule,
            residual_amps=worst,
        )

    def with_write(
        self, devices: Floats, pulses: int, energy_joule: float, wear: Floats | None = None
    ) -> RunState:
        """Return the state after one more update."""
        return replace(
            self,
            devices=devices,
            updates=self.updates + 1,
            pulses=self.pulses + pulses,
            write_joule=self.write_joule + energy_joule,
            wear=self.wear if wear is None else wear,
        )


@dataclass(kw_only=True, eq=False, slots=True)
class History:
    """Series for figures, appended to as the run goes: name → values, each with the number of
    updates it was taken at."""

    series: dict[str, list[Any]] = field(default_factory=dict)
    taken_at: dict[str, list[int]] = field(default_factory=dict)

    def add(self, update: int, **values: Any) -> None:
        """Append one value to each named series."""
        for name, value in values.items():
            self.series.setdefault(name, []).append(value)
            self.taken_at.setdefault(name, []).append(update)

    def put(self, update: int, **values: Any) -> None:
        """Append one value to each named series, in place of one taken at the same update: a run
        that is evaluated again says nothing twice."""
        for name in values:
            if self.taken_at.get(name, [-1])[-1] == update:
                self.series[name].pop()
                self.taken_at[name].pop()
        self.add(update, **values)

    def lengths(self) -> dict[str, int]:
        """Return how many values each series has, for `cut`."""
        return {name: len(values) for name, values in self.taken_at.items()}

    def cut(self, lengths: Mapping[str, int]) -> History:
        """Return the series as they were when they had so many values; one that began later is left
        out."""
        return History(
            series={name: self.series[name][:count] for name, count in lengths.items()},
            taken_at={name: self.taken_at[name][:count] for name, count in lengths.items()},
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the series, and for each ``<name>_update``, when its values were taken."""
        result = {name: np.asarray(values) for name, values in self.series.items()}
        return result | {
            f"{name}_update": np.asarray(values, dtype=np.int64)
            for name, values in self.taken_at.items()
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], until: int) -> History:
        """Return the series as they were at `until` updates."""
        history = cls()
        for name, values in arrays.items():
            when = arrays.get(f"{name}_update")
            if (
                when is not None
                and when.dtype.kind in "iu"
                and when.ndim == 1
                and values.shape[:1] == when.shape
            ):
                keep = when <= until
                history.series[name] = list(values[keep])
                history.taken_at[name] = [int(k) for k in when[keep]]
        return history
