"""An imported Verilog-A model as a device: the nodal engine solves its stored equations, ngspice
the sub-circuit written from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.devices.base import Device
from spicesnn.devices.foreign import Foreign
from spicesnn.devices.importers.stored import Stored
from spicesnn.errors import InputError


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

    def _goes_on(self, k: int, low: float, high: float) -> str:
        name = self.stored.states[k]
        return (
            f"{self.name}: the state {name} goes on beyond {low:g}…{high:g}, since nothing in the"
            " model holds it there. Import the model again with the range that it has: --state"
            f" {name}=LOW,HIGH"
        )
