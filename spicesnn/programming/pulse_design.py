r"""Write pulses for a whole array, designed: the line voltages that bring every cell to its target
through the wires, half-selected cells included.

The designed quantities are the amplitudes :math:`V_{kl}` on all lines l of K pulses that follow one
another. They minimise

.. math:: L = \sum_{ij} \Big(\frac{G_{ij}(V) - G^*_{ij}}{\Delta}\Big)^2

with G the cells' conductances after the last pulse, G* their targets and Δ the tolerance. dL/dV is
exact: the adjoint of the cells' state equations is followed back through all pulses, one after the
other (`NodalEngine.follow_pulse`). SciPy's L-BFGS-B does the search (Byrd, Lu, Nocedal and Zhu, SIAM
J. Sci. Comput. 16, 1190, 1995), within what the line drivers give.

It begins with what a designer would do by hand: column by column under the V/2 scheme, each selected
cell at the amplitude that brings it to its target if it is alone, the lines raised by what the wires
take at the beginning of the pulse. Which amplitudes that takes, the model of the cells says; that
states change along the pulse, and that other cells are disturbed, is left to the search.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.arrays import Floats, number
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import Pulse
from spicesnn.engines.nodal.engine import NodalEngine
from spicesnn.errors import ConvergenceError, InputError
from spicesnn.programming.column_pulses import by_columns
from spicesnn.programming.pulse_map import StrongestPulses
from spicesnn.programming.targets import Targets

Mask = NDArray[np.bool_]

_FOLLOWED = 1e-5
"""Tolerance of the states along a pulse while the search goes on; what comes out is pulsed again at
the engine's own."""
_SLOW = 0.02
"""A search whose loss falls by less than this fraction is over: what is left are cells that these
pulses do not reach."""
_MARGIN = 0.9
"""The search ends with all cells within this share of the tolerance."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class DesignedPulses:
    """Pulses that write an array, and what they leave.

    Attributes
    ----------
    pulses : tuple of Pulse
        In the order in which they are applied.
    array : Crossbar
        After all of them, as the nodal engine's `pulse` leaves it.
    error : (rows, cols) siemens
        What each cell misses: conductance minus target.
    first_error : float
        The largest miss of the first guess, siemens.
    energy_joule : float
        Delivered by all drivers.
    evaluations : int
        How often all pulses were followed forward and back.
    reached : bool
        Whether every cell is within the tolerance. Where it is not, the pulses are the best that
        were found.
    """

    pulses: tuple[Pulse, ...]
    array: Crossbar
    error: Floats
    first_error: float
    energy_joule: float
    evaluations: int
    reached: bool

    @property
    def largest_error(self) -> float:
        """Largest miss of a cell, siemens."""
        return float(np.abs(self.error).max())


def design_pulses(
    array: Crossbar,
    target: ArrayLike,
    *,
    set_volts: float | None = None,
    reset_volts: float | None = None,
    width_s: float | None = None,
    rise_s: float = 0.0,
    start: Sequence[Pulse] | None = None,
    line_volts: float | None = None,
    tolerance: float = 0.01,
    read_volts: float = 0.0,
    gate_volts: float | None = None,
    rounds: int = 3,
    most_evaluations: int = 300,
) -> DesignedPulses:
    """Find the write pulses that bring every cell of an array to its target conductance.

    All lines are driven in every pulse, so what half-selected cells and the wires do is solved for,
    not avoided. Nothing is read in between: the pulses are as good as the model of the cells is.

    Parameters
    ----------
    array : Crossbar
        Cells with a state, as they are before; lines without capacitance.
    target : (rows, cols) siemens
        Conductance that each cell is to have by itself.
    set_volts, reset_volts : float
        Strongest amplitudes across a selected cell in the first guess, volt, magnitudes.
    width_s, rise_s : float
        Width and edges of every pulse.
    start : sequence of Pulse, optional
        Pulses to begin with in place of `set_volts`, `reset_volts`, `width_s` and `rise_s`: their
        widths, gates and floating lines stay, their amplitudes are varied. Cells with gates need
        them.
    line_volts : float, optional
        No line is driven beyond this, either way; ¾ of the larger of `set_volts` and `reset_volts`,
        or 1.5 times the largest amplitude of `start`, if left out.
    tolerance : float
        Of every cell's conductance, as a fraction of the device's conductance window.
    read_volts : float
        Conductance is I/V there; dI/dV at 0 V for 0.
    gate_volts : float, optional
        Third terminal of the cells as they are read, for cells that have one.
    rounds : int
        Cells that miss the tolerance after a search get pulses of their own, which are appended
        and all designed again, until all cells are within it or so many rounds are over.
    most_evaluations : int
        Of all searches together.

    Returns
    -------
    DesignedPulses

    Raises
    ------
    InputError
        Cells without a state, targets out of reach, stuck cells with another target, gates without
        `start`.
    ConvergenceError
        Cells that change too abruptly to be followed by the first guess.

    Examples
    --------
    >>> import numpy as np
    >>> import spicesnn as sn
    >>> device = sn.devices.VTEAM(r_on=1e4, r_off=1e5, v_on=-0.5, v_off=0.5, k_on=-1e-3, k_off=1e-3)
    >>> array = sn.Crossbar(device=device, state=np.full((2, 2), 3e-9), wires=5.0)
    >>> target = np.array([[2e-5, 4e-5], [3e-5, 1e-5]])
    >>> design = sn.design_pulses(array, target, set_volts=2.0, reset_volts=2.0, width_s=1e-6)
    >>> design.reached, len(design.pulses)
    (True, 2)
    """
    problem = Targets.checked(array, target, tolerance, read_volts, gate_volts)
    whole = all(isinstance(n, int) and not isinstance(n, bool) for n in (rounds, most_evaluations))
    if not whole or rounds < 1 or most_evaluations < 1:
        raise InputError(
            f"design_pulses: rounds = {rounds!r:.20}, most_evaluations = {most_evaluations!r:.20};"
            " expected whole numbers, 1 or more"
        )
    strongest = None if start is not None else _strongest(array, set_volts, reset_volts, width_s)
    if start is not None and (set_volts, reset_volts, width_s, rise_s) != (None, None, None, 0.0):
        raise InputError(
            "design_pulses: start=… has its own amplitudes, widths and edges; leave set_volts,"
            " reset_volts, width_s and rise_s out"
        )
    pulses = [] if start is None else _given(array, start)
    limit = _limit(line_volts, array, strongest, pulses)
    if strongest is not None:
        pulses = by_columns(problem, array, strongest, rise_s=rise_s, limit=limit)
    search = _Search(problem=problem, array=array, limit=limit, left=most_evaluations)
    end, joule = search.applied(pulses)
    first = float(np.abs(problem.miss(end)).max())
    for number_of_round in range(rounds):
        if number_of_round and strongest is not None:
            pulses = [*pulses, *by_columns(problem, end, strongest, rise_s=rise_s, limit=limit)]
        if problem.met(end) or not pulses or search.left <= 0:
            break
        pulses = search.best(pulses)
        end, joule = search.applied(pulses)
    return DesignedPulses(
        pulses=tuple(pulses),
        array=end,
        error=problem.miss(end),
        first_error=first,
        energy_joule=joule,
        evaluations=most_evaluations - search.left,
        reached=problem.met(end),
    )


def _strongest(
    array: Crossbar, set_volts: float | None, reset_volts: float | None, width_s: float | None
) -> StrongestPulses:
    if array.gated:
        raise InputError(
            "design_pulses: these cells have gates; give start=… with pulses whose gate_volts open"
            " the cells that each is for"
        )
    found = []
    for name, value, unit in (
        ("set_volts", set_volts, "volts"),
        ("reset_volts", reset_volts, "volts"),
        ("width_s", width_s, "seconds"),
    ):
        if not number(value, f"design_pulses: {name}", f"{unit}, above 0") > 0:
            raise InputError(f"design_pulses: {name} = {value!r}; expected {unit}, above 0")
        found.append(float(value))  # type: ignore[arg-type]
    return StrongestPulses(
        set_volts=found[0], reset_volts=found[1], set_s=found[2], reset_s=found[2]
    )


def _limit(
    line_volts: float | None,
    array: Crossbar,
    strongest: StrongestPulses | None,
    start: Sequence[Pulse],
) -> float:
    """What no line is driven beyond, volt."""
    highest = max((float(np.abs(_lines(array, pulse)).max()) for pulse in start), default=0.0)
    if line_volts is None:
        if strongest is None:
            return 1.5 * highest
        return 0.75 * max(strongest.set_volts, strongest.reset_volts)
    if not number(line_volts, "design_pulses: line_volts", "volts, above 0") > 0:
        raise InputError(f"design_pulses: line_volts = {line_volts!r}; expected volts, above 0")
    if highest > line_volts:
        raise InputError(
            f"design_pulses: line_volts = {line_volts:g}, but start drives a line to"
            f" {highest:.4g} V; raise line_volts, or start with weaker pulses"
        )
    return float(line_volts)


def _given(array: Crossbar, start: Sequence[Pulse]) -> list[Pulse]:
    if not start or not all(isinstance(pulse, Pulse) for pulse in start):
        raise InputError(f"design_pulses: start is {start!r:.60}; expected one Pulse or more")
    for pulse in start:
        pulse.waveform().checked(array)
    return list(start)


def _lines(array: Crossbar, pulse: Pulse) -> Floats:
    """Amplitudes on all lines, (rows + cols,)."""
    return np.concatenate(
        [
            np.broadcast_to(np.asarray(pulse.row_volts, dtype=float), (array.rows,)),
            np.broadcast_to(np.asarray(pulse.column_volts, dtype=float), (array.cols,)),
        ]
    )


def _driven(array: Crossbar, pulse: Pulse) -> Mask:
    """Lines that are not left open, (rows + cols,)."""
    parts = (
        (pulse.floating_rows, array.rows),
        (pulse.floating_columns, array.cols),
    )
    return ~np.concatenate(
        [np.zeros(n, bool) if mask is None else np.asarray(mask) for mask, n in parts]
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Judged:
    """Amplitudes, L there, its slope, and whether all cells are well within the tolerance."""

    volts: Floats
    loss: float
    slope: Floats
    met: bool


@dataclass(kw_only=True)
class _Search:
    """The search for amplitudes, and how many evaluations it may still take."""

    problem: Targets
    array: Crossbar
    limit: float
    left: int
    engine: NodalEngine = field(default_factory=NodalEngine)

    def applied(self, pulses: Sequence[Pulse]) -> tuple[Crossbar, float]:
        """The array after all pulses, and the joules of all drivers."""
        array, joule = self.array, 0.0
        for pulse in pulses:
            done = self.engine.pulse(array, pulse)
            array, joule = done.array, joule + done.energy_joule
        return array, joule

    def best(self, pulses: Sequence[Pulse]) -> list[Pulse]:
        """The best amplitudes that are found from these."""
        from scipy import optimize  # a third of a second, for this alone

        minimize: Any = optimize.minimize  # its stubs know no slope beside the value

        masks = [_driven(self.array, pulse) for pulse in pulses]
        lines = [_lines(self.array, pulse) for pulse in pulses]
        ends = np.cumsum([int(mask.sum()) for mask in masks])[:-1]
        begin = np.concatenate([volts[mask] for volts, mask in zip(lines, masks, strict=True)])

        def with_volts(volts: Floats) -> list[Pulse]:
            made = []
            for pulse, mask, now, mine in zip(
                pulses, masks, lines, np.split(volts, ends), strict=True
            ):
                now = now.copy()
                now[mask] = mine
                rows, columns = np.split(now, [self.array.rows])
                made.append(replace(pulse, row_volts=rows, column_volts=columns))
            return made

        def judged(volts: Floats) -> _Judged:
            self.left -= 1
            loss, slopes, end = self._followed(with_volts(volts))
            slope = np.concatenate([each[mask] for each, mask in zip(slopes, masks, strict=True)])
            return _Judged(volts, loss, slope, self.problem.met(end, _MARGIN))

        best = judged(begin)
        if best.met or not np.any(best.slope):
            return list(pulses)
        # The loss has its least at 0 at best, so a first step along the slope that is to take half
        # of it is none too long.
        first, unit = best, np.sqrt(best.loss / 2) / float(np.linalg.norm(best.slope))

        def counted(x: Floats) -> tuple[float, Floats]:
            nonlocal best
            now = judged(begin + x * unit) if x.any() else first
            if now.loss < best.loss:
                best = now
            return now.loss, now.slope * unit

        def enough(x: Floats) -> None:
            if best.met or self.left <= 0:
                raise StopIteration

        with suppress(ConvergenceError):  # what is best so far stays
            minimize(
                counted,
                np.zeros(begin.size),
                jac=True,
                method="L-BFGS-B",
                bounds=optimize.Bounds((-self.limit - begin) / unit, (self.limit - begin) / unit),
                callback=enough,
                options={"maxfun": self.left, "maxiter": self.left, "ftol": _SLOW, "gtol": 0.0},
            )
        return with_volts(best.volts)

    def _followed(self, pulses: Sequence[Pulse]) -> tuple[float, list[Floats], Crossbar]:
        """L, its derivatives in the amplitudes on all lines of each pulse, and the array after
        them."""
        array, steps = self.array, []
        for pulse in pulses:
            steps.append(self.engine.follow_pulse(array, pulse, tolerance=_FOLLOWED))
            array = steps[-1].array
        loss, seen = self.problem.loss(array)
        slopes = []
        for step in reversed(steps):
            gradient = step.backward(seen)
            slopes.append(np.concatenate([gradient.row_volts, gradient.column_volts]))
            seen = gradient.state
        return loss, slopes[::-1], array
