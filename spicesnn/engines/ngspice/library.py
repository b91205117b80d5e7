"""Where libngspice is."""

from __future__ import annotations

import ctypes.util
import os
from dataclasses import dataclass
from pathlib import Path

from spicesnn.errors import NgspiceMissingError
from spicesnn.platform import ngspice_places

VARIABLE = "SPICESNN_LIBNGSPICE"
"""Environment variable that points at another build."""
TESTED = (39, 44, 46, 47)
"""The versions that the whole test suite has run on; another one is tried out before its first job
(`trial`)."""

_REMEDY = (
    "Install it (Debian: apt install libngspice0; Fedora: dnf install libngspice; macOS: brew"
    " install libngspice; conda: ngspice-lib; Windows: ngspice.dll of ngspice's download page), or"
    f" point {VARIABLE} at the library"
)


def find() -> str:
    """Return the path, or the name for the loader, of the shared library.

    Raises
    ------
    NgspiceMissingError
        There is none, or the environment variable points at nothing.
    """
    given = os.environ.get(VARIABLE)
    if given:
        if not Path(given).is_file():
            raise NgspiceMissingError(
                f"{VARIABLE} is {given!r}, but there is no such file. Point it at a libngspice, or"
                " unset it"
            )
        return str(Path(given).absolute())
    found = ctypes.util.find_library("ngspice")
    if found:
        return found
    for place in ngspice_places():
        if Path(place).is_file():
            return place
    raise NgspiceMissingError(
        f"no libngspice on this machine. {_REMEDY}; or use the nodal engine (--engine nodal), which"
        " needs none"
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Library:
    """What is known of a libngspice that a worker has opened.

    Attributes
    ----------
    path : str
        What was opened.
    version : str
        Such as ``39``; empty if the library does not say.
    klu : bool
        Whether the KLU solver is built in (ngspice ≥ 42): 8 to 345 times faster on large DC reads,
        used when present.
    locks : tuple of str
        What confines the worker, such as ``landlock 7`` and ``seccomp``; empty where nothing does.
    """

    path: str
    version: str
    klu: bool
    locks: tuple[str, ...] = ()

    @property
    def untested(self) -> bool:
        """Whether spicesnn has not been tested with this version, or it does not say which it
        is."""
        return not self.version.isdecimal() or int(self.version) not in TESTED
