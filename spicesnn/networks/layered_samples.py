"""Whole samples of layers of integrate-and-fire neurons, compiled: read, or learning by approximate
back-propagation on offset columns of ideal cells, of levels, or of a device under its solved pulses.

The loop answers and learns as it does sample by sample, but for single precision. Reads go through
the wires as they were solved last: between two solves a cell's E/G stays, as in
`Synapses.effective`, which is asked after every few samples whether it still may. Read noise is a
factor on each cell's effective conductance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.mapping import Offset
from spicesnn.encoding.events import seed_words
from spicesnn.networks.layered_loop import (
    COMPENSATED,
    COUNTED,
    IDEAL,
    LEVELS,
    UNCOMPENSATED,
    F,
    Fired,
    Layer,
    Reads,
    count_few,
    show_samples,
)
from spicesnn.networks.populations import IF
from spicesnn.networks.rules import SpikingBP
from spicesnn.networks.rules.batch import check_labels
from spicesnn.networks.synapses import Ideal, Levels, PulseMap, Synapses
from spicesnn.networks.synapses.ideal import gains_of, rewritten
from spicesnn.networks.synapses.loops import even_states, other_flaws
from spicesnn.nonidealities.compiled import POOL

_UNASKED = 25
"""Samples between two questions whether wires have to be solved anew."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class LayeredSamples:
    """Populations of integrate-and-fire neurons, each behind one dense projection from the one
    before.

    Attributes
    ----------
    names : tuple of str
        Of the projections.
    populations : tuple of IF
    cells : tuple of Synapses
    rule : SpikingBP, optional
        Of all projections.
    probability : float
        Of an input spike in a step at value 1.
    steps : int
        Time steps of a sample.
    """

    names: tuple[str, ...]
    populations: tuple[IF, ...]
    cells: tuple[Synapses, ...]
    rule: SpikingBP | None
    probability: float
    steps: int

    @property
    def readable(self) -> bool:
        """Whether one matrix a layer, and read noise, say what every spike does."""
        return all(cells.read_by_matrix(noisy=_about_a_middle(cells)) for cells in self.cells) and (
            len({cells.read_noise for cells in self.cells}) == 1
        )

    @property
    def teachable(self) -> bool:
        """Whether it can learn in this loop."""
        rule = self.rule
        known = rule is not None and rule.batch == 1 and self.readable
        return known and all(_kind_of(cells) is not None for cells in self.cells)

    def spikes(self, values: Floats, words: NDArray[np.uint64], rng: np.random.Generator) -> Fired:
        """Output spikes (n, steps, outputs) of samples (n, inputs) from 0 to 1; nothing learns.

        Parameters
        ----------
        values : (n, inputs)
        words : (4,)
            State of the generator of input spikes, moved on.
        rng : Generator
            Of read noise.
        """
        matrices = tuple(np.ascontiguousarray(c.read_weights, np.float32) for c in self.cells)
        layers = tuple(_unused(matrix) for matrix in matrices)
        nobody = np.zeros(0, np.int64)
        return self._shown(words, values, nobody, matrices, self._reads(rng), layers)[0]

    def learnt(
        self,
        values: Floats,
        labels: NDArray[np.int64],
        rng: np.random.Generator,
        progress: float,
    ) -> dict[str, Synapses]:
        """Synapses of all projections after samples (n, inputs) from 0 to 1 of the outputs `labels`
        (n,); `progress` of the training, 0 to 1, is over."""
        assert self.rule is not None
        check_labels(labels, self.cells[-1].outputs)
        pools = _pools(self.cells, rng)
        words, reads = seed_words(rng), self._reads(rng)
        rates = self.rule.rates_at(len(self.cells), progress)
        wired = any(not cells.hardware.ideal_wires for cells in self.cells)
        cells, piece = self.cells, _UNASKED if wired else COUNTED
        layers = tuple(_layer(*each) for each in zip(cells, rates, pools, strict=True))
        driven, counted = np.zeros(len(cells)), 0
        for begin in range(0, len(values), piece):
            some = slice(begin, begin + piece)
            seen = tuple(layer.seen for layer in layers)
            _, met = self._shown(words, values[some], labels[some], seen, reads, layers)
            driven, counted = driven + met, counted + piece
            if counted + piece > COUNTED:
                for layer in layers:
                    count_few(layer)
                counted = 0
            if any(_stale(*each) for each in zip(cells, layers, strict=True)):
                cells = _moved(cells, layers, driven)
                layers = tuple(_layer(*each) for each in zip(cells, rates, pools, strict=True))
                driven, counted = np.zeros(len(cells)), 0
        return dict(zip(self.names, _moved(cells, layers, driven), strict=True))

    def _shown(
        self,
        words: NDArray[np.uint64],
        values: Floats,
        labels: NDArray[np.int64],
        matrices: tuple[F, ...],
        reads: Reads,
        layers: tuple[Layer, ...],
    ) -> tuple[Fired, Floats]:
        values = np.ascontiguousarray(values)
        spikes = np.zeros((len(values), self.steps, self.cells[-1].outputs), np.uint8)
        driven = np.zeros(len(layers))
        show_samples(
            words, values, labels, self.probability, matrices, reads, layers, spikes, driven
        )
        return spikes, driven

    def _reads(self, rng: np.random.Generator) -> Reads:
        sizes = [self.cells[0].rows, *(cells.outputs for cells in self.cells)]
        relative, noise = self.cells[0].read_noise, np.zeros(0, np.float32)
        if relative:
            noise = (relative * rng.standard_normal(POOL + max(sizes))).astype(np.float32)
        middles = [_middle(c) * 2 * c.largest / c.hardware.used_window().span for c in self.cells]
        every = [getattr(c.columns, "every", 0) or c.outputs for c in self.cells]
        return Reads(
            begins=np.cumsum([0, *sizes]),
            thresholds=np.array([float(p.v_threshold) for p in self.populations], np.float32),
            noise=noise,
            middles=np.array(middles, np.float32),
            every=np.array(every),
        )


