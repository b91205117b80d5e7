"""The phenomenological model of integrated metal-oxide memristors, pulse increments turned into a
rate.

Nili, Vincent, Prezioso, Mahmoodi, Kataeva and Strukov, "Comprehensive Compact Phenomenological
Modeling of Integrated Metal-Oxide Memristors", IEEE Transactions on Nanotechnology 19, 344-349,
2020."""

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
from spicesnn.devices.equations import CellCode, pick
from spicesnn.devices.windows import ramp
from spicesnn.errors import InputError

_EDGES = 10.0 ** (0.5 + 0.25 * np.arange(9)) * 1e-6
"""Edges of the eight conductance bins, 3.16 … 316 µS, siemens."""
_CENTRES = np.log(np.sqrt(_EDGES[:-1] * _EDGES[1:]) / 1e-6)
"""ln(G/µS) at the middle of each bin."""
_SET = np.array(
    [
        [-3.851, -3.769, -3.729, -3.517, -3.426, -3.373, -3.422, -3.572],
        [9.369, 7.512, 6.801, 6.18, 5.946, 5.005, 4.936, 4.864],
        [10.4, 8.419, 7.582, 6.851, 6.558, 5.792, 5.84, 5.785],
    ]
)
"""c2, c3, c4 of a set pulse, a column per bin."""
_RESET = np.array(
    [
        [0.89, 0.51, 0.34, 0.25, 0.23, 0.21, 0.22, 0.28],
        [8.96, 6.88, 4.93, 3.63, 2.91, 2.33, 1.93, 1.68],
        [-10.9, -8.61, -8.14, -7.77, -7.42, -7.3, -7.1, -7.0],
    ]
)
"""c1, c2, c4 of a reset pulse, a column per bin."""
_SET_C0, _SET_C1, _RESET_C0, _RESET_C3 = 1.55e-4, -0.47, -0.89e-4, 6.2
_V_SOFT = 0.01

_CELSIUS, _XI, _WIDTH_S, _G_MIN, _G_MAX, _BOUND_WIDTH = range(6)


def _polynomial(g: Any, p: Any) -> Any:
    """Return the coefficients of V and of V³, the device's place in the spread included."""
    t = p[_CELSIUS]
    first = -2.58e-6 + 0.977 * g + 1.166e-7 * t
    third = 1.18 * g + 6596.0 * g**2 + 1.605e-3 * t**-1.33
    first_spread = -1.07e-6 + 0.25 * g + 2.2e-8 * t - 1300.0 * g**2
    third_spread = 1.17e-5 + 1.3 * g - 1e-7 * t - 6500.0 * g**2 - 2.5e-3 * g * t
    return first + p[_XI] * first_spread, third + p[_XI] * third_spread


