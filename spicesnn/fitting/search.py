"""Where a fit begins when nothing is known: sets of parameters drawn over decades, scaled to the
measurement, improved by generations.

A model is a formula in volts, amperes and seconds, so that most of its parameters say by their
units how they change when the same device works at other voltages, other currents or in another
time. Candidates are the model's own parameters, carried to the voltages and currents of the
measurement and to any of many time scales, each parameter scattered besides; currents are scaled to
the data once a curve is known. The best are bred (differential evolution; Storn and Price, J.
Global Optim. 11, 341, 1997) and then followed to their minima. Both polarities take part."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.devices.base import Device
from spicesnn.devices.measurements import Sweep
from spicesnn.errors import InputError
from spicesnn.fitting.problem import Problem

_DECADES = 4.0
"""How far a time scale may be from that of the measurement, in decades to either side."""
_SCATTER = 0.7
"""Standard deviation of the logarithm of every parameter besides."""
_CAP = 3.0
"""What a point counts at most: a point that is further off than this factor's logarithm says no
more."""
_UNITS = {
    "V": (1, 0, 0),
    "A": (0, 1, 0),
    "s": (0, 0, 1),
    "Ω": (1, -1, 0),
    "S": (-1, 1, 0),
    "F": (-1, 1, 1),
    "K": (0, 0, 0),
    "m": (0, 0, 0),
    "m²": (0, 0, 0),
    "m³": (0, 0, 0),
    "V²": (2, 0, 0),
    "J": (0, 0, 0),
    "W": (0, 0, 0),
    "eV": (0, 0, 0),
    "1": (0, 0, 0),
    "°C": (0, 0, 0),
    "K²": (0, 0, 0),
}
"""Powers of volt, ampere and second in units; energies and temperatures belong to matter, not to a
measurement's scale."""


@cache
def powers(unit: str) -> tuple[int, int, int]:
    """Return the powers of volt, ampere and second in a unit such as ``m²/(V·s)`` or ``1/V``.

    Examples
    --------
    >>> powers("Ω/(V·s)"), powers("m/s")
    ((0, -1, -1), (0, 0, -1))
    """
    above, _, below = unit.partition("/")
    found = np.zeros(3, dtype=int)
    for sign, part in ((1, above), (-1, below)):
        for word in re.split(r"[·()\s]+", part):
            if word:
                found += sign * np.array(_UNITS.get(word, (0, 0, 0)))
    return int(found[0]), int(found[1]), int(found[2])


def units_of(device: Device) -> Mapping[str, str]:
    """Return the unit of every parameter of a device."""
    return {
        entry.name: entry.metadata["unit"]
        for entry in type(device).__dataclass_fields__.values()
        if "unit" in entry.metadata
    }


