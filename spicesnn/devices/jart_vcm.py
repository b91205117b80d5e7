"""JART VCM v1b: filamentary valence-change memory with a Schottky barrier, from the Jülich Aachen
Resistive Switching Tools.

Cüppers, Menzel, Bengel, Hardtdegen, von Witzleben, Böttger, Waser and Hoffmann-Eifert, APL
Materials 7, 091105, 2019; Bengel, Siemon, Cüppers et al., "Variability-Aware Modeling of
Filamentary Oxide-Based Bipolar Resistive Switching Cells Using SPICE Level Compact Models", IEEE
TCAS-I 67(12), 4618-4630, 2020."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.devices.base import parameter
from spicesnn.devices.compiled import over_arrays
from spicesnn.devices.equation_device import EquationDevice
from spicesnn.devices.equations import CellCode
from spicesnn.errors import InputError

CHARGE, BOLTZMANN, PLANCK = 1.602176634e-19, 1.380649e-23, 6.62607015e-34
ELECTRON_MASS, VACUUM = 9.10938e-31, 8.8541878128e-12
"""CODATA 2018; the electron mass as the published code rounds it."""
VACANCIES = 1e26
"""What one volt on the state node stands for, 1/m³."""
_SMOOTH = 1e-3
"""Below so many volts from flat band the fourth root of the barrier's lowering, whose slope is
infinite there, is a polynomial."""
_MOST_RISE, _MOST_SQUARE = 1e5, 0.01
"""Limits that only Newton steps reach: the rise in temperature, K, and the square of the current
that heats the line, A²."""
_LARGEST_EXPONENT = 600.0
"""Of the barrier's height over kT, and of what is above it: no current of a cell is near e⁶⁰⁰."""
_LEAST_HEIGHT = 1e-12
_LEAST_STATE = 1e-3


(
    _RICHARDSON,
    _CHARGES,
    _KELVIN,
    _EPS_R,
    _EPS_PHI_R,
    _PHI_B0,
    _PHI_N,
    _MOBILITY,
    _ND_MAX,
    _ND_MIN,
    _N_PLUG,
    _HOP,
    _ATTEMPT,
    _BARRIER,
    _R_TH,
    _RESET_HEAT,
    _RADIUS,
    _L_CELL,
    _L_DISC,
    _R_TIOX,
    _R_LINE,
    _R_TH_LINE,
    _ALPHA_LINE,
) = range(23)


def _disc(density: Any, p: Any) -> Any:
    """Return R_disc, ohm."""
    return p[_L_DISC] / (
        np.maximum(density, _LEAST_STATE * VACANCIES)
        * p[_CHARGES]
        * CHARGE
        * p[_MOBILITY]
        * np.pi
        * p[_RADIUS] ** 2
    )


def _plug(p: Any) -> Any:
    """Return R_plug, ohm."""
    return (p[_L_CELL] - p[_L_DISC]) / (
        p[_N_PLUG] * p[_CHARGES] * CHARGE * p[_MOBILITY] * np.pi * p[_RADIUS] ** 2
    )


def _lowering(density: float, p: Any) -> float:
    """Return e³zN/(8π²ε_φ³), volt³."""
    return float(
        CHARGE**3 * p[_CHARGES] * density / (8.0 * math.pi**2 * (p[_EPS_PHI_R] * VACUUM) ** 3)
    )


def _fourth_root(room: float) -> float:
    """Return the fourth root, below `_SMOOTH` a polynomial: value, slope and curvature as the
    root's there, value and slope 0 at 0."""
    share = min(max(room / _SMOOTH, 0.0), 1.0)
    left_out = 1.0 - share**2 * (5.15625 - share * (6.5625 - 2.40625 * share))
    return float(math.sqrt(math.sqrt(max(room, _SMOOTH))) - _SMOOTH**0.25 * left_out)


def _over_barrier(height: float, drive: float) -> float:
    """Return exp(−height) (exp(drive) − 1), both in units of the energy that carriers have."""
    height = min(height, _LARGEST_EXPONENT)
    if drive > 0.5 * _LARGEST_EXPONENT:  # Within a search only; the −1 is nothing then.
        return math.exp(min(drive - height, _LARGEST_EXPONENT))
    return math.exp(-height) * (math.exp(drive) - 1.0)


