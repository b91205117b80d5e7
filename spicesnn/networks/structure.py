"""What a network is made of: nodes, the connections between them, and what follows from these alone
(order, shapes, counts)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self, TypeVar

import numpy as np

from spicesnn.errors import InputError
from spicesnn.networks import graph
from spicesnn.networks.graph import Edge
from spicesnn.networks.nodes import Node, Scale, Shape, Weighted
from spicesnn.networks.populations import Delay, Population

_NODES_SHOWN = 8
_HANDS_ON = ("reshape", "transpose", "part", "concatenation")
"""Kinds of nodes that put out what they get, elsewhere."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Structure:
    """Nodes and connections, checked, sorted and with all shapes inferred; the attributes are those
    of `spicesnn.networks.network.Network`."""

    nodes: Mapping[str, Node | Population]
    edges: tuple[Edge, ...]
    input_shape: Shape
    output: str
    source: str = "input"
    sink: str = "output"
    dt_s: float = 1e-3
    steps: int = 100
    classes: tuple[Any, ...] | None = None
    decides: bool = True
    remarks: tuple[str, ...] = ()
    shapes: dict[str, Shape] = field(init=False, repr=False)
    stages: tuple[graph.Stage, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        names = [self.source, *self.nodes]
        if self.source in self.nodes or self.sink in names or self.output not in self.nodes:
            raise InputError(
                f"a network from {self.source!r} to {self.output!r} with nodes"
                f" {', '.join(self.nodes) or 'none'}; expected the output among them and the"
                " input not"
            )
        for edge in self.edges:
            for name in edge:
                if name not in names:
                    raise InputError(
                        f"a connection {edge[0]!r} → {edge[1]!r}, but there is no node {name!r}"
                    )
        if len(set(self.edges)) != len(self.edges):
            twice = next(edge for edge in self.edges if self.edges.count(edge) > 1)
            raise InputError(f"the connection {twice[0]!r} → {twice[1]!r} stands twice")
        if (
            not isinstance(self.dt_s, int | float | np.number)
            or not (np.isfinite(self.dt_s) and self.dt_s > 0)
            or isinstance(self.steps, bool)
            or not isinstance(self.steps, int | np.integer)
            or self.steps < 1
        ):
            raise InputError(
                f"dt_s is {self.dt_s!r}, steps is {self.steps!r}; expected seconds above 0 and a"
                " whole number, 1 or more"
            )
        object.__setattr__(self, "steps", int(self.steps))
        memory = frozenset(
            name for name, node in self.nodes.items() if isinstance(node, Population)
        )
        object.__setattr__(
            self, "stages", tuple(graph.stages(names, self.edges, self.source, memory))
        )
        object.__setattr__(self, "shapes", self._inferred())
        if self.classes is not None and len(self.classes) != max(2, self.outputs_count):
            raise InputError(
                f"{len(self.classes)} classes for {self.outputs_count} outputs; expected one label"
                " an output"
            )

    @classmethod
    def chain(
        cls,
        steps_in_order: Iterable[tuple[str, Node | Population]],
        input_shape: Shape,
        **rest: Any,
    ) -> Self:
        """A network without branches, its nodes in order."""
        named = dict(steps_in_order)
        names = list(named)
        if not names:
            raise InputError("a network without layers; expected one or more")
        edges = tuple(zip(["input", *names[:-1]], names, strict=True))
        if "output" in named:
            rest.setdefault("sink", "outputs")
        return cls(nodes=named, edges=edges, input_shape=input_shape, output=names[-1], **rest)

    def with_steps(self, steps: int) -> Self:
        """The same network holding inputs without a time axis for another number of steps."""
        return replace(self, steps=steps)

    @property
    def temporal(self) -> bool:
        """Whether it has neurons that remember, so that its inputs have a time axis."""
        return self._temporal

    @cached_property
    def _temporal(self) -> bool:
        return any(isinstance(node, Population) for node in self.nodes.values())

    @cached_property
    def _listens(self) -> dict[str, tuple[str, ...]]:
        return {
            name: tuple(source for source, target in self.edges if target == name)
            for name in self.nodes
        }

    def inputs_of(self, name: str) -> tuple[str, ...]:
        """Names of the nodes that a node listens to."""
        return self._listens.get(name, ())

    @property
    def spiking(self) -> bool:
        """Whether its outputs are spikes, or sums of spikes."""
        return self._fires(self.output)

    def _fires(self, name: str) -> bool:
        """Whether a node puts out spikes: its own, or those that it hands on."""
        node = self.nodes.get(name)
        hands_on = (
            isinstance(node, Delay)
            or (isinstance(node, Scale) and node.plain)
            or getattr(node, "kind", "") in _HANDS_ON
        )
        if not hands_on:
            return bool(getattr(node, "spiking", False))
        return all(self._fires(source) for source in self.inputs_of(name))

    @property
    def _decider(self) -> str:
        """The node that makes the outputs' values: the output, or what a chain of shapes and delays
        hands to it."""
        name = self.output
        while isinstance(self.nodes[name], Delay) or getattr(self.nodes[name], "kind", "") in (
            "reshape",
            "transpose",
        ):
            sources = self.inputs_of(name)
            if len(sources) != 1 or sources[0] == self.source:
                break
            name = sources[0]
        return name

    @property
    def outputs_count(self) -> int:
        """Number of outputs."""
        return int(np.prod(self.shapes[self.output], dtype=int))

    @property
    def weighted(self) -> tuple[str, ...]:
        """Names of the nodes with weights, in the order in which they are computed."""
        return tuple(
            name
            for stage in self.stages
            for name in stage.nodes
            if isinstance(self.nodes.get(name), Weighted)
        )

    def weights_count(self) -> int:
        """Number of weights, biases included."""
        total = 0
        for name in self.weighted:
            node = self.nodes[name]
            assert isinstance(node, Weighted)
            total += sum(m.size for m in node.matrices) + sum(b.size for b in node.bias or ())
        return total

    def _inferred(self) -> dict[str, Shape]:
        shapes: dict[str, Shape] = {self.source: tuple(int(k) for k in self.input_shape)}
        if any(k < 1 for k in shapes[self.source]):
            raise InputError(
                f"input shape is {self.input_shape}; expected whole numbers, 1 or more"
            )
        for stage in self.stages:
            waiting = [name for name in stage.nodes if name != self.source]
            while waiting:
                ready = [
                    name
                    for name in waiting
                    if any(source in shapes for source in self.inputs_of(name))
                ]
                if not ready:
                    raise InputError(f"no shape can be found for {waiting[0]!r}")
                for name in ready:
                    shapes[name] = self._shape_of(name, shapes)
                waiting = [name for name in waiting if name not in shapes]
        for name in self.nodes:
            self._shape_of(name, shapes)  # connections that close a circle fit, too
        return shapes

    def _shape_of(self, name: str, shapes: Mapping[str, Shape]) -> Shape:
        given = [(source, shapes[source]) for source in self.inputs_of(name) if source in shapes]
        if len({shape for _, shape in given}) > 1:
            raise InputError(
                f"node {name!r} adds inputs of different shapes:"
                f" {', '.join(f'{source} {shape}' for source, shape in given)}"
            )
        try:
            return tuple(int(k) for k in self.nodes[name].shape_out(given[0][1]))
        except InputError as error:
            raise InputError(f"node {name!r}: {error}") from None

    def __repr__(self) -> str:
        rows = self.describe()
        nodes = [
            f"{row['kind']} {'×'.join(map(str, row['inputs']))} → {'×'.join(map(str, row['outputs']))}"
            for row in rows
        ]
        shown = (
            nodes if len(nodes) <= _NODES_SHOWN else [*nodes[: _NODES_SHOWN - 2], "…", nodes[-1]]
        )
        weights = sum(row["weights"] for row in rows)
        return f"<{type(self).__name__} of {weights} weights: {', '.join(shown)}>"

    def describe(self) -> list[dict[str, Any]]:
        """One row a node: name, kind, shapes in and out, number of weights."""
        rows = []
        for stage in self.stages:
            for name in stage.nodes:
                if name == self.source:
                    continue
                node = self.nodes[name]
                sources = self.inputs_of(name)
                count = (
                    sum(m.size for m in node.matrices) + sum(b.size for b in node.bias or ())
                    if isinstance(node, Weighted)
                    else 0
                )
                rows.append(
                    {
                        "node": name,
                        "kind": node.kind,
                        "inputs": list(self.shapes[sources[0]]),
                        "outputs": list(self.shapes[name]),
                        "weights": count,
                    }
                )
        return rows


Made = TypeVar("Made", bound=Structure)
"""What readers of files make: the kind of structure that is asked for."""
