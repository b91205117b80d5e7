"""Charge on the gate of ngspice's LEVEL 1–3 transistors, after Meyer, and its inverse.

J. E. Meyer, "MOS models and circuit simulation", RCA Review 32, 42-63, 1971, in the form of
ngspice's DEVqmeyer, here for a threshold of 0 V, source and bulk at 0 V, and the drain at v.
ngspice integrates capacitances, not a charge; the charge here is their integral along v at a
constant gate voltage, exact as long as the gate voltage is above 25 mV or v changes faster than the
gate does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.devices.compiled import over_arrays
from spicesnn.devices.equations import pick

PHI = 0.6
"""Surface potential of the transistor, volt (ngspice's default)."""
LEAST_SATURATION = 0.025
"""Volt: ngspice takes no saturation voltage below this for the capacitances."""


_FIXED, _OXIDE = range(2)


def _charge(vg: Any, v: Any, fixed: Any, oxide: Any) -> Any:
    """Return the state at gate voltage `vg` and drain voltage `v`, volt."""
    a, w = vg + np.maximum(-v, 0.0), np.abs(v)
    weak = np.minimum(np.maximum(a, -PHI / 2), 0.0)
    to_source = 2 / 3 * (np.maximum(a, 0.0) + weak + weak * weak / PHI)
    under = np.minimum(np.maximum(vg, -PHI), 0.0)
    to_bulk = -under * under / (2 * PHI) + np.minimum(vg + PHI, 0.0)
    s = np.maximum(a, LEAST_SATURATION)
    inner = np.minimum(w, s)
    to_drain = (
        2
        / 3
        * np.minimum(np.maximum(1.0 + 2 * a / PHI, 0.0), 1.0)
        * (s * s / (2 * s - inner) - inner)
    )
    return (fixed * vg + oxide * (to_source + to_bulk + to_drain)) / (fixed + oxide)


def _parts(vg: Any, v: Any) -> Any:
    """Return what both slopes share: ∂/∂a of the charge at the source and at the drain, and ∂/∂w of
    that at the drain."""
    a, w = vg + np.maximum(-v, 0.0), np.abs(v)
    share = np.minimum(np.maximum(1.0 + 2 * a / PHI, 0.0), 1.0)
    s = np.maximum(a, LEAST_SATURATION)
    inner = np.minimum(w, s)
    bracket = s * s / (2 * s - inner) - inner
    along_s = 2 * s * (s - inner) / np.square(2 * s - inner)
    drain_a = (
        2
        / 3
        * (
            pick(a > LEAST_SATURATION, along_s, 0.0)
            + pick((a < 0) & (a > -PHI / 2), 2 / PHI * bracket, 0.0)
        )
    )
    drain_w = pick(w < s, 2 / 3 * share * (np.square(s / (2 * s - inner)) - 1.0), 0.0)
    return 2 / 3 * share, drain_a, drain_w


def _slope_over_gate(vg: Any, v: Any, fixed: Any, oxide: Any) -> Any:
    """Return ∂(state)/∂vg."""
    source, drain_a, _ = _parts(vg, v)
    bulk = pick(vg < -PHI, 1.0, -np.minimum(np.maximum(vg, -PHI), 0.0) / PHI)
    return (fixed + oxide * (source + bulk + drain_a)) / (fixed + oxide)


def _slope_over_drain(vg: Any, v: Any, fixed: Any, oxide: Any) -> Any:
    """Return ∂(state)/∂v."""
    source, drain_a, drain_w = _parts(vg, v)
    return oxide * pick(v >= 0, drain_w, -(source + drain_a) - drain_w) / (fixed + oxide)


def coupling(vg: Any, v: Any, fixed: Any, oxide: Any) -> Any:
    """Return ∂vg/∂v at a constant charge."""
    return -_slope_over_drain(vg, v, fixed, oxide) / _slope_over_gate(vg, v, fixed, oxide)


def gate_volts(state: float, v: float, fixed: float, oxide: float) -> float:
    """Return the gate voltage of a state at drain voltage `v`, for numbers: closed form with the
    channel on, else a search.

    The search takes Newton steps, halved into a bracket where they leave it: the charge grows with
    the gate voltage."""
    total = fixed + oxide
    charge = total * state
    linear = fixed * v + 2 * oxide * v + 2 * charge
    root = linear * linear - 8 * total * (2 / 3 * oxide * v * v + charge * v)
    vg = (linear + math.sqrt(max(root, 0.0))) / (4 * total)
    saturated = charge / (fixed + 2 / 3 * oxide)
    if v >= 0 and saturated <= v:
        vg = saturated
    if vg >= LEAST_SATURATION and max(vg, vg - v) >= LEAST_SATURATION:
        return vg
    low, high = state - abs(v) - 1.0, state + abs(v) + 1.0
    vg = state
    for _ in range(100):
        error = _charge(vg, v, fixed, oxide) - state
        if abs(error) <= 1e-15 * (1.0 + abs(state)):
            break
        if error < 0:
            low = vg
        else:
            high = vg
        vg -= error / _slope_over_gate(vg, v, fixed, oxide)
        if not low < vg < high:
            vg = 0.5 * (low + high)
    return vg


def _gate_equation(v: float, x: float, gate: float, p: Any) -> float:
    return gate_volts(x, v, p[_FIXED], p[_OXIDE])


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class MeyerGate:
    """A gate with a fixed capacitor beside it; its state is (total charge)/(fixed + oxide), in
    volts.

    With a the voltage from the gate to the terminal that acts as source (``max(Vg, Vg − v)``), w = \\|v\\|, s = max(a, 25 mV), φ = 0.6 V::

        Q/C_ox = S(a) + A(Vg) + M(a, w)
        S(a) = 2a/3 for a > 0;  2a/3 + 2a²/(3φ) down to −φ/2;  −φ/6 below
        A(u) = 0 for u > 0;  −u²/(2φ) down to −φ;  u + φ/2 below               (to the bulk)
        M(a, w) = ⅔ clip(1 + 2a/φ, 0, 1)·[s²/(2s − w) − w] for w < s, else 0    (to the terminal that acts as drain)

    Attributes
    ----------
    fixed, oxide : arrays, farad
    """

    fixed: Floats
    oxide: Floats

    def charge(self, vg: Floats, v: Floats) -> Floats:
        """Return the state at gate voltage `vg` and drain voltage `v`, volt."""
        return np.asarray(_charge(vg, v, self.fixed, self.oxide))

    def slopes(self, vg: Floats, v: Floats) -> tuple[Floats, Floats]:
        """Return ∂(state)/∂vg and ∂(state)/∂v."""
        return np.asarray(_slope_over_gate(vg, v, self.fixed, self.oxide)), np.asarray(
            _slope_over_drain(vg, v, self.fixed, self.oxide)
        )

    def coupling(self, vg: Floats, v: Floats) -> Floats:
        """Return ∂vg/∂v at a constant charge."""
        return np.asarray(coupling(vg, v, self.fixed, self.oxide))

    def volts(self, state: Floats, v: Floats) -> Floats:
        """Return the gate voltage of a state at drain voltage `v`."""
        return over_arrays(_gate_equation, v, state, None, (self.fixed, self.oxide))
