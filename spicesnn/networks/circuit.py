"""A network on a chip as decks: arrays with their wires, neurons between them and the inputs of
samples, for a bare ``ngspice -b``.

A small network is one deck. A larger one is cut between its layers into blocks, each of which is
shown what the blocks before it put out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from spicesnn import paths
from spicesnn._version import __version__
from spicesnn.crossbar.wires import in_words
from spicesnn.devices.importers.cards import fold
from spicesnn.errors import InputError
from spicesnn.netlist.accuracy import TransientAccuracy
from spicesnn.netlist.batch import run_batch
from spicesnn.netlist.cells import Cards
from spicesnn.netlist.deck import number, print_cards, pwl, save_cards
from spicesnn.networks import evaluate
from spicesnn.networks.circuit_clocks import Timing, slots_of
from spicesnn.networks.circuit_nodes import Signals, Writer, instances
from spicesnn.networks.graph import Stage
from spicesnn.networks.mapped_network import MappedNetwork
from spicesnn.networks.nodes import Values
from spicesnn.networks.populations import Population
from spicesnn.networks.structure import Structure

MOST_CELLS = 4000
"""Cells of a block: ngspice takes minutes for a hundred time steps of them."""
_CHARGE = 1e-7
"""Tolerance of a membrane's charge, over that of 1 V."""
_POPULATIONS = ("clocked_membrane.lib", "clocked_lif.lib", "sample_hold.lib")


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Probe:
    """A node that a deck shows.

    Attributes
    ----------
    name : str
    signals : tuple of str
        SPICE node of each value.
    slot : int or None
        Slot in which it decides; None for what follows without a clock.
    spiking : bool
    expected : (samples, steps, values)
        What the chip's controller computes.
    """

    name: str
    signals: tuple[str, ...]
    slot: int | None
    spiking: bool
    expected: Values


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Comparison:
    """What ngspice says of a deck, beside what the controller says.

    Attributes
    ----------
    values : mapping of node name to (samples, steps, values)
        As ngspice solved them.
    first_spike_s, expected_first_spike_s : mapping of node name to (samples, neurons)
        Of nodes that spike, in the network's time; inf for silence.
    spikes_equal : bool
        Whether every neuron spikes in the same steps.
    max_time_error : float
        Largest difference of first spikes, over the window (inf where one is missing).
    max_value_error : float
        Of nodes that do not spike: largest difference over the largest value.
    """

    values: Mapping[str, Values]
    first_spike_s: Mapping[str, Values]
    expected_first_spike_s: Mapping[str, Values]
    spikes_equal: bool
    max_time_error: float
    max_value_error: float


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class ChipDeck:
    """One block of a network as a deck.

    Attributes
    ----------
    text : str
    nodes : tuple of str
        Nodes of the network in it.
    probes : tuple of Probe
    timing : Timing
    samples, steps : int
    dt_s : float
        The network's time step, seconds; 0 for networks without time.
    cells : int
    """

    text: str
    nodes: tuple[str, ...]
    probes: tuple[Probe, ...]
    timing: Timing
    samples: int
    steps: int
    dt_s: float
    cells: int

    @property
    def sample_s(self) -> float:
        """Duration of one sample: its steps, and one that clears the neurons."""
        return (self.steps + (self.timing.slots > 0)) * self.timing.step_s

    def simulate(self, timeout_s: float = 1800.0) -> Comparison:
        """Run the deck by a bare ``ngspice -b`` and compare it with the controller.

        Raises
        ------
        NgspiceError, NgspiceTimeoutError
            ngspice failed, or took too long.
        """
        run = run_batch(self.text, timeout_s=timeout_s)
        at = (
            np.arange(self.samples)[:, None] * self.sample_s
            + (np.arange(self.steps) + 1) * self.timing.step_s
            - self.timing.edge_s / 2
        )
        if not self.timing.slots:
            at = at - self.timing.step_s / 2
        values, first, expected = {}, {}, {}
        equal, time_error, value_error = True, 0.0, 0.0
        for probe in self.probes:
            vectors = [
                run[f"v({name})"] if name != "0" else np.zeros_like(run.sweep)
                for name in probe.signals
            ]
            found = np.stack([np.interp(at, run.sweep, vector) for vector in vectors], axis=-1)
            values[probe.name] = found
            if not probe.spiking:
                largest = float(np.abs(probe.expected).max()) or 1.0
                value_error = max(
                    value_error, float(np.abs(found - probe.expected).max()) / largest
                )
                continue
            equal &= bool(np.array_equal(found > 0.5, probe.expected > 0.5))
            first[probe.name] = self._first(run.sweep, vectors, probe)
            expected[probe.name] = _first_of(probe.expected) * self.dt_s
            both = np.isfinite(first[probe.name]) | np.isfinite(expected[probe.name])
            with np.errstate(invalid="ignore"):
                late = np.abs(first[probe.name] - expected[probe.name])[both]
            window = self.steps * (self.dt_s or 1.0)
            time_error = max(
                time_error, float(np.nan_to_num(late, nan=np.inf).max(initial=0.0)) / window
            )
        return Comparison(
            values=values,
            first_spike_s=first,
            expected_first_spike_s=expected,
            spikes_equal=equal,
            max_time_error=time_error,
            max_value_error=value_error,
        )

    def _first(self, time: Values, vectors: list[Values], probe: Probe) -> Values:
        """When each latch first decided, in the network's time: a decision of step k counts as k ·
        dt.

        A latch crosses one half ln 2 time constants after its clock has risen.
        """
        first = np.full((self.samples, len(vectors)), np.inf)
        begin = self.timing.edge_s / 2 + self.timing.settle_s * np.log(2.0)
        begin += self.timing.starts(probe.slot)[1] if probe.slot is not None else 0.0
        scale = self.dt_s / self.timing.step_s
        for k, volts in enumerate(vectors):
            for at in np.flatnonzero((volts[1:] >= 0.5) & (volts[:-1] < 0.5)):
                when = time[at] + (0.5 - volts[at]) / (volts[at + 1] - volts[at]) * (
                    time[at + 1] - time[at]
                )
                sample = min(int(when // self.sample_s), self.samples - 1)
                within = when - sample * self.sample_s
                if within < self.steps * self.timing.step_s:
                    first[sample, k] = min(first[sample, k], (within - begin) * scale)
        return first


def chip_decks(
    chip: MappedNetwork, x: ArrayLike, *, most_cells: int = MOST_CELLS, title: str = ""
) -> tuple[ChipDeck, ...]:
    """See `Chip.decks`."""
    network = chip.network
    taken = network.taken(x)
    kept = frozenset({network.source, *network.nodes})
    known = evaluate.run(network, taken, chip.products(), keep=kept)
    values = {
        name: v.reshape(len(taken), -1, int(np.prod(network.shapes[name])))
        for name, v in known.items()
    }
    blocks = _blocks(chip, most_cells)
    return tuple(
        _deck(
            chip,
            block,
            values,
            f"{title or 'network on a chip'}{f', block {k + 1} of {len(blocks)}' if len(blocks) > 1 else ''}",
        )
        for k, block in enumerate(blocks)
    )


def _blocks(chip: MappedNetwork, most_cells: int) -> list[list[Stage]]:
    """Stages in order, cut where the cells of a block would become too many.

    Raises
    ------
    InputError
        One layer alone has more cells.
    """
    network = chip.network
    shapes = {name: network.shapes[network.inputs_of(name)[0]] for name in chip.layers}
    cells = instances(chip.layers, shapes)
    blocks: list[list[Stage]] = [[]]
    held = 0
    for stage in network.stages:
        if stage.nodes == (network.source,):
            continue
        own = sum(cells.get(name, 0) for name in stage.nodes)
        if own > most_cells:
            raise InputError(
                f"layer {stage.nodes[0]!r} has {own} cells in a deck (its arrays, once for each"
                f" place at which they are used); a block takes at most {most_cells}"
            )
        if held + own > most_cells:
            blocks.append([])
            held = 0
        blocks[-1].append(stage)
        held += own
    return blocks


def _slots(network: Structure, stages: list[Stage]) -> tuple[dict[str, int], int]:
    """The slot in which each population of a block decides, and how many there are."""
    depth: dict[str, int] = {}
    slot: dict[str, int] = {}
    for stage in stages:
        for name in stage.nodes:
            before = max(
                (
                    depth.get(source, 0)
                    for source in network.inputs_of(name)
                    if (source, name) not in stage.delayed
                ),
                default=0,
            )
            node = network.nodes[name]
            if isinstance(node, Population):
                slot[name] = before
                before += slots_of(node)
            depth[name] = before
    for stage in stages:
        for source, target in stage.delayed:
            _check_delayed(network, stage, source, target, slot)
    return slot, max((slot[name] + slots_of(network.nodes[name]) for name in slot), default=0)  # type: ignore[arg-type]


def _check_delayed(
    network: Structure, stage: Stage, source: str, target: str, slot: Mapping[str, int]
) -> None:
    """A connection that hands over the step before does so in a circuit if all it depends on
    decides later than its target integrates."""

    def back(name: str, seen: set[str]) -> set[str]:
        if name == network.source or isinstance(network.nodes[name], Population):
            return {name}
        found: set[str] = set()
        for other in network.inputs_of(name):
            if (other, name) in stage.delayed:
                raise _undelayable(source, target)
            if other not in seen:
                found |= back(other, seen | {other})
        return found

    def ahead(name: str) -> set[str]:
        if isinstance(network.nodes[name], Population):
            return {name}
        following = [t for s, t in network.edges if s == name and (s, t) not in stage.delayed]
        return set().union(*(ahead(t) for t in following)) if following else set()

    for heard in back(source, {source}):
        for hearer in ahead(target):
            if heard not in slot or slot[heard] + slots_of(network.nodes[heard]) <= slot[hearer]:  # type: ignore[arg-type]
                raise _undelayable(source, target)


def _undelayable(source: str, target: str) -> InputError:
    return InputError(
        f"the connection {source!r} → {target!r} closes a circle and hands over the step before;"
        " without a neuron that holds it there is no circuit for it"
    )


def _deck(
    chip: MappedNetwork, stages: list[Stage], values: Mapping[str, Values], title: str
) -> ChipDeck:
    network = chip.network
    names = [name for stage in stages for name in stage.nodes]
    slot, slots = _slots(network, stages)
    timing = Timing(read_s=chip.hardware.read_s, slots=slots)
    samples, steps = (int(k) for k in values[network.source].shape[:2])
    cards = Cards()
    writer = Writer(cards=cards, timing=timing, dt_s=network.dt_s)
    _head(cards, title, chip, names, timing)
    sample_s = (steps + (slots > 0)) * timing.step_s
    duration = samples * sample_s
    cards.comment("---- clocks and inputs")
    cards.extend(timing.clocks())
    if slots:
        clear = (
            steps * timing.step_s,
            timing.edge_s,
            timing.edge_s,
            timing.step_s - 3 * timing.edge_s,
            sample_s,
        )
        cards.add(f"vclear clear 0 pulse(0 1 {' '.join(number(t) for t in clear)})")
        for name in _POPULATIONS:
            cards.extend(
                [f"* ---- {name}", *paths.model_file(name).read_text(encoding="utf-8").splitlines()]
            )
    signals: dict[str, Signals] = {}
    order = [name for stage in network.stages for name in stage.nodes]
    outer = dict.fromkeys(
        source for name in names for source in network.inputs_of(name) if source not in names
    )
    for name in outer:
        signals[name] = _inputs(cards, f"in{order.index(name)}", values[name], timing, slots > 0)
    placed = {name: f"n{order.index(name)}" for name in names}
    for stage in stages:
        for name in stage.nodes:
            _write(writer, chip, name, placed[name], signals, slot, stage)
    probes = _probes(network, names, signals, slot, values)
    shown = [f"v({signal})" for probe in probes for signal in probe.signals if signal != "0"]
    cards.extend(save_cards(shown))
    # Phases that sample or reset end where they should however coarsely they are followed;
    # membranes are kept by the largest step.
    accuracy = TransientAccuracy(
        points=10,
        max_step_s=timing.read_s / 16,
        reltol=1e-5,
        vntol=1e-7,
        abstol=1e-10,
        trtol=5000.0,
        chgtol=_CHARGE * timing.read_s,
    )
    cards.add(accuracy.card())
    cards.add(f".{accuracy.analysis(duration)}")
    cards.extend(print_cards("tran", shown[:100]))
    cards.add(".end")
    return ChipDeck(
        text=cards.finished(),
        nodes=tuple(names),
        probes=probes,
        timing=timing,
        samples=samples,
        steps=steps,
        dt_s=network.dt_s if network.temporal else 0.0,
        cells=writer.cells,
    )


def _write(
    writer: Writer,
    chip: MappedNetwork,
    name: str,
    prefix: str,
    signals: dict[str, Signals],
    slot: Mapping[str, int],
    stage: Stage,
) -> None:
    """Write one node; its inputs are there, but for those that a circle hands back, which are named
    here and written later."""
    network = chip.network
    node, sources = network.nodes[name], network.inputs_of(name)
    shape = network.shapes[sources[0]]
    writer.cards.comment(f"---- {network.nodes[name].kind} {name}"[:100])
    parts: list[Signals] = []
    for source in sources:
        if (source, name) in stage.delayed:
            parts.append(
                [f"{prefix}_z{len(parts)}_{k}" for k in range(int(np.prod(network.shapes[source])))]
            )
            signals[f"{source}\n{name}"] = parts[-1]
        else:
            parts.append(signals[source])
    inputs = writer.summed(f"{prefix}_x", parts)
    if isinstance(node, Population):
        signals[name] = writer.population(prefix, node, shape, inputs, slot[name])
    elif name in chip.layers:
        signals[name] = writer.layer(prefix, chip.layers[name], chip.readouts[name], shape, inputs)
    else:
        signals[name] = writer.node(prefix, node, shape, inputs)
    for source, target in stage.delayed:
        if name in (source, target) and source in signals:
            _hand_back(writer, signals, source, target)


def _hand_back(writer: Writer, signals: dict[str, Signals], source: str, target: str) -> None:
    """Join what a circle hands back to the names that its target was given, once both are there."""
    names = signals.pop(f"{source}\n{target}", None)
    if names is None:
        return
    for here, there in zip(names, signals[source], strict=True):
        writer.cards.add(f"v{here} {there} {here} dc 0")


def _first_of(spikes: Values) -> Values:
    """The first step with a spike, (samples, neurons); inf for silence."""
    fired = spikes > 0.5
    return np.where(fired.any(axis=1), fired.argmax(axis=1).astype(float), np.inf)


def _inputs(cards: Cards, prefix: str, values: Values, timing: Timing, clocked: bool) -> Signals:
    """Sources that hold values (samples, steps, size) for a step each, and 0 while the neurons are
    cleared."""
    samples, _, size = values.shape
    held = np.concatenate([values, np.zeros((samples, 1, size))], axis=1) if clocked else values
    flat = held.reshape(-1, size)
    begin = np.arange(len(flat)) * timing.step_s
    found = []
    for k in range(size):
        level = flat[:, k]
        moves = np.flatnonzero(level[1:] != level[:-1]) + 1
        if not len(moves) and level[0] == 0.0:
            found.append("0")
            continue
        time = np.concatenate(
            [[0.0], np.column_stack([begin[moves], begin[moves] + timing.edge_s]).ravel()]
        )
        volts = np.concatenate(
            [[level[0]], np.column_stack([level[moves - 1], level[moves]]).ravel()]
        )
        name = f"{prefix}_{k}"
        cards.add(
            f"v{name} {name} 0 dc {number(level[0])}"
            if len(time) == 1
            else fold(f"v{name} {name} 0 pwl({pwl(time, volts)})")
        )
        found.append(name)
    return found


def _probes(
    network: Structure,
    names: list[str],
    signals: Mapping[str, Signals],
    slot: Mapping[str, int],
    values: Mapping[str, Values],
) -> tuple[Probe, ...]:
    """Populations, the output, and what other blocks are shown."""
    outside = {
        source for source, target in network.edges if source in names and target not in names
    }
    shown = [name for name in names if name in slot or name == network.output or name in outside]
    found = []
    for name in shown:
        node = network.nodes[name]
        spiking = isinstance(node, Population) and node.spiking
        last = slot[name] + slots_of(node) - 1 if isinstance(node, Population) else None
        found.append(
            Probe(
                name=name,
                signals=tuple(signals[name]),
                slot=last,
                spiking=spiking,
                expected=values[name],
            )
        )
    return tuple(found)


def _head(cards: Cards, title: str, chip: MappedNetwork, names: list[str], timing: Timing) -> None:
    wires = chip.hardware.wires
    cards.comment(
        title,
        f"written by spicesnn {__version__}; SI units throughout (V, A, ohm, S, F, s); 1 V stands"
        " for 1 unit of the network's values",
        f"nodes       {', '.join(names)}"[:200],
        f"arrays      {chip.hardware.device.name} cells, states held; {in_words(wires.word_line_ohm)}"
        f" and {in_words(wires.bit_line_ohm)} a segment of a word and a bit line, sense nodes at 0 V",
        f"time        a step of the network is {timing.step_s:g} s: {timing.slots} slot(s) of"
        f" integrate (one read of {timing.read_s:g} s), decide, reset",
    )