def _middle(cells: Synapses) -> float:
    window = cells.hardware.used_window()
    return 0.5 * (window.low + window.high)


def _about_a_middle(cells: Synapses) -> bool:
    """Whether weights are differences to reference columns in the middle of the window."""
    return isinstance(cells.columns, Offset) and cells.columns.reference == 0.5


def _kind_of(cells: Synapses) -> int | None:
    """How the loop moves such cells; None if it does not know."""
    kind, wrong = cells.kind, other_flaws(cells)
    if not _about_a_middle(cells):
        return None
    if type(kind) in (Ideal, Levels):
        if wrong == {"states"} and kind.imperfections.cycle_to_cycle is None and even_states(cells):
            return LEVELS
        return None if wrong else IDEAL
    if type(kind) is PulseMap and not wrong and not kind.wired_writes:
        return {"compensated": COMPENSATED, "uncompensated": UNCOMPENSATED}.get(kind.amplitude)
    return None


def _pools(cells: tuple[Synapses, ...], rng: np.random.Generator) -> list[F]:
    """Random numbers that the changes of each layer are read from, one pool for layers alike."""
    found = dict[float, F]()
    return [_pool(each, rng, found) for each in cells]


def _pool(cells: Synapses, rng: np.random.Generator, known: dict[float, F]) -> F:
    cycles = cells.kind.imperfections.cycle_to_cycle
    if _kind_of(cells) == LEVELS:
        if -1.0 not in known:
            known[-1.0] = rng.random(POOL).astype(np.float32)
        return known[-1.0]
    if cycles is None:
        return np.ones(1, np.float32)
    if cycles.relative not in known:
        normal = rng.normal(size=POOL)
        known[cycles.relative] = (1.0 + cycles.relative * normal).astype(np.float32)
    return known[cycles.relative]


def _changes(cells: Synapses) -> F:
    """What pulses do to cells of a device, (2, amplitudes, states), as fractions of the window."""
    kind, window = cells.kind, cells.hardware.used_window()
    if not isinstance(kind, PulseMap):
        return np.zeros((2, 1, 2), np.float32)
    if kind.amplitude == "uncompensated":
        return kind.uncompensated[0].table
    limits = kind.maps()[0]
    at = np.linspace(window.low, window.high, limits.at.size)
    sides = [np.interp(at, limits.at, side) / window.span for side in (limits.up, limits.down)]
    return np.array(sides, np.float32)[:, None, :]


def _gains(cells: Synapses) -> F:
    """Factors on changes of the weights; empty where nothing is stuck or varies."""
    gain, stuck, columns = gains_of(cells.array), cells.array.stuck, cells.columns
    if stuck is None and np.ndim(gain) == 0:
        return np.zeros((0, 0), np.float32)
    found = np.broadcast_to(np.asarray(gain, dtype=float), cells.array.shape)
    if stuck is not None:
        found = np.where(stuck, 0.0, found)
    assert isinstance(columns, Offset)
    return np.ascontiguousarray(found[:, columns.places(cells.outputs)], np.float32)


