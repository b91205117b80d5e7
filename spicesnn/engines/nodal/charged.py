"""The array in a transient when its lines have capacitance: implicit steps in time on the same line
sweeps.

Every node of a line has a capacitance C to ground, so a step of length Δt adds C/Δt to the diagonal
and injects C/Δt times the voltage before it (backward Euler). A step is taken once whole and once
in two halves, and the two are extrapolated, ``V = 2 V_halves − V_whole``: of order 2, and with R(∞)
= 0 it still follows lines whose RC is far shorter than the step. What the extrapolation changes is
the error estimate.

Lines are discharged when the waveform begins, as ngspice's are (``uic``): a pulse without a rise
time starts by charging them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.engines.nodal.cell_steps import Interval
from spicesnn.engines.nodal.interval import parabola
from spicesnn.engines.nodal.network import Solution, Sources
from spicesnn.engines.nodal.quasi_static import Along, Knot, Near, Network
from spicesnn.engines.nodal.relinearised import Relinearised
from spicesnn.engines.nodal.segments import Segment

FIRST_INSTANT = 1e-12
"""Of the first segment: the step after which the discharged lines' first currents are taken."""


class ChargedNetwork(Network):
    """The array with charge on its lines."""

    def begin(self, segment: Segment, state: Floats) -> Knot:
        """Return the array just after the drivers have gone to their first levels, its lines still
        discharged."""
        rest = np.zeros((1, *self.array.shape))
        nothing = Solution(
            word_volts=rest,
            bit_volts=rest,
            row_amps=rest.sum(axis=2),
            column_amps=rest.sum(axis=1),
            residual_amps=np.zeros(1),
        )
        return self._euler(
            segment,
            segment.begin,
            FIRST_INSTANT * (segment.end - segment.begin),
            state,
            nothing,
            None,
            None,
        )

    def along(
        self, segment: Segment, knot: Knot, end_time: float, interval: Interval, near: Near | None
    ) -> Along:
        """Return the array in the middle and at the end of a step, and the end without the
        extrapolation."""
        step, before = end_time - knot.time, knot.solution
        guess = (None, None) if near is None else near
        _, half, _, full = (None,) * 4 if interval.siemens is None else interval.siemens
        middle = self._euler(
            segment, knot.time + 0.5 * step, 0.5 * step, interval.nodes[1], before, guess[0], half
        )
        halves = self._euler(
            segment, end_time, 0.5 * step, interval.full, middle.solution, guess[1], full
        )
        whole = self._euler(segment, end_time, step, interval.full, before, guess[1], full)
        fine, rough = halves.solution, whole.solution
        solution = replace(
            fine,
            word_volts=2 * fine.word_volts - rough.word_volts,
            bit_volts=2 * fine.bit_volts - rough.bit_volts,
            row_amps=2 * fine.row_amps - rough.row_amps,
            column_amps=2 * fine.column_amps - rough.column_amps,
            residual_amps=2 * fine.residual_amps + rough.residual_amps,
        )
        end = Knot(
            time=end_time,
            state=interval.full,
            source=2 * halves.source - whole.source,
            solution=solution,
        )
        return Along(
            source=parabola(knot.source, middle.source, end.source),
            middle=middle,
            knots=(end,),
            near=(middle.solution, solution),
            rough=halves,
        )

    def last(
        self, segment: Segment, knot: Knot, along: Along, end_time: float, interval: Interval
    ) -> Along:
        """Return the step once more, for the final states."""
        return self.along(segment, knot, end_time, interval, along.near)

    def starting_joules(self, segment: Segment, knot: Knot) -> float:
        """Return V·Q of the lines that a driver without resistance takes from 0 V to its level V at
        once.

        Half of it is stored and half is lost, in whatever resistance the driver has, however small.
        """
        wires, drive, solution = self.array.wires, segment.sources(knot.time), knot.solution
        rows = np.where(
            self.lines.floating_rows, 0.0, drive.row_volts[0] * solution.word_volts[0].sum(axis=1)
        )
        columns = np.where(
            self.lines.floating_columns,
            0.0,
            drive.column_volts[0] * solution.bit_volts[0].sum(axis=0),
        )
        return float(wires.word_line_farad * rows.sum() + wires.bit_line_farad * columns.sum())

    def charging_joules(self, segment: Segment, knot: Knot, middle: Knot, end: Knot) -> float:
        """Return ∫ Σ V·C dV_node/dt over a step, with the drivers' V straight and the nodes'
        voltage a parabola."""
        total = 0.0
        begins, ends = segment.sources(knot.time), segment.sources(end.time)
        solutions = (knot.solution, middle.solution, end.solution)
        wires, lines = self.array.wires, self.lines
        word, bit = [s.word_volts for s in solutions], [s.bit_volts for s in solutions]
        for farad, driver, nodes, axis, floating in (
            (
                wires.word_line_farad,
                (begins.row_volts, ends.row_volts),
                word,
                2,
                lines.floating_rows,
            ),
            (
                wires.bit_line_farad,
                (begins.column_volts, ends.column_volts),
                bit,
                1,
                lines.floating_columns,
            ),
        ):
            first, between, last = (v.sum(axis=axis)[0] for v in nodes)
            a, b = driver[0][0], driver[1][0]
            total += farad * float(
                np.sum(
                    np.where(
                        floating,
                        0.0,
                        b * last - a * first - (b - a) * (first + 4 * between + last) / 6,
                    )
                )
            )
        return total

    def _euler(
        self,
        segment: Segment,
        time: float,
        step: float,
        state: Floats,
        before: Solution,
        near: Solution | None,
        siemens: Floats | None,
    ) -> Knot:
        """Take one backward Euler step that ends at `time`."""
        wires = self.array.wires
        word, bit = wires.word_line_farad / step, wires.bit_line_farad / step
        lines = Relinearised(
            wires, self.lines.floating_rows, self.lines.floating_columns, word, bit
        )
        drive = segment.sources(time)
        sources = Sources(
            row_volts=drive.row_volts,
            column_volts=drive.column_volts,
            word_amps=word * before.word_volts if word else None,
            bit_amps=bit * before.bit_volts if bit else None,
        )
        self.lines.solves += 1
        return self.solved(lines, segment, time, state, sources, near, siemens)