(_SERIES, _LOAD, _CUBIC, _HEAT, _STEEP, _TUNNEL, _EMISSION, _HIGH, _FLAT, _AMBIENT) = range(10)


def _fixed(v: float, density: float, p: Any) -> Any:
    """Return what does not change with the current: the filament's resistance, the one in series
    and how that grows with the square of the current, the thermal resistance, the barrier's
    lowering at 1 V of room, W₀₀, A·A*, φB0, φB0 − φn, and the ambient temperature."""
    return (
        _disc(density, p) + _plug(p),
        p[_R_TIOX] + p[_R_LINE],
        p[_R_LINE] ** 2 * p[_ALPHA_LINE] * p[_R_TH_LINE],
        p[_R_TH] * (p[_RESET_HEAT] if v > 0.0 else 1.0),
        math.sqrt(math.sqrt(_lowering(density, p))),
        CHARGE
        * PLANCK
        / (4.0 * math.pi)
        * math.sqrt(p[_CHARGES] * density / (ELECTRON_MASS * p[_EPS_R] * VACUUM)),
        math.pi * p[_RADIUS] ** 2 * p[_RICHARDSON],
        p[_PHI_B0],
        p[_PHI_B0] - p[_PHI_N],
        p[_KELVIN],
    )


def _barrier_amps(barrier_volts: float, kelvin: float, c: Any) -> float:
    """Return the Schottky current at its own voltage and temperature, ampere."""
    thermal, w_00 = BOLTZMANN * kelvin, c[_TUNNEL]
    phi = max(c[_HIGH] - c[_STEEP] * _fourth_root(c[_FLAT] - barrier_volts), 0.0)
    if barrier_volts >= 0.0:
        over = _over_barrier(CHARGE * phi / thermal, CHARGE * barrier_volts / thermal)
        return float(c[_EMISSION] * kelvin**2 * over)
    u = w_00 / thermal
    less = math.expm1(-2.0 * u)  # tanh u and 1/cosh² u of one exponential
    tanh, narrow = -less / (2.0 + less), 4.0 * (1.0 + less) / (2.0 + less) ** 2
    height = math.sqrt(math.pi * w_00 * CHARGE * max(-barrier_volts + phi * narrow, _LEAST_HEIGHT))
    over = _over_barrier(CHARGE * phi * tanh / w_00, -CHARGE * barrier_volts * (u - tanh) / w_00)
    return float(-c[_EMISSION] * kelvin / BOLTZMANN * height * over)


def _inner(v: float, amps: float, c: Any) -> tuple[float, float]:
    """Return barrier voltage and temperature when `amps` flow."""
    series = c[_LOAD] + c[_CUBIC] * min(amps**2, _MOST_SQUARE)
    rise = min(amps * (v - amps * series) * c[_HEAT], _MOST_RISE)
    return v - amps * (c[_SERIES] + series), c[_AMBIENT] + max(rise, -0.5 * c[_AMBIENT])


def _over(v: float, amps: float, c: Any) -> float:
    """Return by how much the barrier's current is above the one that flows."""
    barrier_volts, kelvin = _inner(v, amps, c)
    return _barrier_amps(barrier_volts, kelvin, c) - amps


def _mismatch(v: float, density: float, amps: float, p: Any) -> float:
    return _over(v, amps, _fixed(v, density, p))


def _room_of(root: float) -> float:
    """Return the argument at which `_fourth_root` has this value, by bisection where it is its
    polynomial."""
    if root >= _SMOOTH**0.25:
        return root**4
    low, high = 0.0, 1.0
    for _ in range(20):
        share = 0.5 * (low + high)
        if _fourth_root(share * _SMOOTH) < root:
            low = share
        else:
            high = share
    return _SMOOTH * high


