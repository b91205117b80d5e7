"""The dynamic memdiode: a diode pair whose amplitude is a memory, behind a series resistance.

Aguirre, Suñé and Miranda, "SPICE Implementation of the Dynamic Memdiode Model for Bipolar Resistive
Switching Devices", Micromachines 13, 330, 2022."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.devices.base import parameter
from spicesnn.devices.equation_device import EquationDevice
from spicesnn.devices.equations import CellCode
from spicesnn.devices.limits import limited_exp, limited_exp_slope
from spicesnn.errors import InputError

_RATE_LIMIT = 25.0
_LEAST_STATE = 1e-12


(
    _BETA,
    _I_MIN,
    _I_MAX,
    _ALPHA_MIN,
    _ALPHA_MAX,
    _RS_MIN,
    _RS_MAX,
    _ETA_S,
    _V_S,
    _ETA_R,
    _V_R,
    _V_SNAP,
    _I_SB,
    _GAMMA,
    _GAMMA_0,
    _V_SOFT,
) = range(16)


def _series(h: float, p: Any) -> float:
    return float(p[_RS_MIN] + (p[_RS_MAX] - p[_RS_MIN]) * h)


def _diode(u: float, h: float, p: Any) -> tuple[float, float]:
    """Return current and conductance of the diode pair at its own voltage."""
    amplitude, steepness = (
        p[_I_MIN] + (p[_I_MAX] - p[_I_MIN]) * h,
        p[_ALPHA_MIN] + (p[_ALPHA_MAX] - p[_ALPHA_MIN]) * h,
    )
    ahead, back = p[_BETA] * steepness, (1.0 - p[_BETA]) * steepness
    amps = amplitude * (limited_exp(ahead * u) - limited_exp(-back * u))
    return amps, amplitude * (
        ahead * limited_exp_slope(ahead * u) + back * limited_exp_slope(-back * u)
    )


def _inner(v: float, h: float, p: Any) -> float:
    """Return the voltage over the diode pair: the root of ``u − v + Rs·I(u)``, which rises, by
    Newton steps halved into a bracket."""
    series = _series(h, p)
    low, high = min(v, 0.0), max(v, 0.0)
    amps, siemens = _diode(0.0, h, p)
    u = v / (1.0 + series * siemens)
    for _ in range(200):
        amps, siemens = _diode(u, h, p)
        error = u - v + series * amps
        if error == 0.0:
            return u
        if error < 0.0:
            low = u
        else:
            high = u
        new = u - error / (1.0 + series * siemens)
        if not low <= new <= high:
            new = 0.5 * (low + high)
        if abs(new - u) <= 2e-16 * abs(u) or new in (low, high):
            return new
        u = new
    return math.nan


def _current(v: float, x: float, gate: float, p: Any) -> float:
    """Return the current, the series resistance solved for."""
    h = min(max(x, 0.0), 1.0)
    return _diode(_inner(v, h, p), h, p)[0]


def _conductance(v: float, x: float, gate: float, p: Any) -> float:
    """Return dI/dV = g/(1 + g·Rs)."""
    h = min(max(x, 0.0), 1.0)
    siemens = _diode(_inner(v, h, p), h, p)[1]
    return siemens / (1.0 + siemens * _series(h, p))


def _rate(v: float, x: float, gate: float, p: Any) -> float:
    """Return dH/dt."""
    if v == 0.0:
        return 0.0
    h = min(max(x, 0.0), 1.0)
    inner = _inner(v, h, p)
    if v > 0.0:
        snapped = min(max((_diode(inner, h, p)[0] / p[_I_SB] - 1.0) / 0.01, 0.0), 1.0)
        threshold = p[_V_S] + (p[_V_SNAP] - p[_V_S]) * snapped
        return float(
            (1.0 - x)
            * math.exp(min(p[_ETA_S] * (inner - threshold), _RATE_LIMIT))
            * min(v / p[_V_SOFT], 1.0)
        )
    factor = 1.0 if p[_GAMMA] == 0.0 else max(x, _LEAST_STATE) ** p[_GAMMA] - p[_GAMMA_0]
    return float(
        -x
        * math.exp(min(-p[_ETA_R] * factor * (inner - p[_V_R]), _RATE_LIMIT))
        * min(-v / p[_V_SOFT], 1.0)
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Memdiode(EquationDevice):
    r"""A filamentary device whose memory state H moves its current between two diode
    characteristics.

    .. math:: I = I_0(H)\left[e^{\beta\alpha(H) V_d} - e^{-(1-\beta)\alpha(H) V_d}\right], \qquad V_d = V - I R_s(H)

    .. math:: dH/dt = (1 - H)/\tau_s, \; V \ge 0; \quad -H/\tau_r, \; V < 0; \qquad
        \tau_s = e^{-\eta_s (V_d - V_s)}, \quad \tau_r = e^{\eta_r\,\mathrm{ISF}(H)(V_d - V_r)},
        \quad \mathrm{ISF} = H^\gamma - \gamma_0

    (ISF = 1 where γ = 0); I₀, α and R_s run linearly from their value at H = 0 to that at H = 1.
    Beyond the snapback current `i_sb` the set voltage V_s falls to `v_snap`. Positive voltage sets.
    H nears its bounds exponentially, so it needs no ramp there.

    What is smoothed, the same in the twin: the two branches of dH/dt are faded over `v_soft` on
    each side of 0 V (so a device at 0 V rests), snapback is a ramp over the first percent beyond
    `i_sb`, exponents of the rates are held at 25 (1.4e-11 s), those of the current continue as
    straight lines beyond 40, and H^γ is held above 1e-12 in its base."""

    looped: ClassVar[frozenset[str]] = frozenset({"current", "conductance", "rate"})
    name: ClassVar[str] = "memdiode"
    reference: ClassVar[str] = "Aguirre, Suñé and Miranda, Micromachines 13, 330, 2022"
    model: ClassVar[str] = "memdiode.lib"
    state_names: ClassVar[tuple[str, ...]] = ("h",)
    linear: ClassVar[bool] = False
    set_polarity: ClassVar[int] = 1
    spice_points: ClassVar[int] = 60
    published: ClassVar[Mapping[str, Mapping[str, float]]] = {"aguirre-2022": {}}

    beta: float = parameter(
        0.5, "1", "fraction of the voltage in the forward exponential", lowest=0.0, highest=1.0
    )
    i_min: float = parameter(2e-6, "A", "current amplitude at H = 0", above=0.0)
    i_max: float = parameter(2e-4, "A", "current amplitude at H = 1", above=0.0)
    alpha_min: float = parameter(6.19, "1/V", "steepness at H = 0", above=0.0)
    alpha_max: float = parameter(5.22, "1/V", "steepness at H = 1", above=0.0)
    rs_min: float = parameter(1.0, "Ω", "series resistance at H = 0", above=0.0)
    rs_max: float = parameter(1.0, "Ω", "series resistance at H = 1", above=0.0)
    eta_s: float = parameter(15.0, "1/V", "steepness of the set time", lowest=0.0)
    v_s: float = parameter(0.8, "V", "set voltage")
    eta_r: float = parameter(4.0, "1/V", "steepness of the reset time", lowest=0.0)
    v_r: float = parameter(-1.3, "V", "reset voltage")
    v_snap: float = parameter(0.1, "V", "set voltage after snapback")
    i_sb: float = parameter(1.0, "A", "snapback current", above=0.0)
    gamma: float = parameter(
        0.9, "1", "power of the state in the reset time; 0 turns the factor off", lowest=0.0
    )
    gamma_0: float = parameter(0.0, "1", "offset of that factor")
    v_soft: float = parameter(1e-3, "V", "voltage over which set and reset fade at 0 V", above=0.0)
    h_init: float = parameter(0.0, "1", "state of a fresh device", lowest=0.0, highest=1.0)

    def _check(self) -> None:
        if np.any(np.asarray(self.i_max) < self.i_min):
            raise InputError(
                f"memdiode: i_max = {self.i_max} A must not be below i_min = {self.i_min} A"
            )

    @property
    def _parameters(self) -> tuple[Any, ...]:
        return (
            self.beta,
            self.i_min,
            self.i_max,
            self.alpha_min,
            self.alpha_max,
            self.rs_min,
            self.rs_max,
            self.eta_s,
            self.v_s,
            self.eta_r,
            self.v_r,
            self.v_snap,
            self.i_sb,
            self.gamma,
            self.gamma_0,
            self.v_soft,
        )

    def equations(self) -> CellCode:
        """The current, its slope and the rate with their parameters."""
        return CellCode(
            current=_current, conductance=_conductance, rate=_rate, parameters=self._parameters
        )

    def bounds(self) -> tuple[float, float]:
        """Return 0 and 1."""
        return 0.0, 1.0

    def initial_state(self) -> float | Floats:
        """Return h_init."""
        return self.h_init

    def typical_drive(self) -> tuple[float, float]:
        """Return 1.5 V at 1 Hz."""
        return 1.5, 1.0
