"""Netlist text from outside is data to check, not to trust: a deck can run programs, read any file
and overwrite others.

What is allowed is listed; everything else is refused by name and line. ``.include`` and ``.lib``
are followed only inside the folder of the file, and the result is one text without either, so what
was checked is what runs."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from spicesnn.devices.importers.cards import Card, cards_of
from spicesnn.errors import DataError, UnsafeNetlistError
from spicesnn.file_kinds import unreadable
from spicesnn.netlist.spectre import cards_from_spectre, is_spectre
from spicesnn.netlist.twin import logical_lines


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ALLOWED_CARDS = _words("""
    .ac .backanno .csparam .dc .disto .else .elseif .end .endif .endl .ends .eom .four .func .global .ic .if .inc .include .lib .macro .meas .measure
    .model .nodeset .noise .op .option .options .param .params .plot .print .probe .pz .save .sens .step .subckt .temp .tf .title .tran
""")
_COMMANDS = _words("""
    alter cd cdump codemodel dumpnodes echo edit gnuplot hardcopy load op osdi plot print quit rusage run set shell snload snsave source
    tran unset use_mc write wrdata wrnodev wrs2p
""")
"""Interpreter commands that a refusal names; they stand in a ``.control`` block."""
_BENCH_COMMANDS = _words("""
    ac dc display echo fft gnuplot hardcopy let linearize listing meas noise op plot print quit rusage run set setplot setscale settype show
    status tran unset wrdata write
""")
"""Interpreter commands of a test bench, which is left out where the text is translated: analyses,
arithmetic and what shows or keeps results."""
_BENCH_OPTIONS = _words("""
    absi absv accurate brief captab co delmax dvdt fast ingold list lvltim measdgt measform measout nomod parhier plotwinsize post post_version probe
    relv runlvl statfl unwrap
""")
"""Options of other simulators about accuracy and printing, left out with the test bench."""
_ALTERS_SOURCE = re.compile(r"alter\s+@?[vi]\w*(?=[\s\[=])")
"""What changes a source of the test bench, and nothing inside a sub-circuit."""
_OF_VERILOG = _words(".hdl pre_osdi")
"""What loads a Verilog-A model, as text or compiled."""
_NEVER_ELEMENTS = _words("shell source codemodel write wrdata")
"""Commands that are refused at the start of any line, although they could be names of elements."""
_OUTPUT_CARDS = _words(".four .meas .measure .op .plot .print .probe .save")
"""Cards that write: what they say goes to the console, and nowhere else."""
_FILE_MODELS = _words(
    "d_cosim d_genlut d_process d_ram d_source d_state file_source filesource table2d table3d"
)
"""Code models that read files, load libraries or start programs."""
ALLOWED_OPTIONS = _words("""
    abstol acct autostop bypass chgtol cshunt defad defas defl defw gmin gminsteps gshunt interp itl1 itl2 itl3 itl4 itl5 itl6 keepopinfo
    klu list maxord method minbreak mod noacct node noinit noopac noopiter nopage numdgt optran opts pivrel pivtol ramptime reltol rshunt
    savecurrents scale seed seedinfo sparse srcsteps temp tnom trtol trytocompact vntol warn xmu
