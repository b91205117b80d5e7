"""A sub-circuit understood in one dialect: every parameter, function and element as a meaning, what
nothing depends on left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from spicesnn.devices.importers.cards import Card, Library, Scope, Subckt, bare
from spicesnn.devices.importers.dialects import Meaning, SpiceDialect, build, number, opaque
from spicesnn.devices.importers.elements import Element, Grammar
from spicesnn.devices.importers.expressions import Term, WordError, parse, words
from spicesnn.errors import UnsupportedNetlistError

_MOST_STEPS = 100_000
"""Words that are looked at in one reading; functions of functions could ask for more than there is
time."""
_MOST_ELEMENTS = 2_000
_DEEPEST = 12
"""Sub-circuits inside one another, and functions that call functions."""
_MOST_PARTS = 200
_MODEL_OF = {
    "d": ("d",),
    "q": ("npn", "pnp"),
    "j": ("njf", "pjf"),
    "m": ("nmos", "pmos"),
    "s": ("sw",),
}
_SWITCH = frozenset({"ron", "roff", "vt", "vh"})
_BIPOLAR = words("""
    is bf nf vaf ikf ise ne br nr var ikr isc nc rb irb rbm re rc cje vje mje tf xtf vtf itf ptf cjc vjc mjc xcjc tr cjs vjs mjs xtb eg
    xti kf af fc tnom level
""")
_JUNCTION = words("vto beta lambda rd rs cgs cgd pb is b kf af fc tnom n level")
_MOSFET = words("""
    level vto kp gamma phi lambda rd rs cbd cbs is pb cgso cgdo cgbo rsh cj mj cjsw mjsw js tox nsub nss nfs tpg xj ld uo ucrit uexp utra
    vmax neff delta theta eta kappa kf af fc tnom wd
