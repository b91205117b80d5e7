"""Elements of a sub-circuit rewritten until every state is the voltage of a capacitor to the ground:
currents as expressions, integrals as capacitors, and what nothing depends on left out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from spicesnn.devices.importers.cards import Card
from spicesnn.devices.importers.dialects import build, number, opaque
from spicesnn.devices.importers.elements import Element
from spicesnn.devices.importers.expressions import Term


class Currents:
    """Currents of elements that have none of their own: of a source of current its expression, of a
    resistor V/R."""

    def __init__(self, elements: dict[str, Element], pins: tuple[str, ...]) -> None:
        self.elements = elements
        self.nodes = {"0", *pins, *(node for e in elements.values() for node in e.nodes)}
        self.asking: list[str] = []

    def all(self) -> list[Element]:
        """Return the elements with these currents in their places."""
        made = []
        for element in self.elements.values():
            value = None if element.value is None else self._in(element.value, element.card)
            made.append(_capacitive(replace(element, value=value)))
        return [part for element in made for part in _integrals(element, self.nodes)]

    def _in(self, term: Term, card: Card) -> Term:
        if term.op == "i":
            return self._current(term, card)
        if term.op == "v":
            for node in term.names:
                inner = self.elements.get(node.partition(".")[0])
                if node not in self.nodes and (inner is None or inner.kind != "x"):
                    raise card.error(f"no node {node!r} in this sub-circuit ({term.word})")
            return term
        return term.with_each(lambda inner: self._in(inner, card))

    def _current(self, term: Term, card: Card) -> Term:
        name = term.names[0]
        element = self.elements.get(name)
        if element is None:
            raise card.error(f"no element {name!r} in this sub-circuit ({term.word})")
        if element.kind in ("v", "bv"):
            return term
        if element.kind == "r":
            assert element.value is not None
            return build("/", Term("v", names=element.nodes[:2], word=term.word), element.value)
        if element.kind == "bi":
            if name in self.asking:
                raise card.error(f"the current of {name!r} is defined by itself")
            self.asking.append(name)
            assert element.value is not None
            found = self._in(element.value, card)
            self.asking.pop()
            return found
        return opaque(
            f"is the current of {name!r}, which is not translated; put a source of 0 V in series"
            " with it",
            term.word,
            term,
        )


def _integrals(element: Element, nodes: set[str]) -> list[Element]:
    """Return an element, and for each integral over time in its value a capacitor of 1 F that is
    charged by what is integrated.

    The first one's node is called ``<element>_sdt`` and its capacitor ``c<element>_sdt``, the
    second's ``<element>_sdt2``, and so on."""
    if element.value is None or not element.value.holds("sdt"):
        return [element]
    made: list[Element] = []
    known: dict[Term, Term] = {}

    def put(term: Term) -> Term:
        term = term.with_each(put)
        if term.op != "sdt":
            return term
        if term not in known:
            name = f"{element.name}_sdt{len(known) + 1 if known else ''}"
            while name in nodes:
                name += "_"
            nodes.add(name)
            rate, start = term.args
            made.append(
                Element(
                    f"c{name}", "c", (name, "0"), element.card, value=number(1.0), initial=start
                )
            )
            made.append(Element(f"g{name}", "bi", ("0", name), element.card, value=rate))
            known[term] = Term("v", names=(name,), word=term.word)
        return known[term]

    whole = replace(element, value=put(element.value))
    return [whole, *made]


def from_pins(
    elements: list[Element], pins: tuple[str, ...], started: Collection[str]
) -> list[Element]:
    """Return elements with circuits that hang on one pin alone, and hold a charge, moved to the
    ground: no current leaves such a circuit, and its voltages are taken against that pin."""
    above: dict[str, str] = {}

    def root(node: str) -> str:
        while above.get(node, node) != node:
            node = above[node]
        return node

    ends = {"0", *pins}
    for e in elements:
        own = [node for node in e.nodes if node not in ends]
        for node in own[1:]:
            above[root(node)] = root(own[0])
    groups: dict[str, list[Element]] = {}
    for e in elements:
        for place in {root(node) for node in e.nodes if node not in ends}:
            groups.setdefault(place, []).append(e)
    base: dict[str, str] = {}
    for group in groups.values():
        touched = {node for e in group for node in e.nodes} & ends
        nodes = {node for e in group for node in e.nodes} - ends
        if (
            len(touched) == 1
            and "0" not in touched
            and any(e.kind == "c" for e in group)
            and all(e.kind in ("r", "c", "v", "bi", "bv") for e in group)
            and not nodes & set(started)
        ):
            base |= dict.fromkeys(nodes, touched.pop())

    def taken(term: Term) -> Term:
        if term.op != "v":
            return term.with_each(taken)
        a, b = (*term.names, "0")[:2]
        high, low = base.get(a), base.get(b)
        if high == low:
            return term
        if b == high:
            return Term("v", names=(a,), word=term.word)
        if a == low:
            return Term("neg", (Term("v", names=(b,), word=term.word),), word=term.word)
        return build("+", term, Term("v", names=(high or "0", low or "0")), word=term.word)

    def moved(e: Element) -> Element:
        pin = next((base[node] for node in e.nodes if node in base), None)
        nodes = tuple("0" if node == pin else node for node in e.nodes)
        return replace(e, nodes=nodes, value=None if e.value is None else taken(e.value))

    return [moved(e) for e in elements] if base else elements


