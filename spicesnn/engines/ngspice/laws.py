"""The laws that a solved array must obey, computed anew from ngspice's voltages with the device's
Python twin.

Kirchhoff's current law at every node, Ohm's law in every wire, and the state equation over every
step: an answer that obeys them all is the answer, whoever computed it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar

LARGEST_IMBALANCE = 1e-6
"""Of a line's current, against the largest: what the cells of a line take and what its end
gives."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Solved:
    """A solved array, at (n) inputs or times.

    Attributes
    ----------
    row_volts, row_amps : (n, rows)
        At the drivers.
    column_volts, column_amps : (n, cols)
        At the sense nodes.
    word, bit : (n, rows, cols)
        Volt.
    cell_amps : (n, rows, cols)
        Out of the word line, into the bit line.
    floating_rows, floating_columns : (rows,), (cols,) bool
    word_farad_amps, bit_farad_amps : (n, rows, cols) or None
        Into the lines' capacitances.
    """

    row_volts: Floats
    row_amps: Floats
    column_volts: Floats
    column_amps: Floats
    word: Floats
    bit: Floats
    cell_amps: Floats
    floating_rows: NDArray[np.bool_]
    floating_columns: NDArray[np.bool_]
    word_farad_amps: Floats | None = None
    bit_farad_amps: Floats | None = None


def balanced(array: Crossbar, solved: Solved, allowed: Floats) -> tuple[Solved, Floats]:
    """Return the array with each line's current as its cells have it where ngspice could not
    resolve it, and what then is out of balance.

    A driver's current is the voltage across its resistance over that resistance: behind 1 µΩ the
    rounding of a volt is 0.2 nA, and nothing is left of the current of cells of 1 fS. What the
    cells of the line take is then known far better. Where rounding is no excuse, or the line
    floats, the two must be equal: a line that hardly anything holds may stand at any voltage (1 µΩ
    between nodes that 1 fS ties down: the sum of both is the first of them, and ngspice then solves
    another circuit).

    Parameters
    ----------
    allowed : (n,) ampere
        By how much a current may differ.

    Returns
    -------
    solved : Solved
    unbalanced : (n,) ampere
        Largest difference that nothing explains, 0 below what is allowed.
    """
    wires = array.wires
    eps = 64 * np.finfo(float).eps
    word_ohm, driver = wires.word_ohms(array.rows)
    bit_ohm, sense = wires.bit_ohms(array.cols)
    worst = np.zeros(len(solved.row_amps))
    outputs = np.maximum(
        np.abs(solved.cell_amps.sum(axis=2)).max(axis=1),
        np.abs(solved.cell_amps.sum(axis=1)).max(axis=1),
    )
    found = []
    for axis, amps, ends, segment, floating, source, nodes in (
        (
            2,
            solved.row_amps,
            driver,
            word_ohm,
            solved.floating_rows,
            solved.row_volts,
            solved.word,
        ),
        (
            1,
            solved.column_amps,
            sense,
            bit_ohm,
            solved.floating_columns,
            solved.column_volts,
            solved.bit,
        ),
    ):
        cells = solved.cell_amps.sum(axis=axis)
        ohm = np.where(ends > 0, ends, np.where(segment > 0, segment, np.inf))
        volts = np.maximum(np.abs(nodes).max(axis=axis), np.abs(source))
        explained = np.where(floating, 0.0, eps * 2 * volts / ohm)
        own = allowed[:, None]
        if array.device is None and array.conductance is not None:
            # Without Newton's method nothing but rounding is between a line's cells and its source.
            rounding = eps * (array.conductance * (np.abs(solved.word) + np.abs(solved.bit))).sum(
                axis=axis
            )
            own = np.minimum(own, LARGEST_IMBALANCE * outputs[:, None]) + rounding
        apart = np.abs(cells - amps)
        worst = np.maximum(worst, np.where(apart > own + explained, apart, 0.0).max(axis=1))
        found.append(np.where(apart > own, cells, amps))
    return replace(solved, row_amps=found[0], column_amps=found[1]), worst


