"""An imported Verilog-A model as a device: the nodal engine solves its stored equations, ngspice
the sub-circuit written from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.devices.base import Device
from spicesnn.devices.compiled import over_arrays
from spicesnn.devices.equations import CellCode
from spicesnn.devices.foreign import Foreign
from spicesnn.devices.importers.stored import Stored
from spicesnn.errors import ConvergenceError, EngineError, InputError

_MANY = 256
"""Points from which on equations are asked as compiled code, which takes seconds to make the first
time on a machine."""


@dataclass(frozen=True, kw_only=True, eq=False)
class VerilogDevice(Foreign):
    """Base of the classes that `spicesnn.netlist.veriloga.device_of` makes, one per descriptor."""

    stored: ClassVar[Stored]

    def _values(self) -> dict[str, Any]:
        return dict(Device.spice_parameters(self))

    def _check(self) -> None:
        values = self._values()
        for place, words in self.stored.required:
            if not np.all(self.stored.of_parameters(place, values)):
                raise InputError(
                    f"{self.name}: the parameters do not fit together; the model asks for: {words}"
                )
        if not self.stored.states:
            return
        low, high = (self._of_states(ends) for ends in self._ends())
        start = self._of_states(self._starts())
        slack = 1e-9 * np.abs(np.asarray(high) - np.asarray(low))
        if np.any(~(np.asarray(low) < np.asarray(high))) or np.any(
            ~(np.abs(np.asarray(start)) < np.inf)
        ):
            raise InputError(
                f"{self.name}: at these parameters a state has no range; expected its lowest value"
                " below its highest"
            )
        if np.any(np.asarray(start) < np.asarray(low) - slack) or np.any(
            np.asarray(start) > np.asarray(high) + slack
        ):
            raise InputError(f"{self.name}: at these parameters a state starts outside its range")

    def _ends(self) -> tuple[list[Floats], list[Floats]]:
        values = self._values()
        low, high = (
            [np.asarray(self.stored.of_parameters(p, values), dtype=float) for p in ends]
            for ends in (self.stored.lows, self.stored.highs)
        )
        return low, high

    def _starts(self) -> list[Floats]:
        values = self._values()
        return [
            np.asarray(self.stored.of_parameters(p, values), dtype=float)
            for p in self.stored.starts
        ]

    def bounds(self) -> tuple[float | Floats, float | Floats]:
        """Return the bounds of the states at these parameters."""
        if not self.stored.states:
            return 0.0, 1.0
        low, high = self._ends()
        return self._of_states(low), self._of_states(high)

    def initial_state(self) -> float | Floats:
        """Return the fresh states at these parameters."""
        low, high = self._ends()
        return self._of_states(
            [np.clip(s, a, b) for s, a, b in zip(self._starts(), low, high, strict=True)]
        )

    def _states_of(self, x: ArrayLike) -> list[Floats]:
        given, n = np.asarray(x, dtype=float), len(self.stored.states)
        return [given] if n == 1 else list(given[:n]) if n else []

    def compiled(self) -> CellCode:
        """Return the stored equations as functions for compiled loops."""
        from spicesnn.devices.importers.native import cell_code

        return cell_code(self.stored, self._values(), *self._ends())

    def current(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return the current in ampere."""
        found = self._compiled_at("current", v, x)
        return super().current(v, x) if found is None else found[0]

    def conductance(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return dI/dV in siemens."""
        found = self._compiled_at("conductance", v, x)
        return super().conductance(v, x) if found is None else found[0]

    def current_and_conductance(
        self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None
    ) -> tuple[Floats, Floats]:
        """Return both."""
        amps, siemens = self._compiled_at("current", v, x), self._compiled_at("conductance", v, x)
        if amps is None or siemens is None:
            return super().current_and_conductance(v, x)
        return amps[0], siemens[0]

    def rate(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return dx/dt; `EngineError` where a state goes on beyond its bounds."""
        found = self._compiled_at("rate", v, x)
        if found is None:
            return super().rate(v, x)
        return found[0] if len(found) == 1 else np.stack(found)

    def _compiled_at(self, what: str, v: ArrayLike, x: ArrayLike) -> list[Floats] | None:
        """Return what compiled code says of many points, a row per state where it is rates; None for
        few points, for which nothing is compiled, or where there is no answer."""
        states, several = self._states_of(x), len(self.stored.states) > 1
        shape = np.broadcast_shapes(np.shape(v), *(one.shape for one in states))
        if math.prod(shape) < _MANY:
            return None
        code = self.compiled()
        parameters = (*code.parameters, *states) if several else code.parameters
        asked = range(code.states) if several and what == "rate" else (0,)
        try:
            return [
                over_arrays(
                    getattr(code, what),
                    np.broadcast_to(np.asarray(v, dtype=float), shape),
                    float(k) if several else np.asarray(x, dtype=float),
                    None,
                    parameters,
                )
                for k in asked
            ]
        except ConvergenceError:  # the equations in NumPy say where, and why
            return None

    def _solved(self, what: str, v: ArrayLike, x: ArrayLike) -> tuple[Floats, Floats, Floats]:
        amps, siemens, rates, _, _ = self.stored.everything(
            np.asarray(v, dtype=float), self._states_of(x), self._values()
        )
        if not rates:
            shape = np.broadcast_shapes(amps.shape, np.shape(x))
            amps, siemens = np.broadcast_to(amps, shape), np.broadcast_to(siemens, shape)
        for found in (amps, siemens, *rates):
            if not np.all(np.isfinite(found)):
                volts = np.asarray(v, dtype=float)
                raise EngineError(
                    f"{self.name}: the model's equations have no finite {what} at"
                    f" {np.min(volts):.4g}…{np.max(volts):.4g} V"
                )
        return amps, siemens, np.stack(rates) if rates else np.zeros((1, *amps.shape))

    def rate_slope(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return ∂(dx/dt)/∂x of each state, by the equations' own derivatives."""
        if not self.stored.states:
            return np.zeros(np.broadcast_shapes(np.shape(v), np.shape(x)))
        slopes = self.stored.everything(
            np.asarray(v, dtype=float), self._states_of(x), self._values()
        )[3]
        own = [np.asarray(row[1 + k]) for k, row in enumerate(slopes[1:])]
        own = [np.where(np.isfinite(one), one, 0.0) for one in own]
        return own[0] if len(own) == 1 else np.stack(own)

    def _check_bounds(self, v: Floats, x: Floats, rates: Floats) -> None:
        """Refuse a state that stands at a bound which the model itself does not know."""
        low, high = self._ends()
        states = self._states_of(x)
        for k, name in enumerate(self.stored.states):
            a, b, at = low[k], high[k], np.broadcast_to(states[k], rates[k].shape)
            near = 1e-12 * (b - a)
            outward = ((at >= b - near) & (rates[k] > 0)) | ((at <= a + near) & (rates[k] < 0))
            if not np.any(outward):
                continue
            inside = [
                np.broadcast_to(0.5 * (a + b) if j == k else states[j], at.shape)
                for j in range(len(states))
            ]
            there = self.stored.everything(v, inside, self._values())[2][k]
            if np.any(outward & (np.abs(rates[k]) > 0.01 * np.abs(there))):
                raise EngineError(
                    f"{self.name}: the state {name} goes on beyond {np.min(a):g}…{np.max(b):g},"
                    " since nothing in the model holds it there. Import the model again with the"
                    f" range that it has: --state {name}=LOW,HIGH"
                )