""")
_FILE_PARAMETER = re.compile(
    r"\b(file|input_file|state_file|process_file|sim_args|simulation)\s*=", re.I
)
_INCLUSION = re.compile(r"\.(include|inc|lib)\s+(\"[^\"]*\"|'[^']*'|\S+)\s*(\S+)?", re.I)
_DECKS = (".cir", ".net", ".sp", ".spi", ".ckt", ".asc")
_MOST_BYTES = 2_000_000
_MOST_CARDS = 20_000
_MOST_LINES = 100_000
_DEEPEST = 12


_TRUSTED: ContextVar[bool] = ContextVar("trusted", default=False)


@contextmanager
def trusting(trust: bool) -> Iterator[None]:
    """Take netlists unchecked for the length of a block, where `trust` is true: the user's
    ``--trust``, which no file can say for them."""
    token = _TRUSTED.set(trust or _TRUSTED.get())
    try:
        yield
    finally:
        _TRUSTED.reset(token)


def trusted() -> bool:
    """Return whether the user trusts netlists from outside here."""
    return _TRUSTED.get()


def refuse(path: Path | str, line: int, what: str) -> UnsafeNetlistError:
    """Return the error for one line of a foreign netlist."""
    return UnsafeNetlistError(
        f"{path}, line {line}: {what}. A netlist from outside may only describe a circuit; pass"
        " --trust (trust=True) if you know where it comes from"
    )


def _verilog(name: Path | str, at: int, line: str) -> UnsafeNetlistError:
    word, _, rest = line.strip().partition(" ")
    found = re.search(r"[\w.+/-]*\.(?:va|vams)\b", rest)
    return UnsafeNetlistError(
        f"{name}, line {at}: {word.lower()!r} loads a Verilog-A model, which is not part of a netlist;"
        f" import its text itself: spicesnn import {'FILE.va' if found is None else found.group(0)}"
    )


def check_text(text: str, name: Path | str, *, translated: bool = False) -> None:
    """Refuse text that asks for more than a circuit; included files are not followed here (see
    `flatten`).

    Parameters
    ----------
    text : str
    name : Path | str
        How messages call it.
    translated : bool
        Whether nothing of the text itself reaches a simulator: a plain test bench may then stand in
        it, and is left out.

    Raises
    ------
    UnsafeNetlistError
        Names the line and what stands there.
    DataError
        There are too many lines.
    """
    if text.count("\n") > _MOST_LINES:
        raise DataError(
            f"{name} has {text.count(chr(10))} lines; expected a netlist of at most {_MOST_LINES}"
        )
    control: int | None = None
    for at, raw in enumerate(text.split("\n"), start=1):
        bare = raw.strip().lower()
        word = re.split(r"[\s=(]", bare, maxsplit=1)[0] if bare else ""
        if re.search(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]", raw.removesuffix("\r")):
            raise refuse(name, at, "a control character")
        if any(unicodedata.category(character) == "Cf" for character in raw):
            raise refuse(name, at, "an invisible character")
        if not bare.startswith("*") and _FILE_PARAMETER.search(raw):
            raise refuse(name, at, "a file name in a parameter")
        if re.match(r"\*\s*#", bare) or "ng_script" in bare:
            raise refuse(name, at, f"a hidden command ({bare[:40]!r})")
        if control is not None:
            if word == ".endc":
                control = None
            elif not (
                translated and (word in _BENCH_COMMANDS or _ALTERS_SOURCE.match(bare) is not None)
            ) and (word in _COMMANDS or word.startswith("pre_")):
                if word in _OF_VERILOG:
                    raise _verilog(name, at, raw)
                raise refuse(
                    name,
                    at,
                    f"the command {word!r} (in the .control block of line {control}, which a device"
                    " does not need: cut it off)",
                )
        elif word == ".control":
            control = at
    if control is not None:
        raise refuse(name, control, "a .control block without an end")
    lines = text.splitlines()
    for at, card in logical_lines(text):
        # ngspice and LTspice take a line that begins with // as a comment.
        if not (translated and re.match(r"\.(control|endc)$|//", card, re.I)):
            _check_card(
                name,
                at,
                card,
                ALLOWED_OPTIONS | _BENCH_OPTIONS if translated else ALLOWED_OPTIONS,
            )
        if (
            re.match(r"\.(include|inc|lib)\b", card, re.I)
            and card != re.split(r"(?:^|\s)\$ |;", lines[at - 1], maxsplit=1)[0].strip()
        ):
            raise refuse(name, at, "an inclusion over several lines")


def _check_card(name: Path | str, at: int, card: str, options: frozenset[str]) -> None:
    words = card.lower().split()
    first = re.split(r"(?<=[a-z])\(", words[0])[0] if words[0].startswith(".") else words[0]
    if _FILE_PARAMETER.search(card):
        raise refuse(name, at, "a file name in a parameter, over several lines")
    if first.startswith("."):
        if first in _OF_VERILOG:
            raise _verilog(name, at, card)
        if first not in _ALLOWED_CARDS:
            raise refuse(name, at, f"{first!r}, which is not a card of a circuit description")
        if first in _OUTPUT_CARDS and ">" in card:
            raise refuse(name, at, f"{first!r} into a file")
        if first in (".option", ".options"):
            _check_options(name, at, card, options)
        if first == ".model" and len(words) > 2 and re.split(r"[(\s]", words[2])[0] in _FILE_MODELS:
            raise refuse(
                name, at, f"the code model {words[2]!r}, which reads files or starts programs"
            )
    elif first in _OF_VERILOG:
        raise _verilog(name, at, card)
    elif first in _NEVER_ELEMENTS or first.startswith("pre_"):
        raise refuse(name, at, f"the command {first!r}")
    elif not re.match(r"[a-z]", first):
        raise refuse(name, at, f"{card[:40]!r}, which is neither a card nor an element")
    if "`" in card:
        raise refuse(name, at, "a back-quote (command substitution)")


def _check_options(name: Path | str, at: int, card: str, options: frozenset[str]) -> None:
    body = re.sub(r"\s*=\s*", "=", card.lower())
    for word in re.split(r"[\s,]+", body)[1:]:
        key = word.split("=")[0]
        if key and key not in options:
            raise refuse(name, at, f"the option {key!r}, which is not a setting of the solver")


def read_text(path: Path) -> str:
    """Return the text of a netlist file of sane size: UTF-8, UTF-16 with its mark, or Latin-1
    (where LTspice writes µ so).

    Raises
    ------
    DataError
        It cannot be read, is no plain file, or is too large.
    """
    content = _content(path)
    try:
        return content.decode(
            "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        )
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _content(path: Path) -> bytes:
    """Return the bytes of a plain file, one more than allowed at most."""
    try:
        # A pipe without a writer would wait for ever, and a device file gives without end.
        handle = os.open(
            path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
        )
        with os.fdopen(handle, "rb") as file:
            state = os.fstat(handle)
            plain, size = stat.S_ISREG(state.st_mode), state.st_size
            content = file.read(_MOST_BYTES + 1) if plain and size <= _MOST_BYTES else b""
    except OSError as error:
        raise unreadable(path, error, "a netlist or a descriptor") from None
    except ValueError as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    if not plain:
        raise DataError(f"{path} is no plain file; expected a netlist")
    if max(size, len(content)) > _MOST_BYTES:
        raise DataError(
            f"{path} has {max(size, len(content))} bytes; expected a netlist of at most"
            f" {_MOST_BYTES}"
        )
    return content


def read_cards(path: Path | str, folder: Path | str) -> list[Card]:
    """Return the cards of a netlist file, those of its inclusions in their places.

    Parameters
    ----------
    path : Path | str
    folder : Path | str
        Where the file and its inclusions must lie, symbolic links resolved.

    Raises
    ------
    UnsafeNetlistError
        Something asks for more than a circuit; names file, line and what it is.
    UnsupportedNetlistError
        A sign or a card that has no place in a circuit description.
    DataError
        A file cannot be read.
    """
    path, root = Path(path), resolved(Path(folder))
    if not resolved(path).is_relative_to(root):
        raise _outside(path, root)
    cards = _cards(path, None, root, 0)
    if len(cards) > _MOST_CARDS:
        raise DataError(
            f"{path} and what it includes have {len(cards)} cards; expected at most {_MOST_CARDS}"
        )
    return cards


def resolved(path: Path) -> Path:
    """Return where a path leads.

    Raises
    ------
    DataError
        Its links go round in a circle, or it is no path.
    """
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None


def _outside(path: Path, root: Path) -> UnsafeNetlistError:
    return UnsafeNetlistError(
        f"{path} lies outside {root}, the folder of what names it; pass --trust (trust=True) if you"
        " know what it is"
    )


def _cards(path: Path, section: str | None, root: Path, depth: int) -> list[Card]:
    if depth > _DEEPEST:
        raise DataError(
            f"{path}: inclusions are more than {_DEEPEST} deep; does a file include itself?"
        )
    text = _continued(read_text(path))
    if re.match(r"Version\s+\d+\s+SHEET\s", text, re.I):
        raise DataError(
            f"{path} is a schematic of LTspice; expected a netlist: View, SPICE Netlist in LTspice, or"
            " the file of the .subckt that it shows"
        )
    if is_spectre(text):
        text = cards_from_spectre(text, path)
    if path.suffix.lower() in _DECKS and re.match(r"\d", text):
        text = "*" + text  # a title that is no element either
    check_text(text, path, translated=True)
    text = _without_commands(text)
    if path.suffix.lower() in _DECKS and not text.lstrip().startswith((".", "*")):
        text = "*" + text  # the first line of a deck is its title
    cards: list[Card] = []
    inside: str | None = None
    sections: list[str] = []
    lines = text.split("\n")
    for card in cards_of(_plain_inclusions(text), str(path)):
        word = card.text.split(maxsplit=1)[0]
        raw = lines[card.line - 1].strip()
        opened = (
            re.fullmatch(r"\.lib\s+(\w+)", card.text)
            if _INCLUSION.match(raw) is None or not _is_file(path, raw)
            else None
        )
        if opened is not None:
            if inside is not None:
                raise refuse(path, card.line, "a library section inside another")
            inside = opened.group(1)
            sections.append(inside)
        elif word == ".endl":
            inside = None
        elif inside != (None if section is None else section.lower()):
            continue
        elif word in (".include", ".inc", ".lib"):
            match = _INCLUSION.fullmatch(
                re.split(r"(?:^|\s)\$(?:\s|$)|;", raw, maxsplit=1)[0].strip()
            )
            target = "" if match is None else match.group(2).strip("\"'")
            if match is None or not target or re.search(r"\s", target):
                raise refuse(path, card.line, "an inclusion that cannot be read")
            part = match.group(3) if match.group(1).lower() == "lib" else None
            if match.group(3) and part is None:
                raise refuse(path, card.line, "an inclusion that cannot be read")
            cards += _cards(_inside(path, card.line, target, root, False), part, root, depth + 1)
        else:
            cards.append(card)
        if len(cards) > _MOST_CARDS:
            raise DataError(
                f"{path}: more than {_MOST_CARDS} cards; expected the description of a device"
            )
    if section is not None and not any(
        re.match(rf"\s*\.lib\s+{re.escape(section)}\s*$", line, re.I) for line in text.splitlines()
    ):
        raise DataError(f"{path} has no library section {section!r}")
    if sections and depth == 0 and not any(card.text.startswith(".subckt") for card in cards):
        if len(sections) > 1:
            raise DataError(
                f"{path}: what it describes stands in library sections, {', '.join(sections)}; say"
                f" which in a file beside it, with the card .lib {path.name} {sections[0]}"
            )
        cards += _cards(path, sections[0], root, depth + 1)
    return cards


def _continued(text: str) -> str:
    """Return a text whose lines that end in a backslash, as HSPICE writes what goes on in the next,
    are continued by ``+``."""
    lines = text.split("\n")
    for at in range(len(lines) - 1):
        bare = lines[at].rstrip()
        if (
            bare.endswith("\\")
            and not bare.lstrip().startswith("*")
            and not re.search(r"(?:^|\s)\$(?:\s|$)|;", bare)
        ):
            lines[at], lines[at + 1] = bare.rstrip("\\ \t"), f"+ {lines[at + 1]}"
    return "\n".join(lines)


def _without_commands(text: str) -> str:
    """Return a checked text with the insides of its .control blocks empty; the card that opens one
    stays, to be told of."""
    lines, inside = text.split("\n"), False
    for at, raw in enumerate(lines):
        word = re.split(r"[\s=(]", raw.strip().lower(), maxsplit=1)[0]
        if inside:
            lines[at] = ""
        inside = word == ".control" or (inside and word != ".endc")
    return "\n".join(lines)


def _plain_inclusions(text: str) -> str:
    """Return a text whose inclusions have no quotes: their names are taken from the text itself,
    not from its cards."""
    return re.sub(
        r"(?im)^([ \t]*\.(?:include|inc|lib)\b.*)$",
        lambda found: re.sub(r"[\"'\\`@]", "", found.group(1)),
        text,
    )


def _is_file(path: Path, raw: str) -> bool:
    """Return whether a ``.lib`` card with one name means a file, as in LTspice, and not a
    section."""
    match = re.fullmatch(r"\.lib\s+[\"']?([^\s\"']+)[\"']?", raw, re.I)
    return match is not None and ("." in match.group(1) or (path.parent / match.group(1)).is_file())


def flatten(path: Path | str, *, folder: Path | str | None = None, trust: bool = False) -> str:
    """Return a netlist file as one checked text, its inclusions put in their places.

    Parameters
    ----------
    path : Path | str
    folder : Path | str, optional
        Inclusions must lie in here (symbolic links resolved); the file's own folder if left out.
    trust : bool
        Whether the text is taken as it is: nothing is refused, and inclusions may lie anywhere.

    Raises
    ------
    UnsafeNetlistError
        Something asks for more than a circuit; names file, line and what it is.
    DataError
        A file cannot be read.
    """
    path = Path(path)
    root = resolved(path.parent if folder is None else Path(folder))
    if not trust and not resolved(path).is_relative_to(root):
        raise _outside(path, root)
    return _flatten(path, None, root, trust, 0)


def _flatten(path: Path, section: str | None, root: Path, trust: bool, depth: int) -> str:
    if depth > _DEEPEST:
        raise DataError(
            f"{path}: inclusions are more than {_DEEPEST} deep; does a file include itself?"
        )
    text = read_text(path)
    if not trust:
        check_text(text, path)
    if section is not None:
        text = _section(text, section, path)
    lines: list[str] = []
    for at, raw in enumerate(text.splitlines(), start=1):
        match = re.match(
            r"\s*\.(include|inc|lib)\s+(\"[^\"]*\"|'[^']*'|\S+)\s*(\S+)?\s*$", raw, re.I
        )
        if match is None:
            if (
                not trust
                and re.match(r"\s*\.(include|inc|lib)\b", raw, re.I)
                and not re.match(r"\s*\.lib\s+\w+\s*$", raw, re.I)
            ):
                raise refuse(path, at, "an inclusion that cannot be read")
            lines.append(raw)
            continue
        kind, target, part = match.group(1).lower(), match.group(2).strip("\"'"), match.group(3)
        if kind == "lib" and part is None:
            lines.append(raw)  # ".lib name" opens a section
            continue
        found = _inside(path, at, target, root, trust)
        lines += [
            f"* ---- {target}",
            _flatten(found, part if kind == "lib" else None, root, trust, depth + 1),
            f"* ---- end of {target}",
        ]
    return "\n".join(lines)


def _inside(path: Path, at: int, target: str, root: Path, trust: bool) -> Path:
    if not trust and re.search(r"[~$`\0]", target):
        raise refuse(path, at, f"an inclusion of {target!r}, whose name is not plain")
    found = resolved(path.parent / target)
    if not trust and not found.is_relative_to(root):
        raise refuse(path, at, f"an inclusion of {target!r}, which lies outside {root}")
    return found


def _section(text: str, section: str, path: Path) -> str:
    """Return what stands between ``.lib section`` and ``.endl``."""
    match = re.search(
        rf"^\s*\.lib\s+{re.escape(section)}\s*$(.*?)^\s*\.endl\b", text, re.I | re.M | re.S
    )
    if match is None:
        raise DataError(f"{path} has no library section {section!r}")
    return match.group(1)
