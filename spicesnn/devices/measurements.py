"""What was measured on a device, read from CSV: current-voltage sweeps and trains of programming pulses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spicesnn.devices.base import Floats
from spicesnn.devices.csv_columns import Table, read_table
from spicesnn.devices.pulse_curve import PulseCurve
from spicesnn.errors import DataError, InputError


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Sweep:
    """A current-voltage measurement over time.

    Attributes
    ----------
    time : (points,) seconds, increasing from 0
    volts, amps : (points,)
        Voltage across the device (word-line terminal minus bit-line terminal) and current through it.
    """

    time: Floats
    volts: Floats
    amps: Floats

    @property
    def points(self) -> int:
        """Number of measured currents."""
        return self.time.size


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class PulseTrain:
    """Conductance after each of a train of rectangular pulses.

    Attributes
    ----------
    volts, width_s : (pulses,)
        Amplitude and width of each pulse; 0 V for a reading without a pulse before it.
    siemens : (pulses,)
        Chord conductance I/V at the read voltage, after the pulse.
    """

    volts: Floats
    width_s: Floats
    siemens: Floats

    @property
    def points(self) -> int:
        """Number of measured conductances."""
        return self.volts.size


@dataclass(frozen=True, kw_only=True, slots=True)
class WritePulses:
    """The pulses behind a curve of conductances over pulse numbers.

    Attributes
    ----------
    set_volts, reset_volts : float
        Amplitudes, of opposite sign.
    width_s : float
    """

    set_volts: float
    reset_volts: float
    width_s: float

    def __post_init__(self) -> None:
        if not self.set_volts * self.reset_volts < 0 or not 0 < self.width_s < np.inf:
            raise InputError(
                f"write pulses of {self.set_volts:g} V and {self.reset_volts:g} V, {self.width_s:g} s; expected amplitudes of opposite sign, and "
                "seconds above 0"
            )


def _holds_curve(table: Table) -> bool:
    others = [column for column in table.columns if column.kind != "number"]
    return len(others) in (1, 2) and not table.kinds & {"volts", "amps"}


def as_train(curve: PulseCurve, pulses: WritePulses) -> PulseTrain:
    """Return a curve as a train of pulses, which a model can be fitted to: a reading, the set pulses, the reset pulses."""
    volts, siemens = np.append(0.0, np.full(curve.raising.size - 1, pulses.set_volts)), curve.raising
    if curve.lowering is not None:
        volts = np.append(volts, np.full(curve.lowering.size - 1, pulses.reset_volts))
        siemens = np.append(siemens, curve.lowering[1:])
    return PulseTrain(volts=volts, width_s=np.full(volts.size, pulses.width_s), siemens=siemens)


def read_measurement(path: str | Path, *, duration_s: float | None = None, pulses: WritePulses | None = None) -> Sweep | PulseTrain:
    """Return what a CSV file holds, by its header.

    ``time,volts,amps``: a sweep. ``volts,amps``: a sweep at constant sample rate that took `duration_s`.
    ``volts,width_s,siemens``: a pulse train. One or two columns without voltages: conductances over set, and over reset `pulses`.
    Usual other spellings (``t``, ``V``, ``current``, ``G``) are known, with units in any usual form (``I (mA)``, ``time_ms``, ``G/µS``); more
    columns are ignored, and a file of three or two bare number columns is a sweep in that order. Time counts from the first sample.

    Raises
    ------
    DataError
        Absent, no such columns, not numbers, not finite, times that do not increase; the message names the line.
    InputError
        A sweep without times and no `duration_s`; a pulse curve and no `pulses`.
    """
    path = Path(path)
    table = read_table(path, gaps=True)
    if _holds_curve(table):
        if pulses is None:
            raise InputError(
                f"{path} holds conductances over pulse numbers; a model also needs the pulses: say their amplitudes and width (--pulse-volts, "
                "--reset-volts, --pulse-width). A pulse table reproduces the curve without a model: spicesnn fit pulse-table"
            )
        return as_train(PulseCurve.from_csv(path), pulses)
    table = read_table(path)
    if len(table.lines) < 3:
        raise DataError(f"{path} has {len(table.lines)} measurement(s); expected at least 3")
    time, volts, amps, width, siemens = (table.of(kind) for kind in ("time", "volts", "amps", "width", "siemens"))
    if volts is not None and width is not None and siemens is not None:
        if np.any(width < 0) or np.any((width == 0) & (volts != 0)):
            raise DataError(f"{path}: a pulse has a width of {float(width.min()):g} s; expected more than 0 s for every pulse of a voltage")
        return PulseTrain(volts=volts, width_s=width, siemens=siemens)
    if volts is None or amps is None:
        header = ", ".join(column.header for column in table.columns)
        raise DataError(f"{path}: columns are {header}; expected time,volts,amps or volts,amps or volts,width_s,siemens or siemens")
    if time is not None:
        if np.any(np.diff(time) <= 0):
            row = int(np.argmax(np.diff(time) <= 0))
            raise DataError(
                f"{path}, line {table.lines[row + 1]}: time does not increase from sample {row + 1} ({time[row]:g} s) to {row + 2} "
                f"({time[row + 1]:g} s); average samples of the same time, and put them in order"
            )
    else:
        if duration_s is None or not np.isfinite(duration_s) or duration_s <= 0:
            raise InputError(
                f"{path} has no times, and a memristor's curve depends on them: say how long the sweep took, in seconds (--duration, duration_s)"
            )
        time = np.linspace(0.0, duration_s, len(volts))
    return Sweep(time=time - time[0], volts=volts, amps=amps)
