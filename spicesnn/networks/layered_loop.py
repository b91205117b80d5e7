# mypy: disable-error-code="no-any-return,return-value,assignment,arg-type,type-var"
"""The compiled loop over whole samples of layers of integrate-and-fire neurons: spikes through all
of them, the error in spikes, updates of all weights.

Input spikes are those of `encoding.bernoulli`, the update is that of `rules.SpikingBP`, and cells do
what the kinds of `synapses` do, all in single precision. One number is drawn for every row that is
written, whether its cells need one or not, so that cells of every kind are shown the same spikes as
long as the same rows are written."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.encoding.bernoulli import chances, spikes_of_step
from spicesnn.encoding.events import draw
from spicesnn.jit import compiled
from spicesnn.networks.competition import integrated
from spicesnn.nonidealities.compiled import POOL
from spicesnn.programming.uncompensated import decades_of, step_at

F: TypeAlias = NDArray[np.float32]
Fired: TypeAlias = NDArray[np.uint8]
_U = np.uint64
IDEAL, LEVELS, COMPENSATED, UNCOMPENSATED = range(4)
"""How a cell answers to a wanted change: by it; by whole steps between levels, drawn so that their
mean is right; by it up to what the strongest pulse does; as the amplitude for this change does."""
COUNTED = 2**8 - 1
"""Samples in which 8 bits count the pulses of a cell."""


class Layer(NamedTuple):
    """One projection and what it leads to, in the precision that the loop computes in.

    Attributes
    ----------
    weight, seen : (rows, outputs)
        The weights, and as neurons read them: the same array where wires have no resistance.
    part, offset : (rows, outputs) or (0, 0)
        What wires make of a weight, ``seen = part·weight + offset``; empty without wires.
    base : (rows,)
        Siemens that a word line drives beside those of the weights: of references, and of cells at
        weight 0.
    half_unit : float
        Siemens of a weight of 1 beside its reference.
    largest, rate, step : float
        Bound of the weights; change by a spike at full error; distance of two levels.
    kind : int
    change : (2, amplitudes, states)
        What pulses do, as fractions of the window.
    gain : (rows, outputs) or (0, 0)
        Factors on changes, 0 for stuck cells; empty where all are 1.
    random : (pool,)
        Factors of cycle-to-cycle variation, or even numbers from 0 to 1 for levels.
    pulses, few : (rows, outputs)
        Pulses of each cell, added to; those of the last samples, in 8 bits.
    spent : (4,)
        Mean weights during set pulses, added up, the number of these pulses, and the same of reset
        pulses.
    """

    weight: F
    seen: F
    part: F
    offset: F
    base: Floats
    half_unit: float
    largest: np.float32
    rate: np.float32
    step: np.float32
    kind: int
    change: F
    gain: F
    random: F
    pulses: NDArray[np.int64]
    few: NDArray[np.uint8]
    spent: Floats


class Reads(NamedTuple):
    """What reads of all layers need.

    Attributes
    ----------
    begins : (layers + 2,)
        Where each population begins among all neurons, the inputs first.
    thresholds : (layers,)
    noise : (`POOL` + neurons,) or (0,)
        Normal numbers times the relative read noise; empty without it.
    middles : (layers,)
        Weight that the middle of the window would be.
    every : (layers,)
        Outputs that share a reference line.
    """

    begins: NDArray[np.int64]
    thresholds: F
    noise: F
    middles: F
    every: NDArray[np.int64]


# -- parts of the loop ----------------------------------------------------------------------------


@compiled(part=True)
def _deliver(v: F, weight: F, spiking: NDArray[np.int32], heard: int) -> None:
    """Add the rows of all neurons that spike to the membranes, three at a time: they are loaded and
    stored once for them."""
    one, n = np.float32(1.0), 0
    while n < heard - 2:
        a, b, c = spiking[n], spiking[n + 1], spiking[n + 2]
        for j in range(v.size):
            x = integrated(v[j], weight[a, j], one)
            v[j] = integrated(integrated(x, weight[b, j], one), weight[c, j], one)
        n += 3
    while n < heard:
        a = spiking[n]
        for j in range(v.size):
            v[j] = integrated(v[j], weight[a, j], one)
        n += 1


@compiled(fastmath=True, part=True)
def _add_noisily(v: F, row: F, noise: F, middle: np.float32, reference: np.float32) -> None:
    for j in range(v.size):
        v[j] += row[j] + (row[j] + middle) * noise[j] - reference


@compiled(fastmath=True)
def deliver_noisily(
    words: NDArray[np.uint64],
    v: F,
    weight: F,
    spiking: NDArray[np.int32],
    heard: int,
    reads: Reads,
    number: int,
) -> None:
    """The same for layer `number`, every cell and every reference line of every read with noise of
    its own: numbers of the pool from two places on that are drawn.

    Behind a reference line a weight is the conductance of a cell less that of the middle of the
    window. A relative noise of a read is one of the conductance: the cell's is weight + middle, and
    the reference's, which all neurons beside it share, is middle."""
    every, middle, noise, places = (
        reads.every[number],
        reads.middles[number],
        reads.noise,
        _U(POOL - 1),
    )
    for n in range(heard):
        i = spiking[n]
        for begin in range(0, v.size, every):
            bits = draw(words)
            own, other = np.uint64(bits & places), np.uint64((bits >> _U(32)) & places)
            end = min(begin + every, v.size)
            _add_noisily(
                v[begin:end], weight[i, begin:end], noise[own:], middle, middle * noise[other]
            )


