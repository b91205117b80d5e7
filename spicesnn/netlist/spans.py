"""Between which values the states of a sub-circuit move, and what moves them, by its equations.

A text seldom says it in words. Its equations do where a rate outward is gone at some value whatever
the voltage: at what a state is compared with, at a parameter, at 0 or 1, or a thousandth beyond
where a smooth step lies there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
_UNSOLVED = 3
"""So often are inner nodes looked for in vain; nothing is looked at after that."""
_OFFSETS = 10.0 ** np.arange(-15.0, 9.0, 0.125)
_HALVINGS = 60
_GONE, _ALIKE = 1e-9, 1e-6
"""Of the rate at the start: what is none. Of a value: where rates at several voltages end together."""
_FURTHER, _STEEP = 1.01, 1e-3
"""A hundredth further on, a step that ends there has fallen to this part at least."""
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
    unsolved: list[int] = field(default_factory=list)
    """States whose rates were not found, one entry each time: that takes long."""

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
            self.unsolved.append(k)
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
        ends = (
            self.end(k, -1.0) if low is None else listed[low],
            self.end(k, 1.0) if high is None else listed[high],
        )
        return ends[0] or (None if ends[0] is None else 0.0), ends[1]

    def end(self, k: int, side: float) -> float | None:
        """Return the value on one side of where state `k` starts (−1: below) at which its rates
        outward end at all voltages together, as at the end of a window; None where they do not."""
        start = self.starts[k]
        volts = np.concatenate([np.array(_VOLTS), -np.array(_VOLTS)])
        first = self.rates(k, volts, np.full(volts.shape, start))
        if first is None or np.count_nonzero(side * first > 0) < 2:
            return None  # of one voltage alone nobody knows that others end there, too
        volts, usual = volts[side * first > 0], side * first[side * first > 0]
        x = start + side * _OFFSETS * (abs(start) or 1.0)
        ends = []
        for volt, fast in zip(volts, usual, strict=True):
            found = self.rates(k, np.full(x.shape, volt), x)
            if found is None:
                return None
            # Where the rate turns round, or else where a smooth step has come to its end.
            least = 0.0 if np.any(side * found <= 0.0) else _GONE * fast
            if not np.any(side * found <= least):
                return None
            at = int(np.argmax(side * found <= least))
            inside, beyond = (start if at == 0 else x[at - 1]), x[at]
            for _ in range(_HALVINGS):
                middle = 0.5 * (inside + beyond)
                there = self.rates(k, np.array([volt]), np.array([middle]))
                if there is None:
                    return None
                inside, beyond = (middle, beyond) if side * there[0] > least else (inside, middle)
            further = self.rates(
                k, np.array([volt]), np.array([start + _FURTHER * (beyond - start)])
            )
            if further is None or side * further[0] > _STEEP * least:
                return None
            ends.append(beyond)
        together = float(f"{np.median(ends):.9g}")
        together = 0.0 if abs(together) < _GONE * abs(start) else together
        apart = np.abs(np.array(ends) - together) > _ALIKE * max(abs(together), _OFFSETS[0])
        if np.any(apart) or not self.held(k, together, side):
            return None
        return together

    def held(self, k: int, end: float, side: float) -> bool:
        """Return whether no voltage moves state `k` on from an end, nor away from its start in
        between."""
        x = np.linspace(self.starts[k], end, 9)
        for volt in (*_VOLTS, *(-v for v in _VOLTS)):
            found = self.rates(k, np.full(x.shape, volt), x)
            if found is None or side * found[-1] > 1e-6 * np.max(np.abs(found)):
                return False
        return True

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
