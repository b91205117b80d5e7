"""Self-contained decks for other SPICE programs: what differs from ngspice, program by program.

Written after the programs' manuals. Only ngspice can be had everywhere: what is written for the
others is checked by the package's own parser, not by running them."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from spicesnn.devices.importers.cards import fold
from spicesnn.errors import InputError
from spicesnn.netlist.deck import number
from spicesnn.netlist.ltspice import OUTSIDE, called, conditions_as_if, joined_lines, to_ltspice


class Dialect(enum.Enum):
    """Which SPICE the text is for."""

    NGSPICE = "ngspice"
    LTSPICE = "ltspice"
    XYCE = "xyce"
    HSPICE = "hspice"
    VACASK = "vacask"


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Program:
    """A program, and how decks of ngspice become its own.

    Attributes
    ----------
    run : str
        The command, with ``FILE`` for the deck.
    note : str
        What comes of it, and what the decks have been tested with.
    write : callable
        From a self-contained deck of ngspice to the program's text.
    """

    run: str
    note: str
    write: Callable[[str], str]


def written(text: str, dialect: Dialect) -> str:
    """Return a self-contained deck in a program's dialect.

    Raises
    ------
    InputError
        The deck includes files, or uses what the program cannot express; the message names the
        card.
    """
    return PROGRAMS[dialect].write(text)


def read_me(dialect: Dialect, files: list[str]) -> str:
    """Return the text that stands beside exported decks: how to run them."""
    program = PROGRAMS[dialect]
    lines = [f"Run with: {program.run.replace('FILE', name)}" for name in files]
    return "\n".join([*lines, program.note]) + "\n"


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Expressions:
    """How a program writes expressions.

    Attributes
    ----------
    quotes : (str, str)
        What stands around one.
    calls : mapping of str to str
        Functions that are called otherwise: ``{0}``, ``{1}`` are their arguments.
    ifs : bool
        Whether conditions are written ``if(a, b, c)``.
    """

    quotes: tuple[str, str]
    calls: Mapping[str, str]
    ifs: bool

    def of(self, expression: str) -> str:
        """Return an expression of ngspice in the program's own words, in its quotes."""
        plain = re.sub(r"\{([^{}]*)\}", r"(\1)", expression)
        if self.ifs:
            plain = conditions_as_if(plain)
        for name, form in self.calls.items():
            plain = called(plain, name, form.format)
        plain = called(plain, "pwl", _bent_line)
        opening, closing = self.quotes
        return f"{opening}{plain.replace('^', '**').replace(' ', '')}{closing}"

    def values(self, card: str) -> str:
        """Return a card with the expressions that stand as values in it."""
        return re.sub(r"\{([^{}]*)\}", lambda found: self.of(found.group(1)), card)


_XYCE = _Expressions(
    quotes=("{", "}"),
    calls={"log": "ln({0})", "uramp": "max(0,{0})", "u": "stp({0})"},
    ifs=True,
)
_HSPICE = _Expressions(
    quotes=("'", "'"),
    calls={
        "ln": "log({0})",
        "uramp": "max(0,{0})",
        "u": "(0.5*(1+sgn({0})))",
        "pow": "(({0})**({1}))",
    },
    ifs=False,
)
_HSPICE_OPTIONS = ("reltol", "vntol", "abstol", "chgtol", "trtol", "gmin", "itl1", "itl2")
_XYCE_OPTIONS = {
    "timeint": {"reltol": "reltol", "vntol": "abstol"},
    "device": {"gmin": "gmin"},
}


