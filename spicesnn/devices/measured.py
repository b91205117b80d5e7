"""A measured device in a circuit: its conductance is the state, its table of changes the state
equation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.devices.base import Device, parameter
from spicesnn.devices.delta_table import DeltaTable, Grid, Interpolation, OutOfRange
from spicesnn.devices.generated import written_model
from spicesnn.devices.limits import reachable
from spicesnn.devices.windows import bound_ramp
from spicesnn.errors import InputError


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasuredDevice(Device):
    r"""A linear conductance that moves as a table ΔG(G, V) says.

    .. math:: i = G v, \qquad \frac{dG}{dt} = r(G, v)

    with r from `DeltaTable.rate`, bilinear between its points, so that a pulse of the table's width
    makes the table's step. Beyond the voltages of the table the rate is that at its edge (a
    documented clamp: measure as far as you pulse). G stays within the table by the usual ramp over
    the last `bound_width` of the range. Build it with `of`. The SPICE twin is written from the
    table."""

    name: ClassVar[str] = "measured"
    reference: ClassVar[str] = "a table ΔG(G, V) of the user's"
    state_names: ClassVar[tuple[str, ...]] = ("x",)
    state_units: ClassVar[tuple[str, ...]] = ("S",)
    state_scale: ClassVar[tuple[float, ...]] = (1e-5,)

    table: DeltaTable
    rates: Grid
    g_init: float = parameter(0.0, "S", "conductance of a fresh device", lowest=0.0)
    bound_width: float = parameter(
        1e-3,
        "1",
        "width of the ramp at each bound, as a fraction of the range",
        above=0.0,
        highest=0.5,
    )

    @classmethod
    def of(cls, table: DeltaTable, *, g_init: float | None = None) -> Self:
        """Return the device of a table; fresh devices have its lowest conductance unless `g_init`
        is given."""
        if table.grid.y[0] > 0 or table.grid.y[-1] < 0 or 0.0 not in table.grid.y:
            raise InputError(
                "measured: the table needs a line at 0 V (no change), or the state would move at"
                " rest; add one"
            )
        if np.any(table.grid.values[:, table.grid.y == 0.0] != 0):
            raise InputError(
                "measured: the table changes the conductance at 0 V; expected no change there"
            )
        rates = replace(
            table.rate(), interpolation=Interpolation.BILINEAR, out_of_range=OutOfRange.CLAMP
        )
        return cls(
            table=table, rates=rates, g_init=float(table.grid.x[0]) if g_init is None else g_init
        )

    @property
    def set_polarity(self) -> int:  # type: ignore[override]
        """The table's."""
        return self.table.polarity

    def _check(self) -> None:
        low, high = self.bounds()
        if np.any(np.asarray(self.g_init) < low) or np.any(np.asarray(self.g_init) > high):
            raise InputError(
                f"measured: g_init = {self.g_init} S is outside the table, {low:g}…{high:g} S"
            )

    def current(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return G·v in ampere."""
        return np.asarray(np.asarray(v, dtype=float) * np.asarray(x, dtype=float))

    def conductance(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return G in siemens."""
        return np.array(
            np.broadcast_to(
                np.asarray(x, dtype=float), np.broadcast_shapes(np.shape(v), np.shape(x))
            )
        )

    def rate(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return dG/dt in S/s."""
        speed = self.rates(x, v)
        return np.asarray(speed * bound_ramp(x, *self.bounds(), speed > 0, self.bound_width))

    def bounds(self) -> tuple[float, float]:
        """Return the ends of the table, siemens."""
        return float(self.table.grid.x[0]), float(self.table.grid.x[-1])

    def initial_state(self) -> float | Floats:
        """Return g_init."""
        return self.g_init

    def state_for_conductance(self, siemens: ArrayLike, *, v: float = 0.0) -> Floats:
        """Return the conductance itself, after a check."""
        return reachable(self.name, siemens, *self.bounds())

    def typical_drive(self) -> tuple[float, float]:
        """Return the smaller of the table's end voltages, at a period of forty of its pulses."""
        return float(min(self.table.grid.y[-1], -self.table.grid.y[0])), float(
            1 / (40 * self.table.pulse_s)
        )

    def spice_parameters(self) -> dict[str, float | Floats]:
        """Return what travels on the X line; the table stands in the model file."""
        return {"x_init": self.g_init, "bound_width": self.bound_width}

    @property
    def model(self) -> str:  # type: ignore[override]
        """Path of the sub-circuit, which is written when it is first asked for."""
        return str(
            _written(tuple(self.rates.x), tuple(self.rates.y), tuple(self.rates.values.ravel()))
        )

    @property
    def subckt(self) -> str:
        """Name of the sub-circuit."""
        return "measured"


@cache
def _written(siemens: tuple[float, ...], volts: tuple[float, ...], flat: tuple[float, ...]) -> Path:
    """Write the table as a sub-circuit: Σ over the conductances of (hat function of G) · (polygon
    of V), all in volts of the state node."""
    scale = MeasuredDevice.state_scale[0]
    x, rows = np.array(siemens) / scale, np.array(flat).reshape(len(siemens), len(volts)) / scale
    terms = []
    for k, row in enumerate(rows):
        near = slice(
            max(k - 2, 0), k + 3
        )  # two zeros at either side: ngspice goes on beyond the last points as before them
        hat = _polygon("v(xin)", x[near], np.eye(len(x))[k][near])
        terms.append(f"{hat}\n+ *{_polygon('v(vin)', np.array(volts), row)}")
    text = f"""* measured: a table of conductance changes
* pins        p (word line)  n (bit line)  x (state: one volt is {scale:g} S)
* parameters  x_init (S)  bound_width (1)  moves (1, or 0 for a stuck cell). No defaults: each instance passes all of them.
.subckt measured p n x params: x_init=required bound_width=required moves=1
.param unit={scale!r} ramp={{bound_width*{float(x[-1] - x[0])!r}}} pace={{moves*1e-12}}
bi p n i = v(p,n)*v(x)*{{unit}}
cx x 0 1p ic={{x_init/{scale!r}}}
bl xin 0 v = max({float(x[0])!r}, min({float(x[-1])!r}, v(x)))
bv vin 0 v = max({float(volts[0])!r}, min({float(volts[-1])!r}, v(p,n)))
br rate 0 v = {chr(10) + "+ "}{(chr(10) + "+ + ").join(terms)}
bx 0 x i = {{pace}}*(uramp(v(rate))*min(1, uramp({float(x[-1])!r} - v(x))/{{ramp}})
+ - uramp(-v(rate))*min(1, uramp(v(x) - {float(x[0])!r})/{{ramp}}))
.ends measured
"""
    return written_model("measured", text)


def _polygon(at: str, x: Any, y: Any) -> str:
    """Return the text of a function that is straight between points."""
    pairs = [f"{float(a)!r},{float(b) + 0.0!r}" for a, b in zip(x, y, strict=True)]
    return (
        f"pwl({at},\n+ "
        + ",\n+ ".join(",".join(pairs[k : k + 4]) for k in range(0, len(pairs), 4))
        + ")"
    )
