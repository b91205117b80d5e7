"""The temperature that a netlist is at, and the one that its models were measured at: what its test
bench says, and what its dialect does where nothing is said."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from spicesnn.devices.importers.cards import Card, assignments, bare, split
from spicesnn.devices.importers.dialects import SpiceDialect, number, opaque
from spicesnn.devices.importers.expressions import Term

CELSIUS = {
    SpiceDialect.NGSPICE: 27.0,
    SpiceDialect.LTSPICE: 27.0,
    SpiceDialect.PSPICE: 27.0,
    SpiceDialect.HSPICE: 25.0,
}
"""°C, of circuit and models alike, where a text says nothing."""
_SWEEP = re.compile(r"\.(?:step|dc)\b.*\b(?:temp|temper)\b")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class Ambient:
    """Temperatures of a netlist, °C; not understood where it says several.

    Attributes
    ----------
    celsius : Term
        Of the circuit.
    nominal : Term
        At which models and resistances hold.
    """

    celsius: Term
    nominal: Term


def says_temperature(card: Card) -> bool:
    """Return whether a card of a test bench sets a temperature: that belongs to the device."""
    return bool(_set_by(card))


def ambient(bench: Sequence[Card], dialect: SpiceDialect) -> Ambient:
    """Return the temperatures that the cards of a test bench, and a dialect, give."""
    return Ambient(_one(bench, dialect, "temp"), _one(bench, dialect, "tnom"))


def option_of(bench: Sequence[Card], names: Collection[str]) -> tuple[Card, str] | None:
    """Return the first card of a test bench that sets one of these options, and which."""
    for card in bench:
        word, _, rest = card.text.partition(" ")
        if word in (".option", ".options"):
            for key, _ in assignments(rest)[1]:
                if key in names:
                    return card, key
    return None


def told(bench: Sequence[Card], lines: Sequence[str], file: str) -> list[Card]:
    """Return the cards of a test bench with what ngspice is told before it (``option temp=85``),
    which counts in place of cards that say the same."""
    options = [line.partition(" ")[2].lower() for line in lines if line.startswith("option ")]
    cards = [card for text in options if says_temperature(card := Card(f".option {text}", file, 0))]
    said = {name for card in cards for name in _set_by(card)}
    return [*(card for card in bench if not (names := _set_by(card)) or names - said), *cards]


def _set_by(card: Card) -> set[str]:
    """Return which of both temperatures a card sets."""
    return {name for name in ("temp", "tnom") if _values(card, name)}


def _values(card: Card, name: str) -> list[str]:
    """Return what a card sets the temperature, or the nominal one, to."""
    if name == "temp" and _SWEEP.match(card.text):
        return ["a sweep", "a sweep"]
    word, _, rest = card.text.partition(" ")
    if word == ".temp" and name == "temp":
        return split(assignments(rest)[0])
    if word in (".option", ".options"):
        return [bare(text) for key, text in assignments(rest)[1] if key == name]
    return []


def _one(bench: Sequence[Card], dialect: SpiceDialect, name: str) -> Term:
    found = [(text, card.line) for card in bench for text in _values(card, name)]
    if not found:
        return number(CELSIUS[dialect])
    texts, lines = {text for text, _ in found}, sorted({line for _, line in found})
    if len(texts) > 1 or len(found) > len(lines) or not _NUMBER.fullmatch(found[0][0]):
        where = f"line{'s' * (len(lines) > 1)} {' and '.join(map(str, lines))}"
        return opaque(
            f"is no single number in this file ({where}); expected one card, such as .temp 27",
            name,
        )
    return number(float(found[0][0]))