@compiled(part=True)
def _fire(v: F, threshold: np.float32, count: F, spiking: NDArray[np.int32], taken: Floats) -> int:
    """Let neurons above their threshold spike and begin again from 0; write which they are, return
    how many; `taken` (1,) adds up what their membranes held."""
    fired = 0
    for j in range(v.size):
        if v[j] > threshold:
            taken[0] += v[j]
            v[j] = np.float32(0.0)
            count[j] += np.float32(1.0)
            spiking[fired] = j
            fired += 1
    return fired


@compiled(fastmath=True, part=True)
def _dot(row: F, error: F) -> np.float32:
    total = np.float32(0.0)
    for k in range(error.size):
        total += row[k] * error[k]
    return total


@compiled(fastmath=True, part=True)
def _errors(count: F, label: int, steps: int, error: F) -> bool:
    """Write the errors of outputs that have spiked so often; say whether there are any."""
    wrong = False
    for k in range(count.size):
        error[k] = -count[k] / np.float32(steps)
        if k == label:
            error[k] += np.float32(1.0)
        wrong |= error[k] != np.float32(0.0)
    return wrong


@compiled(fastmath=True, part=True)
def _asked(change: F, kind: int, asked: NDArray[np.uint8], decades: F) -> None:
    """Write which outputs' cells are pulsed, and how large their changes are where an amplitude is
    chosen by that."""
    for k in range(change.size):
        asked[k] = np.uint8(change[k] != np.float32(0.0))
    if kind == UNCOMPENSATED:
        for k in range(change.size):
            decades[k] = decades_of(abs(change[k]))


@compiled(fastmath=True, part=True)
def _write(
    layer: Layer, row: F, gain: F, factor: np.float32, change: F, decades: F, place: int
) -> None:
    """Ask the cells of a row for ``factor * change``, random numbers being read from `place` on;
    `gain` is empty where all cells are alike."""
    largest, step, random = layer.largest, layer.step, layer.random
    mask = random.size - 1
    if layer.kind == IDEAL and random.size == 1:
        if gain.size > 0:
            for j in range(row.size):
                by = gain[j] * (factor * change[j])
                row[j] = min(max(row[j] + by, -largest), largest)
        else:
            for j in range(row.size):
                row[j] = min(max(row[j] + factor * change[j], -largest), largest)
    elif layer.kind == IDEAL:
        if gain.size > 0:
            for j in range(row.size):
                by = gain[j] * (factor * change[j]) * random[(place + j) & mask]
                row[j] = min(max(row[j] + by, -largest), largest)
        else:
            for j in range(row.size):
                by = factor * change[j] * random[(place + j) & mask]
                row[j] = min(max(row[j] + by, -largest), largest)
    elif layer.kind == LEVELS:
        if gain.size > 0:
            for j in range(row.size):
                by = gain[j] * (factor * change[j])
                by = np.floor(by / step + random[(place + j) & mask]) * step
                row[j] = min(max(row[j] + by, -largest), largest)
        else:
            for j in range(row.size):
                by = np.floor(factor * change[j] / step + random[(place + j) & mask])
                row[j] = min(max(row[j] + by * step, -largest), largest)
    elif layer.kind == COMPENSATED:
        _write_compensated(layer, row, gain, factor, change, place)
    else:
        _write_uncompensated(layer, row, gain, factor, change, decades, place)


