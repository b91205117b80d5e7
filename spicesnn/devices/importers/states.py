"""What a sub-circuit remembers: its capacitors, where they start, and whether a descriptor knows of
all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from spicesnn.devices.importers.dialects import BOOLEANS, ZERO
from spicesnn.devices.importers.elements import Element
from spicesnn.devices.importers.expressions import Term
from spicesnn.devices.importers.translate import Part
from spicesnn.errors import UnsupportedNetlistError


@dataclass(frozen=True, slots=True)
class Store:
    """One capacitor that keeps a charge of its own.

    Attributes
    ----------
    path : str
        Its name, ``x1.cx`` inside an inner sub-circuit.
    node : str
        The node whose voltage it holds, ``x1.x`` inside an inner sub-circuit.
    element : Element
    start : Term | None
        Its voltage at the start, of the parameters that can be set; None where the text says
        nothing.
    """

    path: str
    node: str
    element: Element
    start: Term | None


@dataclass(frozen=True, slots=True)
class Declared:
    """A state as a descriptor names it.

    Attributes
    ----------
    node, capacitor : str
        As they are called where one stands: a path loses its head on the way into an inner
        sub-circuit, and a node becomes a pin.
    state : str
        Node as the descriptor calls it.
    """

    node: str
    capacitor: str
    state: str


def stores(
    part: Part,
    held: frozenset[str],
    declared: Sequence[Declared],
    *,
    prefix: str = "",
    outer: Mapping[str, Term] | None = None,
    ground: frozenset[str] = frozenset({"0"}),
) -> Iterator[Store]:
    """Yield the capacitors of a sub-circuit whose voltage nothing outside determines, inner ones
    too.

    Parameters
    ----------
    part : Part
    held : frozenset of str
        Nodes whose voltage is given from outside: pins.
    declared : sequence of Declared
        What a descriptor names as states; the node of one is known to the others.
    prefix, outer
        Where an inner part is, and what its parameters are.
    ground : frozenset of str
        Nodes that are the ground: pins of an inner part that are joined to it.

    Raises
    ------
    UnsupportedNetlistError
        A declared capacitor does not lie at its node; or sources hold a state without one.
    """
    _no_latch(part)
    known = set(held) | {"0"} | {state.node for state in declared if "." not in state.node}
    _follow(part, known)
    for element in part.elements:
        if element.kind == "c":
            mine = next((state for state in declared if state.capacitor == element.name), None)
            if mine is not None:
                if mine.node not in element.nodes:
                    raise element.card.error(
                        f"{element.name!r} lies between {' and '.join(element.nodes)}, not at"
                        f" {mine.node!r}"
                    )
                _against_ground(element, ground)
                yield Store(
                    f"{prefix}{element.name}",
                    mine.state,
                    element,
                    _start(part, element, mine.node, outer),
                )
            elif any(node not in known for node in element.nodes):
                node = next(node for node in element.nodes if node not in known)
                _against_ground(element, ground)
                yield Store(
                    f"{prefix}{element.name}",
                    f"{prefix}{node}",
                    element,
                    _start(part, element, node, outer),
                )
        elif element.kind == "x":
            inner = part.inner[element.name]
            pins = frozenset(
                pin for pin, node in zip(inner.pins, element.nodes, strict=True) if node in known
            )
            given = {name: _outside(term, part, outer) for name, term in element.given}
            below = list(_below(element, inner, declared))
            tied = frozenset(
                pin for pin, node in zip(inner.pins, element.nodes, strict=True) if node in ground
            )
            yield from stores(
                inner,
                pins,
                below,
                prefix=f"{prefix}{element.name}.",
                outer=given,
                ground=tied | {"0"},
            )


def _against_ground(element: Element, ground: frozenset[str]) -> None:
    """Refuse a capacitor that holds a difference of two voltages that move."""
    if not set(element.nodes) & ground:
        raise element.card.error(
            f"{element.name!r} holds the voltage between {' and '.join(element.nodes)}; a state is the"
            " voltage of a node against the ground: put its capacitor there, or leave out one that"
            " is parasitic"
        )


def _below(element: Element, inner: Part, declared: Sequence[Declared]) -> Iterator[Declared]:
    """Yield the states inside an inner sub-circuit by the names they have in there."""
    head = f"{element.name}."
    for state in declared:
        if state.capacitor.startswith(head):
            node = state.node.removeprefix(head)
            if not state.node.startswith(head):
                node = next(
                    (
                        pin
                        for pin, outside in zip(inner.pins, element.nodes, strict=True)
                        if outside == state.node
                    ),
                    node,
                )
            yield Declared(node, state.capacitor.removeprefix(head), state.state)


def _no_latch(part: Part) -> None:
    """Refuse sources of voltage that come back to themselves through a condition: which side of it
    holds is remembered without a capacitor."""
    sees: dict[str, set[str]] = {}
    asks: list[tuple[Element, str, set[str]]] = []
    for element in part.elements:
        if element.kind != "bv" or element.value is None:
            continue
        seen, asked = _nodes(element.value), _asked(element.value)
        for node in element.nodes:
            if node != "0":
                sees.setdefault(node, set()).update(seen)
                asks.append((element, node, asked))
    for element, node, asked in asks:
        reached, left = set(asked), list(asked)
        while left:
            fresh = sees.get(left.pop(), set()) - reached
            reached |= fresh
            left += fresh
        if node in reached:
            raise element.card.error(
                f"{element.name!r} sets V({node}) by a condition on V({node}) itself: it holds a"
                " state that no capacitor keeps, so a pulse would forget it; write the state as the"
                " voltage of a capacitor"
            )


def _nodes(term: Term) -> set[str]:
    return {node for inner in term.walk() if inner.op == "v" for node in inner.names} - {"0"}


def _asked(term: Term) -> set[str]:
    """Return the nodes on whose voltages a value depends by jumps."""
    return {
        node
        for inner in term.walk()
        if inner.op in BOOLEANS or inner.op in ("sgn", "floor", "ceil")
        for node in _nodes(inner)
    }


def _follow(part: Part, known: set[str]) -> None:
    """Add the nodes that sources of voltage tie to known ones."""
    while True:
        before = len(known)
        for element in part.elements:
            if (
                element.kind in ("v", "bv")
                and element.value is not None
                and not element.value.holds("i", "sdt", "ddt", "opaque")
            ):
                used = {
                    node for term in element.value.walk() if term.op == "v" for node in term.names
                }
                if used <= known and len(set(element.nodes) & known) >= 1:
                    known |= set(element.nodes)
        if len(known) == before:
            return


def _start(
    part: Part, element: Element, node: str, outer: Mapping[str, Term] | None
) -> Term | None:
    """Return the voltage of a state node at the start: of its capacitor's ``ic=``, or of an ``.ic``
    card."""
    card = part.initial.get(node)
    if element.initial is None:
        return None if card is None else _outside(card[0], part, outer)
    if card is not None:
        raise element.card.error(
            f"{element.name!r} has ic= and its node {node!r} an .ic card; leave one out"
        )
    term = element.initial if element.nodes[0] == node else Term("neg", (element.initial,))
    return _outside(term, part, outer)


def _outside(term: Term, part: Part, outer: Mapping[str, Term] | None) -> Term:
    """Return an expression of a sub-circuit as one of the parameters that a user sets."""
    if term.op == "opaque":
        raise UnsupportedNetlistError(f"{term.word!r} {term.names[0]}")
    if term.op == "par":
        name = term.names[0]
        if name in part.local:
            return _outside(part.local[name], part, outer)
        return term if outer is None else outer.get(name, ZERO)
    return term.with_each(lambda inner: _outside(inner, part, outer))
