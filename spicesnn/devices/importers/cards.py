"""A netlist as cards: comments and continuations resolved, sub-circuits, functions, parameters and
models sorted; nothing understood yet.

Only what a circuit description needs may stand in the text, also in its parts that are not used: a
card that begins with anything else, a quoted string or an odd sign is refused by its line."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from spicesnn.devices.importers.expressions import words
from spicesnn.errors import UnsupportedNetlistError

MODEL_TYPES = words(
    "d npn pnp nmos pmos njf pjf sw csw vswitch iswitch r res c cap ind core vdmos ltra urc"
)
"""Types of ``.model`` that may stand in a file; what is translated are d, npn, pnp, nmos, pmos,
njf, pjf and sw."""
BENCH = words("""
    .ac .backanno .control .csparam .dc .disto .end .four .global .lib .endl .meas .measure .nodeset .noise .op .option .options .plot .print .probe
    .pz .save .sens .step .temp .tf .title .tran .wave .ic
""")
"""Cards of a test bench, which belong to whoever wrote it: they are left out."""
_OWN = "devices of a simulator's own are not; `spicesnn devices` lists what there is of the papers'"
_FOREIGN = {"a": "code models, which begin with a, are not", "n": _OWN, "y": _OWN}
"""First letters of elements whose equations are no part of the text → why they are not taken."""
_NAME = r"[a-z0-9_][\w.+\-!%<>\[\]]*"
_PIN = rf"[+\-]|{_NAME}"
_SAME = re.compile(r"^\.(?:macro|eom)\b")
"""What HSPICE calls sub-circuits, too."""
_COMMENT = re.compile(r"(?:^|[\s,])\$(?![ndg]_)|;|//", re.I)
"""What begins a comment: a ``$`` behind a blank or a comma as well, but for the nodes ``$N_0001`` of
PSpice's schematics."""
_MOST_CARDS = 20_000
_LONGEST = 50_000
"""Characters of a card, continuations joined."""


@dataclass(frozen=True, slots=True)
class Card:
    """One card in lower case, continuations joined, and where it begins.

    Attributes
    ----------
    text, file : str
    line : int
    guards : tuple of (bool, Card)
        Conditions of the ``.if`` blocks that it stands in, and whether each must hold.
    cut : str
        What was taken as a comment behind a ``$`` without a blank after it.
    """

    text: str
    file: str
    line: int
    guards: tuple[tuple[bool, Card], ...] = field(default=(), compare=False)
    cut: str = field(default="", compare=False)

    def error(self, what: str) -> UnsupportedNetlistError:
        """Return the error about this card."""
        return UnsupportedNetlistError(f"{self.file}, line {self.line}: {what}")


@dataclass(slots=True)
class Scope:
    """Definitions of a file, or of one sub-circuit."""

    params: dict[str, tuple[str, Card]] = field(default_factory=dict)
    funcs: dict[str, tuple[tuple[str, ...], str, Card]] = field(default_factory=dict)
    models: dict[str, list[tuple[str, list[tuple[str, str]], Card]]] = field(default_factory=dict)
    """Several of one name where they stand in the arms of an ``.if``."""
    initial: dict[str, tuple[str, Card]] = field(default_factory=dict)


@dataclass(slots=True)
class Subckt:
    """A sub-circuit as it stands in the text.

    Attributes
    ----------
    name : str
    card : Card
    pins : tuple of str
    defaults : dict
        Parameter of the card → its text.
    scope : Scope
        What is defined inside.
    elements : list of Card
    inner : dict
        Sub-circuits that are defined inside it, by their names.
    around : Subckt or None
        The one that it is defined in.
    """

    name: str
    card: Card
    pins: tuple[str, ...]
    defaults: dict[str, str]
    scope: Scope = field(default_factory=Scope)
    elements: list[Card] = field(default_factory=list)
    inner: dict[str, Subckt] = field(default_factory=dict, repr=False)
    around: Subckt | None = field(default=None, compare=False, repr=False)

    @property
    def path(self) -> str:
        """Its name behind those that it is defined in."""
        return self.name if self.around is None else f"{self.around.path}.{self.name}"

    def every(self) -> list[Card]:
        """Return its elements and those of all that are defined inside it."""
        return [*self.elements, *(card for one in self.inner.values() for card in one.every())]

    def scopes(self) -> list[Scope]:
        """Return what is defined in it and around it, the nearest first."""
        return [self.scope, *([] if self.around is None else self.around.scopes())]


