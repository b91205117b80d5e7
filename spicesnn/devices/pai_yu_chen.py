"""The filament-gap model of Pai-Yu Chen and Shimeng Yu, at a fixed temperature.

Chen and Yu, "Compact Modeling of RRAM Devices and Its Applications in 1T1R and 1S1R Array Design",
IEEE TED 62(12), 4022-4028, 2015. Its self-heating form is `PaiYuChenHeated`; the older Stanford
form is `Stanford`."""

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
from spicesnn.devices.windows import bound_ramp, bound_ramp_slope, ramp
from spicesnn.errors import InputError

NANOMETRE = 1e-9


(
    _I_0,
    _G_0,
    _V_0,
    _VELOCITY,
    _EA_SET,
    _EA_RESET,
    _GAMMA_0,
    _BETA,
    _FIELD,
    _G_MIN,
    _G_MAX,
    _BOUND_WIDTH,
    _THERMAL,
) = range(13)


def gap_current(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return I0·exp(−g/g0)·sinh(V/V0)."""
    return p[_I_0] * np.exp(-x / p[_G_0]) * limited_sinh(v / p[_V_0])


def gap_conductance(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return (I0/V0)·exp(−g/g0)·cosh(V/V0)."""
    return p[_I_0] / p[_V_0] * np.exp(-x / p[_G_0]) * limited_sinh_slope(v / p[_V_0])


def _lowering(v: Any, x: Any, thermal: Any, p: Any) -> Any:
    """Return γ(g)·a0·V/L over kT/q."""
    return (p[_GAMMA_0] - p[_BETA] * (x / NANOMETRE) ** 3) * p[_FIELD] * v / thermal


def gap_rate(v: Any, x: Any, thermal: Any, p: Any) -> Any:
    """Return dg/dt: the rising drift less the falling one, each with the ramp at its bound;
    `thermal` is kT/q in volt."""
    lowering = _lowering(v, x, thermal, p)
    rising = np.exp(np.minimum(-lowering - p[_EA_RESET] / thermal, 0.0)) * ramp(
        x, p[_G_MIN], p[_G_MAX], True, p[_BOUND_WIDTH]
    )
    falling = np.exp(np.minimum(lowering - p[_EA_SET] / thermal, 0.0)) * ramp(
        x, p[_G_MIN], p[_G_MAX], False, p[_BOUND_WIDTH]
    )
    return p[_VELOCITY] * (rising - falling)


def _rate(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return dg/dt at the fixed temperature."""
    return gap_rate(v, x, p[_THERMAL], p)


@dataclass(frozen=True, kw_only=True, eq=False)
class PaiYuChen(EquationDevice):
    r"""A filament whose gap `g` to the electrode sets an exponential current.

    .. math:: I = I_0 e^{-g/g_0} \sinh(V/V_0)

    .. math:: dg/dt = -v_0 \left[e^{(\gamma a_0 V/L - E_{ag}) q/kT} - e^{-(\gamma a_0 V/L + E_{ar}) q/kT}\right],
        \qquad \gamma = \gamma_0 - \beta (g/1\,\mathrm{nm})^3

    Positive voltage sets: g falls and the conductance rises. The temperature is a parameter; a set
    from a large gap is a runaway of the real device's heat, which is in `PaiYuChenHeated` and not
    here.

    Limits, the same in the twin: each exponent is held at 0 (the field has taken the barrier away;
    the gap moves at v₀, at the defaults beyond 1.8 V), sinh is a straight line beyond an argument
    of 40, and each of the two drifts stops on a ramp over the last `bound_width` of the range
    before its bound.

    The set ``spikelearn`` has g₀ as Memristor-Spikelearn (DATE 2023) rounds it.
    """

    name: ClassVar[str] = "pai-yu-chen"
    reference: ClassVar[str] = "Chen and Yu, IEEE TED 62(12), 4022, 2015"
    model: ClassVar[str] = "pai_yu_chen.lib"
    state_names: ClassVar[tuple[str, ...]] = ("g",)
    state_units: ClassVar[tuple[str, ...]] = ("m",)
    state_scale: ClassVar[tuple[float, ...]] = (NANOMETRE,)
    linear: ClassVar[bool] = False
    set_polarity: ClassVar[int] = 1
    spice_points: ClassVar[int] = 45
    published: ClassVar[Mapping[str, Mapping[str, float]]] = {
        "chen-yu-2015": {},
        "spikelearn": {"g_0": 0.27505e-9},
    }

    i_0: float = parameter(61.4e-6, "A", "current amplitude", above=0.0)
    g_0: float = parameter(0.275e-9, "m", "gap over which the current falls by e", above=0.0)
    v_0: float = parameter(0.43, "V", "voltage scale of the current", above=0.0)
    velocity: float = parameter(150.0, "m/s", "attempt velocity v₀", lowest=0.0)
    ea_set: float = parameter(1.501, "eV", "barrier E_ag of the falling gap", lowest=0.0)
    ea_reset: float = parameter(1.5, "eV", "barrier E_ar of the rising gap", lowest=0.0)
    gamma_0: float = parameter(16.5, "1", "field enhancement at no gap", lowest=0.0)
    beta: float = parameter(1.25, "1", "fall of the field enhancement with (g/1 nm)³", lowest=0.0)
    a_0: float = parameter(0.25e-9, "m", "atom spacing", above=0.0)
    thickness: float = parameter(5e-9, "m", "oxide thickness L", above=0.0)
    temperature: float = parameter(298.0, "K", "temperature", above=0.0)
    g_min: float = parameter(0.1e-9, "m", "least gap", lowest=0.0)
    g_max: float = parameter(1.7e-9, "m", "largest gap", above=0.0)
    g_init: float = parameter(0.1e-9, "m", "gap of a fresh device", lowest=0.0)
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
                f"{self.name}: g_max = {self.g_max} m must be above g_min = {self.g_min} m"
            )

    def _parameters(self, kelvin: ArrayLike) -> tuple[Any, ...]:
        return (
            self.i_0,
            self.g_0,
            self.v_0,
            self.velocity,
            self.ea_set,
            self.ea_reset,
            self.gamma_0,
            self.beta,
            self.a_0 / np.asarray(self.thickness),
            self.g_min,
            self.g_max,
            self.bound_width,
            BOLTZMANN_EV * np.asarray(kelvin, dtype=float),
        )

    def equations(self) -> CellCode:
        """The current, its slope and the rate with their parameters."""
        return CellCode(
            current=gap_current,
            rate=_rate,
            conductance=gap_conductance,
            parameters=self._parameters(self.temperature),
        )

    def _drifts(
        self, v: ArrayLike, g: Floats, kelvin: ArrayLike
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Return the speeds of the falling and of the rising gap (m/s, ≥ 0) and their slopes over
        g, bounds left out."""
        thermal, p, v = (
            BOLTZMANN_EV * np.asarray(kelvin, dtype=float),
            self._parameters(kelvin),
            np.asarray(v, dtype=float),
        )
        lowering = _lowering(v, g, thermal, p)
        lowering_slope = (
            -3.0 * self.beta * g**2 / NANOMETRE**3 * self.a_0 / self.thickness * v / thermal
        )
        down, up = lowering - self.ea_set / thermal, -lowering - self.ea_reset / thermal
        falling, rising = (self.velocity * np.exp(np.minimum(u, 0.0)) for u in (down, up))
        return (
            falling,
            rising,
            np.where(down < 0, falling * lowering_slope, 0.0),
            np.where(up < 0, -rising * lowering_slope, 0.0),
        )

    def rate_slope(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return ∂(dg/dt)/∂g in 1/s."""
        return self._gap_rate_slope(v, np.asarray(x, dtype=float), self.temperature)

    def _gap_rate_slope(self, v: ArrayLike, g: Floats, kelvin: ArrayLike) -> Floats:
        falling, rising, falling_slope, rising_slope = self._drifts(v, g, kelvin)
        room = (self.g_min, self.g_max)
        return np.asarray(
            rising_slope * bound_ramp(g, *room, True, self.bound_width)
            + rising * bound_ramp_slope(g, *room, True, self.bound_width)
            - falling_slope * bound_ramp(g, *room, False, self.bound_width)
            - falling * bound_ramp_slope(g, *room, False, self.bound_width)
        )

    def bounds(self) -> tuple[float | Floats, float | Floats]:
        """Return g_min and g_max in metres."""
        return self.g_min, self.g_max

    def initial_state(self) -> float | Floats:
        """Return g_init in metres."""
        return self.g_init

    def typical_drive(self) -> tuple[float, float]:
        """Return 1.5 V at 1 kHz."""
        return 1.5, 1e3

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

    def volts_for_rate(
        self, siemens: ArrayLike, siemens_per_s: ArrayLike, *, v_read: float = 0.7
    ) -> Floats:
        r"""Return the voltage that moves the read conductance at a given rate, for a positive or a
        negative rate.

        The read conductance is the chord I/V at `v_read`, so dG/dt = −(G/g0)·dg/dt. Of the two
        drifts only the one the voltage drives is counted: V = ±(L/γa0)·[E +
        (kT/q)·ln(\|dG/dt\|·g0/(G·v0))]. This is what a pulse has to have to change a weight by a
        wanted amount (te2v and to2v of Memristor-Spikelearn, DATE 2023, are fits to it).

        Parameters
        ----------
        siemens : ArrayLike
            Present read conductance.
        siemens_per_s : ArrayLike
            Wanted dG/dt; 0 gives 0 V.
        v_read : float
            Read voltage at which the conductance counts, volt.
        """
        present = np.asarray(siemens, dtype=float)
        wanted = np.asarray(siemens_per_s, dtype=float)
        gap = self.state_for_conductance(present, v=v_read)
        gamma = self.gamma_0 - self.beta * (gap / NANOMETRE) ** 3
        speed = np.abs(wanted) * self.g_0 / (present * self.velocity)
        with np.errstate(divide="ignore"):
            lowered = BOLTZMANN_EV * self.temperature * np.log(speed)
        barrier = np.where(wanted > 0, self.ea_set, self.ea_reset)
        volts = np.maximum(
            (barrier + np.minimum(lowered, 0.0)) * self.thickness / (gamma * self.a_0), 0.0
        )
        return np.asarray(np.where(wanted == 0, 0.0, np.sign(wanted) * volts))
