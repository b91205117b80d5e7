"""The Stanford filament-gap model, version 1.0.0.

Guan, Yu and Wong, "A SPICE Compact Model of Metal Oxide Resistive Switching Memory With
Variations", IEEE EDL 33(10), 1405-1407, 2012; Jiang and Wong, "Stanford University
Resistive-Switching Random Access Memory (RRAM) Verilog-A Model 1.0.0", nanoHUB, 2014."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.devices.base import parameter
from spicesnn.devices.equation_device import EquationDevice
from spicesnn.devices.equations import CellCode
from spicesnn.devices.limits import BOLTZMANN_EV, limited_sinh, limited_sinh_slope, reachable
from spicesnn.devices.pai_yu_chen import NANOMETRE
from spicesnn.devices.windows import ramp
from spicesnn.errors import InputError

(
    _I_0,
    _G_0,
    _V_0,
    _VELOCITY,
    _E_A,
    _GAMMA_0,
    _BETA,
    _FIELD,
    _TEMPERATURE,
    _R_TH,
    _KELVIN_MAX,
    _G_MIN,
    _G_MAX,
    _BOUND_WIDTH,
) = range(14)


def _current(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return I0·exp(−g/g0)·sinh(V/V0)."""
    return p[_I_0] * np.exp(-x / p[_G_0]) * limited_sinh(v / p[_V_0])