@dataclass(slots=True)
class Library:
    """Everything in a file and what it includes."""

    scope: Scope = field(default_factory=Scope)
    subckts: dict[str, Subckt] = field(default_factory=dict)
    bench: list[Card] = field(default_factory=list)
    """Elements outside any sub-circuit, and cards that are left out."""
    cut: Card | None = None
    """The first card whose comment is one in ngspice and HSPICE alone."""

    def called(self, name: str, by: Subckt) -> Subckt | None:
        """Return the sub-circuit that a name means inside another: the nearest definition."""
        here: Subckt | None = by
        while here is not None:
            if name in here.inner:
                return here.inner[name]
            here = here.around
        return self.subckts.get(name)

    def without_pins(self, name: str, unused: Collection[str]) -> Library:
        """Return the same with pins of one sub-circuit left open: they are inner nodes of it
        then."""
        subckt = self.subckts[name]
        rest = replace(subckt, pins=tuple(pin for pin in subckt.pins if pin not in unused))
        return replace(self, subckts={**self.subckts, name: rest})


def split(text: str) -> list[str]:
    """Return the words of a card: blanks and commas part them, except inside brackets, braces and
    quotes."""
    parts, word, depth, quoted = [], "", 0, False
    for character in text:
        if quoted:
            quoted = character != "'"
        elif character == "'":
            quoted = True
        elif character in "({":
            depth += 1
        elif character in ")}":
            depth -= 1
        elif depth == 0 and character in " \t,":
            if word:
                parts.append(word)
            word = ""
            continue
        word += character
    return [*parts, word] if word else parts


_LONGEST_KEY = 200
_KEY = re.compile(r"([a-z_][\w.]*)\s*(\([^()]*\))?\s*$")


