"""A sub-circuit understood in one dialect: every parameter, function and element as a meaning, what
nothing depends on left out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from spicesnn.devices.importers.ambient import option_of
from spicesnn.devices.importers.cards import Card, Library, Subckt, assignments, bare
from spicesnn.devices.importers.dialects import SpiceDialect, build, number, opaque
from spicesnn.devices.importers.elements import TRANSISTORS, Element, Grammar
from spicesnn.devices.importers.expressions import Term, words
from spicesnn.devices.importers.rewriting import Currents, alive, from_pins, grounded, joined
from spicesnn.devices.importers.vocabulary import (
    DEEPEST,
    Call,
    ForeignWordError,
    Reading,
    Vocabulary,
    named_in,
)
from spicesnn.errors import UnsupportedNetlistError

_MOST_ELEMENTS = 2_000
_MOST_IN_ALL = 20_000
_MOST_PARTS = 200
_MODEL_OF = {
    "d": ("d",),
    "q": ("npn", "pnp"),
    "j": ("njf", "pjf"),
    "m": ("nmos", "pmos"),
    "s": ("sw",),
    "w": ("iswitch",),
}
_USUAL, _OWN_LEVELS = number(27.0), 3
"""ngspice's temperature, °C; the levels of a transistor whose numbers are listed here."""
_SIZES = frozenset({"scale", "scalm", "defl", "defw", "defad", "defas", "defnrd", "defnrs"})
"""Options that are part of a transistor's size."""
_SWITCH = frozenset({"ron", "roff", "vt", "vh"})
_SMOOTH = {
    "vswitch": {"ron": 1.0, "roff": 1e6, "von": 1.0, "voff": 0.0},
    "iswitch": {"ron": 1.0, "roff": 1e6, "ion": 1e-3, "ioff": 0.0},
}
"""Parameters of PSpice's switches, and what they are where nothing is said."""
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

    @cached_property
    def size(self) -> int:
        """How many elements it has with those of all sub-circuits that it calls, as often as it
        calls them."""
        inner = self.inner
        return sum(inner[e.name].size if e.name in inner else 1 for e in self.elements)


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
    cut = library.cut
    if cut is not None and dialect in (SpiceDialect.LTSPICE, SpiceDialect.PSPICE):
        raise ForeignWordError(
            f"{cut.file}, line {cut.line}: {cut.cut[:40]!r} is a comment in ngspice and hspice only;"
            f" in {dialect} put a ; in front of it, or leave it out"
        )
    return _Translator(library, dialect).part(library.subckts[name], Call(settable, kept))


