"""Increment tables of a real device: what one STDP pulse does, by its lag and by the present
weight, from solved pulses.

A weight is w = G/G₁. An output spike sends every synapse of its neuron a set pulse whose voltage
tells how long ago the input spiked; an input spike sends a reset pulse likewise
(Memristor-Spikelearn, DATE 2023)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.engines.tiled.incremental import Pulses
from spicesnn.errors import InputError
from spicesnn.programming.pulse_map import GRID, PulseMap, PulseScheme
from spicesnn.training.unsupervised.network import TableSynapse, UnsupervisedNetwork

LAGS = 240
"""A trace of 20 ms has fallen to e⁻⁶ after 240 steps of 0.5 ms."""
DISTURBANCE = 1e-9
"""Change of a weight by one half-selected pulse that is left out: a million pulses change it by a
thousandth."""


def literal(
    set_map: PulseMap,
    reset_map: PulseMap,
    network: UnsupervisedNetwork,
    te2v: Callable[[Floats], Floats],
    to2v: Callable[[Floats], Floats],
) -> TableSynapse:
    """Return the synapse whose pulse voltage follows the trace alone, whatever the state:
    te2v(Ap·te), to2v(An·to) in volt (magnitudes)."""
    trace = _trace(network)
    return _synapse(
        set_map.at(np.abs(te2v(network.potentiation * trace))),
        reset_map.at(np.abs(to2v(network.potentiation * network.depression_share * trace))),
    )


def compensated(
    set_map: PulseMap, reset_map: PulseMap, network: UnsupervisedNetwork
) -> TableSynapse:
    """Return the synapse whose pulse voltage is chosen for the trace and for the state, so that Δw
    is the soft-bound rule's where it can be."""
    up, down = _wanted(set_map, network)
    return _synapse(set_map.reach(up), reset_map.reach(down))


def _wanted(set_map: PulseMap, network: UnsupervisedNetwork) -> tuple[Floats, Floats]:
    """Return Δw of the soft-bound rule at an output spike and at an input spike, (lags,
    weights)."""
    trace, weights = _trace(network)[:, None], set_map.weights
    up = network.potentiation * trace * (1.0 - weights)
    return up, -network.potentiation * network.depression_share * trace * weights


def compensated_volts(
    set_map: PulseMap, reset_map: PulseMap, network: UnsupervisedNetwork
) -> tuple[Floats, Floats]:
    """Return the voltages (lags, weights) that `compensated` pulses have; what is out of reach gets
    the largest."""
    up, down = _wanted(set_map, network)
    return set_map.volts_for(up), reset_map.volts_for(down)


def literal_volts(
    network: UnsupervisedNetwork, te2v: Callable[[Floats], Floats], to2v: Callable[[Floats], Floats]
) -> tuple[Floats, Floats]:
    """Return the voltages (lags, weights) of `literal` pulses: the same for every weight."""
    trace = _trace(network)
    volts = (
        np.abs(te2v(network.potentiation * trace)),
        np.abs(to2v(network.potentiation * network.depression_share * trace)),
    )
    up, down = (
        np.repeat(np.where(np.arange(LAGS) < LAGS - 1, v, 0.0)[:, None], GRID, axis=1)
        for v in volts
    )
    return up, down


def pulses_for(
    scheme: PulseScheme,
    set_map: PulseMap,
    reset_map: PulseMap,
    volts_up: Floats,
    volts_down: Floats,
) -> Pulses:
    """Return the pulses of a device whose controller sends `volts_up` and `volts_down` (lags,
    weights), for writes through wires.

    Raises
    ------
    InputError
        Half the largest voltage still moves a cell: the V/2 scheme would disturb all half-selected
        ones.
    """
    for name, made, volts in (("set", set_map, volts_up), ("reset", reset_map, volts_down)):
        half = 0.5 * float(volts.max())
        disturbed = made.volts <= 1.05 * half
        worst = float(np.abs(made.change[disturbed]).max(initial=0.0))
        if worst > DISTURBANCE:
            raise InputError(
                f"{name} pulses of up to {2 * half:.3g} V move half-selected cells by {worst:.2g}"
                f" of a weight each; at most {DISTURBANCE:g} can be left out. Use a device with a"
                " steeper threshold, or one with a selector or a transistor"
            )
    first_up, first_down = set_map.volts[0], reset_map.volts[0]
    return Pulses(
        volts_up=volts_up.astype(np.float32),
        volts_down=volts_down.astype(np.float32),
        up=np.ascontiguousarray(set_map.change, np.float32),
        down=np.ascontiguousarray(reset_map.change, np.float32),
        up_span=(np.float32(first_up), np.float32(set_map.volts[1] - first_up)),
        down_span=(np.float32(first_down), np.float32(reset_map.volts[1] - first_down)),
        up_s=scheme.set_s * scheme.g_one,
        down_s=scheme.reset_s * scheme.g_one,
    )


def _trace(network: UnsupervisedNetwork) -> Floats:
    return np.asarray(np.exp(-np.arange(LAGS) * network.step_s / network.trace_tau_s))


def _synapse(up: Floats, down: Floats) -> TableSynapse:
    def table(values: Floats) -> NDArray[np.float32]:
        rounded = values.astype(np.float32)
        rounded[-1] = 0.0  # lags beyond the table: the trace has died out
        return rounded

    return TableSynapse(up=table(np.maximum(up, 0)), down=table(np.minimum(down, 0)))
