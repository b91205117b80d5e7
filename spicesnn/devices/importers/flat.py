"""A sub-circuit without others inside it: their elements in the places where they are called, under
the names of the call (``x1.cx`` at ``x1.x``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from spicesnn.devices.importers.elements import Element
from spicesnn.devices.importers.expressions import Term
from spicesnn.devices.importers.translate import Part


@dataclass(frozen=True, slots=True)
class Flat:
    """A sub-circuit with all elements at one level.

    Attributes
    ----------
    part : Part
        Without X elements; its own formulas (`Part.local`) stay.
    pins : dict
        Pin of a sub-circuit inside, ``x1.p`` → the node that it is joined to.
    """

    part: Part
    pins: dict[str, str] = field(default_factory=dict)

    def node(self, name: str) -> str:
        """Return the node that a path means."""
        while name in self.pins:
            name = self.pins[name]
        return name


def flat(part: Part) -> Flat:
    """Return a sub-circuit with what it calls put in the places of the calls."""
    elements: list[Element] = []
    pins: dict[str, str] = {}
    _put(part, "", {}, elements, pins)
    found = Flat(replace(part, elements=[], inner={}), pins)
    found.part.elements.extend(
        replace(
            element,
            nodes=tuple(found.node(node) for node in element.nodes),
            value=None if element.value is None else _joined(element.value, found),
        )
        for element in elements
    )
    return found


def _put(
    part: Part,
    prefix: str,
    known: Mapping[str, Term],
    elements: list[Element],
    pins: dict[str, str],
) -> None:
    """Add the elements of a part; `known` are its parameters in terms of the outermost one's."""
    for element in part.elements:
        name = f"{prefix}{element.name}"
        nodes = tuple(_path(node, prefix) for node in element.nodes)
        if element.kind != "x":
            value = element.value
            if prefix and value is not None:
                value = _outer(value, part, prefix, known)
            elements.append(replace(element, name=name, nodes=nodes, value=value))
            continue
        inner = part.inner[element.name]
        pins |= {f"{name}.{pin}": node for pin, node in zip(inner.pins, nodes, strict=True)}
        given = dict(element.given)
        if prefix:
            given = {key: _outer(term, part, prefix, known) for key, term in given.items()}
        _put(inner, f"{name}.", given, elements, pins)


def _path(node: str, prefix: str) -> str:
    return node if node == "0" else f"{prefix}{node}"


def _outer(term: Term, part: Part, prefix: str, known: Mapping[str, Term]) -> Term:
    """Return an expression of a part inside in names of the outermost one."""
    name = term.names[0] if term.names else ""
    if term.op == "par":
        return _outer(part.local[name], part, prefix, known) if name in part.local else known[name]
    if term.op in ("v", "i"):
        return replace(term, names=tuple(_path(one, prefix) for one in term.names))
    return term.with_each(lambda inner: _outer(inner, part, prefix, known))


def _joined(term: Term, found: Flat) -> Term:
    """Return an expression with the nodes that pins are joined to."""
    if term.op == "v":
        return replace(term, names=tuple(found.node(node) for node in term.names))
    return term.with_each(lambda inner: _joined(inner, found))
