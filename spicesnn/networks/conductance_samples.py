"""Whole samples compiled: competing conductance-based neurons that hear Poisson inputs alone, read,
or learning by STDP on ideal cells, cells of levels, or a device under its solved pulses, also
behind wires.

The loop answers and learns as it does step by step, but for single precision, and for three things
that it does within a call and that cost time otherwise. Ideal cells without wires and
non-idealities are brought to their sums by a factor of each neuron, which goes into the weights at
the end, up to the largest one. Behind wires a column is solved anew when its current may be wrong
by more than the wires' tolerance, by a bound on that error (`engines.tiled.incremental`). Pulses
are counted as they are asked for, those between samples left out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.mapping import Single
from spicesnn.encoding.events import seed_words
from spicesnn.engines.tiled.incremental import (
    JOULE,
    REFRESHES,
    ROW_SOLVES,
    SOLVES,
    STALLED,
    Pulses,
)
from spicesnn.engines.tiled.wiring import Wiring
from spicesnn.errors import ConvergenceError, InputError
from spicesnn.networks.competing_samples import Learnt
from spicesnn.networks.competition import CompetingConductanceLIF
from spicesnn.networks.conductance_loop import (
    EVENTS,
    LEVELLED,
    MET,
    MOST_WAITING,
    PRESENTATIONS,
    SPIKES,
    WRITES,
    Counted,
    Light,
    Sums,
    show_samples,
)
from spicesnn.networks.conductance_plasticity import (
    IDEAL,
    LAST_SPIKE,
    LEVELS,
    TABLE,
    F,
    Plasticity,
    Weights,
)
from spicesnn.networks.rules import LastSpikeSTDP, Rule, TraceSTDP
from spicesnn.networks.synapses import Ideal, Levels, PulseMap, Synapses
from spicesnn.networks.synapses.contract import LEVEL_SLACK
from spicesnn.networks.synapses.ideal import gains_of, rewritten
from spicesnn.networks.synapses.loops import even_states, other_flaws
from spicesnn.nonidealities.compiled import POOL, NonidealCells
from spicesnn.programming.line_pulses import line_pulses

GRID = 257
"""Weights at which a device's changes are tabled, even over √w: small ones need a finer grid."""
_FADED = 6.0
"""Time constants after which a trace has died out for a device."""
_NO_TABLE = np.zeros((1, 2), np.float32)


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class ConductanceSamples:
    """One population that hears the inputs alone, through one dense projection.

    Attributes
    ----------
    population : CompetingConductanceLIF
    cells : Synapses
    rule : Rule, optional
    theta : (neurons,)
        What thresholds have gained, volt.
    rate_hz, boost_hz : float
        Events of an input of value 1 per second, and how many more each time that a sample is shown
        again.
    fewest_spikes, most_tries : int
        A sample with fewer output spikes is shown again, up to so often.
    steps : int
        Time steps of a sample.
    dt_s, rest_s : float
    """

    population: CompetingConductanceLIF
    cells: Synapses
    rule: Rule | None
    theta: Floats
    rate_hz: float
    boost_hz: float
    fewest_spikes: int
    most_tries: int
    steps: int
    dt_s: float
    rest_s: float

    @property
    def readable(self) -> bool:
        """Whether one matrix, and read noise, say what every event does."""
        neurons, single = self.population, isinstance(self.cells.columns, Single)
        rests = float(neurons.refractory) / self.dt_s if neurons.alike else np.inf
        plain = neurons.alike and float(neurons.r) == 1.0 and np.rint(rests) < MOST_WAITING
        return bool(plain and self.cells.read_by_matrix(noisy=single))

    @property
    def teachable(self) -> bool:
        """Whether it can learn in this loop."""
        return self.readable and self._kind() is not None

    def counts(self, values: Floats, rng: np.random.Generator) -> Counted:
        """Output spikes (n, neurons) of samples (n, inputs) from 0 to 1; nothing learns."""
        matrix = self.cells.read_weights
        by = self.population.numbers(self.dt_s, self.rest_s)
        words, outputs = seed_words(rng), self.cells.outputs
        loop = _Loop(
            weight=_aligned(matrix.astype(np.float32)),
            scale=np.ones(outputs, np.float32),
            column_sum=np.ones(outputs),
            theta=(1e3 * self.theta).astype(np.float32),
            rule=_reading(self.steps),
            nonideal=_noisy(self.cells, rng),
        )
        loop.show(words, values, self._light, by, None, learn=False)
        return loop.answered

    def learnt(self, values: Floats, rng: np.random.Generator) -> Learnt:
        """What is left after samples (n, inputs) from 0 to 1.

        Raises
        ------
        ConvergenceError
            The tiles cannot be solved in single precision: wires far more resistive than cells.
        """
        cells, kind = self.cells, self._kind()
        assert kind is not None
        words, by = seed_words(rng), self.population.numbers(self.dt_s, self.rest_s)
        window = cells.hardware.used_window()
        stored = _aligned(((cells.siemens - window.low) / window.span).astype(np.float32))
        rule = self._plasticity(kind)
        loop = _Loop(
            weight=stored,
            scale=np.broadcast_to(cells.reach, cells.outputs).astype(np.float32),
            column_sum=np.maximum(stored.sum(axis=0, dtype=float), 1e-3),
            theta=(1e3 * self.theta).astype(np.float32),
            rule=rule,
            nonideal=_nonideal(cells, rng),
        )
        wiring, wired = self._wiring(), None
        if wiring is not None:
            about = rule.target / cells.largest or float(loop.column_sum.mean())
            wired = wiring.fresh(stored, about)
        loop.show(words, values, self._light, by, wired, learn=True)
        tally = np.zeros(5) if wired is None else wired.tally
        if tally[STALLED]:
            raise ConvergenceError(
                f"{int(tally[STALLED])} solves of tiles did not converge: the wires are so"
                " resistive that hardly anything reaches these cells. Use smaller tiles, less"
                " resistance, or a window of lower conductances"
            )
        counted = {
            "presentations": loop.totals[PRESENTATIONS],
            "input_events": loop.totals[EVENTS],
            "output_spikes": loop.totals[SPIKES],
            "learning_writes": loop.totals[WRITES],
            "normalisation_writes": loop.totals[LEVELLED],
        }
        if wired is not None:
            counted |= {
                "tiles_solved": tally[SOLVES],
                "word_lines_solved": tally[ROW_SOLVES],
                "columns_refreshed": tally[REFRESHES],
            }
        return Learnt(
            cells=self._cells_after(loop, kind, float(tally[JOULE])),
            lasting=(1e-3 * loop.theta.astype(float),),
            answered=loop.answered,
            counted={name: float(value) for name, value in counted.items()},
        )

    # -- what the loop needs ----------------------------------------------------------------------

    @property
    def _light(self) -> Light:
        return Light(
            mean=self.rate_hz * self.dt_s,
            boost=self.boost_hz * self.dt_s,
            fewest=self.fewest_spikes,
            tries=self.most_tries,
            steps=self.steps,
        )

    def _kind(self) -> int | None:
        """How the loop moves these cells; None if it does not know."""
        cells, wrong = self.cells, other_flaws(self.cells)
        kind, wires = cells.kind, not cells.hardware.ideal_wires
        if not isinstance(cells.columns, Single):
            return None
        found = None
        if type(self.rule) is LastSpikeSTDP:
            plain = type(kind) is Ideal and not wrong and not wires
            found = LAST_SPIKE if plain else None
        elif type(self.rule) is TraceSTDP and type(kind) in (Ideal, Levels):
            stepwise = wrong == {"states"} and kind.imperfections.cycle_to_cycle is None
            if stepwise and not wires and even_states(cells):
                found = LEVELS
            elif not wrong:
                found = IDEAL
        elif type(self.rule) is TraceSTDP and isinstance(kind, PulseMap) and not wrong:
            found = TABLE if kind.amplitude in ("compensated", "uncompensated") else None
            if kind.wired_writes and (not wires or not self._as_meant or kind.amplitude[0] == "u"):
                return None
        return None if found is None or (wires and not self._solvable) else found

    @property
    def _as_meant(self) -> bool:
        """Whether cells have no non-idealities at all."""
        kind = self.cells.kind
        return not kind.imperfections.some and not getattr(kind, "pulse_spread", 0.0)

    @property
    def _solvable(self) -> bool:
        """Whether the loop can solve these wires."""
        try:
            return self._wiring(designed=False) is not None
        except InputError:
            return False

    def _wiring(self, *, designed: bool = True) -> Wiring | None:
        cells, window = self.cells, self.cells.hardware.used_window()
        if cells.hardware.ideal_wires:
            return None
        through = designed and getattr(cells.kind, "wired_writes", False)
        return Wiring(
            wires=cells.hardware.wires,
            tiling=cells.tiling,
            g_one=window.span,
            base=window.low / window.span,
            read_tolerance=cells.kind.wire_tolerance,
            pulses=self._pulses() if through else None,
        )

    def _plasticity(self, kind: int) -> Plasticity:
        rule, cells, single = self.rule, self.cells, np.float32
        assert isinstance(rule, TraceSTDP | LastSpikeSTDP)
        found = _reading(self.steps)._replace(
            kind=kind,
            target=float(rule.column_sum or 0.0),
            largest=float(cells.largest),
        )
        if isinstance(rule, LastSpikeSTDP):
            change = rule.table(self.dt_s)[:, None] / cells.largest
            return found._replace(up=np.ascontiguousarray(change, dtype=np.float32))
        states = cells.kind.imperfections.states
        lags = np.arange(self.steps + 1)
        found = found._replace(
            bound=single(rule.bound(cells)),
            rise=single(rule.rise),
            fall=single(rule.fall),
            level=single(1.0 if states is None else 1.0 / (states.siemens.size - 1)),
            trace=np.exp(-lags * self.dt_s / rule.tau_s).astype(np.float32),
        )
        if kind != TABLE:
            return found
        up, down = self._changes()
        return found._replace(up=_table(np.maximum(up, 0.0)), down=_table(np.minimum(down, 0.0)))

    def _wanted(self) -> tuple[Floats, Floats]:
        """Changes that the rule asks for at spikes of neurons and of inputs, (lags, `GRID`), as
        fractions of the window."""
        rule, cells = self.rule, self.cells
        assert isinstance(rule, TraceSTDP)
        lags = np.arange(math.ceil(_FADED * rule.tau_s / self.dt_s))
        trace = np.exp(-lags * self.dt_s / rule.tau_s)[:, None]
        room = np.maximum(rule.bound(cells) - cells.largest * _SHARES, 0.0)
        return rule.rise * trace * room / cells.largest, -rule.fall * trace * _SHARES

    def _changes(self) -> tuple[Floats, Floats]:
        """What pulses make of them."""
        kind, window = self.cells.kind, self.cells.hardware.used_window()
        assert isinstance(kind, PulseMap)
        wanted, at = self._wanted(), window.at(_SHARES)
        if kind.amplitude == "uncompensated":
            made, cells = kind.uncompensated[0], np.broadcast_to(at, wanted[0].shape)
            up, down = (made.steps(cells, side * window.span) / window.span for side in wanted)
            return up, down
        limits = kind.maps()[0]
        most, least = (np.interp(at, limits.at, s) / window.span for s in (limits.up, limits.down))
        return np.minimum(wanted[0], most), np.maximum(wanted[1], least)

    def _pulses(self) -> Pulses:
        assert isinstance(self.cells.kind, PulseMap)
        scheme, set_map, reset_map = self.cells.kind.by_volts
        up, down = self._wanted()
        return line_pulses(scheme, set_map, reset_map, up, down)

    def _cells_after(self, loop: _Loop, kind: int, joule: float) -> Synapses:
        """The synapses that the loop has left, with what its reads and pulses took."""
        cells, hardware = self.cells, self.cells.hardware
        window, gain = hardware.used_window(), cells.gain
        stored = loop.weight
        if kind == LEVELS:  # sums in single precision wander off the levels
            steps = round(1.0 / float(loop.rule.level))
            share, gain = np.rint(stored * steps) / steps, loop.scale.astype(float) / cells.largest
        elif kind == IDEAL and loop.free:
            share = np.minimum((loop.scale * stored).astype(float) / cells.largest, 1.0)
        else:
            share = stored.astype(float)
        met, events = float(loop.totals[MET]), float(loop.totals[EVENTS])
        siemens = cells.unit * met + window.low * cells.outputs * events
        if isinstance(cells.kind, PulseMap) and not cells.kind.wired_writes:
            mean, count = loop.spent.reshape(2, 2).T
            joule = cells.kind.pulses.joule(*(window.span * mean + window.low * count).tolist())
        read = hardware.read_volts**2 * siemens * hardware.read_s
        pulses = loop.pulses.T.astype(np.int64)
        if cells.array.stuck is not None:
            pulses = np.where(cells.array.stuck, 0, pulses)
        after = rewritten(cells, cells.largest * share, pulses, float(read), joule)
        return replace(after, gain=gain, seen=None)


