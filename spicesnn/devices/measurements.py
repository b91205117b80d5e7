"""What was measured on a device, read from CSV: current-voltage sweeps and trains of programming pulses."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spicesnn.devices.base import Floats
from spicesnn.devices.pulse_curve import PulseCurve
from spicesnn.errors import DataError, InputError

_NAMES = {
    "time": ("time", "t", "time_s", "seconds", "time (s)"),
    "volts": ("volts", "v", "voltage", "volt", "voltage_v", "pulse_volts", "volts (v)"),
    "amps": ("amps", "i", "current", "amp", "current_a", "ampere", "amps (a)"),
    "width": ("width_s", "width", "pulse_width_s", "pulse_s"),
    "siemens": ("siemens", "g", "conductance", "conductance_s"),
}


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


def is_pulse_curve(path: str | Path) -> bool:
    """Return whether a CSV file has one or two columns and no voltages: conductances over pulse numbers (`PulseCurve.from_csv`)."""
    header, table = _numbers(Path(path))
    return table.shape[1] <= 2 and not any(name in _NAMES["volts"] + _NAMES["amps"] for name in header)


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
    Usual other spellings (``t``, ``V``, ``I``, ``current``, ``G``) are known, more columns are ignored, and a file of three or two bare
    number columns is a sweep in that order.

    Raises
    ------
    DataError
        Absent, no such columns, not numbers, not finite, times that do not increase; the message names the line.
    InputError
        A sweep without times and no `duration_s`; a pulse curve and no `pulses`.
    """
    path = Path(path)
    if is_pulse_curve(path):
        if pulses is None:
            raise InputError(
                f"{path} holds conductances over pulse numbers; a model also needs the pulses: say their amplitudes and width (--pulse-volts, "
                "--reset-volts, --pulse-width). A pulse table reproduces the curve without a model: spicesnn fit pulse-table"
            )
        return as_train(PulseCurve.from_csv(path), pulses)
    header, table = _numbers(path)
    columns = {kind: k for kind, words in _NAMES.items() for k, name in enumerate(header) if name in words}
    if {"volts", "width", "siemens"} <= columns.keys():
        volts, width, siemens = (table[:, columns[kind]] for kind in ("volts", "width", "siemens"))
        if np.any(width < 0) or np.any((width == 0) & (volts != 0)):
            raise DataError(f"{path}: a pulse has a width of {float(width.min()):g} s; expected more than 0 s for every pulse of a voltage")
        return PulseTrain(volts=volts, width_s=width, siemens=siemens)
    if not {"volts", "amps"} <= columns.keys():
        raise DataError(f"{path}: columns are {', '.join(header)}; expected time,volts,amps or volts,amps or volts,width_s,siemens or siemens")
    if "time" in columns:
        time = table[:, columns["time"]]
        if np.any(np.diff(time) <= 0):
            row = int(np.argmax(np.diff(time) <= 0))
            raise DataError(f"{path}: time does not increase from sample {row + 1} ({time[row]:g} s) to {row + 2} ({time[row + 1]:g} s)")
    else:
        if duration_s is None or not np.isfinite(duration_s) or duration_s <= 0:
            raise InputError(f"{path} has no times, and a memristor's curve depends on them: say how long the sweep took, in seconds (duration_s)")
        time = np.linspace(0.0, duration_s, len(table))
    return Sweep(time=time - time[0], volts=table[:, columns["volts"]], amps=table[:, columns["amps"]])


def _numbers(path: Path) -> tuple[list[str], Floats]:
    """Return the header (made up for bare numbers) and the numbers of a CSV file."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = enumerate(csv.reader(file), start=1)
            lines = [(at, row) for at, row in rows if any(cell.strip() for cell in row) and not row[0].startswith("#")]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a CSV file: {error}") from None
    if not lines:
        raise DataError(f"{path} is empty; expected a header and measurements")
    header = [cell.strip().lower() for cell in lines[0][1]]
    try:
        [float(cell) for cell in header]
        header = {3: ["time", "volts", "amps"], 2: ["volts", "amps"]}.get(len(header), [f"column {k + 1}" for k in range(len(header))])
    except ValueError:
        lines = lines[1:]
    table = []
    for at, row in lines:
        try:
            values = [float(cell) for cell in row]
        except ValueError:
            raise DataError(f"{path}, line {at}: {','.join(row)!r:.80} is not a row of numbers") from None
        if len(values) != len(header) or not np.all(np.isfinite(values)):
            raise DataError(f"{path}, line {at}: {','.join(row)!r:.80}; expected {len(header)} finite numbers ({', '.join(header)})")
        table.append(values)
    if len(table) < 3:
        raise DataError(f"{path} has {len(table)} measurement(s); expected at least 3")
    return header, np.array(table)
