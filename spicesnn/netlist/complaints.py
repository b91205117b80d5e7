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
_INTERRUPTED = re.compile(r"simulation interrupted|aborted", re.IGNORECASE)
_MOST_LINES = 4
"""Of one reason."""
_CUT_STEP = "Warning: singular matrix"
_CELL = re.compile(r"\b(?:w|b|s_\w+?_|xm|rm)(\d+)_(\d+)\b")


def _whole(log: str, start: int) -> str:
    """Return what begins at a place of a log, with the lines that belong to it."""
    first, *others = log[start:].splitlines()
    parts = [first.strip()]
    for line in others[:_MOST_LINES]:
        goes_on = parts[-1].endswith(":") or line.startswith((" ", "\t"))
        if not goes_on or not line.strip() or _INTERRUPTED.search(line):
            break
        parts.append(" ".join(line.split()))
    return " ".join(parts)


def complaint(log: str, *, transient: bool = False) -> str:
    """Find what a log first says that failed, whole, with the cells it names; empty where there is
    nothing.

    ngspice may say it in several lines: one that ends with a colon goes on in the next, and what is
    indented belongs to the line above it. They are joined to one.

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
        _whole(log, found.start(1))
        for found in _BAD.finditer(log)
        if not _HARMLESS.search(found.group(0))
    ]
    if not lines:
        return ""
    cells = list(dict.fromkeys(f"({i}, {j})" for line in lines for i, j in _CELL.findall(line)))
    return lines[0] if not cells else f"{lines[0]} [concerns cell {', '.join(cells[:8])}]"
