# mypy: disable-error-code="no-any-return,return-value,assignment,arg-type,type-var"
"""Whole samples compiled: competing leaky neurons that hear the inputs alone, read, or learning by
last spikes or by traces on ideal cells.

The steps are those of `competition` (`leak`, `furthest`, `struck`) and the spikes those that
`presenting` draws, so the loop answers as it does step by step, but for single precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.encoding.bernoulli import chances, spikes_of_step
from spicesnn.encoding.events import seed_words
from spicesnn.jit import compiled
from spicesnn.networks.competition import (
    CompetingLIF,
    LIFStep,
    furthest,
    integrated,
    leak,
    struck,
)
from spicesnn.networks.populations import State
from spicesnn.networks.rules import LastSpikeSTDP, Rule, TraceSTDP
from spicesnn.networks.synapses import Ideal, Synapses
from spicesnn.networks.synapses.ideal import rewritten

F: TypeAlias = NDArray[np.float32]
Counted: TypeAlias = NDArray[np.int16]
_LONG_AGO = 2**24
"""Steps since a spike that never was."""


@compiled(part=True)
def _deliver(
    v: F, weight: F, spiking: NDArray[np.int32], heard: int, free_at: NDArray[np.int32], step: int
) -> None:
    """Add the rows of all inputs that spike to the membranes that are free, three at a time: they
    are loaded and stored once for them."""
    one, n = np.float32(1.0), 0
    while n < heard - 2:
        a, b, c = spiking[n], spiking[n + 1], spiking[n + 2]
        for j in range(v.size):
            x = integrated(v[j], weight[a, j], one)
            x = integrated(integrated(x, weight[b, j], one), weight[c, j], one)
            v[j] = x if free_at[j] <= step else v[j]
        n += 3
    while n < heard:
        a = spiking[n]
        for j in range(v.size):
            v[j] = integrated(v[j], weight[a, j], one) if free_at[j] <= step else v[j]
        n += 1


@compiled(fastmath=True, part=True)
def _write(
    weight: F,
    winner: int,
    step: int,
    last: NDArray[np.int32],
    rule: Stdp,
    row_sum: Floats,
    writes: NDArray[np.int64],
) -> None:
    """Change the synapses of a neuron that just spiked by the lag of each input's last spike."""
    change, largest = rule.change, rule.largest
    longest, zero = change.size - 1, np.float32(0.0)
    for i in range(weight.shape[0]):
        old, by = weight[i, winner], change[min(step - last[i], longest)]
        new = min(max(old + by, zero), largest)
        weight[i, winner] = new
        row_sum[i] += new - old
        writes[winner, i] += np.int64(by != zero)


@compiled(fastmath=True, part=True)
def _raise(
    weight: F,
    winner: int,
    step: int,
    last: NDArray[np.int32],
    rule: Stdp,
    row_sum: Floats,
    writes: NDArray[np.int64],
) -> None:
    """Raise the synapses of a neuron that just spiked by the traces of the inputs."""
    trace, largest, zero = rule.change, rule.largest, np.float32(0.0)
    for i in range(weight.shape[0]):
        if last[i] >= 0:
            old = weight[i, winner]
            change = rule.rise * trace[step - last[i]] * max(rule.bound - old, zero)
            new = min(old + change, largest)
            weight[i, winner] = new
            row_sum[i] += new - old
            writes[winner, i] += np.int64(change != zero)


@compiled(fastmath=True, part=True)
def _lower(
    weight: F,
    i: int,
    step: int,
    fired: NDArray[np.int32],
    n_fired: int,
    last_out: NDArray[np.int32],
    rule: Stdp,
    row_sum: Floats,
    writes: NDArray[np.int64],
) -> None:
    """Lower the synapses of an input that just spiked, to the neurons that have spiked before."""
    trace = rule.change
    for m in range(n_fired):
        j = fired[m]
        old = weight[i, j]
        new = old - min(rule.fall * trace[step - last_out[j]], np.float32(1.0)) * old
        weight[i, j] = new
        row_sum[i] += new - old
        writes[j, i] += np.int64(old > 0.0)


@compiled
def _level(weight: F, target: float, largest: np.float32, row_sum: Floats) -> None:
    """Bring the weights of every neuron to one sum, as far as they reach."""
    sums = np.zeros(weight.shape[1])
    for i in range(weight.shape[0]):
        for j in range(weight.shape[1]):
            sums[j] += weight[i, j]
    for i in range(weight.shape[0]):
        total = 0.0
        for j in range(weight.shape[1]):
            if sums[j] > 0.0:
                weight[i, j] = min(np.float32(weight[i, j] * (target / sums[j])), largest)
            total += weight[i, j]
        row_sum[i] = total


