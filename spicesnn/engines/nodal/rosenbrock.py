"""The integrator of the cells: a Rosenbrock-W pair of order 3(2), each cell with its own steps.

Given the voltage waveform of every cell over a short time (a polynomial, from the array solve), the
cells are independent: ``x' = f(v(t), x)``. Each takes the steps it needs, one if it hardly moves,
many if it runs into a bound or switches. The method is ROS34PW2 of Rang and Angermann (BIT
Numerical Mathematics 45, 761, 2005): four stages, order 3 with an embedded order 2, stiffly
accurate and L-stable, and a W-method: it keeps its order with any approximation of the Jacobian. A
stage solves ``(1 - hγJ) k_i = h f(t + α_i h, x + Σ a_ij k_j) + hJ Σ c_ij k_j + h² γ_i ∂f/∂t`` with
``γ_i = γ + Σ c_ij``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.engines.nodal.cells import Ensemble, Index
from spicesnn.engines.nodal.interval import NODES, Advanced, Drive, hermite, mixed
from spicesnn.errors import ConvergenceError

GAMMA = 4.3586652150845967e-01
A = np.array(
    [
        [0.0, 0.0, 0.0],
        [8.7173304301691801e-01, 0.0, 0.0],
        [8.4457060015369423e-01, -1.1299064236484185e-01, 0.0],
        [0.0, 0.0, 1.0],
    ]
)
C = np.array(
    [
        [0.0, 0.0, 0.0],
        [-8.7173304301691801e-01, 0.0, 0.0],
        [-9.0338057013044082e-01, 5.4180672388095326e-02, 0.0],
        [2.4212380706095346e-01, -1.2232505839045147e00, 5.4526025533510214e-01],
    ]
)
B = np.array(
    [2.4212380706095346e-01, -1.2232505839045147e00, 1.5452602553351020e00, 4.3586652150845967e-01]
)
B_LOW = np.array([3.7810903145819369e-01, -9.6042292212423178e-02, 5.0e-01, 2.1793326075422950e-01])
ALPHA = A.sum(axis=1)
BESIDE = GAMMA + C.sum(axis=1)
"""Weight of ∂f/∂t in each stage: what the method has of it when the time is one state more. Without
it a stiff state that follows its source (a temperature) costs a hundred times the steps."""
INSTANT = 1e-6
"""Step of the difference for ∂f/∂t, as a fraction of the interval."""
ORDER = 3
KINK = 0.1
"""How the change of dx/dt between the last stage and the end of a step counts as error: it shows a
kink that the pair does not see."""
ENERGY = 10.0
"""Tolerance of a cell's charge and energy over an interval, relative to what flows there, as a
multiple of the state's.

Both are Simpson's rule through the cubic of a step; what the four stages (order 3) would give
instead is taken as the error. """
LEAST_FLOW = 1e-8
"""Of the current and power at the ends of an interval, over its whole length: charge and energy
below this are not resolved; nor are they below it of what the error that is allowed of the states
conducts.

