"""Neurons as a file of weights brings them: stepped in time with its own numbers, or rectifying.
Arrays give the currents, these the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.training.layers import Hidden


@dataclass(frozen=True, kw_only=True, slots=True)
class SteppedNeurons:
    r"""Integrate-and-fire neurons in discrete time, as snnTorch's Leaky and Lapicque step them, the
    numbers of each layer its own.

    .. math:: u_{t+1} = d\,u_t + g\,I_t - [u_t > \vartheta]\,r, \qquad \text{spike where } u_{t+1} > \vartheta

    with r = ϑ (reset by subtraction) or all of the membrane (reset to zero). Leaky: d = β, g = 1.
    Lapicque: d = 1 − Δt/(RC), g = R·Δt/(RC).

    Attributes
    ----------
    thresholds, gains, decays : one per layer
        ϑ, g and d; currents are in units of the file's weights.
    to_zero : bool
    steps : int
        Time steps that a sample is presented for.
    """

    thresholds: tuple[float, ...]
    gains: tuple[float, ...]
    decays: tuple[float, ...]
    to_zero: bool
    steps: int

    def spikes(self, layer: int, currents: Floats) -> NDArray[np.bool_]:
        """Return the spikes (n, steps, neurons) of a layer; its currents are (n, steps, neurons),
        or (n, 1, neurons) if they stand still."""
        n, given, neurons = currents.shape
        threshold, gain, decay = self.thresholds[layer], self.gains[layer], self.decays[layer]
        membrane, found = np.zeros((n, neurons)), np.zeros((n, self.steps, neurons), dtype=bool)
        for step in range(self.steps):
            moved = decay * membrane + gain * currents[:, min(step, given - 1)]
            reset = membrane > threshold
            membrane = np.where(reset, 0.0 if self.to_zero else moved - threshold, moved)
            found[:, step] = membrane > threshold
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class ReluCode(Hidden):
    """max(0, I): what a rectifying neuron passes on, in units of the file's weights; `unit_amps` is
    the current of a sum of 1."""

    unit_amps: float

    def values(self, amps: Floats) -> Floats:
        """Return the rectified sums."""
        return np.asarray(np.maximum(amps, 0.0) / self.unit_amps)

    def slopes(self, amps: Floats) -> Floats:
        """Return 1 where a neuron passes something on."""
        return np.asarray(amps > 0, dtype=float)
