# mypy: disable-error-code="no-any-return,assignment,arg-type,type-var"
"""Compiled layers of leaky integrate-and-fire neurons over a sample, forward and backward, in single
precision.

A step is that of `populations.LIF` with all its defaults but tau: v += Δt/τ·(x − v) is
v ← x + (v − x)·decay, decay = 1 − Δt/τ."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spicesnn.jit import compiled
from spicesnn.learning.gradients import spike_slope
from spicesnn.neurons.equations import relax

F = NDArray[np.float32]
_relax = compiled(inline=True, keep=False)(relax)
_spike_slope = compiled(inline=True, keep=False)(spike_slope)


@compiled(fastmath=True)
def run_layer(drive: F, decay: np.float32, potentials: F, spikes: F) -> None:
    """Run neurons from 0: v ← drive + (v − drive)·decay; where v exceeds 1 a spike, and v ← 0.

    Parameters
    ----------
    drive : (batch, 1 or steps, neurons)
        Inputs in thresholds; one step stands for the same in all.
    decay : float
        1 − Δt/τ.
    potentials : (batch, steps, neurons)
        Before the reset, in thresholds; written.
    spikes : (batch, steps, neurons or more)
        1 for a spike; written. What stands behind the neurons' places, as a bias, is left alone.
    """
    batch, steps, neurons = potentials.shape
    constant = drive.shape[1] == 1
    one, zero = np.float32(1.0), np.float32(0.0)
    v = np.zeros(neurons, np.float32)
    for b in range(batch):
        v[:] = zero
        for t in range(steps):
            k = 0 if constant else t
            for j in range(neurons):
                moved = _relax(v[j], drive[b, k, j], decay)
                fired = moved > one
                potentials[b, t, j] = moved
                spikes[b, t, j] = one if fired else zero
                v[j] = zero if fired else moved


@compiled(fastmath=True)
def backward_layer(
    slope: F, potentials: F, decay: np.float32, sharpness: np.float32, constant: bool, found: F
) -> None:
    """Write dLoss/d(drive) of a layer, given dLoss/d(spike).

    With the surrogate dspike/dv = 1/(1 + k·|v − 1|)² (`spike_slope`), k the sharpness, and no
    gradient through the reset: δ_t = slope_t·surrogate(v_t) + decay·(1 − spike_t)·δ_{t+1};
    dL/d(drive_t) = (1 − decay)·δ_t.

    Parameters
    ----------
    slope : (batch, 1 or steps, neurons)
        dLoss/d(spike); one step stands for the same at all steps.
    potentials : (batch, steps, neurons)
    found : (batch, 1 or steps, neurons)
        Summed over the steps where the drive is `constant`; written.
    """
    batch, steps, neurons = potentials.shape
    same = slope.shape[1] == 1
    one, zero = np.float32(1.0), np.float32(0.0)
    delta = np.zeros(neurons, np.float32)
    for b in range(batch):
        delta[:] = zero
        if constant:
            found[b, 0, :] = zero
        for back in range(steps):
            t = steps - 1 - back
            k = 0 if same else t
            for j in range(neurons):
                v = potentials[b, t, j]
                carried = zero if v > one else decay * delta[j]
                now = slope[b, k, j] * _spike_slope(sharpness * (v - one), one) + carried
                delta[j] = now
                if constant:
                    found[b, 0, j] += (one - decay) * now
                else:
                    found[b, t, j] = (one - decay) * now
