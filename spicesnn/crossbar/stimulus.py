"""What the lines of an array are driven with: levels for a read, pulses and piecewise-linear
waveforms for a transient."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.arrays import Floats, brief, flags, number, numbers, owned
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.errors import InputError
from spicesnn.guesses import Hinting, hinted
from spicesnn.units import in_unit


def _levels(values: ArrayLike, lines: int, name: str, what: str, extra: str = "batch") -> Floats:
    """Return `values` as a float array of shape (lines,) or (n, lines), scalars spread over the
    lines."""
    if isinstance(values, float) and math.isfinite(values):
        return np.full(lines, values)
    array = np.array(numbers(values, name, "volts"))
    if array.ndim == 0:
        array = np.full(lines, float(array))
    if array.ndim > 2 or array.shape[-1] != lines or 0 in array.shape:
        raise InputError(
            f"{name} has shape {array.shape}; expected ({lines},) or ({extra}, {lines}): one"
            f" voltage a {what}"
            + (
                f"; {name} transposed has that shape"
                if array.ndim == 2 and array.shape[0] == lines
                else ""
            )
        )
    if not _finite(array):
        raise InputError(
            f"{name} has values that are not finite; expected volts. (A line that floats is named"
            " in floating_rows or floating_columns.)"
        )
    return array


def _finite(array: Floats) -> bool:
    """Return whether all values are finite; one input of a read in the time of a dot product (which
    only overflows beyond 1e154)."""
    return (array.size <= 4096 and math.isfinite(np.vdot(array, array))) or bool(
        np.isfinite(array).all()
    )


@lru_cache(maxsize=32)
def _none_float(lines: int) -> NDArray[np.bool_]:
    mask = np.zeros(lines, dtype=bool)
    mask.setflags(write=False)
    return mask


def _mask(values: ArrayLike | None, lines: int, name: str) -> NDArray[np.bool_]:
    if values is None:
        return _none_float(lines)
    mask = np.array(values)
    if mask.shape != (lines,) or mask.dtype != bool or isinstance(values, np.ma.MaskedArray):
        raise InputError(
            f"{name} has shape {mask.shape} and type {mask.dtype}; expected {lines} booleans, True"
            " where the line floats"
        )
    return mask


def _gates(values: ArrayLike | None, array: Crossbar, extra: str = "batch") -> Floats | None:
    if not array.gated:
        if values is not None:
            raise InputError("gate_volts was given, but these cells have no third terminal")
        return None
    if values is None:
        assert array.device is not None
        raise InputError(
            f"{array.device.name} cells have a third terminal: give gate_volts=… with {array.gate_lines} values,"
            f" one a {array.gate_along.value} line"
        )
    return _levels(values, array.gate_lines, "gate_volts", f"{array.gate_along.value} line", extra)


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Levels:
    """The checked inputs of a read: everything has a batch axis.

    Attributes
    ----------
    row_volts : (batch, rows)
    column_volts : (batch, cols)
    gate_volts : (batch, gate lines) or None
    floating_rows, floating_columns : (rows,), (cols,) bool
        Lines that are left open; their entry in `row_volts` or `column_volts` is ignored.
    single : bool
        Whether the caller gave one input without a batch axis.
    """

    row_volts: Floats
    column_volts: Floats
    gate_volts: Floats | None
    floating_rows: NDArray[np.bool_]
    floating_columns: NDArray[np.bool_]
    single: bool

    @classmethod
    def checked(
        cls,
        array: Crossbar,
        row_volts: ArrayLike,
        column_volts: ArrayLike = 0.0,
        gate_volts: ArrayLike | None = None,
        floating_rows: ArrayLike | None = None,
        floating_columns: ArrayLike | None = None,
    ) -> Levels:
        """Check shapes and values against the array and spread everything over one batch axis."""
        rows = _levels(row_volts, array.rows, "row_volts", "word line")
        columns = _levels(column_volts, array.cols, "column_volts", "bit line")
        gates = _gates(gate_volts, array)
        batches = {len(a) for a in (rows, columns, gates) if a is not None and a.ndim == 2}
        if len(batches - {1}) > 1:
            raise InputError(
                "row_volts, column_volts and gate_volts have batches of different lengths:"
                f" {sorted(batches)}"
            )
        batch = max(batches, default=1)

        def spread(a: Floats) -> Floats:
            wide = a if a.ndim == 2 else a[None, :]
            return (
                wide
                if len(wide) == batch
                else np.array(np.broadcast_to(wide, (batch, a.shape[-1])))
            )

        return cls(
            row_volts=spread(rows),
            column_volts=spread(columns),
            gate_volts=None if gates is None else spread(gates),
            floating_rows=_mask(floating_rows, array.rows, "floating_rows"),
            floating_columns=_mask(floating_columns, array.cols, "floating_columns"),
            single=not batches,
        )

    @property
    def batch(self) -> int:
        """Number of inputs."""
        return int(self.row_volts.shape[0])


def _keep_volts(owner: Pulse | Waveform, *names: str) -> None:
    """Put copies in place of the caller's arrays; numbers stay numbers."""
    for name in names:
        given = getattr(owner, name)
        if given is None and name == "gate_volts":
            continue
        volts = owned(given, name, "volts")
        if not np.all(np.isfinite(volts)):
            raise InputError(f"{name} has values that are not finite; expected volts")
        object.__setattr__(owner, name, volts if volts.ndim else float(volts))