@compiled
def _show(
    words: NDArray[np.uint64],
    values: Floats,
    probability: float,
    steps: int,
    weight: F,
    factor: F,
    by: LIFStep,
    rule: Stdp,
    learn: bool,
    shown: Shown,
) -> None:
    """Show samples one after the other.

    Parameters
    ----------
    words : (4,)
        State of the generator, moved on.
    values : (n, inputs)
        From 0 to 1.
    probability : float
        Of a spike in a step at value 1.
    steps : int
    weight : (inputs, neurons), factor : (neurons,)
        Moved on where `learn` is set; weights times the neurons' gain.
    by : LIFStep
        In single precision.
    rule : Stdp
    learn : bool
    shown : Shown
        Written and added to.
    """
    counts, row_sum, writes, read = shown
    inputs, neurons = weight.shape
    v, free_at = np.empty(neurons, np.float32), np.empty(neurons, np.int32)
    last, active = np.empty(inputs, np.int32), np.empty(inputs, np.int32)
    spiking, chance = np.empty(inputs + 1, np.int32), np.empty(inputs, np.uint64)
    fired, last_out = np.empty(neurons, np.int32), np.empty(neurons, np.int32)
    resting, by_traces, n_fired = 1 + min(by.refractory, by.silence), learn and rule.by_traces, 0
    for q in range(values.shape[0]):
        v[:], free_at[:], last[:], last_out[:], n_fired = by.zero, 0, -_LONG_AGO, -1, 0
        if learn and rule.target > 0.0:
            _level(weight, rule.target, rule.largest, row_sum)
        count, hears_at = chances(values[q], probability, active, chance), 0
        for step in range(steps):
            heard = spikes_of_step(words, count, active, chance, spiking)
            read[0] += heard
            for n in range(heard):
                last[spiking[n]] = step
                read[1] += row_sum[spiking[n]]
            if step >= hears_at:
                _deliver(v, weight, spiking, heard, free_at, step)
            if by_traces:
                for n in range(heard):
                    i = spiking[n]
                    _lower(weight, i, step, fired, n_fired, last_out, rule, row_sum, writes)
            if leak(v, factor, free_at, step, by) == 0:
                continue
            winner = furthest(v, factor, free_at, step, by)
            if winner < 0:
                continue
            struck(v, factor, free_at, step, winner, by)
            hears_at = step + resting
            counts[q, winner] += 1
            if by_traces:
                _raise(weight, winner, step, last, rule, row_sum, writes)
                if last_out[winner] < 0:
                    fired[n_fired] = winner
                    n_fired += 1
                last_out[winner] = step
            elif learn:
                _write(weight, winner, step, last, rule, row_sum, writes)


class Stdp(NamedTuple):
    """Numbers of `LastSpikeSTDP` or `TraceSTDP`, weights times the neurons' gain.

    Attributes
    ----------
    by_traces : bool
    change : (lags,)
        Of a weight at a spike of its neuron, by the steps since its input's last spike; the last
        entry is for all longer ones. By traces: what so many steps leave of a trace.
    rise, fall : float
        By traces: per spike at full trace.
    bound : float
        Weight towards which weights are raised.
    target : float
        Sum of the weights of each neuron before each sample; 0: as they are.
    largest : float
        Bound of the weights.
    """

    by_traces: bool
    change: F
    rise: np.float32
    fall: np.float32
    bound: np.float32
    target: float
    largest: np.float32


class Shown(NamedTuple):
    """What samples leave beside the weights.

    Attributes
    ----------
    counts : (n, neurons)
        Output spikes.
    row_sum : (inputs,), writes : (neurons, inputs)
        Sums of the weights of each input, kept up with them; changes of each weight, added to.
    read : (2,)
        Added to: input spikes, and the weights they met, those of silent neurons included.
    """

    counts: Counted
    row_sum: Floats
    writes: NDArray[np.int64]
    read: Floats


