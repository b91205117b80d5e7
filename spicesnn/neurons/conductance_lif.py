"""The conductance-based LIF neuron of Diehl and Cook, as plain arithmetic that numba compiles as it
stands.

Diehl and Cook, "Unsupervised learning of digit recognition using spike-timing-dependent
plasticity", Frontiers in Computational Neuroscience 9:99, 2015."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from spicesnn.errors import InputError

Value = TypeVar("Value", float, NDArray[np.float32], NDArray[np.float64])


@dataclass(frozen=True, kw_only=True, slots=True)
class ConductanceLIF:
    """Parameters of the excitatory neuron, SI units but for millivolts, which the model is written
    in.

    The firing threshold is ``threshold_mv + θ``; θ starts at `theta_start_mv`, grows by
    `theta_step_mv` a spike and decays with `theta_tau_s`. Synaptic conductances are in units of the
    leak conductance."""

    tau_s: float = 0.1
    rest_mv: float = -65.0
    reset_mv: float = -65.0
    threshold_mv: float = -72.0
    excitatory_reversal_mv: float = 0.0
    inhibitory_reversal_mv: float = -100.0
    excitatory_tau_s: float = 1e-3
    inhibitory_tau_s: float = 2e-3
    refractory_s: float = 5e-3
    theta_start_mv: float = 20.0
    theta_step_mv: float = 0.05
    theta_tau_s: float = 1e4

    def __post_init__(self) -> None:
        for name in ("tau_s", "excitatory_tau_s", "inhibitory_tau_s", "theta_tau_s"):
            if not getattr(self, name) > 0:
                raise InputError(
                    f"conductance LIF: {name} = {getattr(self, name)!r}; expected seconds, above 0"
                )
        if self.refractory_s < 0 or self.theta_step_mv < 0:
            raise InputError("conductance LIF: refractory_s and theta_step_mv must be 0 or more")


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
