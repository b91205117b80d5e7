"""A user's own sub-circuit as a device: ngspice solves it as a circuit, the nodal engine by its
equations where they are closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.devices.base import Device
from spicesnn.devices.importers.closed import Equations
from spicesnn.devices.importers.evaluate import with_parameters
from spicesnn.devices.importers.expressions import Term
from spicesnn.errors import EngineError, InputError


class Solvable(Protocol):
    """Equations that give a current and rates (`spicesnn.devices.importers.closed.Equations` says
    what)."""

    def solve(
        self, v: Floats, x: Sequence[Floats], parameters: Mapping[str, Any]
    ) -> tuple[Floats, Floats, list[Floats]]:
        """Return current, dI/dV, and the rates of the state nodes in volt a second."""


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


_BEYOND = 1e-9
"""Of a state's range: so far outside its bounds it is asked whether the sub-circuit holds it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Foreign(Device):
    """Base of the classes that `spicesnn.netlist.foreign.load_foreign` makes, one per descriptor.

    The parameters are the descriptor's. Where the sub-circuit's equations are closed
    (`spicesnn.devices.importers.closed`), it has a nodal twin; whatever asks another one for
    equations is told to use the ngspice engine or to characterise the device."""

    circuit: ClassVar[ForeignSubcircuit]
    equations: ClassVar[Equations | Solvable | None] = None
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
        if self.equations is None or len(self.circuit.states) != 1 or self.circuit.gate is not None:
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

    def _solved(self, what: str, v: ArrayLike, x: ArrayLike) -> tuple[Floats, Floats, Floats]:
        """Return current, dI/dV and rates (states, …) at a voltage and a state, by the
        sub-circuit's own equations."""
        if self.equations is None:
            raise EngineError(
                f"{self.name} is a sub-circuit without equations that could be solved outside"
                f" ngspice ({self.why_not}), so no {what} of it is known here. Run `spicesnn"
                " characterize` on it and use the tables it writes; single reads and pulses take"
                " the ngspice engine as well"
            )
        states = self.circuit.states
        volts = np.asarray(v, dtype=float)
        given = np.asarray(x, dtype=float)
        at = [given] if len(states) == 1 else list(given[: len(states)]) if states else []
        parameters = {name.lower(): value for name, value in Device.spice_parameters(self).items()}
        amps, siemens, rates = self.equations.solve(
            volts, [one / s.scale for one, s in zip(at, states, strict=True)], parameters
        )
        if not states and given.ndim:
            amps, siemens = (
                np.broadcast_to(found, np.broadcast_shapes(found.shape, given.shape))
                for found in (amps, siemens)
            )
        moves = [
            np.broadcast_to(rate * s.scale, amps.shape)
            for rate, s in zip(rates, states, strict=True)
        ]
        for found in (amps, siemens, *moves):
            if not np.all(np.isfinite(found)):
                raise EngineError(
                    f"{self.name}: the sub-circuit's equations have no finite {what} at"
                    f" {np.min(volts):.4g}…{np.max(volts):.4g} V"
                )
        return amps, siemens, np.stack(moves) if moves else np.zeros((1, *amps.shape))

    def current(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return the current in ampere; `EngineError` for a sub-circuit without equations."""
        return self._solved("current", v, x)[0]

    def conductance(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return dI/dV in siemens; `EngineError` for a sub-circuit without equations."""
        return self._solved("conductance", v, x)[1]

    def current_and_conductance(
        self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None
    ) -> tuple[Floats, Floats]:
        """Return both; `EngineError` for a sub-circuit without equations."""
        amps, siemens, _ = self._solved("current", v, x)
        return amps, siemens

    def rate(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return dx/dt; `EngineError` for a sub-circuit without equations, or where a state goes on
        beyond the descriptor's bounds."""
        rates = self._solved("rate", v, x)[2]
        self._check_bounds(np.asarray(v, dtype=float), np.asarray(x, dtype=float), rates)
        return rates[0] if len(self.circuit.states) <= 1 else rates

    def rate_slope(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return ∂(dx/dt)/∂x in 1/s by differences that stay on one side of a bound: a sub-circuit
        may stop its state there by a comparison."""
        if len(self.circuit.states) != 1:
            return super().rate_slope(v, x, gate)
        state = self.circuit.states[0]
        step, at = 1e-6 * (state.high - state.low), np.asarray(x, dtype=float)
        up = np.where((at > state.high - step) & (at < state.high), at, at + step)
        down = np.where(at >= state.high, at, at - step)
        up, down = (
            np.where(at <= state.low, at, up),
            np.where((at < state.low + step) & (at > state.low), at, down),
        )
        rise = self._solved("rate", v, up)[2][0] - self._solved("rate", v, down)[2][0]
        slope: Floats = rise / (up - down)
        return slope

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
        if self.equations is None or not self.circuit.states:
            return
        low, high = (np.asarray(b, dtype=float).reshape(-1, *(1,) * v.ndim) for b in self.bounds())
        beyond = np.any((x < low) | (x > high), axis=0)
        if np.any(beyond):
            flat = (len(low), 1)
            at = np.clip(x[:, beyond], low.reshape(flat), high.reshape(flat))
            self.rate(v[beyond], at if len(at) > 1 else at[0])

    def _check_bounds(self, v: Floats, x: Floats, rates: Floats) -> None:
        """Refuse a state that stands at a bound of the descriptor which the sub-circuit itself does
        not know."""
        states = self.circuit.states
        for k, state in enumerate(states):
            at = np.broadcast_to(x if len(states) == 1 else x[k], rates[k].shape)
            near = 1e-12 * (state.high - state.low)
            outward = ((at >= state.high - near) & (rates[k] > 0)) | (
                (at <= state.low + near) & (rates[k] < 0)
            )
            if not np.any(outward):
                continue

            def rate_at(value: Floats, k: int = k, at: Floats = at) -> Floats:
                given = (
                    value
                    if len(states) == 1
                    else np.stack(
                        [
                            value if j == k else np.broadcast_to(x[j], at.shape)
                            for j in range(len(states))
                        ]
                    )
                )
                found: Floats = self._solved("rate", v, given)[2][k]
                return found

            there = np.abs(rate_at(np.full(at.shape, 0.5 * (state.low + state.high))))
            outward &= np.abs(rates[k]) > 0.01 * there
            # A sub-circuit that holds its state at the bound by a comparison does so beyond it at
            # the latest.
            if np.any(outward):
                upward = rates[k] > 0
                past = rate_at(
                    np.where(upward, state.high, state.low)
                    + np.where(upward, _BEYOND, -_BEYOND) * (state.high - state.low)
                )
                outward &= ((past > 0) == upward) & (np.abs(past) > 0.01 * there)
            if np.any(outward):
                raise EngineError(
                    f"{self.name}: the state {state.name} goes on beyond [{state.low:g},"
                    f" {state.high:g}] {state.unit}, the descriptor's low and high, since nothing"
                    " in the sub-circuit holds it there. Give the bounds that it has, or put a"
                    " window into the sub-circuit"
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
