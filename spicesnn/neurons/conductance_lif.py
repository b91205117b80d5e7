"""The conductance-based LIF neuron of Diehl and Cook, as plain arithmetic that numba compiles as it
stands.

Diehl and Cook, "Unsupervised learning of digit recognition using spike-timing-dependent
plasticity", Frontiers in Computational Neuroscience 9:99, 2015."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value", float, NDArray[np.float32], NDArray[np.float64])


class ConductanceStep(NamedTuple):
    """Numbers of neurons that compete, for one time step: millivolt and single precision, as
    compiled loops take them.

    Attributes
    ----------
    share : float
        Δt/τ.
    rest, excitatory, inhibitory, reset, threshold, theta_step : float
        Millivolt; a neuron spikes above ``threshold + θ``, and θ grows by `theta_step`.
    decay_excitatory, decay_inhibitory : float
        What a step leaves of the synaptic conductances.
    inhibition : float
        What a spike adds to g_i of all others, in units of the leak.
    refractory : int
        Steps after which a neuron can spike again.
    theta_decay : float
        What the time between two presentations leaves of θ.
    """

    share: np.float32
    rest: np.float32
    excitatory: np.float32
    inhibitory: np.float32
    decay_excitatory: np.float32
    decay_inhibitory: np.float32
    reset: np.float32
    inhibition: np.float32
    threshold: np.float32
    theta_step: np.float32
    refractory: int
    theta_decay: float


def membrane_step(
    v: Value,
    excitation: Value,
    inhibition: Value,
    share: float,
    rest: float,
    excitatory_reversal: float,
    inhibitory_reversal: float,
) -> Value:
    r"""Return the membrane after one explicit Euler step.

    .. math:: \tau \frac{dv}{dt} = (v_{rest} - v) + g_e (E_e - v) + g_i (E_i - v)

    Parameters
    ----------
    v : (…) millivolt
    excitation, inhibition : (…)
        g_e and g_i in units of the leak conductance.
    share : float
        Δt/τ.
    rest, excitatory_reversal, inhibitory_reversal : float, millivolt
    """
    return v + share * (
        (rest - v) + excitation * (excitatory_reversal - v) + inhibition * (inhibitory_reversal - v)
    )