""")
_DIODE = words("is n rs cjo cj0 vj m tt bv ibv eg xti fc kf af tnom level area isr nr ikf")


class ForeignWordError(UnsupportedNetlistError):
    """A word that does not belong to the dialect a netlist was read in."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One sub-circuit as understood, for one set of constants that it is called with.

    Attributes
    ----------
    name : str
        As it will be written.
    pins : tuple of str
    parameters : tuple of str
        What each call sets.
    local : dict
        Parameter that follows from these → its expression, in an order in which it can be computed.
    elements : list of Element
        Those that something depends on.
    left_out : list of Element
        Those that nothing depends on: bookkeeping.
    models : dict
        Name → type and parameters.
    initial : dict
        Node → voltage at the start, from an ``.ic`` card.
    inner : dict
        Name of an X element → its part.
    """

    name: str
    pins: tuple[str, ...]
    parameters: tuple[str, ...]
    local: dict[str, Term]
    elements: list[Element]
    left_out: list[Element]
    models: dict[str, tuple[str, tuple[tuple[str, Term], ...]]]
    initial: dict[str, tuple[Term, Card]]
    inner: dict[str, Part] = field(default_factory=dict)


def translate(
    library: Library,
    name: str,
    dialect: SpiceDialect,
    settable: Mapping[str, bool],
    kept: frozenset[str] = frozenset(),
) -> Part:
    """Return a sub-circuit as understood.

    Parameters
    ----------
    library : Library
    name : str
        Of the sub-circuit.
    dialect : SpiceDialect
    settable : Mapping
        Parameter that a user sets → whether it is certainly not below 0. All others are the
        constants that the text gives.
    kept : frozenset of str
        Nodes that are wanted whether or not anything depends on them; ``x1.a`` inside an inner
        sub-circuit.

    Raises
    ------
    ForeignWordError
        A word that this dialect does not have.
    UnsupportedNetlistError
        Something else that cannot be understood.
    """
    return _Translator(library, dialect).part(library.subckts[name], {}, settable, kept, 0)


class _Translator:
    def __init__(self, library: Library, dialect: SpiceDialect) -> None:
        self.library, self.dialect = library, dialect
        self.steps = 0
        self.trees: dict[str, Term] = {}
        self.made: dict[tuple[str, tuple[tuple[str, Term], ...], frozenset[str]], Part] = {}
        self.globals = {
            word
            for card in library.bench
            if card.text.startswith(".global")
            for word in card.text.split()[1:]
        }

    def part(
        self,
        subckt: Subckt,
        given: dict[str, Term],
        settable: Mapping[str, bool],
        kept: frozenset[str],
        depth: int,
    ) -> Part:
        if depth > _DEEPEST or len(self.made) > _MOST_PARTS:
            raise subckt.card.error(
                "sub-circuits are too deep inside one another, or too many; does one hold itself?"
            )
        if len(subckt.elements) > _MOST_ELEMENTS:
            raise subckt.card.error(
                f"{len(subckt.elements)} elements in one sub-circuit; expected at most"
                f" {_MOST_ELEMENTS}"
            )
        names = _Names(self, subckt, given, settable)
        grammar = Grammar(self.dialect, names.understand)
        elements: dict[str, Element] = {}
        for card in subckt.elements:
            element = self.guarded(card, grammar.element, card)
            if element.name in elements:
                raise card.error(f"a second element {element.name!r}")
            elements[element.name] = element
        pins = tuple(self.guarded(subckt.card, grammar.node, pin) for pin in subckt.pins)
        if "0" in pins:
            raise subckt.card.error(f"the pin {subckt.pins[pins.index('0')]!r} is the ground")
        solved = _Currents(elements, pins).all()
        kept |= {
            node
            for e in solved
            if e.value is not None
            for term in e.value.walk()
            if term.op == "v"
            for node in term.names
            if "." in node
        }
        live, dead = _alive(solved, pins, kept)
        initial = {
            self.guarded(card, grammar.node, node): (names.understand(text, card, False), card)
            for node, (text, card) in subckt.scope.initial.items()
        }
        inner, models = {}, {}
        for k, element in enumerate(live):
            self.check_nodes(element)
            if element.kind == "x":
                inner[element.name], live[k] = self.call(element, names, kept, depth)
            elif element.kind in _MODEL_OF:
                models[element.of] = self.model(element, subckt.scope, names)
        return Part(
            name=self.own_name(subckt.name),
            pins=pins,
            parameters=tuple(names.settable),
            local=names.local(live, models, initial),
            elements=live,
            left_out=[e for e in dead if e.name in elements],
            models=models,
            initial=initial,
            inner=inner,
        )

    def parsed(self, text: str) -> Term:
        """Return the tree of a text, read once."""
        if text not in self.trees:
            self.trees[text] = parse(text, xor=self.dialect is SpiceDialect.LTSPICE)
        return self.trees[text]

    def own_name(self, name: str) -> str:
        """Return the name of a sub-circuit, with a number where it is called with other constants
        too."""
        count = sum(key[0] == name for key in self.made)
        return name if count == 0 else f"{name}__{count + 1}"

    def check_nodes(self, element: Element) -> None:
        for node in element.nodes:
            if node in self.globals:
                raise element.card.error(
                    f"the global node {node!r} lies outside the sub-circuit; make it a pin"
                )

    def guarded(self, card: Card, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function; words that it cannot understand become errors about the card."""
        try:
            return function(*arguments)
        except WordError as error:
            text = f"{card.file}, line {card.line}: {error.word[:60]!r} {error.why}"
            raise (ForeignWordError if error.foreign else UnsupportedNetlistError)(text) from None

    def call(
        self, element: Element, names: _Names, kept: frozenset[str], depth: int
    ) -> tuple[Part, Element]:
        """Return the sub-circuit that an X element calls, understood for the constants it passes,
        and the element with the rest."""
        subckt = self.library.subckts.get(element.of)
        if subckt is None:
            raise element.card.error(f"no sub-circuit {element.of!r} in this file")
        if len(subckt.pins) != len(element.nodes):
            raise element.card.error(
                f"{element.of!r} has {len(subckt.pins)} pins; {len(element.nodes)} nodes are given"
            )
        passed = dict(element.given)
        unknown = [
            key for key in passed if key not in subckt.defaults and key not in subckt.scope.params
        ]
        if unknown == ["m"]:
            raise element.card.error(
                "copies of a sub-circuit in parallel (m=) are not translated; call it as often as is"
                " meant"
            )
        if unknown:
            raise element.card.error(f"{element.of!r} takes no parameter {unknown[0]!r}")
        constants = {key: term for key, term in passed.items() if term.op == "num"}
        variable = {
            key: Meaning(self.dialect, False, names.nonnegative).positive(term)
            for key, term in passed.items()
            if key not in constants
        }
        inside = frozenset(
            node.partition(".")[2] for node in kept if node.startswith(f"{element.name}.")
        )
        signs = [
            (f"sign of {name}", number(float(sign))) for name, sign in sorted(variable.items())
        ]
        key = (element.of, (*sorted(constants.items(), key=lambda entry: entry[0]), *signs), inside)
        if key not in self.made:
            made = self.part(subckt, constants, variable, inside, depth + 1)
            self.made[key] = made
        left = tuple((name, term) for name, term in element.given if name in variable)
        return self.made[key], replace(element, of=self.made[key].name, given=left)

    def model(
        self, element: Element, scope: Scope, names: _Names
    ) -> tuple[str, tuple[tuple[str, Term], ...]]:
        found = scope.models.get(element.of) or self.library.scope.models.get(element.of)
        if found is None:
            raise element.card.error(f"no model {element.of!r} in this file")
        kind, given, card = found
        if kind not in _MODEL_OF[element.kind]:
            if kind in ("vswitch", "iswitch"):
                raise ForeignWordError(
                    f"{card.file}, line {card.line}: the model type {kind!r} is not translated"
                )
            raise card.error(
                f"a {kind} model for {element.name!r}; expected"
                f" {' or '.join(_MODEL_OF[element.kind])}"
            )
        for key, text in given:
            if not text:
                raise card.error(f"{key!r} in a model has no value")
        values = tuple((key, names.understand(bare(text), card, False)) for key, text in given)
        known = {"s": _SWITCH, "d": _DIODE, "q": _BIPOLAR, "j": _JUNCTION, "m": _MOSFET}[
            element.kind
        ]
        level = dict(values).get("level", number(1.0))
        if (
            element.kind == "m" and level.op == "num" and level.value > 3
        ):  # a model of a foundry has hundreds of numbers
            known = frozenset(
                key
                for key, _ in values
                if re.fullmatch(r"[a-z][a-z0-9]{0,15}", key) and "file" not in key
            )
        for key, term in values:
            if key not in known:
                raise card.error(f"{key!r} is no parameter of a {kind} model that is taken")
            if element.kind == "s" and key == "vh" and term != number(0.0):
                raise card.error(
                    "'vh' makes a switch with a memory of its own, which a pulse would forget;"
                    " expected vh = 0"
                )
            if term.op == "opaque":
                raise card.error(f"{term.word!r} {term.names[0]}")
        return kind, values


