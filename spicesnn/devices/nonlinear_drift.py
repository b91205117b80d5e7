"""The nonlinear ion drift model: a hyperbolic-sine tunnel current and a power-law drift.

Yang et al., "Memristive switching mechanism for metal/oxide/metal nanodevices", Nature
Nanotechnology 3, 429-433, 2008 (the current); Lehtonen and Laiho, "CNN using memristors for
neighborhood connections", CNNA 2010 (the state equation and the set)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.devices.base import parameter
from spicesnn.devices.equation_device import EquationDevice
from spicesnn.devices.equations import CellCode, power
from spicesnn.devices.limits import (
    limited_exp,
    limited_exp_slope,
    limited_sinh,
    limited_sinh_slope,
    reachable,
)
from spicesnn.devices.windows import DriftWindow, bound_ramp, bound_ramp_slope, joglekar, ramp
from spicesnn.errors import InputError

_ALPHA, _BETA, _CHI, _GAMMA, _N, _A, _Q, _P, _W_MIN, _W_MAX, _BOUND_WIDTH = range(11)


def _current(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return β·wⁿ·sinh(αv) + χ(e^γv − 1)."""
    return p[_BETA] * power(x, p[_N]) * limited_sinh(p[_ALPHA] * v) + p[_CHI] * (
        limited_exp(p[_GAMMA] * v) - 1.0
    )


def _conductance(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return dI/dV."""
    tunnel = p[_ALPHA] * p[_BETA] * power(x, p[_N]) * limited_sinh_slope(p[_ALPHA] * v)
    return tunnel + p[_CHI] * p[_GAMMA] * limited_exp_slope(p[_GAMMA] * v)


def _drift(v: Any, p: Any) -> Any:
    """Return a·v^q, q odd."""
    return p[_A] * np.sign(v) * np.abs(v) ** p[_Q]


def _rate(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return dw/dt with the window and the ramp at the bound the state moves to."""
    drift = _drift(v, p)
    window = joglekar(x, drift > 0, p[_P], 1.0)
    return drift * window * ramp(x, p[_W_MIN], p[_W_MAX], drift > 0, p[_BOUND_WIDTH])


@dataclass(frozen=True, kw_only=True, eq=False)
class NonlinearDrift(EquationDevice):
    r"""A memristor whose state drifts with an odd power of the voltage.

    .. math:: i = \beta w^{n} \sinh(\alpha v) + \chi (e^{\gamma v} - 1), \qquad dw/dt = a\, f(w)\, v^{q}

    with q an odd integer and Joglekar's window f = 1 − (2w − 1)^2p. The window alone would let the
    state stick at 0 or 1; `w_min` and `w_max` keep it away from there, with a ramp over the last
    `bound_width` of the range. Positive voltage sets. The current is odd only up to the rectifying
    χ term. β and χ carry the published current scale of 1e-8 A. sinh and exp are straight lines
    beyond an argument of 40. Valid for a volt or two: v¹³ is a fit, not physics."""

    name: ClassVar[str] = "nonlinear-drift"
    reference: ClassVar[str] = (
        "Yang et al., Nature Nanotech. 3, 429, 2008; Lehtonen and Laiho, CNNA 2010"
    )
    model: ClassVar[str] = "nonlinear_drift.lib"
    state_names: ClassVar[tuple[str, ...]] = ("w",)
    linear: ClassVar[bool] = False
    set_polarity: ClassVar[int] = 1
    published: ClassVar[Mapping[str, Mapping[str, float]]] = {"lehtonen-2010": {}}

    alpha: float = parameter(2.0, "1/V", "steepness of the tunnel current", above=0.0)
    beta: float = parameter(9e-8, "A", "amplitude of the tunnel current", above=0.0)
    chi: float = parameter(1e-10, "A", "amplitude of the rectifying current", lowest=0.0)
    gamma: float = parameter(4.0, "1/V", "steepness of the rectifying current", lowest=0.0)
    n: float = parameter(4.0, "1", "power of the state in the current", lowest=1.0)
    a: float = parameter(12500.0, "1/s", "drift at 1 V", lowest=0.0)
    q: float = parameter(13.0, "1", "power of the voltage in the drift, an odd integer", lowest=1.0)
    p: float = parameter(1.0, "1", "order of the window", lowest=1.0)
    w_min: float = parameter(0.05, "1", "least state", lowest=0.0, highest=1.0)
    w_max: float = parameter(0.95, "1", "largest state", lowest=0.0, highest=1.0)
    w_init: float = parameter(0.15, "1", "state of a fresh device", lowest=0.0, highest=1.0)
    bound_width: float = parameter(
        1e-2,
        "1",
        "width of the ramp at each bound, as a fraction of the range",
        above=0.0,
        highest=0.5,
    )

    def _check(self) -> None:
        if np.any(np.asarray(self.w_max) <= self.w_min):
            raise InputError(
                f"nonlinear-drift: w_max = {self.w_max} must be above w_min = {self.w_min}"
            )
        if np.any(np.mod(np.asarray(self.q), 2) != 1):
            raise InputError(f"nonlinear-drift: q = {self.q}; expected an odd integer")

    @property
    def _parameters(self) -> tuple[Any, ...]:
        return (
            self.alpha,
            self.beta,
            self.chi,
            self.gamma,
            self.n,
            self.a,
            self.q,
            self.p,
            self.w_min,
            self.w_max,
            self.bound_width,
        )

    def equations(self) -> CellCode:
        """The current, its slope and the rate with their parameters."""
        return CellCode(
            current=_current, conductance=_conductance, rate=_rate, parameters=self._parameters
        )

    def rate_slope(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return ∂(dw/dt)/∂w in 1/s."""
        w, drift = np.asarray(x, dtype=float), _drift(np.asarray(v, dtype=float), self._parameters)
        centred = 2.0 * w - 1.0
        window = DriftWindow.JOGLEKAR.factor(w, drift > 0, self.p)
        slope = np.where(
            window > 0,
            -4.0 * self.p * np.sign(centred) * np.abs(centred) ** (2.0 * np.asarray(self.p) - 1.0),
            0.0,
        )
        ramp = bound_ramp(w, self.w_min, self.w_max, drift > 0, self.bound_width)
        return np.asarray(
            drift
            * (
                slope * ramp
                + window * bound_ramp_slope(w, self.w_min, self.w_max, drift > 0, self.bound_width)
            )
        )

    def bounds(self) -> tuple[float | Floats, float | Floats]:
        """Return w_min and w_max."""
        return self.w_min, self.w_max

    def initial_state(self) -> float | Floats:
        """Return w_init."""
        return self.w_init

    def typical_drive(self) -> tuple[float, float]:
        """Return 1.1 V at 1 kHz."""
        return 1.1, 1e3

    def state_for_conductance(self, siemens: ArrayLike, *, v: float = 0.0) -> Floats:
        """Return the state of a given chord conductance: w = [(G·v − χ(e^γv −
        1))/(β·sinh(αv))]^(1/n)."""
        if v == 0:
            leak, full = np.asarray(self.chi * self.gamma), np.asarray(self.alpha * self.beta)
        else:
            leak, full = (
                self.chi * (limited_exp(self.gamma * v) - 1.0) / v,
                self.beta * limited_sinh(self.alpha * v) / v,
            )
        least, most = (
            leak + full * np.asarray(w, dtype=float) ** self.n for w in (self.w_min, self.w_max)
        )
        wanted = reachable(self.name, siemens, least, most)
        return np.asarray(
            np.clip(((wanted - leak) / full) ** (1.0 / np.asarray(self.n)), self.w_min, self.w_max)
        )
