"""Ions that drift exponentially faster in high fields, in a conductance that mixes linearly.

Strukov and Williams, "Exponential ionic drift: fast switching and low volatility of thin-film memristors", Appl. Phys. A 94, 515, 2009.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.devices.base import Device, Floats, parameter
from spicesnn.devices.windows import bound_ramp
from spicesnn.errors import InputError


@dataclass(frozen=True, kw_only=True, eq=False)
class ExponentialDrift(Device):
    r"""A share x of conducting volume that grows with positive and shrinks with negative voltage.

    .. math:: i = [G_{off} + (G_{on} - G_{off}) x]\, v, \qquad \frac{dx}{dt} = k \sinh(v / v_0)\, f(x)

    f is a ramp over the last `bound_width` of the range, so that x stays in [0, 1].
    """

    name: ClassVar[str] = "exponential-drift"
    reference: ClassVar[str] = "Strukov and Williams, Appl. Phys. A 94, 515, 2009"
    model: ClassVar[str] = str(Path(__file__).with_name("exponential_drift.lib"))
    set_polarity: ClassVar[int] = 1

    g_on: float = parameter(1e-4, "S", "conductance at x = 1", above=0.0)
    g_off: float = parameter(1e-6, "S", "conductance at x = 0", above=0.0)
    k: float = parameter(1e-3, "1/s", "rate of drift", above=0.0)
    v_0: float = parameter(0.08, "V", "voltage in which the drift grows by e", above=0.0)
    x_init: float = parameter(0.1, "1", "state of a fresh device", lowest=0.0, highest=1.0)
    bound_width: float = parameter(
        1e-2, "1", "width of the ramp at each bound", above=0.0, highest=0.5
    )

    def _check(self) -> None:
        if np.any(np.asarray(self.g_on) <= self.g_off):
            raise InputError(
                f"exponential-drift: g_on = {self.g_on} S must be above g_off = {self.g_off} S"
            )

    def conductance(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return G(x) in siemens."""
        share = np.clip(np.asarray(x, dtype=float), 0.0, 1.0)
        siemens = np.asarray(self.g_off + (np.asarray(self.g_on) - self.g_off) * share)
        return np.array(np.broadcast_to(siemens, np.broadcast_shapes(np.shape(v), siemens.shape)))

    def current(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return G(x)·v in ampere."""
        return self.conductance(v, x) * np.asarray(v, dtype=float)

    def rate(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return dx/dt in 1/s."""
        volts = np.asarray(v, dtype=float)
        return np.asarray(
            self.k
            * np.sinh(volts / self.v_0)
            * bound_ramp(x, 0.0, 1.0, volts > 0, self.bound_width)
        )

    def bounds(self) -> tuple[float, float]:
        """Return 0 and 1."""
        return 0.0, 1.0

    def initial_state(self) -> float | Floats:
        """Return x_init."""
        return self.x_init

    def typical_drive(self) -> tuple[float, float]:
        """Return 1 V and 100 Hz."""
        return 1.0, 100.0