class _Names:
    """What the names in a sub-circuit stand for: parameters that can be set, constants,
    functions."""

    def __init__(
        self,
        owner: _Translator,
        subckt: Subckt,
        given: dict[str, Term],
        settable: Mapping[str, bool],
    ) -> None:
        self.owner, self.subckt, self.given = owner, subckt, given
        self.texts: dict[str, tuple[str, Card]] = dict(owner.library.scope.params)
        self.texts |= subckt.scope.params
        for key, text in subckt.defaults.items():
            if key in subckt.scope.params:
                raise subckt.card.error(
                    f"{key!r} is a parameter of the card and defined inside as well"
                )
            self.texts[key] = (bare(text), subckt.card)
        self.settable = dict(settable)
        self.meanings: dict[str, Term] = {}
        self.formulas: dict[str, Term] = {}
        self.asking: list[str] = []
        unknown = [name for name in settable if name not in self.texts]
        if unknown:
            raise subckt.card.error(
                f"takes no parameter {unknown[0]!r}; it takes:"
                f" {', '.join(subckt.defaults) or 'none'}"
            )

    def nonnegative(self, name: str) -> bool:
        """Return whether a parameter is certainly not below 0."""
        if name in self.settable:
            return self.settable[name]
        return name in self.formulas and self.meaning(False).positive(self.formulas[name])

    def meaning(self, behavioural: bool) -> Meaning:
        """Return what words mean in a source, or in a parameter."""
        return Meaning(self.owner.dialect, behavioural, self.nonnegative)

    def parameter(self, name: str, card: Card) -> Term:
        """Return what a parameter stands for."""
        if name in self.settable:
            return Term("par", names=(name,), word=name)
        if name in self.given:
            return self.given[name]
        if name not in self.meanings:
            if name in self.asking or len(self.asking) > 60:
                how = "by itself" if name in self.asking else "through more than 60 others"
                raise card.error(f"the parameter {name!r} is defined {how}")
            text, where = self.texts[name]
            self.asking.append(name)
            term = self.understand(text, where, False)
            self.asking.pop()
            if term.size > 1 and term.op != "opaque":
                self.formulas[name] = term
                term = Term("par", names=(name,), word=name)
            self.meanings[name] = term
        return self.meanings[name]

    def local(
        self,
        elements: list[Element],
        models: Mapping[str, tuple[str, tuple[tuple[str, Term], ...]]],
        initial: Mapping[str, tuple[Term, Card]],
    ) -> dict[str, Term]:
        """Return the formulas that something uses, each after those it is made of."""
        terms = [
            t
            for e in elements
            for t in (e.value, e.initial, *(g for _, g in e.given))
            if t is not None
        ]
        terms += [t for _, values in models.values() for _, t in values] + [
            t for t, _ in initial.values()
        ]
        ordered: dict[str, Term] = {}

        def need(term: Term) -> None:
            for inner in term.walk():
                if (
                    inner.op == "par"
                    and inner.names[0] in self.formulas
                    and inner.names[0] not in ordered
                ):
                    need(self.formulas[inner.names[0]])
                    ordered[inner.names[0]] = self.formulas[inner.names[0]]

        for term in terms:
            need(term)
        return ordered

    def understand(self, text: str, card: Card, behavioural: bool) -> Term:
        """Return what a text means."""
        raw = self.owner.guarded(card, self.owner.parsed, text)
        found: Term = self.owner.guarded(
            card, lambda: self.walk(raw, card, self.meaning(behavioural), {}, 0)
        )
        return found

    def walk(
        self, raw: Term, card: Card, meaning: Meaning, formals: Mapping[str, Term], depth: int
    ) -> Term:
        """Return what a tree means; `formals` are the arguments of the function it stands in."""
        self.owner.steps += 1
        if self.owner.steps > _MOST_STEPS:
            raise WordError(
                raw.word,
                "comes after more words than a device has; are functions called again and again?",
            )
        if raw.op == "num":
            return replace(meaning.literal(raw.word), word=raw.word)
        if raw.op == "name":
            return self.name(raw.names[0], card, meaning, formals)
        if raw.op in ("v", "i"):
            if not meaning.behavioural:
                raise WordError(raw.word, "a voltage or current in what must be a number")
            if raw.op == "i":
                return raw
            nodes = tuple(
                Grammar(self.owner.dialect, self.understand).node(node) for node in raw.names
            )
            return replace(raw, names=nodes)
        args = tuple(self.walk(a, card, meaning, formals, depth) for a in raw.args)
        if raw.op == "call":
            return self.call(raw, args, card, meaning, depth)
        return meaning.operator(raw, args)

    def name(self, name: str, card: Card, meaning: Meaning, formals: Mapping[str, Term]) -> Term:
        if name in formals:
            return formals[name]
        constant = meaning.constant(name)
        if name in self.texts:
            if constant is not None and meaning.hides(name, element=not self.asking):
                return opaque(
                    f"is a parameter here, and a word of {self.owner.dialect}'s own; give the"
                    " parameter another name",
                    name,
                )
            return self.parameter(name, card)
        if constant is None:
            raise WordError(
                name, f"is no parameter, and no constant of {self.owner.dialect}", foreign=True
            )
        return replace(constant, word=name)

    def call(
        self, raw: Term, args: tuple[Term, ...], card: Card, meaning: Meaning, depth: int
    ) -> Term:
        name = raw.names[0]
        own = self.subckt.scope.funcs.get(name) or self.owner.library.scope.funcs.get(name)
        if own is None:
            return meaning.function(name, args)
        formals, text, where = own
        if len(args) != len(formals):
            raise WordError(f"{name}(", f"takes {len(formals)} arguments, not {len(args)}")
        if depth > _DEEPEST:
            raise WordError(
                f"{name}(", "functions call one another too deep; does one call itself?"
            )
        body = self.owner.parsed(text)
        return self.walk(body, where, meaning, dict(zip(formals, args, strict=True)), depth + 1)


