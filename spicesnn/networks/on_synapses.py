"""Populations and projections whose weights stand on synapses: what these hold, and what they
answer.

The topology is a `Network`, which also computes the answers, with the synapses in place of the
matrices. Everything is immutable: what changes makes another object."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.encoding.bernoulli import bernoulli
from spicesnn.encoding.events import HIGHEST_MEAN, poisson_events, seed_words
from spicesnn.errors import InputError
from spicesnn.learning.metrics import NOBODY
from spicesnn.networks import evaluate
from spicesnn.networks.decisions import LargestOutput, Votes
from spicesnn.networks.leaky_layers import LeakyLayers
from spicesnn.networks.members import shape_of
from spicesnn.networks.network import Network
from spicesnn.networks.nodes import Node, Shape, Values, Weighted, real
from spicesnn.networks.populations import Population, State
from spicesnn.networks.projections import Projection
from spicesnn.networks.rules import ExSitu
from spicesnn.networks.rules.base import Labels, Rule
from spicesnn.networks.shown_whole import ShownWhole
from spicesnn.networks.synapses import Energy, SynapseKind, Synapses

_AT_ONCE, _PRESENTED_AT_ONCE, _VALUES_AT_ONCE = 256, 10_000, 20_000_000
"""Samples that are answered at once, step by step and compiled; values of outputs at once."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OnSynapses(ShownWhole):
    """Populations and projections with their synapses; the attributes are those of
    `spicesnn.networks.learner.LearningNetwork`."""

    # -- fresh, and what it holds ----------------------------------------------------------------

    def fresh(self, rng: np.random.Generator) -> Self:
        """The network with fresh synapses, adaptation and memory."""
        made: dict[str, Synapses] = {}
        rule = self.batch_rule
        drawn = self._fresh_weights(rng) if isinstance(rule, ExSitu) else {}
        for projection in self.projections:
            if projection.synapses is None:
                continue
            name = projection.name
            if (
                name in drawn and projection.rule is rule
            ):  # what software learns is programmed later
                laid = np.zeros(drawn[name].shape)
            else:
                laid = drawn[name] if name in drawn else self._fresh_weights_of(projection, rng)
            made[name] = projection.synapses.made(
                laid,
                rng,
                largest=projection.largest or (float(np.abs(drawn[name]).max()) if drawn else None),
                may_stick=projection.may_stick,
            )
        lasting = {}
        for name, entry in self.populations.items():
            if isinstance(entry.kind, Population) and entry.kind.lasting:
                state = entry.kind.initial(1, shape_of(entry.shape))
                lasting[name] = tuple(state[k] for k in entry.kind.lasting)
        fresh = replace(self, synapses=made, lasting=lasting, memory={})
        if rule is None or not (memory := rule.begun(fresh, drawn)):
            return fresh
        fresh = fresh.after(memory={rule.name: memory})
        if not isinstance(rule, ExSitu) or not rule.weights:
            return fresh
        updates, memory = rule.programming(fresh, memory)
        changed = {name: made[name].apply(update, rng) for name, update in updates.items()}
        return fresh.with_synapses(changed).after(memory={rule.name: memory})

    def _fresh_weights(self, rng: np.random.Generator) -> dict[str, Values]:
        """Weights (rows, outputs) of all projections on synapses."""
        return {
            p.name: self._fresh_weights_of(p, rng)
            for p in self.projections
            if p.synapses is not None
        }

    def _fresh_weights_of(self, projection: Projection, rng: np.random.Generator) -> Values:
        lines, target = self.lines_of(projection), self.shape_of(projection.target)
        return projection.fresh(projection.connection.matrix(lines, target), rng)

    def _ready(self) -> None:
        missing = [
            p.name
            for p in self.projections
            if p.synapses is not None and p.name not in self.synapses
        ]
        if missing:
            raise InputError(
                f"{missing[0]} has no synapses yet; begin with network.fresh(rng), or fit it"
            )

    def with_synapses(self, changed: Mapping[str, Synapses]) -> Self:
        """The same with some synapses replaced."""
        return self.after(synapses={**self.synapses, **changed})

    def taught_by(
        self, new: Rule, old: Rule, kinds: Mapping[str, SynapseKind] | None = None
    ) -> Self:
        """The same, its projections that learn by one rule learning by another.

        Parameters
        ----------
        new, old : Rule
        kinds : mapping of projection to SynapseKind, optional
            Synapses that they stand on from now on.
        """
        return replace(
            self,
            projections=tuple(
                p
                if p.rule is not old
                else replace(p, rule=new, synapses=(kinds or {}).get(p.name, p.synapses))
                for p in self.projections
            ),
        )

    def after(self, **changed: Any) -> Self:
        """The same network with what learning changes replaced: synapses, what lasts, memory, the
        decision, answers."""
        copy = object.__new__(type(self))
        for name, value in {**self.__dict__, **changed}.items():
            object.__setattr__(copy, name, value)
        return copy

    def network(self) -> Network:
        """The network with its weights as they are, for `Network.on`, `Network.to_nir` and ideal
        answers."""
        self._ready()
        return replace(self)._frozen()

    def _frozen(self) -> Network:
        nodes: dict[str, Node | Population] = dict(self.topology.nodes)
        for name, entry in self.populations.items():
            if isinstance(entry.kind, Population):
                nodes[name] = _Carried.of(entry.kind, self.lasting.get(name, ()))
        return replace(self.topology, nodes=nodes)

    @property
    def energy(self) -> Energy:
        """Joules of all synapses so far."""
        parts = [s.energy for s in self.synapses.values()]
        return Energy(
            read_joule=sum(p.read_joule for p in parts),
            write_joule=sum(p.write_joule for p in parts),
        )

    @property
    def pulses(self) -> int:
        """Programming pulses of all cells so far."""
        return int(sum(int(s.wear.sum()) for s in self.synapses.values() if s.wear is not None))

    # -- answers ---------------------------------------------------------------------------------

    @property
    def steps_of_answers(self) -> int:
        """Time steps of a sample that is answered, nothing learning."""
        return self.answer_steps or self.steps

    def encoded(
        self,
        x: Values,
        rng: np.random.Generator,
        words: NDArray[np.uint64] | None = None,
        steps: int = 0,
        tries: int = 0,
    ) -> Values:
        """Samples (n, *shape), or (n, steps, *shape), as the inputs hand them on: with a time axis
        where the network lives in time.

        Parameters
        ----------
        x : (n, *shape)
        rng : Generator
        words : (4,), optional
            State of the generator that input spikes are drawn from, moved on; seeded from `rng` if
            left out.
        steps : int
            Time steps; those of a sample that is learnt from if left out.
        tries : int
            How often the samples have been shown before.
        """
        steps = steps or self.steps
        entry, shape = self.inputs[self.source], self.shape_of(self.source)
        if entry.code == "events" or not self.topology.temporal:
            return self.topology.taken(real(x, "x"))
        still = self.flat(x)
        if entry.code == "held":
            return np.broadcast_to(
                still.reshape(len(still), 1, *shape), (len(still), steps, *shape)
            )
        spikes = np.empty((len(still), steps, still.shape[1]))
        words = seed_words(rng) if words is None else words
        if entry.code == "poisson":
            mean = (entry.rate_hz + tries * entry.boost_hz) * self.dt_s
            poisson_events(words, np.ascontiguousarray(still, dtype=float), mean, spikes)
        else:
            bernoulli(words, still, entry.probability, spikes)
        return spikes.reshape(len(still), steps, *shape)

    def numbers(self, x: ArrayLike) -> Values:
        """Samples as finite numbers in double precision; those in single precision as they are where
        that is what the network computes in."""
        leaky = self.leaky_layers() if getattr(x, "dtype", None) == np.float32 else None
        if leaky is None or not leaky.readable or not np.isfinite(np.sum(np.asarray(x))):
            return real(x, "x")
        return x  # type: ignore[return-value]

    def flat(self, x: ArrayLike) -> Values:
        """Samples without a time axis, flat: (n, inputs)."""
        values, shape = self.numbers(x), self.shape_of(self.source)
        if values.ndim < 2 or (
            values.shape[1:] != shape and (values.ndim != 2 or values.shape[1] != math.prod(shape))
        ):
            raise InputError(
                f"x has shape {values.shape}; expected (n, {', '.join(map(str, shape))})"
            )
        entry, spikes = self.inputs[self.source], self.inputs[self.source].drawn
        if spikes and (values.min(initial=0.0) < 0 or values.max(initial=0.0) > 1):
            raise InputError(
                f"x lies from {values.min():.4g} to {values.max():.4g}; spikes are drawn for values"
                " from 0 to 1"
            )
        flat = values.reshape(len(values), -1)
        if entry.code == "poisson" and len(flat):
            mean = float(flat.sum(axis=1).max()) * entry.rate_hz * self.dt_s
            if mean > HIGHEST_MEAN:
                raise InputError(
                    f"{mean:.4g} input events are expected in one time step of {self.dt_s:g} s;"
                    f" expected at most {HIGHEST_MEAN:g}: shorter steps, or a lower rate_hz"
                )
        return flat

    def outputs(self, x: ArrayLike, rng: np.random.Generator) -> Values:
        """What the output population puts out, (n, steps, outputs), nothing learning; one step for
        networks without time."""
        return np.concatenate(list(self._outputs(x, rng)))

    def _outputs(self, x: ArrayLike, rng: np.random.Generator) -> Iterator[Values]:
        """The outputs of some samples after the others'."""
        return (out for out, _ in self._answers(x, rng))

    def _heard(self) -> frozenset[str]:
        """Populations that a membrane at the output hears, where all of them spike; else none."""
        if not self.topology.temporal or self.topology.spiking:
            return frozenset()
        sources = {p.source for p in self.projections if p.target == self.output}
        kinds = [self.populations[s].kind for s in sources if s in self.populations]
        spiking = len(kinds) == len(sources) and all(getattr(k, "spiking", False) for k in kinds)
        return frozenset(sources) if spiking else frozenset()

    def _answers(
        self, x: ArrayLike, rng: np.random.Generator
    ) -> Iterator[tuple[Values, NDArray[np.bool_] | None]]:
        """The outputs of some samples after the others', and for which of them no spike has reached
        the output, where a membrane stands there."""
        self._ready()
        values, steps = real(x, "x"), self.steps_of_answers
        layered, words = self.layered_samples(steps), seed_words(rng)
        if layered is not None and layered.readable:
            flat = self.flat(values)
            size = _VALUES_AT_ONCE // (steps * math.prod(self.shape_of(self.output)))
            size = min(max(size, 1), _PRESENTED_AT_ONCE)
            for begin in range(0, max(len(flat), 1), size):
                yield layered.spikes(flat[begin : begin + size], words, rng).astype(float), None
            return
        net, heard, size = self._frozen(), self._heard(), _AT_ONCE
        entry = self.inputs[self.source]
        if entry.code == "poisson":
            each = steps * math.prod(self.shape_of(self.source))
            size = min(max(_VALUES_AT_ONCE // each, 1), _AT_ONCE)
        for begin in range(0, max(len(values), 1), size):
            some = values[begin : begin + size]
            out, silent = self._answered(net, self.encoded(some, rng, words, steps), rng, heard)
            for tries in range(1, entry.tries):
                quiet = np.flatnonzero((out > 0).sum(axis=(1, 2)) < entry.fewest_spikes)
                if not quiet.size:
                    break
                taken = self.encoded(some[quiet], rng, words, steps, tries)
                out[quiet], _ = self._answered(net, taken, rng, heard)
            yield out, silent

    def _answered(
        self, net: Network, taken: Values, rng: np.random.Generator, heard: frozenset[str]
    ) -> tuple[Values, NDArray[np.bool_] | None]:
        """The outputs (n, steps, outputs) of samples as the inputs hand them on, and for which of
        them none of the populations `heard` spikes."""
        found = evaluate.run(net, taken, self.products(rng), keep=heard)
        out, silent = found[self.output], None
        if heard:
            spikes = [found[name].reshape(len(out), -1).any(axis=1) for name in heard]
            silent = ~np.any(spikes, axis=0)
        return out.reshape(len(out), out.shape[1] if net.temporal else 1, -1), silent

    def counts(self, x: ArrayLike, rng: np.random.Generator) -> NDArray[np.int16]:
        """Spikes of each output for each sample, (n, outputs), nothing learning."""
        self._ready()
        whole = self.whole_samples(self.steps_of_answers)
        if whole is not None and whole.readable:
            return whole.counts(self.flat(x), rng)
        return np.concatenate([out.sum(axis=1) for out in self._outputs(x, rng)]).astype(np.int16)

    def activity(self, x: ArrayLike, rng: np.random.Generator) -> tuple[dict[str, Values], float]:
        """What the inputs and every population put out for samples that are answered, step by
        step.

        Parameters
        ----------
        x : (n, *inputs)
        rng : Generator
            Of input spikes and read noise.

        Returns
        -------
        values : dict of population to (n, steps, neurons)
            One step for networks without time.
        joule : float
            Of the reads of all samples.
        """
        self._ready()
        leaky = self.leaky_layers(self.steps_of_answers)
        if leaky is not None and leaky.readable:
            return self._leaky_activity(leaky, self.flat(x), rng)
        names, tally = [self.source, *self.populations], list[float]()
        taken = self.encoded(real(x, "x"), rng, steps=self.steps_of_answers)
        found = evaluate.run(
            self._frozen(), taken, self.products(rng, tally), keep=frozenset(names)
        )
        steps = taken.shape[1] if self.topology.temporal else 1
        values = {name: found[name].reshape(len(taken), steps, -1) for name in names}
        return values, float(sum(tally))

    def _leaky_activity(
        self, leaky: LeakyLayers, flat: Values, rng: np.random.Generator
    ) -> tuple[dict[str, Values], float]:
        """`activity` of layers of leaky neurons."""
        weights, inputs, steps = leaky.read_weights(), flat.astype(np.float32), leaky.steps
        trace = leaky.forward(weights, inputs, noise=leaky.noise(rng))
        shape = (len(flat), steps)
        values = {self.source: np.broadcast_to(flat[:, None], (*shape, flat.shape[1]))}
        targets = [self.projection(name).target for name in leaky.names]
        for name, spikes in zip(targets, leaky.hidden(trace), strict=False):
            values[name] = spikes.astype(float)
        # The outputs add up over the steps; in between they are what the noise-free spikes give.
        given = values[targets[-2]] @ weights[-1][: values[targets[-2]].shape[2]]
        if leaky.biased[-1]:
            given = given + weights[-1][-1]
        held = np.cumsum(given, axis=1) * (leaky.gain / steps)
        held[:, -1] = trace.outputs
        values[self.output] = held
        return values, leaky.joule(trace)

    def products(
        self, rng: np.random.Generator, tally: list[float] | None = None
    ) -> dict[str, evaluate.Product]:
        """What computes each projection that stands on synapses; joules of the reads are added to
        `tally`."""
        return {
            name: self._product(name, synapses, rng, tally)
            for name, synapses in self.synapses.items()
        }

    def _product(
        self, name: str, synapses: Synapses, rng: np.random.Generator, tally: list[float] | None
    ) -> Callable[[Values], Values]:
        node = self.topology.nodes[name]
        assert isinstance(node, Weighted)
        events = self.hears_events(self.projection(name))

        def computed(x: Values) -> Values:
            parts = []
            for rows in node.rows_of(x):
                part, joule = synapses.product(rows, rng, events=events)
                parts.append(part)
                if tally is not None:
                    tally.append(joule)
            return node.assembled(parts, len(x), x.shape[1:])

        return computed

    def decided(self, x: ArrayLike, rng: np.random.Generator) -> Labels:
        """Numbers of the classes that answer, (n,); −1 for ties and silence."""
        if isinstance(self.decision, Votes):
            return self.decision.decided(self.counts(x, rng)[:, None])
        leaky = self.leaky_layers(self.steps_of_answers)
        if type(self.decision) is LargestOutput and leaky is not None and leaky.readable:
            ends = leaky.outputs(self.flat(x), rng)
            return np.concatenate(
                [self._decided(end[:, None].astype(float), silent) for end, silent in ends]
            )
        return np.concatenate(
            [self._decided(self._counted(out), silent) for out, silent in self._answers(x, rng)]
        )

    def _decided(self, outputs: Values, silent: NDArray[np.bool_] | None) -> Labels:
        """What outputs (n, steps, outputs) say; nobody answers who has heard no spike (n,)."""
        found = self.decision.decided(outputs)
        return found if silent is None else np.where(silent, NOBODY, found)

    def _counted(self, outputs: Values) -> Values:
        """Spikes as counts where the decision wants one value an output."""
        if (
            isinstance(self.decision, LargestOutput)
            and self.topology.spiking
            and self.topology.temporal
        ):
            return np.asarray(outputs.sum(axis=1, keepdims=True))
        return outputs


class _Carried(Population):
    """A population that begins every sample with thresholds as training left them, and keeps
    them."""

    kind = "carried"

    def __init__(self, inside: Population, lasting: State) -> None:
        self.inside, self.carried = inside.still(), lasting
        self.kind = inside.kind  # type: ignore[misc]
        self.spiking = inside.spiking  # type: ignore[misc]

    @classmethod
    def of(cls, inside: Population, lasting: State) -> Population:
        """The population itself where nothing lasts."""
        return cls(inside, lasting) if inside.lasting else inside

    def shape_out(self, shape: Shape) -> Shape:
        """As of the neurons."""
        return self.inside.shape_out(shape)

    def initial(self, n: int, shape: Shape) -> State:
        """With what lasts."""
        return self.inside.begun(n, shape, self.carried)

    def step(self, x: Values, state: State, dt_s: float) -> tuple[Values, State]:
        """As of the neurons."""
        return self.inside.step(x, state, dt_s)
