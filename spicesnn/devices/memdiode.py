"""The dynamic memdiode: a diode pair whose amplitude is a memory, behind a series resistance.

Aguirre, Suñé and Miranda, "SPICE Implementation of the Dynamic Memdiode Model for Bipolar Resistive Switching Devices",
Micromachines 13, 330, 2022.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.devices.base import Device, Floats, parameter
from spicesnn.devices.implicit import bracketed_root
from spicesnn.devices.limits import limited_exp, limited_exp_slope
from spicesnn.errors import InputError

_RATE_LIMIT = 25.0
_LEAST_STATE = 1e-12


@dataclass(frozen=True, kw_only=True, eq=False)
class Memdiode(Device):
    r"""A filamentary device whose memory state H moves its current between two diode characteristics.

    .. math:: I = I_0(H)\left[e^{\beta\alpha(H) V_d} - e^{-(1-\beta)\alpha(H) V_d}\right], \qquad V_d = V - I R_s(H)

    .. math:: dH/dt = (1 - H)/\tau_s, \; V \ge 0; \quad -H/\tau_r, \; V < 0; \qquad
        \tau_s = e^{-\eta_s (V_d - V_s)}, \quad \tau_r = e^{\eta_r\,\mathrm{ISF}(H)(V_d - V_r)}, \quad \mathrm{ISF} = H^\gamma - \gamma_0

    (ISF = 1 where γ = 0); I₀, α and R_s run linearly from their value at H = 0 to that at H = 1. Beyond the snapback
    current `i_sb` the set voltage V_s falls to `v_snap`. Positive voltage sets. H nears its bounds exponentially, so it
    needs no ramp there.

    What is smoothed, the same in the twin: the two branches of dH/dt are faded over `v_soft` on each side of 0 V (so a
    device at 0 V rests), snapback is a ramp over the first percent beyond `i_sb`, exponents of the rates are held at 25
    (1.4e-11 s), those of the current continue as straight lines beyond 40, and H^γ is held above 1e-12 in its base.
    """

    name: ClassVar[str] = "memdiode"
    reference: ClassVar[str] = "Aguirre, Suñé and Miranda, Micromachines 13, 330, 2022"
    model: ClassVar[str] = "memdiode.lib"
    state_names: ClassVar[tuple[str, ...]] = ("h",)
    linear: ClassVar[bool] = False
    set_polarity: ClassVar[int] = 1
    spice_points: ClassVar[int] = 60
    published: ClassVar[Mapping[str, Mapping[str, float]]] = {"aguirre-2022": {}}

    beta: float = parameter(0.5, "1", "share of the voltage in the forward exponential", lowest=0.0, highest=1.0)
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
    gamma: float = parameter(0.9, "1", "power of the state in the reset time; 0 turns the factor off", lowest=0.0)
    gamma_0: float = parameter(0.0, "1", "offset of that factor")
    v_soft: float = parameter(1e-3, "V", "voltage over which set and reset fade at 0 V", above=0.0)
    h_init: float = parameter(0.0, "1", "state of a fresh device", lowest=0.0, highest=1.0)

    def _check(self) -> None:
        if np.any(np.asarray(self.i_max) < self.i_min):
            raise InputError(f"memdiode: i_max = {self.i_max} A must not be below i_min = {self.i_min} A")

    def _between(self, low: float, high: float, h: Floats) -> Floats:
        return np.asarray(low + (np.asarray(high, dtype=float) - low) * h)

    def _diode(self, inner: Floats, h: Floats) -> tuple[Floats, Floats]:
        """Return current and conductance of the diode pair at its own voltage."""
        amplitude, steepness = self._between(self.i_min, self.i_max, h), self._between(self.alpha_min, self.alpha_max, h)
        ahead, back = self.beta * steepness, (1.0 - np.asarray(self.beta)) * steepness
        amps = amplitude * (limited_exp(ahead * inner) - limited_exp(-back * inner))
        return amps, amplitude * (ahead * limited_exp_slope(ahead * inner) + back * limited_exp_slope(-back * inner))

    def _solve(self, v: ArrayLike, x: ArrayLike) -> tuple[Floats, Floats, Floats]:
        """Return the voltage over the diode pair, the current and the conductance, all broadcast."""
        v, h = np.asarray(v, dtype=float), np.clip(np.asarray(x, dtype=float), 0.0, 1.0)
        shape = np.broadcast_shapes(v.shape, h.shape, *(np.shape(p) for p in self.spice_parameters().values()))
        v, h = np.broadcast_to(v, shape), np.broadcast_to(h, shape)
        series = self._between(self.rs_min, self.rs_max, h)
        inner = bracketed_root(lambda u: u - v + series * self._diode(u, h)[0], np.zeros(shape), np.array(v))
        amps, siemens = self._diode(inner, h)
        return inner, amps, siemens / (1.0 + siemens * series)

    def current(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return the current in ampere, the series resistance solved for."""
        return self._solve(v, x)[1]

    def conductance(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return dI/dV = g/(1 + g·Rs) in siemens."""
        return self._solve(v, x)[2]

    def current_and_conductance(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> tuple[Floats, Floats]:
        """Return both from one solution."""
        _, amps, siemens = self._solve(v, x)
        return amps, siemens

    def rate(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return dH/dt in 1/s."""
        volts, h = np.asarray(v, dtype=float), np.asarray(x, dtype=float)
        inner, amps, _ = self._solve(volts, h)
        snapped = np.clip((amps / self.i_sb - 1.0) / 0.01, 0.0, 1.0)
        threshold = self.v_s + (np.asarray(self.v_snap) - self.v_s) * snapped
        factor = np.where(np.asarray(self.gamma) == 0, 1.0, np.maximum(h, _LEAST_STATE) ** self.gamma - self.gamma_0)
        setting = (1.0 - h) * np.exp(np.minimum(self.eta_s * (inner - threshold), _RATE_LIMIT))
        resetting = h * np.exp(np.minimum(-self.eta_r * factor * (inner - self.v_r), _RATE_LIMIT))
        return np.asarray(setting * np.clip(volts / self.v_soft, 0.0, 1.0) - resetting * np.clip(-volts / self.v_soft, 0.0, 1.0))

    def bounds(self) -> tuple[float, float]:
        """Return 0 and 1."""
        return 0.0, 1.0

    def initial_state(self) -> float | Floats:
        """Return h_init."""
        return self.h_init

    def typical_drive(self) -> tuple[float, float]:
        """Return 1.5 V at 1 Hz."""
        return 1.5, 1.0
