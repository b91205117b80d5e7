"""Sub-circuits in Spectre's own language as cards of LTspice, line by line.

What is taken: ``subckt`` with ``parameters``, resistors, capacitors, sources and ``bsource`` between
nodes in brackets, ``ic``, functions (``real f(real x) { return …; }``), and instances of other
sub-circuits. Analyses, options and what stands outside of sub-circuits is a test bench. Numbers are
written out, since suffixes count by case; so do names, so two that differ in case alone are
refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from spicesnn.devices.importers.dialects import SpiceDialect
from spicesnn.devices.importers.expressions import words
from spicesnn.errors import InputError, UnsupportedNetlistError

_SUFFIX = dict(zip("TGMKkmunpfa", (12, 9, 6, 3, 3, -3, -6, -9, -12, -15, -18), strict=True))
_WORD = re.compile(
    r"\s*((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[A-Za-z]*|[A-Za-z_][\w.]*|\*\*|&&|\|\||[<>=!]=|[-+*/%^<>?:(),!&|~])"
)
_NUMBER = re.compile(r"((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([A-Za-z]*)")
_SAME = words(
    "abs exp ln log10 sqrt sin cos tan asin acos atan sinh cosh tanh min max floor ceil sgn idt v"
)
_SIGNS = {"&&": "&", "||": "|"}
_DEEPEST = 50
_NEVER = frozenset(("%", "^", "&", "|", "~", "!", "!="))
_KINDS = {
    "resistor": ("r",),
    "capacitor": ("c", "ic"),
    "bsource": ("i", "v", "r"),
    "vsource": ("dc", "type"),
    "isource": ("dc", "type"),
}
_ELEMENT = re.compile(r"([A-Za-z_]\w*)\s*\(([^()]*)\)\s*([A-Za-z_]\w*)\s*(.*)", re.S)
_KEY = re.compile(r"(?<![=<>!])\b([A-Za-z_]\w*)\s*=(?!=)")
_FUNCTION = re.compile(
    r"real\s+([A-Za-z_]\w*)\s*\(([^()]*)\)\s*\{\s*return\s+(.*?);?\s*\}\s*", re.S
)
_BENCH = re.compile(
    r"(?:simulator\s+lang\s*=\s*spectre|global\b|[A-Za-z_]\w*\s+(?:tran|dc|ac|noise|options|info|sweep|montecarlo)\b|save\b|saveOptions\b)"
)


def is_spectre(text: str) -> bool:
    """Return whether a text is in Spectre's own language."""
    return re.search(r"(?im)^[ \t]*simulator\s+lang\s*=\s*spectre", text) is not None or (
        re.search(r"(?im)^[ \t]*(?:inline\s+)?subckt\s+\w+", text) is not None
        and re.search(r"(?im)^[ \t]*ends\b", text) is not None
    )


def dialect_of(text: str, path: Path, given: SpiceDialect | None) -> SpiceDialect | None:
    """Return the dialect that the cards of a text are in: the one that Spectre's language is put
    into, or what is given.

    Raises
    ------
    InputError
        Another dialect is given for a text in Spectre's language.
    """
    if not is_spectre(text):
        return given
    if given not in (None, SpiceDialect.LTSPICE):
        raise InputError(f"{path} is in Spectre's own language; leave the dialect {given} out")
    return SpiceDialect.LTSPICE


@dataclass(slots=True)
class _Statement:
    """A statement with its continuations, and the line where it begins."""

    text: str
    line: int


