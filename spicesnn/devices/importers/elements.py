"""What an element card says: nodes, and its value as an expression, whatever the dialect's form of
it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from spicesnn.devices.importers.ambient import Ambient
from spicesnn.devices.importers.cards import Card, assignments, bare, split
from spicesnn.devices.importers.dialects import (
    ONE,
    ZERO,
    SpiceDialect,
    build,
    number,
    opaque,
    rounded_table,
    table,
    total,
)
from spicesnn.devices.importers.expressions import Term, WordError

Understand = Callable[[str, Card, bool], Term]
"""Text of an expression, its card, whether it stands in a source → its meaning."""

_WAVES = re.compile(
    r"\b(pulse|sin|sine|exp|pwl|sffm|am|trnoise|trrandom|external|pat|wavefile|file)\b"
)
_HINTS = frozenset({"tripdv", "tripdt"})
"""What a card may say about the steps of its own simulator: nothing of the circuit."""
_RATINGS = frozenset({"tol", "pwr", "v", "irms", "mfg", "type", "dtemp"})
_WARMTH = frozenset({"tc", "tc1", "tc2"})
_MODIFIERS = frozenset({"max", "min", "abs", "scale"})
"""What HSPICE does to the value of a controlled source."""
_GEOMETRY = frozenset({"w", "l", "m", "ad", "as", "pd", "ps", "nrd", "nrs", "area"})
TRANSISTORS = {"d": 2, "q": 3, "j": 3, "m": 4}
"""Nodes of what is passed on with its model."""
_COPIED = {
    SpiceDialect.NGSPICE: "rcgfbi",
    SpiceDialect.LTSPICE: "c",
    SpiceDialect.HSPICE: "rcgf",
    SpiceDialect.PSPICE: "",
}
"""First letters of what takes ``m=``, copies in parallel: ngspice's as measured of 39.3 (its B
sources of a current too), LTspice's and HSPICE's as their references say."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element as understood.

    Attributes
    ----------
    name : str
        As in the text, lower case.
    kind : str
        ``r``, ``c``, ``v`` (a constant voltage), ``bi`` and ``bv`` (a current, a voltage that is an
        expression), ``x``, ``d``, ``q``, ``j``, ``m``, ``s`` and ``w`` (switches by a voltage and by
        a current), or ``opaque``.
    nodes : tuple of str
    card : Card
    value : Term | None
        Ohm, farad, volt, ampere; of a switch by a current that current.
    initial : Term | None
        Of a capacitor, volt.
    of : str
        Name of the model or the sub-circuit.
    given : tuple of (name, Term)
        What an instance passes on.
    """

    name: str
    kind: str
    nodes: tuple[str, ...]
    card: Card = field(compare=False)
    value: Term | None = None
    initial: Term | None = None
    of: str = ""
    given: tuple[tuple[str, Term], ...] = ()


@dataclass(frozen=True, slots=True)
class Grammar:
    """How element cards of one dialect are read.

    Attributes
    ----------
    dialect : SpiceDialect
    understand : callable
    ambient : Ambient
    """

    dialect: SpiceDialect
    understand: Understand
    ambient: Ambient

    def node(self, word: str) -> str:
        """Return a node's name, ``0`` for every spelling of the ground; HSPICE's numbers of nodes
        may begin with zeros."""
        if self.dialect is SpiceDialect.HSPICE and re.fullmatch(r"0+\d+", word):
            word = word.lstrip("0") or "0"
        if word == "0" or (word == "gnd" and self.dialect is not SpiceDialect.PSPICE):
            return "0"
        if word in ("gnd!", "ground") and self.dialect is SpiceDialect.HSPICE:
            return "0"
        if re.search(r"[(){}='\"]", word):
            raise WordError(word, "is no name of a node")
        if ":" in word:  # LTspice's way into a sub-circuit
            return word.replace(":", ".")
        if word.endswith("!"):
            raise WordError(word, f"is no node of {self.dialect}", foreign=True)
        return word

    def element(self, card: Card) -> Element:
        """Return what a card says.

        Raises
        ------
        WordError
            It says it in a way that the dialect does not have.
        """
        name, _, rest = card.text.partition(" ")
        # Brackets part words as blanks do: r1 (a b) 1k.
        rest = re.sub(r"^\(([^(){}'=]*)\)", r"\1 ", rest.strip())
        read = getattr(self, f"_{name[0]}", None)
        if read is None:
            return self._unknown(name, card, rest)
        made: Element = read(name, card, rest)
        return made

    def _unknown(self, name: str, card: Card, rest: str) -> Element:
        what = {
            "a": "a code model, which keeps its state where it cannot be read or set",
            "l": (
                "an inductor: its current would be forgotten between pulses; only capacitors can"
                " hold a state"
            ),
            "k": "a coupling of inductors",
            "t": "a line with a memory of its own",
            "o": "a line with a memory of its own",
            "u": "a line or a digital part",
            "n": "a compiled model",
        }
        nodes = tuple(self.node(word) for word in split(assignments(rest)[0])[:2])
        return self._opaque(
            name,
            card,
            nodes,
            f"{name!r} is {what.get(name[0], 'an element that is not translated')}",
        )

    def _opaque(self, name: str, card: Card, nodes: tuple[str, ...], why: str) -> Element:
        return Element(name, "opaque", nodes, card, value=opaque(why, name))

    def _parts(
        self, name: str, rest: str, count: int
    ) -> tuple[tuple[str, ...], list[str], list[tuple[str, str]]]:
        head, given = assignments(rest)
        words = split(head)
        if len(words) < count:
            raise WordError(name, f"has {len(words)} nodes; expected {count}")
        return tuple(self.node(word) for word in words[:count]), words[count:], given

    # -- passive elements and sources -------------------------------------------------------------

    def _r(self, name: str, card: Card, rest: str) -> Element:
        nodes, words, given = self._parts(name, rest, 2)
        texts = [*words, *(value for key, value in given if key in ("r", "value", "res"))]
        copies, given = self._copies(name, card, given)
        warmth, given = self._warmth(card, given)
        if (left := self._left(given, {"r", "value", "res"})) is not None or len(texts) != 1:
            return self._opaque(
                name,
                card,
                nodes,
                f"{name!r}: {left or ' '.join(texts) or 'no value'} is not translated",
            )
        text = bare(texts[0])
        if re.search(r"\b[vi]\s*\(", text):  # a resistor that depends on voltages
            ohm = build("*", warmth, self.understand(text, card, True))
            value = build("/", _across(nodes), ohm, word=name)
            return Element(name, "bi", nodes, card, value=build("*", copies, value))
        value = build("*", warmth, self.understand(text, card, False))
        if value == ZERO:  # ngspice takes it as 1 mΩ; a source of 0 V is what was meant
            return Element(name, "v", nodes, card, value=value)
        value = value if copies == ONE else build("/", value, copies)
        return Element(name, "r", nodes, card, value=value)

    def _c(self, name: str, card: Card, rest: str) -> Element:
        nodes, words, given = self._parts(name, rest, 2)
        texts = [*words, *(value for key, value in given if key in ("c", "value"))]
        start = next((value for key, value in given if key == "ic"), None)
        copies, given = self._copies(name, card, given)
        warmth, given = self._warmth(card, given)
        left = self._left(given, {"c", "value", "ic"})
        if left is not None or len(texts) != 1 or re.search(r"\b[vi]\s*\(", texts[0]):
            return self._opaque(
                name,
                card,
                nodes,
                f"{name!r}: {left or ' '.join(texts) or 'no value'} is not translated",
            )
        initial = None if start is None else self.understand(bare(start), card, False)
        return Element(
            name,
            "c",
            nodes,
            card,
            value=build(
                "*", build("*", copies, warmth), self.understand(bare(texts[0]), card, False)
            ),
            initial=initial,
        )

    def _copies(
        self, name: str, card: Card, given: list[tuple[str, str]]
    ) -> tuple[Term, list[tuple[str, str]]]:
        """Return how many copies in parallel a card means (``m=``), and its other properties; where
        the dialect does not say what ``m`` is there, it stays among these."""
        texts = [value for key, value in given if key == "m"]
        if len(texts) != 1 or name[0] not in _COPIED[self.dialect]:
            return ONE, given
        copies = self.understand(bare(texts[0]), card, False)
        if copies.op == "num" and not copies.value > 0.0:
            raise WordError(f"m={texts[0]}", "is no number of copies; expected one above 0")
        return copies, [entry for entry in given if entry[0] != "m"]

    def _warmth(
        self, card: Card, given: list[tuple[str, str]]
    ) -> tuple[Term, list[tuple[str, str]]]:
        """Return what the temperature makes of a resistance or a capacitance, as a factor, 1 +
        tc1·ΔT + tc2·ΔT², and the card's other properties; ΔT = temp + dtemp − tnom."""
        texts = {key: value for key, value in given if key in _WARMTH | {"dtemp"}}
        listed = split(bare(texts.pop("tc", "0")).replace(",", " "))
        listed = [*listed, "0"][:2] if len(listed) < 2 else listed
        if len(listed) > 2:
            raise WordError("tc=", "takes one or two numbers")
        first, second = (
            self.understand(bare(texts.get(key, text)), card, False)
            for key, text in zip(("tc1", "tc2"), listed, strict=True)
        )
        rest = [entry for entry in given if entry[0] not in _WARMTH]
        if first == second == ZERO:
            return ONE, rest
        more = self.understand(bare(texts.get("dtemp", "0")), card, False)
        away = build("-", build("+", self.ambient.celsius, more), self.ambient.nominal)
        if away == ZERO:
            return ONE, rest
        return build("+", ONE, build("*", away, build("+", first, build("*", away, second)))), rest

    def _left(self, given: list[tuple[str, str]], known: set[str]) -> str | None:
        """Return the first property that would change the element, or None."""
        for key, value in given:
            neutral = (key == "m" and value == "1") or (
                key in ("rser", "lser") and set(value) <= set("0. ,")
            )
            if key not in known and key not in _RATINGS | _HINTS and not neutral:
                return f"{key}={value}"
        return None

    def _level(self, name: str, card: Card, rest: str) -> tuple[tuple[str, ...], Term]:
        nodes, words, given = self._parts(name, rest, 2)
        text = " ".join(words)
        if given and given[0][0] == "dc":
            text = f"dc {given[0][1]}"
        text = re.sub(r"^dc\b\s*=?", "", re.sub(r"\bac\b.*", "", text)).strip()
        copies, given = self._copies(name, card, given)
        if _WAVES.search(text) or (given and given[0][0] != "dc"):
            why = "changes with the time, which starts again with every pulse"
            if not _WAVES.search(text):
                why = f"has {given[0][0]}={given[0][1]}, which is not translated"
            return nodes, opaque(why, name)
        value = number(0.0) if not text else self.understand(bare(text), card, False)
        return nodes, build("*", copies, value)

    def _v(self, name: str, card: Card, rest: str) -> Element:
        nodes, value = self._level(name, card, rest)
        return Element(name, "v", nodes, card, value=value)

    def _i(self, name: str, card: Card, rest: str) -> Element:
        nodes, value = self._level(name, card, rest)
        return Element(name, "bi", nodes, card, value=value)

    def _b(self, name: str, card: Card, rest: str) -> Element:
        if self.dialect in (SpiceDialect.PSPICE, SpiceDialect.HSPICE):
            raise WordError(name, f"is no behavioural source in {self.dialect}", foreign=True)
        nodes, words, given = self._parts(name, rest, 2)
        kinds = [(key, value) for key, value in given if key in ("i", "v", "r")]
        copies, beside = ONE, ZERO
        if [key for key, _ in kinds] == ["i"]:
            copies, given = self._copies(name, card, given)
            beside, given = self._parallel(nodes, card, given)
        left = self._left([entry for entry in given if entry not in kinds], set())
        if (
            words
            or len(kinds) != 1
            or left is not None
            or (kinds[0][0] == "r" and self.dialect is not SpiceDialect.LTSPICE)
        ):
            return self._opaque(
                name,
                card,
                nodes,
                f"{name!r}: {left or ' '.join(words) or 'expected one of I=, V='} is not"
                " translated",
            )
        key, text = kinds[0]
        value = self.understand(bare(text), card, True)
        if key == "r":
            return Element(
                name, "bi", nodes, card, value=build("/", _across(nodes), value, word=name)
            )
        value = build("*", copies, value)
        value = value if beside == ZERO else build("+", value, beside)
        return Element(name, f"b{key}", nodes, card, value=value)

    def _parallel(
        self, nodes: tuple[str, ...], card: Card, given: list[tuple[str, str]]
    ) -> tuple[Term, list[tuple[str, str]]]:
        """Return the current through the resistor in parallel that a source of LTspice may have
        (``rpar=``), and its other properties."""
        texts = [value for key, value in given if key == "rpar"]
        if len(texts) != 1:
            return ZERO, given
        if self.dialect is not SpiceDialect.LTSPICE:
            raise WordError("rpar=", f"is no property of a source in {self.dialect}", foreign=True)
        ohm = self.understand(bare(texts[0]), card, False)
        return build("/", _across(nodes), ohm), [e for e in given if e[0] != "rpar"]

    # -- controlled sources -----------------------------------------------------------------------

    def _e(self, name: str, card: Card, rest: str) -> Element:
        return self._controlled(name, card, rest, "bv", "vol")

    def _g(self, name: str, card: Card, rest: str) -> Element:
        return self._controlled(name, card, rest, "bi", "cur")

    def _controlled(self, name: str, card: Card, rest: str, kind: str, other: str) -> Element:
        words = split(rest)
        if len(words) < 3:
            raise WordError(name, "expected two nodes and a value")
        nodes = (self.node(words[0]), self.node(words[1]))
        body = rest[
            re.match(
                rf"\s*{re.escape(words[0])}[\s,]+{re.escape(words[1])}[\s,]*", rest
            ).end() :  # type: ignore[union-attr]
        ]
        match = re.match(r"(value|vol|cur|table)\b\s*=?\s*(.*)", body, re.S)
        if match is not None and match.group(1) == "table":
            return Element(name, kind, nodes, card, value=self._table(name, card, match.group(2)))
        if match is not None:
            key = match.group(1)
            foreign = key in ("vol", "cur") and self.dialect not in (
                SpiceDialect.NGSPICE,
                SpiceDialect.HSPICE,
            )
            if (
                foreign
                or (key == "value" and self.dialect is SpiceDialect.HSPICE)
                or key not in ("value", other)
            ):
                raise WordError(
                    f"{key}=", f"is no value of a source in {self.dialect}", foreign=True
                )
            text, given = self._group(match.group(2))
            copies, given = self._copies(name, card, given)
            value = self.understand(bare(text), card, True)
            value, given = self._modified(value, card, given)
            left = self._left(given, set())
            if left is not None:
                return self._opaque(name, card, nodes, f"{name!r}: {left} is not translated")
            return Element(name, kind, nodes, card, value=build("*", copies, value))
        if self.dialect is SpiceDialect.HSPICE:
            body = re.sub(r"^(?:vcvs|voltage)\b" if kind == "bv" else r"^vccs\b", "", body).strip()
        if body.startswith("poly"):
            return Element(
                name, kind, nodes, card, value=self._polynomial(name, card, body, by_current=False)
            )
        if re.match(
            r"(laplace|freq|chebyshev|delay|vccap|pwl|npwl|ppwl|and|or|nand|nor|opamp|transformer)\b",
            body,
        ):
            return self._opaque(name, card, nodes, f"{name!r}: {split(body)[0]} is not translated")
        head, given = assignments(body)
        copies, given = self._copies(name, card, given)
        parts = (
            split(head.replace("(", " ").replace(")", " "))
            if "{" not in head and "'" not in head
            else split(head)
        )
        pairs: list[tuple[float, float]] = []
        if self.dialect is SpiceDialect.LTSPICE and [key for key, _ in given] == ["table"]:
            pairs, given = self._pairs(card, given[0][1]), []
        if len(parts) != (2 if pairs else 3):
            return self._opaque(name, card, nodes, f"{name!r}: {body[:40]!r} is not translated")
        control = Term("v", names=(self.node(parts[0]), self.node(parts[1])), word=name)
        if pairs:
            return Element(name, kind, nodes, card, value=table(control, pairs, "table"))
        value = build("*", self.understand(bare(parts[2]), card, False), control, word=name)
        value, given = self._modified(value, card, given)
        if self._left(given, set()) is not None:
            return self._opaque(name, card, nodes, f"{name!r}: {body[:40]!r} is not translated")
        return Element(name, kind, nodes, card, value=build("*", copies, value))

    def _modified(
        self, value: Term, card: Card, given: list[tuple[str, str]]
    ) -> tuple[Term, list[tuple[str, str]]]:
        """Return the value of a controlled source of HSPICE as ``max=`` and ``min=``, ``abs=1`` or
        ``scale=`` make it, and the card's other properties; which of several comes first the
        reference does not say, so they stay then."""
        texts = {key: text for key, text in given if key in _MODIFIERS}
        kinds = {"limit" if key in ("max", "min") else key for key in texts}
        if self.dialect is not SpiceDialect.HSPICE or len(kinds) != 1:
            return value, given
        terms = {key: self.understand(bare(text), card, False) for key, text in texts.items()}
        if "scale" in terms:
            value = build("*", terms["scale"], value)
        if "abs" in terms:
            if terms["abs"] not in (ZERO, ONE):
                return value, given
            value = build("abs", value) if terms["abs"] == ONE else value
        if "min" in terms:
            value = build("max", value, terms["min"])
        if "max" in terms:
            value = build("min", value, terms["max"])
        return value, [entry for entry in given if entry[0] not in _MODIFIERS]

    def _group(self, text: str) -> tuple[str, list[tuple[str, str]]]:
        """Return an expression in braces or quotes and what follows it; a bare one up to its
        end."""
        text = text.strip()
        if text[:1] in "{'":
            depth, end = 0, 0
            for k, character in enumerate(text):
                if text[0] == "'":
                    closing = k > 0 and character == "'"
                else:
                    depth += (character == "{") - (character == "}")
                    closing = depth == 0
                if closing:
                    end = k + 1
                    break
            head, given = assignments(text[end:])
            if end == 0 or head:
                raise WordError(head[:20] or text[:20], "cannot be read")
            return text[:end], given
        return text, []

    def _f(self, name: str, card: Card, rest: str) -> Element:
        return self._by_current(name, card, rest, "bi")

    def _h(self, name: str, card: Card, rest: str) -> Element:
        return self._by_current(name, card, rest, "bv")

    def _by_current(self, name: str, card: Card, rest: str, kind: str) -> Element:
        nodes, words, given = self._parts(name, rest, 2)
        if words and words[0].startswith("poly") and not given:
            return Element(
                name,
                kind,
                nodes,
                card,
                value=self._polynomial(name, card, " ".join(words), by_current=True),
            )
        copies, given = self._copies(name, card, given)
        if len(words) != 2 or given:
            return self._opaque(name, card, nodes, f"{name!r}: {rest[:40]!r} is not translated")
        current = Term("i", names=(words[0],), word=name)
        gain = build("*", copies, self.understand(bare(words[1]), card, False))
        return Element(name, kind, nodes, card, value=build("*", gain, current, word=name))

    def _table(self, name: str, card: Card, text: str) -> Term:
        """Return ``{expression} = (x, y) (x, y) …``: level beyond its ends."""
        match = re.fullmatch(r"\s*(\{[^{}]*\}|'[^']*')\s*=?\s*(.*)", text, re.S)
        if match is None:
            raise WordError("table", "expected {expression} = (x, y) (x, y) …")
        points = self._pairs(card, match.group(2))
        made = rounded_table if self.dialect is SpiceDialect.NGSPICE else table
        return made(self.understand(bare(match.group(1)), card, True), points, "table")

    def _pairs(self, card: Card, text: str) -> list[tuple[float, float]]:
        """Return the numbers of a table, two by two, brackets around any of them."""
        words = split(text.replace("(", " ").replace(")", " "))
        values = [self.understand(word, card, False) for word in words]
        if len(values) < 2 or len(values) % 2 or any(v.op != "num" for v in values):
            raise WordError("table", "expected pairs of numbers")
        return [(a.value, b.value) for a, b in zip(values[::2], values[1::2], strict=True)]

    def _polynomial(self, name: str, card: Card, text: str, *, by_current: bool) -> Term:
        """Return POLY(n): c₀ + Σ cᵢ·xᵢ + Σ cᵢⱼ·xᵢ·xⱼ + …, in SPICE's order of the coefficients."""
        match = re.fullmatch(r"poly\s*\(\s*(\d)\s*\)\s*(.*)", text, re.S)
        if match is None or match.group(1) == "0":
            raise WordError("poly", "expected poly(1) … poly(9)")
        count = int(match.group(1))
        words = split(match.group(2).replace("(", " ").replace(")", " "))
        wide = count * (1 if by_current else 2)
        if len(words) <= wide:
            raise WordError("poly", f"expected {wide} controlling names and then coefficients")
        if by_current:
            controls = [Term("i", names=(word,), word=name) for word in words[:wide]]
        else:
            pairs = [self.node(word) for word in words[:wide]]
            controls = [
                Term("v", names=pair, word=name)
                for pair in zip(pairs[::2], pairs[1::2], strict=True)
            ]
        values = [self.understand(word, card, False) for word in words[wide:]]
        if len(values) == 1 and count == 1:
            return build("*", values[0], controls[0], word="poly")
        terms = []
        for value, product in zip(values, _products(count, len(values)), strict=True):
            term = value
            for k in product:
                term = build("*", term, controls[k], word="poly")
            if term.op != "num" or term.value:
                terms.append(term)
        return total(terms) if terms else number(0.0)

    # -- what has a model, and sub-circuits -------------------------------------------------------

    def _x(self, name: str, card: Card, rest: str) -> Element:
        head, given = assignments(re.sub(r"\bparams\s*:", " ", rest))
        words = split(head)
        if not words:
            raise WordError(name, "expected nodes and the name of a sub-circuit")
        passed = tuple((key, self.understand(bare(text), card, False)) for key, text in given)
        return Element(
            name,
            "x",
            tuple(self.node(word) for word in words[:-1]),
            card,
            of=words[-1],
            given=passed,
        )

    def _modelled(self, name: str, card: Card, rest: str) -> Element:
        count = TRANSISTORS[name[0]]
        nodes, words, given = self._parts(name, rest, count)
        if not words:
            raise WordError(name, "has no model")
        values = [(key, self.understand(bare(text), card, False)) for key, text in given]
        if len(words) == 2 and name[0] in "dqj":
            values.append(("area", self.understand(bare(words[1]), card, False)))
        wrong = [key for key, _ in values if key not in _GEOMETRY]
        if wrong or len(words) > (2 if name[0] in "dqj" else 1):
            return self._opaque(
                name, card, nodes, f"{name!r}: {wrong[0] if wrong else words[-1]} is not translated"
            )
        if name[0] == "m" and not {"w", "l"} <= {key for key, _ in values}:
            # What a transistor without W and L measures is not the same everywhere.
            values.append((f"default size of {self.dialect}", number(0.0)))
        return Element(name, name[0], nodes, card, of=words[0], given=tuple(values))

    _d = _q = _j = _m = _modelled

    def _w(self, name: str, card: Card, rest: str) -> Element:
        nodes, words, given = self._parts(name, rest, 2)
        if len(words) != 2 or given:
            return self._opaque(name, card, nodes, f"{name!r}: {rest[:40]!r} is not translated")
        control = Term("i", names=(words[0],), word=name)
        return Element(name, "w", nodes, card, value=control, of=words[1])

    def _s(self, name: str, card: Card, rest: str) -> Element:
        if self.dialect is SpiceDialect.HSPICE:
            raise WordError(name, "is no switch in hspice", foreign=True)
        nodes, words, given = self._parts(name, rest.replace("(", " ").replace(")", " "), 4)
        if len(words) not in (1, 2) or given or (len(words) == 2 and words[1] not in ("on", "off")):
            return self._opaque(name, card, nodes, f"{name!r}: {rest[:40]!r} is not translated")
        return Element(name, "s", nodes, card, of=words[0])


def _across(nodes: tuple[str, ...]) -> Term:
    return Term("v", names=(nodes[0], nodes[1]))


def _products(count: int, wanted: int) -> list[tuple[int, ...]]:
    """Return which controls each coefficient multiplies: (), (0,), (1,), …, (0, 0), (0, 1), …"""
    found: list[tuple[int, ...]] = [()]
    level: list[tuple[int, ...]] = [()]
    while len(found) < wanted:
        level = [
            (*product, k) for product in level for k in range(product[-1] if product else 0, count)
        ]
        found += level
    return found[:wanted]
