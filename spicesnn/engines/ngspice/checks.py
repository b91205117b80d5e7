"""No answer of ngspice is believed: return codes lie, floating nodes and divisions by zero come
back as numbers.

Checked here are the log, lengths, end time, finiteness and bounds; `laws` checks the physics.
"""

from __future__ import annotations

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.engines.ngspice.circuit import Answer
from spicesnn.errors import NgspiceError, SingularCircuitError
from spicesnn.netlist.complaints import complaint

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
    reason : str
        What ngspice itself said was wrong, empty where it said nothing.
    kind : type
        The error that callers see.
    """

    def __init__(self, text: str, log: str, reason: str = "") -> None:
        super().__init__(text)
        self.text, self.log, self.reason = text, log, reason
        self.kind = kind_of(f"{reason} {text}")


def common(answer: Answer, names: tuple[str, ...]) -> None:
    """Check what holds for every answer: a clean log, finite numbers within reason."""
    said = complaint(answer.log, transient=answer.plot.startswith("tran"))
    if said:
        raise AnswerRejectedError("ngspice failed", answer.log, said)
    with np.errstate(invalid="ignore"):
        bad = ~np.all(np.abs(answer.vectors) < HUGE, axis=1)
    if np.any(bad):
        which = [names[k] for k in np.flatnonzero(bad)[:5]]
        raise AnswerRejectedError(
            "ngspice returned values that are not finite or absurd (a division by zero looks like"
            f" this) for {', '.join(which)}",
            answer.log,
        )


def sweep(answer: Answer, points: int) -> None:
    """Check that a DC sweep has all its points."""
    if not answer.plot.startswith("dc"):
        raise AnswerRejectedError(
            f"ngspice's plot is {answer.plot!r}; expected one of a DC sweep", answer.log
        )
    if answer.vectors.shape[1] != points:
        raise AnswerRejectedError(
            f"ngspice's sweep has {answer.vectors.shape[1]} points; expected {points}", answer.log
        )


def transient(answer: Answer, time: Floats, duration_s: float) -> None:
    """Check that a transient ran from 0 to its end."""
    if not answer.plot.startswith("tran"):
        raise AnswerRejectedError(
            f"ngspice's plot is {answer.plot!r}; expected one of a transient", answer.log
        )
    if time.size < 3 or not 0 <= time[0] < 0.1 * duration_s or np.any(np.diff(time) <= 0):
        raise AnswerRejectedError(
            f"ngspice's time vector is not one of a transient: {time.size} points", answer.log
        )
    if abs(time[-1] - duration_s) > 1e-9 * duration_s:
        raise AnswerRejectedError(
            f"ngspice's transient ended at {time[-1]:.9g} s; expected {duration_s:.9g} s",
            answer.log,
        )


def solved_points(answer: Answer, time: Floats) -> slice:
    """Return which points of a transient are solutions: with `uic` a point at 0 s is only what
    ngspice started from (39.3 leaves it out)."""
    return slice(1 if time[0] == 0 else 0, answer.vectors.shape[1])


def states_within(
    states: Floats, low: Floats, high: Floats, names: tuple[str, ...], log: str
) -> None:
    """Check that states (states, rows, cols, points) stayed within their bounds, up to the
    integration's own error."""
    slack = 1e-2 * (high - low)
    outside = (states < low - slack) | (states > high + slack)
    if np.any(outside):
        s, i, j, k = np.argwhere(outside)[0]
        raise AnswerRejectedError(
            f"ngspice moved state {names[s]} of cell ({i}, {j}) to {states[s, i, j, k]:.6g}, beyond"
            f" its bounds [{np.broadcast_to(low, states.shape)[s, i, j, k]:.6g},"
            f" {np.broadcast_to(high, states.shape)[s, i, j, k]:.6g}]",
            log,
        )