def _keep_flags(owner: Pulse | Waveform) -> None:
    for name in ("floating_rows", "floating_columns"):
        given = getattr(owner, name)
        if given is not None:
            if np.asarray(given).dtype != bool:
                raise InputError(
                    f"{name} has type {np.asarray(given).dtype}; expected booleans, True where the"
                    " line floats"
                )
            object.__setattr__(owner, name, flags(given, name))


_UNITS = {"row_volts": "V", "column_volts": "V", "gate_volts": "V", "width_s": "s", "rise_s": "s"}
_WORDS = {
    "width": "width_s=… in seconds",
    "duration": "width_s=… in seconds",
    "time": "width_s=… in seconds",
    "t": "width_s=… in seconds",
    "rise": "rise_s=… in seconds",
    "fall": "rise_s=… (both edges)",
    "fall_s": "rise_s=… (both edges)",
    "amplitude": "row_volts=… and column_volts=…",
    "volts": "row_volts=… and column_volts=…",
    "voltage": "row_volts=… and column_volts=…",
    "v": "row_volts=… and column_volts=…",
    "pulses": "count=…",
    "repeat": "count=…",
    "n": "count=…",
    "number": "count=…",
    "on_cell": "Pulse(row_volts=[…], column_volts=[…], width_s=…): V/2 on the lines beside",
    "half_select": "Pulse(row_volts=[…], column_volts=[…], width_s=…): V/2 on the lines beside",
}


@hinted(_WORDS, _WORDS)
@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Pulse(metaclass=Hinting):
    """One trapezoidal programming pulse on all lines at once, from 0 V and back to 0 V.

    Attributes
    ----------
    row_volts : float or (rows,)
        Amplitude on each word line, volt.
    column_volts : float or (cols,)
        Amplitude on each bit line, volt.
    width_s : float
        Time at full amplitude (the PW of a SPICE pulse), > 0.
    rise_s : float
        Time of the rising and of the falling edge each, ≥ 0; at 0 the levels stand for `width_s`
        and there are no edges.
    gate_volts : float or (gate lines,) or None
        Levels of the third terminals; they stand before the pulse begins and until it has ended.
    floating_rows, floating_columns : bool arrays or None
        Lines left open during the pulse.
    count : int
        How many such pulses follow one another, 1 or more; the nodal engine solves only as many of
        a train as its states need.
    """

    row_volts: ArrayLike
    column_volts: ArrayLike = 0.0
    width_s: float = 1e-6
    rise_s: float = 0.0
    gate_volts: ArrayLike | None = None
    floating_rows: ArrayLike | None = None
    floating_columns: ArrayLike | None = None
    count: int = 1

    def __post_init__(self) -> None:
        for name, unit in _UNITS.items():
            if isinstance(given := getattr(self, name), str):
                object.__setattr__(self, name, in_unit(given, unit, f"pulse: {name}"))
        if (
            not isinstance(self.count, int | np.integer)
            or isinstance(self.count, bool)
            or self.count < 1
        ):
            raise InputError(
                f"pulse: count = {self.count!r:.60}; expected a whole number of pulses, 1 or more"
            )
        if not number(self.width_s, "pulse: width_s", "seconds, above 0") > 0:
            raise InputError(f"pulse: width_s = {self.width_s!r}; expected seconds, above 0")
        if not number(self.rise_s, "pulse: rise_s", "seconds, 0 or more") >= 0:
            raise InputError(f"pulse: rise_s = {self.rise_s!r}; expected seconds, 0 or more")
        _keep_volts(self, "row_volts", "column_volts", "gate_volts")
        _keep_flags(self)

    def waveform(self) -> Waveform:
        """Return the same as a piecewise-linear waveform, a train as a whole."""
        rows, columns = (
            np.atleast_1d(np.asarray(self.row_volts, dtype=float)),
            np.atleast_1d(np.asarray(self.column_volts, dtype=float)),
        )
        if rows.ndim != 1 or columns.ndim != 1:
            raise InputError(
                f"pulse: row_volts has shape {rows.shape} and column_volts {columns.shape};"
                " expected one voltage a line"
            )
        if self.rise_s == 0:
            time = np.array([0.0, self.count * self.width_s])
            shape = np.array([1.0, 1.0])
        else:
            corners = np.array(
                [self.rise_s, self.rise_s + self.width_s, 2 * self.rise_s + self.width_s]
            )
            time = np.concatenate(
                [[0.0], (np.arange(self.count)[:, None] * corners[-1] + corners).ravel()]
            )
            shape = np.concatenate([[0.0], np.tile([1.0, 1.0, 0.0], self.count)])
        gates = (
            None
            if self.gate_volts is None
            else np.atleast_1d(np.asarray(self.gate_volts, dtype=float))[None, :].repeat(
                len(time), axis=0
            )
        )
        return Waveform(
            time_s=time,
            row_volts=shape[:, None] * rows,
            column_volts=shape[:, None] * columns,
            gate_volts=gates,
            floating_rows=self.floating_rows,
            floating_columns=self.floating_columns,
        )