_SHARES = np.linspace(0.0, 1.0, GRID) ** 2


@dataclass(kw_only=True, eq=False, slots=True)
class _Loop:
    """What the loop moves on."""

    weight: F
    scale: F
    column_sum: Floats
    theta: F
    rule: Plasticity
    nonideal: NonidealCells | None
    free: bool = True
    pulses: NDArray[np.int32] = None  # type: ignore[assignment]
    answered: Counted = None  # type: ignore[assignment]
    spent: Floats = None  # type: ignore[assignment]
    totals: Floats = None  # type: ignore[assignment]

    def show(
        self,
        words: NDArray[np.uint64],
        values: Floats,
        light: Light,
        by: Any,
        wired: Any,
        *,
        learn: bool,
    ) -> None:
        """Show samples."""
        inputs, neurons = self.weight.shape
        self.free = wired is None and self.nonideal is None
        self.pulses = np.zeros((neurons, inputs if learn else 0), np.int32)
        self.answered = np.zeros((len(values), neurons), np.int16)
        self.spent, self.totals = np.zeros(4), np.zeros(6)
        read = self.weight if wired is None else np.zeros_like(self.weight)
        show_samples(
            words,
            np.ascontiguousarray(values, dtype=float),
            light,
            Weights(self.weight, read, self.scale, self.column_sum),
            self.theta,
            by,
            self.rule,
            learn,
            wired,
            self.nonideal,
            self.answered,
            Sums(self.pulses, self.spent, self.totals),
        )


