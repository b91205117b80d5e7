"""Pulses whose amplitude is chosen for the wanted change alone: what they do in every state, as a
table that compiled loops look up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.mapping import Window
from spicesnn.devices.base import Device
from spicesnn.engines.base import Engine
from spicesnn.jit import compiled
from spicesnn.programming.pulse_map import PulseMap, PulseScheme, StrongestPulses, refuse_idle

MAGNITUDES, SHARES = 121, 257
"""Wanted changes, even in their logarithm, and conductances, even over the window, of the table."""
DECADES = 6
"""The table reaches from 10⁻⁶ of the window to all of it."""


@compiled(fastmath=True, part=True)
def step_at(
    table: NDArray[np.float32], up: bool, decades: np.float32, share: np.float32
) -> np.float32:
    """Look up what a pulse does to a cell, as a fraction of its window.

    Parameters
    ----------
    table : (2, magnitudes, shares)
        Changes by set and by reset pulses; linear between its entries.
    up : bool
    decades : float
        Decimal logarithm of the magnitude of the change that the amplitude is chosen for, a
        fraction of the window; nothing happens below the smallest of the table.
    share : float
        Where the cell stands in its window, 0 to 1.
    """
    one, zero = np.float32(1.0), np.float32(0.0)
    place = (decades / np.float32(DECADES) + one) * np.float32(table.shape[1] - 1)
    side, m = 0 if up else 1, min(max(np.int64(place), 0), table.shape[1] - 2)
    across = min(max(share, zero), one) * np.float32(table.shape[2] - 1)
    k = min(np.int64(across), table.shape[2] - 2)
    f, g = min(place - np.float32(m), one), across - np.float32(k)
    low = (one - g) * table[side, m, k] + g * table[side, m, k + 1]
    high = (one - g) * table[side, m + 1, k] + g * table[side, m + 1, k + 1]
    return (one - f) * low + f * high if place >= zero else zero


@compiled(fastmath=True, part=True)
def decades_of(size: np.float32) -> np.float32:
    """Decimal logarithm of a magnitude; of 0, that of something far below the smallest of a
    table."""
    return np.float32(np.log10(max(size, np.float32(1e-12))))


@compiled
def step_of(table: NDArray[np.float32], wanted: np.float32, share: np.float32) -> np.float32:
    """`step_at` for a wanted change, a fraction of the window."""
    return step_at(table, bool(wanted > 0), decades_of(abs(wanted)), share)


@compiled
def _steps_of(table: NDArray[np.float32], wanted: Floats, share: Floats, found: Floats) -> None:
    for n in range(wanted.size):
        found[n] = step_of(table, np.float32(wanted[n]), np.float32(share[n]))


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class UncompensatedPulses:
    """What a driver does that knows the wanted change of a cell but not its state: the amplitude is
    the one that makes this change in the middle of the window.

    Attributes
    ----------
    window : Window
        Conductances that are used.
    table : (2, magnitudes, shares) float32
        Changes by set pulses (≥ 0) and by reset pulses (≤ 0), as fractions of the window.
    """

    window: Window
    table: NDArray[np.float32]

    @classmethod
    def solved(
        cls,
        device: Device,
        engine: Engine,
        pulses: StrongestPulses,
        window: Window,
        *,
        read_volts: float,
    ) -> Self:
        """Solve pulses of all amplitudes up to the strongest, in all states.

        Parameters
        ----------
        device : Device
        engine : Engine
        pulses : StrongestPulses
            The largest amplitudes, and the widths.
        window : Window
            Conductances that are used.
        read_volts : float
            Conductance is I/V there; dI/dV at 0 V for 0.

        Raises
        ------
        ConfigError
            Not even the strongest pulses move the device.
        """
        scheme = PulseScheme(
            set_s=pulses.set_s,
            reset_s=pulses.reset_s,
            set_volts=(0.0, pulses.set_volts),
            reset_volts=(0.0, pulses.reset_volts),
            g_one=Window.of(device, volts=read_volts).high,
            read_volts=read_volts,
        )
        up, down = (PulseMap.solved(device, engine, scheme, up=up) for up in (True, False))
        refuse_idle(device, up.change, down.change)
        sides = [_one_side(solved, window, scheme.g_one) for solved in (up, down)]
        return cls(window=window, table=np.stack(sides).astype(np.float32))

    def steps(self, siemens: Floats, wanted: Floats) -> Floats:
        """Changes of cells that conduct `siemens` and are wanted to change by `wanted`, all of one
        shape, siemens."""
        share, span = (siemens - self.window.low) / self.window.span, self.window.span
        found = np.empty(np.shape(wanted))
        _steps_of(self.table, np.ravel(wanted / span), np.ravel(share), found.reshape(-1))
        return np.asarray(span * found)


def _one_side(solved: PulseMap, window: Window, g_one: float) -> Floats:
    shares, sizes = np.linspace(0.0, 1.0, SHARES), np.logspace(-DECADES, 0, MAGNITUDES)
    at, scale = window.at(shares) / g_one, g_one / window.span
    change = np.stack([np.interp(at, solved.weights, row) for row in solved.change]) * scale
    middle = np.maximum.accumulate(np.abs(change[:, SHARES // 2]))
    volts = np.interp(sizes, middle, solved.volts)
    return np.stack([np.interp(volts, solved.volts, change[:, k]) for k in range(SHARES)], axis=-1)