def _layer(cells: Synapses, rate: float, pool: F) -> Layer:
    columns, states = cells.columns, cells.kind.imperfections.states
    assert isinstance(columns, Offset)
    kind = _kind_of(cells)
    assert kind is not None
    weight = np.ascontiguousarray(cells.weights, np.float32)
    seen, part, offset = weight, *(np.zeros((0, 0), np.float32) for _ in range(2))
    effective = cells.effective
    assert effective is not None
    places, half_unit = columns.places(cells.outputs), 0.5 * cells.unit
    if not cells.hardware.ideal_wires:
        own = cells.siemens[:, places]
        share = np.divide(effective[:, places], own, out=np.ones(own.shape), where=own > 0)
        part = np.ascontiguousarray(share, np.float32)
        offset = np.ascontiguousarray(cells.read_weights - part * cells.weights, np.float32)
        seen = part * weight + offset
    return Layer(
        weight=weight,
        seen=seen,
        part=part,
        offset=offset,
        base=effective.sum(axis=1) - half_unit * seen.sum(axis=1, dtype=float),
        half_unit=half_unit,
        largest=np.float32(cells.largest),
        rate=np.float32(rate),
        step=np.float32(2 * cells.largest / (states.siemens.size - 1) if states is not None else 1),
        kind=kind,
        change=_changes(cells),
        gain=_gains(cells),
        random=pool,
        pulses=np.zeros(weight.shape, np.int64),
        few=np.zeros(weight.shape, np.uint8),
        spent=np.zeros(4),
    )


def _unused(matrix: F) -> Layer:
    """A layer that nothing is asked of: the loop is compiled once for reading and learning."""
    none, number = np.zeros((0, 0), np.float32), np.float32(0.0)
    return Layer(
        weight=matrix,
        seen=matrix,
        part=none,
        offset=none,
        base=np.zeros(0),
        half_unit=0.0,
        largest=number,
        rate=number,
        step=number,
        kind=IDEAL,
        change=np.zeros((2, 1, 2), np.float32),
        gain=none,
        random=np.ones(1, np.float32),
        pulses=np.zeros((0, 0), np.int64),
        few=np.zeros((0, 0), np.uint8),
        spent=np.zeros(4),
    )


def _stale(cells: Synapses, layer: Layer) -> bool:
    """Whether a column has moved so far since its tile was solved that it has to be solved anew."""
    seen = cells.seen
    if cells.hardware.ideal_wires or seen is None:
        return False
    assert isinstance(cells.columns, Offset)
    places, unit = cells.columns.places(cells.outputs), 0.5 * cells.unit
    then = cells.columns.weights(seen.siemens, cells.hardware.used_window()) * cells.largest
    moved = unit * np.abs(layer.weight - then.astype(np.float32)).sum(axis=0, dtype=float)
    tolerated = cells.kind.wire_tolerance * seen.siemens[:, places].sum(axis=0)
    return bool(np.any(moved > tolerated))


def _moved(
    cells: tuple[Synapses, ...], layers: tuple[Layer, ...], driven: Floats
) -> tuple[Synapses, ...]:
    """Synapses as the loop has left them."""
    return tuple(_back(*each) for each in zip(cells, layers, driven, strict=True))


def _back(cells: Synapses, layer: Layer, driven: float) -> Synapses:
    count_few(layer)
    hardware, kind = cells.hardware, cells.kind
    weight, spent = layer.weight.astype(float), 0.0
    if layer.kind == LEVELS:  # sums in single precision wander off the levels
        assert kind.imperfections.states is not None
        step = 2 * cells.largest / (kind.imperfections.states.siemens.size - 1)
        weight = step * np.rint((weight + cells.largest) / step) - cells.largest
    if isinstance(kind, PulseMap):
        totals, counts = layer.spent.reshape(2, 2).T
        set_siemens, reset_siemens = 0.5 * cells.unit * totals + _middle(cells) * counts
        spent = kind.pulses.joule(float(set_siemens), float(reset_siemens))
    read = hardware.read_volts**2 * hardware.read_s * driven
    return rewritten(cells, weight, layer.pulses, float(read), spent)
