"""Between which values the states of a sub-circuit move, and what moves them, by its equations.

A text seldom says it in words. Its equations do where a rate outward is gone at some value whatever
the voltage: at what a state is compared with, at a parameter, at 0 or 1, or a thousandth beyond
where a smooth step lies there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spicesnn.devices.foreign import ForeignState
from spicesnn.devices.importers.closed import NotClosedError, closed
from spicesnn.devices.importers.evaluate import with_parameters
from spicesnn.devices.importers.ranges import Rates, candidates, drive, held_between
from spicesnn.devices.importers.states import Store
from spicesnn.devices.importers.stored import Stored
from spicesnn.devices.importers.translate import Part
from spicesnn.errors import ConvergenceError, UnsupportedNetlistError

Span = tuple[float, float]
_BEYOND = 1e-3
"""Of a value: how far beyond it a smooth step has come to its end."""
_VOLTS = (1.0, 1.5, 2.0, 3.0, 5.0)
_SLOWEST = 1e-3
"""Parts of its range a second: a state that moves no faster at some voltage is looked at at a higher
one."""


@dataclass(frozen=True, eq=False)
class Motion:
    """The equations of a sub-circuit's states.

    Attributes
    ----------
    stored : Stored
        Volt for the states' unit.
    parameters : Mapping
        Those that can be set → their values.
    starts : tuple of float
    """

    stored: Stored
    parameters: Mapping[str, float]
    starts: tuple[float, ...]

    @classmethod
    def of(
        cls,
        part: Part,
        pins: tuple[str, str],
        states: Sequence[Store],
        parameters: Mapping[str, float],
    ) -> Motion | None:
        """Return the equations; None where they are not closed."""
        named = [
            ForeignState(name=f"s{k}", node=s.node, capacitor=s.path, start=s.start)
            for k, s in enumerate(states)
        ]
        try:
            stored = closed(part, *pins, named)
        except (NotClosedError, UnsupportedNetlistError):
            return None
        starts = tuple(
            0.0 if s.start is None else float(with_parameters(s.start, parameters, {}))
            for s in states
        )
        return cls(stored, dict(parameters), starts)

    def rates(self, k: int, volts: np.ndarray, x: np.ndarray) -> np.ndarray | None:
        """Return how fast state `k` moves, the others being where they start; None where the
        equations have no value."""
        states = [x if j == k else np.full(x.shape, start) for j, start in enumerate(self.starts)]
        try:
            found = np.asarray(self.stored.everything(volts, states, self.parameters)[2][k])
        except ConvergenceError:
            return None
        return found if np.all(np.isfinite(found)) else None

    def span(self, k: int) -> tuple[float | None, float | None]:
        """Return the values at which the rate of state `k` outward is gone, the nearest to where it
        starts; None where there is none."""
        graph, start = self.stored.graph, self.starts[k]
        places = [self.stored.current, *self.stored.rates, *self.stored.residuals]
        values = {
            value
            for value, _ in candidates(graph, places, graph.symbol(f"x:s{k}"), self.parameters)
        }
        values |= {value + side * _BEYOND * abs(value) for value in values for side in (-1.0, 1.0)}
        listed = sorted(values)

        def rates(volts: np.ndarray, x: np.ndarray) -> np.ndarray | None:
            return self.rates(k, volts, x)

        asked: Rates = rates
        low, high = held_between([(v, at) for at, v in enumerate(listed)], start, asked)
        return None if low is None else listed[low], None if high is None else listed[high]

    def drive(self, k: int, span: Span) -> tuple[float, float] | None:
        """Return amplitude and frequency of a sine that moves state `k` over some of its range;
        None where none of some volts does within reason."""
        low, high = span
        at = low + (high - low) * np.array([0.1, 0.5, 0.9])
        found = []
        for volts in _VOLTS:
            up, down = (self.rates(k, np.full(3, sign * volts), at) for sign in (1.0, -1.0))
            if up is None or down is None:
                continue
            both = np.concatenate([up, down]) / (high - low)
            if max(np.max(both), 0.0) >= _SLOWEST and max(np.max(-both), 0.0) >= _SLOWEST:
                found.append((volts, both * (high - low)))
        return drive(found, high - low) if found else None
