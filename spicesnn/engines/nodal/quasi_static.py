"""The array as a function of time and of its states, for transients: without charge on the lines,
every instant by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import CheckedWaveform
from spicesnn.engines.nodal.cell_steps import Interval
from spicesnn.engines.nodal.cells import Ensemble
from spicesnn.engines.nodal.interval import INTEGRAL, NODES
from spicesnn.engines.nodal.network import Solution, Sources
from spicesnn.engines.nodal.newton import Newton
from spicesnn.engines.nodal.relinearised import Relinearised
from spicesnn.engines.nodal.segments import Segment
from spicesnn.engines.nodal.source_ohms import source_ohms

SOLVE_SHARE = 1e-4
"""Tolerance of the array's solves (‖residual‖₁ over all line currents), as a share of the state
tolerance."""

BOOLE, SIMPSON = INTEGRAL[4], np.array([1.0, 4.0, 1.0]) / 6.0
STEEP = 1.0
"""From this dI/dV times the resistance that a nonlinear cell looks back into, it is followed behind
that resistance.

Below, the sweeps between cells and array settle by themselves, and a current that is asked for once
is cheaper than one that is solved for. """

Near = tuple[Solution, ...]
"""Solutions near those at the nodes of a step."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Knot:
    """The array at one time: states (n, m), source voltages (m,), solution."""

    time: float
    state: Floats
    source: Floats
    solution: Solution


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Along:
    """The array along a step.

    Attributes
    ----------
    source : (5, m)
        Source voltages at the `NODES`.
    middle : Knot
    knots : tuple of Knot
        Where the array is known as accurately as the step is, in the order of time; the last is at
        the end.
    near : tuple of Solution
        The solutions to start the next ones from.
    rough : Knot or None
        A less accurate answer for the end, where time is discrete.
    """

    source: Floats
    middle: Knot
    knots: tuple[Knot, ...]
    near: Near
    rough: Knot | None = None

    @property
    def end(self) -> Knot:
        """Return the array at the end of the step."""
        return self.knots[-1]

    def flow(self, segment: Segment, begin: Knot) -> Flow:
        """Return what the lines carry along the step, which began at `begin`: by the array's solves
        alone."""
        knots = (begin, *self.knots) if len(self.knots) > 1 else (begin, self.middle, self.end)
        weights = BOOLE if len(knots) == 5 else SIMPSON
        sources = [segment.sources(knot.time) for knot in knots]
        watts = np.array(
            [_watts(each, knot.solution) for each, knot in zip(sources, knots, strict=True)]
        )
        amps = np.array(
            [
                np.abs(knot.solution.row_amps[0]).sum() + np.abs(knot.solution.column_amps[0]).sum()
                for knot in knots
            ]
        )
        return Flow(
            watts=float(np.dot(weights, np.abs(watts))),
            amps=float(np.dot(weights, amps)),
            least=float(watts.min()),
            most=float(watts.max()),
            seconds=self.end.time - begin.time,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Flow:
    """What the lines carry along a step, judged by the array's solves at its nodes.

    Attributes
    ----------
    watts, amps : float
        Means over the step of |ΣV·I| and of Σ|I| over all lines.
    least, most : float
        Power of all drivers at the nodes, watt.
    seconds : float
    """

    watts: float
    amps: float
    least: float
    most: float
    seconds: float

    def beyond(self, joules: float) -> float:
        """Return by how much an energy lies outside what the least and the most power at the nodes
        would deliver."""
        return max(joules - self.most * self.seconds, self.least * self.seconds - joules, 0.0)


def _watts(sources: Sources, solution: Solution) -> float:
    return float(
        np.dot(sources.row_volts[0], solution.row_amps[0])
        - np.dot(sources.column_volts[0], solution.column_amps[0])
    )


class Network:
    """The array as a function of time and states."""

    def __init__(
        self, array: Crossbar, waveform: CheckedWaveform, cells: Ensemble, tolerance: float
    ) -> None:
        self.array, self.cells = array, cells
        self.lines = Relinearised(array.wires, waveform.floating_rows, waveform.floating_columns)
        floating = bool(waveform.floating_rows.any() or waveform.floating_columns.any())
        self._tolerance = min(
            max(SOLVE_SHARE * tolerance, 1e-12), 1e-9 if floating else 1e-8
        )  # a line that floats is to carry nothing
        self._driven = (~waveform.floating_rows[:, None], ~waveform.floating_columns[None, :])
        self.ohms: Floats | None = None
        self._far: tuple[Segment, Floats] | None = None

    def gate(self, segment: Segment, time: float) -> Floats | None:
        """Return gate volts of all cells, (m,)."""
        spread = self.array.gate_of_cells(segment.gate(time))
        return None if spread is None else np.broadcast_to(spread, self.array.shape).ravel()

    def line(self, segment: Segment, time: float) -> Floats:
        """Return driver minus sense volts of every cell, (m,); lines that float deliver nothing."""
        sources = segment.sources(time)
        return (
            sources.row_volts[0][:, None] * self._driven[0]
            - sources.column_volts[0][None, :] * self._driven[1]
        ).ravel()

    def begin(self, segment: Segment, state: Floats) -> Knot:
        """Return the array at the beginning of the waveform."""
        return self.knot(segment, segment.begin, state, None)

    def along(
        self, segment: Segment, knot: Knot, end_time: float, interval: Interval, near: Near | None
    ) -> Along:
        """Return the array along a step from `knot`, the cells being in the states of
        `interval`."""
        knots: list[Knot] = []
        for k, node in enumerate(NODES[1:]):
            time = end_time if k == 3 else knot.time + node * (end_time - knot.time)
            close = near[k] if near is not None else (knots[-1] if knots else knot).solution
            knots.append(
                self.knot(
                    segment,
                    time,
                    interval.nodes[k],
                    close,
                    None if interval.siemens is None else interval.siemens[k],
                )
            )
        source = np.stack([knot.source, *(each.source for each in knots)])
        return Along(
            source=source,
            middle=knots[1],
            knots=tuple(knots),
            near=tuple(each.solution for each in knots),
        )

    def last(
        self, segment: Segment, knot: Knot, along: Along, end_time: float, interval: Interval
    ) -> Along:
        """Return the step with its end solved once more, for the final states."""
        siemens = None if interval.siemens is None else interval.siemens[3]
        return replace(
            along,
            knots=(
                *along.knots[:-1],
                self.knot(segment, end_time, interval.full, along.end.solution, siemens),
            ),
        )

    def starting_joules(self, segment: Segment, knot: Knot) -> float:
        """Return what the drivers deliver at the very first instant, if they jump."""
        return 0.0

    def charging_joules(self, segment: Segment, knot: Knot, middle: Knot, end: Knot) -> float:
        """Return what the drivers put into the capacitances of the lines over a step."""
        return 0.0

    def knot(
        self,
        segment: Segment,
        time: float,
        state: Floats,
        near: Solution | None,
        siemens: Floats | None = None,
    ) -> Knot:
        """Solve the array at a time for given states, from a solution nearby; `siemens` (m,) of
        linear cells where it is known."""
        return self.solved(self.lines, segment, time, state, segment.sources(time), near, siemens)

    def solved(
        self,
        lines: Relinearised,
        segment: Segment,
        time: float,
        state: Floats,
        sources: Sources,
        near: Solution | None,
        siemens: Floats | None,
    ) -> Knot:
        """Solve the array on these lines with these sources."""
        gate, shape = self.gate(segment, time), self.array.shape
        if self.cells.device.linear:
            if siemens is None:
                siemens = self.cells.conductance(np.ones(state.shape[1]), state, gate)
            if self.ohms is None:
                self.ohms = source_ohms(
                    self.array.wires,
                    siemens.reshape(shape),
                    self.lines.floating_rows,
                    self.lines.floating_columns,
                ).ravel()
            solution = lines.solve(siemens.reshape(shape), sources, near, self._tolerance)
            volts = (solution.word_volts - solution.bit_volts).reshape(-1)
            return Knot(
                time=time,
                state=state,
                source=volts * (1.0 + self.ohms * siemens),
                solution=solution,
            )

        def cells(volts: Floats) -> tuple[Floats, Floats]:
            amps, slope = self.cells.current_and_conductance(volts.ravel(), state, gate)
            return amps.reshape(volts.shape), slope.reshape(volts.shape)

        solution = Newton(network=lines, cells=cells, tolerance=self._tolerance).solve(
            sources, near
        )
        return self._seen(
            Knot(time=time, state=state, source=_across(solution), solution=solution), gate
        )

    def facing(
        self, segment: Segment, knot: Knot, before: tuple[Knot, Knot] | None
    ) -> tuple[Knot, tuple[Knot, Knot] | None]:
        """Choose how the cells are followed over the step that begins at `knot`; return it, and the
        two before it, with their sources.

        Nonlinear cells whose dI/dV counts against the resistance they look back into are followed
        behind it, as linear ones always are: their own voltage may then be anything but smooth,
        while the source voltage is."""
        if self.cells.device.linear:
            return knot, before
        old, self.ohms = self.ohms, self._needed_ohms(segment, knot)
        if old is None and self.ohms is None:
            return knot, before
        knot, *rest = (
            self._seen(each, self.gate(segment, each.time)) for each in (knot, *(before or ()))
        )
        return knot, (rest[0], rest[1]) if rest else None

    def _needed_ohms(self, segment: Segment, knot: Knot) -> Floats | None:
        wires = self.array.wires
        if wires.without_resistance:
            return None
        slopes = self._slopes(segment, knot)
        if not segment.flat:  # what is not steep yet may become so before the step ends
            if self._far is None or self._far[0] is not segment:
                self._far = (
                    segment,
                    self._slopes(segment, self.knot(segment, segment.end, knot.state, None)),
                )
            slopes = np.maximum(slopes, self._far[1])
        ohms = source_ohms(
            wires,
            slopes.reshape(self.array.shape),
            self.lines.floating_rows,
            self.lines.floating_columns,
        ).ravel()
        return ohms if np.any(ohms * slopes > STEEP) else None

    def _slopes(self, segment: Segment, knot: Knot) -> Floats:
        slopes = self.cells.current_and_conductance(
            _across(knot.solution), knot.state, self.gate(segment, knot.time)
        )[1]
        return np.maximum(slopes, 0.0)

    def _seen(self, knot: Knot, gate: Floats | None) -> Knot:
        """Return a knot of nonlinear cells with their source voltages."""
        volts = _across(knot.solution)
        return replace(
            knot,
            source=(
                volts
                if self.ohms is None
                else volts + self.ohms * self.cells.current(volts, knot.state, gate)
            ),
        )


def _across(solution: Solution) -> Floats:
    """Return the cells' voltages, (m,)."""
    return np.asarray((solution.word_volts - solution.bit_volts).reshape(-1))
