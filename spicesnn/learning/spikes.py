"""STDP by overlapping spikes: voltage shapes on word and bit lines whose difference crosses a
device's thresholds only where they overlap.

Zamarreño-Ramos et al., Frontiers in Neuroscience 5:26, 2011: each neuron sends the same kind of
spike, a short peak and a long tail of the opposite sign, forward on its word line or backward on
its bit line. One spike alone stays where the device is quiet; the peak of one on the tail of the
other adds up beyond the threshold, by more the closer they are in time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.stimulus import Waveform
from spicesnn.devices.base import Device
from spicesnn.errors import InputError

_TAIL = (0.0, 0.15, 0.3, 0.5, 0.75, 1.0, 1.4, 1.9, 2.5, 3.5, 5.0)
"""Corner points of the tail, in time constants: an exponential drawn with straight lines, to 1 % of
its height."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpikeShape:
    """A spike: a peak of −`peak_volts` for `peak_s`, then a tail from +`tail_volts` that decays
    with `tau_s`; edges last `edge_s`."""

    peak_volts: float
    tail_volts: float
    peak_s: float
    tau_s: float
    edge_s: float

    @property
    def corners_s(self) -> Floats:
        """Corner points in time, seconds from the begin of the spike."""
        start = 2 * self.edge_s + self.peak_s
        return np.concatenate(
            [[0.0, self.edge_s, self.edge_s + self.peak_s], start + self.tau_s * np.array(_TAIL)]
        )

    @property
    def corner_volts(self) -> Floats:
        """Voltages at the corner points: the tail ends at 0 V exactly."""
        tail = self.tail_volts * np.exp(-np.array(_TAIL))
        tail[-1] = 0.0
        return np.concatenate([[0.0, -self.peak_volts, -self.peak_volts], tail])

    @property
    def duration_s(self) -> float:
        """From the first edge to the end of the tail, second."""
        return float(self.corners_s[-1])

    def volts(self, time_s: Floats) -> Floats:
        """Return the voltage at times from the begin of the spike; 0 before and after."""
        return np.interp(time_s, self.corners_s, self.corner_volts, left=0.0, right=0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class SpikePair:
    """The shapes of pre- and post-synaptic spikes, and the sign with which both go onto the lines
    (the device's set polarity)."""

    pre: SpikeShape
    post: SpikeShape
    polarity: int

    def waveform(self, rows: Floats, columns: Floats) -> Waveform:
        """Return line voltages for spikes at given times.

        Parameters
        ----------
        rows, columns : (rows,), (cols,) seconds
            When each line's spike begins; NaN for a line that stays at 0 V. The earliest may be
            negative: time is shifted.
        """
        begin = np.nanmin(np.concatenate([rows, columns]))
        corners = [np.array([0.0])]
        for times, shape in ((rows, self.pre), (columns, self.post)):
            corners += [t - begin + shape.corners_s for t in np.unique(times[~np.isnan(times)])]
        everything = np.unique(np.concatenate(corners))
        least = 1e-3 * self.pre.edge_s
        time = everything[np.concatenate([[True], np.diff(everything) > least])]

        def line(times: Floats, shape: SpikeShape) -> Floats:
            volts = [
                np.zeros_like(time) if np.isnan(t) else shape.volts(time - (t - begin))
                for t in times
            ]
            return self.polarity * np.stack(volts, axis=1)

        return Waveform(
            time_s=time, row_volts=line(rows, self.pre), column_volts=line(columns, self.post)
        )


def _reach(device: Device, state: float, sign: float, share: float, seconds: float) -> float:
    """Return the voltage, in magnitude, at which `seconds` move the state by `share` of its range;
    infinite beyond 100 V."""
    low, high = (float(np.mean(b)) for b in device.bounds())
    wanted = share * (high - low) / seconds
    least, most = 1e-4, 100.0
    if abs(float(device.rate(sign * most, state))) < wanted:
        return np.inf
    for _ in range(60):
        middle = float(np.sqrt(least * most))
        if abs(float(device.rate(sign * middle, state))) < wanted:
            least = middle
        else:
            most = middle
    return most


_MOST_RATIO = 1.9
"""Voltage that moves a device over the voltage at which it is quiet: peak and tail are each quiet,
so it must be below 2."""


_LEAST_VOLTS, _MOST_VOLTS = 1e-3, 20.0


def _selective_peak(device: Device, state: float, step: float, quiet: float) -> float:
    """Return a width of the peak at which the device is selective.

    With more time a device with a sharp threshold needs less beyond it; one whose rate is
    exponential is sharper in less time."""
    first = 0.02 / device.typical_drive()[1]
    signs = (device.set_polarity, -device.set_polarity)
    for power in (0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6, 7, -7, 8, -8):
        seconds = first * 4.0**power
        pairs = [
            (
                _reach(device, state, sign, quiet, seconds),
                _reach(device, state, sign, step, seconds),
            )
            for sign in signs
        ]
        if all(
            calm > _LEAST_VOLTS and full <= _MOST_RATIO * calm and full < _MOST_VOLTS
            for calm, full in pairs
        ):
            return seconds
    return first


def design(
    device: Device,
    *,
    peak_s: float | None = None,
    tau_s: float | None = None,
    step: float = 0.03,
    quiet: float = 1e-4,
    state: float | None = None,
) -> SpikePair:
    """Return spike shapes for a device: amplitudes from the voltages at which it is quiet and at
    which it moves.

    A peak alone moves the state by at most `quiet` of its range; peak and tail together, at no
    distance in time, by about `step`.

    Parameters
    ----------
    device : Device
        With one state variable, two terminals and a polarity.
    peak_s : float, optional
        Width of the peak; a fiftieth of the period of the device's typical drive, longer where
        selectivity asks for it, if left out.
    tau_s : float, optional
        Time constant of the tail; ten peaks if left out.
    step, quiet : float
        Shares of the state's range.
    state : float, optional
        Where the device is designed for; the middle of its range if left out.
    """
    if device.gated or len(device.state_names) != 1 or device.set_polarity == 0:
        raise InputError(
            f"{device.name} cannot take overlapping spikes: it needs two terminals, one state"
            " variable and a polarity"
        )
    low, high = device.bounds()
    middle = state if state is not None else float(0.5 * (np.mean(low) + np.mean(high)))
    peak = peak_s if peak_s is not None else _selective_peak(device, middle, step, quiet)
    tau = tau_s if tau_s is not None else 10 * peak
    if not peak > 0 or not tau > 0:
        raise InputError(f"peak_s = {peak}, tau_s = {tau}; expected seconds, above 0")
    shapes = {}
    for name, sign in (("raise", device.set_polarity), ("lower", -device.set_polarity)):
        calm, full = (
            _reach(device, middle, sign, quiet, peak),
            _reach(device, middle, sign, step, peak),
        )
        if not (calm > _LEAST_VOLTS and full <= _MOST_RATIO * calm):
            raise InputError(
                f"{device.name} has no threshold to learn by: {full:.3g} V move it by {step:.0%} of"
                f" its range in {peak:g} s, but {calm:.3g} V already by {quiet:.2%}; overlapping"
                " spikes need a device that is quiet at half its switching voltage (try a longer"
                " peak_s)"
            )
        shapes[name] = (calm, full - calm)
    # The post peak on the pre tail raises, the pre peak on the post tail lowers.
    pre = SpikeShape(
        peak_volts=shapes["lower"][0],
        tail_volts=shapes["raise"][1],
        peak_s=peak,
        tau_s=tau,
        edge_s=0.05 * peak,
    )
    post = SpikeShape(
        peak_volts=shapes["raise"][0],
        tail_volts=shapes["lower"][1],
        peak_s=peak,
        tau_s=tau,
        edge_s=0.05 * peak,
    )
    return SpikePair(pre=pre, post=post, polarity=device.set_polarity)
