"""A device whose equations are functions of numbers: they are stated once, and serve arrays and
compiled loops alike."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.devices.base import Device
from spicesnn.devices.compiled import over_arrays
from spicesnn.devices.equations import CellCode, Equation


@dataclass(frozen=True, kw_only=True, eq=False)
class EquationDevice(Device):
    """A device that says its equations, bounds and initial state; the rest of the contract
    follows."""

    looped: ClassVar[frozenset[str]] = frozenset()
    """Which of ``current``, ``conductance`` and ``rate`` have a loop inside (a current behind a
    series resistance): these are functions of numbers alone, and run compiled over arrays too."""

    @abstractmethod
    def equations(self) -> CellCode:
        """State the equations with the parameters that they take."""

    def compiled(self) -> CellCode | None:
        """The same equations for compiled loops."""
        return self.equations()

    def current(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """The current in ampere at `v` volts in state `x`."""
        code = self.equations()
        return self._over("current", code.current, v, x, gate, code)

    def conductance(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Differential conductance dI/dV in siemens; of a linear device the current at 1 V."""
        code = self.equations()
        if code.conductance is None:
            return self._over("current", code.current, np.ones(np.shape(v)), x, None, code)
        return self._over("conductance", code.conductance, v, x, gate, code)

    def rate(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Speed of the state dx/dt, in state units a second; of several states (states, …)."""
        code = self.equations()
        if code.states == 1:
            return self._over("rate", code.rate, v, x, gate, code)
        volts, p = np.asarray(v, dtype=float), (*code.parameters, *np.asarray(x, dtype=float))
        each = [code.rate(volts, k, gate, p) for k in range(code.states)]
        return np.stack(np.broadcast_arrays(*each))

    def _over(
        self,
        name: str,
        equation: Equation,
        v: ArrayLike,
        x: ArrayLike,
        gate: ArrayLike | None,
        code: CellCode,
    ) -> Floats:
        if code.states > 1:
            p = (*code.parameters, *np.asarray(x, dtype=float))
            return np.asarray(equation(np.asarray(v, dtype=float), None, gate, p))
        if name in self.looped:
            return over_arrays(equation, v, x, gate, code.parameters)
        return np.asarray(
            equation(np.asarray(v, dtype=float), np.asarray(x, dtype=float), gate, code.parameters)
        )