def kirchhoff(array: Crossbar, solved: Solved) -> tuple[Floats, Floats]:
    """Return the largest violation of the circuit's laws, and what rounding explains, (n,) ampere
    each.

    On each line the source's current is what leaves it altogether, and what Ohm's law gives for its
    driver or sense resistance; on a line with resistance the segments' currents balance at every
    node; a line without is at its source's voltage."""
    wires = array.wires
    left = (
        solved.cell_amps
        if solved.word_farad_amps is None
        else solved.cell_amps + solved.word_farad_amps
    )
    came = (
        solved.cell_amps
        if solved.bit_farad_amps is None
        else solved.cell_amps - solved.bit_farad_amps
    )
    word_ohm, driver = wires.word_ohms(array.rows)
    bit_ohm, sense = wires.bit_ohms(array.cols)
    word = _Line(
        volts=solved.word,
        left=left,
        source_amps=solved.row_amps,
        source_volts=solved.row_volts,
        floating=solved.floating_rows,
        segment_ohm=word_ohm,
        end_ohm=driver,
        ends=wires.driven_ends,
    )
    # A bit line is the same thing turned, and currents flow out of it.
    bit = _Line(
        volts=np.swapaxes(solved.bit, 1, 2),
        left=-np.swapaxes(came, 1, 2),
        source_amps=-solved.column_amps,
        source_volts=solved.column_volts,
        floating=solved.floating_columns,
        segment_ohm=bit_ohm,
        end_ohm=sense,
        ends=wires.sensed_ends,
    )
    return np.maximum(word.violation(), bit.violation()), np.maximum(
        word.rounding(), bit.rounding()
    )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Line:
    """Lines (n, lines, nodes) fed at the first node, the last or both, as `ends` says; `left` is
    what leaves each node into cells and capacitances."""

    volts: Floats
    left: Floats
    source_amps: Floats
    source_volts: Floats
    floating: NDArray[np.bool_]
    segment_ohm: Floats
    end_ohm: Floats
    ends: tuple[bool, bool]

    def violation(self) -> Floats:
        """Return the largest violation, (n,) ampere."""
        worst = np.abs(self.left.sum(axis=2) - self.source_amps).max(axis=1)
        stiff = ~self.floating & (self.end_ohm == 0)
        if np.any(stiff):
            # Without any resistance the node is the source's: a difference counts as the current
            # that it would make the cells carry.
            fed = self.volts[:, :, 0 if self.ends[0] else -1]
            apart = np.abs(fed[:, stiff] - self.source_volts[:, stiff]).max(axis=1)
            steepest = np.abs(self.left).max() / max(np.abs(self.volts).max(), np.finfo(float).tiny)
            worst = np.maximum(worst, apart * min(steepest, 1e3))
        entering = self._entering()
        worst = np.maximum(
            worst, np.abs(np.where(stiff, 0.0, entering.sum(axis=0) - self.source_amps)).max(axis=1)
        )
        resists = self.segment_ohm > 0
        if np.any(resists):
            between = self.volts[:, resists, :-1] - self.volts[:, resists, 1:]
            between /= self.segment_ohm[resists, None]
            rest = -self.left[:, resists]
            rest[:, :, 1:] += between
            rest[:, :, :-1] -= between
            rest[:, :, 0] += entering[0][:, resists]
            rest[:, :, -1] += entering[1][:, resists]
            worst = np.maximum(worst, np.abs(rest).max(axis=(1, 2)))
        return np.asarray(worst)

    def _entering(self) -> Floats:
        """Return what comes in at either end by Ohm's law, (2, n, lines); nothing where a line
        floats, or (stiff) where its resistance is 0."""
        live = ~self.floating & (self.end_ohm > 0)
        ohm = np.where(live, self.end_ohm, 1.0)
        return np.stack(
            [
                np.where(live & fed, (self.source_volts - self.volts[:, :, node]) / ohm, 0.0)
                for node, fed in zip((0, -1), self.ends, strict=True)
            ]
        )

    def rounding(self) -> Floats:
        """Return the current that rounding of the voltages alone makes, (n,) ampere."""
        ohms = [r for r in (*self.segment_ohm, *self.end_ohm[~self.floating]) if r > 0]
        steepest = 4.0 / min(ohms) if ohms else 0.0
        largest = np.maximum(
            np.abs(self.volts).max(axis=(1, 2)), np.abs(self.source_volts).max(axis=1)
        )
        return np.asarray(
            64
            * np.finfo(float).eps
            * (largest * steepest + np.abs(self.left).sum(axis=2).max(axis=1))
        )


def state_defect(
    time: Floats, states: Floats, lowest: Floats, highest: Floats, start: Floats
) -> Floats:
    """Return how far states are from obeying dx/dt = rate, summed over all steps, (states, rows,
    cols), state units.

    Every integration rule of ngspice moves a state over a step by the step times something between
    the rates at its two ends (trapezoidal: their mean; Euler after a corner: the last). What lies
    outside that interval counts. Over the first step, from the given start, only the last rate is
    known.

    Parameters
    ----------
    time : (n,) seconds
        Of the solved points, the first above 0.
    states : (states, n, rows, cols)
    lowest, highest : (states, n, rows, cols)
        Rates at these points, as well as the states are resolved.
    start : (states, rows, cols)
        At 0 s.
    """
    none = np.zeros_like(states[:, :1])
    step = np.diff(time, prepend=0.0)[None, :, None, None]
    moved = np.diff(np.concatenate([start[:, None], states], axis=1), axis=1)
    low = step * np.minimum(np.concatenate([none, lowest[:, :-1]], axis=1), lowest)
    high = step * np.maximum(np.concatenate([none, highest[:, :-1]], axis=1), highest)
    return np.asarray(np.maximum(np.maximum(low - moved, moved - high), 0.0).sum(axis=1))


