"""One presentation step by step, with every spike kept: the equations of `presentation`, in NumPy,
learning frozen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spicesnn.neurons.conductance_lif import membrane_step
from spicesnn.training.unsupervised.network import NetworkState, UnsupervisedNetwork

Fired = NDArray[np.bool_]


def replay(
    network: UnsupervisedNetwork,
    state: NetworkState,
    image: NDArray[np.uint8],
    rng: np.random.Generator,
) -> tuple[Fired, Fired]:
    """Return which inputs (steps, inputs) and which neurons (steps, neurons) fire while an image is
    shown.

    Of the neurons above their thresholds the one furthest above fires, as in `present`; inputs are
    Poisson."""
    neuron, dt = network.neuron, network.step_s
    mean = network.full_rate_hz * dt * image.ravel() / 255.0
    events = rng.poisson(mean, (network.steps, network.inputs))
    weight, threshold = (
        state.effective_weight.astype(float),
        neuron.threshold_mv + state.theta_mv.astype(float),
    )
    decay_e, decay_i = np.exp(-dt / neuron.excitatory_tau_s), np.exp(-dt / neuron.inhibitory_tau_s)
    v = np.full(network.neurons, neuron.rest_mv)
    excitation, inhibition, held = (
        np.zeros_like(v),
        np.zeros_like(v),
        np.zeros(network.neurons, dtype=int),
    )
    fired = np.zeros((network.steps, network.neurons), dtype=bool)
    for step in range(network.steps):
        excitation += events[step] @ weight
        v = membrane_step(
            v,
            excitation,
            inhibition,
            dt / neuron.tau_s,
            neuron.rest_mv,
            neuron.excitatory_reversal_mv,
            neuron.inhibitory_reversal_mv,
        )
        excitation, inhibition = excitation * decay_e, inhibition * decay_i
        v[held > step] = neuron.reset_mv
        winner = int(np.argmax(v - threshold))
        if v[winner] > threshold[winner]:
            fired[step, winner] = True
            v[winner], held[winner] = neuron.reset_mv, step + 1 + round(neuron.refractory_s / dt)
            spared = inhibition[winner]
            inhibition += network.inhibition
            inhibition[winner] = spared
    return events > 0, fired
