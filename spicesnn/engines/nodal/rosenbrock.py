"""The integrator of the cells: a Rosenbrock-W pair of order 3(2), each cell with its own steps.

Given the voltage waveform of every cell over a short time (a polynomial, from the array solve), the cells are independent:
``x' = f(v(t), x)``. Each takes the steps it needs, one if it hardly moves, many if it runs into a bound or switches. The
method is ROS34PW2 of Rang and Angermann (BIT Numerical Mathematics 45, 761, 2005): four stages, order 3 with an embedded
order 2, stiffly accurate and L-stable, and a W-method: it keeps its order with any approximation of the Jacobian.
A stage solves ``(1 - hγJ) k_i = h f(t + α_i h, x + Σ a_ij k_j) + hJ Σ c_ij k_j``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spicesnn.devices.base import Floats
from spicesnn.engines.nodal.cells import Ensemble, Index
from spicesnn.errors import ConvergenceError

GAMMA = 4.3586652150845967e-01
A = np.array([
    [0.0, 0.0, 0.0],
    [8.7173304301691801e-01, 0.0, 0.0],
    [8.4457060015369423e-01, -1.1299064236484185e-01, 0.0],
    [0.0, 0.0, 1.0],
])  # fmt: skip
C = np.array([
    [0.0, 0.0, 0.0],
    [-8.7173304301691801e-01, 0.0, 0.0],
    [-9.0338057013044082e-01, 5.4180672388095326e-02, 0.0],
    [2.4212380706095346e-01, -1.2232505839045147e00, 5.4526025533510214e-01],
])  # fmt: skip
B = np.array([2.4212380706095346e-01, -1.2232505839045147e00, 1.5452602553351020e00, 4.3586652150845967e-01])
B_LOW = np.array([3.7810903145819369e-01, -9.6042292212423178e-02, 5.0e-01, 2.1793326075422950e-01])
ALPHA = A.sum(axis=1)
ORDER = 3
_ROWS = np.vander([0.0, ALPHA[2], 1.0], 3, increasing=True).T
Q = np.zeros(4)
Q[[0, 2, 3]] = np.linalg.solve(_ROWS, [1.0, 1 / 2, 1 / 3])
"""Weights of the quadrature that charge and energy are compared with: through three of the stages, exact for parabolas as B is."""
KINK = 0.1
"""How the change of dx/dt between the last stage and the end of a step counts as error: it shows a kink that the pair does not see."""
ENERGY = 5.0
"""Tolerance of a cell's energy over an interval, relative to its highest power there, as a multiple of the state's."""
STIFF = 0.5
"""Above this |h ∂f/∂x| a step is not limited by the room that is left up to the bound."""
LEAST_STEP = 1e-13
"""The shortest step of a cell, as a fraction of the interval."""
MOST_ROUNDS = 200_000
DIFFERENCE = 1e-7
"""Step of the Jacobian's differences, as a fraction of the state's range."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Drive:
    """What drives each cell over one interval, s = 0…1.

    Attributes
    ----------
    source : (3, m)
        Source voltage u of each cell at s = 0, ½ and 1; a parabola between.
    ohms : (m,) or None
        Source resistance: the cell sees v with ``v + ohms·i(v, x) = u``; None for 0 everywhere (v = u).
    gate : (2, m) or None
        Third terminal's voltage at s = 0 and 1; a straight line between.
    line : (2, m)
        Driver minus sense voltage at s = 0 and 1, which weighs the cell's current in the drivers' power.
    seconds : float
        Length of the interval.
    """

    source: Floats
    ohms: Floats | None
    gate: Floats | None
    line: Floats
    seconds: float

    def take(self, index: Index) -> Drive:
        """Return the drive of some of the cells."""
        return Drive(
            source=self.source[:, index], ohms=None if self.ohms is None else self.ohms[index],
            gate=None if self.gate is None else self.gate[:, index], line=self.line[:, index], seconds=self.seconds,
        )  # fmt: skip

    def at(self, s: Floats) -> tuple[Floats, Floats | None, Floats]:
        """Return u, gate and line volts at s (m,)."""
        gate = None if self.gate is None else self.gate[0] + s * (self.gate[1] - self.gate[0])
        begin, middle, end = self.source
        u = begin + s * (4 * middle - 3 * begin - end + s * (2 * (begin + end) - 4 * middle))
        return u, gate, self.line[0] + s * (self.line[1] - self.line[0])


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Advanced:
    """States at the end of the interval, and what was integrated with them.

    Attributes
    ----------
    state : (n, m)
    charge : (m,) coulomb
        ∫ i dt of each cell.
    energy : (m,) joule
        ∫ (V_row - V_column)·i dt of each cell.
    step : (m,)
        Step to start the next interval with, seconds.
    taken : int
        Steps of all cells together.
    """

    state: Floats
    charge: Floats
    energy: Floats
    step: Floats
    taken: int


