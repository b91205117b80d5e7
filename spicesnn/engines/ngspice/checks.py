"""No answer of ngspice is believed: return codes lie, floating nodes and divisions by zero come back as numbers.

Checked are the log, lengths, end time, finiteness, bounds, and Kirchhoff's current law at every node, with the cells' currents
computed anew by the device's Python twin.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.devices.base import Floats
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


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Solved:
    """A solved array, at (n) inputs or times.

    Attributes
    ----------
    row_volts, row_amps : (n, rows)
        At the drivers.
    column_volts, column_amps : (n, cols)
        At the sense nodes.
    word, bit : (n, rows, cols)
        Volt.
    cell_amps : (n, rows, cols)
        Out of the word line, into the bit line.
    floating_rows, floating_columns : (rows,), (cols,) bool
    word_farad_amps, bit_farad_amps : (n, rows, cols) or None
        Into the lines' capacitances.
    """

    row_volts: Floats
    row_amps: Floats
    column_volts: Floats
    column_amps: Floats
    word: Floats
    bit: Floats
    cell_amps: Floats
    floating_rows: NDArray[np.bool_]
    floating_columns: NDArray[np.bool_]
    word_farad_amps: Floats | None = None
    bit_farad_amps: Floats | None = None


def kirchhoff(array: Crossbar, solved: Solved) -> tuple[Floats, Floats]:
    """Return the largest violation of the circuit's laws, and what rounding explains, (n,) ampere each.

    On each line the source's current is what leaves it altogether, and what Ohm's law gives for its driver or sense resistance; on a
    line with resistance the segments' currents balance at every node; a line without is at its source's voltage.
    """
    wires = array.wires
    left = solved.cell_amps if solved.word_farad_amps is None else solved.cell_amps + solved.word_farad_amps
    came = solved.cell_amps if solved.bit_farad_amps is None else solved.cell_amps - solved.bit_farad_amps
    driver = np.broadcast_to(np.asarray(wires.driver_ohm, dtype=float), array.rows) + wires.word_line_ohm
    sense = np.broadcast_to(np.asarray(wires.sense_ohm, dtype=float), array.cols) + wires.bit_line_ohm
    word = _Line(volts=solved.word, left=left, source_amps=solved.row_amps, source_volts=solved.row_volts, floating=solved.floating_rows,
                 segment_ohm=wires.word_line_ohm, end_ohm=driver, double=wires.double_sided)  # fmt: skip
    # A bit line is the same thing turned: it runs from its sense node (the last row) upwards, and currents flow out of it.
    bit = _Line(volts=np.swapaxes(solved.bit, 1, 2)[:, :, ::-1], left=-np.swapaxes(came, 1, 2)[:, :, ::-1], source_amps=-solved.column_amps,
                source_volts=solved.column_volts, floating=solved.floating_columns, segment_ohm=wires.bit_line_ohm, end_ohm=sense,
                double=wires.double_sided)  # fmt: skip
    return np.maximum(word.violation(), bit.violation()), np.maximum(word.rounding(), bit.rounding())


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Line:
    """Lines (n, lines, nodes) fed at node 0, and at the last if `double`; `left` is what leaves each node into cells and capacitances."""

    volts: Floats
    left: Floats
    source_amps: Floats
    source_volts: Floats
    floating: NDArray[np.bool_]
    segment_ohm: float
    end_ohm: Floats
    double: bool

    def violation(self) -> Floats:
        """Return the largest violation, (n,) ampere."""
        worst = np.abs(self.left.sum(axis=2) - self.source_amps).max(axis=1)
        stiff = ~self.floating & (self.end_ohm == 0)
        if np.any(stiff):
            # Without any resistance the node is the source's: a difference counts as the current that it would make the cells carry.
            apart = np.abs(self.volts[:, stiff, 0] - self.source_volts[:, stiff]).max(axis=1)
            worst = np.maximum(worst, apart * np.abs(self.left).max(axis=(1, 2)) / np.maximum(np.abs(self.volts).max(axis=(1, 2)), 1e-300))
        entering = self._entering()
        worst = np.maximum(worst, np.abs(np.where(stiff, 0.0, entering.sum(axis=0) - self.source_amps)).max(axis=1))
        if self.segment_ohm > 0:
            between = (self.volts[:, :, :-1] - self.volts[:, :, 1:]) / self.segment_ohm
            rest = -self.left
            rest[:, :, 1:] += between
            rest[:, :, :-1] -= between
            rest[:, :, 0] += entering[0]
            rest[:, :, -1] += entering[1]
            worst = np.maximum(worst, np.abs(rest).max(axis=(1, 2)))
        return np.asarray(worst)

    def _entering(self) -> Floats:
        """Return what comes in at either end by Ohm's law, (2, n, lines); nothing where a line floats, or (stiff) where its resistance is 0."""
        live = ~self.floating & (self.end_ohm > 0)
        ohm = np.where(live, self.end_ohm, 1.0)
        first = np.where(live, (self.source_volts - self.volts[:, :, 0]) / ohm, 0.0)
        last = np.where(live & self.double, (self.source_volts - self.volts[:, :, -1]) / ohm, 0.0)
        return np.stack([first, last])

    def rounding(self) -> Floats:
        """Return the current that rounding of the voltages alone makes, (n,) ampere."""
        ohms = [r for r in (self.segment_ohm, *self.end_ohm[~self.floating]) if r > 0]
        steepest = 4.0 / min(ohms) if ohms else 0.0
        largest = np.maximum(np.abs(self.volts).max(axis=(1, 2)), np.abs(self.source_volts).max(axis=1))
        return np.asarray(64 * np.finfo(float).eps * (largest * steepest + np.abs(self.left).sum(axis=2).max(axis=1)))
