"""Tables that stand for a cell: a device made of I(V, x) and dx/dt(V, x).

Made by `spicesnn.characterization`. (`delta_table` holds what a user measured: any grid, straight
or cubic; the tables here come from solved circuits on grids of our choice, and are interpolated on
the logarithms that make them smooth.)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn import npz
from spicesnn.arrays import Floats, owned
from spicesnn.devices.base import Device
from spicesnn.devices.monotone import monotone_cubic
from spicesnn.errors import DataError, EngineError, InputError

STORED = ("volts", "states", "amps", "rates", "initial", "least")
"""What a file keeps of `CellTables`, beside their source."""
HARDLY = 1e-3
"""`least` of a characterised cell moves its state by this share of its range in a pulse."""
_FINER = 8
"""Into so many parts the cubics cut each interval of a table; between them a straight line does."""


def _grid(values: ArrayLike, name: str) -> Floats:
    grid = owned(values, f"table: {name}")
    if (
        grid.ndim != 1
        or grid.size < 2
        or not np.all(np.isfinite(grid))
        or np.any(np.diff(grid) <= 0)
    ):
        raise InputError(
            f"table: {name} has shape {grid.shape}; expected at least 2 finite, increasing values"
        )
    grid.setflags(write=False)
    return grid


def _table(values: ArrayLike, rows: int, columns: int, name: str) -> Floats:
    table = owned(values, f"table: {name}")
    if table.shape != (rows, columns) or not np.all(np.isfinite(table)):
        raise InputError(
            f"table: {name} has shape {table.shape}; expected ({rows}, {columns}) finite numbers"
        )
    table.setflags(write=False)
    return table


def _place(grid: Floats, at: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Return the interval of the grid that each value lies in, and where in it (0 to 1 inside the
    grid)."""
    interval = np.clip(np.searchsorted(grid, at, side="right") - 1, 0, grid.size - 2)
    return interval, (at - grid[interval]) / (grid[interval + 1] - grid[interval])


def _bilinear(
    table: Floats, row: tuple[NDArray[np.intp], Floats], column: tuple[NDArray[np.intp], Floats]
) -> Floats:
    (i, s), (j, t) = row, column
    return np.asarray(
        (1 - s) * ((1 - t) * table[i, j] + t * table[i, j + 1])
        + s * ((1 - t) * table[i + 1, j] + t * table[i + 1, j + 1])
    )


def squeeze(table: Floats, least: float) -> Floats:
    """Return asinh(table/least): rates span decades, and their logarithm is nearly straight; below
    `least` they are taken as they are."""
    return np.asarray(np.arcsinh(table / least))


