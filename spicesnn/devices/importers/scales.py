"""Whether a state's range fits what depends on it.

Where a text does not say between which values a state moves, 0 and 1 are taken. An integrator's
tolerance is a fraction of the range: of a charge that moves some nanocoulombs it would see
nothing."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.devices.base import Device
from spicesnn.errors import ConvergenceError, EngineError, InputError

_NEAR, _MOST, _ROUNDING = 1e-3, 0.5, 1e-9
"""Parts of the range, of the current's change, and of the current, which is no change of it."""
_SETTLED = 9
"""Distances, two decades, over which a current that has come to its end does not change."""
_DECADES = np.logspace(-18, 0, 73)
"""Of the range: distances from the start at which the current is looked at."""


def check_ranges(device: Device, guessed: Iterable[str], file: str) -> None:
    """Refuse ranges that were guessed and do not fit.

    Parameters
    ----------
    device : Device
    guessed : iterable of str
        States whose range no one has said.
    file : str
        For the message.

    Raises
    ------
    InputError
        The current depends on a state in a small part of its range alone; says in which.
    """
    for state in guessed:
        found = misfit(device, state)
        if found is not None:
            raise InputError(
                f"{file}: nothing in the text says between which values the state {state!r} moves,"
                f" and the current depends on it from about {found[0]:.2g} to {found[1]:.2g} alone;"
                f" say its range, such as --state {state}={found[0]:.2g},{found[1]:.2g}, or as far as"
                " what drives it takes it"
            )


def misfit(device: Device, state: str) -> tuple[float, float] | None:
    """Return the range in which the current depends on a state, if most of that happens within a
    thousandth of its range around its start; None if the range fits.

    Parameters
    ----------
    device : Device
        It has equations, and its parameters are numbers.
    state : str
        One of ``device.state_names``.

    Returns
    -------
    (low, high) or None
        State units: beyond them the current changes by less than 1 %.
    """
    k = device.state_names.index(state)
    low, high, start = (
        np.asarray(ends, dtype=float).reshape(-1)
        for ends in (*device.bounds(), device.initial_state())
    )
    for others in (start, 0.5 * (low + high)) if len(start) > 1 else (start,):
        found = _misfit(device, k, np.where(np.arange(len(start)) == k, start, others), low, high)
        if found is not None:
            return found
    return None


def _misfit(
    device: Device, k: int, start: Floats, low: Floats, high: Floats
) -> tuple[float, float] | None:
    """Return what `misfit` does, of state `k` from a start on, the others being there."""
    span = high[k] - low[k]
    offsets = np.concatenate([-_DECADES[::-1], [0.0], _DECADES]) * span
    volts = device.typical_drive()[0] * np.array([-1.0, -0.3, 0.3, 1.0])

    def currents(values: Floats) -> Floats:
        x = np.tile(start[:, None, None], (1, volts.size, values.size))
        x[k] = values
        given = x if len(start) > 1 else x[0]
        try:
            with np.errstate(all="ignore"):
                return np.asarray(
                    np.broadcast_to(device.current(volts[:, None], given), x.shape[1:]), dtype=float
                )
        except (ConvergenceError, EngineError):
            if values.size == 1:
                return np.full(x.shape[1:], np.nan)
        return np.concatenate([currents(values[j : j + 1]) for j in range(values.size)], axis=1)

    amps = currents(start[k] + offsets)
    inside = (start[k] + offsets >= low[k]) & (start[k] + offsets <= high[k])
    even = currents(np.linspace(low[k], high[k], 65))
    for row, whole in zip(amps, even, strict=True):
        row = np.where(np.isfinite(row), row, np.nan)
        known = np.concatenate([[row[offsets == 0.0][0]], whole])
        change = np.sum(np.abs(np.diff(known[np.isfinite(known)])))
        near = row[inside & (np.abs(offsets) <= _NEAR * span)]
        if not near.size or change <= _ROUNDING * np.nanmax(np.abs(known)):
            continue
        if np.nanmax(near) - np.nanmin(near) > _MOST * change:
            return _where(start[k], offsets, row)
    return None


def _where(start: float, offsets: Floats, row: Floats) -> tuple[float, float]:
    """Return the values beyond which the current is within 1 % of where it ends on either side."""
    ends = []
    for side in (-1, 1):
        order = np.flatnonzero(np.sign(offsets) == side)[::side]
        order = order[np.isfinite(row[order])]
        last = row[order[-1]] if order.size else 0.0
        if order.size > _SETTLED and abs(row[order[-_SETTLED]] - last) > 0.01 * abs(last):
            ends.append(start)  # it goes on changing: nothing is known of this side
            continue
        away = order[np.abs(row[order] - last) > 0.01 * np.abs(last)]
        ends.append(start + 2.0 * float(offsets[away[-1]]) if away.size else start)
    return ends[0], ends[1]
