"""Advancing all cells over one interval of the array: compiled where the device offers its equations, in NumPy otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from spicesnn.devices.base import Floats
from spicesnn.devices.compiled import CellCode
from spicesnn.engines.nodal.cells import Ensemble
from spicesnn.engines.nodal.rosenbrock import Drive, advance, cannot_follow, cell_volts

_NO_ROW, _NO_TABLE = np.zeros(0), np.zeros((2, 0))


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Interval:
    """What the cells did over one interval.

    Attributes
    ----------
    half, full : (n, m)
        States at the middle and at the end.
    half_siemens, full_siemens : (m,) or None
        Conductances of linear cells there, where they fell out on the way.
    charge, energy : (m,)
        ∫ i dt in coulomb and ∫ (V_row − V_column)·i dt in joule.
    step : (m,)
        The cells' steps at the end, seconds.
    taken : int
        Steps of all cells together.
    """

    half: Floats
    full: Floats
    half_siemens: Floats | None
    full_siemens: Floats | None
    charge: Floats
    energy: Floats
    step: Floats
    taken: int


class CellSteps(Protocol):
    """A way to advance the cells."""

    def interval(self, state: Floats, drive: Drive, step: Floats) -> Interval:
        """Advance all cells from `state` (n, m) under `drive`, first trying steps of `step` (m,) seconds."""
        ...

    def shift(self, interval: Interval, old: Drive, new: Drive) -> float:
        """Estimate by how much of its range a state would end elsewhere under `new` instead of `old`; the largest of all."""
        ...


class ArraySteps:
    """All cells side by side, in NumPy: for any device."""

    def __init__(self, cells: Ensemble, tolerance: float) -> None:
        self._cells, self._tolerance = cells, tolerance

    def interval(self, state: Floats, drive: Drive, step: Floats) -> Interval:
        """Advance all cells; see `CellSteps`."""
        first = advance(self._cells, state, drive, 0.0, 0.5, self._tolerance, step)
        second = advance(self._cells, first.state, drive, 0.5, 1.0, self._tolerance, first.step)
        return Interval(
            half=first.state, full=second.state, half_siemens=None, full_siemens=None, charge=first.charge + second.charge,
            energy=first.energy + second.energy, step=second.step, taken=first.taken + second.taken,
        )  # fmt: skip

    def shift(self, interval: Interval, old: Drive, new: Drive) -> float:
        """Estimate the effect of another drive; see `CellSteps`."""
        worst = 0.0
        for s, x in ((0.5, interval.half), (1.0, interval.full)):
            rates = []
            for drive in (old, new):
                u, gate, _ = drive.at(np.full(x.shape[1], s))
                rates.append(self._cells.rate(cell_volts(self._cells, u, drive.ohms, x, gate), x, gate))
            worst = max(worst, float((np.abs(rates[1] - rates[0]) / self._cells.scale).max(initial=0.0)))
        return worst * old.seconds


class CompiledSteps:
    """Cell after cell, compiled: for devices with one state that offer `CellCode`."""

    def __init__(self, cells: Ensemble, code: CellCode, tolerance: float) -> None:
        from spicesnn.engines.nodal import cell_kernel

        self._kernel = cell_kernel
        self._functions = cell_kernel.compiled(code)
        self._name, self._tolerance = cells.device.name, tolerance
        self._parameters = code.matrix(cells.moves.size)
        self._table = np.ascontiguousarray(np.stack([cells.low[0], cells.high[0], cells.scale[0], cells.moves], axis=1))

    def interval(self, state: Floats, drive: Drive, step: Floats) -> Interval:
        """Advance all cells; see `CellSteps`."""
        half, full, half_siemens, full_siemens, charge, energy, steps = np.empty((7, step.size))
        taken = np.zeros(1, dtype=np.int64)
        bad = self._kernel.advance_cells(
            *self._functions, self._parameters, self._table, state[0], drive.source, _NO_ROW if drive.ohms is None else drive.ohms,
            _NO_TABLE if drive.gate is None else drive.gate, drive.line, drive.seconds, self._tolerance, step, half, full, half_siemens,
            full_siemens, charge, energy, steps, taken,
        )  # fmt: skip
        if bad >= 0:
            raise cannot_follow(self._name, bad, state[:, bad], drive.seconds)
        return Interval(
            half=half[None], full=full[None], half_siemens=half_siemens, full_siemens=full_siemens, charge=charge, energy=energy, step=steps,
            taken=int(taken[0]),
        )  # fmt: skip

    def shift(self, interval: Interval, old: Drive, new: Drive) -> float:
        """Estimate the effect of another drive; see `CellSteps`."""
        return float(
            self._kernel.largest_shift(
                *self._functions, self._parameters, self._table, interval.half[0], interval.full[0], old.source, new.source,
                _NO_ROW if old.ohms is None else old.ohms, _NO_TABLE if old.gate is None else old.gate, old.line, old.seconds,
            )  # fmt: skip
        )


def steps_for(cells: Ensemble, tolerance: float) -> CellSteps:
    """Return the fastest way to advance these cells with this tolerance (local error of a cell's step, as a fraction of each state's range)."""
    code = cells.device.compiled()
    return ArraySteps(cells, tolerance) if code is None or cells.count > 1 else CompiledSteps(cells, code, tolerance)