@dataclass(slots=True)
class _Reader:
    path: Path
    functions: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)
    elements: dict[str, str] = field(default_factory=dict)
    """Of the sub-circuit that is open: name → name in SPICE."""
    depth: int = 0
    """Powers inside one another."""

    def error(self, line: int, what: str) -> UnsupportedNetlistError:
        return UnsupportedNetlistError(f"{self.path}, line {line}: {what} (Spectre's language)")

    def same(self, name: str, line: int) -> str:
        """Return a name in lower case; one of another case before is another thing in Spectre."""
        known = self.names.setdefault(name.lower(), name)
        if known != name:
            raise self.error(line, f"{name!r} and {known!r} differ in case alone")
        return name.lower()

    def expression(self, text: str, line: int) -> str:
        """Return an expression in LTspice's words."""
        words, at = [], 0
        text = text.strip()
        while at < len(text):
            match = _WORD.match(text, at)
            if match is None:
                raise self.error(line, f"{text[at:].split()[0][:30]!r} cannot be read")
            words.append(match.group(1))
            at = match.end()
        return self.joined(words, line)

    def joined(self, words: Sequence[str], line: int) -> str:
        found: list[str] = []
        k = 0
        while k < len(words):
            word = words[k]
            number = _NUMBER.fullmatch(word)
            called = k + 1 < len(words) and words[k + 1] == "("
            if number is not None:
                found.append(self.number(number.group(1), number.group(2), line))
            elif word == "pow" and called:
                first, second, k = self.two(words, k + 1, line)
                found.append(f"(({first})**({second}))")
                continue
            elif word == "i" and called and words[k + 3 : k + 4] == [")"]:
                name = words[k + 2]
                if name not in self.elements:
                    raise self.error(line, f"i({name}): no element of that name")
                found.append(f"i({self.elements[name]})")
                k += 4
                continue
            elif word[0].isalpha() or word[0] == "_":
                if called and word.lower() not in _SAME and word not in self.functions:
                    raise self.error(line, f"the function {word}() is not taken")
                found.append(word.lower() if word.lower() in _SAME else self.same(word, line))
            elif word in _NEVER:
                raise self.error(line, f"{word!r} is not taken; write the condition out")
            else:
                if word == "**" and k >= 2 and words[k - 2] == "-" and words[k - 1] != ")":
                    before = words[k - 3] if k >= 3 else "("
                    if before in "(,?:+-*/<>" or before in ("&&", "||", "<=", ">=", "=="):
                        raise self.error(line, "a minus before a power: put brackets")
                found.append(_SIGNS.get(word, word))
            k += 1
        return "".join(found)

    def number(self, digits: str, suffix: str, line: int) -> str:
        if suffix and suffix not in _SUFFIX:
            raise self.error(line, f"{digits}{suffix} is no number")
        return digits if not suffix else repr(float(f"{digits}e{_SUFFIX[suffix]}"))

    def two(self, words: Sequence[str], k: int, line: int) -> tuple[str, str, int]:
        """Return the two arguments behind the bracket at `k`, and what comes after it."""
        depth, parts, begin = 0, list[str](), k + 1
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.error(line, "powers are too deep inside one another")
        for at in range(k, len(words)):
            depth += {"(": 1, ")": -1}.get(words[at], 0)
            if (words[at] == "," and depth == 1) or depth == 0:
                parts.append(self.joined(words[begin:at], line))
                begin = at + 1
            if depth == 0:
                self.depth -= 1
                if len(parts) == 2:
                    return parts[0], parts[1], at + 1
                break
        raise self.error(line, "pow() takes two arguments")

    def pairs(self, text: str, line: int) -> dict[str, str]:
        """Return ``key=value`` of a statement, values as expressions of their own language."""
        marks = list(_KEY.finditer(text))
        if (marks and text[: marks[0].start()].strip()) or (not marks and text.strip()):
            raise self.error(line, f"{text.strip()[:40]!r} where key=value was expected")
        ends = [*(m.start() for m in marks[1:]), len(text)]
        return {m.group(1): text[m.end() : e].strip() for m, e in zip(marks, ends, strict=True)}

    def set_(self, text: str, line: int) -> str:
        """Return parameters as SPICE has them."""
        return " ".join(
            f"{self.same(key, line)}={{{self.expression(value, line)}}}"
            for key, value in self.pairs(text, line).items()
        )

    def element(self, statement: _Statement) -> str:
        line = statement.line
        match = _ELEMENT.fullmatch(statement.text)
        if match is None:
            raise self.error(line, f"{statement.text[:40]!r} is no statement that is taken")
        name, nodes, kind, rest = match.groups()
        listed = " ".join(self.same(node, line) if node != "0" else "0" for node in nodes.split())
        given = self.pairs(rest, line)
        self.same(f"element {name}", line)
        return f"{self.elements[name]} {listed} {self.value(kind, given, line)}"

    def elements_of(self, statements: Sequence[_Statement]) -> None:
        """Note how the elements of a sub-circuit are called in SPICE: sources may measure those that
        come later."""
        self.names, self.elements = {}, {}
        for statement in statements:
            match = _ELEMENT.fullmatch(statement.text)
            if match is not None:
                name, _, kind, rest = match.groups()
                letter = {"bsource": "r" if re.match(r"\s*r\s*=", rest) else "b"}.get(
                    kind, kind[0] if kind in _KINDS else "x"
                )
                self.elements[name] = f"{letter}_{name.lower()}"

    def value(self, kind: str, given: dict[str, str], line: int) -> str:
        """Return what stands behind the nodes of an element."""
        takes = _KINDS.get(kind)
        if takes is None:
            calls = " ".join(
                f"{self.same(k, line)}={{{self.expression(v, line)}}}" for k, v in given.items()
            )
            return f"{self.same(kind, line)} {calls}".rstrip()
        for key in given:
            if key not in takes:
                raise self.error(line, f"{key}= of a {kind} is not taken")
        if given.pop("type", "dc") != "dc":
            raise self.error(line, f"a {kind} that changes with the time is no part of a device")
        made = {key: f"{{{self.expression(text, line)}}}" for key, text in given.items()}
        if kind == "capacitor" and "c" in made:
            return made["c"] + (f" ic={made['ic']}" if "ic" in made else "")
        if kind == "resistor" and "r" in made:
            return made["r"]
        if kind in ("vsource", "isource"):
            return made.get("dc", "0")
        if kind == "bsource" and len(made) == 1:
            key, text = next(iter(made.items()))
            return f"{key}={text[1:-1]}"
        raise self.error(line, f"a {kind} without a value, or with several")


