"""VTEAM, the voltage-threshold adaptive memristor model.

Kvatinsky, Ramadan, Friedman and Kolodny, "VTEAM: A General Model for Voltage-Controlled
Memristors", IEEE TCAS-II 62(8), 786-790, 2015."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.devices.base import choice, parameter
from spicesnn.devices.equation_device import EquationDevice
from spicesnn.devices.equations import CellCode, power
from spicesnn.devices.windows import ThresholdWindow, ramp
from spicesnn.errors import InputError


class ResistanceLaw(enum.Enum):
    """R(w), with s = (w − w_on)/(w_off − w_on): linear, R_on + (R_off − R_on)s, or exponential,
    R_on (R_off/R_on)^s."""

    LINEAR = enum.auto()
    EXPONENTIAL = enum.auto()


_R_ON, _R_OFF, _V_ON, _V_OFF, _K_ON, _K_OFF, _ALPHA_ON, _ALPHA_OFF, _W_ON, _W_OFF, _BOUND_WIDTH = (
    range(11)
)


def _share(x: Any, p: Any) -> Any:
    """Return (w − w_on)/(w_off − w_on), stopped at its bounds: a trial step beyond them must not
    meet a negative resistance."""
    return np.minimum(np.maximum((x - p[_W_ON]) / (p[_W_OFF] - p[_W_ON]), 0.0), 1.0)


def _current(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return v/R(w) with the linear law."""
    return v / (p[_R_ON] + (p[_R_OFF] - p[_R_ON]) * _share(x, p))