_WAVEFORM_WORDS = {
    **dict.fromkeys(("time", "times", "t"), "time_s=…"),
    **dict.fromkeys(
        ("volts", "voltage", "v", "values", "level_volts", "levels"),
        "row_volts=… (points, rows) and column_volts=…",
    ),
    "gates": "gate_volts=…",
}


@hinted(
    _WAVEFORM_WORDS,
    _WAVEFORM_WORDS,
    by_place="Waveform(time_s=…, row_volts=…, column_volts=…)",
)
@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Waveform(metaclass=Hinting):
    """Piecewise-linear voltages on all lines.

    Attributes
    ----------
    time_s : (points,)
        Strictly increasing, the first is 0.
    row_volts : (points, rows), or (points,) on all word lines, or a constant
    column_volts : (points, cols), or (points,) on all bit lines, or a constant; 0 V if left out
    gate_volts : (points, gate lines), or (points,), or a constant, or None
    floating_rows, floating_columns : bool arrays or None
    """

    time_s: ArrayLike
    row_volts: ArrayLike
    column_volts: ArrayLike = 0.0
    gate_volts: ArrayLike | None = None
    floating_rows: ArrayLike | None = None
    floating_columns: ArrayLike | None = None

    def __post_init__(self) -> None:
        time = owned(self.time_s, "waveform: time_s", "seconds")
        if (
            time.ndim != 1
            or time.size < 2
            or time[0] != 0
            or not np.all(np.isfinite(time))
            or np.any(np.diff(time) <= 0)
        ):
            raise InputError(
                f"waveform: time_s = {brief(self.time_s)}; expected at least 2 increasing times in"
                " seconds, the first 0"
            )
        object.__setattr__(self, "time_s", time)
        _keep_volts(self, "row_volts", "column_volts", "gate_volts")
        for name in ("row_volts", "column_volts", "gate_volts"):
            volts = getattr(self, name)
            if isinstance(volts, float):
                object.__setattr__(self, name, np.full((time.size, 1), volts))
            elif volts is not None and volts.shape == (time.size,):
                object.__setattr__(self, name, volts[:, None])
        _keep_flags(self)

    def checked(self, array: Crossbar) -> CheckedWaveform:
        """Check everything against the array and spread single columns over the lines."""
        time = np.asarray(self.time_s, dtype=float)

        def spread(values: ArrayLike, lines: int, name: str, what: str) -> Floats:
            volts = np.array(values, dtype=float)
            if volts.ndim != 2 or volts.shape[0] != time.size or volts.shape[1] not in (1, lines):
                raise InputError(
                    f"{name} has shape {volts.shape[1:] if volts.ndim > 1 else volts.shape};"
                    f" expected one voltage a {what}: {lines}"
                )
            if not np.all(np.isfinite(volts)):
                raise InputError(f"{name} has values that are not finite; expected volts")
            return np.array(np.broadcast_to(volts, (time.size, lines)))

        gates = None
        if array.gated or self.gate_volts is not None:
            given = None if self.gate_volts is None else np.asarray(self.gate_volts, dtype=float)
            _gates(given if given is None or given.shape[-1] != 1 else given[..., 0].max(), array)
            gates = spread(
                self.gate_volts,  # type: ignore[arg-type]
                array.gate_lines,
                "gate_volts",
                f"{array.gate_along.value} line",
            )
        return CheckedWaveform(
            time_s=time,
            row_volts=spread(self.row_volts, array.rows, "row_volts", "word line"),
            column_volts=spread(self.column_volts, array.cols, "column_volts", "bit line"),
            gate_volts=gates,
            floating_rows=_mask(self.floating_rows, array.rows, "floating_rows"),
            floating_columns=_mask(self.floating_columns, array.cols, "floating_columns"),
        )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class CheckedWaveform:
    """A waveform that fits its array: `time_s` (points,), volts (points, lines), masks (lines,)."""

    time_s: Floats
    row_volts: Floats
    column_volts: Floats
    gate_volts: Floats | None
    floating_rows: NDArray[np.bool_]
    floating_columns: NDArray[np.bool_]

    @property
    def duration_s(self) -> float:
        """End time in seconds."""
        return float(self.time_s[-1])