class Population:
    """Candidates for the parameters of a problem, and how good they are.

    Attributes
    ----------
    problem : Problem
        With soft residuals; its device holds all other parameters.
    values : (candidates, parameters)
        Parameters of each candidate.
    costs : (candidates,)
        Mean of the absolute residuals, each at most `_CAP`; infinite where a candidate is no
        device.
    """

    def __init__(self, problem: Problem, rng: np.random.Generator) -> None:
        self.problem, self.rng = problem.at(0).softened(), rng
        table = {
            entry.name: entry.metadata
            for entry in type(problem.device).__dataclass_fields__.values()
            if "unit" in entry.metadata
        }
        self.low = np.array(
            [max(table[name]["lowest"], table[name]["above"]) for name in problem.names]
        )
        self.above = np.array([table[name]["above"] for name in problem.names])
        self.high = np.array([table[name]["highest"] for name in problem.names])
        units = units_of(problem.device)
        self.powers = np.array([powers(units[name]) for name in problem.names], dtype=float)
        self.initial = np.array([name.endswith("_init") for name in problem.names])
        self.values, self.costs = np.empty((0, len(problem.names))), np.empty(0)

    def drawn(self, count: int) -> Floats:
        """Return new candidates, (count, parameters)."""
        problem, rng = self.problem, self.rng
        base, data = problem.start, problem.data
        volts, hertz = problem.device.typical_drive()
        seconds = (
            float(data.time[-1]) / max(getattr(data, "sweeps", 1), 1)
            if isinstance(data, Sweep)
            else float(np.median(data.width_s)) * 10
        )
        logs = np.stack(
            [
                np.log(np.max(np.abs(data.volts)) / volts)
                + rng.uniform(np.log(0.25), np.log(1.5), count),
                np.full(count, self._amps()) + rng.normal(0.0, 1.0, count),
                np.log(max(seconds, 1e-12) * hertz)
                + np.log(10.0) * rng.uniform(-_DECADES, _DECADES, count),
            ],
            axis=1,
        )
        factors = np.exp(logs @ self.powers.T + rng.normal(0.0, _SCATTER, (count, base.size)))
        found = base * factors
        for k in np.flatnonzero(base == 0):
            low, high = max(self.low[k], -1.0), min(self.high[k], 1.0)
            found[:, k] = rng.uniform(low, high, count)
        for name in np.flatnonzero(self.initial).tolist():
            found[:, name] = self._initial(name, found)
        return np.asarray(
            np.clip(found, np.where(self.low == self.above, -np.inf, self.low), self.high)
        )

    def _amps(self) -> float:
        """Return the logarithm of the measured current (conductance times volt) over the model's
        own at its own voltages."""
        device, data = self.problem.device, self.problem.data
        volts, _ = device.typical_drive()
        low, high = (np.asarray(end, dtype=float).ravel() for end in device.bounds())
        states = low + 0.5 * (high - low) if device.memory else np.zeros(1)
        states = states[:, None] if states.size > 1 else states
        try:
            own = float(np.max(np.abs(device.current(np.array([volts]), states))))
        except (ValueError, ArithmeticError):
            own = 0.0
        top = float(np.max(np.abs(self.problem.measured))) * (
            1.0 if isinstance(data, Sweep) else float(np.max(np.abs(data.volts)))
        )
        return float(np.log(top / own)) if own > 0 and top > 0 else 0.0

    def _initial(self, k: int, found: Floats) -> Floats:
        """Return initial states anywhere between the bounds of each candidate's device, as often
        near an end as in the middle."""
        rng, answer = self.rng, found[:, k].copy()
        others = [j for j in range(found.shape[1]) if j != k and not self.initial[j]]
        where = np.where(
            rng.random(len(found)) < 0.5,
            rng.uniform(0.0, 1.0, len(found)),
            rng.beta(0.4, 0.4, len(found)),
        )
        for n, row in enumerate(found):
            try:
                device = self.problem.device.with_parameters(
                    **{self.problem.names[j]: float(row[j]) for j in others}
                )
            except InputError:
                continue
            low, high = (float(np.asarray(end).ravel()[0]) for end in device.bounds())
            answer[n] = low + where[n] * (high - low)
        return answer

    def judged(self, values: Floats) -> Floats:
        """Return the costs of candidates."""
        costs = np.full(len(values), np.inf)
        good = np.array([self._is_device(row) for row in values])
        if not good.any():
            return costs
        z = np.stack([self._z(row) for row in values[good]])
        residuals = self.problem.residuals(z)
        costs[good] = np.mean(np.minimum(np.abs(residuals), _CAP), axis=0)
        return costs

    def _is_device(self, row: Floats) -> bool:
        if (
            not np.all(np.isfinite(row))
            or np.any(row * self.problem.start < 0)
            or np.any((row == 0) & (self.problem.start != 0))
        ):
            return False
        try:
            device = self.problem.device.with_parameters(
                **dict(zip(self.problem.names, row.tolist(), strict=True))
            )
        except InputError:
            return False
        first = np.asarray(device.initial_state()).ravel()
        low, high = (np.asarray(end).ravel() for end in device.bounds())
        return bool(np.all(first >= low) and np.all(first <= high))

    def _z(self, row: Floats) -> Floats:
        start = self.problem.start
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(start == 0, row, np.log(row / np.where(start == 0, 1.0, start)))

    def grow(self, count: int) -> None:
        """Draw candidates and judge them, once more with their currents scaled to the data."""
        values = self.drawn(count)
        costs = self.judged(values)
        self._add(values, costs)
        best = np.argsort(costs)[: count // 3]
        scaled = self._rescaled(values[best])
        self._add(scaled, self.judged(scaled))

    def _rescaled(self, values: Floats) -> Floats:
        """Return candidates whose currents are scaled so that the median of model over data is
        1."""
        good = np.array([self._is_device(row) for row in values])
        found = values.copy()
        if not good.any() or not np.any(self.powers[:, 1]):
            return found
        curves = self.problem.curves(np.stack([self._z(row) for row in values[good]]))
        y = self.problem.measured[:, None]
        strong = np.abs(y[:, 0]) > 0.02 * np.max(np.abs(y))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.nanmedian(np.abs(curves[strong] / y[strong]), axis=0)
        ratio = np.where(np.isfinite(ratio) & (ratio > 0), ratio, 1.0)
        found[good] *= ratio[:, None] ** -self.powers[:, 1]
        return found

    def _add(self, values: Floats, costs: Floats) -> None:
        keep = np.isfinite(costs)
        self.values = np.concatenate([self.values, values[keep]])
        self.costs = np.concatenate([self.costs, costs[keep]])

    def keep(self, count: int) -> None:
        """Keep the best."""
        order = np.argsort(self.costs)[:count]
        self.values, self.costs = self.values[order], self.costs[order]

    def breed(self, generations: int) -> None:
        """Improve the candidates by differential evolution of their logarithms
        (rand-to-best/1/bin); each child replaces its own parent."""
        rng, count = self.rng, len(self.values)
        if count < 5:
            return
        start = self.problem.start
        linear = start == 0
        for _ in range(generations):
            if self.problem.effort.over:
                return
            z = np.where(linear, self.values, np.log(np.abs(np.where(linear, 1.0, self.values))))
            order = np.argsort(self.costs)
            best = z[order[rng.integers(0, max(count // 6, 1), count)]]
            one, two = z[rng.integers(0, count, count)], z[rng.integers(0, count, count)]
            strength = rng.uniform(0.3, 0.9, (count, 1))
            child = z + strength * (best - z) + strength * (one - two)
            cross = rng.random(z.shape) < rng.choice([0.3, 0.9], (count, 1))
            cross[np.arange(count), rng.integers(0, z.shape[1], count)] = True
            child = np.where(cross, child, z)
            values = np.where(
                linear,
                child,
                np.sign(np.where(linear, 1.0, start)) * np.exp(np.clip(child, -150, 150)),
            )
            values = np.clip(values, np.where(self.low == self.above, -np.inf, self.low), self.high)
            costs = self.judged(values)
            better = costs < self.costs
            self.values = np.where(better[:, None], values, self.values)
            self.costs = np.where(better, costs, self.costs)

    def problems(self, count: int) -> list[Problem]:
        """Return the problem centred on each of the best candidates that are not alike, best
        first."""
        found: list[Problem] = []
        seen: list[Floats] = []
        for k in np.argsort(self.costs):
            z = self._z(self.values[k])
            if any(np.max(np.abs(z - other)) < 0.1 for other in seen):
                continue
            seen.append(z)
            found.append(replace(self.problem.centred(z), soft=True))
            if len(found) == count:
                break
        return found