def _exponential_current(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return v/R(w) with the exponential law."""
    return v / (p[_R_ON] * np.exp(np.log(p[_R_OFF] / p[_R_ON]) * _share(x, p)))


def _rate(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return dw/dt with the ideal window: both thresholds, and the ramp at the bound the state
    moves to."""
    off = p[_K_OFF] * power(np.maximum(v / p[_V_OFF] - 1.0, 0.0), p[_ALPHA_OFF])
    on = p[_K_ON] * power(np.maximum(v / p[_V_ON] - 1.0, 0.0), p[_ALPHA_ON])
    return (off + on) * ramp(x, p[_W_ON], p[_W_OFF], v > 0, p[_BOUND_WIDTH])


@dataclass(frozen=True, kw_only=True, eq=False)
class VTEAM(EquationDevice):
    r"""A memristor whose state `w` moves only beyond two threshold voltages.

    .. math::

        \frac{dw}{dt} = k_{off}(v/v_{off} - 1)^{\alpha_{off}} f, \; v > v_{off};
        \quad k_{on}(v/v_{on} - 1)^{\alpha_{on}} f, \; v < v_{on};
        \quad 0 \text{ otherwise}

    .. math:: s = \frac{w - w_{on}}{w_{off} - w_{on}}, \qquad i = v / R(w), \qquad R = R_{on} + (R_{off} - R_{on}) s
              \quad\text{or}\quad R = R_{on} (R_{off}/R_{on})^s

    Positive voltage raises the resistance (reset), negative voltage lowers it (set). `window` picks
    f (`windows.ThresholdWindow`), `resistance` the law R(w). A linear ramp over the last
    `bound_width` of the range (`windows.bound_ramp`) comes on top of every window. The defaults are
    the model authors' own set.

    Notes
    -----
    The TEAM window belongs to w from 0 to 3 nm; scale `a_on`, `a_off` and `w_c` with the range. The MAGIC set is quoted from memory in the
    literature survey it comes from and has not been checked against its paper.
    """

    name: ClassVar[str] = "vteam"
    reference: ClassVar[str] = "Kvatinsky et al., IEEE TCAS-II 62(8), 786, 2015"
    model: ClassVar[str] = "vteam.lib"
    state_names: ClassVar[tuple[str, ...]] = ("w",)
    state_units: ClassVar[tuple[str, ...]] = ("m",)
    state_scale: ClassVar[tuple[float, ...]] = (1e-9,)
    set_polarity: ClassVar[int] = -1
    published: ClassVar[dict[str, dict[str, Any]]] = {
        "technion": {},
        "pt-hf-ti": {
            "r_on": 100.0,
            "r_off": 2.5e3,
            "v_on": -0.53,
            "v_off": 0.5,
            "k_on": -80.0,
            "k_off": 4.03e-8,
            "w_off": 10e-9,
            "w_init": 5e-9,
        },
        "ferroelectric": {
            "r_on": 150e3,
            "r_off": 50e6,
            "v_on": -5.7,
            "v_off": 1.4,
            "k_on": -30.0,
            "k_off": 1e-4,
            "alpha_on": 5.0,
            "alpha_off": 5.0,
            "w_off": 10e-9,
            "w_init": 5e-9,
        },
        "magic": {
            "r_on": 1e3,
            "r_off": 300e3,
            "v_on": -1.5,
            "v_off": 0.3,
            "k_on": -216.2,
            "k_off": 0.091,
            "alpha_on": 4.0,
            "alpha_off": 4.0,
        },
    }

    r_on: float = parameter(50.0, "Ω", "resistance at w = w_on", above=0.0)
    r_off: float = parameter(1e3, "Ω", "resistance at w = w_off", above=0.0)
    v_on: float = parameter(-0.2, "V", "set threshold", highest=0.0)
    v_off: float = parameter(0.02, "V", "reset threshold", lowest=0.0)
    k_on: float = parameter(-10.0, "m/s", "set rate", highest=0.0)
    k_off: float = parameter(5e-4, "m/s", "reset rate", lowest=0.0)
    alpha_on: float = parameter(3.0, "1", "set exponent", above=0.0)
    alpha_off: float = parameter(1.0, "1", "reset exponent", above=0.0)
    w_on: float = parameter(0.0, "m", "state of least resistance")
    w_off: float = parameter(3e-9, "m", "state of highest resistance")
    w_init: float = parameter(1e-9, "m", "state of a fresh device")
    bound_width: float = parameter(
        1e-3,
        "1",
        "width of the ramp at each bound, as a fraction of the range",
        above=0.0,
        highest=0.5,
    )
    window_order: float = parameter(
        1.0, "1", "exponent p of the Joglekar and the Biolek window", above=0.0
    )
    a_on: float = parameter(2e-9, "m", "where the TEAM window ends the set")
    a_off: float = parameter(1.2e-9, "m", "where the TEAM window ends the reset")
    w_c: float = parameter(107e-12, "m", "width of the TEAM window's edges", above=0.0)
    window: ThresholdWindow = choice(ThresholdWindow.IDEAL, "the window f(w, v)")
    resistance: ResistanceLaw = choice(ResistanceLaw.LINEAR, "the law R(w)")

    def _check(self) -> None:
        if np.any(np.asarray(self.w_off) <= self.w_on):
            raise InputError(f"vteam: w_off = {self.w_off} m must be above w_on = {self.w_on} m")
        if np.any(np.asarray(self.v_on) == 0) or np.any(np.asarray(self.v_off) == 0):
            raise InputError("vteam: v_on must be below 0 V and v_off above 0 V")

        if np.any(np.asarray(self.r_off) <= self.r_on):
            raise InputError(f"vteam: r_off = {self.r_off} Ω must be above r_on = {self.r_on} Ω")

    def _share(self, x: ArrayLike) -> Floats:
        return np.asarray(
            (np.asarray(x, dtype=float) - self.w_on) / (np.asarray(self.w_off) - self.w_on)
        )

    def compiled(self) -> CellCode | None:
        """The equations for compiled loops; only the ideal window has them."""
        return self.equations() if self.window is ThresholdWindow.IDEAL else None

    def equations(self) -> CellCode:
        """The current and the rate of the ideal window with their parameters."""
        law = _exponential_current if self.resistance is ResistanceLaw.EXPONENTIAL else _current
        return CellCode(current=law, rate=_rate, parameters=self._parameters)

    @property
    def _parameters(self) -> tuple[Any, ...]:
        return (
            self.r_on,
            self.r_off,
            self.v_on,
            self.v_off,
            self.k_on,
            self.k_off,
            self.alpha_on,
            self.alpha_off,
            self.w_on,
            self.w_off,
            self.bound_width,
        )

    def rate(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return dw/dt in metres a second."""
        v, ideal = np.asarray(v, dtype=float), super().rate(v, x, gate)
        if self.window is ThresholdWindow.TEAM:
            return np.asarray(
                ideal * self.window.team_factor(x, v > 0, self.a_on, self.a_off, self.w_c)
            )
        if self.window is not ThresholdWindow.IDEAL:
            return np.asarray(ideal * self.window.factor(self._share(x), v > 0, self.window_order))
        return ideal

    def bounds(self) -> tuple[float | Floats, float | Floats]:
        """Return w_on and w_off in metres."""
        return self.w_on, self.w_off

    def initial_state(self) -> float | Floats:
        """Return w_init in metres."""
        return self.w_init

    def state_for_conductance(self, siemens: ArrayLike, *, v: float = 0.0) -> Floats:
        """Return the state of a given conductance: the closed form of R(w) = 1/G."""
        wanted = np.asarray(siemens, dtype=float)
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.resistance is ResistanceLaw.EXPONENTIAL:
                share = -np.log(wanted * self.r_on) / np.log(np.asarray(self.r_off) / self.r_on)
            else:
                share = (1.0 / wanted - self.r_on) / (np.asarray(self.r_off) - self.r_on)
        if not np.all(np.isfinite(share)) or np.any(share < -1e-9) or np.any(share > 1 + 1e-9):
            raise InputError(
                f"vteam: a conductance of {float(np.min(wanted)):.4g}…{float(np.max(wanted)):.4g} S"
                " is not reachable; the device spans"
                f" {1 / np.max(self.r_off):.4g}…{1 / np.min(self.r_on):.4g} S"
            )
        return np.asarray(self.w_on + np.clip(share, 0.0, 1.0) * (self.w_off - self.w_on))

    def typical_drive(self) -> tuple[float, float]:
        """Return a sine of 1.25 times the larger threshold, at which the slower of set and reset
        takes about half a period."""
        amplitude = float(
            f"{1.25 * float(np.mean(np.maximum(-np.asarray(self.v_on), self.v_off))):.2g}"
        )
        set_rate = -np.mean(self.k_on) * (amplitude / -np.mean(self.v_on) - 1.0) ** np.mean(
            self.alpha_on
        )
        reset_rate = np.mean(self.k_off) * (amplitude / np.mean(self.v_off) - 1.0) ** np.mean(
            self.alpha_off
        )
        hertz = 0.3 * float(min(set_rate, reset_rate) / np.mean(np.asarray(self.w_off) - self.w_on))
        return amplitude, float(f"{hertz:.1g}")

    def spice_parameters(self) -> dict[str, float | Floats]:
        """Return the parameters of the X line, with one switch (0 or 1) a window and a law."""
        switches = {
            f"use_{kind.name.lower()}": float(self.window is kind) for kind in ThresholdWindow
        }
        switches |= {
            f"r_{law.name.lower()}": float(self.resistance is law) for law in ResistanceLaw
        }
        return super().spice_parameters() | switches
