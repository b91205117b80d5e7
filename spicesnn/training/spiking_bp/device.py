"""Devices in the loop: what a solved pulse does when a change of weight is asked for, as a table
for the compiled loop.

A weight stands on one device minus a balance line at the middle of its window: w = limit·(2·share −
1), share = (G − G_low)/(G_high − G_low). Inputs and hidden neurons drive the lines with spikes of
one voltage, so a device counts with its chord conductance at that voltage."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.mapping import Window
from spicesnn.devices.base import Device
from spicesnn.engines.base import Engine
from spicesnn.errors import ConfigError
from spicesnn.programming.pulse_map import PulseMap, PulseScheme
from spicesnn.training.spiking_bp.stream import DECADES

MAGNITUDES, SHARES = 121, 257


def device_table(
    device: Device, engine: Engine, scheme: PulseScheme, *, compensated: bool
) -> NDArray[np.float32]:
    """Return changes of the conductance (2, MAGNITUDES, SHARES), as shares of the window: rising,
    then falling (≤ 0).

    Parameters
    ----------
    device : Device
    engine : Engine
        Solves the pulses.
    scheme : PulseScheme
        `g_one` must be the top of the window.
    compensated : bool
        The driver chooses the voltage for the change and for the state, and reaches every change up
        to that of its largest voltage. Otherwise it knows the change only: the voltage is the one
        that makes this change in the middle of the window.
    """
    window = Window.of(device, volts=scheme.read_volts)
    tables = []
    for up in (True, False):
        solved = PulseMap.solved(device, engine, scheme, up=up)
        if not np.any(solved.change):
            what = "set" if up else "reset"
            raise ConfigError(
                f"{device.name}: no {what} pulse of this scheme moves the device; give higher"
                " voltages or wider pulses"
            )
        tables.append(_one_side(solved, window, scheme.g_one, compensated=compensated))
    return np.stack(tables).astype(np.float32)


def _one_side(solved: PulseMap, window: Window, g_one: float, *, compensated: bool) -> Floats:
    shares, sizes = np.linspace(0.0, 1.0, SHARES), np.logspace(-DECADES, 0, MAGNITUDES)
    at, scale = window.at(shares) / g_one, g_one / window.span
    change = np.stack([np.interp(at, solved.weights, row) for row in solved.change]) * scale
    if compensated:
        most = np.abs(change).max(axis=0)
        return np.asarray(np.sign(change.sum()) * np.minimum(sizes[:, None], most[None, :]))
    middle = np.maximum.accumulate(np.abs(change[:, SHARES // 2]))
    volts = np.interp(sizes, middle, solved.volts)
    return np.stack([np.interp(volts, solved.volts, change[:, k]) for k in range(SHARES)], axis=-1)
