"""A user's own sub-circuit as a device: ngspice solves it as a circuit, the nodal engine by its
equations where they are closed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.devices.base import Device
from spicesnn.devices.compiled import over_arrays
from spicesnn.devices.equations import CellCode
from spicesnn.devices.importers.evaluate import with_parameters
from spicesnn.devices.importers.expressions import Term
from spicesnn.devices.importers.stored import BEYOND, Stored
from spicesnn.errors import ConvergenceError, EngineError, InputError


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
    init : tuple of str
        What ngspice has to be told before its deck, as `spicesnn.netlist.init` checked it.
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
    init: tuple[str, ...] = ()


_MANY = 256
"""Points from which on equations are asked as compiled code, which takes seconds to make the first
time on a machine."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Foreign(Device):
    """Base of the classes that `spicesnn.netlist.foreign.load_foreign` makes, one per descriptor.

    The parameters are the descriptor's. Where the sub-circuit's equations are closed
    (`spicesnn.devices.importers.closed`), it has a nodal twin; whatever asks another one for
    equations is told to use the ngspice engine or to characterise the device."""

    circuit: ClassVar[ForeignSubcircuit]
    stored: ClassVar[Stored | None] = None
    """Its equations."""
    why_not: ClassVar[str] = ""
    """Why there are none."""
    drive: ClassVar[tuple[float, float]] = (1.0, 1e3)
    linear: ClassVar[bool] = False

    def typical_drive(self) -> tuple[float, float]:
        """Return the descriptor's amplitude and frequency."""
        return self.drive

    @property
    def set_polarity(self) -> int:  # type: ignore[override]
        """+1 where positive voltages raise the conductance, −1 where they lower it, by the equations
        at the descriptor's amplitude; 0 where they do not say: none of them, several states, or a
        state that moves one way at both signs."""
        if self.stored is None or len(self.circuit.states) != 1 or self.circuit.gate is not None:
            return 0
        state, volts = self.circuit.states[0], abs(self.drive[0])
        at = state.low + (state.high - state.low) * np.linspace(0.05, 0.95, 7)
        siemens = self._solved("current", np.full(at.size, 0.1 * volts), at)[0] / (0.1 * volts)
        raises = np.sign(np.diff(siemens))
        up, down = (
            np.sign(self._solved("rate", np.full(at.size, v), at)[2][0]) for v in (volts, -volts)
        )
        signs = {*np.unique(up[up != 0]), *np.unique(-down[down != 0])}
        both = np.any(up) and np.any(down) and len(signs) == 1 and np.unique(raises).size == 1
        return int(signs.pop() * raises[0]) if both else 0

    def _equations(self, what: str) -> Stored:
        """Return the sub-circuit's own equations, of which somebody wants to know something."""
        if self.stored is None:
            raise EngineError(
                f"{self.name} is a sub-circuit without equations that could be solved outside"
                f" ngspice ({self.why_not}), so no {what} of it is known here. Run `spicesnn"
                " characterize` on it and use the tables it writes; single reads and pulses take"
                " the ngspice engine as well"
            )
        return self.stored

    def _values(self) -> dict[str, Any]:
        """Return the parameters by the names that the equations have for them."""
        return {name.lower(): value for name, value in Device.spice_parameters(self).items()}

    def _ends(self) -> tuple[list[Floats], list[Floats]]:
        """Return the lowest and the highest value of each state."""
        states = self.circuit.states
        return [np.asarray(s.low) for s in states], [np.asarray(s.high) for s in states]

    def _states_of(self, x: ArrayLike) -> list[Floats]:
        given, n = np.asarray(x, dtype=float), len(self.circuit.states)
        return [given] if n == 1 else list(given[:n]) if n else []

    def compiled(self) -> CellCode | None:
        """Return the equations as functions for compiled loops."""
        if self.stored is None:
            return None
        from spicesnn.devices.importers.native import cell_code

        return cell_code(self.stored, self._values(), *self._ends())

    def _compiled_at(self, what: str, v: ArrayLike, x: ArrayLike) -> list[Floats] | None:
        """Return what compiled code says of many points, a row per state where it is rates; None for
        few points, for which nothing is compiled, or where there is no answer."""
        states, several = self._states_of(x), len(self.circuit.states) > 1
        shape = np.broadcast_shapes(np.shape(v), *(one.shape for one in states))
        code = self.compiled() if math.prod(shape) >= _MANY else None
        if code is None:
            return None
        parameters = (*code.parameters, *states) if several else code.parameters
        asked = range(code.states) if several and what == "rate" else (0,)
        try:
            found = [
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
        return found if all(np.all(np.isfinite(one)) for one in found) else None

    def _solved(self, what: str, v: ArrayLike, x: ArrayLike) -> tuple[Floats, Floats, Floats]:
        """Return current, dI/dV and rates (states, …) at a voltage and a state, by the
        sub-circuit's own equations."""
        volts = np.asarray(v, dtype=float)
        amps, siemens, rates, _, _ = self._equations(what).everything(
            volts, self._states_of(x), self._values()
        )
        if not rates:
            shape = np.broadcast_shapes(amps.shape, np.shape(x))
            amps, siemens = np.broadcast_to(amps, shape), np.broadcast_to(siemens, shape)
        for found in (amps, siemens, *rates):
            if not np.all(np.isfinite(found)):
                raise EngineError(
                    f"{self.name}: the equations have no finite {what} at"
                    f" {np.min(volts):.4g}…{np.max(volts):.4g} V"
                )
        return amps, siemens, np.stack(rates) if rates else np.zeros((1, *amps.shape))

    def current(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return the current in ampere; `EngineError` for a sub-circuit without equations."""
        found = self._compiled_at("current", v, x)
        return self._solved("current", v, x)[0] if found is None else found[0]

    def conductance(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return dI/dV in siemens; `EngineError` for a sub-circuit without equations."""
        found = self._compiled_at("conductance", v, x)
        return self._solved("conductance", v, x)[1] if found is None else found[0]

    def current_and_conductance(
        self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None
    ) -> tuple[Floats, Floats]:
        """Return both; `EngineError` for a sub-circuit without equations."""
        amps, siemens = self._compiled_at("current", v, x), self._compiled_at("conductance", v, x)
        if amps is None or siemens is None:
            return self._solved("current", v, x)[:2]
        return amps[0], siemens[0]

    def rate(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return dx/dt; `EngineError` for a sub-circuit without equations, or where a state goes on
        beyond its bounds."""
        found = self._compiled_at("rate", v, x)
        if found is None:
            rates = self._solved("rate", v, x)[2]
            self._check_bounds(np.asarray(v, dtype=float), self._states_of(x), rates)
            found = list(rates)
        return found[0] if len(found) == 1 else np.stack(found)

    def rate_slope(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return ∂(dx/dt)/∂x of each state in 1/s, by the equations' own derivatives."""
        if not self.circuit.states:
            return np.zeros(np.broadcast_shapes(np.shape(v), np.shape(x)))
        slopes = self._equations("rate").everything(
            np.asarray(v, dtype=float), self._states_of(x), self._values()
        )[3]
        own = [np.asarray(row[1 + k]) for k, row in enumerate(slopes[1:])]
        own = [np.where(np.isfinite(one), one, 0.0) for one in own]
        return own[0] if len(own) == 1 else np.stack(own)

    def check_held(self, v: Floats, x: Floats) -> None:
        """Check that what moved states beyond the descriptor's bounds was no more than an
        integration's own error.

        Parameters
        ----------
        v : (n, …)
            Volts of cells at n times, as ngspice solved them.
        x : (states, n, …)
            Their states.

        Raises
        ------
        EngineError
            Nothing in the sub-circuit holds a state at its bound; without equations this is not
            known, and nothing is said.
        """
        if self.stored is None or not self.circuit.states:
            return
        low, high = (np.asarray(b, dtype=float).reshape(-1, *(1,) * v.ndim) for b in self.bounds())
        beyond = np.any((x < low) | (x > high), axis=0)
        if np.any(beyond):
            flat = (len(low), 1)
            at = np.clip(x[:, beyond], low.reshape(flat), high.reshape(flat))
            self.rate(v[beyond], at if len(at) > 1 else at[0])

    def _check_bounds(self, v: Floats, states: list[Floats], rates: Floats) -> None:
        """Refuse a state that stands at a bound which the equations themselves do not know."""
        low, high = self._ends()
        for k in range(len(states)):
            a, b, at = low[k], high[k], np.broadcast_to(states[k], rates[k].shape)
            near, upward = 1e-12 * (b - a), rates[k] > 0
            outward = ((at >= b - near) & upward) | ((at <= a + near) & (rates[k] < 0))
            if not np.any(outward):
                continue

            def rate_at(
                value: Floats, k: int = k, shape: tuple[int, ...] = rates[k].shape
            ) -> Floats:
                given = [
                    np.broadcast_to(value if j == k else one, shape) for j, one in enumerate(states)
                ]
                return self._equations("rate").everything(v, given, self._values())[2][k]

            least = 0.01 * np.abs(rate_at(0.5 * (a + b)))
            outward &= np.abs(rates[k]) > least
            # What holds its state at the bound by a comparison does so beyond it at the latest.
            if np.any(outward):
                past = rate_at(np.where(upward, b, a) + np.where(upward, BEYOND, -BEYOND) * (b - a))
                outward &= ~((past * np.sign(rates[k]) <= 0) | (np.abs(past) <= least))
            if np.any(outward):
                raise EngineError(self._goes_on(k, float(np.min(a)), float(np.max(b))))

    def _goes_on(self, k: int, low: float, high: float) -> str:
        """Return the message about a state that nothing holds at its bounds."""
        state = self.circuit.states[k]
        return (
            f"{self.name}: the state {state.name} goes on beyond [{low:g}, {high:g}]"
            f" {state.unit}, the descriptor's low and high, since nothing in the sub-circuit holds"
            " it there. Give the bounds that it has, or put a window into the sub-circuit"
        )

    def spice_parameters(self) -> dict[str, float | Floats]:
        """Return the parameters by the names they have in the text."""
        written = dict(self.circuit.parameters)
        return {
            written.get(name, name): value for name, value in Device.spice_parameters(self).items()
        }

    def _check(self) -> None:
        for state in self.circuit.states:
            if state.start is None:
                continue
            value = self._start(state)
            slack = 1e-9 * (state.high - state.low)
            if (
                not np.all(np.isfinite(value))
                or np.any(value < state.low - slack)
                or np.any(value > state.high + slack)
            ):
                raise InputError(
                    f"{self.name}: the state {state.name} would start at"
                    f" {np.min(value):.6g}…{np.max(value):.6g} {state.unit}, as ic= in the text"
                    f" says at these parameters; expected it in [{state.low:g}, {state.high:g}],"
                    " the descriptor's low and high"
                )

    def _start(self, state: ForeignState) -> Floats:
        """Return a fresh state, state units: one, or one per cell."""
        if state.start is None:
            return np.asarray(state.initial)
        values = Device.spice_parameters(self)
        return (
            np.asarray(
                with_parameters(
                    state.start, {name.lower(): value for name, value in values.items()}, {}
                ),
                dtype=float,
            )
            * state.scale
        )

    def _of_states(self, values: Sequence[float | Floats]) -> float | Floats:
        if not values:
            return 0.0
        made = [np.asarray(value, dtype=float) for value in values]
        if len(made) == 1:
            return float(made[0]) if made[0].ndim == 0 else made[0]
        return np.stack(
            np.broadcast_arrays(
                *(value if value.ndim == 2 else value[None, None] for value in made)
            )
        )

    def bounds(self) -> tuple[float | Floats, float | Floats]:
        """Return the descriptor's bounds."""
        states = self.circuit.states
        return (
            (self._of_states([s.low for s in states]), self._of_states([s.high for s in states]))
            if states
            else (0.0, 1.0)
        )

    def initial_state(self) -> float | Floats:
        """Return the fresh states: those that the text computes from the parameters, else the
        descriptor's."""
        return self._of_states(
            [np.clip(self._start(s), s.low, s.high) for s in self.circuit.states]
        )