def cell_volts(cells: Ensemble, u: Floats, ohms: Floats | None, x: Floats, gate: Floats | None) -> Floats:
    """Return v with ``v + ohms·i(v, x) = u`` for a device that is linear in v; v = u without source resistance."""
    if ohms is None:
        return u
    return u / (1.0 + ohms * cells.conductance(u, np.clip(x, cells.low, cells.high), gate))


def advance(cells: Ensemble, x: Floats, drive: Drive, begin: float, end: float, tolerance: float, step: Floats) -> Advanced:
    """Integrate every cell from s = `begin` to s = `end` of an interval.

    Parameters
    ----------
    cells : Ensemble
    x : (n, m)
    drive : Drive
    begin, end : float
        In units of the interval.
    tolerance : float
        Local error of a step, as a fraction of each state's range.
    step : (m,) seconds
        First steps to try.
    """
    m, seconds = x.shape[1], drive.seconds
    x, s = x.copy(), np.full(m, float(begin))
    charge, energy, next_step = np.zeros(m), np.zeros(m), step.copy()
    index, here, taken = np.arange(m), cells, 0
    part, drive_here, rejected = step.copy(), drive, np.zeros(m, dtype=bool)
    watts = np.max([_watts(cells, x, drive, place) for place in (begin, 0.5 * (begin + end), end)], axis=0)
    for _ in range(MOST_ROUNDS):
        left = (end - s[index]) * seconds
        begins = _begin(here, x[:, index], drive_here, s[index])
        part = np.minimum(part, _room(here, x[:, index], begins, part))
        last = part >= 0.999 * left
        h = np.where(last, left, part)
        stage = _step(here, x[:, index], drive_here, s[index], h, begins)
        watts[index] = np.maximum(watts[index], stage.watts)
        error = _error(here, stage, tolerance, watts[index] * ((end - begin) * seconds))
        with np.errstate(divide="ignore"):
            factor = np.where(np.isfinite(error), np.clip(0.85 * error ** (-1.0 / ORDER), 0.2, 20.0), 0.2)
        good = error <= 1.0
        factor = np.where(good & rejected, np.minimum(factor, 1.0), factor)
        rejected = ~good
        kept = index[good]
        x[:, kept] = stage.state[:, good]
        charge[kept] += stage.charge[good]
        energy[kept] += stage.energy[good]
        s[kept] += h[good] / seconds
        taken += int(kept.size)
        part = np.where(good & last, np.maximum(part, h * factor), h * factor)
        next_step[index] = part
        going = ~(good & last)
        if not going.any():
            return Advanced(state=x, charge=charge, energy=energy, step=next_step, taken=taken)
        if np.any(part[going] < LEAST_STEP * seconds):
            worst = int(index[going][np.argmin(part[going])])
            raise cannot_follow(cells.device.name, worst, x[:, worst], seconds)
        if not going.all():
            index, part, rejected = index[going], part[going], rejected[going]
            here, drive_here = cells.take(index), drive.take(index)
    raise ConvergenceError(f"{cells.device.name}: a cell needs more than {MOST_ROUNDS} steps within {seconds:.3g} s")


def cannot_follow(device: str, cell: int, state: Floats, seconds: float) -> ConvergenceError:
    """Return the error for a cell (row-major number) whose state asks for steps below `LEAST_STEP`."""
    return ConvergenceError(
        f"{device}: the state of cell {cell} (row-major) changes too fast to follow: within {seconds:.3g} s it asks for steps below "
        f"{LEAST_STEP * seconds:.3g} s from state {state}. Check the pulse amplitude against the device's range"
    )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Stage:
    state: Floats
    state_error: Floats
    kink: Floats
    charge: Floats
    energy: Floats
    energy_error: Floats
    watts: Floats


def _watts(cells: Ensemble, x: Floats, drive: Drive, place: float) -> Floats:
    """Return the size of each cell's share of the drivers' power at one place of the interval, (m,)."""
    u, gate, line = drive.at(np.full(x.shape[1], place))
    return np.abs(line * cells.current(cell_volts(cells, u, drive.ohms, x, gate), x, gate))


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Begin:
    """A cell at the beginning of a step: dx/dt (n, m), its Jacobian (n, n, m), current and power (m,)."""

    rate: Floats
    jacobian: Floats
    amps: Floats
    power: Floats


def _begin(cells: Ensemble, x: Floats, drive: Drive, s: Floats) -> _Begin:
    u, gate, line = drive.at(s)
    v = cell_volts(cells, u, drive.ohms, x, gate)
    rate = cells.rate(v, x, gate)
    amps = cells.current(v, x, gate)
    return _Begin(rate=rate, jacobian=_jacobian(cells, x, u, drive.ohms, gate, rate), amps=amps, power=amps * line)


