"""VTEAM, the voltage-threshold adaptive memristor model.

Kvatinsky, Ramadan, Friedman and Kolodny, "VTEAM: A General Model for Voltage-Controlled Memristors",
IEEE TCAS-II 62(8), 786-790, 2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.devices.base import Device, Floats, parameter
from spicesnn.devices.windows import bound_ramp
from spicesnn.errors import InputError


@dataclass(frozen=True, kw_only=True, eq=False)
class VTEAM(Device):
    r"""A memristor whose state `w` moves only beyond two threshold voltages.

    .. math::

        \frac{dw}{dt} = k_{off}(v/v_{off} - 1)^{\alpha_{off}} f, \; v > v_{off};
        \quad k_{on}(v/v_{on} - 1)^{\alpha_{on}} f, \; v < v_{on};
        \quad 0 \text{ otherwise}

    .. math:: R(w) = R_{on} + (R_{off} - R_{on}) \frac{w - w_{on}}{w_{off} - w_{on}}, \qquad i = v / R(w)

    Positive voltage raises the resistance (reset), negative voltage lowers it (set). `f` is 1 inside and a linear ramp
    over the last `bound_width` of the range (`windows.bound_ramp`). The defaults are the model authors' own set.
    """

    name: ClassVar[str] = "vteam"
    reference: ClassVar[str] = "Kvatinsky et al., IEEE TCAS-II 62(8), 786, 2015"
    model: ClassVar[str] = "vteam.lib"
    state_names: ClassVar[tuple[str, ...]] = ("w",)
    state_units: ClassVar[tuple[str, ...]] = ("m",)
    state_scale: ClassVar[tuple[float, ...]] = (1e-9,)
    set_polarity: ClassVar[int] = -1

    r_on: float = parameter(50.0, "Ω", "resistance at w = w_on", above=0.0)
    r_off: float = parameter(1e3, "Ω", "resistance at w = w_off", above=0.0)
    v_on: float = parameter(-0.2, "V", "set threshold", highest=0.0)
    v_off: float = parameter(0.02, "V", "reset threshold", lowest=0.0)
    k_on: float = parameter(-10.0, "m/s", "set rate", highest=0.0)
    k_off: float = parameter(5e-4, "m/s", "reset rate", lowest=0.0)
    alpha_on: float = parameter(3.0, "1", "set exponent", above=0.0)
    alpha_off: float = parameter(1.0, "1", "reset exponent", above=0.0)
    w_on: float = parameter(0.0, "m", "state of least resistance")
    w_off: float = parameter(3e-9, "m", "state of most resistance")
    w_init: float = parameter(1e-9, "m", "state of a fresh device")
    bound_width: float = parameter(1e-3, "1", "width of the ramp at each bound, as a fraction of the range", above=0.0, highest=0.5)

    def _check(self) -> None:
        if np.any(np.asarray(self.w_off) <= self.w_on):
            raise InputError(f"vteam: w_off = {self.w_off} m must be above w_on = {self.w_on} m")
        if np.any(np.asarray(self.v_on) == 0) or np.any(np.asarray(self.v_off) == 0):
            raise InputError("vteam: v_on must be below 0 V and v_off above 0 V")

    def _resistance(self, x: ArrayLike) -> Floats:
        return np.asarray(self.r_on + (self.r_off - self.r_on) * (np.asarray(x, dtype=float) - self.w_on) / (self.w_off - self.w_on))

    def current(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return v/R(w) in ampere."""
        return np.asarray(np.asarray(v, dtype=float) / self._resistance(x))

    def conductance(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return 1/R(w) in siemens."""
        return np.broadcast_to(1.0 / self._resistance(x), np.broadcast_shapes(np.shape(v), np.shape(x), np.shape(self.r_on))).astype(float)

    def rate(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return dw/dt in metres a second."""
        v = np.asarray(v, dtype=float)
        off = self.k_off * np.maximum(v / self.v_off - 1.0, 0.0) ** self.alpha_off
        on = self.k_on * np.maximum(v / self.v_on - 1.0, 0.0) ** self.alpha_on
        return (off + on) * bound_ramp(x, self.w_on, self.w_off, v > 0, self.bound_width)

    def bounds(self) -> tuple[float | Floats, float | Floats]:
        """Return w_on and w_off in metres."""
        return self.w_on, self.w_off

    def initial_state(self) -> float | Floats:
        """Return w_init in metres."""
        return self.w_init

    def state_for_conductance(self, siemens: ArrayLike, *, v: float = 0.0) -> Floats:
        """Return the state of a given conductance: the closed form of R(w) = 1/G."""
        wanted = np.asarray(siemens, dtype=float)
        share = (1.0 / wanted - self.r_on) / (self.r_off - self.r_on)
        if not np.all(np.isfinite(wanted)) or np.any(share < -1e-9) or np.any(share > 1 + 1e-9):
            raise InputError(
                f"vteam: a conductance of {float(np.min(wanted)):.4g}…{float(np.max(wanted)):.4g} S is not reachable; "
                f"the device spans {1 / np.max(self.r_off):.4g}…{1 / np.min(self.r_on):.4g} S"
            )
        return np.asarray(self.w_on + np.clip(share, 0.0, 1.0) * (self.w_off - self.w_on))
