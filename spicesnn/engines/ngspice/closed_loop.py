"""Neurons and learning inside one ngspice transient: membrane and crossbar move together, without a
stop.

The bit lines end in ``external`` sources. After each accepted point the worker hands the column
currents to LIF neurons; a neuron that spikes sends a voltage back into its own bit line, which,
where it overlaps an input pulse on a word line, moves the cells between them: learning by
overlapping pulses. The neurons run on a clock whose edges are break points of the transient, so
that the loop has a stated meaning: `segmented` does the same with one `pulse` a clock period, and
both agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import CheckedWaveform, Waveform
from spicesnn.engines.base import Engine
from spicesnn.engines.ngspice import pulses, reads
from spicesnn.engines.ngspice.binding import vector_names
from spicesnn.engines.ngspice.circuit import Answer, Job, build, sources_of
from spicesnn.engines.ngspice.engine import NgspiceEngine
from spicesnn.errors import InputError
from spicesnn.netlist.deck import number
from spicesnn.netlist.pulse_accuracy import for_transient
from spicesnn.netlist.pulse_deck import pulse_deck
from spicesnn.neurons.lif import LIF, LIFState, lif_step

EDGE_SHARE = 0.02
"""Of a clock period: the time in which lines change from one level to the next."""
POINTS_A_PERIOD = 20


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Loop:
    """A closed loop of an array, its inputs and one LIF neuron a bit line.

    Attributes
    ----------
    neuron : LIF
    row_volts : (periods, rows)
        Input of each clock period, volt.
    clock_s : float
        Clock period: the neurons' time step, seconds.
    feedback_volts : float
        What a neuron puts on its bit line after a spike, volt; else it holds it at 0 V.
    feedback_periods : int
        For how many clock periods.
    """

    neuron: LIF
    row_volts: ArrayLike
    clock_s: float
    feedback_volts: float
    feedback_periods: int = 1

    def __post_init__(self) -> None:
        volts = np.array(self.row_volts, dtype=float)
        if volts.ndim != 2 or 0 in volts.shape or not np.all(np.isfinite(volts)):
            raise InputError(
                f"closed loop: row_volts has shape {volts.shape}; expected finite volts of"
                " (periods, rows)"
            )
        if not (np.isfinite(self.clock_s) and self.clock_s > 0):
            raise InputError(f"closed loop: clock_s = {self.clock_s!r}; expected seconds, above 0")
        if not np.isfinite(self.feedback_volts) or self.feedback_periods < 1:
            raise InputError(
                f"closed loop: feedback of {self.feedback_volts!r} V for {self.feedback_periods!r}"
                " periods; expected finite volts, 1 period or more"
            )
        object.__setattr__(self, "row_volts", volts)

    @property
    def edge_s(self) -> float:
        """Time of an edge, seconds."""
        return EDGE_SHARE * self.clock_s

    def checked_for(self, array: Crossbar) -> Floats:
        """Return the inputs after checking that they fit an array."""
        volts = np.asarray(self.row_volts)
        if volts.shape[1] != array.rows or array.gated:
            raise InputError(
                f"closed loop: row_volts for {volts.shape[1]} word lines; this array has"
                f" {array.rows} and must have two-terminal cells"
            )
        return volts

    def rows_over_time(self, array: Crossbar) -> tuple[Floats, Floats]:
        """Return the inputs as straight lines: (points,) seconds, (points, rows) volts."""
        volts = self.checked_for(array)
        starts = np.arange(len(volts)) * self.clock_s
        time = np.column_stack([starts, starts + self.edge_s]).ravel()
        before = np.vstack([np.zeros_like(volts[:1]), volts[:-1]])
        level = np.stack([before, volts], axis=1).reshape(-1, volts.shape[1])
        return np.append(time, len(volts) * self.clock_s), np.vstack([level, volts[-1:]])


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class LoopResult:
    """What a closed loop did.

    Attributes
    ----------
    array : Crossbar
        Afterwards.
    spikes : (periods, cols) bool
    column_volts : (periods, cols)
        What the neurons put on the bit lines.
    mean_amps : (periods, cols)
        What each neuron integrated, ampere.
    points : int
        Time points of the transient (of all, where there are many).
    """

    array: Crossbar
    spikes: NDArray[np.bool_]
    column_volts: Floats
    mean_amps: Floats
    points: int


class Clockwork:
    """The neurons on their clock: takes the mean current of a period, gives the voltages of the
    next. Both ways run this."""

    def __init__(
        self, neuron: LIF, cols: int, feedback_volts: float, feedback_periods: int, clock_s: float
    ) -> None:
        self._neuron, self._clock_s = neuron, clock_s
        self._feedback_volts, self._feedback_periods = feedback_volts, feedback_periods
        self._state = LIFState.at_rest(cols)
        self._left = np.zeros(cols, dtype=int)
        self.volts = np.zeros(cols)
        self.spikes: list[NDArray[np.bool_]] = []
        self.amps: list[Floats] = []
        self.levels: list[Floats] = []

    def tick(self, mean_amps: Floats) -> None:
        """End a period: move the membranes, fix the bit-line voltages of the next one. A neuron
        that feeds back does not listen."""
        self.levels.append(self.volts)
        heard = np.where(self._left > 0, 0.0, mean_amps)
        spikes, self._state = lif_step(heard, self._state, self._neuron, self._clock_s)
        self._left = np.where(spikes, self._feedback_periods, np.maximum(self._left - 1, 0))
        self.volts = np.where(self._left > 0, self._feedback_volts, 0.0)
        self.spikes.append(spikes)
        self.amps.append(mean_amps)


class Controller:
    """Runs in the worker, behind the external sources of one transient.

    Parameters
    ----------
    spice : Binding
    sources, currents : list of str
        External source of each bit line, and the vector of its current.
    """

    def __init__(
        self,
        spice: Any,
        *,
        sources: list[str],
        currents: list[str],
        neuron: dict[str, float],
        feedback_volts: float,
        feedback_periods: int,
        clock_s: float,
        edge_s: float,
        periods: int,
    ) -> None:
        self._works = Clockwork(
            LIF(**neuron), len(sources), feedback_volts, feedback_periods, clock_s
        )
        self._index = {name.encode(): k for k, name in enumerate(sources)}
        self._currents = currents
        self._clock_s, self._edge_s, self._periods = clock_s, edge_s, periods
        self._before = np.zeros(len(sources))
        self._period = 0
        self._charge = np.zeros(len(sources))
        self._last_time = 0.0
        self._last_amps: Floats | None = None
        self._where: tuple[int, list[int]] | None = None

    def volts(self, name: bytes, time: float) -> float:
        """Return the voltage of a source: an edge from the last period's level to this one's."""
        k = self._index[name]
        share = min(max((time - self._period * self._clock_s) / self._edge_s, 0.0), 1.0)
        return float(self._before[k] + share * (self._works.volts[k] - self._before[k]))

    def point(self, data: Any) -> None:
        """Take an accepted point: integrate the currents, and tick where a period ends."""
        if self._where is None:
            names = vector_names(data)
            self._where = names.index("time"), [names.index(name) for name in self._currents]
        time = data.vecsa[self._where[0]].creal
        amps = np.array([data.vecsa[k].creal for k in self._where[1]])
        if time <= self._last_time:
            return
        self._charge += (
            0.5
            * (time - self._last_time)
            * (amps + (amps if self._last_amps is None else self._last_amps))
        )
        self._last_time, self._last_amps = time, amps
        if time >= (self._period + 1) * self._clock_s * (1 - 1e-9) and self._period < self._periods:
            self._before = self._works.volts
            self._works.tick(self._charge / self._clock_s)
            self._charge = np.zeros(len(amps))
            self._period += 1

    def report(self) -> dict[str, list[list[float]]]:
        """Return what happened in each period."""
        works = self._works
        return {
            "spikes": [s.tolist() for s in works.spikes],
            "levels": [v.tolist() for v in works.levels],
            "amps": [a.tolist() for a in works.amps],
        }


def closed_loop(engine: NgspiceEngine, array: Crossbar, loop: Loop) -> LoopResult:
    """Run a closed loop in one transient.

    Parameters
    ----------
    engine : NgspiceEngine
    array : Crossbar
        Of two-terminal devices.
    loop : Loop

    Returns
    -------
    LoopResult
        States within 1e-3 of their range of `segmented`, spikes in the same periods.
    """
    time, rows = loop.rows_over_time(array)
    periods = len(np.asarray(loop.row_volts))
    waveform = Waveform(time_s=time, row_volts=rows, column_volts=np.zeros((time.size, 1))).checked(
        array
    )
    accuracy = for_transient(
        array.device,
        array.wires,
        points=POINTS_A_PERIOD * periods,
        duration_s=waveform.duration_s,
    )
    deck = pulse_deck(array, waveform, accuracy, inline_models=True, save_nodes=True)
    fed = sources_of(deck.columns)
    edge, clock = number(loop.edge_s), number(loop.clock_s)
    # Nothing hangs on this source: its corners make ngspice stop at every edge of the clock.
    ticking = (
        f"vclock clock 0 pulse(0 1 0 {edge} {edge} {number(loop.clock_s / 2 - loop.edge_s)}"
        f" {clock})"
    )
    circuit = build(
        object(),
        deck,
        fed,
        extra=(ticking, "rclock clock 0 1"),
        device=array.device,
        once=True,
    )
    neuron = {
        name: getattr(loop.neuron, name)
        for name in ("tau_s", "resistance_ohm", "threshold_volts", "reset_volts", "refractory_s")
    }
    arguments = {
        "sources": list(fed),
        "currents": [str(c) for c in deck.columns.current_vectors],
        "neuron": neuron,
        "feedback_volts": loop.feedback_volts,
        "feedback_periods": loop.feedback_periods,
        "clock_s": loop.clock_s,
        "edge_s": loop.edge_s,
        "periods": periods,
    }
    job = Job(
        analysis=accuracy.analysis(waveform.duration_s),
        values=reads.altered_values(array, circuit),
        standalone=lambda: circuit.text,
        controller={"factory": f"{__name__}:{Controller.__name__}", "arguments": arguments},
    )

    def check(answer: Answer) -> LoopResult:
        report: dict[str, Any] = answer.report  # type: ignore[assignment]
        levels = np.array(report["levels"], dtype=float).reshape(-1, array.cols)
        done = pulses.checked(array, circuit, _with_columns(waveform, loop, levels), answer)
        after = (
            array
            if done.states is None
            else array.with_state(pulses.within_bounds(array, done.states))
        )
        return LoopResult(
            array=after,
            spikes=np.array(report["spikes"], dtype=bool).reshape(-1, array.cols),
            column_volts=levels,
            mean_amps=np.array(report["amps"]).reshape(-1, array.cols),
            points=done.waveforms.time.size,
        )

    return engine.pool.run(circuit, job, check)


def _with_columns(waveform: CheckedWaveform, loop: Loop, levels: Floats) -> CheckedWaveform:
    """Return the waveform that the lines followed in the end, for the checks."""
    before = np.vstack([np.zeros_like(levels[:1]), levels[:-1]])
    columns = np.stack([before, levels], axis=1).reshape(-1, levels.shape[1])
    return CheckedWaveform(
        time_s=waveform.time_s,
        row_volts=waveform.row_volts,
        column_volts=np.vstack([columns, levels[-1:]]),
        gate_volts=None,
        floating_rows=waveform.floating_rows,
        floating_columns=waveform.floating_columns,
    )


def segmented(engine: Engine, array: Crossbar, loop: Loop) -> LoopResult:
    """Run the same loop with one pulse a clock period: the way that works on any engine, and the
    measure of `closed_loop`."""
    volts = loop.checked_for(array)
    works = Clockwork(
        loop.neuron, array.cols, loop.feedback_volts, loop.feedback_periods, loop.clock_s
    )
    time = np.array([0.0, loop.edge_s, loop.clock_s])
    row_before, column_before = np.zeros(array.rows), np.zeros(array.cols)
    points = 0
    for row in volts:
        rows, columns = (
            np.stack([row_before, row, row]),
            np.stack([column_before, works.volts, works.volts]),
        )
        done = engine.pulse(array, Waveform(time_s=time, row_volts=rows, column_volts=columns))
        lines = done.waveforms
        charge = (
            0.5 * (lines.column_amps[1:] + lines.column_amps[:-1]) * np.diff(lines.time)[:, None]
        ).sum(axis=0)
        row_before, column_before, array = row, works.volts, done.array
        works.tick(charge / loop.clock_s)
        points += lines.time.size
    return LoopResult(
        array=array,
        spikes=np.array(works.spikes),
        column_volts=np.array(works.levels),
        mean_amps=np.array(works.amps),
        points=points,
    )
