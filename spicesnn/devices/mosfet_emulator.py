"""The memristor emulator made of one transistor whose gate is the state.

"In-situ memristive learning", Electronics 13, 4665, 2024, and its SPICE sources. What ngspice
really makes of that circuit was measured (tests/devices/test_mosfet_emulator.py runs the literal
one) and is what this twin computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.devices.base import parameter
from spicesnn.devices.equation_device import EquationDevice
from spicesnn.devices.equations import CellCode
from spicesnn.devices.limits import BOLTZMANN_EV
from spicesnn.devices.meyer import LEAST_SATURATION, MeyerGate, coupling, gate_volts
from spicesnn.errors import InputError

SILICON_DIOXIDE = 3.9 * 8.854214871e-12
"""Permittivity of the gate oxide as ngspice has it, F/m."""
GATE_AREA = 1e-8
"""W·L of a transistor without W and L: ngspice takes 100 µm each."""

_X_INIT = LEAST_SATURATION / 3 / (1.0 + 1e-13 * 1e-7 / (SILICON_DIOXIDE * GATE_AREA))
"""Gate at 0 V: a third of 25 mV, by the share of the oxide in the default capacitance."""


_KP, _FIXED, _OXIDE, _TRANSCONDUCTANCE, _LEAK, _PHI, _LOW, _HIGH = range(8)


def _current(v: float, x: float, gate: float, p: Any) -> float:
    """Return Kp·[f(Vg) − f(Vg − v)], as a product: the difference of the squares of two channel
    ends of 50 kV would leave some 3e-11 A of rounding."""
    vg = gate_volts(x, v, p[_FIXED], p[_OXIDE])
    on_source, on_drain = max(vg, 0.0), max(vg - v, 0.0)
    across = v if on_source > 0.0 and on_drain > 0.0 else on_source - on_drain
    return float(p[_KP] * 0.5 * (on_source + on_drain) * across)


def _conductance(v: float, x: float, gate: float, p: Any) -> float:
    """Return dI/dV at a constant charge."""
    vg = gate_volts(x, v, p[_FIXED], p[_OXIDE])
    on_source, on_drain = max(vg, 0.0), max(vg - v, 0.0)
    return float(
        p[_KP] * (on_drain + (on_source - on_drain) * coupling(vg, v, p[_FIXED], p[_OXIDE]))
    )


def _rate(v: float, x: float, gate: float, p: Any) -> float:
    """Return dx/dt; `gate` is phi."""
    amps = p[_TRANSCONDUCTANCE] * v - gate_volts(x, v, p[_FIXED], p[_OXIDE]) / p[_LEAK]
    room = (x < p[_HIGH] and amps > 0.0) or (x > p[_LOW] and amps < 0.0)
    return amps / (p[_FIXED] + p[_OXIDE]) if gate > p[_PHI] and room else 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class MosfetEmulator(EquationDevice):
    r"""A charge on the gate of a LEVEL 3 transistor, written by a transconductance while the third
    terminal phi is above 0.5 V.

    Terminals: p is the drain D, n the source S (held at or near 0 V), the third terminal is phi.

    .. math::

        \frac{dx}{dt} = \frac{K (v_D - v_S) - V_g / R_{leak}}{C + C_{ox}} \text{ while } \phi >
        0.5\,\mathrm{V}, \text{ else } 0

    .. math:: I = K_p \left[ f(V_g) - f(V_g - v) \right], \quad f(u) = u^2/2 \text{ for } u > 0, \text{ else } 0

    The state x is the charge on the gate node over :math:`C + C_{ox}`, in volts. At rest (v = 0) it
    is the gate voltage (above 25 mV, exactly); under a voltage the drain couples into the gate
    through Meyer's capacitances, :math:`V_g = h(x, v)` with :math:`(C + C_{ox}) x = C V_g +
    Q_{Meyer}(V_g, v)` (`meyer.MeyerGate`): about half of `v` in the triode region.

    Notes
    -----
    Traps of the original circuit, kept here:

    - No W and L: ngspice takes 100 µm each and the default oxide of 100 nm, so the gate adds
    :math:`C_{ox}` = 3.453 pF to the 0.1 pF that
      the circuit shows. The state moves 35 times more slowly than K/C.
    - The bulk is grounded: for v below about −0.5 V the body diode conducts, 618 A at −1 V. It
    feeds the drain from ground and is not in the
      current that leaves the source (the bit line), so `current` leaves it out, as the original's
      plots do; `drain_current` has it. The nodal engine sees two terminals, so it refuses to read
      or pulse an array with a line below `lowest_volts` (the diode takes 1 nA there).
    - 1 TΩ at the output of the transconductance leaks the state while phi is on: time constant 3.6 s.
    - Without threshold and without bounds: a read with phi on writes. The IV demonstration (K 2e-4 S, 1 V, 1 kHz) takes the gate to 18 kV.
      `x_low`, `x_high` only say what is accepted.
    - Meyer's capacitances do not conserve charge below a gate voltage of 25 mV (ngspice takes no
    saturation voltage lower than that): 8 mV of
      the state of a fresh device are spent there, which is why `x_init` is not 0.
    """

    looped: ClassVar[frozenset[str]] = frozenset({"current", "conductance", "rate"})
    name: ClassVar[str] = "mosfet-emulator"
    reference: ClassVar[str] = "In-situ memristive learning, Electronics 13, 4665, 2024"
    model: ClassVar[str] = "mosfet_emulator.lib"
    state_units: ClassVar[tuple[str, ...]] = ("V",)
    stops: ClassVar[bool] = True
    gated: ClassVar[bool] = True
    gate_default: ClassVar[float | None] = 1.2
    linear: ClassVar[bool] = False
    set_polarity: ClassVar[int] = 1
    lowest_volts: ClassVar[float] = -0.3
    published: ClassVar[dict[str, dict[str, float]]] = {
        "default": {},
        "iv-demonstration": {"transconductance": 2e-4},
        "network": {"transconductance": 5e-9},
    }

    transconductance: float = parameter(
        5e-5,
        "S",
        "K, from the voltage across the device to the current that writes the state",
        above=0.0,
    )
    capacitance: float = parameter(1e-13, "F", "C, the capacitor in the circuit", above=0.0)
    kp: float = parameter(
        1.3e-4, "A/V²", "transconductance parameter of the transistor (W = L)", above=0.0
    )
    oxide_thickness: float = parameter(
        1e-7, "m", "gate oxide, which sets the hidden capacitance", above=0.0
    )
    leak_resistance: float = parameter(
        1e12, "Ω", "from the output of the transconductance to ground", above=0.0
    )
    phi_threshold: float = parameter(0.5, "V", "level of phi above which the state is written")
    x_init: float = parameter(_X_INIT, "V", "state of a fresh device, whose gate is at 0 V")
    x_low: float = parameter(-50e3, "V", "lowest state accepted")
    x_high: float = parameter(50e3, "V", "highest state accepted")

    def _check(self) -> None:
        if np.any(np.asarray(self.x_high) <= self.x_low):
            raise InputError(
                f"mosfet-emulator: x_high = {self.x_high} V must be above x_low = {self.x_low} V"
            )

    @property
    def gate_capacitance(self) -> Floats:
        """Capacitance of the gate with the channel on, farad (3.45 pF)."""
        return np.asarray(SILICON_DIOXIDE / np.asarray(self.oxide_thickness) * GATE_AREA)

    @property
    def _gate(self) -> MeyerGate:
        return MeyerGate(
            fixed=np.asarray(self.capacitance, dtype=float), oxide=self.gate_capacitance
        )

    def gate_volts_of(self, v: ArrayLike, x: ArrayLike) -> Floats:
        """Return the gate voltage h(x, v), volt."""
        return self._gate.volts(np.asarray(x, dtype=float), np.asarray(v, dtype=float))

    @property
    def _parameters(self) -> tuple[Any, ...]:
        return (
            self.kp,
            self.capacitance,
            self.gate_capacitance,
            self.transconductance,
            self.leak_resistance,
            self.phi_threshold,
            self.x_low,
            self.x_high,
        )

    def equations(self) -> CellCode:
        """The current, its slope and the rate with their parameters."""
        return CellCode(
            current=_current, conductance=_conductance, rate=_rate, parameters=self._parameters
        )

    def drain_current(self, v: ArrayLike, x: ArrayLike) -> Floats:
        """Return the current into the drain: `current` and what the body diode takes from ground
        (27 °C, saturation current 1e-14 A)."""
        v = np.asarray(v, dtype=float)
        thermal = BOLTZMANN_EV * 300.15
        return np.asarray(self.current(v, x) - 1e-14 * np.expm1(-v / thermal) + 1e-12 * v)

    def rate(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return dx/dt in V/s; `gate` is phi."""
        if gate is None:
            raise InputError(
                "mosfet-emulator: the state moves only while phi is on; give gate=… in volts"
            )
        return super().rate(v, x, gate)

    def rate_slope(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return ∂(dx/dt)/∂x in 1/s: what the leak takes more of at a larger gate voltage, while
        the state moves."""
        moving = self.rate(v, x, gate) != 0
        vg = self.gate_volts_of(v, x)
        leak = 1.0 / (self.leak_resistance * (self.capacitance + self.gate_capacitance))
        return np.where(moving, -leak / self._gate.slopes(vg, np.asarray(v, dtype=float))[0], 0.0)

    def bounds(self) -> tuple[float | Floats, float | Floats]:
        """Return x_low and x_high."""
        return self.x_low, self.x_high

    def initial_state(self) -> float | Floats:
        """Return x_init."""
        return self.x_init

    def state_for_conductance(self, siemens: ArrayLike, *, v: float = 0.0) -> Floats:
        """Return the state of a given conductance: closed form at ``v = 0``, where G = Kp·Vg."""
        if v != 0:
            return super().state_for_conductance(siemens, v=v)
        wanted = np.asarray(siemens, dtype=float)
        state = self._gate.charge(wanted / self.kp, np.zeros_like(wanted))
        if not np.all(np.isfinite(wanted)) or np.any(wanted < 0) or np.any(state > self.x_high):
            span = f"{float(np.min(wanted)):.4g}…{float(np.max(wanted)):.4g}"
            raise InputError(
                f"mosfet-emulator: a conductance of {span} S is not reachable; it is 0 or more"
            )
        return state
