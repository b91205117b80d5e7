"""Populations wired by projections: shapes, names, rules that fit, and the `Network` that computes
them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.errors import InputError
from spicesnn.networks.decisions import Decision, LargestOutput
from spicesnn.networks.members import Inputs, Neurons, shape_of
from spicesnn.networks.network import Network
from spicesnn.networks.nodes import Embed, Node, Reshape, Shape, Weighted
from spicesnn.networks.populations import Delay, Population, State
from spicesnn.networks.projections import Projection
from spicesnn.networks.rules.base import BatchRule, LocalRule, Memory
from spicesnn.networks.synapses import Synapses


@dataclass(frozen=True, kw_only=True, eq=False)
class Wired:
    """Populations and projections; the attributes are those of
    `spicesnn.networks.learner.LearningNetwork`."""

    inputs: Mapping[str, Inputs]
    populations: Mapping[str, Neurons]
    projections: tuple[Projection, ...]
    output: str = ""
    decision: Decision = field(default_factory=LargestOutput)
    dt_s: float = 1e-3
    rest_s: float = 0.0
    steps: int = 100
    answer_steps: int = 0
    synapses: Mapping[str, Synapses] = field(default_factory=dict)
    lasting: Mapping[str, State] = field(default_factory=dict)
    memory: Mapping[str, Memory] = field(default_factory=dict)
    classes: tuple[Any, ...] | None = None
    answered: NDArray[np.int16] | None = None
    counted: Mapping[str, float] = field(default_factory=dict)
    topology: Network = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "projections", tuple(self.projections))
        if len(self.inputs) != 1:
            raise InputError(
                f"a network with the inputs {', '.join(self.inputs) or 'none'}; expected one"
            )
        if not self.populations:
            raise InputError("a network without populations; expected one or more")
        if not self.output:
            object.__setattr__(self, "output", list(self.populations)[-1])
        names = [p.name for p in self.projections]
        if len(set(names)) != len(names):
            raise InputError(
                f"two projections {next(n for n in names if names.count(n) > 1)}; expected one from"
                " a population to another"
            )
        for projection in self.projections:
            if projection.rule is not None and projection.synapses is not None:
                projection.rule.check(projection.name, projection.synapses)
        object.__setattr__(self, "topology", self._built())
        self._check_rules()

    # -- its shape -------------------------------------------------------------------------------

    @property
    def source(self) -> str:
        """Name of the inputs."""
        return next(iter(self.inputs))

    def shape_of(self, name: str) -> Shape:
        """Shape of a population, or of the inputs."""
        entry = self.inputs.get(name) or self.populations.get(name)
        if entry is None:
            raise InputError(
                f"there is no population {name!r}; there are:"
                f" {', '.join([*self.inputs, *self.populations])}"
            )
        return shape_of(entry.shape)

    def lines_of(self, projection: Projection) -> Shape:
        """Shape of what reaches a projection's weights: its source, once for each of several
        delays."""
        shape = self.shape_of(projection.source)
        return (
            (len(projection.delays_s) * math.prod(shape),)
            if len(projection.delays_s) > 1
            else shape
        )

    def projection(self, name: str) -> Projection:
        """A projection by its name, ``source>target``."""
        for entry in self.projections:
            if entry.name == name:
                return entry
        raise InputError(
            f"there is no projection {name!r}; there are:"
            f" {', '.join(p.name for p in self.projections)}"
        )

    def hears_events(self, projection: Projection) -> bool:
        """Whether what reaches a projection's weights counts events, of which a time step can have
        several."""
        entry = self.inputs.get(projection.source)
        return entry is not None and entry.code in ("poisson", "events")

    @property
    def plastic(self) -> tuple[Projection, ...]:
        """The projections that learn."""
        return tuple(p for p in self.projections if p.rule is not None)

    def _built(self) -> Network:
        nodes: dict[str, Node | Population] = {}
        edges: list[tuple[str, str]] = []
        for name, entry in self.populations.items():
            nodes[name] = entry.kind
        for projection in self.projections:
            lines, target = self.lines_of(projection), self.shape_of(projection.target)
            rows, outputs = projection.connection.matrix(lines, target)
            made = self.synapses.get(projection.name)
            weights = (
                made.weights if made is not None else np.zeros((rows, outputs)) if rows else None
            )
            node = projection.connection.node(lines, target, weights)
            nodes[projection.name] = node
            edges += [(begin, projection.name) for begin in self._delayed(projection, nodes, edges)]
            edges.append((projection.name, projection.target))
        return Network(
            nodes=nodes,
            edges=tuple(edges),
            input_shape=self.shape_of(self.source),
            output=self.output,
            source=self.source,
            sink=f"{self.output} out",
            dt_s=self.dt_s,
            steps=self.steps,
        )

    def _delayed(
        self,
        projection: Projection,
        nodes: dict[str, Node | Population],
        edges: list[tuple[str, str]],
    ) -> list[str]:
        """What a projection listens to: its source, or its source some time ago."""
        delays, found = projection.delays_s, []
        count = math.prod(self.shape_of(projection.source))
        for k, seconds in enumerate(delays):
            name = f"{projection.name} after {seconds:g} s ({k})"
            nodes[name] = Delay(seconds=seconds)
            edges.append((projection.source, name))
            if len(delays) > 1:
                flat, placed = f"{name} flat", f"{name} placed"
                nodes[flat], nodes[placed] = (
                    Reshape((-1,)),
                    Embed(0, k * count, count * len(delays)),
                )
                edges += [(name, flat), (flat, placed)]
                name = placed
            found.append(name)
        return found or [projection.source]

    def _check_rules(self) -> None:
        local = [p for p in self.plastic if isinstance(p.rule, LocalRule)]
        if local and not self.topology.temporal:
            raise InputError(
                f"{local[0].name}: the rule {local[0].rule.name!r} learns from spikes in time; "  # type: ignore[union-attr]
                "give a population that lives in time steps"
            )
        for entry in local:
            if (
                not isinstance(self.topology.nodes[entry.name], Weighted)
                or entry.connection.name != "dense"
            ):
                raise InputError(
                    f"{entry.name}: the rule {entry.rule.name!r} needs one synapse between two neurons, "  # type: ignore[union-attr]
                    f"which a {entry.connection.name} projection has not"
                )
        if len({id(p.rule) for p in self.plastic if isinstance(p.rule, BatchRule)}) > 1:
            raise InputError(
                "several rules that learn from a batch; give the projections the same one"
            )

    @property
    def batch_rule(self) -> BatchRule | None:
        """The rule that learns from batches, if there is one."""
        return next((p.rule for p in self.plastic if isinstance(p.rule, BatchRule)), None)
