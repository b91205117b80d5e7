"""Switching cycles in recorded sweeps: the four numbers of each, as an instrument's file has them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.devices.measurements import Sweep, read_measurement
from spicesnn.errors import DataError
from spicesnn.units import render

READ_VOLTS = 0.1
_QUIET = 0.02
"""Voltages below this share of the largest are no part of a sweep to either polarity."""
_LEAST = 3
"""Samples that each way of a sweep has above the read voltage at least."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Way:
    """A sweep to one polarity and back: sign, resistance at the read voltage on the way out and on
    the way back (ohm), voltage of the largest rise of ln |i| and of the largest |i| on the way
    out."""

    sign: int
    before: float
    after: float
    rise: float
    peak: float


def cycles_of(path: Path, read_volts: float = READ_VOLTS) -> tuple[Floats, tuple[str, ...]]:
    """Return the switching cycles of a file of sweeps, (cycles, 4), and what was read.

    A cycle is a sweep to the polarity that sets and the next one to the other polarity. Its numbers
    are: ``hrs_ohm`` and ``lrs_ohm``, v/i at the read voltage on the way out to the set and on the
    way back from it; ``set_volts``, where ln \\|i\\| rises most between two samples (medians of three)
    on the way out; ``reset_volts``, where \\|i\\| is largest on the way out to the reset. Voltages
    have the signs that they were applied with.

    Parameters
    ----------
    path : Path
        What `read_measurement` reads as sweeps: many of them below or beside each other, or one
        long one. Times do not matter.
    read_volts : float
        Magnitude of the read voltage.

    Raises
    ------
    DataError
        No sweeps, none that switches, or sweeps that do not pass the read voltage; says which.
    """
    # Evenly spaced times are as good as any: only the order of the samples counts
    data = read_measurement(path, duration_s=1.0)
    if not isinstance(data, Sweep):
        raise DataError(
            f"{path} holds a train of pulses; expected sweeps of the voltage, or a table with a line"
            " a cycle (v_set, v_reset, lrs, hrs)"
        )
    ways = _ways(path, data, read_volts)
    rising = {s: [np.log(w.before / w.after) for w in ways if w.sign == s] for s in (1, -1)}
    if not rising[1] or not rising[-1]:
        raise DataError(
            f"{path} has sweeps to one polarity only; a cycle needs a set and a reset of opposite"
            " signs"
        )
    up = {sign: float(np.median(found)) for sign, found in rising.items()}
    sign = 1 if up[1] > up[-1] else -1
    if not up[sign] > 0.0 > up[-sign]:
        raise DataError(
            f"{path}: the conductance at {read_volts:g} V does not rise in the sweeps to one"
            " polarity and fall in those to the other; nothing switches there, or the read voltage"
            " is too large (--read-volts)"
        )
    found, left = list[list[float]](), 0
    for one, other in zip(ways, [*ways[1:], None], strict=True):
        if one.sign != sign:
            continue
        if other is None or other.sign == sign:
            left += 1
            continue
        found.append([sign * one.rise, -sign * other.peak, one.after, one.before])
    apart = f", {left} set without a reset after it left out" if left else ""
    remarks = (
        *(line.split("; no times")[0] for line in data.remarks),
        f"{len(found)} cycles in {len(ways)} sweeps to either polarity{apart}; the"
        f" {'positive' if sign > 0 else 'negative'} one sets",
        f"resistances at {render(read_volts, 'V')} before and after the set; set voltage: largest"
        " rise of ln |i|; reset voltage: largest |i|",
    )
    return np.array(found).reshape(-1, 4), remarks


def _ways(path: Path, data: Sweep, read_volts: float) -> list[_Way]:
    """Return the sweeps to either polarity, in their order."""
    top = float(np.max(np.abs(data.volts)))
    sign = np.where(np.abs(data.volts) > _QUIET * top, np.sign(data.volts), 0).astype(int)
    fresh = np.zeros(data.points, dtype=bool)
    fresh[data.starts] = True
    ways, begin = list[_Way](), None
    for k in range(data.points + 1):
        ends = k == data.points or sign[k] == 0 or fresh[k] or (k > 0 and sign[k] != sign[k - 1])
        if begin is not None and ends:
            ways.append(_way(path, data, slice(begin, k), read_volts))
            begin = None
        if k < data.points and sign[k] != 0 and begin is None:
            begin = k
    return ways


def _way(path: Path, data: Sweep, part: slice, read_volts: float) -> _Way:
    """Return what one sweep to a polarity and back says."""
    volts, amps = np.abs(data.volts[part]), np.abs(data.amps[part])
    sign, turn = int(np.sign(data.volts[part.start])), int(np.argmax(volts))
    turn = max(turn, volts.size - 1 - int(np.argmax(volts[::-1]))) if volts.size else turn
    out, back = np.arange(turn + 1), np.arange(turn, volts.size)[::-1]
    for way in (out, back):
        above = int(np.count_nonzero(volts[way] >= read_volts))
        if volts[way[0]] > read_volts or above < _LEAST:
            raise DataError(
                f"{path}: the sweep at sample {part.start + 1} to {sign * volts[turn]:.3g} V has no"
                f" way {'out' if way is out else 'back'} through {read_volts:g} V with {_LEAST}"
                " samples above it; say another read voltage (--read-volts)"
            )
    rest = np.flatnonzero(volts[out] >= read_volts)
    logs = np.log(np.maximum(amps[out], 1e-300))
    calm = np.median(np.stack([logs[:-2], logs[1:-1], logs[2:]]), axis=0)
    calm = np.concatenate([logs[:1], calm, logs[-1:]])
    steps = np.diff(calm)[rest[0] :] if rest[0] < out.size - 1 else np.diff(calm)[-1:]
    at = rest[0] + int(np.argmax(steps))
    return _Way(
        sign=sign,
        before=_ohms(volts[out], amps[out], read_volts),
        after=_ohms(volts[back], amps[back], read_volts),
        rise=0.5 * float(volts[out][at] + volts[out][min(at + 1, out.size - 1)]),
        peak=float(volts[out][int(np.argmax(amps[out]))]),
    )


def _ohms(volts: Floats, amps: Floats, read_volts: float) -> float:
    """Return v/i at the read voltage, between the samples beside its first crossing."""
    k = int(np.argmax(volts >= read_volts))
    low, high = max(k - 1, 0), k
    share = (read_volts - volts[low]) / (volts[high] - volts[low]) if high > low else 0.0
    amps_there = amps[low] + share * (amps[high] - amps[low])
    return float(read_volts / max(float(amps_there), 1e-300))