def grounded(elements: list[Element], started: Collection[str]) -> list[Element]:
    """Return elements with capacitors to a node of constant voltage, such as the ambient
    temperature, as capacitors to the ground: the same current charges them. Without a charge they
    start at that voltage, unless theirs is among the nodes that an ``.ic`` card starts."""
    asked = {
        term.names[0]
        for e in elements
        if e.value is not None
        for term in e.value.walk()
        if term.op == "i"
    }
    level: dict[str, Term] = {"0": number(0.0)}
    left = [
        e
        for e in elements
        if e.kind == "v"
        and e.name not in asked
        and e.value is not None
        and not e.value.holds("v", "i", "sdt", "ddt", "opaque")
    ]
    while left:
        e = next((e for e in left if len(set(e.nodes) & level.keys()) == 1), None)
        if e is None:
            break
        left.remove(e)
        assert e.value is not None
        high, low = e.nodes
        if low in level:
            level[high] = build("+", level[low], e.value)
        else:
            level[low] = build("-", level[high], e.value)

    def moved(e: Element) -> Element:
        held = [node for node in e.nodes if node in level]
        if e.kind != "c" or len(held) != 1 or held == ["0"]:
            return e
        high, low = e.nodes
        start = e.initial
        if start is not None or not {high, low} & set(started):
            op, there = ("+", level[low]) if low in level else ("-", level[high])
            start = build(op, number(0.0) if start is None else start, there)
        return replace(e, nodes=(high, "0") if low in level else ("0", low), initial=start)

    return [moved(e) for e in elements]


def joined(elements: list[Element]) -> list[Element]:
    """Return elements with capacitors that lie beside each other as one: they hold one charge."""
    found: list[Element] = []
    beside: dict[frozenset[str], int] = {}
    for element in elements:
        at = beside.get(frozenset(element.nodes)) if element.kind == "c" else None
        if at is None:
            if element.kind == "c":
                beside[frozenset(element.nodes)] = len(found)
            found.append(element)
            continue
        first, start = found[at], element.initial
        if start is not None and element.nodes != first.nodes:
            start = build("neg", start)
        if start != first.initial:
            raise element.card.error(
                f"{element.name!r} lies beside {first.name!r} and does not start at the same voltage;"
                " give both the same ic=, or none"
            )
        assert first.value is not None
        assert element.value is not None
        found[at] = replace(first, value=build("+", first.value, element.value))
    return found


def _capacitive(element: Element) -> Element:
    """Return a source whose current is a constant times the derivative of its own voltage as the
    capacitor it is."""
    value = element.value
    if element.kind != "bi" or value is None:
        return element
    scale, inner = (value.args[0], value.args[1]) if value.op == "*" else (number(1.0), value)
    if value.op == "*" and inner.op != "ddt":
        scale, inner = inner, scale
    if (
        inner.op != "ddt"
        or inner.args[0].op != "v"
        or scale.holds("v", "i", "ddt", "sdt", "opaque")
    ):
        return element
    return (
        replace(element, name=f"c{element.name}", kind="c", value=scale)
        if inner.args[0].names == element.nodes
        else element
    )


def alive(
    elements: list[Element], pins: tuple[str, ...], kept: frozenset[str]
) -> tuple[list[Element], list[Element]]:
    """Return the elements that the pins depend on, and the others.

    Elements that share a node other than the ground are one circuit; a circuit lives if it has a
    pin, or if one that lives measures a voltage or a current of it."""
    above: dict[str, str] = {}

    def root(node: str) -> str:
        while above.get(node, node) != node:
            node = above[node]
        return node

    by_name = {element.name: element for element in elements}
    for element in elements:
        own = [node for node in element.nodes if node != "0"]
        for node in own[1:]:
            above[root(node)] = root(own[0])
    # A node inside an inner sub-circuit keeps the element that holds it.
    held = {
        node
        for e in elements
        if any(name.startswith(f"{e.name}.") for name in kept)
        for node in e.nodes
        if node != "0"
    }
    living = {root(node) for node in (*pins, *kept, *held)}
    around = {e.name: {root(node) for node in e.nodes if node != "0"} for e in elements}
    read = {e.name: {root(node) for node in _measured(e, by_name) if node != "0"} for e in elements}
    while True:
        wanted = living.union(*(read[name] for name, roots in around.items() if roots & living))
        if wanted == living:
            break
        living = wanted
    inside = {e.name for e in elements if any(name.startswith(f"{e.name}.") for name in kept)}
    inside |= {
        e.name for e in elements if any(root(node) in living for node in e.nodes if node != "0")
    }
    return [e for e in elements if e.name in inside], [e for e in elements if e.name not in inside]


def _measured(element: Element, by_name: Mapping[str, Element]) -> Iterator[str]:
    """Yield the nodes that an element's value depends on."""
    for term in () if element.value is None else element.value.walk():
        if term.op == "v":
            for node in term.names:
                holder = by_name.get(node.partition(".")[0])
                yield from (node,) if holder is None or "." not in node else holder.nodes
        elif term.op == "i" and term.names[0] in by_name:
            yield from by_name[term.names[0]].nodes
