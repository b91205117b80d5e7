"""A sub-circuit written for ngspice from what was understood of it, in words that mean the same in
every version.

Every behavioural source becomes a B source; powers are written with bases that are not below 0,
conditions with ``ternary_fcn``. Names are those of the text where ngspice can take them as they
are, and otherwise made from them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from spicesnn.devices.importers.cards import fold
from spicesnn.devices.importers.dialects import BOOLEANS, PLAIN, ZERO
from spicesnn.devices.importers.elements import TRANSISTORS, Element
from spicesnn.devices.importers.expressions import Term, words
from spicesnn.devices.importers.translate import Part
from spicesnn.errors import UnsupportedNetlistError

_RESERVED = frozenset(PLAIN) | words("""
    time temper temp hertz v i m dc ac tran all gnd null pi e params required pow pwr max min int nint log limit sqr u u2 uramp ternary_fcn
    agauss gauss aunif unif if ddt idt sdt pwl var vec boltz echarge kelvin planck c true false yes no
""")
_WIDTH = 120


@dataclass(slots=True)
class Names:
    """Names as they are written, one for each of the text's."""

    taken: dict[tuple[str, str], str] = field(default_factory=dict)
    used: set[tuple[str, str]] = field(default_factory=set)

    def get(self, kind: str, name: str, prefix: str = "") -> str:
        """Return how a node, an element, a parameter or a model is written."""
        key = (kind, name)
        if key not in self.taken:
            plain = re.fullmatch(r"[a-z][a-z0-9_]*", name) is not None and name not in _RESERVED
            if plain or (kind == "node" and name.isdigit()):
                base = prefix + name if prefix and not name.startswith(prefix) else name
            else:
                base = f"{prefix or kind[0]}_{re.sub('[^a-z0-9_]', '_', name)}"
            made, count = base, 1
            while (kind, made) in self.used:
                count += 1
                made = f"{base}_{count}"
            self.used.add((kind, made))
            self.taken[key] = made
        return self.taken[key]


@dataclass(frozen=True, slots=True)
class Written:
    """A sub-circuit as text.

    Attributes
    ----------
    text : str
    names : Names
    inner : dict
        Name of an X element → what it calls, as written.
    """

    text: str
    names: Names
    inner: dict[str, Written]


def write(part: Part, done: dict[str, Written] | None = None) -> Written:
    """Return a sub-circuit, and before it those that it calls.

    Raises
    ------
    UnsupportedNetlistError
        Something in it has no translation; names the line and the word.
    """
    return _Writer(part, {} if done is None else done).written()


