"""Advancing all cells over one interval of the array: compiled where the device offers its equations, in NumPy otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from spicesnn.devices.base import Floats
from spicesnn.devices.compiled import CellCode
from spicesnn.engines.nodal.cells import Ensemble
from spicesnn.engines.nodal.rosenbrock import Drive, advance, cannot_follow, cell_volts
from spicesnn.engines.nodal.threads import team

SHARED_CELLS = 512
"""From this size on the cells are shared out between threads."""
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

    def shift(self, interval: Interval, old: Drive, new: Drive) -> tuple[float, float]:
        """Estimate what `new` would change against `old`: the state's share of its range, the largest of all, and the sum of the |energies|."""
        ...


class ArraySteps:
    """All cells side by side, in NumPy: for any device."""

    def __init__(self, cells: Ensemble, tolerance: float) -> None:
        self._cells, self._tolerance = cells, tolerance

    def interval(self, state: Floats, drive: Drive, step: Floats) -> Interval:
        """Advance all cells; see `CellSteps`."""
        done = advance(self._cells, state, drive, self._tolerance, step)
        return Interval(
            half=done.half, full=done.full, half_siemens=None, full_siemens=None, charge=done.charge, energy=done.energy,
            step=done.step, taken=done.taken,
        )  # fmt: skip

    def shift(self, interval: Interval, old: Drive, new: Drive) -> tuple[float, float]:
        """Estimate the effect of another drive; see `CellSteps`."""
        worst, joules = 0.0, 0.0
        for s, weight, x in ((0.5, 4 / 6, interval.half), (1.0, 1 / 6, interval.full)):
            rates, powers = [], []
            for drive in (old, new):
                u, gate, line = drive.at(np.full(x.shape[1], s))
                v = cell_volts(self._cells, u, drive.ohms, x, gate)
                rates.append(self._cells.rate(v, x, gate))
                powers.append(line * self._cells.current(v, x, gate))
            worst = max(worst, float((np.abs(rates[1] - rates[0]) / self._cells.scale).max(initial=0.0)))
            joules += weight * float(np.abs(powers[1] - powers[0]).sum())
        return worst * old.seconds, joules * old.seconds


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
        threads = team.size if step.size >= SHARED_CELLS else 1
        taken, bad = np.zeros((threads, 1), dtype=np.int64), np.full(threads, -1)

        def share(number: int, threads: int) -> None:
            bad[number] = self._kernel.advance_cells(
                step.size * number // threads, step.size * (number + 1) // threads, *self._functions, self._parameters, self._table, state[0],
                drive.source, _NO_ROW if drive.ohms is None else drive.ohms, _NO_TABLE if drive.gate is None else drive.gate, drive.line,
                drive.seconds, self._tolerance, step, half, full, half_siemens, full_siemens, charge, energy, steps, taken[number],
            )  # fmt: skip

        team.run(share, threads)
        if bad.max() >= 0:
            raise cannot_follow(self._name, int(bad.max()), state[:, bad.max()], drive.seconds)
        return Interval(
            half=half[None], full=full[None], half_siemens=half_siemens, full_siemens=full_siemens, charge=charge, energy=energy, step=steps,
            taken=int(taken.sum()),
        )  # fmt: skip

    def shift(self, interval: Interval, old: Drive, new: Drive) -> tuple[float, float]:
        """Estimate the effect of another drive; see `CellSteps`."""
        worst, joules = self._kernel.shifts(
            *self._functions, self._parameters, self._table, interval.half[0], interval.full[0], old.source, new.source,
            _NO_ROW if old.ohms is None else old.ohms, _NO_TABLE if old.gate is None else old.gate, old.line, old.seconds,
        )  # fmt: skip
        return worst, joules


def steps_for(cells: Ensemble, tolerance: float) -> CellSteps:
    """Return the fastest way to advance these cells with this tolerance (local error of a cell's step, as a fraction of each state's range)."""
    code = cells.device.compiled()
    return ArraySteps(cells, tolerance) if code is None or cells.count > 1 else CompiledSteps(cells, code, tolerance)
