"""How a network learns from samples: shown one after the other, step by step, for local rules; in
batches for the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from spicesnn.encoding.events import seed_words
from spicesnn.networks.evaluate import at_rest
from spicesnn.networks.network import Network
from spicesnn.networks.nodes import Values, Weighted
from spicesnn.networks.on_synapses import OnSynapses
from spicesnn.networks.populations import Population, State
from spicesnn.networks.projections import Projection
from spicesnn.networks.rules.base import Activity, Labels, LocalRule
from spicesnn.networks.synapses import Synapses
from spicesnn.networks.synapses.updates import Update

Learns = TypeVar("Learns", bound=OnSynapses)


def presented(network: Learns, x: Values, rng: np.random.Generator) -> Learns:
    """The network after it has been shown samples one after the other, its local rules learning.

    Parameters
    ----------
    network : OnSynapses
    x : (n, *inputs)
    rng : Generator
        Of input spikes, read noise, and cells.
    """
    whole = network.whole_samples()
    if whole is not None and whole.teachable:
        name, shape = network.projections[0].name, network.lasting[network.output][0].shape
        learnt = whole.learnt(network.flat(x), rng)
        return network.after(
            synapses={name: learnt.cells},
            lasting={network.output: tuple(part.reshape(shape) for part in learnt.lasting)},
            answered=learnt.answered,
            counted=learnt.counted,
        )
    words, entry = seed_words(rng), network.inputs[network.source]
    show = _Show(
        network=network, rng=rng, synapses=dict(network.synapses), lasting=dict(network.lasting)
    )
    alone, presentations, events, spikes = show.alone(), 0, 0.0, 0.0
    for sample in x:
        for tries in range(entry.tries):
            show.spikes = network.encoded(sample[None], rng, words, tries=tries)[0]
            show.begin()
            if alone:
                show.run_alone()
            else:
                show.run()
            show.end()
            found = float(show.answered[-1].sum())
            presentations, spikes = presentations + 1, spikes + found
            events += float(show.spikes.sum())
            if found >= entry.fewest_spikes or tries + 1 == entry.tries:
                break
            show.answered.pop()
    counted = {"presentations": presentations, "output_spikes": spikes}
    if entry.drawn:
        counted["input_events"] = events
    return network.after(
        synapses=show.synapses,
        lasting=show.lasting,
        answered=np.array(show.answered, np.int16),
        counted=counted,
    )


@dataclass(kw_only=True, eq=False)
class _Show:
    """Samples while they are shown."""

    network: OnSynapses
    rng: np.random.Generator
    synapses: dict[str, Synapses]
    lasting: dict[str, State]
    spikes: Values = field(default_factory=lambda: np.zeros((0, 1)))
    states: dict[str, State] = field(default_factory=dict)
    values: dict[str, Values] = field(default_factory=dict)
    before: Mapping[str, Values] = field(default_factory=dict)
    joule: dict[str, float] = field(default_factory=dict)
    answered: list[Values] = field(default_factory=list)

    def __post_init__(self) -> None:
        stages = self.topology.stages
        self.order = [
            name for stage in stages for name in stage.nodes if name != self.network.source
        ]
        self.delayed = frozenset(edge for stage in stages for edge in stage.delayed)
        self.local = [(p, p.rule) for p in self.network.plastic if isinstance(p.rule, LocalRule)]
        self.watched = {p.name for p, _ in self.local}
        self.heard = {p.name: self.network.hears_events(p) for p in self.network.projections}

    @property
    def topology(self) -> Network:
        """Nodes and their order."""
        return self.network.topology

    def begin(self) -> None:
        """Put neurons where a sample finds them; let rules normalise."""
        shapes = self.topology.shapes
        self.answered.append(np.zeros(int(np.prod(shapes[self.network.output]))))
        for name, node in self.topology.nodes.items():
            if isinstance(node, Population):
                self.states[name] = node.begun(1, shapes[name], self.lasting.get(name, ()))
        self.joule = {}
        self.before = {}
        if self.delayed:  # what is heard of a network at rest, its reads uncounted
            cells = self.network.with_synapses(self.synapses)
            sources = {source for source, _ in self.delayed}
            self.before = at_rest(self.topology, sources, 1, cells.products(self.rng))
        steps = len(self.spikes)
        self.pre: dict[str, Values] = {}
        self.post = {
            p.name: np.zeros((steps, int(np.prod(shapes[p.target])))) for p, _ in self.local
        }
        self.asked = dict.fromkeys(self.watched, 0)
        for projection, rule in self.local:
            self.do(projection.name, rule.before(self.synapses[projection.name]))

    def end(self) -> None:
        """Count the joules; keep what outlasts the sample."""
        for name, joule in self.joule.items():
            self.synapses[name] = self.synapses[name].counted(joule)
        for name in self.lasting:
            node = self.topology.nodes[name]
            assert isinstance(node, Population)
            parts = tuple(self.states[name][k] for k in node.lasting)
            self.lasting[name] = (
                node.rested(parts, self.network.rest_s) if self.network.rest_s else parts
            )

    def ask(self, projection: Projection, rule: LocalRule, step: int) -> None:
        """Ask a rule after a step, and do what it says."""
        name, seen = projection.name, self.seen(projection, step)
        self.asked[name] = step + 1
        self.do(name, rule.update(seen, self.synapses[name]))

    def seen(self, projection: Projection, step: int) -> Activity:
        """What either side of a projection has done up to a step."""
        name = projection.name
        return Activity(
            pre=self.pre[name][: step + 1],
            post=self.post[name][: step + 1],
            dt_s=self.network.dt_s,
        )

    def do(self, name: str, update: Update | None) -> None:
        """Apply an update to the synapses of a projection."""
        if update is not None:
            self.synapses[name] = self.synapses[name].apply(update, self.rng)

    # -- any network, step by step ---------------------------------------------------------------

    def run(self) -> None:
        """Show a sample."""
        steps = len(self.spikes)
        for name in self.watched:
            node = self.topology.nodes[name]
            assert isinstance(node, Weighted)
            self.pre[name] = np.zeros((steps, node.matrices[0].shape[0]))
        for t in range(steps):
            self._step(t)
            self.answered[-1] += self.values[self.network.output].reshape(-1) > 0
            for projection, rule in self.local:
                post = self.values[projection.target].reshape(-1)
                self.post[projection.name][t] = post
                if rule.heeds_inputs and np.any(self.pre[projection.name][t] > 0):
                    cells = self.synapses[projection.name]
                    self.do(projection.name, rule.heard(self.seen(projection, t), cells))
                if np.any(post > 0):
                    self.ask(projection, rule, t)
            self.before = dict(self.values)
        for projection, rule in self.local:
            if self.asked[projection.name] < steps:
                self.ask(projection, rule, steps - 1)

    def _step(self, t: int) -> None:
        topology, source = self.topology, self.network.source
        self.values[source] = self.spikes[t : t + 1]
        for name in self.order:
            parts = [
                self.values[origin]
                for origin in topology.inputs_of(name)
                if (origin, name) not in self.delayed
            ]
            parts += [self.before[o] for o in topology.inputs_of(name) if (o, name) in self.delayed]
            node = topology.nodes[name]
            if isinstance(node, Population):
                x = sum(parts[1:], start=parts[0])
                self.values[name], self.states[name] = node.step(
                    x, self.states[name], self.network.dt_s
                )
            elif name in self.synapses:
                assert isinstance(node, Weighted)
                self.values[name] = self._driven(name, node, sum(parts[1:], start=parts[0]), t)
            else:
                self.values[name] = node(sum(parts[1:], start=parts[0]))

    def _driven(self, name: str, node: Weighted, x: Values, t: int) -> Values:
        parts, events = [], self.heard[name]
        for rows in node.rows_of(x):
            part, joule = self.synapses[name].product(rows, self.rng, events=events)
            self.joule[name] = self.joule.get(name, 0.0) + joule
            parts.append(part)
        if name in self.watched:
            self.pre[name][t] = rows[0]
        return node.assembled(parts, 1, x.shape[1:])

    # -- one population that hears the inputs alone: from spike to spike --------------------------

    def alone(self) -> bool:
        """Whether all there is is one projection from the inputs to one population, on cells whose
        reads can be foreseen up to the next spike of an output."""
        if len(self.network.projections) != 1 or not self.local:
            return False
        projection, rule = self.local[0]
        if rule.heeds_inputs:
            return False
        cells = self.synapses[projection.name]
        foreseen = not cells.kind.imperfections.disturbs_reads
        return foreseen and projection.source == self.network.source and not projection.delays_s

    def run_alone(self) -> None:
        """The same as `run`: the currents of all steps up to the next update are known ahead."""
        projection, rule = self.local[0]
        name, target, steps = projection.name, projection.target, len(self.spikes)
        node, population = self.topology.nodes[name], self.topology.nodes[target]
        assert isinstance(node, Weighted)
        assert isinstance(population, Population)
        rows = self.pre[name] = node.rows_of(self.spikes)[0]
        t = begun = 0
        seen: Synapses | None = None
        while t < steps:
            cells = self.synapses[name]
            if cells is not seen:
                self._count(name, seen, rows[begun:t])
                drive, seen, begun = cells.product(rows[t:], events=self.heard[name])[0], cells, t
            shape = (-1, *self.topology.shapes[target])
            taken, out, self.states[target] = population.advance(
                drive[t - begun :].reshape(shape), self.states[target], self.network.dt_s
            )
            t += taken
            self.post[name][t - 1] = out.reshape(-1)
            if np.any(out > 0):
                self.ask(projection, rule, t - 1)
        self._count(name, seen, rows[begun:])
        self.answered[-1] += self.post[name].sum(axis=0)
        if self.asked[name] < steps:
            self.ask(projection, rule, steps - 1)

    def _count(self, name: str, cells: Synapses | None, rows: Values) -> None:
        """Add the joules of reads that have been made."""
        if cells is not None and len(rows):
            joule = cells.read_joule(rows, events=self.heard[name])
            self.joule[name] = self.joule.get(name, 0.0) + joule


def learnt_in_batches(
    network: Learns, x: Values, labels: Labels, rng: np.random.Generator, progress: float
) -> Learns:
    """The network after its batch rule has seen all samples once, a batch at a time; `batch` = 0
    takes them all at once."""
    rule = network.batch_rule
    assert rule is not None
    layered = network.layered_samples()
    if layered is not None and layered.teachable:
        return network.with_synapses(layered.learnt(network.flat(x), labels, rng, progress))
    begin = 0
    while begin < len(x):
        size = rule.size(network) or len(x)
        some, mine = x[begin : begin + size], labels[begin : begin + size]
        begin += size
        updates, memory, joule = rule.updates(
            network, network.encoded(some, rng), mine, rng, progress
        )
        changed = {
            name: network.synapses[name].apply(update, rng) for name, update in updates.items()
        }
        first = next(iter(network.synapses))
        changed[first] = changed.get(first, network.synapses[first]).counted(joule)
        network = network.with_synapses(changed).after(memory={**network.memory, rule.name: memory})
    return network
