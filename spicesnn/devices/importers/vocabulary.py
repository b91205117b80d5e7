"""What the names in a sub-circuit stand for, in one dialect: parameters that can be set, constants,
functions, and those of the sub-circuits that call it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from spicesnn.devices.importers.ambient import ambient
from spicesnn.devices.importers.cards import Card, Library, Subckt, bare
from spicesnn.devices.importers.dialects import Meaning, SpiceDialect, build, number, opaque
from spicesnn.devices.importers.elements import Element, Grammar
from spicesnn.devices.importers.expressions import Term, WordError, parse
from spicesnn.errors import UnsupportedNetlistError

_MOST_STEPS = 100_000
"""Words that are looked at in one reading; functions of functions could ask for more than there is
time."""
DEEPEST = 12
"""Sub-circuits inside one another, and functions that call functions."""
_WORD = re.compile(r"(?<![\w.])[a-z_]\w*")


class ForeignWordError(UnsupportedNetlistError):
    """A word that does not belong to the dialect a netlist was read in."""


@dataclass(frozen=True, slots=True)
class Call:
    """How a sub-circuit is called.

    Attributes
    ----------
    settable : Mapping
        Parameter that is not known yet → whether it is certainly not below 0.
    kept : frozenset of str
        Nodes that are wanted.
    given : Mapping
        Constants that are passed.
    by : Vocabulary or None
        Of what calls it.
    copies : float
        In parallel.
    depth : int
    """

    settable: Mapping[str, bool]
    kept: frozenset[str]
    given: Mapping[str, Term] = field(default_factory=dict)
    by: Vocabulary | None = None
    copies: float = 1.0
    depth: int = 0


def named_in(text: str) -> set[str]:
    """Return the words of a text that may be names."""
    return set(_WORD.findall(text))


class Reading:
    """One reading of a library in one dialect: the trees of its texts, each read once, and its
    global parameters."""

    def __init__(self, library: Library, dialect: SpiceDialect) -> None:
        self.library, self.dialect = library, dialect
        self.ambient = ambient(library.bench, dialect)
        self.steps = 0
        self.trees: dict[str, Term] = {}
        nothing = Subckt(name="", card=Card("", "", 0), pins=(), defaults={})
        self.outside = Vocabulary(self, nothing, Call({}, frozenset()))

    def parsed(self, text: str) -> Term:
        """Return the tree of a text, read once."""
        if text not in self.trees:
            self.trees[text] = parse(text, xor=self.dialect is SpiceDialect.LTSPICE)
        return self.trees[text]

    def guarded(self, card: Card, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function; words that it cannot understand become errors about the card."""
        try:
            return function(*arguments)
        except WordError as error:
            text = f"{card.file}, line {card.line}: {error.word[:60]!r} {error.why}"
            raise (ForeignWordError if error.foreign else UnsupportedNetlistError)(text) from None


