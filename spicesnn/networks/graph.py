"""The order in which the nodes of a network are computed, recurrent connections included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from spicesnn.errors import InputError

Edge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Stage:
    """Nodes that are computed together: one node over all time steps, or a loop of several, step by
    step.

    Attributes
    ----------
    nodes : tuple of str
        In the order in which they are computed within a step.
    delayed : frozenset of (source, target)
        Connections of a loop that hand over what their source put out in the step before.
    """

    nodes: tuple[str, ...]
    delayed: frozenset[Edge] = frozenset()

    @property
    def recurrent(self) -> bool:
        """Whether its nodes have to be computed step by step."""
        return bool(self.delayed)


def stages(
    names: Iterable[str], edges: Iterable[Edge], start: str, memory: frozenset[str]
) -> list[Stage]:
    """Sort the nodes of a graph so that each comes after all it listens to.

    Nodes that listen to one another in a circle make one stage; within it, the connections that
    close the circle act one time step later (every framework's convention).

    Parameters
    ----------
    names : iterable of str
    edges : iterable of (source, target)
    start : str
        The input, from which circles are entered.
    memory : frozenset of str
        Nodes that may close a circle because they live in time steps.

    Raises
    ------
    InputError
        A node that nothing reaches, or a circle without a neuron in it.
    """
    names, edges = list(names), list(edges)
    after: dict[str, list[str]] = {name: [] for name in names}
    for source, target in edges:
        after[source].append(target)
    components = _components(names, after)
    place = {name: k for k, component in enumerate(components) for name in component}
    reached = _reached(start, after)
    lost = [name for name in names if name not in reached]
    if lost:
        raise InputError(
            f"nothing leads from the input to {', '.join(map(repr, lost[:3]))}; every node must be"
            " reached"
        )
    found = []
    for component in components:
        inside = [edge for edge in edges if edge[0] in component and edge[1] in component]
        if len(component) == 1 and not inside:
            found.append(Stage(tuple(component)))
            continue
        if not memory & set(component):
            raise InputError(
                f"{' → '.join(sorted(component))} is a circle without a neuron that remembers; no"
                " time step can be computed"
            )
        entered = [
            name
            for name in component
            if any(t == name and place[s] != place[name] for s, t in edges)
        ]
        order, delayed = _opened(entered or component, inside)
        found.append(Stage(tuple(order), frozenset(delayed)))
    return found


def _reached(start: str, after: Mapping[str, list[str]]) -> set[str]:
    seen, todo = {start}, [start]
    while todo:
        for name in after[todo.pop()]:
            if name not in seen:
                seen.add(name)
                todo.append(name)
    return seen


def _opened(entries: list[str], inside: list[Edge]) -> tuple[list[str], set[Edge]]:
    """Depth first from where a circle is entered: an order of its nodes, and the edges that lead
    back in it."""
    after: dict[str, list[str]] = {}
    for source, target in inside:
        after.setdefault(source, []).append(target)
    order: list[str] = []
    open_now: set[str] = set()
    done: set[str] = set()
    delayed: set[Edge] = set()
    for first in entries:
        if first in done:
            continue
        stack = [(first, iter(after.get(first, [])))]
        open_now.add(first)
        while stack:
            name, rest = stack[-1]
            for target in rest:
                if target in open_now:
                    delayed.add((name, target))
                elif target not in done:
                    open_now.add(target)
                    stack.append((target, iter(after.get(target, []))))
                    break
            else:
                stack.pop()
                open_now.discard(name)
                done.add(name)
                order.append(name)
    return order[::-1], delayed


def _components(names: list[str], after: Mapping[str, list[str]]) -> list[list[str]]:
    """Strongly connected components, sources first (Tarjan, SIAM J. Comput. 1(2), 146, 1972,
    without recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: list[list[str]] = []
    for root in names:
        if root in index:
            continue
        work = [(root, iter(after[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            name, rest = work[-1]
            for target in rest:
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    on_stack.add(target)
                    work.append((target, iter(after[target])))
                    break
                if target in on_stack:
                    low[name] = min(low[name], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == index[name]:
                    component = []
                    while True:
                        last = stack.pop()
                        on_stack.discard(last)
                        component.append(last)
                        if last == name:
                            break
                    found.append(component)
    return found[::-1]