def _reading(steps: int) -> Plasticity:
    """Nothing that is asked for, in the types of everything."""
    one = np.float32(1.0)
    return Plasticity(
        kind=IDEAL,
        target=0.0,
        largest=1.0,
        slack=LEVEL_SLACK,
        bound=one,
        rise=one,
        fall=one,
        level=one,
        trace=np.zeros(steps + 1, np.float32),
        up=_NO_TABLE,
        down=_NO_TABLE,
    )


def _table(values: Floats) -> F:
    rounded = values.astype(np.float32)
    rounded[-1] = 0.0  # longer lags: the trace has died out
    return np.ascontiguousarray(rounded)


def _aligned(array: F) -> F:
    """Return a copy that begins with a cache line, so that rows of 16 numbers are loaded from one
    line each and not from two."""
    room = np.empty(array.nbytes + 64, np.uint8)
    start = -room.ctypes.data % 64
    made = room[start : start + array.nbytes].view(np.float32).reshape(array.shape)
    made[:] = array
    return made


def _noisy(cells: Synapses, rng: np.random.Generator) -> NonidealCells | None:
    """Cells that are read with noise; None without it."""
    relative, window = cells.read_noise, cells.hardware.used_window()
    if not relative:
        return None
    noise = relative * rng.standard_normal(POOL + cells.outputs)
    base = np.broadcast_to(cells.reach, cells.outputs)[0] * window.low / window.span
    return NonidealCells(
        gain=np.zeros((0, 0), np.float32),
        noise=noise.astype(np.float32),
        scatter=np.zeros(0, np.float32),
        base=np.float32(base),
    )


def _nonideal(cells: Synapses, rng: np.random.Generator) -> NonidealCells | None:
    """Cells as they learn; None where nothing is stuck, varies or scatters."""
    gain, stuck = gains_of(cells.array), cells.array.stuck
    cycles = cells.kind.imperfections.cycle_to_cycle
    noise = _noisy(cells, rng)
    if stuck is None and np.ndim(gain) == 0 and cycles is None and noise is None:
        return None
    gains = np.array(np.broadcast_to(np.asarray(gain, dtype=np.float32), cells.array.shape))
    if stuck is not None:
        gains[stuck] = 0.0
    relative = 0.0 if cycles is None else cycles.relative
    scatter = 1.0 + relative * rng.standard_normal(POOL if relative else 0)
    window = cells.hardware.used_window()
    return NonidealCells(
        gain=gains,
        noise=np.zeros(0, np.float32) if noise is None else noise.noise,
        scatter=scatter.astype(np.float32),
        base=np.float32(window.low / window.span),
    )