def state_error(
    time: Floats,
    states: Floats,
    rate: Callable[[Floats], Floats],
    rates: Floats,
    bounds: tuple[Floats, Floats],
) -> Floats:
    r"""Return what the errors of a transient's steps come to in its states, (states, n, rows, cols),
    state units.

    A trapezoidal step of h is off by :math:`d = h^3 \ddot f / 12`, f = dx/dt along the solution
    (its second derivative here from this and the two points before, as ngspice has it). What a step
    left is carried on by the steps after it, with :math:`X = h\,\partial f / \partial x` (mean of
    both ends):

    .. math::

        e_{n+1} = (1 - 2X/3 + X^2/6)^{-1} \left((1 + X/3)\, e_n + d_n\right)

    which is :math:`e^X e_n` to third order for growth, as in a thermal runaway, and dies away where
    a state meets its bound within a step (the rule of Radau). Voltages of cells are taken as they
    are; a resistance in series would make e less.

    Parameters
    ----------
    time : (n,) seconds
    states, rates : (states, n, rows, cols)
        Solved points and dx/dt there.
    rate : callable
        dx/dt of other states, (states, n, rows, cols), at the voltages of these points.
    bounds : tuple of (states, 1, rows, cols)
    """
    count, step = len(states), np.diff(time)
    h = step[:, None, None]
    slopes = np.diff(rates, axis=1) / h
    local = np.zeros_like(slopes)
    width = (step[1:] + step[:-1])[:, None, None]
    local[:, 1:] = h[1:] ** 3 / 6 * np.diff(slopes, axis=1) / width
    jacobian = np.empty((count, *states.shape))  # [i, k]: of rate i by state k
    low, high = bounds
    for k in range(count):
        moved = states.copy()
        inwards = np.where(states[k] > 0.5 * (low[k] + high[k]), -1e-6, 1e-6) * (high[k] - low[k])
        moved[k] += inwards
        jacobian[:, k] = (rate(moved) - rates) / inwards
    if count == 1:
        x = 0.5 * h * (jacobian[0, 0, :-1] + jacobian[0, 0, 1:])
        under = 1 - 2 / 3 * x + x * x / 6
        errors = np.zeros_like(states)
        for n, (factor, left) in enumerate(zip((1 + x / 3) / under, local[0] / under, strict=True)):
            errors[0, n + 1] = factor * errors[0, n] + left
        return errors
    # (n - 1, rows, cols, states, states)
    matrices, one = np.moveaxis(jacobian, (0, 1), (-2, -1)), np.eye(count)
    x = 0.5 * step[:, None, None, None, None] * (matrices[:-1] + matrices[1:])
    over = np.linalg.inv(one - 2 / 3 * x + x @ x / 6)
    carry, added = over @ (one + x / 3), over @ np.moveaxis(local, 0, -1)[..., None]
    vectors = np.zeros((len(time), *added.shape[1:]))
    for n, (factor, left) in enumerate(zip(carry, added, strict=True)):
        vectors[n + 1] = factor @ vectors[n] + left
    return np.moveaxis(vectors[..., 0], -1, 0)


def largest_state_error(errors: Floats, rates: Floats, duration_s: float, span: Floats) -> float:
    """Return the largest error of a transient's states as a number, at most 1: of their range at
    the end; before it, of their range or as the time by which a state comes too early or too late,
    of the duration, whichever is less.

    A state that runs away may be anywhere in its range while it is a thousandth of the pulse late.

    Parameters
    ----------
    errors, rates : (states, n, rows, cols)
        Of `state_error`, and dx/dt.
    duration_s : float
        In second.
    span : (states, rows, cols)
        The ranges.
    """
    off, fast = np.nan_to_num(np.abs(errors), nan=np.inf), np.abs(rates)
    # A state that meets its bound has no rate any more at the next point, nor yet a smaller error.
    fast[:, 1:-1] = np.maximum(np.maximum(fast[:, :-2], fast[:, 1:-1]), fast[:, 2:])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        late = off / (fast * duration_s)
    share = off / span[:, None]
    share[:, :-1] = np.fmin(share[:, :-1], late[:, :-1])
    return min(float(share.max()), 1.0)
