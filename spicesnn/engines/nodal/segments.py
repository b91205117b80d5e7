"""A waveform between two breakpoints, and what is recorded while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.stimulus import CheckedWaveform
from spicesnn.engines.nodal.network import Solution, Sources
from spicesnn.engines.results import Waveforms


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Segment:
    """A stretch of the waveform between two breakpoints: all volts are straight lines in time.

    Attributes
    ----------
    begin, end : float
        Seconds.
    rows, columns : (2, lines)
        Volts at both ends.
    gates : (2, lines) or None
    flat : bool
        Whether nothing changes.
    """

    begin: float
    end: float
    rows: Floats
    columns: Floats
    gates: Floats | None
    flat: bool

    def sources(self, time: float) -> Sources:
        """Return the drive of the lines at a time."""
        if self.flat:
            return Sources(row_volts=self.rows[:1], column_volts=self.columns[:1])
        return Sources(
            row_volts=self._at(self.rows, time)[None],
            column_volts=self._at(self.columns, time)[None],
        )

    def gate(self, time: float) -> Floats | None:
        """Return the gate lines' volts at a time."""
        return None if self.gates is None else self._at(self.gates, time)

    def _at(self, pair: Floats, time: float) -> Floats:
        share = (time - self.begin) / (self.end - self.begin)
        return np.asarray(pair[0] + share * (pair[1] - pair[0]))


def segments_of(waveform: CheckedWaveform) -> list[Segment]:
    """Return the waveform as segments."""
    found = []
    for a, b in pairwise(range(waveform.time_s.size)):
        parts = [
            waveform.row_volts[[a, b]],
            waveform.column_volts[[a, b]],
            None if waveform.gate_volts is None else waveform.gate_volts[[a, b]],
        ]
        flat = all(part is None or np.array_equal(part[0], part[1]) for part in parts)
        assert parts[0] is not None
        assert parts[1] is not None
        begin, end = float(waveform.time_s[a]), float(waveform.time_s[b])
        found.append(
            Segment(
                begin=begin, end=end, rows=parts[0], columns=parts[1], gates=parts[2], flat=flat
            )
        )
    return found


@dataclass(kw_only=True, eq=False, slots=True)
class Record:
    """What is kept along the way, at the ends of the steps."""

    time: list[float] = field(default_factory=list)
    sources: list[Sources] = field(default_factory=list)
    solutions: list[Solution] = field(default_factory=list)
    charge: Floats | float = 0.0
    energy: float = 0.0
    joules: float = 0.0
    """∫|ΣV·I| dt so far, by the array's solves alone."""
    coulomb: float = 0.0
    """∫Σ|I| dt of all lines so far."""
    doubt: float = 0.0
    """Sum of the estimated errors of the energy, joule."""
    timing: float = 0.0
    """The same of discrete time, on lines that are charged: what the extrapolation has changed."""
    tried: int = 0
    taken: int = 0
    rejected: int = 0
    inner: int = 0

    def point(self, time: float, sources: Sources, solution: Solution) -> None:
        """Keep the array at one time."""
        self.time.append(time)
        self.sources.append(sources)
        self.solutions.append(solution)

    @property
    def residual_amps(self) -> float:
        """Return the largest violation of Kirchhoff's current law at any of the times."""
        return max(float(solution.residual_amps[0]) for solution in self.solutions)

    def waveforms(self) -> Waveforms:
        """Return line volts and currents at the ends of the steps."""
        return Waveforms(
            time=np.array(self.time),
            row_volts=np.concatenate([s.row_volts for s in self.sources]),
            column_volts=np.concatenate([s.column_volts for s in self.sources]),
            row_amps=np.concatenate([s.row_amps for s in self.solutions]),
            column_amps=np.concatenate([s.column_amps for s in self.solutions]),
        )
