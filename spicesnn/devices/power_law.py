"""The pulse-calibrated power law of Memristor-Spikelearn, as a rate model.

Liu, Yanguas-Gil, Madireddy and Li, "Memristor-Spikelearn", DATE 2023, which fits a filament-gap
device under 10 ns set and 1 ns reset pulses by powers of the voltage. (Its code calls the model
"Vteam"; it has no thresholds. `VTEAM` is the real one.)"""

from __future__ import annotations

import math
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
from spicesnn.devices.windows import bound_ramp, bound_ramp_slope, ramp
from spicesnn.errors import InputError

_SET, _N_SET, _RESET, _N_RESET, _V_MAX, _LOW, _HIGH, _BOUND_WIDTH = range(8)


def _current(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return V/R."""
    return v * np.exp(-x)


def _drift(v: Any, p: Any) -> Any:
    """Return dR/dt away from the bounds, ohm a second."""
    up = p[_RESET] * np.minimum(np.maximum(-v, 0.0), p[_V_MAX]) ** p[_N_RESET]
    return up - p[_SET] * np.minimum(np.maximum(v, 0.0), p[_V_MAX]) ** p[_N_SET]


def _rate(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return du/dt = (dR/dt)/R."""
    drift = _drift(v, p)
    return drift * np.exp(-x) * ramp(x, p[_LOW], p[_HIGH], drift > 0, p[_BOUND_WIDTH])


@dataclass(frozen=True, kw_only=True, eq=False)
class PowerLaw(EquationDevice):
    r"""A resistance that every calibration pulse moves by a power of its voltage.

    One set pulse of `set_pulse_s` changes R by :math:`-(k_{set}/G_1) V^{n_{set}}`, one reset pulse
    of `reset_pulse_s` by :math:`+(k_{reset}/G_1) |V|^{n_{reset}}`, whatever R is. As a rate model
    that is

    .. math:: dR/dt = -\frac{k_{set}}{G_1 t_{set}} V^{n_{set}}, \; V > 0; \qquad
        +\frac{k_{reset}}{G_1 t_{reset}} |V|^{n_{reset}}, \; V < 0; \qquad i = V/R

    which is exact for a rectangular pulse of any number of calibration widths, because the step
    does not depend on R; a pulse of another width moves R in proportion to it. Positive voltage
    sets. Valid around 1.2 to 1.7 V; voltages beyond `v_max` count as `v_max` in the rate, in both
    twins. G₁ is the conductance of weight 1: the original ties the device to it, so it is a
    parameter here. The state is u = ln(R / 1 Ω), which resolves the 336-fold range evenly: du/dt =
    (dR/dt)/R. It stops on a ramp over the last `bound_width` of its range (6 % of R)."""

    name: ClassVar[str] = "power-law"
    reference: ClassVar[str] = (
        "Liu et al., Memristor-Spikelearn, DATE 2023 (pulse-calibrated fit, there named Vteam)"
    )
    model: ClassVar[str] = "power_law.lib"
    state_names: ClassVar[tuple[str, ...]] = ("u",)
    state_units: ClassVar[tuple[str, ...]] = ("1",)
    state_scale: ClassVar[tuple[float, ...]] = (1.0,)
    set_polarity: ClassVar[int] = 1
    spice_points: ClassVar[int] = 60
    published: ClassVar[Mapping[str, Mapping[str, float]]] = {"spikelearn-2023": {}}

    k_set: float = parameter(5.28e-8, "1", "change of R·G1 by one set pulse of 1 V", above=0.0)
    n_set: float = parameter(41.95, "1", "set exponent", lowest=1.0)
    k_reset: float = parameter(9.545e-7, "1", "change of R·G1 by one reset pulse of 1 V", above=0.0)
    n_reset: float = parameter(39.65, "1", "reset exponent", lowest=1.0)
    g_1: float = parameter(1.49301e-4, "S", "conductance of weight 1", above=0.0)
    set_pulse_s: float = parameter(10e-9, "s", "width of a set calibration pulse", above=0.0)
    reset_pulse_s: float = parameter(1e-9, "s", "width of a reset calibration pulse", above=0.0)
    v_max: float = parameter(
        2.0, "V", "largest voltage the rate follows, a magnitude", above=0.0, highest=10.0
    )
    r_min: float = parameter(6697.9, "Ω", "least resistance", above=0.0)
    r_max: float = parameter(2250521.5, "Ω", "largest resistance", above=0.0)
    u_init: float = parameter(math.log(2250521.5), "1", "ln(R / 1 Ω) of a fresh device")
    bound_width: float = parameter(
        1e-2,
        "1",
        "width of the ramp at each bound, as a fraction of the range of ln R",
        above=0.0,
        highest=0.5,
    )

    def _check(self) -> None:
        if np.any(np.asarray(self.r_max) <= self.r_min):
            raise InputError(
                f"power-law: r_max = {self.r_max} Ω must be above r_min = {self.r_min} Ω"
            )

    @property
    def _parameters(self) -> tuple[Any, ...]:
        down, up = (
            np.asarray(self.k_set) / self.set_pulse_s / self.g_1,
            np.asarray(self.k_reset) / self.reset_pulse_s / self.g_1,
        )
        return down, self.n_set, up, self.n_reset, self.v_max, *self.bounds(), self.bound_width

    def equations(self) -> CellCode:
        """The current and the rate with their parameters."""
        return CellCode(current=_current, rate=_rate, parameters=self._parameters)

    def rate_slope(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return ∂(du/dt)/∂u in 1/s."""
        drift, (low, high) = _drift(np.asarray(v, dtype=float), self._parameters), self.bounds()
        share, slope = (
            f(x, low, high, drift > 0, self.bound_width) for f in (bound_ramp, bound_ramp_slope)
        )
        return np.asarray(drift * np.exp(-np.asarray(x, dtype=float)) * (slope - share))

    def bounds(self) -> tuple[float | Floats, float | Floats]:
        """Return ln(r_min / 1 Ω) and ln(r_max / 1 Ω)."""
        return np.log(self.r_min), np.log(self.r_max)

    def initial_state(self) -> float | Floats:
        """Return u_init, held within the bounds."""
        return np.asarray(np.clip(self.u_init, *self.bounds()))

    def typical_drive(self) -> tuple[float, float]:
        """Return 1.55 V at 100 kHz."""
        return 1.55, 1e5

    def state_for_conductance(self, siemens: ArrayLike, *, v: float = 0.0) -> Floats:
        """Return u = -ln(G / 1 S)."""
        low, high = np.asarray(self.r_min, dtype=float), np.asarray(self.r_max, dtype=float)
        return np.asarray(
            np.log(np.clip(1.0 / reachable(self.name, siemens, 1.0 / high, 1.0 / low), low, high))
        )

    def te2v(self, change: ArrayLike) -> Floats:
        """Return the set voltage whose pulse lowers R·G1 by `change` ≥ 0 (learning rate times
        pre-synaptic trace), volt."""
        return np.asarray((self._change(change) / self.k_set) ** (1.0 / np.asarray(self.n_set)))

    def to2v(self, change: ArrayLike) -> Floats:
        """Return the reset voltage, ≤ 0, whose pulse raises R·G1 by `change` ≥ 0 (rate times
        post-synaptic trace), volt."""
        return np.asarray(
            -((self._change(change) / self.k_reset) ** (1.0 / np.asarray(self.n_reset)))
        )

    def _change(self, change: ArrayLike) -> Floats:
        values = np.asarray(change, dtype=float)
        if not np.all(np.isfinite(values)) or np.any(values < 0):
            raise InputError(
                f"power-law: a change of R·G1 of {float(np.min(values)):.4g}; expected 0 or more"
                " (the direction is in te2v and to2v)"
            )
        return values