def _current(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return A1·V + A3·V³."""
    first, third = _polynomial(x, p)
    return first * v + third * v**3


def _conductance(v: Any, x: Any, gate: Any, p: Any) -> Any:
    """Return A1 + 3·A3·V²."""
    first, third = _polynomial(x, p)
    return first + 3.0 * third * v**2


def _increment(
    v: Any, log_width: Any, s_2: Any, s_3: Any, s_4: Any, r_1: Any, r_2: Any, r_4: Any
) -> Any:
    """Return ΔG of a pulse with c2, c3, c4 of a set and c1, c2, c4 of a reset, for numbers or
    arrays.

    ``1 − tanh(y) = 2/(1 + e^2y)``, which keeps its digits where the tanh has come close to one.
    """
    set_time = 2.0 / (1.0 + np.exp(2.0 * _SET_C1 * (log_width - s_2)))
    reset_time = -2.0 / (1.0 + np.exp(-2.0 * r_1 * (log_width - r_2)))
    up = _SET_C0 * set_time * (np.tanh(s_3 * v - s_4) + 1.0)
    down = _RESET_C0 * reset_time * (np.tanh(_RESET_C3 * v - r_4) - 1.0)
    return pick(v > 0, up, down)


def _rate(v: float, x: float, gate: float, p: Any) -> float:
    """Return dG/dt of one cell: the published step, its coefficients on the straight line in ln G
    between two bins, over the pulse width."""
    along = (math.log(max(x, _EDGES[0]) / 1e-6) - _CENTRES[0]) / (_CENTRES[1] - _CENTRES[0])
    along = min(max(along, 0.0), _CENTRES.size - 1.0)
    k = min(int(along), _CENTRES.size - 2)
    near, far = k + 1 - along, along - k
    step = _increment(
        v,
        math.log(p[_WIDTH_S]),
        near * _SET[0, k] + far * _SET[0, k + 1],
        near * _SET[1, k] + far * _SET[1, k + 1],
        near * _SET[2, k] + far * _SET[2, k + 1],
        near * _RESET[0, k] + far * _RESET[0, k + 1],
        near * _RESET[1, k] + far * _RESET[1, k + 1],
        near * _RESET[2, k] + far * _RESET[2, k + 1],
    )
    return float(
        step
        / p[_WIDTH_S]
        * min(abs(v) / _V_SOFT, 1.0)
        * ramp(x, p[_G_MIN], p[_G_MAX], v > 0, p[_BOUND_WIDTH])
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class MetalOxide(EquationDevice):
    r"""A metal-oxide memristor known by what pulses do to its conductance G.

    .. math:: I = A_1 V + A_3 V^3 + \xi(\sigma_1 V + \sigma_3 V^3)

    with A and σ functions of G and of the temperature in °C, valid for \|V\| ≤ 0.4 V, and ξ ~ N(0,
    1) fixed for a device. One pulse of t seconds and V volts, L = ln(t/1 s), changes G by

    .. math:: \Delta G_{set} = c_0 [1 - \tanh(c_1(L - c_2))] [\tanh(c_3 V - c_4) + 1], \quad
        \Delta G_{reset} = c_0 [-1 - \tanh(c_1(L - c_2))] [\tanh(c_3 V - c_4) - 1]

    with coefficients for each of eight bins of G (`pulse_increment` is this formula to the letter).
    **As a rate model** the device moves at dG/dt = ΔG(`pulse_s`, V, G)/`pulse_s`, so that one pulse
    of `pulse_s` makes the published step, as long as the step is small against a bin. A pulse of
    another width moves G in proportion to it here, whereas the published step is not a rate: ten
    times the width makes 7.3 times the set and 2.8 times the reset (10–18 and 32–56 µS). So set
    `pulse_s` to the width of the pulses you use, and `celsius` to the temperature they have. The
    coefficients run linearly in ln G from the middle of one bin to the next, and stand still beyond
    the outermost middles, so that the rate has no jumps; in the middle of a bin it is the published
    one.

    Positive voltage sets. Pulses were measured at 0.8…1.15 V and −0.8…−1.5 V; elsewhere the
    formulas extrapolate (they saturate above, and fall to a thousandth at half the voltage). Set
    and reset fade over 10 mV at 0 V, and G stops on a ramp over the last `bound_width` of its
    range. The current above 0.4 V is an extrapolation too."""

    looped: ClassVar[frozenset[str]] = frozenset({"rate"})
    name: ClassVar[str] = "metal-oxide"
    reference: ClassVar[str] = "Nili et al., IEEE Trans. Nanotechnol. 19, 344, 2020"
    model: ClassVar[str] = "metal_oxide.lib"
    state_names: ClassVar[tuple[str, ...]] = ("g",)
    state_units: ClassVar[tuple[str, ...]] = ("S",)
    state_scale: ClassVar[tuple[float, ...]] = (1e-6,)
    linear: ClassVar[bool] = False
    set_polarity: ClassVar[int] = 1
    published: ClassVar[Mapping[str, Mapping[str, float]]] = {"nili-2020": {}}

    celsius: float = parameter(25.0, "°C", "temperature in degrees Celsius", above=0.0)
    xi: float = parameter(
        0.0,
        "1",
        "place of this device in the spread of the current, a draw from N(0, 1)",
        lowest=-4.0,
        highest=4.0,
    )
    pulse_s: float = parameter(
        5e-4, "s", "pulse width at which the rate makes the published step", above=0.0
    )
    g_min: float = parameter(3.16e-6, "S", "least conductance", above=0.0)
    g_max: float = parameter(316e-6, "S", "largest conductance", above=0.0)
    g_init: float = parameter(10e-6, "S", "conductance of a fresh device", above=0.0)
    bound_width: float = parameter(
        1e-3,
        "1",
        "width of the ramp at each bound, as a fraction of the range",
        above=0.0,
        highest=0.5,
    )

    def _check(self) -> None:
        if np.any(np.asarray(self.g_max) <= self.g_min):
            raise InputError(
                f"metal-oxide: g_max = {self.g_max} S must be above g_min = {self.g_min} S"
            )

    @property
    def _parameters(self) -> tuple[Any, ...]:
        return self.celsius, self.xi, self.pulse_s, self.g_min, self.g_max, self.bound_width

    def equations(self) -> CellCode:
        """The current, its slope and the rate with their parameters."""
        return CellCode(
            current=_current, conductance=_conductance, rate=_rate, parameters=self._parameters
        )

    @staticmethod
    def pulse_increment(v: ArrayLike, g: ArrayLike, width_s: ArrayLike) -> Floats:
        """Return the published change of conductance by one pulse, coefficients of the bin that `g`
        lies in, siemens.

        Parameters
        ----------
        v : ArrayLike
            Pulse voltage: a set for v > 0, a reset for v < 0.
        g : ArrayLike
            Conductance before the pulse, siemens.
        width_s : ArrayLike
            Pulse width, seconds.
        """
        column = np.clip(
            np.searchsorted(_EDGES, np.asarray(g, dtype=float), side="right") - 1, 0, 7
        )
        log_width = np.log(np.asarray(width_s, dtype=float))
        return np.asarray(
            _increment(np.asarray(v, dtype=float), log_width, *_SET[:, column], *_RESET[:, column])
        )

    def bounds(self) -> tuple[float | Floats, float | Floats]:
        """Return g_min and g_max in siemens."""
        return self.g_min, self.g_max

    def initial_state(self) -> float | Floats:
        """Return g_init in siemens."""
        return self.g_init

    def typical_drive(self) -> tuple[float, float]:
        """Return 1.3 V at 20 Hz."""
        return 1.3, 20.0
