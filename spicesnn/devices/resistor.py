"""The fixed resistor: the cell without memory, for linear arrays and for checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.devices.base import Device, parameter


@dataclass(frozen=True, kw_only=True, eq=False)
class Resistor(Device):
    """A resistor, i = v/R.

    It has no state of its own; engines give it a dummy state of zeros where an array asks for one.
    """

    name: ClassVar[str] = "resistor"
    reference: ClassVar[str] = "Ohm's law"
    model: ClassVar[str] = "resistor.lib"
    state_names: ClassVar[tuple[str, ...]] = ()
    state_units: ClassVar[tuple[str, ...]] = ()
    state_scale: ClassVar[tuple[float, ...]] = ()
    memory: ClassVar[bool] = False

    resistance: float = parameter(10e3, "Ω", "resistance", above=0.0)

    def current(self, v: ArrayLike, x: ArrayLike = 0.0, gate: ArrayLike | None = None) -> Floats:
        """Return v/R."""
        return np.asarray(v, dtype=float) * self.conductance(v, x)

    def conductance(
        self, v: ArrayLike, x: ArrayLike = 0.0, gate: ArrayLike | None = None
    ) -> Floats:
        """Return 1/R."""
        shape = np.broadcast_shapes(np.shape(v), np.shape(x), np.shape(self.resistance))
        return np.broadcast_to(1.0 / np.asarray(self.resistance, dtype=float), shape)

    def rate(self, v: ArrayLike, x: ArrayLike = 0.0, gate: ArrayLike | None = None) -> Floats:
        """Return 0: a resistor remembers nothing."""
        return np.zeros(np.broadcast_shapes(np.shape(v), np.shape(x)))

    def bounds(self) -> tuple[float, float]:
        """Return the bounds of the dummy state."""
        return 0.0, 1.0

    def initial_state(self) -> float:
        """Return the dummy state."""
        return 0.0
