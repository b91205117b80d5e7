"""A user's own sub-circuit as a device: ngspice solves it as it is, and `spicesnn characterize` makes the tables for the nodal engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.devices.base import Device, Floats
from spicesnn.errors import EngineError


@dataclass(frozen=True, kw_only=True, slots=True)
class ForeignState:
    """One state variable of a foreign sub-circuit.

    Attributes
    ----------
    name : str
    node : str
        Its pin, or its node inside the sub-circuit, in lower case.
    capacitor : str
        The element that stores it, in lower case; ``x1.cx`` for one inside an inner sub-circuit.
    unit : str
    scale : float
        State units a volt.
    low, high, initial : float
        Bounds and fresh state, state units.
    """

    name: str
    node: str
    capacitor: str
    unit: str = "1"
    scale: float = 1.0
    low: float = 0.0
    high: float = 1.0
    initial: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ForeignSubcircuit:
    """What a descriptor says about a sub-circuit, and its checked text.

    Attributes
    ----------
    text : str
        Complete, without inclusions.
    subckt : str
    pins : tuple of str
        All pins in the order of the ``.subckt`` card, lower case.
    p, n : str
        Pins of the word line and the bit line.
    gate : str | None
        Pin of the third terminal.
    ties : tuple of (pin, node)
        Pins that hang on a fixed node, such as a bulk on ``0``.
    states : tuple of ForeignState
    """

    text: str
    subckt: str
    pins: tuple[str, ...]
    p: str
    n: str
    gate: str | None
    ties: tuple[tuple[str, str], ...]
    states: tuple[ForeignState, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Foreign(Device):
    """Base of the classes that `spicesnn.netlist.foreign.load_foreign` makes, one a descriptor.

    The parameters are the descriptor's. There are no Python equations: whatever asks for them is told to use the ngspice engine or
    to characterise the device.
    """

    circuit: ClassVar[ForeignSubcircuit]
    drive: ClassVar[tuple[float, float]] = (1.0, 1e3)
    linear: ClassVar[bool] = False

    def typical_drive(self) -> tuple[float, float]:
        """Return the descriptor's amplitude and frequency."""
        return self.drive

    def _no_equations(self, what: str) -> NoReturn:
        raise EngineError(
            f"{self.name} is a sub-circuit without Python equations, so the nodal engine has no {what} of it. Use the ngspice engine, or run "
            f"`spicesnn characterize` on it and use the tables it writes"
        )

    def current(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Raise `EngineError`."""
        self._no_equations("current")

    def conductance(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Raise `EngineError`."""
        self._no_equations("conductance")

    def rate(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Raise `EngineError`."""
        self._no_equations("state equation")

    def _of_states(self, values: list[float]) -> float | Floats:
        if not values:
            return 0.0
        return values[0] if len(values) == 1 else np.array(values)[:, None, None]

    def bounds(self) -> tuple[float | Floats, float | Floats]:
        """Return the descriptor's bounds."""
        states = self.circuit.states
        return (self._of_states([s.low for s in states]), self._of_states([s.high for s in states])) if states else (0.0, 1.0)

    def initial_state(self) -> float | Floats:
        """Return the descriptor's fresh states."""
        return self._of_states([s.initial for s in self.circuit.states])
