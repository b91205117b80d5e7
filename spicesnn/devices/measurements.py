"""What was measured on a device, read from the files of instruments: current-voltage sweeps and
trains of programming pulses."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.devices.instruments.pulses import holds_curve, read_train
from spicesnn.devices.instruments.reading import read_blocks, read_sweeps
from spicesnn.devices.pulse_curve import PulseCurve, WritePulses
from spicesnn.errors import InputError, WrongTypeError
from spicesnn.guesses import hinted, told

_SAME = 0.02
"""Conductances this close to each other, relative, are the same reading."""


_WORDS = {
    **dict.fromkeys(("voltage", "v", "V"), "volts"),
    **dict.fromkeys(("current", "i", "I"), "amps"),
    "t": "time",
    "fit": "`spicesnn fit MODEL FILE`",
    "plot": "matplotlib.pyplot.plot(sweep.volts, sweep.amps)",
}


@hinted(_WORDS)
@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Sweep:
    """A current-voltage measurement over time: one sweep, or several of one device after each
    other.

    Attributes
    ----------
    time : (points,) seconds, increasing from 0
    volts, amps : (points,)
        Voltage across the device (word-line terminal minus bit-line terminal) and current through
        it.
    remarks : tuple of str
        What was read from the file, and what was left out or changed: two lines.
    starts : (sweeps,) of int
        First point of each sweep.
    limit_amps : (points,) or None
        The most that the instrument lets through at each point (its compliance), ampere; infinite
        where it has no limit.
    """

    time: Floats
    volts: Floats
    amps: Floats
    remarks: tuple[str, ...] = ()
    starts: Any = field(default_factory=lambda: np.zeros(1, dtype=int))
    limit_amps: Floats | None = None

    @property
    def sweeps(self) -> int:
        """Number of sweeps."""
        return len(self.starts)

    @property
    def limited(self) -> bool:
        """Whether the compliance acts on some point: its current is at the limit."""
        return self.limit_amps is not None and bool(
            np.any(np.abs(self.amps) > 0.95 * self.limit_amps)
        )

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
    remarks : tuple of str
        What was read from the file, and what was left out or changed: two lines.
    """

    volts: Floats
    width_s: Floats
    siemens: Floats
    remarks: tuple[str, ...] = ()

    @property
    def points(self) -> int:
        """Number of measured conductances."""
        return self.volts.size


def as_train(curve: PulseCurve, pulses: WritePulses) -> PulseTrain:
    """Return a curve as a train of pulses, which a model can be fitted to: a reading, the set
    pulses, the reset pulses.

    Where the first conductance of the reset pulses is not the last of the set pulses, a reset pulse
    has been between them."""
    volts, siemens = (
        np.append(0.0, np.full(curve.raising.size - 1, pulses.set_volts)),
        curve.raising,
    )
    if curve.lowering is not None:
        apart = abs(curve.lowering[0] - curve.raising[-1])
        same = apart <= max(
            4.0 * curve.scatter(), 4.0 * curve.scatter(raising=False), _SAME * curve.raising[-1]
        )
        rest = curve.lowering[1:] if same else curve.lowering
        volts = np.append(volts, np.full(rest.size, pulses.reset_volts))
        siemens = np.append(siemens, rest)
    return PulseTrain(
        volts=volts,
        width_s=np.full(volts.size, pulses.width_s),
        siemens=siemens,
        remarks=curve.remarks,
    )


@told(
    {
        **dict.fromkeys(("duration", "length", "time_s", "t", "period"), "duration_s=…"),
        **dict.fromkeys(("read_volts", "read_voltage"), "v_read=…"),
    }
)
def read_measurement(
    path: str | Path,
    duration_s: float | None = None,
    *,
    pulses: WritePulses | None = None,
    v_read: float | None = None,
) -> Sweep | PulseTrain:
    """Return what a file of an instrument, or a table somebody wrote, holds, by its headers.

    Currents over voltages are a sweep; with several of them in a file (below each other, beside
    each other, in several tables) they are laid one after the other. Voltages, widths and
    conductances (resistances, read currents) are a train of pulses; conductances over pulse numbers
    are one under `pulses`. Units, preambles, decimal commas, encodings, overflow marks, columns
    that stand twice, magnitudes, currents counted from the other terminal and the compliance are
    found as docs/own-device.md says; `remarks` tells in two lines what was read and what was left
    out. Two or three bare columns of numbers are volts, amps or time, volts, amps. Time counts from
    the first sample.

    Parameters
    ----------
    path : str | Path
    duration_s : float, optional
        Length of a sweep (of each) in a file without times, seconds; samples are then evenly
        spaced.
    pulses : WritePulses, optional
        What was applied, for a file of conductances over pulse numbers.
    v_read : float, optional
        Read voltage of a pulse curve of currents; the file's own, or 0.1 V, if left out.

    Raises
    ------
    DataError
        Absent, no such columns, not numbers, times that do not increase, columns between which only
        you can choose; the message names the line.
    InputError
        A sweep without times and no `duration_s`; a pulse curve and no `pulses`.
    """
    if not isinstance(path, str | Path):
        raise WrongTypeError(
            f"path is a {type(path).__name__}; expected the path of a file. Arrays are a"
            " measurement already: spicesnn.devices.measurements.Sweep(time=…, volts=…, amps=…)"
        )
    path = Path(path)
    blocks, notes = read_blocks(path)
    if holds_curve(blocks[0]):
        curve = PulseCurve.from_csv(path, v_read=v_read)
        if pulses is None and not (curve.said.get("set_volts") and curve.said.get("width_s")):
            raise InputError(
                f"{path} contains conductances over pulse numbers; a model also needs the pulses:"
                " say their amplitudes and width (--pulse-volts, --reset-volts, --pulse-width). A"
                " pulse table reproduces the curve without a model: spicesnn fit pulse-table"
            )
        return as_train(curve, curve.pulses(**({} if pulses is None else asdict(pulses))))
    train = read_train(path, blocks, notes, v_read)
    if train is not None:
        return PulseTrain(
            volts=train.volts, width_s=train.width_s, siemens=train.siemens, remarks=train.remarks
        )
    found = read_sweeps(path, blocks, notes, duration_s)
    return Sweep(
        time=found.time,
        volts=found.volts,
        amps=found.amps,
        remarks=found.remarks,
        starts=found.starts,
        limit_amps=found.limit_amps,
    )
