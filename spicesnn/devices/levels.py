"""Devices with a finite number of conductance states: which there are, how an update finds its next
one."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.arrays import Floats, brief, owned
from spicesnn.devices.base import Device
from spicesnn.errors import InputError

TWENTY_STATES_OHM = (
    11177.0,
    9352.0,
    8041.0,
    7053.0,
    6282.0,
    5663.0,
    5155.0,
    4731.0,
    4371.0,
    4063.0,
    3795.0,
    3560.0,
    3352.0,
    3168.0,
    3002.0,
    2853.0,
    2719.0,
    2596.0,
    2484.0,
    2381.0,
)
"""Resistances of a real device's states as tabulated by anddudkin, *Memristor crossbar & SNN
simulator*: V/I near 0.22 V."""


class Rounding(enum.Enum):
    """How a conductance between two states becomes one of them.

    NEAREST stops learning when updates are small: every update is rounded away. STOCHASTIC picks
    the upper state with the probability of the distance covered, so that the mean is kept (Gupta et
    al., ICML 2015)."""

    NEAREST = enum.auto()
    STOCHASTIC = enum.auto()


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class ConductanceStates:
    """A list of conductances that a device can hold.

    Attributes
    ----------
    siemens : (states,)
        Increasing, above 0.
    rounding : Rounding
    """

    siemens: Floats
    rounding: Rounding = Rounding.STOCHASTIC

    def __post_init__(self) -> None:
        values = owned(self.siemens, "conductance states", "conductances")
        if (
            values.ndim != 1
            or values.size < 2
            or not np.all(np.isfinite(values))
            or np.any(values <= 0)
            or np.any(np.diff(values) <= 0)
        ):
            raise InputError(
                f"conductance states: {brief(self.siemens)}; expected at least 2 finite"
                " conductances above 0 S, increasing"
            )
        object.__setattr__(self, "siemens", values)

    @classmethod
    def even(
        cls, count: int, low: float, high: float, rounding: Rounding = Rounding.STOCHASTIC
    ) -> Self:
        """Return `count` states evenly from `low` to `high` siemens. Let them span the window that
        is used, not the whole device."""
        if count < 2:
            raise InputError(f"conductance states: {count} of them; expected 2 or more")
        return cls(siemens=np.linspace(low, high, count), rounding=rounding)

    @classmethod
    def twenty(cls, rounding: Rounding = Rounding.STOCHASTIC) -> Self:
        """Return the twenty measured states of `TWENTY_STATES_OHM`."""
        return cls(siemens=1.0 / np.array(TWENTY_STATES_OHM), rounding=rounding)

    @property
    def count(self) -> int:
        """Number of states."""
        return int(self.siemens.size)

    def index(self, siemens: ArrayLike) -> NDArray[np.int64]:
        """Return the number of the nearest state."""
        return np.asarray(
            np.searchsorted(
                0.5 * (self.siemens[1:] + self.siemens[:-1]), np.asarray(siemens, dtype=float)
            ),
            dtype=np.int64,
        )

    def rounded(self, siemens: ArrayLike, rng: np.random.Generator | None = None) -> Floats:
        """Return conductances rounded to states; beyond the ends, to the end."""
        wanted = np.clip(np.asarray(siemens, dtype=float), self.siemens[0], self.siemens[-1])
        if self.rounding is Rounding.NEAREST:
            return np.asarray(self.siemens[self.index(wanted)])
        if rng is None:
            raise InputError("conductance states: stochastic rounding draws at random; give rng=…")
        below = np.clip(np.searchsorted(self.siemens, wanted, side="right") - 1, 0, self.count - 2)
        share = (wanted - self.siemens[below]) / (self.siemens[below + 1] - self.siemens[below])
        return np.asarray(self.siemens[below + (rng.random(wanted.shape) < share)])

    def stepped(self, siemens: ArrayLike, steps: ArrayLike) -> Floats:
        """Return conductances moved by whole states, up for steps above 0, stopping at the ends:
        one pulse, one state."""
        moved = np.asarray(steps)
        if not np.all(moved == np.round(moved)):
            raise InputError(
                f"conductance states: steps {brief(moved)}; expected whole numbers of states"
            )
        return np.asarray(
            self.siemens[np.clip(self.index(siemens) + moved.astype(np.int64), 0, self.count - 1)]
        )

    def held(
        self,
        device: Device,
        state: ArrayLike,
        rng: np.random.Generator | None = None,
        *,
        v: float = 0.0,
    ) -> Floats:
        """Return the states of a device rounded to these conductances (chord conductance at `v`,
        dI/dV at 0 V).

        Raises
        ------
        InputError
            One of the conductances is out of the device's reach.
        """
        siemens = device.chord_conductance(np.asarray(state, dtype=float), v=v)
        return device.state_for_conductance(self.rounded(siemens, rng), v=v)
