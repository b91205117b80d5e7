"""An init of one's own: what a user's models need ngspice to be told before a deck, and the gate it
passes.

A file that somebody sends may ask for an init as well as for a circuit: without ``--trust`` only
settings of the solver and of the language pass, and nothing that loads code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spicesnn.errors import InputError
from spicesnn.guesses import nearest
from spicesnn.netlist.safety import ALLOWED_OPTIONS, read_text
from spicesnn.paths import file_stamp

_SETTINGS, _FILES = ("set", "unset", "option"), ("codemodel", "osdi")
"""Commands of an init: those that set something, and those that load a file."""
_VARIABLES = (
    "enable_noisy_r",
    "ng_nomodcheck",
    "ngbehavior",
    "no_auto_gnd",
    "nobjthack",
    "nostepsizelimit",
    "num_threads",
    "numdgt",
    "rndseed",
    "skywaterpdk",
    "strict_errorhandling",
    "xtrtol",
)
"""Variables that `set` may change without --trust: language, models, steps."""
_PHYSICAL = (
    "cshunt",
    "defad",
    "defas",
    "defl",
    "defw",
    "gmin",
    "rshunt",
    "scale",
    "temp",
    "tnom",
)
"""Options that change the circuit itself, not how it is solved."""
_LONGEST, _MOST = 1000, 100
_SEVERAL = re.compile(r"[;`!|&<>]")
"""What makes more than one command of a line, in ngspice's interpreter."""
_PLAIN = re.compile(r"[\w.+\-]+(\s*=\s*|\s+)?[\w.+\-]*(\s+[\w.+\-]+\s*=\s*[\w.+\-]+)*")


@dataclass(frozen=True, slots=True)
class Init:
    """What ngspice is told before a deck.

    Attributes
    ----------
    lines : tuple of str
        Commands, one each, as `checked_init` returns them.
    stamps : tuple
        What the files that they load are remembered by: a new file is another init.
    """

    lines: tuple[str, ...] = ()
    stamps: tuple[Any, ...] = ()

    @classmethod
    def of(cls, lines: Sequence[str]) -> Init:
        """Return the init of checked lines, its files as they stand now."""
        found = tuple(file_stamp(path) for path in files_of(lines))
        return cls(tuple(lines), found)

    @property
    def commands(self) -> tuple[str, ...]:
        """What the interpreter is given once, before the first deck."""
        return tuple(line for line in self.lines if not line.startswith("option "))

    @property
    def cards(self) -> tuple[str, ...]:
        """Options, as the cards of a deck: ngspice takes none before it has a circuit."""
        return tuple(
            f".options {line.removeprefix('option ')}"
            for line in self.lines
            if line.startswith("option ")
        )


def with_cards(deck: str, cards: Sequence[str]) -> str:
    """Return a deck with further cards at its end: of two cards of an option the last one counts."""
    return deck.removesuffix(".end\n") + "\n".join((*cards, ".end\n")) if cards else deck


def files_of(lines: Sequence[str]) -> tuple[Path, ...]:
    """Return the files that an init loads."""
    return tuple(
        Path(line.split(maxsplit=1)[1].strip())
        for line in lines
        if line.startswith(tuple(f"{command} " for command in _FILES))
    )


def changes_circuit(lines: Sequence[str]) -> bool:
    """Return whether an init changes what a circuit is (its temperature, its scale), and not only
    how it is solved."""
    return any(
        name in _PHYSICAL
        for line in lines
        if line.startswith("option ")
        for name in _names(line.removeprefix("option "))
    )


def _names(settings: str) -> list[str]:
    """Return what ``a=1 b = 2 c`` sets."""
    return [part.split("=")[0] for part in re.sub(r"\s*=\s*", "=", settings.lower()).split()]