def cards_from_spectre(text: str, path: Path) -> str:
    """Return a text in Spectre's language as LTspice would have it, each statement in its line.

    Raises
    ------
    UnsupportedNetlistError
        What is not taken, by line.
    """
    reader = _Reader(path)
    lines = [""] * (text.count("\n") + 1)
    open_ = ""
    header: tuple[int, str] | None = None

    def close_header() -> None:
        nonlocal header
        if header is not None:
            lines[header[0] - 1], header = header[1], None

    statements = _statements(text)
    for k, statement in enumerate(statements):
        line, body = statement.line, statement.text
        word = re.split(r"[\s(]", body, maxsplit=1)[0]
        if word in ("include", "ahdl_include", "inline", "model", "if", "library", "section"):
            advice = "; import a Verilog-A text itself" if word == "ahdl_include" else ""
            raise reader.error(line, f"{word!r} is not taken{advice}")
        if word == "real" and (match := _FUNCTION.fullmatch(body)) is not None:
            name, arguments, value = match.groups()
            reader.functions.add(name)
            given = [a.split()[-1] for a in arguments.split(",")]
            inner = _Reader(path, reader.functions)  # names of arguments are the function's own
            lines[line - 1] = (
                f".func {reader.same(name, line)}({','.join(inner.same(a, line) for a in given)})"
                f" {{{inner.expression(value, line)}}}"
            )
        elif word == "subckt":
            match = re.fullmatch(r"subckt\s+(\w+)\s*\(?([^()]*)\)?\s*", body)
            if match is None or open_:
                raise reader.error(line, "expected: subckt name (nodes)")
            open_ = match.group(1)
            reader.elements_of(
                list(takewhile(lambda one: not one.text.startswith("ends"), statements[k:]))
            )
            pins = " ".join(reader.same(pin, line) for pin in match.group(2).split())
            header = line, f".subckt {open_.lower()} {pins}"
        elif word == "ends":
            close_header()
            lines[line - 1], open_ = f".ends {open_.lower()}", ""
        elif word == "parameters":
            found = reader.set_(body.removeprefix("parameters"), line)
            if header is not None:
                header = header[0], f"{header[1]} params: {found}"
                close_header()
            else:
                lines[line - 1] = f".param {found}"
        elif not open_:
            lines[line - 1] = _bench(reader, statement)
        elif word == "ic":
            close_header()
            pairs = reader.pairs(body.removeprefix("ic"), line)
            lines[line - 1] = ".ic " + " ".join(
                f"v({reader.same(node, line)})={{{reader.expression(value, line)}}}"
                for node, value in pairs.items()
            )
        else:
            close_header()
            lines[line - 1] = reader.element(statement)
    if open_:
        raise reader.error(len(lines), f"subckt {open_} has no ends")
    return "\n".join(lines)


def _bench(reader: _Reader, statement: _Statement) -> str:
    """Return what a statement outside of sub-circuits is in a test bench: the sine of a source,
    since it says how the device is driven."""
    match = _ELEMENT.fullmatch(statement.text)
    if match is None:
        if _BENCH.match(statement.text) is None:
            raise reader.error(statement.line, f"{statement.text[:40]!r} is not taken")
        return ""
    wave = dict(re.findall(r"\b(type|ampl|freq)\s*=\s*(\S+)", match.group(4)))
    if match.group(3) == "vsource" and wave.get("type") == "sine" and {"ampl", "freq"} <= set(wave):
        reader.names = {}
        ampl, freq = (reader.expression(wave[key], statement.line) for key in ("ampl", "freq"))
        return f"v{match.group(1).lower()} a 0 sin(0 {{{ampl}}} {{{freq}}})"
    return ""


def _statements(text: str) -> list[_Statement]:
    """Return the statements, comments left out, continued by a backslash or a plus, or up to the
    brace that closes a function."""
    found: list[tuple[list[str], int]] = []
    goes_on, depth = False, 0
    for at, raw in enumerate(text.split("\n"), start=1):
        line = "" if raw.lstrip().startswith("*") else " ".join(re.sub(r"//.*", "", raw).split())
        line = line if "return" in line else line.rstrip("; ")
        if not line and not depth:
            goes_on = goes_on and bool(raw.strip())
            continue
        more = line.startswith("+") and bool(found)
        # Inside a function a plus is a sign, or continues: `a ? + b : + c` is the same either way.
        line = line[1:].lstrip() if more and not depth else line
        after = line.endswith("\\")
        line = line.rstrip("\\ ")
        if (goes_on or more or depth) and found:
            found[-1][0].append(line)
        else:
            found.append(([line], at))
        goes_on = after
        depth += line.count("{") - line.count("}")
    return [_Statement(" ".join(parts), at) for parts, at in found]
