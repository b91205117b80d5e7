"""The generalised memristor model of Yakopcic et al.

Yakopcic, Taha, Subramanyam, Pino and Rogers, "A Memristor Device Model", IEEE EDL 32(10),
1436-1438, 2011, and "Generalized Memristive Device SPICE Model and its Application in Circuit
Design", IEEE TCAD 32(8), 1201-1214, 2013."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.devices.base import parameter
from spicesnn.devices.equation_device import EquationDevice
from spicesnn.devices.equations import CellCode, pick
from spicesnn.devices.limits import LIMIT, limited_sinh, limited_sinh_slope, reachable
from spicesnn.errors import InputError

_A1, _A2, _B, _V_P, _V_N, _A_P, _A_N, _X_P, _X_N, _ALPHA_P, _ALPHA_N, _ETA = range(12)


def _current(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return a·x·sinh(b·v)."""
    return pick(v >= 0, p[_A1], p[_A2]) * x * limited_sinh(p[_B] * v)


def _conductance(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return a·b·x·cosh(b·v)."""
    return pick(v >= 0, p[_A1], p[_A2]) * x * p[_B] * limited_sinh_slope(p[_B] * v)


def _beyond(v: Any, threshold: Any) -> Any:
    """Return e^v − e^threshold beyond the threshold, else 0."""
    return np.exp(np.minimum(np.maximum(v, threshold), LIMIT)) - np.exp(threshold)


def _rate(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return dx/dt: the rise less the fall, each with its window."""
    positive, negative = p[_A_P] * _beyond(v, p[_V_P]), p[_A_N] * _beyond(-v, p[_V_N])
    rise, fall = pick(p[_ETA] > 0, positive, negative), pick(p[_ETA] > 0, negative, positive)
    above, below = np.maximum(x - p[_X_P], 0.0), np.maximum(1.0 - p[_X_N] - x, 0.0)
    up = np.exp(-p[_ALPHA_P] * above) * np.maximum(1.0 - above / (1.0 - p[_X_P]), 0.0)
    down = np.exp(-p[_ALPHA_N] * below) * np.maximum(1.0 - below / (1.0 - p[_X_N]), 0.0)
    return rise * up - fall * down


@dataclass(frozen=True, kw_only=True, eq=False)
class Yakopcic(EquationDevice):
    r"""A memristor with a hyperbolic-sine current and two thresholds, fitted by its authors to
    several devices.

    .. math:: i = a_1 x \sinh(b v), \; v \ge 0; \qquad a_2 x \sinh(b v), \; v < 0

    .. math:: dx/dt = \eta\, g(v) f(x), \qquad
        g = A_p(e^{v} - e^{V_p}),\; v > V_p; \quad -A_n(e^{-v} - e^{V_n}),\; v < -V_n; \quad 0
        \text{ otherwise}

    For a rising state :math:`f = e^{-\alpha_p(x - x_p)}\,(1 - x)/(1 - x_p)` beyond :math:`x_p`, for
    a falling one :math:`f = e^{\alpha_n(x + x_n - 1)}\,x/(1 - x_n)` below :math:`1 - x_n`, and 1
    otherwise: the windows hold the state in [0, 1] by themselves. With η = 1 positive voltage sets
    (raises the conductance); η = −1 turns the device round.

    Valid for the drive each set was fitted to; the published sets are in `published`, the defaults
    are Oblea 2010. e^v is held beyond 40 V. At x = 0 the device does not conduct at all."""

    name: ClassVar[str] = "yakopcic"
    reference: ClassVar[str] = (
        "Yakopcic et al., IEEE EDL 32(10), 1436, 2011; IEEE TCAD 32(8), 1201, 2013"
    )
    model: ClassVar[str] = "yakopcic.lib"
    linear: ClassVar[bool] = False
    set_polarity: ClassVar[int] = 1
    spice_points: ClassVar[int] = 60
    published: ClassVar[Mapping[str, Mapping[str, float]]] = {
        "oblea-2010": {},
        "miao-2011": {
            "a1": 0.11,
            "a2": 0.11,
            "b": 0.5,
            "v_p": 0.09,
            "v_n": 0.75,
            "a_p": 7.5,
            "a_n": 2.0,
        },
        "jo-2010": {
            "a1": 3.7e-7,
            "a2": 4.35e-7,
            "b": 0.7,
            "v_p": 1.5,
            "v_n": 0.5,
            "a_p": 0.005,
            "a_n": 0.08,
            "x_p": 0.2,
            "x_n": 0.5,
            "alpha_p": 1.2,
            "alpha_n": 3.0,
            "x_init": 0.1,
        },
    }

    a1: float = parameter(0.17, "A", "current amplitude for v ≥ 0", above=0.0)
    a2: float = parameter(0.17, "A", "current amplitude for v < 0", above=0.0)
    b: float = parameter(0.05, "1/V", "steepness of the current", above=0.0)
    v_p: float = parameter(0.16, "V", "positive threshold", lowest=0.0)
    v_n: float = parameter(0.15, "V", "negative threshold, a magnitude", lowest=0.0)
    a_p: float = parameter(4000.0, "1/s", "rate beyond the positive threshold", lowest=0.0)
    a_n: float = parameter(4000.0, "1/s", "rate beyond the negative threshold", lowest=0.0)
    x_p: float = parameter(
        0.3, "1", "state from which a rise slows down", lowest=0.0, highest=0.999
    )
    x_n: float = parameter(
        0.5, "1", "1 − x_n is the state from which a fall slows down", lowest=0.0, highest=0.999
    )
    alpha_p: float = parameter(1.0, "1", "how fast a rise slows down", lowest=0.0)
    alpha_n: float = parameter(5.0, "1", "how fast a fall slows down", lowest=0.0)
    eta: float = parameter(
        1.0, "1", "+1: positive v raises the state; −1: lowers it", lowest=-1.0, highest=1.0
    )
    x_init: float = parameter(0.11, "1", "state of a fresh device", lowest=0.0, highest=1.0)

    def _check(self) -> None:
        if np.any(np.abs(np.asarray(self.eta)) != 1):
            raise InputError(f"yakopcic: eta = {self.eta}; expected +1 or −1")

    @property
    def _parameters(self) -> tuple[Any, ...]:
        return (
            self.a1,
            self.a2,
            self.b,
            self.v_p,
            self.v_n,
            self.a_p,
            self.a_n,
            self.x_p,
            self.x_n,
            self.alpha_p,
            self.alpha_n,
            self.eta,
        )

    def equations(self) -> CellCode:
        """The current, its slope and the rate with their parameters."""
        return CellCode(
            current=_current, conductance=_conductance, rate=_rate, parameters=self._parameters
        )

    def _drift(self, v: Floats) -> tuple[Floats, Floats]:
        """Return the rates of rise and of fall without the windows, both ≥ 0."""
        positive, negative = self.a_p * _beyond(v, self.v_p), self.a_n * _beyond(-v, self.v_n)
        forward = np.asarray(self.eta) > 0
        return np.where(forward, positive, negative), np.where(forward, negative, positive)

    def rate_slope(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return ∂(dx/dt)/∂x in 1/s."""
        rise, fall = self._drift(np.asarray(v, dtype=float))
        above = np.maximum(np.asarray(x, dtype=float) - self.x_p, 0.0)
        below = np.maximum(1.0 - self.x_n - np.asarray(x, dtype=float), 0.0)
        up = -np.exp(-self.alpha_p * above) * (
            self.alpha_p * (1.0 - above / (1.0 - self.x_p)) + 1.0 / (1.0 - self.x_p)
        )
        down = np.exp(-self.alpha_n * below) * (
            self.alpha_n * (1.0 - below / (1.0 - self.x_n)) + 1.0 / (1.0 - self.x_n)
        )
        return np.asarray(
            rise * np.where(above > 0, up, 0.0) - fall * np.where(below > 0, down, 0.0)
        )

    def bounds(self) -> tuple[float, float]:
        """Return 0 and 1."""
        return 0.0, 1.0

    def initial_state(self) -> float | Floats:
        """Return x_init."""
        return self.x_init

    def typical_drive(self) -> tuple[float, float]:
        """Return 0.45 V at 100 Hz, the sine of Oblea's device."""
        return 0.45, 100.0

    def state_for_conductance(self, siemens: ArrayLike, *, v: float = 0.0) -> Floats:
        """Return the state of a given chord conductance: x = G/(a·sinh(bv)/v)."""
        full = self.chord_conductance(1.0, v=v)
        return np.asarray(reachable(self.name, siemens, np.zeros_like(full), full) / full)
