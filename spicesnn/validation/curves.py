"""IV curves: the two twins of each device against one another, and pinched at the origin."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.devices import registry
from spicesnn.devices.base import Device
from spicesnn.engines.iv import iv
from spicesnn.engines.results import IVCurve
from spicesnn.validation.case import Case, Engines, attempted, compared

TOLERANCE = 1e-3
"""Currents of the twins agree to this share of the peak; the current where the voltage is zero is
below it."""
POINTS = 20000
"""Time points of a comparison, over two periods: the steps of both engines then resolve most
sets."""
JUMP_SHARE = 2e-4
"""The instant of a jump is compared to this share of a period, two time points: the current between
them is no number of the device."""


def at_zero_volts(curve: IVCurve) -> float:
    """Return the largest |current| where the voltage crosses zero, straight lines between points,
    ampere."""
    volts, amps = curve.volts, curve.amps
    crossing = np.flatnonzero((volts[:-1] * volts[1:] < 0) | (volts[:-1] == 0))
    if not crossing.size:
        return 0.0
    step = volts[crossing + 1] - volts[crossing]
    share = np.where(step != 0, -volts[crossing] / np.where(step != 0, step, 1.0), 0.0)
    return float(np.max(np.abs(amps[crossing] + share * (amps[crossing + 1] - amps[crossing]))))


def at_times(curve: IVCurve, time: Floats) -> Floats:
    """Return the current of a curve at other times, (points,) ampere by monotone cubics.

    An abrupt set spans a few points only: straight lines between them lose 1e-3 of the peak there.
    """
    from scipy.interpolate import PchipInterpolator  # a quarter of a command's start

    return np.asarray(
        PchipInterpolator(curve.time, curve.amps)(np.clip(time, curve.time[0], curve.time[-1]))
    )


def relative_difference(reference: IVCurve, other: IVCurve) -> float:
    """Return max |ΔI| over the peak of `reference`, at its times."""
    peak = float(np.max(np.abs(reference.amps)))
    difference = float(np.max(np.abs(at_times(other, reference.time) - reference.amps)))
    return difference / peak if peak > 0 else difference


def difference_beside_jumps(reference: IVCurve, other: IVCurve, period_s: float) -> float:
    """Return max |ΔI| over the peak of `reference`, against its nearest current within `JUMP_SHARE`
    of a period: the instant of a jump is free."""
    peak = float(np.max(np.abs(reference.amps)))
    low, high = within(reference, reference.time, JUMP_SHARE * period_s)
    low, high = np.minimum(low, reference.amps), np.maximum(high, reference.amps)
    found = at_times(other, reference.time)
    difference = float(np.max(np.abs(found - np.clip(found, low, high))))
    return difference / peak if peak > 0 else difference


def abrupt(curve: IVCurve) -> bool:
    """Return whether the device jumps, by a thermal runaway: a tenth of the peak current from one
    time point to the next."""
    peak = float(np.max(np.abs(curve.amps)))
    return bool(np.max(np.abs(np.diff(curve.amps))) > 0.1 * peak)


def within(reference: IVCurve, time: Floats, slack_s: float) -> tuple[Floats, Floats]:
    """Return the least and the largest current that `reference` takes within ±`slack_s` of each
    time, (points,) ampere each."""
    first = np.searchsorted(reference.time, time - slack_s, side="left")
    last = np.searchsorted(reference.time, time + slack_s, side="right")
    pairs = np.stack([first, np.minimum(last, len(reference.time) - 1)], axis=1).ravel()
    return (
        np.minimum.reduceat(reference.amps, pairs)[::2],
        np.maximum.reduceat(reference.amps, pairs)[::2],
    )


def current_case(name: str, ngspice: IVCurve, nodal: IVCurve, period_s: float) -> Case:
    """Compare at equal times; where a device jumps, with its nearest current within `JUMP_SHARE` of
    a period."""
    peak = float(np.max(np.abs(nodal.amps)))
    same_times = at_times(ngspice, nodal.time)
    if not abrupt(nodal):
        return compared(
            f"iv {name}", "current, fraction of peak", (same_times, nodal.amps), peak, TOLERANCE
        )
    low, high = within(nodal, nodal.time, JUMP_SHARE * period_s)
    nearest = np.clip(same_times, low, high)
    return compared(
        f"iv {name}",
        "current, fraction of peak, jumps to 2e-4 of a period",
        (same_times, nearest),
        peak,
        TOLERANCE,
    )


def both_curves(engines: Engines, device: Device) -> tuple[IVCurve, IVCurve]:
    """Return two periods of the typical drive by ngspice and by the nodal engine."""
    amplitude, frequency = device.typical_drive()
    ngspice, nodal = (
        iv(device, engine, amplitude, frequency, 2, points=POINTS)
        for engine in (engines.ngspice, engines.nodal)
    )
    return ngspice, nodal


def _twins(engines: Engines, device: Device, name: str) -> list[Case]:
    ngspice, nodal = both_curves(engines, device)
    peak = float(np.max(np.abs(nodal.amps)))
    zero = (at_zero_volts(ngspice), at_zero_volts(nodal))
    return [
        current_case(name, ngspice, nodal, 1.0 / device.typical_drive()[1]),
        compared(
            f"iv {name}", "current at 0 V, fraction of peak", zero, peak, TOLERANCE, exact=0.0
        ),
    ]


def cases(engines: Engines) -> Iterator[Case]:
    """Yield two lines a device."""
    for name in registry.names():
        device = registry.make(name)
        made: list[Case] = []

        def solve(device: Device = device, name: str = name, made: list[Case] = made) -> Case:
            made.extend(_twins(engines, device, name))
            return made[0]

        yield attempted(f"iv {name}", "current, fraction of peak", TOLERANCE, solve)
        yield from made[1:]
