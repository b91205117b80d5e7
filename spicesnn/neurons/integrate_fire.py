"""The integrate-and-fire neuron: a capacitor with a threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.arrays import Floats
from spicesnn.errors import InputError
from spicesnn.neurons.equations import integrate
from spicesnn.neurons.lif import check_positive


@dataclass(frozen=True, kw_only=True, slots=True)
class IF:
    """Parameters of an integrate-and-fire neuron: membrane capacitance (farad), threshold, reset
    and lowest voltage (volt)."""

    capacitance_farad: float = 1e-9
    threshold_volts: float = 1.0
    reset_volts: float = 0.0
    floor_volts: float = -np.inf

    def __post_init__(self) -> None:
        check_positive(
            "IF", capacitance_farad=self.capacitance_farad, threshold_volts=self.threshold_volts
        )
        if not self.floor_volts <= self.reset_volts < self.threshold_volts:
            raise InputError(
                f"IF: expected floor ≤ reset < threshold; got {self.floor_volts},"
                f" {self.reset_volts}, {self.threshold_volts} V"
            )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class IFState:
    """Membrane voltages, any shape."""

    volts: Floats

    @classmethod
    def at_rest(cls, shape: int | tuple[int, ...]) -> IFState:
        """Return neurons at 0 V."""
        return cls(volts=np.zeros(shape))


def if_step(
    amps: ArrayLike, state: IFState, neuron: IF, dt_s: float
) -> tuple[NDArray[np.bool_], IFState]:
    r"""Move integrate-and-fire neurons by one time step.

    .. math:: C \frac{dv}{dt} = i; \qquad v \ge \vartheta:\ \text{spike},\ v \leftarrow v_{reset}; \qquad v' = \max(v + i\,\Delta t/C,\ v_{floor})

    Parameters
    ----------
    amps : (…)
        Input current over the step, ampere.
    state : IFState
    neuron : IF
    dt_s : float

    Returns
    -------
    spikes : (…) bool
    state : IFState
    """
    moved = np.maximum(
        integrate(state.volts, np.asarray(amps, dtype=float), dt_s / neuron.capacitance_farad),
        neuron.floor_volts,
    )
    spikes = moved >= neuron.threshold_volts
    return spikes, IFState(volts=np.where(spikes, neuron.reset_volts, moved))
