"""The threshold memristor of Pershin and Di Ventra.

Pershin and Di Ventra, "SPICE model of memristive devices with threshold", Radioengineering 22(2),
485-489, 2013; model R.2 of Biolek, Di Ventra and Pershin, "Reliable SPICE Simulations of
Memristors, Memcapacitors and Meminductors", Radioengineering 22(4), 945-968, 2013."""

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
from spicesnn.devices.limits import reachable
from spicesnn.devices.windows import bound_ramp_slope, ramp
from spicesnn.errors import InputError

_R_ON, _R_OFF, _V_T, _ALPHA, _BETA, _BOUND_WIDTH = range(6)


def _current(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return v/R."""
    return v / x


def _drift(v: Any, p: Any) -> Any:
    """Return f(v): α·v below the threshold, slope β beyond it."""
    below = np.minimum(np.maximum(v, -p[_V_T]), p[_V_T])
    return p[_ALPHA] * below + p[_BETA] * (v - below)


def _rate(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return dR/dt with the ramp at the bound the state moves to."""
    drift = _drift(v, p)
    return drift * ramp(x, p[_R_ON], p[_R_OFF], drift > 0, p[_BOUND_WIDTH])


@dataclass(frozen=True, kw_only=True, eq=False)
class PershinDiVentra(EquationDevice):
    r"""A resistance that moves in proportion to the voltage in excess of a threshold.

    .. math:: i = v/R, \qquad dR/dt = f(v)\,W, \qquad f = \beta v + \tfrac12 (\alpha - \beta)\left[|v + V_t| - |v - V_t|\right]

    so f = α·v below the threshold and grows with slope β beyond it. Positive voltage raises the
    resistance (reset). The papers' W is a smoothed step at each bound, 1e-5 of it wide; here W is
    the ramp that all models share, over the last `bound_width` of the range, and the step of f at
    ±V_t needs no smoothing because f is continuous. The ramp is wider than in other models because
    the state arrives at its bound at full speed and a SPICE step must not miss it.

    The defaults are model R.2 of the 2013 paper; ``ngspice-example`` is the set that ngspice ships
    with."""

    name: ClassVar[str] = "pershin-di-ventra"
    reference: ClassVar[str] = (
        "Biolek, Di Ventra and Pershin, Radioengineering 22(4), 945, 2013 (model R.2)"
    )
    model: ClassVar[str] = "pershin_di_ventra.lib"
    state_names: ClassVar[tuple[str, ...]] = ("r",)
    state_units: ClassVar[tuple[str, ...]] = ("Ω",)
    state_scale: ClassVar[tuple[float, ...]] = (1e3,)
    set_polarity: ClassVar[int] = -1
    published: ClassVar[Mapping[str, Mapping[str, float]]] = {
        "biolek-2013": {},
        "ngspice-example": {"beta": 2e12, "v_t": 1.6, "r_init": 7e3},
    }

    r_on: float = parameter(1e3, "Ω", "least resistance", above=0.0)
    r_off: float = parameter(10e3, "Ω", "largest resistance", above=0.0)
    v_t: float = parameter(4.6, "V", "threshold", lowest=0.0)
    alpha: float = parameter(0.0, "Ω/(V·s)", "rate below the threshold", lowest=0.0)
    beta: float = parameter(1e13, "Ω/(V·s)", "rate beyond the threshold", lowest=0.0)
    r_init: float = parameter(5e3, "Ω", "resistance of a fresh device", above=0.0)
    bound_width: float = parameter(
        1e-2,
        "1",
        "width of the ramp at each bound, as a fraction of the range",
        above=0.0,
        highest=0.5,
    )

    def _check(self) -> None:
        if np.any(np.asarray(self.r_off) <= self.r_on):
            raise InputError(
                f"pershin-di-ventra: r_off = {self.r_off} Ω must be above r_on = {self.r_on} Ω"
            )

    @property
    def _parameters(self) -> tuple[Any, ...]:
        return self.r_on, self.r_off, self.v_t, self.alpha, self.beta, self.bound_width

    def equations(self) -> CellCode:
        """The current and the rate with their parameters."""
        return CellCode(current=_current, rate=_rate, parameters=self._parameters)

    def rate_slope(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return ∂(dR/dt)/∂R in 1/s."""
        drift = _drift(np.asarray(v, dtype=float), self._parameters)
        return np.asarray(
            drift * bound_ramp_slope(x, self.r_on, self.r_off, drift > 0, self.bound_width)
        )

    def bounds(self) -> tuple[float | Floats, float | Floats]:
        """Return r_on and r_off in ohm."""
        return self.r_on, self.r_off

    def initial_state(self) -> float | Floats:
        """Return r_init in ohm."""
        return self.r_init

    def typical_drive(self) -> tuple[float, float]:
        """Return 5 V at 50 MHz, the sine of the 2013 paper."""
        return 5.0, 50e6

    def state_for_conductance(self, siemens: ArrayLike, *, v: float = 0.0) -> Floats:
        """Return R = 1/G."""
        low, high = np.asarray(self.r_on, dtype=float), np.asarray(self.r_off, dtype=float)
        return np.asarray(
            np.clip(1.0 / reachable(self.name, siemens, 1.0 / high, 1.0 / low), low, high)
        )