class Vocabulary:
    """What the names in a sub-circuit stand for: parameters that can be set, constants,
    functions."""

    def __init__(self, owner: Reading, subckt: Subckt, call: Call) -> None:
        self.owner, self.subckt, self.given, self.by = owner, subckt, call.given, call.by
        self.texts: dict[str, tuple[str, Card]] = dict(owner.library.scope.params)
        self.texts |= subckt.scope.params
        for key, text in subckt.defaults.items():
            if key in subckt.scope.params:
                raise subckt.card.error(
                    f"{key!r} is a parameter of the card and defined inside as well"
                )
            self.texts[key] = (bare(text), subckt.card)
        self.own = {*subckt.defaults, *subckt.scope.params}
        self.settable = dict(call.settable)
        self.meanings: dict[str, Term] = {}
        self.formulas: dict[str, Term] = {}
        self.asking: list[str] = []
        unknown = [name for name in self.settable if name not in self.texts]
        if unknown:
            raise subckt.card.error(
                f"takes no parameter {unknown[0]!r}; it takes:"
                f" {', '.join(subckt.defaults) or 'none'}"
            )

    def holds(self, card: Card) -> bool:
        """Return whether the conditions that a card stands under hold."""
        for wanted, condition in card.guards:
            term = self.owner.guarded(condition, self.condition, condition)
            if term.op == "opaque":
                raise condition.error(f"{term.word!r} {term.names[0]}")
            value = self.constant(term)
            if value is None:
                raise condition.error(
                    "the condition depends on a parameter that can be set; it decides the circuit,"
                    " so it must keep its value"
                )
            if bool(value) != wanted:
                return False
        return True

    def condition(self, card: Card) -> Term:
        if self.owner.dialect not in (SpiceDialect.NGSPICE, SpiceDialect.HSPICE):
            raise WordError(".if", f"is no card of {self.owner.dialect}", foreign=True)
        return self.meaning(False).truth(self.understand(card.text, card, False))

    def constant(self, term: Term) -> float | None:
        """Return the value of an expression of constants, or None if it holds more."""
        while term.op == "par" and term.names[0] in self.formulas:
            term = self.formulas[term.names[0]]
        if term.op == "num":
            return term.value
        if term.op in ("par", "opaque"):
            return None
        values = [self.constant(a) for a in term.args]
        if any(value is None for value in values):
            return None
        made = build(term.op, *(number(value) for value in values if value is not None))
        return made.value if made.op == "num" else None

    def lent(self, name: str) -> Term | None:
        """Return what a parameter of this sub-circuit, or of those that call it, is for one that it
        calls; None where none of them has it.

        ngspice (measured of 39.3) and LTspice let a sub-circuit see them; so what is no number known
        here, and every one in the other dialects, is refused where it is asked for."""
        if name not in self.own and name not in self.settable:
            return None if self.by is None else self.by.lent(name)
        dialect = self.owner.dialect
        if dialect in (SpiceDialect.NGSPICE, SpiceDialect.LTSPICE):
            value = self.constant(self.parameter(name, self.subckt.card))
            if value is not None:
                return number(value)
        return opaque(
            f"is a parameter of {self.subckt.name!r}, which calls this sub-circuit; make it one of"
            f" this .subckt too, and pass it: {name}={{{name}}}",
            name,
        )

    def made_of(self, name: str) -> set[str]:
        """Return the global parameters that a global parameter is made of."""
        known = self.owner.library.scope.params
        left, found = [name], set[str]()
        while left:
            for word in named_in(known[left.pop()][0]):
                if word in known and word not in found:
                    found.add(word)
                    left.append(word)
        return found

    def hidden(self, names: set[str]) -> set[str]:
        """Return those global parameters of some names that mean something else in this sub-circuit
        or in those that call it."""
        return {
            name
            for name in names & self.owner.library.scope.params.keys()
            if name in self.own or (self.by is not None and self.by.lent(name) is not None)
        }

    def nonnegative(self, name: str) -> bool:
        """Return whether a parameter is certainly not below 0."""
        if name in self.settable:
            return self.settable[name]
        return name in self.formulas and self.meaning(False).positive(self.formulas[name])

    def meaning(self, behavioural: bool) -> Meaning:
        """Return what words mean in a source, or in a parameter."""
        return Meaning(
            self.owner.dialect, behavioural, self.nonnegative, self.owner.ambient.celsius
        )

    def parameter(self, name: str, card: Card) -> Term:
        """Return what a parameter stands for."""
        if name in self.settable:
            return Term("par", names=(name,), word=name)
        if name in self.given:
            return self.given[name]
        if name not in self.own:
            lent = None if self.by is None else self.by.lent(name)
            if lent is not None:
                return replace(lent, word=name)
            clash = self.hidden(self.made_of(name))
            if (
                clash
                and self.owner.dialect is SpiceDialect.NGSPICE
                and not self.settable.keys() & (self.made_of(name) - self.own)
            ):
                return self.owner.outside.parameter(name, card)
            if clash:
                return opaque(
                    f"is made of {min(clash)!r}, which has a second meaning in the sub-circuit; give"
                    " one of them another name",
                    name,
                )
        elif self.owner.dialect is SpiceDialect.HSPICE and name in self.owner.library.scope.params:
            return opaque(
                "is a parameter of the whole file too, and .option parhier decides which of both"
                " counts; give one of them another name",
                name,
            )
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
                Grammar(self.owner.dialect, self.understand, self.owner.ambient).node(node)
                for node in raw.names
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
        if name in self.texts or (self.by is not None and self.by.lent(name) is not None):
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
        scopes = [*self.subckt.scopes(), self.owner.library.scope]
        found = next((s.funcs[name] for s in scopes if name in s.funcs), None)
        if found is None:
            return meaning.function(name, args)
        formals, text, where = found
        if name not in self.subckt.scope.funcs and self.owner.dialect is not SpiceDialect.NGSPICE:
            clash = self.hidden(named_in(text) - {*formals})
            if clash:
                raise WordError(
                    min(clash),
                    f"has a second meaning where {name}() is called; give one of them another name",
                )
        if len(args) != len(formals):
            raise WordError(f"{name}(", f"takes {len(formals)} arguments, not {len(args)}")
        if depth > DEEPEST:
            raise WordError(
                f"{name}(", "functions call one another too deep; does one call itself?"
            )
        body = self.owner.parsed(text)
        return self.walk(body, where, meaning, dict(zip(formals, args, strict=True)), depth + 1)
