"""Nonlinear test devices with formulas short enough to be checked by eye. None has a SPICE twin:
they serve the nodal engine's own tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from spicesnn.devices.base import Device, parameter


@dataclass(frozen=True, kw_only=True, eq=False)
class Memoryless(Device):
    reference: ClassVar[str] = "none: a test device"
    model: ClassVar[str] = ""
    linear: ClassVar[bool] = False
    memory: ClassVar[bool] = False

    def rate(self, v, x, gate=None):
        return np.zeros(np.broadcast_shapes(np.shape(v), np.shape(x)))

    def bounds(self):
        return 0.0, 1.0

    def initial_state(self):
        return 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Sinh(Memoryless):
    """i = siemens·sinh(5v)/5."""

    name: ClassVar[str] = "test-sinh"
    siemens: float = parameter(1e-4, "S", "conductance at 0 V", above=0.0)

    def current(self, v, x, gate=None):
        return self.siemens * np.sinh(5 * np.asarray(v)) / 5 + 0 * np.asarray(x)

    def conductance(self, v, x, gate=None):
        return self.siemens * np.cosh(5 * np.asarray(v)) + 0 * np.asarray(x)


@dataclass(frozen=True, kw_only=True, eq=False)
class Exponential(Memoryless):
    """i = saturation·(e^(v/slope_volts) − 1): a diode."""

    name: ClassVar[str] = "test-diode"
    saturation: float = parameter(1e-9, "A", "saturation current", above=0.0)
    slope_volts: float = parameter(0.05, "V", "volts a factor e", above=0.0)

    def current(self, v, x, gate=None):
        with np.errstate(over="ignore"):
            return self.saturation * np.expm1(np.asarray(v) / self.slope_volts) + 0 * np.asarray(x)

    def conductance(self, v, x, gate=None):
        with np.errstate(over="ignore"):
            return self.saturation / self.slope_volts * np.exp(
                np.asarray(v) / self.slope_volts
            ) + 0 * np.asarray(x)


@dataclass(frozen=True, kw_only=True, eq=False)
class Tunnel(Memoryless):
    """i = 1e-3·(v³ − 1.9v² + v): dI/dV < 0 from 0.39 to 0.88 V."""

    name: ClassVar[str] = "test-tunnel"

    def current(self, v, x, gate=None):
        v = np.asarray(v)
        return 1e-3 * (v**3 - 1.9 * v**2 + v) + 0 * np.asarray(x)

    def conductance(self, v, x, gate=None):
        v = np.asarray(v)
        return 1e-3 * (3 * v**2 - 3.8 * v + 1) + 0 * np.asarray(x)


@dataclass(frozen=True, kw_only=True, eq=False)
class Relaxing(Device):
    """i = (1 + 9x)·1e-4 v; dx/dt = speed·(v² − x): smooth, with a solution in closed form at
    constant v."""

    name: ClassVar[str] = "test-relaxing"
    reference: ClassVar[str] = "none: a test device"
    model: ClassVar[str] = ""
    speed: float = parameter(1.0, "1/s", "rate of relaxation", above=0.0)

    def current(self, v, x, gate=None):
        return (1 + 9 * np.asarray(x)) * 1e-4 * np.asarray(v)

    def conductance(self, v, x, gate=None):
        return (1 + 9 * np.asarray(x)) * 1e-4 + 0 * np.asarray(v)

    def rate(self, v, x, gate=None):
        return self.speed * (np.asarray(v) ** 2 - np.asarray(x))

    def bounds(self):
        return 0.0, 1.0

    def initial_state(self):
        return 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Oscillating(Device):
    """Two states: dx/dt = speed·(y − ½), dy/dt = −speed·(x − ½)·(1 + v/2); i = 1e-4·(1 +
    x)·sinh(v), nonlinear."""

    name: ClassVar[str] = "test-oscillating"
    reference: ClassVar[str] = "none: a test device"
    model: ClassVar[str] = ""
    state_names: ClassVar[tuple[str, ...]] = ("x", "y")
    state_units: ClassVar[tuple[str, ...]] = ("1", "1")
    state_scale: ClassVar[tuple[float, ...]] = (1.0, 1.0)
    linear: ClassVar[bool] = False
    speed: float = parameter(1.0, "1/s", "angular speed", above=0.0)

    def current(self, v, x, gate=None):
        return 1e-4 * (1 + np.asarray(x)[0]) * np.sinh(v)

    def conductance(self, v, x, gate=None):
        return 1e-4 * (1 + np.asarray(x)[0]) * np.cosh(v)

    def rate(self, v, x, gate=None):
        x = np.asarray(x)
        return np.stack(
            [
                self.speed * (x[1] - 0.5) + 0 * np.asarray(v),
                -self.speed * (x[0] - 0.5) * (1 + np.asarray(v) / 2),
            ]
        )

    def bounds(self):
        return 0.0, 1.0

    def initial_state(self):
        return np.array([0.8, 0.5])