def _room(cells: Ensemble, x: Floats, begins: _Begin, h: Floats) -> Floats:
    """Return the time (m,) in which a cell at its present rate comes close to its bound; infinite for cells that slow down by themselves."""
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(begins.rate > 0, cells.high - x, x - cells.low) / np.abs(begins.rate)
    slows = np.abs(np.einsum("iim->im", begins.jacobian)) * h > STIFF
    return np.where(np.isfinite(room) & ~slows & (room > 0), 0.97 * room, np.inf).min(axis=0)


def _step(cells: Ensemble, x: Floats, drive: Drive, s: Floats, h: Floats, begins: _Begin) -> _Stage:
    """Take one step of h seconds (m,) from s (m,) with every cell."""
    k = np.empty((4, *x.shape))
    amps, power = np.empty((4, x.shape[1])), np.empty((4, x.shape[1]))
    jacobian, solve = begins.jacobian, _solver(begins.jacobian, h)
    rate, amps[0], power[0] = begins.rate, begins.amps, begins.power
    k[0] = solve(h * rate)
    for i in range(1, 4):
        u, gate, line = drive.at(s + ALPHA[i] * h / drive.seconds)
        at = x + np.tensordot(A[i, :i], k[:i], axes=1)
        v = cell_volts(cells, u, drive.ohms, at, gate)
        rate = cells.rate(v, at, gate)
        k[i] = solve(h * rate + h * _times(jacobian, np.tensordot(C[i, :i], k[:i], axes=1)))
        amps[i] = cells.current(v, np.clip(at, cells.low, cells.high), gate)
        power[i] = amps[i] * line
    end = np.clip(x + np.tensordot(B, k, axes=1), cells.low, cells.high)
    u, gate, _ = drive.at(s + h / drive.seconds)
    kink = h * np.abs(cells.rate(cell_volts(cells, u, drive.ohms, end, gate), end, gate) - rate)
    damping = 1.0 + GAMMA * h * np.abs(np.einsum("iim->im", jacobian))
    return _Stage(
        state=end, state_error=np.tensordot(B - B_LOW, k, axes=1), kink=KINK * kink / damping, charge=h * (B @ amps),
        energy=h * (B @ power), energy_error=h * ((B - Q) @ power), watts=np.abs(power).max(axis=0),
    )  # fmt: skip


def _jacobian(cells: Ensemble, x: Floats, u: Floats, ohms: Floats | None, gate: Floats | None, rate: Floats) -> Floats:
    """Return ∂f/∂x at a fixed source voltage, (n, n, m), by one-sided differences towards the inside."""
    n, m = x.shape
    jacobian = np.empty((n, n, m))
    for j in range(n):
        middle = np.where(np.isfinite(cells.low[j]), 0.5 * (cells.low[j] + cells.high[j]), x[j] - 1.0)
        step = np.where(x[j] > middle, -DIFFERENCE, DIFFERENCE) * cells.scale[j]
        moved = x.copy()
        moved[j] += step
        jacobian[:, j] = (cells.rate(cell_volts(cells, u, ohms, moved, gate), moved, gate) - rate) / step
    return jacobian


def _solver(jacobian: Floats, h: Floats) -> Callable[[Floats], Floats]:
    """Return k ↦ (1 - hγJ)⁻¹ k for every cell."""
    n = jacobian.shape[0]
    if n == 1:
        below = 1.0 / (1.0 - GAMMA * h * jacobian[0, 0])
        return lambda right: right * below
    matrix = np.moveaxis(np.eye(n)[:, :, None] - GAMMA * h * jacobian, 2, 0)
    inverse = np.linalg.inv(matrix)
    return lambda right: np.einsum("mij,jm->im", inverse, right)


def _times(jacobian: Floats, k: Floats) -> Floats:
    return jacobian[0] * k if jacobian.shape[0] == 1 else np.einsum("ijm,jm->im", jacobian, k)


def _error(cells: Ensemble, stage: _Stage, tolerance: float, joules: Floats) -> Floats:
    """Return the local error of every cell's step in units of what is allowed, (m,); not finite counts as too large.

    The energy's error is measured against the energy of the whole interval at the highest power seen (m,).
    """
    state = (np.maximum(np.abs(stage.state_error), stage.kink) / cells.scale).max(axis=0) / tolerance
    energy = np.abs(stage.energy_error) / (ENERGY * tolerance * joules + 1e-300)
    with np.errstate(invalid="ignore"):
        worst = np.maximum(state, energy)
    return np.where(np.isfinite(worst), np.maximum(worst, 1e-10), np.inf)