class _Writer:
    def __init__(self, part: Part, done: dict[str, Written]) -> None:
        self.part, self.done = part, done
        self.names = Names()
        self.cards: list[str] = []
        for (
            element
        ) in part.elements:  # states are asked for by these names: they have the first choice
            for node in element.nodes:
                self.node(node)
            self.element(element.name, element.kind)

    def written(self) -> Written:
        part = self.part
        inner, before = {}, []
        for name, called in part.inner.items():
            if called.name not in self.done:
                self.done[called.name] = write(called, self.done)
                before.append(self.done[called.name].text)
            inner[name] = self.done[called.name]
        for name, term in part.local.items():
            self.cards.append(f".param {self.parameter(name)}={{{self.text(term, False)}}}")
        for name, (kind, entries) in part.models.items():
            values = " ".join(f"{key}={self.value(term)}" for key, term in entries)
            self.cards.append(f".model {self.names.get('model', name)} {kind}({values})")
        for element in part.elements:
            self.write_element(element)
        given = " ".join(f"{self.parameter(name)}=required" for name in part.parameters)
        head = f".subckt {part_name(part)} {' '.join(self.node(pin) for pin in part.pins)}"
        lines = [
            head + (f" params: {given}" if given else ""),
            *self.cards,
            f".ends {part_name(part)}",
        ]
        return Written(
            "\n".join([*before, *(fold(line, _WIDTH) for line in lines)]), self.names, inner
        )

    # -- names ------------------------------------------------------------------------------------

    def node(self, name: str) -> str:
        head, dot, rest = name.partition(".")
        if dot and head in self.part.inner:
            return f"{self.names.taken['element', head]}.{self._inner_node(self.part.inner[head], rest)}"
        return "0" if name == "0" else self.names.get("node", name)

    def _inner_node(self, part: Part, name: str) -> str:
        names = self.done[part.name].names
        head, dot, rest = name.partition(".")
        if dot and head in part.inner:
            return f"{names.taken['element', head]}.{self._inner_node(part.inner[head], rest)}"
        if ("node", name) not in names.taken:
            raise UnsupportedNetlistError(
                f"{self.part.name}: no node {name!r} in the sub-circuit {part.name!r}"
            )
        return names.taken["node", name]

    def parameter(self, name: str) -> str:
        return self.names.get("parameter", name)

    def element(self, name: str, kind: str) -> str:
        letter = {"bi": "b", "bv": "b", "r": "r", "c": "c", "v": "v"}.get(kind, name[0])
        return self.names.get("element", name, letter)

    # -- elements ---------------------------------------------------------------------------------

    def write_element(self, element: Element) -> None:
        name, nodes = (
            self.element(element.name, element.kind),
            " ".join(self.node(node) for node in element.nodes),
        )
        for term in (element.value, element.initial, *(t for _, t in element.given)):
            for inner in () if term is None else term.walk():
                if inner.op == "opaque":
                    raise element.card.error(
                        f"{inner.word!r} {inner.names[0]}".replace(
                            f"{inner.word!r} {inner.word!r}", repr(inner.word)
                        )
                    )
        match element.kind:
            case "r" | "c" | "v":
                self.cards.append(f"{name} {nodes} {self.value(element.value or ZERO)}")
            case "bi" | "bv":
                value = self.behavioural(element)
                self.cards.append(f"{name} {nodes} {element.kind[1]}={self.text(value, True)}")
            case "x":
                passed = "".join(
                    f" {self._passed(element, key)}={self.value(term)}"
                    for key, term in element.given
                )
                self.cards.append(
                    f"{name} {nodes} {part_name(self.part.inner[element.name])}{passed}"
                )
            case "s":
                self.cards.append(f"{name} {nodes} {self.names.get('model', element.of)} off")
            case kind if kind in TRANSISTORS:
                given = "".join(
                    f" {key}={self.value(term)}" for key, term in element.given if " " not in key
                )
                self.cards.append(f"{name} {nodes} {self.names.get('model', element.of)}{given}")
            case _:
                raise UnsupportedNetlistError(
                    f"{element.card.file}, line {element.card.line}: {element.name!r} is not"
                    " translated"
                )

    def _passed(self, element: Element, key: str) -> str:
        return self.done[self.part.inner[element.name].name].names.get("parameter", key)

    def behavioural(self, element: Element) -> Term:
        """Return a source's value, after a check that nothing in it is a derivative by the time."""
        value = element.value or ZERO
        for term in value.walk():
            if term.op == "ddt":
                raise element.card.error(
                    "'ddt(' is not translated here; expected it as the current of a capacitor:"
                    " value * ddt(V(a, b)) from a to b"
                )
        return value

    # -- expressions ------------------------------------------------------------------------------

    def value(self, term: Term) -> str:
        """Return what stands behind ``=`` or as the value of an element."""
        return repr(term.value) if term.op == "num" else f"{{{self.text(term, False)}}}"

    def text(self, term: Term, behavioural: bool) -> str:
        """Return an expression, in brackets where it needs them."""
        if term.op == "num":
            return repr(term.value) if term.value >= 0 else f"({term.value!r})"
        if term.op == "par":
            name = self.parameter(term.names[0])
            return f"({{{name}}})" if behavioural else f"({name})"
        if term.op == "v":
            return self._voltage(*term.names)
        if term.op == "i":
            return f"i({self.names.taken['element', term.names[0]]})"
        args = [self.text(a, behavioural) for a in term.args]
        match term.op:
            case "neg":
                return f"(0 - {args[0]})"
            case "and":
                return f"({args[0]} * {args[1]})"
            case "or":
                return f"max({args[0]}, {args[1]})"
            case "not":
                return f"(1 - {args[0]})"
            case "if":
                return f"ternary_fcn({', '.join(args)})"
            case "apow":
                if (
                    term.args[1].op == "num"
                    and term.args[1].value == 2.0
                    and term.args[0].size <= 3
                ):
                    return f"({args[0]} * {args[0]})"
                return f"pow(abs({args[0]}), {args[1]})"
            case op if op in BOOLEANS or op in ("+", "-", "*", "/"):
                return f"({args[0]} {op} {args[1]})"
            case op:
                return f"{op}({', '.join(args)})"

    def _voltage(self, plus: str, minus: str = "0") -> str:
        if plus == minus:
            return "0"
        if minus == "0":
            return f"v({self.node(plus)})"
        return (
            f"(0 - v({self.node(minus)}))"
            if plus == "0"
            else f"v({self.node(plus)},{self.node(minus)})"
        )


def part_name(part: Part) -> str:
    """Return how a sub-circuit is written."""
    return (
        part.name
        if re.fullmatch(r"[a-z][a-z0-9_]*", part.name)
        else f"s_{re.sub('[^a-z0-9_]', '_', part.name)}"
    )
