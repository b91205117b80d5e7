"""What ngspice prints when something failed: one list for decks run whole and for circuits that
stay loaded."""

from __future__ import annotations

import re

_BAD = re.compile(
    r"^\s*(error\b.*|.*\baborted\b.*|.*singular matrix.*|.*\bno such\b.*|.*timestep too small.*"
    r"|.*(?:unknown|undefined) (?:parameter|symbol|function).*"
    r"|.*can't find.*|.*cannot find.*|.*unable to find.*|.*not a valid.*|.*unrecogni[sz]ed.*|.*out"
    r" of bounds.*|.*no circuits? loaded.*"
    r"|.*unimplemented.*"
    r"|.*command too long.*|.*simulation interrupted.*|.*fatal.*|.*unknown"
    r" (?:subckt|model|device|analysis).*|.*syntax error.*|.*is not defined.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_HARMLESS = re.compile(
    r"can't find (?:the )?(?:init|initialization) file|spinit|spice\.rc|\.spiceinit", re.IGNORECASE
)
_CUT_STEP = "Warning: singular matrix"
_CELL = re.compile(r"\b(?:w|b|s_\w+?_|xm|rm)(\d+)_(\d+)\b")


def complaint(log: str, *, transient: bool = False) -> str:
    """Find the first line of a log that says that something failed, with the cells it names; empty
    where there is none.

    Parameters
    ----------
    log : str
        What ngspice printed.
    transient : bool
        A trial step of a transient may be singular and is then cut; only in an operating point it
        means a floating node.
    """
    if transient:
        log = "\n".join(line for line in log.splitlines() if not line.startswith(_CUT_STEP))
    lines = [
        found.group(0).strip()
        for found in _BAD.finditer(log)
        if not _HARMLESS.search(found.group(0))
    ]
    if not lines:
        return ""
    cells = list(dict.fromkeys(f"({i}, {j})" for line in lines for i, j in _CELL.findall(line)))
    return lines[0] if not cells else f"{lines[0]} [concerns cell {', '.join(cells[:8])}]"
