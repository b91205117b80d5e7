"""One interval between two array solves: where the array is solved, what drives the cells between,
and what they make of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.engines.nodal.cells import Index

NODES = np.linspace(0.0, 1.0, 5)
"""Where within an interval the array is solved."""
POWERS = np.linalg.inv(np.vander(NODES, 5, increasing=True))
"""From the values at the nodes to the coefficients of the quartic through them."""
INTEGRAL = np.array(
    [
        [sum(POWERS[p, j] * s ** (p + 1) / (p + 1) for p in range(5)) for j in range(5)]
        for s in NODES
    ]
)
"""From the values at the nodes to the quartic's integral from 0 up to each node; its last row is
Boole's rule."""
BEND = float(INTEGRAL[4, 1])
"""Weight in Boole's rule of the nodes that the quartic has and the parabola has not."""

HASTY = 0.2
"""A cell is hasty where its rate at the end of a quarter of an interval is below this share of its
mean rate in that quarter: it has gone its way and stopped, and the end of the quarter does not tell
what drove it."""
HASTY_SHIFT = 0.5
"""A relative change of the rate on the way, at any of `WAYSIDE`, up to which a cell that has
stopped would have stopped there anyway, only sooner or later."""
WAYSIDE = (0.0, 0.5, 0.99)
SAME = 1e-6
"""Source voltages that differ by less than this, relatively, are the same to a hasty cell."""
JUMP = 8.0 / 3.0
"""A jump between two nodes parts quartic and parabola by at least 1/`JUMP` of its height at one of
the nodes between."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Drive:
    """What drives each cell over one interval, s = 0…1.

    Attributes
    ----------
    source : (5, m)
        Source voltage u of each cell at the `NODES`; a quartic between.
    ohms : (m,) or None
        Source resistance: the cell sees v with ``v + ohms·i(v, x) = u``; None for 0 everywhere (v =
        u).
    gate : (2, m) or None
        Third terminal's voltage at s = 0 and 1; a straight line between.
    line : (2, m)
        Driver minus sense voltage at s = 0 and 1, which weighs the cell's current in the drivers'
        power.
    seconds : float
        Length of the interval.
    """

    source: Floats
    ohms: Floats | None
    gate: Floats | None
    line: Floats
    seconds: float
    _powers: list[Floats] = field(init=False, default_factory=list)

    def take(self, index: Index) -> Drive:
        """Return the drive of some of the cells."""
        return Drive(
            source=self.source.take(index, axis=1),
            ohms=None if self.ohms is None else self.ohms[index],
            gate=None if self.gate is None else self.gate.take(index, axis=1),
            line=self.line.take(index, axis=1),
            seconds=self.seconds,
        )

    def at(self, s: Floats) -> tuple[Floats, Floats | None, Floats]:
        """Return u, gate and line volts at s (m,)."""
        gate = None if self.gate is None else self.gate[0] + s * (self.gate[1] - self.gate[0])
        if not self._powers:  # on first use: compiled cells work them out for themselves
            self._powers.extend(mixed(row, self.source) for row in POWERS)
        u = self._powers[4]
        for k in range(3, -1, -1):
            u = self._powers[k] + s * u
        return u, gate, self.line[0] + s * (self.line[1] - self.line[0])


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Advanced:
    """States along the interval, and what was integrated with them.

    Attributes
    ----------
    nodes : (4, n, m)
        States at the `NODES` after 0.
    charge : (m,) coulomb
        ∫ i dt of each cell.
    energy : (m,) joule
        ∫ (V_row - V_column)·i dt of each cell.
    step : (m,)
        Step to start the next interval with, seconds.
    taken : int
        Steps of all cells together.
    rounds : int
        Steps of the slowest cell, rejected ones included.
    """

    nodes: Floats
    charge: Floats
    energy: Floats
    step: Floats
    taken: int
    rounds: int


def parabola(begin: Floats, middle: Floats, end: Floats) -> Floats:
    """Return the values at the `NODES` (5, m) of the parabola through three of them."""
    return np.stack(
        [begin, (3 * begin + 6 * middle - end) / 8, middle, (3 * end + 6 * middle - begin) / 8, end]
    )


def early_source(source: Floats, k: int) -> Floats:
    """Return the source voltages at node k (m,) if what may have been a jump in the quarter after
    it had been one at its beginning."""
    flat = parabola(source[0], source[2], source[4])
    jump = JUMP * np.maximum(np.abs(flat[1] - source[1]), np.abs(flat[3] - source[3]))
    return np.asarray(source[k] + np.clip(source[k + 1] - source[k], -jump, jump))


def hermite(x0: Floats, x1: Floats, d0: Floats, d1: Floats, share: Floats) -> Floats:
    """Return the cubic through the values x and slopes d at both ends."""
    return np.asarray(
        (1 - share) * x0
        + share * x1
        + share * (share - 1) * ((1 - 2 * share) * (x1 - x0) + (share - 1) * d0 + share * d1)
    )


def mixed(weights: Floats, parts: Floats) -> Floats:
    """Return Σ weights_i·parts_i; a plain loop, since a BLAS product of this shape would wake up
    its threads."""
    total = weights[0] * parts[0]
    for weight, part in zip(weights[1:], parts[1:], strict=True):
        total = total + weight * part
    return np.asarray(total)