def _bent_line(at: str, *points: str) -> str:
    """Return a look-up as a sum of straight lines: it goes on beyond both ends, as ngspice's does
    and the tables of other programs do not."""
    try:
        x, y = ([float(point) for point in points[k::2]] for k in (0, 1))
    except ValueError:
        raise InputError(
            f"a look-up over values that are no plain numbers: pwl({at[:20]}, {', '.join(points)[:40]}"
        ) from None
    slopes = [(y[k + 1] - y[k]) / (x[k + 1] - x[k]) for k in range(len(x) - 1)]
    bends = [
        f"({number(after - before)})*max(0,({at})-({number(bend)}))"
        for before, after, bend in zip(slopes, slopes[1:], x[1:], strict=False)
    ]
    first = f"({number(y[0])})+({number(slopes[0])})*(({at})-({number(x[0])}))"
    return f"({'+'.join([first, *bends])})"


def _cards(text: str, program: str) -> list[str]:
    """Return the lines of a deck below its title, after a check that it stands by itself and that
    nothing in it is ngspice's alone."""
    cards = [line for line in joined_lines(text.partition("\n")[2]) if line.strip()]
    for card in cards:
        word = card.split(maxsplit=1)[0].lower()
        if word in OUTSIDE:
            raise InputError(
                f"a deck for {program} that is not self-contained: {card[:60]!r}; make it with"
                " inlined models"
            )
        if word[0] in "as":
            what = "a code model" if word[0] == "a" else "a switch with hysteresis"
            raise InputError(
                f"{what} ({word}) is ngspice's and LTspice's; {program} has none that does the"
                " same. Export reads and pulses, whose decks have no neurons"
            )
    return cards


def _to_xyce(text: str) -> str:
    lines = [text.partition("\n")[0]]
    for card in _cards(text, "Xyce"):
        word = card.split(maxsplit=1)[0].lower()
        if card.startswith("*"):
            lines.append(card)
            continue
        if word in (".save", ".nodeset"):  # a first guess of a sub-circuit is ngspice's own need
            continue
        if word == ".options":
            lines += _xyce_options(card)
            continue
        if word in (".ic", ".print"):
            card = re.sub(r"\b(x\w+)\.(\w)", r"\1:\2", card)
        card = re.sub(r"=required\b", "=0", card)
        if word[0] == "b":
            head, _, expression = card.partition("=")
            card = f"{head.rstrip()}={_XYCE.of(expression)}"
        else:
            card = _XYCE.values(card)
        if word[0] == "x":
            card = re.sub(r" (?=\w+=)", " params: ", card, count=1)
        lines.append(fold(card))
    return "\n".join(lines) + "\n"


def _xyce_options(card: str) -> list[str]:
    given = dict(word.split("=", 1) for word in card.split()[1:] if "=" in word)
    lines = []
    for package, names in _XYCE_OPTIONS.items():
        kept = [f"{theirs}={given[ours]}" for ours, theirs in names.items() if ours in given]
        if kept:
            lines.append(f".options {package} {' '.join(kept)}")
    return lines


def _to_hspice(text: str) -> str:
    lines, renamed = [text.partition("\n")[0]], dict[str, str]()
    for card in _cards(text, "HSPICE"):
        word = card.split(maxsplit=1)[0].lower()
        if card.startswith("*"):
            lines.append(card)
            continue
        if word == ".save":
            continue
        card = re.sub(r"=required\b", "=0", card)
        if word == ".options":
            kept = [w for w in card.split()[1:] if w.split("=")[0] in _HSPICE_OPTIONS]
            lines.append(f".option {' '.join(kept)}")
        elif word == ".tran":
            lines += _hspice_transient(card)
        elif word == ".subckt":
            lines.append(fold(_HSPICE.values(re.sub(r"\bparams:\s*", "", card))))
        elif word[0] == "b":
            lines.append(fold(_hspice_source(card, renamed)))
        else:
            lines.append(fold(_HSPICE.values(card)))
    text = "\n".join(lines) + "\n"
    return re.sub(
        r"\bi\((b\w*)\)", lambda found: f"i({renamed.get(found.group(1), found.group(1))})", text
    )


