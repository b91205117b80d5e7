"""A deck: complete SPICE text, and what a program needs to know to run it, alter it and read its
answer."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.errors import InputError
from spicesnn.whole_file import write_whole

Names = NDArray[np.str_]
"""Array of node, element or vector names; an empty string where there is none."""

_BREAK = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
"""What ends a line for ngspice, for Python or for somebody's editor, and what nobody sees."""


def remark(text: str) -> str:
    """Return a comment line of a deck: the gate for titles, names, units, references and file
    names, wherever they come from.

    Raises
    ------
    InputError
        The text would be more than a comment: it breaks the line, or is read by ngspice as a
        command.
    """
    if _BREAK.search(text) or any(unicodedata.category(character) == "Cf" for character in text):
        raise InputError(
            f"{text[:60]!r} cannot be written into a deck: it contains a line break or an invisible"
            " character; expected one plain line"
        )
    if re.match(r"\s*(#|ng_script)", text, re.IGNORECASE):
        raise InputError(
            f"{text[:60]!r} cannot be written into a deck: ngspice would read the comment as a"
            " command; begin it with another word"
        )
    return f"* {text}"


def joined(cards: list[str]) -> str:
    """Return the cards of a deck as its text, after a check that each is one card.

    Raises
    ------
    InputError
        A card breaks off into a line that is no continuation of it.
    """
    for card in cards:
        if "\n" in card and re.search(r"\n(?!\+)", card):
            raise InputError(
                f"{card[:60]!r} is more than one card of a deck; expected one line, or"
                " continuations that begin with +"
            )
    text = "\n".join(cards) + "\n"
    wrong = _BREAK.search(text.replace("\n", " "))
    if wrong is not None:
        raise InputError(f"a deck with the character {wrong.group(0)!r}; expected plain lines")
    return text


def number(value: float) -> str:
    """Write a finite float with every digit it needs (as few as read back to the same double): what
    lets ngspice agree to 1e-14."""
    value = float(value)
    if not math.isfinite(value):
        raise InputError(f"a netlist cannot hold the value {value}; expected a finite number")
    return repr(value + 0.0).removesuffix(".0")


def pwl(time_s: Floats, volts: Floats) -> str:
    """Return ``t v t v …`` as the argument of a PWL source, without the parentheses."""
    return " ".join(f"{number(t)} {number(v)}" for t, v in zip(time_s, volts, strict=True))


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Lines:
    """The sources of one set of lines (word, bit or gate lines).

    Attributes
    ----------
    sources : (lines,) names
        Source of each line, such as ``vr0``; empty for a line that floats.
    nodes : (lines,) names
        The source's terminal, such as ``r0``; empty for a line that floats.
    current_vectors : (lines,) names
        ngspice's vector of each source's current, such as ``vr0#branch``: it flows into the source
        from its terminal, so the current from a driver into its word line is minus this vector and
        the current of a bit line into its sense node is this vector.
    """

    sources: Names
    nodes: Names
    current_vectors: Names

    def alter_pwl(self, time_s: Floats, volts: Floats) -> list[str]:
        """Return the commands that give every line a new waveform, volts (points, lines); the
        number of points may change."""
        if np.shape(volts)[1:] != self.sources.shape:
            raise InputError(
                f"volts has shape {np.shape(volts)}; expected (points, {self.sources.size}): one"
                " voltage a line of this deck"
            )
        return [
            f"alter @{name}[pwl] = [ {pwl(time_s, volts[:, k])} ]"
            for k, name in enumerate(self.sources)
            if name
        ]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class States:
    """Where the states of the cells live in a deck.

    Attributes
    ----------
    nodes : (states, rows, cols) names
        The state node of each cell; its voltage times `scale` is the state.
    capacitors : (states, rows, cols) names
        The state capacitor as ``alter`` wants it, such as ``c.xm0_0.cw``; empty where the state is
        held by a source.
    holders : (states, rows, cols) names
        The V source that holds a state at rest in a read; empty elsewhere.
    scale : (states,)
        State units a volt.
    """

    nodes: Names
    capacitors: Names
    holders: Names
    scale: Floats

    @property
    def vectors(self) -> Names:
        """ngspice's vector of every state, (states, rows, cols)."""
        return self.nodes


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Deck:
    """A complete deck, which a bare ``ngspice -b`` runs and prints from.

    Attributes
    ----------
    title : str
    text : str
        Everything, from the title line to ``.end``.
    analysis : str
        The analysis as an interactive command, such as ``dc vidx 0 3 1``; the deck holds it as a
        card too.
    topology : str
        Two decks with the same key differ only in what can be altered: source levels and waveforms,
        resistances of linear cells, states.
    rows, columns, gates : Lines
        Sources of the word lines, bit lines and gate lines (`gates` is None without third
        terminals).
    word_vectors, bit_vectors : (rows, cols) names
        Vector with the voltage of each cell's two terminals; cells on a wire of 0 Ω share one.
    cells : (rows, cols) names
        Element of each cell: ``rm0_0`` (linear, `alter rm0_0 = ohms`), ``xm0_0`` (sub-circuit), or
        empty (open cell).
    cell_currents : (rows, cols) names or None
        Vector of the current from the word line into each cell, for devices without Python
        equations (each has an ammeter in the deck).
    states : States | None
    saved : tuple of str
        The vectors a run leaves, without the sweep variable.
    duration_s : float
        End of a transient, 0 for a read.
    batch : int
        Inputs of a read.
    """

    title: str
    text: str
    analysis: str
    topology: str
    rows: Lines
    columns: Lines
    gates: Lines | None
    word_vectors: Names
    bit_vectors: Names
    cells: Names
    cell_currents: Names | None = None
    states: States | None = None
    saved: tuple[str, ...] = field(default=())
    duration_s: float = 0.0
    batch: int = 1

    def write(self, path: Path | str) -> Path:
        """Write the text to a file and return its path."""
        path = Path(path)
        write_whole(path, self.text)
        return path


def vector(signal: str) -> str:
    """Return the ngspice vector name of what a ``.save`` card calls `signal`: ``v(r0)`` → ``r0``,
    ``i(vr0)`` → ``vr0#branch``."""
    kind, _, rest = signal.partition("(")
    inner = rest.removesuffix(")")
    return inner if kind == "v" else f"{inner}#branch"


def save_cards(signals: list[str], width: int = 120) -> list[str]:
    """Return ``.save`` cards for `signals`, without repetitions, in lines of a readable length."""
    return _folded(".save", list(dict.fromkeys(signals)), width)


def print_cards(analysis: str, signals: list[str], width: int = 120) -> list[str]:
    """Return the ``.print`` cards that make a bare ``ngspice -b`` show its result."""
    return _folded(f".print {analysis}", list(dict.fromkeys(signals)), width)


def _folded(head: str, words: list[str], width: int) -> list[str]:
    """Return cards `head word word …`, each at most `width` characters long if the words allow
    it."""
    cards: list[str] = []
    line = head
    for word in words:
        if len(line) + 1 + len(word) > width and line != head:
            cards.append(line)
            line = head
        line = f"{line} {word}"
    return [*cards, line] if words else []
