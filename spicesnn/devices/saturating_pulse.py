"""A device known by its pulse curve: every pulse goes the same share of the way that is left to the
end of the range.

The pulse response of the 4×4 Manhattan perceptron that replays Prezioso et al., Nature 521, 61,
2015: its measured curve fits ΔG = 6.55e-8 S·(1 − exp(−n/3.0)) over n pulses, with a residual of
6.1e-9 S (rms)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.devices.base import parameter
from spicesnn.devices.equation_device import EquationDevice
from spicesnn.devices.equations import CellCode
from spicesnn.devices.pulse_curve import PulseCurve
from spicesnn.errors import InputError

_G_LOW, _G_GAIN, _PULSES, _V_THRESHOLD, _V_WRITE, _PULSE_S = range(6)


def _current(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return G(x)·v."""
    return v * (p[_G_LOW] + p[_G_GAIN] * x)


def _rate(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return dx/dt: towards 1 beyond the threshold, towards 0 beyond minus the threshold."""
    unit = p[_PULSES] * p[_PULSE_S] * (p[_V_WRITE] - p[_V_THRESHOLD])
    return (
        np.maximum(v - p[_V_THRESHOLD], 0.0) * (1.0 - x) - np.maximum(-v - p[_V_THRESHOLD], 0.0) * x
    ) / unit


@dataclass(frozen=True, kw_only=True, eq=False)
class SaturatingPulse(EquationDevice):
    r"""A linear conductance between `g_low` and `g_low` + `g_gain` that approaches either end
    exponentially with pulse time.

    .. math:: i = (G_{low} + G_{gain}\, x)\, v

    .. math::

        \frac{dx}{dt} = \frac{1 - x}{n_0 t_p} \frac{(v - V_t)^+}{V_w - V_t} - \frac{x}{n_0 t_p}
        \frac{(-v - V_t)^+}{V_w - V_t}

    so that n pulses of :math:`V_w` and :math:`t_p` from x = 0 give :math:`x = 1 - e^{-n/n_0}`.
    Positive voltage raises the conductance."""

    name: ClassVar[str] = "saturating-pulse"
    reference: ClassVar[str] = (
        "Fit to the pulse curve of a 4×4 replica of Prezioso et al., Nature 521, 61, 2015"
    )
    model: ClassVar[str] = "saturating_pulse.lib"
    set_polarity: ClassVar[int] = 1

    g_low: float = parameter(1e-7, "S", "conductance at x = 0", above=0.0)
    g_gain: float = parameter(6.55e-7, "S", "conductance gained at x = 1", above=0.0)
    pulses: float = parameter(3.0, "1", "n0, pulses to within 1/e of the end", above=0.0)
    v_threshold: float = parameter(0.8, "V", "Vt, magnitude below which nothing moves", lowest=0.0)
    v_write: float = parameter(1.3, "V", "Vw, magnitude of a write pulse", above=0.0)
    pulse_s: float = parameter(500e-6, "s", "tp, width of a write pulse", above=0.0)
    x_init: float = parameter(0.0, "1", "state of a fresh device", lowest=0.0, highest=1.0)

    def _check(self) -> None:
        if np.any(np.asarray(self.v_write) <= self.v_threshold):
            raise InputError(
                f"saturating-pulse: v_write = {self.v_write} V must be above v_threshold ="
                f" {self.v_threshold} V"
            )

    @classmethod
    def from_curve(cls, path: str | Path, *, scale: float = 1.0) -> tuple[Self, float]:
        """Return the device that fits the set pulses of a measured curve, and the rms residual in
        siemens.

        Parameters
        ----------
        path : str | Path
            What `PulseCurve.from_csv` reads.
        scale : float
            Conductances are multiplied by it.
        """
        curve = PulseCurve.from_csv(path)
        gain, pulses, residual = curve.saturation()
        return (
            cls(g_low=scale * float(curve.raising[0]), g_gain=scale * gain, pulses=pulses),
            scale * residual,
        )

    @property
    def _parameters(self) -> tuple[Any, ...]:
        return self.g_low, self.g_gain, self.pulses, self.v_threshold, self.v_write, self.pulse_s

    def equations(self) -> CellCode:
        """The current and the rate with their parameters."""
        return CellCode(current=_current, rate=_rate, parameters=self._parameters)

    def bounds(self) -> tuple[float, float]:
        """Return 0 and 1."""
        return 0.0, 1.0

    def initial_state(self) -> float | Floats:
        """Return x_init."""
        return self.x_init

    def typical_drive(self) -> tuple[float, float]:
        """Return a sine of the write amplitude that lasts ten pulses."""
        return float(np.mean(self.v_write)), float(1 / np.mean(10 * np.asarray(self.pulse_s)))