def _hspice_source(card: str, renamed: dict[str, str]) -> str:
    """Return a behavioural source, which HSPICE writes as a controlled one."""
    head, _, expression = card.partition("=")
    name, positive, negative, kind = head.split()
    letter, what = ("g", "cur") if kind.lower() == "i" else ("e", "vol")
    renamed[name] = f"{letter}{name}"
    by_input = re.fullmatch(r"pwl\(v\(idx\),([^()]*)\)", expression.replace(" ", ""))
    if by_input is not None and letter == "e":  # never beyond the ends
        points = by_input.group(1).split(",")
        pairs = " ".join(f"{x},{y}" for x, y in zip(points[::2], points[1::2], strict=True))
        return f"e{name} {positive} {negative} pwl(1) idx 0 {pairs}"
    return f"{letter}{name} {positive} {negative} {what}={_HSPICE.of(expression)}"


def _hspice_transient(card: str) -> list[str]:
    """Return the transient with its largest step as an option: a third number would be a second
    step."""
    words = card.split()
    uic = [word for word in words if word.lower() == "uic"]
    numbers = [word for word in words[1:] if word.lower() != "uic"]
    step, stop, *rest = numbers
    start = rest[:1] or ["0"]
    limit = [f".option delmax={rest[1]}"] if len(rest) > 1 else []
    return [*limit, " ".join([".tran", step, stop, f"start={start[0]}", *uic])]


def _to_vacask(text: str) -> str:
    """Return a read of resistors; everything else stands in Verilog-A there."""
    title, used = text.partition("\n")[0], dict[str, str]()
    instances, comments, analysis = list[str](), list[str](), list[str]()
    for card in _cards(text, "VACASK"):
        words = card.split()
        word = words[0].lower()
        if card.startswith("*"):
            comments.append(f"//{card[1:]}")
        elif word[0] == "r" and len(words) == 4:
            used["resistor"] = "resistor.osdi"
            instances.append(f"{words[0]} ({words[1]} {words[2]}) resistor r={words[3]}")
        elif word[0] == "v" and len(words) == 5 and words[3].lower() == "dc":
            instances.append(f"{words[0]} ({words[1]} {words[2]}) vsource dc={words[4]}")
        elif word == ".dc" and words[2] == words[3]:
            analysis = ["  analysis read op"]
        elif word not in (".options", ".save", ".print", ".end"):
            raise InputError(
                f"VACASK has resistors and sources of its own, and every other element as compiled"
                f" Verilog-A: {card[:60]!r} cannot be written for it. Export one read of linear"
                " cells (--samples 1)"
            )
    loads = [f'load "{file}"' for file in used.values()]
    models = [f"model {name} {name}" for name in (*used, "vsource")]
    return (
        "\n".join(
            [
                title.lstrip("* "),
                *comments,
                "ground 0",
                *loads,
                *models,
                *instances,
                "control",
                *analysis,
                "endc",
            ]
        )
        + "\n"
    )


_UNRUN = "Written after its manual; not run by its makers."
_PARSED = "Written after its manual and checked by spicesnn's own parser; not run by its makers."
PROGRAMS: Mapping[Dialect, Program] = {
    Dialect.NGSPICE: Program(
        run="ngspice -b FILE", note="Any ngspice from 36 on.", write=lambda text: text
    ),
    Dialect.LTSPICE: Program(
        run="LTspice -b FILE", note=f"Or open it in LTspice. {_UNRUN}", write=to_ltspice
    ),
    Dialect.XYCE: Program(
        run="Xyce FILE", note=f"The result is FILE.prn. {_PARSED}", write=_to_xyce
    ),
    Dialect.HSPICE: Program(
        run="hspice -i FILE",
        note=f"Spectre reads the same text: spectre FILE. {_PARSED}",
        write=_to_hspice,
    ),
    Dialect.VACASK: Program(
        run="vacask FILE", note=f"The result is read.raw. {_UNRUN}", write=_to_vacask
    ),
}