def _conductance(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return (I0/V0)·exp(−g/g0)·cosh(V/V0)."""
    return p[_I_0] / p[_V_0] * np.exp(-x / p[_G_0]) * limited_sinh_slope(v / p[_V_0])


def _kelvin(v: Any, x: Any, p: Any) -> Any:
    """Return T0 + Rth·|VI|, held below its limit."""
    return np.minimum(
        p[_TEMPERATURE] + p[_R_TH] * np.abs(v * _current(v, x, 0.0, p)), p[_KELVIN_MAX]
    )


def _rate(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return dg/dt: half a rising less half a falling drift, each with the ramp at its bound."""
    thermal = BOLTZMANN_EV * _kelvin(v, x, p)
    lowering = (p[_GAMMA_0] - p[_BETA] * (x / NANOMETRE) ** 3) * p[_FIELD] * v
    falling = np.exp(np.minimum((lowering - p[_E_A]) / thermal, 0.0)) * ramp(
        x, p[_G_MIN], p[_G_MAX], False, p[_BOUND_WIDTH]
    )
    rising = np.exp(np.minimum((-lowering - p[_E_A]) / thermal, 0.0)) * ramp(
        x, p[_G_MIN], p[_G_MAX], True, p[_BOUND_WIDTH]
    )
    return 0.5 * p[_VELOCITY] * (rising - falling)


@dataclass(frozen=True, kw_only=True, eq=False)
class Stanford(EquationDevice):
    r"""A filament whose gap `g` moves by one thermally activated hopping rate; the heat follows the
    power at once.

    .. math:: I = I_0 e^{-g/g_0} \sinh(V/V_0), \qquad T = T_0 + R_{th} |V I|

    .. math:: dg/dt = -v_0 e^{-E_a/kT} \sinh\frac{\gamma a_0 q V}{t_{ox} k T}, \qquad \gamma = \gamma_0 - \beta (g/1\,\mathrm{nm})^3

    Positive voltage sets. Limits, the same in the twin: the sinh is the difference of a falling and
    a rising drift, the exponent of each held at 0 (no barrier left); sinh(V/V0) is a straight line
    beyond an argument of 40; T is held below `kelvin_max`; each drift stops on a ramp over the last
    `bound_width` of the range before its bound. The published random variation of the gap is not in
    the model: cycle-to-cycle variation is an option of the array."""

    name: ClassVar[str] = "stanford"
    reference: ClassVar[str] = (
        "Guan, Yu and Wong, IEEE EDL 33(10), 1405, 2012; Stanford RRAM Verilog-A model 1.0.0, 2014"
    )
    model: ClassVar[str] = "stanford.lib"
    state_names: ClassVar[tuple[str, ...]] = ("g",)
    state_units: ClassVar[tuple[str, ...]] = ("m",)
    state_scale: ClassVar[tuple[float, ...]] = (NANOMETRE,)
    linear: ClassVar[bool] = False
    set_polarity: ClassVar[int] = 1
    spice_points: ClassVar[int] = 120
    published: ClassVar[Mapping[str, Mapping[str, float]]] = {"stanford-1.0.0": {}}

    i_0: float = parameter(1e-3, "A", "current amplitude", above=0.0)
    g_0: float = parameter(0.25e-9, "m", "gap over which the current falls by e", above=0.0)
    v_0: float = parameter(0.25, "V", "voltage scale of the current", above=0.0)
    velocity: float = parameter(10.0, "m/s", "attempt velocity v₀", lowest=0.0)
    e_a: float = parameter(0.6, "eV", "hopping barrier", lowest=0.0)
    gamma_0: float = parameter(16.0, "1", "field enhancement at no gap", lowest=0.0)
    beta: float = parameter(0.8, "1", "fall of the field enhancement with (g/1 nm)³", lowest=0.0)
    a_0: float = parameter(0.25e-9, "m", "atom spacing", above=0.0)
    thickness: float = parameter(12e-9, "m", "oxide thickness t_ox", above=0.0)
    temperature: float = parameter(298.0, "K", "ambient temperature", above=0.0)
    r_th: float = parameter(2.1e3, "K/W", "thermal resistance", lowest=0.0)
    kelvin_max: float = parameter(
        3000.0, "K", "temperature above which the heating is not followed", above=0.0
    )
    g_min: float = parameter(0.2e-9, "m", "least gap", lowest=0.0)
    g_max: float = parameter(1.7e-9, "m", "largest gap", above=0.0)
    g_init: float = parameter(0.2e-9, "m", "gap of a fresh device", lowest=0.0)
    bound_width: float = parameter(
        1e-3,
        "1",
        "width of the ramp at each bound, as a fraction of the range",
        above=0.0,
        highest=0.5,
    )

    def _check(self) -> None:
        if np.any(np.asarray(self.g_max) <= self.g_min):
            raise InputError(
                f"stanford: g_max = {self.g_max} m must be above g_min = {self.g_min} m"
            )
        if np.any(np.asarray(self.kelvin_max) <= self.temperature):
            raise InputError(
                f"stanford: kelvin_max = {self.kelvin_max} K must be above temperature ="
                f" {self.temperature} K"
            )

    @property
    def _parameters(self) -> tuple[Any, ...]:
        return (
            self.i_0,
            self.g_0,
            self.v_0,
            self.velocity,
            self.e_a,
            self.gamma_0,
            self.beta,
            self.a_0 / np.asarray(self.thickness),
            self.temperature,
            self.r_th,
            self.kelvin_max,
            self.g_min,
            self.g_max,
            self.bound_width,
        )

    def equations(self) -> CellCode:
        """The current, its slope and the rate with their parameters."""
        return CellCode(
            current=_current, conductance=_conductance, rate=_rate, parameters=self._parameters
        )

    def kelvin(self, v: ArrayLike, x: ArrayLike) -> Floats:
        """Return the temperature of the filament, K."""
        return np.asarray(
            _kelvin(np.asarray(v, dtype=float), np.asarray(x, dtype=float), self._parameters)
        )

    def bounds(self) -> tuple[float | Floats, float | Floats]:
        """Return g_min and g_max in metres."""
        return self.g_min, self.g_max

    def initial_state(self) -> float | Floats:
        """Return g_init in metres."""
        return self.g_init

    def typical_drive(self) -> tuple[float, float]:
        """Return 1.2 V at 1 kHz."""
        return 1.2, 1e3

    def state_for_conductance(self, siemens: ArrayLike, *, v: float = 0.0) -> Floats:
        """Return the gap of a given chord conductance: g = g0·ln(I0·sinh(v/V0)/(v·G))."""
        at_no_gap = (
            self.i_0 / self.v_0 if v == 0 else self.i_0 * np.sinh(np.abs(v) / self.v_0) / np.abs(v)
        )
        least, most = (
            at_no_gap * np.exp(-np.asarray(g, dtype=float) / self.g_0)
            for g in (self.g_max, self.g_min)
        )
        return np.asarray(
            np.clip(
                self.g_0 * np.log(at_no_gap / reachable(self.name, siemens, least, most)),
                self.g_min,
                self.g_max,
            )
        )
