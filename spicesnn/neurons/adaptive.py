"""The adaptive LIF neuron: a threshold that rises with every spike and sinks back slowly."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.arrays import Floats
from spicesnn.errors import InputError
from spicesnn.neurons.equations import relax
from spicesnn.neurons.lif import LIF, LIFState, check_positive


@dataclass(frozen=True, kw_only=True, slots=True)
class AdaptiveLIF:
    """A LIF neuron whose threshold is `neuron.threshold_volts` + θ.

    Attributes
    ----------
    neuron : LIF
    theta_step_volts : float
        What a spike adds to θ, volt, ≥ 0.
    theta_tau_s : float
        Time constant with which θ sinks back to 0, second.
    theta_highest_volts : float
        θ is held at this, volt.
    """

    neuron: LIF = field(default_factory=LIF)
    theta_step_volts: float = 0.02
    theta_tau_s: float = 10.0
    theta_highest_volts: float = np.inf

    def __post_init__(self) -> None:
        check_positive("adaptive LIF", theta_tau_s=self.theta_tau_s)
        if (
            not np.isfinite(self.theta_step_volts)
            or self.theta_step_volts < 0
            or not self.theta_highest_volts >= 0
        ):
            raise InputError(
                f"adaptive LIF: θ step {self.theta_step_volts} V, highest θ"
                f" {self.theta_highest_volts} V; expected 0 or more"
            )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class AdaptiveState:
    """Membranes and threshold shifts θ (volt), any shape."""

    membrane: LIFState
    theta_volts: Floats

    @classmethod
    def at_rest(cls, shape: int | tuple[int, ...]) -> AdaptiveState:
        """Return neurons at 0 V with θ = 0."""
        return cls(membrane=LIFState.at_rest(shape), theta_volts=np.zeros(shape))


def adaptive_lif_step(
    amps: ArrayLike,
    state: AdaptiveState,
    parameters: AdaptiveLIF,
    dt_s: float,
    *,
    learn: bool = True,
) -> tuple[NDArray[np.bool_], AdaptiveState]:
    r"""Move adaptive LIF neurons by one time step.

    .. math::

        \tau \frac{dv}{dt} = R\,i - v; \quad v \ge \vartheta + \theta:\ \text{spike},\ v \leftarrow
        v_{reset}, \ \theta \leftarrow \theta + \Delta\theta; \quad \tau_\theta \frac{d\theta}{dt} =
        -\theta

    each exactly integrated over the step. With `learn` off θ stands still: a test must not adapt
    the network.

    Parameters
    ----------
    amps : (…)
        Input current over the step, ampere.
    state : AdaptiveState
    parameters : AdaptiveLIF
    dt_s : float
    learn : bool

    Returns
    -------
    spikes : (…) bool
    state : AdaptiveState
    """
    neuron, membrane = parameters.neuron, state.membrane
    drive = neuron.resistance_ohm * np.asarray(amps, dtype=float)
    free = membrane.refractory_left_s <= 1e-9 * dt_s
    moved = np.where(
        free, relax(membrane.volts, drive, float(np.exp(-dt_s / neuron.tau_s))), neuron.reset_volts
    )
    spikes = free & (moved >= neuron.threshold_volts + state.theta_volts)
    left = np.where(spikes, neuron.refractory_s, np.maximum(membrane.refractory_left_s - dt_s, 0.0))
    theta = state.theta_volts
    if learn:
        theta = (
            relax(theta, np.zeros_like(theta), float(np.exp(-dt_s / parameters.theta_tau_s)))
            + parameters.theta_step_volts * spikes
        )
        theta = np.minimum(theta, parameters.theta_highest_volts)
    return spikes, AdaptiveState(
        membrane=LIFState(
            volts=np.where(spikes, neuron.reset_volts, moved), refractory_left_s=left
        ),
        theta_volts=theta,
    )
