"""A foreign sub-circuit as stored equations: its current and its rates at a voltage and a state, by
Kirchhoff's laws inside it.

The voltages of inner nodes and the currents of inner sources of voltage are unknown. What an
equation with a whole factor gives (the current through a source from the sum at its node) is put
into the others, so is the last of several where it stands in one straight line; the rest is left to
Newton's method (`spicesnn.devices.importers.stored`). That is a device for the nodal engine where
the sub-circuit is a two-terminal: resistors and sources between its pins and its inner nodes, state
nodes with a capacitor to the ground, and no way for the current from the pins to the ground."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from spicesnn.devices.foreign import ForeignState
from spicesnn.devices.importers.dialects import BOOLEANS
from spicesnn.devices.importers.elements import Element
from spicesnn.devices.importers.expressions import Term
from spicesnn.devices.importers.flat import flat
from spicesnn.devices.importers.graph import ARITY, Graph
from spicesnn.devices.importers.stored import Stored
from spicesnn.devices.importers.translate import Part

_KINDS = frozenset({"r", "c", "v", "bi", "bv"})
_MOST_ELEMENTS = 200
_TWO = Term("num", value=2.0)


class NotClosedError(Exception):
    """Why a sub-circuit has no equations that the nodal engine could use."""


class _Reader:
    """Terms as expressions of a graph.

    Attributes
    ----------
    graph : Graph
    held : dict
        Node, or ``#`` and the name of a source → its voltage, or its current.
    """

    def __init__(self, part: Part) -> None:
        self.graph, self.part = Graph(), part
        self.held: dict[str, int] = {"0": self.graph.zero}
        self._made: dict[Term, int] = {}

    def across(self, a: str, b: str) -> int:
        """Return the voltage between two nodes."""
        return self.graph.make("-", self.held[a], self.held[b])

    def number(self, term: Term) -> int:
        """Return a term as a number; a condition that holds is 1."""
        if term.op in BOOLEANS:
            return self.graph.make("if", self.condition(term), self.graph.one, self.graph.zero)
        found = self._made.get(term)
        if found is None:
            found = self._made[term] = self._number(term)
        return found

    def condition(self, term: Term) -> int:
        """Return a term as a condition."""
        if term.op in ("and", "or", "not"):
            return self.graph.make(term.op, *(self.condition(a) for a in term.args))
        if term.op in BOOLEANS:
            return self.graph.make(term.op, *(self.number(a) for a in term.args))
        return self.graph.truth(self.number(term))

    def _number(self, term: Term) -> int:
        graph, make = self.graph, self.graph.make
        match term.op:
            case "num":
                return graph.number(term.value)
            case "par":
                name = term.names[0]
                local = self.part.local.get(name)
                return graph.symbol(f"par:{name}") if local is None else self.number(local)
            case "v":
                return self.across(term.names[0], (*term.names, "0")[1])
            case "i":
                return self.held[f"#{term.names[0]}"]
            case "if":
                return make("if", self.condition(term.args[0]), *map(self.number, term.args[1:]))
            case "apow":
                base, exponent = map(self.number, term.args)
                return make("pow", base if term.args[1] == _TWO else make("abs", base), exponent)
            case "log10":
                return make("/", make("ln", self.number(term.args[0])), graph.number(math.log(10)))
            case op if op in ARITY:
                return make(op, *map(self.number, term.args))
        raise NotClosedError(f"{term.word or term.op!r} has no value here")


def closed(part: Part, p: str, n: str, states: Sequence[ForeignState]) -> Stored:
    """Return the equations of a sub-circuit.

    Raises
    ------
    NotClosedError
        It is more than a two-terminal of resistors and sources with states beside it; says what.
    """
    if part.size > _MOST_ELEMENTS:
        raise NotClosedError(f"its {part.size} elements are too many to solve for by themselves")
    whole = flat(part)
    part = whole.part
    states = [replace(state, node=whole.node(state.node)) for state in states]
    if len({state.node for state in states}) < len(states):
        raise NotClosedError("two of its states lie at one node")
    others = [pin for pin in part.pins if pin not in (p, n, *(state.node for state in states))]
    if others:
        raise NotClosedError(f"it has a further pin, {others[0]!r}")
    elements, farads = _checked(part, p, n, states)
    held = {"0", p, n, *(state.node for state in states)}
    nodes = dict.fromkeys(node for e in elements for node in e.nodes if node not in held)
    reader = _Reader(part)
    graph, make = reader.graph, reader.graph.make
    volt, units = graph.symbol("v"), [graph.symbol(f"x:{state.name}") for state in states]
    reader.held |= {n: graph.zero, p: volt}
    for state, unit in zip(states, units, strict=True):
        reader.held[state.node] = make("/", unit, graph.number(state.scale))
    sources = [f"#{e.name}" for e in elements if e.kind in ("v", "bv")]
    unknown = [*nodes, *sources]
    reader.held |= {name: graph.symbol(f"u:{k}") for k, name in enumerate(unknown)}
    total = dict.fromkeys([*unknown, p, *(state.node for state in states)], graph.zero)
    for element in elements:
        assert element.value is not None
        a, b = element.nodes[:2]
        volts, value = reader.across(a, b), reader.number(element.value)
        if element.kind in ("v", "bv"):
            total[f"#{element.name}"] = make("-", volts, value)
            amps = reader.held[f"#{element.name}"]
        else:
            amps = make("/", volts, value) if element.kind == "r" else value
        for node, op in ((a, "+"), (b, "-")):
            if node in total:
                total[node] = make(op, total[node], amps)
    rates = [
        make(
            "*",
            graph.number(state.scale),
            make("/", make("neg", total[state.node]), reader.number(farad)),
        )
        for state, farad in zip(states, farads, strict=True)
    ]
    starts = [
        graph.number(state.initial)
        if state.start is None
        else make("*", graph.number(state.scale), reader.number(state.start))
        for state in states
    ]
    solved = _reduced(graph, [total[p], *rates], {reader.held[u]: total[u] for u in unknown})
    ends = [graph.number(end) for state in states for end in (state.low, state.high)]
    plain, count = Graph(), 1 + len(rates)
    placed = graph.copy([*solved, *ends, *starts], plain)
    at = len(solved)
    return Stored(
        graph=plain,
        current=placed[0],
        rates=tuple(placed[1:count]),
        residuals=tuple(placed[count:at]),
        states=tuple(state.name for state in states),
        scales=tuple(state.scale for state in states),
        lows=tuple(placed[at : at + len(ends) : 2]),
        highs=tuple(placed[at + 1 : at + len(ends) : 2]),
        starts=tuple(placed[at + len(ends) :]),
    )


def _reduced(graph: Graph, wanted: list[int], equations: dict[int, int]) -> list[int]:
    """Return what is wanted, and behind it what must be 0, with as few unknowns ``u:0``, ``u:1``, …
    as are left.

    An unknown is put into all others where an equation has it with a whole number as its factor,
    or where it is the only one of its equation, in a straight line: neither divides by anything
    that the whole system of equations does not.

    Parameters
    ----------
    wanted : list of int
    equations : dict
        Unknown → what must be 0, one equation each, in any order.
    """
    unknown, rows = list(equations), list(equations.values())
    while True:
        found = next(
            (
                (row, symbol, by)
                for lonely in (False, True)
                for row in rows
                for symbol in unknown
                if symbol in graph.held(row)
                and (by := graph.slope(row, symbol))
                and graph.straight(row, symbol)
                and _gives(graph, row, by, unknown, lonely=lonely)
            ),
            None,
        )
        if found is None:
            break
        row, symbol, by = found
        rest = graph.put([row], {symbol: graph.zero})[0]
        if not graph.is_number(by, -1.0):
            rest = graph.make("neg", graph.make("/", rest, by))
        unknown.remove(symbol)
        rows.remove(row)
        placed = graph.put([*wanted, *rows], {symbol: rest})
        wanted, rows = placed[: len(wanted)], placed[len(wanted) :]
    if any(not graph.held(row) & set(unknown) and not graph.is_number(row, 0.0) for row in rows):
        raise NotClosedError("a current flows into one of its inner nodes and has no way out")
    needed = {s for s in unknown if any(s in graph.held(place) for place in wanted)}
    while True:  # what is solved together with what is needed is needed, too
        more = {
            s
            for row in rows
            if needed & graph.held(row)
            for s in unknown
            if s in graph.held(row) and s not in needed
        }
        if not more:
            break
        needed |= more
    unknown = [s for s in unknown if s in needed]
    rows = [row for row in rows if needed & graph.held(row)]
    if len(rows) != len(unknown):
        raise NotClosedError("nothing determines the voltage of one of its inner nodes")
    names = {s: graph.symbol(f"u:{k}") for k, s in enumerate(unknown)}
    return graph.put([*wanted, *rows], names)


def _gives(graph: Graph, row: int, by: int, unknown: Sequence[int], *, lonely: bool) -> bool:
    """Return whether an equation with this slope in an unknown gives it."""
    if graph.is_number(by):
        return not graph.is_number(by, 0.0)
    others = graph.held(row) & set(unknown)
    return lonely and len(others) == 1 and not graph.held(by) & others


def _checked(
    part: Part, p: str, n: str, states: Sequence[ForeignState]
) -> tuple[list[Element], list[Term]]:
    """Return the elements but for the states' capacitors, and the values of these."""
    capacitors = {state.capacitor: state.node for state in states}
    elements, farads = [], {}
    for element in part.elements:
        if element.kind not in _KINDS:
            raise NotClosedError(f"{element.name!r} is none of resistor, capacitor and source")
        if element.value is None or element.value.holds("sdt", "ddt", "opaque"):
            raise NotClosedError(f"{element.name!r} is not translated")
        if element.kind == "c":
            node = capacitors.get(element.name)
            if node is None or set(element.nodes) != {node, "0"}:
                raise NotClosedError(
                    f"the capacitor {element.name!r} does not lie between a state and the ground"
                )
            farads[element.name] = element.value
        else:
            elements.append(replace(element, value=_differences(element.value)))
    _two_terminal(elements, p, n)
    held = {"0", p, n, *capacitors.values()}
    for element in elements:
        if element.kind in ("v", "bv") and set(element.nodes) <= held:
            raise NotClosedError(f"the source {element.name!r} lies across what is given already")
    return elements, [farads[name] for name in capacitors]