What rounding leaves of a current is no current.
"""
STIFF = 0.5
"""Above this |h ∂f/∂x| a step is not limited by the room that is left up to the bound."""
LEAST_STEP = 1e-13
"""The shortest step of a cell, as a fraction of the interval."""
AT_BOUND = 1e-9
"""A state this close to its bound, as a fraction of its range, is at the bound: no step need end
before it."""
MOST_ROUNDS = 20_000
"""The most steps of a cell within one interval."""
DIFFERENCE = 1e-7
"""Step of the Jacobian's differences, as a fraction of the state's range."""


def cell_volts(
    cells: Ensemble, u: Floats, ohms: Floats | None, x: Floats, gate: Floats | None
) -> Floats:
    """Return v with ``v + ohms·i(v, x) = u``; v = u without source resistance.

    A device that is nonlinear in v is solved by Newton's method inside a bracket: a passive one has
    a voltage between 0 and u."""
    if ohms is None:
        return u
    inside = np.clip(x, cells.low, cells.high)
    if cells.device.linear:
        return u / (1.0 + ohms * cells.conductance(u, inside, gate))
    low, high, v = np.minimum(u, 0.0), np.maximum(u, 0.0), u
    for _ in range(200):
        amps, slope = cells.current_and_conductance(v, inside, gate)
        left = v + ohms * amps - u
        low, high = np.where(left < 0, v, low), np.where(left < 0, high, v)
        new = v - left / (1.0 + ohms * np.maximum(slope, 0.0))
        new = np.where((low <= new) & (new <= high), new, 0.5 * (low + high))
        moved, v = np.abs(new - v), new
        if np.all(moved <= 4e-16 * np.abs(u)):
            break
    return np.asarray(v)


def advance(
    cells: Ensemble,
    x: Floats,
    drive: Drive,
    tolerance: float,
    step: Floats,
    *,
    most_rounds: int = MOST_ROUNDS,
) -> Advanced:
    """Integrate every cell over one interval.

    The states at the nodes are on the cubic through the states and rates at both ends of a step; a
    stiff cell stops at every node.

    Parameters
    ----------
    cells : Ensemble
    x : (n, m)
    drive : Drive
    tolerance : float
        Local error of a step, as a fraction of each state's range.
    step : (m,) seconds
        First steps to try.
    most_rounds : int
        Steps of the slowest cell, rejected ones included, after which it is given up.

    Raises
    ------
    ConvergenceError
        A cell asks for steps below `LEAST_STEP` of the interval, or for too many.
    """
    m = x.shape[1]
    # A cell that does not conduct yet counts with what the error of its states conducts.
    inward = np.where(x - cells.low > cells.high - x, -1.0, 1.0)
    beside = x + inward * tolerance * cells.scale
    flows = [_flows(cells, x, drive, place) for place in (0.0, 0.5, 1.0)]
    least = LEAST_FLOW * drive.seconds * np.max([*flows, _flows(cells, beside, drive, 1.0)], axis=0)
    run = _Run(
        cells=cells,
        drive=drive,
        tolerance=tolerance,
        nodes=np.stack([x] * 4),
        charge=np.zeros(m),
        energy=np.zeros(m),
        step=step.copy(),
        coulomb=least[0],
        joules=least[1],
    )
    here = _Here(
        index=np.arange(m),
        cells=cells,
        drive=drive,
        s=np.zeros(m),
        x=x,
        part=step.copy(),
        rejected=np.zeros(m, dtype=bool),
    )
    here.begins = _begin(cells, x, drive, here.s)
    for number in range(most_rounds):
        going = run.round(here)
        if not going.any():
            return Advanced(
                nodes=run.nodes,
                charge=run.charge,
                energy=run.energy,
                step=run.step,
                taken=run.taken,
                rounds=number + 1,
            )
        if np.any(here.part[going] < LEAST_STEP * drive.seconds):
            worst = int(here.index[going][np.argmin(here.part[going])])
            raise cannot_follow(
                cells.device.name,
                worst,
                here.x[:, going][:, np.argmin(here.part[going])],
                drive.seconds,
            )
        if not going.all():
            here.keep(np.flatnonzero(going))
    raise too_many_steps(cells.device.name, drive.seconds, "a cell needs", "it was")


@dataclass(kw_only=True, eq=False, slots=True)
class _Here:
    """The cells that are still on their way: their numbers, where they are (s, x), the next step,
    and what is known at its beginning."""

    index: Index
    cells: Ensemble
    drive: Drive
    s: Floats
    x: Floats
    part: Floats
    rejected: NDArray[np.bool_]
    begins: _Begin = field(init=False)

    def keep(self, some: Index) -> None:
        """Go on with some of them."""
        self.index, self.cells, self.drive = (
            self.index[some],
            self.cells.take(some),
            self.drive.take(some),
        )
        self.s, self.x, self.part, self.rejected = (
            self.s[some],
            self.x[:, some],
            self.part[some],
            self.rejected[some],
        )
        old = self.begins
        self.begins = _Begin(
            rate=old.rate[:, some],
            jacobian=old.jacobian[:, :, some],
            later=old.later[:, some],
            amps=old.amps[some],
            power=old.power[some],
        )


@dataclass(kw_only=True, eq=False, slots=True)
class _Run:
    """One interval of all cells: what becomes the result."""

    cells: Ensemble
    drive: Drive
    tolerance: float
    nodes: Floats
    charge: Floats
    energy: Floats
    step: Floats
    coulomb: Floats
    joules: Floats
    taken: int = 0

    def round(self, here: _Here) -> NDArray[np.bool_]:
        """Try one step with every cell of `here`, move those it succeeds for, and return which are
        not at the end."""
        seconds, begins, index = self.drive.seconds, here.begins, here.index
        here.part = np.minimum(here.part, _room(here.cells, here.x, begins, here.part))
        ahead = NODES[np.minimum((here.s * 4 + 1e-9).astype(int) + 1, 4)]
        goal = np.where(_stiffness(begins.jacobian) * here.part > STIFF, ahead, 1.0)
        left = (goal - here.s) * seconds
        last = here.part >= 0.999 * left
        h = np.where(last, left, here.part)
        stage = _step(here.cells, here.x, here.drive, here.s, h, begins)
        error = _error(
            here.cells,
            stage,
            self.tolerance,
            self.coulomb[index] + stage.amps * h,
            self.joules[index] + stage.watts * h,
        )
        with np.errstate(divide="ignore"):
            factor = np.where(
                np.isfinite(error), np.clip(0.85 * error ** (-1.0 / ORDER), 0.2, 20.0), 0.2
            )
        good = error <= 1.0
        factor = np.where(good & here.rejected, np.minimum(factor, 1.0), factor)
        here.part = np.where(
            good & last & ~here.rejected, np.maximum(here.part, h * factor), h * factor
        )
        here.rejected = ~good
        kept = index[good]
        self.charge[kept] += stage.charge[good]
        self.energy[kept] += stage.energy[good]
        self.coulomb[kept] += np.abs(stage.charge[good])
        self.joules[kept] += np.abs(stage.energy[good])
        self.step[index] = here.part
        self.taken += int(kept.size)
        arrived = np.where(last, goal, here.s + h / seconds)
        self._pass_nodes(here, stage, good, h, arrived)
        here.x = np.where(good, stage.state, here.x)
        here.s = np.where(good, arrived, here.s)
        going: NDArray[np.bool_] = ~(good & last & (goal == 1.0))
        if going.any():
            here.begins = _next(here, stage, good)
        return going

    def _pass_nodes(
        self, here: _Here, stage: _Stage, good: NDArray[np.bool_], h: Floats, arrived: Floats
    ) -> None:
        """Keep the states at the nodes that the successful steps (of h seconds, up to `arrived`)
        pass."""
        for k, node in enumerate(NODES[1:]):
            some = good & (here.s < node) & (node <= arrived)
            if some.any():
                share = (node - here.s) / np.where(some, arrived - here.s, 1.0)
                between = hermite(here.x, stage.state, h * here.begins.rate, h * stage.rate, share)
                self.nodes[k][:, here.index[some]] = np.clip(
                    between, here.cells.low, here.cells.high
                )[:, some]


def _next(here: _Here, stage: _Stage, good: NDArray[np.bool_]) -> _Begin:
    """Return what is known at the beginning of the next step: at the new place where the last one
    succeeded."""
    old = here.begins
    u, gate, line = here.drive.at(here.s)
    v = cell_volts(here.cells, u, here.drive.ohms, here.x, gate)
    amps = np.where(good, here.cells.current(v, here.x, gate), old.amps)
    rate = np.where(good, stage.rate, old.rate)
    slopes, later = old.jacobian, old.later
    if good.any():
        new = slopes_of(here.cells, here.x, u, here.drive.ohms, gate, rate)
        slopes = np.where(good, new, slopes)
        later = np.where(good, _later(here.cells, here.x, here.drive, here.s, rate), later)
    return _Begin(rate=rate, jacobian=slopes, later=later, amps=amps, power=amps * line)


def _later(cells: Ensemble, x: Floats, drive: Drive, s: Floats, rate: Floats) -> Floats:
    """Return ∂f/∂s in state x, (n, m), by a difference towards the inside of the interval."""
    step = np.where(s < 0.5, INSTANT, -INSTANT)
    u, gate, _ = drive.at(s + step)
    return (cells.rate(cell_volts(cells, u, drive.ohms, x, gate), x, gate) - rate) / step


def too_many_steps(device: str, seconds: float, needs: str, was: str) -> ConvergenceError:
    """Return the error of cells that are not followed any further within a pulse."""
    return ConvergenceError(
        f"{device}: {needs} too many steps: {was} given up within {seconds:.3g} s of the pulse."
        " Check the pulse amplitude against the device's range, or split the pulse"
    )


def cannot_follow(device: str, cell: int, state: Floats, seconds: float) -> ConvergenceError:
    """Return the error for a cell (row-major number) whose state asks for steps below
    `LEAST_STEP`."""
    return ConvergenceError(
        f"{device}: the state of cell {cell} (row-major) changes too fast to follow: within"
        f" {seconds:.3g} s it asks for steps below {LEAST_STEP * seconds:.3g} s from state {state}."
        " Check the pulse amplitude against the device's range"
    )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Stage:
    state: Floats
    rate: Floats
    state_error: Floats
    kink: Floats
    charge: Floats
    charge_error: Floats
    energy: Floats
    energy_error: Floats
    amps: Floats
    """Largest current, and `watts` the largest power, of each cell on the way."""
    watts: Floats


def _flows(cells: Ensemble, x: Floats, drive: Drive, place: float) -> Floats:
    """Return the size of each cell's current and of its share of the drivers' power at one place of
    the interval, (2, m)."""
    u, gate, line = drive.at(np.full(x.shape[1], place))
    amps = np.abs(
        cells.current(
            cell_volts(cells, u, drive.ohms, x, gate), np.clip(x, cells.low, cells.high), gate
        )
    )
    return np.stack([amps, np.abs(line) * amps])


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Begin:
    """A cell at the beginning of a step: dx/dt (n, m), its Jacobian (n, n, m) and its derivative by
    s (n, m), current and power (m,)."""

    rate: Floats
    jacobian: Floats
    later: Floats
    amps: Floats
    power: Floats


def _begin(cells: Ensemble, x: Floats, drive: Drive, s: Floats) -> _Begin:
    u, gate, line = drive.at(s)
    v = cell_volts(cells, u, drive.ohms, x, gate)
    rate = cells.rate(v, x, gate)
    amps = cells.current(v, np.clip(x, cells.low, cells.high), gate)
    return _Begin(
        rate=rate,
        jacobian=slopes_of(cells, x, u, drive.ohms, gate, rate),
        later=_later(cells, x, drive, s, rate),
        amps=amps,
        power=amps * line,
    )


def _room(cells: Ensemble, x: Floats, begins: _Begin, h: Floats) -> Floats:
    """Return the time (m,) in which a cell at its present rate comes close to its bound; infinite
    for cells that slow down by themselves."""
    distance = np.where(begins.rate > 0, cells.high - x, x - cells.low)
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(distance > AT_BOUND * cells.scale, distance / np.abs(begins.rate), np.inf)
    slows = _stiffness(begins.jacobian) * h > STIFF
    return np.where(np.isfinite(room) & ~slows & (room > 0), 0.97 * room, np.inf).min(axis=0)


def _stiffness(jacobian: Floats) -> Floats:
    """Return the largest |∂f_i/∂x_i| of every cell, (m,)."""
    return np.asarray(np.abs(np.einsum("iim->im", jacobian)).max(axis=0))


def _step(cells: Ensemble, x: Floats, drive: Drive, s: Floats, h: Floats, begins: _Begin) -> _Stage:
    """Take one step of h seconds (m,) from s (m,) with every cell."""
    k = np.empty((4, *x.shape))
    power, flow = np.empty((2, 4, x.shape[1]))
    slopes, solve = begins.jacobian, _solver(begins.jacobian, h)
    rate, power[0], flow[0] = begins.rate, begins.power, begins.amps
    ds = h / drive.seconds
    k[0] = solve(h * (rate + GAMMA * ds * begins.later))
    for i in range(1, 4):
        u, gate, line = drive.at(s + ALPHA[i] * ds)
        at = x + mixed(A[i, :i], k[:i])
        v = cell_volts(cells, u, drive.ohms, at, gate)
        rate = cells.rate(v, at, gate)
        beside = BESIDE[i] * ds * begins.later
        k[i] = solve(h * (rate + beside + _times(slopes, mixed(C[i, :i], k[:i]))))
        flow[i] = cells.current(v, np.clip(at, cells.low, cells.high), gate)
        power[i] = line * flow[i]
    end = np.clip(x + mixed(B, k), cells.low, cells.high)
    u, gate, end_line = drive.at(s + ds)
    end_volts = cell_volts(cells, u, drive.ohms, end, gate)
    end_rate, end_amps = cells.rate(end_volts, end, gate), cells.current(end_volts, end, gate)
    middle = np.clip(0.5 * (x + end) + 0.125 * h * (begins.rate - end_rate), cells.low, cells.high)
    u, gate, line = drive.at(s + 0.5 * ds)
    middle_amps = cells.current(cell_volts(cells, u, drive.ohms, middle, gate), middle, gate)
    charge = h * (begins.amps + 4.0 * middle_amps + end_amps) / 6.0
    energy = h * (begins.power + 4.0 * middle_amps * line + end_amps * end_line) / 6.0
    kink = h * np.abs(end_rate - rate)
    damping = 1.0 + GAMMA * h * np.abs(np.einsum("iim->im", slopes))
    return _Stage(
        state=end,
        rate=end_rate,
        state_error=mixed(B - B_LOW, k),
        kink=KINK * kink / damping,
        charge=charge,
        charge_error=charge - h * mixed(B, flow),
        energy=energy,
        energy_error=energy - h * mixed(B, power),
        amps=np.abs([*flow, middle_amps, end_amps]).max(axis=0),
        watts=np.abs([*power, middle_amps * line, end_amps * end_line]).max(axis=0),
    )


def slopes_of(
    cells: Ensemble, x: Floats, u: Floats, ohms: Floats | None, gate: Floats | None, rate: Floats
) -> Floats:
    """Return ∂f/∂x at a fixed source voltage, (n, n, m), by one-sided differences towards the
    inside."""
    n, m = x.shape
    jacobian = np.empty((n, n, m))
    for j in range(n):
        middle = np.where(
            np.isfinite(cells.low[j]), 0.5 * (cells.low[j] + cells.high[j]), x[j] - 1.0
        )
        step = np.where(x[j] > middle, -DIFFERENCE, DIFFERENCE) * cells.scale[j]
        moved = x.copy()
        moved[j] += step
        jacobian[:, j] = (
            cells.rate(cell_volts(cells, u, ohms, moved, gate), moved, gate) - rate
        ) / step
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


def _error(
    cells: Ensemble, stage: _Stage, tolerance: float, coulomb: Floats, joules: Floats
) -> Floats:
    """Return the local error of every cell's step in units of what is allowed, (m,); not finite
    counts as too large.

    The errors of charge and energy are measured against what has flowed so far and would flow in
    this step at its highest (m,)."""
    state = (np.maximum(np.abs(stage.state_error), stage.kink) / cells.scale).max(
        axis=0
    ) / tolerance
    charge = np.abs(stage.charge_error) / (ENERGY * tolerance * coulomb + 1e-300)
    energy = np.abs(stage.energy_error) / (ENERGY * tolerance * joules + 1e-300)
    with np.errstate(invalid="ignore"):
        worst = np.maximum(np.maximum(state, charge), energy)
    return np.where(np.isfinite(worst), np.maximum(worst, 1e-10), np.inf)
