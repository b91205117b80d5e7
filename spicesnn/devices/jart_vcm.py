"""JART VCM v1b: filamentary valence-change memory with a Schottky barrier, from the Jülich Aachen Resistive Switching Tools.

Cüppers, Menzel, Bengel, Hardtdegen, von Witzleben, Böttger, Waser and Hoffmann-Eifert, APL Materials 7, 091105, 2019;
Bengel, Siemon, Cüppers et al., "Variability-Aware Modeling of Filamentary Oxide-Based Bipolar Resistive Switching Cells
Using SPICE Level Compact Models", IEEE TCAS-I 67(12), 4618-4630, 2020.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.devices.base import Device, Floats, parameter
from spicesnn.devices.implicit import bracketed_root
from spicesnn.devices.limits import limited_exp
from spicesnn.errors import InputError

CHARGE, BOLTZMANN, PLANCK = 1.602176634e-19, 1.380649e-23, 6.62607015e-34
ELECTRON_MASS, VACUUM = 9.10938e-31, 8.8541878128e-12
"""CODATA 2018; the electron mass as the published code rounds it."""
VACANCIES = 1e26
"""What one volt on the state node stands for, 1/m³."""
_LEAST_LOWERING = 1e-40
_LEAST_HEIGHT = 1e-12
_LEAST_STATE = 1e-3


@dataclass(frozen=True, kw_only=True, eq=False)
class JartVCM(Device):
    r"""A filament of plug and disc; the oxygen-vacancy density N of the disc is the state. **Set is at V < 0.**

    The voltage divides over a Schottky barrier and three resistances, :math:`V = V_s + I (R_{disc} + R_{plug} + R_{ser})`, with

    .. math:: R_{disc} = \frac{l_d}{N z e \mu_n A},\; R_{plug} = \frac{l_c - l_d}{N_{plug} z e \mu_n A},\;
        R_{ser} = R_{TiOx} + R_0 (1 + R_0 \alpha I^2 R_{th,line}),\; A = \pi r^2

    .. math:: \varphi = \varphi_{B0} - \left[\frac{e^3 z N (\varphi_{B0} - \varphi_n - V_s)}{8 \pi^2 \varepsilon_\varphi^3}\right]^{1/4} \ge 0

    .. math:: V_s < 0:\; I = -A \frac{A^* T}{k} \sqrt{\pi W_{00} e (|V_s| + \varphi/\cosh^2 u)}\;
        e^{-e\varphi/W_0} (e^{e|V_s|/\varepsilon'} - 1); \qquad
        V_s > 0:\; I = A A^* T^2 e^{-e\varphi/kT} (e^{e V_s/kT} - 1)

    with :math:`W_{00} = (eh/4\pi)\sqrt{zN/(m\varepsilon)}`, u = W₀₀/kT, W₀ = W₀₀/tanh u, ε' = W₀₀/(u − tanh u), and
    :math:`T = T_0 + I (V_s + I(R_{disc} + R_{plug})) R_{th}` (R_th × 0.27 for V > 0), and

    .. math:: \frac{dN}{dt} = -\frac{c\,a\,\nu_0}{l_d} \left(e^{-\Delta W_{min}/kT} - e^{-\Delta W_{max}/kT}\right) F, \quad
        \Delta W_{min,max} = \Delta W (\sqrt{1 - \gamma^2} \mp \gamma\pi/2 + \gamma \arcsin\gamma), \; \gamma = z a E/(\pi \Delta W)

    where c = (N_plug + N)/2. V < 0: E = I·R_disc/l_d and F = 1 − (N/N_max)¹⁰; V > 0: E = (V_s + I(R_disc + R_plug))/l_c and
    F = 1 − (N_min/N)¹⁰. The current is found with all of this at once: given I everything else is explicit, so one
    bracketed root in I is enough, and no start value can lead astray. A set is a thermal runaway; give such pulses
    a series resistance, as the published line resistance does.

    Limits, the same in the twin: γ is held within ±0.999, exponents continue as straight lines beyond 40, the base of the
    fourth root is held above 1e-40, that of the square root above 1e-12, F above 0, T above half the ambient temperature.
    """

    name: ClassVar[str] = "jart-vcm"
    reference: ClassVar[str] = "Bengel et al., IEEE TCAS-I 67(12), 4618, 2020; Cüppers et al., APL Mater. 7, 091105, 2019 (JART VCM v1b)"
    model: ClassVar[str] = "jart_vcm.lib"
    state_names: ClassVar[tuple[str, ...]] = ("nd",)
    state_units: ClassVar[tuple[str, ...]] = ("1/m³",)
    state_scale: ClassVar[tuple[float, ...]] = (VACANCIES,)
    linear: ClassVar[bool] = False
    set_polarity: ClassVar[int] = -1
    spice_points: ClassVar[int] = 60
    published: ClassVar[Mapping[str, Mapping[str, float]]] = {"jart-v1b": {}}

    richardson: float = parameter(6.01e5, "A/(m²·K²)", "effective Richardson constant A*", above=0.0)
    charges: float = parameter(2.0, "1", "charges of a vacancy z", above=0.0)
    kelvin: float = parameter(293.0, "K", "ambient temperature T0", above=0.0)
    eps_r: float = parameter(17.0, "1", "relative static permittivity", above=0.0)
    eps_phi_r: float = parameter(5.5, "1", "relative permittivity of the barrier lowering", above=0.0)
    phi_b0: float = parameter(0.18, "eV", "Schottky barrier φB0", above=0.0)
    phi_n: float = parameter(0.1, "eV", "level of the vacancies φn", lowest=0.0)
    mobility: float = parameter(4e-6, "m²/(V·s)", "electron mobility µn", above=0.0)
    nd_max: float = parameter(20e26, "1/m³", "largest vacancy density in the disc", above=0.0)
    nd_min: float = parameter(0.008e26, "1/m³", "least vacancy density in the disc", above=0.0)
    nd_init: float = parameter(0.008e26, "1/m³", "vacancy density in the disc of a fresh device", above=0.0)
    n_plug: float = parameter(20e26, "1/m³", "vacancy density in the plug", above=0.0)
    hop: float = parameter(0.25e-9, "m", "hopping distance a", above=0.0)
    attempt: float = parameter(2e13, "1/s", "attempt frequency ν0", lowest=0.0)
    barrier: float = parameter(1.35, "eV", "hopping barrier ΔW", above=0.0)
    r_th: float = parameter(15.72e6, "K/W", "thermal resistance of the filament", lowest=0.0)
    reset_heat: float = parameter(0.27, "1", "share of that for V > 0", lowest=0.0, highest=1.0)
    radius: float = parameter(45e-9, "m", "filament radius", above=0.0)
    l_cell: float = parameter(3e-9, "m", "length of plug and disc", above=0.0)
    l_disc: float = parameter(0.4e-9, "m", "length of the disc", above=0.0)
    r_tiox: float = parameter(650.0, "Ω", "series resistance of the oxide", lowest=0.0)
    r_line: float = parameter(719.2437, "Ω", "line resistance R0", above=0.0)
    r_th_line: float = parameter(90471.47, "K/W", "thermal resistance of the line", lowest=0.0)
    alpha_line: float = parameter(3.92e-3, "1/K", "temperature coefficient of the line", lowest=0.0)

    def _check(self) -> None:
        if np.any(np.asarray(self.nd_max) <= self.nd_min):
            raise InputError(f"jart-vcm: nd_max = {self.nd_max} must be above nd_min = {self.nd_min} 1/m³")
        if np.any(np.asarray(self.l_cell) <= self.l_disc):
            raise InputError(f"jart-vcm: l_cell = {self.l_cell} m must be above l_disc = {self.l_disc} m")

    def resistances(self, x: ArrayLike) -> tuple[Floats, Floats]:
        """Return R_disc and R_plug in ohm."""
        density = np.maximum(np.asarray(x, dtype=float), _LEAST_STATE * VACANCIES)
        per_length = 1.0 / (self.charges * CHARGE * self.mobility * np.pi * np.asarray(self.radius) ** 2)
        return np.asarray(per_length * self.l_disc / density), np.asarray(per_length * (np.asarray(self.l_cell) - self.l_disc) / self.n_plug)

    def _barrier_amps(self, barrier_volts: Floats, density: Floats, kelvin: Floats) -> Floats:
        """Return the Schottky current at its own voltage and temperature, ampere."""
        area, thermal = np.pi * np.asarray(self.radius) ** 2, BOLTZMANN * kelvin
        lowering = self._lowering(density)
        room = np.maximum(self.phi_b0 - np.asarray(self.phi_n) - barrier_volts, _LEAST_LOWERING)
        phi = np.maximum(self.phi_b0 - np.sqrt(np.sqrt(lowering * room)), 0.0)
        w_00 = CHARGE * PLANCK / (4.0 * np.pi) * np.sqrt(self.charges * density / (ELECTRON_MASS * self.eps_r * VACUUM))
        u = w_00 / thermal
        reverse = np.maximum(-barrier_volts, 0.0)
        height = np.sqrt(np.pi * w_00 * CHARGE * np.maximum(reverse + phi / np.cosh(u) ** 2, _LEAST_HEIGHT))
        field = limited_exp(CHARGE * reverse * (u - np.tanh(u)) / w_00) - 1.0
        tunnel = area * self.richardson * kelvin / BOLTZMANN * height * np.exp(-CHARGE * phi * np.tanh(u) / w_00) * field
        over = limited_exp(CHARGE * np.maximum(barrier_volts, 0.0) / thermal) - 1.0
        emission = area * self.richardson * kelvin**2 * np.exp(-CHARGE * phi / thermal) * over
        return np.asarray(emission - tunnel)

    def _inner(self, v: Floats, density: Floats, amps: Floats) -> tuple[Floats, Floats]:
        """Return barrier voltage and temperature when `amps` flow."""
        disc, plug = self.resistances(density)
        series = self.r_tiox + self.r_line * (1.0 + self.r_line * self.alpha_line * self.r_th_line * amps**2)
        heat = self.r_th * np.where(v > 0, self.reset_heat, 1.0)
        return v - amps * (disc + plug + series), np.maximum(self.kelvin + amps * (v - amps * series) * heat, 0.5 * np.asarray(self.kelvin))

    def _mismatch(self, v: Floats, density: Floats, amps: Floats) -> Floats:
        barrier_volts, kelvin = self._inner(v, density, amps)
        return self._barrier_amps(barrier_volts, density, kelvin) - amps

    def _spread(self, v: ArrayLike, x: ArrayLike) -> tuple[Floats, Floats]:
        shape = np.broadcast_shapes(np.shape(v), np.shape(x), *(np.shape(p) for p in self.spice_parameters().values()))
        density = np.maximum(np.asarray(x, dtype=float), _LEAST_STATE * VACANCIES)
        return np.array(np.broadcast_to(np.asarray(v, dtype=float), shape)), np.array(np.broadcast_to(density, shape))

    def current(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return the current in ampere, barrier voltage and temperature solved for."""
        v, density = self._spread(v, x)
        disc, plug = self.resistances(density)
        largest = v / (disc + plug + self.r_tiox + self.r_line)
        hump = self._hump_amps(v, density, largest)
        beyond = self._mismatch(v, density, hump) >= 0
        share = hump / np.where(largest == 0, 1.0, largest)
        low, high = np.where(beyond, share, 0.0), np.where(beyond, 1.0, share)
        return np.asarray(largest * bracketed_root(lambda s: self._mismatch(v, density, s * largest), low, np.where(v > 0, high, 1.0)))

    def _hump_amps(self, v: Floats, density: Floats, largest: Floats) -> Floats:
        """Return the load current at which the barrier voltage is the one where forward emission peaks; 0 for V ≤ that voltage.

        In forward direction the barrier rises steeply as V_s nears φB0 − φn, so the emission current has a peak just below
        and a dip there: up to three currents satisfy the equations. The one that a voltage raised from 0 V leads to is the
        largest, between the load current at that peak and the largest possible one.
        """
        lowering = self._lowering(density)
        peak = self.phi_b0 - np.asarray(self.phi_n) - np.minimum((0.25 * lowering**0.25) ** (4 / 3), np.asarray(self.phi_b0) ** 4 / lowering)
        drop = np.where(v > 0, np.maximum(v - np.maximum(peak, 0.0), 0.0), 0.0)
        disc, plug = self.resistances(density)
        linear, cubic = disc + plug + self.r_tiox + self.r_line, self.r_line**2 * self.alpha_line * self.r_th_line
        return bracketed_root(lambda i: i * (linear + cubic * i**2) - drop, np.zeros_like(v), np.maximum(largest, 0.0))

    def _lowering(self, density: Floats) -> Floats:
        """Return e³zN/(8π²ε_φ³), volt³."""
        return np.asarray(CHARGE**3 * self.charges * density / (8.0 * np.pi**2 * (np.asarray(self.eps_phi_r) * VACUUM) ** 3))

    def current_and_conductance(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> tuple[Floats, Floats]:
        """Return both: dI/dV = −(∂h/∂V)/(∂h/∂I) of the equation h(V, I) = 0 that holds the current."""
        v, density = self._spread(v, x)
        amps = self.current(v, density)
        dv = 1e-7 * np.maximum(np.abs(v), 1e-2)
        di = np.maximum(1e-6 * np.abs(amps), 1e-13)
        # At V = 0 the two branches meet with different slopes; their mean is the answer that a read from either side averages to.
        over_v = (self._mismatch(v + dv, density, amps) - self._mismatch(v - dv, density, amps)) / (2.0 * dv)
        over_i = (self._mismatch(v, density, amps + di) - self._mismatch(v, density, amps - di)) / (2.0 * di)
        return amps, np.asarray(-over_v / over_i)

    def conductance(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return dI/dV in siemens."""
        return self.current_and_conductance(v, x)[1]

    def temperature(self, v: ArrayLike, x: ArrayLike) -> Floats:
        """Return the temperature of the filament in kelvin."""
        v, density = self._spread(v, x)
        return self._inner(v, density, self.current(v, density))[1]

    def rate(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return dN/dt in 1/(m³·s)."""
        v, density = self._spread(v, x)
        amps = self.current(v, density)
        barrier_volts, kelvin = self._inner(v, density, amps)
        disc, plug = self.resistances(density)
        reset = v > 0
        field = np.where(reset, (barrier_volts + amps * (disc + plug)) / self.l_cell, amps * disc / self.l_disc)
        gamma = np.clip(self.charges * self.hop * field / (np.pi * np.asarray(self.barrier)), -0.999, 0.999)
        even = np.sqrt(1.0 - gamma**2) + gamma * np.arcsin(gamma)
        thermal = BOLTZMANN / CHARGE * kelvin
        hops = np.exp(-self.barrier * (even - gamma * np.pi / 2) / thermal) - np.exp(-self.barrier * (even + gamma * np.pi / 2) / thermal)
        room = np.where(reset, 1.0 - (self.nd_min / density) ** 10, 1.0 - (density / self.nd_max) ** 10)
        mean = 0.5 * (np.asarray(self.n_plug) + density)
        return np.asarray(-mean * self.hop * self.attempt / self.l_disc * hops * np.maximum(room, 0.0))

    def bounds(self) -> tuple[float | Floats, float | Floats]:
        """Return nd_min and nd_max in 1/m³."""
        return self.nd_min, self.nd_max

    def initial_state(self) -> float | Floats:
        """Return nd_init in 1/m³."""
        return self.nd_init

    def typical_drive(self) -> tuple[float, float]:
        """Return 1.3 V at 1 MHz."""
        return 1.3, 1e6