def _crest(v: float, density: float, p: Any) -> tuple[float, float]:
    """Return the load current at which forward emission has its peak, at the ambient temperature,
    and how far that is from where it dips, ampere; 0, 0 where there is no peak below V.

    Emission goes with exp(−φ/kT) (exp(V_s/kT) − 1). With r = φB0 − φn − V_s its logarithm rises
    with r as long as r^¾ is less than L^¼/4 (1 − exp(−V_s/kT)), L the lowering of the barrier, and
    where φ is 0 it falls. The load line is a cubic that rises and bends upwards: Newton's steps
    come down to its root from above."""
    lowering, flat = _lowering(density, p), p[_PHI_B0] - p[_PHI_N]
    if v <= 0.0 or flat <= 0.0:
        return 0.0, 0.0
    steep, thermal = math.sqrt(math.sqrt(lowering)), BOLTZMANN / CHARGE * p[_KELVIN]
    low, high = 0.0, flat
    for _ in range(6):
        room = 0.5 * (low + high)
        if math.sqrt(room * math.sqrt(room)) < 0.25 * steep * -math.expm1((room - flat) / thermal):
            low = room
        else:
            high = room
    room = min(max(0.5 * (low + high), 0.5 * _SMOOTH), _room_of(p[_PHI_B0] / steep))
    drop = max(v - max(flat - room, 0.0), 0.0)
    linear, cubic = (
        _disc(density, p) + _plug(p) + p[_R_TIOX] + p[_R_LINE],
        p[_R_LINE] ** 2 * p[_ALPHA_LINE] * p[_R_TH_LINE],
    )
    amps = drop / linear
    for _ in range(100):
        new = amps - (amps * (linear + cubic * amps**2) - drop) / (linear + 3.0 * cubic * amps**2)
        if abs(new - amps) <= 2e-16 * amps:
            break
        amps = new
    return amps, room / (linear + 3.0 * cubic * amps**2)


def _beyond(v: float, density: float, largest: float, c: Any, p: Any) -> float:
    """Return a current below the largest that satisfies the equations and above all others that do;
    0 where no other does.

    In forward direction the barrier rises steeply as V_s nears φB0 − φn, so the emission current
    has a peak just below and a dip there: up to three currents satisfy the equations. The one that
    a voltage raised from 0 V leads to is the largest. It lies beyond the peak if more is emitted
    there than flows, and is the only one if not. The cell heats itself, which moves the peak:
    Newton's steps on the slope climb to it until either is certain."""
    amps, width = _crest(v, density, p)
    if amps == 0.0:
        return 0.0
    amps = min(amps, largest)
    over = _over(v, amps, c)
    for _ in range(12):
        if over >= 0.0 or width < 1e-6 * amps:
            break
        step = 0.01 * width
        up, down = _over(v, amps + step, c), _over(v, amps - step, c)
        slope, bend = 0.5 * (up - down) / step, (up - 2.0 * over + down) / step**2
        move = 0.5 * width if slope > 0.0 else -0.5 * width
        if bend < 0.0:
            move = min(max(-slope / bend, -0.5 * width), 0.5 * width)
            if over + 10.0 * abs(slope * move) < 0.0:
                break
        new = min(max(amps + move, 0.0), largest)
        value = _over(v, new, c)
        if value <= over:
            width *= 0.5
            continue
        amps, over = new, value
    return amps if over >= 0.0 else 0.0


def _solved_amps(v: float, density: float, p: Any) -> float:
    """Return the current: the root of `_mismatch` between 0 and what the resistances alone would
    let through, the largest where there are several.

    Inverse quadratic interpolation where it is safe, and bisection elsewhere (Chandrupatla, Adv.
    Eng. Software 28, 145, 1997), until the ends are neighbours."""
    if v == 0.0:
        return 0.0
    c = _fixed(v, density, p)
    a, b = 0.0, v / (c[_SERIES] + c[_LOAD])
    if v > 0.0:
        a = _beyond(v, density, b, c, p)
    fa, fb = _over(v, a, c), _over(v, b, c)
    if fa == 0.0 or a == b:
        return float(a)
    if fb == 0.0:
        return float(b)
    if (fa > 0.0) == (fb > 0.0) or not math.isfinite(fa) or not math.isfinite(fb):
        return math.nan
    share = 0.5
    for _ in range(300):
        x = a + share * (b - a)
        fx = _over(v, x, c)
        if (fx > 0.0) == (fa > 0.0):
            third, f3 = a, fa
        else:
            third, f3, b, fb = b, fb, a, fa
        a, fa = x, fx
        best = a if abs(fa) < abs(fb) else b
        least = 2e-16 * abs(best) / abs(b - a)
        if least > 0.5 or fa == 0.0:
            return float(best)
        along, up = (a - b) / (third - b), (fa - fb) / (f3 - fb)
        share = 0.5
        if up**2 < along and (1.0 - up) ** 2 < 1.0 - along:
            share = fa / (fb - fa) * f3 / (fb - f3)
            share += (third - a) / (b - a) * fa / (f3 - fa) * fb / (f3 - fb)
        share = min(max(share, least), 1.0 - least)
    return math.nan