@compiled(fastmath=True, part=True)
def _write_compensated(
    layer: Layer, row: F, gain: F, factor: np.float32, change: F, place: int
) -> None:
    """The same for cells of a device that does what is wanted up to what its strongest pulse does;
    add up the weights that pulses meet."""
    largest, random, zero = layer.largest, layer.random, np.float32(0.0)
    mask, window, last = random.size - 1, np.float32(2.0) * largest, layer.change.shape[2] - 1
    scale, up, ups, down, downs = np.float32(last) / window, zero, zero, zero, zero
    for j in range(row.size):
        before, wanted = row[j], factor * change[j]
        across = (before + largest) * scale
        k = min(np.int64(across), last - 1)
        g = across - np.float32(k)
        most = layer.change[0, 0, k] + g * (layer.change[0, 0, k + 1] - layer.change[0, 0, k])
        least = layer.change[1, 0, k] + g * (layer.change[1, 0, k + 1] - layer.change[1, 0, k])
        step = min(max(wanted, window * least), window * most)
        by = step * random[(place + j) & mask]
        by = by * gain[j] if gain.size > 0 else by
        row[j] = min(max(before + by, -largest), largest)
        rises, falls = np.float32(change[j] > zero), np.float32(change[j] < zero)
        up, ups = up + rises * (before + row[j]), ups + rises
        down, downs = down + falls * (before + row[j]), downs + falls
    _spend(layer, up, ups, down, downs)


@compiled(fastmath=True, part=True)
def _write_uncompensated(
    layer: Layer, row: F, gain: F, factor: np.float32, change: F, decades: F, place: int
) -> None:
    """The same for cells of a device whose amplitudes follow from the wanted change alone."""
    largest, random, zero = layer.largest, layer.random, np.float32(0.0)
    mask, window = random.size - 1, np.float32(2.0) * largest
    more, up, ups, down, downs = decades_of(factor / window), zero, zero, zero, zero
    for j in range(row.size):
        before, rising = row[j], change[j] > zero
        share = (before + largest) / window
        step = window * step_at(layer.change, rising, decades[j] + more, share)
        by = step * random[(place + j) & mask]
        by = by * gain[j] if gain.size > 0 else by
        row[j] = min(max(before + by, -largest), largest)
        rises, falls = np.float32(change[j] > zero), np.float32(change[j] < zero)
        up, ups = up + rises * (before + row[j]), ups + rises
        down, downs = down + falls * (before + row[j]), downs + falls
    _spend(layer, up, ups, down, downs)


@compiled(part=True)
def _spend(
    layer: Layer, up: np.float32, ups: np.float32, down: np.float32, downs: np.float32
) -> None:
    layer.spent[0] += 0.5 * up
    layer.spent[1] += ups
    layer.spent[2] += 0.5 * down
    layer.spent[3] += downs


@compiled(fastmath=True, part=True)
def _sum(values: F) -> np.float32:
    total = np.float32(0.0)
    for value in values:
        total += value
    return total


@compiled(fastmath=True, part=True)
def _follow(layer: Layer, i: int, asked: NDArray[np.uint8]) -> None:
    """After a row was written: count its pulses, and say how it is read from now on."""
    seen, few = layer.seen[i], layer.few[i]
    for j in range(seen.size):
        few[j] += asked[j]
    if layer.part.shape[0] > 0:
        row, part, offset = layer.weight[i], layer.part[i], layer.offset[i]
        for j in range(seen.size):
            seen[j] = part[j] * row[j] + offset[j]