class _Translator(Reading):
    def __init__(self, library: Library, dialect: SpiceDialect) -> None:
        super().__init__(library, dialect)
        self.words: dict[str, set[str]] = {}
        self.made: dict[tuple[str, tuple[tuple[str, Term], ...], frozenset[str]], Part] = {}
        self.globals = {
            word
            for card in library.bench
            if card.text.startswith(".global")
            for word in card.text.split()[1:]
        }

    def part(self, subckt: Subckt, call: Call) -> Part:
        kept = call.kept
        if call.depth > DEEPEST or len(self.made) > _MOST_PARTS:
            raise subckt.card.error(
                "sub-circuits are too deep inside one another, or too many; does one hold itself?"
            )
        if len(subckt.elements) > _MOST_ELEMENTS:
            raise subckt.card.error(
                f"{len(subckt.elements)} elements in one sub-circuit; expected at most"
                f" {_MOST_ELEMENTS}"
            )
        if subckt.around is not None and self.dialect is SpiceDialect.PSPICE:
            raise ForeignWordError(
                f"{subckt.card.file}, line {subckt.card.line}: '.subckt' inside another is none of"
                " pspice"
            )
        names = Vocabulary(self, subckt, call)
        grammar = Grammar(self.dialect, names.understand, self.ambient)
        elements: dict[str, Element] = {}
        for card in subckt.elements:
            if not names.holds(card):
                continue
            element = self.guarded(card, grammar.element, card)
            if element.name in elements:
                raise card.error(f"a second element {element.name!r}")
            elements[element.name] = element
        pins = tuple(self.guarded(subckt.card, grammar.node, pin) for pin in subckt.pins)
        if "0" in pins:
            raise subckt.card.error(f"the pin {subckt.pins[pins.index('0')]!r} is the ground")
        elements = {name: self.smooth(element, names) for name, element in elements.items()}
        if call.copies != 1.0:
            elements = {
                name: self.copied(element, call.copies) for name, element in elements.items()
            }
        started = set(subckt.scope.initial)
        solved = from_pins(Currents(elements, pins).all(), pins, started)
        solved = joined(grounded(solved, started))
        kept |= {
            node
            for e in solved
            if e.value is not None
            for term in e.value.walk()
            if term.op == "v"
            for node in term.names
            if "." in node
        }
        live, dead = alive(solved, pins, kept)
        initial = {
            self.guarded(card, grammar.node, node): (names.understand(text, card, False), card)
            for node, (text, card) in subckt.scope.initial.items()
        }
        inner, models = {}, {}
        for k, element in enumerate(live):
            self.check_nodes(element)
            if element.kind == "x":
                inner[element.name], live[k] = self.call(element, names, subckt, call)
            elif element.kind in _MODEL_OF:
                models[element.of] = self.model(element, names)
                if element.kind in TRANSISTORS:
                    live[k], models[element.of] = self.warmed(element, *models[element.of])
        made = Part(
            name=self.own_name(subckt.path),
            pins=pins,
            parameters=tuple(names.settable),
            local=names.local(live, models, initial),
            elements=live,
            left_out=[e for e in dead if e.name in elements],
            models=models,
            initial=initial,
            inner=inner,
        )
        if made.size > _MOST_IN_ALL:
            raise subckt.card.error(
                f"{made.size} elements with those of the sub-circuits it calls; expected at most"
                f" {_MOST_IN_ALL}"
            )
        return made

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

    def smooth(self, element: Element, names: Vocabulary) -> Element:
        """Return a switch of PSpice between two voltages or two currents (VSWITCH, ISWITCH) as the
        source that it is.

        PSpice's reference: R = exp(ln√(Ron·Roff) + ln(Ron/Roff)·(1.5·u − 2·u³)), where u is the
        control's way from the middle of Von and Voff over Von − Voff, between −½ and ½."""
        if element.kind == "w" and self.dialect is not SpiceDialect.PSPICE:
            why = "is a switch by a current, which is taken in pspice alone (ISWITCH)"
            return replace(element, kind="opaque", value=opaque(why, element.name))
        if element.kind not in ("s", "w") or self.dialect is not SpiceDialect.PSPICE:
            return element
        kind, values = self.model(element, names)
        if kind not in _SMOOTH:
            return element
        of = {key: number(value) for key, value in _SMOOTH[kind].items()} | dict(values)
        on, off = of[f"{kind[0]}on"], of[f"{kind[0]}off"]
        span = build("-", on, off)
        if span == number(0.0):
            raise element.card.error(
                f"{element.name!r} has {kind[0]}on = {kind[0]}off, and no way between them"
            )
        control = element.value or Term("v", names=element.nodes[2:], word=element.name)
        middle = build("*", number(0.5), build("+", on, off))
        u = build("/", build("-", control, middle), span)
        u = build("min", build("max", u, number(-0.5)), number(0.5))
        bend = build("*", u, build("-", number(1.5), build("*", number(2.0), build("*", u, u))))
        level = build("*", number(0.5), build("ln", build("*", of["ron"], of["roff"])))
        steep = build("ln", build("/", of["ron"], of["roff"]))
        ohm = build("exp", build("+", level, build("*", steep, bend)))
        across = Term("v", names=element.nodes[:2], word=element.name)
        return replace(
            element,
            kind="bi",
            nodes=element.nodes[:2],
            of="",
            value=build("/", across, ohm, word=element.name),
        )

    def warmed(
        self, element: Element, kind: str, values: tuple[tuple[str, Term], ...]
    ) -> tuple[Element, tuple[str, tuple[tuple[str, Term], ...]]]:
        """Return a diode or a transistor, and its model, with the temperatures that the text or its
        dialect means; ngspice takes 27 °C for both where nothing is said."""
        here, nominal = self.ambient.celsius, self.ambient.nominal
        for term in (here, nominal):
            if term.op == "opaque":
                raise element.card.error(f"{term.word!r} {term.names[0]}")
        sized = option_of(self.library.bench, _SIZES) if element.kind == "m" else None
        if sized is not None:
            raise sized[0].error(
                f"{sized[1]!r} decides how large {element.name!r} is; write its w and l out, and leave"
                " the option out"
            )
        if here != _USUAL:
            level = dict(values).get("level", number(1.0))
            if element.kind == "m" and not (level.op == "num" and level.value <= _OWN_LEVELS):
                raise element.card.error(
                    f"{element.name!r} is at {here.value:g} °C, which a model of a foundry does not"
                    " take from its card; put .temp 27 into the file if that is what you want"
                )
            element = replace(element, given=(*element.given, ("temp", here)))
        if nominal != _USUAL and "tnom" not in dict(values):
            values = (*values, ("tnom", nominal))
        return element, (kind, values)

    def copied(self, element: Element, copies: float) -> Element:
        """Return an element as it stands for all of some copies in parallel: voltages are those of
        one, and currents add up."""
        value = element.value
        why = ""
        if value is not None and value.holds("i"):
            why = "asks for a current, of which it is not certain whether one copy's is meant"
        elif element.name[0] == "b" and element.kind == "bi":
            why = f"is one source for all copies in {self.dialect}; expected a G source"
        elif self.dialect is SpiceDialect.NGSPICE and any(
            key == "m" for key, _ in assignments(element.card.text)[1]
        ):
            why = "has copies of its own, which ngspice 39 forgets there against its manual"
        elif element.kind == "s":
            why = "is a switch, of which there are no copies"
        if why:
            raise element.card.error(
                f"{element.name!r} {why} (the sub-circuit is called with m={copies:g})"
            )
        times = number(copies)
        if element.kind == "x" or element.kind in TRANSISTORS:
            before = dict(element.given).get("m", number(1.0))
            given = [entry for entry in element.given if entry[0] != "m"]
            return replace(element, given=(*given, ("m", build("*", before, times))))
        if value is None or element.kind in ("v", "bv"):
            return element
        return replace(element, value=build("/" if element.kind == "r" else "*", value, times))

    def call(
        self, element: Element, names: Vocabulary, by: Subckt, outer: Call
    ) -> tuple[Part, Element]:
        """Return the sub-circuit that an X element calls, understood for the constants it passes,
        and the element with the rest."""
        subckt = self.library.called(element.of, by)
        if subckt is None:
            raise element.card.error(f"no sub-circuit {element.of!r} in this file")
        if len(subckt.pins) != len(element.nodes):
            raise element.card.error(
                f"{element.of!r} has {len(subckt.pins)} pins; {len(element.nodes)} nodes are given"
            )
        passed = dict(element.given)
        copies = 1.0
        if "m" in passed and "m" not in subckt.defaults and "m" not in subckt.scope.params:
            copies = self.count(element, passed.pop("m"), names)
        elif outer.copies != 1.0 and "m" in passed:
            raise element.card.error(
                f"copies of {element.of!r}, which has a parameter m of its own, are not translated"
            )
        unknown = [
            key for key in passed if key not in subckt.defaults and key not in subckt.scope.params
        ]
        if unknown:
            raise element.card.error(f"{element.of!r} takes no parameter {unknown[0]!r}")
        self.unmixed(element, subckt)
        constants = {key: term for key, term in passed.items() if term.op == "num"}
        variable = {
            key: names.meaning(False).positive(term)
            for key, term in passed.items()
            if key not in constants
        }
        inside = frozenset(
            node.partition(".")[2] for node in outer.kept if node.startswith(f"{element.name}.")
        )
        marks = [
            (f"sign of {name}", number(float(sign))) for name, sign in sorted(variable.items())
        ]
        marks += [("copies", number(copies)), *self.inherited(subckt, names)]
        key = (
            subckt.path,
            (*sorted(constants.items(), key=lambda entry: entry[0]), *marks),
            inside,
        )
        if key not in self.made:
            made = self.part(
                subckt, Call(variable, inside, constants, names, copies, outer.depth + 1)
            )
            self.made[key] = made
        left = tuple((name, term) for name, term in element.given if name in variable)
        return self.made[key], replace(element, of=self.made[key].name, given=left)

    def unmixed(self, element: Element, subckt: Subckt) -> None:
        """Refuse what an X element passes in names that ngspice (measured of 39.3) takes for
        parameters of the sub-circuit that is called: with ``.subckt in p q c=4 a=1``, ``a={c}`` is
        4, whatever c is where it is called."""
        if self.dialect is not SpiceDialect.NGSPICE:
            return
        given = {
            key: bare(text)
            for key, text in assignments(re.sub(r"\bparams\s*:", " ", element.card.text))[1]
        }
        for key, text in given.items():
            own = subckt.defaults.keys() | subckt.scope.params.keys()
            for name in sorted(named_in(text) & own - {key}):
                if given.get(name) != name:
                    raise element.card.error(
                        f"{key}={{{text}}}: ngspice takes {name!r} there for the parameter of"
                        f" {subckt.name!r} itself; give it another name where it is called"
                    )

    def count(self, element: Element, copies: Term, names: Vocabulary) -> float:
        """Return how many copies of a sub-circuit an X element calls."""
        if self.dialect not in (SpiceDialect.NGSPICE, SpiceDialect.HSPICE):
            raise element.card.error(
                "copies of a sub-circuit in parallel (m=) are not translated from"
                f" {self.dialect}; call it as often as is meant"
            )
        found = names.constant(copies)
        if found is None or not found > 0.0:
            raise element.card.error(
                "m= of a sub-circuit: expected a number of copies above 0, which no parameter that"
                " can be set decides"
            )
        return found

    def inherited(self, subckt: Subckt, names: Vocabulary) -> list[tuple[str, Term]]:
        """Return what a sub-circuit's words may mean where it is called: parameters of those that
        call it."""
        if subckt.path not in self.words:
            self.words[subckt.path] = self.all_words(subckt)
        own = subckt.defaults.keys() | subckt.scope.params.keys()
        return [
            (f"from outside: {name}", term)
            for name in sorted(self.words[subckt.path] - own)
            if (term := names.lent(name)) is not None
        ]

    def all_words(self, subckt: Subckt) -> set[str]:
        """Return the words in a sub-circuit, in those it calls and in what these may use."""
        found, left, seen = set[str](), [subckt], set[str]()
        scopes = [self.library.scope]
        while left:
            one = left.pop()
            if one.path not in seen:
                seen.add(one.path)
                scopes += one.scopes()
                words = named_in(" ".join([card.text for card in one.elements]))
                found |= words | named_in(" ".join(one.defaults.values()))
                called = (self.library.called(name, one) for name in words)
                left += [inner for inner in called if inner is not None]
        for scope in scopes:
            for text, _ in scope.params.values():
                found |= named_in(text)
            for _, text, _ in scope.funcs.values():
                found |= named_in(text)
            for models in scope.models.values():
                for _, _, card in models:
                    found |= named_in(card.text)
        return found

    def model(
        self, element: Element, names: Vocabulary
    ) -> tuple[str, tuple[tuple[str, Term], ...]]:
        own = names.subckt.scope
        scope = next(
            (
                one
                for one in [*names.subckt.scopes(), self.library.scope]
                if element.of in one.models
            ),
            None,
        )
        if scope is None:
            raise element.card.error(f"no model {element.of!r} in this file")
        for _, _, card in () if scope is own else scope.models[element.of]:
            text = " ".join([card.text, *(condition.text for _, condition in card.guards)])
            inside = named_in(text) & (names.own | names.settable.keys())
            if inside:
                raise card.error(
                    f"the model {element.of!r} asks for {min(inside)!r}, which the sub-circuit that"
                    " uses it sets; put the model into that sub-circuit"
                )
        taken = [entry for entry in scope.models[element.of] if names.holds(entry[2])]
        if len(taken) != 1:
            raise element.card.error(
                f"{len(taken)} models {element.of!r} under conditions that hold; expected one"
            )
        found = taken[0]
        kind, given, card = found
        smooth = self.dialect is SpiceDialect.PSPICE and (
            (element.kind, kind) in (("s", "vswitch"), ("w", "iswitch"))
        )
        if kind not in _MODEL_OF[element.kind] and not smooth:
            if kind in _SMOOTH:
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
        lists = {"s": _SWITCH, "d": _DIODE, "q": _BIPOLAR, "j": _JUNCTION, "m": _MOSFET}
        known = frozenset(_SMOOTH[kind]) if smooth else lists[element.kind]
        level = dict(values).get("level", number(1.0))
        if (
            element.kind == "m" and level.op == "num" and level.value > _OWN_LEVELS
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
