"""What a worker may see and do beside its decks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spicesnn.errors import InputError

_SETTINGS, _FILES = ("set", "unset", "option"), ("codemodel", "osdi")
"""Commands of an init: those that set something, and those that load a file."""
_LONGEST = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What a worker may see and do beside its decks.

    Attributes
    ----------
    confined : bool
        Whether it gives up, where the system can take it, to start programs, to open sockets and to
        touch files (`confinement`).
    init : tuple of str
        Commands that ngspice is given once, before the first deck, as `checked_init` returns them.
    """

    confined: bool = True
    init: tuple[str, ...] = ()

    def arguments(self) -> list[str]:
        """Return the worker's arguments: its mode, and the files of the init, which it may read."""
        return [
            "confined" if self.confined else "free",
            *(line.split(maxsplit=1)[1] for line in self.init if line.split()[0] in _FILES),
        ]


def checked_init(lines: Sequence[str]) -> tuple[str, ...]:
    """Return an init with absolute paths.

    Raises
    ------
    InputError
        A line is none of the commands that an init may hold, or names a file that is not there.
    """
    if isinstance(lines, str):
        raise InputError(
            f"ngspice engine: init = {lines!r:.80}; expected a list of commands, such as ['set"
            " ngbehavior=lta']"
        )
    done = []
    for line in lines:
        words = line.split(maxsplit=1) if isinstance(line, str) else []
        if (
            len(words) != 2
            or words[0] not in (*_SETTINGS, *_FILES)
            or not line.isprintable()
            or len(line) > _LONGEST
        ):
            known = ", ".join((*_SETTINGS, *_FILES))
            raise InputError(
                f"ngspice engine: init has {line!r:.80}; expected one command a line, of: {known},"
                " as in 'set ngbehavior=lta'"
            )
        if words[0] in _FILES:
            path = Path(words[1].strip()).expanduser().absolute()
            if not path.is_file() or len(str(path).split()) != 1:
                raise InputError(
                    f"ngspice engine: init has {line!r:.80}; expected a file that is there, with no"
                    " blank in its path"
                )
            words[1] = str(path)
        done.append(f"{words[0]} {words[1].strip()}")
    return tuple(done)
