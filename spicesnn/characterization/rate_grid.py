"""Rates of a cell on a grid of states and voltages that is made finer where the cell asks for
it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.characterization.adaptive_grid import Sampled, Subject, sampled
from spicesnn.characterization.cell_bench import CellBench
from spicesnn.devices.cell_tables import HARDLY, squeeze
from spicesnn.devices.monotone import monotone_cubic

_EDGES = np.array([0.0, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2])
"""Extra states near both bounds, as shares of the range: rates fall to zero there."""
_PASSED = 10.0
"""A rate at which the state goes this many times its way in one pulse counts less, in inverse
proportion: it hardly costs time."""
_PROBES = 257
"""States whose conductance is read before anything else."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Ruler:
    """Distances between states as the conductance sees them: half by the state, half by ln G.

    A device whose resistance is straight in its state changes its conductance by half within the
    first percent of the range; steps that are even in the state would pass over that.

    Attributes
    ----------
    states : (n,)
        Increasing, from bound to bound.
    log_siemens : (n,)
        ln of the conductance there.
    """

    states: Floats
    log_siemens: Floats

    @classmethod
    def of(cls, bench: CellBench) -> Ruler:
        """Read the conductance over the whole range, closer together near both bounds."""
        low, high = bench.bounds
        shares = np.linspace(0.0, 1.0, _PROBES)
        near = np.geomspace(1e-5, 0.5, 40)
        states = low + (high - low) * np.unique(np.concatenate([shares, near, 1.0 - near]))
        states[-1] = high
        siemens = bench.conductances(states)
        for end, inner in ((0, 1), (-1, -2)):
            if abs(siemens[end]) <= 1e-12 * np.max(
                np.abs(siemens)
            ):  # a device that is open at a bound: ln G ends a step before it
                siemens[end] = siemens[inner] / np.e
        with np.errstate(invalid="ignore", divide="ignore"):
            return cls(states=states, log_siemens=np.log(siemens))

    @property
    def places(self) -> Floats:
        """Place of each state on the ruler, 0 to 1."""
        low, high, logs = (
            self.states[0],
            self.states[-1],
            np.abs(self.log_siemens - self.log_siemens[0]),
        )
        places: Floats = 0.5 * (self.states - low) / (high - low) + 0.5 * logs / logs[-1]
        return places

    def even(self, count: int) -> Floats:
        """Return `count` states at even distances, and some more near the bounds."""
        low, high = self.states[0], self.states[-1]
        shares = np.interp(
            np.linspace(0.0, 1.0, max(count, 3)), self.places, (self.states - low) / (high - low)
        )
        found: Floats = np.clip(
            low
            + (high - low) * np.unique(np.round(np.concatenate([shares, _EDGES, 1.0 - _EDGES]), 9)),
            low,
            high,
        )
        return found

    def grain(self, states: Floats) -> Floats:
        """Return dx/d(place) at states, state units."""
        slope = np.gradient(self.places, self.states)
        return np.asarray(1.0 / np.interp(states, self.states, slope))

    def siemens_slope(self, states: Floats) -> Floats:
        """Return the magnitude of dG/dx at states, siemens a state unit."""
        slope: Floats = np.interp(
            states, self.states, np.gradient(np.exp(self.log_siemens), self.states)
        )
        return np.abs(slope)


def measured_rates(
    bench: CellBench,
    ruler: Ruler,
    states: Floats,
    volts: Floats,
    width_s: float,
    *,
    tolerance: float,
    most: int,
) -> Sampled:
    """Measure dx/dt on a grid of states and voltages that is cut finer until it foresees what is
    measured between its lines.

    Parameters
    ----------
    bench : CellBench
    ruler : Ruler
    states, volts : (m,), (n,)
        The grid to begin with.
    width_s : float
        The pulse that the grid is for: a difference counts as far as it shows in a ΔG by such a
        pulse.
    tolerance : float
        Relative difference between foreseen and measured that is taken for good.
    most : int
        Rates to measure at most.
    """
    least = HARDLY * (states[-1] - states[0]) / width_s
    range_of_g = np.exp(ruler.log_siemens.max()) - np.exp(ruler.log_siemens.min())

    def measure(x: Floats, v: Floats, guess: Floats | None) -> Floats:
        return bench.rates(x, v, width_s, ruler.grain(x), guess)

    def foresee(grid: Sampled, x: Floats, v: Floats) -> Floats:
        rows = monotone_cubic(grid.x, squeeze(grid.values, least))(x[:, 0])
        return np.asarray(least * np.sinh(monotone_cubic(grid.y, rows, axis=1)(v[0])))

    def surprise(x: Floats, foreseen: Floats, found: Floats) -> Floats:
        """Count against what the rate does in one pulse, or against a hundredth of the range of G;
        less where the state is soon past."""
        floor = 0.01 * range_of_g / (np.maximum(ruler.siemens_slope(x), 1e-300) * width_s)
        way = np.minimum(ruler.grain(x), np.where(found > 0, states[-1] - x, x - states[0]))
        with np.errstate(divide="ignore", invalid="ignore"):
            slow = np.where(
                found == 0, 1.0, np.minimum(_PASSED * way / (np.abs(found) * width_s), 1.0)
            )
        return np.asarray(slow * np.abs(foreseen - found) / np.maximum(np.abs(found), floor))

    subject = Subject(measure=measure, foresee=foresee, surprise=surprise)
    return sampled(subject, states, volts, tolerance=tolerance, most=most)