def init_lines(given: Any, where: str, folder: Path) -> list[str]:
    """Return the lines of an init as a file gives it: a list, one line, or the name of a file.

    Parameters
    ----------
    given : list of str, or str
        A text without a blank is the name of a file with a command a line (``*`` begins a remark).
    where : str
        How messages call it.
    folder : Path
        That relative paths begin in.

    Raises
    ------
    InputError
        It is none of these.
    DataError
        The file cannot be read.
    """
    if isinstance(given, str) and given and not re.search(r"\s", given.strip()):
        lines = read_text(folder / given.strip()).splitlines()
        given = [line for line in map(str.strip, lines) if line and not line.startswith("*")]
    elif isinstance(given, str):
        given = [given]
    if not isinstance(given, list | tuple) or not all(isinstance(line, str) for line in given):
        raise InputError(
            f"{where}: init = {given!r:.80}; expected a list of commands, such as ['set"
            " ngbehavior=lta'], or the name of a file with a command a line"
        )
    return [_from(line, folder) for line in given]


def _from(line: str, folder: Path) -> str:
    """Return a line with the path that it names from a folder."""
    words = line.split(maxsplit=1)
    return (
        f"{words[0]} {folder / Path(words[1].strip()).expanduser()}"
        if len(words) == 2 and words[0] in _FILES
        else line
    )


def checked_init(lines: Sequence[str], where: str, *, trust: bool) -> tuple[str, ...]:
    """Return an init with absolute paths.

    Parameters
    ----------
    lines : sequence of str
        ``set ngbehavior=lta``, ``option …``, ``codemodel FILE``, ``osdi FILE``.
    where : str
        How messages call it.
    trust : bool
        Whether everything passes that is a command of an init: files that ngspice loads, and any
        variable and option.

    Raises
    ------
    InputError
        A line is none of the commands that an init may hold, or names a file that is not there; or
        it would need --trust.
    """
    if isinstance(lines, str):
        raise InputError(
            f"{where}: init = {lines!r:.80}; expected a list of commands, such as ['set"
            " ngbehavior=lta']"
        )
    if len(lines) > _MOST:
        raise InputError(f"{where}: init has {len(lines)} commands; expected at most {_MOST}")
    return tuple(_checked(line, where, trust=trust) for line in lines)


def _checked(line: Any, where: str, *, trust: bool) -> str:
    words = line.split(maxsplit=1) if isinstance(line, str) else []
    commands = (*_SETTINGS, *_FILES)
    if (
        len(words) != 2
        or words[0] not in commands
        or not line.isprintable()
        or len(line) > _LONGEST
        or _SEVERAL.search(line)
    ):
        close = nearest(words[0], commands) if words else "."
        raise InputError(
            f"{where}: init has {line!r:.80}{close} Expected one command a line, of:"
            f" {', '.join(commands)}, as in 'set ngbehavior=lta'"
        )
    command, rest = words[0], words[1].strip()
    if not trust:
        _check_allowed(command, rest, line, where)
    if command in _FILES:
        path = Path(rest).expanduser().absolute()
        if not path.is_file() or len(str(path).split()) != 1:
            raise InputError(
                f"{where}: init has {line!r:.80}; expected a file that is there, with no blank in"
                " its path"
            )
        rest = str(path)
    return f"{command} {rest}"


def _check_allowed(command: str, rest: str, line: str, where: str) -> None:
    """Refuse what needs --trust."""
    needs = "pass --trust (trust=True) if you know where it comes from"
    if command in _FILES:
        raise InputError(f"{where}: init has {line!r:.80}, which loads code into ngspice; {needs}")
    known = sorted(ALLOWED_OPTIONS) if command == "option" else _VARIABLES
    names = _names(rest) if command == "option" else _names(rest)[:1]
    for name in names:
        if name not in known:
            listed = "" if command == "option" else f" Expected: {', '.join(known)}."
            raise InputError(
                f"{where}: init has {line!r:.80}; {name!r} is no setting that passes"
                f" unchecked{nearest(name, known)}{listed} For any other {needs}"
            )
    if not _PLAIN.fullmatch(rest):
        raise InputError(
            f"{where}: init has {line!r:.80}; expected plain numbers and words as values; for"
            f" others {needs}"
        )
