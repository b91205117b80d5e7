"""What one pulse does to the conductance of a characterised cell: ΔG(G, V), in closed form from its
rates, and as a table to give away."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.characterization.adaptive_grid import Sampled, Subject, sampled
from spicesnn.characterization.flow import moved
from spicesnn.devices.cell_tables import CellTables
from spicesnn.devices.delta_table import DeltaTable, Grid, polarity_of
from spicesnn.devices.monotone import monotone_cubic
from spicesnn.errors import InputError

FLOOR = 0.01
"""Errors are relative to the value, or to this share of the largest one where the value is
smaller."""
_EVEN, _MOST, _CLOSE = 33, 30_000, 5e-3
"""The table begins with so many even lines either way and is cut finer, to so many points at most,
until it foresees ΔG to this."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Increments:
    """ΔG(G, V) of rectangular pulses of one width, from rates over what is pulsed.

    A table of ΔG has a cliff where the device runs away within the pulse, along a curve through its
    (G, V) plane that no grid follows. The rates have none: they are interpolated, and the time they
    take is integrated in closed form (`spicesnn.characterization.flow`).

    Attributes
    ----------
    tables : CellTables
        Rates over states and amplitudes.
    siemens : (states,)
        Conductance at the read voltage, > 0 and monotone.
    width_s : float
    """

    tables: CellTables
    siemens: Floats
    width_s: float
    _fine_logs: Floats = field(init=False, repr=False)
    """ln G at the tables' fine states."""

    def __post_init__(self) -> None:
        siemens, states = np.array(self.siemens, dtype=float), self.tables.states
        steps = np.diff(siemens)
        if (
            siemens.shape != states.shape
            or not np.all(np.isfinite(siemens))
            or np.any(siemens <= 0)
            or not (np.all(steps > 0) or np.all(steps < 0))
        ):
            raise InputError(
                f"increments: siemens has shape {siemens.shape}; expected {states.shape}, monotone"
                " and above 0 S, one for each state"
            )
        if not np.isfinite(self.width_s) or self.width_s <= 0:
            raise InputError(f"increments: width_s = {self.width_s!r}; expected seconds, above 0")
        siemens.setflags(write=False)
        object.__setattr__(self, "siemens", siemens)
        object.__setattr__(
            self,
            "_fine_logs",
            np.asarray(monotone_cubic(states, np.log(siemens))(self.tables.fine_states)),
        )

    @property
    def volts(self) -> tuple[float, float]:
        """Lowest and highest amplitude."""
        return float(self.tables.volts[0]), float(self.tables.volts[-1])

    @property
    def range_siemens(self) -> tuple[float, float]:
        """Lowest and highest conductance."""
        return float(self.siemens.min()), float(self.siemens.max())

    def __call__(self, siemens: ArrayLike, volts: ArrayLike) -> Floats:
        """Return ΔG in siemens, elementwise; conductances and voltages outside the tables are an
        `InputError`."""
        g, v = np.broadcast_arrays(np.asarray(siemens, dtype=float), np.asarray(volts, dtype=float))
        for name, at, (low, high), unit in (
            ("conductance", g, self.range_siemens, "S"),
            ("voltage", v, self.volts, "V"),
        ):
            slack = 1e-9 * (high - low)
            if not np.all(np.isfinite(at)) or np.any(at < low - slack) or np.any(at > high + slack):
                raise InputError(
                    f"increments: a {name} of {np.min(at):.4g}…{np.max(at):.4g} {unit} is outside"
                    f" {low:.4g}…{high:.4g} {unit}"
                )
        known, upward = (
            self.tables,
            slice(None, None, 1 if self._fine_logs[-1] > self._fine_logs[0] else -1),
        )
        logs = np.log(np.clip(g, *self.range_siemens)).ravel()
        start = np.interp(logs, self._fine_logs[upward], known.fine_states[upward])
        after = moved(
            known.fine_states, known.squeezed_at(v.ravel()), known.least, start, self.width_s
        )
        before, later = (np.interp(x, known.fine_states, self._fine_logs) for x in (start, after))
        return np.asarray(np.exp(before) * np.expm1(later - before)).reshape(g.shape)

    @property
    def set_polarity(self) -> int:
        """+1 where positive voltages raise the conductance, −1 where they lower it."""
        logs, (low, high) = np.log(self.range_siemens), self.volts
        g, v = np.exp(np.linspace(logs[0], logs[1], _EVEN)), np.linspace(low, high, _EVEN)
        return polarity_of(v, self(np.clip(g, *self.range_siemens)[:, None], v[None, :]))

    def table(self) -> DeltaTable:
        """Return ΔG(G, V) as a bilinear table, its lines drawn where ΔG asks for them; it cannot
        follow a run-away's cliff (class docstring)."""
        largest = FLOOR * float(np.ptp(self.siemens))

        def measure(log: Floats, v: Floats, guess: Floats | None) -> Floats:
            return self(np.exp(log), v)

        def grid_of(grid: Sampled) -> Grid:
            return Grid(
                x=np.clip(np.exp(grid.x), *self.range_siemens), y=grid.y, values=grid.values
            )

        def foresee(grid: Sampled, log: Floats, v: Floats) -> Floats:
            return grid_of(grid)(np.clip(np.exp(log), *self.range_siemens), v)

        def surprise(log: Floats, foreseen: Floats, found: Floats) -> Any:
            return np.abs(foreseen - found) / np.maximum(np.abs(found), largest)

        subject = Subject(measure=measure, foresee=foresee, surprise=surprise)
        (low, high), logs = self.volts, np.log(self.range_siemens)
        even = np.linspace(logs[0], logs[1], _EVEN), np.linspace(low, high, _EVEN)
        return DeltaTable(
            grid=grid_of(sampled(subject, *even, tolerance=_CLOSE, most=_MOST)),
            pulse_s=self.width_s,
        )
