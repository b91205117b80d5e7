"""The Stanford filament-gap model, version 1.0.0.

Guan, Yu and Wong, "A SPICE Compact Model of Metal Oxide Resistive Switching Memory With Variations", IEEE EDL 33(10),
1405-1407, 2012; Jiang and Wong, "Stanford University Resistive-Switching Random Access Memory (RRAM) Verilog-A Model
1.0.0", nanoHUB, 2014.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.devices.base import Device, Floats, parameter
from spicesnn.devices.limits import BOLTZMANN_EV, limited_sinh, limited_sinh_slope, reachable
from spicesnn.devices.pai_yu_chen import NANOMETRE
from spicesnn.devices.windows import bound_ramp
from spicesnn.errors import InputError


@dataclass(frozen=True, kw_only=True, eq=False)
class Stanford(Device):
    r"""A filament whose gap `g` moves by one thermally activated hopping rate; the heat follows the power at once.

    .. math:: I = I_0 e^{-g/g_0} \sinh(V/V_0), \qquad T = T_0 + R_{th} |V I|

    .. math:: dg/dt = -v_0 e^{-E_a/kT} \sinh\frac{\gamma a_0 q V}{t_{ox} k T}, \qquad \gamma = \gamma_0 - \beta (g/1\,\mathrm{nm})^3

    Positive voltage sets. Limits, the same in the twin: the sinh is the difference of a falling and a rising drift, the
    exponent of each held at 0 (no barrier left); sinh(V/V0) is a straight line beyond an argument of 40; T is held below
    `kelvin_max`; each drift stops on a ramp over the last `bound_width` of the range before its bound. The published
    random variation of the gap is not in the model: cycle-to-cycle variation is an option of the array.
    """

    name: ClassVar[str] = "stanford"
    reference: ClassVar[str] = "Guan, Yu and Wong, IEEE EDL 33(10), 1405, 2012; Stanford RRAM Verilog-A model 1.0.0, 2014"
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
    kelvin_max: float = parameter(3000.0, "K", "temperature above which the heating is not followed", above=0.0)
    g_min: float = parameter(0.2e-9, "m", "least gap", lowest=0.0)
    g_max: float = parameter(1.7e-9, "m", "largest gap", above=0.0)
    g_init: float = parameter(0.2e-9, "m", "gap of a fresh device", lowest=0.0)
    bound_width: float = parameter(1e-3, "1", "width of the ramp at each bound, as a fraction of the range", above=0.0, highest=0.5)

    def _check(self) -> None:
        if np.any(np.asarray(self.g_max) <= self.g_min):
            raise InputError(f"stanford: g_max = {self.g_max} m must be above g_min = {self.g_min} m")
        if np.any(np.asarray(self.kelvin_max) <= self.temperature):
            raise InputError(f"stanford: kelvin_max = {self.kelvin_max} K must be above temperature = {self.temperature} K")

    def current(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return I0·exp(−g/g0)·sinh(V/V0) in ampere."""
        return np.asarray(self.i_0 * np.exp(-np.asarray(x, dtype=float) / self.g_0) * limited_sinh(np.asarray(v, dtype=float) / self.v_0))

    def conductance(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return (I0/V0)·exp(−g/g0)·cosh(V/V0) in siemens."""
        steepness = limited_sinh_slope(np.asarray(v, dtype=float) / self.v_0)
        return np.asarray(self.i_0 / self.v_0 * np.exp(-np.asarray(x, dtype=float) / self.g_0) * steepness)

    def kelvin(self, v: ArrayLike, x: ArrayLike) -> Floats:
        """Return the temperature of the filament, K."""
        power = np.abs(np.asarray(v, dtype=float) * self.current(v, x))
        return np.asarray(np.minimum(self.temperature + self.r_th * power, self.kelvin_max))

    def rate(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return dg/dt in metres a second."""
        g = np.asarray(x, dtype=float)
        thermal = BOLTZMANN_EV * self.kelvin(v, g)
        lowering = (self.gamma_0 - self.beta * (g / NANOMETRE) ** 3) * self.a_0 / self.thickness * np.asarray(v, dtype=float)
        falling, rising = (0.5 * self.velocity * np.exp(np.minimum((s - self.e_a) / thermal, 0.0)) for s in (lowering, -lowering))
        return np.asarray(
            rising * bound_ramp(g, self.g_min, self.g_max, True, self.bound_width)
            - falling * bound_ramp(g, self.g_min, self.g_max, False, self.bound_width)
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
        at_no_gap = self.i_0 / self.v_0 if v == 0 else self.i_0 * np.sinh(np.abs(v) / self.v_0) / np.abs(v)
        least, most = (at_no_gap * np.exp(-np.asarray(g, dtype=float) / self.g_0) for g in (self.g_max, self.g_min))
        return np.asarray(np.clip(self.g_0 * np.log(at_no_gap / reachable(self.name, siemens, least, most)), self.g_min, self.g_max))
