"""A user's own sub-circuit as a device: ngspice solves it as it is, and `spicesnn characterize` makes the tables for the nodal engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.devices.base import Device, Floats
from spicesnn.devices.importers.evaluate import with_parameters
from spicesnn.devices.importers.expressions import Term
from spicesnn.errors import EngineError, InputError


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
    low, high : float
        Bounds, state units.
    initial : float
        Fresh state, state units, where `start` says nothing.
    start : Term | None
        Voltage of a fresh state as the text gives it (``ic=``), of the parameters that can be set.
    """

    name: str
    node: str
    capacitor: str
    unit: str = "1"
    scale: float = 1.0
    low: float = 0.0
    high: float = 1.0
    initial: float = 0.0
    start: Term | None = None


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
    parameters : tuple of (name, name in the text)
        What the X line passes.
    """

    text: str
    subckt: str
    pins: tuple[str, ...]
    p: str
    n: str
    gate: str | None
    ties: tuple[tuple[str, str], ...]
    states: tuple[ForeignState, ...]
    parameters: tuple[tuple[str, str], ...] = ()


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

    def spice_parameters(self) -> dict[str, float | Floats]:
        """Return the parameters by the names they have in the text."""
        written = dict(self.circuit.parameters)
        return {written.get(name, name): value for name, value in Device.spice_parameters(self).items()}

    def _check(self) -> None:
        for state in self.circuit.states:
            if state.start is None:
                continue
            value = self._start(state)
            slack = 1e-9 * (state.high - state.low)
            if not np.all(np.isfinite(value)) or np.any(value < state.low - slack) or np.any(value > state.high + slack):
                raise InputError(
                    f"{self.name}: the state {state.name} would start at {np.min(value):.6g}…{np.max(value):.6g} {state.unit}, as ic= in the "
                    f"text says at these parameters; expected it in [{state.low:g}, {state.high:g}], the descriptor's low and high"
                )

    def _start(self, state: ForeignState) -> Floats:
        """Return a fresh state, state units: one, or one a cell."""
        if state.start is None:
            return np.asarray(state.initial)
        values = Device.spice_parameters(self)
        return np.asarray(with_parameters(state.start, {name.lower(): value for name, value in values.items()}, {}), dtype=float) * state.scale

    def _of_states(self, values: Sequence[float | Floats]) -> float | Floats:
        if not values:
            return 0.0
        made = [np.asarray(value, dtype=float) for value in values]
        if len(made) == 1:
            return float(made[0]) if made[0].ndim == 0 else made[0]
        return np.stack(np.broadcast_arrays(*(value if value.ndim == 2 else value[None, None] for value in made)))

    def bounds(self) -> tuple[float | Floats, float | Floats]:
        """Return the descriptor's bounds."""
        states = self.circuit.states
        return (self._of_states([s.low for s in states]), self._of_states([s.high for s in states])) if states else (0.0, 1.0)

    def initial_state(self) -> float | Floats:
        """Return the fresh states: those that the text computes from the parameters, else the descriptor's."""
        return self._of_states([np.clip(self._start(s), s.low, s.high) for s in self.circuit.states])