class Learnt(NamedTuple):
    """What is left of samples that were learnt from.

    Attributes
    ----------
    cells : Synapses
    lasting : tuple of (neurons,)
        Of the population.
    answered : (n, neurons)
        Output spikes.
    counted : dict of str to float
        What showing the samples took.
    """

    cells: Synapses
    lasting: State
    answered: Counted
    counted: dict[str, float]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class WholeSamples:
    """One population that hears the inputs alone, through one dense projection.

    Attributes
    ----------
    population : CompetingLIF
    cells : Synapses
    rule : Rule, optional
    factor : (neurons,)
        On the thresholds, as the sample before has left them.
    probability : float
        Of an input spike in a step at value 1.
    steps : int
        Time steps of a sample.
    dt_s : float
    """

    population: CompetingLIF
    cells: Synapses
    rule: Rule | None
    factor: Floats
    probability: float
    steps: int
    dt_s: float

    @property
    def readable(self) -> bool:
        """Whether one matrix says what every spike does."""
        cells, neurons = self.cells, self.population
        foreseen = not cells.kind.imperfections.disturbs_reads and not cells.solves_reads
        return bool(foreseen and cells.array.linear and neurons.alike and neurons.r > 0)

    @property
    def teachable(self) -> bool:
        """Whether it can learn in this loop."""
        kind = self.cells.kind
        ideal = type(kind) is Ideal and kind.does_as_asked
        return ideal and type(self.rule) in (LastSpikeSTDP, TraceSTDP) and self.readable

    def counts(self, values: Floats, rng: np.random.Generator) -> Counted:
        """Output spikes (n, neurons) of samples (n, inputs) from 0 to 1; nothing learns."""
        matrix = self.cells.product(np.eye(self.cells.rows))[0]
        run = _Run.of(self, self.population.still(), matrix)
        return run.shown(self, values, rng, learn=False)

    def learnt(self, values: Floats, rng: np.random.Generator) -> Learnt:
        """What is left after samples (n, inputs) from 0 to 1."""
        run = _Run.of(self, self.population, self.cells.weights)
        counts = run.shown(self, values, rng, learn=True)
        gain, hardware = float(self.population.r), self.cells.hardware
        spikes, met = (float(part) for part in run.read)
        volts, low = hardware.read_volts, hardware.used_window().low
        siemens = self.cells.unit * met / gain + low * self.cells.outputs * spikes
        cells = rewritten(
            self.cells,
            run.weight.astype(float) / gain,
            run.writes.T,
            float(volts**2 * siemens * hardware.read_s),
        )
        counted = {
            "presentations": float(len(values)),
            "input_events": spikes,
            "output_spikes": float(counts.sum()),
        }
        lasting = (run.factor.astype(float),)
        return Learnt(cells=cells, lasting=lasting, answered=counts, counted=counted)


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Run:
    """What the loop moves on."""

    by: LIFStep
    weight: F
    factor: F
    row_sum: Floats
    writes: NDArray[np.int64]
    read: Floats

    @classmethod
    def of(cls, samples: WholeSamples, population: CompetingLIF, weights: Floats) -> _Run:
        weight = (weights * population.r).astype(np.float32)
        return cls(
            by=population.numbers(samples.dt_s, np.float32),
            weight=weight,
            factor=samples.factor.astype(np.float32),
            row_sum=weight.sum(axis=1, dtype=float),
            writes=np.zeros(weight.shape[::-1], np.int64),
            read=np.zeros(2),
        )

    def shown(
        self,
        samples: WholeSamples,
        values: Floats,
        rng: np.random.Generator,
        *,
        learn: bool,
    ) -> Counted:
        counts = np.zeros((len(values), len(self.factor)), np.int16)
        _show(
            seed_words(rng),
            values,
            samples.probability,
            samples.steps,
            self.weight,
            self.factor,
            self.by,
            _numbers(samples, learn=learn),
            learn,
            Shown(counts, self.row_sum, self.writes, self.read),
        )
        return counts


def _numbers(samples: WholeSamples, *, learn: bool) -> Stdp:
    gain, rule, none = float(samples.population.r), samples.rule, np.float32(0)
    target = getattr(rule, "column_sum", None) if learn else None
    numbers = Stdp(
        by_traces=False,
        change=np.zeros(1, np.float32),
        rise=none,
        fall=none,
        bound=none,
        target=gain * float(target or 0.0),
        largest=np.float32(gain * samples.cells.largest),
    )
    if isinstance(rule, LastSpikeSTDP):
        change = gain * rule.table(samples.dt_s)
        return numbers._replace(change=change.astype(np.float32))
    if isinstance(rule, TraceSTDP):
        trace = np.exp(-np.arange(samples.steps) * (samples.dt_s / rule.tau_s))
        return numbers._replace(
            by_traces=True,
            change=trace.astype(np.float32),
            rise=np.float32(rule.rise),
            fall=np.float32(rule.fall),
            bound=np.float32(gain * rule.bound(samples.cells)),
        )
    return numbers
