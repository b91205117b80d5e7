"""The text of a Verilog-A file as words: comments taken out, files included, macros put in their
places.

What may be included are the standard's own files, whose contents are known here
(``constants.vams``, ``disciplines.vams`` and their older names), and files in the folder of the
model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from spicesnn.errors import UnsafeNetlistError, UnsupportedNetlistError
from spicesnn.file_kinds import unreadable

STANDARD = frozenset(
    {
        "constants.vams",
        "disciplines.vams",
        "constants.h",
        "discipline.h",
        "disciplines.h",
        "constants.va",
        "disciplines.va",
    }
)
"""Files of the language itself."""
CONSTANTS = {
    "M_E": "2.7182818284590452354",
    "M_LOG2E": "1.4426950408889634074",
    "M_LOG10E": "0.43429448190325182765",
    "M_LN2": "0.69314718055994530942",
    "M_LN10": "2.30258509299404568402",
    "M_PI": "3.14159265358979323846",
    "M_TWO_PI": "6.28318530717958647693",
    "M_PI_2": "1.57079632679489661923",
    "M_PI_4": "0.78539816339744830962",
    "M_1_PI": "0.31830988618379067154",
    "M_2_PI": "0.63661977236758134308",
    "M_2_SQRTPI": "1.12837916709551257390",
    "M_SQRT2": "1.41421356237309504880",
    "M_SQRT1_2": "0.70710678118654752440",
    "P_Q": "1.602176462e-19",
    "P_C": "2.99792458e8",
    "P_K": "1.3806503e-23",
    "P_H": "6.62606876e-34",
    "P_EPS0": "8.854187817e-12",
    "P_CELSIUS0": "273.15",
}
"""Macros of ``constants.vams``, with the values of the language's own file (CODATA 1998), as
compilers have them."""
_LARGEST_FILE, _MOST_WORDS, _DEEPEST = 1 << 20, 100_000, 50
_WORD = re.compile(
    r"\s*(?:(?P<string>\"(?:[^\"\\\n]|\\.)*\")|(?P<num>(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+|[TGMKkmunpfa](?![\w$]))?)"
    r"|(?P<name>[$]?[A-Za-z_][\w$]*)|(?P<macro>`[A-Za-z_]\w*)"
    r"|(?P<op><\+|<<<|>>>|\*\*|===|!==|&&|\|\||==|!=|<=|>=|<<|>>|~\^|\^~|\(\*|\*\)|[-+*/%<>!~&|^?:;,.#@(){}\[\]=']))"
)
_IGNORED = frozenset(
    {
        "`timescale",
        "`default_discipline",
        "`default_transition",
        "`resetall",
        "`celldefine",
        "`endcelldefine",
        "`begin_keywords",
        "`end_keywords",
        "`default_nettype",
        "`line",
        "`pragma",
    }
)


@dataclass(frozen=True, slots=True)
class Word:
    """One word of the text.

    Attributes
    ----------
    kind : str
        ``name``, ``num``, ``string``, ``op`` or ``end``.
    text : str
    file : str
        Name of the file without its folder.
    line : int
    """

    kind: str
    text: str
    file: str
    line: int

    def error(self, why: str) -> UnsupportedNetlistError:
        """Return the refusal of what stands here."""
        return UnsupportedNetlistError(f"{self.file}, line {self.line}: {why}")


@dataclass(frozen=True, slots=True)
class _Macro:
    names: tuple[str, ...] | None
    body: tuple[Word, ...]


def words_of(path: Path, files: dict[str, str] | None = None) -> list[Word]:
    """Return the words of a file with everything it includes.

    Parameters
    ----------
    path : Path
    files : dict, optional
        Filled with the name and the text of every file that was read.

    Raises
    ------
    UnsafeNetlistError
        It includes a file outside its folder.
    UnsupportedNetlistError
        A word that cannot be read; names the line.
    DataError
        A file that cannot be read.
    """
    reader = _Reader(path.parent, {} if files is None else files)
    reader.file(path, path.name, 0)
    last = reader.words[-1] if reader.words else Word("op", "", path.name, 1)
    return [*reader.words, replace(last, kind="end", text="the end of the file")]


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise UnsupportedNetlistError(
                f"{path}: larger than {_LARGEST_FILE >> 20} MB, which no model is"
            )
        text = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error, "a Verilog-A model (.va)") from None
    try:
        return text.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        return text.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n")


def _bare(text: str) -> str:
    """Return a text with blanks in the place of its comments, line by line where they were."""

    def blank(match: re.Match[str]) -> str:
        found = match.group(0)
        return found if found.startswith('"') else "\n" * found.count("\n") or " "

    return re.sub(r"\"(?:[^\"\\\n]|\\.)*\"|//[^\n]*|/\*.*?(?:\*/|\Z)", blank, text, flags=re.S)


class _Reader:
    def __init__(self, folder: Path, files: dict[str, str]) -> None:
        self.folder, self.files = folder, files
        self.macros = {
            name: _Macro(None, (Word("num", value, "constants.vams", 1),))
            for name, value in CONSTANTS.items()
        }
        four_pi = [("num", "4.0e-7"), ("op", "*"), ("num", CONSTANTS["M_PI"])]
        self.macros["P_U0"] = _Macro(
            None, tuple(Word(kind, text, "constants.vams", 1) for kind, text in four_pi)
        )
        self.words: list[Word] = []
        self.replaced = 0
        """Macros that were put in their places; each may leave nothing behind."""
        self.active: list[list[bool]] = []
        """Of each open `ifdef: whether this part is taken, whether any was."""

    def file(self, path: Path, name: str, depth: int) -> None:
        text = _read(path)
        self.files[name] = text
        lines = _bare(text).split("\n")
        opened, k = len(self.active), 0
        while k < len(lines):
            number, line = k + 1, lines[k]
            k += 1
            while line.rstrip().endswith("\\") and k < len(lines):
                line, k = line.rstrip()[:-1] + " " + lines[k], k + 1
            at = Word("op", "", name, number)
            directive = re.match(r"\s*(`[A-Za-z_]\w*)", line)
            if directive is not None and self.directive(
                directive.group(1), line[directive.end() :], at, depth
            ):
                continue
            if all(part[0] for part in self.active):
                # A macro's arguments may stand on the lines that follow.
                while self._open(line) and k < len(lines):
                    line, k = line + "\n" + lines[k], k + 1
                self.put(self.split(line, at), ())
        if len(self.active) != opened:
            raise UnsupportedNetlistError(f"{name}: an `ifdef has no `endif")

    def _open(self, line: str) -> bool:
        used = re.search(r"`([A-Za-z_]\w*)", line)
        if (
            used is None
            or used.group(1) not in self.macros
            or self.macros[used.group(1)].names is None
        ):
            return False
        rest = line[used.end() :]
        return "(" not in rest or rest.count("(") > rest.count(")")

    def split(self, line: str, at: Word) -> list[Word]:
        """Return the words of one line, macros as they stand."""
        found, place = [], 0
        while line[place:].strip():
            match = _WORD.match(line, place)
            here = at.line + line[:place].count("\n")
            if match is None:
                raise replace(at, line=here).error(
                    f"{line[place:].split()[0][:20]!r} cannot be read"
                )
            place = match.end()
            kind = str(match.lastgroup)
            found.append(
                Word(
                    kind,
                    match.group(kind),
                    at.file,
                    at.line + line[: match.start(kind)].count("\n"),
                )
            )
        return found

    def put(self, words: Sequence[Word], inside: tuple[str, ...]) -> None:
        """Add words, macros replaced."""
        self.words.extend(islice(self.expanded(words, inside), _MOST_WORDS + 1))
        self._counted(len(self.words))

    def _counted(self, words: int) -> None:
        """Raise where there are more words, of the model or on their way through macros, than any
        model has."""
        if words > _MOST_WORDS:
            raise UnsupportedNetlistError(
                f"the model has more than {_MOST_WORDS} words after its macros are put in their"
                " places"
            )

    def expanded(self, words: Sequence[Word], inside: tuple[str, ...]) -> Iterator[Word]:
        k = 0
        while k < len(words):
            word = words[k]
            k += 1
            if word.kind != "macro":
                yield word
                continue
            name = word.text[1:]
            if name not in self.macros:
                raise word.error(f"{word.text} is not defined")
            if name in inside or len(inside) > _DEEPEST:
                raise word.error(f"{word.text} stands inside itself")
            macro, given = self.macros[name], {}
            if macro.names is not None:
                values, k = _arguments(words, k, word)
                if len(values) != len(macro.names):
                    raise word.error(
                        f"{word.text} takes {len(macro.names)} arguments, not {len(values)}"
                    )
                given = dict(zip(macro.names, values, strict=True))
            body: list[Word] = []
            for inner in macro.body:
                swap = given.get(inner.text) if inner.kind == "name" else None
                body.extend(
                    [replace(inner, file=word.file, line=word.line)] if swap is None else swap
                )
                self._counted(len(body))
            self.replaced += 1
            self._counted(self.replaced)
            yield from self.expanded(body, (*inside, name))

    def directive(self, name: str, rest: str, at: Word, depth: int) -> bool:
        """Follow a directive; return False for a line that begins with a macro of the text."""
        on = all(part[0] for part in self.active)
        match name:
            case "`ifdef" | "`ifndef":
                holds = on and (rest.strip().split(" ")[0] in self.macros) == (name == "`ifdef")
                self.active.append([holds, holds or not on])
            case "`elsif" | "`else":
                if not self.active:
                    raise at.error(f"{name} without an `ifdef")
                part = self.active[-1]
                part[0] = not part[1] and (name == "`else" or rest.strip() in self.macros)
                part[1] = part[1] or part[0]
            case "`endif":
                if not self.active:
                    raise at.error("`endif without an `ifdef")
                self.active.pop()
                if rest.strip():
                    raise at.error(f"{rest.strip()[:20]!r} behind `endif cannot be read")
            case _ if not on:
                return True
            case "`define":
                self.define(rest, at)
            case "`undef":
                self.macros.pop(rest.strip(), None)
            case "`include":
                behind = self.include(rest.strip(), at, depth)
                further = re.match(r"(`[A-Za-z_]\w*)", behind)
                if behind and (
                    further is None
                    or not self.directive(further.group(1), behind[further.end() :], at, depth)
                ):
                    self.put(self.split(behind, at), ())
            case _:
                return name in _IGNORED
        return True

    def define(self, rest: str, at: Word) -> None:
        match = re.match(r"\s*([A-Za-z_]\w*)(\([^()]*\))?", rest)
        if match is None:
            raise at.error("`define needs a name")
        names = (
            None
            if match.group(2) is None
            else tuple(n.strip() for n in match.group(2)[1:-1].split(","))
        )
        self.macros[match.group(1)] = _Macro(names, tuple(self.split(rest[match.end() :], at)))

    def include(self, rest: str, at: Word, depth: int) -> str:
        """Read a file that is included; return what stands behind it on its line."""
        match = re.match(r"[\"<]([^\"<>]+)[\">]\s*", rest)
        if match is None:
            raise at.error(f"`include {rest[:40]} names no file")
        name = match.group(1)
        inside = (self.folder / name).resolve()
        folder = self.folder.resolve()
        if Path(name).is_absolute() or not inside.is_relative_to(folder) or "\\" in name:
            raise UnsafeNetlistError(
                f"{at.file}, line {at.line}: `include of {name!r}, outside the folder of the model,"
                " is not followed"
            )
        if not inside.is_file():
            if name in STANDARD:
                return rest[match.end() :]
            raise at.error(f"`include of {name!r}: no such file beside the model")
        if name in STANDARD:
            raise at.error(
                f"`include of {name!r}: a file beside the model has the name of one of the"
                " language's own; give it another name"
            )
        if depth >= _DEEPEST or (name in self.files and depth > _DEEPEST // 2):
            raise at.error(f"`include of {name!r}: files include each other without end")
        self.file(inside, name, depth + 1)
        return rest[match.end() :]


def _arguments(words: Sequence[Word], k: int, macro: Word) -> tuple[list[list[Word]], int]:
    """Return a macro's arguments from the bracket at `k` on, and what comes behind them."""
    if k >= len(words) or words[k].text != "(":
        raise macro.error(f"{macro.text} needs its arguments in brackets")
    values: list[list[Word]] = [[]]
    open_, k = 1, k + 1
    while k < len(words):
        word = words[k]
        k += 1
        open_ += word.text in ("(", "(*") and word.kind == "op"
        open_ -= word.text in (")", "*)") and word.kind == "op"
        if open_ == 0:
            return values, k
        if word.text == "," and open_ == 1 and word.kind == "op":
            values.append([])
        else:
            values[-1].append(word)
    raise macro.error(f"the brackets of {macro.text} are not closed")