def _held(x: float) -> float:
    return max(x, _LEAST_STATE * VACANCIES)


def _current(v: float, x: float, gate: float, p: Any) -> float:
    """Return the current, barrier voltage and temperature solved for."""
    return _solved_amps(v, _held(x), p)


def _conductance(v: float, x: float, gate: float, p: Any) -> float:
    """Return dI/dV = −(∂h/∂V)/(∂h/∂I) of the equation h(V, I) = 0 that holds the current.

    At V = 0 the two branches meet with different slopes; their mean is the answer that a read from
    either side averages to."""
    density = _held(x)
    amps = _solved_amps(v, density, p)
    dv, di = 1e-7 * max(abs(v), 1e-2), max(1e-6 * abs(amps), 1e-13)
    c = _fixed(v, density, p)
    above, below = _mismatch(v + dv, density, amps, p), _mismatch(v - dv, density, amps, p)
    by_volts = (above - below) / (2.0 * dv)
    return -by_volts / ((_over(v, amps + di, c) - _over(v, amps - di, c)) / (2.0 * di))


def _temperature(v: float, x: float, gate: float, p: Any) -> float:
    """Return the temperature of the filament."""
    return _inner(v, _solved_amps(v, _held(x), p), _fixed(v, _held(x), p))[1]


def _rate(v: float, x: float, gate: float, p: Any) -> float:
    """Return dN/dt."""
    density = _held(x)
    amps = _solved_amps(v, density, p)
    barrier_volts, kelvin = _inner(v, amps, _fixed(v, density, p))
    disc = _disc(density, p)
    reset = v > 0.0
    field = (
        (barrier_volts + amps * (disc + _plug(p))) / p[_L_CELL]
        if reset
        else amps * disc / p[_L_DISC]
    )
    gamma = min(max(p[_CHARGES] * p[_HOP] * field / (math.pi * p[_BARRIER]), -0.999), 0.999)
    even, odd = math.sqrt(1.0 - gamma**2) + gamma * math.asin(gamma), gamma * math.pi / 2
    thermal = BOLTZMANN / CHARGE * kelvin
    hops = math.exp(-p[_BARRIER] * (even - odd) / thermal) - math.exp(
        -p[_BARRIER] * (even + odd) / thermal
    )
    room = 1.0 - (p[_ND_MIN] / density) ** 10 if reset else 1.0 - (density / p[_ND_MAX]) ** 10
    return float(
        -0.5 * (p[_N_PLUG] + density) * p[_HOP] * p[_ATTEMPT] / p[_L_DISC] * hops * max(room, 0.0)
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class JartVCM(EquationDevice):
    r"""A filament of plug and disc; the oxygen-vacancy density N of the disc is the state. **Set is
    at V < 0.**

    The voltage divides over a Schottky barrier and three resistances, :math:`V = V_s + I (R_{disc}
    + R_{plug} + R_{ser})`, with

    .. math:: R_{disc} = \frac{l_d}{N z e \mu_n A},\; R_{plug} = \frac{l_c - l_d}{N_{plug} z e \mu_n A},\;
        R_{ser} = R_{TiOx} + R_0 (1 + R_0 \alpha I^2 R_{th,line}),\; A = \pi r^2

    .. math:: \varphi = \varphi_{B0} - \left[\frac{e^3 z N (\varphi_{B0} - \varphi_n - V_s)}{8 \pi^2 \varepsilon_\varphi^3}\right]^{1/4} \ge 0

    .. math:: V_s < 0:\; I = -A \frac{A^* T}{k} \sqrt{\pi W_{00} e (|V_s| + \varphi/\cosh^2 u)}\;
        e^{-e\varphi/W_0} (e^{e|V_s|/\varepsilon'} - 1); \qquad
        V_s > 0:\; I = A A^* T^2 e^{-e\varphi/kT} (e^{e V_s/kT} - 1)

    with :math:`W_{00} = (eh/4\pi)\sqrt{zN/(m\varepsilon)}`, u = W₀₀/kT, W₀ = W₀₀/tanh u, ε' =
    W₀₀/(u − tanh u), and :math:`T = T_0 + I (V_s + I(R_{disc} + R_{plug})) R_{th}` (R_th × 0.27 for
    V > 0), and

    .. math:: \frac{dN}{dt} = -\frac{c\,a\,\nu_0}{l_d} \left(e^{-\Delta W_{min}/kT} - e^{-\Delta W_{max}/kT}\right) F, \quad
        \Delta W_{min,max} = \Delta W (\sqrt{1 - \gamma^2} \mp \gamma\pi/2 + \gamma \arcsin\gamma),
        \; \gamma = z a E/(\pi \Delta W)

    where c = (N_plug + N)/2. V < 0: E = I·R_disc/l_d and F = 1 − (N/N_max)¹⁰; V > 0: E = (V_s +
    I(R_disc + R_plug))/l_c and F = 1 − (N_min/N)¹⁰. The current is found with all of this at once:
    given I everything else is explicit, so one bracketed root in I is enough, and no start value
    can lead astray. A set is a thermal runaway; give such pulses a series resistance, as the
    published line resistance does.

    In forward direction up to three currents satisfy the equations where the barrier rises faster
    than its voltage does: at the published parameters at more than a third of the points with V > 0
    (``scripts/model_limits.py``). The current here is the one that a voltage raised from 0 V leads
    to, and so is ngspice's: its model gives the barrier's voltage at a current, and comes down to
    the largest. With other parameters (more charge, a lower permittivity, a colder cell) ngspice
    can keep the larger one while the voltage falls again: its current then shows a hysteresis that
    this memoryless function has not, by up to a quarter of the peak. Sets within a pulse that is
    just long enough for their runaway are as late as the time steps make them.

    Limits, the same in the twin: the fourth root is a polynomial where its base is below 1 mV
    (value, slope and curvature meet the root's there; at flat band, where the root's slope is
    infinite, it is 0); γ is held within ±0.999, the exponents of the barrier's height below 600, the
    base of the square root is held above 1e-12, F above 0, T above half the ambient temperature and
    within 1e5 K of it, the heating of the line below that of 0.1 A."""

    looped: ClassVar[frozenset[str]] = frozenset({"current", "conductance", "rate"})
    name: ClassVar[str] = "jart-vcm"
    reference: ClassVar[str] = (
        "Bengel et al., IEEE TCAS-I 67(12), 4618, 2020; Cüppers et al., APL Mater. 7, 091105, 2019"
        " (JART VCM v1b)"
    )
    model: ClassVar[str] = "jart_vcm.lib"
    state_names: ClassVar[tuple[str, ...]] = ("nd",)
    state_units: ClassVar[tuple[str, ...]] = ("1/m³",)
    state_scale: ClassVar[tuple[float, ...]] = (VACANCIES,)
    linear: ClassVar[bool] = False
    set_polarity: ClassVar[int] = -1
    spice_points: ClassVar[int] = 100
    published: ClassVar[Mapping[str, Mapping[str, float]]] = {"jart-v1b": {}}

    richardson: float = parameter(
        6.01e5, "A/(m²·K²)", "effective Richardson constant A*", above=0.0
    )
    charges: float = parameter(2.0, "1", "charges of a vacancy z", above=0.0)
    kelvin: float = parameter(293.0, "K", "ambient temperature T0", above=0.0)
    eps_r: float = parameter(17.0, "1", "relative static permittivity", above=0.0)
    eps_phi_r: float = parameter(
        5.5, "1", "relative permittivity of the barrier lowering", above=0.0
    )
    phi_b0: float = parameter(0.18, "eV", "Schottky barrier φB0", above=0.0, highest=3.5)
    phi_n: float = parameter(0.1, "eV", "level of the vacancies φn", lowest=0.0)
    mobility: float = parameter(4e-6, "m²/(V·s)", "electron mobility µn", above=0.0)
    nd_max: float = parameter(20e26, "1/m³", "largest vacancy density in the disc", above=0.0)
    nd_min: float = parameter(0.008e26, "1/m³", "least vacancy density in the disc", above=0.0)
    nd_init: float = parameter(
        0.008e26, "1/m³", "vacancy density in the disc of a fresh device", above=0.0
    )
    n_plug: float = parameter(20e26, "1/m³", "vacancy density in the plug", above=0.0)
    hop: float = parameter(0.25e-9, "m", "hopping distance a", above=0.0)
    attempt: float = parameter(2e13, "1/s", "attempt frequency ν0", lowest=0.0)
    barrier: float = parameter(1.35, "eV", "hopping barrier ΔW", above=0.0)
    r_th: float = parameter(15.72e6, "K/W", "thermal resistance of the filament", lowest=0.0)
    reset_heat: float = parameter(0.27, "1", "fraction of that for V > 0", lowest=0.0, highest=1.0)
    radius: float = parameter(45e-9, "m", "filament radius", above=0.0)
    l_cell: float = parameter(3e-9, "m", "length of plug and disc", above=0.0)
    l_disc: float = parameter(0.4e-9, "m", "length of the disc", above=0.0)
    r_tiox: float = parameter(650.0, "Ω", "series resistance of the oxide", lowest=0.0)
    r_line: float = parameter(719.2437, "Ω", "line resistance R0", above=0.0)
    r_th_line: float = parameter(90471.47, "K/W", "thermal resistance of the line", lowest=0.0)
    alpha_line: float = parameter(3.92e-3, "1/K", "temperature coefficient of the line", lowest=0.0)

    def _check(self) -> None:
        if np.any(np.asarray(self.nd_max) <= self.nd_min):
            raise InputError(
                f"jart-vcm: nd_max = {self.nd_max} must be above nd_min = {self.nd_min} 1/m³"
            )
        if np.any(np.asarray(self.l_cell) <= self.l_disc):
            raise InputError(
                f"jart-vcm: l_cell = {self.l_cell} m must be above l_disc = {self.l_disc} m"
            )

    @property
    def _parameters(self) -> tuple[Any, ...]:
        return (
            self.richardson,
            self.charges,
            self.kelvin,
            self.eps_r,
            self.eps_phi_r,
            self.phi_b0,
            self.phi_n,
            self.mobility,
            self.nd_max,
            self.nd_min,
            self.n_plug,
            self.hop,
            self.attempt,
            self.barrier,
            self.r_th,
            self.reset_heat,
            self.radius,
            self.l_cell,
            self.l_disc,
            self.r_tiox,
            self.r_line,
            self.r_th_line,
            self.alpha_line,
        )

    def equations(self) -> CellCode:
        """The current, its slope and the rate with their parameters."""
        return CellCode(
            current=_current, conductance=_conductance, rate=_rate, parameters=self._parameters
        )

    def resistances(self, x: ArrayLike) -> tuple[Floats, Floats]:
        """Return R_disc and R_plug in ohm."""
        density = np.asarray(x, dtype=float)
        return np.asarray(_disc(density, self._parameters)), np.asarray(_plug(self._parameters))

    def temperature(self, v: ArrayLike, x: ArrayLike) -> Floats:
        """Return the temperature of the filament in kelvin."""
        return over_arrays(_temperature, v, x, None, self._parameters)

    def bounds(self) -> tuple[float | Floats, float | Floats]:
        """Return nd_min and nd_max in 1/m³."""
        return self.nd_min, self.nd_max

    def initial_state(self) -> float | Floats:
        """Return nd_init in 1/m³."""
        return self.nd_init

    def typical_drive(self) -> tuple[float, float]:
        """Return 1.3 V at 1 MHz."""
        return 1.3, 1e6
