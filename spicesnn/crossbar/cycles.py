"""Cells whose resistances and switching voltages follow measured statistics, cycle by cycle.

A cell's four numbers (`spicesnn.devices.cycle_statistics`) become parameters of its model, one
value a cell, so both engines solve the same circuits. They hold for a cycle: when a cell has been
reset, the next cycle's are drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.faults import end_states
from spicesnn.devices.base import Device
from spicesnn.devices.cycle_statistics import QUANTITIES, CycleState, CycleStatistics
from spicesnn.errors import InputError, UnknownNameError
from spicesnn.guesses import nearest

_USUAL = {
    "set_volts": ("v_on", "v_p", "v_s"),
    "reset_volts": ("v_off", "v_n", "v_r"),
    "lrs_ohm": ("r_on", "r_min"),
    "hrs_ohm": ("r_off", "r_max"),
}
"""What devices call these quantities."""


@dataclass(frozen=True, kw_only=True)
class MeasuredCycles:
    """An imperfection: parameters of every cell drawn from measured statistics, anew after each
    reset.

    Attributes
    ----------
    statistics : CycleStatistics
        From `spicesnn.fit_cycles`, or a file of it.
    parameters : Mapping of str to str
        Quantity → parameter of the device: ``{"lrs_ohm": "r_on", "hrs_ohm": "1/g_min"}``; ``1/``
        takes the conductance. Quantities that are left out do not act. Without it the usual names
        are looked for (r_on, r_off, v_on, v_off …), and all four have to be there.

    The sign of a voltage is that which the parameter has in the device: what is measured is its
    magnitude.
    """

    statistics: CycleStatistics
    parameters: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.parameters:
            if name not in QUANTITIES:
                raise UnknownNameError(
                    f"no quantity {name!r}{nearest(name, QUANTITIES)} There are: "
                    f"{', '.join(QUANTITIES)}"
                )
        object.__setattr__(self, "parameters", dict(self.parameters))

    @classmethod
    def read(cls, path: str | Path, parameters: Mapping[str, str] | None = None) -> MeasuredCycles:
        """Return the imperfection that a file of ``spicesnn fit cycles`` describes."""
        return cls(statistics=CycleStatistics.read(path), parameters=parameters or {})

    def roles(self, device: Device) -> dict[str, str]:
        """Return quantity → parameter for a device.

        Raises
        ------
        UnknownNameError
            It has no such parameter, or not all of the usual ones.
        """
        known = device.spice_parameters()
        if self.parameters:
            for given in self.parameters.values():
                if (plain := given.removeprefix("1/")) not in known:
                    there = ", ".join(sorted(known))
                    raise UnknownNameError(
                        f"{device.name} has no parameter {plain!r}{nearest(plain, known)} It has: "
                        f"{there}"
                    )
            return dict(self.parameters)
        found: dict[str, str] = {}
        for quantity, words in _USUAL.items():
            name = next((word for word in words if word in known), "")
            if not name:
                raise UnknownNameError(
                    f"{device.name} has no parameter for {quantity}; say which parameters the "
                    "measured "
                    'quantities are: parameters={"lrs_ohm": "r_on", …}; those left out do not act'
                )
            found[quantity] = name
        return found

    def devices(self, device: Device, state: CycleState) -> Device:
        """Return the device with the parameters of every cell as its present cycle has them."""
        drawn = dict(zip(QUANTITIES, self.statistics.of_scores(state.scores), strict=True))
        known = device.spice_parameters()
        values: dict[str, Floats] = {}
        for quantity, name in self.roles(device).items():
            plain = name.removeprefix("1/")
            value = 1.0 / drawn[quantity] if name.startswith("1/") else drawn[quantity]
            if quantity.endswith("volts"):
                sign = np.sign(np.asarray(known[plain], dtype=float))
                value = np.abs(value) * np.where(sign == 0, np.sign(value), sign)
            values[plain] = value
        try:
            return device.with_parameters(**values)
        except InputError as error:
            raise InputError(f"measured cycles do not suit {device.name}: {error}") from None

    def fabricated(self, array: Crossbar, rng: np.random.Generator) -> Crossbar:
        """Return the array with every cell drawn: its device's constants, and its first cycle."""
        if array.device is None or not array.device.memory:
            raise InputError("measured cycles need cells with a device model that has memory")
        state = self.statistics.fresh(array.shape, rng)
        return replace(refitted(array, self.devices(array.device, state)), cycles=state)

    def after_pulse(self, before: Crossbar, after: Crossbar, rng: np.random.Generator) -> Crossbar:
        """Return the array after a pulse: cells that it has reset begin their next cycle."""
        if after.cycles is None or after.device is None:
            return after
        state = self.statistics.following(after.cycles, rng, where=was_reset(before, after))
        return replace(refitted(after, self.devices(after.device, state)), cycles=state)


def was_reset(before: Crossbar, after: Crossbar) -> np.typing.NDArray[np.bool_]:
    """Return which cells a pulse took from the upper half of their range of states to the lower,
    (rows, cols).
    """
    low, high = end_states(before)
    old, new = (
        a.state_or_zeros() if a.state_or_zeros().ndim == 2 else a.state_or_zeros()[0]
        for a in (before, after)
    )
    upper, lower = (old - low) / (high - low) >= 0.5, (new - low) / (high - low) < 0.5
    free = np.ones(after.shape, dtype=bool) if after.stuck is None else ~after.stuck
    return np.asarray(upper & lower & free)


def refitted(array: Crossbar, device: Device) -> Crossbar:
    """Return the array with another device; states keep their place in the range where the range is
    not the same, so that ends stay ends.
    """
    assert array.device is not None
    old, new = array.device.bounds(), device.bounds()
    if not device.memory or all(np.array_equal(a, b) for a, b in zip(old, new, strict=True)):
        return replace(array, device=device)
    low, high = (np.asarray(bound, dtype=float) for bound in old)
    other_low, other_high = (np.asarray(bound, dtype=float) for bound in new)
    share = (array.state_or_zeros() - low) / (high - low)
    state = (1.0 - share) * other_low + share * other_high
    return replace(array, device=device, state=state)
