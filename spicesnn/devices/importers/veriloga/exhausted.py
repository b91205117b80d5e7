"""Choices that cannot be made: what stands in the arms of conditions that exclude each other.

Three ``if`` in a row, for voltages above, below and between two thresholds, assign a variable in
every case; the expression that they leave holds an arm for none of the three, which is never
taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from spicesnn.devices.importers.graph import Graph

_MOST, _DEEPEST, _BUDGET = 6, 24, 200
"""Pairs of expressions that are compared, three ways each; choices inside one another, and in all."""
Order = Mapping[tuple[int, int], int]
"""Pair of expressions → −1, 0 or 1 as the first is less than the second, equal, or more."""


def without_exhausted(graph: Graph, place: int, condition: int, holds: bool, symbol: int) -> int:
    """Return an expression, of whose choices those that lead to `symbol` are left out where they
    cannot be made.

    Parameters
    ----------
    graph : Graph
    place : int
    condition : int
        What is known beside the conditions on the way.
    holds : bool
        Whether it holds.
    symbol : int
    """
    return _pruned(graph, place, ((condition, holds),), symbol, [_BUDGET])


def _pruned(
    graph: Graph, place: int, known: tuple[tuple[int, bool], ...], symbol: int, left: list[int]
) -> int:
    left[0] -= 1
    if (
        graph.ops[place] != "if"
        or symbol not in graph.held(place)
        or len(known) > _DEEPEST
        or left[0] < 0
    ):
        return place
    condition, yes, no = graph.args[place]
    arms = []
    for arm, holds in ((yes, True), (no, False)):
        here = (*known, (condition, holds))
        arms.append(
            None
            if symbol in graph.held(arm) and not _possible(graph, here)
            else _pruned(graph, arm, here, symbol, left)
        )
    if arms[0] is None or arms[1] is None:
        return place if arms == [None, None] else next(arm for arm in arms if arm is not None)
    return graph.make("if", condition, *(arm for arm in arms if arm is not None))


def _possible(graph: Graph, known: tuple[tuple[int, bool], ...]) -> bool:
    """Return whether conditions can hold together, or may for all that is known."""
    pairs = list(dict.fromkeys(pair for condition, _ in known for pair in _pairs(graph, condition)))
    if len(pairs) > _MOST:
        return True
    for signs in product((-1, 0, 1), repeat=len(pairs)):
        order = dict(zip(pairs, signs, strict=True))
        if all(_holds(graph, condition, order) in (holds, None) for condition, holds in known):
            return True
    return False


def _pairs(graph: Graph, place: int) -> Iterator[tuple[int, int]]:
    if graph.ops[place] in ("and", "or", "not"):
        for a in graph.args[place]:
            yield from _pairs(graph, a)
    elif graph.ops[place] in ("<", "<=", "=="):
        a, b = graph.args[place]
        yield (a, b) if a <= b else (b, a)


def _holds(graph: Graph, place: int, order: Order) -> bool | None:
    """Return whether a condition holds in an order; None where it is not made of comparisons."""
    op = graph.ops[place]
    if op == "num":
        return bool(graph.values[place])
    if op == "not":
        inner = _holds(graph, graph.args[place][0], order)
        return None if inner is None else not inner
    if op in ("and", "or"):
        found = [_holds(graph, a, order) for a in graph.args[place]]
        decisive = op == "or"
        return decisive if decisive in found else None if None in found else not decisive
    if op in ("<", "<=", "=="):
        a, b = graph.args[place]
        sign = order[a, b] if a <= b else -order[b, a]
        return {"<": sign < 0, "<=": sign <= 0, "==": sign == 0}[op]
    return None