def assignments(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return what stands before the first ``key = value``, and all of these; a key may have
    arguments, as a function's has."""
    marks: list[tuple[int, int, str]] = []
    depth, quoted, at = 0, False, 0
    while at < len(text):
        character = text[at]
        if character == "'":
            quoted = not quoted
        elif not quoted and character in "({":
            depth += 1
        elif not quoted and character in ")}":
            depth -= 1
        elif (
            not quoted
            and depth == 0
            and character == "="
            and text[at + 1 : at + 2] != "="
            and text[max(at - 1, 0)] not in "<>!="
        ):
            first = max(marks[-1][1] if marks else 0, at - _LONGEST_KEY)
            match = _KEY.search(text[first:at])
            if match is not None:
                begin = first + match.start()
                marks.append(
                    (begin, at + 1, re.sub(r"\s+", "", match.group(1) + (match.group(2) or "")))
                )
        at += 1
    if not marks:
        return text.strip(), []
    ends = [begin for begin, _, _ in marks[1:]] + [len(text)]
    found = [
        (key, text[begin:end].strip().strip(",").strip())
        for (_, begin, key), end in zip(marks, ends, strict=True)
    ]
    return text[: marks[0][0]].strip().rstrip(","), found


def bare(text: str) -> str:
    """Return an expression without the braces, quotes or brackets around all of it."""
    text = text.strip()
    for _ in range(5):
        if not (
            len(text) > 1
            and (text[0], text[-1]) in (("{", "}"), ("'", "'"), ("(", ")"))
            and _one_group(text)
        ):
            break
        text = text[1:-1].strip()
    return text


def _one_group(text: str) -> bool:
    if text[0] == "'":
        return "'" not in text[1:-1]
    depth = 0
    for k, character in enumerate(text):
        depth += (character in "({") - (character in ")}")
        if depth == 0:
            return k == len(text) - 1
    return False


def cards_of(text: str, file: str, first: int = 1) -> list[Card]:
    """Return the cards of a text: comments off, continuations joined, in lower case.

    Raises
    ------
    UnsupportedNetlistError
        A sign that has no place in a circuit description.
    """
    cards: list[Card] = []
    for at, raw in enumerate(text.split("\n"), start=first):
        raw = raw.removesuffix("\r")
        if raw.lstrip().startswith("*"):
            continue
        comment = _COMMENT.search(raw)
        line = raw[: comment.start() if comment else None].strip().lower().replace("\t", " ")
        cut = re.match(r"[\s,]*(\$\S+)", raw[comment.start() :]) if comment else None
        if not line:
            continue
        line = _SAME.sub(lambda found: {".macro": ".subckt", ".eom": ".ends"}[found[0]], line)
        here = Card(line, file, at, cut=cut.group(1) if cut else "")
        odd = re.search(r"[^ -~\tµμ]|[\"`\\@#]", line)
        if odd is not None:
            raise here.error(
                f"{odd.group(0)!r} has no place in a circuit description: file names and quoted"
                " texts are not taken"
            )
        if line[0] == "+":
            if not cards:
                raise here.error("a continuation of nothing")
            joined = f"{cards[-1].text} {line[1:].strip()}"
            cards[-1] = replace(cards[-1], text=joined, cut=cards[-1].cut or here.cut)
            if len(cards[-1].text) > _LONGEST:
                raise cards[-1].error(f"a card of more than {_LONGEST} characters")
            continue
        if len(line) > _LONGEST:
            raise here.error(f"a card of more than {_LONGEST} characters")
        cards.append(here)
        if len(cards) > _MOST_CARDS:
            raise here.error(f"more than {_MOST_CARDS} cards; expected the description of a device")
    return cards


def library_of(cards: list[Card]) -> Library:
    """Return the definitions in some cards.

    Raises
    ------
    UnsupportedNetlistError
        A card that is none of a circuit description, a name that is defined twice, a sub-circuit or
        a condition without an end.
    """
    library, blocks = Library(cut=next((c for c in cards if c.cut), None)), _Blocks()
    inside: Subckt | None = None
    for card in cards:
        match = _CONDITION.match(card.text)
        word = match.group(0) if match else card.text.split(maxsplit=1)[0]
        scope = library.scope if inside is None else inside.scope
        if match is not None:
            blocks.take(card, word)
        elif word in _DEFINITIONS and blocks.open:
            raise card.error(
                f"{word!r} inside .if is not taken; expected elements and .model there"
            )
        elif word == ".subckt":
            inside = _subckt(card, inside)
            beside = library.subckts if inside.around is None else inside.around.inner
            if inside.name in beside:
                raise card.error(f"a second sub-circuit {inside.name!r}")
            beside[inside.name] = inside
        elif word == ".ends":
            if inside is None:
                raise card.error(".ends without .subckt")
            named = card.text.split()[1:2]
            if inside.around is not None and named not in ([], [inside.name]):
                raise card.error(f".ends of {named[0]!r} where {inside.name!r} is open")
            inside = inside.around
        elif word in _PARAMS:
            _define(scope, card)
        elif word == ".model":
            _model(scope, replace(card, guards=blocks.guards))
        elif word == ".ic" and inside is not None:
            _initial(scope, card)
        elif word.startswith("."):
            if word not in BENCH:
                raise card.error(
                    f"{word!r} is not taken; expected the cards of a device: .subckt, .param,"
                    " .func, .model, .ic, .if"
                )
            if inside is not None and word not in (".nodeset", ".global", ".option", ".options"):
                raise card.error(f"{word!r} inside a sub-circuit")
            library.bench.append(card)
        else:
            if not re.fullmatch(r"[bcdefghijklmoqrstuvwx][\w.:+\-%]*", word):
                raise card.error(
                    f"{word[:40]!r} is neither a card nor an element that is taken"
                    f" ({_FOREIGN.get(word[0], 'what it is does not show')})"
                )
            (library.bench if inside is None else inside.elements).append(
                replace(card, guards=blocks.guards)
            )
    if inside is not None:
        raise inside.card.error(f"sub-circuit {inside.name!r} has no end (.ends)")
    if blocks.open:
        raise blocks.open[-1][-1].error(".if has no .endif")
    return library


_CONDITION = re.compile(r"\.(?:if|elseif|else|endif)(?![\w.])")
_DEEPEST, _MOST_ARMS = 50, 200
_PARAMS = frozenset({".param", ".params", ".parameter", ".parameters", ".func"})
_DEFINITIONS = _PARAMS | {".subckt", ".ends", ".ic", ".global"}


class _Blocks:
    """The ``.if`` blocks that are open.

    Attributes
    ----------
    open : list of list of Card
        Of each its conditions up to here; behind ``.else`` that card is the last.
    """

    def __init__(self) -> None:
        self.open: list[list[Card]] = []

    def take(self, card: Card, word: str) -> None:
        """Follow a card that begins, parts or ends a block."""
        rest = card.text[len(word) :].strip()
        if bool(rest) != (word in (".if", ".elseif")):
            raise card.error(f"{word} {'with' if rest else 'without'} a condition")
        condition = replace(card, text=bare(rest), guards=())
        if len(self.open) > _DEEPEST or any(len(block) > _MOST_ARMS for block in self.open):
            raise card.error("conditions are too deep inside one another, or have too many arms")
        if word == ".if":
            self.open.append([condition])
            return
        if not self.open:
            raise card.error(f"{word} without .if")
        if word == ".endif":
            self.open.pop()
            return
        if not self.open[-1][-1].text:
            raise card.error(f"{word} behind .else")
        self.open[-1].append(condition)

    @property
    def guards(self) -> tuple[tuple[bool, Card], ...]:
        """What must hold for what stands here."""
        found: list[tuple[bool, Card]] = []
        for *before, last in self.open:
            found += [(False, condition) for condition in before]
            found += [(True, last)] if last.text else []
        return tuple(found)


def _subckt(card: Card, around: Subckt | None) -> Subckt:
    head, given = assignments(re.sub(r"\bparams\s*:", " ", card.text))
    parts = split(head.replace("(", " ").replace(")", " "))[1:]
    if not parts or not re.fullmatch(_NAME, parts[0]):
        raise card.error("expected .subckt NAME PIN PIN …")
    for pin in parts[1:]:
        if not re.fullmatch(_PIN, pin):
            raise card.error(f"{pin!r} is no name of a pin")
    if len(set(parts[1:])) != len(parts) - 1:
        raise card.error("two pins of one name")
    return Subckt(
        name=parts[0], card=card, pins=tuple(parts[1:]), defaults=dict(given), around=around
    )


def _define(scope: Scope, card: Card) -> None:
    """Take what a .param or .func card defines; HSPICE defines functions by .param too."""
    _, _, body = card.text.partition(card.text.split(maxsplit=1)[0])
    head, given = assignments(body)
    if not given:
        match = re.fullmatch(r"([a-z_]\w*)\s*(\([^()]*\))\s*(\{.*\}|'.*')", body.strip())
        if match is None:
            raise card.error(
                "expected .func NAME(ARGUMENT, …) {EXPRESSION}, with the braces"
                if card.text.startswith(".func")
                else "expected NAME = EXPRESSION"
            )
        head, given = "", [(f"{match.group(1)}{match.group(2)}", match.group(3))]
    if head:
        raise card.error(f"{head[:40]!r} has no place before a definition")
    for key, value in given:
        name, arguments = key.partition("(")[::2]
        if name in scope.params or name in scope.funcs:
            raise card.error(f"{name!r} is defined a second time")
        if arguments:
            formals = tuple(a.strip() for a in arguments.rstrip(")").split(",") if a.strip())
            if any(not re.fullmatch(r"[a-z_]\w*", a) for a in formals) or len(set(formals)) != len(
                formals
            ):
                raise card.error(f"{key!r}: the arguments are no names, or two are the same")
            scope.funcs[name] = (formals, bare(value), card)
        else:
            scope.params[name] = (bare(value), card)


def _model(scope: Scope, card: Card) -> None:
    parts = card.text.split(maxsplit=2)
    if len(parts) < 3 or not re.fullmatch(_NAME, parts[1]):
        raise card.error("expected .model NAME TYPE (…)")
    match = re.fullmatch(r"([a-z]\w*)\s*(.*)", parts[2], re.S)
    kind = match.group(1) if match else parts[2]
    if match is None or kind not in MODEL_TYPES:
        raise card.error(
            f"the model type {kind!r} is not taken; expected d, npn, pnp, njf, pjf, nmos, pmos"
            f" or sw{f' ({_OWN})' if kind == 'memristor' else ''}"
        )
    head, given = assignments(bare(match.group(2)))
    known = scope.models.setdefault(parts[1], [])
    if not all(card.guards and other.guards for _, _, other in known):
        raise card.error(f"a second model {parts[1]!r}")
    known.append((kind, [*((word, "") for word in split(head)), *given], card))


def _initial(scope: Scope, card: Card) -> None:
    body = card.text.partition(" ")[2]
    while body.strip():
        match = re.match(
            r"\s*v\s*\(\s*([\w.!+\-]+)\s*\)\s*=\s*(\{[^{}]*\}|'[^']*'|[^\s,]+)[\s,]*", body
        )
        if match is None:
            raise card.error(f"{body.strip()[:40]!r}: expected V(node) = value")
        scope.initial[match.group(1)] = (bare(match.group(2)), card)
        body = body[match.end() :]


def fold(card: str, width: int = 140) -> str:
    """Break a long card into continuation lines."""
    lines, line = [], ""
    for word in card.split(" "):
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = f"+ {word}"
        else:
            line = f"{line} {word}" if line else word
    return "\n".join([*lines, line])