@compiled
def count_few(layer: Layer) -> None:
    """Put the pulses of the last samples to all others."""
    pulses, few = layer.pulses.reshape(-1), layer.few.reshape(-1)
    for n in range(few.size):
        pulses[n] += few[n]
        few[n] = 0


@compiled
def show_samples(
    words: NDArray[np.uint64],
    values: Floats,
    labels: NDArray[np.int64],
    probability: float,
    matrices: tuple[F, ...],
    reads: Reads,
    layers: tuple[Layer, ...],
    spikes: Fired,
    driven: Floats,
) -> None:
    """Show samples one after the other, and learn from each where there is something to learn.

    Parameters
    ----------
    words : (4,)
        State of the generator, moved on.
    values : (n, inputs)
        From 0 to 1.
    labels : (n,)
        Outputs that should answer; empty: nothing learns.
    probability : float
        Of a spike in a step at value 1.
    matrices : (rows, outputs) a layer
        What neurons see of the weights: `Layer.seen` where something learns.
    reads : Reads
    layers : tuple of Layer
        Moved on.
    spikes : (n, steps, outputs)
        Of the output population, added to.
    driven : (layers,)
        Siemens that spikes met, added to. What a weight adds to them is what the membranes have
        taken up.
    """
    begins, learn, steps = reads.begins, labels.size > 0, spikes.shape[1]
    count, v = np.empty(begins[-1], np.float32), np.empty(begins[-1], np.float32)
    error, asked = np.empty(begins[-1], np.float32), np.empty(begins[-1], np.uint8)
    decades, none = np.empty(begins[-1], np.float32), np.empty(0, np.float32)
    inputs, last, zero = begins[1], len(matrices), np.float32(0.0)
    taken = np.zeros(last)
    active, chance = np.empty(inputs, np.int32), np.empty(inputs, np.uint64)
    spiking = np.empty(begins[-1] + 1, np.int32)
    for q in range(values.shape[0]):
        lit = chances(values[q], probability, active, chance)
        count[:], v[:], taken[:] = zero, zero, 0.0
        for step in range(steps):
            heard = spikes_of_step(words, lit, active, chance, spiking)
            for n in range(heard):
                count[spiking[n]] += np.float32(1.0)
            for at in range(last):
                begin, end = begins[at + 1], begins[at + 2]
                if reads.noise.size > 0:
                    deliver_noisily(words, v[begin:end], matrices[at], spiking, heard, reads, at)
                else:
                    _deliver(v[begin:end], matrices[at], spiking, heard)
                heard = _fire(
                    v[begin:end], reads.thresholds[at], count[begin:end], spiking, taken[at:]
                )
            for n in range(heard):
                spikes[q, step, spiking[n]] = 1
        if not learn:
            continue
        out = slice(begins[last], begins[last + 1])
        wrong = _errors(count[out], labels[q], steps, error[out])
        for at in range(last - 1, -1, -1):
            layer, rows = layers[at], lit if at == 0 else begins[at + 1] - begins[at]
            taken[at] += _sum(v[begins[at + 1] : begins[at + 2]])
            driven[at] += layer.half_unit * taken[at]
            change = error[begins[at + 1] : begins[at + 2]]
            pulsed = asked[: change.size]
            if wrong:
                _asked(change, layer.kind, pulsed, decades)
            for m in range(rows):
                i = np.int64(active[m]) if at == 0 else m
                j = begins[at] + i
                driven[at] += count[j] * layer.base[i]
                if not wrong:
                    continue
                error[j] = zero
                if count[j] > zero:
                    if at > 0:
                        error[j] = _dot(layer.seen[i], change)
                    place = np.int64(draw(words) >> _U(40))
                    if layer.rate == zero:
                        continue
                    gain = layer.gain[i] if layer.gain.shape[0] > 0 else none
                    factor = layer.rate * count[j]
                    _write(layer, layer.weight[i], gain, factor, change, decades, place)
                    _follow(layer, i, pulsed)