def _differences(term: Term) -> Term:
    """Return an expression with ``V(a) − V(b)`` as the voltage between two nodes, which does not
    ask where the ground is."""
    if not term.args:
        return term
    args = tuple(_differences(a) for a in term.args)
    if term.op == "-" and all(a.op == "v" and len(a.names) == 1 for a in args):
        return Term("v", names=(args[0].names[0], args[1].names[0]), word=term.word)
    return replace(term, args=args)


def _two_terminal(elements: Sequence[Element], p: str, n: str) -> None:
    """Check that neither the current nor a measured voltage leads from the pins to the ground."""
    above: dict[str, str] = {}

    def root(node: str) -> str:
        while above.get(node, node) != node:
            node = above[node]
        return node

    for element in elements:
        for node in element.nodes[1:]:
            above[root(node)] = root(element.nodes[0])
    above[root(n)] = root(p)
    if root(p) == root("0"):
        raise NotClosedError("a path leads from its pins to the ground")
    for element in elements:
        for term in () if element.value is None else element.value.walk():
            if term.op == "v":
                sides = {
                    root(node) == root(p)
                    for node in (*term.names, *(("0",) if len(term.names) == 1 else ()))
                }
                if len(sides) == 2:
                    raise NotClosedError(
                        f"{element.name!r} measures a voltage of its pins against the ground"
                    )
