"""Write pulses by gradient: the line voltages that bring a whole array to given conductances, half-selected cells and wires included.

A set and a reset pulse for each line of the shorter side, with a voltage of its own on every word and bit line: the selected line and the
lines across it give each of its cells the voltage that it needs, and what the other cells see meanwhile is part of the problem. Voltages begin where single cells
without wires would want them; then the error of all conductances after the last pulse is made least (L-BFGS-B), its gradient carried
back through all pulses (`NodalEngine.follow_pulse`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize

from spicesnn.arrays import Floats, numbers
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import Pulse
from spicesnn.engines.nodal.engine import NodalEngine
from spicesnn.errors import ConvergenceError, InputError

_GUESSES = 61
"""Voltages that a single cell is tried at for the beginning."""
_NUDGE = 1e-6


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class PulseDesign:
    """Pulses for an array, and what they do to it.

    Attributes
    ----------
    pulses : tuple of Pulse
        To be applied in order.
    array : Crossbar
        The array after them, as the engine's own pulses leave it.
    error_siemens : (rows, cols)
        Conductance after the pulses minus target.
    energy_joule : float
        Delivered by all drivers.
    evaluations : int
        Sequences that were followed forward and back.
    history : tuple of float
        Largest error after each round, siemens.
    """

    pulses: tuple[Pulse, ...]
    array: Crossbar
    error_siemens: Floats
    energy_joule: float
    evaluations: int
    history: tuple[float, ...]

    @property
    def largest_error(self) -> float:
        """Siemens."""
        return float(np.abs(self.error_siemens).max())


def design_pulses(
    array: Crossbar, target_conductances: ArrayLike, *, width_s: float, most_volts: float, rise_s: float = 0.0, tolerance: float | None = None,
    rounds: int = 2, iterations: int = 40, engine: NodalEngine | None = None,
) -> PulseDesign:  # fmt: skip
    """Find write pulses that bring every cell of an array to its conductance.

    Parameters
    ----------
    array : Crossbar
        Cells with one state variable and without a gate, in the states in which they are; lines without capacitance.
    target_conductances : (rows, cols)
        Siemens, at 0 V for devices with a linear current, else dI/dV there.
    width_s, rise_s : float
        Of each pulse, seconds.
    most_volts : float
        Largest voltage on any line, volt.
    tolerance : float, optional
        Largest error that is good enough, siemens; a hundredth of the targets' range if left out.
    rounds : int
        A round has up to two pulses a line of the shorter side; another one follows where the tolerance is not met.
    iterations : int
        Of the search in each round.
    engine : NodalEngine, optional
        Of the check at the end.

    Returns
    -------
    PulseDesign

    Raises
    ------
    InputError
        Targets that the device does not reach, gated cells, several state variables.
    """
    target = numbers(target_conductances, "target_conductances")
    _check(array, target, most_volts, rounds, iterations)
    engine = engine or NodalEngine(state_tolerance=1e-6)
    span = float(np.ptp(target)) or float(target.max())
    enough = 0.01 * span if tolerance is None else tolerance
    if not (np.isfinite(enough) and enough > 0):
        raise InputError(f"design_pulses: tolerance = {tolerance!r}; expected siemens above 0")
    now, spent, energy = array, 0, 0.0
    pulses: tuple[Pulse, ...] = ()
    history: list[float] = []
    for _ in range(rounds):
        search = _Search(now, target, width_s, rise_s, most_volts, span, engine)
        more = search.run(iterations)
        spent += search.evaluations
        for pulse in more:
            done = engine.pulse(now, pulse)
            now, energy = done.array, energy + done.energy_joule
        pulses += more
        history.append(float(np.abs(_siemens(now) - target).max()))
        if history[-1] <= enough:
            break
    return PulseDesign(pulses=pulses, array=now, error_siemens=_siemens(now) - target, energy_joule=energy, evaluations=spent, history=tuple(history))


def _check(array: Crossbar, target: Floats, most_volts: float, rounds: int, iterations: int) -> None:
    if array.device is None or array.state is None or len(array.device.state_names) != 1 or array.gated:
        raise InputError("design_pulses: expected cells of a device with one state variable and no gate")
    if target.shape != array.shape:
        raise InputError(f"target_conductances has shape {target.shape}; expected {array.shape}, one a cell")
    if not (np.isfinite(most_volts) and most_volts > 0):
        raise InputError(f"design_pulses: most_volts = {most_volts!r}; expected volts above 0")
    for name, value in (("rounds", rounds), ("iterations", iterations)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise InputError(f"design_pulses: {name} = {value!r}; expected a whole number, 1 or more")
    array.device.state_for_conductance(target)  # names a target out of reach


def _siemens(array: Crossbar) -> Floats:
    assert array.device is not None
    return np.array(np.broadcast_to(array.with_factor(array.device.conductance(0.0, array.state_or_zeros())), array.shape))


class _Search:
    """One round: set and reset pulses of the lines, and the voltages of all lines in each."""

    def __init__(
        self, array: Crossbar, target: Floats, width_s: float, rise_s: float, most_volts: float, span: float, engine: NodalEngine
    ) -> None:  # fmt: skip
        self.array, self.target, self.most, self.span, self.engine = array, target, most_volts, span, engine
        self.width_s, self.rise_s = width_s, rise_s
        self.rows, self.cols = array.shape
        self.by_rows = self.rows <= self.cols
        self.evaluations = 0

    def run(self, iterations: int) -> tuple[Pulse, ...]:
        """The pulses of least error."""
        begin = self._guess().ravel() / self.most
        if not begin.size:  # every cell is closest to its target where it is
            return ()
        found = minimize(self._loss, begin, jac=True, method="L-BFGS-B", bounds=[(-1.0, 1.0)] * begin.size, options={"maxiter": iterations})
        return self._pulses(found.x * self.most)

    def _pulses(self, volts: Floats) -> tuple[Pulse, ...]:
        levels = volts.reshape(-1, self.rows + self.cols)
        return tuple(
            Pulse(row_volts=each[: self.rows], column_volts=each[self.rows :], width_s=self.width_s, rise_s=self.rise_s) for each in levels
        )  # fmt: skip

    def _loss(self, unit: Floats) -> tuple[float, Floats]:
        """Sum of squared errors over the span of the targets, and its gradient in all voltages over the largest."""
        self.evaluations += 1
        path, now = [], self.array
        try:
            for pulse in self._pulses(unit * self.most):
                path.append(self.engine.follow_pulse(now, pulse, tolerance=1e-4))
                now = path[-1].array
            missed = (_siemens(now) - self.target) / self.span
            seen = 2 * missed / self.span * self._slope(now)
            slopes = []
            for step in reversed(path):
                back = step.backward(seen.reshape(np.asarray(self.array.state).shape))
                seen = np.asarray(back.state).reshape(self.target.shape)
                slopes.append(np.concatenate([back.row_volts, back.column_volts]))
        except ConvergenceError:  # a step of the search that asks for more than can be followed is no good step
            return 1e6, np.zeros_like(unit)
        return float(np.sum(missed**2)), np.concatenate(slopes[::-1]) * self.most

    def _slope(self, array: Crossbar) -> Floats:
        """dG/dx of every cell, siemens a state unit."""
        assert array.device is not None
        low, high = (np.asarray(bound, dtype=float) for bound in array.device.bounds())
        state, step = array.state_or_zeros(), _NUDGE * (high - low)
        up, down = np.minimum(state + step, high), np.maximum(state - step, low)
        both = [_siemens(array.with_state(np.broadcast_to(x, state.shape))) for x in (up, down)]
        return np.asarray((both[0] - both[1]) / np.reshape(up - down, self.target.shape))

    def _guess(self) -> Floats:
        """Voltages that would do for single cells without wires: (pulses, rows + cols).

        A line's cells that are to be set and those that are to be reset have a pulse each. The line takes half of the largest voltage
        that one of them needs and the lines across it the rest, so that no other cell sees more than that half.
        """
        wanted, found = self._single_cells(), []
        for sign in (1.0, -1.0):
            for k, volts in enumerate(wanted if self.by_rows else wanted.T):
                mine = np.where(sign * volts > 0, volts, 0.0)
                if not mine.any():
                    continue
                half = 0.5 * sign * float(np.abs(mine).max())
                levels = np.zeros(self.rows + self.cols)
                if self.by_rows:
                    levels[k], levels[self.rows :] = half, half - mine
                else:
                    levels[self.rows + k], levels[: self.rows] = -half, mine - half
                found.append(levels)
        return np.clip(np.reshape(found, (-1, self.rows + self.cols)), -self.most, self.most)

    def _single_cells(self) -> Floats:
        """The voltage at which one pulse brings each cell by itself closest to its target, (rows, cols)."""
        volts = np.linspace(-2 * self.most, 2 * self.most, _GUESSES)
        best, least = np.zeros(self.target.shape), np.abs(_siemens(self.array) - self.target)
        alone = replace(self.array, wires=type(self.array.wires).ideal())
        for v in volts[np.argsort(np.abs(volts))]:
            try:
                after = self.engine.pulse(alone, Pulse(row_volts=float(v), column_volts=0.0, width_s=self.width_s, rise_s=self.rise_s)).array
            except ConvergenceError:  # more volts than a cell can be followed at are no candidate
                continue
            error = np.abs(_siemens(after) - self.target)
            better = error < least
            best, least = np.where(better, v, best), np.where(better, error, least)
        return best