class _Currents:
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
        return (
            replace(term, args=tuple(self._in(a, card) for a in term.args)) if term.args else term
        )

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
        args = tuple(put(a) for a in term.args)
        term = replace(term, args=args) if args else term
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


def _alive(
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


def understood(
    library: Library,
    name: str,
    dialect: SpiceDialect | None,
    settable: Mapping[str, bool],
    kept: frozenset[str] = frozenset(),
) -> tuple[Part, SpiceDialect]:
    """Return a sub-circuit as understood, and the dialect it was read in.

    Without a dialect it is read in each: those that do not have its words are out, and the others
    must agree on all of it.

    Raises
    ------
    UnsupportedNetlistError
        It cannot be understood, or means one thing in one dialect and another in another; names the
        line and the word.
    """
    if dialect is not None:
        return translate(library, name, dialect, settable, kept), dialect
    found: dict[SpiceDialect, Part] = {}
    errors: list[tuple[SpiceDialect, UnsupportedNetlistError]] = []
    unsure: list[tuple[SpiceDialect, UnsupportedNetlistError]] = []
    for each in SpiceDialect:
        try:
            found[each] = translate(library, name, each, settable, kept)
        except ForeignWordError as error:
            errors.append((each, error))
        except UnsupportedNetlistError as error:
            unsure.append((each, error))
    if not found and not unsure:
        kinds: dict[str, str] = {}
        for each, refusal in errors:
            place = str(refusal).partition(", line ")[2]
            kinds.setdefault(str(refusal).replace(each, ""), f"as {each}, line {place}")
        rest = list(kinds.values())[1:]
        raise UnsupportedNetlistError(
            "; ".join([str(errors[0][1]), *rest])
            + f"; it fits none of the dialects {', '.join(SpiceDialect)}"
        )
    if unsure:
        each, doubt = unsure[0]
        doubted = (
            f' (read as {each}; say whose language it is: dialect = "…")' if found or errors else ""
        )
        raise UnsupportedNetlistError(f"{doubt}{doubted}")
    (first, part), *others = found.items()
    for other, rival in others:
        apart = _apart(part, rival)
        if apart is not None:
            card, word = apart
            raise UnsupportedNetlistError(
                f"{card.file}, line {card.line}: {word!r} means one thing in {first} and another in"
                f" {other}. "
                f'Say whose language it is written in: dialect = "{other}" (or'
                f" {', '.join(d for d in SpiceDialect if d != other)}) in the "
                "descriptor, or --dialect of `spicesnn import`"
            )
    return part, first


def _apart(a: Part, b: Part) -> tuple[Card, str] | None:
    """Return where two readings of one text differ: the card and the word."""
    for one, two in zip(a.elements, b.elements, strict=False):
        if one == two:
            continue
        for s, t in [
            (one.value, two.value),
            (one.initial, two.initial),
            *((s, t) for (_, s), (_, t) in zip(one.given, two.given, strict=False)),
        ]:
            if s is not None and t is not None and s != t:
                return one.card, _word(s, t) or one.name
        return one.card, one.name
    for name in a.local.keys() | b.local.keys():
        if a.local.get(name) != b.local.get(name):
            s, t = a.local.get(name), b.local.get(name)
            card = next(e.card for e in a.elements)
            return card, (_word(s, t) if s is not None and t is not None else "") or name
    for called, rival in zip(a.inner.values(), b.inner.values(), strict=False):
        found = _apart(called, rival)
        if found is not None:
            return found
    if a != b and a.elements:
        return a.elements[0].card, a.name
    return None


def _word(s: Term, t: Term) -> str:
    """Return the word at which two readings part."""
    if s.op == t.op and len(s.args) == len(t.args) and s.names == t.names and s.value == t.value:
        for a, b in zip(s.args, t.args, strict=True):
            if a != b:
                return _word(a, b) or s.word or t.word
    # One of the two stands higher in its reading: an exclusive or binds less than a power does.
    powers = [x.word for x in (*s.walk(), *t.walk()) if x.word == "^"]
    return s.word if s.op == t.op else (*powers, s.word or t.word)[0]
