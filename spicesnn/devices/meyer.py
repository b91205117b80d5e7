"""Charge on the gate of ngspice's LEVEL 1–3 transistors, after Meyer, and its inverse.

J. E. Meyer, "MOS models and circuit simulation", RCA Review 32, 42-63, 1971, in the form of ngspice's DEVqmeyer, here for a threshold
of 0 V, source and bulk at 0 V, and the drain at v. ngspice integrates capacitances, not a charge; the charge here is their integral
along v at a constant gate voltage, exact as long as the gate voltage is above 25 mV or v changes faster than the gate does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spicesnn.devices.base import Floats

PHI = 0.6
"""Surface potential of the transistor, volt (ngspice's default)."""
LEAST_SATURATION = 0.025
"""Volt: ngspice takes no saturation voltage below this for the capacitances."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class MeyerGate:
    """A gate with a fixed capacitor beside it; its state is (total charge)/(fixed + oxide), in volts.

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
        a, w = vg + np.maximum(-v, 0.0), np.abs(v)
        weak = np.clip(a, -PHI / 2, 0.0)
        to_source = 2 / 3 * (np.maximum(a, 0.0) + weak + np.square(weak) / PHI)
        to_bulk = -np.square(np.clip(vg, -PHI, 0.0)) / (2 * PHI) + np.minimum(vg + PHI, 0.0)
        s = np.maximum(a, LEAST_SATURATION)
        inner = np.minimum(w, s)
        to_drain = 2 / 3 * np.clip(1.0 + 2 * a / PHI, 0.0, 1.0) * (s * s / (2 * s - inner) - inner)
        return np.asarray((self.fixed * vg + self.oxide * (to_source + to_bulk + to_drain)) / (self.fixed + self.oxide))

    def slopes(self, vg: Floats, v: Floats) -> tuple[Floats, Floats]:
        """Return ∂(state)/∂vg and ∂(state)/∂v."""
        a, w = vg + np.maximum(-v, 0.0), np.abs(v)
        share = np.clip(1.0 + 2 * a / PHI, 0.0, 1.0)
        s = np.maximum(a, LEAST_SATURATION)
        inner = np.minimum(w, s)
        bracket = s * s / (2 * s - inner) - inner
        source = 2 / 3 * np.clip(1.0 + 2 * a / PHI, 0.0, 1.0)
        bulk = np.where(vg < -PHI, 1.0, -np.clip(vg, -PHI, 0.0) / PHI)
        along_s = 2 * s * (s - inner) / np.square(2 * s - inner)
        drain_a = 2 / 3 * (np.where(a > LEAST_SATURATION, along_s, 0.0) + np.where((a < 0) & (a > -PHI / 2), 2 / PHI * bracket, 0.0))
        drain_w = np.where(w < s, 2 / 3 * share * (np.square(s / (2 * s - inner)) - 1.0), 0.0)
        by_vg = self.fixed + self.oxide * (source + bulk + drain_a)
        by_v = self.oxide * np.where(v >= 0, drain_w, -(source + drain_a) - drain_w)
        total = self.fixed + self.oxide
        return by_vg / total, by_v / total

    def coupling(self, vg: Floats, v: Floats) -> Floats:
        """Return ∂vg/∂v at a constant charge."""
        by_vg, by_v = self.slopes(vg, v)
        return np.asarray(-by_v / by_vg)

    def volts(self, state: Floats, v: Floats) -> Floats:
        """Return the gate voltage of a state at drain voltage `v`: closed form with the channel on, else a search."""
        fixed, oxide, state, v = np.broadcast_arrays(self.fixed, self.oxide, state, v)
        total = fixed + oxide
        charge = total * state
        linear = fixed * v + 2 * oxide * v + 2 * charge
        root = np.square(linear) - 8 * total * (2 / 3 * oxide * v * v + charge * v)
        triode = (linear + np.sqrt(np.maximum(root, 0.0))) / (4 * total)
        saturated = charge / (fixed + 2 / 3 * oxide)
        vg = np.where((v >= 0) & (saturated <= v), saturated, triode)
        weak = (vg < LEAST_SATURATION) | (np.maximum(vg, vg - v) < LEAST_SATURATION) | ~np.isfinite(vg)
        if np.any(weak):
            vg = np.array(vg)
            part = MeyerGate(fixed=fixed[weak], oxide=oxide[weak])
            vg[weak] = part._search(state[weak], v[weak])
        return np.asarray(vg)

    def _search(self, state: Floats, v: Floats) -> Floats:
        """Return the gate voltage by Newton steps, halved into a bracket where they leave it: `charge` grows with the gate voltage."""
        low, high = state - np.abs(v) - 1.0, state + np.abs(v) + 1.0
        vg = np.clip(state, low, high)
        for _ in range(100):
            error = self.charge(vg, v) - state
            low, high = np.where(error < 0, vg, low), np.where(error > 0, vg, high)
            if np.all(np.abs(error) <= 1e-15 * (1.0 + np.abs(state))):
                break
            step = vg - error / self.slopes(vg, v)[0]
            vg = np.where((step > low) & (step < high), step, 0.5 * (low + high))
        return np.asarray(vg)
