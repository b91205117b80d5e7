"""Linear ion drift, the first memristor model, with the windows that were proposed for it.

Strukov, Snider, Stewart and Williams, "The missing memristor found", Nature 453, 80-83, 2008.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.devices.base import choice, parameter
from spicesnn.devices.equation_device import EquationDevice
from spicesnn.devices.equations import CellCode, Equation
from spicesnn.devices.windows import DriftWindow, biolek, joglekar, prodromakis, ramp
from spicesnn.errors import InputError

_R_ON, _R_OFF, _MOBILITY, _LENGTH, _ORDER, _SCALE, _BOUND_WIDTH = range(7)


def _current(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return v/R(x); a trial step beyond a bound must not meet a negative resistance."""
    return v / (p[_R_ON] + (p[_R_OFF] - p[_R_ON]) * np.minimum(np.maximum(1.0 - x, 0.0), 1.0))


def _rate(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return dx/dt without a window but the ramp at the bound the state moves to."""
    return (
        p[_MOBILITY]
        * p[_R_ON]
        / p[_LENGTH] ** 2
        * _current(v, x, gate, p)
        * ramp(x, 0.0, 1.0, v > 0, p[_BOUND_WIDTH])
    )


def _joglekar_rate(v: Any, x: Any, gate: Any, p: Any) -> Any:
    return _rate(v, x, gate, p) * joglekar(x, v > 0, p[_ORDER], p[_SCALE])


def _biolek_rate(v: Any, x: Any, gate: Any, p: Any) -> Any:
    return _rate(v, x, gate, p) * biolek(x, v > 0, p[_ORDER], p[_SCALE])


def _prodromakis_rate(v: Any, x: Any, gate: Any, p: Any) -> Any:
    return _rate(v, x, gate, p) * prodromakis(x, v > 0, p[_ORDER], p[_SCALE])


_RATES: dict[DriftWindow, Equation] = {
    DriftWindow.NONE: _rate,
    DriftWindow.JOGLEKAR: _joglekar_rate,
    DriftWindow.BIOLEK: _biolek_rate,
    DriftWindow.PRODROMAKIS: _prodromakis_rate,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearDrift(EquationDevice):
    r"""A doped and an undoped resistance in series, their boundary x = w/D drifting with the
    current.

    .. math::

        v = [R_{on} x + R_{off} (1 - x)]\, i, \qquad \frac{dx}{dt} = \frac{\mu_v R_{on}}{D^2}\, i\,
        f(x, i)

    `window` picks f (`windows.DriftWindow`). A linear ramp over the last `bound_width` of the range
    (`windows.bound_ramp`) comes on top of every window, so that no state leaves [0, 1]. Positive
    voltage lowers the resistance (set). The defaults are the set of Biolek et al., Radioengineering
    18, 210, 2009: R(0) = 11 kΩ.

    Notes
    -----
    Without threshold, so every read moves the state. With the Joglekar and the Prodromakis window the bounds are terminal: f = 0 there for both
    polarities, and a state at a bound stays for good. The Biolek window avoids that, but its loop drifts from period to period.
    """

    name: ClassVar[str] = "linear-drift"
    reference: ClassVar[str] = (
        "Strukov et al., Nature 453, 80, 2008; windows: Joglekar 2009, Biolek 2009, Prodromakis 2011"
    )
    model: ClassVar[str] = "linear_drift.lib"
    set_polarity: ClassVar[int] = 1
    spice_points: ClassVar[int] = 40
    published: ClassVar[dict[str, dict[str, Any]]] = {
        "biolek-2009": {},
        "joglekar-p7": {
            "r_off": 10e3,
            "length": 12e-9,
            "mobility": 50e-15,
            "window_order": 7.0,
            "x_init": 0.56,
            "window": DriftWindow.JOGLEKAR,
        },
        "biolek-p7": {
            "r_off": 1e3,
            "length": 16e-9,
            "mobility": 40e-15,
            "window_order": 7.0,
            "x_init": 0.076,
            "window": DriftWindow.BIOLEK,
        },
    }

    r_on: float = parameter(
        100.0, "Ω", "resistance of the device when fully doped, x = 1", above=0.0
    )
    r_off: float = parameter(16e3, "Ω", "resistance of the device when undoped, x = 0", above=0.0)
    length: float = parameter(10e-9, "m", "thickness of the film", above=0.0)
    mobility: float = parameter(1e-14, "m²/(V·s)", "mobility of the dopants", above=0.0)
    x_init: float = parameter(5e3 / 15.9e3, "1", "state of a fresh device", lowest=0.0, highest=1.0)
    window_order: float = parameter(1.0, "1", "exponent p of the window", above=0.0)
    window_scale: float = parameter(1.0, "1", "factor j of the Prodromakis window", above=0.0)
    bound_width: float = parameter(
        1e-3,
        "1",
        "width of the ramp at each bound, as a fraction of the range",
        above=0.0,
        highest=0.5,
    )
    window: DriftWindow = choice(DriftWindow.NONE, "the window f(x, i)")

    def _check(self) -> None:
        if np.any(np.asarray(self.r_off) <= self.r_on):
            raise InputError(
                f"linear-drift: r_off = {self.r_off} Ω must be above r_on = {self.r_on} Ω"
            )

    @property
    def _parameters(self) -> tuple[Any, ...]:
        return (
            self.r_on,
            self.r_off,
            self.mobility,
            self.length,
            self.window_order,
            self.window_scale,
            self.bound_width,
        )

    def equations(self) -> CellCode:
        """The current and the rate with their parameters."""
        return CellCode(current=_current, rate=_RATES[self.window], parameters=self._parameters)

    def bounds(self) -> tuple[float, float]:
        """Return 0 and 1."""
        return 0.0, 1.0

    def initial_state(self) -> float | Floats:
        """Return x_init."""
        return self.x_init

    def state_for_conductance(self, siemens: ArrayLike, *, v: float = 0.0) -> Floats:
        """Return the state of a given conductance: the closed form of R(x) = 1/G."""
        wanted = np.asarray(siemens, dtype=float)
        with np.errstate(divide="ignore"):
            share = (self.r_off - 1.0 / wanted) / (np.asarray(self.r_off) - self.r_on)
        if not np.all(np.isfinite(wanted)) or np.any(share < -1e-9) or np.any(share > 1 + 1e-9):
            raise InputError(
                "linear-drift: a conductance of"
                f" {float(np.min(wanted)):.4g}…{float(np.max(wanted)):.4g} S is not reachable; the"
                f" device spans {1 / np.max(self.r_off):.4g}…{1 / np.min(self.r_on):.4g} S"
            )
        return np.asarray(np.clip(share, 0.0, 1.0))

    def typical_drive(self) -> tuple[float, float]:
        """Return 1 V and the frequency at which the state moves by a third."""
        hertz = (
            float(
                np.mean(
                    self.mobility
                    * self.r_on
                    / np.square(self.length)
                    * self.conductance(0.0, self.x_init)
                )
            )
            / np.pi
            / 0.3
        )
        return 1.0, float(f"{hertz:.1g}")

    def spice_parameters(self) -> dict[str, float | Floats]:
        """Return the parameters of the X line, with one switch (0 or 1) a window."""
        switches = {f"use_{kind.name.lower()}": float(self.window is kind) for kind in DriftWindow}
        return super().spice_parameters() | switches