@dataclass(frozen=True, kw_only=True, eq=False)
class CellTables:
    """What a `TableDevice` knows.

    Attributes
    ----------
    volts : (voltages,)
    states : (states,)
        From the lowest to the highest state.
    amps : (states, voltages)
    rates : (states, voltages)
        dx/dt, state units a second.
    initial : float
        State of a fresh device.
    least : float
        Rates below this are interpolated straight, rates above on their logarithm; a rate that
        hardly counts.
    source : str
        The name of the device that was measured.
    """

    volts: Floats
    states: Floats
    amps: Floats
    rates: Floats
    initial: float
    least: float
    source: str = ""
    fine_states: Floats = field(init=False)
    """`states` and seven more in every interval: what lies between is on monotone cubics."""
    fine_volts: Floats = field(init=False)
    """`volts` and seven more in every interval."""
    fine_amps: Floats = field(init=False)
    """(fine states, voltages)"""
    slopes: Floats = field(init=False)
    """Derivatives of the monotone cubics through `fine_amps` along the voltages, siemens."""
    squeezed: Floats = field(init=False)
    """asinh of the rates over `least`, (fine states, fine voltages)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "volts", _grid(self.volts, "volts"))
        object.__setattr__(self, "states", _grid(self.states, "states"))
        for name in ("amps", "rates"):
            object.__setattr__(
                self, name, _table(getattr(self, name), self.states.size, self.volts.size, name)
            )
        if not self.states[0] <= self.initial <= self.states[-1]:
            raise InputError(
                f"table: initial = {self.initial}; expected a state in [{self.states[0]:g},"
                f" {self.states[-1]:g}]"
            )
        if not np.isfinite(self.least) or self.least <= 0:
            raise InputError(f"table: least = {self.least}; expected a rate above 0")
        states, volts = _between(self.states, _FINER), _between(self.volts, _FINER)
        amps = monotone_cubic(self.states, self.amps)(states)
        slopes = monotone_cubic(self.volts, amps, axis=1).derivative()(self.volts)
        squeezed = monotone_cubic(
            self.states, monotone_cubic(self.volts, squeeze(self.rates, self.least), axis=1)(volts)
        )(states)
        found = {
            "fine_states": states,
            "fine_volts": volts,
            "fine_amps": amps,
            "slopes": slopes,
            "squeezed": squeezed,
        }
        for name, values in found.items():
            object.__setattr__(self, name, np.asarray(values))

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Any]) -> CellTables:
        """Return the tables of a stored characterisation: ``cell_volts`` and the like, and
        ``source``."""
        found = {name: np.asarray(arrays[f"cell_{name}"], dtype=float) for name in STORED}
        initial, least = (float(found.pop(name)) for name in ("initial", "least"))
        return cls(**found, initial=initial, least=least, source=str(arrays["source"]))

    def squeezed_at(self, volts: Floats) -> Floats:
        """Return asinh of the rates over `least` at all fine states, (n, fine states), for voltages
        (n,) within the table."""
        j, t = _place(self.fine_volts, np.clip(volts, self.volts[0], self.volts[-1]))
        return np.asarray(((1 - t) * self.squeezed[:, j] + t * self.squeezed[:, j + 1]).T)


def _between(grid: Floats, parts: int) -> Floats:
    """Return the grid with every interval cut into equal parts."""
    places = np.arange(parts * (grid.size - 1) + 1) / parts
    return np.interp(places, np.arange(grid.size), grid)


def not_a_table(path: str | Path, reason: Exception) -> DataError:
    """Return the error for a file that holds something else."""
    return DataError(f"{path} is not a table that spicesnn characterize wrote: {reason}")


def _nothing() -> CellTables:
    zeros = np.zeros((2, 2))
    return CellTables(
        volts=np.array([-1.0, 1.0]),
        states=np.array([0.0, 1.0]),
        amps=zeros,
        rates=zeros,
        initial=0.0,
        least=1.0,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class TableDevice(Device):
    """A device known by tables of its current and of its state's rate over voltage and state, one
    state variable.

    Current and asinh of the rate run on monotone cubics (Fritsch and Carlson, 1980) from one grid
    point to the next. Beyond the voltages of the table the current goes on straight, so that Newton
    steps may pass there, and a rate that is asked for there is an `InputError`: a table does not
    know. It has no SPICE twin; it is one, measured."""

    name: ClassVar[str] = "table"
    reference: ClassVar[str] = "made by spicesnn.characterization from solved circuits"
    linear: ClassVar[bool] = False

    tables: CellTables = field(default_factory=_nothing)

    @classmethod
    def read(cls, path: str | Path) -> TableDevice:
        """Return the device of a ``table.npz`` that ``spicesnn characterize`` wrote."""
        try:
            return cls(tables=CellTables.of_arrays(npz.read(path)))
        except (ValueError, KeyError, TypeError) as error:
            raise not_a_table(path, error) from None

    @property
    def model(self) -> str:  # type: ignore[override]
        """Raise `EngineError`: tables have no SPICE text."""
        source = self.tables.source or "a device"
        raise EngineError(
            f"tables of {source} are for the nodal engine; ngspice solves {source} itself: use that"
            " device there"
        )

    @property
    def set_polarity(self) -> int:  # type: ignore[override]
        """+1 where positive voltages raise the conductance, −1 where they lower it, by the fastest
        state in the table; 0 if none moves."""
        known = self.tables
        i, j = np.unravel_index(np.argmax(np.abs(known.rates)), known.rates.shape)
        end = -1 if known.volts[-1] > 0 else 0
        return int(
            np.sign(known.rates[i, j] * known.volts[j])
            * np.sign((known.amps[-1, end] - known.amps[0, end]) * known.volts[end])
        )

    def typical_drive(self) -> tuple[float, float]:
        """Return the smaller of the table's end voltages (the larger, if it has one sign only), at
        a period of a hundred of its pulses."""
        known = self.tables
        ends = [
            abs(float(v))
            for v, sign in ((known.volts[0], -1), (known.volts[-1], 1))
            if sign * v > 0
        ]
        return min(ends), float(
            known.least / (HARDLY * 100.0 * (known.states[-1] - known.states[0]))
        )

    def current(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return the current in ampere."""
        return self.current_and_conductance(v, x, gate)[0]

    def conductance(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return dI/dV in siemens."""
        return self.current_and_conductance(v, x, gate)[1]

    def current_and_conductance(
        self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None
    ) -> tuple[Floats, Floats]:
        """Return both, from the cubic in the voltage of the two neighbouring states."""
        known = self.tables
        v, x = np.broadcast_arrays(np.asarray(v, dtype=float), np.asarray(x, dtype=float))
        inside = np.clip(v, known.volts[0], known.volts[-1])
        i, s = _place(known.fine_states, np.clip(x, known.states[0], known.states[-1]))
        j, t = _place(known.volts, inside)
        width = known.volts[j + 1] - known.volts[j]
        # Hermite's basis, values and derivatives.
        value = (
            (1 + 2 * t) * (1 - t) ** 2,
            t * (1 - t) ** 2 * width,
            t**2 * (3 - 2 * t),
            t**2 * (t - 1) * width,
        )
        rise = (
            6 * t * (t - 1) / width,
            (1 - t) * (1 - 3 * t),
            6 * t * (1 - t) / width,
            t * (3 * t - 2),
        )
        amps, siemens = np.zeros(v.shape), np.zeros(v.shape)
        for row, share in ((i, 1 - s), (i + 1, s)):
            corners = (
                known.fine_amps[row, j],
                known.slopes[row, j],
                known.fine_amps[row, j + 1],
                known.slopes[row, j + 1],
            )
            amps += share * sum(a * b for a, b in zip(value, corners, strict=True))
            siemens += share * sum(a * b for a, b in zip(rise, corners, strict=True))
        return amps + siemens * (v - inside), siemens

    def rate(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return dx/dt in state units a second."""
        known = self.tables
        v, x = np.broadcast_arrays(np.asarray(v, dtype=float), np.asarray(x, dtype=float))
        low, high = known.volts[0], known.volts[-1]
        slack = 1e-6 * (high - low)
        if np.any(v < low - slack) or np.any(v > high + slack):
            raise InputError(
                f"table of {known.source or 'a device'}: {np.min(v):.4g}…{np.max(v):.4g} V across a"
                f" cell is outside the characterised {low:.4g}…{high:.4g} V; characterise it over a"
                " wider range"
            )
        row = _place(known.fine_states, np.clip(x, known.states[0], known.states[-1]))
        return np.asarray(
            known.least
            * np.sinh(
                _bilinear(known.squeezed, row, _place(known.fine_volts, np.clip(v, low, high)))
            )
        )

    def bounds(self) -> tuple[float, float]:
        """Return the first and the last state of the table."""
        return float(self.tables.states[0]), float(self.tables.states[-1])

    def initial_state(self) -> float:
        """Return the state of a fresh device."""
        return self.tables.initial
