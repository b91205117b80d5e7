"""No answer of ngspice is believed: return codes lie, floating nodes and divisions by zero come back as numbers.

Checked here are the log, lengths, end time, finiteness and bounds; `laws` checks the physics.
"""

from __future__ import annotations

import re

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.engines.ngspice.circuit import Answer
from spicesnn.errors import NgspiceError, SingularCircuitError

_BAD = re.compile(
    r"^\s*(error\b.*|.*\baborted\b.*|.*singular matrix.*|.*no such .*|.*timestep too small.*|.*(?:unknown|undefined) (?:parameter|symbol|function).*"
    r"|.*can't find.*|.*cannot find.*|.*unable to find.*|.*not a valid.*|.*unrecogni[sz]ed.*|.*out of bounds.*|.*no circuits? loaded.*"
    r"|.*unimplemented.*"
    r"|.*command too long.*|.*simulation interrupted.*|.*fatal.*|.*unknown (?:subckt|model|device|analysis).*|.*syntax error.*|.*is not defined.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_HARMLESS = re.compile(r"can't find (?:the )?(?:init|initialization) file|spinit|spice\.rc|\.spiceinit", re.IGNORECASE)
_CELL = re.compile(r"\b(?:w|b|s_\w+?_|xm|rm)(\d+)_(\d+)\b")
HUGE = 1e30
"""A division by zero in a behavioural source gives −1e35."""


class SingularNgspiceError(NgspiceError, SingularCircuitError):
    """ngspice met a singular matrix: something floats."""


def kind_of(text: str) -> type[NgspiceError]:
    """Return which error a failure is."""
    return SingularNgspiceError if "singular" in text.lower() else NgspiceError


class AnswerRejectedError(Exception):
    """An answer that must not be believed.

    Attributes
    ----------
    text, log : str
    kind : type
        The error that callers see.
    """

    def __init__(self, text: str, log: str) -> None:
        super().__init__(text)
        self.text, self.log = text, log
        self.kind = kind_of(text)


def complaint(log: str) -> str:
    """Return the first line of a log that says that something failed, with the cells it names, or an empty string."""
    lines = [found.group(0).strip() for found in _BAD.finditer(log) if not _HARMLESS.search(found.group(0))]
    if not lines:
        return ""
    cells = list(dict.fromkeys(f"({i}, {j})" for line in lines for i, j in _CELL.findall(line)))
    return lines[0] if not cells else f"{lines[0]} [concerns cell {', '.join(cells[:8])}]"


def common(answer: Answer, names: tuple[str, ...]) -> None:
    """Check what holds for every answer: a clean log, finite numbers within reason."""
    log = answer.log
    if answer.plot.startswith("tran"):
        # A trial step of a transient may be singular and is then cut; only in an operating point it means a floating node.
        log = "\n".join(line for line in log.splitlines() if not line.startswith("Warning: singular matrix"))
    said = complaint(log)
    if said:
        raise AnswerRejectedError(f"ngspice failed: {said}", answer.log)
    with np.errstate(invalid="ignore"):
        bad = ~np.all(np.abs(answer.vectors) < HUGE, axis=1)
    if np.any(bad):
        which = [names[k] for k in np.flatnonzero(bad)[:5]]
        raise AnswerRejectedError(
            f"ngspice returned values that are not finite or absurd (a division by zero looks like this) for {', '.join(which)}", answer.log
        )


def sweep(answer: Answer, points: int) -> None:
    """Check that a DC sweep has all its points."""
    if not answer.plot.startswith("dc"):
        raise AnswerRejectedError(f"ngspice's plot is {answer.plot!r}; expected one of a DC sweep", answer.log)
    if answer.vectors.shape[1] != points:
        raise AnswerRejectedError(f"ngspice's sweep has {answer.vectors.shape[1]} points; expected {points}", answer.log)


def transient(answer: Answer, time: Floats, duration_s: float) -> None:
    """Check that a transient ran from 0 to its end."""
    if not answer.plot.startswith("tran"):
        raise AnswerRejectedError(f"ngspice's plot is {answer.plot!r}; expected one of a transient", answer.log)
    if time.size < 3 or not 0 <= time[0] < 0.1 * duration_s or np.any(np.diff(time) <= 0):
        raise AnswerRejectedError(f"ngspice's time vector is not one of a transient: {time.size} points", answer.log)
    if abs(time[-1] - duration_s) > 1e-9 * duration_s:
        raise AnswerRejectedError(f"ngspice's transient ended at {time[-1]:.9g} s; expected {duration_s:.9g} s", answer.log)


def solved_points(answer: Answer, time: Floats) -> slice:
    """Return which points of a transient are solutions: with `uic` a point at 0 s is only what ngspice started from (39.3 leaves it out)."""
    return slice(1 if time[0] == 0 else 0, answer.vectors.shape[1])


def states_within(states: Floats, low: Floats, high: Floats, names: tuple[str, ...], log: str) -> None:
    """Check that states (states, rows, cols, points) stayed within their bounds, up to the integration's own error."""
    slack = 1e-2 * (high - low)
    outside = (states < low - slack) | (states > high + slack)
    if np.any(outside):
        s, i, j, k = np.argwhere(outside)[0]
        raise AnswerRejectedError(
            f"ngspice moved state {names[s]} of cell ({i}, {j}) to {states[s, i, j, k]:.6g}, beyond its bounds "
            f"[{np.broadcast_to(low, states.shape)[s, i, j, k]:.6g}, {np.broadcast_to(high, states.shape)[s, i, j, k]:.6g}]",
            log,
        )
