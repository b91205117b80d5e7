"""Programming schemes: which voltages stand on all lines so that the selected cells, and only they,
change.

Every pulse drives every line, so half-selected cells really see their share, wires and sneak paths
included. A `Step` selects whole rows × columns and one polarity; a scheme turns it into a `Pulse`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar, GateAlong
from spicesnn.crossbar.mapping import Changes
from spicesnn.crossbar.stimulus import Pulse
from spicesnn.errors import InputError

Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Step:
    """The cells of one pulse: all crossings of `rows` (rows,) and `columns` (cols,), raised or
    lowered together."""

    rows: Mask
    columns: Mask
    raising: bool


def plan(changes: Changes) -> list[Step]:
    """Return the pulses that make `changes`: column by column, set before reset, columns that want
    the same rows together.

    Parameters
    ----------
    changes : (rows, cols) of −1, 0, 1
        Conductances to lower, leave, raise.
    """
    steps = []
    for raising, cells in ((True, changes > 0), (False, changes < 0)):
        groups: dict[bytes, list[int]] = {}
        for column in np.flatnonzero(cells.any(axis=0)):
            groups.setdefault(cells[:, column].tobytes(), []).append(int(column))
        for members in groups.values():
            columns = np.zeros(changes.shape[1], dtype=bool)
            columns[members] = True
            steps.append(Step(rows=cells[:, members[0]].copy(), columns=columns, raising=raising))
    return steps


@dataclass(frozen=True, kw_only=True, slots=True)
class Write:
    """One kind of pulse: `volts` across a selected cell (word line minus bit line, signed), width
    and edges in seconds."""

    volts: float
    width_s: float
    rise_s: float = 0.0

    def __post_init__(self) -> None:
        if not np.isfinite(self.volts) or self.volts == 0:
            raise InputError(
                f"write pulse: volts = {self.volts!r}; expected a finite voltage other than 0"
            )
        if not self.width_s > 0 or not self.rise_s >= 0:
            raise InputError(
                f"write pulse: width_s = {self.width_s!r}, rise_s = {self.rise_s!r}; expected"
                " seconds, width above 0"
            )


class Scheme(ABC):
    """Line voltages for a selection."""

    @abstractmethod
    def pulse(self, array: Crossbar, step: Step, write: Write) -> Pulse:
        """Return the pulse that applies `write` to the cells of `step`."""


def _lines(selected: Mask, chosen: float, others: float) -> Floats:
    return np.where(selected, chosen, others)


def _closed_gates(array: Crossbar) -> None:
    if array.gated:
        raise InputError('these cells have gates: program them with the scheme "gated"')


@dataclass(frozen=True, slots=True)
class HalfVoltage(Scheme):
    """V/2: selected word lines at +V/2, selected bit lines at −V/2, all others at 0. Half-selected
    cells see V/2, the rest 0."""

    def pulse(self, array: Crossbar, step: Step, write: Write) -> Pulse:
        """Return the pulse."""
        _closed_gates(array)
        half = 0.5 * write.volts
        rows, columns = _lines(step.rows, half, 0.0), _lines(step.columns, -half, 0.0)
        return Pulse(
            row_volts=rows, column_volts=columns, width_s=write.width_s, rise_s=write.rise_s
        )


@dataclass(frozen=True, slots=True)
class ThirdVoltage(Scheme):
    """V/3: lines at ±V/2 if selected and at ∓V/6 if not. Every cell that is not selected sees
    ±V/3."""

    def pulse(self, array: Crossbar, step: Step, write: Write) -> Pulse:
        """Return the pulse."""
        _closed_gates(array)
        half, sixth = write.volts / 2, write.volts / 6
        rows, columns = _lines(step.rows, half, -sixth), _lines(step.columns, -half, sixth)
        return Pulse(
            row_volts=rows, column_volts=columns, width_s=write.width_s, rise_s=write.rise_s
        )


@dataclass(frozen=True, slots=True)
class FloatingColumns(Scheme):
    """Column by column: selected word lines at V, the others and the selected bit lines at 0, other
    bit lines open. Sneak paths disturb."""

    def pulse(self, array: Crossbar, step: Step, write: Write) -> Pulse:
        """Return the pulse."""
        _closed_gates(array)
        rows = _lines(step.rows, write.volts, 0.0)
        return Pulse(
            row_volts=rows,
            column_volts=np.zeros(array.cols),
            floating_columns=~step.columns,
            width_s=write.width_s,
            rise_s=write.rise_s,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Gated(Scheme):
    """Cells with a gate (1T1R, the emulator's write-enable): selected word lines at V, selected bit
    lines at 0, only selected gates open.

    With gates along word lines, the open row's other cells are held by bit lines at V; with gates
    along bit lines, their word lines are at 0."""

    on_volts: float
    off_volts: float = 0.0

    def pulse(self, array: Crossbar, step: Step, write: Write) -> Pulse:
        """Return the pulse."""
        if not array.gated:
            raise InputError('the scheme "gated" needs cells with a gate; these have none')
        along_bits = array.gate_along is GateAlong.BIT_LINES
        gates = _lines(step.columns if along_bits else step.rows, self.on_volts, self.off_volts)
        rows = _lines(step.rows, write.volts, 0.0)
        columns = np.zeros(array.cols) if along_bits else _lines(step.columns, 0.0, write.volts)
        return Pulse(
            row_volts=rows,
            column_volts=columns,
            gate_volts=gates,
            width_s=write.width_s,
            rise_s=write.rise_s,
        )
