"""The filament-gap model of Pai-Yu Chen and Shimeng Yu with its self-heating: gap and temperature
are both states.

Chen and Yu, IEEE TED 62(12), 4022-4028, 2015.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.devices.base import parameter
from spicesnn.devices.equations import CellCode
from spicesnn.devices.limits import BOLTZMANN_EV
from spicesnn.devices.pai_yu_chen import (
    NANOMETRE,
    PaiYuChen,
    gap_conductance,
    gap_current,
    gap_rate,
)
from spicesnn.errors import InputError

_C_TH, _TAU_TH, _KELVIN_MAX, _AMBIENT, _ROOM, _GAP, _KELVIN = range(13, 20)
"""Behind the parameters of `PaiYuChen`; the states last."""


def _current(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return I0·exp(−g/g0)·sinh(V/V0)."""
    return gap_current(v, p[_GAP], gate, p)


def _conductance(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return (I0/V0)·exp(−g/g0)·cosh(V/V0)."""
    return gap_conductance(v, p[_GAP], gate, p)


def _rate(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return dg/dt for x = 0, dT/dt for x = 1."""
    if x < 0.5:
        return gap_rate(v, p[_GAP], BOLTZMANN_EV * p[_KELVIN], p)
    power = np.abs(v * gap_current(v, p[_GAP], gate, p))
    left = np.minimum(np.maximum((p[_KELVIN_MAX] - p[_KELVIN]) / p[_ROOM], 0.0), 1.0)
    return power / p[_C_TH] * left - (p[_KELVIN] - p[_AMBIENT]) / p[_TAU_TH]


@dataclass(frozen=True, kw_only=True, eq=False)
class PaiYuChenHeated(PaiYuChen):
    r"""The gap model with the temperature of the filament as a second state.

    .. math:: dT/dt = |V I|/C_{th} - (T - T_0)/\tau_{th}

    Current and gap follow `PaiYuChen`, at T in place of the fixed temperature, which is the ambient
    T₀ here. A set from a large gap is a thermal runaway; the heating fades on a ramp over the last
    `bound_width` of the range below `kelvin_max`, where the filament would long have melted. The
    thermal time constant is 0.23 ns at the defaults, so circuits with this model are stiff: where
    pulses are longer than a few nanoseconds, ask whether `PaiYuChen` at a higher temperature will
    do. The set ``sky130`` has the numbers of the open SKY130 process's ReRAM cell. States have a
    leading axis: gap (m), temperature (K)."""

    name: ClassVar[str] = "pai-yu-chen-heated"
    model: ClassVar[str] = "pai_yu_chen_heated.lib"
    state_names: ClassVar[tuple[str, ...]] = ("g", "t")
    state_units: ClassVar[tuple[str, ...]] = ("m", "K")
    state_scale: ClassVar[tuple[float, ...]] = (NANOMETRE, 100.0)
    published: ClassVar[Mapping[str, Mapping[str, float]]] = {
        "chen-yu-2015": {},
        "sky130": {
            "g_0": 5e-9 - 4.7249e-9,
            "temperature": 300.0,
            "t_init": 300.0,
            "g_init": 1.7e-9,
        },
    }

    c_th: float = parameter(3.1825e-16, "J/K", "thermal capacitance of the filament", above=0.0)
    tau_th: float = parameter(2.3e-10, "s", "thermal time constant", above=0.0)
    kelvin_max: float = parameter(3000.0, "K", "temperature at which the heating stops", above=0.0)
    t_init: float = parameter(298.0, "K", "temperature of a fresh device", above=0.0)

    def _check(self) -> None:
        PaiYuChen._check(self)
        if np.any(np.asarray(self.kelvin_max) <= self.temperature):
            raise InputError(
                f"{self.name}: kelvin_max = {self.kelvin_max} K must be above the ambient"
                f" temperature = {self.temperature} K"
            )
        if np.any(np.asarray(self.t_init) < self.temperature) or np.any(
            np.asarray(self.t_init) > self.kelvin_max
        ):
            raise InputError(
                f"{self.name}: t_init = {self.t_init} K; expected a value from temperature to"
                " kelvin_max"
            )

    def equations(self) -> CellCode:
        """The current, its slope and both rates with their parameters."""
        return CellCode(
            current=_current,
            rate=_rate,
            conductance=_conductance,
            parameters=(
                *self._parameters(self.temperature),
                self.c_th,
                self.tau_th,
                self.kelvin_max,
                self.temperature,
                np.asarray(self.bound_width) * (np.asarray(self.kelvin_max) - self.temperature),
            ),
            states=2,
        )

    def rate_slope(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return ∂(dg/dt)/∂g and ∂(dT/dt)/∂T in 1/s, (2, …): the diagonal of the Jacobian."""
        gap, kelvin = np.asarray(x, dtype=float)
        along_gap = self._gap_rate_slope(v, gap, kelvin)
        power = np.abs(np.asarray(v, dtype=float) * self.current(v, x))
        room = self.bound_width * (np.asarray(self.kelvin_max, dtype=float) - self.temperature)
        left = self.kelvin_max - kelvin
        along_heat = -np.where(
            (left > 0) & (left < room), power / (self.c_th * room), 0.0
        ) - 1.0 / np.asarray(self.tau_th, dtype=float)
        return np.stack(np.broadcast_arrays(along_gap, along_heat))

    def bounds(self) -> tuple[Floats, Floats]:
        """Return (g_min, temperature) and (g_max, kelvin_max), (2, 1, 1) or (2, rows, cols)."""
        return _stacked(self.g_min, self.temperature, at_least_2d=True), _stacked(
            self.g_max, self.kelvin_max, at_least_2d=True
        )

    def initial_state(self) -> Floats:
        """Return g_init and t_init, (2,) or (2, rows, cols)."""
        return _stacked(self.g_init, self.t_init)

    def typical_drive(self) -> tuple[float, float]:
        """Return 1.5 V at 1 MHz."""
        return 1.5, 1e6

    def state_for_conductance(self, siemens: ArrayLike, *, v: float = 0.0) -> Floats:
        """Return the gap of a given chord conductance at ambient temperature, (2, …)."""
        gap = PaiYuChen.state_for_conductance(self, siemens, v=v)
        return np.stack(np.broadcast_arrays(gap, np.asarray(self.temperature, dtype=float)))

    def volts_for_rate(
        self, siemens: ArrayLike, siemens_per_s: ArrayLike, *, v_read: float = 0.7
    ) -> Floats:
        """Refuse: the rate depends on how hot the filament already is."""
        raise InputError(
            f"{self.name}: the voltage for a rate is defined at one temperature; use"
            " PaiYuChen(temperature=…)"
        )


def _stacked(gap: float | Floats, kelvin: float | Floats, *, at_least_2d: bool = False) -> Floats:
    values = np.broadcast_arrays(np.asarray(gap, dtype=float), np.asarray(kelvin, dtype=float))
    return np.stack([np.atleast_2d(v) for v in values] if at_least_2d else values)
